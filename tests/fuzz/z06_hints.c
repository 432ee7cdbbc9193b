/*
 * Z06: the hints file.  Whatever its text is, the set is either refused or
 * sound: every address belongs to a name, is one that can be asked, and is
 * there once; and the faults that are told stand where the text has them.
 */
#include "fuzz.h"

static void
check_fault(const struct hint_fault *f, const char *text, size_t len)
{
	assert(f->error <= HINT_NO_IPV6);
	if (f->token == NULL || f->token_len == 0)
		return;
	assert(f->token >= text && f->token + f->token_len <= text + len);
}

static void
check_roots(const struct root_servers *roots)
{
	unsigned i, j;

	assert(roots->name_count <= ROOTS_MAX);
	assert(roots->address_count <= ROOT_ADDRESSES_MAX);
	for (i = 0; i < roots->address_count; i++) {
		const struct address *at = &roots->addresses[i].at;

		assert(roots->addresses[i].ns < roots->name_count);
		assert(at->family == 4 || at->family == 6);
		assert(at->port == DNS_PORT);
		assert(address_fault(at, true) == NULL);
		for (j = 0; j < i; j++)
			assert(!address_equal(at, &roots->addresses[j].at) ||
			    roots->addresses[i].ns != roots->addresses[j].ns);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct root_servers roots;
	const char *text = (const char *)octets;
	struct hint_fault fault;
	struct hints h;
	unsigned faults = 0;

	memset(&roots, 0, sizeof(roots));
	hints_begin(&h, "cache.dns", text, len, &roots);
	while (hints_next(&h, &fault)) {
		check_fault(&fault, text, len);
		assert(++faults < 100000);
	}
	check_roots(&roots);
	assert(!hints_usable(&h) ||
	    (roots.name_count > 0 && roots.address_count > 0));
	return 0;
}
