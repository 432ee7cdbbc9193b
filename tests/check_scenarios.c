/*
 * check_scenarios.c -- every scenario is a test.
 *
 *	check_scenarios [FILE...]	only these
 *	TRACE=1		every packet, line and step on standard output
 *	SEED=N		the first seed; the default is 1
 *	RUNS=N		so many seeds for each scenario; the default is 3
 */
#include "apart.h"
#include "driver.h"

#include <check.h>
#include <glob.h>
#include <stdlib.h>

static char *const *files;
static size_t file_count;

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
    "# row\nproves B01\n",
    "# row\nproves L13\n",
    "# row\nproves M1x\n",
    "# row\nproves attacks:M01\n",
    "# row\nproves attacks:L22\n",
    "# no opt\nask . NS noedns option 100 00\nexpect any\n",
    "# no opt\nask raw 00 ednsflags 64\nexpect any\n",
    "# no value\nask . NS option 100\nexpect any\n",
    "# no sign\nask . NS\nexpect any\n    size 12\n",
    "# no gap\ngaps all =\n",
    "# no unit\ngaps all = 400\n",
    "# no such spoil\nforge 192.0.2.1 wrong\n",
    "# no such prefix\nserver 192.0.2.0/33 silent\n",
    "# no part\nask . NS\nexpect any\n    flags tc\n",
    "# no part\nask . NS\nexpect nothing\n    answer none\n",
    "# late\nreply 192.0.2.1\n    delay 5ms\n",
    "# no lines\nhints missing\n    . NS a.\n",
    "# no such way\nhints moved\n    . NS a.\n",
    "# two ways\nhints renamed touched\n",
    "# no such transport\nserver 192.0.2.1 sctp silent\n",
    "# not over TCP\nserver 192.0.2.1 tcp drop first 1\n",
    "# not over TCP\nserver 192.0.2.1 tcp forge wrong-id\n",
    "# not over TCP\nserver 192.0.2.1 tcp wrong-port\n",
    "# not over UDP\nserver 192.0.2.1 udp half\n",
    "# no name yet\nserver 192.0.2.1 for a. idle 5s\n",
    "# no time\nserver 192.0.2.1 dribble\n",
    "# nothing\nserver 192.0.2.1 sips 0\n",
    "# over UDP\nserver 192.0.2.1 udp sips 7\n",
    "# nowhere\nserver 192.0.2.1 loops\n",
    "# over TCP\nserver 192.0.2.1 tcp loops to 192.0.2.9\n",
    "# no connection\nask . NS on c\nexpect any\n",
    "# no connection\nconnect c\nclosed d\n",
    "# no connection\nconnect c times 3\nclosed c4\n",
    "# no connection\nconnect c\nclosed c1\n",
    "# twice\nconnect c\nconnect c\n",
    "# twice\nconnect c1\nconnect c times 2\n",
    "# nothing\nconnect c times 0\n",
    "# none\nports 5 4\n",
    "# not repeated\nask . NS every 1s\nexpect any\n",
    "# two ways\nconnect c\nask . NS on c tcp\nexpect any\n",
    "# two ways\nconnect c\nask . NS on c from 192.0.2.9\nexpect any\n",
    "# no octets\nconnect c\nsend c\n",
    "# no hex\nconnect c\nsend c 0g\n",
    "# no unit\nconnect c\nclosed c >= 9\n",
    "# no of\nconnect c\nopen 1 c\n",
    "# no sign\nconnect c\nwrites c 1\n",
    "# no sign\nask . NS tcp\nexpect any\n    place 1\n",
    "# no tenth\nask . NS tcp\nexpect any\n    keepalive 150ms\n",
    "# no name\nconnections all for a. = 1\n",
    "# more than all\nfail sendto EPERM percent 101\n",
    "# none of what\nfail none EPERM\n",
};

START_TEST(slip_of_the_pen_is_refused)
{
	char path[TEXT_PATH_MAX];
	struct fault fault;

	ck_assert_ptr_null(scenario_read(text_file(slips[_i], path), &fault));
	ck_assert_ptr_nonnull(strstr(fault.text, path));
}
END_TEST

