/*
 * check_namespaces.c -- scenarios again, with the real program and kernel.
 *
 *	check_namespaces [FILE...]	only these
 *	DNS=PATH	the program; the default is dns beside this one
 *	TRACE=1		every packet, line and step on standard output
 *	RUNS=N		each so often; the default is once
 *	WORKERS=N	so many at a time
 *
 * All are run first, several at a time, as most of them wait most of the time;
 * then Check looks at what came of each.
 */
#include "driver.h"
#include "namespace.h"
#include "scratch.h"

#include <check.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WORKERS = 8,
	RUN_S_MAX = 120,  /* it hangs */
	LATE_MAX_MS = 40, /* else retransmissions tell of this machine */
	TRIES_MAX = 4,
	DESCRIPTION_MAX = 512,
	SHOWN_MAX = 1000 /* in Check's message; the rest goes before it */
};

/* What a run in a process of its own came to. */
struct outcome {
	bool passed, ended;
	unsigned late_ms;
	struct fault fault;
};

/* A scenario, and its run that is under way. */
struct job {
	const char *path;
	char description[DESCRIPTION_MAX];
	uint64_t lasts_ms;
	bool is_true; /* must it come true? */
	struct outcome *outcome;
	unsigned runs_left, tries;
	pid_t pid;
	char directory[PATH_MAX];
};

static struct job *jobs;
static unsigned job_count, file_jobs; /* the first are those of files */
static unsigned left_counts[LEFTS];
static char server[PATH_MAX];

/* ---------------------------------------------------------------------------
 * Runs, each in a process of its own.
 */
static void
run_here(const struct job *job)
{
	struct outcome *o = job->outcome;
	struct run run = {.scenario = scenario_read(job->path, &o->fault),
	    .server = server,
	    .directory = job->directory,
	    .seed = setting("SEED", 1) + job->runs_left,
	    .all_ports = (job - jobs) % 2 == 1,
	    .trace = getenv("TRACE") != NULL ? stdout : NULL};

	alarm(RUN_S_MAX);
	o->passed = namespace_run(&run, &o->fault, &o->late_ms);
	o->ended = true;
	exit(0); /* and not _exit: the leak checker looks now */
}

static void
job_start(struct job *job)
{
	memset(job->outcome, 0, sizeof(*job->outcome));
	scratch_directory(job->directory, sizeof(job->directory));
	job->tries++;
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0)
		abort();
	if (job->pid == 0)
		run_here(job);
}

/* What happened before something went wrong. */
static void
story_show(const struct job *job)
{
	if (job->outcome->passed != job->is_true && getenv("TRACE") == NULL)
		fprintf(stderr, "\n%s, %u ms late:\n%s", job->path,
		    job->outcome->late_ms, job->outcome->fault.story);
}

/* It came to its end.  A run that a busy machine spoiled says nothing. */
static void
job_end(struct job *job, int status)
{
	struct outcome *o = job->outcome;

	job->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		o->passed = false;
		snprintf(o->fault.text, sizeof(o->fault.text),
		    "%s: the driver ended with status %#x\n", job->path,
		    (unsigned)status);
	}
	if (!o->passed && o->late_ms > LATE_MAX_MS && job->tries < TRIES_MAX)
		return;
	job->tries = 0;
	job->runs_left = o->passed ? job->runs_left - 1 : 0;
	story_show(job);
}

