"""The client that was written from multichat-protocol(7) alone, against the real daemon and in
conversation with the real client.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import asyncio
import hashlib
import json
import os
import re
import ssl
import time

import pytest

import client as protocol
from certificates import Pair
from client import Connection, Message, Refused, WrongCertificate
from multichat import PATIENCE

PAGE = os.path.join(os.environ["MULTICHAT_SRCDIR"], "man", "multichat-protocol.7")


# -- the page

def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def test_examples_of_the_page():
    key = re.search(r"^welcome:[^<:]+:([0-9a-f]{64}):", page(), re.MULTILINE).group(1)
    vectors = re.findall(r"^((?:poll2|polled|proof|resume):[^\s<]+)\n +([0-9a-f]{32})$", page(),
                         re.MULTILINE)
    assert {data.split(":", 1)[0] for data, _ in vectors} == {"poll2", "polled", "proof", "resume"}
    for data, its_mac in vectors:
        assert protocol.mac(key, data) == its_mac, data
    complete = re.findall(r"^((?:poll2|resume):\S+):([0-9a-f]{32})(?:<ETX>)?$", page(),
                          re.MULTILINE)
    assert len(complete) == 3
    for data, its_mac in complete:
        assert protocol.mac(key, data) == its_mac, data
    time_ms = complete[0][0].split(":")[2]
    answers = re.findall(r"^(polled:\S+):([0-9a-f]{32})$", page(), re.MULTILINE)
    assert len(answers) == 4
    for data, its_mac in answers:
        assert protocol.mac(key, data + ":" + time_ms) == its_mac, data


# -- signing on

async def test_the_password_is_said_once(server, people):
    alice = people(server, "alice")
    await alice.connect()
    assert (alice.display_name, alice.poll_seconds) == ("alice", 1)
    assert abs(alice.now() - time.time() * 1000) < 5000
    session = alice.store.session
    await alice.close()
    assert os.stat(alice.store.path).st_mode & 0o777 == 0o600

    again = people(server, "alice")
    again.password = "not needed"
    await again.connect()
    assert again.store.session == session
    assert (await again.send("bob", "x")).seq == "1"


async def test_a_session_survives_the_server(server, people):
    alice = people(server, "alice")
    await alice.connect()
    await asyncio.to_thread(server.stop)
    server.start()
    alice.password = "not needed"
    assert (await alice.send("bob", "x")).seq == "1"


async def test_another_certificate_is_refused(server, people):
    alice = people(server, "alice")
    await alice.connect()
    with open(os.path.join(server.directory, "certificate.pem"), encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    assert alice.store.certificate == hashlib.sha256(der).hexdigest()
    await alice.goodbye()
    alice.store.certificate = "0" * 64
    with pytest.raises(WrongCertificate):
        await alice.connect()


async def test_a_wrong_clock_is_put_right(server, people):
    alice = people(server, "alice")
    await alice.connect()
    await alice.goodbye()
    for wrong in (-10**7, 10**7):
        alice.ahead += wrong
        connection = await Connection.over(alice.store.certificate, host=server.writes[0],
                                           port=server.writes[1])
        reading = asyncio.create_task(connection.run(None))
        await alice.resume(connection)
        assert abs(alice.now() - time.time() * 1000) < 5000
        connection.write("goodbye")
        await reading


async def test_an_ended_session_is_replaced(server, people):
    alice = people(server, "alice")
    connection = await alice.connect()
    session = alice.store.session
    server.ctl("user", "revoke", "alice")
    await connection.running
    assert (connection.ended.code, connection.ended.about) == ("unknown-session", "-")
    await alice.connect()
    assert alice.store.session != session


async def test_another_password(server, people):
    alice, other = people(server, "alice"), people(server, "alice", "other")
    connection, theirs = await alice.connect(), await other.connect()
    session = alice.store.session
    with pytest.raises(Refused, match="^denied:passwd:"):
        await connection.ask("passwd", "wrong", "new")
    await alice.attach()
    await alice.passwd("new")
    assert alice.store.session != session
    await theirs.running
    assert (theirs.ended.code, theirs.ended.about) == ("unknown-session", "-")
    with pytest.raises(Refused, match="^denied:hello:"):
        await other.connect()

    await people(server, "bob").send("alice", "still attached")
    assert await alice.until_shown(1) == ["still attached"]
    await alice.goodbye()
    await alice.connect()


async def test_a_session_of_tls_is_none_in_plain(server, people):
    alice = people(server, "alice")
    await alice.connect()
    plain = Connection(*await asyncio.open_connection(*server.writes))
    reading = asyncio.create_task(plain.run(None))
    with pytest.raises(Refused, match="^unknown-session:resume:"):
        await alice.resume(plain)
    await plain.ask("ping")
    plain.abort()
    await reading


# -- refusals

STRANGERS = [
    (("send", "k", "bob", "x"), "not-signed-on:k:"),
    (("attach",), "not-signed-on:attach:"),
    (("hello", "3", "alice", "pw-alice", "desk"), "version:hello:"),
    (("hello", "2", "alice", "wrong", "desk"), "denied:hello:"),
    (("hello", "2", "nobody", "wrong", "desk"), "denied:hello:"),
    (("hello", "2", "alice", "pw-alice"), "malformed:hello:"),
    (("hello", "2", "alice", "pw-alice", "a/b"), "malformed:hello:"),
    (("resume", "none", "1", "0" * 32), "unknown-session:resume:"),
    (("nonsense", "x"), "malformed:-:"),
]
KNOWN = [
    (("send", "k", "nobody", "x"), "unknown:k:"),
    (("send", "k", "%", "x"), "unknown:k:|malformed:k:"),
    (("send", "k", "#lobby", "x"), "not-member:k:"),
    (("send", "k", "bob", ""), "malformed:k:"),
    (("send", "k" * 49, "bob", "x"), "(malformed|too-long):send:"),
    (("send", "a b", "bob", "x"), "malformed:send:"),
    (("send", "k", "bob", "x" * 16385), "too-long:k:"),
    (("hello", "2", "alice", "pw-alice", "desk"), "malformed:hello:"),
    (("passwd", "wrong", "new"), "denied:passwd:"),
    (("nonsense",), "malformed:-:"),
]


async def refusals_of(connection, questions):
    """Asked all at once; each must be refused as expected, and the connection go on."""
    asked = [connection.ask(*frame) for frame, _ in questions] + [connection.ask("ping")]
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE)
    for (frame, expected), answer in zip(questions, answers):
        assert isinstance(answer, Refused) and re.match(expected, str(answer)), (frame, answer)
        assert answer.reason
    assert answers[-1] == []


async def test_refusals(server, people):
    carol = people(server, "carol")
    stranger = await Connection.over("", host=server.writes[0], port=server.writes[1])
    reading = asyncio.create_task(stranger.run(None))
    await refusals_of(stranger, STRANGERS)
    stranger.write("goodbye")
    await reading
    await refusals_of(await carol.connect(), KNOWN)


async def test_a_session_without_a_device(server, people):
    alice = people(server, "alice", "-")
    await refusals_of(await alice.connect(), [(("attach",), "malformed:attach:"),
                                              (("detach",), "malformed:detach:")])
    assert (await alice.send("bob", "x")).conversation.endswith("/bob")
    await alice.open()
    assert await alice.poll() == "unknown"


async def test_who_says_nothing_is_told(daemons, people):
    server = daemons(limits__sign_on=1, limits__idle=1)
    server.add_users("alice")
    stranger = await Connection.over("", host=server.writes[0], port=server.writes[1])
    alice = people(server, "alice")
    connection = await alice.connect()
    await asyncio.gather(stranger.run(None), connection.running)
    for ended in (stranger.ended, connection.ended):
        assert (ended.code, ended.about) == ("timeout", "-")
    await alice.send("alice", "on another connection")


async def test_too_much_is_said_again_later(daemons, people):
    server = daemons(rates__sends=120, rates__sends_burst=1)
    server.add_users("alice", "bob")
    alice = people(server, "alice")
    assert (await alice.send("bob", "one")).seq == "1"
    with pytest.raises(Refused, match="^limited:k:") as refused:
        await (await alice.connect()).ask("send", "k", "bob", "two")
    assert 0 < refused.value.number() <= 1000
    assert (await alice.send("bob", "two")).seq == "2"


# -- sending

async def test_a_repeated_send_gives_the_first_answer(either, people):
    alice = people(either, "alice")
    connection = await alice.connect()
    first = await connection.ask("send", "k-1", "#lobby", "first")
    assert await connection.ask("send", "k-1", "#lobby", "another text") == first
    with pytest.raises(Refused, match="^key-used:k-1:"):
        await connection.ask("send", "k-1", "bob", "first")
    other = await people(either, "alice", "other").connect()
    assert await other.ask("send", "k-1", "#lobby", "first") == first
    await asyncio.to_thread(either.stop)
    either.start()
    assert await (await alice.connect()).ask("send", "k-1", "#lobby", "first") == first
    assert await (await alice.connect()).ask("send", "k-2", "#lobby", "second") > first

    bob = people(either, "bob")
    await bob.attach()
    assert await bob.until_shown(2) == ["first", "second"]
    assert bob.shown[0] == Message(first[1], first[2], first[3], "alice", "alice", "first")


async def test_the_outbox_outlives_client_and_server(server, people):
    alice = people(server, "alice")
    await alice.connect()
    await asyncio.to_thread(server.stop)
    sending = asyncio.create_task(alice.send("bob", "kept"))
    await alice.until(lambda: alice.store.outbox, "the message is kept")
    sending.cancel()
    await alice.close()
    server.start()
    alice, bob = people(server, "alice"), people(server, "bob")
    await alice.start()
    await alice.until(lambda: not alice.store.outbox, "the message is sent")
    await bob.attach()
    assert await bob.until_shown(1) == ["kept"]


# -- receiving

async def test_texts_arrive_as_they_are(server, people):
    alice, bob = people(server, "alice"), people(server, "bob")
    texts = ["12:30? 예", ":", "two\nlines\n", "\x1b[1m", "x" * 16384, "'\"\\"]
    await bob.attach()
    for text in texts:
        await alice.send("bob", text)
    await alice.send("#lobby", "to the room")
    await alice.send("*", "to all")
    assert await bob.until_shown(8) == texts + ["to the room", "to all"]
    names = [message.conversation.split("/", 1)[1] for message in bob.shown]
    assert names == ["bob"] * 6 + ["#lobby", "*"]
    assert len(bob.store.cursors) == 3


async def test_nothing_is_shown_twice(server, people):
    """Acknowledgements that get lost make messages come again; cursors keep them from the user."""
    alice, bob = people(server, "alice"), people(server, "bob")
    seen = []
    connection = await bob.connect()
    say = connection.write
    connection.write = lambda *fields: seen.append(fields) if fields[0] == "ack" else say(*fields)
    await bob.attach()
    for number in range(5):
        await alice.send("bob", "number %d" % number)
    await bob.until_shown(5)
    connection.abort()
    await bob.close()

    again = people(server, "bob")
    connection = await again.connect()
    say_again = connection.write
    connection.write = lambda *fields: (seen.append(fields), say_again(*fields))
    await again.attach()

    def acks():  # those of his inbox: there is more in the room
        return [fields for fields in seen if fields[0] == "ack" and fields[1].endswith("/bob")]

    await again.until(lambda: len(acks()) == 10, "all are acknowledged again")
    assert acks()[:5] == acks()[5:] and again.shown == []
    await alice.send("bob", "new")
    assert await again.until_shown(1) == ["new"]


async def test_what_was_acknowledged_does_not_come_again(server, people):
    alice, bob = people(server, "alice"), people(server, "bob")
    await bob.attach()
    for number in range(3):
        await alice.send("bob", str(number))
    assert await bob.until_shown(3) == ["0", "1", "2"]
    await bob.detach()
    bob.store.cursors.clear()
    await bob.attach()
    await alice.send("bob", "3")
    await bob.until(lambda: "3" in bob.texts(), "the new one")
    assert bob.texts() == ["0", "1", "2", "3"]


async def test_acknowledgements_of_nothing_change_nothing(server, people):
    alice, bob = people(server, "alice"), people(server, "bob")
    connection = await bob.connect()
    sent = await alice.send("*", "x")
    connection.write("ack", sent.conversation, "999")
    connection.write("ack", "999/", "1")
    await bob.ping()
    await bob.attach()
    assert await bob.until_shown(1) == ["x"]


async def test_attaching_and_detaching(server, people):
    """Either may be said twice, and is answered twice."""
    alice, bob = people(server, "alice"), people(server, "bob")
    connection = await bob.connect()
    for verb in ("detach", "attach", "attach", "detach", "detach"):
        assert await connection.ask(verb) == []
    await alice.send("bob", "x")
    await bob.ping()
    assert bob.shown == []
    await bob.attach()
    assert await bob.until_shown(1) == ["x"]


async def test_two_processes_of_one_device(server, people):
    first = people(server, "alice")
    await first.attach()
    second = people(server, "alice", "spare")
    second.device = first.device
    await second.attach()
    await first.until(lambda: first.warnings[1:], "a warning")
    assert "another process" in first.warnings[-1] and not first.own.attached


# -- rooms, names, history

async def test_a_room_from_its_making_to_its_history(either, people):
    """What the page's example tells: made, entered, led, whispered in, and read again."""
    alice, bob = people(either, "alice"), people(either, "bob")
    room = await alice.join("#tea")
    assert room[2:] == ("open", "operator", "1", "")
    await alice.attach()
    await bob.attach()
    await alice.change("topic", "#tea", "leaves: black and green")
    await alice.change("access", f"#{room.number}", "closed")
    with pytest.raises(Refused, match="^closed:join:"):
        await bob.join("#tea")
    await alice.change("invite", "#tea", "bob")
    await bob.until(lambda: [note for note in bob.told if note.kind == "invited"], "invited")
    assert bob.told[-1].room == room.conversation
    assert (await bob.join("#TEA"))[3:] == ("member", "2", "leaves: black and green")
    await alice.until(lambda: "joined" in [n.kind for n in alice.told], "bob is here")
    assert alice.told[-1][:1] + alice.told[-1][3:] == (
        room.conversation, "bob", "bob", "", "-", "joined")

    sent = await alice.send("#tea/bob", "psst: 예")
    await alice.send("#tea", "aloud")
    assert await bob.until_shown(2) == ["psst: 예", "aloud"]
    assert (bob.shown[0].room, bob.shown[0].kind) == (room.conversation, "")
    await asyncio.wait_for(alice.arrived(sent), PATIENCE)
    assert [member[:1] + member[2:] for member in await bob.who("#tea")] == [
        ("alice", "operator", "alice"), ("bob", "member", "bob")]

    seen, before = [], "0"
    while before:
        page, before = await bob.history("#tea", end=before, most=2)
        seen = page + seen
    assert sorted((entry.kind or entry.text) for entry in seen) == sorted(
        ["joined", "topic", "access", "joined", "psst: 예", "aloud"])
    assert [int(entry.time_ms) for entry in seen] == sorted(int(e.time_ms) for e in seen)
    assert (await bob.history("alice"))[0] == []
    await bob.change("part", "#tea")
    with pytest.raises(Refused, match="^unknown:history:"):  # it is closed
        await bob.history("#tea")
    with pytest.raises(Refused, match="^closed:join:"):
        await bob.join("#tea")


