/* The user as the server knows him: see account.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/account.h"

#include "client/session-file.h"
#include "util/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OFFSET_KEPT_MS 5000 /* the file is not written anew for a smaller change of it */
#define DISMISSAL_MS   2000 /* connections that are closed within it were closed by one deed */

struct account {
    const struct settings *settings;
    struct trust *trust;
    struct account_hooks hooks;
    char *device;
    int folder;
    pthread_mutex_t lock; /* guards what follows */
    struct saved_session saved;
    bool has_session;
    unsigned generation;
    int64_t offset_ms; /* of the server's time to CLOCK_BOOTTIME */
    uint64_t last_ms;  /* told last */
    struct list waiters;
    bool greeting; /* a link says hello */
    bool wanted;   /* the password */
    bool has_password;
    char password[V2_PASSWORD_MAX + 1];
    enum account_refusal refusal;
    char *told;            /* the refusal, as the user was told it */
    uint64_t dismissed_ms; /* when the user was told last that connections were closed; 0: never */
};

/* What the server's time is ahead of a clock of ours. */
static int64_t ahead(uint64_t server_ms, uint64_t our_ms)
{
    return (int64_t)(server_ms - our_ms);
}

/* Has the session of the file, if it is one that can be used, and not the one there was. */
static void adopt(struct account *account)
{
    struct saved_session saved;

    if (session_file_load(account->folder, &saved) < 0)
        return;
    account->offset_ms = ahead(clock_real_ms(), clock_boot_ms()) + saved.offset_ms;
    if (saved.secure == account->settings->tls.use &&
        strcmp(saved.name, account->saved.name) != 0) {
        account->saved = saved;
        account->has_session = true;
        account->generation++;
    }
    explicit_bzero(&saved, sizeof(saved));
}

int account_open(const struct settings *settings, struct trust *trust, const char *device,
                 int folder, struct account **ret)
{
    struct account *account = calloc(1, sizeof(*account));

    if (!account)
        return -ENOMEM;
    account->device = strdup(device);
    if (!account->device) {
        free(account);
        return -ENOMEM;
    }
    account->settings = settings;
    account->trust = trust;
    account->folder = folder;
    list_init(&account->waiters);
    pthread_mutex_init(&account->lock, NULL);
    account->offset_ms = ahead(clock_real_ms(), clock_boot_ms());
    adopt(account);
    *ret = account;
    return 0;
}

void account_close(struct account *account)
{
    if (!account)
        return;
    pthread_mutex_destroy(&account->lock);
    explicit_bzero(account->password, sizeof(account->password));
    explicit_bzero(&account->saved, sizeof(account->saved));
    free(account->told);
    free(account->device);
    free(account);
}

void account_set_hooks(struct account *account, const struct account_hooks *hooks)
{
    account->hooks = *hooks;
}

const struct settings *account_settings(const struct account *account)
{
    return account->settings;
}

struct trust *account_trust(const struct account *account)
{
    return account->trust;
}

const char *account_device(const struct account *account)
{
    return account->device;
}

void account_tell(struct account *account, const char *text)
{
    char *copy = strdup(text), *rest = copy;

    if (!copy || !account->hooks.notice) {
        free(copy);
        return;
    }
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        account->hooks.notice(account->hooks.userdata, line);
    free(copy);
}

/* What is said of no request, but of the connection. */
static bool is_dismissal(const struct v2_frame *frame)
{
    return frame->verb == V2_VERB_ERR && bytes_is(frame->key, "-") &&
           proto_error_from_code(frame->code) == PROTO_ERROR_NOT_ALLOWED;
}

void account_heed_dismissal(struct account *account, const struct v2_frame *frame)
{
    char text[V2_REASON_MAX + 64];
    uint64_t now_ms = clock_boot_ms();
    bool told;

    if (!is_dismissal(frame))
        return;
    pthread_mutex_lock(&account->lock);
    told = account->dismissed_ms > 0 && now_ms - account->dismissed_ms < DISMISSAL_MS;
    account->dismissed_ms = now_ms;
    pthread_mutex_unlock(&account->lock);
    if (told)
        return;
    snprintf(text, sizeof(text), "the server closed the connection: %.*s", BYTES_ARG(frame->text));
    account_tell(account, text);
}

