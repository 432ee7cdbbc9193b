/*
 * check_dns.c -- crowds of clients at the real program, on loopback.
 *
 * The program under test is the one beside this one; nothing stands in for its
 * system calls.  Only such questions are asked as need no name server, so no
 * packet leaves.  Its event log is a pipe, from which we read what it says, or
 * a file that we rename.
 * What one client can see of one connection is in tests/scenarios/.
 */
#include "scratch.h"

#include "dns.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	HELD = 2000,
	CONNECTS = 10000,
	WRITERS = 500,
	LINGERING = 3000, /* of the connects, open at a time */
	PIPELINED_MAX = 2000000,
	FEW_FILES = 256,
	OTHER_FILES = 64, /* what the server has open besides connections */
	OUR_FILES = 64,
	RENAMES = 1000,
	SWAPS = 400,
	STORMS = 500, /* of two signals each */
	GIVEN_MAX = 4,
	GIVEN_FIRST = 3, /* sd_listen_fds(3) */
	PINGS = 5,
	ASKED_EACH = 64, /* questions about each of them */
	LARGE = 10 << 20,
	ANSWER_S = 20,
	PREFIX_LEN = 2,
	QUESTION_LEN = PREFIX_LEN + HEADER_LEN + 9 + 4,
	ANSWER_LEN = QUESTION_LEN /* without EDNS an error is as long */
};

static char program[4096];
static char directory[PATH_MAX];
static char hints[PATH_MAX + 16];
static char event_log[PATH_MAX + 16]; /* "": standard error */

static struct {
	pid_t pid;
	FILE *log;
	uint16_t port;
	unsigned connections; /* at most */
	char line[LOG_LINE_MAX + 1];
} server;

/* What a service manager does for the server that it starts. */
static struct {
	int given[GIVEN_MAX]; /* sockets; -1 is none */
	unsigned given_count;
	bool unnamed;     /* and no -l */
	int heard;        /* from the server */
	char socket[108]; /* "": it need not tell */
	const char *watchdog_us;
} manager;

/* ---------------------------------------------------------------------------
 * The server.
 */

/* Its next line with this text in it. */
static void
server_says(const char *text)
{
	do
		ck_assert_msg(
		    fgets(server.line, sizeof(server.line), server.log) != NULL,
		    "the server ended before it said %s", text);
	while (strstr(server.line, text) == NULL);
}

/* A number in the line it said last. */
static unsigned
server_number(const char *key)
{
	const char *at = strstr(server.line, key);

	ck_assert_msg(at != NULL, "no %s in %s", key, server.line);
	return (unsigned)strtoul(at + strlen(key), NULL, 10);
}

/* In the process that becomes the server. */
static void
manager_prepare(void)
{
	char text[16];
	unsigned i;

	for (i = 0; i < manager.given_count; i++)
		if (manager.given[i] >= 0)
			dup2(manager.given[i], (int)(GIVEN_FIRST + i));
		else
			close((int)(GIVEN_FIRST + i));
	snprintf(text, sizeof(text), "%u", manager.given_count);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	if (manager.socket[0] != '\0')
		setenv("NOTIFY_SOCKET", manager.socket, 1);
	if (manager.watchdog_us != NULL)
		setenv("WATCHDOG_USEC", manager.watchdog_us, 1);
}

static void
server_exec(unsigned files, int log)
{
	struct rlimit limit;
	char at[32];
	char *words[10] = {program, "-r", hints, "--query-log"};
	unsigned n = 4;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (files < limit.rlim_max)
		limit.rlim_max = limit.rlim_cur = files;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	snprintf(at, sizeof(at), "127.0.0.1@%u", server.port);
	if (!manager.unnamed) {
		words[n++] = "-l";
		words[n++] = at;
	}
	if (event_log[0] != '\0') {
		words[n++] = "-e";
		words[n++] = event_log;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails just ends */
	dup2(log, STDERR_FILENO);
	manager_prepare();
	execv(program, words);
	_exit(127);
}

/* Start it with so many descriptors, at a port of before or any. */
static void
server_run(unsigned files)
{
	int log[2];

	ck_assert_int_eq(pipe(log), 0);
	server.pid = fork();
	ck_assert_int_ge(server.pid, 0);
	if (server.pid == 0)
		server_exec(files, log[1]);
	close(log[1]);
	server.log = fdopen(log[0], "r");
	ck_assert_ptr_nonnull(server.log);
}

static void
server_start(unsigned files)
{
	server_run(files);
	server_says(" id=2 ");
	server.connections = server_number(" connections=");
}

static int
server_wait(void)
{
	int status;

	ck_assert_int_eq(waitpid(server.pid, &status, 0), server.pid);
	fclose(server.log);
	server.pid = 0;
	return status;
}

static void
server_stop(void)
{
	ck_assert_int_eq(kill(server.pid, SIGTERM), 0);
	ck_assert_int_eq(server_wait(), 0);
}

static void
server_tells_statistics(void)
{
	kill(server.pid, SIGUSR1);
	server_says(" id=10001 ");
}

static unsigned
server_descriptors(void)
{
	char path[64];
	unsigned n = 0;
	DIR *all;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)server.pid);
	all = opendir(path);
	ck_assert_ptr_nonnull(all);
	while (readdir(all) != NULL)
		n++;
	closedir(all);
	return n - 2; /* . and .. */
}

