/* What the client lets its user send: see letter.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/letter.h"

#include "client/settings.h"
#include "proto/frame.h"
#include "util/cursor.h"
#include "util/utf8.h"

/* NULL, or what is wrong with a userid or the name of a room behind its #. */
static const char *name_refusal(struct bytes name)
{
    if (name.len == 0)
        return "a recipient is a userid, a #room, a #room/userid, or * for everyone";
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

const char *letter_recipient_refusal(struct bytes recipient)
{
    struct reader reader;
    struct bytes room;
    const char *refusal;

    if (bytes_is(recipient, "*"))
        return NULL;
    if (recipient.len == 0 || recipient.data[0] != '#')
        return name_refusal(recipient);
    if (!memchr(recipient.data, '/', recipient.len))
        return name_refusal((struct bytes){recipient.data + 1, recipient.len - 1});
    reader_init(&reader, (struct bytes){recipient.data + 1, recipient.len - 1});
    room = reader_field(&reader, '/');
    refusal = name_refusal(room);
    return refusal ? refusal : name_refusal(reader_rest(&reader));
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