/* Lets everybody who waits look again. */
static void wake_all(struct account *account)
{
    LIST_FOREACH (link, &account->waiters)
        (void)!write(LIST_ENTRY(link, struct account_waiter, link)->fd, &(uint64_t){1},
                     sizeof(uint64_t));
}

/* -- the session ------------------------------------------------------------------------------ */

static void copy_session(const struct account *account, struct account_session *ret)
{
    memcpy(ret->name, account->saved.name, sizeof(ret->name));
    memcpy(ret->key, account->saved.key, sizeof(ret->key));
    ret->secure = account->saved.secure;
    ret->poll_seconds = account->saved.poll_seconds;
    ret->generation = account->generation;
}

bool account_session(struct account *account, struct account_session *ret)
{
    bool has;

    pthread_mutex_lock(&account->lock);
    has = account->has_session;
    if (has && ret)
        copy_session(account, ret);
    pthread_mutex_unlock(&account->lock);
    return has;
}

void account_drop(struct account *account, unsigned generation)
{
    pthread_mutex_lock(&account->lock);
    if (account->has_session && account->generation == generation) {
        account->has_session = false;
        session_file_remove(account->folder, account->saved.name);
        adopt(account);
    }
    pthread_mutex_unlock(&account->lock);
}

/* With the lock held. */
static uint64_t server_ms(const struct account *account)
{
    return clock_boot_ms() + (uint64_t)account->offset_ms;
}

uint64_t account_now_ms(struct account *account)
{
    uint64_t now;

    pthread_mutex_lock(&account->lock);
    now = server_ms(account);
    if (now <= account->last_ms)
        now = account->last_ms + 1;
    account->last_ms = now;
    pthread_mutex_unlock(&account->lock);
    return now;
}

/* With the lock held. */
static void set_time(struct account *account, uint64_t now_ms)
{
    account->offset_ms = ahead(now_ms, clock_boot_ms());
    /* What was told is far in the future: the server took none of it. Else time goes on from there,
     * lest it is told twice. */
    if (account->last_ms > now_ms + V2_TIME_SLACK_MS)
        account->last_ms = 0;
}

void account_set_time(struct account *account, uint64_t now_ms)
{
    pthread_mutex_lock(&account->lock);
    set_time(account, now_ms);
    pthread_mutex_unlock(&account->lock);
}

/* With the lock held: true if the file has to be written. */
static bool take_welcome(struct account *account, const struct v2_frame *welcome, bool secure)
{
    struct saved_session saved = {
        .secure = secure,
        .poll_seconds = welcome->poll_seconds,
        .offset_ms = ahead(welcome->time_ms, clock_real_ms()),
    };
    int64_t moved = saved.offset_ms - account->saved.offset_ms;
    bool same;

    snprintf(saved.name, sizeof(saved.name), "%.*s", BYTES_ARG(welcome->session));
    memcpy(saved.key, welcome->session_key, sizeof(saved.key));
    same = account->has_session && strcmp(saved.name, account->saved.name) == 0 &&
           memcmp(saved.key, account->saved.key, sizeof(saved.key)) == 0;
    if (!same)
        account->generation++;
    else if (moved > -OFFSET_KEPT_MS && moved < OFFSET_KEPT_MS) /* compare with what is stored */
        saved.offset_ms = account->saved.offset_ms;
    same = same && saved.offset_ms == account->saved.offset_ms &&
           saved.poll_seconds == account->saved.poll_seconds;
    account->saved = saved;
    account->has_session = true;
    account->refusal = ACCOUNT_WELCOME;
    free(account->told);
    account->told = NULL;
    explicit_bzero(&saved, sizeof(saved));
    set_time(account, welcome->time_ms);
    return !same;
}

