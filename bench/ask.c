/*
 * ask.c -- asks a server on 127.0.0.1, checks what it answers, and tells how
 * long that took and what it cost.
 *
 *	ask [OPTION...] PORT KIND ORDER COUNT
 *
 * KIND is the letter of a zone of names.h, COUNT how many names of it there
 * are.  ORDER is "once", each of them one time and then no more; or "round",
 * "any" and "zipf": in turn, evenly by chance, and as the Web is read, until
 * the time is over.
 *
 *	-T		over TCP
 *	-c SOCKETS	so many sockets or connections (8)
 *	-w WINDOW	so many questions are out at a time (128) ...
 *	-r RATE		... or so many are asked a second, come what may
 *	-l SECONDS	how long, but for "once" (1)
 *	-t MS		an answer that takes longer is lost (5000)
 *	-f FIRST	the number of the first name (0)
 *	-p PID		tell what that process spends
 *
 * What it tells is one line of KEY=VALUE.  cpu_us is the CPU time that the
 * process had for each answer, of all its threads, by the kernel's scheduler.
 */
#include "names.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_ONCE = 64,   /* sent or received by one call */
	PENDING = 4096, /* of one socket */
	QUESTION_MAX = 320,
	ANSWER_MAX = 4096,
	STREAM_MAX = 65536, /* octets of TCP on their way in */
	PICKS = 1 << 20,    /* made before, as making them takes time */
	BUFFER = 8 << 20,
	BIN_STEPS = 256, /* half of them tell one doubling of a latency */
	BINS = 58 * BIN_STEPS
};

enum order {
	ORDER_ONCE,
	ORDER_ROUND,
	ORDER_ANY,
	ORDER_ZIPF
};

static struct {
	bool tcp;
	unsigned sockets, window, port, first, count;
	double rate, seconds;
	uint64_t timeout_ns;
	pid_t pid;
	enum zone_kind kind;
	enum order order;
} options = {
    .sockets = 8, .window = 128, .seconds = 1, .timeout_ns = 5000000000u};

/* A question that is out; sent_ns is 0 once it is not. */
struct pending {
	uint64_t sent_ns;
	uint32_t name;
};

/*
 * A socket.  Its questions are numbered, and the low half of a number is the
 * ID.  Invariant: those out are in [oldest, next), which is no longer than
 * `slots'.
 */
struct line {
	int fd;
	uint32_t oldest, next;
	unsigned out;
	struct pending *pending;
	uint8_t *stream; /* of TCP: what is not taken yet */
	size_t stream_len;
};

static struct {
	uint64_t sent, answered, lost, stray;
	uint64_t by_rcode[16];
	uint64_t bins[BINS];       /* of latencies */
	uint64_t in_time, took_ns; /* answers, until no more was asked */
} counts;

static struct line *lines;
static uint32_t slots = PENDING;
static uint32_t *picks, asked;
static uint64_t chance = 88172645463325252u, now_ns;

static _Noreturn void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void
clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---------------------------------------------------------------------------
 * What is asked.
 */
static uint32_t
chance_below(uint32_t n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (uint32_t)((chance >> 32) * n >> 32);
}

/* The popularity of the nth is 1 / n^0.9; which of the names it is, is mixed.
 */
static void
picks_make_zipf(void)
{
	double *sums = calloc(options.count, sizeof(*sums)), sum = 0;
	uint32_t i, low, high, mid;

	if (sums == NULL)
		fail("ask");
	for (i = 0; i < options.count; i++)
		sums[i] = sum += 1 / pow(i + 1, 0.9);
	for (i = 0; i < PICKS; i++) {
		double at = sum * chance_below(1u << 31) / 2147483648.0;

		for (low = 0, high = options.count - 1; low < high;) {
			mid = low + (high - low) / 2;
			if (sums[mid] < at)
				low = mid + 1;
			else
				high = mid;
		}
		picks[i] = (uint32_t)((uint64_t)low * 7919 % options.count);
	}
	free(sums);
}

static void
picks_make(void)
{
	uint32_t i;

	picks = calloc(PICKS, sizeof(*picks));
	if (picks == NULL)
		fail("ask");
	if (options.order == ORDER_ZIPF)
		picks_make_zipf();
	else
		for (i = 0; i < PICKS; i++)
			picks[i] = chance_below(options.count);
}

static bool
is_all_asked(void)
{
	return options.order == ORDER_ONCE && asked == options.count;
}

/* The next, away from its neighbours: 7919 is a prime. */
static uint32_t
name_next(void)
{
	uint32_t n = asked++;

	if (options.order == ORDER_ANY || options.order == ORDER_ZIPF)
		n = picks[n % PICKS];
	else
		n = (uint32_t)((uint64_t)n * 7919 % options.count);
	return options.first + n;
}

