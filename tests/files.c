/*
 * files.c -- the files of the server, made up: hints, log, terminal.
 *
 * A hints file has what a server can see of it: its text, and a look from
 * outside that changes as on a real disk.  Writing in place keeps the inode,
 * another file that is renamed there brings its own; all of them set times.
 */
#include "files.h"

#include <errno.h>

const char files_hints_path[] = "/virtual/cache.dns";
const char files_log_path[] = "/virtual/dns.log";
const char files_control_path[] = "/virtual/dns.sock";
const char files_metrics_path[] = "/virtual/dns.prom";

enum {
	DEVICE = 1,
	LOG_INODE = 2,
	HINTS_INODE_FIRST = 3
};

static struct {
	enum hints_how how; /* it came to be what it is */
	ino_t inode;
	int64_t written_ms, changed_ms;
	char text[HINTS_OCTETS_MAX + 1];
	size_t len;
} hints = {.how = HINTS_MISSING, .inode = HINTS_INODE_FIRST};

static bool
is_regular(void)
{
	return hints.how != HINTS_MISSING && hints.how != HINTS_DIRECTORY &&
	    hints.how != HINTS_FIFO && hints.how != HINTS_LOOP;
}

static void
text_append(const char *text, size_t len)
{
	assert(hints.len + len <= sizeof(hints.text));
	memcpy(hints.text + hints.len, text, len);
	hints.len += len;
}

/* A file of the largest size that is refused. */
static void
text_fill(void)
{
	memset(hints.text, '\n', sizeof(hints.text));
	hints.len = sizeof(hints.text);
}

void
files_edit(const struct hints_edit *edit, int64_t wall_ms)
{
	bool keeps_text = edit->how == HINTS_APPENDED ||
	    edit->how == HINTS_TOUCHED || edit->how == HINTS_UNREADABLE ||
	    edit->how == HINTS_RESTLESS;

	if (edit->how == HINTS_RENAMED || !is_regular())
		hints.inode++;
	if (!keeps_text)
		hints.len = 0;
	if (edit->text != NULL)
		text_append(edit->text, edit->len);
	if (edit->how == HINTS_LARGE)
		text_fill();
	hints.how = edit->how;
	hints.changed_ms = wall_ms;
	if (edit->how != HINTS_UNREADABLE)
		hints.written_ms = wall_ms;
}

enum path
files_path(const char *path)
{
	if (strcmp(path, files_hints_path) == 0)
		return PATH_HINTS;
	if (strcmp(path, files_log_path) == 0)
		return PATH_LOG;
	if (strncmp(path, files_metrics_path, strlen(files_metrics_path)) == 0)
		return PATH_METRICS;
	if (strcmp(path, "/proc/sys/net/ipv4/ip_local_port_range") == 0)
		return PATH_PORTS;
	return strcmp(path, "/dev/tty") == 0 ? PATH_TERMINAL : PATH_REAL;
}

static struct timespec
timespec_of(int64_t ms)
{
	struct timespec t = {
	    .tv_sec = (time_t)(ms / 1000), .tv_nsec = ms % 1000 * 1000000};

	return t;
}

static int
hints_stat(struct stat *st)
{
	if (hints.how == HINTS_MISSING)
		return ENOENT;
	if (hints.how == HINTS_LOOP)
		return ELOOP;
	if (hints.how == HINTS_RESTLESS)
		hints.written_ms++;
	st->st_mode = S_IFREG | 0644;
	if (hints.how == HINTS_DIRECTORY)
		st->st_mode = S_IFDIR | 0755;
	else if (hints.how == HINTS_FIFO)
		st->st_mode = S_IFIFO | 0644;
	else
		st->st_size = (off_t)hints.len;
	st->st_ino = hints.inode;
	st->st_mtim = timespec_of(hints.written_ms);
	st->st_ctim = timespec_of(hints.changed_ms);
	return 0;
}

int
files_stat(enum path path, struct stat *st)
{
	assert(path == PATH_HINTS || path == PATH_LOG);
	memset(st, 0, sizeof(*st));
	st->st_dev = DEVICE;
	st->st_nlink = 1;
	if (path == PATH_HINTS)
		return hints_stat(st);
	st->st_mode = S_IFREG | 0644;
	st->st_ino = LOG_INODE;
	return 0;
}

int
files_open(enum path path)
{
	struct stat st;

	if (path == PATH_TERMINAL)
		return ENXIO;
	if (path == PATH_METRICS || path == PATH_PORTS)
		return 0;
	if (path == PATH_HINTS && hints.how == HINTS_UNREADABLE)
		return EACCES;
	return files_stat(path, &st);
}

const char *
files_text(size_t *len)
{
	*len = hints.len;
	return hints.text;
}
