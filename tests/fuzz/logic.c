/* The steps of logic.h. What must hold whatever comes in: every reply is ended once; what goes out
 * is made of whole frames of the protocol; messages flow over streams alone, in order, and over a
 * connection of ours not before its proof; an answer to a poll verifies and is not longer than it;
 * nothing is connected to below 1024 or in an excluded network.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "logic.h"

#include "../lib/exact.h"
#include "logic-outlet.h"
#include "memory-store.h"
#include "util/clock.h"
#include "util/cursor.h"
#include "util/hash.h"

#include <ctype.h>
#include <sodium.h>

#define STEPS_MAX 400

static struct logic logic;

static const char *const addresses[] = {
    "127.0.0.1:40000",   "127.0.0.2:40001",     "[::1]:40002",         "192.0.2.7:40003",
    "198.51.100.9:4004", "[2001:db8::7]:40005", "[2001:db8::8]:40006", "203.0.113.1:40007",
};

/* The end of a turn of the loop. */
static void end_turn(void)
{
    for (unsigned turns = 0; logic.woken; turns++) {
        MUST(turns < 1000);
        logic.woken = false;
        bll_turn_end(logic.bll);
    }
}

/* -- what a step needs ------------------------------------------------------------------------ */

/* Takes a digit off; 0 where there is none. */
static unsigned take_digit(struct bytes *rest)
{
    if (rest->len == 0 || !isdigit((unsigned char)rest->data[0]))
        return 0;
    unsigned digit = (unsigned)(rest->data[0] - '0');
    rest->data++;
    rest->len--;
    return digit;
}

static struct addr take_address(struct bytes *rest)
{
    struct addr addr;

    MUST(addr_parse(addresses[take_digit(rest) % ARRAY_SIZE(addresses)], &addr) == 0);
    return addr;
}

/* A connection that is open and not closing, or NULL. */
static struct line *take_line(struct bytes *rest)
{
    struct line *line = &logic.lines[take_digit(rest) % LINES];

    return line->link && !line->closing ? line : NULL;
}

static struct known_session *take_session(struct bytes *rest)
{
    return &logic.sessions[take_digit(rest) % SESSIONS];
}

static void configure(unsigned which)
{
    static struct network loopback[2], excluded[1];
    struct bll_config *config = &logic.config;

    MUST(network_parse("127.0.0.0/8", &loopback[0]) == 0);
    MUST(network_parse("::1", &loopback[1]) == 0);
    MUST(network_parse(EXCLUDED, &excluded[0]) == 0);
    *config = (struct bll_config){
        .v1_networks = loopback,
        .v1_network_count = 2,
        .plain_networks = loopback,
        .plain_network_count = which == 4 ? 0 : 2,
        .excluded_networks = excluded,
        .excluded_network_count = 1,
        .poll_us = 3 * USEC_PER_SEC,
        .probe_us = 30 * USEC_PER_SEC,
        .window_messages = which == 1 ? 1 : 4,
        .window_bytes = which == 1 ? 600 : 4096,
        .push_idle_us = 30 * USEC_PER_SEC,
        .push_deliver_us = 10 * USEC_PER_SEC,
        .text_max = 512,
        .present_us = 10 * USEC_PER_SEC,
        .forget_us = 3600 * USEC_PER_SEC,
        .retry_us = USEC_PER_SEC,
        .cursor_flush_us = USEC_PER_SEC / 4,
        .tail_max = which == 1 ? 0 : 4096,
        .devices_max = which == 1 ? 1 : 3,
        .signons_per_address = 8,
        .waiting_max = 4,
        .rooms_by_anyone = which != 2,
        .rooms_max = which == 1 ? 1 : 8,
        .rooms_per_user = which == 1 ? 1 : 4,
    };
    memset(config->secret, which == 2 ? 's' : 'S', sizeof(config->secret));
    if (which == 3) {
        config->rates.signons_per_address = (struct rate){6, 2};
        config->rates.failures_per_address = (struct rate){6, 1};
        config->rates.sends_per_address = (struct rate){60, 3};
        config->rates.sends_per_user = (struct rate){60, 2};
        config->rates.dials_per_user = (struct rate){6, 1};
        config->rates.changes_per_user = (struct rate){6, 2};
        config->rates.requests_per_user = (struct rate){60, 3};
    }
}

