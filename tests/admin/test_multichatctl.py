"""multichatctl as it is run: on SQLite and MariaDB without a daemon, and through a daemon.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import json
import os
import pty
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess

import pytest

from multichat import PATIENCE, V1Client, program, wait_until
from sites import OK, REFUSED, USAGE, UNREACHABLE, NO_DAEMON, KOREAN, Site, DaemonSite, drivers, needs_mysql

pytestmark = pytest.mark.skipif("sqlite" not in drivers(), reason="built without SQLite")


# -- users and rooms, wherever they are


def test_users(site):
    password = site.file("pw", "secret\nnot this\n")
    answer = site.json("user", "add", "alice", "--name", "Alice", "--password-file", password)
    user = answer["user"]
    assert user["userid"] == "alice" and user["name"] == "Alice" and user["disabled"] is False
    assert user["created_ms"] > 1_500_000_000_000
    assert "bob" in site.run("user", "add", "bob", "--password-fd", "0", text="pw\n").stdout
    assert site.userids() == ["alice", "bob"]
    site.run("user", "disable", "bob")
    listing = site.run("user", "list").stdout.splitlines()
    assert listing[0].split() == ["USERID", "NAME", "STATE", "RIGHTS", "CREATED"]
    assert listing[1].split()[:3] == ["alice", "Alice", "enabled"]
    assert listing[2].split()[:3] == ["bob", "bob", "disabled"]
    assert listing[1].index("enabled") == listing[2].index("disabled")
    site.run("user", "enable", "bob")
    assert not any(user["disabled"] for user in site.json("user", "list")["users"])
    site.run("user", "passwd", "alice", "--password-file", password)
    site.run("user", "delete", "bob")
    assert site.userids() == ["alice"]


def test_bulk(site):
    site.add("alice")
    assert "without limits" in site.run("user", "bulk", "alice", "on").stdout
    assert site.json("user", "list")["users"][0]["bulk"] is True
    assert site.run("user", "list").stdout.splitlines()[1].split()[:4] == [
        "alice", "alice", "enabled", "bulk"]
    assert "limits of rate hold" in site.run("user", "bulk", "alice", "off").stdout
    assert site.json("user", "list")["users"][0]["bulk"] is False
    assert site.run("user", "list").stdout.splitlines()[1].split()[3] == "-"
    assert "on or off" in site.run("user", "bulk", "alice", "yes", code=USAGE).stderr


def test_revoke(site):
    site.add("alice")
    assert "sessions of user alice" in site.run("user", "revoke", "alice").stdout
    assert site.json("user", "revoke", "alice") == {"ok": True}


def test_no_devices(site):
    site.add("alice")
    assert site.json("user", "devices", "alice") == {"ok": True, "devices": []}
    assert site.run("user", "devices", "alice").stdout.split() == ["DEVICE", "VERSION", "SEEN"]


def test_devices(alone):
    alone.add("alice", "bob")
    with contextlib.closing(sqlite3.connect(alone.database)) as database, database:
        database.executemany("INSERT INTO devices (user, name, seen_ms) VALUES (?, ?, ?)", [
            (1, "1/127.0.0.1:10001", 1_600_000_000_000), (1, "2/" + KOREAN, 1_700_000_000_000),
            (2, "2/laptop", 1)])
    assert alone.json("user", "devices", "alice")["devices"] == [
        {"device": "127.0.0.1:10001", "version": 1, "seen_ms": 1_600_000_000_000},
        {"device": KOREAN, "version": 2, "seen_ms": 1_700_000_000_000}]
    lines = alone.run("user", "devices", "alice").stdout.splitlines()
    assert lines[1].split()[:2] == ["127.0.0.1:10001", "1"] and "2020-09-1" in lines[1]
    assert lines[2].split()[:2] == [KOREAN, "2"] and "2023-11-1" in lines[2]
    answer = alone.json("user", "forget", "alice", "laptop", code=REFUSED)
    assert answer["code"] == "missing" and "alice has no device laptop" in answer["error"]
    assert KOREAN in alone.run("user", "forget", "alice", KOREAN).stdout
    alone.run("user", "forget", "alice", "127.0.0.1:10001")
    assert alone.json("user", "devices", "alice")["devices"] == []
    assert len(alone.json("user", "devices", "bob")["devices"]) == 1


def test_user_refusals(site):
    site.add("alice")
    for arguments, code, words in [
            (["user", "add", "alice", "--password-fd", "0"], "taken", "userid alice is taken"),
            (["user", "add", "eve", "--name", "ALICE", "--password-fd", "0"], "taken",
             "display name ALICE is taken"),
            (["user", "add", "a:b", "--password-fd", "0"], "invalid", "userid is not allowed"),
            (["user", "add", b"a\xff", "--password-fd", "0"], "invalid", "not UTF-8"),
            (["user", "passwd", "bob", "--password-fd", "0"], "missing", "no user bob"),
            (["user", "disable", "bob"], "missing", "no user bob"),
            (["user", "enable", "bob"], "missing", "no user bob"),
            (["user", "bulk", "bob", "on"], "missing", "no user bob"),
            (["user", "revoke", "bob"], "missing", "no user bob"),
            (["user", "devices", "bob"], "missing", "no user bob"),
            (["user", "forget", "bob", "laptop"], "missing", "no user bob"),
            (["user", "forget", "alice", "laptop"], "missing", "alice has no device laptop"),
            (["user", "delete", "bob"], "missing", "no user bob")]:
        answer = site.json(*arguments, text="pw\n", code=REFUSED)
        assert answer["code"] == code and words in answer["error"], answer
        told = site.run(*arguments, text="pw\n", code=REFUSED)
        assert told.stdout == "" and told.stderr.startswith("multichatctl: ")
        assert words in told.stderr
    answer = site.json("user", "add", "bob", "--password-fd", "0", text="a:b\n", code=REFUSED)
    assert answer["code"] == "invalid" and "password is not allowed" in answer["error"]
    assert site.userids() == ["alice"]


def test_batch(site):
    lines = "# people\n\nalice:pw:Alice\nbob:pw\n" + KOREAN + ":비밀\n"
    answer = site.json("user", "add", "--batch", site.file("users", lines))
    assert answer == {"ok": True, "added": 3, "refused": []}
    assert site.userids() == ["alice", "bob", KOREAN]
    more = b"carol:pw\nno colon\nbob:pw\nd\0d:pw\n\xff:pw\nd d:pw\n" + b"x" * 3000 + b":pw\ndave:pw"
    answer = site.json("user", "add", "--batch", "-", text=more, code=REFUSED)
    assert answer["added"] == 2
    assert [(r["line"], r["code"]) for r in answer["refused"]] == [
        (2, "invalid"), (3, "taken"), (4, "invalid"), (5, "invalid"), (6, "invalid"), (7, "invalid")]
    assert site.userids() == ["alice", "bob", "carol", "dave", KOREAN]
    told = site.run("user", "add", "--batch", "-", text="bob:pw\nerin:pw\n", code=REFUSED)
    assert "line 1: the userid bob is taken" in told.stderr
    assert told.stdout == "1 user added, 1 refused\n"


def test_batch_refusals_come_in_the_order_of_their_lines(site):
    """Whoever refuses them, and in more than one request."""
    site.add("alice")
    wrong = {7: "alice:pw", 8: "no colon", 9: "alice:pw", 10: "b b:pw", 11: "none", 150: "alice:pw",
             151: "none", 152: "c c:pw", 153: "alice:pw", 154: "none"}
    for prefix in ("x", "y"):
        text = "".join(wrong.get(line, "%s%d:pw" % (prefix, line)) + "\n"
                       for line in range(1, 156))
        if prefix == "x":
            answer = site.json("user", "add", "--batch", "-", text=text, code=REFUSED)
            assert answer["added"] == 155 - len(wrong)
            assert [refusal["line"] for refusal in answer["refused"]] == list(wrong)
        else:
            told = site.run("user", "add", "--batch", "-", text=text, code=REFUSED).stderr
            assert [int(n) for n in re.findall(r"line (\d+): ", told)] == list(wrong)


def test_batch_that_cannot_be_read_to_its_end(site):
    """A pipe that would have to be waited for: what came before that is added, and it is said."""
    for added in (2, 3):
        reader, writer = os.pipe()
        try:
            os.set_blocking(reader, False)
            os.write(writer, b"alice:pw\nbob:pw\n" + b"carol:pw\n" * (added - 2) + b"dave:p")
            arguments = [program("multichatctl"), "--config", site.config, "user", "add",
                         "--batch", "-"]
            if added == 3:
                arguments.insert(1, "--json")
            result = subprocess.run(arguments, stdin=reader, capture_output=True, check=False,
                                    encoding="utf-8", timeout=PATIENCE * 2)
        finally:
            os.close(reader)
            os.close(writer)
        assert result.returncode == USAGE, result
        if added == 2:
            assert "-: Resource temporarily unavailable" in result.stderr
            assert "2 users had been added before that" in result.stderr
            assert site.userids() == ["alice", "bob"]
        else:
            answer = json.loads(result.stdout)
            assert answer["ok"] is False and answer["code"] == "usage" and answer["added"] == 1
            assert [refusal["line"] for refusal in answer["refused"]] == [1, 2]
            assert site.userids() == ["alice", "bob", "carol"]


def test_many(site):
    """More than a request's worth of users, and more than a page of them."""
    count = 620
    site.add(*["user%04d" % i for i in range(count)])
    assert site.userids() == ["user%04d" % i for i in range(count)]


