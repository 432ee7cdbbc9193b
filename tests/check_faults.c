/*
 * check_faults.c -- whatever fails, and whenever, the server goes on.
 *
 *	check_faults [TEST]	only this one
 *	SWEEP=CALL	among the sweeps, only those of this call
 *	SEED=N		the first seed; the default is 1
 *	RUNS=N		the next N seeds each choose errors; the default is 3
 *	TRACE=1		every packet, line and step on standard output
 *
 * In the simulator, each run in a process of its own.
 */
#include "apart.h"
#include "driver.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

enum {
	ERRORS_MAX = 12,
	SWEEP_MAX = 150,  /* calls of one kind: more are looks at idle files */
	SWEEP_WHOLE = 20, /* so many of them, then samples ... */
	SWEEP_STRIDE = 9, /* ... at most so far apart */
	TURNS_WHOLE = 100,
	TURN_STRIDE = 15,
	TURNS_SWEPT = 400
};

/* What is swept: between them they come by whatever can fail. */
static const char *const swept[] = {
    "tests/scenarios/a-server-recovers-from-failing-calls.txt",
    "tests/scenarios/"
    "names-without-glue-are-found-over-a-network-that-loses.txt",
    "tests/scenarios/name-servers-end-connections-in-every-way.txt",
    "tests/scenarios/clients-share-walks-and-connections-of-every-kind.txt",
    "tests/scenarios/hints-and-signals-come-while-questions-wait.txt",
    "tests/scenarios/networks-come-and-go-while-questions-wait.txt",
};

enum {
	SWEPT = sizeof(swept) / sizeof(swept[0])
};

/* What a call can fail with.  A signal may come in any that can wait. */
struct sweep {
	enum call call;
	int errors[ERRORS_MAX];
};

static const struct sweep sweeps[] = {
    {CALL_SOCKET, {EMFILE, ENFILE, ENOBUFS, ENOMEM, EAFNOSUPPORT, EACCES}},
    {CALL_BIND, {EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL, ENOMEM}},
    {CALL_CONNECT,
	{ENETUNREACH, EHOSTUNREACH, EPERM, EACCES, EADDRNOTAVAIL, EINVAL, EINTR,
	    EAGAIN, ENOBUFS, ECONNREFUSED, ENETDOWN}},
    {CALL_SETSOCKOPT, {ENOPROTOOPT, ENOMEM}},
    {CALL_SENDTO,
	{ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ENOBUFS, EAGAIN, EPERM,
	    EMSGSIZE, EINTR, EINVAL, ECONNRESET, EPIPE, ENOMEM}},
    {CALL_RECV,
	{EAGAIN, EINTR, ECONNREFUSED, EHOSTUNREACH, ENOMEM, ECONNRESET,
	    ETIMEDOUT, EPIPE}},
    {CALL_RECVMMSG, {EAGAIN, EINTR, ECONNREFUSED, ENOBUFS, ENOMEM}},
    {CALL_SENDMMSG,
	{EAGAIN, EINTR, EPERM, ENOBUFS, ENETUNREACH, EMSGSIZE, EINVAL,
	    EHOSTUNREACH, ENOMEM}},
    {CALL_ACCEPT4,
	{EAGAIN, EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM,
	    ENETDOWN}},
    {CALL_SENDMSG,
	{EAGAIN, EINTR, ECONNRESET, EPIPE, ENOBUFS, ETIMEDOUT, ENOMEM}},
    {CALL_EPOLL_CTL, {ENOSPC, ENOMEM}},
    {CALL_EPOLL_WAIT, {EINTR}},
    {CALL_READ, {EINTR, EIO}},
    {CALL_WRITE, {EAGAIN, EINTR, ENOSPC, EIO, EPIPE}},
    {CALL_OPEN, {ENOENT, EACCES, EMFILE, ENFILE, EINTR, ENOMEM, EIO}},
    {CALL_STAT, {ENOENT, EACCES, EIO, ENOMEM}},
    {CALL_FSTAT, {EIO, ENOMEM}},
    {CALL_POLL, {EINTR, ENOMEM}},
    {CALL_GETRANDOM, {EINTR}},
    {CALL_NETLINK, {EAFNOSUPPORT, EPERM, EMFILE, ENOBUFS, EINTR, EAGAIN}},
};

/* These are called before it serves, and never again. */
static const struct sweep start_sweeps[] = {
    {CALL_LISTEN, {EADDRINUSE}},
    {CALL_EPOLL_CREATE1, {EMFILE, ENFILE, ENOMEM}},
    {CALL_SIGNALFD, {EMFILE, ENFILE, ENOMEM}},
    {CALL_GETRLIMIT, {EINVAL}},
    {CALL_SETRLIMIT, {EPERM}},
    {CALL_MALLOC, {ENOMEM}},
    {CALL_CALLOC, {ENOMEM}},
    {CALL_REALLOC, {ENOMEM}},
};

enum {
	SWEEPS = sizeof(sweeps) / sizeof(sweeps[0]),
	START_SWEEPS = sizeof(start_sweeps) / sizeof(start_sweeps[0])
};

static unsigned
errors_count(const int *errors)
{
	unsigned n = 0;

	while (n < ERRORS_MAX && errors[n] != 0)
		n++;
	return n;
}

