/*
 * check_message.c -- octets, names and records, and their limits.
 *
 * Wire data is written as hex digits; blanks between them mean nothing.
 */
#include "from_text.h"

#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BOUND = 70000,          /* more than any message */
	OVERWORK = NAME_LEN_MAX /* the labels that were too much */
};

static const uint8_t key[16] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const struct name root = {.len = 1, .wire = {0}};

/* Octets of their own, so that the sanitizer sees a step beyond them. */
static uint8_t *
octets_copy(const uint8_t *octets, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	ck_assert_ptr_nonnull(copy);
	if (len > 0)
		memcpy(copy, octets, len);
	return copy;
}

static size_t
from_hex(const char *hex, uint8_t *octets)
{
	size_t len = 0;
	unsigned value;

	while (*hex != '\0') {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		ck_assert_int_eq(sscanf(hex, "%2x", &value), 1);
		octets[len++] = (uint8_t)value;
		hex += 2;
	}
	return len;
}

/* The same name, letter by letter. */
static bool
name_same(const struct name *a, const struct name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

/* A name of so many octets, root included. */
static struct name
name_of_len(size_t len)
{
	struct name name = {.len = (uint8_t)len};
	size_t at = 0, label;

	ck_assert(len == 1 || (len >= 3 && len <= NAME_LEN_MAX));
	while (at < len - 1) {
		label = len - 1 - at - 1;
		if (label > LABEL_LEN_MAX)
			label = LABEL_LEN_MAX;
		if (len - 1 - at - 1 == LABEL_LEN_MAX + 1)
			label--; /* leave room for one more label */
		name.wire[at] = (uint8_t)label;
		memset(name.wire + at + 1, 'x', label);
		at += 1 + label;
	}
	name.wire[at] = 0;
	return name;
}

/* Repeatable and good enough to try many shapes. */
static uint32_t
random_up_to(uint32_t *state, uint32_t bound)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*state * bound >> 32);
}

/* ---------------------------------------------------------------------------
 * Reader and writer.
 */

START_TEST(numbers_are_in_network_order)
{
	uint8_t octets[7];
	struct writer w;
	struct reader r;

	writer_init(&w, octets, sizeof(octets));
	write_u8(&w, 1);
	write_u16(&w, 0x0203);
	write_u32(&w, 0x84858687);
	ck_assert(!w.failed);
	ck_assert_mem_eq(octets, "\x01\x02\x03\x84\x85\x86\x87", 7);
	reader_init(&r, octets, sizeof(octets));
	ck_assert_uint_eq(read_u8(&r), 1);
	ck_assert_uint_eq(read_u16(&r), 0x0203);
	ck_assert_uint_eq(read_u32(&r), 0x84858687);
	ck_assert(!r.failed);
	ck_assert_uint_eq(r.at, 7);
}
END_TEST

START_TEST(failed_read_gives_zero_and_takes_nothing)
{
	static const uint8_t octets[3] = {1, 2, 3};
	struct reader r;

	reader_init(&r, octets, sizeof(octets));
	ck_assert_uint_eq(read_u32(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(r.at, 0);
	ck_assert_uint_eq(read_u8(&r), 0);
	ck_assert_uint_eq(read_u16(&r), 0);
	ck_assert_ptr_null(read_bytes(&r, 0));
	ck_assert_uint_eq(r.at, 0);
}
END_TEST

START_TEST(read_of_a_huge_count_fails)
{
	static const uint8_t octets[3] = {1, 2, 3};
	struct reader r;

	reader_init(&r, octets, sizeof(octets));
	read_u8(&r);
	ck_assert_ptr_null(read_bytes(&r, SIZE_MAX));
	ck_assert(r.failed);
}
END_TEST

START_TEST(failed_write_adds_nothing)
{
	uint8_t octets[3] = {9, 9, 9};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_u8(&w, 1);
	write_u32(&w, 0);
	ck_assert(w.failed);
	write_u8(&w, 2);
	ck_assert_uint_eq(w.len, 1);
	ck_assert_mem_eq(octets, "\x01\x09\x09", 3);
}
END_TEST

START_TEST(written_back_writer_is_well_again)
{
	uint8_t octets[4];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_u16(&w, 1);
	write_u32(&w, 0);
	write_back_to(&w, 2);
	ck_assert(!w.failed);
	write_u16(&w, 2);
	ck_assert(!w.failed);
	write_u16_at(&w, 0, 0x0708);
	ck_assert_mem_eq(octets, "\x07\x08\x00\x02", 4);
}
END_TEST

START_TEST(write_back_to_what_was_never_written_aborts)
{
	uint8_t octets[4];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_back_to(&w, 1);
}
END_TEST

START_TEST(number_put_beyond_what_was_written_aborts)
{
	uint8_t octets[4];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_u8(&w, 1);
	write_u16_at(&w, 0, 1);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Names on the wire.
 */

/* M09, M11: what a name may be. */
static const struct {
	const char *hex, *text;
} good_names[] = {
    {"00", "."},
    {"01 61 00", "a."},
    {"03 57 77 57 07 65 78 61 6d 70 6c 65 00", "WwW.example."},
    {"04 00 2e 20 ff 00", "\\000\\.\\032\\255."},
};

START_TEST(name_is_any_string_of_labels)
{
	uint8_t octets[NAME_LEN_MAX];
	char text[NAME_TEXT_MAX];
	struct reader r;
	struct name name;

	reader_init(&r, octets, from_hex(good_names[_i].hex, octets));
	ck_assert(read_name(&r, &name));
	ck_assert_uint_eq(r.at, r.len);
	ck_assert_uint_eq(name.len, r.len);
	ck_assert_mem_eq(name.wire, octets, r.len);
	ck_assert_str_eq(name_text(&name, text), good_names[_i].text);
}
END_TEST

/* M10: the name is read at octet 4. */
static const struct {
	const char *what, *hex;
} bad_names[] = {
    {"nothing there", "00 00 00 00"},
    {"label without octets", "00 00 00 00 01"},
    {"label cut short", "00 00 00 00 03 61 62"},
    {"no root", "00 00 00 00 01 61"},
    {"label type 01", "00 00 00 00 40 61 00"},
    {"label type 01, all bits", "00 00 00 00 7f 61 00"},
    {"label type 10", "00 00 00 00 80 61 00"},
    {"label type 10, all bits", "00 00 00 00 bf 61 00"},
    {"pointer cut short", "00 00 00 00 c0"},
    {"pointer to itself", "00 00 00 00 c0 04"},
    {"pointer to its low octet", "00 00 00 00 c0 05 00"},
    {"pointer forward", "00 00 00 00 c0 06 00"},
    {"pointer beyond the end", "00 00 00 00 ff ff"},
    {"pointer to its own labels", "00 00 00 00 01 61 c0 04"},
    {"pointer into its own labels", "00 00 00 00 01 00 c0 05"},
    {"two pointers in a ring", "c0 04 00 00 c0 00"},
    {"pointer to a pointer forward", "c0 06 00 00 c0 00 00"},
    {"pointer to a bad label", "41 61 00 00 c0 00"},
    {"pointer to labels that run into it", "01 61 01 61 c0 00"},
};

START_TEST(name_that_is_malformed_is_refused)
{
	uint8_t octets[64], *copy;
	struct reader r;
	struct name name;
	size_t len = from_hex(bad_names[_i].hex, octets);

	copy = octets_copy(octets, len);
	reader_init(&r, copy, len);
	read_u32(&r);
	ck_assert_msg(!read_name(&r, &name), "%s", bad_names[_i].what);
	ck_assert(r.failed);
	ck_assert_uint_le(r.work, len); /* seen at once, not at a bound */
	ck_assert_uint_eq(r.at, 4);
	ck_assert_uint_eq(name.len, 0);
	free(copy);
}
END_TEST

START_TEST(pointer_backwards_is_followed)
{
	uint8_t octets[32];
	struct name name, expected = name_of("b.a.");
	struct reader r;

	reader_init(
	    &r, octets, from_hex("01 61 00  01 62 c0 00  c0 03 ff", octets));
	r.at = 3;
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &expected));
	ck_assert_uint_eq(r.at, 7);
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &expected));
	ck_assert_uint_eq(r.at, 9);
}
END_TEST

/* M09 */
START_TEST(label_of_63_octets_is_read)
{
	struct name name, expected = name_of_len(65);
	struct reader r;

	ck_assert_uint_eq(expected.wire[0], LABEL_LEN_MAX);
	reader_init(&r, expected.wire, expected.len);
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &expected));
}
END_TEST

/* M10: a length octet with an upper bit is no length, if so much is there. */
START_TEST(label_of_64_octets_and_more_is_refused)
{
	uint8_t octets[NAME_LEN_MAX + 2] = {(uint8_t)_i};
	struct name name;
	struct reader r;

	reader_init(&r, octets, (size_t)_i + 2);
	ck_assert(read_name(&r, &name) == (_i <= LABEL_LEN_MAX));
}
END_TEST

/* M09: 255 octets at the most, however they come together. */
START_TEST(name_longer_than_255_octets_is_refused)
{
	uint8_t octets[NAME_LEN_MAX + 4];
	struct name suffix = name_of_len((size_t)_i), name;
	struct reader r;
	struct writer w;
	uint8_t label = (uint8_t)(NAME_LEN_MAX - suffix.len - 1);
	uint8_t extra;

	for (extra = 0; extra < 2; extra++) {
		writer_init(&w, octets, sizeof(octets));
		write_bytes(&w, suffix.wire, suffix.len);
		write_u8(&w, (uint8_t)(label + extra));
		write_bytes(
		    &w, name_of_len(65).wire + 1, (size_t)label + extra);
		write_u16(&w, 0xc000);
		ck_assert(!w.failed);
		reader_init(&r, octets, w.len);
		r.at = suffix.len;
		ck_assert(read_name(&r, &name) == (extra == 0));
	}
}
END_TEST

START_TEST(name_of_exactly_255_octets_is_read)
{
	struct name name, expected = name_of_len(NAME_LEN_MAX);
	struct reader r;

	reader_init(&r, expected.wire, expected.len);
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &expected));
}
END_TEST

START_TEST(name_of_127_labels_is_read)
{
	struct name name, expected = {.len = NAME_LEN_MAX};
	struct reader r;
	size_t i;

	for (i = 0; i + 1 < NAME_LEN_MAX; i += 2) {
		expected.wire[i] = 1;
		expected.wire[i + 1] = 'y';
	}
	expected.wire[NAME_LEN_MAX - 1] = 0;
	reader_init(&r, expected.wire, expected.len);
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &expected));
	ck_assert_uint_eq(name_labels(&name), LABELS_MAX - 1);
}
END_TEST

/* attacks:D04 b: a root at 0, then pointers, each to the one before. */
START_TEST(name_of_more_than_64_pointers_is_refused)
{
	uint8_t octets[2 + 2 * HOPS_MAX + 2];
	struct writer w;
	struct reader r;
	struct name name;
	size_t i;

	writer_init(&w, octets, sizeof(octets));
	write_u16(&w, 0);
	for (i = 0; i <= HOPS_MAX; i++)
		write_u16(&w, (uint16_t)(0xc000 | 2 * i));
	ck_assert(!w.failed);
	reader_init(&r, octets, w.len);
	r.at = 2 * HOPS_MAX;
	ck_assert(read_name(&r, &name));
	ck_assert(name_same(&name, &root));
	ck_assert(!read_name(&r, &name));
	ck_assert(r.failed);
}
END_TEST

/*
 * attacks:D04 c: 64 KiB of names that are each a pointer to a long one.  The
 * work is refused at its bound, long before the end of the message.
 */
START_TEST(work_on_one_message_is_bounded)
{
	static uint8_t octets[MESSAGE_MAX];
	struct name name = name_of_len(NAME_LEN_MAX);
	struct writer w;
	struct reader r;
	size_t names = 0;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, name.wire, name.len);
	while (w.max - w.len >= 2)
		write_u16(&w, 0xc000);
	reader_init(&r, octets, w.len);
	while (read_name(&r, &name)) {
		names++;
		ck_assert_uint_le(r.work, WORK_PER_OCTET * r.len);
	}
	ck_assert(r.failed);
	ck_assert_uint_le(r.work, WORK_PER_OCTET * r.len + OVERWORK);
	ck_assert_uint_ge(names, WORK_PER_OCTET * r.len / 256 - 1);
	ck_assert_uint_lt(r.at, w.len / 2);
}
END_TEST

/* A name costs its octets and its jumps; nothing else is charged. */
START_TEST(work_is_octets_and_jumps)
{
	uint8_t octets[32];
	struct reader r;
	struct name name;

	reader_init(&r, octets, from_hex("01 61 00 01 62 c0 00", octets));
	read_name(&r, &name);
	ck_assert_uint_eq(r.work, 3);
	read_name(&r, &name);
	ck_assert_uint_eq(r.work, 3 + 5 + 1);
}
END_TEST

/* The honest worst case: records of nothing but a pointer to a long owner. */
START_TEST(honest_message_of_long_owners_is_read)
{
	static uint8_t octets[MESSAGE_MAX];
	struct name name = name_of_len(NAME_LEN_MAX);
	struct record record;
	struct writer w;
	struct reader r;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, name.wire, name.len);
	while (w.max - w.len >= 12) {
		write_u16(&w, 0xc000);
		write_bytes(&w, "\xff\x01\x00\x01\0\0\0\0\0\0", 10);
	}
	reader_init(&r, octets, w.len);
	ck_assert(read_name(&r, &name));
	while (r.at < r.len)
		ck_assert(read_record(&r, &record));
	ck_assert_uint_lt(r.work, WORK_PER_OCTET * r.len);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Messages.
 */

/*
 * A referral as a server sends it: question, NS with a compressed target,
 * A, AAAA, an SOA, and an OPT.
 */
static const char good_message[] =
    "1234 8500 0001 0000 0002 0003"
    "03777777 076578616d706c65 03636f6d 00 0001 0001" /* www.example.com */
    "c010 0002 0001 00015180 0006 036e7331 c010"      /* NS ns1 */
    "c010 0006 0001 00000e10 0021 036e7331 c010 04686f7374 c010"
    "00000001 00000002 00000003 00000004 00000005" /* SOA */
    "c02d 0001 0001 0000003c 0004 c0000201"        /* A */
    "c02d 001c 0001 0000003c 0010 20010db8000000000000000000000001"
    "00 0029 04d0 00008000 0007 0003 0003 616263"; /* OPT, NSID */

