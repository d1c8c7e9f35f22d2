"""The daemon's table of keys, the sample configuration and multichatd.conf(5) say the same: every
key is in all three, with one default and one answer to whether a reload takes it up.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import subprocess

import pytest

SRCDIR = os.environ["MULTICHAT_SRCDIR"]
BUILDDIR = os.environ["MULTICHAT_BUILDDIR"]
PAGE_STATEDIR = "/var/lib/multichat"  # what the manual page shows


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def table_keys():
    output = subprocess.run([os.path.join(BUILDDIR, "tests/config/print-keys")], check=True,
                            stdout=subprocess.PIPE, encoding="utf-8").stdout
    keys = {}
    for line in output.splitlines():
        path, default, when = line.split("\t")
        keys[path] = (default, when)
    return keys


def sample_keys(text):
    """Every `# key = value;` in the group it stands in; its explanation is the comment above."""
    keys, groups, words, last_was_key = {}, [], [], False
    for line in text.splitlines():
        line = line.strip()
        setting = re.fullmatch(r"# ([a-z0-9_]+) = (.*);", line)
        if setting:
            path = ".".join(groups + [setting.group(1)])
            assert path not in keys, "%s is in the sample twice" % path
            assert words, "%s is not explained" % path
            when = "restart" if "(restart)" in " ".join(words) else "reload"
            keys[path] = (setting.group(2), when)
            last_was_key = True
        elif line.startswith("#"):
            if last_was_key:
                words = []
            words.append(line.lstrip("# "))
            last_was_key = False
        elif re.fullmatch(r"[a-z0-9_]+:", line):
            groups.append(line[:-1])
        elif line == "};":
            groups.pop()
        if not line:
            words, last_was_key = [], False
    assert not groups
    return keys


def page_keys(text):
    keys, path = {}, None
    for line in text.splitlines():
        item = re.fullmatch(r"\.It Cm (\S+) No =\\ (.*)", line)
        if item:
            path = item.group(1)
            assert path not in keys, "%s is in the page twice" % path
            default = item.group(2).replace(r"\(dq", '"').replace("\\ ", " ")
            keys[path] = (default, "restart")
        elif line == ".Em On reload .":
            keys[path] = (keys[path][0], "reload")
        elif line == ".El":
            path = None
    return keys


TABLE = table_keys()
SAMPLE = sample_keys(read(BUILDDIR, "etc/multichatd.conf"))
PAGE = page_keys(read(SRCDIR, "man/multichatd.conf.5"))


def statedir():
    """Where this build keeps its state, by the default of the one key that says so."""
    return os.path.dirname(TABLE["storage.sqlite.path"][0].strip('"'))


@pytest.mark.parametrize("path", sorted(set(TABLE) | set(SAMPLE)))
def test_sample_has(path):
    assert path in TABLE, "the sample has a key that the table does not know"
    assert path in SAMPLE, "the sample lacks it"
    assert SAMPLE[path] == TABLE[path]


@pytest.mark.parametrize("path", sorted(set(TABLE) | set(PAGE)))
def test_manual_page_has(path):
    assert path in TABLE, "the page has a key that the table does not know"
    assert path in PAGE, "the page lacks it"
    default, when = TABLE[path]
    default = default.replace(statedir(), PAGE_STATEDIR)
    if path == "storage.driver" and default == '"mysql"':
        default = '"sqlite"'  # the page says that a build without SQLite has another one
    assert PAGE[path] == (default, when)


def test_many_keys_are_seen():
    """The parsers above do not agree on having found nothing."""
    assert len(TABLE) >= 40


def test_sample_with_every_key_set_is_taken(tmp_path):
    text = re.sub(r"(?m)^(\s*)# ([a-z0-9_]+ = .*;)$", r"\1\2",
                  read(BUILDDIR, "etc/multichatd.conf"))
    config = tmp_path / "multichatd.conf"
    config.write_text(text, encoding="utf-8")
    result = subprocess.run([os.path.join(BUILDDIR, "multichatd"), "--config", str(config),
                             "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            encoding="utf-8", check=False)
    assert (result.returncode, result.stdout) == (0, "%s: ok\n" % config)
