/*
 * players.c -- the sockets of clients and name servers.
 *
 * One socket hears all name servers of a port in the world; one more is at each
 * address of this host that has one.  Over TCP each address has its own door: a
 * socket that takes connections, or drops whatever comes (a filter), or is not
 * there, and then the kernel refuses.  What is sent as datagrams may have any
 * source, so that a reply can come from where it should not: those packets are
 * made by hand (wire.c).
 */
#include "players.h"
#include "wire.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	SEND_OCTETS = 1 << 18, /* a message always fits into a socket */
	AGAIN_MS = 1           /* when it does not, or is not connected yet */
};

enum role {
	ROLE_NAME_SERVER, /* all of this port, or at an address of this host */
	ROLE_CLIENT,
	ROLE_DOOR,       /* where a name server is called over TCP */
	ROLE_SESSION,    /* its end of a connection */
	ROLE_CONNECTION, /* a client's end */
	ROLES
};

struct player {
	struct player *next;
	enum role role;
	int fd; /* -1: it is gone */
	bool here;
	struct address at;        /* all zeros: any */
	unsigned client;          /* of a client: its place in the witness */
	struct connection *on;    /* of a connection */
	struct session *session;  /* of a session */
	bool connecting, stalled; /* a connection is not open; not read */
};

static struct {
	struct driver *d;
	const struct netns *net;
	int epoll;
	int raw[2][7]; /* by `here', and by family */
	bool may_be_here;
	struct player *players;
	unsigned replies;
	bool missed;
} p;

/* ---------------------------------------------------------------------------
 * Sockets.
 */
static void
events_set(struct player *player, int op, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = player};

	if (epoll_ctl(p.epoll, op, player->fd, &event) < 0)
		abort();
}

static void
option_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		abort();
}

/*
 * A bound socket on this side, whose packets are known as ours; -1 if the
 * address is taken.  In the world every address is ours, but the kernel binds
 * to one of its interfaces only, unless it is told not to mind.
 */
