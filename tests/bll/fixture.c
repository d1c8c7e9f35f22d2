/* The logic unit under test and everything around it, put together and taken down.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include "util/clock.h"
#include "util/hash.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Far more than anything here takes, however slow the machine. */
#define PATIENCE_MS 60000

/* -- the outlet ------------------------------------------------------------------------------- */

static void outlet_reply(void *userdata, void *reply, struct bytes answer, bool close)
{
    struct answer *kept = reply;

    assert_false(kept->ended);
    kept->ended = true;
    kept->close = close;
    assert_true(answer.len < sizeof(kept->text));
    if (answer.len > 0)
        memcpy(kept->text, answer.data, answer.len);
    kept->text[answer.len] = '\0';
    if (answer.len > 0) {
        assert_int_equal(kept->text[answer.len - 1], '\003');
        kept->text[answer.len - 1] = '\0';
    }
}

static int outlet_push(void *userdata, const struct addr *to, struct bytes payload, void *token)
{
    struct fixture *fixture = userdata;
    struct pushed *pushed;

    if (fixture->push_result < 0)
        return fixture->push_result;
    fixture->pushes =
        realloc(fixture->pushes, (fixture->push_count + 1) * sizeof(*fixture->pushes));
    assert_non_null(fixture->pushes);
    pushed = &fixture->pushes[fixture->push_count++];
    fixture->pushes_ever++;
    pushed->to = *to;
    pushed->token = token;
    assert_true(payload.len < sizeof(pushed->payload));
    memcpy(pushed->payload, payload.data, payload.len);
    pushed->payload[payload.len] = '\0';
    return 0;
}

/* In large steps, so that it does not happen while a test has allocations fail. */
static void frames_grow(struct line *line)
{
    line->frame_room += 512;
    line->frames = realloc(line->frames, line->frame_room * sizeof(char *));
    assert_non_null(line->frames);
}

static void outlet_write(void *userdata, void *connection, struct bytes frames)
{
    struct line *line = connection;

    assert_non_null(line->link);
    line->written += frames.len;
    if (line->mute)
        return;
    while (frames.len > 0) {
        const char *end = memchr(frames.data, '\003', frames.len);
        size_t len;
        assert_non_null(end);
        len = (size_t)(end - frames.data);
        if (line->frame_count == line->frame_room)
            frames_grow(line);
        line->frames[line->frame_count++] = strndup(frames.data, len);
        frames.data += len + 1;
        frames.len -= len + 1;
    }
}

static size_t outlet_waiting(void *userdata, void *connection)
{
    return ((struct line *)connection)->waiting;
}

static void outlet_set_role(void *userdata, void *connection, enum bll_link_role role)
{
    ((struct line *)connection)->role = role;
}

static void outlet_close(void *userdata, void *connection)
{
    ((struct line *)connection)->closing = true;
}

static int outlet_dial(void *userdata, const struct addr *to, bool secure, void *token)
{
    struct fixture *fixture = userdata;

    if (fixture->dial_result < 0)
        return fixture->dial_result;
    fixture->dials = realloc(fixture->dials, (fixture->dial_count + 1) * sizeof(*fixture->dials));
    assert_non_null(fixture->dials);
    fixture->dials[fixture->dial_count++] = (struct dialled){*to, secure, token};
    fixture->dials_ever++;
    return 0;
}

static uint64_t outlet_real_ms(void *userdata)
{
    return ((struct fixture *)userdata)->real_ms;
}

static uint64_t outlet_now(void *userdata)
{
    return ((struct fixture *)userdata)->now_us;
}

/* Every step ends a turn, so being woken needs no note. */
static void outlet_wake(void *userdata)
{
}

static void logic_up(struct fixture *fixture)
{
    struct bll_outlet outlet = {
        .reply = outlet_reply,
        .push = outlet_push,
        .write = outlet_write,
        .tell = outlet_write,
        .waiting = outlet_waiting,
        .set_role = outlet_set_role,
        .close = outlet_close,
        .dial = outlet_dial,
        .real_ms = outlet_real_ms,
        .now = outlet_now,
        .wake = outlet_wake,
        .userdata = fixture,
    };
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char *error = NULL;

    assert_int_equal(fixture->open_storage(&fixture->storage, &error), 0);
    assert_int_equal(password_pool_new(1, 64, &cost, &fixture->pool), 0);
    assert_int_equal(
        bll_new(&fixture->config, &outlet, fixture->pool, &fixture->metrics, &fixture->bll), 0);
}

