/*
 * check_eventlog.c -- lines, folds, gates, and files that take no lines.
 *
 * Whatever a test logs is read back from the file, and every line read is
 * held against the grammar of its format first (windows-dns.md 5.2, RFC 8259)
 * and taken apart, and what it has against the catalogue: so each test is also
 * one of attacks.md D13 and Z10, the log as a victim.
 */
#include "from_text.h"
#include "scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TS "ts=\"2026-11-23T05:13:02.117Z\" "

enum {
	WINDOW_MS = LOG_WINDOW_S * 1000,
	FIELDS = 128, /* of one line; the statistics have the most */
	ROWS = 100,   /* of the catalogue, and room */
	STORM = 1000000
};

static const uint64_t wall_0 = UINT64_C(1795410782117); /* TS */
static const uint8_t key[16] = {1, 2, 3};
static const struct name root = {.len = 1};

static bool queries;           /* of the log that is opened */
static enum log_format format; /* of the log that is opened and read */
static char directory[PATH_MAX];
static char path[PATH_MAX + 16];
static uint64_t now_ms;

/* What was read back, one string a line. */
static char *text, **lines;
static size_t line_count;

/* What the last line that was taken apart says. */
enum value_kind {
	VALUE_TEXT,
	VALUE_NUMBER, /* only JSON tells it from a text */
	VALUE_LIST    /* and so with this; its texts are joined by a blank */
};
struct field {
	const char *key;
	size_t key_len;
	enum value_kind kind;
	char value[LOG_LINE_MAX];
	size_t len;
};
static struct field fields[FIELDS];
static size_t field_count;
static bool seen[ROWS][FIELDS]; /* of this row of the catalogue, this field */

static struct name zone, ns, qname;
static struct address addr, peer;
static struct incident incident;

static struct address
address_at(const char *t, uint16_t port)
{
	struct address a = address_of(t);

	a.port = port;
	return a;
}

/* A name of labels of label_len times the octet, as long as names get. */
static struct name
name_of_octet(uint8_t octet, uint8_t label_len)
{
	struct name n = {.len = 0};

	while (n.len + 1 + label_len + 1 <= NAME_LEN_MAX) {
		n.wire[n.len++] = label_len;
		memset(n.wire + n.len, octet, label_len);
		n.len = (uint8_t)(n.len + label_len);
	}
	n.wire[n.len++] = 0;
	return n;
}

static void
time_pass(uint64_t ms)
{
	now_ms += ms;
	eventlog_time(now_ms, wall_0 + now_ms);
}

static void
log_open(enum level level)
{
	const struct log_options o = {
	    .path = path, .least = level, .format = format, .queries = queries};

	now_ms = 0;
	time_pass(0);
	ck_assert(eventlog_open(&o, key));
}

/* At the same hour, another file or standard error; false sets errno. */
static bool
log_open_at(const char *file)
{
	const struct log_options o = {.path = file, .least = LEVEL_INFO};

	return eventlog_open(&o, key);
}

static void
setup(void)
{
	scratch_directory(directory, sizeof directory);
	(void)snprintf(path, sizeof path, "%s/log", directory);
	zone = name_of("lame.example.");
	ns = name_of("ns1.lame.example.");
	qname = name_of("www.lame.example.");
	addr = address_of("0.0.0.0");
	peer = address_of("192.0.2.53");
	incident = (struct incident){.q = 7,
	    .zone = &zone,
	    .ns = &ns,
	    .qname = &qname,
	    .qtype = TYPE_A,
	    .addr = &addr,
	    .peer = &peer};
}

static void
teardown(void)
{
	eventlog_close();
	free(text);
	free(lines);
}

/* Check notes each assertion in a file, which is too slow for each octet. */
static void
require(bool holds, const char *what, const char *line)
{
	if (!holds)
		ck_abort_msg("%s: %s", what, line);
}

/* No line has more than LOG_LINE_MAX. */
static void
value_add(struct field *f, char octet)
{
	f->value[f->len++] = octet;
	f->value[f->len] = '\0';
}

static int
hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Behind a backslash; the last octet of it.  One escape is one octet. */
static const char *
escape_read(const char *at, struct field *f, const char *line)
{
	if (*at == '"' || *at == '\\') {
		value_add(f, *at);
		return at;
	}
	require(strncmp(at, "u00", 3) == 0 && hex_value(at[3]) >= 0 &&
		hex_value(at[4]) >= 0,
	    "no escape of JSON", line);
	value_add(f, (char)(hex_value(at[3]) << 4 | hex_value(at[4])));
	return at + 4;
}

/* Behind the first quote; gives what is behind the second. */
static const char *
quoted_read(const char *at, struct field *f, const char *line)
{
	for (; *at != '"'; at++) {
		require(*at != '\0', "an open quote", line);
		if (*at == '\\')
			at = escape_read(at + 1, f, line);
		else
			value_add(f, *at);
	}
	return at + 1;
}

/* A value that is bare, or has quotes and escapes of JSON. */
static const char *
logfmt_value_read(const char *at, struct field *f, const char *line)
{
	size_t len = strcspn(at, " \"=\\");

	if (*at == '"')
		return quoted_read(at + 1, f, line);
	require(len > 0, "an empty value", line);
	require(at[len] == ' ' || at[len] == '\0', "not bare", line);
	memcpy(f->value, at, len);
	f->value[len] = '\0';
	f->len = len;
	return at + len;
}

static void
logfmt_read(const char *line)
{
	const char *at = line;

	for (;; at++) {
		struct field *f = &fields[field_count++];

		require(field_count <= FIELDS, "too many fields", line);
		f->key = at;
		f->key_len = strcspn(at, "=");
		require(at[f->key_len] == '=', "no key", line);
		at = logfmt_value_read(at + f->key_len + 1, f, line);
		if (*at == '\0')
			return;
		require(*at == ' ', "no blank", line);
	}
}

/* A text, a whole number, or a list of texts. */
static const char *
json_value_read(const char *at, struct field *f, const char *line)
{
	if (*at == '"')
		return quoted_read(at + 1, f, line);
	if (*at != '[') {
		f->kind = VALUE_NUMBER;
		f->len = strspn(at, "0123456789");
		require(f->len == 1 || (f->len > 1 && *at != '0'), "no number",
		    line);
		memcpy(f->value, at, f->len);
		f->value[f->len] = '\0';
		return at + f->len;
	}
	f->kind = VALUE_LIST;
	do {
		require(at[1] == '"', "no text", line);
		if (f->len > 0)
			value_add(f, ' ');
		at = quoted_read(at + 2, f, line);
	} while (*at == ',');
	require(*at == ']', "an open list", line);
	return at + 1;
}

/* RFC 8259: one object, without blanks. */
static void
json_read(const char *line)
{
	const char *at = line;

	require(*at == '{', "no object", line);
	do {
		struct field *f = &fields[field_count++];

		require(field_count <= FIELDS, "too many fields", line);
		require(at[1] == '"', "no key", line);
		f->key = at + 2;
		f->key_len = strcspn(f->key, "\"");
		at = f->key + f->key_len;
		require(at[0] == '"' && at[1] == ':', "no key", line);
		at = json_value_read(at + 2, f, line);
	} while (*at == ',');
	require(strcmp(at, "}") == 0, "no end", line);
}

/* What a line has for a key other than ts, as it stands there; NULL: none. */
static const char *
value_of(const char *line, const char *name)
{
	char field[32];
	const char *at;

	(void)snprintf(field, sizeof field,
	    format == FORMAT_JSON ? ",\"%s\":" : " %s=", name);
	at = strstr(line, field);
	return at == NULL ? NULL : at + strlen(field);
}

/* The number that a line has for a key, or 0. */
static uint64_t
number_of(const char *line, const char *name)
{
	const char *value = value_of(line, name);

	return value == NULL ? 0 : strtoull(value, NULL, 10);
}

static bool
key_is(const struct field *f, const char *name, size_t len)
{
	return f->key_len == len && memcmp(f->key, name, len) == 0;
}

/* The next field has this key; and this value, if that is known. */
static const struct field *
head_check(const struct field *f, const char *name, const char *value,
    const char *line)
{
	require(f < fields + field_count && key_is(f, name, strlen(name)), name,
	    line);
	require(value == NULL ||
		(f->len == strlen(value) &&
		    memcmp(f->value, value, f->len) == 0),
	    value, line);
	return f + 1;
}

/*
 * Fields have their keys from this list, in its order.  Gives the first one
 * that has not, and notes those that are there.
 */
static const struct field *
keys_check(const struct field *f, const char *keys, bool *noted)
{
	for (; *keys != '\0' && f < fields + field_count; noted++) {
		size_t len = strcspn(keys, " ");

		if (key_is(f, keys, len)) {
			*noted = true;
			f++;
		}
		keys += len;
		keys += strspn(keys, " ");
	}
	return f;
}

/* Hold the line that was taken apart against its row of the catalogue. */
static void
catalogue_check(const char *line)
{
	unsigned count, row;
	const struct event *e = eventlog_catalogue(&count);
	const struct field *f = fields;
	unsigned long id = strtoul(fields[2].value, NULL, 10);
	bool noted[FIELDS] = {false};
	char number[24];

	require(count <= ROWS, "too many rows", line);
	for (row = 0; row < count && e->id != id; row++)
		e++;
	require(row < count, "not in the catalogue", line);
	f = head_check(f, "ts", NULL, line);
	f = head_check(f, "level", level_text(e->level), line);
	f = head_check(f, "id", NULL, line);
	(void)snprintf(number, sizeof number, "%u", e->oldid);
	if (e->oldid != 0)
		f = head_check(f, "oldid", number, line);
	f = head_check(f, "event", e->name, line);
	f = head_check(f, "msg", e->msg, line);
	f = head_check(f, "seq", NULL, line);
	f = keys_check(f, e->fields, seen[row]);
	f = keys_check(f, "cut count first", noted);
	require(f == fields + field_count, "not among the fields", line);
}

/* Take a line apart: printable, not too long, no key twice. */
static void
line_read(const char *line)
{
	static const char key_octets[] =
	    "abcdefghijklmnopqrstuvwxyz_0123456789";
	size_t n, i;

	require(strlen(line) < LOG_LINE_MAX, "too long", line);
	for (i = 0; line[i] != '\0'; i++)
		require(line[i] >= ' ' && line[i] <= '~', "octet", line);
	for (n = 0; n < FIELDS; n++) {
		fields[n].len = 0;
		fields[n].value[0] = '\0';
		fields[n].kind = VALUE_TEXT;
	}
	field_count = 0;
	if (format == FORMAT_JSON)
		json_read(line);
	else
		logfmt_read(line);
	for (n = 0; n < field_count; n++) {
		const struct field *f = &fields[n];

		require(
		    f->key_len > 0 && strspn(f->key, key_octets) == f->key_len,
		    "no key", line);
		for (i = 0; i < n; i++)
			require(fields[i].key_len != f->key_len ||
				memcmp(fields[i].key, f->key, f->key_len) != 0,
			    "a key twice", line);
	}
	catalogue_check(line);
}

/* Cut what is in text into lines. */
static void
lines_cut(size_t len)
{
	char *at = text;

	free(lines);
	lines = calloc(len + 1, sizeof *lines);
	ck_assert_ptr_nonnull(lines);
	for (line_count = 0; at < text + len; line_count++) {
		char *end = memchr(at, '\n', (size_t)(text + len - at));

		ck_assert_msg(end != NULL, "the last line is torn");
		*end = '\0';
		lines[line_count] = at;
		at = end + 1;
	}
}

static void
lines_read(void)
{
	size_t i;

	for (i = 0; i < line_count; i++)
		line_read(lines[i]);
}