void account_welcome(struct account *account, const struct v2_frame *welcome, bool secure)
{
    char text[256], reason[128];
    int r = 0;

    pthread_mutex_lock(&account->lock);
    if (take_welcome(account, welcome, secure))
        r = session_file_save(account->folder, &account->saved);
    wake_all(account);
    pthread_mutex_unlock(&account->lock);
    if (r < 0) {
        snprintf(text, sizeof(text),
                 "the session cannot be kept (%s); the password will be needed again",
                 strerror_r(-r, reason, sizeof(reason)));
        account_tell(account, text);
    }
}

/* -- the password ----------------------------------------------------------------------------- */

bool account_password_wanted(struct account *account)
{
    bool wanted;

    pthread_mutex_lock(&account->lock);
    wanted = account->wanted;
    pthread_mutex_unlock(&account->lock);
    return wanted;
}

void account_give_password(struct account *account, const char *password)
{
    pthread_mutex_lock(&account->lock);
    snprintf(account->password, sizeof(account->password), "%s", password);
    account->has_password = true;
    account->wanted = false;
    wake_all(account);
    pthread_mutex_unlock(&account->lock);
}

/* -- refusals --------------------------------------------------------------------------------- */

void account_refuse(struct account *account, enum account_refusal why, const char *text)
{
    bool news;

    pthread_mutex_lock(&account->lock);
    news = !account->told || strcmp(account->told, text) != 0;
    if (news) {
        free(account->told);
        account->told = strdup(text);
    }
    if (news) /* before anybody can see the refusal, and end the program for it */
        account_tell(account, text);
    account->refusal = why;
    account->wanted = false;
    wake_all(account);
    pthread_mutex_unlock(&account->lock);
}

enum account_refusal account_refusal(struct account *account)
{
    enum account_refusal refusal;

    pthread_mutex_lock(&account->lock);
    refusal = account->refusal;
    pthread_mutex_unlock(&account->lock);
    return refusal;
}

void account_try_again(struct account *account)
{
    pthread_mutex_lock(&account->lock);
    account->refusal = ACCOUNT_WELCOME;
    free(account->told);
    account->told = NULL;
    wake_all(account);
    pthread_mutex_unlock(&account->lock);
}

/* -- for links -------------------------------------------------------------------------------- */

/* With the lock held. */
static enum account_way choose_way(const struct account *account)
{
    if (account->refusal != ACCOUNT_WELCOME)
        return ACCOUNT_REFUSED;
    if (account->has_session)
        return ACCOUNT_RESUME;
    if (account->greeting)
        return ACCOUNT_WAIT_WELCOME;
    return account->has_password ? ACCOUNT_HELLO : ACCOUNT_WAIT_PASSWORD;
}

enum account_way account_way(struct account *account, struct account_waiter *waiter, bool go,
                             struct account_session *ret_session,
                             char ret_password[V2_PASSWORD_MAX + 1])
{
    enum account_way way;
    bool ask = false;

    pthread_mutex_lock(&account->lock);
    list_remove(&waiter->link);
    way = choose_way(account);
    if (way == ACCOUNT_WAIT_WELCOME || way == ACCOUNT_WAIT_PASSWORD)
        list_append(&account->waiters, &waiter->link);
    if (way == ACCOUNT_WAIT_PASSWORD && !account->wanted)
        account->wanted = ask = true;
    if (way == ACCOUNT_RESUME && go)
        copy_session(account, ret_session);
    if (way == ACCOUNT_HELLO && go) {
        account->greeting = true;
        memcpy(ret_password, account->password, sizeof(account->password));
    }
    pthread_mutex_unlock(&account->lock);
    if (ask && account->hooks.wanted)
        account->hooks.wanted(account->hooks.userdata);
    return way;
}

void account_leave(struct account *account, struct account_waiter *waiter)
{
    pthread_mutex_lock(&account->lock);
    list_remove(&waiter->link);
    pthread_mutex_unlock(&account->lock);
}

void account_released(struct account *account)
{
    pthread_mutex_lock(&account->lock);
    account->greeting = false;
    wake_all(account);
    pthread_mutex_unlock(&account->lock);
}
