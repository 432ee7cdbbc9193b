/*
 * server.c -- what is known of name servers before anybody is asked.
 *
 * The hints that name the roots, the table of addresses that can and cannot be
 * a name server's, and per address the round-trip time, holds and lameness.
 * All of it is told or looked up; nothing here sends, and nothing here knows
 * of walks.  A local failure to send is never told to this file, so it costs
 * no server its good name (DESIGN decision 7).
 */
#include <sys/random.h>

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "dns.h"

/* What is known of a name server's address. */
struct server {
	struct address at;
	uint64_t used_ms, held_until_ms, no_edns_until_ms;
	uint64_t lost_ms; /* when the last timeout was counted */
	uint16_t srtt_ms, rttvar_ms, rto_ms; /* RFC 6298; rto 0: unknown */
	uint16_t hold_s;
	uint8_t lost; /* timeouts in a row */
};

/* A server that is lame for a zone. */
struct lame {
	uint64_t key; /* hash of both: 64 keyed bits stand for them */
	uint64_t since_ms;
};

enum {
	SERVER_SETS = SERVERS_MAX / SERVERS_WAYS,
	RANDOM_POOL = 1024
};

static struct {
	uint8_t key[16];
	const struct prefix *allowed;
	unsigned allowed_count;
	struct server *servers;
	struct lame lames[LAME_MAX];

	struct prefix own[OWN_ADDRESSES_MAX]; /* at the port of the prefix */
	struct address broadcast[OWN_ADDRESSES_MAX];
	unsigned own_count, broadcast_count;

	uint8_t random[RANDOM_POOL];
	size_t random_left;
	uint64_t stretched; /* words made without the kernel */
} self;

bool
server_init(const struct prefix *allowed, unsigned count, const uint8_t key[16])
{
	memset(&self, 0, sizeof(self));
	memcpy(self.key, key, sizeof(self.key));
	self.allowed = allowed;
	self.allowed_count = count;
	self.servers = calloc(SERVERS_MAX, sizeof(*self.servers));
	return self.servers != NULL;
}

size_t
server_memory(void)
{
	return SERVERS_MAX * sizeof(struct server) + sizeof(self);
}

void
server_close(void)
{
	free(self.servers);
	self.servers = NULL;
}

/* ---------------------------------------------------------------------------
 * Name servers: round-trip times, holds, lameness.
 */

static struct server *
server_set(const struct address *at)
{
	uint64_t hash = hash_keyed(at->ip, sizeof(at->ip), self.key);

	return &self.servers[hash % SERVER_SETS * SERVERS_WAYS];
}

/* What is known of it, or NULL. */
static struct server *
server_find(const struct address *at)
{
	struct server *set = server_set(at);
	unsigned i;

	for (i = 0; i < SERVERS_WAYS; i++)
		if (set[i].at.family != 0 && address_equal(&set[i].at, at))
			return &set[i];
	return NULL;
}

/* The same, in the place of the one longest unused if it was unknown. */
static struct server *
server_get(const struct address *at, uint64_t now_ms)
{
	struct server *s = server_find(at), *set = server_set(at);
	unsigned i;

	if (s == NULL) {
		s = set;
		for (i = 1; i < SERVERS_WAYS; i++)
			if (set[i].used_ms < s->used_ms)
				s = &set[i];
		memset(s, 0, sizeof(*s));
		s->at = *at;
	}
	s->used_ms = now_ms;
	return s;
}

unsigned
server_rto_ms(const struct address *at)
{
	const struct server *s = server_find(at);

	return s == NULL || s->rto_ms == 0 ? RTO_FIRST_MS : s->rto_ms;
}

bool
server_is_held(const struct address *at, uint64_t now_ms)
{
	const struct server *s = server_find(at);

	return s != NULL && now_ms < s->held_until_ms;
}

bool
server_is_silent(const struct address *at)
{
	const struct server *s = server_find(at);

	return s != NULL && s->lost > 0;
}

bool
server_takes_edns(const struct address *at, uint64_t now_ms)
{
	const struct server *s = server_find(at);

	return s == NULL || s->no_edns_until_ms <= now_ms;
}

