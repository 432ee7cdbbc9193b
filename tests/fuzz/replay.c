/*
 * replay.c -- gives a fuzz target the inputs that were kept.
 *
 *	TARGET FILE		each line of a corpus, which is one input in
 *				hexadecimal, or a comment that begins with #
 *	TARGET -x FILE DIR	nothing is run: each input becomes a file
 *
 * It needs no libFuzzer.  An input that breaks the target ends the program,
 * and the last line says which one it was.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CORPUS_OCTETS_MAX = 1 << 20
};

/*
 * The whole text at once: a target may fork, and what a child does at its end
 * to a file that is still being read would be done to ours.
 */
static char *
corpus_read(const char *path)
{
	static char text[CORPUS_OCTETS_MAX + 1];
	FILE *f = fopen(path, "r");
	size_t len;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	len = fread(text, 1, CORPUS_OCTETS_MAX, f);
	assert(len < CORPUS_OCTETS_MAX);
	fclose(f);
	return text;
}

/* The octets of a line; each input has memory that ends where it ends. */
static uint8_t *
octets_of(const char *line, size_t *len)
{
	size_t n = strspn(line, "0123456789abcdef") / 2;
	uint8_t *octets = malloc(n > 0 ? n : 1);
	unsigned octet;

	if (octets == NULL)
		abort();
	for (*len = 0; *len < n; octets[(*len)++] = (uint8_t)octet)
		(void)sscanf(line + 2 * *len, "%2x", &octet);
	return octets;
}

static void
input_extract(
    const char *directory, unsigned n, const uint8_t *octets, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%u", directory, n);
	f = fopen(path, "w");
	if (f == NULL || fwrite(octets, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	bool extract = argc == 4 && strcmp(argv[1], "-x") == 0;
	unsigned n = 0, inputs = 0;
	const char *path;
	char *text, *line;

	if (argc != 2 && !extract) {
		fprintf(stderr, "usage: %s [-x] CORPUS [DIR]\n", argv[0]);
		return 2;
	}
	path = argv[argc == 2 ? 1 : 2];
	text = corpus_read(path);
	while ((line = strsep(&text, "\n")) != NULL && text != NULL) {
		uint8_t *octets;
		size_t len;

		n++;
		if (line[0] == '#')
			continue;
		octets = octets_of(line, &len);
		fprintf(stderr, "\r%s:%u ", path, n);
		if (extract)
			input_extract(argv[3], n, octets, len);
		else
			(void)LLVMFuzzerTestOneInput(octets, len);
		free(octets);
		inputs++;
	}
	printf("%u inputs\n", inputs);
	return 0;
}
