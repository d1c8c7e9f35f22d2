/* user add --batch: lines of userid:password[:display name], sent in pieces the daemon takes.
 *
 * Each user is added or refused by himself; a refusal is told with its line, in the order of the
 * lines: what is wrong with a line itself waits until those before it are answered. Empty lines and
 * those that begin with '#' are passed over.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"
#include "util/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LEN_MAX 1024 /* bytes; the longest right one is far shorter */

struct batch {
    struct ctl *ctl;
    json_t *users;                     /* gathered for the next request */
    json_int_t lines[ADMIN_BATCH_MAX]; /* where each of them stands */
    json_t *waiting;                   /* refusals of lines behind the first of `users` */
    json_t *refused;                   /* {"line", "userid", "code", "error"}, told already */
    json_int_t added;
};

/* Puts `refusal` (taken over) among those that wait to be told, behind those of earlier lines. */
static void refuse(struct batch *batch, json_int_t line, json_t *refusal)
{
    size_t place = json_array_size(batch->waiting);

    json_object_del(refusal, "ok");
    json_object_del(refusal, "index");
    json_object_set_new(refusal, "line", json_integer(line));
    while (place > 0 && number_of(json_array_get(batch->waiting, place - 1), "line") > line)
        place--;
    json_array_insert_new(batch->waiting, place, refusal);
}

/* Keeps the refusals that wait and, for people, tells them. */
static void tell_refusals(struct batch *batch)
{
    json_t *refusal;
    size_t i;

    json_array_foreach(batch->waiting, i, refusal)
    {
        if (batch->ctl->options.json)
            break;
        fprintf(stderr, "multichatctl: line %" JSON_INTEGER_FORMAT ": ",
                number_of(refusal, "line"));
        print_clean(stderr, text_of(refusal, "error"));
        fputc('\n', stderr);
    }
    json_array_extend(batch->refused, batch->waiting);
    json_array_clear(batch->waiting);
}

/* Sends what has been gathered. */
static int flush(struct batch *batch)
{
    json_t *answer = NULL, *refusal;
    size_t i, count = json_array_size(batch->users);

    if (count == 0)
        return EXIT_OK;
    int code =
        ask(batch->ctl, json_pack("{s:s,s:O}", "verb", "user add batch", "users", batch->users),
            &answer);
    if (code != EXIT_OK)
        return code;
    batch->added += number_of(answer, "added");
    json_array_foreach(json_object_get(answer, "refused"), i, refusal)
    {
        json_int_t index = number_of(refusal, "index");
        if (index >= 0 && (size_t)index < count)
            refuse(batch, batch->lines[index], json_incref(refusal));
    }
    tell_refusals(batch);
    json_decref(answer);
    json_decref(batch->users);
    batch->users = json_array();
    return EXIT_OK;
}

/* Takes `text`, a line without its end, apart. */
static json_t *user_of(char *text)
{
    char *password = strchr(text, ':');

    *password++ = '\0';
    char *name = strchr(password, ':');
    if (name)
        *name++ = '\0';
    return json_pack("{s:s,s:s,s:s}", "userid", text, "password", password, "name",
                     name ? name : text);
}

static const char *line_refusal(const char *text, size_t len)
{
    if (len > LINE_LEN_MAX)
        return "the line is too long";
    if (strlen(text) != len)
        return "the line holds a NUL byte";
    if (!utf8_valid((struct bytes){text, len}))
        return "the line is not UTF-8";
    if (!strchr(text, ':'))
        return "a line is userid:password or userid:password:display name";
    return NULL;
}

static int take_line(struct batch *batch, json_int_t number, char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len == 0 || text[0] == '#')
        return EXIT_OK;
    const char *why = line_refusal(text, len);
    if (why) {
        refuse(batch, number, admin_refusal(ADMIN_CODE_INVALID, "%s", why));
        if (json_array_size(batch->users) == 0)
            tell_refusals(batch);
        return EXIT_OK;
    }
    batch->lines[json_array_size(batch->users)] = number;
    json_array_append_new(batch->users, user_of(text));
    return json_array_size(batch->users) == ADMIN_BATCH_MAX ? flush(batch) : EXIT_OK;
}

/* The file could not be read to its end; what stood before that has been seen to. */
static int tell_read_failure(const struct batch *batch, int error)
{
    const struct ctl *ctl = batch->ctl;

    if (!ctl->options.json)
        return print_failure(ctl, EXIT_USAGE, "usage", "%s: %s", ctl->options.batch,
                             strerror(error));
    json_t *answer =
        admin_refusal(ADMIN_CODE_INVALID, "%s: %s", ctl->options.batch, strerror(error));
    json_object_set_new(answer, "code", json_string("usage"));
    json_object_set_new(answer, "added", json_integer(batch->added));
    json_object_set(answer, "refused", batch->refused);
    print_json(answer);
    json_decref(answer);
    return EXIT_USAGE;
}

static int take_lines(struct batch *batch, FILE *stream)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    int code = EXIT_OK, error = 0;

    for (json_int_t number = 1; code == EXIT_OK && error == 0; number++) {
        if ((len = getline(&text, &size, stream)) < 0 && !ferror(stream))
            break;
        if (ferror(stream)) /* what it gave is a part of a line */
            error = errno;
        else
            code = take_line(batch, number, text, (size_t)len);
    }
    if (text)
        explicit_bzero(text, size);
    free(text);
    if (code == EXIT_OK)
        code = flush(batch);
    return code == EXIT_OK && error ? tell_read_failure(batch, error) : code;
}

static int report(struct batch *batch)
{
    size_t refused = json_array_size(batch->refused);

    conclude(batch->ctl,
             json_pack("{s:b,s:I,s:O}", "ok", 1, "added", batch->added, "refused", batch->refused),
             "%" JSON_INTEGER_FORMAT " user%s added, %zu refused", batch->added,
             batch->added == 1 ? "" : "s", refused);
    return refused == 0 ? EXIT_OK : EXIT_REFUSED;
}

static FILE *open_stream(const char *path)
{
    if (strcmp(path, "-") == 0)
        return stdin;
    return fopen(path, "re");
}

int user_add_batch(struct ctl *ctl)
{
    struct batch batch = {
        .ctl = ctl, .users = json_array(), .waiting = json_array(), .refused = json_array()};
    FILE *stream = open_stream(ctl->options.batch);
    int code;

    if (!stream) {
        code =
            print_failure(ctl, EXIT_USAGE, "usage", "%s: %s", ctl->options.batch, strerror(errno));
    } else {
        code = take_lines(&batch, stream);
        tell_refusals(&batch); /* of those that are left where it failed */
        if (code == EXIT_OK)
            code = report(&batch);
        else if (batch.added > 0 && !ctl->options.json)
            fprintf(stderr,
                    "multichatctl: %" JSON_INTEGER_FORMAT " users had been added before that\n",
                    batch.added);
        if (stream != stdin)
            fclose(stream);
    }
    json_decref(batch.users);
    json_decref(batch.waiting);
    json_decref(batch.refused);
    return code;
}
