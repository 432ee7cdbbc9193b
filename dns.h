/*
 * dns.h -- the whole server on one page.
 *
 *	dns.c		clients: the loop, questions in, answers out
 *	control.c	the operator: the command line, and what it names
 *	referral.c	the walk from the root hints down to an answer
 *	server.c	name servers: hints, addresses, round-trip times
 *	cache.c		what is known, how well, and until when
 *	eventlog.c	what an operator should know, one line each
 *	message.c	octets to names, numbers and records, and back
 *	confine.c	what the server gives up: root, files, system calls
 *
 * A question is answered from the cache.  If the cache has no answer, the
 * question waits and a walk goes out to fill the cache; when the walk is done
 * the question is answered from the cache after all.  Calls go down this list,
 * never up.  Nothing is allocated once the loop runs.  Time is now_ms, read
 * once for each turn of the loop and handed down.
 */
#ifndef DNS_H
#define DNS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Of a function that most hits do not come to: were it a part of one that a hit
 * goes through, each hit would save its registers and guard its frame.
 */
#define SELDOM __attribute__((noinline))

/*
 * Limits.  Each is enforced in one place and says why it is what it is.
 */
enum {
	/* The wire (RFC 1035 2.3.4, 4.1.1). */
	HEADER_LEN = 12,
	NAME_LEN_MAX = 255,
	LABEL_LEN_MAX = 63,
	LABELS_MAX = 128, /* 127 of one octet, and the root */
	MESSAGE_MAX = 65535,
	UDP_PLAIN_MAX = 512, /* without EDNS */
	UDP_EDNS_MAX = 1232, /* RFC 9715: never a fragment, either way */

	/* Work on one message. */
	HOPS_MAX = 64,       /* pointers in one name; honest senders use 1 */
	WORK_PER_OCTET = 32, /* to expand names; the honest worst case is 21 */
	RECORDS_MAX = 2048,  /* read of one message; 64 KiB can hold 5461 */
	EDNS_OPTIONS_MAX = 64,  /* read of one OPT: CVE-2026-41292 */
	NAMES_REMEMBERED = 120, /* for compression: CVE-2024-8508 */

	/* Cookies (RFC 7873 4, RFC 9018 4): a client's, then a server's. */
	COOKIE_CLIENT_LEN = 8,
	COOKIE_MAX = 40,
	COOKIE_LEN = 24,       /* with ours */
	COOKIE_PAST_S = 3600,  /* RFC 9018 4.3: so old ... */
	COOKIE_FUTURE_S = 300, /* ... or so young by our clock it may be */
	COOKIE_SECRET_S = 30 * 86400 /* RFC 9018 5: roll it once a month */
};

enum {
	/* What is kept. */
	RRSET_RECORDS_MAX = 100,   /* CVE-2024-1737 */
	RRSET_SIGNATURES_MAX = 8,  /* two algorithms in a double roll-over */
	PROOFS_MAX = 128,          /* in one answer; an alias has some 8 */
	ENTRY_MAX = 65536,         /* no RRset outgrows a message */
	TTL_MAX_S = 86400,         /* a day, as Unbound and PowerDNS */
	TTL_NEGATIVE_MAX_S = 3600, /* RFC 2308 5: one to three hours */
	TTL_DELEGATION_MAX_S = 604800, /* and never more than the parent's */
	NOTHING_BELOW_MAX_S = 300,     /* RFC 8020, of which nobody has proof */
	PREFETCH_LEFT_S = 2,    /* BIND: asked for anew so near its end ... */
	PREFETCH_TTL_MIN_S = 9, /* ... what lived for so long */
	TTL_NO_SOA_S = 5,       /* a negative answer nobody vouches for */
	TTL_LOCAL_S = 10800,    /* RFC 6303 3: of names answered here */
	CACHE_FILE_BLOCK = 64 << 10, /* read at once: some 0.3 ms of work */
	CACHE_FILE_MS_MAX = 1000,    /* the end waits no longer for it */
	FAILURE_MIN_S = 5,           /* RFC 9520 3.2: doubling from 5 s ... */
	FAILURE_MAX_S = 300,         /* ... to five minutes at the most */
	FAILURES_MAX = 4096,         /* 1.7 MB that attackers may fill */
	CHAIN_MAX = 64,              /* entries looked at for one hash */
	LOOKED_UP_MAX = 64, /* special names that the operator has looked up */
	FORWARD_ZONES_MAX = 64, /* each is compared with all that is sought */
	RESCUES_MAX = 8,        /* second chances in one store: 53 % hits */
	CACHE_GIB_MAX = 32,     /* as much as an index of 32 bits can count */
	CACHE_OCTETS_MIN = 1 << 20,
	CACHE_OCTETS_DEFAULT = 64 << 20
};

enum {
	/* One client query, all that it sets off included. */
	QUERY_SENDS_MAX = 100,        /* Knot; half of BIND's after CAMP */
	QUERY_MS_MAX = 8000,          /* less than two stub retries */
	QUERY_OCTETS_MAX = 128 << 10, /* received from authorities */
	QUERY_STORED_MAX = 128 << 10, /* put into the cache: CacheFlush */
	QUERY_NS_LOOKUPS_MAX = 10,    /* NS names looked up: NXNSAttack */
	QUERY_NS_FRUITLESS_MAX = 5,   /* of these without an address */
	NAME_SENDS_MAX = 50,          /* between two aliases */
	NAME_REFERRALS_MAX = 30,      /* real trees have less than ten */
	PROBES_MAX = 10,              /* for zone cuts: RFC 9156 2.3 ... */
	PROBES_OF_ONE_LABEL = 4,      /* ... the first of them */
	PROBE_TIMEOUTS_MAX = 3,       /* then the whole name: Unbound */
	ALIASES_MAX = 11,             /* CNAME and DNAME: BIND, Unbound */
	WALK_DEPTH_MAX = 6,           /* walks waiting on walks */
	WALK_STEPS_MAX = 512,         /* of the state machine: a backstop */

	/* One zone, for one walk. */
	ZONE_SENDS_MAX = 16,
	ZONE_ADDRESSES_ASKED_MAX = 13,
	ZONE_NS_LOOKUPS_MAX = 4,     /* by one walk for one zone ... */
	ZONE_NS_LOOKUPS_AT_ONCE = 2, /* ... and out at the same time */
	SLIST_NS_MAX = 13,           /* a random sample of the delegation */
	SLIST_ADDRESSES_MAX = 26,    /* 13 names in both families */
	NS_FAMILY_ADDRESSES_MAX = 4, /* of one NS name, each family */
	ADDRESS_SENDS_MAX = 2 /* one query, UDP or TCP: RFC 9520 3.1: 3 */
};

enum {
	/* Name servers. */
	SERVERS_MAX = 16384, /* addresses whose RTT is remembered */
	SERVERS_WAYS = 8,
	LAME_MAX = 4096,    /* (zone, address) pairs remembered */
	RTO_FIRST_MS = 400, /* of an unknown server: Knot */
	RTO_MIN_MS = 100,
	RTO_MAX_MS = 3000,
	SILENT_MS = 1400,  /* for each server; then none is tried again */
	TRIES_FIT = 4,     /* in that, whatever was lost before */
	RTO_SLACK_MS = 40, /* RFC 6298 2.3: G, for what jitter there is */
	/*
	 * Servers so little farther than the nearest are as good: who would
	 * forge or steer has to reckon with each.  It costs no time
	 * where they are 5 to 150 ms away: half of the names take as long with
	 * 0 to 40, and a seventh longer with 50 (bench/, latency).
	 */
	BAND_MS = 30,
	EXPLORE_PERCENT = 5, /* of the choices go outside the band */
	DEAD_AFTER = 8,      /* timeouts in a row, and the more ... */
	DEAD_AFTER_MAX = 32, /* ... the more are lost of what is answered */
	HOLD_MIN_S = 5,      /* then one probe in 5 s ... */
	HOLD_MAX_S = 300,    /* ... doubling to 300 s: RFC 9520 3.2 */
	LAME_HOLD_S = 900,   /* Unbound's */
	CHOKES_S = 900,      /* on EDNS or the like: servers get mended */
	EDNS_SHOWN_S = 3600, /* after that long a lack of it is believed */
	CHOKES_AFTER = 2,    /* in a row, unless it says so; one is chance */
	PORT_TRIES_MAX = 8,  /* random source ports found in use */
	KERNEL_PORTS_MIN = 60000,   /* 64,512 would be all: a tenth of a bit */
	OUTLETS_RESTING_MAX = 1024, /* some 3 KB each, of the kernel's */
	FORWARDERS_MAX = 8,         /* of one zone: they fit one slist */
	ROOTS_MAX = 32, /* names in the hints; the Internet has 13 */
	ROOT_ADDRESSES_MAX = 64,
	PRIME_RETRY_S = 10,      /* after all roots were silent */
	OFFLINE_RETRY_MIN_S = 1, /* doubling, while no root can be sent to */
	OFFLINE_RETRY_MAX_S = 60,
	OWN_ADDRESSES_MAX = 1024, /* more are rounded to networks */
	NETWORK_READ_MS = 100,    /* routes may change all the time */
	NETWORK_RETRY_MS = 1000,
	ALLOWED_PREFIXES_MAX = 64,
	DNS_PORT = 53,

	/* The hints file. */
	HINTS_OCTETS_MAX = 1 << 20, /* the Internet's has 3,311 */
	HINT_FAULTS_MAX = 20,       /* told of one file: it may be a letter */
	HINTS_UNENDED_LOOKS = 5,    /* a last line without its end may grow */
	HINTS_PLACES_MAX = 2,
	LOOK_MS = 1000,      /* between looks at hints and event log */
	RELOAD_MIN_MS = 100, /* however many SIGHUPs come: attacks.md I14 */

