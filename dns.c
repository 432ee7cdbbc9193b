/*
 * dns.c -- clients: the loop, questions in, answers out.
 *
 * A question is parsed, answered from the cache if the cache has the answer,
 * and else parked while a walk goes out; when the walk is done the answer is
 * composed from the cache after all.  There is one composer; what is composed
 * leaves at the end of the turn, as a batch of datagrams or in one write for
 * each connection.
 * Only this file reads clocks, and nothing here speaks to a name server.
 */
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dns.h"

enum {
	QUERY_OCTETS = 4096, /* a question fits 600; more is malformed */
	HOST_TEXT_MAX = 255, /* a character string: RFC 1035 3.3 */
	PREFIX_LEN = 2,      /* a message's length, over TCP */
	CONTROL_OCTETS = 64, /* holds either family's pktinfo */
	REASONS_MAX = 2,     /* of one answer */
	SHARES = 32768,      /* of clients; two of one slot share it */
	AHEAD = 4 /* questions that memory has time for: 1 us and more */
};

/*
 * What clients have of what all need, by a keyed hash: how many questions of
 * one client wait, and how many octets the answers over UDP to one network are
 * ahead of its questions, which CLIENT_GAIN_S_MAX makes less in a second.
 */
struct shares {
	uint16_t waiting[SHARES];
	struct gain {
		uint32_t at_ms, octets;
	} gains[SHARES];
};

/*
 * A question, as parsed and, if the cache has no answer, as parked.  A parked
 * one is on the deadline queue and known to a walk by its waiter.
 */
struct query {
	struct timer deadline; /* must stand first */
	struct query *next;    /* free, or of the same connection */
	struct waiter *waiter;
	struct connection *connection; /* NULL: asked over UDP */
	unsigned listener;
	uint64_t number; /* of all that were asked: the log's q= */
	uint64_t asked_ms;
	struct address from;
	struct address to;  /* of a listener at any address: which it was */
	unsigned interface; /* of `from`; 0 if that tells enough */
	struct header header;
	struct question question; /* name.len 0: could not be parsed */
	uint64_t name_hash;       /* of one that waits: trail_hash */
	struct edns edns;
	uint32_t octets; /* of the message */
	unsigned sends;  /* to name servers, as its walk was done */
	bool askable;    /* else it has had its answer, or has none */
	bool traced;     /* it is the operator's: the log has the answer */
};

/* Octets of answers that the kernel has not taken. */
struct block {
	struct block *next;
	uint8_t octets[BACKLOG_BLOCK];
};

/*
 * A client's connection.  Its timer is on the queue for what the client has to
 * do next, and on none while it is the client who waits:
 *
 *	backlog	heard	octets	waiting	queue	closed after
 *	> 0	any	any	any	stuck	STUCK_MS_MAX and none taken
 *	0	no	any	any	none
 *	0	yes	> 0	any	begun	MESSAGE_MS_MAX and no message
 *	0	yes	0	> 0	none
 *	0	yes	0	0	idle	idle_ms()
 *
 * What happens to it in a turn of the loop is settled when that ends: all its
 * answers leave in one write, it is closed or its timer set.
 */
struct connection {
	struct timer timer;        /* must stand first */
	struct timer_queue *queue; /* NULL: it is on none */
	struct connection *next_free, *next_touched;
	int fd; /* -1: free */
	uint32_t generation, events;
	struct address from;
	bool touched;    /* settled when the turn ends */
	bool ended;      /* what was read is all there will be */
	bool broken;     /* nothing can be sent: closed when settled */
	uint8_t *octets; /* read, and not taken for a message yet */
	size_t len;
	struct query *queries; /* that wait for walks, so many */
	unsigned waiting;
	struct block *first, *last; /* all full but the last */
	size_t taken;               /* by the kernel, of the first */
	size_t backlog;
};

/* Datagrams of one listener: what came in one turn, or waits to go out. */
struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage peers[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL_OCTETS];
	unsigned count, listener;
};

/* What the cache will not have for much longer, and somebody asked for. */
struct wish {
	struct name name;
	uint16_t type;
};

/* A reply in the making, in a buffer from where it goes out. */
struct reply {
	const struct query *query;
	struct writer message;
	struct compressor names;
	struct header header;
	struct view sets[ALIASES_MAX + 1]; /* that are in the answer */
	unsigned set_count;
	struct name targets[2]; /* by turns: one is the sname of the other */
	struct {
		const uint8_t *at; /* in the cache */
		size_t len;
	} told[PROOFS_MAX]; /* the records of proofs that were added */
	unsigned told_count;
	bool from_cache;      /* it was looked up; else it is a refusal */
	size_t max;           /* what the client takes */
	size_t sections, opt; /* where they begin */
};

static struct {
	struct options options;
	int epoll, signals;
	struct listener listeners[LISTENERS_MAX];
	unsigned listener_count;
	bool knocked[LISTENERS_MAX];        /* somebody is to be accepted */
	struct timer paused[LISTENERS_MAX]; /* armed: it accepts nothing */
	struct query *queries, *free_query;
	unsigned queries_used; /* those after them were never touched */
	unsigned waiting;
	struct timer_queue deadlines;
	struct reply reply;             /* one at a time */
	struct wish wishes[WISHES_MAX]; /* of this turn */
	unsigned wish_count;
	struct shares shares;
	struct connection *connections, *free_connection;
	struct connection *touched, **touched_end;
	uint8_t (*connection_octets)[PREFIX_LEN + QUERY_OCTETS];
	unsigned connections_used, connections_open, connections_max;
	struct timer_queue idle, begun, stuck, pauses;
	struct block *blocks, *free_block;
	unsigned blocks_used, blocks_free;
	struct batch in, out;
	uint8_t in_octets[BATCH][QUERY_OCTETS];
	uint8_t out_octets[BATCH][UDP_EDNS_MAX];
	struct {
		size_t at, len; /* in a message */
	} out_sections[BATCH];
	uint8_t tcp_octets[PREFIX_LEN + MESSAGE_MAX];
	struct statistics counts;
	uint64_t questions; /* the number of the last one */
	uint64_t start_ms;
	unsigned unseen_turns; /* one after the other */
	bool stopping;
	const char *stop_cause;
	enum rcode traced;  /* of the answer that was traced */
	uint64_t look_ms;   /* when the operator's files are looked at */
	uint64_t reload_ms; /* not before this does a SIGHUP count */
	bool reload;        /* a SIGHUP has come */
	bool has_terminal;  /* we were started from one, and end with it */
	char host[HOST_TEXT_MAX + 1]; /* the name of this host */
	struct cookie_secrets secrets;
	uint8_t share_key[16];
	uint32_t wall_s;  /* since 1970, for these alone */
	uint32_t turn_ms; /* when the turn began, for shares */
} self;

static void udp_readable(unsigned listener, uint64_t now_ms);
static void udp_flush(void);
static void connection_ready(const struct epoll_event *, uint64_t now_ms);
static void connection_release(struct connection *, const struct query *);
static void connections_settle(uint64_t now_ms);
static void connections_expire(uint64_t now_ms);
static void connections_accept(uint64_t now_ms);
static uint64_t connections_next_due(void);
static inline bool client_may_ask(const struct address *from);
static uint16_t *share_waiting(const struct address *client);
static bool query_is_late(const struct query *, uint64_t now_ms);
static bool query_parse(struct query *, const uint8_t *, size_t);
static void answer(struct query *, struct trail *, uint64_t now_ms);
static bool answer_from_cache(
    const struct query *, struct trail *, uint32_t mark, uint64_t now_ms);
static struct client_question query_told(const struct query *);
static void answer_failure(struct query *, const struct reason *);
static void answer_chaos(struct query *, const char *text);
static void reply_add_proofs(struct reply *, struct view *);
static void answer_error(
    struct query *, enum rcode, const struct reason *, size_t why_count);

/* ---------------------------------------------------------------------------
 * The loop.
 */

static uint64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		abort();
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t
clock_ms(clockid_t id)
{
	return clock_us(id) / 1000;
}

static void
secrets_roll(uint64_t now_ms)
{
	uint32_t fresh[4];
	unsigned i;

	for (i = 0; i < 4; i++)
		fresh[i] = random_u32();
	cookie_secrets_roll(&self.secrets, (const uint8_t *)fresh, now_ms);
}

/* CLOCK_BOOTTIME: a laptop's sleep must age the cache (DESIGN decision 13). */
static uint64_t
turn_begin(void)
{
	uint64_t now_ms = clock_ms(CLOCK_BOOTTIME);
	uint64_t wall_ms = clock_ms(CLOCK_REALTIME);

	eventlog_time(now_ms, wall_ms);
	if (now_ms >= self.secrets.until_ms)
		secrets_roll(now_ms);
	self.wall_s = (uint32_t)(wall_ms / 1000);
	self.turn_ms = (uint32_t)now_ms;
	return now_ms;
}

/* Questions over UDP that came while the queue was full (attacks.md I20). */
static uint64_t
questions_overflowed(void)
{
	enum {
		MEMINFO_DROPS = 8, /* linux/sock_diag.h, which musl has not */
		MEMINFO_VARS = 9
	};
	uint32_t numbers[MEMINFO_VARS];
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < self.listener_count; i++) {
		socklen_t len = sizeof(numbers);

		if (getsockopt(self.listeners[i].udp, SOL_SOCKET, SO_MEMINFO,
			numbers, &len) == 0 &&
		    len == sizeof(numbers))
			sum += numbers[MEMINFO_DROPS];
	}
	return sum;
}

static void
statistics_collect(struct statistics *s, uint64_t now_ms)
{
	struct referral_counts r;

	*s = self.counts;
	referral_count(&r);
	s->uptime_s = (now_ms - self.start_ms) / 1000;
	s->overflowed = questions_overflowed();
	s->waiting = self.waiting;
	s->connections = self.connections_open;
	s->joined = r.joined;
	s->walks = r.walks;
	s->prefetched = r.prefetched;
	s->failed = r.failed;
	s->sent = r.sent;
	s->forwarded = r.forwarded;
	s->replies = r.replies;
	s->timeouts = r.timeouts;
	s->mismatched = r.mismatched;
	s->tcp_connects = r.tcp_connects;
	s->tcp_sent = r.tcp_sent;
	s->tcp_reused = r.tcp_reused;
	s->addresses_refused = r.addresses_refused;
	s->sends_failed = r.sends_failed;
	s->self_sends = r.self_sends;
	s->lame = r.lame;
	s->retries = r.retries;
	s->primes = r.primes;
	s->expired = r.expired;
	memcpy(s->replied, r.replied, sizeof(s->replied));
	memcpy(
	    s->refused_classes, r.refused_classes, sizeof(s->refused_classes));
	cache_count(&s->cache);
	eventlog_count(&s->log);
}

static void
statistics_write(uint64_t now_ms)
{
	struct statistics s;

	statistics_collect(&s, now_ms);
	eventlog_statistics(&s);
	metrics_write(&s, now_ms);
}

