/*
 * driver.c -- what every driver of scenarios does in the same way.
 *
 * Packets that are on their way, name servers over TCP, the places where no
 * query may go, the words of the command line, and the story that is told when
 * something went wrong.
 */
#include "driver.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static bool session_says(struct driver *, struct packet *);

const char driver_hints[] = ". 3600000 NS a.root-servers.net.\n"
			    "a.root-servers.net. 3600000 A 198.41.0.4\n";

const char driver_host[] = "host.example";

const struct interface driver_interfaces[2] = {
    {"eth0", {{4, {203, 0, 113, 53}, 0}, 24}, false},
    {"eth0", {{6, {0x20, 0x01, 0x0d, 0xb8, 0, 0x53, [15] = 0x53}, 0}, 64},
	false},
};

void
driver_init(struct driver *d, const struct scenario *scenario,
    struct fault *fault, FILE *trace, uint64_t seed)
{
	memset(d, 0, sizeof(*d));
	d->scenario = d->witness.scenario = scenario;
	d->step = scenario->steps;
	d->fault = fault;
	d->trace = trace;
	d->random = seed;
}

static void
packets_free(struct packet *p)
{
	struct packet *next;

	for (; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
}

void
driver_end(struct driver *d)
{
	size_t max = sizeof(d->fault->story) - 1;
	const char *from = d->story;
	struct session *session;

	if (d->story_len > max) /* from the beginning of a line */
		from = strchr(d->story + d->story_len - max, '\n') + 1;
	memcpy(d->fault->story, from, strlen(from) + 1);
	packets_free(d->flight);
	packets_free(d->timers);
	while ((session = d->sessions) != NULL) {
		d->sessions = session->next;
		buffer_free(&session->received);
		free(session);
	}
	witness_free(&d->witness);
}

/* ---------------------------------------------------------------------------
 * The story, faults, chance.
 */
static void
story_add(struct driver *d, const char *line, size_t len)
{
	if (d->story_len + len >= STORY_MAX) {
		memmove(d->story, d->story + STORY_MAX / 2,
		    d->story_len - STORY_MAX / 2);
		d->story_len -= STORY_MAX / 2;
	}
	memcpy(d->story + d->story_len, line, len + 1);
	d->story_len += len;
}

void
driver_trace(struct driver *d, const char *format, ...)
{
	char line[8192];
	va_list args;
	size_t len;

	snprintf(line, sizeof(line), "%6llu.%03llu ",
	    (unsigned long long)d->now_ms / 1000,
	    (unsigned long long)d->now_ms % 1000);
	len = strlen(line);
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	strcat(line, "\n"); /* there is room */
	if (d->trace != NULL) {
		fputs(line, d->trace);
		fflush(d->trace);
	}
	story_add(d, line, strlen(line));
}

void
driver_trace_message(struct driver *d, const char *what,
    const struct address *from, const struct address *to, const uint8_t *octets,
    size_t len)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX], text[6144];

	message_text(octets, len, text, sizeof(text));
	driver_trace(d, "%s %s > %s  %s", what, address_port_text(from, a),
	    address_port_text(to, b), text);
}

void
driver_fault(struct driver *d, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fault_at(d->fault, d->scenario, d->step, "%s", text);
}

uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned
dice(struct driver *d, unsigned sides)
{
	return (unsigned)(random_next(&d->random) % sides);
}

/* ---------------------------------------------------------------------------
 * Where a query can never go, told anew and not by asking referral.c, which
 * is on trial here (DESIGN decision 5, rfcs.md 19.1).
 */
static bool
is_never(const struct driver *d, const struct address *to)
{
	static const char *const never[] = {"0.0.0.0/8", "224.0.0.0/4",
	    "240.0.0.0/4", "::/96", "::ffff:0:0/96", "ff00::/8", "fe80::/10"};
	struct prefix prefix;
	unsigned i;

	if (to->port == 0)
		return true;
	if (prefix_from_text("::1", &prefix) && prefix_covers(&prefix, to))
		return false;
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (prefix_from_text(never[i], &prefix) &&
		    prefix_covers(&prefix, to))
			return true;
	for (i = 0; i < d->refused_count; i++)
		if (prefix_covers(&d->refused[i], to))
			return true;
	return false;
}

