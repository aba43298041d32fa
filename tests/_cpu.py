"""A plug-in of the suite: CPU seconds of every test, told by tier; a fast test over a limit fails.

Seconds of CPU, own and of waited children, in place of seconds of a clock: they depend less on what else a
machine does. AUDIONAS_CPU_LIMIT is the limit of a fast test (`make check` sets 1; 0, or no value, is none).
AUDIONAS_CPU_LOG names a file to which all numbers are added, a line each. Fixtures of a wider scope than one
test are counted apart.
"""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

LIMIT, LOG = "AUDIONAS_CPU_LIMIT", "AUDIONAS_CPU_LOG"
TIERS = ("nightly", "story", "laws", "fast")  # a test of several markers is of the first
BUDGETS = {"fast": 240.0}
MOST_SHOWN = 10


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def tier(item: pytest.Item) -> str:
    """The tier of a test: a marker, or fast."""
    return next((name for name in TIERS if item.get_closest_marker(name)), "fast")


class Meter:
    """Measures, in every process that runs tests; the process that reports adds up."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.limit = float(os.environ.get(LIMIT) or 0)
        self.seconds = 0.0  # of the running test
        self.wide = defaultdict[str, float](float)  # of fixtures that several tests share
        self.tests: dict[str, tuple[str, float]] = {}
        self.others = 0.0  # what the workers took in all

    # --- where tests run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test; once more, if it was too slow, since the first one in a process pays for imports."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports, seconds = self.run(item, nextitem)
        limited = self.limit and tier(item) == "fast" and all(r.outcome == "passed" for r in reports)
        if limited and seconds > self.limit:
            item._initrequest()  # type: ignore[attr-defined]
            again, second = self.run(item, nextitem)
            reports, seconds = again, min(seconds, second)
        for report in reports:
            if report.when == "call":
                report.user_properties.append(("cpu", (tier(item), seconds)))
                if limited and seconds > self.limit and report.outcome == "passed":
                    report.outcome = "failed"
                    report.longrepr = (
                        f"{item.nodeid} takes {seconds:.1f} CPU seconds; the limit of the fast tier is "
                        f"{self.limit:g}: make it smaller, or mark it laws or story"
                    )
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> tuple[list[pytest.TestReport], float]:
        """The reports of one run of a test, and its CPU seconds."""
        self.seconds = 0.0
        return runtestprotocol(item, nextitem=nextitem, log=False), self.seconds

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self):
        start = cpu()
        try:
            return (yield)
        finally:
            self.seconds += cpu() - start

    pytest_runtest_call = pytest_runtest_setup

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef):
        """Count a fixture of many tests apart, without those that it asks for itself."""
        if fixturedef.scope == "function":
            return (yield)
        start, inner = cpu(), sum(self.wide.values())
        try:
            return (yield)
        finally:
            took = cpu() - start
            own = took - (sum(self.wide.values()) - inner)
            self.wide[f"{fixturedef.baseid}::{fixturedef.argname}"] += own
            self.seconds -= own

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["cpu"] = {"wide": dict(self.wide), "all": cpu()}

    # --- where they are reported

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(self.config, "workerinput"):
            return
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "cpu":
                self.tests[report.nodeid] = (value[0], value[1])
                self.log(test=report.nodeid, tier=value[0], seconds=round(value[1], 3))

    def log(self, **what: object) -> None:
        """A line for the file of all numbers, if one is named."""
        if name := os.environ.get(LOG):
            with Path(name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(what) + "\n")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        told = getattr(node, "workeroutput", {}).get("cpu", {"wide": {}, "all": 0.0})
        self.others += told["all"]
        for name, seconds in told["wide"].items():
            self.wide[name] += seconds

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if not self.tests:
            return
        here = os.times()
        total = self.others + here.user + here.system if self.others else cpu()
        tests, wide = sum(seconds for _, seconds in self.tests.values()), sum(self.wide.values())
        write = terminalreporter.write_line
        terminalreporter.section("CPU seconds", sep="-")
        write(
            f"{total:.0f} in all: {tests:.0f} of tests, {wide:.0f} of shared fixtures, "
            f"{total - tests - wide:.0f} of imports, collection and the rest"
        )
        for name in TIERS[::-1]:
            mine = {node: seconds for node, (its, seconds) in self.tests.items() if its == name}
            if mine:
                budget = f" (at most {BUDGETS[name]:.0f} in all)" if name in BUDGETS else ""
                write(f"{name}: {sum(mine.values()):.0f} in {len(mine)} tests{budget}; the most expensive:")
                for node in sorted(mine, key=mine.__getitem__, reverse=True)[:MOST_SHOWN]:
                    write(f"  {mine[node]:6.2f}  {node}")
        self.log(total=total, tests=tests, shared=self.wide)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Meter(config), "audionas-cpu")
