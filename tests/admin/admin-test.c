/* The verb table against real storage (SQLite) and a real password pool.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/hash.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- requests that are wrong ------------------------------------------------------------------ */

static void wrong_requests_are_named(void **state)
{
    static const struct {
        const char *request, *code, *words;
    } cases[] = {
        {"", "malformed", "no JSON"},
        {"{", "malformed", "no JSON"},
        {"{'verb':'status'", "malformed", "no JSON"},
        {"{'verb':'status'} x", "malformed", "no JSON"},
        {"{'verb':'status','verb':'db check'}", "malformed", "no JSON"},
        {"[]", "malformed", "verb"},
        {"{}", "malformed", "verb"},
        {"{'verb':7}", "malformed", "verb"},
        {"{'verb':'user'}", "unknown-verb", "user add"},
        {"{'verb':'user frob'}", "unknown-verb", "user frob"},
        {"{'verb':'user add'}", "invalid", "needs the argument \"userid\""},
        {"{'verb':'user add','userid':'a'}", "invalid", "needs the argument \"password\""},
        {"{'verb':'user add','userid':1,'password':'x'}", "invalid", "\"userid\" has to be a st"},
        {"{'verb':'user add','userid':null,'password':'x'}", "invalid", "\"userid\" has to be"},
        {"{'verb':'user add','userid':'','password':'x'}", "invalid", "userid is not allowed"},
        {"{'verb':'user add','userid':'a:b','password':'x'}", "invalid", "userid is not allowed"},
        {"{'verb':'user add','userid':'a\\u0000b','password':'x'}", "malformed", "no JSON"},
        {"{'verb':'user add','userid':'a','password':''}", "invalid", "password is not allowed"},
        {"{'verb':'user add','userid':'a','password':'x:y'}", "invalid", "password is not allowed"},
        {"{'verb':'user add','userid':'a','password':'x','name':'b c'}", "invalid", "the name is"},
        {"{'verb':'user add','userid':'a','password':'x','nmae':'b'}", "invalid",
         "allowed are: userid, name, password"},
        {"{'verb':'status','room':'x'}", "invalid", "allowed are: none"},
        {"{'verb':'user list','limit':0}", "invalid", "1 to 500"},
        {"{'verb':'user list','limit':501}", "invalid", "1 to 500"},
        {"{'verb':'user list','limit':'5'}", "invalid", "a whole number"},
        {"{'verb':'user list','limit':1.5}", "invalid", "a whole number"},
        {"{'verb':'room add','room':'#'}", "invalid", "the room is not allowed"},
        {"{'verb':'room add','room':'##a'}", "invalid", "the room is not allowed"},
        {"{'verb':'room add','room':'*'}", "invalid", "the room is not allowed"},
        {"{'verb':'user add batch','users':[]}", "invalid", "1 to 100"},
        {"{'verb':'user add batch','users':{}}", "invalid", "an array"},
        {"{'verb':'user passwd','userid':'nobody','password':'x'}", "missing",
         "there is no user nobody"},
        {"{'verb':'user disable','userid':'nobody'}", "missing", "there is no user nobody"},
        {"{'verb':'user enable','userid':'nobody'}", "missing", "there is no user nobody"},
        {"{'verb':'user delete','userid':'nobody'}", "missing", "there is no user nobody"},
        {"{'verb':'user bulk','userid':'nobody','bulk':true}", "missing", "no user nobody"},
        {"{'verb':'user bulk','userid':'nobody','bulk':'on'}", "invalid", "true or false"},
        {"{'verb':'user bulk','userid':'nobody','bulk':1}", "invalid", "true or false"},
        {"{'verb':'user bulk','userid':'nobody'}", "invalid", "needs the argument \"bulk\""},
        {"{'verb':'user revoke','userid':'nobody'}", "missing", "there is no user nobody"},
        {"{'verb':'user devices','userid':'nobody'}", "missing", "there is no user nobody"},
        {"{'verb':'user forget','userid':'nobody','device':'d'}", "missing", "no user nobody"},
        {"{'verb':'user forget','userid':'nobody'}", "invalid", "needs the argument \"device\""},
        {"{'verb':'room delete','room':'none'}", "missing", "there is no room #none"},
        {"{'verb':'room members','room':'none'}", "missing", "there is no room #none"},
        {"{'verb':'room join','room':'none','userid':'a'}", "missing", "there is no user a"},
        {"{'verb':'room part','room':'none','userid':'a'}", "missing", "there is no room #none"},
        {"{'verb':'room set','room':'none'}", "invalid", "topic, access, operator or plain"},
        {"{'verb':'room set','room':'none','topic':7}", "invalid", "has to be a string"},
        {"{'verb':'clients','order':'age'}", "invalid", "\"userid\" and \"waiting\""},
    };
    struct host *host = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(ask(host, "%s", cases[i].request), cases[i].code, cases[i].words);
    assert_int_equal(host->told_count, 0);
}

