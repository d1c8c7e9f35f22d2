/* The user's own messages coming back: see echo.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/echo.h"

#include <stdlib.h>

static void forget(struct echo *echo, size_t index)
{
    free(echo->sent[index].text);
    echo->sent[index].text = NULL;
}

void echo_remember(struct echo *echo, struct bytes text)
{
    size_t index = echo->next;
    char *copy = malloc(text.len + 1);

    if (!copy)
        return;
    memcpy(copy, text.data, text.len);
    forget(echo, index);
    echo->sent[index].text = copy;
    echo->sent[index].len = text.len;
    echo->next = (index + 1) % ECHO_MAX;
}

bool echo_recognise(struct echo *echo, struct bytes text)
{
    for (size_t i = 0; i < ECHO_MAX; i++) {
        size_t index = (echo->next + i) % ECHO_MAX; /* oldest first */
        if (echo->sent[index].text &&
            bytes_equal(text, (struct bytes){echo->sent[index].text, echo->sent[index].len})) {
            forget(echo, index);
            return true;
        }
    }
    return false;
}

void echo_deinit(struct echo *echo)
{
    for (size_t i = 0; i < ECHO_MAX; i++)
        forget(echo, i);
}
