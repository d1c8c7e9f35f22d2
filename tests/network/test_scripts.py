"""Scripts on two hosts: one sends a thousand numbered lines, each by a run of `multichat send`, another
runs a command for each. Networks and server break in between, and each line is run exactly once, in
order.

SPDX-License-Identifier: GPL-3.0-or-later
"""

import pytest

import multichat
import netns


def is_watched():
    """True for a program of AddressSanitizer's, each run of which takes its time."""
    with open(multichat.program("multichat"), "rb") as file:
        return b"__asan_init" in file.read()


LINES = 200 if is_watched() else 1000
SERVER, SENDER, FAR_SERVER, RECEIVER = "10.71.1.1", "10.71.1.2", "10.71.2.1", "10.71.2.2"

SEND = """
number=1
while [ $number -le %d ]; do
    "$@" send bob "line $number" 2>>%s || echo "$number: $?" >>%s
    number=$((number + 1))
done
"""

RUN = 'read -r line; echo "$MULTICHAT_FROM $line" >>%s'


class Net:
    """A server with a cable to each of two hosts."""

    def __init__(self, server, sender, receiver):
        self.server, self.sender, self.receiver = server, sender, receiver
        _, self.sender_link = netns.cable(server, SERVER + "/24", sender, SENDER + "/24")
        _, self.receiver_link = netns.cable(server, FAR_SERVER + "/24", receiver, RECEIVER + "/24")
        netns.route(receiver, SERVER + "/32", FAR_SERVER)

    def cut(self, host, link):
        host.run("ip", "link", "set", link, "down")

    def mend(self, host, link):
        host.run("ip", "link", "set", link, "up")
        if host is self.receiver:  # routes go with the link
            netns.route(host, SERVER + "/32", FAR_SERVER)


@pytest.fixture
def net():
    with netns.hosts(3) as three:
        yield Net(*three)


def read_lines(path):
    """The whole lines of a file that is being written."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().rpartition("\n")[0].splitlines()
    except FileNotFoundError:
        return []


def wait_more(path, count):
    """So many more lines."""
    goal = len(read_lines(path)) + count
    multichat.wait_until(lambda: len(read_lines(path)) >= goal, "%d lines of %s" % (goal, path),
                         patience=4 * multichat.PATIENCE)


def retransmitted(host):
    """How many TCP segments the host has had to send again so far."""
    with host, open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    return int(values[names.index("RetransSegs")])


def wait_stored(daemon, count):
    """So many more messages."""
    goal = daemon.figure("writes-stored") + count
    daemon.wait_figure("writes-stored", lambda stored: stored >= goal)


def test_each_line_is_run_once_whatever_breaks(net, daemons, programs, tmp_path):
    daemon = daemons(host=net.server, address=SERVER)
    daemon.add_users("alice", "bob")
    alice = programs(daemon, "alice", host=net.sender, listen=SENDER)
    bob = programs(daemon, "bob", host=net.receiver, listen=RECEIVER)
    ran, errors, kept = [str(tmp_path / name) for name in ("ran", "errors", "kept")]

    receiving = bob.begin("recv", "--follow", "--exec", RUN % ran)
    sending = alice.begin_script(SEND % (LINES, errors, kept))
    wait_more(ran, LINES // 10)
    net.cut(net.receiver, net.receiver_link)
    wait_stored(daemon, LINES // 20)
    net.mend(net.receiver, net.receiver_link)

    for end in (daemon.kill, daemon.stop):
        wait_more(ran, LINES // 10)
        end()
        wait_more(errors, 1)
        daemon.start()

    wait_more(ran, LINES // 10)
    before = retransmitted(net.sender), len(read_lines(errors))
    net.cut(net.sender, net.sender_link)
    multichat.wait_until(lambda: retransmitted(net.sender) > before[0] or
                         len(read_lines(errors)) > before[1], "somebody to notice")
    net.mend(net.sender, net.sender_link)

    assert sending.wait(8 * multichat.PATIENCE) == 0
    assert alice.run("send", "--wait", "--timeout", "60", "bob", "the end") == (0, "", "")
    multichat.wait_until(lambda: "alice the end" in read_lines(ran), "the last line",
                         patience=4 * multichat.PATIENCE)
    receiving.terminate()
    assert receiving.wait(multichat.PATIENCE) == 0
    assert read_lines(ran) == ["alice line %d" % i for i in range(1, LINES + 1)] + ["alice the end"]
    assert read_lines(kept) and {line.split(": ")[1] for line in read_lines(kept)} == {"3"}
