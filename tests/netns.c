/*
 * netns.c -- makes the network of a test, by rtnetlink and without tools.
 *
 *	here	lo, and eth0 with the addresses of the scenario; all else is
 *		beyond eth0
 *	world	the other end; every address that is not of "here" is local
 *
 * Both ends of the wire have the same Ethernet address and ask nobody for
 * others (IFF_NOARP): what goes in at one end is taken at the other, whatever
 * address it is for, and no packet but those of programs is on the wire.
 */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUEST_OCTETS = 512,
	WIRE_MTU = 65535, /* a datagram is never cut up */
	WIRE_S_MAX = 10,  /* until it carries something */
	OPERSTATE_UP = 6  /* IF_OPER_UP of linux/if.h, which net/if.h bars */
};

static const uint8_t wire_address[6] = {0x02, 0, 0, 0, 0, 0x53};

/* One message to the kernel. */
struct request {
	struct nlmsghdr header;
	uint8_t body[REQUEST_OCTETS];
};

/* ---------------------------------------------------------------------------
 * rtnetlink.
 */
static void
request_begin(struct request *r, uint16_t type, uint16_t flags,
    const void *head, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_type = type;
	r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->header.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(len));
	memcpy(r->body, head, len);
}

/* The length that attributes added until now have. */
static struct rtattr *
request_end(struct request *r)
{
	return (struct rtattr *)(void *)((uint8_t *)r + r->header.nlmsg_len);
}

static void
request_put(struct request *r, uint16_t type, const void *value, size_t len)
{
	struct rtattr *attribute = request_end(r);

	assert(r->header.nlmsg_len + RTA_SPACE(len) <= sizeof(*r));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0)
		memcpy(RTA_DATA(attribute), value, len);
	r->header.nlmsg_len += (uint32_t)RTA_SPACE(len);
}

static void
request_put_u32(struct request *r, uint16_t type, uint32_t value)
{
	request_put(r, type, &value, sizeof(value));
}

/* What is put until request_unnest lies inside this attribute. */
static struct rtattr *
request_nest(struct request *r, uint16_t type)
{
	struct rtattr *attribute = request_end(r);

	request_put(r, type, NULL, 0);
	return attribute;
}

static void
request_unnest(struct request *r, struct rtattr *attribute)
{
	attribute->rta_len =
	    (uint16_t)((uint8_t *)request_end(r) - (uint8_t *)attribute);
}

/* Have the kernel do it, in the namespace that we are in; false and errno. */
static bool
request_send(struct request *r)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[REQUEST_OCTETS];
	} reply;
	int err = EIO;

	if (fd < 0)
		return false;
	if (sendto(fd, r, r->header.nlmsg_len, 0, (struct sockaddr *)&kernel,
		sizeof(kernel)) < 0)
		err = errno;
	else if (recv(fd, &reply, sizeof(reply), 0) >=
		(ssize_t)NLMSG_LENGTH(sizeof(reply.error)) &&
	    reply.header.nlmsg_type == NLMSG_ERROR)
		err = -reply.error.error;
	close(fd);
	errno = err;
	return err == 0;
}

/* ---------------------------------------------------------------------------
 * Links, addresses, routes.
 */
static void
request_put_link(struct request *r, const char *name)
{
	request_put(r, IFLA_IFNAME, name, strlen(name) + 1);
	request_put(r, IFLA_ADDRESS, wire_address, sizeof(wire_address));
	request_put_u32(r, IFLA_MTU, WIRE_MTU);
}

