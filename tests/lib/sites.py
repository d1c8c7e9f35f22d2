"""Places where multichatctl has something to do: a configuration with storage, with or without a
daemon.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from multichat import Daemon, PATIENCE, SANITIZER, Settings, program

OK, REFUSED, USAGE, UNREACHABLE, NO_DAEMON = range(5)
KOREAN = "밥"


class Site:
    """A configuration in a folder of its own, and multichatctl with it."""

    def __init__(self, storage=None):
        self.directory = tempfile.mkdtemp(prefix="mcctl", dir="/tmp")
        self.config = os.path.join(self.directory, "multichatd.conf")
        self.control = os.path.join(self.directory, "control")
        self.database = os.path.join(self.directory, "state", "multichat.db")
        os.mkdir(os.path.dirname(self.database), 0o750)
        self.settings = Settings({"listen.control": self.control, "password.memory": 8,
                                  "password.operations": 1, "storage.driver": "sqlite",
                                  "storage.sqlite.path": self.database})
        self.settings.update(storage or {})
        self.write_config()

    def write_config(self, **settings):
        self.settings.update({k.replace("__", "."): v for k, v in settings.items()})
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(self.settings.text())

    def run(self, *arguments, text="", code=OK, **options):
        result = subprocess.run(
            [program("multichatctl"), "--config", self.config, *arguments],
            input=text if isinstance(text, bytes) else text.encode(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=PATIENCE * 2, start_new_session=True,
            **options)
        result.stdout = result.stdout.decode("utf-8", "replace")
        result.stderr = result.stderr.decode("utf-8", "replace")
        assert not SANITIZER.search(result.stderr), result.stderr
        assert result.returncode == code, "%s: %d\n%s%s" % (
            arguments, result.returncode, result.stdout, result.stderr)
        return result

    def json(self, *arguments, **options):
        result = self.run("--json", *arguments, **options)
        assert result.stdout.count("\n") == 1 and result.stdout.endswith("\n"), result.stdout
        answer = json.loads(result.stdout)
        assert isinstance(answer["ok"], bool)
        if not answer["ok"]:
            assert answer["code"] and answer["error"]
        return answer

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as stream:
            stream.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def add(self, *users):
        answer = self.json("user", "add", "--batch", "-",
                           text="".join("%s:pw-%s\n" % (u, u) for u in users))
        assert answer["added"] == len(users)

    def userids(self):
        return [user["userid"] for user in self.json("user", "list")["users"]]

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class DaemonSite(Site):
    """The same with a daemon running."""

    def __init__(self):
        super().__init__()
        self.daemon = Daemon(**{"storage__sqlite__path": self.database,
                                "listen__control": self.control}).start()

    def close(self):
        self.daemon.close()
        super().close()


def drivers():
    """The storage drivers that the program was built with."""
    told = subprocess.run([program("multichatctl"), "--config", "/dev/null", "db", "init",
                           "--driver", "?"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          encoding="utf-8", timeout=PATIENCE, check=False)
    return [name for name in ("sqlite", "mysql") if name in told.stderr.split("allowed", 1)[1]]


needs_mysql = pytest.mark.skipif("mysql" not in drivers(), reason="built without MySQL")