static int
socket_open(const struct address *at, int type, bool here)
{
	struct sockaddr_storage sa;
	socklen_t len = address_to_sockaddr(at, &sa);
	int fd;

	netns_enter(here ? p.net->here : p.net->world);
	fd = socket(at->family == 4 ? AF_INET : AF_INET6,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	netns_enter(p.net->here);
	if (fd < 0 || !wire_mark(fd, at->family))
		abort();
	if (at->family == 6)
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!here)
		option_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (type == SOCK_STREAM) {
		option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		option_set(fd, SOL_SOCKET, SO_SNDBUF, SEND_OCTETS);
		option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	} else if (at->family == 4) {
		option_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	} else {
		option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	}
	if (bind(fd, (struct sockaddr *)&sa, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static struct player *
player_add(enum role role, int fd, bool here, const struct address *at)
{
	struct player *player = calloc(1, sizeof(*player));

	if (player == NULL)
		abort();
	player->role = role;
	player->fd = fd;
	player->here = here;
	player->at = *at;
	player->next = p.players;
	p.players = player;
	events_set(player, EPOLL_CTL_ADD, EPOLLIN);
	return player;
}

/* With RST if it is so wished.  An event may still tell of it. */
static void
player_leave(struct player *player, bool reset)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (player->fd < 0)
		return;
	if (reset)
		setsockopt(
		    player->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(player->fd);
	player->fd = -1;
}

bool
players_open(struct driver *d, const struct netns *net, int epoll)
{
	unsigned here;
	uint8_t family;

	p.d = d;
	p.net = net;
	p.epoll = epoll;
	for (here = 0; here < 2; here++)
		for (family = 4; family <= 6; family += 2) {
			netns_enter(here ? net->here : net->world);
			p.raw[here][family] = wire_open(family);
			if (p.raw[here][family] < 0)
				return false;
		}
	return true;
}

void
players_close(void)
{
	struct player *player;

	while ((player = p.players) != NULL) {
		p.players = player->next;
		player_leave(player, true);
		free(player);
	}
}

static struct player *
player_find(enum role role, const struct address *at)
{
	struct player *player;

	for (player = p.players; player != NULL; player = player->next)
		if (player->role == role && player->fd >= 0 &&
		    address_equal(&player->at, at))
			return player;
	return NULL;
}

static void
trace(const struct address *from, const struct address *to, const char *what)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];

	driver_trace(p.d, "tcp %s %s %s", address_port_text(from, a),
	    address_port_text(to, b), what);
}

/* ---------------------------------------------------------------------------
 * Name servers.
 */

/* They are heard at this address, or all of this port are. */
static void
ear_open(struct address at)
{
	bool here = netns_is_own(p.net, &at);
	int fd;

	if (here && !p.may_be_here)
		return; /* the server may want it */
	if (!here)
		memset(at.ip, 0, sizeof(at.ip));
	if (player_find(ROLE_NAME_SERVER, &at) != NULL)
		return;
	fd = socket_open(&at, SOCK_DGRAM, here);
	if (fd >= 0)
		player_add(ROLE_NAME_SERVER, fd, here, &at);
	else if (!here)
		abort();
}

static struct player *
door_open(const struct address *at)
{
	bool here = netns_is_own(p.net, at);
	int fd;

	if (here && !p.may_be_here)
		return NULL;
	fd = socket_open(at, SOCK_STREAM, here);
	if (fd < 0)
		return NULL;
	if (listen(fd, BACKLOG) < 0)
		abort();
	return player_add(ROLE_DOOR, fd, here, at);
}

/* It takes connections, or nothing comes through it. */
static void
door_shut(const struct player *door, bool shut)
{
	struct sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
	struct sock_fprog program = {1, &nothing};
	int none = 0;

	if (shut)
		setsockopt(door->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		    sizeof(program));
	else
		setsockopt(door->fd, SOL_SOCKET, SO_DETACH_FILTER, &none,
		    sizeof(none));
}

/* As the rules that are in force now want it. */
static void
door_set(const struct address *at)
{
	struct player *door = player_find(ROLE_DOOR, at);
	enum welcome welcome = authority_welcome(&p.d->authority, at);

	if (welcome == WELCOME_REFUSED) {
		if (door != NULL)
			player_leave(door, false);
		return;
	}
	if (door == NULL)
		door = door_open(at);
	if (door != NULL)
		door_shut(door, welcome == WELCOME_NOTHING);
}

/* For many there is one door, which is asked about when somebody comes. */
static void
doors_open(const struct prefix *servers)
{
	struct address any = {
	    .family = servers->address.family, .port = servers->address.port};

	if (player_find(ROLE_DOOR, &any) == NULL)
		door_open(&any);
}

static void
name_server_change(const struct address *at)
{
	ear_open(*at);
	door_set(at);
}

void
players_change(const struct step *step)
{
	unsigned i;

	if (step->kind == STEP_ZONE)
		for (i = 0; i < step->zone.server_count; i++)
			name_server_change(&step->zone.servers[i]);
	if (step->kind != STEP_RULE)
		return;
	for (i = 0; i < step->rule.server_count; i++) {
		const struct prefix *servers = &step->rule.servers[i];

		if (servers->bits < (servers->address.family == 4 ? 32 : 128)) {
			ear_open(servers->address);
			doors_open(servers);
		} else {
			name_server_change(&servers->address);
		}
	}
}

void
players_begin(void)
{
	static const struct address any4 = {4, {0}, DNS_PORT};
	static const struct address any6 = {6, {0}, DNS_PORT};

	ear_open(any4);
	ear_open(any6);
}

void
players_come_here(void)
{
	const struct step *step;

	p.may_be_here = true;
	for (step = p.d->scenario->steps; step != p.d->step; step = step->next)
		players_change(step);
}

/* ---------------------------------------------------------------------------
 * Datagrams.
 */

/* Where it went to, if the socket tells.  -1: there is none. */
static ssize_t
datagram_read(int fd, uint8_t *octets, size_t max, struct address *from,
    struct address *to)
{
	struct sockaddr_storage sa;
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct iovec part = {octets, max};
	struct msghdr m = {.msg_name = &sa,
	    .msg_namelen = sizeof(sa),
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(fd, &m, 0);
	struct cmsghdr *c;

	if (len < 0 || !address_from_sockaddr(&sa, from))
		return -1;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		struct in_pktinfo info4;
		struct in6_pktinfo info6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&info4, CMSG_DATA(c), sizeof(info4));
			memcpy(to->ip, &info4.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			memcpy(to->ip, &info6.ipi6_addr, 16);
		}
	}
	return len;
}

