/*
 * simulator.c -- the world around the server: packets, clients, steps, time.
 *
 * The server calls epoll_wait when it has nothing left to do: that is where
 * the world goes on.  Datagrams that are due arrive, the next step of the
 * scenario is taken, or the clock moves to whatever comes next.  The same seed
 * gives the same run.
 */
#include "simulator.h"
#include "files.h"
#include "kernel.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SETTLE_MAX_MS = 1000,    /* waiting until no packet is under way */
	END_MAX_MS = 1000,       /* from SIGTERM to the end: attacks.md I14 */
	TURNS_MAX = 100000,      /* without time going on: the server spins */
	SYN_AGAIN_MS = 1000,     /* RFC 6298 2.1 */
	SYN_GIVE_UP_MS = 127000, /* net.ipv4.tcp_syn_retries = 6 */
	CLIENT_PORT_FIRST = 20000,
	CLIENT_PORT_LAST = 60000,
	TRANSLATIONS_MAX = 64,
	STALLED_WINDOW = 1024,
	COMMAND_REPLY_MAX = 16 << 20,
	WORKS_MAX = 64
};

/* 2026-11-23T00:00:00Z, when every simulation begins. */
static const int64_t WALL_START_MS = 1795392000000;
static const uint64_t BOOT_START_MS = 1000000;

enum waiting {
	WAITING_NOT,
	WAITING_QUIET,   /* until no packet is under way */
	WAITING_REPLY,   /* the same, and every ask has its reply */
	WAITING_COMMAND, /* until its reply has ended */
	WAITING_TIME
};

/* A query that NAT led back to us: a reply goes the same way. */
struct translation {
	struct address as; /* who it seemed to come from; family 0: nobody */
	struct address from, to;
	uint8_t octets[UDP_PLAIN_MAX]; /* as they were sent */
};

static struct {
	const struct simulation *simulation;
	struct driver d;
	bool serving, over;
	jmp_buf end;
	int status;

	uint64_t over_ms;
	int64_t wall_ms; /* by how much the clock on the wall was set */
	uint64_t stop_ms, go_on_ms; /* the process is stopped between ... */
	bool asleep;                /* ... and the whole machine */
	bool late;                  /* once it has been told of something */
	bool stopped;               /* it was, a moment ago */
	unsigned turns;             /* since the clock last moved */
	unsigned turn_count;        /* in all */
	unsigned command_turn;      /* by then, when the command was given */
	bool slept;

	enum waiting waiting;
	uint64_t until_ms;
	unsigned turn; /* of an ask that repeats */
	uint16_t client_port;
	struct buffer written,
	    metrics; /* of --metrics: being made, and there */
	unsigned metrics_writes;
	struct stream *command; /* whose reply is waited for; NULL: none */
	struct stream *streams; /* all there ever were */
	struct translation translations[TRANSLATIONS_MAX]; /* the last ones */
	unsigned translation_count;

	bool has_interfaces; /* of the scenario's own */
	struct {
		const char *name;
		uint64_t blocks;
	} works[WORKS_MAX];
	unsigned work_count;
	uint64_t work_before; /* when the last of them ended */
} s;

static bool step_advance(void);
static void segment_arrive(struct packet *);
static void ends_fill(struct address *, struct address *);

/* ---------------------------------------------------------------------------
 * For the calls of kernel.c.
 */
void
world_trace(const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	driver_trace(&s.d, "%s", text);
}

void
world_fault(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	driver_fault(&s.d, "%s", text);
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
	return BOOT_START_MS + s.d.now_ms;
}

int64_t
world_wall_ms(void)
{
	return WALL_START_MS + (int64_t)s.d.now_ms + s.wall_ms;
}

void
world_metrics(const char *text, size_t len)
{
	buffer_drop(&s.written, s.written.len);
	buffer_put(&s.written, (const uint8_t *)text, len);
}

void
world_metrics_done(void)
{
	world_trace("the metrics are written");
	buffer_drop(&s.metrics, s.metrics.len);
	buffer_put(&s.metrics, s.written.octets, s.written.len);
	buffer_put(&s.metrics, (const uint8_t *)"", 1);
	s.metrics_writes++;
}

void
world_log(const char *text, size_t len)
{
	world_trace("log %.*s", (int)len - 1, text);
	witness_log(&s.d.witness, text, len);
}

