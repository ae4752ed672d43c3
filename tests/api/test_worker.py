"""The app loads in Microsoft's own worker library, all of it, and serves real requests there.

A fault at import shows in Azure only as "0 functions found"; here it shows as what it is.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from local.service import ROOT
from shared.web.routes import registered_functions
from tests.client.graph_stand_in import GraphStandIn, graph_stand_in
from tests.support.access_files import access_file, access_file_of
from tests.support.client import create_body, multipart, part
from tests.support.invariants import Storage
from tests.support.registered import functions

pytestmark = [
    pytest.mark.own_host("in the worker library"),
    pytest.mark.skipif(sys.version_info < (3, 13), reason="Microsoft's worker library is for Python 3.13"),
]

Binding = dict[str, Any]

WORKER_HOST = [sys.executable, "-m", "tests.support.worker_host"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a function answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, which is a JSON object."""
        body = json.loads(self.body)
        assert isinstance(body, dict)
        return body


class Worker:
    """Microsoft's worker with the app in it, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.functions: dict[str, list[Binding]] = {
            function["name"]: [json.loads(binding) for binding in function["bindings"]]
            for function in json.loads(self._line())
        }

    def call(
        self,
        function: str,
        request: str,
        route: Mapping[str, str],
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Reply:
        """Have the worker invoke a function for a request, such as ``GET /v1.0/...``, with its route's parameters."""
        method, path = request.split()
        reply = self._ask(
            {
                "function": function,
                "method": method,
                "path": path,
                "route": route,
                "headers": {"Content-Type": content_type},
                "body": base64.b64encode(body).decode(),
            }
        )
        return Reply(reply["status"], reply["headers"], base64.b64decode(reply["body"]))

    def deliver(self, function: str, message: str) -> None:
        """Have the worker invoke a function for a message of its queue."""
        self._ask({"function": function, "message": message})

    def stop_reading(self, function: str, path: str, route: Mapping[str, str], seconds: float) -> dict[str, Any]:
        """Have the worker invoke a function, and read nothing of its response for some seconds."""
        return self._ask({"function": function, "path": path, "route": route, "seconds": seconds})

    def _ask(self, call: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        reply: dict[str, Any] = json.loads(self._line())
        assert reply["outcome"] == "success", reply
        return reply

    def _line(self) -> str:
        """The next line of JSON; the worker's own log lines are passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("[", "{")):
                return line
        raise RuntimeError("the worker ended: its standard error tells why")


@pytest.fixture(scope="module")
def worker(storage: Storage) -> Iterator[Worker]:
    """The worker with the app loaded, on real storage."""
    with running_worker(storage) as running:
        yield running


@pytest.fixture
def graph() -> Iterator[GraphStandIn]:
    """A service that answers as Microsoft Graph does."""
    with graph_stand_in() as running:
        yield running


def _environment(storage: Storage, **settings: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    own = {
        "UPLOADS_STORAGE": storage.connection_string,
        "UPLOADS_AUTH": "none",
        "UPLOADS_PUBLIC_URL": "http://localhost",
        "PYTHONPATH": str(ROOT),
    }
    return ours | own | settings


@contextmanager
def running_worker(storage: Storage, **settings: str) -> Iterator[Worker]:
    with subprocess.Popen(
        WORKER_HOST,
        cwd=ROOT,
        env=_environment(storage, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()


def _trigger(bindings: list[Binding]) -> Binding:
    (trigger,) = [binding for binding in bindings if binding["type"].endswith("Trigger")]
    return trigger


def _methods(trigger: Binding) -> list[str]:
    return [str(method.get("value", method) if isinstance(method, dict) else method) for method in trigger["methods"]]


def test_the_worker_finds_every_function_that_the_app_declares(worker: Worker) -> None:
    declared = {
        str(function.get_function_name()): [json.loads(binding) for binding in function.get_raw_bindings()]
        for function in functions()
    }

    assert declared, "an app without functions deploys as well"
    assert worker.functions == declared


def test_every_folder_of_operations_is_in_the_app(worker: Worker) -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py") if "blueprint = func.Blueprint()" in path.read_text()}
    assert functions(), "they are registered when the app is imported"
    # A trigger of another kind than HTTP has the name of its folder.
    of_http = {
        function.endpoint.__module__
        for methods in registered_functions().values()
        for function in methods.values()
        if function.name in worker.functions
    }

    assert {"create_session", "get_session", "update_session", "upload_file", "expire_sessions", "files"} <= folders
    assert folders <= {module.partition(".")[0] for module in of_http} | worker.functions.keys()


@pytest.mark.parametrize(
    ("operation", "method", "end"),
    [
        ("create_session", "POST", "uploadSessions"),
        ("list_sessions", "GET", "uploadSessions"),
        ("count_sessions", "GET", "uploadSessions/$count"),
        ("get_session", "GET", "uploadSessions/{sessionId}"),
        ("update_session", "PATCH", "uploadSessions/{sessionId}"),
        ("delete_session", "DELETE", "uploadSessions/{sessionId}"),
        ("upload_file", "POST", "uploadSessions/{sessionId}/uploadFile"),
        ("list_files", "GET", "uploadSessions/{sessionId}/files"),
        ("count_files", "GET", "uploadSessions/{sessionId}/files/$count"),
        ("get_file", "GET", "uploadSessions/{sessionId}/files/{fileId}"),
        ("get_file_value", "GET", "uploadSessions/{sessionId}/files/{fileId}/$value"),
    ],
)
def test_each_operation_has_its_route_in_both_versions_and_under_the_alias(
    worker: Worker, operation: str, method: str, end: str
) -> None:
    for suffix, resource in (
        ("", "v1.0/identityGovernance/entitlementManagement/catalogs/{catalogId}/resources/{resourceId}"),
        ("_alias", "v1.0/identityGovernance/catalogs/{catalogId}/resources/{resourceId}"),
        (
            "_beta",
            (
                "beta/identityGovernance/entitlementManagement/accessPackageCatalogs/{catalogId}"
                "/accessPackageResources/{resourceId}"
            ),
        ),
        ("_beta_alias", "beta/identityGovernance/catalogs/{catalogId}/accessPackageResources/{resourceId}"),
    ):
        trigger = _trigger(worker.functions[f"{operation}{suffix}"])
        assert trigger["route"] == f"{resource}/{end}"
        assert _methods(trigger) == (["GET", "HEAD"] if method == "GET" else [method])


def test_the_timer_is_found_with_its_schedule(worker: Worker) -> None:
    trigger = _trigger(worker.functions["expire_sessions"])

    assert (trigger["type"], trigger["schedule"]) == ("timerTrigger", "0 */5 * * * *")


def _session_with_a_file(worker: Worker, resource: dict[str, str], content: bytes) -> tuple[str, dict[str, str]]:
    """A session's path, and the parameters of its route."""
    collection = (
        "/v1.0/identityGovernance/entitlementManagement/catalogs/{catalogId}/resources/{resourceId}/uploadSessions"
    )
    collection = collection.format(**resource)
    created = worker.call("create_session", f"POST {collection}", resource, json.dumps(create_body()).encode())
    assert created.status == 201, created.body
    session = f"{collection}/{created.json()['id']}"
    one = resource | {"sessionId": created.json()["id"]}

    form = "multipart/form-data; boundary=testboundary"
    uploaded = worker.call("upload_file", f"POST {session}/uploadFile", one, multipart(part(content)), form)
    assert uploaded.status == 200, uploaded.body
    return session, one


def test_a_session_lives_in_the_worker(worker: Worker) -> None:
    content = access_file()
    resource = {"catalogId": str(uuid4()), "resourceId": str(uuid4())}
    session, one = _session_with_a_file(worker, resource, content)

    (file,) = worker.call("list_files", f"GET {session}/files", one).json()["value"]
    read = worker.call("get_session", f"GET {session}", one)
    assert read.status == 200
    assert read.json()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(content)}
    in_file = one | {"fileId": file["id"]}
    value = worker.call("get_file_value", f"GET {session}/files/{file['id']}/$value", in_file)
    assert value.body == content


