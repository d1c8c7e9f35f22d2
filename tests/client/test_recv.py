"""Dialogues of the real multichat that receives, with a server of version 2 that does what the test
says.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import threading
import time

import pytest

from fakeserver import FakeServer, identity, reset
from harness import PASSWORD, Follower, client, error, finish, server
from multichat import ETX, PATIENCE, wait_until

__all__ = ["client", "server"]  # the fixtures


def journal(client):
    """The cursors on the disk: {conversation: last seq shown}."""
    shown = {}
    with open(os.path.join(client.folder, "state", "multichat", "devices",
                           os.listdir(os.path.join(client.folder, "state", "multichat",
                                                   "devices"))[0], "1", "cursors"),
              encoding="ascii") as file:
        for line in file:
            word, number, seq = line.split()
            if word == "shown":
                shown[int(number)] = int(seq)
    return shown


def numbers(lines):
    """The last word of each line."""
    return [line.rsplit(" ", 1)[1] for line in lines]


# -- what is shown

def test_recv_ends_after_count_and_acknowledges(client, server):
    child = client.start(server, "recv", "--count", "2")
    server.push("one", when=0)
    last = server.deliver("two\nlines")
    code, out, err = finish(child)
    server.wait_acked(last)
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0] == "[1970-01-01 00:00] Bob (bob): one"
    assert re.fullmatch(r"\[\d\d:\d\d\] Bob \(bob\): two", lines[1])
    assert lines[2] == "    | lines"
    assert server.signons[0][:3] == ("hello", "alice", PASSWORD)


def test_recv_does_not_acknowledge_more_than_count(client, server):
    child = client.start(server, "recv", "--count", "2")
    server.wait_stream()
    messages = [server.deliver("message %d" % i) for i in range(5)]
    code, out, _ = finish(child)
    server.wait_acked(messages[1])
    assert code == 0 and numbers(out.splitlines()) == ["0", "1"]
    assert server.device().acked[1] == 2
    child = client.start(server, "recv", "--count", "3")
    code, out, _ = finish(child)
    assert code == 0 and numbers(out.splitlines()) == ["2", "3", "4"]


@pytest.mark.parametrize("to,place", [("1/*", ""), ("3/#room", "[#room] "), ("5/alice", "[direct] ")])
def test_where_a_message_was_written(client, server, to, place):
    child = client.start(server, "recv", "--count", "2")
    server.deliver("text", when=0, to=to)
    server.deliver("mine", when=0, to=to, name="Alice", userid="alice")
    code, out, _ = finish(child)
    own = place.replace("direct", "to alice")
    assert code == 0 and out == ("[1970-01-01 00:00] %sBob (bob): text\n"
                                 "[1970-01-01 00:00] %sI: mine\n" % (place, own))


def test_recv_json(client, server):
    child = client.start(server, "recv", "--count", "3", "--json")
    server.deliver('a "b"\n: c\x1b\x7f 안녕', when=1700000000, to="3/#room")
    server.deliver("x", when=1, to="1/*")
    server.deliver("y", when=2, to="5/alice")
    code, out, _ = finish(child)
    first, second, third = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and first == {
        "kind": "message", "time": 1700000000, "time_ms": 1700000000000, "from": "bob", "name": "Bob", "to": "room",
        "conversation": "#room", "number": 3, "seq": 1, "text": 'a "b"\n: c\x1b\x7f 안녕'}
    assert (second["to"], second["conversation"], second["number"]) == ("everyone", "*", 1)
    assert (third["to"], third["conversation"], third["number"]) == ("user", "alice", 5)


def test_whispers_and_notes_are_shown(client, server):
    child = client.start(server, "recv", "--count", "2")
    server.deliver("", when=0, to="3/#room", note="joined")
    server.deliver("", when=0, to="3/#room", note="hail")  # of a server to come
    server.deliver("Bob", when=0, to="1/*", name="Robert", note="renamed")
    server.deliver("psst", when=0, to="5/alice", whispered="3/#room")
    last = server.deliver("down at ten", when=0, to="1/*", userid="*", name="*",
                          note="announcement")
    code, out, err = finish(child)
    server.wait_acked(last)
    assert (code, err) == (0, "")
    assert out == ("[1970-01-01 00:00] -- Bob (bob) has joined #room\n"
                   "[1970-01-01 00:00] -- Bob (bob) is now called Robert\n"
                   "[1970-01-01 00:00] [#room whisper] Bob (bob): psst\n"
                   "[1970-01-01 00:00] -- announcement: down at ten\n")
    assert server.device().acked == {3: 2, 1: 2, 5: 1}  # what is not known, too


def test_whispers_and_notes_as_json(client, server):
    child = client.start(server, "recv", "--json", "--count", "1")
    server.deliver("", when=1, to="5/alice", whispered="3/#room", note="invited")
    server.deliver("psst", when=2, to="5/alice", whispered="3/#room")
    code, out, _ = finish(child)
    first, second = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and first == {
        "kind": "invited", "time": 1, "time_ms": 1000, "from": "bob", "name": "Bob", "to": "user",
        "conversation": "alice", "number": 5, "seq": 1, "room": "#room", "text": ""}
    assert second == {**first, "kind": "whisper", "time": 2, "time_ms": 2000, "seq": 2,
                      "text": "psst"}


def test_hostile_text_is_shown_harmlessly(client, server):
    child = client.start(server, "recv", "--count", "2")
    server.deliver("\x1b]0;title\x07\r\x9b31m\u202eevil\u2066\u200b\ufeff\x08\x7f\n"
                   "[00:00] Eve (eve): fake", name="Bob\u202e", userid="e\u200bve")
    server.deliver("👩\u200d🚀 가나다 \t tab", to="5/alice\u202e")
    code, out, _ = finish(child)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].endswith(
        "] Bob\\u{202E} (e\\u{200B}ve): ^[]0;title^G^M\\u{9B}31m\\u{202E}evil\\u{2066}\\u{200B}"
        "\\u{FEFF}^H^?")
    assert lines[1] == "    | [00:00] Eve (eve): fake"
    assert lines[2].endswith("(bob): 👩\u200d🚀 가나다 \t tab")


# -- ends

def test_recv_time_out_exits_5(client, server):
    result = client.run(server, "recv", "--timeout", "1", "--count", "1")
    assert (result.returncode, result.stdout) == (5, "")


def test_recv_that_is_denied_exits_1(client, server):
    server.denied = error("denied", "wrong")
    result = client.run(server, "recv", "--follow")
    assert result.returncode == 1 and "wrong" in result.stderr and server.polls == []


def test_another_certificate_exits_8_and_is_told_nothing(client, server):
    client.argv(server)  # it is known from now on
    server.identify("another")
    result = client.run(server, "recv", "--follow")
    assert result.returncode == 8 and "ANOTHER CERTIFICATE" in result.stderr
    assert server.verbs == [] and server.polls == []


def test_recv_into_a_full_file_does_not_acknowledge(client, server):
    with open("/dev/full", "w", encoding="ascii") as full:
        child = client.start(server, "recv", "--follow", stdout=full)
        server.deliver("text")
        code, _, err = finish(child)
    assert code == 6 and "not acknowledged" in err
    assert server.device().acked[1] == 0
    child = client.start(server, "recv", "--count", "1", "--json")
    code, out, _ = finish(child)
    shown = json.loads(out)  # nothing of it was seen, and so it is not said that it might have been
    assert code == 0 and shown["text"] == "text" and "again" not in shown


def test_recv_ends_when_its_reader_has_gone(client, server):
    child = client.start(server, "recv", "--follow")
    server.wait_poll()
    child.stdout.close()
    child.stdout = None
    assert finish(child)[0] == 6


def test_recv_ends_when_the_other_end_of_its_socket_has_gone(client, server):
    """There, poll(2) tells of it in another way than at a pipe."""
    here, there = socket.socketpair()
    with here, there:
        child = client.start(server, "recv", "--follow", stdout=there)
    assert finish(child)[0] == 6


def cpu_seconds(child):
    """That it has used so far."""
    with open("/proc/%d/stat" % child.pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("reaches", [True, False], ids=["pushed", "attached"])
def test_a_connection_that_breaks_while_its_reader_sleeps_is_no_work(client, server, reaches):
    server.reaches = reaches
    child = client.start(server, "recv", "--follow")
    wire = server.wait_stream(attached=not reaches)
    for _ in range(300):  # more than the client takes in
        server.deliver("x" * 8000)
    server.wait_polls(1)
    before = cpu_seconds(child)
    wire.reset()
    server.wait_polls(1)
    assert cpu_seconds(child) - before < 0.1
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0


def test_recv_whose_reader_sleeps_does_not_acknowledge_and_still_ends(client, server):
    child = client.start(server, "recv", "--follow")
    server.wait_stream()
    for _ in range(40):  # a pipe takes 64 KiB, and nobody reads
        server.deliver("x" * 4000)
    device = server.device()
    wait_until(lambda: device.acked[1] >= 12, "the pipe to fill", server.changed)
    child.send_signal(signal.SIGTERM)
    code, out, _ = finish(child)
    assert code == 0
    whole = [line for line in out.splitlines() if line.endswith("x" * 4000)]
    assert device.acked[1] <= len(whole)
    assert journal(client)[1] == len(whole)


def test_recv_ends_by_signal(client, server):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child = client.start(server, "recv", "--follow")
        server.wait_poll(fresh=True)
        child.send_signal(number)
        assert finish(child)[0] == 0


# -- exactly once

def test_a_message_that_comes_again_is_acknowledged_and_not_shown(client, server):
    child = client.start(server, "recv", "--follow", "--json")
    out = Follower(child.stdout)
    server.push("one")
    device = server.device()
    device.acked.clear()  # the server lost what it knew
    server.wait_stream().reset()
    server.push("two")
    wait_until(lambda: device.acked[1] == 2, "the ack", server.changed)
    out.wait_for("two")  # finish() would read what is left
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0
    out.thread.join(PATIENCE)
    assert [json.loads(line)["text"] for line in out.lines] == ["one", "two"]


def test_started_again_it_is_the_same_device_and_remembers(client, server):
    for text in ("one", "two"):
        child = client.start(server, "recv", "--count", "1", "--json")
        server.wait_acked(server.deliver(text))
        server.device().acked.clear()
        assert json.loads(finish(child)[1])["text"] == text
    assert [way for way, *_ in server.signons].count("hello") == 1
    assert len(server.devices) == 1


def test_two_at_once_are_two_devices(client, server):
    first = client.start(server, "recv", "--count", "1")
    server.wait_signon(1)
    second = client.start(server, "recv", "--count", "1")
    wait_until(lambda: len(server.devices) == 2, "two devices", server.changed)
    for device in list(server.devices.values()):
        server.push("to each", device=device)
    for child in (first, second):
        code, out, _ = finish(child)
        assert code == 0 and out.endswith("to each\n")


def test_what_may_have_been_shown_is_marked(client, server):
    """Killed between the screen and the journal."""
    child = client.start(server, "recv", "--count", "1")
    message = server.deliver("one")
    assert finish(child)[0] == 0
    server.wait_acked(message)
    folder = os.path.join(client.folder, "state", "multichat", "devices")
    path = os.path.join(folder, os.listdir(folder)[0], "1", "cursors")
    with open(path, "a", encoding="ascii") as file:
        file.write("begin 1 2\n")
    child = client.start(server, "recv", "--count", "2")
    server.deliver("two", when=0)
    server.deliver("three", when=0)
    assert finish(child)[1] == ("[1970-01-01 00:00] (may have been shown before) Bob (bob): two\n"
                                "[1970-01-01 00:00] Bob (bob): three\n")
    with open(path, "a", encoding="ascii") as file:
        file.write("begin 1 4\n")
    child = client.start(server, "recv", "--count", "1", "--json")
    server.deliver("four")
    assert json.loads(finish(child)[1])["again"] is True


def test_killed_at_any_moment_each_line_is_there_once(client, server):
    """What the journal leaves in doubt is marked as such; nothing else appears twice."""
    path = os.path.join(client.folder, "out")
    count, sent = 1500, 0

    def feed():
        nonlocal sent
        while sent < count:
            server.deliver("%d" % sent, device=device)
            sent += 1
            if sent - device.acked[1] > 200:
                wait_until(lambda: sent - device.acked[1] < 100, "acks", server.changed)

    with open(path, "wb") as out:
        child = client.start(server, "recv", "--follow", "--json", stdout=out, stderr=None)
        server.wait_signon()
        device = server.device()
        feeder = threading.Thread(target=feed)
        feeder.start()
        for kill in range(12):
            goal = count * (kill + 1) // 14
            wait_until(lambda: device.acked[1] > goal, "%d acks" % goal, server.changed)
            child.kill()
            child.wait(PATIENCE)
            child = client.start(server, "recv", "--follow", "--json", stdout=out, stderr=None)
        feeder.join(PATIENCE)
        wait_until(lambda: device.acked[1] == count, "the last ack", server.changed)
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0
    with open(path, encoding="utf-8") as file:
        shown = [json.loads(line) for line in file]
    again = {line["seq"] for line in shown if "again" in line}
    assert [line["seq"] for line in shown if "again" not in line or
            sum(other["seq"] == line["seq"] for other in shown) == 1] == list(range(1, count + 1))
    assert len(again) <= 12
    for seq in again:
        assert sum(line["seq"] == seq for line in shown) <= 2


def test_a_journal_that_cannot_be_written_acknowledges_nothing(client, server):
    child = client.start(server, "recv", "--count", "1")
    server.push("one")
    assert finish(child)[0] == 0
    folder = os.path.join(client.folder, "state", "multichat", "devices")
    path = os.path.join(folder, os.listdir(folder)[0], "1", "cursors")
    os.unlink(path)
    os.symlink("/dev/full", path)  # not followed
    server.deliver("two")
    child = client.start(server, "recv", "--count", "1")
    code, out, err = finish(child)
    assert (code, out) == (7, "") and "what was shown cannot be kept" in err
    assert server.device().acked[1] == 1


# -- how messages come

def test_it_attaches_first_and_is_pushed_to_then(client, server):
    server.polled = lambda device, port: "pushing"
    child = client.start(server, "recv", "--follow", "--verbose")
    errors = Follower(child.stderr)
    child.stderr = None
    server.wait_stream(attached=True)
    server.push("over the link")
    server.polled = server.reach
    server.wait_stream(attached=False)
    wait_until(lambda: "goodbye" in server.verbs, "the end of the link", server.changed)
    server.push("by a push")
    server.push("and another", to="3/#room")
    child.send_signal(signal.SIGTERM)
    code, out, _ = finish(child)
    assert code == 0 and [line.split(": ")[1] for line in out.splitlines()] == [
        "over the link", "by a push", "and another"]
    assert errors.lines == []  # as it should be: nothing to tell


def test_who_cannot_be_reached_stays_attached_until_he_can(client, server):
    server.reaches = False
    child = client.start(server, "recv", "--follow", "--verbose")
    errors = Follower(child.stderr)
    child.stderr = None
    server.wait_stream(attached=True)
    errors.wait_for("receiving over a kept connection")
    server.push("one")
    server.reaches = True
    server.wait_stream(attached=False)
    errors.wait_for(r"receiving by pushes on port \d+$")
    server.push("two")
    server.reaches = False
    server.wait_stream().reset()
    server.wait_stream(attached=True)
    server.push("three")
    child.send_signal(signal.SIGTERM)
    code, out, _ = finish(child)
    assert code == 0 and numbers(out.splitlines()) == ["one", "two", "three"]
    assert len(errors.lines) <= 3


def test_it_detaches_when_told_idle(client, server):
    server.polled = lambda device, port: "idle" if device.attached else "pushing"
    child = client.start(server, "recv", "--follow")
    wait_until(lambda: server.verbs[-1:] == ["goodbye"], "the end of the link", server.changed)
    assert server.verbs == ["hello", "attach", "detach", "goodbye"]
    server.polled = lambda device, port: "unreachable"
    server.wait_stream(attached=True)
    server.push("text")
    child.send_signal(signal.SIGTERM)
    assert finish(child)[1].endswith("text\n")


def test_a_push_that_is_late_makes_it_attach(client, server):
    server.polled = lambda device, port: "idle"
    child = client.start(server, "recv", "--count", "1")
    wait_until(lambda: "goodbye" in server.verbs, "the end of the link", server.changed)
    attached = server.verbs.count("attach")
    server.polled = lambda device, port: "pushing"
    server.deliver("late")
    assert finish(child)[1].endswith("late\n")
    assert server.verbs.count("attach") == attached + 1


def test_listen_none_polls_with_port_0_and_stays_attached(client, server):
    child = client.start(server, "--listen", "none", "--verbose", "recv", "--count", "1")
    server.wait_polls(2)
    assert {poll[2] for poll in server.polls} == {0}
    assert server.device().attached
    server.push("text")
    code, out, err = finish(child)
    assert code == 0 and out.endswith("text\n") and err == ""


def test_sessions_that_ended_are_made_anew(client, server):
    child = client.start(server, "recv", "--count", "1")
    server.wait_stream(attached=False)
    server.end_sessions()
    wait_until(lambda: [way for way, *_ in server.signons] == ["hello", "hello"],
               "another hello", server.changed)
    server.push("text")
    assert finish(child)[0] == 0
    assert len(server.devices) == 1


def test_a_server_that_restarts_delivers_on(client, server):
    child = client.start(server, "recv", "--follow")
    errors = Follower(child.stderr)
    child.stderr = None
    for i in range(2):
        server.push("before %d" % i)
        server.stop()
        errors.wait_for(r"the server is away")
        server.deliver("meanwhile %d" % i)
        server.start()
        errors.wait_for(r"the server is back")
        server.push("after %d" % i)
        errors.lines.clear()
    child.send_signal(signal.SIGTERM)
    code, out, _ = finish(child)
    assert code == 0
    assert [line.split(": ")[1] for line in out.splitlines()] == [
        "%s %d" % (when, i) for i in range(2) for when in ("before", "meanwhile", "after")]
    assert [way for way, *_ in server.signons].count("hello") == 1


def test_lost_datagrams_change_nothing(client, server):
    """One in five polls and answers is lost, and more: each second one."""
    child = client.start(server, "recv", "--follow", "--verbose")
    errors = Follower(child.stderr)
    child.stderr = None
    server.wait_stream(attached=False)
    wait_until(lambda: "goodbye" in server.verbs, "the end of the link", server.changed)
    turn = iter(range(1 << 30))
    server.lose = lambda: next(turn) % 2 == 0
    server.wait_polls(3)  # with those that are lost, more than make it doubt the server
    assert server.verbs.count("attach") == 1 and errors.lines == []
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0


def test_polls_come_as_often_as_the_server_wants(client, server):
    child = client.start(server, "recv", "--follow")
    server.wait_poll(fresh=True)
    start = time.monotonic()
    server.wait_polls(2)
    assert 0.9 < time.monotonic() - start < 10
    assert len({poll[2] for poll in server.polls}) == 1
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0


# -- strangers

def secure(connection):
    """TLS in the server's role, with a certificate of somebody else's."""
    connection.settimeout(PATIENCE)
    return identity("stranger")[0].wrap_socket(connection, server_side=True)


def test_strangers_get_nothing(client, server):
    child = client.start(server, "recv", "--count", "1")
    server.wait_stream(attached=False)
    said = []
    for data in (b"GET / HTTP/1.0\r\n\r\n", b"push:" + b"a" * 100000, b"\x16\x03\x01" * 1000, b""):
        connection = server.open_push()
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                said.append(more)
        connection.close()
    with contextlib.suppress(OSError):
        connection = secure(server.open_push())
        connection.sendall(b"push:x:" + b"0" * 32 + ETX)
        said.append(connection.recv(65536))
    reset(server.open_push())
    assert not any(b"proof" in data for data in said)
    server.push("text")
    code, out, err = finish(child)
    assert code == 0 and out.endswith("text\n") and err == ""


def test_the_server_itself_has_to_name_the_session(client, server):
    child = client.start(server, "recv", "--count", "1")
    server.wait_stream(attached=False)
    for frame in (b"push:nonsense:" + b"0" * 32, b"msg:1/*:1:1:eve:Eve:forged", b"pong"):
        with server.context.wrap_socket(server.open_push(), server_side=True) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(frame + ETX)
            with contextlib.suppress(ssl.SSLError, OSError):
                assert connection.recv(100) == b""
    server.push("text")
    code, out, _ = finish(child)
    assert code == 0 and "forged" not in out


def test_strangers_do_not_crowd_out_the_server(client, server):
    child = client.start(server, "recv", "--count", "1")
    server.wait_stream(attached=False).reset()
    silent = [server.open_push(source="127.0.0.2") for _ in range(40)]
    server.deliver("text")  # the server has to connect again
    code, out, _ = finish(child)
    for connection in silent:
        connection.close()
    assert code == 0 and out.endswith("text\n")


# -- addresses

def test_ipv6(client):
    try:
        server = FakeServer("::1")
    except OSError as problem:
        pytest.skip("no IPv6 loopback here: %s" % problem)
    child = client.start(server, "recv", "--count", "1")
    server.wait_stream(attached=False)
    server.push("six")
    assert finish(child)[0] == 0
    assert server.polls[0][3] == "::1"
    assert client.run(server, "send", "bob", "six").returncode == 0
    server.close()


def test_of_several_addresses_the_one_that_answers_is_used(client, server):
    """localhost is ::1 and 127.0.0.1; this server is at one of them."""
    server.host, host = "localhost", server.host
    child = client.start(server, "recv", "--count", "1")
    server.host = host
    server.wait_stream(attached=False)
    server.push("found")
    assert finish(child)[0] == 0
    assert server.polls[0][3] == host


def test_plain_connections_where_they_are_wanted(client):
    server = FakeServer(tls=False)
    child = client.start(server, "--no-tls", "recv", "--count", "2")
    server.wait_stream(attached=True)
    server.push("over the link")
    server.wait_stream(attached=False)
    server.push("by a push")
    assert finish(child)[0] == 0
    server.close()


# -- ending by itself

def unread(server):
    """What the device has not acknowledged, as a server tells it."""
    def answer(frame):
        waiting = {}
        for number, _, text in server.device().waiting():
            waiting[number, text.split(":")[1]] = waiting.get((number, text.split(":")[1]), 0) + 1
        return (["waiting:%s:%d" % (name, count) for (_, name), count in waiting.items()]
                + ["end:unread:%d:" % len(waiting)])
    return answer


def test_recv_ends_when_nothing_waits(client, server):
    server.answers["unread"] = unread(server)
    assert client.run(server, "recv").stdout == ""
    device = server.device()
    for i in range(300):
        server.deliver("message %d" % i, to=("1/*", "3/#room")[i % 2], device=device)
    result = client.run(server, "recv")
    assert (result.returncode, result.stderr) == (0, "")
    texts = [line.rsplit(" ", 1)[1] for line in result.stdout.splitlines()]
    assert sorted(texts, key=int) == [str(i) for i in range(300)]
    assert device.waiting() == []


def test_recv_that_may_not_ask_what_waits_says_so(client, server):
    server.answers["unread"] = lambda frame: ["err:forbidden-here:unread:not for you"]
    result = client.run(server, "recv")
    assert result.returncode == 1 and "not for you" in result.stderr


# -- commands

def run_each(folder, command, name="each"):
    """A script for --exec; its output goes to a file of that name."""
    path = os.path.join(folder, name + ".sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write("exec >>%s\n%s\n" % (os.path.join(folder, name), command))
    return "sh " + path


def lines_of(folder, name="each"):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read().splitlines()


def test_exec_runs_a_command_for_each_message(client, server):
    command = run_each(client.folder, 'cat; env | grep ^MULTICHAT_ | sort')
    client.env["MULTICHAT_ROOM"] = "of another message"
    child = client.start(server, "recv", "--count", "2", "--exec", command)
    server.deliver("", when=0, to="3/#room", note="joined")
    server.deliver("one\n: two", when=1, to="3/#room")
    last = server.deliver("three\n", when=2, to="5/alice", whispered="3/#room")
    assert finish(child) == (0, "", "")
    server.wait_acked(last)
    assert lines_of(client.folder) == [
        "one", ": two", "MULTICHAT_CONVERSATION=#room", "MULTICHAT_FROM=bob",
        "MULTICHAT_KIND=message", "MULTICHAT_NAME=Bob", "MULTICHAT_NUMBER=3", "MULTICHAT_SEQ=2",
        "MULTICHAT_TIME=1", "MULTICHAT_TIME_MS=1000", "MULTICHAT_TO=room",
        "three", "MULTICHAT_CONVERSATION=alice", "MULTICHAT_FROM=bob", "MULTICHAT_KIND=whisper",
        "MULTICHAT_NAME=Bob", "MULTICHAT_NUMBER=5", "MULTICHAT_ROOM=#room", "MULTICHAT_SEQ=1",
        "MULTICHAT_TIME=2", "MULTICHAT_TIME_MS=2000", "MULTICHAT_TO=user"]
    assert server.device().acked[3] == 2  # the notice, too


def test_exec_with_json_and_notices(client, server):
    command = run_each(client.folder, "cat")
    child = client.start(server, "recv", "--count", "1", "--json", "--notices", "--exec", command)
    server.deliver("", to="3/#room", note="joined")
    server.deliver("text", to="3/#room")
    assert finish(child) == (0, "", "")
    first, second = [json.loads(line) for line in lines_of(client.folder)]
    assert (first["kind"], second["kind"], second["text"]) == ("joined", "message", "text")


def test_a_command_that_fails_leaves_its_message_unacknowledged(client, server):
    command = run_each(client.folder, 'text=$(cat); echo "$text $MULTICHAT_AGAIN"; [ "$text" != bad ]')
    child = client.start(server, "recv", "--follow", "--exec", command)
    good = server.deliver("good")
    server.deliver("bad")
    code, out, err = finish(child)
    assert (code, out) == (11, "") and "status 1" in err and "not acknowledged" in err
    server.wait_acked(good)
    assert server.device().acked[1] == 1
    child = client.start(server, "recv", "--exec", run_each(client.folder, "cat"), "--count", "1")
    assert finish(child)[0] == 0
    assert lines_of(client.folder) == ["good ", "bad ", "bad"]
    assert server.device().acked[1] == 2


def test_a_command_is_told_that_its_message_may_have_been_seen_before(client, server):
    command = run_each(client.folder, 'cat; echo "again: $MULTICHAT_AGAIN"; kill -9 $$')
    child = client.start(server, "recv", "--follow", "--exec", command)
    server.deliver("text")
    code, _, err = finish(child)
    assert code == 11 and "status 137" in err
    command = run_each(client.folder, 'cat; echo "again: $MULTICHAT_AGAIN"')
    child = client.start(server, "recv", "--exec", command, "--count", "1")
    assert finish(child)[0] == 0
    assert lines_of(client.folder) == ["text", "again: ", "text", "again: true"]


def test_a_command_that_runs_is_waited_for(client, server):
    """Whoever ends the program does not leave a message half done."""
    gate = os.path.join(client.folder, "gate")
    os.mkfifo(gate)
    command = run_each(client.folder, "echo begun; read line < %s; echo $line" % gate)
    child = client.start(server, "recv", "--follow", "--exec", command)
    message = server.deliver("text")
    with open(gate, "w", encoding="ascii") as file:  # once the command reads it
        child.send_signal(signal.SIGTERM)
        file.write("done\n")
    assert finish(child) == (0, "", "")
    server.wait_acked(message)
    assert lines_of(client.folder) == ["begun", "done"]
