/* What arrives: see arriving.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/arriving.h"

#include "client/asking.h"
#include "client/mention.h"
#include "client/show.h"

#include <errno.h>
#include <stdlib.h>

void arriving_name_self(struct input *input, struct bytes name)
{
    char *copy = strndup(name.data, name.len);

    if (!copy)
        return;
    free(input->name);
    input->name = copy;
}

static bool is_self(const struct input *input, struct bytes userid)
{
    return bytes_is(userid, input->invocation->settings.user);
}

bool arriving_ignores(const struct input *input, struct bytes userid)
{
    return !is_self(input, userid) && notebook_get(&input->ignored, userid) > 0;
}

/* -- whom it concerns ------------------------------------------------------------------------- */

/* An enum v2_note, 0 for what is no note, or -EBADMSG for one of servers to come. */
static int note_of(const struct v2_frame *frame)
{
    return frame->verb == V2_VERB_NOTE ? v2_note_of(frame->kind) : 0;
}

/* True if it is for the user himself, or names him. */
static bool is_call(const struct input *input, const struct window *window,
                    const struct v2_frame *frame)
{
    int note = note_of(frame);

    if (is_self(input, frame->userid))
        return false;
    if (note != 0)
        return note == V2_NOTE_INVITED || note == V2_NOTE_ANNOUNCEMENT;
    return frame->verb == V2_VERB_WHISPER || window->kind == WINDOW_DIALOGUE ||
           mention_is_in(frame->text, input->invocation->settings.user) ||
           (input->name && mention_is_in(frame->text, input->name));
}

static enum screen_activity activity_of(const struct v2_frame *frame, unsigned how)
{
    if (how & VIEW_CALL)
        return SCREEN_MENTION;
    return frame->verb == V2_VERB_NOTE || (how & VIEW_OWN) ? SCREEN_NOTICES : SCREEN_MESSAGES;
}

/* Where it belongs. An invitation is not of the room yet: it is told where the user looks. */
static struct window *place(struct input *input, const struct v2_frame *frame)
{
    struct window *window = NULL;

    if (note_of(frame) == V2_NOTE_INVITED)
        return windows_current(&input->windows);
    window = windows_of(&input->windows, frame, input->invocation->settings.user);
    if (!window)
        window = windows_everyone(&input->windows);
    input_know(input, window);
    return window;
}

/* -- what it changes -------------------------------------------------------------------------- */

static void add_member(struct window *window, struct bytes userid, struct bytes name)
{
    struct screen_member member = {.userid = userid, .name = name, .present = true};
    struct screen_member known;

    if (screen_member_find(window->shown, userid, &known))
        member.is_operator = known.is_operator;
    else if (window->members_at == 0)
        return;                                       /* nobody is known: they will be asked for */
    (void)!screen_member_set(window->shown, &member); /* the next list makes good for it */
}

static void someone_left(struct input *input, struct window *window, struct bytes userid)
{
    screen_member_remove(window->shown, userid);
    if (is_self(input, userid))
        window->joined = false;
}

static void someone_joined(struct input *input, struct window *window, const struct v2_frame *note)
{
    add_member(window, note->userid, note->name);
    if (is_self(input, note->userid) && !window->joined)
        asking_look(input, window); /* another device of his did it */
}

void arriving_rename(struct window *window, struct bytes userid, struct bytes name)
{
    struct screen_member known;

    if (screen_member_find(window->shown, userid, &known))
        add_member(window, userid, name);
}

static void renamed(struct input *input, struct window *window, const struct v2_frame *note)
{
    arriving_rename(window, note->userid, note->name);
    if (is_self(input, note->userid))
        arriving_name_self(input, note->name);
}

static void learn(struct input *input, struct window *window, const struct v2_frame *frame)
{
    switch (note_of(frame)) {
    case V2_NOTE_JOINED:
        someone_joined(input, window, frame);
        break;
    case V2_NOTE_LEFT:
        someone_left(input, window, frame->userid);
        break;
    case V2_NOTE_REMOVED:
        someone_left(input, window, frame->text);
        break;
    case V2_NOTE_RENAMED:
        renamed(input, window, frame);
        break;
    case V2_NOTE_TOPIC:
        (void)!window_set_topic(window, frame->text); /* it is shown as a line anyway */
        break;
    case V2_NOTE_ACCESS:
        window->closed = bytes_is(frame->text, v2_access_name(V2_ACCESS_CLOSED));
        break;
    case 0:
        add_member(window, frame->userid, frame->name); /* who speaks is present */
        break;
    default:
        break;
    }
}