static void logic_down(struct fixture *fixture)
{
    dal_close();
    bll_free(fixture->bll);
    password_pool_free(fixture->pool);
}

/* -- waiting ---------------------------------------------------------------------------------- */

static bool step(struct fixture *fixture, int timeout_ms)
{
    struct pollfd fds[] = {
        {.fd = dal_fd(), .events = POLLIN},
        {.fd = password_pool_fd(fixture->pool), .events = POLLIN},
    };
    int ready;

    bll_turn_end(fixture->bll);
    ready = poll(fds, 2, timeout_ms);
    assert_true(ready >= 0);
    if (fds[0].revents)
        dal_dispatch();
    if (fds[1].revents)
        password_pool_dispatch(fixture->pool);
    bll_turn_end(fixture->bll);
    return ready > 0;
}

void fixture_step(struct fixture *fixture, const char *awaited)
{
    if (!step(fixture, PATIENCE_MS))
        fail_msg("waited in vain for: %s", awaited);
}

void await_from_storage(struct fixture *fixture, const bool *done)
{
    bll_turn_end(fixture->bll);
    while (!*done) {
        struct pollfd fd = {.fd = dal_fd(), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
        dal_dispatch();
    }
}

void note_done(void *userdata, enum dal_outcome outcome)
{
    *(bool *)userdata = true;
}

static void note_verified(void *userdata, int verified)
{
    *(bool *)userdata = true;
}

static void note_up(void *userdata, enum dal_outcome outcome)
{
    *(int *)userdata = outcome == DAL_OK ? 1 : 0;
}

void await_storage(struct fixture *fixture)
{
    int up = 0;

    while (up != 1) {
        up = -1;
        assert_int_equal(dal_ping(note_up, &up), 0);
        WAIT_FOR(fixture, up >= 0);
    }
}

/* A round through the pool and one through storage, until a round has changed nothing. */
void settle(struct fixture *fixture)
{
    for (int round = 0; round < 3; round++) {
        bool pinged = false, verified = false;

        assert_int_equal(
            password_pool_verify(fixture->pool, NULL, bytes_of("x"), note_verified, &verified), 0);
        WAIT_FOR(fixture, verified);
        assert_int_equal(dal_ping(note_done, &pinged), 0);
        WAIT_FOR(fixture, pinged);
    }
}

/* -- users and rooms -------------------------------------------------------------------------- */

static void password_of(const char *userid, char password[80])
{
    snprintf(password, 80, "pw-%s", userid);
}

static void note_user(void *userdata, enum dal_outcome outcome, const struct user *user,
                      const char *conflict)
{
    assert_int_equal(outcome, DAL_OK);
    *(bool *)userdata = true;
}

void fixture_add_user(struct fixture *fixture, const char *userid)
{
    struct password_cost cost = {.operations = 1, .memory = 8 << 20};
    char password[80], hash[PASSWORD_HASH_MAX];
    bool done = false;

    password_of(userid, password);
    assert_int_equal(password_hash(&cost, bytes_of(password), hash), 0);
    assert_int_equal(dal_user_add(bytes_of(userid), bytes_of(userid), hash, note_user, &done), 0);
    WAIT_FOR(fixture, done);
}

static void note_room(void *userdata, enum dal_outcome outcome,
                      const struct conversation_record *record)
{
    assert_int_equal(outcome, DAL_OK);
    *(bool *)userdata = true;
}

void fixture_add_room(struct fixture *fixture, const char *room)
{
    bool done = false;

    assert_int_equal(dal_room_add(bytes_of(room), note_room, &done), 0);
    WAIT_FOR(fixture, done);
}

static void note_order(void *userdata, enum dal_outcome outcome,
                       const struct dal_room_result *result)
{
    assert_int_equal(outcome, DAL_OK);
    *(bool *)userdata = true;
}

void fixture_order(struct fixture *fixture, enum dal_room_verb verb, const char *room,
                   const char *userid)
{
    const struct dal_room_order order = {
        .verb = verb, .room = bytes_of(room), .userid = bytes_of(userid)};
    bool done = false;

    assert_int_equal(dal_room_do(&order, note_order, &done), 0);
    WAIT_FOR(fixture, done);
}

void fixture_put_in(struct fixture *fixture, const char *room, const char *userid)
{
    fixture_order(fixture, ROOM_JOIN, room, userid);
    bll_account_changed(fixture->bll, bytes_of(userid));
}

void fixture_join(struct fixture *fixture, const char *room, const char *userid)
{
    fixture_put_in(fixture, room, userid);
    settle(fixture);
}

/* -- setup ------------------------------------------------------------------------------------ */

static void configure(struct fixture *fixture)
{
    assert_int_equal(network_parse("127.0.0.0/8", &fixture->networks[0]), 0);
    assert_int_equal(network_parse("192.0.2.0/24", &fixture->networks[1]), 0);
    fixture->config = (struct bll_config){
        .v1_networks = fixture->networks,
        .v1_network_count = 2,
        .v1_port_order = PORT_ORDER_AUTO,
        .plain_networks = fixture->networks,
        .plain_network_count = 2,
        .secret = "a secret of thirty-two bytes ok",
        .poll_us = 3 * USEC_PER_SEC,
        .probe_us = 30 * USEC_PER_SEC,
        .window_messages = 256,
        .window_bytes = 262144,
        .push_idle_us = 30 * USEC_PER_SEC,
        .push_deliver_us = 10 * USEC_PER_SEC,
        .text_max = 16384,
        .present_us = 10 * USEC_PER_SEC,
        .forget_us = 3600 * USEC_PER_SEC,
        .retry_us = USEC_PER_SEC,
        .cursor_flush_us = USEC_PER_SEC / 4,
        .tail_max = 1 << 20,
        .devices_max = 4,
        .signons_per_address = 16,
        .waiting_max = 8,
        .rooms_by_anyone = true,
        .rooms_max = 16,
        .rooms_per_user = 8,
    };
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    static char path[96];

    hash_setup();
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/multichat-bll-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(path, sizeof(path), "%s/store.db", fixture->folder);
    fixture->storage = (struct dal_config){
        .driver = "sqlite",
        .sqlite_path = path,
        .writers = 1,
        .readers = 1,
        .queue_max = 4096,
        .migrate = true,
    };
    fixture->open_storage = dal_open;
    fixture->now_us = 1000 * USEC_PER_SEC;
    fixture->real_ms = 1700000000000;
    list_init(&fixture->lines);
    configure(fixture);
    logic_up(fixture);
    await_storage(fixture);
    fixture_add_user(fixture, "alice");
    fixture_add_user(fixture, "bob");
    fixture_add_user(fixture, "carol");
    *state = fixture;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fixture->push_count, 0);
    assert_int_equal(fixture->dial_count, 0);
    while (!list_empty(&fixture->lines))
        line_close(LIST_FIRST(&fixture->lines, struct line, by_fixture));
    logic_down(fixture);
    free(fixture->pushes);
    free(fixture->dials);
    assert_int_equal(nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(fixture);
    return 0;
}

void fixture_restart(struct fixture *fixture, bool clean)
{
    settle(fixture);
    if (clean) {
        bll_quiesce(fixture->bll);
        (void)bll_flush_cursors(fixture->bll);
    }
    while (!list_empty(&fixture->lines))
        line_close(LIST_FIRST(&fixture->lines, struct line, by_fixture));
    logic_down(fixture);
    logic_up(fixture);
    await_storage(fixture);
}

/* -- what comes in ---------------------------------------------------------------------------- */

struct addr address(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(text, &addr), 0);
    return addr;
}

