/*
 * fuzz.h -- what the fuzz targets have in common.
 *
 * A target is one file here, z*.c, with one function that takes octets and
 * asserts what must be so whatever they are (attacks.md 8.2).  libFuzzer makes
 * up the octets (make fuzz); replay.c reads those that were worth keeping from
 * the target's file in corpus (make test).  A target that needs to see the
 * inside of a source file includes it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv); /* if a target has it */

/* An input in pieces; when it is used up, zeros come. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t
input_u8(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t
input_u16(struct input *in)
{
	uint8_t high = input_u8(in);

	return (uint16_t)(high << 8 | input_u8(in));
}

static inline uint32_t
input_u32(struct input *in)
{
	uint32_t high = input_u16(in);

	return high << 16 | input_u16(in);
}

/* Up to max octets of the input, as many as its next octet says. */
static inline size_t
input_octets(struct input *in, uint8_t *octets, size_t max)
{
	size_t n = input_u8(in), i;

	if (n > max)
		n = max;
	if (n > in->left)
		n = in->left;
	for (i = 0; i < n; i++)
		octets[i] = input_u8(in);
	return n;
}

/*
 * A name of few labels out of few: names that are near each other are where
 * mistakes are.  The bits of the octets choose; 0 ends it.
 */
static inline void
input_name(struct input *in, struct name *name)
{
	static const char *const labels[] = {
	    "\1a", "\1A", "\1b", "\3www", "\3net", "\4test", "\0020\n", "\1*"};
	unsigned n, octet = input_u8(in);

	name->len = 0;
	for (n = octet % 6; n > 0; n--) {
		const char *label = labels[input_u8(in) % 8];

		memcpy(name->wire + name->len, label, strlen(label));
		name->len = (uint8_t)(name->len + strlen(label));
	}
	while ((octet & 0x80) != 0 && name->len + 65 < NAME_LEN_MAX) {
		name->wire[name->len] = LABEL_LEN_MAX;
		memset(name->wire + name->len + 1, 'x', LABEL_LEN_MAX);
		name->len = (uint8_t)(name->len + 1 + LABEL_LEN_MAX);
	}
	name->wire[name->len++] = 0;
}

#endif
