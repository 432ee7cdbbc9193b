/*
 * check_cache_file.c -- what is kept over a restart: that all of it comes back,
 * aged by the clock on the wall, and nothing from a file that is not as it was
 * written.  A restart is a cache made anew, with another key.
 */
#include "from_text.h"
#include "scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t NOW_MS = 5000, WALL_MS = UINT64_C(1800000000000);
static const struct name ROOT = {.len = 1};

static char directory[PATH_MAX / 4], path[PATH_MAX / 2], log_path[PATH_MAX / 2];
static struct options options;
static uint8_t whole[1 << 20]; /* of a file */
static size_t whole_len;

static void
restart(void)
{
	static uint8_t key[16];

	key[0]++;
	ck_assert(cache_init(CACHE_OCTETS_MIN, key));
}

static void
setup(void)
{
	static const uint8_t key[16] = {1};
	const struct log_options log = {.path = log_path, .least = LEVEL_DEBUG};

	scratch_directory(directory, sizeof(directory));
	snprintf(path, sizeof(path), "%s/cache", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	ck_assert(eventlog_open(&log, key));
	eventlog_time(NOW_MS, WALL_MS);
	memset(&options, 0, sizeof(options));
	options.cache_file = path;
	restart();
	cache_file_open(&options, WALL_MS, NOW_MS); /* there is none yet */
}

/* Has the log a line with this? */
static bool
told(const char *text)
{
	static char log[1 << 20];
	FILE *f;
	size_t len;

	eventlog_flush();
	f = fopen(log_path, "r");
	ck_assert_ptr_nonnull(f);
	len = fread(log, 1, sizeof(log) - 1, f);
	fclose(f);
	log[len] = '\0';
	return strstr(log, text) != NULL;
}

/* ---------------------------------------------------------------------------
 * What is known.
 */

static void
put(const char *owner, uint16_t type, enum kind kind, uint32_t ttl_s,
    unsigned records, unsigned proofs, const struct writer *body)
{
	struct name name = name_of(owner);
	struct draft d = {.owner = &name,
	    .type = type,
	    .kind = kind,
	    .trust = kind == KIND_DELEGATION ? TRUST_REFERRAL : TRUST_ANSWER,
	    .ttl_s = ttl_s,
	    .records = (uint8_t)records,
	    .proofs = (uint8_t)proofs,
	    .body = body->base,
	    .body_len = body->len};

	ck_assert(cache_store(&d, NOW_MS));
}

static void
put_address(const char *owner, uint32_t ttl_s, uint8_t last)
{
	uint8_t octets[6] = {0, 4, 192, 0, 2, last};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	w.len = sizeof(octets);
	put(owner, TYPE_A, KIND_RRSET, ttl_s, 1, 0, &w);
}

static void
put_error(const char *owner, uint32_t ttl_s)
{
	struct name apex = name_of("example.");
	uint8_t octets[300];
	struct writer w;
	size_t mark;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, apex.wire, apex.len);
	write_u16(&w, TYPE_SOA);
	mark = w.len;
	write_u16(&w, 0);
	write_bytes(&w, apex.wire, apex.len);
	write_bytes(&w, apex.wire, apex.len);
	for (unsigned i = 0; i < 5; i++)
		write_u32(&w, 300 + i);
	write_u16_at(&w, mark, (uint16_t)(w.len - mark - 2));
	put(owner, 0, KIND_NAME_ERROR, ttl_s, 0, 1, &w);
}

static void
put_delegation(const char *zone, uint32_t ttl_s)
{
	struct name ns = name_of("ns1.example.");
	uint8_t octets[300], glue[] = {1, 1, 192, 0, 2, 53, 0x20, 1, [21] = 1};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	write_bytes(&w, ns.wire, ns.len);
	write_bytes(&w, glue, sizeof(glue));
	put(zone, TYPE_NS, KIND_DELEGATION, ttl_s, 1, 0, &w);
}

static void
put_all(void)
{
	put_address("www.example.", 3600, 1);
	put_address("short.example.", 60, 2);
	put_error("none.example.", 3600);
	put_delegation("example.", 86400);
}

/* What is left of the TTL; 0: it is not known. */
static uint32_t
ttl_s(const char *owner, uint16_t type, enum found found)
{
	struct name name = name_of(owner);
	struct view view;

	return cache_find(&name, type, cache_mark(), NOW_MS, &view) == found
	    ? view.ttl_s
	    : 0;
}

static uint32_t
delegation_ttl_s(const char *zone)
{
	struct name name = name_of(zone);
	struct view view;
	uint64_t until_ms;

	return cache_find_delegation(
		   &name, cache_mark(), NOW_MS, &view, &until_ms)
	    ? view.ttl_s
	    : 0;
}

static uint64_t
entries(void)
{
	struct cache_counts counts;

	cache_count(&counts);
	return counts.entries;
}

