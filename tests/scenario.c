/*
 * scenario.c -- a scenario file becomes a list of steps.
 *
 * The file is read line by line: a line that begins in column 1 says a thing,
 * the indented lines after it say more about it.  Each word that can begin a
 * line has a row in a table and a function that reads the rest.  Whatever is
 * not understood is refused, with file and line: a test with a slip of the pen
 * must not pass.  Nothing here runs a step.
 */
#include "parser.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	HINTS_MAX = 1 << 20
};

static const struct name root = {1, {0}};

static bool parse_file(struct parser *, FILE *);

struct scenario *
scenario_read(const char *path, struct fault *fault)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct parser *p = calloc(1, sizeof(*p));
	FILE *file = fopen(path, "r");
	bool good = false;

	fault->text[0] = '\0';
	if (s == NULL || p == NULL || file == NULL) {
		snprintf(fault->text, sizeof(fault->text), "%s: %s\n", path,
		    strerror(errno));
	} else {
		s->path = path;
		p->scenario = s;
		p->fault = fault;
		good = parse_file(p, file);
	}
	if (file != NULL)
		fclose(file);
	free(p);
	if (!good) {
		scenario_free(s);
		return NULL;
	}
	return s;
}

void
fault_at(struct fault *fault, const struct scenario *s, const struct step *step,
    const char *format, ...)
{
	va_list args;
	int n;

	if (fault->text[0] != '\0')
		return;
	n = snprintf(fault->text, sizeof(fault->text), "%s:%u: ", s->path,
	    step == NULL ? 0 : step->line);
	va_start(args, format);
	vsnprintf(
	    fault->text + n, sizeof(fault->text) - (size_t)n, format, args);
	va_end(args);
}

static struct step *
step_add(struct parser *p, enum step_kind kind)
{
	struct step *step = scenario_alloc(p->scenario, sizeof(*step));

	step->kind = kind;
	step->line = p->line;
	if (p->scenario->last == NULL)
		p->scenario->steps = step;
	else
		p->scenario->last->next = step;
	p->scenario->last = step;
	return step;
}

/* ---------------------------------------------------------------------------
 * Name servers: zone, server, reply.
 */

/* Every zone has an SOA; RFC 2308 5 needs its minimum. */
static void
zone_add_soa(struct parser *p, struct zone *zone)
{
	static uint8_t octets[2 * NAME_LEN_MAX + 20];
	static const uint32_t numbers[] = {1, 7200, 900, 1209600, 300};
	struct rr *rr = scenario_alloc(p->scenario, sizeof(*rr));
	struct writer w;
	struct name name;
	uint8_t *copy;
	unsigned i;

	writer_init(&w, octets, sizeof(octets));
	name_from_text("ns", 2, &zone->name, &name);
	write_bytes(&w, name.wire, name.len);
	name_from_text("hostmaster", 10, &zone->name, &name);
	write_bytes(&w, name.wire, name.len);
	for (i = 0; i < 5; i++)
		write_u32(&w, numbers[i]);
	copy = scenario_alloc(p->scenario, w.len);
	memcpy(copy, octets, w.len);
	*rr = (struct rr){zone->records.first, zone->name, TYPE_SOA, CLASS_IN,
	    TTL_DEFAULT_S, TTL_DEFAULT_S, (uint16_t)w.len, copy};
	zone->records.first = rr;
	if (zone->records.last == NULL)
		zone->records.last = rr;
}

static bool
zone_line(struct parser *p)
{
	struct zone *zone = &p->scenario->last->zone;

	if (word_given(p, "$GENERATE")
		? !parse_generate(p, &zone->name, &zone->records)
		: !parse_record(p, &zone->name, &zone->records))
		return false;
	return name_within(&zone->records.last->owner, &zone->name) ||
	    complain(p, "this name is not in the zone");
}

/* zone NAME on ADDRESS... */
static bool
zone_parse(struct parser *p)
{
	struct zone *zone = &step_add(p, STEP_ZONE)->zone;

	if (!parse_name(p, word_take(p), &root, &zone->name))
		return false;
	if (!word_given(p, "on"))
		return complain(p, "say: zone NAME on ADDRESS...");
	p->block_line = zone_line;
	return parse_addresses(p, zone->servers, &zone->server_count);
}

/* for NAME [TYPE], or under NAME [TYPE] */
static bool
narrow_read(struct parser *p, struct rule *rule)
{
	rule->below = word_given(p, "under");
	rule->narrowed = rule->below || word_given(p, "for");
	if (!rule->narrowed)
		return true;
	if (!parse_name(p, word_take(p), &root, &rule->name))
		return false;
	if (words_left(p) && type_from_text(word_peek(p), &rule->type))
		p->at++;
	return true;
}

static const struct choice rcodes[] = {{"NOERROR", 0}, {"FORMERR", 1},
    {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4}, {"REFUSED", 5},
    {"YXDOMAIN", 6}, {"YXRRSET", 7}, {"NXRRSET", 8}, {"NOTAUTH", 9},
    {"NOTZONE", 10}, {"BADVERS", 16}, {"BADCOOKIE", 23}, {NULL, 0}};

/* [udp|tcp] */
static enum transport
transport_read(struct parser *p)
{
	if (word_given(p, "udp"))
		return TRANSPORT_UDP;
	return word_given(p, "tcp") ? TRANSPORT_TCP : TRANSPORT_ANY;
}

static const struct choice conducts[] = {{"well", CONDUCT_WELL},
    {"silent", CONDUCT_SILENT}, {"drop", CONDUCT_DROP},
    {"unreachable", CONDUCT_UNREACHABLE}, {"delay", CONDUCT_DELAY},
    {"noedns", CONDUCT_NO_EDNS}, {"edns-silent", CONDUCT_NO_EDNS_SILENT},
    {"cookies", CONDUCT_COOKIES}, {"badcookie", CONDUCT_BAD_COOKIE},
    {"cookie-formerr", CONDUCT_COOKIE_ERROR},
    {"cookie-silent", CONDUCT_COOKIE_SILENT}, {"rcode", CONDUCT_RCODE},
    {"refused", CONDUCT_RCODE}, {"recursive", CONDUCT_RECURSIVE},
    {"lame", CONDUCT_LAME}, {"noaa", CONDUCT_NO_AA}, {"tc", CONDUCT_TRUNCATED},
    {"forge", CONDUCT_FORGE}, {"twice", CONDUCT_TWICE},
    {"whole", CONDUCT_WHOLE}, {"mute", CONDUCT_MUTE}, {"close", CONDUCT_CLOSE},
    {"reset", CONDUCT_RESET}, {"single", CONDUCT_SINGLE},
    {"half", CONDUCT_HALF}, {"dribble", CONDUCT_DRIBBLE},
    {"idle", CONDUCT_IDLE}, {"sips", CONDUCT_SIPS}, {"loops", CONDUCT_LOOPS},
    {"bits", CONDUCT_BITS}, {"octets", CONDUCT_OCTETS},
    {"wrong-id", CONDUCT_SPOIL}, {"wrong-question", CONDUCT_SPOIL},
    {"wrong-case", CONDUCT_SPOIL}, {"lower-case", CONDUCT_SPOIL},
    {"upper-case", CONDUCT_SPOIL}, {"wrong-cookie", CONDUCT_SPOIL},
    {"no-response-bit", CONDUCT_SPOIL}, {"garbage", CONDUCT_SPOIL},
    {"short", CONDUCT_SPOIL}, {"wrong-source", CONDUCT_SPOIL},
    {"wrong-port", CONDUCT_SPOIL}, {"trailer", CONDUCT_SPOIL},
    {"cut", CONDUCT_SPOIL}, {NULL, 0}};

