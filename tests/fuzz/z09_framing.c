/*
 * Z09: messages over TCP.  However the octets of a client are cut into
 * segments, the same is answered in the same order, and the connection comes
 * to the same end.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include <stdlib.h>

enum {
	SEGMENTS_MAX = 64,
	SAID_MAX = 1 << 18
};

/* The other end of the connection, and what was said to it. */
struct peer {
	const uint8_t *at;
	size_t left;
	const uint8_t *segments; /* how much comes at once; 0: all there is */
	size_t segment_count, segment;
	uint8_t said[SAID_MAX];
	size_t said_len;
	bool closed;
};

static struct peer *far;

static ssize_t
peer_recv(int fd, void *room, size_t max, int flags)
{
	size_t n = far->left;

	(void)fd;
	(void)flags;
	if (far->segment_count > 0) {
		size_t most =
		    far->segments[far->segment++ % far->segment_count];

		n = most < n ? most + 1 : n;
		n = n < far->left ? n : far->left;
	}
	if (n > max)
		n = max;
	memcpy(room, far->at, n);
	far->at += n;
	far->left -= n;
	return (ssize_t)n;
}

static ssize_t
peer_sendmsg(int fd, const struct msghdr *m, int flags)
{
	size_t i, sum = 0;

	(void)fd;
	(void)flags;
	for (i = 0; i < m->msg_iovlen; i++) {
		assert(m->msg_iov[i].iov_len <= SAID_MAX - far->said_len);
		memcpy(far->said + far->said_len, m->msg_iov[i].iov_base,
		    m->msg_iov[i].iov_len);
		far->said_len += m->msg_iov[i].iov_len;
		sum += m->msg_iov[i].iov_len;
	}
	return (ssize_t)sum;
}

static int
peer_close(int fd)
{
	(void)fd;
	far->closed = true;
	return 0;
}

static int
no_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	(void)epoll;
	(void)op;
	(void)fd;
	(void)event;
	return 0;
}

int dns_main(int, char **);
#define main dns_main
#define recv peer_recv
#define sendmsg peer_sendmsg
#define close peer_close
#define epoll_ctl no_epoll_ctl
#include "dns.c"
#undef main

/* A stranger, who is refused at once and needs no walks; to the end. */
static void
converse(struct peer *p)
{
	struct sockaddr_storage sa = {0};
	struct address from = {4, {93, 184, 216, 34}, 4242};
	struct connection *c;
	unsigned turns = 0;

	far = p;
	(void)address_to_sockaddr(&from, &sa);
	assert(connection_open(1, &sa, 1000));
	for (c = self.connections; c->fd < 0; c++)
		;
	while (!p->closed) {
		struct epoll_event event = {.events = c->events};

		assert(++turns < 100000);
		assert((c->events & (EPOLLIN | EPOLLOUT)) != 0);
		event.data.u64 = tag_make(TAG_CLIENT, c->generation,
		    (uint32_t)(c - self.connections));
		connection_ready(&event, 1000);
		connections_settle(1000);
	}
	assert(self.connections_open == 0);
	assert(self.blocks_free == BACKLOG_BLOCKS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct peer whole, cut;
	uint8_t segments[SEGMENTS_MAX];
	struct input in = {octets, len};
	size_t count = input_octets(&in, segments, SEGMENTS_MAX);

	if (self.connections == NULL)
		connections_init(4);
	memset(&whole, 0, sizeof(whole) - sizeof(whole.said));
	memset(&cut, 0, sizeof(cut) - sizeof(cut.said));
	whole.at = cut.at = in.at;
	whole.left = cut.left = in.left;
	cut.segments = segments;
	cut.segment_count = count;
	whole.said_len = cut.said_len = 0;
	whole.closed = cut.closed = false;
	converse(&whole);
	converse(&cut);
	assert(whole.said_len == cut.said_len);
	assert(memcmp(whole.said, cut.said, cut.said_len) == 0);
	return 0;
}
