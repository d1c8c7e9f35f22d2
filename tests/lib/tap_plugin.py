"""pytest plugin: every test becomes a line of TAP on descriptor 3 (see run-pytest).

A test is reported once: at its call, or at the set-up that failed or skipped it; a tear-down that
fails after a test has passed is a failure of its own.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os

TAP_FD = 3


class Tap:
    def __init__(self, stream):
        self.stream = stream
        self.count = 0

    def line(self, text):
        self.stream.write(text + "\n")
        self.stream.flush()

    def diagnose(self, text):
        for line in text.splitlines():
            self.line("# " + line)

    def result(self, passed, name, directive=""):
        self.count += 1
        name = name.replace("#", "\\#").replace("\n", " ")
        self.line("%s %d - %s%s" % ("ok" if passed else "not ok", self.count, name, directive))

    def failure(self, name, report):
        self.result(False, name)
        self.diagnose(report.longreprtext)
        for title, content in report.sections:
            self.diagnose("---- " + title)
            self.diagnose(content)

    @staticmethod
    def skip_reason(report):
        if isinstance(report.longrepr, tuple):
            return report.longrepr[2].replace("Skipped: ", "", 1)
        return getattr(report, "wasxfail", "") or "skipped"

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("::", 1)[-1]
        if report.failed:
            self.failure(name if report.when == "call" else name + " (" + report.when + ")", report)
        elif report.skipped:
            self.result(True, name, " # SKIP " + self.skip_reason(report).replace("\n", " "))
        elif report.when == "call":
            self.result(True, name)

    def pytest_collectreport(self, report):
        if report.failed:
            self.failure("collect " + report.nodeid, report)
        elif report.skipped:
            self.result(True, report.nodeid, " # SKIP " + self.skip_reason(report))

    def pytest_internalerror(self, excrepr):
        self.diagnose(str(excrepr))
        self.line("Bail out! internal error of pytest")

    def pytest_sessionfinish(self, exitstatus):
        if self.count == 0:
            self.line("Bail out! no test was run (pytest status %d)" % exitstatus)
        else:
            self.line("1..%d" % self.count)


def pytest_configure(config):
    os.set_inheritable(TAP_FD, False)
    stream = os.fdopen(TAP_FD, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    config.pluginmanager.register(Tap(stream), "tap")
