/*
 * wire.c -- the octets of IP, UDP and ICMP.
 *
 * What is seen comes through a ring that is shared with the kernel, so that
 * nothing is lost while this process is busy.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FRAME_OCTETS = 2048, /* the longest datagram of a server fits */
	FRAMES = 4096,
	BLOCK_OCTETS = 1 << 16,
	RING_OCTETS = FRAME_OCTETS * FRAMES,
	LINK_AT = (sizeof(struct tpacket2_hdr) + TPACKET_ALIGNMENT - 1) /
	    TPACKET_ALIGNMENT * TPACKET_ALIGNMENT, /* in a frame */

	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
	UDP_HEADER_LEN = 8,
	TCP_SYN_ACK_RST = 0x16,
	TCP_SYN = 0x02
};

/* ---------------------------------------------------------------------------
 * Seen.
 */
bool
watch_open(struct watch *w)
{
	struct tpacket_req ring = {.tp_block_size = BLOCK_OCTETS,
	    .tp_block_nr = RING_OCTETS / BLOCK_OCTETS,
	    .tp_frame_size = FRAME_OCTETS,
	    .tp_frame_nr = FRAMES};
	struct sockaddr_ll all = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int version = TPACKET_V2;

	w->next = 0;
	w->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 ||
	    setsockopt(w->fd, SOL_PACKET, PACKET_VERSION, &version,
		sizeof(version)) < 0 ||
	    setsockopt(w->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) <
		0)
		return false;
	w->frames = mmap(
	    NULL, RING_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	return w->frames != MAP_FAILED &&
	    madvise(w->frames, RING_OCTETS, MADV_DONTFORK) == 0 &&
	    bind(w->fd, (struct sockaddr *)&all, sizeof(all)) == 0;
}

void
watch_close(struct watch *w)
{
	munmap(w->frames, RING_OCTETS);
	close(w->fd);
}

unsigned
watch_lost(const struct watch *w)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	return stats.tp_drops;
}

static void
read_ip(struct reader *r, struct address *a, uint8_t family)
{
	const uint8_t *ip = read_bytes(r, family == 4 ? 4 : 16);

	memset(a, 0, sizeof(*a));
	a->family = family;
	if (ip != NULL)
		memcpy(a->ip, ip, family == 4 ? 4 : 16);
}

/* An IP header; its protocol, or 0 if there is none. */
static uint8_t
seen_read_ip(struct reader *r, struct seen *seen)
{
	uint8_t first = read_u8(r), protocol, hops;
	size_t options_len = 0;

	read_u8(r);
	if (first >> 4 == 4) {
		options_len = (first & 0xfu) * 4 - 20;
		seen->len = read_u16(r) - options_len - 20;
		read_u32(r);
		hops = read_u8(r);
		protocol = read_u8(r);
		read_u16(r);
	} else {
		read_u16(r);
		seen->len = read_u16(r);
		protocol = read_u8(r);
		hops = read_u8(r);
	}
	seen->ours = hops == HOPS_OF_OURS;
	read_ip(r, &seen->from, first >> 4 == 4 ? 4 : 6);
	read_ip(r, &seen->to, seen->from.family);
	read_bytes(r, options_len);
	return r->failed ? 0 : protocol;
}

/* False if it is neither UDP nor TCP. */
static bool
seen_read(struct reader *r, struct seen *seen)
{
	uint8_t protocol = seen_read_ip(r, seen);

	seen->tcp = protocol == PROTOCOL_TCP;
	if (!seen->tcp && protocol != PROTOCOL_UDP)
		return false;
	seen->from.port = read_u16(r);
	seen->to.port = read_u16(r);
	if (seen->tcp) {
		seen->first = read_u32(r);
		read_u32(r);
		seen->len -= read_u8(r) / 16 * 4u;
		seen->opens = (read_u8(r) & TCP_SYN_ACK_RST) == TCP_SYN;
	} else {
		read_u32(r);
		seen->len -= UDP_HEADER_LEN;
		seen->octets = read_bytes(r, seen->len);
	}
	return !r->failed;
}

/* On lo a packet that leaves comes in as well: it is seen as it leaves. */
static bool
frame_read(const struct tpacket2_hdr *head, struct seen *seen)
{
	const uint8_t *frame = (const void *)head;
	struct sockaddr_ll link;
	struct reader r;

	memcpy(&link, frame + LINK_AT, sizeof(link));
	seen->wall_us = (uint64_t)head->tp_sec * 1000000 + head->tp_nsec / 1000;
	if (link.sll_pkttype != PACKET_OUTGOING ||
	    (ntohs(link.sll_protocol) != ETH_P_IP &&
		ntohs(link.sll_protocol) != ETH_P_IPV6))
		return false;
	reader_init(&r, frame + head->tp_net, head->tp_snaplen);
	return seen_read(&r, seen);
}

static struct tpacket2_hdr *
watch_frame(const struct watch *w, unsigned index)
{
	return (void *)(w->frames + (size_t)(index % FRAMES) * FRAME_OCTETS);
}

