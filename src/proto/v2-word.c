/* The tables of words, and the names of the enums that they are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/v2-word.h"

#include "proto/field.h"
#include "proto/v2.h"

#include <assert.h>
#include <errno.h>

static const char *const accesses[] = {
    [V2_ACCESS_OPEN] = "open",
    [V2_ACCESS_CLOSED] = "closed",
};

static const char *const standings[] = {
    [V2_STANDING_NONE] = "none",
    [V2_STANDING_INVITED] = "invited",
    [V2_STANDING_MEMBER] = "member",
    [V2_STANDING_OPERATOR] = "operator",
};

static const char *const presences[] = {
    [V2_PRESENCE_ABSENT] = "absent",
    [V2_PRESENCE_PRESENT] = "present",
};

static const char *const bys[] = {
    [V2_BY_TIME] = "time",
    [V2_BY_NUMBER] = "number",
};

static const char *const notes[] = {
    [V2_NOTE_JOINED] = "joined",   [V2_NOTE_LEFT] = "left",
    [V2_NOTE_RENAMED] = "renamed", [V2_NOTE_TOPIC] = "topic",
    [V2_NOTE_INVITED] = "invited", [V2_NOTE_REMOVED] = "removed",
    [V2_NOTE_ACCESS] = "access",   [V2_NOTE_ANNOUNCEMENT] = "announcement",
};

static const struct {
    const char *const *words;
    unsigned first, count;
    const char *refused;
} tables[] = {
    [WORD_ACCESS] = {accesses, 0, V2_ACCESS_COUNT, "the access is neither open nor closed"},
    [WORD_STANDING] = {standings, 0, V2_STANDING_COUNT,
                       "the standing is none of none, invited, member and operator"},
    [WORD_MEMBER_STANDING] = {standings, V2_STANDING_MEMBER, V2_STANDING_COUNT,
                              "the standing is neither member nor operator"},
    [WORD_PRESENCE] = {presences, 0, V2_PRESENCE_COUNT,
                       "the presence is neither present nor absent"},
    [WORD_BY] = {bys, 0, V2_BY_COUNT, "what the range is told in is neither time nor number"},
    [WORD_NOTE] = {notes, V2_NOTE_JOINED, V2_NOTE_COUNT, "the kind of the note is unknown"},
};

size_t word_max(enum word word)
{
    size_t longest = 0;

    for (unsigned i = tables[word].first; i < tables[word].count; i++) {
        size_t len = strlen(tables[word].words[i]);
        longest = len > longest ? len : longest;
    }
    return longest;
}

const char *word_of(enum word word, unsigned value)
{
    if (value < tables[word].first || value >= tables[word].count)
        return NULL;
    return tables[word].words[value];
}

int word_parse(enum word word, struct bytes text, unsigned *ret, const char **ret_reason)
{
    for (unsigned i = tables[word].first; i < tables[word].count; i++) {
        if (bytes_is(text, tables[word].words[i])) {
            *ret = i;
            return 0;
        }
    }
    return field_refuse(-EBADMSG, tables[word].refused, ret_reason);
}

/* Of a value that the caller knows to be one. */
static const char *name_of(enum word word, unsigned value)
{
    const char *name = word_of(word, value);

    assert(name);
    return name;
}

const char *v2_access_name(enum v2_access access)
{
    return name_of(WORD_ACCESS, access);
}

const char *v2_standing_name(enum v2_standing standing)
{
    return name_of(WORD_STANDING, standing);
}

const char *v2_presence_name(enum v2_presence presence)
{
    return name_of(WORD_PRESENCE, presence);
}

const char *v2_by_name(enum v2_by by)
{
    return name_of(WORD_BY, by);
}

const char *v2_note_name(enum v2_note note)
{
    return name_of(WORD_NOTE, note);
}

int v2_note_of(struct bytes kind)
{
    unsigned note;
    int r = word_parse(WORD_NOTE, kind, &note, NULL);

    return r < 0 ? r : (int)note;
}