void
driver_check_destination(
    struct driver *d, const struct address *to, const char *call)
{
	char text[ADDRESS_TEXT_MAX];

	if (is_never(d, to))
		driver_fault(d, "%s to %s, where no query may go\n", call,
		    address_port_text(to, text));
}

void
driver_check_port(struct driver *d, const struct address *from)
{
	if (d->ports == 0 || from->port < d->port_least)
		d->port_least = from->port;
	if (from->port > d->port_most)
		d->port_most = from->port;
	d->ports++;
	switch (from->port) {
	case 1900:  /* SSDP */
	case 2049:  /* NFS */
	case 4791:  /* RoCE */
	case 5353:  /* mDNS */
	case 6000:  /* X11 */
	case 11211: /* memcached */
		break;
	default:
		if (from->port >= 1024)
			return;
	}
	driver_fault(d, "a query leaves from port %u\n", from->port);
}

/* ---------------------------------------------------------------------------
 * Name servers, and what they send.
 */
bool
driver_make(struct driver *d, const struct step *step)
{
	switch (step->kind) {
	case STEP_ZONE:
		authority_publish(&d->authority, &step->zone);
		return true;
	case STEP_RULE:
		authority_obey(&d->authority, &step->rule);
		return true;
	case STEP_NETWORK:
		d->network = step->network;
		return true;
	case STEP_REFUSED:
		assert(d->refused_count < REFUSED_MAX);
		d->refused[d->refused_count++] = step->refused;
		return true;
	default:
		return false;
	}
}

struct packet *
packet_make(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct packet *p = calloc(1, sizeof(*p) + len);

	if (p == NULL)
		abort();
	p->from = *from;
	p->to = *to;
	p->len = len;
	if (len > 0)
		memcpy(p->octets, octets, len);
	return p;
}

/* It will arrive so much later. */
void
packet_post(struct driver *d, struct packet *p, unsigned delay_ms)
{
	struct packet **at = p->kind < PACKET_IDLE ? &d->flight : &d->timers;

	p->due_ms = d->now_ms + delay_ms;
	while (*at != NULL && (*at)->due_ms <= p->due_ms)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

/* The first of a list, if it is due. */
static struct packet *
packet_take(struct driver *d, struct packet **list)
{
	struct packet *p = *list;

	if (p == NULL || p->due_ms > d->now_ms)
		return NULL;
	*list = p->next;
	return p;
}

struct packet *
packet_due(struct driver *d)
{
	struct packet *p;

	do {
		p = packet_take(d, &d->timers);
		if (p == NULL)
			p = packet_take(d, &d->flight);
	} while (p != NULL && p->session != NULL && !session_says(d, p));
	return p;
}

uint64_t
packet_next_due(const struct driver *d)
{
	uint64_t next_ms = UINT64_MAX;

	if (d->flight != NULL)
		next_ms = d->flight->due_ms;
	if (d->timers != NULL && d->timers->due_ms < next_ms)
		next_ms = d->timers->due_ms;
	return next_ms;
}

unsigned
network_delay(struct driver *d)
{
	const struct network *n = &d->network;

	return n->least_ms + dice(d, n->most_ms - n->least_ms + 1);
}

/* Some overtake those before them, as netem has it. */
static unsigned
datagram_delay(struct driver *d)
{
	if (dice(d, 100) < d->network.reorder_percent)
		return 0;
	return network_delay(d);
}

/* The datagrams of a name server set out for where the query came from. */
static void
datagrams_post(struct driver *d, const struct address *to,
    const struct datagram *out, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		unsigned copies =
		    1 + (dice(d, 100) < d->network.duplicate_percent);

		if (dice(d, 100) < d->network.loss_percent) {
			driver_trace(d, "the network loses a reply");
			continue;
		}
		while (copies-- > 0) {
			struct packet *p = packet_make(&out[i].from, to,
			    out[i].octets, out[i].unreachable ? 0 : out[i].len);

			p->unreachable = out[i].unreachable;
			packet_post(d, p, datagram_delay(d) + out[i].delay_ms);
		}
	}
}