async def test_names_are_ones_own(server, people):
    alice, bob = people(server, "alice"), people(server, "bob")
    await bob.attach()
    await alice.nick("앨리스")
    assert alice.display_name == "앨리스"
    await bob.until(lambda: len(bob.told) >= 2, "everyone and #lobby are told")
    renamed = [note for note in bob.told if note.kind == "renamed"]
    assert {note.conversation.split("/", 1)[1] for note in renamed} == {"*", "#lobby"}
    assert {note[3:6] for note in renamed} == {("alice", "앨리스", "alice")}
    for name in ("앨리스", "ALICE", "\uff21lice"):
        with pytest.raises(Refused, match="^taken:nick:"):
            await bob.nick(name)


async def test_lists_and_what_waits(server, people):
    alice, bob = people(server, "alice"), people(server, "bob", "phone")
    await bob.connect()
    for number in range(105):
        await bob.join("#room%03d" % number) if number < 60 else await alice.join(
            "#room%03d" % number)
    rooms = [room.conversation.split("/", 1)[1] for room in await alice.rooms()]
    assert rooms == ["#lobby"] + ["#room%03d" % number for number in range(105)]
    waiting = await bob.unread()
    sent = [await alice.send("#lobby", "x"), await alice.send("bob", "y")]
    later = await bob.unread()
    for one in sent:
        number = one.conversation.split("/", 1)[0]
        assert later[number] == waiting.get(number, 0) + 1