static size_t
question_make(uint32_t n, uint8_t octets[QUESTION_MAX])
{
	static const uint8_t head[HEADER_LEN] = {[2] = 1, [5] = 1};
	static const uint8_t tail[4] = {0, TYPE_A, 0, CLASS_IN};
	struct name name;

	name_sought(options.kind, n, &name);
	memcpy(octets, head, HEADER_LEN);
	memcpy(octets + HEADER_LEN, name.wire, name.len);
	memcpy(octets + HEADER_LEN + name.len, tail, sizeof(tail));
	return HEADER_LEN + name.len + sizeof(tail);
}

/* ---------------------------------------------------------------------------
 * Answers.
 */
static void
latency_count(uint64_t ns)
{
	unsigned doubling =
	    ns < BIN_STEPS ? 0 : 56 - (unsigned)__builtin_clzll(ns);

	counts.bins[doubling * BIN_STEPS + (ns >> doubling)]++;
}

/* Of all, those lost included: they took as long as one waits. */
static double
latency_ms(double part)
{
	uint64_t all = counts.answered + counts.lost;
	uint64_t left = (uint64_t)((double)all * part);
	unsigned bin;

	for (bin = 0; bin < BINS - 1 && counts.bins[bin] <= left; bin++)
		left -= counts.bins[bin];
	return (double)((uint64_t)(bin % BIN_STEPS) << bin / BIN_STEPS) / 1e6;
}

/* The question of this number, if it is out. */
static struct pending *
line_pending(struct line *l, uint32_t number)
{
	struct pending *p = &l->pending[number % slots];

	if (number - l->oldest >= l->next - l->oldest || p->sent_ns == 0)
		return NULL;
	return p;
}

static void
line_settle(struct line *l, struct pending *p)
{
	p->sent_ns = 0;
	l->out--;
	while (
	    l->oldest != l->next && l->pending[l->oldest % slots].sent_ns == 0)
		l->oldest++;
}

static void
answer_take(struct line *l, const uint8_t *octets, size_t len)
{
	uint8_t question[QUESTION_MAX];
	uint16_t id = (uint16_t)(octets[0] << 8 | octets[1]);
	struct pending *p =
	    line_pending(l, l->oldest + (uint16_t)(id - l->oldest));
	size_t asked_len = p == NULL ? 0 : question_make(p->name, question);

	if (p == NULL || len < asked_len || (octets[2] & 0x80) == 0 ||
	    memcmp(octets + HEADER_LEN, question + HEADER_LEN,
		asked_len - HEADER_LEN) != 0) {
		counts.stray++;
		return;
	}
	counts.answered++;
	counts.by_rcode[octets[3] & 0xf]++;
	latency_count(now_ns - p->sent_ns);
	line_settle(l, p);
}

static void
line_expire(struct line *l)
{
	struct pending *p;

	while (l->oldest != l->next) {
		p = &l->pending[l->oldest % slots];
		if (now_ns - p->sent_ns < options.timeout_ns)
			return;
		counts.lost++;
		latency_count(options.timeout_ns);
		line_settle(l, p);
	}
}

/* ---------------------------------------------------------------------------
 * Over UDP.
 */
static struct mmsghdr messages[AT_ONCE];
static struct iovec iovs[AT_ONCE];
static uint8_t buffers[AT_ONCE][ANSWER_MAX];

static size_t
line_ask(struct line *l, uint8_t *octets)
{
	struct pending *p = &l->pending[l->next % slots];
	size_t len;

	p->name = name_next();
	p->sent_ns = now_ns;
	len = question_make(p->name, octets);
	octets[0] = (uint8_t)(l->next >> 8);
	octets[1] = (uint8_t)l->next;
	l->next++;
	l->out++;
	counts.sent++;
	return len;
}

static bool
line_is_full(const struct line *l)
{
	return l->next - l->oldest == slots || is_all_asked();
}

