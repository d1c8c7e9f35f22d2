"""Dialogues of the first run of multichat at a terminal, when nothing is configured yet.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import stat

import pytest

from harness import MULTICHAT, PASSWORD, client, error, server
from screen import Terminal

__all__ = ["client", "server"]  # the fixtures

MEANT = r"^Is this the server you mean\? \[Y/n\]:"


@pytest.fixture
def begin(client, server):
    """begin(…): multichat at a terminal, which is told the ports of the server alone."""
    server.answers["rooms"] = lambda frame: ["end:rooms:0:"]

    def start(*arguments):
        argv = ["sh", "-c", 'exec "$0" "$@" 2>&1', MULTICHAT, "--poll-port", str(server.poll_port),
                "--write-port", str(server.write_port), "--line", *arguments]
        terminal = Terminal(argv, client.env, 100)
        client.running.append(terminal.child)
        return terminal
    return start


def config(client, name="config"):
    return os.path.join(client.folder, ".config", "multichat", name)


def answer(terminal, question, text):
    """Types it once this is what is asked: what is typed before may be dropped."""
    terminal.wait_lines(lambda lines: lines and re.search(question, lines[-1]), question)
    terminal.type(text + "\r")


def quit_of(terminal):
    terminal.wait_for("^>$")
    terminal.type("/quit\r")
    return terminal.end()


def test_what_is_asked_is_kept(client, server, begin):
    terminal = begin()
    answer(terminal, r"^Server .*\[localhost\]:", "127.0.0.1")
    answer(terminal, r"^Your userid there \[\w+\]:", "alice")
    answer(terminal, "(?i)^password", PASSWORD)
    terminal.wait_for("seen for the first time")
    terminal.wait_for(server.fingerprint[:40])
    answer(terminal, MEANT, "")
    answer(terminal, "^Keep the password", "y")
    terminal.wait_for("^Written to")
    assert quit_of(terminal)[0] == 0
    with open(config(client), encoding="utf-8") as file:
        text = file.read()
    assert 'server = "127.0.0.1";\nuser = "alice";\n' in text and PASSWORD not in text
    for name in ("config", "password"):
        assert stat.S_IMODE(os.stat(config(client, name)).st_mode) == 0o600
    # It signed on once, as the device that it went on as.
    assert [way for way, *_ in server.signons].count("hello") == 1
    assert {device for *_, device in server.signons} == {server.device().name}
    # Now nothing is asked, and what is kept is used.
    server.end_sessions()
    terminal = begin()
    assert quit_of(terminal)[0] == 0
    assert server.signons[-1][1:3] == ("alice", PASSWORD)


def test_what_is_wrong_is_asked_again(client, server, begin):
    server.denials = [error("denied", "wrong user or password")]
    terminal = begin()
    answer(terminal, "^Server", "127.0.0.1")
    answer(terminal, "^Your userid", "a lice")
    terminal.wait_for("a userid has no blank")
    answer(terminal, r"^Server .*\[127.0.0.1\]: *$", "")
    answer(terminal, r"^Your userid there \[a lice\]: *$", "alice")
    answer(terminal, "(?i)^password", "wrong")
    answer(terminal, MEANT, "y")
    terminal.wait_for("wrong user or password")
    answer(terminal, r"^Server .*\[127.0.0.1\]: *$", "")
    answer(terminal, r"^Your userid there \[alice\]: *$", "")
    answer(terminal, "(?i)^password", PASSWORD)
    answer(terminal, "^Keep the password", "")
    assert quit_of(terminal)[0] == 0
    assert not os.path.exists(config(client, "password"))
    with open(config(client), encoding="utf-8") as file:
        assert "password" not in file.read()


def test_a_server_is_looked_up_before_anything_else_is_asked(client, server, begin):
    terminal = begin()
    answer(terminal, "^Server", "127.0.0.1:45817")
    terminal.wait_for("cannot find the server 127.0.0.1:45817")
    terminal.wait_for("--write-port PORT --poll-port PORT")
    answer(terminal, r"^Server .*\[127.0.0.1:45817\]: *$", "no.such.invalid.")
    terminal.wait_for("cannot find the server no.such.invalid.")
    answer(terminal, r"^Server .*\[no.such.invalid.\]: *$", "127.0.0.1")
    answer(terminal, "^Your userid", "\x04")
    assert terminal.end()[0] == 2 and server.verbs == []


def test_nothing_secret_goes_to_a_server_that_is_not_meant(client, server, begin):
    terminal = begin()
    answer(terminal, "^Server", "127.0.0.1")
    answer(terminal, "^Your userid", "alice")
    answer(terminal, "(?i)^password", PASSWORD)
    answer(terminal, MEANT, "n")
    terminal.wait_for("is not the server that is meant; nothing was told to it")
    answer(terminal, r"^Server .*\[127.0.0.1\]: *$", "")
    answer(terminal, r"^Your userid there \[alice\]: *$", "")
    answer(terminal, "(?i)^password", PASSWORD)
    # It was not learned.
    answer(terminal, MEANT, "\x03")
    assert terminal.end()[0] == 2
    assert server.verbs == [] and not os.path.exists(config(client))


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
def test_who_gives_up_is_let_go(client, server, begin, key):
    terminal = begin()
    terminal.wait_for("^Server")
    terminal.type(key)
    assert terminal.end()[0] == 2
    assert not os.path.exists(config(client)) and server.verbs == []


def test_nothing_is_asked_without_a_terminal(client, server):
    result = client.run(server)
    assert result.returncode == 0 and "Server" not in result.stdout + result.stderr


def test_nothing_is_asked_of_who_says_where_the_server_is(client, server, begin):
    terminal = begin("--server", "127.0.0.1", "--user", "alice", "--password-file",
                     client.password_file)
    assert quit_of(terminal)[0] == 0
    assert not os.path.exists(config(client))
