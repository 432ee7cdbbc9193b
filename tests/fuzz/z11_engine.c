/*
 * Z11: the whole server, on the simulator.  The input becomes a scenario, a
 * text as those of tests/scenarios are: questions, replies of name servers,
 * misconduct, changes of the network, time.  What the simulator looks at in any
 * scenario must hold (tests/scenarios/README.md): one reply to each question,
 * nothing sent to where no query may go, no descriptor left open, nothing
 * allocated, an orderly end; and no question costs more than QUERY_SENDS_MAX.
 *
 * Each input runs in a process of its own, for the server's statics must be
 * fresh: it begins where one that started the server stands.  TEXT=1 shows the
 * scenario of each.
 */
#include "driver.h"
#include "fuzz.h"
#include "simulator.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STEPS_MAX = 40,
	TEXT_MAX = 1 << 16,
	TABLE_MIN = 1 << 16 /* less is not worth it */
};

/*
 * What libFuzzer counts in; without it there is none.  Where this is said,
 * clang must not count, or libFuzzer is told of an empty place.
 */
extern uint8_t __start___sancov_cntrs[] __attribute__((weak));
extern uint8_t __stop___sancov_cntrs[] __attribute__((weak));
#ifdef __clang__
#pragma clang attribute push(                                                  \
    __attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

/* As small as it gets, but that no client has too many connections. */
static const char world[] =
    "# What a fuzzer made up.\n"
    "options -c 1M\n"
    "files 450\n"
    "refused 10.0.0.0/8 127.0.0.0/8 192.168.0.0/16 fc00::/7 64:ff9b::/96\n"
    "zone . on 198.41.0.4\n"
    "    @ NS a.root-servers.net.\n"
    "    a.root-servers.net. A 198.41.0.4\n"
    "    example. NS ns1.example.\n"
    "    example. NS ns2.example.\n"
    "    ns1.example. A 192.0.32.10\n"
    "    ns2.example. AAAA 2001:500:8d::53\n"
    "    other. NS ns1.example.\n"
    "    other. NS ns.other.\n"
    "    ns.other. A 192.0.47.53\n"
    "zone example. on 192.0.32.10 2001:500:8d::53\n"
    "    @ NS ns1\n"
    "    @ NS ns2\n"
    "    ns1 A 192.0.32.10\n"
    "    ns2 AAAA 2001:500:8d::53\n"
    "    www 60 A 93.184.216.34\n"
    "    alias 5 CNAME www.other.\n"
    "    sub NS ns.other.\n"
    "    *.wild 9 A 93.184.216.35\n"
    "    tree DNAME other.\n"
    "zone other. on 192.0.32.10 192.0.47.53\n"
    "    @ NS ns1.example.\n"
    "    www 0 A 93.184.216.36\n"
    "    www 0 AAAA 2001:db8::7\n"
    "zone sub.example. on 192.0.47.53\n"
    "    @ NS ns.other.\n"
    "    www 1 TXT \"text\"\n"
    "ask . NS\n" /* what comes now comes while it serves */
    "expect any\n";

static const char *const names[] = {"www.example.", "alias.example.",
    "www.tree.example.", "a.b.wild.example.", "www.sub.example.", "www.other.",
    "example.", "other.", "sub.example.", "ns1.example.", "ns.other.", ".",
    "no.such.example.", "a.b.c.d.e.other.", "x.www.example.", "WWW.Other."};
static const char *const types[] = {
    "A", "AAAA", "NS", "CNAME", "DS", "SOA", "TXT", "ANY"};
static const char *const servers[] = {"198.41.0.4", "192.0.32.10",
    "192.0.47.53", "2001:500:8d::53", "192.0.32.0/24", "0.0.0.0/0"};
static const char *const records[] = {"60 A 93.184.216.40", "0 A 6.6.6.6",
    "5 A 0.0.0.0", "60 A 10.0.0.1", "60 A 192.0.47.53", "60 NS ns.other.",
    "9 NS ns1.example.", "60 NS a.example.", "60 NS b.other.", "60 AAAA ::1",
    "60 AAAA 2001:500:8d::53", "60 AAAA 64:ff9b::a00:1", "30 CNAME www.other.",
    "30 CNAME alias.example.", "0 CNAME x.sub.example.", "60 DNAME example.",
    "60 DNAME www.other.", "60 SOA ns1.example. x. 1 2 3 4 5",
    "0 SOA . . 1 1 1 1 4294967295", "60 DS 1 8 2 00", "60 TXT text",
    "60 TYPE65280 \\# 3 c00cff"};
static const char *const conducts[] = {"well", "silent", "drop first 2",
    "unreachable", "delay 300ms", "noedns", "edns-silent", "rcode NXDOMAIN",
    "rcode SERVFAIL", "refused", "lame", "noaa", "tc", "garbage", "short",
    "cut", "wrong-id", "wrong-question", "wrong-case", "no-response-bit",
    "wrong-source", "wrong-port", "trailer", "forge wrong-id",
    "forge wrong-source", "twice", "tcp close", "tcp reset", "tcp half",
    "tcp mute", "tcp dribble 3ms", "sips 7"};