/* ---------------------------------------------------------------------------
 * The network.
 */
static void
packet_arrive(struct packet *p)
{
	if (p->kind != PACKET_DATAGRAM) {
		segment_arrive(p);
		return;
	}
	if (p->unreachable)
		world_trace("an ICMP error arrives");
	else
		driver_trace_message(
		    &s.d, "arrives", &p->from, &p->to, p->octets, p->len);
	if (!kernel_deliver(p))
		world_trace("nobody is there for it");
}

static void
packets_deliver(void)
{
	struct packet *p;

	while ((p = packet_due(&s.d)) != NULL)
		packet_arrive(p);
}

void
world_connect(const struct address *to)
{
	driver_check_destination(&s.d, to, "connect");
}

/* Does NAT lead the query back to us?  Then from another port of its own. */
static bool
query_translate(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	static struct datagram back;
	const struct rule *rule =
	    authority_loop(&s.d.authority, to, octets, len, &back);
	struct translation *t;
	struct address here;

	if (rule == NULL)
		return false;
	here = rule->loops_to;
	t = &s.translations[s.translation_count++ % TRANSLATIONS_MAX];
	t->as = t->to = *to;
	t->from = *from;
	ends_fill(&t->as, &here);
	assert(len <= sizeof(t->octets));
	memcpy(t->octets, octets, len);
	if (rule->copied)
		t->from.family = 0;
	packet_post(&s.d, packet_make(&t->as, &here, back.octets, back.len), 0);
	return !rule->copied;
}

/* The same for what we answer, with the ID and the name as they were. */
static bool
answer_translate(const struct address *to, const uint8_t *octets, size_t len)
{
	struct packet *p;
	unsigned i;

	for (i = 0; i < TRANSLATIONS_MAX; i++) {
		const struct translation *t = &s.translations[i];
		size_t name = HEADER_LEN;

		if (!address_equal(&t->as, to))
			continue;
		if (t->from.family == 0)
			return true; /* nobody waits for it there */
		while (t->octets[name] != 0)
			name += 1u + t->octets[name];
		p = packet_make(&t->to, &t->from, octets, len);
		memcpy(p->octets, t->octets, 2);
		memcpy(p->octets + HEADER_LEN, t->octets + HEADER_LEN,
		    name - HEADER_LEN);
		packet_post(&s.d, p, network_delay(&s.d));
		return true;
	}
	return false;
}

/* The query is at the other end: a name server's, this host's, or nobody's. */
static void
query_arrive(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct packet *p;

	if (query_translate(from, to, octets, len) ||
	    driver_serve(&s.d, from, to, octets, len))
		return;
	if (host_is_own(to)) {
		p = packet_make(to, from, NULL, 0);
		p->unreachable = true;
		packet_post(&s.d, p, 0);
	} else {
		world_trace("nobody is there");
	}
}

void
world_query(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct witness *w = &s.d.witness;

	driver_check_destination(&s.d, to, "sendto");
	driver_check_port(&s.d, from);
	driver_trace_message(&s.d, "query", from, to, octets, len);
	witness_query(w, to, TRANSPORT_UDP, octets, len, s.d.fault);
	w->sightings[w->sighting_count - 1].at_ms = s.d.now_ms;
	w->sightings[w->sighting_count - 1].from = *from;
	if (host_is_own(to) && kernel_listens(to, from)) {
		w->sightings[w->sighting_count - 1].self = true;
		packet_post(&s.d, packet_make(from, to, octets, len), 0);
	} else {
		query_arrive(from, to, octets, len);
	}
}

/*
 * On whose account a query is the server tells at level debug alone, and only
 * if somebody listens; but for every other seed, we do.
 */
__typeof__(eventlog_is_tracing) __real_eventlog_is_tracing;
__typeof__(eventlog_is_tracing) __wrap_eventlog_is_tracing;
__typeof__(eventlog_query_sent) __real_eventlog_query_sent;
__typeof__(eventlog_query_sent) __wrap_eventlog_query_sent;

bool
__wrap_eventlog_is_tracing(void)
{
	return (s.simulation != NULL && s.simulation->seed % 2 != 0) ||
	    __real_eventlog_is_tracing();
}

