/* The user as the server knows him, for all connections of this process: the session, what signs
 * on again when it has ended, and the server's time.
 *
 * The session is kept in a file (0600), so that the password is needed once. Only the thread that
 * runs main() asks for the password: who needs it leaves word and waits. One connection at a time
 * says hello; the others wait for its welcome and use the same session. What lets nobody in (a
 * wrong password, another certificate) is told to the user once and holds for all connections
 * until account_try_again().
 *
 * Any thread may call any of it, but for what says otherwise.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "client/settings.h"
#include "client/trust.h"
#include "proto/error.h"
#include "proto/v2.h"
#include "util/attributes.h"
#include "util/list.h"

#include <stdbool.h>
#include <stdint.h>

struct account;

struct account_session {
    char name[V2_SESSION_MAX + 1];
    uint8_t key[V2_KEY_LEN];
    bool secure;           /* it was made over TLS */
    uint64_t poll_seconds; /* between two polls, as the server wants it */
    unsigned generation;   /* another number for another session */
};

/* Called by any thread; must neither wait nor call the account. */
struct account_hooks {
    void (*notice)(void *userdata, const char *line); /* for the user */
    void (*wanted)(void *userdata);                   /* see account_password_wanted() */
    void *userdata;
};

/* `device` (copied) is a name, or V2_NO_DEVICE for sending alone; `folder` is where the file
 * "session" is or will be; a session that was made with TLS is not used without, nor the other way
 * round. Settings, trust and folder are borrowed. 0 or -errno. */
MUST_USE int account_open(const struct settings *settings, struct trust *trust, const char *device,
                          int folder, struct account **ret);
void account_close(struct account *account); /* takes NULL */

/* Before there are threads. Without hooks, nobody is told. */
void account_set_hooks(struct account *account, const struct account_hooks *hooks);

const struct settings *account_settings(const struct account *account);
struct trust *account_trust(const struct account *account);
const char *account_device(const struct account *account);

/* Tells the user each line of `text`. */
void account_tell(struct account *account, const char *text);

/* The server may be about to close the connection on which `frame` came, for a reason that the user
 * is told: once, however many connections are closed for it. Anything else is passed over. */
void account_heed_dismissal(struct account *account, const struct v2_frame *frame);

/* -- the session ------------------------------------------------------------------------------ */

/* False: there is none now. `ret` may be NULL. */
bool account_session(struct account *account, struct account_session *ret);

/* The server does not know the session of that generation (any more): the next link signs on by
 * the one that another process has stored meanwhile, or by password. Without effect when there is
 * another one by now. */
void account_drop(struct account *account, unsigned generation);

/* A welcome came: to a hello or a passwd, and then the session is a new one, which is stored, or to
 * a resume. `secure`: over TLS. */
void account_welcome(struct account *account, const struct v2_frame *welcome, bool secure);

/* The server's time in ms since the epoch: by what it said last, and later with every call. */
uint64_t account_now_ms(struct account *account);
/* It has just said what its time is. */
void account_set_time(struct account *account, uint64_t server_ms);

/* -- the password: main's thread gets it ----------------------------------------------------------
 */

/* True if a link waits for it; hooks.wanted was called. */
bool account_password_wanted(struct account *account);
/* Copied, and wiped in the end. Wakes who waits. */
void account_give_password(struct account *account, const char *password);

/* -- refusals -----------------------------------------------------------------------------------
 */

enum account_refusal {
    ACCOUNT_WELCOME,     /* there is none */
    ACCOUNT_DENIED,      /* by the server: user and password, version, address … */
    ACCOUNT_UNTRUSTED,   /* the server's certificate */
    ACCOUNT_NO_PASSWORD, /* it cannot be had */
};

/* Nobody gets in, for `why`: tells the user `text` (one or more lines) unless that was told
 * already, and wakes who waits. */
void account_refuse(struct account *account, enum account_refusal why, const char *text);
enum account_refusal account_refusal(struct account *account);
/* Forgets the refusal: the user wants another try. */
void account_try_again(struct account *account);

/* -- for link.c ---------------------------------------------------------------------------------
 */

/* Who waits for the account: on its list while it does. `fd`, an eventfd, is written to when it may
 * go on. */
struct account_waiter {
    struct list link;
    int fd;
};

enum account_way {
    ACCOUNT_RESUME,        /* by *ret_session */
    ACCOUNT_HELLO,         /* by *ret_password; nobody else does until account_released() */
    ACCOUNT_WAIT_PASSWORD, /* `waiter` is on the list, here and in the next */
    ACCOUNT_WAIT_WELCOME,  /* another link says hello */
    ACCOUNT_REFUSED,       /* see account_refusal() */
};

/* How a link may sign on now. `go`: it is connected and will do so; else it asks whether connecting
 * is of use, and nothing is returned but the way. */
MUST_USE enum account_way account_way(struct account *account, struct account_waiter *waiter,
                                      bool go, struct account_session *ret_session,
                                      char ret_password[V2_PASSWORD_MAX + 1]);
/* It waits no longer. Harmless when it does not. */
void account_leave(struct account *account, struct account_waiter *waiter);
/* What came of a hello is known: after account_welcome(), account_refuse(), or a connection that
 * broke. */
void account_released(struct account *account);
