/*
 * cache.c -- what is known, how well, and until when.
 *
 * The one idea: everything known lies in a single ring, in the order in which
 * it was stored, so that to forget is to advance one index.  The arena is
 * counted in units of 8 octets; unit 0 is no unit, so 0 ends a chain.
 *
 *  wrapped      1 ---- live ---- newest -- free -- oldest ---- live ---- end
 *               1 <= newest <= oldest <= end <= size, and end to size is idle
 *
 *  not wrapped  1 = oldest ---- live ---- newest ------ free ------ end = size
 *               1 = oldest <= newest <= end = size
 *
 * An entry is its header, its owner and its body.  It is written at newest and
 * never moves or grows; what displaces it is written anew and the old one is
 * marked dead.  To make room the oldest is taken off: one that was used since
 * it was written, and is still live, is written again at newest with the mark
 * cleared; any other is gone.  That second chance hits as often as an exact
 * LRU and writes one octet at a hit.
 *
 * An entry hangs on the chain of its owner's hash, newest first, and so:
 *
 *  - all types of one name share a chain, and one walk along it tells the
 *    type, the alias and the name error from each other;
 *  - the oldest entry of the arena is the last of its chain;
 *  - no two entries on a chain contradict each other (entry_clashes);
 *  - a dead entry is on no chain;
 *  - no chain is longer than CHAIN_MAX.
 *
 * There are as many chains as it takes to have two for each entry, so that a
 * cache costs what is in it and not what it may hold, and yet a name is found
 * at the first or second entry.  Chains are split in their order, one or two
 * at a store (linear hashing): those below `split`, and the ones these were
 * split into, are told by one bit of the hash more than the others.
 *
 * A delegation hangs on the same chain with another hash, which is never that
 * of the name's other types: neither ever sees the other.
 *
 * Resolution failures are no answers and lie apart, in a table that they
 * cannot leave however many there are (RFC 9520 3.2).
 *
 * Some names mean nothing outside, and what there is to know of them never
 * changes.  That is constant, is not stored, and comes before all that is.
 *
 * Of some zones the operator has said who is to be asked.  They are cuts that
 * nobody has delegated and that never end: no delegation is seen at or below
 * one, and what is known above it says nothing about it.
 *
 * A tree of names is forgotten at once, although there may be too many chains
 * to go to in one turn: whoever comes to a chain before the flush does takes
 * off it what is to go.
 *
 * Nothing here reads a clock, a message or a body.
 */
#include "dns.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	UNIT = 8,
	EXPIRES_BITS = 40, /* 34 years since this machine was started */
	TTL_BITS = 20,
	HASH_BITS = 30,
	TTL_SANE_S = 7 * 86400, /* RFC 8767 4: never more than a week */
	MARK_MS_MAX = 60000,    /* nobody waits so long for an answer */
	OCTETS_PER_HEAD = 64, /* at least: an address takes as much, with it */
	HEADS_PER_ENTRY = 2,  /* while there are so many */
	HEADS_FIRST = CACHE_OCTETS_MIN / OCTETS_PER_HEAD,
	HUGE_PAGE = 2 << 20,
	ARENA_SHARE = 4,      /* no entry takes more than a quarter */
	STORES_FIRST = -1000, /* wraps in every test, not once a year */
	LOCAL_BODY = 256,     /* the longest local apex, twice, and 50 */
	LOCAL_LABEL_MIN = 4,  /* no last label of a local name is shorter */
	FAILURE_WAYS = 8,
	FAILURE_SETS = FAILURES_MAX / FAILURE_WAYS
};

/* No chain has this number. */
static const uint32_t FLUSH_OVER = UINT32_MAX;

/*
 * What a delegation's hash differs in: a bit that is in no mask, so that a name
 * and its cut are on one chain.  Who looks for both goes to memory once.
 */
static const uint32_t DELEGATION_HASH = UINT32_C(1) << (HASH_BITS - 1);

/* A number that is known to have no bits but these. */
#define FIT(n, bits) ((n) & ((UINT64_C(1) << (bits)) - 1))

struct unit {
	_Alignas(UNIT) uint8_t octets[UNIT];
};

/*
 * 28 octets and the owner: with an address of a name such as this comment has
 * room for, no more than a line of the processor's cache.
 */
struct entry {
	uint64_t expires_ms : EXPIRES_BITS;
	uint64_t ttl_s : TTL_BITS;  /* as stored */
	uint64_t used : 1;          /* found since it was written */
	uint64_t failing : 1;       /* an alias that led nowhere */
	uint64_t nothing_below : 1; /* a name error; what is below is, too */
	uint64_t refreshing : 1;    /* it was given out as one to ask anew */
	uint32_t older;             /* the next of the chain; 0 ends it */
	uint32_t hash : HASH_BITS;
	uint32_t : 2;    /* for what validation finds: DESIGN decision 8 */
	uint32_t stored; /* the number of the store that wrote it */
	uint16_t type, body_len;
	uint32_t kind : 3;
	uint32_t trust : 2;
	uint32_t records : 7, signatures : 4, proofs : 8;
	uint32_t owner_len : 8;
	uint8_t octets[]; /* the owner, then the body */
};

static_assert(RRSET_RECORDS_MAX < 1 << 7 && SLIST_NS_MAX < 1 << 7 &&
	RRSET_SIGNATURES_MAX < 1 << 4 && PROOFS_MAX < 1 << 8,
    "what an entry counts has its bits");
static_assert(KIND_DELEGATION < 1 << 3 && TRUST_ANSWER < 1 << 2,
    "what an entry is has its bits");

struct failure {
	uint64_t until_ms; /* 0: free */
	uint32_t stored;
	uint16_t type, hold_s;
	struct name name;
	struct reason reason;
};

/* What is forgotten: all at a name, or below it too, that was stored so far. */
struct flush {
	struct name name;
	bool below;
	uint32_t stores; /* the number of the last one then */
	unsigned count;  /* of what is gone by it */
};

/* What is looked for, by whom and when. */
struct wanted {
	struct trail *trail;
	unsigned level;
	uint16_t type;
	uint32_t hash;
	uint32_t mark;
	uint64_t now_ms;
};

/* The entry, NULL unless there is one, and what it says. */
struct finding {
	enum found found;
	struct entry *entry;
};

static struct {
	struct unit *units;
	uint32_t size, oldest, newest, end; /* in units */
	bool wrapped;
	uint32_t *heads; /* of chains: a unit, 0 if empty */
	uint32_t heads_max;
	uint32_t round, split; /* chains: a power of two, and what is split */
	uint32_t stores;       /* so far, failures included */
	struct failure *failures;
	uint32_t failure_hashes[FAILURES_MAX]; /* all that most look-ups need */
	uint64_t zones_fail_until_ms; /* none is remembered for longer */
	uint8_t local[LOCAL_BODY];    /* of the last view of a local name */
	struct name looked_up[LOOKED_UP_MAX]; /* and not local, nor is below */
	unsigned looked_up_count;
	struct {
		struct name zone;
		bool special; /* it is a local name, or below one */
	} forwarded[FORWARD_ZONES_MAX];
	unsigned forwarded_count;
	struct flush flush;  /* of a tree, which chains have yet to be rid of */
	uint32_t flush_next; /* from this one on, and those that come yet */
	uint8_t key[16];
	struct cache_counts counts;
} cache;

static_assert(offsetof(struct entry, octets) == 28, "a compact header");
static_assert(sizeof(struct entry) <= 4 * UNIT, "the smallest entry holds it");
static_assert(TTL_SANE_S < 1 << TTL_BITS, "it holds a TTL");
static_assert(ENTRY_MAX <= CACHE_OCTETS_MIN / ARENA_SHARE / 2, "a fair share");
static_assert((FAILURE_SETS & (FAILURE_SETS - 1)) == 0, "a power of two");
static_assert(FOUND_ANSWER < FOUND_ALIAS && FOUND_ALIAS < FOUND_NO_DATA &&
	FOUND_NO_DATA < FOUND_NAME_ERROR,
    "what is found stands in the order of preference");

