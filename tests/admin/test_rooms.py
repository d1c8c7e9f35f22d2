"""multichatctl on rooms: set, invite, remove, and what everyone is told; wherever they are carried
out, and how it reaches those who are there.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import sqlite3

import pytest

import multichat
from multichat import V1Client
from sites import KOREAN, DaemonSite, NO_DAEMON, OK, REFUSED, USAGE
from v2 import V2Client

pytestmark = pytest.mark.skipif("sqlite" not in multichat.engines(), reason="built without SQLite")


def the_room(site, name="#lobby"):
    return next(room for room in site.json("room", "list")["rooms"] if room["room"] == name)


def roles(site, room="lobby"):
    return {member["userid"]: member["operator"]
            for member in site.json("room", "members", room)["members"]}


# -- wherever it is carried out


def test_set(site):
    site.add("alice", KOREAN)
    site.run("room", "add", "lobby")
    site.run("room", "join", "lobby", "alice")
    site.run("room", "join", "lobby", KOREAN)
    fresh = the_room(site)
    assert (fresh["number"], fresh["access"], fresh["topic"]) == (1, "open", "")
    told = site.json("room", "set", "lobby", "topic=점심 #1: soup", "access=closed",
                     "operator=" + KOREAN)
    assert told["changed"] and told["room"] == "#lobby" and told["members"] == 2
    now = the_room(site)
    assert (now["access"], now["topic"]) == ("closed", "점심 #1: soup")
    assert roles(site) == {"alice": False, KOREAN: True}
    # The same again changes nothing, and is no mistake; a room is found by its number, too.
    assert site.json("room", "set", "#1", "access=closed")["changed"] is False
    assert "was so already" in site.run("room", "set", "LOBBY", "operator=" + KOREAN).stdout
    assert "#lobby set" in site.run("room", "set", "1", "topic=", "plain=" + KOREAN).stdout
    assert the_room(site)["topic"] == "" and not any(roles(site).values())


def test_lists(site):
    site.add("alice")
    site.run("room", "add", "lobby")
    site.run("room", "join", "lobby", "alice")
    site.run("room", "set", "lobby", "topic=all about it", "operator=alice")
    rows = [line.split() for line in site.run("room", "list").stdout.splitlines()]
    assert rows[0] == ["NUMBER", "ROOM", "ACCESS", "MEMBERS", "MESSAGES", "TOPIC"]
    assert rows[1][:4] == ["1", "#lobby", "open", "1"] and rows[1][5:] == ["all", "about", "it"]
    rows = [line.split() for line in site.run("room", "members", "lobby").stdout.splitlines()]
    assert rows == [["USERID", "NAME", "ROLE", "STATE"], ["alice", "alice", "operator", "enabled"]]


def test_invite_and_remove(site):
    site.add("alice", "bob")
    site.run("room", "add", "lobby")
    site.run("room", "join", "lobby", "alice")
    assert "bob is invited into #lobby" in site.run("room", "invite", "lobby", "bob").stdout
    assert site.json("room", "invite", "lobby", "bob")["changed"] is False
    assert "already" in site.run("room", "invite", "lobby", "alice").stdout
    assert "no longer a member of #lobby" in site.run("kick", "alice", "lobby").stdout
    assert roles(site) == {}
    answer = site.json("kick", "alice", "lobby", code=REFUSED)
    assert answer["code"] == "missing" and "alice is not a member of #lobby" in answer["error"]


def test_announce(site):
    told = site.json("announce", "the server goes down at 18:00")
    assert told["number"] == 1 and told["time_ms"] > 1_500_000_000_000
    assert site.run("announce", "점심!\n\tsoup").stdout == "everyone is told\n"
    assert site.json("db", "check")["sound"]


def test_refusals_say_why(site):
    site.add("alice", "bob")
    site.run("room", "add", "lobby")
    for arguments, code, word, words in [
            (["room", "set", "lobby", "access=ajar"], REFUSED, "invalid", '"open" and "closed"'),
            (["room", "set", "lobby", "topic=" + "x" * 301], REFUSED, "invalid", "300"),
            (["room", "set", "lobby", "topic=a\nb"], REFUSED, "invalid", "control"),
            (["room", "set", "lobby", b"topic=\xff"], REFUSED, "invalid", "not UTF-8"),
            (["room", "set", "lobby", "operator=a:b"], REFUSED, "invalid", "operator"),
            (["room", "set", "lobby", "operator=nobody"], REFUSED, "missing", "no user nobody"),
            (["room", "set", "lobby", "operator=alice"], REFUSED, "missing",
             "alice is not a member of #lobby"),
            (["room", "set", "hall", "topic=x"], REFUSED, "missing", "no room #hall"),
            (["room", "set", "9", "topic=x"], REFUSED, "missing", "no room #9"),
            (["room", "set", "lobby", "colour=blue"], USAGE, "usage", "access=open|closed"),
            (["room", "set", "lobby", "topic"], USAGE, "usage", "topic=TEXT"),
            (["room", "set", "lobby", "topic=a", "topic=b"], USAGE, "usage", "given twice"),
            (["room", "invite", "hall", "bob"], REFUSED, "missing", "no room #hall"),
            (["room", "invite", "lobby", "nobody"], REFUSED, "missing", "no user nobody"),
            (["room", "add", "12"], REFUSED, "invalid", "room is not allowed"),
            (["room", "add", "LOBBY"], REFUSED, "taken", "there already"),
            (["kick", "alice", "hall"], REFUSED, "missing", "no room #hall"),
            (["kick", "nobody", "lobby"], REFUSED, "missing", "no user nobody"),
            (["kick", "alice", "lobby", "--reason", "x"], REFUSED, "invalid", "without a room"),
            (["announce", ""], REFUSED, "invalid", "1 to 2000 bytes"),
            (["announce", "x" * 2001], REFUSED, "invalid", "1 to 2000 bytes"),
            (["announce", "a\x03b"], REFUSED, "invalid", "newline and tab"),
            (["announce", b"\xff"], REFUSED, "invalid", "not UTF-8")]:
        answer = site.json(*arguments, code=code)
        assert answer["code"] == word and words in answer["error"], (arguments, answer)
        assert words in site.run(*arguments, code=code).stderr
    assert the_room(site)["messages"] == 0  # nothing was told to anybody


def test_what_was_done_before_a_refusal_is_told(site):
    site.add("alice", "bob")
    site.run("room", "add", "lobby")
    site.run("room", "join", "lobby", "alice")
    answer = site.json("room", "set", "lobby", "plain=bob", "operator=alice", code=REFUSED)
    assert "bob is not a member of #lobby; 1 of 2 changes were made" in answer["error"]
    assert roles(site) == {"alice": True}


def test_nothing_to_set(alone):
    alone.run("room", "add", "lobby")
    assert "usage: multichatctl room set ROOM" in alone.run("room", "set", "lobby",
                                                            code=USAGE).stderr


def test_live_list_needs_a_daemon(alone):
    assert "no daemon is running" in alone.run("rooms", code=NO_DAEMON).stderr


def test_the_log_tells_of_every_change(alone):
    """In the words and under the name that the model has."""
    alone.add("alice", "bob")
    alone.run("room", "add", "lobby")
    alone.run("room", "join", "lobby", "alice")
    alone.run("room", "set", "lobby", "topic=soup", "access=closed", "operator=alice")
    alone.run("room", "invite", "lobby", "bob")
    alone.run("kick", "alice", "lobby")
    alone.run("announce", "hello")
    with contextlib.closing(sqlite3.connect(alone.database)) as database:
        rows = database.execute("SELECT c.name, m.kind, m.sender, m.userid, m.name, m.text, m.ckey"
                                " FROM messages m JOIN conversations c ON c.id = m.conversation"
                                " ORDER BY m.conversation, m.seq").fetchall()
    texts = [tuple(str(value) for value in row[:6]) for row in rows]
    assert sorted(texts) == sorted([
        ("*", "7", "0", "*", "*", "hello"),
        ("bob", "5", "0", "*", "*", ""),
        ("#lobby", "1", "1", "alice", "alice", ""),
        ("#lobby", "4", "0", "*", "*", "soup"),
        ("#lobby", "8", "0", "*", "*", "closed"),
        ("#lobby", "6", "0", "*", "*", "alice")])
    assert all(str(row[6]).startswith(":") for row in rows)
