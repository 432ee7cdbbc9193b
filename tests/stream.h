/*
 * stream.h -- TCP as a server finds it: what its calls give, what epoll tells.
 *
 * A stream is a connection whose one end is the server's.  The other end is
 * the world's: a client or a name server.  Octets come in order and none is
 * lost.  Nothing here knows descriptors or time.
 */
#ifndef STREAM_H
#define STREAM_H

#include "buffer.h"
#include "dns.h"

struct connection;

struct stream {
	struct stream *next, *queued; /* of all; waiting for accept4 */
	struct address here, there;
	bool opening; /* connect was called, and nothing came of it yet */
	bool held;    /* the server has it or can accept it; else FIN went */
	bool dead;    /* RST came, or it was never opened */
	int error;    /* of the socket, told once */

	struct buffer in; /* has arrived, and the server has not read it */
	bool in_ended;    /* FIN came after that */

	struct buffer out; /* was sent, and the other end has not read it */
	size_t out_max;
	bool aborted; /* RST went, and `out' is void */

	/* The world's. */
	bool stalled;              /* the other end does not read */
	struct connection *client; /* NULL: it is a name server */
	struct session *session;   /* of a name server */
	const struct step *step;   /* an operator's command ... */
	unsigned writes;           /* ... and so often its reply was sent */
};

struct stream *stream_new(
    const struct address *here, const struct address *there, size_t out_max);
void stream_free(struct stream *);

/* What the other end does. */
void stream_opened(struct stream *);
void stream_failed(struct stream *, int err); /* it does not come to be */
void stream_arrive(struct stream *, const uint8_t *, size_t len);
void stream_end(struct stream *);   /* FIN */
void stream_reset(struct stream *); /* RST */

/* What the server does; -1 and errno as the calls. */
ssize_t stream_receive(struct stream *, void *, size_t room);
ssize_t stream_send(struct stream *, const void *, size_t len);
void stream_close(struct stream *, bool abort); /* abort: with RST */

/* The events of epoll, whoever waits for them. */
uint32_t stream_events(const struct stream *);

#endif
