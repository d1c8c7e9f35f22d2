"""A client that cannot be connected to: behind a router that translates addresses, it receives at once
all the same; and when the way in is opened it is pushed to again, and back.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import threading
import time

import pytest

import multichat
import netns
from conftest import SERVER

INSIDE, PORT = "192.168.7.2", 7777
OUTSIDE = "10.71.1.254"


class Lines:
    """What a receiving client has shown, as it comes."""

    def __init__(self, child):
        self.changed = threading.Condition()
        self.lines = []
        self.child = child
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            with self.changed:
                self.lines.append((time.monotonic(), json.loads(line)["text"]))
                self.changed.notify_all()

    def wait(self, text):
        """When it was shown."""
        return multichat.wait_until(
            lambda: next((when for when, shown in self.lines if shown == text), None),
            "%r is shown" % text, self.changed)


@pytest.fixture
def behind_nat():
    """A server, a router that translates, and a client behind it."""
    with netns.hosts(3) as (server, router, client):
        netns.cable(server, SERVER + "/24", router, OUTSIDE + "/24")
        netns.cable(client, INSIDE + "/24", router, "192.168.7.1/24")
        netns.route(client, "default", "192.168.7.1")
        router.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        router.run("nft", "-f", "-", text="""
            table ip nat {
                chain inward { type nat hook prerouting priority -100; }
                chain outward { type nat hook postrouting priority 100;
                                ip saddr 192.168.7.0/24 masquerade; }
            }
            table ip filter {
                chain forward { type filter hook forward priority 0; policy drop;
                                ip saddr 192.168.7.0/24 accept;
                                ct state established,related accept;
                                ct status dnat accept; }
            }""")
        yield server, router, client


def open_the_way(router):
    router.run("nft", "add rule ip nat inward ip daddr %s tcp dport %d dnat to %s:%d" % (
        OUTSIDE, PORT, INSIDE, PORT))


def close_the_way(router):
    """Also for connections that are open."""
    router.run("nft", "insert rule ip filter forward ip daddr %s tcp dport %d drop" % (
        INSIDE, PORT))


def test_behind_nat_and_out_of_it(behind_nat, daemons, programs):
    server, router, client = behind_nat
    daemon = daemons(host=server, address=SERVER, presence__probe=1, presence__poll=1,
                     limits__push_deliver=2)
    daemon.add_users("alice", "bob")
    bob = programs(daemon, "bob", host=client, listen="%s:%d" % (INSIDE, PORT), server=SERVER)
    alice = programs(daemon, "alice", host=server, listen=SERVER, server=SERVER)
    lines = Lines(bob.begin("recv", "--follow", "--json"))
    daemon.wait_figure("attached", lambda attached: attached == 1)

    for number in range(5):
        text = "through the kept connection %d" % number
        assert alice.run("send", "bob", text)[0] == 0
        sent = time.monotonic()
        assert lines.wait(text) - sent < 1
        # That he cannot be connected to has been found out meanwhile, and he stays attached.
        daemon.wait_figure("dials-failed", lambda failed: failed >= 1)
        assert daemon.figure("attached") == 1

    open_the_way(router)
    daemon.wait_figure("attached", lambda attached: attached == 0)
    assert alice.run("send", "bob", "through the open way")[0] == 0
    lines.wait("through the open way")
    assert daemon.figure("attached") == 0 and daemon.figure("streams") == 1

    close_the_way(router)
    assert alice.run("send", "bob", "the way is closed again")[0] == 0
    lines.wait("the way is closed again")
    assert daemon.figure("attached") == 1
    assert len(lines.lines) == 7, "each once: %r" % lines.lines
