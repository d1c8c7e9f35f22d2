/* The verbs on one user, and the list of users.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/request.h"

/* -- add, passwd: first the slow hash, then storage -------------------------------------------- */

json_t *refusal_of_conflict(const struct arguments *arguments, const char *conflict)
{
    bool of_name = conflict && strcmp(conflict, "userid") != 0;
    struct bytes taken = of_name ? arguments->name : arguments->userid;

    return admin_refusal(ADMIN_CODE_TAKEN, "the %s %.*s is taken", of_name ? conflict : "userid",
                         BYTES_ARG(taken));
}

static void user_added(void *userdata, enum dal_outcome outcome, const struct user *user,
                       const char *conflict)
{
    struct request *request = userdata;

    if (outcome == DAL_OK) {
        request_account_changed(request, request->arguments.userid);
        request_finish(request, json_pack("{s:b,s:o}", "ok", 1, "user", user_to_json(user)));
    } else {
        request_finish(request, outcome == DAL_REFUSED
                                    ? refusal_of_conflict(&request->arguments, conflict)
                                    : refusal_of_outcome(outcome));
    }
}

/* Without memory there is no hash; nothing else can go wrong in the pool. */
static void hash_failed(struct request *request)
{
    request_refuse(request, ADMIN_CODE_INTERNAL, "the password could not be hashed: no memory");
}

static void add_hashed(void *userdata, const char *hash)
{
    struct request *request = userdata;
    struct arguments *arguments = &request->arguments;

    if (!hash) {
        hash_failed(request);
        return;
    }
    request_check(request,
                  dal_user_add(arguments->userid, arguments->name, hash, user_added, request));
}

void verb_user_add(struct request *request)
{
    struct arguments *arguments = &request->arguments;

    if (!(arguments->given & ARGUMENT_BIT(NAME)))
        arguments->name = arguments->userid;
    request_check(request, password_pool_hash(request->admin->pool, arguments->password, add_hashed,
                                              request));
}

/* The end of whatever changes a user who has to be there. */
static void user_changed(void *userdata, enum dal_outcome outcome)
{
    struct request *request = userdata;
    struct bytes userid = request->arguments.userid;

    if (outcome == DAL_OK) {
        request_account_changed(request, userid);
        request_finish(request, json_pack("{s:b}", "ok", 1));
    } else if (outcome == DAL_MISSING) {
        request_refuse(request, ADMIN_CODE_MISSING, "there is no user %.*s", BYTES_ARG(userid));
    } else {
        request_finish(request, refusal_of_outcome(outcome));
    }
}

static void passwd_hashed(void *userdata, const char *hash)
{
    struct request *request = userdata;

    if (!hash) {
        hash_failed(request);
        return;
    }
    request_check(request,
                  dal_user_set_password(request->arguments.userid, hash, user_changed, request));
}

void verb_user_passwd(struct request *request)
{
    request_check(request, password_pool_hash(request->admin->pool, request->arguments.password,
                                              passwd_hashed, request));
}

/* -- disable, enable, bulk, revoke, delete ---------------------------------------------------- */

void verb_user_disable(struct request *request)
{
    request_check(request,
                  dal_user_set_disabled(request->arguments.userid, true, user_changed, request));
}

void verb_user_enable(struct request *request)
{
    request_check(request,
                  dal_user_set_disabled(request->arguments.userid, false, user_changed, request));
}

void verb_user_bulk(struct request *request)
{
    request_check(request, dal_user_set_bulk(request->arguments.userid, request->arguments.bulk,
                                             user_changed, request));
}

void verb_user_revoke(struct request *request)
{
    request_check(request, dal_user_revoke(request->arguments.userid, user_changed, request));
}

void verb_user_delete(struct request *request)
{
    request_check(request, dal_user_delete(request->arguments.userid, user_changed, request));
}

/* -- list ------------------------------------------------------------------------------------- */

json_t *users_to_json(const char *member, const struct user *users, size_t count, unsigned limit)
{
    json_t *array = json_array();
    size_t shown = count < limit ? count : limit;

    for (size_t i = 0; i < shown; i++)
        json_array_append_new(array, user_to_json(&users[i]));
    json_t *answer = json_pack("{s:b,s:o}", "ok", 1, member, array);
    if (count > limit)
        json_object_set_new(answer, "next", json_string(users[limit - 1].userid));
    return answer;
}

static void users_listed(void *userdata, enum dal_outcome outcome, const struct user *users,
                         size_t count)
{
    struct request *request = userdata;

    request_finish(request, outcome == DAL_OK
                                ? users_to_json("users", users, count, request->arguments.limit)
                                : refusal_of_outcome(outcome));
}

/* One more than asked for tells whether there are more. */
void verb_user_list(struct request *request)
{
    struct arguments *arguments = &request->arguments;

    request_check(request,
                  dal_user_list(arguments->after, arguments->limit + 1, users_listed, request));
}
