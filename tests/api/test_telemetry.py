"""Traces and metrics of whole sessions, in the SDK's in-memory exporters, are those that docs/operate.md describes."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.service import ROOT
from tests.support.access_files import access_file
from tests.support.authority import Authority
from tests.support.client import Resource, Session, http_client
from tests.support.invariants import Storage
from tests.support.served import served
from tests.support.service import eventually, fire_timer, running_service

pytestmark = pytest.mark.own_host("with telemetry collected in the service")

FILE_NAME = "quarterly-access-of-the-vault.csv"
BLOCK_BYTES = 65536

# Of the large file, which has several blocks.
ROWS = 7500
HOUR = 3600
# Of a caller who traces (W3C Trace Context).
TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7


@dataclass(frozen=True)
class Seen:
    """What the exporters got of one run."""

    spans: list[dict[str, Any]]
    metrics: list[dict[str, Any]]

    @cached_property
    def names(self) -> set[str]:
        """The names of all metrics."""
        return {metric["name"] for metric in self.metrics}

    def roots(self, name: str) -> list[dict[str, Any]]:
        """The first spans of traces, by name."""
        return [span for span in self.spans if span["name"] == name and span["parent"] is None]

    def below(self, span: dict[str, Any]) -> list[dict[str, Any]]:
        """The spans directly below one."""
        return [each for each in self.spans if each["parent"] == span["id"]]

    def value(self, name: str, **attributes: object) -> float:
        """The value of a metric, summed up over the points that have these attributes (``.`` as ``_``)."""
        expected = {
            key.replace("_", ".").replace("status.code", "status_code"): each for key, each in attributes.items()
        }
        expected = {key.replace("with.files", "with_files"): each for key, each in expected.items()}
        points = [metric for metric in self.metrics if metric["name"] == name]
        return float(sum(point["value"] for point in points if expected.items() <= point["attributes"].items()))


@contextmanager
def observed(storage: str, folder: Path, **settings: str | int) -> Iterator[tuple[str, Path, list[Seen]]]:
    """A service with the exporters: its URL, its clock, and, once it has ended, what they got."""
    file, clock, seen = folder / "telemetry.json", folder / "clock", list[Seen]()
    clock.write_text("0")
    program = ("tests.support.observed", str(file), str(clock))
    with running_service(storage, None, (), program, **settings) as url:
        yield url, clock, seen
    seen.append(Seen(**json.loads(file.read_text())))


@pytest.fixture(scope="module")
def secrets() -> list[str]:
    """What must not be in any span or metric: names, ids and tokens of the run."""
    return [FILE_NAME]


@pytest.fixture(scope="module")
def seen(storage: Storage, authority: Authority, tmp_path_factory: pytest.TempPathFactory, secrets: list[str]) -> Seen:
    """The telemetry of sessions that are completed, deleted, and left to expire."""
    caller = str(uuid4())
    token = authority.token(oid=caller)
    # Tables of its own: its timer must not meet the sessions of other tests.
    settings = {**authority.settings, "block_bytes": BLOCK_BYTES, "name_prefix": "telemetry"}
    folder = tmp_path_factory.mktemp("telemetry")
    with (
        observed(storage.connection_string, folder, **settings) as (url, clock, results),
        http_client(url, token) as http,
        http_client(url) as stranger,
    ):
        resource = Resource(http)
        stranger.get(resource.path)
        stranger.get("/uploads/health", headers={"traceparent": f"00-{TRACE:032x}-{SPAN:016x}-01"})

        done = resource.new_session()
        dry_run = http.post(f"{done.path}/validateFile", files={"file": (FILE_NAME, access_file(3), "text/csv")})
        assert dry_run.status_code == 200
        large = done.uploaded(FILE_NAME, access_file(ROWS))
        assert done.value(large["id"]).status_code == 200
        done.upload("other.csv", access_file(2).replace(b"EntraIdUser", b"Robot"))
        assert done.complete().status_code == 409
        done.uploaded("other.csv", access_file(2))
        done.completed()
        resource.new_session().delete()

        with_files, empty = resource.new_session(), resource.new_session()
        with_files.uploaded(FILE_NAME, access_file(3))
        for seconds in (0, 1.6 * HOUR, 1.7 * HOUR, 2.1 * HOUR):
            clock.write_text(str(seconds))
            fire_timer(url)
        assert empty.read()["status"] == "expired"
        secrets += [caller, token, resource.catalog_id, resource.resource_id, done.id, with_files.id]
    return results[0]


@pytest.fixture(scope="module")
def handed_on(storage: Storage, tmp_path_factory: pytest.TempPathFactory, secrets: list[str]) -> Seen:
    """The telemetry of a session that a target refuses for good, of its events, and of one that waits for an hour."""

    async def target(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"WebHook-Allowed-Origin": "*"})
        if request.url.path == "/events":
            return Response(status_code=204)
        # Graph's side has no session, refuses to create one, and stays away after that.
        return answers.pop(0) if answers else Response(status_code=503)

    answers = [JSONResponse({"value": []}), Response(status_code=400)]
    paths = Route("/{path:path}", target, methods=["GET", "POST", "OPTIONS"])
    folder = tmp_path_factory.mktemp("deliveries")
    with served(Starlette(routes=[paths])) as address:
        settings = {
            "forward_url": f"{address}/v1.0",
            "forward_scope": "none",
            "events_url": f"{address}/events",
            "name_prefix": "handedon",
        }
        with (
            observed(storage.connection_string, folder, **settings) as (url, clock, results),
            http_client(url) as http,
        ):
            for expected in ("failed", "pending"):
                session = Resource(http).new_session()
                session.uploaded(FILE_NAME)
                session.completed()
                assert eventually(lambda: all(tried(session, expected)))  # noqa: B023  # called in this round only
                secrets += [session.id, address]
            before = attempts(session)
            clock.write_text(str(HOUR))
            fire_timer(url)
            # The end of the service would cut off the attempt that the timer has woken.
            assert eventually(lambda: attempts(session) > before)
    return results[0]


def attempts(session: Session) -> int:
    """How often the forwarding of a session was tried."""
    (forwarding,) = [each for each in session.read()["@uploads.delivery"] if each["target"] == "graph"]
    return int(forwarding["attempts"])


def tried(session: Session, expected: str) -> Iterator[bool]:
    """Whether each delivery of a session was tried, and the forwarding came to this state."""
    for each in session.read()["@uploads.delivery"]:
        yield bool(each["attempts"])
        yield each["state"] == (expected if each["target"] == "graph" else "delivered")


def test_a_request_is_one_span_with_its_outcome(seen: Seen) -> None:
    (deleted,) = seen.roots("delete_session")

    assert deleted["attributes"]["uploads.operation"] == "delete_session"
    assert deleted["attributes"]["http.response.status_code"] == 204
    assert "error.type" not in deleted["attributes"]
    (refused,) = [span for span in seen.roots("update_session") if span["attributes"].get("error.type")]
    assert refused["attributes"]["http.response.status_code"] == 409
    assert refused["attributes"]["error.type"] == "uploadSessionIncomplete"
    assert {span["status"] for span in seen.spans} <= {"UNSET", "OK"}, "nothing failed"


def test_a_request_is_a_trace_of_its_own_or_continues_the_callers(seen: Seen) -> None:
    requests = [span for span in seen.spans if "uploads.operation" in span["attributes"]]

    (traced,) = [span for span in requests if span["name"] == "get_health"]
    assert (traced["trace"], traced["parent"]) == (TRACE, SPAN)
    others = [span for span in requests if span is not traced]
    assert {span["parent"] for span in others} == {None}
    assert len({span["trace"] for span in others}) == len(others)


def test_an_upload_has_its_stages_and_they_their_calls_to_storage(seen: Seen) -> None:
    large = max(seen.roots("upload_file"), key=lambda span: len(seen.below(span)) * 1000 + span["seconds"])
    by_name = {span["name"]: span for span in seen.below(large)}

    assert {"receive", "commit"} <= set(by_name)
    within = {span["name"]: span for span in seen.below(by_name["receive"])}
    assert {"validate", "stage"} <= set(within)
    blocks = [span["name"] for each in seen.spans if each["name"] == "stage" for span in seen.below(each)]
    assert blocks.count("PUT blob") >= 2
    committed = [span["name"] for each in seen.spans if each["name"] == "commit" for span in seen.below(each)]
    assert {"PUT blob", "POST table"} <= set(committed)
    for stage in (within["validate"], within["stage"]):
        assert 0 <= stage["attributes"]["uploads.active_seconds"] <= by_name["receive"]["seconds"]
        assert stage["seconds"] <= by_name["receive"]["seconds"] + 0.01


def test_calls_to_storage_are_one_span_each(seen: Seen) -> None:
    calls = [span for span in seen.spans if span["kind"] == "CLIENT"]

    assert len(calls) > 50
    for call in calls:
        assert call["parent"] is not None, "of a request, or of the timer"
        assert set(call["attributes"]) == {
            "http.request.method",
            "uploads.storage.service",
            "http.response.status_code",
        }
    for name in ("failures", "retries", "throttled"):
        assert seen.value(f"uploads.storage.{name}") == 0


def test_the_timer_is_one_trace_a_tick(seen: Seen) -> None:
    assert len(seen.roots("expire_sessions")) == 4


def test_nothing_of_a_request_is_in_it(seen: Seen, handed_on: Seen, secrets: list[str]) -> None:
    for span in seen.spans + handed_on.spans:
        # Of the request's own id, which leads to its line in the log.
        attributes = {name: value for name, value in span["attributes"].items() if name != "uploads.request_id"}
        for secret in secrets:
            assert secret not in f"{span['name']} {attributes} {span['events']}"
    for metric in seen.metrics + handed_on.metrics:
        assert not re.search(r"[0-9a-f]{8}-|\.csv|http://", json.dumps(metric["attributes"]))
        for secret in secrets:
            assert secret not in json.dumps(metric)


def test_requests_errors_and_bytes_are_counted(seen: Seen) -> None:
    def requests(**attributes: object) -> float:
        return seen.value("uploads.request.duration", **attributes)

    assert requests(uploads_operation="create_session", http_response_status_code=201) == 4
    assert requests(uploads_operation="list_sessions", error_type="unauthenticated") == 1
    assert requests(uploads_operation="upload_file", error_type="invalidFile") == 1
    assert requests(uploads_operation="get_health") == 1
    # At the end of a download, with all of its bytes.
    assert seen.value("uploads.request.sent", uploads_operation="get_file_value") == len(access_file(ROWS))
    received = seen.value("uploads.request.received", uploads_operation="upload_file")
    assert len(access_file(ROWS)) < received < len(access_file(ROWS)) + 20_000


def test_uploads_and_findings_are_counted(seen: Seen) -> None:
    def uploads(**attributes: object) -> float:
        return seen.value("uploads.upload.duration", **attributes)

    assert uploads(uploads_action="uploadFile", uploads_outcome="accepted") == 3
    assert uploads(uploads_action="uploadFile", uploads_outcome="refused") == 1
    assert uploads(uploads_action="validateFile", uploads_outcome="accepted") == 1
    assert uploads(uploads_outcome="failed") == 0
    assert seen.value("uploads.validation.duration") == uploads()
    assert seen.value("uploads.rows", uploads_layout="graph") == ROWS + 2 + 3
    assert seen.value("uploads.findings", uploads_finding="unknownPrincipalType") == 2
    assert seen.value("uploads.refusals", uploads_reason="invalid") == 1


def test_the_life_of_sessions_is_counted(seen: Seen) -> None:
    assert seen.value("uploads.sessions.created") == 4
    assert seen.value("uploads.sessions.completed") == 1
    assert seen.value("uploads.sessions.expired", uploads_with_files=True) == 1
    assert seen.value("uploads.sessions.expired", uploads_with_files=False) == 1
    (left,) = [metric for metric in seen.metrics if metric["name"] == "uploads.session.time_left"]
    assert 0.9 * 2 * HOUR < left["sum"] <= 2 * HOUR


def test_a_session_with_files_is_reported_once_before_it_expires(seen: Seen) -> None:
    assert seen.value("uploads.sessions.expiring") == 1
    assert seen.value("uploads.timer.sessions", uploads_outcome="expiring") == 1
    assert seen.value("uploads.timer.sessions", uploads_outcome="expired") == 2


def test_the_timer_reports_itself(seen: Seen) -> None:
    assert seen.value("uploads.timer.ticks") == 4
    assert seen.value("uploads.timer.backlog") == 0
    (age,) = [metric for metric in seen.metrics if metric["name"] == "uploads.timer.backlog.age"]
    assert 0 < age["value"] < HOUR


def test_calls_to_targets_are_one_span_each(handed_on: Seen) -> None:
    calls = [span for span in handed_on.spans if "uploads.delivery.target" in span["attributes"]]

    assert {"GET graph", "OPTIONS events", "POST events"} <= {span["name"] for span in calls}
    known = {"http.request.method", "uploads.delivery.target", "http.response.status_code"}
    assert {frozenset(span["attributes"]) for span in calls} == {frozenset(known)}
    assert all(span["parent"] is not None and span["kind"] == "CLIENT" for span in calls)
    failed = {span["attributes"]["http.response.status_code"] for span in calls if span["status"] == "ERROR"}
    assert failed == {400, 503}
    services = {span["attributes"].get("uploads.storage.service") for span in handed_on.spans}
    assert services == {"table", "blob", "queue", None}


def test_deliveries_are_counted_and_the_timer_tells_how_long_the_oldest_waits(handed_on: Seen) -> None:
    def deliveries(target: str, state: str) -> float:
        return handed_on.value("uploads.deliveries", uploads_delivery_target=target, uploads_delivery_state=state)

    assert deliveries("graph", "failed") == 1
    assert deliveries("graph", "pending") >= 1
    assert deliveries("events", "delivered") >= 2
    (age,) = [metric for metric in handed_on.metrics if metric["name"] == "uploads.deliveries.age"]
    assert HOUR <= age["value"] < 1.1 * HOUR


def test_a_tick_sends_its_metrics_although_its_instance_may_go_at_once(storage: Storage, tmp_path: Path) -> None:
    """Not with the next export, which comes ten seconds after the start here, and a minute after it in Azure."""
    log = tmp_path / "log"
    with running_service(storage.connection_string, log, ("--telemetry",), name_prefix="sent") as url:
        fire_timer(url)
        assert '"uploads.timer.ticks"' in log.read_text()


# What the documentation says


def documented(kind: str) -> set[str]:
    """The first column of a table of docs/operate.md, by the heading of that column."""
    text = (ROOT / "docs" / "operate.md").read_text()
    (table,) = re.findall(rf"^\| {kind} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_metric_is_documented_and_every_documented_one_exists(seen: Seen, handed_on: Seen) -> None:
    declared = set(re.findall(r'"(uploads\.[\w.]+)"', (ROOT / "shared/telemetry/instruments.py").read_text()))
    attributes = {name for metric in seen.metrics + handed_on.metrics for name in metric["attributes"]}
    declared -= attributes

    assert documented("metric") == declared
    troubles = {f"uploads.storage.{name}" for name in ("failures", "retries", "throttled")}
    assert seen.names | handed_on.names | troubles == declared
    text = (ROOT / "docs" / "operate.md").read_text()
    assert [name for name in sorted(attributes) if f"`{name}`" not in text] == []


def test_every_kind_of_span_is_documented(seen: Seen) -> None:
    requests = {span["id"] for span in seen.spans if span["kind"] == "INTERNAL" and span["parent"] in (None, SPAN)}
    ours = {span["name"] for span in seen.spans if span["kind"] == "INTERNAL" and span["id"] not in requests}

    assert ours == documented("span of an upload")


# Storage that is throttled


@contextmanager
def throttling(endpoint: str, times: int) -> Iterator[str]:
    """Table Storage behind a proxy that answers the first point reads of a session with 503."""
    left = [times]

    class Proxy(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == "GET" and "(" in self.path and "session" in self.path and left[0]:
                left[0] -= 1
                self.send_response(503)
                self.send_header("x-ms-error-code", "ServerBusy")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            answer = httpx.request(
                self.command, endpoint + self.path, content=body, headers=dict(self.headers.items()), timeout=60
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_MERGE = pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_throttling_and_repeated_calls_are_counted(storage: Storage, tmp_path: Path) -> None:
    parts = dict(part.split("=", 1) for part in storage.connection_string.rstrip(";").split(";"))
    tables = httpx.URL(parts["TableEndpoint"])
    with throttling(f"http://{tables.netloc.decode()}", 2) as proxy:
        parts["TableEndpoint"] = f"{proxy}{tables.path}"
        connection = ";".join(f"{name}={value}" for name, value in parts.items()) + ";"
        with observed(connection, tmp_path) as (url, _, results), http_client(url) as http:
            Resource(http).new_session().read()

    (seen,) = results
    assert seen.value("uploads.storage.throttled", uploads_storage_service="table") == 2
    assert seen.value("uploads.storage.retries", uploads_storage_service="table") == 2
    assert seen.value("uploads.storage.failures", http_response_status_code=503) == 2
    failed = [span for span in seen.spans if span["attributes"].get("http.response.status_code") == 503]
    assert [span["status"] for span in failed] == ["ERROR", "ERROR"]
