/* nick: a user's display name, which he may change, and who is told of it.
 *
 * What he has written before bears the name of then, and so does what is on its way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "bll/ask.h"

#include <stdlib.h>

static void answer_named(struct ask *ask, const char *name)
{
    const struct v2_frame named = {.verb = V2_VERB_NAMED, .name = bytes_of(name)};

    ask_answer(ask, &named);
}

/* Without memory for it, the account is loaded with it. */
static void take_name(struct bll *bll, struct account *account, const char *name)
{
    char *copy = strdup(name);

    bll->changes++;
    if (account->state == ACCOUNT_LOADING)
        account->stale = true;
    if (!copy) {
        account_outdate(bll, account);
        return;
    }
    free(account->name);
    account->name = copy;
}

static void renamed(void *userdata, enum dal_outcome outcome, const struct user *user,
                    const char *conflict, struct message *const *notices, size_t count)
{
    struct ask *ask = userdata;

    if (outcome == DAL_REFUSED) {
        ask_refuse(ask, PROTO_ERROR_TAKEN, NULL);
    } else if (outcome != DAL_OK) {
        ask_refuse_outcome(ask, outcome, NULL);
    } else {
        take_name(ask->bll, ask->account, user->name);
        for (size_t i = 0; i < count; i++)
            bll_stored(ask->bll, notices[i]);
        answer_named(ask, user->name);
    }
}

void nick_frame(struct bll_link *link, const struct v2_frame *frame, void *reply)
{
    const char *refusal = name_refusal(frame->name);
    struct account *account = link->account;
    struct message *notice;
    struct ask *ask = ask_new(link, frame, reply, sizeof(*ask));

    if (!ask)
        return;
    if (refusal) {
        ask_refuse(ask, PROTO_ERROR_MALFORMED, refusal);
        return;
    }
    if (notice_new(link, MESSAGE_RENAMED, frame->name, bytes_of(account->name), &notice) < 0) {
        ask_refuse(ask, PROTO_ERROR_INTERNAL, NULL);
        return;
    }
    ask_submitted(ask, dal_user_rename(account->id, frame->name, notice, renamed, ask));
    message_unref(notice);
}