void poll_from(struct fixture *fixture, const char *userid, const char *password, const char *from,
               unsigned port)
{
    struct addr addr = address(from);
    char datagram[300];

    snprintf(datagram, sizeof(datagram), "poll:%s:%s:%u", userid, password, port);
    assert_int_equal(bll_datagram(fixture->bll, &addr, bytes_of(datagram), NULL, 0), 0);
}

void present(struct fixture *fixture, const char *userid, unsigned port)
{
    uint64_t before = counted(fixture, METRIC_POLLS_ACCEPTED);
    char password[80];

    password_of(userid, password);
    poll_from(fixture, userid, password, "127.0.0.1:40000", port);
    WAIT_FOR(fixture, counted(fixture, METRIC_POLLS_ACCEPTED) > before);
    settle(fixture);
}

void frame_from(struct fixture *fixture, const char *from, const char *frame, struct answer *answer)
{
    struct line *line = line_open(fixture, from, false);

    line_frame(line, answer, "%s", frame);
    line_close(line);
}

const char *send_text(struct fixture *fixture, const char *userid, const char *to, const char *text)
{
    static struct answer answer;
    static char frame[20000];

    snprintf(frame, sizeof(frame), "wrmsg:%s:pw-%s:%s:%s", userid, userid, to, text);
    frame_from(fixture, "127.0.0.1:50000", frame, &answer);
    WAIT_FOR(fixture, answer.ended);
    return answer.text;
}

