/*
 * parser.h -- between the words of a scenario file and the steps they make.
 *
 *	parser.c	words, numbers, names, addresses, records, memory
 *	scenario.c	what each line means
 */
#ifndef PARSER_H
#define PARSER_H

#include "scenario.h"

enum {
	WORDS_MAX = 256,
	LINE_LEN_MAX = 65536
};

struct parser {
	struct scenario *scenario;
	struct fault *fault;
	unsigned line;
	char text[LINE_LEN_MAX]; /* the line as it stands */
	const char *words[WORDS_MAX];
	unsigned count, at;                  /* the next word */
	bool (*block_line)(struct parser *); /* reads an indented line */
	unsigned unjudged;                   /* asks without an expect yet */
	size_t indent_len;                   /* of a hints block */
	bool hints_crlf, hints_unended, hints_hex;
	bool has_description;
	bool failed;
};

/* A word and what it stands for; a table ends with NULL. */
struct choice {
	const char *word;
	unsigned value;
};

/* Zeroed memory, and a copy of a text, that live as long as the scenario. */
void *scenario_alloc(struct scenario *, size_t len);
char *scenario_text(struct scenario *, const char *, size_t len);

/* Keep the first fault; always false. */
bool complain(struct parser *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Split the line; quotes hold blanks, `#' ends it. */
bool words_split(struct parser *);
bool words_left(const struct parser *);

/* The next word: looked at (or ""), taken, taken if it is this one. */
const char *word_peek(const struct parser *);
const char *word_take(struct parser *);
bool word_given(struct parser *, const char *);

/* The next word as a thing; false if it is none, and that is the fault. */
bool parse_choice(struct parser *, const struct choice *, unsigned *);
bool parse_number(struct parser *, unsigned long max, unsigned *);
bool parse_duration(struct parser *, bool sign, int64_t *ms);
bool parse_name(
    struct parser *, const char *, const struct name *origin, struct name *);
bool parse_type(struct parser *, uint16_t *);
bool class_from_text(const char *, uint16_t *);
bool parse_address(struct parser *, struct address *);
bool parse_addresses(struct parser *, struct address *, unsigned *count);
bool parse_prefix(struct parser *, struct prefix *);
bool parse_servers(struct parser *, struct prefix *, unsigned *count);
const uint8_t *parse_octets(struct parser *, size_t *len); /* in hex */

/* A record as in a master file: OWNER [TTL] [CLASS] TYPE RDATA. */
bool parse_record(struct parser *, const struct name *origin, struct rr_list *);
bool parse_generate(
    struct parser *, const struct name *origin, struct rr_list *);

#endif
