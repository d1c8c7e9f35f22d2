"""Whom the client takes for the server: by its first use, by a CA, or not at all.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import ssl

import pytest

from certificates import Authority
from fakeserver import FakeServer
from harness import client, error, server

__all__ = ["client", "server"]  # the fixtures

UNTRUSTED = 8


@pytest.fixture
def stranger(client, server):
    """A client to which the server is no news, and then news again."""
    client.known.append(server)
    return client


def known_servers(client):
    return os.path.join(client.folder, ".local", "share", "multichat", "known_servers")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def use(context, certificate, key, clients=None):
    """A context like it with another certificate; `clients`: the CA of theirs, which are asked for."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = context.minimum_version
    made.load_cert_chain(certificate, key)
    if clients:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(clients)
    return made


# -- first use

def test_the_first_use_is_told_and_remembered(stranger, server):
    result = stranger.run(server, "send", "bob", "one")
    assert result.returncode == 0 and server.stored == [("bob", "one")]
    assert "seen for the first time" in result.stderr
    assert "multichat: %s\n" % server.fingerprint in result.stderr
    assert read(known_servers(stranger)) == "%s:%d %s\n" % (server.host, server.write_port,
                                                            server.fingerprint)
    result = stranger.run(server, "send", "bob", "two")
    assert (result.returncode, result.stderr) == (0, "")


def changed(client, server):
    """The server as known to the client, with another certificate now."""
    assert client.run(server, "send", "bob", "one").returncode == 0
    before = server.fingerprint
    server.identify("another")
    assert server.fingerprint != before
    server.verbs.clear()
    return before


def test_another_certificate_is_refused_in_words(client, server):
    before = changed(client, server)
    result = client.run(server, "send", "bob", "two")
    assert result.returncode == UNTRUSTED
    for words in ("ANOTHER CERTIFICATE", before, server.fingerprint, "multichatctl status",
                  "remove line 1 of " + known_servers(client)):
        assert words in result.stderr
    assert server.verbs == []  # not a word to the stranger
    assert client.kept() == [("bob", "two")]
    os.unlink(known_servers(client))
    result = client.run(server, "send", "bob", "three")
    assert result.returncode == 0 and "seen for the first time" in result.stderr
    assert server.stored == [("bob", "one"), ("bob", "two"), ("bob", "three")]


@pytest.mark.parametrize("arguments", [[], ["recv"], ["passwd", "--new-password-fd", "0"]],
                         ids=["lines", "recv", "passwd"])
def test_another_certificate_ends_every_mode(client, server, arguments):
    changed(client, server)
    result = client.run(server, *arguments, text="line\n")
    assert result.returncode == UNTRUSTED
    assert result.stderr.count("ANOTHER CERTIFICATE") == 1  # however many connections saw it
    assert server.verbs == []


# -- CAs

@pytest.fixture
def authority(tmp_path):
    return Authority(str(tmp_path))


def test_a_certificate_of_the_ca_needs_no_first_use(stranger, server, authority):
    pair = authority.issue("server")
    server.context = use(server.context, pair.certificate, pair.key)
    result = stranger.run(server, "send", "--server", "localhost", "--tls-ca",
                          authority.certificate, "bob", "one")
    assert (result.returncode, result.stderr) == (0, "")
    assert not os.path.exists(known_servers(stranger))


@pytest.mark.parametrize("wrong", ["authority", "name", "self-signed"])
def test_what_does_not_verify_is_refused(stranger, server, authority, tmp_path, wrong):
    if wrong == "name":
        pair = authority.issue("server", host="elsewhere.example")
        server.context = use(server.context, pair.certificate, pair.key)
    elif wrong == "authority":
        (tmp_path / "other").mkdir()
        pair = Authority(str(tmp_path / "other")).issue("server")
        server.context = use(server.context, pair.certificate, pair.key)
    stranger.known.append(server)
    result = stranger.run(server, "send", "--server", "localhost", "--tls-ca",
                          authority.certificate, "bob", "one")
    assert result.returncode == UNTRUSTED and "localhost is not trusted" in result.stderr
    assert server.verbs == []
    assert stranger.kept() == [("bob", "one")]


def test_the_clients_own_certificate(client, server, authority):
    pair = authority.issue("server")
    server.context = use(server.context, pair.certificate, pair.key, authority.certificate)
    server.fingerprint = pair.fingerprint()
    result = client.run(server, "send", "bob", "one")
    assert result.returncode == 3 and "certificate" in result.stderr
    own = authority.issue("alice")
    result = client.run(server, "send", "--tls-certificate", own.certificate, "--tls-key", own.key,
                        "bob", "two")
    assert (result.returncode, result.stderr) == (0, "")
    assert server.stored == [("bob", "one"), ("bob", "two")]


def test_a_ca_that_cannot_be_read(client, server):
    result = client.run(server, "send", "--tls-ca", "/nowhere/ca.pem", "bob", "one")
    assert result.returncode == 2 and "/nowhere/ca.pem" in result.stderr
    assert client.kept() == []


# -- without TLS

def test_plain_for_those_who_say_so(client):
    server = FakeServer(tls=False)
    try:
        result = client.run(server, "send", "--no-tls", "bob", "one")
        assert (result.returncode, result.stderr) == (0, "")
        assert not os.path.exists(known_servers(client))
        result = client.run(server, "send", "bob", "two")  # not by itself
        assert result.returncode == 3 and "cannot reach the server" in result.stderr
        assert server.stored == [("bob", "one")]
    finally:
        server.close()


def test_a_session_of_tls_is_not_used_in_plain(client, server):
    assert client.run(server, "send", "bob", "one").returncode == 0
    assert client.run(server, "send", "--no-tls", "bob", "two").returncode == 0
    assert [signon[0] for signon in server.signons] == ["hello", "hello"]


def test_the_server_wants_tls(client, server):
    server.denied = error("tls-required", "not in clear")
    result = client.run(server, "send", "--no-tls", "bob", "one")
    assert result.returncode == 1
    assert "not in clear (tls-required); do without --no-tls" in result.stderr
