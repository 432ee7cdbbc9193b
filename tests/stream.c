/*
 * stream.c -- TCP as a server finds it: what its calls give, what epoll tells.
 *
 * As Linux does it (tcp.c: tcp_poll, tcp_recvmsg, tcp_sendmsg, tcp_close;
 * tcp_input.c: tcp_reset).
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct stream *
stream_new(
    const struct address *here, const struct address *there, size_t out_max)
{
	struct stream *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->here = *here;
	t->there = *there;
	t->out_max = out_max;
	t->opening = t->held = true;
	return t;
}

void
stream_free(struct stream *t)
{
	buffer_free(&t->in);
	buffer_free(&t->out);
	free(t);
}

/* ---------------------------------------------------------------------------
 * What the other end does.
 */
void
stream_opened(struct stream *t)
{
	t->opening = false;
}

void
stream_failed(struct stream *t, int err)
{
	t->opening = false;
	t->dead = true;
	t->error = err;
}

void
stream_arrive(struct stream *t, const uint8_t *octets, size_t len)
{
	assert(t->held && !t->opening && !t->in_ended);
	if (!t->dead)
		buffer_put(&t->in, octets, len);
}

void
stream_end(struct stream *t)
{
	t->in_ended = true;
}

/* What has arrived can still be read; after a FIN, RST means EPIPE. */
void
stream_reset(struct stream *t)
{
	if (t->dead)
		return;
	stream_failed(t, t->in_ended ? EPIPE : ECONNRESET);
	buffer_drop(&t->out, t->out.len);
}

/* ---------------------------------------------------------------------------
 * What the server does.
 */
static int
fails(int err)
{
	errno = err;
	return -1;
}

/* The error is told once. */
static int
error_take(struct stream *t)
{
	int err = t->error;

	t->error = 0;
	return err;
}

ssize_t
stream_receive(struct stream *t, void *octets, size_t room)
{
	if (t->in.len > 0) {
		if (room > t->in.len)
			room = t->in.len;
		memcpy(octets, t->in.octets, room);
		buffer_drop(&t->in, room);
		return (ssize_t)room;
	}
	if (t->error != 0)
		return fails(error_take(t));
	if (t->in_ended || t->dead)
		return 0;
	return fails(EAGAIN);
}

ssize_t
stream_send(struct stream *t, const void *octets, size_t len)
{
	size_t room = t->out_max - t->out.len;

	if (t->error != 0)
		return fails(error_take(t));
	if (t->dead)
		return fails(EPIPE);
	if (t->opening || room == 0)
		return fails(EAGAIN);
	if (len > room)
		len = room;
	buffer_put(&t->out, octets, len);
	return (ssize_t)len;
}

/* Who closes what he has not read to the end sends RST (RFC 2525 2.17). */
void
stream_close(struct stream *t, bool abort)
{
	t->held = false;
	t->aborted = !t->dead && (abort || t->in.len > 0);
	if (t->aborted)
		buffer_drop(&t->out, t->out.len);
}

/* Linux tells of room when a third of the buffer is free. */
static bool
is_writable(const struct stream *t)
{
	return t->out_max - t->out.len >= (t->out_max + 2) / 3;
}

uint32_t
stream_events(const struct stream *t)
{
	uint32_t events = 0;

	if (t->error != 0)
		events |= EPOLLERR;
	if (t->opening)
		return events;
	if (t->dead)
		events |= EPOLLHUP;
	if (t->dead || t->in_ended)
		events |= EPOLLIN | EPOLLRDHUP;
	if (t->in.len > 0)
		events |= EPOLLIN;
	if (t->dead || is_writable(t))
		events |= EPOLLOUT;
	return events;
}