static uint8_t octets_in[MESSAGE_MAX + PREFIX_LEN];

static void
name_server_look(const struct player *player)
{
	struct address from, to = player->at;
	ssize_t len;

	while ((len = datagram_read(player->fd, octets_in, sizeof(octets_in),
		    &from, &to)) >= 0) {
		if (driver_serve(p.d, &from, &to, octets_in, (size_t)len))
			continue;
		driver_trace(p.d, "nobody is there");
		p.missed = true;
	}
}

static void
client_look(const struct player *player)
{
	struct client *c = &p.d->witness.clients[player->client];
	struct address from, to = player->at;
	ssize_t len;

	while ((len = datagram_read(player->fd, octets_in, sizeof(octets_in),
		    &from, &to)) >= 0) {
		p.replies++;
		witness_reply(c, &from, octets_in, (size_t)len, p.d->now_ms);
	}
}

static void
datagram_deliver(const struct packet *packet)
{
	int fd = p.raw[netns_is_own(p.net, &packet->from)][packet->from.family];
	bool sent;

	if (packet->unreachable) {
		driver_trace(p.d, "an ICMP error arrives");
		sent = wire_send_unreachable(fd, &packet->from, &packet->to);
	} else {
		driver_trace_message(p.d, "arrives", &packet->from, &packet->to,
		    packet->octets, packet->len);
		sent = wire_send(fd, &packet->from, &packet->to, packet->octets,
		    packet->len);
	}
	if (!sent)
		driver_fault(p.d, "the kernel does not send this: %s\n",
		    strerror(errno));
}

/* ---------------------------------------------------------------------------
 * Connections: both a name server's end and a client's.
 */
static struct address
name_of(int fd, int (*call)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	struct address a = {0};

	if (call(fd, (struct sockaddr *)&sa, &len) == 0)
		address_from_sockaddr(&sa, &a);
	return a;
}

/* Somebody has come through it; is he welcome? */
static void
door_enter(const struct player *door, int fd)
{
	struct player *player =
	    player_add(ROLE_SESSION, fd, door->here, &door->at);
	struct address client = name_of(fd, getpeername);
	struct address server = name_of(fd, getsockname);

	if (!authority_listens(&p.d->authority, &server) ||
	    authority_welcome(&p.d->authority, &server) != WELCOME_OPEN) {
		trace(&client, &server, "is reset");
		player_leave(player, true);
		return;
	}
	trace(&client, &server, "is open");
	player->session = session_open(p.d, &client, &server, player);
}

