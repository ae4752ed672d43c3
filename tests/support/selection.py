"""A pytest plugin: which tests a run has, and how many processes share them.

A run without ``--all`` leaves out the tests that are marked ``slow`` and says so at its end. It also tries less in
tests that are marked ``grows``: random input, and rounds of races. ``--slow`` runs what such a run does not have.

With ``--host func`` the services of ``tests/api`` and ``tests/deliveries`` run under Core Tools. What can only be tried
on our own host is marked ``own_host``; it is left out then, and counted by its reasons.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from local.core_tools import CoreToolsError, find
from tests.support.chromium import chromium

_PAGE = Path(__file__).parent.parent / "page"
_LEFT_OUT = pytest.StashKey[Counter[str]]()
_OWN_HOST = pytest.StashKey[Counter[str]]()

# What runs on another host without further arguments: the tests of what the service answers and delivers.
_ON_ANY_HOST = ("tests/api", "tests/deliveries")
# Also without its last digits, or without hyphens: so tests write ids that are none.
_GUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{8,12}", re.IGNORECASE)

# Many tests wait for something and leave their core idle.
WORKERS_PER_CORE = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``python3 dev.py test``."""
    group = parser.getgroup("selection")
    group.addoption("--all", action="store_true", help="run the slow tests, too")
    group.addoption("--slow", action="store_true", help="run only what --all adds")
    group.addoption("--no-browser", action="store_true", help="leave out the tests that use a browser")
    group.addoption(
        "--host",
        choices=("local", "func"),
        default="local",
        help="what runs the services: our own host, or Core Tools' func, for tests/api and tests/deliveries",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks, and choose how much random input is tried; ``--hypothesis-profile long`` takes hours.

    Raises:
        pytest.UsageError: a browser or Core Tools are needed, and are not there: known now, and not when other tests
            have run.
    """
    if config.getoption("host") == "func":
        try:
            find()
        except CoreToolsError as error:
            raise pytest.UsageError(str(error)) from None
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            config.args = list(_ON_ANY_HOST)
    if _asks_for_the_page(config) and not config.getoption("--no-browser"):
        chromium()
    config.addinivalue_line("markers", "slow(what): takes long by nature; runs with --all. what: named at the end")
    config.addinivalue_line("markers", "grows: tries more with --all and --slow, as every test of Hypothesis does")
    config.addinivalue_line("markers", "waits: mostly waits, so that it starts first, while others use the processor")
    config.addinivalue_line("markers", "own_host(reason): can only be tried on our own host. reason: named at the end")
    config.stash[_LEFT_OUT] = Counter()
    config.stash[_OWN_HOST] = Counter()
    for profile, examples in (("long", 100_000), ("all", 300), ("quick", 100)):
        settings.register_profile(profile, max_examples=examples, deadline=None)
    settings.load_profile(config.getoption("--hypothesis-profile") or ("all" if tries_all(config) else "quick"))


def tries_all(config: pytest.Config) -> bool:
    """Whether tests that grow try everything."""
    return bool(config.getoption("--all") or config.getoption("--slow"))


def _asks_for_the_page(config: pytest.Config) -> bool:
    paths = [Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args]
    return any(_PAGE.is_relative_to(path) or path.is_relative_to(_PAGE) for path in paths)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Give random ids the same name in every process: pytest-xdist compares the names."""
    if isinstance(val, str) and _GUID.search(val):
        return _GUID.sub("guid", val)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run does not have, and put first what mostly waits."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        slow = item.get_closest_marker("slow")
        own_host = item.get_closest_marker("own_host")
        if own_host is not None and config.getoption("host") != "local":
            config.stash[_OWN_HOST][own_host.args[0]] += 1
        elif slow is not None and not tries_all(config):
            config.stash[_LEFT_OUT][slow.args[0]] += 1
        elif slow is None and not _grows(item) and config.getoption("--slow"):
            config.stash[_LEFT_OUT]["quick"] += 1
        elif "browser" in getattr(item, "fixturenames", ()) and config.getoption("--no-browser"):
            config.stash[_LEFT_OUT]["in a browser"] += 1
        else:
            chosen.append(item)
            continue
        left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def _grows(item: pytest.Item) -> bool:
    random = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return random or item.get_closest_marker("grows") is not None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes ``-n auto`` has; none for single files, whose start would take longer than it saves."""
    if all("::" in argument or argument.endswith(".py") for argument in config.args):
        return 0
    return round((os.cpu_count() or 1) * WORKERS_PER_CORE)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker: tell the controller what was left out."""
    left_out, own_host = session.config.stash[_LEFT_OUT], session.config.stash[_OWN_HOST]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"left_out": dict(left_out), "own_host": dict(own_host)}


def pytest_testnodedown(node: object) -> None:
    """In the controller: every worker has left out the same."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    for key, name in ((_LEFT_OUT, "left_out"), (_OWN_HOST, "own_host")):
        counted = config.stash[key]
        counted |= Counter(getattr(node, "workeroutput", {}).get(name, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how many cases the tests that count their cases had."""
    cases = sum(
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "cases"
    )
    if cases:
        terminalreporter.line(f"{cases} calls were made to fail.")
    left_out, own_host = config.stash[_LEFT_OUT], config.stash[_OWN_HOST]
    if own_host:
        terminalreporter.line(f"Left out {_counted(own_host)}: only our own host can run them.")
    if left_out:
        terminalreporter.line(f"Left out {_counted(left_out)}. Run all: python3 dev.py test --all")


def _counted(left_out: Counter[str]) -> str:
    what = ", ".join(f"{count} {name}" for name, count in left_out.items())
    return f"{'1 test' if left_out.total() == 1 else f'{left_out.total()} tests'} ({what})"