void
__wrap_eventlog_query_sent(
    const struct incident *i, const struct drawing *drawn, uint64_t wait_ms)
{
	if (s.simulation != NULL)
		witness_charged(&s.d.witness, i, s.d.fault);
	__real_eventlog_query_sent(i, drawn, wait_ms);
}

void
world_answer(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	unsigned i;

	driver_trace_message(&s.d, "answer", from, to, octets, len);
	if (answer_translate(to, octets, len))
		return;
	for (i = s.d.witness.client_count; i-- > 0;) {
		struct client *c = &s.d.witness.clients[i];

		if (!address_equal(&c->from, to))
			continue;
		witness_reply(c, from, octets, len, s.d.now_ms);
		return;
	}
	world_trace("no client is there");
}

/* ---------------------------------------------------------------------------
 * Connections.  What the server sends is at the other end at once; what comes
 * to it is under way.
 */
static void
trace_stream(const struct stream *t, const char *what)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];

	world_trace("tcp %s %s %s", address_port_text(&t->here, a),
	    address_port_text(&t->there, b), what);
}

static void
stream_keep(struct stream *t)
{
	t->next = s.streams;
	s.streams = t;
}

static struct packet *
segment_make(
    struct stream *t, enum packet_kind kind, const uint8_t *octets, size_t len)
{
	struct packet *p = packet_make(&t->there, &t->here, octets, len);

	p->kind = kind;
	p->over = t;
	return p;
}

/* The server tries to connect. */
void
world_dial(struct stream *t)
{
	struct witness *w = &s.d.witness;
	enum packet_kind kind = PACKET_GIVE_UP;
	unsigned delay_ms = SYN_GIVE_UP_MS;
	enum welcome welcome = WELCOME_NOTHING;

	stream_keep(t);
	trace_stream(t, "connect");
	witness_dialled(w, &t->there);
	w->sightings[w->sighting_count - 1].at_ms = s.d.now_ms;
	w->sightings[w->sighting_count - 1].from = t->here;
	w->sightings[w->sighting_count - 1].self =
	    host_is_own(&t->there) && kernel_listens(&t->there, &t->here);
	if (authority_listens(&s.d.authority, &t->there))
		welcome = authority_welcome(&s.d.authority, &t->there);
	else if (host_is_own(&t->there))
		welcome = WELCOME_REFUSED;
	if (welcome != WELCOME_NOTHING) {
		kind = welcome == WELCOME_OPEN ? PACKET_OPENED : PACKET_REFUSED;
		delay_ms = network_delay(&s.d);
	}
	packet_post(&s.d, segment_make(t, kind, NULL, 0), delay_ms);
}

/* A client has octets before it; when it is gone, RST is its answer. */
static void
client_read(struct stream *t)
{
	if (t->client->left)
		connection_end(&s.d, t->client, true);
	else
		connection_read(&s.d, t->client, t->out.octets, t->out.len);
	buffer_drop(&t->out, t->out.len);
}

static void
client_look(struct stream *t)
{
	struct connection *on = t->client;

	if (t->dead || on->ended)
		return;
	if (!t->aborted && t->stalled)
		return;
	if (t->out.len > 0)
		client_read(t);
	if (t->held)
		return;
	trace_stream(t, t->aborted ? "reset" : "fin");
	witness_ended(&s.d.witness, on, t->aborted, s.d.now_ms, s.d.fault);
	if (!t->aborted)
		connection_end(&s.d, on, false);
}

/* The reply to a command is kept until it has ended. */
static void
command_look(struct stream *t)
{
	unsigned turns = s.turn_count - s.command_turn;

	if (t->held || t != s.command)
		return;
	s.command = NULL;
	buffer_put(&t->out, (const uint8_t *)"", 1);
	world_trace("control %s: %s", t->step->control.command,
	    (const char *)t->out.octets);
	if (s.simulation->failure == NULL)
		(void)witness_control(&s.d.witness, t->step,
		    (const char *)t->out.octets, t->writes, s.d.fault);
	if (turns < t->step->control.turns)
		fault_at(s.d.fault, s.simulation->scenario, t->step,
		    "it took %u turns\n", turns);
}

/* Nobody is there any more for what was sent. */
static void
reset_post(struct stream *t)
{
	struct packet *p = segment_make(t, PACKET_STREAM, NULL, 0);

	p->reset = true;
	packet_post(&s.d, p, network_delay(&s.d));
}

