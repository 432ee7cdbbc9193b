/*
 * check_driver.c -- what drivers have in common: over TCP connections of
 * clients and how they are judged, and name servers and how they behave; and
 * the log.
 *
 * No server and no driver is here; octets and times are made by hand.
 */
#include "driver.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TEXT_MAX = 1024,
	PACKETS_MAX = 600
};

static struct driver d;
static struct fault fault;
static struct scenario *scenario;
static const struct address client = {
    .family = 4, .ip = {203, 0, 113, 53}, .port = 4321};
static const struct address root = {
    .family = 4, .ip = {198, 41, 0, 4}, .port = DNS_PORT};

/* A driver of this scenario, all that makes its world is done. */
static void
begin(const char *text)
{
	char path[TEXT_PATH_MAX], whole[TEXT_MAX];

	fault = (struct fault){0};
	snprintf(whole, sizeof(whole), "# test\n%s", text);
	scenario = scenario_read(text_file(whole, path), &fault);
	ck_assert_msg(scenario != NULL, "%s: %s", text, fault.text);
	driver_init(&d, scenario, &fault, NULL, 1);
	for (; d.step != NULL && d.step->kind < STEP_ASK; d.step = d.step->next)
		driver_make(&d, d.step);
}

static void
end(void)
{
	driver_end(&d);
	scenario_free(scenario);
}

/* The next step of this kind. */
static const struct step *
step_next(enum step_kind kind)
{
	while (d.step->kind != kind)
		d.step = d.step->next;
	return d.step;
}

/* ---------------------------------------------------------------------------
 * Connections of clients.
 */

/* Three asks on one connection, with these IDs. */
static struct connection *
three_asks(const char *flags, const uint16_t ids[3], const char *end_text)
{
	char text[TEXT_MAX];
	struct connection *on;
	unsigned i;

	snprintf(text, sizeof(text),
	    "connect c\nask a$. A times 3 on c %s\nexpect %s\n", flags,
	    end_text);
	begin(text);
	on = witness_connect(&d.witness, step_next(STEP_CONNECT), 1);
	for (i = 0; i < 3; i++)
		witness_client(
		    &d.witness, step_next(STEP_ASK), i + 1, ids[i], on);
	return on;
}

/* A good reply to the query of the client, and its length before it. */
static void
reply_put(struct buffer *b, unsigned nth)
{
	const struct client *c = &d.witness.clients[nth];
	size_t at = b->len + PREFIX_LEN;

	buffer_put_message(b, c->query, c->query_len);
	b->octets[at + 2] = 0x81;
	b->octets[at + 3] = 0x80;
}

static const uint16_t ids[3] = {1, 2, 3};

START_TEST(replies_are_matched_by_id_however_they_are_cut)
{
	struct connection *on = three_asks("noedns", ids, "NOERROR");
	struct buffer b = {0};
	size_t at;

	reply_put(&b, 1);
	reply_put(&b, 2);
	reply_put(&b, 0);
	ck_assert(witness_waits(&d.witness));
	for (at = 0; at < b.len; at += (size_t)_i)
		ck_assert(witness_read(&d.witness, on, b.octets + at,
		    b.len - at < (size_t)_i ? b.len - at : (size_t)_i, 5,
		    &fault));
	buffer_free(&b);
	ck_assert_uint_eq(d.witness.clients[0].place, 3);
	ck_assert_uint_eq(d.witness.clients[1].place, 1);
	ck_assert_uint_eq(d.witness.clients[2].place, 2);
	ck_assert(!witness_waits(&d.witness));
	ck_assert_msg(witness_judge(&d.witness, step_next(STEP_EXPECT), &fault),
	    "%s", fault.text);
	end();
}
END_TEST

START_TEST(clients_on_one_connection_have_ids_of_their_own)
{
	static const uint16_t same[3] = {65535, 65535, 65535};
	unsigned i;

	three_asks("", same, "any");
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(
		    d.witness.clients[i].query[1], (i + 255) % 256);
	end();
}
END_TEST