/* What is repeated of a stranger's words is bounded, and stays UTF-8. */
static void long_strange_words_are_cut(void **state)
{
    struct host *host = *state;
    char line[4096] = "{\"verb\":\"";

    for (int i = 0; i < 500; i++)
        strcat(line, "\xed\x95\x9c");
    strcat(line, "\"}");
    json_t *answer = ask_line(host, line);
    assert_string_equal(text_of(answer, "code"), "unknown-verb");
    assert_true(strlen(text_of(answer, "error")) < 600);
    json_decref(answer);
}

/* -- users ------------------------------------------------------------------------------------ */

static void users_are_added_and_listed(void **state)
{
    struct host *host = *state;

    json_t *answer =
        ask(host, "{'verb':'user add','userid':'alice','password':'pw','name':'Alice'}");
    const json_t *user = json_object_get(answer, "user");
    assert_string_equal(text_of(user, "userid"), "alice");
    assert_string_equal(text_of(user, "name"), "Alice");
    assert_true(json_is_false(json_object_get(user, "disabled")));
    assert_true(json_integer_value(json_object_get(user, "created_ms")) > 1500000000000);
    json_decref(answer);
    expect_told(host, "alice");
    add_user(host, "\xeb\xb0\xa5");

    answer = ask(host, "{'verb':'user list'}");
    const json_t *users = json_object_get(answer, "users");
    assert_int_equal(json_array_size(users), 2);
    assert_string_equal(text_of(json_array_get(users, 0), "userid"), "alice");
    assert_string_equal(text_of(json_array_get(users, 1), "name"), "\xeb\xb0\xa5");
    assert_null(json_object_get(answer, "next"));
    json_decref(answer);
}

static void what_is_taken_is_named(void **state)
{
    struct host *host = *state;

    expect_ok(ask(host, "{'verb':'user add','userid':'alice','password':'a','name':'Wonder'}"));
    host->told_count = 0;
    expect_refusal(ask(host, "{'verb':'user add','userid':'alice','password':'b','name':'Other'}"),
                   "taken", "the userid alice is taken");
    expect_refusal(ask(host, "{'verb':'user add','userid':'bob','password':'b','name':'wonder'}"),
                   "taken", "the display name wonder is taken");
    assert_int_equal(host->told_count, 0);
}

static void lists_come_in_pages(void **state)
{
    struct host *host = *state;
    char after[NAME_MAX_BYTES + 1] = "";
    unsigned seen = 0, pages = 0;

    for (int i = 0; i < 7; i++)
        add_user(host, (const char[]){'u', (char)('0' + i), '\0'});
    for (;;) {
        json_t *answer = ask(host, "{'verb':'user list','after':'%s','limit':3}", after);
        const json_t *users = json_object_get(answer, "users");
        for (size_t i = 0; i < json_array_size(users); i++, seen++)
            assert_int_equal(text_of(json_array_get(users, i), "userid")[1], '0' + (int)seen);
        const char *next = json_string_value(json_object_get(answer, "next"));
        bool more = next != NULL;
        if (more)
            snprintf(after, sizeof(after), "%s", next);
        json_decref(answer);
        pages++;
        if (!more)
            break;
    }
    assert_int_equal(seen, 7);
    assert_int_equal(pages, 3);
}

