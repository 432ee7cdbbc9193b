/*
 * Z11: the whole server, on the simulator.  The input becomes a scenario, a
 * text as those of tests/scenarios are: questions, replies of name servers,
 * misconduct, changes of the network, time.  What the simulator looks at in any
 * scenario must hold (tests/scenarios/README.md): one reply to each question,
 * nothing sent to where no query may go, no descriptor left open, nothing
 * allocated, an orderly end; and no question costs more than QUERY_SENDS_MAX.
 *
 * Each input runs in a process of its own, for the server's statics must be
 * fresh.  TEXT=1 shows the scenario of each.
 */
#include "driver.h"
#include "fuzz.h"
#include "simulator.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STEPS_MAX = 40,
	TEXT_MAX = 1 << 16
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

/* As small as it gets, so that it starts fast. */
static const char world[] =
    "# What a fuzzer made up.\n"
    "options -c 1M\n"
    "files 300\n"
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
static const char *const times[] = {
    "1ms", "50ms", "400ms", "1s", "4s", "10s", "61s", "16m", "2h", "3d"};
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
	char text[TEXT_MAX];
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
		say("wait %s\n", ONE_OF(times));
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
	say("%s", world);
	for (steps = 0; steps < STEPS_MAX && in->left > 0; steps++)
		say_step(in);
	say("ask www.example. A\n");
	scene.asked++;
	say_judgement();
	if (getenv("TEXT") != NULL)
		fputs(scene.text, stderr);
}

/* The end tells how it went; what was reached goes back to the parent. */
static _Noreturn void
scene_play(uint8_t *reached, size_t reached_len)
{
	static struct fault fault;
	struct simulation simulation = {.seed = 1};
	char path[TEXT_PATH_MAX];
	struct scenario *scenario =
	    scenario_read(text_file(scene.text, path), &fault);
	bool failed, passed = false;

	simulation.scenario = scenario;
	simulation.said = memfd_create("said", MFD_CLOEXEC);
	if (scenario != NULL) {
		passed = simulator_run(&simulation, &fault, &failed);
		scenario_free(scenario);
	}
	if (!passed)
		fprintf(stderr, "%s\n%s\n%s\n", scene.text, fault.story,
		    fault.text);
	if (reached_len == 0)
		exit(passed ? 0 : 1); /* and the leak checker looks */
	memcpy(reached, __start___sancov_cntrs, reached_len);
	_exit(passed ? 0 : 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static uint8_t *reached;
	size_t reached_len =
	    (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
	struct input in = {octets, len};
	int status;
	pid_t pid;

	if (reached == NULL)
		reached = mmap(NULL, reached_len + 1, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert(reached != MAP_FAILED);
	scene_make(&in);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		scene_play(reached, reached_len);
	assert(pid > 0);
	while (waitpid(pid, &status, 0) != pid)
		assert(errno == EINTR); /* libFuzzer's clock */
	assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	if (reached_len > 0)
		memcpy(__start___sancov_cntrs, reached, reached_len);
	return 0;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