static void cache_check(void);
static bool may_be_local(const struct trail *);
static enum found local_find(
    const struct trail *, unsigned level, uint16_t stype, struct view *);
static struct finding chain_find(const struct wanted *);
static void chain_flush(uint32_t *link, struct flush *);
static struct finding entry_find(const struct wanted *);
static uint64_t nothing_below_until_ms(const struct entry *);
static const struct failure *failure_find(const struct wanted *);
static const struct failure *zone_failure_find(const struct wanted *);
static enum found failure_view(const struct wanted *, struct view *);
static void failure_forget(const struct name *, uint16_t type, uint32_t hash);
static void existence_note(
    const struct draft *, struct trail *, unsigned level);
static bool chain_admits(const struct draft *, uint32_t hash, uint64_t now_ms);
static void chain_clear(const struct draft *, uint32_t hash);
static void room_make(uint32_t units, uint64_t now_ms);
static void entry_write(const struct draft *, uint32_t hash, uint64_t now_ms);
static uint32_t room_at_newest(void);

static uint32_t
hash_of(const struct name *name)
{
	return (uint32_t)FIT(name_hash(name, cache.key), HASH_BITS);
}

/* Do these octets make the same name? */
static bool
octets_fold_alike(const uint8_t *a, const uint8_t *b, size_t len)
{
	struct name first, second;

	first.len = second.len = (uint8_t)len;
	memcpy(first.wire, a, len);
	memcpy(second.wire, b, len);
	return name_equal(&first, &second);
}

/* As the same name they are nearly always spelled alike. */
static inline bool
octets_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	return a_len == b_len &&
	    (memcmp(a, b, a_len) == 0 || octets_fold_alike(a, b, a_len));
}

void
trail_begin(struct trail *t, const struct name *name)
{
	unsigned at, labels = 0;

	assert(name->len > 0);
	for (at = 0; name->wire[at] != 0; at += 1u + name->wire[at])
		t->at[labels++] = (uint8_t)at;
	t->at[labels] = (uint8_t)at;
	t->name = name;
	t->labels = (uint8_t)labels;
	t->hashed = 0;
}

void
trail_resume(struct trail *t, const struct name *name, uint64_t hash)
{
	trail_begin(t, name);
	t->hashes[t->hashed++] = hash;
}

void
trail_copy(struct trail *t, const struct trail *from, const struct name *name)
{
	t->name = name;
	t->labels = from->labels;
	t->hashed = from->hashed;
	memcpy(t->at, from->at, from->labels + 1u);
	memcpy(t->hashes, from->hashes, from->hashed * sizeof(t->hashes[0]));
}

static const uint8_t *
trail_wire(const struct trail *t, unsigned level)
{
	assert(level <= t->labels);
	return t->name->wire + t->at[level];
}

static size_t
trail_len(const struct trail *t, unsigned level)
{
	return (size_t)t->name->len - t->at[level];
}

void
trail_name(const struct trail *t, unsigned level, struct name *name)
{
	name->len = (uint8_t)trail_len(t, level);
	memcpy(name->wire, trail_wire(t, level), name->len);
}

unsigned
trail_level(const struct trail *t, size_t len)
{
	unsigned level = 0;

	while (trail_len(t, level) != len)
		level++;
	return level;
}

/* Make the hashes up to this level, the last of which is not known. */
static uint64_t
trail_learn(struct trail *t, unsigned level)
{
	uint64_t hash;

	do {
		hash = name_hash_at(t->name, t->at[t->hashed], cache.key);
		t->hashes[t->hashed] = hash;
	} while (t->hashed++ < level);
	return hash;
}

uint64_t
trail_hash(struct trail *t, unsigned level)
{
	return t->hashed > level ? t->hashes[level] : trail_learn(t, level);
}

static uint32_t
hash_at(struct trail *t, unsigned level)
{
	return (uint32_t)FIT(trail_hash(t, level), HASH_BITS);
}

static struct entry *
entry_at(uint32_t at)
{
	assert(at > 0 && at < cache.end);
	return (struct entry *)(void *)&cache.units[at];
}

/* The bits of the hash that tell its chain. */
static uint32_t
chain_mask(uint32_t hash)
{
	uint32_t mask = cache.round - 1;

	return (hash & mask) < cache.split ? mask + cache.round : mask;
}

static uint32_t
chain_of(uint32_t hash)
{
	return hash & chain_mask(hash);
}

static uint32_t *
chain_head(uint32_t hash)
{
	return &cache.heads[chain_of(hash)];
}

/*
 * The same, of a chain without what is flushed: if the flush of a tree has yet
 * to come to it, it does now.
 */
static inline uint32_t *
chain_settle(uint32_t hash)
{
	uint32_t chain = chain_of(hash);

	if (chain >= cache.flush_next)
		chain_flush(&cache.heads[chain], &cache.flush);
	return &cache.heads[chain];
}

/* So many chains there are now. */
static uint32_t
heads_used(void)
{
	return cache.round + cache.split;
}

static uint32_t
units_for(size_t owner_len, size_t body_len)
{
	size_t octets = offsetof(struct entry, octets) + owner_len + body_len;

	assert(body_len <= ENTRY_MAX);
	return (uint32_t)((octets + UNIT - 1) / UNIT);
}

/*
 * Have huge pages, without which half of what it takes to find one of a million
 * entries is to find its page; but not at the beginning, so that a cache costs
 * no more than is in it.  Nothing depends on whether that is done.
 */
static void
pages_enlarge(void *base, size_t octets)
{
	size_t skip = 2 * HUGE_PAGE - (uintptr_t)base % HUGE_PAGE;

	if (octets > skip)
		(void)madvise(
		    (uint8_t *)base + skip, octets - skip, MADV_HUGEPAGE);
}

bool
cache_init(size_t octets, const uint8_t key[16])
{
	size_t heads = octets / OCTETS_PER_HEAD;
	size_t size = (octets - heads * sizeof(*cache.heads)) / UNIT;

	assert(octets >= CACHE_OCTETS_MIN);
	free(cache.units);
	free(cache.heads);
	free(cache.failures);
	memset(&cache, 0, sizeof(cache));
	assert(size <= UINT32_MAX && heads <= DELEGATION_HASH);

	/* Zeroed by the kernel: a page costs nothing until it is used. */
	cache.units = calloc(size, sizeof(*cache.units));
	cache.heads = calloc(heads, sizeof(*cache.heads));
	cache.failures = calloc(FAILURES_MAX, sizeof(*cache.failures));
	if (cache.units == NULL || cache.heads == NULL ||
	    cache.failures == NULL)
		return false;
	pages_enlarge(cache.units, size * sizeof(*cache.units));
	pages_enlarge(cache.heads, heads * sizeof(*cache.heads));
	memcpy(cache.key, key, sizeof(cache.key));
	cache.size = cache.end = (uint32_t)size;
	cache.oldest = cache.newest = 1;
	cache.heads_max = (uint32_t)heads;
	cache.round = HEADS_FIRST;
	cache.flush_next = FLUSH_OVER;
	cache.stores = (uint32_t)STORES_FIRST;
	cache_check();
	return true;
}

/* All is as at the start; what arena and other heads say is never read. */
void
cache_flush(void)
{
	memset(cache.heads, 0, HEADS_FIRST * sizeof(*cache.heads));
	cache.round = HEADS_FIRST;
	cache.split = 0;
	cache_forget_failures();
	cache.wrapped = false;
	cache.oldest = cache.newest = 1;
	cache.end = cache.size;
	cache.flush_next = FLUSH_OVER;
	cache.counts.entries = 0;
	cache_check();
}

