/* One request of a script's run: see asking.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/modes/asking.h"

#include "client/client.h"
#include "client/letter.h"
#include "client/modes/errand.h"
#include "client/modes/sending.h"
#include "client/output.h"
#include "client/password.h"
#include "client/printable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* -- writing ------------------------------------------------------------------------------------
 */

int asking_write(const struct asking *asking, const char *text)
{
    return output_write(STDOUT_FILENO, bytes_of(text), asking->stop_fd, NULL);
}

char *asking_json(json_t *object)
{
    /* Harmless on a terminal, readable in a file. */
    size_t flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    char *dump = object ? json_dumps(object, flags) : NULL, *line = NULL;

    if (dump && asprintf(&line, "%s\n", dump) < 0)
        line = NULL;
    free(dump);
    json_decref(object);
    return line;
}

static void write_field(FILE *out, char kind, va_list *args)
{
    if (kind == 'n')
        fprintf(out, "%" PRIu64, va_arg(*args, uint64_t));
    else if (kind == 's')
        printable_write(out, bytes_of(va_arg(*args, const char *)), PRINTABLE_NAME);
    else
        printable_write(out, va_arg(*args, struct bytes), PRINTABLE_NAME);
}

char *asking_fields(const char *kinds, ...)
{
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    va_list args;

    if (!out)
        return NULL;
    va_start(args, kinds);
    for (const char *kind = kinds; *kind; kind++) {
        if (kind != kinds)
            fputc('\t', out);
        write_field(out, *kind, &args);
    }
    va_end(args);
    fputc('\n', out);
    if (fclose(out) == 0)
        return line;
    free(line);
    return NULL;
}

/* -- answers ------------------------------------------------------------------------------------
 */

struct run {
    struct asking *asking;
    struct errand errand;
};

/* A row, or the answer of what has none. 0 or -errno. */
static int take(struct asking *asking, const struct exchange_report *report)
{
    const struct v2_frame *frame = report->row ? report->row : report->answer;
    char *line;
    int r;

    if (asking->take)
        return asking->take(asking, report);
    if (!frame || frame->verb == V2_VERB_END || frame->verb == V2_VERB_DONE)
        return 0;
    line = asking->line(asking, frame);
    if (!line)
        return -ENOMEM;
    r = asking_write(asking, line);
    free(line);
    return r;
}

/* The last word was said. */
static void over(const struct asking *asking, struct errand *errand,
                 const struct exchange_report *report)
{
    bool unknown = proto_error_from_code(bytes_of(report->code)) == PROTO_ERROR_UNKNOWN;

    errand->over = true;
    if (report->event == EXCHANGE_DONE) {
        errand->code = EXIT_DONE;
    } else if (report->event == EXCHANGE_REFUSED) {
        errand_say("refused: %s (%s)%s", report->reason, report->code,
                   unknown && asking->if_unknown ? asking->if_unknown : "");
        errand->code = EXIT_REFUSED;
    } else if (!report->shut_out) {
        errand_say("no answer in time: %s", report->reason);
        errand->code = EXIT_TIME_OUT;
    }
}

/* An exchange_fn. */
static void told(void *userdata, const struct exchange_report *report)
{
    struct run *run = userdata;
    bool refused = report->event == EXCHANGE_REFUSED || report->event == EXCHANGE_FAILED;
    int r = refused ? 0 : take(run->asking, report);
    char reason[128];

    if (run->errand.over)
        return;
    if (r < 0) {
        if (r != -ECANCELED)
            errand_say("standard output: %s", strerror_r(-r, reason, sizeof(reason)));
        run->errand.code = EXIT_OUTPUT;
        run->errand.over = true;
    } else if (report->event != EXCHANGE_ROW && report->event != EXCHANGE_PAGE) {
        over(run->asking, &run->errand, report);
    }
}

/* -- asking -------------------------------------------------------------------------------------
 */

/* With the account at hand. */
static int ask(struct asking *asking, struct account *account, const struct v2_frame *request)
{
    bool has_end = asking->invocation->timeout_us > 0;
    const struct exchange_options options = {.rows = asking->rows,
                                             .timeout_us = has_end ? UINT64_MAX : 0};
    struct run run = {.asking = asking};
    int code = EXIT_SYSTEM;
    char reason[128];
    long r;

    if (errand_init(&run.errand, asking->invocation, account, NULL, NULL, NULL, asking->stop_fd) <
        0) {
        errand_say("no memory or descriptor is left");
        return EXIT_SYSTEM;
    }
    r = exchange_call(run.errand.exchange, request, &options, told, &run);
    if (r > 0)
        code = errand_run(&run.errand);
    else
        errand_say("cannot be asked: %s", strerror_r((int)-r, reason, sizeof(reason)));
    if (run.errand.late) {
        errand_say("no answer in time");
        code = EXIT_TIME_OUT;
    }
    errand_deinit(&run.errand);
    return code;
}

int asking_run(struct asking *asking, const struct v2_frame *request)
{
    const struct invocation *invocation = asking->invocation;
    const char *refusal =
        invocation->to ? letter_recipient_refusal(bytes_of(invocation->to)) : NULL;
    struct sending sending;
    int code;

    if (refusal) {
        errand_say("%s", refusal);
        return EXIT_USAGE;
    }
    code = asking->as_device ? sending_open_as_device(&invocation->settings, &sending)
                             : sending_open(&invocation->settings, &sending);
    if (code != EXIT_DONE)
        return code;
    if (password_prepare(sending.account, invocation->password_fd, asking->stop_fd) == 0)
        code = ask(asking, sending.account, request);
    else
        code = EXIT_USAGE;
    sending_close(&sending);
    return code;
}
