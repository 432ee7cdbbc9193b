/*
 * referral.c -- the walk from the root hints down to an answer.
 *
 * A walk is RFC 1034 5.3.3 as a state machine: look into the cache, find the
 * closest servers, send, wait, analyze, and again, until the cache holds the
 * answer or the reason why there is none.  A walk that needs the address of a
 * name server starts or joins a walk for it and waits: walks and the clients
 * behind them form a graph without cycles, whose edges are waiters.
 *
 * Every packet to a name server leaves through server_send, and every
 * connection begins there: it asks address_fault first.  No function here calls
 * itself or calls up; a walk that can go on is put on the ready list, one that
 * is done on the done list.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dns.h"

enum walk_state {
	WALK_LOOK,    /* 1: see if the answer is in local information */
	WALK_FIND,    /* 2: find the best servers to ask */
	WALK_SEND,    /* 3: send them queries until one returns a response */
	WALK_WAIT,    /* 3: a query, or a walk for an NS address, is out */
	WALK_ANALYZE, /* 4: analyze the response */
	WALK_DONE
};

/*
 *	from	on					to
 *	LOOK	answer, name error, failure in cache	DONE
 *		an alias in cache: sname = its target	LOOK
 *		an alias where only walks wait, or one	DONE
 *		that leads nowhere, or one too many
 *		nothing					FIND
 *	FIND	slist filled from cache, or the roots	SEND
 *		a referral tells the NS address wanted	DONE
 *		no way to the roots, or a limit reached	DONE
 *	SEND	query sent to the best server		WAIT
 *		another walk has the same probe out	WAIT
 *		no address left, walks for some begun	WAIT
 *		nobody left, but data without AA kept	LOOK
 *		nobody left: some are asked plainly, or	SEND
 *		others are known after all
 *		nobody left to ask, or a limit reached	DONE
 *	WAIT	a response that matches			ANALYZE
 *		the same, cut short, while TCP is out	WAIT
 *		timeout, refused, error, connection or	SEND
 *		place in line lost, and none out
 *		a child done and none out		SEND
 *		one of these, a query still out		WAIT
 *		the probe of the other walk is over	LOOK
 *		a reply that does not match: TCP too	WAIT
 *	ANALYZE	4a the answer stored			DONE
 *		4a that there is none stored		LOOK
 *		no cut at the name that a probe showed	LOOK
 *		4b a better delegation stored		FIND
 *		4c an alias stored			LOOK
 *		4d failure, lame or bizarre		SEND
 *	all but	the deadline, or nobody waits any more	DONE
 *	DONE	its place is needed			DONE
 *		new hints, while it learns the roots	DONE
 *		a flush, or the roots of another tree	LOOK
 *		the same, while it learns the roots	FIND
 *
 *	state	query out	children	ready	on the done list
 *	LOOK	no		any, dropped	maybe	no
 *	FIND	no		any		maybe	no
 *	SEND	no		any		maybe	no
 *	WAIT	yes		any		no	no
 *	WAIT	no		some		no	no
 *	WAIT	another walk's	none		no	no
 *	ANALYZE	no		any		no	no
 *	DONE	any		any		yes	no
 *	DONE	no		none		no	if a client waited
 *
 * DONE comes twice: one that another ended, until its turn on the ready list
 * comes, and one that is finished.
 */

enum channel {
	CHANNEL_UDP, /* a port of its own for each query (RFC 5452 9.2) */
	CHANNEL_TCP, /* a connection that many share (RFC 7766 6.2) */
	CHANNELS
};

/*
 * A socket for datagrams to name servers, of one query at a time.  A port that
 * we draw is bound to its socket for good, so both go with the query.  Where
 * the kernel has as many ports to draw from, it does so as the socket is
 * connected, and the socket can rest afterwards: it has no port then, no peer
 * and nothing to read.  What another processor had in hand for it meanwhile is
 * read and dropped, or is not from the server that is asked next.  That halves
 * what the kernel does for a query.
 *
 *	state	fd	exchange	list
 *	FREE	-1	NULL		free_outlets
 *	OUT	open	whose it is	none
 *	RESTING	open	NULL		resting, OUTLETS_RESTING_MAX at most
 */
struct outlet {
	int fd;
	uint8_t family;
	struct exchange *exchange;
	struct outlet *next; /* of its list */
};

/*
 * A query that is out, by outlet or connection; if it is by neither, none is,
 * but what was asked of whom stays here until the response was analyzed.
 */
struct exchange {
	struct timer timer; /* its retransmission; must stand first */
	struct walk *walk;
	struct outlet *outlet;         /* of CHANNEL_UDP; else NULL */
	struct connection *connection; /* of CHANNEL_TCP; else NULL */
	struct exchange *next;         /* on the connection */
	struct exchange *next_out;     /* in the bucket of its ID */
	struct exchange **out;         /* what points to it there, if it is */
	bool queued; /* in line: the connection has yet to take it */
	uint16_t *of_zone, *of_server; /* where it counts while it is out */
	uint64_t sent_ms;
	uint16_t id;
	uint8_t to;                        /* index into slist.addresses */
	uint8_t with;                      /* these features */
	uint8_t cookie_len;                /* with the server's part, ... */
	uint8_t cookie[COOKIE_CLIENT_LEN]; /* ... and ours */
	bool hasty;            /* waited for less than it may take */
	bool came_back;        /* to ourselves, or somebody guessed it */
	struct question asked; /* as it was sent; the reply must echo it */
};

enum connection_state {
	CONNECTION_CLOSED,
	CONNECTION_OPENING, /* nothing could be sent yet */
	CONNECTION_BUSY,    /* replies are awaited, or queries wait to go */
	CONNECTION_IDLE
};

/*
 *	from		on					to
 *	CLOSED		an exchange needs one			OPENING
 *	OPENING		the first query went			BUSY
 *			refused, or not open in time		CLOSED
 *			its last exchange was closed		CLOSED
 *	BUSY		its last exchange was closed		IDLE
 *			the same, and it was silent		CLOSED
 *			the same, and a message is half sent	CLOSED
 *			it is serial: that which was sent was	CLOSED
 *			the server closed it, or talks rubbish	CLOSED
 *	IDLE		an exchange with the same server	BUSY
 *			unused for long, or its place is needed	CLOSED
 *			its server is found to take one query	CLOSED
 *			the server closed it			CLOSED
 *
 *	state		socket	exchanges	timer
 *	CLOSED		no	none		none
 *	OPENING		yes	some		TCP_CONNECT_MS
 *	BUSY		yes	some		none: each exchange has its own
 *	IDLE		yes	none		TCP_OUT_IDLE_MS
 *
 * An exchange waits in line (queued) until it is sent.  A serial connection is
 * for its first: while that is out the others stay in line, as long as it
 * takes, and when that is over, however it ended, they get in line elsewhere.
 * What was never sent is charged to nobody and held against nobody, unless
 * there was no connection at all.
 */
struct connection {
	struct timer timer; /* must stand first */
	enum connection_state state;
	uint32_t generation;
	int fd;
	bool writable; /* epoll is to tell when it can be written to */
	struct address at;
	struct exchange *exchanges; /* first come, first sent */
	unsigned count;             /* of them */
	unsigned strays;   /* messages in a row that nobody waits for */
	unsigned replies;  /* that came by it */
	bool serial;       /* for one query: the server takes no more */
	bool spent;        /* it takes no new exchanges: it was silent */
	uint64_t heard_ms; /* when octets last came */
	struct reader out; /* what is left to send of one message */
	bool out_forwarded;
	uint8_t out_octets[2 + UDP_PLAIN_MAX];
	size_t in_len;
	uint8_t in[2 + MESSAGE_MAX]; /* pages that are not used cost nothing */
};

struct candidate {
	struct address at;
	uint8_t ns;              /* index into slist.ns; 0 of a forwarder */
	uint8_t sends[CHANNELS]; /* of this query, ADDRESS_SENDS_MAX each */
	bool asked;              /* anything: it counts as contacted */
	bool typed;              /* the operator wrote it down: hints, -f */
	bool aside;              /* failed, lame or out of reach: not again */
	bool truncated;          /* its reply is longer: TCP alone */
	bool no_tcp;             /* over TCP it failed: not again */
	bool fresh;              /* a connection broke: TCP on a new one */
	bool silent;             /* a datagram was lost */
	bool again;              /* at once, in another way */
	bool plain;              /* for it cannot say more over TCP */
	bool spurned;            /* an error to a query that had features */
	uint8_t without;         /* features that a reply choked on */
	uint64_t lame_ms;        /* found lame for the zone then; 0 is never */
};

/* The limits that can end a walk; those of the zone come last. */
enum limit {
	LIMIT_NONE,
	LIMIT_QUERY_SENDS,
	LIMIT_QUERY_MS,
	LIMIT_QUERY_OCTETS,
	LIMIT_QUERY_STORED,
	LIMIT_QUERY_NS_LOOKUPS,
	LIMIT_QUERY_NS_FRUITLESS,
	LIMIT_NAME_SENDS,
	LIMIT_NAME_REFERRALS,
	LIMIT_ALIASES,
	LIMIT_WALK_DEPTH,
	LIMIT_WALK_STEPS,
	LIMIT_WALKS,
	LIMIT_ZONE_SENDS,
	LIMIT_ZONE_ADDRESSES_ASKED,
	LIMIT_ZONE_QUERIES,
	LIMIT_SERVER_QUERIES
};

/* Who told addresses of an NS name, if not the zone that has it. */
enum told {
	TOLD_NONE,
	TOLD_BESIDE, /* the referral to the zone whose server it is */
	TOLD_ABOVE   /* that to its own zone: it is a server of that, too */
};

/* RFC 1034 5.3.2: the servers of the zone that is asked now. */
struct slist {
	uint64_t hash;     /* of the zone's name, keyed */
	bool forwarded;    /* these are forwarders, and have no names */
	uint64_t until_ms; /* when the delegation ends */
	uint8_t ns_count, address_count;
	uint8_t lookups, sends, asked; /* against ZONE_ limits */
	uint8_t unheard; /* sends since one of them last said anything ... */
	uint64_t silence_ms; /* ... and when the first of these was made */
	uint8_t timeouts, lame, failed, unsent; /* for the reason */
	uint16_t refused, unrouted; /* 100 a set, so an octet would wrap */
	uint8_t barred;             /* of the unsent: our network lacks a way */
	bool intercepted;       /* the roots': who answers is none of them */
	const char *cause;      /* of the last that was not sent */
	enum limit limit;       /* for which an NS name was not looked up */
	struct drawing drawing; /* of who is asked now, for the log */
	bool undecided;   /* a limit kept us from doubting one that was told */
	bool unsure;      /* an NS name failed of late: it may be well soon */
	uint16_t most_ms; /* for a silent server that is asked now */
	struct name zone; /* len 0: not filled */

	/* So many as are counted above; the others were never written. */
	struct {
		struct name name;
		bool looked_a, looked_aaaa; /* in the cache or by a walk */
		bool counted;               /* among the lookups */
		bool busy;                  /* a walk is out for it */
		enum told told;
		bool fruitless; /* it has no address */
	} ns[SLIST_NS_MAX];
	struct candidate addresses[SLIST_ADDRESSES_MAX];
};

/*
 * A place in the graph: a client or a parent walk waits for a walk.  It is on
 * the list of the walk it waits for and, if it is a parent's, on the parent's
 * list of what it awaits.
 */
struct waiter {
	struct walk *on;
	struct waiter *prev, *next;
	struct query *query; /* a client, or */
	struct walk *parent; /* a walk, for the address of its slist.ns[ns] */
	struct waiter *next_awaited;
	uint16_t type;
	uint8_t ns;
};

struct walk {
	struct timer deadline; /* must stand first */
	enum walk_state state;
	uint32_t generation;
	bool ready, priming, failed;
	bool refreshing; /* nobody waits yet, and the cache has what is asked */
	enum limit limit; /* that ended it: which says nothing of qname */

	uint16_t qtype; /* and qname: what was asked of us */
	uint64_t q;     /* the first client's question, for the log; 0: none */
	uint64_t asked_ms; /* when it asked */
	uint32_t mark;     /* of the cache when the walk began */

	/*
	 * Who pays: a walk that a walk began is on its sponsor's account, and
	 * a client's walk sponsors itself.  Sponsors are waiters, so following
	 * them ends.
	 */
	struct walk *sponsor;
	unsigned sends_left, lookups_left, fruitless; /* of the account */
	size_t octets_left, stored_left;
	uint64_t most_hash; /* of the zone that has most sends: see the bill */

	unsigned steps_left;
	unsigned sends;                 /* its own, whoever pays */
	unsigned name_sends, referrals; /* since sname last changed */
	uint8_t aliases, depth;

	/*
	 * RFC 9156: how many labels of sname the zone's servers are shown.
	 * All of them with qtype is the question itself, fewer are a probe
	 * for the next zone cut.
	 */
	uint8_t shown, probes, probe_timeouts;
	uint32_t unknown; /* the cache's mark, when it was not known */

	/*
	 * Walks that would send the very same probe share it: one has it out,
	 * and pays, and the others wait until it is over.  Who has it out waits
	 * for a server and nothing else, so nobody waits in a circle.
	 */
	struct walk *next_probe, **probe_at; /* of its bucket, if it is out */
	struct walk *sharers;                /* who wait for it */
	struct walk *sharing;                /* or whose probe is waited for */
	struct walk *prev_sharer, *next_sharer;
	uint16_t *of_crowd; /* where it counts as it waits for that */
	bool shared;        /* it has, for what it shows: not again */
	bool favoured;  /* not for single clients alone: crowds are no matter */
	bool in_full;   /* a server choked on a probe: no more of them */
	bool in_person; /* what a referral tells of sname will not do */
	bool last_resort;       /* data without AA is in the cache for us */
	struct address told_by; /* who sent the referral being taken in */
	enum channel heard;     /* in ANALYZE: by which the response came */

	struct waiter *waiters, *awaited;
	unsigned clients, children;
	struct walk *next;       /* of its hash bucket, or free list */
	struct walk **listed;    /* what points to it there, if it is */
	struct walk *next_ready; /* or next_done */
	uint64_t visit;
	struct reason reason; /* ede EDE_NONE: not failed */

	/*
	 * Most of what follows is never used, and what is, is written first;
	 * so a walk that begins clears it in part at the most.
	 */
	struct slist slist;
	struct exchange exchange[CHANNELS]; /* both with the same server */
	struct name qname;                  /* what was asked of us */
	struct name sname;    /* what is looked for: an alias moves it on */
	struct question asks; /* what the zone's servers are asked now */
	struct name most;     /* the last of the zones that have most sends */
	uint64_t bill[QUERY_SENDS_MAX]; /* of each send, the hash of its zone */
	struct trail trail;             /* of sname */
};

enum send_result {
	SEND_DONE,
	SEND_REFUSED, /* by the filter */
	SEND_FAILED,  /* by the system */
	SEND_NO_ROOM  /* all connections are taken */
};

enum {
	WALK_BUCKETS = 8192,
	EXCHANGE_BUCKETS = 8192, /* for as many: two of each walk */
	PROBE_BUCKETS = 4096,
	CROWDS = 16384,        /* of queries; two of one slot are one crowd */
	TALLY_TEXT_MAX = 85,   /* the longest has 84 octets, and the NUL */
	LIMIT_ZONE_SHOWN = 30, /* of a name in the text of a limit; ... */
	LIMIT_TEXT_MAX = 66,   /* ... its longest, and the NUL */
	ZONE_SHOWN_MIN = 16,   /* of a name in the text of a failure */
	WALKS_SPARE = 128 /* kept free for a turn's questions, or an eighth */
};

/* Retransmission timeouts are rounded up to one of these. */
static const uint16_t spans_ms[] = {100, 120, 150, 175, 200, 250, 300, 350, 400,
    500, 600, 800, 1200, 1600, 2400, RTO_MAX_MS};

enum {
	SPANS = sizeof(spans_ms) / sizeof(spans_ms[0])
};

static_assert(RESPONSE_BIZARRE + 1 == REPLY_KINDS, "one is counted for each");
static_assert(WAITERS_MAX == QUERIES_MAX + ZONE_NS_LOOKUPS_AT_ONCE * WALKS_MAX,
    "a waiter for each who may wait");

static struct {
	struct referral_options options;
	struct referral_counts counts;

	/*
	 * Walks and waiters that were never used come after those that were,
	 * and are not touched before they are needed: memory that nobody
	 * needs costs nothing.
	 */
	struct walk *walks;
	struct walk *free_walk;
	unsigned free_walks, walks_used;
	struct walk *buckets[WALK_BUCKETS];
	struct exchange *out[EXCHANGE_BUCKETS]; /* each that is out */
	struct walk *probes[PROBE_BUCKETS];     /* each whose probe is */
	uint16_t zone_queries[CROWDS], server_queries[CROWDS]; /* so many */
	struct waiter *waiters;
	struct waiter *free_waiter;
	unsigned waiters_used;
	struct walk *ready, **ready_end;
	struct walk *done, **done_end;
	struct walk **stack; /* of walk_reaches */
	uint64_t visits;
	struct timer_queue retransmissions[SPANS], deadlines;
	bool rests;             /* the kernel draws ports, and outlets rest */
	struct outlet *outlets; /* one for each walk */
	struct outlet *free_outlets, *resting[2]; /* of IPv4 and IPv6 */
	unsigned outlets_used, resting_count;
	struct connection *connections;
	struct timer_queue opening, idle; /* of connections */

	struct root_servers hints, primed;
	uint64_t primed_until_ms, prime_next_ms;
	struct walk *priming; /* the walk that is out for the root, or NULL */

	struct walk_told over[WALKS_OVER_MAX]; /* the last ones */
	uint64_t over_count;                   /* ever */

	bool offline; /* if not, nothing else here is true */
	uint64_t offline_since_ms, offline_retry_ms;
	unsigned offline_wait_ms; /* after the next retry */
} self;

static const struct name root = {.len = 1};
static struct response response;      /* the one being analyzed */
static uint8_t draft_body[ENTRY_MAX]; /* of the entry being stored */

static struct walk *walk_begin(const struct trail *, uint16_t, uint64_t);
static void walk_run(struct walk *, uint64_t);
static void walk_wake(struct walk *);
static void walk_raise(struct walk *, unsigned depth);
static enum walk_state walk_analyze(struct walk *, uint64_t);
static void walk_child_done(struct waiter *, uint64_t);
static void walk_report(const struct walk *, uint64_t);
static void reason_fill(struct reason *, uint16_t ede, const char *what,
    const struct name *zone, const struct walk *, enum limit);
static void walk_tell(const struct walk *, uint64_t, struct walk_told *);
static bool walk_await(struct walk *, uint8_t, uint16_t, uint64_t);
static void walk_trace_zone(const struct walk *, const struct name *zone,
    unsigned servers, const char *from, uint64_t ttl_s);
static void walk_trace_alias(
    const struct walk *, uint16_t type, const struct name *target);
static bool exchange_traced(const struct exchange *, struct incident *);
static enum walk_state walk_prime(struct walk *, struct candidate *, uint64_t);
static void ready_run(uint64_t);
static void slist_fill(
    struct walk *, const struct name *zone, const struct view *, uint64_t);
static void slist_fill_roots(struct walk *, uint64_t);
static void slist_fill_forwarders(
    struct walk *, const struct name *zone, uint64_t);
static void walk_show_more(struct walk *, size_t, uint64_t);
static void walk_leave_probe(struct walk *);
static void walk_release(struct walk *);
static bool slist_look_up(struct walk *, struct walk *account, bool, uint64_t);
static bool slist_add_overruled(struct walk *, uint64_t);
static bool view_tells(const struct view *, const struct name *ns);
static bool slist_is_crowded(const struct walk *);
static bool walk_shuns_crowds(const struct walk *);
static uint16_t *crowd_of_zone(const struct slist *);
static uint16_t *crowd_of_server(const struct address *);
static bool probe_is_in_vain(const struct walk *, uint64_t);
static struct candidate *server_choose(struct walk *, uint64_t);
static bool candidate_usable(
    const struct walk *, const struct candidate *, bool take_lame, uint64_t);
static enum channel candidate_channel(const struct candidate *);
static enum send_result exchange_open(
    struct walk *, struct candidate *, enum channel, uint64_t);
static bool exchange_is_out(const struct exchange *);
static void exchange_close(struct exchange *, uint64_t);
static void walk_close(struct walk *, uint64_t);
static enum send_result exchange_join(
    struct exchange *, struct candidate *, uint64_t);
static bool error_is_remote(int err);
static bool error_is_of_the_moment(int err);
static bool slist_is_out_of_reach(const struct slist *);
static const char *roots_cause(const struct slist *);
static void offline_begin(const char *cause, uint64_t);
static void offline_end(uint64_t);
static void offline_retry(uint64_t);
static void network_follow(uint64_t);
static void outlet_leave(struct exchange *);
static void connection_remove(struct exchange *, uint64_t);
static void connection_doubt(struct exchange *, uint64_t);
static bool connection_read(struct connection *, uint64_t);
static void prime(uint64_t);

/* ---------------------------------------------------------------------------
 * Walks and who waits for them.
 */

bool
referral_init(const struct referral_options *options)
{
	unsigned i;

	self.options = *options;
	self.walks = calloc(options->walks_max, sizeof(*self.walks));
	self.stack = calloc(options->walks_max, sizeof(struct walk *));
	self.waiters = calloc(WAITERS_MAX, sizeof(*self.waiters));
	self.connections = calloc(TCP_OUT_MAX, sizeof(*self.connections));
	self.outlets = calloc(options->walks_max, sizeof(*self.outlets));
	if (self.walks == NULL || self.stack == NULL || self.waiters == NULL ||
	    self.connections == NULL || self.outlets == NULL)
		return false;
	self.rests = server_kernel_ports() >= KERNEL_PORTS_MIN;
	self.free_walks = options->walks_max;
	self.ready_end = &self.ready;
	self.done_end = &self.done;
	for (i = 0; i < SPANS; i++)
		timer_queue_init(&self.retransmissions[i], spans_ms[i]);
	timer_queue_init(&self.deadlines, QUERY_MS_MAX);
	timer_queue_init(&self.opening, TCP_CONNECT_MS);
	timer_queue_init(&self.idle, TCP_OUT_IDLE_MS);
	return true;
}

size_t
referral_memory(void)
{
	return self.options.walks_max *
	    (sizeof(struct walk) + sizeof(struct walk *) +
		sizeof(struct outlet)) +
	    WAITERS_MAX * sizeof(struct waiter) +
	    TCP_OUT_MAX * sizeof(struct connection) + sizeof(self) +
	    sizeof(response) + sizeof(draft_body);
}

void
referral_count(struct referral_counts *counts)
{
	*counts = self.counts;
	counts->walks_max = self.options.walks_max;
	counts->open = self.options.walks_max - self.free_walks;
}

void
referral_close(void)
{
	unsigned i;

	for (i = 0; i < self.outlets_used; i++)
		if (self.outlets[i].fd >= 0)
			close(self.outlets[i].fd);
	for (i = 0; i < TCP_OUT_MAX; i++)
		if (self.connections[i].state != CONNECTION_CLOSED)
			close(self.connections[i].fd);
	free(self.outlets);
	free(self.connections);
	free(self.walks);
	free(self.stack);
	free(self.waiters);
	memset(&self, 0, sizeof(self));
}

static struct walk **
walk_bucket(struct trail *t, uint16_t qtype)
{
	uint64_t hash = trail_hash(t, 0);

	return &self.buckets[(hash + qtype) % WALK_BUCKETS];
}

/* The walk that is out for this question, or NULL. */
static struct walk *
walk_find_open(struct walk *const *at, const struct name *qname, uint16_t qtype)
{
	struct walk *w = *at;

	while (w != NULL &&
	    (w->qtype != qtype || w->state == WALK_DONE ||
		!name_equal(&w->qname, qname)))
		w = w->next;
	return w;
}

/* Walks are told from priming's by being listed: nobody joins priming. */
static void
walk_list(struct walk *w, struct walk **at)
{
	w->next = *at;
	if (*at != NULL)
		(*at)->listed = &w->next;
	w->listed = at;
	*at = w;
}

static void
walk_unlist(struct walk *w)
{
	if (w->listed == NULL)
		return;
	*w->listed = w->next;
	if (w->next != NULL)
		w->next->listed = w->listed;
	w->listed = NULL;
}

/* A place for a walk, which still has its generation; NULL if none is free. */
static struct walk *
walk_take(void)
{
	struct walk *w = self.free_walk;

	if (self.free_walks == 0)
		return NULL;
	self.free_walks--;
	if (w == NULL)
		return &self.walks[self.walks_used++];
	self.free_walk = w->next;
	return w;
}