def test_rooms(site):
    site.add("alice", "bob")
    assert site.json("room", "add", "staff") == {"ok": True, "room": "#staff"}
    site.run("room", "add", "#empty")
    assert site.json("room", "add", "#staff", code=REFUSED)["code"] == "taken"
    for userid in ("bob", "alice"):
        assert userid in site.run("room", "join", "staff", userid).stdout
    assert site.json("room", "join", "#staff", "bob", code=REFUSED)["code"] == "taken"
    assert "no user eve" in site.json("room", "join", "staff", "eve", code=REFUSED)["error"]
    assert "no room #x" in site.json("room", "join", "x", "bob", code=REFUSED)["error"]
    members = site.json("room", "members", "staff")["members"]
    assert [member["userid"] for member in members] == ["alice", "bob"]
    assert [room["room"] for room in site.json("room", "list")["rooms"]] == ["#empty", "#staff"]
    listing = site.run("room", "list").stdout.splitlines()
    assert [line.split() for line in listing] == [
        ["NUMBER", "ROOM", "ACCESS", "MEMBERS", "MESSAGES", "TOPIC"],
        ["2", "#empty", "open", "0", "0"], ["1", "#staff", "open", "2", "2"]]
    site.run("room", "part", "staff", "bob")
    assert "not a member" in site.json("room", "part", "staff", "bob", code=REFUSED)["error"]
    assert site.json("room", "delete", "staff") == {"ok": True, "members": 1}
    assert "no room #staff" in site.json("room", "members", "staff", code=REFUSED)["error"]
    assert "no room #staff" in site.json("room", "delete", "staff", code=REFUSED)["error"]