/* What must never come: octets, and whether something came before. */
START_TEST(octets_that_answer_nothing_are_noticed)
{
	static const struct {
		const char *octets;
		size_t len;
	} rows[] = {
	    {"\0\0", 2},
	    {"\0\1\0", 3},
	    {"\0\x0b\0\1\x81\x80\0\0\0\0\0\0\0", 13},
	    {"\0\x0c\0\4\x81\x80\0\0\0\0\0\0\0\0", 14},
	};
	struct connection *on = three_asks("", ids, "any");

	ck_assert(!witness_read(&d.witness, on,
	    (const uint8_t *)rows[_i].octets, rows[_i].len, 5, &fault));
	ck_assert_str_ne(fault.text, "");
	end();
}
END_TEST

START_TEST(a_second_reply_is_noticed)
{
	struct connection *on = three_asks("noedns", ids, "NOERROR");
	struct buffer b = {0};
	unsigned i;

	for (i = 0; i < 4; i++)
		reply_put(&b, i % 3);
	ck_assert(witness_read(&d.witness, on, b.octets, b.len, 5, &fault));
	buffer_free(&b);
	ck_assert_uint_eq(d.witness.clients[0].replies, 2);
	ck_assert_uint_eq(d.witness.clients[0].place, 1);
	ck_assert(!witness_judge(&d.witness, step_next(STEP_EXPECT), &fault));
	end();
}
END_TEST

/* The end in the middle of a message: FIN, RST, FIN to one who has gone. */
START_TEST(a_connection_ends_between_messages)
{
	struct connection *on = three_asks("", ids, "any");

	ck_assert(witness_read(
	    &d.witness, on, (const uint8_t *)"\0\x0c\0", 3, 5, &fault));
	on->left = _i == 2;
	ck_assert(
	    witness_ended(&d.witness, on, _i == 1, 5, &fault) == (_i > 0));
	ck_assert(!witness_waits(&d.witness));
	end();
}
END_TEST

/* Flags and sizes of replies that are right over one transport alone. */
START_TEST(a_reply_over_tcp_is_whole)
{
	struct connection *on = three_asks("noedns", ids, "NOERROR");
	struct buffer b = {0};
	unsigned i;

	if (_i == 1)
		d.step->next->expect.truncated = true;
	for (i = 0; i < 3; i++) {
		size_t at = b.len + PREFIX_LEN;

		reply_put(&b, i);
		b.octets[at + 2] |= _i == 1 ? 2 : 0;
	}
	witness_read(&d.witness, on, b.octets, b.len, 5, &fault);
	buffer_free(&b);
	ck_assert(witness_judge(&d.witness, step_next(STEP_EXPECT), &fault) ==
	    (_i == 0));
	end();
}
END_TEST

/* c1 was closed after 5 s, c2 was reset after 9 s, c3 is open. */
static const struct {
	const char *line;
	bool is_true;
} endings[] = {
    {"closed c", false},
    {"open c", false},
    {"closed c1", true},
    {"closed c2", true},
    {"closed c3", false},
    {"open c1", false},
    {"open c3", true},
    {"closed 2 of c", true},
    {"closed 1 of c", false},
    {"closed 3 of c", false},
    {"open 1 of c", true},
    {"open 2 of c", false},
    {"closed c1 fin", true},
    {"closed c1 reset", false},
    {"closed c2 reset", true},
    {"closed c2 fin", false},
    {"closed 1 of c fin", true},
    {"closed c1 >= 5s <= 5s", true},
    {"closed c1 >= 5001ms", false},
    {"closed c1 <= 4999ms", false},
    {"closed 1 of c >= 6s", true},
    {"writes c = 6", true},
    {"writes c = 5", false},
    {"writes c2 = 2", true},
    {"writes c2 <= 2", true},
    {"writes c2 >= 3", false},
};

START_TEST(ends_of_connections_are_judged)
{
	struct connection *on[3];
	char text[TEXT_MAX];
	unsigned i;
	bool good;

	snprintf(
	    text, sizeof(text), "connect c times 3\n%s\n", endings[_i].line);
	begin(text);
	for (i = 0; i < 3; i++) {
		on[i] = witness_connect(&d.witness, d.step, i + 1);
		on[i]->said_ms = 1000;
		on[i]->writes = i + 1;
	}
	witness_ended(&d.witness, on[0], false, 6000, &fault);
	witness_ended(&d.witness, on[1], true, 10000, &fault);
	good = witness_judge(&d.witness, scenario->last, &fault);
	ck_assert_msg(good == endings[_i].is_true, "%s: %s", endings[_i].line,
	    fault.text);
	end();
}
END_TEST