def test_a_download_that_nobody_reads_is_cut_in_the_worker(storage: Storage) -> None:
    settings = {"UPLOADS_STALL_SECONDS": "1", "UPLOADS_MAX_TRANSFERS_PER_PROCESS": "1"}
    with running_worker(storage, **settings) as worker:
        resource = {"catalogId": str(uuid4()), "resourceId": str(uuid4())}
        session, one = _session_with_a_file(worker, resource, access_file_of(8 * 2**20))
        (file,) = worker.call("list_files", f"GET {session}/files", one).json()["value"]
        in_file = one | {"fileId": file["id"]}
        path = f"{session}/files/{file['id']}/$value"

        stopped = worker.stop_reading("get_file_value", path, in_file, seconds=3)

        assert (stopped["cut"], stopped["records"]) == (True, 0)
        value = worker.call("get_file_value", f"GET {path}", in_file)
        assert len(value.body) == file["size"], "its place is free again"


def test_a_message_delivers_a_session_in_the_worker(storage: Storage, graph: GraphStandIn) -> None:
    settings = {"UPLOADS_FORWARD_URL": graph.url, "UPLOADS_FORWARD_SCOPE": "none", "UPLOADS_NAME_PREFIX": "worker"}
    with running_worker(storage, **settings) as worker:
        trigger = _trigger(worker.functions["deliver_session"])
        assert (trigger["type"], trigger["name"]) == ("queueTrigger", "message")
        assert (trigger["queueName"], trigger["connection"]) == ("workerdeliveries", "UPLOADS_STORAGE")

        resource = {"catalogId": str(uuid4()), "resourceId": str(uuid4())}
        session, one = _session_with_a_file(worker, resource, access_file())
        done = worker.call("update_session", f"PATCH {session}", one, b'{"isUploadDone": true}')
        assert done.status == 200, done.body
        assert graph.sessions == {}

        worker.deliver("deliver_session", json.dumps(one))
        (upstream,) = graph.sessions.values()
        assert (upstream.status, len(upstream.files)) == ("complete", 1)
        delivery = worker.call("get_session", f"GET {session}", one).json()["@uploads.delivery"]
        assert [(each["target"], each["state"]) for each in delivery] == [("graph", "delivered")]