/* A walk on its own account, ready to run; NULL if all are taken. */
static struct walk *
walk_begin(const struct trail *t, uint16_t qtype, uint64_t now_ms)
{
	struct walk *w = walk_take();
	uint32_t generation;
	unsigned i;

	if (w == NULL)
		return NULL;
	generation = w->generation + 1;
	memset(w, 0, offsetof(struct walk, slist.zone));
	w->slist.zone.len = w->most.len = 0;
	w->generation = generation;
	name_copy(&w->qname, t->name);
	name_copy(&w->sname, t->name);
	w->qtype = qtype;
	trail_copy(&w->trail, t, &w->sname);
	w->mark = cache_mark();
	w->sponsor = w;
	w->sends_left = QUERY_SENDS_MAX;
	w->lookups_left = QUERY_NS_LOOKUPS_MAX;
	w->octets_left = QUERY_OCTETS_MAX;
	w->stored_left = QUERY_STORED_MAX;
	w->steps_left = WALK_STEPS_MAX;
	w->reason.ede = EDE_NONE;
	for (i = 0; i < CHANNELS; i++) {
		memset(&w->exchange[i], 0, offsetof(struct exchange, asked));
		w->exchange[i].walk = w;
	}
	timer_arm(&self.deadlines, &w->deadline, now_ms);
	self.counts.walks++;
	walk_wake(w);
	return w;
}

static void
walk_free(struct walk *w)
{
	assert(w->waiters == NULL && w->awaited == NULL && !w->ready);
	w->next = self.free_walk;
	self.free_walk = w;
	self.free_walks++;
}

/* There is one for each query, and for each walk as many as it may await. */
static struct waiter *
waiter_add(struct walk *on, struct query *query, struct walk *parent)
{
	struct waiter *waiter = self.free_waiter;

	if (waiter != NULL) {
		self.free_waiter = waiter->next;
	} else {
		assert(self.waiters_used < WAITERS_MAX);
		waiter = &self.waiters[self.waiters_used++];
	}
	memset(waiter, 0, sizeof(*waiter));
	waiter->on = on;
	waiter->query = query;
	waiter->parent = parent;
	waiter->next = on->waiters;
	if (on->waiters != NULL)
		on->waiters->prev = waiter;
	on->waiters = waiter;
	on->refreshing = false; /* or there would be nothing to wait for */
	if (query != NULL)
		on->clients++;
	return waiter;
}

/* Take the waiter off the walk it waits for, and free it. */
static void
waiter_unlink(struct waiter *waiter)
{
	struct walk *on = waiter->on;

	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		on->waiters = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	if (waiter->query != NULL)
		on->clients--;
	waiter->on = NULL;
	waiter->next = self.free_waiter;
	self.free_waiter = waiter;
}

/* The walk on whose account w is. */
static struct walk *
walk_payer(const struct walk *w)
{
	struct walk *payer = w->sponsor;

	while (payer->sponsor != payer)
		payer = payer->sponsor;
	return payer;
}

static unsigned
bill_len(const struct walk *payer)
{
	return QUERY_SENDS_MAX - payer->sends_left;
}

/* So many of the sends that it paid went to the servers of this zone. */
static unsigned
bill_count(const struct walk *payer, uint64_t hash)
{
	unsigned i, n = 0;

	for (i = 0; i < bill_len(payer); i++)
		n += payer->bill[i] == hash;
	return n;
}

static void
bill_add(struct walk *payer, const struct slist *l)
{
	assert(payer->sends_left > 0);
	payer->bill[bill_len(payer)] = l->hash;
	payer->sends_left--;
	if (l->hash == payer->most_hash ||
	    bill_count(payer, l->hash) < bill_count(payer, payer->most_hash))
		return;
	name_copy(&payer->most, &l->zone);
	payer->most_hash = l->hash;
}

/* It was not sent after all; if another has paid since, there is no such. */
static void
bill_strike(struct walk *payer, const struct slist *l)
{
	unsigned n = bill_len(payer), i = n;

	while (i > 0 && payer->bill[i - 1] != l->hash)
		i--;
	if (i == 0)
		return;
	payer->bill[i - 1] = payer->bill[n - 1];
	payer->sends_left++;
}

/* The oldest walk that a client waits for; what the roots need stays. */
static struct walk *
walk_oldest(void)
{
	struct timer *t = timer_first(&self.deadlines);

	while (t != NULL && t != &self.deadlines.head &&
	    ((struct walk *)t)->clients == 0)
		t = t->next;
	return t == &self.deadlines.head ? NULL : (struct walk *)t;
}

/* The table is full: the oldest question goes if it had its chance. */
static void
walk_displace(uint64_t now_ms)
{
	unsigned spare = self.options.walks_max / 8;
	struct walk *w;

	if (spare > WALKS_SPARE)
		spare = WALKS_SPARE;
	if (self.free_walks >= spare || (w = walk_oldest()) == NULL ||
	    w->deadline.due_ms - QUERY_MS_MAX + QUERY_AGE_MIN_MS > now_ms)
		return;
	eventlog_table_full("walks", self.options.walks_max);
	w->limit = LIMIT_WALKS;
	reason_fill(
	    &w->reason, EDE_OTHER, "too many questions", NULL, w, w->limit);
	w->state = WALK_DONE;
	walk_wake(w);
}

struct waiter *
referral_ask(struct query *query, const struct client_question *c,
    struct trail *t, bool unknown, bool single, uint64_t now_ms)
{
	struct walk **at = walk_bucket(t, c->qtype);
	struct walk *w = walk_find_open(at, c->qname, c->qtype);
	struct waiter *waiter = NULL;

	if (w != NULL) {
		walk_raise(w, 0); /* now it is a client's question too */
		self.counts.joined++;
		eventlog_joined(c, walk_payer(w)->q);
	} else {
		walk_displace(now_ms);
		w = walk_begin(t, c->qtype, now_ms);
		if (w == NULL) {
			eventlog_table_full("walks", self.options.walks_max);
		} else {
			w->state = unknown ? WALK_FIND : WALK_LOOK;
			walk_list(w, at);
		}
	}
	if (w != NULL) {
		if (w->q == 0) {
			w->q = c->q;
			w->asked_ms = c->asked_ms;
		}
		w->favoured |= !single;
		waiter = waiter_add(w, query, NULL);
	}
	ready_run(now_ms);
	return waiter;
}

void
referral_refresh(const struct name *qname, uint16_t qtype, uint64_t now_ms)
{
	struct trail t;
	struct walk **at, *w;

	trail_begin(&t, qname);
	at = walk_bucket(&t, qtype);
	if (self.offline || self.free_walks <= self.options.walks_max / 2 ||
	    walk_find_open(at, qname, qtype) != NULL ||
	    !cache_refresh(qname, qtype, now_ms))
		return;
	w = walk_begin(&t, qtype, now_ms);
	w->refreshing = w->in_person = true;
	self.counts.prefetched++;
	walk_list(w, at);
	ready_run(now_ms);
}

/* Nobody waits for the walk any more: what it costs is spent for nothing. */
static void
walk_abandon(struct walk *w)
{
	if (w->waiters != NULL || w->priming || w->state == WALK_DONE)
		return;
	w->state = WALK_DONE;
	walk_wake(w);
}

static bool
walk_is_broke(const struct walk *payer)
{
	return payer->sends_left == 0 || payer->octets_left == 0 ||
	    payer->stored_left == 0;
}

/*
 * The sponsor is gone or broke: the first waiter that is not broke pays from
 * now on, and if all are the first.  Gives the walk that pays.
 */
static struct walk *
walk_find_sponsor(struct walk *w)
{
	struct waiter *waiter;

	for (waiter = w->waiters; waiter != NULL; waiter = waiter->next) {
		w->sponsor = waiter->parent != NULL ? waiter->parent : w;
		if (!walk_is_broke(walk_payer(w)))
			return walk_payer(w);
	}
	waiter = w->waiters;
	w->sponsor =
	    waiter != NULL && waiter->parent != NULL ? waiter->parent : w;
	return walk_payer(w);
}

/* Whose account pays for w; one that is not broke, if there is any. */
static struct walk *
walk_account(struct walk *w)
{
	struct walk *payer = walk_payer(w);
	struct walk *at;

	for (at = w; walk_is_broke(payer) && at->sponsor != at;
	     at = at->sponsor)
		payer = walk_find_sponsor(at);
	return payer;
}

void
referral_forget(struct waiter *waiter, uint64_t now_ms)
{
	struct walk *on = waiter->on;

	waiter_unlink(waiter);
	if (on->sponsor == on && on->clients == 0)
		(void)walk_find_sponsor(on);
	walk_abandon(on);
	ready_run(now_ms);
}

/* Would waiting on target make w wait on itself? (DESIGN decision 3) */
static bool
walk_reaches(struct walk *target, const struct walk *w)
{
	unsigned depth = 0;

	self.visits++;
	self.stack[depth++] = target;
	target->visit = self.visits;
	while (depth > 0) {
		struct walk *at = self.stack[--depth];
		struct waiter *edge;

		if (at == w)
			return true;
		for (edge = at->awaited; edge; edge = edge->next_awaited) {
			if (edge->on->visit == self.visits)
				continue;
			edge->on->visit = self.visits;
			self.stack[depth++] = edge->on;
		}
	}
	return false;
}

/*
 * Somebody nearer to a client waits for w: it and what it awaits are no deeper
 * than that.  Each edge leads one down, so the stack holds few.
 */
static void
walk_raise(struct walk *w, unsigned depth)
{
	unsigned n = 0;

	if (w->depth <= depth)
		return;
	w->depth = (uint8_t)depth;
	self.stack[n++] = w;
	while (n > 0) {
		struct walk *at = self.stack[--n];
		struct waiter *edge;

		for (edge = at->awaited; edge; edge = edge->next_awaited) {
			if (edge->on->depth <= at->depth + 1)
				continue;
			edge->on->depth = (uint8_t)(at->depth + 1);
			self.stack[n++] = edge->on;
		}
	}
}

/* Stop waiting for all that w awaits. */
static void
walk_drop_children(struct walk *w)
{
	while (w->awaited != NULL) {
		struct waiter *edge = w->awaited;
		struct walk *child = edge->on;

		w->awaited = edge->next_awaited;
		w->slist.ns[edge->ns].busy = false;
		waiter_unlink(edge);
		if (child->sponsor == w)
			(void)walk_find_sponsor(child);
		walk_abandon(child);
	}
	w->children = 0;
}

/* ---------------------------------------------------------------------------
 * The state machine.
 */

static bool
walk_is_out(const struct walk *w)
{
	return exchange_is_out(&w->exchange[CHANNEL_UDP]) ||
	    exchange_is_out(&w->exchange[CHANNEL_TCP]);
}

/* Asserts the table at the head of this file. */
static void
walk_check(const struct walk *w)
{
	assert(w->children <= ZONE_NS_LOOKUPS_AT_ONCE);
	assert((w->awaited != NULL) == (w->children > 0));
	if (w->state != WALK_WAIT && w->state != WALK_DONE)
		assert(!walk_is_out(w));
	if (w->state == WALK_WAIT)
		assert(walk_is_out(w) || w->children > 0 || w->sharing != NULL);
	assert(w->sharing == NULL ||
	    (w->state == WALK_WAIT && !walk_is_out(w) && w->children == 0));
	assert(w->probe_at == NULL || w->state != WALK_WAIT || walk_is_out(w));
	assert(w->sharers == NULL || w->probe_at != NULL);
	assert(!exchange_is_out(&w->exchange[CHANNEL_UDP]) ||
	    !exchange_is_out(&w->exchange[CHANNEL_TCP]) ||
	    w->exchange[CHANNEL_UDP].to == w->exchange[CHANNEL_TCP].to);
	assert(w->slist.ns_count <= SLIST_NS_MAX);
	assert(w->slist.address_count <= SLIST_ADDRESSES_MAX);
	assert(w->sponsor == w || w->waiters != NULL);
	assert(w->depth <= WALK_DEPTH_MAX);
}

/* Put the walk on the ready list. */
static void
walk_wake(struct walk *w)
{
	if (w->ready)
		return;
	w->ready = true;
	w->next_ready = NULL;
	*self.ready_end = w;
	self.ready_end = &w->next_ready;
}

/* What it waited for is over: it goes on, unless something else is out. */
static void
walk_resume(struct walk *w)
{
	if (w->state != WALK_WAIT || walk_is_out(w))
		return;
	w->state = WALK_SEND;
	walk_wake(w);
}

static void
ready_run(uint64_t now_ms)
{
	while (self.ready != NULL) {
		struct walk *w = self.ready;

		self.ready = w->next_ready;
		if (self.ready == NULL)
			self.ready_end = &self.ready;
		w->ready = false;
		walk_run(w, now_ms);
	}
}

/* How the log calls a limit, and how the client is told of it. */
static const struct {
	const char *name; /* as the enumerator of its value, but for _MAX */
	unsigned value;
	const char *what;
} limits[] = {
    [LIMIT_NONE] = {NULL, 0, NULL},
    [LIMIT_QUERY_SENDS] = {"query_sends", QUERY_SENDS_MAX,
	"query limit reached at"},
    [LIMIT_QUERY_MS] = {"query_ms", QUERY_MS_MAX, "no answer in time from"},
    [LIMIT_QUERY_OCTETS] = {"query_octets", QUERY_OCTETS_MAX,
	"volume limit reached at"},
    [LIMIT_QUERY_STORED] = {"query_stored", QUERY_STORED_MAX,
	"volume limit reached at"},
    [LIMIT_QUERY_NS_LOOKUPS] = {"query_ns_lookups", QUERY_NS_LOOKUPS_MAX,
	"lookup limit reached at"},
    [LIMIT_QUERY_NS_FRUITLESS] = {"query_ns_fruitless", QUERY_NS_FRUITLESS_MAX,
	"lookup limit reached at"},
    [LIMIT_NAME_SENDS] = {"name_sends", NAME_SENDS_MAX,
	"name limit reached at"},
    [LIMIT_NAME_REFERRALS] = {"name_referrals", NAME_REFERRALS_MAX,
	"too many referrals to"},
    [LIMIT_ALIASES] = {"aliases", ALIASES_MAX, "too many aliases"},
    [LIMIT_WALK_DEPTH] = {"walk_depth", WALK_DEPTH_MAX,
	"lookup limit reached at"},
    [LIMIT_WALK_STEPS] = {"walk_steps", WALK_STEPS_MAX, "too many steps at"},
    [LIMIT_WALKS] = {"walks", WALKS_MAX, "too many questions at"},
    [LIMIT_ZONE_SENDS] = {"zone_sends", ZONE_SENDS_MAX, NULL},
    [LIMIT_ZONE_ADDRESSES_ASKED] = {"zone_addresses_asked",
	ZONE_ADDRESSES_ASKED_MAX, NULL},
    [LIMIT_ZONE_QUERIES] = {"zone_queries", ZONE_QUERIES_MAX,
	"too many queries are out to"},
    [LIMIT_SERVER_QUERIES] = {"server_queries", SERVER_QUERIES_MAX,
	"too many queries to servers of"},
};

/*
 * ": 2 addresses, 4 timeouts, 1 refused", or nothing.  How many names were
 * looked up is told where that gave no address.
 */
static void
tally_text(const struct slist *l, char text[TALLY_TEXT_MAX])
{
	const struct {
		unsigned n;
		const char *one, *more;
	} parts[] = {
	    {l->address_count, "address", "addresses"},
	    {l->address_count > 0 ? 0 : l->lookups, "name looked up",
		"names looked up"},
	    {l->timeouts, "timeout", "timeouts"},
	    {l->refused, "refused", "refused"},
	    {l->lame, "lame", "lame"},
	    {l->failed, "failed", "failed"},
	    {l->unsent, "unsent", "unsent"},
	};
	size_t i, len = 0;

	text[0] = '\0';
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].n > 0)
			len +=
			    (size_t)snprintf(text + len, TALLY_TEXT_MAX - len,
				"%s%u %s", len == 0 ? ": " : ", ", parts[i].n,
				parts[i].n == 1 ? parts[i].one : parts[i].more);
	assert(len < TALLY_TEXT_MAX);
}

/* " from 192.0.2.1 and 1 more", or nothing. */
static void
forwarders_text(const struct slist *l, char text[TALLY_TEXT_MAX])
{
	char first[ADDRESS_TEXT_MAX];
	int len = 0;

	text[0] = '\0';
	if (l->address_count > 0)
		len = snprintf(text, TALLY_TEXT_MAX, " from %s",
		    address_server_text(&l->addresses[0].at, first));
	if (l->address_count > 1)
		len += snprintf(text + len, TALLY_TEXT_MAX - (size_t)len,
		    " and %u more", l->address_count - 1u);
	assert(len < TALLY_TEXT_MAX);
}

/* The limit that ended the walk, or kept it from more in its last zone. */
static enum limit
walk_limit(const struct walk *w)
{
	const struct slist *l = &w->slist;

	if (w->limit != LIMIT_NONE)
		return w->limit;
	if (l->sends >= ZONE_SENDS_MAX)
		return LIMIT_ZONE_SENDS;
	return l->asked >= ZONE_ADDRESSES_ASKED_MAX &&
		l->asked < l->address_count
	    ? LIMIT_ZONE_ADDRESSES_ASKED
	    : LIMIT_NONE;
}

/* The value that was reached. */
static unsigned
limit_max(enum limit limit)
{
	return limit == LIMIT_WALKS ? self.options.walks_max
				    : limits[limit].value;
}

/* Is it for what others have out, and not for what this question cost? */
static bool
limit_is_of_crowd(enum limit limit)
{
	return limit == LIMIT_WALKS || limit == LIMIT_ZONE_QUERIES ||
	    limit == LIMIT_SERVER_QUERIES;
}

/*
 * The name as text; of one that is too long the end is told, which says most
 * about whose it is.
 */
static const char *
name_shown(const struct name *name, size_t max, char text[NAME_TEXT_MAX])
{
	size_t len = strlen(name_text(name, text));

	if (len <= max)
		return text;
	return memcpy(text + len - max, "...", strlen("..."));
}

/*
 * "; query_sends=100, most to evil.example.": the limit and the zone that used
 * most of what the question may send, if that is not this one.  Or nothing.
 */
static void
limit_text(const struct walk *payer, enum limit limit, const struct name *zone,
    char text[LIMIT_TEXT_MAX])
{
	char name[NAME_TEXT_MAX];
	const char *most = "", *to = "";
	int len;

	text[0] = '\0';
	if (limit == LIMIT_NONE)
		return;
	if (bill_len(payer) > 0 && !limit_is_of_crowd(limit) &&
	    (zone == NULL || !name_equal(zone, &payer->most))) {
		to = ", most to ";
		most = name_shown(&payer->most, LIMIT_ZONE_SHOWN, name);
	}
	len = snprintf(text, LIMIT_TEXT_MAX, "; %s=%u%s%s", limits[limit].name,
	    limit_max(limit), to, most);
	assert(len > 0 && len < LIMIT_TEXT_MAX);
}

/*
 * Why there is no answer: what has failed, in less than 32 octets, at which
 * zone, if one is known, what was tried there in vain, and the limit if there
 * was one.  What was tried is left out where it would leave no room to tell the
 * zone.
 */
static void
reason_fill(struct reason *r, uint16_t ede, const char *what,
    const struct name *zone, const struct walk *w, enum limit limit)
{
	char name[NAME_TEXT_MAX], tried[TALLY_TEXT_MAX] = "";
	char ended[LIMIT_TEXT_MAX];
	const char *at = "", *shown = "";
	size_t room;
	int len;

	if (zone != NULL && zone->len == 0)
		zone = NULL;
	limit_text(walk_payer(w), limit, zone, ended);
	room = EDE_TEXT_MAX - strlen(what) - strlen(" ") - strlen(ended);
	assert(room >= ZONE_SHOWN_MIN && room < EDE_TEXT_MAX);
	if (zone != NULL) {
		if (w->slist.forwarded)
			forwarders_text(&w->slist, tried);
		else if (name_equal(zone, &w->slist.zone))
			tally_text(&w->slist, tried);
		if (strlen(tried) + ZONE_SHOWN_MIN > room)
			tried[0] = '\0';
		at = " ";
		shown = name_shown(zone, room - strlen(tried), name);
	}
	r->ede = ede;
	len = snprintf(r->text, sizeof(r->text), "%s%s%s%s%s", what, at, shown,
	    tried, ended);
	assert(len > 0 && len <= EDE_TEXT_MAX);
}

/*
 * End the walk without an answer, and remember nothing: what our own system
 * could not do is held against nobody (DESIGN decision 7), and a limit says
 * nothing about the names that were in the way when it was reached, so it is
 * remembered for the question that owned the budget alone (decision 3).
 */
static enum walk_state
walk_fail(
    struct walk *w, uint16_t ede, const char *what, const struct name *zone)
{
	w->failed = true;
	reason_fill(&w->reason, ede, what, zone, w, walk_limit(w));
	return WALK_DONE;
}

/*
 * What fails while we are offline says nothing about anybody; and what was
 * asked for too early may be well when it is needed.
 */
static void
failure_keep(const struct walk *w, const struct name *sname, uint16_t stype,
    uint64_t cause_ms, uint64_t now_ms)
{
	if (!self.offline && !w->refreshing && !w->priming)
		cache_store_failure(sname, stype, &w->reason, cause_ms, now_ms);
}

/* The same, remembered for what the walk looked for (RFC 9520 3.2). */
static enum walk_state
walk_fail_kept(struct walk *w, uint16_t ede, const char *what,
    const struct name *zone, uint64_t now_ms)
{
	enum walk_state state = walk_fail(w, ede, what, zone);

	if (!w->slist.undecided)
		failure_keep(w, &w->sname, w->qtype, UINT64_MAX, now_ms);
	else if (w->sponsor == w)
		failure_keep(w, &w->qname, w->qtype, UINT64_MAX, now_ms);
	return state;
}

/* A limit is reached: remembered for the question, if it owns the budget. */
static enum walk_state
walk_fail_limit(
    struct walk *w, enum limit limit, const struct name *zone, uint64_t now_ms)
{
	uint16_t ede =
	    limit == LIMIT_QUERY_MS ? EDE_NO_REACHABLE_AUTHORITY : EDE_OTHER;

	w->limit = limit;
	(void)walk_fail(w, ede, limits[limit].what, zone);
	if (w->sponsor == w)
		failure_keep(w, &w->qname, w->qtype, UINT64_MAX, now_ms);
	return WALK_DONE;
}

/* There is no room for it now, which says nothing of what it asks for. */
static enum walk_state
walk_shed(struct walk *w, enum limit limit)
{
	w->limit = limit;
	return walk_fail(w, EDE_OTHER, limits[limit].what, &w->slist.zone);
}

/* Another name is looked for from now on; of it nothing is known yet. */
static void
walk_turn_to(struct walk *w, const struct name *sname)
{
	walk_release(w);
	w->sname = *sname;
	trail_begin(&w->trail, &w->sname);
	w->slist.zone.len = 0;
	w->name_sends = w->referrals = 0;
	w->probes = 0;
	w->in_full = w->last_resort = false;
}

/* What the cache has; if that is to be refreshed, only what it has since. */
static enum found
walk_find_known(struct walk *w, struct view *view, uint64_t now_ms)
{
	enum found found =
	    cache_find_on(&w->trail, 0, w->qtype, w->mark, now_ms, view);

	if (found == FOUND_NOTHING || found == FOUND_FAILURE)
		return found;
	return w->refreshing && !view->anew ? FOUND_NOTHING : found;
}

/*
 * RFC 1034 5.3.3 step 1.  Aliases move sname on; but an NS name that is an
 * alias has no address (RFC 2181 10.3), so for walks alone none is followed.
 */
static enum walk_state
walk_look(struct walk *w, uint64_t now_ms)
{
	struct view view;
	struct name target;

	walk_drop_children(w);
	switch (walk_find_known(w, &view, now_ms)) {
	case FOUND_ANSWER:
	case FOUND_NO_DATA:
	case FOUND_NAME_ERROR:
		return WALK_DONE;
	case FOUND_FAILURE:
		w->reason = *view.reason;
		return WALK_DONE;
	case FOUND_ALIAS:
		break;
	case FOUND_NOTHING:
		return WALK_FIND;
	}
	if (alias_is_answer(w->qtype) || w->clients == 0 ||
	    !alias_target(&view, &w->sname, &target))
		return WALK_DONE;
	walk_trace_alias(w, view.type, &target);
	if (++w->aliases > ALIASES_MAX)
		return walk_fail_limit(w, LIMIT_ALIASES, NULL, now_ms);
	walk_turn_to(w, &target);
	return WALK_LOOK;
}

/*
 * Will it do for all who wait if a referral tells an address of sname, as that
 * of a server of its own zone?  They only want to ask there.
 */
static bool
walk_takes_referral(const struct walk *w)
{
	return w->waiters != NULL && w->clients == 0 && !w->in_person;
}

