"""Who listens on the wire: a whole conversation is captured on its way, and neither password nor text,
nor anybody's name, can be read in it.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json

import multichat
import netns
from conftest import CLIENT

TEXT = "the keys are under the third stone"
SECRETS = [TEXT, "pw-alice", "pw-bob", "alice", "bob", "wrmsg", "newmsg", "welcome", "hello:"]


def converse(programs, daemon, host):
    """alice sends, bob receives: pushed to by the real client's own sign-on, polls and listener."""
    bob = programs(daemon, "bob", host=host, listen=CLIENT)
    alice = programs(daemon, "alice", host=host, listen=CLIENT)
    receiver = bob.begin("recv", "--count", "3", "--timeout", str(int(multichat.PATIENCE)), "--json")
    for number in range(3):
        status, _, err = alice.run("send", "bob", "%s %d" % (TEXT, number))
        assert status == 0, err
    out, err = receiver.communicate(timeout=multichat.PATIENCE * 2)
    assert receiver.returncode == 0, err.decode()
    assert [json.loads(line)["text"] for line in out.splitlines()] == [
        "%s %d" % (TEXT, number) for number in range(3)]


def test_neither_password_nor_text_can_be_read(lan, remote, programs):
    daemon = remote()
    capture = netns.Capture(lan.server, lan.server_link)
    converse(programs, daemon, lan.client)
    seen = b"\n".join(capture.stop())
    assert b"poll2:" in seen and b"\x16\x03" in seen, "the capture missed the conversation"
    assert [secret for secret in SECRETS if secret.encode() in seen] == []


def test_pushes_are_encrypted_too(lan, remote, clients):
    """The connections that the server makes, by a client that takes part in nothing else."""
    daemon = remote()
    bob = clients(daemon, "bob", address=CLIENT, host=lan.client)
    bob.sign_on().close()
    bob.poll_until("idle")
    capture = netns.Capture(lan.client, lan.client_link)
    clients(daemon, "alice", address=CLIENT, host=lan.client, listen=False).send("bob", TEXT)
    assert bob.wait(1, poll=False)[0].text == TEXT
    seen = b"\n".join(capture.stop())
    assert bob.pushes >= 1
    assert [secret for secret in SECRETS if secret.encode() in seen] == []


def test_the_capture_would_see_it(lan, remote):
    """Version 1, where it is allowed, has everything in clear: so the tests above can fail."""
    daemon = remote(version1__networks=["10.71.0.0/16"])
    capture = netns.Capture(lan.server, lan.server_link)
    with lan.client:
        client = multichat.V1Client(daemon, "alice", host=CLIENT)
    try:
        with lan.client:
            assert client.write("bob", TEXT) == "ack"
    finally:
        client.close()
    seen = b"\n".join(capture.stop())
    assert b"pw-alice" in seen and TEXT.encode() in seen
