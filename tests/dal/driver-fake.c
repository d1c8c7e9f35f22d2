/* The scripted driver. Its state is shared by all connections and under one lock, since it is asked
 * on storage threads and looked at on the test's.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "driver-fake.h"

#include "dal/schema.h"
#include "util/attributes.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX 32

struct fake_connection {
    struct sql_connection base;
    enum sql_role role;
};

struct answer {
    const char *what, *rows;
    enum sql_status status;
    bool used;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct answer answers[ANSWERS_MAX];
static unsigned answer_count;
static char transcript[8192], taken[8192];
static bool asked[SQL_IDS];

void fake_answer(const char *what, enum sql_status status, const char *rows)
{
    pthread_mutex_lock(&lock);
    if (answer_count == ANSWERS_MAX)
        abort();
    answers[answer_count++] = (struct answer){what, rows, status, false};
    pthread_mutex_unlock(&lock);
}

void fake_reset(void)
{
    pthread_mutex_lock(&lock);
    answer_count = 0;
    transcript[0] = '\0';
    memset(asked, 0, sizeof(asked));
    pthread_mutex_unlock(&lock);
}

const char *fake_transcript(void)
{
    pthread_mutex_lock(&lock);
    memcpy(taken, transcript, sizeof(taken));
    transcript[0] = '\0';
    pthread_mutex_unlock(&lock);
    return taken;
}

const char *fake_text(const char *name)
{
    const char *text = NULL;

    pthread_mutex_lock(&lock);
    for (unsigned id = 0; id < SQL_IDS; id++) {
        const struct sql_statement *statement = sql_statement((enum sql_id)id);
        if (asked[id] && strcmp(statement->name, name) == 0)
            text = statement->text[SQL_DIALECT_MYSQL];
    }
    pthread_mutex_unlock(&lock);
    return text;
}

unsigned fake_left(void)
{
    unsigned left = 0;

    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < answer_count; i++)
        left += !answers[i].used;
    pthread_mutex_unlock(&lock);
    return left;
}

/* Under the lock. */
static void write_down(const char *what, const struct sql_value *values, unsigned count)
{
    size_t len = strlen(transcript);

    len += (size_t)snprintf(transcript + len, sizeof(transcript) - len, "%s%s", len > 0 ? "; " : "",
                            what);
    for (unsigned i = 0; i < count && i < 3 && len < sizeof(transcript); i++) {
        if (values[i].type == SQL_NUMBER)
            len += (size_t)snprintf(transcript + len, sizeof(transcript) - len, " %" PRIu64,
                                    values[i].number);
        else
            len += (size_t)snprintf(transcript + len, sizeof(transcript) - len, " %.*s",
                                    BYTES_ARG(values[i].text));
    }
    if (len >= sizeof(transcript))
        abort();
}

/* Under the lock. The script is gone through in order for each `what`. */
static struct answer find_answer(const char *what)
{
    for (unsigned i = 0; i < answer_count; i++) {
        if (answers[i].used || strcmp(answers[i].what, what) != 0)
            continue;
        answers[i].used = true;
        return answers[i];
    }
    return (struct answer){what, "", SQL_OK, false};
}

/* Writes down and looks up. */
static struct answer ask(const struct fake_connection *connection, const char *what,
                         const struct sql_value *values, unsigned count)
{
    struct answer answer = {what, "", SQL_OK, false};

    if (connection != NULL && connection->role != SQL_WRITER)
        return answer;
    pthread_mutex_lock(&lock);
    write_down(what, values, count);
    answer = find_answer(what);
    pthread_mutex_unlock(&lock);
    return answer;
}

static enum sql_status ask_plainly(struct sql_connection *base, const char *what)
{
    struct answer answer = ask((struct fake_connection *)base, what, NULL, 0);

    if (answer.status != SQL_OK)
        snprintf(base->error, sizeof(base->error), "scripted");
    return answer.status;
}

