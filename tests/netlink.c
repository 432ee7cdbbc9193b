/*
 * netlink.c -- the made-up network of this host: its addresses and routes, and
 * what the kernel tells of them over netlink.
 *
 * Questions and answers are taken apart and put together with the kernel's own
 * headers, which server.c does without.  A host has lo, the addresses of its
 * interfaces and, for a family of which it has one, a default route, unless
 * the scenario says other.
 */
#include "kernel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

enum {
	INTERFACES_MAX = 2048,
	ROUTES_MAX = 64,
	MESSAGES_A_DATAGRAM = 3, /* so that a table takes several */
	DATAGRAM_MAX = 1024
};

static struct {
	struct interface interfaces[INTERFACES_MAX];
	unsigned interface_count;
	struct route routes[ROUTES_MAX];
	unsigned route_count;
} host;

static struct address
loopback(uint8_t family)
{
	struct address a = {.family = family};

	address_from_text(family == 4 ? "127.0.0.1" : "::1", &a);
	return a;
}

static bool
is_inside(const struct address *a, const char *prefix)
{
	struct prefix p;

	return prefix_from_text(prefix, &p) && prefix_covers(&p, a);
}

static bool
is_loopback(const struct address *a)
{
	return is_inside(a, a->family == 4 ? "127.0.0.0/8" : "::1");
}

static bool
is_same(const struct address *a, const struct address *b)
{
	return a->family == b->family &&
	    memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* The last address of its subnet; false if it has none for that. */
static bool
broadcast_of(const struct prefix *p, struct address *broadcast)
{
	unsigned bit;

	*broadcast = p->address;
	for (bit = p->bits; bit < 32; bit++)
		broadcast->ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return p->address.family == 4 && p->bits < 31;
}

/* ---------------------------------------------------------------------------
 * What the world does with it.
 */
void
host_interface(const struct interface *interface)
{
	unsigned i;

	for (i = 0; i < host.interface_count; i++)
		if (is_same(&host.interfaces[i].prefix.address,
			&interface->prefix.address))
			break;
	if (i == INTERFACES_MAX)
		abort();
	if (!interface->down && i == host.interface_count)
		host.interface_count++;
	if (interface->down && i < host.interface_count) {
		host.interface_count--;
		memmove(&host.interfaces[i], &host.interfaces[i + 1],
		    (host.interface_count - i) * sizeof(*interface));
	}
	if (!interface->down)
		host.interfaces[i] = *interface;
}

void
host_no_interfaces(void)
{
	host.interface_count = 0;
}

void
host_route(const struct route *route)
{
	unsigned i;

	for (i = 0; i < host.route_count; i++)
		if (is_same(&host.routes[i].to.address, &route->to.address) &&
		    host.routes[i].to.bits == route->to.bits)
			break;
	if (i == ROUTES_MAX)
		abort();
	if (i == host.route_count)
		host.route_count++;
	host.routes[i] = *route;
}

bool
host_is_own(const struct address *a)
{
	unsigned i;

	if (is_loopback(a))
		return true;
	for (i = 0; i < host.interface_count; i++)
		if (is_same(&host.interfaces[i].prefix.address, a))
			return true;
	return false;
}

/* The address to send from, a global one if there is any; or false. */
static bool
source_for(const struct address *to, struct address *source)
{
	bool found = false;
	unsigned i;

	for (i = 0; i < host.interface_count; i++) {
		const struct prefix *p = &host.interfaces[i].prefix;

		if (p->address.family != to->family)
			continue;
		if (!found || is_inside(source, "fe80::/10"))
			*source = p->address;
		found = true;
	}
	return found;
}

/* The route that leads there, the narrowest of all; 0, or why there is none. */
static int
route_error(const struct address *to)
{
	int err = 0, bits = -1;
	unsigned i;

	for (i = 0; i < host.route_count; i++) {
		const struct route *r = &host.routes[i];

		if (!prefix_covers(&r->to, to) || r->to.bits < bits ||
		    (r->err == ENETUNREACH && r->to.bits > 0))
			continue;
		bits = r->to.bits;
		err = r->err;
	}
	return err;
}

int
host_way(const struct address *to, struct address *source)
{
	struct address broadcast;
	unsigned i;

	if (is_loopback(to)) {
		*source = loopback(to->family);
		return 0;
	}
	if (!source_for(to, source))
		return ENETUNREACH;
	for (i = 0; i < host.interface_count; i++) {
		const struct prefix *p = &host.interfaces[i].prefix;

		if (broadcast_of(p, &broadcast) && is_same(&broadcast, to))
			return EACCES;
		if (prefix_covers(p, to)) {
			*source = p->address;
			return 0;
		}
	}
	return route_error(to);
}

/* ---------------------------------------------------------------------------
 * Netlink.
 */

/* An answer is messages, so many in a datagram. */
struct answer {
	struct packet *first, *last;
	uint32_t question;
	unsigned messages;
};

/* One more message; the place for what it says. */
static uint8_t *
message_add(struct answer *a, uint16_t type, uint16_t flags, size_t len)
{
	struct nlmsghdr h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
	    .nlmsg_type = type,
	    .nlmsg_flags = flags,
	    .nlmsg_seq = a->question};
	struct packet *p = a->last;

	if (a->messages++ % MESSAGES_A_DATAGRAM == 0) {
		p = calloc(1, sizeof(*p) + DATAGRAM_MAX);
		if (p == NULL)
			abort();
		if (a->first == NULL)
			a->first = p;
		else
			a->last->next = p;
		a->last = p;
	}
	assert(p->len + NLMSG_SPACE(len) <= DATAGRAM_MAX);
	memcpy(p->octets + p->len, &h, sizeof(h));
	p->len += NLMSG_SPACE(len);
	return p->octets + p->len - NLMSG_SPACE(len) + NLMSG_HDRLEN;
}

