/*
 * witness.c -- what clients send, and whether all was as expected.
 *
 * Everything that can be seen from outside is kept: the replies to clients,
 * the queries to name servers, the lines of the event log.  A step of the
 * scenario is judged against it.  Beyond what a scenario says, some things
 * hold for every reply and every query, and are looked at each time.
 */
#include "scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	OPTION_COOKIE = 10,    /* RFC 7873 4 */
	OPTION_KEEPALIVE = 11, /* RFC 7828 3.1 */
	OPTION_EDE = 15,       /* RFC 8914 2 */
	HEADER_Z = 0x40,       /* of the fourth octet (RFC 1035 4.1.1) */
	OPT_LEN = 11,          /* without options */
	OPT_DO = 0x8000,       /* of the TTL of OPT (RFC 6891 6.1.3) */
	OPT_Z = 0x7fff,
	OPT_VERSION = 0xff0000,
	AGED_S_MAX = 2, /* in real time */
	BILLS_MAX = 1 << 18,
	SEEN_MAX = 24,        /* lines shown when something was not expected */
	EXTENDED_CACHED = 13, /* RFC 8914 4.14: the other one has the words */
	EXTENDED_MAX = 8      /* extended errors read of one reply */
};

/* A reply taken apart. */
struct answer {
	struct reader reader;
	bool any_time;  /* it may be late */
	uint32_t age_s; /* by so much TTLs may be lower */
	struct header header;
	struct question question; /* the last one */
	struct record records[RECORDS_MAX];
	unsigned first[SECTIONS + 1]; /* where each section begins */
	struct edns edns;
	const struct record *opt;
	unsigned opt_count;
	bool has_other_options; /* than these */
	bool has_keepalive;
	unsigned keepalive; /* in 100 ms; 0: without a value */
	struct {
		unsigned code;
		char text[256];
	} extended[EXTENDED_MAX];
	unsigned extended_count;
};

