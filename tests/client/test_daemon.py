"""The real multichat with the real multichatd.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import signal

import pytest

from harness import Address, Client, Follower, finish
from multichat import PATIENCE, Daemon, engines, wait_until


@pytest.fixture
def daemon():
    if "sqlite" not in engines():
        pytest.skip("built without SQLite")
    made = Daemon()
    try:
        made.start()
        made.add_users("alice", ("bob", "pw-bob", "Bob"))
        yield made
    finally:
        made.close()


def user(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    made = Client(str(folder), name)
    made.set_password("pw-" + name)
    return made


@pytest.fixture
def alice(tmp_path):
    made = user(tmp_path, "alice")
    yield made
    made.close()


@pytest.fixture
def bob(tmp_path):
    made = user(tmp_path, "bob")
    yield made
    made.close()


def test_a_message_from_one_to_the_other(daemon, alice, bob):
    address = Address(daemon)
    child = alice.start(address, "recv", "--count", "2", "--json")
    text = 'a:b "c"\n안녕 😀'
    assert bob.run(address, "send", "alice", text).returncode == 0
    assert bob.run(address, "send", "alice", "x" * 9000).returncode == 0
    code, out, err = finish(child)
    assert code == 0 and err == ""
    first, second = [json.loads(line) for line in out.splitlines()]
    assert (first["from"], first["name"], first["text"]) == ("bob", "Bob", text)
    assert second["text"] == "x" * len(second["text"])


def test_refusals_of_the_daemon(daemon, alice):
    address = Address(daemon)
    result = alice.run(address, "send", "nobody", "x")
    assert result.returncode == 1 and "(unknown)" in result.stderr
    result = alice.run(address, "send", "alice", "x" * 60000)
    assert result.returncode == 1 and "(too-long)" in result.stderr
    daemon.ctl("user", "revoke", "alice")
    alice.set_password("wrong")
    result = alice.run(address, "send", "bob", "x")
    assert result.returncode == 1 and "(denied)" in result.stderr
    assert alice.kept() == []


def test_another_password_ends_the_sessions(daemon, alice):
    address = Address(daemon)
    assert alice.run(address, "send", "bob", "one").returncode == 0
    new = os.path.join(alice.folder, "new")
    with open(new, "w", encoding="utf-8") as file:
        file.write("another\n")
    os.chmod(new, 0o600)
    result = alice.run(address, "passwd", "--new-password-file", new)
    assert result.returncode == 0 and "was changed" in result.stderr
    assert alice.run(address, "send", "bob", "two").returncode == 0  # the session that changed it
    result = alice.run(address, "passwd", "--new-password-file", new)
    assert result.returncode == 1 and "(denied)" in result.stderr
    daemon.ctl("user", "revoke", "alice")
    assert alice.run(address, "send", "bob", "three").returncode == 1
    alice.set_password("another")
    assert alice.run(address, "send", "bob", "three").returncode == 0


def test_a_thousand_lines_from_a_pipe(daemon, alice):
    daemon.ctl("user", "bulk", "alice", "on")
    address = Address(daemon)
    lines = "".join("/msg bob %d\n" % i for i in range(1000))
    result = alice.run(address, text=lines)
    assert (result.returncode, result.stderr) == (0, "")
    assert daemon.figure("writes-stored") == 1000


def shown(follower):
    """The last word of each line."""
    return [line.rsplit(" ", 1)[1] for line in follower.lines]


def test_two_lines_talk_across_a_restart_and_a_kill(daemon, alice, bob):
    address = Address(daemon)
    a, b = alice.start(address), bob.start(address)
    a_out, b_out = Follower(a.stdout), Follower(b.stdout)
    a_err = Follower(a.stderr)

    def say(child, text):
        child.stdin.write(text.encode() + b"\n")
        child.stdin.flush()

    say(a, "/msg bob one")
    b_out.wait_for(r"\(alice\): one$")
    say(b, "/msg alice two")
    a_out.wait_for(r"Bob \(bob\): two$")
    wait_until(lambda: alice.kept() == [] and bob.kept() == [], "the acknowledgements")
    daemon.stop()
    a_err.wait_for("the server is away")
    say(a, "/msg bob three")
    say(a, "/msg bob four")
    wait_until(lambda: len(alice.kept()) == 2, "two messages in the outbox")
    daemon.start()
    a_err.wait_for("the server is back")
    b_out.wait_for("three$")
    b_out.wait_for("four$")
    daemon.kill()
    say(b, "/msg alice five")
    wait_until(lambda: len(bob.kept()) == 1, "a message in the outbox")
    daemon.start()
    a_out.wait_for("five$")
    for child in (a, b):
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0
    assert shown(b_out) == ["one", "three", "four"]
    assert shown(a_out) == ["two", "five"]


def test_what_was_not_acknowledged_comes_again(daemon, alice, bob):
    address = Address(daemon)
    with open("/dev/full", "w", encoding="ascii") as full:
        child = alice.start(address, "recv", "--count", "1", stdout=full)
        assert bob.run(address, "send", "alice", "again").returncode == 0
        assert finish(child)[0] == 6
    child = alice.start(address, "recv", "--count", "1", "--json")
    code, out, _ = finish(child)
    assert code == 0 and json.loads(out)["text"] == "again"


@pytest.mark.parametrize("listen", [[], ["--listen", "none"]], ids=["pushed", "attached"])
def test_each_line_once_whoever_is_killed(daemon, alice, bob, listen):
    """Lines arrive while receiver and server are killed in turn; what a crash left in doubt is
    marked as such."""
    address, count = Address(daemon), 600
    daemon.ctl("user", "bulk", "bob", "on")
    path = os.path.join(alice.folder, "out")
    sender = bob.start(address, *listen)
    lines = iter(range(count))

    def shown():
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def say(until):
        for number in lines:
            sender.stdin.write(b"/msg alice %d\n" % number)
            if number == until:
                break
        sender.stdin.flush()

    with open(path, "wb") as out:
        for kill in range(6):
            child = alice.start(address, *listen, "recv", "--follow", "--json", stdout=out, stderr=None)
            say(count * (kill + 1) // 7)
            # Some of them, and then in the middle of it.
            wait_until(lambda: len(shown()) > count * (kill + 1) // 9, "lines")
            child.kill()
            child.wait(PATIENCE)
            if kill % 3 == 2:
                daemon.kill()
                daemon.start()
        child = alice.start(address, *listen, "recv", "--follow", "--json", stdout=out, stderr=None)
        say(count)
        wait_until(lambda: {line["text"] for line in shown()} == set(map(str, range(count))),
                   "all lines")
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0
    sender.stdin.close()
    sender.stdin = None
    assert finish(sender)[0] == 0
    texts = [line["text"] for line in shown() if "again" not in line]
    again = [line["text"] for line in shown() if "again" in line]
    assert len(set(texts)) == len(texts) and len(again) <= 6
    assert list(dict.fromkeys(line["text"] for line in shown())) == list(map(str, range(count)))


def test_the_way_in_closes_and_opens(daemon, alice, bob):
    """As behind a firewall that is changed."""
    daemon.stop()
    daemon.write_config(push__excluded=["127.0.0.0/8"], presence__probe=1, presence__poll=1)
    daemon.start()
    address = Address(daemon)
    child = alice.start(address, "--verbose", "recv", "--count", "3")
    errors, out = Follower(child.stderr), Follower(child.stdout)
    child.stdout = child.stderr = None
    errors.wait_for("receiving over a kept connection")
    assert bob.run(address, "send", "alice", "attached").returncode == 0
    out.wait_for("attached$")
    daemon.write_config(push__excluded=[])
    daemon.reload()
    errors.wait_for(r"receiving by pushes on port \d+$")
    assert bob.run(address, "send", "alice", "pushed").returncode == 0
    out.wait_for("pushed$")
    daemon.stop()
    daemon.write_config(push__excluded=["127.0.0.0/8"])
    daemon.start()
    assert bob.run(address, "send", "alice", "attached again").returncode == 0
    assert child.wait(PATIENCE) == 0
    out.thread.join(PATIENCE)
    assert shown(out) == ["attached", "pushed", "again"]
