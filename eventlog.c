/*
 * eventlog.c -- what an operator should know, one line each.
 *
 * Each event has a row in the catalogue and one typed function.  The function
 * asks line_begin to let the event in, puts its fields one by one and ends
 * the line; this is the only place that knows what a line looks like.  It is
 * logfmt or a JSON object, with the same keys in the same order; the two
 * differ in what stands between the parts (struct format) and in nothing else.
 *
 * An event that is let in at its level is counted, and then it is written,
 * or folded into an earlier line that says the same, or held back by the gate
 * of its id, so that always
 *
 *	written + folded + gated = counted
 *
 * Summaries are lines as well but no events: the line that ends a fold speaks
 * for folded events, 9999 for gated ones, 5000 and 3153 for the log itself.
 * None of them counts, none is gated, and none is hidden by the level.  Only
 * a written event opens a fold, hence there are never more summaries of folds
 * than lines that passed a gate.
 *
 * Every line made takes the next seq, a lost one too: a gap of seq in the
 * file is a lost line, and nothing else is.
 *
 * Nothing here blocks, allocates, or decides what happens to a question.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dns.h"

enum {
	/*
	 * A line is filled in three steps, so that long values never push out
	 * short ones, nor either the end of the line.
	 */
	LINE_END_MAX = 100,   /* cut, count, first and a longer seq: 94 */
	LINE_SHORT_MAX = 360, /* the short fields of one event: 290 */
	FIELDS_MAX = LOG_LINE_MAX - LINE_END_MAX,
	CLASS_TEXT_MAX = 24, /* a word for class=, with what is between two */
	LONG_FIELDS_MAX = FIELDS_MAX - LINE_SHORT_MAX,

	/* A name, a TTL and 64 KiB that are told octet by octet. */
	RECORD_TEXT_MAX = NAME_TEXT_MAX + 40 + 2 * MESSAGE_MAX,

	ID_LIMITED_FIRST = 5050, /* where Microsoft's own suppression began */
	FOLD_HEADS = 2 * LOG_FOLDS_MAX,
	SUBJECT_MAX = 640,    /* two names, an address, a word, three numbers */
	NUMBER_TEXT_MAX = 21, /* of 64 bits, and the NUL */
	TELLING_MAX = 2 * LOG_LINE_MAX, /* fields and the words between them */
	TOLD_WIDTH = 80,
	TOLD_DEEP = 8,        /* deeper steps stand no further in */
	WRITE_RETRY_MS = 1000 /* a full disk can take its time to say so */
};

/* A line must go through a pipe in one piece: no writer parts it then. */
static_assert(LOG_LINE_MAX <= PIPE_BUF, "lines are atomic in a pipe");

/*
 * The catalogue.
 */
enum row {
	EVENT_STARTING,
	EVENT_STARTED,
	EVENT_SHUTDOWN,
	EVENT_FORWARD_REFUSED,
	EVENT_FORWARD,
	EVENT_HINTS_LOADED,
	EVENT_NO_ROOTS,
	EVENT_CACHING_ONLY,
	EVENT_LOG_UNOPENED,
	EVENT_HINTS_MISSING,
	EVENT_HINTS_REJECTED,
	EVENT_HINT_TOKEN,
	EVENT_HINT_END,
	EVENT_HINT_CLASS,
	EVENT_HINT_DIRECTIVE,
	EVENT_HINT_NAME,
	EVENT_HINT_TYPE,
	EVENT_HINT_SOA,
	EVENT_HINT_NUMBER,
	EVENT_HINT_ADDRESS,
	EVENT_HINT_ADDRESS6,
	EVENT_LOG_LOST,
	EVENT_GATE_SHUT,
	EVENT_RECEIVE_FAILED,
	EVENT_SEND_FAILED,
	EVENT_SELF_SEND,
	EVENT_GATE_HELD,
	EVENT_STATISTICS,
	EVENT_SERVER_REFUSED,
	EVENT_ROOTS_UNREACHABLE,
	EVENT_PRIMED,
	EVENT_TABLE_FULL,
	EVENT_LAME_SERVER,
	EVENT_ANSWER_FAILED,
	EVENT_FAMILY_DOWN,
	EVENT_FAMILY_UP,
	EVENT_OFFLINE,
	EVENT_ONLINE,
	EVENT_LIMIT_REACHED,
	EVENT_QUERY,
	EVENT_HINTS_DIFFER,
	EVENT_ACCESS,
	EVENT_NETWORK_UNSURE,
	EVENT_CLIENT_LIMITED,
	EVENT_LOG_REOPENED,
	EVENT_METRICS_FAILED,
	EVENT_FORWARDER_DOWN,
	EVENT_FORWARDER_UP,
	EVENT_CACHE_RESTORED,
	EVENT_CACHE_NOT_RESTORED,
	EVENT_CACHE_SAVED,
	EVENT_CACHE_NOT_SAVED,
	EVENT_CONFINED,
	EVENT_CALL_REFUSED,
	EVENT_QUESTION,
	EVENT_JOINED,
	EVENT_QUERY_SENT,
	EVENT_REPLY,
	EVENT_TIMED_OUT,
	EVENT_UNDELIVERED,
	EVENT_ADDRESS_REFUSED,
	EVENT_ZONE_SERVERS,
	EVENT_ALIAS_FOLLOWED,
	EVENT_SERVER_LOOKUP,
	EVENT_SERVER_LOOKED_UP,
	EVENT_REPLY_DROPPED,
	EVENT_RECORD,
	EVENTS
};

#define HINT_PLACE "file line column token"
#define INCIDENT "q peer zone ns addr qname qtype"
#define EXCHANGE "q depth zone ns addr transport qname qtype sname"

