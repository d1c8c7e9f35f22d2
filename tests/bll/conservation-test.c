/* What is kept whatever happens: clients that keep their cursors see every message that is for them
 * once and in order, and every note of a room while they are in it, while connections are lost at
 * any point, acknowledgements come late or never, devices attach and detach, rooms are joined and
 * left, and the server stops or crashes.
 *
 * A step is one random event. The clients are models of what a client does: a message up to the
 * cursor is acknowledged and not shown, the one after it is shown, and a gap is a fault of the
 * server's. Runs are told by their seed, which is printed when one fails.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "receiver.h"

#include "tests/lib/exact.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEVICES       4
#define CONVERSATIONS 8 /* in the order of their ids */
#define NOT_YOURS     "err:unknown:ack:this conversation is not one of yours"
#define EVERYONE      0
#define ROOMS         4 /* the first of them, after the inboxes */
#define ROOM_COUNT    2 /* "#r4", "#r5" */
#define STEPS         2500
#define MESSAGES      16384 /* of a conversation */
#define RUNS          3

/* A device's client, with what it would keep on its disk. */
struct model {
    const char *userid, *name;
    struct welcomed session;
    uint64_t ids[CONVERSATIONS];
    uint64_t cursors[CONVERSATIONS];
    uint64_t unacked[CONVERSATIONS]; /* shown; acknowledged now or later, or never */
    bool absent[CONVERSATIONS];      /* from a room: what still comes of it need not */
    struct line *line;               /* attached, or signed on; or NULL */
    struct line *push;               /* open; or NULL */
    bool listens;
    unsigned port;
};

struct world {
    struct fixture *fixture;
    struct model models[DEVICES];
    uint64_t seed;
    uint64_t ends[CONVERSATIONS];         /* messages that were committed */
    uint8_t own[CONVERSATIONS][MESSAGES]; /* the model that sent it to many, plus one */
    unsigned key;
    unsigned shown;
};

static uint32_t dice(struct world *world, uint32_t sides)
{
    return exact_random(&world->seed) % sides;
}

/* -- the clients ------------------------------------------------------------------------------ */

static bool is_own(const struct world *world, uint64_t conversation, uint64_t seq, size_t model)
{
    return seq < MESSAGES && world->own[conversation][seq] == model + 1;
}

/* The next number the client has to see; what it sent to many it does not get. */
static uint64_t expected(const struct world *world, size_t model, uint64_t conversation)
{
    uint64_t seq = world->models[model].cursors[conversation] + 1;

    while (is_own(world, conversation, seq, model))
        seq++;
    return seq;
}

/* Ids begin with everyone's. */
static uint64_t place_of(struct model *model, uint64_t id)
{
    uint64_t place = id & 0xfffff;

    assert_true(place < CONVERSATIONS);
    model->ids[place] = id;
    return place;
}

static void show(struct world *world, size_t index, const struct v2_frame *frame)
{
    struct model *model = &world->models[index];
    uint64_t conversation = place_of(model, frame->conversation.id);
    uint64_t *cursor = &model->cursors[conversation];

    if (model->absent[conversation]) {
        model->unacked[conversation] = frame->seq;
        return;
    }
    if (frame->seq > *cursor) {
        assert_int_equal(frame->seq, expected(world, index, conversation));
        *cursor = frame->seq;
        world->shown++;
    }
    model->unacked[conversation] = *cursor;
}

static void acknowledge(struct model *model, struct line *line)
{
    struct answer answer;

    for (unsigned i = 0; i < CONVERSATIONS; i++) {
        if (model->unacked[i] == 0)
            continue;
        line_frame(line, &answer, "ack:%llu/:%llu", (unsigned long long)model->ids[i],
                   (unsigned long long)model->unacked[i]);
        assert_true(answer.ended);
        if (!model->absent[i] || answer.text[0] != '\0')
            assert_string_equal(answer.text, model->absent[i] ? NOT_YOURS : "");
        model->unacked[i] = 0;
    }
}