/* A frame goes back to the kernel when the next one is asked for. */
bool
watch_next(struct watch *w, struct seen *seen)
{
	do {
		if (w->holds)
			__atomic_store_n(
			    &watch_frame(w, w->next + FRAMES - 1)->tp_status,
			    TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		w->holds = (__atomic_load_n(&watch_frame(w, w->next)->tp_status,
				__ATOMIC_ACQUIRE) &
			       TP_STATUS_USER) != 0;
		if (!w->holds)
			return false;
		w->next = (w->next + 1) % FRAMES;
	} while (!frame_read(watch_frame(w, w->next + FRAMES - 1), seen));
	return true;
}

/* ---------------------------------------------------------------------------
 * Sent.
 */
static int
address_domain(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

/* Of this protocol the whole packet is ours to write, and none comes in. */
int
wire_open(uint8_t family)
{
	return socket(
	    address_domain(family), SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
}

bool
wire_mark(int fd, uint8_t family)
{
	int hops = HOPS_OF_OURS;

	return (family == 4
		       ? setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops))
		       : setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops,
			     sizeof(hops))) == 0;
}

static size_t
ip_octets(const struct address *a)
{
	return a->family == 4 ? 4 : 16;
}

/* The header before so many octets; the kernel sums up that of IPv4. */
static void
write_ip(struct writer *w, const struct address *from, const struct address *to,
    uint8_t protocol, size_t len)
{
	if (from->family == 4) {
		write_u16(w, 0x4500);
		write_u16(w, (uint16_t)(20 + len));
		write_u32(w, 0);
		write_u8(w, HOPS_OF_OURS);
		write_u8(w, protocol);
		write_u16(w, 0);
	} else {
		write_u32(w, 0x60000000);
		write_u16(w, (uint16_t)len);
		write_u8(w, protocol);
		write_u8(w, HOPS_OF_OURS);
	}
	write_bytes(w, from->ip, ip_octets(from));
	write_bytes(w, to->ip, ip_octets(to));
}

static void
write_udp(struct writer *w, const struct address *from,
    const struct address *to, const uint8_t *octets, size_t len)
{
	write_u16(w, from->port);
	write_u16(w, to->port);
	write_u16(w, (uint16_t)(UDP_HEADER_LEN + len));
	write_u16(w, 0);
	write_bytes(w, octets, len);
}

/* RFC 1071: of 16 bits each. */
static uint32_t
sum_add(uint32_t sum, const uint8_t *octets, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)octets[i] << 8 : octets[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* RFC 768, RFC 8200 8.1: the addresses count too. */
static uint32_t
sum_addresses(const struct address *from, const struct address *to,
    uint8_t protocol, size_t len)
{
	uint32_t sum = sum_add(0, from->ip, ip_octets(from));

	sum = sum_add(sum, to->ip, ip_octets(to)) + protocol;
	return sum + (uint32_t)len;
}

/* Put the sum at its place in what follows the header, and send all. */
static bool
packet_send(int fd, struct writer *w, const struct address *to, size_t head,
    size_t sum_at, uint32_t sum)
{
	struct sockaddr_storage sa;
	struct address host = *to;
	socklen_t len;
	uint16_t complement;

	assert(!w->failed);
	sum =
	    sum_add(sum & 0xffff, w->base + head, w->len - head) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	complement = (uint16_t)~sum;
	write_u16_at(w, head + sum_at, complement == 0 ? 0xffff : complement);
	host.port = 0; /* it would be taken for a protocol */
	len = address_to_sockaddr(&host, &sa);
	return sendto(fd, w->base, w->len, 0, (struct sockaddr *)&sa, len) ==
	    (ssize_t)w->len;
}

bool
wire_send(int fd, const struct address *from, const struct address *to,
    const uint8_t *octets, size_t len)
{
	static uint8_t packet[MESSAGE_MAX + 64];
	size_t udp_len = UDP_HEADER_LEN + len, head;
	struct writer w;

	writer_init(&w, packet, sizeof(packet));
	write_ip(&w, from, to, PROTOCOL_UDP, udp_len);
	head = w.len;
	write_udp(&w, from, to, octets, len);
	return packet_send(fd, &w, to, head, 6,
	    sum_addresses(from, to, PROTOCOL_UDP, udp_len));
}

/* RFC 792, RFC 4443 3.1: port unreachable, with the head of what was sent. */
bool
wire_send_unreachable(
    int fd, const struct address *from, const struct address *to)
{
	size_t len = from->family == 4 ? 8 + 20 + 8 : 8 + 40 + 8, head;
	uint8_t protocol = from->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMP6;
	uint8_t packet[256];
	struct writer w;

	writer_init(&w, packet, sizeof(packet));
	write_ip(&w, from, to, protocol, len);
	head = w.len;
	write_u16(&w, from->family == 4 ? 0x0303 : 0x0104);
	write_u16(&w, 0);
	write_u32(&w, 0);
	write_ip(&w, to, from, PROTOCOL_UDP, UDP_HEADER_LEN);
	write_udp(&w, to, from, packet, 0);
	return packet_send(fd, &w, to, head, 2,
	    from->family == 4 ? 0 : sum_addresses(from, to, protocol, len));
}
