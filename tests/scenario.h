/*
 * scenario.h -- a scenario: name servers, clients, time, and what must come
 * of it, all in one readable file (tests/scenarios/README.md).
 *
 *	scenario.c	the file becomes a list of steps (with parser.c)
 *	authority.c	what the name servers of a scenario send back
 *	witness.c	what clients send, and whether all was as expected
 *
 * A driver runs the steps in order against a server.  These three files know
 * no driver: they see octets, addresses and milliseconds, never a socket.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "buffer.h"
#include "dns.h"

enum {
	ADDRESSES_MAX = 64, /* named in one line */
	GAPS_MAX = 64,
	EDES_MAX = 8,        /* looked for in one reply */
	BEGINNINGS_MAX = 64, /* of answers, told apart */
	CONTROL_LINES_MAX = 32,
	OPTIONS_MAX = 256, /* octets of a client's EDNS options */
	RULES_MAX = 1024,  /* server and reply lines in force */
	ZONES_MAX = 1024,  /* published */
	DATAGRAMS_MAX = 4, /* sent back for one query */
	FAULT_TEXT_MAX = 8192,
	WAIT_MAX_MS = 20000,    /* an ask waits so long for its replies */
	WINDOW_DEFAULT = 65536, /* octets that wait for a client to read */
	TTL_DEFAULT_S = 3600
};

/* The system calls that a scenario can make fail. */
enum call {
	CALL_SOCKET,
	CALL_BIND,
	CALL_CONNECT,
	CALL_SETSOCKOPT,
	CALL_SENDTO,
	CALL_RECV,
	CALL_RECVMMSG,
	CALL_SENDMMSG,
	CALL_LISTEN,
	CALL_ACCEPT4,
	CALL_SENDMSG,
	CALL_EPOLL_CREATE1,
	CALL_EPOLL_CTL,
	CALL_EPOLL_WAIT,
	CALL_SIGNALFD,
	CALL_READ,
	CALL_WRITE,
	CALL_OPEN,
	CALL_STAT,
	CALL_FSTAT,
	CALL_POLL,
	CALL_RENAME,
	CALL_GETRANDOM,
	CALL_NETLINK, /* any on a socket of that family */
	CALL_GETRLIMIT,
	CALL_SETRLIMIT,
	CALL_MALLOC,
	CALL_CALLOC,
	CALL_REALLOC,
	CALLS
};

const char *call_name(enum call);

enum transport {
	TRANSPORT_ANY,
	TRANSPORT_UDP,
	TRANSPORT_TCP
};

enum comparison {
	COMPARE_EQUAL,
	COMPARE_AT_MOST,
	COMPARE_AT_LEAST
};

/* A record of a zone, a written message or an expectation. */
struct rr {
	struct rr *next;
	struct name owner;
	uint16_t type, class;
	uint32_t ttl_s, ttl_max_s; /* a range only in expectations */
	uint16_t rdata_len;
	const uint8_t *rdata; /* names in it are not compressed */
};

struct rr_list {
	struct rr *first, *last;
};

struct questions {
	struct questions *next;
	struct question question;
};

/* A message written out in the file, or the parts of it that were written. */
struct script {
	unsigned rcode;
	bool authoritative, truncated, authentic, recursion_available;
	bool no_edns;
	struct questions *questions; /* none: that of the query */
	struct rr_list sections[SECTIONS];
	const uint8_t *raw; /* the octets after the ID, instead of all this */
	size_t raw_len;
};

struct zone {
	struct name name;
	struct address servers[ADDRESSES_MAX];
	unsigned server_count;
	struct rr_list records;
};

/* What makes a reply one that must not be believed. */
enum spoil {
	SPOIL_NONE,
	SPOIL_ID,
	SPOIL_QUESTION,
	SPOIL_CASE,   /* of the first letter of the question, or ... */
	SPOIL_LOWER,  /* ... all of it is in lower case, ... */
	SPOIL_UPPER,  /* ... or in upper case */
	SPOIL_COOKIE, /* is not that of the query */
	SPOIL_QUERY,  /* the response bit is not set */
	SPOIL_GARBAGE,
	SPOIL_SHORT,
	SPOIL_SOURCE,
	SPOIL_PORT,
	SPOIL_TRAILER,
	SPOIL_CUT /* the last octet is missing */
};

