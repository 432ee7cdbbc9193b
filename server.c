/*
 * server.c -- what is known of name servers before anybody is asked.
 *
 * The hints that name the roots, and the file they are from, which the operator
 * may change at any time; the table of addresses that can and cannot be
 * a name server's; this host's own addresses and routes; and per address the
 * round-trip time, holds and lameness.  All of it is told or looked up; nothing
 * here sends but to the kernel, by netlink, and nothing here knows of walks.  A
 * local failure to send is never told to this file, so it costs no server its
 * good name (DESIGN decision 7).
 */
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "dns.h"

/* What is known of a name server's address. */
struct server {
	struct address at;
	uint64_t used_ms, held_until_ms;
	uint64_t chokes_until_ms[FEATURES];
	uint64_t edns_shown_ms; /* 0: never */
	uint64_t lost_ms;       /* when the last timeout was counted */
	uint64_t no_tcp_until_ms;
	uint16_t srtt_ms, rttvar_ms, rto_ms; /* RFC 6298; rto 0: unknown */
	uint16_t hold_s;
	uint8_t lost;        /* timeouts in a row ... */
	uint8_t lost_before; /* ... before a reply, on average, in eighths */
	uint8_t lost_tcp;    /* connections in a row that brought nothing */
	bool tried;          /* asked over UDP, on this network */
	uint8_t choked[FEATURES];   /* so often in a row */
	bool lame;                  /* for some zone, once at least */
	uint8_t cookie_len;         /* 0: none was drawn yet */
	uint8_t cookie[COOKIE_MAX]; /* ours, and behind it the server's */
	uint32_t cookie_move;       /* of self.moves when it was drawn */
};

/* A server that is lame for a zone. */
struct lame {
	uint64_t key; /* hash of both: 64 keyed bits stand for them */
	uint64_t since_ms;
	struct name zone; /* for the operator, as what follows */
	struct address at;
};

enum {
	SERVER_SETS = SERVERS_MAX / SERVERS_WAYS,
	RECENT = 64,            /* addresses that were just looked up */
	NETLINK_OCTETS = 16384, /* more than the kernel gives at once */
	RANDOM_POOL = 256       /* words */
};

/* Networks that have nothing in common, in order. */
struct prefix_set {
	struct prefix at[OWN_ADDRESSES_MAX];
	unsigned count;
};

/* What the kernel has in its table of local addresses. */
struct host {
	struct prefix_set own, broadcast;
};

static struct {
	struct server_options options;
	struct server *servers;
	struct recent {
		struct address at;
		uint64_t hash;
		struct server *server; /* NULL: nothing is known of it */
	} recent[RECENT];              /* sought, and soon to be sought again */
	struct lame *lames;

	/* What the filter said, until that may be another: judged_forget. */
	struct judged {
		struct address at;
		bool given, typed;
		const char *fault;
	} judged[RECENT];

	struct address listeners[LISTENERS_MAX];
	unsigned listener_count;
	struct host host, fresh; /* fresh is being read */
	uint64_t own_hash;       /* of host.own when it was last read */
	uint32_t moves;          /* so often it was another then */

	/*
	 * Netlink: one socket hears that something changed, by the other we
	 * ask.  -1: there is none, and no reads are due.
	 */
	int heard, asked;
	uint32_t question;
	unsigned reads_due;
	uint64_t read_next_ms;
	uint8_t octets[NETLINK_OCTETS];

	/* A family that is down says why; NULL is up. */
	const char *down[2];
	const struct root_servers *judges; /* the roots in use */
	struct root_servers compiled_in;

	uint32_t random[RANDOM_POOL];
	size_t random_left;
	uint64_t stretched; /* words made without the kernel */
} self;

/*
 * How a file looks from outside.  While that stays its text does, unless it
 * was written within a tick of the kernel's clock: that is why a text is
 * believed only when it looks the same some time later.
 */
struct look {
	int err; /* why it cannot be read; then nothing else is looked at */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

/*
 * A place where hints may be.
 *
 *	looks the same	0 times: it is being written, so wait
 *			once, twice, ...: see whether it says something new
 *			and when that is settled, no more
 */
struct place {
	const char *path;
	char name[PATH_MAX]; /* the same from the root, for the log */
	struct look look;
	unsigned same; /* looks in a row that were the same before this one */
	bool settled;  /* as it looks now, there is nothing new in it */
	bool bad;      /* it cannot be read or used */
	uint64_t told; /* what was last said of it: an errno, or its hash */
};

enum {
	NO_REGULAR_FILE = -1 /* beside the errnos */
};

static struct {
	struct place places[HINTS_PLACES_MAX];
	unsigned count;
	unsigned in_use; /* the place they are from; count: compiled in */
	struct root_servers roots, draft;
	char text[HINTS_OCTETS_MAX];
} hints;

static bool set_covers(const struct prefix_set *, const struct address *);
static void set_add(struct prefix_set *, const struct prefix *);
static void host_reset(struct host *);
static void network_close(void);
static void judged_forget(void);

bool
server_init(const struct server_options *options)
{
	size_t len;
	const char *text = hints_compiled_in(&len);

	memset(&self, 0, sizeof(self));
	self.options = *options;
	self.heard = self.asked = -1;
	if (options->family != 0)
		self.down[options->family == 4] = "option";
	host_reset(&self.host);
	if (!hints_parse("compiled-in", text, len, &self.compiled_in))
		abort(); /* cache.dns was bad when we were built */
	/* Zeroed by the kernel: a page costs nothing until it is used. */
	self.servers = calloc(SERVERS_MAX, sizeof(*self.servers));
	self.lames = calloc(LAME_MAX, sizeof(*self.lames));
	return self.servers != NULL && self.lames != NULL;
}

size_t
server_memory(void)
{
	return SERVERS_MAX * sizeof(struct server) +
	    LAME_MAX * sizeof(struct lame) + sizeof(self) + sizeof(hints);
}

void
server_close(void)
{
	network_close();
	free(self.servers);
	free(self.lames);
	self.servers = NULL;
	self.lames = NULL;
}

unsigned
server_kernel_ports(void)
{
	int fd = file_open(
	    "/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC, 0);
	char text[32], *after; /* "32768\t60999\n", for IPv6 too */
	unsigned long first, last;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	first = strtoul(text, &after, 10);
	last = strtoul(after, NULL, 10);
	return first >= 1024 && first <= last && last <= UINT16_MAX
	    ? (unsigned)(last - first + 1)
	    : 0;
}

const struct address *
server_source(uint8_t family)
{
	static const struct address any[2] = {{.family = 4}, {.family = 6}};
	const struct address *source = &self.options.sources[family == 6];

	return source->family != 0 ? source : &any[family == 6];
}

/* ---------------------------------------------------------------------------
 * Name servers: round-trip times, holds, lameness.
 */

static struct server *
server_set(uint64_t hash)
{
	return &self.servers[hash % SERVER_SETS * SERVERS_WAYS];
}

static struct server *
server_find_in(struct server *set, const struct address *at)
{
	unsigned i;

	for (i = 0; i < SERVERS_WAYS; i++)
		if (set[i].at.family != 0 && address_equal(&set[i].at, at))
			return &set[i];
	return NULL;
}

/*
 * Of a server one question asks for much, one thing after the other: only the
 * first of them needs the hash, and the filter's tables.  Who makes others
 * share its place here makes us count it again, and no more.
 */
static unsigned
recent_place(const struct address *at)
{
	unsigned mix = at->ip[2] ^ at->ip[3] ^ at->ip[7] ^ at->ip[15];

	return mix % RECENT;
}

static struct recent *
recent_at(const struct address *at)
{
	return &self.recent[recent_place(at)];
}

static SELDOM struct recent *
recent_fill(struct recent *recent, const struct address *at)
{
	recent->hash = hash_keyed(at->ip, sizeof(at->ip), self.options.key);
	recent->server = server_find_in(server_set(recent->hash), at);
	recent->at = *at;
	return recent;
}

static inline struct recent *
server_seek(const struct address *at)
{
	struct recent *recent = recent_at(at);

	return address_equal(&recent->at, at) ? recent
					      : recent_fill(recent, at);
}

/* What is known of it, or NULL. */
static inline struct server *
server_find(const struct address *at)
{
	return server_seek(at)->server;
}

uint64_t
server_hash(const struct address *at)
{
	return server_seek(at)->hash;
}

/* Begin anew with this server, in the place of the one longest unused. */
static SELDOM struct server *
server_add(struct recent *recent)
{
	struct server *set = server_set(recent->hash), *s = set;
	struct recent *gone;
	unsigned i;

	assert(recent->server == NULL);
	for (i = 1; i < SERVERS_WAYS; i++)
		if (set[i].used_ms < s->used_ms)
			s = &set[i];
	gone = recent_at(&s->at);
	if (gone->server == s)
		gone->server = NULL;
	memset(s, 0, sizeof(*s));
	s->at = recent->at;
	recent->server = s;
	return s;
}

static struct server *
server_get(const struct address *at, uint64_t now_ms)
{
	struct recent *recent = server_seek(at);
	struct server *s = recent->server;

	if (s == NULL)
		s = server_add(recent);
	s->used_ms = now_ms;
	return s;
}

unsigned
server_rto_ms(const struct address *at)
{
	const struct server *s = server_find(at);

	return s == NULL || s->rto_ms == 0 ? RTO_FIRST_MS : s->rto_ms;
}

uint64_t
server_held_until_ms(const struct address *at)
{
	const struct server *s = server_find(at);

	return s != NULL ? s->held_until_ms : 0;
}

bool
server_is_held(const struct address *at, uint64_t now_ms)
{
	return now_ms < server_held_until_ms(at);
}

bool
server_is_silent(const struct address *at)
{
	const struct server *s = server_find(at);

	return s != NULL && s->lost > 0;
}

unsigned
server_takes(const struct address *at, uint64_t now_ms)
{
	const struct server *s = server_find(at);
	unsigned i, features = 0;

	for (i = 0; i < FEATURES; i++)
		if (s == NULL || s->chokes_until_ms[i] <= now_ms)
			features |= 1u << i;
	return features;
}

/* Then the server's part of our cookie for it is worth nothing any more. */
static void
server_does_without(struct server *s, unsigned feature, uint64_t now_ms)
{
	s->choked[feature] = 0;
	s->chokes_until_ms[feature] = now_ms + CHOKES_S * UINT64_C(1000);
	if (1u << feature == FEATURE_COOKIE &&
	    s->cookie_len > COOKIE_CLIENT_LEN)
		s->cookie_len = COOKIE_CLIENT_LEN;
}

bool
server_has_edns(const struct address *at, uint64_t now_ms)
{
	const struct server *s = server_find(at);

	return s != NULL && s->edns_shown_ms > 0 &&
	    now_ms < s->edns_shown_ms + EDNS_SHOWN_S * UINT64_C(1000);
}

void
server_chokes_on(const struct address *at, unsigned features, uint64_t now_ms)
{
	const unsigned doubtful = FEATURE_CASE | FEATURE_COOKIE;
	struct server *s;
	unsigned i;

	if (features == 0)
		return;
	s = server_get(at, now_ms);
	features &= server_takes(at, now_ms);
	if (server_has_edns(at, now_ms))
		features &= ~(unsigned)FEATURE_EDNS;
	for (i = 0; i < FEATURES; i++)
		if (features >> i & 1 &&
		    (!(doubtful >> i & 1) || ++s->choked[i] == CHOKES_AFTER))
			server_does_without(s, i, now_ms);
}

/* RFC 9018 3: who sees two of our addresses cannot tell that both are ours. */
void
server_write_cookie(
    const struct address *at, struct edns *query, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);

	if (s->cookie_len == 0 || s->cookie_move != self.moves) {
		uint32_t drawn[2] = {random_u32(), random_u32()};

		static_assert(sizeof(drawn) == COOKIE_CLIENT_LEN, "RFC 7873 4");
		memcpy(s->cookie, drawn, sizeof(drawn));
		s->cookie_len = COOKIE_CLIENT_LEN;
		s->cookie_move = self.moves;
	}
	query->cookie_len = s->cookie_len;
	memcpy(query->cookie, s->cookie, s->cookie_len);
}

bool
cookie_is_answered(const uint8_t sent[COOKIE_CLIENT_LEN], size_t sent_len,
    const struct edns *reply)
{
	if (reply->cookie_len > 0 &&
	    memcmp(reply->cookie, sent, COOKIE_CLIENT_LEN) != 0)
		return false;
	return reply->cookie_len > COOKIE_CLIENT_LEN ||
	    sent_len <= COOKIE_CLIENT_LEN;
}

void
server_showed(const struct address *at, unsigned features,
    const struct edns *reply, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);
	unsigned i;