bool
driver_serve(struct driver *d, const struct address *from,
    const struct address *to, const uint8_t *octets, size_t len)
{
	static struct datagram out[DATAGRAMS_MAX];
	unsigned n;

	if (!authority_listens(&d->authority, to))
		return false;
	n = authority_answer(
	    &d->authority, to, TRANSPORT_UDP, octets, len, out);
	if (dice(d, 100) < d->network.loss_percent)
		driver_trace(d, "the network loses it");
	else
		datagrams_post(d, from, out, n);
	return true;
}

/* ---------------------------------------------------------------------------
 * Name servers over TCP.
 */
static struct packet *
session_packet(const struct session *from, const uint8_t *octets, size_t len)
{
	struct packet *p =
	    packet_make(&from->server, &from->client, octets, len);

	p->kind = PACKET_STREAM;
	p->over = from->over;
	return p;
}

/* From now on it is idle, if it has nothing to send. */
static void
session_rests(struct driver *d, struct session *s)
{
	unsigned idle_ms = authority_idle_ms(&d->authority, &s->server);
	struct packet *p;

	s->active_ms = d->now_ms;
	if (idle_ms == UINT_MAX || s->pending > 0)
		return;
	p = session_packet(s, NULL, 0);
	p->kind = PACKET_IDLE;
	p->session = s;
	packet_post(d, p, idle_ms);
}

struct session *
session_open(struct driver *d, const struct address *client,
    const struct address *server, void *over)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->client = *client;
	s->server = *server;
	s->over = over;
	s->next = d->sessions;
	d->sessions = s;
	session_rests(d, s);
	return s;
}

void
session_close(struct session *s)
{
	s->closed = true;
}

static void
session_answer(
    struct driver *d, struct session *s, const uint8_t *query, size_t len)
{
	static struct datagram out[DATAGRAMS_MAX];
	unsigned i, n;

	n = authority_answer(
	    &d->authority, &s->server, TRANSPORT_TCP, query, len, out);
	for (i = 0; i < n; i++) {
		struct packet *p = session_packet(s, out[i].octets, out[i].len);

		p->session = s;
		p->dribble_ms = out[i].dribble_ms;
		p->fin = out[i].fin;
		p->reset = out[i].reset;
		s->pending++;
		packet_post(d, p, network_delay(d) + out[i].delay_ms);
	}
}

void
session_read(
    struct driver *d, struct session *s, const uint8_t *octets, size_t len)
{
	struct witness *w = &d->witness;
	const uint8_t *query;
	size_t query_len;

	buffer_put(&s->received, octets, len);
	while ((query = buffer_message(&s->received, &query_len)) != NULL) {
		driver_trace_message(
		    d, "tcp query", &s->client, &s->server, query, query_len);
		witness_query(
		    w, &s->server, TRANSPORT_TCP, query, query_len, d->fault);
		w->sightings[w->sighting_count - 1].at_ms = d->now_ms;
		w->sightings[w->sighting_count - 1].from = s->client;
		session_answer(d, s, query, query_len);
		buffer_drop_message(&s->received);
	}
	if (s->received.len > 0 &&
	    authority_sip(&d->authority, &s->server) == UINT_MAX)
		driver_fault(d, "a query came in pieces (C03)\n");
	session_rests(d, s);
}

/* The first octet goes, the others follow. */
static void
session_dribbles(struct driver *d, struct packet *p)
{
	struct packet *rest =
	    packet_make(&p->from, &p->to, p->octets + 1, p->len - 1);

	rest->kind = p->kind;
	rest->over = p->over;
	rest->session = p->session;
	rest->dribble_ms = p->dribble_ms;
	rest->fin = p->fin;
	rest->reset = p->reset;
	p->session->rest = rest;
	packet_post(d, rest, p->dribble_ms);
	p->fin = p->reset = false;
	p->len = 1;
}