static void
log_fetch_from(const char *file)
{
	int fd = open(file, O_RDONLY);
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	free(text);
	text = malloc((size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	lines_cut((size_t)st.st_size);
}

static void
log_fetch(void)
{
	log_fetch_from(path);
}

static void
log_read_from(const char *file)
{
	log_fetch_from(file);
	lines_read();
}

static void
log_read(void)
{
	log_read_from(path);
}

static void
log_flush_and_read(void)
{
	eventlog_flush();
	log_read();
}

/* The lines that have this key. */
static size_t
lines_having(const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < line_count; i++)
		n += value_of(lines[i], name) != NULL;
	return n;
}

static size_t
lines_with(const char *part)
{
	size_t i, n = 0;

	for (i = 0; i < line_count; i++)
		n += strstr(lines[i], part) != NULL;
	return n;
}

static struct log_counts
counts_now(void)
{
	struct log_counts c;

	eventlog_count(&c);
	if (c.written + c.folded + c.gated != c.counted)
		ck_abort_msg("written, folded and gated are not all");
	return c;
}

static void
counts_expect(uint64_t written, uint64_t folded, uint64_t gated)
{
	struct log_counts c = counts_now();

	ck_assert_uint_eq(c.written, written);
	ck_assert_uint_eq(c.folded, folded);
	ck_assert_uint_eq(c.gated, gated);
}

/*
 * The file alone tells the same as the counters, as long as nothing is lost:
 * every seq is there, and what lines say of others adds up.
 */
static void
file_agrees_with_counts(void)
{
	struct log_counts c = counts_now();
	uint64_t written = 0, folded = 0, gated = 0;
	size_t i;

	for (i = 0; i < line_count; i++) {
		uint64_t id = number_of(lines[i], "id");
		uint64_t count = number_of(lines[i], "count");

		require(number_of(lines[i], "seq") == i + 1, "seq", lines[i]);
		if (id == 9999)
			gated += count;
		else if (value_of(lines[i], "first") != NULL)
			folded += count;
		else if (id != 5000)
			written++;
	}
	ck_assert_uint_eq(c.lost, 0);
	ck_assert_uint_eq(written, c.written);
	ck_assert_uint_eq(folded, c.folded);
	ck_assert_uint_eq(gated, c.gated);
}

/* ------------------------------------------------------------------------
 * Each event and its line.
 */

static const struct hint_fault fault = {.file = "/etc/dns/cache.dns",
    .line = 7,
    .column = 12,
    .token = "BOGUS rest of the line",
    .token_len = 5};

static void
log_starting(void)
{
	eventlog_starting("1.0");
}

static void
log_start(void (*told)(const struct startup *))
{
	struct address listeners[] = {
	    address_at("127.0.0.1", 5300), address_at("::1", 5300)};
	struct prefix allowed = {address_at("192.0.2.0", 0), 24};
	struct startup s = {.hints = "/etc/dns/cache.dns",
	    .roots = 13,
	    .addresses = 26,
	    .listeners = listeners,
	    .listener_count = 2,
	    .allowed = &allowed,
	    .allowed_count = 1,
	    .up = {true, true},
	    .sources = {address_at("192.0.2.7", 0), address_at("::1", 0)},
	    .walks = 4096,
	    .queries = 16384,
	    .connections = 2048,
	    .queue_octets = 8388608,
	    .cache_octets = 67108864,
	    .memory_octets = 99999999};

	told(&s);
}

static void
log_started(void)
{
	log_start(eventlog_started);
}

static void
tell_access(const struct startup *s)
{
	eventlog_access(s, "everybody may ask");
}

static void
log_access(void)
{
	log_start(tell_access);
}

static void
log_started_bare(void)
{
	struct startup s = {
	    .hints = "compiled-in", .roots = 13, .addresses = 26};

	eventlog_started(&s);
}

static void
log_shutdown(void)
{
	eventlog_shutdown("SIGTERM", 3600, 42);
}

static void
log_no_roots(void)
{
	eventlog_no_roots("cache.dns");
}

static void
log_hints_loaded(void)
{
	eventlog_hints_loaded("cache.dns", 13, 26, false);
}

static void
log_hints_of_another_tree(void)
{
	eventlog_hints_loaded("cache.dns", 1, 2, true);
}

static void
log_hints_missing(void)
{
	eventlog_hints_missing("/no such/cache.dns", ENOENT);
}

static void
log_hints_special(void)
{
	eventlog_hints_missing("/dev/zero", 0);
}

static void
log_fault(enum hint_error error)
{
	struct hint_fault f = fault;

	f.error = error;
	eventlog_hint_fault(&f);
}

static void
log_hint_token(void)
{
	log_fault(HINT_UNEXPECTED_TOKEN);
}

/* Where there is no token, none is told. */
static void
log_hint_end(void)
{
	struct hint_fault f = {.error = HINT_UNEXPECTED_END,
	    .file = "cache.dns",
	    .line = 3,
	    .column = 1};

	eventlog_hint_fault(&f);
}

static void
log_hint_class(void)
{
	log_fault(HINT_CLASS);
}

static void
log_hint_directive(void)
{
	log_fault(HINT_DIRECTIVE);
}

static void
log_hint_name(void)
{
	log_fault(HINT_NAME);
}

static void
log_hint_type(void)
{
	log_fault(HINT_TYPE);
}

static void
log_hint_soa(void)
{
	log_fault(HINT_SOA);
}

static void
log_hint_number(void)
{
	log_fault(HINT_NUMBER);
}

static void
log_hint_address(void)
{
	log_fault(HINT_ADDRESS);
}

static void
log_hint_address6(void)
{
	log_fault(HINT_ADDRESS6);
}

static void
log_hint_refused(void)
{
	struct hint_fault f = {.error = HINT_REFUSED,
	    .file = "cache.dns",
	    .line = 9,
	    .column = 30,
	    .token = "0.0.0.0",
	    .token_len = 7,
	    .ns = &ns,
	    .addr = addr,
	    .class = "unspecified"};

	f.addr.port = 0;
	eventlog_hint_fault(&f);
}

static void
log_hint_refused6(void)
{
	struct hint_fault f = {.error = HINT_REFUSED,
	    .file = "cache.dns",
	    .line = 9,
	    .ns = &ns,
	    .addr = address_at("ff02::1", 0),
	    .class = "multicast"};

	eventlog_hint_fault(&f);
}

static void
log_hints_rejected(void)
{
	eventlog_hints_rejected("cache.dns", 21);
}

static void
log_hints_differ(void)
{
	struct address added[] = {
	    address_of("170.247.170.2"), address_of("2801:1b8:10::b")};
	struct address removed[] = {address_of("199.9.14.201")};
	struct hints_difference d = {.file = "/etc/dns/cache.dns",
	    .added = added,
	    .added_count = 2,
	    .removed = removed,
	    .removed_count = 1};

	eventlog_hints_differ(&d);
}

static void
log_primed(void)
{
	eventlog_primed(13, 26, &peer);
}

static void
log_roots_unreachable(void)
{
	eventlog_roots_unreachable(26, "silent");
}

static void
log_server_refused(void)
{
	eventlog_server_refused(&incident, "unspecified");
}

static void
log_self_send(void)
{
	struct incident i = incident;

	addr = address_at("::1", 5300);
	i.qtype = 65;
	eventlog_self_send(&i);
}

static void
log_send_failed(void)
{
	struct incident i = incident;

	addr = address_of("2001:db8::53");
	i.transport = "udp";
	eventlog_send_failed(&i, ENETUNREACH, "route");
}

/* An error without a name here is told by its number. */
static void
log_send_failed_oddly(void)
{
	struct incident i = {.addr = &peer};

	eventlog_send_failed(&i, 4095, "system");
}

static void
log_lame_server(void)
{
	eventlog_lame_server(&incident, "not authoritative");
}

static const struct tally all_tallied = {.servers = 1,
    .asked = 2,
    .lookups = 3,
    .timeouts = 4,
    .refused = 5,
    .lame = 6,
    .failed = 7,
    .unsent = 8,
    .limit = "zone_sends",
    .limit_max = 16,
    .ms = 9,
    .sends = 10,
    .most_sends = 11,
    .most_zone = &ns};

static void
log_answer_failed(void)
{
	struct incident i = {
	    .q = 7, .zone = &zone, .qname = &qname, .qtype = TYPE_MX};
	struct reason why = {
	    EDE_NO_REACHABLE_AUTHORITY, "lame.example.: 2 addresses refused"};

	eventlog_answer_failed(&i, &why, &all_tallied);
}

static void
log_answer_failed_mute(void)
{
	struct name none = {.len = 0};
	struct incident i = {.zone = &none, .qname = &root, .qtype = TYPE_NS};
	struct reason why = {.ede = EDE_NONE};
	struct tally none_tallied = {.servers = 0};

	eventlog_answer_failed(&i, &why, &none_tallied);
}

static void
log_limit_reached(void)
{
	eventlog_limit_reached(&incident, &all_tallied);
}

static void
log_limit_reached_unsent(void)
{
	struct tally t = {.limit = "walks", .limit_max = 4096};

	eventlog_limit_reached(&incident, &t);
}

static const struct forward forward = {.zone = {14, "\4corp\7example"},
    .at = {{4, {10, 1, 1, 1}, 53}, {6, {0x20, 1, [15] = 1}, 5353}},
    .count = 2};

static void
log_forward(void)
{
	eventlog_forward(&forward);
}

static void
log_forward_refused(void)
{
	eventlog_forward_refused(&forward.zone, &forward.at[0], "own");
}

static void
log_forwarder_down(void)
{
	eventlog_forwarder(&incident, true);
}

static void
log_forwarder_up(void)
{
	eventlog_forwarder(&incident, false);
}

static void
log_confined(void)
{
	const struct confinement c = {
	    .user = "dns", .root = "/var/empty", .seccomp = true};

	eventlog_confined(&c);
}

static void
log_call_refused(void)
{
	eventlog_call_refused(101, 3);
}

static void
log_cache_restored(void)
{
	eventlog_cache_restored("/var/cache/dns", 4711, 86400);
}

static void
log_cache_not_restored(void)
{
	eventlog_cache_not_restored("/var/cache/dns", 0, "from the future");
}

static void
log_cache_not_restored_oddly(void)
{
	eventlog_cache_not_restored("/var/cache/dns", EACCES, NULL);
}

static void
log_cache_saved(void)
{
	eventlog_cache_saved("/var/cache/dns", 4711, 0);
}

static void
log_cache_not_saved(void)
{
	eventlog_cache_saved("/var/cache/dns", 0, ENOSPC);
}

static void
log_family_down(void)
{
	eventlog_family(6, "route");
}

static void
log_family_up(void)
{
	eventlog_family(4, NULL);
}

static void
log_offline(void)
{
	eventlog_offline("route");
}

static void
log_online(void)
{
	eventlog_online(300);
}

static void
log_network_unsure(void)
{
	eventlog_network_unsure(EAFNOSUPPORT);
}

static void
log_table_full(void)
{
	eventlog_table_full("walks", 4096);
}

static void
log_client_limited(void)
{
	struct address client = address_at("192.0.2.7", 4711);

	eventlog_client_limited(&client, "waiting", 128);
}

static void
log_receive_failed(void)
{
	struct address listener = address_of("127.0.0.1");

	eventlog_receive_failed(&listener, ENOMEM);
}

static void
log_statistics(void)
{
	struct statistics s = {.uptime_s = 1,
	    .received = 2,
	    .answered = 3,
	    .dropped = 4,
	    .overflowed = 32,
	    .refused = 5,
	    .tcp_received = 27,
	    .limited = 31,
	    .connections = 28,
	    .accepted = 29,
	    .turned_away = 30,
	    .hits = 6,
	    .joined = 7,
	    .walks = 8,
	    .prefetched = 33,
	    .failed = 9,
	    .waiting = 10,
	    .sent = 11,
	    .forwarded = 72,
	    .replies = 12,
	    .timeouts = 13,
	    .mismatched = 14,
	    .tcp_connects = 24,
	    .tcp_sent = 25,
	    .tcp_reused = 26,
	    .addresses_refused = 15,
	    .sends_failed = 16,
	    .self_sends = 17,
	    .lame = 18,
	    .retries = 70,
	    .primes = 71,
	    .expired = 34,
	    .replied = {35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45},
	    .told = {46, 47, 48, 49, 50},
	    .took = {51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65,
		66},
	    .took_ms = 67,
	    .refused_classes = {{"private", 68}, {"v4-mapped", 69}},
	    .cache = {.stored = 19,
		.evicted = 20,
		.rescued = 21,
		.failures = 22,
		.entries = 23,
		.octets = UINT64_MAX}};

	eventlog_statistics(&s);
}

static void
log_metrics_failed(void)
{
	eventlog_metrics_failed("/run/dns.prom", ENOSPC);
}

static struct client_question
client_asks(void)
{
	static struct address client;

	client = address_at("198.51.100.7", 4711);
	return (struct client_question){.q = 9,
	    .asked_ms = now_ms,
	    .client = &client,
	    .transport = "udp",
	    .qname = &qname,
	    .qtype = TYPE_A};
}

static void
log_query(void)
{
	struct client_question c = client_asks();

	eventlog_time(now_ms + 12, wall_0 + now_ms);
	eventlog_query(&c, RCODE_NXDOMAIN, "no", 3, 104);
	time_pass(0);
}

/* No question could be read of it, so nothing was looked up. */
static void
log_query_malformed(void)
{
	struct client_question c = client_asks();
	struct name none = {.len = 0};

	c.qname = &none;
	c.qtype = 0;
	eventlog_query(&c, RCODE_FORMERR, NULL, 0, 12);
}

static void
log_question(void)
{
	struct client_question c = client_asks();

	eventlog_question(&c);
}

static void
log_joined(void)
{
	struct client_question c = client_asks();

	eventlog_joined(&c, 7);
}

/* A query to a name server; nobody told us of it. */
static struct incident
server_is_asked(void)
{
	struct incident i = incident;

	addr = address_of("192.0.2.1");
	i.peer = NULL;
	i.transport = "udp";
	return i;
}

static void
log_query_sent(void)
{
	struct incident i = server_is_asked();
	struct drawing drawing = {.why = "again"};

	eventlog_query_sent(&i, &drawing, 400);
}

/* A probe, of a look-up that two others wait for. */
static struct incident
server_is_probed(void)
{
	struct incident i = server_is_asked();

	i.depth = 2;
	i.sname = &qname;
	i.qname = &zone;
	return i;
}

static void
log_probe_sent(void)
{
	struct incident i = server_is_probed();
	struct drawing drawing = {.why = "in the band", .of = 13, .rtt_ms = 12};

	eventlog_query_sent(&i, &drawing, 400);
}

static void
log_reply(void)
{
	struct incident i = server_is_asked();

	eventlog_reply(&i, "NOERROR", "no data", NULL, 15, 96);
}

static void
log_referral(void)
{
	struct incident i = server_is_probed();

	eventlog_reply(&i, "NOERROR", "delegation", &zone, 15, 96);
}

static void
log_timed_out(void)
{
	struct incident i = server_is_probed();

	eventlog_timed_out(&i, 400);
}

static void
log_undelivered(void)
{
	struct incident i = server_is_asked();

	eventlog_undelivered(&i, ECONNREFUSED, NULL);
}

static void
log_unsent(void)
{
	struct incident i = server_is_probed();

	eventlog_undelivered(&i, ENETUNREACH, "route");
}

static void
log_address_refused(void)
{
	eventlog_address_refused(&incident, "unspecified", "1122 3.2.1.3");
}

static void
log_own_address_refused(void)
{
	struct incident i = incident;

	i.depth = 1;
	eventlog_address_refused(&i, "own", NULL);
}

static void
log_zone_servers(void)
{
	struct incident i = {
	    .q = 7, .zone = &zone, .qname = &qname, .qtype = TYPE_A};

	eventlog_zone_servers(&i, 2, "referral", 172800);
}

static void
log_root_servers(void)
{
	struct incident i = {
	    .depth = 1, .zone = &root, .qname = &qname, .qtype = TYPE_A};

	eventlog_zone_servers(&i, 13, "hints", UINT64_MAX);
}

static void
log_alias_followed(void)
{
	struct incident i = {.q = 7,
	    .depth = 1,
	    .zone = &zone,
	    .qname = &qname,
	    .qtype = TYPE_A};

	eventlog_alias_followed(&i, TYPE_CNAME, &ns);
}

static struct incident
server_is_looked_up(void)
{
	return (struct incident){
	    .q = 7, .depth = 1, .zone = &zone, .ns = &ns, .qtype = TYPE_AAAA};
}

static void
log_server_lookup(void)
{
	struct incident i = server_is_looked_up();

	eventlog_server_lookup(&i, false);
}

static void
log_server_lookup_joined(void)
{
	struct incident i = server_is_looked_up();

	eventlog_server_lookup(&i, true);
}

static void
log_server_looked_up(void)
{
	struct incident i = server_is_looked_up();

	eventlog_server_looked_up(&i, 2, "");
}

static void
log_server_not_found(void)
{
	struct incident i = server_is_looked_up();

	eventlog_server_looked_up(&i, 0, "no server answers");
}

static void
log_reply_dropped(void)
{
	struct incident i = server_is_probed();

	eventlog_reply_dropped(&i);
}

static void
log_record(void)
{
	static const uint8_t octets[] = {3, 'a', ' ', 'b'};
	struct reader rdata;

	reader_init(&rdata, octets, sizeof octets);
	eventlog_record(7, "answer", &qname, 300, TYPE_TXT, &rdata);
}

static void
log_proof(void)
{
	static const uint8_t octets[] = {3, 'a', ' ', 'b'};
	struct reader rdata;

	reader_init(&rdata, octets, sizeof octets);
	eventlog_record(7, "authority", &qname, 300, TYPE_TXT, &rdata);
}

static void
log_long_record(void)
{
	static const uint8_t octets[UINT16_MAX];
	struct reader rdata;

	reader_init(&rdata, octets, sizeof octets);
	eventlog_record(7, "answer", &qname, 300, 65280, &rdata);
}

/* All of the contract; the second line of a kind shows what may be absent. */
static const struct {
	void (*log)(void);
	enum level level; /* that lets it in */
	bool limited;
	const char *line;
} events[] = {
    {log_starting, LEVEL_INFO, false,
	"level=info id=1 event=DNS_EVENT_STARTING msg=\"server is starting\" "
	"seq=1 version=1.0"},
    {log_started, LEVEL_INFO, false,
	"level=info id=2 event=DNS_EVENT_STARTUP_OK msg=\"server started\" "
	"seq=1 hints=/etc/dns/cache.dns roots=13 addresses=26 "
	"listen=\"127.0.0.1:5300 [::1]:5300\" "
	"clients=\"loopback 192.0.2.0/24\" families=\"IPv4 IPv6\" "
	"source=\"192.0.2.7 ::1\" walks=4096 queries=16384 "
	"connections=2048 queue=8388608 cache=67108864 "
	"memory=99999999"},
    {log_started_bare, LEVEL_INFO, false,
	"level=info id=2 event=DNS_EVENT_STARTUP_OK msg=\"server started\" "
	"seq=1 hints=compiled-in roots=13 addresses=26 "
	"clients=\"loopback\" families=\"none\" walks=0 queries=0 "
	"connections=0 queue=0 cache=0 memory=0"},
    {log_access, LEVEL_WARNING, false,
	"level=warning id=10017 event=ACCESS "
	"msg=\"who may ask does not fit where it listens\" seq=1 "
	"why=\"everybody may ask\" listen=\"127.0.0.1:5300 [::1]:5300\" "
	"clients=\"loopback 192.0.2.0/24\""},
    {log_shutdown, LEVEL_INFO, false,
	"level=info id=3 event=DNS_EVENT_SHUTDOWN msg=\"server shut down\" "
	"seq=1 cause=SIGTERM uptime_s=3600 answered=42"},
    {log_no_roots, LEVEL_WARNING, false,
	"level=warning id=706 oldid=156 event=DNS_EVENT_NO_ROOT_NAME_SERVER "
	"msg=\"no usable root server in hints\" seq=1 file=cache.dns"},
    {eventlog_caching_only, LEVEL_INFO, false,
	"level=info id=708 event=DNS_EVENT_CACHING_SERVER_ONLY "
	"msg=\"no zones; caching only\" seq=1"},
    {log_hints_loaded, LEVEL_INFO, false,
	"level=info id=540 event=ROOT_HINTS_MODIFIED msg=\"root hints taken\" "
	"seq=1 file=cache.dns roots=13 addresses=26"},
    {log_hints_of_another_tree, LEVEL_INFO, false,
	"level=info id=540 event=ROOT_HINTS_MODIFIED msg=\"root hints taken\" "
	"seq=1 file=cache.dns roots=1 addresses=2 cache=flushed"},
    {log_hints_missing, LEVEL_ERROR, false,
	"level=error id=1003 event=DNS_EVENT_CACHE_FILE_NOT_FOUND "
	"msg=\"hints file cannot be read\" seq=1 errno=ENOENT "
	"file=\"/no such/cache.dns\""},
    {log_hints_special, LEVEL_ERROR, false,
	"level=error id=1003 event=DNS_EVENT_CACHE_FILE_NOT_FOUND "
	"msg=\"hints file cannot be read\" seq=1 why=\"no regular file\" "
	"file=/dev/zero"},
    {log_hint_token, LEVEL_ERROR, false,
	"level=error id=1504 oldid=204 event=DNS_EVENT_UNEXPECTED_TOKEN "
	"msg=\"unexpected token in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_end, LEVEL_ERROR, false,
	"level=error id=1505 event=DNS_EVENT_UNEXPECTED_END_OF_TOKENS "
	"msg=\"unexpected end of line in hints file\" seq=1 "
	"file=cache.dns line=3 column=1"},
    {log_hint_class, LEVEL_ERROR, false,
	"level=error id=1507 event=DNS_EVENT_INVALID_CLASS_TOKEN "
	"msg=\"class in hints file is not IN\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_directive, LEVEL_ERROR, false,
	"level=error id=1520 event=DNS_EVENT_UNKNOWN_DIRECTIVE "
	"msg=\"unsupported directive in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_name, LEVEL_ERROR, false,
	"level=error id=1541 event=DNS_EVENT_PARSED_INVALID_DOMAIN_NAME "
	"msg=\"invalid name in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_type, LEVEL_ERROR, false,
	"level=error id=1600 event=DNS_EVENT_UNKNOWN_RESOURCE_RECORD_TYPE "
	"msg=\"unsupported type in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_soa, LEVEL_ERROR, false,
	"level=error id=1604 event=DNS_EVENT_SOA_INVALID_IN_CACHE_FILE "
	"msg=\"SOA in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_number, LEVEL_ERROR, false,
	"level=error id=1614 event=DNS_EVENT_INVALID_DWORD_TOKEN "
	"msg=\"invalid number in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_address, LEVEL_ERROR, false,
	"level=error id=1617 event=DNS_EVENT_INVALID_IP_ADDRESS_STRING "
	"msg=\"invalid IPv4 address in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_address6, LEVEL_ERROR, false,
	"level=error id=1618 event=DNS_EVENT_INVALID_IPV6_ADDRESS "
	"msg=\"invalid IPv6 address in hints file\" seq=1 "
	"file=/etc/dns/cache.dns line=7 column=12 token=BOGUS"},
    {log_hint_refused, LEVEL_ERROR, false,
	"level=error id=1617 event=DNS_EVENT_INVALID_IP_ADDRESS_STRING "
	"msg=\"invalid IPv4 address in hints file\" seq=1 "
	"ns=ns1.lame.example. addr=0.0.0.0 class=unspecified "
	"file=cache.dns line=9 column=30 token=0.0.0.0"},
    {log_hint_refused6, LEVEL_ERROR, false,
	"level=error id=1618 event=DNS_EVENT_INVALID_IPV6_ADDRESS "
	"msg=\"invalid IPv6 address in hints file\" seq=1 "
	"ns=ns1.lame.example. addr=ff02::1 class=multicast "
	"file=cache.dns line=9"},
    {log_hints_rejected, LEVEL_ERROR, false,
	"level=error id=1501 event=DNS_EVENT_COULD_NOT_PARSE_DATABASE "
	"msg=\"hints file refused\" seq=1 file=cache.dns faults=21"},
    {log_hints_differ, LEVEL_INFO, true,
	"level=info id=10016 event=HINTS_DIFFER "
	"msg=\"root servers are not those of the hints\" seq=1 "
	"file=/etc/dns/cache.dns added=\"170.247.170.2 2801:1b8:10::b\" "
	"removed=\"199.9.14.201\" count=1"},
    {log_primed, LEVEL_INFO, false,
	"level=info id=10004 event=ROOT_PRIMED msg=\"root servers learned\" "
	"seq=1 peer=192.0.2.53:53 roots=13 addresses=26"},
    {log_roots_unreachable, LEVEL_WARNING, true,
	"level=warning id=10003 event=ROOT_SERVERS_UNREACHABLE "
	"msg=\"no root server answered\" seq=1 tried=26 cause=silent count=1"},
    {log_server_refused, LEVEL_WARNING, true,
	"level=warning id=10002 event=INVALID_SERVER_ADDRESS "
	"msg=\"name server address cannot be queried; skipped\" seq=1 "
	"q=7 peer=192.0.2.53:53 zone=lame.example. ns=ns1.lame.example. "
	"addr=0.0.0.0 class=unspecified qname=www.lame.example. qtype=A "
	"prevents=7053 count=1"},
    {log_self_send, LEVEL_WARNING, true,
	"level=warning id=7062 event=DNS_EVENT_SELF_SEND "
	"msg=\"name server address is our own; skipped\" seq=1 "
	"q=7 peer=192.0.2.53:53 zone=lame.example. ns=ns1.lame.example. "
	"addr=[::1]:5300 qname=www.lame.example. qtype=HTTPS count=1"},
    {log_send_failed, LEVEL_ERROR, true,
	"level=error id=7053 oldid=453 event=DNS_EVENT_SENDTO_CALL_FAILED "
	"msg=\"sendto failed\" seq=1 q=7 peer=192.0.2.53:53 zone=lame.example. "
	"ns=ns1.lame.example. addr=2001:db8::53 transport=udp "
	"qname=www.lame.example. qtype=A errno=ENETUNREACH "
	"cause=route count=1"},
    {log_send_failed_oddly, LEVEL_ERROR, true,
	"level=error id=7053 oldid=453 event=DNS_EVENT_SENDTO_CALL_FAILED "
	"msg=\"sendto failed\" seq=1 addr=192.0.2.53 errno=4095 "
	"cause=system count=1"},
    {log_lame_server, LEVEL_INFO, true,
	"level=info id=10006 event=LAME_SERVER "
	"msg=\"server is not authoritative for the zone\" seq=1 "
	"q=7 peer=192.0.2.53:53 zone=lame.example. ns=ns1.lame.example. "
	"addr=0.0.0.0 qname=www.lame.example. qtype=A "
	"why=\"not authoritative\" count=1"},
    {log_answer_failed, LEVEL_WARNING, true,
	"level=warning id=10009 event=ANSWER_FAILED "
	"msg=\"question could not be answered\" seq=1 q=7 zone=lame.example. "
	"qname=www.lame.example. qtype=MX servers=1 asked=2 lookups=3 "
	"timeouts=4 refused=5 lame=6 failed=7 unsent=8 limit=zone_sends "
	"ms=9 sends=10 sends_max=100 ede=22 "
	"text=\"lame.example.: 2 addresses refused\" count=1"},
    {log_answer_failed_mute, LEVEL_WARNING, true,
	"level=warning id=10009 event=ANSWER_FAILED "
	"msg=\"question could not be answered\" seq=1 qname=. qtype=NS "
	"servers=0 asked=0 lookups=0 timeouts=0 refused=0 lame=0 failed=0 "
	"unsent=0 ms=0 sends=0 sends_max=100 count=1"},
    {log_limit_reached, LEVEL_WARNING, true,
	"level=warning id=10014 event=LIMIT_REACHED "
	"msg=\"question ended by a limit\" seq=1 q=7 zone=lame.example. "
	"qname=www.lame.example. qtype=A limit=zone_sends value=16 "
	"most_sends=11 most_zone=ns1.lame.example. count=1"},
    {log_limit_reached_unsent, LEVEL_WARNING, true,
	"level=warning id=10014 event=LIMIT_REACHED "
	"msg=\"question ended by a limit\" seq=1 q=7 zone=lame.example. "
	"qname=www.lame.example. qtype=A limit=walks value=4096 count=1"},
    {log_forward_refused, LEVEL_ERROR, false,
	"level=error id=507 event=DNS_EVENT_INVALID_REGISTRY_FORWARDERS "
	"msg=\"forwarder cannot be asked\" seq=1 zone=corp.example. "
	"addr=10.1.1.1 class=own"},
    {log_forward, LEVEL_INFO, false,
	"level=info id=537 event=DNS_EVENT_FORWARDERS_RESET "
	"msg=\"zone is forwarded\" seq=1 zone=corp.example. "
	"servers=\"10.1.1.1 [2001::1]:5353\""},
    {log_forwarder_down, LEVEL_WARNING, true,
	"level=warning id=10030 event=FORWARDER_DOWN "
	"msg=\"forwarder is silent\" seq=1 q=7 peer=192.0.2.53:53 "
	"zone=lame.example. "
	"ns=ns1.lame.example. addr=0.0.0.0 qname=www.lame.example. "
	"qtype=A count=1"},
    {log_forwarder_up, LEVEL_INFO, true,
	"level=info id=10031 event=FORWARDER_UP "
	"msg=\"forwarder replies again\" seq=1 q=7 peer=192.0.2.53:53 "
	"zone=lame.example. "
	"ns=ns1.lame.example. addr=0.0.0.0 qname=www.lame.example. "
	"qtype=A count=1"},
    {log_confined, LEVEL_INFO, false,
	"level=info id=10050 event=CONFINED "
	"msg=\"what is not needed was given up\" seq=1 user=dns "
	"chroot=/var/empty seccomp=yes landlock=no"},
    {log_call_refused, LEVEL_WARNING, true,
	"level=warning id=10051 event=CALL_REFUSED "
	"msg=\"system call refused\" seq=1 call=101 total=3 count=1"},
    {log_cache_restored, LEVEL_INFO, false,
	"level=info id=10040 event=CACHE_RESTORED "
	"msg=\"cache file was read\" seq=1 file=/var/cache/dns entries=4711 "
	"age_s=86400"},
    {log_cache_not_restored, LEVEL_WARNING, false,
	"level=warning id=10041 event=CACHE_NOT_RESTORED "
	"msg=\"cache file was not read, or not all of it\" seq=1 "
	"file=/var/cache/dns why=\"from the future\""},
    {log_cache_not_restored_oddly, LEVEL_WARNING, false,
	"level=warning id=10041 event=CACHE_NOT_RESTORED "
	"msg=\"cache file was not read, or not all of it\" seq=1 "
	"file=/var/cache/dns errno=EACCES"},
    {log_cache_saved, LEVEL_INFO, false,
	"level=info id=10042 event=CACHE_SAVED "
	"msg=\"cache file was written\" seq=1 file=/var/cache/dns "
	"entries=4711"},
    {log_cache_not_saved, LEVEL_WARNING, false,
	"level=warning id=10043 event=CACHE_NOT_SAVED "
	"msg=\"cache file could not be written\" seq=1 file=/var/cache/dns "
	"errno=ENOSPC"},
    {log_family_down, LEVEL_WARNING, false,
	"level=warning id=10010 event=FAMILY_DOWN "
	"msg=\"no name server can be asked over this family\" seq=1 "
	"family=IPv6 cause=route count=1"},
    {log_family_up, LEVEL_INFO, false,
	"level=info id=10011 event=FAMILY_UP "
	"msg=\"name servers are asked over this family again\" seq=1 "
	"family=IPv4 count=1"},
    {log_offline, LEVEL_ERROR, false,
	"level=error id=10012 event=OFFLINE "
	"msg=\"no root server can be sent to\" seq=1 cause=route count=1"},
    {log_online, LEVEL_INFO, false,
	"level=info id=10013 event=ONLINE "
	"msg=\"root servers can be sent to again\" seq=1 offline_s=300 "
	"count=1"},
    {log_network_unsure, LEVEL_WARNING, true,
	"level=warning id=10018 event=NETWORK_UNSURE "
	"msg=\"addresses and routes of this host are not known\" seq=1 "
	"errno=EAFNOSUPPORT count=1"},
    {log_table_full, LEVEL_WARNING, true,
	"level=warning id=10005 event=QUERY_TABLE_FULL "
	"msg=\"table is full; load is shed\" seq=1 table=walks limit=4096 "
	"count=1"},
    {log_client_limited, LEVEL_WARNING, true,
	"level=warning id=10019 event=CLIENT_LIMITED "
	"msg=\"client has its share; it gets no more\" seq=1 "
	"client=192.0.2.7 limit=waiting value=128 count=1"},
    {log_receive_failed, LEVEL_ERROR, true,
	"level=error id=7051 event=DNS_EVENT_RECVFROM_CALL_FAILED "
	"msg=\"recvfrom failed\" seq=1 addr=127.0.0.1 errno=ENOMEM count=1"},
    {log_statistics, LEVEL_INFO, false,
	"level=info id=10001 event=STATISTICS msg=\"counters since start\" "
	"seq=1 uptime_s=1 received=2 answered=3 dropped=4 "
	"overflowed=32 refused=5 "
	"tcp_received=27 limited=31 connections=28 accepted=29 "
	"turned_away=30 hits=6 joined=7 walks=8 prefetched=33 "
	"failed=9 expired=34 "
	"waiting=10 told_noerror=46 told_nxdomain=47 told_servfail=48 "
	"told_refused=49 told_other=50 sent=11 forwarded=72 retries=70 "
	"replies=12 "
	"timeouts=13 mismatched=14 primes=71 tcp_connects=24 tcp_sent=25 "
	"tcp_reused=26 replied_answer=35 replied_nxdomain=36 "
	"replied_nodata=37 replied_referral=38 replied_alias=39 "
	"replied_truncated=40 replied_noedns=41 replied_badcookie=42 "
	"replied_lame=43 replied_error=44 replied_bizarre=45 "
	"addresses_refused=15 sends_failed=16 "
	"self_sends=17 lame=18 cache_stored=19 cache_evicted=20 "
	"cache_rescued=21 cache_failures=22 cache_entries=23 "
	"cache_octets=18446744073709551615 log_counted=1 log_written=1 "
	"log_folded=0 log_gated=0 log_lost=0 took_ms=67 took_0ms=51 "
	"took_1ms=52 took_2ms=53 took_4ms=54 took_8ms=55 took_16ms=56 "
	"took_32ms=57 took_64ms=58 took_128ms=59 took_256ms=60 took_512ms=61 "
	"took_1024ms=62 took_2048ms=63 took_4096ms=64 took_8192ms=65 "
	"took_more=66 refused_classes=\"private:68 v4-mapped:69\""},
    {log_metrics_failed, LEVEL_WARNING, true,
	"level=warning id=10021 event=METRICS_UNWRITTEN "
	"msg=\"statistics could not be written to their file\" seq=1 "
	"errno=ENOSPC file=/run/dns.prom count=1"},
    {log_query, LEVEL_DEBUG, false,
	"level=info id=10015 event=QUERY msg=\"question answered\" seq=1 q=9 "
	"client=198.51.100.7:4711 transport=udp qname=www.lame.example. "
	"qtype=A rcode=NXDOMAIN hit=no sends=3 ms=12 size=104"},
    {log_query_malformed, LEVEL_DEBUG, false,
	"level=info id=10015 event=QUERY msg=\"question answered\" seq=1 q=9 "
	"client=198.51.100.7:4711 transport=udp rcode=FORMERR ms=0 size=12"},
    {log_question, LEVEL_DEBUG, false,
	"level=debug id=10100 event=QUESTION msg=\"question received\" seq=1 "
	"q=9 client=198.51.100.7:4711 transport=udp qname=www.lame.example. "
	"qtype=A"},
    {log_joined, LEVEL_DEBUG, false,
	"level=debug id=10101 event=QUESTION_JOINED "
	"msg=\"question waits with another\" seq=1 q=9 "
	"qname=www.lame.example. qtype=A joined=7"},
    {log_query_sent, LEVEL_DEBUG, false,
	"level=debug id=10102 event=QUERY_SENT "
	"msg=\"query sent to a name server\" seq=1 q=7 zone=lame.example. "
	"ns=ns1.lame.example. addr=192.0.2.1 transport=udp "
	"qname=www.lame.example. qtype=A why=again wait_ms=400"},
    {log_probe_sent, LEVEL_DEBUG, false,
	"level=debug id=10102 event=QUERY_SENT "
	"msg=\"query sent to a name server\" seq=1 q=7 depth=2 "
	"zone=lame.example. ns=ns1.lame.example. addr=192.0.2.1 "
	"transport=udp qname=lame.example. qtype=A sname=www.lame.example. "
	"why=\"in the band\" of=13 rtt_ms=12 wait_ms=400"},
    {log_reply, LEVEL_DEBUG, false,
	"level=debug id=10103 event=REPLY msg=\"reply of a name server\" seq=1 "
	"q=7 zone=lame.example. ns=ns1.lame.example. addr=192.0.2.1 "
	"transport=udp qname=www.lame.example. qtype=A rcode=NOERROR "
	"kind=\"no data\" ms=15 size=96"},
    {log_referral, LEVEL_DEBUG, false,
	"level=debug id=10103 event=REPLY msg=\"reply of a name server\" "
	"seq=1 q=7 depth=2 zone=lame.example. ns=ns1.lame.example. "
	"addr=192.0.2.1 transport=udp qname=lame.example. qtype=A "
	"sname=www.lame.example. rcode=NOERROR kind=delegation "
	"cut=lame.example. ms=15 size=96"},
    {log_timed_out, LEVEL_DEBUG, false,
	"level=debug id=10104 event=QUERY_TIMED_OUT msg=\"no reply in time\" "
	"seq=1 q=7 depth=2 zone=lame.example. ns=ns1.lame.example. "
	"addr=192.0.2.1 transport=udp qname=lame.example. qtype=A "
	"sname=www.lame.example. ms=400"},
    {log_undelivered, LEVEL_DEBUG, false,
	"level=debug id=10105 event=QUERY_UNDELIVERED "
	"msg=\"query could not be delivered\" seq=1 q=7 zone=lame.example. "
	"ns=ns1.lame.example. addr=192.0.2.1 transport=udp "
	"qname=www.lame.example. qtype=A errno=ECONNREFUSED"},
    {log_unsent, LEVEL_DEBUG, false,
	"level=debug id=10105 event=QUERY_UNDELIVERED msg=\"query could not "
	"be delivered\" seq=1 q=7 depth=2 zone=lame.example. "
	"ns=ns1.lame.example. addr=192.0.2.1 transport=udp "
	"qname=lame.example. qtype=A sname=www.lame.example. "
	"errno=ENETUNREACH cause=route"},
    {log_address_refused, LEVEL_DEBUG, false,
	"level=debug id=10106 event=ADDRESS_REFUSED "
	"msg=\"name server address refused\" seq=1 q=7 peer=192.0.2.53:53 "
	"zone=lame.example. ns=ns1.lame.example. addr=0.0.0.0 "
	"qname=www.lame.example. qtype=A class=unspecified "
	"rfc=\"1122 3.2.1.3\""},
    {log_own_address_refused, LEVEL_DEBUG, false,
	"level=debug id=10106 event=ADDRESS_REFUSED msg=\"name server "
	"address refused\" seq=1 q=7 depth=1 peer=192.0.2.53:53 "
	"zone=lame.example. ns=ns1.lame.example. addr=0.0.0.0 "
	"qname=www.lame.example. qtype=A class=own"},
    {log_zone_servers, LEVEL_DEBUG, false,
	"level=debug id=10107 event=ZONE_SERVERS "
	"msg=\"servers of the closest known zone\" seq=1 q=7 "
	"zone=lame.example. qname=www.lame.example. qtype=A servers=2 "
	"from=referral ttl_s=172800"},
    {log_root_servers, LEVEL_DEBUG, false,
	"level=debug id=10107 event=ZONE_SERVERS "
	"msg=\"servers of the closest known zone\" seq=1 depth=1 zone=. "
	"qname=www.lame.example. qtype=A servers=13 from=hints"},
    {log_alias_followed, LEVEL_DEBUG, false,
	"level=debug id=10108 event=ALIAS_FOLLOWED msg=\"alias followed\" "
	"seq=1 q=7 depth=1 zone=lame.example. qname=www.lame.example. "
	"qtype=A kind=CNAME target=ns1.lame.example."},
    {log_server_lookup, LEVEL_DEBUG, false,
	"level=debug id=10109 event=SERVER_LOOKUP "
	"msg=\"address of a name server is looked up\" seq=1 q=7 depth=1 "
	"zone=lame.example. ns=ns1.lame.example. qtype=AAAA"},
    {log_server_lookup_joined, LEVEL_DEBUG, false,
	"level=debug id=10109 event=SERVER_LOOKUP "
	"msg=\"address of a name server is looked up\" seq=1 q=7 depth=1 "
	"zone=lame.example. ns=ns1.lame.example. qtype=AAAA joined=yes"},
    {log_server_looked_up, LEVEL_DEBUG, false,
	"level=debug id=10110 event=SERVER_LOOKED_UP "
	"msg=\"address of a name server was looked up\" seq=1 q=7 depth=1 "
	"zone=lame.example. ns=ns1.lame.example. qtype=AAAA found=2"},
    {log_server_not_found, LEVEL_DEBUG, false,
	"level=debug id=10110 event=SERVER_LOOKED_UP "
	"msg=\"address of a name server was looked up\" seq=1 q=7 depth=1 "
	"zone=lame.example. ns=ns1.lame.example. qtype=AAAA found=0 "
	"text=\"no server answers\""},
    {log_reply_dropped, LEVEL_DEBUG, false,
	"level=debug id=10111 event=REPLY_DROPPED msg=\"reply does not match "
	"the query; dropped\" seq=1 q=7 depth=2 zone=lame.example. "
	"ns=ns1.lame.example. addr=192.0.2.1 transport=udp "
	"qname=lame.example. qtype=A sname=www.lame.example."},
    {log_record, LEVEL_DEBUG, false,
	"level=debug id=10112 event=RECORD msg=\"record of an answer\" seq=1 "
	"q=7 section=answer "
	"record=\"www.lame.example. 300 IN TXT \\\"a b\\\"\""},
};

enum {
	EVENTS = sizeof events / sizeof events[0]
};

START_TEST(each_event_has_its_line)
{
	char line[LOG_LINE_MAX];

	log_open(LEVEL_DEBUG);
	events[_i].log();
	log_flush_and_read();
	(void)snprintf(line, sizeof line, TS "%s", events[_i].line);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_str_eq(lines[0], line);
}
END_TEST

/* ---------------------------------------------------------------------------
 * A trace.
 */

/* The same as an event of the log, told for people; line by line. */
static void
trace_read(void (*log)(void), bool colour)
{
	const struct log_options o = {.path = path,
	    .least = LEVEL_DEBUG,
	    .format = FORMAT_TRACE,
	    .trace = true,
	    .colour = colour};

	time_pass(0);
	ck_assert(eventlog_open(&o, key));
	log();
	eventlog_close();
	log_fetch_from(path);
}

static const struct {
	void (*log)(void);
	const char *lines[4];
} tellings[] = {
    {log_hints_loaded, {"; root servers: 13, addresses: 26, from cache.dns"}},
    {log_question, {"; www.lame.example. A"}},
    {log_zone_servers, {"; lame.example. servers: 2 (referral, TTL 172800)"}},
    {log_root_servers, {";     . servers: 13 (hints)"}},
    {log_query_sent,
	{";   -> ns1.lame.example. 192.0.2.1 udp: www.lame.example. A "
	 "(again)"}},
    {log_probe_sent,
	{";       -> ns1.lame.example. 192.0.2.1 udp: lame.example. A (1 of "
	 "13 in the",
	    ";           band, RTT 12 ms)"}},
    {log_reply, {";   <- 192.0.2.1: NOERROR, no data, 15 ms"}},
    {log_referral,
	{";       <- 192.0.2.1: NOERROR, delegation to lame.example., 15 "
	 "ms"}},
    {log_timed_out, {";       <- 192.0.2.1: nothing in 400 ms"}},
    {log_undelivered, {";   <- 192.0.2.1: not delivered, ECONNREFUSED"}},
    {log_unsent, {";       <- 192.0.2.1: not delivered, ENETUNREACH (route)"}},
    {log_reply_dropped, {";       <- 192.0.2.1: no reply to this; dropped"}},
    {log_address_refused,
	{";   refused: ns1.lame.example. 0.0.0.0 is unspecified (RFC 1122 "
	 "3.2.1.3);",
	    ";       nothing is sent"}},
    {log_own_address_refused,
	{";     refused: ns1.lame.example. 0.0.0.0 is own; nothing is sent"}},
    {log_server_refused, {NULL}},
    {log_send_failed, {NULL}},
    {log_lame_server, {";   lame: 0.0.0.0 is not authoritative"}},
    {log_self_send,
	{";   refused: ns1.lame.example. [::1]:5300 leads back to this "
	 "host"}},
    {log_alias_followed,
	{";   www.lame.example. is an alias (CNAME) of ns1.lame.example."}},
    {log_server_lookup, {";     look up ns1.lame.example. AAAA"}},
    {log_server_looked_up, {";     ns1.lame.example. AAAA found: 2"}},
    {log_server_not_found,
	{";     ns1.lame.example. AAAA found: 0; no server answers"}},
    {log_primed, {";     root servers: 13, addresses: 26, from 192.0.2.53:53"}},
    {log_limit_reached, {";   limit: zone_sends, 16"}},
    {log_answer_failed,
	{";   failed: lame.example.: 2 addresses refused (EDE 22)"}},
    {log_offline, {"; no root server can be sent to: cause=route"}},
    {log_record, {"www.lame.example. 300 IN TXT \"a b\""}},
    {log_proof, {"; authority: www.lame.example. 300 IN TXT \"a b\""}},
    {log_query, {"; 3 sends, 12 ms, NXDOMAIN"}},
    {log_query_malformed, {"; 0 ms, FORMERR"}},
    /* What has no words of its own. */
    {log_hints_differ,
	{"; root servers are not those of the hints: "
	 "file=/etc/dns/cache.dns",
	    ";     added=170.247.170.2 2801:1b8:10::b "
	    "removed=199.9.14.201"}},
    {log_hints_missing,
	{"; hints file cannot be read: errno=ENOENT file=/no "
	 "such/cache.dns"}},
};

enum {
	TELLINGS = sizeof tellings / sizeof tellings[0]
};

START_TEST(each_step_is_told_in_words)
{
	size_t i;

	trace_read(tellings[_i].log, false);
	for (i = 0; i < 4 && tellings[_i].lines[i] != NULL; i++) {
		ck_assert_uint_gt(line_count, i);
		ck_assert_str_eq(lines[i], tellings[_i].lines[i]);
	}
	ck_assert_uint_eq(line_count, i);
}
END_TEST

/* And each is a comment of a master file, but for the records of the answer. */
START_TEST(no_line_of_a_trace_has_more_than_80_columns)
{
	size_t i;

	trace_read(events[_i].log, false);
	for (i = 0; i < line_count; i++) {
		require(strlen(lines[i]) <= 80, "more than 80", lines[i]);
		require(strncmp(lines[i], "; ", 2) == 0 ||
			events[_i].log == log_record,
		    "no comment", lines[i]);
		require(strpbrk(lines[i], "$") == NULL, "no field", lines[i]);
	}
}
END_TEST

/* A name of 255 octets, all of them \DDD, goes on in the next lines. */
START_TEST(a_long_name_is_broken_and_whole)
{
	char whole[4 * NAME_TEXT_MAX] = "", name[NAME_TEXT_MAX];
	size_t i;

	memset(&qname, 0, sizeof qname);
	for (i = 0; i < 4; i++) {
		uint8_t len = i < 3 ? 63 : 61;

		qname.wire[qname.len++] = len;
		memset(qname.wire + qname.len, 0xff, len);
		qname.len = (uint8_t)(qname.len + len);
	}
	qname.len++;
	trace_read(log_question, false);
	ck_assert_uint_gt(line_count, 12);
	for (i = 0; i < line_count; i++) {
		ck_assert_uint_le(strlen(lines[i]), 80);
		strcat(whole, lines[i] + (i == 0 ? 2 : 6));
	}
	name_text(&qname, name);
	ck_assert_ptr_eq(strstr(whole, name), whole);
}
END_TEST

START_TEST(colours_are_about_the_words_alone)
{
	trace_read(log_question, true);
	ck_assert_str_eq(lines[0], "; \033[1mwww.lame.example. A\033[0m");
	trace_read(log_timed_out, true);
	ck_assert_str_eq(lines[line_count - 1],
	    ";       \033[31m<- 192.0.2.1: nothing in 400 ms\033[0m");
	trace_read(log_reply, true);
	ck_assert_str_eq(
	    lines[line_count - 1], ";   <- 192.0.2.1: NOERROR, no data, 15 ms");
}
END_TEST

/* However long it is: its octets are 64 KiB, and its text more than a line. */
START_TEST(a_record_of_the_answer_is_told_whole)
{
	trace_read(log_long_record, false);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(strlen(lines[0]),
	    strlen("www.lame.example. 300 IN TYPE65280 \\# 65535 ") +
		2 * 65535);
}
END_TEST

static bool
is_number(const struct field *f)
{
	size_t i;

	for (i = 0; i < f->len; i++)
		if (f->value[i] < '0' || f->value[i] > '9')
			return false;
	return f->len > 0;
}

/* The same keys, the same values, in the same order. */
START_TEST(json_tells_what_logfmt_tells)
{
	static struct field told[FIELDS];
	char *told_text; /* has the keys */
	size_t count, i;

	log_open(LEVEL_DEBUG);
	events[_i].log();
	eventlog_close();
	log_read();
	count = field_count;
	memcpy(told, fields, sizeof told);
	told_text = text;
	text = NULL;
	format = FORMAT_JSON;
	(void)unlink(path);
	log_open(LEVEL_DEBUG);
	events[_i].log();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(field_count, count);
	for (i = 0; i < count; i++) {
		const struct field *a = &told[i], *b = &fields[i];

		ck_assert_mem_eq(a->key, b->key, a->key_len);
		ck_assert_uint_eq(a->key_len, b->key_len);
		ck_assert_mem_eq(a->value, b->value, a->len);
		ck_assert_uint_eq(a->len, b->len);
		ck_assert_int_eq(b->kind == VALUE_NUMBER,
		    is_number(a) && memcmp(a->key, "errno", 5) != 0);
	}
	free(told_text);
}
END_TEST

START_TEST(a_json_line_is_an_object)
{
	format = FORMAT_JSON;
	log_open(LEVEL_INFO);
	log_server_refused();
	log_server_refused();
	log_started();
	eventlog_close();
	log_read();
	ck_assert_uint_eq(line_count, 3);
	ck_assert_str_eq(lines[0],
	    "{\"ts\":\"2026-11-23T05:13:02.117Z\",\"level\":\"warning\","
	    "\"id\":10002,\"event\":\"INVALID_SERVER_ADDRESS\",\"msg\":"
	    "\"name server address cannot be queried; skipped\",\"seq\":1,"
	    "\"q\":7,\"peer\":\"192.0.2.53:53\",\"zone\":\"lame.example.\","
	    "\"ns\":\"ns1.lame.example.\",\"addr\":\"0.0.0.0\","
	    "\"class\":\"unspecified\",\"qname\":\"www.lame.example.\","
	    "\"qtype\":\"A\",\"prevents\":7053,\"count\":1}");
	ck_assert_ptr_nonnull(strstr(lines[1],
	    "\"listen\":[\"127.0.0.1:5300\",\"[::1]:5300\"],"
	    "\"clients\":[\"loopback\",\"192.0.2.0/24\"],"));
	ck_assert_ptr_nonnull(strstr(
	    lines[2], ",\"count\":1,\"first\":\"2026-11-23T05:13:02.117Z\"}"));
}
END_TEST

/* KB Q236411: the level had no effect for two service packs. */
START_TEST(events_below_the_level_are_not_counted)
{
	enum level level = (enum level)_i;
	struct log_counts c;
	uint64_t expected = 0;
	size_t i;

	log_open(level);
	for (i = 0; i < EVENTS; i++) {
		eventlog_count(&c);
		expected = c.counted + (events[i].level <= level);
		events[i].log();
		eventlog_count(&c);
		ck_assert_uint_eq(c.counted, expected);
	}
	eventlog_close();
	log_read();
	ck_assert_uint_gt(line_count, 0);
	ck_assert_uint_eq(lines_with(" level=error ") > 0, true);
	ck_assert_uint_eq(
	    lines_with(" level=warning ") > 0, level >= LEVEL_WARNING);
	ck_assert_uint_eq(lines_with(" level=info ") > 0, level >= LEVEL_INFO);
	ck_assert_uint_eq(
	    lines_with(" level=debug ") > 0, level >= LEVEL_DEBUG);
	file_agrees_with_counts();
}
END_TEST

/* The operator asked for them; nobody else's wish hides or shows them. */
START_TEST(answers_are_told_at_any_level_to_who_wants_them)
{
	queries = _i % 2 > 0;
	log_open((enum level)(_i / 2));
	log_query();
	log_question();
	ck_assert(
	    eventlog_logs_queries() == (queries || _i / 2 == LEVEL_DEBUG));
	ck_assert(eventlog_is_tracing() == (_i / 2 == LEVEL_DEBUG));
	log_flush_and_read();
	ck_assert_uint_eq(lines_with(" id=10015 "), eventlog_logs_queries());
	ck_assert_uint_eq(lines_with(" id=10100 "), eventlog_is_tracing());
	file_agrees_with_counts();
}
END_TEST

/*
 * windows-dns.md 5.3: what is below 5050, and 10001 and 10004, always.  Changes
 * of a state do not fold, so that the last line tells what is so now.
 */
START_TEST(only_limited_events_fold)
{
	bool change = strstr(events[_i].line, " event=FAMILY_") != NULL ||
	    strstr(events[_i].line, "LINE msg=\"") != NULL;
	unsigned most = change ? LOG_GATE_LINES : 3 * LOG_GATE_LINES, i;
	struct log_counts c;

	log_open(LEVEL_DEBUG);
	for (i = 0; i < 3 * LOG_GATE_LINES; i++) {
		addr = address_of("0.0.0.0");
		events[_i].log();
	}
	c = counts_now();
	ck_assert_uint_eq(c.counted, 3 * LOG_GATE_LINES);
	ck_assert_uint_eq(c.written, events[_i].limited ? 1 : most);
	ck_assert_uint_eq(c.gated, change ? c.counted - c.written : 0);
}
END_TEST

/* ------------------------------------------------------------------------
 * Values that would like to be more.
 */

START_TEST(remote_names_cannot_leave_their_value)
{
	static const uint8_t wire[] = "\011a\n\033\"=\\ \xff.\003com";

	memcpy(qname.wire, wire, sizeof wire);
	qname.len = sizeof wire;
	log_open(LEVEL_INFO);
	log_server_refused();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_ptr_nonnull(strstr(lines[0],
	    " qname=\"a\\\\010\\\\027\\\\\\\"=\\\\\\\\\\\\032\\\\255\\\\..com."
	    "\" "
	    "qtype=A prevents=7053 count=1"));
}
END_TEST

START_TEST(a_token_cannot_leave_its_value)
{
	static const char token[] = "a\nid=2 \033[2J\"=\\\xff\x9b\x7f\0z";
	struct hint_fault f = {.error = HINT_TYPE,
	    .file = "a\"b",
	    .line = 1,
	    .column = 1,
	    .token = token,
	    .token_len = sizeof token - 1};

	log_open(LEVEL_INFO);
	eventlog_hint_fault(&f);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_ptr_nonnull(strstr(lines[0],
	    " file=\"a\\\"b\" line=1 column=1 "
	    "token=\"a\\u000aid=2 \\u001b[2J\\\"=\\\\\\u00ff\\u009b\\u007f"
	    "\\u0000z\""));
}
END_TEST

START_TEST(only_plain_values_are_bare)
{
	static const char *const values[][2] = {{"", "\"\""}, {"a", "a"},
	    {"a=b", "\"a=b\""}, {"a b", "\"a b\""}, {"a\"", "\"a\\\"\""},
	    {"a\\", "\"a\\\\\""}, {"\t", "\"\\u0009\""}, {"!#~", "!#~"},
	    {"\x7f", "\"\\u007f\""}};
	char field[32];

	log_open(LEVEL_INFO);
	eventlog_starting(values[_i][0]);
	log_flush_and_read();
	(void)snprintf(field, sizeof field, " version=%s", values[_i][1]);
	ck_assert_str_eq(strstr(lines[0], " version="), field);
}
END_TEST

/* The worst names: \DDD for each octet, and the backslash doubled. */
START_TEST(worst_names_keep_the_short_fields)
{
	static const uint8_t label_lens[] = {1, 2, 5, 20, 40, 63};
	uint8_t len = label_lens[_i / 2];

	format = (enum log_format)(_i % 2);
	zone = name_of_octet(0xff, len);
	ns = name_of_octet('"', len);
	qname = name_of_octet('a', len);
	addr = address_at("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	peer = addr;
	incident.qtype = 65280;
	log_open(LEVEL_INFO);
	time_pass(LOG_WINDOW_S);
	eventlog_send_failed(&incident, EHOSTUNREACH, "route");
	eventlog_server_refused(&incident, "a class with a long name");
	eventlog_server_refused(&incident, "a class with a long name");
	eventlog_close();
	log_read();
	ck_assert_uint_eq(line_count, 3);
	ck_assert_uint_eq(
	    lines_with("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"), 3);
	ck_assert_uint_eq(lines_having("addr"), 3);
	ck_assert_uint_eq(lines_with("TYPE65280"), 3);
	ck_assert_uint_eq(lines_with("EHOSTUNREACH"), 1);
	ck_assert_uint_eq(lines_having("prevents"), 2);
	ck_assert_uint_eq(lines_having("cut"), 3);
	file_agrees_with_counts();
}
END_TEST

/* However large they are, and whatever the names. */
START_TEST(worst_tallies_are_told_whole)
{
	static const char *const keys[] = {"servers", "asked", "lookups",
	    "timeouts", "refused", "lame", "failed", "unsent", "limit", "ms",
	    "sends", "sends_max", "ede"};
	struct tally t = all_tallied;
	struct reason why = {.ede = 65534};
	size_t i;

	format = (enum log_format)_i;
	zone = name_of_octet(0xff, 20);
	qname = name_of_octet('a', 63);
	incident.qtype = 65280;
	incident.q = UINT64_MAX;
	t.servers = t.asked = t.lookups = t.timeouts = t.refused = t.lame =
	    t.failed = t.unsent = t.sends = UINT32_MAX;
	t.ms = UINT64_MAX;
	memset(why.text, '"', sizeof why.text - 1);
	log_open(LEVEL_INFO);
	eventlog_answer_failed(&incident, &why, &t);
	log_flush_and_read();
	for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
		ck_assert_uint_eq(lines_having(keys[i]), 1);
}
END_TEST

START_TEST(a_long_token_is_cut)
{
	char token[2 * LOG_LINE_MAX];
	struct hint_fault f = {.error = HINT_NAME,
	    .file = "cache.dns",
	    .line = 1,
	    .column = 1,
	    .token = token,
	    .token_len = sizeof token};

	static const char *const ends[2][2] = {
	    {"xxx cut=1", "xxx\",\"cut\":1}"},
	    {"\\u000a\" cut=1", "\\u000a\",\"cut\":1}"}};

	format = (enum log_format)(_i % 2);
	memset(token, _i < 2 ? 'x' : '\n', sizeof token);
	log_open(LEVEL_INFO);
	eventlog_hint_fault(&f);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_gt(strlen(lines[0]), LOG_LINE_MAX / 2);
	ck_assert_ptr_nonnull(strstr(lines[0], ends[_i / 2][_i % 2]));
}
END_TEST

/* Each length around the limit, so that the last octet is somewhere else. */
START_TEST(no_length_oversteps_the_line)
{
	char token[LOG_LINE_MAX];
	struct hint_fault f = {.error = HINT_TYPE, .line = 1, .token = token};
	size_t i;

	format = (enum log_format)_i;
	memset(token, '\\', sizeof token);
	memset(token, 'x', 700);
	token[sizeof token - 1] = '\0';
	log_open(LEVEL_INFO);
	for (i = 700; i < sizeof token - 1; i++) {
		f.token = token + i % 2;
		f.token_len = i - 1;
		eventlog_hint_fault(&f);
		eventlog_no_roots(&token[sizeof token - i]);
		eventlog_flush();
	}
	log_flush_and_read();
	ck_assert_uint_eq(lines_having("token"), line_count / 2);
	file_agrees_with_counts();
}
END_TEST

/* Not even a word of ours that is far too long takes the end's place. */
START_TEST(no_word_oversteps_the_line)
{
	char word[LOG_LINE_MAX];
	size_t i;

	format = (enum log_format)_i;
	memset(word, 'x', sizeof word);
	word[sizeof word - 1] = '\0';
	log_open(LEVEL_INFO);
	for (i = 1; i < sizeof word; i++) {
		eventlog_lame_server(&incident, word + sizeof word - 1 - i);
		eventlog_lame_server(&incident, "again");
		time_pass(WINDOW_MS);
		eventlog_flush();
	}
	log_read();
	ck_assert_uint_eq(lines_having("count"), 2 * (sizeof word - 1));
	file_agrees_with_counts();
}
END_TEST

/* A path is told whole or not at all. */
START_TEST(a_path_too_long_is_left_out)
{
	char file[LOG_LINE_MAX];

	memset(file, 'x', sizeof file);
	file[sizeof file - 1] = '\0';
	log_open(LEVEL_INFO);
	eventlog_hints_loaded(file, 1, 2, false);
	log_flush_and_read();
	ck_assert_ptr_null(strstr(lines[0], " file="));
	ck_assert_ptr_nonnull(strstr(lines[0], " roots=1 addresses=2 cut=1"));
}
END_TEST

/* Of the line that was read last. */
static const struct field *
field_of(const char *name)
{
	const struct field *f = fields;

	while (!key_is(f, name, strlen(name)))
		require(++f < fields + field_count, "no such field", name);
	return f;
}

/* Of the line that was read last: "a b +62" are 64. */
static void
list_is_accounted_for(const char *name, uint64_t count)
{
	const struct field *f = field_of(name);
	const char *more;
	size_t i;

	more = memchr(f->value, '+', f->len);
	ck_assert_ptr_nonnull(more);
	for (i = 0; i < f->len; i++)
		count -= f->value[i] == ' ';
	ck_assert_uint_eq(strtoull(more, NULL, 10), count);
}

START_TEST(long_lists_say_how_much_is_missing)
{
	struct address listeners[LISTENERS_MAX];
	struct prefix allowed[ALLOWED_PREFIXES_MAX];
	struct startup s = {.hints = "compiled-in",
	    .listeners = listeners,
	    .listener_count = LISTENERS_MAX,
	    .allowed = allowed,
	    .allowed_count = ALLOWED_PREFIXES_MAX,
	    .cache_octets = SIZE_MAX,
	    .memory_octets = SIZE_MAX};
	size_t i;

	format = (enum log_format)_i;
	for (i = 0; i < LISTENERS_MAX; i++)
		listeners[i] =
		    address_at("2001:db8:1111:2222:3333:4444:5555:6666", 65535);
	for (i = 0; i < ALLOWED_PREFIXES_MAX; i++)
		allowed[i] = (struct prefix){listeners[0], 128};
	log_open(LEVEL_INFO);
	eventlog_started(&s);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	list_is_accounted_for("listen", LISTENERS_MAX);
	list_is_accounted_for("clients", 1 + ALLOWED_PREFIXES_MAX);
	ck_assert_ptr_nonnull(value_of(lines[0], "memory"));
	ck_assert_ptr_null(value_of(lines[0], "cut"));
}
END_TEST

static uint32_t
random_up_to(uint32_t *state, uint32_t bound)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*state * bound >> 32);
}