void assert_begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, with);
}

/* -- connections ------------------------------------------------------------------------------ */

static struct line *line_new(struct fixture *fixture, const struct addr *from, bool secure)
{
    struct line *line = calloc(1, sizeof(*line));

    assert_non_null(line);
    line->fixture = fixture;
    list_append(&fixture->lines, &line->by_fixture);
    frames_grow(line);
    assert_int_equal(bll_link_new(fixture->bll, from, secure, line, &line->link), 0);
    return line;
}

struct line *line_open(struct fixture *fixture, const char *from, bool secure)
{
    struct addr addr = address(from);

    return line_new(fixture, &addr, secure);
}

void line_close(struct line *line)
{
    if (!line)
        return;
    bll_link_closed(line->link);
    list_remove(&line->by_fixture);
    for (unsigned i = 0; i < line->frame_count; i++)
        free(line->frames[i]);
    free(line->frames);
    free(line);
}

static char *frame_text(const char *format, va_list arguments) PRINTF_LIKE(1, 0);
static char *frame_text(const char *format, va_list arguments)
{
    static char text[40000];
    int len = vsnprintf(text, sizeof(text), format, arguments);

    assert_in_range(len, 0, sizeof(text) - 1);
    return text;
}

void line_frame(struct line *line, struct answer *answer, const char *format, ...)
{
    va_list arguments;

    answer->ended = answer->close = false;
    answer->text[0] = '\0';
    va_start(arguments, format);
    bll_link_frame(line->link, bytes_of(frame_text(format, arguments)), answer);
    va_end(arguments);
}

const char *line_ask(struct line *line, const char *format, ...)
{
    static struct answer answer;
    va_list arguments;

    answer.ended = answer.close = false;
    va_start(arguments, format);
    bll_link_frame(line->link, bytes_of(frame_text(format, arguments)), &answer);
    va_end(arguments);
    WAIT_FOR(line->fixture, answer.ended);
    return answer.text;
}

const char *line_take(struct line *line)
{
    static char text[40000];

    bll_turn_end(line->fixture->bll);
    WAIT_FOR(line->fixture, line->frame_count > 0);
    assert_true(strlen(line->frames[0]) < sizeof(text));
    strcpy(text, line->frames[0]);
    free(line->frames[0]);
    line->frame_count--;
    memmove(line->frames, line->frames + 1, line->frame_count * sizeof(char *));
    return text;
}