/*
 * Is this packet, which has come due, something that the server sends now?
 * Not if its turn is later, or never.
 */
static bool
session_says(struct driver *d, struct packet *p)
{
	struct session *s = p->session;
	unsigned idle_ms = authority_idle_ms(&d->authority, &s->server);

	if (s->closed ||
	    (p->kind == PACKET_IDLE &&
		(s->pending > 0 || d->now_ms < s->active_ms + idle_ms))) {
		free(p);
		return false;
	}
	if (p->kind == PACKET_IDLE) {
		p->kind = PACKET_STREAM;
		p->fin = true;
	} else if (s->rest != NULL && s->rest != p) {
		packet_post(d, p, p->dribble_ms + 1);
		return false;
	} else if (p->dribble_ms > 0 && p->len > 1) {
		session_dribbles(d, p);
	} else {
		s->rest = NULL;
		s->pending--;
		session_rests(d, s);
	}
	s->closed = p->fin || p->reset;
	return true;
}

/* ---------------------------------------------------------------------------
 * Clients over TCP.
 */
static struct packet *
connection_packet(
    const struct connection *on, const uint8_t *octets, size_t len)
{
	struct packet *p = packet_make(&on->from, &on->to, octets, len);

	p->kind = PACKET_STREAM;
	p->over = on->driver;
	return p;
}

/* The client sends so much, in order, in segments if it has to be. */
static void
connection_send(
    struct driver *d, struct connection *on, const uint8_t *octets, size_t len)
{
	const struct step *step = on->opened;
	bool cut = step->kind == STEP_CONNECT && step->connect.segment_len > 0;
	size_t n;

	if (on->due_ms < d->now_ms)
		on->due_ms = d->now_ms;
	for (; len > 0; octets += n, len -= n) {
		n = len;
		if (cut && n > step->connect.segment_len)
			n = step->connect.segment_len;
		packet_post(d, connection_packet(on, octets, n),
		    (unsigned)(on->due_ms - d->now_ms));
		if (cut)
			on->due_ms += step->connect.segment_ms;
	}
}

void
connection_end(struct driver *d, struct connection *on, bool reset)
{
	struct packet *p;

	if (on->shut && !reset)
		return;
	on->shut = true;
	p = connection_packet(on, NULL, 0);
	p->fin = !reset;
	p->reset = reset;
	packet_post(d, p,
	    reset || on->due_ms < d->now_ms
		? 0
		: (unsigned)(on->due_ms - d->now_ms));
}

void
connection_do(struct driver *d, struct connection *on, const struct step *step)
{
	unsigned n;

	if (step->kind == STEP_SEND) {
		for (n = 0; n < step->send.times; n++)
			buffer_put(
			    &on->asked, step->send.octets, step->send.len);
	} else {
		on->left |= step->kind == STEP_RESET;
		connection_end(d, on, step->kind == STEP_RESET);
	}
}

void
connection_ask(struct driver *d, struct connection *on, const struct step *step,
    unsigned nth)
{
	struct client *c = witness_client(
	    &d->witness, step, nth, (uint16_t)random_next(&d->random), on);

	c->asked_ms = on->said_ms = d->now_ms;
	driver_trace_message(
	    d, "tcp ask", &c->from, &c->to, c->query, c->query_len);
	buffer_put_message(&on->asked, c->query, c->query_len);
}

/* What was asked at the same time leaves in one segment. */
void
connections_flush(struct driver *d)
{
	unsigned i;

	for (i = 0; i < d->witness.connection_count; i++) {
		struct connection *on = d->witness.connections[i];

		if (on->asked.len == 0)
			continue;
		if (!on->shut)
			connection_send(d, on, on->asked.octets, on->asked.len);
		else if (!on->ended)
			driver_fault(d, "the client has said all on this\n");
		buffer_drop(&on->asked, on->asked.len);
	}
}

/* These replies have come over the connection. */
static void
replies_trace(struct driver *d, const struct connection *on, unsigned before)
{
	unsigned i;

	for (i = 0; i < d->witness.client_count; i++) {
		const struct client *c = &d->witness.clients[i];

		if (c->on == on && c->place > before)
			driver_trace_message(d, "tcp answer", &c->to, &c->from,
			    c->reply, c->reply_len);
	}
}