static void keep_account(void *userdata, enum dal_outcome outcome,
                         const struct dal_account *account)
{
    char *hash = userdata;

    assert_int_equal(outcome, DAL_OK);
    snprintf(hash, PASSWORD_HASH_MAX, "%s", account->password_hash);
}

static void hash_of(struct host *host, const char *userid, char hash[PASSWORD_HASH_MAX])
{
    hash[0] = '\0';
    assert_int_equal(dal_account_find(bytes_of(userid), keep_account, hash), 0);
    while (!hash[0])
        turn(host);
}

static void a_new_password_replaces_the_old(void **state)
{
    struct host *host = *state;
    char hash[PASSWORD_HASH_MAX];

    add_user(host, "alice");
    hash_of(host, "alice", hash);
    assert_int_equal(password_verify(hash, bytes_of("pw-alice")), 1);
    host->told_count = 0;
    expect_ok(ask(host, "{'verb':'user passwd','userid':'alice','password':'new one'}"));
    expect_told(host, "alice");
    hash_of(host, "alice", hash);
    assert_int_equal(password_verify(hash, bytes_of("pw-alice")), 0);
    assert_int_equal(password_verify(hash, bytes_of("new one")), 1);
}

/* What the list says of the first user. */
static bool user_is(struct host *host, const char *member)
{
    json_t *answer = ask(host, "{'verb':'user list'}");
    const json_t *user = json_array_get(json_object_get(answer, "users"), 0);
    bool is = json_is_true(json_object_get(user, member));

    assert_true(json_is_boolean(json_object_get(user, member)));
    json_decref(answer);
    return is;
}

static void users_are_disabled_enabled_deleted(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    host->told_count = 0;
    expect_ok(ask(host, "{'verb':'user disable','userid':'alice'}"));
    expect_told(host, "alice");
    assert_true(user_is(host, "disabled"));
    expect_ok(ask(host, "{'verb':'user enable','userid':'alice'}"));
    expect_told(host, "alice");
    assert_false(user_is(host, "disabled"));
    expect_ok(ask(host, "{'verb':'user delete','userid':'alice'}"));
    expect_told(host, "alice");
    expect_refusal(ask(host, "{'verb':'user delete','userid':'alice'}"), "missing", "alice");
    add_user(host, "alice");
}

static void users_get_and_lose_the_right_to_bulk(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    host->told_count = 0;
    assert_false(user_is(host, "bulk"));
    expect_ok(ask(host, "{'verb':'user bulk','userid':'alice','bulk':true}"));
    expect_told(host, "alice");
    assert_true(user_is(host, "bulk"));
    expect_ok(ask(host, "{'verb':'user bulk','userid':'alice','bulk':false}"));
    expect_told(host, "alice");
    assert_false(user_is(host, "bulk"));
}

/* -- sessions and devices --------------------------------------------------------------------- */

/* What storage knows of a user, as far as these cases ask. */
struct known {
    bool done;
    uint64_t id;
    uint32_t epoch;
    size_t devices;
};

static void note_known(void *userdata, enum dal_outcome outcome, const struct dal_account *account)
{
    assert_int_equal(outcome, DAL_OK);
    *(struct known *)userdata =
        (struct known){true, account->user.id, account->user.auth_epoch, account->device_count};
}

static struct known known_of(struct host *host, const char *userid)
{
    struct known known = {.done = false};

    assert_int_equal(dal_account_find(bytes_of(userid), note_known, &known), 0);
    while (!known.done)
        turn(host);
    return known;
}

static void device_added(void *userdata, enum dal_outcome outcome, uint64_t device)
{
    assert_int_equal(outcome, DAL_OK);
    *(bool *)userdata = true;
}

