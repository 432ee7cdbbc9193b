/*
 * authority.c -- what the name servers of a scenario send back.
 *
 * A server answers as RFC 1034 4.3.2 tells, out of the zones that are on its
 * address, unless a rule says that it is silent, lame, forged, slow or worse.
 * Octets in, octets out: who carries them, and when, is the driver's.
 */
#include "scenario.h"

#include <limits.h>

enum {
	LOOKUP_HOPS_MAX =
	    16, /* CNAME and DNAME inside the zones of one server */
	ANSWER_RECORDS_MAX = 4096,
	OPT_LEN = 11,    /* without options */
	FORGED_OCTET = 6 /* 6.6.6.6: whoever asks there believed a forger */
};

/* A query taken apart. */
struct query {
	enum transport transport;
	bool opens; /* none yet, but the connection it will come over */
	struct header header;
	struct question question;
	struct edns edns;
	const struct address *at;
};

/* Records to be sent: some with another owner than they have in the zone. */
struct pick {
	const struct rr *rr;
	const struct name *owner;
};

struct reply {
	struct header header;
	unsigned rcode; /* whole; the header has a part of it */
	struct pick picks[SECTIONS][ANSWER_RECORDS_MAX];
	unsigned counts[SECTIONS];
	struct name aliases[LOOKUP_HOPS_MAX]; /* of synthesised records */
	struct rr synthesised[LOOKUP_HOPS_MAX];
	unsigned synthesised_count;
	struct questions *questions;
	bool no_edns;
	bool whole;      /* however large */
	unsigned secret; /* of the cookie that it is to have; 0: none */
};

static bool query_read(struct query *, const uint8_t *, size_t len);
static const struct rule *rule_find(
    struct authority *, const struct query *, enum conduct, unsigned *index);
static void reply_look_up(const struct authority *, const struct address *at,
    const struct query *, struct reply *);
static size_t reply_write(const struct query *, struct reply *, uint8_t *);
static void reply_refer_upward(const struct authority *, struct reply *);
static void script_apply(const struct script *, struct reply *);
static void addresses_forge(struct datagram *);
static bool datagram_spoil(struct datagram *, enum spoil);
static void datagram_harm(
    struct authority *, const struct query *, enum conduct, struct datagram *);

void
authority_publish(struct authority *a, const struct zone *zone)
{
	unsigned i;

	for (i = 0; i < a->zone_count; i++)
		if (name_equal(&a->zones[i]->name, &zone->name) &&
		    address_equal(&a->zones[i]->servers[0], &zone->servers[0]))
			break;
	assert(i < ZONES_MAX);
	a->zones[i] = zone;
	if (i == a->zone_count)
		a->zone_count++;
}

void
authority_obey(struct authority *a, const struct rule *rule)
{
	assert(a->rule_count < RULES_MAX);
	a->rules[a->rule_count].rule = rule;
	a->rules[a->rule_count++].used = 0;
}

static bool
address_is_one_of(
    const struct address *at, const struct address *list, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (address_equal(at, &list[i]))
			return true;
	return false;
}

bool
rule_serves(const struct rule *rule, const struct address *at)
{
	unsigned i;

	for (i = 0; i < rule->server_count; i++)
		if (rule->servers[i].address.port == at->port &&
		    prefix_covers(&rule->servers[i], at))
			return true;
	return false;
}

bool
authority_listens(const struct authority *a, const struct address *at)
{
	unsigned i;

	for (i = 0; i < a->zone_count; i++)
		if (address_is_one_of(
			at, a->zones[i]->servers, a->zones[i]->server_count))
			return true;
	for (i = 0; i < a->rule_count; i++)
		if (rule_serves(a->rules[i].rule, at))
			return true;
	return false;
}

/* No reply at all, for one reason or another. */
static bool
is_ignored(struct authority *a, const struct query *q)
{
	const struct rule *rule;
	unsigned index;

	rule = rule_find(a, q, CONDUCT_DROP, &index);
	if (rule != NULL && a->rules[index].used++ < rule->number)
		return true;
	if (q->edns.present && rule_find(a, q, CONDUCT_NO_EDNS_SILENT, NULL))
		return true;
	if (q->edns.cookie_len > 0 &&
	    rule_find(a, q, CONDUCT_COOKIE_SILENT, NULL))
		return true;
	return rule_find(a, q, CONDUCT_SILENT, NULL) != NULL ||
	    rule_find(a, q, CONDUCT_MUTE, NULL) != NULL;
}

