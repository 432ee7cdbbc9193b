/*
 * Z08: the classifier of addresses, from text and from octets, against the
 * table of rfcs.md 19.1 written once more, as plainly as can be: the longest
 * block that holds the address gives the verdict.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <stdio.h>

static const struct {
	const char *block;
	char verdict; /* N never, A ask, S send */
} blocks[] = {{"0.0.0.0/0", 'S'}, {"0.0.0.0/8", 'N'}, {"10.0.0.0/8", 'A'},
    {"100.64.0.0/10", 'A'}, {"127.0.0.0/8", 'A'}, {"169.254.0.0/16", 'A'},
    {"172.16.0.0/12", 'A'}, {"192.0.0.0/24", 'A'}, {"192.0.2.0/24", 'A'},
    {"192.88.99.0/24", 'A'}, {"192.168.0.0/16", 'A'}, {"198.18.0.0/15", 'A'},
    {"198.51.100.0/24", 'A'}, {"203.0.113.0/24", 'A'}, {"224.0.0.0/4", 'N'},
    {"240.0.0.0/4", 'N'}, {"::/0", 'A'}, {"2000::/3", 'S'}, {"::/96", 'N'},
    {"::1/128", 'A'}, {"::ffff:0:0/96", 'N'}, {"64:ff9b::/96", 'A'},
    {"2001::/23", 'A'}, {"2001:3::/32", 'S'}, {"2001:4:112::/48", 'S'},
    {"2001:db8::/32", 'A'}, {"2002::/16", 'A'}, {"3ffe::/16", 'A'},
    {"3fff::/20", 'A'}, {"fe80::/10", 'N'}, {"ff00::/8", 'N'}};

enum {
	BLOCKS = sizeof(blocks) / sizeof(blocks[0])
};

static bool
block_holds(const char *block, const struct address *a, int *bits)
{
	char text[ADDRESS_TEXT_MAX];
	uint8_t ip[16];
	int i;

	assert(sscanf(block, "%55[^/]/%d", text, bits) == 2);
	if (inet_pton(a->family == 4 ? AF_INET : AF_INET6, text, ip) != 1)
		return false;
	for (i = 0; i < *bits; i++)
		if (((a->ip[i / 8] ^ ip[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

static char
verdict_of(const struct address *a)
{
	int bits, longest = -1;
	char verdict = '?';
	unsigned i;

	for (i = 0; i < BLOCKS; i++)
		if (block_holds(blocks[i].block, a, &bits) && bits > longest) {
			longest = bits;
			verdict = blocks[i].verdict;
		}
	return verdict;
}

static void
check_address(const struct address *a)
{
	static const enum verdict verdicts[] = {
	    ['S'] = VERDICT_SEND, ['A'] = VERDICT_ASK, ['N'] = VERDICT_NEVER};
	const struct address_class *class = address_classify(a);
	struct sockaddr_storage sa = {0};
	char text[ADDRESS_TEXT_MAX];
	struct address again;
	char verdict = verdict_of(a);

	assert(verdicts[(unsigned char)verdict] == class->verdict);
	if (verdict == 'N')
		assert(address_fault(a, true) != NULL);
	if (verdict != 'S' || a->port == 0)
		assert(address_fault(a, false) != NULL);
	else
		assert(address_fault(a, false) == NULL);
	assert(address_from_text(address_text(a, text), &again));
	again.port = a->port;
	assert(address_equal(a, &again));
	(void)address_to_sockaddr(a, &sa);
	assert(address_from_sockaddr(&sa, &again) && address_equal(a, &again));
}

/* What is text of an address to us is one to the C library, and the same. */
static void
check_text(struct input *in)
{
	char text[128];
	size_t len = in->left < sizeof(text) - 1 ? in->left : sizeof(text) - 1;
	struct address a;
	struct prefix p;
	uint8_t ip[16];

	memcpy(text, in->at, len);
	text[len] = '\0';
	if (prefix_from_text(text, &p))
		assert(p.bits <= (p.address.family == 4 ? 32 : 128));
	if (!address_from_text(text, &a))
		return;
	assert(inet_pton(a.family == 4 ? AF_INET : AF_INET6, text, ip) == 1);
	assert(memcmp(a.ip, ip, a.family == 4 ? 4 : 16) == 0);
	a.port = DNS_PORT;
	check_address(&a);
}

/* In or near a block, or anywhere. */
static void
check_octets(struct input *in)
{
	const char *block = blocks[input_u8(in) % BLOCKS].block;
	unsigned keep = input_u8(in) % 17, i;
	struct address a = {.port = input_u8(in) ? DNS_PORT : 0};
	struct prefix p;

	assert(prefix_from_text(block, &p));
	a.family = p.address.family;
	memcpy(a.ip, p.address.ip, sizeof(a.ip));
	for (i = keep; i < (a.family == 4 ? 4 : 16); i++)
		a.ip[i] = input_u8(in);
	check_address(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static const struct server_options none;
	static bool begun;
	struct input in = {octets, len};

	if (!begun)
		assert(server_init(&none));
	begun = true;
	check_octets(&in);
	check_text(&in);
	return 0;
}
