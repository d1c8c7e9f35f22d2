"""Dialogues of the real multichat at a terminal: what a person types and sees.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import signal

from harness import client, error, server
from multichat import PATIENCE, SANITIZER, wait_until

__all__ = ["client", "server"]  # the fixtures

def test_an_incoming_line_leaves_the_typed_line_whole(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    server.wait_poll()
    terminal.type("half a li")
    terminal.wait_for("^> half a li$")
    server.push("ding")
    lines = terminal.wait_for("ding")
    assert re.fullmatch(r"\[\d\d:\d\d\] Bob \(bob\): ding", lines[-2])
    assert lines[-1] == "> half a li"
    terminal.type("ne\r")
    server.wait_stored(1)
    lines = terminal.wait_for("I: half a line")
    assert server.stored == [("*", "half a line")]
    assert lines == [lines[0], re.match(r"\[\d\d:\d\d\] ", lines[1]).group() + "I: half a line",
                     ">"]
    terminal.type("/quit\r")
    code, err = terminal.end()
    assert code == 0 and not SANITIZER.search(err), err
    assert terminal.lines()[-1].endswith("I: half a line")


def test_a_typed_line_of_several_rows_stays_whole(client, server):
    terminal = client.terminal(server, columns=40)
    terminal.wait_for("^>$")
    server.wait_poll()
    typed = "".join("%02d " % i for i in range(40))
    terminal.type(typed)
    terminal.wait_lines(lambda lines: "".join(lines).endswith("39"), "the typed line")
    terminal.type("\x02" * 50)  # the cursor somewhere inside
    for i in range(5):
        server.push("number %d " % i + "y" * 60)
    rows = terminal.wait_lines(
        lambda lines: "".join(lines).count("number") == 5 and "".join(lines).endswith("39"),
        "five messages")
    first = next(i for i, line in enumerate(rows) if line.startswith("> "))
    shown = "".join(row.ljust(40) for row in rows[first:]).rstrip()
    assert shown == "> " + typed.rstrip()
    assert not any("number" in row for row in rows[first:])
    terminal.type("\r")
    server.wait_stored(1)
    assert server.stored == [("*", typed)]
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_a_message_that_comes_back_is_shown_once(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    server.wait_poll()
    terminal.type("/msg alice note\r")
    terminal.wait_for("I: note")
    server.push("note", name="Alice", userid="alice", to="5/alice")
    server.push("elsewhere", name="Alice", userid="alice")
    lines = terminal.wait_for("I: elsewhere")
    assert sum("note" in line for line in lines) == 1
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_the_same_words_from_another_device_are_shown(client, server):
    """What was written to others never comes back to the device it came from."""
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    terminal.type("yes\r")
    terminal.wait_for("I: yes")
    server.push("yes", name="Alice", userid="alice")
    terminal.wait_lines(lambda lines: sum("I: yes" in line for line in lines) == 2, "both")
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_recipients_prompt_and_help(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    terminal.type("/to bob\r")
    terminal.wait_for("^bob>$")
    terminal.type("for bob\r")
    terminal.wait_for("I: for bob")
    terminal.type("/help\r")
    terminal.wait_for("/quit")
    terminal.type("/nonsense\r")
    terminal.wait_for("no such command")
    terminal.wait_lines(lambda lines: lines[-1] == "bob>", "the prompt")
    terminal.type("\x1b[A")
    terminal.wait_for("^bob> /nonsense$")  # to be corrected
    terminal.type("\x15/to *\r")
    terminal.wait_for("lines go to everyone")
    terminal.wait_lines(lambda lines: lines[-1] == ">", "the prompt")
    terminal.type("for all\r")
    server.wait_stored(2)
    assert server.stored == [("bob", "for bob"), ("*", "for all")]
    terminal.type("\x03")
    assert terminal.end()[0] == 0


def test_a_typed_line_of_blanks_is_not_sent(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    terminal.type("   \r")
    terminal.type("text\r")
    terminal.wait_for("I: text")
    server.wait_stored(1)
    terminal.type("\x04")
    assert terminal.end()[0] == 0
    assert server.stored == [("*", "text")]


def test_a_refusal_is_shown_at_the_terminal(client, server):
    server.answer = lambda frame: error("unknown", "nobody of that \x1b[2Jname")
    terminal = client.terminal(server, columns=100)
    terminal.wait_for("^>$")
    terminal.type("/msg nobody x\r")
    terminal.wait_for(r"^-- not sent to nobody: nobody of that \^\[\[2Jname \(unknown\)$")
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_who_is_not_let_in_gets_no_prompt(client, server):
    """He would type the password there once more, and send it to everyone."""
    server.denied = error("denied", "wrong")
    terminal = client.terminal(server, columns=100)
    terminal.wait_for(r"^-- refused as alice: wrong \(denied\)$")
    code, err = terminal.end()
    assert code == 1 and not SANITIZER.search(err), err
    assert client.kept() == [] and terminal.lines()[-1].startswith("-- refused")


def test_a_restart_is_told_at_the_terminal_and_nothing_is_lost(client, server):
    terminal = client.terminal(server, columns=100)
    terminal.wait_for("^>$")
    server.wait_poll()
    server.stop()
    terminal.wait_for("^-- the server is away .*; keeping your messages$")
    terminal.type("kept\r")
    terminal.wait_for("I: kept")
    terminal.type("unfinished")
    server.start()
    lines = terminal.wait_for("^-- the server is back$")
    server.wait_stored(1)
    assert server.stored == [("*", "kept")]
    assert terminal.wait_for("unfinished")[-1] == "> unfinished" and lines
    terminal.type("\x15\x04")
    assert terminal.end()[0] == 0


def test_leaving_with_messages_unsent_says_so(client, server):
    server.stop()
    terminal = client.terminal(server, columns=100)
    terminal.wait_for("is away")
    terminal.type("for later\r")
    terminal.wait_for("I: for later")
    terminal.type("/quit\r")
    code, _ = terminal.end()
    assert code == 0
    assert "-- 1 message is kept in the outbox, and sent by the next run" in terminal.lines()
    assert client.kept() == [("*", "for later")]


def test_kept_messages_are_told_when_they_have_been_sent(client, server):
    server.stop()
    for text in ("one", "two"):
        assert client.run(server, "send", "bob", text).returncode == 3
    server.start()
    terminal = client.terminal(server, columns=100)
    terminal.wait_for("^-- 2 kept messages were sent$")
    assert server.stored == [("bob", "one"), ("bob", "two")]
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_hostile_text_does_not_reach_the_terminal(client, server):
    terminal = client.terminal(server, columns=100)
    terminal.wait_for("^>$")
    server.wait_poll()
    server.push("\x1b[2J\x1b]52;c;eA==\x07 \x9b2J end", name="Eve", userid="eve")
    terminal.wait_for(r"Eve \(eve\): \^\[\[2J\^\[\]52;c;eA==\^G \\u\{9B\}2J end$")
    assert b"]52" not in terminal.raw.replace(b"^[]52", b"")
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_the_password_prompt_does_not_echo(client, server):
    terminal = client.terminal(server, password=False)
    terminal.wait_for("^Password of alice at 127.0.0.1:$")
    wait_until(lambda: not terminal.echoes(), "the echo to be off")
    terminal.type("secret\r")
    terminal.wait_for("^>$")
    assert server.wait_poll()[1] == "secret"
    assert b"secret" not in terminal.raw
    terminal.type("\x04")
    assert terminal.end()[0] == 0
    with open("/proc/self/cmdline", "rb") as own:
        assert b"secret" not in own.read()


def test_an_interrupted_password_prompt_leaves_the_echo_on(client, server):
    terminal = client.terminal(server, password=False)
    terminal.wait_for("^Password of alice")
    wait_until(lambda: not terminal.echoes(), "the echo to be off")
    terminal.type("\x03")
    terminal.child.wait(PATIENCE)
    assert terminal.echoes()
    assert terminal.end()[0] == 2
    assert server.frames == [] and server.polls == []


def test_the_terminal_is_given_back_as_it_was(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    wait_until(lambda: not terminal.echoes(), "readline's own echo")
    terminal.type("left over")
    terminal.wait_for("left over")
    terminal.child.send_signal(signal.SIGTERM)
    terminal.child.wait(PATIENCE)
    assert terminal.echoes()
    assert terminal.end()[0] == 0
    assert terminal.lines() == []


def test_stopped_and_continued(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    terminal.type("typed")
    terminal.wait_for("^> typed$")
    terminal.type("\x1a")
    _, status = os.waitpid(terminal.child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status) and terminal.echoes()
    terminal.child.send_signal(signal.SIGCONT)
    terminal.wait_lines(lambda lines: lines[-1:] == ["> typed"], "the line again")
    terminal.type(" on\r")
    server.wait_stored(1)
    assert server.stored == [("*", "typed on")]
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_korean_and_emoji_are_typed_and_sent(client, server):
    terminal = client.terminal(server)
    terminal.wait_for("^>$")
    terminal.type("안녕 😀 \"x\"\r")
    server.wait_stored(1)
    assert server.stored == [("*", '안녕 😀 "x"')]
    terminal.wait_for("I: 안녕 😀 \"x\"")
    terminal.type("\x04")
    assert terminal.end()[0] == 0


def test_the_status_tells_how_messages_come(client, server):
    server.reaches = False
    terminal = client.terminal(server, columns=120)
    terminal.wait_for("^-- .*receiving over a kept connection$")
    terminal.type("/status\r")
    terminal.wait_for("^receiving: over a kept connection$")
    server.reaches = True
    terminal.wait_for(r"^-- receiving by pushes on port \d+$")
    terminal.type("/status\r")
    lines = terminal.wait_for(r"^receiving: by pushes on port \d+$")
    session = next(iter(server.sessions))
    for line in ("server: 127.0.0.1, present (127.0.0.1:%d)" % server.write_port,
                 "fingerprint: " + server.fingerprint, "user: alice", "session: " + session,
                 "device: %s (number 1)" % server.device().name):
        assert line in lines
    terminal.wait_for("^outbox: 0$")
    terminal.type("\x04")
    assert terminal.end()[0] == 0