def test_an_error_keeps_its_shape_in_the_worker(worker: Worker) -> None:
    unknown = worker.call("wrong_path_v1", "GET /v1.0/nothing/here", {"path": "nothing/here"})

    assert unknown.status == 404
    assert unknown.json()["error"]["code"] == "itemNotFound"
    assert unknown.json()["error"]["innerError"]["request-id"] == unknown.headers["request-id"]


def test_a_wrong_setting_is_on_stderr_when_the_worker_loads_the_app(storage: Storage) -> None:
    host_json = json.loads((ROOT / "host.json").read_text())
    settings = {"UPLOADS_MAX_UPLOAD_SECONDS": "541"}

    worker = subprocess.run(
        WORKER_HOST,
        cwd=ROOT,
        env=_environment(storage, **settings),
        input="",
        capture_output=True,
        text=True,
        check=False,
    )

    assert host_json["functionTimeout"] == "00:10:00"
    assert worker.stdout == "", "no function was found"
    # A line of its own, which the app has printed, and not one of the traceback.
    (line,) = [line for line in worker.stderr.splitlines() if line.startswith("UPLOADS_MAX_UPLOAD_SECONDS is 541, ")]
    assert "Set UPLOADS_MAX_UPLOAD_SECONDS to 540 or less, or functionTimeout to 00:10:01 or more" in line


def test_a_request_is_one_line_of_the_log(storage: Storage) -> None:
    call = {"function": "get_health", "method": "GET", "path": "/uploads/health?a=b", "route": {}, "headers": {}}
    calls = f"{json.dumps(call | {'body': ''})}\n" * 3

    worker = subprocess.run(
        WORKER_HOST, cwd=ROOT, env=_environment(storage), input=calls, capture_output=True, text=True, check=True
    )

    lines = (worker.stdout + worker.stderr).splitlines()
    assert len([line for line in lines if "operation=get_health status=200" in line]) == 3
    # Nor the client that sends the requests in this process.
    assert [line for line in lines if "/uploads/health" in line and not line.startswith(("[", "INFO:httpx:"))] == []
