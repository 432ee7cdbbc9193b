/*
 * Z01: what clients send.  A message is dropped, answered at once, or a
 * question; it costs no more than WORK_PER_OCTET, an answer is a small message
 * with its ID, and a question that is written and read again is the same.
 */
int dns_main(int, char **);
#define main dns_main
#include "dns.c"
#undef main
#include "fuzz.h"

/* All that could be read of it, one record after the other. */
static void
check_work(const uint8_t *octets, size_t len)
{
	uint8_t room[4096];
	struct question question;
	struct record record;
	struct header header;
	struct reader r;
	struct writer w;

	reader_init(&r, octets, len);
	(void)read_header(&r, &header);
	(void)read_question(&r, &question);
	while (read_record(&r, &record)) {
		writer_init(&w, room, sizeof(room));
		(void)read_rdata(&r, &record, &w);
	}
	assert(r.work <= WORK_PER_OCTET * len + NAME_LEN_MAX);
}

/* The refusal, or whatever was said at once. */
static void
check_answer(const struct query *q, const uint8_t *octets)
{
	const uint8_t *said = self.out.parts[0].iov_base;
	size_t said_len = self.out.parts[0].iov_len;
	static struct response r;

	assert(self.out.count == 1 && said == self.out_octets[0]);
	assert(said_len <= UDP_EDNS_MAX);
	assert(said_len <= UDP_PLAIN_MAX || q->edns.present);
	assert(memcmp(said, octets, 2) == 0);
	reader_init(&r.message, said, said_len);
	assert(read_header(&r.message, &r.header) &&
	    header_is(&r.header, FLAG_QR));
	assert(header_opcode(&r.header) == header_opcode(&q->header));
	assert(r.header.questions == (q->question.name.len > 0));
	if (r.header.questions == 1)
		assert(response_parse(&r, said, said_len));
}

static void
check_again(const struct query *q)
{
	static struct query again;
	uint8_t octets[QUERY_OCTETS];
	struct header header = q->header;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	header.additionals = q->edns.present;
	write_header(&w, &header);
	write_question(&w, &q->question);
	if (q->edns.present)
		write_opt(&w, &q->edns, NULL, 0);
	again.from = q->from;
	again.to = q->to;
	assert(query_parse(&again, octets, w.len));
	assert(again.header.id == q->header.id);
	assert(again.question.type == q->question.type);
	assert(name_equal(&again.question.name, &q->question.name));
	assert(again.edns.present == q->edns.present);
	assert(again.edns.dnssec_ok == q->edns.dnssec_ok);
	assert(again.edns.udp_max == q->edns.udp_max ||
	    q->edns.udp_max < UDP_PLAIN_MAX);
	assert(again.edns.cookie_len == q->edns.cookie_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct query q;

	if (len == 0 || len > 1 + QUERY_OCTETS)
		return 0;
	batch_init(&self.out, self.out_octets[0], sizeof(self.out_octets[0]));
	self.out.count = 0;
	q.to = (struct address){4, {127, 0, 0, 1}, DNS_PORT};
	q.from = q.to;
	q.from.ip[0] = octets[0] & 1 ? 127 : 93; /* may it ask? */
	octets++;
	len--;
	check_work(octets, len);
	if (query_parse(&q, octets, len))
		check_again(&q);
	else if (self.out.count > 0)
		check_answer(&q, octets);
	else
		assert(len < HEADER_LEN || (octets[2] & 0x80) != 0);
	return 0;
}
