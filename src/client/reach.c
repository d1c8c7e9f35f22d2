/* What polls and their answers tell: see reach.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/reach.h"

#include <string.h>

void reach_init(struct reach *reach)
{
    *reach = (struct reach){0};
}

void reach_polled(struct reach *reach, uint64_t time_ms, uint64_t now)
{
    memmove(&reach->times[1], &reach->times[0], sizeof(reach->times) - sizeof(reach->times[0]));
    reach->times[0] = time_ms;
    reach->last_poll = now;
    if (reach->silent < UINT32_MAX)
        reach->silent++;
}

uint64_t reach_due(const struct reach *reach, uint64_t interval_us)
{
    uint64_t pause = interval_us;

    if (reach->last_poll == 0)
        return 0;
    if (reach->silent > 0 && reach->silent < REACH_SILENCE && pause > REACH_AGAIN_US)
        pause = REACH_AGAIN_US;
    return reach->last_poll + pause;
}

bool reach_answered(struct reach *reach, struct bytes datagram, struct bytes session,
                    const uint8_t key[V2_KEY_LEN], enum v2_state *ret)
{
    struct v2_polled polled;

    if (v2_parse_polled(datagram, &polled) < 0 || !bytes_equal(polled.session, session))
        return false;
    for (unsigned i = 0; i < REACH_POLLS && reach->times[i] > 0; i++) {
        if (!v2_polled_verify(&polled, reach->times[i], key))
            continue;
        /* What was said to it and to those before it is old from now on. */
        memset(&reach->times[i], 0, sizeof(reach->times[0]) * (REACH_POLLS - i));
        reach->silent = i;
        *ret = polled.state;
        return true;
    }
    return false;
}

enum reach_advice reach_advise(struct reach *reach, enum v2_state state, bool pushed, uint64_t now)
{
    if (state != V2_STATE_PUSHING || pushed)
        reach->pushing_since = 0;
    switch (state) {
    case V2_STATE_IDLE:
        return REACH_DETACH;
    case V2_STATE_UNREACHABLE:
        return REACH_ATTACH;
    case V2_STATE_UNKNOWN:
        return REACH_SIGN_ON;
    default:
        break;
    }
    if (pushed)
        return REACH_STAY;
    if (reach->pushing_since == 0)
        reach->pushing_since = now;
    return now - reach->pushing_since >= REACH_PUSH_US ? REACH_ATTACH : REACH_STAY;
}

bool reach_silent(const struct reach *reach, unsigned polls, uint64_t now)
{
    return reach->silent >= polls && now >= reach->last_poll + REACH_AGAIN_US;
}
