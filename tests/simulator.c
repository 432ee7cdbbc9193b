/*
 * simulator.c -- the world around the server: packets, clients, steps, time.
 *
 * The server calls epoll_wait when it has nothing left to do: that is where
 * the world goes on.  Datagrams that are due arrive, the next step of the
 * scenario is taken, or the clock moves to whatever comes next.  The same seed
 * gives the same run.
 */
#include "simulator.h"
#include "kernel.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	REFUSED_MAX = 64,
	TRACE_MAX = 1 << 17,
	SETTLE_MAX_MS = 1000, /* waiting until no packet is under way */
	END_MAX_MS = 1000,    /* from SIGTERM to the end: attacks.md I14 */
	TURNS_MAX = 100000,   /* without time going on: the server spins */
	COMMAND_WORDS_MAX = 80,
	CLIENT_PORT_FIRST = 20000,
	CLIENT_PORT_LAST = 60000
};

/* 2026-11-23T00:00:00Z, when every simulation begins. */
static const int64_t WALL_START_MS = 1795392000000;
static const uint64_t BOOT_START_MS = 1000000;

static const char hints_default[] =
    ". 3600000 NS a.root-servers.net.\n"
    "a.root-servers.net. 3600000 A 198.41.0.4\n";

enum waiting {
	WAITING_NOT,
	WAITING_QUIET, /* until no packet is under way */
	WAITING_REPLY, /* the same, and every ask has its reply */
	WAITING_TIME
};

static struct {
	const struct simulation *simulation;
	struct fault *fault;
	bool serving, over;
	jmp_buf end;
	int status;

	uint64_t now_ms, over_ms;
	int64_t wall_ms; /* by how much the clock on the wall was set */
	uint64_t stop_ms, go_on_ms; /* the process is stopped between */
	uint64_t random;
	unsigned turns; /* since the clock last moved */

	const struct step *step; /* the next one */
	enum waiting waiting;
	uint64_t until_ms;
	unsigned turn; /* of an ask that repeats */
	uint16_t client_port;

	struct authority authority;
	struct witness witness;
	struct network network;
	struct packet *flight; /* by time of arrival */
	bool has_interfaces;   /* of the scenario's own */
	struct prefix refused[REFUSED_MAX];
	unsigned refused_count;

	char trace[TRACE_MAX];
	size_t trace_len;
} s;

static bool step_advance(void);

/* ---------------------------------------------------------------------------
 * Chance, traces, faults.
 */
static unsigned
dice(unsigned sides)
{
	return (unsigned)(random_next(&s.random) % sides);
}

void
world_trace(const char *format, ...)
{
	char line[8192];
	va_list args;
	size_t len;

	snprintf(line, sizeof(line), "%6llu.%03llu ",
	    (unsigned long long)s.now_ms / 1000,
	    (unsigned long long)s.now_ms % 1000);
	len = strlen(line);
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	strcat(line, "\n"); /* there is room */
	len = strlen(line);
	if (s.simulation->trace != NULL) {
		fputs(line, s.simulation->trace);
		fflush(s.simulation->trace);
	}
	if (s.trace_len + len >= TRACE_MAX) {
		memmove(s.trace, s.trace + TRACE_MAX / 2,
		    s.trace_len - TRACE_MAX / 2);
		s.trace_len -= TRACE_MAX / 2;
	}
	memcpy(s.trace + s.trace_len, line, len + 1);
	s.trace_len += len;
}

static void
trace_message(const char *what, const struct address *from,
    const struct address *to, const uint8_t *octets, size_t len)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX], text[6144];

	message_text(octets, len, text, sizeof(text));
	world_trace("%s %s > %s  %s", what, address_port_text(from, a),
	    address_port_text(to, b), text);
}

void
world_fault(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fault_at(s.fault, s.simulation->scenario, s.step, "%s", text);
}

/* It cannot go on: leave the server where it stands. */
void
world_give_up(const char *what)
{
	world_fault("%s\n", what);
	longjmp(s.end, 1);
}

void
world_exit(int status)
{
	s.status = status;
	longjmp(s.end, 1);
}

uint64_t
world_boot_ms(void)
{
	return BOOT_START_MS + s.now_ms;
}

int64_t
world_wall_ms(void)
{
	return WALL_START_MS + (int64_t)s.now_ms + s.wall_ms;
}

