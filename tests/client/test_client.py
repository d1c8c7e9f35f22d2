"""Dialogues of the real multichat that sends, in pipes, with a server of version 2 that does what the
test says.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import resource
import signal
import socket
import subprocess

import pytest

from fakeserver import ACK, LOST, ETX, reset
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
    server.end_sessions()
    server.denied = error("denied", "no such user")
    result = client.run(server, "send", "bob", "now")
    assert result.returncode == 1
    assert result.stderr == "multichat: refused as alice: no such user (denied)\n"
    assert client.kept() == [("bob", "earlier")]


@pytest.mark.parametrize("code", ["denied", "forbidden", "unknown-session", "not-signed-on"])
def test_what_is_said_of_the_sender_is_not_taken_for_the_message(client, server, code):
    server.answer = lambda frame: error("busy")
    assert client.run(server, "send", "bob", "earlier").returncode == 3
    server.answer = lambda frame: error(code)
    server.denied = error("denied")
    assert client.run(server, "send", "bob", "now").returncode == 1
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
    None, b"sent:nonsense" + ETX, b"x" * 100000],
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
    assert result.returncode == 4 and "cannot be kept" in result.stderr
    assert server.frames == []
    os.unlink(os.path.join(client.folder, "state"))
    os.makedirs(os.path.join(client.folder, "state", "multichat"))
    with open(os.path.join(client.folder, "state", "multichat", "outbox"), "w", encoding="utf-8"):
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
    for folder, _, names in os.walk(os.path.join(client.folder, "state", "multichat", "outbox")):
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
    server.end_sessions()
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
        file.write("listen = 3;\n")
    done = subprocess.run([MULTICHAT, "send", "bob", "x"], **run)
    assert done.returncode == 2
    assert b"config:6:" in done.stderr and b"listen" in done.stderr


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
    server.push("answer")
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
    server.denied = error("denied", "wrong")
    child = client.start(server)
    child.stdin.write(b"one\n")
    child.stdin.flush()
    code, out, err = finish(child, b"")  # at once, and not when it has tried long enough
    assert code == 1 and client.kept() == [("*", "one")]
    assert err.splitlines() == ["multichat: refused as alice: wrong (denied)",
                                "multichat: 1 message is kept in the outbox, and sent by the next "
                                "run"]
    server.denied = None
    assert client.run(server, text="two\n").returncode == 0
    assert server.stored == [("*", "one"), ("*", "two")]


def test_a_pipe_without_a_server_keeps_its_lines(client, server):
    server.stop()
    result = client.run(server, "--timeout", "1", text="one\ntwo\n")
    assert result.returncode == 3
    assert "the server is away (Connection refused); keeping your messages" in result.stderr
    assert "2 messages are kept" in result.stderr
    assert client.kept() == [("*", "one"), ("*", "two")]


def test_a_pipe_waits_for_room_in_the_outbox(client, server):
    config = os.path.join(client.folder, "config")
    with open(config, "w", encoding="utf-8") as file:
        file.write("outbox: { messages = 3; };\n")
    lines = ["line %d" % i for i in range(20)]  # in one piece, more than there is room for
    result = client.run(server, "--config", config, text="\n".join(lines) + "\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert server.stored == [("*", line) for line in lines] and client.kept() == []


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
    server.push("after")
    child.stdin.close()
    assert child.wait(PATIENCE) == 0
    assert server.stored == [("*", "before"), ("*", "meanwhile"), ("*", "and more")]
    assert client.kept() == []


def test_a_server_without_storage_is_told_once_and_gets_it_later(client, server):
    answers = [error("unavailable", "storage is away")]

    def answer(frame):  # what follows on a message that is not stored is not stored before it
        if frame[3] == "one":
            return answers.pop() if answers else ACK
        return ACK if server.stored else error("unavailable", "storage is away")

    server.answer = answer
    result = client.run(server, text="one\ntwo\n")
    assert result.returncode == 0
    assert result.stderr.count("cannot store messages now") == 1
    assert result.stderr.count("stores messages again") == 1
    assert server.stored == [("*", "one"), ("*", "two")]


def test_a_limit_is_told_once_in_seconds(client, server):
    answers = [error("limited", "3001 ms to wait: too many")]
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, text="one\n")
    assert (result.returncode, server.stored) == (0, [("*", "one")])
    assert result.stderr == ("multichat: too many messages in too short a time (limited); they are "
                             "kept, and sent one by one, the next in 4 s\n")


def test_send_tells_that_it_waits_for_a_limit(client, server):
    answers = [error("limited", "3001 ms to wait: too many")]
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, "send", "bob", "one")
    assert (result.returncode, server.stored) == (0, [("bob", "one")])
    assert result.stderr == ("multichat: too many messages in too short a time (limited); waiting "
                             "4 s\n")


def test_a_connection_broken_before_the_answer_sends_again(client, server):
    answers = [None, None]
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, text="one\n")
    assert result.returncode == 0
    assert len(server.frames) == 3 and server.stored == [("*", "one")]


def test_an_answer_that_is_lost_stores_nothing_twice(client, server):
    answers = [LOST, LOST]
    server.answer = lambda frame: answers.pop() if answers else ACK
    result = client.run(server, text="one\ntwo\nthree\n")
    assert result.returncode == 0 and answers == []
    assert server.stored == [("*", "one"), ("*", "two"), ("*", "three")]
    assert client.kept() == []


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


def test_a_standard_input_that_cannot_be_read_is_at_its_end(client, server):
    server.stop()
    assert client.run(server, "send", "bob", "kept").returncode == 3
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    child = client.start(server, "--timeout", "1", stdin=folder)
    os.close(folder)
    code, _, err = finish(child)
    assert code == 3 and "standard input cannot be read" in err


def test_what_a_full_disk_kept_from_the_screen_is_shown_when_there_is_room(client, server):
    """Nothing else happens that might remind the program of it."""
    child = client.start(server, restore_signals=False)  # ignores SIGXFSZ, as Python does
    out, errors = Follower(child.stdout), Follower(child.stderr)
    child.stdout = child.stderr = None
    server.push("one")
    _, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    message = server.deliver("two")
    errors.wait_for("cannot be written down")
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (hard, hard))
    server.wait_acked(message)
    child.stdin.close()
    child.stdin = None
    assert finish(child)[0] == 0
    out.thread.join(PATIENCE)
    assert [line.split(": ")[1] for line in out.lines] == ["one", "two"]


def test_killed_at_any_time_the_next_run_sends_the_rest(client, server):
    server.answer = lambda frame: "hang"
    child = client.start(server)
    child.stdin.write(b"one\ntwo\nthree\n")
    child.stdin.flush()
    server.wait_frames(3)
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
    """Over plain TCP an end of stream could be taken for the end of the frame."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

    class Address:
        host = "127.0.0.1"
        poll_port = write_port = listener.getsockname()[1]

    child = client.start(Address, "send", "--no-tls", "bob")
    child.stdin.write(b"x" * 65000)
    child.stdin.close()
    child.stdin = None
    connection, _ = listener.accept()
    assert connection.recv(1000) == b"hello:2:alice:" + PASSWORD.encode() + b":-" + ETX
    connection.sendall(b"welcome:one:" + b"00" * 32 + b":1700000000000:3:Alice" + ETX)
    got = connection.recv(100)
    assert got.startswith(b"send:")
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
    for sock in (connection, listener):
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
