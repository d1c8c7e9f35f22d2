/* The verbs on storage and on the program as a whole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#define FINDINGS_MAX 200 /* sentences in one answer of "db check" */

static json_t *storage_to_json(const struct dal_status *status)
{
    return json_pack(
        "{s:s,s:o,s:b,s:b,s:o,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I}", "driver", status->driver, "server",
        admin_text(status->server), "up", status->up, "durable", status->durable, "trouble",
        admin_text(status->trouble), "schema_version", status->schema_version, "schema_known",
        status->schema_known, "queued", (json_int_t)status->queued, "commits",
        (json_int_t)status->commits, "messages", (json_int_t)status->messages, "reconnects",
        (json_int_t)status->reconnects, "commit_us_p50", (json_int_t)status->commit_us_p50,
        "commit_us_p99", (json_int_t)status->commit_us_p99);
}

void verb_status(struct request *request)
{
    const struct admin_hooks *hooks = &request->admin->hooks;
    struct dal_status status;

    dal_status(&status);
    json_t *answer = json_pack("{s:b,s:o}", "ok", 1, "storage", storage_to_json(&status));
    if (answer && hooks->status)
        hooks->status(hooks->userdata, answer);
    request_finish(request, answer);
}

static void checked(void *userdata, enum dal_outcome outcome, const char *const *findings,
                    size_t count)
{
    struct request *request = userdata;
    size_t shown = count < FINDINGS_MAX ? count : FINDINGS_MAX;

    if (outcome != DAL_OK) {
        request_finish(request, refusal_of_outcome(outcome));
        return;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < shown; i++)
        json_array_append_new(array, admin_text(findings[i]));
    request_finish(request, json_pack("{s:b,s:b,s:o,s:I}", "ok", 1, "sound", count == 0, "findings",
                                      array, "omitted", (json_int_t)(count - shown)));
}

void verb_db_check(struct request *request)
{
    request_check(request, dal_check(checked, request));
}
