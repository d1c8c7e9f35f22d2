"""Somebody else in the server's place: a client that has seen the server's certificate once tells an
impostor nothing, neither where it connects to nor where it is connected to.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import os
import select
import socket
import ssl
import subprocess
import threading

import pytest

import multichat
from conftest import CLIENT, SERVER


def make_certificate(directory):
    """Another certificate for the same name: its file and that of its key."""
    files = [os.path.join(directory, name) for name in ("other.crt", "other.key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=multichat", "-days", "2",
                    "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


class Impostor:
    """Listens where the server did, with a certificate of its own, and keeps what it is told."""

    def __init__(self, address, port, files):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.listener = socket.create_server((address, port), backlog=16)
        self.closing, self._wake = socket.socketpair()
        self.visits, self.heard = 0, b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            ready, _, _ = select.select([self.listener, self.closing], [], [])
            if self.closing in ready:
                return
            visitor, _ = self.listener.accept()
            visitor.settimeout(multichat.PATIENCE)
            self.visits += 1
            with contextlib.suppress(OSError), self.context.wrap_socket(visitor,
                                                                        server_side=True) as tls:
                while chunk := tls.recv(4096):
                    self.heard += chunk

    def close(self):
        self._wake.close()
        self.thread.join(multichat.PATIENCE)
        self.closing.close()
        self.listener.close()


@pytest.fixture
def impostor(lan, tmp_path):
    made = []

    def take_place(daemon):
        """The daemon is gone, and somebody else sits on its port."""
        port = daemon.writes[1]
        daemon.stop()
        with lan.server:
            made.append(Impostor(SERVER, port, make_certificate(str(tmp_path))))
        return made[-1]

    yield take_place
    for one in made:
        one.close()


def test_a_known_server_with_another_certificate_is_refused(lan, remote, programs, impostor):
    daemon = remote()
    alice = programs(daemon, "alice", host=lan.client, listen=CLIENT)
    assert alice.run("send", "bob", "hello")[0] == 0
    stranger = impostor(daemon)
    status, out, err = alice.run("send", "bob", "the secret of this house")
    assert status != 0
    assert "certificate" in err and "known_servers" in err, err
    assert err.count("SHA256:") >= 2, "both fingerprints are shown: " + err
    assert stranger.visits >= 1
    assert stranger.heard == b"", "the impostor was told something"


def test_an_impostor_that_connects_to_the_listener_gets_nothing(lan, remote, programs, tmp_path):
    """The client listens; somebody who is not the server connects, with TLS and without."""
    daemon = remote()
    bob = programs(daemon, "bob", host=lan.client, listen=CLIENT + ":7777")
    receiver = bob.begin("recv", "--count", "1", "--timeout", str(int(multichat.PATIENCE)),
                         "--json")
    alice = programs(daemon, "alice", host=lan.client, listen=CLIENT)
    multichat.wait_until(lambda: daemon.figure("present") >= 1, "bob is present")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(str(tmp_path)))
    forged = b"push:AAAA:" + b"0" * 32 + b"\x03msg:1/*:1:1:alice:Alice:forged\x03"
    for wrap in (True, False):
        with lan.server:
            visitor = socket.create_connection((CLIENT, 7777), timeout=multichat.PATIENCE)
        heard = b""
        with contextlib.suppress(OSError):
            if wrap:
                visitor = context.wrap_socket(visitor, server_side=True)
            visitor.sendall(forged)
            while chunk := visitor.recv(4096):
                heard += chunk
        visitor.close()
        assert b"proof" not in heard
    assert alice.run("send", "bob", "the real one")[0] == 0
    out, err = receiver.communicate(timeout=multichat.PATIENCE * 2)
    assert receiver.returncode == 0, err.decode()
    assert b"forged" not in out and b"the real one" in out
