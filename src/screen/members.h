/* Who is in a room: found by userid, shown in order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "screen/screen.h"
#include "util/attributes.h"
#include "util/hash.h"

struct member {
    bool is_operator, present;
    char *userid, *name, *folded; /* one allocation, which `userid` begins */
    size_t userid_len, name_len;
    size_t index; /* among all */
    UT_hash_handle hh;
};

struct members {
    struct member *by_userid;
    struct member **all;
    size_t count, allocated, present;
    bool sorted;
};

void members_deinit(struct members *members);
/* See screen_member_set(). */
MUST_USE int members_set(struct members *members, const struct screen_member *given);
void members_remove(struct members *members, struct bytes userid);
const struct member *members_find(const struct members *members, struct bytes userid);
/* The place `index` of the order shown; it is there. */
const struct member *members_at(struct members *members, size_t index);
