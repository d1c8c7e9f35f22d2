"""Dialogues of the modes that ask the server something, with a server that answers what the test
says: rooms, who, history, unread, join, part.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import signal

import pytest

from harness import PASSWORD, client, error, finish, server
from multichat import wait_until

__all__ = ["client", "server"]  # the fixtures

ROOM = "room:17/#lobby:1:open:member:3:a topic: with\u202e colon"
HOSTILE = "room:18/#b:2:closed:none:1:"


def asked(server):
    return [frame for _, _, frame in server.asked]


def pages(*lists):
    """Answers of a list in pages: the n-th is asked for by place p<n>."""
    answers = iter(lists)

    def answer(frame):
        rows = next(answers)
        verb = frame.split(":")[0]
        left = answers.__length_hint__()
        return rows + ["end:%s:%d:%s" % (verb, len(rows), "p%d" % left if left else "")]
    return answer


# -- lists

def test_rooms(client, server):
    server.answers["rooms"] = pages([ROOM], [HOSTILE])
    result = client.run(server, "rooms")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("#lobby\t#1\topen\t3\tmember\ta topic: with\\u{202E} colon\n"
                             "#b\t#2\tclosed\t1\tnone\t\n")
    assert asked(server) == ["rooms", "rooms:p1"]
    assert server.signons == [("hello", "alice", PASSWORD, "-")]


def test_rooms_as_json(client, server):
    server.answers["rooms"] = pages([ROOM, HOSTILE])
    result = client.run(server, "rooms", "--json")
    first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert first == {"room": "#lobby", "room_number": 1, "number": 17, "access": "open",
                     "standing": "member", "members": 3, "topic": "a topic: with\u202e colon"}
    assert second["topic"] == "" and second["access"] == "closed"


@pytest.mark.parametrize("word,target", [("lobby", "#lobby"), ("#lobby", "#lobby"), ("1", "#1"),
                                         ("*", "*"), (None, "*")])
def test_who(client, server, word, target):
    server.answers["who"] = pages(["member:alice:present:operator:Alice A"],
                                  ["member:bob:absent:member:Bob\u202e"])
    result = client.run(server, "who", *([word] if word else []))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("alice\tpresent\toperator\tAlice A\n"
                             "bob\tabsent\tmember\tBob\\u{202E}\n")
    assert asked(server) == ["who:" + target, "who:" + target + ":p1"]


def test_who_as_json(client, server):
    server.answers["who"] = pages(["member:bob:absent:member:Bob"])
    result = client.run(server, "who", "lobby", "--json")
    assert json.loads(result.stdout) == {"userid": "bob", "presence": "absent",
                                         "standing": "member", "name": "Bob"}


def test_unread_is_asked_for_the_device_that_is_here(client, server):
    child = client.start(server, "recv", "--follow")
    server.wait_stream()
    server.answers["unread"] = pages(["waiting:17/#lobby:3", "waiting:9/alice:1"])
    result = client.run(server, "unread")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "#lobby\t3\nalice\t1\n"
    assert server.asked == [("alice", server.device().name, "unread")]
    assert server.device().name != "-" and len(server.devices) == 1
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0
    server.answers["unread"] = pages([])
    result = client.run(server, "unread", "--json")
    assert (result.returncode, result.stdout) == (0, "")
    assert len(server.devices) == 1


def test_join_and_part(client, server):
    server.answers["join"] = lambda frame: [ROOM]
    server.answers["part"] = lambda frame: ["done:part"]
    result = client.run(server, "join", "lobby", "--json")
    assert (result.returncode, json.loads(result.stdout)["standing"]) == (0, "member")
    result = client.run(server, "part", "#lobby")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert asked(server) == ["join:#lobby", "part:#lobby"]
    assert server.signons[1][0] == "resume"  # they share a session


# -- history

def past(number, text, verb="msg"):
    return "past:%s:17/#lobby:%d:%d:bob:Bob:%s" % (verb, number, number * 1000, text)


def test_history_is_written_oldest_first(client, server):
    server.answers["history"] = pages([past(5, "five"), past(6, "six")],
                                      [past(3, "three"), "past:note:17/#lobby:4:4000:joined:-:"
                                       "carol:Carol:"],
                                      ["past:whisper:9/bob:2:2000:17/#lobby:alice:Alice:two"])
    result = client.run(server, "history", "--room", "lobby", "--from", "1970-01-01")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "[1970-01-01 00:00] [#lobby whisper to bob] I: two",
        "[1970-01-01 00:00] [#lobby] Bob (bob): three",
        "[1970-01-01 00:00] -- Carol (carol) has joined #lobby",
        "[1970-01-01 00:00] [#lobby] Bob (bob): five",
        "[1970-01-01 00:00] [#lobby] Bob (bob): six"]
    assert asked(server) == ["history:#lobby:time:0:0:200", "history:#lobby:time:0:p2:200",
                             "history:#lobby:time:0:p1:200"]


def test_history_as_json(client, server):
    server.answers["history"] = pages([past(1, "one\ntwo")])
    result = client.run(server, "history", "bob", "--last", "3", "--json")
    assert json.loads(result.stdout) == {
        "kind": "message", "time": 1, "time_ms": 1000, "from": "bob", "name": "Bob", "to": "room",
        "conversation": "#lobby", "number": 17, "seq": 1, "text": "one\ntwo"}
    assert asked(server) == ["history:bob:time:0:0:3"]


@pytest.mark.parametrize("options,expected", [
    (["--day", "2026-03-28"], "time:1774652400000:1774738800000"),
    (["--day", "2026-03-29"], "time:1774738800000:1774821600000"),  # an hour shorter
    (["--from", "2026-03-29 03:30", "--to", "2026-03-29"], "time:1774747800000:1774821600000"),
    (["--from", "2026-03-29T03:30:10"], "time:1774747810000:0"),
    (["--number", "7"], "number:7:7"),
    (["--number", "7-9"], "number:7:9"),
    (["--number", "7-"], "number:7:0"),
])
def test_ranges_of_history(client, server, options, expected):
    server.answers["history"] = pages([])
    client.env["TZ"] = "Europe/Berlin"
    result = client.run(server, "history", *options)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert asked(server) == ["history:*:%s:200" % expected]


def test_history_of_today_is_what_is_asked_for_without_a_range(client, server):
    server.answers["history"] = lambda frame: ["end:history:0:"]
    for options in ((), ("--day", "today")):
        assert client.run(server, "history", *options).returncode == 0
    first, second = [frame.split(":") for frame in asked(server)]
    assert first[3] == second[3] and first[4] == "0"  # what comes meanwhile, too
    assert int(second[4]) - int(second[3]) in (82800000, 86400000, 90000000)


@pytest.mark.parametrize("options", [
    ["--day", "2026-02-30"], ["--day", "tomorrow"], ["--from", "25:00"], ["--from", "x"],
    ["--to", "2026-01-01x"], ["--number", "0"], ["--number", "9-7"], ["--number", "a"],
    ["--day", "today", "--from", "12:00"], ["--number", "1", "--day", "today"],
    ["--from", "2026-01-02", "--to", "2026-01-01"], ["--last", "0"]])
def test_wrong_ranges_are_usage(client, server, options):
    result = client.run(server, "history", *options)
    assert result.returncode == 2 and result.stderr
    assert server.signons == []


# -- what goes wrong

def test_a_refusal_exits_1(client, server):
    server.answers["who"] = lambda frame: ["err:not-member:who:you are not in it"]
    result = client.run(server, "who", "lobby")
    assert (result.returncode, result.stdout) == (1, "")
    assert "you are not in it (not-member)" in result.stderr


@pytest.mark.parametrize("code, target, hinted", [
    ("unknown", "lobby", True), ("unknown", "#lobby", False), ("not-member", "lobby", False)])
def test_who_takes_a_room_for_a_user_is_told(client, server, code, target, hinted):
    server.answers["history"] = lambda frame: ["err:%s:history:there is no such user" % code]
    result = client.run(server, "history", target)
    assert (result.returncode, result.stdout) == (1, "")
    assert ("; a room is '#name', or --room NAME" in result.stderr) is hinted


def test_a_wrong_password_exits_1(client, server):
    server.denied = error("denied", "wrong")
    assert client.run(server, "rooms").returncode == 1


def test_no_server_exits_9(client, server):
    server.stop()
    result = client.run(server, "rooms")
    assert result.returncode == 9 and "cannot reach" in result.stderr


def test_an_unknown_host_exits_9(client, server):
    result = client.run(server, "rooms", "--server", "nowhere.invalid")
    assert result.returncode == 9 and "cannot find" in result.stderr


def test_no_answer_in_time_exits_5(client, server):
    server.answers["rooms"] = lambda frame: []
    result = client.run(server, "rooms", "--timeout", "1")
    assert result.returncode == 5 and "no answer in time" in result.stderr


def test_a_server_that_is_away_is_waited_for_within_the_time(client, server):
    server.answers["rooms"] = pages([ROOM])
    server.stop()
    child = client.start(server, "rooms", "--timeout", "20")
    assert b"cannot reach" in child.stderr.readline()
    server.start()
    code, out, err = finish(child)
    assert (code, out[:6], err) == (0, "#lobby", "")


def test_another_certificate_exits_8(client, server):
    client.argv(server)  # it is known from now on
    server.identify("another")
    result = client.run(server, "rooms")
    assert result.returncode == 8 and server.verbs == []


def test_a_full_disk_exits_6(client, server):
    server.answers["rooms"] = pages([ROOM])
    with open("/dev/full", "w", encoding="ascii") as full:
        child = client.start(server, "rooms", stdout=full)
        code, _, err = finish(child)
    assert code == 6 and "standard output" in err


@pytest.mark.parametrize("arguments", [["join"], ["join", "a", "b"], ["who", "a", "b"], ["rooms", "x"],
                                       ["rooms", "--count", "1"], ["join", "a:b"], ["part", ""],
                                       ["history", "a", "--room", "b"], ["part", "a", "--json"]])
def test_wrong_usage_exits_2(client, server, arguments):
    result = client.run(server, *arguments)
    assert result.returncode == 2 and result.stderr
    assert asked(server) == []


# -- send

def test_send_to_a_room_and_from_a_file(client, server):
    path = os.path.join(client.folder, "text")
    with open(path, "w", encoding="utf-8") as file:
        file.write("of a file\n")
    assert client.run(server, "send", "--room", "lobby", "a text").returncode == 0
    assert client.run(server, "send", "--room", "#1", "--file", "-", text="x\ny\n").returncode == 0
    assert client.run(server, "send", "#a/bob", "--file", path).returncode == 0
    assert server.stored == [("#lobby", "a text"), ("#1", "x\ny"), ("#a/bob", "of a file")]
    assert client.run(server, "send", "bob", "text", "--file", path).returncode == 2
    result = client.run(server, "send", "bob", "--file", path + "x")
    assert result.returncode == 2 and path + "x: No such file" in result.stderr
    assert len(server.stored) == 3


def test_send_waits_until_the_receiver_has_acknowledged(client, server):
    server.answers["await"] = lambda frame: ["awaiting" + frame[5:]]
    child = client.start(server, "send", "bob", "text", "--wait")
    wait_until(lambda: server.asked, "the question", server.changed)
    assert asked(server) == ["await:2/bob:1"]
    assert child.poll() is None
    server.wires[-1].write("acked:2/bob:1")
    assert finish(child) == (0, "", "")


def test_send_waits_on_when_the_server_is_restarted(client, server):
    server.answers["await"] = lambda frame: ["awaiting" + frame[5:]]
    child = client.start(server, "send", "#a/bob", "text", "--wait")
    wait_until(lambda: server.asked, "the question", server.changed)
    server.stop()
    assert b"cannot reach" in child.stderr.readline()
    server.answers["await"] = lambda frame: ["acked" + frame[5:]]
    server.start()
    assert finish(child) == (0, "", "")
    assert asked(server) == ["await:2/#a/bob:1"] * 2 and len(server.stored) == 1


def test_stored_but_not_acknowledged_in_time_exits_10(client, server):
    server.answers["await"] = lambda frame: ["awaiting" + frame[5:]]
    result = client.run(server, "send", "bob", "text", "--wait", "--timeout", "1")
    assert result.returncode == 10 and "not acknowledged" in result.stderr
    assert client.kept() == []


def test_not_stored_in_time_exits_3_also_with_wait(client, server):
    server.stop()
    result = client.run(server, "send", "bob", "text", "--wait", "--timeout", "1")
    assert result.returncode == 3 and client.kept() == [("bob", "text")]


@pytest.mark.parametrize("to", ["*", "#lobby"])
def test_wait_is_for_messages_to_one_user(client, server, to):
    result = client.run(server, "send", to, "text", "--wait")
    assert result.returncode == 2 and "one user" in result.stderr and client.kept() == []


def test_send_tries_for_as_long_as_it_is_told(client, server):
    server.stop()
    child = client.start(server, "send", "bob", "text", "--timeout", "20")
    assert b"cannot reach" in child.stderr.readline()
    server.start()
    assert finish(child) == (0, "", "")
    assert server.stored == [("bob", "text")]
