/*
 * players.h -- everybody but the server: clients and name servers, on sockets.
 *
 * Name servers are at every address that the scenario has one at, clients where
 * it says.  Whoever has an address of the host is on it, all others are in the
 * world.  All their packets are marked as ours (wire.h).
 */
#ifndef PLAYERS_H
#define PLAYERS_H

#include "driver.h"
#include "netns.h"

struct player; /* one socket */

/* What epoll has in data.ptr for a player is never below this. */
enum {
	PLAYERS_FROM = 4096
};

/* They are all of this driver, between these namespaces; false and errno. */
bool players_open(struct driver *, const struct netns *, int epoll);
void players_close(void);

/* Port 53 is theirs in the world; on this host only once the server serves. */
void players_begin(void);
void players_come_here(void);

/* A step has made or changed name servers. */
void players_change(const struct step *);

void players_ask(const struct step *, unsigned nth);
void players_connect(const struct step *);
void players_do(const struct step *); /* SEND to READ */
void players_hang_up(void);           /* clients over UDP are gone */

/* There is something for a player; a packet has come due. */
void player_look(struct player *, uint32_t events);
void players_deliver(struct packet *);

unsigned players_replies(void); /* that came to clients over UDP */
bool players_missed(void);      /* a query came where no name server is */

#endif
