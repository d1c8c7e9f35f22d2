/* A device of a user: a terminal or host that receives for him, with a cursor per conversation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdint.h>

#define DEVICE_NAME_MAX 96 /* bytes */

struct device_record {
    uint64_t id;
    char name[DEVICE_NAME_MAX + 1];
    uint64_t seen_ms; /* since the epoch: when it was made, moved, or last reported as seen */
};

/* The last message of a conversation that a device has acknowledged. */
struct device_cursor {
    uint64_t device;
    uint64_t conversation;
    uint64_t seq;
};