void
cache_forget_failures(void)
{
	memset(cache.failures, 0, FAILURES_MAX * sizeof(*cache.failures));
}

size_t
cache_memory(void)
{
	return sizeof(cache) + cache.size * sizeof(*cache.units) +
	    cache.heads_max * sizeof(*cache.heads) +
	    FAILURES_MAX * sizeof(*cache.failures);
}

void
cache_fetch_chain(struct trail *t)
{
	__builtin_prefetch(chain_head(hash_at(t, 0)));
}

void
cache_fetch_entry(struct trail *t)
{
	__builtin_prefetch(&cache.units[*chain_head(hash_at(t, 0))]);
}

uint32_t
cache_mark(void)
{
	return cache.stores;
}

void
cache_count(struct cache_counts *counts)
{
	uint32_t units = cache.newest - 1;

	if (cache.wrapped)
		units += cache.end - cache.oldest;
	*counts = cache.counts;
	counts->octets =
	    (uint64_t)units * UNIT + heads_used() * sizeof(*cache.heads);
}

/* The O(1) part of what the head of this file promises. */
static void
cache_check(void)
{
	assert(cache.newest >= 1);
	assert(cache.newest <= cache.end);
	assert(cache.oldest >= 1);
	assert(cache.end <= cache.size);
	assert(cache.split < cache.round);
	assert(heads_used() <= cache.heads_max);
	if (cache.wrapped) {
		assert(cache.newest <= cache.oldest);
		assert(cache.oldest <= cache.end);
	} else {
		assert(cache.oldest == 1);
		assert(cache.end == cache.size);
	}
}

/*
 * Finding.
 */

static uint32_t
seconds_left(uint64_t expires_ms, uint64_t now_ms)
{
	if (now_ms >= expires_ms)
		return 0;
	return (uint32_t)((expires_ms - now_ms + 999) / 1000);
}

/* Store numbers wrap, so they are compared as in RFC 1982. */
static bool
is_after(uint32_t stored, uint32_t mark)
{
	return stored - mark - 1 < INT32_MAX;
}

/* An RRset that lived for long enough, and will not for much longer. */
static bool
entry_is_expiring(const struct entry *e, uint64_t now_ms)
{
	return seconds_left(e->expires_ms, now_ms) <= PREFETCH_LEFT_S &&
	    e->ttl_s >= PREFETCH_TTL_MIN_S && e->kind == KIND_RRSET &&
	    !e->refreshing;
}

static void
view_entry(struct view *view, const struct entry *e, const struct wanted *w)
{
	view->type = e->type;
	view->owner_len = e->owner_len;
	view->records = e->records;
	view->signatures = e->signatures;
	view->proofs = e->proofs;
	view->ttl_s = seconds_left(e->expires_ms, w->now_ms);
	view->ttl_first_s = e->ttl_s;
	view->expiring = entry_is_expiring(e, w->now_ms);
	view->anew = is_after(e->stored, w->mark);
	view->forwarded = false;
	view->trust = (enum trust)e->trust;
	reader_init(&view->body, e->octets + e->owner_len, e->body_len);
	view->reason = NULL;
}

static void
view_failure(struct view *view, const struct failure *f, uint64_t now_ms)
{
	*view = (struct view){
	    .type = f->type,
	    .owner_len = f->name.len,
	    .ttl_s = seconds_left(f->until_ms, now_ms),
	    .ttl_first_s = f->hold_s,
	    .reason = &f->reason,
	};
}

enum found
cache_find_on(struct trail *t, unsigned level, uint16_t stype, uint32_t mark,
    uint64_t now_ms, struct view *view)
{
	const struct wanted w = {
	    t, level, stype, hash_at(t, level), mark, now_ms};
	struct finding f;
	enum found local;

	if (may_be_local(t)) {
		local = local_find(t, level, stype, view);
		if (local != FOUND_NOTHING)
			return local;
	}
	f = entry_find(&w);
	if (f.found == FOUND_ALIAS &&
	    (f.entry->failing || f.entry->type == TYPE_DNAME) &&
	    failure_find(&w) != NULL)
		f.found = FOUND_NOTHING;
	if (f.found == FOUND_NOTHING)
		return failure_view(&w, view);
	assert(f.entry->kind != KIND_DELEGATION);
	f.entry->used = true;
	view_entry(view, f.entry, &w);
	if (f.found == FOUND_NAME_ERROR &&
	    f.entry->owner_len < trail_len(t, level))
		view->ttl_s =
		    seconds_left(nothing_below_until_ms(f.entry), now_ms);
	return f.found;
}

/* Why it cannot be known now, if that is known. */
static enum found
failure_view(const struct wanted *w, struct view *view)
{
	const struct failure *f = failure_find(w);

	if (f == NULL)
		f = zone_failure_find(w);
	if (f == NULL)
		return FOUND_NOTHING;
	view_failure(view, f, w->now_ms);
	return FOUND_FAILURE;
}

enum found
cache_find(const struct name *sname, uint16_t stype, uint32_t mark,
    uint64_t now_ms, struct view *view)
{
	struct trail t;

	trail_begin(&t, sname);
	return cache_find_on(&t, 0, stype, mark, now_ms, view);
}

bool
cache_refresh(const struct name *sname, uint16_t stype, uint64_t now_ms)
{
	struct trail t;
	struct wanted w = {&t, 0, stype, 0, cache.stores, now_ms};
	struct entry *e;

	trail_begin(&t, sname);
	w.hash = hash_at(&t, 0);
	e = entry_find(&w).entry;
	if (e == NULL || !entry_is_expiring(e, now_ms))
		return false;
	e->refreshing = true;
	return true;
}

/* Is this name at that level, or above it? */
static bool
trail_passes(const struct trail *t, unsigned level, const struct name *name)
{
	while (trail_len(t, level) > name->len)
		level++;
	return octets_name(
	    trail_wire(t, level), trail_len(t, level), name->wire, name->len);
}

/* The closest zone at or above the name that is forwarded, or NULL. */
static const struct name *
forwarded_find(const struct trail *t, unsigned level)
{
	const struct name *found = NULL;
	unsigned i;

	if (cache.forwarded_count == 0)
		return NULL;
	for (i = 0; i < cache.forwarded_count; i++) {
		const struct name *zone = &cache.forwarded[i].zone;

		if (trail_passes(t, level, zone) &&
		    (found == NULL || zone->len > found->len))
			found = zone;
	}
	return found;
}

/*
 * The highest name that may speak for this one: that of the zone that it is
 * forwarded with, else the root.  The DS at the top of that zone is of the zone
 * above (RFC 4035 3.1.4.1).
 */
static unsigned
level_last(const struct wanted *w)
{
	const struct trail *t = w->trail;
	bool is_above = w->type == TYPE_DS && w->level < t->labels;
	const struct name *zone = forwarded_find(t, w->level + is_above);

	return zone == NULL ? t->labels : trail_level(t, zone->len);
}

/* The closest delegation at or above a name, or NULL. */
static struct entry *
delegation_find(const struct wanted *below)
{
	struct wanted w = *below;
	struct finding f;

	w.type = TYPE_NS;
	for (; w.level <= w.trail->labels; w.level++) {
		w.hash = hash_at(w.trail, w.level) ^ DELEGATION_HASH;
		f = chain_find(&w);
		if (f.found == FOUND_ANSWER)
			return f.entry;
	}
	return NULL;
}