void
world_look(struct stream *t)
{
	if (t->step != NULL) {
		command_look(t);
	} else if (t->client != NULL) {
		client_look(t);
	} else if (t->session != NULL) {
		if (t->out.len > 0 && t->session->closed)
			reset_post(t);
		else if (t->out.len > 0)
			session_read(
			    &s.d, t->session, t->out.octets, t->out.len);
		buffer_drop(&t->out, t->out.len);
		if (!t->held) {
			trace_stream(t, t->aborted ? "reset" : "fin");
			session_close(t->session);
		}
	}
}

size_t
world_window(const struct address *server)
{
	unsigned sip = authority_sip(&s.d.authority, server);

	return sip < WINDOW_DEFAULT ? sip : WINDOW_DEFAULT;
}

/* Who is near enough has answered a message before the next one is sent. */
void
world_written(struct stream *t)
{
	if (t->client != NULL)
		t->client->writes++;
	t->writes++;
	world_look(t);
	if (t->session != NULL)
		packets_deliver();
}

static void
client_knock(struct stream *t)
{
	switch (kernel_knock(t)) {
	case WELCOME_OPEN:
		stream_opened(t);
		break;
	case WELCOME_REFUSED:
		trace_stream(t, "refused");
		t->held = false;
		witness_ended(
		    &s.d.witness, t->client, true, s.d.now_ms, s.d.fault);
		break;
	default:
		packet_post(
		    &s.d, segment_make(t, PACKET_KNOCK, NULL, 0), SYN_AGAIN_MS);
	}
}

/* What the other end sent is here. */
static void
octets_arrive(struct stream *t, struct packet *p)
{
	char text[64];
	bool whole = p->session != NULL && p->len > PREFIX_LEN &&
	    (size_t)(p->octets[0] << 8 | p->octets[1]) + PREFIX_LEN == p->len;

	if (whole)
		driver_trace_message(&s.d, "tcp arrives", &t->there, &t->here,
		    p->octets + PREFIX_LEN, p->len - PREFIX_LEN);
	snprintf(text, sizeof(text), "gets %zu octets%s", p->len,
	    p->fin         ? ", fin"
		: p->reset ? ", reset"
			   : "");
	trace_stream(t, text);
	if (p->len > 0)
		stream_arrive(t, p->octets, p->len);
	if (p->fin)
		stream_end(t);
	if (p->reset)
		stream_reset(t);
}

static void
segment_arrive(struct packet *p)
{
	struct stream *t = p->over;

	if (p->kind == PACKET_STREAM && t->opening && t->held) {
		packet_post(&s.d, p, SYN_AGAIN_MS);
		return;
	}
	if (!t->held) {
		trace_stream(t, "is not there any more");
	} else if (p->kind == PACKET_STREAM) {
		octets_arrive(t, p);
	} else if (p->kind == PACKET_KNOCK) {
		client_knock(t);
	} else if (p->kind == PACKET_OPENED) {
		trace_stream(t, "is open");
		stream_opened(t);
		t->session = session_open(&s.d, &t->here, &t->there, t);
	} else {
		trace_stream(t, "is not opened");
		stream_failed(
		    t, p->kind == PACKET_REFUSED ? ECONNREFUSED : ETIMEDOUT);
	}
	free(p);
}

static void
streams_free(void)
{
	struct stream *t;

	while ((t = s.streams) != NULL) {
		s.streams = t->next;
		stream_free(t);
	}
}

/* ---------------------------------------------------------------------------
 * Steps.
 */

/* Whoever asks nobody in particular, or from nowhere, does it here. */
static void
ends_fill(struct address *from, struct address *to)
{
	if (to->family == 0)
		*to = loopback_address(from->family);
	if (from->family == 0)
		*from = loopback_address(to->family);
	if (from->port == DNS_PORT) {
		from->port = s.client_port++;
		if (s.client_port == CLIENT_PORT_LAST)
			s.client_port = CLIENT_PORT_FIRST;
	}
}

static struct connection *
client_connect(const struct step *step, unsigned nth)
{
	struct connection *on = witness_connect(&s.d.witness, step, nth);
	struct stream *t;

	ends_fill(&on->from, &on->to);
	t = stream_new(&on->to, &on->from,
	    step->kind == STEP_CONNECT ? step->connect.window : WINDOW_DEFAULT);
	stream_keep(t);
	t->client = on;
	on->driver = t;
	on->said_ms = s.d.now_ms;
	trace_stream(t, "a client connects");
	client_knock(t);
	return on;
}