void
world_log(const char *text, size_t len)
{
	world_trace("log %.*s", (int)len - 1, text);
	witness_log(&s.witness, text, len);
}

/* ---------------------------------------------------------------------------
 * The network.
 */
static struct packet *
packet_make(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		abort();
	p->next = NULL;
	p->due_ms = s.now_ms;
	p->from = *from;
	p->to = *to;
	p->unreachable = false;
	p->len = len;
	if (len > 0)
		memcpy(p->octets, octets, len);
	return p;
}

/* It will arrive so much later. */
static void
packet_post(struct packet *p, unsigned delay_ms)
{
	struct packet **at = &s.flight;

	p->due_ms = s.now_ms + delay_ms;
	while (*at != NULL && (*at)->due_ms <= p->due_ms)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static void
packet_arrive(struct packet *p)
{
	if (p->unreachable)
		world_trace("an ICMP error arrives");
	else
		trace_message("arrives", &p->from, &p->to, p->octets, p->len);
	if (!kernel_deliver(p))
		world_trace("nobody is there for it");
}

static void
packets_deliver(void)
{
	while (s.flight != NULL && s.flight->due_ms <= s.now_ms) {
		struct packet *p = s.flight;

		s.flight = p->next;
		packet_arrive(p);
	}
}

/*
 * Where a query can never go, told anew and not by asking referral.c, which
 * is on trial here (DESIGN decision 5, rfcs.md 19.1).
 */
static bool
is_never(const struct address *to)
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
	for (i = 0; i < s.refused_count; i++)
		if (prefix_covers(&s.refused[i], to))
			return true;
	return false;
}

static void
destination_check(const struct address *to, const char *call)
{
	char text[ADDRESS_TEXT_MAX];

	if (is_never(to))
		world_fault("%s to %s, where no query may go\n", call,
		    address_port_text(to, text));
}

void
world_connect(const struct address *to)
{
	destination_check(to, "connect");
}

static unsigned
network_delay(void)
{
	const struct network *n = &s.network;

	return n->least_ms + dice(n->most_ms - n->least_ms + 1);
}

/* The datagrams of a name server set out for where the query came from. */
static void
datagrams_post(
    const struct address *to, const struct datagram *out, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		unsigned copies = 1 + (dice(100) < s.network.duplicate_percent);

		if (dice(100) < s.network.loss_percent) {
			world_trace("the network loses a reply");
			continue;
		}
		while (copies-- > 0) {
			struct packet *p = packet_make(&out[i].from, to,
			    out[i].octets, out[i].unreachable ? 0 : out[i].len);

			p->unreachable = out[i].unreachable;
			packet_post(p, network_delay() + out[i].delay_ms);
		}
	}
}

/* The query is at the name server's end; or lost, or nobody is there. */
static void
query_arrive(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	static struct datagram out[DATAGRAMS_MAX];
	struct packet *p;
	unsigned n;

	if (authority_listens(&s.authority, to)) {
		n = authority_answer(&s.authority, to, octets, len, out);
		if (dice(100) < s.network.loss_percent)
			world_trace("the network loses it");
		else
			datagrams_post(from, out, n);
	} else if (kernel_is_own(to)) {
		p = packet_make(to, from, NULL, 0);
		p->unreachable = true;
		packet_post(p, 0);
	} else {
		world_trace("nobody is there");
	}
}

void
world_query(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct witness *w = &s.witness;

	destination_check(to, "sendto");
	trace_message("query", from, to, octets, len);
	witness_query(w, to, octets, len, s.fault);
	w->sightings[w->sighting_count - 1].at_ms = s.now_ms;
	if (kernel_is_own(to) && kernel_listens(to, from)) {
		w->sightings[w->sighting_count - 1].self = true;
		packet_post(packet_make(from, to, octets, len), 0);
	} else {
		query_arrive(from, to, octets, len);
	}
}

void
world_answer(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	unsigned i;

	trace_message("answer", from, to, octets, len);
	for (i = s.witness.client_count; i-- > 0;) {
		struct client *c = &s.witness.clients[i];

		if (!address_equal(&c->from, to))
			continue;
		witness_reply(c, from, octets, len, s.now_ms);
		return;
	}
	world_trace("no client is there");
}

/* ---------------------------------------------------------------------------
 * Steps.
 */
