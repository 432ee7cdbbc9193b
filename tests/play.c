/*
 * play.c -- the name servers of a scenario, for as long as one likes.
 *
 *	play FILE
 *
 * What the file says of zones, servers and the network holds in the network
 * namespace in which this is run, until it is ended.  There every address must
 * be a local one.  Who asks, and what is to come of it, is not in the file.
 */
#include "driver.h"
#include "netns.h"
#include "players.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 64
};

static struct driver d;

static void
clock_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	d.now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* Every connection is a descriptor. */
static void
files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("setrlimit");
}

/* The whole world is there before anybody is answered. */
static void
world_make(void)
{
	for (; d.step != NULL; d.step = d.step->next) {
		if (!driver_make(&d, d.step)) {
			fprintf(stderr,
			    "%s:%u: only what makes name servers "
			    "can be here\n",
			    d.scenario->path, d.step->line);
			exit(EXIT_FAILURE);
		}
		players_change(d.step);
	}
}

static void
turn(int epoll)
{
	struct epoll_event events[EVENTS];
	uint64_t due_ms = packet_next_due(&d);
	struct packet *packet;
	int i, count, wait_ms = -1;

	if (due_ms != UINT64_MAX)
		wait_ms = due_ms > d.now_ms ? (int)(due_ms - d.now_ms) : 0;
	count = epoll_wait(epoll, events, EVENTS, wait_ms);
	clock_read();
	for (i = 0; i < count; i++)
		player_look(events[i].data.ptr, events[i].events);
	while ((packet = packet_due(&d)) != NULL)
		players_deliver(packet);
}

int
main(int argc, char **argv)
{
	static struct fault fault;
	struct netns net = {0};
	struct scenario *scenario;
	int epoll;

	if (argc != 2) {
		fprintf(stderr, "usage: play FILE\n");
		return EXIT_FAILURE;
	}
	scenario = scenario_read(argv[1], &fault);
	if (scenario == NULL) {
		fputs(fault.text, stderr);
		return EXIT_FAILURE;
	}
	files_raise();
	driver_init(&d, scenario, &fault, NULL, 1);
	clock_read();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	net.here = net.world = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (epoll < 0 || net.here < 0 || !players_open(&d, &net, epoll))
		fail("play");
	players_begin();
	world_make();
	for (;;)
		turn(epoll);
}