/* A name error is believed for what is below it for so long. */
static uint64_t
nothing_below_until_ms(const struct entry *e)
{
	uint32_t life_s =
	    e->ttl_s < NOTHING_BELOW_MAX_S ? e->ttl_s : NOTHING_BELOW_MAX_S;

	return e->expires_ms - (e->ttl_s - life_s) * (uint64_t)1000;
}

/* RFC 8020 2: below a name that does not exist there is nothing. */
static bool
denies_below(const struct entry *e, uint64_t now_ms)
{
	return e->nothing_below && now_ms < nothing_below_until_ms(e);
}

/*
 * But of a zone at or below it whose delegation is known the parent said
 * otherwise.
 */
static bool
has_cut_below(const struct entry *e, const struct wanted *below)
{
	const struct entry *cut = delegation_find(below);

	return cut != NULL && cut->owner_len >= e->owner_len;
}

/*
 * What the names above tell of a name.  RFC 6672 2.2: a DNAME speaks for what
 * is strictly below it.
 */
static struct finding
above_find(const struct wanted *below)
{
	unsigned last = level_last(below);
	const struct name *forwarded =
	    forwarded_find(below->trail, below->level);
	struct wanted w = *below;
	/* Below a denial, and so below all higher ones. */
	bool is_cut = forwarded != NULL &&
	    forwarded->len == trail_len(below->trail, below->level);

	w.type = TYPE_DNAME;
	while (++w.level <= last) {
		struct finding f;

		w.hash = hash_at(w.trail, w.level);
		f = chain_find(&w);
		if (f.found == FOUND_ANSWER)
			return (struct finding){FOUND_ALIAS, f.entry};
		if (f.found != FOUND_NAME_ERROR || is_cut ||
		    !denies_below(f.entry, below->now_ms))
			continue;
		if (!has_cut_below(f.entry, below))
			return f;
		is_cut = true;
	}
	return (struct finding){FOUND_NOTHING, NULL};
}

/* What is known of a name by itself, and else by those above it. */
static struct finding
entry_find(const struct wanted *w)
{
	struct finding f = chain_find(w);

	return f.found != FOUND_NOTHING ? f : above_find(w);
}

bool
cache_find_delegation_on(struct trail *t, unsigned level, uint32_t mark,
    uint64_t now_ms, struct view *view, uint64_t *until_ms)
{
	struct wanted w = {t, level, TYPE_NS, 0, mark, now_ms};
	const struct name *forwarded = forwarded_find(t, level);
	struct entry *e;

	if (forwarded != NULL) {
		*view = (struct view){.type = TYPE_NS,
		    .owner_len = forwarded->len,
		    .forwarded = true};
		*until_ms = UINT64_MAX;
		return true;
	}
	e = delegation_find(&w);
	if (e == NULL)
		return false;
	assert(e->kind == KIND_DELEGATION);
	e->used = true;
	view_entry(view, e, &w);
	*until_ms = e->expires_ms;
	return true;
}

bool
cache_find_delegation(const struct name *sname, uint32_t mark, uint64_t now_ms,
    struct view *view, uint64_t *until_ms)
{
	struct trail t;

	trail_begin(&t, sname);
	return cache_find_delegation_on(&t, 0, mark, now_ms, view, until_ms);
}

/*
 * Why nothing in the zone of a name can be found out, or NULL.  That is known
 * though the delegation may have ended (RFC 9520 3.3); but of a zone below that
 * is known to be another one it says nothing.
 */
static const struct failure *
zone_failure_find(const struct wanted *sought)
{
	unsigned last = level_last(sought);
	struct wanted w = *sought;

	if (w.now_ms >= cache.zones_fail_until_ms)
		return NULL;
	/* The DS of a zone is its parent's (RFC 4035 3.1.4.1). */
	w.level += sought->type == TYPE_DS;
	for (; w.level < w.trail->labels && w.level <= last; w.level++) {
		const struct failure *f;

		w.hash = hash_at(w.trail, w.level);
		w.type = TYPE_ZONE;
		if ((f = failure_find(&w)) != NULL)
			return f;
		w.hash ^= DELEGATION_HASH;
		w.type = TYPE_NS;
		if (chain_find(&w).found == FOUND_ANSWER)
			break;
	}
	return NULL;
}

/*
 * Whether this is good for who asks: not yet expired, or stored after the
 * mark; and so lately that the numbers of stores cannot have gone round.
 */
static bool
is_live(uint64_t expires_ms, uint32_t life_s, uint32_t stored,
    const struct wanted *w)
{
	uint64_t stored_ms;

	if (w->now_ms < expires_ms)
		return true;
	stored_ms = expires_ms - life_s * (uint64_t)1000;
	return w->now_ms - stored_ms < MARK_MS_MAX && is_after(stored, w->mark);
}

static bool
entry_owner_is(const struct entry *e, const uint8_t *wire, size_t len)
{
	return octets_name(e->octets, e->owner_len, wire, len);
}

static bool
entry_is_alias(const struct entry *e)
{
	return e->kind == KIND_RRSET && e->type == TYPE_CNAME;
}

/* What an entry at a name says of a type there. */
static enum found
entry_tells(const struct entry *e, uint16_t stype)
{
	switch ((enum kind)e->kind) {
	case KIND_DEAD:
		break;
	case KIND_RRSET:
		if (e->type == stype ||
		    (stype == TYPE_ANY && e->type != TYPE_RRSIG))
			return FOUND_ANSWER;
		if (entry_is_alias(e) && stype != TYPE_RRSIG &&
		    stype != TYPE_NSEC)
			return FOUND_ALIAS;
		break;
	case KIND_NO_DATA:
		if (e->type == stype)
			return FOUND_NO_DATA;
		break;
	case KIND_NAME_ERROR:
		return FOUND_NAME_ERROR;
	case KIND_DELEGATION:
		return FOUND_ANSWER;
	}
	return FOUND_NOTHING;
}

static struct finding
chain_find(const struct wanted *w)
{
	struct finding best = {FOUND_NOTHING, NULL};
	uint32_t at;

	at = *chain_settle(w->hash);
	while (at != 0 && best.found != FOUND_ANSWER) {
		struct entry *e = entry_at(at);
		enum found found;

		at = e->older;
		if (e->hash != w->hash)
			continue;
		found = entry_tells(e, w->type);
		if (found == FOUND_NOTHING)
			continue;
		if (best.entry != NULL && best.found <= found)
			continue;
		if (!is_live(e->expires_ms, e->ttl_s, e->stored, w))
			continue;
		if (!entry_owner_is(e, trail_wire(w->trail, w->level),
			trail_len(w->trail, w->level)))
			continue;
		best = (struct finding){found, e};
	}
	return best;
}

/*
 * Local names (RFC 6303, RFC 6761).  A tree of them is known by its last one
 * or two labels, or by the address that is spelled before these; so an
 * ordinary name is told from them by its last label.
 */

enum tree {
	TREE_NONE,     /* is not local */
	TREE_ABOVE,    /* nor is this, but some of what is below */
	TREE_REVERSE4, /* the same, and below it addresses are spelled */
	TREE_REVERSE6,
	TREE_LOCALHOST, /* every name has the addresses of loopback */
	TREE_VOID,      /* there is nothing, not even the apex */
	TREE_EMPTY      /* RFC 6303 3: SOA and NS at the apex, nothing below */
};