async def test_a_client_that_knows_messages_alone(server, people):
    """It acknowledges what it does not show, and nothing stops."""
    alice, bob = people(server, "alice"), people(server, "bob")
    bob.tell = lambda note: None
    await bob.attach()
    for number in range(300):  # more than a window
        await alice.change("topic", "#lobby", str(number))
    await alice.send("bob", "still here")
    assert await bob.until_shown(1) == ["still here"]


# -- polls

async def poll_until(person, state):
    for _ in range(int(PATIENCE / 0.02)):
        if await person.poll() == state:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("still %s, not %s" % (person.state, state))


async def test_polls_are_answered_in_their_states(server, people):
    bob = people(server, "bob")
    await bob.connect()
    await bob.open()
    assert await bob.poll() == "unreachable"  # it does not listen
    accepting = await bob.listen()
    assert await bob.poll() in ("pushing", "idle")
    await bob.until(lambda: bob.pushed, "a push")
    await poll_until(bob, "idle")
    port, bob.port = bob.port, 0
    assert await bob.poll() == "idle"  # the server's connection is still open
    bob.port = port
    accepting.cancel()
    bob.pushed.abort()
    bob.listener.close()
    bob.port = 1024 if bob.port != 1024 else 1025  # where nobody listens
    await poll_until(bob, "unreachable")
    server.ctl("user", "revoke", "bob")
    assert await bob.poll() == "unknown"