	if (reply->present)
		s->edns_shown_ms = now_ms;
	for (i = 0; i < FEATURES; i++)
		if (features >> i & 1)
			s->choked[i] = 0;
	if (!(features & FEATURE_COOKIE) ||
	    reply->cookie_len <= COOKIE_CLIENT_LEN ||
	    memcmp(reply->cookie, s->cookie, COOKIE_CLIENT_LEN) != 0)
		return;
	s->cookie_len = reply->cookie_len;
	memcpy(s->cookie, reply->cookie, reply->cookie_len);
}

static uint16_t
clamp_rto_ms(unsigned ms)
{
	if (ms < RTO_MIN_MS)
		return RTO_MIN_MS;
	return (uint16_t)(ms > RTO_MAX_MS ? RTO_MAX_MS : ms);
}

static uint16_t
rto_earned_ms(const struct server *s)
{
	unsigned slack = RTO_SLACK_MS;

	if (4u * s->rttvar_ms > slack)
		slack = 4u * s->rttvar_ms;
	return clamp_rto_ms(s->srtt_ms + slack);
}

unsigned
server_rto_earned_ms(const struct address *at)
{
	const struct server *s = server_find(at);

	return s == NULL || s->srtt_ms == 0 ? RTO_FIRST_MS : rto_earned_ms(s);
}

/* Nothing that was lost before counts any more. */
static void
server_is_well(struct server *s)
{
	if (s->srtt_ms > 0)
		s->rto_ms = rto_earned_ms(s);
	s->lost = 0;
	s->hold_s = 0;
	s->held_until_ms = 0;
}

/*
 * So many timeouts in a row tell death from loss: eight times as many sends as
 * it takes to be heard.  Where half of what is sent is lost each way, that is
 * four, and eight timeouts in a row come in each tenth run.
 */
static unsigned
dead_after(const struct server *s)
{
	static_assert(DEAD_AFTER == 8, "as many eighths are one send");

	return DEAD_AFTER + s->lost_before;
}

/* A run has ended in a reply; where the server was held it was no run. */
static void
server_count_run(struct server *s)
{
	unsigned lost_before = 7u * s->lost_before / 8 + s->lost;

	if (s->lost >= dead_after(s))
		return;
	if (lost_before > DEAD_AFTER_MAX - DEAD_AFTER)
		lost_before = DEAD_AFTER_MAX - DEAD_AFTER;
	s->lost_before = (uint8_t)lost_before;
}

/* RFC 6298 2.2 and 2.3.  Each try has its own port: no sample is doubtful. */
void
server_replied(const struct address *at, uint64_t rtt_ms, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);
	unsigned rtt = rtt_ms < RTO_MAX_MS ? (unsigned)rtt_ms : RTO_MAX_MS;
	unsigned off = rtt > s->srtt_ms ? rtt - s->srtt_ms : s->srtt_ms - rtt;

	if (s->srtt_ms == 0) {
		s->srtt_ms = (uint16_t)(rtt > 0 ? rtt : 1);
		s->rttvar_ms = (uint16_t)(rtt / 2);
	} else {
		s->rttvar_ms = (uint16_t)((3u * s->rttvar_ms + off) / 4);
		s->srtt_ms = (uint16_t)((7u * s->srtt_ms + rtt + 7) / 8);
	}
	server_count_run(s);
	server_is_well(s);
}

void
server_forgive(void)
{
	unsigned i;

	for (i = 0; i < SERVERS_MAX; i++) {
		self.servers[i].rto_ms = 0;
		self.servers[i].tried = false;
		server_is_well(&self.servers[i]);
	}
}

/*
 * Linux has these for a route that is missing or leads nowhere (EINVAL: a
 * blackhole), for what a firewall or a route forbids, for a host that has no
 * address of the family, or no such family; see rfcs.md 19.3.
 */
const struct send_cause *
send_cause(int err)
{
	static const struct {
		int err;
		struct send_cause cause;
	} causes[] = {{ENETUNREACH, {"route", true}},
	    {EHOSTUNREACH, {"route", true}}, {ENETDOWN, {"route", true}},
	    {EHOSTDOWN, {"route", true}}, {EINVAL, {"route", true}},
	    {EPERM, {"firewall", true}}, {EACCES, {"firewall", true}},
	    {EADDRNOTAVAIL, {"address", true}},
	    {EAFNOSUPPORT, {"family", true}}, {EMSGSIZE, {"size", false}},
	    {ENOBUFS, {"buffer", false}}, {ENOMEM, {"buffer", false}},
	    {EAGAIN, {"buffer", false}}, {EMFILE, {"descriptors", false}},
	    {ENFILE, {"descriptors", false}}, {ENOSPC, {"descriptors", false}},
	    {EADDRINUSE, {"port", false}}};
	static const struct send_cause other = {"system", false};
	size_t i;

	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].err == err)
			return &causes[i].cause;
	return &other;
}

unsigned
server_rtt_ms(const struct address *at)
{
	const struct server *s = server_find(at);

	return s == NULL ? 0 : s->srtt_ms;
}

/*
 * By its time and not its timeout, in which the least hides who is near.  One
 * timeout may be chance: it is twice as far then, so that the nearest by much
 * is asked again, and one that is dead soon is not.  Who was never asked may be
 * the nearest; while one finds that out it is as far for others as they would
 * wait.
 */
unsigned
server_distance_ms(const struct address *at)
{
	const struct server *s = server_find(at);
	unsigned ms, i;

	if (s == NULL || (s->srtt_ms == 0 && !s->tried))
		return 0;
	if (s->srtt_ms == 0)
		return server_rto_ms(at);
	ms = s->srtt_ms + RTO_SLACK_MS;
	for (i = 0; i < s->lost && ms < RTO_MAX_MS; i++)
		ms *= 2;
	return ms < RTO_MAX_MS ? ms : RTO_MAX_MS;
}

bool
server_has_answered(const struct address *at)
{
	return server_rtt_ms(at) > 0;
}

/*
 * It is alive, so what was lost over UDP was lost on the way.  How long it
 * took tells little of the way: a connection is shared, and may be new.
 */
void
server_replied_tcp(const struct address *at, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);

	server_is_well(s);
	s->lost_tcp = 0;
	s->no_tcp_until_ms = 0;
}

bool
server_takes_tcp(const struct address *at, uint64_t now_ms)
{
	const struct server *s = server_find(at);

	return s == NULL || s->no_tcp_until_ms <= now_ms;
}

bool
server_tcp_is_doubted(const struct address *at)
{
	const struct server *s = server_find(at);

	return s != NULL && s->lost_tcp > 0;
}

