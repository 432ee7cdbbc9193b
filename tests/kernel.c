/*
 * kernel.c -- the system calls of the server, made up.
 *
 * Each call only looks something up or puts something away; where packets go
 * and how time passes is the world's (simulator.c).  Virtual descriptors begin
 * at 1000.  Calls with other descriptors, and all calls while no server runs,
 * go to the real system.
 */
#include "kernel.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
	FD_FIRST = 1000,
	FILES_MAX = 20000,
	FILES_SOFT = 1024, /* the limits that the server finds */
	FILES_HARD = 8192,
	FAILURES_AT_ONCE = 64,
	SIGNALS_MAX = 16,
	SOMAXCONN_NOW = 4096, /* net.core.somaxconn */
	INTERFACE = 1,        /* by which all datagrams come */
};

enum file_kind {
	FILE_FREE,
	FILE_SOCKET,
	FILE_NETLINK,
	FILE_EPOLL,
	FILE_SIGNAL,
	FILE_LOG,
	FILE_HINTS,
	FILE_PORTS,
	FILE_METRICS
};

struct file {
	enum file_kind kind;
	bool watched;
	struct epoll_event event;

	/* A socket. */
	bool tcp, bound, connected, pktinfo;
	bool port_is_bound, address_is_bound; /* not for this peer alone */
	bool address_alone;                   /* bind may do without a port */
	bool sent;     /* a datagram, as a client of somebody, by its port */
	bool unhinted; /* does not heed what ICMP says of the path's MTU */
	struct address local, peer;
	int error; /* an ICMP message came in */
	struct packet *first, *last;
	struct stream *stream;         /* TCP: since connect or accept4 */
	struct stream *waiting, *rear; /* TCP: for accept4 */
	unsigned waiting_count, backlog;

	/* A netlink socket. */
	bool strict;
	uint32_t groups;

	/* The hints, or the range of ports. */
	const char *text;
	size_t len, at;

	sigset_t signals;
};

static struct {
	bool running; /* else all calls are real */
	bool serving; /* epoll_wait was called: nothing is allocated now */
	bool inside;  /* in the world, which may allocate */
	uint64_t blocks;
	bool allocated, failure_came;
	uint64_t random;

	struct file files[FILES_MAX];
	unsigned files_used; /* none is open from here on */
	unsigned files_open, files_soft, files_hard;
	struct ports port_range;
	char ports[sizeof("65535\t65535\n")];
	struct failure failures[FAILURES_AT_ONCE];
	unsigned failure_count;
	int signals[SIGNALS_MAX];
	unsigned signal_count;
} k;

static void packet_put(struct file *, struct packet *);
static struct file *socket_find(const struct address *, const struct address *);
static uint32_t file_events(const struct file *);
static struct file *listener_find(const struct address *);
static struct address loopback(uint8_t family);
static bool is_zero(const struct address *);

/* ---------------------------------------------------------------------------
 * What the world does with the kernel.
 */
void
kernel_init(uint64_t seed)
{
	k.random = seed;
	k.files_soft = FILES_SOFT;
	k.files_hard = FILES_HARD;
}

void
kernel_set_ports(const struct ports *ports)
{
	k.port_range = *ports;
	snprintf(
	    k.ports, sizeof(k.ports), "%u\t%u\n", ports->first, ports->last);
}

void
kernel_run(bool running)
{
	k.running = running;
}

/*
 * The server's objects call it in each (-fsanitize-coverage=trace-pc).  Weak,
 * as libFuzzer has one, too.
 */
__attribute__((weak)) void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
	k.blocks += !k.inside;
}

uint64_t
kernel_blocks(void)
{
	return k.blocks;
}

void
kernel_limit_files(unsigned count)
{
	k.files_soft = k.files_hard = count;
}

void
kernel_fail(const struct failure *failure)
{
	if (failure->none) {
		k.failure_count = 0;
		return;
	}
	assert(k.failure_count < FAILURES_AT_ONCE);
	k.failures[k.failure_count++] = *failure;
}

bool
kernel_first_failure_came(void)
{
	return k.failure_came;
}

void
kernel_forget_first_failure(void)
{
	k.failures[0].times = 0;
}

bool
kernel_signal(int sig)
{
	unsigned i;

	for (i = 0; i < k.files_used; i++)
		if (k.files[i].kind == FILE_SIGNAL &&
		    sigismember(&k.files[i].signals, sig) == 1)
			break;
	if (i == k.files_used || k.signal_count == SIGNALS_MAX)
		return false;
	k.signals[k.signal_count++] = sig;
	return true;
}

bool
kernel_deliver(struct packet *p)
{
	struct file *f = socket_find(&p->to, &p->from);

	if (f != NULL && !p->unreachable) {
		packet_put(f, p);
		return true;
	}
	if (f != NULL)
		f->error = ECONNREFUSED;
	free(p);
	return f != NULL;
}

/* The backlog and one more, as Linux has it. */
enum welcome
kernel_knock(struct stream *stream)
{
	struct file *f = listener_find(&stream->here);

	if (f == NULL)
		return WELCOME_REFUSED;
	if (f->waiting_count > f->backlog)
		return WELCOME_NOTHING;
	if (f->waiting == NULL)
		f->waiting = stream;
	else
		f->rear->queued = stream;
	f->rear = stream;
	f->waiting_count++;
	return WELCOME_OPEN;
}