void
server_chokes_on_edns(const struct address *at, uint64_t now_ms)
{
	server_get(at, now_ms)->no_edns_until_ms =
	    now_ms + NO_EDNS_S * UINT64_C(1000);
}

static uint16_t
clamp_rto_ms(unsigned ms)
{
	if (ms < RTO_MIN_MS)
		return RTO_MIN_MS;
	return (uint16_t)(ms > RTO_MAX_MS ? RTO_MAX_MS : ms);
}

/* RFC 6298 2.2 and 2.3.  Each try has its own socket: no sample is doubtful. */
void
server_replied(const struct address *at, uint64_t rtt_ms, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);
	unsigned rtt = rtt_ms < RTO_MAX_MS ? (unsigned)rtt_ms : RTO_MAX_MS;
	unsigned slack = RTO_SLACK_MS;
	unsigned off = rtt > s->srtt_ms ? rtt - s->srtt_ms : s->srtt_ms - rtt;

	if (s->srtt_ms == 0) {
		s->srtt_ms = (uint16_t)(rtt > 0 ? rtt : 1);
		s->rttvar_ms = (uint16_t)(rtt / 2);
	} else {
		s->rttvar_ms = (uint16_t)((3u * s->rttvar_ms + off) / 4);
		s->srtt_ms = (uint16_t)((7u * s->srtt_ms + rtt + 7) / 8);
	}
	if (4u * s->rttvar_ms > slack)
		slack = 4u * s->rttvar_ms;
	s->rto_ms = clamp_rto_ms(s->srtt_ms + slack);
	s->lost = 0;
	s->hold_s = 0;
	s->held_until_ms = 0;
}

/*
 * RFC 9520 3.2: a server silent for long is probed once a hold.  What was sent
 * before the last loss was counted is part of the same outage: a burst of many
 * queries counts, and doubles the timeout, once.
 */
void
server_timed_out(const struct address *at, uint64_t sent_ms, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);
	uint16_t rto_ms = clamp_rto_ms(2 * (unsigned)(now_ms - sent_ms));

	if (rto_ms > s->rto_ms)
		s->rto_ms = rto_ms;
	if (sent_ms < s->lost_ms)
		return;
	s->lost_ms = now_ms;
	if (s->lost < UINT8_MAX)
		s->lost++;
	if (s->lost < DEAD_AFTER)
		return;
	s->hold_s = s->hold_s == 0 ? HOLD_MIN_S : (uint16_t)(2 * s->hold_s);
	if (s->hold_s > HOLD_MAX_S)
		s->hold_s = HOLD_MAX_S;
	s->held_until_ms = now_ms + s->hold_s * UINT64_C(1000);
}

/* While the one probe of a hold is out, nobody else asks. */
void
server_asked(const struct address *at, uint64_t now_ms)
{
	struct server *s = server_get(at, now_ms);

	if (s->lost >= DEAD_AFTER)
		s->held_until_ms = now_ms + s->hold_s * UINT64_C(1000);
}

static struct lame *
lame_slot(const struct name *zone, const struct address *at, uint64_t *key)
{
	uint64_t pair[2];

	pair[0] = name_hash(zone, self.key);
	pair[1] = hash_keyed(at->ip, sizeof(at->ip), self.key) ^ at->family;
	*key = hash_keyed(pair, sizeof(pair), self.key);
	return &self.lames[*key % LAME_MAX];
}

uint64_t
server_lame_ms(const struct name *zone, const struct address *at)
{
	uint64_t key;
	const struct lame *lame = lame_slot(zone, at, &key);

	return lame->key == key ? lame->since_ms : 0;
}

void
server_mark_lame(
    const struct name *zone, const struct address *at, uint64_t now_ms)
{
	uint64_t key;
	struct lame *lame = lame_slot(zone, at, &key);

	lame->key = key;
	lame->since_ms = now_ms;
}

/* ---------------------------------------------------------------------------
 * Addresses: which can be a name server's (RFC 6890 and IANA's registries).
 */

struct block {
	const char *text;
	struct address_class class;
	struct prefix prefix; /* of text */
};

