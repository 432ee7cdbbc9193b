/*
 * Z02: what name servers send, to a walk that asked in some zone.  Whatever
 * the reply brings along, only that is stored which attacks.md B32 lets in: the
 * answer at the name that was asked and at the aliases that lead on from it,
 * all inside the zone; what vouches for a negative answer; or one delegation
 * nearer to the name, with glue for names inside the zone.
 */
#include "fuzz.h"
bool kept(const struct draft *, uint64_t now_ms); /* for cache_store */
#define cache_store kept
#include "referral.c"

static struct {
	struct walk walk;
	struct question asked;
	struct name name; /* to where the aliases lead that were kept */
	unsigned kept;
} z;

static bool
is_reached(const struct draft *d)
{
	if (d->type == TYPE_DNAME && d->owner->len < z.name.len)
		return name_within(&z.name, d->owner);
	return name_equal(&z.name, d->owner);
}

/* Whatever it is, its text is of printable ASCII. */
static void
check_text(struct reader rdata, uint16_t type)
{
	static uint8_t text[4 * ENTRY_MAX];
	struct writer w;
	size_t i;

	writer_init(&w, text, sizeof(text));
	write_rdata_text(&w, type, &rdata);
	assert(!w.failed);
	for (i = 0; i < w.len; i++)
		assert(text[i] >= ' ' && text[i] <= '~');
}

/* The record is of its type's shape, and its names stand there in full. */
static struct reader
check_rdata(struct reader *body, uint16_t type)
{
	static uint8_t again[ENTRY_MAX];
	struct record record = {.type = type, .rdata_len = read_u16(body)};
	struct reader alone = {
	    .base = body->base + body->at, .len = record.rdata_len};
	struct reader rdata = alone;
	struct writer w;

	assert(read_bytes(body, record.rdata_len) != NULL);
	writer_init(&w, again, sizeof(again));
	assert(read_rdata(&alone, &record, &w));
	assert(w.len == rdata.len && memcmp(again, rdata.base, w.len) == 0);
	check_text(rdata, type);
	return rdata;
}

/* An alias leads on, but not to a name that is too long. */
static void
alias_follow_kept(const struct draft *d, struct reader *rdata)
{
	struct name target;

	assert(read_name(rdata, &target));
	if (d->type == TYPE_CNAME)
		z.name = target;
	else if (d->owner->len < z.name.len)
		(void)name_substitute(&z.name, d->owner, &target, &z.name);
}

static void
check_proofs(const struct draft *d, struct reader *body)
{
	unsigned i;

	for (i = 0; i < d->proofs; i++) {
		struct name owner;
		uint16_t type;

		assert(read_name(body, &owner));
		assert(name_within(&owner, &z.walk.slist.zone));
		type = read_u16(body);
		assert(type == TYPE_SOA || type == TYPE_NSEC ||
		    type == TYPE_NSEC3 || type == TYPE_RRSIG);
		(void)check_rdata(body, type);
	}
}

static void
check_set(const struct draft *d, struct reader *body)
{
	unsigned i;

	assert(is_reached(d));
	assert(d->type == z.asked.type || d->type == TYPE_CNAME ||
	    d->type == TYPE_DNAME || z.asked.type == TYPE_ANY);
	assert(d->records > 0 && d->records <= RRSET_RECORDS_MAX);
	assert(d->signatures <= RRSET_SIGNATURES_MAX);
	for (i = 0; i < d->records; i++) {
		struct reader rdata = check_rdata(body, d->type);

		if (i == 0 && d->type != z.asked.type &&
		    (d->type == TYPE_CNAME || d->type == TYPE_DNAME))
			alias_follow_kept(d, &rdata);
	}
	for (i = 0; i < d->signatures; i++)
		(void)check_rdata(body, TYPE_RRSIG);
	assert(d->ttl_s <= TTL_MAX_S);
}

static void
check_delegation(const struct draft *d, struct reader *body)
{
	unsigned i, glue = 0;
	struct name ns;

	assert(d->trust == TRUST_REFERRAL && d->type == TYPE_NS);
	assert(d->owner->len > z.walk.slist.zone.len);
	assert(name_within(&z.asked.name, d->owner));
	assert(d->records > 0 && d->records <= SLIST_NS_MAX);
	for (i = 0; i < d->records; i++) {
		uint8_t v4, v6;

		assert(read_name(body, &ns));
		v4 = read_u8(body);
		v6 = read_u8(body);
		assert(v4 <= NS_FAMILY_ADDRESSES_MAX);
		assert(v6 <= NS_FAMILY_ADDRESSES_MAX);
		assert(v4 + v6 == 0 || name_within(&ns, &z.walk.slist.zone));
		(void)read_bytes(body, 4u * v4 + 16u * v6);
		glue += v4 + v6;
	}
	assert(glue <= SLIST_NS_MAX * 2 * NS_FAMILY_ADDRESSES_MAX);
	assert(d->ttl_s <= TTL_DELEGATION_MAX_S);
}