static bool
read_message(struct reader *r)
{
	uint8_t room[1024];
	struct question question;
	struct record record;
	struct header header;
	struct edns edns;
	struct writer w;
	unsigned i, records;

	if (!read_header(r, &header))
		return false;
	records =
	    (unsigned)header.answers + header.authorities + header.additionals;
	for (i = 0; i < header.questions; i++)
		if (!read_question(r, &question))
			return false;
	for (i = 0; i < records; i++) {
		if (!read_record(r, &record))
			return false;
		writer_init(&w, room, sizeof(room));
		if (record.type == TYPE_OPT)
			ck_assert(read_edns(r, &record, &edns));
		else
			ck_assert(read_rdata(r, &record, &w));
	}
	return true;
}

START_TEST(good_message_is_read)
{
	uint8_t octets[512];
	struct reader r;

	reader_init(&r, octets, from_hex(good_message, octets));
	ck_assert(read_message(&r));
	ck_assert_uint_eq(r.at, r.len);
}
END_TEST

/* M08: a message that ends anywhere before its end is refused. */
START_TEST(message_cut_short_is_refused)
{
	uint8_t octets[512], *copy;
	size_t cut, len = from_hex(good_message, octets);
	struct reader r;

	for (cut = 0; cut < len; cut++) {
		copy = octets_copy(octets, cut);
		reader_init(&r, copy, cut);
		ck_assert_msg(!read_message(&r), "cut at %zu", cut);
		ck_assert(r.failed);
		free(copy);
	}
}
END_TEST

START_TEST(record_is_read_field_by_field)
{
	uint8_t octets[64];
	struct name owner = name_of("a.");
	struct record record;
	struct reader r;

	reader_init(&r, octets,
	    from_hex("0161 00 0102 0304 85060708 0003 aabbcc dd", octets));
	ck_assert(read_record(&r, &record));
	ck_assert(name_same(&record.owner, &owner));
	ck_assert_uint_eq(record.type, 0x0102);
	ck_assert_uint_eq(record.class, 0x0304);
	ck_assert_uint_eq(record.ttl_s, 0x85060708);
	ck_assert_uint_eq(record.rdata_len, 3);
	ck_assert_uint_eq(record.rdata_at, 13);
	ck_assert_uint_eq(r.at, 16);
}
END_TEST

START_TEST(header_keeps_each_flag)
{
	uint16_t flags = (uint16_t)(1u << _i);
	uint8_t octets[HEADER_LEN] = {0x12, 0x34, (uint8_t)(flags >> 8),
	    (uint8_t)flags, 0, 1, 0, 2, 0, 3, 0xff, 0xff};
	uint8_t again[HEADER_LEN];
	struct header header;
	struct reader r;
	struct writer w;

	reader_init(&r, octets, sizeof(octets));
	ck_assert(read_header(&r, &header));
	ck_assert_uint_eq(header.id, 0x1234);
	ck_assert_uint_eq(header.additionals, 0xffff);
	ck_assert(header_is(&header, FLAG_QR) == (_i == 15));
	ck_assert(header_is(&header, FLAG_AA) == (_i == 10));
	ck_assert(header_is(&header, FLAG_TC) == (_i == 9));
	ck_assert(header_is(&header, FLAG_RD) == (_i == 8));
	ck_assert(header_is(&header, FLAG_RA) == (_i == 7));
	ck_assert(header_is(&header, FLAG_AD) == (_i == 5));
	ck_assert(header_is(&header, FLAG_CD) == (_i == 4));
	ck_assert_uint_eq(header_opcode(&header), flags >> 11 & 0xf);
	ck_assert_uint_eq(header_rcode(&header), flags & 0xf);

	if (_i == 6) /* M04: Z is ignored and goes out as 0 */
		octets[3] = 0;
	writer_init(&w, again, sizeof(again));
	write_header(&w, &header);
	ck_assert(!w.failed);
	ck_assert_mem_eq(again, octets, sizeof(octets));
}
END_TEST

START_TEST(header_writes_no_more_than_its_bits)
{
	struct header header = {.flags = FLAG_CD | RCODE_NOTIMP};
	uint8_t octets[HEADER_LEN];
	struct writer w;

	header_set_rcode(&header, RCODE_BADVERS | RCODE_SERVFAIL);
	header_set(&header, FLAG_TC, true);
	header_set(&header, FLAG_CD, false);

	writer_init(&w, octets, sizeof(octets));
	write_header(&w, &header);
	ck_assert_mem_eq(octets, "\0\0\x02\x02\0\0\0\0\0\0\0\0", 12);
}
END_TEST

/* The referral again, as the walk sees it. */
START_TEST(response_is_taken_apart)
{
	static struct response response;
	struct name zone = name_of("EXAMPLE.com."),
		    ns = name_of("ns1.example.com.");
	uint8_t octets[512];
	struct records_left left;
	const struct record *record;
	struct reader rdata;
	struct name name;

	ck_assert(
	    response_parse(&response, octets, from_hex(good_message, octets)));
	ck_assert_uint_eq(response.question.type, TYPE_A);
	ck_assert_uint_eq(response.edns.udp_max, 1232);
	left = response_section(&response, SECTION_ANSWER);
	ck_assert_ptr_null(records_next(&left, NULL, TYPE_ANY));
	left = response_section(&response, SECTION_AUTHORITY);
	ck_assert_ptr_null(records_next(&left, &ns, TYPE_NS));
	left = response_section(&response, SECTION_AUTHORITY);
	record = records_next(&left, &zone, TYPE_NS);
	ck_assert_ptr_nonnull(record);
	rdata = record_rdata(&response, record);
	ck_assert(read_name(&rdata, &name));
	ck_assert(name_same(&name, &ns));
	record = records_next(&left, &zone, TYPE_ANY);
	ck_assert_ptr_nonnull(record);
	ck_assert_uint_eq(record->type, TYPE_SOA);
	ck_assert_ptr_null(records_next(&left, NULL, TYPE_ANY));
	left = response_section(&response, SECTION_ADDITIONAL);
	record = records_next(&left, &ns, TYPE_AAAA);
	ck_assert_ptr_nonnull(record);
	ck_assert_ptr_null(records_next(&left, NULL, TYPE_ANY));
}
END_TEST

/* M23: what breaks off without TC is no response; with TC it will do. */
START_TEST(response_cut_short_is_refused_unless_it_says_so)
{
	static struct response response;
	uint8_t octets[512], *copy;
	size_t cut, len = from_hex(good_message, octets);
	size_t question_end = HEADER_LEN + 21;
	bool truncated = _i == 1;

	if (truncated)
		octets[2] |= 0x02;
	for (cut = 0; cut < len; cut++) {
		copy = octets_copy(octets, cut);
		ck_assert(response_parse(&response, copy, cut) ==
		    (truncated && cut >= question_end));
		free(copy);
	}
}
END_TEST

START_TEST(response_has_one_question)
{
	static struct response response;
	uint8_t octets[HEADER_LEN + 2 * 5] = {0, 0, 0x80, 0, 0, (uint8_t)_i};
	size_t len = HEADER_LEN + 5 * (size_t)_i;

	ck_assert(response_parse(&response, octets, len) == (_i == 1));
}
END_TEST

/* Counts that leave octets over are wrong; an error says nothing by them. */
START_TEST(response_with_octets_left_over_is_an_error)
{
	static struct response response;
	uint8_t octets[HEADER_LEN + 5 + 1] = {0, 0, 0x80, (uint8_t)_i, 0, 1};

	ck_assert(response_parse(&response, octets, HEADER_LEN + 5));
	ck_assert(response_parse(&response, octets, HEADER_LEN + 6) ==
	    (_i != RCODE_NOERROR && _i != RCODE_NXDOMAIN));
	octets[2] |= 0x02; /* TC */
	ck_assert(response_parse(&response, octets, HEADER_LEN + 6));
}
END_TEST

/* E09: a server that cannot read a query may not repeat its question. */
START_TEST(response_without_question_is_an_error_of_reading)
{
	static struct response response;
	uint8_t octets[HEADER_LEN] = {0, 0, 0x80, (uint8_t)_i};
	bool good = response_parse(&response, octets, sizeof(octets));

	ck_assert(good == (_i == RCODE_FORMERR || _i == RCODE_NOTIMP));
	ck_assert_uint_eq(response.question.name.len, 0);
}
END_TEST

/* attacks:B18: of more records than any honest message has, the first. */
START_TEST(records_beyond_2048_are_not_read)
{
	static struct response response;
	static uint8_t octets[MESSAGE_MAX];
	struct header header = {.flags = FLAG_QR,
	    .questions = 1,
	    .answers = RECORDS_MAX - 1,
	    .authorities = 2,
	    .additionals = 2};
	struct question question = {.name = root, .type = TYPE_NS};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_header(&w, &header);
	write_question(&w, &question);
	while (w.len + 11 * 2 < w.max && !w.failed)
		write_bytes(&w, "\0\0\1\0\1\0\0\0\0\0\0", 11);
	ck_assert(response_parse(&response, octets, w.len));
	ck_assert_uint_eq(response.ends[SECTION_ANSWER], RECORDS_MAX - 1);
	ck_assert_uint_eq(response.ends[SECTION_AUTHORITY], RECORDS_MAX);
	ck_assert_uint_eq(response.ends[SECTION_ADDITIONAL], RECORDS_MAX);
}
END_TEST

/* Whatever has several parts is written as a whole or not at all. */
START_TEST(what_does_not_fit_is_not_begun)
{
	static const struct header header = {.id = 0x0101};
	struct edns edns = {.present = true, .udp_max = 512};
	struct reason why = {.ede = EDE_OTHER, .text = "why"};
	struct question question = {.name = name_of("a."), .type = 1};
	struct name soa = name_of("ns.a.");
	struct compressor names;
	uint8_t octets[HEADER_LEN + 64];
	struct reader rdata;
	struct writer w;
	size_t max, part;
	static const size_t whole[] = {HEADER_LEN, 7, 20, 8};

	for (part = 0; part < 4; part++)
		for (max = HEADER_LEN; max < HEADER_LEN + whole[part]; max++) {
			writer_init(&w, octets, max);
			writer_compress(&w, &names);
			write_bytes(&w, "............", HEADER_LEN);
			reader_init(&rdata, soa.wire, soa.len);
			if (part == 0)
				write_header(&w, &header);
			else if (part == 1)
				write_question(&w, &question);
			else if (part == 2)
				write_opt(&w, &edns, &why, 1);
			else
				write_rdata(&w, TYPE_NS, &rdata);
			ck_assert(w.failed);
			ck_assert_uint_eq(w.len, HEADER_LEN);
		}
}
END_TEST

/* The name fitted, what came after it did not; so it is nowhere. */
START_TEST(name_in_a_failed_write_is_not_pointed_to)
{
	struct question question = {.name = name_of("a."), .type = 1};
	struct compressor names;
	uint8_t octets[HEADER_LEN + 6];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	writer_compress(&w, &names);
	write_bytes(&w, "............", HEADER_LEN);
	write_question(&w, &question);
	ck_assert(w.failed);
	write_question(&w, &question);
	write_name(&w, &question.name);
	ck_assert(w.failed);
	ck_assert_uint_eq(w.len, HEADER_LEN);
	write_back_to(&w, HEADER_LEN);
	write_name(&w, &question.name);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.len, HEADER_LEN + question.name.len);
}
END_TEST