START_TEST(an_ask_over_tcp_is_done_when_it_has_its_reply)
{
	struct buffer b = {0};
	struct connection *on;

	begin("ask a. A tcp noedns\nexpect any\n");
	on = witness_connect(&d.witness, d.step, 1);
	witness_client(&d.witness, d.step, 1, 1, on);
	ck_assert(!witness_is_done(&d.witness, on));
	reply_put(&b, 0);
	ck_assert(witness_read(&d.witness, on, b.octets, b.len, 5, &fault));
	buffer_free(&b);
	ck_assert(witness_is_done(&d.witness, on));
	end();
}
END_TEST

/* ---------------------------------------------------------------------------
 * Name servers.
 */

/* The query of a name server: example, type TXT, with OPT of this size. */
static struct buffer
query_of(const char *name, unsigned udp_max)
{
	static uint8_t octets[512];
	struct buffer b = {0};
	struct question question = {.type = TYPE_TXT, .class = CLASS_IN};
	struct edns edns = {
	    .present = true, .udp_max = (uint16_t)udp_max, .dnssec_ok = true};
	struct header header = {
	    .id = 7, .questions = 1, .additionals = udp_max > 0};
	struct name origin = {1, {0}};
	struct writer w;

	name_from_text(name, strlen(name), &origin, &question.name);
	writer_init(&w, octets, sizeof(octets));
	write_header(&w, &header);
	write_question(&w, &question);
	if (udp_max > 0)
		write_opt(&w, &edns, NULL, 0);
	buffer_put_message(&b, octets, w.len);
	return b;
}

static const char zone[] =
    "zone . on 198.41.0.4\n"
    "    $GENERATE 1-60 large. TXT abcdefghijklmnopqrstuvwxyz$\n"
    "    $GENERATE 1-20 middle. TXT abcdefghijklmnopqrstuvwxyz$\n"
    "    small. TXT yes\n";

static struct datagram out[DATAGRAMS_MAX];

/* What it sends back to this query. */
static unsigned
answer(const char *name, unsigned udp_max, enum transport transport)
{
	struct buffer b = query_of(name, udp_max);
	unsigned n = authority_answer(&d.authority, &root, transport,
	    b.octets + PREFIX_LEN, b.len - PREFIX_LEN, out);

	buffer_free(&b);
	return n;
}

static const struct {
	const char *name;
	unsigned udp_max;
	enum transport transport;
	bool is_truncated;
} sizes[] = {
    {"small.", 0, TRANSPORT_UDP, false},
    {"small.", 40, TRANSPORT_UDP, false},
    {"middle.", 0, TRANSPORT_UDP, true},
    {"middle.", 100, TRANSPORT_UDP, true},
    {"middle.", 512, TRANSPORT_UDP, true},
    {"middle.", 1232, TRANSPORT_UDP, false},
    {"large.", 1232, TRANSPORT_UDP, true},
    {"middle.", 0, TRANSPORT_TCP, false},
    {"large.", 100, TRANSPORT_TCP, false},
};

/* C02, RFC 6891 6.2.3 */
START_TEST(a_name_server_truncates_over_udp_alone)
{
	bool tcp = sizes[_i].transport == TRANSPORT_TCP;
	size_t max = sizes[_i].udp_max < 512 ? 512 : sizes[_i].udp_max;
	const uint8_t *message = out[0].octets + (tcp ? PREFIX_LEN : 0);

	begin(zone);
	ck_assert_uint_eq(
	    answer(sizes[_i].name, sizes[_i].udp_max, sizes[_i].transport), 1);
	ck_assert((message[2] & 2) == (sizes[_i].is_truncated ? 2 : 0));
	if (tcp)
		ck_assert_uint_eq(
		    (size_t)(out[0].octets[0] << 8 | out[0].octets[1]) + 2,
		    out[0].len);
	else
		ck_assert_uint_le(out[0].len, max);
	ck_assert_uint_eq(message[7] > 0, !sizes[_i].is_truncated);
	end();
}
END_TEST

