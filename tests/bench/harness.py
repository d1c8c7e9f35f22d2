"""What the tests of multichat-bench share: users in rooms, and a run against a server that tells how
to reach it.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import subprocess
import tempfile

from multichat import PATIENCE, program

USERS = ["user%d" % number for number in range(10)]
ROOMS = {"#a": USERS[:5], "#b": USERS[5:]}

MODES = {"conserve": ["--writers", "4", "--rate", "0", "--count", "200"],
         "one-to-one": ["--writers", "4", "--count", "200"],
         "fan-out": ["--writers", "2", "--count", "50"],
         "room": ["--writers", "2", "--count", "50"],
         "backlog": ["--writers", "3", "--count", "200"],
         "push": ["--writers", "2", "--count", "200"],
         "polls": ["--seconds", "1"]}


def run(*arguments):
    """Runs it; returns the process's result."""
    with tempfile.TemporaryDirectory() as directory:
        users, rooms = os.path.join(directory, "users"), os.path.join(directory, "rooms")
        with open(users, "w", encoding="ascii") as file:
            file.write("# users\n\n" + "".join("%s:pw-%s:Name %s\n" % (n, n, n) for n in USERS))
        with open(rooms, "w", encoding="ascii") as file:
            file.write("// rooms\n\n")
            file.writelines("%s %s\n" % (room, " ".join(names)) for room, names in ROOMS.items())
        return subprocess.run(
            [program("multichat-bench"), arguments[0], "--drain", "1", *arguments[1:],
             "--users", users, "--rooms", rooms, "--poll-interval", "100", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE * 4, check=False)


def bench(*arguments):
    """The report of a run that could be made."""
    result = run(*arguments)
    assert result.returncode in (0, 1), result.stderr.decode()
    report = json.loads(result.stdout)
    assert report["passed"] == (result.returncode == 0)
    return report