static void
reply_begin(const struct query *q, struct reply *r)
{
	memset(&r->header, 0, sizeof(r->header));
	memset(r->counts, 0, sizeof(r->counts));
	r->rcode = RCODE_NOERROR;
	r->synthesised_count = 0;
	r->questions = NULL;
	r->secret = 0;
	r->no_edns = !q->edns.present;
	r->whole = false;
	r->header.id = q->header.id;
	header_set(&r->header, FLAG_QR, true);
	header_set(&r->header, FLAG_RD, header_is(&q->header, FLAG_RD));
	header_set(&r->header, FLAG_CD, header_is(&q->header, FLAG_CD));
}

/* RFC 7873 4: what the server puts behind the client's cookie. */
static void
cookie_make(struct edns *edns, unsigned secret)
{
	unsigned i;

	for (i = COOKIE_CLIENT_LEN; i < COOKIE_LEN; i++)
		edns->cookie[i] =
		    (uint8_t)(edns->cookie[i % COOKIE_CLIENT_LEN] ^ secret ^ i);
	edns->cookie_len = COOKIE_LEN;
}

/* Is its cookie one that the server would not give, now that it gives some? */
static bool
cookie_is_bad(struct authority *a, const struct query *q)
{
	const struct rule *rule = rule_find(a, q, CONDUCT_COOKIES, NULL);
	struct edns good = q->edns;

	if (q->edns.cookie_len == 0)
		return false;
	if (rule_find(a, q, CONDUCT_BAD_COOKIE, NULL) != NULL)
		return true;
	if (rule == NULL || q->edns.cookie_len == COOKIE_CLIENT_LEN)
		return false;
	cookie_make(&good, rule->number);
	return q->edns.cookie_len != good.cookie_len ||
	    memcmp(q->edns.cookie, good.cookie, good.cookie_len) != 0;
}

static void
reply_make(struct authority *a, const struct query *q, struct reply *r)
{
	const struct rule *rule;

	reply_begin(q, r);
	rule = rule_find(a, q, CONDUCT_COOKIES, NULL);
	r->secret = rule != NULL ? rule->number : 1;
	if (rule == NULL && rule_find(a, q, CONDUCT_BAD_COOKIE, NULL) == NULL)
		r->secret = 0;
	if (cookie_is_bad(a, q)) {
		r->rcode = RCODE_BADCOOKIE;
	} else if (q->edns.cookie_len > 0 &&
	    rule_find(a, q, CONDUCT_COOKIE_ERROR, NULL) != NULL) {
		r->rcode = RCODE_FORMERR;
	} else if (q->edns.present &&
	    (rule = rule_find(a, q, CONDUCT_NO_EDNS, NULL)) != NULL) {
		r->rcode = rule->number;
		r->no_edns = rule->number < 16;
	} else if ((rule = rule_find(a, q, CONDUCT_RCODE, NULL)) != NULL) {
		r->rcode = rule->number;
	} else if ((rule = rule_find(a, q, CONDUCT_SCRIPT, NULL)) != NULL) {
		script_apply(&rule->script, r);
	} else if (rule_find(a, q, CONDUCT_LAME, NULL)) {
		reply_refer_upward(a, r);
	} else {
		rule = rule_find(a, q, CONDUCT_RECURSIVE, NULL);
		reply_look_up(a, rule != NULL ? NULL : q->at, q, r);
	}
	r->whole = rule_find(a, q, CONDUCT_WHOLE, NULL) != NULL;
	if (rule_find(a, q, CONDUCT_NO_AA, NULL))
		header_set(&r->header, FLAG_AA, false);
}

static struct reply reply; /* the one being made */

/* A name in a scenario is meant in the letters of the query, if it is that. */
static void
name_echo(const struct query *q, struct name *name)
{
	if (name_equal(name, &q->question.name))
		*name = q->question.name;
}

/* The same in octets, where there is a name like it. */
static void
question_echo(const struct query *q, uint8_t *octets, size_t len)
{
	struct reader r;
	struct name name;

	reader_init(&r, octets, len);
	if (read_bytes(&r, HEADER_LEN) == NULL || !read_name(&r, &name) ||
	    r.at != HEADER_LEN + (size_t)name.len)
		return;
	name_echo(q, &name);
	memcpy(octets + HEADER_LEN, name.wire, name.len);
}

static size_t
raw_reply(const struct script *script, const struct query *q, uint8_t *octets)
{
	size_t len = script->raw_len;

	if (len > MESSAGE_MAX - 2)
		len = MESSAGE_MAX - 2;
	octets[0] = (uint8_t)(q->header.id >> 8);
	octets[1] = (uint8_t)q->header.id;
	memcpy(octets + 2, script->raw, len);
	question_echo(q, octets, len + 2);
	return len + 2;
}

static size_t
written_reply(
    const struct script *script, const struct query *q, uint8_t *octets)
{
	if (script->raw != NULL)
		return raw_reply(script, q, octets);
	reply_begin(q, &reply);
	script_apply(script, &reply);
	return reply_write(q, &reply, octets);
}