/* The most specific block wins.  Verdicts are DESIGN decision 5. */
static struct block blocks[] = {
    {"0.0.0.0/8", {"this-network", "791 3.2", VERDICT_NEVER}, {{0}, 0}},
    {"0.0.0.0/32", {"unspecified", "1122 3.2.1.3", VERDICT_NEVER}, {{0}, 0}},
    {"10.0.0.0/8", {"private", "1918", VERDICT_ASK}, {{0}, 0}},
    {"100.64.0.0/10", {"shared", "6598", VERDICT_ASK}, {{0}, 0}},
    {"127.0.0.0/8", {"loopback", "1122 3.2.1.3", VERDICT_ASK}, {{0}, 0}},
    {"169.254.0.0/16", {"link-local", "3927", VERDICT_ASK}, {{0}, 0}},
    {"172.16.0.0/12", {"private", "1918", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.0/24", {"ietf-protocol", "6890 2.1", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.0/29", {"ds-lite", "7335", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.8/32", {"dummy", "7600", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.9/32", {"pcp-anycast", "7723", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.10/32", {"turn-anycast", "8155", VERDICT_ASK}, {{0}, 0}},
    {"192.0.0.170/31", {"nat64-discovery", "7050", VERDICT_ASK}, {{0}, 0}},
    {"192.0.2.0/24", {"documentation", "5737", VERDICT_ASK}, {{0}, 0}},
    {"192.31.196.0/24", {"as112", "7535", VERDICT_SEND}, {{0}, 0}},
    {"192.52.193.0/24", {"amt", "7450", VERDICT_SEND}, {{0}, 0}},
    {"192.88.99.0/24", {"6to4-relay", "7526", VERDICT_ASK}, {{0}, 0}},
    {"192.88.99.2/32", {"6a44-relay", "6751", VERDICT_ASK}, {{0}, 0}},
    {"192.168.0.0/16", {"private", "1918", VERDICT_ASK}, {{0}, 0}},
    {"192.175.48.0/24", {"as112", "7534", VERDICT_SEND}, {{0}, 0}},
    {"198.18.0.0/15", {"benchmarking", "2544", VERDICT_ASK}, {{0}, 0}},
    {"198.51.100.0/24", {"documentation", "5737", VERDICT_ASK}, {{0}, 0}},
    {"203.0.113.0/24", {"documentation", "5737", VERDICT_ASK}, {{0}, 0}},
    {"224.0.0.0/4", {"multicast", "5771", VERDICT_NEVER}, {{0}, 0}},
    {"240.0.0.0/4", {"reserved", "1112 4", VERDICT_NEVER}, {{0}, 0}},
    {"255.255.255.255/32", {"broadcast", "919 7", VERDICT_NEVER}, {{0}, 0}},

    {"::/0", {"not-global-unicast", "4291 2.4", VERDICT_ASK}, {{0}, 0}},
    {"2000::/3", {"global", "4291 2.5.4", VERDICT_SEND}, {{0}, 0}},
    {"::/96", {"v4-compatible", "4291 2.5.5.1", VERDICT_NEVER}, {{0}, 0}},
    {"::/128", {"unspecified", "4291 2.5.2", VERDICT_NEVER}, {{0}, 0}},
    {"::1/128", {"loopback", "4291 2.5.3", VERDICT_ASK}, {{0}, 0}},
    {"::ffff:0:0/96", {"v4-mapped", "4291 2.5.5.2", VERDICT_NEVER}, {{0}, 0}},
    {"::ffff:0:0:0/96", {"v4-translated", "2765", VERDICT_ASK}, {{0}, 0}},
    {"64:ff9b::/96", {"nat64", "6052", VERDICT_ASK}, {{0}, 0}},
    {"64:ff9b:1::/48", {"nat64-local", "8215", VERDICT_ASK}, {{0}, 0}},
    {"100::/64", {"discard", "6666", VERDICT_ASK}, {{0}, 0}},
    {"100:0:0:1::/64", {"dummy", "9780", VERDICT_ASK}, {{0}, 0}},
    {"2001::/23", {"ietf-protocol", "2928", VERDICT_ASK}, {{0}, 0}},
    {"2001::/32", {"teredo", "4380", VERDICT_ASK}, {{0}, 0}},
    {"2001:1::1/128", {"pcp-anycast", "7723", VERDICT_ASK}, {{0}, 0}},
    {"2001:1::2/128", {"turn-anycast", "8155", VERDICT_ASK}, {{0}, 0}},
    {"2001:1::3/128", {"srp-anycast", "9665", VERDICT_ASK}, {{0}, 0}},
    {"2001:2::/48", {"benchmarking", "5180", VERDICT_ASK}, {{0}, 0}},
    {"2001:3::/32", {"amt", "7450", VERDICT_SEND}, {{0}, 0}},
    {"2001:4:112::/48", {"as112", "7535", VERDICT_SEND}, {{0}, 0}},
    {"2001:10::/28", {"orchid", "4843", VERDICT_ASK}, {{0}, 0}},
    {"2001:20::/28", {"orchid", "7343", VERDICT_ASK}, {{0}, 0}},
    {"2001:30::/28", {"drone-id", "9374", VERDICT_ASK}, {{0}, 0}},
    {"2001:db8::/32", {"documentation", "3849", VERDICT_ASK}, {{0}, 0}},
    {"2002::/16", {"6to4", "3056", VERDICT_ASK}, {{0}, 0}},
    {"2620:4f:8000::/48", {"as112", "7534", VERDICT_SEND}, {{0}, 0}},
    {"3ffe::/16", {"6bone", "3701", VERDICT_ASK}, {{0}, 0}},
    {"3fff::/20", {"documentation", "9637", VERDICT_ASK}, {{0}, 0}},
    {"5f00::/16", {"srv6", "9602", VERDICT_ASK}, {{0}, 0}},
    {"fc00::/7", {"private", "4193", VERDICT_ASK}, {{0}, 0}},
    {"fe80::/10", {"link-local", "4291 2.5.6", VERDICT_NEVER}, {{0}, 0}},
    {"fec0::/10", {"site-local", "3879", VERDICT_ASK}, {{0}, 0}},
    {"ff00::/8", {"multicast", "4291 2.7", VERDICT_NEVER}, {{0}, 0}},
};

static const struct address_class class_global4 = {
    "global", "1122 3.2.1.3", VERDICT_SEND};

const struct address_class *
address_classify(const struct address *at)
{
	const struct address_class *class = &class_global4;
	int bits = -1;
	size_t i;

	for (i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct block *b = &blocks[i];

		if (b->prefix.address.family == 0 &&
		    !prefix_from_text(b->text, &b->prefix))
			abort(); /* a misprint in the table above */
		if (b->prefix.bits > bits && prefix_covers(&b->prefix, at)) {
			bits = b->prefix.bits;
			class = &b->class;
		}
	}
	return class;
}

static bool
address_is_own(const struct address *at)
{
	unsigned i;

	for (i = 0; i < self.own_count; i++)
		if (self.own[i].address.port == at->port &&
		    prefix_covers(&self.own[i], at))
			return true;
	return false;
}

static bool
address_is_broadcast(const struct address *at)
{
	unsigned i;

	for (i = 0; i < self.broadcast_count; i++)
		if (self.broadcast[i].family == at->family &&
		    memcmp(self.broadcast[i].ip, at->ip, sizeof(at->ip)) == 0)
			return true;
	return false;
}

static bool
address_allowed(const struct address *at)
{
	unsigned i;

	for (i = 0; i < self.allowed_count; i++)
		if (prefix_covers(&self.allowed[i], at))
			return true;
	return false;
}

/* The IPv4 address inside one of 64:ff9b::/96 (RFC 6052 2.2). */
static struct address
address_embedded(const struct address *at)
{
	struct address inner;

	memset(&inner, 0, sizeof(inner));
	inner.family = 4;
	inner.port = at->port;
	memcpy(inner.ip, at->ip + 12, 4);
	return inner;
}

static const char *
address_fault_plain(const struct address *at, bool typed)
{
	const struct address_class *class = address_classify(at);

	if (at->port == 0)
		return "port-zero";
	if (class->verdict == VERDICT_NEVER)
		return class->name;
	if (address_is_own(at))
		return CLASS_OWN;
	if (address_is_broadcast(at))
		return "broadcast";
	if (class->verdict == VERDICT_SEND || typed || address_allowed(at))
		return NULL;
	return class->name;
}

const char *
address_fault(const struct address *at, bool typed)
{
	static const struct prefix nat64 = {
	    {6, {0x00, 0x64, 0xff, 0x9b}, 0}, 96};
	const char *fault = address_fault_plain(at, typed);
	struct address inner;

	if (fault != NULL || !prefix_covers(&nat64, at))
		return fault;
	inner = address_embedded(at);
	return address_fault_plain(&inner, false);
}

void
server_own(const struct prefix *own)
{
	if (self.own_count < OWN_ADDRESSES_MAX)
		self.own[self.own_count++] = *own;
}

void
server_broadcast(const struct address *at)
{
	if (self.broadcast_count < OWN_ADDRESSES_MAX)
		self.broadcast[self.broadcast_count++] = *at;
}

/* ---------------------------------------------------------------------------
 * The hints file: NS and address records of the root in master-file form
 * (RFC 1035 5.1), as InterNIC and Microsoft write them.
 */

static const char compiled_in[] = {
#include "hints.inc"
};

const char *
hints_compiled_in(size_t *len)
{
	*len = sizeof(compiled_in);
	return compiled_in;
}

enum {
	HINT_TOKENS_MAX = 6 /* owner, TTL, class, type, rdata, one too many */
};

struct token {
	const char *text;
	size_t len;
};

struct hints {
	struct root_servers *roots;
	bool is_ns[ROOTS_MAX]; /* names[i] is an NS of the root */
	bool faulty;
	struct name owner; /* of the last record */
	struct hint_fault at;
	const char *line;
	struct token tokens[HINT_TOKENS_MAX];
	unsigned count, next;
};

/* Faults from here on are told with this token; none gives the line. */
static void
hints_point(struct hints *h, unsigned token)
{
	static const struct token none;
	const struct token *t = token < h->count ? &h->tokens[token] : &none;

	h->at.column = t->text == NULL ? 1 : (unsigned)(t->text - h->line) + 1;
	h->at.token = t->text;
	h->at.token_len = t->len;
}

static void
hints_fault(struct hints *h, enum hint_error error, unsigned token)
{
	hints_point(h, token);
	eventlog_hint_fault(error, &h->at);
	if (error != HINT_DIRECTIVE)
		h->faulty = true;
}

/* Cut the line at blanks; a comment or the end of the line ends it. */
static void
hints_cut(struct hints *h, const char *line, const char *end)
{
	const char *at = line;

	h->line = line;
	h->count = h->next = 0;
	while (at < end && h->count < HINT_TOKENS_MAX) {
		struct token *t = &h->tokens[h->count];

		while (at < end && strchr(" \t\r", *at) != NULL && *at != '\0')
			at++;
		if (at == end || *at == ';')
			break;
		t->text = at;
		while (at < end && (*at == '\0' || !strchr(" \t\r;", *at)))
			at++;
		t->len = (size_t)(at - t->text);
		h->count++;
	}
}

static bool
token_is(const struct token *t, const char *word)
{
	return strlen(word) == t->len &&
	    strncasecmp(t->text, word, t->len) == 0;
}

/* The token as a C string; what is too long or holds a NUL gives "". */
static const char *
token_text(const struct token *t, char text[ADDRESS_TEXT_MAX])
{
	size_t len = t->len < ADDRESS_TEXT_MAX ? t->len : 0;

	if (memchr(t->text, '\0', len) != NULL)
		len = 0;
	memcpy(text, t->text, len);
	text[len] = '\0';
	return text;
}

static bool
token_is_number(const struct token *t)
{
	size_t i;

	for (i = 0; i < t->len; i++)
		if (t->text[i] < '0' || t->text[i] > '9')
			return false;
	return t->len > 0;
}

/* Of digits only, by token_is_number. */
static bool
token_fits_u32(const struct token *t)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < t->len && value <= UINT32_MAX; i++)
		value = 10 * value + (uint64_t)(t->text[i] - '0');
	return value <= UINT32_MAX;
}

/* TTL and class may both be left out and come in either order. */
static bool
hints_skip_ttl_class(struct hints *h)
{
	static const char *const others[] = {"CH", "CS", "HS", "ANY", "NONE"};
	size_t i;

	for (; h->next < h->count; h->next++) {
		const struct token *t = &h->tokens[h->next];

		if (token_is_number(t)) {
			if (!token_fits_u32(t)) {
				hints_fault(h, HINT_NUMBER, h->next);
				return false;
			}
			continue;
		}
		if (token_is(t, "IN"))
			continue;
		for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (token_is(t, others[i])) {
				hints_fault(h, HINT_CLASS, h->next);
				return false;
			}
		return true;
	}
	hints_fault(h, HINT_UNEXPECTED_END, h->count);
	return false;
}

/* The index of a name in the set, new if need be; -1 if there is no room. */
static int
hints_name(struct hints *h, const struct name *name)
{
	struct root_servers *roots = h->roots;
	unsigned i;

	for (i = 0; i < roots->name_count; i++)
		if (name_equal(&roots->names[i], name))
			return (int)i;
	if (i == ROOTS_MAX)
		return -1;
	h->is_ns[i] = false;
	roots->names[i] = *name;
	return (int)roots->name_count++;
}

static void
hints_add_ns(struct hints *h)
{
	static const struct name root = {.len = 1};
	const struct token *t = &h->tokens[h->next];
	struct name ns;
	int index;

	if (h->owner.len != 1) {
		hints_fault(h, HINT_UNEXPECTED_TOKEN, 0);
		return;
	}
	if (!name_from_text(t->text, t->len, &root, &ns)) {
		hints_fault(h, HINT_NAME, h->next);
		return;
	}
	index = hints_name(h, &ns);
	if (index < 0)
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next);
	else
		h->is_ns[index] = true;
}

static void
hints_add_address(struct hints *h, uint8_t family)
{
	struct root_servers *roots = h->roots;
	char text[ADDRESS_TEXT_MAX];
	struct address at;
	const char *class;
	unsigned i;
	int index;

	if (!address_from_text(token_text(&h->tokens[h->next], text), &at) ||
	    at.family != family) {
		hints_fault(
		    h, family == 4 ? HINT_ADDRESS : HINT_ADDRESS6, h->next);
		return;
	}
	at.port = DNS_PORT;
	class = address_fault(&at, true);
	if (class != NULL) {
		hints_point(h, h->next);
		eventlog_hint_refused(&h->at, &h->owner, &at, class);
		return;
	}
	index = hints_name(h, &h->owner);
	if (index < 0 || roots->address_count == ROOT_ADDRESSES_MAX) {
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next);
		return;
	}
	for (i = 0; i < roots->address_count; i++)
		if (roots->addresses[i].ns == index &&
		    address_equal(&roots->addresses[i].at, &at))
			return;
	roots->addresses[roots->address_count].at = at;
	roots->addresses[roots->address_count++].ns = (uint8_t)index;
}