/* By id.  Ids, old ids and names are Microsoft's, but for those above 10000. */
static const struct event catalogue[EVENTS] = {
    [EVENT_STARTING] = {1, 0, LEVEL_INFO, ALWAYS, "DNS_EVENT_STARTING",
	"server is starting", "version",
	"The process runs; nothing is served yet.", "Nothing."},
    [EVENT_STARTED] = {2, 0, LEVEL_INFO, ALWAYS, "DNS_EVENT_STARTUP_OK",
	"server started",
	"hints roots addresses listen clients families source walks queries "
	"connections queue cache memory",
	"Clients are served from here on, with these roots and limits; queue "
	"is what the kernel keeps of questions, in octets.",
	"If queue is below 8388608, bursts of questions may be lost: raise "
	"net.core.rmem_max to 4194304, or start it with CAP_NET_ADMIN."},
    [EVENT_SHUTDOWN] = {3, 0, LEVEL_INFO, ALWAYS, "DNS_EVENT_SHUTDOWN",
	"server shut down", "cause uptime_s answered",
	"The server ended in order, for this cause.", "Nothing."},
    [EVENT_FORWARD_REFUSED] = {507, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_INVALID_REGISTRY_FORWARDERS", "forwarder cannot be asked",
	"zone addr class",
	"No name server can have this address, or it is where this server "
	"listens (class=own); it does not start.",
	"Mend the option -f."},
    [EVENT_FORWARD] = {537, 0, LEVEL_INFO, ALWAYS, "DNS_EVENT_FORWARDERS_RESET",
	"zone is forwarded", "zone servers",
	"All questions for names in the zone go to these servers, and if they "
	"fail to nobody else.",
	"Nothing."},
    [EVENT_HINTS_LOADED] = {540, 0, LEVEL_INFO, ALWAYS, "ROOT_HINTS_MODIFIED",
	"root hints taken", "file roots addresses cache",
	"The root servers of this file are used from now on; where they "
	"share no address with those before, the cache was flushed.",
	"Nothing."},
    [EVENT_NO_ROOTS] = {706, 156, LEVEL_WARNING, ALWAYS,
	"DNS_EVENT_NO_ROOT_NAME_SERVER", "no usable root server in hints",
	"file", "No NS record of the root has an address that can be queried.",
	"Put the shipped cache.dns in place of the file."},
    [EVENT_CACHING_ONLY] = {708, 0, LEVEL_INFO, ALWAYS,
	"DNS_EVENT_CACHING_SERVER_ONLY", "no zones; caching only", "",
	"The server holds no zone of its own.", "Nothing."},
    [EVENT_LOG_UNOPENED] = {1000, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_FILE_OPEN_ERROR", "event log cannot be opened anew",
	"errno file",
	"The file was renamed or deleted, and no other can be opened in its "
	"place; lines go on into the old one.",
	"See errno; it is tried again every second."},
    [EVENT_HINTS_MISSING] = {1003, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_CACHE_FILE_NOT_FOUND", "hints file cannot be read",
	"errno why file",
	"The file with the root hints is missing, closed to the server, larger "
	"than 1 MiB or no regular file; hints that were in use stay.",
	"Put the file there; a running server takes it by itself."},
    [EVENT_HINTS_REJECTED] = {1501, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_COULD_NOT_PARSE_DATABASE", "hints file refused",
	"file faults",
	"The file has so many faults, the first in lines before this one; "
	"hints that were in use stay.",
	"Mend the lines that were named; dns --check names all."},
    [EVENT_HINT_TOKEN] = {1504, 204, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_UNEXPECTED_TOKEN", "unexpected token in hints file",
	HINT_PLACE, "The word does not belong where it stands.",
	"Mend the line."},
    [EVENT_HINT_END] = {1505, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_UNEXPECTED_END_OF_TOKENS",
	"unexpected end of line in hints file", "file line column",
	"The record ends before it is complete.", "Mend the line."},
    [EVENT_HINT_CLASS] = {1507, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_INVALID_CLASS_TOKEN", "class in hints file is not IN",
	HINT_PLACE, "Only Internet records can be root hints.",
	"Mend the line."},
    [EVENT_HINT_DIRECTIVE] = {1520, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_UNKNOWN_DIRECTIVE", "unsupported directive in hints file",
	HINT_PLACE, "A line begins with $ and a word that is not known here.",
	"Write out what the directive stood for."},
    [EVENT_HINT_NAME] = {1541, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_PARSED_INVALID_DOMAIN_NAME", "invalid name in hints file",
	HINT_PLACE, "The word is no domain name.", "Mend the line."},
    [EVENT_HINT_TYPE] = {1600, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_UNKNOWN_RESOURCE_RECORD_TYPE",
	"unsupported type in hints file", HINT_PLACE,
	"Root hints are NS, A and AAAA records.", "Take the line out."},
    [EVENT_HINT_SOA] = {1604, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_SOA_INVALID_IN_CACHE_FILE", "SOA in hints file", HINT_PLACE,
	"This is a zone file, not a file of root hints.",
	"Put the shipped cache.dns in place of the file."},
    [EVENT_HINT_NUMBER] = {1614, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_INVALID_DWORD_TOKEN", "invalid number in hints file",
	HINT_PLACE, "The TTL is not a number of 32 bits.", "Mend the line."},
    [EVENT_HINT_ADDRESS] = {1617, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_INVALID_IP_ADDRESS_STRING",
	"invalid IPv4 address in hints file", "ns addr class " HINT_PLACE,
	"It is no address, or none that a name server can have.",
	"Mend the line, or take it out."},
    [EVENT_HINT_ADDRESS6] = {1618, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_INVALID_IPV6_ADDRESS", "invalid IPv6 address in hints file",
	"ns addr class " HINT_PLACE,
	"It is no address, or none that a name server can have.",
	"Mend the line, or take it out."},
    [EVENT_LOG_LOST] = {3153, 0, LEVEL_ERROR, ALWAYS,
	"DNS_EVENT_WRITE_FILE_FAILURE", "event log was stuck; lines are lost",
	"errno lost",
	"The file took no lines for a while and the buffer ran over.",
	"Make room on the disk, or let the reader of the pipe go on."},
    [EVENT_GATE_SHUT] = {5000, 0, LEVEL_WARNING, ALWAYS,
	"DNS_EVENT_START_LOG_SUPPRESS", "suppressing run-time events",
	"gated_id window limit",
	"gated_id had more than limit lines in a window; more are counted.",
	"Look at the lines of that id before this one."},
    [EVENT_RECEIVE_FAILED] = {7051, 0, LEVEL_ERROR, LIMITED,
	"DNS_EVENT_RECVFROM_CALL_FAILED", "recvfrom failed", "addr errno",
	"The system could not hand over a client's datagram.",
	"See errno; the server goes on."},
    [EVENT_SEND_FAILED] = {7053, 453, LEVEL_ERROR, LIMITED,
	"DNS_EVENT_SENDTO_CALL_FAILED", "sendto failed",
	"q peer zone ns addr transport qname qtype errno cause",
	"This system did not send a query to this server, nor perhaps to "
	"others; "
	"none is blamed.  No route leads there (cause=route), a rule of this "
	"host "
	"forbids it (firewall), or it has no such address to send from "
	"(address) "
	"or family (family); other causes pass by themselves.",
	"Look at the routes and the firewall of this host; see -4 and -6."},
    [EVENT_SELF_SEND] = {7062, 0, LEVEL_WARNING, LIMITED, "DNS_EVENT_SELF_SEND",
	"name server address is our own; skipped", INCIDENT,
	"A delegation points to this very server, maybe by way of NAT.",
	"Tell the owner of the zone, or mend the hints."},
    [EVENT_GATE_HELD] = {9999, 0, LEVEL_WARNING, ALWAYS,
	"DNS_EVENT_CONTINUE_LOG_SUPPRESS", "run-time events suppressed",
	"gated_id window limit count state total",
	"So many events of gated_id were not written in the last window.",
	"As for 5000; state=end says that it is over."},
    [EVENT_STATISTICS] = {10001, 0, LEVEL_INFO, ALWAYS, "STATISTICS",
	"counters since start",
	"uptime_s received answered dropped overflowed refused "
	"tcp_received limited "
	"connections accepted turned_away hits joined walks prefetched "
	"failed expired "
	"waiting told_noerror told_nxdomain told_servfail told_refused "
	"told_other sent forwarded retries replies timeouts mismatched primes "
	"tcp_connects tcp_sent tcp_reused replied_answer replied_nxdomain "
	"replied_nodata replied_referral replied_alias replied_truncated "
	"replied_noedns replied_badcookie replied_lame replied_error "
	"replied_bizarre addresses_refused sends_failed self_sends lame "
	"cache_stored cache_evicted cache_rescued cache_failures "
	"cache_entries cache_octets log_counted log_written log_folded "
	"log_gated log_lost took_ms took_0ms took_1ms took_2ms took_4ms "
	"took_8ms took_16ms took_32ms took_64ms took_128ms took_256ms "
	"took_512ms took_1024ms took_2048ms took_4096ms took_8192ms "
	"took_more refused_classes",
	"What was done, and what is held now.", "Nothing."},
    [EVENT_SERVER_REFUSED] = {10002, 0, LEVEL_WARNING, LIMITED,
	"INVALID_SERVER_ADDRESS",
	"name server address cannot be queried; skipped",
	"q peer zone ns addr class qname qtype prevents",
	"The peer gave an address that no name server can have.",
	"Tell the owner of the zone; -s opens a private address."},
    [EVENT_ROOTS_UNREACHABLE] = {10003, 0, LEVEL_WARNING, LIMITED,
	"ROOT_SERVERS_UNREACHABLE", "no root server answered", "tried cause",
	"All addresses of the hints were tried: they were silent "
	"(cause=silent), "
	"or failed (failing), or something that is no root server answered in "
	"their place (intercepted).",
	"See whether this host may send to port 53 of the Internet, and "
	"whether something on the way takes what it sends there."},
    [EVENT_PRIMED] = {10004, 0, LEVEL_INFO, ALWAYS, "ROOT_PRIMED",
	"root servers learned", "peer roots addresses",
	"A root server told the present set.", "Nothing."},
    [EVENT_TABLE_FULL] = {10005, 0, LEVEL_WARNING, LIMITED, "QUERY_TABLE_FULL",
	"table is full; load is shed", "table limit",
	"More is asked at once than the server has room for.",
	"Look for a client that floods, or for dead name servers."},
    [EVENT_LAME_SERVER] = {10006, 0, LEVEL_INFO, LIMITED, "LAME_SERVER",
	"server is not authoritative for the zone", INCIDENT " why",
	"A name server does not serve a zone delegated to it.",
	"Tell the owner of the zone; another server is asked."},
    [EVENT_ANSWER_FAILED] = {10009, 0, LEVEL_WARNING, LIMITED, "ANSWER_FAILED",
	"question could not be answered",
	"q zone qname qtype servers asked lookups timeouts refused lame failed "
	"unsent limit ms sends sends_max ede text",
	"A client got SERVFAIL, for the reason in ede and text; the numbers "
	"tell what was tried in the zone, ms and sends what it cost.",
	"See the lines of the same zone before this one."},
    [EVENT_FAMILY_DOWN] = {10010, 0, LEVEL_WARNING, LIMITED, "FAMILY_DOWN",
	"no name server can be asked over this family", "family cause",
	"No root server has a route (cause=route), or this host no address to "
	"send from (address), or not that of --source (source).  Until it has "
	"one, the other family is used alone.",
	"Look at the routes; if this host is to use one family, see -4 and "
	"-6."},
    [EVENT_FAMILY_UP] = {10011, 0, LEVEL_INFO, LIMITED, "FAMILY_UP",
	"name servers are asked over this family again", "family",
	"There is a route to root servers again.", "Nothing."},
    [EVENT_OFFLINE] = {10012, 0, LEVEL_ERROR, LIMITED, "OFFLINE",
	"no root server can be sent to", "cause",
	"This system sends nothing to any root server, for the reason that "
	"7053 or 10010 told.  Clients get SERVFAIL at once; nothing is held "
	"against servers.",
	"See whether this host has a network; it is tried again by itself."},
    [EVENT_ONLINE] = {10013, 0, LEVEL_INFO, LIMITED, "ONLINE",
	"root servers can be sent to again", "offline_s",
	"All is as before 10012.", "Nothing."},
    [EVENT_LIMIT_REACHED] = {10014, 0, LEVEL_WARNING, LIMITED, "LIMIT_REACHED",
	"question ended by a limit",
	"q zone qname qtype limit value most_sends "
	"most_zone",
	"To go on would have cost more than one question may.  Of all that was "
	"sent for it, most went to most_zone.",
	"Look at the zones: few are built so, but for attacks."},
    [EVENT_QUERY] = {10015, 0, LEVEL_INFO, ALWAYS, "QUERY", "question answered",
	"q client transport qname qtype rcode hit sends ms size",
	"What a client asked and got; hit=yes came from the cache at once, and "
	"hit=no after a walk that sent so many queries.",
	"Nothing; --query-log writes it, and so does level debug."},
    [EVENT_HINTS_DIFFER] = {10016, 0, LEVEL_INFO, LIMITED, "HINTS_DIFFER",
	"root servers are not those of the hints", "file added removed",
	"A root server told addresses that the hints lack, or not all that "
	"they have.  What it told is used; the hints only lead there.",
	"Get today's root hints, unless they are private ones."},
    [EVENT_ACCESS] = {10017, 0, LEVEL_WARNING, ALWAYS, "ACCESS",
	"who may ask does not fit where it listens", "why listen clients",
	"It listens beyond loopback, where either nobody may ask or everybody.",
	"Name your clients with -a: an open resolver is used against others."},
    [EVENT_NETWORK_UNSURE] = {10018, 0, LEVEL_WARNING, LIMITED,
	"NETWORK_UNSURE", "addresses and routes of this host are not known",
	"errno",
	"The kernel does not tell them; a name server at an address of ours "
	"is known only where we listen on just that address.",
	"Let the server use netlink."},
    [EVENT_CLIENT_LIMITED] = {10019, 0, LEVEL_WARNING, LIMITED,
	"CLIENT_LIMITED", "client has its share; it gets no more",
	"client limit value",
	"So many questions of this client wait already (waiting), or answers "
	"over UDP to its network were so many octets longer than the questions "
	"in a second (octets): these are short until it asks over TCP or shows "
	"a cookie.  Addresses may be forged.",
	"Look for what floods; name a proxy for many clients with --proxy."},
    [EVENT_LOG_REOPENED] = {10020, 0, LEVEL_INFO, ALWAYS, "LOG_REOPENED",
	"event log opened anew", "file",
	"The file was renamed or deleted; lines before this one are in the "
	"old file.",
	"Nothing."},
    [EVENT_METRICS_FAILED] = {10021, 0, LEVEL_WARNING, LIMITED,
	"METRICS_UNWRITTEN", "statistics could not be written to their file",
	"errno file",
	"What the file of --metrics says is old, if it is there.  It is tried "
	"again every 15 seconds; this is told again when it has been written "
	"in between.",
	"See errno: the disk may be full, or the directory gone."},
    [EVENT_FORWARDER_DOWN] = {10030, 0, LEVEL_WARNING, LIMITED,
	"FORWARDER_DOWN", "forwarder is silent", INCIDENT,
	"It has not replied for so many times that it is asked last.  Names in "
	"the zone are answered as long as another forwarder, or the cache, "
	"has them; else clients get SERVFAIL.",
	"See whether it runs, and whether this host reaches it."},
    [EVENT_FORWARDER_UP] = {10031, 0, LEVEL_INFO, LIMITED, "FORWARDER_UP",
	"forwarder replies again", INCIDENT, "All is as before 10030.",
	"Nothing."},
    [EVENT_CACHE_RESTORED] = {10040, 0, LEVEL_INFO, ALWAYS, "CACHE_RESTORED",
	"cache file was read", "file entries age_s",
	"So much of what was known age_s ago is known again.", "Nothing."},
    [EVENT_CACHE_NOT_RESTORED] = {10041, 0, LEVEL_WARNING, ALWAYS,
	"CACHE_NOT_RESTORED", "cache file was not read, or not all of it",
	"file errno why",
	"It cannot be trusted, or what is in it is of no use; what had been "
	"taken before a fault was found was sound.  A file that another user "
	"owns or may write, and what is no regular file, is not written over "
	"at the end either.",
	"See errno or why; delete the file, or give it to this server alone."},
    [EVENT_CACHE_SAVED] = {10042, 0, LEVEL_INFO, ALWAYS, "CACHE_SAVED",
	"cache file was written", "file entries",
	"What is known will be known after the next start.", "Nothing."},
    [EVENT_CACHE_NOT_SAVED] = {10043, 0, LEVEL_WARNING, ALWAYS,
	"CACHE_NOT_SAVED", "cache file could not be written", "file errno",
	"The file before it, if there was one, is as it was.", "See errno."},
    [EVENT_CONFINED] = {10050, 0, LEVEL_INFO, ALWAYS, "CONFINED",
	"what is not needed was given up", "user chroot seccomp landlock",
	"The server is this user, in this root, and makes only the system "
	"calls that it needs; where the kernel lacks seccomp or Landlock, or "
	"does not let us, that is no.",
	"Nothing."},
    [EVENT_CALL_REFUSED] = {10051, 0, LEVEL_WARNING, LIMITED, "CALL_REFUSED",
	"system call refused", "call total",
	"The kernel was asked for what the server never needs; the call, by "
	"its number, failed.  A C library newer than the list may do that, "
	"and so may somebody who has got into the process.",
	"Tell those who make this server; without -u and --chroot there is no "
	"such list."},
    [EVENT_QUESTION] = {10100, 0, LEVEL_DEBUG, ALWAYS, "QUESTION",
	"question received", "q client transport qname qtype",
	"A client asks; all lines with the same q are on its account.",
	"Nothing."},
    [EVENT_JOINED] = {10101, 0, LEVEL_DEBUG, ALWAYS, "QUESTION_JOINED",
	"question waits with another", "q qname qtype joined",
	"The same is being looked up already, on the account of q=joined.",
	"Follow that q."},
    [EVENT_QUERY_SENT] = {10102, 0, LEVEL_DEBUG, ALWAYS, "QUERY_SENT",
	"query sent to a name server", EXCHANGE " why of rtt_ms wait_ms",
	"A name server is asked, and given so long to reply.  It was drawn "
	"from so many (of): those as near as the nearest, or of whom "
	"nothing is known yet (why: in the band), "
	"now and then any (at random), those that have had their turn "
	"(asked before) or are known not to serve the zone (lame before).  "
	"It is asked once more if it did not like the query (again), and "
	"over TCP if it said so (truncated) or a reply did not match (in "
	"doubt).  By a query for a name above it sname is looked for; "
	"depth look-ups of name servers wait for this one.",
	"Nothing."},
    [EVENT_REPLY] = {10103, 0, LEVEL_DEBUG, ALWAYS, "REPLY",
	"reply of a name server", EXCHANGE " rcode kind cut ms size",
	"It replied; kind says what that means to the question, and cut is the "
	"zone that a delegation leads to.",
	"Nothing."},
    [EVENT_TIMED_OUT] = {10104, 0, LEVEL_DEBUG, ALWAYS, "QUERY_TIMED_OUT",
	"no reply in time", EXCHANGE " ms",
	"It did not reply; another one is asked, or the same again.",
	"Nothing."},
    [EVENT_UNDELIVERED] = {10105, 0, LEVEL_DEBUG, ALWAYS, "QUERY_UNDELIVERED",
	"query could not be delivered", EXCHANGE " errno cause",
	"This system could not send it, for the cause that 7053 tells, or the "
	"other has no name server.",
	"See errno."},
    [EVENT_ADDRESS_REFUSED] = {10106, 0, LEVEL_DEBUG, ALWAYS, "ADDRESS_REFUSED",
	"name server address refused",
	"q depth peer zone ns addr qname qtype class rfc",
	"As 10002 or 7062 tell, but each time.", "As for 10002 and 7062."},
    [EVENT_ZONE_SERVERS] = {10107, 0, LEVEL_DEBUG, ALWAYS, "ZONE_SERVERS",
	"servers of the closest known zone",
	"q depth zone qname qtype servers from ttl_s",
	"So many name servers are known of the zone closest to the name, for "
	"ttl_s more seconds; those of the root are from hints or from priming, "
	"and forwarders from -f.",
	"Nothing."},
    [EVENT_ALIAS_FOLLOWED] = {10108, 0, LEVEL_DEBUG, ALWAYS, "ALIAS_FOLLOWED",
	"alias followed", "q depth zone qname qtype kind target",
	"What is looked for from now on is the target of the CNAME or DNAME.",
	"Nothing."},
    [EVENT_SERVER_LOOKUP] = {10109, 0, LEVEL_DEBUG, ALWAYS, "SERVER_LOOKUP",
	"address of a name server is looked up", "q depth zone ns qtype joined",
	"None of the addresses at hand is left to ask, so that of ns is looked "
	"up; joined=yes: it was already.",
	"Nothing."},
    [EVENT_SERVER_LOOKED_UP] = {10110, 0, LEVEL_DEBUG, ALWAYS,
	"SERVER_LOOKED_UP", "address of a name server was looked up",
	"q depth zone ns qtype found text",
	"So many addresses that may be asked were found, or none, for the "
	"reason in text.",
	"Nothing."},
    [EVENT_REPLY_DROPPED] = {10111, 0, LEVEL_DEBUG, ALWAYS, "REPLY_DROPPED",
	"reply does not match the query; dropped", EXCHANGE,
	"Somebody guesses, or the server errs; the true reply is waited for.",
	"Nothing."},
    [EVENT_RECORD] = {10112, 0, LEVEL_DEBUG, ALWAYS, "RECORD",
	"record of an answer", "q section record",
	"What a client got, as a master file has it.", "Nothing."},
};

