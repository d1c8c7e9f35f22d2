/* `multichat history`: what was said, oldest first.
 *
 * The server gives the newest page first, so what comes is kept in a file without a name until the
 * oldest page has come, and written page by page from there: memory does not grow with it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client.h"
#include "client/entry.h"
#include "client/modes/asking.h"
#include "client/modes/errand.h"
#include "client/modes/modes.h"
#include "client/printable.h"
#include "client/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COPY_MAX 16384 /* bytes of a page that are copied at a time */

struct history {
    FILE *spool;
    long *pages; /* where each begins; the newest is the first */
    size_t page_count;
    char place[24]; /* of the request */
};

/* -- what comes ---------------------------------------------------------------------------------
 */

/* As asking_line_fn. */
static char *entry_line(const struct asking *asking, const struct v2_frame *entry)
{
    const struct invocation *invocation = asking->invocation;
    size_t flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    bool own = bytes_is(entry->userid, invocation->settings.user);

    if (!invocation->json)
        return printable_message(entry, own, false, time(NULL));
    return entry_kind(entry) ? entry_json(entry, false, flags) : strdup("");
}

static int keep_row(struct asking *asking, const struct v2_frame *entry)
{
    struct history *history = asking->userdata;
    char *line = entry_line(asking, entry);
    int r = 0;

    if (!line)
        return -ENOMEM;
    if (fputs(line, history->spool) < 0)
        r = -EIO;
    free(line);
    return r;
}

/* A page begins where the file ends. 0 or -errno. */
static int begin_page(struct history *history)
{
    long at = ftell(history->spool);
    long *more = reallocarray(history->pages, history->page_count + 2, sizeof(*more));

    if (!more || at < 0)
        return more ? -EIO : -ENOMEM;
    history->pages = more;
    history->pages[history->page_count++] = at;
    history->pages[history->page_count] = at;
    return 0;
}

/* Writes what stands in the file between two places. */
static int write_part(struct asking *asking, long from, long to)
{
    struct history *history = asking->userdata;
    char part[COPY_MAX + 1];
    int r = fseek(history->spool, from, SEEK_SET) < 0 ? -errno : 0;

    while (from < to && r == 0) {
        size_t want = to - from < COPY_MAX ? (size_t)(to - from) : COPY_MAX;
        size_t len = fread(part, 1, want, history->spool);
        if (len == 0)
            return -EIO;
        part[len] = '\0';
        r = asking_write(asking, part);
        from += (long)len;
    }
    return r;
}

/* All has come: the oldest page was the last. */
static int write_all(struct asking *asking)
{
    struct history *history = asking->userdata;
    int r = fflush(history->spool) != 0 ? -EIO : 0;

    history->pages[history->page_count] = ftell(history->spool);
    for (size_t page = history->page_count; page > 0 && r == 0; page--)
        r = write_part(asking, history->pages[page - 1], history->pages[page]);
    return r;
}

/* Instead of asking_line_fn. */
static int take(struct asking *asking, const struct exchange_report *report)
{
    if (report->event == EXCHANGE_ROW)
        return report->past ? keep_row(asking, report->past) : 0;
    if (report->event == EXCHANGE_PAGE)
        return begin_page(asking->userdata);
    return report->event == EXCHANGE_DONE ? write_all(asking) : 0;
}

/* -- what is asked ------------------------------------------------------------------------------
 */

/* NULL, or what is wrong with the range that was asked for. */
static const char *take_times(const struct invocation *invocation, uint64_t *from, uint64_t *to)
{
    const char *day = invocation->range.day;
    time_t now = time(NULL);

    if (day && (invocation->range.from || invocation->range.to))
        return "either --day or --from and --to, not both";
    if (day && when_day(day, now, from, to) < 0)
        return "--day is 2026-11-21, today or yesterday";
    if (invocation->range.from && when_moment(invocation->range.from, now, false, from) < 0)
        return "--from is a day (2026-11-21, today, yesterday), a time of today (12:34), or both";
    if (invocation->range.to && when_moment(invocation->range.to, now, true, to) < 0)
        return "--to is a day (2026-11-21, today, yesterday), a time of today (12:34), or both";
    if (*to > 0 && *from >= *to)
        return "what --from names is not before what --to names";
    return NULL;
}

/* As take_times(), for all of it. */
static const char *take_range(const struct invocation *invocation, struct v2_frame *request,
                              uint64_t *to)
{
    const char *number = invocation->range.number;
    bool timed = invocation->range.day || invocation->range.from || invocation->range.to;

    if (number && timed)
        return "either --number or days and times, not both";
    if (!number && !timed && invocation->range.last == 0) {
        (void)!when_day("today", time(NULL), &request->from, to);
        *to = 0; /* what comes meanwhile, too */
    }
    request->by = number ? V2_BY_NUMBER : V2_BY_TIME;
    if (number && when_numbers(number, &request->from, to) < 0)
        return "--number is N, N-M or N-";
    return number ? NULL : take_times(invocation, &request->from, to);
}

int run_history(const struct invocation *invocation, int stop_fd)
{
    struct v2_frame request = {.verb = V2_VERB_HISTORY,
                               .to = bytes_of(invocation->to ? invocation->to : "*"),
                               .max = V2_PAST_PAGE};
    uint64_t last = invocation->range.last, to = 0;
    struct history history = {0};
    bool of_user = invocation->to && invocation->to[0] != '#';
    struct asking asking = {.invocation = invocation,
                            .stop_fd = stop_fd,
                            .rows = last > 0 ? last : EXCHANGE_ALL_ROWS,
                            .take = take,
                            .if_unknown = of_user ? "; a room is '#name', or --room NAME" : NULL,
                            .userdata = &history};
    const char *refusal = take_range(invocation, &request, &to);
    int code = EXIT_SYSTEM;

    if (refusal) {
        errand_say("%s", refusal);
        return EXIT_USAGE;
    }
    snprintf(history.place, sizeof(history.place), "%llu", (unsigned long long)to);
    request.place = bytes_of(history.place);
    history.spool = tmpfile();
    if (history.spool && begin_page(&history) == 0)
        code = asking_run(&asking, &request);
    else
        errand_say("no temporary file can be had");
    if (history.spool)
        fclose(history.spool);
    free(history.pages);
    return code;
}
