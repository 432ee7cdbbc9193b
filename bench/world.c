/*
 * world.c -- the name servers of the Internet that names.h tells of.
 *
 *	world [RTT_MIN_MS RTT_MAX_MS LOST_OF_1000]
 *
 * Every address of the network namespace must be a local one.  What a server
 * has is computed, so a zone costs no memory and an answer little time: the
 * servers under test are what is measured.  With delays, an address has always
 * the same, most are near the least, and of packets each way so many are lost.
 */
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_ONCE = 64,
	OCTETS_MAX = 1024, /* of a reply; none has more than 500 */
	TTL_S = 86400,
	BUFFER = 16 << 20, /* whoever is slow, it is not us */
	ROOTS = 13,
	DELAYED_MAX = 1 << 15,
	TICKS = 1024 /* of a millisecond: no delay is longer */
};

/* A datagram, and the two ends. */
struct packet {
	struct packet *next; /* of those due at the same time */
	struct sockaddr_in peer;
	struct in_addr own;
	size_t len;
	uint8_t octets[OCTETS_MAX];
};

/* A question as a server sees it. */
struct query {
	struct header header;
	struct question question;
	struct edns edns;
	unsigned labels;
	struct name last, zone; /* its last label, and its last two */
	const uint8_t *server;  /* the four octets of the address */
};

struct reply {
	struct header header;
	struct writer w;
};

static const struct name root_zone = {1, {0}};
static struct in_addr roots[ROOTS];
static struct compressor names;

/* ---------------------------------------------------------------------------
 * Records.
 */
static void
fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void
record_begin(struct reply *r, const struct name *owner, uint16_t type)
{
	write_name(&r->w, owner);
	write_u16(&r->w, type);
	write_u16(&r->w, CLASS_IN);
	write_u32(&r->w, TTL_S);
}

static void
put_name(struct reply *r, const struct name *owner, uint16_t type,
    const struct name *target)
{
	size_t at;

	record_begin(r, owner, type);
	at = r->w.len;
	write_u16(&r->w, 0);
	write_name(&r->w, target);
	write_u16_at(&r->w, at, (uint16_t)(r->w.len - at - 2));
}

static void
put_a(struct reply *r, const struct name *owner, const void *address)
{
	record_begin(r, owner, TYPE_A);
	write_u16(&r->w, 4);
	write_bytes(&r->w, address, 4);
}

static void
put_host(struct reply *r, const struct name *owner, unsigned level,
    unsigned group, unsigned which)
{
	uint8_t address[4];

	server_address(level, group, which, address);
	put_a(r, owner, address);
}

/* There is no such thing (RFC 2308 2). */
static void
deny(struct reply *r, const struct name *zone, uint8_t rcode)
{
	static const uint32_t numbers[5] = {1, 7200, 3600, 1209600, 3600};
	struct name mail;
	unsigned i;
	size_t at;

	header_set_rcode(&r->header, rcode);
	r->header.authorities = 1;
	record_begin(r, zone, TYPE_SOA);
	at = r->w.len;
	write_u16(&r->w, 0);
	name_below("ns1", zone, &mail);
	write_name(&r->w, &mail);
	name_below("mail", zone, &mail);
	write_name(&r->w, &mail);
	for (i = 0; i < 5; i++)
		write_u32(&r->w, numbers[i]);
	write_u16_at(&r->w, at, (uint16_t)(r->w.len - at - 2));
}

/* Two servers, ns1 and ns2 below `host`, and their addresses if they are glue.
 */
static void
put_servers(struct reply *r, const struct name *zone, const struct name *host,
    unsigned level, unsigned group)
{
	struct name ns[2];

	name_below("ns1", host, &ns[0]);
	name_below("ns2", host, &ns[1]);
	put_name(r, zone, TYPE_NS, &ns[0]);
	put_name(r, zone, TYPE_NS, &ns[1]);
	if (!name_within(host, zone))
		return;
	r->header.additionals = 2;
	put_host(r, &ns[0], level, group, 1);
	put_host(r, &ns[1], level, group, 2);
}

