/* Storage and password pool for fuzz targets: the functions of dal.h and auth/password-pool.h, in
 * memory, with nothing of their own going on. What is asked waits until the target has it carried
 * out: in what order, as far as dal.h leaves that open, and whether storage is away, is the
 * target's choice. A program links this in the place of libdal.a.
 *
 * A "hash" of a password is the password behind "hash:".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "auth/password-pool.h"
#include "dal/dal.h"

/* Empties the store and adds everyone's conversation. Nothing may be waiting. */
void memory_store_reset(void);

/* For the beginning of a test: done at once. `room` has its '#'. */
void memory_store_add_user(const char *userid, const char *password);
void memory_store_add_room(const char *room);
void memory_store_join(const char *room, const char *userid);

/* For changes behind the logic unit's back; false if there is no such user or device. */
bool memory_store_disable(const char *userid, bool disabled);
bool memory_store_revoke(const char *userid);
bool memory_store_forget_devices(const char *userid);

enum memory_fault {
    MEMORY_FAULT_NONE,
    MEMORY_FAULT_AWAY,      /* nothing is changed: DAL_UNAVAILABLE */
    MEMORY_FAULT_UNCERTAIN, /* of a message: it is stored, and nobody knows */
};

/* How much waits to be carried out. */
size_t memory_store_waiting(void);

/* Carries out the `pick`-th (modulo their number) of those that may be next, and calls back. */
void memory_store_run(unsigned pick, enum memory_fault fault);

/* Carries out everything, also what that asks. */
void memory_store_settle(void);

/* The pool that has nothing of its own: borrowed by whoever is under test. */
struct password_pool *memory_pool(void);