static const struct {
	enum tree tree;
	struct name apex;
} local_trees[] = {
    {TREE_ABOVE, {6, "\4arpa"}},              /* RFC 3172 */
    {TREE_VOID, {6, "\4test"}},               /* RFC 6761 6.2 */
    {TREE_LOCALHOST, {11, "\11localhost"}},   /* RFC 6761 6.3 */
    {TREE_VOID, {9, "\7invalid"}},            /* RFC 6761 6.4 */
    {TREE_VOID, {7, "\5local"}},              /* RFC 6762 22.1 */
    {TREE_VOID, {7, "\5onion"}},              /* RFC 7686 2 */
    {TREE_REVERSE4, {14, "\7in-addr\4arpa"}}, /* RFC 1035 3.5 */
    {TREE_REVERSE6, {10, "\3ip6\4arpa"}},     /* RFC 3596 2.5 */
    {TREE_EMPTY, {11, "\4home\4arpa"}},       /* RFC 8375 4 */
    {TREE_VOID, {13, "\0066tisch\4arpa"}},    /* RFC 9031 */
    {TREE_VOID, {15, "\10eap-noob\4arpa"}},   /* RFC 9140 */
    {TREE_EMPTY, {15, "\10resolver\4arpa"}},  /* RFC 9462 6.4 */
    {TREE_EMPTY, {14, "\7service\4arpa"}},    /* RFC 9665 */
};

/* Addresses whose reverse zones are empty: RFC 6303 4, and RFC 7793. */
static const struct prefix local_blocks[] = {
    {{4, {0}, 0}, 8},
    {{4, {10}, 0}, 8},
    {{4, {100, 64}, 0}, 10},
    {{4, {127}, 0}, 8},
    {{4, {169, 254}, 0}, 16},
    {{4, {172, 16}, 0}, 12},
    {{4, {192, 0, 2}, 0}, 24},
    {{4, {192, 168}, 0}, 16},
    {{4, {198, 51, 100}, 0}, 24},
    {{4, {203, 0, 113}, 0}, 24},
    {{4, {255, 255, 255, 255}, 0}, 32},
    {{6, {0}, 0}, 128},
    {{6, {[15] = 1}, 0}, 128},
    {{6, {0x20, 0x01, 0x0d, 0xb8}, 0}, 32},
    {{6, {0xfd}, 0}, 8},
    {{6, {0xfe, 0x80}, 0}, 10},
};

/* How a family's addresses are spelled below in-addr.arpa or ip6.arpa. */
struct spelling {
	struct address loopback;
	unsigned bits, bits_each, base; /* of the address, of each label */
};

static const struct spelling spelling4 = {{4, {127, 0, 0, 1}, 0}, 32, 8, 10};
static const struct spelling spelling6 = {{6, {[15] = 1}, 0}, 128, 4, 16};

/* Where a name stands in a local tree. */
struct place {
	enum tree tree;
	unsigned apex_labels, below; /* labels of the apex, and before it */
	bool loopback;               /* spells the whole loopback address ... */
	bool loopback_below;         /* ... or the beginning of it */
};

static unsigned
digit_value(uint8_t digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10u : UINT8_MAX;
}

/* The number a label spells, as short as can be; beyond max if it is none. */
static unsigned
label_number(const uint8_t *label, unsigned base, unsigned max)
{
	unsigned number = 0, i;

	if (*label > 1 && label[1] == '0')
		return max + 1;
	for (i = 1; i <= *label && number <= max; i++) {
		unsigned digit = digit_value(label[i]);

		number = digit < base ? number * base + digit : max + 1;
	}
	return number;
}

/*
 * The address that a name spells, or the beginning of it: what comes last in
 * the name comes first.  Gives the number of bits.
 */
static unsigned
reverse_read(const struct spelling *s, const struct trail *t, unsigned level,
    struct address *a)
{
	unsigned max = (1u << s->bits_each) - 1, bits = 0;
	unsigned at = t->labels - 2u;

	assert(level + 2 <= t->labels); /* IN-ADDR.ARPA, IP6.ARPA */
	*a = (struct address){.family = s->loopback.family};
	for (; at > level && bits < s->bits; bits += s->bits_each) {
		const uint8_t *label = trail_wire(t, --at);
		unsigned number = label_number(label, s->base, max);

		if (number > max)
			break;
		number <<= 8 - s->bits_each - bits % 8;
		a->ip[bits / 8] |= (uint8_t)number;
	}
	return bits;
}

/* The place in the reverse zone of a local block; false if it is in none. */
static bool
reverse_place(const struct spelling *s, const struct trail *t, unsigned level,
    struct place *p)
{
	struct address a;
	unsigned bits = reverse_read(s, t, level, &a), i;
	struct prefix loopback = {s->loopback, (uint8_t)bits};

	for (i = 0; i < sizeof(local_blocks) / sizeof(*local_blocks); i++) {
		const struct prefix *block = &local_blocks[i];

		if (block->address.ip[0] != a.ip[0] || bits < block->bits ||
		    !prefix_covers(block, &a))
			continue;
		p->tree = TREE_EMPTY;
		p->apex_labels =
		    2 + (block->bits + s->bits_each - 1) / s->bits_each;
		p->loopback_below = prefix_covers(&loopback, &a) &&
		    t->labels - level == 2 + bits / s->bits_each;
		p->loopback = p->loopback_below && bits == s->bits;
		return true;
	}
	return false;
}

static enum tree
tree_at(const struct name *apex)
{
	unsigned i;

	for (i = 0; i < sizeof(local_trees) / sizeof(*local_trees); i++)
		if (local_trees[i].apex.len == apex->len &&
		    name_equal(&local_trees[i].apex, apex))
			return local_trees[i].tree;
	return TREE_NONE;
}

/* Most names are none, and their last label tells so. */
static bool
may_be_local(const struct trail *t)
{
	return t->labels > 0 &&
	    *trail_wire(t, t->labels - 1u) >= LOCAL_LABEL_MIN;
}

/* The place of a local name; false if it is an ordinary one. */
static bool
local_place(const struct trail *t, unsigned level, struct place *p)
{
	unsigned at = t->labels;
	struct name apex;
	bool local = true;

	if (!may_be_local(t))
		return false;
	*p = (struct place){.tree = TREE_ABOVE};
	while (p->tree == TREE_ABOVE && at > level) {
		trail_name(t, --at, &apex);
		p->tree = tree_at(&apex);
	}
	if (p->tree == TREE_NONE || p->tree == TREE_ABOVE)
		return false;
	p->apex_labels = t->labels - at;
	if (p->tree == TREE_REVERSE4)
		local = reverse_place(&spelling4, t, level, p);
	else if (p->tree == TREE_REVERSE6)
		local = reverse_place(&spelling6, t, level, p);
	p->below = t->labels - level - p->apex_labels;
	return local;
}

bool
cache_is_special(const struct name *name)
{
	struct trail t;
	struct place p;

	trail_begin(&t, name);
	return local_place(&t, 0, &p);
}

void
cache_look_up(const struct name *name)
{
	assert(cache.looked_up_count < LOOKED_UP_MAX);
	cache.looked_up[cache.looked_up_count++] = *name;
}

void
cache_forward(const struct name *zone)
{
	unsigned i = cache.forwarded_count++;

	assert(i < FORWARD_ZONES_MAX);
	cache.forwarded[i].zone = *zone;
	cache.forwarded[i].special = cache_is_special(zone);
}

/* RFC 6303 3: the operator may have it otherwise. */
static bool
is_looked_up(const struct name *sname)
{
	unsigned i;

	for (i = 0; i < cache.looked_up_count; i++)
		if (name_within(sname, &cache.looked_up[i]))
			return true;
	for (i = 0; i < cache.forwarded_count; i++)
		if (cache.forwarded[i].special &&
		    name_within(sname, &cache.forwarded[i].zone))
			return true;
	return false;
}

/* The first of these types that the asker wants, or none (0). */
static uint16_t
type_wanted(uint16_t stype, uint16_t first, uint16_t second)
{
	if (stype == first || stype == TYPE_ANY)
		return first;
	return stype == second ? second : 0;
}

