"""``--host func``, with a stand-in for Core Tools: how it is started, when it counts as ready, and how it ends."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.core_tools import CoreToolsError, serve
from local.service import NEVER, ROOT, ServiceNotReadyError, running_service
from tests.support import service

# As the real one: the port is open, and the host answers by itself, before the app is loaded; a worker is a process of
# its own.
FUNC = """#!{python}
import http.server, json, os, signal, subprocess, sys, time
from threading import Thread

folder = {folder!r}
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(folder + "/started", "w") as file:
    json.dump({{"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(),
               "input": sys.stdin.read(), "pids": [os.getpid(), worker.pid]}}, file)
loaded, runs = time.monotonic() + {seconds}, []

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        app = time.monotonic() > loaded
        self.send_response(503 if app else 404)
        self.send_header("Content-Length", "0")
        if app:
            self.send_header("request-id", "1")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        Thread(target=run).start()

    def log_message(self, *_):
        pass

def run():
    time.sleep(0.5)
    open(folder + "/ran", "a").write("x")
    print("[2026-11-29T21:00:00.000Z] Executed 'Functions.expire_sessions' ({outcome}, Id=1, Duration=5ms)", flush=True)

print("Azure Functions Core Tools", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answers).serve_forever()
"""

STORAGE = "UseDevelopmentStorage=true"


class StandIn:
    """A program ``func`` on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, *, seconds: float = 0, outcome: str = "Succeeded", stubborn: bool = False) -> None:
        """Write the program. The app is loaded after some time, its timer ends so, and it may ignore SIGTERM."""
        program = self.folder / "func"
        facts = {"seconds": seconds, "outcome": outcome, "stubborn": stubborn}
        program.write_text(FUNC.format(python=sys.executable, folder=str(self.folder), **facts))
        program.chmod(0o755)

    @property
    def started(self) -> dict[str, Any]:
        """How it was started."""
        found: dict[str, Any] = json.loads((self.folder / "started").read_text())
        return found


