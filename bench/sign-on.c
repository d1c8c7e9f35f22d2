/* Signing on: a bounded number of users at a time write to themselves, again and again while the
 * server is busy, until the message has come back.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/sign-on.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT     "mcb1 sign-on"
#define TAG_BIT  0x80000000u
#define TAG_USER (TAG_BIT - 1)

struct entry {
    bool waiting; /* for an answer */
    bool stored;
    bool done; /* it has come back */
};

struct sign_on {
    const struct roster *roster;
    struct entry *entries; /* by user */
    size_t next, done;
};

int sign_on_new(const struct roster *roster, struct sign_on **ret)
{
    struct sign_on *sign_on = calloc(1, sizeof(*sign_on));

    if (!sign_on)
        return -ENOMEM;
    sign_on->roster = roster;
    sign_on->entries = calloc(roster->user_count, sizeof(*sign_on->entries));
    if (!sign_on->entries) {
        free(sign_on);
        return -ENOMEM;
    }
    *ret = sign_on;
    return 0;
}

void sign_on_free(struct sign_on *sign_on)
{
    if (!sign_on)
        return;
    free(sign_on->entries);
    free(sign_on);
}

static int send_one(struct sign_on *sign_on, struct lane *lane, size_t user)
{
    const struct roster_user *who = &sign_on->roster->users[user];
    struct v1_write write = {
        .userid = bytes_of(who->userid),
        .password = bytes_of(who->password),
        .recipient = bytes_of(who->userid),
        .text = bytes_of(TEXT),
    };
    int r = lane_send(lane, &write, TAG_BIT | (uint32_t)user);

    if (r == 0)
        sign_on->entries[user].waiting = true;
    return r;
}

int sign_on_send(struct sign_on *sign_on, struct lane *lane)
{
    int r = 0;

    while (r == 0 && sign_on->next < sign_on->roster->user_count && lane_ready(lane)) {
        const struct entry *entry = &sign_on->entries[sign_on->next];
        if (!entry->waiting && !entry->stored)
            r = send_one(sign_on, lane, sign_on->next);
        sign_on->next++;
    }
    return r;
}

void sign_on_again(struct sign_on *sign_on)
{
    sign_on->next = 0;
}

void sign_on_answered(struct sign_on *sign_on, uint32_t tag, bool stored)
{
    struct entry *entry = &sign_on->entries[tag & TAG_USER];

    entry->waiting = false;
    entry->stored = stored;
}

bool sign_on_received(struct sign_on *sign_on, uint32_t user, struct bytes text)
{
    if (!bytes_is(text, TEXT))
        return false;
    if (!sign_on->entries[user].done)
        sign_on->done++;
    sign_on->entries[user].done = true;
    return true;
}

size_t sign_on_missing(const struct sign_on *sign_on)
{
    return sign_on->roster->user_count - sign_on->done;
}
