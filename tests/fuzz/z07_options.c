/*
 * Z07: the command line.  Either all of it is understood, and then the options
 * are sound, or the program ends with status 2 and a line that says why.  Not
 * --check and --classify, which look at this host.
 */
#include "fuzz.h"

#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WORDS_MAX = 100,
	WORDS_LEN_MAX = 2048
};

static jmp_buf at_exit;
static char said[8 * WORDS_LEN_MAX];
static int status;

static _Noreturn void
ended(int code)
{
	status = code;
	longjmp(at_exit, 1);
}

/* What is printed has no reader here. */
#define exit ended
#define fprintf(file, ...) snprintf(said, sizeof(said), __VA_ARGS__)
#define printf(...) snprintf(said, sizeof(said), __VA_ARGS__)
#define fwrite(text, size, count, file) ((void)(text), (void)(size), (count))
#define putchar(c) (c)
#define puts(text) ((void)(text), 0)
#include "control.c"

static bool
looks_at_host(const char *word)
{
	return strncmp(word, "--ch", 4) == 0 || strncmp(word, "--cl", 4) == 0;
}

static void
check_prefixes(const struct prefix *p, unsigned count)
{
	assert(count <= ALLOWED_PREFIXES_MAX);
	for (; count > 0; count--, p++) {
		assert(p->address.family == 4 || p->address.family == 6);
		assert(p->bits <= (p->address.family == 4 ? 32 : 128));
	}
}

static void
check_options(const struct options *o)
{
	unsigned i;

	assert(o->listen_count > 0 && o->listen_count <= LISTENERS_MAX);
	for (i = 0; i < o->listen_count; i++)
		assert(o->listen[i].port != 0 && o->listen[i].family != 0);
	assert(o->cache_octets >= CACHE_OCTETS_MIN);
	assert(o->cache_octets <= (size_t)CACHE_GIB_MAX << 30);
	check_prefixes(o->allow, o->allow_count);
	check_prefixes(o->allow_server, o->allow_server_count);
	assert(o->family == 0 || o->family == 4 || o->family == 6);
	for (i = 0; i < 2; i++) {
		const struct address *source = &o->sources[i];

		assert(source->family == 0 || source->family == (i ? 6 : 4));
		assert(source->family == 0 || o->family == 0 ||
		    o->family == source->family);
		assert(source->family == 0 ||
		    address_classify(source)->verdict != VERDICT_NEVER);
	}
	assert(o->log.least <= LEVEL_DEBUG && o->log.format <= FORMAT_TRACE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
	static struct options o;
	static char text[WORDS_LEN_MAX + 1];
	char *words[WORDS_MAX + 1] = {(char[]){"dns"}};
	int count = 1;
	char *at;

	if (len > WORDS_LEN_MAX)
		return 0;
	memcpy(text, octets, len);
	text[len] = '\0';
	for (at = strtok(text, "\n"); at != NULL && count < WORDS_MAX;
	     at = strtok(NULL, "\n")) {
		if (looks_at_host(at))
			return 0;
		words[count++] = at;
	}
	optind = 0; /* getopt begins anew */
	said[0] = '\0';
	if (setjmp(at_exit) == 0) {
		options_take(&o, count, words);
		check_options(&o);
	} else {
		assert(status == EXIT_SUCCESS || status == EXIT_USAGE);
		assert(status == EXIT_SUCCESS ||
		    (strncmp(said, "dns: ", 5) == 0 &&
			said[strlen(said) - 1] == '\n'));
	}
	return 0;
}
