/* What is told to everybody, or to a room: entries of logs that the administrator makes.
 *
 * He has a name that no user can have. A key that is not known to anybody finds an entry again
 * whose commit was cut off.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define ADMINISTRATOR "*"
#define EVERYONE      "*"

/* One that the server made begins with a colon. */
static int make_key(char key[MESSAGE_KEY_MAX + 1])
{
    unsigned char random[16];
    size_t len = 1;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    key[0] = ':';
    for (size_t i = 0; i < sizeof(random); i++)
        len += (size_t)snprintf(key + len, MESSAGE_KEY_MAX + 1 - len, "%02x", random[i]);
    return 0;
}

struct message *admin_notice_new(enum message_kind kind, struct bytes text, const struct user *who)
{
    char key[MESSAGE_KEY_MAX + 1];
    struct message *notice = NULL;
    struct message from = {
        .kind = kind,
        .sender = who ? who->id : 0,
        .userid = bytes_of(who ? who->userid : ADMINISTRATOR),
        .name = bytes_of(who ? who->name : ADMINISTRATOR),
        .text = text,
    };

    if (make_key(key) < 0)
        return NULL;
    from.key = bytes_of(key);
    return message_new(&from, &notice) == 0 ? notice : NULL;
}

void request_stored(struct request *request, struct message *notice)
{
    const struct admin_hooks *hooks = &request->admin->hooks;

    if (notice && hooks->stored)
        hooks->stored(hooks->userdata, notice);
}

/* -- announce --------------------------------------------------------------------------------- */

static void announced(void *userdata, enum dal_outcome outcome, struct message *message, bool again)
{
    struct request *request = userdata;

    (void)again;
    if (outcome != DAL_OK) {
        request_finish(request, refusal_of_outcome(outcome));
        return;
    }
    request_stored(request, message);
    request_finish(request, json_pack("{s:b,s:I,s:I}", "ok", 1, "number", (json_int_t)message->seq,
                                      "time_ms", (json_int_t)message->time_ms));
}

static void everyone_found(void *userdata, enum dal_outcome outcome,
                           const struct conversation_record *everyone)
{
    struct request *request = userdata;

    if (outcome != DAL_OK) {
        request_finish(request, refusal_of_outcome(outcome));
        return;
    }
    struct message *notice = admin_notice_new(MESSAGE_ANNOUNCEMENT, request->arguments.text, NULL);
    if (notice)
        notice->conversation = everyone->id;
    request_check(request, notice ? dal_message_store(notice, announced, request) : -ENOMEM);
    message_unref(notice);
}

void verb_announce(struct request *request)
{
    request_check(request, dal_conversation_find(bytes_of(EVERYONE), everyone_found, request));
}