/* Any octets, and more often those that mean something to somebody. */
static size_t
random_octets(uint32_t *state, uint8_t *octets, uint32_t max)
{
	static const char nasty[] = "\n\r\033\"'=\\ \t\0\x7f\x9b\xff{}[],:u.";
	size_t len = random_up_to(state, max + 1), i;

	for (i = 0; i < len; i++)
		octets[i] = random_up_to(state, 2) > 0
		    ? (uint8_t)nasty[random_up_to(state, sizeof nasty - 1)]
		    : (uint8_t)random_up_to(state, 256);
	return len;
}

static void
random_name(uint32_t *state, struct name *n)
{
	unsigned labels = random_up_to(state, 4);

	for (n->len = 0; labels > 0; labels--) {
		size_t len = random_octets(state, n->wire + n->len + 1, 16);

		if (len == 0)
			continue;
		n->wire[n->len] = (uint8_t)len;
		n->len = (uint8_t)(n->len + 1 + len);
	}
	n->wire[n->len++] = 0;
}

/* The line at this place has the field, and these octets are its value. */
static void
value_is(size_t line, const char *name, const void *octets, size_t len)
{
	const struct field *f;

	line_read(lines[line]);
	f = field_of(name);
	require(f->len == len && memcmp(f->value, octets, len) == 0, name,
	    lines[line]);
}