static void text_add(char *text, size_t max, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool answer_read(struct answer *, const uint8_t *octets, size_t len);
static bool sighting_counts(
    const struct sighting *, const struct packets *, bool opens);

static void
text_add(char *text, size_t max, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	if (len + 1 >= max)
		return;
	va_start(args, format);
	vsnprintf(text + len, max - len, format, args);
	va_end(args);
}

static bool
compare(unsigned seen, enum comparison comparison, unsigned count)
{
	if (comparison == COMPARE_AT_MOST)
		return seen <= count;
	if (comparison == COMPARE_AT_LEAST)
		return seen >= count;
	return seen == count;
}

/* Room for one more element of an array that doubles when it is full. */
static void *
grow(void *array, unsigned count, unsigned *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 64 : 2 * *room;
	array = realloc(array, *room * size);
	if (array == NULL)
		abort();
	return array;
}

/* ---------------------------------------------------------------------------
 * Queries of clients.
 */
static void
records_write(struct writer *w, const struct rr_list *records)
{
	const struct rr *rr;
	struct reader rdata;

	for (rr = records->first; rr != NULL; rr = rr->next) {
		write_name(w, &rr->owner);
		write_u16(w, rr->type);
		write_u16(w, rr->class);
		write_u32(w, rr->ttl_s);
		reader_init(&rdata, rr->rdata, rr->rdata_len);
		write_rdata(w, rr->type, &rdata);
	}
}

static uint16_t
records_count(const struct rr_list *records)
{
	const struct rr *rr;
	uint16_t n = 0;

	for (rr = records->first; rr != NULL; rr = rr->next)
		n++;
	return n;
}

static bool
client_has_id(const struct client *c, uint16_t id)
{
	return c->query_len >= 2 && (c->query[0] << 8 | c->query[1]) == id;
}

/* The name with the number of the client for each `$'. */
static void
ask_name(const struct ask *ask, unsigned nth, struct name *name)
{
	static const struct name root = {1, {0}};
	char text[NAME_TEXT_MAX] = "";
	const char *at;

	for (at = ask->name; *at != '\0'; at++)
		if (*at == '$')
			text_add(text, sizeof(text), "%u", nth);
		else
			text_add(text, sizeof(text), "%c", *at);
	if (!name_from_text(text, strlen(text), &root, name))
		*name = root;
}

/*
 * OPT with options and flags that our own writer does not know; they go in
 * front of the cookie, which it knows.
 */
static void
ask_write_opt(
    const struct ask *ask, const struct edns *cookie, struct writer *w)
{
	uint16_t flags = ask->edns_flags;
	struct edns edns = ask->edns;
	size_t mark = w->len;

	if (ask->edns.dnssec_ok)
		flags |= OPT_DO;
	if (ask->cookie) {
		edns.cookie_len = cookie->cookie_len;
		memcpy(edns.cookie, cookie->cookie, COOKIE_MAX);
	}
	write_opt(w, &edns, NULL, 0);
	write_bytes(w, ask->options, ask->options_len);
	write_u16_at(w, mark + OPT_LEN - 4, flags);
	write_u16_at(
	    w, mark + OPT_LEN - 2, (uint16_t)(w->len - mark - OPT_LEN));
}

/* A client at this address has one cookie, and keeps the server's. */
static void
cookie_choose(
    const struct witness *w, const struct address *from, struct edns *cookie)
{
	static const uint8_t own[COOKIE_CLIENT_LEN] = "a cookie";
	static struct answer a;
	unsigned i;

	cookie->cookie_len = sizeof(own);
	memcpy(cookie->cookie, own, sizeof(own));
	for (i = w->client_count; i-- > 0;) {
		const struct client *c = &w->clients[i];

		if (!address_equal(&c->ask->ask.from, from) ||
		    c->replies == 0 ||
		    !answer_read(&a, c->reply, c->reply_len) ||
		    a.edns.cookie_len == 0)
			continue;
		*cookie = a.edns;
		return;
	}
}

static size_t
ask_write(const struct ask *ask, const struct edns *cookie, unsigned nth,
    uint16_t id, uint8_t *octets)
{
	struct header header = {
	    .id = id, .flags = (uint16_t)(ask->opcode << OPCODE_SHIFT)};
	const struct questions *more = ask->questions;
	struct question question = {.type = ask->type, .class = ask->class};
	struct writer w;

	writer_init(&w, octets, MESSAGE_MAX);
	if (ask->raw != NULL) {
		if (!ask->bare)
			write_u16(&w, id);
		write_bytes(&w, ask->raw, ask->raw_len);
		return w.len;
	}
	ask_name(ask, nth, &question.name);
	header_set(&header, FLAG_RD, ask->recursion_desired);
	header_set(&header, FLAG_CD, ask->checking_disabled);
	header_set(&header, FLAG_AD, ask->authentic);
	header.answers = records_count(&ask->sections[SECTION_ANSWER]);
	header.authorities = records_count(&ask->sections[SECTION_AUTHORITY]);
	header.additionals =
	    (uint16_t)(records_count(&ask->sections[SECTION_ADDITIONAL]) +
		ask->edns.present);
	for (header.questions = 1; more != NULL; more = more->next)
		header.questions++;
	write_header(&w, &header);
	write_question(&w, &question);
	for (more = ask->questions; more != NULL; more = more->next)
		write_question(&w, &more->question);
	records_write(&w, &ask->sections[SECTION_ANSWER]);
	records_write(&w, &ask->sections[SECTION_AUTHORITY]);
	if (ask->edns.present)
		ask_write_opt(ask, cookie, &w);
	records_write(&w, &ask->sections[SECTION_ADDITIONAL]);
	return w.len;
}

/* Does a client wait for a reply with this ID on the connection? */
static bool
id_is_used(const struct witness *w, const struct connection *on, uint16_t id)
{
	unsigned i;

	for (i = 0; on != NULL && i < w->client_count; i++) {
		const struct client *c = &w->clients[i];

		if (c->on == on && c->replies == 0 && client_has_id(c, id))
			return true;
	}
	return false;
}

struct client *
witness_client(struct witness *w, const struct step *step, unsigned nth,
    uint16_t id, struct connection *on)
{
	static uint8_t octets[MESSAGE_MAX];
	struct client *client;
	struct edns cookie = {.cookie_len = 0};

	while (step->ask.id < 0 && id_is_used(w, on, id))
		id++;
	if (nth == 1 &&
	    (w->client_count == 0 || w->clients[w->client_count - 1].judged)) {
		w->sightings_before = w->sighting_count;
		w->clients_before = w->client_count;
	}
	w->clients = grow(
	    w->clients, w->client_count, &w->client_room, sizeof(*w->clients));
	client = &w->clients[w->client_count++];
	memset(client, 0, sizeof(*client));
	client->ask = step;
	client->on = on;
	client->from = on != NULL ? on->from : step->ask.from;
	client->to = on != NULL ? on->to : step->ask.to;
	if (step->ask.id >= 0)
		id = (uint16_t)step->ask.id;
	if (step->ask.cookie)
		cookie_choose(w, &step->ask.from, &cookie);
	client->query_len = ask_write(&step->ask, &cookie, nth, id, octets);
	client->query = malloc(client->query_len + 1);
	if (client->query == NULL)
		abort();
	memcpy(client->query, octets, client->query_len);
	return client;
}

void
witness_reply(struct client *client, const struct address *from,
    const uint8_t *octets, size_t len, uint64_t now_ms)
{
	if (client->replies++ > 0)
		return;
	client->replied_from = *from;
	client->replied_ms = now_ms;
	client->reply = malloc(len + 1);
	if (client->reply == NULL)
		abort();
	memcpy(client->reply, octets, len);
	client->reply_len = len;
}

bool
witness_waits(const struct witness *w)
{
	unsigned i;

	for (i = w->client_count; i-- > 0;) {
		const struct client *c = &w->clients[i];

		if (c->judged)
			return false;
		if (c->replies == 0 &&
		    (c->on == NULL || (!c->on->ended && !c->on->left)))
			return true;
	}
	return false;
}

void
witness_excuse(struct witness *w)
{
	unsigned i;

	for (i = 0; i < w->client_count; i++)
		w->clients[i].judged = true;
	w->troubled = false;
}

void
witness_free(struct witness *w)
{
	unsigned i;

	for (i = 0; i < w->client_count; i++) {
		free(w->clients[i].query);
		free(w->clients[i].reply);
	}
	free(w->clients);
	for (i = 0; i < w->connection_count; i++) {
		buffer_free(&w->connections[i]->received);
		buffer_free(&w->connections[i]->asked);
		free(w->connections[i]);
	}
	free(w->connections);
	free(w->sightings);
	free(w->log);
	memset(w, 0, sizeof(*w));
}

/* ---------------------------------------------------------------------------
 * Connections of clients.
 */
struct connection *
witness_connect(struct witness *w, const struct step *step, unsigned nth)
{
	bool own = step->kind == STEP_ASK;
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->opened = step;
	c->number = nth;
	c->from = own ? step->ask.from : step->connect.from;
	c->to = own ? step->ask.to : step->connect.to;
	w->connections = grow(w->connections, w->connection_count,
	    &w->connection_room, sizeof(*w->connections));
	w->connections[w->connection_count++] = c;
	return c;
}

struct connection *
witness_connection(
    const struct witness *w, const struct connections *on, unsigned nth)
{
	unsigned number = on->first + nth - 1, i;

	if (number > on->last)
		return NULL;
	for (i = 0; i < w->connection_count; i++)
		if (w->connections[i]->opened == on->connect &&
		    w->connections[i]->number == number)
			return w->connections[i];
	return NULL;
}

/* Who waits for this reply: the oldest with its ID, else one that had it. */
static struct client *
client_of_reply(
    struct witness *w, const struct connection *on, const uint8_t *octets)
{
	uint16_t id = (uint16_t)(octets[0] << 8 | octets[1]);
	struct client *found = NULL;
	unsigned i;

	for (i = 0; i < w->client_count; i++) {
		struct client *c = &w->clients[i];

		if (c->on != on || !client_has_id(c, id))
			continue;
		if (c->replies == 0)
			return c;
		found = c;
	}
	return found;
}

bool
witness_read(struct witness *w, struct connection *on, const uint8_t *octets,
    size_t len, uint64_t now_ms, struct fault *fault)
{
	const uint8_t *message;
	size_t message_len;
	struct client *c;

	buffer_put(&on->received, octets, len);
	while (
	    (message = buffer_message(&on->received, &message_len)) != NULL) {
		c = message_len < HEADER_LEN ? NULL
					     : client_of_reply(w, on, message);
		if (c == NULL) {
			fault_at(fault, w->scenario, on->opened,
			    "%zu octets came over this connection "
			    "that answer nothing\n",
			    message_len);
			return false;
		}
		if (c->replies == 0)
			c->place = ++on->replies;
		witness_reply(c, &on->to, message, message_len, now_ms);
		buffer_drop_message(&on->received);
	}
	return true;
}

bool
witness_ended(struct witness *w, struct connection *on, bool reset,
    uint64_t now_ms, struct fault *fault)
{
	if (on->ended)
		return true;
	on->ended = true;
	on->reset = reset;
	on->ended_ms = now_ms;
	if (reset || on->left || on->received.len == 0 || w->troubled)
		return true;
	fault_at(fault, w->scenario, on->opened,
	    "this connection ended in the middle of a message\n");
	return false;
}

bool
witness_is_done(const struct witness *w, const struct connection *on)
{
	unsigned i;

	if (on->opened->kind != STEP_ASK)
		return false;
	for (i = 0; i < w->client_count; i++)
		if (w->clients[i].on == on && w->clients[i].replies == 0)
			return false;
	return true;
}

/* ---------------------------------------------------------------------------
 * Queries to name servers.
 */

/* Is there ever a rule by which it is a forwarder? */
static bool
server_recurses(const struct scenario *scenario, const struct address *at)
{
	const struct step *step;

	for (step = scenario->steps; step != NULL; step = step->next)
		if (step->kind == STEP_RULE &&
		    step->rule.conduct == CONDUCT_RECURSIVE &&
		    rule_serves(&step->rule, at))
			return true;
	return false;
}

/* What every query to a name server must be; NULL if it is. */
static const char *
query_flaw(const struct scenario *scenario, const uint8_t *octets, size_t len,
    struct sighting *s)
{
	struct question *question = &s->question;
	struct reader r;
	struct header h;
	struct record record;
	struct edns edns = {.present = false};
	static const uint8_t keepalive[] = {0, OPTION_KEEPALIVE, 0, 0};
	unsigned i;

	reader_init(&r, octets, len);
	if (!read_header(&r, &h) || h.questions != 1 ||
	    !read_question(&r, question))
		return "has no question";
	if (header_is(&h, FLAG_RD) != server_recurses(scenario, &s->to))
		return header_is(&h, FLAG_RD) ? "asks it to recurse"
					      : "does not ask it to recurse";
	if ((h.flags & ~(FLAG_RD | FLAG_AD | FLAG_CD)) != 0 ||
	    (octets[3] & HEADER_Z) != 0)
		return "has a bit set in the header that it must not have";
	if (h.answers != 0 || h.authorities != 0 || h.additionals > 1)
		return "has records";
	for (i = 0; i < h.additionals; i++)
		if (!read_record(&r, &record) || record.type != TYPE_OPT ||
		    !read_edns(&r, &record, &edns))
			return "has another record than OPT";
	if (edns.present && edns.udp_max != UDP_EDNS_MAX)
		return "has not the size we take (RFC 9715 3.1)";
	if (edns.present && record.ttl_s != OPT_DO)
		return "has OPT with not just version 0 and DO (E06, V01)";
	s->cookie_len = edns.cookie_len;
	if (edns.cookie_len > 0 &&
	    (s->transport != TRANSPORT_UDP ||
		record.rdata_len != 4 + edns.cookie_len))
		return "has a cookie over TCP, or another option beside it";
	if (edns.present && record.rdata_len != 0 && edns.cookie_len == 0 &&
	    (s->transport != TRANSPORT_TCP || record.rdata_len != 4 ||
		memcmp(octets + record.rdata_at, keepalive, 4) != 0))
		return "has OPT with an option (E07)";
	if (question->class != CLASS_IN)
		return "is not of class IN";
	return r.at == len ? NULL : "has something after its end";
}

/*
 * What a question costs: queries on its account, in all and for what one name
 * needs of the servers of one zone; by a hash of these.
 */
static struct bill {
	uint64_t key;
	unsigned sends;
} bills[BILLS_MAX];

/* One more for this; how many are they? */
static unsigned
bill_add(const void *what, size_t len)
{
	static const uint8_t key[16];
	uint64_t hash = hash_keyed(what, len, key) | 1;
	size_t at = hash % BILLS_MAX;

	while (bills[at].sends > 0 && bills[at].key != hash)
		at = (at + 1) % BILLS_MAX;
	bills[at].key = hash;
	return ++bills[at].sends;
}

void
witness_charged(
    struct witness *w, const struct incident *i, struct fault *fault)
{
	const struct name *sname = i->sname != NULL ? i->sname : i->qname;
	char name[NAME_TEXT_MAX], zone[NAME_TEXT_MAX];
	struct {
		uint64_t q;
		struct name zone, sname;
	} needed = {.q = i->q};
	unsigned sends;

	if (i->q == 0)
		return;
	sends = bill_add(&needed, sizeof(needed));
	if (sends > QUERY_SENDS_MAX)
		fault_at(fault, w->scenario, NULL,
		    "question %llu sends %u queries\n",
		    (unsigned long long)i->q, sends);
	name_fold(i->zone, &needed.zone);
	name_fold(sname, &needed.sname);
	sends = bill_add(&needed, sizeof(needed));
	if (sends > ZONE_SENDS_MAX)
		fault_at(fault, w->scenario, NULL,
		    "question %llu sends %u queries for %s to servers of %s\n",
		    (unsigned long long)i->q, sends, name_text(sname, name),
		    name_text(i->zone, zone));
}

static struct sighting *
sighting_add(
    struct witness *w, const struct address *to, enum transport transport)
{
	struct sighting *s;

	w->sightings = grow(w->sightings, w->sighting_count, &w->sighting_room,
	    sizeof(*w->sightings));
	s = &w->sightings[w->sighting_count++];
	memset(s, 0, sizeof(*s));
	s->to = *to;
	s->transport = transport;
	return s;
}

void
witness_dialled(struct witness *w, const struct address *to)
{
	sighting_add(w, to, TRANSPORT_TCP)->opens = true;
}

bool
witness_query(struct witness *w, const struct address *to,
    enum transport transport, const uint8_t *octets, size_t len,
    struct fault *fault)
{
	struct sighting *s = sighting_add(w, to, transport);
	char text[2048], at[ADDRESS_TEXT_MAX];
	const char *flaw;

	flaw = query_flaw(w->scenario, octets, len, s);
	if (flaw == NULL)
		return true;
	message_text(octets, len, text, sizeof(text));
	fault_at(fault, w->scenario, NULL, "a query to %s %s\n    %s\n",
	    address_port_text(to, at), flaw, text);
	return false;
}

void
witness_log(struct witness *w, const char *text, size_t len)
{
	if (w->log_len + len + 1 > w->log_room) {
		w->log_room = 2 * (w->log_len + len + 1);
		w->log = realloc(w->log, w->log_room);
		if (w->log == NULL)
			abort();
	}
	memcpy(w->log + w->log_len, text, len);
	w->log_len += len;
	w->log[w->log_len] = '\0';
}

/* ---------------------------------------------------------------------------
 * Replies.
 */
static void
extended_read(struct answer *a, const struct record *opt)
{
	struct reader r;

	a->opt = opt;
	a->opt_count++;
	reader_init(&r, a->reader.base, opt->rdata_at + (size_t)opt->rdata_len);
	r.at = opt->rdata_at;
	while (r.at < r.len && !r.failed) {
		uint16_t code = read_u16(&r), len = read_u16(&r);
		const uint8_t *value = read_bytes(&r, len);

		if (code == OPTION_KEEPALIVE && value != NULL) {
			a->has_keepalive = true;
			a->keepalive =
			    len == 2 ? (unsigned)(value[0] << 8 | value[1]) : 0;
			continue;
		}
		if (code == OPTION_COOKIE)
			continue; /* read_edns has read it */
		a->has_other_options |= code != OPTION_EDE || len < 2;
		if (value == NULL || code != OPTION_EDE || len < 2 ||
		    len - 2u > 255 || a->extended_count == EXTENDED_MAX)
			continue;
		a->extended[a->extended_count].code =
		    (unsigned)(value[0] << 8 | value[1]);
		memcpy(
		    a->extended[a->extended_count].text, value + 2, len - 2u);
		a->extended[a->extended_count++].text[len - 2] = '\0';
	}
}

/* False if the octets are no message. */
static bool
answer_read(struct answer *a, const uint8_t *octets, size_t len)
{
	unsigned counts[SECTIONS], s, i, n = 0;

	memset(&a->edns, 0, sizeof(a->edns));
	a->opt = NULL;
	a->opt_count = a->extended_count = 0;
	a->has_other_options = a->has_keepalive = false;
	reader_init(&a->reader, octets, len);
	if (!read_header(&a->reader, &a->header))
		return false;
	for (i = 0; i < a->header.questions; i++)
		if (!read_question(&a->reader, &a->question))
			return false;
	counts[0] = a->header.answers;
	counts[1] = a->header.authorities;
	counts[2] = a->header.additionals;
	for (s = 0; s < SECTIONS; s++) {
		a->first[s] = n;
		for (i = 0; i < counts[s]; i++, n++) {
			struct record *record = &a->records[n];

			if (n == RECORDS_MAX ||
			    !read_record(&a->reader, record))
				return false;
			if (record->type != TYPE_OPT)
				continue;
			if (s != SECTION_ADDITIONAL ||
			    !read_edns(&a->reader, record, &a->edns))
				return false;
			extended_read(a, record);
		}
	}
	a->first[s] = n;
	return a->reader.at == len;
}

static bool
is_refusal(const struct answer *a)
{
	return a->edns.rcode_high == 0 &&
	    (header_rcode(&a->header) == RCODE_SERVFAIL ||
		header_rcode(&a->header) == RCODE_NOTIMP ||
		header_rcode(&a->header) == RCODE_REFUSED);
}

/* The same of the cookie, which is that of RFC 9018 4.1; NULL if it does. */
static const char *
cookie_flaw(const struct edns *query, const struct edns *reply)
{
	static const uint8_t version_1[] = {1, 0, 0, 0};

	if (query->cookie_len == 0)
		return reply->cookie_len > 0 ? "has a cookie, unasked" : NULL;
	if (reply->cookie_len != COOKIE_LEN ||
	    memcmp(reply->cookie + COOKIE_CLIENT_LEN, version_1, 4) != 0)
		return "has no cookie of version 1 (K02, K06)";
	if (memcmp(query->cookie, reply->cookie, COOKIE_CLIENT_LEN) != 0)
		return "has another client's cookie (K06)";
	return NULL;
}

/* So long may the text be, and printable; of a failure it says what failed. */
static const char *
extended_flaw(const struct answer *a)
{
	unsigned i;
	const char *text;

	for (i = 0; i < a->extended_count; i++) {
		text = a->extended[i].text;
		if (strlen(text) > EDE_TEXT_MAX)
			return "has a longer text than the 120 octets of an "
			       "extended error";
		for (; *text != '\0'; text++)
			if (*text < ' ' || *text > '~')
				return "has octets in an extended error that "
				       "are not printed";
		if (header_rcode(&a->header) == RCODE_SERVFAIL &&
		    *a->extended[i].text == '\0' &&
		    a->extended[i].code != EXTENDED_CACHED)
			return "does not tell in words what failed";
	}
	return NULL;
}

/*
 * What must hold of OPT in every reply; NULL if it does.  Of a query that is
 * no message nobody knows whether it has OPT, and of one that is refused as
 * such it does not matter.
 */
static const char *
opt_flaw(const struct client *c, const struct answer *a)
{
	static struct answer query;
	const char *flaw;

	if (a->opt_count > 1)
		return "has more than one OPT (E02)";
	if (a->opt != NULL && (a->opt->ttl_s & OPT_VERSION) != 0)
		return "has OPT of another version than 0 (E05)";
	if (a->opt != NULL && (a->opt->ttl_s & OPT_Z) != 0)
		return "has a flag besides DO in OPT (E06)";
	if (a->opt != NULL && a->opt->class != UDP_EDNS_MAX)
		return "has not the size we take in OPT (E08)";
	if (a->has_other_options)
		return "has another option than these we know (E06)";
	if (a->has_keepalive && (c->on == NULL || a->keepalive == 0))
		return "has no place or value for the keepalive (C14)";
	if (!answer_read(&query, c->query, c->query_len) || query.opt_count > 1)
		return NULL;
	if (a->opt_count > query.opt_count)
		return "has OPT and the query not (E01)";
	if (a->has_keepalive && !query.has_keepalive)
		return "tells of keepalive unasked (C14)";
	if (a->opt_count < query.opt_count &&
	    header_rcode(&a->header) != RCODE_FORMERR &&
	    header_rcode(&a->header) != RCODE_NOTIMP)
		return "has no OPT and the query has (E01)";
	if (a->opt != NULL && a->edns.dnssec_ok != query.edns.dnssec_ok)
		return "does not copy DO (V03)";
	if (a->opt != NULL && a->extended_count == 0 && is_refusal(a))
		return "tells no reason why there is no answer (table 14.1)";
	if (a->opt != NULL && (flaw = extended_flaw(a)) != NULL)
		return flaw;
	return a->opt != NULL ? cookie_flaw(&query.edns, &a->edns) : NULL;
}

/* How large a reply may be. */
static size_t
reply_room(const struct client *c)
{
	const struct ask *ask = &c->ask->ask;
	size_t room = ask->edns.present ? ask->edns.udp_max : UDP_PLAIN_MAX;

	if (c->on != NULL)
		return MESSAGE_MAX;
	if (room < UDP_PLAIN_MAX)
		room = UDP_PLAIN_MAX;
	return room < UDP_EDNS_MAX ? room : UDP_EDNS_MAX;
}

/* What must hold of every reply to a well-formed question; NULL if it does. */
static const char *
reply_flaw(const struct client *c, const struct answer *a)
{
	const struct ask *ask = &c->ask->ask;
	size_t question_len;
	struct question question;
	struct reader r;

	reader_init(&r, c->query, c->query_len);
	(void)read_bytes(&r, HEADER_LEN);
	(void)read_question(&r, &question);
	question_len = r.at - HEADER_LEN;
	if (c->reply_len > reply_room(c))
		return "is larger than the client may get (RFC 9715 3.1)";
	if (c->on != NULL && header_is(&a->header, FLAG_TC))
		return "is truncated, and came over TCP";
	if (ask->edns.present && a->opt == NULL)
		return "has no OPT and the query has (E01)";
	if (a->header.questions != 1 ||
	    c->reply_len < HEADER_LEN + question_len ||
	    memcmp(c->query + HEADER_LEN, c->reply + HEADER_LEN,
		question_len) != 0)
		return "does not echo the question octet by octet (M13)";
	if (header_is(&a->header, FLAG_RD) != ask->recursion_desired ||
	    header_is(&a->header, FLAG_CD) != ask->checking_disabled)
		return "does not copy RD and CD (M03)";
	if (!header_is(&a->header, FLAG_RA))
		return "has no RA (M03)";
	if (header_is(&a->header, FLAG_TC) &&
	    (a->header.answers > 0 || a->header.authorities > 0))
		return "is truncated and not empty (M22)";
	return NULL;
}

/* What must hold of every reply. */
static const char *
reply_flaw_any(const struct client *c, struct answer *a)
{
	const struct ask *ask = &c->ask->ask;
	const char *flaw;

	if (c->query_len < HEADER_LEN)
		return "answers what is shorter than a header (M01)";
	if (!answer_read(a, c->reply, c->reply_len))
		return "is malformed";
	if (memcmp(c->query, c->reply, 2) != 0)
		return "has another ID (M03)";
	if (!header_is(&a->header, FLAG_QR))
		return "is no response (M03)";
	if (header_opcode(&a->header) != (c->query[2] >> 3 & 0xf))
		return "has another opcode (M03)";
	if ((c->reply[3] & HEADER_Z) != 0)
		return "has the Z bit set (M04)";
	if (!address_equal(&c->replied_from, &c->to))
		return "comes from another address than was asked (M24)";
	if (c->replies > 1)
		return "came more than once";
	if ((flaw = opt_flaw(c, a)) != NULL)
		return flaw;
	if (ask->raw != NULL || ask->has_extras || ask->opcode != 0)
		return NULL;
	return reply_flaw(c, a);
}

static bool
record_is(struct answer *a, const struct record *record, const struct rr *rr)
{
	static const struct name asked = {3, "\1$"};
	static uint8_t octets[MESSAGE_MAX];
	const struct name *owner = &rr->owner;
	struct reader message = a->reader;
	struct writer w;

	if (name_equal(owner, &asked))
		owner = &a->question.name;

	if (record->type != rr->type || record->class != rr->class ||
	    record->ttl_s + a->age_s < rr->ttl_s ||
	    record->ttl_s > rr->ttl_max_s || !name_equal(&record->owner, owner))
		return false;
	writer_init(&w, octets, sizeof(octets));
	message.work = 0;
	return read_rdata(&message, record, &w) && w.len == rr->rdata_len &&
	    memcmp(octets, rr->rdata, w.len) == 0;
}

/* Are these the records of the section, in any order? */
static bool
section_is(struct answer *a, enum section section, const struct rr_list *want)
{
	static bool used[RECORDS_MAX];
	unsigned i, left = a->first[section + 1] - a->first[section];
	const struct rr *rr;

	memset(used, 0, sizeof(used));
	if (section == SECTION_ADDITIONAL && a->edns.present)
		left--;
	for (rr = want->first; rr != NULL; rr = rr->next) {
		for (i = a->first[section]; i < a->first[section + 1]; i++)
			if (!used[i] && record_is(a, &a->records[i], rr))
				break;
		if (i == a->first[section + 1])
			return false;
		used[i] = true;
		left--;
	}
	return left == 0;
}

/* Are these the records of the answer, in this order? */
static bool
answer_is_ordered(struct answer *a, const struct rr_list *want)
{
	unsigned i = a->first[SECTION_ANSWER];
	const struct rr *rr;

	for (rr = want->first; rr != NULL; rr = rr->next, i++)
		if (i == a->first[SECTION_ANSWER + 1] ||
		    !record_is(a, &a->records[i], rr))
			return false;
	return i == a->first[SECTION_ANSWER + 1];
}

static bool
extended_has(const struct answer *a, const struct ede *ede)
{
	unsigned i;

	for (i = 0; i < a->extended_count; i++)
		if (a->extended[i].code == ede->code &&
		    (ede->text == NULL ||
			strstr(a->extended[i].text, ede->text) != NULL))
			return true;
	return false;
}

static bool
extended_is(const struct answer *a, const struct expect *expect)
{
	unsigned i;

	if (expect->no_ede && a->extended_count > 0)
		return false;
	for (i = 0; i < expect->ede_count; i++) {
		const struct ede *ede = &expect->edes[i];

		if (extended_has(a, ede) == ede->absent ||
		    (ede->only && a->extended_count != 1))
			return false;
	}
	return true;
}

/* What is not as the scenario expects; NULL if all is. */
static const char *
data_surprise(struct answer *a, const struct expect *expect)
{
	static const char *const surprises[SECTIONS] = {
	    "has not the expected answer section",
	    "has not the expected authority section",
	    "has not the expected additional section"};
	unsigned rcode =
	    (unsigned)a->edns.rcode_high << 4 | header_rcode(&a->header);
	unsigned s;

	if (!expect->any && rcode != expect->rcode)
		return "has not the expected rcode";
	for (s = 0; s < SECTIONS; s++)
		if (expect->exact[s] &&
		    !section_is(a, (enum section)s, &expect->sections[s]))
			return surprises[s];
	return NULL;
}

static const char *
reply_surprise(
    const struct client *c, struct answer *a, const struct expect *expect)
{
	uint64_t took_ms = c->replied_ms - c->asked_ms;
	const char *surprise = data_surprise(a, expect);

	if (!a->any_time &&
	    (took_ms < expect->least_ms || took_ms > expect->most_ms))
		return "came too early or too late";
	if (surprise != NULL)
		return surprise;
	if (!expect->any &&
	    (header_is(&a->header, FLAG_AA) != expect->authoritative ||
		header_is(&a->header, FLAG_TC) != expect->truncated ||
		header_is(&a->header, FLAG_AD) != expect->authentic))
		return "has not the expected flags of aa, tc, ad";
	if (expect->ordered &&
	    !answer_is_ordered(a, &expect->sections[SECTION_ANSWER]))
		return "has the answer in another order";
	if (expect->no_question && a->header.questions > 0)
		return "has a question";
	if (expect->placed &&
	    (c->on == NULL ||
		!compare(c->place, expect->place_comparison, expect->place)))
		return "has not the expected place on its connection";
	if (expect->no_keepalive ? a->has_keepalive
				 : expect->keepalive > 0 &&
		    (!a->has_keepalive || a->keepalive != expect->keepalive))
		return "has not the expected keepalive";
	if (!extended_is(a, expect))
		return "has not the expected extended error";
	if (c->reply_len < expect->size_min || c->reply_len > expect->size_max)
		return "has not the expected size";
	return NULL;
}

/* The same in trouble; asking again over TCP is no answer either. */
static const char *
reply_surprise_troubled(struct answer *a, const struct expect *expect)
{
	if (expect->nothing || header_is(&a->header, FLAG_TC) ||
	    (header_rcode(&a->header) == RCODE_SERVFAIL &&
		a->edns.rcode_high == 0))
		return NULL;
	return data_surprise(a, expect);
}

static bool
client_judge(struct witness *w, const struct client *c, const struct step *step,
    struct fault *fault)
{
	static struct answer answer;
	char text[4096];
	const char *wrong;

	if (c->replies == 0) {
		if (step->expect.nothing || w->troubled)
			return true;
		fault_at(fault, w->scenario, step,
		    "no reply to the ask of line %u\n", c->ask->line);
		return false;
	}
	answer.any_time = w->real_time;
	answer.age_s = w->troubled ? TTL_MAX_S : w->real_time ? AGED_S_MAX : 0;
	wrong = reply_flaw_any(c, &answer);
	if (wrong == NULL && step->expect.nothing && !w->troubled)
		wrong = "should not have been sent";
	if (wrong == NULL)
		wrong = w->troubled
		    ? reply_surprise_troubled(&answer, &step->expect)
		    : reply_surprise(c, &answer, &step->expect);
	if (wrong == NULL)
		return true;
	message_text(c->reply, c->reply_len, text, sizeof(text));
	fault_at(fault, w->scenario, step,
	    "the reply to the ask of line %u %s\n    after %llu ms: %s\n",
	    c->ask->line, wrong,
	    (unsigned long long)(c->replied_ms - c->asked_ms), text);
	return false;
}

/* The records that answers begin with, each once. */
struct beginnings {
	unsigned count;
	struct {
		const uint8_t *rdata; /* in a reply */
		uint16_t len;
	} of[BEGINNINGS_MAX];
};

static void
beginnings_add(struct beginnings *b, const struct client *c)
{
	static struct answer a;
	const uint8_t *rdata;
	unsigned i;

	if (!answer_read(&a, c->reply, c->reply_len) || a.header.answers == 0)
		return;
	rdata = c->reply + a.records[0].rdata_at;
	for (i = 0; i < b->count; i++)
		if (b->of[i].len == a.records[0].rdata_len &&
		    memcmp(b->of[i].rdata, rdata, b->of[i].len) == 0)
			return;
	if (b->count == BEGINNINGS_MAX)
		return;
	b->of[b->count].rdata = rdata;
	b->of[b->count++].len = a.records[0].rdata_len;
}

/*
 * However it goes, a question costs no more (DESIGN section 3), those about
 * the root not counted, which nobody need have asked.
 */
static bool
sends_judge(
    const struct witness *w, const struct step *step, struct fault *fault)
{
	static const struct packets all;
	unsigned asked = w->client_count - w->clients_before, sent = 0, i;

	for (i = w->sightings_before; i < w->sighting_count; i++)
		sent += sighting_counts(&w->sightings[i], &all, false);
	if (sent <= asked * QUERY_SENDS_MAX)
		return true;
	fault_at(fault, w->scenario, step, "%u questions cost %u queries\n",
	    asked, sent);
	return false;
}

/* Is a reply, but for ID and question, octet for octet the other? */
static bool
replies_alike(const struct client *a, const struct client *b)
{
	struct reader question;
	struct header header;
	struct question asked;

	reader_init(&question, a->reply, a->reply_len);
	return read_header(&question, &header) &&
	    read_question(&question, &asked) && a->reply_len == b->reply_len &&
	    memcmp(a->reply + 2, b->reply + 2, HEADER_LEN - 2) == 0 &&
	    memcmp(a->reply + question.at, b->reply + question.at,
		a->reply_len - question.at) == 0;
}

/* Judge the oldest ask that was not judged yet, or all. */
static bool
expect_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const struct step *ask = NULL;
	const struct client *first = NULL;
	struct beginnings b = {.count = 0};
	unsigned i;

	for (i = 0; i < w->client_count; i++) {
		struct client *c = &w->clients[i];

		if (c->judged)
			continue;
		if (ask == NULL)
			ask = c->ask;
		if (c->ask != ask && !step->expect.all)
			break;
		c->judged = true;
		if (!client_judge(w, c, step, fault))
			return false;
		beginnings_add(&b, c);
		if (first == NULL)
			first = c;
		if (step->expect.alike && !replies_alike(first, c)) {
			fault_at(fault, w->scenario, step,
			    "the reply to the ask of line %u is another\n",
			    c->ask->line);
			return false;
		}
	}
	if (!sends_judge(w, step, fault))
		return false;
	if (w->troubled || step->expect.beginnings == 0 ||
	    step->expect.beginnings == b.count)
		return true;
	fault_at(fault, w->scenario, step,
	    "the answers begin with %u different records\n", b.count);
	return false;
}