def test_check(site):
    site.add("alice")
    assert site.json("db", "check") == {"ok": True, "sound": True, "findings": [], "omitted": 0}
    assert site.run("db", "check").stdout == "the database is sound\n"


def test_migrate(site):
    site.run("db", "migrate")
    answer = site.json("db", "migrate")
    assert answer["schema_before"] == answer["schema_version"] > 0
    assert "already" in site.run("db", "migrate").stdout


def test_check_finds_a_gap(alone):
    alone.add("alice")
    with contextlib.closing(sqlite3.connect(alone.database)) as database, database:
        database.executemany(
            "INSERT INTO messages (conversation, seq, time_ms, sender, origin, context, userid,"
            " name, ckey, text) SELECT id, ?, 0, 1, 0, 0, 'alice', 'alice', ?, 'x' "
            "FROM conversations WHERE name = '*'", [(1, "a"), (3, "b")])
    answer = alone.json("db", "check", code=REFUSED)
    assert answer["ok"] is True and answer["sound"] is False and answer["omitted"] == 0
    assert len(answer["findings"]) == 1
    told = alone.run("db", "check", code=REFUSED).stdout
    assert told.splitlines() == answer["findings"] + ["the database is not sound"]


def test_migrate_where_the_daemon_does_not(alone):
    alone.write_config(storage__migrate=False)
    refused = alone.json("user", "list", code=UNREACHABLE)
    assert refused["code"] == "unavailable" and "multichatctl db migrate" in refused["error"]
    answer = alone.json("db", "migrate")
    assert answer["schema_before"] == 0 and answer["schema_version"] > 0
    assert alone.userids() == []


