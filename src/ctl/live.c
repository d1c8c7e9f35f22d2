/* The commands on those who are connected, and on everyone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"

/* Connections are the daemon's; a membership is in storage. */
int command_kick(struct ctl *ctl)
{
    const char *room = ctl->arguments[1];
    json_t *request = NULL, *answer = NULL;

    if (!room)
        ctl->reach = REACH_DAEMON;
    int code = request_of(ctl, "userid", room ? "room" : NULL, &request);
    if (code == EXIT_OK)
        code = request_add_given(ctl, &request, "reason", ctl->options.reason);
    if (code == EXIT_OK)
        code = ask(ctl, request, &answer);
    if (code != EXIT_OK)
        return code;
    if (room)
        return conclude(ctl, answer, "%s is no longer a member of %s", ctl->arguments[0],
                        text_of(answer, "room"));
    return conclude(ctl, answer, "the connections of %s are closed; he may come back",
                    ctl->arguments[0]);
}

int command_announce(struct ctl *ctl)
{
    json_t *answer = NULL;
    int code = ask_about(ctl, "text", NULL, &answer);

    return code == EXIT_OK ? conclude(ctl, answer, "everyone is told") : code;
}
