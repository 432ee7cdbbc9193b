/*
 * namespace.c -- the run of a scenario with the real program and kernel.
 *
 * The server runs "here", alone.  This process plays everybody else: clients
 * on this host and in the world, and every name server.  Queries are counted
 * as they leave, on whatever interface, and not as they arrive: nothing that
 * the server sends goes unseen.
 *
 * Nothing sleeps for a fixed time.  Steps wait for a reply, a line, or until
 * all is quiet: the server waits for events, has read all that came to it, and
 * nothing is on its way.
 */
#include "namespace.h"
#include "driver.h"
#include "netns.h"
#include "players.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LASTS_MAX_MS = 3000,  /* waited for, before it is left */
	EDITS_MAX_MS = 10000, /* the same, if files change meanwhile */
	JUDGE_MAX_MS = 2000,  /* for what is not so yet */
	CLIENTS_MAX = 1000,   /* at once */
	BURST = 32,           /* questions, then the server may catch up */
	AT_ONCE_MAX = 128,    /* clients before any name server replies */
	START_MAX_MS = 10000, /* until the server serves */
	SETTLE_MAX_MS = 1000, /* until no packet is under way */
	END_MAX_MS = 10000,   /* from SIGTERM to the end */
	TICK_MS = 1,          /* nobody tells when a process goes to sleep */
	SILENCE_MS = 100,     /* of a server costs each question, about */
	FILES_SOFT = 1024,    /* the limits that the server finds */
	FILES_HARD = 8192,
	LISTENERS = 64,
	DIALS_MAX = 256,
	EVENTS = 64,
	PATH_LEN_MAX = 256,
	SAID_MAX = 4096
};

/* Where an event comes from, if it is not for a player. */
enum source {
	SOURCE_WATCH,
	SOURCE_CHILD,
	SOURCE_LOG,
	SOURCES
};

static struct {
	const struct run *run;
	struct driver d;
	struct netns net;
	struct watch watch;
	int epoll, child, inotify;
	struct timespec start;
	uint64_t turned_ms; /* when we last took in what came */
	unsigned late_ms;   /* so long did something have to wait for us */

	char hints[PATH_LEN_MAX], log[PATH_LEN_MAX], said[PATH_LEN_MAX];
	char control[PATH_LEN_MAX], metrics[PATH_LEN_MAX];
	int log_fd;
	char log_part[LOG_LINE_MAX]; /* a line that has not its end yet */
	size_t log_part_len;

	pid_t server;
	bool serves, stopped, over, ended;
	int status;
	struct address listeners[LISTENERS];
	unsigned listener_count;
	uint64_t stop_ms, go_on_ms; /* it is stopped between; or UINT64_MAX */

	struct {
		struct address from, to;
		uint32_t first;
	} dials[DIALS_MAX]; /* connections that the server tried lately */
	unsigned dial_count;

	unsigned answers; /* that the server sent over UDP */
	unsigned idle;    /* found so, so often in a row */
	bool touched;     /* something happened since this was cleared */
} n;

static void turn(uint64_t until_ms);

/* ---------------------------------------------------------------------------
 * What is left to the simulator.
 */
const char *const left_texts[LEFTS][2] = {
    [LEFT_CALL] = {"call", "a system call is made to fail"},
    [LEFT_TIME] = {"time", "it takes long, or is about time"},
    [LEFT_CLOCK] = {"clock", "the clock on the wall is set"},
    [LEFT_CROWD] = {"crowd", "more clients at once than this process can be"},
    [LEFT_SOURCE] = {"source", "a client asks from or to where no packet can"},
    [LEFT_FILE] = {"file", "a file is as no file of this process can be"},
    [LEFT_WINDOW] = {"window", "somebody takes octets by the count"},
    [LEFT_STEP] = {"step", "it has a step that only the simulator can take"},
};

uint64_t
scenario_lasts_ms(const struct scenario *s)
{
	uint64_t lasts_ms = 0, each_ms = 0;
	const struct step *step;

	for (step = s->steps; step != NULL; step = step->next) {
		if (step->kind == STEP_WAIT)
			lasts_ms += (uint64_t)step->ms;
		else if (step->kind == STEP_NETWORK)
			each_ms = step->network.least_ms;
		else if (step->kind == STEP_RULE && !step->rule.narrowed &&
		    step->rule.conduct == CONDUCT_SILENT)
			each_ms = SILENCE_MS;
		else if (step->kind == STEP_RULE &&
		    step->rule.conduct == CONDUCT_DELAY)
			each_ms = step->rule.number;
		else if (step->kind == STEP_ASK && step->ask.in_turn)
			lasts_ms += each_ms * step->ask.times;
	}
	return lasts_ms;
}