/* Not at once: it may just be looking at its files. */
static void
server_holds(unsigned descriptors)
{
	while (server_descriptors() != descriptors)
		;
}

/* ---------------------------------------------------------------------------
 * Clients.
 */

/* 127.NET.x.y: a loopback address for each client, n from 0. */
static struct sockaddr_in
loopback(unsigned net, unsigned n, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_addr.s_addr = htonl(127u << 24 | net << 16 | (n + 1));
	a.sin_port = htons(port);
	return a;
}

static int
socket_of(int type, unsigned net, unsigned n)
{
	struct sockaddr_in from = loopback(net, n, 0);
	struct timeval patience = {.tv_sec = ANSWER_S};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ck_assert_msg(fd >= 0, "%s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	return fd;
}

static int
connection(int type, unsigned net, unsigned n)
{
	struct sockaddr_in to = loopback(0, 0, server.port);
	int fd = socket_of(type, net, n);

	ck_assert_msg(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
	    "%s", strerror(errno));
	return fd;
}

/* Gone without a farewell: no port of ours lingers. */
static void
reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* What nobody walks for: a transfer.  With its length before it. */
static const uint8_t *
question(uint16_t id)
{
	static uint8_t octets[QUESTION_LEN];
	struct header header = {.id = id, .flags = FLAG_RD, .questions = 1};
	struct question q = {
	    {9, "\7example"}, .type = TYPE_AXFR, .class = CLASS_IN};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_u16(&w, QUESTION_LEN - PREFIX_LEN);
	write_header(&w, &header);
	write_question(&w, &q);
	ck_assert(!w.failed && w.len == QUESTION_LEN);
	return octets;
}

static void
judge(const uint8_t *octets, size_t len, uint16_t id)
{
	struct header header;
	struct reader r;

	reader_init(&r, octets, len);
	ck_assert(read_header(&r, &header));
	ck_assert_uint_eq(header.id, id);
	ck_assert(header_is(&header, FLAG_QR));
	ck_assert_uint_eq(header_rcode(&header), RCODE_REFUSED);
}

static void
send_all(int fd, const uint8_t *octets, size_t len)
{
	ck_assert_msg(send(fd, octets, len, MSG_NOSIGNAL) == (ssize_t)len, "%s",
	    strerror(errno));
}

static void
receive_answer(int fd, uint16_t id)
{
	uint8_t octets[ANSWER_LEN];
	ssize_t n = recv(fd, octets, sizeof(octets), MSG_WAITALL);

	ck_assert_msg(n == ANSWER_LEN, "%d octets: %s", (int)n,
	    n < 0 ? strerror(errno) : "closed");
	judge(octets + PREFIX_LEN, ANSWER_LEN - PREFIX_LEN, id);
}

static void
ask_over_tcp(unsigned net, unsigned n)
{
	int fd = connection(SOCK_STREAM, net, n);

	send_all(fd, question((uint16_t)n), QUESTION_LEN);
	receive_answer(fd, (uint16_t)n);
	reset(fd);
}

static void
ask_over_udp(uint16_t id)
{
	int fd = connection(SOCK_DGRAM, 1, 0);
	uint8_t octets[UDP_PLAIN_MAX];
	ssize_t n;

	send_all(fd, question(id) + PREFIX_LEN, QUESTION_LEN - PREFIX_LEN);
	n = recv(fd, octets, sizeof(octets), 0);
	ck_assert_msg(n > 0, "no answer over UDP: %s", strerror(errno));
	judge(octets, (size_t)n, id);
	close(fd);
}

/* ---------------------------------------------------------------------------
 * Tests.
 */

/* So many, unless there are not enough descriptors here. */
static unsigned
affordable(unsigned wanted)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return wanted + OUR_FILES < limit.rlim_max
	    ? wanted
	    : (unsigned)limit.rlim_max - OUR_FILES;
}