/*
 * attacks:D13, attacks:Z10: a million lines, whose names come from anybody and
 * whose tokens from any file.  Each is one line, sound for a strict reader, and
 * tells the very octets.
 */
START_TEST(no_octets_leave_their_value)
{
	enum {
		ROUNDS = 250,
		LINES = 100
	};
	static uint8_t tokens[LINES][64];
	static struct name names[LINES];
	size_t lens[LINES], i;
	uint32_t state = (uint32_t)_i;
	unsigned round;
	char name[NAME_TEXT_MAX];

	format = (enum log_format)(_i % 2);
	queries = true;
	log_open(LEVEL_ERROR);
	for (round = 0; round < ROUNDS; round++) {
		ck_assert_int_eq(truncate(path, 0), 0);
		for (i = 0; i < LINES; i++) {
			struct hint_fault f = {
			    .error = HINT_NAME, .file = "x", .line = 1};
			struct client_question c = {.q = 1, .qname = &names[i]};

			lens[i] = random_octets(&state, tokens[i], 63) + 1;
			f.token = (const char *)tokens[i];
			f.token_len = lens[i];
			eventlog_hint_fault(&f);
			random_name(&state, &names[i]);
			eventlog_query(&c, RCODE_NOERROR, NULL, 0, 0);
		}
		eventlog_flush();
		log_fetch(); /* the lines are read one by one below */
		require(line_count == 2 * LINES, "lines", path);
		for (i = 0; i < LINES; i++) {
			value_is(2 * i, "token", tokens[i], lens[i]);
			(void)name_text(&names[i], name);
			value_is(2 * i + 1, "qname", name, strlen(name));
		}
	}
}
END_TEST