static struct scenario *
scenario_open(const char *path)
{
	static struct fault fault;
	struct scenario *scenario = scenario_read(path, &fault);

	ck_assert_msg(scenario != NULL, "%s", fault.text);
	return scenario;
}

static void
simulation_init(struct simulation *simulation, const struct scenario *scenario)
{
	memset(simulation, 0, sizeof(*simulation));
	simulation->scenario = scenario;
	simulation->seed = setting("SEED", 1);
	if (getenv("TRACE") != NULL)
		simulation->trace = stdout;
}

/* False: there were not so many calls. */
static bool
call_fails(struct simulation *simulation, enum call call, unsigned nth, int err)
{
	struct failure failure = {
	    .call = call, .err = err, .after = nth, .times = 1};
	struct outcome *o = share(sizeof(*o));
	bool came;

	simulation->failure = &failure;
	run_apart(simulation, o);
	story_show(simulation, o);
	ck_assert_msg(o->passed, "%s: call %u of %s fails with %s: %.*s",
	    simulation->scenario->path, nth + 1, call_name(call), strerror(err),
	    SHOWN_MAX, o->fault.text);
	came = o->trouble_came;
	unshare(o, sizeof(*o));
	return came;
}

/* Each call has another error than the one before it, by the seed. */
static void
calls_fail(struct simulation *simulation, const struct sweep *sweep, bool all)
{
	unsigned count = errors_count(sweep->errors), n = 0;
	uint64_t random = simulation->seed;

	while (n < SWEEP_MAX &&
	    call_fails(simulation, sweep->call, n,
		sweep->errors[(simulation->seed + n) % count]))
		n += all || n < SWEEP_WHOLE
		    ? 1
		    : 1 + (unsigned)(random_next(&random) % SWEEP_STRIDE);
}

static void
calls_sweep(
    const char *path, const struct sweep *sweep, unsigned runs, bool all)
{
	const char *only = getenv("SWEEP");
	struct simulation simulation;
	struct scenario *scenario;

	if (only != NULL && strcmp(only, call_name(sweep->call)) != 0)
		return;
	scenario = scenario_open(path);
	simulation_init(&simulation, scenario);
	for (; runs > 0; runs--, simulation.seed++)
		calls_fail(&simulation, sweep, all);
	scenario_free(scenario);
}

/*
 * attacks:I05, attacks:I06: the first call of a kind fails, then the second
 * alone, and so on to the last.  In the first scenario each fails with every
 * error; in the others of many calls only some fail, and with as many errors as
 * there are runs.
 */
START_TEST(any_one_call_may_fail)
{
	const struct sweep *sweep = &sweeps[_i % SWEEPS];
	bool all = _i < SWEEPS;

	calls_sweep(swept[_i / SWEEPS], sweep,
	    all ? errors_count(sweep->errors) : (unsigned)setting("RUNS", 3),
	    all);
}
END_TEST

/*
 * attacks:I08: memory and what else is asked for once, before it serves.
 * Either it serves without, or it does not start, and says why on one line.
 */
START_TEST(any_one_call_may_fail_at_the_start)
{
	const struct sweep *sweep = &start_sweeps[_i];

	calls_sweep(swept[0], sweep, errors_count(sweep->errors), true);
}
END_TEST

/* False: there were not so many turns. */
static bool
machine_sleeps(struct simulation *simulation, unsigned turn, uint64_t for_ms)
{
	struct outcome *o = share(sizeof(*o));
	bool came;

	simulation->sleep.turn = turn;
	simulation->sleep.for_ms = for_ms;
	run_apart(simulation, o);
	story_show(simulation, o);
	ck_assert_msg(o->passed, "%s: it sleeps at turn %u for %llu ms: %.*s",
	    simulation->scenario->path, turn, (unsigned long long)for_ms,
	    SHOWN_MAX, o->fault.text);
	came = o->trouble_came;
	unshare(o, sizeof(*o));
	return came;
}

/*
 * attacks:I10: CLOCK_BOOTTIME jumps, at each turn of the loop up to the last
 * question, by hours or by more than 32 bits of milliseconds; what was on its
 * way to us is lost.  Late turns are sampled.
 */
START_TEST(machine_may_sleep_at_any_turn)
{
	static const uint64_t spans_ms[] = {
	    3 * UINT64_C(3600000), 60 * UINT64_C(86400000)};
	struct scenario *scenario = scenario_open(swept[_i]);
	struct simulation simulation;
	uint64_t random;
	unsigned turn, span;

	simulation_init(&simulation, scenario);
	random = simulation.seed;
	for (span = 0; span < 2; span++)
		for (turn = 1; turn < TURNS_SWEPT &&
		     machine_sleeps(&simulation, turn, spans_ms[span]);)
			turn += turn < TURNS_WHOLE ? 1
						   : 1 +
				(unsigned)(random_next(&random) % TURN_STRIDE);
	scenario_free(scenario);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("faults");
	TCase *tcase = tcase_create("faults");
	SRunner *runner = srunner_create(suite);
	int failed;

	(void)argc;
	(void)argv;
	tcase_set_timeout(tcase, 600);
	tcase_add_loop_test(tcase, any_one_call_may_fail, 0, SWEPT * SWEEPS);
	tcase_add_loop_test(
	    tcase, any_one_call_may_fail_at_the_start, 0, START_SWEEPS);
	tcase_add_loop_test(tcase, machine_may_sleep_at_any_turn, 0, SWEPT);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
