/*
 * room.c -- how much room a cached address takes, how far it is to it, and
 * how many of the names that are asked for the cache has.  Nothing here depends
 * on time or chance.
 *
 *	room filled|zipf NAMES
 *
 * filled: the cache has so many names; prints octets= for each of them,
 * load= entries to a chain, looked_at= entries until one is found, most= for
 * the one that is furthest.
 *
 * zipf: the nth of so many names is asked for with weight 1/n, and the cache
 * has room for a tenth of them; prints hits_pct= of what it finds, and lru_pct=
 * of what would be found if it forgot whom nobody has asked for longest.
 */
#include "cache.c"
#include "names.h"

#include <stdio.h>

enum {
	OCTETS_EACH = 64, /* of the cache, for a name */
	ROUNDS = 3,       /* of as many questions; the first warms up */
	TENTH = 10
};

static const uint32_t NOBODY = UINT32_MAX;

static void
fail(const char *why)
{
	fprintf(stderr, "room: %s\n", why);
	exit(1);
}

static bool
is_known(unsigned n)
{
	struct name name;
	struct view view;

	name_sought(ZONE_FULL, n, &name);
	return cache_find(&name, TYPE_A, cache_mark(), 0, &view) ==
	    FOUND_ANSWER;
}

static void
learn(unsigned n)
{
	static const uint8_t body[] = {0, 4, 192, 0, 2, 1};
	struct name owner;
	struct draft d = {
	    .owner = &owner,
	    .type = TYPE_A,
	    .kind = KIND_RRSET,
	    .trust = TRUST_ANSWER,
	    .ttl_s = TTL_MAX_S,
	    .records = 1,
	    .body = body,
	    .body_len = sizeof(body),
	};

	name_sought(ZONE_FULL, n, &owner);
	if (!cache_store(&d, 0))
		fail("it does not store");
}

static void
filled(unsigned names)
{
	struct cache_counts empty, full;
	uint64_t looked_at = 0;
	unsigned most = 0;

	cache_count(&empty);
	for (unsigned n = 0; n < names; n++)
		learn(n);
	cache_count(&full);
	if (full.entries != names)
		fail("it has not all of them");
	for (uint32_t i = 0; i < heads_used(); i++) {
		unsigned before = 0;

		for (uint32_t at = cache.heads[i]; at != 0;
		     at = entry_at(at)->older)
			looked_at += ++before;
		most = before > most ? before : most;
	}
	printf("octets=%.2f load=%.2f looked_at=%.2f most=%u\n",
	    (double)(full.octets - empty.octets) / names,
	    names / (double)heads_used(), (double)looked_at / names, most);
}

/*
 * An exact LRU: all names it has, in the order in which they were last asked
 * for, after a place that stands for none.
 */
struct asked {
	uint32_t before, after; /* NOBODY: it is not there */
};

static bool
lru_ask(
    struct asked *a, uint32_t none, uint32_t n, uint64_t room, uint64_t *has)
{
	bool known = a[n].before != NOBODY;

	if (!known)
		++*has;
	if (*has > room) {
		uint32_t last = a[none].before;

		a[none].before = a[last].before;
		a[a[last].before].after = none;
		a[last].before = NOBODY;
		--*has;
	}
	if (known) {
		a[a[n].before].after = a[n].after;
		a[a[n].after].before = a[n].before;
	}
	a[n] = (struct asked){none, a[none].after};
	a[a[n].after].before = n;
	a[none].after = n;
	return known;
}

/* Knuth's MMIX generator; its upper bits are the good ones. */
static double
roll(void)
{
	static uint64_t dice = 1;

	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (double)(dice >> 11) / (double)(UINT64_C(1) << 53);
}

/* The name up to which the sum of the weights is the first above a point. */
static unsigned
zipf_roll(const double *sums, unsigned names)
{
	double point = roll() * sums[names - 1];
	unsigned low = 0, high = names - 1;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (sums[middle] <= point)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The LRU gets room for as many as the cache has in the same octets, though it
 * would need some for its order.
 */
static void
zipf(unsigned names)
{
	double *sums = calloc(names, sizeof(*sums)), sum = 0;
	struct asked *lru = calloc(names + 1, sizeof(*lru));
	uint64_t has = 0, hits = 0, lru_hits = 0;

	if (sums == NULL || lru == NULL)
		fail("no memory");
	for (unsigned n = 0; n < names; n++) {
		sums[n] = sum += 1.0 / (n + 1);
		lru[n].before = NOBODY;
	}
	lru[names] = (struct asked){names, names};
	for (uint64_t i = 0; i < (uint64_t)names * ROUNDS; i++) {
		unsigned n = zipf_roll(sums, names);
		bool known = is_known(n), lru_knows;

		if (!known)
			learn(n);
		lru_knows = lru_ask(lru, names, n, cache.counts.entries, &has);
		hits += known && i >= names;
		lru_hits += lru_knows && i >= names;
	}
	printf("hits_pct=%.2f lru_pct=%.2f\n",
	    100.0 * (double)hits / names / (ROUNDS - 1),
	    100.0 * (double)lru_hits / names / (ROUNDS - 1));
	free(sums);
	free(lru);
}

int
main(int argc, char **argv)
{
	static const uint8_t key[16] = "it is no secret";
	unsigned names = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	bool all = argc == 3 && strcmp(argv[1], "filled") == 0;
	size_t octets = (size_t)names * OCTETS_EACH;

	if (names == 0)
		fail("usage: room filled|zipf NAMES");
	octets = all ? octets * 2 : octets / TENTH;
	if (octets < CACHE_OCTETS_MIN)
		octets = CACHE_OCTETS_MIN;
	if (!cache_init(octets, key))
		fail("no memory");
	if (all)
		filled(names);
	else
		zipf(names);
	return 0;
}