static void
messages_prepare(void)
{
	unsigned i;

	for (i = 0; i < AT_ONCE; i++) {
		iovs[i] = (struct iovec){buffers[i], ANSWER_MAX};
		messages[i].msg_hdr =
		    (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	}
}

static void
line_send_udp(struct line *l, unsigned most)
{
	unsigned count = 0, sent = 0;
	int n;

	while (count < most && count < AT_ONCE && !line_is_full(l)) {
		iovs[count].iov_len = line_ask(l, buffers[count]);
		count++;
	}
	while (sent < count) {
		n = sendmmsg(l->fd, messages + sent, count - sent, 0);
		sent += n < 0 ? 1u : (unsigned)n; /* refused: it is lost */
	}
	for (sent = 0; sent < count; sent++)
		iovs[sent].iov_len = ANSWER_MAX;
}

static void
line_receive_udp(struct line *l)
{
	int count = recvmmsg(l->fd, messages, AT_ONCE, MSG_DONTWAIT, NULL);
	int i;

	for (i = 0; i < count; i++)
		if (messages[i].msg_len >= HEADER_LEN)
			answer_take(l, buffers[i], messages[i].msg_len);
}

/* ---------------------------------------------------------------------------
 * Over TCP.
 */
static void
line_send_tcp(struct line *l, unsigned most)
{
	static uint8_t octets[AT_ONCE * QUESTION_MAX];
	size_t at = 0, len;

	if (most > AT_ONCE)
		most = AT_ONCE;
	for (; most > 0 && !line_is_full(l); most--) {
		len = line_ask(l, octets + at + 2);
		octets[at] = (uint8_t)(len >> 8);
		octets[at + 1] = (uint8_t)len;
		at += 2 + len;
	}
	/* What a closed connection does not take is lost, in time. */
	if (at > 0)
		(void)!send(l->fd, octets, at, MSG_NOSIGNAL);
}

static void
line_receive_tcp(struct line *l)
{
	ssize_t n = recv(l->fd, l->stream + l->stream_len,
	    STREAM_MAX - l->stream_len, MSG_DONTWAIT);
	size_t at = 0, len;

	if (n <= 0)
		return;
	l->stream_len += (size_t)n;
	while (l->stream_len - at >= 2) {
		len = (size_t)(l->stream[at] << 8 | l->stream[at + 1]);
		if (l->stream_len - at - 2 < len)
			break;
		if (len >= HEADER_LEN)
			answer_take(l, l->stream + at + 2, len);
		at += 2 + len;
	}
	memmove(l->stream, l->stream + at, l->stream_len - at);
	l->stream_len -= at;
}

/* ---------------------------------------------------------------------------
 * The load.
 */
static void
line_open(struct line *l)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)options.port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1, octets = BUFFER;

	l->fd = socket(AF_INET, options.tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	l->pending = calloc(slots, sizeof(*l->pending));
	if (l->fd < 0 || l->pending == NULL)
		fail("ask: socket");
	if (options.tcp) {
		l->stream = malloc(STREAM_MAX);
		setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	} else if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets,
		       sizeof(octets)) < 0) {
		setsockopt(
		    l->fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	}
	if (connect(l->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("ask: connect");
}

static void
line_send(struct line *l, unsigned most)
{
	if (options.tcp)
		line_send_tcp(l, most);
	else
		line_send_udp(l, most);
}

/* Where the window has room it is filled, a batch at a time. */
static void
line_fill(struct line *l)
{
	unsigned window = options.window / options.sockets;

	if (options.rate == 0 && l->out < window)
		line_send(l, window - l->out);
}

static void
lines_wait(int epoll)
{
	struct epoll_event events[AT_ONCE];
	int i, count = epoll_wait(epoll, events, AT_ONCE, 1);

	clock_read();
	for (i = 0; i < count; i++) {
		struct line *l = events[i].data.ptr;

		if (options.tcp)
			line_receive_tcp(l);
		else
			line_receive_udp(l);
		line_fill(l);
	}
}

/* What is due by now, each from the next socket. */
static void
lines_send_due(uint64_t start_ns)
{
	double due = (double)(now_ns - start_ns) / 1e9 * options.rate;

	while ((double)counts.sent < due && !is_all_asked())
		line_send(&lines[counts.sent % options.sockets], 1);
}

static unsigned
lines_out(void)
{
	unsigned i, out = 0;

	for (i = 0; i < options.sockets; i++) {
		line_expire(&lines[i]);
		out += lines[i].out;
	}
	return out;
}

static bool
is_over(uint64_t start_ns)
{
	return options.order == ORDER_ONCE
	    ? is_all_asked()
	    : now_ns - start_ns >= (uint64_t)(options.seconds * 1e9);
}

/* Ask until it is over, and wait for what is out then. */
static void
load(int epoll)
{
	uint64_t start_ns, looked_ns;
	unsigned i;

	clock_read();
	start_ns = looked_ns = now_ns;
	for (i = 0; i < options.sockets; i++)
		line_fill(&lines[i]);
	while (!is_over(start_ns)) {
		lines_wait(epoll);
		if (options.rate > 0)
			lines_send_due(start_ns);
		if (now_ns - looked_ns < 5000000)
			continue;
		looked_ns = now_ns;
		lines_out();
		if (options.rate == 0) /* what was lost left room */
			for (i = 0; i < options.sockets; i++)
				line_fill(&lines[i]);
	}
	counts.in_time = counts.answered;
	counts.took_ns = now_ns - start_ns;
	options.rate = 1e-9; /* no more */
	while (lines_out() > 0)
		lines_wait(epoll);
}

/* ---------------------------------------------------------------------------
 * What it cost, and what to tell.
 */
/* The CPU time of all threads that the process has. */
static uint64_t
process_ns(void)
{
	char path[300];
	struct dirent *entry;
	unsigned long long ns;
	uint64_t sum = 0;
	FILE *file;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", options.pid);
	tasks = opendir(path);
	while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
		if (entry->d_name[0] == '.') /* .. has one, of the first */
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat",
		    options.pid, entry->d_name);
		file = fopen(path, "r");
		if (file != NULL && fscanf(file, "%llu", &ns) == 1)
			sum += ns;
		if (file != NULL)
			fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return sum;
}

static void
tell(uint64_t process)
{
	double answered = counts.answered > 0 ? (double)counts.answered : 1;

	printf("sent=%llu answered=%llu lost=%llu stray=%llu noerror=%llu "
	       "servfail=%llu qps=%.0f p50_ms=%.3f p99_ms=%.3f",
	    (unsigned long long)counts.sent,
	    (unsigned long long)counts.answered,
	    (unsigned long long)counts.lost, (unsigned long long)counts.stray,
	    (unsigned long long)counts.by_rcode[RCODE_NOERROR],
	    (unsigned long long)counts.by_rcode[RCODE_SERVFAIL],
	    (double)counts.in_time * 1e9 / (double)counts.took_ns,
	    latency_ms(0.5), latency_ms(0.99));
	if (options.pid > 0)
		printf(" cpu_us=%.3f", (double)process / 1e3 / answered);
	printf("\n");
}

static _Noreturn void
usage(void)
{
	fprintf(stderr,
	    "usage: ask [-T] [-c SOCKETS] [-w WINDOW | -r RATE] "
	    "[-l SECONDS] [-t MS]\n"
	    "           [-f FIRST] [-p PID] PORT KIND ORDER COUNT\n");
	exit(EXIT_FAILURE);
}

static unsigned
number(const char *word)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*end != '\0' || end == word || n > UINT32_MAX)
		usage();
	return (unsigned)n;
}

