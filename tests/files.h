/*
 * files.h -- the files of the server, made up.
 *
 * The hints change by the steps of a scenario, the log takes lines, and there
 * is no terminal.  kernel.c leads the calls here.
 */
#ifndef FILES_H
#define FILES_H

#include "scenario.h"

#include <sys/stat.h>

enum path {
	PATH_REAL, /* none of ours: the real system's */
	PATH_HINTS,
	PATH_LOG,
	PATH_METRICS, /* and where they are written */
	PATH_PORTS,
	PATH_TERMINAL
};

extern const char files_hints_path[], files_log_path[];
extern const char files_control_path[], files_metrics_path[];

/* Somebody changes the hints; by this clock on the wall. */
void files_edit(const struct hints_edit *, int64_t wall_ms);

enum path files_path(const char *);

/* What the calls would give: 0 or an errno. */
int files_stat(enum path, struct stat *);
int files_open(enum path);
const char *files_text(size_t *len); /* of the hints, as they are now */

#endif