/* ---------------------------------------------------------------------------
 * Connections of clients: what became of them.
 */
static bool
ending_counts(const struct witness *w, const struct connection *c,
    const struct ending *ending)
{
	uint64_t after_ms = c->ended_ms - c->said_ms;

	return c->ended && !(ending->fin && c->reset) &&
	    !(ending->reset && !c->reset) &&
	    (w->real_time ||
		(after_ms >= ending->least_ms && after_ms <= ending->most_ms));
}

static void
connections_text(const struct witness *w, const struct connections *on,
    char *text, size_t max)
{
	const struct connection *c;
	unsigned n;

	for (n = 1; n <= SEEN_MAX && (c = witness_connection(w, on, n)) != NULL;
	     n++)
		if (c->ended)
			text_add(text, max, "    %s%u %s after %llu ms\n",
			    on->connect->connect.name, c->number,
			    c->reset ? "reset" : "closed",
			    (unsigned long long)(c->ended_ms - c->said_ms));
		else
			text_add(text, max, "    %s%u is open\n",
			    on->connect->connect.name, c->number);
	if (n > SEEN_MAX)
		text_add(text, max, "    and maybe more\n");
}

static bool
ending_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const struct ending *ending = &step->ending;
	const struct connection *c;
	char text[FAULT_TEXT_MAX] = "";
	unsigned seen = 0, n;

	for (n = 1; (c = witness_connection(w, &ending->on, n)) != NULL; n++)
		seen += step->kind == STEP_OPEN ? !c->ended
						: ending_counts(w, c, ending);
	if (seen == (ending->some ? ending->count : n - 1))
		return true;
	connections_text(w, &ending->on, text, sizeof(text) - 256);
	fault_at(fault, w->scenario, step, "%u are, of these:\n%s", seen, text);
	return false;
}