/* Reads what has come, all of it or a part, and acknowledges it or not. */
static void read_line(struct world *world, size_t index, struct line *line)
{
    struct model *model = &world->models[index];
    unsigned count = line->frame_count > 0 ? dice(world, line->frame_count + 1) : 0;

    if (dice(world, 2) == 0)
        count = line->frame_count;
    for (unsigned i = 0; i < count; i++) {
        struct v2_frame frame;
        assert_int_equal(v2_parse(bytes_of(line->frames[i]), &frame, NULL), 0);
        if (frame.verb == V2_VERB_MSG || frame.verb == V2_VERB_WHISPER ||
            frame.verb == V2_VERB_NOTE)
            show(world, index, &frame);
        else
            assert_int_equal(frame.verb, V2_VERB_DETACHED);
        free(line->frames[i]);
    }
    line->frame_count -= count;
    for (unsigned i = 0; i < line->frame_count; i++)
        line->frames[i] = line->frames[i + count];
    if (dice(world, 3) > 0)
        acknowledge(model, line);
}

static void lose(struct line **line)
{
    if (*line)
        line_close(*line);
    *line = NULL;
}

/* -- events ----------------------------------------------------------------------------------- */

static void event_read(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (model->line)
        read_line(world, index, model->line);
    if (model->push && model->push->closing)
        lose(&model->push);
    if (model->push)
        read_line(world, index, model->push);
}

static void resume(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    lose(&model->line);
    model->line = line_open(world->fixture, HOME, false);
    model->session = parse_welcome(
        line_ask(model->line, "%s", resume_frame_of(&model->session, world->fixture->real_ms)));
}

static void event_attach(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (!model->line || model->line->closing)
        resume(world, index);
    assert_string_equal(line_ask(model->line, "attach"), "attached");
}

static void event_detach(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (model->line && !model->line->closing)
        assert_string_equal(line_ask(model->line, "detach"), "detached");
}

static void event_lose(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    lose(dice(world, 2) ? &model->line : &model->push);
}

static void event_poll(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (dice(world, 20) == 0)
        model->port++;
    (void)poll_signed(world->fixture, &model->session, HOME, model->listens ? model->port : 0);
}

/* Dials are made, refused, lost before the proof, or proven: by whose port they go to. */
static void event_dial(struct world *world, size_t index)
{
    struct fixture *fixture = world->fixture;
    struct model *model;
    struct line *line;

    if (fixture->dial_count == 0)
        return;
    model = &world->models[fixture->dials[0].to.port / 1000 - 20];
    if (dice(world, 4) == 0) {
        dial_fail(fixture, dice(world, 2) ? BLL_DIAL_REFUSED : BLL_DIAL_FAILED);
        return;
    }
    line = dial_open(fixture);
    if (line->closing || dice(world, 5) == 0) {
        line_close(line);
        return;
    }
    lose(&model->push);
    model->push = line;
    line_prove(line, &model->session);
}

/* One entry more, caused by that model, which does not get it unless it is in somebody's inbox. */
static uint64_t entry(struct world *world, size_t index, uint64_t conversation)
{
    uint64_t seq = ++world->ends[conversation];

    assert_true(seq < MESSAGES);
    if (conversation == EVERYONE || conversation >= ROOMS)
        world->own[conversation][seq] = (uint8_t)(index + 1);
    return seq;
}

static struct line *line_of(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (!model->line || model->line->closing)
        resume(world, index);
    return model->line;
}

static void event_send(struct world *world, size_t index)
{
    static const char *const to[] = {"*",   "*",   "alice",   "bob",      "carol",
                                     "#r4", "#r5", "#r4/bob", "#r5/carol"};
    struct model *model = &world->models[index];
    const char *recipient = to[dice(world, ARRAY_SIZE(to))];
    struct v2_frame sent;
    const char *answer;

    world->key++;
    answer =
        line_ask(line_of(world, index), "send:k%u:%s:text %u", world->key, recipient, world->key);
    assert_int_equal(v2_parse(bytes_of(answer), &sent, NULL), 0);
    if (sent.verb == V2_VERB_ERR && recipient[0] == '#')
        return; /* one of the two is not there, or they are the same */
    assert_int_equal(sent.verb, V2_VERB_SENT);
    assert_int_equal(sent.seq, entry(world, index, place_of(model, sent.conversation.id)));
}