	/* Connections to name servers (RFC 7766 6.2). */
	TCP_OUT_MAX = 64,          /* few replies need one; 66 KB each */
	TCP_OUT_ADDRESS_MAX = 2,   /* one may be stuck: 6.2.2 wants few */
	TCP_OUT_QUERIES_MAX = 128, /* out on one: searched for each reply */
	TCP_CONNECT_MS = 2000,     /* a lost SYN is sent again after 1 s */
	TCP_OUT_IDLE_MS = 10000,   /* RFC 9210 4.5: servers wait as long */
	NO_TCP_AFTER = 2,          /* failures in a row; one may be chance */
	NO_TCP_S = 900,            /* a firewall gets mended */

	/* Tables and turns. */
	WALKS_MAX = 4096,         /* open at once: one descriptor each */
	WALKS_OVER_MAX = 64,      /* remembered for the operator */
	ZONE_QUERIES_MAX = 200,   /* out to one zone, once half are open ... */
	SERVER_QUERIES_MAX = 100, /* ... to one server: water torture */
	WAITERS_MAX = 24576,      /* one a client, two a walk */
	QUERIES_MAX = 16384,      /* clients that wait, some 600 octets each */
	WISHES_MAX = 64,          /* noted in a turn of what is at its end */
	QUERY_AGE_MIN_MS = 200,   /* younger ones are not displaced */
	CLIENT_QUERIES_MAX = 128, /* waiting, of one client, once half wait */
	CLIENT_LATE_MS = 1900,    /* then too late over UDP: he asked again */
	/* Octets of answers over UDP to a network, beyond those it asked. */
	CLIENT_GAIN_S_MAX = 100 << 10, /* in a second ... */
	CLIENT_GAIN_MAX = 1 << 20,     /* ... and at once */
	LISTENERS_MAX = 64,
	KEPT_MAX = 8,          /* directories of files that are opened later */
	EVENTS_MAX = 256,      /* seen in a turn, so that answers do not wait */
	UNSEEN_TURNS_MAX = 24, /* full ones: each descriptor has been seen */
	BATCH = 64,            /* datagrams a socket a turn */
	QUEUE_OCTETS = 4 << 20, /* of the kernel's: a burst of 5,000 waits */
	DESCRIPTORS_SPARE = 64,
	DESCRIPTORS_SHARED_MIN = 64 /* by walks and clients over TCP */
};

enum {
	/* Clients over TCP (RFC 7766, 9210). */
	CONNECTIONS_MAX = 2048,      /* one descriptor each */
	CLIENT_CONNECTIONS_MAX = 25, /* RFC 9210 4.5; once half are taken */
	CONNECTION_QUERIES_MAX = 64, /* of one that wait for walks */
	CONNECTION_BATCH = 16,       /* messages of one in a turn */
	MESSAGE_MS_MAX = 5000,       /* from its first octet: slowloris */
	IDLE_MS_MAX = 10000,         /* RFC 9210 4.5; falling to ... */
	IDLE_MS_MIN = 1000,          /* ... as the places fill */
	STUCK_MS_MAX = 5000,         /* and nothing of an answer taken */
	BACKLOG_MAX = 128 << 10,     /* octets of answers not taken */
	BACKLOG_BLOCK = 4080,        /* they lie in blocks that all share */
	BACKLOG_BLOCKS = 1024,       /* 4 MiB: 32 that do not read */
	SEND_BUFFER = 64 << 10,      /* the kernel's, else megabytes; ... */
	RECEIVE_BUFFER = 8 << 10,    /* ... it doubles both */
	ACCEPT_QUEUE = 512,          /* connections not accepted yet */
	ACCEPT_PAUSE_MS = 50         /* when no descriptor is left */
};

enum {
	/* The operator's commands. */
	COMMANDS_MAX = 4,         /* at once; each needs its buffer */
	COMMAND_LINE_MAX = 1200,  /* a fully escaped name takes 1 KiB */
	COMMAND_IDLE_MS = 300000, /* who pages through a dump may rest */
	COMMAND_LOOKS = 1024,     /* places looked at in a turn ... */
	COMMAND_SLICE = 64 << 10, /* ... or octets of text, and one thing */
	COMMAND_TEXT_MAX = 1 << 20,
	METRICS_MS = 15000,       /* Prometheus asks as often */
	METRICS_TEXT_MAX = 65536, /* it takes a fifth of that */
	ADDRESS_CLASSES_MAX = 64, /* words for class=, of which 45 exist */
	TOOK_MAX = 16,            /* 0, 1, 2, 4, ... 8192 ms, and more */

	/* The event log. */
	LOG_LINE_MAX = 2048,    /* a fully escaped name takes 1 KiB */
	LOG_BUFFER = 256 << 10, /* lines that wait for the file */
	LOG_WINDOW_S = 900,     /* one line and one fold of it: 15 minutes */
	LOG_FOLDS_MAX = 1024,   /* subjects folded at once */
	LOG_GATE_LINES = 100,   /* of one id in a window */
	EDE_TEXT_MAX = 120
};

/*
 * Numbers of the protocol, by their IANA names.
 */
enum rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_YXDOMAIN = 6,
	RCODE_BADVERS = 16,
	RCODE_BADCOOKIE = 23
};

enum {
	TYPE_ZONE = 0, /* no type, and so free for the cache's failures */
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_RRSIG = 46,
	TYPE_NSEC = 47,
	TYPE_DNSKEY = 48,
	TYPE_NSEC3 = 50,
	TYPE_NXNAME = 128,
	TYPE_TKEY = 249,
	TYPE_TSIG = 250,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_MAILB = 253,
	TYPE_MAILA = 254,
	TYPE_ANY = 255,
	CLASS_IN = 1,
	CLASS_CHAOS = 3
};

/* Extended errors, RFC 8914 4 and 9824. */
enum {
	EDE_NONE = 0xffff,
	EDE_OTHER = 0,
	EDE_CACHED_ERROR = 13,
	EDE_NOT_READY = 14,
	EDE_PROHIBITED = 18,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_NO_REACHABLE_AUTHORITY = 22,
	EDE_NETWORK_ERROR = 23,
	EDE_INVALID_QUERY_TYPE = 30
};

/* A name in wire form without pointers; len 1 is the root, 0 is none. */
struct name {
	uint8_t len;
	uint8_t wire[NAME_LEN_MAX];
};

/* An address and port; family 4 or 6, 0 is none. */
struct address {
	uint8_t family;
	uint8_t ip[16]; /* 4 or 16 of them, network order, the rest zero */
	uint16_t port;
};

struct prefix {
	struct address address; /* port is not used */
	uint8_t bits;
};

/* A zone, and who is asked for all that is in it (RFC 1034 5.3.1). */
struct forward {
	struct name zone;
	struct address at[FORWARDERS_MAX];
	unsigned count; /* one at least */
};

/*
 * Timers: a queue holds timers of one length, so that arming is appending and
 * the next one due is the head.
 */
struct timer {
	struct timer *prev, *next; /* NULL: not armed */
	uint64_t due_ms;
};

struct timer_queue {
	struct timer head;
	uint64_t span_ms;
};

static inline void
timer_queue_init(struct timer_queue *q, uint64_t span_ms)
{
	q->head.prev = q->head.next = &q->head;
	q->span_ms = span_ms;
}

static inline void
timer_disarm(struct timer *t)
{
	if (t->next == NULL)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->prev = t->next = NULL;
}

static inline void
timer_arm(struct timer_queue *q, struct timer *t, uint64_t now_ms)
{
	timer_disarm(t);
	t->due_ms = now_ms + q->span_ms;
	assert(q->head.prev == &q->head || q->head.prev->due_ms <= t->due_ms);
	t->prev = q->head.prev;
	t->next = &q->head;
	t->prev->next = t;
	t->next->prev = t;
}

/* The first timer of the queue, armed or due; NULL if there is none. */
static inline struct timer *
timer_first(const struct timer_queue *q)
{
	return q->head.next == &q->head ? NULL : q->head.next;
}

/*
 * What epoll hands back: who it is for, and which life of the slot, so that
 * an event for a descriptor closed in the same turn finds nobody.
 */
enum tag_kind {
	TAG_SIGNAL,
	TAG_NETWORK,
	TAG_LISTENER,
	TAG_TCP_LISTENER,
	TAG_CLIENT,
	TAG_CONTROL,    /* control.c's */
	TAG_UPSTREAM,   /* referral.c's: datagrams for a walk ... */
	TAG_CONNECTION, /* ... and connections that walks share */
};

static inline uint64_t
tag_make(enum tag_kind kind, uint32_t generation, uint32_t index)
{
	assert(index < 1u << 24);
	return (uint64_t)kind << 56 | (uint64_t)index << 32 | generation;
}

static inline enum tag_kind
tag_kind(uint64_t tag)
{
	return (enum tag_kind)(tag >> 56);
}

static inline uint32_t
tag_index(uint64_t tag)
{
	return (uint32_t)(tag >> 32) & 0xffffff;
}

static inline uint32_t
tag_generation(uint64_t tag)
{
	return (uint32_t)tag;
}

/* Why a question has no answer: an extended error and its text. */
struct reason {
	uint16_t ede;
	char text[EDE_TEXT_MAX + 1];
};

/* ---------------------------------------------------------------------------
 * message.c: everything about octets.  Holds no state.
 */

/*
 * A reader goes over octets it cannot change, a writer fills octets it owns.
 * Both fail once and stay failed: a failed read gives zero and takes nothing,
 * a failed write adds nothing.  Ask `failed` before using what was read.
 * Invariant: at <= len, and len <= max.
 */
struct reader {
	const uint8_t *base;
	size_t len, at;
	size_t work; /* spent on expanding names, see WORK_PER_OCTET */
	bool failed;
};

/* Where names stand in a message; 0 is none: no name stands in the header. */
struct compressor {
	uint16_t first; /* name that was written */
	bool begun;     /* there were others, and the table counts */
	uint16_t count;
	uint16_t offsets[256]; /* by the hash of a suffix */
};

struct writer {
	uint8_t *base;
	size_t max, len;
	struct compressor *names; /* NULL: write_name never makes a pointer */
	bool failed;
};

