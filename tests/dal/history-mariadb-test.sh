#!/bin/sh
# History and retention over a MariaDB server of its own.
#
# SPDX-License-Identifier: GPL-3.0-or-later
exec "$MULTICHAT_SRCDIR/tests/lib/mariadb" run -- \
    "$MULTICHAT_BUILDDIR/tests/dal/history-test"
