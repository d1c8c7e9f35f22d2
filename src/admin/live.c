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

/* -- kick ------------------------------------------------------------------------------------- */

#define KICK_REASON "the administrator has closed this connection"

/* He has no connection: here is whether there is such a user at all. */
static void absence_explained(void *userdata, enum dal_outcome outcome,
                              const struct dal_account *account)
{
    struct request *request = userdata;
    struct bytes userid = request->arguments.userid;

    (void)account;
    if (outcome == DAL_OK)
        request_refuse(request, ADMIN_CODE_MISSING, "%.*s has no connection", BYTES_ARG(userid));
    else if (outcome == DAL_MISSING)
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s", BYTES_ARG(userid));
    else
        request_finish(request, refusal_of_outcome(outcome));
}

/* Out of a room it is no matter of connections, and nothing is said but the notice. */
static void kick_out(struct request *request)
{
    if (request->arguments.reason)
        request_refuse(request, ADMIN_CODE_INVALID,
                       "a reason is told over a connection: it is allowed without a room alone");
    else
        verb_room_part(request);
}

static void kick(struct request *request)
{
    const struct admin_hooks *hooks = &request->admin->hooks;
    const struct arguments *arguments = &request->arguments;
    const char *reason = arguments->reason ? arguments->reason : KICK_REASON;

    if (!hooks->kick)
        refuse_without_daemon(request);
    else if (hooks->kick(hooks->userdata, arguments->userid, reason))
        request_finish(request, json_pack("{s:b}", "ok", 1));
    else
        request_check(request, dal_account_find(arguments->userid, absence_explained, request));
}

void verb_kick(struct request *request)
{
    if (request->arguments.given & ARGUMENT_BIT(ROOM))
        kick_out(request);
    else
        kick(request);
}