/* RFC 1035 4.1.1, RFC 4035 3.1.6, 3.2.2. */
enum {
	FLAG_QR = 0x8000, /* it is a response */
	FLAG_AA = 0x0400, /* authoritative answer */
	FLAG_TC = 0x0200, /* truncated */
	FLAG_RD = 0x0100, /* recursion desired */
	FLAG_RA = 0x0080, /* recursion available */
	FLAG_Z = 0x0040,  /* anything, and always 0 from us */
	FLAG_AD = 0x0020, /* authentic data */
	FLAG_CD = 0x0010, /* checking disabled */
	FLAGS_OPCODE = 0x7800,
	FLAGS_RCODE = 0x000f,
	OPCODE_SHIFT = 11
};

struct header {
	uint16_t id, flags; /* without FLAG_Z */
	uint16_t questions, answers, authorities, additionals;
};

struct question {
	struct name name; /* as spelled */
	uint16_t type, class;
};

/* As much of it as there is: most names are short. */
static inline void
name_copy(struct name *to, const struct name *from)
{
	to->len = from->len;
	memcpy(to->wire, from->wire, from->len);
}

static inline void
question_copy(struct question *to, const struct question *from)
{
	name_copy(&to->name, &from->name);
	to->type = from->type;
	to->class = from->class;
}

/* A record as it lies in a message; rdata begins at an offset of it. */
struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	uint16_t rdata_at, rdata_len;
};

/* What an OPT record says (RFC 6891); absent is all zero. */
struct edns {
	bool present;
	bool dnssec_ok;
	uint8_t version;
	uint8_t rcode_high;  /* the upper eight bits of the rcode */
	uint16_t udp_max;    /* at least UDP_PLAIN_MAX */
	bool keepalive;      /* has edns-tcp-keepalive (RFC 7828) */
	uint16_t idle_100ms; /* its time, when it is written */
	uint8_t cookie_len;  /* 0: none; 8, or 16 to 40 */
	uint8_t cookie[COOKIE_MAX];
};

static inline bool
header_is(const struct header *h, uint16_t flag)
{
	return (h->flags & flag) != 0;
}

static inline void
header_set(struct header *h, uint16_t flag, bool set)
{
	h->flags = (uint16_t)(set ? h->flags | flag : h->flags & ~flag);
}

static inline unsigned
header_opcode(const struct header *h)
{
	return (h->flags & FLAGS_OPCODE) >> OPCODE_SHIFT;
}

/* The lower four bits of the rcode (RFC 6891 6.1.3). */
static inline uint8_t
header_rcode(const struct header *h)
{
	return h->flags & FLAGS_RCODE;
}

static inline void
header_set_rcode(struct header *h, unsigned rcode)
{
	header_set(h, FLAGS_RCODE, false);
	h->flags |= (uint16_t)(rcode & FLAGS_RCODE);
}

static inline void
reader_init(struct reader *r, const uint8_t *base, size_t len)
{
	*r = (struct reader){.base = base, .len = len};
}

const uint8_t *read_bytes(struct reader *, size_t n); /* NULL once failed */
uint8_t read_u8(struct reader *);
uint16_t read_u16(struct reader *);
uint32_t read_u32(struct reader *);

/* The octets of an address, which gets port 53. */
void read_address(struct reader *, uint8_t family, struct address *);

/* What has its length before it, in two octets, as rdata in the cache. */
struct reader read_stored(struct reader *);

/* RFC 1035 4.1.4: pointers lead strictly backwards; fails on anything else. */
bool read_name(struct reader *, struct name *);
bool read_header(struct reader *, struct header *);
bool read_question(struct reader *, struct question *);

/* Read a record and step over its rdata. */
bool read_record(struct reader *, struct record *);

/*
 * Write the rdata of a record of this message without compression.  False if
 * it does not have exactly the shape of its type (RFC 1035 3.3, RFC 3597 4);
 * the writer is then as it was.  Work on names is charged to the reader.
 */
bool read_rdata(struct reader *message, const struct record *, struct writer *);

/* The OPT record's meaning; false if it is malformed (RFC 6891 6.1.2). */
bool read_edns(
    const struct reader *message, const struct record *, struct edns *);

/* The sections of a response behind its question. */
enum section {
	SECTION_ANSWER,
	SECTION_AUTHORITY,
	SECTION_ADDITIONAL,
	SECTIONS
};

/* A response taken apart.  Records lie in the order of the message. */
struct response {
	struct reader message;
	struct header header;
	struct question question;
	struct edns edns;
	unsigned ends[SECTIONS]; /* of each section in records */

	/*
	 * It came from a forwarder, which tells what others told it: its AA,
	 * and whose the SOA is, mean nothing.  Not set by response_parse.
	 */
	bool forwarded;
	uint64_t types; /* a bit for each type of a record in it */
	struct record records[RECORDS_MAX];
};

/* Records of a section that are left to look through. */
struct records_left {
	const struct response *of;
	unsigned at, end;
};

/*
 * False if the octets are no message with one question, break off before their
 * end without saying so (TC), or go on behind the last record.  Of very many
 * records the first are read.  FORMERR and NOTIMP may come without the
 * question; its name.len is then 0.
 */
bool response_parse(struct response *, const uint8_t *, size_t len);

static inline struct records_left
response_section(const struct response *r, enum section section)
{
	assert(section < SECTIONS);
	return (struct records_left){
	    r, section > 0 ? r->ends[section - 1] : 0, r->ends[section]};
}

/* In struct response's types; some types share one. */
static inline uint64_t
type_bit(uint16_t type)
{
	return UINT64_C(1) << type % 64;
}

/*
 * The next IN record of this type, or ANY, and owner, or NULL for any owner.
 * Most types that are looked for stand nowhere in a response, which is seen at
 * once.
 */
const struct record *records_find(
    struct records_left *, const struct name *owner, uint16_t type);

static inline const struct record *
records_next(struct records_left *s, const struct name *owner, uint16_t type)
{
	return s->of->types & type_bit(type) ? records_find(s, owner, type)
					     : NULL;
}

/* Reads the rdata in place: names in it may lead back into the message. */
struct reader record_rdata(const struct response *, const struct record *);

static inline void
writer_init(struct writer *w, uint8_t *base, size_t max)
{
	*w = (struct writer){.base = base, .max = max};
}

/* Let names in this message be compressed; the table is the caller's. */
static inline void
writer_compress(struct writer *w, struct compressor *names)
{
	names->first = 0;
	names->begun = false;
	w->names = names;
}

void write_bytes(struct writer *, const void *, size_t n);
void write_u8(struct writer *, uint8_t);
void write_u16(struct writer *, uint16_t);
void write_u32(struct writer *, uint32_t);
void write_header(struct writer *, const struct header *);
void write_header_again(struct writer *, const struct header *); /* over it */

/* The name with a pointer where one is allowed and the same octets stand. */
void write_name(struct writer *, const struct name *);
void write_question(struct writer *, const struct question *);

/*
 * Rdata as read_rdata left it: with its length in front, and with compressed
 * names in the types that may have them (RFC 3597 4).
 */
void write_rdata(struct writer *, uint16_t type, struct reader *rdata);

/* A record but for its rdata. */
struct record_head {
	const struct name *owner;
	bool owner_first; /* of all but the root it was written first */
	uint16_t type, class;
	uint32_t ttl_s;
};

/* A record with such rdata; and as many as there is stored rdata (cache.c). */
void write_rr(
    struct writer *, const struct record_head *, struct reader *rdata);
void write_rrset(struct writer *, const struct record_head *, unsigned count,
    struct reader *stored);
void write_opt(struct writer *, const struct edns *, const struct reason *why,
    size_t why_count);

/* Put a 16-bit number where one was written before. */
void write_u16_at(struct writer *, size_t at, uint16_t);

/* Forget what was written after mark; a failed writer is well again. */
void write_back_to(struct writer *, size_t mark);

/* Names (RFC 4343: only A to Z fold). */
bool name_equal(const struct name *, const struct name *);
bool name_within(const struct name *, const struct name *zone); /* or equal */
void name_fold(const struct name *, struct name *); /* in lower case */
size_t name_labels(const struct name *);            /* without the root's */

/*
 * Turn letters into their other case.  Whether one is turned is for one of the
 * bits to say, and for another one with each of 64 octets.
 */
void name_spell(struct name *, uint64_t bits);

/* The name without its first labels; more than it has gives the root. */
void name_parent(const struct name *, size_t labels, struct name *);

/* The last len octets of the name, which begin with a label. */
void name_suffix(const struct name *, size_t len, struct name *);

/*
 * RFC 6672 2.2: name with its end `owner` replaced by `target`.  False if
 * that is too long (YXDOMAIN).  Name must be strictly below owner.
 */
bool name_substitute(const struct name *, const struct name *owner,
    const struct name *target, struct name *);
uint64_t name_hash(const struct name *, const uint8_t key[16]);

/* Of the name that begins there in it, with a label. */
uint64_t name_hash_at(const struct name *, size_t at, const uint8_t key[16]);

/* SipHash-1-3: fast, and not to be steered without the key. */
uint64_t hash_keyed(const void *, size_t, const uint8_t key[16]);

/*
 * RFC 9018: the cookie of a server that remembers no client.  now_s is the
 * time since 1970.  Put ours behind the client's, for an answer to him; and
 * is what he sent one of ours, and not too old?
 */
void cookie_renew(struct edns *, const struct address *client, uint32_t now_s,
    const uint8_t secret[16]);
bool cookie_is_ours(const struct edns *, const struct address *client,
    uint32_t now_s, const uint8_t secret[16]);

/*
 * RFC 9018 5: the secret rolls over to a fresh one once a month, and the one
 * before holds for as long as a cookie does.  Begin with all 0 and roll.
 */
struct cookie_secrets {
	uint8_t now[16], before[16];
	uint64_t until_ms, before_until_ms;
};
void cookie_secrets_roll(
    struct cookie_secrets *, const uint8_t fresh[16], uint64_t now_ms);
