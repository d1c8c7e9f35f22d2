/* See logic-outlet.h: everything that comes out is taken apart by the parser of the other side.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "logic-outlet.h"

#include "proto/frame.h"
#include "proto/v1.h"

void *outlet_new_reply(struct logic *logic, struct line *line)
{
    struct reply_due *reply = &logic->replies[logic->reply_count++];

    *reply = (struct reply_due){.line = line};
    return reply;
}

const struct known_session *outlet_find_session(const struct logic *logic, struct bytes name)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        const struct known_session *session = &logic->sessions[i];
        if (bytes_equal(name, (struct bytes){.data = session->name, .len = session->name_len}))
            return session;
    }
    return NULL;
}

void outlet_end(const struct logic *logic)
{
    for (size_t i = 0; i < logic->reply_count; i++)
        MUST(logic->replies[i].ended);
}

static void learn_session(struct logic *logic, const struct v2_frame *welcome)
{
    if (outlet_find_session(logic, welcome->session))
        return;
    struct known_session *session = &logic->sessions[logic->session_count++ % SESSIONS];
    memcpy(session->name, welcome->session.data, welcome->session.len);
    session->name_len = welcome->session.len;
    memcpy(session->key, welcome->session_key, sizeof(session->key));
}

/* What was not acknowledged comes again once it is attached again. */
static void forget_messages(struct line *line)
{
    memset(line->seen, 0, sizeof(line->seen));
}

/* The first of the frames, without its end. */
static struct bytes take_frame(struct bytes *frames)
{
    const char *end = memchr(frames->data, FRAME_END, frames->len);
    struct bytes frame = {.data = frames->data};

    MUST(end);
    frame.len = (size_t)(end - frames->data);
    frames->data += frame.len + 1;
    frames->len -= frame.len + 1;
    return frame;
}

static void see_answer(struct logic *logic, struct reply_due *reply, struct bytes answer)
{
    struct bytes code, reason;
    struct v2_frame frame;

    if (v2_parse(answer, &frame, NULL) < 0)
        MUST(v1_parse_answer(answer, &code, &reason) >= 0);
    else if (frame.verb == V2_VERB_WELCOME)
        learn_session(logic, &frame);
    else if (frame.verb == V2_VERB_DETACHED)
        forget_messages(reply->line);
}

/* An answer may be a page of frames. */
static void outlet_reply(void *userdata, void *token, struct bytes answer, bool close)
{
    struct reply_due *reply = token;

    MUST(!reply->ended);
    reply->ended = true;
    reply->line->closing |= close;
    while (answer.len > 0)
        see_answer(userdata, reply, take_frame(&answer));
}

/* Messages of one conversation come in order over one connection, and only where they may. */
static void see_message(struct line *line, const struct v2_frame *msg)
{
    MUST(line->role == BLL_LINK_STREAM);
    MUST(!line->dialled || line->proved);
    line->last_conversation = msg->conversation.id;
    line->last_seq = msg->seq;
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        if (line->seen[i].conversation == 0)
            line->seen[i].conversation = msg->conversation.id;
        if (line->seen[i].conversation != msg->conversation.id)
            continue;
        MUST(msg->seq > line->seen[i].seq);
        line->seen[i].seq = msg->seq;
        return;
    }
}

static void see_frame(struct logic *logic, struct line *line, struct bytes bytes)
{
    struct v2_frame frame;

    MUST(v2_parse(bytes, &frame, NULL) == 0);
    switch (frame.verb) {
    case V2_VERB_MSG:
    case V2_VERB_WHISPER:
    case V2_VERB_NOTE:
        see_message(line, &frame);
        break;
    case V2_VERB_PUSH:
        MUST(line->dialled);
        memcpy(line->nonce, frame.nonce, sizeof(line->nonce));
        line->session = outlet_find_session(logic, frame.session);
        break;
    case V2_VERB_DETACHED:
        forget_messages(line);
        break;
    case V2_VERB_ACKED:
    case V2_VERB_ERR:
        break;
    default:
        MUST(!"a frame that nobody asked for");
    }
}

static void outlet_write(void *userdata, void *connection, struct bytes frames)
{
    struct line *line = connection;

    MUST(line->link);
    while (frames.len > 0)
        see_frame(userdata, line, take_frame(&frames));
}

static size_t outlet_waiting(void *userdata, void *connection)
{
    const struct line *line = connection;

    MUST(line->link);
    return line->waiting;
}

static void outlet_set_role(void *userdata, void *connection, enum bll_link_role role)
{
    struct line *line = connection;

    MUST(line->link);
    line->role = role;
}

static void outlet_close(void *userdata, void *connection)
{
    struct line *line = connection;

    MUST(line->link);
    line->closing = true;
}

static int outlet_dial(void *userdata, const struct addr *to, bool secure, void *token)
{
    struct logic *logic = userdata;
    struct network excluded;

    MUST(network_parse(EXCLUDED, &excluded) == 0);
    MUST(to->port >= 1024 && !network_contains(&excluded, to));
    if (logic->dial_result < 0 || logic->dial_count == DIALS)
        return logic->dial_result < 0 ? logic->dial_result : -EAGAIN;
    logic->dials[logic->dial_count++] = (struct dialled){*to, secure, token};
    return 0;
}

static int outlet_push(void *userdata, const struct addr *to, struct bytes payload, void *token)
{
    struct logic *logic = userdata;
    struct v1_push push;

    MUST(to->port >= 1024 && v1_parse_push(payload, &push) == 0);
    if (logic->push_count == PUSHES)
        return -EAGAIN;
    logic->pushes[logic->push_count++] = token;
    return 0;
}

static uint64_t outlet_real_ms(void *userdata)
{
    return ((struct logic *)userdata)->real_ms;
}

static uint64_t outlet_now(void *userdata)
{
    return ((struct logic *)userdata)->now_us;
}

static void outlet_wake(void *userdata)
{
    ((struct logic *)userdata)->woken = true;
}

struct bll_outlet outlet_for(struct logic *logic)
{
    return (struct bll_outlet){
        .reply = outlet_reply,
        .push = outlet_push,
        .write = outlet_write,
        .tell = outlet_write,
        .waiting = outlet_waiting,
        .set_role = outlet_set_role,
        .close = outlet_close,
        .dial = outlet_dial,
        .real_ms = outlet_real_ms,
        .now = outlet_now,
        .wake = outlet_wake,
        .userdata = logic,
    };
}