bool
kernel_listens(const struct address *to, const struct address *from)
{
	return socket_find(to, from) != NULL;
}

unsigned
kernel_files_open(void)
{
	return k.files_open;
}

int
kernel_events(struct epoll_event *events, int max)
{
	unsigned i;
	int n = 0;

	for (i = 0; i < k.files_used && n < max; i++) {
		struct file *f = &k.files[i];
		uint32_t ready;

		if (f->kind == FILE_FREE || !f->watched)
			continue;
		ready = file_events(f);
		if (ready == 0)
			continue;
		events[n].events = ready;
		events[n++].data = f->event.data;
	}
	return n;
}

void
kernel_notify(const struct step *step)
{
	unsigned i;

	for (i = 0; i < k.files_used; i++) {
		struct file *f = &k.files[i];
		struct packet *p;

		if (f->kind == FILE_NETLINK &&
		    (p = netlink_notice(step, f->groups)) != NULL)
			packet_put(f, p);
	}
}

/* ---------------------------------------------------------------------------
 * Chance and failures.
 */

/* Does this call fail, by the scenario's wish?  Then errno is set. */
static bool
is_failing(enum call call, const struct address *to)
{
	unsigned i;

	for (i = 0; i < k.failure_count; i++) {
		struct failure *f = &k.failures[i];

		if (f->call != call || f->times == 0)
			continue;
		if (f->to.family != 0 &&
		    (to == NULL || !address_equal(&f->to, to)))
			continue;
		if (f->after > 0) {
			f->after--;
			continue;
		}
		if (f->percent > 0 &&
		    random_next(&k.random) % 100 >= f->percent)
			continue;
		f->times--;
		world_trace("%s fails: %s", call_name(call), strerror(f->err));
		k.failure_came |= i == 0;
		errno = f->err;
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------------------
 * Files.
 */
static bool
is_virtual(int fd)
{
	return k.running && fd >= FD_FIRST;
}

/* The open file of a descriptor, or NULL and errno. */
static struct file *
file_of(int fd)
{
	unsigned i = (unsigned)(fd - FD_FIRST);

	if (i < k.files_used && k.files[i].kind != FILE_FREE)
		return &k.files[i];
	world_fault("a call with descriptor %d, which is not open\n", fd);
	errno = EBADF;
	return NULL;
}

/* A new file with the lowest free number; -1 and errno. */
static int
file_new(enum file_kind kind)
{
	unsigned i;

	if (k.files_open >= k.files_soft) {
		errno = EMFILE;
		return -1;
	}
	for (i = 0; i < k.files_used; i++)
		if (k.files[i].kind == FILE_FREE)
			break;
	assert(i < FILES_MAX);
	if (i == k.files_used)
		k.files_used++;
	k.files_open++;
	memset(&k.files[i], 0, sizeof(k.files[i]));
	k.files[i].kind = kind;
	return FD_FIRST + (int)i;
}

static struct packet *
packet_take(struct file *f)
{
	struct packet *p = f->first;

	if (p != NULL)
		f->first = p->next;
	return p;
}

static void
packet_put(struct file *f, struct packet *p)
{
	p->next = NULL;
	if (f->first == NULL)
		f->first = p;
	else
		f->last->next = p;
	f->last = p;
}

/* The next connection that waits to be accepted, or NULL. */
static struct stream *
stream_take(struct file *f)
{
	struct stream *stream = f->waiting;

	if (stream != NULL) {
		f->waiting = stream->queued;
		f->waiting_count--;
	}
	return stream;
}

static void
stream_drop(struct stream *stream, bool abort)
{
	stream_close(stream, abort);
	world_look(stream);
}

static void
file_close(struct file *f)
{
	struct packet *p;
	struct stream *stream;

	while ((p = packet_take(f)) != NULL)
		free(p);
	while ((stream = stream_take(f)) != NULL)
		stream_drop(stream, true);
	/* Of a Unix socket nothing is lost: af_unix.c, unix_release_sock. */
	if (f->stream != NULL && f->local.family == 0)
		buffer_drop(&f->stream->in, f->stream->in.len);
	if (f->stream != NULL)
		stream_drop(f->stream, false);
	f->kind = FILE_FREE;
	k.files_open--;
	while (k.files_used > 0 && k.files[k.files_used - 1].kind == FILE_FREE)
		k.files_used--;
}

static uint32_t
file_events(const struct file *f)
{
	uint32_t events = 0;

	if (f->stream != NULL) {
		events = stream_events(f->stream);
	} else if (f->tcp) {
		if (f->backlog == 0)
			events = EPOLLOUT | EPOLLHUP;
		if (f->waiting != NULL)
			events = EPOLLIN;
	} else if (f->kind == FILE_SOCKET) {
		events = EPOLLOUT;
		if (f->first != NULL)
			events |= EPOLLIN;
		if (f->error != 0)
			events |= EPOLLIN | EPOLLERR;
	} else if (f->kind == FILE_NETLINK) {
		events = f->first != NULL ? EPOLLIN : 0;
	} else if (f->kind == FILE_SIGNAL && k.signal_count > 0) {
		events = EPOLLIN;
	}
	return events & (f->event.events | EPOLLERR | EPOLLHUP);
}

/* ---------------------------------------------------------------------------
 * Addresses and ports.
 */
static struct address
loopback(uint8_t family)
{
	struct address a = {.family = family};

	if (family == 4) {
		a.ip[0] = 127;
		a.ip[3] = 1;
	} else {
		a.ip[15] = 1;
	}
	return a;
}

static bool
is_zero(const struct address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

/* The socket that takes what comes from there to here. */
static struct file *
socket_find(const struct address *to, const struct address *from)
{
	struct file *best = NULL;
	unsigned i;

	for (i = 0; i < k.files_used; i++) {
		struct file *f = &k.files[i];

		if (f->kind != FILE_SOCKET || f->tcp ||
		    f->local.port != to->port || f->local.family != to->family)
			continue;
		if (f->connected) {
			if (address_equal(&f->peer, from))
				return f;
		} else if (f->bound &&
		    (address_equal(&f->local, to) || is_zero(&f->local))) {
			best = f;
		}
	}
	return best;
}

static struct file *
listener_find(const struct address *to)
{
	unsigned i;

	for (i = 0; i < k.files_used; i++) {
		struct file *f = &k.files[i];

		if (f->kind == FILE_SOCKET && f->backlog > 0 &&
		    f->local.port == to->port &&
		    f->local.family == to->family &&
		    (address_equal(&f->local, to) || is_zero(&f->local)))
			return f;
	}
	return NULL;
}

/* ---------------------------------------------------------------------------
 * epoll.
 */
int __real_epoll_wait(int, struct epoll_event *, int, int);
int __wrap_epoll_wait(int, struct epoll_event *, int, int);

int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int n;

	if (!is_virtual(fd))
		return __real_epoll_wait(fd, events, max, timeout_ms);
	if (file_of(fd) == NULL)
		return -1;
	k.serving = true;
	if (is_failing(CALL_EPOLL_WAIT, NULL))
		return -1;
	k.inside = true;
	n = world_turn(events, max, timeout_ms);
	k.inside = false;
	return n;
}

int __real_epoll_create1(int);
int __wrap_epoll_create1(int);

int
__wrap_epoll_create1(int flags)
{
	if (!k.running)
		return __real_epoll_create1(flags);
	if (is_failing(CALL_EPOLL_CREATE1, NULL))
		return -1;
	return file_new(FILE_EPOLL);
}

int __real_epoll_ctl(int, int, int, struct epoll_event *);
int __wrap_epoll_ctl(int, int, int, struct epoll_event *);

int
__wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	struct file *f;

	if (!is_virtual(epoll))
		return __real_epoll_ctl(epoll, op, fd, event);
	if (is_failing(CALL_EPOLL_CTL, NULL))
		return -1;
	f = file_of(fd);
	if (f == NULL || file_of(epoll) == NULL)
		return -1;
	if (op == EPOLL_CTL_ADD && f->watched) {
		errno = EEXIST;
		return -1;
	}
	if (op != EPOLL_CTL_ADD && !f->watched) {
		errno = ENOENT;
		return -1;
	}
	f->watched = op != EPOLL_CTL_DEL;
	if (f->watched) {
		if ((event->events &
			~(uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDHUP)) != 0)
			world_give_up("the simulator has only EPOLLIN, "
				      "EPOLLOUT and EPOLLRDHUP");
		f->event = *event;
	}
	return 0;
}

/* ---------------------------------------------------------------------------
 * Sockets.
 */
static bool
address_from_any(
    const struct sockaddr *sa, socklen_t len, struct address *address)
{
	struct sockaddr_storage storage = {0};

	if (len > sizeof(storage))
		return false;
	memcpy(&storage, sa, len);
	return address_from_sockaddr(&storage, address);
}

int __real_socket(int, int, int);
int __wrap_socket(int, int, int);

int
__wrap_socket(int domain, int type, int protocol)
{
	int fd;

	if (!k.running)
		return __real_socket(domain, type, protocol);
	if (domain == AF_NETLINK)
		return is_failing(CALL_NETLINK, NULL) ? -1
						      : file_new(FILE_NETLINK);
	if (is_failing(CALL_SOCKET, NULL))
		return -1;
	if ((type & ~SOCK_STREAM & ~SOCK_DGRAM) !=
	    (SOCK_NONBLOCK | SOCK_CLOEXEC))
		world_give_up(
		    "the simulator has only non-blocking, cloexec sockets");
	fd = file_new(FILE_SOCKET);
	if (fd == -1)
		return -1;
	/* A Unix socket has no address: family 0, and one listens. */
	if (domain != AF_UNIX)
		k.files[fd - FD_FIRST].local.family = domain == AF_INET ? 4 : 6;
	k.files[fd - FD_FIRST].tcp = (type & SOCK_STREAM) != 0;
	return fd;
}

int __real_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);