static const struct choice spoils[] = {{"wrong-id", SPOIL_ID},
    {"wrong-question", SPOIL_QUESTION}, {"wrong-case", SPOIL_CASE},
    {"lower-case", SPOIL_LOWER}, {"upper-case", SPOIL_UPPER},
    {"wrong-cookie", SPOIL_COOKIE}, {"no-response-bit", SPOIL_QUERY},
    {"garbage", SPOIL_GARBAGE}, {"short", SPOIL_SHORT},
    {"wrong-source", SPOIL_SOURCE}, {"wrong-port", SPOIL_PORT},
    {"trailer", SPOIL_TRAILER}, {"cut", SPOIL_CUT}, {NULL, 0}};

/* loops to ADDRESS [wrong-id|wrong-case|copied] */
static bool
loops_read(struct parser *p, struct rule *rule)
{
	if (!word_given(p, "to"))
		return complain(p, "say: loops to ADDRESS");
	if (!parse_address(p, &rule->loops_to))
		return false;
	if (word_given(p, "wrong-id"))
		rule->spoil = SPOIL_ID;
	else if (word_given(p, "wrong-case"))
		rule->spoil = SPOIL_CASE;
	else
		rule->copied = word_given(p, "copied");
	return true;
}

static bool
conduct_read(struct parser *p, struct rule *rule)
{
	const char *word = word_peek(p);
	unsigned value = 0;
	int64_t ms;

	if (!parse_choice(p, conducts, &value))
		return false;
	rule->conduct = (enum conduct)value;
	switch (rule->conduct) {
	case CONDUCT_DROP:
		return word_given(p, "first")
		    ? parse_number(p, 65535, &rule->number)
		    : complain(p, "say: drop first N");
	case CONDUCT_SIPS:
		return parse_number(p, 65535, &rule->number) &&
		    (rule->number > 0 || complain(p, "say: sips N"));
	case CONDUCT_OCTETS:
		return parse_number(p, 255, &rule->number);
	case CONDUCT_NO_EDNS:
		rule->number = RCODE_FORMERR;
		return word_peek(p)[0] == '\0' ||
		    parse_choice(p, rcodes, &rule->number);
	case CONDUCT_COOKIES:
		return parse_number(p, 255, &rule->number);
	case CONDUCT_DELAY:
	case CONDUCT_DRIBBLE:
	case CONDUCT_IDLE:
		if (!parse_duration(p, false, &ms))
			return false;
		rule->number = (unsigned)ms;
		return true;
	case CONDUCT_LOOPS:
		return loops_read(p, rule);
	case CONDUCT_RCODE:
		rule->number = RCODE_REFUSED;
		return strcmp(word, "refused") == 0 ||
		    parse_choice(p, rcodes, &rule->number);
	case CONDUCT_SPOIL:
	case CONDUCT_FORGE:
		p->at -= rule->conduct == CONDUCT_SPOIL;
		if (!parse_choice(p, spoils, &value))
			return false;
		rule->spoil = (enum spoil)value;
		return true;
	default:
		return true;
	}
}

/* The one transport over which a server can behave like this, if not both. */
static enum transport
conduct_transport(const struct rule *rule)
{
	switch (rule->conduct) {
	case CONDUCT_DROP: /* over TCP it would come again */
	case CONDUCT_FORGE:
	case CONDUCT_WRITTEN_FORGE:
	case CONDUCT_LOOPS:
		return TRANSPORT_UDP;
	case CONDUCT_CLOSE:
	case CONDUCT_RESET:
	case CONDUCT_SINGLE:
	case CONDUCT_HALF:
	case CONDUCT_DRIBBLE:
	case CONDUCT_IDLE:
	case CONDUCT_SIPS:
		return TRANSPORT_TCP;
	case CONDUCT_SPOIL:
		return rule->spoil == SPOIL_SOURCE || rule->spoil == SPOIL_PORT
		    ? TRANSPORT_UDP
		    : TRANSPORT_ANY;
	default:
		return TRANSPORT_ANY;
	}
}

static bool
conduct_check(struct parser *p, struct rule *rule)
{
	enum transport only = conduct_transport(rule);

	if ((rule->conduct == CONDUCT_IDLE || rule->conduct == CONDUCT_SIPS) &&
	    rule->narrowed)
		return complain(p, "a connection knows of no name");
	if (rule->transport == TRANSPORT_ANY)
		rule->transport =
		    rule->conduct == CONDUCT_TRUNCATED ? TRANSPORT_UDP : only;
	return only == TRANSPORT_ANY || rule->transport == only ||
	    complain(p, "this is not done over %s",
		only == TRANSPORT_UDP ? "TCP" : "UDP");
}

/* server SERVER... [for NAME [TYPE]] [udp|tcp] CONDUCT */
static bool
server_parse(struct parser *p)
{
	struct rule *rule = &step_add(p, STEP_RULE)->rule;

	if (!parse_servers(p, rule->servers, &rule->server_count) ||
	    !narrow_read(p, rule))
		return false;
	rule->transport = transport_read(p);
	return conduct_read(p, rule) && conduct_check(p, rule);
}

static bool
question_read(struct parser *p, struct questions **list)
{
	struct questions *q = scenario_alloc(p->scenario, sizeof(*q));

	if (!parse_name(p, word_take(p), &root, &q->question.name) ||
	    !parse_type(p, &q->question.type))
		return false;
	q->question.class = CLASS_IN;
	if (class_from_text(word_peek(p), &q->question.class))
		p->at++;
	while (*list != NULL)
		list = &(*list)->next;
	*list = q;
	return true;
}

static bool
section_choose(const char *word, enum section *section)
{
	static const char *const names[SECTIONS] = {
	    "answer", "authority", "additional"};
	unsigned i;

	for (i = 0; i < SECTIONS; i++)
		if (strcmp(names[i], word) == 0) {
			*section = (enum section)i;
			return true;
		}
	return false;
}

static bool
reply_flags(struct parser *p, struct script *script)
{
	script->authoritative = script->recursion_available = false;
	while (words_left(p))
		if (word_given(p, "aa"))
			script->authoritative = true;
		else if (word_given(p, "tc"))
			script->truncated = true;
		else if (word_given(p, "ra"))
			script->recursion_available = true;
		else if (word_given(p, "ad"))
			script->authentic = true;
		else
			return complain(p, "`%s' is no flag", word_take(p));
	return true;
}