/* What ends a scenario that is true until then. */
static const char truth[] = "# Every falsehood is noticed.\n"
			    "zone . on 198.41.0.4\n"
			    "    @ NS a.root-servers.net.\n"
			    "    a.root-servers.net. A 198.41.0.4\n"
			    "    www.example. 60 A 93.184.216.34\n"
			    "    alias.example. 60 CNAME www.example.\n"
			    "    $GENERATE 1-2 g$. 60 A 192.0.2.${10}\n"
			    "ask www.example. A\n";

/* What happens between that and the end. */
enum prologue {
	NO_MORE,
	BROKEN,
	AGAIN,
	SILENT,
	TRUNCATED
};

static const char *const prologues[] = {"",
    "expect any\nserver 198.41.0.4 refused\nask a. A\nexpect SERVFAIL\n",
    ("expect any\nserver 198.41.0.4 refused\nask a. A\nexpect SERVFAIL\n"
     "ask a. A\nexpect SERVFAIL\n"),
    "expect any\nserver 198.41.0.4 silent\nask a. A\nexpect SERVFAIL\n",
    "expect any\nserver 198.41.0.4 tc\nask g1. A\n"};

static const struct {
	enum prologue prologue;
	const char *end;
	bool is_true;
} ends[] = {
    {NO_MORE, "expect NOERROR\n    answer www.example. 60 A 93.184.216.34\n",
	true},
    {NO_MORE, "expect NOERROR\n    answer www.example. * A 93.184.216.34\n",
	true},
    {NO_MORE, "expect NOERROR\n    answer www.example. 60 A 93.184.216.35\n",
	false},
    {NO_MORE, "expect NOERROR\n    answer www.example. 61 A 93.184.216.34\n",
	false},
    {NO_MORE, "expect NOERROR\n    answer ww.example. 60 A 93.184.216.34\n",
	false},
    {NO_MORE, "expect NOERROR\n    answer none\n", false},
    {NO_MORE, "expect NOERROR\n    ede 22\n", false},
    {NO_MORE, "expect NOERROR\n    flags tc\n", false},
    {NO_MORE, "expect NOERROR\n    time <= 1ms\n", false},
    {NO_MORE, "expect NXDOMAIN\n", false},
    {NO_MORE, "expect nothing\n", false},
    {NO_MORE, "expect any\npackets all = 2\n", true},
    {NO_MORE, "expect any\npackets all = 1\n", false},
    {NO_MORE, "expect any\npackets 198.41.0.4 for www.example. A = 1\n", true},
    {NO_MORE, "expect any\npackets 198.41.0.4 for www.example. MX = 1\n",
	false},
    {NO_MORE, "expect any\npackets self >= 1\n", false},
    {NO_MORE, "expect any\nlog id=2 level=info\n", true},
    {NO_MORE, "expect any\nlog id=2 level=error\n", false},
    {NO_MORE, "expect any\nlog none id=2\n", false},
    {NO_MORE, "expect any\nrefused 198.41.0.4\nask a. A\nexpect any\n", false},
    {NO_MORE, "expect any\nexit 0\n", false},

    /* Rows may be of both papers, and the article. */
    {NO_MORE, "expect any\nproves L01 DEC3 attacks:L21 Q244132\n", true},

    /* 12 octets of header, 17 of question, 16 of record, 11 of OPT. */
    {NO_MORE, "expect any\n    size = 56\n", true},
    {NO_MORE, "expect any\n    size = 55\n", false},
    {NO_MORE, "expect any\n    size = 57\n", false},
    {NO_MORE, "expect any\n    size >= 56\n    size <= 56\n", true},
    {NO_MORE, "expect any\n    size >= 57\n", false},
    {NO_MORE, "expect any\n    size <= 55\n", false},
    {NO_MORE, "expect NOERROR\n    question none\n", false},
    {NO_MORE,
	"expect any\nask raw 01000001000000000000\nexpect FORMERR\n"
	"    question none\n",
	true},
    {NO_MORE,
	"expect any\nask g2. A\nexpect NOERROR\n"
	"    answer g2. 60 A 192.0.2.12\n",
	true},

    /* An alias comes before what it leads to. */
    {NO_MORE,
	"expect any\nask alias.example. A\nexpect NOERROR\n    ordered\n"
	"    answer alias.example. 60 CNAME www.example.\n"
	"    answer www.example. 60 A 93.184.216.34\n",
	true},
    {NO_MORE,
	"expect any\nask alias.example. A\nexpect NOERROR\n"
	"    answer www.example. 60 A 93.184.216.34\n"
	"    answer alias.example. 60 CNAME www.example.\n",
	true},
    {NO_MORE,
	"expect any\nask alias.example. A\nexpect NOERROR\n    ordered\n"
	"    answer www.example. 60 A 93.184.216.34\n"
	"    answer alias.example. 60 CNAME www.example.\n",
	false},
    {NO_MORE,
	"expect any\nask alias.example. A\nexpect NOERROR\n    ordered\n"
	"    answer alias.example. 60 CNAME www.example.\n",
	false},
    {NO_MORE, "expect NOERROR\n    ordered\n", false},
    {NO_MORE,
	"expect any\nask alias.example. A\nask www.example. A\n"
	"ask alias.example. A\nexpect all NOERROR\n    beginnings 2\n",
	true},
    {NO_MORE,
	"expect any\nask alias.example. A\nask alias.example. A\n"
	"expect all NOERROR\n    beginnings 2\n",
	false},
    {NO_MORE,
	"expect any\nask alias.example. A\nask www.example. A\n"
	"expect all NOERROR\n    beginnings 1\n",
	false},
    {NO_MORE,
	"expect any\nask a.example. A norec\nask b.example. A norec\n"
	"expect all REFUSED\n    alike\n",
	true},
    {NO_MORE,
	"expect any\nask a.example. A norec\nask b.example. A norec cd\n"
	"expect all REFUSED\n    alike\n",
	false},

    /* The second time it is 13 too. */
    {BROKEN, "    ede only 22\n    ede not 13\n", true},
    {BROKEN, "    ede only 23\n", false},
    {BROKEN, "    ede only 22 \"no such text\"\n", false},
    {BROKEN, "    ede not 22\n", false},
    {BROKEN, "    ede not 22 \"no such text\"\n", true},
    {AGAIN, "    ede 13\n    ede 22\n    ede not 23\n", true},
    {AGAIN, "    ede 13\n    ede 23\n", false},
    {AGAIN, "    ede only 22\n", false},
    {AGAIN, "    ede not 13\n", false},
    {AGAIN, "    ede none\n", false},

    /* All that was asked since the last time all was judged. */
    {NO_MORE,
	"expect any\nask a. A\nask b. A\nexpect all any\npackets all = 2\n",
	true},
    {NO_MORE,
	"expect any\nask a. A\nask b. A\nexpect all any\npackets all = 1\n",
	false},
    {NO_MORE,
	"expect any\nask a. A\nexpect any\nask b. A\nexpect any\n"
	"packets all = 1\n",
	true},

    /* The root is known to take 10 ms. */
    {SILENT, "gaps 198.41.0.4 for a. A = 100ms\n", true},
    {SILENT, "gaps all >= 100ms\n", true},
    {SILENT, "gaps 198.41.0.4 = 99ms\n", false},
    {SILENT, "gaps 198.41.0.4 <= 99ms\n", false},
    {SILENT, "gaps 198.41.0.4 >= 0ms 0ms\n", false},
    {SILENT, "gaps 198.41.0.4 for b. A >= 0ms\n", false},
    {SILENT, "gaps all = 10ms 10ms 100ms total\n", true},

    /* Prefixes, to the bit. */
    {NO_MORE,
	"expect any\nserver 198.41.0.0/29 silent\nask a. A\nexpect SERVFAIL\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.0/30 silent\nask a. A\nexpect NXDOMAIN\n",
	true},

    /* Hints are taken when they were the same for a second. */
    {NO_MORE,
	"expect any\nhints\n    . NS b.\n    b. A 198.41.0.4\n"
	"wait 3s\nlog 2 id=540\n",
	true},
    {NO_MORE,
	"expect any\nhints\n    . NS b.\n    b. A 198.41.0.4\n"
	"wait 900ms\nlog 2 id=540\n",
	false},
    {NO_MORE,
	"expect any\nhints renamed\n    . NS b.\nwait 900ms\n"
	"hints appended\n    b. A 198.41.0.4\nwait 3s\n"
	"log 2 id=540\nlog none level=error\n",
	true},
    {NO_MORE, "expect any\nhints touched\nwait 3s\nlog 2 id=540\n", false},
    {NO_MORE, "expect any\nhints missing\nwait 3s\nlog errno=ENOENT\n", true},
    {NO_MORE, "expect any\nhints directory\nwait 3s\nlog errno=EISDIR\n", true},
    {NO_MORE, "expect any\nhints loop\nwait 3s\nlog errno=ELOOP\n", true},
    {NO_MORE, "expect any\nhints fifo\nwait 3s\nlog id=1003\n", true},
    {NO_MORE, "expect any\nhints large\nwait 3s\nlog errno=EFBIG\n", true},
    {NO_MORE, "expect any\nhints unreadable\nwait 3s\nlog errno=EACCES\n",
	true},
    {NO_MORE, "expect any\nhints restless\nwait 30s\nlog none level=error\n",
	true},

    /* A forger who has all right is believed, but for once. */
    {NO_MORE,
	"expect any\nforge 198.41.0.4 for a. A\n    answer a. 60 A 6.6.6.6\n"
	"ask a. A\nexpect NOERROR\n    answer a. 60 A 6.6.6.6\n",
	true},
    {NO_MORE,
	"expect any\nforge 198.41.0.4 for a. A\n    answer a. 60 A 6.6.6.6\n"
	"    delay 1ms\nask a. A\nexpect NOERROR\n",
	false},
    {NO_MORE,
	"expect any\nforge 198.41.0.4 for a. A wrong-id\n"
	"    answer a. 60 A 6.6.6.6\nask a. A\nexpect NXDOMAIN\n",
	true},
    {NO_MORE,
	"expect any\nforge 198.41.0.4 for a. A wrong-id\n"
	"    answer a. 60 A 6.6.6.6\nask a. A\nexpect NOERROR\n",
	false},
    {NO_MORE,
	"expect any\nforge 198.41.0.4 under . A cut\n    rcode SERVFAIL\n"
	"ask g1. A\nexpect NOERROR\n    time <= 10ms\n",
	true},
    {NO_MORE,
	"expect any\nforge 198.41.0.4\n    rcode SERVFAIL\n"
	"ask g1. A\nexpect NOERROR\n",
	false},

    /* Name servers over TCP. */
    {TRUNCATED,
	"expect NOERROR\n    answer g1. 60 A 192.0.2.11\n"
	"connections all = 1\npackets all tcp = 1\npackets all udp = 1\n",
	true},
    {TRUNCATED, "expect NOERROR\nconnections all = 0\n", false},
    {TRUNCATED, "expect NOERROR\npackets all udp = 2\n", false},
    {TRUNCATED, "expect NOERROR\n    time <= 20ms\n", false},
    {TRUNCATED, "expect NOERROR\n    time <= 30ms\n", true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 dribble 2ms\n"
	"ask g1. A\nexpect NOERROR\n    time >= 120ms\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 tcp delay 80ms\n"
	"ask g1. A\nexpect NOERROR\n    time >= 110ms\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 half\n"
	"ask g1. A\nexpect SERVFAIL\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 close\n"
	"ask g1. A\nexpect SERVFAIL\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 reset\n"
	"ask g1. A\nexpect SERVFAIL\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\n"
	"server 198.41.0.4 tcp unreachable\nask g1. A\nexpect SERVFAIL\n"
	"    time <= 1s\npackets all tcp = 0\nconnections all >= 1\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 tcp silent\n"
	"ask g1. A\nexpect SERVFAIL\npackets all tcp = 0\n",
	true},
    {NO_MORE,
	"expect any\nserver 198.41.0.4 tc\nserver 198.41.0.4 tcp mute\n"
	"ask g1. A\nexpect SERVFAIL\npackets all tcp >= 1\n",
	true},

    /* Clients over TCP. */
    {NO_MORE,
	"expect any\nask g1. A tcp\nexpect NOERROR\n"
	"    answer g1. 60 A 192.0.2.11\n    place = 1\n",
	true},
    {NO_MORE, "expect any\nask g1. A tcp\nexpect any\n    place >= 2\n", false},
    {NO_MORE, "expect any\nask g1. A\nexpect any\n    place = 1\n", false},
    {NO_MORE,
	"expect any\nask g1. A tcp option 11 \"\"\nexpect any\n"
	"    keepalive 10s\n",
	true},
    {NO_MORE,
	"expect any\nask g1. A tcp option 11 \"\"\nexpect any\n"
	"    keepalive 9900ms\n",
	false},
    {NO_MORE,
	"expect any\nask g1. A tcp option 11 \"\"\nexpect any\n"
	"    keepalive none\n",
	false},
    {NO_MORE, "expect any\nask g1. A tcp\nexpect any\n    keepalive none\n",
	true},
    {NO_MORE, "expect any\nask g1. A tcp\nexpect any\n    keepalive 10s\n",
	false},
    {NO_MORE, "expect any\nconnect c\nopen c\n", true},
    {NO_MORE, "expect any\nconnect c\nclosed c\n", false},
    {NO_MORE, "expect any\nconnect c\nsend c 0000\nclosed c fin <= 0ms\n",
	true},
    {NO_MORE, "expect any\nconnect c\nsend c 0000\nopen c\n", false},
    {NO_MORE, "expect any\nconnect c\nsend c 0000\nclosed c >= 1ms\n", false},
    {NO_MORE,
	"expect any\nconnect c times 3\nsend c2 0000\nclosed c2\n"
	"closed 1 of c\nopen 2 of c\nopen c1\nopen c3\n",
	true},
    {NO_MORE, "expect any\nconnect c to 127.0.0.9\nclosed c reset\n", true},

    /* As it stalls, not all fits into its window; then it reads the rest. */
    {NO_MORE,
	"expect any\nconnect c window 100\nstall c\n"
	"ask g$. A times 9 on c &\nwait 1s\nread c\nwait 1s\n"
	"expect all any\nopen c\nwrites c >= 3\n",
	true},
    {NO_MORE,
	"expect any\nconnect c window 100\nstall c\n"
	"ask g$. A times 9 on c &\nwait 1s\nexpect all any\n",
	false},
    {NO_MORE,
	"expect any\nconnect c segments 1 every 100ms\nask g1. A on c\n"
	"expect any\n    time >= 3s\n    time <= 4s\n",
	true},
    {NO_MORE,
	"expect any\nconnect c\nask www.example. A on c &\n"
	"ask g1. A on c\nexpect any\n    place = 1\nexpect any\n"
	"    place = 2\n",
	true},
    {NO_MORE,
	"expect any\nconnect c\nask g1. A on c &\n"
	"ask www.example. A on c\nexpect any\n    place = 1\nexpect any\n",
	false},
    {NO_MORE, "expect any\nconnect c\nshut c\nask g1. A on c\nexpect any\n",
	false},
    {NO_MORE, "expect any\nconnect c\nreset c\nask g1. A tcp\nexpect any\n",
	true},
};