/* In the place of cache_store. */
bool
kept(const struct draft *d, uint64_t now_ms)
{
	struct reader body;

	(void)now_ms;
	assert(++z.kept <= ALIASES_MAX + 2);
	assert(d->body_len <= ENTRY_MAX);
	assert(name_within(d->owner, &z.walk.slist.zone));
	reader_init(&body, d->body, d->body_len);
	if (d->kind == KIND_DELEGATION) {
		check_delegation(d, &body);
	} else {
		assert(d->trust ==
		    (header_is(&response.header, FLAG_AA) ? TRUST_ANSWER
							  : TRUST_LAST_RESORT));
		assert(d->trust == TRUST_ANSWER || d->ttl_s == 0);
		if (d->kind == KIND_RRSET)
			check_set(d, &body);
		else
			assert(is_reached(d) && d->ttl_s <= TTL_NEGATIVE_MAX_S);
		check_proofs(d, &body);
	}
	assert(!body.failed && body.at == body.len);
	return true;
}

static void
begin(void)
{
	static const struct server_options none;
	static const struct referral_options few = {.walks_max = 1};
	static const uint8_t key[16];

	if (self.walks == NULL)
		assert(server_init(&none) && referral_init(&few) &&
		    cache_init(CACHE_OCTETS_MIN, key));
}

/* A walk at a name of the zone has asked one server and heard from it. */
static void
walk_make(struct input *in)
{
	static const uint16_t types[] = {TYPE_A, TYPE_NS, TYPE_CNAME, TYPE_MX,
	    TYPE_DS, TYPE_ANY, TYPE_SOA, TYPE_RRSIG};
	struct walk *w = &z.walk;
	unsigned above, shown;

	memset(w, 0, sizeof(*w));
	input_name(in, &w->sname);
	trail_begin(&w->trail, &w->sname);
	w->qname = w->sname;
	w->qtype = types[input_u8(in) % 8];
	w->sponsor = w;
	w->sends_left = w->lookups_left = 10;
	w->octets_left = w->stored_left = QUERY_STORED_MAX;
	above = input_u8(in);
	name_parent(&w->sname, above % 4, &w->slist.zone);
	shown = (unsigned)name_labels(&w->sname);
	walk_show(w,
	    shown -
		((above & 0x80) != 0 && shown > name_labels(&w->slist.zone)));
	w->slist.until_ms = 100000000;
	w->slist.ns_count = w->slist.address_count = 1;
	w->slist.ns[0].name = w->sname;
	w->slist.addresses[0].at =
	    (struct address){4, {93, 184, 216, 34}, DNS_PORT};
	w->exchange[CHANNEL_UDP].walk = w;
	w->exchange[CHANNEL_UDP].with = FEATURE_EDNS;
	z.asked = w->asks;
	w->exchange[CHANNEL_UDP].asked = z.asked;
	z.name = z.asked.name;
	z.kept = 0;
}

/* The flags and counts of the input, our question, and then the input. */
static size_t
reply_make(struct input *in, uint8_t *octets, size_t max)
{
	struct header header = {.flags = FLAG_QR, .questions = 1};
	uint8_t bits = input_u8(in);
	struct writer w;

	header_set(&header, FLAG_AA, bits & 0x80);
	header_set(&header, FLAG_TC, bits & 0x40 && bits & 1);
	header_set_rcode(&header, bits & 0x20 ? bits & 0xf : 0);
	header.answers = input_u8(in);
	header.authorities = input_u8(in);
	header.additionals = input_u8(in);
	writer_init(&w, octets, max);
	write_header(&w, &header);
	write_question(&w, &z.asked);
	write_bytes(&w, in->at, in->left);
	return w.failed ? 0 : w.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t reply[MESSAGE_MAX];
	struct input in = {octets, len};
	size_t reply_len;

	begin();
	walk_make(&in);
	reply_len = reply_make(&in, reply, sizeof(reply));
	if (!response_parse(&response, reply, reply_len))
		return 0;
	(void)walk_analyze(&z.walk, 1000);
	assert(
	    response.message.work <= WORK_PER_OCTET * reply_len + NAME_LEN_MAX);
	return 0;
}