bool cookie_is_of(const struct cookie_secrets *, const struct edns *,
    const struct address *client, uint32_t now_s, uint64_t now_ms);

enum {
	NAME_TEXT_MAX = 1017, /* 4 a wire octet at the worst, and the NUL */
	ADDRESS_TEXT_MAX = 56,
	TYPE_TEXT_MAX = 12
};

/*
 * Text.  Octets outside 33 to 126 become \DDD, and the characters that mean
 * something in a master file get a backslash.  All give their buffer back.
 */
const char *name_text(const struct name *, char text[NAME_TEXT_MAX]);
const char *type_text(uint16_t, char text[TYPE_TEXT_MAX]);
const char *rcode_text(uint8_t rcode);

/* "192.0.2.1" and "2001:db8::1"; with the port "192.0.2.1:53", "[..]:53". */
const char *address_text(const struct address *, char text[ADDRESS_TEXT_MAX]);
const char *address_port_text(
    const struct address *, char text[ADDRESS_TEXT_MAX]);

/* Of a name server: with the port where it is not the one of all others. */
const char *address_server_text(
    const struct address *, char text[ADDRESS_TEXT_MAX]);

/*
 * Records in master-file form, without the end of the line: "owner TTL class
 * type rdata", all IN, and rdata alone.  It is as read_rdata left it.  Of a
 * type that is not known here, or where it does not have the shape of its type
 * or its text no room, it is told octet by octet (RFC 3597 5).
 */
void write_record_text(struct writer *, const struct name *owner,
    uint32_t ttl_s, uint16_t type, struct reader *rdata);
void write_rdata_text(struct writer *, uint16_t type, struct reader *rdata);

/*
 * A name in master-file form (RFC 1035 5.1), relative to origin if it does
 * not end in a dot; "@" is the origin.  False leaves the name empty.
 */
bool name_from_text(
    const char *, size_t len, const struct name *origin, struct name *);
bool type_from_text(const char *, uint16_t *); /* "MX" or "TYPE15", any case */

/* An address without a port; the port of the result is 0. */
bool address_from_text(const char *, struct address *);
bool prefix_from_text(const char *, struct prefix *); /* an address is /32 */

/* And of the same port. */
static inline bool
address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->port == b->port &&
	    a->family == b->family;
}

bool address_is_any(const struct address *); /* 0.0.0.0 or :: */
bool prefix_covers(const struct prefix *, const struct address *);
socklen_t address_to_sockaddr(
    const struct address *, struct sockaddr_storage *);
bool address_from_sockaddr(const struct sockaddr_storage *, struct address *);

/* ---------------------------------------------------------------------------
 * cache.c: owns the arena.  Knows nothing of messages; a body is octets that
 * its writer and its reader agree on.
 */

/* Trust, low to high (RFC 2181 5.4.1, as DESIGN decides it). */
enum trust {
	TRUST_LAST_RESORT, /* data without AA: for those who waited */
	TRUST_REFERRAL,    /* NS, glue and DS of a referral */
	TRUST_ANSWER       /* the answer section of an AA reply */
};

enum kind {
	KIND_DEAD,       /* displaced; waits to be overwritten */
	KIND_RRSET,      /* the records of one type */
	KIND_NO_DATA,    /* the name has none of this type */
	KIND_NAME_ERROR, /* the name does not exist; type is 0 */
	KIND_DELEGATION  /* a zone cut as its parent told it; type is NS */
};

/*
 * What to store.  The body is
 *	records x (u16 length, rdata)		the RRset
 *	signatures x (u16 length, rdata)	RRSIGs over it
 *	proofs x (name, u16 type, u16 length, rdata)	SOA and NSECs of a
 *			negative or wildcard answer, and their RRSIGs
 * and for a delegation, records x (name, u8 v4, u8 v6, addresses).
 */
struct draft {
	const struct name *owner;
	struct trail *trail; /* that it is on, or NULL */
	uint16_t type;
	enum kind kind;
	enum trust trust;
	uint32_t ttl_s; /* a week at most; 0: for those who asked before */
	uint8_t records, signatures, proofs;
	bool nothing_below; /* of a name error: it speaks for names below too */
	const uint8_t *body;
	size_t body_len;
};

enum found {
	FOUND_NOTHING,
	FOUND_ANSWER,     /* the RRset asked for */
	FOUND_ALIAS,      /* a CNAME, or a DNAME above the name */
	FOUND_NO_DATA,    /* view holds the proofs */
	FOUND_NAME_ERROR, /* view holds the proofs */
	FOUND_FAILURE     /* why it cannot be resolved now (RFC 9520) */
};

/*
 * A view of an entry, good until the next store into the cache; of a local
 * name, until the next look-up.
 */
struct view {
	uint16_t type;
	uint8_t owner_len; /* its owner is the sname's last owner_len octets */
	uint8_t records, signatures, proofs;
	uint32_t ttl_s;       /* what is left of it, rounded up */
	uint32_t ttl_first_s; /* as it was stored */
	bool expiring;        /* it is at its end, and worth asking for anew */
	bool anew;            /* it was stored after the mark */
	bool forwarded;       /* of a delegation: it is cache_forward's */
	enum trust trust;
	struct reader body;          /* stands at the first record */
	const struct reason *reason; /* of a failure */
};

/*
 * A name and those above it, up to the root: each has a label less than the
 * one a level before.  Whoever looks for several of them, or for one again, has
 * each hash made but once.
 */
struct trail {
	const struct name *name; /* of level 0; it must stay as it is */
	uint8_t labels;          /* the root's level */
	uint8_t hashed;          /* the first level whose hash is not known */
	uint8_t at[LABELS_MAX];  /* where in the name the others begin */
	uint64_t hashes[LABELS_MAX];
};

struct cache_counts {
	uint64_t stored, evicted, rescued, failures;
	uint64_t entries, octets; /* now */
};

/*
 * Allocate everything: octets is the bound on arena and hash table together,
 * at least CACHE_OCTETS_MIN.  False when there is not so much memory.
 */
bool cache_init(size_t octets, const uint8_t key[16]);

/* Is it a special-use name, or below one? */
bool cache_is_special(const struct name *);

/*
 * This name and all below it are ordinary, though they be special-use names
 * (RFC 6303 3): nothing is known of them but what is stored.  LOOKED_UP_MAX
 * times at the most.
 */
void cache_look_up(const struct name *);

/*
 * This zone is forwarded: whom to ask for its names is not for others to say.
 * It is a cut that cache_find_delegation gives before all others, without
 * records and for ever; and nothing that is known above it, be it built in,
 * denies or leads away what it has.  FORWARD_ZONES_MAX times at the most.
 */
void cache_forward(const struct name *zone);
size_t cache_memory(void); /* octets allocated, failures included */

/*
 * The time of asking, told in stores.  What is stored after the mark is good
 * for who holds it, whatever its TTL (DESIGN decision 2; RFC 1035 3.2.1); for
 * a minute, which is longer than anybody waits.
 */
uint32_t cache_mark(void);

void trail_begin(struct trail *, const struct name *);

/* Anew, for a name whose trail_hash at level 0 was made before. */
void trail_resume(struct trail *, const struct name *, uint64_t hash);

/* The same trail, for the same name in another place. */
void trail_copy(struct trail *, const struct trail *, const struct name *);
uint64_t trail_hash(struct trail *, unsigned level); /* keyed */
void trail_name(const struct trail *, unsigned level, struct name *);

/* The level of the name of so many octets, which must be there. */
unsigned trail_level(const struct trail *, size_t len);

/*
 * The best that is known of sname and stype now: the type asked for, else an
 * alias, else that the name or the type does not exist, else that finding out
 * failed lately.  A CNAME asked for by name is an answer, not an alias.  ANY
 * finds whatever RRset there is.  A name error is found at names below it too
 * (RFC 8020), for NOTHING_BELOW_MAX_S, if it was stored as one that speaks for
 * them, unless anything is known or becomes known there: the closest name is
 * believed, and a delegation is as good as an answer.  Special-use names (RFC
 * 6303, RFC 6761) are known from the start, and nothing that is stored at them
 * is found.
 */
enum found cache_find(const struct name *sname, uint16_t stype, uint32_t mark,
    uint64_t now_ms, struct view *);

/* The same of a name on a trail. */
enum found cache_find_on(struct trail *, unsigned level, uint16_t stype,
    uint32_t mark, uint64_t now_ms, struct view *);

/*
 * Who has many names to look up need not wait for the memory of each: have what
 * the look-up of this one comes to first brought near, and when that is there,
 * what is known from there.
 */
void cache_fetch_chain(struct trail *);
void cache_fetch_entry(struct trail *);

/*
 * What cache_find finds there is about to be asked for anew, while it lasts
 * still.  True once for each RRset that is at its end; if it does not come,
 * there is time enough when it has ended.
 */
bool cache_refresh(const struct name *sname, uint16_t stype, uint64_t now_ms);

/*
 * The closest zone cut known at or above sname (RFC 1034 5.3.3 step 2).  The
 * view's owner_len tells the zone; until_ms is when it ends.  False: none.
 */
bool cache_find_delegation(const struct name *sname, uint32_t mark,
    uint64_t now_ms, struct view *, uint64_t *until_ms);
bool cache_find_delegation_on(struct trail *, unsigned level, uint32_t mark,
    uint64_t now_ms, struct view *, uint64_t *until_ms);

/*
 * Store, unless something live and better trusted is there.  A CNAME
 * displaces other types at its name and they displace it (RFC 2181 10.1); a
 * name error displaces all types, and any of them displaces it.  False if it
 * was not kept.
 */
bool cache_store(const struct draft *, uint64_t now_ms);

/*
 * The same of what was known at an earlier time: it displaces nothing, neither
 * at its name nor in the arena.
 */
bool cache_restore(const struct draft *, uint64_t now_ms);

/*
 * Remember that (sname, stype) failed: 5 s, doubling while it goes on, but for
 * no longer than the 5 s once its cause has ended (UINT64_MAX: who knows).  An
 * alias at sname does not hide it: to follow that is what failed.  TYPE_ZONE
 * stands for all there is to ask in the zone at sname, delegated or not.
 */
