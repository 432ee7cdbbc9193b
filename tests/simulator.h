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
	 * For sweeps: one trouble more than the scenario has.  Then what is
	 * asked need not be answered, but no answer is wrong; what must hold
	 * whatever happens is judged (no crash, an orderly end, nothing left
	 * open, no forbidden packet), and the last expect as ever: by then the
	 * server has recovered.
	 */
	const struct failure *failure; /* of a call; NULL for none */
	struct {
		unsigned turn; /* of the loop, from 1; 0: never */
		uint64_t for_ms;
	} sleep; /* the machine is suspended, and nothing reaches it */

	/* At the end, to look at all that was seen; or NULL. */
	void (*review)(
	    const struct witness *, const struct simulation *, struct fault *);

	/*
	 * What is to be done when all steps are, as often as there is more; or
	 * NULL.  Its calls are the kernel's: it may fork.
	 */
	const struct step *(*more)(void);
};

/* The server: dns.c compiled with -Dmain=dns_main. */
int dns_main(int argc, char **argv);

/*
 * Run the scenario against the server.  False if anything was not as it must
 * be, and the fault says what; `trouble_came` tells whether the one of
 * the sweep came to pass, that is, whether there were so many calls or turns.
 */
bool simulator_run(
    const struct simulation *, struct fault *, bool *trouble_came);

#endif