/* -- what is shown ---------------------------------------------------------------------------- */

/* Shows it in its window. As show_fn. */
static int show_in(struct input *input, struct window *window, const struct v2_frame *frame,
                   unsigned how, bool *ret_touched)
{
    bool seen = window == windows_current(&input->windows) &&
                screen_newest_ms(window->shown) <= window->read_ms;
    int r = input->view->class->show(input->view, window, frame, how, ret_touched);

    if (r < 0)
        return r;
    if (seen || (how & VIEW_OWN)) { /* no line of what is unread is drawn before it */
        window->read_ms = screen_newest_ms(window->shown);
        screen_set_read(window->shown, window->read_ms);
    }
    screen_raise(window->shown, activity_of(frame, how));
    return 0;
}

static void call_user(struct input *input, const struct v2_frame *frame)
{
    if (input->invocation->settings.bell)
        input->view->class->ring(input->view);
    notify_call(&input->notify, frame);
}

/* True if it is not to be shown at all. */
static bool is_passed_over(struct input *input, const struct v2_frame *frame)
{
    bool own = is_self(input, frame->userid);

    if (note_of(frame) < 0 || arriving_ignores(input, frame->userid))
        return true;
    /* Sent from here and shown then: it is here twice otherwise. What he wrote to others came from
     * another device of his. */
    return own && frame->verb == V2_VERB_MSG &&
           bytes_equal(frame->conversation.name, frame->userid) &&
           echo_recognise(&input->echo, frame->text);
}

/* A show_fn. */
static int show_incoming(void *userdata, const struct v2_frame *frame, bool again,
                         bool *ret_touched)
{
    struct input *input = userdata;
    unsigned how = again ? VIEW_AGAIN : 0;
    struct window *window;
    int r;

    if (is_passed_over(input, frame))
        return 0;
    window = place(input, frame);
    if (is_self(input, frame->userid))
        how |= VIEW_OWN;
    if (is_call(input, window, frame))
        how |= VIEW_CALL;
    r = show_in(input, window, frame, how, ret_touched);
    if (r < 0)
        return r;
    learn(input, window, frame);
    if (how & VIEW_CALL)
        call_user(input, frame);
    return 0;
}

void arriving_show_past(struct input *input, struct window *window, const struct v2_frame *frame)
{
    unsigned how = VIEW_PAST;
    bool touched;

    if (note_of(frame) < 0 || arriving_ignores(input, frame->userid))
        return;
    if (is_self(input, frame->userid))
        how |= VIEW_OWN;
    if (is_call(input, window, frame))
        how |= VIEW_CALL;
    (void)!input->view->class->show(input->view, window, frame, how, &touched);
}

/* -- the mailbox ------------------------------------------------------------------------------ */

static void show_messages(struct input *input)
{
    for (;;) {
        char reason[128];
        int error;
        enum show_result result = show_next(input->session, show_incoming, input, &error);
        input->unshowable = result == SHOW_FAILED || result == SHOW_UNKEPT;
        if (result == SHOW_NOTHING)
            return;
        if (result == SHOW_FAILED) {
            /* A signal is for the loop to see; memory may come back. */
            input->unshown = error != -ECANCELED && error != -ENOMEM;
            return;
        }
        if (result == SHOW_UNKEPT && !input->unkept)
            input_tell(input, NULL,
                       "what is shown cannot be written down (%s); messages wait at the server",
                       strerror_r(-error, reason, sizeof(reason)));
        input->unkept = result == SHOW_UNKEPT;
        if (input->unkept)
            return;
    }
}

void arriving_show(struct input *input)
{
    struct notice *waiting;

    while ((waiting = session_next_notice(input->session))) {
        input_tell(input, NULL, "%s", waiting->text);
        free(waiting);
    }
    /* On a full screen nothing is painted any more: what comes waits for the next run. */
    if (!input->unshown && !(input->full_screen && input->stop))
        show_messages(input);
}
