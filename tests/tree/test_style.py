"""The style of the tree as far as a machine can tell: each file says its role and licence, no
function and no file is too long, C is formatted, and nothing is left unfinished.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import ast
import os
import re
import shutil
import subprocess

import pytest
import tree

FUNCTION_MAX = 80  # lines from the first of its head to its last
FILE_MAX = 800
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
FORMATTER = "14"  # Debian 12's clang-format; others format otherwise
UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))


def opening(path, text):
    """The comment a file opens with, or an empty string."""
    if path.endswith((".c", ".h")):
        match = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
        return match.group(1) if match else ""
    text = re.sub(r"\A#![^\n]*\n", "", text)
    if path in tree.python_files():
        return ast.get_docstring(ast.parse(text)) or ""
    match = re.match(r"(?:#[^\n]*\n)+", text)
    return match.group(0) if match else ""


def judge_opening(comment):
    """What is wrong with the comment a file opens with, or None."""
    role, licence, rest = comment.partition(LICENCE)
    if not licence:
        return "does not end in the line '%s'" % LICENCE
    if rest.strip(" *#\n"):
        return "does not end with the licence line"
    if len(role.strip(" *#\n")) < 15:
        return "does not say the role of the file"
    return None


def without_strings_and_macros(text):
    """C of which only what counts for braces is left; lines stay where they are."""
    text = tree.without_comments(text)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', "0", text)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", tree.blank_out, text, flags=re.MULTILINE)


def c_functions(text):
    """(first line, number of lines) of each function: a block at the outermost level whose head
    has a parameter list and no '='."""
    depth = head_begin = start = 0
    head = ""
    found = []
    code = without_strings_and_macros(text)
    for at, char in enumerate(code):
        if char == "{":
            if depth == 0:
                head = code[head_begin:at]
                start = head_begin + len(head) - len(head.lstrip())
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                first = code.count("\n", 0, start) + 1
                last = code.count("\n", 0, at) + 1
                if "(" in head and "=" not in head:
                    found.append((first, last - first + 1))
                head_begin = at + 1
        elif char == ";" and depth == 0:
            head_begin = at + 1
    if depth != 0:
        found.append((1, FUNCTION_MAX + 1))  # no way to tell: let somebody look
    return found


def python_functions(text):
    nodes = ast.walk(ast.parse(text))
    functions = [n for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [(n.lineno, n.end_lineno - n.lineno + 1) for n in functions]


def shell_functions(text):
    """Functions written as "name() {" with the closing brace in the first column."""
    lines = text.split("\n")
    found = []
    for first, line in enumerate(lines):
        if re.match(r"\w+\(\) *[{(]$", line):
            last = next(i for i in range(first, len(lines)) if re.match(r"[})]", lines[i]))
            found.append((first + 1, last - first + 1))
    return found


def too_long(paths, functions):
    return [
        "%s:%d: %d lines" % (path, line, count)
        for path in paths
        for line, count in functions(tree.read(path))
        if count > FUNCTION_MAX
    ]


def source_files():
    return sorted(set(tree.c_files() + tree.python_files() + tree.shell_files()))


def test_files_are_found():
    assert "src/util/bytes.h" in tree.c_files()
    assert "tests/tree/test_style.py" in tree.python_files()
    assert "tests/lib/run-pytest" in tree.shell_files()
    assert "quickstart" in tree.shell_files()


def test_every_file_says_its_role_and_licence():
    wrong = []
    for path in source_files():
        reason = judge_opening(opening(path, tree.read(path)))
        if reason:
            wrong.append("%s: its opening comment %s" % (path, reason))
    assert not wrong, "\n".join(wrong)


def test_no_function_is_too_long():
    wrong = too_long(tree.c_files(), c_functions)
    wrong += too_long(tree.python_files(), python_functions)
    wrong += too_long(tree.shell_files(), shell_functions)
    assert not wrong, "\n".join(wrong)


def test_no_file_is_too_long():
    wrong = []
    for path in source_files():
        count = tree.read(path).count("\n")
        if count > FILE_MAX:
            wrong.append("%s: %d lines" % (path, count))
    assert not wrong, "\n".join(wrong)


def test_headers_are_guarded():
    wrong = [
        path
        for path in tree.c_files()
        if path.endswith(".h") and "\n#pragma once\n" not in tree.read(path)
    ]
    assert not wrong, "\n".join(wrong)


def test_c_is_formatted():
    formatter = shutil.which("clang-format-" + FORMATTER) or shutil.which("clang-format")
    if not formatter:
        pytest.skip("clang-format is missing (Debian: clang-format)")
    version = subprocess.run([formatter, "--version"], capture_output=True, text=True, check=True)
    if not re.search(r"\bversion %s\." % FORMATTER, version.stdout):
        pytest.skip("not clang-format %s but %s" % (FORMATTER, version.stdout.strip()))
    result = subprocess.run(
        [formatter, "--style=file", "--dry-run", "--Werror"] + tree.c_files(),
        cwd=tree.TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in result.stderr.split("\n") if " error: " in line]
    assert result.returncode == 0, "\n".join(complaints) or result.stderr


def test_nothing_is_left_unfinished():
    wrong = []
    for path in tree.all_files():
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            if UNFINISHED.search(line):
                wrong.append("%s:%d: %s" % (path, number, line.strip()))
    assert not wrong, "\n".join(wrong)


def test_no_line_ends_in_blanks_or_holds_a_stray_return():
    wrong = [
        "%s:%d" % (path, number)
        for path in source_files()
        for number, line in enumerate(tree.read(path).split("\n"), 1)
        if line.rstrip() != line
    ]
    assert not wrong, "\n".join(wrong)


def test_every_source_file_ends_in_a_newline():
    wrong = [path for path in source_files() if not tree.read(path).endswith("\n")]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "comment, word",
    [
        ("", "SPDX"),
        (" Reads and writes things.", "SPDX"),
        (" %s " % LICENCE, "role"),
        (" Short.\n * %s " % LICENCE, "role"),
        (" Reads and writes things.\n * %s\n * And more. " % LICENCE, "end with"),
        (" Reads and writes things.\n * %s " % LICENCE.replace("3", "2"), "SPDX"),
    ],
)
def test_a_wrong_opening_is_found(comment, word):
    assert word in judge_opening(comment)


def test_a_right_opening_is_let_be():
    assert judge_opening(" Reads and writes things.\n *\n * %s " % LICENCE) is None
    assert opening("x.c", "#include <errno.h>\n/* Late. */\n") == ""


def make_c_function(lines):
    body = "    a++; /* } */\n" * (lines - 4)
    return "static int f(int a,\n             int b)\n{\n%s}\n" % body


@pytest.mark.parametrize("lines", [4, 79, 80, 81, 500])
def test_lines_of_c_functions_are_counted(lines):
    text = '#include "x.h"\n#define X(a) { (\n\nstatic const char c = \'{\', *s = "{\\"";\n\n'
    text += "static const struct t t[] = {\n    {F(1)},\n};\n\n"
    text += "struct s {\n    int (*f)(void);\n};\n\n"
    assert c_functions(text + make_c_function(lines) + make_c_function(5)) == [
        (14, lines),
        (14 + lines, 5),
    ]


def test_lines_of_scripts_are_counted():
    assert shell_functions("a=1\nf() {\n    a=2\n}\n") == [(2, 3)]
    assert python_functions("def f():\n    def g():\n        return 1\n    return g\n") == [
        (1, 4),
        (2, 2),
    ]


def test_unfinished_work_is_found():
    assert UNFINISHED.search("/* " + "TO" + "DO: later */")
    assert not UNFINISHED.search('mkstemp("/tmp/%s")' % ("X" * 6))


def test_the_formatter_has_its_rules():
    assert os.path.isfile(os.path.join(tree.TOP, ".clang-format"))
