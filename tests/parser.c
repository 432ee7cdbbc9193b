/*
 * parser.c -- the words of a scenario's line, and what words stand for.
 *
 * A line is split into words once; the functions here take them one after the
 * other and say what they are: numbers, times, names, addresses, records.  The
 * first fault is kept with its line, and all that follows is refused.
 */
#include "parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CHUNK_LEN = 1 << 16
};

/* Memory of a scenario, given back all at once. */
struct chunk {
	struct chunk *next;
	size_t used, len;
	max_align_t octets[];
};

/* Zeroed memory that lives as long as the scenario. */
void *
scenario_alloc(struct scenario *s, size_t len)
{
	struct chunk *chunk = s->memory;
	size_t units = (len + sizeof(max_align_t) - 1) / sizeof(max_align_t);

	if (chunk == NULL || chunk->len - chunk->used < units) {
		size_t room = units > CHUNK_LEN ? units : CHUNK_LEN;

		chunk = calloc(1, sizeof(*chunk) + room * sizeof(max_align_t));
		if (chunk == NULL)
			abort();
		chunk->len = room;
		chunk->next = s->memory;
		s->memory = chunk;
	}
	chunk->used += units;
	return chunk->octets + chunk->used - units;
}

void
scenario_free(struct scenario *s)
{
	struct chunk *chunk, *next;

	if (s == NULL)
		return;
	for (chunk = s->memory; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(s);
}

char *
scenario_text(struct scenario *s, const char *text, size_t len)
{
	char *copy = scenario_alloc(s, len + 1);

	memcpy(copy, text, len);
	return copy;
}

/* Take a word off the line; quotes hold blanks.  Its end, or NULL. */
static const char *
word_split(struct parser *p, const char *text)
{
	bool quoted = false;
	char *word = scenario_alloc(p->scenario, strlen(text) + 1);

	p->words[p->count++] = word;
	for (; *text != '\0'; text++) {
		if (*text == '"')
			quoted = !quoted;
		else if (!quoted && strchr(" \t", *text) != NULL)
			break;
		else
			*word++ = *text;
	}
	if (!quoted)
		return text;
	complain(p, "a quote is not closed");
	return NULL;
}

bool
words_split(struct parser *p)
{
	const char *text = p->text;

	p->count = p->at = 0;
	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0' || *text == '#')
			return true;
		if (p->count == WORDS_MAX)
			return complain(p, "too many words");
		text = word_split(p, text);
		if (text == NULL)
			return false;
	}
}

/* ---------------------------------------------------------------------------
 * Words.
 */
bool __attribute__((format(printf, 2, 3)))
complain(struct parser *p, const char *format, ...)
{
	va_list args;
	int n;

	if (p->failed)
		return false;
	p->failed = true;
	n = snprintf(p->fault->text, sizeof(p->fault->text),
	    "%s:%u: ", p->scenario->path, p->line);
	va_start(args, format);
	vsnprintf(p->fault->text + n, sizeof(p->fault->text) - (size_t)n,
	    format, args);
	va_end(args);
	return false;
}

bool
words_left(const struct parser *p)
{
	return p->at < p->count;
}

/* The next word without taking it; "" at the end of the line. */
const char *
word_peek(const struct parser *p)
{
	return words_left(p) ? p->words[p->at] : "";
}

const char *
word_take(struct parser *p)
{
	if (words_left(p))
		return p->words[p->at++];
	complain(p, "the line ends too early");
	return "";
}

bool
word_given(struct parser *p, const char *word)
{
	if (!words_left(p) || strcmp(p->words[p->at], word) != 0)
		return false;
	p->at++;
	return true;
}

bool
parse_choice(struct parser *p, const struct choice *choices, unsigned *value)
{
	const char *word = word_take(p);

	for (; choices->word != NULL; choices++)
		if (strcmp(choices->word, word) == 0) {
			*value = choices->value;
			return true;
		}
	return complain(p, "`%s' is not known here", word);
}

bool
parse_number(struct parser *p, unsigned long max, unsigned *value)
{
	const char *word = word_take(p);
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*word < '0' || *word > '9' || *end != '\0' || n > max)
		return complain(p, "`%s' is no number up to %lu", word, max);
	*value = (unsigned)n;
	return true;
}

