/* export: everything in the store as lines of JSON, in one order and one spelling, so that two
 * exports of the same are the same bytes.
 *
 * A file is written under a name of its own and renamed when it is whole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "ctl/secret.h"
#include "ctl/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- where it goes ------------------------------------------------------------------------------
 */

struct output {
    FILE *stream;
    const char *path; /* for people */
    char *temporary;  /* NULL: `stream` is the place itself */
};

static int open_failure(const struct ctl *ctl, const char *path)
{
    return print_failure(ctl, EXIT_USAGE, "usage", "%s: %s", path, strerror(errno));
}

static int output_stdout(const struct ctl *ctl, struct output *output)
{
    if (ctl->options.json)
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "--json needs a FILE: standard output is taken by the export");
    if (!ctl->arguments[0] && isatty(STDOUT_FILENO))
        return print_failure(ctl, EXIT_USAGE, "usage",
                             "name a FILE: an export holds the hashes of passwords");
    *output = (struct output){.stream = stdout, .path = "standard output"};
    return EXIT_OK;
}

/* A pipe or a device is written to as it is. */
static int output_special(const struct ctl *ctl, const char *path, struct output *output)
{
    *output = (struct output){.stream = fopen(path, "we"), .path = path};
    return output->stream ? EXIT_OK : open_failure(ctl, path);
}

/* mkostemp(3) makes files for their owner alone. */
static int output_file(const struct ctl *ctl, const char *path, struct output *output)
{
    int fd = -1;

    *output = (struct output){.path = path};
    if (asprintf(&output->temporary, "%s.XXXXXX", path) < 0)
        output->temporary = NULL;
    else
        fd = mkostemp(output->temporary, O_CLOEXEC);
    output->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (output->stream)
        return EXIT_OK;
    int code = open_failure(ctl, path);
    if (fd >= 0) {
        close(fd);
        unlink(output->temporary);
    }
    free(output->temporary);
    return code;
}

static int output_open(const struct ctl *ctl, struct output *output)
{
    const char *path = ctl->arguments[0];
    struct stat status;

    if (!path || strcmp(path, "-") == 0)
        return output_stdout(ctl, output);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return output_special(ctl, path, output);
    return output_file(ctl, path, output);
}

/* Of standard output it is told in the end, as for every command. */
static int write_failure(const struct ctl *ctl, const struct output *output)
{
    return output->stream == stdout ? EXIT_USAGE : open_failure(ctl, output->path);
}

/* Puts what is whole into its place, or removes what is not. */
static int output_close(const struct ctl *ctl, struct output *output, int code)
{
    bool written = fflush(output->stream) == 0 && !ferror(output->stream);

    if (code == EXIT_OK && output->temporary)
        written = written && fsync(fileno(output->stream)) == 0;
    if (output->stream != stdout && fclose(output->stream) != 0)
        written = false;
    if (code == EXIT_OK && written && output->temporary)
        written = rename(output->temporary, output->path) == 0;
    if (code == EXIT_OK && !written)
        code = write_failure(ctl, output);
    if (code != EXIT_OK && output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    return code;
}

/* -- lines --------------------------------------------------------------------------------------
 */

struct exporting {
    FILE *stream;
    struct tally tally;
    const char *trouble; /* with a row; NULL: none, or with the stream */
};

/* 0, -EILSEQ where the text is no UTF-8, or -EIO. */
static int put_text(FILE *stream, struct bytes text)
{
    json_t *string = json_stringn(text.data, text.len);
    int error = string ? 0 : -EILSEQ;

    if (string && json_dumpf(string, stream, JSON_ENCODE_ANY) < 0)
        error = -EIO;
    json_decref(string);
    return error;
}

static int put_value(FILE *stream, const struct dal_field *field, const struct dal_value *value)
{
    fprintf(stream, ",\"%s\":", field->name);
    switch (field->type) {
    case DAL_NUMBER:
        fprintf(stream, "%" PRIu64, value->number);
        return 0;
    case DAL_FLAG:
        fputs(value->number ? "true" : "false", stream);
        return 0;
    case DAL_WORD:
        for (uint64_t i = 0; i <= value->number; i++)
            if (!field->words[i])
                return -EILSEQ;
        fprintf(stream, "\"%s\"", field->words[value->number]);
        return 0;
    case DAL_TEXT:
        return put_text(stream, value->text);
    }
    return -EINVAL;
}

static int put_ids(void *userdata, const struct dal_next_ids *next)
{
    struct exporting *exporting = userdata;

    fprintf(exporting->stream,
            "{\"type\":\"multichat-export\",\"version\":%d,\"next\":{\"conversation\":%" PRIu64
            ",\"user\":%" PRIu64 ",\"room\":%" PRIu64 ",\"device\":%" PRIu64 "}}\n",
            WHOLE_VERSION, next->conversation, next->user, next->room, next->device);
    return 0;
}

static int put_row(void *userdata, enum dal_table table, const struct dal_value *values)
{
    struct exporting *exporting = userdata;
    const struct dal_table_shape *shape = dal_table_shape(table);
    FILE *stream = exporting->stream;
    int error = 0;

    fprintf(stream, "{\"type\":\"%s\"", shape->name);
    for (unsigned i = 0; i < shape->field_count && error == 0; i++)
        error = put_value(stream, &shape->fields[i], &values[i]);
    fputs("}\n", stream);
    if (error == -EILSEQ)
        exporting->trouble = shape->name;
    if (error == 0 && ferror(stream))
        error = -EIO;
    tally_row(&exporting->tally, table);
    return error;
}

/* -- the command --------------------------------------------------------------------------------
 */

static int export_to(struct ctl *ctl, const struct dal_config *config, struct output *output,
                     struct tally *ret_tally)
{
    static const struct dal_sink sink = {put_ids, put_row};
    struct exporting exporting = {.stream = output->stream};
    char *error = NULL;

    tally_begin(&exporting.tally, ctl);
    int result = dal_export(config, false, &sink, &exporting, &error);
    tally_end(&exporting.tally);
    *ret_tally = exporting.tally;
    if (result == 0) {
        fprintf(output->stream, "{\"type\":\"end\",\"rows\":%" PRIu64 "}\n", exporting.tally.all);
        return EXIT_OK;
    }
    if (exporting.trouble)
        return print_failure(ctl, EXIT_REFUSED, "invalid",
                             "row %" PRIu64 ", a %s, is damaged; see \"multichatctl db check\"",
                             exporting.tally.all, exporting.trouble);
    if (ferror(output->stream)) {
        free(error);
        return write_failure(ctl, output);
    }
    return whole_failure(ctl, "storage", result, error);
}

static int conclude_export(const struct ctl *ctl, const struct output *output,
                           const struct tally *tally)
{
    char text[TALLY_TEXT_MAX];

    if (output->stream == stdout)
        return EXIT_OK;
    return conclude(ctl, tally_answer(tally), "exported to %s: %s", output->path,
                    tally_text(tally, text));
}

int command_export(struct ctl *ctl)
{
    struct dal_config config;
    struct output output;
    struct tally tally = {0};
    char *password = NULL;
    int code = output_open(ctl, &output);

    if (code != EXIT_OK)
        return code;
    code = storage_configured(ctl, &config, &password);
    if (code == EXIT_OK)
        code = whole_own(ctl, true, &config);
    if (code == EXIT_OK)
        code = export_to(ctl, &config, &output, &tally);
    secret_free(password);
    whole_release();
    code = output_close(ctl, &output, code);
    return code == EXIT_OK ? conclude_export(ctl, &output, &tally) : code;
}