static bool
reply_line(struct parser *p)
{
	struct script *script = &p->scenario->last->rule.script;
	const char *word = word_take(p);
	enum section section;

	if (strcmp(word, "rcode") == 0)
		return parse_choice(p, rcodes, &script->rcode);
	if (strcmp(word, "flags") == 0)
		return reply_flags(p, script);
	if (strcmp(word, "question") == 0)
		return question_read(p, &script->questions);
	if (strcmp(word, "noedns") == 0)
		return script->no_edns = true;
	if (strcmp(word, "raw") == 0)
		return (script->raw = parse_octets(p, &script->raw_len)) !=
		    NULL;
	if (!section_choose(word, &section))
		return complain(p, "`%s' is no part of a reply", word);
	return word_given(p, "$GENERATE")
	    ? parse_generate(p, &root, &script->sections[section])
	    : parse_record(p, &root, &script->sections[section]);
}

/* reply SERVER... [for NAME [TYPE]] [udp|tcp], and the reply in lines below */
static bool
reply_parse(struct parser *p)
{
	struct rule *rule = &step_add(p, STEP_RULE)->rule;

	rule->conduct = CONDUCT_SCRIPT;
	rule->script.authoritative = true;
	p->block_line = reply_line;
	if (!parse_servers(p, rule->servers, &rule->server_count) ||
	    !narrow_read(p, rule))
		return false;
	rule->transport = transport_read(p);
	return true;
}

static bool
forge_line(struct parser *p)
{
	int64_t ms;

	if (!word_given(p, "delay"))
		return reply_line(p);
	if (!parse_duration(p, false, &ms))
		return false;
	p->scenario->last->rule.number = (unsigned)ms;
	return true;
}

/* forge SERVER... [for NAME [TYPE]] [SPOIL], and what comes in lines below */
static bool
forge_parse(struct parser *p)
{
	struct rule *rule;
	unsigned value = SPOIL_NONE;

	if (!reply_parse(p))
		return false;
	rule = &p->scenario->last->rule;
	if (words_left(p) && !parse_choice(p, spoils, &value))
		return false;
	rule->conduct = CONDUCT_WRITTEN_FORGE;
	rule->spoil = (enum spoil)value;
	p->block_line = forge_line;
	return conduct_check(p, rule);
}

/* ---------------------------------------------------------------------------
 * Clients over TCP: connect, send, shut, close, reset, stall, read.
 */

/* What the name stands for: a connect, or one of those it opens by number. */
static bool
connections_find(
    const struct scenario *s, const char *name, struct connections *found)
{
	const struct step *step;
	size_t len;
	unsigned n;
	int used;

	for (step = s->steps; step != NULL; step = step->next) {
		if (step->kind != STEP_CONNECT || step->connect.name == NULL)
			continue;
		*found = (struct connections){step, 1, step->connect.times};
		if (strcmp(step->connect.name, name) == 0)
			return true;
		len = strlen(step->connect.name);
		if (step->connect.times == 1 ||
		    strncmp(name, step->connect.name, len) != 0 ||
		    sscanf(name + len, "%5u%n", &n, &used) != 1 ||
		    name[len + (size_t)used] != '\0' || n < 1 ||
		    n > step->connect.times)
			continue;
		found->first = found->last = n;
		return true;
	}
	return false;
}

static bool
connections_read(struct parser *p, struct connections *found)
{
	const char *name = word_take(p);

	return connections_find(p->scenario, name, found) ||
	    complain(p, "`%s' is no connection", name);
}

/* A name of its own for each of them, that nothing else stands for. */
static bool
connect_name(struct parser *p, const struct connect *c)
{
	struct connections other;
	char name[64];
	unsigned n;

	if (strlen(c->name) > 32 || *c->name < 'a' || *c->name > 'z')
		return complain(p, "`%s' is no name", c->name);
	if (connections_find(p->scenario, c->name, &other))
		return complain(p, "`%s' is a connection already", c->name);
	for (n = 1; n <= c->times && c->times > 1; n++) {
		snprintf(name, sizeof(name), "%s%u", c->name, n);
		if (connections_find(p->scenario, name, &other))
			return complain(p, "`%s' is one already", name);
	}
	return true;
}

static bool
connect_flag(struct parser *p, struct connect *c)
{
	int64_t ms;

	if (word_given(p, "from"))
		return parse_address(p, &c->from);
	if (word_given(p, "to"))
		return parse_address(p, &c->to);
	if (word_given(p, "times"))
		return parse_number(p, 20000, &c->times);
	if (word_given(p, "segments"))
		return parse_number(p, 65535, &c->segment_len);
	if (word_given(p, "window"))
		return parse_number(p, 1 << 24, &c->window);
	if (!word_given(p, "every"))
		return complain(p, "`%s' is not known here", word_take(p));
	if (!parse_duration(p, false, &ms))
		return false;
	c->segment_ms = (unsigned)ms;
	return true;
}

/* connect NAME [from A] [to A] [times N] [segments N] [every TIME] [window N]
 */
static bool
connect_parse(struct parser *p)
{
	struct connect c = {.times = 1,
	    .segment_ms = 1,
	    .window = WINDOW_DEFAULT,
	    .name = word_take(p)};

	while (words_left(p))
		if (!connect_flag(p, &c))
			return false;
	if (c.times == 0 || c.window == 0)
		return complain(p, "this is nothing");
	if (!connect_name(p, &c))
		return false;
	step_add(p, STEP_CONNECT)->connect = c;
	return true;
}

/* send NAME HEX... [times N] */
static bool
send_parse(struct parser *p)
{
	struct step *step = step_add(p, STEP_SEND);

	step->send.times = 1;
	if (!connections_read(p, &step->send.on))
		return false;
	step->send.octets = parse_octets(p, &step->send.len);
	if (step->send.octets == NULL)
		return false;
	return !word_given(p, "times") ||
	    parse_number(p, 65535, &step->send.times);
}

static bool
shut_parse(struct parser *p)
{
	return connections_read(p, &step_add(p, STEP_SHUT)->connections);
}

static bool
close_parse(struct parser *p)
{
	return connections_read(p, &step_add(p, STEP_CLOSE)->connections);
}

static bool
reset_parse(struct parser *p)
{
	return connections_read(p, &step_add(p, STEP_RESET)->connections);
}

static bool
stall_parse(struct parser *p)
{
	return connections_read(p, &step_add(p, STEP_STALL)->connections);
}

static bool
read_parse(struct parser *p)
{
	return connections_read(p, &step_add(p, STEP_READ)->connections);
}

/* ---------------------------------------------------------------------------
 * Clients: ask, expect.
 */
static bool
ask_line(struct parser *p)
{
	struct ask *ask = &p->scenario->last->ask;
	const char *word = word_take(p);
	enum section section;

	ask->has_extras = true;
	if (strcmp(word, "question") == 0)
		return question_read(p, &ask->questions);
	if (!section_choose(word, &section))
		return complain(p, "`%s' is no part of a query", word);
	return parse_record(p, &root, &ask->sections[section]);
}

