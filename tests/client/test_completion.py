"""What bash, zsh and fish complete of multichat's command line is what multichat --help says: each
command, and each option where it may stand.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import shutil
import subprocess

import pytest

from multichat import PATIENCE, program

TOP = os.environ["MULTICHAT_SRCDIR"]
NO_COMMAND = "no command"


def read_help():
    """{command: options}, as the help tells them."""
    text = subprocess.run([program("multichat"), "--help"], capture_output=True, encoding="utf-8",
                          check=True, timeout=PATIENCE).stdout
    commands = re.findall(r"^  multichat ([a-z]+)", text, re.MULTILINE)
    table = {command: set() for command in [NO_COMMAND, *commands]}
    for option, where in re.findall(r"^  (--[a-z-]+) .*?(?: \(([a-z, ]+)\))?$", text, re.MULTILINE):
        named = where.split(", ") if where else []
        for command in named if set(named) & set(table) else table:
            table[command].add(option)
    return table


TABLE = read_help()


def run(shell, *arguments):
    if not shutil.which(shell):
        pytest.skip("%s is missing (Debian: %s)" % (shell, shell))
    result = subprocess.run([shell, *arguments], capture_output=True, encoding="utf-8",
                            timeout=PATIENCE, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout.splitlines()


def words(command, begun):
    """A command line of which `begun` is to be completed."""
    return ["multichat", *([] if command == NO_COMMAND else [command]), begun]


def bash(line):
    return run("bash", "--norc", "-c", """
        source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _multichat
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
        """, os.path.join(TOP, "completions", "bash", "multichat"), *line)


def zsh(line):
    """zsh's own functions would need a terminal: what they are given is looked at."""
    given = run("zsh", "-f", "-c", """
        _arguments() { print -rl -- "$@"; for name in $commands; do print -r -- "is:$name"; done }
        complete_it() { source "$file" }
        file=$1; shift; words=("$@"); CURRENT=$#; complete_it
        """, "zsh", os.path.join(TOP, "completions", "zsh", "_multichat"), *line)
    if line[-1].startswith("-"):
        return [word.split("[")[0] for word in given if word.startswith("--")]
    if not any("_describe command commands" in word for word in given):
        return []
    return [word.split(":")[1] for word in given if word.startswith("is:")]


def fish(line):
    given = run("fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2..]"',
                os.path.join(TOP, "completions", "fish", "multichat.fish"), *line)
    return [word.split("\t")[0] for word in given]


SHELLS = pytest.mark.parametrize("shell", [bash, zsh, fish], ids=["bash", "zsh", "fish"])


def test_the_help_tells_of_commands_and_options():
    assert {"send", "recv", "history"} < set(TABLE)
    assert "--exec" in TABLE["recv"] and "--exec" not in TABLE["send"]
    assert all("--server" in options for options in TABLE.values())


@SHELLS
@pytest.mark.parametrize("command", TABLE)
def test_the_options_of_each_command(shell, command):
    assert sorted(shell(words(command, "--"))) == sorted(TABLE[command])


@SHELLS
def test_the_commands(shell):
    assert sorted(shell(words(NO_COMMAND, ""))) == sorted(set(TABLE) - {NO_COMMAND})


@pytest.mark.parametrize("line,expected", [
    (["history", "--day", "t"], ["today"]), (["--listen", ""], ["none"]),
    (["--user", "send", ""], sorted(set(TABLE) - {NO_COMMAND})), (["send", "--room", ""], [])])
def test_bash_knows_what_is_a_value(line, expected):
    assert sorted(bash(["multichat", *line])) == expected