/*
 * A trace tells a line in these words, with fields in the places of their keys.
 * What is in brackets is left out where the line lacks one of the keys in it.
 * The first letter says where it stands: # heads a part, - is a step in it, !
 * one that came to nothing.  "" is not told, as another line says the same;
 * what has no words here is told with its message and all its fields.
 */
static const char *const tellings[EVENTS] = {
    [EVENT_QUESTION] = "#$qname $qtype",
    [EVENT_HINTS_LOADED] =
	"#root servers: $roots, addresses: $addresses, from $file",
    [EVENT_ZONE_SERVERS] = "#$zone servers: $servers ($from[, TTL $ttl_s])",
    [EVENT_QUERY_SENT] = ("--> [$ns ]$addr $transport: $qname $qtype "
			  "([1 of $of ]$why[, RTT $rtt_ms ms])"),
    [EVENT_REPLY] = "-<- $addr: $rcode, $kind[ to $cut], $ms ms",
    [EVENT_TIMED_OUT] = "!<- $addr: nothing in $ms ms",
    [EVENT_UNDELIVERED] = "!<- $addr: not delivered, $errno[ ($cause)]",
    [EVENT_REPLY_DROPPED] = "!<- $addr: no reply to this; dropped",
    [EVENT_ADDRESS_REFUSED] =
	"!refused: [$ns ]$addr is $class[ (RFC $rfc)]; nothing is sent",
    [EVENT_LAME_SERVER] = "!lame: $addr is $why",
    [EVENT_SELF_SEND] = "!refused: [$ns ]$addr leads back to this host",
    [EVENT_ALIAS_FOLLOWED] = "#$qname is an alias ($kind) of $target",
    [EVENT_SERVER_LOOKUP] = "-look up $ns $qtype",
    [EVENT_SERVER_LOOKED_UP] = "-$ns $qtype found: $found[; $text]",
    [EVENT_PRIMED] = "-root servers: $roots, addresses: $addresses, from $peer",
    [EVENT_LIMIT_REACHED] = "!limit: $limit, $value",
    [EVENT_ANSWER_FAILED] = "!failed: $text[ (EDE $ede)]",
    [EVENT_RECORD] = "#$section: $record",
    [EVENT_QUERY] = "#[$sends sends, ]$ms ms, $rcode",
    [EVENT_SERVER_REFUSED] = "",
    [EVENT_SEND_FAILED] = "",
};

/*
 * What stands around and between the parts of a line.  In quotes, both formats
 * of the log have the escapes of JSON; a trace has no quotes.
 */
struct format {
	const char *open, *close; /* the line */
	const char *between;      /* fields */
	const char *key_open, *key_close;
	const char *quote;  /* about a value that needs none in logfmt */
	const char *quotes; /* about any other */
	const char *list_open, *list_between, *list_close;
};

static const struct format formats[] = {
    [FORMAT_LOGFMT] = {.open = "",
	.close = "\n",
	.between = " ",
	.key_open = "",
	.key_close = "=",
	.quote = "",
	.quotes = "\"",
	.list_open = "\"",
	.list_between = " ",
	.list_close = "\""},
    [FORMAT_JSON] = {.open = "{",
	.close = "}\n",
	.between = ",",
	.key_open = "\"",
	.key_close = "\":",
	.quote = "\"",
	.quotes = "\"",
	.list_open = "[\"",
	.list_between = "\",\"",
	.list_close = "\"]"},
    [FORMAT_TRACE] = {.open = "",
	.close = "",
	.between = "\n",
	.key_open = "",
	.key_close = "=",
	.quote = "",
	.quotes = "",
	.list_open = "",
	.list_between = " ",
	.list_close = ""},
};

/* A line that is being made. */
struct line {
	enum row row;
	uint64_t key; /* of the fold that it opens */
	size_t head;  /* where the fields begin */
	size_t len;
	size_t max;   /* len may go so far, see LINE_END_MAX */
	bool full;    /* something did not fit; nothing is added any more */
	unsigned cut; /* fields cut or left out */
	char text[LOG_LINE_MAX];
};

/* A line as a trace tells it. */
struct told {
	unsigned indent;
	const char *paint;
	size_t len;
	char text[TELLING_MAX];
};

/* What an event is about: two of the same id and subject fold. */
struct subject {
	const struct name *zone, *ns;
	const struct address *addr;
	const char *word;
	int err;
};

/*
 * A fold: events like one that was written not long ago.  In use, it is on
 * the queue of windows and in the chain of its hash; else on the free list.
 */
struct fold {
	struct timer window;
	struct fold *next; /* in the chain, or of the free ones */
	uint64_t key;
	uint64_t repeats;
	uint64_t first_wall_ms; /* of the repeats */
	enum row row;
	uint16_t fields_len;
	char fields[LOG_LINE_MAX]; /* of the line that opened it */
};

/*
 * The gate of an id: how much of it was written in the window.  The window is
 * armed from the first line on, and for as long as an episode lasts.
 */
struct gate {
	struct timer window;
	unsigned written;
	bool episode;         /* 5000 was written, and state=end not yet */
	uint64_t held;        /* in this window */
	uint64_t held_before; /* in this episode's windows before this one */
};

static_assert(offsetof(struct fold, window) == 0, "a timer is its fold");
static_assert(offsetof(struct gate, window) == 0, "a timer is its gate");

static enum level least;
static bool queries; /* 10015 is let in */
static const struct format *format;
static bool colour; /* of a trace */
static uint8_t fold_key[16];
static struct {
	uint64_t now_ms, wall_ms;
} hour;
static uint64_t seq; /* of the last line made */
static struct log_counts counts;

static struct fold folds[LOG_FOLDS_MAX];
static struct fold *fold_heads[FOLD_HEADS], *folds_free;
static unsigned folds_used; /* those after them were never touched */
static struct timer_queue fold_windows;

static struct gate gates[EVENTS]; /* by row; those never gated stay empty */
static struct timer_queue gate_windows;

/*
 * The file and what waits for it: out_text[start, end), whole lines but for
 * the first, which may have gone out in part.
 */
static struct {
	int fd; /* -1: the log is not open and events are not counted */
	const char *path; /* NULL: standard error, which is opened but once */
	int err;          /* why a write failed, until it is told */
	int open_err;     /* why the path cannot be opened anew, as was told */
	uint64_t retry_ms;
	uint64_t untold; /* lines lost that no line tells of yet */
	size_t start, end;
	bool torn;  /* the first line has gone out in part */
	bool waits; /* for its reader, at the end */
	int patience_ms;
} out = {.fd = -1};
static char out_text[LOG_BUFFER];

static int log_open(const char *path);
static int stderr_open(void);
static bool log_is_there(void);
static void log_switch(int fd);
static void log_tell_unopened(int err);
static void log_tell_reopened(void);

/* In the order of the event. */
static const struct number numbers[] = {
    {"uptime_s", offsetof(struct statistics, uptime_s), true,
	"Seconds since the start."},
    {"received", offsetof(struct statistics, received), false,
	"Questions of clients."},
    {"answered", offsetof(struct statistics, answered), false,
	"Answers sent to clients."},
    {"dropped", offsetof(struct statistics, dropped), false,
	"Questions that got no answer."},
    {"overflowed", offsetof(struct statistics, overflowed), false,
	"Questions that the kernel had no room for."},
    {"refused", offsetof(struct statistics, refused), false,
	"Questions that were turned down."},
    {"tcp_received", offsetof(struct statistics, tcp_received), false,
	"Questions over TCP, of those received."},
    {"limited", offsetof(struct statistics, limited), false,
	"Answers made short, as the client's network had its share."},
    {"connections", offsetof(struct statistics, connections), true,
	"Connections of clients."},
    {"accepted", offsetof(struct statistics, accepted), false,
	"Connections of clients accepted."},
    {"turned_away", offsetof(struct statistics, turned_away), false,
	"Connections of clients turned away."},
    {"hits", offsetof(struct statistics, hits), false,
	"Questions answered from the cache at once."},
    {"joined", offsetof(struct statistics, joined), false,
	"Questions that joined a look-up under way."},
    {"walks", offsetof(struct statistics, walks), false, "Look-ups begun."},
    {"prefetched", offsetof(struct statistics, prefetched), false,
	"Look-ups ahead of the end of what they refresh, of those begun."},
    {"failed", offsetof(struct statistics, failed), false,
	"Questions that ended without an answer."},
    {"expired", offsetof(struct statistics, expired), false,
	"Questions without an answer in time, of those failed."},
    {"waiting", offsetof(struct statistics, waiting), true,
	"Questions that wait for look-ups."},
    {"told_noerror", offsetof(struct statistics, told[TOLD_NOERROR]), false,
	"Answers with NOERROR."},
    {"told_nxdomain", offsetof(struct statistics, told[TOLD_NXDOMAIN]), false,
	"Answers with NXDOMAIN."},
    {"told_servfail", offsetof(struct statistics, told[TOLD_SERVFAIL]), false,
	"Answers with SERVFAIL."},
    {"told_refused", offsetof(struct statistics, told[TOLD_REFUSED]), false,
	"Answers with REFUSED."},
    {"told_other", offsetof(struct statistics, told[TOLD_OTHER]), false,
	"Answers with another rcode."},
    {"sent", offsetof(struct statistics, sent), false,
	"Queries to name servers."},
    {"forwarded", offsetof(struct statistics, forwarded), false,
	"Queries to forwarders, of those sent."},
    {"retries", offsetof(struct statistics, retries), false,
	"Queries to an address that had been asked the same."},
    {"replies", offsetof(struct statistics, replies), false,
	"Replies of name servers."},
    {"timeouts", offsetof(struct statistics, timeouts), false,
	"Queries without a reply."},
    {"mismatched", offsetof(struct statistics, mismatched), false,
	"Messages that were no reply to any query."},
    {"primes", offsetof(struct statistics, primes), false,
	"Look-ups of the root servers."},
    {"tcp_connects", offsetof(struct statistics, tcp_connects), false,
	"Connections to name servers begun."},
    {"tcp_sent", offsetof(struct statistics, tcp_sent), false,
	"Queries over TCP, of those sent."},
    {"tcp_reused", offsetof(struct statistics, tcp_reused), false,
	"Queries given to a connection that was there."},
    {"replied_answer", offsetof(struct statistics, replied[0]), false,
	"Replies with the data asked for."},
    {"replied_nxdomain", offsetof(struct statistics, replied[1]), false,
	"Replies that there is no such name."},
    {"replied_nodata", offsetof(struct statistics, replied[2]), false,
	"Replies that there is no such type."},
    {"replied_referral", offsetof(struct statistics, replied[3]), false,
	"Replies with servers nearer to the name."},
    {"replied_alias", offsetof(struct statistics, replied[4]), false,
	"Replies with another name."},
    {"replied_truncated", offsetof(struct statistics, replied[5]), false,
	"Replies cut short."},
    {"replied_noedns", offsetof(struct statistics, replied[6]), false,
	"Replies of servers that choke on EDNS."},
    {"replied_badcookie", offsetof(struct statistics, replied[7]), false,
	"Replies with a new cookie in place of data."},
    {"replied_lame", offsetof(struct statistics, replied[8]), false,
	"Replies of servers that are not the zone's."},
    {"replied_error", offsetof(struct statistics, replied[9]), false,
	"Replies with an error."},
    {"replied_bizarre", offsetof(struct statistics, replied[10]), false,
	"Replies that make no sense."},
    {"addresses_refused", offsetof(struct statistics, addresses_refused), false,
	"Addresses of name servers that were refused."},
    {"sends_failed", offsetof(struct statistics, sends_failed), false,
	"Queries that the system did not send."},
    {"self_sends", offsetof(struct statistics, self_sends), false,
	"Addresses of name servers that are our own."},
    {"lame", offsetof(struct statistics, lame), false,
	"Replies of lame servers that counted as such."},
    {"cache_stored", offsetof(struct statistics, cache.stored), false,
	"Entries put into the cache."},
    {"cache_evicted", offsetof(struct statistics, cache.evicted), false,
	"Entries that left the cache alive."},
    {"cache_rescued", offsetof(struct statistics, cache.rescued), false,
	"Entries that got a second chance in the cache."},
    {"cache_failures", offsetof(struct statistics, cache.failures), false,
	"Failures put into the cache."},
    {"cache_entries", offsetof(struct statistics, cache.entries), true,
	"Entries in the cache."},
    {"cache_octets", offsetof(struct statistics, cache.octets), true,
	"Octets in the cache."},
    {"log_counted", offsetof(struct statistics, log.counted), false, "Events."},
    {"log_written", offsetof(struct statistics, log.written), false,
	"Events written to the log."},
    {"log_folded", offsetof(struct statistics, log.folded), false,
	"Events folded into another line."},
    {"log_gated", offsetof(struct statistics, log.gated), false,
	"Events beyond the limit of their id."},
    {"log_lost", offsetof(struct statistics, log.lost), false,
	"Lines that the log file did not take."},
    {"took_ms", offsetof(struct statistics, took_ms), false, NULL},
    {"took_0ms", offsetof(struct statistics, took[0]), false, NULL},
    {"took_1ms", offsetof(struct statistics, took[1]), false, NULL},
    {"took_2ms", offsetof(struct statistics, took[2]), false, NULL},
    {"took_4ms", offsetof(struct statistics, took[3]), false, NULL},
    {"took_8ms", offsetof(struct statistics, took[4]), false, NULL},
    {"took_16ms", offsetof(struct statistics, took[5]), false, NULL},
    {"took_32ms", offsetof(struct statistics, took[6]), false, NULL},
    {"took_64ms", offsetof(struct statistics, took[7]), false, NULL},
    {"took_128ms", offsetof(struct statistics, took[8]), false, NULL},
    {"took_256ms", offsetof(struct statistics, took[9]), false, NULL},
    {"took_512ms", offsetof(struct statistics, took[10]), false, NULL},
    {"took_1024ms", offsetof(struct statistics, took[11]), false, NULL},
    {"took_2048ms", offsetof(struct statistics, took[12]), false, NULL},
    {"took_4096ms", offsetof(struct statistics, took[13]), false, NULL},
    {"took_8192ms", offsetof(struct statistics, took[14]), false, NULL},
    {"took_more", offsetof(struct statistics, took[15]), false, NULL},
};

