/*
 * check_filter.c -- the address filter stands before each call that connects
 * or sends to a name server.
 *
 * An address is judged when it would enter a list of servers, so that what
 * comes to the calls is good, and judged there once more, as it may have turned
 * bad meanwhile (DESIGN decision 5).  Here the filter is blind to a bad address
 * for a while, as if it had turned bad then, and after that no call may follow.
 * Each walk is the same: the root refers to a name server at that address, and
 * its reply is one that has it asked over TCP.  Functions below referral.c, and
 * the system's, are stood in for at link time.
 */
#include "from_text.h"

#include <sys/epoll.h>

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

enum {
	START_MS = 1000000,
	TTL_S = 3600,
	QUERY_MAX = 512,
	DESCRIPTORS_MAX = 64
};

/* One address of each refused row of rfcs.md section 19.1, and our own. */
static const struct {
	const char *address, *class;
} BAD[] = {
    {"0.0.0.0", "unspecified"},
    {"0.255.255.255", "this-network"},
    {"239.1.1.1", "multicast"},
    {"247.7.7.7", "reserved"},
    {"255.255.255.255", "broadcast"},
    {"10.1.2.3", "private"},
    {"100.127.255.255", "shared"},
    {"127.9.9.9", "loopback"},
    {"169.254.1.1", "link-local"},
    {"172.31.255.254", "private"},
    {"192.0.0.77", "ietf-protocol"},
    {"192.0.0.1", "ds-lite"},
    {"192.0.0.8", "dummy"},
    {"192.0.0.9", "pcp-anycast"},
    {"192.0.0.10", "turn-anycast"},
    {"192.0.0.170", "nat64-discovery"},
    {"192.0.0.171", "nat64-discovery"},
    {"192.0.2.53", "documentation"},
    {"192.88.99.1", "6to4-relay"},
    {"192.88.99.2", "6a44-relay"},
    {"192.168.1.1", "private"},
    {"198.19.255.255", "benchmarking"},
    {"198.51.100.53", "documentation"},
    {"203.0.113.9", "documentation"},
    {"::", "unspecified"},
    {"::ffff:192.0.32.10", "v4-mapped"},
    {"::192.0.32.10", "v4-compatible"},
    {"fe80::53", "link-local"},
    {"ff02::1", "multicast"},
    {"::1", "loopback"},
    {"64:ff9b::192.0.32.10", "nat64"},
    {"64:ff9b:1::53", "nat64-local"},
    {"100::53", "discard"},
    {"100:0:0:1::53", "dummy"},
    {"2001:1ff::53", "ietf-protocol"},
    {"2001:0:1::53", "teredo"},
    {"2001:1::1", "pcp-anycast"},
    {"2001:1::2", "turn-anycast"},
    {"2001:1::3", "srp-anycast"},
    {"2001:2::53", "benchmarking"},
    {"2001:1f::53", "orchid"},
    {"2001:2f::53", "orchid"},
    {"2001:3f::53", "drone-id"},
    {"2001:db8::53", "documentation"},
    {"2002:c000:200a::53", "6to4"},
    {"3fff:fff::53", "documentation"},
    {"5f00::53", "srv6"},
    {"fd00::53", "private"},
    {"::ffff:0:192.0.32.10", "v4-translated"},
    {"fec0::53", "site-local"},
    {"3ffe::53", "6bone"},
    {"4000::53", "not-global-unicast"},
    {"192.0.32.77", CLASS_OWN},
    {"2001:500:8d::77", CLASS_OWN},
};

/* When the filter sees that the address is bad. */
enum sight {
	SIGHT_GLUE,       /* at once */
	SIGHT_QUERY,      /* as a query to it has been written */
	SIGHT_CONNECT,    /* as a socket has been connected to it */
	SIGHT_CONNECTION, /* as there is a socket for TCP to it */
	SIGHT_LATER       /* when the test says so */
};

/* Somebody who is sent to. */
struct peer {
	struct address at;
	unsigned connects, sends;
	int fd; /* by which the last query went */
	uint8_t query[QUERY_MAX];
	size_t len;
};

static struct peer root, bad;
static struct peer *peer;              /* the one connected to last */
static int connected;                  /* ... by this */
static uint64_t tags[DESCRIPTORS_MAX]; /* that epoll was given */
static bool blind;                     /* to the bad address */
static enum sight sight;               /* ... until then */
static unsigned opened;  /* sockets for datagrams, since the root referred */
static unsigned refused; /* told of, and as what */
static const char *class;
static unsigned kernel_ports, reads;
static struct address source; /* of the reply; family 0: who was asked */
static uint8_t reply[QUERY_MAX];
static size_t reply_len;