/* The whole reply, before somebody spoils it. */
static size_t
true_reply(struct authority *a, const struct query *q, uint8_t *octets)
{
	const struct rule *rule = rule_find(a, q, CONDUCT_SCRIPT, NULL);

	if (rule != NULL && rule->script.raw != NULL)
		return raw_reply(&rule->script, q, octets);
	reply_make(a, q, &reply);
	if (rule_find(a, q, CONDUCT_TRUNCATED, NULL)) {
		header_set(&reply.header, FLAG_TC, true);
		memset(reply.counts, 0, sizeof(reply.counts));
	}
	return reply_write(q, &reply, octets);
}

/* What a forger sends, as far as he comes out: so many datagrams. */
static unsigned
forged_replies(struct authority *a, const struct query *q, struct datagram *out)
{
	const struct rule *rule = rule_find(a, q, CONDUCT_FORGE, NULL);
	unsigned n = 0;

	if (rule != NULL) {
		out[n].len = true_reply(a, q, out[n].octets);
		addresses_forge(&out[n]);
		n += datagram_spoil(&out[n], rule->spoil);
	}
	rule = rule_find(a, q, CONDUCT_WRITTEN_FORGE, NULL);
	if (rule != NULL) {
		out[n].len = written_reply(&rule->script, q, out[n].octets);
		out[n].delay_ms = rule->number;
		n += rule->spoil == SPOIL_NONE ||
		    datagram_spoil(&out[n], rule->spoil);
	}
	return n;
}

static void
datagrams_begin(
    struct authority *a, const struct query *q, struct datagram *out)
{
	const struct rule *delay = rule_find(a, q, CONDUCT_DELAY, NULL);
	const struct rule *dribble = rule_find(a, q, CONDUCT_DRIBBLE, NULL);
	unsigned i;

	for (i = 0; i < DATAGRAMS_MAX; i++) {
		out[i].from = *q->at;
		out[i].delay_ms = delay == NULL ? 0 : delay->number;
		out[i].dribble_ms = dribble == NULL ? 0 : dribble->number;
		out[i].unreachable = out[i].fin = out[i].reset = false;
	}
}

/* Over TCP: its length goes before it, and maybe it breaks off. */
static void
datagram_frame(struct authority *a, const struct query *q, struct datagram *d)
{
	memmove(d->octets + PREFIX_LEN, d->octets, d->len);
	d->octets[0] = (uint8_t)(d->len >> 8);
	d->octets[1] = (uint8_t)d->len;
	d->len += PREFIX_LEN;
	d->reset = rule_find(a, q, CONDUCT_RESET, NULL) != NULL;
	if (d->reset || rule_find(a, q, CONDUCT_CLOSE, NULL) != NULL)
		d->len = 0;
	else if (rule_find(a, q, CONDUCT_HALF, NULL) != NULL)
		d->len /= 2;
	else if (rule_find(a, q, CONDUCT_SINGLE, NULL) == NULL)
		return;
	d->fin = !d->reset;
}

unsigned
authority_answer(struct authority *a, const struct address *at,
    enum transport transport, const uint8_t *query, size_t len,
    struct datagram out[DATAGRAMS_MAX])
{
	const struct rule *spoil;
	struct query q = {.at = at, .transport = transport};
	unsigned i, n;

	if (!query_read(&q, query, len) || is_ignored(a, &q))
		return 0;
	datagrams_begin(a, &q, out);
	if (rule_find(a, &q, CONDUCT_UNREACHABLE, NULL)) {
		out[0].unreachable = true;
		return 1;
	}
	n = forged_replies(a, &q, out);
	out[n].len = true_reply(a, &q, out[n].octets);
	spoil = rule_find(a, &q, CONDUCT_SPOIL, NULL);
	if (spoil != NULL)
		datagram_spoil(&out[n], spoil->spoil);
	datagram_harm(a, &q, CONDUCT_BITS, &out[n]);
	datagram_harm(a, &q, CONDUCT_OCTETS, &out[n]);
	n++;
	if (rule_find(a, &q, CONDUCT_TWICE, NULL)) {
		out[n] = out[n - 1];
		n++;
	}
	for (i = 0; i < n && transport == TRANSPORT_TCP; i++)
		datagram_frame(a, &q, &out[i]);
	return n;
}

const struct rule *
authority_loop(struct authority *a, const struct address *at,
    const uint8_t *query, size_t len, struct datagram *out)
{
	struct query q = {.at = at, .transport = TRANSPORT_UDP};
	const struct rule *rule;

	if (!query_read(&q, query, len))
		return NULL;
	rule = rule_find(a, &q, CONDUCT_LOOPS, NULL);
	if (rule == NULL)
		return NULL;
	assert(len <= sizeof(out->octets));
	memcpy(out->octets, query, len);
	out->len = len;
	if (rule->spoil != SPOIL_NONE)
		datagram_spoil(out, rule->spoil);
	return rule;
}

