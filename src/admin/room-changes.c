/* The verbs that change rooms and who is in them. Each is a plan of one or more orders to storage,
 * carried out one after the other; an order and its notice are one transaction.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 4 /* of "room set" */

struct step {
    struct dal_room_order order; /* but its room and its notice */
    enum message_kind kind;      /* of its notice; MESSAGE_TEXT: there is none */
    struct bytes text;           /* of its notice */
};

struct plan {
    struct step steps[STEPS_MAX];
    unsigned count, done;
    bool changed;     /* by any of them */
    struct user user; /* who joins */
};

static struct plan *plan_of(const struct request *request)
{
    return request->state;
}

/* NULL without memory, and the request has ended. */
static struct plan *plan_new(struct request *request)
{
    request->state = calloc(1, sizeof(struct plan));
    request->state_free = free;
    if (!request->state)
        request_check(request, -ENOMEM);
    return request->state;
}

static void add_step(struct plan *plan, const struct step *step)
{
    plan->steps[plan->count++] = *step;
}

/* -- how it ends ------------------------------------------------------------------------------ */

#define REMARK_MAX 64

/* What of a plan had been done before the rest was refused. */
static const char *remark_of(const struct plan *plan, char remark[REMARK_MAX])
{
    remark[0] = '\0';
    if (plan->done > 0)
        snprintf(remark, REMARK_MAX, "; %u of %u changes were made before that", plan->done,
                 plan->count);
    return remark;
}

static void refuse_change(struct request *request, enum dal_outcome outcome,
                          enum dal_room_refusal refusal)
{
    const struct plan *plan = plan_of(request);
    struct bytes userid = plan->steps[plan->done].order.userid;
    char remark[REMARK_MAX];

    if (refusal == ROOM_NO_USER)
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s%s", BYTES_ARG(userid),
                       remark_of(plan, remark));
    else if (refusal == ROOM_NO_MEMBER)
        request_refuse(request, ADMIN_CODE_MISSING, "%.*s is not a member of %s%s",
                       BYTES_ARG(userid), request->arguments.room, remark_of(plan, remark));
    else
        refuse_room(request, outcome);
}

static void finish(struct request *request, const struct dal_room_result *result)
{
    const struct plan *plan = plan_of(request);
    json_t *answer = room_to_json(&result->room);

    if (!plan->changed && plan->steps[0].order.verb == ROOM_JOIN) {
        json_decref(answer);
        request_refuse(request, ADMIN_CODE_TAKEN, "%.*s is a member of %s already",
                       BYTES_ARG(request->arguments.userid), request->arguments.room);
        return;
    }
    json_object_set_new(answer, "ok", json_true());
    json_object_set_new(answer, "changed", json_boolean(plan->changed));
    request_finish(request, answer);
}

/* -- step by step ----------------------------------------------------------------------------- */

static void carry_out(struct request *request);

static void carried_out(void *userdata, enum dal_outcome outcome,
                        const struct dal_room_result *result)
{
    struct request *request = userdata;
    struct plan *plan = plan_of(request);
    const struct dal_room_order *order = &plan->steps[plan->done].order;

    if (outcome != DAL_OK) {
        refuse_change(request, outcome, result->refusal);
        return;
    }
    request_stored(request, result->notice); /* ends the membership of who is removed */
    if (result->changed && order->verb == ROOM_JOIN) {
        note_newcomer(request);
        request_account_changed(request, order->userid);
    }
    plan->changed |= result->changed;
    if (++plan->done < plan->count)
        carry_out(request);
    else
        finish(request, result);
}

static void carry_out(struct request *request)
{
    const struct plan *plan = plan_of(request);
    const struct step *step = &plan->steps[plan->done];
    struct dal_room_order order = step->order;
    int error = 0;

    order.room = room_of(request);
    if (step->kind != MESSAGE_TEXT) {
        order.notice =
            admin_notice_new(step->kind, step->text, plan->user.id != 0 ? &plan->user : NULL);
        error = order.notice ? 0 : -ENOMEM;
    }
    if (error == 0)
        error = dal_room_do(&order, carried_out, request);
    message_unref(order.notice);
    request_check(request, error);
}

static void carry_out_one(struct request *request, const struct step *step)
{
    struct plan *plan = plan_new(request);

    if (!plan)
        return;
    add_step(plan, step);
    carry_out(request);
}

/* -- the verbs -------------------------------------------------------------------------------- */

/* Who joins is told of by his own name, which is asked for first. */
static void joiner_found(void *userdata, enum dal_outcome outcome,
                         const struct dal_account *account)
{
    struct request *request = userdata;
    struct plan *plan = plan_of(request);

    if (outcome == DAL_OK) {
        plan->user = account->user;
        carry_out(request);
    } else if (outcome == DAL_MISSING) {
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s",
                       BYTES_ARG(request->arguments.userid));
    } else {
        request_finish(request, refusal_of_outcome(outcome));
    }
}

void verb_room_join(struct request *request)
{
    struct bytes userid = request->arguments.userid;
    struct plan *plan = plan_new(request);

    if (!plan)
        return;
    add_step(plan, &(struct step){.order = {.verb = ROOM_JOIN, .userid = userid},
                                  .kind = MESSAGE_JOINED});
    request_check(request, dal_account_find(userid, joiner_found, request));
}

void verb_room_part(struct request *request)
{
    struct bytes userid = request->arguments.userid;

    carry_out_one(request, &(struct step){.order = {.verb = ROOM_REMOVE, .userid = userid},
                                          .kind = MESSAGE_REMOVED,
                                          .text = userid});
}

void verb_room_invite(struct request *request)
{
    carry_out_one(
        request, &(struct step){.order = {.verb = ROOM_INVITE, .userid = request->arguments.userid},
                                .kind = MESSAGE_INVITED});
}

/* Those come first that may be refused. */
static void plan_settings(struct plan *plan, const struct arguments *arguments)
{
    const char *access = arguments->access == ROOM_OPEN ? "open" : "closed";
    const struct {
        unsigned bit;
        struct step step;
    } settings[STEPS_MAX] = {
        {ARGUMENT_BIT(OPERATOR),
         {.order = {.verb = ROOM_ROLE, .userid = arguments->operator_userid, .is_operator = true}}},
        {ARGUMENT_BIT(PLAIN), {.order = {.verb = ROOM_ROLE, .userid = arguments->plain_userid}}},
        {ARGUMENT_BIT(TOPIC),
         {.order = {.verb = ROOM_TOPIC, .topic = arguments->topic},
          .kind = MESSAGE_TOPIC,
          .text = arguments->topic}},
        {ARGUMENT_BIT(ACCESS),
         {.order = {.verb = ROOM_ACCESS, .access = arguments->access},
          .kind = MESSAGE_ACCESS,
          .text = bytes_of(access)}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (arguments->given & settings[i].bit)
            add_step(plan, &settings[i].step);
}

void verb_room_set(struct request *request)
{
    struct plan *plan = plan_new(request);

    if (!plan)
        return;
    plan_settings(plan, &request->arguments);
    if (plan->count > 0)
        carry_out(request);
    else
        request_refuse(request, ADMIN_CODE_INVALID,
                       "\"room set\" needs something to set: topic, access, operator or plain");
}
