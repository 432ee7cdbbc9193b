/*
 * check_stream.c -- the simulator's TCP behaves as that of Linux.
 */
#include "stream.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
	OUT_MAX = 9,
	ENDED = EPOLLIN | EPOLLRDHUP
};

static const struct address here = {.family = 4, .ip = {127, 0, 0, 1}};
static struct stream *t;
static uint8_t octets[32];

static void
begin(void)
{
	t = stream_new(&here, &here, OUT_MAX);
	stream_opened(t);
}

static void
end(void)
{
	stream_free(t);
}

static void
arrive(const char *text)
{
	stream_arrive(t, (const uint8_t *)text, strlen(text));
}

static void
assert_fails(ssize_t status, int err)
{
	int seen = errno;

	ck_assert_int_eq(status, -1);
	ck_assert_int_eq(seen, err);
}

static ssize_t
receive(void)
{
	return stream_receive(t, octets, sizeof(octets));
}

START_TEST(octets_are_read_in_order_and_as_room_is)
{
	ck_assert_uint_eq(stream_events(t), EPOLLOUT);
	assert_fails(receive(), EAGAIN);
	arrive("one");
	arrive("two");
	ck_assert_uint_eq(stream_events(t), EPOLLIN | EPOLLOUT);
	ck_assert_int_eq(stream_receive(t, octets, 4), 4);
	ck_assert_mem_eq(octets, "onet", 4);
	ck_assert_int_eq(receive(), 2);
	ck_assert_mem_eq(octets, "wo", 2);
	assert_fails(receive(), EAGAIN);
}
END_TEST

START_TEST(fin_comes_after_what_was_sent)
{
	arrive("one");
	stream_end(t);
	ck_assert_uint_eq(stream_events(t), ENDED | EPOLLOUT);
	ck_assert_int_eq(receive(), 3);
	ck_assert_int_eq(receive(), 0);
	ck_assert_int_eq(receive(), 0);
	ck_assert_int_eq(stream_send(t, "yes", 3), 3);
}
END_TEST

START_TEST(a_reset_is_told_once_after_what_arrived)
{
	arrive("one");
	ck_assert_int_eq(stream_send(t, "yes", 3), 3);
	stream_reset(t);
	ck_assert_uint_eq(
	    stream_events(t), ENDED | EPOLLOUT | EPOLLERR | EPOLLHUP);
	ck_assert_uint_eq(t->out.len, 0);
	ck_assert_int_eq(receive(), 3);
	assert_fails(receive(), ECONNRESET);
	ck_assert_uint_eq(stream_events(t), ENDED | EPOLLOUT | EPOLLHUP);
	ck_assert_int_eq(receive(), 0);
	assert_fails(stream_send(t, "yes", 3), EPIPE);
	stream_reset(t);
	ck_assert_int_eq(receive(), 0);
}
END_TEST

START_TEST(a_reset_after_fin_is_a_broken_pipe)
{
	stream_end(t);
	stream_reset(t);
	assert_fails(receive(), EPIPE);
	ck_assert_int_eq(receive(), 0);
}
END_TEST

START_TEST(a_reader_that_stalls_makes_writes_short)
{
	ck_assert_int_eq(stream_send(t, "sixsix", 6), 6);
	ck_assert_uint_eq(stream_events(t), EPOLLOUT);
	ck_assert_int_eq(stream_send(t, "sixsix", 6), 3);
	ck_assert_uint_eq(stream_events(t), 0);
	assert_fails(stream_send(t, "x", 1), EAGAIN);
	buffer_drop(&t->out, 2);
	ck_assert_uint_eq(stream_events(t), 0);
	ck_assert_int_eq(stream_send(t, "x", 1), 1);
	buffer_drop(&t->out, 2);
	ck_assert_uint_eq(stream_events(t), EPOLLOUT);
	ck_assert_uint_eq(t->out.len, 6);
	ck_assert_mem_eq(t->out.octets, "ixsixx", 6);
}
END_TEST

