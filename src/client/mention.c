/* Whether a text names somebody: see mention.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/mention.h"

#include "util/utf8.h"

#include <stdlib.h>

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
}

/* `name` is at `at` in `text`: whether neither of its ends is within a word. */
static bool stands_alone(const char *text, const char *at, const char *name)
{
    size_t len = strlen(name);

    return !(at > text && is_word(at[-1]) && is_word(name[0])) &&
           !(is_word(at[len]) && is_word(name[len - 1]));
}

bool mention_is_in(struct bytes text, const char *name)
{
    char *folded_text = NULL, *folded_name = NULL;
    bool found = false;

    if (name[0] && utf8_fold(text, &folded_text) == 0 &&
        utf8_fold(bytes_of(name), &folded_name) == 0 && folded_name[0])
        for (const char *at = folded_text; !found && (at = strstr(at, folded_name)); at++)
            found = stands_alone(folded_text, at, folded_name);
    free(folded_text);
    free(folded_name);
    return found;
}
