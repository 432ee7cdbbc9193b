/*
 * kernel.h -- between the made-up system calls and the made-up world.
 *
 *	kernel.c	the calls: descriptors, sockets, files, failures
 *	stream.c	what TCP calls give
 *	netlink.c	this host's addresses and routes
 *	simulator.c	the world: packets on their way, steps, time
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "driver.h"
#include "stream.h"

#include <sys/epoll.h>

/* ---------------------------------------------------------------------------
 * kernel.c, for the world.
 */
void kernel_init(uint64_t seed);
void kernel_set_ports(const struct ports *);
void kernel_run(bool running); /* calls are virtual while a server runs */
void kernel_limit_files(unsigned count);
void kernel_fail(const struct failure *);
uint64_t kernel_blocks(void); /* basic blocks the server went through */

/* The failure that was given first: did it come, and let it never come. */
bool kernel_first_failure_came(void);
void kernel_forget_first_failure(void);
bool kernel_signal(int); /* false: the server does not take it */

/* Give the packet to a socket, or to nobody: then it is gone and false. */
bool kernel_deliver(struct packet *);
bool kernel_listens(const struct address *to, const struct address *from);
int kernel_events(struct epoll_event *, int max);

/* SYN: is there a listener, and has it room?  Then it can accept the stream. */
enum welcome kernel_knock(struct stream *);
unsigned kernel_files_open(void);
void kernel_notify(const struct step *); /* who listens to netlink */

/* ---------------------------------------------------------------------------
 * netlink.c
 */
void host_interface(const struct interface *); /* one more, or one gone */
void host_no_interfaces(void);
void host_route(const struct route *);
bool host_is_own(const struct address *); /* of an interface */

/* The address that packets to there come from; or what connect fails with. */
int host_way(const struct address *to, struct address *source);

/* Datagrams that answer a question; strict: no more than was asked for. */
struct packet *netlink_answer(const uint8_t *question, size_t len, bool strict);

/* What an interface or route step tells these groups; NULL: nothing. */
struct packet *netlink_notice(const struct step *, uint32_t groups);

/* ---------------------------------------------------------------------------
 * simulator.c, for the calls.
 */
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_give_up(const char *what) __attribute__((noreturn));
void world_exit(int status) __attribute__((noreturn));
uint64_t world_boot_ms(void);
int64_t world_wall_ms(void);

/* The server has nothing left to do: what comes next, and when? */
int world_turn(struct epoll_event *, int max, int timeout_ms);

/* May it go there?  A query does, an answer does, a line is written. */
void world_connect(const struct address *to);
void world_query(const struct address *from, const struct address *to,
    const uint8_t *, size_t len);
void world_answer(const struct address *from, const struct address *to,
    const uint8_t *, size_t len);
/* Text of --metrics; and now it is there. */
void world_metrics(const char *, size_t len);
void world_metrics_done(void);
void world_log(const char *, size_t len);

/* TCP: the server connects; it wrote or closed: see what is to be done.
 */
void world_dial(struct stream *);
size_t world_window(const struct address *); /* octets taken at once */
void world_written(struct stream *);
void world_look(struct stream *);

#endif