static bool
writes_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const struct connection *c;
	unsigned seen = 0, n;

	for (n = 1; (c = witness_connection(w, &step->writes.on, n)) != NULL;
	     n++)
		seen += c->writes;
	if (compare(seen, step->writes.comparison, step->writes.count))
		return true;
	fault_at(fault, w->scenario, step, "%u writes\n", seen);
	return false;
}

/* ---------------------------------------------------------------------------
 * Packets and log lines.
 */

/* Priming (RFC 9609) has its own time: it counts only if it is named. */
static bool
sighting_counts(
    const struct sighting *s, const struct packets *packets, bool opens)
{
	if (s->opens != opens || (packets->self && !s->self))
		return false;
	if (packets->transport != TRANSPORT_ANY &&
	    packets->transport != s->transport)
		return false;
	if (!packets->narrowed && !opens && s->question.name.len == 1 &&
	    s->question.type == TYPE_NS)
		return false;
	if (packets->to.family != 0 && !address_equal(&s->to, &packets->to))
		return false;
	if (packets->of_cookie && packets->cookie_len != s->cookie_len)
		return false;
	if (packets->from.family != 0 &&
	    memcmp(s->from.ip, packets->from.ip, sizeof(s->from.ip)) != 0)
		return false;
	if (!packets->narrowed)
		return true;
	if (packets->type != 0 && packets->type != s->question.type)
		return false;
	return packets->below ? name_within(&s->question.name, &packets->name)
			      : name_equal(&s->question.name, &packets->name);
}

