"""What is typed on the full screen: completion, the keys that end and find, pasted text, and lines
that the server cannot take now or does not take at all.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import threading

import pytest

from multichat import built_with
from test_screen import PASTE, PASTED, leave, people

__all__ = ["people"]  # the fixture

pytestmark = pytest.mark.skipif(not built_with("HAVE_READLINE"), reason="built without readline")


def test_tab_completes_commands_rooms_and_people(people):
    people.run("bob", "join", "#lobby")
    alice = people.sit_down("alice")
    alice.wait_for("2 of|1 of")
    alice.type("/jo\t")
    alice.wait_for("^> /join$")
    alice.type("#LO\t\r")
    alice.wait_for("^-- you are in #lobby")
    alice.wait_for("of 2 here$")
    alice.type("bo\t")
    alice.wait_for("^#lobby> Bob:$")
    alice.type("\x15/wh\t")
    alice.wait_for("^/whisper +/who")  # the row above tells what is possible
    alice.wait_for("^#lobby> /whisper$")
    alice.type("\t")
    alice.wait_for("^#lobby> /who$")
    alice.type("\x15/whisper bo\t")
    alice.wait_for("^#lobby> /whisper bob$")
    alice.type("\x15")
    leave(alice)


def test_help_is_seen_at_once(people):
    alice = people.sit_down("alice", "/join #lobby")
    alice.type("/help\r")
    lines = alice.wait_for("^-- Other lines are sent; one that begins with // with one /\\.")
    assert any(line.startswith("-- /join #ROOM  /part [#ROOM]  /msg TO TEXT") for line in lines)
    alice.type("/help keys\r")
    alice.wait_for("^-- PgUp, PgDn")
    alice.type("/help nick\r")
    alice.wait_for("^-- /nick NAME: change the name .*")
    leave(alice)


def test_ctrl_c_ends_what_is_meant(people):
    alice = people.sit_down("alice")
    alice.type("half a line")
    alice.wait_for("^> half a line$")
    alice.type("\x03")
    alice.wait_for("^>$")
    alice.type(PASTE + "one\ntwo\n" + PASTED)
    alice.wait_for("^paste 2 lines to everyone")
    alice.type("\x03")
    alice.wait_lines(lambda lines: not any("paste 2" in line for line in lines), "no question")
    alice.type(PASTE + "the end of this has been lost")
    alice.type("\x03")
    alice.type("y")  # is text again
    alice.wait_for("^> y$")
    alice.type("\x15")
    alice.wait_for("^>$")
    alice.type("\x03")
    alice.wait_for("^Ctrl-C again ends multichat$")
    alice.type("\x03")
    assert alice.end()[0] == 0


def test_pasted_text_as_one_message_or_none(people):
    alice = people.sit_down("alice")
    alice.type(PASTE + "no\nnot this\n" + PASTED)
    alice.wait_for("^paste 2 lines to everyone")
    alice.type("n" + PASTE + "first\r\nsecond" + PASTED)
    alice.wait_for("^paste 2 lines to everyone")
    alice.type("o")
    alice.wait_for("<alice> first( |$)")
    alice.wait_for("^ +second( |$)")
    lines = alice.lines()
    at = next(i for i, line in enumerate(lines) if "<alice> first" in line)
    assert "second" in lines[at + 1]
    alice.type(PASTE + "on one line\n" + PASTED)  # is not sent by its end
    alice.wait_for("^> on one line$")
    alice.type("\r")
    lines = alice.wait_for("<alice> on one line( |$)")
    assert not any("not this" in line for line in lines)
    leave(alice)


@pytest.mark.parametrize("mode", ["--line", None])
def test_nothing_typed_is_echoed_by_the_terminal(people, mode):
    """While a line is dealt with, too: it would stand across the screen."""
    alice = people.client("alice").fullscreen(people.address, *([mode] if mode else []))
    people.terminals.append(alice)
    alice.wait_lines(lambda lines: any(line.startswith(">") for line in lines), "a prompt")
    done, seen = threading.Event(), []

    def watch():
        while not done.is_set():
            seen.append(alice.echoes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(20):
        alice.type("line %d\r" % number)
    alice.wait_for("line 19( |$)")
    done.set()
    watcher.join()
    assert seen and not any(seen)
    leave(alice)
    assert alice.raw.count(b"\x1b[?2004h") == alice.raw.count(b"\x1b[?2004l") > 0, \
        "what is pasted is marked, as long as multichat runs"


def said_in(lines):
    """What alice has said, without the pane beside it."""
    return [line.split("|")[0].rstrip() for line in lines if "<alice>" in line]


def test_search_finds_upwards(people):
    alice = people.sit_down("alice", rows=12)
    for i in range(30):
        alice.type("needle %d\r" % i if i % 10 == 0 else "hay %d\r" % i)
    alice.wait_lines(lambda lines: any("hay 29" in line for line in lines) and
                     "waiting" not in lines[-2], "everything is stored")
    alice.type("/search NEEDLE\r")
    alice.wait_for("<alice> needle 20( |$)")
    alice.type("/search\r")
    alice.wait_for("<alice> needle 10( |$)")
    seen = said_in(alice.lines())
    alice.type("/search pin\r")
    lines = alice.wait_for("^not found in what is loaded; PgUp loads more")
    assert said_in(lines) == seen[1:]  # less a row for the hint
    alice.type("x")
    lines = alice.wait_for("^> x$")
    assert said_in(lines) == seen
    assert not any("not found" in line for line in lines)
    alice.type("\x15")
    leave(alice)


def test_where_it_was_said_and_where_it_was_refused(people):
    alice = people.sit_down("alice", "/join #lobby")
    alice.type("/msg carol hello\r")
    alice.wait_for("^-- said in window 3, carol")
    alice.type("/whisper carol psst\r")
    alice.wait_for("^!! psst")
    alice.wait_for("^!! not sent to #lobby/carol: ")
    alice.type("/msg nobody x\r")
    alice.wait_for("Act: .*4:nobody")
    alice.type("\x1b4")
    alice.wait_for(r"^!! not sent to nobody: ")
    alice.type("/win close\r")
    alice.wait_for(r"\[2:#lobby\]")
    alice.type("/nosuch\r")
    alice.wait_for("^!! there is no such command")
    alice.wait_for("^#lobby>$")
    alice.type("what comes next\r")  # is a line of its own
    alice.wait_for("<alice> what comes next")
    alice.type("\x1b[A\x1b[A")
    alice.wait_for("^#lobby> /nosuch$")  # to be corrected
    alice.type("\x15")
    leave(alice)


def test_what_is_asked_and_said_while_the_server_is_away(people):
    alice = people.sit_down("alice")
    alice.wait_for(r"\[(push|attached)\]")
    people.daemon.stop()
    alice.wait_for(r"\[no server\]")
    alice.type("kept\r")
    alice.wait_for(r"\[1 waiting\]")
    alice.type("/join #later\r")
    alice.wait_for("^-- /join #later: waiting for the server")
    people.daemon.start()
    alice.wait_for("^-- you are in #later")
    alice.wait_lines(lambda lines: "waiting]" not in "".join(lines[-3:]), "everything is stored")
    assert "kept" in people.run("alice", "history", "*").stdout
    leave(alice)