/* Calls `row` for each row of the text. */
static void give_rows(const char *text, const char *types, sql_row_fn row, void *userdata)
{
    char *copy = strdup(text), *rest = copy, *line, *word;
    struct sql_value values[SQL_COLUMNS_MAX];
    int stop = 0;

    while (stop == 0 && (line = strsep(&rest, ";")) != NULL && line[0] != '\0') {
        for (unsigned i = 0; types[i] != '\0'; i++) {
            word = strsep(&line, " ");
            if (word == NULL)
                abort();
            values[i] =
                types[i] == 'n' ? sql_number(strtoull(word, NULL, 10)) : sql_bytes(bytes_of(word));
        }
        stop = row(userdata, values);
    }
    free(copy);
}

static bool is_schema(enum sql_id id, sql_row_fn row, void *userdata)
{
    char version[16];

    switch (id) {
    case SQL_SCHEMA_EXISTS:
        give_rows("1", "n", row, userdata);
        return true;
    case SQL_SCHEMA_VERSION:
        snprintf(version, sizeof(version), "%d", schema_known(SQL_DIALECT_MYSQL));
        give_rows(version, "n", row, userdata);
        return true;
    default:
        return false;
    }
}

static unsigned count_parameters(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++)
        count += *text == '?';
    return count;
}

static enum sql_status fake_run(struct sql_connection *base, enum sql_id id,
                                const struct sql_value *values, sql_row_fn row, void *userdata)
{
    const struct sql_statement *statement = sql_statement(id);
    const char *text = statement->text[SQL_DIALECT_MYSQL];
    struct answer answer;
    unsigned count;

    if (is_schema(id, row, userdata))
        return SQL_OK;
    pthread_mutex_lock(&lock);
    asked[id] = true;
    pthread_mutex_unlock(&lock);
    count = count_parameters(text);
    /* The third parameter of a message is the time of day. */
    if (strncmp(statement->name, "messages insert", 15) == 0)
        count = 2;
    answer = ask((struct fake_connection *)base, statement->name, values, count);
    if (answer.status != SQL_OK) {
        snprintf(base->error, sizeof(base->error), "scripted");
        return answer.status;
    }
    if (row != NULL)
        give_rows(answer.rows, statement->columns, row, userdata);
    base->last_id = 1;
    base->changes = 1;
    return SQL_OK;
}

static enum sql_status fake_open(const struct dal_config *config, enum sql_role role,
                                 struct sql_connection **ret, char error[256])
{
    struct fake_connection *connection = calloc(1, sizeof(*connection));
    enum sql_status status = SQL_OK;

    if (connection == NULL)
        abort();
    connection->base.driver = &driver_fake;
    connection->role = role;
    snprintf(connection->base.server, sizeof(connection->base.server), "Fake 1");
    status = ask_plainly(&connection->base, "open");
    if (status != SQL_OK) {
        snprintf(error, 256, "scripted");
        free(connection);
        return status;
    }
    *ret = &connection->base;
    return SQL_OK;
}

static void fake_close(struct sql_connection *base)
{
    if (base == NULL)
        return;
    (void)ask_plainly(base, "close");
    free(base);
}

static void fake_interrupt(struct sql_connection *base)
{
}

static enum sql_status fake_ping(struct sql_connection *base)
{
    return SQL_OK;
}

static enum sql_status fake_begin(struct sql_connection *base, bool writes)
{
    return ask_plainly(base, "begin");
}

static enum sql_status fake_commit(struct sql_connection *base)
{
    return ask_plainly(base, "commit");
}

static enum sql_status fake_rollback(struct sql_connection *base)
{
    return ask_plainly(base, "rollback");
}

static enum sql_status fake_script(struct sql_connection *base, const char *text)
{
    return SQL_OK;
}

static enum sql_status fake_check(struct sql_connection *base, sql_finding_fn finding,
                                  void *userdata)
{
    finding(userdata, "the engine has found something");
    return SQL_OK;
}

const struct sql_driver driver_fake = {
    .name = "fake",
    .dialect = SQL_DIALECT_MYSQL,
    .open = fake_open,
    .close = fake_close,
    .interrupt = fake_interrupt,
    .ping = fake_ping,
    .begin = fake_begin,
    .commit = fake_commit,
    .rollback = fake_rollback,
    .run = fake_run,
    .script = fake_script,
    .check = fake_check,
};