START_TEST(close_is_fin_or_reset)
{
	ck_assert_int_eq(stream_send(t, "yes", 3), 3);
	stream_close(t, false);
	ck_assert(!t->held && !t->aborted);
	ck_assert_uint_eq(t->out.len, 3);
}
END_TEST

/* RFC 2525 2.17 */
START_TEST(close_with_octets_unread_is_a_reset)
{
	ck_assert_int_eq(stream_send(t, "yes", 3), 3);
	arrive("one");
	stream_close(t, false);
	ck_assert(t->aborted);
	ck_assert_uint_eq(t->out.len, 0);
}
END_TEST

START_TEST(close_without_linger_is_a_reset)
{
	stream_close(t, true);
	ck_assert(t->aborted);
}
END_TEST

START_TEST(who_was_reset_resets_nobody)
{
	arrive("one");
	stream_reset(t);
	stream_close(t, true);
	ck_assert(!t->aborted);
}
END_TEST

START_TEST(until_it_is_open_nothing_goes)
{
	struct stream *young = stream_new(&here, &here, OUT_MAX);

	ck_assert_uint_eq(stream_events(young), 0);
	assert_fails(stream_send(young, "yes", 3), EAGAIN);
	assert_fails(stream_receive(young, octets, 1), EAGAIN);
	stream_opened(young);
	ck_assert_uint_eq(stream_events(young), EPOLLOUT);
	stream_free(young);
}
END_TEST

START_TEST(what_is_not_opened_says_why)
{
	struct stream *young = stream_new(&here, &here, OUT_MAX);

	stream_failed(young, ECONNREFUSED);
	ck_assert_uint_eq(
	    stream_events(young), ENDED | EPOLLOUT | EPOLLERR | EPOLLHUP);
	assert_fails(stream_send(young, "yes", 3), ECONNREFUSED);
	assert_fails(stream_send(young, "yes", 3), EPIPE);
	stream_free(young);
}
END_TEST

START_TEST(messages_have_their_length_before_them)
{
	struct buffer b = {0};
	size_t len;

	ck_assert_ptr_null(buffer_message(&b, &len));
	buffer_put(&b, (const uint8_t *)"\0\3on", 4);
	ck_assert_ptr_null(buffer_message(&b, &len));
	buffer_drop_message(&b);
	buffer_put(&b, (const uint8_t *)"e\0", 2);
	ck_assert_mem_eq(buffer_message(&b, &len), "one", 3);
	ck_assert_uint_eq(len, 3);
	buffer_drop_message(&b);
	ck_assert_ptr_null(buffer_message(&b, &len));
	buffer_put(&b, (const uint8_t *)"\0", 1);
	ck_assert_ptr_nonnull(buffer_message(&b, &len));
	ck_assert_uint_eq(len, 0);
	buffer_drop_message(&b);
	buffer_put_message(&b, (const uint8_t *)"two", 3);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.octets, "\0\3two", 5);
	buffer_free(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, octets_are_read_in_order_and_as_room_is);
	tcase_add_test(tcase, fin_comes_after_what_was_sent);
	tcase_add_test(tcase, a_reset_is_told_once_after_what_arrived);
	tcase_add_test(tcase, a_reset_after_fin_is_a_broken_pipe);
	tcase_add_test(tcase, a_reader_that_stalls_makes_writes_short);
	tcase_add_test(tcase, close_is_fin_or_reset);
	tcase_add_test(tcase, close_with_octets_unread_is_a_reset);
	tcase_add_test(tcase, close_without_linger_is_a_reset);
	tcase_add_test(tcase, who_was_reset_resets_nobody);
	tcase_add_test(tcase, until_it_is_open_nothing_goes);
	tcase_add_test(tcase, what_is_not_opened_says_why);
	tcase_add_test(tcase, messages_have_their_length_before_them);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
