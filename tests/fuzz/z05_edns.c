/*
 * Z05: EDNS options and cookies.  What OPT says is read as it was written, and
 * no cookie is taken for ours but one that we made for this client, and that
 * whole, and in its time (RFC 9018 4.3).
 */
#include "fuzz.h"

static const uint8_t secret[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5};
static const struct name root = {.len = 1};

/* OPT with these options, as an additional record of a message of its own. */
static bool
options_read(const uint8_t *octets, size_t len, struct edns *edns)
{
	struct reader r;
	struct record opt = {.owner = root, .type = TYPE_OPT, .class = 512};

	reader_init(&r, octets, len);
	opt.rdata_len = (uint16_t)len;
	return read_edns(&r, &opt, edns);
}

static void
check_again(const struct edns *edns)
{
	uint8_t octets[512];
	struct record record;
	struct edns again;
	struct reader r;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_opt(&w, edns, NULL, 0);
	assert(!w.failed);
	reader_init(&r, octets, w.len);
	assert(read_record(&r, &record) && r.at == r.len);
	assert(read_edns(&r, &record, &again));
	assert(again.cookie_len == edns->cookie_len);
	assert(memcmp(again.cookie, edns->cookie, edns->cookie_len) == 0);
	assert(again.dnssec_ok == edns->dnssec_ok);
	assert(again.udp_max == edns->udp_max);
	assert(again.keepalive == edns->keepalive);
}

/* One that we made, with one octet changed or none, at some other time. */
static void
check_cookie(struct input *in)
{
	struct address client = {.family = 4, .ip = {192, 0, 2, 1}};
	uint32_t made_s = input_u32(in), now_s = input_u32(in);
	uint32_t age_s = now_s - made_s;
	bool timely = age_s <= COOKIE_PAST_S || 0 - age_s <= COOKIE_FUTURE_S;
	uint8_t place = input_u8(in), change = input_u8(in);
	struct edns edns = {.cookie_len = COOKIE_CLIENT_LEN};

	memset(edns.cookie, 7, COOKIE_CLIENT_LEN);
	cookie_renew(&edns, &client, made_s, secret);
	edns.cookie[place % COOKIE_LEN] ^= change;
	client.ip[3] ^= place & 0x80 ? change : 0;
	assert(cookie_is_ours(&edns, &client, now_s, secret) ==
	    (timely && change == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct address client = {.family = 4, .ip = {192, 0, 2, 1}};
	struct input in = {octets, len};
	struct edns edns;

	check_cookie(&in);
	if (in.left > UINT16_MAX || !options_read(in.at, in.left, &edns))
		return 0;
	assert(edns.cookie_len == 0 || edns.cookie_len == COOKIE_CLIENT_LEN ||
	    (edns.cookie_len >= 16 && edns.cookie_len <= COOKIE_MAX));
	check_again(&edns);
	assert(!cookie_is_ours(&edns, &client, 1, secret));
	return 0;
}
