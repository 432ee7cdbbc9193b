/*
 * driver.h -- what the drivers of scenarios have in common.
 *
 *	driver.c	packets on their way, forbidden places, the command
 *			line, the story of a run
 *	simulator.c	one process, system calls and time made up
 *	namespace.c	the program as it is, between two network namespaces
 *
 * A driver reads no clock here and owns no socket: it puts its time into
 * now_ms, and gives and takes octets.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "scenario.h"

#include <stdio.h>

enum {
	COMMAND_WORDS_MAX = 80,
	REFUSED_MAX = 64,
	PORTS_SPREAD_AFTER = 100, /* queries their ports must be far apart */
	PORTS_SPREAD_MIN = 32768,
	TEXT_PATH_MAX = 32,
	STORY_MAX = 1 << 17
};

enum packet_kind {
	PACKET_DATAGRAM,
	PACKET_STREAM,  /* what one end of a connection sends */
	PACKET_OPENED,  /* SYN is answered */
	PACKET_REFUSED, /* by RST */

	/* Nothing is under way, but something will happen. */
	PACKET_IDLE,    /* a name server looks whether it may close */
	PACKET_GIVE_UP, /* SYN was never answered */
	PACKET_KNOCK    /* SYN is sent again */
};

/* A name server's end of a connection. */
struct session {
	struct session *next;
	struct address client, server;
	void *over;  /* the driver's connection */
	bool closed; /* nothing more comes from this end */
	struct buffer received;
	unsigned pending;          /* replies that are still to come */
	const struct packet *rest; /* of a reply that dribbles */
	uint64_t active_ms;        /* when it last had to do */
};

/* A datagram on its way, or what moves on a connection. */
struct packet {
	struct packet *next;
	uint64_t due_ms;
	enum packet_kind kind;
	struct address from, to;
	bool unreachable; /* an ICMP error for who sent from `to' */

	/* On a connection. */
	void *over;              /* the driver's */
	struct session *session; /* of the sender, if it is a name server */
	unsigned dribble_ms; /* from one octet to the next; 0: all at once */
	bool fin, reset;     /* after the octets */

	size_t len;
	uint8_t octets[];
};

struct driver {
	const struct scenario *scenario;
	const struct step *step; /* the next one; a fault names its line */
	struct fault *fault;
	FILE *trace;     /* all that happens goes here; or NULL */
	uint64_t now_ms; /* since the start */
	unsigned ports, port_least, port_most; /* that queries left from */
	uint64_t random;

	struct authority authority;
	struct witness witness;
	struct network network;
	struct packet *flight; /* by time of arrival */
	struct packet *timers; /* what is not on its way but will happen */
	struct session *sessions;
	struct prefix refused[REFUSED_MAX];
	unsigned refused_count;

	char story[STORY_MAX]; /* the last of what happened */
	size_t story_len;
};

/* What a scenario has that says nothing of it. */
extern const char driver_hints[], driver_host[];
extern const struct interface driver_interfaces[2];

void driver_init(struct driver *, const struct scenario *, struct fault *,
    FILE *trace, uint64_t seed);

/* Give all back, and the end of the story to the fault. */
void driver_end(struct driver *);

/* A line of the story. */
void driver_trace(struct driver *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void driver_trace_message(struct driver *, const char *what,
    const struct address *from, const struct address *to, const uint8_t *,
    size_t len);

/* What is wrong, at this step of the scenario. */
void driver_fault(struct driver *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It is a fault if no query may go there; `call' would have sent it. */
void driver_check_destination(
    struct driver *, const struct address *to, const char *call);

/* It is a fault if no query over UDP may leave from this port. */
void driver_check_port(struct driver *, const struct address *from);

/* Do a step that changes the world of name servers; false: it is no such. */
bool driver_make(struct driver *, const struct step *);

/*
 * The query is at the name server's end: what comes of it sets out for where
 * it came from.  False if no name server is there.
 */
bool driver_serve(struct driver *, const struct address *from,
    const struct address *to, const uint8_t *, size_t len);

struct packet *packet_make(const struct address *from, const struct address *to,
    const uint8_t *, size_t len);
void packet_post(struct driver *, struct packet *, unsigned delay_ms);
unsigned network_delay(struct driver *);    /* there and back */
struct packet *packet_due(struct driver *); /* one that has arrived, or NULL */
uint64_t packet_next_due(const struct driver *); /* UINT64_MAX: none is */

/*
 * Name servers over TCP.  The driver opens connections and moves octets; a
 * session takes queries out of them and posts packets of what the server sends,
 * which are to be written, and ended with, as they come due.
 */
struct session *session_open(struct driver *, const struct address *client,
    const struct address *server, void *over);
void session_read(struct driver *, struct session *, const uint8_t *, size_t);
void session_close(struct session *); /* the other end is gone */

/*
 * Clients over TCP.  What they do becomes packets, which are to be written, and
 * ended with, as they come due.
 */
void connection_ask(
    struct driver *, struct connection *, const struct step *ask, unsigned nth);
void connections_flush(struct driver *); /* the step is over: it leaves */
void connection_do(struct driver *, struct connection *,
    const struct step *); /* SEND, SHUT, RESET */

/* FIN, after all that it sent; or RST, at once. */
void connection_end(struct driver *, struct connection *, bool reset);

/* It has read these octets; if nothing more is to come it is closed. */
void connection_read(
    struct driver *, struct connection *, const uint8_t *, size_t);

/*
 * The command line, NULL-ended as main's is; the words HINTS, LOG, CONTROL
 * and METRICS stand for these files.
 */
int driver_words(const struct scenario *, const char *hints, const char *log,
    const char *control, const char *metrics,
    char *words[COMMAND_WORDS_MAX + 1]);

/* The server did not come to serve: was that wanted? */
void driver_judge_start(struct driver *, int status, const char *said);

/* At the end: no reply came twice, and each line of the log is whole. */
void driver_judge_end(struct driver *);

/* SplitMix64: small, and good enough to play dice with. */
uint64_t random_next(uint64_t *state);

/* A number of the environment. */
unsigned long setting(const char *name, unsigned long without);

/* A file that holds this text, by a path to open it; it stays. */
const char *text_file(const char *text, char path[TEXT_PATH_MAX]);

/* 127.0.0.1 or ::1, port 53. */
struct address loopback_address(uint8_t family);
bool is_link_local(const struct address *);

#endif