static void
host_make(struct netns *net, const struct scenario *s)
{
	const struct step *step;

	net->host = driver_host;
	net->interface_count = 0;
	for (step = s->steps; step != NULL && step->kind < STEP_ASK;
	     step = step->next)
		if (step->kind == STEP_INTERFACE) {
			assert(net->interface_count < INTERFACES_MAX);
			net->interfaces[net->interface_count++] =
			    step->interface;
		}
	if (net->interface_count > 0)
		return;
	net->interfaces[0] = driver_interfaces[0];
	net->interfaces[1] = driver_interfaces[1];
	net->interface_count = 2;
}

/*
 * No kernel lets such a packet in: one that says it is from there, or one from
 * elsewhere to the loopback address, which is where who says nothing asks.
 */
static bool
is_impossible(const struct ask *ask, const struct netns *net)
{
	static const struct prefix mapped = {
	    {6, {[10] = 0xff, [11] = 0xff}, 0}, 96};

	if (ask->from.family == 0)
		return false;
	return prefix_covers(&mapped, &ask->from) ||
	    is_link_local(&ask->from) ||
	    (!netns_is_own(net, &ask->from) &&
		(ask->to.family == 0 || !netns_is_wired(net, &ask->to)));
}

static enum left
ask_left(const struct ask *ask, const struct netns *net)
{
	if (ask->times > CLIENTS_MAX)
		return LEFT_CROWD;
	if (ask->every_ms > 0)
		return LEFT_TIME;
	return is_impossible(ask, net) ? LEFT_SOURCE : LEFT_NOT;
}

static enum left
rule_left(const struct rule *rule)
{
	switch (rule->conduct) {
	case CONDUCT_LOOPS:
		return LEFT_STEP;
	case CONDUCT_BITS:
	case CONDUCT_OCTETS:
		return LEFT_TIME;
	case CONDUCT_SIPS:
		return LEFT_WINDOW;
	default:
		return LEFT_NOT;
	}
}

static enum left
step_left(const struct step *step, const struct netns *net, bool started)
{
	switch (step->kind) {
	case STEP_FAILURE:
		return LEFT_CALL;
	case STEP_GAPS:
		return LEFT_TIME;
	case STEP_WALL:
		return LEFT_CLOCK;
	case STEP_ASK:
		return ask_left(&step->ask, net);
	case STEP_HINTS:
		return step->hints.how == HINTS_UNREADABLE || /* to root? */
			step->hints.how == HINTS_RESTLESS
		    ? LEFT_FILE
		    : LEFT_NOT;
	case STEP_CONNECT:
		if (step->connect.times > CLIENTS_MAX)
			return LEFT_CROWD;
		return step->connect.window != WINDOW_DEFAULT ? LEFT_WINDOW
							      : LEFT_NOT;
	case STEP_RULE:
		return rule_left(&step->rule);
	case STEP_FILES:
	case STEP_PORTS:
		return started ? LEFT_STEP : LEFT_NOT;
	case STEP_INTERFACE:
	case STEP_ROUTE:
	case STEP_ZONE:
	case STEP_NETWORK:
	case STEP_REFUSED:
	case STEP_EXPECT:
	case STEP_SEND:
	case STEP_SHUT:
	case STEP_CLOSE:
	case STEP_RESET:
	case STEP_STALL:
	case STEP_READ:
	case STEP_CLOSED:
	case STEP_OPEN:
	case STEP_WRITES:
	case STEP_CONNECTIONS:
	case STEP_PACKETS:
	case STEP_LOG:
	case STEP_WAIT:
	case STEP_SIGNAL:
	case STEP_CONTROL:
	case STEP_METRICS:
	case STEP_EXIT:
		return LEFT_NOT;
	case STEP_STOP:
		return step->stop.asleep || step->stop.late ? LEFT_STEP
							    : LEFT_NOT;
	default:
		return LEFT_STEP;
	}
}

enum left
namespace_left(const struct scenario *s)
{
	const struct step *step;
	enum left left = LEFT_NOT;
	bool started = false, edits = false;
	struct netns net;

	host_make(&net, s);
	for (step = s->steps; step != NULL && left == LEFT_NOT;
	     step = step->next) {
		started |= step->kind >= STEP_ASK;
		edits |= started && step->kind == STEP_HINTS;
		left = step_left(step, &net, started);
	}
	if (left == LEFT_NOT &&
	    scenario_lasts_ms(s) > (edits ? EDITS_MAX_MS : LASTS_MAX_MS))
		left = LEFT_TIME;
	return left;
}

/* ---------------------------------------------------------------------------
 * What the server sends.
 */
static bool
is_listener(const struct address *a)
{
	unsigned i;

	for (i = 0; i < n.listener_count; i++) {
		struct address l = n.listeners[i];
		static const struct address none;

		if (memcmp(l.ip, none.ip, sizeof(l.ip)) == 0)
			memcpy(l.ip, a->ip, sizeof(l.ip));
		if (address_equal(&l, a) && netns_is_own(&n.net, a))
			return true;
	}
	return false;
}