/* The type of the RRset at a local name that answers, or none (0). */
static uint16_t
local_type(const struct place *p, uint16_t stype)
{
	if (p->tree == TREE_LOCALHOST)
		return type_wanted(stype, TYPE_A, TYPE_AAAA);
	if (p->loopback && stype == TYPE_PTR)
		return TYPE_PTR;
	if (p->tree == TREE_EMPTY && p->below == 0)
		return type_wanted(stype, TYPE_SOA, TYPE_NS);
	return p->loopback && stype == TYPE_ANY ? TYPE_PTR : 0;
}

/* Is there such a name, even if it has no data?  RFC 9462 6.4: _dns has not. */
static bool
local_exists(const struct place *p, const struct name *sname)
{
	static const struct name designated = {20, "\4_dns\10resolver\4arpa"};

	return p->tree == TREE_LOCALHOST ||
	    (p->tree == TREE_EMPTY && p->below == 0) || p->loopback_below ||
	    name_equal(sname, &designated);
}

/* As RFC 6303 3 has it, so that nobody finds a primary server to update. */
static void
write_local_soa(struct writer *w, const struct name *apex)
{
	static const struct name nobody = {16, "\6nobody\7invalid"};

	write_name(w, apex);
	write_name(w, &nobody);
	write_u32(w, 1);
	write_u32(w, 3600);
	write_u32(w, 1200);
	write_u32(w, 604800);
	write_u32(w, TTL_LOCAL_S);
}

/* The rdata with its length in front, as in the body of a draft. */
static void
write_local_rdata(struct writer *w, uint16_t type, const struct name *apex)
{
	static const struct name localhost = {11, "\11localhost"};
	size_t mark = w->len;

	write_u16(w, 0);
	switch (type) {
	case TYPE_A:
		write_bytes(w, spelling4.loopback.ip, 4);
		break;
	case TYPE_AAAA:
		write_bytes(w, spelling6.loopback.ip, 16);
		break;
	case TYPE_PTR:
		write_name(w, &localhost);
		break;
	case TYPE_NS:
		write_name(w, apex);
		break;
	default:
		write_local_soa(w, apex);
	}
	write_u16_at(w, mark, (uint16_t)(w->len - mark - 2));
}

/*
 * What a local name has.  The DS of a zone that hangs below arpa is the
 * parent's, which denies it with a proof (RFC 4035 3.1.4.1, RFC 8375 4).
 */
static enum found
local_find(
    const struct trail *t, unsigned level, uint16_t stype, struct view *view)
{
	struct writer w;
	struct place p;
	struct name sname, apex;
	uint16_t type;

	if (!local_place(t, level, &p))
		return FOUND_NOTHING;
	trail_name(t, level, &sname);
	if (is_looked_up(&sname) ||
	    (stype == TYPE_DS && p.below == 0 && p.apex_labels > 1))
		return FOUND_NOTHING;
	name_parent(&sname, p.below, &apex);
	name_fold(&apex, &apex);
	type = local_type(&p, stype);
	writer_init(&w, cache.local, sizeof(cache.local));
	if (type == 0) {
		write_name(&w, &apex);
		write_u16(&w, TYPE_SOA);
	}
	write_local_rdata(&w, type, &apex);
	assert(!w.failed);
	*view = (struct view){
	    .type = type != 0 ? type : stype,
	    .owner_len = sname.len,
	    .records = type != 0,
	    .proofs = type == 0,
	    .ttl_s = TTL_LOCAL_S,
	    .ttl_first_s = TTL_LOCAL_S,
	    .trust = TRUST_ANSWER,
	};
	reader_init(&view->body, w.base, w.len);
	if (type != 0)
		return FOUND_ANSWER;
	return local_exists(&p, &sname) ? FOUND_NO_DATA : FOUND_NAME_ERROR;
}

/*
 * Storing.
 */

/* Views lie in the arena, and what lies there moves while room is made. */
static bool
arena_holds(const uint8_t *octet)
{
	uintptr_t at = (uintptr_t)octet, base = (uintptr_t)cache.units;

	return at >= base && at - base < cache.size * sizeof(*cache.units);
}

static uint32_t
draft_hash(const struct draft *d, uint32_t hash)
{
	return d->kind == KIND_DELEGATION ? hash ^ DELEGATION_HASH : hash;
}

bool
cache_store(const struct draft *d, uint64_t now_ms)
{
	struct trail own, *t = d->trail;
	uint32_t hash, units;
	unsigned level;

	assert(d->owner->len > 0);
	assert(d->kind != KIND_DEAD);
	assert(d->kind != KIND_NAME_ERROR || d->type == 0);
	assert(d->kind != KIND_DELEGATION || d->type == TYPE_NS);
	assert(!d->nothing_below || d->kind == KIND_NAME_ERROR);
	assert(d->ttl_s <= TTL_SANE_S);
	assert(!arena_holds(d->body));
	if (d->body_len > ENTRY_MAX)
		return false;
	units = units_for(d->owner->len, d->body_len);
	if (units > ENTRY_MAX / UNIT)
		return false;
	if (t == NULL)
		trail_begin(t = &own, d->owner);
	level = trail_level(t, d->owner->len);
	hash = draft_hash(d, hash_at(t, level));
	if (!chain_admits(d, hash, now_ms))
		return false;
	failure_forget(d->owner, d->type, hash);
	chain_clear(d, hash);
	existence_note(d, t, level);
	room_make(units, now_ms);
	entry_write(d, hash, now_ms);
	cache_check();
	return true;
}

/* RFC 4035 2.5, and a DS is the parent's: these may stand beside a CNAME. */
static bool
type_beside_cname(uint16_t type)
{
	return type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_DS;
}

/* Whether an entry and a draft cannot both be true (RFC 2181 5.4, 10.1). */
static bool
entry_clashes(const struct entry *e, const struct draft *d, uint32_t hash)
{
	if (e->hash != hash ||
	    !entry_owner_is(e, d->owner->wire, d->owner->len))
		return false;
	if (e->kind == KIND_NAME_ERROR || d->kind == KIND_NAME_ERROR)
		return true;
	if (e->type == d->type)
		return true;
	if (entry_is_alias(e))
		return !type_beside_cname(d->type);
	if (d->kind == KIND_RRSET && d->type == TYPE_CNAME)
		return !type_beside_cname(e->type);
	return false;
}

/* RFC 2181 5.4.1: nothing live gives way to what is trusted less. */
static bool
chain_admits(const struct draft *d, uint32_t hash, uint64_t now_ms)
{
	uint32_t at;

	at = *chain_settle(hash);
	while (at != 0) {
		const struct entry *e = entry_at(at);

		if (now_ms < e->expires_ms && e->trust > d->trust &&
		    entry_clashes(e, d, hash))
			return false;
		at = e->older;
	}
	return true;
}

/* Take what the draft displaces off its chain, and leave it a place there. */
static void
chain_clear(const struct draft *d, uint32_t hash)
{
	uint32_t *link = chain_head(hash);
	unsigned kept = 0;

	while (*link != 0) {
		struct entry *e = entry_at(*link);

		if (kept < CHAIN_MAX - 1 && !entry_clashes(e, d, hash)) {
			link = &e->older;
			kept++;
			continue;
		}
		*link = e->older;
		e->kind = KIND_DEAD;
		cache.counts.entries--;
	}
}

/*
 * What exists has existing names above it: whatever denied that is right about
 * its own name at most.
 */
static void
existence_note(const struct draft *d, struct trail *t, unsigned level)
{
	if (d->kind == KIND_NAME_ERROR || d->trust == TRUST_LAST_RESORT)
		return;
	while (++level <= t->labels) {
		uint32_t hash = hash_at(t, level), at = *chain_head(hash);

		for (; at != 0; at = entry_at(at)->older)
			if (entry_at(at)->hash == hash &&
			    entry_owner_is(entry_at(at), trail_wire(t, level),
				trail_len(t, level)))
				entry_at(at)->nothing_below = false;
	}
}