async def test_polls_and_answers_that_do_not_verify(server, people):
    bob = people(server, "bob")
    await bob.connect()
    await bob.open()
    assert await bob.poll() == "unreachable"
    bob.poll_seconds = 0.2
    good = dict(session=bob.store.session, key=bob.store.key, polled=bob.store.polled)
    for wrong in ({"key": "0" * 64}, {"session": "none"}, {"polled": bob.now() + 70000}):
        bob.store.__dict__.update(wrong)
        assert await bob.poll() is None, wrong
        bob.store.__dict__.update(good)

    bob.answer = asyncio.get_running_loop().create_future()
    told = "polled:%s:idle" % bob.store.session
    for forged in (told, told + ":", told + ":" + "0" * 32, "", ":::",
                   protocol.signed(bob.store.key, told),
                   told + ":" + protocol.mac(bob.store.key, told + ":1")):
        bob.datagram_received(forged.encode(), None)
    assert not bob.answer.done()
    right = protocol.mac(bob.store.key, "%s:%d" % (told, bob.store.polled))
    bob.datagram_received((told + ":" + right.upper()).encode(), None)
    assert bob.answer.result() == "idle"


# -- pushes

async def test_changing_over(server, people):
    """Attached first, then pushed to, then attached where the listener has gone, and back."""
    alice, bob = people(server, "alice"), people(server, "bob")
    await bob.start()
    assert bob.own.attached
    await alice.send("bob", "one")
    await bob.until(lambda: bob.state == "idle" and bob.own is None, "the listener is proven")
    await alice.send("bob", "two")
    await bob.until_shown(2)

    bob.listener.close()
    listening = next(task for task in bob.tasks if task.get_coro().__name__ == "accept")
    listening.cancel()
    bob.pushed.abort()
    await alice.send("bob", "three")
    await bob.until(lambda: bob.own and bob.own.attached, "attached again")
    await bob.until_shown(3)

    await bob.listen(bob.port)
    await bob.until(lambda: bob.state == "idle" and bob.own is None, "proven again")
    await alice.send("bob", "four")
    assert await bob.until_shown(4) == ["one", "two", "three", "four"]
    assert not bob.warnings[1:]


