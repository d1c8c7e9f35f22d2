/* A growable byte queue with a limit: bytes are appended at the end and consumed at the front.
 *
 * The limit is never exceeded, so a peer cannot make it grow past what the
 * configuration allows. Memory is given back, wiped, when it runs empty.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"
#include "util/bytes.h"

struct buffer {
    char *data;
    size_t start; /* first byte not yet consumed */
    size_t end;   /* one past the last byte */
    size_t allocated;
    size_t limit; /* most bytes it will ever hold */
};

/* Makes `buffer` empty; nothing is allocated before the first byte. */
void buffer_init(struct buffer *buffer, size_t limit);

/* Frees what it holds; the buffer is empty and usable again. */
void buffer_deinit(struct buffer *buffer);

/* Another limit, but none below what it holds now. */
void buffer_set_limit(struct buffer *buffer, size_t limit);

/* What is in it now; valid until the next call that takes a non-const buffer. */
struct bytes buffer_peek(const struct buffer *buffer);

/* Bytes held. */
size_t buffer_len(const struct buffer *buffer);

/* Copies `bytes` to the end. 0, -ENOBUFS when the limit forbids it (nothing is appended), -ENOMEM.
 */
MUST_USE int buffer_append(struct buffer *buffer, struct bytes bytes);

/* Makes room for at least one and at most `want` bytes at the end (fewer where the limit says so)
 * and points `ret_space` at it; buffer_commit() tells how many were written there.
 * Returns the room in bytes (> 0), -ENOBUFS when the buffer is full, or -ENOMEM. */
MUST_USE long buffer_reserve(struct buffer *buffer, size_t want, char **ret_space);
void buffer_commit(struct buffer *buffer, size_t written);

/* Forgets the first `count` bytes (count <= buffer_len()). */
void buffer_consume(struct buffer *buffer, size_t count);