void
server_chokes_on_tcp(const struct address *at, bool refused, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);

	if (s->lost_tcp < NO_TCP_AFTER)
		s->lost_tcp++;
	if (refused || s->lost_tcp == NO_TCP_AFTER)
		s->no_tcp_until_ms = now_ms + NO_TCP_S * UINT64_C(1000);
}

/*
 * RFC 9520 3.2: a server silent for long is probed once a hold.  What was sent
 * before the last loss was counted is part of the same outage: a burst of many
 * queries counts, and doubles the timeout, once.
 */
void
server_timed_out(const struct address *at, uint64_t sent_ms, uint64_t waited_ms,
    uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);
	uint16_t rto_ms = clamp_rto_ms(2 * (unsigned)waited_ms);

	if (rto_ms > s->rto_ms)
		s->rto_ms = rto_ms;
	if (sent_ms < s->lost_ms)
		return;
	s->lost_ms = now_ms;
	if (s->lost < UINT8_MAX)
		s->lost++;
	if (s->lost < dead_after(s))
		return;
	s->hold_s = s->hold_s == 0 ? HOLD_MIN_S : (uint16_t)(2 * s->hold_s);
	if (s->hold_s > HOLD_MAX_S)
		s->hold_s = HOLD_MAX_S;
	s->held_until_ms = now_ms + s->hold_s * UINT64_C(1000);
}

/* While the one probe of a hold is out, nobody else asks. */
void
server_asked(const struct address *at, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);

	s->tried = true;
	if (s->lost >= dead_after(s))
		s->held_until_ms = now_ms + s->hold_s * UINT64_C(1000);
}

static struct lame *
lame_slot(const struct name *zone, const struct address *at, uint64_t *key)
{
	uint64_t pair[2];

	pair[0] = name_hash(zone, self.options.key);
	pair[1] =
	    hash_keyed(at->ip, sizeof(at->ip), self.options.key) ^ at->family;
	*key = hash_keyed(pair, sizeof(pair), self.options.key);
	return &self.lames[*key % LAME_MAX];
}

/*
 * Few servers are lame: of the others nothing is looked up, nor of those that
 * newer ones drove out of the table.
 */
uint64_t
server_lame_ms(const struct name *zone, const struct address *at)
{
	const struct server *s = server_find(at);
	const struct lame *lame;
	uint64_t key;

	if (s == NULL || !s->lame)
		return 0;
	lame = lame_slot(zone, at, &key);
	return lame->key == key ? lame->since_ms : 0;
}

void
server_mark_lame(
    const struct name *zone, const struct address *at, uint64_t now_ms)
{
	uint64_t key;
	struct lame *lame = lame_slot(zone, at, &key);

	server_get(at, now_ms)->lame = true;
	lame->key = key;
	lame->since_ms = now_ms;
	lame->zone = *zone;
	lame->at = *at;
}

static uint64_t
left_ms(uint64_t until_ms, uint64_t now_ms)
{
	return now_ms < until_ms ? until_ms - now_ms : 0;
}

static void
server_tell(const struct server *s, uint64_t now_ms, struct server_told *t)
{
	unsigned i;

	*t = (struct server_told){
	    .at = s->at,
	    .srtt_ms = s->srtt_ms,
	    .rttvar_ms = s->rttvar_ms,
	    .rto_ms = s->rto_ms != 0 ? s->rto_ms : RTO_FIRST_MS,
	    .lost = s->lost,
	    .held_ms = left_ms(s->held_until_ms, now_ms),
	    .no_tcp_ms = left_ms(s->no_tcp_until_ms, now_ms),
	    .used_ms = now_ms - s->used_ms,
	};
	for (i = 0; i < FEATURES; i++)
		if (now_ms < s->chokes_until_ms[i])
			t->chokes |= 1u << i;
}

bool
server_look(const struct address *at, uint64_t now_ms, struct server_told *t)
{
	const struct server *s = server_find(at);

	if (s == NULL)
		return false;
	server_tell(s, now_ms, t);
	return true;
}

bool
server_at(unsigned place, uint64_t now_ms, struct server_told *t)
{
	const struct server *s = &self.servers[place];

	assert(place < SERVERS_MAX);
	if (s->at.family == 0)
		return false;
	server_tell(s, now_ms, t);
	return true;
}

bool
server_lame_at(unsigned place, uint64_t now_ms, struct name *zone,
    struct address *at, uint64_t *left)
{
	const struct lame *lame = &self.lames[place];

	assert(place < LAME_MAX);
	*left = left_ms(lame->since_ms + LAME_HOLD_S * UINT64_C(1000), now_ms);
	if (lame->at.family == 0 || *left == 0)
		return false;
	*zone = lame->zone;
	*at = lame->at;
	return true;
}

/* ---------------------------------------------------------------------------
 * Addresses: which can be a name server's (RFC 6890 and IANA's registries).
 */

/* An address as a number; one of IPv4 is the upper 32 bits of it. */
struct ip_number {
	uint64_t high, low;
};

/* In one step, where the compiler knows it. */
static inline uint64_t
number_of_8(const uint8_t *b)
{
	return (uint64_t)b[0] << 56 | (uint64_t)b[1] << 48 |
	    (uint64_t)b[2] << 40 | (uint64_t)b[3] << 32 | (uint64_t)b[4] << 24 |
	    (uint64_t)b[5] << 16 | (uint64_t)b[6] << 8 | (uint64_t)b[7];
}

static inline struct ip_number
ip_number(const struct address *a)
{
	return (struct ip_number){number_of_8(a->ip), number_of_8(a->ip + 8)};
}

static inline bool
ip_is_before(struct ip_number a, struct ip_number b)
{
	return a.high < b.high || (a.high == b.high && a.low < b.low);
}

struct block {
	struct prefix prefix;
	struct address_class class;
};

#define G(group) (group) >> 8, (group)&255 /* 16 bits of an IPv6 address */

/*
 * IANA's registries and what else no name server can have, the smaller blocks
 * first: the first that covers an address is the most specific, and the last
 * covers all.  Verdicts are DESIGN decision 5.
 */
static const struct block blocks4[] = {
    {{{4, {0}, 0}, 32}, {"unspecified", "1122 3.2.1.3", VERDICT_NEVER}},
    {{{4, {192, 0, 0, 8}, 0}, 32}, {"dummy", "7600", VERDICT_ASK}},
    {{{4, {192, 0, 0, 9}, 0}, 32}, {"pcp-anycast", "7723", VERDICT_ASK}},
    {{{4, {192, 0, 0, 10}, 0}, 32}, {"turn-anycast", "8155", VERDICT_ASK}},
    {{{4, {192, 88, 99, 2}, 0}, 32}, {"6a44-relay", "6751", VERDICT_ASK}},
    {{{4, {255, 255, 255, 255}, 0}, 32}, {"broadcast", "919 7", VERDICT_NEVER}},
    {{{4, {192, 0, 0, 170}, 0}, 31}, {"nat64-discovery", "7050", VERDICT_ASK}},
    {{{4, {192}, 0}, 29}, {"ds-lite", "7335", VERDICT_ASK}},
    {{{4, {192}, 0}, 24}, {"ietf-protocol", "6890 2.1", VERDICT_ASK}},
    {{{4, {192, 0, 2}, 0}, 24}, {"documentation", "5737", VERDICT_ASK}},
    {{{4, {192, 31, 196}, 0}, 24}, {"as112", "7535", VERDICT_SEND}},
    {{{4, {192, 52, 193}, 0}, 24}, {"amt", "7450", VERDICT_SEND}},
    {{{4, {192, 88, 99}, 0}, 24}, {"6to4-relay", "7526", VERDICT_ASK}},
    {{{4, {192, 175, 48}, 0}, 24}, {"as112", "7534", VERDICT_SEND}},
    {{{4, {198, 51, 100}, 0}, 24}, {"documentation", "5737", VERDICT_ASK}},
    {{{4, {203, 0, 113}, 0}, 24}, {"documentation", "5737", VERDICT_ASK}},
    {{{4, {169, 254}, 0}, 16}, {"link-local", "3927", VERDICT_ASK}},
    {{{4, {192, 168}, 0}, 16}, {"private", "1918", VERDICT_ASK}},
    {{{4, {198, 18}, 0}, 15}, {"benchmarking", "2544", VERDICT_ASK}},
    {{{4, {172, 16}, 0}, 12}, {"private", "1918", VERDICT_ASK}},
    {{{4, {100, 64}, 0}, 10}, {"shared", "6598", VERDICT_ASK}},
    {{{4, {0}, 0}, 8}, {"this-network", "791 3.2", VERDICT_NEVER}},
    {{{4, {10}, 0}, 8}, {"private", "1918", VERDICT_ASK}},
    {{{4, {127}, 0}, 8}, {"loopback", "1122 3.2.1.3", VERDICT_ASK}},
    {{{4, {224}, 0}, 4}, {"multicast", "5771", VERDICT_NEVER}},
    {{{4, {240}, 0}, 4}, {"reserved", "1112 4", VERDICT_NEVER}},
    {{{4, {0}, 0}, 0}, {"global", "1122 3.2.1.3", VERDICT_SEND}},
};

