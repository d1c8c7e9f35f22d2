"""What connections may take: time, places, memory. Who is slow or idle makes way, and nobody else
notices.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import select
import signal
import socket
import time

import pytest

import multichat
from v2 import Closed, Connection, V2Client


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    yield daemon
    daemon.close()


def start(daemon, **settings):
    daemon.settings.update({key.replace("__", "."): value for key, value in settings.items()})
    daemon.start()
    daemon.add_users("alice", "bob")
    return daemon


def hello(daemon, userid="alice", tls=True):
    connection = Connection.open(daemon.writes, tls)
    connection.sign_on("hello:2:%s:pw-%s:-" % (userid, userid))
    return connection


def dribble(connected, data, pause=0.05):
    """Sends a byte at a time until the peer has closed; what came back, and after how long."""
    begun, answer = time.monotonic(), b""
    for byte in data:
        try:
            connected.sendall(bytes([byte]))
            if select.select([connected], [], [], pause)[0]:
                break
        except ConnectionError:
            break
    connected.settimeout(multichat.PATIENCE)
    try:
        while chunk := connected.recv(4096):
            answer += chunk
    except ConnectionError:
        pass
    return answer, time.monotonic() - begun


@pytest.mark.parametrize("tls", [False, True])
def test_half_a_message_is_none(daemon, tls):
    """A client that is killed in the middle of a frame: what it says again under the key is stored
    whole."""
    start(daemon)
    with hello(daemon, tls=tls) as killed:
        killed.socket.sendall(b"send:k1:bob:half a mess")
        if tls:
            killed.socket.unwrap().close()  # in order, and so is its answer
        else:
            killed.socket.shutdown(socket.SHUT_WR)
            assert killed.wait_closed() == []
    with hello(daemon, tls=tls) as again:
        assert again.send("bob", "half a message", "k1").seq == 1
        assert again.send("bob", "another", "k2").seq == 2


def test_slow_sender_is_cut_and_others_go_on(daemon):
    start(daemon, limits__frame=1)
    with hello(daemon, "bob") as bob, socket.create_connection(daemon.writes) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer, took = dribble(slow, b"hello:2:alice:" + b"x" * 200)
        assert answer.startswith(b"err:timeout:"), answer
        assert 0.9 < took < 8
        assert bob.ask("ping", "pong") == []
        assert bob.send("*", "hello").seq == 1


def test_slow_handshake_is_cut(daemon):
    start(daemon, limits__frame=1)
    with socket.create_connection(daemon.writes) as slow:
        answer, took = dribble(slow, b"\x16\x03\x01\x02\x00\x01" + bytes(200))
        assert b"err:" not in answer
        assert 0.9 < took < 8
    hello(daemon).close()


def test_stranger_has_his_time_to_sign_on(daemon):
    start(daemon, limits__sign_on=1)
    with hello(daemon) as alice, socket.create_connection(daemon.writes) as stranger:
        stranger.settimeout(multichat.PATIENCE)
        assert stranger.recv(4096).startswith(b"err:timeout:")
        assert stranger.recv(4096) == b""
        assert alice.ask("ping", "pong") == []


def test_stranger_does_not_stay_one_by_asking(daemon):
    start(daemon, limits__sign_on=1)
    with Connection.open(daemon.writes) as stranger:
        begun = time.monotonic()
        while time.monotonic() < begun + multichat.PATIENCE:
            stranger.write("ping")
            frame = stranger.read()
            if frame != ["pong"]:
                break
            select.select([stranger.socket], [], [], 0.05)
        assert frame[:2] == ["err", "timeout"]
        assert time.monotonic() - begun > 0.9


def test_longest_idle_makes_way_when_all_places_are_taken(daemon):
    start(daemon, limits__connections=3)
    first, second, third = (hello(daemon) for _ in range(3))
    assert first.ask("ping", "pong") == []
    with hello(daemon) as fourth:
        assert second.wait_closed() == []
        for connection in (first, third, fourth):
            assert connection.ask("ping", "pong") == []
        assert daemon.figure("connections-evicted") == 1
    for connection in (first, second, third):
        connection.close()


def test_strangers_make_way_before_those_who_have_signed_on(daemon):
    start(daemon, limits__connections=3)
    with hello(daemon) as first, hello(daemon) as second:
        with socket.create_connection(daemon.writes) as stranger, \
                socket.create_connection(daemon.writes) as next_one:
            stranger.settimeout(multichat.PATIENCE)
            assert stranger.recv(10) == b""
            with hello(daemon) as third:
                next_one.settimeout(multichat.PATIENCE)
                assert next_one.recv(10) == b""
                for connection in (first, second, third):
                    assert connection.ask("ping", "pong") == []
    assert daemon.figure("connections-evicted") == 2


def test_who_is_owed_something_does_not_make_way(daemon):
    """Alice has a message on its way that she has not acknowledged."""
    start(daemon, limits__connections=2)
    alice = Connection.open(daemon.writes)
    alice.sign_on("hello:2:alice:pw-alice:desk")
    alice.ask("attach", "attached")
    bob = hello(daemon, "bob")
    bob.send("alice", "hello")
    alice.expect("msg")
    with hello(daemon) as other:
        assert other.ask("ping", "pong") == []
        assert bob.wait_closed() == []
        assert alice.ask("ping", "pong") == []
    alice.close()
    bob.close()


def test_memory_of_connections_has_a_limit(daemon):
    start(daemon, limits__memory=4)
    connections = [Connection.open(daemon.writes) for _ in range(400)]
    try:
        daemon.wait_figure("connections-evicted", lambda count: count > 0)
        daemon.wait_figure("memory-bytes", lambda count: count <= 4 * 1024 * 1024)
        assert connections[-1].ask("ping", "pong") == []
        with pytest.raises((Closed, ConnectionError)):
            connections[0].ask("ping", "pong")
    finally:
        for connection in connections:
            connection.close()


def test_many_from_one_address_are_refused(daemon):
    start(daemon, limits__connections_per_address=2)
    with hello(daemon) as first, hello(daemon) as second:
        with socket.create_connection(daemon.writes) as third:
            third.settimeout(multichat.PATIENCE)
            assert third.recv(10) == b""
        assert first.ask("ping", "pong") == [] and second.ask("ping", "pong") == []
    assert daemon.figure("connections-evicted") == 0


# -- stopping


def test_stop_ends_tls_in_order(daemon):
    """close_notify: the end of the stream is no reset."""
    start(daemon)
    with hello(daemon) as alice:
        daemon.process.child.send_signal(signal.SIGTERM)
        assert alice.socket.recv(100) == b""
    daemon.stop()


def test_stop_takes_acknowledgements_that_are_on_their_way(daemon):
    start(daemon)
    alice = Connection.open(daemon.writes)
    session = alice.sign_on("hello:2:alice:pw-alice:desk")
    alice.ask("attach", "attached")
    with hello(daemon, "bob") as bob:
        bob.send("alice", "first")
        conversation, seq = alice.expect("msg")[:2]
        daemon.process.child.send_signal(signal.SIGTERM)
        assert bob.wait_closed() == []
    alice.write("ack:%s:%s" % (conversation, seq))
    alice.wait_closed()
    alice.close()
    daemon.stop()
    daemon.start()
    with hello(daemon, "bob") as bob:
        bob.send("alice", "second")
    with Connection.open(daemon.writes) as alice:
        alice.sign_on(session.resume())
        alice.write("attach")
        frames = [alice.read(), alice.read()]
        assert [frame[-1] for frame in frames if frame[0] == "msg"] == ["second"]


def test_stop_waits_a_bounded_time_for_acknowledgements(daemon):
    start(daemon)
    with Connection.open(daemon.writes) as alice, hello(daemon, "bob") as bob:
        alice.sign_on("hello:2:alice:pw-alice:desk")
        alice.ask("attach", "attached")
        bob.send("alice", "hello")
        alice.expect("msg")
        process, daemon.process = daemon.process, None
        process.child.send_signal(signal.SIGTERM)
        assert alice.wait_closed() == bob.wait_closed() == []
    assert process.end(0) == 0
    assert "not finished" not in process.text()


# -- made by the server


def test_push_comes_over_tls_under_the_same_certificate(daemon):
    start(daemon)
    alice = V2Client(daemon, "alice")
    try:
        alice.sign_on().close()
        with hello(daemon, "bob") as bob:
            bob.send("alice", "hello")
            assert [message.text for message in alice.wait(1)] == ["hello"]
        assert alice.pushes == 1
        assert daemon.status()["connections"]["dialling"] == 0
        assert daemon.status()["presence"]["streams"] == 1
    finally:
        alice.close()


def test_listener_that_never_shakes_hands_gives_its_place_back(daemon):
    start(daemon, limits__frame=1, limits__pushes=1)
    alice = V2Client(daemon, "alice", listen=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        try:
            alice.sign_on().close()
            alice.port = silent.getsockname()[1]
            assert alice.poll() == "pushing"
            silent.settimeout(multichat.PATIENCE)
            taken, _ = silent.accept()
            with taken:
                daemon.wait_figure("dialling", lambda count: count == 1)
                alice.poll_until("unreachable")
            assert daemon.figure("dialling") == 0
        finally:
            alice.close()


def test_stop_does_not_wait_for_a_listener_that_is_silent(daemon):
    start(daemon)
    alice = V2Client(daemon, "alice", listen=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        try:
            alice.sign_on().close()
            alice.port = silent.getsockname()[1]
            alice.send_poll()
            daemon.wait_figure("dialling", lambda count: count == 1)
            daemon.stop()
        finally:
            alice.close()