static uint8_t *
attribute_put(uint8_t *at, uint16_t type, const void *value, size_t len)
{
	struct rtattr head = {(uint16_t)RTA_LENGTH(len), type};

	memcpy(at, &head, sizeof(head));
	memcpy(at + RTA_LENGTH(0), value, len);
	return at + RTA_SPACE(len);
}

/* A route, as in a table or to just one address; source may be NULL. */
static void
route_add(struct answer *a, const struct prefix *to, uint8_t table,
    uint8_t type, const struct address *source)
{
	size_t ip = to->address.family == 4 ? 4 : 16;
	struct rtmsg route = {
	    .rtm_family = to->address.family == 4 ? AF_INET : AF_INET6,
	    .rtm_dst_len = to->bits,
	    .rtm_table = table,
	    .rtm_type = type};
	size_t ips = (size_t)(to->bits > 0) + (source != NULL);
	uint32_t number = table;
	uint8_t *at = message_add(a, RTM_NEWROUTE, NLM_F_MULTI,
	    sizeof(route) + RTA_SPACE(4) + ips * RTA_SPACE(ip));

	memcpy(at, &route, sizeof(route));
	at = attribute_put(at + sizeof(route), RTA_TABLE, &number, 4);
	if (to->bits > 0)
		at = attribute_put(at, RTA_DST, to->address.ip, ip);
	if (source != NULL)
		attribute_put(at, RTA_PREFSRC, source->ip, ip);
}

/* What the kernel keeps in its table "local" for an address and its subnet. */
static void
local_add(struct answer *a, const struct prefix *own)
{
	struct prefix one = {own->address, own->address.family == 4 ? 32 : 128};

	route_add(a, &one, RT_TABLE_LOCAL, RTN_LOCAL, &own->address);
	if (broadcast_of(own, &one.address))
		route_add(
		    a, &one, RT_TABLE_LOCAL, RTN_BROADCAST, &own->address);
}

static void
table_add(struct answer *a, uint8_t family, bool main_as_well)
{
	struct prefix lo = {loopback(family), family == 4 ? 8 : 128};
	struct prefix all = {{.family = family}, 0}, other = all;
	unsigned i;

	local_add(a, &lo);
	if (family == 4) {
		lo.address.ip[3] = 0;
		route_add(a, &lo, RT_TABLE_LOCAL, RTN_LOCAL, NULL);
	} else {
		other.address.ip[0] = 0xff;
		other.bits = 8;
		route_add(a, &other, RT_TABLE_LOCAL, RTN_MULTICAST, NULL);
	}
	for (i = 0; i < host.interface_count; i++)
		if (host.interfaces[i].prefix.address.family == family)
			local_add(a, &host.interfaces[i].prefix);
	if (!main_as_well)
		return;
	route_add(a, &all, RT_TABLE_MAIN, RTN_UNICAST, NULL);
	prefix_from_text(family == 4 ? "198.41.0.0/16" : "2001::/16", &other);
	route_add(a, &other, RT_TABLE_MAIN, RTN_UNICAST, NULL);
}