def test_a_newer_schema_is_left_alone(alone):
    alone.run("db", "init")
    with contextlib.closing(sqlite3.connect(alone.database)) as database, database:
        database.execute("INSERT INTO schema_version VALUES (999, 0)")
    for arguments in (["user", "list"], ["db", "migrate"], ["db", "init"]):
        answer = alone.json(*arguments, code=UNREACHABLE)
        assert answer["code"] == "unavailable" and "999" in answer["error"]


# -- passwords


def on_terminal(site, *arguments, answers):
    """Runs with a terminal and types the answers, each after its prompt. (code, output)"""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(program("multichatctl"),
                 ["multichatctl", "--config", site.config, *arguments])
    output = b""

    def read():
        try:
            return os.read(terminal, 4096)
        except OSError:  # the other end is gone
            return b""

    for answer in answers:
        start = len(output)
        while not output[start:].endswith(b": "):
            more = read()
            assert more, output
            output += more
        os.write(terminal, answer)
    more = read()
    while more:
        output += more
        more = read()
    os.close(terminal)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), output.decode()


def test_prompt(alone):
    code, output = on_terminal(alone, "user", "add", "alice", answers=[b"se cret\n", b"se cret\n"])
    assert code == OK, output
    assert "se cret" not in output and output.count("alice: ") == 2
    assert alone.userids() == ["alice"]


def test_no_prompt_in_vain(site):
    site.add("alice")
    code, output = on_terminal(site, "user", "add", "alice", answers=[])
    assert code == REFUSED and output == "multichatctl: the userid alice is taken\r\n"
    code, output = on_terminal(site, "user", "add", "a:b", answers=[])
    assert code == REFUSED and "userid is not allowed" in output and "Password" not in output
    code, output = on_terminal(site, "user", "passwd", "bob", answers=[])
    assert code == REFUSED and output == "multichatctl: there is no user bob\r\n"
    code, output = on_terminal(site, "user", "passwd", "alice", answers=[b"new\n", b"new\n"])
    assert code == OK, output
    code, output = on_terminal(site, "user", "add", "bob", answers=[b"new\n", b"new\n"])
    assert code == OK, output
    assert site.userids() == ["alice", "bob"]


def test_prompt_twice_different(alone):
    code, output = on_terminal(alone, "user", "add", "alice", answers=[b"one\n", b"two\n"])
    assert code == USAGE and "not the same" in output
    assert alone.userids() == []


@pytest.mark.parametrize("typed", [b"\n", b"\x04"], ids=["newline", "end-of-file"])
def test_prompt_empty(alone, typed):
    code, output = on_terminal(alone, "user", "add", "alice", answers=[typed])
    assert code == USAGE and "empty" in output


def test_prompt_interrupted(alone):
    code, _ = on_terminal(alone, "user", "add", "alice", answers=[b"half\x03"])
    assert code == -signal.SIGINT
    assert alone.userids() == []


@pytest.mark.parametrize("content, words", [
    (b"", "empty"), (b"\nsecond", "empty"), (b"a\0b\n", "NUL"), (b"x" * 129, "longer")],
    ids=["nothing", "empty-line", "nul", "too-long"])
def test_password_files_that_are_wrong(alone, content, words):
    path = alone.file("pw", content)
    answer = alone.json("user", "add", "alice", "--password-file", path, code=USAGE)
    assert answer["code"] == "usage" and words in answer["error"]


def test_password_sources_that_are_wrong(alone):
    for arguments, words in [
            (["--password-file", "/nonexistent/pw"], "No such file"),
            (["--password-fd", "x"], "number of an open descriptor"),
            (["--password-fd", "-1"], "number of an open descriptor"),
            (["--password-fd", "977"], "Bad file descriptor"),
            (["--password-fd", "0", "--password-file", "/dev/null"], "exclude each other"),
            ([], "no terminal")]:
        told = alone.run("user", "add", "alice", *arguments, code=USAGE)
        assert words in told.stderr, told.stderr
    assert not os.path.exists(alone.database)


# -- the command line


