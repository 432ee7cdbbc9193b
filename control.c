/*
 * control.c -- what the operator says: the command line, and what it names;
 * and what he asks of a server that runs, over a Unix socket.
 *
 * Options are taken apart here and their listeners opened; what cannot be as
 * he says ends the program with one clear line that names it.  What can be
 * asked without serving is answered on standard output.  Nothing here serves
 * clients or sends to name servers.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dns.h"

enum {
	EXIT_USAGE = 2,
	CHOICE_WORDS =
	    256,           /* for getopt: numbers of options without a letter */
	EVENTS_WIDTH = 79, /* of --events, whatever the terminal */
	EVENTS_INDENT = 10,
	TOKEN_SHOWN_MAX = 60,
	FD_GIVEN = 3, /* the first socket that is given: sd_listen_fds(3) */
	SOCKETS_GIVEN_MAX = 2 * LISTENERS_MAX
};

#define DRAFT_SUFFIX ".new" /* of a file until it takes another's place */

static struct {
	int fd;               /* to the service manager; -1: there is none */
	uint64_t watchdog_ms; /* half of its patience; 0: it has no watchdog */
	uint64_t due_ms;
} manager = {-1, 0, 0};

/* It fits a screen of 24 lines and 80 columns; dns.8 has the rest. */
static const char usage[] =
    "usage: dns [options]              serve in the foreground\n"
    "       dns --check [options] | --classify [options] ADDRESS...\n"
    "       dns --trace NAME [TYPE] [options]  every step to the answer\n"
    "       dns --control PATH COMMAND  stats, lookup NAME [TYPE], "
    "flush NAME, ...\n"
    "       dns --print-hints | --events | -h, --help | -V, --version\n"
    "\n"
    "  -l, --listen ADDRESS[@PORT]  repeatable; default 127.0.0.1 and ::1\n"
    "  -p, --port PORT              default 53\n"
    "  -r, --root-hints FILE        ./cache.dns, " SYSCONFDIR "/dns/cache.dns\n"
    "  -e, --event-log FILE         default standard error\n"
    "      --log-level LEVEL        error, warning, info (default) or debug\n"
    "      --log-format FORMAT, --query-log  logfmt, json; each question\n"
    "  -c, --cache-size SIZE        a hard bound; default 64M, least 1M\n"
    "  -a, --allow PREFIX           clients that may ask; repeatable\n"
    "      --proxy PREFIX           as -a, for those who ask for many others\n"
    "  -s, --allow-server PREFIX    special addresses of servers; repeatable\n"
    "  -4, -6; --source ADDRESS     ask servers over this family; from there\n"
    "  -f, --forward ZONE=ADDRESS[@PORT],...  ask these alone for ZONE\n"
    "      --look-up NAME           look up what is special, as home.arpa\n"
    "      --cache-file FILE        keep the cache over a restart\n"
    "  -u, --user USER, --chroot DIR  what is not needed is given up\n"
    "      --control PATH; --metrics FILE  take commands; tell Prometheus\n"
    "SIGHUP: look at cache.dns and log now.  SIGUSR1: write statistics.\n";

static int listener_socket(const struct address *, int type);
static bool unix_address(
    const char *path, struct sockaddr_un *, socklen_t *size);
_Noreturn static void command_and_exit(const char *path, char **words);

/* One clear line, and nothing half-started. */
void
refuse(const char *what, const char *value, const char *advice)
{
	fprintf(stderr, "dns: %s%s%s%s%s\n", what, value[0] ? " " : "", value,
	    advice[0] ? ": " : "", advice);
	exit(EXIT_USAGE);
}

static uint16_t
port_parse(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || port == 0 ||
	    port > 65535)
		refuse("bad port", text, "a number from 1 to 65535");
	return (uint16_t)port;
}

/* ADDRESS or ADDRESS@PORT, without it port 0. */
static void
socket_parse(const char *text, const char *what, struct address *at)
{
	char address[ADDRESS_TEXT_MAX];
	const char *sign = strchr(text, '@');
	size_t len = sign != NULL ? (size_t)(sign - text) : strlen(text);

	if (len >= sizeof(address))
		refuse(what, text, "");
	memcpy(address, text, len);
	address[len] = '\0';
	if (!address_from_text(address, at))
		refuse(what, text,
		    "an IPv4 or IPv6 address, with @PORT if need be");
	at->port = sign != NULL ? port_parse(sign + 1) : 0;
}

static void
default_port_parse(struct options *o, const char *text)
{
	o->port = port_parse(text);
}

/* Port 0 stands for what -p says. */
static void
listen_parse(struct options *o, const char *text)
{
	if (o->listen_count == LISTENERS_MAX)
		refuse("too many listen addresses at", text, "");
	socket_parse(text, "bad listen address", &o->listen[o->listen_count]);
	o->listen_count++;
}

static void
cache_size_parse(struct options *o, const char *text)
{
	char *end;
	unsigned long long size = strtoull(text, &end, 10);
	static const char units[] = "KMG";
	const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
	unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;

	if (text[0] < '0' || text[0] > '9' ||
	    (unit != NULL ? end[1] : end[0]) != '\0' ||
	    size > (UINT64_C(1) << 40) >> shift)
		refuse("bad cache size", text, "a number with K, M or G");
	if (size << shift < CACHE_OCTETS_MIN)
		refuse("bad cache size", text, "1M is the least");
	if (size << shift > (uint64_t)CACHE_GIB_MAX << 30)
		refuse("bad cache size", text, "32G is the most");
	o->cache_octets = (size_t)(size << shift);
}

static void
prefix_parse(struct prefix *list, unsigned *count, const char *text)
{
	if (*count == ALLOWED_PREFIXES_MAX)
		refuse("too many prefixes at", text, "");
	if (!prefix_from_text(text, &list[*count]))
		refuse("bad prefix", text, "ADDRESS/BITS, as in 192.0.2.0/24");
	++*count;
}

static void
allow_parse(struct options *o, const char *text)
{
	prefix_parse(o->allow, &o->allow_count, text);
}

static void
allow_server_parse(struct options *o, const char *text)
{
	prefix_parse(o->allow_server, &o->allow_server_count, text);
}

static void
proxy_parse(struct options *o, const char *text)
{
	prefix_parse(o->proxy, &o->proxy_count, text);
	allow_parse(o, text);
}

static void
look_up_parse(struct options *o, const char *text)
{
	static const struct name root = {1, ""};
	struct name *name = &o->look_up[o->look_up_count];

	if (o->look_up_count == LOOKED_UP_MAX)
		refuse("too many names to look up at", text, "");
	if (!name_from_text(text, strlen(text), &root, name))
		refuse("bad name", text, "as in home.arpa");
	if (!cache_is_special(name))
		refuse("not a special name", text,
		    "it is looked up as it is; home.arpa is special");
	o->look_up_count++;
}

/* Is the last of these addresses among those before it? */
static bool
forwarder_is_twice(const struct forward *f)
{
	unsigned i;

	for (i = 0; i + 1 < f->count; i++)
		if (address_equal(&f->at[i], &f->at[f->count - 1]))
			return true;
	return false;
}

/* A name server's address that the operator wrote down, as hints are. */
static void
forwarder_parse(struct forward *f, const char *text)
{
	struct address *at = &f->at[f->count];
	const char *class;

	if (f->count == FORWARDERS_MAX)
		refuse("too many forwarders at", text, "8 for a zone at most");
	socket_parse(text, "bad forwarder", at);
	if (at->port == 0)
		at->port = DNS_PORT;
	f->count++;
	class = address_classify(at)->name;
	if (address_classify(at)->verdict == VERDICT_NEVER)
		refuse("nobody can be asked at", text, class);
	if (forwarder_is_twice(f))
		refuse("forwarder named twice:", text, "");
}

static bool
forward_is_twice(const struct options *o)
{
	unsigned i;

	for (i = 0; i < o->forward_count; i++)
		if (name_equal(&o->forward[i].zone,
			&o->forward[o->forward_count].zone))
			return true;
	return false;
}

/* ZONE=ADDRESS[@PORT],... */
static void
forward_parse(struct options *o, const char *text)
{
	static const struct name root = {1, ""};
	static const char form[] =
	    "ZONE=ADDRESS,..., as in corp.example=10.1.1.1";
	struct forward *f = &o->forward[o->forward_count];
	const char *at = strchr(text, '=');
	char one[ADDRESS_TEXT_MAX + sizeof("@65535")];
	size_t len;

	if (o->forward_count == FORWARD_ZONES_MAX)
		refuse("too many zones to forward at", text, "64 at most");
	if (at == NULL ||
	    !name_from_text(text, (size_t)(at - text), &root, &f->zone))
		refuse("bad zone to forward", text, form);
	if (forward_is_twice(o))
		refuse(
		    "zone forwarded twice:", text, "give all servers at once");
	do {
		len = strcspn(++at, ",");
		if (len >= sizeof(one))
			refuse("bad forwarder", at, form);
		memcpy(one, at, len);
		one[len] = '\0';
		forwarder_parse(f, one);
		at += len;
	} while (*at == ',');
	o->forward_count++;
}

/* Looked up now: later there may be nowhere to look. */
static void
user_parse(struct options *o, const char *text)
{
	const struct passwd *user = getpwnam(text);

	if (user == NULL)
		refuse("unknown user", text, "see /etc/passwd");
	if (user->pw_uid == 0)
		refuse("nothing is given up by", text, "name another user");
	o->confined.user = text;
	o->confined.uid = user->pw_uid;
	o->confined.gid = user->pw_gid;
}

/* Which of the words it is; what and advice are for one that is none. */
static unsigned
word_parse(const char *text, const char *const *words, unsigned count,
    const char *what, const char *advice)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	refuse(what, text, advice);
}

static void
family_parse(struct options *o, const char *text)
{
	uint8_t family = text[0] == '4' ? 4 : 6;

	if (o->family != 0 && o->family != family)
		refuse("no family is left by", "-4 and -6", "give one of them");
	o->family = family;
}

static void
source_parse(struct options *o, const char *text)
{
	struct address at;

	if (!address_from_text(text, &at))
		refuse("bad source address", text, "an IPv4 or IPv6 address");
	if (address_classify(&at)->verdict == VERDICT_NEVER)
		refuse("cannot send from", text, address_classify(&at)->name);
	if (o->sources[at.family == 6].family != 0)
		refuse("a second source address", text, "one a family");
	o->sources[at.family == 6] = at;
}

/* No option may do nothing. */
static void
forwards_complete(const struct options *o)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i, k;

	for (i = 0; i < o->forward_count && o->family != 0; i++)
		for (k = 0; k < o->forward[i].count; k++)
			if (o->forward[i].at[k].family != o->family)
				refuse("nobody is asked at",
				    address_text(&o->forward[i].at[k], text),
				    o->family == 4 ? "-4 leaves IPv6 out"
						   : "-6 leaves IPv4 out");
}

static void
sources_complete(const struct options *o)
{
	char text[ADDRESS_TEXT_MAX];
	const struct address *idle = &o->sources[o->family == 4];

	if (o->family != 0 && idle->family != 0)
		refuse("nothing is sent from", address_text(idle, text),
		    o->family == 4 ? "-4 leaves IPv6 out"
				   : "-6 leaves IPv4 out");
}

static void
log_level_parse(struct options *o, const char *text)
{
	const char *levels[LEVEL_DEBUG + 1];
	unsigned i;

	for (i = 0; i <= LEVEL_DEBUG; i++)
		levels[i] = level_text((enum level)i);
	o->log.least = (enum level)word_parse(text, levels, LEVEL_DEBUG + 1,
	    "bad log level", "error, warning, info or debug");
}

static void
log_format_parse(struct options *o, const char *text)
{
	static const char *const formats[] = {"logfmt", "json"};

	o->log.format = (enum log_format)word_parse(
	    text, formats, FORMAT_JSON + 1, "bad log format", "logfmt or json");
}

static void
query_log_parse(struct options *o, const char *text)
{
	(void)text;
	o->log.queries = true;
}

/* Of a file that is replaced: there must be room to name its draft. */
static void
draft_check(const char *path)
{
	if (path != NULL && strlen(path) + sizeof(DRAFT_SUFFIX) > PATH_MAX)
		refuse("too long a path", path, "");
}

static void
trace_parse(struct options *o, const char *name)
{
	static const struct name root = {1, ""};

	if (o->trace)
		refuse("a second name to trace", name, "one at a time");
	if (!name_from_text(name, strlen(name), &root, &o->traced.name))
		refuse("bad name", name, "as in www.example.com");
	o->trace = true;
}