/* The file of --metrics, when it is due. */
static void
metrics_renew(uint64_t now_ms)
{
	struct statistics s;

	if (metrics_next_due() > now_ms)
		return;
	statistics_collect(&s, now_ms);
	metrics_write(&s, now_ms);
}

/* 0 or an errno: /dev/tty is the terminal of the session, if it has one. */
static int
terminal_open(void)
{
	int fd = file_open(
	    "/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* A SIGHUP tells of a terminal that is gone, or it is from the operator. */
static void
hangup(void)
{
	int err = self.has_terminal ? terminal_open() : 0;

	if (err == ENXIO || err == EIO) {
		self.stopping = true;
		self.stop_cause = "SIGHUP";
	}
	self.reload = true;
}

static void
signals_readable(uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (
	    read(self.signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR1) {
			statistics_write(now_ms);
			continue;
		}
		if (info.ssi_signo == SIGHUP) {
			hangup();
			continue;
		}
		self.stopping = true;
		self.stop_cause =
		    info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
	}
}

static void
query_release(struct query *q)
{
	timer_disarm(&q->deadline);
	(*share_waiting(&q->from))--;
	if (q->connection != NULL)
		connection_release(q->connection, q);
	q->waiter = NULL;
	q->next = self.free_query;
	self.free_query = q;
	self.waiting--;
}

/* No walk knows the parked query any more: it ends without an answer. */
static void
query_fail(struct query *q, const struct reason *why, uint64_t now_ms)
{
	if (query_is_late(q, now_ms))
		self.counts.dropped++;
	else
		answer_failure(q, why);
	query_release(q);
}

static void
queries_expire(uint64_t now_ms)
{
	struct done done;
	struct timer *t;

	while (
	    (t = timer_first(&self.deadlines)) != NULL && t->due_ms <= now_ms) {
		struct query *q = (struct query *)t;
		const struct client_question told = query_told(q);

		referral_give_up(q->waiter, &told, &done, now_ms);
		q->sends = done.sends;
		query_fail(q, &done.reason, now_ms);
	}
}

/* Every query whose walk is done is answered; nothing is stored meanwhile. */
static void
queries_done(uint64_t now_ms)
{
	static const struct reason gone = {EDE_OTHER,
	    "a part of the answer had ended before the rest was there"};
	struct done done;
	struct trail trail;

	while (referral_next_done(&done)) {
		done.query->sends = done.sends;
		trail_resume(
		    &trail, &done.query->question.name, done.query->name_hash);
		if (query_is_late(done.query, now_ms))
			self.counts.dropped++;
		else if (!answer_from_cache(
			     done.query, &trail, done.mark, now_ms))
			answer_failure(done.query,
			    done.reason.ede == EDE_NONE ? &gone : &done.reason);
		query_release(done.query);
	}
}

/*
 * That was used just before its end: note it, to ask for it when all answers
 * of this turn are out.  Who sets RD=0 wants us to ask for nothing.
 */
static void
wish_note(const struct reply *a, const struct name *sname)
{
	struct wish *wish = &self.wishes[self.wish_count];

	/* An answer to ANY is one of many, and takes no other's place. */
	if (!header_is(&a->header, FLAG_RD) ||
	    a->query->question.type == TYPE_ANY ||
	    self.wish_count == WISHES_MAX)
		return;
	wish->name = *sname;
	wish->type = a->query->question.type;
	self.wish_count++;
}

static void
wishes_begin(uint64_t now_ms)
{
	unsigned i;

	for (i = 0; i < self.wish_count; i++)
		referral_refresh(
		    &self.wishes[i].name, self.wishes[i].type, now_ms);
	self.wish_count = 0;
}

/* The roots are others from now on. */
static void
hints_change(uint64_t now_ms)
{
	const struct root_servers *roots = hints_roots();
	bool flushed;

	queries_done(now_ms); /* what is in the cache is still good for them */
	flushed = referral_hints(roots, now_ms);
	if (flushed)
		cache_file_abandon(); /* it is of the roots before */
	eventlog_hints_loaded(
	    hints_file(), roots->name_count, roots->address_count, flushed);
}

/* Once a second, and at a SIGHUP: what has the operator done to his files? */
static void
files_look(uint64_t now_ms)
{
	bool at_once = self.reload && self.reload_ms <= now_ms;

	if (now_ms < self.look_ms && !at_once)
		return;
	self.look_ms = now_ms + LOOK_MS;
	if (at_once) {
		self.reload = false;
		self.reload_ms = now_ms + RELOAD_MIN_MS;
		manager_reloading(clock_us(CLOCK_MONOTONIC));
	}
	eventlog_look(); /* what comes next goes to the new file */
	if (hints_look(at_once))
		hints_change(now_ms);
	if (at_once)
		manager_ready();
}

/* The operator's commands; what a flush takes is still good for who waited. */
static void
commands_serve(uint64_t now_ms)
{
	struct statistics s;

	if (!control_is_due(now_ms))
		return;
	queries_done(now_ms);
	statistics_collect(&s, now_ms);
	control_serve(&s, &self.reload, now_ms);
}

static uint64_t
earlier(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

/* When the queue's head is due; UINT64_MAX: it is empty. */
static uint64_t
queue_due(const struct timer_queue *q)
{
	const struct timer *t = timer_first(q);

	return t != NULL ? t->due_ms : UINT64_MAX;
}

static int
timeout_ms(uint64_t now_ms)
{
	uint64_t due_ms = referral_next_due();

	if (self.reload)
		due_ms = earlier(due_ms, self.reload_ms);
	due_ms = earlier(due_ms, self.look_ms);
	due_ms = earlier(due_ms, eventlog_next_due());
	due_ms = earlier(due_ms, manager_next_due());
	due_ms = earlier(due_ms, queue_due(&self.deadlines));
	due_ms = earlier(due_ms, connections_next_due());
	due_ms = earlier(due_ms, control_next_due());
	due_ms = earlier(due_ms, cache_file_next_due());
	due_ms = earlier(due_ms, metrics_next_due());
	if (due_ms <= now_ms)
		return 0;
	return due_ms - now_ms < 3600000 ? (int)(due_ms - now_ms) : 3600000;
}

/*
 * What this host is comes first, so that nothing is sent by what is no longer
 * true.  Replies before questions: what is half done is finished first.
 */
static void
dispatch(const struct epoll_event *events, int n, uint64_t now_ms)
{
	int i;

	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_NETWORK)
			referral_network(now_ms);
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_UPSTREAM ||
		    tag_kind(events[i].data.u64) == TAG_CONNECTION)
			referral_ready(events[i].data.u64, now_ms);
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_LISTENER)
			udp_readable(tag_index(events[i].data.u64), now_ms);
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_CLIENT)
			connection_ready(&events[i], now_ms);
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_TCP_LISTENER)
			self.knocked[tag_index(events[i].data.u64)] = true;
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_CONTROL)
			control_ready(events[i].data.u64, now_ms);
	for (i = 0; i < n; i++)
		if (tag_kind(events[i].data.u64) == TAG_SIGNAL)
			signals_readable(now_ms);
}

/*
 * Did the turn see all that has come?  Not if epoll_wait gave all it can, and
 * not if more time passed than it was asked to wait: then the process was
 * stopped, within it or with what it gave in its hands.  What was not seen may
 * be what a timer waits for, so nothing is late yet (attacks.md I24), and the
 * next turn waits for nothing; but who keeps us busy cannot put it off for
 * ever.
 */
static bool
all_is_seen(int n, int asked_ms, uint64_t passed_ms)
{
	bool overslept = asked_ms > 0 && passed_ms > (uint64_t)asked_ms;

	static_assert(
	    UNSEEN_TURNS_MAX * EVENTS_MAX >= WALKS_MAX + CONNECTIONS_MAX,
	    "some are not seen");

	self.unseen_turns =
	    n == EVENTS_MAX || overslept ? self.unseen_turns + 1 : 0;
	return self.unseen_turns % UNSEEN_TURNS_MAX == 0;
}

/* Somebody wants what we never need. */
static void
confinement_watch(void)
{
	unsigned count;
	int call = confine_refused(&count);

	if (call >= 0)
		eventlog_call_refused((unsigned)call, count);
}

/* Serve until a signal says to end; gives the time then. */
static uint64_t
serve(void)
{
	static struct epoll_event events[EVENTS_MAX];
	uint64_t now_ms = self.start_ms, last_ms;
	bool expire;
	int n, wait_ms;

	while (!self.stopping) {
		last_ms = now_ms;
		wait_ms = timeout_ms(now_ms);
		n = epoll_wait(self.epoll, events, EVENTS_MAX, wait_ms);
		now_ms = turn_begin();
		dispatch(events, n, now_ms);
		files_look(now_ms);
		commands_serve(now_ms);
		expire = all_is_seen(n, wait_ms, now_ms - last_ms);
		if (expire)
			referral_expire(now_ms);
		queries_done(now_ms);
		if (expire)
			queries_expire(now_ms);
		udp_flush();
		connections_settle(now_ms);
		if (expire)
			connections_expire(now_ms);
		connections_accept(now_ms);
		wishes_begin(now_ms);
		cache_file_read(now_ms);
		confinement_watch();
		metrics_renew(now_ms);
		eventlog_flush();
		manager_turn(now_ms);
	}
	return now_ms;
}

/* ---------------------------------------------------------------------------
 * Datagrams in and out.
 */

/* The interface of a link-local address, which means nothing without it. */
static unsigned
peer_interface(const struct sockaddr_storage *peer)
{
	struct sockaddr_in6 in6;

	if (peer->ss_family != AF_INET6)
		return 0;
	memcpy(&in6, peer, sizeof(in6));
	return in6.sin6_scope_id;
}

static socklen_t
peer_write(struct sockaddr_storage *peer, const struct query *q)
{
	socklen_t len = address_to_sockaddr(&q->from, peer);
	struct sockaddr_in6 in6;

	if (q->interface == 0)
		return len;
	memcpy(&in6, peer, sizeof(in6));
	in6.sin6_scope_id = q->interface;
	memcpy(peer, &in6, sizeof(in6));
	return len;
}

/* The address a datagram was sent to, if its listener has more than one. */
static bool
control_read(struct msghdr *m, struct query *q)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct in_pktinfo info4;
	struct in6_pktinfo info6;

	if (!self.listeners[q->listener].any)
		return true;
	if (c == NULL)
		return false;
	q->to = self.listeners[q->listener].at;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, CMSG_DATA(c), sizeof(info4));
		memcpy(q->to.ip, &info4.ipi_addr, 4);
		return true;
	}
	if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
		return false;
	memcpy(&info6, CMSG_DATA(c), sizeof(info6));
	memcpy(q->to.ip, &info6.ipi6_addr, 16);
	return true;
}