/*
 * G04: on a socket without it, a forged "packet too big" makes the kernel cut
 * what is sent into fragments, down to packets of 552 octets; and over IPv6 of
 * 1280, which is more.  That it was asked for is enough: old kernels do not
 * know it.
 */
static bool
asks_for_no_pmtu(int level, int name, const void *value)
{
	int mode = 0;

	if (level == IPPROTO_IP && name == IP_MTU_DISCOVER)
		memcpy(&mode, value, sizeof(mode));
	if (level == IPPROTO_IPV6 && name == IPV6_MTU_DISCOVER)
		memcpy(&mode, value, sizeof(mode));
	return mode == IP_PMTUDISC_OMIT;
}

static void
pmtu_check(const struct file *f, size_t len)
{
	if (!f->unhinted && len > 552 - 28)
		world_fault("a datagram that ICMP can have cut (G04)\n");
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_setsockopt(fd, level, name, value, len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (f->kind == FILE_NETLINK) {
		f->strict = !is_failing(CALL_NETLINK, NULL);
		return f->strict ? 0 : -1;
	}
	f->unhinted |= asks_for_no_pmtu(level, name, value);
	if (is_failing(CALL_SETSOCKOPT, NULL))
		return -1;
	if (level == IPPROTO_IP && name == IP_BIND_ADDRESS_NO_PORT)
		f->address_alone = true;
	if ((level == IPPROTO_IP && name == IP_PKTINFO) ||
	    (level == IPPROTO_IPV6 && name == IPV6_RECVPKTINFO))
		f->pktinfo = *(const int *)value != 0;
	return 0;
}

/* Would two sockets on this port get in each other's way? */
static bool
port_is_taken(const struct address *a, bool tcp)
{
	unsigned i;

	for (i = 0; i < k.files_used; i++) {
		const struct file *f = &k.files[i];

		if (f->kind == FILE_SOCKET && f->bound && f->tcp == tcp &&
		    f->local.family == a->family && f->local.port == a->port &&
		    (is_zero(a) || is_zero(&f->local) ||
			memcmp(a->ip, f->local.ip, sizeof(a->ip)) == 0))
			return true;
	}
	return false;
}

/* A free one of the kernel's; every eighth time one that is watched. */
static uint16_t
port_draw(const struct file *f)
{
	const struct ports *range = &k.port_range;
	struct address a = f->local;

	do {
		a.port = (uint16_t)(range->first +
		    random_next(&k.random) % (range->last - range->first + 1));
		if (range->first <= 1900 && random_next(&k.random) % 8 == 0)
			a.port = 1900;
	} while (port_is_taken(&a, f->tcp));
	return a.port;
}

static int
netlink_bind(struct file *f, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_nl at;

	if (is_failing(CALL_NETLINK, NULL))
		return -1;
	if (len != sizeof(at)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&at, sa, sizeof(at));
	f->groups = at.nl_groups;
	return 0;
}

int __real_bind(int, const struct sockaddr *, socklen_t);
int __wrap_bind(int, const struct sockaddr *, socklen_t);

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct address a;
	struct file *f;

	if (!is_virtual(fd))
		return __real_bind(fd, sa, len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (f->kind == FILE_NETLINK)
		return netlink_bind(f, sa, len);
	if (f->local.family == 0 && sa->sa_family == AF_UNIX) {
		f->bound = true;
		return is_failing(CALL_BIND, NULL) ? -1 : 0;
	}
	if (!address_from_any(sa, len, &a) || a.family != f->local.family) {
		errno = EINVAL;
		return -1;
	}
	if (is_failing(CALL_BIND, &a))
		return -1;
	if (!is_zero(&a) && !host_is_own(&a)) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	if (a.port != 0 && port_is_taken(&a, f->tcp)) {
		errno = EADDRINUSE;
		return -1;
	}
	f->address_is_bound = !is_zero(&a);
	f->port_is_bound = a.port != 0;
	f->local = a;
	if (f->address_alone && a.port == 0)
		return 0;
	if (a.port == 0)
		f->local.port = port_draw(f);
	f->bound = true;
	return 0;
}

int __real_listen(int, int);
int __wrap_listen(int, int);

int
__wrap_listen(int fd, int backlog)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_listen(fd, backlog);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_LISTEN, &f->local))
		return -1;
	if (!f->tcp || !f->bound || f->stream != NULL) {
		errno = EINVAL;
		return -1;
	}
	f->backlog = backlog < 1      ? 1
	    : backlog > SOMAXCONN_NOW ? SOMAXCONN_NOW
				      : (unsigned)backlog;
	return 0;
}

