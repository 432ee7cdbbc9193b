/*
 * driver.c -- what every driver of scenarios does in the same way.
 *
 * Packets that are on their way, the places where no query may go, the words
 * of the command line, and the story that is told when something went wrong.
 */
#include "driver.h"

#include <stdarg.h>
#include <stdlib.h>

const char driver_hints[] = ". 3600000 NS a.root-servers.net.\n"
			    "a.root-servers.net. 3600000 A 198.41.0.4\n";

const struct interface driver_interfaces[2] = {
    {"eth0", {{4, {203, 0, 113, 53}, 0}, 24}},
    {"eth0", {{6, {0x20, 0x01, 0x0d, 0xb8, 0, 0x53, [15] = 0x53}, 0}, 64}},
};

void
driver_init(struct driver *d, const struct scenario *scenario,
    struct fault *fault, FILE *trace, uint64_t seed)
{
	memset(d, 0, sizeof(*d));
	d->scenario = d->witness.scenario = scenario;
	d->step = scenario->steps;
	d->fault = fault;
	d->trace = trace;
	d->random = seed;
}

void
driver_end(struct driver *d)
{
	size_t max = sizeof(d->fault->story) - 1;
	const char *from = d->story;
	struct packet *p;

	if (d->story_len > max) /* from the beginning of a line */
		from = strchr(d->story + d->story_len - max, '\n') + 1;
	memcpy(d->fault->story, from, strlen(from) + 1);
	while ((p = d->flight) != NULL) {
		d->flight = p->next;
		free(p);
	}
	witness_free(&d->witness);
}

/* ---------------------------------------------------------------------------
 * The story, faults, chance.
 */
static void
story_add(struct driver *d, const char *line, size_t len)
{
	if (d->story_len + len >= STORY_MAX) {
		memmove(d->story, d->story + STORY_MAX / 2,
		    d->story_len - STORY_MAX / 2);
		d->story_len -= STORY_MAX / 2;
	}
	memcpy(d->story + d->story_len, line, len + 1);
	d->story_len += len;
}

void
driver_trace(struct driver *d, const char *format, ...)
{
	char line[8192];
	va_list args;
	size_t len;

	snprintf(line, sizeof(line), "%6llu.%03llu ",
	    (unsigned long long)d->now_ms / 1000,
	    (unsigned long long)d->now_ms % 1000);
	len = strlen(line);
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	strcat(line, "\n"); /* there is room */
	if (d->trace != NULL) {
		fputs(line, d->trace);
		fflush(d->trace);
	}
	story_add(d, line, strlen(line));
}

void
driver_trace_message(struct driver *d, const char *what,
    const struct address *from, const struct address *to, const uint8_t *octets,
    size_t len)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX], text[6144];

	message_text(octets, len, text, sizeof(text));
	driver_trace(d, "%s %s > %s  %s", what, address_port_text(from, a),
	    address_port_text(to, b), text);
}

void
driver_fault(struct driver *d, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fault_at(d->fault, d->scenario, d->step, "%s", text);
}

uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned
dice(struct driver *d, unsigned sides)
{
	return (unsigned)(random_next(&d->random) % sides);
}

/* ---------------------------------------------------------------------------
 * Where a query can never go, told anew and not by asking referral.c, which
 * is on trial here (DESIGN decision 5, rfcs.md 19.1).
 */
static bool
is_never(const struct driver *d, const struct address *to)
{
	static const char *const never[] = {"0.0.0.0/8", "224.0.0.0/4",
	    "240.0.0.0/4", "::/96", "::ffff:0:0/96", "ff00::/8", "fe80::/10"};
	struct prefix prefix;
	unsigned i;

	if (to->port == 0)
		return true;
	if (prefix_from_text("::1", &prefix) && prefix_covers(&prefix, to))
		return false;
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (prefix_from_text(never[i], &prefix) &&
		    prefix_covers(&prefix, to))
			return true;
	for (i = 0; i < d->refused_count; i++)
		if (prefix_covers(&d->refused[i], to))
			return true;
	return false;
}

void
driver_check_destination(
    struct driver *d, const struct address *to, const char *call)
{
	char text[ADDRESS_TEXT_MAX];

	if (is_never(d, to))
		driver_fault(d, "%s to %s, where no query may go\n", call,
		    address_port_text(to, text));
}

/* ---------------------------------------------------------------------------
 * Name servers, and what they send.
 */
