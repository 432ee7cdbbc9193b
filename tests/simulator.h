/*
 * simulator.h -- runs a scenario in one process, without a kernel.
 *
 * The server's own objects are linked with their system calls led to here
 * (-Wl,--wrap).  Time, the network, files and chance are made up, so that
 * hours pass in milliseconds and the same seed gives the same run.  A process
 * runs one simulation and ends: the server's statics must be fresh.
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include "scenario.h"

#include <stdio.h>

struct simulation {
	const struct scenario *scenario;
	uint64_t seed;
	FILE *trace; /* every packet, line and step goes here; or NULL */
	int said;    /* an empty file that takes the server's standard error */

	/*
	 * For sweeps: one more failure than the scenario has.  Then only that
	 * is judged which must hold whatever happens (no crash, an orderly
	 * end, nothing left open, no forbidden packet), and the last expect:
	 * by then the server has recovered.  NULL for none.
	 */
	const struct failure *failure;
};

/* The server: dns.c compiled with -Dmain=dns_main. */
int dns_main(int argc, char **argv);

/*
 * Run the scenario against the server.  False if anything was not as it must
 * be, and the fault says what; `failed` tells whether the failure came to
 * pass, that is, whether there were so many calls.
 */
bool simulator_run(const struct simulation *, struct fault *, bool *failed);

#endif