/* Step 2: the closest zone cut that is known, or the roots. */
static enum walk_state
walk_find(struct walk *w, uint64_t now_ms)
{
	/* A DS record lives on the parent's side (RFC 4035 3.1.4.1). */
	bool is_above = w->qtype == TYPE_DS && w->trail.labels > 0;
	struct name zone;
	struct view view;
	uint64_t until_ms;
	unsigned level;

	if (w->priming ||
	    !cache_find_delegation_on(
		&w->trail, is_above, w->mark, now_ms, &view, &until_ms)) {
		if (self.offline && !w->priming)
			return walk_fail(w, EDE_NETWORK_ERROR,
			    "no root server can be sent to", NULL);
		slist_fill_roots(w, now_ms);
		return WALK_SEND;
	}
	level = trail_level(&w->trail, view.owner_len);
	trail_name(&w->trail, level, &zone);
	if (w->slist.zone.len > 0 && name_equal(&zone, &w->slist.zone))
		return WALK_SEND;
	if (walk_takes_referral(w) && view_tells(&view, &w->sname))
		return WALK_DONE;
	if (view.forwarded) {
		slist_fill_forwarders(w, &zone, now_ms);
		return WALK_SEND;
	}
	if (++w->referrals > NAME_REFERRALS_MAX)
		return walk_fail_limit(w, LIMIT_NAME_REFERRALS, &zone, now_ms);
	walk_trace_zone(w, &zone, view.records, "referral",
	    until_ms > now_ms ? (until_ms - now_ms + 999) / 1000 : 0);
	slist_fill(w, &zone, &view, until_ms);
	walk_show_more(w, w->trail.labels - level, now_ms);
	return WALK_SEND;
}

/*
 * How many more labels to show after so many probes (RFC 9156 2.3): one, and
 * after the first few an even share of what is hidden, so that the probes of
 * a long name are bounded.
 */
static size_t
probe_step(unsigned probes, size_t hidden)
{
	size_t step;

	assert(probes < PROBES_MAX); /* the last step shows all */
	step =
	    probes < PROBES_OF_ONE_LABEL ? 1 : hidden / (PROBES_MAX - probes);
	return step > 0 ? step : 1;
}

/*
 * Is it known that no zone cut is there?  If it was denied, then nothing below
 * it is probed any more: only the whole name can tell.
 */
static bool
probe_is_known(struct walk *w, unsigned level, uint64_t now_ms)
{
	struct view view;
	enum found found =
	    cache_find_on(&w->trail, level, TYPE_A, w->mark, now_ms, &view);

	w->in_full |= found == FOUND_NAME_ERROR;
	return found == FOUND_ANSWER || found == FOUND_NO_DATA ||
	    (found == FOUND_ALIAS &&
		view.owner_len == w->sname.len - w->trail.at[level]);
}

static bool
walk_is_probing(const struct walk *w)
{
	return w->asks.name.len < w->sname.len;
}

/* The level of what the zone's servers are asked. */
static unsigned
walk_level(const struct walk *w)
{
	return w->trail.labels - (unsigned)w->shown;
}

/* From now on the zone's servers are shown so many labels. */
static void
walk_show(struct walk *w, size_t labels)
{
	unsigned level = w->trail.labels - (unsigned)labels;

	w->shown = (uint8_t)labels;
	trail_name(&w->trail, level, &w->asks.name);
	w->asks.type = level == 0 ? w->qtype : TYPE_A;
	w->asks.class = CLASS_IN;
}

/* It is to be asked something new, to which its reply may be shorter. */
static void
candidate_renew(struct candidate *c)
{
	memset(c->sends, 0, sizeof(c->sends));
	c->truncated = c->fresh = c->silent = c->again = false;
	c->plain = c->spurned = false;
	c->without = 0;
}

/*
 * The zone's servers know no cut at the first `known' labels: show them as
 * few more as can lead to one.  A label that begins with an underscore is
 * never a cut.  It is a new question, so every server may be asked again.
 */
static void
walk_show_more(struct walk *w, size_t known, uint64_t now_ms)
{
	const struct trail *t = &w->trail;
	size_t all = t->labels;
	unsigned i;

	assert(known <= all);
	walk_release(w);
	while (!w->in_full && known < all) {
		known += probe_step(w->probes, all - known);
		if (known < all &&
		    t->name->wire[t->at[all - known] + 1] != '_' &&
		    !probe_is_known(w, (unsigned)(all - known), now_ms))
			break;
	}
	walk_show(w, w->in_full ? all : known);
	w->shared = false;
	w->unknown = cache_mark();
	w->probes += walk_is_probing(w);
	w->probe_timeouts = 0;
	for (i = 0; i < w->slist.address_count; i++)
		candidate_renew(&w->slist.addresses[i]);
}

/* Something is wrong with probes here: the question itself, from now on. */
static void
walk_show_all(struct walk *w)
{
	w->in_full = true;
	walk_release(w);
	walk_show(w, w->trail.labels);
}

static struct walk **
probe_bucket(struct walk *w)
{
	uint64_t hash = trail_hash(&w->trail, walk_level(w));

	return &self.probes[hash % PROBE_BUCKETS];
}

/* The walk that has the same probe out to the servers of this zone, or NULL. */
static struct walk *
probe_find(struct walk *w)
{
	struct walk *of = *probe_bucket(w);

	while (of != NULL &&
	    (!name_equal(&of->asks.name, &w->asks.name) ||
		!name_equal(&of->slist.zone, &w->slist.zone)))
		of = of->next_probe;
	return of;
}

/* Its question is out: if it is a probe, others may wait for it. */
static void
walk_offer(struct walk *w)
{
	if (!walk_is_probing(w) || w->probe_at != NULL)
		return;
	w->probe_at = probe_bucket(w);
	w->next_probe = *w->probe_at;
	if (w->next_probe != NULL)
		w->next_probe->probe_at = &w->next_probe;
	*w->probe_at = w;
}

/*
 * Wait for the probe of another walk, if one has it out; but not again for one
 * that told nothing, or all who ask would do so one after the other.
 */
static bool
walk_share(struct walk *w)
{
	struct walk *of;

	if (!walk_is_probing(w) || w->children > 0 || w->probe_at != NULL ||
	    w->shared)
		return false;
	of = probe_find(w);
	if (of == NULL)
		return false;
	assert(of != w && of->sharing == NULL);
	w->sharing = of;
	w->prev_sharer = NULL;
	w->next_sharer = of->sharers;
	if (of->sharers != NULL)
		of->sharers->prev_sharer = w;
	of->sharers = w;
	w->of_crowd = crowd_of_zone(&w->slist);
	++*w->of_crowd;
	return true;
}

/* It waits for the probe of another walk no more. */
static void
walk_leave_probe(struct walk *w)
{
	if (w->sharing == NULL)
		return;
	--*w->of_crowd;
	if (w->prev_sharer != NULL)
		w->prev_sharer->next_sharer = w->next_sharer;
	else
		w->sharing->sharers = w->next_sharer;
	if (w->next_sharer != NULL)
		w->next_sharer->prev_sharer = w->prev_sharer;
	w->sharing = NULL;
}

/*
 * Its probe is over.  Who waited for it looks at what has come of it, and does
 * without probes if it was in vain.
 */
static void
walk_release(struct walk *w)
{
	bool is_over = w->state != WALK_DONE || w->failed;
	struct walk *sharer;

	if (w->probe_at == NULL)
		return;
	*w->probe_at = w->next_probe;
	if (w->next_probe != NULL)
		w->next_probe->probe_at = w->probe_at;
	w->probe_at = NULL;
	while ((sharer = w->sharers) != NULL) {
		walk_leave_probe(sharer);
		sharer->shared = is_over;
		sharer->in_full |= w->in_full;
		if (sharer->state == WALK_WAIT)
			sharer->state = WALK_LOOK;
		walk_wake(sharer);
	}
}

/* What has come of the probe since it was not known, asked by whomever? */
static void
walk_skip_known(struct walk *w, uint64_t now_ms)
{
	while (walk_is_probing(w) && w->probe_at == NULL &&
	    (w->in_full || w->unknown != cache_mark())) {
		bool known = probe_is_known(w, walk_level(w), now_ms);

		w->unknown = cache_mark();
		if (known || w->in_full)
			walk_show_more(w, w->shown, now_ms);
	}
}

/*
 * The zone has no server that could be asked, and that was plain at once: so it
 * is for every name in it, until the cause is over.  A flood of names finds it
 * in the cache, begins no walks and burdens no servers above (RFC 9520 3.3).
 * But where names of servers were looked up the limits on that are the
 * question's.
 */
static enum walk_state
walk_fail_zone(
    struct walk *w, const char *what, uint64_t cause_ms, uint64_t now_ms)
{
	const struct slist *l = &w->slist;

	if (l->lookups > 0 || l->unsure || l->zone.len == 1)
		return walk_fail_kept(
		    w, EDE_NO_REACHABLE_AUTHORITY, what, &l->zone, now_ms);
	(void)walk_fail(w, EDE_NO_REACHABLE_AUTHORITY, what, &l->zone);
	failure_keep(w, &l->zone, TYPE_ZONE, cause_ms, now_ms);
	return WALK_DONE;
}

/* When the first of the servers may be asked again, if they are held. */
static uint64_t
slist_held_until_ms(const struct slist *l)
{
	uint64_t first_ms = UINT64_MAX;
	unsigned i;

	for (i = 0; i < l->address_count; i++) {
		uint64_t until_ms = server_held_until_ms(&l->addresses[i].at);

		if (until_ms < first_ms)
			first_ms = until_ms;
	}
	return first_ms;
}

/* Servers that were silent for long are left alone, whatever is asked. */
static enum walk_state
walk_fail_held(struct walk *w, uint64_t now_ms)
{
	static const char what[] = "servers are held off for";
	uint64_t until_ms = slist_held_until_ms(&w->slist);

	if (until_ms > now_ms)
		return walk_fail_zone(w, what, until_ms, now_ms);
	return walk_fail_kept(
	    w, EDE_NO_REACHABLE_AUTHORITY, what, &w->slist.zone, now_ms);
}

/* Is there one that was not asked, and not found wanting now? */
static bool
slist_is_held(const struct slist *l)
{
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (!l->addresses[i].aside)
			return true;
	return false;
}

/*
 * Nobody whom the operator named gives an answer, and there is nobody else:
 * names that only they know never go to the root (windows-dns.md, Q303811).
 * To the client that is our network's fault, not the zone's (RFC 8914 4.24).
 */
static enum walk_state
walk_fail_forwarded(struct walk *w, uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	const char *what = "no forwarder may be asked for";

	if (l->timeouts > 0)
		what = "no answer for";
	else if (l->failed + l->lame > 0)
		what = "only errors for";
	else if (l->unsent > 0)
		what = "cannot send for";
	(void)walk_fail(w, EDE_NETWORK_ERROR, what, &l->zone);
	if (l->timeouts + l->failed + l->lame > 0)
		failure_keep(w, &w->sname, w->qtype, UINT64_MAX, now_ms);
	return WALK_DONE;
}

/*
 * The last thing to be tried: who has only errors for queries with OPT, letters
 * of ours or a cookie may have an answer to one without (DESIGN decision 10).
 * One that has shown EDNS lately means what it says (attacks.md S09), and the
 * error of a forwarder is most often that of the name.
 */
static bool
slist_try_plainly(struct walk *w, uint64_t now_ms)
{
	struct slist *l = &w->slist;
	bool found = false;
	unsigned i;

	for (i = 0; i < l->address_count; i++) {
		struct candidate *c = &l->addresses[i];

		if (!c->spurned || server_has_edns(&c->at, now_ms))
			continue;
		c->spurned = c->aside = false;
		c->again = true;
		c->without = FEATURE_EDNS | FEATURE_CASE | FEATURE_COOKIE;
		found |= candidate_usable(w, c, true, now_ms);
	}
	return found;
}

/* Why nobody is left to ask. */
static enum walk_state
walk_exhausted(struct walk *w, uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	const struct name *zone = &l->zone;

	if (w->last_resort) {
		/* DESIGN decision 11: better than nothing, for us alone. */
		w->last_resort = false;
		return WALK_LOOK;
	}
	if (!l->forwarded && l->sends < ZONE_SENDS_MAX &&
	    slist_try_plainly(w, now_ms))
		return WALK_SEND;
	if (slist_is_crowded(w))
		return walk_shed(w, LIMIT_SERVER_QUERIES);
	if (l->forwarded)
		return walk_fail_forwarded(w, now_ms);
	/* At last what referrals told is doubted, then who denies it. */
	if (l->sends < ZONE_SENDS_MAX && l->asked < ZONE_ADDRESSES_ASKED_MAX) {
		if (slist_look_up(w, walk_account(w), true, now_ms))
			return WALK_SEND;
		if (w->children > 0)
			return WALK_WAIT;
		if (slist_add_overruled(w, now_ms))
			return WALK_SEND;
	}
	/* Whoever told of these roots, the hints are tried again. */
	if (zone->len == 1 && !w->priming)
		self.primed_until_ms = 0;
	if (slist_is_out_of_reach(l))
		offline_begin(l->cause != NULL ? l->cause : "family", now_ms);
	if (l->limit == LIMIT_ZONE_QUERIES || l->limit == LIMIT_SERVER_QUERIES)
		return walk_shed(w, l->limit);
	if (l->limit != LIMIT_NONE)
		return walk_fail_limit(w, l->limit, zone, now_ms);
	if (l->timeouts > 0)
		return walk_fail_kept(w, EDE_NO_REACHABLE_AUTHORITY,
		    "no server answers for", zone, now_ms);
	if (l->failed + l->lame > 0)
		return walk_fail_kept(w, EDE_NO_REACHABLE_AUTHORITY,
		    l->failed > 0 ? "all servers fail for"
				  : "all servers are lame for",
		    zone, now_ms);
	if (l->unsent > 0)
		return walk_fail(w, EDE_NETWORK_ERROR,
		    "cannot send to the servers of", zone);
	if (slist_is_held(l))
		return walk_fail_held(w, now_ms);
	if (l->unrouted > 0)
		return walk_fail(
		    w, EDE_NETWORK_ERROR, "no route to the servers of", zone);
	return walk_fail_zone(w,
	    l->refused > 0 ? "no valid NS address for" : "no NS address for",
	    l->until_ms, now_ms);
}

/* What is spent of what the question, or the name, may cost. */
static enum limit
walk_spent(const struct walk *w, const struct walk *account)
{
	if (account->sends_left == 0)
		return LIMIT_QUERY_SENDS;
	if (account->octets_left == 0)
		return LIMIT_QUERY_OCTETS;
	if (account->stored_left == 0)
		return LIMIT_QUERY_STORED;
	return w->name_sends >= NAME_SENDS_MAX ? LIMIT_NAME_SENDS : LIMIT_NONE;
}

/* Step 3: the limits first, then an address, then a way to get one. */
static enum walk_state
walk_send(struct walk *w, uint64_t now_ms)
{
	struct walk *account = walk_account(w);
	enum limit limit = walk_spent(w, account);
	struct candidate *to;

	if (limit != LIMIT_NONE)
		return walk_fail_limit(w, limit, &w->slist.zone, now_ms);
	if (w->probe_timeouts > 0 && probe_is_in_vain(w, now_ms))
		walk_show_all(w);
	walk_skip_known(w, now_ms);
	if (w->slist.sends >= ZONE_SENDS_MAX)
		return walk_exhausted(w, now_ms);
	if (walk_shuns_crowds(w) &&
	    *crowd_of_zone(&w->slist) >= ZONE_QUERIES_MAX)
		return walk_shed(w, LIMIT_ZONE_QUERIES);
	if (walk_share(w))
		return WALK_WAIT;
	do {
		while ((to = server_choose(w, now_ms)) != NULL)
			if (exchange_open(w, to, candidate_channel(to),
				now_ms) == SEND_DONE) {
				walk_offer(w);
				return WALK_WAIT;
			}
	} while (slist_look_up(w, account, false, now_ms));
	walk_release(w);
	return w->children > 0 ? WALK_WAIT : walk_exhausted(w, now_ms);
}

/* Hand the outcome to all who wait and give everything back. */
static void
walk_finish(struct walk *w, uint64_t now_ms)
{
	struct waiter *waiter, *next;

	assert(w->state == WALK_DONE);
	walk_leave_probe(w);
	walk_release(w);
	timer_disarm(&w->deadline);
	walk_close(w, now_ms);
	walk_drop_children(w);
	walk_unlist(w);
	walk_tell(w, now_ms, &self.over[self.over_count++ % WALKS_OVER_MAX]);
	if (w == self.priming)
		self.priming = NULL;
	if (w->priming && w->failed && !self.offline)
		eventlog_roots_unreachable(
		    w->name_sends, roots_cause(&w->slist));
	if (w->failed && w->clients > 0)
		walk_report(w, now_ms);
	for (waiter = w->waiters; waiter != NULL; waiter = next) {
		next = waiter->next;
		if (waiter->parent != NULL)
			walk_child_done(waiter, now_ms);
	}
	if (w->waiters == NULL) {
		walk_free(w);
		return;
	}
	w->next_ready = NULL;
	*self.done_end = w;
	self.done_end = &w->next_ready;
}

static void
walk_run(struct walk *w, uint64_t now_ms)
{
	while (w->state != WALK_WAIT && w->state != WALK_DONE) {
		if (w->steps_left-- == 0) {
			w->state = walk_fail_limit(
			    w, LIMIT_WALK_STEPS, &w->slist.zone, now_ms);
			break;
		}
		switch (w->state) {
		case WALK_LOOK:
			w->state = walk_look(w, now_ms);
			break;
		case WALK_FIND:
			w->state = walk_find(w, now_ms);
			break;
		case WALK_SEND:
			w->state = walk_send(w, now_ms);
			break;
		case WALK_ANALYZE:
			w->state = walk_analyze(w, now_ms);
			break;
		case WALK_WAIT:
		case WALK_DONE:
			break;
		}
		walk_check(w);
	}
	if (w->state == WALK_DONE)
		walk_finish(w, now_ms);
}

bool
referral_next_done(struct done *done)
{
	while (self.done != NULL) {
		struct walk *w = self.done;

		if (w->waiters != NULL) {
			done->query = w->waiters->query;
			done->mark = w->mark;
			done->reason = w->reason;
			done->sends = bill_len(w);
			waiter_unlink(w->waiters);
			return true;
		}
		self.done = w->next_ready;
		if (self.done == NULL)
			self.done_end = &self.done;
		walk_free(w);
	}
	return false;
}

bool
alias_is_answer(uint16_t stype)
{
	return stype == TYPE_CNAME || stype == TYPE_ANY;
}

bool
alias_target(
    const struct view *view, const struct name *sname, struct name *target)
{
	struct reader body = view->body;
	struct name owner, end;

	(void)read_u16(&body); /* the rdata's length */
	if (!read_name(&body, &end))
		return false;
	if (view->type == TYPE_CNAME) {
		*target = end;
		return true;
	}
	name_suffix(sname, view->owner_len, &owner);
	return name_substitute(sname, &owner, &end, target);
}

static void
walk_incident(const struct walk *w, struct incident *i)
{
	memset(i, 0, sizeof(*i));
	i->q = walk_payer(w)->q;
	i->depth = w->depth;
	i->zone = w->slist.zone.len > 0 ? &w->slist.zone : NULL;
	i->qname = &w->sname;
	i->qtype = w->qtype;
}

/*
 * Tell the operator that this question failed, why, and what it cost: it is on
 * its own walk's account, if it began that, or on that of whom it joined.
 */
static void
question_report(const struct walk *w, const struct client_question *c,
    enum limit limit, const struct reason *why, uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	const struct walk *payer = c->q == w->q ? w : walk_payer(w);
	const struct tally tally = {.servers = l->address_count,
	    .asked = l->asked,
	    .lookups = l->lookups,
	    .timeouts = l->timeouts,
	    .refused = l->refused,
	    .lame = l->lame,
	    .failed = l->failed,
	    .unsent = l->unsent,
	    .limit = limits[limit].name,
	    .limit_max = limit_max(limit),
	    .ms = now_ms - c->asked_ms,
	    .sends = bill_len(payer),
	    .most_sends = limit_is_of_crowd(limit)
		? 0
		: bill_count(payer, payer->most_hash),
	    .most_zone = &payer->most};
	struct incident i;

	walk_incident(w, &i);
	i.q = c->q;
	i.qname = &w->qname;
	self.counts.failed++;
	self.counts.expired += limit == LIMIT_QUERY_MS;
	if (limit != LIMIT_NONE)
		eventlog_limit_reached(&i, &tally);
	eventlog_answer_failed(&i, why, &tally);
}

/* All who wait for the walk hear the same, so one line speaks for them. */
static void
walk_report(const struct walk *w, uint64_t now_ms)
{
	const struct client_question first = {
	    .q = walk_payer(w)->q, .asked_ms = w->asked_ms};

	question_report(w, &first, walk_limit(w), &w->reason, now_ms);
}

void
referral_give_up(struct waiter *waiter, const struct client_question *c,
    struct done *done, uint64_t now_ms)
{
	const struct walk *w = waiter->on;

	done->query = waiter->query;
	done->mark = w->mark;
	done->sends = bill_len(w);
	reason_fill(&done->reason, EDE_NO_REACHABLE_AUTHORITY,
	    limits[LIMIT_QUERY_MS].what, &w->slist.zone, w, LIMIT_QUERY_MS);
	question_report(w, c, LIMIT_QUERY_MS, &done->reason, now_ms);
	referral_forget(waiter, now_ms);
}

/* ---------------------------------------------------------------------------
 * The steps of a walk, at level debug.
 */

static void
walk_trace_zone(const struct walk *w, const struct name *zone, unsigned servers,
    const char *from, uint64_t ttl_s)
{
	struct incident i;

	if (!eventlog_is_tracing())
		return;
	walk_incident(w, &i);
	i.zone = zone;
	eventlog_zone_servers(&i, servers, from, ttl_s);
}

static void
walk_trace_alias(const struct walk *w, uint16_t type, const struct name *target)
{
	struct incident i;

	walk_incident(w, &i);
	eventlog_alias_followed(&i, type, target);
}

/* What the edge awaits. */
static void
edge_incident(
    const struct walk *w, const struct waiter *edge, struct incident *i)
{
	walk_incident(w, i);
	i->ns = &w->slist.ns[edge->ns].name;
	i->qname = NULL;
	i->qtype = edge->type;
}

static void
walk_trace_lookup(const struct walk *w, const struct waiter *edge, bool joined)
{
	struct incident i;

	edge_incident(w, edge, &i);
	eventlog_server_lookup(&i, joined);
}

static void
walk_trace_looked_up(
    const struct walk *w, const struct waiter *edge, unsigned found)
{
	struct incident i;

	edge_incident(w, edge, &i);
	eventlog_server_looked_up(&i, found, edge->on->reason.text);
}

/* ---------------------------------------------------------------------------
 * The slist: who can be asked, and how to find out about the others.
 */

/* What the server is called; NULL: it is a forwarder. */
static const struct name *
candidate_ns(const struct walk *w, const struct candidate *c)
{
	return w->slist.forwarded ? NULL : &w->slist.ns[c->ns].name;
}

/* The roots that the hints led to; what "." is forwarded to is none. */
static bool
slist_is_root(const struct slist *l)
{
	return l->zone.len == 1 && !l->forwarded;
}

/*
 * Is there a way to it?  What is known of a family was judged by the roots,
 * which says nothing of servers that the operator has near by.
 */
static bool
candidate_is_reached(const struct slist *l, const struct address *at)
{
	return l->forwarded || family_is_up(at->family);
}

/* The RFC that says what such an address is, if its own block is why. */
static const char *
class_rfc(const struct address *at, const char *class)
{
	const struct address_class *block = address_classify(at);

	return strcmp(block->name, class) == 0 ? block->rfc : NULL;
}

/* Once more for this class: a word of the table, so compared as such. */
static void
class_note(const char *class)
{
	struct class_count *c = self.counts.refused_classes;

	while (c->class != NULL && strcmp(c->class, class) != 0)
		c++;
	assert(c + 1 < self.counts.refused_classes + ADDRESS_CLASSES_MAX);
	c->class = class;
	c->count++;
}

/* Tell the operator of an address that would have been asked. */
static void
walk_refused(const struct walk *w, const struct name *ns,
    const struct address *at, const char *class)
{
	struct incident i;

	walk_incident(w, &i);
	i.ns = ns;
	i.addr = at;
	if (w->told_by.family != 0)
		i.peer = &w->told_by;
	eventlog_address_refused(&i, class, class_rfc(at, class));
	if (strcmp(class, CLASS_OWN) == 0) {
		self.counts.self_sends++;
		eventlog_self_send(&i);
	} else {
		self.counts.addresses_refused++;
		class_note(class);
		eventlog_server_refused(&i, class);
	}
}

/* May the address not be asked?  Then that is told. */
static bool
candidate_refuse(struct walk *w, const struct candidate *c)
{
	const char *class = address_fault(&c->at, c->typed);

	if (class == NULL)
		return false;
	w->slist.refused++;
	walk_refused(w, candidate_ns(w, c), &c->at, class);
	return true;
}

static bool
slist_has(const struct slist *l, const struct address *at)
{
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (address_equal(&l->addresses[i].at, at))
			return true;
	return false;
}

