/* Making hostile text harmless: see printable.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/printable.h"

#include "util/utf8.h"

#include <stdbool.h>
#include <stdlib.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Characters that are not shown as they are: they control the terminal, turn the direction of
 * text, or take no room. */
static const struct range {
    uint32_t first, last;
} hidden[] = {
    {0x0080, 0x009f},   /* C1 controls */
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x061c, 0x061c},   /* Arabic letter mark */
    {0x115f, 0x1160},   /* Hangul fillers */
    {0x180e, 0x180e},   /* Mongolian vowel separator */
    {0x200b, 0x200b},   /* zero-width space */
    {0x200e, 0x200f},   /* left-to-right and right-to-left mark */
    {0x2028, 0x202e},   /* line and paragraph separator, bidi embeddings and overrides */
    {0x2060, 0x206f},   /* word joiner, invisible operators, bidi isolates */
    {0x3164, 0x3164},   /* Hangul filler */
    {0xfeff, 0xfeff},   /* byte order mark */
    {0xffa0, 0xffa0},   /* halfwidth Hangul filler */
    {0xfff9, 0xfffb},   /* interlinear annotation */
    {0xfffe, 0xffff},   /* no characters */
    {0xe0000, 0xe0fff}, /* tags and further variation selectors */
};

static bool is_hidden(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        if (c >= hidden[i].first && c <= hidden[i].last)
            return true;
    return false;
}

void printable_write(FILE *out, struct bytes text, enum printable_kind kind)
{
    while (text.len > 0) {
        uint32_t c;
        int len = utf8_decode(text, &c);

        if (len < 0) {
            fputs(REPLACEMENT, out);
            len = 1;
        } else if (c == '\n' && kind == PRINTABLE_TEXT) {
            fputs("\n    | ", out);
        } else if (c == '\t' && kind == PRINTABLE_TEXT) {
            fputc('\t', out);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "^%c", (int)(c ^ 0x40));
        } else if (is_hidden(c)) {
            fprintf(out, "\\u{%X}", (unsigned)c);
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