/* ---------------------------------------------------------------------------
 * What is stood in for.
 */

const char *__real_address_fault(const struct address *, bool);
const char *__wrap_address_fault(const struct address *, bool);
void __wrap_eventlog_server_refused(const struct incident *, const char *);
void __wrap_eventlog_self_send(const struct incident *);
unsigned __wrap_server_kernel_ports(void);
void __real_server_write_cookie(
    const struct address *, struct edns *, uint64_t);
void __wrap_server_write_cookie(
    const struct address *, struct edns *, uint64_t);
int __real_socket(int, int, int);
int __wrap_socket(int, int, int);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_bind(int, const struct sockaddr *, socklen_t);
int __wrap_connect(int, const struct sockaddr *, socklen_t);
int __wrap_epoll_ctl(int, int, int, struct epoll_event *);
ssize_t __wrap_sendto(
    int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t __wrap_recv(int, void *, size_t, int);
ssize_t __wrap_recvfrom(
    int, void *, size_t, int, struct sockaddr *, socklen_t *);

static void
see(enum sight now)
{
	if (sight == now)
		blind = false;
}

const char *
__wrap_address_fault(const struct address *at, bool typed)
{
	if (blind && address_equal(at, &bad.at))
		return NULL;
	return __real_address_fault(at, typed);
}

void
__wrap_eventlog_server_refused(const struct incident *i, const char *word)
{
	ck_assert(address_equal(i->addr, &bad.at));
	class = word;
	refused++;
}

void
__wrap_eventlog_self_send(const struct incident *i)
{
	__wrap_eventlog_server_refused(i, CLASS_OWN);
}

/* With few each query has a socket of its own, with all it rests afterwards. */
unsigned
__wrap_server_kernel_ports(void)
{
	return kernel_ports;
}

/* The last that a query over UDP asks for before it goes. */
void
__wrap_server_write_cookie(
    const struct address *at, struct edns *opt, uint64_t now_ms)
{
	if (address_equal(at, &bad.at))
		see(SIGHT_QUERY);
	__real_server_write_cookie(at, opt, now_ms);
}

/* A descriptor by which nothing can leave. */
int
__wrap_socket(int family, int type, int protocol)
{
	(void)family;
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM)
		see(SIGHT_CONNECTION);
	else
		opened++;
	return __real_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
}

int
__wrap_setsockopt(
    int fd, int level, int option, const void *value, socklen_t len)
{
	(void)fd, (void)level, (void)option, (void)value, (void)len;
	return 0;
}

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)fd, (void)sa, (void)len;
	return 0;
}

int
__wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	(void)epoll;
	ck_assert_int_lt(fd, DESCRIPTORS_MAX);
	if (operation == EPOLL_CTL_ADD)
		tags[fd] = event->data.u64;
	return 0;
}

int
__wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
	struct address to;

	if (sa->sa_family == AF_UNSPEC)
		return 0;
	memcpy(&storage, sa, len);
	ck_assert(address_from_sockaddr(&storage, &to));
	ck_assert(address_equal(&to, &root.at) || address_equal(&to, &bad.at));
	peer = address_equal(&to, &bad.at) ? &bad : &root;
	peer->connects++;
	connected = fd;
	if (peer == &bad)
		see(SIGHT_CONNECT);
	return 0;
}

/* Priming has no reply here. */
ssize_t
__wrap_sendto(int fd, const void *octets, size_t len, int flags,
    const struct sockaddr *sa, socklen_t sa_len)
{
	struct header header;
	struct question q;
	struct reader r;

	(void)flags, (void)sa, (void)sa_len;
	reader_init(&r, octets, len);
	ck_assert(read_header(&r, &header) && read_question(&r, &q));
	peer->sends++;
	if (q.type != TYPE_NS) {
		ck_assert_uint_le(len, QUERY_MAX);
		memcpy(peer->query, octets, len);
		peer->len = len;
		peer->fd = fd;
	}
	return (ssize_t)len;
}

/* Nothing is behind a reply. */
ssize_t
__wrap_recv(int fd, void *octets, size_t len, int flags)
{
	(void)fd, (void)octets, (void)len, (void)flags;
	errno = EAGAIN;
	return -1;
}

ssize_t
__wrap_recvfrom(int fd, void *octets, size_t len, int flags,
    struct sockaddr *sa, socklen_t *sa_len)
{
	struct sockaddr_storage storage;

