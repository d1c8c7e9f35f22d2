"""Delivery: kept until it has been taken, once, in order, whatever the receiver does.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

from multichat import ETX, hold, read_and_reset, reset, take


def sign_on(*clients):
    """Each is known as a device once he got what he wrote to himself."""
    for client in clients:
        assert client.write(client.userid, "sign-on") == "ack"
        client.wait()


def after_sign_on(client):
    return client.texts()[1:]


def test_one_newmsg_per_connection_in_order(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    sign_on(bob)
    lines = ["line %d" % number for number in range(50)]
    data = b"".join(alice.frame("bob", line) + ETX for line in lines)
    assert alice.exchange(data, len(lines)) == ["ack"] * len(lines)
    bob.wait(1 + len(lines))
    assert after_sign_on(bob) == lines
    assert all(message.raw.count(b"newmsg:") == 1 for message in bob.received)


def test_backlog_of_an_absent_receiver(either, clients):
    alice = clients(either, "alice")
    lines = ["line %d" % number for number in range(200)]
    for begin in range(0, len(lines), 50):
        data = b"".join(alice.frame("bob", line) + ETX for line in lines[begin:begin + 50])
        assert alice.exchange(data, 50) == ["ack"] * 50
    bob = clients(either, "bob")
    bob.wait(len(lines))
    assert bob.texts() == lines


def test_a_poll_delivers_nothing_twice(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    for number in range(5):
        assert alice.write("bob", str(number)) == "ack"
        for _ in range(5):
            bob.poll()
        bob.wait(number + 1)
    assert bob.texts() == list("01234")


def test_written_while_present_is_pushed_without_another_poll(daemon, clients):
    alice, bob = clients(daemon, "alice"), clients(daemon, "bob")
    sign_on(bob)
    assert alice.write("bob", "at once") == "ack"
    with bob.changed:
        assert bob.changed.wait_for(lambda: len(bob.received) == 2, 5)


def test_refused_delivery_is_kept(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    sign_on(bob)
    bob.poll()
    bob.listener.close()
    bob._wake.close()
    bob.thread.join()
    assert alice.write("bob", "kept 1") == "ack"
    assert alice.write("bob", "kept 2") == "ack"
    either.wait_figure("pushes-refused", lambda n: n >= 1)
    again = clients(either, "bob")
    assert [m.text for m in again.wait(2)] == ["kept 1", "kept 2"]


@pytest.mark.parametrize("behave", [reset, read_and_reset])
def test_reset_is_no_delivery(either, clients, behave):
    either.write_config(presence__retry=50)
    either.reload()
    alice, bob = clients(either, "alice"), clients(either, "bob")
    bob.behave = behave
    assert alice.write("bob", "one") == "ack"
    assert alice.write("bob", "two") == "ack"
    bob.wait_disturbance(2)
    bob.behave = take
    bob.wait(2)
    assert bob.texts() == ["one", "two"]


def test_receiver_that_never_closes_blocks_nobody(daemons, engine, clients):
    daemon = daemons(engine, limits__push_deliver=1, presence__retry=50)
    daemon.add_users("alice", "bob", "carol")
    alice, bob, carol = (clients(daemon, name) for name in ("alice", "bob", "carol"))
    sign_on(bob, carol)
    bob.behave = hold
    assert alice.write("bob", "for bob") == "ack"
    bob.wait_disturbance()
    for number in range(20):
        assert alice.write("carol", str(number)) == "ack"
    carol.wait(21)
    assert after_sign_on(carol) == [str(number) for number in range(20)]
    bob.behave = take
    for connection in bob.held:
        connection.close()
    bob.wait(2)
    assert alice.write("bob", "next") == "ack"
    bob.wait(3)
    assert set(after_sign_on(bob)) == {"for bob", "next"}


def test_room_members_get_it_and_others_do_not(either, clients):
    either.add_room("#tea", "alice", "bob")
    alice, bob, carol = (clients(either, name) for name in ("alice", "bob", "carol"))
    sign_on(alice, bob, carol)
    for number in range(10):
        assert alice.write("#tea", "a%d" % number) == "ack"
        assert bob.write("#tea", "b%d" % number) == "ack"
    for client in (alice, bob, carol):
        assert client.write(client.userid, "end") == "ack"
    assert [m.text for m in carol.wait(2)] == ["sign-on", "end"]
    alice.wait(12)
    bob.wait(12)
    assert [t for t in after_sign_on(alice) if t != "end"] == ["b%d" % n for n in range(10)]
    assert [t for t in after_sign_on(bob) if t != "end"] == ["a%d" % n for n in range(10)]


def test_members_see_a_room_in_one_order(either, clients):
    either.add_users("dave")
    either.add_room("#tea", "alice", "bob", "carol", "dave")
    writers = [clients(either, name) for name in ("alice", "bob")]
    readers = [clients(either, name) for name in ("carol", "dave")]
    sign_on(*writers, *readers)
    connections = [writer.connect() for writer in writers]
    for number in range(20):
        for writer, connection in zip(writers, connections):
            connection.sendall(writer.frame("#tea", "%s %d" % (writer.userid, number)) + ETX)
    for reader in readers:
        reader.wait(41)
    for connection in connections:
        connection.close()
    first, second = map(after_sign_on, readers)
    assert first == second
    for writer in writers:
        mine = [text for text in first if text.startswith(writer.userid)]
        assert mine == ["%s %d" % (writer.userid, number) for number in range(20)]


def test_second_device_gets_what_comes_after_it(either, clients):
    alice, phone, desk = (clients(either, name) for name in ("alice", "bob", "bob"))
    sign_on(phone)
    either.wait_figure("messages-delivered", lambda n: n == 1)
    desk.poll()
    either.wait_figure("present", lambda n: n == 2 or desk.poll())
    for number in range(5):
        assert alice.write("bob", "both %d" % number) == "ack"
    expected = ["both %d" % number for number in range(5)]
    with phone.changed:
        assert phone.changed.wait_for(lambda: len(phone.received) >= 6, 10)
    desk.wait(5)
    assert after_sign_on(phone) == expected
    assert desk.texts() == expected


def test_other_device_of_the_sender_gets_his_message_to_everyone(daemon, clients):
    bob = clients(daemon, "bob")
    here, there = clients(daemon, "alice"), clients(daemon, "alice", host="127.0.0.2")
    sign_on(bob, here)
    daemon.wait_figure("messages-delivered", lambda n: n == 2)
    there.poll()
    daemon.wait_figure("present", lambda n: n == 3 or there.poll())
    assert here.write("*", "from here") == "ack"
    assert [m.text for m in there.wait(1)] == ["from here"]
    assert here.write("alice", "end") == "ack"
    assert [m.text for m in here.wait(2)] == ["sign-on", "end"]
    assert bob.wait(2)[1].text == "from here"


def test_receiver_that_moved_goes_on_where_it_stopped(either, clients):
    alice, bob = clients(either, "alice"), clients(either, "bob")
    assert alice.write("bob", "old place") == "ack"
    bob.wait()
    bob.close()
    assert alice.write("bob", "new place") == "ack"
    moved = clients(either, "bob")
    moved.wait()
    assert alice.write("bob", "again") == "ack"
    moved.wait(2)
    assert moved.texts() == ["new place", "again"]


def test_user_added_later_gets_nothing_older(either, clients):
    alice = clients(either, "alice")
    assert alice.write("*", "before dave") == "ack"
    either.add_users("dave")
    assert alice.write("*", "after dave") == "ack"
    dave = clients(either, "dave")
    assert [m.text for m in dave.wait()] == ["after dave"]
