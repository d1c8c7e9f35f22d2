"""Slow senders: connections that give a byte at a time are cut, and hold nobody up.

How much slower good clients are beside them is measured by tests/network/slow.py, outside of the
test run, because a time is no test.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import slow

SLOW, GOOD = 200, 10


def test_slow_senders_are_cut_and_good_ones_served(daemons):
    daemon = daemons(limits__frame=2, limits__sign_on=60)
    users = ["good%d" % number for number in range(GOOD)]
    daemon.add_users(*users)
    with slow.SlowSenders(daemon.writes, SLOW) as senders:
        senders.wait_connected()
        latencies = slow.converse(daemon, users, 5)
        assert len(latencies) == GOOD * 5
        senders.wait_cut()
    assert daemon.figure("connections-slow") >= SLOW