async def test_a_push_connection_is_signed_on(server, people):
    bob = people(server, "bob")
    await bob.start()
    await bob.until(lambda: bob.pushed, "a push")
    await refusals_of(bob.pushed, [(("attach",), "malformed:attach:"),
                                   (("detach",), "malformed:detach:")])
    assert (await bob.pushed.ask("send", "k", "alice", "x"))[0] == "k"
    pushed = bob.pushed
    pushed.write("goodbye")
    await bob.until(lambda: pushed.ended, "the end after goodbye")


async def test_impostors_get_nothing(server, people, tmp_path):
    """Who is not the server, or not for this session, is given no proof."""
    bob = people(server, "bob")
    await bob.connect()
    await bob.open()
    await bob.listen()

    async def said_to(certificate, key, first):
        """What the listener says to a TLS server that connects to it and writes `first`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        said = []

        async def serve(reader, writer):
            writer.write(first)
            said.append(await reader.read())
            writer.close()

        relay = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        near = await asyncio.open_connection("127.0.0.1", bob.port)
        far = await asyncio.open_connection(*relay.sockets[0].getsockname())
        await asyncio.wait_for(asyncio.gather(pipe(near[0], far[1]), pipe(far[0], near[1])),
                               PATIENCE)
        relay.close()
        return said

    push = "push:%s:%s\x03" % (bob.store.session, "0" * 32)
    other = Pair(str(tmp_path), "other")
    own = (server.directory + "/certificate.pem", server.directory + "/key.pem")
    assert await said_to(other.certificate, other.key, push.encode()) in ([], [b""])
    assert await said_to(*own, push.replace("push:", "push:x").encode()) == [b""]
    assert await said_to(*own, b"msg:1/*:1:1:alice:alice:x\x03") == [b""]
    reader, writer = await asyncio.open_connection("127.0.0.1", bob.port)
    writer.write(push.encode())
    assert b"proof" not in await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    assert bob.pushed is None and bob.shown == []

    await bob.poll()
    await bob.until(lambda: bob.pushed, "the server itself")


async def pipe(reader, writer):
    """Hands on what comes until it ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