/* ---------------------------------------------------------------------------
 * What each level of servers says.
 */
static bool
is_asked(const struct query *q, const struct name *name, uint16_t type)
{
	return q->question.type == type && name_equal(&q->question.name, name);
}

/* The roots have root-servers.net, as they had. */
static void
root_servers(const struct query *q, struct reply *r)
{
	struct name net, zone, ns;
	char label[2] = "a";
	unsigned i;

	name_below("net", &root_zone, &net);
	name_below("root-servers", &net, &zone);
	if (q->labels == 0 && q->question.type == TYPE_NS) {
		r->header.answers = r->header.additionals = ROOTS;
		for (i = 0; i < ROOTS; i++, label[0]++) {
			name_below(label, &zone, &ns);
			put_name(r, &root_zone, TYPE_NS, &ns);
		}
		label[0] = 'a';
	}
	for (i = 0; i < ROOTS; i++, label[0]++) {
		name_below(label, &zone, &ns);
		if (r->header.answers == ROOTS)
			put_a(r, &ns, &roots[i]);
		else if (is_asked(q, &ns, TYPE_A)) {
			r->header.answers = 1;
			put_a(r, &ns, &roots[i]);
		}
	}
	if (r->header.answers == 0)
		deny(r, &root_zone, RCODE_NOERROR);
}

static void
root_answer(const struct query *q, struct reply *r)
{
	unsigned tld = (q->last.wire[2] | 0x20u) - 'a';

	if (q->labels == 0 || q->last.wire[0] == 3) {
		root_servers(q, r);
		return;
	}
	if (q->last.wire[0] != 2 || (q->last.wire[1] | 0x20) != 't' ||
	    tld >= TLDS) {
		deny(r, &root_zone, RCODE_NXDOMAIN);
		return;
	}
	if (q->labels == 1 && q->question.type == TYPE_DS) {
		deny(r, &root_zone, RCODE_NOERROR);
		return;
	}
	header_set(&r->header, FLAG_AA, false);
	r->header.authorities = 2;
	put_servers(r, &q->last, &q->last, LEVEL_TLD, tld);
}

/* The zone of a name that has one; false: it is none. */
static bool
zone_read(const struct name *name, struct zone *z)
{
	unsigned i;

	if (name->wire[0] != 7)
		return false;
	z->kind = name->wire[1] | 0x20;
	z->number = 0;
	for (i = 2; i < 8; i++) {
		if (name->wire[i] < '0' || name->wire[i] > '9')
			return false;
		z->number = z->number * 10 + (name->wire[i] - '0');
	}
	return strchr("dhflx", (int)z->kind) != NULL;
}

/* A group serves many zones, but each silent one has its own. */
static unsigned
group_of(const struct zone *z)
{
	return z->kind == ZONE_SILENT ? z->number : z->number % SERVER_GROUPS;
}

/* ns1 and ns2 below the apex have the addresses of this server's group. */
static bool
put_own_address(const struct query *q, struct reply *r, const struct name *apex,
    unsigned level, unsigned group)
{
	struct name ns;
	unsigned i;

	for (i = 1; i <= 2; i++) {
		name_below(i == 1 ? "ns1" : "ns2", apex, &ns);
		if (!name_equal(&q->question.name, &ns))
			continue;
		if (q->question.type == TYPE_A) {
			r->header.answers = 1;
			put_host(r, &ns, level, group, i);
		} else {
			deny(r, apex, RCODE_NOERROR);
		}
		return true;
	}
	return false;
}

static void
put_apex(const struct query *q, struct reply *r, const struct name *host,
    unsigned level, unsigned group)
{
	if (q->question.type != TYPE_NS) {
		deny(r, &q->question.name, RCODE_NOERROR);
		return;
	}
	r->header.answers = 2;
	put_servers(r, &q->question.name, host, level, group);
}