/* "300ms", "59s", "15m", "2h", "1d" or "1y", with a sign if it may have one. */
bool
parse_duration(struct parser *p, bool sign, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
	    {"d", 86400000}, {"y", 31536000000}};
	const char *word = word_take(p), *digits = word;
	char *end;
	int64_t n;
	unsigned i;

	if (sign && (*digits == '+' || *digits == '-'))
		digits++;
	n = strtol(digits, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (*digits >= '0' && *digits <= '9' &&
		    strcmp(end, units[i].unit) == 0) {
			*ms = (*word == '-' ? -n : n) * units[i].ms;
			return true;
		}
	return complain(p, "`%s' is no time such as 300ms, 5s or 2h", word);
}

bool
parse_name(struct parser *p, const char *word, const struct name *origin,
    struct name *name)
{
	return name_from_text(word, strlen(word), origin, name) ||
	    complain(p, "`%s' is no name", word);
}

bool
parse_type(struct parser *p, uint16_t *type)
{
	const char *word = word_take(p);

	if (strcmp(word, "ANY") == 0 || strcmp(word, "*") == 0) {
		*type = TYPE_ANY;
		return true;
	}
	return type_from_text(word, type) ||
	    complain(p, "`%s' is no type", word);
}

bool
class_from_text(const char *word, uint16_t *class)
{
	static const struct choice classes[] = {{"IN", CLASS_IN}, {"CH", 3},
	    {"HS", 4}, {"NONE", 254}, {"ANY", 255}, {NULL, 0}};
	const struct choice *c;
	unsigned n;

	for (c = classes; c->word != NULL; c++)
		if (strcmp(c->word, word) == 0) {
			*class = (uint16_t)c->value;
			return true;
		}
	if (sscanf(word, "CLASS%u", &n) != 1 || n > 65535)
		return false;
	*class = (uint16_t)n;
	return true;
}

/* "192.0.2.1" or "2001:db8::1@5353"; the port is 53 if none is named. */
static bool
address_read_word(const char *word, struct address *address)
{
	const char *at = strchr(word, '@');
	char text[ADDRESS_TEXT_MAX];
	size_t len = at == NULL ? strlen(word) : (size_t)(at - word);
	char *end = NULL;
	unsigned long port = DNS_PORT;

	if (len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	if (at != NULL) {
		port = strtoul(at + 1, &end, 10);
		if (at[1] < '0' || at[1] > '9' || *end != '\0' || port > 65535)
			return false;
	}
	if (!address_from_text(text, address))
		return false;
	address->port = (uint16_t)port;
	return true;
}

bool
parse_address(struct parser *p, struct address *address)
{
	const char *word = word_take(p);

	return address_read_word(word, address) ||
	    complain(p, "`%s' is no address", word);
}

/* One address or more. */
bool
parse_addresses(struct parser *p, struct address *addresses, unsigned *count)
{
	if (!parse_address(p, &addresses[0]))
		return false;
	for (*count = 1; words_left(p); ++*count) {
		if (*count == ADDRESSES_MAX)
			return complain(p, "too many addresses");
		if (!address_read_word(word_peek(p), &addresses[*count]))
			break;
		p->at++;
	}
	return true;
}

static bool
server_read_word(const char *word, struct prefix *server)
{
	if (strchr(word, '/') != NULL) {
		if (!prefix_from_text(word, server))
			return false;
		server->address.port = DNS_PORT;
		return true;
	}
	if (!address_read_word(word, &server->address))
		return false;
	server->bits = server->address.family == 4 ? 32 : 128;
	return true;
}

/* One address or prefix, or more. */
bool
parse_servers(struct parser *p, struct prefix *servers, unsigned *count)
{
	if (!server_read_word(word_take(p), &servers[0]))
		return complain(p, "this is no address or prefix");
	for (*count = 1; words_left(p); ++*count) {
		if (*count == ADDRESSES_MAX)
			return complain(p, "too many addresses");
		if (!server_read_word(word_peek(p), &servers[*count]))
			break;
		p->at++;
	}
	return true;
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c | 0x20);

	return at == NULL ? -1 : (int)(at - digits);
}

static bool
hex_read_word(struct parser *p, struct writer *w)
{
	const char *word = word_take(p);

	for (; word[0] != '\0'; word += 2) {
		int high = hex_digit(word[0]), low = hex_digit(word[1]);

		if (high < 0 || low < 0)
			return complain(p, "`%s' is no hex", word);
		write_u8(w, (uint8_t)(high << 4 | low));
	}
	return !w->failed || complain(p, "too many octets");
}

/* The rest of the line in hexadecimal; blanks mean nothing. */
static bool
hex_read(struct parser *p, struct writer *w)
{
	while (words_left(p))
		if (!hex_read_word(p, w))
			return false;
	return true;
}

