"""Who may include whom. The layers point one way, and this is where the way is written down for
the machine: each folder includes itself and the folders below it, the private headers of a folder
stay in it, and what belongs to one unit (sockets, a database, a library's header) is not known to
another.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import fnmatch
import re

import pytest
import tree

LIBRARIES = {"util", "proto", "model", "auth", "dal", "bll", "io", "config", "admin"}
MAY_USE = {
    "util": set(),
    "proto": {"util"},
    "model": {"util"},
    "auth": {"util"},
    "dal": {"util", "model"},
    "bll": {"util", "proto", "model", "auth", "dal"},
    "io": {"util", "proto"},
    "config": {"util"},
    "admin": {"util", "model", "auth", "dal", "config"},
    "daemon": LIBRARIES,
    "screen": {"util"},
    "client": {"util", "proto", "config", "io", "screen"},
    "ctl": {"util", "proto", "config", "admin", "dal", "auth", "model"},
    "bench": {"util", "proto", "io"},
}

# The only headers of these folders that others may include.
PUBLIC = {"dal": {"dal/dal.h"}, "bll": {"bll/bll.h"}}

SOCKETS = [
    "arpa/*",
    "linux/*",
    "net/*",
    "netdb.h",
    "netinet/*",
    "poll.h",
    "sys/epoll.h",
    "sys/eventfd.h",
    "sys/poll.h",
    "sys/select.h",
    "sys/signalfd.h",
    "sys/socket.h",
    "sys/timerfd.h",
    "sys/un.h",
]
CLOCKS_AND_LOG = ["time.h", "sys/time.h", "syslog.h", "util/clock.h", "util/log.h"]
FORBIDDEN = {
    "proto": SOCKETS + CLOCKS_AND_LOG,
    "model": SOCKETS + CLOCKS_AND_LOG,
    "bll": SOCKETS,
    "screen": SOCKETS,
}

# Headers of libraries that one unit hides from the rest.
HIDDEN_IN = {
    "sqlite3.h": {"dal"},
    "mysql.h": {"dal"},
    "mysql/*": {"dal"},
    "mariadb/*": {"dal"},
    "libconfig.h": {"config"},
    "uthash.h": {"util"},
    "sys/epoll.h": {"io"},
    "openssl/*": {"io"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else parts[0]


def matches(header, patterns):
    return any(fnmatch.fnmatch(header, pattern) for pattern in patterns)


def judge_own(folder, header):
    """What is wrong with including the project's `header` in `folder`, or None."""
    if "/" not in header or header.startswith("."):
        return "is not written as folder/file.h"
    owner = header.split("/")[0]
    if owner not in MAY_USE:
        return "is in no known folder"
    if owner == folder:
        return None
    if owner not in MAY_USE[folder]:
        return "points the wrong way: %s may not use %s" % (folder, owner)
    if owner in PUBLIC and header not in PUBLIC[owner]:
        return "is private to %s" % owner
    return None


def violations(path, text):
    """What is wrong with the includes of a file, in words."""
    folder = folder_of(path)
    wrong = []
    for quote, header in INCLUDE.findall(tree.without_comments(text)):
        reason = judge_own(folder, header) if quote == '"' else None
        if matches(header, FORBIDDEN.get(folder, [])):
            reason = "is not for %s to know" % folder
        for pattern, owners in HIDDEN_IN.items():
            if fnmatch.fnmatch(header, pattern) and folder not in owners:
                reason = "belongs to %s" % ", ".join(sorted(owners))
        if reason:
            wrong.append("%s: %s %s" % (path, header, reason))
    return wrong


@pytest.mark.parametrize("folder", sorted(MAY_USE))
def test_includes_point_one_way(folder):
    paths = [path for path in tree.c_files("src", "bench") if folder_of(path) == folder]
    assert paths, "no C file found in %s" % folder
    wrong = [line for path in paths for line in violations(path, tree.read(path))]
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_in_the_table():
    assert {folder_of(path) for path in tree.c_files("src", "bench")} <= set(MAY_USE)


def test_the_table_has_no_circle():
    done = set()
    while len(done) < len(MAY_USE):
        ready = {name for name, uses in MAY_USE.items() if uses <= done} - done
        assert ready, "circle among %s" % sorted(set(MAY_USE) - done)
        done |= ready


@pytest.mark.parametrize(
    "path, line",
    [
        ("src/util/x.c", '#include "proto/v1.h"'),
        ("src/proto/x.h", '#include "model/name.h"'),
        ("src/proto/x.c", '#include "util/clock.h"'),
        ("src/proto/x.c", '#include "util/log.h"'),
        ("src/proto/x.c", "#include <time.h>"),
        ("src/proto/x.c", "#include <sys/socket.h>"),
        ("src/model/x.c", "#include <netinet/in.h>"),
        ("src/bll/x.c", "#include <sys/epoll.h>"),
        ("src/bll/x.c", "#include <arpa/inet.h>"),
        ("src/bll/x.c", '#include "io/loop.h"'),
        ("src/bll/x.c", '#include "dal/driver.h"'),
        ("src/daemon/x.c", '#include "dal/driver.h"'),
        ("src/daemon/x.c", '#include "bll/internal.h"'),
        ("src/daemon/x.c", '#include "client/mailbox.h"'),
        ("src/daemon/x.c", "#include <sqlite3.h>"),
        ("src/ctl/x.c", "#include <mysql/mysql.h>"),
        ("src/dal/x.c", '#include "bll/bll.h"'),
        ("src/io/x.c", '#include "dal/dal.h"'),
        ("src/client/x.c", '#include "bll/bll.h"'),
        ("src/client/x.c", "#include <sys/epoll.h>"),
        ("src/client/x.c", "#include <openssl/ssl.h>"),
        ("src/ctl/x.c", '#include "io/loop.h"'),
        ("bench/x.c", '#include "model/name.h"'),
        ("bench/x.c", '  #  include "bll/bll.h"'),
        ("src/screen/x.c", '#include "client/client.h"'),
        ("src/screen/x.c", "#include <poll.h>"),
        ("src/io/x.c", "#include <uthash.h>"),
        ("src/io/x.c", '#include "loop.h"'),
        ("src/io/x.c", '#include "../io/loop.h"'),
        ("src/io/x.c", '#include "nowhere/loop.h"'),
    ],
)
def test_a_wrong_include_is_found(path, line):
    good = "/* Role. */\n#include <errno.h>\n"
    assert violations(path, good) == []
    assert len(violations(path, good + line + "\n")) == 1


@pytest.mark.parametrize(
    "path, line",
    [
        ("src/util/x.c", '#include "util/addr.h"'),
        ("src/util/x.c", "#include <sys/socket.h>"),
        ("src/bll/x.c", '#include "dal/dal.h"'),
        ("src/bll/x.c", '#include "bll/internal.h"'),
        ("src/dal/x.c", '#include "dal/driver.h"'),
        ("src/dal/x.c", "#include <sqlite3.h>"),
        ("src/daemon/x.c", '#include "bll/bll.h"'),
        ("src/util/x.c", '/* #include "bll/bll.h" */'),
        ("src/util/x.c", '// #include "bll/bll.h"'),
    ],
)
def test_a_right_include_is_let_be(path, line):
    assert violations(path, line + "\n") == []