/* eth0 here, and its other end, eth0 too, in the world. */
static bool
wire_make(int world)
{
	struct ifinfomsg link = {
	    .ifi_flags = IFF_NOARP, .ifi_change = IFF_NOARP};
	struct rtattr *info, *data, *peer;
	struct request r;

	request_begin(
	    &r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
	request_put_link(&r, "eth0");
	info = request_nest(&r, IFLA_LINKINFO);
	request_put(&r, IFLA_INFO_KIND, "veth", 4);
	data = request_nest(&r, IFLA_INFO_DATA);
	peer = request_nest(&r, VETH_INFO_PEER);
	memcpy(request_end(&r), &link, sizeof(link));
	r.header.nlmsg_len += (uint32_t)NLMSG_ALIGN(sizeof(link));
	request_put_link(&r, "eth0");
	request_put_u32(&r, IFLA_NET_NS_FD, (uint32_t)world);
	request_unnest(&r, peer);
	request_unnest(&r, data);
	request_unnest(&r, info);
	return request_send(&r);
}

/* IPv6 gives the wire no address of its own, which nobody needs. */
static bool
link_up(const char *name)
{
	struct ifinfomsg link = {.ifi_index = (int)if_nametoindex(name),
	    .ifi_flags = IFF_UP | IFF_NOARP,
	    .ifi_change = IFF_UP | IFF_NOARP};
	uint8_t mode = IN6_ADDR_GEN_MODE_NONE;
	struct rtattr *families, *family;
	struct request r;

	request_begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	families = request_nest(&r, IFLA_AF_SPEC);
	family = request_nest(&r, AF_INET6);
	request_put(&r, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
	request_unnest(&r, family);
	request_unnest(&r, families);
	return request_send(&r);
}

static size_t
address_octets(const struct address *a)
{
	return a->family == 4 ? 4 : 16;
}

static uint8_t
address_domain(const struct address *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

static void
broadcast_of(const struct prefix *prefix, uint8_t broadcast[4])
{
	unsigned bit;

	memcpy(broadcast, prefix->address.ip, 4);
	for (bit = prefix->bits; bit < 32; bit++)
		broadcast[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

/*
 * Give eth0 the address, or take it away.  Neighbours on the subnet are beyond
 * the wire like everybody else.
 */
static bool
address_change(const struct prefix *prefix, bool down)
{
	const struct address *a = &prefix->address;
	struct ifaddrmsg head = {.ifa_family = address_domain(a),
	    .ifa_prefixlen = prefix->bits,
	    .ifa_index = if_nametoindex("eth0")};
	uint8_t broadcast[4];
	struct request r;

	request_begin(&r, down ? RTM_DELADDR : RTM_NEWADDR,
	    down ? 0 : NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	request_put(&r, IFA_LOCAL, a->ip, address_octets(a));
	request_put(&r, IFA_ADDRESS, a->ip, address_octets(a));
	request_put_u32(&r, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	broadcast_of(prefix, broadcast);
	if (a->family == 4 && prefix->bits < 31)
		request_put(&r, IFA_BROADCAST, broadcast, sizeof(broadcast));
	return request_send(&r);
}

/*
 * Packets to there are for this host (RTN_LOCAL, lo), or go out (RTN_UNICAST,
 * eth0), or are refused.  The table of local addresses is looked at first.
 */
static bool
route_change(const struct prefix *to, uint8_t type, uint8_t table, bool down)
{
	const struct address *a = &to->address;
	struct rtmsg head = {.rtm_family = address_domain(a),
	    .rtm_dst_len = to->bits,
	    .rtm_table = table,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = type == RTN_LOCAL ? RT_SCOPE_HOST
		: type == RTN_UNICAST      ? RT_SCOPE_LINK
					   : RT_SCOPE_UNIVERSE,
	    .rtm_type = type};
	struct request r;

	if (down) { /* whatever it does */
		head.rtm_type = RTN_UNSPEC;
		head.rtm_scope = RT_SCOPE_NOWHERE;
	}
	request_begin(&r, down ? RTM_DELROUTE : RTM_NEWROUTE,
	    down ? 0 : NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	request_put(&r, RTA_DST, a->ip, address_octets(a));
	if (!down && (type == RTN_LOCAL || type == RTN_UNICAST))
		request_put_u32(&r, RTA_OIF,
		    if_nametoindex(type == RTN_LOCAL ? "lo" : "eth0"));
	return request_send(&r);
}

static bool
route_add(const struct prefix *to, uint8_t type, uint8_t table)
{
	return route_change(to, type, table, false);
}

/*
 * A socket that tells of links.  The wire carries nothing before the kernel
 * has seen that both its ends are up, a moment after they are.
 */
static int
links_watch(void)
{
	struct sockaddr_nl groups = {
	    .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct timeval most = {.tv_sec = WIRE_S_MAX};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&groups, sizeof(groups)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Is the link up?  Until the kernel has looked its flags say that it runs. */
static bool
link_is_up(struct ifinfomsg *link, size_t len)
{
	struct rtattr *a = IFLA_RTA(link);

	for (len -= NLMSG_ALIGN(sizeof(*link)); RTA_OK(a, len);
	     a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_OPERSTATE)
			return *(uint8_t *)RTA_DATA(a) == OPERSTATE_UP;
	return false;
}

static bool
wire_await(int fd)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		uint8_t rest[8192];
	} told;
	int index = (int)if_nametoindex("eth0");

	while (recv(fd, &told, sizeof(told), 0) > 0)
		if (told.header.nlmsg_type == RTM_NEWLINK &&
		    told.link.ifi_index == index &&
		    link_is_up(
			&told.link, told.header.nlmsg_len - NLMSG_HDRLEN))
			return true;
	return false;
}

/* ---------------------------------------------------------------------------
 * The two.
 */
static const struct prefix everything[2] = {{{4, {0}, 0}, 0}, {{6, {0}, 0}, 0}};

static bool
here_make(struct netns *n)
{
	unsigned i;

	if (!link_up("lo") || !wire_make(n->world) || !link_up("eth0"))
		return false;
	for (i = 0; i < n->interface_count; i++) {
		const struct prefix *prefix = &n->interfaces[i].prefix;

		n->routed[prefix->address.family] = true;
		if (!address_change(prefix, false))
			return false;
	}
	for (i = 0; i < 2; i++)
		if (n->routed[everything[i].address.family] &&
		    !route_add(&everything[i], RTN_UNICAST, RT_TABLE_MAIN))
			return false;
	return true;
}

static bool
world_make(const struct netns *n)
{
	unsigned i;

	if (!link_up("lo") || !link_up("eth0"))
		return false;
	for (i = 0; i < n->interface_count; i++) {
		struct prefix host = n->interfaces[i].prefix;

		host.bits = host.address.family == 4 ? 32 : 128;
		if (!route_add(&host, RTN_UNICAST, RT_TABLE_LOCAL))
			return false;
	}
	return route_add(&everything[0], RTN_LOCAL, RT_TABLE_LOCAL) &&
	    route_add(&everything[1], RTN_LOCAL, RT_TABLE_LOCAL);
}

bool
file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good =
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* Root in a namespace of users is this user, and nobody else is there. */
static bool
user_become_root(uid_t uid, gid_t gid)
{
	char text[64];

	snprintf(text, sizeof(text), "0 %u 1", uid);
	if (!file_put("/proc/self/uid_map", text) ||
	    !file_put("/proc/self/setgroups", "deny"))
		return false;
	snprintf(text, sizeof(text), "0 %u 1", gid);
	return file_put("/proc/self/gid_map", text);
}

static bool
unshare_network(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNET | CLONE_NEWUTS) == 0)
		return true;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS) == 0 &&
	    user_become_root(uid, gid);
}

void
netns_enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		abort();
}

bool
netns_is_wired(const struct netns *n, const struct address *a)
{
	unsigned i;

	for (i = 0; i < n->interface_count; i++) {
		struct prefix host = n->interfaces[i].prefix;

		host.bits = host.address.family == 4 ? 32 : 128;
		if (prefix_covers(&host, a))
			return true;
	}
	return false;
}

bool
netns_is_own(const struct netns *n, const struct address *a)
{
	static const struct prefix loopback4 = {{4, {127}, 0}, 8};
	static const struct prefix loopback6 = {{6, {[15] = 1}, 0}, 128};

	return prefix_covers(&loopback4, a) || prefix_covers(&loopback6, a) ||
	    netns_is_wired(n, a);
}

/*
 * A family without an address has no default route, as in the simulator.  One
 * that stays is not touched: there would be a moment without it.
 */
static void
default_route_renew(struct netns *n, uint8_t family)
{
	const struct prefix *all = &everything[family == 6];
	bool wanted = false;
	unsigned i;

	for (i = 0; i < n->interface_count; i++)
		wanted |= n->interfaces[i].prefix.address.family == family;
	wanted &= !n->closed[family];
	if (wanted == n->routed[family])
		return;
	(void)route_change(all, RTN_UNSPEC, RT_TABLE_MAIN, true);
	if (wanted && !route_add(all, RTN_UNICAST, RT_TABLE_MAIN))
		abort();
	n->routed[family] = wanted;
}

/* An address that is ours is beyond the wire for the world, and no other is. */
void
netns_interface(struct netns *n, const struct interface *interface)
{
	struct prefix host = interface->prefix;
	unsigned i;

	host.bits = host.address.family == 4 ? 32 : 128;
	for (i = 0; i < n->interface_count; i++)
		if (prefix_covers(&host, &n->interfaces[i].prefix.address))
			break;
	assert(i < INTERFACES_MAX);
	if (interface->down != (i < n->interface_count) ||
	    !address_change(&interface->prefix, interface->down))
		abort();
	n->interfaces[i] =
	    interface->down ? n->interfaces[--n->interface_count] : *interface;
	n->interface_count += !interface->down;
	default_route_renew(n, host.address.family);
	netns_enter(n->world);
	if (!route_change(&host, RTN_UNICAST, RT_TABLE_LOCAL, interface->down))
		abort();
	netns_enter(n->here);
}

void
netns_route(struct netns *n, const struct route *route)
{
	uint8_t type = route->err == EHOSTUNREACH ? RTN_UNREACHABLE
	    : route->err == EACCES                ? RTN_PROHIBIT
	    : route->err == EINVAL                ? RTN_BLACKHOLE
						  : RTN_UNICAST;
	uint8_t family = route->to.address.family;

	if (route->to.bits == 0) {
		n->closed[family] = route->err != 0;
		default_route_renew(n, family);
	}
	if (route->to.bits > 0)
		(void)route_change(&route->to, type, RT_TABLE_MAIN, true);
	if ((route->to.bits > 0 || type != RTN_UNICAST) &&
	    route->err != ENETUNREACH &&
	    !route_add(&route->to, type, RT_TABLE_MAIN))
		abort();
}

const char *
netns_make(struct netns *n)
{
	bool good;
	int links;

	if (!unshare_network())
		return "it does not let us make network namespaces";
	n->world = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) < 0 ||
	    sethostname(n->host, strlen(n->host)) < 0)
		return "it does not let us make a second network namespace";
	n->here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	links = links_watch();
	if (n->world < 0 || n->here < 0 || links < 0)
		return "it has no namespaces in /proc, or no netlink";
	if (!here_make(n))
		return "it does not let us make a pair of virtual interfaces";
	netns_enter(n->world);
	if (!world_make(n))
		return "it does not let us route all addresses to us";
	netns_enter(n->here);
	good = wire_await(links);
	close(links);
	return good ? NULL : "its virtual interfaces carry nothing";
}