bool
driver_make(struct driver *d, const struct step *step)
{
	switch (step->kind) {
	case STEP_ZONE:
		authority_publish(&d->authority, &step->zone);
		return true;
	case STEP_RULE:
		authority_obey(&d->authority, &step->rule);
		return true;
	case STEP_NETWORK:
		d->network = step->network;
		return true;
	case STEP_REFUSED:
		assert(d->refused_count < REFUSED_MAX);
		d->refused[d->refused_count++] = step->refused;
		return true;
	default:
		return false;
	}
}

struct packet *
packet_make(const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		abort();
	p->next = NULL;
	p->due_ms = 0;
	p->from = *from;
	p->to = *to;
	p->unreachable = false;
	p->len = len;
	if (len > 0)
		memcpy(p->octets, octets, len);
	return p;
}

/* It will arrive so much later. */
void
packet_post(struct driver *d, struct packet *p, unsigned delay_ms)
{
	struct packet **at = &d->flight;

	p->due_ms = d->now_ms + delay_ms;
	while (*at != NULL && (*at)->due_ms <= p->due_ms)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

struct packet *
packet_due(struct driver *d)
{
	struct packet *p = d->flight;

	if (p == NULL || p->due_ms > d->now_ms)
		return NULL;
	d->flight = p->next;
	return p;
}

static unsigned
network_delay(struct driver *d)
{
	const struct network *n = &d->network;

	return n->least_ms + dice(d, n->most_ms - n->least_ms + 1);
}

/* The datagrams of a name server set out for where the query came from. */
static void
datagrams_post(struct driver *d, const struct address *to,
    const struct datagram *out, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		unsigned copies =
		    1 + (dice(d, 100) < d->network.duplicate_percent);

		if (dice(d, 100) < d->network.loss_percent) {
			driver_trace(d, "the network loses a reply");
			continue;
		}
		while (copies-- > 0) {
			struct packet *p = packet_make(&out[i].from, to,
			    out[i].octets, out[i].unreachable ? 0 : out[i].len);

			p->unreachable = out[i].unreachable;
			packet_post(d, p, network_delay(d) + out[i].delay_ms);
		}
	}
}

bool
driver_serve(struct driver *d, const struct address *from,
    const struct address *to, const uint8_t *octets, size_t len)
{
	static struct datagram out[DATAGRAMS_MAX];
	unsigned n;

	if (!authority_listens(&d->authority, to))
		return false;
	n = authority_answer(
	    &d->authority, to, TRANSPORT_UDP, octets, len, out);
	if (dice(d, 100) < d->network.loss_percent)
		driver_trace(d, "the network loses it");
	else
		datagrams_post(d, from, out, n);
	return true;
}

/* ---------------------------------------------------------------------------
 * The server: how it is called, how it ends.
 */
int
driver_words(const struct scenario *scenario, const char *hints,
    const char *log, char *words[COMMAND_WORDS_MAX + 1])
{
	static const char *const base[] = {
	    "dns", "-l", "127.0.0.1@53", "-r", "HINTS", "-e", "LOG"};
	static char text[COMMAND_WORDS_MAX][256];
	unsigned i, n = 0, ours = scenario->bare ? 1 : 7;

	for (i = 0; i < ours + scenario->option_count; i++) {
		const char *word =
		    i < ours ? base[i] : scenario->options[i - ours];

		if (strcmp(word, "HINTS") == 0)
			word = hints;
		else if (strcmp(word, "LOG") == 0)
			word = log;
		snprintf(text[n], sizeof(text[n]), "%s", word);
		words[n] = text[n];
		n++;
	}
	words[n] = NULL;
	return (int)n;
}

void
driver_judge_start(struct driver *d, int status, const char *said)
{
	const struct step *step = d->step;

	if (step == NULL || step->kind != STEP_EXIT) {
		driver_fault(d,
		    "the server ended with status %d before it served\n%s\n",
		    status, said);
	} else if (status != step->exit.status ||
	    strstr(said, step->exit.text) == NULL) {
		driver_fault(d,
		    "the server ended with status %d and said\n%s\n", status,
		    said);
	} else if (step->next != NULL) {
		fault_at(d->fault, d->scenario, step->next,
		    "the server has ended: no step can follow\n");
	}
}

void
driver_judge_replies(struct driver *d)
{
	unsigned i;

	for (i = 0; i < d->witness.client_count; i++)
		if (d->witness.clients[i].replies > 1)
			fault_at(d->fault, d->scenario,
			    d->witness.clients[i].ask,
			    "this ask got more than one reply\n");
}

struct address
loopback_address(uint8_t family)
{
	static const struct address loopback4 = {4, {127, 0, 0, 1}, DNS_PORT};
	static const struct address loopback6 = {6, {[15] = 1}, DNS_PORT};

	return family == 6 ? loopback6 : loopback4;
}