static bool line_begin(struct line *, enum row, const struct subject *);
static bool event_is_wanted(enum row);
static void line_end(struct line *);
static bool event_count(enum row, uint64_t key);
static void counts_check(void);
static void windows_end(void);

static struct subject incident_subject(const struct incident *, int err);
static uint64_t subject_key(enum row, const struct subject *);
static struct fold *fold_find(uint64_t key);
static void fold_make_room(void);
static void fold_begin(const struct line *);
static void fold_end(struct fold *);
static void fold_report(const struct fold *);
static bool gate_pass(struct gate *);
static void gate_window_end(struct gate *);
static void gate_report(const struct gate *);
static void gate_line(struct line *, enum row, const struct gate *);

static void line_number(struct line *, const char *key, uint64_t);
static void line_closing_number(struct line *, const char *key, uint64_t);
static void line_time(struct line *, const char *key, uint64_t wall_ms);
static void line_word(struct line *, const char *key, const char *);
static void line_path(struct line *, const char *key, const char *);
static void line_name(struct line *, const char *key, const struct name *);
static void line_addr(struct line *, const struct address *);
static void line_peer(struct line *, const struct address *);
static void line_socket(struct line *, const char *key, const struct address *);
static void line_q(struct line *, uint64_t q);
static void line_client_question(struct line *, const struct client_question *);
static void line_incident(
    struct line *, const struct incident *, const char *class);
static void line_step(struct line *, const struct incident *);
static void line_question(
    struct line *, const struct name *qname, uint16_t qtype);
static void line_hint_place(struct line *, const struct hint_fault *);
static void line_errno(struct line *, int err);
static void line_listeners(struct line *, const struct startup *);
static void line_clients(struct line *, const struct startup *);
static void line_forwarders(struct line *, const struct forward *);
static void line_addresses(
    struct line *, const char *key, const struct address *, unsigned count);
static void line_families(struct line *, const struct startup *);
static void line_tally(struct line *, const struct tally *);
static void line_statistics(struct line *, const struct statistics *);
static void line_text(struct line *, const char *key, const char *, size_t);
static void line_value(
    struct line *, const char *key, const char *, size_t max);
static void list_begin(struct line *, const char *key);
static bool list_has_room(const struct line *);
static void list_add(struct line *, const char *);
static void list_end(struct line *, unsigned more);

static void line_head(struct line *, enum row);
static void line_finish(struct line *);
static size_t field_begin(struct line *, const char *key, size_t max);
static void field_end(struct line *, size_t mark);
static size_t put_value(struct line *, const char *, size_t len);
static bool value_is_bare(const char *, size_t len);
static size_t plain_run(const char *, size_t len);
static size_t put_run(struct line *, const char *, size_t n);
static bool put_escaped(struct line *, unsigned char);
static void put_text(struct line *, const char *);
static void put_number(struct line *, uint64_t, size_t digits);
static const char *number_text(
    uint64_t, size_t digits, char text[NUMBER_TEXT_MAX]);
static void put_time(struct line *, uint64_t wall_ms);
static bool put_octets(struct line *, const char *, size_t n);

static void line_tell(const struct line *);
static const char *field_find(
    const struct line *, const char *key, size_t key_len, size_t *len);
static void told_put(struct told *, const char *, size_t len);
static void told_print(const struct told *);

static void out_put(const char *text, size_t len);
static size_t out_room(void);
static void out_drain(void);
static void out_tell_loss(void);
static void out_write(void);
static void out_drop_torn(void);
static bool out_ready(void);
static size_t out_piece(void);
static uint64_t out_lines(void);

bool
eventlog_open(const struct log_options *o, const uint8_t key[16])
{
	assert(out.fd == -1);
	out.fd = o->path != NULL ? log_open(o->path)
	    : o->trace           ? STDOUT_FILENO
				 : stderr_open();
	if (out.fd == -1)
		return false;
	out.path = o->path;
	out.waits = o->trace;
	colour = o->colour;
	out.start = out.end = 0;
	out.torn = false;
	out.err = out.open_err = 0;
	out.retry_ms = out.untold = 0;
	least = o->least;
	queries = o->queries || o->least == LEVEL_DEBUG;
	format = &formats[o->format];
	memcpy(fold_key, key, sizeof fold_key);
	seq = 0;
	memset(&counts, 0, sizeof counts);
	memset(fold_heads, 0, sizeof fold_heads);
	memset(gates, 0, sizeof gates);
	timer_queue_init(&fold_windows, LOG_WINDOW_S * UINT64_C(1000));
	timer_queue_init(&gate_windows, LOG_WINDOW_S * UINT64_C(1000));
	folds_free = NULL;
	folds_used = 0;
	return true;
}

/* Non-blocking matters when the file is a FIFO or a terminal. */
static int
log_open(const char *path)
{
	return file_open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0644);
}

/*
 * Standard error is shared with those who started us, so it is not switched
 * to non-blocking.  A terminal that says it is writable may still block a
 * write of more than it has room for; so a terminal and a pipe are opened
 * once more, for us alone.  Where that cannot be, poll must do.
 */
static int
stderr_open(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) == -1)
		return -1;
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return STDERR_FILENO;
	fd = open("/proc/self/fd/2",
	    O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd == -1 ? STDERR_FILENO : fd;
}