void
connection_read(
    struct driver *d, struct connection *on, const uint8_t *octets, size_t len)
{
	unsigned before = on->replies;

	witness_read(&d->witness, on, octets, len, d->now_ms, d->fault);
	replies_trace(d, on, before);
	if (witness_is_done(&d->witness, on)) {
		on->left = true;
		connection_end(d, on, false);
	}
}

/* ---------------------------------------------------------------------------
 * The server: how it is called, how it ends.
 */
int
driver_words(const struct scenario *scenario, const char *hints,
    const char *log, const char *control, const char *metrics,
    char *words[COMMAND_WORDS_MAX + 1])
{
	static const char *const base[] = {"dns", "-l", "127.0.0.1@53", "-c",
	    "4M", "-r", "HINTS", "-e", "LOG"};
	static char text[COMMAND_WORDS_MAX][256];
	unsigned i, n = 0,
		    ours = scenario->bare ? 1 : sizeof(base) / sizeof(base[0]);

	for (i = 0; i < ours + scenario->option_count; i++) {
		const char *word =
		    i < ours ? base[i] : scenario->options[i - ours];

		if (strcmp(word, "HINTS") == 0)
			word = hints;
		else if (strcmp(word, "LOG") == 0)
			word = log;
		else if (strcmp(word, "CONTROL") == 0)
			word = control;
		else if (strcmp(word, "METRICS") == 0)
			word = metrics;
		snprintf(text[n], sizeof(text[n]), "%s", word);
		words[n] = text[n];
		n++;
	}
	words[n] = NULL;
	return (int)n;
}

void
driver_judge_start(struct driver *d, int status, const char *said)
{
	const struct step *step = d->step;

	if (step == NULL || step->kind != STEP_EXIT) {
		driver_fault(d,
		    "the server ended with status %d before it served\n%s\n",
		    status, said);
	} else if (status != step->exit.status ||
	    !resembles(said, strlen(said), step->exit.pattern)) {
		driver_fault(d,
		    "the server ended with status %d and said\n%s\n", status,
		    said);
	} else if (step->next != NULL) {
		fault_at(d->fault, d->scenario, step->next,
		    "the server has ended: no step can follow\n");
	}
}

void
driver_judge_end(struct driver *d)
{
	const char *line = witness_bad_line(&d->witness);
	unsigned i;

	if (line != NULL)
		fault_at(d->fault, d->scenario, NULL,
		    "a line of the log is torn, forged or out of turn:\n%s\n",
		    line);

	/* By chance that happens once in 10^27 runs. */
	if (d->ports >= PORTS_SPREAD_AFTER &&
	    d->port_most - d->port_least < PORTS_SPREAD_MIN)
		fault_at(d->fault, d->scenario, NULL,
		    "%u queries leave from ports %u to %u\n", d->ports,
		    d->port_least, d->port_most);
	for (i = 0; i < d->witness.client_count; i++)
		if (d->witness.clients[i].replies > 1)
			fault_at(d->fault, d->scenario,
			    d->witness.clients[i].ask,
			    "this ask got more than one reply\n");
}

struct address
loopback_address(uint8_t family)
{
	static const struct address loopback4 = {4, {127, 0, 0, 1}, DNS_PORT};
	static const struct address loopback6 = {6, {[15] = 1}, DNS_PORT};

	return family == 6 ? loopback6 : loopback4;
}

bool
is_link_local(const struct address *a)
{
	static const struct prefix all = {{6, {0xfe, 0x80}, 0}, 10};

	return prefix_covers(&all, a);
}

unsigned long
setting(const char *name, unsigned long without)
{
	const char *value = getenv(name);

	return value == NULL ? without : strtoul(value, NULL, 10);
}

const char *
text_file(const char *text, char path[TEXT_PATH_MAX])
{
	int fd = memfd_create("text", 0);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	snprintf(path, TEXT_PATH_MAX, "/proc/self/fd/%d", fd);
	return path;
}
