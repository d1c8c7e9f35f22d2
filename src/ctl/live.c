/* The commands on those who are connected.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ask.h"

int command_kick(struct ctl *ctl)
{
    json_t *request = NULL, *answer = NULL;
    int code = request_of(ctl, "userid", NULL, &request);

    if (code == EXIT_OK)
        code = request_add_given(ctl, &request, "reason", ctl->options.reason);
    if (code == EXIT_OK)
        code = ask(ctl, request, &answer);
    return code == EXIT_OK
               ? conclude(ctl, answer, "the connections of %s are closed; he may come back",
                          ctl->arguments[0])
               : code;
}
