"""The manual pages: mandoc has nothing to warn of, they refer to pages that are there, and the page
of the wire names what the code has.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import shutil
import subprocess

import pytest
import tree

PAGES = [path for path in tree.all_files() if re.fullmatch(r"man/[^/]+\.[1-8]", path)]
OURS = re.compile(r"\.Xr (multichat\S*) (\d)")


def lint(path):
    command = ["mandoc", "-Tlint", "-W", "warning", os.path.join(tree.TOP, path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


@pytest.fixture(autouse=True, scope="module")
def mandoc():
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is missing (Debian: mandoc)")


@pytest.mark.parametrize("path", PAGES)
def test_mandoc_has_nothing_to_warn_of(path):
    assert lint(path) == ""


def test_a_bad_page_would_be_found(tmp_path):
    page = tmp_path / "bad.1"
    page.write_text(".Dd November 21, 2026\n.Dt BAD 1\n.Os\n.Sh NAME\n.Nm bad\n.Foo\n")
    assert lint(str(page)) != ""


@pytest.mark.parametrize("path", PAGES)
def test_references_lead_somewhere(path):
    there = {os.path.basename(page) for page in PAGES}
    named = {".".join(match) for match in OURS.findall(tree.read(path))}
    assert named <= there, "not there: " + ", ".join(sorted(named - there))


def test_the_counters_are_explained_as_in_the_code():
    header = tree.read("src/util/metrics.h")
    table = re.findall(r'^    X\(\w+, "([a-z-]+)",[\s\\]+"([^"]+)"\)', header, re.MULTILINE)
    assert len(table) == header.count("    X(") > 20
    manual = tree.read("man/multichatctl.8").split(".Sh COUNTERS")[1].split(".El")[0]
    assert re.findall(r"^\.It Li ([a-z-]+)\n(.+)$", manual, re.MULTILINE) == table


def protocol():
    return tree.read("man/multichat-protocol.7")


def test_the_protocol_page_has_every_error_code():
    codes = re.findall(r'^    X\(\w+, "([a-z-]+)"', tree.read("src/proto/error.h"), re.MULTILINE)
    assert len(codes) > 5
    explained = re.findall(r"^\.It Cm ([a-z-]+)$", protocol(), re.MULTILINE)
    assert [code for code in codes if code not in explained] == []


def defined(path):
    """Name: number, of the macros of a header whose value is a number."""
    return dict(re.findall(r"^#define (\w+) +(\d+)", tree.read(path), re.MULTILINE))


def test_the_protocol_page_has_the_limits_of_the_code():
    limits = {**defined("src/proto/v1.h"), **defined("src/proto/v2.h")}
    page = re.sub(r"\s+", " ", protocol())
    for name, words in (("V1_USERID_MAX", "userid Ta {} Ta"),
                        ("V1_PASSWORD_MAX", "password Ta {} Ta"),
                        ("V1_RECIPIENT_MAX", "userto Ta {} Ta"),
                        ("V1_POLL_MAX", "at most {} bytes"),
                        ("V1_PUSH_MAX", "at most {} bytes"),
                        ("V2_NAME_MAX", "display name Ta {} Ta"),
                        ("V2_DEVICE_MAX", "device Ta {} Ta"),
                        ("V2_RECIPIENT_MAX", "to Ta {} Ta"),
                        ("V2_ROOM_MAX", "room Ta {} Ta"),
                        ("V2_TOPIC_MAX", "topic Ta {} Ta"),
                        ("V2_PLACE_MAX", "after, next Ta {} Ta"),
                        ("V2_ROOMS_PAGE", "at most {} in one answer"),
                        ("V2_WHO_PAGE", "for each, at most {}, then"),
                        ("V2_PAST_PAGE", "How many at most, 1 to {}."),
                        ("V2_CKEY_MAX", "key of a message Ta {} Ta"),
                        ("V2_SESSION_MAX", "session Ta {} Ta"),
                        ("V2_REASON_MAX", "reason Ta {} Ta"),
                        ("V2_KEY_LEN", "hexadecimal digits: {} bytes"),
                        ("V2_MAC_LEN", "hexadecimal digits: {} bytes"),
                        ("V2_POLL_MAX", "at most {} bytes")):
        assert words.format(limits[name]) in page, name


def test_the_protocol_page_has_every_kind_of_note():
    table = re.search(r"notes\[\] = \{(.*?)\};", tree.read("src/proto/v2-word.c"), re.DOTALL)
    kinds = re.findall(r'"([a-z]+)"', table.group(1))
    assert len(kinds) == 8
    assert [kind for kind in kinds if ".It Cm %s Ta " % kind not in protocol()] == []


def test_the_protocol_page_has_every_verb_and_state():
    verbs = re.findall(r'^    X\(\w+, "(\w+)"\) +/\* (\S.*?) \*/',
                       tree.read("src/proto/v2.h"), re.MULTILINE)
    assert len(verbs) > 15
    page = protocol().replace("\\ ", " ")
    assert [form for _, form in verbs if not re.search(
        r"^\.It Li %s Ta( [a-z, ]+)?$" % re.escape(form), page, re.MULTILINE)] == []
    states = re.findall(r'^    \[V2_STATE_\w+\] = "(\w+)"', tree.read("src/proto/v2-poll.c"),
                        re.MULTILINE)
    assert len(states) == 4
    assert [state for state in states if ".It Cm %s\n" % state not in protocol()] == []


def test_the_examples_are_what_their_bytes_say():
    """Each example of the wire is followed by its bytes in hexadecimal."""
    shown = re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed", protocol(), re.DOTALL)
    checked = 0
    for text in re.findall(r"(\S.*)\n\n((?:(?:[0-9a-f]{2}[ \n])+))", "\n".join(shown)):
        words, dump = text
        words = re.sub(r"\\\[u([0-9A-F]{4})\]", lambda m: chr(int(m.group(1), 16)), words)
        assert bytes.fromhex(dump) == words.replace("<ETX>", "\x03").encode()
        checked += 1
    assert checked == 11