/* -- connections ------------------------------------------------------------------------------ */

static struct line *open_line(struct line *line, const struct addr *from, bool secure)
{
    *line = (struct line){.from = *from, .secure = secure};
    MUST(bll_link_new(logic.bll, from, secure, line, &line->link) == 0);
    return line;
}

static void close_line(struct line *line)
{
    struct bll_link *link = line->link;

    line->link = NULL;
    bll_link_closed(link);
}

static void step_open(struct bytes rest)
{
    struct line *line = &logic.lines[take_digit(&rest) % LINES];
    struct addr from = take_address(&rest);

    if (!line->link)
        (void)open_line(line, &from, rest.len > 0 && rest.data[0] == 's');
}

static void step_close(struct bytes rest)
{
    struct line *line = &logic.lines[take_digit(&rest) % LINES];

    if (line->link && !line->closing && rest.len > 0 && logic.reply_count < REPLIES)
        bll_link_rest(line->link, rest, outlet_new_reply(&logic, line));
    if (line->link)
        close_line(line);
}

static void frame_to(struct line *line, struct bytes frame)
{
    if (logic.reply_count < REPLIES)
        bll_link_frame(line->link, frame, outlet_new_reply(&logic, line));
}

static void step_frame(struct bytes rest)
{
    struct line *line = take_line(&rest);

    if (line)
        frame_to(line, rest);
}

static void build_to(struct line *line, const struct v2_frame *frame)
{
    char out[512];
    long len = v2_build(frame, out, sizeof(out));

    if (len > 0)
        frame_to(line, (struct bytes){.data = out, .len = (size_t)len - 1});
}

/* What may be wrong with a time or a MAC. */
static uint64_t wrong_time(unsigned how)
{
    static const int64_t off_ms[] = {0, 1, -1, 59000, -59000, 61000, -61000, 3600000};

    return logic.real_ms + (uint64_t)off_ms[how % ARRAY_SIZE(off_ms)];
}

static void step_resume(struct bytes rest)
{
    struct line *line = take_line(&rest);
    const struct known_session *session = take_session(&rest);
    unsigned how = take_digit(&rest);
    struct v2_frame frame = {.verb = V2_VERB_RESUME, .time_ms = wrong_time(how)};

    if (!line || session->name_len == 0)
        return;
    frame.session = (struct bytes){.data = session->name, .len = session->name_len};
    v2_mac_resume(session->key, frame.session, frame.time_ms, frame.mac);
    frame.mac[0] ^= how == 9;
    build_to(line, &frame);
}

static void step_proof(struct bytes rest)
{
    struct line *line = take_line(&rest);
    unsigned how = take_digit(&rest);
    struct v2_frame frame = {.verb = V2_VERB_PROOF};

    if (!line || !line->session)
        return;
    struct bytes name = {.data = line->session->name, .len = line->session->name_len};
    v2_mac_proof(line->session->key, name, line->nonce, frame.mac);
    frame.mac[0] ^= how == 9;
    line->proved |= how != 9;
    build_to(line, &frame);
}

static void step_ack(struct bytes rest)
{
    struct line *line = take_line(&rest);
    unsigned how = take_digit(&rest);

    if (!line || line->last_seq == 0)
        return;
    struct v2_frame frame = {
        .verb = V2_VERB_ACK,
        .conversation = {.id = line->last_conversation},
        .seq = line->last_seq + (how == 1) - (how == 2 && line->last_seq > 1),
    };
    build_to(line, &frame);
}

static void step_waiting(struct bytes rest)
{
    struct line *line = take_line(&rest);
    unsigned how = take_digit(&rest);

    if (!line)
        return;
    bool drained = line->waiting > 0 && how == 0;
    line->waiting = (size_t)how << 14;
    if (drained)
        bll_link_drained(line->link);
}

/* -- datagrams -------------------------------------------------------------------------------- */

