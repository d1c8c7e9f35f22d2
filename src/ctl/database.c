/* The commands on the database as a whole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/database.h"
#include "ctl/ask.h"

/* -- check ------------------------------------------------------------------------------------ */

int command_db_check(struct ctl *ctl)
{
    json_t *answer = NULL, *finding;
    size_t i;
    int code = ask_about(ctl, NULL, NULL, &answer);

    if (code != EXIT_OK)
        return code;
    json_int_t omitted = number_of(answer, "omitted");
    bool sound = json_is_true(json_object_get(answer, "sound"));
    if (!ctl->options.json) {
        json_array_foreach(json_object_get(answer, "findings"), i, finding)
        {
            print_clean(stdout, json_string_value(finding) ? json_string_value(finding) : "");
            putchar('\n');
        }
    }
    if (sound)
        conclude(ctl, answer, "the database is sound");
    else if (omitted > 0)
        conclude(ctl, answer, "and %" JSON_INTEGER_FORMAT " more", omitted);
    else
        conclude(ctl, answer, "the database is not sound");
    return sound ? EXIT_OK : EXIT_REFUSED;
}

/* -- migrate ---------------------------------------------------------------------------------- */

int conclude_schema(const struct ctl *ctl, const struct dal_status *status, json_t *answer)
{
    if (status->schema_before == status->schema_version)
        return conclude(ctl, answer, "the schema is at version %d already", status->schema_version);
    return conclude(ctl, answer, "the schema went from version %d to version %d",
                    status->schema_before, status->schema_version);
}

int command_db_migrate(struct ctl *ctl)
{
    struct dal_status status;
    int code = storage_open_configured(ctl, true);

    if (code != EXIT_OK)
        return code;
    dal_status(&status);
    storage_close();
    return conclude_schema(ctl, &status,
                           json_pack("{s:b,s:s,s:i,s:i}", "ok", 1, "driver", status.driver,
                                     "schema_before", status.schema_before, "schema_version",
                                     status.schema_version));
}