static void
step_connect(const struct step *step)
{
	unsigned n;

	for (n = 1; n <= step->connect.times; n++)
		client_connect(step, n);
}

/* What the client of this connection does. */
static void
client_do(const struct step *step, struct connection *on)
{
	struct stream *t = on->driver;

	on->said_ms = s.d.now_ms;
	switch (step->kind) {
	case STEP_SEND:
	case STEP_SHUT:
	case STEP_RESET:
		connection_do(&s.d, on, step);
		break;
	case STEP_CLOSE:
		on->left = true;
		connection_end(&s.d, on, t->out.len > 0);
		break;
	default:
		t->stalled = step->kind == STEP_STALL;
		client_look(t);
	}
}

static void
step_connections(const struct step *step)
{
	const struct connections *all =
	    step->kind == STEP_SEND ? &step->send.on : &step->connections;
	struct connection *on;
	unsigned n;

	for (n = 1; (on = witness_connection(&s.d.witness, all, n)) != NULL;
	     n++)
		client_do(step, on);
	connections_flush(&s.d);
}

static void
client_ask(const struct step *step, unsigned nth)
{
	struct client *c = witness_client(
	    &s.d.witness, step, nth, (uint16_t)random_next(&s.d.random), NULL);

	ends_fill(&c->from, &c->to);
	c->asked_ms = s.d.now_ms;
	driver_trace_message(
	    &s.d, "ask", &c->from, &c->to, c->query, c->query_len);
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

/* One time: over UDP, or on each of the connections. */
static void
step_ask_once(const struct step *step, unsigned nth)
{
	const struct connections *all = &step->ask.on;
	unsigned width = all->last - all->first + 1, i;

	if (step->ask.tcp)
		connection_ask(&s.d, client_connect(step, nth), step, nth);
	else if (all->connect == NULL)
		client_ask(step, nth);
	else
		for (i = 1; i <= width; i++)
			connection_ask(&s.d,
			    witness_connection(&s.d.witness, all, i), step,
			    (nth - 1) * width + i);
}

static void
step_ask(const struct step *step)
{
	unsigned n;

	if (s.d.witness.troubled && is_last(step)) {
		kernel_forget_first_failure();
		witness_excuse(&s.d.witness);
	}
	if (step->ask.in_turn)
		step_ask_once(step, ++s.turn);
	else
		for (n = 1; n <= step->ask.times; n++)
			step_ask_once(step, n);
	if (step->ask.waits || step->next == NULL ||
	    step->next->kind != STEP_ASK)
		connections_flush(&s.d);
	if (step->ask.every_ms > 0 && s.turn < step->ask.times) {
		s.waiting = WAITING_TIME;
		s.until_ms = s.d.now_ms + (uint64_t)step->ask.every_ms;
	} else if (step->ask.waits) {
		s.waiting = WAITING_REPLY;
		s.until_ms = s.d.now_ms + WAIT_MAX_MS;
	}
}

/* Who is stalled has room for a little that he does not read. */
static void
step_control(const struct step *step)
{
	static const struct address none;
	const char *command = step->control.command;
	struct stream *t = stream_new(&none, &none,
	    step->control.stalled ? STALLED_WINDOW : COMMAND_REPLY_MAX);

	stream_keep(t);
	t->step = step;
	if (kernel_knock(t) != WELCOME_OPEN) {
		world_fault("nobody takes commands\n");
		return;
	}
	stream_opened(t);
	stream_arrive(t, (const uint8_t *)command, strlen(command));
	stream_arrive(t, (const uint8_t *)"\n", 1);
	if (step->control.stalled)
		return;
	s.command = t;
	s.command_turn = s.turn_count;
	s.waiting = WAITING_COMMAND;
	s.until_ms = s.d.now_ms + WAIT_MAX_MS;
}

static uint64_t
work_most(const struct work *work)
{
	unsigned i;

	if (work->other == NULL)
		return work->blocks > 0 ? work->blocks : UINT64_MAX;
	for (i = 0; strcmp(s.works[i].name, work->other) != 0; i++)
		;
	return s.works[i].blocks * work->percent / 100;
}

static void
step_work(const struct step *step)
{
	uint64_t done = kernel_blocks() - s.work_before;

	world_trace("work %s: %llu", step->work.name, (unsigned long long)done);
	if (done == 0 || done > work_most(&step->work) ||
	    s.work_count == WORKS_MAX) {
		fault_at(s.d.fault, s.simulation->scenario, step,
		    "the work was %llu blocks\n", (unsigned long long)done);
		return;
	}
	s.works[s.work_count].name = step->work.name;
	s.works[s.work_count++].blocks = done;
	s.work_before = kernel_blocks();
}

static void
world_signal(int sig)
{
	if (!kernel_signal(sig))
		world_fault("the server does not take signal %d\n", sig);
}

static void
step_signal(const struct step *step)
{
	world_signal(step->signal);
}

/* A step that makes the world, before the server starts or later. */
static void
step_make(const struct step *step)
{
	if (driver_make(&s.d, step))
		return;
	switch (step->kind) {
	case STEP_HINTS:
		files_edit(&step->hints, world_wall_ms());
		break;
	case STEP_INTERFACE:
		if (!s.has_interfaces && !s.serving && !step->interface.down)
			host_no_interfaces();
		s.has_interfaces = true;
		host_interface(&step->interface);
		kernel_notify(step);
		break;
	case STEP_ROUTE:
		host_route(&step->route);
		kernel_notify(step);
		break;
	case STEP_FAILURE:
		kernel_fail(&step->failure);
		break;
	case STEP_PORTS:
		kernel_set_ports(&step->ports);
		break;
	default:
		assert(step->kind == STEP_FILES);
		kernel_limit_files(step->files);
	}
}

static void
step_judge(const struct step *step)
{
	if (!witness_judge(&s.d.witness, step, s.d.fault))
		world_trace("line %u does not come true", step->line);
}

static void
step_wait(const struct step *step)
{
	s.waiting = WAITING_TIME;
	s.until_ms = s.d.now_ms + (uint64_t)step->ms;
}

static void
step_wall(const struct step *step)
{
	s.wall_ms += step->ms;
}

static void
step_stop(const struct step *step)
{
	s.stop_ms = s.d.now_ms + (uint64_t)step->stop.in_ms;
	s.go_on_ms = s.stop_ms + (uint64_t)step->stop.for_ms;
	s.asleep = step->stop.asleep;
	s.late = step->stop.late;
}

static void
step_metrics(const struct step *step)
{
	if (s.simulation->failure == NULL)
		(void)witness_metrics(&s.d.witness, step,
		    s.metrics.len > 0 ? (const char *)s.metrics.octets : "",
		    s.metrics_writes, s.d.fault);
}

static void
step_exit(const struct step *step)
{
	fault_at(s.d.fault, s.simulation->scenario, step,
	    "the server did not end but serve\n");
}

/* What comes before the first of these makes the world. */
static void
step_take(const struct step *step)
{
	static void (*const steps[])(const struct step *) = {
	    [STEP_ASK] = step_ask,
	    [STEP_EXPECT] = step_judge,
	    [STEP_CONNECT] = step_connect,
	    [STEP_SEND] = step_connections,
	    [STEP_SHUT] = step_connections,
	    [STEP_CLOSE] = step_connections,
	    [STEP_RESET] = step_connections,
	    [STEP_STALL] = step_connections,
	    [STEP_READ] = step_connections,
	    [STEP_CLOSED] = step_judge,
	    [STEP_OPEN] = step_judge,
	    [STEP_WRITES] = step_judge,
	    [STEP_CONNECTIONS] = step_judge,
	    [STEP_PACKETS] = step_judge,
	    [STEP_GAPS] = step_judge,
	    [STEP_LOG] = step_judge,
	    [STEP_WAIT] = step_wait,
	    [STEP_WALL] = step_wall,
	    [STEP_WORK] = step_work,
	    [STEP_STOP] = step_stop,
	    [STEP_SIGNAL] = step_signal,
	    [STEP_CONTROL] = step_control,
	    [STEP_METRICS] = step_metrics,
	    [STEP_EXIT] = step_exit,
	};

	if (step->kind < STEP_ASK)
		step_make(step);
	else
		steps[step->kind](step);
}

/* Is what the last step waits for there, or is it too late for it? */
static bool
waiting_is_over(void)
{
	if (s.waiting == WAITING_REPLY && !witness_waits(&s.d.witness)) {
		s.waiting = WAITING_QUIET;
		if (s.until_ms > s.d.now_ms + SETTLE_MAX_MS)
			s.until_ms = s.d.now_ms + SETTLE_MAX_MS;
	}
	if (s.waiting == WAITING_QUIET && s.d.flight == NULL)
		s.waiting = WAITING_NOT;
	if (s.waiting == WAITING_COMMAND && s.command == NULL)
		s.waiting = WAITING_NOT;
	if (s.waiting == WAITING_COMMAND && s.d.now_ms >= s.until_ms) {
		if (s.simulation->failure == NULL)
			world_fault("the reply does not end\n");
		s.command = NULL;
	}
	return s.waiting == WAITING_NOT || s.d.now_ms >= s.until_ms;
}

static const struct step *
steps_more(void)
{
	const struct step *step;

	if (s.simulation->more == NULL || s.over)
		return NULL;
	kernel_run(false);
	step = s.simulation->more();
	kernel_run(true);
	return step;
}

/* Of commands that nobody waits for the next is there in the same turn. */
static bool
is_beside_next(const struct step *step)
{
	return step->kind == STEP_CONTROL && step->control.stalled &&
	    step->next != NULL && step->next->kind == STEP_CONTROL;
}

/* Take the next step if it is time; false: the clock must go on first. */
static bool
step_advance(void)
{
	const struct step *step;

	if (!waiting_is_over() && s.d.fault->text[0] == '\0')
		return false;
	s.waiting = WAITING_NOT;
	s.until_ms = UINT64_MAX;
	if (s.d.step == NULL)
		s.d.step = steps_more();
	step = s.d.step;
	if (step != NULL && s.d.fault->text[0] == '\0') {
		for (; is_beside_next(step); step = step->next)
			step_take(step);
		step_take(step);
		if (step->kind == STEP_ASK && step->ask.in_turn &&
		    s.turn < step->ask.times)
			return true;
		s.turn = 0;
		s.d.step = step->next;
		return true;
	}
	if (s.over)
		return false;
	s.over = true;
	s.over_ms = s.d.now_ms;
	world_signal(SIGTERM);
	return true;
}

/* ---------------------------------------------------------------------------
 * epoll_wait: where the world goes on.
 */
/* What was on its way to this host is lost; over TCP it is sent again. */
static void
datagrams_lose(void)
{
	struct packet **at = &s.d.flight, *p;

	while ((p = *at) != NULL)
		if (p->kind == PACKET_DATAGRAM) {
			*at = p->next;
			free(p);
		} else {
			at = &p->next;
		}
}

static void
clock_move(uint64_t to_ms)
{
	assert(to_ms >= s.d.now_ms);
	s.stopped = !s.late && s.d.now_ms < s.stop_ms && to_ms >= s.stop_ms;
	if (s.stopped && to_ms < s.go_on_ms)
		to_ms = s.go_on_ms; /* all that came due is due at once */
	if (s.stopped && s.asleep)
		datagrams_lose();
	if (to_ms > s.d.now_ms)
		s.turns = 0;
	s.d.now_ms = to_ms;
	if (s.over && s.d.now_ms > s.over_ms + END_MAX_MS)
		world_give_up("the server does not end on SIGTERM");
}

/* It is about to look at what it was told of: is it stopped before it does? */
static void
stop_late(int told)
{
	if (!s.late || told == 0 || s.d.now_ms < s.stop_ms)
		return;
	s.late = false;
	clock_move(s.go_on_ms);
}

int
world_turn(struct epoll_event *events, int max, int timeout_ms)
{
	uint64_t until_ms = UINT64_MAX, next_ms;
	int n;

	if (timeout_ms >= 0)
		until_ms = s.d.now_ms + (uint64_t)timeout_ms;
	if (!s.serving) {
		s.serving = true;
		s.waiting = WAITING_QUIET;
		s.until_ms = s.d.now_ms + SETTLE_MAX_MS;
	}
	if (++s.turns > TURNS_MAX)
		world_give_up("the server spins");
	if (++s.turn_count == s.simulation->sleep.turn &&
	    s.d.witness.troubled) {
		world_trace("the machine sleeps");
		datagrams_lose();
		clock_move(s.d.now_ms + s.simulation->sleep.for_ms);
		s.slept = true;
	}
	for (;;) {
		packets_deliver();
		n = kernel_events(events, max);
		if (n > 0 || s.d.now_ms >= until_ms) {
			stop_late(n);
			return n;
		}
		if (step_advance())
			continue;
		next_ms = packet_next_due(&s.d);
		if (until_ms < next_ms)
			next_ms = until_ms;
		if (s.until_ms < next_ms)
			next_ms = s.until_ms;
		if (next_ms == UINT64_MAX)
			world_give_up("the server sleeps for ever");
		clock_move(next_ms);
		if (s.stopped) { /* Linux: signal(7) */
			errno = EINTR;
			return -1;
		}
	}
}

/* ---------------------------------------------------------------------------
 * A run.
 */

/* As it comes, and for every third seed as wide as it goes. */
static const struct ports kernel_ports[] = {{32768, 60999}, {1024, 65535}};

static void
world_make(const struct simulation *simulation, struct fault *fault)
{
	const struct hints_edit hints = {
	    HINTS_WRITTEN, driver_hints, strlen(driver_hints)};

	s.simulation = simulation;
	driver_init(&s.d, simulation->scenario, fault, simulation->trace,
	    ~simulation->seed);
	s.until_ms = UINT64_MAX;
	s.client_port = CLIENT_PORT_FIRST;
	s.d.network.least_ms = s.d.network.most_ms = 10;
	kernel_init(simulation->seed);
	kernel_set_ports(&kernel_ports[simulation->seed % 3 == 0]);
	files_edit(&hints, world_wall_ms());
	host_interface(&driver_interfaces[0]);
	host_interface(&driver_interfaces[1]);
	s.d.witness.troubled =
	    simulation->failure != NULL || simulation->sleep.turn > 0;
	if (simulation->failure != NULL)
		kernel_fail(simulation->failure);
	for (; s.d.step != NULL && s.d.step->kind < STEP_ASK;
	     s.d.step = s.d.step->next)
		step_make(s.d.step);
}

/* Run the server to its end; its status, or -1 if it was left. */
static int
server_run(char *said, size_t said_max)
{
	char *words[COMMAND_WORDS_MAX + 1];
	int count = driver_words(s.simulation->scenario, files_hints_path,
	    files_log_path, files_control_path, files_metrics_path, words);
	int keep = dup(STDERR_FILENO);
	ssize_t n;

	fflush(NULL);
	dup2(s.simulation->said, STDERR_FILENO);
	s.status = -1;
	unsetenv("NOTIFY_SOCKET"); /* who started us need not hear of it */
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

/*
 * The server did not come to serve: was that wanted?  Where a call failed, it
 * says why in one line.
 */
static void
start_judge(int status, const char *said)
{
	const char *end = strchr(said, '\n');

	if (s.simulation->failure == NULL)
		driver_judge_start(&s.d, status, said);
	else if (status != 2 || strncmp(said, "dns: ", 5) != 0 || end == NULL ||
	    end[1] != '\0')
		driver_fault(
		    &s.d, "did not start, status %d, said: %s\n", status, said);
}

static void
end_judge(int status, const char *said)
{
	if (status != 0)
		driver_fault(&s.d, "the server ended with status %d\n%s\n",
		    status, said);
	if (!s.over)
		driver_fault(&s.d, "the server ended by itself\n%s\n", said);
	if (kernel_files_open() > 0)
		fault_at(s.d.fault, s.d.scenario, NULL,
		    "%u descriptors were not closed\n", kernel_files_open());
	driver_judge_end(&s.d);
}

bool
simulator_run(const struct simulation *simulation, struct fault *fault,
    bool *trouble_came)
{
	char said[2048];
	int status;

	assert(s.simulation == NULL); /* once in a process */
	world_make(simulation, fault);
	status = server_run(said, sizeof(said));
	if (s.serving)
		end_judge(status, said);
	else
		start_judge(status, said);
	*trouble_came = s.slept ||
	    (simulation->failure != NULL && kernel_first_failure_came());
	if (simulation->review != NULL)
		simulation->review(&s.d.witness, simulation, fault);
	driver_end(&s.d);
	buffer_free(&s.written);
	buffer_free(&s.metrics);
	streams_free();
	return fault->text[0] == '\0';
}