/* Each second of a wait is a turn of the loop; a stop of days is one. */
static const char *const times[] = {"wait 1ms", "wait 50ms", "wait 400ms",
    "wait 1s", "wait 4s", "wait 10s", "wait 61s", "wait 6m",
    "stop 1ms 16m\nwait 2ms", "stop 1ms 61m\nwait 2ms",
    "stop 1ms 25h\nwait 2ms", "stop 1ms 8d\nwait 2ms"};
static const char *const networks[] = {"loss 30", "loss 10 duplicate 30",
    "duplicate 50 delay 1ms 900ms", "delay 10ms", "delay 0ms 40ms"};
static const char *const changes[] = {"route ::/0 unreachable", "route ::/0 up",
    "route 0.0.0.0/0 unreachable", "route 0.0.0.0/0 up",
    "route 192.0.47.0/24 prohibit", "route 192.0.47.0/24 up",
    "interface eth0 192.0.47.53/24", "interface eth0 192.0.47.53/24 down",
    "interface eth0 203.0.113.53/24 down", "interface eth0 203.0.113.53/24",
    "hints missing", "hints touched", "wall +1d", "wall -1d", "signal HUP",
    "signal USR1"};
/* Of what only name servers notice: a client may lose its question. */
static const char *const failures[] = {"sendto ENETUNREACH", "sendto EPERM",
    "sendto EAGAIN", "sendto ENOBUFS", "connect EHOSTUNREACH", "connect EINVAL",
    "socket EMFILE", "bind EADDRINUSE", "recv EINTR", "netlink ENOBUFS",
    "getrandom EINTR", "epoll_wait EINTR"};

static struct {
	char *text; /* room for TEXT_MAX, in memory of both */
	size_t len;
	unsigned asked; /* and not judged yet */
} scene;

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(
	    scene.text + scene.len, TEXT_MAX - scene.len, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < TEXT_MAX - scene.len);
	scene.len += (size_t)n;
}

#define ONE_OF(list) ((list)[input_u8(in) % (sizeof(list) / sizeof((list)[0]))])

/* The sends of all that was asked since the last time are counted together. */
static void
say_judgement(void)
{
	if (scene.asked == 0)
		return;
	say("expect all any\n");
	say("packets all <= %u\n", QUERY_SENDS_MAX * scene.asked);
	scene.asked = 0;
}

static void
say_ask(struct input *in)
{
	uint8_t bits = input_u8(in);
	const char *name = ONE_OF(names);

	say("ask %s %s%s%s%s%s%s\n", name, types[bits & 7],
	    bits & 0x08 ? " tcp" : "", bits & 0x10 ? " do" : "",
	    bits & 0x20 ? " norec" : "", bits & 0x40 ? " noedns" : "",
	    bits & 0x80 ? " &" : "");
	scene.asked++;
	if ((bits & 0x80) == 0)
		say_judgement();
}

static void
say_records(struct input *in, const char *section)
{
	unsigned n;

	for (n = input_u8(in) % 4; n > 0; n--) {
		const char *name = ONE_OF(names);

		say("    %s %s %s\n", section, name, ONE_OF(records));
	}
}

static void
say_reply(struct input *in)
{
	uint8_t bits = input_u8(in);
	const char *name = ONE_OF(names);

	say("%s %s", bits & 1 ? "forge" : "reply", ONE_OF(servers));
	say(" %s %s\n", bits & 2 ? "for" : "under", name);
	if ((bits & 4) != 0)
		say("    rcode NXDOMAIN\n");
	if ((bits & 8) != 0)
		say("    flags ra\n");
	say_records(in, "answer");
	say_records(in, "authority");
	say_records(in, "additional");
}

static void
say_zone(struct input *in)
{
	const char *name = names[input_u8(in) % 4 + 5];
	unsigned n;

	say("zone %s on %s\n", name, servers[input_u8(in) % 4]);
	for (n = input_u8(in) % 5; n > 0; n--) {
		say("    %s", input_u8(in) & 1 ? "@" : "*.a");
		say(" %s\n", ONE_OF(records));
	}
}

static void
say_step(struct input *in)
{
	switch (input_u8(in) % 12) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		say_ask(in);
		break;
	case 5:
		say_reply(in);
		break;
	case 6:
		say("server %s ", ONE_OF(servers));
		say("%s\n", ONE_OF(conducts));
		break;
	case 7:
		say("%s\n", ONE_OF(times));
		break;
	case 8:
		say("network %s\n", ONE_OF(networks));
		break;
	case 9:
		say("%s\n", ONE_OF(changes));
		break;
	case 10:
		say("fail %s", ONE_OF(failures));
		say(" after %u", input_u8(in) % 8u);
		say(" times %u\n", input_u8(in) % 4u + 1);
		break;
	default:
		say_zone(in);
	}
}