static struct address
loopback(uint8_t family)
{
	struct address a = {.family = family};

	address_from_text(family == 6 ? "::1" : "127.0.0.1", &a);
	a.port = DNS_PORT;
	return a;
}

static void
client_ask(const struct step *step, unsigned nth)
{
	struct client *c = witness_client(
	    &s.witness, step, nth, (uint16_t)random_next(&s.random));

	if (c->to.family == 0)
		c->to = loopback(c->from.family);
	if (c->from.family == 0)
		c->from = loopback(c->to.family);
	if (c->from.port == DNS_PORT) {
		c->from.port = s.client_port++;
		if (s.client_port == CLIENT_PORT_LAST)
			s.client_port = CLIENT_PORT_FIRST;
	}
	c->asked_ms = s.now_ms;
	trace_message("ask", &c->from, &c->to, c->query, c->query_len);
	if (!kernel_deliver(
		packet_make(&c->from, &c->to, c->query, c->query_len)))
		world_trace("nobody listens there");
}

/* In a sweep, the last question finds a server that has recovered. */
static bool
is_last(const struct step *step)
{
	const struct step *later;

	for (later = step->next; later != NULL; later = later->next)
		if (later->kind == step->kind)
			return false;
	return step->kind == STEP_ASK || step->kind == STEP_EXPECT;
}

static void
step_ask(const struct step *step)
{
	unsigned n;

	if (s.simulation->failure != NULL && is_last(step)) {
		kernel_forget_first_failure();
		witness_excuse(&s.witness);
	}
	if (step->ask.in_turn)
		client_ask(step, ++s.turn);
	else
		for (n = 1; n <= step->ask.times; n++)
			client_ask(step, n);
	if (step->ask.waits) {
		s.waiting = WAITING_REPLY;
		s.until_ms = s.now_ms + WAIT_MAX_MS;
	}
}

static void
step_signal(int sig)
{
	if (!kernel_signal(sig))
		world_fault("the server does not take signal %d\n", sig);
}

/* A step that makes the world, before the server starts or later. */
static void
step_make(const struct step *step)
{
	switch (step->kind) {
	case STEP_ZONE:
		authority_publish(&s.authority, &step->zone);
		break;
	case STEP_RULE:
		authority_obey(&s.authority, &step->rule);
		break;
	case STEP_HINTS:
		kernel_hints(step->hints.text, step->hints.len);
		break;
	case STEP_INTERFACE:
		if (!s.has_interfaces)
			kernel_no_interfaces();
		s.has_interfaces = true;
		kernel_interface(&step->interface);
		break;
	case STEP_NETWORK:
		s.network = step->network;
		break;
	case STEP_FAILURE:
		kernel_fail(&step->failure);
		break;
	case STEP_FILES:
		kernel_limit_files(step->files);
		break;
	default:
		assert(step->kind == STEP_REFUSED);
		assert(s.refused_count < REFUSED_MAX);
		s.refused[s.refused_count++] = step->refused;
	}
}

static void
step_take(const struct step *step)
{
	switch (step->kind) {
	case STEP_ASK:
		step_ask(step);
		break;
	case STEP_EXPECT:
	case STEP_PACKETS:
	case STEP_GAPS:
	case STEP_LOG:
		if ((s.simulation->failure == NULL || is_last(step)) &&
		    !witness_judge(&s.witness, step, s.fault))
			world_trace("line %u does not come true", step->line);
		break;
	case STEP_WAIT:
		s.waiting = WAITING_TIME;
		s.until_ms = s.now_ms + (uint64_t)step->ms;
		break;
	case STEP_WALL:
		s.wall_ms += step->ms;
		break;
	case STEP_STOP:
		s.stop_ms = s.now_ms + (uint64_t)step->stop.in_ms;
		s.go_on_ms = s.stop_ms + (uint64_t)step->stop.for_ms;
		break;
	case STEP_SIGNAL:
		step_signal(step->signal);
		break;
	case STEP_EXIT:
		fault_at(s.fault, s.simulation->scenario, step,
		    "the server did not end but serve\n");
		break;
	default:
		step_make(step);
	}
}

