/*
 * netns.h -- two network namespaces and the wire between them.
 *
 * The process that makes them is in "here" from then on: the host on which a
 * server is tested.  All that its packets can reach beyond it is "world",
 * where every address there is belongs to this process.  Both end with it.
 */
#ifndef NETNS_H
#define NETNS_H

#include "scenario.h"

enum {
	INTERFACES_MAX = 16
};

struct netns {
	const char *host; /* what "here" is called */
	int here, world;  /* descriptors to enter them by */
	struct interface interfaces[INTERFACES_MAX]; /* addresses of "here" */
	unsigned interface_count;
	bool closed[7]; /* by family: there is to be no default route */
	bool routed[7]; /* there is one */
};

/*
 * Make both for this name and these interfaces.  As a user who is not root it
 * makes a user namespace first, in which he is.  NULL, or what this system does
 * not let us do.
 */
const char *netns_make(struct netns *);
void netns_enter(int fd); /* sockets are of where they are made */

/* Write into a file that is there, as /proc and /sys take it; else errno. */
bool file_put(const char *path, const char *text);

/* What a step changes of "here", in which we are. */
void netns_interface(struct netns *, const struct interface *);
void netns_route(struct netns *, const struct route *);

/* Is it an address of "here"?  One that packets from the world can have? */
bool netns_is_own(const struct netns *, const struct address *);
bool netns_is_wired(const struct netns *, const struct address *);

#endif
