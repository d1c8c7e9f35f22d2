/* MESSAGE_IDs of the daemon's log lines; systemd/multichat.catalog explains them. Those about
 * storage are in the storage unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#define MESSAGE_BAD_CONFIG   "6314a47c1fa04a5abce0230cbc976de8" /* on reload; the old one holds */
#define MESSAGE_STORAGE_AWAY "6a751e5ba18a4ce3ba526426f90bc338"
#define MESSAGE_STORAGE_BACK "52afb4c4f8254760923a6a99195ec202"
#define MESSAGE_NOT_DURABLE  "37ceec322aca492eb266228a576e91d2"