/* What comes of a rule: replies over UDP and TCP, and the way TCP begins. */
static const struct {
	const char *line;
	unsigned udp, tcp;
	enum welcome welcome;
} conducts[] = {
    {"server 198.41.0.4 well", 1, 1, WELCOME_OPEN},
    {"server 198.41.0.4 silent", 0, 0, WELCOME_NOTHING},
    {"server 198.41.0.4 udp silent", 0, 1, WELCOME_OPEN},
    {"server 198.41.0.4 tcp silent", 1, 0, WELCOME_NOTHING},
    {"server 198.41.0.4 for small. silent", 0, 0, WELCOME_OPEN},
    {"server 198.41.0.4 for large. silent", 1, 1, WELCOME_OPEN},
    {"server 198.41.0.4 mute", 0, 0, WELCOME_OPEN},
    {"server 198.41.0.4 tcp mute", 1, 0, WELCOME_OPEN},
    {"server 198.41.0.4 tcp unreachable", 1, 1, WELCOME_REFUSED},
    {"server 198.41.0.4 silent\nserver 198.41.0.4 tcp well", 0, 1,
	WELCOME_OPEN},
    {"server 198.41.0.4 drop first 1", 0, 1, WELCOME_OPEN},
    {"server 198.41.0.4 forge wrong-id", 2, 1, WELCOME_OPEN},
    {"forge 198.41.0.4 wrong-id\n    rcode SERVFAIL", 2, 1, WELCOME_OPEN},
    {"server 198.41.0.4 twice", 2, 2, WELCOME_OPEN},
    {"server 198.41.0.4 tcp twice", 1, 2, WELCOME_OPEN},
};

START_TEST(a_name_server_behaves_over_each_transport)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s\n", zone, conducts[_i].line);
	begin(text);
	ck_assert_uint_eq(answer("small.", 0, TRANSPORT_UDP), conducts[_i].udp);
	ck_assert_uint_eq(answer("small.", 0, TRANSPORT_TCP), conducts[_i].tcp);
	ck_assert_uint_eq(
	    authority_welcome(&d.authority, &root), conducts[_i].welcome);
	end();
}
END_TEST

/* Rules that change the reply itself; octet 3 has the rcode. */
START_TEST(a_reply_may_differ_over_tcp)
{
	begin("zone . on 198.41.0.4\n"
	      "server 198.41.0.4 tcp rcode SERVFAIL\n"
	      "server 198.41.0.4 tcp wrong-id\n"
	      "server 198.41.0.4 tcp delay 3s\n"
	      "server 198.41.0.4 tc\n");
	ck_assert_uint_eq(answer("small.", 0, TRANSPORT_UDP), 1);
	ck_assert_uint_eq(out[0].octets[1], 7);
	ck_assert_uint_eq(out[0].octets[2] & 2, 2);
	ck_assert_uint_eq(out[0].octets[3] & 15, RCODE_NXDOMAIN);
	ck_assert_uint_eq(out[0].delay_ms, 0);
	ck_assert_uint_eq(answer("small.", 0, TRANSPORT_TCP), 1);
	ck_assert_uint_eq(out[0].octets[PREFIX_LEN + 1], 6);
	ck_assert_uint_eq(out[0].octets[PREFIX_LEN + 2] & 2, 0);
	ck_assert_uint_eq(out[0].octets[PREFIX_LEN + 3] & 15, RCODE_SERVFAIL);
	ck_assert_uint_eq(out[0].delay_ms, 3000);
	end();
}
END_TEST

/* ---------------------------------------------------------------------------
 * Sessions.
 */

/* What a session sent: when, how many octets, and how it ended. */
static struct {
	uint64_t at_ms;
	size_t len;
	bool fin, reset;
	uint8_t id;
} said[PACKETS_MAX];

