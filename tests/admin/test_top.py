"""multichatctl top: who is connected and how, once or again and again on a terminal, which it gives
back as it was.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import re
import signal
import socket
import termios
import time

import pytest

import multichat
from multichat import V1Client, program, wait_until
from picture import Picture
from screen import Terminal
from sites import NO_DAEMON, Site
from v2 import V2Client

pytestmark = pytest.mark.skipif("sqlite" not in multichat.engines(), reason="built without SQLite")

TITLES = ["WAITING", "SINCE", "REACHED", "V", "ADDRESS", "USERID", "DEVICE"]


@pytest.fixture(name="daemon", scope="module")
def make_daemon():
    daemon = multichat.Daemon(presence__present=600)
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture(name="people", scope="module")
def make_people(daemon):
    """One of each kind: alice polls (version 1), bob is attached, carol cannot be reached, 밥 is
    pushed to, eve has signed on and no more."""
    daemon.add_users("alice", "bob", "carol", "밥", "eve")
    alice = V1Client(daemon, "alice")
    wait_until(lambda: alice.poll() or daemon.figure("present") == 1, "alice is present")
    bob, paul = V2Client(daemon, "bob"), V2Client(daemon, "밥")
    carol, eve = V2Client(daemon, "carol", listen=False), V2Client(daemon, "eve", device="-")
    bob.attach()
    carol.sign_on().close()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        carol.port = nobody.getsockname()[1]
        carol.poll_until("unreachable")
    paul.sign_on().close()
    paul.send("밥", "to myself")
    paul.wait(1)
    with eve.sign_on():
        yield {"alice": alice, "bob": bob, "carol": carol, "밥": paul, "eve": eve}
    for client in (alice, bob, carol, paul, eve):
        client.close()


def top(daemon, *arguments):
    return daemon.ctl("top", *arguments)


def test_who_is_connected(daemon, people):
    told = json.loads(top(daemon, "--json").stdout)
    clients = {client["userid"]: client for client in told["clients"]}
    assert told["ok"] and told["count"] == len(told["clients"]) == len(people)
    assert [client["userid"] for client in told["clients"]] == sorted(people)
    assert {userid: client["reached"] for userid, client in clients.items()} == {
        "alice": "polls", "bob": "attached", "carol": "unreachable", "밥": "pushed",
        "eve": "signed-on"}
    assert {client["version"] for client in clients.values()} == {1, 2}
    assert clients["alice"]["version"] == 1
    assert clients["alice"]["address"] == "127.0.0.1:%d" % people["alice"].port
    assert clients["alice"]["device"] == "" and clients["bob"]["device"] == "test"
    now = time.time() * 1000
    assert all(now - 60_000 < client["since_ms"] <= now for client in clients.values())
    # What status tells is there, too.
    assert told["storage"]["up"] and told["presence"]["attached"] == 1
    assert set(told["queues"]) == {"storage", "passwords", "devices"}
    assert set(told["rates"]) == {"polls", "connections", "frames", "writes", "deliveries"}


def test_once_for_people(daemon, people):
    lines = top(daemon, "--once").stdout.splitlines()
    assert re.fullmatch(r"multichatd \S+, up \d\d:\d\d", lines[0])
    assert "5 connected: 1 attached" in lines[1]
    assert lines[6].split() == TITLES
    rows = [line.split() for line in lines[7:]]
    assert [row[5] for row in rows] == sorted(people)
    assert all(re.fullmatch(r"\d\d:\d\d", row[1]) for row in rows)
    assert rows[0][:4] == ["0", rows[0][1], "polls", "1"] and rows[0][6] == "-"
    # Without a terminal to paint on, it is as if it had been asked for.
    assert top(daemon).stdout.splitlines()[6].split() == TITLES


def test_pages(daemon, people):
    seen, after = [], None
    while True:
        request = {"verb": "clients", "limit": 2, **({"after": after} if after else {})}
        answer = daemon.request(request)
        assert answer["ok"] and answer["count"] == 5 and len(answer["clients"]) <= 2
        seen += [client["userid"] for client in answer["clients"]]
        if "next" not in answer:
            break
        after = answer["next"]
    assert seen == sorted(people)
    refusal = daemon.request({"verb": "clients", "order": "age"})
    assert refusal["code"] == "invalid" and '"userid" and "waiting"' in refusal["error"]


def test_those_for_whom_most_waits_come_first(daemons):
    daemon = daemons(presence__present=600)
    daemon.add_users("alice", "bob", "carol")
    alice, bob, carol = (V2Client(daemon, name) for name in ("alice", "bob", "carol"))
    for client in (alice, bob, carol):
        client.acknowledging = False
        client.attach()
    alice.send("bob", "one")
    for text in ("one", "two"):
        alice.send("carol", text)
    bob.wait(1, poll=False)
    carol.wait(2, poll=False)
    answer = daemon.request({"verb": "clients", "order": "waiting", "limit": 2})
    assert [(c["userid"], c["waiting"]) for c in answer["clients"]] == [("carol", 2), ("bob", 1)]
    assert "next" not in answer and answer["count"] == 3
    for client in (alice, bob, carol):
        client.close()


def test_rates_are_what_happens_a_second(daemon, people):
    def rates():
        return daemon.status()["rates"]
    wait_until(lambda: people["alice"].poll() or rates()["polls"] > 0, "a rate of polls")
    wait_until(lambda: people["alice"].write("bob", "x") and rates()["writes"] > 0, "of writes")
    wait_until(lambda: rates()["deliveries"] > 0, "of deliveries")


def test_no_daemon():
    site = Site()
    try:
        told = site.run("top", code=NO_DAEMON)
        assert "no daemon is running" in told.stderr and site.control in told.stderr
        assert site.json("top", code=NO_DAEMON)["code"] == "no-daemon"
    finally:
        site.close()


# -- on a terminal


@pytest.fixture(name="terminal")
def make_terminal(daemon):
    made = []

    def start(columns=80, rows=24, term="xterm", daemon=daemon):
        made.append(Terminal([program("multichatctl"), "--config", daemon.config, "top"],
                             dict(os.environ, LC_ALL="C.UTF-8"), columns, rows,
                             Picture(columns, rows), term))
        return made[-1]

    yield start
    for terminal in made:
        terminal.close()


def fresh_modes():
    ends = os.openpty()
    modes = termios.tcgetattr(ends[1])
    for end in ends:
        os.close(end)
    return modes


def assert_given_back(terminal):
    """It ends, and well; the modes of the line are those of before, the other screen has been left,
    and the cursor is to be seen."""
    assert terminal.child.wait(multichat.PATIENCE) == 0
    assert termios.tcgetattr(terminal.slave) == fresh_modes()
    assert terminal.end() == (0, "")
    raw = terminal.raw
    assert raw.count(b"\x1b[?1049h") == raw.count(b"\x1b[?1049l") == 1
    assert raw.rindex(b"\x1b[?1049l") > raw.rindex(b"\x1b[?25l")
    assert raw.rindex(b"\x1b[?12l\x1b[?25h") > raw.rindex(b"\x1b[?25l")


def test_refreshed_in_place_until_it_is_quit(people, terminal):
    shown = terminal()
    with people["eve"].sign_on():
        shown.wait_for("6 connected")
    lines = shown.wait_for("5 connected")
    assert lines[0].startswith("multichatd ") and lines[6].split() == TITLES
    assert len([line for line in lines if line.startswith("multichatd ")]) == 1
    assert sorted(line.split()[5] for line in lines[7:] if line) == sorted(people)
    rows = shown.screen.model.buffer
    assert rows[6][0].reverse and not rows[7][0].reverse
    shown.type("x?q")
    assert_given_back(shown)


def test_resized(people, terminal):
    shown = terminal()
    shown.wait_for("DEVICE")
    shown.resize(200, 60)
    shown.wait_lines(lambda lines: len(lines) == 60 and "messages" in lines[4], "a long line")
    shown.resize(30, 9)
    lines = shown.wait_lines(lambda lines: sum(bool(line) for line in lines) == 8, "two clients")
    assert all(len(line) <= 30 for line in lines)
    shown.type("\x03")
    assert_given_back(shown)


def is_stopped(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def test_suspended_and_resumed(people, terminal):
    shown = terminal()
    shown.wait_for("5 connected")
    shown.type("\x1a")
    wait_until(lambda: is_stopped(shown.child.pid), "it is stopped")
    assert termios.tcgetattr(shown.slave) == fresh_modes()
    wait_until(lambda: b"\x1b[?1049l" in shown.raw, "the other screen is left", shown.changed)
    shown.child.send_signal(signal.SIGCONT)
    wait_until(lambda: shown.raw.count(b"\x1b[?1049h") == 2, "and taken again", shown.changed)
    shown.wait_for("5 connected")
    shown.type("q")
    assert shown.child.wait(multichat.PATIENCE) == 0
    assert termios.tcgetattr(shown.slave) == fresh_modes()
    assert shown.end() == (0, "")


def test_daemon_goes_and_comes_back(daemons, terminal):
    daemon = daemons()
    shown = terminal(daemon=daemon)
    shown.wait_for("0 connected")
    daemon.stop()
    assert "tried again" in "".join(shown.wait_for("no daemon is running"))
    daemon.start()
    shown.wait_for("multichatd ")
    shown.child.send_signal(signal.SIGTERM)
    assert_given_back(shown)


def test_terminal_that_cannot_be_painted_on(people, terminal):
    shown = terminal(term="dumb")
    shown.wait_for("5 connected")
    assert shown.end() == (0, "")
    assert b"\x1b" not in shown.raw
