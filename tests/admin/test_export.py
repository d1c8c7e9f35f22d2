"""multichatctl export, import and db copy: a whole store goes into another one and stays the same.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import contextlib
import json
import os
import stat
import subprocess
import threading

import pytest

from multichat import PATIENCE, Daemon, built_with, program
from sites import KOREAN, OK, REFUSED, UNREACHABLE, USAGE, Site, needs_mysql
from v2 import V2Client

pytestmark = pytest.mark.skipif(not built_with("HAVE_SQLITE"), reason="built without SQLite")

TEXTS = ["plain", 'quotes " and \\ and /', "two\nlines\tand a tab", "안녕하세요 👩‍👩‍👧 e\u0301 \u2028 \x7f",
         "::: fields :::", "x" * 16000]


@contextlib.contextmanager
def running(site):
    """A daemon on the storage of `site`."""
    storage = {key: site.settings[key] for key in site.settings if key.startswith("storage.")}
    daemon = Daemon(storage, listen__control=site.control)
    try:
        yield daemon.start()
    finally:
        daemon.close()


@contextlib.contextmanager
def signed_on(daemon, *users):
    clients = [V2Client(daemon, user) for user in users]
    connections = [client.sign_on() for client in clients]
    yield connections
    for closing in connections + clients:
        closing.close()


def fill(site):
    """Something of everything, and traces of what is no more."""
    with running(site) as daemon:
        for user in ("alice", "bob", "carol", "gone"):
            daemon.add_users(user)
        with signed_on(daemon, "alice", "bob", "carol", "gone") as (alice, bob, carol, gone):
            for text in TEXTS:
                alice.send("*", text)
            alice.room("join", "#잡담")
            bob.room("join", "#잡담")
            alice.change("topic:#잡담:오늘의 주제: \"everything\"")
            alice.send("#잡담/bob", "a whisper")
            bob.send("#잡담/alice", "and back")
            bob.send("alice", "to yourself")
            bob.ask("nick:밥", "named")
            alice.room("join", "#closed")
            alice.change("access:#closed:closed")
            alice.change("invite:#closed:carol")
            gone.room("join", "#gone")
            gone.send("#gone", "lost")
            gone.send("bob", "kept")
        receiver = V2Client(daemon, "bob", device="acknowledges")
        receiver.sign_on().close()
        bob_writes = V2Client(daemon, "alice", device="other")
        receiver.attach()
        bob_writes.send("bob", "acknowledge this")
        receiver.wait(1, poll=False)
        receiver.close()
        bob_writes.close()
    site.run("room", "delete", "#gone")
    site.run("user", "delete", "gone")
    site.run("user", "disable", "carol")
    site.run("user", "bulk", "alice", "on")


@pytest.fixture(scope="module")
def full():
    site = Site()
    fill(site)
    yield site
    site.close()


@pytest.fixture(scope="module")
def exported(full):
    return lines_of(full)


@pytest.fixture
def sites(request):
    """sites(storage): another place, on SQLite without storage."""
    made = []

    def make(storage=None):
        made.append(Site(storage))
        return made[-1]

    yield make
    for site in made:
        site.close()


def lines_of(site):
    """The lines of an export, without their ends."""
    lines = site.run("export", "-").stdout.split("\n")
    assert lines.pop() == ""
    return lines


def joined(lines):
    return "".join(line + "\n" for line in lines)


def import_lines(site, lines, code=OK):
    return site.run("import", "-", text=joined(lines), code=code)


def parse(lines):
    return [json.loads(line) for line in lines]


def rows_of(lines, kind):
    return [row for row in parse(lines) if row["type"] == kind]


# -- what is in an export ---------------------------------------------------------------------------

def test_everything_is_in_it(exported):
    rows = parse(exported)
    assert rows[0]["type"] == "multichat-export" and rows[0]["version"] == 1
    assert rows[-1] == {"type": "end", "rows": len(rows) - 2}
    users = {row["userid"]: row for row in rows if row["type"] == "user"}
    assert list(users) == ["alice", "bob", "carol"]
    assert users["alice"]["password_hash"].startswith("$argon2id$") and users["alice"]["bulk"]
    assert users["bob"]["name"] == "밥" and users["carol"]["disabled"]
    rooms = rows_of(exported, "room")
    assert [room["access"] for room in rooms] == ["open", "closed"]
    assert rooms[0]["topic"] == '오늘의 주제: "everything"'
    assert rows[0]["next"]["user"] == 5 and rows[0]["next"]["room"] == 4
    messages = [row for row in rows if row["type"] == "message"]
    assert [row["text"] for row in messages if row["userid"] == "alice"][:len(TEXTS)] == TEXTS
    whispers = [row for row in messages if row["kind"] == "text" and row["context"]]
    assert sorted(row["text"] for row in whispers) == ["a whisper", "and back"]
    assert {row["kind"] for row in messages} >= {"text", "joined", "topic", "renamed", "invited"}
    assert [row["text"] for row in messages if row["userid"] == "gone" and row["kind"] == "text"
            ] == ["kept"]
    assert len(rows_of(exported, "invitation")) == 1
    assert "operator" in [row["role"] for row in rows_of(exported, "member")]
    assert rows_of(exported, "device") and rows_of(exported, "cursor")


def test_the_same_bytes_by_way_of_the_other_engine(full, exported, sites, mariadb):
    other, back = sites(mariadb.new_storage()), sites()
    import_lines(other, exported)
    assert lines_of(other) == exported
    assert other.json("db", "check")["sound"]
    import_lines(back, lines_of(other))
    assert lines_of(back) == exported
    assert back.json("db", "check")["sound"]


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_people_go_on_in_the_new_store(request, full, exported, sites, engine):
    storage = request.getfixturevalue("mariadb").new_storage() if engine == "mariadb" else None
    site = sites(storage)
    import_lines(site, exported)
    with running(site) as daemon, signed_on(daemon, "alice", "bob") as (alice, bob):
        assert [entry.text for entry in bob.history("#잡담") if not entry.kind] == [
            "a whisper", "and back"]
        assert [entry.text for entry in bob.history("alice")][0] == "to yourself"
        before = max(row["seq"] for row in rows_of(exported, "message")
                     if row["conversation"] == rows_of(exported, "conversation")[0]["id"])
        assert alice.send("*", "and on").seq == before + 1
        assert alice.room("join", "#잡담").number == 1
        assert bob.room("join", "#new").number == rows_of(exported, "multichat-export")[0]["next"][
            "room"]
        daemon.add_users("dora")
    dora = rows_of(lines_of(site), "user")[-1]
    assert dora["userid"] == "dora"
    assert dora["id"] == rows_of(exported, "multichat-export")[0]["next"]["user"]


def test_it_is_of_one_moment_while_the_daemon_writes(sites):
    source = sites()
    stop = threading.Event()
    with running(source) as daemon:
        daemon.add_users("alice", "bob")
        with signed_on(daemon, "alice", "bob") as writers:
            def write(connection, to):
                while not stop.is_set():
                    connection.send(to, "text")

            threads = [threading.Thread(target=write, args=arguments)
                       for arguments in zip(writers, ["*", "alice"])]
            for thread in threads:
                thread.start()
            exports = [lines_of(source) for _ in range(5)]
            stop.set()
            for thread in threads:
                thread.join()
    counts = [len(rows_of(lines, "message")) for lines in exports]
    assert counts == sorted(counts) and counts[-1] > 0
    target = sites()  # which looks everything over
    import_lines(target, exports[-1])
    assert target.json("db", "check")["sound"]


# -- where it goes ----------------------------------------------------------------------------------

def test_a_file_is_for_its_owner_alone_and_replaced_when_it_is_whole(full, exported, sites):
    path = os.path.join(full.directory, "backup")
    with open(path, "w", encoding="ascii") as old:
        old.write("old")
    os.chmod(path, 0o644)
    answer = full.json("export", path)
    assert answer["users"] == 3 and answer["rooms"] == 2 and answer["messages"] > len(TEXTS)
    assert answer["rows"] == len(exported) - 2
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, encoding="utf-8", newline="\n") as file:
        assert file.read() == joined(exported)
    nowhere = sites()
    assert "there is no database" in nowhere.run("export", path, code=UNREACHABLE).stderr
    with open(path, encoding="utf-8", newline="\n") as file:
        assert file.read() == joined(exported)
    assert [name for name in os.listdir(full.directory) if name.startswith("backup.")] == []
    target = sites()
    assert target.json("import", path)["users"] == 3
    assert lines_of(target) == exported
    os.unlink(path)


def test_what_cannot_be_written_or_read_is_told(full):
    assert "/dev/full: No space" in full.run("export", "/dev/full", code=USAGE).stderr
    assert "No such file" in full.run("export", "/nonexistent/file", code=USAGE).stderr
    assert "No such file" in full.run("import", "/nonexistent/file", code=USAGE).stderr
    assert "--json needs a FILE" in full.json("export", "-", code=USAGE)["error"]


def at_a_terminal(site, *arguments):
    """Exit status, and what was written to the terminal."""
    master, slave = os.openpty()
    status = subprocess.run([program("multichatctl"), "--config", site.config, *arguments],
                            stdin=slave, stdout=slave, stderr=slave, timeout=PATIENCE,
                            check=False).returncode
    told = os.read(master, 65536).decode()
    os.close(master)
    os.close(slave)
    return status, told


def test_at_a_terminal_it_wants_a_file_and_tells_how_far_it_is(full, sites, tmp_path):
    status, told = at_a_terminal(full, "export")
    assert status == USAGE and "hashes of passwords" in told
    assert at_a_terminal(full, "import")[0] == USAGE
    path = tmp_path / "many"
    path.write_text(joined(many(3000)))
    status, told = at_a_terminal(sites(), "import", str(path))
    assert status == OK and "1024 rows" in told and "messages: 3000" in told


# -- what is refused --------------------------------------------------------------------------------

def test_into_an_empty_store_alone(full, exported, sites, mariadb):
    for site in (full, sites(mariadb.new_storage())):
        if not os.path.exists(site.database):
            import_lines(site, exported)
        answer = site.json("import", "-", text=joined(exported), code=REFUSED)
        assert answer["code"] == "taken" and "already" in answer["error"]
        assert lines_of(site) == exported


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_while_the_daemon_runs_it_is_refused(request, exported, sites, engine):
    storage = request.getfixturevalue("mariadb").new_storage() if engine == "mariadb" else None
    site = sites(storage)
    with running(site):
        answer = site.json("import", "-", text=joined(exported), code=REFUSED)
        assert answer["code"] == "busy" and "stop multichatd" in answer["error"]
    import_lines(site, exported)


def changed(lines, kind, which, members):
    """With other members in one row; a member that becomes None is left out."""
    number = [i for i, row in enumerate(parse(lines)) if row["type"] == kind][which]
    row = json.loads(lines[number])
    row.update(members)
    row = {key: value for key, value in row.items() if value is not None}
    return number + 1, lines[:number] + [json.dumps(row, ensure_ascii=False)] + lines[number + 1:]


def without(lines, *types):
    """Without the rows of these types."""
    rest = [line for line in lines[:-1] if json.loads(line)["type"] not in types]
    return rest + [json.dumps({"type": "end", "rows": len(rest) - 1})]


BAD_MEMBERS = [
    ("user", 0, {"userid": "a b"}, "userid"),
    ("user", 0, {"userid": "bob"}, "inbox"),
    ("user", 1, {"name": "ALICE"}, None),
    ("user", 1, {"name": "\u202e"}, "name"),
    ("user", 0, {"password_hash": ""}, "password hash"),
    ("user", 0, {"disabled": 1}, "disabled"),
    ("user", 0, {"inbox": 7}, "inbox"),
    ("user", 0, {"more": 7}, "member that it does not have"),
    ("user", 1, {"id": 1}, "does not come after"),
    ("user", 2, {"id": 99}, "comes next"),
    ("conversation", 0, {"kind": "room"}, "begins with"),
    ("conversation", 0, {"name": "all"}, "everyone"),
    ("room", 0, {"topic": "two\nlines"}, "topic"),
    ("room", 0, {"conversation": 1}, "no room"),
    ("room", 0, {"access": "ajar"}, "access"),
    ("device", 0, {"user": 77}, "no user 77"),
    ("message", 1, {"seq": 5}, "follows on 1"),
    ("message", 1, {"conversation": 5}, "does not come after"),
    ("message", 1, {"text": "a\x03b"}, "text"),
    ("message", 1, {"text": "x" * 70000}, "text"),
    ("message", 1, {"kind": "song"}, "kind"),
    ("message", 1, {"sender": -1}, "sender"),
    ("message", 1, {"sender": 1.5}, "sender"),
    ("message", 1, {"name": "*"}, "name"),
    ("message", 1, {"key": None}, "key"),
    ("member", 0, {"since": 1000}, "ends at"),
    ("member", 0, {"role": "operator"}, "only rooms"),
    ("invitation", 0, {"user": 9}, "no user 9"),
    ("cursor", 0, {"device": 99}, "no device 99"),
    ("cursor", 0, {"seq": 1000}, "ends at"),
    ("end", 0, {"rows": 3}, "rows were to come"),
    ("multichat-export", 0, {"version": 2}, "version 2"),
    ("multichat-export", 0, {"next": {"user": 1}}, "ids come next"),
]


@pytest.fixture(scope="module")
def refusing():
    """Where nothing is ever imported."""
    site = Site()
    site.json("db", "init")
    yield site
    site.close()


@pytest.mark.parametrize("kind,which,members,words", BAD_MEMBERS, ids=lambda value: str(value)[:24])
def test_a_bad_row_is_named_by_its_line(exported, refusing, kind, which, members, words):
    line, lines = changed(exported, kind, which, members)
    answer = refusing.json("import", "-", text=joined(lines), code=USAGE)
    assert answer["code"] == "invalid"
    assert "standard input, line %d: " % line in answer["error"], answer
    assert words is None or words in answer["error"]
    assert len(lines_of(refusing)) == 3


def test_damaged_lines_are_named(exported, refusing):
    def refused(text, line, words):
        error = refusing.json("import", "-", text=text, code=USAGE)["error"]
        assert "line %d: " % line in error and words in error, error

    head = exported[:4]
    refused("", 1, "ends here")
    refused("hello\n", 1, "near 'hello'")
    refused("[]\n", 1, "no JSON object")
    refused("{}\n", 1, "does not begin")
    refused(joined(exported[:-1]), len(exported), "ends here")
    refused(joined(exported)[:-1], len(exported), "cut off")
    refused(joined(exported) + "{}\n", len(exported) + 1, "behind the end")
    refused(joined(head) + '{"type":"song"}\n', 5, "type")
    refused(joined(head) + '{"type":"user","type":"user"}\n', 5, "duplicate")
    refused(joined(head).encode() + b'{"type":"\0"}\n', 5, "NUL")
    refused(joined(head) + "x" * 600000 + "\n", 5, "too long")
    refused(joined(head).encode() + b'"\xff"\n', 5, "0xff")
    refused(joined([head[0], exported[-1]]), 2, "rows were to come")


@pytest.mark.parametrize("types,line,words", [
    (["room"], 4, "#room has no number"), (["member"], 3, "alice has no user who is its member"),
    (["user", "member"], 3, "alice has no user")])
def test_what_is_missing_is_told(refusing, types, line, words):
    """Of a store with nothing but a user and a room."""
    small = Site()
    small.add("alice")
    small.run("room", "add", "#room")
    lines = without(lines_of(small), *types)
    small.close()
    error = refusing.json("import", "-", text=joined(lines), code=USAGE)["error"]
    assert "line %d: " % line in error and words in error, error


def test_everyone_has_a_conversation(refusing):
    lines = without(many(0)[:1] + many(0)[-1:])
    error = refusing.json("import", "-", text=joined(lines), code=USAGE)["error"]
    assert "standard input: there is no conversation of everyone" in error


# -- a lot ------------------------------------------------------------------------------------------

def many(count):
    """An export of so many messages to everyone, and a user."""
    rows = [{"type": "multichat-export", "version": 1,
             "next": {"conversation": 3, "user": 2, "room": 1, "device": 1}},
            {"type": "conversation", "id": 1, "kind": "everyone", "name": "*"},
            {"type": "conversation", "id": 2, "kind": "inbox", "name": "alice"},
            {"type": "user", "id": 1, "userid": "alice", "name": KOREAN, "password_hash": "$",
             "auth_epoch": 1, "created_ms": 1, "disabled": False, "bulk": False, "inbox": 2}]
    rows += [{"type": "message", "conversation": 1, "seq": i, "time_ms": i, "sender": 1, "origin": 0,
              "context": 0, "kind": "text", "userid": "alice", "name": "Alice", "key": "k%d" % i,
              "text": "text %d " % i * (i % 50)} for i in range(1, count + 1)]
    rows += [{"type": "member", "conversation": i, "user": 1, "since": 0, "role": "member"}
             for i in (1, 2)]
    rows += [{"type": "end", "rows": len(rows) - 1}]
    return [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows]


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_a_key_that_comes_twice_among_many_is_named(request, sites, engine):
    storage = request.getfixturevalue("mariadb").new_storage() if engine == "mariadb" else None
    site = sites(storage)
    lines = many(2000)
    line, doubled = changed(lines, "message", 1500, {"key": "k7"})
    answer = site.json("import", "-", text=joined(doubled), code=USAGE)
    assert "line %d: " % line in answer["error"] and "earlier" in answer["error"]
    assert site.userids() == []
    import_lines(site, lines)
    assert lines_of(site) == lines


def test_who_has_read_enough_hears_it_once(sites):
    site = sites()
    import_lines(site, many(2000))
    child = subprocess.Popen([program("multichatctl"), "--config", site.config, "export", "-"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.readline()
    child.stdout.close()  # much more is to come than a pipe holds
    assert child.stderr.read() == "multichatctl: standard output: Broken pipe\n"
    child.stderr.close()
    assert child.wait(PATIENCE) != 0


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_an_import_that_is_killed_leaves_nothing(request, sites, engine):
    storage = request.getfixturevalue("mariadb").new_storage() if engine == "mariadb" else None
    site = sites(storage)
    lines = many(2000)
    child = subprocess.Popen([program("multichatctl"), "--config", site.config, "import", "-"],
                             stdin=subprocess.PIPE)
    child.stdin.write(joined(lines[:-1]).encode())  # more than a pipe holds: most of it was taken
    child.stdin.flush()
    child.kill()
    child.wait(PATIENCE)
    child.stdin.close()
    assert site.userids() == []
    import_lines(site, lines)
    assert lines_of(site) == lines


# -- db copy ----------------------------------------------------------------------------------------

def copying(sites, mariadb, exported):
    """A place on SQLite that knows a MariaDB, too."""
    site = sites({**mariadb.new_storage(), "storage.driver": "sqlite"})
    import_lines(site, exported)
    return site


def test_copy_to_mysql_and_back(exported, sites, mariadb):
    site = copying(sites, mariadb, exported)
    told = site.run("db", "copy", "--to", "mysql").stdout
    assert "users: 3, rooms: 2" in told and 'driver = "mysql";' in told
    assert lines_of(site) == exported
    site.write_config(storage__driver="mysql")
    assert lines_of(site) == exported and site.json("db", "check")["sound"]
    answer = site.json("db", "copy", "--to", "mysql", code=REFUSED)
    assert answer["code"] == "taken" and "the target" in answer["error"]
    os.unlink(site.database)
    answer = site.json("db", "copy", "--to", "sqlite")
    assert answer["settings"] == {"storage.driver": "sqlite"}
    site.write_config(storage__driver="sqlite")
    assert lines_of(site) == exported


def test_copy_to_what_the_options_name(exported, sites, mariadb):
    site = sites()
    import_lines(site, exported)
    wanted = mariadb.new_storage()
    options = ["--database", wanted["storage.mysql.database"], "--user",
               wanted["storage.mysql.user"], "--socket", mariadb.socket, "--password-file"]
    wrong = site.file("wrong", "wrong\n")
    answer = site.json("db", "copy", "--to", "mysql", *options, wrong, code=UNREACHABLE)
    assert "the target: Access denied" in answer["error"]
    answer = site.json("db", "copy", "--to", "mysql", *options,
                       wanted["storage.mysql.password_file"])
    assert answer["settings"] == wanted and answer["messages"] > 0
    site.write_config(**{key.replace(".", "__"): value
                         for key, value in answer["settings"].items()})
    assert lines_of(site) == exported


def test_copy_while_the_daemon_runs_is_refused(exported, sites, mariadb):
    site = copying(sites, mariadb, exported)
    with running(site):
        answer = site.json("db", "copy", "--to", "mysql", code=REFUSED)
        assert "the source" in answer["error"] and "stop multichatd" in answer["error"]
    site.json("db", "copy", "--to", "mysql")


@needs_mysql
def test_copy_wants_to_know_where(alone):
    assert "--to mysql" in alone.run("db", "copy", code=USAGE).stderr
    assert "--to" in alone.run("db", "copy", "--to", "oracle", code=USAGE).stderr
    assert "no database" in alone.run("db", "copy", "--to", "mysql", code=UNREACHABLE).stderr