void cache_store_failure(const struct name *sname, uint16_t stype,
    const struct reason *, uint64_t cause_ms, uint64_t now_ms);
void cache_flush(void);           /* forget everything, failures too */
void cache_forget_failures(void); /* all of them */

/* Forget what is known of this name alone; gives how much it was. */
unsigned cache_flush_name(const struct name *);

/*
 * Forget what is known of this name and of all below it.  From now on that is
 * not found any more, and what is stored from now on is; but it leaves the
 * cache chain by chain.  cache_flush_next goes to so many of them, and is true
 * once all are rid of it, or of everything; then *count is how much went by
 * this flush.  One tree at a time.
 */
void cache_flush_tree(const struct name *);
bool cache_is_flushing(void);
bool cache_flush_next(unsigned looks, unsigned *count);

/* Something that is known, whole. */
struct cached {
	enum kind kind; /* KIND_DEAD: a failure, and view.reason says why */
	struct name owner;
	struct view view;
};

/* Where somebody stands who goes through all that is known. */
struct cache_cursor {
	uint32_t begun; /* the number of stores then */
	uint32_t failure;
	uint64_t place; /* all before it are behind */
	bool over;      /* all entries are */
};

/*
 * The next that is live.  What is there from the beginning to the end of the
 * journey is given once, wherever it moves meanwhile; what comes or goes on the
 * way may be.  Each call looks at so many chains or failures at the most, and
 * leaves in *looks how many it did not need: 0, come again; else it is the end.
 */
void cache_cursor_init(struct cache_cursor *);
bool cache_next(
    struct cache_cursor *, unsigned *looks, uint64_t now_ms, struct cached *);
void cache_count(struct cache_counts *);

/* ---------------------------------------------------------------------------
 * confine.c: gives up what is not needed any more.  Knows nobody.
 */

/* What becomes of a file later. */
enum keep_use {
	KEEP_READ,    /* it is read again */
	KEEP_APPEND,  /* another one is made in its place */
	KEEP_REPLACE, /* and renamed to it */
	KEEP_REMOVE
};

/*
 * Before confine: the path will be used so, as it is written here.  Its
 * directory is opened; false sets errno, to EXDEV if that is the root, below
 * which are all files.  KEPT_MAX directories at the most.
 */
bool confine_keep(const char *path, enum keep_use);

/*
 * As open, stat, lstat, rename and unlink, of a path as it was before confine.
 */
struct stat;
int file_open(const char *path, int flags, unsigned mode);
int file_stat(const char *path, struct stat *);
int file_lstat(const char *path, struct stat *);
int file_rename(const char *from, const char *to);
int file_unlink(const char *path);

struct confinement {
	const char *user; /* to become; NULL: stay who we are */
	unsigned uid, gid;
	const char *root;       /* NULL: keep it */
	bool seccomp, landlock; /* whether the kernel took that, afterwards */
};

/*
 * From the start on be the user, as far as root can leave that again: files are
 * then opened and made with the rights that there will be, and nobody who owns
 * their directory can lead root astray.  For what needs root, as port 53 does,
 * be it for so long.  False sets errno.
 */
bool confine_begin(const struct confinement *);
bool confine_as_root(const struct confinement *, bool root);

/*
 * Give up all that is said, and all system calls that the loop does not make:
 * these fail with ENOSYS.  There is no way back.  Which of it could not be
 * done, as a word, and errno; NULL: all was, as far as the kernel can.
 */
const char *confine(struct confinement *);

/* The last call that was refused since this was asked, and how many were ever;
 * -1: none. */
int confine_refused(unsigned *count);

/* ---------------------------------------------------------------------------
 * eventlog.c: owns the log file and its buffer.  One typed function an event;
 * the catalogue with ids and texts is in the file.  Nothing here blocks.
 */

enum level {
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_INFO,
	LEVEL_DEBUG
};

enum log_format {
	FORMAT_LOGFMT, /* pairs of key=value */
	FORMAT_JSON,   /* an object a line, with the same keys */
	FORMAT_TRACE   /* for people: the steps of one question */
};

/* What becomes of an event that comes again and again. */
enum flood {
	ALWAYS, /* every one is written */
	LIMITED /* the same again is folded; of one id so many are written */
};

/* A row of the catalogue.  Its texts last, and need no escape anywhere. */
struct event {
	uint16_t id;
	uint16_t oldid; /* before NT 4.0 SP4; 0 if there is none */
	enum level level;
	enum flood flood;
	const char *name, *msg;
	const char *fields; /* that lines may have of their own, in order */
	const char *meaning, *remedy;
};

struct log_options {
	const char *path; /* NULL is standard error, or output of a trace */
	enum level least; /* that is let in */
	enum log_format format;
	bool queries; /* 10015 is let in at any level */
	bool trace;   /* whoever reads it is waited for at the end */
	bool colour;  /* of FORMAT_TRACE */
};

/* What an event about a name server tells; what is NULL or 0 is left out. */
struct incident {
	uint64_t q; /* the client's question on whose account it happened */
	const struct name *zone, *ns, *qname;
	uint16_t qtype;
	const struct address *addr; /* of the name server */
	const struct address *peer; /* who told us of it */
	const char *transport;      /* "udp" or "tcp" */

	/* Only the steps of level debug tell these. */
	unsigned depth; /* of walks that wait for this one, 0: a client's */
	const struct name *sname; /* what is looked for by a probe at qname */
};

/* Why a name server was drawn. */
struct drawing {
	const char *why;
	unsigned of;     /* out of so many; 0: there was nothing to choose */
	uint64_t rtt_ms; /* as known before; 0: it is not known */
};

/* What a question cost, and what was tried in vain in the zone that failed. */
struct tally {
	unsigned servers; /* addresses that could be asked */
	unsigned asked;   /* of them */
	unsigned lookups; /* names of servers whose address was looked up */
	unsigned timeouts, refused, lame, failed, unsent;
	const char *limit; /* that ended it; NULL: none did */
	unsigned limit_max;
	uint64_t ms;
	unsigned sends;      /* of QUERY_SENDS_MAX, all on its account */
	unsigned most_sends; /* of them, to the zone that got most */
	const struct name *most_zone;
};

/* What an event about a client's question tells, in the same way. */
struct client_question {
	uint64_t q; /* its number: each has the next */
	uint64_t asked_ms;
	const struct address *client;
	const char *transport;
	const struct name *qname;
	uint16_t qtype;
};

enum hint_error {
	/* These refuse the file, but for a directive that changes nothing. */
	HINT_UNEXPECTED_TOKEN, /* 1504 */
	HINT_UNEXPECTED_END,   /* 1505 */
	HINT_CLASS,            /* 1507 */
	HINT_DIRECTIVE,        /* 1520 */
	HINT_NAME,             /* 1541 */
	HINT_TYPE,             /* 1600 */
	HINT_SOA,              /* 1604 */
	HINT_NUMBER,           /* 1614 */
	HINT_ADDRESS,          /* 1617 */
	HINT_ADDRESS6,         /* 1618 */
	HINT_NO_TEXT,          /* 1504: it has an octet 0, so it is no text */
	HINT_TOO_MANY,         /* 1504: names or addresses */

	/* This drops its line. */
	HINT_REFUSED, /* 1617, 1618: no name server can have the address */

	/* These harm nothing, and are no events: dns --check tells them. */
	HINT_DUPLICATE,
	HINT_NS_ALONE,      /* a name server without a usable address */
	HINT_ADDRESS_ALONE, /* of a name that is no name server of the root */
	HINT_NO_IPV4,
	HINT_NO_IPV6
};

/* A line of the hints file and what is wrong in it; line 0 is the file. */
struct hint_fault {
	enum hint_error error;
	const char *file;
	unsigned line, column;
	const char *token; /* not NUL-ended */
	size_t token_len;
	const struct name *ns; /* of a refused address, or what is alone */
	struct address addr;   /* that is refused, and why */
	const char *class;
};

/* How the addresses of the primed roots differ from those of the hints. */
struct hints_difference {
	const char *file;
	const struct address *added, *removed;
	unsigned added_count, removed_count;
};

struct startup {
	const char *hints; /* absolute path, or "compiled-in" */
	unsigned roots, addresses;
	const struct address *listeners;
	unsigned listener_count;
	const struct prefix *allowed; /* besides loopback */
	unsigned allowed_count;
	bool up[2];                /* IPv4 and IPv6, towards name servers */
	struct address sources[2]; /* family 0: any */
	unsigned walks, queries, connections;
	unsigned queue_octets; /* the kernel's, of the listener with least */
	size_t cache_octets, memory_octets;
};

struct log_counts {
	uint64_t counted, written, folded, gated;
	uint64_t lost; /* lines, summaries too: the file would not take them */
};

/* How often it was for this class that a server's address was refused. */
struct class_count {
	const char *class; /* NULL: this one and those after it are not used */
	uint64_t count;
};

/* What name servers replied: an enum response_class each. */
enum {
	REPLY_KINDS = 11
};

/* What clients were told. */
enum {
	TOLD_NOERROR,
	TOLD_NXDOMAIN,
	TOLD_SERVFAIL,
	TOLD_REFUSED,
	TOLD_OTHER,
	TOLD_MAX
};

/* Of struct statistics' took: so many ms at the most; of the last, or more. */
static inline unsigned
took_most_ms(unsigned place)
{
	return place == 0 ? 0 : 1u << (place - 1);
}

