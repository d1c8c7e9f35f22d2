/* The verb table and what carries a request through it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/admin.h"