@pytest.mark.parametrize("arguments, words", [
    ([], ["a command is missing", "user add", "db check"]),
    (["user"], ["no command \"user\"", "user add, user passwd"]),
    (["user", "frob"], ["no command \"user frob\"", "user delete"]),
    (["frob"], ["no command \"frob\"", "status"]),
    (["user", "list", "extra"], ["usage: multichatctl user list"]),
    (["user", "delete"], ["usage: multichatctl user delete USERID"]),
    (["room", "join", "staff"], ["usage: multichatctl room join ROOM USERID"]),
    (["user", "add"], ["needs a USERID, or --batch"]),
    (["user", "add", "a", "--batch", "-"], ["come from its file"]),
    (["user", "bulk", "a"], ["usage: multichatctl user bulk USERID on|off"]),
    (["user", "bulk", "a", "true"], ["takes on or off"]),
    (["user", "add", "--batch", "/nonexistent/x"], ["/nonexistent/x: No such file"]),
    (["--frob", "status"], ["no option --frob", "see multichatctl status --help\n"]),
    (["-x", "status"], ["no option -x", "see multichatctl status --help\n"]),
    (["user", "add", "bob", "--password", "pw"],
     ["no option --password", "see multichatctl user add --help\n"]),
    (["user", "--frob", "add"], ["no option --frob", "see multichatctl user add --help\n"]),
    (["user", "--frob"], ["no option --frob", "see multichatctl --help\n"]),
    (["status", "--name", "x"], ["\"status\" takes no --name", "--socket"]),
    (["status", "--json=1"], ["--json takes no value"]),
    (["status", "--socket"], ["--socket needs a value: PATH"]),
    (["status", "--json", "--json"], ["--json is given twice"]),
    (["db", "init", "--driver", "oracle"], ["--driver oracle", "allowed"]),
    (["db", "init", "--driver", "sqlite", "--user", "x"], ["no option but --driver"]),
])
def test_usage(alone, arguments, words):
    told = alone.run(*arguments, code=USAGE)
    for word in words:
        assert word in told.stderr, told.stderr
    assert told.stdout == ""
    assert os.listdir(os.path.dirname(alone.database)) == []


def test_help(alone):
    everything = alone.run("--help").stdout
    commands = [line.strip() for line in everything.split("Commands:")[1].split("Options:")[0]
                .splitlines() if line.strip()]
    assert len(commands) == 29
    for command in commands:
        words = [word for word in command.split("  ")[0].split() if word.isalpha() and word.islower()]
        told = alone.run(*words, "--help").stdout
        assert told.startswith("usage: multichatctl " + " ".join(words))
        assert "--config FILE" in told
    assert alone.run("-h").stdout == everything
    assert alone.run("--version").stdout.startswith("multichatctl ")


def read_manual():
    path = os.path.join(os.environ.get("MULTICHAT_SRCDIR", "."), "man", "multichatctl.8")
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def test_manual_names_all(alone):
    manual = read_manual()
    everything = alone.run("--help").stdout
    for line in everything.split("Commands:")[1].split("Options:")[0].splitlines():
        words = [word for word in line.split()[:2] if word.islower()]
        if words:
            assert ".It Cm " + " ".join(words) in manual
            for option in alone.run(*words, "--help").stdout.split("Options:")[1].splitlines():
                if option.strip():
                    assert "Fl -" + option.split()[0].lstrip("-") in manual, option


def test_config_errors(alone):
    with open(alone.config, "a", encoding="utf-8") as config:
        config.write("limits = { text = 1; };\n")
    answer = alone.json("user", "list", code=USAGE)
    assert answer["code"] == "config" and "limits.text" in answer["error"]
    assert alone.config in answer["error"]


