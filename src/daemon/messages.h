/* MESSAGE_IDs of the daemon's log lines; systemd/multichat.catalog explains them. Those about
 * storage are in the storage unit.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#define MESSAGE_BAD_CONFIG       "6314a47c1fa04a5abce0230cbc976de8" /* on reload; the old one holds */
#define MESSAGE_CERTIFICATE_ENDS "56a8c676b2e441f1998a4b9d866e8ab9" /* soon, or has ended */