/* Octets in one word. */
const uint8_t *
parse_octets(struct parser *p, size_t *len)
{
	static uint8_t octets[MESSAGE_MAX];
	struct writer w;
	uint8_t *copy;

	writer_init(&w, octets, sizeof(octets));
	if (!hex_read_word(p, &w))
		return NULL;
	copy = scenario_alloc(p->scenario, w.len + 1);
	memcpy(copy, octets, w.len);
	*len = w.len;
	return copy;
}

/* ---------------------------------------------------------------------------
 * Records, as in a master file (RFC 1035 5.1).
 */

/*
 * The shape of each type's rdata: n name, a and A addresses, 1 2 4 numbers,
 * t type, s one string, S strings, x hex, b base64 and w a type bitmap, these
 * four to the end of the line.
 */
static const struct {
	uint16_t type;
	const char *shape;
} shapes[] = {{TYPE_A, "a"}, {TYPE_NS, "n"}, {TYPE_CNAME, "n"},
    {TYPE_SOA, "nn44444"}, {TYPE_PTR, "n"}, {TYPE_MX, "2n"}, {TYPE_TXT, "S"},
    {TYPE_AAAA, "A"}, {TYPE_SRV, "222n"}, {TYPE_DNAME, "n"}, {TYPE_DS, "211x"},
    {TYPE_RRSIG,
	"t1144"
	"42nb"},
    {TYPE_NSEC, "nw"}, {TYPE_DNSKEY, "211b"}, {17, "nn"} /* RP */,
    {35, "22sssn"} /* NAPTR */};

static bool
base64_read(struct parser *p, struct writer *w)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned count = 0;

	while (words_left(p)) {
		const char *word = word_take(p);

		for (; *word != '\0' && *word != '='; word++) {
			const char *at = strchr(digits, *word);

			if (at == NULL)
				return complain(p, "`%s' is no base64", word);
			bits = bits << 6 | (uint32_t)(at - digits);
			count += 6;
			if (count >= 8) {
				count -= 8;
				write_u8(w, (uint8_t)(bits >> count));
			}
		}
	}
	return true;
}

/* RFC 4034 4.1.2: windows of 256 types. */
static bool
bitmap_read(struct parser *p, struct writer *w)
{
	uint8_t bits[65536 / 8] = {0};
	unsigned window, len;
	uint16_t type;

	while (words_left(p)) {
		if (!parse_type(p, &type))
			return false;
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
	}
	for (window = 0; window < 256; window++) {
		for (len = 32; len > 0; len--)
			if (bits[window * 32 + len - 1] != 0)
				break;
		if (len == 0)
			continue;
		write_u8(w, (uint8_t)window);
		write_u8(w, (uint8_t)len);
		write_bytes(w, bits + window * 32, len);
	}
	return true;
}

static bool
string_read(struct parser *p, struct writer *w)
{
	const char *word = word_take(p);

	if (strlen(word) > 255)
		return complain(p, "a string has at most 255 octets");
	write_u8(w, (uint8_t)strlen(word));
	write_bytes(w, word, strlen(word));
	return true;
}

static bool
field_name(struct parser *p, const struct name *origin, struct writer *w)
{
	struct name name;

	if (!parse_name(p, word_take(p), origin, &name))
		return false;
	write_bytes(w, name.wire, name.len);
	return true;
}

static bool
field_address(struct parser *p, uint8_t family, struct writer *w)
{
	struct address address;
	const char *word = word_take(p);

	if (!address_from_text(word, &address) || address.family != family)
		return complain(p, "`%s' is no IPv%u address", word, family);
	write_bytes(w, address.ip, family == 4 ? 4 : 16);
	return true;
}

static bool
field_number(struct parser *p, char width, struct writer *w)
{
	unsigned n;

	if (!parse_number(p,
		width == '1'       ? 255
		    : width == '2' ? 65535
				   : 0xffffffff,
		&n))
		return false;
	if (width == '1')
		write_u8(w, (uint8_t)n);
	else if (width == '2')
		write_u16(w, (uint16_t)n);
	else
		write_u32(w, n);
	return true;
}

static bool
field_read(
    struct parser *p, char kind, const struct name *origin, struct writer *w)
{
	uint16_t type;

	switch (kind) {
	case 'n':
		return field_name(p, origin, w);
	case 'a':
		return field_address(p, 4, w);
	case 'A':
		return field_address(p, 6, w);
	case 't':
		if (!parse_type(p, &type))
			return false;
		write_u16(w, type);
		return true;
	case 's':
		return string_read(p, w);
	case 'S':
		do
			if (!string_read(p, w))
				return false;
		while (words_left(p));
		return true;
	case 'x':
		return hex_read(p, w);
	case 'b':
		return base64_read(p, w);
	case 'w':
		return bitmap_read(p, w);
	default:
		return field_number(p, kind, w);
	}
}