/* A negative number is an error; 0 is the end of a table. */
static void
number_add(struct answer *a, uint16_t type, int number)
{
	memcpy(
	    message_add(a, type, 0, sizeof(number)), &number, sizeof(number));
}

/* The address in a question; false: there is none of this type. */
static bool
attribute_find(
    const uint8_t *octets, size_t len, uint16_t type, struct address *address)
{
	struct rtattr head;
	size_t at;

	for (at = 0; at + sizeof(head) <= len; at += RTA_ALIGN(head.rta_len)) {
		memcpy(&head, octets + at, sizeof(head));
		if (head.rta_len < sizeof(head) || at + head.rta_len > len)
			break;
		if (head.rta_type != type)
			continue;
		if (address != NULL)
			memcpy(address->ip, octets + at + sizeof(head),
			    head.rta_len - sizeof(head));
		return true;
	}
	return false;
}

/* The way to an address, or why there is none. */
static void
way_add(struct answer *a, const struct rtmsg *route, const uint8_t *octets,
    size_t len)
{
	uint8_t family = route->rtm_family == AF_INET ? 4 : 6;
	struct prefix to = {{.family = family}, family == 4 ? 32 : 128};
	struct address source, from = {.family = family};
	int err;

	if (!attribute_find(octets, len, RTA_DST, &to.address) ||
	    route->rtm_dst_len != to.bits ||
	    !attribute_find(octets, len, RTA_IP_PROTO, NULL) ||
	    !attribute_find(octets, len, RTA_DPORT, NULL)) {
		world_fault("this is no question for a route\n");
		return;
	}
	err = host_way(&to.address, &source);
	if (attribute_find(octets, len, RTA_SRC, &from)) {
		source = from;
		if (family == 4 && !host_is_own(&from))
			err = EINVAL;
	}
	if (err != 0)
		number_add(a, NLMSG_ERROR, -err);
	else
		route_add(a, &to, RT_TABLE_MAIN,
		    host_is_own(&to.address) ? RTN_LOCAL : RTN_UNICAST,
		    &source);
}

struct packet *
netlink_answer(const uint8_t *octets, size_t len, bool strict)
{
	struct answer a = {.first = NULL};
	struct nlmsghdr h;
	struct rtmsg route;
	size_t head = NLMSG_HDRLEN + sizeof(route);

	if (len < head) {
		world_fault("a netlink message of %zu octets\n", len);
		return NULL;
	}
	memcpy(&h, octets, sizeof(h));
	memcpy(&route, octets + NLMSG_HDRLEN, sizeof(route));
	if (h.nlmsg_len != len || h.nlmsg_type != RTM_GETROUTE ||
	    (h.nlmsg_flags & NLM_F_REQUEST) == 0)
		world_fault("this netlink message is not understood\n");
	a.question = h.nlmsg_seq;
	if ((h.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) {
		way_add(&a, &route, octets + head, len - head);
		return a.first;
	}
	table_add(&a, route.rtm_family == AF_INET ? 4 : 6,
	    !strict || route.rtm_table != RT_TABLE_LOCAL);
	number_add(&a, NLMSG_DONE, 0);
	return a.first;
}

struct packet *
netlink_notice(const struct step *step, uint32_t groups)
{
	struct answer a = {.first = NULL};
	bool is_route = step->kind == STEP_ROUTE;
	uint8_t family = is_route ? step->route.to.address.family
				  : step->interface.prefix.address.family;
	uint32_t group = is_route ? RTMGRP_IPV4_ROUTE : RTMGRP_IPV4_IFADDR;

	/* The groups of IPv6 are four bits above those of IPv4. */
	if ((groups & group << (family == 4 ? 0 : 4)) == 0)
		return NULL;
	if (!is_route && !step->interface.down)
		local_add(&a, &step->interface.prefix);
	else
		message_add(&a, RTM_DELADDR, 0, sizeof(struct ifaddrmsg));
	return a.first;
}