enum conduct {
	CONDUCT_WELL, /* ends all that was said before of this server */
	CONDUCT_SILENT,
	CONDUCT_DROP, /* the first `number` queries */
	CONDUCT_UNREACHABLE,
	CONDUCT_DELAY, /* by `number` ms */
	CONDUCT_NO_EDNS,
	CONDUCT_NO_EDNS_SILENT,
	CONDUCT_COOKIES,      /* gives them, from its secret `number` */
	CONDUCT_BAD_COOKIE,   /* takes none */
	CONDUCT_COOKIE_ERROR, /* FORMERR to them */
	CONDUCT_COOKIE_SILENT,
	CONDUCT_RCODE,
	CONDUCT_LAME,
	CONDUCT_SCRIPT,
	CONDUCT_NO_AA,
	CONDUCT_TRUNCATED,
	CONDUCT_SPOIL,
	CONDUCT_BITS,   /* one bit of it is wrong, each time another one */
	CONDUCT_OCTETS, /* one octet of it is `number` */
	CONDUCT_FORGE,  /* a spoiled reply, then the true one */
	CONDUCT_WRITTEN_FORGE, /* the same, its reply is the script's */
	CONDUCT_TWICE,
	CONDUCT_WHOLE,
	CONDUCT_MUTE,      /* takes connections and queries, and is silent */
	CONDUCT_CLOSE,     /* closes the connection instead of a reply */
	CONDUCT_RESET,     /* the same, with RST */
	CONDUCT_SINGLE,    /* the same, after its first reply */
	CONDUCT_HALF,      /* half the reply, then it closes */
	CONDUCT_DRIBBLE,   /* an octet of the reply each `number` ms */
	CONDUCT_SIPS,      /* takes `number` octets of a query at a time */
	CONDUCT_IDLE,      /* closes what was idle for `number` ms */
	CONDUCT_RECURSIVE, /* answers for all zones; a forwarder */
	CONDUCT_LOOPS      /* is NAT that leads back to us, at `loops_to` */
};

/* How servers treat queries, all or some of them. */
struct rule {
	struct prefix servers[ADDRESSES_MAX]; /* of this very port */
	unsigned server_count;
	bool narrowed, below; /* to a name, and what is below it */
	struct name name;
	uint16_t type; /* 0: any */
	enum transport transport;
	enum conduct conduct;
	unsigned number;
	enum spoil spoil;
	struct address loops_to;
	bool copied; /* what loops is answered here as well */
	struct script script;
};

/* A client opens connections. */
struct connect {
	const char *name;
	struct address from, to; /* family 0: as the driver likes */
	unsigned times;
	unsigned segment_len; /* most octets that arrive at once; 0: all */
	unsigned segment_ms;  /* from one segment to the next */
	unsigned window;      /* octets sent to it that it need not have read */
};

/* The connections that a step speaks of: these of one connect. */
struct connections {
	const struct step *connect; /* NULL: none */
	unsigned first, last;       /* they count from 1 */
};

/* How and when connections came to an end by the server's doing. */
struct ending {
	struct connections on;
	bool some; /* just `count` of them, else all */
	unsigned count;
	bool fin, reset; /* must be this way; neither: any */
	uint64_t least_ms, most_ms;
};

struct ask {
	const char *name; /* `$` in it is the number of the client */
	uint16_t type, class;
	struct address from, to; /* family 0: as the driver likes */
	unsigned times;
	bool in_turn, waits; /* else all at once, and go on */
	int64_t every_ms;    /* in turn, so long after the one before; or 0 */
	struct connections on;
	bool tcp; /* over a connection of its own */
	bool recursion_desired, checking_disabled, authentic;
	uint8_t opcode;
	struct edns edns;
	uint16_t edns_flags; /* besides DO */
	uint8_t options[OPTIONS_MAX];
	size_t options_len;
	bool cookie; /* with the server's, if that told one before */
	int id;      /* -1: any */
	bool has_extras;
	struct questions *questions; /* after the first */
	struct rr_list sections[SECTIONS];
	const uint8_t *raw;
	size_t raw_len;
	bool bare; /* raw is the whole datagram, no ID goes before it */
};

/* An extended error that a reply must have, alone have or not have. */
struct ede {
	bool only, absent;
	unsigned code;
	const char *text; /* a part of its text; NULL: any */
};

