"""What multichatctl does reaches those who are connected: kicks, rooms, announcements.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json

import pytest

import multichat
from multichat import V1Client
from sites import DaemonSite, NO_DAEMON, REFUSED, USAGE
from v2 import Refused, V2Client

pytestmark = pytest.mark.skipif("sqlite" not in multichat.engines(), reason="built without SQLite")


@pytest.fixture(name="here", scope="module")
def make_here():
    """A daemon that runs."""
    site = DaemonSite()
    site.add("alice", "bob", "carol", "밥")
    yield site
    site.close()


@pytest.fixture(name="people")
def make_people(here):
    made = {userid: V2Client(here.daemon, userid) for userid in ("alice", "bob", "carol", "밥")}
    yield made
    for client in made.values():
        client.close()


def test_kicked_with_words(here, people):
    with people["밥"].sign_on() as one, people["밥"].sign_on() as two, \
            people["alice"].sign_on() as other:
        told = here.run("kick", "밥", "--reason", "점심 시간: back at one")
        assert "밥" in told.stdout and "come back" in told.stdout
        for connection in (one, two):
            assert connection.read() == ["err", "not-allowed", "-", "점심 시간: back at one"]
            connection.wait_closed()
        assert other.ask("ping", "pong") is not None
    # He comes back with the session he has.
    with people["밥"].sign_on() as back:
        assert here.json("kick", "밥") == {"ok": True}
        assert "administrator" in back.read()[3]


def test_messages_wait_for_who_was_kicked(here, people):
    people["bob"].attach()
    here.run("kick", "bob")
    people["alice"].send("bob", "are you there?")
    people["bob"].attach()
    assert [message.text for message in people["bob"].wait(1, poll=False)] == ["are you there?"]


@pytest.mark.parametrize("arguments, code, word, words", [
    (["kick", "nobody"], REFUSED, "missing", "there is no user nobody"),
    (["kick", "alice"], REFUSED, "missing", "alice has no connection"),
    (["kick", "a:b"], REFUSED, "invalid", "userid is not allowed"),
    (["kick", "alice", "--reason", ""], REFUSED, "invalid", "1 to 200 bytes"),
    (["kick", "alice", "--reason", "x" * 201], REFUSED, "invalid", "1 to 200 bytes"),
    (["kick", "alice", "--reason", "a\nb"], REFUSED, "invalid", "control character"),
    (["kick", "alice", "--reason", "a\x9bb"], REFUSED, "invalid", "control character"),
])
def test_refusals_say_why(here, arguments, code, word, words):
    answer = here.json(*arguments, code=code)
    assert answer["code"] == word and words in answer["error"]
    assert words in here.run(*arguments, code=code).stderr


def test_version_1_has_no_connection_to_close(here):
    client = V1Client(here.daemon, "alice")
    try:
        multichat.wait_until(lambda: client.poll() or here.daemon.figure("present") > 0, "present")
        assert "no connection" in here.run("kick", "alice", code=REFUSED).stderr
    finally:
        client.close()


def test_without_arguments(here):
    assert "usage: multichatctl kick USERID" in here.run("kick", code=USAGE).stderr


def test_without_a_daemon(alone):
    alone.add("alice")
    assert "no daemon is running" in alone.run("kick", "alice", code=NO_DAEMON).stderr
    assert alone.json("kick", "alice", code=NO_DAEMON)["code"] == "no-daemon"


# -- rooms


def only(client, kind):
    (note,) = client.wait_note(kind)
    return note


def test_members_are_told_of_what_happens_to_their_room(here, people):
    alice, bob, carol = people["alice"], people["bob"], people["carol"]
    here.run("room", "add", "lobby")
    for client in (alice, bob, carol):
        client.attach()
    here.run("room", "join", "lobby", "alice")
    here.run("room", "join", "lobby", "bob")
    joined = alice.wait_note("joined", count=2)
    assert [(n.name, n.userid, n.display) for n in joined] == [
        ("#lobby", "alice", "alice"), ("#lobby", "bob", "bob")]
    here.run("room", "set", "lobby", "topic=점심: soup", "access=closed")
    for client in (alice, bob):
        topic, access = only(client, "topic"), only(client, "access")
        assert (topic.userid, topic.display, topic.text) == ("*", "*", "점심: soup")
        assert (access.userid, access.text) == ("*", "closed")
    here.run("room", "invite", "lobby", "carol")
    invited = only(carol, "invited")
    assert (invited.name, invited.userid) == ("carol", "*") and invited.room.endswith("/#lobby")
    here.run("kick", "bob", "lobby")
    assert [only(client, "removed").text for client in (alice, bob)] == ["bob", "bob"]
    assert carol.notes == [invited]  # it is nobody else's matter
    with bob.sign_on() as connection, pytest.raises(Refused) as refused:
        connection.send("#lobby", "let me in")
    assert refused.value.code == "not-member"


def test_operator_made_by_the_administrator(here, people):
    here.run("room", "add", "tea")
    here.run("room", "join", "tea", "alice")
    with people["alice"].sign_on() as connection:
        with pytest.raises(Refused) as refused:
            connection.ask("access:#tea:closed", "done")
        assert refused.value.code == "not-allowed"
        here.run("room", "set", "tea", "operator=alice")
        assert connection.ask("access:#tea:closed", "done") == ["access"]
        here.run("room", "set", "tea", "plain=alice")
        with pytest.raises(Refused) as refused:
            connection.ask("access:#tea:open", "done")
        assert refused.value.code == "not-allowed"


def test_who_is_present_is_counted(daemons):
    daemon = daemons()
    daemon.add_users("alice", "bob", "밥")
    daemon.add_room("hall", "alice", "bob", "밥")

    def hall():
        (room,) = json.loads(daemon.ctl("--json", "rooms").stdout)["rooms"]
        return room
    assert (hall()["present"], hall()["members"], hall()["messages"]) == (0, 3, 3)
    alice, paul = V2Client(daemon, "alice"), V2Client(daemon, "밥")
    for client in (alice, paul):
        client.attach()
    assert hall()["present"] == 2
    told = [line.split() for line in daemon.ctl("rooms").stdout.splitlines()]
    assert told == [["NUMBER", "ROOM", "ACCESS", "PRESENT", "MEMBERS", "MESSAGES", "TOPIC"],
                    ["1", "#hall", "open", "2", "3", "3"]]
    for client in (alice, paul):
        client.close()


# -- announce


def test_everyone_is_told(daemons):
    daemon = daemons()
    daemon.add_users("alice", "bob", "carol")
    alice, bob, plain = V2Client(daemon, "alice"), V2Client(daemon, "bob"), V1Client(daemon, "carol")
    alice.attach()
    multichat.wait_until(lambda: plain.poll() or daemon.figure("present") == 1, "carol is present")
    daemon.ctl("announce", "점심: soup")
    note = only(alice, "announcement")
    assert (note.name, note.userid, note.display, note.text) == ("*", "*", "*", "점심: soup")
    (message,) = plain.wait(1)  # version 1 has no notices; this it is told as a message
    assert (message.userid, message.name, message.text) == ("*", "*", "점심: soup")
    # Who was away hears of it when he comes.
    bob.attach()
    assert only(bob, "announcement").text == "점심: soup"
    for client in (alice, bob, plain):
        client.close()


# -- who makes rooms


def test_rooms_are_the_administrators_alone(daemons):
    daemon = daemons(rooms__make="administrator")
    daemon.add_users("alice")
    alice = V2Client(daemon, "alice")
    with alice.sign_on() as connection:
        with pytest.raises(Refused) as refused:
            connection.ask("join:#mine", "room")
        assert refused.value.code == "unknown"
        daemon.ctl("room", "add", "mine")
        assert connection.ask("join:#mine", "room")[3] == "member"
        # By a reload it is anyone's.
        start = len(daemon.process.log)
        daemon.write_config(rooms__make="anyone", limits__rooms=2)
        daemon.reload()
        daemon.process.wait_log("new configuration is in force", start)
        assert connection.ask("join:#yours", "room")[3] == "operator"
        with pytest.raises(Refused) as refused:
            connection.ask("join:#third", "room")
        assert refused.value.code == "full"
    alice.close()