	(void)fd, (void)flags;
	reads++;
	*sa_len = address_to_sockaddr(
	    source.family != 0 ? &source : &peer->at, &storage);
	memcpy(sa, &storage, *sa_len);
	ck_assert_uint_le(reply_len, len);
	memcpy(octets, reply, reply_len);
	return (ssize_t)reply_len;
}

/* ---------------------------------------------------------------------------
 * The servers.
 */

/* The beginning of a reply to the last query of this peer. */
static void
reply_begin(struct writer *w, const struct peer *p, struct header *h)
{
	struct header asked;
	struct question q;
	struct reader r;

	reader_init(&r, p->query, p->len);
	ck_assert(read_header(&r, &asked) && read_question(&r, &q));
	h->id ^= asked.id;
	header_set(h, FLAG_QR, true);
	h->questions = 1;
	writer_init(w, reply, sizeof(reply));
	write_header(w, h);
	write_question(w, &q);
}

static void
reply_end(const struct writer *w, const struct peer *p)
{
	ck_assert(!w->failed);
	reply_len = w->len;
	referral_ready(tags[p->fd], START_MS);
}

static void
write_record_head(struct writer *w, const struct name *owner, uint16_t type)
{
	write_name(w, owner);
	write_u16(w, type);
	write_u16(w, CLASS_IN);
	write_u32(w, TTL_S);
}

/* The root refers to one name server, at the bad address. */
static void
root_refers(void)
{
	struct header h = {.authorities = 1, .additionals = 1};
	struct name zone = name_of("example."), ns = name_of("ns.example.");
	uint16_t len = bad.at.family == 4 ? 4 : 16;
	struct writer w;

	reply_begin(&w, &root, &h);
	write_record_head(&w, &zone, TYPE_NS);
	write_u16(&w, ns.len);
	write_name(&w, &ns);
	write_record_head(&w, &ns, bad.at.family == 4 ? TYPE_A : TYPE_AAAA);
	write_u16(&w, len);
	write_bytes(&w, bad.at.ip, len);
	reply_end(&w, &root);
}

/* It is not the reply: the ID differs in these bits; or it is cut short. */
static void
bad_replies(uint16_t wrong, bool truncated)
{
	struct header h = {
	    .id = wrong, .flags = FLAG_AA | (truncated ? FLAG_TC : 0)};
	struct writer w;

	reply_begin(&w, &bad, &h);
	reply_end(&w, &bad);
}

/* ---------------------------------------------------------------------------
 * Tests.
 */

static void
setup(void)
{
	struct server_options so = {.allowed_count = 0};
	struct referral_options ro = {.walks_max = WALKS_MAX};
	ck_assert(server_init(&so));
	ck_assert(cache_init(CACHE_OCTETS_MIN, so.key));
	ck_assert(referral_init(&ro));
}

static void
setup_resting(void)
{
	kernel_ports = 64512;
	setup();
}

/* One root, of the same family as the bad address. */
static void
give_hints(void)
{
	static struct root_servers roots = {
	    .name_count = 1, .address_count = 1};

	root.at = address_of(
	    bad.at.family == 4 ? "198.41.0.4" : "2001:503:ba3e::2:30");
	roots.addresses[0].at = root.at;
	roots.names[0] = name_of("a.root-servers.net.");
	(void)referral_hints(&roots, START_MS);
}

/* A client asks, and the root refers. */
static void
ask(int n, enum sight when)
{
	static struct name qname;
	static struct trail trail;
	static const struct address client = {.family = 4};
	struct client_question q = {.q = 1,
	    .asked_ms = START_MS,
	    .client = &client,
	    .transport = "udp",
	    .qname = &qname,
	    .qtype = TYPE_A};

	qname = name_of("example.");
	bad.at = address_of(BAD[n].address);
	give_hints();
	if (strcmp(BAD[n].class, CLASS_OWN) == 0)
		server_listens(&bad.at);
	trail_begin(&trail, &qname);
	ck_assert_ptr_nonnull(referral_ask(
	    (struct query *)&qname, &q, &trail, true, false, START_MS));
	blind = when != SIGHT_GLUE;
	sight = when;
	opened = 0;
	root_refers();
}

/*
 * It was told once, and by then there were so many calls, on the socket that
 * the root's reply came by if sockets rest.
 */
static void
judged(int n, unsigned connects, unsigned sends)
{
	ck_assert(!blind);
	ck_assert_uint_eq(refused, 1);
	ck_assert_str_eq(class, BAD[n].class);
	ck_assert_uint_eq(bad.connects, connects);
	ck_assert_uint_eq(bad.sends, sends);
	ck_assert_uint_eq(opened, kernel_ports == 0 && sight != SIGHT_GLUE);
}

