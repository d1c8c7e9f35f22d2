/* Messages: the struct and its strings in one allocation, the strings behind it in the order
 * of the fields.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

size_t message_size(const struct message *message)
{
    return sizeof(*message) + message->userid.len + message->name.len + message->key.len +
           message->text.len + message->room.len + message->where.len;
}

/* Copies `field`'s bytes to `*end`, points it there and moves `*end` behind them. */
static void take_over(struct bytes *field, char **end)
{
    if (field->len > 0)
        memcpy(*end, field->data, field->len);
    field->data = *end;
    *end += field->len;
}

int message_new(const struct message *from, struct message **ret)
{
    struct message *message = malloc(message_size(from));

    if (!message)
        return -ENOMEM;
    *message = *from;
    message->references = 1;
    char *end = (char *)(message + 1);
    take_over(&message->userid, &end);
    take_over(&message->name, &end);
    take_over(&message->key, &end);
    take_over(&message->text, &end);
    take_over(&message->room, &end);
    take_over(&message->where, &end);
    *ret = message;
    return 0;
}

struct message message_contents(const struct message *message)
{
    const size_t counter = offsetof(struct message, conversation);
    struct message values = {.references = 0};

    memcpy((char *)&values + counter, (const char *)message + counter, sizeof(values) - counter);
    return values;
}

struct message *message_ref(struct message *message)
{
    assert(message->references > 0);
    message->references++;
    return message;
}

void message_unref(struct message *message)
{
    if (!message)
        return;
    assert(message->references > 0);
    if (--message->references == 0)
        free(message);
}