/* M13: the question goes back as it came. */
START_TEST(question_keeps_its_case)
{
	uint8_t octets[64], again[64];
	size_t len =
	    from_hex("0377577707457841 6d506c4503636f4d 00 0041 0001", octets);
	struct question question;
	struct reader r;
	struct writer w;

	reader_init(&r, octets, len);
	ck_assert(read_question(&r, &question));
	ck_assert_uint_eq(question.type, 65);
	ck_assert_uint_eq(question.class, CLASS_IN);
	writer_init(&w, again, sizeof(again));
	write_question(&w, &question);
	ck_assert_uint_eq(w.len, len);
	ck_assert_mem_eq(again, octets, len);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Rdata.  It stands behind the name "ab.c." at 0 and before more octets that
 * belong to the next record; N in the result means that name, expanded.
 */
static const struct {
	uint16_t type;
	const char *rdata, *expanded; /* NULL: does not have the type's shape */
} shapes[] = {
    /* M17: the lengths that RFC 1035 and 3596 give. */
    {TYPE_A, "c0000201", "c0000201"},
    {TYPE_A, "", NULL},
    {TYPE_A, "c00002", NULL},
    {TYPE_A, "c000020100", NULL},
    {TYPE_A, "20010db8000000000000000000000001", NULL},
    {TYPE_AAAA, "20010db8000000000000000000000001",
	"20010db8000000000000000000000001"},
    {TYPE_AAAA, "20010db80000000000000000000000", NULL},
    {TYPE_AAAA, "20010db800000000000000000000000100", NULL},
    {TYPE_NS, "c000", "N"},
    {TYPE_NS, "026e73 c000", "026e73 N"},
    {TYPE_NS, "00", "00"},
    {TYPE_NS, "", NULL},
    {TYPE_NS, "c0", NULL},
    {TYPE_NS, "c000 00", NULL},
    {TYPE_NS, "01", NULL},
    {TYPE_NS, "0161", NULL},
    {TYPE_NS, "c006", NULL},
    {TYPE_NS, "c008", NULL},
    {TYPE_CNAME, "c000", "N"},
    {TYPE_CNAME, "c000 c000", NULL},
    {TYPE_PTR, "c003", "0163 00"},
    {TYPE_MX, "000a c000", "000a N"},
    {TYPE_MX, "000a", NULL},
    {TYPE_MX, "00", NULL},
    {TYPE_SOA, "c000 c003 00000001 00000002 00000003 00000004 00000005",
	"N 016300 00000001 00000002 00000003 00000004 00000005"},
    {TYPE_SOA, "c000 c003 00000001 00000002 00000003 00000004", NULL},
    {TYPE_SOA, "c000 c003 00000001 00000002 00000003 00000004 0000000500",
	NULL},
    {3, "c000", "N"},
    {4, "c000", "N"},
    {7, "c000", "N"},
    {8, "c000", "N"},
    {9, "c000", "N"},
    {14, "c000 c003", "N 016300"},
    {14, "c000", NULL},
    {13, "00 0161", "00 0161"},
    {13, "00", NULL},
    {13, "00 0261", NULL},
    {TYPE_TXT, "00", "00"},
    {TYPE_TXT, "0161 00 026262", "0161 00 026262"},
    {TYPE_TXT, "", NULL},
    {TYPE_TXT, "02c0", NULL},
    {TYPE_TXT, "0161 05", NULL},
    {99, "0161", "0161"},
    {99, "", NULL},
    /* M16: names that senders must not compress, but did. */
    {17, "c000 c003", "N 016300"},
    {18, "0001 c000", "0001 N"},
    {21, "0001 c000", "0001 N"},
    {24, "0001 05 02 00000e10 00000001 00000002 1234 c000 aabbcc",
	"0001 05 02 00000e10 00000001 00000002 1234 N aabbcc"},
    {26, "0001 c000 c003", "0001 N 016300"},
    {30, "c000 40", "N 40"},
    {TYPE_SRV, "0001 0002 0035 c000", "0001 0002 0035 N"},
    {TYPE_SRV, "0001 0002 0035", NULL},
    {35, "0001 0002 0173 00 022f2f c000", "0001 0002 0173 00 022f2f N"},
    {35, "0001 0002 0173 00 00 c000", "0001 0002 0173 00 00 N"},
    {35, "0001 0002 0173 00 052f2f c000", NULL},
    {36, "0001 c000", "0001 N"},
    {TYPE_DNAME, "c000", "N"},
    {TYPE_RRSIG, "0001 05 02 00000e10 00000001 00000002 1234 c000 aabbcc",
	"0001 05 02 00000e10 00000001 00000002 1234 N aabbcc"},
    {TYPE_RRSIG, "0001 05 02 00000e10 00000001 00000002 12", NULL},
    {TYPE_NSEC, "c000 0001 40", "N 0001 40"},
    {64, "0001 00 0001 0002", "0001 00 0001 0002"},
    {65, "0000 c000", "0000 N"},
    {65, "00", NULL},
    /* Others of a known shape. */
    {TYPE_DS, "1234 08 02 aabb", "1234 08 02 aabb"},
    {TYPE_DS, "1234 08", NULL},
    {TYPE_DNSKEY, "0101 03 08 aabb", "0101 03 08 aabb"},
    {TYPE_NSEC3, "01 00 000a 02abcd 0311aa22 0001",
	"0100000a02abcd0311aa220001"},
    {TYPE_NSEC3, "01 00 000a 02abcd 0711aa22", NULL},
    {51, "01 00 000a 00", "0100000a00"},
    {51, "01 00 000a 00 00", NULL},
    {108, "010203040506", "010203040506"},
    {108, "0102030405", NULL},
    {257, "00 056973737565 6361", "00056973737565 6361"},
    {257, "00 05697373", NULL},
    /* M14: unknown types are opaque, even if they look like a pointer. */
    {65280, "c000", "c000"},
    {65280, "c0ff", "c0ff"},
    {65280, "", ""},
    {10, "c000", "c000"},
    {0, "c000", "c000"},
    {258, "c000", "c000"},
    {23, "c000", "c000"},
};

enum {
	RDATA_AT = 6 /* behind "ab.c." */
};

static size_t
shape_message(const char *rdata, uint8_t *octets, struct record *record)
{
	size_t len = from_hex("026162 0163 00", octets);

	assert(len == RDATA_AT);
	record->rdata_at = RDATA_AT;
	record->rdata_len = (uint16_t)from_hex(rdata, octets + len);
	len += record->rdata_len;
	return len +
	    from_hex("0161 00 0001 0001 0000003c 0004 7f000001", octets + len);
}

static size_t
shape_expanded(const char *hex, uint8_t *octets)
{
	size_t len = 0;

	for (; *hex != '\0'; hex += *hex == ' ')
		if (*hex == 'N') {
			len += from_hex("026162 0163 00", octets + len);
			hex++;
		} else {
			char run[64];
			size_t n = strcspn(hex, " N");

			memcpy(run, hex, n);
			run[n] = '\0';
			len += from_hex(run, octets + len);
			hex += n;
		}
	return len;
}

START_TEST(rdata_has_exactly_the_shape_of_its_type)
{
	uint8_t octets[256], room[256], expected[256];
	struct record record = {.type = shapes[_i].type, .class = CLASS_IN};
	size_t len = shape_message(shapes[_i].rdata, octets, &record), n;
	struct reader r;
	struct writer w;
	bool good;

	reader_init(&r, octets, len);
	writer_init(&w, room, sizeof(room));
	write_u16(&w, 0x1111);
	good = read_rdata(&r, &record, &w);
	ck_assert(!w.failed);
	ck_assert(!r.failed);
	ck_assert_uint_eq(r.at, 0);
	ck_assert(good == (shapes[_i].expanded != NULL));
	if (!good) {
		ck_assert_uint_eq(w.len, 2);
		return;
	}
	n = shape_expanded(shapes[_i].expanded, expected);
	ck_assert_uint_eq(w.len, 2 + n);
	ck_assert_mem_eq(room + 2, expected, n);
}
END_TEST

/* The same where the message ends with the rdata. */
START_TEST(rdata_at_the_end_of_a_message_is_not_overread)
{
	uint8_t octets[256], room[256], *copy;
	struct record record = {.type = shapes[_i].type, .class = CLASS_IN};
	size_t len;
	struct reader r;
	struct writer w;

	shape_message(shapes[_i].rdata, octets, &record);
	len = (size_t)RDATA_AT + record.rdata_len;
	copy = octets_copy(octets, len);
	reader_init(&r, copy, len);
	writer_init(&w, room, sizeof(room));
	ck_assert(read_rdata(&r, &record, &w) == (shapes[_i].expanded != NULL));
	free(copy);
}
END_TEST

START_TEST(rdata_without_room_leaves_the_writer_as_it_was)
{
	uint8_t octets[64], room[8];
	struct record record = {.type = TYPE_MX, .class = CLASS_IN};
	size_t len = shape_message("000a c000", octets, &record), max;
	struct reader r;
	struct writer w;

	for (max = 0; max <= 8; max++) {
		reader_init(&r, octets, len);
		writer_init(&w, room, max);
		ck_assert(read_rdata(&r, &record, &w) == (max == 8));
		ck_assert(!w.failed);
		ck_assert_uint_eq(w.len, max == 8 ? 8 : 0);
	}
}
END_TEST

/*
 * A signature that fills the message, its fixed fields lying over the end of
 * the long name that its signer points to, outgrows what a length can tell.
 */
START_TEST(rdata_that_grows_beyond_64_kib_is_refused)
{
	static uint8_t octets[MESSAGE_MAX], room[BOUND];
	struct name name = name_of_len(NAME_LEN_MAX);
	struct record record = {.type = TYPE_RRSIG, .class = CLASS_IN};
	struct reader r;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, name.wire, name.len);
	write_u16(&w, 0xc000);
	record.rdata_at = NAME_LEN_MAX - 18;
	record.rdata_len = UINT16_MAX - NAME_LEN_MAX + 2;
	reader_init(&r, octets, sizeof(octets));
	writer_init(&w, room, sizeof(room));
	ck_assert(read_rdata(&r, &record, &w));
	ck_assert_uint_eq(w.len, UINT16_MAX);
	record.rdata_len++;
	write_back_to(&w, 0);
	ck_assert(!read_rdata(&r, &record, &w));
	ck_assert_uint_eq(w.len, 0);
}
END_TEST

/* Is it read as a whole, and the same again, or is the writer as it was? */
static bool
rdata_is_whole_or_refused(struct record *record, const uint8_t *octets)
{
	uint8_t room[2048], again[2048];
	struct writer w, v;
	struct reader r;

	reader_init(&r, octets, (size_t)RDATA_AT + record->rdata_len);
	writer_init(&w, room, sizeof(room));
	write_u8(&w, 7);
	if (!read_rdata(&r, record, &w))
		return w.len == 1 && !w.failed;
	if (r.work > WORK_PER_OCTET * r.len + OVERWORK)
		return false;
	reader_init(&r, room + 1, w.len - 1);
	record->rdata_at = 0;
	record->rdata_len = (uint16_t)r.len;
	writer_init(&v, again, sizeof(again));
	return read_rdata(&r, record, &v) && v.len == w.len - 1 &&
	    memcmp(again, room + 1, v.len) == 0;
}

/*
 * M17, attacks:D09: rdata of every type, of every length, of octets that
 * are nothing, ones, labels, pointers to the owner, into the rdata itself and
 * to behind it.  The message ends in memory where it ends.
 */
START_TEST(rdata_of_any_length_is_read_whole_or_refused)
{
	static const uint8_t fills[][2] = {{0x00, 0x00}, {0xff, 0xff},
	    {0x01, 0x61}, {0x3f, 0x3f}, {0xc0, 0x00}, {0xc0, RDATA_AT},
	    {0xc0, RDATA_AT + 1}, {0x01, 0xc0}, {0x00, 0xc0}, {0xc0, 0xff}};
	unsigned type, len, n;

	for (len = 0; len <= 70; len++) {
		uint8_t *octets = malloc(RDATA_AT + len);

		ck_assert_ptr_nonnull(octets);
		(void)from_hex("026162 0163 00", octets);
		for (n = 0; n < len; n++)
			octets[RDATA_AT + n] = fills[_i][n % 2];
		for (type = 0; type <= 300; type++) {
			struct record record = {.type = (uint16_t)type,
			    .rdata_at = RDATA_AT,
			    .rdata_len = (uint16_t)len};

			if (!rdata_is_whole_or_refused(&record, octets))
				ck_abort_msg("type %u, length %u", type, len);
		}
		free(octets);
	}
}
END_TEST

/*
 * attacks:D04: the worst that 64 KiB can hold: a chain of pointers, each to
 * the one before it, and then as many records as fit whose owner or rdata is
 * at the end of it.
 */
static size_t
worst_message(unsigned hops, uint16_t type, uint8_t *octets)
{
	struct header header = {.flags = FLAG_QR, .questions = 1};
	struct question question = {
	    .name = name_of_len(NAME_LEN_MAX), .type = TYPE_A, .class = 1};
	uint16_t at = HEADER_LEN, i;
	struct writer w;

	writer_init(&w, octets, MESSAGE_MAX);
	header.answers = UINT16_MAX;
	write_header(&w, &header);
	write_question(&w, &question);
	write_u8(&w, 0); /* an unknown record that holds the chain */
	write_u16(&w, 65280);
	write_u16(&w, CLASS_IN);
	write_u32(&w, 0);
	write_u16(&w, (uint16_t)(2 * hops));
	for (i = 0; i < hops; i++) {
		uint16_t here = (uint16_t)w.len;

		write_u16(&w, (uint16_t)(0xc000 | at));
		at = here;
	}
	while (w.max - w.len >= 14) {
		write_u16(&w, (uint16_t)(0xc000 | at));
		write_u16(&w, type);
		write_u16(&w, CLASS_IN);
		write_u32(&w, 0);
		write_u16(&w, 2);
		write_u16(&w, (uint16_t)(0xc000 | at));
	}
	ck_assert(!w.failed);
	return w.len;
}

START_TEST(work_on_the_worst_messages_is_bounded)
{
	static const unsigned hops[] = {0, 1, 8, 62, 63, 64, 2000, 8000};
	static const uint16_t types[] = {TYPE_A, TYPE_NS, TYPE_SOA};
	static uint8_t octets[MESSAGE_MAX], room[NAME_LEN_MAX * 3];
	static struct response response;
	unsigned h = (unsigned)_i / 3, i;
	size_t len = worst_message(hops[h], types[_i % 3], octets);
	struct writer w;

	ck_assert_uint_gt(len, MESSAGE_MAX - 14);
	(void)response_parse(&response, octets, len);
	for (i = 0; i < response.ends[SECTION_ANSWER]; i++) {
		writer_init(&w, room, sizeof(room));
		(void)read_rdata(&response.message, &response.records[i], &w);
	}
	ck_assert_uint_le(
	    response.message.work, WORK_PER_OCTET * len + OVERWORK);
	if (hops[h] >= HOPS_MAX) /* the records after the chain are refused */
		ck_assert_uint_le(response.ends[SECTION_ANSWER], 1);
	else
		ck_assert_uint_ge(response.ends[SECTION_ANSWER], 1000);
}
END_TEST

/* Rdata is charged to the message like its owners are. */
START_TEST(work_on_rdata_is_charged_to_the_message)
{
	uint8_t octets[1024], room[512];
	struct name name = name_of_len(NAME_LEN_MAX);
	struct record record = {.type = TYPE_MX, .class = CLASS_IN};
	struct reader r;
	struct writer w;
	size_t reads = 0;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, name.wire, name.len);
	record.rdata_at = (uint16_t)w.len;
	record.rdata_len = 4;
	write_u32(&w, 0x000ac000);
	reader_init(&r, octets, w.len);
	for (;; reads++) {
		writer_init(&w, room, sizeof(room));
		if (!read_rdata(&r, &record, &w))
			break;
		ck_assert_uint_eq(r.work, (reads + 1) * (NAME_LEN_MAX + 1));
	}
	ck_assert_uint_eq(reads, WORK_PER_OCTET * r.len / 256);
	ck_assert(r.failed);
	ck_assert_uint_le(r.work, WORK_PER_OCTET * r.len + OVERWORK);
	ck_assert_uint_eq(w.len, 0);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Rdata on its way out.
 */

/* RFC 3597 4: the types of RFC 1035 with names, and no others. */
static const uint16_t compressed_types[] = {2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15};

static bool
type_is_compressed(uint16_t type)
{
	size_t i;

	for (i = 0; i < sizeof(compressed_types) / sizeof(uint16_t); i++)
		if (compressed_types[i] == type)
			return true;
	return false;
}

/* A message whose question is for ab.c, at 12, to compress against. */
static void
begin_message(
    struct writer *w, uint8_t *octets, size_t max, struct compressor *names)
{
	static const struct header header = {.questions = 1};
	struct question question = {
	    .name = name_of("ab.c."), .type = 1, .class = CLASS_IN};