/* option CODE HEX */
static bool
ask_option(struct parser *p, struct ask *ask)
{
	const uint8_t *octets;
	struct writer w;
	unsigned code;
	size_t len;

	if (!parse_number(p, 65535, &code) ||
	    (octets = parse_octets(p, &len)) == NULL)
		return false;
	writer_init(&w, ask->options, sizeof(ask->options));
	w.len = ask->options_len;
	write_u16(&w, (uint16_t)code);
	write_u16(&w, (uint16_t)len);
	write_bytes(&w, octets, len);
	ask->options_len = w.len;
	return !w.failed || complain(p, "too many options");
}

static bool
ask_edns_flag(struct parser *p, struct ask *ask)
{
	unsigned n;

	if (word_given(p, "do")) {
		ask->edns.dnssec_ok = true;
	} else if (word_given(p, "noedns")) {
		ask->edns.present = false;
	} else if (word_given(p, "bufsize")) {
		if (!parse_number(p, 65535, &n))
			return false;
		ask->edns.udp_max = (uint16_t)n;
	} else if (word_given(p, "edns")) {
		if (!parse_number(p, 255, &n))
			return false;
		ask->edns.version = (uint8_t)n;
	} else if (word_given(p, "ednsflags")) {
		if (!parse_number(p, 65535, &n))
			return false;
		ask->edns_flags = (uint16_t)n;
	} else if (word_given(p, "option")) {
		return ask_option(p, ask);
	} else {
		return complain(p, "`%s' is no flag of ask", word_take(p));
	}
	return true;
}

static bool
ask_header_flag(struct parser *p, struct ask *ask)
{
	unsigned n;

	if (word_given(p, "norec")) {
		ask->recursion_desired = false;
	} else if (word_given(p, "cd")) {
		ask->checking_disabled = true;
	} else if (word_given(p, "ad")) {
		ask->authentic = true;
	} else if (word_given(p, "id")) {
		if (!parse_number(p, 65535, &n))
			return false;
		ask->id = (int)n;
	} else if (word_given(p, "opcode")) {
		if (!parse_number(p, 15, &n))
			return false;
		ask->opcode = (uint8_t)n;
	} else if (word_given(p, "class")) {
		const char *word = word_take(p);

		return class_from_text(word, &ask->class) ||
		    complain(p, "`%s' is no class", word);
	} else {
		return ask_edns_flag(p, ask);
	}
	return true;
}

static bool
ask_flag(struct parser *p, struct ask *ask)
{
	if (word_given(p, "from"))
		return parse_address(p, &ask->from);
	if (word_given(p, "to"))
		return parse_address(p, &ask->to);
	if (word_given(p, "tcp"))
		return ask->tcp = true;
	if (word_given(p, "cookie"))
		return ask->cookie = true;
	if (word_given(p, "on"))
		return connections_read(p, &ask->on);
	if (word_given(p, "times"))
		return parse_number(p, 65535, &ask->times);
	if (word_given(p, "repeat")) {
		ask->in_turn = true;
		return parse_number(p, 65535, &ask->times);
	}
	if (word_given(p, "every"))
		return parse_duration(p, false, &ask->every_ms);
	if (word_given(p, "&")) {
		ask->waits = false;
		return true;
	}
	return ask_header_flag(p, ask);
}

/*
 * ask NAME TYPE [FLAG...], ask raw HEX: the octets after the ID, or ask bare
 * HEX: all octets.
 */
static bool
ask_parse(struct parser *p)
{
	struct ask *ask = &step_add(p, STEP_ASK)->ask;

	ask->edns = (struct edns){.present = true, .udp_max = UDP_EDNS_MAX};
	ask->class = CLASS_IN;
	ask->recursion_desired = ask->waits = true;
	ask->times = 1;
	ask->id = -1;
	p->unjudged++;
	ask->bare = word_given(p, "bare");
	if (ask->bare || word_given(p, "raw")) {
		ask->raw = parse_octets(p, &ask->raw_len);
		if (ask->raw == NULL)
			return false;
	} else {
		ask->name = word_take(p);
		if (!parse_type(p, &ask->type))
			return false;
	}
	while (words_left(p))
		if (!ask_flag(p, ask))
			return false;
	if (ask->in_turn && !ask->waits)
		return complain(p, "repeat waits for each reply: no &");
	if (ask->every_ms > 0 && !ask->in_turn)
		return complain(p, "only what is repeated is asked every TIME");
	if (ask->on.connect != NULL &&
	    (ask->tcp || ask->from.family != 0 || ask->to.family != 0))
		return complain(p, "the connection has this already");
	if ((ask->options_len > 0 || ask->cookie || ask->edns_flags != 0) &&
	    (!ask->edns.present || ask->raw != NULL))
		return complain(p, "there is no OPT for this option or flag");
	p->block_line = ask_line;
	return true;
}

static bool
expect_flags(struct parser *p, struct expect *expect)
{
	if (expect->any)
		return complain(p, "with any, flags are not looked at");
	while (words_left(p))
		if (word_given(p, "aa"))
			expect->authoritative = true;
		else if (word_given(p, "tc"))
			expect->truncated = true;
		else if (word_given(p, "ad"))
			expect->authentic = true;
		else
			return complain(p, "`%s' is no flag", word_take(p));
	return true;
}

/* ede none, or ede [only|not] CODE ["a part of its text"] */
static bool
expect_ede(struct parser *p, struct expect *expect)
{
	struct ede *ede = &expect->edes[expect->ede_count];

	if (word_given(p, "none"))
		return expect->no_ede = true;
	if (expect->ede_count == EDES_MAX)
		return complain(p, "too many extended errors");
	expect->ede_count++;
	ede->only = word_given(p, "only");
	ede->absent = !ede->only && word_given(p, "not");
	if (!parse_number(p, 65535, &ede->code))
		return false;
	if (words_left(p))
		ede->text = word_take(p);
	return true;
}

static bool
comparison_read(struct parser *p, enum comparison *comparison)
{
	static const struct choice signs[] = {{"=", COMPARE_EQUAL},
	    {"<=", COMPARE_AT_MOST}, {">=", COMPARE_AT_LEAST}, {NULL, 0}};
	unsigned value = 0;

	if (!parse_choice(p, signs, &value))
		return false;
	*comparison = (enum comparison)value;
	return true;
}

/* place = N, also <= and >=: as which reply on its connection it came */
static bool
expect_place(struct parser *p, struct expect *expect)
{
	expect->placed = true;
	return comparison_read(p, &expect->place_comparison) &&
	    parse_number(p, 65535, &expect->place);
}

/* keepalive TIME, or keepalive none */
static bool
expect_keepalive(struct parser *p, struct expect *expect)
{
	int64_t ms;

	if (word_given(p, "none"))
		return expect->no_keepalive = true;
	if (!parse_duration(p, false, &ms))
		return false;
	if (ms < 100 || ms % 100 != 0)
		return complain(p, "it is told in tenths of a second");
	expect->keepalive = (unsigned)(ms / 100);
	return true;
}

