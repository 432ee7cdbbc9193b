/*
 * Z10: lines of the event log.  Whatever names, words and texts come from
 * outside, an event is one line of printable ASCII, no longer than a line may
 * be, whose quotes are closed where they were opened.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	EVENTS_PER_INPUT = 64,
	WORD_MAX = 256
};

static int file = -1;

static void
begin(bool json)
{
	static const uint8_t key[16] = {1};
	static char path[64];
	struct log_options o = {
	    .path = path, .least = LEVEL_DEBUG, .queries = true};

	o.format = json ? FORMAT_JSON : FORMAT_LOGFMT;
	if (file < 0)
		file = memfd_create("log", 0);
	assert(file >= 0 && ftruncate(file, 0) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	eventlog_time(1000, 1000);
	assert(eventlog_open(&o, key));
}

/* Any octets at all in its labels. */
static void
name_make(struct input *in, struct name *name)
{
	uint8_t label[LABEL_LEN_MAX];
	size_t n;

	name->len = 0;
	while ((n = input_octets(in, label, sizeof(label))) > 0 &&
	    name->len + n + 2 <= NAME_LEN_MAX) {
		name->wire[name->len] = (uint8_t)n;
		memcpy(name->wire + name->len + 1, label, n);
		name->len = (uint8_t)(name->len + 1 + n);
	}
	name->wire[name->len++] = 0;
}

static const char *
word_make(struct input *in, char word[WORD_MAX])
{
	word[input_octets(in, (uint8_t *)word, WORD_MAX - 1)] = '\0';
	return word;
}

/* All that an event can be about. */
static struct {
	char a[WORD_MAX], b[WORD_MAX];
	struct name zone, ns, qname;
	struct address at;
	struct incident incident;
	struct client_question question;
	struct tally tally;
	struct hint_fault fault;
	struct reason why;
} e;

static void
event_make(struct input *in)
{
	e.at = (struct address){6, {0x20, 1}, DNS_PORT};
	e.incident = (struct incident){.q = input_u8(in),
	    .zone = &e.zone,
	    .ns = &e.ns,
	    .qname = &e.qname,
	    .qtype = input_u16(in),
	    .addr = &e.at,
	    .peer = &e.at,
	    .transport = "udp"};
	e.question = (struct client_question){.q = 1,
	    .client = &e.at,
	    .transport = "tcp",
	    .qname = &e.qname,
	    .qtype = e.incident.qtype};
	e.tally = (struct tally){.limit = e.b, .ms = 5, .servers = 3};
	e.fault = (struct hint_fault){.error = input_u8(in) % HINT_DUPLICATE,
	    .file = e.a,
	    .line = 3,
	    .column = 9,
	    .token = e.b,
	    .ns = &e.ns,
	    .addr = e.at,
	    .class = "private"};
	e.why = (struct reason){.ede = EDE_OTHER};
	name_make(in, &e.zone);
	name_make(in, &e.ns);
	name_make(in, &e.qname);
	word_make(in, e.a);
	word_make(in, e.b);
	e.at.ip[15] = input_u8(in);
	e.fault.token_len = strlen(e.b);
	memcpy(e.why.text, e.a, strnlen(e.a, EDE_TEXT_MAX));
}

static void
event_tell(struct input *in)
{
	switch (input_u8(in) % 16) {
	case 0:
		eventlog_starting(e.a);
		break;
	case 1:
		eventlog_shutdown(e.a, 1, 2);
		break;
	case 2:
		eventlog_hints_loaded(e.a, 1, 2, true);
		break;
	case 3:
		eventlog_hints_missing(e.a, input_u8(in));
		break;
	case 4:
		eventlog_hint_fault(&e.fault);
		break;
	case 5:
		eventlog_hints_rejected(e.a, 7);
		break;
	case 6:
		eventlog_server_refused(&e.incident, e.a);
		break;
	case 7:
		eventlog_send_failed(&e.incident, input_u8(in), e.a);
		break;
	case 8:
		eventlog_lame_server(&e.incident, e.a);
		break;
	case 9:
		eventlog_answer_failed(&e.incident, &e.why, &e.tally);
		break;
	case 10:
		eventlog_limit_reached(&e.incident, &e.tally);
		break;
	case 11:
		eventlog_query(&e.question, RCODE_NXDOMAIN, e.a, 5, 100);
		break;
	case 12:
		eventlog_question(&e.question);
		break;
	case 13:
		eventlog_reply(&e.incident, e.a, e.b, &e.zone, 1, 2);
		break;
	case 14:
		eventlog_roots_unreachable(4, e.a);
		break;
	default:
		eventlog_self_send(&e.incident);
	}
}

/* In quotes a backslash takes the next octet along. */
static const char *
quoted_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	assert(at < end);
	return at + 1;
}

/* key=value key="value", with one blank between. */
static void
check_logfmt(const char *at, const char *end)
{
	while (at < end) {
		const char *key = at;

		while (at < end && ((*at >= 'a' && *at <= 'z') || *at == '_'))
			at++;
		assert(at > key && at < end && *at++ == '=');
		if (at < end && *at == '"')
			at = quoted_end(at, end);
		else
			while (at < end && *at != ' ')
				assert(*at != '"' && *at++ != '=');
		assert(at == end || (*at++ == ' ' && at < end));
	}
}

/* Outside of quotes nothing but what JSON has between them. */
static void
check_json(const char *at, const char *end)
{
	assert(*at == '{' && end[-1] == '}');
	while (at < end)
		if (*at == '"')
			at = quoted_end(at, end);
		else
			assert(strchr("{}[]:,0123456789", *at++) != NULL);
}

static void
check_lines(const char *text, size_t len, bool json)
{
	const char *at = text, *end;

	while (at < text + len) {
		const char *c;

		end = memchr(at, '\n', len - (size_t)(at - text));
		assert(end != NULL && end - at < LOG_LINE_MAX);
		for (c = at; c < end; c++)
			assert(*c >= ' ' && *c <= '~');
		if (json)
			check_json(at, end);
		else
			check_logfmt(at, end);
		at = end + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static char text[1 << 20];
	struct input in = {octets, len};
	bool json = input_u8(&in) & 1;
	struct log_counts n;
	unsigned i;
	ssize_t got;

	begin(json);
	for (i = 0; i < EVENTS_PER_INPUT && in.left > 0; i++) {
		event_make(&in);
		event_tell(&in);
	}
	eventlog_close();
	eventlog_count(&n);
	assert(n.written + n.folded + n.gated == n.counted && n.lost == 0);
	got = pread(file, text, sizeof(text), 0);
	assert(got >= 0 && (size_t)got < sizeof(text));
	check_lines(text, (size_t)got, json);
	return 0;
}