struct statistics {
	uint64_t uptime_s;
	uint64_t received, answered, dropped, refused; /* clients */
	uint64_t overflowed;   /* the kernel had no room for them */
	uint64_t tcp_received; /* of those received */
	uint64_t limited;      /* answers made short: CLIENT_GAIN_S_MAX */
	uint64_t connections, accepted, turned_away; /* now, and ever */
	uint64_t hits, joined, walks, prefetched, failed, waiting;
	uint64_t sent, replies, timeouts, mismatched; /* name servers */
	uint64_t forwarded;                           /* of those sent */
	uint64_t tcp_connects, tcp_sent, tcp_reused;
	uint64_t addresses_refused, sends_failed, self_sends, lame;
	uint64_t retries, primes, expired;
	uint64_t replied[REPLY_KINDS];
	uint64_t told[TOLD_MAX]; /* answers to clients, by rcode */
	uint64_t took[TOOK_MAX]; /* the same, by how long they took ... */
	uint64_t took_ms;        /* ... all of them */
	struct class_count refused_classes[ADDRESS_CLASSES_MAX];
	struct cache_counts cache;
	struct log_counts log;
};

/* A number of the statistics: told by the event, by stats and --metrics. */
struct number {
	const char *key;
	size_t at;        /* in struct statistics, a uint64_t */
	bool held;        /* now; else it has been counted since the start */
	const char *help; /* what it is; NULL: one of `took` */
};

const struct number *eventlog_numbers(unsigned *count);
uint64_t statistics_number(const struct number *, const struct statistics *);

/* Open the log for appending; false sets errno.  The key is for folding. */
bool eventlog_open(const struct log_options *, const uint8_t key[16]);

/* The hour, once a turn: now_ms for windows, wall_ms since 1970 for lines. */
void eventlog_time(uint64_t now_ms, uint64_t wall_ms);

/* Write what waits; close windows that are over.  Call once a turn. */
void eventlog_flush(void);
uint64_t eventlog_next_due(void); /* when a window ends; UINT64_MAX never */

/*
 * Is the file still at its path?  If it was renamed or deleted, another one is
 * opened there; lines until then are in the old one.  Call every LOOK_MS.
 */
void eventlog_look(void);
void eventlog_close(void); /* every open fold is written first */

void eventlog_count(struct log_counts *);
size_t eventlog_memory(void); /* octets of its tables */

const struct event *eventlog_catalogue(unsigned *count); /* sorted by id */
const char *level_text(enum level);

void eventlog_starting(const char *version);                   /* 1 */
void eventlog_started(const struct startup *);                 /* 2 */
void eventlog_access(const struct startup *, const char *why); /* 10017 */
void eventlog_shutdown(
    const char *cause, uint64_t uptime_s, uint64_t answered); /* 3 */
void eventlog_no_roots(const char *file);                     /* 706 */
void eventlog_caching_only(void);                             /* 708 */
void eventlog_hints_loaded(const char *file, unsigned names, unsigned addresses,
    bool flushed); /* 540: and so was the cache */
void eventlog_hints_missing(
    const char *file, int err); /* 1003; 0: no regular file */
void eventlog_hint_fault(const struct hint_fault *);
void eventlog_hints_rejected(const char *file, unsigned faults); /* 1501 */
void eventlog_hints_differ(const struct hints_difference *);     /* 10016 */
void eventlog_primed(
    unsigned names, unsigned addresses, const struct address *peer); /* 10004 */
void eventlog_roots_unreachable(unsigned tried, const char *cause);  /* 10003 */
void eventlog_server_refused(
    const struct incident *, const char *class);  /* 10002 */
void eventlog_self_send(const struct incident *); /* 7062 */
void eventlog_send_failed(
    const struct incident *, int err, const char *cause);            /* 7053 */
void eventlog_lame_server(const struct incident *, const char *why); /* 10006 */
void eventlog_answer_failed(const struct incident *, const struct reason *,
    const struct tally *); /* 10009 */
void eventlog_limit_reached(
    const struct incident *, const struct tally *);          /* 10014 */
void eventlog_table_full(const char *table, unsigned limit); /* 10005 */
void eventlog_client_limited(const struct address *client, const char *limit,
    unsigned value); /* 10019; the client's port is left out */
void eventlog_receive_failed(
    const struct address *listener, int err);            /* 7051 */
void eventlog_statistics(const struct statistics *);     /* 10001 */
void eventlog_metrics_failed(const char *file, int err); /* 10021 */

/* The forwarders of a zone, at the start (537); why one cannot be (507). */
void eventlog_forward(const struct forward *);
void eventlog_forward_refused(
    const struct name *zone, const struct address *, const char *class);

/* It is held, as it was silent for long; or it replies again (10030, 10031) */
void eventlog_forwarder(const struct incident *, bool down);

void eventlog_confined(const struct confinement *);        /* 10050 */
void eventlog_call_refused(unsigned call, unsigned total); /* 10051 */

/* How it went with the cache file; err 0: well (10040 to 10042). */
void eventlog_cache_restored(
    const char *path, uint64_t entries, uint64_t age_s);
void eventlog_cache_not_restored(const char *path, int err, const char *why);
void eventlog_cache_saved(const char *path, uint64_t entries, int err);

/* cause: why the family is down, or NULL: it is up (10010, 10011) */
void eventlog_family(uint8_t family, const char *cause);
void eventlog_offline(const char *cause); /* 10012 */
void eventlog_online(uint64_t offline_s); /* 10013 */
void eventlog_network_unsure(int err);    /* 10018 */

/*
 * One line a question when it is answered, if the operator wants that or if
 * the level is debug.  hit: "yes" from the cache at once, "no" after a walk,
 * NULL if it was not looked up.
 */
bool eventlog_logs_queries(void);
void eventlog_query(const struct client_question *, enum rcode, const char *hit,
    unsigned sends, size_t size); /* 10015; sends: that the walk cost */

/*
 * What is done for a question, step by step, each as often as it happens.
 * Only at level debug: ask first, where something is to be got ready.
 */
bool eventlog_is_tracing(void);
void eventlog_question(const struct client_question *); /* 10100 */
void eventlog_joined(
    const struct client_question *, uint64_t joined); /* 10101 */
void eventlog_query_sent(const struct incident *, const struct drawing *,
    uint64_t wait_ms); /* 10102 */
void eventlog_reply(const struct incident *, const char *rcode,
    const char *kind, const struct name *cut, uint64_t ms,
    size_t size);                                              /* 10103 */
void eventlog_timed_out(const struct incident *, uint64_t ms); /* 10104 */
void eventlog_undelivered(
    const struct incident *, int err, const char *cause); /* 10105 */
void eventlog_address_refused(
    const struct incident *, const char *class, const char *rfc); /* 10106 */

/*
 * from: "hints", "priming", "referral" or "forwarders"; ttl_s: UINT64_MAX is
 * for ever.
 */
void eventlog_zone_servers(const struct incident *, unsigned servers,
    const char *from, uint64_t ttl_s); /* 10107 */
void eventlog_alias_followed(const struct incident *, uint16_t type,
    const struct name *target); /* 10108 */

/* An address of i->ns is looked up; found none: text may say why. */
void eventlog_server_lookup(const struct incident *, bool joined); /* 10109 */
void eventlog_server_looked_up(
    const struct incident *, unsigned found, const char *text); /* 10110 */
void eventlog_reply_dropped(const struct incident *);           /* 10111 */
void eventlog_record(uint64_t q, const char *section, const struct name *owner,
    uint32_t ttl_s, uint16_t type, struct reader *rdata); /* 10112 */

/* ---------------------------------------------------------------------------
 * server.c: what is known of name servers: hints, addresses, times.  Sends
 * nothing and knows of no walk.
 */

enum verdict {
	VERDICT_SEND,
	VERDICT_ASK,  /* refused unless the operator opened it */
	VERDICT_NEVER /* cannot be where a query goes */
};

struct address_class {
	const char *name; /* the event's class= */
	const char *rfc;
	enum verdict verdict;
};

/* The block of the IANA registries that an address lies in; never NULL. */
const struct address_class *address_classify(const struct address *);

/*
 * Why no query may go to this address, as the word for class=; NULL if it may.
 * typed: the operator wrote the address down himself, so only NEVER counts.
 */
const char *address_fault(const struct address *, bool typed);

/* The word for an (address, port) on which we listen. */
#define CLASS_OWN "own"

/* Whom to ask first (RFC 1034 5.3.1: SBELT). */
struct root_servers {
	struct name names[ROOTS_MAX];
	unsigned name_count;
	struct {
		struct address at;
		uint8_t ns; /* index into names */
	} addresses[ROOT_ADDRESSES_MAX];
	unsigned address_count;
};

/* A word of a hints file. */
struct token {
	const char *text;
	size_t len;
};

enum {
	HINT_TOKENS_MAX = 6 /* owner, TTL, class, type, rdata, one too many */
};

/* A hints file being read: text goes in, faults come out one by one. */
struct hints {
	struct root_servers *roots;
	bool is_ns[ROOTS_MAX];   /* names[i] is an NS of the root */
	const char *at, *end;    /* what is not read yet */
	const char *nul;         /* the first octet 0, or NULL */
	bool found;              /* the fault is of the line just read */
	bool faulty;             /* the file is refused */
	bool complete;           /* all faults were told */
	struct hint_fault fault; /* and where the line stands */
	struct hint_fault first[ROOTS_MAX]; /* where names[i] stands first */
	unsigned looked_at;                 /* names, after the last line */
	struct name owner;                  /* of the last record */
	const char *line;
	struct token tokens[HINT_TOKENS_MAX];
	unsigned count, next;
};

/* The cache.dns that was compiled in, as text. */
const char *hints_compiled_in(size_t *len);

/*
 * Begin to read; the name of the file is for its faults.  Then take one fault
 * after the other until there is none, and the roots are complete.  A fault
 * lasts until the next.
 */
void hints_begin(struct hints *, const char *file, const char *text, size_t len,
    struct root_servers *);
bool hints_next(struct hints *, struct hint_fault *);

/* The file is not refused, and a pair of NS and address is left. */
bool hints_usable(const struct hints *);

/* All this at once, and faults are events: may these hints be used? */
bool hints_parse(
    const char *file, const char *text, size_t len, struct root_servers *);

/* Where hints are looked for without -r, in this order; NULL: no more. */
const char *hints_place(unsigned n);

/*
 * The text of a hints file, until the next is read.  NULL sets errno, to 0 if
 * it is no regular file and to EAGAIN if it changed meanwhile.
 */