/* size = N, size <= N, size >= N */
static bool
expect_size(struct parser *p, struct expect *expect)
{
	enum comparison comparison;
	unsigned n;

	if (!comparison_read(p, &comparison) ||
	    !parse_number(p, MESSAGE_MAX, &n))
		return false;
	if (comparison != COMPARE_AT_MOST)
		expect->size_min = n;
	if (comparison != COMPARE_AT_LEAST)
		expect->size_max = n;
	return true;
}

/* >= 5s, <= 300ms */
static bool
bound_read(struct parser *p, uint64_t *least_ms, uint64_t *most_ms)
{
	bool least = word_given(p, ">=");
	int64_t ms;

	if (!least && !word_given(p, "<="))
		return complain(p, "say: <= 300ms, or >=");
	if (!parse_duration(p, false, &ms))
		return false;
	*(least ? least_ms : most_ms) = (uint64_t)ms;
	return true;
}

static bool
expect_line(struct parser *p)
{
	struct expect *expect = &p->scenario->last->expect;
	const char *word = word_take(p);
	enum section section;

	if (expect->nothing)
		return complain(p, "nothing has no parts");
	if (strcmp(word, "flags") == 0)
		return expect_flags(p, expect);
	if (strcmp(word, "ede") == 0)
		return expect_ede(p, expect);
	if (strcmp(word, "time") == 0)
		return bound_read(p, &expect->least_ms, &expect->most_ms);
	if (strcmp(word, "place") == 0)
		return expect_place(p, expect);
	if (strcmp(word, "keepalive") == 0)
		return expect_keepalive(p, expect);
	if (strcmp(word, "size") == 0)
		return expect_size(p, expect);
	if (strcmp(word, "beginnings") == 0)
		return parse_number(p, BEGINNINGS_MAX, &expect->beginnings);
	if (strcmp(word, "alike") == 0)
		return expect->alike = true;
	if (strcmp(word, "ordered") == 0)
		return expect->ordered = true;
	if (strcmp(word, "question") == 0 && word_given(p, "none"))
		return expect->no_question = true;
	if (!section_choose(word, &section))
		return complain(p, "`%s' is no part of an answer", word);
	expect->exact[section] = true;
	if (word_given(p, "none"))
		return true;
	return parse_record(p, &root, &expect->sections[section]);
}

/* expect [all] RCODE, or expect [all] nothing */
static bool
expect_parse(struct parser *p)
{
	struct expect *expect = &step_add(p, STEP_EXPECT)->expect;

	expect->most_ms = UINT64_MAX;
	expect->size_max = MESSAGE_MAX;
	expect->all = word_given(p, "all");
	if (p->unjudged == 0)
		return complain(p, "nothing was asked");
	if (expect->all)
		p->unjudged = 0;
	else
		p->unjudged--;
	expect->nothing = word_given(p, "nothing");
	expect->any = !expect->nothing && word_given(p, "any");
	p->block_line = expect_line;
	return expect->nothing || expect->any ||
	    parse_choice(p, rcodes, &expect->rcode);
}

/* ---------------------------------------------------------------------------
 * Observers: closed, open, writes, connections, packets, gaps, log.
 */

/* [N of] NAME */
static bool
ending_read(struct parser *p, struct ending *ending)
{
	ending->most_ms = UINT64_MAX;
	ending->some = *word_peek(p) >= '0' && *word_peek(p) <= '9';
	if (ending->some &&
	    (!parse_number(p, 65535, &ending->count) || !word_given(p, "of")))
		return complain(p, "say: N of NAME");
	return connections_read(p, &ending->on);
}

/* closed [N of] NAME [fin|reset] [>= TIME] [<= TIME] */
static bool
closed_parse(struct parser *p)
{
	struct ending *ending = &step_add(p, STEP_CLOSED)->ending;

	if (!ending_read(p, ending))
		return false;
	ending->fin = word_given(p, "fin");
	ending->reset = !ending->fin && word_given(p, "reset");
	while (words_left(p))
		if (!bound_read(p, &ending->least_ms, &ending->most_ms))
			return false;
	return true;
}

static bool
open_parse(struct parser *p)
{
	return ending_read(p, &step_add(p, STEP_OPEN)->ending);
}

/* writes NAME = N */
static bool
writes_parse(struct parser *p)
{
	struct step *step = step_add(p, STEP_WRITES);

	return connections_read(p, &step->writes.on) &&
	    comparison_read(p, &step->writes.comparison) &&
	    parse_number(p, 1000000, &step->writes.count);
}

/* ADDRESS|all|self */
static bool
destination_read(struct parser *p, struct packets *packets)
{
	packets->self = word_given(p, "self");
	return packets->self || word_given(p, "all") ||
	    parse_address(p, &packets->to);
}

/* = N [total] */
static bool
count_read(struct parser *p, struct packets *packets)
{
	if (!parse_number(p, 1000000, &packets->count))
		return false;
	packets->total = word_given(p, "total");
	return true;
}

/* connections ADDRESS|all|self = N [total] */
static bool
connections_parse(struct parser *p)
{
	struct packets *packets = &step_add(p, STEP_CONNECTIONS)->packets;

	return destination_read(p, packets) &&
	    comparison_read(p, &packets->comparison) && count_read(p, packets);
}

/* ADDRESS|all|self [from ADDRESS] [for NAME [TYPE]] [udp|tcp], and how many */
static bool
packets_read(struct parser *p, struct packets *packets)
{
	struct rule narrow = {.narrowed = false};

	if (!destination_read(p, packets) ||
	    (word_given(p, "from") && !parse_address(p, &packets->from)) ||
	    !narrow_read(p, &narrow))
		return false;
	packets->transport = transport_read(p);
	packets->of_cookie = word_given(p, "cookie");
	if (packets->of_cookie &&
	    !parse_number(p, COOKIE_MAX, &packets->cookie_len))
		return false;
	if (!comparison_read(p, &packets->comparison))
		return false;
	packets->narrowed = narrow.narrowed;
	packets->below = narrow.below;
	packets->name = narrow.name;
	packets->type = narrow.type;
	return true;
}

/* packets ADDRESS|all|self [from ADDRESS] [for NAME [TYPE]] [udp|tcp]
 * [cookie LENGTH] = N [total] */
static bool
packets_parse(struct parser *p)
{
	struct packets *packets = &step_add(p, STEP_PACKETS)->packets;

	return packets_read(p, packets) && count_read(p, packets);
}

/* gaps ADDRESS|all|self [for NAME [TYPE]] [udp|tcp] = TIME... [total] */
static bool
gaps_parse(struct parser *p)
{
	struct packets *gaps = &step_add(p, STEP_GAPS)->packets;
	int64_t ms;

	if (!packets_read(p, gaps))
		return false;
	do {
		if (gaps->count == GAPS_MAX)
			return complain(p, "too many gaps");
		if (!parse_duration(p, false, &ms))
			return false;
		gaps->gaps_ms[gaps->count++] = (unsigned)ms;
		gaps->total = word_given(p, "total");
	} while (words_left(p) && !gaps->total);
	return true;
}

