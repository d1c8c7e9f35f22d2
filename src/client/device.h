/* The device this process is: a numbered slot in the folder of one server and user.
 *
 *     <N>/lock     held (flock) by the process that is device N, while it lives
 *     <N>/name     what the server knows the device by: made once
 *     <N>/cursors  what was shown (client/cursors.h)
 *     <N>/session  how it is signed on (client/account.h)
 *
 * The first free slot is taken: a client that is started again is the same device and goes on
 * where it was; two at a time are two devices, and each is shown everything.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "util/attributes.h"

#define DEVICE_NAME_SIZE 65  /* with the NUL */
#define DEVICE_SLOTS     256 /* processes of one user at one server that receive at a time */

struct device {
    int folder; /* of the slot */
    int lock;   /* held; -1: by somebody else */
    unsigned number;
    char name[DEVICE_NAME_SIZE]; /* of the host, and random digits */
};

/* Takes a slot in the folder `path`, which is made. 0; -EUSERS when all slots are taken; -errno. */
MUST_USE int device_open(const char *path, struct device *ret);

/* The first slot, also while another process holds it: to ask what waits for that device, not to
 * receive as it. As device_open(). */
MUST_USE int device_open_first(const char *path, struct device *ret);

/* Gives the slot up. Takes a zeroed struct. */
void device_close(struct device *device);