/* All devices of the user come to be in the room, after what there is by now, or out of it. */
static void set_absent(struct world *world, const char *userid, uint64_t room, bool absent)
{
    for (size_t i = 0; i < DEVICES; i++) {
        struct model *model = &world->models[i];
        if (strcmp(model->userid, userid) != 0)
            continue;
        model->absent[room] = absent;
        model->unacked[room] = 0;
        if (!absent)
            model->cursors[room] = world->ends[room];
    }
}

static void event_join(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    uint64_t room = ROOMS + dice(world, ROOM_COUNT);

    assert_begins(line_ask(line_of(world, index), "join:#r%llu", (unsigned long long)room),
                  "room:");
    if (!model->absent[room])
        return;
    set_absent(world, model->userid, room, false);
    (void)entry(world, index, room);
}

static void event_part(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    uint64_t room = ROOMS + dice(world, ROOM_COUNT);

    assert_begins(line_ask(line_of(world, index), "part:#r%llu", (unsigned long long)room),
                  model->absent[room] ? "err:not-member:" : "done:");
    if (model->absent[room])
        return;
    set_absent(world, model->userid, room, true);
    (void)entry(world, index, room);
}

static void event_topic(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    uint64_t room = ROOMS + dice(world, ROOM_COUNT);

    assert_begins(
        line_ask(line_of(world, index), "topic:#r%llu:%u", (unsigned long long)room, ++world->key),
        model->absent[room] ? "err:not-member:" : "done:");
    if (!model->absent[room])
        (void)entry(world, index, room);
}

/* Everyone is told, and each room he is in. */
static void event_nick(struct world *world, size_t index)
{
    const struct model *model = &world->models[index];

    assert_begins(line_ask(line_of(world, index), "nick:n%u", ++world->key), "named:");
    (void)entry(world, index, EVERYONE);
    for (uint64_t room = ROOMS; room < ROOMS + ROOM_COUNT; room++)
        if (!model->absent[room])
            (void)entry(world, index, room);
}

static void event_burst(struct world *world, size_t index)
{
    for (unsigned i = dice(world, 40); i > 0; i--)
        event_send(world, index);
}

static void event_time(struct world *world, size_t index)
{
    pass(world->fixture, dice(world, 10) == 0 ? 11 : dice(world, 2));
}

static void event_reload(struct world *world, size_t index)
{
    bll_account_changed(world->fixture->bll, bytes_of(world->models[index].userid));
}

static void event_choke(struct world *world, size_t index)
{
    struct model *model = &world->models[index];

    if (model->line)
        model->line->waiting = dice(world, 2) ? 1 << 20 : 0;
}

static void forget_lines(struct world *world)
{
    for (size_t i = 0; i < DEVICES; i++) {
        lose(&world->models[i].line);
        lose(&world->models[i].push);
    }
    while (world->fixture->dial_count > 0)
        dial_fail(world->fixture, BLL_DIAL_FAILED);
}

/* A stop, with what was acknowledged stored; or a crash, which may lose some of it. */
static void event_restart(struct world *world, size_t index)
{
    bool clean = dice(world, 2);

    if (dice(world, 5) > 0)
        return;
    bll_quiesce(world->fixture->bll); /* no dial begins that nobody would end */
    if (clean) {
        for (size_t i = 0; i < DEVICES; i++)
            event_read(world, i);
        WAIT_FOR(world->fixture, bll_flush_cursors(world->fixture->bll));
    }
    forget_lines(world);
    fixture_restart(world->fixture, false);
    world->fixture->real_ms += 1000;
}

static const struct event {
    void (*happen)(struct world *world, size_t index);
    unsigned weight;
} events[] = {
    {event_read, 40}, {event_send, 20},  {event_burst, 2},  {event_poll, 20},
    {event_dial, 15}, {event_attach, 6}, {event_detach, 3}, {event_lose, 4},
    {event_time, 6},  {event_reload, 2}, {event_choke, 2},  {event_restart, 1},
    {event_join, 5},  {event_part, 2},   {event_topic, 3},  {event_nick, 1},
};

