/*
 * check_faults.c -- whatever fails, and whenever, the server goes on.
 *
 *	check_faults [TEST]	only this one
 *	SWEEP=CALL	among the sweeps, only those of this call
 *	SEED=N		the first seed; the default is 1
 *	RUNS=N		the next N seeds each choose errors; the default is 1
 *	EVERY=N		of what a sweep goes through one in N; the default is 1
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
    ("tests/scenarios/"
     "names-without-glue-are-found-over-a-network-that-loses.txt"),
    "tests/scenarios/name-servers-end-connections-in-every-way.txt",
    "tests/scenarios/clients-share-walks-and-connections-of-every-kind.txt",
    "tests/scenarios/hints-and-signals-come-while-questions-wait.txt",
    "tests/scenarios/networks-come-and-go-while-questions-wait.txt",
    "tests/scenarios/the-operator-gives-commands-while-questions-wait.txt",
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
    {CALL_RENAME, {ENOSPC, EACCES, EIO}},
    {CALL_GETRANDOM, {EINTR, ENOSYS}},
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
	unsigned every = (unsigned)setting("EVERY", 1);
	uint64_t random = simulation->seed;

	while (n < SWEEP_MAX &&
	    call_fails(simulation, sweep->call, n,
		sweep->errors[(simulation->seed + n) % count]))
		n += all || n < SWEEP_WHOLE ? every
					    : every *
			(1 + (unsigned)(random_next(&random) % SWEEP_STRIDE));
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
 * attacks:I05, attacks:I06, attacks:I11, attacks:I18: the first call of a kind
 * fails, then the second alone, and so on to the last; EAGAIN is a wake for
 * nothing.  In the first scenario each fails with every error; in the others
 * of many calls only some fail, and with as many errors as there are runs.
 */