static void
sightings_text(const struct witness *w, unsigned first, char *text, size_t max)
{
	char at[ADDRESS_TEXT_MAX], name[NAME_TEXT_MAX], type[TYPE_TEXT_MAX];
	unsigned i;

	for (i = first; i < w->sighting_count && i < first + SEEN_MAX; i++) {
		const struct sighting *s = &w->sightings[i];

		text_add(text, max, "    %llu.%03llu %s %s ",
		    (unsigned long long)s->at_ms / 1000,
		    (unsigned long long)s->at_ms % 1000,
		    address_port_text(&s->to, at),
		    s->transport == TRANSPORT_TCP ? "tcp" : "udp");
		if (s->cookie_len > 0)
			text_add(text, max, "cookie %u ", s->cookie_len);
		if (s->opens)
			text_add(text, max, "connection\n");
		else
			text_add(text, max, "%s %s\n",
			    name_text(&s->question.name, name),
			    type_text(s->question.type, type));
	}
	if (i < w->sighting_count)
		text_add(text, max, "    and %u more\n", w->sighting_count - i);
}

static bool
packets_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const struct packets *packets = &step->packets;
	unsigned first = packets->total ? 0 : w->sightings_before;
	unsigned i, seen = 0;
	char text[FAULT_TEXT_MAX] = "";

	for (i = first; i < w->sighting_count; i++)
		seen += sighting_counts(
		    &w->sightings[i], packets, step->kind == STEP_CONNECTIONS);
	if (compare(seen, packets->comparison, packets->count))
		return true;
	sightings_text(w, first, text, sizeof(text) - 256);
	fault_at(fault, w->scenario, step, "%u are, of these:\n%s", seen, text);
	return false;
}

