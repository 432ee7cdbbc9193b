/*
 * floor.c -- what a server can hardly be quicker than: the system calls that
 * it makes, and nothing that it thinks.  Who has a port for each query without
 * a socket for each needs fewer than relay.
 *
 *	floor echo PORT		each question, with an address behind it
 *	floor tcp PORT		the same over TCP
 *	floor relay PORT	each question to a server of its TLD, then to
 *				one of a zone, whose reply is the answer; each
 *				time from a fresh socket at a random port
 *
 * They listen on 127.0.0.1, and end with a signal.
 */
#include "names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	AT_ONCE = 64,
	DATAGRAM_MAX = 1024,
	STREAM_MAX = 65536,
	TASKS = 16384,
	BUFFER = 4 << 20,
	PORT_FIRST = 1024
};

static _Noreturn void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int
listen_at(int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	int on = 1, octets = BUFFER;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		fail("floor");
	if (type == SOCK_STREAM && listen(fd, 4096) < 0)
		fail("floor");
	if (setsockopt(
		fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	return fd;
}

static void
epoll_add(int epoll, int fd, uint32_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = data};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("floor");
}

/* The question becomes the answer; it has room for that. */
static size_t
answer(uint8_t *octets, size_t len)
{
	static const uint8_t record[16] = {
	    0xc0, HEADER_LEN, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, NET, 1, 1, 1};

	if (len < HEADER_LEN)
		return len;
	octets[2] |= 0x80;
	octets[3] = 0x80;
	octets[7] = 1;
	memcpy(octets + len, record, sizeof(record));
	return len + sizeof(record);
}

/* ---------------------------------------------------------------------------
 * UDP.
 */
static struct mmsghdr messages[AT_ONCE];
static struct iovec iovs[AT_ONCE];
static struct sockaddr_in peers[AT_ONCE];
static uint8_t datagrams[AT_ONCE][DATAGRAM_MAX + 16];

static void
messages_prepare(void)
{
	unsigned i;

	for (i = 0; i < AT_ONCE; i++) {
		iovs[i] = (struct iovec){datagrams[i], DATAGRAM_MAX};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
		    .msg_namelen = sizeof(peers[i]),
		    .msg_iov = &iovs[i],
		    .msg_iovlen = 1};
	}
}

static void
echo_turn(int fd)
{
	int i, n, sent = 0, count = recvmmsg(fd, messages, AT_ONCE, 0, NULL);

	for (i = 0; i < count; i++)
		iovs[i].iov_len = answer(datagrams[i], messages[i].msg_len);
	while (sent < count) {
		n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
		sent += n < 0 ? 1 : n;
	}
	for (i = 0; i < count; i++)
		iovs[i].iov_len = DATAGRAM_MAX;
}

static void
echo(uint16_t port)
{
	int fd = listen_at(SOCK_DGRAM, port), epoll = epoll_create1(0);
	struct epoll_event event;

	epoll_add(epoll, fd, 0);
	messages_prepare();
	for (;;) {
		epoll_wait(epoll, &event, 1, -1);
		echo_turn(fd);
	}
}

/* ---------------------------------------------------------------------------
 * TCP.  The client sends whole messages.
 */
static void
stream_turn(int fd)
{
	static uint8_t in[STREAM_MAX], out[2 * STREAM_MAX];
	ssize_t got = recv(fd, in, sizeof(in), 0);
	size_t at = 0, put = 0, len;

	if (got <= 0) {
		close(fd);
		return;
	}
	while ((size_t)got - at >= 2) {
		len = (size_t)(in[at] << 8 | in[at + 1]);
		if ((size_t)got - at - 2 < len)
			break;
		memcpy(out + put + 2, in + at + 2, len);
		at += 2 + len;
		len = answer(out + put + 2, len);
		out[put] = (uint8_t)(len >> 8);
		out[put + 1] = (uint8_t)len;
		put += 2 + len;
	}
	if (put > 0 && send(fd, out, put, MSG_NOSIGNAL) < 0)
		close(fd);
}