const char *hints_text(const char *path, size_t *len);

/*
 * Find hints: at the place that -r named, or NULL for the default places and
 * else the compiled-in ones.  False if what was named cannot be used, which
 * is an event.
 */
bool hints_open(const char *named);

/*
 * See whether the operator has other hints: in the file they are from, or in
 * one that goes before it.  Call this every LOOK_MS.  A file is taken when it
 * was the same twice, or at once, for then the operator said that it is whole.
 * A file that cannot be used leaves everything as it is, and is told once.
 * True: hints_roots gives new ones.
 */
bool hints_look(bool at_once);
const struct root_servers *hints_roots(void);
const char *hints_file(void); /* absolute path, or "compiled-in" */
const char *hints_bad_file(
    void); /* that would go before; NULL: there is none */

/* Do these roots name this address? */
bool roots_hold(const struct root_servers *, const struct address *);

/* The addresses that the second names and the first does not; how many. */
unsigned roots_add(const struct root_servers *, const struct root_servers *,
    struct address added[ROOT_ADDRESSES_MAX]);

struct server_options {
	/* -s: they open ASK addresses, and must outlive all calls. */
	const struct prefix *allowed;
	unsigned allowed_count;
	const struct forward *forwards; /* -f, each zone once; the same */
	unsigned forward_count;
	uint8_t family;            /* the only one (-4, -6), or 0 */
	struct address sources[2]; /* of IPv4 and IPv6; family 0: any */
	uint8_t key[16];
};

bool server_init(const struct server_options *);
size_t server_memory(void);
void server_close(void);

/* Who is asked for the names of this zone; NULL: it is not forwarded. */
const struct forward *server_forward(const struct name *zone);

/* Of the zones that are forwarded the nth, as given; NULL: no more are. */
const struct forward *server_forward_at(unsigned n);

/*
 * From how many ports the kernel chooses where none is asked for; 0 if there
 * are any below 1024 among them, or it does not say.
 */
unsigned server_kernel_ports(void);

/* Where a query of this family is sent from; port 0. */
const struct address *server_source(uint8_t family);

/*
 * We listen there: that is no name server.  Where it is the wildcard of a
 * family, no address of this host is one at that port.
 */
void server_listens(const struct address *);

/*
 * Follow this host's addresses and routes by netlink, with events of
 * TAG_NETWORK; epoll -1: see once what they are.  Where there is no netlink,
 * that is told, loopback and what we listen on are ours, and both families are
 * up.
 */
void network_open(int epoll, uint64_t now_ms);
void network_readable(void);
uint64_t network_next_due(void); /* UINT64_MAX: nothing has changed */

enum network_news {
	NETWORK_SAME,
	NETWORK_CHANGED, /* somehow: what was in vain may be worth a try */
	NETWORK_BETTER   /* a family is up again */
};

/* If there was a change and it is time, ask the kernel for all anew. */
enum network_news network_refresh(uint64_t now_ms);

/*
 * The roots by which a family is judged: it is up while there is a route to
 * one of them, or where they have none of it, to a root as compiled in.
 * They must stay where they are until others take their place.
 */
enum network_news network_judge(const struct root_servers *);
bool network_has(const struct address *); /* an address of this host */
bool family_is_up(uint8_t family);

uint64_t server_hash(const struct address *); /* keyed; port left out */

/* How long to wait for its reply: RFC 6298, or RTO_FIRST_MS. */
unsigned server_rto_ms(const struct address *);
unsigned server_rto_earned_ms(const struct address *); /* before any loss */
bool server_is_held(const struct address *, uint64_t now_ms);
uint64_t server_held_until_ms(const struct address *); /* 0: it never was */
bool server_is_silent(const struct address *);         /* when last asked */
void server_asked(const struct address *, uint64_t now_ms);
void server_replied(const struct address *, uint64_t rtt_ms, uint64_t now_ms);

/* It was sent to, and what it was to be waited for has passed. */
void server_timed_out(const struct address *, uint64_t sent_ms,
    uint64_t waited_ms, uint64_t now_ms);
bool server_has_answered(const struct address *); /* over UDP, ever */
unsigned server_rtt_ms(const struct address *);   /* 0: it never has */

/* To compare servers by: its time, and the more the longer it was silent. */
unsigned server_distance_ms(const struct address *); /* 0: nobody has asked */
void server_replied_tcp(const struct address *, uint64_t now_ms);
bool server_takes_tcp(const struct address *, uint64_t now_ms);

/* It answers over UDP, but not over TCP; refused: it said so. */
void server_chokes_on_tcp(
    const struct address *, bool refused, uint64_t now_ms);

/* Its last connection brought nothing: the next one may be as much in vain. */
bool server_tcp_is_doubted(const struct address *);

/* What queries have beyond the plain ones of RFC 1035, and connections. */
enum feature {
	FEATURE_EDNS = 1 << 0,
	FEATURE_CASE = 1 << 1, /* its letters are echoed as they were sent */
	FEATURE_COOKIE = 1 << 2,
	FEATURE_PIPELINE = 1 << 3, /* more than one on a connection */
	FEATURES = 4
};

/*
 * A set of features: those that it is not known to choke on.  That it chokes
 * on case or a cookie is known when it was so twice in a row: once is chance,
 * or a forger who would have it so (attacks.md S01).
 */
unsigned server_takes(const struct address *, uint64_t now_ms);
void server_chokes_on(
    const struct address *, unsigned features, uint64_t now_ms);

/* It has shown EDNS in the last hour. */
bool server_has_edns(const struct address *, uint64_t now_ms);

/*
 * RFC 7873 5.3: a cookie of ours, another one for each server and for each
 * address that we have had, and behind it that which the server gave us.
 */
void server_write_cookie(
    const struct address *, struct edns *query, uint64_t now_ms);

/*
 * Was the reply made by who has our cookie, as it was sent?  If it has none,
 * that may be so as long as the server had not given us one of its own.
 */
bool cookie_is_answered(const uint8_t sent[COOKIE_CLIENT_LEN], size_t sent_len,
    const struct edns *reply);

/*
 * It replied to the point, to a query with these features.  If it has shown
 * EDNS, then who says that it chokes on that is not believed for an hour
 * (attacks.md S09); if it gave a cookie of its own, that is kept.
 */
void server_showed(const struct address *, unsigned features,
    const struct edns *reply, uint64_t now_ms);

/*
 * What was lost lately was lost by our network: nobody is held any more, and
 * each has the timeout that its replies earned it.
 */
void server_forgive(void);

/* Why the system did not send, as the word for cause=. */
struct send_cause {
	const char *word;
	bool lasting; /* a matter of this host's network, not of the moment */
};

const struct send_cause *send_cause(int err);

/* When it was found lame for the zone; 0 is never. */
uint64_t server_lame_ms(const struct name *zone, const struct address *);
void server_mark_lame(
    const struct name *zone, const struct address *, uint64_t now_ms);

/* What is known of a server, as the operator is told of it. */
struct server_told {
	struct address at;
	unsigned srtt_ms; /* 0: it never replied over UDP */
	unsigned rttvar_ms, rto_ms;
	unsigned lost;      /* timeouts in a row */
	uint64_t held_ms;   /* so long nobody asks it; 0: it is asked */
	uint64_t no_tcp_ms; /* the same of TCP */
	uint64_t used_ms;   /* so long ago */
	unsigned chokes;    /* on these features */
};

/* What is known of an address; false: nothing. */
bool server_look(const struct address *, uint64_t now_ms, struct server_told *);

/*
 * Who goes through all of them asks for each place below SERVERS_MAX, and for
 * lame servers below LAME_MAX; false: nobody is there.
 */
bool server_at(unsigned place, uint64_t now_ms, struct server_told *);
bool server_lame_at(unsigned place, uint64_t now_ms, struct name *zone,
    struct address *, uint64_t *left_ms);

/* Octets of the kernel's: nobody outside can guess what comes next. */
uint32_t random_u32(void);
uint64_t random_u64(void);
uint32_t random_below(uint32_t bound); /* bound > 0 */

/* ---------------------------------------------------------------------------
 * referral.c: owns walks and every socket towards name servers.
 */

struct query;  /* a client that waits; dns.c knows, referral.c never looks */
struct waiter; /* its place in the walk */

/* What a response means to a walk at sname with stype in zone. */
enum response_class {
	RESPONSE_ANSWER,     /* 4a: the data asked for */
	RESPONSE_NAME_ERROR, /* 4a: no such name */
	RESPONSE_NO_DATA,    /* 4a: no such type */
	RESPONSE_DELEGATION, /* 4b: servers nearer to sname */
	RESPONSE_ALIAS,      /* 4c: another name for it */
	RESPONSE_TRUNCATED,  /* to be asked again over TCP */
	RESPONSE_NO_EDNS,    /* the server chokes on OPT: ask without */
	RESPONSE_BAD_COOKIE, /* not one of its own: it gives a new one */
	RESPONSE_LAME,       /* 4d: not the server for this zone */
	RESPONSE_FAILURE,    /* 4d: an error, now */
	RESPONSE_BIZARRE     /* 4d: makes no sense */
};

enum response_class response_class(const struct response *,
    const struct name *sname, uint16_t stype, const struct name *zone);

/*
 * Is an alias all there is to say to this question?  A CNAME that was asked
 * for is not followed (RFC 1034 3.6.2), nor one that is made of a DNAME.
 */
bool alias_is_answer(uint16_t stype);

/*
 * Where an alias leads sname: the CNAME's target, or sname with the DNAME's
 * target put in.  False if that is too long for a name (RFC 6672 2.2).
 */
bool alias_target(
    const struct view *, const struct name *sname, struct name *target);

struct referral_options {
	int epoll;
	unsigned walks_max; /* as many as there are descriptors for */
};