/* What was printed must have got there. */
_Noreturn static void
print_end(void)
{
	exit(fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS
						    : EXIT_FAILURE);
}

_Noreturn static void
print_and_exit(const char *text, size_t len)
{
	(void)fwrite(text, 1, len, stdout);
	print_end();
}

_Noreturn static void
value_print_and_exit(struct options *o, const char *value)
{
	(void)o;
	print_and_exit(value, strlen(value));
}

_Noreturn static void
hints_print_and_exit(struct options *o, const char *value)
{
	size_t len;
	const char *text = hints_compiled_in(&len);

	(void)o;
	(void)value;
	print_and_exit(text, len);
}

/* A paragraph behind its heading, with lines broken at blanks. */
static void
paragraph_print(const char *heading, const char *text)
{
	int column = printf("    %-*s", EVENTS_INDENT - 4, heading);

	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (column + 1 + len > EVENTS_WIDTH)
			column = printf("\n%*s", EVENTS_INDENT, "") - 1;
		column += printf(" %.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void
event_print(const struct event *e)
{
	printf("%u %s, %s", e->id, e->name, level_text(e->level));
	if (e->oldid != 0)
		printf(", before NT 4.0 SP4 %u", e->oldid);
	(void)putchar('\n');
	paragraph_print("says", e->msg);
	paragraph_print("means", e->meaning);
	paragraph_print("do", e->remedy);
	if (e->fields[0] != '\0')
		paragraph_print("keys", e->fields);
	if (e->flood == LIMITED)
		paragraph_print("again",
		    "within 15 minutes it is only counted; see 5000, too");
	(void)putchar('\n');
}

/* Nothing in the catalogue needs an escape, so this is JSON as it stands. */
static void
event_print_json(const struct event *e)
{
	const char *field = e->fields;

	printf("{\"id\":%u,", e->id);
	if (e->oldid != 0)
		printf("\"oldid\":%u,", e->oldid);
	printf("\"event\":\"%s\",\"level\":\"%s\",\"limited\":%s,"
	       "\"msg\":\"%s\",\"meaning\":\"%s\",\"remedy\":\"%s\","
	       "\"fields\":[",
	    e->name, level_text(e->level),
	    e->flood == LIMITED ? "true" : "false", e->msg, e->meaning,
	    e->remedy);
	while (*field != '\0') {
		int len = (int)strcspn(field, " ");

		printf("%s\"%.*s\"", field == e->fields ? "" : ",", len, field);
		field += len;
		field += strspn(field, " ");
	}
	(void)puts("]}");
}

static void
events_print_and_exit(enum log_format format)
{
	unsigned count, i;
	const struct event *events = eventlog_catalogue(&count);

	for (i = 0; i < count; i++)
		if (format == FORMAT_JSON)
			event_print_json(&events[i]);
		else
			event_print(&events[i]);
	print_end();
}

/* Judge addresses as the server would, on this host now, with these options. */
static void
host_learn(const struct options *o)
{
	const struct server_options s = {
	    .allowed = o->allow_server, .allowed_count = o->allow_server_count};
	unsigned i;

	if (!server_init(&s))
		refuse("out of memory", "", "");
	for (i = 0; i < o->listen_count; i++)
		server_listens(&o->listen[i]);
	network_open(-1, 0);
}

/* ---------------------------------------------------------------------------
 * --check: what is wrong, one line each, as a compiler says it.
 */

/* What stands in a file may be anything; a terminal gets what it can show. */
static void
token_print(const char *token, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < TOKEN_SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)token[i];

		if (c > ' ' && c <= '~')
			(void)putchar(c);
		else
			printf("\\%03u", c);
	}
	if (i < len)
		printf("...");
}

static const char *
hint_error_text(enum hint_error error)
{
	static const char *const texts[] = {
	    [HINT_UNEXPECTED_TOKEN] = "this does not belong here",
	    [HINT_UNEXPECTED_END] = "the record has no end",
	    [HINT_CLASS] = "the class is not IN",
	    [HINT_DIRECTIVE] = "directive that is not known here",
	    [HINT_NAME] = "no domain name",
	    [HINT_TYPE] = "the type is not NS, A or AAAA",
	    [HINT_SOA] = "SOA: this is a zone, not root hints",
	    [HINT_NUMBER] = "the TTL has more than 32 bits",
	    [HINT_ADDRESS] = "no IPv4 address",
	    [HINT_ADDRESS6] = "no IPv6 address",
	    [HINT_NO_TEXT] = "no text",
	    [HINT_TOO_MANY] = "there is no room for so many",
	    [HINT_REFUSED] = "address that is never asked",
	    [HINT_DUPLICATE] = "was said before",
	    [HINT_NS_ALONE] = "name server without an address to ask",
	    [HINT_ADDRESS_ALONE] = "address of no name server of the root",
	    [HINT_NO_IPV4] = "no name server has an IPv4 address",
	    [HINT_NO_IPV6] = "no name server has an IPv6 address",
	};

	return texts[error];
}

static void
hint_fault_print(const struct hint_fault *f)
{
	char text[NAME_TEXT_MAX];

	printf("%s:", f->file);
	if (f->line > 0)
		printf("%u:%u:", f->line, f->column);
	printf(" %s", hint_error_text(f->error));
	if (f->error == HINT_REFUSED)
		printf(", %s", f->class);
	if (f->token_len > 0) {
		printf(": ");
		token_print(f->token, f->token_len);
	} else if (f->error == HINT_ADDRESS_ALONE) {
		printf(": %s", name_text(f->ns, text));
	}
	(void)putchar('\n');
}

/* The addresses of `more` that `less` has not. */
static void
difference_print(const char *file, const char *what,
    const struct root_servers *less, const struct root_servers *more)
{
	char address[ADDRESS_TEXT_MAX], name[NAME_TEXT_MAX];
	unsigned i;

	for (i = 0; i < more->address_count; i++)
		if (!roots_hold(less, &more->addresses[i].at))
			printf("%s: %s: %s %s\n", file, what,
			    name_text(
				&more->names[more->addresses[i].ns], name),
			    address_text(&more->addresses[i].at, address));
}

/* How it differs from what we were built with is no fault. */
static void
roots_compare(const char *file, const struct root_servers *roots)
{
	static struct root_servers ours;
	struct address more[ROOT_ADDRESSES_MAX];
	size_t len;
	const char *text = hints_compiled_in(&len);

	(void)hints_parse("compiled-in", text, len, &ours);
	if (roots_add(&ours, roots, more) == roots->address_count) {
		printf("%s: note: none of these is compiled in\n", file);
		return;
	}
	difference_print(file, "note: not compiled in", &ours, roots);
	difference_print(file, "note: only compiled in", roots, &ours);
}

/* The number of faults. */
static unsigned
text_check(const char *file, const char *text, size_t len)
{
	static struct root_servers roots;
	struct hint_fault fault;
	struct hints h;
	unsigned faults = 0;

	hints_begin(&h, file, text, len, &roots);
	for (; hints_next(&h, &fault); faults++)
		hint_fault_print(&fault);
	if (roots.address_count == 0) {
		printf("%s: no name server with an address to ask\n", file);
		return faults + 1;
	}
	printf("%s: note: name servers: %u, addresses: %u\n", file,
	    roots.name_count, roots.address_count);
	roots_compare(file, &roots);
	return faults;
}

static unsigned
hints_check(const char *file)
{
	size_t len;
	const char *text = hints_text(file, &len);

	if (text != NULL)
		return text_check(file, text, len);
	printf("%s: cannot be read: %s\n", file,
	    errno == 0 ? "no regular file" : strerror(errno));
	return 1;
}

/* Those that would be used: of the default places the first with a file. */
static unsigned
hints_check_default(void)
{
	const char *place;
	unsigned i;

	for (i = 0; (place = hints_place(i)) != NULL; i++)
		if (access(place, F_OK) == 0)
			return hints_check(place);
	printf("%s: note: there is none; the compiled-in one would serve\n",
	    hints_place(0));
	return 0;
}

/* Could a file be made where this one is to be? */
static unsigned
directory_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";

	if (slash != NULL)
		snprintf(directory, sizeof(directory), "%.*s",
		    (int)(slash - path + 1), path);
	if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0) {
		printf("%s: no file can be made in %s: %s\n", path, directory,
		    strerror(errno));
		return 1;
	}
	return 0;
}

/* Could the log be written, and another one be made after a rotation? */
static unsigned
log_check(const char *path)
{
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	if (is_there && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0) {
		printf("%s: cannot be written: %s\n", path, strerror(errno));
		return 1;
	}
	if (is_there && !S_ISREG(st.st_mode))
		return 0;
	return directory_check(path);
}

static unsigned
control_check(const char *path)
{
	struct sockaddr_un at;
	struct stat st;
	socklen_t size;

	if (!unix_address(path, &at, &size)) {
		printf("%s: too long for a socket\n", path);
		return 1;
	}
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		printf("%s: a file that is no socket\n", path);
		return 1;
	}
	return directory_check(path);
}

/* Nobody can listen twice at the same place. */
static bool
listener_is_twice(const struct options *o, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (address_equal(&o->listen[i], &o->listen[n]))
			return true;
	return false;
}

/* At another port, for a server may be running at this one. */
static bool
address_is_elsewhere(const struct address *listen)
{
	struct address at = *listen;
	int fd;

	at.port = 0;
	fd = listener_socket(&at, SOCK_DGRAM);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EADDRNOTAVAIL;
}

static unsigned
listeners_check(const struct options *o)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i, faults = 0;

	for (i = 0; i < o->listen_count; i++) {
		const struct address *at = &o->listen[i];
		const char *what = NULL;

		if (listener_is_twice(o, i))
			what = "listen address named twice";
		else if (o->listen_named && address_is_elsewhere(at))
			what = "listen address not of this host";
		if (what == NULL)
			continue;
		printf("%s: %s\n", what, address_port_text(at, text));
		faults++;
	}
	return faults;
}

static unsigned
sources_lint(const struct options *o)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i, faults = 0;

	for (i = 0; i < 2; i++) {
		if (o->sources[i].family == 0 ||
		    !address_is_elsewhere(&o->sources[i]))
			continue;
		printf("source address not of this host: %s\n",
		    address_text(&o->sources[i], text));
		faults++;
	}
	return faults;
}

/* Which class the filter has for a forwarder, the first of all; NULL: none. */
static const char *
forwarder_fault(const struct options *o, const struct forward **f,
    const struct address **at)
{
	const char *class = NULL;
	unsigned i, k;

	for (i = 0; i < o->forward_count && class == NULL; i++)
		for (k = 0; k < o->forward[i].count && class == NULL; k++) {
			*f = &o->forward[i];
			*at = &o->forward[i].at[k];
			class = address_fault(*at, true);
		}
	return class;
}

/*
 * Where it is to be found afterwards; if it is not there now, it never is.  A
 * symbolic link leads to another directory, which is used as well.
 */
static void
keep(const char *path, enum keep_use use)
{
	char real[PATH_MAX];

	if (path == NULL)
		return;
	if (!confine_keep(path, use) && errno != ENOENT)
		refuse("cannot keep to the directory of", path,
		    errno == EXDEV ? "all files are below it"
				   : strerror(errno));
	if (use != KEEP_REMOVE && realpath(path, real) != NULL &&
	    strcmp(real, path) != 0)
		(void)confine_keep(real, use);
}

void
files_keep(const struct options *o)
{
	const char *place;
	unsigned n;

	if (o->confined.user == NULL && o->confined.root == NULL)
		return;
	keep(o->hints, KEEP_READ);
	for (n = 0; o->hints == NULL && (place = hints_place(n)) != NULL; n++)
		(void)confine_keep(place, KEEP_READ);
	keep(o->log.path, KEEP_APPEND);
	keep("/dev/tty", KEEP_READ);
	if (o->trace)
		return;
	keep(o->cache_file, KEEP_REPLACE);
	keep(o->metrics, KEEP_REPLACE);
	keep(o->control, KEEP_REMOVE);
}

void
forwards_check(const struct options *o)
{
	const struct forward *f;
	const struct address *at;
	const char *class = forwarder_fault(o, &f, &at);
	char text[ADDRESS_TEXT_MAX];

	if (class == NULL)
		return;
	eventlog_forward_refused(&f->zone, at, class);
	eventlog_flush();
	refuse("cannot forward to", address_server_text(at, text),
	    strcmp(class, CLASS_OWN) == 0 ? "this server listens there"
					  : class);
}

