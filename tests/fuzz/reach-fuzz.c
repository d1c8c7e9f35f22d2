/* Fuzzes what a client makes of the answers to its polls, whoever sent them: only what the server
 * said to one of its last polls counts, once, and asks for what it must.
 *
 * Each line of an input is a step: "p" is a poll that leaves, "aSN" the answer of state S to the
 * N-th of the last ones, "d<datagram>" comes on the poll socket, "tD" is time going by, "c" is a
 * push connection that comes into use, or goes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/reach.h"

#include "fuzz.h"

#include <ctype.h>

#define POLLS 16

static const uint8_t key[V2_KEY_LEN] = "a key of thirty-two bytes, as is";
static const struct bytes session = {"AgAAAAcAAAABc2Vzcy0x_w", 22};

static bool pushed;
static struct reach reach;
static uint64_t now_us, time_ms;
static uint64_t polls[POLLS]; /* their times, the newest first */

static void step_pushed(struct bytes rest)
{
    pushed = !pushed;
}

static void step_poll(struct bytes rest)
{
    memmove(&polls[1], &polls[0], sizeof(polls) - sizeof(polls[0]));
    polls[0] = ++time_ms;
    reach_polled(&reach, time_ms, now_us);
    uint64_t due = reach_due(&reach, 3000000);
    MUST(due > now_us && due <= now_us + 3000000);
}

/* True for what the server said to one of our polls. */
static bool is_answer(struct bytes datagram)
{
    struct v2_polled polled;

    if (v2_parse_polled(datagram, &polled) < 0 || !bytes_equal(polled.session, session))
        return false;
    for (size_t i = 0; i < POLLS; i++)
        if (polls[i] > 0 && v2_polled_verify(&polled, polls[i], key))
            return true;
    return false;
}

static void step_datagram(struct bytes rest)
{
    enum v2_state state;

    if (!reach_answered(&reach, rest, session, key, &state))
        return;
    MUST(is_answer(rest));
    enum reach_advice advice = reach_advise(&reach, state, pushed, now_us);
    MUST(state != V2_STATE_UNKNOWN || advice == REACH_SIGN_ON);
    MUST(state != V2_STATE_IDLE || advice == REACH_DETACH);
    MUST(!reach_answered(&reach, rest, session, key, &state)); /* it counts once */
}

static void step_answer(struct bytes rest)
{
    char out[V2_POLL_MAX];
    unsigned state = rest.len > 0 ? (unsigned char)rest.data[0] % V2_STATE_COUNT : 0;
    unsigned which = rest.len > 1 ? (unsigned char)rest.data[1] % POLLS : 0;

    long len = v2_build_polled(session, (enum v2_state)state, polls[which], key, out, sizeof(out));
    if (len > 0)
        step_datagram((struct bytes){.data = out, .len = (size_t)len});
}

static void step_time(struct bytes rest)
{
    static const uint64_t steps_us[] = {1,       1000,    500000,   1000000,   2500000,
                                        3000000, 9000000, 60000000, 360000000, 86400000000};
    unsigned digit =
        rest.len > 0 && isdigit((unsigned char)rest.data[0]) ? (unsigned)(rest.data[0] - '0') : 0;

    now_us += steps_us[digit];
    time_ms += steps_us[digit] / 1000;
    MUST(!reach_silent(&reach, REACH_SILENCE, now_us) || reach_silent(&reach, REACH_DOUBT, now_us));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        char letter;
        void (*step)(struct bytes rest);
    } steps[] = {
        {'p', step_poll},   {'d', step_datagram}, {'c', step_pushed},
        {'a', step_answer}, {'t', step_time},
    };
    struct bytes rest = fuzz_bytes(data, size), line;

    pushed = false;
    reach_init(&reach);
    now_us = 1000000;
    time_ms = 1767225600000;
    memset(polls, 0, sizeof(polls));
    while (fuzz_line(&rest, &line))
        for (size_t i = 0; line.len > 0 && i < ARRAY_SIZE(steps); i++)
            if (steps[i].letter == line.data[0])
                steps[i].step((struct bytes){.data = line.data + 1, .len = line.len - 1});
    return 0;
}
