"""Polls on a network that is not safe: replayed, altered, late and forged ones change nothing and are
not answered; a right one whose source address is forged brings its victim a connection attempt in
which the server says nothing.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import select
import socket
import struct

import pytest

import multichat
from conftest import CLIENT, SERVER
from v2 import mac

COUNTERS = ("polls-accepted", "polls-malformed", "polls-forged", "polls-late", "polls-replayed")
VICTIM = "10.71.2.99"


@pytest.fixture
def bob(lan, remote, clients):
    """Signed on and proven at his endpoint."""
    daemon = remote(rates__dials=30, rates__dials_burst=10)
    client = clients(daemon, "bob", address=CLIENT, host=lan.client)
    client.daemon = daemon
    client.sign_on().close()
    client.poll_until("idle")
    return client


def counters(daemon):
    return {name: daemon.figure(name) for name in COUNTERS}




def assert_ignored(bob, datagrams, counter):
    """They are counted under `counter` alone, not answered, and what comes after is as before."""
    before, pushes = counters(bob.daemon), bob.daemon.figure("dials")
    with bob.host:
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind((CLIENT, 0))
    for datagram in datagrams:
        other.sendto(datagram, bob.polls)
    multichat.wait_until(
        lambda: bob.daemon.figure(counter) >= before[counter] + len(datagrams), counter)
    after = counters(bob.daemon)
    assert {name for name in COUNTERS if after[name] != before[name]} == {counter}
    # What the server answers it answers at once, so an answer would be here by now.
    assert select.select([other], [], [], 0)[0] == []
    assert bob.daemon.figure("dials") == pushes
    assert bob.poll() == "idle"
    other.close()


def test_a_replayed_poll(bob):
    time_ms = bob.session.time_ms()
    datagram = bob.session.poll(bob.port, time_ms).encode()
    bob.send_poll(datagram.decode())
    assert bob.session.polled_state(bob.answer(multichat.PATIENCE), time_ms) == "idle"
    assert_ignored(bob, [datagram] * 3, "polls-replayed")


def test_an_older_poll_that_was_held_back(bob):
    older = bob.session.poll(bob.port).encode()
    assert bob.poll() == "idle"
    assert_ignored(bob, [older], "polls-replayed")


def test_altered_polls(bob):
    """Every field altered, and a byte of each kind in the signature."""
    verb, name, time_ms, port, signature = bob.session.poll(bob.port).split(":")
    other_name = ("A" if name[20] != "A" else "B").join((name[:20], name[21:]))
    altered = [(name, str(int(time_ms) + 1), port, signature),
               (name, time_ms, str(int(port) + 1), signature),
               (name, time_ms, port, ("0" if signature[0] != "0" else "1") + signature[1:]),
               (name, time_ms, port, signature[:-1] + ("0" if signature[-1] != "0" else "1"))]
    assert_ignored(bob, [":".join((verb,) + fields).encode() for fields in altered],
                   "polls-forged")
    before = counters(bob.daemon)
    bob.send_poll(":".join((verb, other_name, time_ms, port, signature)))
    multichat.wait_until(lambda: sum(counters(bob.daemon).values()) == sum(before.values()) + 1,
                         "the one with another session is counted")
    assert counters(bob.daemon)["polls-accepted"] == before["polls-accepted"]
    assert bob.answer(0) is None


def test_late_and_early_polls(bob):
    now = bob.session.time_ms()
    assert_ignored(bob, [bob.session.poll(bob.port, now + away).encode()
                         for away in (-61000, -3600000, 61000, 3600000)], "polls-late")


def test_forged_polls(bob):
    """Signed with a key that was guessed."""
    text = "poll2:%s:%d:%d" % (bob.session.name, bob.session.time_ms(), bob.port)
    assert_ignored(bob, [(text + ":" + mac(key, text)).encode()
                         for key in (b"", bytes(32), b"password" * 4)], "polls-forged")


def udp_packet(source, destination, payload):
    """An IPv4 packet with any source address; a UDP checksum of 0 is none."""
    udp = struct.pack("!HHHH", 40000, destination[1], 8 + len(payload), 0) + payload
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(destination[0])) + udp


def test_a_forged_source_address_brings_a_connection_attempt_and_nothing_else(lan, bob):
    """bob (or who holds back his datagrams) sends polls in the name of a victim that listens on the
    port they tell: it is connected to a bounded number of times and not told a byte."""
    lan.client.run("ip", "address", "add", VICTIM + "/24", "dev", lan.client_link)
    with lan.client:
        victim = socket.create_server((VICTIM, 0), backlog=128)
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    victim.settimeout(multichat.PATIENCE)
    before = bob.daemon.figure("polls-accepted")
    for _ in range(200):
        poll = bob.session.poll(victim.getsockname()[1]).encode()
        raw.sendto(udp_packet(VICTIM, bob.polls, poll), (SERVER, 0))
    multichat.wait_until(lambda: bob.daemon.figure("polls-accepted") == before + 200,
                         "the polls were taken")
    visits = []
    while select.select([victim], [], [], 0.5 if visits else multichat.PATIENCE)[0]:
        visits.append(victim.accept()[0])
    assert 1 <= len(visits) <= 10, "%d connections for 200 forged polls" % len(visits)
    for visit in visits:
        visit.settimeout(multichat.PATIENCE)
        heard = b""
        try:
            visit.sendall(b"\x15\x03\x01\x00\x02\x02\x28")  # no handshake with him
            while chunk := visit.recv(4096):
                heard += chunk
        except ConnectionResetError:
            pass
        assert len(heard) <= 7, "the victim was told %r" % heard  # at most a TLS alert
        visit.close()
    raw.close()
    victim.close()
    # Nothing was spent: what waits is delivered once he polls himself.
    bob.poll_until("idle")


def test_privileged_ports_and_excluded_networks_are_never_connected_to(lan, remote, clients):
    daemon = remote(push__excluded=[CLIENT + "/32"])
    bob = clients(daemon, "bob", address=CLIENT, host=lan.client)
    bob.sign_on().close()
    before = daemon.figure("dials")
    bob.poll_until("unreachable")
    bob.send_poll(bob.session.poll(22))
    bob.poll_until("unreachable")
    assert daemon.figure("dials") == before and bob.pushes == 0
    bob.attach()
    clients(daemon, "alice", address=CLIENT, host=lan.client, listen=False).send("bob", "hi")
    assert [m.text for m in bob.wait(1)] == ["hi"]
