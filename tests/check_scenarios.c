/*
 * check_scenarios.c -- every scenario is a test, and some are swept.
 *
 *	check_scenarios [FILE...]	only these, without sweeps
 *	TRACE=1		every packet, line and step on standard output
 *	SEED=N		the first seed; the default is 1
 *	RUNS=N		so many seeds for each scenario; the default is 3
 *	SWEEP=CALL	only sweeps of this system call
 *
 * Each run is a process of its own, for the server's statics must be fresh
 * and a crash must have an end.
 */
#include "simulator.h"

#include <check.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RUN_S_MAX = 60,   /* of real time: it hangs */
	SWEEP_MAX = 2000, /* calls of one kind in the swept scenario */
	SAID_MAX = 6000,
	SHOWN_MAX = 1000 /* in Check's message; the rest goes before it */
};

/* What a run in a process of its own came to. */
struct outcome {
	bool passed, failure_came, ended;
	struct fault fault;
};

static const char sweep_file[] = "tests/scenarios/"
				 "a-server-recovers-from-failing-calls.txt";

static char *const *files;
static size_t file_count;

static unsigned long
setting(const char *name, unsigned long without)
{
	const char *value = getenv(name);

	return value == NULL ? without : strtoul(value, NULL, 10);
}

static struct outcome *
outcome_share(void)
{
	struct outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (o == MAP_FAILED)
		abort();
	return o;
}