static void add_device(struct host *host, const char *userid, const char *name)
{
    bool done = false;

    assert_int_equal(
        dal_device_add(known_of(host, userid).id, bytes_of(name), NULL, 0, device_added, &done), 0);
    while (!done)
        turn(host);
}

static void a_revocation_raises_the_epoch(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    uint32_t epoch = known_of(host, "alice").epoch;
    host->told_count = 0;
    expect_ok(ask(host, "{'verb':'user revoke','userid':'alice'}"));
    expect_told(host, "alice");
    assert_int_equal(known_of(host, "alice").epoch, epoch + 1);
}

static void devices_are_listed_and_forgotten(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    add_user(host, "bob");
    add_device(host, "alice", "1/[::1]:10001");
    add_device(host, "alice", "2/laptop");
    add_device(host, "bob", "2/laptop");
    json_t *answer = ask(host, "{'verb':'user devices','userid':'alice'}");
    const json_t *devices = json_object_get(answer, "devices");
    assert_int_equal(json_array_size(devices), 2);
    assert_string_equal(text_of(json_array_get(devices, 0), "device"), "[::1]:10001");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(devices, 0), "version")), 1);
    assert_string_equal(text_of(json_array_get(devices, 1), "device"), "laptop");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(devices, 1), "version")), 2);
    assert_true(json_integer_value(json_object_get(json_array_get(devices, 1), "seen_ms")) >
                1500000000000);
    json_decref(answer);

    host->told_count = 0;
    expect_ok(ask(host, "{'verb':'user forget','userid':'alice','device':'laptop'}"));
    expect_told(host, "alice");
    expect_refusal(ask(host, "{'verb':'user forget','userid':'alice','device':'laptop'}"),
                   "missing", "alice has no device laptop");
    expect_refusal(ask(host, "{'verb':'user forget','userid':'alice','device':'2/laptop'}"),
                   "missing", "alice has no device 2/laptop");
    expect_ok(ask(host, "{'verb':'user forget','userid':'alice','device':'[::1]:10001'}"));
    assert_int_equal(known_of(host, "alice").devices, 0);
    assert_int_equal(known_of(host, "bob").devices, 1);
}

/* -- batches ---------------------------------------------------------------------------------- */

static void a_batch_names_those_it_refuses(void **state)
{
    static const struct {
        int index;
        const char *code, *words;
    } refusals[] = {{1, "invalid", "a user has to be an object"},
                    {2, "invalid", "needs the argument \"password\""},
                    {3, "invalid", "userid is not allowed"},
                    {5, "taken", "alice is taken"}};
    struct host *host = *state;

    add_user(host, "alice");
    host->told_count = 0;
    json_t *answer = ask(host, "{'verb':'user add batch','users':["
                               "{'userid':'bob','password':'x','name':'Bob'},7,{'userid':'c'},"
                               "{'userid':'c d','password':'x'},{'userid':'carol','password':'x'},"
                               "{'userid':'alice','password':'x'}]}");
    assert_true(json_is_true(json_object_get(answer, "ok")));
    assert_int_equal(json_integer_value(json_object_get(answer, "added")), 2);
    const json_t *refused = json_object_get(answer, "refused");
    assert_int_equal(json_array_size(refused), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *entry = NULL;
        for (size_t k = 0; k < 4; k++)
            if (json_integer_value(json_object_get(json_array_get(refused, k), "index")) ==
                refusals[i].index)
                entry = json_array_get(refused, k);
        assert_non_null(entry);
        assert_string_equal(text_of(entry, "code"), refusals[i].code);
        assert_non_null(strstr(text_of(entry, "error"), refusals[i].words));
    }
    json_decref(answer);
    assert_int_equal(host->told_count, 2);
}