int __real_accept4(int, struct sockaddr *, socklen_t *, int);
int __wrap_accept4(int, struct sockaddr *, socklen_t *, int);

/* Without a free descriptor the connection waits on. */
int
__wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct sockaddr_storage storage;
	struct file *f, *accepted;
	socklen_t room;

	if (!is_virtual(fd))
		return __real_accept4(fd, sa, len, flags);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_ACCEPT4, NULL))
		return -1;
	if (flags != (SOCK_NONBLOCK | SOCK_CLOEXEC))
		world_give_up(
		    "the simulator has only non-blocking, cloexec sockets");
	if (f->waiting == NULL) {
		errno = EAGAIN;
		return -1;
	}
	fd = file_new(FILE_SOCKET);
	if (fd == -1)
		return -1;
	accepted = &k.files[fd - FD_FIRST];
	accepted->tcp = accepted->connected = true;
	accepted->stream = stream_take(f);
	accepted->local = accepted->stream->here;
	accepted->peer = accepted->stream->there;
	if (sa != NULL && accepted->peer.family != 0) {
		room = *len;
		*len = address_to_sockaddr(&accepted->peer, &storage);
		memcpy(sa, &storage, room < *len ? room : *len);
	}
	return fd;
}

int __real_connect(int, const struct sockaddr *, socklen_t);
int __wrap_connect(int, const struct sockaddr *, socklen_t);

