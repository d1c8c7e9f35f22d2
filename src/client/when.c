/* Days and times as people write them: see when.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/when.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_SEC 1000

/* Reads `format` at the beginning of *text and leaves that behind it. */
static bool take(const char **text, const char *format, struct tm *tm)
{
    const char *end = strptime(*text, format, tm);

    if (end)
        *text = end;
    return end != NULL;
}

static bool take_word(const char **text, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*text, word, len) != 0)
        return false;
    *text += len;
    return true;
}

/* True for a day that the calendar has. */
static bool exists(const struct tm *day)
{
    struct tm normal = *day;

    normal.tm_isdst = -1;
    return mktime(&normal) != (time_t)-1 && normal.tm_mday == day->tm_mday &&
           normal.tm_mon == day->tm_mon;
}

/* The day that *text begins with, at midnight. */
static bool take_day(const char **text, time_t now, struct tm *ret)
{
    struct tm day;

    localtime_r(&now, &day);
    if (take_word(text, "yesterday")) {
        day.tm_mday--;
    } else if (!take_word(text, "today")) {
        day = (struct tm){0};
        if (!take(text, "%Y-%m-%d", &day) || !exists(&day))
            return false;
    }
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    *ret = day;
    return true;
}

/* `tm` may be out of range by some days; whether its clock is that of summer is for the system to
 * find out. 0 or -EINVAL. */
static int to_ms(struct tm tm, uint64_t *ret)
{
    time_t seconds;

    tm.tm_isdst = -1;
    seconds = mktime(&tm);
    if (seconds < 0)
        return -EINVAL;
    *ret = (uint64_t)seconds * MS_PER_SEC;
    return 0;
}

int when_day(const char *text, time_t now, uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t from, to;
    struct tm day;

    if (!take_day(&text, now, &day) || *text)
        return -EINVAL;
    if (to_ms(day, &from) < 0)
        return -EINVAL;
    day.tm_mday++;
    if (to_ms(day, &to) < 0)
        return -EINVAL;
    *ret_from = from;
    *ret_to = to;
    return 0;
}

int when_moment(const char *text, time_t now, bool is_end, uint64_t *ret)
{
    const char *today = "today";
    struct tm moment;

    if (!take_day(&text, now, &moment)) {
        (void)take_day(&today, now, &moment);
    } else if (*text == '\0') {
        moment.tm_mday += is_end;
        return to_ms(moment, ret);
    } else if (!take_word(&text, " ") && !take_word(&text, "T")) {
        return -EINVAL;
    }
    if (!take(&text, "%H:%M", &moment))
        return -EINVAL;
    if (*text && !take(&text, ":%S", &moment))
        return -EINVAL;
    return *text ? -EINVAL : to_ms(moment, ret);
}

/* The decimal number that *text begins with; false if there is none. */
static bool take_number(const char **text, uint64_t *ret)
{
    const char *start = *text;
    uint64_t number = 0;

    for (; **text >= '0' && **text <= '9' && *text - start < 18; ++*text)
        number = number * 10 + (uint64_t)(**text - '0');
    *ret = number;
    return *text > start && number > 0;
}

int when_numbers(const char *text, uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t from, to = 0;

    if (!take_number(&text, &from))
        return -EINVAL;
    if (*text == '\0')
        to = from;
    else if (!take_word(&text, "-") || (*text && (!take_number(&text, &to) || to < from)))
        return -EINVAL;
    if (*text)
        return -EINVAL;
    *ret_from = from;
    *ret_to = to;
    return 0;
}