static bool
log_pair(struct parser *p, struct log *log)
{
	const char *word = word_take(p), *equals = strchr(word, '=');

	if (equals == NULL || log->pairs == 32)
		return complain(p, "`%s' is no key=value", word);
	log->keys[log->pairs] =
	    scenario_text(p->scenario, word, (size_t)(equals - word));
	log->values[log->pairs++] = equals + 1;
	return true;
}

/* log [N|none|some] KEY=VALUE...: so many lines have all of these */
static bool
log_parse(struct parser *p)
{
	struct log *log = &step_add(p, STEP_LOG)->log;

	log->count = 1;
	if (word_given(p, "some"))
		log->comparison = COMPARE_AT_LEAST;
	else if (word_given(p, "none"))
		log->count = 0;
	else if (strchr(word_peek(p), '=') == NULL &&
	    !parse_number(p, 65535, &log->count))
		return false;
	do
		if (!log_pair(p, log))
			return false;
	while (words_left(p));
	return true;
}

/* line|no-line "PATTERN", slices N, turns N, error "PATTERN" */
static bool
control_line(struct parser *p)
{
	struct control *c = &p->scenario->last->control;

	if (word_given(p, "error")) {
		c->error = word_take(p);
		return true;
	}
	if (word_given(p, "slices"))
		return parse_number(p, 65535, &c->slices);
	if (word_given(p, "turns"))
		return parse_number(p, 65535, &c->turns);
	if (c->count == CONTROL_LINES_MAX)
		return complain(p, "too many lines");
	c->lines[c->count].absent = word_given(p, "no-line");
	if (!c->lines[c->count].absent && !word_given(p, "line"))
		return false;
	c->lines[c->count++].pattern = word_take(p);
	return true;
}

/* metrics [N]: they were written so often; and below, what is in them */
static bool
metrics_parse(struct parser *p)
{
	struct control *c = &step_add(p, STEP_METRICS)->control;

	p->block_line = control_line;
	return !words_left(p) || parse_number(p, 65535, &c->writes);
}

/* control [stalled] WORD...: and below, what is in the reply */
static bool
control_parse(struct parser *p)
{
	struct control *c = &step_add(p, STEP_CONTROL)->control;
	char words[2048] = "";
	size_t len = 0;

	c->stalled = word_given(p, "stalled");
	while (words_left(p) && len < sizeof(words))
		len += (size_t)snprintf(words + len, sizeof(words) - len,
		    "%s%s", len > 0 ? " " : "", word_take(p));
	c->command = scenario_text(p->scenario, words, strlen(words));
	p->block_line = control_line;
	return true;
}

/* ---------------------------------------------------------------------------
 * The world around: hints, interface, route, network, fail, files, refused,
 * time.
 */
static bool
hints_append(struct parser *p, const char *text, size_t len)
{
	static char hints[HINTS_MAX];
	struct step *step = p->scenario->last;
	char *copy;

	if (step->hints.len + len > sizeof(hints))
		return complain(p, "this hints file is too long");
	memcpy(hints, step->hints.text, step->hints.len);
	memcpy(hints + step->hints.len, text, len);
	copy = scenario_text(p->scenario, hints, step->hints.len + len);
	step->hints.text = copy;
	step->hints.len += len;
	return true;
}

/* A line of the file, as it stands but for the indent of the first one. */
static bool
hints_line(struct parser *p)
{
	struct step *step = p->scenario->last;
	const char *text = p->text;
	const char *end = p->hints_crlf ? "\r\n" : "\n";
	size_t width = strspn(text, " \t");

	if (p->hints_hex) {
		size_t len;
		const uint8_t *octets = parse_octets(p, &len);

		return octets != NULL &&
		    hints_append(p, (const char *)octets, len);
	}
	if (p->indent_len == 0)
		p->indent_len = width;
	else if (p->hints_unended && !hints_append(p, end, strlen(end)))
		return false;
	text += width < p->indent_len ? width : p->indent_len;
	p->at = p->count;
	assert(step->kind == STEP_HINTS);
	return hints_append(p, text, strlen(text)) &&
	    (p->hints_unended || hints_append(p, end, strlen(end)));
}

static const struct choice hints_hows[] = {{"renamed", HINTS_RENAMED},
    {"appended", HINTS_APPENDED}, {"touched", HINTS_TOUCHED},
    {"missing", HINTS_MISSING}, {"directory", HINTS_DIRECTORY},
    {"unreadable", HINTS_UNREADABLE}, {"fifo", HINTS_FIFO},
    {"loop", HINTS_LOOP}, {"large", HINTS_LARGE}, {"restless", HINTS_RESTLESS},
    {NULL, 0}};

/* hints [HOW] [crlf|unended|hex], and the file in lines below */
static bool
hints_parse_block(struct parser *p)
{
	struct step *step = step_add(p, STEP_HINTS);
	const struct choice *how = hints_hows;

	while (how->word != NULL && !word_given(p, how->word))
		how++;
	if (how->word != NULL)
		step->hints.how = (enum hints_how)how->value;
	p->hints_crlf = word_given(p, "crlf");
	p->hints_unended = word_given(p, "unended");
	p->hints_hex = word_given(p, "hex");
	p->indent_len = 0;
	if (step->hints.how > HINTS_APPENDED)
		return true;
	step->hints.text = "";
	p->block_line = hints_line;
	return true;
}

/* interface NAME ADDRESS/LENGTH [down] */
static bool
interface_parse(struct parser *p)
{
	struct step *step = step_add(p, STEP_INTERFACE);

	step->interface.name = word_take(p);
	if (!parse_prefix(p, &step->interface.prefix))
		return false;
	step->interface.down = word_given(p, "down");
	return true;
}

/* route PREFIX up|down|unreachable|prohibit|blackhole */
static bool
route_parse(struct parser *p)
{
	static const struct choice kinds[] = {{"up", 0}, {"down", ENETUNREACH},
	    {"unreachable", EHOSTUNREACH}, {"prohibit", EACCES},
	    {"blackhole", EINVAL}, {NULL, 0}};
	struct route *route = &step_add(p, STEP_ROUTE)->route;
	unsigned err = 0;

	if (!parse_prefix(p, &route->to) || !parse_choice(p, kinds, &err))
		return false;
	route->err = (int)err;
	return true;
}

/*
 * network [loss N] [duplicate N] [reorder N] [delay LEAST [MOST]]: of 100
 * datagrams
 */
static bool
network_parse(struct parser *p)
{
	struct network *network = &step_add(p, STEP_NETWORK)->network;
	int64_t ms;

	network->least_ms = network->most_ms = 10;
	while (words_left(p)) {
		if (word_given(p, "loss")) {
			if (!parse_number(p, 100, &network->loss_percent))
				return false;
		} else if (word_given(p, "duplicate")) {
			if (!parse_number(p, 100, &network->duplicate_percent))
				return false;
		} else if (word_given(p, "reorder")) {
			if (!parse_number(p, 100, &network->reorder_percent))
				return false;
		} else if (word_given(p, "delay")) {
			if (!parse_duration(p, false, &ms))
				return false;
			network->least_ms = network->most_ms = (unsigned)ms;
			if (words_left(p) && *word_peek(p) >= '0' &&
			    *word_peek(p) <= '9') {
				if (!parse_duration(p, false, &ms))
					return false;
				network->most_ms = (unsigned)ms;
			}
		} else {
			return complain(
			    p, "say: loss, duplicate, reorder or delay");
		}
	}
	return network->least_ms <= network->most_ms ||
	    complain(p, "the least delay is above the most");
}