/* Sent by the server to there, or SYN; 0.0.0.0 looks like this host then. */
static void
sighting_judge(const struct seen *seen)
{
	struct witness *w = &n.d.witness;
	struct sighting *s = &w->sightings[w->sighting_count - 1];
	char text[ADDRESS_TEXT_MAX];

	s->at_ms = n.d.now_ms;
	s->from = seen->from;
	s->self = is_listener(&seen->to);
	driver_check_destination(&n.d, &seen->to, "a packet");
	driver_check_port(&n.d, &seen->from);
	if (s->self ||
	    (netns_is_own(&n.net, &seen->to) &&
		!authority_listens(&n.d.authority, &seen->to)))
		driver_fault(&n.d, "a packet to %s, which is this host\n",
		    address_port_text(&seen->to, text));
}

static bool
is_answer(const struct seen *seen)
{
	return is_listener(&seen->from) && seen->len >= 3 &&
	    (seen->octets[2] & 0x80) != 0;
}

/* What the server sends over UDP and is no answer is a query. */
static void
datagram_seen(const struct seen *seen)
{
	bool answer = is_answer(seen);

	driver_trace_message(&n.d, answer ? "answer" : "query", &seen->from,
	    &seen->to, seen->octets, seen->len);
	if (answer) {
		n.answers++;
		return;
	}
	witness_query(&n.d.witness, &seen->to, TRANSPORT_UDP, seen->octets,
	    seen->len, n.d.fault);
	sighting_judge(seen);
}

/*
 * SYN, for the first time: the kernel sends it again if nobody answers.  From
 * the same port, but of another number, it is another connection.
 */
static void
dial_seen(const struct seen *seen)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];
	unsigned i;

	for (i = 0; i < DIALS_MAX; i++)
		if (address_equal(&n.dials[i].from, &seen->from) &&
		    address_equal(&n.dials[i].to, &seen->to) &&
		    n.dials[i].first == seen->first)
			return;
	i = n.dial_count++ % DIALS_MAX;
	n.dials[i].from = seen->from;
	n.dials[i].to = seen->to;
	n.dials[i].first = seen->first;
	driver_trace(&n.d, "tcp %s %s connect",
	    address_port_text(&seen->from, a), address_port_text(&seen->to, b));
	witness_dialled(&n.d.witness, &seen->to);
	sighting_judge(seen);
}

/* A segment to a client: each write of the server's is one. */
static void
write_seen(const struct seen *seen)
{
	const struct witness *w = &n.d.witness;
	unsigned i;

	for (i = 0; i < w->connection_count; i++) {
		struct connection *on = w->connections[i];

		if (address_equal(&on->from, &seen->to) &&
		    address_equal(&on->to, &seen->from))
			on->writes++;
	}
}

static uint64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Everything that left an interface since the last time. */
static void
watch_read(void)
{
	struct seen seen;

	while (watch_next(&n.watch, &seen)) {
		uint64_t now_us = wall_us();
		unsigned late_ms = now_us > seen.wall_us
		    ? (unsigned)((now_us - seen.wall_us) / 1000)
		    : 0;

		n.touched = true;
		if (late_ms > n.late_ms)
			n.late_ms = late_ms;
		if (seen.ours)
			continue;
		if (!seen.tcp)
			datagram_seen(&seen);
		else if (seen.opens)
			dial_seen(&seen);
		else if (seen.len > 0)
			write_seen(&seen);
	}
}

/* ---------------------------------------------------------------------------
 * Has all that was asked its reply?
 */

/* The step that will judge this ask. */
static const struct expect *
expect_of(const struct step *ask)
{
	const struct step *step = n.run->scenario->steps;
	unsigned ahead = 0; /* asks that are judged before it */
	bool found = false;

	for (; step != NULL; step = step->next) {
		found |= step == ask;
		if (step->kind == STEP_ASK && !found)
			ahead++;
		if (step->kind != STEP_EXPECT)
			continue;
		if (found && (step->expect.all || ahead == 0))
			return &step->expect;
		ahead -= step->expect.all ? ahead : ahead > 0;
	}
	return NULL;
}

