/*
 * check_control.c -- what a service manager sets, and what it hears when.
 *
 * The command line is for the program itself: tests/cli.sh; and what it opens,
 * check_dns.c.
 */
#include "dns.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int heard;

/* An abstract name of this process, so no file stays. */
static void
setup(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int len = snprintf(
	    at.sun_path, sizeof(at.sun_path), "@check-%d", (int)getpid());

	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	at.sun_path[0] = '\0';
	heard = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_msg(bind(heard, (struct sockaddr *)&at,
			  (socklen_t)offsetof(struct sockaddr_un, sun_path) +
			      (socklen_t)len) == 0,
	    "%s", strerror(errno));
}

/* What it was told so far and has not heard; "": nothing. */
static const char *
told(void)
{
	static char text[128];
	ssize_t n = recv(heard, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

START_TEST(watchdog_is_told_at_half_of_its_patience)
{
	uint64_t now_ms = 5000;
	unsigned i;

	setenv("WATCHDOG_USEC", "3000000", 1);
	manager_open();
	ck_assert_uint_le(manager_next_due(), now_ms);
	for (i = 0; i < 3; i++) {
		manager_turn(now_ms);
		ck_assert_str_eq(told(), "WATCHDOG=1");
		manager_turn(now_ms + 1499);
		ck_assert_str_eq(told(), "");
		now_ms += 1500;
		ck_assert_uint_eq(manager_next_due(), now_ms);
	}
	manager_close();
	ck_assert_str_eq(told(), "STOPPING=1");
	ck_assert_uint_eq(manager_next_due(), UINT64_MAX);
	manager_turn(now_ms);
	ck_assert_str_eq(told(), "");
}
END_TEST

/* It was for another process, is none, or is too short to be halved. */
START_TEST(watchdog_of_another_is_not_told)
{
	static const struct {
		const char *pid, *usec;
		unsigned period_ms;
	} cases[] = {{"1", "3000000", 0}, {NULL, "0", 0}, {NULL, "3s", 0},
	    {NULL, "-1", 0}, {NULL, "1", 1}};
	const unsigned period_ms = cases[_i].period_ms;

	if (cases[_i].pid != NULL)
		setenv("WATCHDOG_PID", cases[_i].pid, 1);
	setenv("WATCHDOG_USEC", cases[_i].usec, 1);
	manager_open();
	manager_turn(5000);
	ck_assert_str_eq(told(), period_ms > 0 ? "WATCHDOG=1" : "");
	ck_assert_uint_eq(
	    manager_next_due(), period_ms > 0 ? 5000 + period_ms : UINT64_MAX);
}
END_TEST

/* What we start has another service manager, or none. */
START_TEST(environment_is_taken)
{
	static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC",
	    "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
	static struct options o;
	char word[] = "dns", *words[] = {word, NULL};
	size_t i;

	for (i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], "1", 1);
	options_take(&o, 1, words);
	ck_assert_uint_eq(o.sockets_given, 0); /* they are for process 1 */
	manager_open();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(getenv(names[i]) == NULL, "%s", names[i]);
}
END_TEST

/* Nobody there, no path, and one that is too long: as if it were not set. */
START_TEST(manager_that_is_not_there_is_not_told)
{
	char longest[PATH_MAX] = "@";
	const char *paths[] = {"/nowhere/at/all", "", longest};

	memset(longest + 1, 'x', sizeof(longest) - 2);
	setenv("NOTIFY_SOCKET", paths[_i], 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	manager_open();
	ck_assert_uint_eq(manager_next_due(), UINT64_MAX);
	manager_ready();
	manager_close();
	ck_assert_str_eq(told(), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control");
	TCase *manager = tcase_create("service manager");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(manager, setup, NULL);
	tcase_add_test(manager, watchdog_is_told_at_half_of_its_patience);
	tcase_add_loop_test(manager, watchdog_of_another_is_not_told, 0, 5);
	tcase_add_test(manager, environment_is_taken);
	tcase_add_loop_test(
	    manager, manager_that_is_not_there_is_not_told, 0, 3);
	suite_add_tcase(suite, manager);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