	writer_init(w, octets, max);
	writer_compress(w, names);
	write_header(w, &header);
	write_question(w, &question);
	ck_assert(!w->failed);
}

/* M14, M15: rdata of two names and some octets, as every type there is. */
START_TEST(only_types_of_rfc_1035_are_compressed)
{
	uint8_t octets[128], rdata[64];
	size_t len = from_hex("026162016300 026162016300"
			      "0000000000000000000000000000000000000000",
	    rdata);
	struct compressor names;
	struct reader r;
	struct writer w;
	size_t mark;
	uint32_t type;

	for (type = 0; type <= UINT16_MAX; type++) {
		if (type == TYPE_MX)
			continue;
		begin_message(&w, octets, sizeof(octets), &names);
		mark = w.len;
		reader_init(&r, rdata, len);
		write_rdata(&w, (uint16_t)type, &r);
		ck_assert(!w.failed);
		if (type_is_compressed((uint16_t)type)) {
			ck_assert_mem_eq(octets + mark + 2, "\xc0\x0c", 2);
			continue;
		}
		ck_assert_uint_eq(w.len, mark + 2 + len);
		ck_assert_uint_eq(octets[mark + 1], len);
		ck_assert_mem_eq(octets + mark + 2, rdata, len);
	}
}
END_TEST

static const struct {
	uint16_t type;
	const char *rdata, *written; /* with the length in front */
} written[] = {
    {TYPE_A, "c000020c", "0004 c000020c"},
    {TYPE_NS, "026162 0163 00", "0002 c00c"},
    {TYPE_NS, "0178 026162 0163 00", "0004 0178 c00c"},
    {TYPE_NS, "0163 00", "0002 c00f"},
    {TYPE_NS, "00", "0001 00"},
    {TYPE_NS, "024162 0163 00", "0005 024162 c00f"}, /* M13 */
    {TYPE_NS, "0164 00", "0003 0164 00"},
    {TYPE_MX, "000a 026162 0163 00", "0004 000a c00c"},
    {TYPE_SOA,
	"026162016300 0178016300 0000000100000002000000030000000400000005",
	"001a c00c 0178c00f 0000000100000002000000030000000400000005"},
    {14, "0164 00 0178 0164 00", "0007 016400 0178 c018"},
    {TYPE_SRV, "0001 0002 0035 026162016300", "000c 000100020035026162016300"},
    {TYPE_DNAME, "026162016300", "0006 026162016300"},
    {64, "0001 026162016300 aabb", "000a 0001026162016300aabb"},
    {65280, "c00c", "0002 c00c"},
    {65280, "", "0000"},
};

START_TEST(rdata_is_written_with_its_length)
{
	uint8_t octets[128], rdata[64], expected[64];
	size_t len = from_hex(written[_i].rdata, rdata), mark;
	size_t expected_len = from_hex(written[_i].written, expected);
	struct compressor names;
	struct record record = {.type = written[_i].type};
	struct reader r;
	struct writer w;

	begin_message(&w, octets, sizeof(octets), &names);
	mark = w.len;
	reader_init(&r, rdata, len);
	write_rdata(&w, written[_i].type, &r);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.len - mark, expected_len);
	ck_assert_mem_eq(octets + mark, expected, expected_len);

	record.rdata_at = (uint16_t)(mark + 2);
	record.rdata_len = (uint16_t)(w.len - mark - 2);
	reader_init(&r, octets, w.len);
	writer_init(&w, expected, sizeof(expected));
	ck_assert(read_rdata(&r, &record, &w));
	ck_assert_uint_eq(w.len, len);
	ck_assert_mem_eq(expected, rdata, len);
}
END_TEST

/* The rdata lies between others, as in the body of a cache entry. */
START_TEST(rdata_is_taken_from_where_the_reader_stands)
{
	uint8_t octets[64];
	struct reader r;
	struct writer w;

	reader_init(&r, (const uint8_t *)"\xff\xff\x00\x0a\x01m\x00\xff", 7);
	read_u16(&r);
	writer_init(&w, octets, sizeof(octets));
	write_rdata(&w, TYPE_MX, &r);
	ck_assert_uint_eq(w.len, 7);
	ck_assert_mem_eq(octets, "\x00\x05\x00\x0a\x01m\x00", 7);
	ck_assert_uint_eq(r.at, r.len);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Compression.
 */

static struct name
random_name(uint32_t *state)
{
	static const char *const labels[] = {"a", "A", "b", "example",
	    "Example", "ns1",
	    "x-63-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	    "com", "COM", "net"};
	struct name name = {.len = 1};
	struct name longer;
	uint32_t count = random_up_to(state, 6);
	const char *label;

	name.wire[0] = 0;
	while (count-- > 0) {
		label = labels[random_up_to(state, 10)];
		if (!name_from_text(label, strlen(label), &name, &longer))
			break;
		name = longer;
	}
	return name;
}

/*
 * M13, attacks:Z01, attacks:Z04: names written in any order, with some taken
 * back, read again as they were, letter by letter.
 */
START_TEST(compressed_names_read_as_they_were_written)
{
	static uint8_t octets[2048];
	static struct name kept[2048];
	static size_t ends[2048];
	uint32_t state = (uint32_t)_i;
	struct compressor names;
	struct reader r;
	struct writer w;
	size_t count = 0, i, plain = HEADER_LEN;
	struct name name;

	writer_init(&w, octets, HEADER_LEN + random_up_to(&state, 2000));
	writer_compress(&w, &names);
	write_bytes(&w, "............", HEADER_LEN);
	for (i = 0; i < 1000; i++) {
		kept[count] = random_name(&state);
		write_name(&w, &kept[count]);
		ends[count] = w.len;
		if (!w.failed)
			count++;
		if (w.failed || random_up_to(&state, 10) == 0) {
			count = random_up_to(&state, (uint32_t)count + 1);
			write_back_to(
			    &w, count == 0 ? HEADER_LEN : ends[count - 1]);
		}
		ck_assert_uint_le(names.count, NAMES_REMEMBERED);
	}
	reader_init(&r, octets, w.len);
	r.at = HEADER_LEN;
	for (i = 0; i < count; i++) {
		ck_assert(read_name(&r, &name));
		ck_assert(name_same(&name, &kept[i]));
		ck_assert_uint_eq(r.at, ends[i]);
		plain += name.len;
	}
	ck_assert_uint_eq(r.at, w.len);
	ck_assert_uint_le(w.len, plain);
}
END_TEST

START_TEST(name_written_twice_is_a_pointer)
{
	struct name name = name_of("www.example.com."), other;
	struct compressor names;
	uint8_t octets[64];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	writer_compress(&w, &names);
	write_bytes(&w, "............", HEADER_LEN);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len, HEADER_LEN + 17);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len, HEADER_LEN + 19);
	ck_assert_mem_eq(octets + HEADER_LEN + 17, "\xc0\x0c", 2);
	other = name_of("ftp.example.com.");
	write_name(&w, &other);
	ck_assert_uint_eq(w.len, HEADER_LEN + 25);
	ck_assert_mem_eq(octets + HEADER_LEN + 19, "\x03\x66tp\xc0\x10", 6);
	write_name(&w, &other);
	ck_assert_mem_eq(octets + HEADER_LEN + 25, "\xc0\x1f", 2);
	write_name(&w, &root);
	ck_assert_uint_eq(w.len, HEADER_LEN + 28);
	ck_assert_uint_eq(octets[w.len - 1], 0);
}
END_TEST

START_TEST(writer_without_a_table_does_not_compress)
{
	struct name name = name_of("www.example.com.");
	uint8_t octets[64];
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_name(&w, &name);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len, 34);
	ck_assert_mem_eq(octets + 17, name.wire, name.len);
}
END_TEST

/* What was taken back is not pointed to, nor what then lies there. */
START_TEST(name_written_back_is_forgotten)
{
	struct name name = name_of("www.example.com."), other;
	struct compressor names;
	uint8_t octets[64];
	struct writer w;
	size_t mark = HEADER_LEN;

	writer_init(&w, octets, sizeof(octets));
	writer_compress(&w, &names);
	write_bytes(&w, "............", HEADER_LEN);
	write_name(&w, &name);
	write_back_to(&w, mark);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len, mark + 17);
	ck_assert_mem_eq(octets + mark, name.wire, name.len);
	write_back_to(&w, mark);
	other = name_of("www.example.net.");
	write_name(&w, &other);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len, mark + 17 + 17);
	ck_assert_mem_eq(octets + mark + 17, name.wire, name.len);
}
END_TEST

/* Pointers have 14 bits; what stands beyond them cannot be pointed to. */
START_TEST(name_beyond_16_kib_is_not_pointed_to)
{
	static uint8_t octets[0x4100], zeros[0x4000];
	struct name name = name_of("a."), read;
	struct compressor names;
	struct reader r;
	struct writer w;
	uint16_t at = (uint16_t)(0x3fff + _i);

	writer_init(&w, octets, sizeof(octets));
	writer_compress(&w, &names);
	write_bytes(&w, zeros, at);
	write_name(&w, &name);
	write_name(&w, &name);
	ck_assert_uint_eq(w.len - at, _i == 0 ? 5 : 6);
	reader_init(&r, octets, w.len);
	r.at = (size_t)at + 3;
	ck_assert(read_name(&r, &read));
	ck_assert(name_same(&read, &name));
	ck_assert_uint_eq(r.at, r.len);
}
END_TEST

/* The names n0. to n499., of which the writer takes what fits. */
static void
write_numbered(struct writer *w, unsigned from, unsigned to)
{
	char text[16];
	struct name name;

	for (; from < to; from++) {
		snprintf(text, sizeof(text), "n%u.", from);
		name = name_of(text);
		write_name(w, &name);
	}
	ck_assert(!w->failed);
}

static void
begin_names(struct writer *w, struct compressor *names)
{
	static uint8_t octets[8192];

	writer_init(w, octets, sizeof(octets));
	writer_compress(w, names);
	write_bytes(w, "............", HEADER_LEN);
}

/* CVE-2024-8508: a table that is full stays at its bound and stays right. */
START_TEST(names_beyond_the_table_are_written_in_full)
{
	char text[16];
	struct compressor names;
	struct name name, read;
	struct reader r;
	struct writer w;
	unsigned i;

	begin_names(&w, &names);
	write_numbered(&w, 0, 500);
	ck_assert_uint_eq(names.count, NAMES_REMEMBERED);
	reader_init(&r, w.base, w.len);
	r.at = HEADER_LEN;
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "n%u.", i);
		name = name_of(text);
		ck_assert(read_name(&r, &read));
		ck_assert(name_same(&read, &name));
	}
}
END_TEST

START_TEST(names_that_share_a_slot_are_all_found)
{
	struct compressor names;
	struct writer w;
	size_t mark;

	begin_names(&w, &names);
	write_numbered(&w, 0, 60);
	mark = w.len;
	write_numbered(&w, 0, 60);
	ck_assert_uint_eq(w.len, mark + 2 * 60);
}
END_TEST

START_TEST(room_of_names_written_back_is_used_again)
{
	struct compressor names;
	struct writer w;
	size_t mark;

	begin_names(&w, &names);
	write_numbered(&w, 0, 500);
	write_back_to(&w, HEADER_LEN);
	write_numbered(&w, 500, 530);
	mark = w.len;
	write_numbered(&w, 500, 530);
	ck_assert_uint_eq(w.len, mark + 2 * 30);
	ck_assert_uint_le(names.count, NAMES_REMEMBERED);
}
END_TEST

/* ---------------------------------------------------------------------------
 * EDNS.
 */

static bool
read_opt(const char *hex, struct edns *edns)
{
	uint8_t octets[2048];
	struct record record;
	struct reader r;

	reader_init(&r, octets, from_hex(hex, octets));
	ck_assert(read_record(&r, &record));
	return read_edns(&r, &record, edns);
}

START_TEST(opt_is_read)
{
	struct edns edns;

	ck_assert(read_opt("00 0029 04d0 ab010000 0000", &edns));
	ck_assert(edns.present);
	ck_assert(!edns.dnssec_ok);
	ck_assert_uint_eq(edns.rcode_high, 0xab);
	ck_assert_uint_eq(edns.version, 1);
	ck_assert_uint_eq(edns.udp_max, 1232);
	ck_assert(read_opt("00 0029 04d0 00008000 0000", &edns));
	ck_assert(edns.dnssec_ok);
}
END_TEST

/* E06: flags and options that mean nothing to us. */
START_TEST(unknown_options_and_flags_are_ignored)
{
	struct edns edns;

	ck_assert(read_opt(
	    "00 0029 04d0 00007fff 0009 0064 0000 ffff 0001 aa", &edns));
	ck_assert(!edns.dnssec_ok);
}
END_TEST

/* E04 */
START_TEST(udp_size_below_512_is_512)
{
	struct edns edns;

	ck_assert(read_opt("00 0029 0000 00000000 0000", &edns));
	ck_assert_uint_eq(edns.udp_max, 512);
	ck_assert(read_opt("00 0029 01ff 00000000 0000", &edns));
	ck_assert_uint_eq(edns.udp_max, 512);
	ck_assert(read_opt("00 0029 0201 00000000 0000", &edns));
	ck_assert_uint_eq(edns.udp_max, 513);
}
END_TEST

/* E03, RFC 6891 6.1.2 */
static const char *const bad_opts[] = {
    "0161 00 0029 04d0 00000000 0000",
    "00 0029 04d0 00000000 0001 00",
    "00 0029 04d0 00000000 0003 000a00",
    "00 0029 04d0 00000000 0004 000a0001",
    "00 0029 04d0 00000000 0004 000a0001 ff",
    "00 0029 04d0 00000000 0006 000a0001ff 00",
};

START_TEST(opt_that_is_malformed_is_refused)
{
	struct edns edns = {.present = true, .udp_max = 1};
	static const struct edns absent;

	ck_assert(!read_opt(bad_opts[_i], &edns));
	ck_assert(edns.present == absent.present);
	ck_assert_uint_eq(edns.udp_max, 0);
}
END_TEST