static unsigned
session_run(const char *rules, const char *const *names, unsigned count)
{
	char text[TEXT_MAX];
	struct session *s;
	struct packet *p;
	unsigned n = 0, i;

	snprintf(text, sizeof(text), "%snetwork delay 10ms\n%s\n", zone, rules);
	begin(text);
	s = session_open(&d, &client, &root, NULL);
	for (i = 0; i < count; i++) {
		struct buffer b = query_of(names[i], UDP_EDNS_MAX);

		b.octets[PREFIX_LEN + 1] = (uint8_t)i;
		session_read(&d, s, b.octets, b.len);
		buffer_free(&b);
	}
	while ((d.now_ms = packet_next_due(&d)) != UINT64_MAX)
		while ((p = packet_due(&d)) != NULL) {
			ck_assert_uint_lt(n, PACKETS_MAX);
			said[n].at_ms = d.now_ms;
			said[n].len = p->len;
			said[n].fin = p->fin;
			said[n].reset = p->reset;
			said[n++].id = p->len > 3 ? p->octets[3] : 0;
			free(p);
		}
	ck_assert_str_eq(fault.text, "");
	end();
	return n;
}

static const char *const two[] = {"small.", "middle."};

START_TEST(replies_leave_when_they_are_ready)
{
	ck_assert_uint_eq(
	    session_run("server 198.41.0.4 for small. delay 1s", two, 2), 2);
	ck_assert_uint_eq(said[0].at_ms, 10);
	ck_assert_uint_eq(said[0].id, 1);
	ck_assert_uint_eq(said[1].at_ms, 1010);
	ck_assert_uint_eq(said[1].id, 0);
	ck_assert(!said[1].fin && !said[1].reset);
}
END_TEST

START_TEST(a_reply_that_dribbles_is_not_interrupted)
{
	unsigned n, i, whole = 0, at = 0;

	n = session_run("server 198.41.0.4 for small. dribble 5ms\n"
			"server 198.41.0.4 for middle. delay 20ms",
	    two, 2);
	for (i = 0; i < n; i++)
		if (said[i].len > 1) {
			whole++;
			at = i;
		} else {
			ck_assert_uint_eq(said[i].at_ms, 10 + 5 * i);
		}
	ck_assert_uint_eq(whole, 1);
	ck_assert_uint_eq(at, n - 1);
	ck_assert_uint_ge(said[at].at_ms, said[at - 1].at_ms);
}
END_TEST

START_TEST(a_name_server_breaks_off)
{
	static const char *const rules[] = {"server 198.41.0.4 close",
	    "server 198.41.0.4 reset", "server 198.41.0.4 half"};
	size_t whole;

	session_run("", two, 1);
	whole = said[0].len;
	ck_assert_uint_eq(session_run(rules[_i], two, 2), 1);
	ck_assert_uint_eq(said[0].len, _i == 2 ? whole / 2 : 0);
	ck_assert_uint_eq(said[0].reset, _i == 1);
	ck_assert_uint_eq(said[0].fin, _i != 1);
}
END_TEST

START_TEST(the_end_comes_after_the_last_octet)
{
	size_t whole;
	unsigned n;

	session_run("server 198.41.0.4 half", two, 1);
	whole = said[0].len;
	n = session_run("server 198.41.0.4 half\n"
			"server 198.41.0.4 dribble 5ms",
	    two, 1);
	ck_assert_uint_eq(n, whole);
	ck_assert(!said[n - 2].fin && said[n - 1].fin);
}
END_TEST

START_TEST(an_idle_connection_is_closed_after_the_last_reply)
{
	ck_assert_uint_eq(session_run("server 198.41.0.4 idle 2s", two, 0), 1);
	ck_assert_uint_eq(said[0].at_ms, 2000);
	ck_assert(said[0].fin);
	ck_assert_uint_eq(session_run("server 198.41.0.4 idle 2s", two, 1), 2);
	ck_assert_uint_eq(said[1].at_ms, 2010);
	ck_assert(said[1].fin);
	ck_assert_uint_eq(session_run("server 198.41.0.4 idle 2s\n"
				      "server 198.41.0.4 for small. delay 5s",
			      two, 1),
	    2);
	ck_assert(!said[0].fin);
	ck_assert_uint_eq(said[1].at_ms, 7010);
	ck_assert(said[1].fin);
	ck_assert_uint_eq(session_run("", two, 2), 2);
}
END_TEST