/* Has every client the reply that it will get? */
static bool
is_answered(void)
{
	const struct witness *w = &n.d.witness;
	unsigned i;

	for (i = w->client_count; i-- > 0 && !w->clients[i].judged;) {
		const struct client *c = &w->clients[i];

		if (c->replies == 0 && !(c->on != NULL && c->on->ended) &&
		    !expect_of(c->ask)->nothing)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------------------
 * The server: its files, its state.
 */
static void
file_write(const char *path, int flags, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
}

/* As an editor does it, or who wants to do us harm. */
static void
hints_edit(const struct hints_edit *edit)
{
	char other[PATH_LEN_MAX + 8];
	struct stat st;

	snprintf(other, sizeof(other), "%s.new", n.hints);
	if (edit->how > HINTS_TOUCHED || lstat(n.hints, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		remove(n.hints); /* what it was gives way */
	switch (edit->how) {
	case HINTS_WRITTEN:
		file_write(n.hints, O_TRUNC, edit->text, edit->len);
		break;
	case HINTS_RENAMED:
		file_write(other, O_TRUNC, edit->text, edit->len);
		rename(other, n.hints);
		break;
	case HINTS_APPENDED:
		file_write(n.hints, O_APPEND, edit->text, edit->len);
		break;
	case HINTS_TOUCHED:
		utimensat(AT_FDCWD, n.hints, NULL, 0);
		break;
	case HINTS_DIRECTORY:
		mkdir(n.hints, 0755);
		break;
	case HINTS_FIFO:
		mkfifo(n.hints, 0644);
		break;
	case HINTS_LOOP:
		if (symlink(n.hints, n.hints) < 0)
			abort();
		break;
	case HINTS_LARGE:
		file_write(n.hints, O_TRUNC, "", 0);
		if (truncate(n.hints, HINTS_OCTETS_MAX + 1) < 0)
			abort();
		break;
	default:
		assert(edit->how == HINTS_MISSING);
	}
}

/* Give a whole line to the witness. */
static void
log_line(size_t len)
{
	driver_trace(&n.d, "log %.*s", (int)len - 1, n.log_part);
	witness_log(&n.d.witness, n.log_part, len);
	n.log_part_len -= len;
	memmove(n.log_part, n.log_part + len, n.log_part_len);
	n.touched = true;
}

static void
log_read(void)
{
	const char *end;
	ssize_t len;

	if (n.log_fd < 0)
		n.log_fd = open(n.log, O_RDONLY | O_CLOEXEC);
	while ((len = read(n.log_fd, n.log_part + n.log_part_len,
		    sizeof(n.log_part) - n.log_part_len)) > 0) {
		n.log_part_len += (size_t)len;
		while ((end = memchr(n.log_part, '\n', n.log_part_len)) != NULL)
			log_line((size_t)(end + 1 - n.log_part));
		if (n.log_part_len == sizeof(n.log_part)) {
			driver_fault(&n.d, "a line of the log is too long\n");
			n.log_part_len = 0;
		}
	}
}

static void
child_readable(void)
{
	struct signalfd_siginfo info;
	int status;

	while (read(n.child, &info, sizeof(info)) > 0)
		if (waitpid(n.server, &status, WNOHANG) == n.server) {
			n.ended = true;
			n.status = WIFEXITED(status) ? WEXITSTATUS(status)
						     : -WTERMSIG(status);
		}
}

static void
inotify_readable(void)
{
	_Alignas(struct inotify_event) char events[4096];

	while (read(n.inotify, events, sizeof(events)) > 0)
		; /* log_read looks anyway */
}

/* A file of /proc/PID of the server, or NULL. */
static FILE *
proc_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)n.server, name);
	return fopen(path, "re");
}

static bool
mask_has(unsigned long long mask, int signal)
{
	return (mask >> (signal - 1) & 1) == 1;
}

/* Does it sleep for the sake of a call that waits for events? */
static bool
server_awaits_events(void)
{
	FILE *file = proc_open("syscall");
	int call = -1;

	if (file == NULL)
		return true; /* this system does not say */
	(void)!fscanf(file, "%d", &call);
	fclose(file);
#ifdef SYS_epoll_wait
	if (call == SYS_epoll_wait)
		return true;
#endif
	return call == SYS_epoll_pwait;
}

/*
 * It sleeps, and takes signals as events: it is in its loop.  The leak
 * sanitizer sleeps too, at the end of the process, but not for events.
 */
static bool
server_waits(void)
{
	FILE *file = proc_open("status");
	unsigned long long blocked = 0;
	char line[256], state = '?';

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "SigBlk: %llx", &blocked);
	}
	if (file != NULL)
		fclose(file);
	return state == 'S' && mask_has(blocked, SIGTERM) &&
	    !mask_has(blocked, SIGALRM) && server_awaits_events();
}

/* A row of /proc/net/udp: addresses as words in the order of this machine. */
struct row {
	struct address local, peer;
};

static bool
row_address(const char *text, uint8_t family, struct address *a)
{
	unsigned word, port, i, words = family == 4 ? 1 : 4;

	memset(a, 0, sizeof(*a));
	a->family = family;
	for (i = 0; i < words; i++, text += 8) {
		if (sscanf(text, "%8x", &word) != 1)
			return false;
		memcpy(a->ip + 4 * i, &word, 4);
	}
	if (sscanf(text, ":%4x", &port) != 1)
		return false;
	a->port = (uint16_t)port;
	return true;
}