/* ------------------------------------------------------------------------
 * Folds.
 */

START_TEST(repeats_fold_until_the_window_ends)
{
	char line[LOG_LINE_MAX];

	log_open(LEVEL_INFO);
	ck_assert_uint_eq(eventlog_next_due(), UINT64_MAX);
	log_server_refused();
	ck_assert_uint_eq(eventlog_next_due(), WINDOW_MS);
	time_pass(883);
	log_server_refused();
	qname = name_of("other.example.");
	time_pass(WINDOW_MS - 884);
	log_server_refused();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	counts_expect(1, 2, 0);

	time_pass(1);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 2);
	(void)snprintf(line, sizeof line,
	    "ts=\"2026-11-23T05:28:02.117Z\" level=warning id=10002 "
	    "event=INVALID_SERVER_ADDRESS "
	    "msg=\"name server address cannot be queried; skipped\" seq=2 "
	    "q=7 peer=192.0.2.53:53 zone=lame.example. ns=ns1.lame.example. "
	    "addr=0.0.0.0 class=unspecified qname=www.lame.example. qtype=A "
	    "prevents=7053 count=2 first=\"2026-11-23T05:13:03.000Z\"");
	ck_assert_str_eq(lines[1], line);
	file_agrees_with_counts();

	log_server_refused();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 3);
	counts_expect(2, 2, 0);
}
END_TEST

