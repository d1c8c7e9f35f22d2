/* Reading users and rooms.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/roster.h"

#include "util/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    UT_hash_handle hh;
    const char *userid;
    uint32_t user;
};

static int complain(const char *path, unsigned line, int error, const char *what)
{
    fprintf(stderr, "multichat-bench: %s:%u: %s\n", path, line, what);
    return error;
}

/* Makes room for one more element of `size` bytes. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return realloc(array, (count ? count * 2 : 1) * size);
}

static int add_user(struct roster *roster, const char *line)
{
    const char *password = strchr(line, ':');
    struct roster_user *users, *user;

    if (!password || password == line || password[1] == '\0' || password[1] == ':')
        return -EINVAL;
    users = grown(roster->users, roster->user_count, sizeof(*users));
    if (!users)
        return -ENOMEM;
    roster->users = users;
    user = &users[roster->user_count];
    *user = (struct roster_user){
        .userid = strndup(line, (size_t)(password - line)),
        .password = strndup(password + 1, strcspn(password + 1, ":")),
    };
    roster->user_count++;
    return user->userid && user->password ? 0 : -ENOMEM;
}

/* Hands each line that is neither empty nor begins with `comment` to `take`. */
static int read_lines(struct roster *roster, const char *path, size_t max, const char *comment,
                      int (*take)(struct roster *roster, char *line, void *userdata),
                      void *userdata)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0, taken = 0;
    unsigned number = 0;
    int r = 0;

    if (!file)
        return complain(path, 0, -errno, strerror(errno));
    while (r == 0 && (max == 0 || taken < max) && getline(&line, &size, file) >= 0) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || strncmp(line, comment, strlen(comment)) == 0)
            continue;
        r = take(roster, line, userdata);
        taken++;
        if (r < 0)
            complain(path, number, r, r == -EINVAL ? "not understood" : strerror(-r));
    }
    free(line);
    fclose(file);
    return r;
}

static int take_user(struct roster *roster, char *line, void *userdata)
{
    (void)userdata;
    return add_user(roster, line);
}

int roster_read_users(struct roster *roster, const char *path, size_t max)
{
    int r = read_lines(roster, path, max, "#", take_user, NULL);

    if (r == 0 && roster->user_count == 0)
        return complain(path, 0, -EINVAL, "no users in it");
    return r;
}

static int join(struct roster *roster, uint32_t room, uint32_t user)
{
    struct roster_room *in = &roster->rooms[room];
    struct roster_user *who = &roster->users[user];
    uint32_t *members = grown(in->members, in->member_count, sizeof(*members));
    uint32_t *rooms;

    if (!members)
        return -ENOMEM;
    in->members = members;
    members[in->member_count++] = user;
    rooms = grown(who->rooms, who->room_count, sizeof(*rooms));
    if (!rooms)
        return -ENOMEM;
    who->rooms = rooms;
    rooms[who->room_count++] = room;
    return 0;
}

static int add_room(struct roster *roster, const char *room, const uint32_t *members, size_t count)
{
    struct roster_room *rooms = grown(roster->rooms, roster->room_count, sizeof(*rooms));
    int r = 0;

    if (!rooms)
        return -ENOMEM;
    roster->rooms = rooms;
    rooms[roster->room_count] =
        (struct roster_room){.name = strdup(room), .first_place = roster->place_count};
    if (!rooms[roster->room_count++].name)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = join(roster, (uint32_t)(roster->room_count - 1), members[i]);
    roster->place_count += count;
    return r;
}

static int take_room(struct roster *roster, char *line, void *userdata)
{
    struct name *const *names = userdata;
    char *save, *room = strtok_r(line, " \t", &save);
    uint32_t *members = NULL;
    size_t count = 0;
    int r = 0;

    if (!room || room[0] != '#')
        return -EINVAL;
    for (char *userid; r == 0 && (userid = strtok_r(NULL, " \t", &save));) {
        struct name *name;
        uint32_t *more = grown(members, count, sizeof(*members));
        if (!more) {
            r = -ENOMEM;
            break;
        }
        members = more;
        HASH_FIND_STR(*names, userid, name);
        if (!name)
            goto out; /* not one of this run's */
        members[count++] = name->user;
    }
    if (r == 0)
        r = count > 0 ? add_room(roster, room, members, count) : -EINVAL;
out:
    free(members);
    return r;
}

int roster_read_rooms(struct roster *roster, const char *path)
{
    struct name *pool = calloc(roster->user_count, sizeof(*pool)), *names = NULL;
    int r;

    if (!pool)
        return -ENOMEM;
    for (size_t i = 0; i < roster->user_count; i++) {
        pool[i].userid = roster->users[i].userid;
        pool[i].user = (uint32_t)i;
        HASH_ADD_KEYPTR(hh, names, pool[i].userid, strlen(pool[i].userid), &pool[i]);
    }
    r = read_lines(roster, path, 0, "//", take_room, &names);
    HASH_CLEAR(hh, names);
    free(pool);
    return r;
}

void roster_deinit(struct roster *roster)
{
    for (size_t i = 0; i < roster->user_count; i++) {
        free(roster->users[i].userid);
        free(roster->users[i].password);
        free(roster->users[i].rooms);
    }
    for (size_t i = 0; i < roster->room_count; i++) {
        free(roster->rooms[i].name);
        free(roster->rooms[i].members);
    }
    free(roster->users);
    free(roster->rooms);
    *roster = (struct roster){0};
}
