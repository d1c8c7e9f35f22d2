"""Version 1 on the wire: what clients may send, what they are answered, what a push looks like.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import socket
import time

import pytest

from multichat import ETX, error_code, read_answers

TEXTS = {
    "colons": "a:b::c:",
    "quotes": "it's \"quoted\" \\ and `ticked`; DROP TABLE users; -- %s %n",
    "korean": "안녕하세요, 여러분",
    "emoji": "👩‍👩‍👧‍👦 🎉 e\u0301",
    "newlines": "first\nsecond\r\n\tthird",
    "blank": " ",
    "4000 bytes": "x" * 3990 + "0123456789",
    "control": "\x01\x02\x7f\x1b[31m",
    "frame-like": "ack:err:denied:wrmsg:alice:pw-alice:bob:no",
}


@pytest.mark.parametrize("order", ["host", "network"])
def test_poll_in_either_port_order_is_answered_by_a_push(either, clients, order):
    alice, bob = clients(either, "alice"), clients(either, "bob", order=order)
    assert alice.write("bob", "good morning") == "ack"
    (message,) = bob.wait()
    assert (message.name, message.userid, message.text) == ("alice", "alice", "good morning")
    assert abs(message.time - time.time()) < 60


@pytest.mark.parametrize("config,order", [("host", "host"), ("network", "network")])
def test_configured_port_order(daemons, clients, config, order):
    daemon = daemons(version1__port_order=config)
    daemon.add_users("alice", "bob")
    bob = clients(daemon, "bob", order=order)
    assert bob.write("bob", "to myself") == "ack"
    assert bob.wait()[0].text == "to myself"


def test_two_plain_clients_talk(either, clients):
    alice, bob = clients(either, "alice", order="network"), clients(either, "bob")
    alice.poll()
    bob.poll()
    said = []
    for turn in range(5):
        assert alice.write("bob", "from alice %d" % turn) == "ack"
        assert bob.write("alice", "from bob %d" % turn) == "ack"
        said.append(turn)
    assert [m.text for m in bob.wait(5)] == ["from alice %d" % turn for turn in said]
    assert [m.text for m in alice.wait(5)] == ["from bob %d" % turn for turn in said]


def test_write_and_close_without_reading(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    for number in range(10):
        alice.write_and_close("bob", "line %d" % number)
        bob.wait(number + 1)
    assert bob.texts() == ["line %d" % number for number in range(10)]


@pytest.mark.parametrize("everyone", ["%", "*"])
def test_everyone_but_the_sender(either, clients, everyone):
    alice, bob, carol = (clients(either, name) for name in ("alice", "bob", "carol"))
    for client in (alice, bob, carol):
        client.write(client.userid, "sign-on")
        client.wait()
    assert alice.write(everyone, "to all") == "ack"
    assert alice.write("alice", "to myself, last") == "ack"
    assert bob.wait(2)[1].text == carol.wait(2)[1].text == "to all"
    assert [m.text for m in alice.wait(2)] == ["sign-on", "to myself, last"]


@pytest.mark.parametrize("name", TEXTS)
def test_text_arrives_as_it_was_sent(either, clients, name):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    assert alice.write("bob", TEXTS[name]) == "ack"
    assert "".join(m.text for m in bob.wait()) == TEXTS[name]
    assert alice.write("bob", "after") == "ack"
    assert bob.wait(2)[1].text == "after"


@pytest.mark.parametrize("text", ["y" * 16384, "가" * 5000, "🎉" * 4000], ids=["1", "3", "4"])
def test_long_text_is_split_on_characters(either, clients, text):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    assert alice.write("bob", text) == "ack"
    assert alice.write("bob", "end") == "ack"
    count = 2
    while bob.wait(count)[-1].text != "end":
        count += 1
    parts = bob.received[:-1]
    assert len(parts) >= len(text.encode()) // 4095
    assert all(len(part.raw) <= 4095 for part in parts)
    assert "".join(part.text for part in parts) == text
    assert len({(part.time, part.userid) for part in parts}) == 1


def test_display_name_is_shown(daemons, clients):
    daemon = daemons()
    daemon.add_users("alice", ("bob", "pw-bob", "Bob·밥"))
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    assert bob.write("alice", "hi") == "ack"
    assert alice.wait()[0].raw.split(b":", 2)[2] == "Bob·밥:bob:hi".encode()


@pytest.mark.parametrize("ending", [b"\0", b"\x03", b"\n", b"\r\n"], ids=repr)
def test_poll_may_have_a_terminator(daemon, clients, ending):
    bob = clients(daemon, "bob")
    assert bob.write("bob", "x") == "ack"
    with bob.changed:
        while not bob.received:
            bob.poll(ending)
            bob.changed.wait(0.2)


def test_frames_of_one_connection_are_answered_in_order(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    frames = []
    for number in range(20):
        frames.append(alice.frame("bob", "number %d" % number))
        frames.append(alice.frame("nobody", "lost"))
        frames.append(b"nonsense")
    answers = alice.exchange(ETX.join(frames) + ETX, len(frames))
    assert len(answers) == len(frames)
    for number in range(0, len(frames), 3):
        assert answers[number] == "ack"
        assert error_code(answers[number + 1]) == "unknown"
        assert error_code(answers[number + 2]) == "malformed"
    assert [m.text for m in bob.wait(20)] == ["number %d" % number for number in range(20)]


def test_frame_byte_by_byte(daemon, clients):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    with alice.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in alice.frame("bob", "slowly:가") + ETX:
            connection.sendall(bytes([byte]))
        assert read_answers(connection, 1) == ["ack"]
    assert bob.wait()[0].text == "slowly:가"


def test_goodbye_closes(daemon, clients):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    data = alice.frame("bob", "before") + ETX + b"goodbye" + ETX + alice.frame("bob", "after") + ETX
    answers = alice.exchange(data, 9)
    assert answers[0] == "ack" and len(answers) <= 2
    assert bob.write("bob", "last") == "ack"
    assert [m.text for m in bob.wait(2)] == ["before", "last"]


def test_message_ends_at_end_of_stream_too(daemon, clients):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    assert alice.exchange(alice.frame("bob", "no ETX"), 1, finish=True) == ["ack"]
    assert bob.wait()[0].text == "no ETX"


MALFORMED = {
    "verb": b"wrtmsg:alice:pw-alice:bob:x",
    "upper case": b"WRMSG:alice:pw-alice:bob:x",
    "fields": b"wrmsg:alice:pw-alice:bob",
    "no userid": b"wrmsg::pw-alice:bob:x",
    "no password": b"wrmsg:alice::bob:x",
    "no recipient": b"wrmsg:alice:pw-alice::x",
    "no text": b"wrmsg:alice:pw-alice:bob:",
    "empty": b"",
    "nul": b"wrmsg:alice:pw-alice:bob:a\0b",
    "overlong": b"wrmsg:alice:pw-alice:bob:\xc0\xaf",
    "surrogate": b"wrmsg:alice:pw-alice:bob:\xed\xa0\x80",
    "cut": b"wrmsg:alice:pw-alice:bob:\xea\xb0",
    "latin 1": b"wrmsg:alice:pw-alice:bob:caf\xe9",
    "control in name": b"wrmsg:al\x01ice:pw-alice:bob:x",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_frame(daemon, clients, name):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    assert alice.write("bob", "yesterday's bytes") == "ack"
    data = MALFORMED[name] + ETX + alice.frame("bob", "next") + ETX
    answers = alice.exchange(data, 2)
    assert error_code(answers[0]) == "malformed"
    assert answers[1:] == ["ack"]
    assert [m.text for m in bob.wait(2)] == ["yesterday's bytes", "next"]


def test_too_long_text_and_frame(daemons, clients):
    daemon = daemons(limits__text=1000)
    daemon.add_users("alice", "bob")
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    assert alice.write("bob", "x" * 1000) == "ack"
    assert error_code(alice.write("bob", "x" * 1001)) == "too-long"
    assert bob.wait()[0].text == "x" * 1000
    with alice.connect() as connection:
        sent = 0
        try:
            while sent < 1 << 26:
                sent += connection.send(b"z" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 1 << 26, "an endless frame is taken in"
    assert alice.write("bob", "still there") == "ack"
    assert bob.wait(2)[1].text == "still there"


def test_too_long_frame_is_told(daemons, clients):
    daemon = daemons(limits__text=1000)
    daemon.add_users("alice")
    alice = clients(daemon, "alice")
    with alice.connect() as connection:
        connection.sendall(b"wrmsg:" + b"z" * 2000)
        answers = read_answers(connection, 2)
    assert [error_code(answer) for answer in answers] == ["too-long"]


def test_denied_is_one_answer_for_all(either, clients):
    either.ctl("user", "disable", "carol")
    alice = clients(either, "alice")
    answers = {
        alice.exchange(frame + ETX)[0] for frame in (
            b"wrmsg:alice:wrong:bob:x", b"wrmsg:nobody:pw-nobody:bob:x",
            b"wrmsg:carol:pw-carol:bob:x", b"wrmsg:carol:wrong:bob:x",
            b"wrmsg:alice:pw-alic:bob:x", b"wrmsg:alice:pw-alicee:bob:x",
            b"wrmsg:Alice:pw-alice:bob:x")}
    assert len(answers) == 1
    assert error_code(answers.pop()) == "denied"
    bob = clients(either, "bob")
    assert alice.write("bob", "only this") == "ack"
    assert [m.text for m in bob.wait()] == ["only this"]


def test_denied_poll_gets_nothing(daemon, clients):
    thief, bob = clients(daemon, "bob", "wrong"), clients(daemon, "bob")
    for _ in range(5):
        thief.poll()
    daemon.wait_figure("polls-denied", lambda n: n >= 1)
    assert clients(daemon, "alice").write("bob", "secret") == "ack"
    thief.poll()
    bob.wait()
    assert thief.received == []


def test_new_password_holds_at_once(either, clients):
    old, alice = clients(either, "bob"), clients(either, "alice")
    assert old.write("bob", "one") == "ack"
    old.wait()
    path = os.path.join(either.directory, "secret")
    with open(path, "w", encoding="utf-8") as secret:
        secret.write("changed\n")
    either.ctl("user", "passwd", "bob", "--password-file", path)
    assert error_code(old.write("alice", "x")) == "denied"
    new = clients(either, "bob", "changed")
    assert alice.write("bob", "two") == "ack"
    old.poll()
    assert new.write("alice", "y") == "ack"
    assert new.wait()[0].text == "two"
    assert old.texts() == ["one"]


def test_disabled_and_enabled_again(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    assert bob.write("alice", "x") == "ack"
    either.ctl("user", "disable", "bob")
    assert error_code(bob.write("alice", "x")) == "denied"
    either.ctl("user", "enable", "bob")
    assert bob.write("alice", "y") == "ack"
    assert [m.text for m in alice.wait(2)] == ["x", "y"]


def test_rooms(either, clients):
    either.add_room("#tea", "alice", "bob")
    alice, bob, carol = (clients(either, name) for name in ("alice", "bob", "carol"))
    for client in (alice, bob, carol):
        client.write(client.userid, "sign-on")
        client.wait()
    assert alice.write("#tea", "kettle") == "ack"
    assert bob.wait(2)[1].text == "kettle"
    assert error_code(carol.write("#tea", "me too")) == "not-member"
    assert error_code(alice.write("#coffee", "x")) == "unknown"
    assert error_code(alice.write("dave", "x")) == "unknown"
    either.ctl("room", "join", "#tea", "carol")
    assert carol.write("#tea", "me now") == "ack"
    assert alice.wait(2)[1].text == bob.wait(3)[2].text == "me now"
    either.ctl("room", "part", "#tea", "bob")
    assert error_code(bob.write("#tea", "x")) == "not-member"
    assert alice.write("#tea", "without bob") == "ack"
    assert carol.wait(2)[1].text == "without bob"
    assert alice.write("bob", "end") == "ack"
    assert [m.text for m in bob.wait(4)] == ["sign-on", "kettle", "me now", "end"]
    either.ctl("room", "delete", "#tea")
    assert error_code(alice.write("#tea", "x")) == "unknown"


def test_deleted_user_is_unknown(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    assert alice.write("bob", "x") == "ack"
    bob.wait()
    either.ctl("user", "delete", "bob")
    assert error_code(bob.write("alice", "x")) == "denied"
    assert error_code(alice.write("bob", "x")) == "unknown"
    assert alice.write("alice", "me") == "ack"
    assert [m.text for m in alice.wait()] == ["me"]


def test_forbidden_network(daemons, clients):
    daemon = daemons(version1__networks=["10.0.0.0/8"])
    daemon.add_users("alice", "bob")
    alice = clients(daemon, "alice")
    assert error_code(alice.write("bob", "x")) == "forbidden"
    alice.poll()
    daemon.wait_figure("polls-forbidden", lambda n: n == 1)
    assert alice.received == []


def test_network_that_is_allowed_in_part(daemons, clients):
    daemon = daemons(version1__networks=["127.0.0.2/32"])
    daemon.add_users("alice", "bob")
    outside, inside = clients(daemon, "alice"), clients(daemon, "alice", host="127.0.0.2")
    assert error_code(outside.write("alice", "x")) == "forbidden"
    assert inside.write("alice", "y") == "ack"
    outside.poll()
    assert [m.text for m in inside.wait()] == ["y"]
    assert outside.received == []


GARBAGE = [b"", b"\0", b"poll", b"poll:", b"poll:::", b"poll:bob:pw-bob:", b"poll:bob:pw-bob:0",
           b"poll:bob:pw-bob:65536", b"poll:bob:pw-bob:-1",
           b"poll:bob:pw-bob:+9001", b"poll:bob:pw-bob:9x", b"poll:bob:pw-bob:99999999999999999999",
           b"poll::pw-bob:9001", b"poll:bob::9001", b"poll:b\xffb:pw-bob:9001",
           b"POLL:bob:pw-bob:9001", b"poll:bob:pw-bob:9001:more", b"x" * 512, b"x" * 60000,
           b"poll:" + b"b" * 400 + b":pw:9001", b"wrmsg:alice:pw-alice:bob:over udp"]


def test_garbage_datagrams_change_nothing(either, clients):
    bob = clients(either, "bob")
    assert bob.write("bob", "before") == "ack"
    bob.wait()
    present = either.figure("present")
    for datagram in GARBAGE:
        bob.send_datagram(datagram)
    either.wait_figure("polls", lambda n: n >= len(GARBAGE))
    assert either.figure("present") == present
    assert bob.write("bob", "after") == "ack"
    assert [m.text for m in bob.wait(2)] == ["before", "after"]


def test_no_datagram_is_answered(daemon, clients):
    bob = clients(daemon, "bob")
    for datagram in GARBAGE + [b"poll:bob:wrong:9001"]:
        bob.send_datagram(datagram)
    assert bob.write("bob", "x") == "ack"
    bob.wait()
    bob.udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        bob.udp.recv(1)


def test_push_goes_to_the_address_that_polled(daemon, clients):
    bob = clients(daemon, "bob", host="127.0.0.3")
    assert clients(daemon, "alice").write("bob", "x") == "ack"
    assert bob.wait()[0].text == "x"


def test_client_that_is_gone_is_no_error(daemon, clients):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    for number in range(5):
        connection = alice.connect()
        connection.sendall(alice.frame("bob", "gone %d" % number) + ETX)
        connection.close()
        bob.wait(number + 1)
    assert bob.texts() == ["gone %d" % number for number in range(5)]
