/*
 * wire.h -- packets as they are: seen on every interface of a network
 * namespace, and sent from any address and port.
 */
#ifndef WIRE_H
#define WIRE_H

#include "scenario.h"

enum {
	/*
	 * Packets of this process have so many hops to live, which no other
	 * program's have: that is how they are told apart.
	 */
	HOPS_OF_OURS = 99
};

/* A packet that leaves by an interface. */
struct seen {
	struct address from, to;
	bool tcp, ours;
	bool opens;     /* TCP: a connection */
	uint32_t first; /* TCP: the number of the first octet */
	uint64_t wall_us;
	size_t len;            /* of what it carries */
	const uint8_t *octets; /* of UDP */
};

/* All packets that leave a network namespace, kept by the kernel for us. */
struct watch {
	int fd;
	uint8_t *frames;
	unsigned next;
	bool holds; /* the frame before is not given back yet */
};

/* Of the namespace we are in; false and errno. */
bool watch_open(struct watch *);

/* The next of UDP or TCP, if there is one; its octets last until then. */
bool watch_next(struct watch *, struct seen *);
unsigned watch_lost(const struct watch *); /* for want of room */
void watch_close(struct watch *);

/* A socket for the next two, of the namespace we are in; -1 and errno. */
int wire_open(uint8_t family);
bool wire_send(int fd, const struct address *from, const struct address *to,
    const uint8_t *, size_t len);

/* Nobody is at the port that `to' sent to: an ICMP error. */
bool wire_send_unreachable(
    int fd, const struct address *from, const struct address *to);

/* An ordinary socket's packets are ours too; false and errno. */
bool wire_mark(int fd, uint8_t family);

#endif