/* Call for each UDP socket of "here"; true if some call gave true. */
static bool
rows_any(bool (*call)(const struct row *))
{
	uint8_t family;
	bool found = false;
	char line[512], local[64], peer[64];

	for (family = 4; family <= 6; family += 2) {
		FILE *file = proc_open(family == 4 ? "net/udp" : "net/udp6");
		struct row row;

		while (file != NULL && fgets(line, sizeof(line), file) != NULL)
			if (sscanf(line, "%*d: %63s %63s", local, peer) == 2 &&
			    row_address(local, family, &row.local) &&
			    row_address(peer, family, &row.peer))
				found |= call(&row);
		if (file != NULL)
			fclose(file);
	}
	return found;
}

/* It is connected to a name server. */
static bool
row_is_query(const struct row *row)
{
	return row->peer.port != 0;
}

/* The server is alone here until it serves. */
static bool
row_add_listener(const struct row *row)
{
	if (row_is_query(row))
		return false;
	assert(n.listener_count < LISTENERS);
	n.listeners[n.listener_count++] = row->local;
	return true;
}

/*
 * The server has nothing left to do: it would not wait for events if there
 * were some.  What it sent before is seen by then.
 */
static bool
is_idle(void)
{
	struct epoll_event event;

	if (n.ended)
		return true;
	n.touched = false;
	if (!server_waits())
		return false;
	watch_read();
	log_read();
	return !n.touched && epoll_wait(n.epoll, &event, 1, 0) == 0;
}

/* And nothing is on its way to it. */
static bool
is_quiet(void)
{
	return n.d.flight == NULL && is_idle();
}

/* Still so a moment later, for the kernel may have been behind. */
static bool
is_surely_idle(void)
{
	n.idle = is_idle() ? n.idle + 1 : 0;
	return n.idle >= 2;
}

static bool
is_surely_quiet(void)
{
	return n.d.flight == NULL ? is_surely_idle() : (n.idle = 0) > 0;
}

/* ---------------------------------------------------------------------------
 * Time goes on.
 */
static void
clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	n.d.now_ms = (uint64_t)((ts.tv_sec - n.start.tv_sec) * 1000 +
	    (ts.tv_nsec - n.start.tv_nsec) / 1000000);
}

static void
dispatch(const struct epoll_event *event)
{
	if (event->data.u64 >= SOURCES)
		player_look(event->data.ptr, event->events);
	else if (event->data.u64 == SOURCE_CHILD)
		child_readable();
	else if (event->data.u64 == SOURCE_LOG)
		inotify_readable();
	/* The watch is read in every turn, before all else. */
}

/* The process of the server is stopped and goes on, as a step told. */
static void
server_stop_and_go(void)
{
	if (n.d.now_ms >= n.stop_ms) {
		kill(n.server, SIGSTOP);
		n.stop_ms = UINT64_MAX;
		n.stopped = true;
	}
	if (n.d.now_ms >= n.go_on_ms) {
		kill(n.server, SIGCONT);
		n.go_on_ms = UINT64_MAX;
		n.stopped = false;
	}
}

/* Does one more come to the same place at the same time? */
static bool
has_twin(const struct packet *p)
{
	const struct packet *next = n.d.flight;

	return p->kind == PACKET_DATAGRAM && next != NULL &&
	    next->kind == PACKET_DATAGRAM && next->due_ms <= n.d.now_ms &&
	    address_equal(&next->to, &p->to);
}

/*
 * What is due at the same time, as a forged reply and the true one, is found
 * by the server at the same time: it does not run meanwhile.
 */
static void
packets_deliver(void)
{
	struct packet *p;
	siginfo_t info;
	bool held = false;

	while ((p = packet_due(&n.d)) != NULL) {
		if (!held && !n.stopped && has_twin(p)) {
			held = true;
			kill(n.server, SIGSTOP);
			waitid(P_PID, (id_t)n.server, &info,
			    WSTOPPED | WEXITED | WNOWAIT);
		}
		players_deliver(p);
	}
	if (held)
		kill(n.server, SIGCONT);
}

static int
timeout_ms(uint64_t until_ms)
{
	uint64_t due_ms = packet_next_due(&n.d);

	if (due_ms < until_ms)
		until_ms = due_ms;
	if (n.stop_ms < until_ms)
		until_ms = n.stop_ms;
	if (n.go_on_ms < until_ms)
		until_ms = n.go_on_ms;
	return until_ms <= n.d.now_ms ? 0 : (int)(until_ms - n.d.now_ms);
}

/* Take in what comes until then, but return as soon as something did. */
static void
turn(uint64_t until_ms)
{
	struct epoll_event events[EVENTS];
	int i, count;

	clock_read();
	if (n.d.now_ms - n.turned_ms > n.late_ms)
		n.late_ms = (unsigned)(n.d.now_ms - n.turned_ms);
	count = epoll_wait(n.epoll, events, EVENTS, timeout_ms(until_ms));
	clock_read();
	n.turned_ms = n.d.now_ms;
	watch_read();
	for (i = 0; i < count; i++)
		dispatch(&events[i]);
	log_read();
	packets_deliver();
	server_stop_and_go();
}