/* The window is over when the hour says so, not when somebody flushes. */
START_TEST(a_window_ends_before_the_next_event)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	log_server_refused();
	time_pass(WINDOW_MS);
	log_server_refused();
	log_flush_and_read();
	counts_expect(2, 1, 0);
	ck_assert_uint_eq(line_count, 3);
	ck_assert_ptr_nonnull(strstr(lines[1], " count=1 first="));
	ck_assert_ptr_null(strstr(lines[2], " first="));
}
END_TEST

START_TEST(a_fold_without_repeats_ends_silently)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	time_pass(WINDOW_MS);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(eventlog_next_due(), UINT64_MAX);
}
END_TEST

/* A fold outlasts the window of the gate that it went through. */
START_TEST(the_next_window_to_end_is_told)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	time_pass(10);
	zone = name_of("other.example.");
	log_server_refused();
	ck_assert_uint_eq(eventlog_next_due(), WINDOW_MS);
	time_pass(WINDOW_MS - 10);
	eventlog_flush();
	ck_assert_uint_eq(eventlog_next_due(), WINDOW_MS + 10);
}
END_TEST

/* RFC 4343; and 0x20 makes the case of names random. */
START_TEST(names_fold_in_any_case)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	zone = name_of("LAME.example.");
	ns = name_of("Ns1.Lame.eXample.");
	log_server_refused();
	counts_expect(1, 1, 0);
}
END_TEST

/* The key is (id, zone, ns, addr or peer, errno). */
START_TEST(other_subjects_do_not_fold)
{
	log_open(LEVEL_INFO);
	eventlog_server_refused(&incident, "private");
	eventlog_self_send(&incident);
	zone = name_of("other.example.");
	eventlog_server_refused(&incident, "private");
	ns = name_of("other.example.");
	eventlog_server_refused(&incident, "private");
	addr = address_of("192.0.2.1");
	eventlog_server_refused(&incident, "private");
	incident.addr = NULL;
	eventlog_server_refused(&incident, "private");
	peer = address_of("192.0.2.2");
	eventlog_server_refused(&incident, "private");
	eventlog_receive_failed(&addr, EIO);
	eventlog_receive_failed(&addr, ENOMEM);
	eventlog_table_full("walks", 1);
	eventlog_table_full("queries", 1);
	counts_expect(11, 0, 0);
	incident.qtype = TYPE_MX;
	eventlog_server_refused(&incident, "private");
	eventlog_table_full("walks", 2);
	counts_expect(11, 2, 0);
}
END_TEST

/* Ten thousand servers without a route are one trouble. */
START_TEST(failures_to_send_fold_by_cause_and_family)
{
	unsigned i;

	log_open(LEVEL_INFO);
	addr = address_of("192.0.2.1");
	for (i = 0; i < 10000; i++) {
		zone.wire[1] = ns.wire[1] = (uint8_t)(i & 15);
		addr.ip[2] = (uint8_t)(i >> 8);
		addr.ip[3] = (uint8_t)i;
		eventlog_send_failed(&incident, ENETUNREACH, "route");
	}
	counts_expect(1, 9999, 0);
	eventlog_send_failed(&incident, EHOSTUNREACH, "route");
	eventlog_send_failed(&incident, EPERM, "firewall");
	addr = address_of("2001:db8::1");
	eventlog_send_failed(&incident, ENETUNREACH, "route");
	counts_expect(4, 9999, 0);
}
END_TEST

/* With an address, it does not matter who told it. */
START_TEST(the_address_goes_before_the_peer)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	peer = address_of("192.0.2.99");
	log_server_refused();
	counts_expect(1, 1, 0);
}
END_TEST

START_TEST(failed_answers_fold_by_zone)
{
	struct reason why = {EDE_NETWORK_ERROR, "first"};

	log_open(LEVEL_INFO);
	eventlog_answer_failed(&incident, &why, &all_tallied);
	ns = name_of("other.example.");
	addr = peer;
	why.ede = EDE_OTHER;
	eventlog_answer_failed(&incident, &why, &all_tallied);
	counts_expect(1, 1, 0);
	zone = ns;
	eventlog_answer_failed(&incident, &why, &all_tallied);
	counts_expect(2, 1, 0);
}
END_TEST

/* Another limit at the same zone is another matter; another name is not. */
START_TEST(limits_fold_by_zone_and_limit)
{
	struct tally sends = {.limit = "query_sends", .limit_max = 100};
	struct tally ms = {.limit = "query_ms", .limit_max = 8000};

	log_open(LEVEL_INFO);
	eventlog_limit_reached(&incident, &sends);
	qname = name_of("other.lame.example.");
	eventlog_limit_reached(&incident, &sends);
	eventlog_limit_reached(&incident, &ms);
	counts_expect(2, 1, 0);
	zone = name_of("other.example.");
	eventlog_limit_reached(&incident, &ms);
	counts_expect(3, 1, 0);
}
END_TEST

START_TEST(close_writes_open_folds)
{
	log_open(LEVEL_INFO);
	log_server_refused();
	log_server_refused();
	log_lame_server();
	eventlog_close();
	log_read();
	ck_assert_uint_eq(line_count, 3);
	ck_assert_ptr_nonnull(strstr(lines[2], " count=1 first="));
	file_agrees_with_counts();
}
END_TEST

/* One of seven ids about a subject that nothing was said of before. */
static void
log_new_subject(unsigned id, uint32_t subject)
{
	struct address a = {.family = 4, .port = DNS_PORT};
	struct incident i = {.addr = &a, .zone = &zone};
	struct reason why = {.ede = EDE_OTHER};
	size_t n;
	int err;

	err = (int)(subject & 0x7fffffff);
	memcpy(a.ip, &subject, sizeof subject);
	for (n = 1; n <= 4; n++, subject >>= 4)
		zone.wire[n] = subject & 15; /* no letter: case folds */
	switch (id % 7) {
	case 0:
		eventlog_server_refused(&i, "private");
		break;
	case 1:
		eventlog_self_send(&i);
		break;
	case 2:
		eventlog_send_failed(&i, err, "system");
		break;
	case 3:
		eventlog_lame_server(&i, "refused");
		break;
	case 4:
		eventlog_answer_failed(&i, &why, &all_tallied);
		break;
	case 5:
		eventlog_receive_failed(&a, EIO);
		break;
	case 6:
		eventlog_roots_unreachable(1, "failing");
		break;
	}
}

/*
 * Gates let no more than 200 subjects of an id into the folds, 100 at the end
 * of one window and 100 at the beginning of the next; of six ids these are
 * more than there are folds.
 */
START_TEST(the_oldest_fold_makes_room)
{
	unsigned half, id;
	uint32_t subject;

	log_open(LEVEL_INFO);
	for (id = 0; id < 6; id++)
		log_new_subject(id, 0);
	time_pass(WINDOW_MS - 1);
	for (half = 0; half < 2; half++) {
		for (subject = 1; subject < LOG_GATE_LINES; subject++)
			for (id = 0; id < 6; id++) {
				log_new_subject(id, subject + half * 1000);
				log_new_subject(id, subject + half * 1000);
				eventlog_flush();
			}
		time_pass(1);
	}
	log_flush_and_read();
	counts_expect(6 + 2 * 6 * 99, 2 * 6 * 99, 0);
	ck_assert_uint_eq(
	    lines_with(" count=1 first="), 2 * 6 * 99 - LOG_FOLDS_MAX);
	ck_assert_uint_eq(number_of(lines[6 + 6 * 99], "id"), 10002);
	eventlog_close();
	log_read();
	file_agrees_with_counts();
}
END_TEST