static const struct block blocks6[] = {
    {{{6, {0}, 0}, 128}, {"unspecified", "4291 2.5.2", VERDICT_NEVER}},
    {{{6, {[15] = 1}, 0}, 128}, {"loopback", "4291 2.5.3", VERDICT_ASK}},
    {{{6, {G(0x2001), G(1), [15] = 1}, 0}, 128},
	{"pcp-anycast", "7723", VERDICT_ASK}},
    {{{6, {G(0x2001), G(1), [15] = 2}, 0}, 128},
	{"turn-anycast", "8155", VERDICT_ASK}},
    {{{6, {G(0x2001), G(1), [15] = 3}, 0}, 128},
	{"srp-anycast", "9665", VERDICT_ASK}},
    {{{6, {0}, 0}, 96}, {"v4-compatible", "4291 2.5.5.1", VERDICT_NEVER}},
    {{{6, {G(0), G(0), G(0), G(0), G(0), G(0xffff)}, 0}, 96},
	{"v4-mapped", "4291 2.5.5.2", VERDICT_NEVER}},
    {{{6, {G(0), G(0), G(0), G(0), G(0xffff)}, 0}, 96},
	{"v4-translated", "2765", VERDICT_ASK}},
    {{{6, {G(0x64), G(0xff9b)}, 0}, 96}, {"nat64", "6052", VERDICT_ASK}},
    {{{6, {G(0x100)}, 0}, 64}, {"discard", "6666", VERDICT_ASK}},
    {{{6, {G(0x100), G(0), G(0), G(1)}, 0}, 64},
	{"dummy", "9780", VERDICT_ASK}},
    {{{6, {G(0x64), G(0xff9b), G(1)}, 0}, 48},
	{"nat64-local", "8215", VERDICT_ASK}},
    {{{6, {G(0x2001), G(2)}, 0}, 48}, {"benchmarking", "5180", VERDICT_ASK}},
    {{{6, {G(0x2001), G(4), G(0x112)}, 0}, 48},
	{"as112", "7535", VERDICT_SEND}},
    {{{6, {G(0x2620), G(0x4f), G(0x8000)}, 0}, 48},
	{"as112", "7534", VERDICT_SEND}},
    {{{6, {G(0x2001)}, 0}, 32}, {"teredo", "4380", VERDICT_ASK}},
    {{{6, {G(0x2001), G(3)}, 0}, 32}, {"amt", "7450", VERDICT_SEND}},
    {{{6, {G(0x2001), G(0xdb8)}, 0}, 32},
	{"documentation", "3849", VERDICT_ASK}},
    {{{6, {G(0x2001), G(0x10)}, 0}, 28}, {"orchid", "4843", VERDICT_ASK}},
    {{{6, {G(0x2001), G(0x20)}, 0}, 28}, {"orchid", "7343", VERDICT_ASK}},
    {{{6, {G(0x2001), G(0x30)}, 0}, 28}, {"drone-id", "9374", VERDICT_ASK}},
    {{{6, {G(0x2001)}, 0}, 23}, {"ietf-protocol", "2928", VERDICT_ASK}},
    {{{6, {G(0x3fff)}, 0}, 20}, {"documentation", "9637", VERDICT_ASK}},
    {{{6, {G(0x2002)}, 0}, 16}, {"6to4", "3056", VERDICT_ASK}},
    {{{6, {G(0x3ffe)}, 0}, 16}, {"6bone", "3701", VERDICT_ASK}},
    {{{6, {G(0x5f00)}, 0}, 16}, {"srv6", "9602", VERDICT_ASK}},
    {{{6, {G(0xfe80)}, 0}, 10}, {"link-local", "4291 2.5.6", VERDICT_NEVER}},
    {{{6, {G(0xfec0)}, 0}, 10}, {"site-local", "3879", VERDICT_ASK}},
    {{{6, {G(0xff00)}, 0}, 8}, {"multicast", "4291 2.7", VERDICT_NEVER}},
    {{{6, {G(0xfc00)}, 0}, 7}, {"private", "4193", VERDICT_ASK}},
    {{{6, {G(0x2000)}, 0}, 3}, {"global", "4291 2.5.4", VERDICT_SEND}},
    {{{6, {0}, 0}, 0}, {"not-global-unicast", "4291 2.4", VERDICT_ASK}},
};

#undef G

/*
 * A family's addresses, cut in two wherever a block begins or has ended: all
 * from one cut to the next are of one class.  So a binary search tells it,
 * however many blocks lie in one another.
 */
enum {
	CUTS_MAX = 2 * sizeof(blocks6) / sizeof(blocks6[0])
};

static struct cuts {
	struct {
		struct ip_number from;
		const struct address_class *class;
	} at[CUTS_MAX];
	unsigned count; /* 0: the blocks were not looked at yet */

	/* So many are at or before the first with this first octet. */
	uint8_t before[257];
} cuts4, cuts6;

static_assert(sizeof(blocks4) <= sizeof(blocks6), "each has its two cuts");

