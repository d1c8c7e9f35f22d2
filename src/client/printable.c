/* Making hostile text harmless: see printable.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/printable.h"

#include "screen/spelling.h"
#include "util/utf8.h"

#include <stdbool.h>
#include <stdlib.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

void printable_write(FILE *out, struct bytes text, enum printable_kind kind)
{
    while (text.len > 0) {
        char spelling[SPELLING_MAX];
        uint32_t c;
        int len = utf8_decode(text, &c);

        if (len < 0) {
            fputs(REPLACEMENT, out);
            len = 1;
        } else if (c == '\n' && kind == PRINTABLE_TEXT) {
            fputs("\n    | ", out);
        } else if (c == '\t' && kind == PRINTABLE_TEXT) {
            fputc('\t', out);
        } else if (spelling_of(c, spelling) > 0) {
            fputs(spelling, out);
        } else {
            fwrite(text.data, 1, (size_t)len, out);
        }
        text.data += len;
        text.len -= (size_t)len;
    }
}

static void write_time(FILE *out, uint64_t time_s, time_t now)
{
    /* Beyond the year 9999 it is nonsense of the sender's. */
    time_t then = time_s < 253402300800ULL ? (time_t)time_s : 0;
    struct tm day, today;
    char text[32] = "";

    localtime_r(&then, &day);
    localtime_r(&now, &today);
    if (day.tm_year == today.tm_year && day.tm_yday == today.tm_yday)
        strftime(text, sizeof(text), "%H:%M", &day);
    else
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &day);
    fprintf(out, "[%s] ", text);
}

/* Where it was written, unless that was to everyone. */
static void write_place(FILE *out, struct bytes conversation, bool own)
{
    bool room = conversation.len > 0 && conversation.data[0] == '#';

    if (bytes_is(conversation, "*") || bytes_is(conversation, "%"))
        return;
    if (!room && !own) {
        fputs("[direct] ", out);
        return;
    }
    fputs(room ? "[" : "[to ", out);
    printable_write(out, conversation, PRINTABLE_NAME);
    fputs("] ", out);
}

char *printable_message(const struct v2_frame *msg, bool own, bool again, time_t now)
{
    struct bytes text = msg->text;
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);

    if (!out)
        return NULL;
    write_time(out, msg->time_ms / 1000, now);
    if (again)
        fputs("(may have been shown before) ", out);
    write_place(out, msg->conversation.name, own);
    if (own) {
        fputs("I: ", out);
    } else {
        printable_write(out, msg->name, PRINTABLE_NAME);
        fputs(" (", out);
        printable_write(out, msg->userid, PRINTABLE_NAME);
        fputs("): ", out);
    }
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    printable_write(out, text, PRINTABLE_TEXT);
    fputc('\n', out);
    if (fclose(out) != 0) {
        free(line);
        return NULL;
    }
    return line;
}