/* E12: of many options the first 64 are looked at. */
START_TEST(options_beyond_64_are_not_looked_at)
{
	uint8_t octets[1024];
	struct record record = {.owner = root, .type = TYPE_OPT};
	struct edns edns;
	struct reader r;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	while (w.len < (size_t)4 * EDNS_OPTIONS_MAX)
		write_u32(&w, 0x000c0000);
	write_u8(&w, 0);
	reader_init(&r, octets, w.len);
	record.rdata_len = (uint16_t)w.len;
	ck_assert(read_edns(&r, &record, &edns));
	record.rdata_at = 4; /* now the torn one is the 64th */
	record.rdata_len = (uint16_t)(w.len - 4);
	ck_assert(!read_edns(&r, &record, &edns));
}
END_TEST

/* attacks:D05: the first counts, and none runs over the end. */
START_TEST(of_two_cookies_the_first_counts)
{
	struct edns edns;

	ck_assert(
	    read_opt("00 0029 04d0 00000000 0018 000a0008 0101010101010101"
		     " 000a0008 0202020202020202",
		&edns));
	ck_assert_uint_eq(edns.cookie_len, COOKIE_CLIENT_LEN);
	ck_assert_mem_eq(edns.cookie, "\1\1\1\1\1\1\1\1", 8);
	ck_assert(read_opt("00 0029 04d0 00000000 000c 00030000 00030000"
			   " 00030000",
	    &edns));
}
END_TEST

START_TEST(opt_is_written_as_it_is_read)
{
	struct edns edns = {.present = true,
	    .dnssec_ok = _i & 1,
	    .version = 0,
	    .rcode_high = (uint8_t)(_i >> 1),
	    .udp_max = 1232};
	struct edns again;
	struct record record;
	uint8_t octets[64];
	struct reader r;
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_opt(&w, &edns, NULL, 0);
	ck_assert_uint_eq(w.len, 11);
	reader_init(&r, octets, w.len);
	ck_assert(read_record(&r, &record));
	ck_assert(read_edns(&r, &record, &again));
	ck_assert(again.dnssec_ok == edns.dnssec_ok);
	ck_assert_uint_eq(again.rcode_high, edns.rcode_high);
	ck_assert_uint_eq(again.version, 0);
	ck_assert_uint_eq(again.udp_max, 1232);
}
END_TEST

/* C14, RFC 7828 3.1: empty in a query, with a time in the reply to it. */
START_TEST(keepalive_is_read_and_written)
{
	struct edns edns = {.present = true,
	    .udp_max = 1232,
	    .keepalive = true,
	    .idle_100ms = 100};
	struct edns again;
	uint8_t octets[64], expected[64];
	struct writer w;
	size_t len =
	    from_hex("00 0029 04d0 00000000 0006 000b 0002 0064", expected);

	writer_init(&w, octets, sizeof(octets));
	write_opt(&w, &edns, NULL, 0);
	ck_assert_uint_eq(w.len, len);
	ck_assert_mem_eq(octets, expected, len);
	ck_assert(
	    read_opt("00 0029 04d0 00000000 0006 000b 0002 0064", &again));
	ck_assert(again.keepalive);
	ck_assert(read_opt("00 0029 04d0 00000000 0004 000b 0000", &again));
	ck_assert(again.keepalive);
	ck_assert(read_opt("00 0029 04d0 00000000 0004 000c 0000", &again));
	ck_assert(!again.keepalive);
	ck_assert(!read_opt("00 0029 04d0 00000000 0005 000b 0000 00", &again));
	ck_assert(!again.keepalive);
}
END_TEST

/* RFC 8914 2: an option for each reason there is. */
START_TEST(reasons_are_written_as_extended_errors)
{
	struct edns edns = {.present = true, .udp_max = 1232};
	struct reason why[] = {
	    {.ede = 22, .text = "ab"}, {.ede = EDE_NONE}, {.ede = EDE_OTHER}};
	uint8_t octets[64], expected[64];
	struct writer w;
	size_t len = from_hex("00 0029 04d0 00000000 000e"
			      "000f 0004 0016 6162  000f 0002 0000",
	    expected);

	writer_init(&w, octets, sizeof(octets));
	write_opt(&w, &edns, why, 3);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.len, len);
	ck_assert_mem_eq(octets, expected, len);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Cookies.
 */

/* The cookies of RFC 9018 A; the third has reserved octets that are not zero.
 */
static const struct {
	const char *client, *secret, *cookie;
	uint32_t time_s;
	bool has_reserved;
} cookies[] = {
    {"198.51.100.100", "e5e973e5a6b2a43f48e7dc849e37bfcf",
	"2464c4abcf10c957 01000000 5cf79f11 1f8130c3eee29480", 1559731985,
	false},
    {"198.51.100.100", "e5e973e5a6b2a43f48e7dc849e37bfcf",
	"2464c4abcf10c957 01000000 5cf7a871 d4a564a1442aca77", 1559734385,
	false},
    {"203.0.113.203", "e5e973e5a6b2a43f48e7dc849e37bfcf",
	"fc93fc62807ddb86 01abcdef 5cf78f71 a314227b6679ebf5", 1559727985,
	true},
    {"203.0.113.203", "e5e973e5a6b2a43f48e7dc849e37bfcf",
	"fc93fc62807ddb86 01000000 5cf7a9ac f73a7810aca2381e", 1559734700,
	false},
    {"2001:db8:220:1:59de:d0f4:8769:82b8", "dd3bdf9344b678b185a6f5cb60fca715",
	"22681ab97d52c298 01000000 5cf7c579 26556bd0934c72f8", 1559741817,
	false},
    {"2001:db8:220:1:59de:d0f4:8769:82b8", "445536bcd2513298075a5d379663c962",
	"22681ab97d52c298 01000000 5cf7c609 a6bb79d16625507a", 1559741961,
	false},
};

static struct edns cookie;
static struct address cookie_client;
static uint8_t cookie_secret[16];

/* Set the three above to the nth of RFC 9018. */
static void
cookie_set(int n)
{
	memset(&cookie, 0, sizeof(cookie));
	cookie.present = true;
	cookie.cookie_len = (uint8_t)from_hex(cookies[n].cookie, cookie.cookie);
	ck_assert(address_from_text(cookies[n].client, &cookie_client));
	from_hex(cookies[n].secret, cookie_secret);
}

static bool
cookie_is_good_at(uint32_t now_s)
{
	return cookie_is_ours(&cookie, &cookie_client, now_s, cookie_secret);
}

/* K02, K03, K05 */
START_TEST(cookies_of_rfc_9018_are_ours)
{
	uint8_t expected[COOKIE_LEN];

	cookie_set(_i);
	ck_assert_uint_eq(cookie.cookie_len, COOKIE_LEN);
	ck_assert(cookie_is_good_at(cookies[_i].time_s));
	if (cookies[_i].has_reserved)
		return;
	memcpy(expected, cookie.cookie, COOKIE_LEN);
	memset(cookie.cookie + COOKIE_CLIENT_LEN, 0xff,
	    COOKIE_MAX - COOKIE_CLIENT_LEN);
	cookie.cookie_len = _i & 1 ? COOKIE_CLIENT_LEN : COOKIE_MAX;
	cookie_renew(
	    &cookie, &cookie_client, cookies[_i].time_s, cookie_secret);
	ck_assert_uint_eq(cookie.cookie_len, COOKIE_LEN);
	ck_assert_mem_eq(cookie.cookie, expected, COOKIE_LEN);
}
END_TEST

/*
 * K13: who was given a cookie before the secret changed can use it as long as
 * any cookie, and nobody has one that was never given.
 */
START_TEST(secret_before_holds_as_long_as_a_cookie)
{
	static const uint8_t nought[16];
	const uint64_t hour_ms = COOKIE_PAST_S * UINT64_C(1000);
	struct cookie_secrets s = {.until_ms = 0};
	uint32_t time_s = cookies[0].time_s;
	uint8_t fresh[16] = "fifteen letters";

	cookie_set(0);
	cookie_secrets_roll(&s, cookie_secret, 1000);
	ck_assert_uint_eq(s.until_ms, 1000 + COOKIE_SECRET_S * UINT64_C(1000));
	ck_assert(cookie_is_of(&s, &cookie, &cookie_client, time_s, 1000));
	cookie_secrets_roll(&s, fresh, 5000);
	ck_assert(cookie_is_of(
	    &s, &cookie, &cookie_client, time_s, 5000 + hour_ms - 1));
	ck_assert(
	    !cookie_is_of(&s, &cookie, &cookie_client, time_s, 5000 + hour_ms));
	cookie_renew(&cookie, &cookie_client, time_s, fresh);
	ck_assert(
	    cookie_is_of(&s, &cookie, &cookie_client, time_s, 5000 + hour_ms));
	cookie_renew(&cookie, &cookie_client, time_s, nought);
	memset(&s, 0, sizeof(s));
	cookie_secrets_roll(&s, fresh, 1000);
	ck_assert(!cookie_is_of(&s, &cookie, &cookie_client, time_s, 1000));
}
END_TEST