@pytest.fixture
def func(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A stand-in for Core Tools, which comes before a real one."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    stand_in = StandIn(tmp_path)
    stand_in.put()
    return stand_in


@pytest.fixture
def on_func(monkeypatch: pytest.MonkeyPatch, func: StandIn) -> StandIn:
    """The tests' services run under Core Tools, as with ``dev.py test --host func``."""
    monkeypatch.setattr(service, "host", "func")
    # Its lines are not ours, which are checked.
    monkeypatch.setattr(service, "log_folder", func.folder)
    return func


def alive(pid: int) -> bool:
    """Whether a process has not ended; one that only waits to be collected has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_gets_the_port_and_the_settings_and_is_ready_when_the_app_answers(on_func: StandIn, tmp_path: Path) -> None:
    on_func.put(seconds=1.5, stubborn=True)
    log = tmp_path / "log"
    begun = time.monotonic()

    with service.running_service(STORAGE, log, idle_seconds=77, max_file_bytes=1000, max_form_bytes=2000) as url:
        took = time.monotonic() - begun
        port = url.rpartition(":")[2]
        answer = httpx.get(f"{url}/uploads/health")

    assert took > 1.5
    assert answer.headers["request-id"] == "1"
    started, environment = on_func.started, on_func.started["environment"]
    assert started["arguments"] == ["start", "--port", port]
    assert started["folder"] == str(ROOT)
    assert started["input"] == "", "a group in the background must not wait for the terminal"
    assert environment["UPLOADS_STORAGE"] == environment["AzureWebJobsStorage"] == STORAGE
    assert environment["UPLOADS_AUTH"] == "none"
    assert environment["UPLOADS_IDLE_SECONDS"] == "77"
    assert environment["UPLOADS_EXPIRY_SCHEDULE"] == NEVER
    assert environment["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] == "3000"
    assert environment["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert environment["PYTHON_ENABLE_INIT_INDEXING"] == "1"
    assert environment["WEBSITE_HOSTNAME"] == f"127.0.0.1:{port}"
    assert "Azure Functions Core Tools" in log.read_text()
    assert not any(map(alive, started["pids"])), "the host and its worker have ended"


def test_what_is_set_already_stays(on_func: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1", "WEBSITE_HOSTNAME": "uploads.contoso.com"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    with service.running_service(STORAGE):
        assert on_func.started["environment"].items() >= own.items()


def test_two_services_have_a_port_each(on_func: StandIn) -> None:
    with service.running_service(STORAGE) as one, service.running_service(STORAGE) as other:
        assert one != other


def test_the_timer_has_run_when_the_call_returns(on_func: StandIn) -> None:
    with service.running_service(STORAGE) as url:
        for runs in (1, 2):
            service.fire_timer(url)
            assert (on_func.folder / "ran").read_text() == "x" * runs


def test_a_timer_that_fails_is_noticed(on_func: StandIn) -> None:
    on_func.put(outcome="Failed")

    with service.running_service(STORAGE) as url, pytest.raises(AssertionError, match="says why"):
        service.fire_timer(url)


def test_another_program_needs_our_own_host(on_func: StandIn) -> None:
    with (
        pytest.raises(AssertionError, match="own_host"),
        service.running_service(STORAGE, None, (), ("tests.support.counted",)),
    ):
        pass


def test_a_wrong_setting_is_told_before_it_is_started(func: StandIn) -> None:
    wrong = {"storage": STORAGE, "idle_seconds": "soon"}
    with (
        pytest.raises(ServiceNotReadyError, match="UPLOADS_IDLE_SECONDS"),
        running_service(wrong, arguments=["--host", "func"]),
    ):
        pass
    assert not (func.folder / "started").exists()


def test_its_end_is_ours(func: StandIn) -> None:
    (func.folder / "func").write_text("#!/bin/sh\nexit 3\n")

    done = subprocess.run(
        [sys.executable, "-m", "local", "--host", "func", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"UPLOADS_STORAGE": STORAGE},
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (3, b"")


def test_without_core_tools_it_is_said_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CoreToolsError, match="npm i -g azure-functions-core-tools@4"):
        serve(ROOT, 0)


TESTS = """
import pytest

@pytest.mark.own_host("on a clock that tests move")
def test_one(): pass

@pytest.mark.own_host("on a clock that tests move")
@pytest.mark.slow("of something")
def test_two(): pass

@pytest.mark.own_host("in this process")
def test_three(): pass

@pytest.mark.slow("of another thing")
def test_four(): pass

def test_five(): pass
"""


def run_tests(folder: Path, *arguments: str) -> str:
    """The output of pytest with the plugin that selects tests."""
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\ntestpaths = tests\n")
    plugins = ("tests.support.selection", "xdist.plugin", "_hypothesis_pytestplugin", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *(part for plugin in plugins for part in ("-p", plugin)), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_tests_that_need_our_own_host_are_left_out_and_counted(func: StandIn) -> None:
    here = run_tests(func.folder, "test_some.py")
    there = run_tests(func.folder, "test_some.py", "--host", "func", "-n", "1")

    assert "3 passed" in here
    assert "own host" not in here
    assert "Left out 2 tests (1 of something, 1 of another thing). Run all: python3 dev.py test --all" in here
    assert "1 passed" in there
    reasons = "2 on a clock that tests move, 1 in this process"
    assert f"Left out 3 tests ({reasons}): only our own host can run them." in there
    assert "Left out 1 test (1 of another thing). Run all: python3 dev.py test --all" in there


def test_what_a_quick_run_leaves_out_can_be_run_alone(func: StandIn) -> None:
    alone = run_tests(func.folder, "test_some.py", "--slow")

    assert "2 passed" in alone
    assert "Left out 3 tests (3 quick). Run all: python3 dev.py test --all" in alone


def test_without_paths_the_tests_of_the_api_and_of_deliveries_run(func: StandIn) -> None:
    for name in ("api", "deliveries", "unit"):
        folder = func.folder / "tests" / name
        folder.mkdir(parents=True)
        (folder / f"test_{name}.py").write_text("def test(): pass")

    told = run_tests(func.folder, "--host", "func", "-v")

    assert re.findall(r"^tests/(\w+)/", told, re.MULTILINE) == ["api", "deliveries"]


def test_without_core_tools_no_test_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    told = run_tests(tmp_path, "--host", "func")

    assert "'func' is not on the PATH" in told
    assert "passed" not in told