static void
tld_answer(const struct query *q, struct reply *r)
{
	unsigned tld = q->server[3] / 2;
	struct name own, host_name;
	struct zone z, host;

	tld_name(tld % TLDS, &own);
	if (!name_equal(&own, &q->last)) {
		header_set_rcode(&r->header, RCODE_REFUSED);
		header_set(&r->header, FLAG_AA, false);
	} else if (q->labels == 1) {
		put_apex(q, r, &q->last, LEVEL_TLD, tld);
	} else if (put_own_address(q, r, &q->last, LEVEL_TLD, tld)) {
		return;
	} else if (!zone_read(&q->zone, &z) || zone_tld(&z) != tld) {
		deny(r, &q->last, RCODE_NXDOMAIN);
	} else if (q->labels == 2 && q->question.type == TYPE_DS) {
		deny(r, &q->last, RCODE_NOERROR);
	} else {
		header_set(&r->header, FLAG_AA, false);
		r->header.authorities = 2;
		host = zone_host(&z);
		host_name = q->zone;
		if (host.kind != z.kind)
			zone_name(&host, &host_name);
		put_servers(r, &q->zone, &host_name,
		    z.kind == ZONE_SILENT ? LEVEL_SILENT : LEVEL_ZONE,
		    group_of(&host));
	}
}

/* The name has an address, or is an alias of one that has. */
static void
put_sought(
    const struct query *q, struct reply *r, const struct zone *z, bool is_www)
{
	struct name target, above;
	struct zone to;

	if (is_www && zone_alias(z, &to)) {
		zone_name(&to, &above);
		name_below("web", &above, &target);
		r->header.answers = 1;
		put_name(r, &q->question.name, TYPE_CNAME, &target);
	} else if (q->question.type == TYPE_A) {
		r->header.answers = 1;
		put_host(r, &q->question.name, LEVEL_HOST, z->number, 1);
	} else {
		deny(r, &q->zone, RCODE_NOERROR);
	}
}

static void
zone_answer(const struct query *q, struct reply *r)
{
	struct name www, web, host_name;
	struct zone z, host;

	if (q->labels < 2 || !zone_read(&q->zone, &z) || z.kind == ZONE_LAME) {
		header_set_rcode(&r->header, RCODE_REFUSED);
		header_set(&r->header, FLAG_AA, false);
		return;
	}
	host = zone_host(&z);
	name_below("www", &q->zone, &www);
	name_below("web", &q->zone, &web);
	if (q->labels == 2) {
		zone_name(&host, &host_name);
		put_apex(q, r, &host_name, LEVEL_ZONE, group_of(&host));
	} else if (put_own_address(q, r, &q->zone, LEVEL_ZONE, group_of(&z))) {
		return;
	} else if (name_equal(&q->question.name, &www)) {
		put_sought(q, r, &z, true);
	} else if (z.kind == ZONE_FULL || name_equal(&q->question.name, &web)) {
		put_sought(q, r, &z, false);
	} else {
		deny(r, &q->zone, RCODE_NXDOMAIN);
	}
}

/* ---------------------------------------------------------------------------
 * Octets in, octets out.
 */
static bool
query_read(struct query *q, const struct packet *p)
{
	struct reader reader;
	struct record record;
	unsigned left;

	reader_init(&reader, p->octets, p->len);
	if (!read_header(&reader, &q->header) ||
	    header_is(&q->header, FLAG_QR) || q->header.questions != 1 ||
	    !read_question(&reader, &q->question))
		return false;
	memset(&q->edns, 0, sizeof(q->edns));
	for (left = q->header.additionals; left > 0; left--)
		if (read_record(&reader, &record) && record.type == TYPE_OPT)
			read_edns(&reader, &record, &q->edns);
	q->labels = (unsigned)name_labels(&q->question.name);
	name_parent(
	    &q->question.name, q->labels < 1 ? 0 : q->labels - 1, &q->last);
	name_parent(
	    &q->question.name, q->labels < 2 ? 0 : q->labels - 2, &q->zone);
	q->server = (const uint8_t *)&p->own;
	return !reader.failed;
}

