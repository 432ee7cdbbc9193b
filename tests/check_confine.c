/*
 * check_confine.c -- what a process that gave things up can still do, and what
 * not any more.  Each case is a child that does it and tells how it went.
 */
#include "dns.h"
#include "scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[PATH_MAX / 2], file[PATH_MAX], other[PATH_MAX];

static void
setup(void)
{
	FILE *f;

	scratch_directory(directory, sizeof(directory));
	snprintf(file, sizeof(file), "%s/file", directory);
	snprintf(other, sizeof(other), "%s/file.new", directory);
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fclose(f), 0);
}

void __gcov_dump(void) __attribute__((weak)); /* there, if lines are counted */

/*
 * The status of a child that does this.  It ends by the call itself: what the
 * sanitizers do before it is refused as well.  So it writes down itself which
 * lines it reached, as far as it still may.
 */
static int
child(int (*does)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		status = does();
		if (__gcov_dump != NULL)
			__gcov_dump();
		syscall(SYS_exit_group, status);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "it ended with signal %d",
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return WEXITSTATUS(status);
}

/* 0: all that the kernel of this host has was done. */
static int
confine_plainly(struct confinement *c)
{
	memset(c, 0, sizeof(*c));
	if (confine(c) != NULL)
		return 1;
#if defined(__x86_64__) || defined(__aarch64__)
	if (!c->seccomp)
		return 2;
#endif
	return 0;
}

static int
call_what_is_never_needed(void)
{
	struct confinement c;
	unsigned count;

	if (confine_plainly(&c) != 0)
		return 1;
	if (!c.seccomp)
		return 0;
	if (confine_refused(&count) != -1 || count != 0)
		return 2;
	errno = 0;
	if (syscall(SYS_getppid) != -1 || errno != ENOSYS)
		return 3;
	if (syscall(SYS_ptrace, 0, 0, 0, 0) != -1 || errno != ENOSYS)
		return 4;
	if (confine_refused(&count) != SYS_ptrace || count != 2)
		return 5;
	return confine_refused(&count) == -1 && count == 2 ? 0 : 6;
}

START_TEST(a_call_that_is_not_needed_fails_and_is_told)
{
	ck_assert_int_eq(child(call_what_is_never_needed), 0);
}
END_TEST

static int
keep_all_files(void)
{
	errno = 0;
	return !confine_keep("/file", KEEP_READ) && errno == EXDEV ? 0 : 1;
}

/* Whoever had the root directory would have all that is below it. */
START_TEST(the_root_directory_is_not_kept)
{
	ck_assert_int_eq(child(keep_all_files), 0);
}
END_TEST

static int
run_another_program(void)
{
	static char *const words[] = {"true", NULL};
	struct confinement c;

	if (confine_plainly(&c) != 0)
		return 1;
	if (c.seccomp && execv("/bin/true", words) == -1)
		return 0;
	return c.seccomp ? 2 : 0;
}

START_TEST(no_other_program_can_be_run)
{
	ck_assert_int_eq(child(run_another_program), 0);
}
END_TEST

static int
open_files(void)
{
	struct confinement c;
	struct stat st;
	int fd;

	if (!confine_keep(file, KEEP_REPLACE) || confine_plainly(&c) != 0)
		return 1;
	fd = file_open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "new", 3) != 3 || close(fd) != 0)
		return 2;
	if (file_rename(other, file) != 0 || file_stat(file, &st) != 0 ||
	    st.st_size != 3)
		return 3;
	fd = file_open(file, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 || close(fd) != 0 || file_unlink(file) != 0)
		return 4;
	if (file_lstat(file, &st) == 0 || errno != ENOENT)
		return 5;
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	return !c.landlock || (fd < 0 && errno == EACCES) ? 0 : 6;
}

START_TEST(files_of_its_own_are_reached_and_no_others)
{
	ck_assert_int_eq(child(open_files), 0);
}
END_TEST

static int
append_only(void)
{
	struct confinement c;
	int fd;

	if (!confine_keep(file, KEEP_APPEND) || confine_plainly(&c) != 0)
		return 1;
	fd = file_open(file, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
	if (fd < 0 || close(fd) != 0)
		return 2;
	if (!c.landlock)
		return 0;
	if (file_open(file, O_RDONLY | O_CLOEXEC, 0) >= 0)
		return 3;
	return file_unlink(file) == 0 ? 4 : 0;
}

/* Who has got in cannot read the log, or do away with it. */
START_TEST(a_log_is_written_and_not_read)
{
	ck_assert_int_eq(child(append_only), 0);
}
END_TEST

static int
another_root(void)
{
	struct confinement c = {.root = directory};
	int fd;

	if (!confine_keep(file, KEEP_READ) || confine(&c) != NULL)
		return 1;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		return 2;
	fd = file_open(file, O_RDONLY | O_CLOEXEC, 0);
	return fd >= 0 ? 0 : 3;
}

START_TEST(in_another_root_a_path_means_what_it_meant_before)
{
	if (geteuid() != 0)
		return; /* root alone has another root */
	ck_assert_int_eq(child(another_root), 0);
}
END_TEST

static int
relative_path(void)
{
	struct confinement c = {.root = "/"};
	int fd;

	if (chdir(directory) != 0 || !confine_keep("file", KEEP_READ) ||
	    confine(&c) != NULL)
		return 1;
	fd = file_open("file", O_RDONLY | O_CLOEXEC, 0);
	return fd >= 0 ? 0 : 2;
}

START_TEST(a_relative_path_too)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(child(relative_path), 0);
}
END_TEST

/* Nobody but root passes through the scratch directory. */
static int
another_user(void)
{
	struct confinement c = {.user = "u", .uid = 12345, .gid = 12346};
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%s/open", directory);
	if (chmod(directory, 0700) != 0 || mkdir(below, 0755) != 0)
		return 3;
	snprintf(below, sizeof(below), "%s/open/file", directory);
	if (rename(file, below) != 0 || chmod(below, 0644) != 0 ||
	    !confine_keep(below, KEEP_READ) || confine(&c) != NULL)
		return 1;
	if (file_open(below, O_RDONLY | O_CLOEXEC, 0) < 0)
		return 4;
	return geteuid() == 12345 && setuid(0) < 0 ? 0 : 2;
}

START_TEST(root_becomes_another_user_for_good)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(child(another_user), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("confine");
	TCase *t = tcase_create("confine");
	SRunner *r;
	int failed;

	scratch_open();
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_call_that_is_not_needed_fails_and_is_told);
	tcase_add_test(t, the_root_directory_is_not_kept);
	tcase_add_test(t, no_other_program_can_be_run);
	tcase_add_test(t, files_of_its_own_are_reached_and_no_others);
	tcase_add_test(t, a_log_is_written_and_not_read);
	tcase_add_test(t, in_another_root_a_path_means_what_it_meant_before);
	tcase_add_test(t, a_relative_path_too);
	tcase_add_test(t, root_becomes_another_user_for_good);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	scratch_close();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