static void
control_put(struct msghdr *m, int level, int type, const void *info, size_t len)
{
	struct cmsghdr *c;

	m->msg_controllen = CONTROL_OCTETS;
	memset(m->msg_control, 0, CONTROL_OCTETS);
	c = CMSG_FIRSTHDR(m);
	assert(c != NULL); /* CONTROL_OCTETS are room for one */
	/* A socklen_t in musl, a size_t in glibc. */
	c->cmsg_len = (socklen_t)CMSG_LEN(len);
	c->cmsg_level = level;
	c->cmsg_type = type;
	memcpy(CMSG_DATA(c), info, len);
	m->msg_controllen = (socklen_t)CMSG_SPACE(len);
}

/*
 * RFC 2181 4: the answer leaves from the address that was asked, as all do of
 * a listener that has no other.
 */
static void
control_write(struct msghdr *m, const struct query *q)
{
	struct in_pktinfo info4 = {0};
	struct in6_pktinfo info6 = {0};

	memcpy(&info4.ipi_spec_dst, q->to.ip, 4);
	memcpy(&info6.ipi6_addr, q->to.ip, 16);
	if (q->to.family == 4)
		control_put(m, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	else
		control_put(
		    m, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
}

/* There is room for whoever sends the next datagram to this place. */
static void
batch_renew(struct batch *b, unsigned i)
{
	struct msghdr *m = &b->messages[i].msg_hdr;

	m->msg_namelen = sizeof(b->peers[i]);
	m->msg_controllen = CONTROL_OCTETS;
}

/* Each place has its octets, and keeps them. */
static void
batch_init(struct batch *b, uint8_t *octets, size_t each)
{
	unsigned i;

	for (i = 0; i < BATCH; i++) {
		struct msghdr *m = &b->messages[i].msg_hdr;

		b->parts[i].iov_base = octets + i * each;
		b->parts[i].iov_len = each;
		m->msg_iov = &b->parts[i];
		m->msg_iovlen = 1;
		m->msg_name = &b->peers[i];
		m->msg_control = b->control[i];
		batch_renew(b, i);
	}
}

/*
 * No resolver asks from these: an answer there is answered in turn, for ever
 * (echo, daytime, quotd, chargen, time, kpasswd), or goes nowhere.
 */
static bool
port_is_reserved(uint16_t port)
{
	switch (port) {
	case 0:
	case 7:
	case 13:
	case 17:
	case 19:
	case 37:
	case 464:
		return true;
	default:
		return false;
	}
}

static void
udp_parse(struct query *q, unsigned i, uint64_t now_ms)
{
	struct msghdr *m = &self.in.messages[i].msg_hdr;

	if (!address_from_sockaddr(&self.in.peers[i], &q->from) ||
	    port_is_reserved(q->from.port) || (m->msg_flags & MSG_TRUNC) != 0 ||
	    !control_read(m, q)) {
		self.counts.dropped++;
		return;
	}
	q->interface = peer_interface(&self.in.peers[i]);
	q->asked_ms = now_ms;
	q->askable =
	    query_parse(q, self.in_octets[i], self.in.messages[i].msg_len);
}

/*
 * Answer those that have come.  Who asks for one name after the other would
 * wait for the memory of each twice, for its chain in the cache and for its
 * entry; so while one is answered the entry of a later one is on its way, and
 * the chain of one that is later still.  In the end none is left askable.
 */
static void
udp_answer(unsigned count, unsigned listener, uint64_t now_ms)
{
	static struct {
		struct query query;
		struct trail trail;
	} asked[2 * AHEAD], *now, *next;
	unsigned i;

	for (i = 0; i < count + 2 * AHEAD; i++) {
		now = &asked[i % (2 * AHEAD)];
		next = &asked[(i + AHEAD) % (2 * AHEAD)];
		if (now->query.askable)
			answer(&now->query, &now->trail, now_ms);
		now->query.askable = false;
		if (next->query.askable)
			cache_fetch_entry(&next->trail);
		if (i >= count)
			continue;
		now->query.listener = listener;
		udp_parse(&now->query, i, now_ms);
		if (!now->query.askable)
			continue;
		trail_begin(&now->trail, &now->query.question.name);
		cache_fetch_chain(&now->trail);
	}
}

static void
udp_readable(unsigned listener, uint64_t now_ms)
{
	int fd = self.listeners[listener].udp;
	unsigned i;
	int n;

	n = recvmmsg(fd, self.in.messages, BATCH, 0, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
			eventlog_receive_failed(
			    &self.listeners[listener].at, errno);
		return;
	}
	self.counts.received += (unsigned)n;
	udp_answer((unsigned)n, listener, now_ms);
	for (i = 0; i < (unsigned)n; i++)
		batch_renew(&self.in, i);
}

/* A buffer for an answer to this query; udp_send sends it. */
static uint8_t *
udp_buffer(const struct query *q)
{
	if (self.out.count == BATCH ||
	    (self.out.count > 0 && self.out.listener != q->listener))
		udp_flush();
	self.out.listener = q->listener;
	return self.out_octets[self.out.count];
}

static void
udp_send(const struct reply *a)
{
	const struct query *q = a->query;
	unsigned i = self.out.count++;
	struct msghdr *m = &self.out.messages[i].msg_hdr;

	assert(a->message.base == self.out_octets[i] && !a->message.failed);
	self.out.parts[i].iov_len = a->message.len;
	m->msg_namelen = peer_write(&self.out.peers[i], q);
	m->msg_controllen = 0;
	if (self.listeners[q->listener].any)
		control_write(m, q);
	self.out_sections[i].at = a->sections;
	self.out_sections[i].len = a->opt - a->sections;
	self.counts.answered++;
}

/* Take the sections out and set TC; false: there are none to take out. */
static bool
udp_truncate(unsigned i)
{
	uint8_t *octets = self.out_octets[i];
	size_t at = self.out_sections[i].at, len = self.out_sections[i].len;
	size_t *whole = &self.out.parts[i].iov_len;
	struct header header;
	struct reader r;
	struct writer w;

	if (len == 0)
		return false;
	memmove(octets + at, octets + at + len, *whole - at - len);
	*whole -= len;
	self.out_sections[i].len = 0;
	reader_init(&r, octets, *whole);
	(void)read_header(&r, &header);
	header_set(&header, FLAG_TC, true);
	header.answers = header.authorities = 0;
	writer_init(&w, octets, *whole);
	w.len = *whole;
	write_header_again(&w, &header);
	return true;
}

/*
 * What the kernel will not take is dropped: the client asks again.  What is
 * too large for the link it asks for over TCP (RFC 9715 3.1 R4).
 */
static void
udp_flush(void)
{
	int fd = self.listeners[self.out.listener].udp;
	unsigned at = 0;

	while (at < self.out.count) {
		int n = sendmmsg(fd, self.out.messages + at,
		    self.out.count - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			at += (unsigned)n;
		} else if (errno == EMSGSIZE && udp_truncate(at)) {
			continue;
		} else if (errno != EINTR) {
			self.counts.answered--;
			self.counts.dropped++;
			at++;
		}
	}
	self.out.count = 0;
}

/* ---------------------------------------------------------------------------
 * Connections.
 */

/* See what comes of it when the turn ends. */
static void
connection_touch(struct connection *c)
{
	if (c->touched)
		return;
	c->touched = true;
	c->next_touched = NULL;
	*self.touched_end = c;
	self.touched_end = &c->next_touched;
}

/* The client did what it had to; what is next has its own time. */
static void
connection_moved(struct connection *c)
{
	timer_disarm(&c->timer);
	c->queue = NULL;
}

/*
 * The backlog's octets begin in the first block behind those taken, fill the
 * blocks after it, and end in the last; without any there is no block.
 */
static void
backlog_shrink(struct connection *c, size_t octets)
{
	assert(octets <= c->backlog);
	c->taken += octets;
	c->backlog -= octets;
	while (c->first != NULL &&
	    (c->taken >= BACKLOG_BLOCK || c->backlog == 0)) {
		struct block *b = c->first;

		c->first = b->next;
		c->taken = c->backlog > 0 ? c->taken - BACKLOG_BLOCK : 0;
		b->next = self.free_block;
		self.free_block = b;
		self.blocks_free++;
	}
}

static void
backlog_add_block(struct connection *c)
{
	struct block *b = self.free_block;

	assert(self.blocks_free > 0);
	self.blocks_free--;
	if (b != NULL)
		self.free_block = b->next;
	else
		b = &self.blocks[self.blocks_used++];
	b->next = NULL;
	if (c->first == NULL)
		c->first = b;
	else
		c->last->next = b;
	c->last = b;
}

static void
backlog_add(struct connection *c, const uint8_t *octets, size_t len)
{
	while (len > 0) {
		size_t at = (c->taken + c->backlog) % BACKLOG_BLOCK;
		size_t n = BACKLOG_BLOCK - at < len ? BACKLOG_BLOCK - at : len;

		if (at == 0)
			backlog_add_block(c);
		memcpy(c->last->octets + at, octets, n);
		c->backlog += n;
		octets += n;
		len -= n;
	}
}

static void
connection_break(struct connection *c)
{
	c->broken = true;
	backlog_shrink(c, c->backlog);
	connection_moved(c);
	connection_touch(c);
}

/* All that waits goes out in one write (RFC 7766 8). */
static void
connection_write(struct connection *c)
{
	struct iovec parts[BACKLOG_MAX / BACKLOG_BLOCK + 2];
	struct msghdr m = {.msg_iov = parts};
	size_t at = c->taken, left = c->backlog;
	struct block *b;
	ssize_t n;

	for (b = c->first; b != NULL; b = b->next) {
		struct iovec *part = &parts[m.msg_iovlen++];

		part->iov_base = b->octets + at;
		part->iov_len =
		    BACKLOG_BLOCK - at < left ? BACKLOG_BLOCK - at : left;
		left -= part->iov_len;
		at = 0;
	}
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		backlog_shrink(c, (size_t)n);
		if (c->queue == &self.stuck)
			connection_moved(c);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		connection_break(c);
	}
}

/*
 * Is there room for so much more?  When the blocks are used up those that were
 * answered in this turn are written to, and who took nothing for longest goes.
 */
static bool
connection_has_room(struct connection *c, size_t len)
{
	unsigned blocks = (unsigned)(len / BACKLOG_BLOCK) + 1;
	struct connection *other;

	if (c->backlog + len > BACKLOG_MAX)
		connection_write(c);
	if (c->broken || c->backlog + len > BACKLOG_MAX)
		return false;
	for (other = self.touched; other != NULL && self.blocks_free < blocks;
	     other = other->next_touched)
		if (other->backlog > 0)
			connection_write(other);
	while (self.blocks_free < blocks) {
		other = (struct connection *)timer_first(&self.stuck);
		if (other == NULL || other == c)
			return false;
		connection_break(other);
	}
	return !c->broken;
}

/* The answer goes out when the turn ends, with its length before it. */
static void
connection_send(struct connection *c, const struct writer *message)
{
	size_t len = PREFIX_LEN + message->len;
	struct writer prefix;

	assert(message->base == self.tcp_octets + PREFIX_LEN);
	assert(!message->failed);
	if (c->broken || !connection_has_room(c, len)) {
		connection_break(c);
		self.counts.dropped++;
		return;
	}
	writer_init(&prefix, self.tcp_octets, PREFIX_LEN);
	write_u16(&prefix, (uint16_t)message->len);
	backlog_add(c, self.tcp_octets, len);
	connection_touch(c);
	self.counts.answered++;
}

/* Can one more question be taken, however long its answer is? */
static bool
connection_is_heard(const struct connection *c)
{
	return !c->broken && c->waiting < CONNECTION_QUERIES_MAX &&
	    c->backlog + PREFIX_LEN + MESSAGE_MAX <= BACKLOG_MAX;
}

enum framing {
	FRAMING_PART,  /* of a message: the rest is still to come */
	FRAMING_WHOLE, /* a message */
	FRAMING_BAD    /* a length that no question has */
};

/* The next message in r, as far as it is there. */
static enum framing
frame_read(struct reader *r, const uint8_t **octets, size_t *len)
{
	*len = read_u16(r);
	if (!r->failed && (*len < HEADER_LEN || *len > QUERY_OCTETS))
		return FRAMING_BAD;
	*octets = read_bytes(r, *len);
	return r->failed ? FRAMING_PART : FRAMING_WHOLE;
}

/* Is there something to take without reading on? */
static bool
connection_asks(const struct connection *c)
{
	const uint8_t *octets;
	struct reader r;
	size_t len;

	reader_init(&r, c->octets, c->len);
	return frame_read(&r, &octets, &len) != FRAMING_PART;
}

static void
tcp_received(
    struct connection *c, const uint8_t *octets, size_t len, uint64_t now_ms)
{
	static struct query q;
	struct trail trail;

	self.counts.received++;
	self.counts.tcp_received++;
	q.connection = c;
	q.from = c->from;
	q.asked_ms = now_ms;
	if (!query_parse(&q, octets, len))
		return;
	trail_begin(&trail, &q.question.name);
	answer(&q, &trail, now_ms);
}

/* Take messages, not too many in a turn: others are waiting, too. */
static void
connection_serve(struct connection *c, uint64_t now_ms)
{
	const uint8_t *octets;
	struct reader r;
	size_t len, at = 0;
	unsigned n;

	reader_init(&r, c->octets, c->len);
	for (n = 0; n < CONNECTION_BATCH && connection_is_heard(c); n++) {
		enum framing framing = frame_read(&r, &octets, &len);

		if (framing == FRAMING_BAD) {
			c->ended = true; /* where is the next one? */
			at = c->len;
		}
		if (framing != FRAMING_WHOLE)
			break;
		at = r.at;
		connection_moved(c);
		tcp_received(c, octets, len, now_ms);
	}
	c->len -= at;
	memmove(c->octets, c->octets + at, c->len);
}

static void
connection_read(struct connection *c)
{
	size_t room = PREFIX_LEN + QUERY_OCTETS - c->len;
	ssize_t n;

	assert(room > 0); /* or connection_asks */
	n = recv(c->fd, c->octets + c->len, room, MSG_DONTWAIT);
	if (n > 0) {
		c->len += (size_t)n;
		if (c->queue == &self.idle)
			connection_moved(c);
	} else if (n == 0) {
		c->ended = true; /* RFC 7766 6.2.4: answers are awaited */
	} else if (errno != EAGAIN && errno != EINTR) {
		connection_break(c);
	}
}

static void
connection_ready(const struct epoll_event *event, uint64_t now_ms)
{
	struct connection *c = &self.connections[tag_index(event->data.u64)];

	if (c->fd < 0 || c->generation != tag_generation(event->data.u64))
		return;
	connection_touch(c);
	if ((event->events & (EPOLLERR | EPOLLHUP)) != 0)
		connection_break(c);
	else if (c->backlog > 0)
		connection_write(c);
	else if ((event->events & EPOLLIN) != 0)
		connection_read(c);
	connection_serve(c, now_ms);
}

/* A question waits for a walk, or does not any more. */
static void
connection_hold(struct connection *c, struct query *q)
{
	q->next = c->queries;
	c->queries = q;
	c->waiting++;
}

static void
connection_release(struct connection *c, const struct query *q)
{
	struct query **at = &c->queries;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	c->waiting--;
	connection_touch(c);
}

/* Nobody is there for its questions: no packet is sent for them any more. */
static void
connection_close(struct connection *c, uint64_t now_ms)
{
	while (c->queries != NULL) {
		referral_forget(c->queries->waiter, now_ms);
		query_release(c->queries);
	}
	backlog_shrink(c, c->backlog);
	connection_moved(c);
	close(c->fd);
	c->fd = -1;
	c->generation++;
	c->next_free = self.free_connection;
	self.free_connection = c;
	self.connections_open--;
}

/*
 * For what epoll shall look: who does not read is not read.  A message that is
 * left for the next turn waits for a place to write to, which is there at once.
 */
static uint32_t
connection_events(const struct connection *c)
{
	if (c->backlog > 0)
		return EPOLLOUT;
	if (!connection_is_heard(c))
		return 0;
	if (connection_asks(c))
		return EPOLLOUT;
	return c->ended ? 0 : EPOLLIN;
}

static bool
connection_watch(struct connection *c, int op)
{
	struct epoll_event event = {.events = connection_events(c)};

	if (op == EPOLL_CTL_MOD && event.events == c->events)
		return true;
	c->events = event.events;
	event.data.u64 = tag_make(
	    TAG_CLIENT, c->generation, (uint32_t)(c - self.connections));
	return epoll_ctl(self.epoll, op, c->fd, &event) == 0;
}

/* The table at struct connection. */
static struct timer_queue *
connection_queue(const struct connection *c)
{
	if (c->backlog > 0)
		return &self.stuck;
	if (!connection_is_heard(c))
		return NULL;
	if (c->len > 0 && !c->ended)
		return &self.begun;
	return c->waiting > 0 ? NULL : &self.idle;
}

static void
connection_settle(struct connection *c, uint64_t now_ms)
{
	struct timer_queue *queue;

	if (c->backlog > 0)
		connection_write(c);
	if (c->broken || !connection_watch(c, EPOLL_CTL_MOD) ||
	    (c->ended && c->waiting == 0 && c->backlog == 0 &&
		!connection_asks(c))) {
		connection_close(c, now_ms);
		return;
	}
	queue = connection_queue(c);
	if (queue == c->queue)
		return;
	connection_moved(c);
	if (queue != NULL)
		timer_arm(queue, &c->timer, now_ms);
	c->queue = queue;
}

/* One that was closed, or opened anew, since it was touched does no harm. */
static void
connections_settle(uint64_t now_ms)
{
	struct connection *c;

	while ((c = self.touched) != NULL) {
		self.touched = c->next_touched;
		if (self.touched == NULL)
			self.touched_end = &self.touched;
		c->touched = false;
		if (c->fd >= 0)
			connection_settle(c, now_ms);
	}
}

/* So long may one be idle: the less the more of the second half is taken. */
static unsigned
idle_ms(void)
{
	unsigned half = self.connections_max / 2;
	unsigned left = self.connections_max - self.connections_open;

	return left >= half
	    ? IDLE_MS_MAX
	    : IDLE_MS_MIN + (IDLE_MS_MAX - IDLE_MS_MIN) * left / half;
}

static uint64_t
idle_due(void)
{
	uint64_t due_ms = queue_due(&self.idle);

	return due_ms != UINT64_MAX ? due_ms - IDLE_MS_MAX + idle_ms() : due_ms;
}

static uint64_t
connections_next_due(void)
{
	return earlier(earlier(idle_due(), queue_due(&self.pauses)),
	    earlier(queue_due(&self.begun), queue_due(&self.stuck)));
}

static void
connections_close_late(const struct timer_queue *q, uint64_t now_ms)
{
	while (queue_due(q) <= now_ms)
		connection_close((struct connection *)timer_first(q), now_ms);
}

/* The descriptors may be used up: do not be told of what cannot be had. */
static void
tcp_watch(unsigned listener, uint32_t events)
{
	struct epoll_event event = {.events = events};

	event.data.u64 = tag_make(TAG_TCP_LISTENER, 0, listener);
	(void)epoll_ctl(
	    self.epoll, EPOLL_CTL_MOD, self.listeners[listener].tcp, &event);
}

static void
connections_expire(uint64_t now_ms)
{
	connections_close_late(&self.begun, now_ms);
	connections_close_late(&self.stuck, now_ms);
	while (idle_due() <= now_ms)
		connection_close(
		    (struct connection *)timer_first(&self.idle), now_ms);
	while (queue_due(&self.pauses) <= now_ms) {
		struct timer *t = timer_first(&self.pauses);

		timer_disarm(t);
		tcp_watch((unsigned)(t - self.paused), EPOLLIN);
	}
}

/* One IPv4 address, or the /64 that an IPv6 host has to itself. */
static bool
client_is_same(const struct address *a, const struct address *b)
{
	return a->family == b->family &&
	    memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8) == 0;
}