static void
door_look(const struct player *door)
{
	int fd;

	while ((fd = accept4(
		    door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		door_enter(door, fd);
}

static void
session_look(struct player *player)
{
	struct session *s = player->session;
	ssize_t len;

	while ((len = recv(player->fd, octets_in, sizeof(octets_in), 0)) > 0)
		session_read(p.d, s, octets_in, (size_t)len);
	if (len < 0 && errno == EAGAIN)
		return;
	trace(&s->client, &s->server, len == 0 ? "fin" : "reset");
	session_close(s);
	player_leave(player, false);
}

/* The server has ended it; then the client does so too. */
static void
connection_ended(struct player *player, bool reset)
{
	struct connection *on = player->on;

	trace(&on->to, &on->from, reset ? "reset" : "fin");
	on->shut = true;
	witness_ended(&p.d->witness, on, reset, p.d->now_ms, p.d->fault);
	player_leave(player, false);
}

/* Is it open now?  If not, the server was not there. */
static bool
connection_opened(struct player *player)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(player->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	player->connecting = false;
	if (err != 0) {
		connection_ended(player, true);
		return false;
	}
	events_set(player, EPOLL_CTL_MOD, player->stalled ? 0 : EPOLLIN);
	return true;
}

/* Who is gone answers whatever still comes with RST. */
static void
connection_look(struct player *player)
{
	struct connection *on = player->on;
	ssize_t len;

	if (player->connecting && !connection_opened(player))
		return;
	while ((len = recv(player->fd, octets_in, sizeof(octets_in), 0)) > 0) {
		if (on->left) {
			player_leave(player, true);
			return;
		}
		connection_read(p.d, on, octets_in, (size_t)len);
	}
	if (len == 0 || errno != EAGAIN)
		connection_ended(player, len != 0);
}

/* Stalled, it only hears that all is over. */
static void
connection_look_stalled(struct player *player, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		connection_ended(player, true);
}

/* Write what has come due; what does not fit goes later. */
static void
octets_deliver(struct player *player, const struct packet *packet)
{
	ssize_t sent =
	    send(player->fd, packet->octets, packet->len, MSG_NOSIGNAL);
	struct packet *rest;
	size_t done;

	if (sent < 0 && errno != EAGAIN)
		return; /* the other end is gone, and will be heard to be */
	done = sent < 0 ? 0 : (size_t)sent;
	if (done == packet->len)
		return;
	rest = packet_make(&packet->from, &packet->to, packet->octets + done,
	    packet->len - done);
	rest->kind = PACKET_STREAM;
	rest->over = player;
	packet_post(p.d, rest, AGAIN_MS);
}

static void
stream_deliver(struct packet *packet)
{
	struct player *player = packet->over;

	if (player->fd < 0) {
		trace(&packet->from, &packet->to, "is not there any more");
		return;
	}
	if (player->session != NULL && packet->len > PREFIX_LEN)
		driver_trace(p.d, "tcp arrives, %zu octets%s", packet->len,
		    packet->fin ? ", fin" : "");
	if (packet->len > 0)
		octets_deliver(player, packet);
	if (packet->reset)
		player_leave(player, true);
	else if (packet->fin && player->session != NULL)
		player_leave(player, false);
	else if (packet->fin)
		shutdown(player->fd, SHUT_WR);
}

void
players_deliver(struct packet *packet)
{
	const struct player *player = packet->over;

	if (packet->kind == PACKET_STREAM && player->connecting) {
		packet_post(p.d, packet, AGAIN_MS);
		return;
	}
	if (packet->kind == PACKET_STREAM)
		stream_deliver(packet);
	else
		datagram_deliver(packet);
	free(packet);
}

void
player_look(struct player *player, uint32_t events)
{
	if (player->fd < 0)
		return;
	switch (player->role) {
	case ROLE_NAME_SERVER:
		name_server_look(player);
		break;
	case ROLE_CLIENT:
		client_look(player);
		break;
	case ROLE_DOOR:
		door_look(player);
		break;
	case ROLE_SESSION:
		session_look(player);
		break;
	default:
		assert(player->role == ROLE_CONNECTION);
		if (player->stalled && !player->connecting)
			connection_look_stalled(player, events);
		else
			connection_look(player);
	}
}

/* ---------------------------------------------------------------------------
 * What clients do.
 */

/* Whoever asks nobody in particular, or from nowhere, does it here. */
static void
ends_fill(struct address *from, struct address *to)
{
	if (to->family == 0)
		*to = loopback_address(from->family);
	if (from->family == 0)
		*from = loopback_address(to->family);
	if (from->port == DNS_PORT)
		from->port = 0; /* the kernel chooses */
}

/* A socket of its own, and so a port. */
static struct player *
client_add(enum role role, struct address *from)
{
	int type = role == ROLE_CLIENT ? SOCK_DGRAM : SOCK_STREAM;
	bool here = netns_is_own(p.net, from);
	int fd = socket_open(from, type, here);

	if (fd < 0)
		abort();
	*from = name_of(fd, getsockname);
	return player_add(role, fd, here, from);
}

static void
client_ask(const struct step *step, unsigned nth)
{
	struct client *c = witness_client(&p.d->witness, step, nth,
	    (uint16_t)random_next(&p.d->random), NULL);
	struct sockaddr_storage sa;
	struct player *player;
	socklen_t len;

	ends_fill(&c->from, &c->to);
	player = client_add(ROLE_CLIENT, &c->from);
	player->client = p.d->witness.client_count - 1;
	driver_trace_message(
	    p.d, "ask", &c->from, &c->to, c->query, c->query_len);
	c->asked_ms = p.d->now_ms;
	len = address_to_sockaddr(&c->to, &sa);
	if (sendto(player->fd, c->query, c->query_len, 0,
		(struct sockaddr *)&sa, len) != (ssize_t)c->query_len)
		driver_fault(
		    p.d, "a client cannot send: %s\n", strerror(errno));
}

static struct connection *
client_connect(const struct step *step, unsigned nth)
{
	struct connection *on = witness_connect(&p.d->witness, step, nth);
	struct sockaddr_storage sa;
	struct player *player;
	socklen_t len;

	ends_fill(&on->from, &on->to);
	player = client_add(ROLE_CONNECTION, &on->from);
	player->on = on;
	on->driver = player;
	on->said_ms = p.d->now_ms;
	trace(&on->from, &on->to, "a client connects");
	len = address_to_sockaddr(&on->to, &sa);
	player->connecting = true;
	events_set(player, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	if (connect(player->fd, (struct sockaddr *)&sa, len) < 0 &&
	    errno != EINPROGRESS)
		connection_ended(player, true);
	return on;
}

void
players_connect(const struct step *step)
{
	unsigned nth;

	for (nth = 1; nth <= step->connect.times; nth++)
		client_connect(step, nth);
}

/* One time: over UDP, or on each of the connections. */
void
players_ask(const struct step *step, unsigned nth)
{
	const struct connections *all = &step->ask.on;
	unsigned width = all->last - all->first + 1, i;

	if (step->ask.tcp)
		connection_ask(p.d, client_connect(step, nth), step, nth);
	else if (all->connect == NULL)
		client_ask(step, nth);
	else
		for (i = 1; i <= width; i++)
			connection_ask(p.d,
			    witness_connection(&p.d->witness, all, i), step,
			    (nth - 1) * width + i);
}

static void
client_do(struct connection *on, const struct step *step)
{
	struct player *player = on->driver;

	on->said_ms = p.d->now_ms;
	switch (step->kind) {
	case STEP_SEND:
	case STEP_SHUT:
	case STEP_RESET:
		connection_do(p.d, on, step);
		break;
	case STEP_CLOSE:
		on->left = true;
		if (player->stalled) /* there may be octets: then RST */
			player_leave(player, false);
		else
			connection_end(p.d, on, false);
		break;
	default:
		player->stalled = step->kind == STEP_STALL;
		if (player->fd >= 0 && !player->connecting)
			events_set(player, EPOLL_CTL_MOD,
			    player->stalled ? 0 : EPOLLIN);
	}
}

void
players_do(const struct step *step)
{
	const struct connections *all =
	    step->kind == STEP_SEND ? &step->send.on : &step->connections;
	struct connection *on;
	unsigned nth;

	for (nth = 1;
	     (on = witness_connection(&p.d->witness, all, nth)) != NULL; nth++)
		client_do(on, step);
	connections_flush(p.d);
}

void
players_hang_up(void)
{
	struct player *player;

	for (player = p.players; player != NULL; player = player->next)
		if (player->role == ROLE_CLIENT)
			player_leave(player, false);
}

unsigned
players_replies(void)
{
	return p.replies;
}

bool
players_missed(void)
{
	return p.missed;
}