/* How many cuts are at or before this address. */
static inline unsigned
cuts_place(const struct cuts *c, struct ip_number ip)
{
	unsigned octet = (unsigned)(ip.high >> 56);
	unsigned low = c->before[octet], high = c->before[octet + 1];

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (ip_is_before(ip, c->at[middle].from))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void
cuts_add(struct cuts *c, const struct block *blocks, const struct address *at)
{
	struct ip_number ip = ip_number(at);
	unsigned place = cuts_place(c, ip), octet = at->ip[0];
	const struct block *b = blocks;

	if (place > 0 && !ip_is_before(c->at[place - 1].from, ip))
		return; /* it is there */
	assert(c->count < CUTS_MAX);
	while (!prefix_covers(&b->prefix, at))
		b++;
	memmove(&c->at[place + 1], &c->at[place],
	    (c->count++ - place) * sizeof(c->at[0]));
	c->at[place].from = ip;
	c->at[place].class = &b->class;
	octet += (ip.high << 8 | ip.low) != 0;
	for (; octet <= 256; octet++)
		c->before[octet]++;
}

/* The first address behind it; false: there is none. */
static bool
prefix_next(const struct prefix *p, struct address *next)
{
	unsigned bit = p->bits;

	*next = p->address;
	while (bit-- > 0) {
		next->ip[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if (next->ip[bit / 8] & 0x80 >> bit % 8)
			return true; /* nothing to carry */
	}
	return false;
}

static void
cuts_make(struct cuts *c, const struct block *blocks)
{
	const struct block *b = blocks;
	struct address next;

	do {
		cuts_add(c, blocks, &b->prefix.address);
		if (prefix_next(&b->prefix, &next))
			cuts_add(c, blocks, &next);
	} while (b++->prefix.bits > 0);
}

static void
classes_make(void)
{
	cuts_make(&cuts4, blocks4);
	cuts_make(&cuts6, blocks6);
}

const struct address_class *
address_classify(const struct address *at)
{
	const struct cuts *c = at->family == 4 ? &cuts4 : &cuts6;

	if (c->count == 0)
		classes_make();
	return c->at[cuts_place(c, ip_number(at)) - 1].class;
}

/* On a wildcard we listen at each address of this host. */
static bool
address_is_own(const struct address *at)
{
	unsigned i;

	for (i = 0; i < self.listener_count; i++) {
		const struct address *l = &self.listeners[i];

		if (l->family != at->family || l->port != at->port)
			continue;
		if (address_equal(l, at) ||
		    (address_is_any(l) && set_covers(&self.host.own, at)))
			return true;
	}
	return false;
}

static bool
address_allowed(const struct address *at)
{
	unsigned i;

	for (i = 0; i < self.options.allowed_count; i++)
		if (prefix_covers(&self.options.allowed[i], at))
			return true;
	return false;
}

/* The IPv4 address inside one of 64:ff9b::/96 (RFC 6052 2.2). */
static struct address
address_embedded(const struct address *at)
{
	struct address inner;

	memset(&inner, 0, sizeof(inner));
	inner.family = 4;
	inner.port = at->port;
	memcpy(inner.ip, at->ip + 12, 4);
	return inner;
}

static const char *
address_fault_plain(const struct address *at, bool typed)
{
	const struct address_class *class = address_classify(at);

	if (at->port == 0)
		return "port-zero";
	if (class->verdict == VERDICT_NEVER)
		return class->name;
	if (address_is_own(at))
		return CLASS_OWN;
	if (set_covers(&self.host.broadcast, at))
		return "broadcast";
	if (class->verdict == VERDICT_SEND || typed || address_allowed(at))
		return NULL;
	return class->name;
}

static const char *
address_judge(const struct address *at, bool typed)
{
	static const struct prefix nat64 = {
	    {6, {0x00, 0x64, 0xff, 0x9b}, 0}, 96};
	const char *fault = address_fault_plain(at, typed);
	struct address inner;

	if (fault != NULL || !prefix_covers(&nat64, at))
		return fault;
	inner = address_embedded(at);
	return address_fault_plain(&inner, false);
}

static SELDOM const char *
judged_fill(struct judged *j, const struct address *at, bool typed)
{
	*j = (struct judged){*at, true, typed, address_judge(at, typed)};
	return j->fault;
}

const char *
address_fault(const struct address *at, bool typed)
{
	struct judged *j = &self.judged[recent_place(at)];

	return j->given && j->typed == typed && address_equal(&j->at, at)
	    ? j->fault
	    : judged_fill(j, at, typed);
}

/* This host has changed, or where we listen. */
static void
judged_forget(void)
{
	memset(self.judged, 0, sizeof(self.judged));
}

const struct forward *
server_forward(const struct name *zone)
{
	unsigned i;

	for (i = 0; i < self.options.forward_count; i++)
		if (name_equal(&self.options.forwards[i].zone, zone))
			return &self.options.forwards[i];
	return NULL;
}

const struct forward *
server_forward_at(unsigned n)
{
	return n < self.options.forward_count ? &self.options.forwards[n]
					      : NULL;
}

void
server_listens(const struct address *at)
{
	assert(self.listener_count < LISTENERS_MAX);
	self.listeners[self.listener_count++] = *at;
	judged_forget();
}

/* ---------------------------------------------------------------------------
 * Sets of networks, in which one look-up is a binary search.
 */

/* How many networks of the set begin at or before this address. */
static unsigned
set_place(const struct prefix_set *set, const struct address *at)
{
	struct ip_number ip = ip_number(at);
	unsigned low = 0, high = set->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct address *a = &set->at[middle].address;

		if (a->family < at->family ||
		    (a->family == at->family &&
			!ip_is_before(ip, ip_number(a))))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
set_covers(const struct prefix_set *set, const struct address *at)
{
	unsigned place = set_place(set, at);

	return place > 0 && prefix_covers(&set->at[place - 1], at);
}

static unsigned
bits_in_common(const struct address *a, const struct address *b)
{
	unsigned n = 0;

	while (n < 128 && ((a->ip[n / 8] ^ b->ip[n / 8]) & 0x80 >> n % 8) == 0)
		n++;
	return n;
}

/* Make room: the closest two neighbours become the network that holds both. */
static void
set_round(struct prefix_set *set)
{
	unsigned i, best = 0, least = UINT_MAX, bits = 0;

	for (i = 0; i + 1 < set->count; i++) {
		const struct address *a = &set->at[i].address;
		const struct address *b = &set->at[i + 1].address;
		unsigned common = bits_in_common(a, b);

		if (a->family == b->family &&
		    (a->family == 4 ? 32 : 128) - common < least) {
			least = (a->family == 4 ? 32 : 128) - common;
			best = i;
			bits = common;
		}
	}
	set->at[best].bits = (uint8_t)bits;
	for (i = bits; i < 128; i++)
		set->at[best].address.ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	set->count--;
	memmove(&set->at[best + 1], &set->at[best + 2],
	    (set->count - best - 1) * sizeof(set->at[0]));
}

/* Put it in the place of all that it covers, unless it is covered itself. */
static void
set_add(struct prefix_set *set, const struct prefix *p)
{
	unsigned place = set_place(set, &p->address), covered = 0;

	if (place > 0 && set->at[place - 1].bits <= p->bits &&
	    prefix_covers(&set->at[place - 1], &p->address))
		return;
	if (place > 0 && prefix_covers(p, &set->at[place - 1].address))
		place--; /* of the same first address, and smaller */
	while (place + covered < set->count &&
	    prefix_covers(p, &set->at[place + covered].address))
		covered++;
	assert(set->count + 1 - covered <= OWN_ADDRESSES_MAX);
	memmove(&set->at[place + 1], &set->at[place + covered],
	    (set->count - place - covered) * sizeof(set->at[0]));
	set->at[place] = *p;
	set->count = set->count + 1 - covered;
	if (set->count == OWN_ADDRESSES_MAX)
		set_round(set);
}

/* ---------------------------------------------------------------------------
 * Netlink (RFC 3549) as far as it is used here.  Its headers come with the
 * kernel's and not with every compiler; its numbers are for ever.
 */
struct netlink_message {
	uint32_t len; /* with this header */
	uint16_t type, flags;
	uint32_t question, port;
};

struct netlink_route {
	uint8_t family, to_bits, from_bits, tos;
	uint8_t table, protocol, scope, type;
	uint32_t flags;
};

struct netlink_attribute {
	uint16_t len, type; /* len is with this header */
};

struct netlink_sockaddr {
	uint16_t family, pad;
	uint32_t port, groups;
};

enum {
	ANY_QUESTION = 0, /* ours begin with 1 */

	NETLINK_OF_ROUTES = 0, /* the protocol */
	NETLINK_LEVEL = 270,
	NETLINK_STRICT = 12, /* the kernel sends only what was asked for */

	/* Links, and addresses and routes of both families. */
	NETLINK_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | 0x800,

	NETLINK_ERROR = 2, /* types of messages */
	NETLINK_DONE = 3,
	NETLINK_ROUTE = 24,
	NETLINK_GET_ROUTE = 26,

	NETLINK_REQUEST = 0x1, /* flags */
	NETLINK_TORN = 0x10,   /* it changed while it was read */
	NETLINK_DUMP = 0x300,

	ROUTE_TO = 1, /* attributes */
	ROUTE_FROM = 2,
	ROUTE_SOURCE = 7, /* that the kernel would choose */
	ROUTE_PROTOCOL = 27,
	ROUTE_PORT = 29,

	ROUTE_TABLE_LOCAL = 255,
	ROUTE_LOCAL = 2, /* types of routes */
	ROUTE_BROADCAST = 3,
	ROUTE_ANYCAST = 4
};

/* A socket that hears these groups; -1 sets errno. */
static int
netlink_open(uint32_t groups)
{
	struct netlink_sockaddr at = {.family = AF_NETLINK, .groups = groups};
	int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    NETLINK_OF_ROUTES);

	if (fd < 0)
		return -1;
	/* Before Linux 4.20 it sends all routes, and we choose. */
	(void)setsockopt(fd, NETLINK_LEVEL, NETLINK_STRICT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* Octets of the kernel's, in self.octets; 0: there are none. */
static size_t
netlink_receive(int fd)
{
	ssize_t n = recv(fd, self.octets, sizeof(self.octets), MSG_TRUNC);

	return n < 0 || (size_t)n > sizeof(self.octets) ? 0 : (size_t)n;
}

/* The next message in answer to this question, or of any; false: none. */
static bool
netlink_next(struct reader *r, uint32_t question, struct netlink_message *m,
    struct reader *body)
{
	const uint8_t *octets;

	while ((octets = read_bytes(r, sizeof(*m))) != NULL) {
		memcpy(m, octets, sizeof(*m));
		if (m->len < sizeof(*m) ||
		    (octets = read_bytes(r, m->len - sizeof(*m))) == NULL)
			return false;
		reader_init(body, octets, m->len - sizeof(*m));
		(void)read_bytes(r, -m->len & 3);
		if (question == ANY_QUESTION || m->question == question)
			return true;
	}
	return false;
}

static void
netlink_add(struct writer *w, uint16_t type, const void *value, size_t len)
{
	struct netlink_attribute a = {(uint16_t)(sizeof(a) + len), type};

	write_bytes(w, &a, sizeof(a));
	write_bytes(w, value, len);
	write_bytes(w, "\0\0", -len & 3);
}

/* That the query would be UDP, and to which port: rules may look at that. */
static void
netlink_add_query(struct writer *w, const struct address *to)
{
	const struct address *from = &self.options.sources[to->family == 6];
	uint8_t udp = IPPROTO_UDP, port[] = {0, DNS_PORT};
	size_t len = to->family == 4 ? 4 : 16;

	netlink_add(w, ROUTE_TO, to->ip, len);
	if (from->family != 0)
		netlink_add(w, ROUTE_FROM, from->ip, len);
	netlink_add(w, ROUTE_PROTOCOL, &udp, sizeof(udp));
	netlink_add(w, ROUTE_PORT, port, sizeof(port));
}

/* Ask for the way to an address, or if that is NULL for the local table. */
static bool
netlink_ask(uint8_t family, const struct address *to)
{
	bool from = self.options.sources[family == 6].family != 0;
	uint8_t octets[128], bits = family == 4 ? 32 : 128;
	struct netlink_message m = {.type = NETLINK_GET_ROUTE,
	    .flags = NETLINK_REQUEST | (to == NULL ? NETLINK_DUMP : 0),
	    .question = ++self.question};
	struct netlink_route route = {
	    .family = family == 4 ? AF_INET : AF_INET6,
	    .to_bits = to != NULL ? bits : 0,
	    .from_bits = to != NULL && from ? bits : 0,
	    .table = to == NULL ? ROUTE_TABLE_LOCAL : 0};
	struct writer w;

	while (netlink_receive(self.asked) > 0)
		; /* what a question that was given up left */
	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, &m, sizeof(m));
	write_bytes(&w, &route, sizeof(route));
	if (to != NULL)
		netlink_add_query(&w, to);
	assert(!w.failed);
	m.len = (uint32_t)w.len;
	memcpy(octets, &m, sizeof(m));
	return send(self.asked, octets, w.len, 0) == (ssize_t)w.len;
}

/* The route of an answer; the reader stands at its attributes then. */
static bool
route_read(struct reader *body, struct netlink_route *route)
{
	const uint8_t *octets = read_bytes(body, sizeof(*route));

	if (octets == NULL)
		return false;
	memcpy(route, octets, sizeof(*route));
	return route->family == AF_INET || route->family == AF_INET6;
}

/* The address in an attribute of this type; false if there is none. */
static bool
route_address(struct reader body, const struct netlink_route *route,
    uint16_t type, struct address *at)
{
	struct netlink_attribute a;
	const uint8_t *octets;

	memset(at, 0, sizeof(*at));
	at->family = route->family == AF_INET ? 4 : 6;
	while ((octets = read_bytes(&body, sizeof(a))) != NULL) {
		memcpy(&a, octets, sizeof(a));
		if (a.len < sizeof(a) ||
		    (octets = read_bytes(&body, a.len - sizeof(a))) == NULL)
			break;
		(void)read_bytes(&body, -a.len & 3);
		if (a.type != type ||
		    a.len - sizeof(a) != (at->family == 4 ? 4 : 16))
			continue;
		memcpy(at->ip, octets, a.len - sizeof(a));
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------
 * The network of this host: its own addresses, and which families have a way
 * to the Internet.
 */

/* Linux hears all of 127/8, whatever else it says. */
static void
host_reset(struct host *h)
{
	static const struct prefix loopback[] = {
	    {{4, {127}, 0}, 8}, {{6, {[15] = 1}, 0}, 128}};

	h->own.count = h->broadcast.count = 0;
	set_add(&h->own, &loopback[0]);
	set_add(&h->own, &loopback[1]);
}

/* Put an entry of the local table where it belongs. */
static void
host_take(struct host *h, struct reader *body)
{
	struct netlink_route route;
	struct prefix p;

	if (!route_read(body, &route) || route.table != ROUTE_TABLE_LOCAL ||
	    !route_address(*body, &route, ROUTE_TO, &p.address))
		return;
	p.bits = route.to_bits;
	if (p.bits > (p.address.family == 4 ? 32 : 128))
		return;
	if (route.type == ROUTE_LOCAL || route.type == ROUTE_ANYCAST)
		set_add(&h->own, &p);
	else if (route.type == ROUTE_BROADCAST)
		set_add(&h->broadcast, &p);
}

/* Read a family's part of the local table; false if that was not all of it. */
static bool
host_read(struct host *h, uint8_t family)
{
	struct netlink_message m;
	struct reader r, body;
	size_t len;

	if (!netlink_ask(family, NULL))
		return false;
	while ((len = netlink_receive(self.asked)) > 0) {
		reader_init(&r, self.octets, len);
		while (netlink_next(&r, self.question, &m, &body)) {
			if (m.type == NETLINK_ERROR ||
			    (m.flags & NETLINK_TORN) != 0)
				return false;
			if (m.type == NETLINK_DONE)
				return true;
			if (m.type == NETLINK_ROUTE)
				host_take(h, &body);
		}
	}
	return false;
}

/*
 * Why no query can go there, or NULL.  Who has only a link-local address has
 * none that an answer would find.  What the kernel does not tell is not held
 * against it: then the query tells.
 */
static const char *
route_fault(const struct address *to)
{
	static const struct prefix link_local = {{6, {0xfe, 0x80}, 0}, 10};
	struct netlink_message m;
	struct netlink_route route;
	struct address source;
	struct reader r, body;
	int32_t err;

	if (!netlink_ask(to->family, to))
		return NULL;
	reader_init(&r, self.octets, netlink_receive(self.asked));
	if (!netlink_next(&r, self.question, &m, &body))
		return NULL;
	if (m.type == NETLINK_ERROR && body.len >= sizeof(err)) {
		memcpy(&err, read_bytes(&body, sizeof(err)), sizeof(err));
		return err == -ENETUNREACH || err == -EHOSTUNREACH ? "route"
								   : NULL;
	}
	if (m.type == NETLINK_ROUTE && route_read(&body, &route) &&
	    route_address(body, &route, ROUTE_SOURCE, &source) &&
	    prefix_covers(&link_local, &source))
		return "address";
	return NULL;
}

/* Why none of these can be reached, the last of them; NULL if one can. */
static const char *
roots_fault(const struct root_servers *roots, uint8_t family, bool *any)
{
	const char *fault = NULL;
	unsigned i;

	*any = false;
	for (i = 0; i < roots->address_count; i++) {
		if (roots->addresses[i].at.family != family)
			continue;
		*any = true;
		fault = route_fault(&roots->addresses[i].at);
		if (fault == NULL)
			return NULL;
	}
	return fault;
}

/* An opened network that can be reached speaks for its family as well. */
static bool
allowed_is_reached(uint8_t family)
{
	unsigned i;

	for (i = 0; i < self.options.allowed_count; i++) {
		const struct prefix *p = &self.options.allowed[i];

		if (p->address.family == family && p->bits > 0 &&
		    route_fault(&p->address) == NULL)
			return true;
	}
	return false;
}

/* Why nobody can be asked over this family; NULL if some can. */
static const char *
family_fault(uint8_t family)
{
	const struct address *source = &self.options.sources[family == 6];
	const char *fault = NULL;
	bool any = false;

	if (self.options.family != 0 && self.options.family != family)
		return "option";
	if (self.asked < 0)
		return NULL;
	if (source->family != 0 && !set_covers(&self.host.own, source))
		return "source";
	if (self.judges != NULL)
		fault = roots_fault(self.judges, family, &any);
	if (!any)
		fault = roots_fault(&self.compiled_in, family, &any);
	return fault != NULL && allowed_is_reached(family) ? NULL : fault;
}

/* Judge both families anew, and tell what has changed. */
static enum network_news
families_judge(void)
{
	enum network_news news = NETWORK_CHANGED;
	uint8_t family;

	for (family = 4; family <= 6; family += 2) {
		const char **down = &self.down[family == 6];
		const char *fault = family_fault(family);

		if ((fault == NULL) != (*down == NULL))
			eventlog_family(family, fault);
		if (fault == NULL && *down != NULL)
			news = NETWORK_BETTER;
		*down = fault;
	}
	return news;
}

enum network_news
network_judge(const struct root_servers *roots)
{
	self.judges = roots;
	return families_judge();
}

bool
network_has(const struct address *at)
{
	return set_covers(&self.host.own, at);
}

bool
family_is_up(uint8_t family)
{
	return self.down[family == 6] == NULL;
}

/*
 * The kernel tells of a link that goes down before it takes its routes away,
 * and not of these.  So it is asked at once and a little later once more.
 */
static void
network_stale(void)
{
	self.reads_due = 2;
}

/* All was read: that is how this host is now. */
static void
host_settle(void)
{
	const struct prefix_set *own = &self.fresh.own;
	uint64_t hash = 0;
	unsigned i;

	for (i = 0; i < own->count; i++)
		hash += hash_keyed(own->at[i].address.ip,
		    sizeof(own->at[i].address.ip), self.options.key);
	self.moves += hash != self.own_hash;
	self.own_hash = hash;
	self.host = self.fresh;
	judged_forget();
}

enum network_news
network_refresh(uint64_t now_ms)
{
	if (self.reads_due == 0 || now_ms < self.read_next_ms)
		return NETWORK_SAME;
	self.read_next_ms = now_ms + NETWORK_READ_MS;
	host_reset(&self.fresh);
	if (host_read(&self.fresh, 4) && host_read(&self.fresh, 6)) {
		host_settle();
		self.reads_due--;
	} else {
		eventlog_network_unsure(0);
		self.read_next_ms = now_ms + NETWORK_RETRY_MS;
	}
	return families_judge();
}

uint64_t
network_next_due(void)
{
	return self.reads_due > 0 ? self.read_next_ms : UINT64_MAX;
}

/*
 * An address that is ours from now on must not be asked even once, so it is
 * taken at once.  Whatever else is said, all is asked anew; and so if the
 * kernel had no room to say it.
 */
void
network_readable(void)
{
	struct netlink_message m;
	struct reader r, body;
	unsigned i;
	size_t len;

	for (i = 0; i < BATCH && (len = netlink_receive(self.heard)) > 0; i++) {
		reader_init(&r, self.octets, len);
		while (netlink_next(&r, ANY_QUESTION, &m, &body))
			if (m.type == NETLINK_ROUTE)
				host_take(&self.host, &body);
	}
	judged_forget();
	network_stale();
}

static void
network_close(void)
{
	if (self.heard >= 0)
		close(self.heard);
	if (self.asked >= 0)
		close(self.asked);
	self.heard = self.asked = -1;
	self.reads_due = 0;
}

void
network_open(int epoll, uint64_t now_ms)
{
	struct epoll_event event = {.events = EPOLLIN};

	event.data.u64 = tag_make(TAG_NETWORK, 0, 0);
	self.asked = netlink_open(0);
	self.heard = epoll < 0 ? -1 : netlink_open(NETLINK_GROUPS);
	if (self.asked < 0 ||
	    (epoll >= 0 &&
		(self.heard < 0 ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, self.heard, &event) < 0))) {
		eventlog_network_unsure(errno);
		network_close();
		return;
	}
	self.reads_due = 1;
	(void)network_refresh(now_ms);
	self.read_next_ms = now_ms; /* the first change is read at once */
}

/* ---------------------------------------------------------------------------
 * The hints file: NS and address records of the root in master-file form
 * (RFC 1035 5.1), as InterNIC and Microsoft write them.
 */

static const char compiled_in[] = {
#include "hints.inc"
};

const char *
hints_compiled_in(size_t *len)
{
	*len = sizeof(compiled_in);
	return compiled_in;
}

static void hints_line(struct hints *);
static void hints_no_text(struct hints *);
static void hints_look_at_name(struct hints *, unsigned);
static void hints_look_at_families(struct hints *);
static void hints_drop_strangers(struct hints *);

void
hints_begin(struct hints *h, const char *file, const char *text, size_t len,
    struct root_servers *roots)
{
	size_t mark = 0;

	memset(h, 0, sizeof(*h));
	memset(roots, 0, sizeof(*roots));
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		mark = 3; /* Notepad's, of UTF-8 */
	h->roots = roots;
	h->fault.file = file;
	h->at = text + mark;
	h->end = text + len;
	h->nul = memchr(text, '\0', len);
}

bool
hints_next(struct hints *h, struct hint_fault *fault)
{
	h->found = false;
	while (!h->found && h->at < h->end)
		if (h->nul != NULL)
			hints_no_text(h);
		else
			hints_line(h);
	while (!h->found && h->looked_at < h->roots->name_count)
		hints_look_at_name(h, h->looked_at++);
	if (!h->found && !h->complete) {
		hints_drop_strangers(h);
		hints_look_at_families(h);
		h->complete = true;
	}
	*fault = h->fault;
	return h->found;
}

bool
hints_usable(const struct hints *h)
{
	assert(h->complete);
	return !h->faulty && h->roots->address_count > 0;
}

bool
hints_parse(
    const char *file, const char *text, size_t len, struct root_servers *roots)
{
	struct hint_fault fault;
	struct hints h;
	unsigned faults = 0;

	hints_begin(&h, file, text, len, roots);
	while (hints_next(&h, &fault))
		if (fault.error <= HINT_REFUSED && ++faults <= HINT_FAULTS_MAX)
			eventlog_hint_fault(&fault);
	if (h.faulty)
		eventlog_hints_rejected(file, faults);
	else if (roots->address_count == 0)
		eventlog_no_roots(file);
	return hints_usable(&h);
}

/* At this token of the line; one that it lacks gives the line. */
static void
hints_point(struct hints *h, unsigned token)
{
	static const struct token none;
	const struct token *t = token < h->count ? &h->tokens[token] : &none;

	h->fault.column =
	    t->text == NULL ? 1 : (unsigned)(t->text - h->line) + 1;
	h->fault.token = t->text;
	h->fault.token_len = t->len;
}

/* The line is faulty there. */
static void
hints_fault(struct hints *h, enum hint_error error, unsigned token)
{
	assert(!h->found);
	hints_point(h, token);
	h->found = true;
	h->fault.error = error;
	if (error < HINT_REFUSED && error != HINT_DIRECTIVE)
		h->faulty = true;
}

/* Some other file got the name of the hints: nothing of it is read. */
static void
hints_no_text(struct hints *h)
{
	const char *eol;

	do {
		h->fault.line++;
		h->line = h->at;
		eol = memchr(h->at, '\n', (size_t)(h->nul - h->at));
		h->at = eol != NULL ? eol + 1 : h->end;
	} while (eol != NULL);
	h->tokens[0] = (struct token){h->nul, 1};
	h->count = 1;
	hints_fault(h, HINT_NO_TEXT, 0);
}

/*
 * Cut the line at blanks; a comment or the end of the line ends it.  It has no
 * octet 0: a file with one is no text, and none of its lines is looked at.
 */
static void
hints_cut(struct hints *h, const char *line, const char *end)
{
	const char *at = line;

	h->line = line;
	h->count = h->next = 0;
	while (at < end && h->count < HINT_TOKENS_MAX) {
		struct token *t = &h->tokens[h->count];

		while (at < end && strchr(" \t\r", *at) != NULL)
			at++;
		if (at == end || *at == ';')
			break;
		t->text = at;
		while (at < end && strchr(" \t\r;", *at) == NULL)
			at++;
		t->len = (size_t)(at - t->text);
		h->count++;
	}
}

static bool
token_is(const struct token *t, const char *word)
{
	return strlen(word) == t->len &&
	    strncasecmp(t->text, word, t->len) == 0;
}

/* The token as a C string; what is too long gives "". */
static const char *
token_text(const struct token *t, char text[ADDRESS_TEXT_MAX])
{
	size_t len = t->len < ADDRESS_TEXT_MAX ? t->len : 0;

	memcpy(text, t->text, len);
	text[len] = '\0';
	return text;
}

static bool
token_is_number(const struct token *t)
{
	size_t i;

	for (i = 0; i < t->len; i++)
		if (t->text[i] < '0' || t->text[i] > '9')
			return false;
	return t->len > 0;
}

/* Of digits only, by token_is_number. */
static bool
token_fits_u32(const struct token *t)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < t->len && value <= UINT32_MAX; i++)
		value = 10 * value + (uint64_t)(t->text[i] - '0');
	return value <= UINT32_MAX;
}

/* TTL and class may both be left out and come in either order. */
static bool
hints_skip_ttl_class(struct hints *h)
{
	static const char *const others[] = {"CH", "CS", "HS", "ANY", "NONE"};
	size_t i;

	for (; h->next < h->count; h->next++) {
		const struct token *t = &h->tokens[h->next];

		if (token_is_number(t)) {
			if (!token_fits_u32(t)) {
				hints_fault(h, HINT_NUMBER, h->next);
				return false;
			}
			continue;
		}
		if (token_is(t, "IN"))
			continue;
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (token_is(t, others[i])) {
				hints_fault(h, HINT_CLASS, h->next);
				return false;
			}
		return true;
	}
	hints_fault(h, HINT_UNEXPECTED_END, h->count);
	return false;
}

/*
 * The index of the name, which is this token, in the set; new if need be, and
 * -1 if there is no room.
 */
static int
hints_name(struct hints *h, const struct name *name, unsigned token)
{
	struct root_servers *roots = h->roots;
	unsigned i;

	for (i = 0; i < roots->name_count; i++)
		if (name_equal(&roots->names[i], name))
			return (int)i;
	if (i == ROOTS_MAX)
		return -1;
	hints_point(h, token);
	h->first[i] = h->fault;
	h->is_ns[i] = false;
	roots->names[i] = *name;
	return (int)roots->name_count++;
}

static void
hints_add_ns(struct hints *h)
{
	static const struct name root = {.len = 1};
	const struct token *t = &h->tokens[h->next];
	struct name ns;
	int index;

	if (h->owner.len != 1) {
		hints_fault(h, HINT_UNEXPECTED_TOKEN, 0);
		return;
	}
	if (!name_from_text(t->text, t->len, &root, &ns)) {
		hints_fault(h, HINT_NAME, h->next);
		return;
	}
	index = hints_name(h, &ns, h->next);
	if (index < 0) {
		hints_fault(h, HINT_TOO_MANY, h->next);
		return;
	}
	if (h->is_ns[index])
		hints_fault(h, HINT_DUPLICATE, h->next);
	h->is_ns[index] = true;
}

static void
hints_add_address(struct hints *h, uint8_t family)
{
	struct root_servers *roots = h->roots;
	char text[ADDRESS_TEXT_MAX];
	struct address at;
	const char *class;
	unsigned i;
	int index;

	if (!address_from_text(token_text(&h->tokens[h->next], text), &at) ||
	    at.family != family) {
		hints_fault(
		    h, family == 4 ? HINT_ADDRESS : HINT_ADDRESS6, h->next);
		return;
	}
	at.port = DNS_PORT;
	class = address_fault(&at, true);
	if (class != NULL) {
		hints_fault(h, HINT_REFUSED, h->next);
		h->fault.ns = &h->owner;
		h->fault.addr = at;
		h->fault.class = class;
		return;
	}
	index = hints_name(
	    h, &h->owner, h->tokens[0].text == h->line ? 0 : h->count);
	if (index < 0 || roots->address_count == ROOT_ADDRESSES_MAX) {
		hints_fault(h, HINT_TOO_MANY, h->next);
		return;
	}
	for (i = 0; i < roots->address_count; i++)
		if (roots->addresses[i].ns == index &&
		    address_equal(&roots->addresses[i].at, &at)) {
			hints_fault(h, HINT_DUPLICATE, h->next);
			return;
		}
	roots->addresses[roots->address_count].at = at;
	roots->addresses[roots->address_count++].ns = (uint8_t)index;
}

/* Type and rdata; the next token is the type. */
static void
hints_record(struct hints *h)
{
	char text[ADDRESS_TEXT_MAX];
	uint16_t type;

	if (!type_from_text(token_text(&h->tokens[h->next], text), &type)) {
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next);
		return;
	}
	if (type != TYPE_NS && type != TYPE_A && type != TYPE_AAAA) {
		hints_fault(
		    h, type == TYPE_SOA ? HINT_SOA : HINT_TYPE, h->next);
		return;
	}
	if (++h->next == h->count)
		hints_fault(h, HINT_UNEXPECTED_END, h->count);
	else if (h->next + 1 < h->count)
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next + 1);
	else if (type == TYPE_NS)
		hints_add_ns(h);
	else
		hints_add_address(h, type == TYPE_A ? 4 : 6);
}