/* Storage has answered. Passwords, which take longer, are not asked for here. */
static void settle_storage(struct world *world)
{
    for (int round = 0; round < 2; round++) {
        bool pinged = false;
        assert_int_equal(dal_ping(note_done, &pinged), 0);
        WAIT_FOR(world->fixture, pinged);
    }
}

static void step(struct world *world)
{
    unsigned total = 0, chosen;

    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        total += events[i].weight;
    chosen = dice(world, total);
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        if (chosen < events[i].weight) {
            events[i].happen(world, dice(world, DEVICES));
            break;
        }
        chosen -= events[i].weight;
    }
    bll_turn_end(world->fixture->bll);
    if (dice(world, 4) == 0)
        settle_storage(world);
}

/* -- the end ---------------------------------------------------------------------------------- */

/* Everything that was said to it has been shown. */
static bool is_complete(struct world *world, size_t index)
{
    struct model *model = &world->models[index];
    const struct account *account = account_find(world->fixture->bll, bytes_of(model->userid));

    for (unsigned i = 0; i < account->subscription_count; i++) {
        uint64_t place = place_of(model, account->subscriptions[i].conversation->id);
        if (!model->absent[place] && expected(world, index, place) <= world->ends[place])
            return false;
    }
    return true;
}

static void finish(struct world *world)
{
    forget_lines(world);
    for (size_t i = 0; i < DEVICES; i++) {
        event_attach(world, i);
        for (int round = 0; round < 1000 && !is_complete(world, i); round++) {
            settle_storage(world);
            event_read(world, i);
            acknowledge(&world->models[i], world->models[i].line);
        }
        assert_true(is_complete(world, i));
        settle_storage(world);
        event_read(world, i);
    }
}

static void sign_on(struct world *world, size_t index, const char *userid, const char *name,
                    bool listens)
{
    struct client one = client(world->fixture, userid, name);
    struct device *device = device_of(&one);
    struct model *model = &world->models[index];

    *model = (struct model){.userid = userid,
                            .name = name,
                            .session = one.session,
                            .line = one.line,
                            .listens = listens,
                            .port = 20001 + 1000 * (unsigned)index};
    for (uint64_t room = ROOMS; room < ROOMS + ROOM_COUNT; room++)
        model->absent[room] = true;
    for (unsigned i = 0; i < device->account->subscription_count; i++)
        model->cursors[place_of(model, device->account->subscriptions[i].conversation->id)] =
            device->cursors[i].acked;
}

static void run(struct fixture *fixture, uint64_t seed)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->fixture = fixture;
    world->seed = seed;
    fixture->config.window_messages = 1 + dice(world, 40);
    fixture->config.tail_max = dice(world, 2) ? 1 << 20 : 2000;
    fixture->config.rates = (struct bll_rates){0};
    assert_int_equal(bll_reconfigure(fixture->bll, &fixture->config), 0);
    fixture_add_room(fixture, "#r4"); /* in the order of their ids, none is made by chance */
    fixture_add_room(fixture, "#r5");
    sign_on(world, 0, "alice", "laptop", true);
    sign_on(world, 1, "bob", "laptop", true);
    sign_on(world, 2, "bob", "phone", false);
    sign_on(world, 3, "carol", "laptop", true);
    for (int i = 0; i < STEPS; i++)
        step(world);
    finish(world);
    print_message("# seed %llu: %u shown\n", (unsigned long long)seed, world->shown);
    assert_true(world->shown > STEPS / 4);
    forget_lines(world);
    free(world);
}

static void every_message_is_shown_once_and_in_order(void **state)
{
    const char *given = getenv("MULTICHAT_TEST_SEED");

    for (uint64_t i = 0; i < RUNS; i++) {
        void *fixture;
        (void)fixture_setup(&fixture);
        run(fixture, given ? strtoull(given, NULL, 10) + i : 1 + i);
        (void)fixture_teardown(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_shown_once_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