def test_json_of_what_is_no_utf8(alone):
    away = os.fsencode(alone.directory) + b"/\xff\xea\xb0.conf"
    assert "/???.conf" in alone.json("status", "--socket", away, code=NO_DAEMON)["error"]
    result = subprocess.run([program("multichatctl"), "--json", "--config", away, "user", "list"],
                            stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.returncode == USAGE
    assert "/???.conf" in json.loads(result.stdout)["error"]


def test_full_output_is_no_success(alone):
    alone.add("alice")
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [program("multichatctl"), "--config", alone.config, "user", "list"], stdout=full,
            stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert result.returncode == USAGE and b"No space left" in result.stderr


def test_names_cannot_steer_a_terminal(alone):
    told = alone.run("room", "join", "x", "a\x1b[2Jb", code=REFUSED)
    assert "\x1b" not in told.stderr + told.stdout


# -- nobody there


def test_status_without_daemon(alone):
    answer = alone.json("status", code=NO_DAEMON)
    assert answer["code"] == "no-daemon" and alone.control in answer["error"]
    assert "no daemon is running" in alone.run("status", code=NO_DAEMON).stderr
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(alone.control)
    stale.close()
    alone.run("status", code=NO_DAEMON)
    other = os.path.join(alone.directory, "other")
    assert other in alone.run("--socket", other, "status", code=NO_DAEMON).stderr


def test_storage_away_sqlite(alone):
    os.rmdir(os.path.dirname(alone.database))
    for arguments in (["user", "list"], ["db", "check"], ["db", "init"], ["db", "migrate"]):
        answer = alone.json(*arguments, code=UNREACHABLE)
        assert answer["code"] == "unavailable" and "state" in answer["error"]


def test_storage_is_no_database(alone):
    with open(alone.database, "w", encoding="utf-8") as stream:
        stream.write("this is no database\n" * 100)
    answer = alone.json("user", "list", code=UNREACHABLE)
    assert answer["code"] == "unavailable" and answer["error"]


@needs_mysql
def test_storage_away_mariadb():
    site = Site({"storage.driver": "mysql", "storage.mysql.socket": "/nonexistent/socket"})
    try:
        answer = site.json("user", "list", code=UNREACHABLE)
        assert answer["code"] == "unavailable" and "/nonexistent/socket" in answer["error"]
    finally:
        site.close()


class Impostor:
    """Listens where the daemon would, and answers what it is told to."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)

    def serve(self, site, answer, *arguments):
        with subprocess.Popen(
                [program("multichatctl"), "--config", site.config, "--json", *arguments],
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            connection, _ = self.listener.accept()
            with connection:
                request = json.loads(connection.makefile("rb").readline())
                with contextlib.suppress(BrokenPipeError):  # it may have heard enough
                    connection.sendall(answer)
            return process.wait(PATIENCE), json.loads(process.stdout.read()), request


@pytest.mark.parametrize("answer", [
    b"", b'{"ok":', b"no json\n", b"[]\n", b'{"ok":1}\n', b"\n", b"\xff\n", b'{"ok":false}\n',
    b"x" * 600000 + b"\n"], ids=["nothing", "cut", "words", "array", "odd", "empty", "no-utf8",
                                "no-code", "endless"])
def test_strange_daemons(alone, answer):
    code, told, request = Impostor(alone.control).serve(alone, answer, "user", "list")
    assert code == UNREACHABLE and told["ok"] is False
    assert request == {"verb": "user list"}
    assert not os.path.exists(alone.database)


def test_a_list_that_does_not_move_on_ends(alone):
    code, told, _ = Impostor(alone.control).serve(
        alone, b'{"ok":true,"users":[{"userid":"a"}],"next":""}\n', "user", "list")
    assert code == OK and told["users"] == [{"userid": "a"}]


def test_status_warns(alone):
    impostor = Impostor(alone.control)
    for storage, words in [({"up": True, "durable": False, "trouble": "flush is 2"},
                            "not durable: a crash may lose acknowledged messages: flush is 2"),
                           ({"up": False, "durable": True, "trouble": "gone"},
                            "storage is away: gone")]:
        with subprocess.Popen(
                [program("multichatctl"), "--config", alone.config, "status"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            connection, _ = impostor.listener.accept()
            with connection:
                connection.makefile("rb").readline()
                connection.sendall(json.dumps({"ok": True, "storage": storage}).encode() + b"\n")
            assert words in process.stderr.read().decode()
            assert "trouble" in process.stdout.read().decode()


# -- who may, and whose files


@pytest.fixture
def as_nobody():
    """Options for subprocess that make the child an ordinary person, and the copy of the program
    that he can reach."""
    if os.getuid() != 0:
        yield None
        return
    nobody = pwd.getpwnam("nobody")
    yield {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def run_as(site, options, *arguments, code=OK, text=""):
    """As Site.run(), with a copy of the program where everybody can run it."""
    copy = os.path.join(site.directory, "multichatctl")
    if not os.path.exists(copy):
        shutil.copy(program("multichatctl"), copy)
    os.chmod(site.directory, 0o755)
    os.chmod(site.config, 0o644)
    result = subprocess.run([copy, "--config", site.config, "--json", *arguments],
                            input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            cwd="/", timeout=PATIENCE, check=False, **(options or {}))
    assert result.returncode == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def test_the_files_belong_to_the_owner_of_the_folder(alone):
    folder = os.path.dirname(alone.database)
    owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    os.chmod(alone.directory, 0o755)
    # A process that has changed its user cannot be looked into by the leak checker.
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", LSAN_OPTIONS="detect_leaks=0")
    alone.run("db", "init", env=environment)
    alone.run("user", "add", "alice", "--password-fd", "0", text="pw\n", env=environment)
    names = os.listdir(folder)
    assert "multichat.db" in names
    for name in names:
        status = os.stat(os.path.join(folder, name))
        assert (status.st_uid, status.st_gid) == (owner.pw_uid, owner.pw_gid), name
        assert stat.S_IMODE(status.st_mode) == 0o600, name


def test_an_ordinary_person_without_daemon(alone, as_nobody):
    """He is no administrator: what he cannot open he cannot change."""
    alone.add("alice")
    os.chmod(os.path.dirname(alone.database), 0 if as_nobody is None else 0o700)
    answer = run_as(alone, as_nobody, "user", "list", code=UNREACHABLE)
    assert answer["code"] == "unavailable"
    os.chmod(os.path.dirname(alone.database), 0o700)


def test_an_ordinary_person_with_daemon(as_nobody):
    site = DaemonSite()
    try:
        if as_nobody is None:
            os.chmod(site.control, 0)
        for arguments in (["status"], ["user", "list"], ["user", "delete", "alice"]):
            answer = run_as(site, as_nobody, *arguments, code=REFUSED)
            assert answer["code"] == "forbidden", answer
    finally:
        site.close()


def test_a_daemon_that_forbids_it(alone):
    """The socket's mode may be wider than who may administer."""
    code, told, _ = Impostor(alone.control).serve(
        alone, b'{"ok":false,"code":"forbidden","error":"no"}\n', "user", "list")
    assert code == REFUSED and told["code"] == "forbidden"


# -- a daemon


def test_daemon_status():
    site = DaemonSite()
    try:
        answer = site.json("status")
        assert answer["storage"]["driver"] == "sqlite" and answer["storage"]["up"] is True
        manual = read_manual()
        for section, values in answer.items():
            for key in values if isinstance(values, dict) else ():
                assert re.search(r"^\.(It )?(Li|Pf).*(?<![\w-])%s(?![\w-])" % re.escape(key), manual,
                                 re.MULTILINE), (section, key)
        assert set(answer) == {"ok", "storage", "daemon", "tls", "presence", "connections",
                               "queues", "rates", "counters"}
        told = site.run("status", "--all")
        assert "\nstorage\n" in "\n" + told.stdout and "sqlite" in told.stdout
        assert told.stderr == ""
        for key in answer["counters"]:
            assert re.search(r"^  %s +\d+$" % key, told.stdout, re.MULTILINE), key
        site.daemon.stop()
        site.run("status", code=NO_DAEMON)
        assert site.userids() == []
    finally:
        site.close()


def test_the_state_of_a_daemon_fits_a_terminal():
    """What was counted is in it, and what is 0 is not."""
    site = DaemonSite()
    try:
        told = site.run("status").stdout
        lines = told.splitlines()
        assert sum(1 + (len(line) - 1) // 80 for line in lines) < 24, told
        assert max(len(line) for line in lines if "fingerprint" not in line) <= 80, told
        assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
            key for key in site.json("status") if key != "ok"]
        assert "fingerprint " + site.json("status")["tls"]["fingerprint"] in told
        assert not re.search(r" 0(\.0+)?(,|$)", told, re.MULTILINE), told
        assert "writes-" not in told
        site.daemon.add_users("alice")
        with contextlib.closing(V1Client(site.daemon, "alice")) as alice:
            alice.poll()
            wait_until(lambda: site.json("status")["counters"]["polls-accepted"], "the poll counts")
        counters = site.json("status")["counters"]
        counted = [key for key, count in counters.items() if count]
        told = site.run("status").stdout.partition("counters")[2]
        assert counted and re.findall(r"([a-z-]+) \d+", told) == counted
    finally:
        site.close()