static void
hints_line(struct hints *h)
{
	static const struct name root = {.len = 1};
	const char *eol = memchr(h->at, '\n', (size_t)(h->end - h->at));

	h->fault.line++;
	hints_cut(h, h->at, eol != NULL ? eol : h->end);
	h->at = eol != NULL ? eol + 1 : h->end;
	if (h->count == 0)
		return;
	if (h->tokens[0].text[0] == '$') {
		hints_fault(h, HINT_DIRECTIVE, 0);
		/* Without the others, names would mean something else. */
		if (!token_is(&h->tokens[0], "$TTL"))
			h->faulty = true;
		return;
	}
	if (h->tokens[0].text == h->line) { /* not blank: an owner */
		if (!name_from_text(h->tokens[0].text, h->tokens[0].len, &root,
			&h->owner)) {
			hints_fault(h, HINT_NAME, 0);
			return;
		}
		h->next = 1;
	}
	if (h->owner.len == 0)
		hints_fault(h, HINT_UNEXPECTED_TOKEN, 0);
	else if (hints_skip_ttl_class(h))
		hints_record(h);
}

/* An NS record without an address, or the reverse? */
static void
hints_look_at_name(struct hints *h, unsigned i)
{
	const struct root_servers *roots = h->roots;
	unsigned k;

	for (k = 0; k < roots->address_count; k++)
		if (roots->addresses[k].ns == i)
			break;
	if (h->is_ns[i] && k < roots->address_count)
		return;
	h->fault = h->first[i];
	h->fault.error = h->is_ns[i] ? HINT_NS_ALONE : HINT_ADDRESS_ALONE;
	h->fault.ns = &roots->names[i];
	h->found = true;
}