static uint64_t
evicted(void)
{
	struct cache_counts counts;

	cache_count(&counts);
	return counts.evicted;
}

/* Addresses of so many names, or of as many as there is room for. */
static unsigned
put_names(const char *prefix, unsigned count)
{
	char owner[32];
	unsigned i;

	for (i = 0; i < count && evicted() == 0; i++) {
		snprintf(owner, sizeof(owner), "%s%u.example.", prefix, i);
		put_address(owner, 3600, 1);
	}
	return i;
}

/* ---------------------------------------------------------------------------
 * Out and in.
 */

static void
save(void)
{
	struct cache_cursor at;

	ck_assert(cache_file_begin(&options, &at, WALL_MS));
	while (cache_file_write(&at, NOW_MS))
		;
	cache_file_end();
}

static void
load(uint64_t wall_ms)
{
	cache_file_open(&options, wall_ms, NOW_MS);
	while (cache_file_next_due() == 0)
		cache_file_read(NOW_MS);
}

static void
whole_read(void)
{
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	whole_len = fread(whole, 1, sizeof(whole), f);
	ck_assert_uint_lt(whole_len, sizeof(whole));
	fclose(f);
}

static void
whole_write(size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(whole, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(what_is_known_is_known_after_a_restart)
{
	put_all();
	save();
	ck_assert(told("event=CACHE_SAVED"));
	restart();
	load(WALL_MS);
	ck_assert(told("event=CACHE_RESTORED"));
	ck_assert(told(" entries=4 age_s=0"));
	ck_assert_uint_eq(ttl_s("www.example.", TYPE_A, FOUND_ANSWER), 3600);
	ck_assert_uint_eq(ttl_s("short.example.", TYPE_A, FOUND_ANSWER), 60);
	ck_assert_uint_eq(
	    ttl_s("none.example.", TYPE_MX, FOUND_NAME_ERROR), 3600);
	ck_assert_uint_eq(delegation_ttl_s("example."), 86400);
}
END_TEST

/* The server was off for so long that one entry ended. */
START_TEST(what_comes_back_has_aged_meanwhile)
{
	put_all();
	save();
	restart();
	load(WALL_MS + 99500);
	ck_assert_uint_eq(ttl_s("www.example.", TYPE_A, FOUND_ANSWER), 3500);
	ck_assert_uint_eq(ttl_s("short.example.", TYPE_A, FOUND_ANSWER), 0);
	ck_assert_uint_eq(
	    ttl_s("none.example.", TYPE_A, FOUND_NAME_ERROR), 3500);
	ck_assert_uint_eq(delegation_ttl_s("example."), 86300);
	ck_assert_uint_eq(entries(), 3);
}
END_TEST

/* The clock on the wall was wrong then, or is now: nobody knows how old it is.
 */
START_TEST(a_file_from_the_future_is_not_read)
{
	put_all();
	save();
	restart();
	load(WALL_MS - 1);
	ck_assert(told("event=CACHE_NOT_RESTORED"));
	ck_assert(told("why=\"from the future\""));
	ck_assert_uint_eq(entries(), 0);
}
END_TEST

START_TEST(a_file_of_other_forwarders_is_not_read)
{
	put_all();
	save();
	restart();
	options.forward[0] = (struct forward){
	    .zone = ROOT, .at = {{4, {10, 1, 1, 1}, 53}}, .count = 1};
	options.forward_count = 1;
	load(WALL_MS);
	ck_assert(told("why=\"of other roots or forwarders\""));
	ck_assert_uint_eq(entries(), 0);
}
END_TEST

/* What was learned since the start is newer. */
START_TEST(what_is_known_by_then_stays)
{
	put_all();
	put_error("gone.example.", 3600);
	save();
	restart();
	put_address("www.example.", 7, 9);
	put_error("short.example.", 7);
	put_address("gone.example.", 7, 9);
	load(WALL_MS);
	ck_assert_uint_eq(ttl_s("www.example.", TYPE_A, FOUND_ANSWER), 7);
	ck_assert_uint_eq(ttl_s("short.example.", TYPE_A, FOUND_NAME_ERROR), 7);
	ck_assert_uint_eq(ttl_s("gone.example.", TYPE_A, FOUND_ANSWER), 7);
	ck_assert_uint_eq(delegation_ttl_s("example."), 86400);
}
END_TEST

/* Many blocks, into a cache that has not the room: nothing learned goes. */
START_TEST(a_large_file_fills_the_cache_and_no_more)
{
	unsigned room, turns = 0;

	(void)put_names("n", 4000);
	save();
	restart();
	put_address("www.example.", 3600, 1);
	cache_file_open(&options, WALL_MS, NOW_MS);
	for (; cache_file_next_due() == 0; turns++)
		cache_file_read(NOW_MS);
	ck_assert_uint_gt(turns, 2);
	ck_assert_uint_lt(turns, 8);
	ck_assert_uint_eq(entries(), 4001);
	restart();
	room = put_names("m", UINT_MAX);
	restart();
	(void)put_names("m", room - 100);
	load(WALL_MS);
	ck_assert_uint_gt(entries(), room - 100);
	ck_assert_uint_lt(entries(), room + 100 / 2); /* shorter names */
	ck_assert_uint_eq(evicted(), 0);
}
END_TEST

START_TEST(after_a_flush_nothing_more_comes_back)
{
	put_all();
	save();
	restart();
	cache_file_open(&options, WALL_MS, NOW_MS);
	cache_file_abandon();
	ck_assert(told("why=flushed"));
	ck_assert_uint_eq(cache_file_next_due(), UINT64_MAX);
	cache_file_read(NOW_MS);
	ck_assert_uint_eq(entries(), 0);
}
END_TEST

/* Not even one octet may be another: each in turn. */
START_TEST(a_damaged_octet_is_noticed)
{
	size_t i;

	put_all();
	save();
	whole_read();
	for (i = 0; i < whole_len; i++) {
		whole[i] ^= 0x10;
		whole_write(whole_len);
		whole[i] ^= 0x10;
		restart();
		load(WALL_MS + 3599000); /* a nearer hour is no damage */
		ck_assert_msg(entries() == 0 || i >= whole_len - 12,
		    "octet %zu of %zu", i, whole_len);
	}
	whole_write(whole_len);
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 4);
}
END_TEST

START_TEST(a_file_that_breaks_off_is_noticed)
{
	size_t len;

	put_all();
	save();
	whole_read();
	for (len = 0; len < whole_len - 12; len++) {
		whole_write(len);
		restart();
		load(WALL_MS);
		ck_assert_uint_eq(entries(), 0);
	}
	ck_assert(told("why=\"cut off\""));
	ck_assert(!told("event=CACHE_RESTORED"));
}
END_TEST

/* So many octets of anything: the reader takes them apart, or not. */
START_TEST(rubbish_is_not_read)
{
	size_t i;

	put_all();
	save();
	whole_read();
	for (i = 8; i < sizeof(whole) / 2; i++)
		whole[i] = (uint8_t)(i * i >> 3);
	whole_write(sizeof(whole) / 2);
	restart();
	load(UINT64_MAX);
	ck_assert_uint_eq(entries(), 0);
	ck_assert(told("event=CACHE_NOT_RESTORED"));
}
END_TEST

/* The first block is as it was written again, for who looks at its hash. */
static void
rehash(void)
{
	uint8_t key[16] = {0};
	struct reader head;
	struct writer w;
	uint32_t len;
	uint64_t hash;

	memcpy(key, whole + 8, 8); /* the hour; the number of the block is 0 */
	reader_init(&head, whole + 24, 4);
	len = read_u32(&head);
	ck_assert_uint_lt(36 + len, whole_len);
	hash = hash_keyed(whole + 36, len, key);
	writer_init(&w, whole + 28, 8);
	write_u32(&w, (uint32_t)(hash >> 32));
	write_u32(&w, (uint32_t)hash);
}

/* All that is in the cache can be read to its end, as those who answer do. */
static void
all_is_sound(void)
{
	struct cache_cursor at;
	struct cached found;
	unsigned looks = UINT32_MAX, i;

	cache_cursor_init(&at);
	while (cache_next(&at, &looks, NOW_MS, &found)) {
		struct reader *body = &found.view.body;
		struct name name;

		ck_assert_uint_gt(found.view.ttl_s, 0);
		for (i = 0; i < found.view.records; i++) {
			if (found.kind == KIND_DELEGATION) {
				ck_assert(read_name(body, &name));
				unsigned v4 = read_u8(body), v6 = read_u8(body);
				(void)read_bytes(body, 4 * v4 + 16 * v6);
			} else {
				(void)read_bytes(body, read_u16(body));
			}
			ck_assert(!body->failed);
		}
		for (i = 0; i < found.view.proofs; i++) {
			ck_assert(read_name(body, &name));
			(void)read_u16(body);
			(void)read_bytes(body, read_u16(body));
			ck_assert(!body->failed);
		}
		ck_assert_uint_eq(body->at, body->len);
	}
}

/* One wrong bit, each in turn, in a block whose hash is right all the same. */
START_TEST(no_wrong_bit_in_an_entry_does_harm)
{
	size_t i;

	put_all();
	save();
	whole_read();
	for (i = 36 * 8; i < (whole_len - 12) * 8; i++) {
		whole[i / 8] ^= (uint8_t)(1 << i % 8);
		rehash();
		whole_write(whole_len);
		whole[i / 8] ^= (uint8_t)(1 << i % 8);
		restart();
		load(WALL_MS);
		all_is_sound();
		ck_assert_uint_le(entries(), 4);
	}
	rehash();
	whole_write(whole_len);
	restart();
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 4);
}
END_TEST

