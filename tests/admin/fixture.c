/* A host for the administrative verbs, and ways to ask it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note_changed(void *userdata, struct bytes userid)
{
    struct host *host = userdata;

    assert_true(host->told_count < TOLD_MAX);
    snprintf(host->told[host->told_count++], sizeof(host->told[0]), "%.*s", BYTES_ARG(userid));
}

static void note_stored(void *userdata, struct message *message)
{
    struct host *host = userdata;

    assert_true(message->seq > 0 && bytes_is(message->userid, "*") == (message->sender == 0));
    host->stored = message->kind;
    snprintf(host->stored_text, sizeof(host->stored_text), "%.*s", BYTES_ARG(message->text));
}

static void add_status(void *userdata, json_t *into)
{
    (void)userdata;
    json_object_set_new(into, "daemon", json_pack("{s:i}", "answer", 42));
}

/* -- set-up ----------------------------------------------------------------------------------- */

static void pinged(void *userdata, enum dal_outcome outcome)
{
    *(bool *)userdata = true;
}

void open_storage(const char *path)
{
    struct dal_config config = {.driver = "sqlite",
                                .sqlite_path = path,
                                .writers = 1,
                                .readers = 1,
                                .queue_max = 64,
                                .migrate = true};
    char *error = NULL;
    int result = dal_open(&config, &error);

    if (result < 0)
        fail_msg("dal_open: %s", error ? error : "?");
    bool answered = false;
    assert_int_equal(dal_ping(pinged, &answered), 0);
    while (!answered) {
        struct pollfd entry = {.fd = dal_fd(), .events = POLLIN};
        assert_true(poll(&entry, 1, 30000) > 0);
        dal_dispatch();
    }
}

static int setup_with(void **state, unsigned queue_max, const char *path)
{
    struct host *host = calloc(1, sizeof(*host));
    struct password_cost cost = {.operations = 1, .memory = 8192UL * 1024};
    struct admin_hooks hooks = {
        .account_changed = note_changed,
        .status = add_status,
        .stored = note_stored,
        .userdata = host,
    };

    assert_non_null(host);
    snprintf(host->folder, sizeof(host->folder), "/tmp/admin-test-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    snprintf(host->path, sizeof(host->path), "%s%s", host->folder, path);
    open_storage(host->path);
    assert_int_equal(password_pool_new(1, queue_max, &cost, &host->pool), 0);
    assert_int_equal(admin_new(host->pool, &hooks, &host->admin), 0);
    *state = host;
    return 0;
}

int setup(void **state)
{
    return setup_with(state, 64, "/test.db");
}

int setup_narrow(void **state)
{
    return setup_with(state, 2, "/test.db");
}

int setup_away(void **state)
{
    return setup_with(state, 64, "/missing/test.db");
}

int teardown(void **state)
{
    struct host *host = *state;
    char command[128];

    dal_close();
    password_pool_free(host->pool);
    admin_free(host->admin);
    snprintf(command, sizeof(command), "rm -rf %s", host->folder);
    int result = system(command);
    free(host);
    return result;
}

/* -- asking ----------------------------------------------------------------------------------- */

void keep_answer(void *userdata, json_t *json)
{
    struct answer *answer = userdata;

    answer->json = json_incref(json);
    answer->count++;
}

void turn(struct host *host)
{
    struct pollfd entries[2] = {{.fd = dal_fd(), .events = POLLIN},
                                {.fd = password_pool_fd(host->pool), .events = POLLIN}};

    dal_flush();
    assert_true(poll(entries, 2, 30000) > 0);
    if (entries[0].revents)
        dal_dispatch();
    if (entries[1].revents)
        password_pool_dispatch(host->pool);
}

void wait_answer(struct host *host, struct answer *answer)
{
    while (answer->count == 0)
        turn(host);
    assert_int_equal(answer->count, 1);
    assert_non_null(answer->json);
}

json_t *ask_line(struct host *host, const char *line)
{
    struct answer answer = {0};

    admin_handle_line(host->admin, bytes_of(line), keep_answer, &answer);
    wait_answer(host, &answer);
    return answer.json;
}

json_t *ask(struct host *host, const char *format, ...)
{
    char line[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if (*c == '\'')
            *c = '"';
    return ask_line(host, line);
}

const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "(none)";
}

void expect_ok(json_t *answer)
{
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("refused: %s", text_of(answer, "error"));
    json_decref(answer);
}

void expect_refusal(json_t *answer, const char *code, const char *words)
{
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(text_of(answer, "code"), code);
    if (!strstr(text_of(answer, "error"), words))
        fail_msg("\"%s\" does not say \"%s\"", text_of(answer, "error"), words);
    json_decref(answer);
}

void add_user(struct host *host, const char *userid)
{
    expect_ok(ask(host, "{'verb':'user add','userid':'%s','password':'pw-%s'}", userid, userid));
}

void expect_told(struct host *host, const char *userid)
{
    assert_int_equal(host->told_count, 1);
    assert_string_equal(host->told[0], userid);
    host->told_count = 0;
}