enum welcome
authority_welcome(struct authority *a, const struct address *at)
{
	struct query q = {.at = at, .transport = TRANSPORT_TCP, .opens = true};

	if (rule_find(a, &q, CONDUCT_SILENT, NULL) != NULL)
		return WELCOME_NOTHING;
	return rule_find(a, &q, CONDUCT_UNREACHABLE, NULL) != NULL
	    ? WELCOME_REFUSED
	    : WELCOME_OPEN;
}

/* The number of what it does with all its connections; UINT_MAX: it does not.
 */
static unsigned
connection_number(
    struct authority *a, const struct address *at, enum conduct conduct)
{
	struct query q = {.at = at, .transport = TRANSPORT_TCP, .opens = true};
	const struct rule *rule = rule_find(a, &q, conduct, NULL);

	return rule == NULL ? UINT_MAX : rule->number;
}

unsigned
authority_sip(struct authority *a, const struct address *at)
{
	return connection_number(a, at, CONDUCT_SIPS);
}

unsigned
authority_idle_ms(struct authority *a, const struct address *at)
{
	return connection_number(a, at, CONDUCT_IDLE);
}

static bool
query_read(struct query *q, const uint8_t *octets, size_t len)
{
	struct reader r;
	struct record record;
	unsigned i;

	reader_init(&r, octets, len);
	if (!read_header(&r, &q->header) || q->header.questions != 1 ||
	    !read_question(&r, &q->question))
		return false;
	for (i = 0; i < q->header.additionals; i++)
		if (!read_record(&r, &record) ||
		    (record.type == TYPE_OPT &&
			!read_edns(&r, &record, &q->edns)))
			return false;
	return true;
}

static bool
rule_covers(const struct rule *rule, const struct query *q)
{
	if (!rule_serves(rule, q->at) ||
	    (rule->transport != TRANSPORT_ANY &&
		rule->transport != q->transport))
		return false;
	if (!rule->narrowed || q->opens)
		return !rule->narrowed;
	if (rule->type != 0 && rule->type != q->question.type)
		return false;
	return rule->below ? name_within(&q->question.name, &rule->name)
			   : name_equal(&q->question.name, &rule->name);
}

/* The newest rule of this kind for the query; "well" ends the older ones. */
static const struct rule *
rule_find(struct authority *a, const struct query *q, enum conduct conduct,
    unsigned *index)
{
	unsigned i;

	for (i = a->rule_count; i-- > 0;) {
		const struct rule *rule = a->rules[i].rule;

		if (!rule_covers(rule, q))
			continue;
		if (rule->conduct == CONDUCT_WELL)
			return NULL;
		if (rule->conduct != conduct)
			continue;
		if (index != NULL)
			*index = i;
		return rule;
	}
	return NULL;
}

static void
reply_add(struct reply *r, enum section section, const struct rr *rr,
    const struct name *owner)
{
	assert(r->counts[section] < ANSWER_RECORDS_MAX);
	r->picks[section][r->counts[section]++] = (struct pick){rr, owner};
}

static void
script_apply(const struct script *script, struct reply *r)
{
	const struct rr *rr;
	unsigned s;

	r->rcode = script->rcode;
	header_set(&r->header, FLAG_AA, script->authoritative);
	header_set(&r->header, FLAG_TC, script->truncated);
	header_set(&r->header, FLAG_AD, script->authentic);
	header_set(&r->header, FLAG_RA, script->recursion_available);
	r->questions = script->questions;
	r->no_edns |= script->no_edns;
	for (s = 0; s < SECTIONS; s++)
		for (rr = script->sections[s].first; rr != NULL; rr = rr->next)
			reply_add(r, (enum section)s, rr, &rr->owner);
}

/* ---------------------------------------------------------------------------
 * RFC 1034 4.3.2.
 */
static bool
covers_type(const struct rr *rr, uint16_t type)
{
	return rr->rdata_len > 2 && (rr->rdata[0] << 8 | rr->rdata[1]) == type;
}

/* Add the RRset, with its signatures for those who want them; how many. */
static unsigned
reply_add_rrset(struct reply *r, enum section section, const struct zone *zone,
    const struct name *node, uint16_t type)
{
	const struct rr *rr;
	unsigned n = 0;

	for (rr = zone->records.first; rr != NULL; rr = rr->next)
		if (name_equal(&rr->owner, node) &&
		    (rr->type == type || type == TYPE_ANY)) {
			reply_add(r, section, rr, &rr->owner);
			n++;
		}
	return n;
}