struct expect {
	bool all, nothing, any; /* any: of rcode and flags */
	unsigned rcode;
	bool exact[SECTIONS]; /* these records and no others */
	bool ordered;         /* the answer, as it is written */
	bool no_question;
	struct rr_list sections[SECTIONS];
	bool authoritative, truncated, authentic;
	bool no_ede;
	struct ede edes[EDES_MAX];
	unsigned ede_count;
	size_t size_min, size_max;
	bool alike;          /* all of them, but for ID and question */
	unsigned beginnings; /* different first records; 0: any number */
	uint64_t least_ms, most_ms;
	bool placed; /* which reply on its connection it is */
	enum comparison place_comparison;
	unsigned place;
	bool no_keepalive;
	unsigned keepalive; /* in 100 ms (RFC 7828); 0: any or none */
};

/*
 * How many queries went out, or connections were tried, or with which gaps of
 * time between them.
 */
struct packets {
	struct address to;   /* family 0: to anyone */
	struct address from; /* at any port; family 0: from anywhere */
	enum transport transport;
	bool self, total, narrowed, below;
	struct name name;
	uint16_t type;
	bool of_cookie; /* only those with a cookie of this length, or none */
	unsigned cookie_len;
	enum comparison comparison;
	unsigned count;
	unsigned gaps_ms[GAPS_MAX];
};

struct log {
	enum comparison comparison;
	unsigned count;
	const char *keys[32], *values[32];
	unsigned pairs;
};

/* A command, and what is in its reply; or what is in the metrics. */
struct control {
	const char *command;
	bool stalled; /* nobody reads the reply */
	struct {
		const char *pattern;
		bool absent;
	} lines[CONTROL_LINES_MAX];
	unsigned count;
	unsigned slices;   /* it comes in as many at least ... */
	unsigned turns;    /* ... and after so many turns of the loop */
	unsigned writes;   /* the metrics were written so often */
	const char *error; /* it is this alone; NULL: it is whole */
};

struct failure {
	enum call call;
	int err;
	unsigned after, times; /* let so many pass, then fail so many */
	unsigned percent;      /* of the calls, by chance; 0: all of them */
	bool none;             /* no call fails any more */
	struct address to;     /* family 0: anyone */
};

struct network {
	unsigned loss_percent, duplicate_percent, reorder_percent;
	unsigned least_ms, most_ms; /* there and back */
};

/* What becomes of the hints file. */
enum hints_how {
	HINTS_WRITTEN,  /* in place: emptied, and this text put in */
	HINTS_RENAMED,  /* another file gets its name */
	HINTS_APPENDED, /* this text is put at its end */
	HINTS_TOUCHED,  /* its times are set, no more */
	HINTS_MISSING,
	HINTS_DIRECTORY,
	HINTS_UNREADABLE, /* its permissions are taken away */
	HINTS_FIFO,
	HINTS_LOOP,    /* a symbolic link to itself */
	HINTS_LARGE,   /* too large by one octet */
	HINTS_RESTLESS /* written to whenever it is looked at */
};

struct hints_edit {
	enum hints_how how;
	const char *text; /* NULL if it is not text that changes */
	size_t len;
};

struct interface {
	const char *name;
	struct prefix prefix;
	bool down; /* the address is taken away */
};

struct route {
	struct prefix to;
	int err; /* of a connect to there; 0: the route is good */
};

/* From which the kernel chooses one where none is asked for. */
struct ports {
	unsigned first, last;
};

enum step_kind {
	/* These make the world.  At the head they are done before the start. */
	STEP_ZONE,
	STEP_RULE,
	STEP_HINTS,
	STEP_INTERFACE,
	STEP_ROUTE,
	STEP_NETWORK,
	STEP_FAILURE,
	STEP_FILES,
	STEP_PORTS,
	STEP_REFUSED,

	/* These need the server. */
	STEP_ASK,
	STEP_EXPECT,
	STEP_CONNECT,
	STEP_SEND,
	STEP_SHUT,  /* FIN: the client has said all, and reads on */
	STEP_CLOSE, /* FIN, and the client does not read any more */
	STEP_RESET,
	STEP_STALL, /* the client stops reading, and goes on */
	STEP_READ,
	STEP_CLOSED,
	STEP_OPEN,
	STEP_WRITES,
	STEP_CONNECTIONS,
	STEP_PACKETS,
	STEP_GAPS,
	STEP_LOG,
	STEP_WAIT,
	STEP_WALL,
	STEP_WORK,
	STEP_STOP, /* the process is stopped, as by SIGSTOP, or asleep */
	STEP_SIGNAL,
	STEP_CONTROL, /* the operator gives a command */
	STEP_METRICS, /* he looks into the file of --metrics */
	STEP_EXIT     /* the server ends by itself, with this status and line */
};

/* What the server has done since the one before, and how much that may be. */
struct work {
	const char *name;
	unsigned blocks;  /* at most; 0: any number ... */
	unsigned percent; /* ... or so many hundredths of the other */
	const char *other;
};