static bool
is_over(void)
{
	return n.ended || n.d.fault->text[0] != '\0';
}

/*
 * Let time go on until this is so, at most for so long; false: it is not.  If
 * it is of the state of the server then nobody tells when it is so.
 */
static bool
await(bool (*is_so)(void), unsigned most_ms, bool of_state)
{
	uint64_t until_ms = n.d.now_ms + most_ms;

	while (!is_so()) {
		if (is_over() || n.d.now_ms >= until_ms)
			return false;
		turn(of_state && n.d.now_ms + TICK_MS < until_ms
			? n.d.now_ms + TICK_MS
			: until_ms);
	}
	return true;
}

static bool
is_never(void)
{
	return false;
}

static bool
has_ended(void)
{
	return n.ended;
}

/* All that there is to do now is done. */
static void
idle(void)
{
	n.idle = 0;
	await(is_surely_idle, SETTLE_MAX_MS, true);
}

/* The same, and nothing is on its way. */
static void
settle(void)
{
	n.idle = 0;
	await(is_surely_quiet, SETTLE_MAX_MS, true);
}

/* ---------------------------------------------------------------------------
 * Steps.
 */

/* A step that makes the world, before the server starts or later. */
static void
step_make(const struct step *step)
{
	if (driver_make(&n.d, step))
		players_change(step);
	else if (step->kind == STEP_HINTS)
		hints_edit(&step->hints);
	else if (step->kind == STEP_ROUTE)
		netns_route(&n.net, &step->route);
	else if (step->kind == STEP_INTERFACE && n.serves)
		netns_interface(&n.net, &step->interface);
}

/*
 * Let the server read what was sent to it, while no name server replies: so
 * clients ask at the same time, and no socket overflows.
 */
static void
server_catch_up(void)
{
	unsigned tries;

	for (tries = 0; tries < SETTLE_MAX_MS && !server_waits(); tries++) {
		watch_read();
		poll(NULL, 0, TICK_MS);
	}
}

static void
step_ask(const struct step *step)
{
	const struct ask *ask = &step->ask;
	unsigned nth;

	for (nth = 1; nth <= ask->times && !is_over(); nth++) {
		players_ask(step, nth);
		if (ask->in_turn) {
			connections_flush(&n.d);
			await(is_answered, WAIT_MAX_MS, false);
			await(is_quiet, SETTLE_MAX_MS, true);
			players_hang_up();
		} else if (nth % AT_ONCE_MAX == 0) {
			await(is_quiet, SETTLE_MAX_MS, true);
		} else if (nth % BURST == 0) {
			server_catch_up();
		}
	}
	if (ask->waits || step->next == NULL || step->next->kind != STEP_ASK)
		connections_flush(&n.d);
	packets_deliver();
	server_catch_up();
	if (ask->waits) {
		await(is_answered, WAIT_MAX_MS, false);
		settle();
	}
}

/* Would the step come true now?  An ask is judged but once. */
static bool
is_true(void)
{
	static struct fault none;

	none.text[0] = '\0';
	return n.d.step->kind == STEP_EXPECT ||
	    witness_judge(&n.d.witness, n.d.step, &none);
}

/* What is not so yet may be on its way, on a busy machine. */
static void
step_judge(const struct step *step)
{
	idle();
	await(is_true, JUDGE_MAX_MS, false);
	if (!witness_judge(&n.d.witness, step, n.d.fault))
		driver_trace(&n.d, "line %u does not come true", step->line);
}

/* The reply to a command, up to the end of the connection. */
static void
reply_read(int fd, struct buffer *reply)
{
	const struct timeval patience = {.tv_sec = WAIT_MAX_MS / 1000};
	uint8_t octets[4096];
	ssize_t len;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((len = read(fd, octets, sizeof(octets))) > 0)
		buffer_put(reply, octets, (size_t)len);
	buffer_put(reply, (const uint8_t *)"", 1);
}

/* Who is stalled keeps his connection until the run is over. */
static void
step_control(const struct step *step)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buffer line = {0}, reply = {0};

	assert(strlen(n.control) < sizeof(at.sun_path));
	memcpy(at.sun_path, n.control, strlen(n.control));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		driver_fault(
		    &n.d, "nobody takes commands: %s\n", strerror(errno));
	buffer_put(&line, (const uint8_t *)step->control.command,
	    strlen(step->control.command));
	buffer_put(&line, (const uint8_t *)"\n", 1);
	/* Who is turned away need not have taken it. */
	send(fd, line.octets, line.len, MSG_NOSIGNAL);
	buffer_free(&line);
	if (step->control.stalled)
		return;
	reply_read(fd, &reply);
	close(fd);
	(void)witness_control(&n.d.witness, step, (const char *)reply.octets,
	    UINT_MAX, n.d.fault);
	buffer_free(&reply);
}