static void
reply_add_signatures(struct reply *r, enum section section,
    const struct zone *zone, const struct name *node, uint16_t type)
{
	const struct rr *rr;

	for (rr = zone->records.first; rr != NULL; rr = rr->next)
		if (rr->type == TYPE_RRSIG && name_equal(&rr->owner, node) &&
		    covers_type(rr, type))
			reply_add(r, section, rr, &rr->owner);
}

static const struct rr *
zone_find(const struct zone *zone, const struct name *node, uint16_t type)
{
	const struct rr *rr;

	for (rr = zone->records.first; rr != NULL; rr = rr->next)
		if (rr->type == type && name_equal(&rr->owner, node))
			return rr;
	return NULL;
}

/* Is anything at this name or below it?  Below: an empty non-terminal. */
static bool
zone_has(const struct zone *zone, const struct name *node)
{
	const struct rr *rr;

	for (rr = zone->records.first; rr != NULL; rr = rr->next)
		if (name_within(&rr->owner, node))
			return true;
	return false;
}

/*
 * Step 2: the nearest zone above the name, on this server; NULL: on any.  What
 * a parent has to say of a child, DS, is asked at the parent (RFC
 * 4035 3.1.4.1).
 */
static const struct zone *
zone_nearest(const struct authority *a, const struct address *at,
    const struct name *name, uint16_t type)
{
	const struct zone *best = NULL, *apex = NULL;
	unsigned i;

	for (i = 0; i < a->zone_count; i++) {
		const struct zone *zone = a->zones[i];

		if (!name_within(name, &zone->name) ||
		    (at != NULL &&
			!address_is_one_of(
			    at, zone->servers, zone->server_count)))
			continue;
		if (type == TYPE_DS && zone->name.len > 1 &&
		    name_equal(name, &zone->name))
			apex = zone;
		else if (best == NULL || zone->name.len > best->name.len)
			best = zone;
	}
	return best == NULL ? apex : best;
}

static void
reply_add_glue(struct reply *r, const struct zone *zone, const struct rr *ns)
{
	struct name target;

	assert(ns->rdata_len <= NAME_LEN_MAX);
	target.len = (uint8_t)ns->rdata_len;
	memcpy(target.wire, ns->rdata, ns->rdata_len);
	reply_add_rrset(r, SECTION_ADDITIONAL, zone, &target, TYPE_A);
	reply_add_rrset(r, SECTION_ADDITIONAL, zone, &target, TYPE_AAAA);
}

/* The addresses of the node's name servers, as far as the zone has them. */
static void
reply_add_addresses(
    struct reply *r, const struct zone *zone, const struct name *node)
{
	const struct rr *rr;

	for (rr = zone->records.first; rr != NULL; rr = rr->next)
		if (rr->type == TYPE_NS && name_equal(&rr->owner, node))
			reply_add_glue(r, zone, rr);
}

/* Step 3b. */
static void
reply_refer(struct reply *r, const struct query *q, const struct zone *zone,
    const struct name *cut)
{
	header_set(&r->header, FLAG_AA, r->counts[SECTION_ANSWER] > 0);
	reply_add_rrset(r, SECTION_AUTHORITY, zone, cut, TYPE_NS);
	reply_add_rrset(r, SECTION_AUTHORITY, zone, cut, TYPE_DS);
	if (q->edns.dnssec_ok)
		reply_add_signatures(r, SECTION_AUTHORITY, zone, cut, TYPE_DS);
	reply_add_addresses(r, zone, cut);
}

/* Not our zone, and the roots may know: what old servers say when lame. */
static void
reply_refer_upward(const struct authority *a, struct reply *r)
{
	unsigned i;

	for (i = 0; i < a->zone_count; i++)
		if (a->zones[i]->name.len == 1)
			reply_add_rrset(r, SECTION_AUTHORITY, a->zones[i],
			    &a->zones[i]->name, TYPE_NS);
}