struct step {
	struct step *next;
	enum step_kind kind;
	unsigned line;
	union {
		struct zone zone;
		struct rule rule;
		struct hints_edit hints;
		struct interface interface;
		struct route route;
		struct network network;
		struct failure failure;
		unsigned files;
		struct ports ports;
		struct prefix refused;
		struct ask ask;
		struct expect expect;
		struct connect connect;
		struct connections connections; /* of SHUT to READ */
		struct {
			struct connections on;
			unsigned times;
			const uint8_t *octets;
			size_t len;
		} send;
		struct ending ending; /* of CLOSED and OPEN */
		struct {
			struct connections on;
			enum comparison comparison;
			unsigned count;
		} writes;
		struct packets packets; /* of CONNECTIONS, PACKETS, GAPS */
		struct log log;
		struct control control;
		struct work work;
		int64_t ms; /* of WAIT and WALL */
		struct {
			int64_t in_ms, for_ms;
			bool asleep; /* what was on its way is lost */
			bool late;   /* it has been told of something */
		} stop;
		int signal;
		struct {
			int status;
			const char *pattern;
		} exit;
	};
};

struct scenario {
	const char *path;
	const char *description, *proves;
	const char *options[64];
	unsigned option_count;
	bool bare; /* nothing but these options on the command line */
	struct step *steps, *last;
	struct chunk *memory;
};

/* ---------------------------------------------------------------------------
 * scenario.c
 */

/* What went wrong, for people: "file:line: what", and what went before. */
struct fault {
	char text[FAULT_TEXT_MAX];
	char story[FAULT_TEXT_MAX];
};

/* NULL if the file cannot be read or understood; the fault says where. */
struct scenario *scenario_read(const char *path, struct fault *);
void scenario_free(struct scenario *); /* in parser.c */

