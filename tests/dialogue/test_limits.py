"""What a peer can make grow has a limit, and reaching it troubles nobody else.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import socket

from multichat import ETX, FRUGAL, PATIENCE, error_code, read_answers, wait_until


def is_served(connection):
    """False if the server closed it at once."""
    try:
        connection.sendall(b"nonsense" + ETX)
        return len(read_answers(connection, 1)) == 1
    except (BrokenPipeError, ConnectionResetError):
        return False


def test_connections_per_address(daemons, clients):
    daemon = daemons(limits__connections_per_address=5)
    daemon.add_users("alice", "bob")
    alice = clients(daemon, "alice")
    bob = clients(daemon, "bob", host="127.0.0.2")
    held = [alice.connect() for _ in range(5)]
    assert all(is_served(connection) for connection in held)
    with alice.connect() as one_more:
        assert not is_served(one_more)
    assert bob.write("bob", "from elsewhere") == "ack"
    assert bob.wait()[0].text == "from elsewhere"
    held.pop().close()

    def served_again():
        with alice.connect() as connection:
            return is_served(connection)
    wait_until(served_again, "the place that was given back")
    for connection in held:
        connection.close()


def test_connections_in_total(daemons, clients):
    daemon = daemons(limits__connections=5)
    daemon.add_users("alice")
    holders = [clients(daemon, "alice", host="127.0.0.%d" % n).connect() for n in range(1, 6)]
    assert all(is_served(connection) for connection in holders)
    other = clients(daemon, "alice", host="127.0.0.9")
    with other.connect() as one_more:  # the place is that of the longest idle one
        assert is_served(one_more)
        assert read_answers(holders[0], 1) == []
        assert all(is_served(connection) for connection in holders[1:])
    assert daemon.figure("connections-evicted") == 1
    for connection in holders:
        connection.close()


def test_idle_connection_is_told_and_closed(daemons, clients):
    daemon = daemons(limits__idle=1)
    daemon.add_users("alice")
    alice = clients(daemon, "alice")
    with alice.connect() as connection:
        connection.sendall(alice.frame("alice", "hello") + ETX)
        assert read_answers(connection, 1) == ["ack"]
        answers = read_answers(connection, 2)
        assert [error_code(answer) for answer in answers] == ["timeout"]
    assert alice.write("alice", "x") == "ack"


def test_slow_loris_is_cut_off(daemons, clients):
    """Bytes that come do not count; a whole frame has to."""
    daemon = daemons(limits__sign_on=1)
    daemon.add_users("alice")
    alice = clients(daemon, "alice")
    with alice.connect() as connection:
        connection.settimeout(0.2)
        data = b""
        for _ in range(int(PATIENCE / 0.2)):
            try:
                connection.sendall(b"x")
                chunk = connection.recv(1000)
                data += chunk
                if not chunk:
                    break
            except socket.timeout:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        else:
            raise AssertionError("a writer that never ends is never cut off")
        assert data == b"" or error_code(data.rstrip(ETX).decode()) == "timeout"


def test_open_writers_block_nobody(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    slow = [alice.connect() for _ in range(100)]
    for connection in slow:
        connection.sendall(b"wrmsg:alice:pw-alice:bob:half of")
    for number in range(10):
        assert alice.write("bob", str(number)) == "ack"
    bob.wait(10)
    assert bob.texts() == list("0123456789")
    for connection in slow:
        connection.sendall(b" it" + ETX)
    for connection in slow:
        assert read_answers(connection, 1) == ["ack"]
        connection.close()
    bob.wait(110)
    assert bob.texts()[10:] == ["half of it"] * 100


def test_writer_that_reads_no_answers(daemons, clients):
    """Its answers may wait up to a limit; then it is not read any more, or closed."""
    daemon = daemons(environment=FRUGAL)
    daemon.add_users("alice", "bob")
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    with alice.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        sent, memory = 0, daemon.process.resident()
        try:
            while sent < 1 << 25:
                sent += connection.send((b"nonsense" + ETX) * 1000)
        except (socket.timeout, BrokenPipeError, ConnectionResetError):
            pass
        assert alice.write("bob", "meanwhile") == "ack"
        assert bob.wait()[0].text == "meanwhile"
        assert daemon.process.resident() < memory + (16 << 20)


def test_memory_is_flat_under_garbage(daemons, clients):
    daemon = daemons(environment=FRUGAL)
    daemon.add_users("alice", "bob")
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")

    def flood(count):
        polls = daemon.figure("polls")
        for number in range(count):
            bob.send_datagram(b"poll:nobody%d:x:%d\xff" % (number, number))
            bob.send_datagram(bytes([number & 255]) * (number % 500))
            if number % 50 == 49:
                # In step with the daemon, whose socket buffer is finite.
                assert error_code(alice.exchange(b"garbage %d" % number + ETX)[0]) == "malformed"
        assert daemon.figure("polls") > polls + count
    flood(1000)
    assert alice.write("bob", "warm") == "ack"
    bob.wait()
    before = daemon.process.resident()
    flood(5000)
    assert daemon.process.resident() <= before + (1 << 20)
    assert alice.write("bob", "after") == "ack"
    assert bob.wait(2)[1].text == "after"


def test_unknown_users_do_not_fill_the_memory(daemons, clients):
    daemon = daemons(password__threads=2)
    daemon.add_users("alice")
    alice = clients(daemon, "alice")
    for number in range(3000):
        alice.send_datagram("poll:nobody%d:wrong:9001" % number)
        if number % 100 == 99:
            alice.exchange(b"x" + ETX)
    daemon.wait_figure("polls", lambda n: n >= 2000)
    wait_until(lambda: alice.write("alice", "x") == "ack", "the sign-on of a real user")
    alice.wait()
    assert daemon.figure("accounts") < 3000


def test_devices_of_one_user(daemons, clients):
    daemon = daemons(limits__devices=3)
    daemon.add_users("alice", "bob")
    devices = []
    for number in range(1, 4):
        device = clients(daemon, "bob", host="127.0.0.%d" % number)
        devices.append(device)
        device.poll()
        daemon.wait_figure("present", lambda n, want=number: n == want or devices[-1].poll())
    extra = clients(daemon, "bob", host="127.0.0.9")
    dropped = daemon.figure("polls-dropped")
    extra.poll()
    daemon.wait_figure("polls-dropped", lambda n: n > dropped)
    assert clients(daemon, "alice").write("bob", "to three") == "ack"
    for device in devices:
        assert device.wait()[0].text == "to three"
    assert extra.received == []


def test_writes_are_pushed_within_limits(daemons, clients):
    daemon = daemons(limits__pushes=2, limits__pushes_per_address=1)
    names = ["user%d" % number for number in range(20)]
    daemon.add_users("alice", *names)
    receivers = [clients(daemon, name) for name in names]
    for receiver in receivers:
        receiver.write(receiver.userid, "sign-on")
        receiver.wait()
    alice = clients(daemon, "alice")
    for number in range(5):
        assert alice.write("*", str(number)) == "ack"
    for receiver in receivers:
        receiver.wait(6)
        assert receiver.texts() == ["sign-on"] + list("01234")