/* Type and rdata; the next token is the type. */
static void
hints_record(struct hints *h)
{
	char text[ADDRESS_TEXT_MAX];
	uint16_t type;

	if (!type_from_text(token_text(&h->tokens[h->next], text), &type)) {
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next);
		return;
	}
	if (type != TYPE_NS && type != TYPE_A && type != TYPE_AAAA) {
		hints_fault(
		    h, type == TYPE_SOA ? HINT_SOA : HINT_TYPE, h->next);
		return;
	}
	if (++h->next == h->count)
		hints_fault(h, HINT_UNEXPECTED_END, h->count);
	else if (h->next + 1 < h->count)
		hints_fault(h, HINT_UNEXPECTED_TOKEN, h->next + 1);
	else if (type == TYPE_NS)
		hints_add_ns(h);
	else
		hints_add_address(h, type == TYPE_A ? 4 : 6);
}

static void
hints_line(struct hints *h, const char *line, const char *end)
{
	static const struct name root = {.len = 1};

	hints_cut(h, line, end);
	if (h->count == 0)
		return;
	if (h->tokens[0].text[0] == '$') {
		hints_fault(h, HINT_DIRECTIVE, 0);
		/* Without the others, names would mean something else. */
		if (!token_is(&h->tokens[0], "$TTL"))
			h->faulty = true;
		return;
	}
	if (h->tokens[0].text == line) { /* not blank: an owner */
		if (!name_from_text(h->tokens[0].text, h->tokens[0].len, &root,
			&h->owner)) {
			hints_fault(h, HINT_NAME, 0);
			return;
		}
		h->next = 1;
	}
	if (h->owner.len == 0)
		hints_fault(h, HINT_UNEXPECTED_TOKEN, 0);
	else if (hints_skip_ttl_class(h))
		hints_record(h);
}