/* C03 */
START_TEST(a_query_in_two_pieces_is_noticed)
{
	struct buffer b = query_of("small.", UDP_EDNS_MAX);
	struct session *s;

	begin(zone);
	s = session_open(&d, &client, &root, NULL);
	session_read(&d, s, b.octets, (size_t)_i + 1);
	ck_assert_str_ne(fault.text, "");
	buffer_free(&b);
	end();
}
END_TEST

/* F03 */
START_TEST(a_port_that_no_query_may_leave_from_is_noticed)
{
	static const struct {
		uint16_t port;
		bool good;
	} rows[] = {{1023, false}, {1024, true}, {1900, false}, {5353, false},
	    {11211, false}, {65535, true}};
	struct address from = client;

	begin(zone);
	from.port = rows[_i].port;
	driver_check_port(&d, &from);
	ck_assert_int_eq(fault.text[0] == '\0', rows[_i].good);
	end();
}
END_TEST

/* F03: the second time they are farther apart. */
START_TEST(a_hundred_ports_that_are_near_each_other_are_noticed)
{
	struct address from = client;
	unsigned i;

	begin(zone);
	for (i = 0; i < PORTS_SPREAD_AFTER; i++) {
		from.port = (uint16_t)(20000 + (330u + (unsigned)_i) * i);
		driver_check_port(&d, &from);
	}
	driver_judge_end(&d);
	ck_assert_int_eq(fault.text[0] == '\0', _i);
	end();
}
END_TEST

START_TEST(a_closed_session_says_nothing_more)
{
	struct buffer b = query_of("small.", UDP_EDNS_MAX);
	struct session *s;

	begin(zone);
	s = session_open(&d, &client, &root, NULL);
	session_read(&d, s, b.octets, b.len);
	session_close(s);
	buffer_free(&b);
	d.now_ms = 1000;
	ck_assert_ptr_null(packet_due(&d));
	end();
}
END_TEST

/* Queries and connections are counted apart. */
START_TEST(queries_and_connections_are_counted_by_transport)
{
	static const struct {
		const char *line;
		bool is_true;
	} rows[] = {
	    {"packets all = 3", true},
	    {"packets all tcp = 2", true},
	    {"packets all udp = 1", true},
	    {"packets 198.41.0.4 for small. tcp = 1", true},
	    {"packets 198.41.0.4 for small. udp = 1", false},
	    {"connections all = 1", true},
	    {"connections all = 2", false},
	    {"connections 198.41.0.4 = 1", true},
	    {"connections 198.41.0.5 = 0", true},
	    {"gaps all tcp = 0ms", true},
	    {"gaps all udp = 0ms", false},
	};
	struct buffer b = query_of("small.", UDP_EDNS_MAX);
	struct buffer c = query_of("middle.", UDP_EDNS_MAX);
	struct session *s;
	char text[TEXT_MAX];
	bool good;

	snprintf(text, sizeof(text), "%s%s\n", zone, rows[_i].line);
	begin(text);
	witness_query(&d.witness, &root, TRANSPORT_UDP, c.octets + PREFIX_LEN,
	    c.len - PREFIX_LEN, &fault);
	witness_dialled(&d.witness, &root);
	s = session_open(&d, &client, &root, NULL);
	buffer_put(&b, c.octets, c.len);
	session_read(&d, s, b.octets, b.len);
	good = witness_judge(&d.witness, scenario->last, &fault);
	ck_assert_msg(
	    good == rows[_i].is_true, "%s: %s", rows[_i].line, fault.text);
	buffer_free(&b);
	buffer_free(&c);
	end();
}
END_TEST

/* ---------------------------------------------------------------------------
 * The log.
 */
