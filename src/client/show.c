/* Showing what has arrived: see show.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/show.h"

/* Shows a message that was not shown before, or may not have been. */
static enum show_result show_one(struct cursors *cursors, const struct v2_frame *msg, bool again,
                                 show_fn show, void *userdata, int *ret_error)
{
    uint64_t conversation = msg->conversation.id;
    bool touched = false;

    *ret_error = cursors_begin(cursors, conversation, msg->seq);
    if (*ret_error < 0)
        return SHOW_UNKEPT;
    *ret_error = show(userdata, msg, again, &touched);
    if (*ret_error == 0 || !touched) /* else it stays in doubt */
        cursors_end(cursors, conversation, msg->seq, *ret_error == 0);
    return *ret_error == 0 ? SHOW_SHOWN : SHOW_FAILED;
}

enum show_result show_next(struct session *session, show_fn show, void *userdata, int *ret_error)
{
    struct cursors *cursors = session->receiving->cursors;
    struct incoming *incoming = session_next_incoming(session);
    enum show_result result = SHOW_SKIPPED;
    enum cursors_verdict verdict;

    if (!incoming)
        return SHOW_NOTHING;
    verdict = cursors_judge(cursors, incoming->msg.conversation.id, incoming->msg.seq);
    if (verdict != CURSORS_SHOWN)
        result =
            show_one(cursors, &incoming->msg, verdict == CURSORS_MAYBE, show, userdata, ret_error);
    if (result == SHOW_FAILED || result == SHOW_UNKEPT)
        session_put_back(session, incoming);
    else
        session_settle(session, incoming);
    return result;
}