/* Is anything live there that the draft would take the place of? */
static bool
chain_clashes(const struct draft *d, uint32_t hash, uint64_t now_ms)
{
	uint32_t at = *chain_head(hash);

	while (at != 0) {
		const struct entry *e = entry_at(at);

		if (now_ms < e->expires_ms && entry_clashes(e, d, hash))
			return true;
		at = e->older;
	}
	return false;
}

bool
cache_restore(const struct draft *d, uint64_t now_ms)
{
	uint32_t hash = draft_hash(d, hash_of(d->owner));

	if (d->body_len > ENTRY_MAX || cache.wrapped ||
	    units_for(d->owner->len, d->body_len) > room_at_newest() ||
	    chain_clashes(d, hash, now_ms))
		return false;
	return cache_store(d, now_ms);
}

/* Split the next chain in two; each keeps its order. */
static void
chain_split(void)
{
	uint32_t *low = &cache.heads[cache.split], at = *low;
	uint32_t *high = low + cache.round, bit = cache.round;

	while (at != 0) {
		struct entry *e = entry_at(at);
		uint32_t **end = (e->hash & bit) == 0 ? &low : &high;

		**end = at;
		*end = &e->older;
		at = e->older;
	}
	*low = *high = 0;
	if (++cache.split == cache.round) {
		cache.round *= 2;
		cache.split = 0;
	}
}

/* Append the entry that stands at newest, written, to arena and chain. */
static void
newest_append(struct entry *e, uint32_t units)
{
	uint32_t *head = chain_head(e->hash);

	e->used = false;
	e->older = *head;
	*head = cache.newest;
	cache.newest += units;
	cache.counts.entries++;
	while (heads_used() < cache.heads_max &&
	    heads_used() < cache.counts.entries * HEADS_PER_ENTRY)
		chain_split();
}

static void
entry_write(const struct draft *d, uint32_t hash, uint64_t now_ms)
{
	struct entry *e = entry_at(cache.newest);
	uint64_t expires_ms = now_ms + d->ttl_s * (uint64_t)1000;

	e->expires_ms = FIT(expires_ms, EXPIRES_BITS);
	e->ttl_s = FIT(d->ttl_s, TTL_BITS);
	e->failing = false;
	e->nothing_below = d->nothing_below;
	e->refreshing = false;
	e->hash = FIT(hash, HASH_BITS);
	e->stored = ++cache.stores;
	e->type = d->type;
	e->body_len = (uint16_t)d->body_len;
	e->kind = FIT(d->kind, 3);
	e->trust = FIT(d->trust, 2);
	e->records = FIT(d->records, 7);
	e->signatures = FIT(d->signatures, 4);
	e->proofs = d->proofs;
	e->owner_len = d->owner->len;
	memcpy(e->octets, d->owner->wire, d->owner->len);
	if (d->body_len > 0)
		memcpy(e->octets + e->owner_len, d->body, d->body_len);
	newest_append(e, units_for(e->owner_len, e->body_len));
	cache.counts.stored++;
}

/* The oldest entry of the arena is the last of its chain: cut it there. */
static void
oldest_unlink(const struct entry *e)
{
	uint32_t *link = chain_head(e->hash);
	unsigned passed = 0;

	while (*link != cache.oldest) {
		link = &entry_at(*link)->older;
		passed++;
		assert(passed < CHAIN_MAX);
	}
	assert(e->older == 0);
	*link = 0;
}

/* Take the oldest off; true if it got its second chance and is the newest. */
static bool
oldest_take(uint64_t now_ms, bool may_rescue)
{
	struct entry *e = entry_at(cache.oldest);
	uint32_t units = units_for(e->owner_len, e->body_len);

	assert(cache.wrapped);
	assert(units <= cache.end - cache.oldest);
	if (e->kind != KIND_DEAD) {
		oldest_unlink(e);
		cache.counts.entries--;
	}
	cache.oldest += units;
	if (e->kind == KIND_DEAD || now_ms >= e->expires_ms)
		return false;
	if (!e->used || !may_rescue) {
		cache.counts.evicted++;
		return false;
	}
	/* It fits where it goes, because it has just left so much. */
	assert(units <= cache.oldest - cache.newest);
	memmove(&cache.units[cache.newest], e, units * sizeof(*cache.units));
	newest_append(entry_at(cache.newest), units);
	cache.counts.rescued++;
	return true;
}

static uint32_t
room_at_newest(void)
{
	return (cache.wrapped ? cache.oldest : cache.end) - cache.newest;
}

/*
 * Make room for so many units at newest.  This ends because each turn moves
 * oldest on, and a ring all taken off has room for anything it may hold.
 */
static void
room_make(uint32_t units, uint64_t now_ms)
{
	unsigned rescues = 0;

	assert(units <= cache.size / ARENA_SHARE);
	while (units > room_at_newest()) {
		if (!cache.wrapped) {
			cache.end = cache.newest;
			cache.newest = 1;
			cache.wrapped = true;
		} else if (cache.oldest == cache.end) {
			cache.end = cache.size;
			cache.oldest = 1;
			cache.wrapped = false;
		} else if (oldest_take(now_ms, rescues < RESCUES_MAX)) {
			rescues++;
		}
	}
}

/*
 * Failures.
 */

static struct failure *
failure_set(uint16_t type, uint32_t hash)
{
	return &cache.failures[(hash + type) % FAILURE_SETS * FAILURE_WAYS];
}

static struct failure *
failure_at(const uint8_t *wire, size_t len, uint16_t type, uint32_t hash)
{
	struct failure *set = failure_set(type, hash);
	const uint32_t *hashes = &cache.failure_hashes[set - cache.failures];
	unsigned i, alike = 0;

	for (i = 0; i < FAILURE_WAYS; i++)
		alike += hashes[i] == hash;
	for (i = 0; alike > 0; i++) {
		if (hashes[i] != hash)
			continue;
		if (set[i].type == type &&
		    octets_name(set[i].name.wire, set[i].name.len, wire, len))
			return &set[i];
		alike--;
	}
	return NULL;
}

static const struct failure *
failure_find(const struct wanted *w)
{
	const struct failure *f = failure_at(trail_wire(w->trail, w->level),
	    trail_len(w->trail, w->level), w->type, w->hash);

	if (f == NULL || !is_live(f->until_ms, f->hold_s, f->stored, w))
		return NULL;
	return f;
}

/* What is stored ends a run of failures: the next one starts over. */
static void
failure_forget(const struct name *name, uint16_t type, uint32_t hash)
{
	struct failure *f = failure_at(name->wire, name->len, type, hash);

	if (f == NULL)
		return;
	f->name.len = 0;
	f->until_ms = 0;
}

/* The one of the set that ends first; a free one has ended long ago. */
static struct failure *
failure_displace(uint16_t type, uint32_t hash)
{
	struct failure *set = failure_set(type, hash), *first = set;

	for (struct failure *f = set; f < set + FAILURE_WAYS; f++)
		if (f->until_ms < first->until_ms)
			first = f;
	return first;
}

/* RFC 9520 3.2: how long to hold it now that it has failed once more. */
static uint16_t
failure_hold_s(const struct failure *f, uint64_t now_ms)
{
	if (now_ms < f->until_ms)
		return f->hold_s; /* still the same failure */
	if (now_ms - f->until_ms >= FAILURE_MAX_S * 1000)
		return FAILURE_MIN_S;
	if (f->hold_s > FAILURE_MAX_S / 2)
		return FAILURE_MAX_S;
	return (uint16_t)(f->hold_s * 2);
}