/* Addresses of names that are no NS of the root, and the names, go. */
static void
hints_drop_strangers(struct hints *h)
{
	struct root_servers *roots = h->roots;
	uint8_t moved[ROOTS_MAX];
	unsigned i, names = 0, addresses = 0;

	for (i = 0; i < roots->name_count; i++) {
		moved[i] = (uint8_t)names;
		if (h->is_ns[i])
			roots->names[names++] = roots->names[i];
	}
	for (i = 0; i < roots->address_count; i++) {
		unsigned ns = roots->addresses[i].ns;

		if (!h->is_ns[ns])
			continue;
		roots->addresses[addresses] = roots->addresses[i];
		roots->addresses[addresses++].ns = moved[ns];
	}
	roots->name_count = names;
	roots->address_count = addresses;
}

bool
hints_parse(
    const char *file, const char *text, size_t len, struct root_servers *roots)
{
	struct hints h;
	const char *end = text + len;

	memset(&h, 0, sizeof(h));
	memset(roots, 0, sizeof(*roots));
	h.roots = roots;
	h.at.file = file;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* Notepad's mark of UTF-8 */
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		h.at.line++;
		if (eol == NULL)
			eol = end;
		hints_line(&h, text, eol);
		text = eol < end ? eol + 1 : end;
	}
	hints_drop_strangers(&h);
	if (roots->address_count == 0)
		eventlog_no_roots(file);
	if (h.faulty)
		eventlog_hints_rejected(file);
	return !h.faulty && roots->address_count > 0;
}

