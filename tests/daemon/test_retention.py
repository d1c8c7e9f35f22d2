"""Retention: what is old or too much goes, from the oldest on and in small steps; who reads late
begins with what is left.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import json
import re
import sqlite3
import time

import pytest

import multichat
from v2 import V2Client

DAY_MS = 24 * 3600 * 1000
STEP = 500  # messages, of one second


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    daemon.start()
    daemon.add_users("alice", "bob")
    yield daemon
    daemon.close()


def rows(daemon, query, *values):
    with contextlib.closing(sqlite3.connect(daemon.settings["storage.sqlite.path"],
                                            timeout=multichat.PATIENCE)) as database, database:
        return database.execute(query, values).fetchall()


def numbers(daemon, name):
    return [seq for (seq,) in rows(
        daemon, "SELECT seq FROM messages m JOIN conversations c ON c.id = m.conversation"
        " WHERE c.name = ? ORDER BY seq", name)]


def fill(client, to, count):
    """So many messages, numbered from 1 on, written without waiting for each."""
    with client.sign_on() as connection:
        for start in range(1, count + 1, 50):
            keys = range(start, min(start + 50, count + 1))
            connection.write(*("send:%s%d:%s:%d" % (to.strip("*"), key, to, key) for key in keys))
            for _ in keys:
                connection.expect("sent")


def retain(daemon, **settings):
    """As from now on, by a reload."""
    start = len(daemon.process.log)
    daemon.write_config(**{"retention." + key: value for key, value in settings.items()})
    daemon.reload()
    daemon.process.wait_log("new configuration is in force", start)


def test_number_of_messages(daemon):
    alice, bob = V2Client(daemon, "alice"), V2Client(daemon, "bob")
    fill(alice, "bob", 30)
    fill(alice, "*", 7)
    alice.send("alice", "to myself")
    retain(daemon, messages=5)
    daemon.wait_figure("messages-deleted", lambda count: count == 27)
    assert numbers(daemon, "bob") == [26, 27, 28, 29, 30]
    assert numbers(daemon, "*") == [3, 4, 5, 6, 7]
    assert numbers(daemon, "alice") == [1]
    # Who has not read any of it gets what is left, and the numbers go on.
    bob.attach()
    shown = bob.wait(10, poll=False)
    assert sorted(m.seq for m in shown if m.name == "bob") == [26, 27, 28, 29, 30]
    assert alice.send("bob", "one more").seq == 31
    assert json.loads(daemon.ctl("--json", "db", "check").stdout)["sound"]
    daemon.process.wait_log("retention: 27 messages deleted")
    for client in (alice, bob):
        client.close()


def test_age(daemon):
    alice = V2Client(daemon, "alice")
    fill(alice, "bob", 9)
    fill(alice, "*", 2)
    daemon.stop()
    old, newer = (int(time.time() * 1000) - days * DAY_MS for days in (3, 1))
    rows(daemon, "UPDATE messages SET time_ms = CASE WHEN seq <= 4 THEN ? ELSE ? END", old, newer)
    daemon.write_config(retention__days=2)
    daemon.start()
    # Four of bob's, and all but the newest of those to everyone.
    daemon.wait_figure("messages-deleted", lambda count: count == 5)
    assert numbers(daemon, "bob") == [5, 6, 7, 8, 9] and numbers(daemon, "*") == [2]
    alice.close()


def test_small_steps(daemon):
    alice = V2Client(daemon, "alice")
    fill(alice, "bob", STEP + 201)
    retain(daemon, messages=1)
    daemon.process.wait_log("retention: %d messages deleted" % (STEP + 200))
    steps = [int(count) for count in re.findall("a step has deleted ([0-9]+)",
                                                daemon.process.text())]
    assert sum(steps) == STEP + 200 and max(steps) <= STEP
    assert numbers(daemon, "bob") == [STEP + 201]
    alice.close()
