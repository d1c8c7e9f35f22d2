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

/* Who did it: "Bob (bob)"; "*" is the administrator. */
static void write_actor(FILE *out, const struct v2_frame *entry)
{
    if (bytes_is(entry->userid, "*")) {
        fputs("the administrator", out);
        return;
    }
    printable_write(out, entry->name, PRINTABLE_NAME);
    fputs(" (", out);
    printable_write(out, entry->userid, PRINTABLE_NAME);
    fputc(')', out);
}

/* Where it was written, unless that was to everyone. */
static void write_place(FILE *out, const struct v2_frame *entry, bool own)
{
    struct bytes conversation = entry->conversation.name;
    bool whisper = entry->verb == V2_VERB_WHISPER;
    bool room = conversation.len > 0 && conversation.data[0] == '#';

    if (bytes_is(conversation, "*") || bytes_is(conversation, "%"))
        return;
    fputc('[', out);
    if (whisper) {
        printable_write(out, entry->room.name, PRINTABLE_NAME);
        fputs(own ? " whisper " : " whisper", out);
    }
    if (!room && own)
        fputs("to ", out);
    if (room || own)
        printable_write(out, conversation, PRINTABLE_NAME);
    else if (!whisper)
        fputs("direct", out);
    fputs("] ", out);
}

/* -- notes ---------------------------------------------------------------------------------------
 */

/* What a note says. %A: who did it, %U: his userid, %N: his name, %R: the conversation, %I: the
 * room of an invitation, %T: the text. */
static const char *const note_words[V2_NOTE_COUNT] = {
    [V2_NOTE_JOINED] = "%A has joined %R",
    [V2_NOTE_LEFT] = "%A has left %R",
    [V2_NOTE_RENAMED] = "%T (%U) is now called %N",
    [V2_NOTE_TOPIC] = "%A has set the topic of %R: %T",
    [V2_NOTE_INVITED] = "%A invites you to %I",
    [V2_NOTE_REMOVED] = "%A has removed %T from %R",
    [V2_NOTE_ANNOUNCEMENT] = "announcement: %T",
    [V2_NOTE_ACCESS] = "%A has made %R a room that is %T",
};

static void write_word(FILE *out, const struct v2_frame *note, char word)
{
    switch (word) {
    case 'A':
        write_actor(out, note);
        break;
    case 'U':
        printable_write(out, note->userid, PRINTABLE_NAME);
        break;
    case 'N':
        printable_write(out, note->name, PRINTABLE_NAME);
        break;
    case 'R':
        printable_write(out, note->conversation.name, PRINTABLE_NAME);
        break;
    case 'I':
        printable_write(out, note->room.name, PRINTABLE_NAME);
        break;
    default: /* T */
        printable_write(out, note->text, PRINTABLE_TEXT);
    }
}

/* True if it is to be shown. */
static bool is_shown(const struct v2_frame *note, int kind)
{
    return kind >= 0 && (kind != V2_NOTE_RENAMED || bytes_is(note->conversation.name, "*"));
}

static void write_note(FILE *out, const struct v2_frame *note, int kind)
{
    const char *words = note_words[kind];

    if (kind == V2_NOTE_TOPIC && note->text.len == 0)
        words = "%A has cleared the topic of %R";
    for (; *words; words++) {
        if (*words == '%')
            write_word(out, note, *++words);
        else
            fputc(*words, out);
    }
}

/* -- lines ---------------------------------------------------------------------------------------
 */

static void write_text(FILE *out, const struct v2_frame *entry, bool own)
{
    write_place(out, entry, own);
    if (own)
        fputc('I', out);
    else
        write_actor(out, entry);
    fputs(": ", out);
    printable_write(out, entry->text, PRINTABLE_TEXT);
}

static void write_line(FILE *out, const struct v2_frame *entry, bool own, bool again, time_t now)
{
    int kind = entry->verb == V2_VERB_NOTE ? v2_note_of(entry->kind) : 0;

    if (entry->verb == V2_VERB_NOTE && !is_shown(entry, kind))
        return;
    write_time(out, entry->time_ms / 1000, now);
    if (again)
        fputs("(may have been shown before) ", out);
    if (entry->verb == V2_VERB_NOTE) {
        fputs("-- ", out);
        write_note(out, entry, kind);
    } else {
        write_text(out, entry, own);
    }
    fputc('\n', out);
}

char *printable_message(const struct v2_frame *entry, bool own, bool again, time_t now)
{
    struct v2_frame trimmed = *entry;
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);

    if (!out)
        return NULL;
    while (trimmed.text.len > 0 && trimmed.text.data[trimmed.text.len - 1] == '\n')
        trimmed.text.len--;
    write_line(out, &trimmed, own, again, now);
    if (fclose(out) != 0) {
        free(line);
        return NULL;
    }
    return line;
}

char *printable_note(const struct v2_frame *note)
{
    int kind = v2_note_of(note->kind);
    char *words = NULL;
    size_t size;
    FILE *out = open_memstream(&words, &size);

    if (!out)
        return NULL;
    if (kind >= 0)
        write_note(out, note, kind);
    if (fclose(out) != 0) {
        free(words);
        return NULL;
    }
    return words;
}
