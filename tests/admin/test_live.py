"""What multichatctl does to those who are connected: kick.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import multichat
from multichat import V1Client
from sites import DaemonSite, NO_DAEMON, REFUSED, USAGE
from v2 import V2Client

pytestmark = pytest.mark.skipif("sqlite" not in multichat.engines(), reason="built without SQLite")


@pytest.fixture(name="here", scope="module")
def make_here():
    """A daemon that runs."""
    site = DaemonSite()
    site.add("alice", "bob", "밥")
    yield site
    site.close()


@pytest.fixture(name="people")
def make_people(here):
    made = {userid: V2Client(here.daemon, userid) for userid in ("alice", "bob", "밥")}
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
