"""Signing on: by password once, by session from then on.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import stat
import time

import pytest

from harness import PASSWORD, client, error, finish, server
from v2 import now_ms

__all__ = ["client", "server"]  # the fixtures

HOUR_MS = 3600000


def ways(server):
    """How clients signed on: ["hello", "resume", …]"""
    return [signon[0] for signon in server.signons]


def session_files(client):
    found = []
    for folder, _, names in os.walk(os.path.join(client.folder, "state")):
        found += [os.path.join(folder, name) for name in names if name == "session"]
    return found


def test_the_password_is_needed_once(client, server):
    assert client.run(server, "send", "bob", "one").returncode == 0
    for text in ("two", "three"):
        result = client.run(server, "send", "bob", text, password=False)
        assert (result.returncode, result.stderr) == (0, "")
    assert ways(server) == ["hello", "resume", "resume"]
    assert {signon[3] for signon in server.signons} == {"-"}  # no device
    assert server.stored == [("bob", "one"), ("bob", "two"), ("bob", "three")]
    path, = session_files(client)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, encoding="ascii") as file:
        assert PASSWORD not in file.read()


def test_a_session_that_has_ended_takes_the_password_again(client, server):
    assert client.run(server, "send", "bob", "one").returncode == 0
    server.end_sessions()
    result = client.run(server, "send", "bob", "two")
    assert (result.returncode, result.stderr) == (0, "")
    assert ways(server) == ["hello", "hello"]
    server.end_sessions()
    result = client.run(server, "send", "--password-command", "exit 1", "bob", "three",
                        password=False)
    assert result.returncode == 2 and "failed" in result.stderr
    assert client.kept() == []


def test_a_session_that_ends_while_it_runs(client, server):
    child = client.start(server)
    child.stdin.write(b"one\n")
    child.stdin.flush()
    server.wait_stored(1)
    hellos = ways(server).count("hello")
    server.end_sessions()
    for wire in list(server.wires):
        wire.reset()
    child.stdin.write(b"two\n")
    child.stdin.flush()
    server.wait_stored(2)
    child.stdin.close()
    child.stdin = None
    assert finish(child)[0] == 0
    assert hellos == 1 and ways(server).count("hello") == 2  # the threads share the new one


def test_denied_is_not_tried_again(client, server):
    server.denied = error("denied", "no such user")
    result = client.run(server, "recv", "--follow")
    assert result.returncode == 1
    assert result.stderr == "multichat: refused as alice: no such user (denied)\n"
    assert ways(server) == ["hello"]


def test_limited_waits_as_told(client, server):
    server.denials = [error("limited", "400 ms to wait"), error("limited", "200 ms to wait")]
    before = time.monotonic()
    result = client.run(server, "send", "bob", "one")
    assert (result.returncode, result.stderr) == (0, "")
    assert ways(server) == ["hello"] * 3 and time.monotonic() - before >= 0.6
    assert server.stored == [("bob", "one")]


def test_a_long_wait_is_left_to_the_next_run(client, server):
    server.denied = error("limited", "60000 ms to wait")
    result = client.run(server, "send", "bob", "one")
    assert result.returncode == 3 and "(limited)" in result.stderr
    assert client.kept() == [("bob", "one")]


def test_a_server_whose_clock_is_another(client, server):
    server.clock = lambda: now_ms() + HOUR_MS
    assert client.run(server, "send", "bob", "one").returncode == 0
    server.clock = lambda: now_ms() - HOUR_MS
    result = client.run(server, "send", "bob", "two", password=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert ways(server) == ["hello", "resume"]


def test_two_at_a_time_share_the_session(client, server):
    children = [client.start(server, "send", "bob", str(i)) for i in range(5)]
    for child in children:
        assert finish(child)[0] == 0
    assert sorted(server.stored) == [("bob", str(i)) for i in range(5)]
    before = len(server.signons)
    assert client.run(server, "send", "bob", "last", password=False).returncode == 0
    assert ways(server)[before:] == ["resume"]


# -- passwd

@pytest.fixture
def new(client):
    path = os.path.join(client.folder, "new")
    with open(path, "w", encoding="utf-8") as file:
        file.write("another one\n")
    os.chmod(path, 0o600)
    return path


def test_another_password(client, server, new):
    result = client.run(server, "passwd", "--new-password-file", new)
    assert result.returncode == 0 and "the password was changed" in result.stderr
    result = client.run(server, "send", "bob", "one", password=False)  # with its new session
    assert (result.returncode, result.stderr) == (0, "")
    assert server.frames[-1][1] == "another one"


def test_a_wrong_old_password(client, server, new):
    assert client.run(server, "send", "bob", "one").returncode == 0
    client.set_password("wrong")
    result = client.run(server, "passwd", "--new-password-file", new)
    assert result.returncode == 1 and "not the old password (denied)" in result.stderr
    assert client.run(server, "send", "bob", "two", password=False).returncode == 0


def test_passwd_without_a_server(client, server, new):
    server.stop()
    result = client.run(server, "passwd", "--new-password-file", new)
    assert result.returncode == 3 and "cannot reach" in result.stderr


def test_new_passwords_are_asked_for_twice(client, server):
    terminal = client.terminal(server, "passwd", password=False)
    terminal.wait_for("Password of alice at 127.0.0.1:")
    terminal.type(PASSWORD + "\n")
    terminal.wait_for("New password:")
    terminal.type("another one\n")
    terminal.wait_for("New password, again:")
    terminal.type("another won\n")
    code, err = terminal.end()
    assert code == 2 and "the two are not the same" in err
    assert server.signons == []


# -- at a terminal

def test_the_password_is_asked_for_before_the_lines(client, server):
    terminal = client.terminal(server, password=False)
    terminal.wait_for("Password of alice at 127.0.0.1:")
    terminal.type(PASSWORD + "\n")
    terminal.wait_for("^>$")
    terminal.type("hello\n")
    server.wait_stored(1)
    assert PASSWORD not in "\n".join(terminal.lines())


def test_the_password_is_asked_for_above_the_line(client, server):
    """There was a session at the start, but it had ended."""
    child = client.start(server)
    child.stdin.write(b"one\n")
    child.stdin.close()
    child.stdin = None
    assert finish(child)[0] == 0
    server.end_sessions()
    terminal = client.terminal(server, password=False)
    terminal.wait_for("Password of alice at 127.0.0.1:")
    terminal.type(PASSWORD + "\n")
    server.wait_signon(len(server.signons) + 1)
    terminal.type("two\n")
    server.wait_stored(2)
    terminal.wait_for("I: two$")
    assert server.stored == [("*", "one"), ("*", "two")]
    assert PASSWORD not in "\n".join(terminal.lines())