START_TEST(falsehood_is_noticed)
{
	struct simulation simulation = {.seed = setting("SEED", 1)};
	struct outcome *o = share(sizeof(*o));
	char text[2048], path[TEXT_PATH_MAX];
	struct scenario *scenario;
	struct fault fault;

	snprintf(text, sizeof(text), "%s%s%s", truth,
	    prologues[ends[_i].prologue], ends[_i].end);
	scenario = scenario_read(text_file(text, path), &fault);
	ck_assert_msg(scenario != NULL, "%s", fault.text);
	simulation.scenario = scenario;
	run_apart(&simulation, o);
	ck_assert_msg(
	    o->passed == ends[_i].is_true, "%s%s", ends[_i].end, o->fault.text);
	scenario_free(scenario);
	unshare(o, sizeof(*o));
}
END_TEST

/* ---------------------------------------------------------------------------
 * What the witness looks at each time, on messages made here.
 */
enum {
	QUESTION_END = 29, /* header, www.example. A */
	OPT_MAX = 32
};

/* A scenario of one ask, its client and the octets of the query. */
struct encounter {
	char path[TEXT_PATH_MAX];
	struct scenario *scenario;
	struct witness witness;
	struct client *client;
	struct fault fault;
};

static void
encounter_begin(struct encounter *e, const char *text)
{
	const struct step *step;

	memset(e, 0, sizeof(*e));
	e->scenario = scenario_read(text_file(text, e->path), &e->fault);
	ck_assert_msg(e->scenario != NULL, "%s", e->fault.text);
	e->witness.scenario = e->scenario;
	step = e->scenario->steps;
	e->client = witness_client(&e->witness, step, 1, 0x1234,
	    step->ask.tcp ? witness_connect(&e->witness, step, 1) : NULL);
}

