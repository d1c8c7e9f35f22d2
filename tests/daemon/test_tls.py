"""TLS on the write port: which versions, who may do without, whose certificates, and what a reload
changes for whom.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import ssl

import pytest

import certificates
import multichat
from v2 import Closed, Connection, Refused, client_context, fingerprint


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    yield daemon
    daemon.close()


@pytest.fixture(name="authority", scope="module")
def make_authority(tmp_path_factory):
    return certificates.Authority(str(tmp_path_factory.mktemp("authority")))


def start(daemon, *users):
    daemon.start()
    daemon.add_users(*(users or ("alice",)))


def hello(daemon, context=None, tls=True, source=None, userid="alice"):
    """A connection that is signed on, and its session."""
    connection = Connection.open(daemon.writes, tls, context, source)
    return connection, connection.sign_on("hello:2:%s:pw-%s:test" % (userid, userid))


def reload(daemon, **settings):
    start_line = len(daemon.process.log)
    daemon.write_config(**settings)
    daemon.reload()
    daemon.process.wait_log("reload: the new configuration is in force$", start_line)


def refused(daemon, context):
    """True if no connection comes to stand. With TLS 1.3 a client learns what the server thinks of
    its certificate when it reads."""
    try:
        with Connection.open(daemon.writes, True, context) as connection:
            connection.ask("ping", "pong")
    except (ssl.SSLError, ConnectionError, Closed):
        return True
    return False


def test_tls_1_3_and_nothing_older(daemon):
    start(daemon)
    older = client_context()
    older.minimum_version, older.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    assert refused(daemon, older)
    connection, _ = hello(daemon)
    with connection:
        assert connection.socket.version() == "TLSv1.3"


def test_certificate_is_the_one_that_is_shown(daemon):
    start(daemon)
    with Connection.open(daemon.writes) as connection:
        shown = daemon.status()["tls"]["fingerprint"]
        assert fingerprint(connection.socket) == shown[7:].replace(":", "").lower()


def test_connections_over_tls_are_counted(daemon):
    start(daemon)
    connection, _ = hello(daemon)
    with connection:
        connections = daemon.status()["connections"]
        assert (connections["clients"], connections["tls"]) == (1, 1)
        assert connections["memory_bytes"] > 0
    daemon.wait_figure("tls", lambda count: count == 0)


def test_plain_is_for_networks_that_may(daemon):
    daemon.settings["tls.plain"] = ["127.0.0.1"]
    start(daemon)
    connection, _ = hello(daemon, tls=False, source=("127.0.0.1", 0))
    connection.close()
    with Connection.open(daemon.writes, False, source=("127.0.0.2", 0)) as other:
        with pytest.raises(Refused) as told:
            other.sign_on("hello:2:alice:pw-alice:test")
        assert (told.value.code, told.value.about) == ("tls-required", "hello")
        assert other.wait_closed() == []
    connection, _ = hello(daemon, source=("127.0.0.2", 0))
    connection.close()


def test_reload_narrows_who_may_do_without(daemon):
    start(daemon)
    hello(daemon, tls=False)[0].close()
    reload(daemon, tls__plain=[])
    with Connection.open(daemon.writes, False) as connection:
        assert connection.ask("ping", "err")[:2] == ["tls-required", "ping"]


def test_version_1_is_told_from_tls(daemon):
    start(daemon, "alice", "bob")
    alice = multichat.V1Client(daemon, "alice")
    try:
        assert alice.write("bob", "hello") == "ack"
    finally:
        alice.close()


def test_reload_swaps_the_certificate_for_new_connections(daemon, authority):
    old, new = authority.issue("old"), authority.issue("new")
    daemon.settings["tls.certificate"], daemon.settings["tls.key"] = old.certificate, old.key
    start(daemon)
    verified = ssl.create_default_context(cafile=authority.certificate)
    open_before, _ = hello(daemon, client_context())
    seen = fingerprint(open_before.socket)
    reload(daemon, tls__certificate=new.certificate, tls__key=new.key)
    assert open_before.send("*", "still here").seq == 1
    with Connection.open(daemon.writes) as connection:
        now = fingerprint(connection.socket)
    assert seen != now
    assert certificates.fingerprint(new.certificate)[7:].replace(":", "").lower() == now
    open_before.close()
    verified.check_hostname = False
    hello(daemon, verified)[0].close()


def test_clients_certificates(daemon, authority, tmp_path):
    stranger = certificates.Pair(str(tmp_path), "stranger")
    known = authority.issue("known")
    daemon.settings.update({"tls.ca": authority.certificate, "tls.clients": "required"})
    start(daemon)
    hello(daemon, client_context(known.certificate, known.key))[0].close()
    assert refused(daemon, client_context())
    assert refused(daemon, client_context(stranger.certificate, stranger.key))
    reload(daemon, tls__clients="optional")
    assert not refused(daemon, client_context())
    assert refused(daemon, client_context(stranger.certificate, stranger.key))
    reload(daemon, tls__clients="none")
    assert not refused(daemon, client_context(stranger.certificate, stranger.key))


def test_revocation_takes_effect_on_reload(daemon, authority):
    lost, kept = authority.issue("lost"), authority.issue("kept")
    daemon.settings.update({"tls.ca": authority.certificate, "tls.crl": authority.list,
                            "tls.clients": "required"})
    start(daemon)
    context = client_context(lost.certificate, lost.key)
    open_before, _ = hello(daemon, context)
    authority.revoke(lost)
    authority.publish()
    assert not refused(daemon, client_context(lost.certificate, lost.key))
    reload(daemon)
    assert refused(daemon, client_context(lost.certificate, lost.key))
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):  # nor with a ticket from before
        ticket = open_before.socket.session
        connected = context.wrap_socket(multichat.socket.create_connection(daemon.writes),
                                        session=ticket)
        Connection(connected).ask("ping", "pong")
    hello(daemon, client_context(kept.certificate, kept.key))[0].close()
    assert open_before.ask("ping", "pong") == []
    open_before.close()


# -- sessions and the secret


def test_sessions_survive_a_restart_and_end_with_the_secret(daemon):
    start(daemon)
    connection, session = hello(daemon)
    connection.close()
    daemon.stop()
    daemon.start()
    with Connection.open(daemon.writes) as connection:
        session = connection.sign_on(session.resume())
    secret = daemon.settings["session.secret_file"]
    with open(secret + ".new", "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(os.urandom(32))
    os.rename(secret + ".new", secret)
    with Connection.open(daemon.writes) as connection:
        session = connection.sign_on(session.resume())  # nothing changes before the reload
        reload(daemon)
        assert [frame[:2] for frame in connection.wait_closed()] == [["err", "unknown-session"]]
    with Connection.open(daemon.writes) as connection:
        with pytest.raises(Refused) as told:
            connection.sign_on(session.resume())
        assert told.value.code == "unknown-session"
    hello(daemon)[0].close()


def test_handshakes_of_an_address_are_limited(daemon):
    """A handshake costs the server more than anything else a stranger can ask for."""
    daemon.settings.update({"rates.handshakes": 1, "rates.handshakes_burst": 2})
    start(daemon)
    with hello(daemon)[0] as first, hello(daemon)[0] as second:
        assert refused(daemon, client_context())
        assert refused(daemon, client_context())
        metrics = daemon.status()["counters"]
        assert (metrics["tls-handshakes"], metrics["tls-limited"]) == (2, 2)
        assert first.ask("ping", "pong") == second.ask("ping", "pong") == []
    hello(daemon, tls=False)[0].close()
    hello(daemon, source=("127.0.0.2", 0))[0].close()
    reload(daemon, **{"rates.handshakes": 0})
    hello(daemon)[0].close()