static const struct {
	const char *log;
	size_t bad; /* the line that is, from 1; 0: none */
} logs[] = {
    {"", 0},
    {"ts=\"T\" id=1 seq=1 a=b\nts=\"T\" id=2 seq=2\n", 0},
    {"{\"ts\":\"T\",\"seq\":1}\n{\"ts\":\"T\",\"seq\":2,\"a\":1}\n", 0},
    {"ts=\"T\" id=1 a=\"\\\" seq=7 \" seq=1\n", 0},
    {"ts=\"T\" id=1 seq=1", 1},
    {"ts=\"T\" id=1 seq=1\nts=\"T\" id=1 seq=1\n", 2},
    {"ts=\"T\" id=1 seq=1\nts=\"T\" id=1 seq=3\n", 2},
    {"ts=\"T\" id=1 a=\"seq=1\" b\n", 1},
    {"ts=\"T\" id=1 seq=1 a=\nid=2 seq=2\n", 2},
    {"ts=\"T\" id=1 seq=1 a=\033\n", 1},
    {"ts=\"T\" id=1 seq=1 a=\377\n", 1},
    {"ts=\"T\" id=1 seq=1\n\n", 2},
    {"{\"ts\":\"T\",\"seq\":1,\"a\":\"\n\"}\n", 1},
    {"{\"ts\":\"T\",\"a\":\"\\\"seq\\\":1\"}\n", 1},
};

START_TEST(a_line_that_is_no_line_is_noticed)
{
	const char *log = logs[_i].log, *bad;
	size_t line = 1;

	begin(zone);
	witness_log(&d.witness, log, strlen(log));
	bad = witness_bad_line(&d.witness);
	ck_assert_msg((bad != NULL) == (logs[_i].bad > 0), "%s", log);
	while (bad != NULL && bad > d.witness.log)
		line += *--bad == '\n';
	ck_assert(logs[_i].bad == 0 || line == logs[_i].bad);
	end();
}
END_TEST

/* ---------------------------------------------------------------------------
 * The suite.
 */
static TCase *
clients(void)
{
	TCase *t = tcase_create("clients");

	tcase_add_loop_test(
	    t, replies_are_matched_by_id_however_they_are_cut, 1, 80);
	tcase_add_test(t, clients_on_one_connection_have_ids_of_their_own);
	tcase_add_loop_test(t, octets_that_answer_nothing_are_noticed, 0, 4);
	tcase_add_test(t, a_second_reply_is_noticed);
	tcase_add_loop_test(t, a_connection_ends_between_messages, 0, 3);
	tcase_add_loop_test(t, a_reply_over_tcp_is_whole, 0, 2);
	tcase_add_loop_test(t, ends_of_connections_are_judged, 0,
	    sizeof(endings) / sizeof(endings[0]));
	tcase_add_test(t, an_ask_over_tcp_is_done_when_it_has_its_reply);
	return t;
}

static TCase *
servers(void)
{
	TCase *t = tcase_create("servers");

	tcase_add_loop_test(t, a_name_server_truncates_over_udp_alone, 0,
	    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_loop_test(t, a_name_server_behaves_over_each_transport, 0,
	    sizeof(conducts) / sizeof(conducts[0]));
	tcase_add_test(t, a_reply_may_differ_over_tcp);
	tcase_add_test(t, replies_leave_when_they_are_ready);
	tcase_add_test(t, a_reply_that_dribbles_is_not_interrupted);
	tcase_add_loop_test(t, a_name_server_breaks_off, 0, 3);
	tcase_add_test(t, the_end_comes_after_the_last_octet);
	tcase_add_test(t, an_idle_connection_is_closed_after_the_last_reply);
	tcase_add_loop_test(t, a_query_in_two_pieces_is_noticed, 0, 20);
	tcase_add_loop_test(
	    t, a_port_that_no_query_may_leave_from_is_noticed, 0, 6);
	tcase_add_loop_test(
	    t, a_hundred_ports_that_are_near_each_other_are_noticed, 0, 2);
	tcase_add_test(t, a_closed_session_says_nothing_more);
	tcase_add_loop_test(
	    t, queries_and_connections_are_counted_by_transport, 0, 11);
	return t;
}

static TCase *
log_lines(void)
{
	TCase *t = tcase_create("log");

	tcase_add_loop_test(t, a_line_that_is_no_line_is_noticed, 0,
	    sizeof(logs) / sizeof(logs[0]));
	return t;
}

int
main(void)
{
	Suite *suite = suite_create("driver");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, clients());
	suite_add_tcase(suite, servers());
	suite_add_tcase(suite, log_lines());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