static unsigned
connections_of(const struct address *client)
{
	unsigned i, n = 0;

	for (i = 0; i < self.connections_used; i++)
		if (self.connections[i].fd >= 0 &&
		    client_is_same(&self.connections[i].from, client))
			n++;
	return n;
}

/* May there be one more from here?  Half of the places are free to all. */
static bool
connection_is_welcome(const struct address *from)
{
	unsigned half = self.connections_max / 2;

	if (self.connections_open < half)
		return true;
	if (!client_may_ask(from)) {
		eventlog_table_full("tcp_connections_of_strangers", half);
		return false;
	}
	if (connections_of(from) >= CLIENT_CONNECTIONS_MAX) {
		eventlog_table_full(
		    "tcp_connections_of_client", CLIENT_CONNECTIONS_MAX);
		return false;
	}
	return true;
}

/* Who is idle longest goes (RFC 7766 6.2.2), else who keeps us waiting. */
static void
connection_displace(uint64_t now_ms)
{
	struct timer *t = timer_first(&self.idle);

	if (t == NULL)
		t = timer_first(&self.begun);
	if (t == NULL)
		t = timer_first(&self.stuck);
	if (t != NULL)
		connection_close((struct connection *)t, now_ms);
}

/* A free place; NULL: there is none. */
static struct connection *
connection_take(void)
{
	struct connection *c = self.free_connection;

	if (self.connections_open == self.connections_max)
		return NULL;
	self.connections_open++;
	if (c != NULL) {
		self.free_connection = c->next_free;
		return c;
	}
	c = &self.connections[self.connections_used];
	c->octets = self.connection_octets[self.connections_used];
	self.connections_used++;
	return c;
}