static void
scene_make(struct input *in)
{
	unsigned steps;

	scene.len = scene.asked = 0;
	say("# The input.\n");
	for (steps = 0; steps < STEPS_MAX && in->left > 0; steps++)
		say_step(in);
	say("ask www.example. A\n");
	scene.asked++;
	say_judgement();
	if (getenv("TEXT") != NULL)
		fprintf(stderr, "%s%s", world, scene.text);
}

/*
 * A process that has started the server and stands where it serves: there it
 * makes one for each input.
 */
static struct {
	int here, there;  /* the two ends of our way to it */
	int said;         /* what the server and the sanitizers say */
	uint8_t *reached; /* what an input reached, in memory of both */
	size_t reached_len;
} stand;

static struct scenario *
scenario_of(const char *text)
{
	static char path[2][TEXT_PATH_MAX];
	static unsigned count;
	static struct fault fault;
	struct scenario *scenario =
	    scenario_read(text_file(text, path[count++]), &fault);

	if (scenario == NULL)
		fputs(fault.text, stderr);
	assert(scenario != NULL);
	return scenario;
}

/* Stand here, and let each input go on from here in its own process. */
static const struct step *
stand_here(void)
{
	static struct scenario *input;
	int status;
	pid_t pid;

	if (input != NULL)
		return NULL;
	while (read(stand.there, &status, sizeof(status)) > 0) {
		pid = fork();
		assert(pid >= 0);
		if (pid == 0) {
			input = scenario_of(scene.text);
			return input->steps;
		}
		while (waitpid(pid, &status, 0) != pid)
			assert(errno == EINTR);
		if (write(stand.there, &status, sizeof(status)) < 0)
			break;
	}
	_exit(0);
}

/* The end of an input tells how it went, and what was reached. */
static _Noreturn void
stand_run(void)
{
	static struct scenario *scenario;
	static struct fault fault;
	struct simulation simulation = {
	    .seed = 1, .said = stand.said, .more = stand_here};
	bool failed, passed;

	scenario = scenario_of(world);
	simulation.scenario = scenario;
	passed = simulator_run(&simulation, &fault, &failed);
	if (!passed)
		fprintf(stderr, "%s%s\n%s\n%s\n", world, scene.text,
		    fault.story, fault.text);
	if (stand.reached_len == 0)
		exit(passed ? 0 : 1); /* and the leak checker looks */
	memcpy(stand.reached, __start___sancov_cntrs, stand.reached_len);
	_exit(passed ? 0 : 1);
}

static void
stand_open(void)
{
	int ends[2], failed;
	pid_t pid;

	stand.reached_len =
	    (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
	scene.text = mmap(NULL, TEXT_MAX + stand.reached_len,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert(scene.text != MAP_FAILED);
	stand.reached = (uint8_t *)scene.text + TEXT_MAX;
	stand.said = memfd_create("said", MFD_CLOEXEC);
	assert(stand.said >= 0);
	failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	assert(!failed);
	stand.here = ends[0];
	stand.there = ends[1];
	fflush(NULL);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		close(stand.here);
		stand_run();
	}
	close(stand.there);
}

/* What was said instead of nothing, before this process ends. */
static void
said_show(void)
{
	char text[4096];
	ssize_t n;

	lseek(stand.said, 0, SEEK_SET);
	while ((n = read(stand.said, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stderr);
}

/* Before libFuzzer takes the memory that each process would have to copy. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stand_open();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct input in = {octets, len};
	int status = 0;
	ssize_t n;

	if (scene.text == NULL)
		stand_open();
	scene_make(&in);
	n = write(stand.here, &status, sizeof(status));
	assert(n == sizeof(status));
	do /* libFuzzer's clock interrupts */
		n = read(stand.here, &status, sizeof(status));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(status) || status != 0)
		said_show();
	assert(n == sizeof(status) && status == 0);
	if (stand.reached_len > 0)
		memcpy(
		    __start___sancov_cntrs, stand.reached, stand.reached_len);
	return 0;
}

/* Comparisons in another process say nothing to libFuzzer, and take half. */
#define TRACES_NOT(name)                                                       \
	void __wrap___sanitizer_cov_trace_##name(void);                        \
	void __wrap___sanitizer_cov_trace_##name(void)                         \
	{                                                                      \
	}
TRACES_NOT(cmp1)
TRACES_NOT(cmp2)
TRACES_NOT(cmp4)
TRACES_NOT(cmp8)
TRACES_NOT(const_cmp1)
TRACES_NOT(const_cmp2)
TRACES_NOT(const_cmp4)
TRACES_NOT(const_cmp8)
TRACES_NOT(switch)

/* Of a process that ends, the sanitizer would mark each page of the tables. */
void __real_free(void *);
void __wrap_free(void *);
void
__wrap_free(void *p)
{
	if (stand.reached_len == 0 || malloc_usable_size(p) < TABLE_MIN)
		__real_free(p);
}

#ifdef __clang__
#pragma clang attribute pop
#endif
