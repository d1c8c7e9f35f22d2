"""The commands of chat in line mode, by the real multichat with the real multichatd: rooms, names,
whispers, members and what was said. What the full screen makes of them is in test_screen.py.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import re
import subprocess

import pytest

from harness import Address, Client, finish
from multichat import Daemon, engines, wait_until


@pytest.fixture(scope="module")
def server():
    if "sqlite" not in engines():
        pytest.skip("built without SQLite")
    daemon = Daemon()
    try:
        daemon.start()
        daemon.add_users("alice", ("bob", "pw-bob", "Bob"), ("carol", "pw-carol", "Carol"))
        yield Address(daemon)
    finally:
        daemon.close()


@pytest.fixture
def people(tmp_path, server):
    """people(name): that user at a terminal, in line mode, connected."""
    clients, terminals = [], []

    def make(name, *arguments):
        folder = tmp_path / ("%s%d" % (name, len(clients)))
        folder.mkdir()
        client = Client(str(folder), name)
        client.set_password("pw-" + name)
        terminal = client.terminal(server, *arguments, columns=120)
        clients.append(client)
        terminals.append(terminal)
        terminal.client = client
        terminal.type("/list\r")  # its answer tells that the device is known
        terminal.wait_for("^there are no rooms|^[0-9]+ rooms?; ")
        return terminal

    yield make
    for terminal in terminals:
        terminal.close()
    for client in clients:
        client.close()


def test_a_room_from_its_making_to_its_end(people):
    alice, bob = people("alice"), people("bob")
    alice.type("/join #tea\r")
    alice.wait_for("^-- you are in #tea, with 1 member$")
    alice.wait_for("^#tea>$")
    alice.type("/topic leaves and water\r")
    alice.wait_for("^-- the topic is changed$")
    alice.type("is somebody there?\r")
    alice.wait_for("I: is somebody there")
    bob.type("/list\r")
    bob.wait_for("^  #tea, 1 member; leaves and water$")
    bob.type("/join TEA\r")
    bob.wait_for("^-- you are in #tea, with 2 members; about: leaves and water$")
    bob.wait_for(r"\[#tea\] alice \(alice\): is somebody there\?$")  # the history of the day
    alice.wait_for(r"-- Bob \(bob\) has joined #tea$")
    bob.type("I am\r")
    alice.wait_for(r"\[#tea\] Bob \(bob\): I am$")
    bob.type("/names\r")
    bob.wait_for(r"^@alice \(alice\), Bob \(bob\); 2 in all, 2 present|^@alice, Bob \(bob\); 2 in all")
    alice.type("/kick Bob\r")
    alice.wait_for("^-- bob is not in #tea$")
    bob.wait_for(r"-- alice \(alice\) has removed bob from #tea$")
    bob.type("not any more\r")
    bob.wait_for(r"^-- not sent to #tea: .*\(not-member\)$")
    alice.type("/part\r")
    alice.wait_for("^-- you have left #tea$")
    alice.wait_for("^>$")


def test_kicked_by_the_administrator(people, server):
    alice = people("alice")
    server.daemon.ctl("kick", "alice", "--reason", "back at one")
    alice.wait_for("^-- the server closed the connection: back at one$")
    alice.type("/join #again\r")
    alice.wait_for("^-- you are in #again")


def test_a_closed_room_takes_an_invitation(people):
    alice, bob = people("alice"), people("bob")
    alice.type("/join #cellar\r")
    alice.wait_for("^-- you are in #cellar")
    alice.type("/access closed\r")
    alice.wait_for("^-- only who is invited comes in now$")
    bob.type("/join #cellar\r")
    bob.wait_for(r"^-- /join #cellar: .*\((closed|unknown)\)$")
    alice.type("/invite bob\r")
    alice.wait_for("^-- bob is invited to #cellar$")
    bob.wait_for(r"-- alice \(alice\) invites you to #cellar$")
    bob.type("/join #cellar\r")
    bob.wait_for("^-- you are in #cellar, with 2 members; only who is invited comes in")
    bob.type("/access open\r")
    bob.wait_for(r"^-- /access: .*\(not-allowed\)$")


def test_the_commands_of_the_korean_original(people):
    """!whisper, !change and !member, with Korean names, rooms and texts."""
    alice, bob, carol = people("alice"), people("bob"), people("carol")
    for terminal in (alice, bob):
        terminal.type("/join #한국어\r")
        terminal.wait_for("^-- you are in #한국어")
    bob.type("!change 민수\r")
    bob.wait_for("^-- you are called 민수 now$")
    alice.wait_for(r"-- Bob \(bob\) is now called 민수$")
    carol.type("!change 민수\r")  # decomposed
    carol.wait_for(r"^-- /nick: .*\(taken\)$")
    alice.type("!member\r")
    alice.wait_for(r"민수 \(bob\).*2 in all")
    alice.type("!whisper 민수 안녕, 우리만 봐\r")
    alice.wait_for(r"\[#한국어 whisper to bob\] I: 안녕, 우리만 봐$")
    bob.wait_for(r"\[#한국어 whisper\] alice \(alice\): 안녕, 우리만 봐$")
    alice.type("!whisper carol 안녕\r")
    alice.wait_for(r"^-- not sent to #한국어/carol: .*carol.*\(not-member\)$")
    assert not any("안녕" in line for line in carol.lines())
    bob.type("!change Bob\r")
    bob.wait_for("^-- you are called Bob now$")


def test_history_by_day_and_count_and_number(people):
    alice = people("alice")
    alice.type("/join #log\r")
    alice.wait_for("^-- you are in #log")
    for i in range(5):
        alice.type("entry %d\r" % i)
        alice.wait_for("I: entry %d$" % i)
    wait_until(lambda: not alice.client.kept(), "the outbox to be empty")
    alice.type("/history 2\r")
    lines = alice.wait_for("^2 messages; there are older ones$")
    end = [line[:11] for line in lines].index("2 messages;")  # the prompt may be yet to come
    assert [re.sub(".*I: ", "", line) for line in lines[end - 2:end]] == ["entry 3", "entry 4"]
    alice.type("/history 2-3\r")  # number 1 is that alice has joined
    lines = alice.wait_lines(lambda lines: lines[-2] == "2 messages", "the second answer")
    assert [re.sub(".*I: ", "", line) for line in lines[-4:-2]] == ["entry 0", "entry 1"]
    alice.type("/history today\r")
    alice.wait_for("^6 messages$")
    alice.type("/history yesterday\r")
    alice.wait_for("^0 messages$")
    alice.type("/history some day\r")
    alice.wait_for("^-- /history takes a day")


def test_who_is_ignored_is_not_shown_nor_forgotten(people):
    alice, bob = people("alice"), people("bob")
    alice.type("/ignore bob\r")
    alice.wait_for("^-- bob is ignored$")
    bob.type("/msg alice you cannot hear me\r")
    bob.wait_for("I: you cannot hear me")
    carol = people("carol")
    wait_until(lambda: not bob.client.kept(), "the outbox to be empty")
    carol.type("/msg alice but me\r")
    alice.wait_for("but me$")
    assert not any("cannot hear" in line for line in alice.lines())
    alice.type("/ignore\r")
    alice.wait_for("^  bob$")
    alice.type("/unignore bob\r")
    alice.wait_for("^-- bob is not ignored$")
    bob.type("/msg alice and now?\r")
    alice.wait_for("and now")


def test_a_mention_runs_the_command_and_nothing_else_does(people, tmp_path, server):
    told = tmp_path / "told"
    config = tmp_path / "config"
    config.write_text('notify = "echo $MULTICHAT_FROM: $(cat) >> %s"; bell = false;\n' % told)
    alice, bob = people("alice", "--config", str(config)), people("bob")
    bob.type("something for all\r")
    alice.wait_for("something for all")
    bob.type("alicent is another name\r")
    alice.wait_for("alicent")
    bob.type("look, ALICE!\r")
    alice.wait_for("look, ALICE!")
    wait_until(told.exists, "the command to have run")
    wait_until(lambda: told.read_text() == "bob: look, ALICE!\n", "what it was told")
    assert b"\a" not in alice.raw


def test_commands_from_a_pipe_wait_for_their_answers(server, tmp_path):
    """A line behind /join goes to the room, not to everyone."""
    client = Client(str(tmp_path), "carol")
    client.set_password("pw-carol")
    try:
        child = client.start(server, stdin=subprocess.PIPE)
        code, out, err = finish(child, "/join #pipe\nin the room\n/names\n".encode())
        assert code == 0, err
        assert "multichat: you are in #pipe, with 1 member" in err and "1 in all" in err
        result = client.run(server, "history", "--room", "#pipe")
        assert "in the room" in result.stdout
    finally:
        client.close()


def test_what_cannot_be_meant_is_told(people):
    alice = people("alice")
    for line, words in (("/part", "this is no room"), ("/whisper bob x", "this is no room"),
                        ("/access ajar #x", "usage: /access"),
                        ("/win 9", "there is no such window"), ("/nosuch", "there is no such command"),
                        ("/help nosuch", "there is no such command"), ("/invite", "usage: /invite"),
                        ("/nick Bob Smith", "usage: /nick NAME .*no blank"),
                        ("/to a/b", "a whisper goes to")):
        alice.type(line + "\r")
        alice.wait_for("^-- " + words)
    alice.type("/help join\r")
    alice.wait_for("^/join #ROOM: enter a room")
    alice.type("/win\r")
    alice.wait_for(r"^\*  1 everyone$")