/* Say what is wrong at a step, unless something was said already. */
void fault_at(struct fault *, const struct scenario *, const struct step *,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---------------------------------------------------------------------------
 * authority.c
 */
struct authority {
	const struct zone *zones[ZONES_MAX];
	unsigned zone_count;
	struct {
		const struct rule *rule;
		unsigned used;
	} rules[RULES_MAX];
	unsigned rule_count;
	struct name harmed; /* the last one whose reply had a wrong bit */
};

/* What a name server sends at once: a datagram, or octets over TCP. */
struct datagram {
	struct address from;
	unsigned delay_ms;   /* of the server; the network has its own */
	bool unreachable;    /* an ICMP error instead of octets */
	unsigned dribble_ms; /* TCP: from one octet to the next */
	bool fin, reset;     /* TCP: it ends the connection after that */
	size_t len;
	uint8_t octets[PREFIX_LEN + MESSAGE_MAX]; /* TCP: length before it */
};

/* What a server does when somebody would open a connection. */
enum welcome {
	WELCOME_OPEN,
	WELCOME_REFUSED, /* RST */
	WELCOME_NOTHING
};

/* Serve this zone; one of the same name on the same server goes away. */
void authority_publish(struct authority *, const struct zone *);
void authority_obey(struct authority *, const struct rule *);
bool authority_listens(const struct authority *, const struct address *);
bool rule_serves(const struct rule *, const struct address *);

/* What the server at this address sends back; so many datagrams, or none. */
unsigned authority_answer(struct authority *, const struct address *at,
    enum transport, const uint8_t *query, size_t len,
    struct datagram out[DATAGRAMS_MAX]);

/*
 * The rule by which a query to this server comes back to us, and as what: `out`
 * gets its octets.  NULL: it does not.
 */
const struct rule *authority_loop(struct authority *, const struct address *at,
    const uint8_t *query, size_t len, struct datagram *out);

enum welcome authority_welcome(struct authority *, const struct address *at);

/* How many octets can be sent to it at once; UINT_MAX: all there are. */
unsigned authority_sip(struct authority *, const struct address *at);

/* After how long it closes an idle connection; UINT_MAX: never. */
unsigned authority_idle_ms(struct authority *, const struct address *at);

/* ---------------------------------------------------------------------------
 * witness.c
 */

/* A connection of a client's, and what came over it. */
struct connection {
	const struct step *opened; /* a connect, or an ask over TCP */
	unsigned number;           /* of all that the step opens, from 1 */
	struct address from, to;
	struct buffer received; /* no whole message yet */
	unsigned replies;

	/* The driver tells these. */
	void *driver;
	struct buffer asked; /* what leaves at the end of the step */
	uint64_t due_ms;     /* of what it sent last */
	bool shut;           /* the client has sent FIN or RST */
	uint64_t said_ms;    /* the last step that was about it */
	unsigned writes;     /* of the server's, as far as one can see */
	bool left;           /* the client closed it, or reset it */

	bool ended, reset; /* by the server */
	uint64_t ended_ms;
};

/* One question of one client and what came back. */
struct client {
	const struct step *ask;
	struct connection *on; /* NULL: over UDP */
	struct address from, to;
	uint64_t asked_ms, replied_ms;
	unsigned replies, place; /* its place among those of the connection */
	struct address replied_from;
	uint8_t *query, *reply; /* the first reply */
	size_t query_len, reply_len;
	bool judged;
};

/* One query to a name server, or one connection to it that was tried. */
struct sighting {
	struct address to, from; /* the driver tells where it is from */
	enum transport transport;
	bool opens;               /* it is a connection, and no query */
	struct question question; /* of a query */
	unsigned cookie_len;      /* of a query */
	uint64_t at_ms;           /* the driver tells these two */
	bool self;                /* to an address and port that we listen on */
};

struct witness {
	const struct scenario *scenario;
	bool real_time; /* the driver's: then nothing is judged by its time */

	/*
	 * The driver's, in a sweep: an answer may be lacking or a failure, but
	 * none is wrong or beyond its TTL.  Nothing else is judged.
	 */
	bool troubled;
	struct client *clients;
	unsigned client_count, client_room;
	struct connection **connections;
	unsigned connection_count, connection_room;
	struct sighting *sightings;
	unsigned sighting_count, sighting_room;
	unsigned sightings_before, clients_before; /* the first not judged */
	char *log;
	size_t log_len, log_room;
};

/*
 * A new client for the nth time of an ask, over UDP or on a connection; its
 * query is written.  It is good until the next one.
 */
struct client *witness_client(struct witness *, const struct step *ask,
    unsigned nth, uint16_t id, struct connection *);
void witness_reply(struct client *, const struct address *from, const uint8_t *,
    size_t len, uint64_t now_ms);
bool witness_waits(const struct witness *); /* is a reply still to come? */

/* The nth connection of a connect, or of an ask over TCP; it is new. */
struct connection *witness_connect(
    struct witness *, const struct step *, unsigned nth);
/* The nth of those that a step speaks of, from 1; NULL: no more. */
struct connection *witness_connection(
    const struct witness *, const struct connections *, unsigned nth);

/* The client has read these; false if they are no replies: the fault says. */
bool witness_read(struct witness *, struct connection *, const uint8_t *,
    size_t len, uint64_t now_ms, struct fault *);
/* The client has read to the end, or the connection was reset. */
bool witness_ended(struct witness *, struct connection *, bool reset,
    uint64_t now_ms, struct fault *);
/* Should the client close it, as there is nothing to come for its ask? */
bool witness_is_done(const struct witness *, const struct connection *);

/*
 * Whatever came of all that was asked so far is well, and the trouble over.
 */
void witness_excuse(struct witness *);

/* False if what goes to a name server is no proper query; the fault says. */
bool witness_query(struct witness *, const struct address *to, enum transport,
    const uint8_t *, size_t len, struct fault *);
void witness_dialled(struct witness *, const struct address *to); /* TCP */

/* A query leaves on the account of a question: is that too many? */
void witness_charged(struct witness *, const struct incident *, struct fault *);
void witness_log(struct witness *, const char *, size_t len);

/*
 * The first line of the log that has not the beginning and the end of one, an
 * octet that is not printable, or not the number after that of the line before
 * it; NULL if all are sound.
 */
const char *witness_bad_line(const struct witness *);

/* EXPECT, CLOSED to LOG: did it happen so?  If not, the fault. */
bool witness_judge(struct witness *, const struct step *, struct fault *);

/* Is the reply to a command as the step has it?  If not, that is the fault. */
bool witness_control(struct witness *, const struct step *, const char *reply,
    unsigned slices, struct fault *);

/* Is the file of --metrics so, which was written so often? */
bool witness_metrics(struct witness *, const struct step *, const char *text,
    unsigned writes, struct fault *);
void witness_free(struct witness *);

/* Does the text look like the pattern, in which `*' is anything? */
bool resembles(const char *text, size_t len, const char *pattern);

/* A message on one line, for people. */
void message_text(const uint8_t *, size_t len, char *text, size_t max);

#endif