static const struct choice calls[] = {{"socket", CALL_SOCKET},
    {"bind", CALL_BIND}, {"connect", CALL_CONNECT},
    {"setsockopt", CALL_SETSOCKOPT}, {"sendto", CALL_SENDTO},
    {"recv", CALL_RECV}, {"recvmmsg", CALL_RECVMMSG},
    {"sendmmsg", CALL_SENDMMSG}, {"listen", CALL_LISTEN},
    {"accept4", CALL_ACCEPT4}, {"sendmsg", CALL_SENDMSG},
    {"epoll_create1", CALL_EPOLL_CREATE1}, {"epoll_ctl", CALL_EPOLL_CTL},
    {"epoll_wait", CALL_EPOLL_WAIT}, {"signalfd", CALL_SIGNALFD},
    {"read", CALL_READ}, {"write", CALL_WRITE}, {"open", CALL_OPEN},
    {"stat", CALL_STAT}, {"fstat", CALL_FSTAT}, {"poll", CALL_POLL},
    {"rename", CALL_RENAME}, {"getrandom", CALL_GETRANDOM},
    {"netlink", CALL_NETLINK}, {"getrlimit", CALL_GETRLIMIT},
    {"setrlimit", CALL_SETRLIMIT}, {"malloc", CALL_MALLOC},
    {"calloc", CALL_CALLOC}, {"realloc", CALL_REALLOC}, {NULL, 0}};

const char *
call_name(enum call call)
{
	assert(calls[call].value == call);
	return calls[call].word;
}

