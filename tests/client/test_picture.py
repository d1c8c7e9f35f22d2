"""The picture of the README can be made anew, and is where the README wants it.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import subprocess
import xml.etree.ElementTree as tree

import pytest
from multichat import PATIENCE, built_with

TOP = os.environ["MULTICHAT_SRCDIR"]
SVG = "{http://www.w3.org/2000/svg}"


def words(path):
    return " ".join(text.text for text in tree.parse(path).getroot().iter(SVG + "text"))


@pytest.mark.skipif(not (built_with("HAVE_READLINE") and built_with("HAVE_SQLITE")),
                    reason="built without readline or without SQLite")
def test_the_picture_is_made_by_the_running_client(tmp_path):
    pytest.importorskip("pyte", reason="pyte is missing (Debian: python3-pyte)")
    path = str(tmp_path / "screen.svg")
    subprocess.run(["/usr/bin/python3", os.path.join(TOP, "doc/picture.py"), path], check=True,
                   timeout=4 * PATIENCE, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    assert "Good morning!" in words(path) and "whispers" in words(path)


def test_the_readme_shows_it():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as readme:
        assert "](doc/screen.svg)" in readme.read()
    assert "Good morning!" in words(os.path.join(TOP, "doc/screen.svg"))