/* The pool's queue of two is shorter than what the batch would have under way. */
static void a_batch_waits_for_a_narrow_pool(void **state)
{
    struct host *host = *state;
    json_t *users = json_array();
    char userid[16];

    for (int i = 0; i < 30; i++) {
        snprintf(userid, sizeof(userid), "user%d", i);
        json_array_append_new(users, json_pack("{s:s,s:s}", "userid", userid, "password", "x"));
    }
    json_t *request = json_pack("{s:s,s:o}", "verb", "user add batch", "users", users);
    struct answer answer = {0};
    admin_handle(host->admin, request, keep_answer, &answer);
    json_decref(request);
    wait_answer(host, &answer);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "added")), 30);
    assert_int_equal(json_array_size(json_object_get(answer.json, "refused")), 0);
    json_decref(answer.json);
}

/* -- rooms ------------------------------------------------------------------------------------ */

static void rooms_have_members(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    add_user(host, "bob");
    host->told_count = 0;
    json_t *answer = ask(host, "{'verb':'room add','room':'staff'}");
    assert_string_equal(text_of(answer, "room"), "#staff");
    json_decref(answer);
    expect_refusal(ask(host, "{'verb':'room add','room':'#staff'}"), "taken", "#staff is there");
    expect_ok(ask(host, "{'verb':'room join','room':'#staff','userid':'bob'}"));
    expect_told(host, "bob");
    expect_ok(ask(host, "{'verb':'room join','room':'staff','userid':'alice'}"));
    expect_told(host, "alice");
    expect_refusal(ask(host, "{'verb':'room join','room':'staff','userid':'bob'}"), "taken",
                   "bob is a member of #staff already");
    expect_refusal(ask(host, "{'verb':'room join','room':'staff','userid':'eve'}"), "missing",
                   "there is no user eve");

    answer = ask(host, "{'verb':'room members','room':'staff','limit':1}");
    assert_int_equal(json_array_size(json_object_get(answer, "members")), 1);
    assert_string_equal(text_of(answer, "next"), "alice");
    json_decref(answer);
    answer = ask(host, "{'verb':'room list'}");
    const json_t *room = json_array_get(json_object_get(answer, "rooms"), 0);
    assert_string_equal(text_of(room, "room"), "#staff");
    assert_int_equal(json_integer_value(json_object_get(room, "members")), 2);
    json_decref(answer);

    expect_ok(ask(host, "{'verb':'room part','room':'staff','userid':'bob'}"));
    assert_int_equal(host->stored, MESSAGE_REMOVED); /* it is that by which the host knows */
    assert_string_equal(host->stored_text, "bob");
    assert_int_equal(host->told_count, 0);
    expect_refusal(ask(host, "{'verb':'room part','room':'staff','userid':'bob'}"), "missing",
                   "bob is not a member of #staff");
}

static void count_down(void *userdata, enum dal_outcome outcome, const struct user *user,
                       const char *conflict)
{
    assert_int_equal(outcome, DAL_OK);
    --*(unsigned *)userdata;
}

static void count_down_done(void *userdata, enum dal_outcome outcome,
                            const struct dal_room_result *result)
{
    assert_int_equal(outcome, DAL_OK);
    --*(unsigned *)userdata;
}

/* Makes many users and members past the verbs, which would hash a password for each. */
static void crowd(struct host *host, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char userid[16];
        unsigned waiting = 2;
        snprintf(userid, sizeof(userid), "user%04u", i);
        const struct dal_room_order join = {
            .verb = ROOM_JOIN, .room = bytes_of("#crowd"), .userid = bytes_of(userid)};
        assert_int_equal(
            dal_user_add(bytes_of(userid), bytes_of(userid), "x", count_down, &waiting), 0);
        while (waiting == 2)
            turn(host);
        assert_int_equal(dal_room_do(&join, count_down_done, &waiting), 0);
        while (waiting == 1)
            turn(host);
    }
}