/* ------------------------------------------------------------------------
 * Gates.
 */

/* KB Q198757: the marks filled the log.  One 5000, one 9999 a window. */
START_TEST(a_storm_of_one_id_is_told_in_numbers)
{
	uint32_t i;

	log_open(LEVEL_INFO);
	for (i = 0; i < 1000; i++)
		log_new_subject(2, i);
	log_flush_and_read();
	counts_expect(LOG_GATE_LINES, 0, 1000 - LOG_GATE_LINES);
	ck_assert_uint_eq(line_count, LOG_GATE_LINES + 1);
	ck_assert_str_eq(lines[LOG_GATE_LINES],
	    TS "level=warning id=5000 event=DNS_EVENT_START_LOG_SUPPRESS "
	       "msg=\"suppressing run-time events\" seq=101 gated_id=7053 "
	       "window=900 limit=100");

	time_pass(WINDOW_MS);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, LOG_GATE_LINES + 2);
	ck_assert_str_eq(lines[LOG_GATE_LINES + 1],
	    "ts=\"2026-11-23T05:28:02.117Z\" level=warning id=9999 "
	    "event=DNS_EVENT_CONTINUE_LOG_SUPPRESS "
	    "msg=\"run-time events suppressed\" seq=102 gated_id=7053 "
	    "window=900 limit=100 count=900");
	ck_assert_uint_eq(eventlog_next_due(), 2 * WINDOW_MS);

	for (i = 1000; i < 1150; i++)
		log_new_subject(2, i);
	time_pass(WINDOW_MS);
	log_flush_and_read();
	ck_assert_uint_eq(lines_with(" id=5000 "), 1);
	ck_assert_uint_eq(lines_with(" id=9999 "), 2);
	ck_assert_ptr_nonnull(strstr(lines[line_count - 1], " count=50"));

	time_pass(WINDOW_MS);
	log_flush_and_read();
	ck_assert_ptr_nonnull(strstr(lines[line_count - 1],
	    " id=9999 event=DNS_EVENT_CONTINUE_LOG_SUPPRESS "
	    "msg=\"run-time events suppressed\" seq=204 gated_id=7053 "
	    "window=900 limit=100 state=end total=950"));
	ck_assert_uint_eq(eventlog_next_due(), UINT64_MAX);

	time_pass(WINDOW_MS);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 204);
	file_agrees_with_counts();
}
END_TEST

START_TEST(a_new_storm_is_a_new_episode)
{
	unsigned episode;
	uint32_t i;

	log_open(LEVEL_INFO);
	for (episode = 0; episode < 3; episode++) {
		for (i = 0; i < LOG_GATE_LINES + 1; i++)
			log_new_subject(0, 1000 * episode + i);
		time_pass(WINDOW_MS);
		eventlog_flush();
		time_pass(WINDOW_MS);
		log_flush_and_read();
		ck_assert_uint_eq(lines_with(" id=5000 "), episode + 1);
		ck_assert_uint_eq(lines_with(" total=1"), episode + 1);
	}
	file_agrees_with_counts();
}
END_TEST

START_TEST(within_the_limit_there_is_no_mark)
{
	uint32_t i;

	log_open(LEVEL_INFO);
	for (i = 0; i < LOG_GATE_LINES; i++)
		log_new_subject(0, i);
	time_pass(2 * WINDOW_MS);
	eventlog_close();
	log_read();
	ck_assert_uint_eq(line_count, LOG_GATE_LINES);
}
END_TEST

/* What has no room is left out, and nothing is cut. */
START_TEST(statistics_of_any_size_make_a_whole_line)
{
	struct statistics s;
	unsigned i;

	memset(&s, 0xff, sizeof(s));
	for (i = 0; i < ADDRESS_CLASSES_MAX - 1; i++)
		s.refused_classes[i].class = "not-global-unicast";
	s.refused_classes[i].class = NULL;
	format = (enum log_format)_i;
	log_open(LEVEL_INFO);
	eventlog_statistics(&s);
	eventlog_close();
	log_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_lt(strlen(lines[0]), LOG_LINE_MAX);
	ck_assert_uint_gt(strlen(lines[0]), LOG_LINE_MAX - 300);
}
END_TEST

START_TEST(a_storm_silences_no_other_id)
{
	unsigned id;
	uint32_t i;

	log_open(LEVEL_INFO);
	for (i = 0; i < 10000; i++)
		log_new_subject(0, i);
	for (id = 1; id < 7; id++)
		log_new_subject(id, 0);
	log_primed();
	log_statistics();
	log_hint_token();
	counts_expect(LOG_GATE_LINES + 9, 0, 10000 - LOG_GATE_LINES);
	time_pass(1);
	log_new_subject(0, 0); /* one of those written still folds */
	counts_expect(LOG_GATE_LINES + 9, 1, 10000 - LOG_GATE_LINES);
	eventlog_close();
	log_read();
	file_agrees_with_counts();
}
END_TEST

/* Marks speak for an id that is shown, whatever their own level. */
START_TEST(a_storm_of_errors_is_marked_at_level_error)
{
	uint32_t i;

	log_open(LEVEL_ERROR);
	for (i = 0; i < 1000; i++)
		log_new_subject(2, i);
	eventlog_close();
	log_read();
	ck_assert_uint_eq(lines_with(" id=5000 "), 1);
	ck_assert_uint_eq(lines_with(" id=9999 "), 1);
	file_agrees_with_counts();
}
END_TEST

/* DESIGN 15: written + folded + gated = counted, in the file as well. */
START_TEST(nothing_is_lost_in_a_random_storm)
{
	uint32_t state = (uint32_t)_i + 1, i;
	struct log_counts c;

	format = (enum log_format)_i;
	log_open(LEVEL_INFO);
	for (i = 0; i < STORM; i++) {
		uint32_t subjects = random_up_to(&state, 2) ? 40 : 5000;

		require(counts_now().counted == i, "not counted", "");

		if (random_up_to(&state, 1000) == 0)
			log_statistics();
		else
			log_new_subject(random_up_to(&state, 7),
			    random_up_to(&state, subjects));
		if (random_up_to(&state, 50) == 0)
			time_pass(random_up_to(&state, 20000));
		if (random_up_to(&state, 10000) == 0)
			time_pass(random_up_to(&state, 4 * WINDOW_MS));
		if (random_up_to(&state, 20) == 0)
			eventlog_flush();
	}
	c = counts_now();
	ck_assert_uint_eq(c.counted, STORM);
	eventlog_close();
	log_read();
	ck_assert_uint_gt(c.written, 1000);
	ck_assert_uint_gt(c.folded, 1000);
	ck_assert_uint_gt(c.gated, 1000);
	ck_assert_uint_gt(lines_having("state"), 0);
	file_agrees_with_counts();
}
END_TEST

/* ------------------------------------------------------------------------
 * Files.
 */

START_TEST(the_log_is_appended_to)
{
	struct stat st;

	(void)umask(0);
	log_open(LEVEL_INFO);
	log_starting();
	eventlog_close();
	log_open(LEVEL_INFO);
	log_starting();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 2);
	ck_assert_str_eq(lines[0], lines[1]);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_says_why)
{
	ck_assert(!log_open_at("/nowhere/at/all"));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(!log_open_at(directory));
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(!log_open_at(path));
	ck_assert_int_eq(errno, ENXIO);
}
END_TEST

/* Where a descriptor that is opened now would be. */
static int
free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

START_TEST(close_gives_the_descriptor_back)
{
	int before = free_descriptor();

	log_open(LEVEL_INFO);
	eventlog_close();
	ck_assert_int_eq(free_descriptor(), before);
}
END_TEST

START_TEST(without_a_log_events_go_nowhere)
{
	size_t i;

	for (i = 0; i < EVENTS; i++)
		events[i].log();
	eventlog_flush();
	ck_assert_uint_eq(eventlog_next_due(), UINT64_MAX);
	eventlog_close();
	counts_expect(0, 0, 0);
}
END_TEST

START_TEST(it_is_opened_once)
{
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	log_open(LEVEL_INFO);
	(void)log_open_at(path);
}
END_TEST

/* Lines of one sort until some are lost; how many were logged. */
static uint64_t
log_until_lost(uint64_t lost)
{
	uint64_t logged = 0;

	for (; counts_now().lost < lost; logged++) {
		require(logged < 10000, "nothing is lost", "");
		log_hint_token();
		if (logged % 7 == 0)
			eventlog_flush();
	}
	return logged;
}

/* The log came back: no line is torn, and the gap is what it says. */
static void
loss_is_told(uint64_t lost, const char *err)
{
	uint64_t gaps = 0, expected = 1;
	const char *told = NULL;
	char part[32];
	size_t i;

	for (i = 0; i < line_count; i++) {
		uint64_t seq = number_of(lines[i], "seq");

		require(seq >= expected, "seq", lines[i]);
		gaps += seq - expected;
		expected = seq + 1;
		if (strstr(lines[i], " id=3153 ") != NULL)
			told = lines[i];
	}
	ck_assert_uint_eq(gaps, lost);
	ck_assert_ptr_nonnull(told);
	ck_assert_uint_eq(lines_with(" id=3153 "), 1);
	ck_assert_uint_eq(number_of(told, "lost"), lost);
	if (err == NULL) {
		ck_assert_ptr_null(strstr(told, " errno="));
		return;
	}
	(void)snprintf(part, sizeof part, " errno=%s ", err);
	ck_assert_ptr_nonnull(strstr(told, part));
}

static const char *
old_path(unsigned n)
{
	static char old[PATH_MAX + 16];

	(void)snprintf(old, sizeof old, "%s/%u", directory, n);
	return old;
}

/*
 * attacks:I13: renamed; deleted; renamed, and its like put there.  What is
 * written before anybody looks is in the old file.
 */
START_TEST(a_renamed_log_is_opened_anew)
{
	log_open(LEVEL_INFO);
	log_starting();
	eventlog_flush();
	if (_i == 1)
		ck_assert_int_eq(link(path, old_path(0)) + unlink(path), 0);
	else
		ck_assert_int_eq(rename(path, old_path(0)), 0);
	if (_i == 2)
		ck_assert_int_eq(
		    close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
	log_starting();
	eventlog_flush();
	log_starting();
	eventlog_look();
	log_starting();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 2);
	ck_assert_uint_eq(number_of(lines[0], "id"), 10020);
	ck_assert_uint_eq(number_of(lines[1], "seq"), 5);
	log_read_from(old_path(0));
	ck_assert_uint_eq(line_count, 3);
	ck_assert_int_eq(unlink(old_path(0)), 0);
}
END_TEST

/* attacks:I13: copytruncate.  The file does not begin with a hole. */
START_TEST(a_log_that_is_emptied_goes_on_from_its_start)
{
	log_open(LEVEL_INFO);
	log_starting();
	eventlog_flush();
	eventlog_look();
	ck_assert_int_eq(truncate(path, 0), 0);
	eventlog_look();
	log_starting();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(number_of(lines[0], "seq"), 2);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_anew_is_told_once)
{
	log_open(LEVEL_INFO);
	ck_assert_int_eq(rename(path, old_path(0)), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (unsigned i = 0; i < 5; i++)
		eventlog_look();
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink(path, path), 0);
	for (unsigned i = 0; i < 5; i++)
		eventlog_look();
	eventlog_flush();
	log_read_from(old_path(0));
	ck_assert_uint_eq(line_count, 2);
	ck_assert_uint_eq(lines_with(" id=1000 "), 2);
	ck_assert_uint_eq(lines_with(" errno=EISDIR "), 1);
	ck_assert_uint_eq(lines_with(" errno=ELOOP "), 1);
	ck_assert_int_eq(unlink(path), 0);
	eventlog_look();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(lines_with(" id=10020 "), 1);

	/* It is told again when it happens again. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(path, path), 0);
	eventlog_look();
	ck_assert_uint_eq(counts_now().written, 4);
	ck_assert_int_eq(unlink(old_path(0)), 0);
}
END_TEST

/* The old file has the beginning of a line, and no room for its end. */
START_TEST(the_new_log_does_not_begin_in_a_line)
{
	struct rlimit limit;
	unsigned i;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 250;
	log_open(LEVEL_INFO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (i = 0; i < 10; i++)
		log_starting();
	eventlog_flush();
	ck_assert_int_eq(rename(path, old_path(0)), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	eventlog_look();
	log_flush_and_read();
	ck_assert_uint_eq(counts_now().lost, 1);
	ck_assert_uint_eq(lines_with(" id=3153 "), 1);
	ck_assert_uint_eq(lines_with(" lost=1"), 1);
	ck_assert_uint_eq(lines_with(" errno=EFBIG "), 1);
	ck_assert_uint_eq(
	    number_of(lines[0], "seq") + line_count, counts_now().written + 2);
	ck_assert_int_eq(unlink(old_path(0)), 0);
}
END_TEST

START_TEST(standard_error_is_not_opened_anew)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_open_at(NULL));
	ck_assert_int_eq(rename(path, old_path(0)), 0);
	eventlog_look();
	log_starting();
	eventlog_flush();
	ck_assert_int_ne(access(path, F_OK), 0);
	log_read_from(old_path(0));
	ck_assert_uint_eq(line_count, 1);
	ck_assert_int_eq(unlink(old_path(0)), 0);
}
END_TEST

/* attacks:I13: no line is lost or torn, and no descriptor is left. */
START_TEST(a_thousand_rotations_lose_nothing)
{
	uint32_t state = (uint32_t)_i + 1;
	uint64_t expected = 1;
	unsigned n;
	int before;
	size_t i;

	log_open(LEVEL_INFO);
	before = free_descriptor();
	for (n = 0; n < 1000; n++) {
		for (i = random_up_to(&state, 20); i > 0; i--) {
			log_starting();
			if (random_up_to(&state, 3) == 0)
				eventlog_flush();
		}
		ck_assert_int_eq(rename(path, old_path(n)), 0);
		for (i = random_up_to(&state, 5); i > 0; i--)
			log_starting();
		eventlog_look();
	}
	eventlog_flush();
	ck_assert_int_eq(rename(path, old_path(n)), 0);
	for (n = 0; n <= 1000; n++) {
		log_read_from(old_path(n));
		for (i = 0; i < line_count; i++)
			require(number_of(lines[i], "seq") == expected++, "seq",
			    lines[i]);
		ck_assert_int_eq(unlink(old_path(n)), 0);
	}
	ck_assert_uint_eq(counts_now().written, expected - 1);
	ck_assert_int_eq(free_descriptor(), before);
}
END_TEST

/* Take what is in the pipe; true if there was something. */
static bool
pipe_drain(int fd, size_t *len)
{
	ssize_t n;
	bool any = false;

	while ((n = read(fd, text + *len, 2 * LOG_BUFFER - *len)) > 0) {
		*len += (size_t)n;
		any = true;
	}
	return any;
}

enum reader_kind {
	READER_OF_FIFO,   /* opened by its name */
	READER_OF_PIPE,   /* standard error of a shell or a container */
	READER_OF_SOCKET, /* standard error of a service manager */
	READERS
};

/* Open the log towards a reader; the descriptor that it reads from. */
static int
log_open_to(enum reader_kind kind)
{
	int fds[2];

	time_pass(0);
	if (kind == READER_OF_FIFO) {
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		fds[0] = open(path, O_RDONLY | O_NONBLOCK);
		ck_assert(log_open_at(path));
		return fds[0];
	}
	ck_assert_int_eq(kind == READER_OF_PIPE
		? pipe(fds)
		: socketpair(AF_UNIX, SOCK_STREAM, 0, fds),
	    0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_open_at(NULL));
	return fds[0];
}

/*
 * attacks:I12: the reader stops and goes on.  The server never waits for it
 * (here the test's time limit says so), nor switches standard error to
 * non-blocking.
 */
START_TEST(a_stopped_reader_costs_lines_and_no_time)
{
	int fd = log_open_to((enum reader_kind)_i);
	struct log_counts c;
	size_t len = 0;

	(void)log_until_lost(100);
	text = malloc(2 * LOG_BUFFER);
	ck_assert_ptr_nonnull(text);
	do
		eventlog_flush();
	while (pipe_drain(fd, &len));
	log_starting();
	eventlog_flush();
	(void)pipe_drain(fd, &len);
	lines_cut(len);
	lines_read();
	eventlog_count(&c);
	ck_assert_uint_eq(c.lost, 100);
	ck_assert_uint_eq(line_count, c.written + 1 - c.lost);
	ck_assert_uint_gt(len, LOG_BUFFER - LOG_LINE_MAX);
	loss_is_told(100, NULL);
	eventlog_close();
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* A terminal says that it is writable and yet blocks those who write more. */
START_TEST(a_hung_terminal_costs_no_time)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY), tty = -1, flags;
	char file[1000] = "";

	if (pty != -1 && grantpt(pty) == 0 && unlockpt(pty) == 0)
		tty = open(ptsname(pty), O_RDWR | O_NOCTTY);
	if (tty == -1)
		return; /* no terminals here */
	memset(file, 'x', (size_t)_i * 100);
	ck_assert_int_eq(dup2(tty, STDERR_FILENO), STDERR_FILENO);
	flags = fcntl(STDERR_FILENO, F_GETFL);
	ck_assert(log_open_at(NULL));
	while (counts_now().lost == 0) {
		eventlog_hints_rejected(file, 1);
		eventlog_flush();
	}
	eventlog_close();
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL), flags);
}
END_TEST

