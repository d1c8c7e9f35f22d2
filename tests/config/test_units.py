"""The service's files: systemd takes them without a word, the sandbox holds, and the catalog
explains exactly the message ids that the sources use.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import glob
import os
import re
import shutil
import subprocess

import pytest

SRCDIR = os.environ["MULTICHAT_SRCDIR"]
BUILDDIR = os.environ["MULTICHAT_BUILDDIR"]
UNITS = ["multichatd.service", "multichatd-polls.socket", "multichatd-writes.socket",
         "multichatd-control.socket"]

pytestmark = pytest.mark.skipif(
    not os.path.exists(os.path.join(BUILDDIR, "systemd", UNITS[0])),
    reason="configured without systemd: there are no units")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          check=False)


@pytest.fixture(name="units")
def copy_units(tmp_path):
    """The units with the program that was just built, which is at its place only once installed."""
    for unit in UNITS:
        text = read(BUILDDIR, "systemd", unit)
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=" + os.path.join(BUILDDIR, "multichatd"),
                      text)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    return tmp_path


def test_verify(units):
    result = run("systemd-analyze", "verify", "--man=no", *(str(units / unit) for unit in UNITS))
    assert (result.returncode, result.stdout) == (0, "")


def test_verify_can_fail(units):
    unit = units / UNITS[0]
    unit.write_text(unit.read_text().replace("Type=notify", "Type=wrong"))
    assert "wrong" in run("systemd-analyze", "verify", "--man=no", str(unit)).stdout


def test_exposure_is_at_most_1_1(units):
    result = run("systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager",
                 str(units / UNITS[0]))
    assert result.returncode == 0, result.stdout


def test_every_placeholder_is_filled():
    files = [os.path.join("systemd", unit) for unit in UNITS]
    files += ["systemd/sysusers.d/multichat.conf", "systemd/tmpfiles.d/multichat.conf",
              "etc/multichatd.conf"]
    for name in files:
        assert not re.search(r"@[a-z]+@", read(BUILDDIR, name)), name


def test_socket_names_are_those_the_daemon_knows():
    known = set(re.findall(r'= \{"([a-z]+)", SOCK_', read(SRCDIR, "src/daemon/sockets.c")))
    named = {re.search(r"(?m)^FileDescriptorName=(.*)$", read(BUILDDIR, "systemd", unit)).group(1)
             for unit in UNITS if unit.endswith(".socket")}
    assert named == known == {"polls", "writes", "control"}


def test_sysusers(tmp_path):
    (tmp_path / "etc").mkdir()
    result = run("systemd-sysusers", "--root=" + str(tmp_path),
                 os.path.join(BUILDDIR, "systemd/sysusers.d/multichat.conf"))
    if "Permission denied" in result.stdout or "Operation not permitted" in result.stdout:
        # Making users in a tree of one's own wants root; systemd can still be asked to read it.
        result = run("systemd-sysusers", "--dry-run", "--root=" + str(tmp_path),
                     os.path.join(BUILDDIR, "systemd/sysusers.d/multichat.conf"))
    assert result.returncode == 0, result.stdout
    assert "multichat" in result.stdout + (
        read(tmp_path, "etc/passwd") if (tmp_path / "etc/passwd").exists() else "")


def test_catalog_explains_every_message_id(tmp_path):
    used = set()
    for path in glob.glob(os.path.join(SRCDIR, "src", "**", "*.[ch]"), recursive=True):
        used |= set(re.findall(r'#define MESSAGE_\w+\s+"([0-9a-f]{32})"', read(path)))
    explained = re.findall(r"(?m)^-- ([0-9a-f]{32})$", read(SRCDIR, "systemd/multichat.catalog"))
    assert len(explained) == len(set(explained))
    assert set(explained) == used


def test_catalog_is_one(tmp_path):
    if shutil.which("journalctl") is None:
        pytest.fail("journalctl is missing")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(os.path.join(SRCDIR, "systemd/multichat.catalog"), folder)
    result = run("journalctl", "--root=" + str(tmp_path), "--update-catalog")
    assert result.returncode == 0, result.stdout
    listed = run("journalctl", "--root=" + str(tmp_path), "--list-catalog").stdout
    assert len(listed.splitlines()) == len(
        re.findall(r"(?m)^-- ", read(SRCDIR, "systemd/multichat.catalog"))), listed


@pytest.mark.parametrize("page", sorted(os.path.basename(p) for p in glob.glob(
    os.path.join(SRCDIR, "man", "*.[1-8]"))))
def test_manual_page_is_clean(page):
    result = run("mandoc", "-Tlint", "-Wwarning", os.path.join(SRCDIR, "man", page))
    assert (result.returncode, result.stdout) == (0, "")
