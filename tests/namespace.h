/*
 * namespace.h -- runs a scenario with the unmodified program, between two
 * network namespaces.
 *
 *	namespace.c	the run: the server and its files, steps, waiting
 *	players.c	clients and name servers
 *	netns.c		the two namespaces and the wire between them
 *	wire.c		packets, seen and sent
 *
 * Kernel, sockets, files and time are real.  So no step is judged by its time,
 * and what takes long, or needs a call to fail, is left to the simulator.  A
 * process runs one scenario and ends.
 */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include "scenario.h"

#include <stdio.h>

struct run {
	const struct scenario *scenario;
	const char *server;    /* the program */
	const char *directory; /* an empty one, for its files */
	uint64_t seed;         /* of what the network loses and doubles */
	bool all_ports; /* are the kernel's, if the scenario does not say */
	FILE *trace;    /* every packet, line and step; or NULL */
};

/* Why a scenario is left to the simulator. */
enum left {
	LEFT_NOT,
	LEFT_CALL,
	LEFT_TIME,
	LEFT_CLOCK,
	LEFT_CROWD,
	LEFT_SOURCE,
	LEFT_FILE,
	LEFT_WINDOW,
	LEFT_STEP,
	LEFTS
};

/* A word and a reason for people. */
extern const char *const left_texts[LEFTS][2];
enum left namespace_left(const struct scenario *);

/* So long does it wait, about: what it says it does. */
uint64_t scenario_lasts_ms(const struct scenario *);

/* What this system does not let us do; NULL if it lets us run scenarios. */
const char *namespace_obstacle(void);

/*
 * False if anything was not as it must be, and the fault says what.  If
 * `late_ms` is large then this machine was too busy for the run to tell
 * anything: so long after a packet was sent we got to see it.
 */
bool namespace_run(const struct run *, struct fault *, unsigned *late_ms);

#endif