/*
 * Files of its own: a test that fails may leave a FIFO.  And a port that nobody
 * has, found by having it.
 */
static void
setup(void)
{
	struct sockaddr_in at = loopback(0, 0, 0);
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *file;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	server.port = ntohs(at.sin_port);
	close(fd);
	scratch_directory(directory, sizeof(directory));
	snprintf(hints, sizeof(hints), "%s/hints", directory);
	file = fopen(hints, "w");
	ck_assert_ptr_nonnull(file);
	fputs(". NS a.root.\na.root. A 127.0.0.1\n", file);
	ck_assert_int_eq(fclose(file), 0);
}

/*
 * C09, C11: connections that are all in use are all kept.  Each is in the
 * middle of a question, as that may take longer than being idle.
 */
START_TEST(two_thousand_connections_are_held)
{
	static int fds[HELD];
	unsigned i, held = affordable(HELD);

	server_start(UINT32_MAX);
	if (held > server.connections - OUR_FILES / 2)
		held = server.connections - OUR_FILES / 2;
	for (i = 0; i < held; i++) {
		fds[i] = connection(SOCK_STREAM, 2, i / 20);
		send_all(fds[i], question((uint16_t)i), 1);
		if (i % 100 == 0)
			ask_over_udp((uint16_t)i);
	}
	do /* the last may not be accepted yet */
		server_tells_statistics();
	while (server_number(" accepted=") < held);
	ck_assert_uint_eq(server_number(" connections="), held);
	ck_assert_uint_eq(server_number(" turned_away="), 0);
	for (i = 0; i < held; i++)
		send_all(fds[i], question((uint16_t)i) + 1, QUESTION_LEN - 1);
	for (i = 0; i < held; i++) {
		receive_answer(fds[i], (uint16_t)i);
		reset(fds[i]);
	}
	server_stop();
}
END_TEST

/* It reads the log, too, which would be full in the end. */
static void
server_is_bounded(void)
{
	ck_assert_uint_le(
	    server_descriptors(), server.connections + OTHER_FILES);
	server_tells_statistics();
	ck_assert_uint_le(server_number(" connections="), server.connections);
}

/*
 * attacks:D08: who only connects, and who writes an octet now and then, costs
 * neither UDP nor a client that asks over TCP its answer.
 */
START_TEST(ten_thousand_connects_and_slow_writers_do_no_harm)
{
	static int writers[WRITERS], lingering[LINGERING];
	unsigned i, open = affordable(WRITERS + LINGERING) - WRITERS;

	server_start(UINT32_MAX);
	for (i = 0; i < WRITERS; i++)
		writers[i] = connection(SOCK_STREAM, 3, i / 5);
	for (i = 0; i < CONNECTS; i++) {
		if (i >= open)
			reset(lingering[i % open]);
		lingering[i % open] = connection(SOCK_STREAM, 4, i % 200);
		(void)send(writers[i % WRITERS], question(0) + i / WRITERS, 1,
		    MSG_NOSIGNAL);
		if (i % 20 == 0)
			ask_over_udp((uint16_t)i);
		if (i % 100 == 0)
			ask_over_tcp(5, i);
		if (i % 1000 == 0)
			server_is_bounded();
	}
	server_is_bounded();
	ck_assert_uint_ge(server_number(" accepted="), CONNECTS);
	for (i = 0; i < WRITERS; i++)
		reset(writers[i]);
	for (i = 0; i < open; i++)
		reset(lingering[i]);
	ask_over_tcp(5, 0);
	ask_over_udp(0);
	server_stop();
}
END_TEST

/* attacks:I07: with few descriptors there are few connections, and UDP as ever.
 */
START_TEST(few_descriptors_are_shared)
{
	int fds[2 * FEW_FILES];
	unsigned i;

	server_start(FEW_FILES);
	ck_assert_uint_lt(server.connections, FEW_FILES / 2);
	for (i = 0; i < 2 * FEW_FILES; i++) {
		fds[i] = connection(SOCK_STREAM, 2, i);
		send_all(fds[i], question(0), 1);
		ask_over_udp((uint16_t)i);
		ck_assert_uint_le(server_descriptors(), FEW_FILES);
	}
	for (i = 0; i < 2 * FEW_FILES; i++)
		reset(fds[i]);
	ask_over_tcp(3, 0);
	server_stop();
}
END_TEST