static void
forwards_print(const struct options *o)
{
	char zone[NAME_TEXT_MAX], text[ADDRESS_TEXT_MAX];
	unsigned i, k;

	for (i = 0; i < o->forward_count; i++) {
		const struct forward *f = &o->forward[i];

		printf("%s: note: forwarded to", name_text(&f->zone, zone));
		for (k = 0; k < f->count; k++)
			printf(" %s", address_server_text(&f->at[k], text));
		(void)putchar('\n');
	}
}

static unsigned
forwards_lint(const struct options *o)
{
	const struct forward *f;
	const struct address *at;
	const char *class = forwarder_fault(o, &f, &at);
	char text[ADDRESS_TEXT_MAX];

	if (class == NULL)
		return 0;
	printf("forwarder cannot be asked: %s (%s)\n",
	    address_server_text(at, text), class);
	return 1;
}

/* What comes after it is checked as the user. */
static unsigned
confinement_check(const struct confinement *c)
{
	struct stat st;
	unsigned faults = 0;

	if (c->root != NULL &&
	    (stat(c->root, &st) < 0 || !S_ISDIR(st.st_mode))) {
		printf("%s: no directory\n", c->root);
		faults++;
	}
	if (!confine_begin(c)) {
		printf("%s: cannot be: %s\n", c->user, strerror(errno));
		faults++;
	}
	return faults;
}

_Noreturn static void
check_and_exit(const struct options *o)
{
	unsigned faults = listeners_check(o);

	host_learn(o);
	faults += confinement_check(&o->confined);
	faults +=
	    o->hints != NULL ? hints_check(o->hints) : hints_check_default();
	faults += sources_lint(o);
	forwards_print(o);
	faults += forwards_lint(o);
	if (o->log.path != NULL)
		faults += log_check(o->log.path);
	if (o->control != NULL)
		faults += control_check(o->control);
	if (o->metrics != NULL)
		faults += directory_check(o->metrics);
	if (o->cache_file != NULL)
		faults += directory_check(o->cache_file);
	server_close();
	if (faults == 0)
		print_end();
	(void)fflush(stdout);
	exit(EXIT_FAILURE);
}

/* ---------------------------------------------------------------------------
 * --classify: what the server would do with an address.
 */

/* Which -s speaks for the address, the longest of all; NULL: none. */
static const struct prefix *
allow_server_find(const struct options *o, const struct address *at)
{
	const struct prefix *found = NULL;
	unsigned i;

	for (i = 0; i < o->allow_server_count; i++) {
		const struct prefix *p = &o->allow_server[i];

		if (prefix_covers(p, at) &&
		    (found == NULL || p->bits > found->bits))
			found = p;
	}
	return found;
}

/* Refused for what class? */
static void
classify_print_fault(const struct address_class *class, const char *fault)
{
	if (strcmp(fault, CLASS_OWN) == 0)
		printf("never asked, as this server listens there");
	else if (class->verdict == VERDICT_NEVER)
		printf("never asked");
	else if (strcmp(fault, class->name) == 0)
		printf("not asked, unless -s opens it");
	else if (strcmp(fault, "broadcast") == 0)
		printf("never asked, as a subnet of this host ends there");
	else
		printf("not asked, as it leads to one that is %s", fault);
}

static void
classify_print(const struct options *o, const struct address *at)
{
	const struct address_class *class = address_classify(at);
	const struct prefix *opened = allow_server_find(o, at);
	const char *fault = address_fault(at, false);
	char text[ADDRESS_TEXT_MAX];

	printf("%s: %s (RFC %s)%s: ", address_text(at, text), class->name,
	    class->rfc, network_has(at) ? ", of this host" : "");
	if (fault != NULL)
		classify_print_fault(class, fault);
	else if (class->verdict == VERDICT_ASK && opened != NULL)
		printf("asked, as -s opens %s/%u",
		    address_text(&opened->address, text), opened->bits);
	else
		printf("asked");
	printf("\n");
}

/* As on this host now, with these options. */
_Noreturn static void
classify_and_exit(const struct options *o, char **addresses)
{
	struct address at;
	unsigned i;

	if (*addresses == NULL)
		refuse("no address after", "--classify", "name one or more");
	for (i = 0; addresses[i] != NULL; i++)
		if (!address_from_text(addresses[i], &at))
			refuse("bad address", addresses[i],
			    "an IPv4 or IPv6 address");
	host_learn(o);
	for (; *addresses != NULL; addresses++) {
		(void)address_from_text(*addresses, &at);
		at.port = DNS_PORT;
		classify_print(o, &at);
	}
	server_close();
	print_end();
}

/* getopt tells a letter by optopt; a long option stands in the word. */
static void
option_refuse(const char *word)
{
	char letter[] = {'-', (char)optopt, '\0'};

	refuse("unknown option", optopt > 0 && optopt < 256 ? letter : word,
	    "see dns --help");
}

/* A number in the environment, which is taken out of it; 0: none. */
static unsigned long
environment_number(const char *name)
{
	const char *text = getenv(name);
	unsigned long number = 0;
	char *end;

	if (text != NULL && text[0] >= '0' && text[0] <= '9') {
		number = strtoul(text, &end, 10);
		if (*end != '\0')
			number = 0;
	}
	(void)unsetenv(name);
	return number;
}

static _Noreturn void
given_refuse(unsigned n, const char *why)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", FD_GIVEN + n);
	refuse("cannot take socket", text, why);
}

/*
 * sd_listen_fds(3).  Whoever started us may have had these variables from
 * elsewhere; and what is not there now would be ours later.
 */
static unsigned
sockets_given(void)
{
	unsigned long pid = environment_number("LISTEN_PID");
	unsigned long sockets = environment_number("LISTEN_FDS");
	unsigned i;

	(void)unsetenv("LISTEN_FDNAMES");
	if (pid != (unsigned long)getpid())
		return 0;
	for (i = 0; i < sockets; i++) {
		if (i == SOCKETS_GIVEN_MAX)
			given_refuse(i, "there are too many");
		if (fcntl(FD_GIVEN + (int)i, F_SETFD, FD_CLOEXEC) < 0)
			given_refuse(i, strerror(errno));
	}
	return i;
}

/* Where nobody says otherwise: on loopback, and at the port of -p. */
static void
listen_complete(struct options *o)
{
	static const char *const defaults[] = {"127.0.0.1", "::1"};
	unsigned i;

	o->listen_named = o->listen_count > 0;
	for (i = 0; !o->listen_named && i < 2; i++)
		listen_parse(o, defaults[i]);
	for (i = 0; i < o->listen_count; i++)
		if (o->listen[i].port == 0)
			o->listen[i].port = o->port;
}

/* The interrupted line ends with what the terminal echoed. */
static void
trace_interrupt(int signo)
{
	(void)!write(STDOUT_FILENO, "\n", 1);
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}

/*
 * The type, if there is one, and how steps are told: in colours only to a
 * terminal that has some, and never against NO_COLOR (no-color.org).
 */
static void
trace_complete(struct options *o, const char *type, int *taken)
{
	const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool shown = o->log.path == NULL && isatty(STDOUT_FILENO) == 1;

	o->traced.type = TYPE_A;
	o->traced.class = CLASS_IN;
	if (type != NULL && !type_from_text(type, &o->traced.type))
		refuse("bad type", type, "as in MX or TYPE65");
	*taken += type != NULL;
	if (o->control != NULL || o->cache_file != NULL || o->metrics != NULL)
		refuse("a trace serves nobody", "",
		    "leave --control, --cache-file and --metrics out");
	o->log.least = LEVEL_DEBUG;
	o->log.trace = true;
	o->log.colour = shown && (no_color == NULL || no_color[0] == '\0') &&
	    terminal != NULL && strcmp(terminal, "dumb") != 0;
	if (shown)
		(void)signal(SIGINT, trace_interrupt);
}

static void
options_default(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->port = DNS_PORT;
	o->log.least = LEVEL_INFO;
	o->log.format = FORMAT_TRACE; /* nobody can name it: none was named */
	o->cache_octets = CACHE_OCTETS_DEFAULT;
}

/* What is done instead of serving; it is for after all options. */
enum mode {
	MODE_SERVE, /* or trace */
	MODE_CHECK,
	MODE_CLASSIFY,
	MODE_EVENTS
};

/* An option, and what comes of it: one of the last three. */
static const struct choice {
	const char *word;  /* NULL: it has but a letter */
	char letter;       /* 0: it has but a word */
	const char *value; /* NULL: one has to follow it */
	void (*parse)(struct options *, const char *value);
	size_t kept; /* the value as it is, so far into the options */
	enum mode mode;
} choices[] = {
    {"listen", 'l', .parse = listen_parse},
    {"port", 'p', .parse = default_port_parse},
    {"root-hints", 'r', .kept = offsetof(struct options, hints)},
    {"event-log", 'e', .kept = offsetof(struct options, log.path)},
    {"log-level", .parse = log_level_parse},
    {"log-format", .parse = log_format_parse},
    {"query-log", .value = "", .parse = query_log_parse},
    {"cache-size", 'c', .parse = cache_size_parse},
    {"allow", 'a', .parse = allow_parse},
    {"allow-server", 's', .parse = allow_server_parse},
    {"proxy", .parse = proxy_parse},
    {NULL, '4', .value = "4", .parse = family_parse},
    {NULL, '6', .value = "6", .parse = family_parse},
    {"source", .parse = source_parse},
    {"forward", 'f', .parse = forward_parse},
    {"look-up", .parse = look_up_parse},
    {"user", 'u', .parse = user_parse},
    {"chroot", .kept = offsetof(struct options, confined.root)},
    {"cache-file", .kept = offsetof(struct options, cache_file)},
    {"control", .kept = offsetof(struct options, control)},
    {"metrics", .kept = offsetof(struct options, metrics)},
    {"trace", .parse = trace_parse},
    {"check", .value = "", .mode = MODE_CHECK},
    {"classify", .value = "", .mode = MODE_CLASSIFY},
    {"events", .value = "", .mode = MODE_EVENTS},
    {"print-hints", .value = "", .parse = hints_print_and_exit},
    {"help", 'h', .value = usage, .parse = value_print_and_exit},
    {"version", 'V', .value = "dns " VERSION "\n",
	.parse = value_print_and_exit},
};

enum {
	CHOICES = sizeof(choices) / sizeof(choices[0])
};

/* By what getopt tells it. */
static int
choice_number(const struct choice *c)
{
	return c->letter != 0 ? c->letter : CHOICE_WORDS + (int)(c - choices);
}

/* In the form of getopt: each letter with its colon, and each word. */
static void
choices_list(char *letters, struct option *words)
{
	const struct choice *c;

	*letters++ = ':';
	for (c = choices; c < choices + CHOICES; c++) {
		if (c->letter != 0)
			*letters++ = c->letter;
		if (c->letter != 0 && c->value == NULL)
			*letters++ = ':';
		if (c->word != NULL)
			*words++ = (struct option){c->word,
			    c->value == NULL ? required_argument : no_argument,
			    NULL, choice_number(c)};
	}
	*letters = '\0';
	memset(words, 0, sizeof(*words));
}

static void
choice_take(const struct choice *c, struct options *o, const char *value)
{
	if (c->parse != NULL)
		c->parse(o, value);
	else
		*(const char **)(void *)((char *)o + c->kept) = value;
}