/* attacks:I12: EPIPE.  dns.c ignores the signal. */
START_TEST(a_reader_that_is_gone_costs_lines_only)
{
	int fd;

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	log_open(LEVEL_INFO);
	close(fd);
	(void)log_until_lost(1);
	eventlog_close();
	ck_assert_uint_eq(counts_now().lost, counts_now().written);
}
END_TEST

/* An error that cost nothing is not told as the cause of a later loss. */
START_TEST(an_error_that_passed_is_forgotten)
{
	size_t len = 0;
	int fd;

	(void)signal(SIGPIPE, SIG_IGN);
	fd = log_open_to(READER_OF_FIFO);
	close(fd);
	log_starting();
	eventlog_flush();
	fd = open(path, O_RDONLY | O_NONBLOCK);
	time_pass(1000);
	(void)log_until_lost(5);
	text = malloc(2 * LOG_BUFFER);
	ck_assert_ptr_nonnull(text);
	do
		eventlog_flush();
	while (pipe_drain(fd, &len));
	lines_cut(len);
	lines_read();
	loss_is_told(5, NULL);
}
END_TEST

/* attacks:I12: ENOSPC for good.  At the end all that was written is lost. */
START_TEST(a_full_disk_costs_lines_only)
{
	ck_assert(log_open_at("/dev/full"));
	(void)log_until_lost(1);
	ck_assert_uint_eq(counts_now().lost, 1);
	eventlog_close();
	ck_assert_uint_eq(counts_now().lost, counts_now().written);
}
END_TEST

/*
 * attacks:I12: a disk that is full, in the middle of a line, and has room again
 * later. A limit on the size of files stands for it.
 */
START_TEST(a_disk_with_room_again_gets_the_rest)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 10000;
	log_open(LEVEL_INFO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)log_until_lost(33);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	time_pass(1000);
	log_flush_and_read();
	ck_assert_uint_eq(counts_now().lost, 33);
	ck_assert_uint_eq(line_count, counts_now().written + 1 - 33);
	loss_is_told(33, "EFBIG");
}
END_TEST

/* A failing file is asked once a second, not once a turn. */
START_TEST(a_failing_file_is_left_alone_for_a_second)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 0;
	log_open(LEVEL_INFO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	log_starting();
	eventlog_flush();
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	time_pass(999);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 0);
	time_pass(1);
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 1);
	ck_assert_uint_eq(counts_now().lost, 0);
}
END_TEST

/* Faults of a hints file come by the thousand, with no flush between them. */
START_TEST(a_full_buffer_is_written_at_once)
{
	unsigned i;

	log_open(LEVEL_INFO);
	for (i = 0; i < 10000; i++)
		log_hint_token();
	log_flush_and_read();
	ck_assert_uint_eq(line_count, 10000);
	file_agrees_with_counts();
}
END_TEST

START_TEST(standard_error_stays_open)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	ck_assert(log_open_at(NULL));
	log_starting();
	eventlog_close();
	ck_assert_int_ne(fcntl(STDERR_FILENO, F_GETFD), -1);
	log_read();
	ck_assert_uint_eq(line_count, 1);
}
END_TEST

/* ------------------------------------------------------------------------
 * The catalogue, as --events prints it.
 */

/* Fit for any format as it stands. */
static void
text_is_plain(const char *t)
{
	for (; *t != '\0'; t++)
		ck_assert_msg(
		    *t >= ' ' && *t <= '~' && *t != '"' && *t != '\\', "%s", t);
}

START_TEST(rows_are_in_order_and_complete)
{
	unsigned count;
	const struct event *e = eventlog_catalogue(&count) + _i;

	if ((unsigned)_i >= count)
		return;
	ck_assert(_i == 0 || e[-1].id < e->id);
	ck_assert(e->flood == ALWAYS || e->id >= 5050);
	text_is_plain(e->name);
	text_is_plain(e->msg);
	text_is_plain(e->fields);
	text_is_plain(e->meaning);
	text_is_plain(e->remedy);
	ck_assert_uint_gt(strlen(e->name), 0);
	ck_assert_uint_gt(strlen(e->msg), 0);
	ck_assert_int_eq(e->meaning[strlen(e->meaning) - 1], '.');
	ck_assert_int_eq(e->remedy[strlen(e->remedy) - 1], '.');
}
END_TEST

/* And no other field: each line read is held against the catalogue. */
START_TEST(every_field_of_the_catalogue_is_written)
{
	unsigned count, row, key_count;
	const struct event *e = eventlog_catalogue(&count);
	struct rlimit limit;
	uint32_t i;

	log_open(LEVEL_DEBUG);
	for (i = 0; i < EVENTS; i++) {
		addr = address_of("0.0.0.0");
		events[i].log();
	}
	for (i = 0; i < 2 * LOG_GATE_LINES; i++)
		log_new_subject(2, i);
	for (i = 0; i < 2; i++) {
		time_pass(WINDOW_MS);
		eventlog_flush();
	}
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 1;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)log_until_lost(1);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	time_pass(1000);
	eventlog_flush();
	ck_assert_int_eq(rename(path, old_path(0)), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	eventlog_look();
	ck_assert_int_eq(rmdir(path), 0);
	eventlog_look();
	log_read_from(old_path(0));
	log_flush_and_read();
	ck_assert_int_eq(unlink(old_path(0)), 0);
	for (row = 0; row < count; row++, e++) {
		key_count = e->fields[0] != '\0';
		for (i = 0; e->fields[i] != '\0'; i++)
			key_count += e->fields[i] == ' ';
		for (i = 0; i < key_count; i++)
			ck_assert_msg(seen[row][i], "%u lacks field %u of %s",
			    e->id, i + 1, e->fields);
	}
}
END_TEST

static void
add_lines(TCase *c)
{
	tcase_add_loop_test(c, each_event_has_its_line, 0, EVENTS);
	tcase_add_loop_test(c, each_step_is_told_in_words, 0, TELLINGS);
	tcase_add_loop_test(
	    c, no_line_of_a_trace_has_more_than_80_columns, 0, EVENTS);
	tcase_add_test(c, a_long_name_is_broken_and_whole);
	tcase_add_test(c, colours_are_about_the_words_alone);
	tcase_add_test(c, a_record_of_the_answer_is_told_whole);
	tcase_add_loop_test(c, events_below_the_level_are_not_counted,
	    LEVEL_ERROR, LEVEL_DEBUG + 1);
	tcase_add_loop_test(c, json_tells_what_logfmt_tells, 0, EVENTS);
	tcase_add_test(c, a_json_line_is_an_object);
	tcase_add_loop_test(c, answers_are_told_at_any_level_to_who_wants_them,
	    2 * LEVEL_ERROR, 2 * (LEVEL_DEBUG + 1));
	tcase_add_loop_test(c, only_limited_events_fold, 0, EVENTS);
}

static void
add_values(TCase *c)
{
	tcase_add_test(c, remote_names_cannot_leave_their_value);
	tcase_add_test(c, a_token_cannot_leave_its_value);
	tcase_add_loop_test(c, no_octets_leave_their_value, 0, 20);
	tcase_add_loop_test(c, only_plain_values_are_bare, 0, 9);
	tcase_add_loop_test(c, worst_names_keep_the_short_fields, 0, 12);
	tcase_add_loop_test(c, worst_tallies_are_told_whole, 0, 2);
	tcase_add_loop_test(c, a_long_token_is_cut, 0, 4);
	tcase_add_loop_test(c, no_length_oversteps_the_line, 0, 2);
	tcase_add_loop_test(c, no_word_oversteps_the_line, 0, 2);
	tcase_add_test(c, a_path_too_long_is_left_out);
	tcase_add_loop_test(c, long_lists_say_how_much_is_missing, 0, 2);
}

static void
add_folds(TCase *c)
{
	tcase_add_test(c, repeats_fold_until_the_window_ends);
	tcase_add_test(c, a_window_ends_before_the_next_event);
	tcase_add_test(c, a_fold_without_repeats_ends_silently);
	tcase_add_test(c, the_next_window_to_end_is_told);
	tcase_add_test(c, names_fold_in_any_case);
	tcase_add_test(c, other_subjects_do_not_fold);
	tcase_add_test(c, failures_to_send_fold_by_cause_and_family);
	tcase_add_test(c, the_address_goes_before_the_peer);
	tcase_add_test(c, failed_answers_fold_by_zone);
	tcase_add_test(c, limits_fold_by_zone_and_limit);
	tcase_add_test(c, close_writes_open_folds);
	tcase_add_test(c, the_oldest_fold_makes_room);
}

static void
add_gates(TCase *c)
{
	tcase_add_test(c, a_storm_of_one_id_is_told_in_numbers);
	tcase_add_test(c, a_new_storm_is_a_new_episode);
	tcase_add_test(c, within_the_limit_there_is_no_mark);
	tcase_add_loop_test(c, statistics_of_any_size_make_a_whole_line, 0, 2);
	tcase_add_test(c, a_storm_silences_no_other_id);
	tcase_add_test(c, a_storm_of_errors_is_marked_at_level_error);
	tcase_add_loop_test(c, nothing_is_lost_in_a_random_storm, 0, 2);
}

static void
add_files(TCase *c)
{
	tcase_add_test(c, the_log_is_appended_to);
	tcase_add_test(c, a_log_that_cannot_be_opened_says_why);
	tcase_add_loop_test(c, a_renamed_log_is_opened_anew, 0, 3);
	tcase_add_test(c, a_log_that_is_emptied_goes_on_from_its_start);
	tcase_add_test(c, a_log_that_cannot_be_opened_anew_is_told_once);
	tcase_add_test(c, the_new_log_does_not_begin_in_a_line);
	tcase_add_test(c, standard_error_is_not_opened_anew);
	tcase_add_loop_test(c, a_thousand_rotations_lose_nothing, 0, 2);
	tcase_add_test(c, close_gives_the_descriptor_back);
	tcase_add_test(c, without_a_log_events_go_nowhere);
	tcase_add_test_raise_signal(c, it_is_opened_once, SIGABRT);
	tcase_add_loop_test(
	    c, a_stopped_reader_costs_lines_and_no_time, 0, READERS);
	tcase_add_loop_test(c, a_hung_terminal_costs_no_time, 1, 10);
	tcase_add_test(c, a_reader_that_is_gone_costs_lines_only);
	tcase_add_test(c, an_error_that_passed_is_forgotten);
	tcase_add_test(c, a_full_disk_costs_lines_only);
	tcase_add_test(c, a_disk_with_room_again_gets_the_rest);
	tcase_add_test(c, a_failing_file_is_left_alone_for_a_second);
	tcase_add_test(c, a_full_buffer_is_written_at_once);
	tcase_add_test(c, standard_error_stays_open);
}

static void
add_catalogue(TCase *c)
{
	tcase_add_loop_test(c, rows_are_in_order_and_complete, 0, ROWS);
	tcase_add_test(c, every_field_of_the_catalogue_is_written);
}

int
main(void)
{
	static const struct {
		const char *what;
		void (*add)(TCase *);
	} cases[] = {
	    {"lines", add_lines},
	    {"values", add_values},
	    {"folds", add_folds},
	    {"gates", add_gates},
	    {"files", add_files},
	    {"catalogue", add_catalogue},
	};
	Suite *suite = suite_create("eventlog");
	SRunner *runner;
	size_t i;
	int failed;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		TCase *c = tcase_create(cases[i].what);

		tcase_add_checked_fixture(c, setup, teardown);
		tcase_set_timeout(c, 60);
		cases[i].add(c);
		suite_add_tcase(suite, c);
	}
	runner = srunner_create(suite);
	scratch_open();
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	scratch_close();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