/*
 * An address of slist.ns[ns], unless it is refused, known or too many, or its
 * family is down: that is no fault of its own, and nothing is said of it.
 */
static bool
slist_add(struct walk *w, uint8_t ns, const struct address *at, bool typed)
{
	struct slist *l = &w->slist;
	struct candidate *c = &l->addresses[l->address_count];
	unsigned i, same = 0;

	if (l->address_count == SLIST_ADDRESSES_MAX || slist_has(l, at))
		return false;
	for (i = 0; i < l->address_count; i++)
		same += l->addresses[i].ns == ns &&
		    l->addresses[i].at.family == at->family;
	if (same == NS_FAMILY_ADDRESSES_MAX)
		return false;
	memset(c, 0, sizeof(*c));
	c->at = *at;
	c->ns = ns;
	c->typed = typed;
	if (candidate_refuse(w, c))
		return false;
	if (!candidate_is_reached(l, at)) {
		l->unrouted++;
		return false;
	}
	c->lame_ms = server_lame_ms(&l->zone, at);
	l->address_count++;
	return true;
}

static void
slist_clear(struct walk *w, const struct name *zone, uint64_t until_ms)
{
	struct slist *l = &w->slist;

	walk_drop_children(w);
	name_copy(&l->zone, zone);
	l->hash = trail_hash(&w->trail, trail_level(&w->trail, zone->len));
	l->forwarded = false;
	l->until_ms = until_ms;
	l->ns_count = l->address_count = 0;
	l->lookups = l->sends = l->asked = l->unheard = 0;
	l->limit = LIMIT_NONE;
	l->unsure = l->undecided = false;
	l->refused = l->unrouted = 0;
	l->barred = 0;
	l->intercepted = false;
	l->cause = NULL;
	l->timeouts = l->lame = l->failed = l->unsent = 0;
}

/* A server whose name is to be put there yet. */
static uint8_t
slist_add_ns(struct slist *l)
{
	uint8_t ns = l->ns_count++;

	assert(ns < SLIST_NS_MAX);
	l->ns[ns].looked_a = l->ns[ns].looked_aaaa = false;
	l->ns[ns].counted = l->ns[ns].busy = l->ns[ns].fruitless = false;
	l->ns[ns].told = TOLD_NONE;
	return ns;
}

/*
 * A delegation of the cache, as assembly_add_ns wrote it: each NS name, and
 * after it the addresses that the referral told of it, one at a time.
 */
struct servers_left {
	struct reader body;
	unsigned records, v4, v6; /* to come; these two are of the last name */
};

static struct servers_left
view_servers(const struct view *view)
{
	return (struct servers_left){
	    .body = view->body, .records = view->forwarded ? 0 : view->records};
}

/* The next NS name; what is left of the last one's addresses is passed over. */
static bool
servers_next(struct servers_left *s, struct name *ns)
{
	(void)read_bytes(&s->body, s->v4 * 4 + s->v6 * 16);
	s->v4 = s->v6 = 0;
	if (s->records == 0)
		return false;
	s->records--;
	(void)read_name(&s->body, ns);
	s->v4 = read_u8(&s->body);
	s->v6 = read_u8(&s->body);
	assert(!s->body.failed);
	return true;
}

/* The next address of that name. */
static bool
servers_next_address(struct servers_left *s, struct address *at)
{
	if (s->v4 + s->v6 == 0)
		return false;
	read_address(&s->body, s->v4 > 0 ? 4 : 6, at);
	s->v4 > 0 ? s->v4-- : s->v6--;
	return true;
}

/* On to the addresses of this name; false if none are told of it. */
static bool
servers_seek(struct servers_left *s, const struct name *ns)
{
	struct name name;

	while (servers_next(s, &name))
		if (name_equal(&name, ns))
			return s->v4 + s->v6 > 0;
	return false;
}

/* From a delegation of the cache. */
static void
slist_fill(struct walk *w, const struct name *zone, const struct view *view,
    uint64_t until_ms)
{
	struct servers_left left = view_servers(view);
	struct slist *l = &w->slist;
	struct address at;

	slist_clear(w, zone, until_ms);
	while (left.records > 0) {
		uint8_t ns = slist_add_ns(l);

		(void)servers_next(&left, &l->ns[ns].name);
		while (servers_next_address(&left, &at))
			if (slist_add(w, ns, &at, false) || slist_has(l, &at))
				l->ns[ns].told = TOLD_BESIDE;
	}
	w->told_by.family = 0;
}

/* They are asked for the whole name: it is they who look for cuts. */
static void
slist_fill_forwarders(struct walk *w, const struct name *zone, uint64_t now_ms)
{
	const struct forward *f = server_forward(zone);
	unsigned i;

	assert(f != NULL && f->count <= FORWARDERS_MAX);
	walk_trace_zone(w, zone, f->count, "forwarders", UINT64_MAX);
	slist_clear(w, zone, UINT64_MAX);
	w->slist.forwarded = true;
	w->told_by.family = 0;
	for (i = 0; i < f->count; i++)
		(void)slist_add(w, 0, &f->at[i], true);
	w->in_full = true;
	walk_show_more(w, 0, now_ms);
}

/* Take the addresses of slist.ns[ns] that the cache holds. */
static enum found
slist_add_found(
    struct walk *w, uint8_t ns, uint16_t type, uint32_t mark, uint64_t now_ms)
{
	struct name *name = &w->slist.ns[ns].name;
	struct address at;
	struct view view;
	enum found found = cache_find(name, type, mark, now_ms, &view);
	unsigned i;

	if (found != FOUND_ANSWER)
		return found;
	for (i = 0; i < view.records; i++) {
		(void)read_u16(&view.body);
		read_address(&view.body, type == TYPE_A ? 4 : 6, &at);
		(void)slist_add(w, ns, &at, false);
	}
	return found;
}

static bool
view_tells(const struct view *view, const struct name *ns)
{
	struct servers_left left = view_servers(view);

	return servers_seek(&left, ns);
}

/* Found lame for the zone then (0: never), does it count as such now? */
static bool
lame_counts(uint64_t lame_ms, uint64_t now_ms)
{
	return lame_ms != 0 && now_ms < lame_ms + LAME_HOLD_S * UINT64_C(1000);
}

/* Has the zone of a name said nothing yet of its address, or not of late? */
static bool
is_unknown(enum found found)
{
	return found == FOUND_NOTHING || found == FOUND_FAILURE;
}

/* What a referral to the zone of this name told of its addresses, if it did. */
static bool
servers_told(struct servers_left *left, const struct name *ns, uint32_t mark,
    uint64_t now_ms)
{
	struct view view;
	uint64_t until_ms;

	if (!cache_find_delegation(ns, mark, now_ms, &view, &until_ms))
		return false;
	*left = view_servers(&view);
	return servers_seek(left, ns);
}

/* Take the addresses of slist.ns[ns] that were not found lame of late. */
static bool
slist_add_servers(
    struct walk *w, uint8_t ns, struct servers_left left, uint64_t now_ms)
{
	const struct name *zone = &w->slist.zone;
	struct address at;
	bool added = false;

	while (servers_next_address(&left, &at))
		if (!lame_counts(server_lame_ms(zone, &at), now_ms))
			added |= slist_add(w, ns, &at, false);
	return added;
}

/*
 * Take the addresses of slist.ns[ns] that its own zone was delegated with.  To
 * ask that zone is what they are for, and who would be asked for better ones is
 * mostly that very server.  So they will do here too.  Nobody else is ever told
 * of them (RFC 2181 5.4.1).  True: there are new ones.
 */
static bool
slist_add_told(struct walk *w, uint8_t ns, uint32_t mark, uint64_t now_ms)
{
	struct slist *l = &w->slist;
	struct servers_left left;

	if (l->ns[ns].told == TOLD_ABOVE ||
	    !servers_told(&left, &l->ns[ns].name, mark, now_ms))
		return false;
	l->ns[ns].told = TOLD_ABOVE;
	l->ns[ns].looked_a = l->ns[ns].looked_aaaa = false;
	return slist_add_servers(w, ns, left, now_ms);
}

/*
 * The last of all: what a referral told of a name, though the zone of that name
 * denies it, or has another address which was of no use.  Anybody can have that
 * zone asked, and customers of its servers go on with these all the same.
 */
static bool
slist_add_overruled(struct walk *w, uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	struct servers_left left;
	bool added = false;
	unsigned i;

	for (i = 0; i < l->ns_count; i++)
		if (!name_within(&l->ns[i].name, &l->zone) &&
		    servers_told(&left, &l->ns[i].name, w->mark, now_ms))
			added |= slist_add_servers(w, (uint8_t)i, left, now_ms);
	return added;
}

/*
 * RFC 9609 4.2: the addresses of a root that priming left out are looked up
 * like any others.  Nobody waits for them, as there are other roots meanwhile;
 * so a client's question begins only a few such walks, and these none.  Gives
 * how many.
 */
static unsigned
root_look_up(struct walk *w, uint8_t ns, unsigned begun, uint64_t now_ms)
{
	static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
	const struct name *name = &w->slist.ns[ns].name;
	struct trail t;
	unsigned i, n = 0;

	trail_begin(&t, name);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct walk **at = walk_bucket(&t, types[i]), *found;

		if (!family_is_up(types[i] == TYPE_A ? 4 : 6) ||
		    slist_add_found(w, ns, types[i], cache_mark(), now_ms) !=
			FOUND_NOTHING ||
		    begun + n >= ZONE_NS_LOOKUPS_AT_ONCE ||
		    walk_find_open(at, name, types[i]) != NULL)
			continue;
		found = walk_begin(&t, types[i], now_ms);
		if (found == NULL)
			break;
		found->in_person = true;
		walk_list(found, at);
		n++;
	}
	return n;
}

/* RFC 1034's SBELT: the primed roots while they last, else the hints. */
static void
slist_fill_roots(struct walk *w, uint64_t now_ms)
{
	bool primed = !w->priming && now_ms < self.primed_until_ms;
	const struct root_servers *from = primed ? &self.primed : &self.hints;
	struct slist *l = &w->slist;
	unsigned begun = w->clients > 0 ? 0 : ZONE_NS_LOOKUPS_AT_ONCE;
	unsigned i, k, first;

	if (slist_is_root(l))
		return;
	walk_trace_zone(w, &root, from->name_count,
	    primed ? "priming" : "hints", UINT64_MAX);
	slist_clear(w, &root, UINT64_MAX);
	walk_show_more(w, 0, now_ms);
	first = from->name_count > 0 ? random_below(from->name_count) : 0;
	for (i = 0; i < from->name_count && l->ns_count < SLIST_NS_MAX; i++) {
		unsigned name = (first + i) % from->name_count;
		uint8_t ns = slist_add_ns(l);
		unsigned before = l->address_count;

		l->ns[ns].name = from->names[name];
		for (k = 0; k < from->address_count; k++) {
			const struct address *at = &from->addresses[k].at;

			if (from->addresses[k].ns == name)
				(void)slist_add(
				    w, ns, at, roots_hold(&self.hints, at));
		}
		if (l->address_count == before && primed)
			begun += root_look_up(w, ns, begun, now_ms);
		if (l->address_count == before)
			l->ns_count--; /* nothing else can find one for it */
	}
	if (!primed && !w->priming)
		prime(now_ms);
}

/* Not what is known already, nor what could not be asked anyway. */
static bool
slist_may_look(const struct slist *l, unsigned ns, uint16_t type)
{
	return type == TYPE_A ? !l->ns[ns].looked_a && family_is_up(4)
			      : !l->ns[ns].looked_aaaa && family_is_up(6);
}

/* What to look up next of an NS name: A, then AAAA, then nothing (0). */
static uint16_t
slist_next_type(const struct slist *l, unsigned ns)
{
	if (slist_may_look(l, ns, TYPE_A))
		return TYPE_A;
	return slist_may_look(l, ns, TYPE_AAAA) ? TYPE_AAAA : 0;
}

static void
slist_looked(struct slist *l, unsigned ns, uint16_t type)
{
	if (type == TYPE_A)
		l->ns[ns].looked_a = true;
	else
		l->ns[ns].looked_aaaa = true;
}

static bool
slist_has_address(const struct slist *l, unsigned ns)
{
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (l->addresses[i].ns == ns &&
		    family_is_up(l->addresses[i].at.family))
			return true;
	return false;
}

/*
 * A limit keeps us from an address of slist.ns[ns].  The first one is the
 * reason, but not if it has others, which failed for reasons of their own.
 */
static void
slist_refrain(struct slist *l, unsigned ns, enum limit limit)
{
	if (limit != LIMIT_NONE && slist_has_address(l, ns))
		l->undecided = true;
	else if (l->limit == LIMIT_NONE)
		l->limit = limit;
}

/* The limits on NS names looked up (NXNSAttack, attacks.md L01). */
static bool
slist_may_look_up(struct walk *w, struct walk *account, unsigned ns)
{
	struct slist *l = &w->slist;

	if (w->children >= ZONE_NS_LOOKUPS_AT_ONCE)
		return false;
	if (l->ns[ns].counted)
		return true;
	if (l->lookups >= ZONE_NS_LOOKUPS_MAX)
		return false;
	if (account->lookups_left == 0) {
		slist_refrain(l, ns, LIMIT_QUERY_NS_LOOKUPS);
		return false;
	}
	if (account->fruitless >= QUERY_NS_FRUITLESS_MAX) {
		slist_refrain(l, ns, LIMIT_QUERY_NS_FRUITLESS);
		return false;
	}
	l->ns[ns].counted = true;
	l->lookups++;
	account->lookups_left--;
	return true;
}

static bool
slist_was_silent(const struct slist *l, const struct address *at)
{
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (l->addresses[i].silent && !l->addresses[i].aside &&
		    address_equal(&l->addresses[i].at, at))
			return true;
	return false;
}

/* Could it be asked now, and did it not keep silent on this very question? */
static bool
slist_may_hear(const struct slist *l, const struct address *at, uint64_t now_ms)
{
	return family_is_up(at->family) && address_fault(at, false) == NULL &&
	    !server_is_held(at, now_ms) && !slist_was_silent(l, at);
}

/* May this server tell anything?  We only know better if it is of the slist. */
static bool
slist_may_hear_of(const struct slist *l, const struct name *ns, uint64_t now_ms)
{
	unsigned i, known = 0;

	for (i = 0; i < l->address_count; i++) {
		const struct candidate *c = &l->addresses[i];

		if (!name_equal(&l->ns[c->ns].name, ns))
			continue;
		if (slist_may_hear(l, &c->at, now_ms))
			return true;
		known++;
	}
	return known == 0;
}

/*
 * If a referral told addresses of slist.ns[ns], they were of no use: is there
 * anybody of its own zone who may tell a better one?  Who was silent now would
 * be so again; a server that has its name elsewhere may be anywhere.
 */
static bool
slist_may_doubt(const struct walk *w, unsigned ns, uint64_t now_ms)
{
	const struct name *wanted = &w->slist.ns[ns].name;
	struct servers_left left;
	struct name name, zone;
	struct address at;
	struct view view;
	uint64_t until_ms;

	if (w->slist.ns[ns].told != TOLD_ABOVE ||
	    !cache_find_delegation(wanted, w->mark, now_ms, &view, &until_ms))
		return true;
	name_suffix(wanted, view.owner_len, &zone);
	left = view_servers(&view);
	while (servers_next(&left, &name)) {
		if (!name_within(&name, &zone) &&
		    slist_may_hear_of(&w->slist, &name, now_ms))
			return true;
		while (servers_next_address(&left, &at))
			if (slist_may_hear(&w->slist, &at, now_ms))
				return true;
	}
	return false;
}

/*
 * Is there no address of slist.ns[ns] yet, or one that a referral told, which
 * may be wrong?  A name below the zone that is asked cannot be found without
 * its own servers (RFC 9471 2).
 */
static bool
slist_may_find(const struct slist *l, unsigned ns)
{
	return !l->ns[ns].busy && !name_within(&l->ns[ns].name, &l->zone) &&
	    (l->ns[ns].told != TOLD_NONE || !slist_has_address(l, ns));
}

/* Take an address of slist.ns[ns] that is known: true if there is a new one. */
static bool
slist_add_known(
    struct walk *w, struct walk *account, uint8_t ns, uint64_t now_ms)
{
	static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
	struct slist *l = &w->slist;
	bool unknown = false;
	unsigned i, before = l->address_count;

	for (i = 0; i < 2 && l->address_count == before; i++) {
		enum found found;

		if (!slist_may_look(l, ns, types[i]))
			continue;
		found = slist_add_found(w, ns, types[i], w->mark, now_ms);
		l->unsure |= found == FOUND_FAILURE;
		unknown |= is_unknown(found);
		if (found != FOUND_NOTHING)
			slist_looked(l, ns, types[i]);
	}
	if (l->address_count > before ||
	    (unknown && slist_add_told(w, ns, w->mark, now_ms)))
		return true;
	if (slist_next_type(l, ns) != 0)
		return false;
	if (slist_has_address(l, ns))
		return false;
	if (!l->ns[ns].fruitless && l->ns[ns].counted)
		account->fruitless++;
	l->ns[ns].fruitless = true;
	return false;
}

/* Has slist.ns[ns] no address, and none that was told? */
static bool
slist_is_without(const struct slist *l, unsigned ns)
{
	return l->ns[ns].told == TOLD_NONE && !slist_has_address(l, ns);
}

/* Begin to look up an address of slist.ns[ns], or join who does. */
static void
slist_look_up_ns(
    struct walk *w, struct walk *account, uint8_t ns, uint64_t now_ms)
{
	struct slist *l = &w->slist;
	uint16_t type;

	while ((type = slist_next_type(l, ns)) != 0) {
		if (!slist_may_doubt(w, ns, now_ms) ||
		    !slist_may_look_up(w, account, ns))
			return;
		slist_looked(l, ns, type);
		if (walk_await(w, ns, type, now_ms))
			return;
	}
}

/*
 * No address is left to ask: find others.  True if some were known, of which
 * the nearest is asked; else they are looked up.  To doubt those that were told
 * comes after all that can be had without.
 */
static bool
slist_look_up(
    struct walk *w, struct walk *account, bool doubting, uint64_t now_ms)
{
	unsigned n = w->slist.ns_count, i;
	unsigned first = n > 0 ? random_below(n) : 0;
	bool added = false;

	for (i = 0; i < n; i++)
		if (slist_may_find(&w->slist, i))
			added |=
			    slist_add_known(w, account, (uint8_t)i, now_ms);
	for (i = 0; i < n && !added; i++) {
		uint8_t ns = (uint8_t)((first + i) % n);

		if (slist_may_find(&w->slist, ns) &&
		    (doubting || slist_is_without(&w->slist, ns)))
			slist_look_up_ns(w, account, ns, now_ms);
	}
	return added;
}

/* Wait for the walk that finds this address; false if that cannot be. */
static bool
walk_await(struct walk *w, uint8_t ns, uint16_t type, uint64_t now_ms)
{
	const struct name *name = &w->slist.ns[ns].name;
	struct trail t;
	struct walk **at, *child;
	struct waiter *edge;
	bool joined;

	trail_begin(&t, name);
	at = walk_bucket(&t, type);
	child = walk_find_open(at, name, type);
	joined = child != NULL;
	if (joined && walk_reaches(child, w))
		return false;
	if (!joined && w->depth < WALK_DEPTH_MAX)
		child = walk_begin(&t, type, now_ms);
	if (child == NULL) {
		slist_refrain(&w->slist, ns,
		    w->depth < WALK_DEPTH_MAX ? LIMIT_WALKS : LIMIT_WALK_DEPTH);
		return false;
	}
	edge = waiter_add(child, NULL, w);
	if (joined) {
		walk_raise(child, w->depth + 1u);
	} else {
		child->depth = (uint8_t)(w->depth + 1);
		child->sponsor = w;
		walk_list(child, at);
	}
	child->favoured |= w->favoured;
	child->in_person |= w->slist.ns[ns].told == TOLD_ABOVE;
	edge->ns = ns;
	edge->type = type;
	walk_trace_lookup(w, edge, joined);
	edge->next_awaited = w->awaited;
	w->awaited = edge;
	w->children++;
	w->slist.ns[ns].busy = true;
	return true;
}

/* The walk for an NS address is done: its parent goes on if it can. */
static void
walk_child_done(struct waiter *edge, uint64_t now_ms)
{
	struct walk *w = edge->parent;
	struct waiter **at = &w->awaited;
	unsigned before = w->slist.address_count;

	while (*at != edge)
		at = &(*at)->next_awaited;
	*at = edge->next_awaited;
	w->children--;
	w->slist.ns[edge->ns].busy = false;
	if (is_unknown(slist_add_found(
		w, edge->ns, edge->type, edge->on->mark, now_ms)))
		(void)slist_add_told(w, edge->ns, edge->on->mark, now_ms);
	walk_trace_looked_up(w, edge, w->slist.address_count - before);
	if (edge->on->reason.ede == EDE_NETWORK_ERROR &&
	    !edge->on->slist.forwarded)
		w->slist.unsent++;
	slist_refrain(&w->slist, edge->ns, edge->on->limit);
	waiter_unlink(edge);
	walk_resume(w);
}

/* ---------------------------------------------------------------------------
 * Choosing: whom to ask first, and whom not at all.
 */

static void
candidate_incident(
    const struct walk *w, const struct candidate *c, struct incident *i)
{
	walk_incident(w, i);
	i->ns = candidate_ns(w, c);
	i->addr = &c->at;
}

static void
candidate_mark_lame(struct walk *w, struct candidate *c, uint64_t now_ms)
{
	server_mark_lame(&w->slist.zone, &c->at, now_ms);
	c->aside = true;
	w->slist.lame++;
}

/*
 * How to ask it: over TCP if its reply does not fit a datagram; or if both
 * datagrams were lost, though it is known to answer: larger replies may not
 * get through to us (RFC 9715 3.2 R7).
 */
static enum channel
candidate_channel(const struct candidate *c)
{
	return c->truncated ||
		(c->sends[CHANNEL_UDP] >= ADDRESS_SENDS_MAX &&
		    server_has_answered(&c->at))
	    ? CHANNEL_TCP
	    : CHANNEL_UDP;
}

static unsigned
candidate_sends(const struct candidate *c)
{
	return c->sends[CHANNEL_UDP] + c->sends[CHANNEL_TCP];
}

static bool
candidate_takes_tcp(const struct candidate *c, uint64_t now_ms)
{
	return !c->no_tcp && c->sends[CHANNEL_TCP] < ADDRESS_SENDS_MAX &&
	    server_takes_tcp(&c->at, now_ms);
}

/*
 * How many queries are out to this zone, or to this server: those to a silent
 * one stay out for seconds.
 */
static uint16_t *
crowd_of_zone(const struct slist *l)
{
	return &self.zone_queries[l->hash % CROWDS];
}

static uint16_t *
crowd_of_server(const struct address *at)
{
	return &self.server_queries[server_hash(at) % CROWDS];
}

/*
 * While half of all walks are open, is this one of those that find no room in
 * a crowd, so that others find some?  Not what works for this host or a proxy;
 * and the root and the zones below it are needed by all (DESIGN 3).
 */
static bool
walk_shuns_crowds(const struct walk *w)
{
	const struct name *zone = &w->slist.zone;

	return !w->favoured && !walk_payer(w)->favoured &&
	    !w->slist.forwarded &&
	    self.free_walks < self.options.walks_max / 2 &&
	    zone->len > 2u + zone->wire[0];
}

static bool
candidate_is_crowded(const struct walk *w, const struct candidate *c)
{
	return walk_shuns_crowds(w) &&
	    *crowd_of_server(&c->at) >= SERVER_QUERIES_MAX;
}

static bool
slist_is_crowded(const struct walk *w)
{
	const struct slist *l = &w->slist;
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (!l->addresses[i].aside &&
		    candidate_is_crowded(w, &l->addresses[i]))
			return true;
	return false;
}

/*
 * Until when nobody may say anything before we say so to who waits: three
 * seconds are enough where one or two servers are asked, and who has more has
 * the time for two tries of each.
 */
static uint64_t
slist_silent_until_ms(const struct slist *l)
{
	unsigned servers = l->address_count > 2 ? l->address_count : 2;

	return l->silence_ms + servers * SILENT_MS;
}

/* Has it had its chance, and is there no time for another? */
static bool
candidate_is_late(
    const struct slist *l, const struct candidate *c, uint64_t now_ms)
{
	if (!c->silent || l->unheard == 0)
		return false;
	if (candidate_channel(c) == CHANNEL_TCP) /* two round trips */
		now_ms += 2 * server_rto_earned_ms(&c->at);
	return now_ms >= slist_silent_until_ms(l);
}

/*
 * May the candidate be asked now?  Holds never stop all roots, nor all
 * forwarders: without them nothing can be found.  Lame servers are asked when
 * no other is left.
 */