static bool
connection_open(int fd, const struct sockaddr_storage *sa, uint64_t now_ms)
{
	struct connection *c;
	struct address from;

	if (!address_from_sockaddr(sa, &from) || !connection_is_welcome(&from))
		return false;
	if (self.connections_open == self.connections_max)
		connection_displace(now_ms);
	c = connection_take();
	if (c == NULL) {
		eventlog_table_full("tcp_connections", self.connections_max);
		return false;
	}
	c->fd = fd;
	c->from = from;
	c->ended = c->broken = false;
	c->len = 0;
	if (!connection_watch(c, EPOLL_CTL_ADD))
		connection_break(c);
	connection_settle(c, now_ms);
	return true;
}

static void
tcp_accept(unsigned listener, uint64_t now_ms)
{
	unsigned i;

	for (i = 0; i < BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(self.listeners[listener].tcp,
		    (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			break;
		self.counts.accepted++;
		if (!connection_open(fd, &sa, now_ms)) {
			self.counts.turned_away++;
			close(fd);
		}
	}
	if (i < BATCH && errno != EAGAIN && errno != EINTR &&
	    errno != ECONNABORTED) {
		timer_arm(&self.pauses, &self.paused[listener], now_ms);
		tcp_watch(listener, 0);
	}
}

/* Last in a turn, when it is known which places are free. */
static void
connections_accept(uint64_t now_ms)
{
	unsigned i;

	for (i = 0; i < self.listener_count; i++) {
		if (self.knocked[i])
			tcp_accept(i, now_ms);
		self.knocked[i] = false;
	}
}

/* ---------------------------------------------------------------------------
 * Questions.
 */

static bool
address_is_loopback(const struct address *a)
{
	static const uint8_t loopback6[16] = {[15] = 1}; /* ::1 */

	return a->family == 4
	    ? a->ip[0] == 127 /* 127.0.0.0/8 */
	    : memcmp(a->ip, loopback6, sizeof(loopback6)) == 0;
}

static bool
client_is_of(const struct address *from, const struct prefix *list, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (prefix_covers(&list[i], from))
			return true;
	return false;
}

static inline bool
client_may_ask(const struct address *from)
{
	return address_is_loopback(from) ||
	    client_is_of(from, self.options.allow, self.options.allow_count);
}

/* Is it one that may have no more than a client's share? */
static inline bool
client_is_single(const struct address *from)
{
	return !address_is_loopback(from) &&
	    !client_is_of(from, self.options.proxy, self.options.proxy_count);
}

/* The place of the first octets of its address among all SHARES. */
static size_t
share_of(const struct address *client, size_t octets)
{
	return hash_keyed(client->ip, octets, self.share_key) % SHARES;
}

/* Of one IPv4 address, or of a /56 that an IPv6 line has. */
static uint16_t *
share_waiting(const struct address *client)
{
	return &self.shares
		    .waiting[share_of(client, client->family == 4 ? 4 : 7)];
}

/* Of a /24 or a /56: who floods his link floods all who are behind it. */
static struct gain *
share_gain(const struct address *client)
{
	struct gain *g =
	    &self.shares.gains[share_of(client, client->family == 4 ? 3 : 7)];
	uint32_t past_ms = self.turn_ms - g->at_ms;
	uint64_t less = (uint64_t)past_ms * CLIENT_GAIN_S_MAX / 1000;

	if (less > 0) {
		g->octets = less < g->octets ? g->octets - (uint32_t)less : 0;
		g->at_ms = self.turn_ms;
	}
	return g;
}

/*
 * RFC 4892: what this server says of itself, and to its own host alone, as it
 * helps attackers more than others.  NULL: that is not asked, or not for him.
 */
static const char *
chaos_text(const struct query *q)
{
	static const struct name version_bind = {14, "\7version\4bind"};
	static const struct name version_server = {16, "\7version\6server"};
	static const struct name host_bind = {15, "\10hostname\4bind"};
	static const struct name id_server = {11, "\2id\6server"};
	const struct name *name = &q->question.name;

	if (q->question.class != CLASS_CHAOS || !address_is_loopback(&q->from))
		return NULL;
	if (name_equal(name, &version_bind) ||
	    name_equal(name, &version_server))
		return "dns " VERSION;
	if (name_equal(name, &host_bind) || name_equal(name, &id_server))
		return self.host;
	return NULL;
}

/* Of a malformed OPT nothing counts but that it is there. */
static bool
query_read_opt(
    struct query *q, const struct reader *r, const struct record *opt)
{
	if (read_edns(r, opt, &q->edns))
		return true;
	q->edns.present = true;
	q->edns.udp_max = UDP_PLAIN_MAX;
	return false;
}

/*
 * What follows the question: one OPT at most, and a TSIG that we do not judge
 * (RFC 6891 6.1.1).  Anything else in a question is malformed.
 */
static bool
query_read_additional(struct query *q, struct reader *r)
{
	struct record record;
	bool signature = false;
	unsigned i;

	if (q->header.answers + q->header.authorities > 0 ||
	    q->header.additionals > 2)
		return false;
	for (i = 0; i < q->header.additionals; i++) {
		if (signature || !read_record(r, &record))
			return false; /* RFC 8945 5.1: TSIG is the last */
		if (record.type == TYPE_TSIG)
			signature = true;
		else if (record.type != TYPE_OPT || q->edns.present ||
		    !query_read_opt(q, r, &record))
			return false;
	}
	return r->at == r->len;
}

/* The table of rfcs.md 1.1: types that are no data. */
static enum rcode
type_rcode(uint16_t type)
{
	switch (type) {
	case 0:
	case TYPE_OPT:
	case TYPE_NXNAME:
		return RCODE_FORMERR;
	case TYPE_TKEY:
	case TYPE_TSIG:
	case TYPE_IXFR:
	case TYPE_AXFR:
	case TYPE_MAILB:
	case TYPE_MAILA:
		return RCODE_REFUSED;
	default:
		return RCODE_NOERROR;
	}
}

/* A reply without data; ede EDE_NONE for none. */
static SELDOM void
query_reject(struct query *q, enum rcode rcode, uint16_t ede)
{
	struct reason reason = {.ede = ede};

	if (rcode == RCODE_REFUSED) {
		self.counts.refused++;
		/* What we ask of servers has RD=0, and none of it gets by. */
		if (!header_is(&q->header, FLAG_RD))
			referral_came_back(q->header.id, &q->question);
	}
	answer_error(q, rcode, &reason, 1);
}

/* May the question be looked at?  If not it has been answered. */
static bool
query_is_askable(struct query *q)
{
	uint16_t type = q->question.type;
	const char *chaos = chaos_text(q);

	if (!client_may_ask(&q->from))
		query_reject(q, RCODE_REFUSED, EDE_PROHIBITED);
	else if (q->edns.version > 0)
		query_reject(q, RCODE_BADVERS, EDE_NONE);
	else if (q->question.name.len == 0) /* RFC 7873 5.4: cookies alone */
		query_reject(q, RCODE_NOERROR, EDE_NONE);
	else if (q->question.class != CLASS_IN && chaos == NULL)
		query_reject(q, RCODE_REFUSED, EDE_NOT_SUPPORTED);
	else if (type == TYPE_NXNAME)
		query_reject(q, RCODE_FORMERR, EDE_INVALID_QUERY_TYPE);
	else if (type_rcode(type) != RCODE_NOERROR)
		query_reject(q, type_rcode(type), EDE_NOT_SUPPORTED);
	else if (!header_is(&q->header, FLAG_RD) &&
	    !address_is_loopback(&q->from))
		query_reject(q, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
	else if (chaos != NULL)
		answer_chaos(q, chaos);
	else
		return true;
	return false;
}

/* The question as the event log tells it. */
static struct client_question
query_told(const struct query *q)
{
	bool known = q->question.name.len > 0;

	return (struct client_question){.q = q->number,
	    .asked_ms = q->asked_ms,
	    .client = q->traced ? NULL : &q->from,
	    .transport = q->traced      ? NULL
		: q->connection != NULL ? "tcp"
					: "udp",
	    .qname = &q->question.name,
	    .qtype = known ? q->question.type : 0};
}

/* At level debug a question has a line when it comes, before any answer. */
static void
query_trace(const struct query *q)
{
	struct client_question told;

	if (!eventlog_is_tracing())
		return;
	told = query_told(q);
	eventlog_question(&told);
}

/*
 * The question, if there is one, and what follows; false if malformed.  OPT
 * is answered with OPT as far as it was reached (RFC 6891 6.1.1).
 */
static bool
query_read(struct query *q, struct reader *r)
{
	memset(&q->edns, 0, sizeof(q->edns));
	if (q->header.questions == 1 && !read_question(r, &q->question))
		q->question.name.len = 0;
	return q->header.questions <= 1 && !r->failed &&
	    query_read_additional(q, r);
}

/*
 * Take a message apart.  True: it is a question to answer.  Else it has been
 * answered, or dropped because it is no question (RFC 1035 4.1.1).
 */
static bool
query_parse(struct query *q, const uint8_t *octets, size_t len)
{
	struct reader r;
	bool sound;

	q->question.name.len = 0;
	q->question.type = q->question.class = 0;
	q->octets = (uint32_t)len;
	q->sends = 0;
	q->traced = false;
	q->waiter = NULL;
	reader_init(&r, octets, len);
	if (!read_header(&r, &q->header) || header_is(&q->header, FLAG_QR)) {
		self.counts.dropped++;
		return false;
	}
	q->number = ++self.questions;
	sound = query_read(q, &r);
	if (header_opcode(&q->header) != 0) {
		q->question.name.len = 0; /* what stands there is no question */
		query_reject(q, RCODE_NOTIMP, EDE_NOT_SUPPORTED);
		return false;
	}
	if (q->question.name.len > 0)
		query_trace(q);
	if (!sound || (q->header.questions == 0 && q->edns.cookie_len == 0)) {
		query_reject(q, RCODE_FORMERR, EDE_NONE);
		return false;
	}
	return query_is_askable(q);
}

static const struct reason busy = {EDE_OTHER, "too many questions"};

/* The table is full: the oldest goes if it had its chance (DESIGN 3). */
static struct query *
query_take(uint64_t now_ms)
{
	struct query *oldest = (struct query *)timer_first(&self.deadlines);
	struct query *q;

	if (self.waiting == QUERIES_MAX) {
		eventlog_table_full("queries", QUERIES_MAX);
		if (oldest->deadline.due_ms - QUERY_MS_MAX + QUERY_AGE_MIN_MS >
		    now_ms)
			return NULL;
		referral_forget(oldest->waiter, now_ms);
		query_fail(oldest, &busy, now_ms);
	}
	self.waiting++;
	q = self.free_query;
	if (q == NULL)
		return &self.queries[self.queries_used++];
	self.free_query = q->next;
	return q;
}

static bool
queries_are_many(void)
{
	return self.waiting > QUERIES_MAX / 2;
}

/* While half the room is taken, does this client have his share of it? */
static bool
query_is_excess(const struct query *q)
{
	if (!queries_are_many() || !client_is_single(&q->from) ||
	    *share_waiting(&q->from) < CLIENT_QUERIES_MAX)
		return false;
	eventlog_client_limited(&q->from, "waiting", CLIENT_QUERIES_MAX);
	return true;
}

/* And did he wait too long to be still there? */
static bool
query_is_late(const struct query *q, uint64_t now_ms)
{
	return queries_are_many() && q->connection == NULL &&
	    now_ms - q->asked_ms >= CLIENT_LATE_MS &&
	    client_is_single(&q->from);
}

/*
 * Let the question wait for a walk.  Where its trail is nobody's by now an
 * alias is known, and else nothing is.
 */
static SELDOM void
query_park(struct query *asked, struct trail *trail, uint64_t now_ms)
{
	struct query *q = query_is_excess(asked) ? NULL : query_take(now_ms);
	bool unknown = trail->name != NULL;
	struct client_question told;

	if (q == NULL) {
		answer_failure(asked, &busy);
		return;
	}
	memset(&asked->deadline, 0, sizeof(asked->deadline));
	*q = *asked;
	(*share_waiting(&q->from))++;
	if (q->connection != NULL)
		connection_hold(q->connection, q);
	told = query_told(q);
	if (!unknown)
		trail_begin(trail, &q->question.name);
	q->name_hash = trail_hash(trail, 0);
	q->waiter = referral_ask(
	    q, &told, trail, unknown, client_is_single(&q->from), now_ms);
	if (q->waiter == NULL) {
		answer_failure(q, &busy);
		query_release(q);
		return;
	}
	timer_arm(&self.deadlines, &q->deadline, now_ms);
}

/* Does he show a cookie of ours?  Then he is where he says he is. */
static bool
query_is_proven(const struct query *q)
{
	return q->edns.cookie_len > COOKIE_CLIENT_LEN &&
	    cookie_is_of(
		&self.secrets, &q->edns, &q->from, self.wall_s, q->asked_ms);
}

/*
 * While half the room for waiting clients is taken, whoever shows a cookie
 * over UDP must show a good one (RFC 7873 5.2.4): a forged address has none.
 */
static bool
query_is_suspect(const struct query *q)
{
	return q->connection == NULL && queries_are_many() &&
	    q->edns.cookie_len > COOKIE_CLIENT_LEN &&
	    !address_is_loopback(&q->from) && !query_is_proven(q);
}

/* From the cache, if that has it; else from where RD=1 lets us go. */
static void
answer(struct query *q, struct trail *trail, uint64_t now_ms)
{
	if (answer_from_cache(q, trail, cache_mark(), now_ms)) {
		self.counts.hits++;
		return;
	}
	if (!header_is(&q->header, FLAG_RD))
		query_reject(q, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
	else if (query_is_suspect(q))
		query_reject(q, RCODE_BADCOOKIE, EDE_NONE);
	else
		query_park(q, trail, now_ms);
}

/* ---------------------------------------------------------------------------
 * Answers.
 */

static size_t
reply_max(const struct query *q)
{
	if (q->connection != NULL || q->traced)
		return MESSAGE_MAX;
	if (!q->edns.present || q->question.type == TYPE_ANY)
		return UDP_PLAIN_MAX; /* RFC 8482: one RRset, a small one */
	return q->edns.udp_max < UDP_EDNS_MAX ? q->edns.udp_max : UDP_EDNS_MAX;
}

/* RFC 7828 3.3: who asks over TCP is told how long he may be idle. */
static bool
reply_has_keepalive(const struct query *q)
{
	return q->connection != NULL && q->edns.keepalive;
}

/* Octets of its OPT without reasons. */
static size_t
reply_opt_len(const struct query *q)
{
	size_t len = 11;

	if (!q->edns.present)
		return 0;
	if (reply_has_keepalive(q))
		len += 6;
	if (q->edns.cookie_len > 0)
		len += 4 + COOKIE_LEN;
	return len;
}

static struct reply *
reply_begin(const struct query *q)
{
	struct reply *a = &self.reply;

	a->query = q;
	a->header = (struct header){.id = q->header.id,
	    .flags = FLAG_QR | FLAG_RA |
		(q->header.flags & (FLAGS_OPCODE | FLAG_RD | FLAG_CD))};
	a->max = reply_max(q);
	writer_init(&a->message,
	    q->connection != NULL || q->traced ? self.tcp_octets + PREFIX_LEN
					       : udp_buffer(q),
	    a->max - reply_opt_len(q));
	writer_compress(&a->message, &a->names);
	a->message.len = HEADER_LEN; /* written when all is known */
	if (q->question.name.len > 0) {
		a->header.questions = 1;
		write_question(&a->message, &q->question);
	}
	a->sections = a->message.len;
	a->set_count = a->told_count = 0;
	a->from_cache = false;
	return a;
}

/* Forget every section: what is said now is an error, or "truncated". */
static void
reply_empty(struct reply *a)
{
	write_back_to(&a->message, a->sections);
	a->header.answers = a->header.authorities = 0;
	a->set_count = a->told_count = 0;
}

/* At level debug the log has each record that a question is answered with. */
static void
reply_trace(const struct reply *a)
{
	static const char *const sections[] = {"answer", "authority"};
	const unsigned counts[] = {a->header.answers, a->header.authorities};
	static uint8_t octets[MESSAGE_MAX];
	struct reader message, rdata;
	struct record record;
	struct writer w;
	unsigned i, n;

	if (a->query->question.class != CLASS_IN)
		return;
	reader_init(&message, a->message.base, a->message.len);
	message.at = a->sections;
	for (i = 0; i < 2; i++)
		for (n = 0; n < counts[i] && read_record(&message, &record);
		     n++) {
			writer_init(&w, octets, sizeof(octets));
			if (!read_rdata(&message, &record, &w))
				continue;
			reader_init(&rdata, octets, w.len);
			eventlog_record(a->query->number, sections[i],
			    &record.owner, record.ttl_s, record.type, &rdata);
		}
}

/* Who waited was told after a walk; who did not, from the cache or not. */
static void
reply_log(const struct reply *a, enum rcode rcode)
{
	const struct client_question told = query_told(a->query);
	const char *hit = a->from_cache ? "yes" : NULL;

	if (a->query->waiter != NULL)
		hit = "no";
	eventlog_query(&told, rcode, hit, a->query->sends, a->message.len);
}

static void
reply_send(struct reply *a)
{
	struct connection *c = a->query->connection;

	if (a->query->traced)
		self.stopping = true;
	else if (c != NULL)
		connection_send(c, &a->message);
	else
		udp_send(a);
}

/* A fresh one for who asks for it by sending one (RFC 9018 4.3). */
static void
reply_add_cookie(const struct reply *a, struct edns *opt)
{
	const struct query *q = a->query;

	if (q->edns.cookie_len == 0)
		return;
	opt->cookie_len = COOKIE_CLIENT_LEN;
	memcpy(opt->cookie, q->edns.cookie, COOKIE_CLIENT_LEN);
	cookie_renew(opt, &q->from, self.wall_s, self.secrets.now);
}

static void
reply_write_opt(struct reply *a, enum rcode rcode, const struct reason *why,
    size_t why_count)
{
	struct edns opt = {.present = true, .udp_max = UDP_EDNS_MAX};

	reply_add_cookie(a, &opt);
	a->message.max = a->max;
	a->header.additionals = 1;
	opt.dnssec_ok = a->query->edns.dnssec_ok;
	opt.keepalive = reply_has_keepalive(a->query);
	if (opt.keepalive)
		opt.idle_100ms = (uint16_t)(idle_ms() / 100);
	opt.rcode_high = (uint8_t)(rcode >> 4);
	write_opt(&a->message, &opt, why, why_count);
}

/* Behind the sections: OPT, if there was one in the query. */
static void
reply_add_opt(struct reply *a, enum rcode rcode, const struct reason *why,
    size_t why_count)
{
	a->opt = a->message.len;
	if (a->query->edns.present)
		reply_write_opt(a, rcode, why, why_count);
}

/*
 * Would so long an answer make us of use against others?  What is longer than
 * its question is on the account of the network it goes to, unless that cannot
 * be forged: over TCP, or with a cookie of ours (RFC 7873 5.2.3).
 */
static bool
reply_is_excess(const struct reply *a)
{
	const struct query *q = a->query;
	struct gain *g;
	size_t more;

	if (a->message.len <= q->octets || q->connection != NULL ||
	    !client_is_single(&q->from) || query_is_proven(q))
		return false;
	g = share_gain(&q->from);
	more = a->message.len - q->octets;
	if (g->octets + more > CLIENT_GAIN_MAX)
		return true;
	g->octets += (uint32_t)more;
	return false;
}

/* Leave the bare reasons, and TC=1 if anything was to be had. */
static void
reply_shorten(struct reply *a, enum rcode rcode, const struct reason *why,
    size_t why_count)
{
	struct reason bare[REASONS_MAX];
	size_t i;

	assert(why_count <= REASONS_MAX);
	for (i = 0; i < why_count; i++)
		bare[i] = (struct reason){.ede = why[i].ede};
	if (a->opt > a->sections)
		header_set(&a->header, FLAG_TC, true);
	reply_empty(a);
	reply_add_opt(a, rcode, bare, why_count);
	self.counts.limited++;
	eventlog_client_limited(&a->query->from, "octets", CLIENT_GAIN_S_MAX);
}

/* How it is told, and how long it took: by the turns in which it came, went. */
static void
reply_count(const struct reply *a, enum rcode rcode)
{
	static const uint8_t told[] = {[RCODE_NOERROR] = TOLD_NOERROR,
	    [RCODE_FORMERR] = TOLD_OTHER,
	    [RCODE_SERVFAIL] = TOLD_SERVFAIL,
	    [RCODE_NXDOMAIN] = TOLD_NXDOMAIN,
	    [RCODE_NOTIMP] = TOLD_OTHER,
	    [RCODE_REFUSED] = TOLD_REFUSED};
	uint32_t ms = self.turn_ms - (uint32_t)a->query->asked_ms;
	unsigned place = 0;

	self.counts.told[rcode < sizeof(told) ? told[rcode] : TOLD_OTHER]++;
	while (place < TOOK_MAX - 1 && ms > took_most_ms(place))
		place++;
	self.counts.took[place]++;
	self.counts.took_ms += ms;
}

/*
 * Add OPT and the header and send.  A set that did not fit leaves none
 * (RFC 2181 9): TC=1 sends the client to ask again over TCP; what does not
 * even fit there cannot be had.
 */
static void
reply_end(struct reply *a, enum rcode rcode, const struct reason *why,
    size_t why_count)
{
	static const struct reason too_large = {
	    EDE_OTHER, "more than a message holds"};
	unsigned i;

	for (i = 0; i < a->set_count; i++)
		if (a->sets[i].proofs > 0)
			reply_add_proofs(a, &a->sets[i]);
	if (a->message.failed) {
		reply_empty(a);
		header_set(&a->header, FLAG_TC, a->query->connection == NULL);
		if (a->query->connection != NULL) {
			rcode = RCODE_SERVFAIL;
			why = &too_large;
			why_count = 1;
		}
	}
	header_set_rcode(&a->header, rcode);
	reply_add_opt(a, rcode, why, why_count);
	if (reply_is_excess(a))
		reply_shorten(a, rcode, why, why_count);
	assert(!a->message.failed);
	write_header_again(&a->message, &a->header);
	if (eventlog_is_tracing())
		reply_trace(a);
	self.traced = rcode;
	reply_send(a);
	reply_count(a, rcode);
	if (eventlog_logs_queries())
		reply_log(a, rcode);
}

static void
answer_error(struct query *q, enum rcode rcode, const struct reason *why,
    size_t why_count)
{
	reply_end(reply_begin(q), rcode, why, why_count);
}

/* The walk found nothing, and this is why. */
static void
answer_failure(struct query *q, const struct reason *why)
{
	answer_error(q, RCODE_SERVFAIL, why, 1);
}

/* Every record is of the class that was asked, and most are of the name. */
static struct record_head
reply_head(const struct reply *a, const struct name *owner, uint16_t type,
    uint32_t ttl_s)
{
	const struct question *q = &a->query->question;

	return (struct record_head){.owner = owner,
	    .owner_first = owner == &q->name && owner->len > 1,
	    .type = type,
	    .class = q->class,
	    .ttl_s = ttl_s};
}

static void
reply_add_record(struct reply *a, const struct name *owner, uint16_t type,
    uint32_t ttl_s, struct reader *rdata)
{
	struct record_head head = reply_head(a, owner, type, ttl_s);

	write_rr(&a->message, &head, rdata);
}

static void
stored_skip(struct reader *stored, unsigned count)
{
	for (; count > 0; count--)
		(void)read_stored(stored);
}

/* As many as there is stored rdata. */
static void
reply_add_stored(struct reply *a, const struct record_head *head,
    unsigned count, struct reader *stored)
{
	if (count == 0)
		return;
	write_rrset(&a->message, head, count, stored);
	a->header.answers = (uint16_t)(a->header.answers + count);
}

/*
 * A DNAME may lead on more than once, and to itself for who asks for it; but
 * no record is there twice (RFC 2181 5).
 */
static bool
reply_has_set(const struct reply *a, const struct view *view)
{
	unsigned i;

	for (i = 0; i < a->set_count; i++)
		if (a->sets[i].body.base == view->body.base)
			return true;
	return false;
}

/* From any of its records on, as clients like to take the first. */
static SELDOM void
reply_add_records(
    struct reply *a, const struct record_head *head, struct view *view)
{
	unsigned first = random_below(view->records);
	struct reader others = view->body;

	stored_skip(&view->body, first);
	reply_add_stored(a, head, view->records - first, &view->body);
	reply_add_stored(a, head, first, &others);
}

/* The RRset of the next view; its proofs come after the whole answer. */
static void
reply_add_set(struct reply *a, const struct name *owner)
{
	struct view *view = &a->sets[a->set_count];
	struct record_head head = reply_head(a, owner, view->type, view->ttl_s);

	assert(a->set_count <= ALIASES_MAX);
	if (reply_has_set(a, view))
		return;
	if (view->records > 1)
		reply_add_records(a, &head, view);
	else
		reply_add_stored(a, &head, view->records, &view->body);
	head.type = TYPE_RRSIG;
	if (a->query->edns.dnssec_ok)
		reply_add_stored(a, &head, view->signatures, &view->body);
	else
		stored_skip(&view->body, view->signatures);
	a->set_count++;
}

/*
 * Is this record to be told?  What came in one reply may prove several sets of
 * the answer, and was kept with each; no RRset has a record twice (RFC 2181 5).
 */
static bool
reply_tells(struct reply *a, const uint8_t *at, size_t len)
{
	unsigned i;

	for (i = 0; i < a->told_count; i++)
		if (a->told[i].len == len && !memcmp(a->told[i].at, at, len))
			return false;
	if (a->told_count == PROOFS_MAX)
		return false;
	a->told[a->told_count].at = at;
	a->told[a->told_count++].len = len;
	return true;
}

/* SOA for all; NSEC and signatures for who set DO (RFC 4035 3.2.1). */
static void
reply_add_proofs(struct reply *a, struct view *view)
{
	struct reader *body = &view->body;
	struct name owner;
	size_t at = body->at;
	unsigned i;

	for (i = 0; i < view->proofs && read_name(body, &owner);
	     i++, at = body->at) {
		uint16_t type = read_u16(body);
		struct reader rdata = read_stored(body);

		if (type != TYPE_SOA && !a->query->edns.dnssec_ok)
			continue;
		if (!reply_tells(a, body->base + at, body->at - at))
			continue;
		reply_add_record(a, &owner, type, view->ttl_s, &rdata);
		a->header.authorities++;
	}
}

/* A DNAME answers with a CNAME made of it (RFC 6672 3.1). */
static void
reply_add_alias(struct reply *a, const struct name *sname, struct view *view,
    const struct name *target)
{
	struct name owner;
	struct reader rdata;

	name_suffix(sname, view->owner_len, &owner);
	reply_add_set(a, &owner);
	if (view->type != TYPE_DNAME || target == NULL)
		return;
	reader_init(&rdata, target->wire, target->len);
	reply_add_record(a, sname, TYPE_CNAME, view->ttl_s, &rdata);
	a->header.answers++;
}

/* One string; of other types than TXT these names have nothing. */
static void
answer_chaos(struct query *q, const char *text)
{
	uint8_t octets[1 + HOST_TEXT_MAX];
	struct writer string;
	struct reader rdata;
	struct reply *a = reply_begin(q);

	if (q->question.type == TYPE_TXT || q->question.type == TYPE_ANY) {
		writer_init(&string, octets, sizeof(octets));
		write_u8(&string, (uint8_t)strlen(text));
		write_bytes(&string, text, strlen(text));
		reader_init(&rdata, octets, string.len);
		reply_add_record(a, &q->question.name, TYPE_TXT, 0, &rdata);
		a->header.answers = 1;
	}
	reply_end(a, RCODE_NOERROR, NULL, 0);
}

/* The chain ends in a failure; who did not wait for it had it from the cache.
 */
static void
reply_fail(struct reply *a, const struct reason *first)
{
	bool cached = a->query->waiter == NULL;
	struct reason why[REASONS_MAX];

	why[0] = *first;
	memset(&why[1], 0, sizeof(why[1]));
	why[1].ede = EDE_CACHED_ERROR;
	reply_empty(a);
	reply_end(a, RCODE_SERVFAIL, why, cached ? 2 : 1);
}

/* The alias is in the answer; false if that is all of it, and the reply ends.
 */
static bool
reply_follow(struct reply *a, const struct name *sname, struct view *view,
    unsigned aliases, struct name *target)
{
	static const struct reason loop = {EDE_OTHER, "too many aliases"};
	bool fits = alias_target(view, sname, target);

	if (view->expiring)
		wish_note(a, sname);
	reply_add_alias(a, sname, view, fits ? target : NULL);
	if (!fits)
		reply_end(a, RCODE_YXDOMAIN, NULL, 0);
	else if (alias_is_answer(a->query->question.type))
		reply_end(a, RCODE_NOERROR, NULL, 0);
	else if (aliases > ALIASES_MAX)
		reply_fail(a, &loop);
	else
		return true;
	return false;
}

/*
 * False if the cache does not have the whole answer; nothing was sent.  The
 * trail is followed.
 */
static bool
answer_from_cache(
    const struct query *q, struct trail *trail, uint32_t mark, uint64_t now_ms)
{
	const struct name *sname = &q->question.name;
	uint16_t stype = q->question.type;
	struct reply *a = reply_begin(q);
	struct name *target;
	unsigned aliases = 0;

	a->from_cache = true;
	for (;;) {
		struct view *view = &a->sets[a->set_count];

		switch (cache_find_on(trail, 0, stype, mark, now_ms, view)) {
		case FOUND_ANSWER:
			if (view->expiring)
				wish_note(a, sname);
			reply_add_set(a, sname);
			reply_end(a, RCODE_NOERROR, NULL, 0);
			return true;
		case FOUND_ALIAS:
			target = &a->targets[aliases++ % 2];
			if (!reply_follow(a, sname, view, aliases, target))
				return true;
			sname = target;
			trail_begin(trail, sname);
			break;
		case FOUND_NO_DATA:
			reply_add_proofs(a, view);
			reply_end(a, RCODE_NOERROR, NULL, 0);
			return true;
		case FOUND_NAME_ERROR:
			reply_add_proofs(a, view);
			reply_end(a, RCODE_NXDOMAIN, NULL, 0);
			return true;
		case FOUND_FAILURE:
			reply_fail(a, view->reason);
			return true;
		case FOUND_NOTHING:
			if (aliases > 0 && !header_is(&a->header, FLAG_RD)) {
				reply_end(a, RCODE_NOERROR, NULL, 0);
				return true; /* as far as it is known */
			}
			if (aliases > 0)
				trail->name = NULL; /* its target goes now */
			return false;
		}
	}
}

/* ---------------------------------------------------------------------------
 * Start: limits, sockets, hints.
 */

static void
listeners_watch(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	unsigned i;

	for (i = 0; i < self.listener_count; i++) {
		const struct listener *l = &self.listeners[i];

		server_listens(&l->at);
		event.data.u64 = tag_make(TAG_LISTENER, 0, i);
		if (epoll_ctl(self.epoll, EPOLL_CTL_ADD, l->udp, &event) < 0)
			refuse("cannot watch a listener", "", strerror(errno));
		event.data.u64 = tag_make(TAG_TCP_LISTENER, 0, i);
		if (epoll_ctl(self.epoll, EPOLL_CTL_ADD, l->tcp, &event) < 0)
			refuse("cannot watch a listener", "", strerror(errno));
	}
}

/* How many there are descriptors for. */
struct affordable {
	unsigned walks, connections;
};

/* Of the descriptors that there are each kind gets its share. */
static struct affordable
descriptors_share(const struct options *o)
{
	const unsigned wanted = WALKS_MAX + CONNECTIONS_MAX;
	const unsigned kept = DESCRIPTORS_SPARE + TCP_OUT_MAX +
	    2 * o->listen_count + o->sockets_given;
	unsigned left = descriptors_raise(kept + DESCRIPTORS_SHARED_MIN) - kept;
	struct affordable most;

	if (left > wanted)
		left = wanted;
	most.connections = left * CONNECTIONS_MAX / wanted;
	most.walks = left - most.connections;
	return most;
}

static void
queries_init(void)
{
	self.queries = calloc(QUERIES_MAX, sizeof(*self.queries));
	if (self.queries == NULL)
		refuse("out of memory for questions", "", "");
	timer_queue_init(&self.deadlines, QUERY_MS_MAX);
	batch_init(&self.in, self.in_octets[0], sizeof(self.in_octets[0]));
	batch_init(&self.out, self.out_octets[0], sizeof(self.out_octets[0]));
}

static void
connections_init(unsigned max)
{
	self.connections_max = max;
	self.connections = calloc(max, sizeof(*self.connections));
	self.connection_octets = calloc(max, sizeof(*self.connection_octets));
	self.blocks = calloc(BACKLOG_BLOCKS, sizeof(*self.blocks));
	if (self.connections == NULL || self.connection_octets == NULL ||
	    self.blocks == NULL)
		refuse("out of memory for connections", "", "");
	self.blocks_free = BACKLOG_BLOCKS;
	self.touched_end = &self.touched;
	timer_queue_init(&self.idle, IDLE_MS_MAX);
	timer_queue_init(&self.begun, MESSAGE_MS_MAX);
	timer_queue_init(&self.stuck, STUCK_MS_MAX);
	timer_queue_init(&self.pauses, ACCEPT_PAUSE_MS);
}

/* Octets of the tables here. */
static size_t
clients_memory(void)
{
	return sizeof(self) + QUERIES_MAX * sizeof(struct query) +
	    self.connections_max *
	    (sizeof(struct connection) + sizeof(*self.connection_octets)) +
	    BACKLOG_BLOCKS * sizeof(struct block);
}

/* Signals come as events, never in the middle of something. */
static void
signals_open(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct sigaction before;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	/* nohup has SIGHUP ignored: then no terminal ends us. */
	if (sigaction(SIGHUP, NULL, &before) == 0 &&
	    before.sa_handler != SIG_IGN)
		self.has_terminal = terminal_open() == 0;
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	self.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	event.data.u64 = tag_make(TAG_SIGNAL, 0, 0);
	if (self.signals < 0 ||
	    epoll_ctl(self.epoll, EPOLL_CTL_ADD, self.signals, &event) < 0)
		refuse("cannot take signals", "", strerror(errno));
}

/* All that is ever allocated. */
static void
tables_init(const struct options *o, const uint8_t key[16])
{
	struct affordable most = descriptors_share(o);
	struct referral_options r = {
	    .epoll = self.epoll, .walks_max = most.walks};
	struct server_options s = {.allowed = o->allow_server,
	    .allowed_count = o->allow_server_count,
	    .forwards = o->forward,
	    .forward_count = o->forward_count,
	    .family = o->family};
	unsigned i;

	memcpy(s.key, key, sizeof(s.key));
	memcpy(s.sources, o->sources, sizeof(s.sources));
	if (!server_init(&s) || !cache_init(o->cache_octets, key) ||
	    !referral_init(&r))
		refuse("out of memory", "", "try a smaller -c");
	for (i = 0; i < o->look_up_count; i++)
		cache_look_up(&o->look_up[i]);
	for (i = 0; i < o->forward_count; i++)
		cache_forward(&o->forward[i].zone);
	queries_init();
	connections_init(most.connections);
}

static void
hints_take(const char *named)
{
	if (!hints_open(named)) {
		eventlog_flush();
		refuse("cannot use the root hints of", named,
		    "the event log says why");
	}
	(void)referral_hints(hints_roots(), self.start_ms);
}

/* What would surprise the operator about who may ask; NULL: nothing. */
static const char *
access_fault(const struct startup *s)
{
	bool wide = false, everybody = false;
	unsigned i;

	for (i = 0; i < s->listener_count; i++)
		wide |= !address_is_loopback(&s->listeners[i]);
	for (i = 0; i < s->allowed_count; i++)
		everybody |= s->allowed[i].bits == 0;
	if (!wide)
		return NULL;
	if (everybody)
		return "everybody may ask";
	return s->allowed_count == 0 ? "only loopback may ask" : NULL;
}

/* What the kernel keeps of questions to the listener that got least. */
static unsigned
queue_octets(void)
{
	int least = INT_MAX, octets;
	unsigned i;

	for (i = 0; i < self.listener_count; i++) {
		socklen_t len = sizeof(octets);

		if (getsockopt(self.listeners[i].udp, SOL_SOCKET, SO_RCVBUF,
			&octets, &len) < 0)
			octets = 0;
		if (octets < least)
			least = octets;
	}
	return (unsigned)least;
}

static void
startup_report(const struct options *o)
{
	const struct root_servers *roots = hints_roots();
	struct address listeners[LISTENERS_MAX];
	struct referral_counts r;
	struct startup s;
	const char *why;
	unsigned i;

	referral_count(&r);
	for (i = 0; i < self.listener_count; i++)
		listeners[i] = self.listeners[i].at;
	eventlog_hints_loaded(
	    hints_file(), roots->name_count, roots->address_count, false);
	eventlog_caching_only();
	s = (struct startup){
	    .hints = hints_file(),
	    .roots = roots->name_count,
	    .addresses = roots->address_count,
	    .listeners = listeners,
	    .listener_count = self.listener_count,
	    .allowed = o->allow,
	    .allowed_count = o->allow_count,
	    .up = {family_is_up(4), family_is_up(6)},
	    .sources = {o->sources[0], o->sources[1]},
	    .walks = r.walks_max,
	    .queries = QUERIES_MAX,
	    .connections = self.connections_max,
	    .queue_octets = queue_octets(),
	    .cache_octets = o->cache_octets,
	    .memory_octets = cache_memory() + referral_memory() +
		server_memory() + eventlog_memory() + clients_memory() +
		control_memory(),
	};
	for (i = 0; i < o->forward_count; i++)
		eventlog_forward(&o->forward[i]);
	eventlog_started(&s);
	why = access_fault(&s);
	if (why != NULL)
		eventlog_access(&s, why);
	eventlog_flush();
}

/* From here on there is no way back. */
static void
confine_all(struct confinement *c)
{
	const char *what;

	files_keep(&self.options);
	if (c->user == NULL && c->root == NULL)
		return;
	what = confine(c);
	if (what != NULL)
		refuse("cannot give up", what, strerror(errno));
	eventlog_confined(c);
}

/* The log, by a key that is fresh, and the time. */
static void
log_begin(const struct options *o, uint8_t key[16])
{
	if (!confine_begin(&o->confined))
		refuse("cannot change to the user", o->confined.user,
		    strerror(errno));
	if (getrandom(key, 16, 0) != 16 ||
	    getrandom(self.share_key, sizeof(self.share_key), 0) !=
		(ssize_t)sizeof(self.share_key))
		refuse("no random numbers", "", strerror(errno));
	if (!eventlog_open(&o->log, key))
		refuse("cannot open the event log",
		    o->log.path != NULL ? o->log.path : "standard error",
		    strerror(errno));
	self.start_ms = turn_begin();
	self.look_ms = self.start_ms + LOOK_MS;
}

static void
epoll_open(void)
{
	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (self.epoll < 0)
		refuse("cannot make an epoll", "", strerror(errno));
}

/* Name servers, and the way to them. */
static void
upstream_begin(const struct options *o)
{
	sources_check(o);
	network_open(self.epoll, self.start_ms);
	forwards_check(o);
	hints_take(o->hints);
}

/* Root's, for the ports. */
static void
privilege(bool root)
{
	if (!confine_as_root(&self.options.confined, root))
		refuse("cannot change to the user", self.options.confined.user,
		    strerror(errno));
}

static void
start(void)
{
	struct options *o = &self.options;
	struct statistics s;
	uint8_t key[16];

	log_begin(o, key);
	manager_open();
	if (gethostname(self.host, sizeof(self.host) - 1) < 0)
		self.host[0] = '\0';
	eventlog_starting(VERSION);
	epoll_open();
	signals_open(); /* before anybody can see that we are there */
	tables_init(o, key);
	privilege(true);
	self.listener_count = listeners_open(o, self.listeners);
	privilege(false);
	listeners_watch();
	upstream_begin(o);
	statistics_collect(&s, self.start_ms);
	metrics_open(o->metrics, &s, self.start_ms);
	control_open(o->control, self.epoll);
	confine_all(&o->confined);
	cache_file_open(o, clock_ms(CLOCK_REALTIME), self.start_ms);
	startup_report(o);
	manager_ready();
}

/* As much as there is time for; the clock is looked at after each block. */
static void
cache_save(uint64_t now_ms)
{
	uint64_t until_ms = now_ms + CACHE_FILE_MS_MAX;
	struct cache_cursor at;

	if (!cache_file_begin(&self.options, &at, clock_ms(CLOCK_REALTIME)))
		return;
	while (cache_file_write(&at, now_ms) &&
	    clock_ms(CLOCK_BOOTTIME) < until_ms)
		;
	cache_file_end();
}

static void
stop(uint64_t now_ms)
{
	unsigned i;

	manager_close();
	cache_save(now_ms);
	statistics_write(now_ms);
	eventlog_shutdown(self.stop_cause, (now_ms - self.start_ms) / 1000,
	    self.counts.answered);
	control_close();
	referral_close();
	server_close();
	for (i = 0; i < self.connections_used; i++)
		if (self.connections[i].fd >= 0)
			close(self.connections[i].fd);
	for (i = 0; i < self.listener_count; i++) {
		close(self.listeners[i].udp);
		close(self.listeners[i].tcp);
	}
	close(self.signals);
	close(self.epoll);
	eventlog_close();
}

/*
 * The question of --trace, as of a client whose answer has room for all.  It
 * walks as it would in a server with these options; nobody else is served.
 */
static void
trace_begin(void)
{
	const struct options *o = &self.options;
	const struct root_servers *roots;
	struct query q = {.number = 1,
	    .from = {4, {127, 0, 0, 1}, 0},
	    .header = {.flags = FLAG_RD, .questions = 1},
	    .question = o->traced,
	    .traced = true};
	struct trail trail;
	uint8_t key[16];
	unsigned i;

	log_begin(o, key);
	epoll_open();
	tables_init(o, key);
	for (i = 0; i < o->listen_count; i++)
		server_listens(&o->listen[i]);
	upstream_begin(o);
	confine_all(&self.options.confined);
	roots = hints_roots();
	eventlog_hints_loaded(
	    hints_file(), roots->name_count, roots->address_count, false);
	q.asked_ms = self.start_ms;
	trail_begin(&trail, &q.question.name);
	query_trace(&q);
	if (type_rcode(q.question.type) != RCODE_NOERROR)
		query_reject(&q, type_rcode(q.question.type), EDE_NONE);
	else
		answer(&q, &trail, self.start_ms);
	eventlog_flush();
}

/* The exit status: 0 where it is known what there is, or that it is not. */
static int
trace_end(void)
{
	bool known = self.traced == RCODE_NOERROR ||
	    self.traced == RCODE_NXDOMAIN || self.traced == RCODE_YXDOMAIN;
	struct log_counts counts;

	referral_close();
	server_close();
	close(self.epoll);
	eventlog_close();
	eventlog_count(&counts);
	return known && counts.lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	options_take(&self.options, argc, argv);
	if (self.options.trace) {
		trace_begin();
		(void)serve();
		return trace_end();
	}
	start();
	stop(serve());
	return EXIT_SUCCESS;
}
