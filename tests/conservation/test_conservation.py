"""The short form of conservation.py: 200 users, 10 s, calm and with kills, on either engine.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import pytest

import conservation


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
@pytest.mark.parametrize("kills", [[], ["--kill-daemon", "--kill-database"]],
                         ids=["calm", "killed"])
def test_conservation(engine, kills):
    options = conservation.parse(
        ["--users", "200", "--writers", "20", "--rate", "100", "--seconds", "10", *kills])
    report, wrong = conservation.run_engine(options, engine)
    assert not wrong, report
    assert report["acknowledged"] > 500