static bool
candidate_usable(const struct walk *w, const struct candidate *c,
    bool take_lame, uint64_t now_ms)
{
	const struct slist *l = &w->slist;

	if (!candidate_is_reached(l, &c->at))
		return false;
	if (c->aside || candidate_is_crowded(w, c))
		return false;
	if (candidate_channel(c) == CHANNEL_TCP
		? !candidate_takes_tcp(c, now_ms)
		: c->sends[CHANNEL_UDP] >= ADDRESS_SENDS_MAX)
		return false;
	if (!c->asked && l->asked >= ZONE_ADDRESSES_ASKED_MAX)
		return false;
	if (candidate_is_late(l, c, now_ms))
		return false;
	if (l->zone.len > 1 && !l->forwarded && server_is_held(&c->at, now_ms))
		return false;
	return take_lame || !lame_counts(c->lame_ms, now_ms);
}

/* How many datagrams with this question the zone's servers may still get. */
static unsigned
slist_sends_left(const struct walk *w, uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	unsigned i, n = 0;

	for (i = 0; i < l->address_count; i++)
		if (candidate_usable(w, &l->addresses[i], true, now_ms))
			n += ADDRESS_SENDS_MAX -
			    l->addresses[i].sends[CHANNEL_UDP];
	return n;
}

/* Its reply is too long for a datagram: without signatures it may fit. */
static void
candidate_shorten(struct candidate *c)
{
	c->truncated = false;
	c->plain = true;
}

/* Who has lost its TCP since it said that there is more to tell over it. */
static void
slist_shorten(struct slist *l, uint64_t now_ms)
{
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if (l->addresses[i].truncated &&
		    !server_takes_tcp(&l->addresses[i].at, now_ms))
			candidate_shorten(&l->addresses[i]);
}

/* The one whose reply was just read, and told to ask otherwise, or NULL. */
static struct candidate *
candidate_again(struct walk *w, uint64_t now_ms)
{
	struct slist *l = &w->slist;
	unsigned i;

	for (i = 0; i < l->address_count; i++)
		if ((l->addresses[i].truncated || l->addresses[i].again) &&
		    candidate_usable(w, &l->addresses[i], true, now_ms))
			return &l->addresses[i];
	return NULL;
}

/* Who may be asked now; lame ones, if there is no other. */
static unsigned
slist_usable(const struct walk *w, bool *lame,
    uint8_t usable[SLIST_ADDRESSES_MAX], uint64_t now_ms)
{
	const struct slist *l = &w->slist;
	unsigned pass, i, n;

	for (pass = n = 0; pass < 2 && n == 0; pass++)
		for (i = 0; i < l->address_count; i++)
			if (candidate_usable(
				w, &l->addresses[i], pass > 0, now_ms))
				usable[n++] = (uint8_t)i;
	*lame = pass > 1;
	return n;
}

/* Leave those of them that were tried least; gives how many these are. */
static unsigned
slist_least_tried(const struct slist *l, uint8_t *usable, unsigned n)
{
	unsigned i, least = 0, fewest = CHANNELS * ADDRESS_SENDS_MAX;

	for (i = 0; i < n; i++) {
		unsigned sends = candidate_sends(&l->addresses[usable[i]]);

		if (sends < fewest) {
			fewest = sends;
			least = 0;
		}
		if (sends == fewest)
			usable[least++] = usable[i];
	}
	return least;
}

/* The least of what any of them is waited for. */
static unsigned
slist_least_rto_ms(const struct slist *l, const uint8_t *among, unsigned n)
{
	unsigned i, least_ms = RTO_MAX_MS;

	for (i = 0; i < n; i++) {
		unsigned rto_ms = server_rto_ms(&l->addresses[among[i]].at);

		if (rto_ms < least_ms)
			least_ms = rto_ms;
	}
	return least_ms;
}

/*
 * Who was never asked may be the nearest; but one silent server is enough for
 * this question.
 */
static unsigned
candidate_distance_ms(const struct slist *l, const struct candidate *c)
{
	unsigned ms = server_distance_ms(&c->at);

	return ms == 0 && l->timeouts > 0 ? server_rto_ms(&c->at) : ms;
}

/* One of those within so much of the nearest, as likely as any other. */
static struct candidate *
candidate_draw(
    struct slist *l, const uint8_t *among, unsigned n, unsigned band_ms)
{
	unsigned distance_ms[SLIST_ADDRESSES_MAX];
	unsigned i, nearest_ms = RTO_MAX_MS, seen = 0;
	struct candidate *drawn = NULL;

	for (i = 0; i < n; i++) {
		distance_ms[i] =
		    candidate_distance_ms(l, &l->addresses[among[i]]);
		if (distance_ms[i] < nearest_ms)
			nearest_ms = distance_ms[i];
	}
	for (i = 0; i < n; i++)
		if (distance_ms[i] <= nearest_ms + band_ms &&
		    random_below(++seen) == 0)
			drawn = &l->addresses[among[i]];
	l->drawing.of = seen;
	return drawn;
}

/*
 * The one that has more to tell over TCP, or nothing to a query such as it got.
 * Else the least tried first; of these any that is within a band of the
 * nearest, so that nobody can steer us by being a little faster; and now and
 * then any at all, so that we learn of better times (RFC 1035 7.2).
 */
static struct candidate *
server_choose(struct walk *w, uint64_t now_ms)
{
	struct slist *l = &w->slist;
	struct candidate *again, *drawn;
	uint8_t usable[SLIST_ADDRESSES_MAX];
	unsigned n, band_ms = BAND_MS;
	bool lame;

	slist_shorten(l, now_ms);
	again = candidate_again(w, now_ms);
	l->most_ms = RTO_MAX_MS;
	l->drawing = (struct drawing){
	    .why = again != NULL && again->truncated ? "truncated" : "again"};
	if (again != NULL)
		return again;
	n = slist_usable(w, &lame, usable, now_ms);
	n = slist_least_tried(l, usable, n);
	if (random_below(100) < EXPLORE_PERCENT) {
		band_ms = RTO_MAX_MS;
		l->most_ms = (uint16_t)(2 * slist_least_rto_ms(l, usable, n));
	}
	drawn = candidate_draw(l, usable, n, band_ms);
	l->drawing.why = "in the band";
	if (lame)
		l->drawing.why = "lame before";
	else if (drawn != NULL && candidate_sends(drawn) > 0)
		l->drawing.why = "asked before";
	else if (band_ms > BAND_MS)
		l->drawing.why = "at random";
	return drawn;
}

/* ---------------------------------------------------------------------------
 * Sockets towards name servers.
 */

