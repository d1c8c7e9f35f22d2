/* Who is in a room: see members.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "screen/members.h"

#include "util/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define ALLOCATED_FIRST 16

static int compare(const void *one, const void *two)
{
    const struct member *a = *(struct member *const *)one, *b = *(struct member *const *)two;
    int order;

    if (a->is_operator != b->is_operator)
        return a->is_operator ? -1 : 1;
    if (a->present != b->present)
        return a->present ? -1 : 1;
    order = strcmp(a->folded, b->folded);
    return order != 0 ? order : strcmp(a->userid, b->userid);
}

static void member_free(struct member *member)
{
    if (member)
        free(member->userid);
    free(member);
}

static char *store(char **at, struct bytes text)
{
    char *stored = *at;

    if (text.len > 0)
        memcpy(stored, text.data, text.len);
    stored[text.len] = '\0';
    *at += text.len + 1;
    return stored;
}

static struct member *member_new(const struct screen_member *given)
{
    struct member *member = calloc(1, sizeof(*member));
    char *folded = NULL, *at;
    /* A name that cannot be folded is ordered as it is. */
    int r = utf8_fold(given->name, &folded);
    struct bytes order = r == 0 ? bytes_of(folded) : given->name;

    at = member ? malloc(given->userid.len + given->name.len + order.len + 3) : NULL;
    if (at) {
        member->is_operator = given->is_operator;
        member->present = given->present;
        member->userid = store(&at, given->userid);
        member->userid_len = given->userid.len;
        member->name = store(&at, given->name);
        member->name_len = given->name.len;
        member->folded = store(&at, order);
    } else {
        free(member);
        member = NULL;
    }
    free(folded);
    return member;
}

static struct member *find(const struct members *members, struct bytes userid)
{
    struct member *member;

    HASH_FIND(hh, members->by_userid, userid.data, userid.len, member);
    return member;
}

const struct member *members_find(const struct members *members, struct bytes userid)
{
    return find(members, userid);
}

static void drop(struct members *members, struct member *member)
{
    struct member *last = members->all[--members->count];

    members->all[member->index] = last;
    last->index = member->index;
    members->present -= member->present;
    members->sorted = false;
    HASH_DEL(members->by_userid, member);
    member_free(member);
}

static int make_room(struct members *members)
{
    size_t allocated = members->allocated ? 2 * members->allocated : ALLOCATED_FIRST;
    struct member **all;

    if (members->count < members->allocated)
        return 0;
    if (members->count >= SCREEN_MEMBERS_MAX)
        return -ENOBUFS;
    all = realloc(members->all, allocated * sizeof(struct member *));
    if (!all)
        return -ENOMEM;
    members->all = all;
    members->allocated = allocated;
    return 0;
}

int members_set(struct members *members, const struct screen_member *given)
{
    struct member *old = find(members, given->userid), *member;
    int r = old ? 0 : make_room(members);

    if (r < 0)
        return r;
    member = member_new(given);
    if (!member)
        return -ENOMEM;
    if (old)
        drop(members, old);
    HASH_ADD_KEYPTR(hh, members->by_userid, member->userid, member->userid_len, member);
    if (!member->hh.tbl) {
        member_free(member);
        return -ENOMEM;
    }
    member->index = members->count;
    members->all[members->count++] = member;
    members->present += member->present;
    members->sorted = false;
    return 0;
}

void members_remove(struct members *members, struct bytes userid)
{
    struct member *member = find(members, userid);

    if (member)
        drop(members, member);
}

const struct member *members_at(struct members *members, size_t index)
{
    assert(index < members->count);
    if (!members->sorted) {
        qsort(members->all, members->count, sizeof(struct member *), compare);
        for (size_t i = 0; i < members->count; i++)
            members->all[i]->index = i;
        members->sorted = true;
    }
    return members->all[index];
}

void members_deinit(struct members *members)
{
    HASH_CLEAR(hh, members->by_userid);
    for (size_t i = 0; i < members->count; i++)
        member_free(members->all[i]);
    free(members->all);
    *members = (struct members){.all = NULL};
}