bool
roots_hold(const struct root_servers *roots, const struct address *at)
{
	unsigned i;

	for (i = 0; i < roots->address_count; i++)
		if (address_equal(&roots->addresses[i].at, at))
			return true;
	return false;
}

/* ---------------------------------------------------------------------------
 * Chance: octets from the kernel, many at a time.
 */

/*
 * The kernel gave us a key at the start; should it ever give no more, that key
 * and a counter still make what nobody outside can guess (attacks.md I11).
 */
static void
random_stretch(void)
{
	size_t i;

	for (i = 0; i < sizeof(self.random); i += sizeof(uint64_t)) {
		uint64_t word;

		self.stretched++;
		word = hash_keyed(
		    &self.stretched, sizeof(self.stretched), self.key);
		memcpy(self.random + i, &word, sizeof(word));
	}
}

static void
random_fill(void)
{
	size_t have = 0;

	while (have < sizeof(self.random)) {
		ssize_t n = getrandom(
		    self.random + have, sizeof(self.random) - have, 0);

		if (n > 0) {
			have += (size_t)n;
		} else if (errno != EINTR) {
			random_stretch();
			break;
		}
	}
	self.random_left = sizeof(self.random);
}

uint32_t
random_u32(void)
{
	uint32_t value;

	if (self.random_left < sizeof(value))
		random_fill();
	self.random_left -= sizeof(value);
	memcpy(&value, self.random + self.random_left, sizeof(value));
	return value;
}

/* Below bound, each as likely to within 2^-32 of a bound. */
uint32_t
random_below(uint32_t bound)
{
	assert(bound > 0);
	return (uint32_t)((uint64_t)random_u32() * bound >> 32);
}