/* Are there just these times between the packets? */
static bool
gaps_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const struct packets *gaps = &step->packets;
	unsigned first = gaps->total ? 0 : w->sightings_before;
	const struct sighting *before = NULL;
	char text[FAULT_TEXT_MAX] = "";
	unsigned i, seen = 0;
	bool good = true;

	for (i = first; i < w->sighting_count; i++) {
		const struct sighting *s = &w->sightings[i];

		if (!sighting_counts(s, gaps, false))
			continue;
		if (before != NULL && seen < gaps->count)
			good &= compare((unsigned)(s->at_ms - before->at_ms),
			    gaps->comparison, gaps->gaps_ms[seen]);
		seen += before != NULL;
		before = s;
	}
	if (good && seen == gaps->count)
		return true;
	sightings_text(w, first, text, sizeof(text) - 256);
	fault_at(
	    fault, w->scenario, step, "other gaps between these:\n%s", text);
	return false;
}

bool
resembles(const char *text, size_t len, const char *pattern)
{
	size_t at = 0, again = 0;
	const char *star = NULL;

	while (at < len) {
		if (*pattern == '*') {
			star = ++pattern;
			again = at;
		} else if (*pattern == text[at]) {
			pattern++;
			at++;
		} else if (star != NULL) {
			pattern = star;
			at = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Where the value of a key of this log line is, without its quotes. */
static const char *
line_value(const char *line, size_t len, const char *key, size_t *value_len)
{
	size_t key_len = strlen(key), at = 0, end;

	while (at < len) {
		size_t equals = at;
		bool quoted;

		while (equals < len && line[equals] != '=')
			equals++;
		quoted = equals + 1 < len && line[equals + 1] == '"';
		for (end = equals + 1 + quoted; end < len; end++) {
			if (quoted && line[end] == '\\')
				end++;
			else if (line[end] == (quoted ? '"' : ' '))
				break;
		}
		if (equals - at == key_len &&
		    memcmp(line + at, key, key_len) == 0) {
			*value_len = end - equals - 1 - quoted;
			return line + equals + 1 + quoted;
		}
		at = end + 1 + quoted;
	}
	return NULL;
}

/* Does the key tell how long something took? */
static bool
is_of_time(const char *key)
{
	const char *unit = strrchr(key, '_');

	unit = unit == NULL ? key : unit + 1;
	return strcmp(unit, "ms") == 0 || strcmp(unit, "s") == 0;
}

static bool
line_counts(const struct witness *w, const char *line, size_t len,
    const struct log *log)
{
	unsigned i;

	for (i = 0; i < log->pairs; i++) {
		bool any = w->real_time && is_of_time(log->keys[i]);
		size_t value_len;
		const char *value =
		    line_value(line, len, log->keys[i], &value_len);

		if (value == NULL ||
		    (!any && !resembles(value, value_len, log->values[i])))
			return false;
	}
	return true;
}

/* The number of a line of either format; 0 if it is none. */
static unsigned long
line_number(const char *line, size_t len)
{
	static const char key[] = "\"seq\":"; /* within a text it has escapes */
	const char *at = NULL;
	size_t value_len;

	if (strncmp(line, "ts=\"", 4) == 0)
		at = line_value(line, len, "seq", &value_len);
	else if (strncmp(line, "{\"ts\":\"", 7) == 0 && line[len - 1] == '}')
		at = strstr(line, key);
	if (at != NULL && at < line + len && *at == '"')
		at += strlen(key);
	return at == NULL || at >= line + len ? 0 : strtoul(at, NULL, 10);
}

const char *
witness_bad_line(const struct witness *w)
{
	const char *line = w->log == NULL ? "" : w->log;
	unsigned long seq = 0;
	size_t len, i;

	for (; *line != '\0'; line += len + 1) {
		len = strcspn(line, "\n");
		for (i = 0; i < len; i++)
			if (line[i] < ' ' || line[i] > '~')
				return line;
		if (line[len] != '\n' || line_number(line, len) != ++seq)
			return line;
	}
	return w->log == NULL || line == w->log + w->log_len ? NULL : line;
}

static bool
log_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	const char *line = w->log == NULL ? "" : w->log;
	unsigned seen = 0;
	size_t len;

	for (; *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		seen += line_counts(w, line, len, &step->log);
	}
	if (compare(seen, step->log.comparison, step->log.count))
		return true;
	len = w->log_len > FAULT_TEXT_MAX / 2 ? FAULT_TEXT_MAX / 2 : w->log_len;
	fault_at(fault, w->scenario, step, "%u such lines in the log:\n%s",
	    seen, w->log == NULL ? "" : w->log + w->log_len - len);
	return false;
}

/* A line of the reply is like this. */
static bool
control_has(const char *text, const char *pattern)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (resembles(text, len, pattern))
			return true;
		text += len + (text[len] != '\0');
	}
	return false;
}