static void
run_here(struct simulation *simulation, struct outcome *o)
{
	alarm(RUN_S_MAX);
	o->passed = simulator_run(simulation, &o->fault, &o->failure_came);
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

static void
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

/* What happened before something went wrong. */
static void
story_show(const struct simulation *simulation, const struct outcome *o)
{
	if (!o->passed && simulation->trace == NULL)
		fprintf(stderr, "\n%s, seed %llu:\n%s",
		    simulation->scenario->path,
		    (unsigned long long)simulation->seed, o->fault.story);
}

/* A file that holds this text, by a path to open it. */
static const char *
file_of_text(const char *text, char path[32])
{
	int fd = memfd_create("text", 0);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

/* A slip of the pen must not make a test pass. */
static const char *const slips[] = {
    "ask www.example. A\n",
    "# no expect\nask www.example. A\n",
    "# no ask\nexpect NOERROR\n",
    "# word\nserver 192.0.2.1 slient\n",
    "# word\nwait 5s please\n",
    "# step\nwiat 5s\n",
    "# time\nwait 5\n",
    "# number\npackets all = many\n",
    "# name\nzone a..b on 192.0.2.1\n",
    "# address\nzone example. on 192.0.2.256\n",
    "# outside\nzone example. on 192.0.2.1\n    www.test. A 192.0.2.1\n",
    "# rdata\nzone example. on 192.0.2.1\n    www A 192.0.2.1 192.0.2.2\n",
    "# rdata\nzone example. on 192.0.2.1\n    www MX ns1\n",
    "# type\nzone example. on 192.0.2.1\n    www NX ns1\n",
    "# indent\nwait 5s\n    answer none\n",
    "# rcode\nask . NS\nexpect NOEROR\n",
    "# quote\nask . NS\nexpect NOERROR\n    ede 22 \"no end\n",
    "# pair\nlog id\n",
};

START_TEST(slip_of_the_pen_is_refused)
{
	char path[32];
	struct fault fault;

	ck_assert_ptr_null(
	    scenario_read(file_of_text(slips[_i], path), &fault));
	ck_assert_ptr_nonnull(strstr(fault.text, path));
}
END_TEST

/* What ends a scenario that is true until then. */
static const char truth[] = "# Every falsehood is noticed.\n"
			    "zone . on 198.41.0.4\n"
			    "    @ NS a.root-servers.net.\n"
			    "    a.root-servers.net. A 198.41.0.4\n"
			    "    www.example. 60 A 93.184.216.34\n"
			    "ask www.example. A\n";
static const struct {
	const char *end;
	bool is_true;
} ends[] = {
    {"expect NOERROR\n    answer www.example. 60 A 93.184.216.34\n", true},
    {"expect NOERROR\n    answer www.example. * A 93.184.216.34\n", true},
    {"expect NOERROR\n    answer www.example. 60 A 93.184.216.35\n", false},
    {"expect NOERROR\n    answer www.example. 61 A 93.184.216.34\n", false},
    {"expect NOERROR\n    answer ww.example. 60 A 93.184.216.34\n", false},
    {"expect NOERROR\n    answer none\n", false},
    {"expect NOERROR\n    ede 22\n", false},
    {"expect NOERROR\n    flags tc\n", false},
    {"expect NOERROR\n    time <= 1ms\n", false},
    {"expect NXDOMAIN\n", false},
    {"expect nothing\n", false},
    {"expect any\npackets all = 1\n", true},
    {"expect any\npackets all = 2\n", false},
    {"expect any\npackets 198.41.0.4 for www.example. A = 1\n", true},
    {"expect any\npackets 198.41.0.4 for www.example. MX = 1\n", false},
    {"expect any\npackets self >= 1\n", false},
    {"expect any\nlog id=2 level=info\n", true},
    {"expect any\nlog id=2 level=error\n", false},
    {"expect any\nlog none id=2\n", false},
    {"expect any\nrefused 198.41.0.4\nask a. A\nexpect any\n", false},
    {"expect any\nexit 0\n", false},
};

START_TEST(falsehood_is_noticed)
{
	struct simulation simulation = {.seed = setting("SEED", 1)};
	struct outcome *o = outcome_share();
	char text[1024], path[32];
	struct scenario *scenario;
	struct fault fault;

	snprintf(text, sizeof(text), "%s%s", truth, ends[_i].end);
	scenario = scenario_read(file_of_text(text, path), &fault);
	ck_assert_msg(scenario != NULL, "%s", fault.text);
	simulation.scenario = scenario;
	run_apart(&simulation, o);
	ck_assert_msg(
	    o->passed == ends[_i].is_true, "%s%s", ends[_i].end, o->fault.text);
	scenario_free(scenario);
	munmap(o, sizeof(*o));
}
END_TEST

START_TEST(scenario_comes_true)
{
	struct simulation simulation = {.seed = setting("SEED", 1)};
	uint64_t end = simulation.seed + setting("RUNS", 3);
	struct outcome *o = outcome_share();
	struct fault fault;
	struct scenario *scenario = scenario_read(files[_i], &fault);

	ck_assert_msg(scenario != NULL, "%s", fault.text);
	if (getenv("TRACE") != NULL)
		simulation.trace = stdout;
	simulation.scenario = scenario;
	for (; simulation.seed < end; simulation.seed++) {
		run_apart(&simulation, o);
		story_show(&simulation, o);
		ck_assert_msg(o->passed, "%s, seed %llu: %s\n%.*s", files[_i],
		    (unsigned long long)simulation.seed, scenario->description,
		    SHOWN_MAX, o->fault.text);
	}
	scenario_free(scenario);
	munmap(o, sizeof(*o));
}
END_TEST

/*
 * Rows I05, I06 and I08 of attacks.md: what each call can fail with.  Once
 * getrandom has given something, only a signal can make it fail (I11).
 */
static const struct {
	enum call call;
	int errors[8];
} sweeps[] = {
    {CALL_SOCKET, {EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT, EACCES}},
    {CALL_BIND, {EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL}},
    {CALL_CONNECT,
	{ENETUNREACH, EHOSTUNREACH, EPERM, EACCES, EADDRNOTAVAIL, EINVAL,
	    EINTR}},
    {CALL_SETSOCKOPT, {ENOPROTOOPT}},
    {CALL_SENDTO,
	{ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ENOBUFS, EAGAIN, EPERM,
	    EMSGSIZE, EINTR}},
    {CALL_RECV, {EAGAIN, EINTR, ECONNREFUSED, EHOSTUNREACH, ENOMEM}},
    {CALL_RECVMMSG, {EAGAIN, EINTR, ECONNREFUSED, ENOBUFS}},
    {CALL_SENDMMSG, {EAGAIN, EINTR, EPERM, ENOBUFS, ENETUNREACH, EMSGSIZE}},
    {CALL_EPOLL_CREATE1, {EMFILE}},
    {CALL_EPOLL_CTL, {ENOSPC, ENOMEM}},
    {CALL_EPOLL_WAIT, {EINTR}},
    {CALL_SIGNALFD, {EMFILE}},
    {CALL_READ, {EINTR, EIO}},
    {CALL_WRITE, {EAGAIN, EINTR, ENOSPC, EIO, EPIPE}},
    {CALL_OPEN, {ENOENT, EACCES, EMFILE, EINTR}},
    {CALL_POLL, {EINTR, ENOMEM}},
    {CALL_GETRANDOM, {EINTR}},
    {CALL_GETIFADDRS, {EMFILE, ENOMEM}},
    {CALL_GETRLIMIT, {EINVAL}},
    {CALL_SETRLIMIT, {EPERM}},
    {CALL_MALLOC, {ENOMEM}},
    {CALL_CALLOC, {ENOMEM}},
    {CALL_REALLOC, {ENOMEM}},
};

/* The first call fails, then the second alone, and so on to the last. */
static void
sweep(struct simulation *simulation, enum call call, int err)
{
	struct failure failure = {.call = call, .err = err, .times = 1};
	struct outcome *o = outcome_share();

	simulation->failure = &failure;
	do {
		ck_assert_msg(failure.after < SWEEP_MAX, "no end of it");
		run_apart(simulation, o);
		story_show(simulation, o);
		ck_assert_msg(o->passed, "call %u of %s fails with %s: %.*s",
		    failure.after + 1, call_name(call), strerror(err),
		    SHOWN_MAX, o->fault.text);
		failure.after++;
	} while (o->failure_came);
	munmap(o, sizeof(*o));
}

START_TEST(any_one_call_may_fail)
{
	struct simulation simulation = {.seed = setting("SEED", 1)};
	const char *only = getenv("SWEEP");
	const int *err = sweeps[_i].errors;
	struct fault fault;
	struct scenario *scenario = scenario_read(sweep_file, &fault);

	ck_assert_msg(scenario != NULL, "%s", fault.text);
	simulation.scenario = scenario;
	if (getenv("TRACE") != NULL)
		simulation.trace = stdout;
	if (only == NULL || strcmp(only, call_name(sweeps[_i].call)) == 0)
		for (; err < sweeps[_i].errors + 8 && *err != 0; err++)
			sweep(&simulation, sweeps[_i].call, *err);
	scenario_free(scenario);
}
END_TEST

/* The tests that are no scenario files. */
static void
own_tests_add(TCase *tcase)
{
	tcase_add_loop_test(tcase, slip_of_the_pen_is_refused, 0,
	    (int)(sizeof(slips) / sizeof(slips[0])));
	tcase_add_loop_test(tcase, falsehood_is_noticed, 0,
	    (int)(sizeof(ends) / sizeof(ends[0])));
	tcase_add_loop_test(tcase, any_one_call_may_fail, 0,
	    (int)(sizeof(sweeps) / sizeof(sweeps[0])));
}

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("scenarios");
	TCase *tcase = tcase_create("scenarios");
	SRunner *runner = srunner_create(suite);
	glob_t found = {0};
	int failed;

	files = argv + 1;
	file_count = (size_t)argc - 1;
	if (file_count == 0) {
		if (glob("tests/scenarios/*.txt", 0, NULL, &found) != 0) {
			fprintf(stderr, "no tests/scenarios/*.txt here\n");
			return 1;
		}
		files = found.gl_pathv;
		file_count = found.gl_pathc;
	}
	tcase_set_timeout(tcase, 600);
	if (getenv("SWEEP") == NULL)
		tcase_add_loop_test(
		    tcase, scenario_comes_true, 0, (int)file_count);
	if (argc == 1)
		own_tests_add(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	globfree(&found);
	return failed == 0 ? 0 : 1;
}
