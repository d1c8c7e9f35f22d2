/* Choosing targets, the same ones for the same seed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/chooser.h"

#include <errno.h>
#include <stdlib.h>

struct chooser {
    const struct roster *roster;
    enum pattern pattern;
    uint32_t writers;
    uint32_t *rounds; /* by writer: what he has sent in PATTERN_ROUND */
    uint64_t random;
};

int chooser_new(const struct roster *roster, enum pattern pattern, uint32_t writers, uint64_t seed,
                struct chooser **ret)
{
    struct chooser *chooser = calloc(1, sizeof(*chooser));

    if (!chooser)
        return -ENOMEM;
    *chooser = (struct chooser){
        .roster = roster,
        .pattern = pattern,
        .writers = writers,
        .rounds = calloc(writers, sizeof(uint32_t)),
        .random = seed * 2654435761ULL + 88172645463325252ULL,
    };
    if (!chooser->rounds) {
        free(chooser);
        return -ENOMEM;
    }
    *ret = chooser;
    return 0;
}

void chooser_free(struct chooser *chooser)
{
    if (!chooser)
        return;
    free(chooser->rounds);
    free(chooser);
}

/* xorshift64* */
static uint64_t random_below(struct chooser *chooser, uint64_t limit)
{
    chooser->random ^= chooser->random >> 12;
    chooser->random ^= chooser->random << 25;
    chooser->random ^= chooser->random >> 27;
    return (chooser->random * 2685821657736338717ULL >> 16) % limit;
}

static struct target to_user(uint64_t index)
{
    return (struct target){.kind = TARGET_USER, .index = (uint32_t)index};
}

static struct target to_room_of(struct chooser *chooser, const struct roster_user *who)
{
    return (struct target){.kind = TARGET_ROOM,
                           .index = who->rooms[random_below(chooser, who->room_count)]};
}

static struct target mixed(struct chooser *chooser, uint32_t writer)
{
    const struct roster_user *who = &chooser->roster->users[writer];
    uint64_t count = chooser->roster->user_count;

    if (who->room_count > 0 && random_below(chooser, 2) == 0)
        return to_room_of(chooser, who);
    return to_user((writer + 1 + random_below(chooser, count - 1)) % count);
}

struct target chooser_next(struct chooser *chooser, uint32_t writer)
{
    uint64_t others = chooser->roster->user_count - chooser->writers;

    switch (chooser->pattern) {
    case PATTERN_MIXED:
        return mixed(chooser, writer);
    case PATTERN_PARTNERS:
        return to_user(chooser->writers + writer % others);
    case PATTERN_ROUND:
        return to_user(chooser->writers + (writer + chooser->rounds[writer]++) % others);
    case PATTERN_ROOM:
        return to_room_of(chooser, &chooser->roster->users[writer]);
    default:
        return (struct target){.kind = TARGET_EVERYONE};
    }
}

const char *chooser_recipient(const struct chooser *chooser, struct target target)
{
    switch (target.kind) {
    case TARGET_USER:
        return chooser->roster->users[target.index].userid;
    case TARGET_ROOM:
        return chooser->roster->rooms[target.index].name;
    default:
        return "*";
    }
}