static bool
control_is_whole(const char *text)
{
	static const char end[] = "\n; ok\n";
	size_t len = strlen(text), end_len = sizeof(end) - 1;

	if (len < end_len)
		return strcmp(text, end + 1) == 0;
	return strcmp(text + len - end_len, end) == 0;
}

static bool
control_lines_judge(const struct control *c, const char *text)
{
	unsigned i;

	for (i = 0; i < c->count; i++)
		if (control_has(text, c->lines[i].pattern) ==
		    c->lines[i].absent)
			return false;
	return true;
}

bool
witness_control(struct witness *w, const struct step *step, const char *text,
    unsigned slices, struct fault *fault)
{
	const struct control *c = &step->control;
	bool good = c->error == NULL ? control_is_whole(text)
				     : strncmp(text, "error: ", 7) == 0 &&
		resembles(text + 7, strcspn(text + 7, "\n"), c->error) &&
		strchr(text, '\n') == text + strlen(text) - 1;

	if (!good || !control_lines_judge(c, text))
		fault_at(fault, w->scenario, step, "the reply is:\n%s\n", text);
	if (slices < c->slices)
		fault_at(
		    fault, w->scenario, step, "it came in %u slices\n", slices);
	return good;
}

bool
witness_metrics(struct witness *w, const struct step *step, const char *text,
    unsigned writes, struct fault *fault)
{
	const struct control *c = &step->control;

	if (control_lines_judge(c, text) &&
	    (c->writes == 0 || c->writes == writes))
		return true;
	fault_at(fault, w->scenario, step,
	    "the metrics were written %u times:\n%s\n", writes, text);
	return false;
}