/* More than a page of them. */
static void deleting_a_room_tells_of_every_member(void **state)
{
    struct host *host = *state;
    unsigned count = ADMIN_PAGE_MAX + 7;

    expect_ok(ask(host, "{'verb':'room add','room':'crowd'}"));
    crowd(host, count);
    host->told_count = 0;
    json_t *answer = ask(host, "{'verb':'room delete','room':'crowd'}");
    assert_int_equal(json_integer_value(json_object_get(answer, "members")), count);
    expect_ok(answer);
    assert_int_equal(host->told_count, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(atoi(host->told[i] + 4), i);
    expect_refusal(ask(host, "{'verb':'room members','room':'crowd'}"), "missing", "#crowd");
}

/* Who gets in while the members are being collected has to hear of the end as well. */
static void joining_a_room_on_its_way_out(void **state)
{
    struct host *host = *state;
    struct answer deleted = {0}, joined = {0};

    add_user(host, "late");
    expect_ok(ask(host, "{'verb':'room add','room':'brief'}"));
    host->told_count = 0;
    json_t *deletion = json_pack("{s:s,s:s}", "verb", "room delete", "room", "brief");
    json_t *joining =
        json_pack("{s:s,s:s,s:s}", "verb", "room join", "room", "brief", "userid", "late");
    admin_handle(host->admin, deletion, keep_answer, &deleted);
    admin_handle(host->admin, joining, keep_answer, &joined);
    wait_answer(host, &deleted);
    wait_answer(host, &joined);
    bool was_in = json_is_true(json_object_get(joined.json, "ok"));
    assert_true(json_is_true(json_object_get(deleted.json, "ok")));
    assert_true(host->told_count >= (was_in ? 2 : 0));
    json_decref(deletion);
    json_decref(joining);
    json_decref(deleted.json);
    json_decref(joined.json);
}

/* -- the whole -------------------------------------------------------------------------------- */

static void status_has_storage_and_the_host(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    json_t *answer = ask(host, "{'verb':'status'}");
    const json_t *storage = json_object_get(answer, "storage");
    assert_string_equal(text_of(storage, "driver"), "sqlite");
    assert_true(json_is_true(json_object_get(storage, "up")));
    assert_true(json_is_true(json_object_get(storage, "durable")));
    assert_true(json_integer_value(json_object_get(storage, "schema_version")) > 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(answer, "daemon"), "answer")), 42);
    json_decref(answer);
}