static void
tcp(uint16_t port)
{
	int listener = listen_at(SOCK_STREAM, port), epoll = epoll_create1(0);
	struct epoll_event events[AT_ONCE];
	int i, count, fd, on = 1;

	epoll_add(epoll, listener, (uint32_t)listener);
	for (;;) {
		count = epoll_wait(epoll, events, AT_ONCE, -1);
		for (i = 0; i < count; i++) {
			if ((int)events[i].data.u32 != listener) {
				stream_turn((int)events[i].data.u32);
				continue;
			}
			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			if (fd < 0)
				continue;
			setsockopt(
			    fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			epoll_add(epoll, fd, (uint32_t)fd);
		}
	}
}

/* ---------------------------------------------------------------------------
 * The relay.
 */
struct task {
	struct sockaddr_in client;
	int fd; /* -1: it is free */
	bool second;
	size_t len;
	uint8_t question[DATAGRAM_MAX];
};

static struct task *tasks;
static int relay_epoll;

static uint16_t
port_random(void)
{
	static uint16_t ports[256];
	static unsigned left;

	if (left == 0) {
		if (getrandom(ports, sizeof(ports), 0) != sizeof(ports))
			fail("getrandom");
		left = 256;
	}
	return (uint16_t)(PORT_FIRST + ports[--left] % (65536 - PORT_FIRST));
}

/* The TLD is the letter before the end of the name, type and class. */
static void
task_ask(struct task *t)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	uint8_t tld = (uint8_t)(t->question[t->len - 6] - 'a') % TLDS;

	server_address(t->second ? LEVEL_ZONE : LEVEL_TLD, tld, 1,
	    (uint8_t *)&to.sin_addr);
	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	do
		own.sin_port = htons(port_random());
	while (bind(t->fd, (struct sockaddr *)&own, sizeof(own)) < 0);
	if (connect(t->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("connect");
	epoll_add(relay_epoll, t->fd, (uint32_t)(t - tasks));
	send(t->fd, t->question, t->len, 0);
}

static void
task_turn(struct task *t, int listener)
{
	uint8_t reply[DATAGRAM_MAX];
	ssize_t len = recv(t->fd, reply, sizeof(reply), 0);

	if (len < HEADER_LEN)
		return;
	close(t->fd);
	t->fd = -1;
	if (!t->second) {
		t->second = true;
		task_ask(t);
		return;
	}
	sendto(listener, reply, (size_t)len, 0, (struct sockaddr *)&t->client,
	    sizeof(t->client));
}

/* A question takes the place of the oldest. */
static void
relay_turn(int listener)
{
	static unsigned next;
	socklen_t client_len = sizeof(tasks->client);
	struct task *t = &tasks[next];
	ssize_t len = recvfrom(listener, t->question, sizeof(t->question), 0,
	    (struct sockaddr *)&t->client, &client_len);

	if (len < HEADER_LEN)
		return;
	next = (next + 1) % TASKS;
	if (t->fd >= 0)
		close(t->fd);
	t->second = false;
	t->len = (size_t)len;
	task_ask(t);
}

static void
relay(uint16_t port)
{
	int listener = listen_at(SOCK_DGRAM, port);
	struct epoll_event events[AT_ONCE];
	int i, count;

	tasks = calloc(TASKS, sizeof(*tasks));
	relay_epoll = epoll_create1(0);
	if (tasks == NULL || relay_epoll < 0)
		fail("relay");
	for (i = 0; i < TASKS; i++)
		tasks[i].fd = -1;
	epoll_add(relay_epoll, listener, TASKS);
	for (;;) {
		count = epoll_wait(relay_epoll, events, AT_ONCE, -1);
		for (i = 0; i < count; i++)
			if (events[i].data.u32 == TASKS)
				relay_turn(listener);
			else
				task_turn(&tasks[events[i].data.u32], listener);
	}
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*serve)(uint16_t port);
	} floors[] = {{"echo", echo}, {"tcp", tcp}, {"relay", relay}};
	struct rlimit limit;
	unsigned i;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (i = 0; argc == 3 && i < 3; i++)
		if (strcmp(argv[1], floors[i].name) == 0)
			floors[i].serve((uint16_t)atoi(argv[2]));
	fprintf(stderr, "usage: floor echo|tcp|relay PORT\n");
	return EXIT_FAILURE;
}
