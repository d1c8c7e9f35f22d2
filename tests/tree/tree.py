"""Finds the files of the source tree for the tests that read it: by walking the source folder, so
that they work in an unpacked release as well as in a clone.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re

TOP = os.environ.get("MULTICHAT_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
FOLDERS = (".ci", "bench", "doc", "etc", "m4", "man", "sql", "src", "systemd", "tests")
TOP_FILES = ("HACKING", "Makefile.am", "NEWS", "README.md", "configure.ac", "quickstart")
COMPILED = (".o", ".a", ".lo", ".log", ".trs", ".pyc", ".Po")


def read(path):
    """The text of a file given relative to the top."""
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(path):
    """A build in the source folder leaves programs and objects beside the sources."""
    if path.endswith(COMPILED):
        return False
    with open(path, "rb") as file:
        return b"\0" not in file.read(4096)


def all_files():
    """Every text file of the tree, relative to the top."""
    found = [name for name in TOP_FILES if os.path.isfile(os.path.join(TOP, name))]
    for folder in FOLDERS:
        for root, folders, names in os.walk(os.path.join(TOP, folder)):
            folders[:] = [name for name in folders if name not in (".deps", "__pycache__")]
            for name in names:
                path = os.path.join(root, name)
                if name != ".dirstamp" and is_text(path):
                    found.append(os.path.relpath(path, TOP))
    return sorted(found)


def c_files(*folders):
    """The C files and headers below `folders`, or all of them."""
    return [
        path
        for path in all_files()
        if path.endswith((".c", ".h")) and (not folders or path.split("/")[0] in folders)
    ]


def scripts(interpreter, suffix):
    """Files that `suffix` or their first line says are for `interpreter`."""
    found = []
    for path in all_files():
        first = read(path).split("\n", 1)[0]
        if path.endswith(suffix) or re.match(r"#!.*\b%s[0-9.]*$" % interpreter, first):
            found.append(path)
    return found


def python_files():
    return scripts("python", ".py")


def shell_files():
    return scripts("sh", ".sh")


def blank_out(match):
    """Keeps the lines of what is taken out, so that line numbers stay."""
    return " " + "\n" * match.group(0).count("\n")


def without_comments(text):
    """C without its comments; strings stay."""
    pattern = r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|/\*.*?\*/|//[^\n]*'
    return re.sub(pattern, lambda m: m.group(1) or blank_out(m), text, flags=re.DOTALL)
