"""Messages of version 2 that flow from the real daemon: over connections it makes, and over those
its clients attach.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib

import pytest

import multichat
from v2 import V2Client


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    daemon.start()
    daemon.add_users("alice", "bob")
    yield daemon
    daemon.close()


@contextlib.contextmanager
def client(daemon, userid, **settings):
    one = V2Client(daemon, userid, **settings)
    try:
        one.sign_on().close()
        yield one
    finally:
        one.close()


def say(alice, first, count):
    with alice.sign_on() as connection:
        for i in range(first, first + count):
            connection.send("bob", "line %d" % i)


def lines(first, count):
    return ["line %d" % i for i in range(first, first + count)]


@pytest.mark.parametrize("tls", [False, True])
def test_who_listens_is_pushed_to(daemon, tls):
    with client(daemon, "alice") as alice, client(daemon, "bob", tls=tls) as bob:
        bob.poll_until("idle")
        assert bob.pushes == 1
        say(alice, 1, 50)
        bob.wait(50, poll=False)
        bob.poll_until("idle")
        assert bob.texts() == lines(1, 50)
        assert bob.pushes == 1, "the connection is kept"


def test_who_does_not_listen_attaches(daemon):
    with client(daemon, "alice") as alice, client(daemon, "bob", listen=False) as bob:
        say(alice, 1, 300)
        assert bob.poll() == "unreachable"
        bob.attach()
        bob.wait(300, poll=False)
        say(alice, 301, 100)
        bob.wait(400, poll=False)
        assert bob.texts() == lines(1, 400)
        assert bob.poll() == "unreachable"


def test_an_attached_client_is_found_when_it_listens(daemon):
    with client(daemon, "alice") as alice, client(daemon, "bob") as bob:
        bob.attach()
        say(alice, 1, 10)
        bob.wait(10, poll=False)
        bob.poll_until("idle")
        say(alice, 11, 10)
        bob.wait(20, poll=False)
        assert bob.pushes == 1
        assert bob.texts() == lines(1, 20)


def test_what_is_not_acknowledged_comes_again_and_the_rest_does_not(daemon):
    with client(daemon, "alice") as alice, client(daemon, "bob", listen=False) as bob:
        bob.attach()
        say(alice, 1, 5)
        bob.wait(5, poll=False)
        with bob.sign_on() as ping:  # what was written before has been read by now
            ping.ask("ping", "pong")
        bob.acknowledging = False
        say(alice, 6, 5)
        bob.wait(10, poll=False)
        bob.detach()
        daemon.stop()
        daemon.start()
        bob.cursors.clear()
        bob.shown.clear()
        bob.attach()
        bob.wait(5, poll=False)
        assert bob.texts() == lines(6, 5)
