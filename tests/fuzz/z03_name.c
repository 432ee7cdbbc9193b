/*
 * Z03: names.  What is read is at most 255 octets long and reads as it was
 * written, compressed or as text; equal names have equal hashes.
 */
#include "fuzz.h"

static const uint8_t key[16] = {1, 2, 3};
static const struct name root = {.len = 1};

static void
check_shape(const struct name *name)
{
	size_t labels = 0, at;

	assert(name->len > 0);
	for (at = 0; name->wire[at] != 0; at += 1u + name->wire[at]) {
		assert(name->wire[at] <= LABEL_LEN_MAX);
		labels++;
	}
	assert(at + 1 == name->len);
	assert(labels == name_labels(name) && labels < LABELS_MAX);
}

/* Written as text and read again; and where no room is, it is not written. */
static void
check_text(const struct name *name)
{
	char text[NAME_TEXT_MAX];
	struct name again;
	size_t i;

	name_text(name, text);
	for (i = 0; text[i] != '\0'; i++)
		assert(text[i] > ' ' && text[i] <= '~');
	assert(name_from_text(text, i, &root, &again));
	assert(again.len == name->len);
	assert(memcmp(again.wire, name->wire, name->len) == 0);
}

/* Each name after each, compressed, and all of them read again. */
static void
check_written(const struct name *names, unsigned count, size_t max)
{
	uint8_t octets[4096] = {0};
	struct compressor known;
	struct reader r;
	struct writer w;
	struct name again;
	unsigned i, written;

	assert(max <= sizeof(octets));
	writer_init(&w, octets, max);
	writer_compress(&w, &known);
	write_bytes(&w, octets, HEADER_LEN);
	for (written = 0; written < count && !w.failed; written++)
		write_name(&w, &names[written]);
	assert(w.len <= max);
	reader_init(&r, octets, w.len);
	(void)read_bytes(&r, HEADER_LEN);
	for (i = 0; i + (w.failed ? 1 : 0) < written; i++) {
		assert(read_name(&r, &again) && again.len == names[i].len);
		assert(memcmp(again.wire, names[i].wire, again.len) == 0);
	}
	assert(r.at == r.len);
}

static void
check_pair(const struct name *a, const struct name *b)
{
	struct name fold_a, fold_b, parent, joined;
	bool same;

	name_fold(a, &fold_a);
	name_fold(b, &fold_b);
	same = fold_a.len == fold_b.len &&
	    memcmp(fold_a.wire, fold_b.wire, fold_a.len) == 0;
	assert(name_equal(a, b) == same && name_equal(b, a) == same);
	assert(!same || name_hash(a, key) == name_hash(b, key));
	if (name_within(a, b)) {
		name_parent(a, name_labels(a) - name_labels(b), &parent);
		assert(name_equal(&parent, b));
		assert(same || !name_within(b, a));
		if (!same && name_substitute(a, b, &root, &joined))
			check_shape(&joined);
	} else {
		assert(!same);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	struct name names[64], near;
	unsigned count = 0, i;
	struct input in = {octets, len};
	struct reader r;

	if (len > MESSAGE_MAX)
		return 0;
	reader_init(&r, octets, len);
	while (count < 64 && read_name(&r, &names[count]))
		check_shape(&names[count++]);
	assert(r.work <= WORK_PER_OCTET * len + NAME_LEN_MAX);
	input_name(&in, &near);
	for (i = 0; i < count; i++) {
		check_text(&names[i]);
		check_pair(&names[i], &names[count - 1 - i]);
		check_pair(&names[i], &near);
	}
	if (count > 0)
		check_written(names, count, HEADER_LEN + octets[0] * 8u);
	(void)name_from_text((const char *)octets, len, &root, &near);
	return 0;
}