/* The right hash of a wrong entry: who wrote that had a fault, or an aim. */
START_TEST(an_entry_must_be_what_it_says)
{
	/* Rdata of A with five octets; see put_address for four. */
	uint8_t octets[7] = {0, 5, 192, 0, 2, 1, 1};
	uint8_t pointer[4] = {0, 2, 0xc0, 0};
	struct writer w;

	writer_init(&w, octets, sizeof(octets));
	w.len = sizeof(octets);
	put("www.example.", TYPE_A, KIND_RRSET, 3600, 1, 0, &w);
	save();
	restart();
	load(WALL_MS);
	ck_assert(told("why=damaged"));
	ck_assert_uint_eq(entries(), 0);

	writer_init(&w, pointer, sizeof(pointer));
	w.len = sizeof(pointer);
	put("www.example.", TYPE_CNAME, KIND_RRSET, 3600, 1, 0, &w);
	save();
	restart();
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 0);
	writer_init(&w, octets, sizeof(octets));
	w.len = 6;
	octets[1] = 4;
	put("www.example.", TYPE_A, KIND_RRSET, 3600, 2, 0, &w);
	save();
	restart();
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 0);
}
END_TEST

/* What is not ours, or not a file, is neither read nor written over. */
START_TEST(a_file_that_is_not_ours_alone_is_left_alone)
{
	struct cache_cursor at;
	struct stat st;
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%s/other", directory);
	put_all();
	save();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	restart();
	switch (_i) {
	case 0:
		ck_assert_int_eq(chmod(path, 0622), 0);
		break;
	case 1:
		ck_assert_int_eq(rename(path, other), 0);
		ck_assert_int_eq(symlink(other, path), 0);
		break;
	case 2:
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		break;
	case 3:
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		break;
	case 4:
		if (chown(path, 12345, 12345) < 0)
			return; /* for root alone */
		break;
	}
	load(WALL_MS);
	ck_assert(told("event=CACHE_NOT_RESTORED"));
	ck_assert_uint_eq(entries(), 0);
	ck_assert(!cache_file_begin(&options, &at, WALL_MS));
}
END_TEST