/* K03: of every bit of the cookie, of the address and of the secret. */
START_TEST(no_bit_of_a_cookie_may_differ)
{
	uint32_t time_s = cookies[_i].time_s;
	unsigned bit, ip_bits, good = 0;

	cookie_set(_i);
	ip_bits = cookie_client.family == 4 ? 32 : 128;
	for (bit = 0; bit < 8 * COOKIE_LEN; bit++) {
		cookie.cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
		good += cookie_is_good_at(time_s);
		cookie.cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < ip_bits; bit++) {
		cookie_client.ip[bit / 8] ^= (uint8_t)(1 << bit % 8);
		good += cookie_is_good_at(time_s);
		cookie_client.ip[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < 128; bit++) {
		cookie_secret[bit / 8] ^= (uint8_t)(1 << bit % 8);
		good += cookie_is_good_at(time_s);
		cookie_secret[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_eq(good, 0);
	cookie_client.port = 4711; /* only the port may be another */
	ck_assert(cookie_is_good_at(time_s));
}
END_TEST

/* K03: the cookies of other servers have other lengths. */
START_TEST(cookie_of_another_length_is_not_ours)
{
	unsigned len;

	cookie_set(0);
	for (len = 0; len <= COOKIE_MAX; len++) {
		cookie.cookie_len = (uint8_t)len;
		ck_assert(cookie_is_good_at(cookies[0].time_s) ==
		    (len == COOKIE_LEN));
	}
}
END_TEST

/* K04: an hour after and five minutes before, by a clock that wraps in 2106. */
START_TEST(cookie_is_good_for_an_hour)
{
	static const uint32_t times[] = {1559731985, 0, 100, UINT32_MAX - 100};
	uint32_t time_s = times[_i];

	cookie_set(0);
	cookie_renew(&cookie, &cookie_client, time_s, cookie_secret);
	ck_assert(cookie_is_good_at(time_s));
	ck_assert(cookie_is_good_at(time_s + 3599));
	ck_assert(cookie_is_good_at(time_s + 3600));
	ck_assert(!cookie_is_good_at(time_s + 3601));
	ck_assert(cookie_is_good_at(time_s - 299));
	ck_assert(cookie_is_good_at(time_s - 300));
	ck_assert(!cookie_is_good_at(time_s - 301));
	ck_assert(!cookie_is_good_at(time_s + UINT32_C(0x80000000)));
}
END_TEST

/* K01: 8 octets, or 16 to 40, are a cookie, and all else is malformed. */
START_TEST(cookie_has_8_or_16_to_40_octets)
{
	bool good = _i == 8 || (_i >= 16 && _i <= 40);
	struct edns edns = {.present = true, .cookie_len = 99};
	char hex[256] = "00 0029 04d0 00000000 ";
	int i;

	snprintf(hex + strlen(hex), 32, "%04x 000a %04x ", _i + 4, _i);
	for (i = 0; i < _i; i++)
		snprintf(hex + strlen(hex), 3, "%02x", (uint8_t)i);
	ck_assert(read_opt(hex, &edns) == good);
	ck_assert(edns.present == good);
	ck_assert_uint_eq(edns.cookie_len, good ? (unsigned)_i : 0);
	for (i = 0; good && i < _i; i++)
		ck_assert_uint_eq(edns.cookie[i], (unsigned)i);
}
END_TEST

/* RFC 7873 5.2 */
START_TEST(first_of_two_cookies_counts)
{
	struct edns edns;

	ck_assert(read_opt("00 0029 04d0 00000000 0018 000a 0008 "
			   "0102030405060708 000a 0008 1112131415161718",
	    &edns));
	ck_assert_uint_eq(edns.cookie_len, 8);
	ck_assert_uint_eq(edns.cookie[0], 1);
	ck_assert(read_opt("00 0029 04d0 00000000 0010 000a 0008 "
			   "0102030405060708 000a 0000",
	    &edns));
	ck_assert_uint_eq(edns.cookie_len, 8);
}
END_TEST

START_TEST(cookie_is_written_as_it_is_read)
{
	static const uint8_t lengths[] = {8, 16, 24, 40};
	struct edns again;
	struct record record;
	uint8_t octets[64];
	struct reader r;
	struct writer w;

	cookie_set(0);
	cookie.cookie_len = lengths[_i];
	writer_init(&w, octets, sizeof(octets));
	write_opt(&w, &cookie, NULL, 0);
	ck_assert_uint_eq(w.len, 11 + 4u + lengths[_i]);
	reader_init(&r, octets, w.len);
	ck_assert(read_record(&r, &record));
	ck_assert(read_edns(&r, &record, &again));
	ck_assert_uint_eq(again.cookie_len, lengths[_i]);
	ck_assert_mem_eq(again.cookie, cookie.cookie, lengths[_i]);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Names.
 */

/* M12: all pairs of octets; only letters that differ in case are equal. */
START_TEST(only_a_to_z_fold)
{
	struct name a = name_of("xxxxxxxxx.x."), b = a;
	size_t at = _i == 0 ? 3 : 11; /* among eight octets, or at the end */
	unsigned i, j;
	bool equal;

	for (i = 0; i < 256; i++)
		for (j = 0; j < 256; j++) {
			a.wire[at] = (uint8_t)i;
			b.wire[at] = (uint8_t)j;
			equal = i == j ||
			    (i >= 'A' && i <= 'Z' && j == i + 32) ||
			    (j >= 'A' && j <= 'Z' && i == j + 32);
			ck_assert(name_equal(&a, &b) == equal);
			ck_assert(name_within(&a, &b) == equal);
			ck_assert((name_hash(&a, key) == name_hash(&b, key)) ==
			    equal);
		}
}
END_TEST

/* F08: each letter of 64 octets by a bit of its own, and nothing but letters.
 */
START_TEST(name_is_spelled_by_bits)
{
	struct name name = {.len = 0}, spelled;
	size_t i, turned;
	unsigned bit;

	for (i = 0; i < 4; i++) { /* all octets there are */
		name.len = 64;
		for (bit = 0; bit < 64; bit++)
			name.wire[bit] = (uint8_t)(64 * i + bit);
		spelled = name;
		name_spell(&spelled, UINT64_MAX);
		for (bit = 0; bit < name.len; bit++) {
			uint8_t was = name.wire[bit], other = was ^ 0x20;
			bool letter = (other >= 'A' && other <= 'Z') ||
			    (other >= 'a' && other <= 'z');

			ck_assert_uint_eq(
			    spelled.wire[bit], letter ? other : was);
		}
	}
	memset(name.wire, 'x', 64);
	for (bit = 0; bit < 64; bit++) {
		name.len = 64;
		spelled = name;
		name_spell(&spelled, UINT64_C(1) << bit);
		for (i = turned = 0; i < 64; i++)
			turned += spelled.wire[i] == 'X';
		ck_assert_uint_eq(turned, 1);
	}
	name.len = 3;
	name_spell(&name, UINT64_MAX);
	ck_assert_mem_eq(name.wire, "XXXx", 4);
}
END_TEST

START_TEST(names_of_other_length_are_not_equal)
{
	struct name a = name_of("a.b."), b = name_of("b."), c = name_of("a.");

	ck_assert(!name_equal(&a, &b));
	ck_assert(!name_equal(&a, &c));
	ck_assert(!name_equal(&b, &c));
	ck_assert(!name_equal(&b, &root));
}
END_TEST

static const struct {
	const char *name, *zone;
	bool within;
} within[] = {
    {"a.b.", "b.", true},
    {"a.b.", "B.", true},
    {"a.b.", "a.b.", true},
    {"a.b.", ".", true},
    {".", ".", true},
    {".", "b.", false},
    {"b.", "a.b.", false},
    {"ab.", "b.", false},
    {"xb.", "b.", false},
    {"a.b.", "a.", false},
    {"a.\\001b.", "b.", false}, /* octets alike, but not at a label */
    {"\\003com.", "com.", false},
    {"www.example.com.", "example.com.", true},
    {"wwwexample.com.", "example.com.", false},
};

START_TEST(name_is_within_a_zone_by_whole_labels)
{
	struct name name = name_of(within[_i].name);
	struct name zone = name_of(within[_i].zone);

	ck_assert(name_within(&name, &zone) == within[_i].within);
}
END_TEST

START_TEST(parent_is_the_name_without_its_first_labels)
{
	static const char *const parents[] = {
	    "www.Example.com.", "Example.com.", "com.", ".", ".", "."};
	struct name name = name_of(parents[0]), parent, expected;

	expected = name_of(parents[_i]);
	name_parent(&name, (size_t)_i, &parent);
	ck_assert(name_same(&parent, &expected));
	ck_assert_uint_eq(
	    name_labels(&parent), _i > 3 ? 0u : 3u - (unsigned)_i);
	name_parent(&name, (size_t)_i, &name); /* in place as well */
	ck_assert(name_same(&name, &expected));
}
END_TEST

START_TEST(suffix_is_the_end_of_the_name)
{
	static const char *const suffixes[] = {
	    "www.Example.com.", "Example.com.", "com.", "."};
	static const size_t lens[] = {17, 13, 5, 1};
	struct name name = name_of(suffixes[0]), suffix, expected;

	expected = name_of(suffixes[_i]);
	name_suffix(&name, lens[_i], &suffix);
	ck_assert(name_same(&suffix, &expected));
	name_suffix(&name, lens[_i], &name); /* in place as well */
	ck_assert(name_same(&name, &expected));
}
END_TEST

START_TEST(suffix_that_begins_inside_a_label_aborts)
{
	struct name name = name_of("www.Example.com."), suffix;

	name_suffix(&name, 12, &suffix);
}
END_TEST

START_TEST(end_of_a_name_is_substituted)
{
	struct name name = name_of("Www.x.old.org."), result;
	struct name owner = name_of("OLD.org."), target = name_of("New.net.");
	struct name expected = name_of("Www.x.New.net.");

	ck_assert(name_substitute(&name, &owner, &target, &result));
	ck_assert(name_same(&result, &expected));
	ck_assert(name_substitute(&name, &owner, &target, &name));
	ck_assert(name_same(&name, &expected));
	expected = name_of("Www.x.");
	ck_assert(name_substitute(&name, &target, &root, &result));
	ck_assert(name_same(&result, &expected));
}
END_TEST

/* L06 */
START_TEST(owner_of_a_dname_itself_is_not_substituted)
{
	struct name name = name_of("old.org."), result;

	name_substitute(&name, &name, &root, &result);
}
END_TEST

START_TEST(name_elsewhere_is_not_substituted)
{
	struct name name = name_of("a.new.org."), owner = name_of("old.org.");

	name_substitute(&name, &owner, &root, &name);
}
END_TEST

/* L07: 255 octets are a name, 256 are not (YXDOMAIN). */
START_TEST(substitute_longer_than_255_octets_is_refused)
{
	struct name name = name_of_len(200), owner = root, result;
	struct name target = name_of_len(NAME_LEN_MAX - 199);

	ck_assert(name_substitute(&name, &owner, &target, &result));
	ck_assert_uint_eq(result.len, NAME_LEN_MAX);
	target = name_of_len(NAME_LEN_MAX - 198);
	ck_assert(!name_substitute(&name, &owner, &target, &result));
}
END_TEST

/*
 * SipHash-1-3 of 0, 1, 2 ... under the key 0 to 15 and of text under a key of
 * zeros, as two well-known implementations give it.
 */
START_TEST(hash_is_siphash_1_3)
{
	static const uint8_t zeros[16];

	ck_assert_uint_eq(hash_keyed("", 0, key), 0xabac0158050fc4dc);
	ck_assert_uint_eq(hash_keyed("a", 1, zeros), 0x407448d2b89b1813);
	ck_assert_uint_eq(hash_keyed("abc", 3, zeros), 0xc03bc3a0042630f2);
	ck_assert_uint_eq(hash_keyed("abcdefgh", 8, zeros), 0x3f7b849c0b8e35ea);
}
END_TEST

START_TEST(hash_depends_on_each_bit_of_name_and_key)
{
	struct name name = name_of("www.example.com.");
	uint64_t hash = name_hash(&name, key);
	uint8_t other[16];
	unsigned bit;

	for (bit = 0; bit < 128; bit++) {
		memcpy(other, key, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(name_hash(&name, other) != hash);
	}
	for (bit = 0; bit < 8; bit++) {
		if (bit == 5) /* the case of a letter */
			continue;
		name.wire[1] ^= (uint8_t)(1 << bit);
		ck_assert(name_hash(&name, key) != hash);
		name.wire[1] ^= (uint8_t)(1 << bit);
	}
	name.wire[1] ^= 0x20;
	ck_assert(name_hash(&name, key) == hash);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Text.
 */

START_TEST(every_octet_survives_as_text)
{
	struct name name = {.len = 0}, again;
	char text[NAME_TEXT_MAX];
	unsigned octet = (unsigned)_i;

	name.wire[name.len++] = 3;
	name.wire[name.len++] = (uint8_t)octet;
	name.wire[name.len++] = (uint8_t)octet;
	name.wire[name.len++] = '7'; /* after \DDD a digit means itself */
	name.wire[name.len++] = 0;
	name_text(&name, text);
	ck_assert_uint_eq(strspn(text,
			      "!\"#$%&'()*+,-./0123456789:;<=>?@"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
			      "abcdefghijklmnopqrstuvwxyz{|}~"),
	    strlen(text));
	ck_assert(name_from_text(text, strlen(text), &root, &again));
	ck_assert(name_same(&again, &name));
}
END_TEST

static const struct {
	const char *wire, *text;
} texts[] = {
    {"00", "."},
    {"", ""},
    {"03777777 03636f6d 00", "www.com."},
    {"01 2e 00", "\\.."},
    {"08 2e3b5c2228294024 00", "\\.\\;\\\\\\\"\\(\\)\\@\\$."},
    {"03 00 20 7f 00", "\\000\\032\\127."},
    {"02 21 7e 00", "!~."},
    {"03 61 c0 62 00", "a\\192b."},
};

START_TEST(name_has_one_text)
{
	uint8_t octets[64];
	char text[NAME_TEXT_MAX];
	struct name name = {.len = 0};

	name.len = (uint8_t)from_hex(texts[_i].wire, octets);
	memcpy(name.wire, octets, name.len);
	ck_assert_str_eq(name_text(&name, text), texts[_i].text);
}
END_TEST

START_TEST(longest_text_fits_its_buffer)
{
	struct name name = name_of_len(NAME_LEN_MAX);
	char *text = malloc(NAME_TEXT_MAX);
	size_t i;

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < name.len; i++)
		if (name.wire[i] == 'x')
			name.wire[i] = 0xff;
	name_text(&name, text);
	ck_assert_uint_eq(strlen(text), 4 * 250 + 4);
	ck_assert_uint_lt(strlen(text), NAME_TEXT_MAX);
	free(text);
}
END_TEST

static const struct {
	const char *text, *name; /* NULL: no name */
} spelled[] = {
    {".", "."},
    {"@", "Org."},
    {"a.", "a."},
    {"a", "a.Org."},
    {"a.b", "a.b.Org."},
    {"\\@", "\\@.Org."},
    {"@.", "\\@."},
    {"\\097.", "a."},
    {"\\a.", "a."},
    {"a\\.b.", "a\\.b."},
    {"a\\046b.", "a\\.b."},
    {"a\\.", "a\\..Org."},
    {"a\\\\.", "a\\\\."},
    {"\\0001.", "\\0001."},
    {"\\255.", "\\255."},
    {"*.a.", "*.a."},
    {"_x._tcp.a.", "_x._tcp.a."},
    {"", NULL},
    {"..", NULL},
    {".a", NULL},
    {"a..", NULL},
    {"a..b", NULL},
    {"\\", NULL},
    {"a\\", NULL},
    {"\\0", NULL},
    {"\\00", NULL},
    {"\\00a.", NULL},
    {"\\256.", NULL},
    {"\\999.", NULL},
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.", NULL},
};

START_TEST(name_is_read_from_text)
{
	struct name origin = name_of("Org."), name = origin, expected;
	const char *text = spelled[_i].text;
	char *copy = malloc(strlen(text) + (*text == '\0'));
	bool good;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, strlen(text)); /* no NUL: its length is told */
	good = name_from_text(copy, strlen(text), &origin, &name);
	free(copy);
	ck_assert(good == (spelled[_i].name != NULL));
	if (good) {
		expected = name_of(spelled[_i].name);
		ck_assert(name_same(&name, &expected));
	} else
		ck_assert_uint_eq(name.len, 0);
}
END_TEST

/* M09 in text: of 255 octets at the most, the origin included. */
START_TEST(text_of_more_than_255_octets_is_refused)
{
	struct name long_name = name_of_len(NAME_LEN_MAX - 2), name;
	char text[NAME_TEXT_MAX];
	size_t len = strlen(name_text(&long_name, text));
	struct name origin = name_of("a.");

	ck_assert(name_from_text(text, len - 1, &origin, &name));
	ck_assert_uint_eq(name.len, NAME_LEN_MAX);
	origin = name_of("ab.");
	ck_assert(!name_from_text(text, len - 1, &origin, &name));
	ck_assert(name_from_text(text, len, &origin, &name));
	memcpy(text + len, "a.", 2);
	ck_assert(name_from_text(text, len + 2, &origin, &name));
	memcpy(text + len, "ab.", 3);
	ck_assert(!name_from_text(text, len + 3, &origin, &name));
	memcpy(text + len, "a.b.", 4);
	ck_assert(!name_from_text(text, len + 4, &origin, &name));
}
END_TEST

/* All 65536 types, known or not (RFC 3597 5). */
START_TEST(type_survives_as_text)
{
	char text[TYPE_TEXT_MAX];
	uint16_t again;
	uint32_t type, wrong = 0;

	for (type = 0; type <= UINT16_MAX; type++) {
		type_text((uint16_t)type, text);
		wrong += strlen(text) >= TYPE_TEXT_MAX;
		wrong += !type_from_text(text, &again) || again != type;
		snprintf(text, sizeof(text), "TYPE%u", (unsigned)type);
		wrong += !type_from_text(text, &again) || again != type;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

static const struct {
	const char *text;
	int type; /* -1: none */
} type_texts[] = {
    {"A", 1},
    {"MX", 15},
    {"aaaa", 28},
    {"Nsec3Param", 51},
    {"https", 65},
    {"TYPE15", 15},
    {"type65535", 65535},
    {"any", 255},
    {"", -1},
    {"TYPE", -1},
    {"TYPE65536", -1},
    {"TYPE4294967297", -1},
    {"TYPE99999999999999999999", -1},
    {"TYPE-1", -1},
    {"TYPE1x", -1},
    {"AAA", -1},
    {"A ", -1},
};

START_TEST(type_is_read_from_text)
{
	uint16_t type = 0xabcd;

	ck_assert(type_from_text(type_texts[_i].text, &type) ==
	    (type_texts[_i].type >= 0));
	ck_assert_uint_eq(type,
	    type_texts[_i].type < 0 ? 0xabcd : (unsigned)type_texts[_i].type);
}
END_TEST

START_TEST(rcode_has_a_text)
{
	unsigned rcode;

	ck_assert_str_eq(rcode_text(RCODE_NOERROR), "NOERROR");
	ck_assert_str_eq(rcode_text(RCODE_NXDOMAIN), "NXDOMAIN");
	ck_assert_str_eq(rcode_text(RCODE_BADVERS), "BADVERS");
	ck_assert_str_eq(rcode_text(12), "UNKNOWN");
	for (rcode = 0; rcode < 256; rcode++)
		ck_assert_uint_gt(strlen(rcode_text((uint8_t)rcode)), 4);
}
END_TEST

/* ---------------------------------------------------------------------------
 * Text of records.
 */

/* The examples are those of the RFCs that define the types. */
static const struct {
	uint16_t type;
	const char *rdata, *text;
} record_texts[] = {
    {TYPE_A, "c0000201", "192.0.2.1"},
    {TYPE_AAAA, "20010db8000000000000000000000001", "2001:db8::1"},
    {TYPE_NS, "026e73 00", "ns."},
    {TYPE_CNAME, "00", "."},
    {TYPE_PTR, "03 612e62 00", "a\\.b."},
    {TYPE_DNAME, "0161 00", "a."},
    {TYPE_MX, "000a 026d78 00", "10 mx."},
    {TYPE_SOA, "0161 00 00 00000001 00000e10 ffffffff 00000000 0000012c",
	"a. . 1 3600 4294967295 0 300"},
    {TYPE_TXT, "0161 00 03622063", "\"a\" \"\" \"b c\""},
    {TYPE_TXT, "08 22 5c 3b 28 00 1f 7f ff",
	"\"\\\"\\\\;(\\000\\031\\127\\255\""},
    {13, "026935 00", "\"i5\" \"\""},
    {14, "0161 0162 00", "\\# 5 0161016200"},
    {14, "0161 00 0162 00", "a. b."},
    {TYPE_SRV, "0001 0002 0035 00", "1 2 53 ."},
    {35, "0064 000a 0175 07 4532552b736970 00 00",
	"100 10 \"u\" \"E2U+sip\" \"\" ."},
    {37, "0001 0002 03 00", "1 2 3 AA=="},
    /* RFC 4034 2.3, 3.3, 4.3, 5.4 */
    {TYPE_DNSKEY, "0100 03 05 0103d22a6c", "256 3 5 AQPSKmw="},
    {TYPE_RRSIG,
	"0001 05 03 00015180 3e822187 3e5a9487 0a52 076578616d706c65 00"
	"a0905f",
	"A 5 3 86400 20030326215415 20030224215415 2642 example. oJBf"},
    {TYPE_RRSIG, "ff00 08 00 00000000 00000000 ffffffff 0000 00 61",
	"TYPE65280 8 0 0 19700101000000 21060207062815 0 . YQ=="},
    {TYPE_NSEC,
	"04686f7374 00 0006 400100000003"
	"041b 000000000000000000000000000000000000000000000000000020",
	"host. A MX RRSIG NSEC TYPE1234"},
    {TYPE_NSEC, "00", "."},
    {TYPE_NSEC, "00 0000", "\\# 3 000000"},
    {TYPE_NSEC, "00 0002 40", "\\# 4 00000240"},
    {TYPE_DS, "ec45 05 01 2bb183af", "60485 5 1 2BB183AF"},
    {TYPE_DS, "ec45 05 01", "\\# 4 EC450501"},
    /* RFC 5155 A: and there may be no salt, but a hash there is. */
    {TYPE_NSEC3, "01 01 000c 04aabbccdd 05 174eb2409f 0001 40",
	"1 1 12 AABBCCDD 2T7B4G4V A"},
    {TYPE_NSEC3, "01 00 0000 00 01ff", "1 0 0 - VS"},
    {TYPE_NSEC3, "01 00 0000 00 00", "\\# 6 010000000000"},
    {51, "01 00 000a 00", "1 0 10 -"},
    {51, "01 00 000a 01ab", "1 0 10 AB"},
    {44, "04 02 ab", "4 2 AB"},
    {52, "03 01 01 abcdef", "3 1 1 ABCDEF"},
    {61, "00ff10", "AP8Q"},
    {62, "00000042 0003 0001 40", "66 3 A"},
    {63, "7848b91c 01 01 c68090d9", "2018031900 1 1 C68090D9"},
    {256, "000a 0001 6674703a2f2f", "10 1 \"ftp://\""},
    {257, "00 056973737565 6361", "0 issue \"ca\""},
    {257, "80 056973737565", "128 issue \"\""},
    {257, "00 02 6920 6361", "\\# 6 000269206361"},
    {257, "00 00 6361", "\\# 4 00006361"},
    /* RFC 9460 D: a value that does not fit its key is told by number. */
    {65, "0000 03666f6f 00", "0 foo."},
    {64, "0001 00", "1 ."},
    {64, "0010 03666f6f 00 0003 0002 0035", "16 foo. port=53"},
    {64, "0001 03666f6f 00 029b 0009 68656c6c6fd2716f6f",
	"1 foo. key667=\"hello\\210qoo\""},
    {64,
	"0001 03666f6f 00 0006 0020 20010db8000000000000000000000001"
	"20010db8000000000000000000530001",
	"1 foo. ipv6hint=2001:db8::1,2001:db8::53:1"},
    {64,
	"0010 03666f6f 00 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139"
	"0004 0004 c0000201",
	"16 foo. mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1"},
    {64, "0010 00 0001 000c 08 665c6f6f2c626172 02 6832",
	"16 . key1=\"\\008f\\\\oo,bar\\002h2\""},
    {64, "0001 00 0002 0000 0005 0003 616263 0007 0003 2f7b7d",
	"1 . no-default-alpn ech=YWJj dohpath=\"/{}\""},
    {64, "0001 00 0002 0001 61 0003 0003 003500",
	"1 . key2=\"a\" key3=\"\\0005\\000\""},
    {64, "0001 00 0004 0003 010203 0001 0000",
	"1 . key4=\"\\001\\002\\003\" key1=\"\""},
    {64, "0001 00 0000 0002 ffff", "1 . mandatory=key65535"},
    {64, "0001 00 0003 0005 0035",
	"\\# 9 00010000030005"
	"0035"},
    /* RFC 3597 5. */
    {65280, "", "\\# 0"},
    {65280, "0a000001", "\\# 4 0A000001"},
    {TYPE_A, "0a0000", "\\# 3 0A0000"},
    {TYPE_MX, "000a 00 00", "\\# 4 000A0000"},
    {TYPE_TXT, "", "\\# 0"},
    {11, "0a000001 06 40", "\\# 6 0A0000010640"},
    {0, "c000", "\\# 2 C000"},
};

/* Into so much room; the text is good until the next. */
static const char *
rdata_text(uint16_t type, const char *hex, size_t max)
{
	static uint8_t octets[512], text[512];
	uint8_t *room = malloc(max + 1);
	struct reader rdata;
	struct writer w;

	ck_assert_ptr_nonnull(room);
	ck_assert_uint_lt(max, sizeof(text));
	reader_init(&rdata, octets, from_hex(hex, octets));
	writer_init(&w, room, max);
	write_rdata_text(&w, type, &rdata);
	memcpy(text, room, w.len);
	text[w.failed ? 0 : w.len] = '\0';
	free(room);
	return (const char *)text;
}

START_TEST(rdata_has_the_text_of_its_type)
{
	ck_assert_str_eq(
	    rdata_text(record_texts[_i].type, record_texts[_i].rdata, 256),
	    record_texts[_i].text);
}
END_TEST

/* Of eight octets with all bits set the names take more than any other text. */
START_TEST(text_without_room_gives_way_to_octets)
{
	static const char hex[] = "00 ff08 ffffffffffffffff",
			  octets[] = "\\# 11 00FF08FFFFFFFFFFFFFFFF";
	size_t max;

	for (max = 0; max < 511; max++)
		ck_assert_str_eq(rdata_text(TYPE_NSEC, hex, max),
		    max < strlen(octets) ? "" : octets);
	ck_assert_uint_eq(
	    strlen(rdata_text(TYPE_NSEC, "00 ff04 ffffffff", 511)),
	    1 + 32 * 10);
}
END_TEST

/* Whatever the octets are, it is one line of printable ASCII. */
START_TEST(text_of_a_record_is_one_printable_line)
{
	static uint8_t octets[200], text[800];
	uint32_t seed = 1;
	unsigned type, tries, i, strange = 0;

	for (type = 0; type < 300; type++)
		for (tries = 0; tries < 50; tries++) {
			struct reader rdata;
			struct writer w;

			for (i = 0; i < 200; i++)
				octets[i] = (uint8_t)random_up_to(&seed, 256);
			octets[0] = (uint8_t)(tries % 3);
			reader_init(&rdata, octets, random_up_to(&seed, 200));
			writer_init(&w, text, sizeof(text));
			write_rdata_text(&w, (uint16_t)type, &rdata);
			ck_assert(!w.failed && w.len > 0);
			for (i = 0; i < w.len; i++)
				strange += text[i] < ' ' || text[i] > '~';
			ck_assert(text[0] != ' ' && text[w.len - 1] != ' ');
		}
	ck_assert_uint_eq(strange, 0);
}
END_TEST

START_TEST(record_has_owner_ttl_class_type_and_rdata)
{
	struct name owner = name_of("a\\.b.example.");
	uint8_t octets[4], text[64];
	static const char expected[] = "a\\.b.example. 4294967295 IN A 1.2.3.4";
	struct reader rdata;
	struct writer w;
	size_t max;

	for (max = 0; max < sizeof(text); max++) {
		reader_init(&rdata, octets, from_hex("01020304", octets));
		writer_init(&w, text, max);
		write_record_text(&w, &owner, UINT32_MAX, TYPE_A, &rdata);
		if (max < strlen(expected)) {
			ck_assert(w.failed);
			ck_assert_uint_eq(w.len, 0);
			continue;
		}
		ck_assert(!w.failed);
		ck_assert_uint_eq(w.len, strlen(expected));
		ck_assert_mem_eq(text, expected, w.len);
	}
}
END_TEST

/* ---------------------------------------------------------------------------
 * Addresses.
 */

static const struct {
	const char *text;
	uint8_t family; /* 0: no address */
	const char *port_text;
} addresses[] = {
    {"192.0.2.1", 4, "192.0.2.1:53"},
    {"0.0.0.0", 4, "0.0.0.0:53"},
    {"255.255.255.255", 4, "255.255.255.255:53"},
    {"2001:db8::1", 6, "[2001:db8::1]:53"},
    {"::", 6, "[::]:53"},
    {"::1", 6, "[::1]:53"},
    {"::ffff:192.0.2.1", 6, "[::ffff:192.0.2.1]:53"},
    {"1111:2222:3333:4444:5555:6666:7777:8888", 6,
	"[1111:2222:3333:4444:5555:6666:7777:8888]:53"},
    {"", 0, NULL},
    {"192.0.2", 0, NULL},
    {"192.0.2.1.1", 0, NULL},
    {"192.0.2.256", 0, NULL},
    {"192.0.2.01", 0, NULL},
    {"0x7f000001", 0, NULL},
    {"127.1", 0, NULL},
    {" 192.0.2.1", 0, NULL},
    {"192.0.2.1 ", 0, NULL},
    {"192.0.2.1:53", 0, NULL},
    {"::1%lo", 0, NULL},
    {"[::1]", 0, NULL},
    {":::", 0, NULL},
    {"example", 0, NULL},
};

START_TEST(address_is_read_from_text)
{
	char text[ADDRESS_TEXT_MAX];
	struct address a;

	memset(&a, 0xff, sizeof(a));
	ck_assert(address_from_text(addresses[_i].text, &a) ==
	    (addresses[_i].family != 0));
	ck_assert_uint_eq(a.family, addresses[_i].family);
	ck_assert_uint_eq(a.port, 0);
	if (a.family == 0)
		return;
	ck_assert_str_eq(address_text(&a, text), addresses[_i].text);
	a.port = 53;
	ck_assert_str_eq(address_port_text(&a, text), addresses[_i].port_text);
}
END_TEST

START_TEST(longest_address_fits_its_buffer)
{
	struct address a = {.family = 6, .port = 65535};
	char *text = malloc(ADDRESS_TEXT_MAX);

	ck_assert_ptr_nonnull(text);
	memset(a.ip, 0xff, sizeof(a.ip));
	ck_assert_str_eq(address_port_text(&a, text),
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	free(text);
}
END_TEST

START_TEST(unused_octets_of_an_address_are_zero)
{
	static const uint8_t zeros[12];
	struct sockaddr_storage storage;
	struct address a, b;

	memset(&a, 0xff, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	ck_assert(address_from_text("192.0.2.1", &a));
	ck_assert_mem_eq(a.ip + 4, zeros, 12);
	address_to_sockaddr(&a, &storage);
	ck_assert(address_from_sockaddr(&storage, &b));
	ck_assert_mem_eq(b.ip + 4, zeros, 12);
}
END_TEST

START_TEST(addresses_are_equal_with_their_ports)
{
	struct address a, b;

	ck_assert(address_from_text("192.0.2.1", &a));
	b = a;
	ck_assert(address_equal(&a, &b));
	b.port = 1;
	ck_assert(!address_equal(&a, &b));
	ck_assert(address_from_text("192.0.2.2", &b));
	ck_assert(!address_equal(&a, &b));
	ck_assert(address_from_text("c000:201::", &b));
	ck_assert(!address_equal(&a, &b));
}
END_TEST

START_TEST(address_survives_as_sockaddr)
{
	static const char *const texts_of[] = {"192.0.2.1", "2001:db8::1"};
	struct sockaddr_storage storage;
	struct address a, b;
	socklen_t len;

	ck_assert(address_from_text(texts_of[_i], &a));
	a.port = 5353;
	len = address_to_sockaddr(&a, &storage);
	ck_assert_uint_eq(len,
	    _i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	ck_assert_int_eq(storage.ss_family, _i == 0 ? AF_INET : AF_INET6);
	ck_assert(address_from_sockaddr(&storage, &b));
	ck_assert(address_equal(&a, &b));
	storage.ss_family = AF_UNIX;
	ck_assert(!address_from_sockaddr(&storage, &b));
	ck_assert_uint_eq(b.family, 0);
}
END_TEST

START_TEST(sockaddr_is_in_network_order)
{
	struct address a;
	struct sockaddr_storage storage;
	struct sockaddr_in in;

	ck_assert(address_from_text("192.0.2.1", &a));
	a.port = 0x1234;
	address_to_sockaddr(&a, &storage);
	memcpy(&in, &storage, sizeof(in));
	ck_assert_mem_eq(&in.sin_port, "\x12\x34", 2);
	ck_assert_mem_eq(&in.sin_addr, "\xc0\x00\x02\x01", 4);
}
END_TEST

static const struct {
	const char *prefix, *address;
	int covers; /* -1: no prefix */
} prefixes[] = {
    {"192.0.2.0/24", "192.0.2.255", 1},
    {"192.0.2.0/24", "192.0.3.0", 0},
    {"192.0.2.99/24", "192.0.2.1", 1},
    {"10.0.0.0/8", "10.255.255.255", 1},
    {"10.0.0.0/8", "11.0.0.0", 0},
    {"100.64.0.0/10", "100.127.255.255", 1},
    {"100.64.0.0/10", "100.128.0.0", 0},
    {"0.0.0.0/0", "255.255.255.255", 1},
    {"0.0.0.0/0", "::", 0},
    {"::/0", "0.0.0.0", 0},
    {"::/0", "ffff::", 1},
    {"128.0.0.0/1", "127.255.255.255", 0},
    {"128.0.0.0/1", "128.0.0.0", 1},
    {"192.0.2.1", "192.0.2.1", 1},
    {"192.0.2.1", "192.0.2.0", 0},
    {"192.0.2.0/31", "192.0.2.1", 1},
    {"192.0.2.0/31", "192.0.2.2", 0},
    {"::1", "::1", 1},
    {"::1", "::2", 0},
    {"::1/128", "::", 0},
    {"fe80::/10", "febf::1", 1},
    {"fe80::/10", "fec0::1", 0},
    {"2001:db8::/32", "2001:db8:ffff::", 1},
    {"2001:db8::/32", "2001:db9::", 0},
    {"192.0.2.0/33", "::", -1},
    {"::/129", "::", -1},
    {"192.0.2.0/", "::", -1},
    {"192.0.2.0/ 8", "::", -1},
    {"192.0.2.0/-1", "::", -1},
    {"192.0.2.0/8x", "::", -1},
    {"192.0.2.0/8/8", "::", -1},
    {"192.0.2.0/4294967304", "::", -1},
    {"/8", "::", -1},
    {"", "::", -1},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/1", "::", -1},
};

START_TEST(prefix_covers_what_begins_alike)
{
	struct prefix prefix;
	struct address a;

	ck_assert(address_from_text(prefixes[_i].address, &a));
	ck_assert(prefix_from_text(prefixes[_i].prefix, &prefix) ==
	    (prefixes[_i].covers >= 0));
	if (prefixes[_i].covers < 0)
		return;
	ck_assert(prefix_covers(&prefix, &a) == prefixes[_i].covers);
}
END_TEST

/* In each octet, and whatever the port. */
START_TEST(any_address_has_no_bit_set)
{
	struct address a = {.family = _i < 4 ? 4 : 6, .port = 53};

	ck_assert(address_is_any(&a));
	a.ip[_i] = 1;
	ck_assert(!address_is_any(&a));
	a.ip[_i] = 0x80;
	ck_assert(!address_is_any(&a));
}
END_TEST

/* ---------------------------------------------------------------------------
 * Octets at random: nothing may fail but by saying so.
 */

static void
read_anything(const uint8_t *octets, size_t len)
{
	static uint8_t room[BOUND];
	struct record record;
	struct header header;
	struct question question;
	struct edns edns;
	struct reader r;
	struct writer w;

	reader_init(&r, octets, len);
	read_header(&r, &header);
	read_question(&r, &question);
	while (read_record(&r, &record)) {
		writer_init(&w, room, sizeof(room));
		if (record.type == TYPE_OPT)
			read_edns(&r, &record, &edns);
		else if (read_rdata(&r, &record, &w)) {
			struct reader rdata;
			static uint8_t out[BOUND];

			reader_init(&rdata, room, w.len);
			writer_init(&w, out, sizeof(out));
			write_rdata(&w, record.type, &rdata);
			ck_assert(!w.failed);
		}
		ck_assert(!w.failed);
	}
	ck_assert(r.failed);
	ck_assert_uint_le(r.work, WORK_PER_OCTET * len + OVERWORK);
}

START_TEST(mutated_messages_are_read_or_refused)
{
	uint8_t octets[512], *copy;
	size_t len = from_hex(good_message, octets);
	uint32_t state = (uint32_t)_i + 1, n, i;

	for (n = 0; n < 200; n++) {
		copy = octets_copy(octets, len);
		for (i = random_up_to(&state, 8); i > 0; i--)
			copy[random_up_to(&state, (uint32_t)len)] =
			    (uint8_t)random_up_to(&state, 256);
		for (i = random_up_to(&state, 3); i > 0; i--)
			copy[random_up_to(&state, (uint32_t)len)] = 0xc0;
		read_anything(copy, len);
		free(copy);
	}
}
END_TEST

/* ------------------------------------------------------------------------- */

static void
add_wire(TCase *c)
{
	tcase_add_test(c, numbers_are_in_network_order);
	tcase_add_test(c, failed_read_gives_zero_and_takes_nothing);
	tcase_add_test(c, read_of_a_huge_count_fails);
	tcase_add_test(c, failed_write_adds_nothing);
	tcase_add_test(c, written_back_writer_is_well_again);
	tcase_add_test_raise_signal(
	    c, write_back_to_what_was_never_written_aborts, SIGABRT);
	tcase_add_test_raise_signal(
	    c, number_put_beyond_what_was_written_aborts, SIGABRT);
	tcase_add_loop_test(c, name_is_any_string_of_labels, 0,
	    sizeof(good_names) / sizeof(good_names[0]));
	tcase_add_loop_test(c, name_that_is_malformed_is_refused, 0,
	    sizeof(bad_names) / sizeof(bad_names[0]));
	tcase_add_test(c, pointer_backwards_is_followed);
	tcase_add_test(c, label_of_63_octets_is_read);
	tcase_add_loop_test(
	    c, label_of_64_octets_and_more_is_refused, 60, 0xc0);
	tcase_add_loop_test(
	    c, name_longer_than_255_octets_is_refused, 192, 254);
	tcase_add_test(c, name_of_exactly_255_octets_is_read);
	tcase_add_test(c, name_of_127_labels_is_read);
	tcase_add_test(c, name_of_more_than_64_pointers_is_refused);
	tcase_add_test(c, work_on_one_message_is_bounded);
	tcase_add_test(c, work_is_octets_and_jumps);
	tcase_add_test(c, honest_message_of_long_owners_is_read);
}

static void
add_messages(TCase *c)
{
	tcase_add_test(c, good_message_is_read);
	tcase_add_test(c, message_cut_short_is_refused);
	tcase_add_test(c, record_is_read_field_by_field);
	tcase_add_test(c, response_is_taken_apart);
	tcase_add_loop_test(
	    c, response_cut_short_is_refused_unless_it_says_so, 0, 2);
	tcase_add_loop_test(
	    c, response_without_question_is_an_error_of_reading, 0, 16);
	tcase_add_loop_test(c, response_has_one_question, 0, 3);
	tcase_add_loop_test(
	    c, response_with_octets_left_over_is_an_error, 0, 16);
	tcase_add_test(c, records_beyond_2048_are_not_read);
	tcase_add_loop_test(c, header_keeps_each_flag, 0, 16);
	tcase_add_test(c, header_writes_no_more_than_its_bits);
	tcase_add_test(c, what_does_not_fit_is_not_begun);
	tcase_add_test(c, name_in_a_failed_write_is_not_pointed_to);
	tcase_add_test(c, question_keeps_its_case);
	tcase_add_loop_test(c, mutated_messages_are_read_or_refused, 0, 20);
}

static void
add_rdata(TCase *c)
{
	int count = sizeof(shapes) / sizeof(shapes[0]);

	tcase_add_loop_test(
	    c, rdata_has_exactly_the_shape_of_its_type, 0, count);
	tcase_add_loop_test(
	    c, rdata_at_the_end_of_a_message_is_not_overread, 0, count);
	tcase_add_test(c, rdata_without_room_leaves_the_writer_as_it_was);
	tcase_add_test(c, rdata_that_grows_beyond_64_kib_is_refused);
	tcase_add_test(c, work_on_rdata_is_charged_to_the_message);
	tcase_add_loop_test(
	    c, rdata_of_any_length_is_read_whole_or_refused, 0, 10);
	tcase_add_loop_test(c, work_on_the_worst_messages_is_bounded, 0, 24);
	tcase_add_test(c, only_types_of_rfc_1035_are_compressed);
	tcase_add_loop_test(c, rdata_is_written_with_its_length, 0,
	    sizeof(written) / sizeof(written[0]));
	tcase_add_test(c, rdata_is_taken_from_where_the_reader_stands);
}

static void
add_compression(TCase *c)
{
	tcase_add_loop_test(
	    c, compressed_names_read_as_they_were_written, 0, 100);
	tcase_add_test(c, name_written_twice_is_a_pointer);
	tcase_add_test(c, writer_without_a_table_does_not_compress);
	tcase_add_test(c, name_written_back_is_forgotten);
	tcase_add_loop_test(c, name_beyond_16_kib_is_not_pointed_to, 0, 2);
	tcase_add_test(c, names_beyond_the_table_are_written_in_full);
	tcase_add_test(c, names_that_share_a_slot_are_all_found);
	tcase_add_test(c, room_of_names_written_back_is_used_again);
}

static void
add_edns(TCase *c)
{
	tcase_add_test(c, opt_is_read);
	tcase_add_test(c, unknown_options_and_flags_are_ignored);
	tcase_add_test(c, udp_size_below_512_is_512);
	tcase_add_loop_test(c, opt_that_is_malformed_is_refused, 0,
	    sizeof(bad_opts) / sizeof(bad_opts[0]));
	tcase_add_test(c, options_beyond_64_are_not_looked_at);
	tcase_add_test(c, of_two_cookies_the_first_counts);
	tcase_add_test(c, keepalive_is_read_and_written);
	tcase_add_loop_test(c, opt_is_written_as_it_is_read, 0, 4);
	tcase_add_test(c, reasons_are_written_as_extended_errors);
}

static void
add_cookies(TCase *c)
{
	int n = sizeof(cookies) / sizeof(cookies[0]);

	tcase_add_loop_test(c, cookies_of_rfc_9018_are_ours, 0, n);
	tcase_add_test(c, secret_before_holds_as_long_as_a_cookie);
	tcase_add_loop_test(c, no_bit_of_a_cookie_may_differ, 0, n);
	tcase_add_test(c, cookie_of_another_length_is_not_ours);
	tcase_add_loop_test(c, cookie_is_good_for_an_hour, 0, 4);
	tcase_add_loop_test(c, cookie_has_8_or_16_to_40_octets, 0, 48);
	tcase_add_test(c, first_of_two_cookies_counts);
	tcase_add_loop_test(c, cookie_is_written_as_it_is_read, 0, 4);
}

static void
add_names(TCase *c)
{
	tcase_add_loop_test(c, only_a_to_z_fold, 0, 2);
	tcase_add_test(c, name_is_spelled_by_bits);
	tcase_add_test(c, names_of_other_length_are_not_equal);
	tcase_add_loop_test(c, name_is_within_a_zone_by_whole_labels, 0,
	    sizeof(within) / sizeof(within[0]));
	tcase_add_loop_test(
	    c, parent_is_the_name_without_its_first_labels, 0, 6);
	tcase_add_loop_test(c, suffix_is_the_end_of_the_name, 0, 4);
	tcase_add_test_raise_signal(
	    c, suffix_that_begins_inside_a_label_aborts, SIGABRT);
	tcase_add_test(c, end_of_a_name_is_substituted);
	tcase_add_test_raise_signal(
	    c, owner_of_a_dname_itself_is_not_substituted, SIGABRT);
	tcase_add_test_raise_signal(
	    c, name_elsewhere_is_not_substituted, SIGABRT);
	tcase_add_test(c, substitute_longer_than_255_octets_is_refused);
	tcase_add_test(c, hash_is_siphash_1_3);
	tcase_add_test(c, hash_depends_on_each_bit_of_name_and_key);
}

static void
add_text(TCase *c)
{
	tcase_add_loop_test(c, every_octet_survives_as_text, 0, 256);
	tcase_add_loop_test(
	    c, name_has_one_text, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(c, longest_text_fits_its_buffer);
	tcase_add_loop_test(
	    c, name_is_read_from_text, 0, sizeof(spelled) / sizeof(spelled[0]));
	tcase_add_test(c, text_of_more_than_255_octets_is_refused);
	tcase_add_test(c, type_survives_as_text);
	tcase_add_loop_test(c, type_is_read_from_text, 0,
	    sizeof(type_texts) / sizeof(type_texts[0]));
	tcase_add_test(c, rcode_has_a_text);
	tcase_add_loop_test(c, rdata_has_the_text_of_its_type, 0,
	    sizeof(record_texts) / sizeof(record_texts[0]));
	tcase_add_test(c, text_without_room_gives_way_to_octets);
	tcase_add_test(c, text_of_a_record_is_one_printable_line);
	tcase_add_test(c, record_has_owner_ttl_class_type_and_rdata);
}

static void
add_addresses(TCase *c)
{
	tcase_add_loop_test(c, address_is_read_from_text, 0,
	    sizeof(addresses) / sizeof(addresses[0]));
	tcase_add_test(c, longest_address_fits_its_buffer);
	tcase_add_test(c, unused_octets_of_an_address_are_zero);
	tcase_add_test(c, addresses_are_equal_with_their_ports);
	tcase_add_loop_test(c, address_survives_as_sockaddr, 0, 2);
	tcase_add_test(c, sockaddr_is_in_network_order);
	tcase_add_loop_test(c, any_address_has_no_bit_set, 0, 16);
	tcase_add_loop_test(c, prefix_covers_what_begins_alike, 0,
	    sizeof(prefixes) / sizeof(prefixes[0]));
}

int
main(void)
{
	static const struct {
		const char *what;
		void (*add)(TCase *);
	} cases[] = {
	    {"wire", add_wire},
	    {"messages", add_messages},
	    {"rdata", add_rdata},
	    {"compression", add_compression},
	    {"edns", add_edns},
	    {"cookies", add_cookies},
	    {"names", add_names},
	    {"text", add_text},
	    {"addresses", add_addresses},
	};
	Suite *suite = suite_create("message");
	SRunner *runner;
	size_t i;
	int failed;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		TCase *c = tcase_create(cases[i].what);

		cases[i].add(c);
		suite_add_tcase(suite, c);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