/* The alias at this name led nowhere. */
static void
mark_failing(const struct name *name, uint32_t hash)
{
	uint32_t at;

	for (at = *chain_head(hash); at != 0; at = entry_at(at)->older) {
		struct entry *e = entry_at(at);

		if (e->hash == hash && entry_is_alias(e) &&
		    entry_owner_is(e, name->wire, name->len))
			e->failing = true;
	}
}

/* When it ends: with its cause, but not before the least hold is over. */
static uint64_t
failure_end_ms(const struct failure *f, uint64_t cause_ms, uint64_t now_ms)
{
	uint64_t first_ms = now_ms + FAILURE_MIN_S * 1000;
	uint64_t last_ms = now_ms + f->hold_s * (uint64_t)1000;

	if (cause_ms > last_ms)
		return last_ms;
	return cause_ms > first_ms ? cause_ms : first_ms;
}

void
cache_store_failure(const struct name *sname, uint16_t stype,
    const struct reason *reason, uint64_t cause_ms, uint64_t now_ms)
{
	uint32_t hash = hash_of(sname);
	struct failure *f = failure_at(sname->wire, sname->len, stype, hash);

	assert(sname->len > 0);
	if (f != NULL) {
		f->hold_s = failure_hold_s(f, now_ms);
	} else {
		f = failure_displace(stype, hash);
		cache.failure_hashes[f - cache.failures] = hash;
		f->type = stype;
		f->name = *sname;
		f->hold_s = FAILURE_MIN_S;
	}
	assert(f->hold_s >= FAILURE_MIN_S);
	assert(f->hold_s <= FAILURE_MAX_S);
	f->until_ms = failure_end_ms(f, cause_ms, now_ms);
	if (stype == TYPE_ZONE && f->until_ms > cache.zones_fail_until_ms)
		cache.zones_fail_until_ms = f->until_ms;
	f->stored = ++cache.stores;
	f->reason = *reason;
	mark_failing(sname, hash);
	cache.counts.failures++;
}

/*
 * What the operator sees and forgets.
 *
 * Who goes through the cache goes by hashes, their bits turned round, and where
 * these are alike by the numbers of the stores.  Entries keep both, wherever in
 * the arena they are moved; and so turned, what a chain is split into lies
 * where the chain lay, between its neighbours.
 */

/* The bits of a number from the last to the first. */
static uint32_t
bits_turned(uint32_t n)
{
	static const uint32_t low[] = {
	    0x55555555, 0x33333333, 0x0f0f0f0f, 0x00ff00ff, 0x0000ffff};
	unsigned i;

	for (i = 0; i < sizeof(low) / sizeof(*low); i++)
		n = (n >> (1u << i) & low[i]) | (n & low[i]) << (1u << i);
	return n;
}

void
cache_cursor_init(struct cache_cursor *c)
{
	*c = (struct cache_cursor){.begun = cache.stores};
}

/* Go on to a place; after the last one comes 0 again. */
static void
cursor_move(struct cache_cursor *c, uint64_t place)
{
	c->place = place;
	c->over = place == 0;
}

static uint64_t
cursor_place(const struct cache_cursor *c, const struct entry *e)
{
	return (uint64_t)bits_turned(e->hash) << 32 |
	    (uint32_t)(c->begun - e->stored);
}

/* The next entry in the chain where the cursor stands; it moves behind it. */
static const struct entry *
cursor_entry(struct cache_cursor *c)
{
	uint32_t at = *chain_head(bits_turned((uint32_t)(c->place >> 32)));
	const struct entry *next = NULL;
	uint64_t nearest = UINT64_MAX;

	for (; at != 0; at = entry_at(at)->older) {
		uint64_t place = cursor_place(c, entry_at(at));

		if (place < c->place || place >= nearest)
			continue;
		next = entry_at(at);
		nearest = place;
	}
	if (next != NULL)
		cursor_move(c, nearest + 1);
	return next;
}

/* To where the next chain begins. */
static void
cursor_leave_chain(struct cache_cursor *c)
{
	uint32_t hash = (uint32_t)(c->place >> 32);
	uint32_t rest = bits_turned(~chain_mask(bits_turned(hash)));

	cursor_move(c, (uint64_t)((hash | rest) + 1) << 32);
}

static bool
cursor_next_entry(struct cache_cursor *c, unsigned *looks, uint64_t now_ms,
    struct cached *found)
{
	const struct wanted w = {.mark = cache.stores, .now_ms = now_ms};
	const struct entry *e;

	for (; !c->over; cursor_leave_chain(c), --*looks) {
		if (*looks == 0)
			return false;
		(void)chain_settle(bits_turned((uint32_t)(c->place >> 32)));
		while ((e = cursor_entry(c)) != NULL) {
			if (now_ms >= e->expires_ms)
				continue;
			found->kind = (enum kind)e->kind;
			found->owner.len = e->owner_len;
			memcpy(found->owner.wire, e->octets, e->owner_len);
			view_entry(&found->view, e, &w);
			return true;
		}
	}
	return false;
}

bool
cache_next(struct cache_cursor *c, unsigned *looks, uint64_t now_ms,
    struct cached *found)
{
	if (cursor_next_entry(c, looks, now_ms, found))
		return true;
	for (; *looks > 0 && c->failure < FAILURES_MAX; --*looks) {
		const struct failure *f = &cache.failures[c->failure++];

		if (now_ms >= f->until_ms)
			continue;
		found->kind = KIND_DEAD;
		found->owner = f->name;
		view_failure(&found->view, f, now_ms);
		return true;
	}
	return false;
}

static bool
is_flushed(const struct name *name, const struct flush *f)
{
	return f->below ? name_within(name, &f->name)
			: name_equal(name, &f->name);
}

/* What was stored since stays; store numbers wrap. */
static bool
entry_is_flushed(const struct entry *e, const struct flush *f)
{
	struct name owner;

	if (e->owner_len < f->name.len ||
	    e->stored - f->stores - 1 < cache.stores - f->stores)
		return false;
	owner.len = e->owner_len;
	memcpy(owner.wire, e->octets, e->owner_len);
	return is_flushed(&owner, f);
}

static void
chain_flush(uint32_t *link, struct flush *f)
{
	while (*link != 0) {
		struct entry *e = entry_at(*link);

		if (!entry_is_flushed(e, f)) {
			link = &e->older;
			continue;
		}
		*link = e->older;
		e->kind = KIND_DEAD;
		cache.counts.entries--;
		f->count++;
	}
}

static void
failures_flush(struct flush *flush)
{
	for (size_t i = 0; i < FAILURES_MAX; i++) {
		struct failure *f = &cache.failures[i];

		if (f->until_ms == 0 || !is_flushed(&f->name, flush))
			continue;
		f->name.len = 0;
		f->until_ms = 0;
		flush->count++;
	}
}

unsigned
cache_flush_name(const struct name *name)
{
	uint32_t hash = hash_of(name);
	struct flush f = {.name = *name, .stores = cache.stores};

	chain_flush(chain_head(hash), &f);
	failures_flush(&f);
	cache_check();
	return f.count;
}

void
cache_flush_tree(const struct name *name)
{
	assert(!cache_is_flushing());
	cache.flush = (struct flush){
	    .name = *name, .below = true, .stores = cache.stores};
	cache.flush_next = 0;
	failures_flush(&cache.flush);
}

bool
cache_is_flushing(void)
{
	return cache.flush_next != FLUSH_OVER;
}

bool
cache_flush_next(unsigned looks, unsigned *count)
{
	for (; looks > 0 && cache_is_flushing(); looks--) {
		chain_flush(&cache.heads[cache.flush_next++], &cache.flush);
		if (cache.flush_next == heads_used())
			cache.flush_next = FLUSH_OVER;
	}
	cache_check();
	*count = cache.flush.count;
	return !cache_is_flushing();
}