/* The packet becomes the reply to itself; false: there is none. */
static bool
packet_answer(struct packet *p)
{
	struct edns edns = {.present = true, .udp_max = UDP_EDNS_MAX};
	struct query q;
	struct reply r;

	if (!query_read(&q, p))
		return false;
	if (q.server[0] == NET && q.server[1] == LEVEL_SILENT)
		return false;
	r.header = (struct header){
	    .id = q.header.id, .flags = FLAG_QR | FLAG_AA, .questions = 1};
	writer_init(&r.w, p->octets, sizeof(p->octets));
	writer_compress(&r.w, &names);
	write_header(&r.w, &r.header);
	write_question(&r.w, &q.question);
	if (q.server[0] != NET)
		root_answer(&q, &r);
	else if (q.server[1] == LEVEL_TLD)
		tld_answer(&q, &r);
	else
		zone_answer(&q, &r);
	if (q.edns.present) {
		r.header.additionals++;
		write_opt(&r.w, &edns, NULL, 0);
	}
	assert(!r.w.failed);
	p->len = r.w.len;
	writer_init(&r.w, p->octets, HEADER_LEN);
	write_header(&r.w, &r.header);
	return true;
}

/* ---------------------------------------------------------------------------
 * The network.
 */
static struct {
	unsigned rtt_min_ms, rtt_max_ms, lost_of_1000;
	uint32_t chance; /* the state of a generator */
	uint64_t now_ms, done_ms;
	struct packet *due[TICKS], *idle;
	unsigned waiting;
} net = {.chance = 1};

static uint64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool
is_lost(void)
{
	net.chance ^= net.chance << 13;
	net.chance ^= net.chance >> 17;
	net.chance ^= net.chance << 5;
	return net.chance % 1000 < net.lost_of_1000;
}

/* A server is as far away as it always is; the square brings most near. */
static unsigned
rtt_ms(struct in_addr server)
{
	uint32_t far = (server.s_addr * 0x9e3779b1u) >> 16;

	return net.rtt_min_ms +
	    (unsigned)((uint64_t)(net.rtt_max_ms - net.rtt_min_ms) * far *
		    far >>
		32);
}

static void
packet_delay(const struct packet *p)
{
	struct packet *copy = net.idle;
	unsigned tick = (unsigned)((net.now_ms + rtt_ms(p->own)) % TICKS);

	if (copy == NULL)
		return; /* a queue was full on the way */
	net.idle = copy->next;
	memcpy(copy, p, sizeof(*p));
	copy->next = net.due[tick];
	net.due[tick] = copy;
	net.waiting++;
}

/* Send `count`, as the addresses that were asked. */
static void
packets_send(int fd, struct mmsghdr *m, unsigned count)
{
	unsigned sent = 0;
	int n;

	while (sent < count) {
		n = sendmmsg(fd, m + sent, count - sent, 0);
		sent += n < 0 ? 1u : (unsigned)n; /* one that cannot be */
	}
}

/* A message that carries the packet; its control part says who it is of. */
struct envelope {
	struct iovec iov;
	_Alignas(struct cmsghdr)
	    uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void
envelope_address(
    struct envelope *e, struct mmsghdr *m, struct packet *p, size_t len)
{
	memset(m, 0, sizeof(*m));
	e->iov.iov_base = p->octets;
	e->iov.iov_len = len;
	m->msg_hdr.msg_iov = &e->iov;
	m->msg_hdr.msg_iovlen = 1;
	m->msg_hdr.msg_name = &p->peer;
	m->msg_hdr.msg_namelen = sizeof(p->peer);
	m->msg_hdr.msg_control = e->control;
	m->msg_hdr.msg_controllen = sizeof(e->control);
}

static void
envelope_send(struct envelope *e, struct mmsghdr *m, struct packet *p)
{
	struct in_pktinfo info = {.ipi_spec_dst = p->own};
	struct cmsghdr *head;

	envelope_address(e, m, p, p->len);
	head = CMSG_FIRSTHDR(&m->msg_hdr);
	head->cmsg_level = IPPROTO_IP;
	head->cmsg_type = IP_PKTINFO;
	head->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(head), &info, sizeof(info));
}

