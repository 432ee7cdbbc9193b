/*
 * check_server.c -- addresses, hints and their file, round-trip times,
 * lameness, chance.
 *
 * The addresses and their verdicts are those of rfcs.md 19.1, written down
 * without a look at the table of server.c.  What hints_parse tells the
 * operator is read back from an event log of the test's own.
 */
#include "from_text.h"
#include "kernel.h"
#include "scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OWN_LOG_MAX = 1 << 18,
	START_MS = 1000000,
	CROWD = 100000, /* of servers, six times what is remembered */
	DRAWN = 30000   /* numbers, many times what is asked for at once */
};

static const uint8_t KEY[16] = "a key of no use";
static const struct name ROOT = {.len = 1};

static uint64_t now_ms;

static struct prefix
prefix_of(const char *text)
{
	struct prefix p;

	ck_assert_msg(prefix_from_text(text, &p), "prefix %s", text);
	return p;
}

static void
init(const struct prefix *allowed, unsigned count)
{
	struct server_options o = {.allowed = allowed, .allowed_count = count};

	memcpy(o.key, KEY, sizeof(o.key));
	ck_assert(server_init(&o));
}

static void
setup(void)
{
	now_ms = START_MS;
	init(NULL, 0);
}

/* Open these prefixes as -s does. */
static void
allow(const char *one, const char *two)
{
	static struct prefix allowed[2];
	unsigned n = 0;

	if (one != NULL)
		allowed[n++] = prefix_of(one);
	if (two != NULL)
		allowed[n++] = prefix_of(two);
	server_close();
	init(allowed, n);
}

static void
listen_on(const char *text, uint16_t port)
{
	struct address a = address_of(text);

	a.port = port;
	server_listens(&a);
}

static const char *
fault_of(const char *text, bool typed)
{
	struct address a = address_of(text);

	return address_fault(&a, typed);
}

static bool
refused_as(const char *text, bool typed, const char *class)
{
	const char *fault = fault_of(text, typed);

	return fault != NULL && strcmp(fault, class) == 0;
}

/* Repeatable, and good enough to try many shapes. */
static uint32_t
random_up_to(uint32_t *state, uint32_t bound)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*state * bound >> 32);
}

/* ---------------------------------------------------------------------------
 * Address classes.
 */