/* The question has failed, and the reason is this. */
static void
failed(const char *text)
{
	struct done done;

	ck_assert(referral_next_done(&done));
	ck_assert_uint_eq(done.reason.ede, EDE_NO_REACHABLE_AUTHORITY);
	ck_assert_str_eq(done.reason.text, text);
}

START_TEST(bad_address_enters_no_list)
{
	ask(_i, SIGHT_GLUE);
	judged(_i, 0, 0);
	failed("no valid NS address for example.: 1 refused");
}
END_TEST

START_TEST(bad_address_gets_no_datagram)
{
	ask(_i, SIGHT_QUERY);
	judged(_i, 0, 0);
	failed("no valid NS address for example.: 1 address, 1 refused");
}
END_TEST

START_TEST(bad_address_gets_no_datagram_on_a_socket_connected_to_it)
{
	ask(_i, SIGHT_CONNECT);
	judged(_i, 1, 0);
	failed("no valid NS address for example.: 1 address, 1 refused");
}
END_TEST

START_TEST(bad_address_gets_no_connection_after_tc)
{
	ask(_i, SIGHT_CONNECTION);
	bad_replies(0, true);
	judged(_i, 1, 1);
	failed("no valid NS address for example.: 1 address, 1 refused");
}
END_TEST

/* The query over UDP is still out. */
START_TEST(bad_address_gets_no_connection_beside_udp)
{
	struct done done;

	ask(_i, SIGHT_CONNECTION);
	bad_replies(1, false);
	judged(_i, 1, 1);
	ck_assert(!referral_next_done(&done));
}
END_TEST

START_TEST(bad_address_gets_no_octet_on_a_connection)
{
	ask(_i, SIGHT_LATER);
	bad_replies(0, true);
	ck_assert(blind && bad.connects == 2);
	blind = false;
	referral_ready(tags[connected], START_MS); /* it is open */
	judged(_i, 2, 1);
	failed("no valid NS address for example.: 1 address, 1 refused");
}
END_TEST

/* Whose socket had its port before it was connected. */
START_TEST(reply_of_another_server_is_dropped)
{
	source = address_of("198.41.0.5");
	ask(0, SIGHT_GLUE);
	ck_assert_uint_eq(reads, 1);
	ck_assert_uint_eq(refused, 0);
	source.family = 0;
	root_refers();
	judged(0, 0, 0);
}
END_TEST

/* Or epoll would tell of it for ever. */
START_TEST(what_comes_to_a_socket_at_rest_is_read_and_dropped)
{
	struct referral_counts before, after;

	ask(0, SIGHT_GLUE);
	referral_count(&before);
	ck_assert_uint_eq(reads, 1);
	referral_ready(tags[root.fd], START_MS);
	ck_assert_uint_eq(reads, 2);
	referral_count(&after);
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

/* Each at each bad address. */
static void
add_bad_addresses(TCase *t)
{
	int n = sizeof(BAD) / sizeof(BAD[0]);

	tcase_add_loop_test(t, bad_address_enters_no_list, 0, n);
	tcase_add_loop_test(t, bad_address_gets_no_datagram, 0, n);
	tcase_add_loop_test(
	    t, bad_address_gets_no_datagram_on_a_socket_connected_to_it, 0, n);
	tcase_add_loop_test(t, bad_address_gets_no_connection_after_tc, 0, n);
	tcase_add_loop_test(t, bad_address_gets_no_connection_beside_udp, 0, n);
	tcase_add_loop_test(t, bad_address_gets_no_octet_on_a_connection, 0, n);
}

int
main(void)
{
	Suite *suite = suite_create("filter");
	TCase *calls = tcase_create("calls"), *rest = tcase_create("rest");
	SRunner *runner = srunner_create(suite);
	int failures;

	tcase_add_checked_fixture(calls, setup, NULL);
	add_bad_addresses(calls);
	tcase_add_test(calls, reply_of_another_server_is_dropped);
	tcase_add_checked_fixture(rest, setup_resting, NULL);
	add_bad_addresses(rest);
	tcase_add_test(
	    rest, what_comes_to_a_socket_at_rest_is_read_and_dropped);
	suite_add_tcase(suite, calls);
	suite_add_tcase(suite, rest);
	srunner_run_all(runner, CK_ENV);
	failures = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failures > 0;
}