static const struct choice errors[] = {{"EPERM", EPERM}, {"ENOENT", ENOENT},
    {"EINTR", EINTR}, {"EIO", EIO}, {"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM},
    {"EACCES", EACCES}, {"EINVAL", EINVAL}, {"EISDIR", EISDIR},
    {"ENFILE", ENFILE}, {"EMFILE", EMFILE}, {"ENOSPC", ENOSPC},
    {"EPIPE", EPIPE}, {"ENOSYS", ENOSYS}, {"EMSGSIZE", EMSGSIZE},
    {"EAFNOSUPPORT", EAFNOSUPPORT}, {"EADDRINUSE", EADDRINUSE},
    {"EADDRNOTAVAIL", EADDRNOTAVAIL}, {"ENETDOWN", ENETDOWN},
    {"ENETUNREACH", ENETUNREACH}, {"ENOBUFS", ENOBUFS},
    {"ETIMEDOUT", ETIMEDOUT}, {"ECONNREFUSED", ECONNREFUSED},
    {"ECONNRESET", ECONNRESET}, {"ECONNABORTED", ECONNABORTED},
    {"EHOSTUNREACH", EHOSTUNREACH}, {NULL, 0}};

/* fail CALL ERROR [after N] [times N] [percent N] [to ADDRESS], or fail none */
static bool
fail_parse(struct parser *p)
{
	struct failure *failure = &step_add(p, STEP_FAILURE)->failure;
	unsigned call = 0, err = 0;

	failure->none = word_given(p, "none");
	if (failure->none)
		return true;
	if (!parse_choice(p, calls, &call) || !parse_choice(p, errors, &err))
		return false;
	failure->call = (enum call)call;
	failure->err = (int)err;
	failure->times = 1;
	while (words_left(p)) {
		if (word_given(p, "after")) {
			if (!parse_number(p, 1000000, &failure->after))
				return false;
		} else if (word_given(p, "times")) {
			if (!parse_number(p, 1000000, &failure->times))
				return false;
		} else if (word_given(p, "percent")) {
			if (!parse_number(p, 100, &failure->percent))
				return false;
		} else if (word_given(p, "to")) {
			if (!parse_address(p, &failure->to))
				return false;
		} else {
			return complain(p, "say: after, times, percent or to");
		}
	}
	return true;
}

/* files N: the limit of open files */
static bool
files_parse(struct parser *p)
{
	return parse_number(p, 1000000, &step_add(p, STEP_FILES)->files);
}

/* ports FIRST LAST: those the kernel chooses from, when the server starts */
static bool
ports_parse(struct parser *p)
{
	struct ports *ports = &step_add(p, STEP_PORTS)->ports;

	return parse_number(p, 65535, &ports->first) &&
	    parse_number(p, 65535, &ports->last) &&
	    (ports->first <= ports->last ||
		complain(p, "the first is above the last"));
}

/* refused PREFIX...: no packet may ever go there */
static bool
refused_parse(struct parser *p)
{
	do
		if (!parse_prefix(p, &step_add(p, STEP_REFUSED)->refused))
			return false;
	while (words_left(p));
	return true;
}

static bool
wait_parse(struct parser *p)
{
	return parse_duration(p, false, &step_add(p, STEP_WAIT)->ms);
}

/* stop 4500ms 1s [late]: so long from now, for so long */
static bool
stop_parse(struct parser *p)
{
	struct step *step = step_add(p, STEP_STOP);

	if (!parse_duration(p, false, &step->stop.in_ms) ||
	    !parse_duration(p, false, &step->stop.for_ms))
		return false;
	step->stop.late = word_given(p, "late");
	return true;
}

/* sleep IN FOR: the machine, which nothing reaches meanwhile */
static bool
sleep_parse(struct parser *p)
{
	if (!stop_parse(p))
		return false;
	p->scenario->last->stop.asleep = true;
	return true;
}

/* wall +1y: the clock on the wall is set, the other goes on */
static bool
wall_parse(struct parser *p)
{
	return parse_duration(p, true, &step_add(p, STEP_WALL)->ms);
}

/* work NAME [<= BLOCKS | <= PERCENT of OTHER] */
static bool
work_parse(struct parser *p)
{
	struct scenario *s = p->scenario;
	struct work *work = &step_add(p, STEP_WORK)->work;
	const struct step *step;
	unsigned n;

	work->name = word_take(p);
	if (!word_given(p, "<="))
		return true;
	if (!parse_number(p, UINT32_MAX, &n) || n == 0)
		return complain(p, "work wants a number of blocks");
	if (!word_given(p, "percent")) {
		work->blocks = n;
		return true;
	}
	work->percent = n;
	work->other = word_given(p, "of") ? word_take(p) : "";
	for (step = s->steps; step != s->last; step = step->next)
		if (step->kind == STEP_WORK &&
		    strcmp(step->work.name, work->other) == 0)
			return true;
	return complain(p, "no work is called `%s'", work->other);
}

static bool
signal_parse(struct parser *p)
{
	static const struct choice signals[] = {{"HUP", SIGHUP},
	    {"INT", SIGINT}, {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {NULL, 0}};
	unsigned value = 0;

	if (!parse_choice(p, signals, &value))
		return false;
	step_add(p, STEP_SIGNAL)->signal = (int)value;
	return true;
}

/* exit STATUS ["a part of what standard error says"] */
static bool
exit_parse(struct parser *p)
{
	struct step *step = step_add(p, STEP_EXIT);
	unsigned status = 0;
	char pattern[1024];

	if (!parse_number(p, 255, &status))
		return false;
	step->exit.status = (int)status;
	snprintf(pattern, sizeof(pattern), "*%s*",
	    words_left(p) ? word_take(p) : "");
	step->exit.pattern =
	    scenario_text(p->scenario, pattern, strlen(pattern));
	return true;
}

/* Is there such a row?  Each letter has rows from 1 to so many. */
static bool
row_exists(const char *row, const struct choice *letters)
{
	unsigned n;
	int used = 0;

	for (; letters->word != NULL; letters++)
		if (strncmp(row, letters->word, strlen(letters->word)) == 0 &&
		    sscanf(row + strlen(letters->word), "%2u%n", &n, &used) ==
			1 &&
		    n >= 1 && n <= letters->value)
			return row[strlen(letters->word) + (size_t)used] ==
			    '\0';
	return false;
}

/*
 * A row of rfcs.md, of attacks.md with that before it, as both use the same
 * letters, or the article.
 */
static bool
is_row(const char *word)
{
	static const struct choice rfcs[] = {{"A", 15}, {"C", 16}, {"D", 18},
	    {"DEC", 8}, {"E", 14}, {"F", 9}, {"G", 5}, {"K", 13}, {"L", 12},
	    {"M", 25}, {"N", 20}, {"O", 6}, {"P", 9}, {"Q", 9}, {"R", 10},
	    {"S", 12}, {"T", 13}, {"U", 4}, {"V", 12}, {"X", 16}, {NULL, 0}};
	static const struct choice attacks[] = {{"B", 32}, {"D", 15}, {"I", 24},
	    {"K", 6}, {"L", 21}, {"P", 13}, {"S", 13}, {"Z", 12}, {NULL, 0}};
	static const char prefix[] = "attacks:";

	if (strncmp(word, prefix, sizeof(prefix) - 1) == 0)
		return row_exists(word + sizeof(prefix) - 1, attacks);
	return strcmp(word, "Q244132") == 0 || row_exists(word, rfcs);
}

static bool
proves_parse(struct parser *p)
{
	char rows[512] = "";
	size_t len = 0;

	while (words_left(p) && len < sizeof(rows)) {
		const char *word = word_take(p);

		if (!is_row(word))
			return complain(p,
			    "`%s' is no row of rfcs.md, nor attacks:ROW", word);
		len += (size_t)snprintf(
		    rows + len, sizeof(rows) - len, " %s", word);
	}
	p->scenario->proves = scenario_text(p->scenario, rows, strlen(rows));
	return true;
}

static bool
options_parse(struct parser *p)
{
	struct scenario *s = p->scenario;

	while (words_left(p)) {
		if (s->option_count == 64)
			return complain(p, "too many options");
		s->options[s->option_count++] = word_take(p);
	}
	return true;
}

/* command WORD...: these words alone, no listener, hints or log */
static bool
command_parse(struct parser *p)
{
	p->scenario->bare = true;
	return options_parse(p);
}

/* ---------------------------------------------------------------------------
 * Lines.
 */
static const struct {
	const char *word;
	bool (*parse)(struct parser *);
} lines[] = {{"ask", ask_parse}, {"close", close_parse},
    {"closed", closed_parse}, {"command", command_parse},
    {"connect", connect_parse}, {"connections", connections_parse},
    {"control", control_parse}, {"exit", exit_parse}, {"expect", expect_parse},
    {"fail", fail_parse}, {"files", files_parse}, {"forge", forge_parse},
    {"gaps", gaps_parse}, {"hints", hints_parse_block},
    {"interface", interface_parse}, {"log", log_parse},
    {"metrics", metrics_parse}, {"network", network_parse},
    {"open", open_parse}, {"options", options_parse},
    {"packets", packets_parse}, {"ports", ports_parse},
    {"proves", proves_parse}, {"read", read_parse}, {"refused", refused_parse},
    {"reply", reply_parse}, {"reset", reset_parse}, {"send", send_parse},
    {"route", route_parse}, {"server", server_parse}, {"shut", shut_parse},
    {"signal", signal_parse}, {"sleep", sleep_parse}, {"stall", stall_parse},
    {"stop", stop_parse}, {"wait", wait_parse}, {"wall", wall_parse},
    {"work", work_parse}, {"writes", writes_parse}, {"zone", zone_parse}};

/* A zone is complete when the next thing begins. */
static void
block_end(struct parser *p)
{
	struct step *step = p->scenario->last;
	const struct rr *rr;

	if (p->block_line == zone_line) {
		for (rr = step->zone.records.first; rr != NULL; rr = rr->next)
			if (rr->type == TYPE_SOA)
				break;
		if (rr == NULL)
			zone_add_soa(p, &step->zone);
	}
	p->block_line = NULL;
}

static bool
line_begin(struct parser *p)
{
	const char *word = word_take(p);
	unsigned i;

	block_end(p);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strcmp(lines[i].word, word) == 0)
			return lines[i].parse(p);
	return complain(p, "no line begins with `%s'", word);
}

/* The comment at the head says what the scenario shows. */
static bool
description_line(struct parser *p)
{
	struct scenario *s = p->scenario;
	const char *text = p->text + 1;
	char *joined;
	size_t len = s->description == NULL ? 0 : strlen(s->description);

	if (p->text[0] != '#' || s->steps != NULL || p->has_description)
		return false;
	text += strspn(text, " ");
	joined = scenario_alloc(s, len + strlen(text) + 2);
	snprintf(joined, len + strlen(text) + 2, "%s%s%s",
	    len == 0 ? "" : s->description, len == 0 ? "" : " ", text);
	s->description = joined;
	return true;
}

static bool
line_parse(struct parser *p)
{
	bool indented = p->text[0] == ' ' || p->text[0] == '\t';

	if (indented && p->block_line == hints_line && !p->hints_hex)
		return hints_line(p);
	if (description_line(p))
		return true;
	p->has_description = p->scenario->description != NULL;
	if (!words_split(p))
		return false;
	if (p->count == 0)
		return true;
	if (indented && p->block_line == NULL)
		return complain(p, "this line belongs to nothing");
	if (!(indented ? p->block_line(p) : line_begin(p)))
		return false;
	return !words_left(p) ||
	    complain(p, "`%s' is one word too many", word_peek(p));
}

static bool
parse_file(struct parser *p, FILE *file)
{
	while (fgets(p->text, sizeof(p->text), file) != NULL) {
		p->line++;
		p->text[strcspn(p->text, "\r\n")] = '\0';
		if (!line_parse(p) || p->failed) {
			complain(p, "this is not understood");
			return false;
		}
	}
	block_end(p);
	if (p->scenario->description == NULL)
		return complain(p, "no comment says what this shows");
	return p->unjudged == 0 || complain(p, "an ask without an expect");
}
