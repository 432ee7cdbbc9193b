/*
 * names.h -- the Internet of the benchmark, in which all follows from numbers.
 *
 *	www.d000017.tq	one of any number of zones; odd ones have the name
 *			servers of one of 256 hosters, in another TLD, and each
 *			fifth www is an alias into another zone
 *	n0000017.f000000.ta	any name in one zone has an address
 *	w0000017.l000003.ts	both servers of the zone refuse to answer
 *	w0000017.x000003.ts	both are silent
 *
 * The 20 TLDs are ta to tt.  A server's address says what it serves.
 */
#ifndef NAMES_H
#define NAMES_H

#include "dns.h"

enum {
	TLDS = 20,
	HOSTERS = 256,
	SERVER_GROUPS = 128, /* of two addresses, for all zones */
	ALIAS_BLOCK = 1000,  /* an alias leads to a zone of the same thousand */
	BAD_ZONES = 1000,    /* lame and dead ones, before they come again */

	/* Where servers are: see server_address; others are roots. */
	NET = 44,
	LEVEL_TLD = 53,
	LEVEL_ZONE = 60,
	LEVEL_SILENT = 66,
	LEVEL_HOST = 80, /* what the names that are sought have */
	PAIRS = 128      /* in the last octet of an address */
};

/* A kind of zone is the letter that its name begins with. */
enum zone_kind {
	ZONE_PLAIN = 'd',
	ZONE_HOSTER = 'h',
	ZONE_FULL = 'f',
	ZONE_LAME = 'l',
	ZONE_SILENT = 'x'
};

/* A zone: its name without what is below it, and in which TLD it is. */
struct zone {
	enum zone_kind kind;
	unsigned number;
};

unsigned zone_tld(const struct zone *);
void tld_name(unsigned tld, struct name *);
void zone_name(const struct zone *, struct name *);

/* The name with a label before it. */
void name_below(const char *label, const struct name *, struct name *);

/* Whose name servers a zone has: its own or a hoster's. */
struct zone zone_host(const struct zone *);

/* Where the alias leads that www is in this zone; false: it is none. */
bool zone_alias(const struct zone *, struct zone *to);

/* The address of the first or second server of a group, one of 32,768. */
void server_address(
    unsigned level, unsigned group, unsigned which, uint8_t address[4]);

/* The nth name that is asked for in zones of this kind. */
void name_sought(enum zone_kind, unsigned n, struct name *);

#endif
