"""Dialogues of the real multichat, in pipes, with a server of version 1 that does what the test says.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from fakeserver import ACK, ETX, FakeServer, reset
from harness import MULTICHAT, PASSWORD, Follower, client, error, finish, server
from multichat import PATIENCE, wait_until

__all__ = ["client", "server"]  # the fixtures

# -- send

def test_send_stores_and_exits_0(client, server):
    result = client.run(server, "send", "bob", 'a:b "c" 안녕 😀')
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert server.frames == [("alice", PASSWORD, "bob", 'a:b "c" 안녕 😀')]
    assert client.kept() == []


def test_send_takes_standard_input_whole(client, server):
    assert client.run(server, "send", "#room", text="one\n\ntwo\n").returncode == 0
    assert server.stored == [("#room", "one\n\ntwo")]


@pytest.mark.parametrize("code", ["unknown", "not-member", "too-long", "malformed", "newer-code"])
def test_send_refused_exits_1_and_keeps_nothing(client, server, code):
    server.answer = lambda frame: error(code, "no \x1b[31msuch")
    result = client.run(server, "send", "bob", "text")
    assert result.returncode == 1
    assert "bob was refused: no ^[[31msuch (%s)" % code in result.stderr
    assert client.kept() == []


def test_send_denied_keeps_only_what_was_there_before(client, server):
    server.answer = lambda frame: error("busy")
    assert client.run(server, "send", "bob", "earlier").returncode == 3
    server.answer = lambda frame: error("denied")
    result = client.run(server, "send", "bob", "now")
    assert result.returncode == 1
    assert client.kept() == [("bob", "earlier")]


@pytest.mark.parametrize("arguments", [
    ["send"], ["send", "a:b", "x"], ["send", "", "x"], ["send", "bob", ""],
    ["send", "bob", "x", "y"], ["send", "bob", "a\x03b"], ["send", "bob", b"\xff\xfe"],
    ["send", "two words", "x"], ["send", "bob", "--count", "1", "x"], ["sned"],
    ["--timeout", "soon"], ["--poll-port", "70000"], ["--listen", "here"], ["--user", "a/b"],
    ["--listen", "127.0.0.1:80", "recv"], ["recv", "--count", "0"],
    ["--config", "/nowhere/at/all"], ["--password-fd", "1000"]])
def test_wrong_usage_exits_2_and_sends_nothing(client, server, arguments):
    result = client.run(server, *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("multichat: ")
    assert server.frames == [] and client.kept() == []


def test_a_text_that_is_too_long_is_told_before_anything_is_sent(client, server):
    result = client.run(server, "send", "bob", text="x" * 65537)
    assert result.returncode == 2 and "65536" in result.stderr
    assert client.run(server, "send", "bob", text="x" * 65536 + "\n").returncode == 0
    assert server.stored == [("bob", "x" * 65536)]


def test_send_without_a_server_keeps_and_the_next_run_sends_in_order(client, server):
    server.stop()
    result = client.run(server, "send", "bob", "first")
    assert result.returncode == 3 and "kept in the outbox" in result.stderr
    assert f", port {server.write_port}: Connection refused" in result.stderr
    assert client.run(server, "send", "*", "second\nline").returncode == 3
    assert client.kept() == [("bob", "first"), ("*", "second\nline")]
    server.start()
    assert client.run(server, "send", "bob", "third").returncode == 0
    assert server.stored == [("bob", "first"), ("*", "second\nline"), ("bob", "third")]
    assert client.kept() == []


@pytest.mark.parametrize("answer", [
    error("unavailable"), error("busy"), error("uncertain"), error("timeout"), error("internal"),
    None, b"nonsense" + ETX, b"x" * 5000],
    ids=["unavailable", "busy", "uncertain", "timeout", "internal", "closed", "nonsense", "endless"])
def test_what_is_not_answered_for_is_kept(client, server, answer):
    server.answer = lambda frame: answer
    assert client.run(server, "send", "bob", "text").returncode == 3
    assert client.kept() == [("bob", "text")]


def test_an_earlier_message_that_is_refused_does_not_stop_the_next(client, server):
    server.stop()
    assert client.run(server, "send", "nobody", "lost").returncode == 3
    server.start()
    server.answer = lambda frame: error("unknown") if frame[2] == "nobody" else ACK
    result = client.run(server, "send", "bob", "found")
    assert result.returncode == 0
    assert "an earlier message to nobody was refused" in result.stderr
    assert server.stored == [("bob", "found")] and client.kept() == []


def test_an_outbox_that_cannot_be_used_exits_4_and_sends_nothing(client, server):
    with open(os.path.join(client.folder, "state"), "w", encoding="utf-8"):
        pass
    result = client.run(server, "send", "bob", "text")
    assert result.returncode == 4 and "not sent" in result.stderr
    assert server.frames == []


def test_a_full_outbox_exits_4(client, server):
    config = os.path.join(client.folder, "config")
    with open(config, "w", encoding="utf-8") as file:
        file.write("outbox: { messages = 1; };\n")
    server.stop()
    assert client.run(server, "send", "--config", config, "bob", "one").returncode == 3
    result = client.run(server, "send", "--config", config, "bob", "two")
    assert result.returncode == 4 and "full" in result.stderr
    assert client.kept() == [("bob", "one")]


def test_a_server_that_cannot_be_found_keeps(client, server):
    result = client.run(server, "--server", "no-such-host.invalid", "send", "bob", "x")
    assert result.returncode == 3 and "cannot find" in result.stderr
    assert client.kept() == [("bob", "x")]


def test_a_damaged_outbox_entry_is_dropped_and_told(client, server):
    server.stop()
    assert client.run(server, "send", "bob", "one").returncode == 3
    for folder, _, names in os.walk(os.path.join(client.folder, "state")):
        for name in names:
            if name != "lock":
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write("no newline")
    server.start()
    result = client.run(server, "send", "bob", "two")
    assert result.returncode == 0 and "damaged" in result.stderr
    assert server.stored == [("bob", "two")] and client.kept() == []


# -- passwords and configuration

def test_the_password_from_a_descriptor_and_from_a_command(client, server):
    read, write = os.pipe()
    os.write(write, b"by descriptor\nrest")
    os.close(write)
    done = subprocess.run(client.argv(server, "--password-fd", str(read), "send", "bob", "x",
                                      password=False),
                          env=client.env, pass_fds=[read], timeout=PATIENCE, check=False)
    rest = os.read(read, 100)
    os.close(read)
    assert done.returncode == 0 and rest == b"rest"
    result = client.run(server, "--password-command", "echo by command; cat", "send", "bob",
                        text="not the command's", password=False)
    assert result.returncode == 0
    assert [frame[1] for frame in server.frames] == ["by descriptor", "by command"]
    assert server.stored[1] == ("bob", "not the command's")


@pytest.mark.parametrize("command,why", [("exit 3", "failed"), ("true", "empty"),
                                         ("echo a:b", "':'"), ("printf '%0200d' 1", "longer")])
def test_a_password_that_is_none_is_told(client, server, command, why):
    result = client.run(server, "--password-command", command, "send", "bob", "x", password=False)
    assert result.returncode == 2 and why in result.stderr
    assert server.frames == []


def test_a_password_file_that_others_can_read_is_warned_about(client, server):
    os.chmod(client.password_file, 0o644)
    result = client.run(server, "send", "bob", "x")
    assert result.returncode == 0 and "can be read by others" in result.stderr


def test_without_any_password_and_terminal(client, server):
    done = subprocess.run(client.argv(server, "send", "bob", "x", password=False), env=client.env,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                          check=False, start_new_session=True)
    assert done.returncode == 2 and b"--password-file" in done.stderr


def test_the_configuration_file_and_what_outweighs_it(client, server):
    folder = os.path.join(client.folder, ".config", "multichat")
    os.makedirs(folder)
    with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
        file.write('user = "carol";\nserver = "%s";\npoll_port = %d;\nwrite_port = %d;\n'
                   'password_file = "%s";\n' % (server.host, server.poll_port, server.write_port,
                                                client.password_file))
    run = dict(env=client.env, timeout=PATIENCE, check=False, capture_output=True)
    assert subprocess.run([MULTICHAT, "send", "bob", "x"], **run).returncode == 0
    assert subprocess.run([MULTICHAT, "send", "--user", "dave", "bob", "x"], **run).returncode == 0
    assert [frame[0] for frame in server.frames] == ["carol", "dave"]
    with open(os.path.join(folder, "config"), "a", encoding="utf-8") as file:
        file.write("receive_from = \"anybody\";\n")
    done = subprocess.run([MULTICHAT, "send", "bob", "x"], **run)
    assert done.returncode == 2
    assert b"config:6:" in done.stderr and b"receive_from" in done.stderr


# -- recv

def test_recv_ends_after_count_and_acknowledges(client, server):
    child = client.start(server, "recv", "--count", "2")
    assert server.push("one", when=0)
    assert server.push("two\nlines")
    code, out, err = finish(child)
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0] == "[1970-01-01 00:00] Bob (bob): one"
    assert re.fullmatch(r"\[\d\d:\d\d\] Bob \(bob\): two", lines[1])
    assert lines[2] == "    | lines"
    poll = server.polls[0]
    assert poll[:2] == ("alice", PASSWORD) and poll[3] == server.host


def test_recv_does_not_acknowledge_more_than_count(client, server):
    child = client.start(server, "recv", "--count", "1")
    first, second = server.open_push(), server.open_push()
    ends = []
    for connection, text in ((first, b"one"), (second, b"two")):
        try:
            connection.sendall(b"newmsg:1:Bob:bob:" + text)
            connection.shutdown(socket.SHUT_WR)
            ends.append(connection.recv(1))
        except OSError:  # reset: by then or in between
            ends.append("reset")
        connection.close()
    code, out, _ = finish(child)
    assert code == 0 and len(out.splitlines()) == 1
    assert ends == [b"", "reset"]


def test_recv_json(client, server):
    child = client.start(server, "recv", "--count", "1", "--json")
    assert server.push('a "b"\n: c\x1b\x7f 안녕', name="Bob", userid="bob", when=1700000000)
    code, out, _ = finish(child)
    assert code == 0 and out.count("\n") == 1
    assert json.loads(out) == {"time": 1700000000, "from": "bob", "name": "Bob",
                               "text": 'a "b"\n: c\x1b\x7f 안녕'}


def test_recv_time_out_exits_5(client, server):
    result = client.run(server, "recv", "--timeout", "1", "--count", "1")
    assert (result.returncode, result.stdout) == (5, "")


def test_recv_into_a_full_file_does_not_acknowledge(client, server):
    with open("/dev/full", "w", encoding="ascii") as full:
        child = client.start(server, "recv", stdout=full)
        assert not server.push("text")
        code, _, err = finish(child)
    assert code == 6 and "not acknowledged" in err


def test_recv_ends_when_its_reader_has_gone(client, server):
    child = client.start(server, "recv")
    server.wait_poll()
    child.stdout.close()
    child.stdout = None
    assert finish(child)[0] == 6


def test_recv_whose_reader_sleeps_does_not_acknowledge_and_still_ends(client, server):
    child = client.start(server, "recv")
    server.wait_poll()
    sent = []

    def flood():
        while server.push("x" * 4000):
            sent.append(1)

    thread = threading.Thread(target=flood)
    thread.start()
    # A pipe takes 64 KiB; nobody reads, so one of the pushes stays without an answer.
    wait_until(lambda: len(sent) >= 12, "the pipe to fill")
    child.send_signal(signal.SIGTERM)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    code, out, _ = finish(child)
    assert code == 0
    whole = [line for line in out.splitlines() if line.endswith("x" * 4000)]
    assert len(whole) == len(sent)


def test_recv_ends_by_signal(client, server):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child = client.start(server, "recv")
        server.wait_poll(fresh=True)
        child.send_signal(number)
        assert finish(child)[0] == 0


def test_hostile_text_is_shown_harmlessly(client, server):
    child = client.start(server, "recv", "--count", "2")
    assert server.push("\x1b]0;title\x07\r\x9b31m\u202eevil\u2066\u200b\ufeff\x08\x7f\n"
                       "[00:00] Eve (eve): fake",
                       name="Bob\u202e", userid="e\u200bve")
    assert not server.push("controls in a name", name="B\x1bb")
    assert not server.push("controls in a name", userid="b\nb")
    assert server.push("👩\u200d🚀 가나다 \t tab")
    code, out, _ = finish(child)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].endswith(
        "] Bob\\u{202E} (e\\u{200B}ve): ^[]0;title^G^M\\u{9B}31m\\u{202E}evil\\u{2066}\\u{200B}"
        "\\u{FEFF}^H^?")
    assert lines[1] == "    | [00:00] Eve (eve): fake"
    assert lines[2].endswith("(bob): 👩\u200d🚀 가나다 \t tab")


def test_what_is_no_message_is_not_taken(client, server):
    child = client.start(server, "recv", "--count", "1")
    _, _, port, address = server.wait_poll()
    assert not server.push_bytes(b"GET / HTTP/1.0\r\n\r\n", address, port)
    assert not server.push_bytes(b"newmsg:x:y:z:t", address, port)
    assert not server.push_bytes(b"newmsg:1:y:z:bad \xff bytes", address, port)
    assert not server.push_bytes(b"newmsg:1:y:z:" + b"x" * 100000, address, port)
    assert server.push_bytes(b"", address, port)  # a look whether somebody listens
    reset(server.open_push())
    silent = [server.open_push() for _ in range(20)]  # more than are taken at a time
    assert server.push("text")
    code, out, err = finish(child)
    for connection in silent:
        connection.close()
    assert code == 0 and out.endswith("text\n") and out.count("\n") == 1
    assert "no message" in err


def test_strangers_are_turned_away(client, server):
    child = client.start(server, "recv", "--count", "1")
    errors = Follower(child.stderr)
    child.stderr = None
    assert not server.push("forged", source="127.0.0.2")
    errors.wait_for("127.0.0.2, which is not the server")
    assert server.push("genuine")
    code, out, _ = finish(child)
    assert code == 0 and "genuine" in out and "forged" not in out


def test_a_delivery_the_server_gave_up_is_not_shown(client, server):
    child = client.start(server, "recv", "--count", "1")
    connection = server.open_push()
    connection.sendall(b"newmsg:1:Bob:bob:given up")
    reset(connection)
    assert server.push("kept up")
    code, out, _ = finish(child)
    assert code == 0 and "given up" not in out and "kept up" in out


def test_ipv6(client):
    try:
        server = FakeServer("::1")
    except OSError as problem:
        pytest.skip("no IPv6 loopback here: %s" % problem)
    child = client.start(server, "recv", "--count", "1")
    assert server.push("six")
    assert finish(child)[0] == 0
    assert server.polls[0][3] == "::1"
    assert client.run(server, "send", "bob", "six").returncode == 0
    server.close()


def test_of_several_addresses_the_one_that_answers_is_used(client, server):
    """localhost is ::1 and 127.0.0.1; this server is at one of them."""
    server.host, host = "localhost", server.host
    child = client.start(server, "recv", "--count", "1")
    assert client.run(server, "send", "bob", "x").returncode == 0
    server.host = host
    assert server.push("found")
    assert finish(child)[0] == 0
    assert server.polls[0][3] == host


# -- lines from a pipe

def test_lines_from_a_pipe_are_sent_in_order(client, server):
    lines = ["line %d" % i for i in range(150)]
    result = client.run(server, text="\n".join(lines))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert server.stored == [("*", line) for line in lines]
    assert client.kept() == []


def test_commands_from_a_pipe(client, server):
    text = ("hello\n\n/msg bob a:b  c\n/to #room\nhere\r\n//slash\n/to\n/nonsense\n/msg bob\n"
            "/help\n/to *\nlast\n/quit\nnever\n")
    result = client.run(server, text=text)
    assert result.returncode == 1  # /nonsense and /msg bob
    assert server.stored == [("*", "hello"), ("bob", "a:b  c"), ("#room", "here"),
                             ("#room", "/slash"), ("*", "last")]
    assert "no such command" in result.stderr and "usage: /msg TO TEXT" in result.stderr


def test_lines_of_blanks_alone_are_ignored(client, server):
    result = client.run(server, text=" \n\t \t\n   \r\n\n  text \n    ")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert server.stored == [("*", "  text ")]
    assert client.kept() == []


def test_bad_lines_do_not_stop_the_good_ones(client, server):
    text = b"one\n\xff\xff\n" + b"y" * 70000 + b"\ntwo\x00\nthree"
    child = client.start(server)
    code, _, err = finish(child, text)
    assert code == 1 and "UTF-8" in err and "longer" in err and "NUL" in err
    assert server.stored == [("*", "one"), ("*", "three")]


def test_a_pipe_shows_what_arrives_and_lingers(client, server):
    child = client.start(server, "--linger", "600")
    out = Follower(child.stdout)
    child.stdin.write(b"hi\n")
    child.stdin.close()
    server.wait_stored(1)
    assert server.push("answer")
    out.wait_for(r"^\[\d\d:\d\d\] Bob \(bob\): answer$")
    wait_until(lambda: client.kept() == [], "the acknowledgement")
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == 0


def test_a_pipe_is_told_of_refusals(client, server):
    server.answer = lambda frame: error("unknown", "no such user") if frame[2] == "bob" else ACK
    result = client.run(server, text="/msg bob x\nto all\n")
    assert result.returncode == 1 and "not sent to bob: no such user (unknown)" in result.stderr
    assert server.stored == [("*", "to all")] and client.kept() == []


def test_denied_ends_a_pipe_and_keeps_its_lines(client, server):
    server.answer = lambda frame: error("denied", "wrong")
    child = client.start(server)
    child.stdin.write(b"one\n")
    child.stdin.flush()
    code = child.wait(PATIENCE)  # although its input has not ended
    assert code == 1 and client.kept() == [("*", "one")]
    server.answer = lambda frame: ACK
    assert client.run(server, text="two\n").returncode == 0
    assert server.stored == [("*", "one"), ("*", "two")]
    finish(child)


def test_a_pipe_without_a_server_keeps_its_lines(client, server):
    server.stop()
    result = client.run(server, "--timeout", "1", text="one\ntwo\n")
    assert result.returncode == 3
    assert "the server is away (Connection refused); keeping your messages" in result.stderr
    assert "2 messages are kept" in result.stderr
    assert client.kept() == [("*", "one"), ("*", "two")]


def test_a_server_that_restarts_loses_nothing(client, server):
    child = client.start(server)
    errors = Follower(child.stderr)
    child.stdin.write(b"before\n")
    child.stdin.flush()
    server.wait_stored(1)
    wait_until(lambda: client.kept() == [], "the acknowledgement")
    server.stop()
    errors.wait_for("the server is away")  # found out by its polls
    child.stdin.write(b"meanwhile\nand more\n")
    child.stdin.flush()
    server.start()
    errors.wait_for("the server is back")
    server.wait_stored(3)
    assert server.push("after")
    child.stdin.close()
    assert child.wait(PATIENCE) == 0
    assert server.stored == [("*", "before"), ("*", "meanwhile"), ("*", "and more")]
    assert client.kept() == []


def test_a_server_without_storage_is_told_once_and_gets_it_later(client, server):
    answers = [error("unavailable", "storage is away")] * 3
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, text="one\ntwo\n")
    assert result.returncode == 0
    assert result.stderr.count("cannot store messages now") == 1
    assert result.stderr.count("stores messages again") == 1
    assert server.stored == [("*", "one"), ("*", "two")]


def test_a_connection_broken_before_the_answer_sends_again(client, server):
    answers = [None, None]
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, text="one\n")
    assert result.returncode == 0 and "may appear twice" in result.stderr
    assert len(server.frames) == 3 and server.stored == [("*", "one")]


def keep(client, server, *letters):
    """Leaves messages in the outbox, as an earlier run."""
    server.stop()
    for to, text in letters:
        assert client.run(server, "send", to, text).returncode == 3
    server.start()


@pytest.mark.parametrize("count,told", [(1, "1 kept message was sent"),
                                        (2, "2 kept messages were sent")])
def test_kept_messages_that_are_sent_are_told_once(client, server, count, told):
    keep(client, server, *[("bob", "kept %d" % i) for i in range(count)])
    result = client.run(server, text="new\n")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "multichat: %s\n" % told
    assert len(server.stored) == count + 1
    assert client.run(server, text="newer\n").stderr == ""


def test_of_kept_messages_those_stored_are_told(client, server):
    keep(client, server, ("bob", "one"), ("*", "two"), ("nobody", "three"))
    server.answer = lambda frame: error("unknown") if frame[2] == "nobody" else ACK
    result = client.run(server)
    assert "not sent to nobody" in result.stderr
    assert result.stderr.count("2 kept messages were sent") == 1
    keep(client, server, ("bob", "four"), ("*", "five"))
    server.answer = lambda frame: error("busy") if frame[3] == "five" else ACK
    result = client.run(server, "--timeout", "1")
    assert result.stderr.count("1 kept message was sent") == 1
    assert "1 message is kept" in result.stderr


def test_send_tells_nothing_of_kept_messages_it_sent(client, server):
    keep(client, server, ("bob", "one"))
    result = client.run(server, "send", "bob", "two")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert server.stored == [("bob", "one"), ("bob", "two")]


def test_killed_at_any_time_the_next_run_sends_the_rest(client, server):
    server.answer = lambda frame: "hang"
    child = client.start(server)
    child.stdin.write(b"one\ntwo\nthree\n")
    child.stdin.flush()
    server.wait_frames(1)
    wait_until(lambda: len(client.kept()) == 3, "three entries")
    child.kill()
    finish(child)
    server.answer = lambda frame: ACK
    assert client.run(server).returncode == 0
    assert server.stored == [("*", "one"), ("*", "two"), ("*", "three")]


def test_two_processes_do_not_wait_for_each_other_nor_send_twice(client, server):
    server.answer = lambda frame: "hang" if frame[3] == "slow" else ACK
    first = client.start(server)
    first.stdin.write(b"slow\n")
    first.stdin.flush()
    server.wait_frames(1)
    assert client.run(server, "send", "bob", "quick").returncode == 0
    assert server.stored == [("bob", "quick")] and len(server.frames) == 2
    assert client.kept() == [("*", "slow")]
    first.send_signal(signal.SIGTERM)
    assert finish(first)[0] == 3


def test_half_a_frame_ends_in_a_reset(client):
    """Version 1 takes what end of stream leaves for a whole message."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))

    class Address:
        host = "127.0.0.1"
        poll_port = udp.getsockname()[1]
        write_port = listener.getsockname()[1]

    child = client.start(Address, "send", "bob")
    child.stdin.write(b"x" * 65000)
    child.stdin.close()
    child.stdin = None
    connection, _ = listener.accept()
    got = connection.recv(100)
    assert got.startswith(b"wrmsg:alice:" + PASSWORD.encode() + b":bob:x")
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 3
    data, end = got, None
    while end is None:
        try:
            more = connection.recv(65536)
            data += more
            end = None if more else "end of stream"
        except ConnectionResetError:
            end = "reset"
    assert end == "reset" or data.endswith(ETX)
    for sock in (connection, listener, udp):
        sock.close()


# -- the program as a whole

def test_it_has_exactly_three_threads(client, server):
    child = client.start(server)
    server.wait_poll()
    tasks = os.listdir("/proc/%d/task" % child.pid)
    with open(MULTICHAT, "rb") as binary:
        sanitizers = b"__tsan_init" in binary.read()  # ThreadSanitizer has one of its own
    assert len(tasks) == 3 + sanitizers
    child.stdin.close()
    child.stdin = None
    assert finish(child)[0] == 0


def test_polls_come_every_second(client, server):
    child = client.start(server, "recv")
    server.wait_poll()
    start = time.monotonic()
    count = len(server.polls)
    wait_until(lambda: len(server.polls) >= count + 3, "three more polls", server.changed)
    assert 1.8 < time.monotonic() - start < 10
    assert len({poll[2] for poll in server.polls}) == 1
    child.send_signal(signal.SIGTERM)
    assert finish(child)[0] == 0