static void
options_read(int argc, char **argv)
{
	static const char *const orders[] = {"once", "round", "any", "zipf"};
	int c;

	while ((c = getopt(argc, argv, "Tc:w:r:l:t:f:p:")) != -1)
		switch (c) {
		case 'T':
			options.tcp = true;
			break;
		case 'c':
			options.sockets = number(optarg);
			break;
		case 'w':
			options.window = number(optarg);
			break;
		case 'r':
			options.rate = number(optarg);
			break;
		case 'l':
			options.seconds = atof(optarg);
			break;
		case 't':
			options.timeout_ns = number(optarg) * 1000000ull;
			break;
		case 'f':
			options.first = number(optarg);
			break;
		case 'p':
			options.pid = (pid_t)number(optarg);
			break;
		default:
			usage();
		}
	if (argc - optind != 4 || strlen(argv[optind + 1]) != 1)
		usage();
	options.port = number(argv[optind]);
	options.kind = (enum zone_kind)argv[optind + 1][0];
	options.count = number(argv[optind + 3]);
	while (strcmp(argv[optind + 2], orders[options.order]) != 0)
		if (++options.order > ORDER_ZIPF)
			usage();
	if (options.count == 0 || options.sockets == 0 ||
	    options.window / options.sockets > PENDING)
		usage();
	if (options.window < options.sockets)
		options.window = options.sockets;
}

/* A line is a descriptor; the more the better. */
static void
files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("ask");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("ask");
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t process;
	unsigned i;

	options_read(argc, argv);
	if (options.tcp)
		slots = 2 * AT_ONCE; /* of many connections, each has few */
	files_raise();
	messages_prepare();
	picks_make();
	lines = calloc(options.sockets, sizeof(*lines));
	if (epoll < 0 || lines == NULL)
		fail("ask");
	for (i = 0; i < options.sockets; i++) {
		struct epoll_event event = {
		    .events = EPOLLIN, .data.ptr = &lines[i]};

		line_open(&lines[i]);
		epoll_ctl(epoll, EPOLL_CTL_ADD, lines[i].fd, &event);
	}
	process = process_ns();
	load(epoll);
	tell(process_ns() - process);
	return EXIT_SUCCESS;
}