# -- with the real client

async def hear(hearing):
    """The next message that the real client writes, past notices of the room."""
    while True:
        entry = json.loads(await asyncio.to_thread(hearing.stdout.readline))
        if entry["kind"] == "message":
            return entry


async def test_conversation_with_the_real_client(server, people, programs):
    alice, bob = people(server, "alice"), programs(server, "bob")
    await alice.start()
    hearing = bob.begin("recv", "--follow", "--json")
    for number in range(3):
        await alice.send("bob", "to bob: %d" % number)
        heard = await hear(hearing)
        assert (heard["from"], heard["text"]) == ("alice", "to bob: %d" % number)
        status, _, err = await asyncio.to_thread(bob.run, "send", "alice", "예: %d" % number)
        assert status == 0, err
        assert (await alice.until_shown(number + 1))[number] == "예: %d" % number
    status, _, err = await asyncio.to_thread(bob.run, "send", "#lobby", "to the room")
    assert status == 0, err
    assert (await alice.until_shown(4))[3] == "to the room"
    assert {message.sender for message in alice.shown} == {"bob"}


async def test_both_clients_go_on_after_a_restart(server, people, programs):
    alice, bob = people(server, "alice"), programs(server, "bob")
    await alice.start()
    hearing = bob.begin("recv", "--follow", "--json")
    await alice.send("bob", "before")
    assert (await hear(hearing))["text"] == "before"
    await asyncio.to_thread(server.stop)
    sending = asyncio.create_task(alice.send("bob", "after"))
    await alice.until(lambda: alice.store.outbox, "the message is kept")
    server.start()
    assert (await sending).seq == "2"
    assert (await hear(hearing))["text"] == "after"
    status, _, err = await asyncio.to_thread(bob.run, "send", "alice", "back")
    assert status == 0, err
    assert await alice.until_shown(1) == ["back"]