void
eventlog_look(void)
{
	int fd;

	if (out.fd == -1 || out.path == NULL || log_is_there())
		return;
	fd = log_open(out.path);
	if (fd != -1)
		log_switch(fd);
	else if (errno != out.open_err)
		log_tell_unopened(errno);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
log_is_there(void)
{
	struct stat there, here;

	return file_stat(out.path, &there) == 0 && fstat(out.fd, &here) == 0 &&
	    same_file(&there, &here);
}

/*
 * The old file gets what it takes at once, the new one the rest; but not the
 * end of a line whose beginning is in the old one.
 */
static void
log_switch(int fd)
{
	struct stat before, now;

	if (fstat(out.fd, &before) == 0 && fstat(fd, &now) == 0 &&
	    same_file(&before, &now)) { /* it could not be looked at, no more */
		close(fd);
		return;
	}
	out_write();
	if (out.torn)
		out_drop_torn();
	close(out.fd);
	out.fd = fd;
	out.open_err = 0;
	out.retry_ms = 0;
	log_tell_reopened();
}

void
eventlog_time(uint64_t now_ms, uint64_t wall_ms)
{
	hour.now_ms = now_ms;
	hour.wall_ms = wall_ms;
}

void
eventlog_flush(void)
{
	if (out.fd == -1)
		return;
	windows_end();
	out_drain();
}

uint64_t
eventlog_next_due(void)
{
	const struct timer *fold = timer_first(&fold_windows);
	const struct timer *gate = timer_first(&gate_windows);
	uint64_t due_ms = UINT64_MAX;

	if (fold != NULL)
		due_ms = fold->due_ms;
	if (gate != NULL && gate->due_ms < due_ms)
		due_ms = gate->due_ms;
	return due_ms;
}

void
eventlog_close(void)
{
	struct timer *t;
	size_t i;

	if (out.fd == -1)
		return;
	while ((t = timer_first(&fold_windows)) != NULL)
		fold_end((struct fold *)t);
	for (i = 0; i < EVENTS; i++)
		if (gates[i].held > 0)
			gate_report(&gates[i]);
	timer_queue_init(&gate_windows, gate_windows.span_ms);
	out.retry_ms = 0;
	out.patience_ms = out.waits ? -1 : 0;
	out_drain();
	out.patience_ms = 0;
	counts.lost += out_lines();
	if (out.fd != STDERR_FILENO && out.fd != STDOUT_FILENO)
		(void)close(out.fd); /* nobody is left to tell */
	out.fd = -1;
	hour.now_ms = hour.wall_ms = 0;
}

size_t
eventlog_memory(void)
{
	return sizeof(folds) + sizeof(fold_heads) + sizeof(gates) +
	    sizeof(out_text);
}

void
eventlog_count(struct log_counts *c)
{
	*c = counts;
}

const struct event *
eventlog_catalogue(unsigned *count)
{
	*count = EVENTS;
	return catalogue;
}

const char *
level_text(enum level level)
{
	static const char *const levels[] = {
	    [LEVEL_ERROR] = "error",
	    [LEVEL_WARNING] = "warning",
	    [LEVEL_INFO] = "info",
	    [LEVEL_DEBUG] = "debug",
	};

	return levels[level];
}

/* --------------------------------------------------------------------------
 * The events, in the order of dns.h.
 */

void
eventlog_starting(const char *version)
{
	struct line l;

	if (!line_begin(&l, EVENT_STARTING, NULL))
		return;
	line_word(&l, "version", version);
	line_end(&l);
}

void
eventlog_started(const struct startup *s)
{
	struct line l;

	if (!line_begin(&l, EVENT_STARTED, NULL))
		return;
	line_path(&l, "hints", s->hints);
	line_number(&l, "roots", s->roots);
	line_number(&l, "addresses", s->addresses);
	line_listeners(&l, s);
	line_clients(&l, s);
	line_families(&l, s);
	line_number(&l, "walks", s->walks);
	line_number(&l, "queries", s->queries);
	line_number(&l, "connections", s->connections);
	line_number(&l, "queue", s->queue_octets);
	line_number(&l, "cache", s->cache_octets);
	line_number(&l, "memory", s->memory_octets);
	line_end(&l);
}

void
eventlog_access(const struct startup *s, const char *why)
{
	struct line l;

	if (!line_begin(&l, EVENT_ACCESS, NULL))
		return;
	line_word(&l, "why", why);
	line_listeners(&l, s);
	line_clients(&l, s);
	line_end(&l);
}

void
eventlog_shutdown(const char *cause, uint64_t uptime_s, uint64_t answered)
{
	struct line l;

	if (!line_begin(&l, EVENT_SHUTDOWN, NULL))
		return;
	line_word(&l, "cause", cause);
	line_number(&l, "uptime_s", uptime_s);
	line_number(&l, "answered", answered);
	line_end(&l);
}

void
eventlog_no_roots(const char *file)
{
	struct line l;

	if (!line_begin(&l, EVENT_NO_ROOTS, NULL))
		return;
	line_path(&l, "file", file);
	line_end(&l);
}

void
eventlog_caching_only(void)
{
	struct line l;

	if (line_begin(&l, EVENT_CACHING_ONLY, NULL))
		line_end(&l);
}

void
eventlog_hints_loaded(
    const char *file, unsigned names, unsigned addresses, bool flushed)
{
	struct line l;

	if (!line_begin(&l, EVENT_HINTS_LOADED, NULL))
		return;
	line_path(&l, "file", file);
	line_number(&l, "roots", names);
	line_number(&l, "addresses", addresses);
	line_word(&l, "cache", flushed ? "flushed" : NULL);
	line_end(&l);
}

void
eventlog_hints_missing(const char *file, int err)
{
	struct line l;

	if (!line_begin(&l, EVENT_HINTS_MISSING, NULL))
		return;
	line_errno(&l, err);
	line_word(&l, "why", err == 0 ? "no regular file" : NULL);
	line_path(&l, "file", file);
	line_end(&l);
}

void
eventlog_hint_fault(const struct hint_fault *f)
{
	static const enum row rows[] = {
	    [HINT_UNEXPECTED_TOKEN] = EVENT_HINT_TOKEN,
	    [HINT_UNEXPECTED_END] = EVENT_HINT_END,
	    [HINT_CLASS] = EVENT_HINT_CLASS,
	    [HINT_DIRECTIVE] = EVENT_HINT_DIRECTIVE,
	    [HINT_NAME] = EVENT_HINT_NAME,
	    [HINT_TYPE] = EVENT_HINT_TYPE,
	    [HINT_SOA] = EVENT_HINT_SOA,
	    [HINT_NUMBER] = EVENT_HINT_NUMBER,
	    [HINT_ADDRESS] = EVENT_HINT_ADDRESS,
	    [HINT_ADDRESS6] = EVENT_HINT_ADDRESS6,
	    [HINT_NO_TEXT] = EVENT_HINT_TOKEN,
	    [HINT_TOO_MANY] = EVENT_HINT_TOKEN,
	    [HINT_REFUSED] = EVENT_HINT_ADDRESS,
	};
	bool refused = f->error == HINT_REFUSED;
	struct line l;

	assert(f->error <= HINT_REFUSED);
	if (!line_begin(&l,
		refused && f->addr.family == 6 ? EVENT_HINT_ADDRESS6
					       : rows[f->error],
		NULL))
		return;
	if (refused) {
		line_name(&l, "ns", f->ns);
		line_addr(&l, &f->addr);
		line_word(&l, "class", f->class);
	}
	line_hint_place(&l, f);
	line_end(&l);
}

void
eventlog_hints_rejected(const char *file, unsigned faults)
{
	struct line l;

	if (!line_begin(&l, EVENT_HINTS_REJECTED, NULL))
		return;
	line_path(&l, "file", file);
	line_number(&l, "faults", faults);
	line_end(&l);
}

/* Folded by the first address, as other hints differ in other ones. */
void
eventlog_hints_differ(const struct hints_difference *d)
{
	const struct subject s = {
	    .addr = d->added_count > 0 ? d->added : d->removed};
	struct line l;

	if (!line_begin(&l, EVENT_HINTS_DIFFER, &s))
		return;
	line_path(&l, "file", d->file);
	line_addresses(&l, "added", d->added, d->added_count);
	line_addresses(&l, "removed", d->removed, d->removed_count);
	line_end(&l);
}

void
eventlog_primed(unsigned names, unsigned addresses, const struct address *peer)
{
	struct line l;

	if (!line_begin(&l, EVENT_PRIMED, NULL))
		return;
	line_peer(&l, peer);
	line_number(&l, "roots", names);
	line_number(&l, "addresses", addresses);
	line_end(&l);
}

void
eventlog_roots_unreachable(unsigned tried, const char *cause)
{
	const struct subject s = {.word = cause};
	struct line l;

	if (!line_begin(&l, EVENT_ROOTS_UNREACHABLE, &s))
		return;
	line_number(&l, "tried", tried);
	line_word(&l, "cause", cause);
	line_end(&l);
}

void
eventlog_server_refused(const struct incident *i, const char *class)
{
	const struct subject s = incident_subject(i, 0);
	struct line l;

	if (!line_begin(&l, EVENT_SERVER_REFUSED, &s))
		return;
	line_incident(&l, i, class);
	line_number(&l, "prevents", catalogue[EVENT_SEND_FAILED].id);
	line_end(&l);
}

void
eventlog_self_send(const struct incident *i)
{
	const struct subject s = incident_subject(i, 0);
	struct line l;

	if (!line_begin(&l, EVENT_SELF_SEND, &s))
		return;
	line_incident(&l, i, NULL);
	line_end(&l);
}

/*
 * Folded by cause and family: a missing route is one trouble, however many
 * servers it leads to.  The line names the first.
 */
void
eventlog_send_failed(const struct incident *i, int err, const char *cause)
{
	const struct address any = {.family = i->addr->family};
	const struct subject s = {.addr = &any, .word = cause, .err = err};
	struct line l;

	if (!line_begin(&l, EVENT_SEND_FAILED, &s))
		return;
	line_incident(&l, i, NULL);
	line_errno(&l, err);
	line_word(&l, "cause", cause);
	line_end(&l);
}

void
eventlog_lame_server(const struct incident *i, const char *why)
{
	const struct subject s = incident_subject(i, 0);
	struct line l;

	if (!line_begin(&l, EVENT_LAME_SERVER, &s))
		return;
	line_incident(&l, i, NULL);
	line_word(&l, "why", why);
	line_end(&l);
}

/* Folded by zone alone: a dead zone is one trouble, whoever asks for what. */
void
eventlog_answer_failed(
    const struct incident *i, const struct reason *why, const struct tally *t)
{
	const struct subject s = {.zone = i->zone};
	struct line l;

	if (!line_begin(&l, EVENT_ANSWER_FAILED, &s))
		return;
	line_q(&l, i->q);
	line_name(&l, "zone", i->zone);
	line_question(&l, i->qname, i->qtype);
	line_tally(&l, t);
	if (why->ede != EDE_NONE)
		line_number(&l, "ede", why->ede);
	if (why->text[0] != '\0')
		line_text(&l, "text", why->text,
		    strnlen(why->text, sizeof why->text));
	line_end(&l);
}

void
eventlog_limit_reached(const struct incident *i, const struct tally *t)
{
	const struct subject s = {.zone = i->zone, .word = t->limit};
	struct line l;

	if (!line_begin(&l, EVENT_LIMIT_REACHED, &s))
		return;
	line_q(&l, i->q);
	line_name(&l, "zone", i->zone);
	line_question(&l, i->qname, i->qtype);
	line_word(&l, "limit", t->limit);
	line_number(&l, "value", t->limit_max);
	if (t->most_sends > 0) {
		line_number(&l, "most_sends", t->most_sends);
		line_name(&l, "most_zone", t->most_zone);
	}
	line_end(&l);
}

void
eventlog_table_full(const char *table, unsigned limit)
{
	const struct subject s = {.word = table};
	struct line l;

	if (!line_begin(&l, EVENT_TABLE_FULL, &s))
		return;
	line_word(&l, "table", table);
	line_number(&l, "limit", limit);
	line_end(&l);
}

void
eventlog_client_limited(
    const struct address *client, const char *limit, unsigned value)
{
	char text[ADDRESS_TEXT_MAX];
	struct address host = *client;
	const struct subject s = {.addr = &host, .word = limit};
	struct line l;

	host.port = 0;
	if (!line_begin(&l, EVENT_CLIENT_LIMITED, &s))
		return;
	line_word(&l, "client", address_text(&host, text));
	line_word(&l, "limit", limit);
	line_number(&l, "value", value);
	line_end(&l);
}

void
eventlog_receive_failed(const struct address *listener, int err)
{
	const struct subject s = {.addr = listener, .err = err};
	struct line l;

	if (!line_begin(&l, EVENT_RECEIVE_FAILED, &s))
		return;
	line_addr(&l, listener);
	line_errno(&l, err);
	line_end(&l);
}

void
eventlog_statistics(const struct statistics *s)
{
	struct statistics whole = *s;
	struct line l;

	if (!line_begin(&l, EVENT_STATISTICS, NULL))
		return;
	whole.log = counts; /* this line as well */
	line_statistics(&l, &whole);
	line_end(&l);
}

void
eventlog_metrics_failed(const char *file, int err)
{
	const struct subject s = {.err = err};
	struct line l;

	if (!line_begin(&l, EVENT_METRICS_FAILED, &s))
		return;
	line_errno(&l, err);
	line_path(&l, "file", file);
	line_end(&l);
}

static const char *
family_text(uint8_t family)
{
	return family == 4 ? "IPv4" : "IPv6";
}

/*
 * Each change has a subject of its own, so that the last line tells what is so
 * now; if they are many, the gate holds them.
 */
static struct subject
change_subject(void)
{
	static int changes;

	return (struct subject){.err = ++changes};
}

void
eventlog_forward_refused(
    const struct name *zone, const struct address *at, const char *class)
{
	struct line l;

	if (!line_begin(&l, EVENT_FORWARD_REFUSED, NULL))
		return;
	line_name(&l, "zone", zone);
	line_addr(&l, at);
	line_word(&l, "class", class);
	line_end(&l);
}

void
eventlog_forward(const struct forward *f)
{
	struct line l;

	if (!line_begin(&l, EVENT_FORWARD, NULL))
		return;
	line_name(&l, "zone", &f->zone);
	line_forwarders(&l, f);
	line_end(&l);
}

void
eventlog_forwarder(const struct incident *i, bool down)
{
	const struct subject s = incident_subject(i, 0);
	struct line l;

	if (!line_begin(
		&l, down ? EVENT_FORWARDER_DOWN : EVENT_FORWARDER_UP, &s))
		return;
	line_incident(&l, i, NULL);
	line_end(&l);
}

void
eventlog_cache_restored(const char *path, uint64_t entries, uint64_t age_s)
{
	struct line l;

	if (!line_begin(&l, EVENT_CACHE_RESTORED, NULL))
		return;
	line_path(&l, "file", path);
	line_number(&l, "entries", entries);
	line_number(&l, "age_s", age_s);
	line_end(&l);
}

void
eventlog_cache_not_restored(const char *path, int err, const char *why)
{
	struct line l;

	if (!line_begin(&l, EVENT_CACHE_NOT_RESTORED, NULL))
		return;
	line_path(&l, "file", path);
	if (err != 0)
		line_errno(&l, err);
	line_word(&l, "why", why);
	line_end(&l);
}

void
eventlog_cache_saved(const char *path, uint64_t entries, int err)
{
	struct line l;

	if (!line_begin(
		&l, err == 0 ? EVENT_CACHE_SAVED : EVENT_CACHE_NOT_SAVED, NULL))
		return;
	line_path(&l, "file", path);
	if (err == 0)
		line_number(&l, "entries", entries);
	else
		line_errno(&l, err);
	line_end(&l);
}

void
eventlog_confined(const struct confinement *c)
{
	struct line l;

	if (!line_begin(&l, EVENT_CONFINED, NULL))
		return;
	line_word(&l, "user", c->user);
	line_path(&l, "chroot", c->root);
	line_word(&l, "seccomp", c->seccomp ? "yes" : "no");
	line_word(&l, "landlock", c->landlock ? "yes" : "no");
	line_end(&l);
}

void
eventlog_call_refused(unsigned call, unsigned total)
{
	const struct subject s = {.err = (int)call};
	struct line l;

	if (!line_begin(&l, EVENT_CALL_REFUSED, &s))
		return;
	line_number(&l, "call", call);
	line_number(&l, "total", total);
	line_end(&l);
}

void
eventlog_family(uint8_t family, const char *cause)
{
	const struct subject s = change_subject();
	struct line l;

	if (!line_begin(
		&l, cause != NULL ? EVENT_FAMILY_DOWN : EVENT_FAMILY_UP, &s))
		return;
	line_word(&l, "family", family_text(family));
	line_word(&l, "cause", cause);
	line_end(&l);
}

void
eventlog_offline(const char *cause)
{
	const struct subject s = change_subject();
	struct line l;

	if (!line_begin(&l, EVENT_OFFLINE, &s))
		return;
	line_word(&l, "cause", cause);
	line_end(&l);
}

void
eventlog_online(uint64_t offline_s)
{
	const struct subject s = change_subject();
	struct line l;

	if (!line_begin(&l, EVENT_ONLINE, &s))
		return;
	line_number(&l, "offline_s", offline_s);
	line_end(&l);
}

void
eventlog_network_unsure(int err)
{
	const struct subject s = {.err = err};
	struct line l;

	if (!line_begin(&l, EVENT_NETWORK_UNSURE, &s))
		return;
	line_errno(&l, err);
	line_end(&l);
}

bool
eventlog_logs_queries(void)
{
	return queries;
}

void
eventlog_query(const struct client_question *c, enum rcode rcode,
    const char *hit, unsigned sends, size_t size)
{
	struct line l;

	if (!line_begin(&l, EVENT_QUERY, NULL))
		return;
	line_client_question(&l, c);
	line_word(&l, "rcode", rcode_text((uint8_t)rcode));
	line_word(&l, "hit", hit);
	if (sends > 0)
		line_number(&l, "sends", sends);
	line_number(&l, "ms", hour.now_ms - c->asked_ms);
	line_number(&l, "size", size);
	line_end(&l);
}

bool
eventlog_is_tracing(void)
{
	return least == LEVEL_DEBUG;
}

void
eventlog_question(const struct client_question *c)
{
	struct line l;

	if (!line_begin(&l, EVENT_QUESTION, NULL))
		return;
	line_client_question(&l, c);
	line_end(&l);
}

void
eventlog_joined(const struct client_question *c, uint64_t joined)
{
	struct line l;

	if (!line_begin(&l, EVENT_JOINED, NULL))
		return;
	line_q(&l, c->q);
	line_question(&l, c->qname, c->qtype);
	line_number(&l, "joined", joined);
	line_end(&l);
}

void
eventlog_query_sent(
    const struct incident *i, const struct drawing *drawing, uint64_t wait_ms)
{
	struct line l;

	if (!line_begin(&l, EVENT_QUERY_SENT, NULL))
		return;
	line_step(&l, i);
	line_word(&l, "why", drawing->why);
	if (drawing->of > 0)
		line_number(&l, "of", drawing->of);
	if (drawing->rtt_ms > 0)
		line_number(&l, "rtt_ms", drawing->rtt_ms);
	line_number(&l, "wait_ms", wait_ms);
	line_end(&l);
}

void
eventlog_reply(const struct incident *i, const char *rcode, const char *kind,
    const struct name *cut, uint64_t ms, size_t size)
{
	struct line l;

	if (!line_begin(&l, EVENT_REPLY, NULL))
		return;
	line_step(&l, i);
	line_word(&l, "rcode", rcode);
	line_word(&l, "kind", kind);
	line_name(&l, "cut", cut);
	line_number(&l, "ms", ms);
	line_number(&l, "size", size);
	line_end(&l);
}

void
eventlog_timed_out(const struct incident *i, uint64_t ms)
{
	struct line l;

	if (!line_begin(&l, EVENT_TIMED_OUT, NULL))
		return;
	line_step(&l, i);
	line_number(&l, "ms", ms);
	line_end(&l);
}

void
eventlog_undelivered(const struct incident *i, int err, const char *cause)
{
	struct line l;

	if (!line_begin(&l, EVENT_UNDELIVERED, NULL))
		return;
	line_step(&l, i);
	line_errno(&l, err);
	line_word(&l, "cause", cause);
	line_end(&l);
}

void
eventlog_address_refused(
    const struct incident *i, const char *class, const char *rfc)
{
	struct line l;

	if (!line_begin(&l, EVENT_ADDRESS_REFUSED, NULL))
		return;
	line_step(&l, i);
	line_word(&l, "class", class);
	line_word(&l, "rfc", rfc);
	line_end(&l);
}

void
eventlog_zone_servers(const struct incident *i, unsigned servers,
    const char *from, uint64_t ttl_s)
{
	struct line l;

	if (!line_begin(&l, EVENT_ZONE_SERVERS, NULL))
		return;
	line_step(&l, i);
	line_number(&l, "servers", servers);
	line_word(&l, "from", from);
	if (ttl_s != UINT64_MAX)
		line_number(&l, "ttl_s", ttl_s);
	line_end(&l);
}

void
eventlog_alias_followed(
    const struct incident *i, uint16_t type, const struct name *target)
{
	char text[TYPE_TEXT_MAX];
	struct line l;

	if (!line_begin(&l, EVENT_ALIAS_FOLLOWED, NULL))
		return;
	line_step(&l, i);
	line_word(&l, "kind", type_text(type, text));
	line_name(&l, "target", target);
	line_end(&l);
}

void
eventlog_server_lookup(const struct incident *i, bool joined)
{
	struct line l;

	if (!line_begin(&l, EVENT_SERVER_LOOKUP, NULL))
		return;
	line_step(&l, i);
	line_word(&l, "joined", joined ? "yes" : NULL);
	line_end(&l);
}

void
eventlog_server_looked_up(
    const struct incident *i, unsigned found, const char *text)
{
	struct line l;

	if (!line_begin(&l, EVENT_SERVER_LOOKED_UP, NULL))
		return;
	line_step(&l, i);
	line_number(&l, "found", found);
	if (found == 0 && text[0] != '\0')
		line_text(&l, "text", text, strlen(text));
	line_end(&l);
}

void
eventlog_reply_dropped(const struct incident *i)
{
	struct line l;

	if (!line_begin(&l, EVENT_REPLY_DROPPED, NULL))
		return;
	line_step(&l, i);
	line_end(&l);
}

void
eventlog_record(uint64_t q, const char *section, const struct name *owner,
    uint32_t ttl_s, uint16_t type, struct reader *rdata)
{
	static uint8_t text[RECORD_TEXT_MAX + 1];
	struct writer w;
	struct line l;

	if (!line_begin(&l, EVENT_RECORD, NULL))
		return;
	writer_init(&w, text, RECORD_TEXT_MAX);
	write_record_text(&w, owner, ttl_s, type, rdata);
	assert(!w.failed);
	if (format == &formats[FORMAT_TRACE] &&
	    strcmp(section, "answer") == 0) {
		text[w.len] = '\n'; /* as it is: a line of a master file */
		out_put((const char *)text, w.len + 1);
		return;
	}
	line_q(&l, q);
	line_word(&l, "section", section);
	line_text(&l, "record", (const char *)text, w.len);
	line_end(&l);
}

/* The log has events of its own. */

static void
log_tell_unopened(int err)
{
	struct line l;

	out.open_err = err;
	if (!line_begin(&l, EVENT_LOG_UNOPENED, NULL))
		return;
	line_errno(&l, err);
	line_path(&l, "file", out.path);
	line_end(&l);
}

static void
log_tell_reopened(void)
{
	struct line l;

	if (!line_begin(&l, EVENT_LOG_REOPENED, NULL))
		return;
	line_path(&l, "file", out.path);
	line_end(&l);
}

/* --------------------------------------------------------------------------
 * What becomes of an event: written, folded or gated.
 */

/*
 * Let an event in.  False: there is no line to be made.  The subject is what
 * folds it; those that are always written have none.
 */
static bool
line_begin(struct line *l, enum row row, const struct subject *s)
{
	const struct event *e = &catalogue[row];

	assert((e->flood == LIMITED) == (s != NULL));
	assert(e->flood == ALWAYS || e->id >= ID_LIMITED_FIRST);
	if (!event_is_wanted(row))
		return false;
	out_tell_loss();
	windows_end();
	l->key = s == NULL ? 0 : subject_key(row, s);
	if (!event_count(row, l->key))
		return false;
	if (s != NULL)
		fold_make_room();
	line_head(l, row);
	return true;
}

static bool
event_is_wanted(enum row row)
{
	if (out.fd == -1)
		return false;
	return row == EVENT_QUERY ? queries : catalogue[row].level <= least;
}

/* A trace is of one question, and tells each step. */
static bool
event_folds(enum row row)
{
	return catalogue[row].flood == LIMITED &&
	    format != &formats[FORMAT_TRACE];
}

/* Count an event and find out whether it is to be written. */
static bool
event_count(enum row row, uint64_t key)
{
	struct fold *fold = NULL;
	bool passes = true;

	if (event_folds(row)) {
		fold = fold_find(key);
		passes = fold == NULL && gate_pass(&gates[row]);
	}
	counts.counted++;
	if (passes)
		counts.written++;
	else if (fold == NULL)
		counts.gated++;
	else
		counts.folded++;
	if (fold != NULL && fold->repeats++ == 0)
		fold->first_wall_ms = hour.wall_ms;
	counts_check();
	return passes;
}

static void
counts_check(void)
{
	assert(counts.written + counts.folded + counts.gated == counts.counted);
}

/* End the line of an event.  A limited one opens a fold with its fields. */
static void
line_end(struct line *l)
{
	if (l->cut > 0)
		line_closing_number(l, "cut", l->cut);
	if (event_folds(l->row)) {
		fold_begin(l);
		line_closing_number(l, "count", 1);
	}
	line_finish(l);
}

/* Close the windows that are over. */
static void
windows_end(void)
{
	for (;;) {
		struct timer *fold = timer_first(&fold_windows);
		struct timer *gate = timer_first(&gate_windows);

		if (fold != NULL && fold->due_ms <= hour.now_ms)
			fold_end((struct fold *)fold);
		else if (gate != NULL && gate->due_ms <= hour.now_ms)
			gate_window_end((struct gate *)gate);
		else
			break;
	}
}

/* --------------------------------------------------------------------------
 * Folds: the same again is counted, and told when the window ends.
 */

static struct subject
incident_subject(const struct incident *i, int err)
{
	struct subject s = {.zone = i->zone, .ns = i->ns, .err = err};

	s.addr = i->addr != NULL ? i->addr : i->peer;
	return s;
}

/* A name in lower case, so that it hashes as it compares (RFC 4343). */
static void
subject_write_name(struct writer *w, const struct name *name)
{
	size_t i, len = name == NULL ? 0 : name->len;

	write_u8(w, (uint8_t)len);
	for (i = 0; i < len; i++) {
		uint8_t c = name->wire[i];

		write_u8(w, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
}

static uint64_t
subject_key(enum row row, const struct subject *s)
{
	uint8_t octets[SUBJECT_MAX];
	struct writer w;

	writer_init(&w, octets, sizeof octets);
	write_u16(&w, catalogue[row].id);
	write_u32(&w, (uint32_t)s->err);
	subject_write_name(&w, s->zone);
	subject_write_name(&w, s->ns);
	if (s->addr != NULL) {
		write_u8(&w, s->addr->family);
		write_bytes(&w, s->addr->ip, sizeof s->addr->ip);
		write_u16(&w, s->addr->port);
	}
	if (s->word != NULL)
		write_bytes(&w, s->word, strlen(s->word));
	assert(!w.failed);
	return hash_keyed(octets, w.len, fold_key);
}

static struct fold *
fold_find(uint64_t key)
{
	struct fold *f = fold_heads[key % FOLD_HEADS];

	while (f != NULL && f->key != key)
		f = f->next;
	return f;
}

/* All have the same span, so the first to end is the oldest. */
static void
fold_make_room(void)
{
	if (folds_free == NULL && folds_used == LOG_FOLDS_MAX)
		fold_end((struct fold *)timer_first(&fold_windows));
	if (folds_free == NULL) {
		folds_free = &folds[folds_used++];
		folds_free->next = NULL;
	}
}

static void
fold_begin(const struct line *l)
{
	struct fold **head = &fold_heads[l->key % FOLD_HEADS];
	struct fold *f = folds_free;

	assert(f != NULL && fold_find(l->key) == NULL);
	folds_free = f->next;
	f->next = *head;
	*head = f;
	f->key = l->key;
	f->row = l->row;
	f->repeats = 0;
	f->fields_len = (uint16_t)(l->len - l->head);
	memcpy(f->fields, l->text + l->head, f->fields_len);
	timer_arm(&fold_windows, &f->window, hour.now_ms);
}

static void
fold_end(struct fold *f)
{
	struct fold **link = &fold_heads[f->key % FOLD_HEADS];

	if (f->repeats > 0)
		fold_report(f);
	while (*link != f)
		link = &(*link)->next;
	*link = f->next;
	timer_disarm(&f->window);
	f->next = folds_free;
	folds_free = f;
}

/* The line that opened the fold once more, for those that it swallowed. */
static void
fold_report(const struct fold *f)
{
	struct line l;

	line_head(&l, f->row);
	l.max = LOG_LINE_MAX;
	(void)put_octets(&l, f->fields, f->fields_len);
	line_closing_number(&l, "count", f->repeats);
	line_time(&l, "first", f->first_wall_ms);
	line_finish(&l);
}

/* --------------------------------------------------------------------------
 * Gates: so many lines of one id in a window, and after that a number.
 */

static bool
gate_pass(struct gate *g)
{
	if (g->window.next == NULL)
		timer_arm(&gate_windows, &g->window, hour.now_ms);
	if (g->written < LOG_GATE_LINES) {
		g->written++;
		return true;
	}
	if (!g->episode) {
		struct line l;

		gate_line(&l, EVENT_GATE_SHUT, g);
		line_finish(&l);
		g->episode = true;
	}
	g->held++;
	return false;
}

/*
 * A window in which something was held back is told and followed by another;
 * the first one without ends the episode.
 */
static void
gate_window_end(struct gate *g)
{
	bool over = g->held == 0;

	timer_disarm(&g->window);
	if (g->episode)
		gate_report(g);
	g->held_before += g->held;
	g->held = 0;
	g->written = 0;
	if (!over)
		timer_arm(&gate_windows, &g->window, hour.now_ms);
	else {
		g->episode = false;
		g->held_before = 0;
	}
}

/* A count of the window, never 0; or the end, and the total until then. */
static void
gate_report(const struct gate *g)
{
	struct line l;

	gate_line(&l, EVENT_GATE_HELD, g);
	if (g->held > 0) {
		line_number(&l, "count", g->held);
	} else {
		line_word(&l, "state", "end");
		line_number(&l, "total", g->held_before);
	}
	line_finish(&l);
}

static void
gate_line(struct line *l, enum row row, const struct gate *g)
{
	line_head(l, row);
	line_number(l, "gated_id", catalogue[g - gates].id);
	line_number(l, "window", LOG_WINDOW_S);
	line_number(l, "limit", LOG_GATE_LINES);
}

/* --------------------------------------------------------------------------
 * Fields, by what they hold.  One that is not known is left out.
 */

static void
line_number(struct line *l, const char *key, uint64_t n)
{
	size_t mark = field_begin(l, key, FIELDS_MAX);

	put_number(l, n, 1);
	field_end(l, mark);
}

/* A number at the end of a line, where there is always room for it. */
static void
line_closing_number(struct line *l, const char *key, uint64_t n)
{
	(void)field_begin(l, key, LOG_LINE_MAX);
	put_number(l, n, 1);
	assert(!l->full);
}

/*
 * When: the line begins with it, and a fold ends with it.  In quotes, for no
 * other reason than that lnav 0.11 looks no further behind a ts without.
 */
static void
line_time(struct line *l, const char *key, uint64_t wall_ms)
{
	(void)field_begin(l, key, LOG_LINE_MAX);
	put_text(l, "\"");
	put_time(l, wall_ms);
	put_text(l, "\"");
	assert(!l->full);
}

/* A word of ours, and short. */
static void
line_word(struct line *l, const char *key, const char *word)
{
	if (word != NULL)
		line_value(l, key, word, FIELDS_MAX);
}

static void
line_path(struct line *l, const char *key, const char *path)
{
	if (path != NULL)
		line_value(l, key, path, LONG_FIELDS_MAX);
}

static void
line_name(struct line *l, const char *key, const struct name *name)
{
	char text[NAME_TEXT_MAX];

	if (name != NULL && name->len > 0)
		line_value(l, key, name_text(name, text), LONG_FIELDS_MAX);
}

static void
line_addr(struct line *l, const struct address *a)
{
	char text[ADDRESS_TEXT_MAX];

	if (a == NULL || a->family == 0)
		return;
	line_value(l, "addr", address_server_text(a, text), FIELDS_MAX);
}

static void
line_peer(struct line *l, const struct address *a)
{
	line_socket(l, "peer", a);
}

static void
line_socket(struct line *l, const char *key, const struct address *a)
{
	char text[ADDRESS_TEXT_MAX];

	if (a != NULL && a->family != 0)
		line_value(l, key, address_port_text(a, text), FIELDS_MAX);
}

static void
line_incident(struct line *l, const struct incident *i, const char *class)
{
	line_q(l, i->q);
	line_peer(l, i->peer);
	line_name(l, "zone", i->zone);
	line_name(l, "ns", i->ns);
	line_addr(l, i->addr);
	line_word(l, "class", class);
	line_word(l, "transport", i->transport);
	line_question(l, i->qname, i->qtype);
}

/* The same, as level debug tells it: how deep it is, and a probe's purpose. */
static void
line_step(struct line *l, const struct incident *i)
{
	line_q(l, i->q);
	if (i->depth > 0)
		line_number(l, "depth", i->depth);
	line_peer(l, i->peer);
	line_name(l, "zone", i->zone);
	line_name(l, "ns", i->ns);
	line_addr(l, i->addr);
	line_word(l, "transport", i->transport);
	line_question(l, i->qname, i->qtype);
	line_name(l, "sname", i->sname);
}

/* What nobody asked for, as the priming of the roots, has none. */
static void
line_q(struct line *l, uint64_t q)
{
	if (q != 0)
		line_number(l, "q", q);
}

static void
line_client_question(struct line *l, const struct client_question *c)
{
	line_q(l, c->q);
	line_socket(l, "client", c->client);
	line_word(l, "transport", c->transport);
	line_question(l, c->qname, c->qtype);
}

static void
line_question(struct line *l, const struct name *qname, uint16_t qtype)
{
	char text[TYPE_TEXT_MAX];

	line_name(l, "qname", qname);
	if (qtype != 0)
		line_word(l, "qtype", type_text(qtype, text));
}

static void
line_hint_place(struct line *l, const struct hint_fault *f)
{
	line_path(l, "file", f->file);
	if (f->line > 0)
		line_number(l, "line", f->line);
	if (f->column > 0)
		line_number(l, "column", f->column);
	if (f->token_len > 0)
		line_text(l, "token", f->token, f->token_len);
}

/* A text even where it is a number: readers of JSON want one type a key. */
static void
line_errno(struct line *l, int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {{EACCES, "EACCES"}, {EADDRINUSE, "EADDRINUSE"},
	    {EADDRNOTAVAIL, "EADDRNOTAVAIL"}, {EAFNOSUPPORT, "EAFNOSUPPORT"},
	    {EAGAIN, "EAGAIN"}, {EBADMSG, "EBADMSG"},
	    {ECONNREFUSED, "ECONNREFUSED"}, {EDQUOT, "EDQUOT"},
	    {EFBIG, "EFBIG"}, {EHOSTDOWN, "EHOSTDOWN"},
	    {EHOSTUNREACH, "EHOSTUNREACH"}, {EINVAL, "EINVAL"}, {EIO, "EIO"},
	    {EISDIR, "EISDIR"}, {ELOOP, "ELOOP"}, {EMFILE, "EMFILE"},
	    {EMSGSIZE, "EMSGSIZE"}, {ENAMETOOLONG, "ENAMETOOLONG"},
	    {ENETDOWN, "ENETDOWN"}, {ENETUNREACH, "ENETUNREACH"},
	    {ENFILE, "ENFILE"}, {ENOBUFS, "ENOBUFS"}, {ENODEV, "ENODEV"},
	    {ENOENT, "ENOENT"}, {ENOMEM, "ENOMEM"}, {ENOSPC, "ENOSPC"},
	    {ENOTDIR, "ENOTDIR"}, {EPERM, "EPERM"}, {EPIPE, "EPIPE"},
	    {EROFS, "EROFS"}, {ETIMEDOUT, "ETIMEDOUT"}};
	char number[NUMBER_TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].err == err) {
			line_word(l, "errno", names[i].name);
			return;
		}
	if (err > 0)
		line_word(l, "errno", number_text((uint64_t)err, 1, number));
}

static void
line_tally(struct line *l, const struct tally *t)
{
	line_number(l, "servers", t->servers);
	line_number(l, "asked", t->asked);
	line_number(l, "lookups", t->lookups);
	line_number(l, "timeouts", t->timeouts);
	line_number(l, "refused", t->refused);
	line_number(l, "lame", t->lame);
	line_number(l, "failed", t->failed);
	line_number(l, "unsent", t->unsent);
	line_word(l, "limit", t->limit);
	line_number(l, "ms", t->ms);
	line_number(l, "sends", t->sends);
	line_number(l, "sends_max", QUERY_SENDS_MAX);
}

const struct number *
eventlog_numbers(unsigned *count)
{
	*count = sizeof numbers / sizeof numbers[0];
	return numbers;
}

uint64_t
statistics_number(const struct number *n, const struct statistics *s)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)s + n->at, sizeof value);
	return value;
}