/* A full disk, a directory that is gone: the file before stays as it was. */
START_TEST(a_file_that_cannot_be_written_leaves_the_one_before)
{
	struct cache_cursor at;
	char draft[PATH_MAX];

	put_all();
	save();
	snprintf(draft, sizeof(draft), "%s.new", path);
	ck_assert_int_eq(mkdir(draft, 0700), 0);
	ck_assert(!cache_file_begin(&options, &at, WALL_MS));
	ck_assert(told("event=CACHE_NOT_SAVED"));
	ck_assert_int_eq(rmdir(draft), 0);
	restart();
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 4);
}
END_TEST

/* One that died on the way left a part of it. */
START_TEST(what_was_left_half_written_is_in_nobody_s_way)
{
	struct cache_cursor at;

	put_all();
	ck_assert(cache_file_begin(&options, &at, WALL_MS));
	ck_assert(!cache_file_write(&at, NOW_MS));
	/* It is not read: it has not the name. */
	ck_assert_int_eq(access(path, F_OK), -1);
	cache_file_end();
	save();
	restart();
	load(WALL_MS);
	ck_assert_uint_eq(entries(), 4);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache file");
	TCase *t = tcase_create("file");
	SRunner *r;
	int failed;

	scratch_open();
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120); /* a hang, not a slow machine */
	tcase_add_test(t, what_is_known_is_known_after_a_restart);
	tcase_add_test(t, what_comes_back_has_aged_meanwhile);
	tcase_add_test(t, a_file_from_the_future_is_not_read);
	tcase_add_test(t, a_file_of_other_forwarders_is_not_read);
	tcase_add_test(t, what_is_known_by_then_stays);
	tcase_add_test(t, a_large_file_fills_the_cache_and_no_more);
	tcase_add_test(t, after_a_flush_nothing_more_comes_back);
	tcase_add_test(t, a_damaged_octet_is_noticed);
	tcase_add_test(t, a_file_that_breaks_off_is_noticed);
	tcase_add_test(t, rubbish_is_not_read);
	tcase_add_test(t, no_wrong_bit_in_an_entry_does_harm);
	tcase_add_test(t, an_entry_must_be_what_it_says);
	tcase_add_loop_test(
	    t, a_file_that_is_not_ours_alone_is_left_alone, 0, 5);
	tcase_add_test(t, a_file_that_cannot_be_written_leaves_the_one_before);
	tcase_add_test(t, what_was_left_half_written_is_in_nobody_s_way);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	scratch_close();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