static int
stream_connect(struct file *f)
{
	if (f->stream != NULL)
		world_give_up("connect is called twice for a socket");
	k.inside = true;
	f->stream = stream_new(&f->local, &f->peer, world_window(&f->peer));
	world_dial(f->stream);
	k.inside = false;
	errno = EINPROGRESS;
	return -1;
}

/* AF_UNSPEC: what was not bound is free again, and what came stays. */
static int
datagram_disconnect(struct file *f)
{
	f->connected = false;
	if (!f->address_is_bound)
		memset(f->local.ip, 0, sizeof(f->local.ip));
	if (!f->port_is_bound) {
		f->bound = f->sent = false;
		f->local.port = 0;
	}
	return 0;
}

/* What Linux does: 0.0.0.0 and :: are this host. */
int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct address source;
	struct file *f;
	int err;

	if (!is_virtual(fd))
		return __real_connect(fd, sa, len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (sa->sa_family == AF_UNSPEC && !f->tcp)
		return is_failing(CALL_CONNECT, NULL) ? -1
						      : datagram_disconnect(f);
	if (!address_from_any(sa, len, &f->peer) ||
	    f->peer.family != f->local.family) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	world_connect(&f->peer);
	if (is_failing(CALL_CONNECT, &f->peer))
		return -1;
	if (is_zero(&f->peer))
		memcpy(f->peer.ip, loopback(f->peer.family).ip,
		    sizeof(f->peer.ip));
	err = host_way(&f->peer, &source);
	if (err != 0) {
		errno = err;
		return -1;
	}
	if (is_zero(&f->local))
		memcpy(f->local.ip, source.ip, sizeof(source.ip));
	if (!f->bound)
		f->local.port = port_draw(f);
	f->bound = f->connected = true;
	return f->tcp ? stream_connect(f) : 0;
}

int __real_getsockname(int, struct sockaddr *, socklen_t *);
int __wrap_getsockname(int, struct sockaddr *, socklen_t *);

int
__wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	struct sockaddr_storage storage;
	struct file *f;
	socklen_t room = *len;

	if (!is_virtual(fd))
		return __real_getsockname(fd, sa, len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	*len = address_to_sockaddr(&f->local, &storage);
	memcpy(sa, &storage, room < *len ? room : *len);
	return 0;
}

/* An ICMP error is told once, by whatever call comes next. */
static bool
has_error(struct file *f)
{
	if (f->error == 0)
		return false;
	errno = f->error;
	f->error = 0;
	return true;
}

/* Octets of a connection go, as far as there is room. */
static ssize_t
stream_write(struct file *f, const void *octets, size_t len)
{
	ssize_t n;

	if (f->stream == NULL) {
		errno = EPIPE;
		return -1;
	}
	k.inside = true;
	n = stream_send(f->stream, octets, len);
	if (n > 0)
		world_written(f->stream);
	k.inside = false;
	return n;
}

/* A question to the kernel: its answer is there at once. */
static ssize_t
netlink_send(struct file *f, const void *octets, size_t len)
{
	struct packet *p, *next;

	if (is_failing(CALL_NETLINK, NULL))
		return -1;
	k.inside = true;
	for (p = netlink_answer(octets, len, f->strict); p != NULL; p = next) {
		next = p->next;
		packet_put(f, p);
	}
	k.inside = false;
	return (ssize_t)len;
}

ssize_t __real_send(int, const void *, size_t, int);
ssize_t __wrap_send(int, const void *, size_t, int);

ssize_t
__wrap_send(int fd, const void *octets, size_t len, int flags)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_send(fd, octets, len, flags);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (f->kind != FILE_NETLINK)
		world_give_up("the simulator has send only for netlink");
	return netlink_send(f, octets, len);
}

ssize_t __real_sendmsg(int, const struct msghdr *, int);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct buffer whole = {0};
	struct file *f;
	ssize_t n;
	size_t i;

	if (!is_virtual(fd))
		return __real_sendmsg(fd, msg, flags);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_SENDMSG, &f->peer))
		return -1;
	if (!f->tcp)
		world_give_up("the simulator has sendmsg only for TCP");
	k.inside = true;
	for (i = 0; i < msg->msg_iovlen; i++)
		buffer_put(
		    &whole, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
	n = stream_write(f, whole.octets, whole.len);
	buffer_free(&whole);
	return n;
}