bool
witness_judge(struct witness *w, const struct step *step, struct fault *fault)
{
	if (w->troubled && step->kind != STEP_EXPECT)
		return true;
	switch (step->kind) {
	case STEP_EXPECT:
		return expect_judge(w, step, fault);
	case STEP_CLOSED:
	case STEP_OPEN:
		return ending_judge(w, step, fault);
	case STEP_WRITES:
		return writes_judge(w, step, fault);
	case STEP_CONNECTIONS:
	case STEP_PACKETS:
		return packets_judge(w, step, fault);
	case STEP_GAPS:
		return gaps_judge(w, step, fault);
	case STEP_LOG:
		return log_judge(w, step, fault);
	default:
		return true;
	}
}

/* ---------------------------------------------------------------------------
 * Text.
 */
static void
hex_text(const uint8_t *octets, size_t len, char *text, size_t max)
{
	size_t i;

	text_add(text, max, "\\# %zu ", len);
	for (i = 0; i < len && i < 40; i++)
		text_add(text, max, "%02x", octets[i]);
	if (i < len)
		text_add(text, max, "...");
}

static void
rdata_text(const struct reader *message, const struct record *record,
    char *text, size_t max)
{
	static uint8_t octets[MESSAGE_MAX];
	struct reader copy = *message;
	struct address address = {0};
	struct writer w;
	struct name name;
	char buffer[NAME_TEXT_MAX];

	writer_init(&w, octets, sizeof(octets));
	copy.work = 0;
	if (!read_rdata(&copy, record, &w)) {
		text_add(text, max, "(malformed)");
		return;
	}
	switch (record->type) {
	case TYPE_A:
	case TYPE_AAAA:
		address.family = record->type == TYPE_A ? 4 : 6;
		memcpy(address.ip, octets, w.len);
		text_add(text, max, "%s", address_text(&address, buffer));
		return;
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_PTR:
	case TYPE_SOA:
	case TYPE_DNAME:
		reader_init(&copy, octets, w.len);
		read_name(&copy, &name);
		text_add(text, max, "%s", name_text(&name, buffer));
		return;
	default:
		hex_text(octets, w.len, text, max);
	}
}

static void
flags_text(const struct header *h, char *text, size_t max)
{
	static const struct {
		uint16_t flag;
		const char *name;
	} flags[] = {{FLAG_QR, "qr"}, {FLAG_AA, "aa"}, {FLAG_TC, "tc"},
	    {FLAG_RD, "rd"}, {FLAG_RA, "ra"}, {FLAG_AD, "ad"}, {FLAG_CD, "cd"}};
	unsigned i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (header_is(h, flags[i].flag))
			text_add(text, max, " %s", flags[i].name);
	if (header_opcode(h) != 0)
		text_add(text, max, " opcode %u", header_opcode(h));
}

static void
records_text(const struct answer *a, char *text, size_t max)
{
	static const char *const titles[] = {
	    "answer", "authority", "additional"};
	char name[NAME_TEXT_MAX], type[TYPE_TEXT_MAX];
	unsigned s, i;

	for (s = 0; s < SECTIONS; s++)
		for (i = a->first[s]; i < a->first[s + 1]; i++) {
			const struct record *record = &a->records[i];

			if (record->type == TYPE_OPT)
				continue;
			text_add(text, max, "\n        %s %s %u %s ", titles[s],
			    name_text(&record->owner, name), record->ttl_s,
			    type_text(record->type, type));
			rdata_text(&a->reader, record, text, max);
		}
	for (i = 0; i < a->extended_count; i++)
		text_add(text, max, "\n        ede %u \"%s\"",
		    a->extended[i].code, a->extended[i].text);
}

void
message_text(const uint8_t *octets, size_t len, char *text, size_t max)
{
	static struct answer answer;
	struct reader r;
	struct question question;
	char name[NAME_TEXT_MAX], type[TYPE_TEXT_MAX];
	bool good = answer_read(&answer, octets, len);

	text[0] = '\0';
	if (len < HEADER_LEN) {
		hex_text(octets, len, text, max);
		return;
	}
	reader_init(&r, octets, len);
	read_bytes(&r, HEADER_LEN);
	text_add(text, max, "id %04x", answer.header.id);
	flags_text(&answer.header, text, max);
	if (header_is(&answer.header, FLAG_QR))
		text_add(text, max, " rcode %u",
		    (unsigned)answer.edns.rcode_high << 4 |
			header_rcode(&answer.header));
	if (answer.header.questions > 0 && read_question(&r, &question))
		text_add(text, max, ", %s %s", name_text(&question.name, name),
		    type_text(question.type, type));
	if (answer.edns.present)
		text_add(text, max, ", OPT %u%s", answer.edns.udp_max,
		    answer.edns.dnssec_ok ? " do" : "");
	if (good) {
		records_text(&answer, text, max);
	} else {
		text_add(text, max, ", malformed: ");
		hex_text(octets, len, text, max);
	}
}
