/* What the commands on a store as a whole share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/whole.h"
#include "ctl/print.h"
#include "util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- how far it is ------------------------------------------------------------------------------
 */

/* Rows between two looks at the clock, and what passes between two words. */
#define TALLY_STEP 1024
#define TALLY_US   (200 * USEC_PER_MSEC)

void tally_begin(struct tally *tally, const struct ctl *ctl)
{
    *tally = (struct tally){.shown = !ctl->options.json && isatty(STDERR_FILENO)};
}

void tally_row(struct tally *tally, enum dal_table table)
{
    tally->rows[table]++;
    if (++tally->all % TALLY_STEP != 0 || !tally->shown)
        return;
    uint64_t now = clock_monotonic_us();
    if (now < tally->next_us)
        return;
    tally->next_us = now + TALLY_US;
    fprintf(stderr, "\r%" PRIu64 " rows ", tally->all);
    fflush(stderr);
}

void tally_end(struct tally *tally)
{
    if (tally->shown && tally->next_us > 0)
        fprintf(stderr, "\r%*s\r", 32, "");
    tally->shown = false;
}

json_t *tally_answer(const struct tally *tally)
{
    return json_pack("{s:b,s:I,s:I,s:I,s:I}", "ok", 1, "rows", (json_int_t)tally->all, "users",
                     (json_int_t)tally->rows[DAL_USERS], "rooms",
                     (json_int_t)tally->rows[DAL_ROOMS], "messages",
                     (json_int_t)tally->rows[DAL_MESSAGES]);
}

const char *tally_text(const struct tally *tally, char text[TALLY_TEXT_MAX])
{
    snprintf(text, TALLY_TEXT_MAX, "users: %" PRIu64 ", rooms: %" PRIu64 ", messages: %" PRIu64,
             tally->rows[DAL_USERS], tally->rows[DAL_ROOMS], tally->rows[DAL_MESSAGES]);
    return text;
}

/* -- the store ----------------------------------------------------------------------------------
 */

int whole_failure(const struct ctl *ctl, const char *what, int error, char *words)
{
    const char *said = words ? words : strerror(-error);
    int code;

    switch (error) {
    case -EBUSY:
        code = print_failure(ctl, EXIT_REFUSED, "busy", "%s: %s; stop multichatd and its sockets",
                             what, said);
        break;
    case -ENOTEMPTY:
        code = print_failure(ctl, EXIT_REFUSED, "taken", "%s: %s", what, said);
        break;
    default:
        code = print_failure(ctl, EXIT_UNREACHABLE, "unavailable", "%s: %s", what, said);
        break;
    }
    free(words);
    return code;
}

int whole_own(const struct ctl *ctl, bool has_to_be, const struct dal_config *config)
{
    struct stat status;

    if (strcmp(config->driver, "sqlite") != 0)
        return EXIT_OK;
    if (has_to_be && stat(config->sqlite_path, &status) < 0 && errno == ENOENT)
        return print_failure(ctl, EXIT_UNREACHABLE, "unavailable", "there is no database %s",
                             config->sqlite_path);
    return storage_become_owner(ctl, config->sqlite_path);
}

void whole_release(void)
{
    /* Only root had become somebody else. */
    if (geteuid() != getuid() && (seteuid(getuid()) < 0 || setegid(getgid()) < 0))
        fprintf(stderr, "multichatctl: cannot be root again: %s\n", strerror(errno));
}