/* The last of the statistics: as many as there is room for. */
static void
line_classes(struct line *l, const struct class_count *c)
{
	const size_t room = CLASS_TEXT_MAX + 2 * NUMBER_TEXT_MAX;
	unsigned more = 0;

	if (c->class == NULL || l->len + 2 * room > FIELDS_MAX)
		return;
	list_begin(l, "refused_classes");
	for (; c->class != NULL; c++) {
		if (l->len + room > FIELDS_MAX) {
			more++;
			continue;
		}
		list_add(l, c->class);
		put_text(l, ":");
		put_number(l, c->count, 1);
	}
	list_end(l, more);
}

static void
line_statistics(struct line *l, const struct statistics *s)
{
	size_t i;

	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (numbers[i].help != NULL ||
		    statistics_number(&numbers[i], s) > 0)
			line_number(l, numbers[i].key,
			    statistics_number(&numbers[i], s));
	line_classes(l, s->refused_classes);
}

/* All listeners, as far as there is room; how many more there are. */
static void
line_listeners(struct line *l, const struct startup *s)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	if (s->listener_count == 0)
		return;
	list_begin(l, "listen");
	for (i = 0; i < s->listener_count && list_has_room(l); i++)
		list_add(l, address_port_text(&s->listeners[i], text));
	list_end(l, s->listener_count - i);
}

