#!/bin/sh
# Outages of a MariaDB server, which the tests kill and start again.
#
# SPDX-License-Identifier: GPL-3.0-or-later
exec "$MULTICHAT_SRCDIR/tests/lib/mariadb" run -- \
    "$MULTICHAT_BUILDDIR/tests/dal/outage-test"