/* A host may lose one of its families; hints had better have both. */
static void
hints_look_at_families(struct hints *h)
{
	const struct root_servers *roots = h->roots;
	unsigned i, six = 0;

	for (i = 0; i < roots->address_count; i++)
		six += roots->addresses[i].at.family == 6;
	if (i == 0 || (six > 0 && six < i))
		return;
	h->fault.error = six == 0 ? HINT_NO_IPV6 : HINT_NO_IPV4;
	h->fault.line = h->fault.column = 0;
	h->fault.token_len = 0;
	h->found = true;
}

/* Addresses of names that are no NS of the root, and the names, go. */
static void
hints_drop_strangers(struct hints *h)
{
	struct root_servers *roots = h->roots;
	uint8_t moved[ROOTS_MAX];
	unsigned i, names = 0, addresses = 0;

	for (i = 0; i < roots->name_count; i++) {
		moved[i] = (uint8_t)names;
		if (h->is_ns[i])
			roots->names[names++] = roots->names[i];
	}
	for (i = 0; i < roots->address_count; i++) {
		unsigned ns = roots->addresses[i].ns;

		if (!h->is_ns[ns])
			continue;
		roots->addresses[addresses] = roots->addresses[i];
		roots->addresses[addresses++].ns = moved[ns];
	}
	roots->name_count = names;
	roots->address_count = addresses;
}

