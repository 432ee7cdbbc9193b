/*
 * from_text.h -- names and addresses for Check programs: a text that is none
 * fails the test.
 */
#ifndef FROM_TEXT_H
#define FROM_TEXT_H

#include "dns.h"

#include <check.h>
#include <string.h>

static inline struct name
name_of(const char *text)
{
	static const struct name root = {.len = 1};
	struct name n;

	ck_assert_msg(
	    name_from_text(text, strlen(text), &root, &n), "name %s", text);
	return n;
}

/* A server's: at the port of all. */
static inline struct address
address_of(const char *text)
{
	struct address a;

	ck_assert_msg(address_from_text(text, &a), "address %s", text);
	a.port = DNS_PORT;
	return a;
}

#endif