/* RFC 3597 5: \# LENGTH HEX, for any type. */
static bool
generic_read(struct parser *p, struct writer *w)
{
	unsigned len;

	if (!parse_number(p, MESSAGE_MAX, &len) || !hex_read(p, w))
		return false;
	return w->len == len || complain(p, "not %u octets", len);
}

static bool
rdata_read(struct parser *p, const struct name *origin, struct rr *rr)
{
	static uint8_t octets[MESSAGE_MAX];
	struct writer w;
	const char *shape = NULL;
	uint8_t *copy;
	unsigned i;

	writer_init(&w, octets, sizeof(octets));
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].type == rr->type)
			shape = shapes[i].shape;
	if (word_given(p, "\\#")) {
		if (!generic_read(p, &w))
			return false;
	} else if (shape == NULL) {
		return complain(p, "write this type as \\# LENGTH HEX");
	} else {
		for (; *shape != '\0'; shape++)
			if (!field_read(p, *shape, origin, &w))
				return false;
	}
	if (w.failed)
		return complain(p, "too much rdata");
	copy = scenario_alloc(p->scenario, w.len + 1);
	memcpy(copy, octets, w.len);
	rr->rdata = copy;
	rr->rdata_len = (uint16_t)w.len;
	return true;
}

/* "60", or in an expectation "59..60" or "*". */
static void
ttl_read(struct parser *p, struct rr *rr)
{
	const char *word = word_peek(p);
	unsigned long least, most;
	char *end;

	rr->ttl_s = rr->ttl_max_s = TTL_DEFAULT_S;
	if (word_given(p, "*")) {
		rr->ttl_s = 0;
		rr->ttl_max_s = 0xffffffff;
		return;
	}
	if (*word < '0' || *word > '9')
		return;
	least = most = strtoul(word, &end, 10);
	if (end[0] == '.' && end[1] == '.')
		most = strtoul(end + 2, &end, 10);
	if (*end != '\0' || least > 0xffffffff || most > 0xffffffff)
		return;
	p->at++;
	rr->ttl_s = (uint32_t)least;
	rr->ttl_max_s = (uint32_t)most;
}

/* OWNER [TTL] [CLASS] TYPE RDATA */
bool
parse_record(struct parser *p, const struct name *origin, struct rr_list *list)
{
	struct rr *rr = scenario_alloc(p->scenario, sizeof(*rr));

	if (!parse_name(p, word_take(p), origin, &rr->owner))
		return false;
	ttl_read(p, rr);
	rr->class = CLASS_IN;
	if (class_from_text(word_peek(p), &rr->class))
		p->at++;
	if (!parse_type(p, &rr->type) || !rdata_read(p, origin, rr))
		return false;
	if (list->first == NULL)
		list->first = rr;
	else
		list->last->next = rr;
	list->last = rr;
	return true;
}

/* A word with n in place of each `$', and n + 10 for `${10}'. */
static const char *
numbered(struct parser *p, const char *word, unsigned n)
{
	char text[NAME_TEXT_MAX] = "";
	size_t len = 0;

	for (; *word != '\0' && len < sizeof(text) - 12; word++) {
		unsigned offset = 0;
		int used = 0;

		if (*word != '$') {
			text[len++] = *word;
			continue;
		}
		if (sscanf(word, "${%5u}%n", &offset, &used) == 1 && used > 0)
			word += used - 1;
		else
			offset = 0;
		len += (size_t)snprintf(text + len, 12, "%u", n + offset);
	}
	return scenario_text(p->scenario, text, len);
}

/* $GENERATE FIRST-LAST RECORD, with the number in place of each `$'. */
bool
parse_generate(
    struct parser *p, const struct name *origin, struct rr_list *list)
{
	const char *template[WORDS_MAX];
	unsigned first, last, from, n, i;

	if (sscanf(word_take(p), "%u-%u", &first, &last) != 2 || last > 65535)
		return complain(p, "$GENERATE wants FIRST-LAST");
	memcpy(template, p->words, sizeof(template));
	from = p->at;
	for (n = first; n <= last; n++) {
		for (i = from; i < p->count; i++)
			p->words[i] = numbered(p, template[i], n);
		p->at = from;
		if (!parse_record(p, origin, list))
			return false;
	}
	return true;
}

bool
parse_prefix(struct parser *p, struct prefix *prefix)
{
	const char *word = word_take(p);

	return prefix_from_text(word, prefix) ||
	    complain(p, "`%s' is no address or prefix", word);
}