/* RFC 2308 3: the SOA tells how long it may be remembered. */
static void
reply_deny(struct reply *r, const struct query *q, const struct zone *zone,
    const struct name *node)
{
	const struct rr *soa = zone_find(zone, &zone->name, TYPE_SOA);
	struct rr *copy = &r->synthesised[r->synthesised_count];
	const uint8_t *minimum;
	uint32_t minimum_s;

	reply_add_rrset(r, SECTION_AUTHORITY, zone, node, TYPE_NSEC);
	if (soa == NULL || soa->rdata_len < 20 ||
	    r->synthesised_count == LOOKUP_HOPS_MAX)
		return;
	minimum = soa->rdata + soa->rdata_len - 4;
	minimum_s = (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 |
	    (uint32_t)minimum[2] << 8 | minimum[3];
	*copy = *soa;
	if (minimum_s < copy->ttl_s)
		copy->ttl_s = minimum_s;
	r->synthesised_count++;
	reply_add(r, SECTION_AUTHORITY, copy, &copy->owner);
	if (q->edns.dnssec_ok)
		reply_add_signatures(
		    r, SECTION_AUTHORITY, zone, &zone->name, TYPE_SOA);
}

/* RFC 6672 3.2: a CNAME is made for those who do not know of DNAME. */
static bool
reply_substitute(struct reply *r, const struct zone *zone,
    const struct rr *dname, struct name *sname)
{
	unsigned n = r->synthesised_count;
	struct rr *rr = &r->synthesised[n];
	struct name target;

	if (n == LOOKUP_HOPS_MAX)
		return false;
	reply_add_rrset(r, SECTION_ANSWER, zone, &dname->owner, TYPE_DNAME);
	target.len = (uint8_t)dname->rdata_len;
	memcpy(target.wire, dname->rdata, dname->rdata_len);
	if (!name_substitute(sname, &dname->owner, &target, &r->aliases[n])) {
		r->rcode = RCODE_YXDOMAIN;
		return false;
	}
	*rr = (struct rr){NULL, *sname, TYPE_CNAME, CLASS_IN, dname->ttl_s,
	    dname->ttl_s, r->aliases[n].len, r->aliases[n].wire};
	reply_add(r, SECTION_ANSWER, rr, &rr->owner);
	r->synthesised_count++;
	*sname = r->aliases[n];
	return true;
}

/*
 * Step 3: match down, label by label, from the zone to the name.  True if
 * there is a cut or a DNAME on the way, and node is where.
 */
static bool
zone_interrupts(const struct zone *zone, const struct query *q,
    const struct name *sname, struct name *node)
{
	size_t above = name_labels(sname) - name_labels(&zone->name);
	size_t up;

	for (up = above; up-- > 0;) {
		name_parent(sname, up, node);
		if (up == 0 && q->question.type == TYPE_DS)
			return false;
		if (zone_find(zone, node, TYPE_NS) != NULL)
			return true;
		if (up > 0 && zone_find(zone, node, TYPE_DNAME) != NULL)
			return true;
	}
	*node = zone->name;
	return above > 0 && zone_find(zone, node, TYPE_DNAME) != NULL;
}

/* Step 3a and 3c: the node that has the name's records, or a wildcard. */
static bool
zone_match(const struct zone *zone, const struct name *sname, struct name *node)
{
	struct name encloser = *sname;

	if (zone_has(zone, sname)) {
		*node = *sname;
		return true;
	}
	while (!zone_has(zone, &encloser) && encloser.len > zone->name.len)
		name_parent(&encloser, 1, &encloser);
	return name_from_text("*", 1, &encloser, node) && zone_has(zone, node);
}

/* RFC 1034 4.3.3: what a wildcard has is there by the name asked for. */
static void
reply_rename(struct reply *r, unsigned first, const struct name *asked)
{
	struct name *owner = &r->aliases[r->synthesised_count++];

	*owner = *asked;
	for (; first < r->counts[SECTION_ANSWER]; first++)
		r->picks[SECTION_ANSWER][first].owner = owner;
}

/* The records of a node.  True if an alias leads on, to a new sname. */
static bool
node_answer(struct reply *r, const struct query *q, const struct zone *zone,
    const struct name *node, struct name *sname)
{
	const struct rr *alias = zone_find(zone, node, TYPE_CNAME);
	unsigned first = r->counts[SECTION_ANSWER];
	uint16_t type = q->question.type;

	if (type == TYPE_CNAME || type == TYPE_ANY)
		alias = NULL;
	if (alias != NULL)
		type = TYPE_CNAME;
	if (reply_add_rrset(r, SECTION_ANSWER, zone, node, type) == 0) {
		reply_deny(r, q, zone, node);
		return false;
	}
	if (q->edns.dnssec_ok)
		reply_add_signatures(r, SECTION_ANSWER, zone, node, type);
	if (type == TYPE_NS)
		reply_add_addresses(r, zone, node);
	if (!name_equal(node, sname))
		reply_rename(r, first, sname);
	if (alias == NULL || r->synthesised_count == LOOKUP_HOPS_MAX)
		return false;
	sname->len = (uint8_t)alias->rdata_len;
	memcpy(sname->wire, alias->rdata, alias->rdata_len);
	return true;
}

/* The answer of one zone.  True if an alias leads on, to a new sname. */
static bool
zone_answer(struct reply *r, const struct query *q, const struct zone *zone,
    struct name *sname)
{
	struct name node;

	if (zone_interrupts(zone, q, sname, &node)) {
		const struct rr *dname = zone_find(zone, &node, TYPE_DNAME);

		if (dname != NULL)
			return reply_substitute(r, zone, dname, sname);
		reply_refer(r, q, zone, &node);
		return false;
	}
	if (zone_match(zone, sname, &node))
		return node_answer(r, q, zone, &node, sname);
	r->rcode = RCODE_NXDOMAIN;
	reply_deny(r, q, zone, sname);
	return false;
}

/* Out of the zones on this server; of NULL, of all: then it is others' word. */
static void
reply_look_up(const struct authority *a, const struct address *at,
    const struct query *q, struct reply *r)
{
	struct name sname = q->question.name;
	const struct zone *zone;
	unsigned hops;

	zone = zone_nearest(a, at, &sname, q->question.type);
	if (zone == NULL || q->question.class != CLASS_IN) {
		r->rcode = RCODE_REFUSED;
		return;
	}
	header_set(&r->header, FLAG_AA, at != NULL);
	header_set(&r->header, FLAG_RA, at == NULL);
	for (hops = 0; hops < LOOKUP_HOPS_MAX && zone != NULL; hops++) {
		if (!zone_answer(r, q, zone, &sname))
			return;
		zone = zone_nearest(a, at, &sname, q->question.type);
	}
}

/* ---------------------------------------------------------------------------
 * Octets.
 */
static void
record_write(struct writer *w, const struct pick *pick)
{
	struct reader rdata;

	write_name(w, pick->owner);
	write_u16(w, pick->rr->type);
	write_u16(w, pick->rr->class);
	write_u32(w, pick->rr->ttl_s);
	reader_init(&rdata, pick->rr->rdata, pick->rr->rdata_len);
	write_rdata(w, pick->rr->type, &rdata);
}

static void
questions_write(struct writer *w, const struct query *q, struct reply *r)
{
	const struct questions *question;

	r->header.questions = 0;
	if (r->questions == NULL) {
		r->header.questions = 1;
		write_question(w, &q->question);
	}
	for (question = r->questions; question != NULL;
	     question = question->next) {
		struct question echo = question->question;

		r->header.questions++;
		name_echo(q, &echo.name);
		write_question(w, &echo);
	}
}

static bool
sections_write(struct writer *w, struct reply *r)
{
	unsigned s, i;

	for (s = 0; s < SECTIONS; s++)
		for (i = 0; i < r->counts[s]; i++) {
			size_t mark = w->len;

			record_write(w, &r->picks[s][i]);
			if (!w->failed)
				continue;
			write_back_to(w, mark);
			r->counts[s] = i; /* glue may be left out */
			if (s != SECTION_ADDITIONAL)
				return false;
		}
	return true;
}

static size_t
reply_room(const struct query *q, const struct reply *r)
{
	if (r->whole || q->transport == TRANSPORT_TCP)
		return MESSAGE_MAX;
	return q->edns.present && q->edns.udp_max > UDP_PLAIN_MAX
	    ? q->edns.udp_max
	    : UDP_PLAIN_MAX;
}

/* The reply as it fits into the datagram, else TC (RFC 2181 9). */
static size_t
reply_write(const struct query *q, struct reply *r, uint8_t *octets)
{
	static struct compressor names;
	struct edns edns = {.present = true, .udp_max = UDP_EDNS_MAX};
	size_t room = reply_room(q, r), opt_len;
	struct writer w;
	size_t mark;

	edns.dnssec_ok = q->edns.dnssec_ok;
	edns.rcode_high = (uint8_t)(r->rcode >> 4);
	if (r->secret != 0 && q->edns.cookie_len > 0) {
		memcpy(edns.cookie, q->edns.cookie, COOKIE_CLIENT_LEN);
		cookie_make(&edns, r->secret);
	}
	header_set_rcode(&r->header, r->rcode);
	opt_len = OPT_LEN + (edns.cookie_len > 0 ? 4u + COOKIE_LEN : 0u);
	writer_init(&w, octets, room - (r->no_edns ? 0 : opt_len));
	writer_compress(&w, &names);
	write_header(&w, &r->header);
	questions_write(&w, q, r);
	mark = w.len;
	if (!sections_write(&w, r)) {
		write_back_to(&w, mark);
		memset(r->counts, 0, sizeof(r->counts));
		header_set(&r->header, FLAG_TC, true);
	}
	w.max = room;
	if (!r->no_edns)
		write_opt(&w, &edns, NULL, 0);
	mark = w.len;
	r->header.answers = (uint16_t)r->counts[SECTION_ANSWER];
	r->header.authorities = (uint16_t)r->counts[SECTION_AUTHORITY];
	r->header.additionals =
	    (uint16_t)(r->counts[SECTION_ADDITIONAL] + !r->no_edns);
	writer_init(&w, octets, HEADER_LEN);
	write_header(&w, &r->header);
	return mark;
}

/* A forger lies about addresses, so that a test sees if he was believed. */
static void
addresses_forge(struct datagram *d)
{
	struct reader r;
	struct header header;
	struct question question;
	struct record record;

	reader_init(&r, d->octets, d->len);
	if (!read_header(&r, &header))
		return;
	while (header.questions-- > 0)
		read_question(&r, &question);
	while (read_record(&r, &record))
		if (record.type == TYPE_A || record.type == TYPE_AAAA)
			memset(d->octets + record.rdata_at, FORGED_OCTET,
			    record.rdata_len);
}

/*
 * Where a fault can be, past the nth octet of what a server must not say as it
 * likes: the rdata of its answers and of SOA is its own.
 */
static size_t
place_to_harm(const struct datagram *d, size_t nth)
{
	struct reader r;
	struct header header;
	struct question question;
	struct record record;
	unsigned n;

	reader_init(&r, d->octets, d->len);
	if (!read_header(&r, &header))
		return d->len;
	for (n = 0; n < header.questions; n++)
		read_question(&r, &question);
	for (n = 0; read_record(&r, &record); n++)
		if ((n < header.answers || record.type == TYPE_SOA) &&
		    nth >= record.rdata_at)
			nth += record.rdata_len;
	return nth;
}

/* The first reply about each name has a fault, one place after the last. */
static void
datagram_harm(struct authority *a, const struct query *q, enum conduct conduct,
    struct datagram *d)
{
	unsigned index, nth;
	const struct rule *rule = rule_find(a, q, conduct, &index);
	size_t at;

	if (rule == NULL || name_equal(&a->harmed, &q->question.name))
		return;
	a->harmed = q->question.name;
	nth = a->rules[index].used++;
	at = place_to_harm(d, conduct == CONDUCT_BITS ? nth / 8 : nth);
	if (at >= d->len)
		return;
	if (conduct == CONDUCT_BITS)
		d->octets[at] ^= (uint8_t)(0x80 >> nth % 8);
	else
		d->octets[at] = (uint8_t)rule->number;
}

/* Turn the case of the first letter of the question; false: it has none. */
static bool
case_turn(struct datagram *d)
{
	size_t i;

	for (i = HEADER_LEN; i < d->len && d->octets[i] != 0; i++) {
		uint8_t folded = d->octets[i] | 0x20;

		if (folded >= 'a' && folded <= 'z') {
			d->octets[i] ^= 0x20;
			return true;
		}
	}
	return false;
}

/* All letters of the question to upper or lower case; false: they are so. */
static bool
case_set(struct datagram *d, bool upper)
{
	bool changed = false;
	size_t i;

	for (i = HEADER_LEN; i < d->len && d->octets[i] != 0; i++) {
		uint8_t folded = d->octets[i] | 0x20;

		if (folded < 'a' || folded > 'z')
			continue;
		folded ^= (uint8_t)(upper << 5);
		changed |= d->octets[i] != folded;
		d->octets[i] = folded;
	}
	return changed;
}

/* The cookie is at the end of all.  False if there is none. */
static bool
cookie_turn(struct datagram *d)
{
	static const uint8_t head[] = {0, 10, 0, COOKIE_LEN};
	size_t option_len = sizeof(head) + COOKIE_LEN;

	if (d->len < option_len ||
	    memcmp(d->octets + d->len - option_len, head, sizeof(head)) != 0)
		return false;
	d->octets[d->len - COOKIE_LEN] ^= 1;
	return true;
}

/* False if it came out as it was. */
static bool
datagram_spoil(struct datagram *d, enum spoil spoil)
{
	switch (spoil) {
	case SPOIL_ID:
		d->octets[1] ^= 1;
		return true;
	case SPOIL_QUESTION:
		if (d->len > HEADER_LEN + 1 && d->octets[HEADER_LEN] > 0)
			d->octets[HEADER_LEN + 1] = '#';
		return true;
	case SPOIL_CASE:
		return case_turn(d);
	case SPOIL_LOWER:
	case SPOIL_UPPER:
		return case_set(d, spoil == SPOIL_UPPER);
	case SPOIL_COOKIE:
		return cookie_turn(d);
	case SPOIL_QUERY:
		d->octets[2] &= 0x7f;
		return true;
	case SPOIL_GARBAGE:
		memset(d->octets + 2, 0xff, d->len - 2);
		return true;
	case SPOIL_SHORT:
		d->len = HEADER_LEN - 1;
		return true;
	case SPOIL_SOURCE:
		d->from.ip[d->from.family == 4 ? 3 : 15] ^= 0x80;
		return true;
	case SPOIL_PORT:
		d->from.port ^= 1;
		return true;
	case SPOIL_TRAILER:
		if (d->len + 8 > MESSAGE_MAX)
			return false;
		memset(d->octets + d->len, 0, 8);
		d->len += 8;
		return true;
	case SPOIL_CUT:
		d->len--;
		return true;
	default:
		return false;
	}
}
