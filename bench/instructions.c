/*
 * instructions.c -- the server in the simulator, to count its instructions.
 *
 *	instructions FILE	run the scenario of this file once
 *
 * The same file gives the same run, to the last instruction of the server.
 * instructions.sh has callgrind count them.
 */
#include "simulator.h"

#include <stdio.h>
#include <sys/mman.h>

int
main(int argc, char **argv)
{
	static struct fault fault; /* it holds the story of a run */
	/* Every other seed traces, which costs. */
	struct simulation simulation = {.seed = 2};
	bool trouble_came;

	if (argc != 2) {
		fprintf(stderr, "usage: instructions FILE\n");
		return 2;
	}
	simulation.said = memfd_create("said", MFD_CLOEXEC);
	simulation.scenario = scenario_read(argv[1], &fault);
	if (simulation.said < 0 || simulation.scenario == NULL ||
	    !simulator_run(&simulation, &fault, &trouble_came)) {
		fprintf(stderr, "%s\n", fault.text);
		return 1;
	}
	return 0;
}
