/*
 * Z04: answers, composed of any sets that the cache may have.  What leaves is
 * no longer than the client takes, reads as a message, and has of every set
 * all records or none (RFC 2181 9).
 */
int dns_main(int, char **);
#define main dns_main
#include "dns.c"
#undef main
#include "fuzz.h"

enum {
	NOW_MS = 1000
};

static const uint16_t kinds_of_rdata[] = {TYPE_A, TYPE_NS, TYPE_CNAME,
    TYPE_DNAME, TYPE_MX, TYPE_TXT, TYPE_SOA, 65280};

static void
rdata_make(struct input *in, uint16_t type, struct writer *body)
{
	uint8_t octets[255] = {0};
	size_t at = body->len;
	struct name name;

	write_u16(body, 0);
	switch (type) {
	case TYPE_A:
		write_u32(body, input_u32(in));
		break;
	case TYPE_MX:
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_DNAME:
		if (type == TYPE_MX)
			write_u16(body, input_u16(in));
		input_name(in, &name);
		write_bytes(body, name.wire, name.len);
		break;
	case TYPE_SOA:
		input_name(in, &name);
		write_bytes(body, name.wire, name.len);
		write_bytes(body, name.wire, name.len);
		write_bytes(body, octets, 20);
		break;
	default:
		write_u8(body, input_u8(in) % 250);
		write_bytes(body, octets, body->base[body->len - 1]);
	}
	write_u16_at(body, at, (uint16_t)(body->len - at - 2));
}

/* A set, or that there is none. */
static void
entry_store(struct input *in)
{
	static uint8_t octets[ENTRY_MAX];
	struct draft d = {.trust = TRUST_ANSWER, .ttl_s = 60};
	struct name owner;
	struct writer body;
	unsigned i;

	writer_init(&body, octets, sizeof(octets));
	input_name(in, &owner);
	d.owner = &owner;
	d.type = kinds_of_rdata[input_u8(in) % 8];
	d.kind = KIND_RRSET;
	d.records = (uint8_t)(input_u8(in) % (RRSET_RECORDS_MAX + 1));
	if (d.type == TYPE_CNAME || d.type == TYPE_DNAME)
		d.records = d.records > 0;
	if (d.records == 0) {
		d.kind = input_u8(in) & 1 ? KIND_NO_DATA : KIND_NAME_ERROR;
		d.type = d.kind == KIND_NO_DATA ? d.type : 0;
		d.proofs = 1;
		write_bytes(&body, owner.wire, owner.len);
		write_u16(&body, TYPE_SOA);
		rdata_make(in, TYPE_SOA, &body);
	}
	for (i = 0; i < d.records; i++)
		rdata_make(in, d.type, &body);
	d.body = octets;
	d.body_len = body.len;
	assert(!body.failed);
	(void)cache_store(&d, NOW_MS);
}

static struct query *
query_make(struct input *in, struct connection *c)
{
	static struct query q;
	uint8_t bits = input_u8(in);

	memset(&q, 0, sizeof(q));
	q.to = (struct address){4, {127, 0, 0, 1}, DNS_PORT};
	q.from = (struct address){4, {127, 0, 0, 1}, 4242};
	q.connection = bits & 1 ? c : NULL;
	header_set(&q.header, FLAG_RD, bits & 2);
	q.header.questions = 1;
	q.edns.present = bits & 4;
	q.edns.dnssec_ok = bits & 4 && bits & 8;
	q.edns.cookie_len = bits & 4 && bits & 16 ? COOKIE_CLIENT_LEN : 0;
	q.edns.keepalive = bits & 4 && bits & 32;
	q.edns.udp_max = (uint16_t)(UDP_PLAIN_MAX + input_u8(in) * 4);
	input_name(in, &q.question.name);
	q.question.type = kinds_of_rdata[bits >> 5];
	if (input_u8(in) == 0)
		q.question.type = TYPE_ANY;
	q.question.class = CLASS_IN;
	return &q;
}

/* So many records of the set are in the answer. */
static unsigned
records_of(const struct response *r, const struct record *like)
{
	struct records_left left = response_section(r, SECTION_ANSWER);
	unsigned n = 0;

	while (records_next(&left, &like->owner, like->type) != NULL)
		n++;
	return n;
}

static void
check_answer(const struct query *q, const uint8_t *octets, size_t len)
{
	static struct response r;
	struct records_left left;
	const struct record *record;
	struct view view;

	assert(response_parse(&r, octets, len));
	assert(r.message.at == r.message.len);
	assert(r.question.type == q->question.type);
	assert(r.edns.present == q->edns.present);
	assert(!header_is(&r.header, FLAG_TC) || r.header.answers == 0);
	left = response_section(&r, SECTION_ANSWER);
	while ((record = records_next(&left, NULL, TYPE_ANY)) != NULL) {
		if (cache_find(&record->owner, record->type, cache_mark(),
			NOW_MS, &view) == FOUND_ANSWER)
			assert(records_of(&r, record) == view.records);
		else
			assert(record->type == TYPE_CNAME); /* of a DNAME */
	}
}

static void
begin(void)
{
	if (self.connections == NULL) {
		assert(cache_init(CACHE_OCTETS_MIN, self.share_key));
		connections_init(1);
		batch_init(
		    &self.out, self.out_octets[0], sizeof(self.out_octets[0]));
	}
	cache_flush();
	self.out.count = 0;
	self.touched = NULL;
	self.touched_end = &self.touched;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct connection c = {.fd = -1};
	struct input in = {octets, len};
	struct query *q;
	struct trail trail;
	size_t said;

	begin();
	q = query_make(&in, &c);
	while (in.left > 0)
		entry_store(&in);
	trail_begin(&trail, &q->question.name);
	if (!answer_from_cache(q, &trail, cache_mark(), NOW_MS)) {
		assert(self.out.count == 0 && c.backlog == 0);
	} else if (q->connection == NULL) {
		said = self.out.parts[0].iov_len;
		assert(self.out.count == 1 && said <= reply_max(q));
		check_answer(q, self.out_octets[0], said);
	} else {
		said = (size_t)(self.tcp_octets[0] << 8 | self.tcp_octets[1]);
		assert(c.backlog == PREFIX_LEN + said);
		check_answer(q, self.tcp_octets + PREFIX_LEN, said);
		backlog_shrink(&c, c.backlog);
	}
	return 0;
}