bool
roots_hold(const struct root_servers *roots, const struct address *at)
{
	unsigned i;

	for (i = 0; i < roots->address_count; i++)
		if (address_equal(&roots->addresses[i].at, at))
			return true;
	return false;
}

unsigned
roots_add(const struct root_servers *before, const struct root_servers *after,
    struct address added[ROOT_ADDRESSES_MAX])
{
	unsigned i, count = 0;

	for (i = 0; i < after->address_count; i++)
		if (!roots_hold(before, &after->addresses[i].at))
			added[count++] = after->addresses[i].at;
	return count;
}

/* ---------------------------------------------------------------------------
 * The file that the hints are from, under the operator's hands.
 */

/* Of what stat or fstat gave. */
static struct look
look_make(int result, const struct stat *st)
{
	struct look l = {.err = 0};

	if (result < 0)
		l.err = errno;
	else if (S_ISDIR(st->st_mode))
		l.err = EISDIR;
	else if (!S_ISREG(st->st_mode))
		l.err = NO_REGULAR_FILE;
	else if (st->st_size > HINTS_OCTETS_MAX)
		l.err = EFBIG;
	if (l.err != 0)
		return l;
	l.device = st->st_dev;
	l.inode = st->st_ino;
	l.size = st->st_size;
	l.written = st->st_mtim;
	l.changed = st->st_ctim;
	return l;
}

static bool
time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
look_equal(const struct look *a, const struct look *b)
{
	return a->err == b->err && a->device == b->device &&
	    a->inode == b->inode && a->size == b->size &&
	    time_equal(&a->written, &b->written) &&
	    time_equal(&a->changed, &b->changed);
}

/* Octets of the file, as many as it should have; -1 sets errno. */
static ssize_t
descriptor_read(int fd, char *text, size_t len)
{
	size_t have = 0;
	ssize_t n;

	do {
		n = read(fd, text + have, len - have);
		have += n > 0 ? (size_t)n : 0;
	} while (have < len && (n > 0 || (n < 0 && errno == EINTR)));
	return n < 0 ? -1 : (ssize_t)have;
}

/*
 * The whole text of a file that looks so; 0, or an errno.  EAGAIN: it is not
 * that file any more.  Nothing here waits, even if it became a FIFO.
 */
static int
text_read(const char *path, const struct look *look)
{
	int fd =
	    file_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	struct look after;
	struct stat st;
	ssize_t len;
	int err = 0;

	if (fd < 0)
		return errno == EINTR ? EAGAIN : errno;
	len = descriptor_read(fd, hints.text, (size_t)look->size);
	if (len < 0)
		err = errno;
	after = look_make(fstat(fd, &st), &st);
	if (err == 0 && (len < look->size || !look_equal(look, &after)))
		err = EAGAIN;
	close(fd);
	return err;
}

const char *
hints_text(const char *path, size_t *len)
{
	struct stat st;
	struct look look = look_make(file_stat(path, &st), &st);
	int err = look.err != 0 ? look.err : text_read(path, &look);

	*len = (size_t)look.size;
	errno = err == NO_REGULAR_FILE ? 0 : err;
	return err == 0 ? hints.text : NULL;
}

/* Say why it cannot be read, once. */
static void
place_tell(struct place *p, int err)
{
	if (p->told == (uint64_t)err)
		return;
	p->told = (uint64_t)err;
	p->bad = true;
	eventlog_hints_missing(p->name, err == NO_REGULAR_FILE ? 0 : err);
}

/*
 * Is the text one to be judged?  Who writes a file in pieces seldom stops at
 * the end of a line.
 */
static bool
place_is_whole(const struct place *p)
{
	return (p->look.size > 0 && hints.text[p->look.size - 1] == '\n') ||
	    p->same >= HINTS_UNENDED_LOOKS;
}

/* Read the file as it looks now.  True: it has other, and good, hints. */
static bool
place_read(struct place *p, bool at_once)
{
	int err = text_read(p->path, &p->look);
	uint64_t hash;

	if (err == EAGAIN && !at_once)
		return false;
	if (err != 0) {
		place_tell(p, err);
		return false;
	}
	if (!at_once && !place_is_whole(p))
		return false;
	p->settled = !at_once;
	hash = hash_keyed(hints.text, (size_t)p->look.size, self.options.key);
	if (p->told == hash)
		return false;
	p->told = hash;
	p->bad = !hints_parse(
	    p->name, hints.text, (size_t)p->look.size, &hints.draft);
	return !p->bad;
}

/*
 * What cannot be read is tried again at each look.  What is bad is told once,
 * and again to an operator who asks.
 */
static bool
place_look(struct place *p, bool at_once)
{
	struct stat st;
	struct look look = look_make(file_stat(p->path, &st), &st);

	if (at_once && p->bad)
		p->told = 0;
	if (!look_equal(&look, &p->look)) {
		p->look = look;
		p->same = 0;
		p->settled = false;
	} else {
		p->same++;
	}
	if (!at_once && (p->same == 0 || p->settled))
		return false;
	if (look.err == 0)
		return place_read(p, at_once);
	place_tell(p, look.err);
	return false;
}

/* Of places that have good hints the first is used, as at a start. */
bool
hints_look(bool at_once)
{
	unsigned i;

	for (i = 0; i < hints.count && i <= hints.in_use; i++)
		if (place_look(&hints.places[i], at_once)) {
			hints.in_use = i;
			hints.roots = hints.draft;
			return true;
		}
	return false;
}

/* The path from the root, unless that is longer than any path can be. */
static void
path_complete(const char *path, char name[PATH_MAX])
{
	bool has_root = path[0] == '/' || getcwd(name, PATH_MAX) == NULL;
	size_t len = has_root || name[1] == '\0' ? 0 : strlen(name);

	if (len + 1 + strlen(path) >= PATH_MAX)
		has_root = true;
	if (has_root)
		snprintf(name, PATH_MAX, "%s", path);
	else
		snprintf(name + len, PATH_MAX - len, "/%s", path);
}

static void
place_add(const char *path)
{
	struct place *p = &hints.places[hints.count++];

	memset(p, 0, sizeof(*p));
	p->path = path;
	path_complete(path, p->name);
}

const char *
hints_place(unsigned n)
{
	static const char *const places[HINTS_PLACES_MAX] = {
	    "cache.dns", SYSCONFDIR "/dns/cache.dns"};

	return n < HINTS_PLACES_MAX ? places[n] : NULL;
}

/* A default place without a file is nothing to tell; all of them are. */
static bool
hints_open_default(void)
{
	unsigned i;

	for (i = 0; hints_place(i) != NULL; i++) {
		place_add(hints_place(i));
		hints.places[i].told = ENOENT;
	}
	hints.in_use = hints.count;
	if (hints_look(true))
		return true;
	for (i = 0; i < hints.count && hints.places[i].told == ENOENT; i++)
		;
	if (i == hints.count)
		eventlog_hints_missing(hints.places[0].name, ENOENT);
	return false;
}

bool
hints_open(const char *named)
{
	hints.count = hints.in_use = 0;
	if (named != NULL) {
		place_add(named);
		return hints_look(true);
	}
	if (!hints_open_default() &&
	    !hints_parse(
		"compiled-in", compiled_in, sizeof(compiled_in), &hints.roots))
		abort(); /* cache.dns was bad when we were built */
	return true;
}

const struct root_servers *
hints_roots(void)
{
	return &hints.roots;
}

const char *
hints_file(void)
{
	return hints.in_use < hints.count ? hints.places[hints.in_use].name
					  : "compiled-in";
}

const char *
hints_bad_file(void)
{
	unsigned i;

	for (i = 0; i < hints.count && i <= hints.in_use; i++)
		if (hints.places[i].bad)
			return hints.places[i].name;
	return NULL;
}

/* ---------------------------------------------------------------------------
 * Chance: octets from the kernel, many at a time.
 */

/*
 * The kernel gave us a key at the start; should it ever give no more, that key
 * and a counter still make what nobody outside can guess (attacks.md I11).
 */
static void
random_stretch(void)
{
	size_t i;

	for (i = 0; i < RANDOM_POOL; i++) {
		self.stretched++;
		self.random[i] = (uint32_t)hash_keyed(
		    &self.stretched, sizeof(self.stretched), self.options.key);
	}
}

static void
random_fill(void)
{
	uint8_t *octets = (uint8_t *)self.random;
	size_t have = 0;

	while (have < sizeof(self.random)) {
		ssize_t n =
		    getrandom(octets + have, sizeof(self.random) - have, 0);

		if (n > 0) {
			have += (size_t)n;
		} else if (errno != EINTR) {
			random_stretch();
			break;
		}
	}
	self.random_left = RANDOM_POOL;
}

static SELDOM uint32_t
random_anew(void)
{
	random_fill();
	return self.random[--self.random_left];
}

uint32_t
random_u32(void)
{
	return self.random_left > 0 ? self.random[--self.random_left]
				    : random_anew();
}

uint64_t
random_u64(void)
{
	uint64_t high = random_u32();

	return high << 32 | random_u32();
}

/* Below bound, each as likely to within 2^-32 of a bound. */
uint32_t
random_below(uint32_t bound)
{
	assert(bound > 0);
	return (uint32_t)((uint64_t)random_u32() * bound >> 32);
}