static void copy_text(struct bytes from, char *to, size_t size)
{
    assert_true(from.len < size);
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

struct welcomed parse_welcome(const char *text)
{
    struct welcomed welcomed;
    struct v2_frame frame;

    if (v2_parse(bytes_of(text), &frame, NULL) < 0 || frame.verb != V2_VERB_WELCOME)
        fail_msg("not a welcome: %s", text);
    copy_text(frame.session, welcomed.session, sizeof(welcomed.session));
    copy_text(frame.name, welcomed.name, sizeof(welcomed.name));
    memcpy(welcomed.key, frame.session_key, sizeof(welcomed.key));
    welcomed.time_ms = frame.time_ms;
    welcomed.poll_seconds = frame.poll_seconds;
    return welcomed;
}

struct welcomed line_hello(struct line *line, const char *userid, const char *device)
{
    return parse_welcome(line_ask(line, "hello:2:%s:pw-%s:%s", userid, userid, device));
}

const char *resume_frame_of(const struct welcomed *session, uint64_t time_ms)
{
    static char text[200];
    struct v2_frame frame = {
        .verb = V2_VERB_RESUME,
        .session = bytes_of(session->session),
        .time_ms = time_ms,
    };
    long len;

    v2_mac_resume(session->key, frame.session, time_ms, frame.mac);
    len = v2_build(&frame, text, sizeof(text));
    assert_true(len > 0);
    text[len - 1] = '\0'; /* its ETX */
    return text;
}

/* -- signed polls and dials ------------------------------------------------------------------- */

const char *poll_signed(struct fixture *fixture, const struct welcomed *session, const char *from,
                        unsigned port)
{
    struct addr addr = address(from);
    static char answer[V2_POLL_MAX];
    char datagram[V2_POLL_MAX];
    struct v2_polled polled;
    size_t answer_len;
    long len = v2_build_poll(bytes_of(session->session), ++fixture->real_ms, (uint16_t)port,
                             session->key, datagram, sizeof(datagram));

    assert_true(len > 0);
    answer_len =
        bll_datagram(fixture->bll, &addr, (struct bytes){.data = datagram, .len = (size_t)len},
                     answer, sizeof(answer));
    bll_turn_end(fixture->bll);
    if (answer_len == 0)
        return "";
    assert_true(answer_len <= (size_t)len);
    assert_int_equal(v2_parse_polled((struct bytes){.data = answer, .len = answer_len}, &polled),
                     0);
    assert_true(v2_polled_verify(&polled, fixture->real_ms, session->key));
    return v2_state_name(polled.state);
}

static struct dialled take_dial(struct fixture *fixture)
{
    struct dialled dialled;

    bll_turn_end(fixture->bll);
    WAIT_FOR(fixture, fixture->dial_count > 0);
    dialled = fixture->dials[0];
    fixture->dial_count--;
    memmove(fixture->dials, fixture->dials + 1, fixture->dial_count * sizeof(*fixture->dials));
    return dialled;
}

struct line *dial_open(struct fixture *fixture)
{
    struct dialled dialled = take_dial(fixture);
    struct line *line = line_new(fixture, &dialled.to, dialled.secure);

    bll_dialled(fixture->bll, dialled.token, line->link);
    bll_turn_end(fixture->bll);
    return line;
}

void dial_fail(struct fixture *fixture, enum bll_dial why)
{
    bll_dial_failed(fixture->bll, take_dial(fixture).token, why);
    bll_turn_end(fixture->bll);
}

void line_prove(struct line *line, const struct welcomed *session)
{
    struct v2_frame push, proof = {.verb = V2_VERB_PROOF};
    struct answer answer;
    char frame[80];
    long len;

    assert_int_equal(v2_parse(bytes_of(line_take(line)), &push, NULL), 0);
    assert_int_equal(push.verb, V2_VERB_PUSH);
    assert_true(bytes_is(push.session, session->session));
    v2_mac_proof(session->key, push.session, push.nonce, proof.mac);
    len = v2_build(&proof, frame, sizeof(frame));
    assert_true(len > 0);
    line_frame(line, &answer, "%.*s", (int)len - 1, frame);
    assert_true(answer.ended && answer.text[0] == '\0');
    bll_turn_end(line->fixture->bll);
}

/* -- what goes out ---------------------------------------------------------------------------- */

void end_push(struct fixture *fixture, enum bll_push result)
{
    void *token;

    WAIT_FOR(fixture, fixture->push_count > 0);
    token = fixture->pushes[0].token;
    fixture->push_count--;
    memmove(fixture->pushes, fixture->pushes + 1, fixture->push_count * sizeof(*fixture->pushes));
    bll_pushed(fixture->bll, token, result);
    bll_turn_end(fixture->bll);
}

void expect_delivery(struct fixture *fixture, unsigned port, const char *text)
{
    const struct pushed *pushed;
    size_t payload_len, text_len = strlen(text);

    WAIT_FOR(fixture, fixture->push_count > 0);
    pushed = &fixture->pushes[0];
    payload_len = strlen(pushed->payload);
    assert_int_equal(pushed->to.port, port);
    assert_true(payload_len > text_len && pushed->payload[payload_len - text_len - 1] == ':');
    assert_string_equal(pushed->payload + payload_len - text_len, text);
    end_push(fixture, BLL_PUSH_DELIVERED);
}

void expect_no_push(struct fixture *fixture)
{
    settle(fixture);
    assert_int_equal(fixture->push_count, 0);
}

uint64_t counted(const struct fixture *fixture, enum metric metric)
{
    return fixture->metrics.value[metric];
}