/* The words before those of a mode; which that is, and how many. */
static enum mode
options_read(struct options *o, int argc, char **argv, unsigned *taken)
{
	char letters[1 + 2 * CHOICES + 1];
	struct option words[CHOICES + 1];
	enum mode mode = MODE_SERVE;
	int number;

	choices_list(letters, words);
	opterr = 0;
	while ((number = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		const struct choice *c = choices;

		if (number == ':')
			refuse("a value is missing after", argv[optind - 1],
			    "see dns --help");
		if (number == '?')
			option_refuse(argv[optind - 1]);
		while (choice_number(c) != number)
			c++;
		if (c->mode != MODE_SERVE) {
			mode = c->mode;
			continue;
		}
		choice_take(c, o, c->value == NULL ? optarg : c->value);
		++*taken;
	}
	return mode;
}

void
options_take(struct options *o, int argc, char **argv)
{
	unsigned taken = 0;
	enum mode mode;

	options_default(o);
	mode = options_read(o, argc, argv, &taken);
	draft_check(o->cache_file);
	draft_check(o->metrics);
	if (optind < argc && o->control != NULL && mode == MODE_SERVE &&
	    !o->trace) {
		if (taken > 1)
			refuse("a command takes no other option", "",
			    "--control PATH alone");
		command_and_exit(o->control, argv + optind);
	}
	if (o->trace && mode == MODE_SERVE)
		trace_complete(o, argv[optind], &optind);
	else if (o->log.format == FORMAT_TRACE)
		o->log.format = FORMAT_LOGFMT;
	if (optind < argc && mode != MODE_CLASSIFY)
		refuse("unknown argument", argv[optind], "see dns --help");
	if (mode == MODE_EVENTS)
		events_print_and_exit(o->log.format);
	listen_complete(o);
	o->sockets_given = sockets_given();
	sources_complete(o);
	forwards_complete(o);
	if (mode == MODE_CLASSIFY)
		classify_and_exit(o, argv + optind);
	if (mode == MODE_CHECK)
		check_and_exit(o);
}

/* ---------------------------------------------------------------------------
 * What the options need of the system.
 */

/* 0 if it is not to be had. */
static int
option_get(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

static bool
option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/*
 * The port is free at once after a restart, whatever connections of before
 * linger.  What there is to say leaves in one write, so Nagle's algorithm could
 * only hold back answers that come after others (RFC 7766 7).  Connections
 * inherit all of this.
 */
static bool
tcp_prepare(int fd)
{
	return option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
	    option_set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER) &&
	    option_set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER) &&
	    option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/*
 * The address asked is the one that answers (RFC 2181 4): where a socket has
 * more than one, each datagram tells its own.  And if the system lets us, a
 * forged "packet too big" does not make us fragment (RFC 9715 3.1), and there
 * is room for a burst of questions: with CAP_NET_ADMIN as much as we ask for,
 * without it what net.core.rmem_max allows.  The kernel counts double; what a
 * service manager has set higher stays.
 */
static bool
udp_prepare(int fd, const struct address *at)
{
	bool any = address_is_any(at);
	int octets = option_get(fd, SOL_SOCKET, SO_RCVBUF);

	if (octets < 2 * QUEUE_OCTETS &&
	    !option_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_OCTETS) &&
	    octets < QUEUE_OCTETS)
		(void)option_set(fd, SOL_SOCKET, SO_RCVBUF, QUEUE_OCTETS);
	if (at->family == 4) {
		(void)option_set(
		    fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
		return option_set(fd, IPPROTO_IP, IP_PKTINFO, any);
	}
	(void)option_set(
	    fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	return option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, any);
}

/* A socket of this type that hears this address; -1 sets errno. */
static int
listener_socket(const struct address *at, int type)
{
	struct sockaddr_storage sa;
	socklen_t len = address_to_sockaddr(at, &sa);
	int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -1;
	if ((at->family == 4 || option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
	    (type == SOCK_DGRAM ? udp_prepare(fd, at) : tcp_prepare(fd)) &&
	    bind(fd, (struct sockaddr *)&sa, len) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, ACCEPT_QUEUE) == 0))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* Open what it has not, or nothing: NULL, or what failed; errno says why. */
static const char *
listener_open(struct listener *l)
{
	bool given = l->udp >= 0;
	int err;

	l->any = address_is_any(&l->at);
	if (!given)
		l->udp = listener_socket(&l->at, SOCK_DGRAM);
	if (l->udp < 0)
		return "cannot listen on";
	if (l->tcp < 0)
		l->tcp = listener_socket(&l->at, SOCK_STREAM);
	if (l->tcp >= 0)
		return NULL;
	err = errno;
	if (!given)
		close(l->udp);
	errno = err;
	return "cannot listen over TCP on";
}

static _Noreturn void
listener_refuse(const char *what, const struct address *at, int err)
{
	char text[ADDRESS_TEXT_MAX], why[160];

	snprintf(why, sizeof(why), "%s%s", strerror(err),
	    err == EACCES || err == EADDRINUSE
		? "; try another port, as with -p 5300"
		: "");
	refuse(what, address_port_text(at, text), why);
}

/* Make it as if we had opened it; NULL, or why it is not to be used. */
static const char *
given_prepare(int fd, bool tcp, struct address *at)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return strerror(errno);
	if (!address_from_sockaddr(&sa, at) ||
	    (!tcp && option_get(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP))
		return "neither UDP nor TCP";
	if (at->port == 0)
		return "it has no port";
	if (tcp && option_get(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0)
		return "it does not listen";
	/* Clients would come as ::ffff:192.0.2.1, and no prefix has them. */
	if (at->family == 6 && address_is_any(at) &&
	    option_get(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0)
		return "it takes IPv4, too: see BindIPv6Only=";
	if (!(tcp ? tcp_prepare(fd) && listen(fd, ACCEPT_QUEUE) == 0
		  : udp_prepare(fd, at)) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return strerror(errno);
	return NULL;
}

/* The one at this address; NULL: there is none. */
static struct listener *
listener_find(
    struct listener *listeners, unsigned count, const struct address *at)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (address_equal(&listeners[i].at, at))
			return &listeners[i];
	return NULL;
}

/* As one more, or as the other half of one of these. */
static const char *
given_take(int fd, struct listener *listeners, unsigned *count)
{
	bool tcp = option_get(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
	struct address at = {0};
	const char *why = given_prepare(fd, tcp, &at);
	struct listener *l;

	if (why != NULL)
		return why;
	l = listener_find(listeners, *count, &at);
	if (l == NULL) {
		if (*count == LISTENERS_MAX)
			return "there are too many";
		l = &listeners[(*count)++];
		*l = (struct listener){.at = at, .udp = -1, .tcp = -1};
	}
	if ((tcp ? l->tcp : l->udp) >= 0)
		return "it is there twice";
	*(tcp ? &l->tcp : &l->udp) = fd;
	return NULL;
}

/*
 * The sockets that the service manager gave us.  Where it gave UDP alone, or
 * TCP alone, the other is opened here.
 */
static unsigned
listeners_take(unsigned sockets, struct listener *listeners)
{
	unsigned i, count = 0;
	const char *why;

	for (i = 0; i < sockets; i++) {
		why = given_take(FD_GIVEN + (int)i, listeners, &count);
		if (why != NULL)
			given_refuse(i, why);
	}
	for (i = 0; i < count; i++) {
		why = listener_open(&listeners[i]);
		if (why != NULL)
			listener_refuse(why, &listeners[i].at, errno);
	}
	return count;
}

unsigned
listeners_open(const struct options *o, struct listener *listeners)
{
	const unsigned given = listeners_take(o->sockets_given, listeners);
	const char *first = ""; /* what failed of the first, and why */
	unsigned i, count = given;
	int err = 0;

	for (i = 0; i < o->listen_count; i++) {
		const struct address *at = &o->listen[i];
		const char *what;

		if (listener_find(listeners, given, at) != NULL ||
		    (given > 0 && !o->listen_named))
			continue;
		if (count == LISTENERS_MAX)
			refuse("too many listen addresses", "", "");
		listeners[count] =
		    (struct listener){.at = *at, .udp = -1, .tcp = -1};
		what = listener_open(&listeners[count]);
		if (what == NULL)
			count++;
		else if (o->listen_named)
			listener_refuse(what, at, errno);
		if (what != NULL && i == 0) {
			first = what;
			err = errno;
		}
	}
	if (count == 0)
		listener_refuse(first, &o->listen[0], err);
	return count;
}

void
sources_check(const struct options *o)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	for (i = 0; i < 2; i++) {
		const struct address *at = &o->sources[i];
		int fd = at->family == 0 ? -1 : listener_socket(at, SOCK_DGRAM);

		if (fd < 0 && at->family != 0)
			refuse("cannot send from", address_text(at, text),
			    strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

unsigned
descriptors_raise(unsigned least)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < least)
		refuse("too few file descriptors", "", "see ulimit -n");
	return limit.rlim_cur < UINT32_MAX ? (unsigned)limit.rlim_cur
					   : UINT32_MAX;
}

/* ---------------------------------------------------------------------------
 * The service manager: systemd, or who speaks as it does.
 */

static bool
unix_address(const char *path, struct sockaddr_un *at, socklen_t *size)
{
	size_t len = strlen(path);

	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (len >= sizeof(at->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(at->sun_path, path, len);
	return true;
}

/* A socket to whoever is at this path of this host; -1 sets errno. */
static int
unix_connect(int type, const struct sockaddr_un *at, socklen_t size)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), err;

	if (fd < 0 || connect(fd, (const struct sockaddr *)at, size) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/*
 * Connected now, since later the path may not be there any more.  Who is not
 * there to be told will say so himself: he waits for it.
 */
void
manager_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at;
	socklen_t size;
	unsigned long pid = environment_number("WATCHDOG_PID");
	unsigned long patience_us = environment_number("WATCHDOG_USEC");

	if (path != NULL && unix_address(path, &at, &size)) {
		if (path[0] == '@') /* Linux's abstract names: a NUL first */
			at.sun_path[0] = '\0';
		manager.fd =
		    unix_connect(SOCK_DGRAM | SOCK_NONBLOCK, &at, size);
	}
	(void)unsetenv("NOTIFY_SOCKET");
	if (manager.fd < 0 || patience_us == 0 ||
	    (pid != 0 && pid != (unsigned long)getpid()))
		return;
	manager.watchdog_ms = patience_us / 2000;
	if (manager.watchdog_ms == 0)
		manager.watchdog_ms = 1;
}

/* It must not hold us up: what it has no room for is lost. */
static void
manager_tell(const char *state)
{
	if (manager.fd >= 0)
		(void)send(manager.fd, state, strlen(state), MSG_NOSIGNAL);
}

void
manager_ready(void)
{
	manager_tell("READY=1");
}

void
manager_reloading(uint64_t monotonic_us)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    monotonic_us);
	manager_tell(state);
}

uint64_t
manager_next_due(void)
{
	return manager.watchdog_ms > 0 ? manager.due_ms : UINT64_MAX;
}

void
manager_turn(uint64_t now_ms)
{
	if (manager_next_due() > now_ms)
		return;
	manager_tell("WATCHDOG=1");
	manager.due_ms = now_ms + manager.watchdog_ms;
}

void
manager_close(void)
{
	manager_tell("STOPPING=1");
	if (manager.fd >= 0)
		close(manager.fd);
	manager.fd = -1;
	manager.watchdog_ms = 0;
}

/* ---------------------------------------------------------------------------
 * A file that takes another's place whole, or not at all.
 */

/* Where it is written until then. */
static const char *
draft_path(const char *path)
{
	static char draft[PATH_MAX];

	snprintf(draft, sizeof(draft), "%s" DRAFT_SUFFIX, path);
	return draft;
}

/* What may be left over of before is not written through. */
static int
draft_open(const char *path, unsigned mode)
{
	(void)file_unlink(draft_path(path));
	return file_open(draft_path(path),
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
}

/* It is whole, unless err says why not; 0, or why it is not there. */
static int
draft_close(int fd, const char *path, int err)
{
	if (close(fd) < 0 && err == 0)
		err = errno;
	if (err == 0 && file_rename(draft_path(path), path) < 0)
		err = errno;
	if (err != 0)
		(void)file_unlink(draft_path(path));
	return err;
}

/* ---------------------------------------------------------------------------
 * --metrics: the statistics in a file, in the text format of Prometheus, which
 * takes another's place whole.
 */

static struct {
	const char *path; /* NULL: there is no file */
	int err;          /* that was told */
	uint64_t due_ms;
	uint8_t text[METRICS_TEXT_MAX];
} metrics;

/* What is short for sure. */
__attribute__((format(printf, 2, 0))) static void
write_arguments(struct writer *w, const char *format, va_list args)
{
	char text[256];
	int len = vsnprintf(text, sizeof(text), format, args);

	assert(len >= 0 && (size_t)len < sizeof(text));
	write_bytes(w, text, (size_t)len);
}

__attribute__((format(printf, 2, 3))) static void
write_format(struct writer *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_arguments(w, format, args);
	va_end(args);
}

static void
write_metric_head(
    struct writer *w, const char *name, const char *help, const char *type)
{
	write_format(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Its convention: a counter ends in _total, and a time is in seconds. */
static void
write_metric(
    struct writer *w, const struct number *n, const struct statistics *s)
{
	static const char seconds[] = "_s";
	size_t len = strlen(n->key), end = sizeof(seconds) - 1;
	bool is_time = strcmp(n->key + len - end, seconds) == 0;
	char name[64];

	snprintf(name, sizeof(name), "dns_%.*s%s%s",
	    (int)(is_time ? len - end : len), n->key, is_time ? "_seconds" : "",
	    n->held ? "" : "_total");
	write_metric_head(w, name, n->help, n->held ? "gauge" : "counter");
	write_format(w, "%s %" PRIu64 "\n", name, statistics_number(n, s));
}

static void
write_metric_classes(struct writer *w, const struct class_count *c)
{
	static const char name[] = "dns_addresses_refused_by_class_total";

	write_metric_head(w, name,
	    "Addresses of name servers that were refused, by their class.",
	    "counter");
	for (; c->class != NULL; c++)
		write_format(w, "%s{class=\"%s\"} %" PRIu64 "\n", name,
		    c->class, c->count);
}

/* Times of answers: each place has those of the places before it, too. */
static void
write_metric_took(struct writer *w, const struct statistics *s)
{
	static const char name[] = "dns_answer_seconds";
	uint64_t count = 0;
	unsigned i;

	write_metric_head(w, name,
	    "From a question to its answer, by turns of the loop.",
	    "histogram");
	for (i = 0; i < TOOK_MAX - 1; i++) {
		unsigned ms = took_most_ms(i);

		count += s->took[i];
		write_format(w, "%s_bucket{le=\"%u.%03u\"} %" PRIu64 "\n", name,
		    ms / 1000, ms % 1000, count);
	}
	count += s->took[i];
	write_format(w, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	write_format(w, "%s_sum %" PRIu64 ".%03u\n", name, s->took_ms / 1000,
	    (unsigned)(s->took_ms % 1000));
	write_format(w, "%s_count %" PRIu64 "\n", name, count);
}

static void
write_metrics(struct writer *w, const struct statistics *s)
{
	unsigned count, i;
	const struct number *numbers = eventlog_numbers(&count);

	for (i = 0; i < count; i++)
		if (numbers[i].help != NULL)
			write_metric(w, &numbers[i], s);
	write_metric_classes(w, s->refused_classes);
	write_metric_took(w, s);
	assert(!w->failed);
}

/* 0 or an errno. */
static int
metrics_replace(const struct writer *text)
{
	int fd = draft_open(metrics.path, 0644);
	ssize_t n;
	int err;

	if (fd < 0)
		return errno;
	n = write(fd, text->base, text->len);
	err = n < 0 ? errno : (size_t)n < text->len ? ENOSPC : 0;
	return draft_close(fd, metrics.path, err);
}

void
metrics_write(const struct statistics *s, uint64_t now_ms)
{
	struct writer text;
	int err;

	if (metrics.path == NULL)
		return;
	metrics.due_ms = now_ms + METRICS_MS;
	writer_init(&text, metrics.text, sizeof(metrics.text));
	write_metrics(&text, s);
	err = metrics_replace(&text);
	if (err != 0 && err != metrics.err)
		eventlog_metrics_failed(metrics.path, err);
	metrics.err = err;
}

void
metrics_open(const char *path, const struct statistics *s, uint64_t now_ms)
{
	metrics.path = path;
	metrics.err = 0;
	if (path == NULL)
		return;
	metrics_write(s, now_ms);
	if (metrics.err != 0)
		refuse("cannot write the metrics file", path,
		    strerror(metrics.err));
}

uint64_t
metrics_next_due(void)
{
	return metrics.path != NULL ? metrics.due_ms : UINT64_MAX;
}

/* ---------------------------------------------------------------------------
 * --control: what the operator asks of a server that runs, and tells it.
 *
 * A command is one line in; its reply is text, and ends with the connection:
 * `echo stats | nc -U PATH` does.  The last line of a reply that is whole is
 * "; ok".  One that begins with "error: " says why nothing was done.
 *
 * A long reply is made a slice at a time, whenever all that was made before has
 * been taken.  So no reader, however slow, has another wait, or the clients.
 */

enum takes {
	TAKES_NOTHING,
	TAKES_NAME,
	TAKES_NAME_TYPE /* A if there is no type */
};

/*
 *	verb	said	watched for	becomes due		then
 *	NULL	no	EPOLLIN		a line is whole		its verb tells
 *	reload	no	nothing		the files were read	it tells
 *	any	no	EPOLLOUT	all text was taken	it tells more
 *	any	yes	EPOLLOUT	all text was taken	closed
 */
struct command {
	struct timer idle; /* must stand first */
	int fd;            /* -1: free */
	uint32_t generation;
	bool due;
	char line[COMMAND_LINE_MAX + 1];
	size_t len;
	const struct verb *verb;
	struct name name;
	uint16_t type;
	unsigned step, at; /* of the verb's, how far it has told */
	struct cache_cursor cursor;
	bool waits, said;
	struct writer text;
	size_t taken; /* of it, by the reader */
};

/* What a record's text may have beside four characters for each octet. */
enum {
	RECORD_TEXT_MORE = NAME_TEXT_MAX + 512
};

static_assert(COMMAND_SLICE + 4 * ENTRY_MAX +
	    (RRSET_RECORDS_MAX + RRSET_SIGNATURES_MAX + PROOFS_MAX) *
		(RECORD_TEXT_MORE + 8) +
	    4096 <=
	COMMAND_TEXT_MAX,
    "there is room for one thing more");

/* Tell as much as a turn may take; true: that was all. */
struct verb {
	const char *word;
	enum takes takes;
	bool (*tell)(struct command *, uint64_t now_ms);
};

static struct {
	const char *path; /* NULL: there is no socket */
	int epoll, listener;
	dev_t device; /* of the socket in the file system */
	ino_t inode;
	struct command commands[COMMANDS_MAX];
	uint8_t (*texts)[COMMAND_TEXT_MAX];
	struct timer_queue idle;
	struct timer_queue pauses; /* no descriptor was left to accept with */
	struct timer paused;
	const struct statistics *counts;
	bool reload; /* is still to be done */

	/*
	 * In this turn; no other command is.  Questions that the flush found
	 * answered have to be composed before more of the cache goes.
	 */
	bool flushed;
} control;

static const struct verb *verb_find(const char *word);

__attribute__((format(printf, 2, 3))) static void
say(struct command *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_arguments(&c->text, format, args);
	va_end(args);
}

static void
say_text(struct command *c, const char *text)
{
	write_bytes(&c->text, text, strlen(text));
}

/* The commands that are under way. */
static bool
command_is_open(const struct command *c)
{
	return c->fd >= 0;
}

/* -1 sets errno.  The file's mode is the operator's alone from the start. */
static int
control_listen(const struct sockaddr_un *at, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    err;
	mode_t before;

	if (fd < 0)
		return -1;
	before = umask(0177);
	err = bind(fd, (const struct sockaddr *)at, size);
	umask(before);
	if (err == 0 && listen(fd, COMMANDS_MAX) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* What stands at the path is a socket that no server has any more: away. */
static void
control_clear(const char *path, const struct sockaddr_un *at, socklen_t size)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		refuse("cannot make the control socket", path,
		    "a file that is no socket is there");
	fd = unix_connect(SOCK_STREAM | SOCK_NONBLOCK, at, size);
	if (fd >= 0 || errno == EAGAIN) /* it has no time */
		refuse("cannot make the control socket", path,
		    "a server answers there");
	if (errno != ECONNREFUSED || unlink(path) < 0)
		refuse(
		    "cannot replace the control socket", path, strerror(errno));
}

void
control_open(const char *path, int epoll)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct sockaddr_un at;
	struct stat st;
	socklen_t size;
	unsigned i;

	control.path = path;
	if (path == NULL)
		return;
	control.epoll = epoll;
	timer_queue_init(&control.idle, COMMAND_IDLE_MS);
	timer_queue_init(&control.pauses, ACCEPT_PAUSE_MS);
	for (i = 0; i < COMMANDS_MAX; i++)
		control.commands[i].fd = -1;
	control.texts = calloc(COMMANDS_MAX, sizeof(*control.texts));
	control.listener = -1;
	if (unix_address(path, &at, &size))
		control.listener = control_listen(&at, size);
	if (control.listener < 0 && errno == EADDRINUSE) {
		control_clear(path, &at, size);
		control.listener = control_listen(&at, size);
	}
	event.data.u64 = tag_make(TAG_CONTROL, 0, COMMANDS_MAX);
	if (control.texts == NULL || control.listener < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, control.listener, &event) < 0)
		refuse("cannot make the control socket", path, strerror(errno));
	if (lstat(path, &st) == 0) {
		control.device = st.st_dev;
		control.inode = st.st_ino;
	}
}

size_t
control_memory(void)
{
	return sizeof(control) +
	    (control.texts != NULL ? COMMANDS_MAX * sizeof(*control.texts) : 0);
}

static void
command_close(struct command *c)
{
	timer_disarm(&c->idle);
	close(c->fd);
	c->fd = -1;
	c->due = false;
}

/* Another server may have taken the path meanwhile; that is its own. */
void
control_close(void)
{
	struct stat st;
	unsigned i;

	if (control.path == NULL)
		return;
	for (i = 0; i < COMMANDS_MAX; i++)
		if (command_is_open(&control.commands[i]))
			command_close(&control.commands[i]);
	close(control.listener);
	if (file_lstat(control.path, &st) == 0 && st.st_dev == control.device &&
	    st.st_ino == control.inode)
		(void)file_unlink(control.path);
	free(control.texts);
	memset(&control, 0, sizeof(control));
}

/* False, which only a lack of memory makes it: it is closed. */
static bool
command_watch(struct command *c, int op, uint32_t events)
{
	struct epoll_event event = {.events = events};

	event.data.u64 = tag_make(
	    TAG_CONTROL, c->generation, (uint32_t)(c - control.commands));
	if (epoll_ctl(control.epoll, op, c->fd, &event) == 0)
		return true;
	command_close(c);
	return false;
}

/* False, which only a lack of memory makes it. */
static bool
commands_watch(uint32_t events)
{
	struct epoll_event event = {.events = events};

	event.data.u64 = tag_make(TAG_CONTROL, 0, COMMANDS_MAX);
	return epoll_ctl(
		   control.epoll, EPOLL_CTL_MOD, control.listener, &event) == 0;
}

/* A free place, or NULL. */
static struct command *
command_place(void)
{
	unsigned i;

	for (i = 0; i < COMMANDS_MAX; i++)
		if (control.commands[i].fd < 0)
			return &control.commands[i];
	return NULL;
}

static void
command_open(int fd, uint64_t now_ms)
{
	static const char full[] = "error: too many commands are under way\n";
	struct command *c = command_place();
	uint32_t generation;

	if (c == NULL) {
		(void)!write(fd, full, sizeof(full) - 1);
		close(fd);
		return;
	}
	generation = c->generation + 1;
	memset(c, 0, sizeof(*c));
	c->generation = generation;
	c->fd = fd;
	writer_init(&c->text, control.texts[c - control.commands],
	    sizeof(control.texts[0]));
	timer_arm(&control.idle, &c->idle, now_ms);
	(void)command_watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void
commands_accept(uint64_t now_ms)
{
	int fd;

	while ((fd = accept4(control.listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		command_open(fd, now_ms);
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return;
	(void)commands_watch(0);
	timer_arm(&control.pauses, &control.paused, now_ms);
}

void
control_ready(uint64_t tag, uint64_t now_ms)
{
	struct command *c;

	if (tag_index(tag) == COMMANDS_MAX) {
		commands_accept(now_ms);
		return;
	}
	c = &control.commands[tag_index(tag)];
	if (c->fd >= 0 && c->generation == tag_generation(tag))
		c->due = true;
}

uint64_t
control_next_due(void)
{
	const struct timer *idle, *pause;
	uint64_t due_ms = UINT64_MAX;

	if (control.path == NULL)
		return due_ms;
	if (control.flushed)
		return 0; /* for those that had to wait */
	idle = timer_first(&control.idle);
	pause = timer_first(&control.pauses);
	if (idle != NULL)
		due_ms = idle->due_ms;
	if (pause != NULL && pause->due_ms < due_ms)
		due_ms = pause->due_ms;
	return due_ms;
}

bool
control_is_due(uint64_t now_ms)
{
	unsigned i;

	if (control.path == NULL)
		return false;
	for (i = 0; i < COMMANDS_MAX; i++)
		if (control.commands[i].due || control.commands[i].waits)
			return true;
	return control_next_due() <= now_ms;
}

static void
commands_expire(uint64_t now_ms)
{
	struct timer *t;

	while ((t = timer_first(&control.idle)) != NULL && t->due_ms <= now_ms)
		command_close((struct command *)t);
	t = timer_first(&control.pauses);
	if (t == NULL || t->due_ms > now_ms)
		return;
	timer_disarm(t);
	if (!commands_watch(EPOLLIN))
		timer_arm(&control.pauses, t, now_ms);
}

/* The next word of the line; NULL: there is none. */
static char *
word_take(char **line)
{
	char *word = *line + strspn(*line, " \t\r");
	size_t len = strcspn(word, " \t\r");

	*line = word + len + (word[len] != '\0');
	word[len] = '\0';
	return len > 0 ? word : NULL;
}

/* NULL, or what is wrong with the command, of which its word is the value. */
static const char *
command_parse(struct command *c, char **value)
{
	static const struct name root = {.len = 1};
	char *line = c->line, *word = word_take(&line);

	*value = word != NULL ? word : line;
	if (word == NULL || (c->verb = verb_find(word)) == NULL)
		return "unknown command";
	c->type = TYPE_A;
	if (c->verb->takes != TAKES_NOTHING) {
		if ((word = word_take(&line)) == NULL)
			return "a name is missing after";
		*value = word;
		if (!name_from_text(word, strlen(word), &root, &c->name))
			return "bad name";
	}
	if (c->verb->takes == TAKES_NAME_TYPE &&
	    (word = word_take(&line)) != NULL) {
		*value = word;
		if (!type_from_text(word, &c->type))
			return "bad type";
	}
	if ((word = word_take(&line)) != NULL) {
		*value = word;
		return "unknown argument";
	}
	return NULL;
}

/* A terminal gets what it can show. */
static void
command_refuse(struct command *c, const char *what, const char *value)
{
	unsigned shown;

	say(c, "error: %s ", what);
	for (shown = 0; shown < TOKEN_SHOWN_MAX && value[shown] != '\0';
	     shown++) {
		unsigned char octet = (unsigned char)value[shown];

		say(c, octet > ' ' && octet <= '~' ? "%c" : "\\%03u", octet);
	}
	say(c, "%s\n", value[shown] != '\0' ? "..." : "");
	c->said = true;
}

/* Hear its line, until that is whole. */
static void
command_hear(struct command *c)
{
	ssize_t n = read(c->fd, c->line + c->len, COMMAND_LINE_MAX - c->len);
	const char *fault;
	char *end, *value;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && c->len == 0)) {
		command_close(c);
		return;
	}
	c->len += (size_t)n;
	end = memchr(c->line, '\n', c->len);
	if (end == NULL && n > 0 && c->len < COMMAND_LINE_MAX)
		return;
	if (end == NULL)
		end = c->line + c->len;
	*end = '\0';
	if (c->len == COMMAND_LINE_MAX && end == c->line + c->len)
		command_refuse(c, "this is too long:", c->line);
	else if ((fault = command_parse(c, &value)) != NULL)
		command_refuse(c, fault, value);
	(void)command_watch(c, EPOLL_CTL_MOD, EPOLLOUT);
}

/* What was not taken stays for the next turn. */
static void
command_write(struct command *c, uint64_t now_ms)
{
	size_t left = c->text.len - c->taken;
	ssize_t n = 0;

	if (left > 0)
		n = write(c->fd, c->text.base + c->taken, left);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		command_close(c);
		return;
	}
	if (n > 0) {
		c->taken += (size_t)n;
		timer_arm(&control.idle, &c->idle, now_ms);
	}
	if (c->said && c->taken == c->text.len)
		command_close(c);
}

static void
command_go_on(struct command *c, uint64_t now_ms)
{
	c->due = false;
	if (c->verb == NULL && !c->said)
		command_hear(c);
	if (c->fd < 0 || (c->verb == NULL && !c->said))
		return;
	if (!c->said && c->taken == c->text.len) {
		write_back_to(&c->text, 0);
		c->taken = 0;
		timer_arm(&control.idle, &c->idle, now_ms); /* we work */
		c->said = c->verb->tell(c, now_ms);
		assert(!c->text.failed);
	}
	if (c->fd >= 0 && !c->waits)
		command_write(c, now_ms);
}

void
control_serve(const struct statistics *counts, bool *reload, uint64_t now_ms)
{
	unsigned i;

	control.counts = counts;
	control.reload = *reload;
	control.flushed = false;
	for (i = 0; i < COMMANDS_MAX && !control.flushed; i++) {
		struct command *c = &control.commands[i];

		if (c->fd >= 0 && (c->due || c->waits))
			command_go_on(c, now_ms);
	}
	*reload = control.reload;
	commands_expire(now_ms);
}

/*
 * What they tell.
 */

/* The end of a reply that is whole. */
static bool
all_said(struct command *c)
{
	say(c, "; ok\n");
	return true;
}

/* May a slice still grow? */
static bool
has_room(const struct command *c)
{
	return c->text.len < COMMAND_SLICE;
}

static bool
stats_tell(struct command *c, uint64_t now_ms)
{
	const struct class_count *class = control.counts->refused_classes;
	const struct number *numbers;
	unsigned count, i;

	(void)now_ms;
	numbers = eventlog_numbers(&count);
	for (i = 0; i < count; i++)
		say(c, "%-20s %" PRIu64 "\n", numbers[i].key,
		    statistics_number(&numbers[i], control.counts));
	for (; class->class != NULL; class ++)
		say(c, "refused %-12s %" PRIu64 "\n", class->class,
		    class->count);
	return all_said(c);
}

static void
say_name(struct command *c, const struct name *name)
{
	char text[NAME_TEXT_MAX];

	say_text(c, name_text(name, text));
}

static void
say_question(struct command *c, const struct name *name, uint16_t type)
{
	char text[TYPE_TEXT_MAX];

	say_name(c, name);
	say(c, " %s", type_text(type, text));
}

/* The beginning of a line of a master file, for what is no record. */
static void
say_owner(
    struct command *c, const struct name *owner, uint32_t ttl_s, uint16_t type)
{
	char text[TYPE_TEXT_MAX];

	say(c, "; ");
	say_name(c, owner);
	say(c, " %u IN %s ", (unsigned)ttl_s, type_text(type, text));
}

/*
 * A line of a master file.  Octets take at most four characters each, and a set
 * of types so many that it is better told by its octets.
 */
static void
say_record(struct command *c, const struct name *owner, uint16_t type,
    uint32_t ttl_s, struct reader rdata)
{
	struct writer line;
	size_t most = RECORD_TEXT_MORE + 4 * (rdata.len - rdata.at);

	assert(most <= c->text.max - c->text.len);
	writer_init(&line, c->text.base + c->text.len, most);
	write_record_text(&line, owner, ttl_s, type, &rdata);
	c->text.len += line.len;
	say(c, "\n");
}

static void
say_records(struct command *c, const struct name *owner, uint16_t type,
    unsigned count, struct view *view)
{
	unsigned i;

	for (i = 0; i < count; i++)
		say_record(
		    c, owner, type, view->ttl_s, read_stored(&view->body));
}

static void
say_set(struct command *c, const struct name *owner, struct view *view)
{
	say_records(c, owner, view->type, view->records, view);
	say_records(c, owner, TYPE_RRSIG, view->signatures, view);
}

static void
say_proofs(struct command *c, struct view *view)
{
	struct name owner;
	unsigned i;

	for (i = 0; i < view->proofs && read_name(&view->body, &owner); i++) {
		uint16_t type = read_u16(&view->body);

		say(c, ";   ");
		say_record(
		    c, &owner, type, view->ttl_s, read_stored(&view->body));
	}
}

/* What would keep a query from an address, or how long a reply takes. */
static void
say_server(struct command *c, const struct name *zone, const struct address *at,
    bool typed, uint64_t now_ms)
{
	const char *fault = address_fault(at, typed);
	uint64_t lame_ms = server_lame_ms(zone, at);
	struct server_told s;

	if (fault != NULL)
		say(c, " (refused: %s)", fault);
	else if (lame_ms > 0 && now_ms < lame_ms + LAME_HOLD_S * UINT64_C(1000))
		say(c, " (lame)");
	else if (!server_look(at, now_ms, &s))
		return;
	else if (s.held_ms > 0)
		say(c, " (held %us)", (unsigned)(s.held_ms / 1000));
	else if (s.srtt_ms > 0)
		say(c, " (%ums)", s.srtt_ms);
}

/* Name servers and what addresses are known of them, a line a name. */
static void
say_delegation(struct command *c, const struct name *zone, struct view *view,
    bool judged, uint64_t now_ms)
{
	struct reader *body = &view->body;
	char text[ADDRESS_TEXT_MAX];
	struct name ns;
	unsigned i;

	for (i = 0; i < view->records && read_name(body, &ns); i++) {
		unsigned v4 = read_u8(body), all = v4 + read_u8(body), n;

		say_owner(c, zone, view->ttl_s, TYPE_NS);
		say_name(c, &ns);
		for (n = 0; n < all && !body->failed; n++) {
			uint8_t family = n < v4 ? 4 : 6;
			struct address at;

			read_address(body, family, &at);
			say(c, " %s", address_text(&at, text));
			if (judged)
				say_server(c, zone, &at, false, now_ms);
		}
		say(c, "\n");
	}
}

static void
say_forward(struct command *c, const struct forward *f, uint64_t now_ms)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	say(c, "; -f has these asked, for all in ");
	say_name(c, &f->zone);
	say(c, ":\n");
	for (i = 0; i < f->count; i++) {
		say(c, "; %s", address_port_text(&f->at[i], text));
		say_server(c, &f->zone, &f->at[i], true, now_ms);
		say(c, "\n");
	}
}

static void
lookup_say_delegation(struct command *c, uint64_t now_ms)
{
	struct name zone;
	struct view view;
	uint64_t until_ms;

	if (!cache_find_delegation(
		&c->name, cache_mark(), now_ms, &view, &until_ms)) {
		say(c, "; no delegation: the roots would be asked\n");
		return;
	}
	name_suffix(&c->name, view.owner_len, &zone);
	if (view.forwarded) {
		say_forward(c, server_forward(&zone), now_ms);
		return;
	}
	say(c, "; these would be asked:\n");
	say_delegation(c, &zone, &view, true, now_ms);
}

static void
lookup_say_found(struct command *c, enum found found, struct view *view)
{
	static const char *const what[] = {
	    [FOUND_NOTHING] = "nothing is known of",
	    [FOUND_ANSWER] = "answer for",
	    [FOUND_ALIAS] = "alias for",
	    [FOUND_NO_DATA] = "no data for",
	    [FOUND_NAME_ERROR] = "no such name as",
	    [FOUND_FAILURE] = "failure for",
	};
	static const char *const trusts[] = {
	    [TRUST_LAST_RESORT] = "without authority",
	    [TRUST_REFERRAL] = "from a referral",
	    [TRUST_ANSWER] = "authoritative",
	};
	struct name owner;

	say(c, "; %s ", what[found]);
	say_question(c, &c->name, c->type);
	if (found == FOUND_NOTHING) {
		say(c, "\n");
		return;
	}
	say(c, ", %s, %u of %u s left\n",
	    view->reason == NULL ? trusts[view->trust] : view->reason->text,
	    (unsigned)view->ttl_s, (unsigned)view->ttl_first_s);
	name_suffix(&c->name, view->owner_len, &owner);
	if (found == FOUND_ANSWER || found == FOUND_ALIAS)
		say_set(c, &owner, view);
	if (view->reason == NULL)
		say_proofs(c, view);
}

/* An alias and then what it leads to, each on a turn of its own. */
static bool
lookup_tell(struct command *c, uint64_t now_ms)
{
	struct name target;
	struct view view;
	enum found found =
	    cache_find(&c->name, c->type, cache_mark(), now_ms, &view);
	bool leads = found == FOUND_ALIAS && !alias_is_answer(c->type) &&
	    c->at++ < ALIASES_MAX && alias_target(&view, &c->name, &target);

	lookup_say_found(c, found, &view);
	if (leads) {
		c->name = target;
		return false;
	}
	lookup_say_delegation(c, now_ms);
	return all_said(c);
}

static void
say_cached(struct command *c, struct cached *f, uint64_t now_ms)
{
	struct view *view = &f->view;

	switch (f->kind) {
	case KIND_RRSET:
		say_set(c, &f->owner, view);
		break;
	case KIND_DELEGATION:
		say_delegation(c, &f->owner, view, false, now_ms);
		break;
	case KIND_NO_DATA:
		say_owner(c, &f->owner, view->ttl_s, view->type);
		say(c, "no data\n");
		break;
	case KIND_NAME_ERROR:
		say_owner(c, &f->owner, view->ttl_s, TYPE_ANY);
		say(c, "no such name\n");
		break;
	case KIND_DEAD:
		say_owner(c, &f->owner, view->ttl_s,
		    view->type == TYPE_ZONE ? TYPE_ANY : view->type);
		say(c, "failed: %s\n", view->reason->text);
		break;
	}
}

static bool
dump_tell(struct command *c, uint64_t now_ms)
{
	unsigned looks = COMMAND_LOOKS;
	struct cached found;

	if (c->step++ == 0)
		cache_cursor_init(&c->cursor);
	while (has_room(c)) {
		if (cache_next(&c->cursor, &looks, now_ms, &found))
			say_cached(c, &found, now_ms);
		else
			return looks > 0 && all_said(c);
	}
	return false;
}

static void
say_server_line(struct command *c, const struct server_told *s)
{
	static const char *const features[FEATURES] = {
	    "edns", "case", "cookie", "pipeline"}; /* FEATURE_EDNS ... */
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	say(c, "%-39s %5u %5u %4u %6llu ",
	    s->at.port == DNS_PORT ? address_text(&s->at, text)
				   : address_port_text(&s->at, text),
	    s->srtt_ms, s->rto_ms, s->lost,
	    (unsigned long long)s->used_ms / 1000);
	if (s->held_ms > 0)
		say(c, "held %us", (unsigned)(s->held_ms + 999) / 1000);
	else if (s->lost > 0)
		say(c, "silent");
	else
		say(c, s->srtt_ms > 0 ? "well" : "unknown");
	for (i = 0; i < FEATURES; i++)
		if (s->chokes >> i & 1)
			say(c, ", no %s", features[i]);
	if (s->no_tcp_ms > 0)
		say(c, ", no tcp %us", (unsigned)(s->no_tcp_ms + 999) / 1000);
	say(c, "\n");
}

static void
say_lame(struct command *c, unsigned place, uint64_t now_ms)
{
	struct name zone;
	struct address at;
	char text[ADDRESS_TEXT_MAX];
	uint64_t left_ms;

	if (!server_lame_at(place, now_ms, &zone, &at, &left_ms))
		return;
	say(c, "%-39s lame %us for ", address_text(&at, text),
	    (unsigned)(left_ms + 999) / 1000);
	say_name(c, &zone);
	say(c, "\n");
}

/* Also those that nobody asked yet. */
static void
say_forwarders(struct command *c, const struct forward *f)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned i;

	for (i = 0; i < f->count; i++) {
		say(c, "%-39s forwarder for ",
		    address_server_text(&f->at[i], text));
		say_name(c, &f->zone);
		say(c, "\n");
	}
}

/* First all servers, then who is lame and who a forwarder for which zone. */
static void
say_server_place(struct command *c, unsigned place, uint64_t now_ms)
{
	const struct forward *f;
	struct server_told s;

	if (place < SERVERS_MAX) {
		if (server_at(place, now_ms, &s))
			say_server_line(c, &s);
	} else if (place < SERVERS_MAX + LAME_MAX) {
		say_lame(c, place - SERVERS_MAX, now_ms);
	} else if ((f = server_forward_at(place - SERVERS_MAX - LAME_MAX)) !=
	    NULL) {
		say_forwarders(c, f);
	}
}

static bool
servers_tell(struct command *c, uint64_t now_ms)
{
	static const unsigned places =
	    SERVERS_MAX + LAME_MAX + FORWARD_ZONES_MAX;
	unsigned looks;

	if (c->step++ == 0)
		say(c, "; %-37s %5s %5s %4s %6s %s\n", "address", "rtt/ms",
		    "wait", "lost", "used/s", "state");
	for (looks = 0; looks < COMMAND_LOOKS && has_room(c) && c->at < places;
	     looks++)
		say_server_place(c, c->at++, now_ms);
	return c->at == places && all_said(c);
}

static void
say_walk(struct command *c, const struct walk_told *w)
{
	say_question(c, &w->qname, w->qtype);
	say(c, "%s%s: %llu ms, %u sent", w->priming ? " (priming)" : "",
	    w->refreshing ? " (ahead of its end)" : "",
	    (unsigned long long)w->ms, w->sends);
}

static void
say_walk_open(struct command *c, const struct walk_told *w)
{
	char text[ADDRESS_TEXT_MAX];

	say_walk(c, w);
	say(c, ", clients %u, walks %u", w->clients, w->parents);
	if (w->asked.family != 0)
		say(c, ", asks %s", address_port_text(&w->asked, text));
	if (w->children > 0)
		say(c, ", needs walks: %u", w->children);
	if (w->zone.len > 0) {
		say(c, " in ");
		say_name(c, &w->zone);
	}
	say(c, "\n");
}

static void
say_walk_over(struct command *c, const struct walk_told *w)
{
	say_walk(c, w);
	if (w->limit != NULL)
		say(c, ", limit %s", w->limit);
	if (w->reason.ede != EDE_NONE)
		say(c, ", failed: %s\n", w->reason.text);
	else
		say(c, w->wanted ? ", done\n" : ", nobody waited any more\n");
}

/* First those that are open, then the last that are over. */
static bool
walks_tell(struct command *c, uint64_t now_ms)
{
	struct referral_counts counts;
	struct walk_told w;
	unsigned looks = COMMAND_LOOKS;

	referral_count(&counts);
	if (c->step == 0)
		say(c, "; %u open:\n", counts.open);
	for (c->step = 1;
	     looks-- > 0 && has_room(c) && c->at < counts.walks_max; c->at++)
		if (referral_walk_at(c->at, now_ms, &w))
			say_walk_open(c, &w);
	if (c->at < counts.walks_max)
		return false;
	say(c, "; the last %u that are over, youngest first:\n",
	    WALKS_OVER_MAX);
	for (looks = 0; referral_walk_over(looks, &w); looks++)
		say_walk_over(c, &w);
	return all_said(c);
}

/* Neither walks nor the cache file may bring back what is forgotten. */
static void
flush_heed(uint64_t now_ms)
{
	cache_file_abandon();
	referral_restart(now_ms);
	control.flushed = true;
}

static bool
flush_say(struct command *c, uint64_t count)
{
	say(c, "%llu forgotten\n", (unsigned long long)count);
	return all_said(c);
}

static bool
flush_tell(struct command *c, uint64_t now_ms)
{
	unsigned count = cache_flush_name(&c->name);

	flush_heed(now_ms);
	return flush_say(c, count);
}

/*
 * After the tree of another command.  Who gave this one may leave: it is gone
 * through with, and it is not he who rests.
 */
static bool
flush_tree_tell(struct command *c, uint64_t now_ms)
{
	unsigned count;

	if (c->step == 0 && cache_is_flushing())
		return false;
	if (c->step++ == 0) {
		cache_flush_tree(&c->name);
		flush_heed(now_ms);
	}
	return cache_flush_next(COMMAND_LOOKS, &count) && flush_say(c, count);
}

static bool
flush_all_tell(struct command *c, uint64_t now_ms)
{
	struct cache_counts counts;

	cache_count(&counts);
	cache_flush();
	flush_heed(now_ms);
	return flush_say(c, counts.entries);
}

/* The loop looks at the files in its next turn, unless it just did. */
static bool
reload_tell(struct command *c, uint64_t now_ms)
{
	const struct root_servers *roots = hints_roots();
	const char *bad = hints_bad_file();

	(void)now_ms;
	if (!c->waits) {
		control.reload = c->waits = true;
		(void)command_watch(c, EPOLL_CTL_MOD, 0);
		return false;
	}
	if (control.reload)
		return false;
	c->waits = false;
	if (!command_watch(c, EPOLL_CTL_MOD, EPOLLOUT))
		return true;
	if (bad != NULL) {
		say_text(c, "error: the event log says what is wrong in ");
		say_text(c, bad);
		say(c, "\n");
		return true;
	}
	say_text(c, "root hints of ");
	say_text(c, hints_file());
	say(c, ": %u names, %u addresses\n", roots->name_count,
	    roots->address_count);
	return all_said(c);
}

static const struct verb verbs[] = {
    {"stats", TAKES_NOTHING, stats_tell},
    {"lookup", TAKES_NAME_TYPE, lookup_tell},
    {"dump", TAKES_NOTHING, dump_tell},
    {"servers", TAKES_NOTHING, servers_tell},
    {"walks", TAKES_NOTHING, walks_tell},
    {"flush", TAKES_NAME, flush_tell},
    {"flush-tree", TAKES_NAME, flush_tree_tell},
    {"flush-all", TAKES_NOTHING, flush_all_tell},
    {"reload", TAKES_NOTHING, reload_tell},
};

static const struct verb *
verb_find(const char *word)
{
	unsigned i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(word, verbs[i].word) == 0)
			return &verbs[i];
	return NULL;
}

/* Who is turned away is told so, whether his words were taken or not. */
static void
command_give(int fd, char **words)
{
	for (; *words != NULL; words++) {
		(void)send(fd, *words, strlen(*words), MSG_NOSIGNAL);
		(void)send(fd, words[1] != NULL ? " " : "\n", 1, MSG_NOSIGNAL);
	}
}

/*
 * And the other side: give the words to the server at the path, and its reply
 * to whoever reads.
 */
_Noreturn static void
command_and_exit(const char *path, char **words)
{
	char line[4096] = "";
	bool begins = true, good = false, bad = false;
	struct sockaddr_un at;
	socklen_t size;
	int fd = unix_address(path, &at, &size)
	    ? unix_connect(SOCK_STREAM, &at, size)
	    : -1;
	FILE *server = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (server == NULL)
		refuse("no server answers at", path, strerror(errno));
	command_give(fd, words);
	while (fgets(line, sizeof(line), server) != NULL) {
		bad |= strncmp(line, "error: ", 7) == 0 && begins && !good;
		good = begins && strcmp(line, "; ok\n") == 0;
		begins = strchr(line, '\n') != NULL;
		if (!good)
			fputs(line, bad ? stderr : stdout);
	}
	if (!good && !bad)
		fprintf(stderr, "dns: the reply broke off\n");
	if (good)
		print_end();
	exit(EXIT_FAILURE);
}

/* ---------------------------------------------------------------------------
 * --cache-file: what is known, kept over a restart.
 *
 *	u64 CACHE_FILE_MAGIC, u64 when it was written (ms since 1970), u64 whom
 *	the questions went to
 *	blocks x (u32 length, u64 hash, entries), the last one empty
 *
 * and an entry is
 *	u8 kind, u8 trust, u16 type, u32 what is left of the TTL,
 *	u8 records, u8 signatures, u8 proofs, owner, u32 length, body as of a
 *draft
 *
 * The hash of a block is keyed with the hour and the block's number, so that
 * each stands where it was written.  Nothing in a block is looked at before its
 * hash is right, and then each entry is taken apart by the reader and must be
 * what it says: a file is not a friend because it lies in our directory.
 *
 *	state	on					to
 *	IDLE	cache_file_open, and it may be read	READING
 *	READING	a block					READING
 *		the empty block, a fault, a flush	IDLE
 *	IDLE	cache_file_save				IDLE, in one go
 */

#define CACHE_FILE_MAGIC UINT64_C(0x646e736361636801) /* "dnscach", 1 */

enum {
	CACHE_FILE_HEAD = 24,
	CACHE_FILE_LOOKS = 1 << 16, /* for one block, if few chains have any */
	CACHE_BLOCK_HEAD = 12,
	CACHE_ENTRY_HEAD = 15, /* without its owner */
	CACHE_BLOCK_MAX =
	    CACHE_FILE_BLOCK + CACHE_ENTRY_HEAD + NAME_LEN_MAX + MESSAGE_MAX
};

static struct {
	const char *path;
	int fd;              /* being read; -1: idle */
	uint64_t written_ms; /* by the clock on the wall */
	uint64_t age_ms;     /* when it was opened, at now_ms: */
	uint64_t opened_ms;
	uint32_t block;
	uint64_t entries; /* taken so far, or written */
	int err;          /* why it could not be written */
	uint8_t octets[CACHE_BLOCK_MAX];
	uint8_t rdata[MESSAGE_MAX]; /* to see that it is what it says */
} file = {.fd = -1};

static uint64_t
read_u64(struct reader *r)
{
	uint64_t high = read_u32(r);

	return high << 32 | read_u32(r);
}

static void
write_u64(struct writer *w, uint64_t n)
{
	write_u32(w, (uint32_t)(n >> 32));
	write_u32(w, (uint32_t)n);
}

static uint64_t
block_hash(const uint8_t *octets, size_t len, uint64_t written_ms, uint32_t n)
{
	uint8_t key[16] = {0};
	struct writer w;

	writer_init(&w, key, sizeof(key));
	write_u64(&w, written_ms);
	write_u32(&w, n);
	return hash_keyed(octets, len, key);
}

/*
 * Whom the questions of this server go to: what others say is another truth.
 * In whatever order the roots and the options stand.
 */
static uint64_t
truth_hash(const struct options *o)
{
	static const uint8_t key[16];
	const struct root_servers *roots = hints_roots();
	uint64_t hash = 0;
	unsigned i, k;

	for (i = 0; i < roots->address_count; i++)
		hash ^= hash_keyed(roots->addresses[i].at.ip, 16, key);
	for (i = 0; i < o->forward_count; i++) {
		const struct forward *f = &o->forward[i];

		for (k = 0; k < f->count; k++)
			hash ^= name_hash(&f->zone, key) +
			    hash_keyed(f->at[k].ip, 16, key) + f->at[k].port;
	}
	for (i = 0; i < o->look_up_count; i++)
		hash ^= ~name_hash(&o->look_up[i], key);
	return hash;
}

/*
 * A name as it stands, without pointers; there are none in the cache, and what
 * one leads to here is another entry.
 */
static bool
read_plain_name(struct reader *r, struct name *name)
{
	size_t at = r->at;

	return read_name(r, name) && r->at - at == name->len;
}

/* u16 length and rdata of the type, as read_rdata leaves it. */
static bool
read_plain_rdata(struct reader *r, uint16_t type)
{
	struct record record = {.type = type, .class = CLASS_IN};
	struct writer copy;

	record.rdata_len = read_u16(r);
	record.rdata_at = (uint16_t)r->at;
	if (r->at > UINT16_MAX || read_bytes(r, record.rdata_len) == NULL)
		return false;
	writer_init(&copy, file.rdata, sizeof(file.rdata));
	return read_rdata(r, &record, &copy) && copy.len == record.rdata_len &&
	    memcmp(copy.base, r->base + record.rdata_at, copy.len) == 0;
}

static bool
read_proof(struct reader *r)
{
	struct name owner;
	uint16_t type;

	if (!read_plain_name(r, &owner))
		return false;
	type = read_u16(r);
	return type != TYPE_OPT && read_plain_rdata(r, type);
}

static bool
read_name_server(struct reader *r)
{
	struct name ns;
	size_t v4, v6;

	if (!read_plain_name(r, &ns))
		return false;
	v4 = read_u8(r);
	v6 = read_u8(r);
	return v4 <= NS_FAMILY_ADDRESSES_MAX && v6 <= NS_FAMILY_ADDRESSES_MAX &&
	    (v4 + v6 == 0 || read_bytes(r, 4 * v4 + 16 * v6) != NULL);
}

/* Has the body the shape that cache.c and its readers take for granted? */
static bool
body_is_sound(struct reader *r, const struct draft *d)
{
	unsigned i;

	if (d->kind == KIND_DELEGATION) {
		for (i = 0; i < d->records; i++)
			if (!read_name_server(r))
				return false;
		return !r->failed && d->signatures + d->proofs == 0;
	}
	for (i = 0; i < d->records; i++)
		if (!read_plain_rdata(r, d->type))
			return false;
	for (i = 0; i < d->signatures; i++)
		if (!read_plain_rdata(r, TYPE_RRSIG))
			return false;
	for (i = 0; i < d->proofs; i++)
		if (!read_proof(r))
			return false;
	return !r->failed;
}

/* Can there be an entry of this kind, with so many parts, for so long? */
static bool
draft_is_sound(const struct draft *d)
{
	static const uint32_t life_s[] = {
	    [KIND_RRSET] = TTL_MAX_S,
	    [KIND_NO_DATA] = TTL_NEGATIVE_MAX_S,
	    [KIND_NAME_ERROR] = TTL_NEGATIVE_MAX_S,
	    [KIND_DELEGATION] = TTL_DELEGATION_MAX_S,
	};

	switch (d->kind) {
	case KIND_RRSET:
		if (d->records == 0 || d->records > RRSET_RECORDS_MAX ||
		    d->signatures > RRSET_SIGNATURES_MAX ||
		    d->type == TYPE_ZONE || d->type == TYPE_OPT ||
		    d->type == TYPE_ANY)
			return false;
		break;
	case KIND_NO_DATA:
	case KIND_NAME_ERROR:
		if (d->records + d->signatures > 0 ||
		    (d->kind == KIND_NAME_ERROR) != (d->type == 0))
			return false;
		break;
	case KIND_DELEGATION:
		if (d->records == 0 || d->records > SLIST_NS_MAX ||
		    d->type != TYPE_NS)
			return false;
		break;
	default:
		return false;
	}
	return d->proofs <= PROOFS_MAX && d->ttl_s <= life_s[d->kind] &&
	    (d->trust == TRUST_REFERRAL || d->trust == TRUST_ANSWER);
}

/* The next entry; its body stays where it is read. */
static bool
read_entry(struct reader *r, struct draft *d, struct name *owner)
{
	struct reader body;

	memset(d, 0, sizeof(*d));
	d->kind = (enum kind)read_u8(r);
	d->trust = (enum trust)read_u8(r);
	d->type = read_u16(r);
	d->ttl_s = read_u32(r);
	d->records = read_u8(r);
	d->signatures = read_u8(r);
	d->proofs = read_u8(r);
	if (r->failed || !read_plain_name(r, owner))
		return false;
	d->owner = owner;
	d->body_len = read_u32(r);
	d->body = read_bytes(r, d->body_len);
	if (d->body == NULL || d->body_len > MESSAGE_MAX || !draft_is_sound(d))
		return false;
	reader_init(&body, d->body, d->body_len);
	return body_is_sound(&body, d) && body.at == body.len;
}

/* All of it or nothing; what comes short sets errno to 0. */
static bool
file_read(uint8_t *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = read(file.fd, octets, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = 0;
		if (n <= 0)
			return false;
		octets += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
file_write(const uint8_t *octets, size_t len)
{
	while (len > 0) {
		ssize_t n = write(file.fd, octets, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets += n;
		len -= (size_t)n;
	}
	return true;
}

static void
file_close(void)
{
	if (file.fd >= 0)
		close(file.fd);
	file.fd = -1;
}

void
cache_file_abandon(void)
{
	if (file.fd < 0)
		return;
	file_close();
	eventlog_cache_not_restored(file.path, 0, "flushed");
}

/* It goes no further; what was taken so far was sound. */
static void
file_refuse(const char *why)
{
	int err = errno;

	file_close();
	eventlog_cache_not_restored(file.path, why != NULL ? 0 : err, why);
}

/* Why a file at our path is not ours to read, nor to write over; or NULL. */
static const char *
file_fault(void)
{
	struct stat st;

	if (fstat(file.fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "no regular file";
	if (st.st_uid != geteuid())
		return "of another owner";
	return st.st_mode & (S_IWGRP | S_IWOTH) ? "open to others" : NULL;
}

/* The head of the file; why it is not one for us, or NULL. */
static const char *
file_read_head(const struct options *o, uint64_t wall_ms)
{
	struct reader r;

	errno = 0;
	if (!file_read(file.octets, CACHE_FILE_HEAD))
		return errno == 0 ? "cut off" : NULL;
	reader_init(&r, file.octets, CACHE_FILE_HEAD);
	if (read_u64(&r) != CACHE_FILE_MAGIC)
		return "no cache of this version";
	file.written_ms = read_u64(&r);
	if (file.written_ms > wall_ms)
		return "from the future";
	if (read_u64(&r) != truth_hash(o))
		return "of other roots or forwarders";
	errno = 0;
	return NULL;
}

void
cache_file_open(const struct options *o, uint64_t wall_ms, uint64_t now_ms)
{
	const char *why;

	file.path = o->cache_file;
	if (file.path == NULL)
		return;
	file.fd = file_open(
	    file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	if (file.fd < 0 && errno == ENOENT)
		return; /* there will be one */
	why = file.fd < 0 ? NULL : file_fault();
	if (file.fd < 0 || why != NULL) {
		file_refuse(
		    file.fd < 0 && errno == ELOOP ? "a symbolic link" : why);
		file.path = NULL; /* nor will it be written over */
		return;
	}
	why = file_read_head(o, wall_ms);
	if (why != NULL || errno != 0) {
		file_refuse(why);
		return;
	}
	file.age_ms = wall_ms - file.written_ms;
	file.opened_ms = now_ms;
	file.block = 0;
	file.entries = 0;
}

uint64_t
cache_file_next_due(void)
{
	return file.fd >= 0 ? 0 : UINT64_MAX;
}

/* Take the entries of a block; false if one is not sound. */
static bool
block_take(struct reader *r, uint64_t now_ms)
{
	uint64_t age_s = (file.age_ms + (now_ms - file.opened_ms) + 999) / 1000;
	struct name owner;
	struct draft d;

	while (r->at < r->len) {
		if (!read_entry(r, &d, &owner))
			return false;
		if (d.ttl_s <= age_s)
			continue;
		d.ttl_s -= (uint32_t)age_s;
		file.entries += cache_restore(&d, now_ms);
	}
	return true;
}

void
cache_file_read(uint64_t now_ms)
{
	struct reader r;
	uint64_t hash;
	size_t len;

	if (file.fd < 0)
		return;
	if (!file_read(file.octets, CACHE_BLOCK_HEAD)) {
		file_refuse(errno == 0 ? "cut off" : NULL);
		return;
	}
	reader_init(&r, file.octets, CACHE_BLOCK_HEAD);
	len = read_u32(&r);
	hash = read_u64(&r);
	if (len > sizeof(file.octets) || !file_read(file.octets, len)) {
		file_refuse(len > sizeof(file.octets) ? "damaged"
			: errno == 0                  ? "cut off"
						      : NULL);
		return;
	}
	reader_init(&r, file.octets, len);
	if (block_hash(file.octets, len, file.written_ms, file.block++) !=
		hash ||
	    !block_take(&r, now_ms)) {
		file_refuse("damaged");
	} else if (len == 0) {
		file_close();
		eventlog_cache_restored(
		    file.path, file.entries, file.age_ms / 1000);
	}
}

/* An entry that is worth its place: it outlives a restart. */
static bool
write_entry(struct writer *w, const struct cached *c)
{
	struct reader body = c->view.body;

	if (body.len > MESSAGE_MAX || c->view.ttl_s == 0 ||
	    c->view.trust == TRUST_LAST_RESORT)
		return false;
	write_u8(w, (uint8_t)c->kind);
	write_u8(w, (uint8_t)c->view.trust);
	write_u16(w, c->view.type);
	write_u32(w, c->view.ttl_s);
	write_u8(w, c->view.records);
	write_u8(w, c->view.signatures);
	write_u8(w, c->view.proofs);
	write_bytes(w, c->owner.wire, c->owner.len);
	write_u32(w, (uint32_t)body.len);
	write_bytes(w, body.base, body.len);
	assert(!w->failed);
	return true;
}

/* So much of the block, with its head before it. */
static bool
block_write(struct writer *w)
{
	size_t len = w->len - CACHE_BLOCK_HEAD;
	struct writer head;

	writer_init(&head, file.octets, CACHE_BLOCK_HEAD);
	write_u32(&head, (uint32_t)len);
	write_u64(&head,
	    block_hash(file.octets + CACHE_BLOCK_HEAD, len, file.written_ms,
		file.block++));
	return file_write(file.octets, w->len);
}

static void
block_begin(struct writer *w)
{
	static const uint8_t head[CACHE_BLOCK_HEAD];

	writer_init(w, file.octets, sizeof(file.octets));
	write_bytes(w, head, sizeof(head));
}

bool
cache_file_begin(
    const struct options *o, struct cache_cursor *at, uint64_t wall_ms)
{
	struct writer w;

	if (file.path == NULL || file.fd >= 0)
		return false; /* what is not read yet is worth more */
	file.fd = draft_open(file.path, 0600);
	if (file.fd < 0) {
		eventlog_cache_saved(file.path, 0, errno);
		return false;
	}
	writer_init(&w, file.octets, CACHE_FILE_HEAD);
	write_u64(&w, CACHE_FILE_MAGIC);
	write_u64(&w, wall_ms);
	write_u64(&w, truth_hash(o));
	file.err = file_write(file.octets, w.len) ? 0 : errno;
	file.written_ms = wall_ms;
	file.block = 0;
	file.entries = 0;
	cache_cursor_init(at);
	return true;
}

bool
cache_file_write(struct cache_cursor *at, uint64_t now_ms)
{
	unsigned looks = CACHE_FILE_LOOKS;
	struct cached found;
	struct writer w;
	bool more = true;

	if (file.err != 0)
		return false;
	block_begin(&w);
	while (more && w.len < CACHE_FILE_BLOCK) {
		more = cache_next(at, &looks, now_ms, &found) &&
		    found.kind != KIND_DEAD; /* failures come last */
		if (more)
			file.entries += write_entry(&w, &found);
	}
	if (w.len > CACHE_BLOCK_HEAD && !block_write(&w)) {
		file.err = errno;
		return false;
	}
	return more || looks == 0;
}

void
cache_file_end(void)
{
	struct writer w;

	block_begin(&w);
	if (file.err == 0 && !block_write(&w))
		file.err = errno;
	file.err = draft_close(file.fd, file.path, file.err);
	file.fd = -1;
	eventlog_cache_saved(file.path, file.entries, file.err);
}