static void datagram_from(const struct addr *from, struct bytes datagram)
{
    char answer[2048];
    struct v2_polled polled;
    struct v2_poll poll;

    size_t len = bll_datagram(logic.bll, from, datagram, answer, sizeof(answer));
    MUST(len <= datagram.len);
    if (len == 0)
        return;
    MUST(v2_parse_poll(datagram, &poll, NULL) == 0);
    MUST(v2_parse_polled((struct bytes){.data = answer, .len = len}, &polled) == 0);
    const struct known_session *session = outlet_find_session(&logic, poll.session);
    MUST(session && bytes_equal(polled.session, poll.session));
    MUST(v2_polled_verify(&polled, poll.time_ms, session->key));
}

static void step_datagram(struct bytes rest)
{
    struct addr from = take_address(&rest);

    datagram_from(&from, rest);
}

static void step_poll(struct bytes rest)
{
    const struct known_session *session = take_session(&rest);
    struct addr from = take_address(&rest);
    unsigned how = take_digit(&rest);
    uint64_t port = 0;
    char out[V2_POLL_MAX];

    if (session->name_len == 0 || bytes_to_u64(rest, UINT16_MAX, &port) < 0)
        return;
    struct bytes name = {.data = session->name, .len = session->name_len};
    long len = v2_build_poll(name, wrong_time(how), (uint16_t)port, session->key, out, sizeof(out));
    if (len <= 0)
        return;
    out[len - 1] ^= how == 9;
    datagram_from(&from, (struct bytes){.data = out, .len = (size_t)len});
}

/* -- connections of ours ---------------------------------------------------------------------- */

static struct line *free_line(void)
{
    for (size_t i = 0; i < LINES; i++)
        if (!logic.lines[i].link)
            return &logic.lines[i];
    return NULL;
}

static bool take_dial(struct dialled *ret)
{
    if (logic.dial_count == 0)
        return false;
    *ret = logic.dials[0];
    logic.dial_count--;
    memmove(logic.dials, logic.dials + 1, logic.dial_count * sizeof(*logic.dials));
    return true;
}

static void step_dialled(struct bytes rest)
{
    struct line *line = free_line();
    struct dialled dial;

    if (!line || !take_dial(&dial))
        return;
    (void)open_line(line, &dial.to, dial.secure);
    line->dialled = true;
    bll_dialled(logic.bll, dial.token, line->link);
}

static void fail_dial(enum bll_dial why)
{
    struct dialled dial;

    if (take_dial(&dial))
        bll_dial_failed(logic.bll, dial.token, why);
}

static void step_dial_refused(struct bytes rest)
{
    fail_dial(BLL_DIAL_REFUSED);
}

static void step_dial_failed(struct bytes rest)
{
    fail_dial(BLL_DIAL_FAILED);
}

static void step_dial_result(struct bytes rest)
{
    static const int results[] = {0, -EAGAIN, -EBUSY, -ENETUNREACH};

    logic.dial_result = results[take_digit(&rest) % ARRAY_SIZE(results)];
}

static void step_push_end(struct bytes rest)
{
    if (logic.push_count == 0)
        return;
    void *token = logic.pushes[0];
    logic.push_count--;
    memmove(logic.pushes, logic.pushes + 1, logic.push_count * sizeof(*logic.pushes));
    bll_pushed(logic.bll, token, (enum bll_push)(take_digit(&rest) % 3));
}

/* -- the world around ------------------------------------------------------------------------- */

static void step_time(struct bytes rest)
{
    static const uint64_t steps_ms[] = {1,     100,   1000,   4000,    11000,
                                        31000, 61000, 300000, 3700000, 90000000};
    uint64_t ms = steps_ms[take_digit(&rest)];

    logic.now_us += ms * USEC_PER_MSEC;
    logic.real_ms += ms;
    bll_tick(logic.bll);
}

static void step_storage(struct bytes rest)
{
    memory_store_run(take_digit(&rest), MEMORY_FAULT_NONE);
}

/* What storage answers can make the unit ask for more. */
static void settle(void)
{
    for (unsigned turns = 0; memory_store_waiting() > 0; turns++) {
        MUST(turns < 1000);
        memory_store_settle();
        end_turn();
    }
}

static void step_settle(struct bytes rest)
{
    settle();
}

static void step_fault(struct bytes rest)
{
    unsigned how = take_digit(&rest);

    memory_store_run(how / 2, how % 2 ? MEMORY_FAULT_AWAY : MEMORY_FAULT_UNCERTAIN);
}