static void
line_clients(struct line *l, const struct startup *s)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	list_begin(l, "clients");
	list_add(l, "loopback");
	for (i = 0; i < s->allowed_count && list_has_room(l); i++) {
		list_add(l, address_text(&s->allowed[i].address, text));
		put_text(l, "/");
		put_number(l, s->allowed[i].bits, 1);
	}
	list_end(l, s->allowed_count - i);
}

/* Without their ports; an empty list is left out. */
static void
line_addresses(
    struct line *l, const char *key, const struct address *list, unsigned count)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	if (count == 0)
		return;
	list_begin(l, key);
	for (i = 0; i < count && list_has_room(l); i++)
		list_add(l, address_text(&list[i], text));
	list_end(l, count - i);
}

/* As -f has them. */
static void
line_forwarders(struct line *l, const struct forward *f)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	list_begin(l, "servers");
	for (i = 0; i < f->count && list_has_room(l); i++)
		list_add(l, address_server_text(&f->at[i], text));
	list_end(l, f->count - i);
}

/* Towards name servers: the families that are up, and where we send from. */
static void
line_families(struct line *l, const struct startup *s)
{
	struct address sources[2];
	unsigned i, count = 0;

	list_begin(l, "families");
	for (i = 0; i < 2; i++) {
		if (s->up[i])
			list_add(l, family_text(i == 0 ? 4 : 6));
		if (s->sources[i].family != 0)
			sources[count++] = s->sources[i];
	}
	if (!s->up[0] && !s->up[1])
		list_add(l, "none");
	list_end(l, 0);
	line_addresses(l, "source", sources, count);
}

static void
list_begin(struct line *l, const char *key)
{
	(void)field_begin(l, key, FIELDS_MAX);
	put_text(l, format->list_open);
}

static bool
list_has_room(const struct line *l)
{
	return l->len + ADDRESS_TEXT_MAX <= LONG_FIELDS_MAX;
}

static void
list_add(struct line *l, const char *element)
{
	if (strchr("\"=", l->text[l->len - 1]) == NULL)
		put_text(l, format->list_between);
	put_text(l, element);
}

static void
list_end(struct line *l, unsigned more)
{
	if (more > 0) {
		list_add(l, "+");
		put_number(l, more, 1);
	}
	put_text(l, format->list_close);
	assert(!l->full);
}

/* A value that may be cut: what a person wrote, or a text for one. */
static void
line_text(struct line *l, const char *key, const char *text, size_t len)
{
	size_t mark = field_begin(l, key, LONG_FIELDS_MAX);
	size_t told = put_value(l, text, len);

	if (told > 0 && told < len) {
		l->full = false;
		l->cut++;
	}
	field_end(l, mark);
}

/* A value that is told whole or not at all. */
static void
line_value(struct line *l, const char *key, const char *text, size_t max)
{
	size_t mark = field_begin(l, key, max);

	(void)put_value(l, text, strlen(text));
	field_end(l, mark);
}

