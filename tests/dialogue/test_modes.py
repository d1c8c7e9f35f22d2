"""The modes for scripts against the real daemon: what they write, and what they end with.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json

import pytest

from multichat import PATIENCE


@pytest.fixture
def people(daemons, programs):
    """alice and bob, who have made and joined #lobby, and carol, who has not."""
    daemon = daemons()
    daemon.add_users("alice", "bob", "carol")
    three = [programs(daemon, name) for name in ("alice", "bob", "carol")]
    for client in three:
        assert client.run("rooms")[0] == 0
    for client in three[:2]:
        assert client.run("join", "lobby")[0] == 0
    return three


def good(client, *arguments, **more):
    """What it writes."""
    status, out, err = client.run(*arguments, **more)
    assert (status, err) == (0, "")
    return out


def objects(client, *arguments):
    return [json.loads(line) for line in good(client, *arguments, "--json").splitlines()]


def test_rooms_and_who(people):
    alice, _, carol = people
    assert good(alice, "rooms") == "#lobby\t#1\topen\t2\toperator\t\n"
    assert [room["standing"] for room in objects(carol, "rooms")] == ["none"]
    assert good(alice, "who", "1") == ("alice\tabsent\toperator\talice\n"
                                       "bob\tabsent\tmember\tbob\n")
    assert [member["userid"] for member in objects(carol, "who")] == ["alice", "bob", "carol"]
    status, out, err = carol.run("who", "lobby")
    assert (status, out) == (1, "") and "not-member" in err


def test_send_unread_recv_history(people):
    alice, bob, _ = people
    good(bob, "recv")
    good(alice, "send", "--room", "LOBBY", "to all here")
    good(alice, "send", "#lobby/bob", "to you alone")
    good(alice, "send", "bob", "direct")
    good(alice, "send", "--room", "1", "--file", "-", text="by number\n")
    assert sorted(good(bob, "unread").splitlines()) == ["#lobby\t2", "bob\t2"]
    heard = [line.split("] ", 1)[1] for line in good(bob, "recv").splitlines()]
    assert sorted(heard) == ["[#lobby whisper] alice (alice): to you alone",
                             "[#lobby] alice (alice): by number",
                             "[#lobby] alice (alice): to all here",
                             "[direct] alice (alice): direct"]
    assert good(bob, "unread") == ""
    assert [entry["text"] for entry in objects(alice, "history", "--room", "lobby")] == [
        "", "", "to all here", "to you alone", "by number"]
    assert [entry["kind"] for entry in objects(bob, "history", "--room", "1", "--last", "2")] == [
        "whisper", "message"]
    assert [entry["seq"] for entry in objects(bob, "history", "--room", "1", "--number", "3-")] == [
        3, 4]
    assert [entry["text"] for entry in objects(alice, "history", "bob")] == ["direct"]
    assert good(bob, "history", "--room", "lobby", "--to", "yesterday") == ""


def test_history_of_many_pages_is_in_order(people):
    alice, bob, _ = people
    texts = ["line %d" % number for number in range(500)]
    assert alice.run(text="/to #lobby\n" + "\n".join(texts))[0] == 0
    shown = [entry["text"] for entry in objects(bob, "history", "--room", "lobby")]
    assert [text for text in shown if text] == texts
    assert [entry["text"] for entry in objects(bob, "history", "--room", "lobby", "--last", "250")
            ] == texts[-250:]


def test_send_waits_for_the_receiver(people):
    alice, bob, carol = people
    receiving = bob.begin("recv", "--follow", "--json")
    good(alice, "send", "--wait", "--timeout", str(int(PATIENCE)), "bob", "are you there")
    good(alice, "send", "--wait", "--timeout", str(int(PATIENCE)), "#lobby/bob", "psst")
    receiving.terminate()
    out = receiving.communicate(timeout=PATIENCE)[0].decode()
    assert [json.loads(line)["text"] for line in out.splitlines()][-2:] == ["are you there", "psst"]
    status, _, err = alice.run("send", "--wait", "--timeout", "1", "carol", "hello")
    assert status == 10 and "not acknowledged" in err
    assert "hello" in good(carol, "recv")


def test_refusals(people):
    alice, bob, _ = people
    for arguments, code in ((("send", "#lobby/carol", "x"), "not-member"),
                            (("send", "#nowhere", "x"), "unknown"), (("join", "99"), "unknown"),
                            (("history", "nobody"), "unknown")):
        status, out, err = alice.run(*arguments)
        assert (status, out) == (1, "") and "(%s)" % code in err
    good(bob, "part", "lobby")
    status, _, err = bob.run("part", "lobby")
    assert status == 1 and "(not-member)" in err


def test_korean_end_to_end(daemons, programs):
    daemon = daemons()
    daemon.add_users("철수", "영희")
    one, other = programs(daemon, "철수"), programs(daemon, "영희")
    for client in (one, other):
        client.run("join", "사랑방")
    decomposed = "\u1109\u1161\u1105\u1161\u11bc\u1107\u1161\u11bc"  # the same name
    good(one, "send", "--room", decomposed, "안녕하세요")
    good(one, "send", "#사랑방/영희", "비밀")
    shown = [line.split("] ", 1)[1] for line in good(other, "recv").splitlines()]
    assert "[#사랑방] 철수 (철수): 안녕하세요" in shown
    assert "[#사랑방 whisper] 철수 (철수): 비밀" in shown
    assert [entry["conversation"] for entry in objects(one, "history", "--room", "사랑방")][-2:] == [
        "#사랑방", "영희"]