static void step_change(struct bytes rest)
{
    unsigned what = take_digit(&rest);
    const char *userid = what % 2 ? "bob" : "alice";

    switch (what / 2) {
    case 0:
        (void)memory_store_disable(userid, true);
        break;
    case 1:
        (void)memory_store_disable(userid, false);
        break;
    case 2:
        (void)memory_store_revoke(userid);
        break;
    case 3:
        (void)memory_store_forget_devices(userid);
        break;
    default:
        break;
    }
    bll_account_changed(logic.bll, bytes_of(userid));
}

static void step_configure(struct bytes rest)
{
    configure(take_digit(&rest));
    MUST(bll_reconfigure(logic.bll, &logic.config) == 0);
}

static void step_quiesce(struct bytes rest)
{
    bll_quiesce(logic.bll);
}

/* -- all of it -------------------------------------------------------------------------------- */

static const struct {
    char letter;
    void (*step)(struct bytes rest);
} steps[] = {
    {'+', step_open},         {'-', step_close},       {'f', step_frame},
    {'d', step_datagram},     {'r', step_resume},      {'p', step_poll},
    {'P', step_proof},        {'a', step_ack},         {'o', step_dialled},
    {'x', step_dial_refused}, {'X', step_dial_failed}, {'y', step_dial_result},
    {'e', step_push_end},     {'t', step_time},        {'s', step_storage},
    {'S', step_settle},       {'F', step_fault},       {'w', step_waiting},
    {'c', step_change},       {'g', step_configure},   {'q', step_quiesce},
};

void logic_steps(struct bytes rest)
{
    struct bytes line;

    for (unsigned count = 0; count < STEPS_MAX && fuzz_line(&rest, &line); count++) {
        /* What is to be closed is closed one step later. */
        for (size_t i = 0; i < LINES; i++)
            if (logic.lines[i].link && logic.lines[i].closing)
                close_line(&logic.lines[i]);
        for (size_t i = 0; line.len > 0 && i < ARRAY_SIZE(steps); i++)
            if (steps[i].letter == line.data[0])
                steps[i].step((struct bytes){.data = line.data + 1, .len = line.len - 1});
        end_turn();
    }
}

/* The same bytes of chance for each input, so that an input alone repeats what it did. */
static uint64_t chance;

static const char *chance_name(void)
{
    return "fuzz";
}

static uint32_t chance_next(void)
{
    return exact_random(&chance);
}

static void chance_fill(void *buffer, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)chance_next();
}

static void set_up_once(void)
{
    static struct randombytes_implementation source = {
        .implementation_name = chance_name,
        .random = chance_next,
        .buf = chance_fill,
    };
    static bool ready;

    if (ready)
        return;
    chance = 1;
    MUST(randombytes_set_implementation(&source) == 0);
    hash_setup();
    ready = true;
}

void logic_begin(void)
{
    set_up_once();
    chance = 20261121;
    memory_store_reset();
    memory_store_add_user("alice", "sesame");
    memory_store_add_user("bob", "open");
    memory_store_add_room("#lobby");
    memory_store_join("#lobby", "alice");
    memory_store_join("#lobby", "bob");
    memset(&logic, 0, sizeof(logic));
    logic.now_us = 1000 * USEC_PER_SEC;
    logic.real_ms = 1767225600000;
    configure(0);
    struct bll_outlet outlet = outlet_for(&logic);
    MUST(bll_new(&logic.config, &outlet, memory_pool(), &logic.metrics, &logic.bll) == 0);
}

void logic_end(void)
{
    settle();
    bll_quiesce(logic.bll);
    for (size_t i = 0; i < LINES; i++)
        if (logic.lines[i].link)
            close_line(&logic.lines[i]);
    while (logic.dial_count > 0)
        step_dial_failed((struct bytes){0});
    while (logic.push_count > 0)
        step_push_end((struct bytes){0});
    end_turn();
    for (unsigned tries = 0; !bll_flush_cursors(logic.bll); tries++) {
        MUST(tries < 100);
        memory_store_settle();
    }
    memory_store_settle();
    outlet_end(&logic);
    bll_free(logic.bll);
    memory_store_reset();
}
