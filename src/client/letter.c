/* What the client lets its user send: see letter.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/letter.h"

#include "client/settings.h"
#include "proto/frame.h"
#include "util/utf8.h"

const char *letter_recipient_refusal(struct bytes recipient)
{
    struct bytes name = recipient;

    if (bytes_is(recipient, "*"))
        return NULL;
    if (name.len > 0 && name.data[0] == '#') {
        name.data++;
        name.len--;
    }
    if (name.len == 0)
        return "a recipient is a userid, a #room, or * for everyone";
    if (name.len > V2_USERID_MAX)
        return "a recipient's name has at most 64 bytes";
    if (!utf8_valid(name))
        return "a recipient's name is UTF-8";
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] <= ' ' || name.data[i] == 0x7f ||
            strchr(":#*%/", name.data[i]))
            return "a recipient's name has no blank and none of : # * % /";
    return NULL;
}

const char *letter_text_refusal(struct bytes text)
{
    if (text.len == 0)
        return "the text is empty";
    if (text.len > CLIENT_TEXT_MAX)
        return "the text is longer than 65536 bytes";
    if (memchr(text.data, '\0', text.len) || memchr(text.data, FRAME_END, text.len))
        return "the text has a NUL or ETX character, which cannot be sent";
    if (!utf8_valid(text))
        return "the text is not valid UTF-8";
    return NULL;
}