static struct job *
job_of(pid_t pid)
{
	unsigned i;

	for (i = 0; i < job_count; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	abort();
}

/* One more that is not running and has runs left; NULL if there is none. */
static struct job *
job_waiting(void)
{
	unsigned i;

	for (i = 0; i < job_count; i++)
		if (jobs[i].pid == 0 && jobs[i].runs_left > 0)
			return &jobs[i];
	return NULL;
}

static void
jobs_run(void)
{
	unsigned long workers = setting("WORKERS", WORKERS);
	unsigned running = 0;
	struct job *job;
	int status;
	pid_t pid;

	for (;;) {
		while (running < workers && (job = job_waiting()) != NULL) {
			job_start(job);
			running++;
		}
		if (running == 0)
			return;
		pid = waitpid(-1, &status, 0);
		if (pid < 0)
			abort();
		job_end(job_of(pid), status);
		running--;
	}
}

/* ---------------------------------------------------------------------------
 * What is run.
 */

/* What ends a scenario that is true until then: each is seen another way. */
static const char truth[] = "# Every falsehood is noticed.\n"
			    "zone . on 198.41.0.4\n"
			    "    @ NS a.root-servers.net.\n"
			    "    a.root-servers.net. A 198.41.0.4\n"
			    "    www.example. 60 A 93.184.216.34\n"
			    "ask www.example. A\n";

#define ASK "ask a. A\n"
#define SHUT "expect any\nserver 198.41.0.4 tcp silent\n"
#define BY_TCP "expect any\nserver 198.41.0.4 udp tc\n"

static const struct {
	const char *end;
	bool is_true;
} ends[] = {
    {"expect NOERROR\n    answer www.example. 60 A 93.184.216.34\n"
     "packets all = 2\npackets 198.41.0.4 for www.example. = 1\n"
     "packets 198.41.0.4 for . NS = 1 total\nlog id=2\nsignal USR1\n"
     "log id=10001 received=1 answered=1 sent=3 replies=3\n",
	true},
    {"expect NOERROR\n    answer www.example. 60 A 93.184.216.35\n", false},
    {"expect NOERROR\n    answer www.example. 63 A 93.184.216.34\n", false},
    {"expect NXDOMAIN\n", false},
    {"expect nothing\n", false},
    {"expect any\npackets all = 1\n", false},
    {"expect any\npackets all = 3\n", false},
    {"expect any\npackets self >= 1\n", false},
    {"expect any\npackets 198.41.0.4 for www.example. MX = 1\n", false},
    {"expect any\nlog none id=2\n", false},
    {"expect any\nlog id=2 level=error\n", false},
    {"expect any\nexit 0\n", false},
    {"expect any\nsignal TERM\nask a. A\nexpect any\n", false},
    {"expect any\nrefused 198.41.0.4\nask a. A\nexpect any\n", false},
    {"expect any\nask a. A to 127.0.0.1@54\nexpect NXDOMAIN\n", false},

    /* Replies that are none; TCP, which comes next, is shut. */
    {SHUT "server 198.41.0.4 udp wrong-source\n" ASK "expect NXDOMAIN\n",
	false},
    {SHUT "server 198.41.0.4 udp wrong-port\n" ASK "expect NXDOMAIN\n", false},
    {SHUT "server 198.41.0.4 udp unreachable\n" ASK "expect NXDOMAIN\n", false},
    {SHUT "server 198.41.0.4 udp silent\n" ASK "expect NXDOMAIN\n", false},

    /* Over TCP. */
    {BY_TCP ASK "expect NXDOMAIN\nconnections 198.41.0.4 = 1\n"
		"packets all tcp = 1\npackets all = 2\n",
	true},
    {BY_TCP ASK "expect NXDOMAIN\nconnections all = 0\n", false},
    {BY_TCP ASK "expect NXDOMAIN\npackets all tcp = 0\n", false},
    {BY_TCP "server 198.41.0.4 tcp unreachable\n" ASK "expect NXDOMAIN\n",
	false},
    {BY_TCP "server 198.41.0.4 tcp silent\n" ASK "expect NXDOMAIN\n", false},
    {BY_TCP "server 198.41.0.4 tcp reset\n" ASK "expect NXDOMAIN\n", false},
    {BY_TCP "server 198.41.0.4 tcp half\n" ASK "expect NXDOMAIN\n", false},
    {BY_TCP "refused 198.41.0.4\n" ASK "expect any\n", false},
    {"expect any\nask www.example. A tcp\nexpect NOERROR\n"
     "connect c\nopen c\nask www.example. A on c\nexpect NOERROR\n"
     "writes c = 1\nopen c\nconnect d to 127.0.0.1@54\nclosed d reset\n",
	true},
    {"expect any\nask www.example. A tcp\nexpect NXDOMAIN\n", false},
    {"expect any\nconnect c\nclosed c\n", false},
    {"expect any\nconnect c to 127.0.0.1@54\nopen c\n", false},
    {"expect any\nconnect c\nask www.example. A on c\nexpect NOERROR\n"
     "writes c = 2\n",
	false},
    {"expect any\nconnect c\nsend c 000100\nclose c\nask a. A on c\n"
     "expect any\n",
	false},
};

enum {
	ENDS = sizeof(ends) / sizeof(ends[0])
};

/* A scenario to be run, or one more that is left to the simulator. */
static void
job_add(const char *path, bool is_true)
{
	struct job *job = &jobs[job_count];
	struct scenario *scenario;
	struct fault fault;
	enum left left;

	scenario = scenario_read(path, &fault);
	if (scenario == NULL) {
		fprintf(stderr, "%s", fault.text);
		exit(1);
	}
	left = namespace_left(scenario);
	if (left == LEFT_NOT) {
		job->path = path;
		job->is_true = is_true;
		job->runs_left = (unsigned)setting("RUNS", 1);
		job->lasts_ms = scenario_lasts_ms(scenario);
		snprintf(job->description, sizeof(job->description), "%s",
		    scenario->description);
		job_count++;
	} else {
		left_counts[left]++;
		if (getenv("LEFT") != NULL)
			printf("%s: %s\n", left_texts[left][0], path);
	}
	scenario_free(scenario); /* who runs it reads it anew */
}

/* The longest first: it is what all the others are waited for with. */
static int
compare_jobs(const void *a, const void *b)
{
	uint64_t x = ((const struct job *)a)->lasts_ms;
	uint64_t y = ((const struct job *)b)->lasts_ms;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The files first, then, if it is all of them, the ends. */
static void
jobs_make(char *const *files, size_t count, bool all)
{
	static char paths[ENDS][TEXT_PATH_MAX];
	struct outcome *outcomes;
	char text[1024];
	size_t i, room = count + ENDS;

	jobs = calloc(room, sizeof(*jobs));
	outcomes = mmap(NULL, room * sizeof(*outcomes), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (jobs == NULL || outcomes == MAP_FAILED)
		abort();
	for (i = 0; i < count; i++)
		job_add(files[i], true);
	file_jobs = job_count;
	qsort(jobs, file_jobs, sizeof(*jobs), compare_jobs);
	for (i = 0; i < ENDS && all; i++) {
		snprintf(text, sizeof(text), "%s%s", truth, ends[i].end);
		job_add(text_file(text, paths[i]), ends[i].is_true);
	}
	for (i = 0; i < job_count; i++)
		jobs[i].outcome = &outcomes[i];
}

/* ---------------------------------------------------------------------------
 * What Check sees.
 */
START_TEST(scenario_comes_true)
{
	const struct job *job = &jobs[_i];

	ck_assert_msg(job->outcome->passed, "%s: %s\n%.*s", job->path,
	    job->description, SHOWN_MAX, job->outcome->fault.text);
}
END_TEST

START_TEST(falsehood_is_noticed)
{
	const struct job *job = &jobs[file_jobs + (unsigned)_i];

	ck_assert_msg(job->outcome->passed == job->is_true, "%s%s",
	    ends[_i].end, job->outcome->fault.text);
}
END_TEST

static void
left_show(void)
{
	unsigned i, total = 0;

	for (i = 0; i < LEFTS; i++)
		total += left_counts[i];
	printf("%u scenarios were run, %u are left to the simulator:\n",
	    file_jobs, total);
	for (i = 0; i < LEFTS; i++)
		if (left_counts[i] > 0)
			printf("%8u  %-8s %s\n", left_counts[i],
			    left_texts[i][0], left_texts[i][1]);
}

/* Where the program is: beside this one, unless DNS says where. */
static void
server_find(const char *own)
{
	const char *given = getenv("DNS");
	char *copy = strdup(own), path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dns", dirname(copy));
	free(copy);
	if (realpath(given != NULL ? given : path, server) == NULL) {
		fprintf(stderr, "%s: %s\n", given != NULL ? given : path,
		    strerror(errno));
		exit(1);
	}
}

static int
check_run(void)
{
	Suite *suite = suite_create("namespaces");
	TCase *tcase = tcase_create("namespaces");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, scenario_comes_true, 0, (int)file_jobs);
	tcase_add_loop_test(
	    tcase, falsehood_is_noticed, 0, (int)(job_count - file_jobs));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *obstacle = namespace_obstacle();
	glob_t found = {0};
	int failed;

	if (obstacle != NULL) {
		printf("skip  check_namespaces: %s\n", obstacle);
		return 0;
	}
	server_find(argv[0]);
	if (argc == 1 && glob("tests/scenarios/*.txt", 0, NULL, &found) != 0) {
		fprintf(stderr, "no tests/scenarios/*.txt here\n");
		return 1;
	}
	if (argc > 1)
		jobs_make(argv + 1, (size_t)argc - 1, false);
	else
		jobs_make(found.gl_pathv, found.gl_pathc, true);
	scratch_open();
	jobs_run();
	scratch_close();
	left_show();
	failed = check_run();
	free(jobs);
	globfree(&found);
	return failed;
}