/* Is what the last step waits for there, or is it too late for it? */
static bool
waiting_is_over(void)
{
	if (s.waiting == WAITING_REPLY && !witness_waits(&s.witness)) {
		s.waiting = WAITING_QUIET;
		if (s.until_ms > s.now_ms + SETTLE_MAX_MS)
			s.until_ms = s.now_ms + SETTLE_MAX_MS;
	}
	if (s.waiting == WAITING_QUIET && s.flight == NULL)
		s.waiting = WAITING_NOT;
	return s.waiting == WAITING_NOT || s.now_ms >= s.until_ms;
}

/* Take the next step if it is time; false: the clock must go on first. */
static bool
step_advance(void)
{
	const struct step *step = s.step;

	if (!waiting_is_over() && s.fault->text[0] == '\0')
		return false;
	s.waiting = WAITING_NOT;
	s.until_ms = UINT64_MAX;
	if (step != NULL && s.fault->text[0] == '\0') {
		step_take(step);
		if (step->kind == STEP_ASK && step->ask.in_turn &&
		    s.turn < step->ask.times)
			return true;
		s.turn = 0;
		s.step = step->next;
		return true;
	}
	if (s.over)
		return false;
	s.over = true;
	s.over_ms = s.now_ms;
	step_signal(SIGTERM);
	return true;
}

/* ---------------------------------------------------------------------------
 * epoll_wait: where the world goes on.
 */
static void
clock_move(uint64_t to_ms)
{
	assert(to_ms >= s.now_ms);
	if (s.now_ms < s.stop_ms && to_ms >= s.stop_ms && to_ms < s.go_on_ms)
		to_ms = s.go_on_ms; /* all that came due is due at once */
	if (to_ms > s.now_ms)
		s.turns = 0;
	s.now_ms = to_ms;
	if (s.over && s.now_ms > s.over_ms + END_MAX_MS)
		world_give_up("the server does not end on SIGTERM");
}

int
world_turn(struct epoll_event *events, int max, int timeout_ms)
{
	uint64_t until_ms = UINT64_MAX, next_ms;
	int n;

	if (timeout_ms >= 0)
		until_ms = s.now_ms + (uint64_t)timeout_ms;
	if (!s.serving) {
		s.serving = true;
		s.waiting = WAITING_QUIET;
		s.until_ms = s.now_ms + SETTLE_MAX_MS;
	}
	if (++s.turns > TURNS_MAX)
		world_give_up("the server spins");
	for (;;) {
		packets_deliver();
		n = kernel_events(events, max);
		if (n > 0 || s.now_ms >= until_ms)
			return n;
		if (step_advance())
			continue;
		next_ms = until_ms;
		if (s.flight != NULL && s.flight->due_ms < next_ms)
			next_ms = s.flight->due_ms;
		if (s.until_ms < next_ms)
			next_ms = s.until_ms;
		if (next_ms == UINT64_MAX)
			world_give_up("the server sleeps for ever");
		clock_move(next_ms);
	}
}

/* ---------------------------------------------------------------------------
 * A run.
 */
static void
world_make(const struct simulation *simulation)
{
	static const char *const own[] = {"203.0.113.53", "2001:db8:53::53"};
	struct interface eth0 = {.name = "eth0"};
	unsigned i;

	s.simulation = simulation;
	s.random = ~simulation->seed;
	s.until_ms = UINT64_MAX;
	s.client_port = CLIENT_PORT_FIRST;
	s.network.least_ms = s.network.most_ms = 10;
	s.witness.scenario = simulation->scenario;
	kernel_init(simulation->seed);
	kernel_hints(hints_default, sizeof(hints_default) - 1);
	for (i = 0; i < 2; i++) {
		prefix_from_text(own[i], &eth0.prefix);
		eth0.prefix.bits = i == 0 ? 24 : 64;
		kernel_interface(&eth0);
	}
	if (simulation->failure != NULL)
		kernel_fail(simulation->failure);
	for (s.step = simulation->scenario->steps;
	     s.step != NULL && s.step->kind < STEP_ASK; s.step = s.step->next)
		step_make(s.step);
}

/* HINTS and LOG stand for our files. */
static const char *
word_meant(const char *word)
{
	if (strcmp(word, "HINTS") == 0)
		return kernel_hints_path;
	return strcmp(word, "LOG") == 0 ? kernel_log_path : word;
}