static size_t
field_begin(struct line *l, const char *key, size_t max)
{
	size_t mark = l->len;

	assert(!l->full);
	l->max = max;
	put_text(l, mark == 0 ? format->open : format->between);
	put_text(l, format->key_open);
	put_text(l, key);
	put_text(l, format->key_close);
	return mark;
}

/* A field that did not fit is taken back whole. */
static void
field_end(struct line *l, size_t mark)
{
	if (!l->full)
		return;
	l->len = mark;
	l->full = false;
	l->cut++;
}

/* --------------------------------------------------------------------------
 * The line, octet by octet.
 */

static void
line_head(struct line *l, enum row row)
{
	const struct event *e = &catalogue[row];

	l->row = row;
	l->len = 0;
	l->full = false;
	l->cut = 0;
	line_time(l, "ts", hour.wall_ms);
	line_word(l, "level", level_text(e->level));
	line_number(l, "id", e->id);
	if (e->oldid != 0)
		line_number(l, "oldid", e->oldid);
	line_word(l, "event", e->name);
	line_word(l, "msg", e->msg);
	line_number(l, "seq", ++seq);
	assert(l->cut == 0);
	l->head = l->len;
}

static void
line_finish(struct line *l)
{
	if (format == &formats[FORMAT_TRACE]) {
		line_tell(l);
		return;
	}
	l->max = LOG_LINE_MAX;
	put_text(l, format->close);
	assert(!l->full);
	out_put(l->text, l->len);
}

/*
 * In quotes with the escapes of JSON, unless a reader of this format takes it
 * without.  Returns how many octets found room; quotes that were opened are
 * closed in any case.
 */
static size_t
put_value(struct line *l, const char *value, size_t len)
{
	const char *quote =
	    value_is_bare(value, len) ? format->quote : format->quotes;
	size_t i, n;

	put_text(l, quote);
	l->max -= strlen(quote); /* for the closing one */
	for (i = 0; i < len && !l->full; i += n) {
		n = plain_run(value + i, len - i);
		if (n > 0)
			n = put_run(l, value + i, n);
		else
			n = put_escaped(l, (unsigned char)value[i]);
	}
	l->max += strlen(quote);
	if (quote[0] != '\0') {
		l->full = l->full && i == 0;
		put_text(l, quote);
	}
	l->full = l->full || i < len;
	return i;
}

static bool
value_is_bare(const char *value, size_t len)
{
	return len > 0 && plain_run(value, len) == len &&
	    memchr(value, ' ', len) == NULL && memchr(value, '=', len) == NULL;
}

/* How many octets from here on stand for themselves in quotes. */
static size_t
plain_run(const char *value, size_t len)
{
	size_t n = 0;

	while (n < len && value[n] >= ' ' && value[n] <= '~' &&
	    value[n] != '"' && value[n] != '\\')
		n++;
	return n;
}

/* As many of the octets as there is room for. */
static size_t
put_run(struct line *l, const char *octets, size_t n)
{
	size_t room = l->len < l->max ? l->max - l->len : 0;
	size_t fits = n < room ? n : room;

	(void)put_octets(l, octets, fits);
	l->full = fits < n;
	return fits;
}

/*
 * An octet that does not stand for itself, so that no reader takes it for more
 * than a part of its value. Those above 126 may be terminal controls and need
 * not be UTF-8, so each is the character of its number: any octets make valid
 * JSON, and come back.
 */
static bool
put_escaped(struct line *l, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	const char pair[] = {'\\', (char)c};

	if (format == &formats[FORMAT_TRACE] && c > ' ' && c <= '~')
		return put_octets(l, pair + 1, 1);
	if (c == '"' || c == '\\')
		return put_octets(l, pair, sizeof pair);
	return put_octets(l, escape, sizeof escape);
}

static void
put_text(struct line *l, const char *text)
{
	(void)put_octets(l, text, strlen(text));
}

/* With zeros in front as far as there are fewer digits than that. */
static void
put_number(struct line *l, uint64_t n, size_t digits)
{
	char text[NUMBER_TEXT_MAX];

	put_text(l, number_text(n, digits, text));
}

/* The number at the end of the text; gives where it begins. */
static const char *
number_text(uint64_t n, size_t digits, char text[NUMBER_TEXT_MAX])
{
	size_t at = NUMBER_TEXT_MAX - 1;

	assert(digits <= at);
	text[at] = '\0';
	while (n > 0 || NUMBER_TEXT_MAX - 1 - at < digits) {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	}
	return text + at;
}

/* RFC 3339 in UTC, to the millisecond. */
static void
put_time(struct line *l, uint64_t wall_ms)
{
	const time_t wall_s = (time_t)(wall_ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&wall_s, &tm) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &tm);
	put_text(l, text);
	put_number(l, wall_ms % 1000, 3);
	put_text(l, "Z");
}

/* The only one that adds to a line: all of the octets, or none any more. */
static bool
put_octets(struct line *l, const char *octets, size_t n)
{
	assert(l->max <= sizeof l->text && l->len <= sizeof l->text);
	if (l->full || l->len + n > l->max) {
		l->full = true;
		return false;
	}
	memcpy(l->text + l->len, octets, n);
	l->len += n;
	return true;
}

/* --------------------------------------------------------------------------
 * The trace: lines in words, as comments of a master file of which the records
 * of the answer are the contents.
 */

/* The value of the line's field with this key; NULL: it has none. */
static const char *
field_find(const struct line *l, const char *key, size_t key_len, size_t *len)
{
	const char *end = l->text + l->len;
	const char *at = l->text + l->head, *next;

	for (; at < end; at = next) {
		at++; /* what is between fields */
		next = memchr(at, '\n', (size_t)(end - at));
		if (next == NULL)
			next = end;
		if ((size_t)(next - at) > key_len &&
		    memcmp(at, key, key_len) == 0 && at[key_len] == '=') {
			at += key_len + 1;
			*len = (size_t)(next - at);
			return at;
		}
	}
	return NULL;
}

static uint64_t
field_number(const struct line *l, const char *key)
{
	size_t len;
	const char *value = field_find(l, key, strlen(key), &len);

	return value == NULL ? 0 : strtoull(value, NULL, 10);
}

static size_t
key_span(const char *key)
{
	return strspn(key, "abcdefghijklmnopqrstuvwxyz_");
}

static void
told_put(struct told *t, const char *text, size_t len)
{
	size_t room = sizeof t->text - t->len;

	if (len > room)
		len = room;
	memcpy(t->text + t->len, text, len);
	t->len += len;
}

/* The words up to their end or to a bracket; false: a field is not there. */
static bool
told_fill(struct told *t, const struct line *l, const char **words)
{
	bool whole = true;
	const char *value;
	size_t n, len;

	while (**words != '\0' && **words != '[' && **words != ']') {
		n = strcspn(*words, "$[]");
		told_put(t, *words, n);
		*words += n;
		if (**words != '$')
			continue;
		n = key_span(++*words);
		value = field_find(l, *words, n, &len);
		whole &= value != NULL;
		if (value != NULL)
			told_put(t, value, len);
		*words += n;
	}
	return whole;
}

static void
told_write(struct told *t, const struct line *l, const char *words)
{
	while (*words != '\0') {
		size_t mark = t->len;
		bool may_lack = *words == '[';

		words += *words == '[' || *words == ']';
		if (!told_fill(t, l, &words) && may_lack)
			t->len = mark;
	}
}

/* What has no words of its own: message: key=value key=value. */
static void
told_write_plain(struct told *t, const struct line *l)
{
	const char *msg = catalogue[l->row].msg;
	size_t mark;

	told_put(t, msg, strlen(msg));
	told_put(t, ":", 1);
	mark = t->len;
	told_put(t, l->text + l->head, l->len - l->head);
	for (; mark < t->len; mark++)
		if (t->text[mark] == '\n')
			t->text[mark] = ' ';
}

/* What nobody asked for, as priming, stands in like a look-up. */
static void
line_tell(const struct line *l)
{
	static const char bold[] = "\033[1m", red[] = "\033[31m";
	const char *words = tellings[l->row];
	struct told t = {.paint = ""};
	bool step =
	    catalogue[l->row].level == LEVEL_DEBUG || l->row == EVENT_PRIMED;
	uint64_t depth =
	    field_number(l, "depth") + (step && field_number(l, "q") == 0);
	char kind = '!';

	if (words != NULL)
		kind = words[0];
	if (kind == '\0')
		return;
	t.indent = 2 * (unsigned)(depth < TOLD_DEEP ? depth : TOLD_DEEP);
	t.indent += kind == '#' || words == NULL ? 0 : 2;
	if (colour)
		t.paint = kind == '#' ? bold : kind == '!' ? red : "";
	if (words == NULL)
		told_write_plain(&t, l);
	else
		told_write(&t, l, words + 1);
	told_print(&t);
}

/* How much of a text fits: up to a blank, or cut where there is none. */
static size_t
told_fits(const char *text, size_t len, size_t room)
{
	size_t n = room;

	if (len <= room)
		return len;
	while (n > room / 2 && text[n] != ' ')
		n--;
	return text[n] == ' ' ? n : room;
}

/* In lines of 80 columns, of which those after the first stand further in. */
static void
told_print(const struct told *t)
{
	const char *text = t->text,
		   *reset = t->paint[0] == '\0' ? "" : "\033[0m";
	size_t left = t->len, indent = t->indent, n;
	char line[2 * TOLD_WIDTH];

	do {
		n = told_fits(text, left, TOLD_WIDTH - 2 - indent);
		out_put(line,
		    (size_t)snprintf(line, sizeof line, "; %*s%s%.*s%s\n",
			(int)indent, "", t->paint, (int)n, text, reset));
		text += n;
		left -= n;
		if (left > 0 && *text == ' ') {
			text++;
			left--;
		}
		indent = t->indent + 4;
	} while (left > 0);
}

/* --------------------------------------------------------------------------
 * The file.
 */

/* A line for which there is no room is lost whole, and counted. */
static void
out_put(const char *text, size_t len)
{
	if (out_room() < len)
		out_write();
	if (out_room() < len) {
		counts.lost++;
		out.untold++;
		return;
	}
	if (LOG_BUFFER - out.end < len) {
		memmove(out_text, out_text + out.start, out.end - out.start);
		out.end -= out.start;
		out.start = 0;
	}
	memcpy(out_text + out.end, text, len);
	out.end += len;
}

static size_t
out_room(void)
{
	return LOG_BUFFER - (out.end - out.start);
}

static void
out_drain(void)
{
	out_write();
	if (out.untold > 0) {
		out_tell_loss();
		out_write();
	}
}

/* Say how many lines were lost, once there is room for any line again. */
static void
out_tell_loss(void)
{
	struct line l;

	if (out.untold == 0 || out_room() < LOG_LINE_MAX)
		return;
	line_head(&l, EVENT_LOG_LOST);
	line_errno(&l, out.err);
	line_number(&l, "lost", out.untold);
	out.untold = 0;
	out.err = 0;
	line_finish(&l);
}

/*
 * Write while it does not block.  What the file does not take stays; after an
 * error it is left alone for a while.
 */
static void
out_write(void)
{
	ssize_t n = 1;

	if (hour.now_ms < out.retry_ms)
		return;
	while (out.start < out.end && n > 0 && out_ready()) {
		n = write(out.fd, out_text + out.start, out_piece());
		if (n > 0) {
			out.start += (size_t)n;
			out.torn = out_text[out.start - 1] != '\n';
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		out.err = errno;
		out.retry_ms = hour.now_ms + WRITE_RETRY_MS;
	}
	if (out.start < out.end)
		return;
	out.start = out.end = 0;
	if (out.untold == 0)
		out.err = 0;
}

/* The rest of that line is lost, and the line with it. */
static void
out_drop_torn(void)
{
	const char *from = out_text + out.start;
	const char *end = memchr(from, '\n', out.end - out.start);

	assert(end != NULL);
	out.start += (size_t)(end - from) + 1;
	out.torn = false;
	counts.lost++;
	out.untold++;
}

/* A broken pipe is ready, too: to say so. */
static bool
out_ready(void)
{
	struct pollfd p = {.fd = out.fd, .events = POLLOUT};

	return poll(&p, 1, out.patience_ms) > 0;
}

/*
 * As many whole lines as a pipe that is ready takes without blocking, and in
 * one piece (POSIX: PIPE_BUF).
 */
static size_t
out_piece(void)
{
	const char *from = out_text + out.start;
	size_t len = out.end - out.start;
	const char *last;

	if (len <= PIPE_BUF)
		return len;
	last = memrchr(from, '\n', PIPE_BUF);
	if (last == NULL) /* a record of a trace, which may be longer */
		return PIPE_BUF;
	return (size_t)(last - from) + 1;
}

static uint64_t
out_lines(void)
{
	uint64_t lines = 0;
	size_t i;

	for (i = out.start; i < out.end; i++)
		lines += out_text[i] == '\n';
	return lines;
}