static void
encounter_end(struct encounter *e)
{
	witness_free(&e->witness);
	scenario_free(e->scenario);
}

/* The header and question of www.example. A, and this after it. */
static size_t
message_with(
    const uint8_t *message, uint16_t flags, const char *opt, uint8_t *octets)
{
	size_t len = strlen(opt) / 2, i;

	memcpy(octets, message, QUESTION_END);
	octets[2] = (uint8_t)(flags >> 8);
	octets[3] = (uint8_t)flags;
	octets[11] = len > 0;
	for (i = 0; i < len; i++) {
		char digits[3] = {opt[2 * i], opt[2 * i + 1], '\0'};

		octets[QUESTION_END + i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return QUESTION_END + len;
}

/* OPT of replies: the size is 04d0; then rcode, version, flags, options. */
static const struct {
	const char *flags, *opt;
	bool is_good;
} opts[] = {
    {"", "00002904d0000000000000", true},
    {"", "", false},
    {"noedns", "", true},
    {"noedns", "00002904d0000000000000", false},
    {"do", "00002904d0000080000000", true},
    {"do", "00002904d0000000000000", false},
    {"", "00002904d0000080000000", false},
    {"edns 1", "00002904d0010000000000", true},
    {"edns 1", "00002904d0010100000000", false},
    {"edns 1 do", "00002904d0010080000000", true},
    {"edns 1 do", "00002904d0010000000000", false},
    {"ednsflags 64", "00002904d0000000400000", false},
    {"ednsflags 64", "00002904d0000000000000", true},
    {"", "0000291000000000000000", false},
    {"", "0000290200000000000000", false},
    {"option 100 0102", "00002904d0000000000000", true},
    {"option 100 0102",
	"00002904d000000000000600640002"
	"0102",
	false},
    {"option 100 \"\"",
	"00002904d00000000000040064"
	"0000",
	false},
    {"",
	"00002904d0000000000006000f0002"
	"0016",
	true},
    {"",
	"00002904d0000000000005000f0001"
	"00",
	false},
    {"option 11 \"\"", "00002904d0000000000000", true},
    {"option 11 \"\"",
	"00002904d0000000000006000b0002"
	"0064",
	false},
    {"tcp option 11 \"\"",
	"00002904d0000000000006000b0002"
	"0064",
	true},
    {"tcp option 11 \"\"", "00002904d0000000000000", true},
    {"tcp",
	"00002904d0000000000006000b0002"
	"0064",
	false},
    {"tcp option 11 \"\"", "00002904d0000000000004000b0000", false},
};

/* V03, E01, E05, E06, E08, C14 */
START_TEST(opt_of_a_reply_is_judged)
{
	static const struct address nobody;
	struct encounter e;
	uint8_t octets[QUESTION_END + OPT_MAX];
	char text[128];
	bool good;

	snprintf(text, sizeof(text),
	    "# opt\nask www.example. A %s\nexpect any\n", opts[_i].flags);
	encounter_begin(&e, text);
	witness_reply(e.client, &nobody, octets,
	    message_with(e.client->query, 0x8180, opts[_i].opt, octets), 0);
	good = witness_judge(&e.witness, e.scenario->last, &e.fault);
	ck_assert_msg(good == opts[_i].is_good, "%s: %s %s", opts[_i].flags,
	    opts[_i].opt, e.fault.text);
	encounter_end(&e);
}
END_TEST

/* DESIGN decision 16: what failed, in 120 printable octets at the most. */
START_TEST(text_of_an_extended_error_is_judged)
{
	static const struct address nobody;
	static const struct {
		unsigned code, len;
		char octet;
		bool is_good;
	} rows[] = {
	    {22, 120, 'x', true},
	    {22, 121, 'x', false},
	    {22, 1, '\n', false},
	    {22, 0, 0, false},
	    {13, 0, 0, true},
	};
	struct encounter e;
	uint8_t octets[QUESTION_END + 2 * EDE_TEXT_MAX];
	size_t len = rows[_i].len;
	struct writer w;

	encounter_begin(&e, "# opt\nask www.example. A\nexpect SERVFAIL\n");
	writer_init(&w, octets, sizeof(octets));
	w.len =
	    message_with(e.client->query, 0x8182, "00002904d000000000", octets);
	write_u16(&w, (uint16_t)(len + 6));
	write_u16(&w, 15);
	write_u16(&w, (uint16_t)(len + 2));
	write_u16(&w, (uint16_t)rows[_i].code);
	for (; len > 0; len--)
		write_u8(&w, (uint8_t)rows[_i].octet);
	witness_reply(e.client, &nobody, octets, w.len, 0);
	ck_assert_msg(witness_judge(&e.witness, e.scenario->last, &e.fault) ==
		rows[_i].is_good,
	    "%s", e.fault.text);
	encounter_end(&e);
}
END_TEST

/* OPT of queries to name servers. */
static const struct {
	const char *opt;
	bool is_good;
} query_opts[] = {
    {"", true},
    {"00002904d0000080000000", true},
    {"00002904d0000000000000", false},
    {"00002904d0000180000000", false},
    {"00002904d0000080400000", false},
    {"0000291000000080000000", false},
    {"00002904d0000080000004"
     "00030000",
	false},
};

/* C14: over TCP a query may ask how long the connection is kept. */
START_TEST(keepalive_is_asked_for_over_tcp_alone)
{
	static const struct address root = {
	    .family = 4, .ip = {198, 41, 0, 4}, .port = DNS_PORT};
	static const struct {
		const char *opt;
		enum transport transport;
		bool is_good;
	} rows[] = {
	    {"00002904d0000080000004000b0000", TRANSPORT_TCP, true},
	    {"00002904d0000080000004000b0000", TRANSPORT_UDP, false},
	    {"00002904d0000080000006000b00020064", TRANSPORT_TCP, false},
	    {"00002904d0000080000004000a0000", TRANSPORT_TCP, false},
	};
	struct encounter e;
	uint8_t octets[QUESTION_END + OPT_MAX];
	size_t len;

	encounter_begin(&e, "# opt\nask www.example. A\nexpect any\n");
	len = message_with(e.client->query, 0, rows[_i].opt, octets);
	ck_assert(witness_query(&e.witness, &root, rows[_i].transport, octets,
		      len, &e.fault) == rows[_i].is_good);
	encounter_end(&e);
}
END_TEST

/* V01, E07, E08 */
START_TEST(opt_of_a_query_is_judged)
{
	static const struct address root = {
	    .family = 4, .ip = {198, 41, 0, 4}, .port = DNS_PORT};
	struct encounter e;
	uint8_t octets[QUESTION_END + OPT_MAX];
	size_t len;

	encounter_begin(&e, "# opt\nask www.example. A\nexpect any\n");
	len = message_with(e.client->query, 0, query_opts[_i].opt, octets);
	ck_assert_msg(witness_query(&e.witness, &root, TRANSPORT_UDP, octets,
			  len, &e.fault) == query_opts[_i].is_good,
	    "%s %s", query_opts[_i].opt, e.fault.text);
	encounter_end(&e);
}
END_TEST

/* What a client sends, after the question. */
static const struct {
	const char *flags, *opt;
} sent[] = {
    {"", "00002904d0000000000000"},
    {"do ednsflags 64", "00002904d0000080400000"},
    {"option 3 \"\" option 10 0102",
	"00002904d000000000000a"
	"00030000"
	"000a00020102"},
};

START_TEST(flags_and_options_are_sent)
{
	struct encounter e;
	uint8_t octets[QUESTION_END + OPT_MAX];
	char text[128];
	size_t len;

	snprintf(text, sizeof(text),
	    "# opt\nask www.example. A %s\nexpect any\n", sent[_i].flags);
	encounter_begin(&e, text);
	len = message_with(e.client->query, 0x0100, sent[_i].opt, octets);
	ck_assert_uint_eq(len, e.client->query_len);
	ck_assert_mem_eq(octets, e.client->query, len);
	encounter_end(&e);
}
END_TEST

/* M01: a reply to what has no header is always wrong. */
START_TEST(bare_octets_are_sent_and_not_answered)
{
	static const char *const words[] = {"\"\"", "01"};
	static const struct address nobody;
	struct encounter e;
	char text[64];

	snprintf(
	    text, sizeof(text), "# bare\nask bare %s\nexpect any\n", words[_i]);
	encounter_begin(&e, text);
	ck_assert_uint_eq(e.client->query_len, (size_t)_i);
	witness_reply(e.client, &nobody,
	    (const uint8_t *)"\x12\x34\x81\x81\0\0\0\0\0\0\0\0", 12, 0);
	ck_assert(!witness_judge(&e.witness, e.scenario->last, &e.fault));
	encounter_end(&e);
}
END_TEST

/*
 * A05: 16 queries for what a name needs of the servers of a zone, its probes
 * included, and 100 in all; each question has its own, and nobody's are free.
 */
START_TEST(queries_of_a_question_are_counted)
{
	struct encounter e;
	struct name root = {.len = 1}, zone, probe;
	struct incident i = {.q = 1, .zone = &root, .qname = &zone};
	char text[16];
	unsigned n;

	encounter_begin(&e, "# bill\nask www.example. A\nexpect any\n");
	ck_assert(name_from_text("a.example.", 10, &root, &zone));
	ck_assert(name_from_text("example.", 8, &root, &probe));
	for (n = 0; n < 16; n++) {
		i.qname = n < 3 ? &probe : &zone;
		i.sname = n < 3 ? &zone : NULL;
		witness_charged(&e.witness, &i, &e.fault);
		i.q = 2;
		witness_charged(&e.witness, &i, &e.fault);
		i.q = 1;
	}
	ck_assert_str_eq(e.fault.text, "");
	if (_i == 0) {
		witness_charged(&e.witness, &i, &e.fault);
		ck_assert_str_ne(e.fault.text, "");
	}
	for (n = 16; _i == 1 && n < 101; n++) {
		ck_assert_str_eq(e.fault.text, "");
		snprintf(text, sizeof(text), "z%u.", n);
		ck_assert(name_from_text(text, strlen(text), &root, &zone));
		witness_charged(&e.witness, &i, &e.fault);
	}
	ck_assert_str_ne(e.fault.text, "");
	encounter_end(&e);
}
END_TEST

/* attacks:I19: with 64 KiB of stack. */
START_TEST(scenario_comes_true)
{
	struct simulation simulation = {.seed = setting("SEED", 1)};
	uint64_t end = simulation.seed + setting("RUNS", 3);
	struct outcome *o = share(sizeof(*o));
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
	unshare(o, sizeof(*o));
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
	tcase_add_loop_test(tcase, opt_of_a_reply_is_judged, 0,
	    (int)(sizeof(opts) / sizeof(opts[0])));
	tcase_add_loop_test(tcase, opt_of_a_query_is_judged, 0,
	    (int)(sizeof(query_opts) / sizeof(query_opts[0])));
	tcase_add_loop_test(tcase, flags_and_options_are_sent, 0,
	    (int)(sizeof(sent) / sizeof(sent[0])));
	tcase_add_loop_test(tcase, text_of_an_extended_error_is_judged, 0, 5);
	tcase_add_loop_test(tcase, keepalive_is_asked_for_over_tcp_alone, 0, 4);
	tcase_add_loop_test(tcase, bare_octets_are_sent_and_not_answered, 0, 2);
	tcase_add_loop_test(tcase, queries_of_a_question_are_counted, 0, 2);
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
	tcase_add_loop_test(tcase, scenario_comes_true, 0, (int)file_count);
	if (argc == 1)
		own_tests_add(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	globfree(&found);
	return failed == 0 ? 0 : 1;
}