ssize_t __real_sendto(
    int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t __wrap_sendto(
    int, const void *, size_t, int, const struct sockaddr *, socklen_t);

ssize_t
__wrap_sendto(int fd, const void *octets, size_t len, int flags,
    const struct sockaddr *sa, socklen_t sa_len)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_sendto(fd, octets, len, flags, sa, sa_len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (sa != NULL)
		world_give_up(
		    "the simulator sends only from connected sockets");
	if (!f->connected) {
		errno = EDESTADDRREQ;
		return -1;
	}
	if (has_error(f) || is_failing(CALL_SENDTO, &f->peer))
		return -1;
	if (f->tcp)
		return stream_write(f, octets, len);
	if (f->sent)
		world_give_up("two queries leave from one port (F03)");
	f->sent = true;
	pmtu_check(f, len);
	k.inside = true;
	world_query(&f->local, &f->peer, octets, len);
	k.inside = false;
	return (ssize_t)len;
}

ssize_t __real_recv(int, void *, size_t, int);
ssize_t __wrap_recv(int, void *, size_t, int);

ssize_t
__wrap_recv(int fd, void *octets, size_t room, int flags)
{
	struct packet *p;
	struct file *f;
	size_t len;

	if (!is_virtual(fd))
		return __real_recv(fd, octets, room, flags);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (f->kind == FILE_NETLINK
		? is_failing(CALL_NETLINK, NULL)
		: has_error(f) || is_failing(CALL_RECV, &f->peer))
		return -1;
	if (f->stream != NULL)
		return stream_receive(f->stream, octets, room);
	p = packet_take(f);
	if (p == NULL) {
		errno = EAGAIN;
		return -1;
	}
	len = p->len;
	memcpy(octets, p->octets, len < room ? len : room);
	free(p);
	if ((flags & MSG_TRUNC) != 0 || len < room)
		return (ssize_t)len;
	return (ssize_t)room;
}

ssize_t __real_recvfrom(
    int, void *, size_t, int, struct sockaddr *, socklen_t *);
ssize_t __wrap_recvfrom(
    int, void *, size_t, int, struct sockaddr *, socklen_t *);

ssize_t
__wrap_recvfrom(int fd, void *octets, size_t room, int flags,
    struct sockaddr *sa, socklen_t *sa_len)
{
	struct sockaddr_storage storage;
	struct address from;
	socklen_t sa_room = *sa_len;
	struct file *f;
	ssize_t n;

	if (!is_virtual(fd))
		return __real_recvfrom(fd, octets, room, flags, sa, sa_len);
	if ((f = file_of(fd)) == NULL)
		return -1;
	if (f->first != NULL)
		from = f->first->from;
	n = __wrap_recv(fd, octets, room, flags);
	if (n >= 0) {
		*sa_len = address_to_sockaddr(&from, &storage);
		memcpy(sa, &storage, sa_room < *sa_len ? sa_room : *sa_len);
	}
	return n;
}

/* The address a datagram came to, as a control message. */
static void
pktinfo_give(const struct address *to, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	struct in_pktinfo four = {.ipi_ifindex = INTERFACE};
	struct in6_pktinfo six = {.ipi6_ifindex = INTERFACE};
	size_t len = to->family == 4 ? sizeof(four) : sizeof(six);

	if (c == NULL || msg->msg_controllen < CMSG_SPACE(len)) {
		msg->msg_flags |= MSG_CTRUNC;
		msg->msg_controllen = 0;
		return;
	}
	c->cmsg_len = CMSG_LEN(len);
	if (to->family == 4) {
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		memcpy(&four.ipi_addr, to->ip, 4);
		memcpy(&four.ipi_spec_dst, to->ip, 4);
		memcpy(CMSG_DATA(c), &four, sizeof(four));
	} else {
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		memcpy(&six.ipi6_addr, to->ip, 16);
		memcpy(CMSG_DATA(c), &six, sizeof(six));
	}
	msg->msg_controllen = CMSG_SPACE(len);
}

static void
message_give(const struct file *f, const struct packet *p, struct mmsghdr *m)
{
	struct msghdr *msg = &m->msg_hdr;
	struct sockaddr_storage from;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&from;
	size_t room = msg->msg_iov[0].iov_len;

	assert(msg->msg_iovlen == 1);
	msg->msg_flags = p->len > room ? MSG_TRUNC : 0;
	m->msg_len = (unsigned)(p->len < room ? p->len : room);
	memcpy(msg->msg_iov[0].iov_base, p->octets, m->msg_len);
	msg->msg_namelen = address_to_sockaddr(&p->from, &from);
	if (is_link_local(&p->from))
		six->sin6_scope_id = INTERFACE;
	memcpy(msg->msg_name, &from, msg->msg_namelen);
	if (f->pktinfo)
		pktinfo_give(&p->to, msg);
	else
		msg->msg_controllen = 0;
}

int __real_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);
int __wrap_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);

int
__wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned max, int flags,
    struct timespec *timeout)
{
	struct file *f;
	unsigned n;

	if (!is_virtual(fd))
		return __real_recvmmsg(fd, messages, max, flags, timeout);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_RECVMMSG, NULL))
		return -1;
	for (n = 0; n < max && f->first != NULL; n++) {
		struct packet *p = packet_take(f);

		message_give(f, p, &messages[n]);
		free(p);
	}
	if (n > 0)
		return (int)n;
	errno = EAGAIN;
	return -1;
}

/*
 * The address an answer leaves from: said in a control message, or bound.  So
 * is the interface, 0 for any.
 */
static struct address
message_source(const struct file *f, struct msghdr *msg,
    const struct address *to, unsigned *interface)
{
	struct address source = f->local;
	struct in_pktinfo four;
	struct in6_pktinfo six;
	struct cmsghdr *c;

	if (is_zero(&source) && host_way(to, &source) == 0)
		source.port = f->local.port;
	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof(four));
			memcpy(source.ip, &four.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof(six));
			memcpy(source.ip, &six.ipi6_addr, 16);
			if (six.ipi6_ifindex != 0)
				*interface = six.ipi6_ifindex;
		}
	}
	return source;
}

