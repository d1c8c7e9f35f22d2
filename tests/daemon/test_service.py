"""The daemon as a service: what it tells the service manager, the watchdog, reloading, stopping.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import signal
import socket

import pytest

import multichat


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    yield daemon
    daemon.close()


@pytest.fixture(name="alice")
def make_alice(daemon):
    daemon.start()
    daemon.add_users("alice", "bob")
    alice = multichat.V1Client(daemon, "alice")
    yield alice
    alice.close()


def reload(daemon, **settings):
    """Changes the configuration and has it reloaded; returns what was logged meanwhile."""
    process = daemon.process
    ready, start = process.notices.count("READY=1"), len(process.log)
    daemon.write_config(**settings)
    daemon.reload()
    process.wait_ready(ready + 1)
    process.wait_log("reload: .*(is in force|stays so)$", start)  # its last line
    return "\n".join(process.log[start:])


# -- ready, status, watchdog


def test_ready_while_storage_is_away_and_back_by_itself(daemon):
    folder = os.path.join(daemon.directory, "later")
    daemon.settings["storage.sqlite.path"] = os.path.join(folder, "multichat.db")
    daemon.start()
    daemon.process.wait_notice("^STATUS=storage down: ")
    assert daemon.status()["storage"]["up"] is False
    os.mkdir(folder)
    daemon.process.wait_notice("^STATUS=storage up")


def test_status_line_counts_who_is_present(daemon, alice):
    alice.poll()
    daemon.process.wait_notice("^STATUS=storage up, 1 device present$")


@pytest.mark.parametrize("storage", ["up", "away"])
def test_watchdog_is_fed_while_storage_is(storage):
    daemon = multichat.Daemon()
    try:
        if storage == "away":
            daemon.settings["storage.sqlite.path"] = os.path.join(daemon.directory, "no", "db")
        daemon.write_config()
        daemon.process = multichat.Process(
            [multichat.program("multichatd"), "--config", daemon.config], daemon.directory,
            {"WATCHDOG_USEC": "400000"})
        daemon.process.wait_ready()
        multichat.wait_until(lambda: daemon.process.notices.count("WATCHDOG=1") >= 3,
                             "three WATCHDOG=1", daemon.process.changed)
    finally:
        daemon.close()


def test_no_watchdog_unless_asked(daemon, alice):
    alice.poll()
    daemon.process.wait_notice("^STATUS=storage up, 1 ")
    assert "WATCHDOG=1" not in daemon.process.notices


# -- reloading


def test_reload_takes_up_limits_and_level(daemon, alice):
    text = "x" * 200
    assert alice.write("bob", text) == "ack"
    log = reload(daemon, limits__text=100, log__level="notice")
    assert "the new configuration is in force" in log
    assert daemon.process.notices.index("RELOADING=1") > daemon.process.notices.index("READY=1")
    assert multichat.error_code(alice.write("bob", text)) == "too-long"
    assert alice.write("bob", "short") == "ack"


def test_reload_takes_up_networks(daemon, alice):
    reload(daemon, version1__networks=["192.0.2.0/24"])
    assert multichat.error_code(alice.write("bob", "hello")) == "forbidden"
    reload(daemon, version1__networks=["127.0.0.0/8"])
    assert alice.write("bob", "hello") == "ack"


def test_reload_takes_up_limits_of_connections(daemon, alice):
    reload(daemon, limits__connections_per_address=1)
    with alice.connect() as first:
        first.sendall(b"nonsense" + multichat.ETX)
        assert multichat.read_answers(first, 1)
        with alice.connect() as second:
            assert multichat.read_answers(second, 1) == []


def test_reload_refuses_a_bad_file_and_keeps_the_old(daemon, alice):
    log = reload(daemon, limits__text=5, log__level="loud")
    assert 'key "limits.text": value 5: allowed are 64 to 65536 bytes' in log
    assert 'key "log.level": value "loud": allowed are' in log
    assert "the configuration in force stays so" in log
    assert alice.write("bob", "x" * 200) == "ack"
    assert "is in force" in reload(daemon, limits__text=64, log__level="debug")
    assert multichat.error_code(alice.write("bob", "x" * 200)) == "too-long"


def test_reload_refuses_a_file_that_is_gone(daemon, alice):
    os.unlink(daemon.config)
    daemon.reload()
    daemon.process.wait_log("cannot be read: No such file or directory$")
    assert alice.write("bob", "hello") == "ack"


def test_reload_names_what_cannot_change(daemon, alice):
    log = reload(daemon, storage__queue=100, listen__writes="127.0.0.1:1", limits__devices=9)
    for key in ("storage.queue", "listen.writes"):
        assert 'key "%s" cannot change while the daemon runs' % key in log
    assert "limits.devices" not in log
    assert alice.write("bob", "hello") == "ack"


def test_reload_again_names_it_again(daemon, alice):
    for _ in range(2):
        assert '"storage.queue" cannot change' in reload(daemon, storage__queue=100)


# -- stopping


def test_stop_tells_and_ends_orderly(daemon, alice):
    process = daemon.process
    with alice.connect() as idle:
        idle.sendall(b"wrmsg:half a fra")
        daemon.process.wait_log("ready")
        assert process.end(signal.SIGTERM) == 0
        daemon.process = None
        assert multichat.read_answers(idle, 1) == []
    assert "STOPPING=1" in process.notices
    assert not multichat.SANITIZER.search(process.text())


def test_stop_delivers_what_is_under_way(daemon, alice):
    """A push that the receiver takes while the daemon stops is not pushed again after it."""
    bob = multichat.V1Client(daemon, "bob")
    try:
        held = []

        def late(client, connection):
            held.append(connection)
            client.disturbed()

        bob.behave = late
        assert alice.write("bob", "hello") == "ack"
        bob.wait_disturbance()
        process = daemon.process
        process.child.send_signal(signal.SIGTERM)
        process.wait_log("stopping")
        multichat.take(bob, held[0])
        assert process.end(0) == 0
        daemon.past_log, daemon.process = process.text(), None
        assert "not finished" not in process.text()

        bob.behave = multichat.take
        daemon.start()
        assert alice.write("bob", "again") == "ack"
        assert [message.text for message in bob.wait(2)] == ["hello", "again"]
    finally:
        bob.close()


def test_stop_waits_no_longer_than_it_may(daemon, alice):
    """A receiver that never closes holds nobody up."""
    alice.behave = multichat.hold
    bob = multichat.V1Client(daemon, "bob")
    try:
        assert bob.write("alice", "hello") == "ack"
        alice.wait_disturbance()
        process, daemon.process = daemon.process, None
        assert process.end(signal.SIGTERM, patience=20) == 0
        assert "stopping with 0 connections and 1 pushes not finished" in process.text()
    finally:
        bob.close()


def test_second_signal_does_not_wait(daemon, alice):
    alice.behave = multichat.hold
    bob = multichat.V1Client(daemon, "bob")
    try:
        assert bob.write("alice", "hello") == "ack"
        alice.wait_disturbance()
        process, daemon.process = daemon.process, None
        process.child.send_signal(signal.SIGINT)
        process.wait_log("stopping")
        assert process.end(signal.SIGINT) == 0
        assert "not finished" not in process.text()
    finally:
        bob.close()


def test_messages_outlive_a_restart(daemon, alice):
    assert alice.write("bob", "before") == "ack"
    daemon.stop()
    daemon.start()
    bob = multichat.V1Client(daemon, "bob")
    try:
        assert bob.wait(1)[0].text == "before"
    finally:
        bob.close()


def test_writer_that_hangs_up_is_no_error(daemon, alice):
    for _ in range(20):
        with socket.create_connection(daemon.writes) as connection:
            connection.sendall(alice.frame("bob", "bye") + multichat.ETX)
    daemon.wait_figure("writes-stored", lambda count: count == 20)
