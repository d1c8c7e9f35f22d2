/* The verbs on what the host has in memory, which only a daemon has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

void refuse_without_daemon(struct request *request)
{
    request_refuse(request, ADMIN_CODE_NO_DAEMON, "\"%s\" needs a daemon, and none is running",
                   request->verb->name);
}

void verb_clients(struct request *request)
{
    const struct admin_hooks *hooks = &request->admin->hooks;
    const struct arguments *arguments = &request->arguments;
    const struct admin_clients asked = {
        .after = arguments->after.len > 0 ? arguments->after.data : "",
        .limit = arguments->limit,
        .by_waiting = arguments->by_waiting,
    };

    if (!hooks->clients)
        refuse_without_daemon(request);
    else
        request_finish(request, hooks->clients(hooks->userdata, &asked));
}