static bool
message_send(const struct file *f, struct mmsghdr *m)
{
	static uint8_t octets[MESSAGE_MAX];
	const struct sockaddr_in6 *six = m->msg_hdr.msg_name;
	struct msghdr *msg = &m->msg_hdr;
	struct address source, to;
	unsigned interface = 0;
	size_t len = 0, i;

	if (!address_from_any(msg->msg_name, msg->msg_namelen, &to)) {
		errno = EINVAL;
		return false;
	}
	if (is_failing(CALL_SENDMMSG, &to))
		return false;
	if (to.family == 6)
		interface = six->sin6_scope_id;
	source = message_source(f, msg, &to, &interface);
	if (is_link_local(&to) && interface != INTERFACE) {
		errno = EINVAL;
		return false;
	}
	for (i = 0; i < msg->msg_iovlen; i++) {
		assert(len + msg->msg_iov[i].iov_len <= sizeof(octets));
		memcpy(octets + len, msg->msg_iov[i].iov_base,
		    msg->msg_iov[i].iov_len);
		len += msg->msg_iov[i].iov_len;
	}
	pmtu_check(f, len);
	m->msg_len = (unsigned)len;
	world_answer(&source, &to, octets, len);
	return true;
}

int __real_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __wrap_sendmmsg(int, struct mmsghdr *, unsigned, int);

int
__wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	struct file *f;
	unsigned n = 0;

	if (!is_virtual(fd))
		return __real_sendmmsg(fd, messages, count, flags);
	if ((f = file_of(fd)) == NULL)
		return -1;
	k.inside = true;
	while (n < count && message_send(f, &messages[n]))
		n++;
	k.inside = false;
	return n > 0 || count == 0 ? (int)n : -1;
}

/* ---------------------------------------------------------------------------
 * Files, signals, clocks, chance, limits.
 */
int __real_close(int);
int __wrap_close(int);

int
__wrap_close(int fd)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_close(fd);
	f = file_of(fd);
	if (f == NULL)
		return -1;
	k.inside = true;
	file_close(f);
	k.inside = false;
	return 0;
}

int __real_open(const char *, int, ...);
int __wrap_open(const char *, int, ...);

int
__wrap_open(const char *name, int flags, ...)
{
	enum path path = files_path(name);
	mode_t mode = 0;
	va_list args;
	int fd;

	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (!k.running || path == PATH_REAL)
		return __real_open(name, flags, mode);
	if (is_failing(CALL_OPEN, NULL))
		return -1;
	errno = files_open(path);
	if (errno != 0)
		return -1;
	fd = file_new(path == PATH_LOG ? FILE_LOG
		: path == PATH_METRICS ? FILE_METRICS
		: path == PATH_PORTS   ? FILE_PORTS
				       : FILE_HINTS);
	if (fd != -1 && path == PATH_HINTS) {
		struct file *f = &k.files[fd - FD_FIRST];

		f->text = files_text(&f->len);
	}
	if (fd != -1 && path == PATH_PORTS) {
		k.files[fd - FD_FIRST].text = k.ports;
		k.files[fd - FD_FIRST].len = strlen(k.ports);
	}
	return fd;
}

int __real_stat(const char *, struct stat *);
int __wrap_stat(const char *, struct stat *);

int
__wrap_stat(const char *name, struct stat *st)
{
	enum path path = files_path(name);

	if (!k.running || path == PATH_REAL)
		return __real_stat(name, st);
	if (is_failing(CALL_STAT, NULL))
		return -1;
	errno = files_stat(path, st);
	return errno == 0 ? 0 : -1;
}

int __real_fstat(int, struct stat *);
int __wrap_fstat(int, struct stat *);

int
__wrap_fstat(int fd, struct stat *st)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_fstat(fd, st);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_FSTAT, NULL))
		return -1;
	if (f->kind != FILE_HINTS && f->kind != FILE_LOG)
		world_give_up("the simulator knows the look of files only");
	errno = files_stat(f->kind == FILE_LOG ? PATH_LOG : PATH_HINTS, st);
	return errno == 0 ? 0 : -1;
}

static ssize_t
text_read(struct file *f, void *octets, size_t room)
{
	size_t left = f->len - f->at;

	if (left < room)
		room = left;
	memcpy(octets, f->text + f->at, room);
	f->at += room;
	return (ssize_t)room;
}

static ssize_t
signals_read(void *octets, size_t room)
{
	struct signalfd_siginfo info = {0};

	if (k.signal_count == 0 || room < sizeof(info)) {
		errno = EAGAIN;
		return -1;
	}
	info.ssi_signo = (uint32_t)k.signals[0];
	k.signal_count--;
	memmove(k.signals, k.signals + 1, k.signal_count * sizeof(int));
	memcpy(octets, &info, sizeof(info));
	return sizeof(info);
}

ssize_t __real_read(int, void *, size_t);
ssize_t __wrap_read(int, void *, size_t);

ssize_t
__wrap_read(int fd, void *octets, size_t room)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_read(fd, octets, room);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_READ, NULL))
		return -1;
	if (f->kind == FILE_HINTS || f->kind == FILE_PORTS)
		return text_read(f, octets, room);
	if (f->kind == FILE_SIGNAL)
		return signals_read(octets, room);
	if (f->stream != NULL)
		return stream_receive(f->stream, octets, room);
	world_give_up("the simulator reads hints, signals and TCP");
}

ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int, const void *, size_t);

