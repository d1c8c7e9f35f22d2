"""No test and no source is forgotten: what lies in the tree is told to the build, and what the
build is told lies in the tree.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re

import pytest
import tree


def words(text):
    """The words of a makefile without its comments; "$(srcdir)/" and the like are taken off."""
    text = re.sub(r"(^|\s)#[^\n]*", r"\1", text).replace("\\\n", " ")
    return {re.sub(r"^\$[({]\w+[)}]/", "", word) for word in text.split()}


def told():
    """Every word that the build is told."""
    found = set()
    for path in tree.all_files():
        if path == "Makefile.am" or path.endswith("/local.mk"):
            found |= words(tree.read(path))
    return found


def unit_tests(paths):
    """The programs that are made of one test source each, and the fuzz targets."""
    return [path[:-2] for path in paths if re.fullmatch(r"tests/[^/]+/[^/]+-(test|fuzz)\.c", path)]


def script_tests(paths):
    pattern = r"tests/[^/]+/(test_[^/]+\.py|[^/]+-test\.sh)"
    return [path for path in paths if re.fullmatch(pattern, path)]


def sources(paths):
    return [path for path in paths if re.fullmatch(r"(src/.+|bench)/[^/]+\.[ch]", path)]


def pages(paths):
    return [path for path in paths if re.fullmatch(r"man/[^/]+\.[1-8]", path)]


@pytest.mark.parametrize("kind", [unit_tests, script_tests, sources, pages])
def test_nothing_is_forgotten(kind):
    found = kind(tree.all_files())
    assert found, "none found in the tree"
    forgotten = sorted(set(found) - told())
    assert not forgotten, "in no local.mk: " + ", ".join(forgotten)


def test_every_folder_of_tests_is_included():
    included = words(tree.read("tests/local.mk"))
    folders = {os.path.dirname(path) for path in unit_tests(tree.all_files())}
    folders |= {os.path.dirname(path) for path in script_tests(tree.all_files())}
    missing = [folder for folder in folders if folder + "/local.mk" not in included]
    assert not missing, "not included by tests/local.mk: " + ", ".join(sorted(missing))


def test_nothing_is_told_that_is_not_there():
    pattern = r"(src|bench|tests|man)/[\w./-]+(\.[ch]|\.py|\.sh|-test|-fuzz|\.[1-8])"
    named = {word for word in told() if re.fullmatch(pattern, word)}
    files = set(tree.all_files())
    built = os.environ.get("MULTICHAT_BUILDDIR", tree.TOP)
    gone = [
        word
        for word in sorted(named)
        if word not in files
        and word + ".c" not in files
        and not os.path.exists(os.path.join(built, word))
    ]
    assert not gone, "not in the tree: " + ", ".join(gone)


def test_every_fuzz_target_has_a_corpus():
    names = [path[:-7] for path in tree.all_files() if path.endswith("-fuzz.c")]
    assert names
    folders = [os.path.join(tree.TOP, os.path.dirname(name), "corpus", os.path.basename(name))
               for name in names]
    assert [folder for folder in folders if not os.path.isdir(folder)] == []


def test_every_header_is_used():
    """A header that nobody includes is left over."""
    headers = [path for path in tree.c_files("src", "bench") if path.endswith(".h")]
    included = set()
    for path in tree.c_files():
        for name in re.findall(r'#include "([^"]+)"', tree.read(path)):
            included.add(name)
    unused = [path for path in headers if re.sub(r"^src/", "", path) not in included]
    assert not unused, ", ".join(unused)


def test_a_forgotten_test_would_be_found():
    text = "TESTS += tests/a/one-test \\\n\t$(srcdir)/tests/a/test_two.py # tests/a/three-test\n"
    listed = words(text)
    assert "tests/a/one-test" in listed
    assert "tests/a/test_two.py" in listed
    assert "tests/a/three-test" not in listed
    paths = ["tests/a/three-test.c", "tests/a/test_four.py", "tests/lib/helper.py", "tests/x.c",
             "tests/a/five-fuzz.c"]
    assert unit_tests(paths) == ["tests/a/three-test", "tests/a/five-fuzz"]
    assert script_tests(paths) == ["tests/a/test_four.py"]
