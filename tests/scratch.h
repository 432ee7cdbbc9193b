/*
 * scratch.h -- a directory for the files of a Check program.
 *
 * Its tests are processes of their own, which end where they fail and then tidy
 * nothing up.  So the program makes one directory before them, each test makes
 * its own in that, and after the last the program removes all.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

/* In $TMPDIR, or else /tmp; a failure ends the program. */
void scratch_open(void);

/* A new directory in it, whose path is written into room for so many octets. */
void scratch_directory(char *path, size_t size);
void scratch_close(void);

#endif