/* The command line; NULL-ended, as main's is. */
static int
words_make(const struct scenario *scenario, char *words[COMMAND_WORDS_MAX + 1])
{
	static const char *const base[] = {
	    "-l", "127.0.0.1@53", "-r", "HINTS", "-e", "LOG"};
	static char text[COMMAND_WORDS_MAX][256];
	unsigned i;
	int n = 0;

	snprintf(text[n++], sizeof(text[0]), "dns");
	for (i = 0; i < 6 && !scenario->bare; i++)
		snprintf(text[n++], sizeof(text[0]), "%s", word_meant(base[i]));
	for (i = 0; i < scenario->option_count; i++)
		snprintf(text[n++], sizeof(text[0]), "%s",
		    word_meant(scenario->options[i]));
	for (i = 0; i < (unsigned)n; i++)
		words[i] = text[i];
	words[n] = NULL;
	return n;
}

/* Run the server to its end; its status, or -1 if it was left. */
static int
server_run(char *said, size_t said_max)
{
	char *words[COMMAND_WORDS_MAX + 1];
	int count = words_make(s.simulation->scenario, words);
	int keep = dup(STDERR_FILENO);
	ssize_t n;

	fflush(NULL);
	dup2(s.simulation->said, STDERR_FILENO);
	s.status = -1;
	if (setjmp(s.end) == 0) {
		kernel_run(true);
		s.status = dns_main(count, words);
	}
	kernel_run(false);
	fflush(NULL);
	dup2(keep, STDERR_FILENO);
	close(keep);
	n = pread(s.simulation->said, said, said_max - 1, 0);
	said[n < 0 ? 0 : n] = '\0';
	return s.status;
}

/* The server did not come to serve: was that wanted? */
static void
start_judge(int status, const char *said)
{
	const struct scenario *scenario = s.simulation->scenario;
	const struct step *step = s.step;

	if (s.simulation->failure != NULL) {
		if (status == 0 || said[0] == '\0')
			fault_at(s.fault, scenario, step,
			    "did not start, status %d, said: %s\n", status,
			    said);
	} else if (step == NULL || step->kind != STEP_EXIT) {
		fault_at(s.fault, scenario, step,
		    "the server ended with status %d before it served\n%s\n",
		    status, said);
	} else if (status != step->exit.status ||
	    strstr(said, step->exit.text) == NULL) {
		fault_at(s.fault, scenario, step,
		    "the server ended with status %d and said\n%s\n", status,
		    said);
	} else if (step->next != NULL) {
		fault_at(s.fault, scenario, step->next,
		    "the server has ended: no step can follow\n");
	}
}

static void
end_judge(int status, const char *said)
{
	const struct scenario *scenario = s.simulation->scenario;
	unsigned i;

	if (status != 0)
		fault_at(s.fault, scenario, s.step,
		    "the server ended with status %d\n%s\n", status, said);
	if (!s.over)
		fault_at(s.fault, scenario, s.step,
		    "the server ended by itself\n%s\n", said);
	if (kernel_files_open() > 0)
		fault_at(s.fault, scenario, NULL,
		    "%u descriptors were not closed\n", kernel_files_open());
	for (i = 0; i < s.witness.client_count; i++)
		if (s.witness.clients[i].replies > 1)
			fault_at(s.fault, scenario, s.witness.clients[i].ask,
			    "this ask got more than one reply\n");
}

/* The last of what happened, from the beginning of a line. */
static void
story_tell(struct fault *fault)
{
	size_t max = sizeof(fault->story) - 1;
	const char *from = s.trace;

	if (s.trace_len > max)
		from = strchr(s.trace + s.trace_len - max, '\n') + 1;
	memcpy(fault->story, from, strlen(from) + 1);
}

bool
simulator_run(
    const struct simulation *simulation, struct fault *fault, bool *failed)
{
	char said[2048];
	int status;

	assert(s.simulation == NULL); /* once in a process */
	s.fault = fault;
	world_make(simulation);
	status = server_run(said, sizeof(said));
	if (s.serving)
		end_judge(status, said);
	else
		start_judge(status, said);
	*failed = simulation->failure != NULL && kernel_first_failure_came();
	story_tell(fault);
	while (s.flight != NULL) {
		struct packet *p = s.flight;

		s.flight = p->next;
		free(p);
	}
	witness_free(&s.witness);
	return fault->text[0] == '\0';
}