/* This host knows nothing of connections. */
static void what_needs_a_daemon_says_so(void **state)
{
    static const char *const requests[] = {
        "{'verb':'clients'}",
        "{'verb':'rooms'}",
        "{'verb':'kick','userid':'a'}",
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        expect_refusal(ask(*state, "%s", requests[i]), "no-daemon", "needs a daemon");
}

static void a_sound_database_is_found_sound(void **state)
{
    struct host *host = *state;

    add_user(host, "alice");
    json_t *answer = ask(host, "{'verb':'db check'}");
    assert_true(json_is_true(json_object_get(answer, "sound")));
    assert_int_equal(json_array_size(json_object_get(answer, "findings")), 0);
    json_decref(answer);
}

static void storage_away_is_said(void **state)
{
    static const char *const requests[] = {
        "{'verb':'user add','userid':'a','password':'x'}",
        "{'verb':'user passwd','userid':'a','password':'x'}",
        "{'verb':'user list'}",
        "{'verb':'user disable','userid':'a'}",
        "{'verb':'user delete','userid':'a'}",
        "{'verb':'room add','room':'a'}",
        "{'verb':'room delete','room':'a'}",
        "{'verb':'room list'}",
        "{'verb':'room join','room':'a','userid':'a'}",
        "{'verb':'room part','room':'a','userid':'a'}",
        "{'verb':'room members','room':'a'}",
        "{'verb':'room set','room':'a','topic':'x'}",
        "{'verb':'room invite','room':'a','userid':'a'}",
        "{'verb':'kick','userid':'a','room':'a'}",
        "{'verb':'announce','text':'x'}",
        "{'verb':'db check'}",
    };
    struct host *host = *state;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        expect_refusal(ask(host, "%s", requests[i]), "unavailable", "storage is away: ");
    json_t *answer = ask(host, "{'verb':'user add batch','users':[{'userid':'a','password':'x'}]}");
    json_t *refused = json_array_get(json_object_get(answer, "refused"), 0);
    assert_string_equal(text_of(refused, "code"), "unavailable");
    json_decref(answer);
    answer = ask(host, "{'verb':'status'}");
    assert_true(json_is_false(json_object_get(json_object_get(answer, "storage"), "up")));
    json_decref(answer);
    assert_int_equal(host->told_count, 0);
}

/* The end comes while one waits for its hash and one for storage. */
static void the_end_answers_what_is_left(void **state)
{
    struct host *host = *state;
    struct answer hashing = {0}, batch = {0}, listing = {0};

    admin_handle_line(host->admin,
                      bytes_of("{\"verb\":\"user add\",\"userid\":\"a\",\"password\":\"x\"}"),
                      keep_answer, &hashing);
    admin_handle_line(host->admin,
                      bytes_of("{\"verb\":\"user add batch\",\"users\":[{\"userid\":\"b\","
                               "\"password\":\"x\"},{\"userid\":\"c\",\"password\":\"x\"}]}"),
                      keep_answer, &batch);
    admin_handle_line(host->admin, bytes_of("{\"verb\":\"user list\"}"), keep_answer, &listing);
    dal_close();
    password_pool_free(host->pool);
    admin_free(host->admin);
    assert_int_equal(listing.count, 1);
    assert_int_equal(hashing.count, 1);
    assert_int_equal(batch.count, 1);
    json_decref(listing.json);
    expect_refusal(hashing.json, "stopping", "ended");
    expect_refusal(batch.json, "stopping", "ended");

    open_storage(host->path);
    host->pool = NULL;
    host->admin = NULL;
}

/* -- memory ----------------------------------------------------------------------------------- */

#define SECRET "open sesame, and again"

static atomic_uint secrets_freed, freed;

void __real_free(void *data);
void __wrap_free(void *data);
void __wrap_free(void *data)
{
    if (data) {
        atomic_fetch_add(&freed, 1);
        if (memmem(data, malloc_usable_size(data), SECRET, strlen(SECRET)))
            atomic_fetch_add(&secrets_freed, 1);
    }
    __real_free(data);
}

static void passwords_are_not_left_in_memory(void **state)
{
    expect_ok(ask(*state, "{'verb': 'user add', 'userid': 'alice', 'password': '" SECRET "'}"));
    json_decref(ask(*state, "{'verb': 'user add', 'user': 'alice', 'password': '" SECRET "'}"));
    json_t *text = json_string(SECRET);
    unsigned before = freed;
    json_decref(text);
    assert_true(freed > before); /* what jansson frees is seen here */
    assert_int_equal(secrets_freed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_requests_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(long_strange_words_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(users_are_added_and_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_taken_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_come_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_password_replaces_the_old, setup, teardown),
        cmocka_unit_test_setup_teardown(users_get_and_lose_the_right_to_bulk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_revocation_raises_the_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_are_listed_and_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(users_are_disabled_enabled_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_names_those_it_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_waits_for_a_narrow_pool, setup_narrow, teardown),
        cmocka_unit_test_setup_teardown(rooms_have_members, setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_a_room_tells_of_every_member, setup, teardown),
        cmocka_unit_test_setup_teardown(joining_a_room_on_its_way_out, setup, teardown),
        cmocka_unit_test_setup_teardown(status_has_storage_and_the_host, setup, teardown),
        cmocka_unit_test_setup_teardown(what_needs_a_daemon_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sound_database_is_found_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(storage_away_is_said, setup_away, teardown),
        cmocka_unit_test_setup_teardown(passwords_are_not_left_in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_answers_what_is_left, setup, teardown),
    };

    hash_setup();
    admin_setup();
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
