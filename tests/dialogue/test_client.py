"""The multichat program against the real daemon, alone and together with a plain client.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import signal

import pytest

from multichat import PATIENCE

TEXTS = ["plain", "with: colons:", "'single' and \"double\"", "안녕하세요", "👩‍👩‍👧‍👦 🎉", "x" * 4000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:6])
def test_send_and_receive(daemon, programs, text):
    status, out, err = programs(daemon, "alice").run("send", "bob", text)
    assert (status, out) == (0, ""), err
    (message,) = programs(daemon, "bob").receive(1)
    assert (message["from"], message["name"], message["text"]) == ("alice", "alice", text)


def test_several_are_received_in_order(either, programs):
    alice, bob = programs(either, "alice"), programs(either, "bob")
    for number in range(5):
        assert alice.run("send", "bob", "number %d" % number)[0] == 0
    assert [m["text"] for m in bob.receive(5)] == ["number %d" % number for number in range(5)]


def test_text_from_standard_input(daemon, programs):
    assert programs(daemon, "alice").run("send", "bob", text="two\nlines\n")[0] == 0
    assert programs(daemon, "bob").receive(1)[0]["text"].rstrip("\n") == "two\nlines"


def test_receiving_ends_when_its_time_is_over(daemon, programs):
    status, out, _ = programs(daemon, "bob").run("recv", "--count", "1", "--timeout", "1")
    assert (status, out) == (5, "")


def test_refusals_are_told(daemon, programs):
    status, _, err = programs(daemon, "alice").run("send", "nobody", "x")
    assert status == 1 and "nobody" in err
    status, _, err = programs(daemon, "alice", "wrong").run("send", "bob", "x")
    assert status == 1 and err


def test_rooms(either, programs):
    either.add_room("#tea", "alice", "bob")
    assert programs(either, "alice").run("send", "#tea", "kettle")[0] == 0
    assert programs(either, "carol").run("send", "#tea", "me too")[0] == 1
    assert programs(either, "alice").run("send", "bob", "end")[0] == 0
    # Two conversations: there is an order within each, but none between them.
    received = programs(either, "bob").receive(2)
    assert {m["text"] for m in received if m["kind"] == "message"} == {"kettle", "end"}


def test_with_a_plain_client(either, programs, clients):
    plain, bob = clients(either, "alice"), programs(either, "bob")
    assert plain.write("bob", "from plain: to bob") == "ack"
    assert bob.receive(1)[0]["text"] == "from plain: to bob"
    assert bob.run("send", "alice", "back")[0] == 0
    assert plain.wait()[0].text == "back"


def test_lines_from_standard_input_go_to_everyone(daemon, programs, clients):
    carol = clients(daemon, "carol")
    child = programs(daemon, "alice").begin("--timeout", str(int(PATIENCE)))
    out, err = child.communicate("hello all\n/msg carol only you\n".encode(), timeout=PATIENCE * 2)
    assert child.returncode == 0, err
    assert [m.text for m in carol.wait(2)] == ["hello all", "only you"]


def test_line_mode_shows_what_comes(daemon, programs, clients):
    alice = clients(daemon, "alice")
    child = programs(daemon, "bob").begin()
    assert alice.write("bob", "for the screen") == "ack"
    line = child.stdout.readline().decode()
    assert "for the screen" in line and "alice" in line
    out, err = child.communicate(b"/quit\n", timeout=PATIENCE)
    assert child.returncode == 0, err


def test_message_is_kept_while_the_server_is_away(either, programs, clients):
    alice = programs(either, "alice")
    either.stop()
    status, _, err = alice.run("send", "bob", "kept")
    assert status == 3 and err
    either.start()
    assert alice.run("send", "bob", "after")[0] == 0
    bob = clients(either, "bob")
    assert [m.text for m in bob.wait(2)] == ["kept", "after"]


def test_client_survives_a_restart(either, programs, clients):
    alice = clients(either, "alice")
    child = programs(either, "bob").begin("recv", "--count", "2", "--timeout", str(int(PATIENCE)))
    assert alice.write("bob", "before") == "ack"
    assert "before" in child.stdout.readline().decode()
    either.stop()
    either.start()
    assert alice.write("bob", "after") == "ack"
    out, err = child.communicate(timeout=PATIENCE * 2)
    assert "after" in out.decode() and child.returncode == 0, err


def test_signal_ends_receiving_in_order(daemon, programs, clients):
    alice = clients(daemon, "alice")
    child = programs(daemon, "bob").begin("recv", "--follow")
    assert alice.write("bob", "seen") == "ack"
    assert "seen" in child.stdout.readline().decode()
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == 0


def test_two_programs_talk(either, programs):
    alice, bob = programs(either, "alice"), programs(either, "bob")
    heard = {"alice": alice.begin("recv", "--follow"), "bob": bob.begin("recv", "--follow")}
    for number in range(3):
        assert alice.run("send", "bob", "a%d" % number)[0] == 0
        assert "a%d" % number in heard["bob"].stdout.readline().decode()
        assert bob.run("send", "alice", "b%d" % number)[0] == 0
        assert "b%d" % number in heard["alice"].stdout.readline().decode()