struct referral_counts {
	uint64_t walks, joined, failed;
	uint64_t prefetched; /* of walks, begun by referral_refresh */
	uint64_t sent, replies, timeouts, mismatched;
	uint64_t forwarded;    /* of sent, to forwarders */
	uint64_t tcp_connects; /* connections begun */
	uint64_t tcp_sent;     /* of sent, the queries over TCP */
	uint64_t tcp_reused; /* queries given to a connection that was there */
	uint64_t addresses_refused, sends_failed, self_sends, lame;
	uint64_t retries; /* to an address that had been asked the same */
	uint64_t primes;  /* walks for the names and addresses of the roots */
	uint64_t expired; /* questions without an answer in QUERY_MS_MAX */
	uint64_t replied[REPLY_KINDS];
	struct class_count refused_classes[ADDRESS_CLASSES_MAX];
	unsigned open, walks_max; /* walks now, and at most */
};

/* What became of a client's question: compose it from the cache ... */
struct done {
	struct query *query;
	uint32_t mark;        /* ... by the time its walk asked; if that */
	struct reason reason; /* finds nothing, this is why */
	unsigned sends;       /* that it cost, on whoever's account */
};

/* Allocate everything; false when there is not so much memory. */
bool referral_init(const struct referral_options *);
size_t referral_memory(void);

/*
 * Use these roots from now on; they are copied.  If there were others, the
 * root is primed at once; and if these share no address with them, they lead
 * to another tree: the cache is flushed and all walks begin anew.  Gives
 * whether that was so.  No walk may wait to be taken by referral_next_done.
 */
bool referral_hints(const struct root_servers *, uint64_t now_ms);

/*
 * Begin a walk for this question or join the one that is out for it.  The
 * query is handed back by referral_next_done; until then the waiter is the
 * handle to forget it.  The trail is qname's.  Unknown: of qname the cache
 * knows nothing, which was just seen.  What a single client asks finds no room
 * in a crowd: ZONE_QUERIES_MAX, SERVER_QUERIES_MAX.  NULL: no room, nothing was
 * begun.
 */
struct waiter *referral_ask(struct query *, const struct client_question *,
    struct trail *, bool unknown, bool single, uint64_t now_ms);
void referral_forget(struct waiter *, uint64_t now_ms); /* client is gone */

/*
 * The time of this question is over, and its walk goes on for others: forget
 * it, tell the operator, and say why.
 */
void referral_give_up(struct waiter *, const struct client_question *,
    struct done *, uint64_t now_ms);

/*
 * Ask for what the cache has but not for much longer, if it has it and there
 * is room to spare.  Nobody waits for that, and if it fails nothing is changed.
 * It stores: no view may be in use.
 */
void referral_refresh(const struct name *, uint16_t, uint64_t now_ms);

/*
 * A question with RD=0 is being refused.  If a query with its very ID, name
 * (as we spelled it at random), type and class is out, it is that one, which
 * NAT or a forwarded port has led back to us: once the server it was sent to
 * replies REFUSED, which ends the wait, that is told as 7062 and the server put
 * aside. Who asked is answered like anybody: a stranger does not learn which
 * IDs are out, and a good server's reply still counts.
 */
void referral_came_back(uint16_t id, const struct question *);
void referral_ready(uint64_t tag, uint64_t now_ms); /* either tag */
void referral_network(uint64_t now_ms); /* TAG_NETWORK: it has changed */
void referral_expire(uint64_t now_ms);  /* timers that are due */
uint64_t referral_next_due(void);       /* UINT64_MAX: no timer is armed */
bool referral_next_done(struct done *);
void referral_count(struct referral_counts *);

/* The cache has forgotten something, so nothing that walks learned counts. */
void referral_restart(uint64_t now_ms);

/* A walk, open or over, as the operator is told of it. */
struct walk_told {
	struct name qname, zone; /* zone.len 0: nobody was asked yet */
	uint16_t qtype;
	uint64_t ms; /* since it began, or until it ended */
	unsigned sends, clients, parents, children;
	struct address asked; /* a query to it is out; family 0: none is */
	bool priming, refreshing, failed;
	bool wanted;          /* somebody waits or waited for it */
	const char *limit;    /* that ended it; NULL: none did */
	struct reason reason; /* why it failed */
};

/*
 * The walk in a place below walks_max; and of those that are over the last
 * but n, below WALKS_OVER_MAX.  False: there is none.
 */
bool referral_walk_at(unsigned place, uint64_t now_ms, struct walk_told *);
bool referral_walk_over(unsigned n, struct walk_told *);
void referral_close(void); /* closes every socket */

/* ---------------------------------------------------------------------------
 * control.c: what the operator says.
 */

#define VERSION "0.1"

struct options {
	struct address listen[LISTENERS_MAX];
	unsigned listen_count;
	bool listen_named; /* by -l; else these are the defaults */
	uint16_t port;
	const char *hints;      /* NULL: the default places */
	const char *cache_file; /* NULL: none */
	struct confinement confined;
	struct log_options log;
	const char *control; /* NULL: no socket */
	const char *metrics; /* NULL: no file */
	size_t cache_octets;
	struct prefix allow[ALLOWED_PREFIXES_MAX];
	struct prefix allow_server[ALLOWED_PREFIXES_MAX];
	struct prefix proxy[ALLOWED_PREFIXES_MAX]; /* all in allow as well */
	unsigned allow_count, allow_server_count, proxy_count;
	struct name look_up[LOOKED_UP_MAX]; /* special, and yet ordinary */
	unsigned look_up_count;
	struct forward forward[FORWARD_ZONES_MAX];
	unsigned forward_count;
	uint8_t family;            /* -4, -6: towards name servers; 0: both */
	struct address sources[2]; /* of IPv4 and IPv6; family 0: any */
	bool trace;                /* serve nobody, but walk this question */
	struct question traced;
	unsigned sockets_given; /* by the service manager, from LISTEN_FDS */
};

/*
 * Take the command line apart.  An option that only prints does so and ends
 * the program; what is wrong ends it by refuse.  Texts are argv's.
 */
void options_take(struct options *, int argc, char **argv);

/* Where clients come in, over both. */
struct listener {
	struct address at;
	bool any; /* every address of this host */
	int udp, tcp;
};

/*
 * Take the sockets that were given, and open what -l names besides, or if none
 * was given, of the two defaults what can be had; into a place for
 * LISTENERS_MAX.  Gives how many there are.  If there can be none, or not all
 * that are given or named, the program ends by refuse.
 */
unsigned listeners_open(const struct options *, struct listener *);

/* A source that this host does not have ends the program in the same way. */
void sources_check(const struct options *);

/*
 * Nor may a forwarder be where nobody can be asked, or where we listen
 * (Q177414), which is known once the host's addresses are.  That is told.
 */
void forwards_check(const struct options *);

/*
 * Open the directories of all files that are used later, if we are to be
 * confined.
 */
void files_keep(const struct options *);

/*
 * --cache-file.  Opened at the start: a file that is another's, that another
 * may write, or that is none, is told and left alone; one that is damaged, from
 * the future or of other roots or forwarders is told and not read.  Then read
 * takes a block a turn, of what the cache does not know yet and what has time
 * left by the clock on the wall, until next_due is UINT64_MAX; each entry is
 * taken apart and must be sound.  After a flush nothing more is taken: abandon
 * it.
 */
void cache_file_open(const struct options *, uint64_t wall_ms, uint64_t now_ms);
uint64_t cache_file_next_due(void);
void cache_file_read(uint64_t now_ms);
void cache_file_abandon(void);

/*
 * At the end: begin, if there is a file to write and it is not still being
 * read; write blocks while it says that there is more and there is time; and
 * end, by which a whole file takes the place of the one before, or none does.
 */
bool cache_file_begin(
    const struct options *, struct cache_cursor *, uint64_t wall_ms);
bool cache_file_write(struct cache_cursor *, uint64_t now_ms);
void cache_file_end(void);

/*
 * Raise the limit of descriptors as far as it goes, and give what it is then;
 * if that is less than the least the program ends by refuse.
 */
unsigned descriptors_raise(unsigned least);

/*
 * The service manager, if one started us and wants to know: sd_notify(3).  It
 * is told when the service is there, when it reads its files anew (by
 * CLOCK_MONOTONIC) and has done so, and when it ends.  If it set a watchdog it
 * hears of turns of the loop, each time half of its patience is over: nothing
 * but the loop may call manager_turn.  What cannot be told is not told again.
 */
void manager_open(void);
void manager_ready(void);
void manager_reloading(uint64_t monotonic_us);
void manager_turn(uint64_t now_ms);
uint64_t manager_next_due(void); /* UINT64_MAX: no watchdog */
void manager_close(void);

/*
 * Write the statistics into a file for Prometheus, whole or not at all: at the
 * start, when what stands in the way ends the program by refuse, then when they
 * are due, each METRICS_MS, and whenever metrics_write is called.
 */
void metrics_open(const char *path, const struct statistics *, uint64_t now_ms);
void metrics_write(const struct statistics *, uint64_t now_ms);
uint64_t metrics_next_due(void); /* UINT64_MAX: there is no file */

/*
 * Listen for the operator's commands on a Unix socket, which only he can open,
 * with events of TAG_CONTROL; what stands in its way ends the program by
 * refuse.  NULL: no socket.  It is removed in the end.
 */
void control_open(const char *path, int epoll);
size_t control_memory(void);
void control_close(void);
void control_ready(uint64_t tag, uint64_t now_ms);

/* Is there anything to be done for a command now?  Else when at the latest. */
bool control_is_due(uint64_t now_ms);
uint64_t control_next_due(void); /* UINT64_MAX: it waits for an event */

/*
 * Do what commands say, a slice of each.  No walk may wait to be taken by
 * referral_next_done, and what is stored or forgotten here ends all views.
 * *reload: files are still to be looked at; in the end that is wanted as well
 * where a command says so.
 */
void control_serve(const struct statistics *, bool *reload, uint64_t now_ms);

/*
 * Say on standard error, in one line, what is wrong with which value and what
 * to do, and end with status 2.  Value and advice may be "".
 */
_Noreturn void refuse(const char *what, const char *value, const char *advice);

#endif
