/*
 * names.c -- see names.h.
 */
#include "names.h"

#include <stdio.h>

unsigned
zone_tld(const struct zone *z)
{
	return z->kind == ZONE_FULL ? 0
				    : (z->number * 7 + z->number / 20) % TLDS;
}

static void
label_put(struct name *name, const char *label, size_t len)
{
	assert(name->len + len + 1 < NAME_LEN_MAX);
	name->wire[name->len] = (uint8_t)len;
	memcpy(name->wire + name->len + 1, label, len);
	name->len = (uint8_t)(name->len + len + 1);
}

/* A letter, and the number with so many digits. */
static void
number_put(struct name *name, char letter, unsigned number, unsigned digits)
{
	char label[16];
	unsigned i;

	label[0] = letter;
	for (i = digits; i > 0; i--, number /= 10)
		label[i] = (char)('0' + number % 10);
	label_put(name, label, digits + 1);
}

static void
tld_put(struct name *name, unsigned tld)
{
	char label[2] = {'t', (char)('a' + tld)};

	label_put(name, label, 2);
	name->wire[name->len++] = 0;
}

void
tld_name(unsigned tld, struct name *name)
{
	name->len = 0;
	tld_put(name, tld);
}

static void
zone_put(struct name *name, const struct zone *z)
{
	number_put(name, (char)z->kind, z->number, 6);
	tld_put(name, zone_tld(z));
}

void
zone_name(const struct zone *z, struct name *name)
{
	name->len = 0;
	zone_put(name, z);
}

void
name_below(const char *label, const struct name *above, struct name *name)
{
	name->len = 0;
	label_put(name, label, strlen(label));
	memcpy(name->wire + name->len, above->wire, above->len);
	name->len = (uint8_t)(name->len + above->len);
}

struct zone
zone_host(const struct zone *z)
{
	if (z->kind == ZONE_PLAIN && z->number % 2 == 1)
		return (struct zone){ZONE_HOSTER, z->number / 2 % HOSTERS};
	return *z;
}

bool
zone_alias(const struct zone *z, struct zone *to)
{
	unsigned in_block = z->number % ALIAS_BLOCK;

	to->kind = ZONE_PLAIN;
	to->number = z->number - in_block + (in_block * 619 + 13) % ALIAS_BLOCK;
	return z->kind == ZONE_PLAIN &&
	    (z->number % 10 == 3 || z->number % 10 == 6);
}

void
server_address(
    unsigned level, unsigned group, unsigned which, uint8_t address[4])
{
	address[0] = NET;
	address[1] = (uint8_t)level;
	address[2] = (uint8_t)(group / PAIRS);
	address[3] = (uint8_t)(group % PAIRS * 2 + which - 1);
}

void
name_sought(enum zone_kind kind, unsigned n, struct name *name)
{
	struct zone z = {kind, n};

	name->len = 0;
	if (kind == ZONE_FULL) {
		z.number = 0;
		number_put(name, 'n', n, 7);
	} else if (kind == ZONE_PLAIN) {
		label_put(name, "www", 3);
	} else {
		z.number = n % BAD_ZONES;
		number_put(name, 'w', n, 7);
	}
	zone_put(name, &z);
}