START_TEST(any_one_call_may_fail)
{
	const struct sweep *sweep = &sweeps[_i % SWEEPS];
	bool all = _i < SWEEPS;

	calls_sweep(swept[_i / SWEEPS], sweep,
	    all ? errors_count(sweep->errors) : (unsigned)setting("RUNS", 1),
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
	unsigned turn, span, every = (unsigned)setting("EVERY", 1);

	simulation_init(&simulation, scenario);
	random = simulation.seed;
	for (span = 0; span < 2; span++)
		for (turn = 1; turn < TURNS_SWEPT &&
		     machine_sleeps(&simulation, turn, spans_ms[span]);)
			turn += turn < TURNS_WHOLE ? every
						   : every *
				(1 +
				    (unsigned)(random_next(&random) %
					TURN_STRIDE));
	scenario_free(scenario);
}
END_TEST

/* ---------------------------------------------------------------------------
 * A network that loses, doubles, reorders and delays.
 */
enum {
	NAMES = 2500, /* asked for in a run, each once */
	LOSSY_SERVERS = 2,
	SENDS_SHOWN = QUERY_SENDS_MAX + 1
};

/* What came of all questions of some runs. */
struct score {
	unsigned asked, right, failed, wrong;
	unsigned sends[SENDS_SHOWN]; /* so many questions took so many */
};

static struct score *score; /* shared with the runs */

/* The number in the name n17.example., or 0. */
static unsigned
name_number(const struct name *name)
{
	unsigned n = 0, i;

	if ((name->wire[1] | 0x20) != 'n')
		return 0;
	for (i = 2; i <= name->wire[0]; i++)
		n = 10 * n + (unsigned)(name->wire[i] - '0');
	return n;
}

/* Has it the one record TXT that is the number of the name? */
static bool
is_right(const struct client *c, unsigned number)
{
	char text[16];
	struct reader r;
	struct header h;
	struct question question;
	struct record record;
	int len = snprintf(text, sizeof(text), " %u", number);

	text[0] = (char)(len - 1); /* in front of a string */
	reader_init(&r, c->reply, c->reply_len);
	return read_header(&r, &h) && read_question(&r, &question) &&
	    header_rcode(&h) == RCODE_NOERROR && h.answers == 1 &&
	    read_record(&r, &record) && record.type == TYPE_TXT &&
	    record.rdata_len == len &&
	    memcmp(c->reply + record.rdata_at, text, (size_t)len) == 0;
}

static void
score_client(const struct client *c, const unsigned *sends, unsigned number)
{
	unsigned n = sends[number];

	score->asked++;
	score->sends[n < SENDS_SHOWN ? n : SENDS_SHOWN - 1]++;
	if (c->reply_len > 3 && (c->reply[3] & 0xf) == RCODE_SERVFAIL)
		score->failed++;
	else if (is_right(c, number))
		score->right++;
	else
		score->wrong++;
}

static void
score_take(const struct witness *w, const struct simulation *simulation,
    struct fault *fault)
{
	static unsigned sends[NAMES + 1];
	unsigned i, number;

	(void)simulation;
	(void)fault;
	for (i = 0; i < w->sighting_count; i++) {
		const struct sighting *s = &w->sightings[i];

		number = s->opens ? 0 : name_number(&s->question.name);
		if (number <= NAMES)
			sends[number]++;
	}
	for (i = w->client_count - NAMES; i < w->client_count; i++)
		score_client(
		    &w->clients[i], sends, i - (w->client_count - NAMES) + 1);
}

/* Two servers, without TCP, and questions one after the other. */
static const char lossy_world[] =
    "# A network of this sort.\n"
    "zone . on 198.41.0.4 192.33.4.12\n"
    "    @ NS a.root-servers.net.\n"
    "    @ NS c.root-servers.net.\n"
    "    a.root-servers.net. A 198.41.0.4\n"
    "    c.root-servers.net. A 192.33.4.12\n"
    "    example. 86400 NS ns1.example.\n"
    "    example. 86400 NS ns2.example.\n"
    "    ns1.example. 86400 A 192.0.32.10\n"
    "    ns2.example. 86400 A 192.0.32.11\n"
    "zone example. on 192.0.32.10 192.0.32.11\n"
    "    @ NS ns1\n"
    "    @ NS ns2\n"
    "    ns1 A 192.0.32.10\n"
    "    ns2 A 192.0.32.11\n"
    "    $GENERATE 1-%u n$ TXT $\n"
    "server 192.0.32.10 192.0.32.11 tcp unreachable\n"
    "ask first.example. A\n"
    "expect NXDOMAIN\n"
    "network %s\n"
    "ask n$.example. TXT repeat %u every %s\n"
    "expect all any\n";

static void
network_score(const char *network, const char *every, unsigned runs)
{
	struct outcome *o = share(sizeof(*o));
	char text[2048], path[TEXT_PATH_MAX];
	struct simulation simulation;
	struct scenario *scenario;

	snprintf(text, sizeof(text), lossy_world, (unsigned)NAMES, network,
	    (unsigned)NAMES, every);
	scenario = scenario_open(text_file(text, path));
	simulation_init(&simulation, scenario);
	simulation.review = score_take;
	for (; runs > 0; runs--, simulation.seed++) {
		run_apart(&simulation, o);
		story_show(&simulation, o);
		ck_assert_msg(o->passed, "network %s, seed %llu: %.*s", network,
		    (unsigned long long)simulation.seed, SHOWN_MAX,
		    o->fault.text);
	}
	printf("network %s, every %s: %.2f %% of %u answered, %u wrong\n",
	    network, every, 100.0 * score->right / score->asked, score->asked,
	    score->wrong);
	ck_assert_uint_eq(score->wrong, 0);
	ck_assert_uint_eq(score->right + score->failed, score->asked);
	ck_assert_uint_eq(score->sends[SENDS_SHOWN - 1], 0);
	scenario_free(scenario);
	unshare(o, sizeof(*o));
}

static unsigned
sends_median(void)
{
	unsigned seen = 0, n = 0;

	while ((seen += score->sends[n]) * 2 < score->asked)
		n++;
	return n;
}

/*
 * attacks:I01: of 100 datagrams so many are lost each way.  A send is in vain
 * with q = 1 - (1 - p)^2, and a question when all are that it may cost, two to
 * each of two servers (RFC 9520 3.1): q^4.  What is answered is within a point
 * of the rest, with so many runs for three standard deviations to be less.
 * Where questions are rare, it is chance now and then that a server is held.
 */
START_TEST(over_a_network_that_loses_all_sends_are_made_good_use_of)
{
	static const struct {
		unsigned loss, runs;
		const char *every;
		double slack;
	} rows[] = {{10, 1, "50ms", 0.01}, {20, 2, "50ms", 0.01},
	    {30, 4, "50ms", 0.01}, {50, 8, "50ms", 0.01}, {30, 1, "10s", 0.03},
	    {50, 1, "10s", 0.06}};
	double p = rows[_i].loss / 100.0, q = 1 - (1 - p) * (1 - p);
	double want = 1, got;
	char network[32];
	unsigned i;

	for (i = 0; i < ADDRESS_SENDS_MAX * LOSSY_SERVERS; i++)
		want *= q;
	want = 1 - want;
	snprintf(network, sizeof(network), "loss %u", rows[_i].loss);
	network_score(network, rows[_i].every, rows[_i].runs);
	got = (double)score->right / score->asked;
	ck_assert_msg(
	    got > want - rows[_i].slack && got < want + rows[_i].slack,
	    "%.4f instead of %.4f", got, want);
	for (i = ADDRESS_SENDS_MAX * LOSSY_SERVERS + 1; i < SENDS_SHOWN; i++)
		ck_assert_uint_eq(score->sends[i], 0);
}
END_TEST

/* attacks:I02: of replies, some come twice and some before those before them.
 */
START_TEST(over_a_network_that_doubles_and_reorders_all_is_answered)
{
	network_score("duplicate 10 reorder 25 delay 5ms 80ms", "50ms", 1);
	ck_assert_uint_eq(score->right, score->asked);
}
END_TEST

/* attacks:I03: no time-out fits, and yet there is no storm. */
START_TEST(over_a_network_of_any_delay_nearly_all_is_answered_at_once)
{
	network_score("delay 0ms 2000ms", "50ms", 1);
	ck_assert_msg(score->right * 100 >= score->asked * 99, "%u of %u",
	    score->right, score->asked);
	ck_assert_uint_le(sends_median(), 2);
}
END_TEST

static void
score_begin(void)
{
	score = share(sizeof(*score));
}

static void
score_end(void)
{
	unshare(score, sizeof(*score));
}

static TCase *
network_tests(void)
{
	TCase *tcase = tcase_create("network");

	tcase_set_timeout(tcase, 600);
	tcase_add_checked_fixture(tcase, score_begin, score_end);
	tcase_add_loop_test(tcase,
	    over_a_network_that_loses_all_sends_are_made_good_use_of, 0, 6);
	tcase_add_test(
	    tcase, over_a_network_that_doubles_and_reorders_all_is_answered);
	tcase_add_test(
	    tcase, over_a_network_of_any_delay_nearly_all_is_answered_at_once);
	return tcase;
}

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
	suite_add_tcase(suite, network_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