static uint64_t
boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Ask until the server reads no more; how many whole questions it was. */
static unsigned
ask_until_full(int fd)
{
	unsigned asked = 0, at = 0;
	ssize_t n;

	for (;;) {
		n = send(fd, question((uint16_t)asked) + at, QUESTION_LEN - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return asked;
		at += (unsigned)n;
		asked += at / QUESTION_LEN;
		at %= QUESTION_LEN;
		ck_assert_uint_lt(asked, PIPELINED_MAX);
	}
}

/* The first this many answers come; false: it is closed before. */
static bool
answers_arrive(int fd, unsigned count)
{
	uint8_t octets[ANSWER_LEN];
	unsigned i;

	for (i = 0; i < count; i++) {
		if (recv(fd, octets, ANSWER_LEN, MSG_WAITALL) != ANSWER_LEN)
			return false;
		judge(
		    octets + PREFIX_LEN, ANSWER_LEN - PREFIX_LEN, (uint16_t)i);
	}
	return true;
}

/*
 * C13: who asks and does not read is not read either, and nothing is lost of
 * what he reads then.  Unless he takes so long that he is closed for it, as a
 * busy machine may make him: then that is done anew.
 */
START_TEST(client_that_reads_late_gets_every_answer)
{
	uint64_t began_ms;
	unsigned asked;
	bool whole;
	int fd;

	server_start(UINT32_MAX);
	do {
		began_ms = boot_ms();
		fd = connection(SOCK_STREAM, 2, 0);
		asked = ask_until_full(fd);
		whole = errno == EAGAIN;
		ask_over_udp(0);
		whole = whole && answers_arrive(fd, asked);
		reset(fd);
	} while (!whole && boot_ms() - began_ms >= STUCK_MS_MAX);
	ck_assert(whole);
	server_stop();
}
END_TEST

/* Connections of the one before that linger do not keep its port. */
START_TEST(restart_takes_the_port_at_once)
{
	int fd;

	server_start(UINT32_MAX);
	fd = connection(SOCK_STREAM, 2, 0);
	send_all(fd, question(1), QUESTION_LEN);
	receive_answer(fd, 1);
	server_stop();
	server_start(UINT32_MAX);
	ask_over_tcp(2, 1);
	close(fd);
	server_stop();
}
END_TEST

START_TEST(port_that_is_taken_over_tcp_is_named)
{
	struct sockaddr_in at = loopback(0, 0, server.port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	server_run(UINT32_MAX);
	server_says("cannot listen over TCP on 127.0.0.1:");
	status = server_wait();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	close(fd);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Files and signals of an operator.
 */

static bool
log_has(const char *text)
{
	FILE *file = fopen(event_log, "r");
	char line[LOG_LINE_MAX + 2];
	bool found = false;

	while (
	    file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
		found = strstr(line, text) != NULL;
	if (file != NULL)
		fclose(file);
	return found;
}

/* The event log, once it is there, or the file it was renamed to. */
static void
log_rename(unsigned n)
{
	static char now[PATH_MAX + 16];
	char next[PATH_MAX + 16];

	snprintf(next, sizeof(next), "%s/log.%u", directory, n);
	if (rename(event_log, next) != 0) {
		ck_assert_int_eq(errno, ENOENT);
		ck_assert_int_eq(rename(now, next), 0);
	}
	memcpy(now, next, sizeof(now));
	ck_assert_int_eq(kill(server.pid, SIGHUP), 0);
}

/* Ask for n0.invalid, n1.invalid and so on, which do not exist. */
static void
ask_for_names(int fd, unsigned from, unsigned count)
{
	static const struct name root = {.len = 1};
	struct header header = {.flags = FLAG_RD, .questions = 1};
	struct question q = {.type = TYPE_A, .class = CLASS_IN};
	uint8_t octets[UDP_PLAIN_MAX];
	struct writer w;
	char text[32];
	unsigned i;

	for (i = from; i < from + count; i++) {
		snprintf(text, sizeof(text), "n%u.invalid.", i);
		ck_assert(name_from_text(text, strlen(text), &root, &q.name));
		header.id = (uint16_t)i;
		writer_init(&w, octets, sizeof(octets));
		write_header(&w, &header);
		write_question(&w, &q);
		send_all(fd, octets, w.len);
	}
}

static void
receive_denials(int fd, unsigned from, unsigned count)
{
	uint8_t octets[UDP_PLAIN_MAX];
	struct header header;
	struct reader r;
	unsigned i;
	ssize_t n;

	for (i = from; i < from + count; i++) {
		n = recv(fd, octets, sizeof(octets), 0);
		ck_assert_msg(n > 0, "no answer: %s", strerror(errno));
		reader_init(&r, octets, (size_t)n);
		ck_assert(read_header(&r, &header));
		ck_assert_uint_eq(header.id, i & 0xffff);
		ck_assert_uint_eq(header_rcode(&header), RCODE_NXDOMAIN);
	}
}

/* What was read of the log so far. */
struct story {
	unsigned files, lines, questions;
};

/*
 * Each line is whole, and has the number after the one before it; each that is
 * about a question has the name after the one before it.
 */
static void
story_read(struct story *s, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LOG_LINE_MAX + 2], qname[48];
	const char *seq;

	if (file == NULL)
		return;
	s->files++;
	while (fgets(line, sizeof(line), file) != NULL) {
		seq = strstr(line, "\" seq=");
		s->lines++;
		ck_assert_msg(strncmp(line, "ts=\"", 4) == 0 &&
			strchr(line, '\n') != NULL && seq != NULL &&
			strtoul(seq + 6, NULL, 10) == s->lines,
		    "%s: %s", path, line);
		if (strstr(line, " id=10015 ") == NULL)
			continue;
		snprintf(qname, sizeof(qname), " qname=n%u.invalid. ",
		    s->questions++);
		ck_assert_msg(
		    strstr(line, qname) != NULL, "no%s in %s", qname, line);
	}
	fclose(file);
}

/*
 * attacks:I13: the log is renamed a thousand times while lines come all the
 * time.  No line is torn or lost or there twice, and each question has its
 * answer.
 */
START_TEST(a_thousand_renames_cost_neither_a_line_nor_an_answer)
{
	struct story story = {.files = 0};
	char path[PATH_MAX + 16];
	unsigned i, held;
	int fd;

	snprintf(event_log, sizeof(event_log), "%s/log", directory);
	server_run(UINT32_MAX);
	while (!log_has(" id=2 "))
		;
	fd = connection(SOCK_DGRAM, 1, 0);
	ask_for_names(fd, 0, 1);
	receive_denials(fd, 0, 1);
	held = server_descriptors();
	for (i = 0; i < RENAMES; i++) {
		ask_for_names(fd, 1 + i * ASKED_EACH, ASKED_EACH);
		log_rename(i);
		receive_denials(fd, 1 + i * ASKED_EACH, ASKED_EACH);
	}
	server_holds(held);
	server_stop();
	close(fd);
	for (i = 0; i < RENAMES; i++) {
		snprintf(path, sizeof(path), "%s/log.%u", directory, i);
		story_read(&story, path);
	}
	story_read(&story, event_log);
	ck_assert_uint_eq(story.questions, 1 + RENAMES * ASKED_EACH);
	ck_assert_uint_ge(story.files, 2);
	printf("%u lines in %u files\n", story.lines, story.files);
}
END_TEST

static const char *
path_of(const char *name)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
file_make(const char *text, size_t len)
{
	FILE *file = fopen(path_of("new"), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

static void
make_good(void)
{
	static const char text[] = ". NS b.root.\nb.root. A 127.0.0.2\n";

	file_make(text, strlen(text));
}

static void
make_empty(void)
{
	file_make("", 0);
}

static void
make_junk(void)
{
	static char octets[100000];
	uint32_t state = 1;
	size_t i;

	for (i = 0; i < sizeof(octets); i++) {
		state = state * 1664525 + 1013904223;
		octets[i] = (char)(state >> 24);
	}
	file_make(octets, sizeof(octets));
}

static void
make_large(void)
{
	make_good();
	ck_assert_int_eq(truncate(path_of("new"), LARGE), 0);
}

static void
make_unreadable(void) /* but to root */
{
	make_good();
	ck_assert_int_eq(chmod(path_of("new"), 0), 0);
}

static void
make_directory(void)
{
	ck_assert_int_eq(mkdir(path_of("new"), 0700), 0);
}

static void
make_fifo(void)
{
	ck_assert_int_eq(mkfifo(path_of("new"), 0600), 0);
}

static void
make_link(void)
{
	ck_assert_int_eq(symlink("other", path_of("new")), 0);
}

static void
make_circle(void)
{
	ck_assert_int_eq(symlink("hints", path_of("new")), 0);
}

static void
make_dangling(void)
{
	ck_assert_int_eq(symlink("none", path_of("new")), 0);
}

static void (*const makes[])(void) = {make_good, make_empty, make_junk,
    make_large, make_unreadable, make_directory, make_fifo, make_link,
    make_circle, make_dangling};

enum {
	MAKES = sizeof(makes) / sizeof(makes[0])
};

/* In one step, but for a directory. */
static void
hints_swap(void (*make)(void))
{
	make();
	if (rename(path_of("new"), hints) != 0) {
		ck_assert_int_eq(remove(hints), 0);
		ck_assert_int_eq(rename(path_of("new"), hints), 0);
	}
	ck_assert_int_eq(kill(server.pid, SIGHUP), 0);
}

/*
 * attacks:I15: whatever takes the place of the hints, from one turn of the loop
 * to the next, every question has its answer; and good hints are taken at last.
 */
START_TEST(hints_swapped_for_anything_cost_no_answer)
{
	char other[PATH_MAX + 16];
	uint32_t state = 1;
	unsigned i, held;
	int fd;

	snprintf(other, sizeof(other), "%s/other", directory);
	make_good();
	ck_assert_int_eq(rename(path_of("new"), other), 0);
	server_start(UINT32_MAX);
	fd = connection(SOCK_DGRAM, 1, 0);
	held = server_descriptors();
	for (i = 0; i < SWAPS; i++) {
		state = state * 1664525 + 1013904223;
		ask_for_names(fd, i * ASKED_EACH, ASKED_EACH);
		hints_swap(makes[(state >> 16) % MAKES]);
		receive_denials(fd, i * ASKED_EACH, ASKED_EACH);
	}
	server_says(" lost="); /* nobody has read: now there is room again */
	hints_swap(make_directory);
	server_says(" errno=EISDIR ");
	hints_swap(make_link);
	server_says(" id=540 ");
	server_holds(held);
	server_stop();
	close(fd);
}
END_TEST

/*
 * attacks:I14: a storm of signals, and a process that is stopped and goes on:
 * every question has its answer.  Nobody reads the lines for SIGUSR1 meanwhile.
 */
START_TEST(signals_cost_no_answer)
{
	static const int signals[] = {SIGHUP, SIGHUP, SIGUSR1, SIGHUP, SIGPIPE};
	unsigned i, n, held;
	int fd;

	server_start(UINT32_MAX);
	fd = connection(SOCK_DGRAM, 1, 0);
	held = server_descriptors();
	for (i = 0; i < STORMS; i++) {
		n = i % (sizeof(signals) / sizeof(signals[0]));
		ck_assert_int_eq(kill(server.pid, signals[n]), 0);
		ask_for_names(fd, i * ASKED_EACH, ASKED_EACH);
		ck_assert_int_eq(kill(server.pid, signals[n]), 0);
		receive_denials(fd, i * ASKED_EACH, ASKED_EACH);
	}
	ck_assert_int_eq(kill(server.pid, SIGSTOP), 0);
	ask_for_names(fd, 0, ASKED_EACH);
	ck_assert_int_eq(kill(server.pid, SIGCONT), 0);
	receive_denials(fd, 0, ASKED_EACH);
	server_holds(held);
	ask_for_names(fd, 0, ASKED_EACH);
	server_stop();
	close(fd);
}
END_TEST

/* attacks:I20: a burst waits in the kernel, if the system lets it. */
START_TEST(burst_of_questions_waits_for_a_server_that_is_busy)
{
	const int asked = QUEUE_OCTETS;
	const unsigned burst = 5000;
	int fd, got = 0;
	socklen_t len = sizeof(got);

	server_start(UINT32_MAX);
	fd = connection(SOCK_DGRAM, 1, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &asked, len) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &asked, len);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len);
	ck_assert_uint_eq(server_number(" queue="), (unsigned)got);
	if (got < asked) {
		printf("no burst: the system gives a queue of %d\n", got);
	} else {
		ck_assert_int_eq(kill(server.pid, SIGSTOP), 0);
		ask_for_names(fd, 0, burst);
		ck_assert_int_eq(kill(server.pid, SIGCONT), 0);
		receive_denials(fd, 0, burst);
	}
	close(fd);
	server_stop();
}
END_TEST

/* ---------------------------------------------------------------------------
 * A service manager.
 */

/* Where the server tells us; an abstract name has no file. */
static void
manager_listen(bool abstract)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_S};
	size_t len;

	if (abstract)
		snprintf(manager.socket, sizeof(manager.socket), "@dns-%d",
		    (int)getpid());
	else
		ck_assert_int_lt(
		    snprintf(manager.socket, sizeof(manager.socket), "%s",
			path_of("notify")),
		    (int)sizeof(manager.socket));
	unlink(manager.socket);
	len = strlen(manager.socket);
	memcpy(at.sun_path, manager.socket, len);
	if (abstract)
		at.sun_path[0] = '\0';
	manager.heard = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(manager.heard, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	ck_assert_msg(
	    bind(manager.heard, (struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0,
	    "%s: %s", manager.socket, strerror(errno));
}

/* The next that it tells, which begins with this; gives what follows. */
static const char *
manager_hears(const char *text)
{
	static char told[128];
	ssize_t n = recv(manager.heard, told, sizeof(told) - 1, 0);

	told[n < 0 ? 0 : n] = '\0';
	ck_assert_msg(n > 0 && strncmp(told, text, strlen(text)) == 0,
	    "%s, not %s", told, text);
	return told + strlen(text);
}

static uint64_t
monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* By a path, or by an abstract name. */
START_TEST(service_manager_hears_of_start_reload_and_end)
{
	uint64_t before_us, told_us;

	manager_listen(_i == 1);
	server_start(UINT32_MAX);
	ck_assert_str_eq(manager_hears("READY=1"), "");
	before_us = monotonic_us();
	ck_assert_int_eq(kill(server.pid, SIGHUP), 0);
	told_us =
	    strtoull(manager_hears("RELOADING=1\nMONOTONIC_USEC="), NULL, 10);
	ck_assert(before_us <= told_us && told_us <= monotonic_us());
	ck_assert_str_eq(manager_hears("READY=1"), "");
	ck_assert_int_eq(kill(server.pid, SIGTERM), 0);
	ck_assert_str_eq(manager_hears("STOPPING=1"), "");
	ck_assert_int_eq(server_wait(), 0);
}
END_TEST

/* A loop that hangs is one that is stopped, to all who see it from outside. */
START_TEST(watchdog_hears_nothing_of_a_loop_that_hangs)
{
	struct pollfd heard = {.events = POLLIN};
	int status;
	unsigned i;
	char octet;

	manager_listen(false);
	manager.watchdog_us = "20000";
	server_start(UINT32_MAX);
	heard.fd = manager.heard;
	manager_hears("READY=1");
	for (i = 0; i < PINGS; i++)
		ck_assert_str_eq(manager_hears("WATCHDOG=1"), "");
	ck_assert_int_eq(kill(server.pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(server.pid, &status, WUNTRACED), server.pid);
	while (recv(manager.heard, &octet, 1, MSG_DONTWAIT) >= 0)
		;
	ck_assert_int_eq(poll(&heard, 1, 100), 0);
	ck_assert_int_eq(kill(server.pid, SIGCONT), 0);
	ck_assert_str_eq(manager_hears("WATCHDOG=1"), "");
	server_stop();
}
END_TEST

/* A descriptor that is in nobody's way when it becomes 3 or 4. */
static int
high(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, OUR_FILES);

	ck_assert_int_ge(copy, 0);
	close(fd);
	return copy;
}

/* As a manager would make it, at 127.0.0.(n + 1) and our port. */
static int
given_socket(int type, unsigned n)
{
	struct sockaddr_in at = loopback(0, n, server.port);
	int fd = high(socket(AF_INET, type, 0));

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static void
give(int fd)
{
	manager.given[manager.given_count++] = fd;
}

/* What is asked before there is a server is answered by it, too. */
START_TEST(sockets_that_are_given_serve_instead_of_the_defaults)
{
	uint8_t octets[UDP_PLAIN_MAX];
	ssize_t n;
	int fd;

	manager.unnamed = true;
	give(given_socket(SOCK_DGRAM, 0));
	give(given_socket(SOCK_STREAM, 0));
	fd = connection(SOCK_DGRAM, 1, 0);
	send_all(fd, question(7) + PREFIX_LEN, QUESTION_LEN - PREFIX_LEN);
	server_start(UINT32_MAX);
	ck_assert_ptr_nonnull(strstr(server.line, " listen=\"127.0.0.1:"));
	ck_assert_ptr_null(strstr(server.line, ":53 "));
	ck_assert_ptr_null(strstr(server.line, "::1"));
	n = recv(fd, octets, sizeof(octets), 0);
	ck_assert_int_gt(n, 0);
	judge(octets, (size_t)n, 7);
	ask_over_udp(8);
	ask_over_tcp(5, 9);
	server_stop();
	close(fd);
}
END_TEST

/* Of -l, what is given is not opened again, and the rest is. */
START_TEST(sockets_that_are_given_are_completed)
{
	char at[64];

	if (_i == 0) { /* UDP is missing */
		give(given_socket(SOCK_STREAM, 0));
		snprintf(
		    at, sizeof(at), " listen=\"127.0.0.1:%u\" ", server.port);
	} else { /* so is what -l names */
		give(given_socket(SOCK_DGRAM, 1));
		snprintf(at, sizeof(at),
		    " listen=\"127.0.0.2:%u 127.0.0.1:%u\" ", server.port,
		    server.port);
	}
	server_start(UINT32_MAX);
	ck_assert_msg(
	    strstr(server.line, at) != NULL, "no%s in %s", at, server.line);
	ask_over_udp(1);
	ask_over_tcp(5, 2);
	server_stop();
}
END_TEST

static void
give_nothing(void)
{
	give(-1);
}

static void
give_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	give(high(fds[0]));
}

static void
give_unix(void)
{
	give(high(socket(AF_UNIX, SOCK_STREAM, 0)));
}

static void
give_unbound(void)
{
	give(high(socket(AF_INET, SOCK_DGRAM, 0)));
}

static void
give_deaf(void)
{
	struct sockaddr_in at = loopback(0, 0, server.port);
	int fd = high(socket(AF_INET, SOCK_STREAM, 0));

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	give(fd);
}

/* A system without IPv6 refuses it as well. */
static void
give_dual(void)
{
	struct sockaddr_in6 at = {
	    .sin6_family = AF_INET6, .sin6_port = htons(server.port)};
	int off = 0, fd = socket(AF_INET6, SOCK_DGRAM, 0);

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	give(high(fd));
}

static void
give_twice(void)
{
	give(given_socket(SOCK_STREAM, 0));
	give(manager.given[0]);
}

static const struct useless {
	void (*make)(void);
	const char *told;
} useless[] = {
    {give_nothing, "socket 3: Bad file descriptor"},
    {give_pipe, "socket 3: Socket operation on non-socket"},
    {give_unix, "socket 3: neither UDP nor TCP"},
    {give_unbound, "socket 3: it has no port"},
    {give_deaf, "socket 3: it does not listen"},
    {give_dual, "socket 3: it takes IPv4, too: see BindIPv6Only="},
    {give_twice, "socket 4: it is there twice"},
};

enum {
	USELESS = sizeof(useless) / sizeof(useless[0])
};

START_TEST(sockets_that_are_of_no_use_are_refused)
{
	char line[96];
	int status;

	useless[_i].make();
	server_run(UINT32_MAX);
	server_says("dns: ");
	snprintf(line, sizeof(line), "dns: cannot take %s\n", useless[_i].told);
	ck_assert_str_eq(server.line, line);
	status = server_wait();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("dns");
	TCase *crowds = tcase_create("crowds");
	TCase *operator= tcase_create("operator");
	TCase *service = tcase_create("service manager");
	SRunner *runner = srunner_create(suite);
	const char *slash = strrchr(argv[0], '/');
	int failed;

	if (argc < 1 || slash == NULL)
		return EXIT_FAILURE;
	scratch_open();
	snprintf(program, sizeof(program), "%.*s/dns", (int)(slash - argv[0]),
	    argv[0]);
	tcase_add_checked_fixture(crowds, setup, NULL);
	tcase_add_test(crowds, two_thousand_connections_are_held);
	tcase_add_test(
	    crowds, ten_thousand_connects_and_slow_writers_do_no_harm);
	tcase_add_test(crowds, few_descriptors_are_shared);
	tcase_add_test(crowds, client_that_reads_late_gets_every_answer);
	tcase_add_test(crowds, restart_takes_the_port_at_once);
	tcase_add_test(crowds, port_that_is_taken_over_tcp_is_named);
	tcase_set_timeout(crowds, 60);
	tcase_add_checked_fixture(operator, setup, NULL);
	tcase_add_test(operator,
	    a_thousand_renames_cost_neither_a_line_nor_an_answer);
	tcase_add_test(operator, hints_swapped_for_anything_cost_no_answer);
	tcase_add_test(operator, signals_cost_no_answer);
	tcase_add_test(operator,
	    burst_of_questions_waits_for_a_server_that_is_busy);
	tcase_set_timeout(operator, 60);
	tcase_add_checked_fixture(service, setup, NULL);
	tcase_add_loop_test(
	    service, service_manager_hears_of_start_reload_and_end, 0, 2);
	tcase_add_test(service, watchdog_hears_nothing_of_a_loop_that_hangs);
	tcase_add_test(
	    service, sockets_that_are_given_serve_instead_of_the_defaults);
	tcase_add_loop_test(
	    service, sockets_that_are_given_are_completed, 0, 2);
	tcase_add_loop_test(
	    service, sockets_that_are_of_no_use_are_refused, 0, USELESS);
	tcase_set_timeout(service, 60);
	suite_add_tcase(suite, crowds);
	suite_add_tcase(suite, operator);
	suite_add_tcase(suite, service);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	scratch_close();
	return failed > 0;
}