/* A block, and what is the verdict just before it, in it, and just after. */
static const struct {
	const char *block;
	const char *verdicts;     /* Send, Ask, Never; - there is no such */
	const char *addresses[4]; /* first - 1, first, last, last + 1 */
} BLOCKS[] = {
    {"0.0.0.0/8", "-NNS", {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"}},
    {"0.0.0.0/32", "-N-N", {NULL, "0.0.0.0", NULL, "0.0.0.1"}},
    {"10.0.0.0/8", "SAAS",
	{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"}},
    {"100.64.0.0/10", "SAAS",
	{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"}},
    {"127.0.0.0/8", "SAAS",
	{"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"}},
    {"169.254.0.0/16", "SAAS",
	{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"}},
    {"172.16.0.0/12", "SAAS",
	{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"}},
    {"192.0.0.0/24", "SAAS",
	{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"}},
    {"192.0.0.0/29", "SAAA",
	{"191.255.255.255", "192.0.0.0", "192.0.0.7", "192.0.0.8"}},
    {"192.0.0.8/32", "AA-A", {"192.0.0.7", "192.0.0.8", NULL, "192.0.0.9"}},
    {"192.0.0.9/32", "AA-A", {"192.0.0.8", "192.0.0.9", NULL, "192.0.0.10"}},
    {"192.0.0.10/32", "AA-A", {"192.0.0.9", "192.0.0.10", NULL, "192.0.0.11"}},
    {"192.0.0.170/32", "AA-A",
	{"192.0.0.169", "192.0.0.170", NULL, "192.0.0.171"}},
    {"192.0.0.171/32", "AA-A",
	{"192.0.0.170", "192.0.0.171", NULL, "192.0.0.172"}},
    {"192.0.2.0/24", "SAAS",
	{"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"}},
    {"192.31.196.0/24", "SSSS",
	{"192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"}},
    {"192.52.193.0/24", "SSSS",
	{"192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"}},
    {"192.88.99.0/24", "SAAS",
	{"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"}},
    {"192.88.99.2/32", "AA-A",
	{"192.88.99.1", "192.88.99.2", NULL, "192.88.99.3"}},
    {"192.168.0.0/16", "SAAS",
	{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"}},
    {"192.175.48.0/24", "SSSS",
	{"192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"}},
    {"198.18.0.0/15", "SAAS",
	{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"}},
    {"198.51.100.0/24", "SAAS",
	{"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"}},
    {"203.0.113.0/24", "SAAS",
	{"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"}},
    {"240.0.0.0/4", "NNN-",
	{"239.255.255.255", "240.0.0.0", "255.255.255.255", NULL}},
    {"255.255.255.255/32", "NN--",
	{"255.255.255.254", "255.255.255.255", NULL, NULL}},
    {"224.0.0.0/4", "SNNN",
	{"223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0"}},
    {"::1/128", "NA-N", {"::", "::1", NULL, "::2"}},
    {"::/128", "-N-A", {NULL, "::", NULL, "::1"}},
    {"::ffff:0:0/96", "ANNA",
	{"::fffe:ffff:ffff", "::ffff:0:0", "::ffff:ffff:ffff", "::1:0:0:0"}},
    {"64:ff9b::/96", "AAAA",
	{"64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff",
	    "64:ff9b::", "64:ff9b::ffff:ffff", "64:ff9b::1:0:0"}},
    {"64:ff9b:1::/48", "AAAA",
	{"64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::",
	    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::"}},
    {"100::/64", "AAAA",
	{"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::"}},
    {"100:0:0:1::/64", "AAAA",
	{"100::ffff:ffff:ffff:ffff",
	    "100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", "100:0:0:2::"}},
    {"2001::/23", "SAAS",
	{"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"}},
    {"2001::/32", "SAAA",
	{"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::"}},
    {"2001:1::1/128", "AA-A", {"2001:1::", "2001:1::1", NULL, "2001:1::2"}},
    {"2001:1::2/128", "AA-A", {"2001:1::1", "2001:1::2", NULL, "2001:1::3"}},
    {"2001:1::3/128", "AA-A", {"2001:1::2", "2001:1::3", NULL, "2001:1::4"}},
    {"2001:2::/48", "AAAA",
	{"2001:1:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "2001:2:1::"}},
    {"2001:3::/32", "ASSA",
	{"2001:2:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "2001:4::"}},
    {"2001:4:112::/48", "ASSA",
	{"2001:4:111:ffff:ffff:ffff:ffff:ffff", "2001:4:112::",
	    "2001:4:112:ffff:ffff:ffff:ffff:ffff", "2001:4:113::"}},
    {"2001:10::/28", "AAAA",
	{"2001:f:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:20::"}},
    {"2001:20::/28", "AAAA",
	{"2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:30::"}},
    {"2001:30::/28", "AAAA",
	{"2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:40::"}},
    {"2001:db8::/32", "SAAS",
	{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::",
	    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"}},
    {"2002::/16", "SAAS",
	{"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"}},
    {"2620:4f:8000::/48", "SSSS",
	{"2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::",
	    "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"}},
    {"3fff::/20", "AAAS",
	{"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"}},
    {"5f00::/16", "AAAA",
	{"5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::"}},
    {"fc00::/7", "AAAA",
	{"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::"}},
    {"fe80::/10", "ANNA",
	{"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::"}},
    {"ff00::/8", "ANN-",
	{"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL}},
    {"::/96", "-NNA", {NULL, "::", "::ffff:ffff", "::1:0:0"}},
    {"::ffff:0:0:0/96", "AAAA",
	{"::fffe:ffff:ffff:ffff", "::ffff:0:0:0", "::ffff:0:ffff:ffff",
	    "::ffff:1:0:0"}},
    {"fec0::/10", "NAAN",
	{"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::"}},
    {"3ffe::/16", "SAAA",
	{"3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::"}},
    {"2000::/3", "ASSA",
	{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::"}},
};

enum {
	BLOCKS_COUNT = sizeof(BLOCKS) / sizeof(BLOCKS[0])
};

static enum verdict
verdict_of_letter(char letter)
{
	switch (letter) {
	case 'S':
		return VERDICT_SEND;
	case 'A':
		return VERDICT_ASK;
	default:
		ck_assert_int_eq(letter, 'N');
		return VERDICT_NEVER;
	}
}

/* R01 */
START_TEST(block_has_its_verdict_from_first_to_last_address)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		const char *text = BLOCKS[_i].addresses[i];
		struct address a;

		if (text == NULL)
			continue;
		a = address_of(text);
		ck_assert_msg(address_classify(&a)->verdict ==
			verdict_of_letter(BLOCKS[_i].verdicts[i]),
		    "%s beside or in %s", text, BLOCKS[_i].block);
	}
}
END_TEST

/* Without options and unless typed, SEND alone may be sent to. */
START_TEST(only_send_is_open_by_default)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		const char *text = BLOCKS[_i].addresses[i];
		struct address a;
		const char *fault;

		if (text == NULL)
			continue;
		a = address_of(text);
		fault = address_fault(&a, false);
		ck_assert_msg(
		    (fault == NULL) == (BLOCKS[_i].verdicts[i] == 'S'), "%s",
		    text);
		ck_assert(fault == NULL ||
		    strcmp(fault, address_classify(&a)->name) == 0);
	}
}
END_TEST

/* Its first and last addresses hold 0.0.0.0 and broadcast: see below. */
static bool
embeds_ipv4(const char *block)
{
	return strcmp(block, "64:ff9b::/96") == 0;
}

/* R10: typed, or inside an open prefix, only NEVER is refused. */
START_TEST(never_cannot_be_opened_and_ask_can)
{
	unsigned i;

	if (embeds_ipv4(BLOCKS[_i].block))
		return;
	for (i = 0; i < 4; i++) {
		const char *text = BLOCKS[_i].addresses[i];
		bool never = BLOCKS[_i].verdicts[i] == 'N';

		if (text == NULL)
			continue;
		allow(NULL, NULL);
		ck_assert_msg(
		    (fault_of(text, true) != NULL) == never, "%s", text);
		allow("0.0.0.0/0", "::/0");
		ck_assert_msg(
		    (fault_of(text, false) != NULL) == never, "%s", text);
	}
}
END_TEST

/* rfcs.md 19.1 for IPv4, by arithmetic. */
static enum verdict
verdict_by_arithmetic(uint32_t ip)
{
	uint32_t net16 = ip >> 16, net24 = ip >> 8, net8 = ip >> 24;

	if (net8 == 0 || net8 >= 224)
		return VERDICT_NEVER;
	if (net8 == 10 || net8 == 127)
		return VERDICT_ASK;
	if (net16 >= 100 * 256 + 64 && net16 <= 100 * 256 + 127)
		return VERDICT_ASK;
	if (net16 >= 172 * 256 + 16 && net16 <= 172 * 256 + 31)
		return VERDICT_ASK;
	if (net16 == 169 * 256 + 254 || net16 == 192 * 256 + 168 ||
	    net16 == 198 * 256 + 18 || net16 == 198 * 256 + 19)
		return VERDICT_ASK;
	if (net24 == 0xc00000 || net24 == 0xc00002 || net24 == 0xc05863 ||
	    net24 == 0xc63364 || net24 == 0xcb0071)
		return VERDICT_ASK;
	return VERDICT_SEND;
}

static void
hold_against_arithmetic(uint32_t ip)
{
	struct address a = {.family = 4, .port = DNS_PORT};
	unsigned i;

	for (i = 0; i < 4; i++)
		a.ip[i] = (uint8_t)(ip >> (24 - 8 * i));
	if (address_classify(&a)->verdict != verdict_by_arithmetic(ip))
		ck_abort_msg("%u.%u.%u.%u", a.ip[0], a.ip[1], a.ip[2], a.ip[3]);
}

/* R02, and 64 times as fine */
START_TEST(all_of_ipv4_agrees_with_arithmetic)
{
	uint32_t net, state = 1;

	for (net = 0; net < 0x400000; net++) {
		hold_against_arithmetic(net << 10);
		hold_against_arithmetic(net << 10 | 0x3ff);
		hold_against_arithmetic(
		    net << 10 | random_up_to(&state, 0x400));
	}
}
END_TEST

static bool
begins_alike(const struct address *a, const struct address *b, unsigned bits)
{
	unsigned i;

	for (i = 0; i < bits; i++)
		if (((a->ip[i / 8] ^ b->ip[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

/* By the table of this file: the longest block that holds it. */
static enum verdict
verdict_by_table(const struct prefix *blocks, const struct address *a)
{
	enum verdict verdict = a->family == 4 ? VERDICT_SEND : VERDICT_ASK;
	int bits = -1;
	unsigned i;

	for (i = 0; i < BLOCKS_COUNT; i++) {
		const struct prefix *p = &blocks[i];

		if (p->address.family != a->family || p->bits <= bits ||
		    !begins_alike(&p->address, a, p->bits))
			continue;
		bits = p->bits;
		verdict = verdict_of_letter(BLOCKS[i].verdicts[1]);
	}
	return verdict;
}

/*
 * R02 for IPv6, which nobody can sweep: a thousand addresses that begin like
 * each block for as many bits as chance has it, and go on at random.
 */
START_TEST(addresses_near_blocks_agree_with_the_table)
{
	static struct prefix blocks[BLOCKS_COUNT];
	uint32_t state = 1;
	unsigned i, n, bit;

	for (i = 0; i < BLOCKS_COUNT; i++)
		blocks[i] = prefix_of(BLOCKS[i].block);
	for (n = 0; n < 1000 * BLOCKS_COUNT; n++) {
		const struct prefix *near = &blocks[n % BLOCKS_COUNT];
		unsigned max = near->address.family == 4 ? 32 : 128;
		struct address a = near->address;
		char text[ADDRESS_TEXT_MAX];

		for (bit = random_up_to(&state, max + 1); bit < max; bit++)
			if (random_up_to(&state, 2) != 0)
				a.ip[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		ck_assert_msg(address_classify(&a)->verdict ==
			verdict_by_table(blocks, &a),
		    "%s", address_text(&a, text));
	}
}
END_TEST

/* R02 once more, finer, where the registry has blocks smaller than /16 */
START_TEST(networks_of_small_blocks_agree_with_arithmetic)
{
	static const uint32_t NETS[] = {
	    0xc000, 0xc01f, 0xc034, 0xc058, 0xc0af, 0xc633, 0xcb00};
	uint32_t ip;

	for (ip = NETS[_i] << 16; ip >> 16 == NETS[_i]; ip++)
		hold_against_arithmetic(ip);
}
END_TEST

/* 19.1 note 2: reachable by their flags, but no name server is there */
START_TEST(anycast_of_other_services_is_not_asked)
{
	static const char *const SERVICES[] = {
	    "192.0.0.9", "192.0.0.10", "2001:1::1", "2001:1::2", "2001:1::3"};
	struct address a = address_of(SERVICES[_i]);

	ck_assert(address_classify(&a)->verdict == VERDICT_ASK);
	ck_assert(address_fault(&a, false) != NULL);
	ck_assert(address_fault(&a, true) == NULL);
}
END_TEST

/* R09, 19.1 note 3: the registry is no list of what to deny. */
START_TEST(as112_is_asked)
{
	static const char *const SERVERS[] = {
	    "192.175.48.6", "192.31.196.1", "2620:4f:8000::6", "2001:4:112::1"};

	ck_assert(fault_of(SERVERS[_i], false) == NULL);
}
END_TEST

/* The word goes into the event log as class=, bare. */
START_TEST(class_has_a_word_and_a_source)
{
	struct address a = address_of(BLOCKS[_i].addresses[1]);
	const struct address_class *class = address_classify(&a);

	ck_assert_uint_gt(strlen(class->name), 0);
	ck_assert_uint_eq(strcspn(class->name, " \"=\\"), strlen(class->name));
	ck_assert_uint_gt(strlen(class->rfc), 0);
}
END_TEST

/* The address of the article (Q244132) and its kin, by their words. */
START_TEST(most_specific_block_gives_the_word)
{
	ck_assert(refused_as("0.0.0.0", false, "unspecified"));
	ck_assert(!refused_as("0.0.0.1", false, "unspecified"));
	ck_assert(refused_as("::", false, "unspecified"));
	ck_assert(refused_as("127.0.0.1", false, "loopback"));
	ck_assert(refused_as("::1", false, "loopback"));
	ck_assert(refused_as("255.255.255.255", false, "broadcast"));
	ck_assert(refused_as("224.0.0.1", false, "multicast"));
	ck_assert(refused_as("ff02::1", false, "multicast"));
}
END_TEST

/* R10: packets are sent there only */
START_TEST(open_prefix_opens_no_more_than_itself)
{
	allow("10.1.0.0/16", "fd00::/8");
	ck_assert(fault_of("10.1.0.0", false) == NULL);
	ck_assert(fault_of("10.1.255.255", false) == NULL);
	ck_assert(refused_as("10.0.255.255", false, "private"));
	ck_assert(refused_as("10.2.0.0", false, "private"));
	ck_assert(refused_as("192.168.0.1", false, "private"));
	ck_assert(fault_of("fd00::1", false) == NULL);
	ck_assert(refused_as("fc00::1", false, "private"));
	ck_assert(fault_of("198.41.0.4", false) == NULL);
}
END_TEST

/* RFC 6052 3.1: what is embedded must be fit to be asked itself. */
START_TEST(embedded_address_must_pass_as_well)
{
	ck_assert(refused_as("64:ff9b::198.41.0.4", false, "nat64"));
	allow("64:ff9b::/96", NULL);
	ck_assert(fault_of("64:ff9b::198.41.0.4", false) == NULL);
	ck_assert(refused_as("64:ff9b::0.0.0.0", false, "unspecified"));
	ck_assert(refused_as("64:ff9b::127.0.0.1", false, "loopback"));
	ck_assert(refused_as("64:ff9b::10.0.0.1", false, "private"));
	ck_assert(refused_as("64:ff9b::224.0.0.1", false, "multicast"));
	ck_assert(fault_of("64:ff9b::192.175.48.6", false) == NULL);
	allow("64:ff9b::/96", "10.0.0.0/8");
	ck_assert(fault_of("64:ff9b::10.0.0.1", false) == NULL);
	ck_assert(refused_as("64:ff9b::127.0.0.1", false, "loopback"));
}
END_TEST

START_TEST(embedded_address_must_pass_even_if_typed)
{
	ck_assert(fault_of("64:ff9b::198.41.0.4", true) == NULL);
	ck_assert(refused_as("64:ff9b::0.0.0.0", true, "unspecified"));
	ck_assert(refused_as("64:ff9b::255.255.255.255", true, "broadcast"));
}
END_TEST

START_TEST(embedded_address_must_not_be_our_own)
{
	listen_on("198.51.101.1", DNS_PORT);
	ck_assert(refused_as("64:ff9b::198.51.101.1", true, CLASS_OWN));
	ck_assert(fault_of("64:ff9b::198.51.101.2", true) == NULL);
}
END_TEST

/* Never unwrapped, whatever is inside and whatever is open. */
START_TEST(mapped_address_is_never_asked)
{
	allow("::/0", "0.0.0.0/0");
	ck_assert(refused_as("::ffff:198.41.0.4", false, "v4-mapped"));
	ck_assert(refused_as("::ffff:198.41.0.4", true, "v4-mapped"));
	ck_assert(refused_as("::198.41.0.4", true, "v4-compatible"));
}
END_TEST

START_TEST(port_zero_is_never_asked)
{
	struct address a = address_of("198.41.0.4");

	a.port = 0;
	allow("0.0.0.0/0", NULL);
	ck_assert_str_eq(address_fault(&a, false), "port-zero");
	ck_assert_str_eq(address_fault(&a, true), "port-zero");
	a.port = 65535;
	ck_assert(address_fault(&a, false) == NULL);
}
END_TEST

/* R06, 19.1 note 4 */
START_TEST(own_address_and_port_is_never_asked)
{
	static const char *const OWN[] = {
	    "198.51.101.1", "2a00::1", "127.0.0.1", "10.0.0.1"};
	struct address a = address_of(OWN[_i]);

	allow("0.0.0.0/0", "::/0");
	ck_assert(address_fault(&a, false) == NULL);
	listen_on(OWN[_i], DNS_PORT);
	ck_assert_str_eq(address_fault(&a, false), CLASS_OWN);
	ck_assert_str_eq(address_fault(&a, true), CLASS_OWN);
	a.port = 5300;
	ck_assert(address_fault(&a, false) == NULL);
	a.port = DNS_PORT;
	a.ip[3]++;
	ck_assert(address_fault(&a, false) == NULL);
}
END_TEST

/* ---------------------------------------------------------------------------
 * The network of this host, as a made-up kernel tells it (tests/netlink.c).
 */
enum {
	FD_ASKED = 2000, /* the order in which they are opened */
	FD_HEARD,
	FD_END
};

static struct {
	struct packet *first, *last; /* of what was asked */
	unsigned notices, questions;
	uint32_t groups;
	int opened;
	int err; /* all calls fail with it */
} kernel;

void
world_fault(const char *format, ...)
{
	ck_abort_msg("%s", format);
}

static bool
is_netlink(int fd)
{
	return fd >= FD_ASKED && fd < FD_END;
}

static bool
is_failing(void)
{
	errno = kernel.err;
	return kernel.err != 0;
}

int __wrap_socket(int, int, int);
int __wrap_bind(int, const struct sockaddr *, socklen_t);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);
ssize_t __wrap_send(int, const void *, size_t, int);
ssize_t __wrap_recv(int, void *, size_t, int);
int __real_close(int);
int __wrap_close(int);
int __wrap_epoll_ctl(int, int, int, struct epoll_event *);

ssize_t __real_getrandom(void *, size_t, unsigned);
ssize_t __wrap_getrandom(void *, size_t, unsigned);

static int chance_err; /* what the kernel has instead of chance */

ssize_t
__wrap_getrandom(void *octets, size_t len, unsigned flags)
{
	errno = chance_err;
	return chance_err != 0 ? -1 : __real_getrandom(octets, len, flags);
}

int
__wrap_socket(int domain, int type, int protocol)
{
	ck_assert_int_eq(domain, AF_NETLINK);
	ck_assert_int_eq(type, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_eq(protocol, NETLINK_ROUTE);
	return is_failing() ? -1 : FD_ASKED + kernel.opened++;
}

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_nl at;

	ck_assert(is_netlink(fd) && len == sizeof(at));
	memcpy(&at, sa, sizeof(at));
	ck_assert(at.nl_family == AF_NETLINK && at.nl_pid == 0);
	if (fd == FD_HEARD)
		kernel.groups = at.nl_groups;
	return 0;
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	ck_assert(is_netlink(fd) && value != NULL && len == sizeof(int));
	ck_assert_int_eq(level, SOL_NETLINK);
	ck_assert_int_eq(name, NETLINK_GET_STRICT_CHK);
	return 0;
}

ssize_t
__wrap_send(int fd, const void *octets, size_t len, int flags)
{
	struct packet *p;

	ck_assert(fd == FD_ASKED && flags == 0);
	if (is_failing())
		return -1;
	kernel.questions++;
	p = netlink_answer(octets, len, true);
	ck_assert_ptr_nonnull(p);
	if (kernel.first == NULL)
		kernel.first = p;
	else
		kernel.last->next = p;
	while (p->next != NULL)
		p = p->next;
	kernel.last = p;
	return (ssize_t)len;
}

ssize_t
__wrap_recv(int fd, void *octets, size_t room, int flags)
{
	struct packet *p = kernel.first;
	size_t len;

	ck_assert(is_netlink(fd) && flags == MSG_TRUNC);
	if (is_failing())
		return -1;
	if (fd == FD_HEARD && kernel.notices > 0) {
		kernel.notices--;
		memset(octets, 0, 1);
		return 1;
	}
	if (fd == FD_HEARD || p == NULL) {
		errno = EAGAIN;
		return -1;
	}
	kernel.first = p->next;
	len = p->len;
	ck_assert(len <= room);
	memcpy(octets, p->octets, len);
	free(p);
	return (ssize_t)len;
}

int
__wrap_close(int fd)
{
	return is_netlink(fd) ? 0 : __real_close(fd);
}

int
__wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	ck_assert(epoll == 0 && op == EPOLL_CTL_ADD && fd == FD_HEARD);
	ck_assert(tag_kind(event->data.u64) == TAG_NETWORK);
	return 0;
}

static void
interface(const char *prefix, bool down)
{
	struct interface i = {"eth0", prefix_of(prefix), down};

	host_interface(&i);
}

static void
route(const char *prefix, int err)
{
	struct route r = {prefix_of(prefix), err};

	host_route(&r);
}

static void
network_teardown(void)
{
	ck_assert_ptr_null(kernel.first);
	server_close();
}

/* A change, of which the kernel told. */
static void
notice(void)
{
	kernel.notices++;
	network_readable();
	ck_assert_uint_eq(kernel.notices, 0);
}

START_TEST(wildcard_makes_every_address_of_the_host_own)
{
	interface("198.51.101.1/24", false);
	interface("2a00::1/64", false);
	allow("0.0.0.0/0", "::/0");
	network_open(0, now_ms);
	ck_assert(fault_of("198.51.101.1", false) == NULL);
	listen_on("0.0.0.0", DNS_PORT);
	ck_assert(refused_as("198.51.101.1", false, CLASS_OWN));
	ck_assert(refused_as("198.51.101.1", true, CLASS_OWN));
	ck_assert(refused_as("127.0.0.53", true, CLASS_OWN));
	ck_assert(fault_of("198.51.101.2", false) == NULL);
	ck_assert(fault_of("2a00::1", false) == NULL);
	ck_assert(fault_of("::1", true) == NULL);
	listen_on("::", DNS_PORT);
	ck_assert(refused_as("2a00::1", false, CLASS_OWN));
	ck_assert(refused_as("::1", true, CLASS_OWN));
	ck_assert(fault_of("2a00::2", false) == NULL);
}
END_TEST

START_TEST(wildcard_is_of_its_port)
{
	interface("198.51.101.1/24", false);
	network_open(0, now_ms);
	listen_on("0.0.0.0", 5300);
	ck_assert(fault_of("198.51.101.1", false) == NULL);
}
END_TEST

/* RFC 919 7: whatever we listen on, and at any port. */
START_TEST(broadcast_address_of_a_subnet_is_never_asked)
{
	struct address a = address_of("198.51.101.127");

	interface("198.51.101.1/25", false);
	interface("198.51.102.0/31", false);
	allow("0.0.0.0/0", NULL);
	network_open(0, now_ms);
	ck_assert(refused_as("198.51.101.127", false, "broadcast"));
	ck_assert(refused_as("198.51.101.127", true, "broadcast"));
	ck_assert(refused_as("127.255.255.255", true, "broadcast"));
	ck_assert(fault_of("198.51.101.126", false) == NULL);
	ck_assert(fault_of("198.51.101.255", false) == NULL);
	ck_assert(fault_of("198.51.102.1", false) == NULL);
	a.port = 5300;
	ck_assert_str_eq(address_fault(&a, false), "broadcast");
}
END_TEST

START_TEST(addresses_are_followed_as_they_come_and_go)
{
	listen_on("0.0.0.0", DNS_PORT);
	network_open(0, now_ms);
	ck_assert_uint_eq(kernel.groups,
	    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
		RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFINFO);
	now_ms += 10000;
	interface("198.51.101.1/24", false);
	ck_assert(fault_of("198.51.101.1", false) == NULL);
	notice();
	ck_assert(network_refresh(now_ms) != NETWORK_SAME);
	ck_assert(refused_as("198.51.101.1", false, CLASS_OWN));
	now_ms += 10000;
	interface("198.51.101.1/24", true);
	notice();
	ck_assert(network_refresh(now_ms) != NETWORK_SAME);
	ck_assert(fault_of("198.51.101.1", false) == NULL);
}
END_TEST

/*
 * Of a thousand changes, one each millisecond, ten are read at once; and after
 * the last it is read twice more, for what was not told.
 */
START_TEST(changes_are_read_ten_times_a_second)
{
	unsigned i, reads = 0, questions;

	network_open(0, now_ms);
	ck_assert(network_next_due() == UINT64_MAX);
	questions = kernel.questions;
	for (i = 0; i < 1000; i++, now_ms++) {
		notice();
		reads += network_refresh(now_ms) != NETWORK_SAME;
	}
	ck_assert_uint_eq(reads, 10);
	while (network_next_due() != UINT64_MAX) {
		ck_assert(network_next_due() <= now_ms + NETWORK_READ_MS);
		now_ms = network_next_due();
		ck_assert(network_refresh(now_ms) != NETWORK_SAME);
		reads++;
	}
	ck_assert_uint_eq(reads, 12);
	/* No more than two tables and all roots of the compiled-in set. */
	ck_assert_uint_le(kernel.questions - questions, 12 * (2 + 26));
}
END_TEST

/* Without netlink what is certain is known, and nothing is held against it. */
START_TEST(without_netlink_loopback_and_listeners_are_own)
{
	interface("198.51.101.1/24", false);
	kernel.err = EAFNOSUPPORT;
	network_open(0, now_ms);
	listen_on("0.0.0.0", DNS_PORT);
	listen_on("198.51.102.1", DNS_PORT);
	listen_on("::", DNS_PORT);
	ck_assert(refused_as("127.1.2.3", true, CLASS_OWN));
	ck_assert(refused_as("::1", true, CLASS_OWN));
	ck_assert(refused_as("198.51.102.1", true, CLASS_OWN));
	ck_assert(fault_of("198.51.101.1", true) == NULL);
	ck_assert(family_is_up(4) && family_is_up(6));
	ck_assert(network_next_due() == UINT64_MAX);
}
END_TEST

/* What was read before counts until it can be read again. */
START_TEST(read_that_fails_changes_nothing)
{
	interface("198.51.101.1/24", false);
	listen_on("0.0.0.0", DNS_PORT);
	network_open(0, now_ms);
	now_ms += 10000;
	interface("198.51.101.1/24", true);
	interface("198.51.101.2/24", false);
	notice();
	kernel.err = ENOBUFS;
	(void)network_refresh(now_ms);
	ck_assert(refused_as("198.51.101.1", false, CLASS_OWN));
	ck_assert(fault_of("198.51.101.2", false) == NULL);
	ck_assert(family_is_up(4));
	kernel.err = 0;
	now_ms = network_next_due();
	(void)network_refresh(now_ms);
	ck_assert(refused_as("198.51.101.2", false, CLASS_OWN));
	ck_assert(fault_of("198.51.101.1", false) == NULL);
}
END_TEST

/* In any order; and none of those between them. */
START_TEST(each_of_many_own_addresses_is_found)
{
	struct interface i = {"eth0", prefix_of("198.52.0.0/16"), false};
	unsigned n;

	for (n = 0; n < 1000; n++) {
		unsigned at = n * 7919 % 1000 * 2 + 1;

		i.prefix.address.ip[2] = (uint8_t)(at >> 8);
		i.prefix.address.ip[3] = (uint8_t)at;
		host_interface(&i);
	}
	listen_on("0.0.0.0", DNS_PORT);
	network_open(0, now_ms);
	i.prefix.address.port = DNS_PORT;
	for (n = 0; n < 2002; n++) {
		const char *fault;

		i.prefix.address.ip[2] = (uint8_t)(n >> 8);
		i.prefix.address.ip[3] = (uint8_t)n;
		fault = address_fault(&i.prefix.address, false);
		ck_assert_msg(
		    (fault != NULL) == (n % 2 == 1 && n < 2000), "%u", n);
	}
}
END_TEST

/*
 * More than there is room for: each is refused still, and the rest of their
 * neighbourhood with them, but nothing far away.
 */
START_TEST(too_many_own_addresses_are_rounded_to_networks)
{
	struct interface i = {"eth0", prefix_of("198.0.0.0/8"), false};
	uint8_t *ip = i.prefix.address.ip;
	unsigned n;

	ck_assert_uint_gt(2000, OWN_ADDRESSES_MAX);
	for (n = 0; n < 2000; n++) {
		ip[1] = (uint8_t)(50 + n % 4 * 10);
		ip[2] = (uint8_t)(n >> 8);
		ip[3] = (uint8_t)n;
		host_interface(&i);
	}
	listen_on("0.0.0.0", DNS_PORT);
	network_open(0, now_ms);
	i.prefix.address.port = DNS_PORT;
	for (n = 0; n < 2000; n++) {
		ip[1] = (uint8_t)(50 + n % 4 * 10);
		ip[2] = (uint8_t)(n >> 8);
		ip[3] = (uint8_t)n;
		ck_assert_str_eq(
		    address_fault(&i.prefix.address, false), CLASS_OWN);
	}
	for (ip[1] = 45; ip[1] < 90; ip[1]++)
		for (ip[2] = 0; ip[2] < 16; ip[2]++)
			ck_assert(
			    (address_fault(&i.prefix.address, false) == NULL) ||
			    (ip[1] % 10 == 0 && ip[2] < 8));
	ck_assert(refused_as("127.0.0.1", true, CLASS_OWN));
	ck_assert(fault_of("199.50.0.1", false) == NULL);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Families.
 */
static struct root_servers judges;

static void
judge(const char *one, const char *two)
{
	memset(&judges, 0, sizeof(judges));
	judges.name_count = 1;
	judges.addresses[judges.address_count++].at = address_of(one);
	if (two != NULL)
		judges.addresses[judges.address_count++].at = address_of(two);
}

static bool
families_are(bool v4, bool v6)
{
	return family_is_up(4) == v4 && family_is_up(6) == v6;
}

START_TEST(family_is_up_while_a_root_has_a_route)
{
	interface("198.51.101.1/24", false);
	judge("198.41.0.4", "2001:503:ba3e::2:30");
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, false));
	interface("2a00::1/64", false);
	ck_assert(network_judge(&judges) == NETWORK_BETTER);
	ck_assert(families_are(true, true));
	route("0.0.0.0/0", ENETUNREACH);
	ck_assert(network_judge(&judges) == NETWORK_CHANGED);
	ck_assert(families_are(false, true));
	route("198.41.0.0/24", 0);
	ck_assert(network_judge(&judges) == NETWORK_BETTER);
	ck_assert(families_are(true, true));
	route("198.41.0.0/24", EHOSTUNREACH);
	(void)network_judge(&judges);
	ck_assert(families_are(false, true));
}
END_TEST

/* One of many is enough, and be it the last. */
START_TEST(one_root_with_a_route_is_enough)
{
	interface("198.51.101.1/24", false);
	route("0.0.0.0/0", ENETUNREACH);
	route("192.5.5.241/32", 0);
	judge("198.41.0.4", "192.5.5.241");
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(family_is_up(4));
	judge("198.41.0.4", "192.5.5.242");
	(void)network_judge(&judges);
	ck_assert(!family_is_up(4));
}
END_TEST

/* Hints of one family say nothing of the other: a real root does. */
START_TEST(compiled_in_roots_judge_a_family_that_the_hints_leave_out)
{
	interface("198.51.101.1/24", false);
	interface("2a00::1/64", false);
	judge("198.41.0.4", NULL);
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, true));
	route("::/0", ENETUNREACH);
	(void)network_judge(&judges);
	ck_assert(families_are(true, false));
	route("2001:500:2f::f/128", 0);
	(void)network_judge(&judges);
	ck_assert(families_are(true, true));
}
END_TEST

/* A private network may have no way to the Internet. */
START_TEST(opened_network_with_a_route_keeps_its_family_up)
{
	allow("fd00:1::/32", "::/0");
	interface("198.51.101.1/24", false);
	interface("fd00:2::1/64", false);
	route("::/0", ENETUNREACH);
	judge("198.41.0.4", NULL);
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, false));
	route("fd00:1::/32", 0);
	(void)network_judge(&judges);
	ck_assert(families_are(true, true));
}
END_TEST

/* No server on the Internet could answer to it. */
START_TEST(link_local_address_alone_is_no_address)
{
	interface("198.51.101.1/24", false);
	interface("fe80::1/64", false);
	judge("198.41.0.4", "2001:503:ba3e::2:30");
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, false));
	interface("2a00::1/64", false);
	(void)network_judge(&judges);
	ck_assert(families_are(true, true));
}
END_TEST

/* These may be by mistake, or not: the call itself will tell. */
START_TEST(error_of_another_kind_is_not_held_against_a_family)
{
	interface("198.51.101.1/24", false);
	interface("2a00::1/64", false);
	route("0.0.0.0/0", EINVAL);
	route("::/0", EACCES);
	judge("198.41.0.4", "2001:503:ba3e::2:30");
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, true));
}
END_TEST

START_TEST(family_that_an_option_leaves_out_is_down_for_good)
{
	struct server_options o = {.family = _i == 0 ? 4 : 6};

	server_close();
	ck_assert(server_init(&o));
	interface("198.51.101.1/24", false);
	interface("2a00::1/64", false);
	ck_assert(families_are(_i == 0, _i == 1));
	judge("198.41.0.4", "2001:503:ba3e::2:30");
	network_open(0, now_ms);
	ck_assert(network_judge(&judges) == NETWORK_CHANGED);
	ck_assert(families_are(_i == 0, _i == 1));
}
END_TEST

START_TEST(source_that_is_gone_takes_its_family_along)
{
	struct server_options o = {
	    .sources = {address_of("198.51.101.7"), address_of("2a00::7")}};

	server_close();
	ck_assert(server_init(&o));
	ck_assert(server_source(4)->ip[3] == 7);
	ck_assert(server_source(6)->ip[15] == 7);
	interface("198.51.101.1/24", false);
	interface("198.51.101.7/24", false);
	interface("2a00::1/64", false);
	judge("198.41.0.4", "2001:503:ba3e::2:30");
	network_open(0, now_ms);
	(void)network_judge(&judges);
	ck_assert(families_are(true, false));
	interface("198.51.101.7/24", true);
	now_ms += 10000;
	notice();
	(void)network_refresh(now_ms);
	ck_assert(families_are(false, false));
}
END_TEST

START_TEST(source_is_any_unless_said)
{
	ck_assert(server_source(4)->family == 4);
	ck_assert(server_source(6)->family == 6);
	ck_assert(server_source(4)->ip[0] == 0 && server_source(4)->port == 0);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Hints.
 */

/* One NS and its address: what is put before the line that is tried. */
#define GOOD ". 3600000 NS a.\na. 3600000 A 198.41.0.4\n"

static struct root_servers roots;
static char log_text[OWN_LOG_MAX];
static int log_fd;

static void
log_open(const char *path)
{
	const struct log_options o = {.path = path, .least = LEVEL_DEBUG};

	ck_assert(eventlog_open(&o, KEY));
}

/* The log has lost its name before it has a line, so that none is left. */
static void
hints_setup(void)
{
	char path[PATH_MAX];

	setup();
	scratch_directory(path, sizeof(path) - 4);
	strcat(path, "/log");
	log_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(log_fd, 0);
	log_open(path);
	(void)unlink(path);
	eventlog_time(now_ms, now_ms);
}

static void
hints_teardown(void)
{
	eventlog_close();
	(void)close(log_fd);
	server_close();
}

/* In a place of its own, so that the sanitizer sees a step beyond it. */
static bool
parse_octets(const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	bool usable;

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, text, len);
	usable = hints_parse("cache.dns", copy, len, &roots);
	free(copy);
	return usable;
}

static void
log_read(void)
{
	ssize_t n;

	eventlog_flush();
	n = pread(log_fd, log_text, sizeof(log_text) - 1, 0);
	ck_assert_int_ge(n, 0);
	log_text[n] = '\0';
}

static bool
parse(const char *text)
{
	bool usable = parse_octets(text, strlen(text));

	log_read();
	return usable;
}

/*
 * How many lines of the log have both parts in them; "" is in all.  A blank
 * ends each line, so that each field is between two of them.
 */
static unsigned
log_lines(const char *one, const char *two)
{
	char line[LOG_LINE_MAX + 2];
	const char *at = log_text;
	unsigned n = 0;
	size_t len;

	for (; *at != '\0'; at += len + 1) {
		len = strcspn(at, "\n");
		ck_assert(len <= LOG_LINE_MAX && at[len] == '\n');
		memcpy(line, at, len);
		memcpy(line + len, " ", 2);
		if (strstr(line, one) != NULL && strstr(line, two) != NULL)
			n++;
	}
	return n;
}

static unsigned
log_lines_of_id(unsigned id)
{
	char part[32];

	(void)snprintf(part, sizeof(part), " id=%u ", id);
	return log_lines(part, "");
}

/* Is this address in the set, of that name? */
static bool
roots_give(const char *ns, const char *address)
{
	struct address a = address_of(address);
	struct name n = name_of(ns);
	unsigned i;

	for (i = 0; i < roots.address_count; i++)
		if (address_equal(&roots.addresses[i].at, &a))
			return name_equal(
			    &roots.names[roots.addresses[i].ns], &n);
	return false;
}

START_TEST(compiled_in_hints_name_thirteen_roots)
{
	unsigned letter, i, v4, v6;
	size_t len;
	const char *text = hints_compiled_in(&len);

	ck_assert(parse_octets(text, len));
	log_read();
	ck_assert_str_eq(log_text, "");
	ck_assert_uint_eq(roots.name_count, 13);
	ck_assert_uint_eq(roots.address_count, 26);
	for (letter = 0; letter < 13; letter++) {
		char root[] = "a.root-servers.net.";
		struct name n;

		root[0] = (char)('a' + letter);
		n = name_of(root);
		for (i = v4 = v6 = 0; i < roots.address_count; i++) {
			const struct address *at = &roots.addresses[i].at;

			if (!name_equal(
				&roots.names[roots.addresses[i].ns], &n))
				continue;
			v4 += at->family == 4;
			v6 += at->family == 6;
			ck_assert_uint_eq(at->port, DNS_PORT);
			ck_assert(address_fault(at, false) == NULL);
		}
		ck_assert_uint_eq(v4, 1);
		ck_assert_uint_eq(v6, 1);
	}
	ck_assert(roots_give("a.root-servers.net.", "198.41.0.4"));
	ck_assert(roots_give("m.root-servers.net.", "2001:dc3::35"));
}
END_TEST

/* P08, windows-dns.md 2.2: ways to write that a. has this address */
static const char *const DIALECTS[] = {
    GOOD,
    ". 3600000 IN NS A.\nA. 3600000 IN A 198.41.0.4\n",
    ". IN 3600000 NS a.\na. IN 3600000 A 198.41.0.4\n",
    ". IN NS a.\na. IN A 198.41.0.4\n",
    ". NS a.\na. A 198.41.0.4\n",
    "\xef\xbb\xbf. NS a.\na. A 198.41.0.4\n",
    ". 86400 IN NS a.\na. A 198.41.0.4\n",
    ". 4294967295 NS a.\na. 0 A 198.41.0.4\n",
    "@ NS a.\na. A 198.41.0.4\n",
    "@ 3600000 NS a.\r\na. A 198.41.0.4\r\n",
    ". in ns A.\na. iN a 198.41.0.4\n",
    ". NS a.\nA. A 198.41.0.4\n",
    ".\t\t3600000\tNS\ta.\na.\tA\t198.41.0.4\n",
    ".   3600000   NS   a.   \na.   A   198.41.0.4   \n",
    ". NS a.\na. A 198.41.0.4",
    ". NS a.\r\na. A 198.41.0.4\r",
    ". NS a. ; the first\na. A 198.41.0.4;and only\n",
    "; a file of hints\n;\n\n \t\n. NS a.\n\n;;;\na. A 198.41.0.4\n; end",
    "a. A 198.41.0.4\n. NS a.\n",
    ". NS a\na A 198.41.0.4\n",
    "a. A 198.41.0.4\n  A 198.41.0.4\n. NS a.\n  NS a.\n",
    ". TYPE2 a.\na. TYPE1 198.41.0.4\n",
    ". NS a.\nb. A 198.41.0.5\na. A 198.41.0.4\n",
};

START_TEST(dialect_is_understood)
{
	ck_assert(parse(DIALECTS[_i]));
	ck_assert_str_eq(log_text, "");
	ck_assert_uint_eq(roots.name_count, 1);
	ck_assert_uint_eq(roots.address_count, 1);
	ck_assert(roots_give("a.", "198.41.0.4"));
}
END_TEST

/* windows-dns.md 2.2: PowerDNS kept the last one only (issue 12486). */
START_TEST(all_addresses_of_a_name_are_kept)
{
	ck_assert(parse(". NS a.\n. NS b.\n"
			"a. A 198.41.0.4\na. A 198.41.0.5\n"
			"b. AAAA 2001:503:ba3e::2:30\n"
			"a. AAAA 2001:500:200::b\na. A 198.41.0.6\n"));
	ck_assert_uint_eq(roots.name_count, 2);
	ck_assert_uint_eq(roots.address_count, 5);
	ck_assert(roots_give("a.", "198.41.0.4"));
	ck_assert(roots_give("a.", "198.41.0.5"));
	ck_assert(roots_give("a.", "198.41.0.6"));
	ck_assert(roots_give("a.", "2001:500:200::b"));
	ck_assert(roots_give("b.", "2001:503:ba3e::2:30"));
}
END_TEST

START_TEST(record_said_twice_counts_once)
{
	ck_assert(parse(GOOD GOOD ". NS A.\nA. A 198.41.0.4\n"));
	ck_assert_uint_eq(roots.name_count, 1);
	ck_assert_uint_eq(roots.address_count, 1);
}
END_TEST

START_TEST(address_of_a_stranger_is_left_out)
{
	ck_assert(parse("b. A 198.41.0.5\n" GOOD "c. A 198.41.0.6\n"));
	ck_assert_uint_eq(roots.name_count, 1);
	ck_assert_uint_eq(roots.address_count, 1);
	ck_assert(roots_give("a.", "198.41.0.4"));
}
END_TEST

/* A stranger may have once had the address, and stand before its heir. */
START_TEST(stranger_takes_no_address_along)
{
	ck_assert(parse("old. A 198.41.0.4\n" GOOD));
	ck_assert_uint_eq(roots.address_count, 1);
	ck_assert(roots_give("a.", "198.41.0.4"));
}
END_TEST

START_TEST(roots_hold_their_addresses_and_no_others)
{
	struct address a = address_of("198.41.0.4");

	ck_assert(parse(GOOD));
	ck_assert(roots_hold(&roots, &a));
	a.ip[3]++;
	ck_assert(!roots_hold(&roots, &a));
	a = address_of("2001:503:ba3e::2:30");
	ck_assert(!roots_hold(&roots, &a));
}
END_TEST

#define LABEL_16 "abcdefghijklmnop"
#define LABEL_64 LABEL_16 LABEL_16 LABEL_16 LABEL_16

/* The third line of a file, and what is said of it. */
static const struct {
	const char *line;
	unsigned id, column;
	const char *token;
} FAULTS[] = {
    {"a. A 198.41.0.5 6", 1504, 17, "6"},
    {"a. 3600000 IN A 198.41.0.5 6", 1504, 28, "6"},
    {"a. 3600000 IN A 198.41.0.5 6 7 8 9", 1504, 28, "6"},
    {". NS a. b.", 1504, 9, "b."},
    {". 3600000 bogus NS a.", 1504, 11, "bogus"},
    {". 6w NS a.", 1504, 3, "6w"},
    {". -1 NS a.", 1504, 3, "-1"},
    {"b. NS a.", 1504, 1, "b."},
    {"\tTYPE99999 x", 1504, 2, "TYPE99999"},
    {"$ORIGIN org.", 1520, 1, "$ORIGIN"},
    {"$INCLUDE more.dns", 1520, 1, "$INCLUDE"},
    {". CH NS a.", 1507, 3, "CH"},
    {". 3600000 hs NS a.", 1507, 11, "hs"},
    {"a..b. A 198.41.0.5", 1541, 1, "a..b."},
    {". NS .a.", 1541, 6, ".a."},
    {LABEL_64 ". A 198.41.0.5", 1541, 1, LABEL_64 "."},
    {". NS " LABEL_64 ".", 1541, 6, LABEL_64 "."},
    {". NS a\\999.", 1541, 6, "\"a\\\\999.\""},
    {". MX 10 a.", 1600, 3, "MX"},
    {". 3600000 TXT x", 1600, 11, "TXT"},
    {". TYPE65280 x", 1600, 3, "TYPE65280"},
    {". SOA a. b. 1 2 3 4 5", 1604, 3, "SOA"},
    {"@ IN SOA a. b. (", 1604, 6, "SOA"},
    {". 36000000000 NS a.", 1614, 3, "36000000000"},
    {". 4294967296 NS a.", 1614, 3, "4294967296"},
    {"a. A 198.41.0.256", 1617, 6, "198.41.0.256"},
    {"a. A 198.41.0", 1617, 6, "198.41.0"},
    {"a. A b.", 1617, 6, "b."},
    {"a. A 2001:500:200::b", 1617, 6, "2001:500:200::b"},
    {"a. A " LABEL_64, 1617, 6, LABEL_64},
    {"a. AAAA 198.41.0.5", 1618, 9, "198.41.0.5"},
    {"a. AAAA 2001:::b", 1618, 9, "2001:::b"},
    {"\t  AAAA\tfe80::1%eth0", 1618, 9, "fe80::1%eth0"},
};

/* P08 and DESIGN decision 14 */
START_TEST(fault_is_told_and_refuses_the_file)
{
	char text[512], part[256];

	(void)snprintf(text, sizeof(text), GOOD "%s\n", FAULTS[_i].line);
	ck_assert(!parse(text));
	ck_assert_uint_eq(log_lines_of_id(FAULTS[_i].id), 1);
	(void)snprintf(part, sizeof(part),
	    " file=cache.dns line=3 column=%u token=%s ", FAULTS[_i].column,
	    FAULTS[_i].token);
	ck_assert_msg(log_lines(part, "") == 1, "not%sin: %s", part, log_text);
	ck_assert_uint_eq(log_lines_of_id(1501), 1);
	ck_assert_uint_eq(log_lines("", ""), 2);
}
END_TEST

/* There is no token to show where one is missing. */
static const char *const UNFINISHED[] = {
    "a.",
    "a. ; A 198.41.0.5",
    "a. A",
    "a. 3600000",
    "a. IN",
    "a. 3600000 IN A",
    "a. AAAA ;",
    ". NS",
    "\tA",
    "\t3600000",
};

START_TEST(record_without_an_end_refuses_the_file)
{
	char text[128];

	(void)snprintf(text, sizeof(text), GOOD "%s\n", UNFINISHED[_i]);
	ck_assert(!parse(text));
	ck_assert_uint_eq(log_lines_of_id(1505), 1);
	ck_assert_uint_eq(log_lines(" file=cache.dns line=3 ", "id=1505"), 1);
	ck_assert_uint_eq(log_lines("token=", ""), 0);
	ck_assert_uint_eq(log_lines_of_id(1501), 1);
}
END_TEST

START_TEST(blank_owner_needs_one_before_it)
{
	ck_assert(!parse(" NS a.\na. A 198.41.0.4\n"));
	ck_assert_uint_eq(log_lines(" line=1 ", "id=1504"), 1);
}
END_TEST

/* windows-dns.md 1.6 gives it a warning: what it says is not done. */
START_TEST(directive_is_told_and_left_out)
{
	ck_assert(parse("$TTL 3600000\n" GOOD));
	ck_assert_uint_eq(log_lines_of_id(1520), 1);
	ck_assert_uint_eq(
	    log_lines(" line=1 column=1 token=$TTL ", "id=1520"), 1);
	ck_assert_uint_eq(log_lines_of_id(1501), 0);
	ck_assert(roots_give("a.", "198.41.0.4"));
}
END_TEST

START_TEST(each_fault_has_a_line_of_its_own)
{
	ck_assert(!parse(". NS a. x\n"
			 "a. A 198.41.0.4\n"
			 "a. A 198.41.0.444 ; no\n"
			 ". CH NS a.\r\n"
			 "a. A"));
	ck_assert_uint_eq(log_lines(" line=1 column=9 token=x ", "1504"), 1);
	ck_assert_uint_eq(
	    log_lines(" line=3 column=6 token=198.41.0.444 ", "1617"), 1);
	ck_assert_uint_eq(log_lines(" line=4 column=3 token=CH ", "1507"), 1);
	ck_assert_uint_eq(log_lines(" line=5 ", "1505"), 1);
	ck_assert_uint_eq(log_lines_of_id(1501), 1);
}
END_TEST

/* P09: these are NEVER, and what is typed opens no NEVER. */
static const struct {
	const char *line;
	unsigned id, column;
	const char *addr, *class;
} REFUSED[] = {
    {"a. A 0.0.0.0", 1617, 6, "0.0.0.0", "unspecified"},
    {"a. 3600000 IN A 0.1.2.3", 1617, 17, "0.1.2.3", "this-network"},
    {"a. A 224.0.0.1", 1617, 6, "224.0.0.1", "multicast"},
    {"a. A 240.0.0.1", 1617, 6, "240.0.0.1", "reserved"},
    {"a. A 255.255.255.255", 1617, 6, "255.255.255.255", "broadcast"},
    {"a. AAAA ::", 1618, 9, "::", "unspecified"},
    {"a. AAAA ff02::1", 1618, 9, "ff02::1", "multicast"},
    {"a. AAAA fe80::1", 1618, 9, "fe80::1", "link-local"},
    {"a. AAAA ::ffff:198.41.0.4", 1618, 9, "::ffff:198.41.0.4", "v4-mapped"},
};

START_TEST(refused_address_drops_its_line_only)
{
	char text[128], part[128];

	(void)snprintf(text, sizeof(text), GOOD "%s\n", REFUSED[_i].line);
	ck_assert(parse(text));
	ck_assert_uint_eq(roots.address_count, 1);
	ck_assert(roots_give("a.", "198.41.0.4"));
	(void)snprintf(part, sizeof(part), " ns=a. addr=%s class=%s ",
	    REFUSED[_i].addr, REFUSED[_i].class);
	ck_assert_msg(log_lines(part, "") == 1, "%s", log_text);
	(void)snprintf(part, sizeof(part), " file=cache.dns line=3 column=%u ",
	    REFUSED[_i].column);
	ck_assert_msg(log_lines(part, "") == 1, "%s", log_text);
	ck_assert_uint_eq(log_lines_of_id(REFUSED[_i].id), 1);
	ck_assert_uint_eq(log_lines("", ""), 1);
}
END_TEST

START_TEST(refused_address_is_not_told_with_the_token_of_a_fault)
{
	ck_assert(!parse(GOOD ". NS a. bogus\na. A 0.0.0.0\n"));
	ck_assert_uint_eq(log_lines("token=bogus", "id=1504"), 1);
	ck_assert_uint_eq(log_lines("addr=0.0.0.0", "id=1617"), 1);
	ck_assert_uint_eq(log_lines("addr=0.0.0.0", "token=bogus"), 0);
}
END_TEST

START_TEST(refused_line_still_gives_the_owner_of_the_next)
{
	ck_assert(parse(". NS a.\na. A 0.0.0.0\n  A 198.41.0.4\n"));
	ck_assert(roots_give("a.", "198.41.0.4"));
}
END_TEST

/* DESIGN decision 5: a lab's own roots are the operator's affair. */
START_TEST(typed_address_may_be_private)
{
	static const char *const TYPED[] = {"A 127.0.0.1", "A 10.0.0.1",
	    "A 192.168.1.1", "A 192.0.2.53", "A 169.254.0.1", "AAAA ::1",
	    "AAAA fd00::1", "AAAA 2001:db8::53"};
	char text[64];

	(void)snprintf(text, sizeof(text), ". NS a.\na. %s\n", TYPED[_i]);
	ck_assert(parse(text));
	ck_assert_uint_eq(roots.address_count, 1);
	ck_assert_str_eq(log_text, "");
}
END_TEST

static const char *const USELESS[] = {
    "",
    "\n",
    "\n\n; nothing\n",
    ". NS a.\n",
    "a. A 198.41.0.4\n",
    ". NS a.\nb. A 198.41.0.4\n",
    ". NS a.\na. A 0.0.0.0\n",
    ". NS a.\na. A 0.0.0.0\na. AAAA ::\nb. A 198.41.0.4\n",
};

START_TEST(hints_without_a_usable_pair_are_refused)
{
	ck_assert(!parse(USELESS[_i]));
	ck_assert_uint_eq(roots.address_count, 0);
	ck_assert_uint_eq(log_lines_of_id(706), 1);
	ck_assert_uint_eq(log_lines("file=cache.dns", "id=706"), 1);
}
END_TEST

/* What has an octet 0 is no text: that is all there is to say of it. */
START_TEST(nul_makes_it_no_text)
{
	static const struct {
		const char *text;
		size_t len;
	} NULS[] = {
	    {"a. A 198.41.0.5\0.6", sizeof("a. A 198.41.0.5\0.6") - 1},
	    {"\0a. A 198.41.0.5 6\nb", sizeof("\0a. A 198.41.0.5 6\nb") - 1},
	    {"a. CH\0\n\nA. A\n\0", sizeof("a. CH\0\n\nA. A\n\0") - 1},
	};
	static const unsigned columns[] = {16, 1, 6};
	char text[64] = GOOD, part[64];
	size_t len = strlen(text);

	memcpy(text + len, NULS[_i].text, NULS[_i].len);
	ck_assert(!parse_octets(text, len + NULS[_i].len));
	log_read();
	(void)snprintf(part, sizeof(part),
	    " line=3 column=%u token=\"\\u0000\"", columns[_i]);
	ck_assert_msg(log_lines(part, "id=1504") == 1, "%s", log_text);
	ck_assert_uint_eq(log_lines(" faults=1 ", "id=1501"), 1);
	ck_assert_uint_eq(log_lines("", ""), 2);
}
END_TEST

/* Whatever was read, the set must be fit for use. */
static void
roots_are_sound(bool usable)
{
	unsigned i;

	if (roots.name_count > ROOTS_MAX ||
	    roots.address_count > ROOT_ADDRESSES_MAX ||
	    (usable && roots.address_count == 0))
		ck_abort_msg("%u names, %u addresses", roots.name_count,
		    roots.address_count);
	for (i = 0; i < roots.address_count; i++)
		if (roots.addresses[i].ns >= roots.name_count ||
		    address_fault(&roots.addresses[i].at, true) != NULL)
			ck_abort_msg("address %u", i);
}

static size_t
write_ns_lines(char *text, unsigned names)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < names; i++)
		len += (size_t)sprintf(text + len, ". NS n%u.\n", i);
	return len;
}

static size_t
write_address_lines(char *text, unsigned addresses, unsigned names)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < addresses; i++)
		len += (size_t)sprintf(
		    text + len, "n%u. A 198.41.0.%u\n", i % names, i);
	return len;
}

static bool
parse_crowd(unsigned names, unsigned addresses, bool addresses_first)
{
	static char text[65536];
	size_t len = 0;

	if (addresses_first)
		len = write_address_lines(text, addresses, names);
	len += write_ns_lines(text + len, names);
	if (!addresses_first)
		(void)write_address_lines(text + len, addresses, names);
	return parse(text);
}

START_TEST(hints_may_be_as_many_as_there_is_room_for)
{
	ck_assert(parse_crowd(ROOTS_MAX, ROOT_ADDRESSES_MAX, _i));
	ck_assert_uint_eq(roots.name_count, ROOTS_MAX);
	ck_assert_uint_eq(roots.address_count, ROOT_ADDRESSES_MAX);
	ck_assert_str_eq(log_text, "");
}
END_TEST

START_TEST(hints_beyond_that_are_told)
{
	(void)parse_crowd(40, 100, _i);
	roots_are_sound(false);
	ck_assert_uint_gt(log_lines("", ""), 0);
	ck_assert_uint_gt(log_lines_of_id(1504), 0);
}
END_TEST

START_TEST(long_line_is_one_fault)
{
	static const char FILLS[] = {'x', ' ', '\0', '.'};
	size_t len = 1 << 20;
	char *text = malloc(len + sizeof(GOOD));

	ck_assert_ptr_nonnull(text);
	memset(text, FILLS[_i], len);
	text[len / 2] = 'x';
	text[len] = '\n';
	memcpy(text + len + 1, GOOD, sizeof(GOOD) - 1);
	ck_assert(!parse_octets(text, len + sizeof(GOOD)));
	log_read();
	ck_assert_uint_eq(log_lines(" line=1 ", ""), 1);
	ck_assert_uint_eq(log_lines("", ""), 2);
	free(text);
}
END_TEST

/* A letter that got the name of the hints: so many lines, and how many more. */
START_TEST(faults_without_end_are_told_in_part)
{
	char text[6000] = "";
	unsigned i;

	for (i = 0; i < 1000; i++)
		strcat(text, i % 2 ? "Dear,\n" : "; \n");
	ck_assert(!parse(text));
	ck_assert_uint_eq(log_lines_of_id(1505), HINT_FAULTS_MAX);
	ck_assert_uint_eq(log_lines(" line=2 ", ""), 1);
	ck_assert_uint_eq(log_lines(" faults=500 ", "id=1501"), 1);
	ck_assert_uint_eq(log_lines("", ""), HINT_FAULTS_MAX + 1);
}
END_TEST

/* attacks:Z06: lines made of the words that mean something, and of others */
static size_t
text_of_words(uint32_t *state, char *text, size_t max)
{
	static const char *const WORDS[] = {".", "@", "a.", "b", "NS", "ns",
	    "A", "AAAA", "IN", "CH", "SOA", "3600000", "99999999999",
	    "198.41.0.4", "0.0.0.0", "2001:dc3::35", "::", "$ORIGIN", ";", "\n",
	    "\n", "\n", "\r\n", "\t", " ", " ", "\\", "\\0", "\"", "(", "TYPE1",
	    "TYPE65536", "\x80", "\x7f", ".."};
	size_t len = 0;
	unsigned n = random_up_to(state, 60);

	while (n-- > 0) {
		const char *word = WORDS[random_up_to(
		    state, sizeof(WORDS) / sizeof(WORDS[0]))];

		if (len + strlen(word) + 1 > max)
			break;
		memcpy(text + len, word, strlen(word));
		len += strlen(word);
		if (random_up_to(state, 2) == 0)
			text[len++] = ' ';
	}
	return len;
}

START_TEST(any_words_leave_a_sound_set)
{
	uint32_t state = (uint32_t)_i;
	unsigned round, usable = 0;
	char text[1024];

	eventlog_close();
	for (round = 0; round < 20000; round++) {
		size_t len = text_of_words(&state, text, sizeof(text));
		bool ok = parse_octets(text, len);

		roots_are_sound(ok);
		usable += ok;
	}
	ck_assert_uint_lt(usable, round);
}
END_TEST

START_TEST(any_octets_leave_a_sound_set)
{
	uint32_t state = (uint32_t)_i;
	unsigned round, faults;
	size_t whole;
	const char *hints = hints_compiled_in(&whole);
	char text[4096];

	ck_assert_uint_le(whole, sizeof(text));
	eventlog_close();
	log_open("/dev/null");
	for (round = 0; round < 2000; round++) {
		size_t len = random_up_to(&state, (uint32_t)whole + 1);

		memcpy(text, hints, len);
		faults = random_up_to(&state, 20);
		while (len > 0 && faults-- > 0)
			text[random_up_to(&state, (uint32_t)len)] =
			    (char)random_up_to(&state, 256);
		roots_are_sound(parse_octets(text, len));
		eventlog_flush();
	}
}
END_TEST

/* What harms nothing and dns --check tells; none of these is an event. */
static const struct {
	const char *text;
	enum hint_error error;
	unsigned line, column;
	const char *token;
} REMARKS[] = {
    {". NS a.\n. NS A.\na. A 198.41.0.4\na. AAAA 2001:dc3::35\n",
	HINT_DUPLICATE, 2, 6, "A."},
    {". NS a.\na. A 198.41.0.4\n A 198.41.0.4\na. AAAA 2001:dc3::35\n",
	HINT_DUPLICATE, 3, 4, "198.41.0.4"},
    {"\n. 5 IN NS b.\n. NS a.\na. A 198.41.0.4\na. AAAA 2001:dc3::35\n",
	HINT_NS_ALONE, 2, 11, "b."},
    {"B. A 198.41.0.5\n. NS a.\na. A 198.41.0.4\na. AAAA 2001:dc3::35\n"
     "b. A 198.41.0.6\n",
	HINT_ADDRESS_ALONE, 1, 1, "B."},
    {". NS a.\na. A 198.41.0.4\n", HINT_NO_IPV6, 0, 0, ""},
    {". NS a.\na. AAAA 2001:dc3::35\n", HINT_NO_IPV4, 0, 0, ""},
};

START_TEST(remark_is_made_at_its_place)
{
	const char *text = REMARKS[_i].text;
	struct hint_fault f;
	struct hints h;

	hints_begin(&h, "cache.dns", text, strlen(text), &roots);
	ck_assert(hints_next(&h, &f));
	ck_assert_int_eq(f.error, REMARKS[_i].error);
	ck_assert_uint_eq(f.line, REMARKS[_i].line);
	ck_assert_uint_eq(f.column, REMARKS[_i].column);
	ck_assert_uint_eq(f.token_len, strlen(REMARKS[_i].token));
	ck_assert_int_eq(memcmp(f.token, REMARKS[_i].token, f.token_len), 0);
	ck_assert(!hints_next(&h, &f));
	ck_assert(!hints_next(&h, &f));
	ck_assert(hints_usable(&h));
	ck_assert(parse(text));
	ck_assert_str_eq(log_text, "");
}
END_TEST

/* ---------------------------------------------------------------------------
 * The file that the hints are from, on a real disk.
 */

#define OTHER ". NS b.\nb. A 198.41.0.5\n"

static char directory[PATH_MAX];
static const char *const file_names[] = {
    "cache.dns", "cache.old", "cache.new", "1.dns", "2.dns"};

static void
file_put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

static void
file_setup(void)
{
	hints_setup();
	scratch_directory(directory, sizeof(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_ptr_nonnull(getcwd(directory, sizeof(directory)));
	file_put("cache.dns", GOOD);
}

static void
file_teardown(void)
{
	size_t i;

	for (i = 0; i < sizeof(file_names) / sizeof(file_names[0]); i++)
		(void)remove(file_names[i]);
	ck_assert_int_eq(rmdir(directory), 0);
	hints_teardown();
}

/* Do the hints of the server have this address, and only that? */
static bool
used(const char *address)
{
	struct address a = address_of(address);

	return hints_roots()->address_count == 1 &&
	    roots_hold(hints_roots(), &a);
}

/* So many looks find nothing new. */
static void
nothing_new(unsigned looks)
{
	while (looks-- > 0)
		ck_assert(!hints_look(false));
}

static void
save_in_place(void)
{
	file_put("cache.dns", OTHER);
}

static void
save_by_rename(void)
{
	file_put("cache.new", OTHER);
	ck_assert_int_eq(rename("cache.new", "cache.dns"), 0);
}

static void
save_with_backup(void)
{
	ck_assert_int_eq(rename("cache.dns", "cache.old"), 0);
	file_put("cache.dns", OTHER);
}

static void
save_by_link(void)
{
	file_put("2.dns", OTHER);
	ck_assert_int_eq(symlink("2.dns", "cache.new"), 0);
	ck_assert_int_eq(rename("cache.new", "cache.dns"), 0);
}

static void (*const saves[])(void) = {
    save_in_place, save_by_rename, save_with_backup, save_by_link};

/* attacks:I15: vi, sed -i and mv, nano with a backup, a link that is led
 * elsewhere */
START_TEST(each_way_to_save_is_taken_once)
{
	ck_assert(hints_open("cache.dns"));
	ck_assert(used("198.41.0.4"));
	nothing_new(3);
	saves[_i]();
	nothing_new(1);
	ck_assert(used("198.41.0.4"));
	ck_assert(hints_look(false));
	ck_assert(used("198.41.0.5"));
	nothing_new(10);
	log_read();
	ck_assert_str_eq(log_text, "");
}
END_TEST

/* The link itself changes at no time. */
START_TEST(link_is_followed_to_its_file)
{
	file_put("1.dns", GOOD);
	ck_assert_int_eq(remove("cache.dns"), 0);
	ck_assert_int_eq(symlink("1.dns", "cache.dns"), 0);
	ck_assert(hints_open("cache.dns"));
	nothing_new(3);
	file_put("1.dns", OTHER);
	nothing_new(1);
	ck_assert(hints_look(false));
	ck_assert(used("198.41.0.5"));
}
END_TEST

/* attacks:I15: with every look there is more of it, and all of it would be
 * good. */
START_TEST(growing_file_is_left_alone)
{
	char text[400] = OTHER;
	unsigned i;

	ck_assert(hints_open("cache.dns"));
	for (i = 0; i < 10; i++) {
		file_put("cache.dns", text);
		nothing_new(1);
		strcat(text, OTHER);
	}
	ck_assert(hints_look(false));
	ck_assert(used("198.41.0.5"));
}
END_TEST

static void
make_missing(void)
{
}

static void
make_directory(void)
{
	ck_assert_int_eq(mkdir("cache.dns", 0755), 0);
}

static void
make_fifo(void)
{
	ck_assert_int_eq(mkfifo("cache.dns", 0644), 0);
}

static void
make_loop(void)
{
	ck_assert_int_eq(symlink("cache.dns", "cache.dns"), 0);
}

static void
make_device(void)
{
	ck_assert_int_eq(symlink("/dev/zero", "cache.dns"), 0);
}

static void
make_large(void)
{
	file_put("cache.dns", GOOD);
	ck_assert_int_eq(truncate("cache.dns", 10 << 20), 0);
}

static void
make_link_through_a_file(void)
{
	file_put("1.dns", GOOD);
	ck_assert_int_eq(symlink("1.dns/cache.dns", "cache.dns"), 0);
}

static const struct {
	void (*make)(void);
	const char *told;
} troubles[] = {
    {make_missing, " errno=ENOENT "},
    {make_directory, " errno=EISDIR "},
    {make_fifo, " why=\"no regular file\" "},
    {make_loop, " errno=ELOOP "},
    {make_device, " why=\"no regular file\" "},
    {make_large, " errno=EFBIG "},
    {make_link_through_a_file, " errno=ENOTDIR "},
};

/* attacks:I15: none of them is waited for, each is told once, and all are
 * survived. */
START_TEST(what_cannot_be_read_leaves_the_old_hints)
{
	ck_assert(hints_open("cache.dns"));
	ck_assert_int_eq(remove("cache.dns"), 0);
	troubles[_i].make();
	nothing_new(10);
	ck_assert(used("198.41.0.4"));
	log_read();
	ck_assert_msg(
	    log_lines(troubles[_i].told, "id=1003") == 1, "%s", log_text);
	ck_assert_uint_eq(log_lines("", ""), 1);
	ck_assert(!hints_look(true));
	log_read();
	ck_assert_uint_eq(log_lines(troubles[_i].told, "id=1003"), 2);
	if (troubles[_i].make != make_missing)
		ck_assert_int_eq(remove("cache.dns"), 0);
	file_put("cache.dns", OTHER);
	nothing_new(1);
	ck_assert(hints_look(false));
	ck_assert(used("198.41.0.5"));
}
END_TEST

/* The same at the start: nothing to serve with, and it says why. */
START_TEST(named_file_that_cannot_be_read_is_told)
{
	ck_assert_int_eq(remove("cache.dns"), 0);
	troubles[_i].make();
	ck_assert(!hints_open("cache.dns"));
	log_read();
	ck_assert_msg(
	    log_lines(troubles[_i].told, "id=1003") == 1, "%s", log_text);
}
END_TEST

/* DESIGN decision 14: a file that appears at a default place is taken. */
START_TEST(default_place_is_looked_at_while_the_compiled_in_hints_serve)
{
	char name[PATH_MAX + 32];

	ck_assert_int_eq(remove("cache.dns"), 0);
	ck_assert(hints_open(NULL));
	ck_assert_str_eq(hints_file(), "compiled-in");
	ck_assert_uint_eq(hints_roots()->address_count, 26);
	log_read();
	(void)snprintf(name, sizeof(name), " file=%s/cache.dns ", directory);
	ck_assert_uint_eq(log_lines(name, "id=1003"), 1);
	nothing_new(10);
	file_put("cache.dns", ". NS a. b.\n");
	nothing_new(10);
	ck_assert_str_eq(hints_file(), "compiled-in");
	file_put("cache.dns", GOOD);
	nothing_new(1);
	ck_assert(hints_look(false));
	ck_assert(used("198.41.0.4"));
	(void)snprintf(name, sizeof(name), "%s/cache.dns", directory);
	ck_assert_str_eq(hints_file(), name);
	ck_assert_int_eq(remove("cache.dns"), 0);
	nothing_new(10);
	ck_assert(used("198.41.0.4"));
	log_read();
	ck_assert_uint_eq(log_lines(" id=1003 ", ""), 2);
	ck_assert_uint_eq(log_lines(" id=1504 ", ""), 1);
	ck_assert_uint_eq(log_lines(" id=1501 ", ""), 1);
	ck_assert_uint_eq(log_lines("", ""), 4);
}
END_TEST

/* Whoever reads the log need not know where the server was started. */
START_TEST(file_is_told_from_the_root)
{
	char name[PATH_MAX + 32];

	ck_assert(hints_open("./cache.dns"));
	(void)snprintf(name, sizeof(name), "%s/./cache.dns", directory);
	ck_assert_str_eq(hints_file(), name);
	(void)snprintf(name, sizeof(name), "%s/cache.dns", directory);
	ck_assert(hints_open(name));
	ck_assert_str_eq(hints_file(), name);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Round-trip times and holds.
 */

static struct address server;

static void
server_setup(void)
{
	setup();
	server = address_of("198.41.0.4");
}

static void
reply(uint64_t rtt_ms)
{
	server_replied(&server, rtt_ms, now_ms);
}

static bool
takes(const struct address *at, enum feature feature, uint64_t at_ms)
{
	return (server_takes(at, at_ms) & feature) != 0;
}

/* So many queries are sent, each when the one before it was given up. */
static void
time_out(unsigned times)
{
	while (times-- > 0) {
		uint64_t sent_ms = now_ms;

		now_ms += server_rto_ms(&server);
		server_timed_out(&server, sent_ms, now_ms - sent_ms, now_ms);
	}
}

static bool
held(void)
{
	return server_is_held(&server, now_ms);
}

/* Is it held for so many seconds from now on, and no longer? */
static bool
held_for_s(unsigned s)
{
	return server_is_held(&server, now_ms + s * 1000u - 1) &&
	    !server_is_held(&server, now_ms + s * 1000u);
}

START_TEST(unknown_server_is_given_time)
{
	ck_assert_uint_eq(server_rto_ms(&server), RTO_FIRST_MS);
	ck_assert(!held());
	ck_assert(takes(&server, FEATURE_EDNS, now_ms));
	server_asked(&server, now_ms);
	ck_assert_uint_eq(server_rto_ms(&server), RTO_FIRST_MS);
	ck_assert(!held());
}
END_TEST

static unsigned
bounded_rto_ms(double rto_ms)
{
	if (rto_ms < 100)
		return 100;
	return rto_ms > 3000 ? 3000 : (unsigned)rto_ms;
}

/* RFC 6298 2.2 */
START_TEST(first_reply_gives_three_times_its_own)
{
	static const unsigned RTT_MS[] = {
	    0, 1, 33, 34, 50, 200, 999, 1000, 1001, 3000, 100000};
	unsigned want_ms = bounded_rto_ms(3.0 * RTT_MS[_i]);

	reply(RTT_MS[_i]);
	ck_assert_uint_ge(server_rto_ms(&server) + 3, want_ms);
	ck_assert_uint_le(server_rto_ms(&server), want_ms + 3);
}
END_TEST

static const uint16_t SERIES_MS[][12] = {
    {100, 300, 200, 500, 100, 100, 100, 100, 100, 100, 100, 100},
    {800, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20},
    {20, 20, 20, 20, 800, 20, 20, 20, 20, 20, 20, 20},
    {150, 150, 150, 150, 150, 150, 150, 150, 150, 150, 150, 150},
    {90, 180, 90, 180, 90, 180, 90, 180, 90, 180, 90, 180},
    {10, 40, 90, 160, 250, 360, 490, 640, 810, 1000, 1210, 1440},
};

/* RFC 6298 2.3, in whole milliseconds: 7 ms of srtt and what follows of it */
START_TEST(series_of_replies_gives_the_numbers_of_rfc_6298)
{
	double srtt = 0, rttvar = 0;
	unsigned i, rto_ms;

	for (i = 0; i < 12; i++) {
		double rtt = SERIES_MS[_i][i];
		double off = rtt > srtt ? rtt - srtt : srtt - rtt;
		double slack, want_ms;

		rttvar = i == 0 ? rtt / 2 : 0.75 * rttvar + 0.25 * off;
		srtt = i == 0 ? rtt : 0.875 * srtt + 0.125 * rtt;
		reply(SERIES_MS[_i][i]);
		slack = 4 * rttvar > RTO_SLACK_MS ? 4 * rttvar : RTO_SLACK_MS;
		want_ms = bounded_rto_ms(srtt + slack);
		rto_ms = server_rto_ms(&server);
		ck_assert(rto_ms <= want_ms + 20);
		ck_assert(rto_ms + 20 >= want_ms);
	}
}
END_TEST

START_TEST(time_given_has_bounds)
{
	unsigned i;

	for (i = 0; i < 100; i++)
		reply(1);
	ck_assert_uint_eq(server_rto_ms(&server), RTO_MIN_MS);
	for (i = 0; i < 100; i++)
		reply(UINT64_MAX);
	ck_assert_uint_eq(server_rto_ms(&server), RTO_MAX_MS);
	for (i = 0; i < 100; i++)
		reply(0);
	ck_assert_uint_eq(server_rto_ms(&server), RTO_MIN_MS);
}
END_TEST

/* A09 */
START_TEST(timeout_doubles_the_time_given)
{
	static const unsigned WANT_MS[] = {800, 1600, 3000, 3000, 3000};
	unsigned i;

	for (i = 0; i < 5; i++) {
		time_out(1);
		ck_assert_uint_eq(server_rto_ms(&server), WANT_MS[i]);
	}
}
END_TEST

START_TEST(reply_ends_the_doubling)
{
	unsigned before_ms;

	reply(40);
	reply(40);
	before_ms = server_rto_ms(&server);
	time_out(3);
	ck_assert_uint_eq(server_rto_ms(&server), 8 * before_ms);
	reply(40);
	ck_assert_uint_le(server_rto_ms(&server), before_ms);
}
END_TEST

/* A10: the last is what its first query is waited for, while that is out. */
START_TEST(server_nobody_has_asked_may_be_the_nearest)
{
	ck_assert_uint_eq(server_distance_ms(&server), 0);
	server_asked(&server, now_ms);
	ck_assert_uint_eq(server_distance_ms(&server), RTO_FIRST_MS);
	time_out(1);
	ck_assert_uint_eq(server_distance_ms(&server), 2 * RTO_FIRST_MS);
	server_replied_tcp(&server, now_ms);
	ck_assert_uint_ge(server_distance_ms(&server), RTO_FIRST_MS);
	server_forgive();
	ck_assert_uint_eq(server_distance_ms(&server), 0);
}
END_TEST

/* A10 */
START_TEST(distance_tells_near_servers_apart_that_are_given_the_same_time)
{
	struct address other = address_of("198.41.0.5");

	reply(5);
	server_replied(&other, 30, now_ms);
	ck_assert_uint_eq(server_rto_ms(&server), server_rto_ms(&other));
	ck_assert_uint_eq(
	    server_distance_ms(&server) + 25, server_distance_ms(&other));
}
END_TEST

/* One that is near is left after some timeouts, another after one. */
START_TEST(distance_doubles_with_each_timeout_in_a_row)
{
	static const unsigned WANT_MS[] = {90, 180, 360, 720, 1440, 2880};
	unsigned i;

	reply(5);
	for (i = 0; i < 6; i++) {
		time_out(1);
		ck_assert_uint_eq(server_distance_ms(&server), WANT_MS[i]);
	}
	time_out(40);
	ck_assert_uint_eq(server_distance_ms(&server), RTO_MAX_MS);
	reply(5);
	ck_assert_uint_eq(server_distance_ms(&server), 45);
}
END_TEST

START_TEST(servers_are_told_apart)
{
	static const char *const OTHERS[] = {
	    "198.41.0.5", "c629:4::", "2001:503:ba3e::2:30"};
	struct address other = address_of(OTHERS[_i]);

	time_out(DEAD_AFTER);
	server_chokes_on(&server, FEATURE_EDNS, now_ms);
	ck_assert_uint_eq(server_rto_ms(&other), RTO_FIRST_MS);
	ck_assert(!server_is_held(&other, now_ms));
	ck_assert(takes(&other, FEATURE_EDNS, now_ms));
}
END_TEST

START_TEST(server_is_held_after_so_many_timeouts)
{
	time_out(DEAD_AFTER - 1);
	ck_assert(!held());
	time_out(1);
	ck_assert(held_for_s(HOLD_MIN_S));
}
END_TEST

START_TEST(timeouts_must_be_in_a_row)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		time_out(DEAD_AFTER - 1);
		ck_assert(!held());
		reply(40);
	}
}
END_TEST

/* attacks:I01: heard one time in four, until all is heard again. */
START_TEST(server_of_which_much_is_lost_is_held_later)
{
	unsigned i;

	for (i = 0; i < 40; i++) {
		time_out(3);
		reply(40);
	}
	time_out(2 * DEAD_AFTER);
	ck_assert(!held());
	time_out(DEAD_AFTER_MAX - 2 * DEAD_AFTER);
	ck_assert(held());
	for (i = 0; i < 20; i++)
		reply(40);
	time_out(DEAD_AFTER);
	ck_assert(held());
}
END_TEST

START_TEST(however_much_is_lost_32_timeouts_are_enough)
{
	unsigned i;

	for (i = 0; i < 40; i++) {
		time_out(DEAD_AFTER - 1);
		reply(40);
	}
	time_out(DEAD_AFTER_MAX - 1);
	ck_assert(!held());
	time_out(1);
	ck_assert(held());
}
END_TEST

/* When the hold is over one may ask; if that is in vain it doubles. */
START_TEST(hold_doubles_with_each_probe_in_vain)
{
	static const unsigned WANT_S[] = {
	    5, 10, 20, 40, 80, 160, 300, 300, 300};
	unsigned i;

	time_out(DEAD_AFTER);
	for (i = 0; i < 9; i++) {
		ck_assert(held_for_s(WANT_S[i]));
		now_ms += WANT_S[i] * 1000u;
		server_asked(&server, now_ms);
		time_out(1);
	}
}
END_TEST

START_TEST(one_probe_is_out_at_a_time)
{
	time_out(DEAD_AFTER);
	now_ms += HOLD_MIN_S * 1000;
	ck_assert(!held());
	server_asked(&server, now_ms);
	ck_assert(held());
	now_ms += RTO_MAX_MS;
	ck_assert(held());
	now_ms += HOLD_MIN_S * 1000;
	ck_assert(!held());
}
END_TEST

START_TEST(server_is_silent_from_a_timeout_to_a_reply)
{
	ck_assert(!server_is_silent(&server));
	server_asked(&server, now_ms);
	ck_assert(!server_is_silent(&server));
	time_out(1);
	ck_assert(server_is_silent(&server));
	now_ms += HOLD_MAX_S * 1000;
	server_asked(&server, now_ms);
	ck_assert(server_is_silent(&server));
	reply(40);
	ck_assert(!server_is_silent(&server));
}
END_TEST

START_TEST(asking_does_not_hold_a_server_that_is_well)
{
	time_out(DEAD_AFTER - 1);
	server_asked(&server, now_ms);
	ck_assert(!held());
	reply(40);
	server_asked(&server, now_ms);
	ck_assert(!held());
}
END_TEST

/* So many queries are out, sent one a millisecond, and all are lost. */
static void
time_out_together(unsigned queries)
{
	unsigned rto_ms = server_rto_ms(&server), i;

	for (i = 0; i < queries; i++)
		server_timed_out(
		    &server, now_ms + i, rto_ms, now_ms + i + rto_ms);
	now_ms += queries - 1 + rto_ms;
}

/* attacks:I24: a moment without a network is no proof that a server is dead. */
START_TEST(queries_lost_together_count_once)
{
	static const unsigned RTO_MS[DEAD_AFTER - 1] = {
	    400, 800, 1600, 3000, 3000, 3000, 3000};
	unsigned i;

	for (i = 0; i < DEAD_AFTER - 1; i++) {
		ck_assert_uint_eq(server_rto_ms(&server), RTO_MS[i]);
		time_out_together(100);
		ck_assert(!held());
	}
	time_out_together(1);
	ck_assert(held_for_s(HOLD_MIN_S));
}
END_TEST

START_TEST(queries_sent_before_a_hold_do_not_lengthen_it)
{
	unsigned i;

	time_out(DEAD_AFTER);
	for (i = 1; i <= 100; i++)
		server_timed_out(&server, now_ms - i, i, now_ms);
	ck_assert(held_for_s(HOLD_MIN_S));
}
END_TEST

START_TEST(reply_ends_hold_and_its_doubling)
{
	time_out(DEAD_AFTER);
	now_ms += HOLD_MIN_S * 1000;
	server_asked(&server, now_ms);
	time_out(1);
	ck_assert(held());
	reply(40);
	ck_assert(!held());
	ck_assert_uint_lt(server_rto_ms(&server), RTO_MAX_MS);
	time_out(DEAD_AFTER - 1);
	ck_assert(!held());
	time_out(1);
	ck_assert(held_for_s(HOLD_MIN_S));
}
END_TEST

START_TEST(timeouts_without_end_hold_no_longer)
{
	unsigned i;

	for (i = 0; i < 1000; i++) {
		server_asked(&server, now_ms);
		time_out(1);
		now_ms += HOLD_MAX_S * 1000;
		ck_assert(!held());
	}
	ck_assert_uint_eq(server_rto_ms(&server), RTO_MAX_MS);
}
END_TEST

/* DESIGN decision 7: it was our own network. */
START_TEST(forgiven_server_is_as_its_replies_made_it)
{
	struct address other = address_of("192.0.2.1"), fresh = server;
	unsigned rto_ms;

	reply(150);
	rto_ms = server_rto_ms(&server);
	time_out(2 * DEAD_AFTER);
	ck_assert(held() && server_is_silent(&server));
	ck_assert_uint_gt(server_rto_ms(&server), rto_ms);
	server = other;
	time_out(2 * DEAD_AFTER);
	ck_assert(held());
	server_forgive();
	ck_assert(!held() && !server_is_silent(&server));
	ck_assert_uint_eq(server_rto_ms(&server), RTO_FIRST_MS);
	server = fresh;
	ck_assert(!held() && !server_is_silent(&server));
	ck_assert_uint_eq(server_rto_ms(&server), rto_ms);
	time_out(DEAD_AFTER);
	ck_assert(held_for_s(HOLD_MIN_S));
}
END_TEST

static const struct {
	int err;
	const char *cause;
	bool lasting;
} CAUSES[] = {
    {ENETUNREACH, "route", true},
    {EHOSTUNREACH, "route", true},
    {ENETDOWN, "route", true},
    {EINVAL, "route", true},
    {EPERM, "firewall", true},
    {EACCES, "firewall", true},
    {EADDRNOTAVAIL, "address", true},
    {EAFNOSUPPORT, "family", true},
    {EMSGSIZE, "size", false},
    {ENOBUFS, "buffer", false},
    {EAGAIN, "buffer", false},
    {ENOMEM, "buffer", false},
    {EMFILE, "descriptors", false},
    {ENFILE, "descriptors", false},
    {EADDRINUSE, "port", false},
    {EIO, "system", false},
};

/* features.md 3.4, rfcs.md 19.3; what passes by itself says nothing of us. */
START_TEST(each_error_has_its_cause)
{
	const struct send_cause *cause = send_cause(CAUSES[_i].err);

	ck_assert_str_eq(cause->word, CAUSES[_i].cause);
	ck_assert(cause->lasting == CAUSES[_i].lasting);
}
END_TEST

/* E09, F08, E14 */
START_TEST(what_a_server_chokes_on_is_left_out_for_a_quarter_of_an_hour)
{
	enum feature choked = (enum feature)(1 << _i);
	unsigned i;

	server_chokes_on(&server, choked, now_ms);
	if (choked == FEATURE_CASE || choked == FEATURE_COOKIE)
		server_chokes_on(&server, choked, now_ms);
	ck_assert_uint_eq(server_rto_ms(&server), RTO_FIRST_MS);
	for (i = 0; i < FEATURES; i++) {
		enum feature f = (enum feature)(1 << i);

		ck_assert(takes(&server, f, now_ms) == (f != choked));
		ck_assert(takes(&server, f, now_ms + 899999) == (f != choked));
		ck_assert(takes(&server, f, now_ms + 900000));
	}
}
END_TEST

/* attacks:S09 */
START_TEST(edns_that_was_shown_is_not_lacked_within_the_hour)
{
	const struct edns with = {.present = true},
			  without = {.present = false};

	server_showed(&server, FEATURE_EDNS, &without, now_ms);
	server_chokes_on(&server, FEATURE_EDNS, now_ms);
	ck_assert(!takes(&server, FEATURE_EDNS, now_ms));
	now_ms += 900000;
	server_showed(&server, FEATURE_EDNS, &with, now_ms);
	server_chokes_on(
	    &server, FEATURE_EDNS | FEATURE_PIPELINE, now_ms + 3599999);
	ck_assert(takes(&server, FEATURE_EDNS, now_ms + 3599999));
	ck_assert(!takes(&server, FEATURE_PIPELINE, now_ms + 3599999));
	server_chokes_on(&server, FEATURE_EDNS, now_ms + 3600000);
	ck_assert(!takes(&server, FEATURE_EDNS, now_ms + 3600000));
}
END_TEST

static struct address
server_of_number(unsigned n)
{
	struct address a = {.family = 6, .port = DNS_PORT};

	a.ip[0] = 0x2a;
	memcpy(a.ip + 12, &n, sizeof(n));
	return a;
}

/* The cookie for a server, and so many octets of it must there be. */
static struct edns
cookie_for(const struct address *at, size_t len)
{
	struct edns query = {.present = true};

	server_write_cookie(at, &query, now_ms);
	ck_assert_uint_eq(query.cookie_len, len);
	return query;
}

/* What a server that knows the cookie replies, with so many octets of it. */
static struct edns
cookie_reply(const struct edns *query, size_t len)
{
	struct edns reply = *query;

	memset(reply.cookie + COOKIE_CLIENT_LEN, 0x5a,
	    COOKIE_MAX - COOKIE_CLIENT_LEN);
	reply.cookie_len = (uint8_t)len;
	return reply;
}

/* K09 */
START_TEST(each_server_has_a_cookie_of_its_own)
{
	struct edns first, again, other;
	struct address a = address_of("198.41.0.4");
	struct address b = address_of("198.41.0.5");

	first = cookie_for(&a, COOKIE_CLIENT_LEN);
	again = cookie_for(&a, COOKIE_CLIENT_LEN);
	other = cookie_for(&b, COOKIE_CLIENT_LEN);
	ck_assert_mem_eq(first.cookie, again.cookie, COOKIE_CLIENT_LEN);
	ck_assert_mem_ne(first.cookie, other.cookie, COOKIE_CLIENT_LEN);
}
END_TEST

/* Would the reply be believed, of a query with this cookie? */
static bool
answers(const struct edns *query, const struct edns *reply)
{
	return cookie_is_answered(query->cookie, query->cookie_len, reply);
}

/* K10, K11 */
START_TEST(reply_must_know_the_cookie_once_the_server_gave_one)
{
	const struct edns none = {.present = true};
	struct edns query = cookie_for(&server, COOKIE_CLIENT_LEN);
	struct edns good = cookie_reply(&query, COOKIE_LEN);
	struct edns half = cookie_reply(&query, COOKIE_CLIENT_LEN);
	struct edns forged = good;

	forged.cookie[COOKIE_CLIENT_LEN - 1] ^= 1;
	ck_assert(answers(&query, &none));
	ck_assert(answers(&query, &half));
	ck_assert(answers(&query, &good));
	ck_assert(!answers(&query, &forged));
	server_showed(&server, FEATURE_COOKIE, &good, now_ms);
	query = cookie_for(&server, COOKIE_LEN);
	ck_assert_mem_eq(query.cookie, good.cookie, COOKIE_LEN);
	ck_assert(answers(&query, &good));
	ck_assert(!answers(&query, &none));
	ck_assert(!answers(&query, &half));
	good = cookie_reply(&query, COOKIE_MAX);
	server_showed(&server, FEATURE_COOKIE, &good, now_ms);
	query = cookie_for(&server, COOKIE_MAX);
	ck_assert_mem_eq(query.cookie, good.cookie, COOKIE_MAX);
	server_chokes_on(&server, FEATURE_COOKIE, now_ms);
	server_chokes_on(&server, FEATURE_COOKIE, now_ms);
	forged = cookie_for(&server, COOKIE_CLIENT_LEN);
	ck_assert_mem_eq(query.cookie, forged.cookie, COOKIE_CLIENT_LEN);
}
END_TEST

/* K10: and if the server gives one, it is not put behind another of ours. */
START_TEST(cookie_of_a_query_that_is_out_is_known_though_the_server_is_not)
{
	const struct edns none = {.present = true};
	struct edns query = cookie_for(&server, COOKIE_CLIENT_LEN);
	struct edns good = cookie_reply(&query, COOKIE_LEN);
	struct address fresh = server;
	unsigned i;

	server_showed(&server, FEATURE_COOKIE, &good, now_ms);
	query = cookie_for(&server, COOKIE_LEN);
	for (i = 0; i < CROWD; i++) {
		server = server_of_number(i);
		now_ms++;
		(void)cookie_for(&server, COOKIE_CLIENT_LEN);
	}
	server = fresh;
	ck_assert(answers(&query, &good));
	ck_assert(!answers(&query, &none));
	server_showed(&server, FEATURE_COOKIE, &good, now_ms);
	query = cookie_for(&server, COOKIE_CLIENT_LEN);
	ck_assert_mem_ne(query.cookie, good.cookie, COOKIE_CLIENT_LEN);
	ck_assert(!answers(&query, &good));
}
END_TEST

/* E14, F08: once may be chance, or a forger. */
START_TEST(case_and_cookies_are_left_out_after_two_misses_in_a_row)
{
	const enum feature feature = _i == 0 ? FEATURE_CASE : FEATURE_COOKIE;
	const struct edns none = {.present = true};

	server_chokes_on(&server, feature, now_ms);
	server_showed(&server, feature, &none, now_ms);
	server_chokes_on(&server, feature, now_ms);
	ck_assert(takes(&server, feature, now_ms));
	server_showed(&server, FEATURE_EDNS, &none, now_ms);
	server_chokes_on(&server, feature, now_ms);
	ck_assert(!takes(&server, feature, now_ms));
	server_chokes_on(&server, feature, now_ms + 1000);
	server_chokes_on(&server, feature, now_ms + 1000);
	ck_assert(takes(&server, feature, now_ms + 900000));
	server_chokes_on(&server, feature, now_ms + 900000);
	ck_assert(takes(&server, feature, now_ms + 900000));
}
END_TEST

/* E10, E14: silence is no reason to do without. */
START_TEST(timeouts_leave_edns_alone)
{
	time_out(2 * DEAD_AFTER);
	ck_assert(takes(&server, FEATURE_EDNS, now_ms));
	server_chokes_on(&server, FEATURE_EDNS, now_ms);
	reply(40);
	ck_assert(!takes(&server, FEATURE_EDNS, now_ms));
}
END_TEST

static bool
takes_tcp_in_s(unsigned s)
{
	return server_takes_tcp(&server, now_ms + s * 1000u);
}

/* E14: one silence is no reason to do without for long; a refusal is. */
START_TEST(tcp_is_done_without_after_a_refusal_or_two_silences)
{
	ck_assert(takes_tcp_in_s(0));
	server_chokes_on_tcp(&server, _i == 1, now_ms);
	ck_assert(takes_tcp_in_s(0) == (_i == 0));
	if (_i == 0)
		server_chokes_on_tcp(&server, false, now_ms);
	ck_assert(!takes_tcp_in_s(0) && !takes_tcp_in_s(899));
	ck_assert(takes_tcp_in_s(900));
	now_ms += 900 * 1000;
	server_chokes_on_tcp(&server, false, now_ms);
	ck_assert(!takes_tcp_in_s(0));
	ck_assert(takes(&server, FEATURE_EDNS, now_ms));
	ck_assert(!held());
}
END_TEST

START_TEST(a_reply_over_tcp_ends_what_silences_began)
{
	server_chokes_on_tcp(&server, false, now_ms);
	server_replied_tcp(&server, now_ms);
	server_chokes_on_tcp(&server, false, now_ms);
	ck_assert(takes_tcp_in_s(0));
	server_chokes_on_tcp(&server, true, now_ms);
	server_replied_tcp(&server, now_ms);
	ck_assert(takes_tcp_in_s(0));
}
END_TEST

/* C01: it is alive; but how fast its datagrams are is another matter. */
START_TEST(a_reply_over_tcp_ends_a_hold_and_tells_no_time)
{
	unsigned rto_ms;

	ck_assert(!server_has_answered(&server));
	server_replied_tcp(&server, now_ms);
	ck_assert(!server_has_answered(&server));
	ck_assert_uint_eq(server_rto_ms(&server), RTO_FIRST_MS);
	reply(40);
	ck_assert(server_has_answered(&server));
	rto_ms = server_rto_ms(&server);
	time_out(DEAD_AFTER);
	ck_assert(held() && server_is_silent(&server));
	server_replied_tcp(&server, now_ms);
	ck_assert(!held() && !server_is_silent(&server));
	ck_assert_uint_eq(server_rto_ms(&server), rto_ms);
}
END_TEST

/* What is remembered is bounded, and it is the latest. */
START_TEST(crowd_of_servers_is_forgotten_oldest_first)
{
	unsigned i, known = 0, late = 0;

	for (i = 0; i < CROWD; i++) {
		struct address a = server_of_number(i);

		server_timed_out(
		    &a, now_ms - RTO_FIRST_MS, RTO_FIRST_MS, now_ms);
		now_ms++;
	}
	for (i = 0; i < CROWD; i++) {
		struct address a = server_of_number(i);

		if (server_rto_ms(&a) == RTO_FIRST_MS)
			continue;
		known++;
		late += i >= CROWD - SERVERS_MAX / 2;
	}
	ck_assert_uint_le(known, SERVERS_MAX);
	ck_assert_uint_ge(known, SERVERS_MAX * 9 / 10);
	ck_assert_uint_ge(late, SERVERS_MAX / 2 * 8 / 10);
}
END_TEST

START_TEST(server_in_use_survives_a_crowd)
{
	unsigned i;

	server_chokes_on(&server, FEATURE_EDNS, now_ms);
	for (i = 0; i < CROWD; i++) {
		struct address a = server_of_number(i);

		server_asked(&a, now_ms++);
		if (i % 100 == 0)
			server_asked(&server, now_ms++);
	}
	ck_assert(!takes(&server, FEATURE_EDNS, START_MS + 1));
}
END_TEST

/* Nobody of this crowd has the server's place among those sought of late. */
START_TEST(server_that_a_crowd_drives_out_is_not_known)
{
	unsigned i;

	server_replied(&server, 20, now_ms++);
	for (i = 0; i < 4 * SERVERS_MAX; i++) {
		struct address a = server;

		a.ip[0] = (uint8_t)(i >> 8);
		a.ip[1] = (uint8_t)i;
		a.ip[3] ^= 1;
		server_replied(&a, 20, now_ms++);
	}
	ck_assert(!server_has_answered(&server));
}
END_TEST

/* ---------------------------------------------------------------------------
 * Lameness.
 */

/* A07: put aside for that zone */
START_TEST(lameness_is_of_a_zone_and_an_address)
{
	struct name zone = name_of("example."), other = name_of("example.org.");
	struct name below = name_of("a.example.");
	struct address elsewhere = address_of("198.41.0.5");

	ck_assert_uint_eq(server_lame_ms(&zone, &server), 0);
	server_mark_lame(&zone, &server, now_ms);
	ck_assert_uint_eq(server_lame_ms(&zone, &server), now_ms);
	ck_assert_uint_eq(server_lame_ms(&other, &server), 0);
	ck_assert_uint_eq(server_lame_ms(&below, &server), 0);
	ck_assert_uint_eq(server_lame_ms(&ROOT, &server), 0);
	ck_assert_uint_eq(server_lame_ms(&zone, &elsewhere), 0);
	zone = name_of("EXAMPLE.");
	ck_assert_uint_eq(server_lame_ms(&zone, &server), now_ms);
}
END_TEST

START_TEST(lameness_is_of_the_last_time)
{
	struct name zone = name_of("example.");

	server_mark_lame(&zone, &server, now_ms);
	server_mark_lame(&zone, &server, now_ms + 5);
	ck_assert_uint_eq(server_lame_ms(&zone, &server), now_ms + 5);
	reply(40);
	ck_assert_uint_eq(server_lame_ms(&zone, &server), now_ms + 5);
}
END_TEST

/* The same octets are another address in the other family. */
START_TEST(lameness_is_of_one_family)
{
	struct name zone = name_of("example.");
	struct address six = address_of("2a00:102::"), four;

	four = address_of("42.0.1.2");
	server_mark_lame(&zone, &four, now_ms);
	ck_assert_uint_eq(server_lame_ms(&zone, &six), 0);
}
END_TEST

START_TEST(crowd_of_lame_servers_is_bounded)
{
	struct name zone = name_of("example.");
	unsigned i, known = 0;

	for (i = 0; i < CROWD; i++) {
		struct address a = server_of_number(i);

		server_mark_lame(&zone, &a, now_ms + i);
		ck_assert_uint_eq(server_lame_ms(&zone, &a), now_ms + i);
	}
	for (i = 0; i < CROWD; i++) {
		struct address a = server_of_number(i);
		uint64_t since_ms = server_lame_ms(&zone, &a);

		known += since_ms != 0;
		ck_assert(since_ms == 0 || since_ms == now_ms + i);
	}
	ck_assert_uint_le(known, LAME_MAX);
	ck_assert_uint_ge(known, LAME_MAX / 2);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Chance.
 */

START_TEST(chance_stays_below_its_bound)
{
	static const uint32_t BOUNDS[] = {
	    1, 2, 3, 7, 13, 100, 64512, 1u << 31, UINT32_MAX};
	unsigned i;

	for (i = 0; i < 100000; i++)
		if (random_below(BOUNDS[_i]) >= BOUNDS[_i])
			ck_abort_msg("%u or more", BOUNDS[_i]);
}
END_TEST

/* Each value, 1000 times expected; 8 standard deviations are allowed. */
START_TEST(chance_is_fair)
{
	static const uint32_t BOUNDS[] = {2, 3, 13, 100, 256};
	unsigned times[256] = {0}, i;

	for (i = 0; i < 1000 * BOUNDS[_i]; i++)
		times[random_below(BOUNDS[_i])]++;
	for (i = 0; i < BOUNDS[_i]; i++) {
		ck_assert_uint_gt(times[i], 1000 - 8 * 32);
		ck_assert_uint_lt(times[i], 1000 + 8 * 32);
	}
}
END_TEST

/* F02, F04: nor does one number tell the next, in any of its bits. */
static int
compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* attacks:I11: the kernel gives no more, at once or after a while. */
START_TEST(chance_goes_on_without_the_kernel)
{
	static uint64_t drawn[DRAWN];
	unsigned i;

	chance_err = EIO;
	for (i = 0; i < DRAWN; i++) {
		if (i == DRAWN / 3)
			chance_err = 0;
		else if (i == DRAWN / 3 * 2)
			chance_err = ENOSYS;
		drawn[i] = (uint64_t)random_u32() << 32 | random_u32();
	}
	chance_err = 0;
	qsort(drawn, DRAWN, sizeof(drawn[0]), compare_u64);
	for (i = 1; i < DRAWN; i++)
		ck_assert_uint_ne(drawn[i - 1], drawn[i]);
}
END_TEST

START_TEST(each_bit_of_chance_is_free)
{
	unsigned set[32] = {0}, same[32] = {0}, i, bit;
	uint32_t last = random_u32();

	for (i = 0; i < 10000; i++) {
		uint32_t value = random_u32();

		for (bit = 0; bit < 32; bit++) {
			set[bit] += value >> bit & 1;
			same[bit] += ~(value ^ last) >> bit & 1;
		}
		last = value;
	}
	for (bit = 0; bit < 32; bit++) {
		ck_assert_uint_gt(set[bit], 5000 - 8 * 50);
		ck_assert_uint_lt(set[bit], 5000 + 8 * 50);
		ck_assert_uint_gt(same[bit], 5000 - 8 * 50);
		ck_assert_uint_lt(same[bit], 5000 + 8 * 50);
	}
}
END_TEST

/* What servers and forgers see of chance: 20 MB of it. */
enum {
	GLIMPSES = 3000000,
	GLIMPSE_BITS = 56, /* letters, ID, and the even bits of the port */
	PORTS_FROM = 1024,
	PORTS = 65536 - PORTS_FROM
};

/* How far that is from what chance would do: squares of standard deviations. */
struct glimpses {
	double bits, runs;         /* set; and of equal ones */
	double octets, ids, ports; /* each as often as any other */
	double after, beside;      /* an ID after another, and beside a port */
};

/* As referral.c draws them: ID, port, and letters to turn over. */
static void
glimpse(uint16_t *id, uint16_t *port, uint32_t *letters)
{
	*id = (uint16_t)random_u32();
	*port = (uint16_t)(PORTS_FROM + random_below(PORTS));
	*letters = random_u32();
}

/* Chi-square, which is normal with so many cells. */
static double
unevenness(const unsigned *seen, unsigned cells, double total)
{
	double mean = total / cells, sum = 0, freedom = cells - 1;
	unsigned i;

	for (i = 0; i < cells; i++)
		sum += (seen[i] - mean) * (seen[i] - mean) / mean;
	return (sum - freedom) * (sum - freedom) / (2 * freedom);
}

static void
glimpses_judge(struct glimpses *g)
{
	static unsigned octets[256], ids[65536], ports[65536], after[65536];
	static unsigned beside[65536];
	const double bits = (double)GLIMPSES * GLIMPSE_BITS;
	const uint64_t ALL = ((uint64_t)1 << GLIMPSE_BITS) - 1;
	uint16_t id = 0, last, port;
	uint32_t letters;
	uint64_t set = 0, changes = 0, word, before = 0;
	unsigned i, at;

	memset(octets, 0, sizeof(octets));
	memset(ids, 0, sizeof(ids));
	memset(ports, 0, sizeof(ports));
	memset(after, 0, sizeof(after));
	memset(beside, 0, sizeof(beside));
	for (i = 0; i < GLIMPSES; i++) {
		last = id;
		glimpse(&id, &port, &letters);
		word = (uint64_t)letters << 24 | (uint32_t)id << 8 |
		    ((port - PORTS_FROM) & 0xff);
		set += (unsigned)__builtin_popcountll(word);
		changes += (unsigned)__builtin_popcountll(
		    word ^ ((word << 1 & ALL) | before >> (GLIMPSE_BITS - 1)));
		before = word;
		for (at = 0; at < GLIMPSE_BITS; at += 8)
			octets[word >> at & 0xff]++;
		ids[id]++;
		ports[port - PORTS_FROM]++;
		after[(id & 0xff) << 8 | (last & 0xff)]++;
		beside[(port - PORTS_FROM) >> 8 << 8 | (id & 0xff)]++;
	}
	g->bits =
	    ((double)set - bits / 2) * ((double)set - bits / 2) * 4 / bits;
	g->runs = ((double)changes - bits / 2) * ((double)changes - bits / 2) *
	    4 / bits;
	g->octets = unevenness(octets, 256, bits / 8);
	g->ids = unevenness(ids, 65536, GLIMPSES);
	g->ports = unevenness(ports, PORTS, GLIMPSES);
	g->after = unevenness(after, 65536, GLIMPSES);
	g->beside = unevenness(beside, PORTS, GLIMPSES);
}

/*
 * attacks:S05, F02, F04: no test of randomness finds a pattern with p < 0.001,
 * which is 3.29 standard deviations.  Chance itself does so now and then, but
 * not three times in a row.
 */
START_TEST(what_is_seen_of_chance_has_no_pattern)
{
	const double odd = 3.29 * 3.29;
	struct glimpses g;
	unsigned times;

	for (times = 0; times < 3; times++) {
		glimpses_judge(&g);
		if (g.bits < odd && g.runs < odd && g.octets < odd &&
		    g.ids < odd && g.ports < odd && g.after < odd &&
		    g.beside < odd)
			return;
	}
	ck_abort_msg("bits %g, runs %g, octets %g, IDs %g, ports %g, an ID "
		     "after another %g, beside a port %g",
	    g.bits, g.runs, g.octets, g.ids, g.ports, g.after, g.beside);
}
END_TEST

START_TEST(bound_of_nought_is_a_fault)
{
	(void)random_below(0);
}
END_TEST

static TCase *
addresses(void)
{
	TCase *t = tcase_create("addresses");

	tcase_add_checked_fixture(t, setup, server_close);
	tcase_add_loop_test(t, block_has_its_verdict_from_first_to_last_address,
	    0, BLOCKS_COUNT);
	tcase_add_loop_test(t, only_send_is_open_by_default, 0, BLOCKS_COUNT);
	tcase_add_loop_test(
	    t, never_cannot_be_opened_and_ask_can, 0, BLOCKS_COUNT);
	tcase_add_test(t, all_of_ipv4_agrees_with_arithmetic);
	tcase_add_test(t, addresses_near_blocks_agree_with_the_table);
	tcase_add_loop_test(
	    t, networks_of_small_blocks_agree_with_arithmetic, 0, 7);
	tcase_add_loop_test(t, anycast_of_other_services_is_not_asked, 0, 5);
	tcase_add_loop_test(t, as112_is_asked, 0, 4);
	tcase_add_loop_test(t, class_has_a_word_and_a_source, 0, BLOCKS_COUNT);
	tcase_add_test(t, most_specific_block_gives_the_word);
	tcase_add_test(t, open_prefix_opens_no_more_than_itself);
	tcase_add_test(t, embedded_address_must_pass_as_well);
	tcase_add_test(t, embedded_address_must_pass_even_if_typed);
	tcase_add_test(t, embedded_address_must_not_be_our_own);
	tcase_add_test(t, mapped_address_is_never_asked);
	tcase_add_test(t, port_zero_is_never_asked);
	tcase_add_loop_test(t, own_address_and_port_is_never_asked, 0, 4);
	tcase_set_timeout(t, 60);
	return t;
}

static TCase *
network(void)
{
	TCase *t = tcase_create("network");

	tcase_add_checked_fixture(t, setup, network_teardown);
	tcase_add_test(t, wildcard_makes_every_address_of_the_host_own);
	tcase_add_test(t, wildcard_is_of_its_port);
	tcase_add_test(t, broadcast_address_of_a_subnet_is_never_asked);
	tcase_add_test(t, addresses_are_followed_as_they_come_and_go);
	tcase_add_test(t, changes_are_read_ten_times_a_second);
	tcase_add_test(t, without_netlink_loopback_and_listeners_are_own);
	tcase_add_test(t, read_that_fails_changes_nothing);
	tcase_add_test(t, each_of_many_own_addresses_is_found);
	tcase_add_test(t, too_many_own_addresses_are_rounded_to_networks);
	tcase_add_test(t, family_is_up_while_a_root_has_a_route);
	tcase_add_test(t, one_root_with_a_route_is_enough);
	tcase_add_test(
	    t, compiled_in_roots_judge_a_family_that_the_hints_leave_out);
	tcase_add_test(t, opened_network_with_a_route_keeps_its_family_up);
	tcase_add_test(t, link_local_address_alone_is_no_address);
	tcase_add_test(t, error_of_another_kind_is_not_held_against_a_family);
	tcase_add_loop_test(
	    t, family_that_an_option_leaves_out_is_down_for_good, 0, 2);
	tcase_add_test(t, source_that_is_gone_takes_its_family_along);
	tcase_add_test(t, source_is_any_unless_said);
	return t;
}

static TCase *
hints(void)
{
	TCase *t = tcase_create("hints");

	tcase_add_checked_fixture(t, hints_setup, hints_teardown);
	tcase_add_test(t, compiled_in_hints_name_thirteen_roots);
	tcase_add_loop_test(t, dialect_is_understood, 0,
	    sizeof(DIALECTS) / sizeof(DIALECTS[0]));
	tcase_add_test(t, all_addresses_of_a_name_are_kept);
	tcase_add_test(t, record_said_twice_counts_once);
	tcase_add_test(t, address_of_a_stranger_is_left_out);
	tcase_add_test(t, stranger_takes_no_address_along);
	tcase_add_test(t, roots_hold_their_addresses_and_no_others);
	tcase_add_loop_test(t, fault_is_told_and_refuses_the_file, 0,
	    sizeof(FAULTS) / sizeof(FAULTS[0]));
	tcase_add_loop_test(t, record_without_an_end_refuses_the_file, 0,
	    sizeof(UNFINISHED) / sizeof(UNFINISHED[0]));
	tcase_add_test(t, blank_owner_needs_one_before_it);
	tcase_add_test(t, directive_is_told_and_left_out);
	tcase_add_test(t, each_fault_has_a_line_of_its_own);
	tcase_add_loop_test(t, refused_address_drops_its_line_only, 0,
	    sizeof(REFUSED) / sizeof(REFUSED[0]));
	tcase_add_test(
	    t, refused_address_is_not_told_with_the_token_of_a_fault);
	tcase_add_test(t, refused_line_still_gives_the_owner_of_the_next);
	tcase_add_loop_test(t, typed_address_may_be_private, 0, 8);
	tcase_add_loop_test(t, hints_without_a_usable_pair_are_refused, 0,
	    sizeof(USELESS) / sizeof(USELESS[0]));
	tcase_add_loop_test(t, nul_makes_it_no_text, 0, 3);
	tcase_add_loop_test(t, hints_may_be_as_many_as_there_is_room_for, 0, 2);
	tcase_add_loop_test(t, hints_beyond_that_are_told, 0, 2);
	tcase_add_loop_test(t, long_line_is_one_fault, 0, 4);
	tcase_add_test(t, faults_without_end_are_told_in_part);
	tcase_add_loop_test(t, remark_is_made_at_its_place, 0,
	    sizeof(REMARKS) / sizeof(REMARKS[0]));
	tcase_add_loop_test(t, any_words_leave_a_sound_set, 0, 3);
	tcase_add_loop_test(t, any_octets_leave_a_sound_set, 0, 3);
	tcase_set_timeout(t, 60);
	return t;
}

static TCase *
files(void)
{
	TCase *t = tcase_create("files");
	int all = sizeof(troubles) / sizeof(troubles[0]);

	tcase_add_checked_fixture(t, file_setup, file_teardown);
	tcase_add_loop_test(t, each_way_to_save_is_taken_once, 0,
	    sizeof(saves) / sizeof(saves[0]));
	tcase_add_test(t, link_is_followed_to_its_file);
	tcase_add_test(t, growing_file_is_left_alone);
	tcase_add_loop_test(
	    t, what_cannot_be_read_leaves_the_old_hints, 0, all);
	tcase_add_loop_test(t, named_file_that_cannot_be_read_is_told, 0, all);
	tcase_add_test(
	    t, default_place_is_looked_at_while_the_compiled_in_hints_serve);
	tcase_add_test(t, file_is_told_from_the_root);
	return t;
}

static TCase *
times(void)
{
	TCase *t = tcase_create("times");

	tcase_add_checked_fixture(t, server_setup, server_close);
	tcase_add_test(t, unknown_server_is_given_time);
	tcase_add_loop_test(t, first_reply_gives_three_times_its_own, 0, 11);
	tcase_add_loop_test(t, series_of_replies_gives_the_numbers_of_rfc_6298,
	    0, sizeof(SERIES_MS) / sizeof(SERIES_MS[0]));
	tcase_add_test(t, time_given_has_bounds);
	tcase_add_test(t, timeout_doubles_the_time_given);
	tcase_add_test(t, reply_ends_the_doubling);
	tcase_add_test(t, server_nobody_has_asked_may_be_the_nearest);
	tcase_add_test(
	    t, distance_tells_near_servers_apart_that_are_given_the_same_time);
	tcase_add_test(t, distance_doubles_with_each_timeout_in_a_row);
	tcase_add_loop_test(t, servers_are_told_apart, 0, 3);
	tcase_add_test(t, server_is_held_after_so_many_timeouts);
	tcase_add_test(t, timeouts_must_be_in_a_row);
	tcase_add_test(t, server_of_which_much_is_lost_is_held_later);
	tcase_add_test(t, however_much_is_lost_32_timeouts_are_enough);
	tcase_add_test(t, hold_doubles_with_each_probe_in_vain);
	tcase_add_test(t, one_probe_is_out_at_a_time);
	tcase_add_test(t, server_is_silent_from_a_timeout_to_a_reply);
	tcase_add_test(t, asking_does_not_hold_a_server_that_is_well);
	tcase_add_test(t, queries_lost_together_count_once);
	tcase_add_test(t, queries_sent_before_a_hold_do_not_lengthen_it);
	tcase_add_test(t, reply_ends_hold_and_its_doubling);
	tcase_add_test(t, timeouts_without_end_hold_no_longer);
	tcase_add_test(t, forgiven_server_is_as_its_replies_made_it);
	tcase_add_loop_test(
	    t, each_error_has_its_cause, 0, sizeof(CAUSES) / sizeof(CAUSES[0]));
	tcase_add_loop_test(t,
	    what_a_server_chokes_on_is_left_out_for_a_quarter_of_an_hour, 0,
	    FEATURES);
	tcase_add_test(t, edns_that_was_shown_is_not_lacked_within_the_hour);
	tcase_add_test(t, each_server_has_a_cookie_of_its_own);
	tcase_add_test(t, reply_must_know_the_cookie_once_the_server_gave_one);
	tcase_add_test(
	    t, cookie_of_a_query_that_is_out_is_known_though_the_server_is_not);
	tcase_add_loop_test(
	    t, case_and_cookies_are_left_out_after_two_misses_in_a_row, 0, 2);
	tcase_add_test(t, timeouts_leave_edns_alone);
	tcase_add_loop_test(
	    t, tcp_is_done_without_after_a_refusal_or_two_silences, 0, 2);
	tcase_add_test(t, a_reply_over_tcp_ends_what_silences_began);
	tcase_add_test(t, a_reply_over_tcp_ends_a_hold_and_tells_no_time);
	tcase_add_test(t, crowd_of_servers_is_forgotten_oldest_first);
	tcase_add_test(t, server_in_use_survives_a_crowd);
	tcase_add_test(t, server_that_a_crowd_drives_out_is_not_known);
	tcase_set_timeout(t, 60);
	return t;
}

static TCase *
lameness(void)
{
	TCase *t = tcase_create("lameness");

	tcase_add_checked_fixture(t, server_setup, server_close);
	tcase_add_test(t, lameness_is_of_a_zone_and_an_address);
	tcase_add_test(t, lameness_is_of_the_last_time);
	tcase_add_test(t, lameness_is_of_one_family);
	tcase_add_test(t, crowd_of_lame_servers_is_bounded);
	return t;
}

static TCase *
chance(void)
{
	TCase *t = tcase_create("chance");

	tcase_add_checked_fixture(t, setup, server_close);
	tcase_add_loop_test(t, chance_stays_below_its_bound, 0, 9);
	tcase_add_loop_test(t, chance_is_fair, 0, 5);
	tcase_add_test(t, chance_goes_on_without_the_kernel);
	tcase_add_test(t, each_bit_of_chance_is_free);
	tcase_add_test(t, what_is_seen_of_chance_has_no_pattern);
	tcase_add_test_raise_signal(t, bound_of_nought_is_a_fault, SIGABRT);
	return t;
}

int
main(void)
{
	Suite *suite = suite_create("server");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, addresses());
	suite_add_tcase(suite, network());
	suite_add_tcase(suite, hints());
	suite_add_tcase(suite, files());
	suite_add_tcase(suite, times());
	suite_add_tcase(suite, lameness());
	suite_add_tcase(suite, chance());
	scratch_open();
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	scratch_close();
	return failed > 0;
}
