/*
 * first.c -- starts a server, and tells how long it takes until it has looked
 * up a name; then ends it.
 *
 *	first PORT COMMAND [ARGUMENT...]
 */
#include "names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	AGAIN_MS = 1, /* the same question, if there is no answer */
	MOST_MS = 30000
};

static void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
line_open(const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval again = {.tv_usec = AGAIN_MS * 1000};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &again, sizeof(again)) <
		0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("first");
	return fd;
}

static size_t
question_write(uint8_t octets[UDP_PLAIN_MAX])
{
	struct header header = {.flags = FLAG_RD, .questions = 1};
	struct question question = {.type = TYPE_A, .class = CLASS_IN};
	struct writer w;

	name_sought(ZONE_FULL, 0, &question.name);
	writer_init(&w, octets, UDP_PLAIN_MAX);
	write_header(&w, &header);
	write_question(&w, &question);
	return w.len;
}

/* A server that cannot look it up yet may say so. */
static bool
is_answered(int fd)
{
	uint8_t question[UDP_PLAIN_MAX], answer[UDP_PLAIN_MAX];
	struct header header;
	struct reader r;
	ssize_t len;

	if (send(fd, question, question_write(question), 0) < 0)
		poll(NULL, 0, AGAIN_MS); /* nobody is there */
	len = recv(fd, answer, sizeof(answer), 0);
	reader_init(&r, answer, len < 0 ? 0 : (size_t)len);
	return read_header(&r, &header) &&
	    header_rcode(&header) == RCODE_NOERROR && header.answers > 0;
}

int
main(int argc, char **argv)
{
	double start_ms, took_ms = 0;
	bool answered = false;
	pid_t pid;
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: first PORT COMMAND [ARGUMENT...]\n");
		return EXIT_FAILURE;
	}
	fd = line_open(argv[1]);
	start_ms = now_ms();
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		fail(argv[2]);
	}
	while (!answered && took_ms < MOST_MS) {
		answered = is_answered(fd);
		took_ms = now_ms() - start_ms;
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (!answered) {
		fprintf(stderr, "first: no answer from %s\n", argv[2]);
		return EXIT_FAILURE;
	}
	printf("ms=%.2f\n", took_ms);
	return EXIT_SUCCESS;
}