/* Services whose port a firewall, or a naive server, may watch. */
static bool
port_is_watched(uint16_t port)
{
	static const uint16_t watched[] = {1900, 2049, 4791, 5353, 6000, 11211};
	unsigned i;

	for (i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		if (port == watched[i])
			return true;
	return false;
}

/* A random port for a datagram. */
static int
socket_draw(int fd, struct address at)
{
	struct sockaddr_storage sa;
	unsigned tries;

	for (tries = 0; tries < PORT_TRIES_MAX; tries++) {
		at.port = (uint16_t)(1024 + random_below(65536 - 1024));
		at.port = (uint16_t)(at.port + port_is_watched(at.port));
		if (bind(fd, (struct sockaddr *)&sa,
			address_to_sockaddr(&at, &sa)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	return -1;
}

/*
 * Where its packets come from.  The port of a connection is the kernel's to
 * choose, which can use one for many servers: who forges has to guess 32 bits
 * of a sequence number too.
 */
static int
socket_bind(int fd, uint8_t family, int type)
{
	const struct address *at = server_source(family);
	struct sockaddr_storage sa;
	int later = 1;

	if (type == SOCK_DGRAM && !self.rests)
		return socket_draw(fd, *at);
	if (address_is_any(at))
		return 0;
	/* Of both families: the port comes with connect. */
	if (type == SOCK_DGRAM &&
	    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later,
		sizeof(later)) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&sa, address_to_sockaddr(at, &sa));
}

/*
 * No query on a connection waits until the one before is acknowledged.  For a
 * datagram nothing need be asked for: whatever "packet too big" is forged,
 * Linux never cuts what is as short as ours (RFC 9715 3.1).
 */
static int
socket_options(int fd, uint8_t family, int type)
{
	int on = 1;

	static_assert(20 + 8 + UDP_PLAIN_MAX <= 552, "net.ipv4.route.min_pmtu");
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (family == 4)
		return 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

/* Without losing errno, which says what went wrong. */
static void
socket_close(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

/* A socket towards a name server; -1 sets errno. */
static int
socket_open(uint8_t family, int type)
{
	int fd = socket(family == 4 ? AF_INET : AF_INET6,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (socket_options(fd, family, type) < 0 ||
	    socket_bind(fd, family, type) < 0) {
		socket_close(fd);
		return -1;
	}
	return fd;
}

/*
 * The one function that connects or sends to a name server; octets NULL: it
 * only connects.  Linux takes 0.0.0.0 and :: to mean ourselves and reports no
 * error, so the filter stands before the calls.  From octets goes what was
 * sent, which is all of a datagram; a failure is in errno.
 */
static enum send_result
server_send(struct walk *w, const struct candidate *to, int fd, bool connected,
    struct reader *octets)
{
	struct sockaddr_storage sa;
	ssize_t n;

	if (candidate_refuse(w, to))
		return SEND_REFUSED;
	if (!connected &&
	    connect(fd, (struct sockaddr *)&sa,
		address_to_sockaddr(&to->at, &sa)) < 0 &&
	    errno != EINPROGRESS)
		return SEND_FAILED;
	if (octets == NULL)
		return SEND_DONE;
	n = sendto(fd, octets->base + octets->at, octets->len - octets->at,
	    MSG_NOSIGNAL, NULL, 0);
	if (n < 0)
		return SEND_FAILED;
	(void)read_bytes(octets, (size_t)n);
	return SEND_DONE;
}

/* ---------------------------------------------------------------------------
 * Outlets.
 */

static struct outlet *
outlet_pop(struct outlet **list)
{
	struct outlet *o = *list;

	if (o != NULL)
		*list = o->next;
	return o;
}

static void
outlet_push(struct outlet **list, struct outlet *o)
{
	o->next = *list;
	*list = o;
}

static struct outlet *
outlet_resting(bool ipv6)
{
	struct outlet *o = outlet_pop(&self.resting[ipv6]);

	self.resting_count -= o != NULL;
	return o;
}

/* One without a socket. */
static struct outlet *
outlet_free(bool ipv6)
{
	struct outlet *o = outlet_pop(&self.free_outlets);

	if (o != NULL)
		return o;
	if (self.outlets_used < self.options.walks_max) {
		o = &self.outlets[self.outlets_used++];
	} else {
		o = outlet_resting(!ipv6);
		assert(o != NULL); /* a walk has no more than one */
		close(o->fd);
	}
	o->fd = -1;
	return o;
}

/* It stays registered for as long as it is open. */
static bool
outlet_open(struct outlet *o, uint8_t family)
{
	struct epoll_event event = {.events = EPOLLIN};

	event.data.u64 =
	    tag_make(TAG_UPSTREAM, 0, (uint32_t)(o - self.outlets));
	o->family = family;
	o->fd = socket_open(family, SOCK_DGRAM);
	if (o->fd < 0 ||
	    epoll_ctl(self.options.epoll, EPOLL_CTL_ADD, o->fd, &event) == 0)
		return o->fd >= 0;
	socket_close(o->fd);
	o->fd = -1;
	return false;
}

/* False, with errno, if it is one without a socket. */
static bool
outlet_take(struct exchange *x, uint8_t family)
{
	struct outlet *o = outlet_resting(family == 6);
	bool open = o != NULL;

	if (!open)
		o = outlet_free(family == 6);
	o->exchange = x;
	x->outlet = o;
	return open || outlet_open(o, family);
}

/* It has no peer any more, and no port but one that is bound to it. */
static bool
outlet_loosen(const struct outlet *o)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	return connect(o->fd, &nobody, sizeof(nobody)) == 0;
}

/* Did the kernel draw a port that is watched? */
static bool
outlet_is_watched(const struct outlet *o)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct address at;

	return self.rests &&
	    getsockname(o->fd, (struct sockaddr *)&sa, &len) == 0 &&
	    address_from_sockaddr(&sa, &at) && port_is_watched(at.port);
}

/* A port that is watched gives way to another one. */
static enum send_result
outlet_connect(const struct exchange *x, const struct candidate *to)
{
	const struct outlet *o = x->outlet;
	enum send_result result;
	unsigned tries;

	for (tries = PORT_TRIES_MAX; tries > 0; tries--) {
		result = server_send(x->walk, to, o->fd, false, NULL);
		if (result != SEND_DONE || !outlet_is_watched(o))
			return result;
		if (!outlet_loosen(o))
			return SEND_FAILED;
	}
	errno = EADDRINUSE;
	return SEND_FAILED;
}

/* Can another query have it?  A reply or an error that is in it ends it. */
static bool
outlet_can_rest(const struct outlet *o)
{
	uint8_t octet;

	return self.rests && self.resting_count < OUTLETS_RESTING_MAX &&
	    o->fd >= 0 && outlet_loosen(o) &&
	    recv(o->fd, &octet, sizeof(octet), 0) < 0 && errno == EAGAIN;
}

/* The query is over.  Without losing errno, which may say how. */
static void
outlet_leave(struct exchange *x)
{
	struct outlet *o = x->outlet;
	int err = errno;

	x->outlet = NULL;
	o->exchange = NULL;
	if (outlet_can_rest(o)) {
		outlet_push(&self.resting[o->family == 6], o);
		self.resting_count++;
	} else {
		if (o->fd >= 0)
			close(o->fd);
		o->fd = -1;
		outlet_push(&self.free_outlets, o);
	}
	errno = err;
}

/* ---------------------------------------------------------------------------
 * Exchanges: a query to one server, by one channel.
 */

static enum channel
exchange_channel(const struct exchange *x)
{
	return (enum channel)(x - x->walk->exchange);
}

static const char *
exchange_transport(const struct exchange *x)
{
	return exchange_channel(x) == CHANNEL_TCP ? "tcp" : "udp";
}

static struct candidate *
exchange_candidate(const struct exchange *x)
{
	return &x->walk->slist.addresses[x->to];
}

static bool
exchange_is_out(const struct exchange *x)
{
	return x->outlet != NULL || x->connection != NULL;
}

/* IDs are drawn at random, so they spread without a hash. */
static struct exchange **
exchange_bucket(uint16_t id)
{
	return &self.out[id / (65536 / EXCHANGE_BUCKETS)];
}

/* It is out, with the ID that it keeps. */
static void
exchange_list(struct exchange *x)
{
	struct exchange **at = exchange_bucket(x->id);

	assert(exchange_is_out(x) && x->out == NULL);
	x->next_out = *at;
	if (*at != NULL)
		(*at)->out = &x->next_out;
	x->out = at;
	*at = x;
	x->of_zone = crowd_of_zone(&x->walk->slist);
	x->of_server = crowd_of_server(&exchange_candidate(x)->at);
	++*x->of_zone;
	++*x->of_server;
}

static void
exchange_unlist(struct exchange *x)
{
	if (x->out == NULL)
		return;
	--*x->of_zone;
	--*x->of_server;
	*x->out = x->next_out;
	if (x->next_out != NULL)
		x->next_out->out = x->out;
	x->out = NULL;
}

/* Every spelling of a name is another one here. */
static bool
exchange_asks(
    const struct exchange *x, uint16_t id, const struct question *asked)
{
	return x->id == id && x->asked.type == asked->type &&
	    x->asked.class == asked->class &&
	    x->asked.name.len == asked->name.len &&
	    memcmp(x->asked.name.wire, asked->name.wire, asked->name.len) == 0;
}

void
referral_came_back(uint16_t id, const struct question *asked)
{
	struct exchange *x;

	for (x = *exchange_bucket(id); x != NULL; x = x->next_out)
		if (exchange_asks(x, id, asked))
			x->came_back = true;
}

static void
exchange_close(struct exchange *x, uint64_t now_ms)
{
	exchange_unlist(x);
	timer_disarm(&x->timer);
	if (x->outlet != NULL)
		outlet_leave(x);
	if (x->connection != NULL)
		connection_remove(x, now_ms);
}

/* What the walk has out is not waited for any more. */
static void
walk_close(struct walk *w, uint64_t now_ms)
{
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		if (exchange_is_out(&w->exchange[i]))
			exchange_close(&w->exchange[i], now_ms);
}

/*
 * What the query has.  Over TCP nobody can forge from afar, so it needs neither
 * case nor cookie there (attacks.md S01, S04).  A server is silent to cookies
 * if a firewall before it is, but if it is silent to EDNS that is its own
 * fault.
 */
static unsigned
exchange_features(
    const struct exchange *x, const struct candidate *to, uint64_t now_ms)
{
	unsigned with = server_takes(&to->at, now_ms) & ~(unsigned)to->without;

	if (exchange_channel(x) == CHANNEL_TCP)
		with &= FEATURE_EDNS;
	if (to->plain)
		with &= FEATURE_CASE;
	if (to->silent || !(with & FEATURE_EDNS))
		with &= ~(unsigned)FEATURE_COOKIE;
	return with;
}

/* What this walk asks of this server. */
static void
exchange_prepare(
    struct exchange *x, const struct candidate *to, uint64_t now_ms)
{
	struct walk *w = x->walk;

	assert(!exchange_is_out(x));
	x->to = (uint8_t)(to - w->slist.addresses);
	x->id = (uint16_t)random_u32();
	x->with = (uint8_t)exchange_features(x, to, now_ms);
	question_copy(&x->asked, &w->asks);
	if (x->with & FEATURE_CASE) /* 0x20: they come back as they went */
		name_spell(&x->asked.name, random_u64());
	x->came_back = false;
	x->sent_ms = now_ms;
}

static void
exchange_compose(struct exchange *x, struct writer *query, uint64_t now_ms)
{
	bool edns = x->with & FEATURE_EDNS;
	struct header header = {.id = x->id,
	    .flags = x->walk->slist.forwarded ? FLAG_RD : 0,
	    .questions = 1,
	    .additionals = edns};
	struct edns opt = {
	    .present = true, .dnssec_ok = true, .udp_max = UDP_EDNS_MAX};

	write_header(query, &header);
	write_question(query, &x->asked);
	if (x->with & FEATURE_COOKIE)
		server_write_cookie(&exchange_candidate(x)->at, &opt, now_ms);
	x->cookie_len = opt.cookie_len;
	memcpy(x->cookie, opt.cookie, COOKIE_CLIENT_LEN);
	if (edns)
		write_opt(query, &opt, NULL, 0);
	assert(!query->failed);
}

/*
 * At level debug, the query that is out, or was until now, as the event log
 * tells it; else false.
 */
static bool
exchange_traced(const struct exchange *x, struct incident *i)
{
	if (!eventlog_is_tracing())
		return false;
	candidate_incident(x->walk, exchange_candidate(x), i);
	i->sname = walk_is_probing(x->walk) ? i->qname : NULL;
	i->qname = &x->walk->asks.name;
	i->qtype = x->walk->asks.type;
	i->transport = exchange_transport(x);
	return true;
}

static void
exchange_trace(const struct exchange *x, uint64_t now_ms)
{
	struct drawing *drawing = &x->walk->slist.drawing;
	struct incident i;

	if (!exchange_traced(x, &i))
		return;
	drawing->rtt_ms = server_rtt_ms(i.addr);
	eventlog_query_sent(&i, drawing, x->timer.due_ms - now_ms);
}

static void
exchange_trace_reply(
    const struct exchange *x, enum response_class class, uint64_t now_ms)
{
	static const char *const kinds[] = {
	    [RESPONSE_ANSWER] = "answer",
	    [RESPONSE_NAME_ERROR] = "name error",
	    [RESPONSE_NO_DATA] = "no data",
	    [RESPONSE_DELEGATION] = "delegation",
	    [RESPONSE_ALIAS] = "alias",
	    [RESPONSE_TRUNCATED] = "truncated",
	    [RESPONSE_NO_EDNS] = "no EDNS",
	    [RESPONSE_BAD_COOKIE] = "bad cookie",
	    [RESPONSE_LAME] = "lame",
	    [RESPONSE_FAILURE] = "failure",
	    [RESPONSE_BIZARRE] = "bizarre",
	};
	struct records_left authority =
	    response_section(&response, SECTION_AUTHORITY);
	const struct name *cut = NULL;
	struct incident i;

	if (!exchange_traced(x, &i))
		return;
	if (class == RESPONSE_DELEGATION)
		cut = &records_next(&authority, NULL, TYPE_NS)->owner;
	eventlog_reply(&i, rcode_text(header_rcode(&response.header)),
	    kinds[class], cut, now_ms - x->sent_ms, response.message.len);
}

static void
sent_count(bool forwarded)
{
	self.counts.sent++;
	self.counts.forwarded += forwarded;
}

/* A datagram from a fresh port (RFC 5452 9.2). */
static enum send_result
exchange_send(struct exchange *x, const struct candidate *to, uint64_t now_ms)
{
	uint8_t octets[UDP_PLAIN_MAX];
	struct writer query;
	struct reader out;
	enum send_result result;

	if (!outlet_take(x, to->at.family))
		return SEND_FAILED;
	writer_init(&query, octets, sizeof(octets));
	exchange_compose(x, &query, now_ms);
	reader_init(&out, octets, query.len);
	result = outlet_connect(x, to);
	if (result == SEND_DONE)
		result = server_send(x->walk, to, x->outlet->fd, true, &out);
	if (result == SEND_DONE)
		sent_count(x->walk->slist.forwarded);
	return result;
}

/*
 * What is left before the silence has lasted too long, or the time is over, but
 * for the least that further tries take: all that can be made, or TRIES_FIT.
 */
static unsigned
tries_fit_ms(const struct exchange *x, uint64_t now_ms)
{
	const struct walk *w = x->walk;
	const struct slist *l = &w->slist;
	unsigned tries = ADDRESS_SENDS_MAX * l->address_count;
	uint64_t until_ms = slist_silent_until_ms(l);

	if (tries > TRIES_FIT)
		tries = TRIES_FIT;
	if (tries > l->unheard) {
		now_ms += (uint64_t)(tries - l->unheard) * RTO_FIRST_MS;
		if (until_ms > w->deadline.due_ms)
			until_ms = w->deadline.due_ms;
	}
	return now_ms < until_ms ? (unsigned)(until_ms - now_ms) : 0;
}

/*
 * What was doubled gives way to further tries, what its replies earned it does
 * not.  To see at random whether a silent server is back is done on the
 * client's time: it has no longer than twice what the best would take, and if
 * that is less than it may take, that proves nothing.  Over TCP the system
 * sends again what is lost, so there is but one wait, in which to connect as
 * well; two round trips, if nothing came over UDP.
 */
static void
exchange_arm(struct exchange *x, uint64_t now_ms)
{
	const struct slist *l = &x->walk->slist;
	const struct candidate *to = &l->addresses[x->to];
	unsigned rto_ms = server_rto_ms(&to->at), i = 0;
	unsigned least_ms = server_rto_earned_ms(&to->at);
	unsigned most_ms = tries_fit_ms(x, now_ms);

	x->hasty = rto_ms > l->most_ms && server_is_silent(&to->at);
	if (x->hasty)
		rto_ms = l->most_ms;
	if (exchange_channel(x) == CHANNEL_TCP) {
		rto_ms = RTO_MAX_MS;
		least_ms = to->silent ? 2 * least_ms : RTO_MAX_MS;
	}
	while (i < SPANS - 1 && spans_ms[i] < rto_ms)
		i++;
	while (i > 0 && spans_ms[i] > most_ms && spans_ms[i - 1] >= least_ms)
		i--;
	timer_arm(&self.retransmissions[i], &x->timer, now_ms);
}

/* What was sent is on the account of the walk that pays, and the zone's. */
static void
exchange_charge(const struct exchange *x, struct candidate *to, uint64_t now_ms)
{
	struct walk *w = x->walk;

	bill_add(walk_payer(w), &w->slist);
	w->sends++;
	w->name_sends++;
	w->slist.sends++;
	if (w->slist.unheard++ == 0)
		w->slist.silence_ms = now_ms;
	w->slist.asked = (uint8_t)(w->slist.asked + !to->asked);
	to->asked = true;
	to->again = false;
	self.counts.retries += candidate_sends(to) > 0;
	to->sends[exchange_channel(x)]++;
	server_asked(&to->at, now_ms);
}

/* Not by this channel again, in this query. */
static void
exchange_put_aside(const struct exchange *x, struct candidate *to)
{
	if (exchange_channel(x) == CHANNEL_TCP)
		to->no_tcp = true;
	else
		to->aside = true;
}

/* The same, and by the server's own doing. */
static void
exchange_put_off(const struct exchange *x, struct candidate *to)
{
	exchange_put_aside(x, to);
	if (to->truncated)
		candidate_shorten(to);
}

/* The system would not: told, and held against nobody (decision 7). */
static void
exchange_fail(
    struct exchange *x, struct candidate *to, int err, uint64_t now_ms)
{
	const struct send_cause *cause = send_cause(err);
	struct walk *w = x->walk;
	struct incident i;

	exchange_close(x, now_ms);
	exchange_put_aside(x, to);
	w->slist.unsent++;
	w->slist.barred = (uint8_t)(w->slist.barred + cause->lasting);
	w->slist.cause = cause->word;
	self.counts.sends_failed++;
	candidate_incident(w, to, &i);
	i.transport = exchange_transport(x);
	eventlog_send_failed(&i, err, cause->word);
	if (exchange_traced(x, &i))
		eventlog_undelivered(&i, err, cause->word);
}

/* The server itself ended it: nobody listens there, or it talks nonsense. */
static void
exchange_give_up(struct exchange *x, int err, uint64_t now_ms)
{
	struct incident i;

	if (exchange_traced(x, &i))
		eventlog_undelivered(&i, err, NULL);
	exchange_put_off(x, exchange_candidate(x));
	x->walk->slist.failed++;
	exchange_close(x, now_ms);
	walk_resume(x->walk);
}

/* So near that it refused at once, before there was a connection. */
static void
exchange_reject(
    struct exchange *x, struct candidate *to, int err, uint64_t now_ms)
{
	if (to->truncated && err == ECONNREFUSED)
		server_chokes_on_tcp(&to->at, true, now_ms);
	exchange_give_up(x, err, now_ms);
}

/* Ask the candidate; unless it is done it is not asked so again. */
static enum send_result
exchange_open(
    struct walk *w, struct candidate *to, enum channel channel, uint64_t now_ms)
{
	struct exchange *x = &w->exchange[channel];
	enum send_result result;

	exchange_prepare(x, to, now_ms);
	result = channel == CHANNEL_TCP ? exchange_join(x, to, now_ms)
					: exchange_send(x, to, now_ms);
	switch (result) {
	case SEND_DONE:
		if (self.offline && slist_is_root(&w->slist))
			offline_end(now_ms);
		exchange_list(x);
		exchange_charge(x, to, now_ms);
		exchange_arm(x, now_ms);
		if (channel == CHANNEL_UDP)
			exchange_trace(x, now_ms);
		break;
	case SEND_REFUSED:
		exchange_close(x, now_ms);
		to->aside = true;
		break;
	case SEND_FAILED:
		if (!error_is_remote(errno))
			exchange_fail(x, to, errno, now_ms);
		else if (channel == CHANNEL_TCP)
			exchange_reject(x, to, errno, now_ms);
		else
			exchange_give_up(x, errno, now_ms);
		break;
	case SEND_NO_ROOM:
		exchange_put_aside(x, to);
		w->slist.unsent++;
		break;
	}
	return result;
}

static bool
exchange_is_answered(const struct exchange *x)
{
	return response.question.type == x->asked.type &&
	    response.question.class == x->asked.class &&
	    name_equal(&response.question.name, &x->walk->asks.name);
}

/*
 * Does the message echo the name letter for letter?  Then it is put there as
 * the walk has it, for names in the records may lead back to it.
 */
static bool
exchange_is_echoed(const struct exchange *x, uint8_t *octets, size_t len)
{
	const struct name *sent = &x->asked.name;
	const struct name *asked = &x->walk->asks.name;

	if (len < HEADER_LEN + (size_t)sent->len ||
	    memcmp(octets + HEADER_LEN, sent->wire, sent->len) != 0)
		return false;
	assert(asked->len == sent->len);
	memcpy(octets + HEADER_LEN, asked->wire, asked->len);
	return true;
}

/*
 * RFC 5452 9.1: the kernel matched addresses and ports, the rest we do.  An
 * error that came without the question is all that some servers say to an OPT
 * record (RFC 6891 7).
 */
static bool
exchange_matches(const struct exchange *x, uint8_t *octets, size_t len)
{
	struct reader r;
	unsigned missing = 0;

	reader_init(&r, octets, len);
	if (read_u16(&r) != x->id)
		return false;
	if (x->with & FEATURE_CASE && !exchange_is_echoed(x, octets, len))
		missing |= FEATURE_CASE;
	if (!response_parse(&response, octets, len) ||
	    !header_is(&response.header, FLAG_QR) ||
	    header_opcode(&response.header) != 0)
		return false;
	if (response.header.questions == 0)
		missing = 0;
	else if (!exchange_is_answered(x))
		return false;
	if (x->with & FEATURE_COOKIE &&
	    !cookie_is_answered(x->cookie, x->cookie_len, &response.edns))
		missing |= FEATURE_COOKIE;
	exchange_candidate(x)->without |= (uint8_t)missing;
	return missing == 0;
}

/* It has echoed what was in this query: who seemed not to was another. */
static void
candidate_acquit(struct candidate *from, const struct exchange *x)
{
	from->without &= (uint8_t)~x->with;
}

/*
 * The reply to the exchange: `response` is its walk's, until it is analyzed.
 * What else the walk had out is not waited for.
 */
static void
exchange_heard(struct exchange *x, size_t octets, uint64_t now_ms)
{
	struct walk *w = x->walk;
	struct walk *account = walk_payer(w);
	struct candidate *from = exchange_candidate(x);

	self.counts.replies++;
	w->slist.unheard = 0;
	account->octets_left -=
	    account->octets_left < octets ? account->octets_left : octets;
	w->heard = exchange_channel(x);
	if (header_is(&response.header, FLAG_TC) && w->heard == CHANNEL_UDP &&
	    exchange_is_out(&w->exchange[CHANNEL_TCP])) {
		from->truncated = true;
		candidate_acquit(from, x);
		exchange_close(x, now_ms);
		return; /* the rest of it is on its way */
	}
	walk_close(w, now_ms);
	w->state = WALK_ANALYZE;
	walk_run(w, now_ms);
}

/*
 * Somebody guesses, or the server errs.  From afar nobody can forge what comes
 * over TCP, so it is asked there too; the true reply may still be the first
 * (attacks.md S01, S08).
 */
static void
exchange_doubt(struct exchange *x, uint64_t now_ms)
{
	struct walk *w = x->walk;
	struct candidate *to = exchange_candidate(x);
	struct incident i;

	self.counts.mismatched++;
	if (exchange_traced(x, &i))
		eventlog_reply_dropped(&i);
	if (to->sends[CHANNEL_TCP] > 0 || !candidate_takes_tcp(to, now_ms) ||
	    walk_spent(w, walk_account(w)) != LIMIT_NONE ||
	    w->slist.sends >= ZONE_SENDS_MAX)
		return;
	w->slist.drawing = (struct drawing){.why = "in doubt"};
	(void)exchange_open(w, to, CHANNEL_TCP, now_ms);
}

/* It was silent for long, and everything in its zone hangs on it. */
static void
forwarder_report(const struct exchange *x, bool down)
{
	struct incident i;

	candidate_incident(x->walk, exchange_candidate(x), &i);
	i.transport = exchange_transport(x);
	eventlog_forwarder(&i, down);
}

/*
 * How long the server was waited for.  Where this process did not run
 * meanwhile, or the machine slept, that is no longer than was meant.
 */
static uint64_t
exchange_waited_ms(const struct exchange *x, uint64_t now_ms)
{
	uint64_t until_ms = now_ms < x->timer.due_ms ? now_ms : x->timer.due_ms;

	return until_ms - x->sent_ms;
}

/*
 * An event, maybe for the query before; then nothing is there, or what came as
 * the socket was put to rest.  Nor was it connected yet when it got its port.
 */
static void
outlet_readable(const struct outlet *o, uint64_t now_ms)
{
	static uint8_t octets[MESSAGE_MAX];
	struct exchange *x = o->exchange;
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);
	struct address from;
	ssize_t n;

	if (o->fd < 0)
		return;
	n = recvfrom(
	    o->fd, octets, sizeof(octets), 0, (struct sockaddr *)&sa, &sa_len);
	if (x == NULL)
		return;
	if (n < 0) {
		if (!error_is_of_the_moment(errno))
			exchange_give_up(x, errno, now_ms);
		return;
	}
	if (!address_from_sockaddr(&sa, &from) ||
	    !address_equal(&from, &exchange_candidate(x)->at)) {
		self.counts.mismatched++;
		return;
	}
	if (!exchange_matches(x, octets, (size_t)n)) {
		exchange_doubt(x, now_ms);
		return;
	}
	if (x->walk->slist.forwarded &&
	    server_held_until_ms(&exchange_candidate(x)->at) > 0)
		forwarder_report(x, false);
	/* More than we take may have come in fragments (RFC 9715). */
	if (n > UDP_EDNS_MAX)
		header_set(&response.header, FLAG_TC, true);
	server_replied(
	    &exchange_candidate(x)->at, exchange_waited_ms(x, now_ms), now_ms);
	exchange_heard(x, (size_t)n, now_ms);
}

/* The servers may be silent to probes alone: the last packet is none. */
static bool
probe_is_in_vain(const struct walk *w, uint64_t now_ms)
{
	return w->probe_timeouts >= PROBE_TIMEOUTS_MAX ||
	    slist_sends_left(w, now_ms) <= 1;
}

static void
exchange_expire(struct exchange *x, uint64_t now_ms)
{
	struct walk *w = x->walk;
	struct candidate *to = exchange_candidate(x);
	uint64_t waited_ms = exchange_waited_ms(x, now_ms);
	struct incident i;

	if (exchange_traced(x, &i))
		eventlog_timed_out(&i, now_ms - x->sent_ms);
	self.counts.timeouts++;
	w->slist.timeouts++;
	if (x->connection != NULL) {
		connection_doubt(x, now_ms);
		exchange_put_off(x, to);
	} else if (!x->hasty) {
		server_timed_out(&to->at, x->sent_ms, waited_ms, now_ms);
		if (w->slist.forwarded && server_is_held(&to->at, now_ms))
			forwarder_report(x, true);
	}
	to->silent |= exchange_channel(x) == CHANNEL_UDP;
	exchange_close(x, now_ms);
	w->probe_timeouts++;
	walk_resume(w);
}

/* Its timer is due; in line behind another its time has not begun. */
static void
exchange_due(struct exchange *x, uint64_t now_ms)
{
	if (x->connection != NULL && x->connection->serial && x->queued)
		exchange_arm(x, now_ms);
	else
		exchange_expire(x, now_ms);
}

/* ---------------------------------------------------------------------------
 * Connections: kept open and shared (RFC 7766 6.2).
 */

/* Asserts the table at the head of this file. */
static void
connection_check(const struct connection *c)
{
	bool some =
	    c->state == CONNECTION_OPENING || c->state == CONNECTION_BUSY;
	bool timed =
	    c->state == CONNECTION_OPENING || c->state == CONNECTION_IDLE;

	assert((c->count > 0) == some && (c->exchanges != NULL) == some);
	assert((c->timer.next != NULL) == timed);
	assert(c->count <= TCP_OUT_QUERIES_MAX);
	assert(c->in_len < sizeof(c->in));
}

/* Have epoll tell what comes, and if need be when it can be written to. */
static bool
connection_watch(struct connection *c, int operation, bool writable)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (operation == EPOLL_CTL_MOD && c->writable == writable)
		return true;
	if (writable)
		event.events |= EPOLLOUT;
	event.data.u64 = tag_make(
	    TAG_CONNECTION, c->generation, (uint32_t)(c - self.connections));
	if (epoll_ctl(self.options.epoll, operation, c->fd, &event) < 0)
		return false;
	c->writable = writable;
	return true;
}

static void
connection_close(struct connection *c)
{
	assert(c->state != CONNECTION_CLOSED && c->exchanges == NULL);
	timer_disarm(&c->timer);
	close(c->fd);
	c->state = CONNECTION_CLOSED;
	c->generation++;
}

static void
connection_unlink(struct exchange *x)
{
	struct connection *c = x->connection;
	struct exchange **at = &c->exchanges;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	c->count--;
	x->connection = NULL;
}

/* It was charged as it got in line, but was never sent. */
static void
exchange_refund(const struct exchange *x)
{
	struct walk *w = x->walk;
	struct candidate *to = exchange_candidate(x);

	bill_strike(walk_payer(w), &w->slist);
	w->name_sends--;
	w->slist.sends--;
	to->sends[CHANNEL_TCP]--;
	to->fresh = true;
}

/* All who are in line lose their place, and with the last it closes. */
static void
connection_disband(struct connection *c)
{
	while (c->exchanges != NULL) {
		struct exchange *x = c->exchanges;

		assert(x->queued);
		exchange_refund(x);
		exchange_unlist(x);
		timer_disarm(&x->timer);
		connection_unlink(x);
		walk_resume(x->walk);
	}
	connection_close(c);
}

/*
 * Let go of the exchange; after the last one others may have the connection,
 * but if it was for this one alone nobody.
 */
static void
connection_remove(struct exchange *x, uint64_t now_ms)
{
	struct connection *c = x->connection;

	connection_unlink(x);
	if (c->serial && !x->queued) {
		connection_disband(c);
		return;
	}
	if (c->exchanges != NULL)
		return;
	if (c->state == CONNECTION_OPENING || c->spent ||
	    c->out.at < c->out.len) {
		connection_close(c);
		return;
	}
	c->state = CONNECTION_IDLE;
	timer_arm(&self.idle, &c->timer, now_ms);
	connection_check(c);
}

/* The exchange gets an ID that no other has on this connection. */
static void
connection_add(struct connection *c, struct exchange *x)
{
	struct exchange **at = &c->exchanges;

	while (*at != NULL) {
		bool taken = (*at)->id == x->id;

		at = &(*at)->next;
		if (taken) {
			x->id = (uint16_t)random_u32();
			at = &c->exchanges;
		}
	}
	*at = x;
	x->next = NULL;
	x->queued = true;
	x->connection = c;
	c->count++;
	if (c->state == CONNECTION_IDLE) {
		timer_disarm(&c->timer);
		c->state = CONNECTION_BUSY;
	}
	connection_check(c);
}

/* The least used of those that take another query for the server, or NULL. */
static struct connection *
connection_find(const struct candidate *to)
{
	struct connection *c, *found = NULL;

	for (c = self.connections; c < self.connections + TCP_OUT_MAX; c++) {
		if (c->state == CONNECTION_CLOSED || c->spent ||
		    (c->replies > 0 && to->fresh) ||
		    c->count == TCP_OUT_QUERIES_MAX ||
		    !address_equal(&c->at, &to->at))
			continue;
		if (found == NULL || c->count < found->count)
			found = c;
	}
	return found;
}

/*
 * A place for a connection to this address; the one idle for longest has to
 * go if there is no other.  NULL: none is free, or the server has its share,
 * and which table is full.
 */
static struct connection *
connection_place(const struct address *at, const char **full, unsigned *limit)
{
	struct connection *c, *place = NULL;
	unsigned same = 0;

	for (c = self.connections; c < self.connections + TCP_OUT_MAX; c++) {
		if (c->state == CONNECTION_CLOSED)
			place = c;
		else
			same += address_equal(&c->at, at);
	}
	*full = "connections to a server";
	*limit = TCP_OUT_ADDRESS_MAX;
	if (same >= TCP_OUT_ADDRESS_MAX)
		return NULL;
	if (place != NULL)
		return place;
	*full = "connections to servers";
	*limit = TCP_OUT_MAX;
	place = (struct connection *)timer_first(&self.idle);
	if (place != NULL)
		connection_close(place);
	return place;
}

/* What becomes of it is told by epoll, and by the first octets sent. */
static enum send_result
connection_open(struct connection *c, struct walk *w,
    const struct candidate *to, uint64_t now_ms)
{
	enum send_result result = SEND_FAILED;

	c->fd = socket_open(to->at.family, SOCK_STREAM);
	if (c->fd < 0)
		return SEND_FAILED;
	if (connection_watch(c, EPOLL_CTL_ADD, true))
		result = server_send(w, to, c->fd, false, NULL);
	if (result != SEND_DONE) {
		socket_close(c->fd);
		return result;
	}
	self.counts.tcp_connects++;
	c->state = CONNECTION_OPENING;
	c->at = to->at;
	c->serial = !(server_takes(&to->at, now_ms) & FEATURE_PIPELINE);
	c->spent = false;
	c->strays = c->replies = 0;
	c->heard_ms = 0;
	c->in_len = 0;
	reader_init(&c->out, c->out_octets, 0);
	timer_arm(&self.opening, &c->timer, now_ms);
	return SEND_DONE;
}

/*
 * Put the exchange on a connection to the server, a new one if need be.  To be
 * in line on a serial one is the last that is tried, as its first may be stuck;
 * but if one was, what becomes of that first tells whether TCP is in vain.
 */
static enum send_result
exchange_join(struct exchange *x, struct candidate *to, uint64_t now_ms)
{
	struct connection *c = connection_find(to), *place = NULL;
	const char *full;
	unsigned limit;
	enum send_result result;

	if (c == NULL || (c->serial && !server_tcp_is_doubted(&to->at)))
		place = connection_place(&to->at, &full, &limit);
	if (place != NULL) {
		c = place;
		result = connection_open(c, x->walk, to, now_ms);
		if (result != SEND_DONE)
			return result;
	} else if (c == NULL) {
		eventlog_table_full(full, limit);
		return SEND_NO_ROOM;
	} else if (!c->serial) {
		if (!connection_watch(c, EPOLL_CTL_MOD, true))
			return SEND_FAILED;
		self.counts.tcp_reused++;
	}
	connection_add(c, x);
	return SEND_DONE;
}

/* Nothing was there to read, or no room to read it into: wait on. */
static bool
error_is_of_the_moment(int err)
{
	return err == EAGAIN || err == EINTR || err == ENOBUFS || err == ENOMEM;
}

/* Did it come over the wire, once the system had sent something? */
static bool
error_came_back(int err)
{
	return error_is_remote(err) || err == EHOSTUNREACH ||
	    err == ENETUNREACH;
}

/* Is it the server's doing?  Else our own system's. */
static bool
error_is_remote(int err)
{
	return err == ECONNREFUSED || err == ECONNRESET || err == EPIPE ||
	    err == ETIMEDOUT;
}

/*
 * The connection failed: did the server, which said over UDP that its reply is
 * longer, refuse it or never say a word on it?  One that is silent over UDP as
 * well is just down.
 */
static void
connection_blame(const struct connection *c, int err, uint64_t now_ms)
{
	const struct exchange *x = c->exchanges;

	while (x != NULL && !exchange_candidate(x)->truncated)
		x = x->next;
	if (x != NULL && c->replies == 0 && !c->spent &&
	    (err == ECONNREFUSED || err == ETIMEDOUT))
		server_chokes_on_tcp(&c->at, err == ECONNREFUSED, now_ms);
}

/* The exchange's time is over: a connection that was silent in it is spent. */
static void
connection_doubt(struct exchange *x, uint64_t now_ms)
{
	struct connection *c = x->connection;

	if (c->spent || c->heard_ms >= x->sent_ms)
		return;
	connection_blame(c, ETIMEDOUT, now_ms);
	c->spent = true;
}

/*
 * The exchange lost its connection, which was not its own doing if it is
 * blameless: then it is asked again, once, on a new one, unless a part of a
 * reply had come (RFC 7766 6.2.4); ADDRESS_SENDS_MAX sees to it.
 */
static void
exchange_lose(struct exchange *x, int err, bool blameless, uint64_t now_ms)
{
	const struct connection *c = x->connection;
	struct candidate *to = exchange_candidate(x);
	struct walk *w = x->walk;

	if (err == 0) {
		to->aside = true;
	} else if (!error_came_back(err)) {
		exchange_fail(x, to, err, now_ms);
	} else if (blameless && x->queued) {
		exchange_refund(x);
	} else if (blameless && c->in_len == 0 &&
	    candidate_takes_tcp(to, now_ms)) {
		to->fresh = true;
	} else if (err == ETIMEDOUT) {
		exchange_expire(x, now_ms);
	} else {
		exchange_give_up(x, err, now_ms);
	}
	exchange_close(x, now_ms);
	walk_resume(w);
}

/*
 * Did the server end it after its first reply, though it had more to answer?
 * So do those that take one query by connection (RFC 1035 4.2.2 let them).
 */
static bool
connection_was_for_one(const struct connection *c, int err)
{
	const struct exchange *x = c->exchanges;

	return c->replies == 1 && c->in_len == 0 && error_is_remote(err) &&
	    x != NULL && !x->queued && x->sent_ms <= c->heard_ms;
}

/*
 * The server takes one query by connection: one that is not open yet gets no
 * more, and the others have had theirs.  What was sent behind it on this one
 * was no try, since no answer could come of it.
 */
static void
connection_learn(struct connection *c, uint64_t now_ms)
{
	struct exchange *x;
	struct connection *other;

	server_chokes_on(&c->at, FEATURE_PIPELINE, now_ms);
	for (x = c->exchanges; x != NULL && !x->queued; x = x->next)
		exchange_candidate(x)->sends[CHANNEL_TCP]--;
	for (other = self.connections; other < self.connections + TCP_OUT_MAX;
	     other++) {
		if (!address_equal(&other->at, &c->at))
			continue;
		if (other->state == CONNECTION_OPENING)
			other->serial = true;
		else if (other->state == CONNECTION_IDLE)
			connection_close(other);
		else
			other->spent = true;
	}
}

/*
 * All who have something out on it lose it, and with the last it closes.
 * Servers close connections as they like, and one that never served may have
 * ended for what its first query asks: those behind it are not to blame.  An
 * error of 0: our own filter stopped it, and told so.
 */
static void
connection_break(struct connection *c, int err, uint64_t now_ms)
{
	uint32_t generation = c->generation;
	bool blameless = c->replies > 0;
	bool was_open = c->state != CONNECTION_OPENING;

	connection_blame(c, err, now_ms);
	if (connection_was_for_one(c, err))
		connection_learn(c, now_ms);
	c->spent = true;
	if (c->exchanges == NULL)
		connection_close(c);
	for (; c->generation == generation; blameless |= was_open)
		exchange_lose(c->exchanges, err, blameless, now_ms);
}

static struct exchange *
connection_queued(const struct connection *c)
{
	struct exchange *x = c->exchanges;

	if (c->serial && x != NULL && !x->queued)
		return NULL;
	while (x != NULL && !x->queued)
		x = x->next;
	return x;
}

/* The next message to send, with its length in front; false: there is none. */
static bool
connection_load(struct connection *c, uint64_t now_ms)
{
	struct exchange *x = connection_queued(c);
	struct writer w;

	if (c->out.at < c->out.len)
		return true;
	if (x == NULL)
		return false;
	writer_init(&w, c->out_octets, sizeof(c->out_octets));
	write_u16(&w, 0);
	exchange_compose(x, &w, now_ms);
	write_u16_at(&w, 0, (uint16_t)(w.len - 2));
	reader_init(&c->out, c->out_octets, w.len);
	c->out_forwarded = x->walk->slist.forwarded;
	x->queued = false;
	x->sent_ms = now_ms;
	if (c->serial)
		exchange_arm(x, now_ms);
	exchange_trace(x, now_ms);
	return true;
}

/*
 * To send failed.  If the server ended the connection meanwhile, what it has
 * said before is read first; if that tells of the end it is told only so.
 */
static void
connection_fail(struct connection *c, int err, uint64_t now_ms)
{
	uint32_t generation = c->generation;

	if (c->state != CONNECTION_OPENING && error_is_remote(err))
		while (connection_read(c, now_ms))
			;
	if (c->generation == generation)
		connection_break(c, err, now_ms);
}

/*
 * Send what waits, each message in one call (RFC 7766 8), until the server
 * takes no more for now.  Any walk that waits here can speak for the others:
 * the address is the same.
 */
static void
connection_write(struct connection *c, uint64_t now_ms)
{
	while (connection_load(c, now_ms)) {
		const struct exchange *x = c->exchanges;
		enum send_result result = server_send(
		    x->walk, exchange_candidate(x), c->fd, true, &c->out);

		if (result == SEND_FAILED &&
		    (errno == EAGAIN || errno == EINTR))
			break;
		if (result != SEND_DONE) {
			connection_fail(
			    c, result == SEND_FAILED ? errno : 0, now_ms);
			return;
		}
		if (c->state == CONNECTION_OPENING) {
			timer_disarm(&c->timer);
			c->state = CONNECTION_BUSY;
		}
		if (c->out.at < c->out.len)
			break;
		sent_count(c->out_forwarded);
		self.counts.tcp_sent++;
	}
	(void)connection_watch(
	    c, EPOLL_CTL_MOD, c->out.at < c->out.len || connection_queued(c));
}

/* The exchange that the message is the reply to, by its ID, or NULL. */
static struct exchange *
connection_asked(const struct connection *c, const uint8_t *octets, size_t len)
{
	struct exchange *x = c->exchanges;
	struct reader r;
	uint16_t id;

	reader_init(&r, octets, len);
	id = read_u16(&r);
	while (x != NULL && (x->queued || x->id != id))
		x = x->next;
	return x;
}

/* A message: a reply that is waited for, or one that comes too late. */
static void
connection_hear(
    struct connection *c, uint8_t *octets, size_t len, uint64_t now_ms)
{
	struct exchange *x = connection_asked(c, octets, len);

	if (x == NULL) {
		self.counts.mismatched++;
		c->strays++;
	} else if (!exchange_matches(x, octets, len)) {
		self.counts.mismatched++;
		exchange_give_up(x, EBADMSG, now_ms);
	} else {
		c->strays = 0;
		c->replies++;
		server_replied_tcp(&c->at, now_ms);
		exchange_heard(x, len, now_ms);
	}
}

/* The message at that place; false: it is not whole yet. */
static bool
connection_message(const struct connection *c, size_t at, size_t *len)
{
	struct reader r;

	reader_init(&r, c->in + at, c->in_len - at);
	*len = read_u16(&r);
	return read_bytes(&r, *len) != NULL;
}

/*
 * Take what has come, in whatever pieces (RFC 7766 8).  Of all that is out
 * here the replies may come too late, but no more than that.  To take a
 * message runs a walk, by which this connection may end.  False: it has, or
 * there was nothing.
 */
static bool
connection_read(struct connection *c, uint64_t now_ms)
{
	uint32_t generation = c->generation;
	size_t at = 0, len;
	ssize_t n =
	    recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		connection_break(c, n == 0 ? ECONNRESET : errno, now_ms);
		return false;
	}
	c->in_len += (size_t)n;
	c->heard_ms = now_ms;
	while (connection_message(c, at, &len)) {
		if (len < HEADER_LEN || c->strays == TCP_OUT_QUERIES_MAX) {
			connection_break(c, EPIPE, now_ms);
			return false;
		}
		connection_hear(c, c->in + at + 2, len, now_ms);
		ready_run(now_ms); /* none that is done waits for the next */
		if (c->generation != generation)
			return false;
		at += 2 + len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return true;
}

/*
 * An event, maybe of an earlier life; what it is about is seen by trying.  What
 * is sent once the server has ended the connection is lost, so that is seen
 * before anything is written.
 */
static void
connection_ready(struct connection *c, uint32_t generation, uint64_t now_ms)
{
	if (generation != c->generation)
		return;
	if (c->state != CONNECTION_OPENING && connection_read(c, now_ms) &&
	    c->writable)
		(void)connection_read(c, now_ms); /* nothing, or its end */
	if (c->generation == generation && c->writable)
		connection_write(c, now_ms);
	connection_check(c);
}

/* ---------------------------------------------------------------------------
 * Events and timers.
 */

void
referral_ready(uint64_t tag, uint64_t now_ms)
{
	if (tag_kind(tag) == TAG_CONNECTION)
		connection_ready(&self.connections[tag_index(tag)],
		    tag_generation(tag), now_ms);
	else
		outlet_readable(&self.outlets[tag_index(tag)], now_ms);
	ready_run(now_ms);
}

/*
 * The time of the question that owns the walk is over.  Walks that wait for it
 * have their own deadlines, and while there are any it goes on for them; its
 * clients, if it had any, are told by dns.c.
 */
static void
walk_expire(struct walk *w, uint64_t now_ms)
{
	struct waiter *waiter = w->waiters;

	timer_disarm(&w->deadline);
	while (waiter != NULL && waiter->parent == NULL)
		waiter = waiter->next;
	if (waiter != NULL) {
		w->sponsor = waiter->parent;
		timer_arm(&self.deadlines, &w->deadline, now_ms);
		return;
	}
	w->state = walk_fail_limit(w, LIMIT_QUERY_MS, &w->slist.zone, now_ms);
	walk_wake(w);
}

/* The first timer of the queue if it is due, or NULL. */
static struct timer *
timer_due(const struct timer_queue *q, uint64_t now_ms)
{
	struct timer *t = timer_first(q);

	return t != NULL && t->due_ms <= now_ms ? t : NULL;
}

void
referral_network(uint64_t now_ms)
{
	network_readable();
	network_follow(now_ms);
	ready_run(now_ms);
}

void
referral_expire(uint64_t now_ms)
{
	struct timer *t;
	unsigned i;

	network_follow(now_ms);
	if (self.offline && self.offline_retry_ms <= now_ms)
		offline_retry(now_ms);
	for (i = 0; i < SPANS; i++)
		while ((t = timer_due(&self.retransmissions[i], now_ms)))
			exchange_due((struct exchange *)t, now_ms);
	while ((t = timer_due(&self.opening, now_ms)))
		connection_break((struct connection *)t, ETIMEDOUT, now_ms);
	while ((t = timer_due(&self.idle, now_ms)))
		connection_close((struct connection *)t);
	while ((t = timer_due(&self.deadlines, now_ms)))
		walk_expire((struct walk *)t, now_ms);
	ready_run(now_ms);
}

/* The earlier of due_ms and what the queue has. */
static uint64_t
earlier_due(uint64_t due_ms, const struct timer_queue *q)
{
	const struct timer *t = timer_first(q);

	return t != NULL && t->due_ms < due_ms ? t->due_ms : due_ms;
}

uint64_t
referral_next_due(void)
{
	uint64_t due_ms = earlier_due(UINT64_MAX, &self.deadlines);
	unsigned i;

	if (self.done != NULL)
		return 0;
	if (network_next_due() < due_ms)
		due_ms = network_next_due();
	if (self.offline && self.offline_retry_ms < due_ms)
		due_ms = self.offline_retry_ms;
	due_ms = earlier_due(due_ms, &self.opening);
	due_ms = earlier_due(due_ms, &self.idle);
	for (i = 0; i < SPANS; i++)
		due_ms = earlier_due(due_ms, &self.retransmissions[i]);
	return due_ms;
}

/* ---------------------------------------------------------------------------
 * Responses: what they mean.
 */

static const struct record *
answer_first(const struct response *r, const struct name *owner, uint16_t type)
{
	struct records_left answers = response_section(r, SECTION_ANSWER);

	return records_next(&answers, owner, type);
}

/* A DNAME in the answer section, strictly above sname and inside zone. */
static const struct record *
answer_dname(
    const struct response *r, const struct name *sname, const struct name *zone)
{
	struct records_left answers = response_section(r, SECTION_ANSWER);
	const struct record *record;

	while ((record = records_next(&answers, NULL, TYPE_DNAME)) != NULL)
		if (record->owner.len < sname->len &&
		    name_within(sname, &record->owner) &&
		    name_within(&record->owner, zone))
			return record;
	return NULL;
}

/* Does it have the shape of an SOA (RFC 1035 3.3.13)? */
static bool
soa_is_sound(const struct response *r, const struct record *soa)
{
	uint8_t octets[2 * NAME_LEN_MAX + 20];
	struct reader message = r->message;
	struct writer rdata;

	message.failed = false;
	writer_init(&rdata, octets, sizeof(octets));
	return read_rdata(&message, soa, &rdata);
}

/*
 * The SOA that vouches for a negative answer: at or above sname, at or below
 * the zone asked (RFC 2308 2, CVE-2019-10191), unless that was asked of a
 * forwarder: what is forwarded need not be a zone.  Foreign: there is one, and
 * it is somebody else's.
 */
static const struct record *
authority_soa(const struct response *r, const struct name *sname,
    const struct name *zone, bool *foreign)
{
	struct records_left authority = response_section(r, SECTION_AUTHORITY);
	const struct record *soa;

	do {
		soa = records_next(&authority, NULL, TYPE_SOA);
	} while (soa != NULL && !soa_is_sound(r, soa));
	*foreign = soa != NULL &&
	    (!name_within(sname, &soa->owner) ||
		(!r->forwarded && !name_within(&soa->owner, zone)));
	return *foreign ? NULL : soa;
}

/* What the authority section says when there is no answer and no error. */
static enum response_class
response_no_answer(const struct response *r, const struct name *sname,
    uint16_t stype, const struct name *zone)
{
	struct records_left authority = response_section(r, SECTION_AUTHORITY);
	const struct record *ns, *soa;
	bool foreign;

	soa = authority_soa(r, sname, zone, &foreign);
	if (foreign)
		return RESPONSE_LAME;
	if (soa != NULL)
		return RESPONSE_NO_DATA;
	if (r->ends[SECTION_ANSWER] > 0)
		return RESPONSE_BIZARRE;
	ns = records_next(&authority, NULL, TYPE_NS);
	if (r->forwarded)
		return header_is(&r->header, FLAG_RA) || ns == NULL
		    ? RESPONSE_NO_DATA
		    : RESPONSE_LAME; /* a referral is not what we asked for */
	if (ns == NULL)
		return header_is(&r->header, FLAG_AA) ? RESPONSE_NO_DATA
						      : RESPONSE_LAME;
	if (ns->owner.len > zone->len && name_within(&ns->owner, zone) &&
	    name_within(sname, &ns->owner) &&
	    (stype != TYPE_DS || ns->owner.len < sname->len))
		return RESPONSE_DELEGATION;
	if (name_equal(&ns->owner, zone) && header_is(&r->header, FLAG_AA))
		return RESPONSE_NO_DATA; /* its own NS in place of the SOA */
	return RESPONSE_LAME;            /* upward, sideways, or to itself */
}

/* The class as far as sections tell it, whoever speaks. */
static enum response_class
response_content(const struct response *r, const struct name *sname,
    uint16_t stype, const struct name *zone)
{
	bool foreign;

	/* Below a DNAME is nothing but what is made of it: RFC 6672 2.4. */
	if (answer_dname(r, sname, zone) != NULL)
		return RESPONSE_ALIAS;
	if (answer_first(r, sname, stype) != NULL)
		return RESPONSE_ANSWER;
	if (answer_first(r, sname, TYPE_CNAME) != NULL)
		return stype == TYPE_RRSIG || stype == TYPE_NSEC
		    ? RESPONSE_NO_DATA /* would stand beside it, RFC 4035 2.5 */
		    : RESPONSE_ALIAS;
	if (header_rcode(&r->header) == RCODE_YXDOMAIN)
		return RESPONSE_FAILURE; /* without the DNAME that is why */
	if (header_rcode(&r->header) == RCODE_NOERROR)
		return response_no_answer(r, sname, stype, zone);
	(void)authority_soa(r, sname, zone, &foreign);
	return foreign ? RESPONSE_LAME : RESPONSE_NAME_ERROR;
}

enum response_class
response_class(const struct response *r, const struct name *sname,
    uint16_t stype, const struct name *zone)
{
	enum response_class class;

	if (r->edns.version != 0)
		return RESPONSE_NO_EDNS; /* we have asked for 0 */
	if (header_is(&r->header, FLAG_TC))
		return RESPONSE_TRUNCATED;
	switch (r->edns.rcode_high << 4 | header_rcode(&r->header)) {
	case RCODE_FORMERR:
	case RCODE_NOTIMP:
		return r->edns.present ? RESPONSE_FAILURE : RESPONSE_NO_EDNS;
	case RCODE_BADVERS:
		return RESPONSE_NO_EDNS;
	case RCODE_BADCOOKIE:
		return RESPONSE_BAD_COOKIE;
	case RCODE_SERVFAIL:
		if (r->forwarded)
			return RESPONSE_FAILURE; /* others', for this name */
		return RESPONSE_LAME;
	case RCODE_REFUSED:
		return RESPONSE_LAME;
	case RCODE_NOERROR:
	case RCODE_NXDOMAIN:
	case RCODE_YXDOMAIN:
		break;
	default:
		return RESPONSE_FAILURE;
	}
	class = response_content(r, sname, stype, zone);
	switch (class) {
	case RESPONSE_ANSWER:
	case RESPONSE_ALIAS:
	case RESPONSE_NO_DATA:
	case RESPONSE_NAME_ERROR:
		return header_is(&r->header, FLAG_AA) || r->forwarded
		    ? class
		    : RESPONSE_LAME;
	default:
		return class;
	}
}

/* ---------------------------------------------------------------------------
 * Storing.  Out of a response goes what answers the question, its alias chain
 * inside the zone, the proofs of a negative answer, or one delegation with its
 * glue and DS; and nothing else, whatever it brings along (attacks.md P01).
 */

/* An entry in the making: its body lies in draft_body. */
struct assembly {
	struct writer body;
	enum section section; /* where the set stands */
	uint32_t ttl_s;       /* the least so far (RFC 2181 5.2) */
};

static void
assembly_init(struct assembly *a, enum section section)
{
	a->section = section;
	writer_init(&a->body, draft_body, ENTRY_MAX);
	a->ttl_s = UINT32_MAX;
}

/* Is the rdata written last, from mark on, there already? (RFC 2181 5) */
static bool
assembly_repeats(const struct assembly *a, size_t start, size_t mark)
{
	size_t len = a->body.len - mark;
	struct reader r;

	reader_init(&r, a->body.base, mark);
	(void)read_bytes(&r, start);
	while (r.at < mark && !r.failed) {
		size_t n = read_u16(&r);
		const uint8_t *octets = read_bytes(&r, n);

		if (octets != NULL && n + 2 == len &&
		    memcmp(octets, a->body.base + mark + 2, n) == 0)
			return true;
	}
	return false;
}

/* Add u16 length and rdata; false if it is malformed or there is no room. */
static bool
assembly_add_rdata(struct assembly *a, const struct record *record)
{
	size_t mark = a->body.len;

	write_u16(&a->body, 0);
	if (!read_rdata(&response.message, record, &a->body) ||
	    a->body.failed) {
		write_back_to(&a->body, mark);
		return false;
	}
	write_u16_at(&a->body, mark, (uint16_t)(a->body.len - mark - 2));
	if (record->ttl_s < a->ttl_s)
		a->ttl_s = record->ttl_s;
	return true;
}

/* The type that an RRSIG covers (RFC 4034 3.1.1); 0 for other records. */
static uint16_t
record_covers(const struct record *record)
{
	struct reader rdata = record_rdata(&response, record);

	if (record->type != TYPE_RRSIG || record->rdata_len < 2)
		return 0;
	return read_u16(&rdata);
}

/*
 * All records of owner and type, or its RRSIGs over covers; how many.  A set
 * is kept whole (RFC 2181 5), so of too many records none are; of signatures
 * the first will do, as each stands for itself.
 */
static uint8_t
assembly_add_set(struct assembly *a, const struct name *owner, uint16_t type,
    uint16_t covers)
{
	unsigned max = covers ? RRSET_SIGNATURES_MAX : RRSET_RECORDS_MAX, n = 0;
	struct records_left left = response_section(&response, a->section);
	const struct record *record;
	size_t start = a->body.len;

	while ((record = records_next(&left, owner, type)) != NULL) {
		size_t mark = a->body.len;
		bool repeats;

		if (covers != 0 && record_covers(record) != covers)
			continue;
		if (!assembly_add_rdata(a, record))
			continue;
		repeats = assembly_repeats(a, start, mark);
		if (repeats || n == max)
			write_back_to(&a->body, mark);
		if (!repeats && n++ == max)
			return covers ? (uint8_t)max : 0;
	}
	return (uint8_t)n;
}

/* SOA and NSECs of the authority section and their RRSIGs; how many. */
static uint8_t
assembly_add_proofs(struct assembly *a, const struct name *zone, bool soa)
{
	struct records_left authority =
	    response_section(&response, SECTION_AUTHORITY);
	const struct record *record;
	unsigned n = 0;

	while (n < RRSET_RECORDS_MAX &&
	    (record = records_next(&authority, NULL, TYPE_ANY)) != NULL) {
		uint16_t covers = record_covers(record);
		uint16_t type = covers != 0 ? covers : record->type;
		size_t mark = a->body.len;

		if ((!response.forwarded &&
			!name_within(&record->owner, zone)) ||
		    (type != TYPE_NSEC && type != TYPE_NSEC3 &&
			!(soa && type == TYPE_SOA)))
			continue;
		write_bytes(&a->body, record->owner.wire, record->owner.len);
		write_u16(&a->body, record->type);
		if (assembly_add_rdata(a, record))
			n++;
		else
			write_back_to(&a->body, mark);
	}
	return (uint8_t)n;
}

/* Above the cap, a little less than it: what came together parts again. */
static uint32_t
ttl_capped(uint32_t ttl_s, uint32_t max_s)
{
	return ttl_s <= max_s ? ttl_s : max_s - random_below(max_s / 20);
}

/* Store what was assembled, on the account of the walk that pays; was it? */
static bool
draft_store(struct walk *w, struct draft *draft, const struct assembly *a,
    uint64_t now_ms)
{
	struct walk *account = walk_payer(w);
	size_t cost = a->body.len + draft->owner->len;

	if (draft->trust == TRUST_LAST_RESORT)
		draft->ttl_s = 0;
	if (name_within(&w->sname, draft->owner))
		draft->trail = &w->trail;
	draft->body = a->body.base;
	draft->body_len = a->body.len;
	account->stored_left -=
	    account->stored_left < cost ? account->stored_left : cost;
	return !a->body.failed && cache_store(draft, now_ms);
}

/*
 * Is the set made of a wildcard?  Then fewer labels were signed than its owner
 * has, and a proof came along that no nearer name exists (RFC 4035 5.3.4).
 */
static bool
set_is_expanded(const struct name *owner, uint16_t type)
{
	struct records_left answers =
	    response_section(&response, SECTION_ANSWER);
	const struct record *record;

	while ((record = records_next(&answers, owner, TYPE_RRSIG)) != NULL) {
		struct reader rdata = record_rdata(&response, record);

		if (read_u16(&rdata) != type)
			continue;
		(void)read_u8(&rdata); /* the algorithm */
		if (read_u8(&rdata) < name_labels(owner) && !rdata.failed)
			return true;
	}
	return false;
}

/* The RRset of owner and type; false if there is none that is kept. */
static bool
store_set(struct walk *w, const struct name *owner, uint16_t type,
    enum trust trust, uint64_t now_ms)
{
	struct draft draft = {
	    .owner = owner, .type = type, .trust = trust, .kind = KIND_RRSET};
	struct assembly a;

	assembly_init(
	    &a, trust == TRUST_REFERRAL ? SECTION_AUTHORITY : SECTION_ANSWER);
	draft.records = assembly_add_set(&a, owner, type, 0);
	if (draft.records == 0)
		return false;
	draft.signatures = assembly_add_set(&a, owner, TYPE_RRSIG, type);
	if (set_is_expanded(owner, type))
		draft.proofs = assembly_add_proofs(&a, &w->slist.zone, false);
	draft.ttl_s = ttl_capped(a.ttl_s, TTL_MAX_S);
	return draft_store(w, &draft, &a, now_ms);
}

/* The minimum field is the last of an SOA's rdata (RFC 1035 3.3.13). */
static uint32_t
soa_minimum(const struct record *soa)
{
	struct reader rdata = record_rdata(&response, soa);

	assert(soa->rdata_len >= 20); /* authority_soa found it sound */
	(void)read_bytes(&rdata, soa->rdata_len - 4u);
	return read_u32(&rdata);
}

/*
 * RFC 2308 5.  Without an SOA it is held as briefly as a failure.  The zone
 * above may deny one that is forwarded: then it just has no DS.  That there
 * is nothing below either is believed of what was asked in full: servers deny
 * names that only have names below, and a probe might meet one (RFC 8020 5).
 */
static void
store_negative(struct walk *w, const struct name *sname, uint16_t stype,
    enum trust trust, uint64_t now_ms)
{
	struct draft draft = {.owner = sname,
	    .type = stype,
	    .trust = trust,
	    .kind = KIND_NO_DATA};
	struct assembly a;
	const struct record *soa;
	bool foreign;

	if (header_rcode(&response.header) == RCODE_NXDOMAIN &&
	    answer_first(&response, sname, TYPE_CNAME) == NULL &&
	    (stype != TYPE_DS || server_forward(sname) == NULL)) {
		draft.kind = KIND_NAME_ERROR;
		draft.type = 0;
	}
	assembly_init(&a, SECTION_AUTHORITY);
	soa = authority_soa(&response, sname, &w->slist.zone, &foreign);
	draft.ttl_s = TTL_NO_SOA_S;
	if (soa != NULL) {
		draft.proofs = assembly_add_proofs(&a, &w->slist.zone, true);
		draft.ttl_s = soa->ttl_s < soa_minimum(soa) ? soa->ttl_s
							    : soa_minimum(soa);
		draft.ttl_s = ttl_capped(draft.ttl_s, TTL_NEGATIVE_MAX_S);
		draft.nothing_below =
		    draft.kind == KIND_NAME_ERROR && !walk_is_probing(w);
	}
	(void)draft_store(w, &draft, &a, now_ms);
}

/* Does the server we asked speak for this name, as far as we know? */
static bool
walk_zone_holds(struct walk *w, const struct name *name, uint64_t now_ms)
{
	struct view view;
	uint64_t until_ms;

	return name_within(name, &w->slist.zone) &&
	    (!cache_find_delegation(name, w->mark, now_ms, &view, &until_ms) ||
		view.owner_len <= w->slist.zone.len);
}

/* What leads on from name: its DNAME, else its CNAME, else NULL. */
static const struct record *
answer_alias(const struct walk *w, const struct name *name)
{
	const struct record *dname =
	    answer_dname(&response, name, &w->slist.zone);

	/* A CNAME that came with its DNAME is ours to make: RFC 6672 3.1. */
	return dname != NULL ? dname
			     : answer_first(&response, name, TYPE_CNAME);
}

/* Move name to where a sound alias leads; false if that is no name. */
static bool
alias_follow(const struct record *alias, struct name *name)
{
	struct reader rdata = record_rdata(&response, alias);
	struct name target;

	if (!read_name(&rdata, &target) ||
	    rdata.at != alias->rdata_at + alias->rdata_len)
		return false;
	if (alias->type == TYPE_DNAME)
		return name_substitute(name, &alias->owner, &target, name);
	*name = target;
	return true;
}

/* RFC 6895 3.1: types that only questions and pseudo-records have. */
static bool
type_is_data(uint16_t type)
{
	return type != 0 && type != TYPE_OPT && (type < 128 || type > 255);
}

/* The type of the set that answers: for ANY, one that is data, or none (0). */
static uint16_t
answer_type(const struct name *name, uint16_t qtype)
{
	struct records_left answers =
	    response_section(&response, SECTION_ANSWER);
	const struct record *record;

	while (qtype == TYPE_ANY &&
	    (record = records_next(&answers, name, TYPE_ANY)) != NULL)
		if (record->type != TYPE_RRSIG && type_is_data(record->type))
			return record->type;
	return qtype == TYPE_ANY ? 0 : qtype;
}

/*
 * The data asked for and the aliases that lead to it, while the zone that was
 * asked holds them: of a name elsewhere its servers know better (RFC 2181
 * 5.4.1), and nothing said of it here counts.  False if nothing was sound.
 */
static bool
store_answer(struct walk *w, const struct question *asked, enum trust trust,
    uint64_t now_ms)
{
	struct name name;
	unsigned aliases;
	bool foreign;

	name_copy(&name, &asked->name);
	/* The zone above says of one that is forwarded but what DS it has. */
	if (asked->type == TYPE_DS && server_forward(&name) != NULL &&
	    answer_first(&response, &name, TYPE_DS) == NULL) {
		store_negative(w, &name, TYPE_DS, trust, now_ms);
		return true;
	}
	for (aliases = 0; aliases <= ALIASES_MAX; aliases++) {
		uint16_t type = answer_type(&name, asked->type);
		const struct record *alias = answer_alias(w, &name);
		bool below = alias != NULL && alias->type == TYPE_DNAME;

		if (aliases > 0 && !walk_zone_holds(w, &name, now_ms))
			return true;
		if (!below && type != 0 &&
		    answer_first(&response, &name, type) != NULL)
			return store_set(w, &name, type, trust, now_ms) ||
			    aliases > 0;
		if (alias == NULL)
			break;
		if (!store_set(w, &alias->owner, alias->type, trust, now_ms))
			return aliases > 0;
		if (alias_is_answer(asked->type) || !alias_follow(alias, &name))
			return true; /* the alias itself is the answer */
	}
	if (aliases > 0 && aliases <= ALIASES_MAX &&
	    authority_soa(&response, &name, &w->slist.zone, &foreign) != NULL)
		store_negative(w, &name, asked->type, trust, now_ms);
	return aliases > 0;
}

/* Addresses of one name and family that came along. */
struct glue {
	const struct record *usable[NS_FAMILY_ADDRESSES_MAX];
	const struct record *refused[NS_FAMILY_ADDRESSES_MAX];
	unsigned usable_count, refused_count;
};

/* 4 or 6, if the record is an address. */
static uint8_t
record_family(const struct record *record)
{
	if (record->type == TYPE_A && record->rdata_len == 4)
		return 4;
	return record->type == TYPE_AAAA && record->rdata_len == 16 ? 6 : 0;
}

static void
glue_add(struct glue *g, const struct record *record, uint8_t family)
{
	struct reader rdata = record_rdata(&response, record);
	struct address at;

	read_address(&rdata, family, &at);
	if (address_fault(&at, false) == NULL) {
		if (g->usable_count < NS_FAMILY_ADDRESSES_MAX)
			g->usable[g->usable_count++] = record;
	} else if (g->refused_count < NS_FAMILY_ADDRESSES_MAX) {
		g->refused[g->refused_count++] = record;
	}
}

/* All that the additional section has of this name. */
static void
glue_find(const struct name *ns, struct glue *v4, struct glue *v6)
{
	struct records_left additional =
	    response_section(&response, SECTION_ADDITIONAL);
	const struct record *record;

	v4->usable_count = v4->refused_count = 0;
	v6->usable_count = v6->refused_count = 0;
	while ((record = records_next(&additional, ns, TYPE_ANY)) != NULL) {
		uint8_t family = record_family(record);

		if (family != 0)
			glue_add(family == 4 ? v4 : v6, record, family);
	}
}

/* Its octets, as many as record_family saw to. */
static void
assembly_add_address(struct assembly *a, const struct record *record)
{
	struct reader rdata = record_rdata(&response, record);

	write_bytes(
	    &a->body, read_bytes(&rdata, record->rdata_len), record->rdata_len);
}

/*
 * Up to four addresses of one family, while there is room for those that may
 * be asked: the delegation lives no longer than they do.  Those that will be
 * refused come after them and take no room: they are kept so that each walk can
 * tell why it failed.
 */
static uint8_t
assembly_add_glue(struct assembly *a, const struct glue *g, unsigned *room)
{
	unsigned usable = g->usable_count, n, i;

	if (usable > *room)
		usable = *room;
	*room -= usable;
	for (n = 0; n < usable; n++) {
		assembly_add_address(a, g->usable[n]);
		if (a->ttl_s > g->usable[n]->ttl_s)
			a->ttl_s = g->usable[n]->ttl_s;
	}
	for (i = 0; i < g->refused_count && n < NS_FAMILY_ADDRESSES_MAX; i++) {
		assembly_add_address(a, g->refused[i]);
		n++;
	}
	return (uint8_t)n;
}

/*
 * name, how many of each family, the addresses.  Glue for a name outside the
 * zone that refers is hearsay (RFC 9471 2, RFC 5452 6).
 */
static bool
assembly_add_ns(struct assembly *a, const struct record *record,
    const struct name *zone, unsigned *room)
{
	struct reader rdata = record_rdata(&response, record);
	struct glue glue4, glue6;
	struct name ns;
	size_t counts;
	uint8_t v4 = 0, v6 = 0;

	if (!read_name(&rdata, &ns) ||
	    rdata.at != record->rdata_at + record->rdata_len)
		return false;
	write_bytes(&a->body, ns.wire, ns.len);
	counts = a->body.len;
	write_u16(&a->body, 0);
	if (name_within(&ns, zone)) {
		glue_find(&ns, &glue4, &glue6);
		v4 = assembly_add_glue(a, &glue4, room);
		v6 = assembly_add_glue(a, &glue6, room);
	}
	write_u16_at(&a->body, counts, (uint16_t)(v4 << 8 | v6));
	return !a->body.failed;
}

/* A fair sample of the NS set: attackers may list hundreds (NXNSAttack). */
static unsigned
sample_ns(const struct name *cut, const struct record *sample[SLIST_NS_MAX],
    uint32_t *ttl_s)
{
	struct records_left authority =
	    response_section(&response, SECTION_AUTHORITY);
	const struct record *record;
	unsigned seen = 0;

	while ((record = records_next(&authority, cut, TYPE_NS)) != NULL) {
		unsigned place = seen++;

		if (place >= SLIST_NS_MAX)
			place = random_below(seen);
		if (place < SLIST_NS_MAX)
			sample[place] = record;
		if (record->ttl_s < *ttl_s)
			*ttl_s = record->ttl_s;
	}
	return seen < SLIST_NS_MAX ? seen : SLIST_NS_MAX;
}

/* 4b.  A delegation lives no longer than the one it was found through. */
static bool
store_delegation(struct walk *w, uint64_t now_ms)
{
	const struct record *sample[SLIST_NS_MAX];
	struct records_left authority =
	    response_section(&response, SECTION_AUTHORITY);
	unsigned room = SLIST_ADDRESSES_MAX, n, i;
	uint64_t left_s = w->slist.until_ms > now_ms
	    ? (w->slist.until_ms - now_ms) / 1000
	    : 0;
	struct assembly a;
	struct draft draft = {
	    .type = TYPE_NS, .kind = KIND_DELEGATION, .trust = TRUST_REFERRAL};

	assembly_init(&a, SECTION_AUTHORITY);
	draft.owner = &records_next(&authority, NULL, TYPE_NS)->owner;
	n = sample_ns(draft.owner, sample, &a.ttl_s);
	for (i = 0; i < n; i++)
		draft.records = (uint8_t)(draft.records +
		    assembly_add_ns(&a, sample[i], &w->slist.zone, &room));
	if (draft.records == 0)
		return false;
	draft.ttl_s = a.ttl_s < left_s ? a.ttl_s : (uint32_t)left_s;
	if (draft.ttl_s > TTL_DELEGATION_MAX_S)
		draft.ttl_s = TTL_DELEGATION_MAX_S;
	(void)draft_store(w, &draft, &a, now_ms);
	/* Who validates asks for it next: RFC 4035 3.1.4.1. */
	(void)store_set(w, draft.owner, TYPE_DS, TRUST_REFERRAL, now_ms);
	return true;
}

/* ---------------------------------------------------------------------------
 * Step 4: analyze the response.
 */

/* It cannot serve this walk; the next one is asked (4d). */
static enum walk_state
walk_put_aside(struct walk *w, struct candidate *from)
{
	from->aside = true;
	w->slist.failed++;
	return WALK_SEND;
}

static bool
response_is_error(void)
{
	uint8_t rcode = header_rcode(&response.header);

	return rcode == RCODE_REFUSED || rcode == RCODE_SERVFAIL;
}

/* An error, which may be for the sake of what the query had. */
static void
candidate_spurns(struct candidate *from, const struct exchange *x)
{
	from->spurned = exchange_channel(x) == CHANNEL_UDP &&
	    x->with & (FEATURE_EDNS | FEATURE_CASE | FEATURE_COOKIE);
}

/*
 * Not the server for the zone (RFC 4697 2.2); but keep the first data it gives
 * without AA.
 */
static enum walk_state
walk_lame(struct walk *w, struct candidate *from, const struct question *asked,
    uint64_t now_ms)
{
	uint8_t rcode = header_rcode(&response.header);
	bool error = response_is_error();
	struct incident i;

	if (error)
		candidate_spurns(from, &w->exchange[w->heard]);
	w->slist.intercepted |= header_is(&response.header, FLAG_RA);
	candidate_mark_lame(w, from, now_ms);
	self.counts.lame++;
	candidate_incident(w, from, &i);
	eventlog_lame_server(&i,
	    error                    ? rcode_text(rcode)
		: w->slist.forwarded ? "does not recurse"
				     : "not authoritative");
	if (error || w->last_resort || w->priming)
		return WALK_SEND;
	switch (response_content(
	    &response, &asked->name, asked->type, &w->slist.zone)) {
	case RESPONSE_ANSWER:
	case RESPONSE_ALIAS:
		w->last_resort =
		    store_answer(w, asked, TRUST_LAST_RESORT, now_ms);
		break;
	case RESPONSE_NO_DATA:
	case RESPONSE_NAME_ERROR:
		store_negative(
		    w, &asked->name, asked->type, TRUST_LAST_RESORT, now_ms);
		w->last_resort = true;
		break;
	default:
		break;
	}
	return WALK_SEND;
}

/*
 * Its address leads back to us, by NAT or a forwarded port.  That our question
 * was seen here is not enough, since who guesses an ID could say so of any
 * server; its own reply must be the refusal that we sent.
 */
static bool
reply_is_our_own(const struct exchange *x)
{
	return x->came_back && header_rcode(&response.header) == RCODE_REFUSED;
}

/* As lame as a server can be, and to be told by another event. */
static enum walk_state
walk_met_itself(struct walk *w, struct candidate *from, uint64_t now_ms)
{
	struct incident i;

	candidate_mark_lame(w, from, now_ms);
	self.counts.self_sends++;
	candidate_incident(w, from, &i);
	eventlog_self_send(&i);
	return WALK_SEND;
}

/*
 * RFC 7766 5: what does not fit a datagram is asked of it over TCP, or if it
 * has none without EDNS, after all others (DESIGN decision 10).
 */
static enum walk_state
walk_truncated(struct walk *w, struct candidate *from, uint64_t now_ms)
{
	if (w->heard == CHANNEL_TCP || from->plain)
		return walk_put_aside(w, from);
	if (candidate_takes_tcp(from, now_ms))
		from->truncated = true;
	else
		candidate_shorten(from);
	return WALK_SEND;
}

/* It chokes on this, if the query had it: then it is asked without, at once. */
static enum walk_state
walk_without(struct walk *w, struct candidate *from, enum feature feature,
    uint64_t now_ms)
{
	if (!(w->exchange[w->heard].with & feature) ||
	    !candidate_usable(w, from, true, now_ms))
		return walk_put_aside(w, from);
	from->without |= (uint8_t)feature;
	from->again = true;
	return WALK_SEND;
}

/*
 * An error, and it may be for the query's sake: a server that knows EDNS must
 * not mind a cookie, but may (RFC 7873 5.2).
 */
static enum walk_state
walk_failure(struct walk *w, struct candidate *from, uint64_t now_ms)
{
	if (header_rcode(&response.header) == RCODE_FORMERR ||
	    header_rcode(&response.header) == RCODE_NOTIMP)
		return walk_without(w, from, FEATURE_COOKIE, now_ms);
	candidate_spurns(from, &w->exchange[w->heard]);
	return walk_put_aside(w, from);
}

/*
 * RFC 7873 5.3: again with the new cookie, which was in this reply; then over
 * TCP, as candidate_channel has it after two datagrams.
 */
static enum walk_state
walk_bad_cookie(struct walk *w, struct candidate *from, uint64_t now_ms)
{
	if (!(w->exchange[w->heard].with & FEATURE_COOKIE))
		return walk_truncated(w, from, now_ms);
	if (!candidate_usable(w, from, true, now_ms))
		return walk_put_aside(w, from);
	from->again = true;
	return WALK_SEND;
}

/*
 * What the server takes, now that it has said something to the point.  If it
 * choked on a feature, and does not without, that is remembered; if it has
 * shown it after all, then another has spoken for it before.
 */
static void
candidate_learn(
    struct candidate *from, const struct exchange *x, uint64_t now_ms)
{
	unsigned choked;

	candidate_acquit(from, x);
	choked = from->without;
	if (from->silent && exchange_channel(x) == CHANNEL_UDP &&
	    (x->with & (FEATURE_EDNS | FEATURE_COOKIE)) == FEATURE_EDNS)
		choked |= FEATURE_COOKIE;
	if (!response_is_error())
		server_chokes_on(&from->at, choked, now_ms);
	server_showed(&from->at, x->with, &response.edns, now_ms);
}

/* Of these, a probe says no more than that it has done its work. */
static bool probe_is_answered(enum response_class class)
{
	return class != RESPONSE_DELEGATION && class != RESPONSE_TRUNCATED &&
	    class != RESPONSE_NO_EDNS && class != RESPONSE_BAD_COOKIE;
}

/*
 * There is no zone cut at the name shown: show more (RFC 9156 3, 6).  What it
 * has is kept, so that no other walk asks for that.  A name error is kept for
 * the name shown and says nothing of the whole name, since servers give one
 * for names that only have names below; whatever else it is may be for the
 * probe's sake as well.
 */
static enum walk_state
walk_go_on(struct walk *w, const struct question *asked,
    enum response_class class, uint64_t now_ms)
{
	switch (class) {
	case RESPONSE_ANSWER:
	case RESPONSE_ALIAS:
		(void)store_answer(w, asked, TRUST_ANSWER, now_ms);
		break;
	case RESPONSE_NO_DATA:
	case RESPONSE_NAME_ERROR:
		store_negative(
		    w, &asked->name, asked->type, TRUST_ANSWER, now_ms);
		break;
	default:
		w->in_full = true;
		break;
	}
	w->in_full |= class == RESPONSE_NAME_ERROR;
	walk_show_more(w, w->shown, now_ms);
	return WALK_LOOK; /* a DNAME leads elsewhere */
}

static enum walk_state
walk_analyze(struct walk *w, uint64_t now_ms)
{
	struct exchange *x = &w->exchange[w->heard];
	struct candidate *from = exchange_candidate(x);
	const struct question *asked = &w->asks;
	enum response_class class;

	response.forwarded = w->slist.forwarded;
	class = response_class(
	    &response, &asked->name, asked->type, &w->slist.zone);
	exchange_trace_reply(x, class, now_ms);
	self.counts.replied[class]++;
	if (class != RESPONSE_NO_EDNS && class != RESPONSE_FAILURE)
		candidate_learn(from, x, now_ms);
	if (reply_is_our_own(x))
		return walk_met_itself(w, from, now_ms);
	if (walk_is_probing(w) && probe_is_answered(class))
		return walk_go_on(w, asked, class, now_ms);
	switch (class) {
	case RESPONSE_ANSWER:
	case RESPONSE_ALIAS:
		if (w->priming)
			return walk_prime(w, from, now_ms);
		if (!store_answer(w, asked, TRUST_ANSWER, now_ms))
			return walk_put_aside(w, from);
		return class == RESPONSE_ANSWER ? WALK_DONE : WALK_LOOK;
	case RESPONSE_NO_DATA:
	case RESPONSE_NAME_ERROR:
		if (w->priming)
			return walk_put_aside(w, from);
		store_negative(
		    w, &asked->name, asked->type, TRUST_ANSWER, now_ms);
		return WALK_LOOK;
	case RESPONSE_DELEGATION:
		if (!store_delegation(w, now_ms))
			return walk_put_aside(w, from);
		w->told_by = from->at;
		return WALK_FIND;
	case RESPONSE_NO_EDNS:
		return walk_without(w, from, FEATURE_EDNS, now_ms);
	case RESPONSE_BAD_COOKIE:
		return walk_bad_cookie(w, from, now_ms);
	case RESPONSE_LAME:
		return walk_lame(w, from, asked, now_ms);
	case RESPONSE_TRUNCATED:
		return walk_truncated(w, from, now_ms);
	case RESPONSE_FAILURE:
		return walk_failure(w, from, now_ms);
	case RESPONSE_BIZARRE:
		break;
	}
	return walk_put_aside(w, from);
}

/* ---------------------------------------------------------------------------
 * Offline: our own system sends nothing to any root server.  What needs them
 * fails at once, nobody is blamed, and it is tried again after a second, two,
 * four, up to a minute, or as soon as something changes in our network.
 */

/* Was nothing sent to any root, and only for the lack of a way? */
static bool
slist_is_out_of_reach(const struct slist *l)
{
	return slist_is_root(l) && l->sends == 0 && l->unsent == l->barred &&
	    l->barred + l->unrouted > 0;
}

static void
offline_begin(const char *cause, uint64_t now_ms)
{
	if (self.offline || server_forward(&root) != NULL)
		return;
	self.offline = true;
	self.offline_since_ms = now_ms;
	self.offline_retry_ms = now_ms + OFFLINE_RETRY_MIN_S * 1000u;
	self.offline_wait_ms = 2 * OFFLINE_RETRY_MIN_S * 1000u;
	eventlog_offline(cause);
}

/* One query that the system takes is proof. */
static void
offline_end(uint64_t now_ms)
{
	self.offline = false;
	server_forgive();
	cache_forget_failures();
	eventlog_online((now_ms - self.offline_since_ms) / 1000);
}

static void
offline_retry(uint64_t now_ms)
{
	self.offline_retry_ms = now_ms + self.offline_wait_ms;
	self.offline_wait_ms *= 2;
	if (self.offline_wait_ms > OFFLINE_RETRY_MAX_S * 1000u)
		self.offline_wait_ms = OFFLINE_RETRY_MAX_S * 1000u;
	self.prime_next_ms = 0;
	prime(now_ms);
}

/* What was in vain over a network that was worse is worth a try. */
static void
network_heed(enum network_news news, uint64_t now_ms)
{
	if (!family_is_up(4) && !family_is_up(6))
		offline_begin("family", now_ms);
	if (news == NETWORK_BETTER) {
		server_forgive();
		cache_forget_failures();
	}
}

static void
network_follow(uint64_t now_ms)
{
	enum network_news news = network_refresh(now_ms);

	if (news == NETWORK_SAME)
		return;
	network_heed(news, now_ms);
	if (self.offline) {
		self.offline_wait_ms = OFFLINE_RETRY_MIN_S * 1000u;
		offline_retry(now_ms);
	}
}

/* ---------------------------------------------------------------------------
 * The roots (RFC 9609).
 */

/* Why none of them has told the others. */
static const char *
roots_cause(const struct slist *l)
{
	if (l->intercepted)
		return "intercepted";
	return l->timeouts > 0 && l->lame + l->failed == 0 ? "silent"
							   : "failing";
}

/* Is any of these among the hints before them, or what those led to? */
static bool
roots_share(const struct root_servers *roots)
{
	unsigned i;

	for (i = 0; i < roots->address_count; i++)
		if (roots_hold(&self.hints, &roots->addresses[i].at) ||
		    roots_hold(&self.primed, &roots->addresses[i].at))
			return true;
	return false;
}

/* Nothing that the walk has learned counts any more, but what it has spent. */
static void
walk_restart(struct walk *w, uint64_t now_ms)
{
	walk_close(w, now_ms);
	walk_drop_children(w);
	walk_leave_probe(w);
	walk_turn_to(w, &w->qname);
	w->mark = cache_mark();
	w->aliases = 0;
	w->state = w->priming ? WALK_FIND : WALK_LOOK; /* as it began */
	walk_wake(w);
}

/* Each walk that is not done has its deadline armed. */
static void
walks_restart(uint64_t now_ms)
{
	struct timer *t;

	for (t = self.deadlines.head.next; t != &self.deadlines.head;
	     t = t->next)
		if (((struct walk *)t)->state != WALK_DONE)
			walk_restart((struct walk *)t, now_ms);
}

void
referral_restart(uint64_t now_ms)
{
	assert(self.done == NULL);
	walks_restart(now_ms);
	ready_run(now_ms);
}

bool
referral_hints(const struct root_servers *roots, uint64_t now_ms)
{
	bool first = self.hints.address_count == 0;
	bool other = !first && !roots_share(roots);

	assert(self.done == NULL);
	self.hints = *roots;
	self.primed_until_ms = self.prime_next_ms = 0;
	network_heed(network_judge(&self.hints), now_ms);
	if (self.priming != NULL) { /* it asks those of before */
		self.priming->state = WALK_DONE;
		walk_wake(self.priming);
		self.priming = NULL;
	}
	if (other) {
		self.primed.address_count = 0;
		cache_flush();
		walks_restart(now_ms);
	}
	if (!first)
		prime(now_ms);
	ready_run(now_ms);
	return other;
}

/* Learn today's roots from one of the hints, if that is not under way. */
static void
prime(uint64_t now_ms)
{
	struct trail t;
	struct walk *w;

	if (self.priming != NULL || now_ms < self.prime_next_ms ||
	    server_forward(&root) != NULL)
		return;
	self.prime_next_ms = now_ms + PRIME_RETRY_S * 1000u;
	trail_begin(&t, &root);
	w = walk_begin(&t, TYPE_NS, now_ms);
	if (w == NULL)
		return;
	self.counts.primes++;
	w->priming = w->favoured = true;
	w->state = WALK_FIND; /* not from the cache: it wants the addresses */
	self.priming = w;
}

/* Addresses of primed.names[ns] from the additional section. */
static void
primed_add_addresses(const struct walk *w, unsigned ns, uint16_t type)
{
	struct root_servers *p = &self.primed;
	struct records_left additional =
	    response_section(&response, SECTION_ADDITIONAL);
	const struct record *record;

	while (p->address_count < ROOT_ADDRESSES_MAX &&
	    (record = records_next(&additional, &p->names[ns], type)) != NULL) {
		struct reader rdata = record_rdata(&response, record);
		const char *class;
		struct address a;

		read_address(&rdata, type == TYPE_A ? 4 : 6, &a);
		if (record->rdata_len != (type == TYPE_A ? 4 : 16) ||
		    roots_hold(p, &a))
			continue;
		class = address_fault(&a, roots_hold(&self.hints, &a));
		if (class != NULL) {
			walk_refused(w, &p->names[ns], &a, class);
			continue;
		}
		p->addresses[p->address_count].at = a;
		p->addresses[p->address_count++].ns = (uint8_t)ns;
	}
}

/* The response left its addresses out (RFC 9609 4.2): take the hints'. */
static void
primed_add_hints(unsigned ns)
{
	struct root_servers *p = &self.primed;
	const struct root_servers *h = &self.hints;
	unsigned i;

	for (i = 0; i < h->address_count; i++) {
		if (!name_equal(&h->names[h->addresses[i].ns], &p->names[ns]) ||
		    p->address_count == ROOT_ADDRESSES_MAX)
			continue;
		p->addresses[p->address_count].at = h->addresses[i].at;
		p->addresses[p->address_count++].ns = (uint8_t)ns;
	}
}

/* Nobody else tells an operator that his hints grow old. */
static void
primed_compare(void)
{
	struct address added[ROOT_ADDRESSES_MAX], removed[ROOT_ADDRESSES_MAX];
	struct hints_difference d = {
	    .file = hints_file(), .added = added, .removed = removed};

	d.added_count = roots_add(&self.hints, &self.primed, added);
	d.removed_count = roots_add(&self.primed, &self.hints, removed);
	if (d.added_count + d.removed_count > 0)
		eventlog_hints_differ(&d);
}

/*
 * Names and addresses of the roots, apart from the cache.  A set without a
 * usable address never takes the place of the hints.
 */
static enum walk_state
walk_prime(struct walk *w, struct candidate *from, uint64_t now_ms)
{
	struct root_servers *p = &self.primed;
	struct records_left answers =
	    response_section(&response, SECTION_ANSWER);
	const struct record *record;
	unsigned i;
	uint32_t ttl_s = TTL_MAX_S;

	p->name_count = p->address_count = 0;
	self.primed_until_ms = 0;
	while (p->name_count < ROOTS_MAX &&
	    (record = records_next(&answers, &w->sname, TYPE_NS)) != NULL) {
		struct reader rdata = record_rdata(&response, record);

		if (read_name(&rdata, &p->names[p->name_count]))
			p->name_count++;
		ttl_s = record->ttl_s < ttl_s ? record->ttl_s : ttl_s;
	}
	w->told_by = from->at;
	for (i = 0; i < p->name_count; i++) {
		unsigned before = p->address_count;

		primed_add_addresses(w, i, TYPE_A);
		primed_add_addresses(w, i, TYPE_AAAA);
		if (p->address_count == before)
			primed_add_hints(i);
	}
	if (p->address_count == 0)
		return walk_put_aside(w, from);
	self.primed_until_ms = now_ms + ttl_s * UINT64_C(1000);
	eventlog_primed(p->name_count, p->address_count, &from->at);
	primed_compare();
	return WALK_DONE;
}

/* ---------------------------------------------------------------------------
 * What the operator sees of walks.
 */

/* Whom it has asked and not heard yet; family 0: nobody. */
static struct address
walk_asks(const struct walk *w)
{
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		if (exchange_is_out(&w->exchange[i]))
			return w->slist.addresses[w->exchange[i].to].at;
	return (struct address){.family = 0};
}

static unsigned
walk_parents(const struct walk *w)
{
	const struct waiter *waiter;
	unsigned count = 0;

	for (waiter = w->waiters; waiter != NULL; waiter = waiter->next)
		count += waiter->parent != NULL;
	return count;
}

static void
walk_tell(const struct walk *w, uint64_t now_ms, struct walk_told *t)
{
	*t = (struct walk_told){
	    .qname = w->qname,
	    .zone = w->slist.zone,
	    .qtype = w->qtype,
	    .ms = now_ms - (w->deadline.due_ms - QUERY_MS_MAX),
	    .sends = w->sends,
	    .clients = w->clients,
	    .parents = walk_parents(w),
	    .children = w->children,
	    .asked = walk_asks(w),
	    .priming = w->priming,
	    .refreshing = w->refreshing,
	    .failed = w->failed,
	    .wanted = w->waiters != NULL || w->refreshing || w->priming,
	    .limit = limits[w->limit].name,
	    .reason = w->reason,
	};
}

/* One that is over is no walk any more, though clients may still wait. */
bool
referral_walk_at(unsigned place, uint64_t now_ms, struct walk_told *t)
{
	const struct walk *w = &self.walks[place];

	assert(place < self.options.walks_max);
	if (place >= self.walks_used || w->deadline.next == NULL)
		return false;
	walk_tell(w, now_ms, t);
	return true;
}

bool
referral_walk_over(unsigned n, struct walk_told *t)
{
	if (n >= WALKS_OVER_MAX || n >= self.over_count)
		return false;
	*t = self.over[(self.over_count - 1 - n) % WALKS_OVER_MAX];
	return true;
}
