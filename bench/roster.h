/* Who takes part: users with their passwords, rooms with their members. Read from files once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roster_user {
    char *userid;
    char *password;
    uint32_t *rooms; /* those he is a member of */
    size_t room_count;
};

struct roster_room {
    char *name; /* with its '#' */
    uint32_t *members;
    size_t member_count;
    size_t first_place; /* number of its first member's place; members of all rooms have one each */
};

struct roster {
    struct roster_user *users;
    size_t user_count;
    struct roster_room *rooms;
    size_t room_count;
    size_t place_count;
};

/* Reads lines "userid:password", anything behind a second ':' being left out, at most `max` of
 * them (0: all). Empty lines and lines that begin with '#' are passed over. 0, or -errno with the
 * reason written to standard error. */
MUST_USE int roster_read_users(struct roster *roster, const char *path, size_t max);

/* Reads lines "#room userid userid …". Rooms with a member who is not among the users are left out;
 * empty lines and lines that begin with "//" are passed over. */
MUST_USE int roster_read_rooms(struct roster *roster, const char *path);

/* Frees what it holds; harmless on a zeroed one. */
void roster_deinit(struct roster *roster);