static void
envelope_read(struct mmsghdr *m, struct packet *p)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(CMSG_FIRSTHDR(&m->msg_hdr)), sizeof(info));
	p->own = info.ipi_addr;
	p->len = m->msg_len;
}

static struct packet packets[AT_ONCE];
static struct envelope envelopes[AT_ONCE];
static struct mmsghdr messages[AT_ONCE];

static void
world_receive(int fd)
{
	unsigned i, replies = 0;
	int count;

	for (i = 0; i < AT_ONCE; i++)
		envelope_address(
		    &envelopes[i], &messages[i], &packets[i], OCTETS_MAX);
	count = recvmmsg(fd, messages, AT_ONCE, MSG_DONTWAIT, NULL);
	for (i = 0; (int)i < count; i++) {
		struct packet *p = &packets[i];

		envelope_read(&messages[i], p);
		if (is_lost() || !packet_answer(p) || is_lost())
			continue;
		if (net.rtt_max_ms > 0) {
			packet_delay(p);
			continue;
		}
		envelope_send(&envelopes[replies], &messages[replies], p);
		replies++;
	}
	packets_send(fd, messages, replies);
}

static void
world_send_due(int fd)
{
	struct packet *p;

	for (; net.done_ms < net.now_ms; net.done_ms++)
		while ((p = net.due[(net.done_ms + 1) % TICKS]) != NULL) {
			net.due[(net.done_ms + 1) % TICKS] = p->next;
			envelope_send(&envelopes[0], &messages[0], p);
			packets_send(fd, messages, 1);
			p->next = net.idle;
			net.idle = p;
			net.waiting--;
		}
}

static int
world_open(void)
{
	struct sockaddr_in any = {
	    .sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1, octets = BUFFER;

	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		fail("world");
	if (setsockopt(
		fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	return fd;
}

/* The addresses of cache.dns, from the working directory, are the roots. */
static void
roots_read(void)
{
	FILE *file = fopen("cache.dns", "r");
	char line[256], text[64];
	unsigned count = 0;

	if (file == NULL)
		fail("cache.dns");
	while (count < ROOTS && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%*s %*u A %63s", text) == 1 ||
		    sscanf(line, "%*s A %63s", text) == 1)
			count += inet_pton(AF_INET, text, &roots[count]) == 1;
	fclose(file);
	if (count < ROOTS) {
		fprintf(stderr, "cache.dns: %u root servers\n", count);
		exit(EXIT_FAILURE);
	}
}

int
main(int argc, char **argv)
{
	static struct packet delayed[DELAYED_MAX];
	struct pollfd poll_fd = {.events = POLLIN};
	unsigned i;

	roots_read();
	if (argc == 4) {
		net.rtt_min_ms = (unsigned)atoi(argv[1]);
		net.rtt_max_ms = (unsigned)atoi(argv[2]);
		net.lost_of_1000 = (unsigned)atoi(argv[3]);
	}
	for (i = 0; i < DELAYED_MAX; i++) {
		delayed[i].next = net.idle;
		net.idle = &delayed[i];
	}
	poll_fd.fd = world_open();
	net.done_ms = clock_ms();
	for (;;) {
		poll(&poll_fd, 1, net.waiting > 0 ? 1 : -1);
		net.now_ms = clock_ms();
		if (net.waiting == 0)
			net.done_ms = net.now_ms;
		world_send_due(poll_fd.fd);
		if (poll_fd.revents != 0)
			world_receive(poll_fd.fd);
	}
}
