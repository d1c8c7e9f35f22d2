/* MESSAGE_IDs of this unit's log lines; systemd/multichat.catalog explains them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#define MESSAGE_STORAGE_AWAY "6a751e5ba18a4ce3ba526426f90bc338"
#define MESSAGE_STORAGE_BACK "52afb4c4f8254760923a6a99195ec202"
#define MESSAGE_NOT_DURABLE  "37ceec322aca492eb266228a576e91d2"