/* How often they are written is for the simulator to tell. */
static void
step_metrics(const struct step *step)
{
	int fd = open(n.metrics, O_RDONLY | O_CLOEXEC);
	struct buffer text = {0};

	if (fd < 0)
		driver_fault(&n.d, "there are no metrics\n");
	reply_read(fd, &text);
	close(fd);
	(void)witness_metrics(&n.d.witness, step, (const char *)text.octets,
	    step->control.writes, n.d.fault);
	buffer_free(&text);
}

static void
step_take(const struct step *step)
{
	switch (step->kind) {
	case STEP_ASK:
		step_ask(step);
		break;
	case STEP_CONNECT:
		players_connect(step);
		idle();
		break;
	case STEP_SEND:
	case STEP_SHUT:
	case STEP_CLOSE:
	case STEP_RESET:
	case STEP_STALL:
	case STEP_READ:
		players_do(step);
		idle();
		break;
	case STEP_EXPECT:
	case STEP_CLOSED:
	case STEP_OPEN:
	case STEP_WRITES:
	case STEP_CONNECTIONS:
	case STEP_PACKETS:
	case STEP_LOG:
		step_judge(step);
		break;
	case STEP_WAIT:
		await(is_never, (unsigned)step->ms, false);
		break;
	case STEP_STOP:
		n.stop_ms = n.d.now_ms + (uint64_t)step->stop.in_ms;
		n.go_on_ms = n.stop_ms + (uint64_t)step->stop.for_ms;
		break;
	case STEP_CONTROL:
		step_control(step);
		break;
	case STEP_METRICS:
		step_metrics(step);
		break;
	case STEP_SIGNAL:
		kill(n.server, step->signal);
		idle();
		break;
	case STEP_EXIT:
		driver_fault(&n.d, "the server did not end but serve\n");
		break;
	default:
		step_make(step);
		idle(); /* it hears of routes and addresses from the kernel */
	}
}

static void
steps_take(void)
{
	while (n.d.step != NULL && !is_over()) {
		step_take(n.d.step);
		if (!is_over())
			n.d.step = n.d.step->next;
	}
}

/* ---------------------------------------------------------------------------
 * The server starts and ends.
 */