ssize_t
__wrap_write(int fd, const void *octets, size_t len)
{
	struct file *f;

	if (!is_virtual(fd))
		return __real_write(fd, octets, len);
	if ((f = file_of(fd)) == NULL || is_failing(CALL_WRITE, NULL))
		return -1;
	if (f->stream != NULL)
		return stream_write(f, octets, len);
	if (f->kind != FILE_LOG && f->kind != FILE_METRICS)
		world_give_up("the simulator writes to no such file");
	k.inside = true;
	if (f->kind == FILE_LOG)
		world_log(octets, len);
	else
		world_metrics(octets, len);
	k.inside = false;
	return (ssize_t)len;
}

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);

/* What was written last is there. */
int
__wrap_renameat(int there, const char *from, int here, const char *to)
{
	if (!k.running || files_path(from) != PATH_METRICS)
		return __real_renameat(there, from, here, to);
	if (is_failing(CALL_RENAME, NULL))
		return -1;
	world_metrics_done();
	return 0;
}

int __real_poll(struct pollfd *, nfds_t, int);
int __wrap_poll(struct pollfd *, nfds_t, int);

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (count != 1 || !is_virtual(fds[0].fd))
		return __real_poll(fds, count, timeout_ms);
	if (file_of(fds[0].fd) == NULL || is_failing(CALL_POLL, NULL))
		return -1;
	fds[0].revents = fds[0].events & POLLOUT;
	return 1;
}

int __real_signalfd(int, const sigset_t *, int);
int __wrap_signalfd(int, const sigset_t *, int);

int
__wrap_signalfd(int fd, const sigset_t *signals, int flags)
{
	if (!k.running || fd != -1)
		return __real_signalfd(fd, signals, flags);
	if (is_failing(CALL_SIGNALFD, NULL))
		return -1;
	fd = file_new(FILE_SIGNAL);
	if (fd != -1)
		k.files[fd - FD_FIRST].signals = *signals;
	return fd;
}

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	int64_t ms;

	if (!k.running)
		return __real_clock_gettime(clock, time);
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ms = world_wall_ms();
	else
		ms = (int64_t)world_boot_ms();
	time->tv_sec = (time_t)(ms / 1000);
	time->tv_nsec = (long)(ms % 1000) * 1000000;
	return 0;
}

ssize_t __real_getrandom(void *, size_t, unsigned);
ssize_t __wrap_getrandom(void *, size_t, unsigned);

ssize_t
__wrap_getrandom(void *octets, size_t len, unsigned flags)
{
	uint8_t *at = octets;
	size_t i;

	if (!k.running)
		return __real_getrandom(octets, len, flags);
	if (is_failing(CALL_GETRANDOM, NULL))
		return -1;
	for (i = 0; i < len; i++)
		at[i] = (uint8_t)random_next(&k.random);
	return (ssize_t)len;
}

int __real_gethostname(char *, size_t);
int __wrap_gethostname(char *, size_t);

int
__wrap_gethostname(char *text, size_t size)
{
	if (!k.running)
		return __real_gethostname(text, size);
	snprintf(text, size, "%s", driver_host);
	return 0;
}

int __real_getrlimit(int, struct rlimit *);
int __wrap_getrlimit(int, struct rlimit *);

int
__wrap_getrlimit(int resource, struct rlimit *limit)
{
	if (!k.running || resource != (int)RLIMIT_NOFILE)
		return __real_getrlimit(resource, limit);
	if (is_failing(CALL_GETRLIMIT, NULL))
		return -1;
	limit->rlim_cur = k.files_soft;
	limit->rlim_max = k.files_hard;
	return 0;
}

int __real_setrlimit(int, const struct rlimit *);
int __wrap_setrlimit(int, const struct rlimit *);

int
__wrap_setrlimit(int resource, const struct rlimit *limit)
{
	if (!k.running || resource != (int)RLIMIT_NOFILE)
		return __real_setrlimit(resource, limit);
	if (is_failing(CALL_SETRLIMIT, NULL))
		return -1;
	if (limit->rlim_cur > k.files_hard) {
		errno = EPERM;
		return -1;
	}
	k.files_soft = (unsigned)limit->rlim_cur;
	return 0;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);

/* ---------------------------------------------------------------------------
 * Memory: the server may allocate until it serves.
 */
static bool
is_refused_memory(enum call call, size_t len)
{
	if (!k.running || k.inside)
		return false;
	if (k.serving && !k.allocated) {
		k.allocated = true;
		world_fault(
		    "%s of %zu octets while serving\n", call_name(call), len);
	}
	return is_failing(call, NULL);
}

void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

void *
__wrap_malloc(size_t len)
{
	return is_refused_memory(CALL_MALLOC, len) ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t count, size_t len)
{
	return is_refused_memory(CALL_CALLOC, count * len)
	    ? NULL
	    : __real_calloc(count, len);
}

void *
__wrap_realloc(void *old, size_t len)
{
	return is_refused_memory(CALL_REALLOC, len) ? NULL
						    : __real_realloc(old, len);
}

void __real_exit(int) __attribute__((noreturn));
void __wrap_exit(int) __attribute__((noreturn));

void
__wrap_exit(int status)
{
	if (!k.running)
		__real_exit(status);
	world_exit(status);
}
