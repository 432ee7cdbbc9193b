/*
 * lookup.c -- what this C library finds: one line for each name, its addresses
 * in order or the error; for an address, its name.  clients.sh builds it with
 * each C library that there is.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FOUND_MAX = 64
};

static const char *
error_text(int error)
{
	switch (error) {
	case EAI_AGAIN:
		return "again";
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
		return "none";
	default:
		return gai_strerror(error);
	}
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
addresses_print(const struct addrinfo *found)
{
	static char texts[FOUND_MAX][INET6_ADDRSTRLEN];
	unsigned i, count = 0;

	for (; found != NULL && count < FOUND_MAX; found = found->ai_next)
		if (getnameinfo(found->ai_addr, found->ai_addrlen, texts[count],
			sizeof(texts[0]), NULL, 0, NI_NUMERICHOST) == 0)
			count++;
	qsort(texts, count, sizeof(texts[0]), compare);
	for (i = 0; i < count; i++)
		printf(" %s", texts[i]);
}

static void
look_up(const char *name)
{
	static const struct addrinfo ask = {.ai_socktype = SOCK_STREAM};
	static const struct addrinfo is_address = {.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;
	char host[NI_MAXHOST];
	int error;

	printf("%s:", name);
	if (getaddrinfo(name, NULL, &is_address, &found) == 0) {
		error = getnameinfo(found->ai_addr, found->ai_addrlen, host,
		    sizeof(host), NULL, 0, NI_NAMEREQD);
		printf(" %s", error == 0 ? host : error_text(error));
		freeaddrinfo(found);
	} else {
		error = getaddrinfo(name, NULL, &ask, &found);
		if (error == 0) {
			addresses_print(found);
			freeaddrinfo(found);
		} else {
			printf(" %s", error_text(error));
		}
	}
	printf("\n");
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		look_up(argv[i]);
	return 0;
}
