/*
 * scratch.c -- a directory for the files of a Check program.
 */
#include "scratch.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	DESCRIPTORS = 8 /* for nftw: no directory here is so deep */
};

static char scratch[PATH_MAX];

static void
directory_make(const char *in, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/check.XXXXXX", in);

	if (n < 0 || (size_t)n >= size || mkdtemp(path) == NULL) {
		perror(in);
		abort();
	}
}

void
scratch_open(void)
{
	const char *in = getenv("TMPDIR");

	directory_make(in != NULL ? in : "/tmp", scratch, sizeof(scratch));
}

void
scratch_directory(char *path, size_t size)
{
	directory_make(scratch, path, size);
}

static int
entry_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

void
scratch_close(void)
{
	if (nftw(scratch, entry_remove, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
		perror(scratch);
}