static void
files_limit(const struct scenario *s)
{
	struct rlimit limit = {FILES_SOFT, FILES_HARD};
	const struct step *step;

	for (step = s->steps; step != NULL; step = step->next)
		if (step->kind == STEP_FILES)
			limit.rlim_cur = limit.rlim_max = step->files;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * If the scenario does not say, as it comes or as wide as it goes, by turns.
 * Where /proc cannot be written to, what does not say will do with what there
 * is.
 */
static void
ports_put(const struct scenario *s)
{
	static const struct ports turns[] = {{32768, 60999}, {1024, 65535}};
	struct ports ports = turns[n.run->all_ports];
	const struct step *step;
	bool said = false;
	char text[32];

	for (step = s->steps; step != NULL; step = step->next)
		if (step->kind == STEP_PORTS) {
			ports = step->ports;
			said = true;
		}
	snprintf(text, sizeof(text), "%u %u", ports.first, ports.last);
	if (!file_put("/proc/sys/net/ipv4/ip_local_port_range", text) && said)
		fprintf(stderr, "%s: %s\n", text, strerror(errno));
}

/* In the process that is to be the server: become it. */
static void
server_exec(void)
{
	static const struct rlimit stack = {64 << 10, 64 << 10}; /* I19 */
	char *words[COMMAND_WORDS_MAX + 1];
	int said = open(n.said, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int none = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	driver_words(
	    n.run->scenario, n.hints, n.log, n.control, n.metrics, words);
	if (chdir("/") < 0 || dup2(none, STDIN_FILENO) < 0 ||
	    dup2(none, STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0)
		abort();
	files_limit(n.run->scenario);
	ports_put(n.run->scenario);
	setrlimit(RLIMIT_STACK, &stack);
	execv(n.run->server, words);
	fprintf(stderr, "%s: %s\n", n.run->server, strerror(errno));
	_exit(127);
}

static void
server_start(void)
{
	fflush(NULL);
	n.server = fork();
	if (n.server == 0)
		server_exec();
	if (n.server < 0)
		abort();
	if (!await(server_waits, START_MAX_MS, true)) {
		if (!n.ended)
			driver_fault(&n.d, "the server does not start\n");
		return;
	}
	rows_any(row_add_listener);
	n.serves = true;
	players_come_here();
	settle();
}

static void
server_end(void)
{
	n.over = true;
	kill(n.server, SIGCONT);
	kill(n.server, SIGTERM);
	if (!await(has_ended, END_MAX_MS, false) && !n.ended) {
		driver_fault(&n.d, "the server does not end on SIGTERM\n");
		kill(n.server, SIGKILL);
		waitpid(n.server, &n.status, 0);
	}
}

/* What it said on standard error. */
static const char *
server_said(void)
{
	static char said[SAID_MAX + 1];
	FILE *file = fopen(n.said, "re");
	size_t len = 0;

	if (file != NULL) {
		len = fread(said, 1, SAID_MAX, file);
		fclose(file);
	}
	said[len] = '\0';
	return said;
}

/* With name servers that all answer, no socket to one is left open. */
static void
sockets_judge(void)
{
	const struct step *step;

	for (step = n.run->scenario->steps; step != NULL; step = step->next)
		if (step->kind == STEP_RULE || step->kind == STEP_NETWORK)
			return;
	if (!players_missed() && rows_any(row_is_query))
		driver_fault(&n.d, "a socket to a name server is still open\n");
}

static void
end_judge(void)
{
	const char *said = server_said();

	if (!n.over)
		driver_fault(&n.d, "the server ended by itself\n");
	if (n.status != 0 || said[0] != '\0')
		driver_fault(&n.d, "the server ended with status %d\n%s\n",
		    n.status, said);
	driver_judge_end(&n.d);
	if (n.answers != players_replies())
		driver_fault(&n.d, "of %u answers %u came to clients\n",
		    n.answers, players_replies());
	if (watch_lost(&n.watch) > 0)
		driver_fault(&n.d, "there was no room for all packets seen\n");
}

/* ---------------------------------------------------------------------------
 * A run.
 */
static void
paths_make(const char *directory)
{
	snprintf(n.hints, sizeof(n.hints), "%s/cache.dns", directory);
	snprintf(n.log, sizeof(n.log), "%s/dns.log", directory);
	snprintf(n.metrics, sizeof(n.metrics), "%s/dns.prom", directory);
	snprintf(n.control, sizeof(n.control), "%s/dns.sock", directory);
	snprintf(n.said, sizeof(n.said), "%s/said", directory);
	n.log_fd = -1;
}

static void
source_add(int fd, enum source source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = source};

	if (epoll_ctl(n.epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		abort();
}

static void
sources_open(const char *directory)
{
	struct rlimit limit;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	n.epoll = epoll_create1(EPOLL_CLOEXEC);
	n.child = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	n.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (n.epoll < 0 || n.child < 0 || n.inotify < 0 ||
	    inotify_add_watch(n.inotify, directory, IN_CREATE | IN_MODIFY) < 0)
		abort();
	source_add(n.child, SOURCE_CHILD);
	source_add(n.inotify, SOURCE_LOG);
}

/* NULL, or what this system does not let us do. */
static const char *
namespaces_open(void)
{
	const char *obstacle = netns_make(&n.net);

	if (obstacle != NULL)
		return obstacle;
	if (!players_open(&n.d, &n.net, n.epoll))
		return "it gives us no raw sockets";
	netns_enter(n.net.here);
	return watch_open(&n.watch) ? NULL : "it does not show us packets";
}

static void
run_begin(const struct run *run, struct fault *fault)
{
	n.run = run;
	n.stop_ms = n.go_on_ms = UINT64_MAX;
	clock_gettime(CLOCK_MONOTONIC, &n.start);
	driver_init(&n.d, run->scenario, fault, run->trace, run->seed);
	n.d.witness.real_time = true;
	paths_make(run->directory);
	sources_open(run->directory);
	host_make(&n.net, run->scenario);
}

/* The world as it is when the server starts. */
static void
world_make(void)
{
	source_add(n.watch.fd, SOURCE_WATCH);
	players_begin();
	file_write(n.hints, 0, driver_hints, strlen(driver_hints));
	for (; n.d.step != NULL && n.d.step->kind < STEP_ASK;
	     n.d.step = n.d.step->next)
		step_make(n.d.step);
}

static void
run_end(void)
{
	players_close();
	watch_close(&n.watch);
	if (n.log_fd >= 0)
		close(n.log_fd);
	driver_end(&n.d);
}

bool
namespace_run(const struct run *run, struct fault *fault, unsigned *late_ms)
{
	const char *obstacle;

	assert(n.run == NULL); /* once in a process */
	run_begin(run, fault);
	obstacle = namespaces_open();
	if (obstacle != NULL) {
		driver_fault(&n.d, "this system: %s\n", obstacle);
		return false;
	}
	world_make();
	server_start();
	if (n.serves) {
		steps_take();
		settle();
		if (!n.ended) {
			sockets_judge();
			server_end();
		}
		watch_read();
		end_judge();
	} else {
		driver_judge_start(&n.d, n.status, server_said());
	}
	*late_ms = n.late_ms;
	run_end();
	return fault->text[0] == '\0';
}

/* In a process of its own: it is in the namespaces then. */
const char *
namespace_obstacle(void)
{
	const char *obstacle, **told;
	pid_t pid;

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		abort();
	*told = "it ends processes that make namespaces";
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		n.net.host = driver_host;
		n.net.interfaces[0] = driver_interfaces[0];
		n.net.interface_count = 1;
		*told = namespaces_open();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	obstacle = *told;
	munmap(told, sizeof(*told));
	return obstacle;
}
