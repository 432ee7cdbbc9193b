/*
 * buffer.h -- octets in a row, and messages in them.
 *
 * Octets are put at the end and dropped at the front.  Over TCP each message
 * has its length before it, in two octets (RFC 1035 4.2.2).
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

enum {
	PREFIX_LEN = 2
};

/* All zero is an empty one. */
struct buffer {
	uint8_t *octets;
	size_t len, room;
};

void buffer_put(struct buffer *, const uint8_t *, size_t len);
void buffer_drop(struct buffer *, size_t len);
void buffer_free(struct buffer *);

/* The message at the front, if it is whole; else NULL.  Good until a put. */
const uint8_t *buffer_message(const struct buffer *, size_t *len);
void buffer_drop_message(struct buffer *);

/* Put a message and its length. */
void buffer_put_message(struct buffer *, const uint8_t *, size_t len);

#endif
