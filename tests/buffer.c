/*
 * buffer.c -- octets in a row, and messages in them.
 */
#include "buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
buffer_put(struct buffer *b, const uint8_t *octets, size_t len)
{
	if (len == 0)
		return;
	if (b->len + len > b->room) {
		b->room = 2 * (b->len + len);
		b->octets = realloc(b->octets, b->room);
		if (b->octets == NULL)
			abort();
	}
	memcpy(b->octets + b->len, octets, len);
	b->len += len;
}

void
buffer_drop(struct buffer *b, size_t len)
{
	assert(len <= b->len);
	b->len -= len;
	if (b->len > 0)
		memmove(b->octets, b->octets + len, b->len);
}

void
buffer_free(struct buffer *b)
{
	free(b->octets);
	memset(b, 0, sizeof(*b));
}

const uint8_t *
buffer_message(const struct buffer *b, size_t *len)
{
	if (b->len < PREFIX_LEN)
		return NULL;
	*len = (size_t)(b->octets[0] << 8 | b->octets[1]);
	return b->len - PREFIX_LEN < *len ? NULL : b->octets + PREFIX_LEN;
}

void
buffer_drop_message(struct buffer *b)
{
	size_t len;

	if (buffer_message(b, &len) != NULL)
		buffer_drop(b, PREFIX_LEN + len);
}

void
buffer_put_message(struct buffer *b, const uint8_t *octets, size_t len)
{
	uint8_t prefix[PREFIX_LEN] = {(uint8_t)(len >> 8), (uint8_t)len};

	assert(len <= UINT16_MAX);
	buffer_put(b, prefix, sizeof(prefix));
	buffer_put(b, octets, len);
}
