/*
 * apart.c -- a simulation in a process of its own.
 */
#include "apart.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RUN_S_MAX = 60, /* of a processor: it hangs */
	SAID_MAX = 6000,
	STACK_MAX = 64 << 10 /* nothing goes deep because of what came in */
};

void *
share(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

void
unshare(void *memory, size_t len)
{
	munmap(memory, len);
}

/* Where the stack lies; false: the system does not say. */
static bool
stack_find(uintptr_t *least, uintptr_t *end)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], *rest;
	bool found = false;

	while (
	    maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL) {
		*least = strtoul(line, &rest, 16);
		*end = strtoul(rest + 1, NULL, 16);
		found = strstr(line, "[stack]") != NULL;
	}
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* From here it can grow by this much; the system has given more already. */
static void
stack_limit(void)
{
	uintptr_t least, end, here = (uintptr_t)&least;
	uintptr_t bound = (here - STACK_MAX) & ~(uintptr_t)4095;
	struct rlimit limit;

	if (!stack_find(&least, &end) || getrlimit(RLIMIT_STACK, &limit) < 0)
		return;
	limit.rlim_cur = end - bound;
	if (setrlimit(RLIMIT_STACK, &limit) == 0 && least < bound)
		munmap((void *)least, bound - least);
}

/* All that it waits for is made up, so it hangs where it takes a processor. */
static void
time_limit(void)
{
	struct rlimit limit = {RUN_S_MAX, RUN_S_MAX};

	setrlimit(RLIMIT_CPU, &limit);
}

static void
run_here(struct simulation *simulation, struct outcome *o)
{
	time_limit();
	stack_limit();
	o->passed = simulator_run(simulation, &o->fault, &o->trouble_came);
	o->ended = true;
	exit(0); /* and not _exit: the leak checker looks now */
}

/* The process ended as it should not have: say how, and what it said. */
static void
outcome_crashed(struct outcome *o, int status, int said)
{
	static char text[SAID_MAX + 1];
	ssize_t n = pread(said, text, SAID_MAX, 0);

	text[n < 0 ? 0 : n] = '\0';
	if (o->ended)
		snprintf(o->fault.text, sizeof(o->fault.text),
		    "after the end: status %#x\n%s\n", (unsigned)status, text);
	else
		snprintf(o->fault.text, sizeof(o->fault.text),
		    "the server crashed: %s %d\n%s\n",
		    WIFSIGNALED(status) ? "signal" : "exit",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status),
		    text);
	o->passed = false;
}

void
run_apart(struct simulation *simulation, struct outcome *o)
{
	int status;
	pid_t pid;

	memset(o, 0, sizeof(*o));
	simulation->said = memfd_create("said", MFD_CLOEXEC);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_here(simulation, o);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		outcome_crashed(o, status, simulation->said);
	close(simulation->said);
}

void
story_show(const struct simulation *simulation, const struct outcome *o)
{
	if (!o->passed && simulation->trace == NULL)
		fprintf(stderr, "\n%s, seed %llu:\n%s",
		    simulation->scenario->path,
		    (unsigned long long)simulation->seed, o->fault.story);
}
