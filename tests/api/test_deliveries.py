"""Complete sessions handed on: forwarded to another instance, which stands for Microsoft Graph, and told as events."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.azurite import azurite
from tests.docs.documents import documented_events
from tests.support.access_files import access_file, faulty_access_file, layouts
from tests.support.client import Resource, Session, assert_error, http_client, multipart, part
from tests.support.clocked import Clock
from tests.support.invariants import Storage
from tests.support.served import served
from tests.support.service import eventually, fire_timer, running_service

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef" * 2).decode()


@dataclass
class Receiver:
    """A webhook that keeps what it gets, and answers as a test says."""

    events: list[dict[str, Any]] = field(default_factory=list)
    handshakes: int = 0
    statuses: list[int] = field(default_factory=list)

    def of(self, session: Session) -> list[str]:
        """The types of a session's events, in the order in which they came."""
        own = [event for event in self.events if event["data"]["sessionId"] == session.id]
        return [event["type"].removeprefix("uploads.") for event in own]

    async def take(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            self.handshakes += 1
            return Response(headers={"WebHook-Allowed-Origin": request.headers["webhook-request-origin"]})
        body = await request.body()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert request.headers["webhook-signature"] == f"v1,{digest}"
        assert request.headers["content-type"].startswith("application/cloudevents+json")
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 300:
            self.events.append(json.loads(body))
        return Response(status_code=status, headers={"Location": "https://elsewhere.example/"})


@dataclass(frozen=True)
class Pair:
    """A service that forwards, and the one that it forwards to."""

    here: httpx.Client
    there: httpx.Client
    receiver: Receiver

    def resource(self) -> tuple[Resource, Resource]:
        """One resource, at both."""
        ours = Resource(self.here)
        return ours, Resource(self.there, ours.paths, ours.catalog_id, ours.resource_id)


@pytest.fixture(scope="module")
def pair(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    receiver = Receiver()
    webhook = Starlette(routes=[Route("/events", receiver.take, methods=["POST", "OPTIONS"])])
    with (
        azurite(tmp_path_factory.mktemp("upstream")) as account,
        closing(Storage(account.connection_string)),
        running_service(account.connection_string) as upstream,
        served(webhook) as address,
        running_service(
            storage.connection_string,
            forward_url=f"{upstream}/v1.0",
            forward_scope="none",
            events_url=f"{address}/events",
            events_secret=SECRET,
        ) as service,
        http_client(service) as here,
        http_client(upstream) as there,
    ):
        yield Pair(here, there, receiver)


def deliveries(session: Session) -> dict[str, dict[str, Any]]:
    """What a session says of its deliveries, by target."""
    return {each["target"]: each for each in session.read().get("@uploads.delivery", [])}


def state(session: Session, target: str = "graph") -> str | None:
    found = deliveries(session).get(target)
    return None if found is None else str(found["state"])


def test_a_complete_session_arrives_whole_and_once(pair: Pair) -> None:
    ours, theirs = pair.resource()
    session = ours.new_session()
    contents = {f"{name}.csv": access_file(5) for name in "abc"}
    for name, content in contents.items():
        session.uploaded(name, content)
    assert "@uploads.delivery" not in session.read()
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    (upstream,) = theirs.ids()
    arrived = theirs.session(upstream).read({"$expand": "files"})
    assert arrived["status"] == "complete"
    assert arrived["referenceId"] == session.read()["referenceId"]
    found = {file["name"]: theirs.session(upstream).value(file["id"]).content for file in arrived["files"]}
    assert found == contents
    assert deliveries(session)["graph"]["upstreamId"] == upstream
    assert eventually(lambda: pair.receiver.of(session) == ["session.completed", "session.delivered"])
    assert pair.receiver.handshakes >= 1


@pytest.mark.parametrize("name", [r"a \"new\" one.csv", "a %22new%22 one.csv", "Zugänge אבג.csv"])
def test_a_file_keeps_its_name(pair: Pair, name: str) -> None:
    ours, theirs = pair.resource()
    session = ours.new_session()
    assert session.post_multipart(multipart(part(access_file(), filename=name.encode()))).status_code == 200
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    (upstream,) = theirs.ids()
    assert theirs.session(upstream).file_names() == session.file_names()


def test_what_somebody_has_sent_before_is_not_sent_again(pair: Pair) -> None:
    ours, theirs = pair.resource()
    reference = str(uuid4())
    content = access_file()
    before = theirs.new_session(reference)
    before.uploaded("a.csv", content)
    session = ours.new_session(reference)
    session.uploaded("a.csv", content)
    session.uploaded("b.csv")
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    assert theirs.ids() == [before.id]
    assert sorted(before.file_names()) == ["a.csv", "b.csv"]


def test_a_foreign_file_at_the_target_is_never_sealed(pair: Pair) -> None:
    ours, theirs = pair.resource()
    reference = str(uuid4())
    before = theirs.new_session(reference)
    before.uploaded("foreign.csv")
    session = ours.new_session(reference)
    session.uploaded("a.csv")
    session.completed()
    assert eventually(lambda: state(session) == "failed")
    assert "somebody else uploaded it" in deliveries(session)["graph"]["lastError"]
    assert before.read()["status"] == "active"
    assert eventually(lambda: pair.receiver.of(session) == ["session.completed", "session.deliveryFailed"])

    # The way out that the words name: delete it there, and deliver again.
    assert before.delete().status_code == 204
    again = session.http.post(f"{session.path}/redeliver", json={"target": "graph"})
    assert again.status_code == 202, again.text
    assert eventually(lambda: state(session) == "delivered")
    (upstream,) = [each["id"] for each in theirs.sessions().json()["value"] if each["status"] == "complete"]
    assert theirs.session(upstream).file_names() == ["a.csv"]


def test_a_session_that_was_completed_there_with_less_is_told_and_left(pair: Pair) -> None:
    ours, theirs = pair.resource()
    reference = str(uuid4())
    before = theirs.new_session(reference)
    before.uploaded("a.csv")
    before.completed()
    session = ours.new_session(reference)
    session.uploaded("b.csv")
    session.completed()
    assert eventually(lambda: state(session) == "failed")
    assert "completed by somebody else" in deliveries(session)["graph"]["lastError"]
    assert theirs.ids() == [before.id]


def test_events_wait_for_their_receiver_and_keep_their_order(pair: Pair) -> None:
    ours, _ = pair.resource()
    session = ours.new_session()
    pair.receiver.statuses[:] = [503, 302]
    assert session.upload("bad.csv", faulty_access_file(2)).status_code == 400
    session.uploaded("bad.csv")
    session.completed()
    expected = ["file.refused", "session.completed", "session.delivered"]
    assert eventually(lambda: pair.receiver.of(session) == expected, seconds=40)
    refused = next(event for event in pair.receiver.events if event["data"]["sessionId"] == session.id)
    assert refused["data"]["findings"] == 1
    assert "bad.csv" not in json.dumps(refused), "an event holds no name of a file"
    assert eventually(lambda: state(session, "events") == "delivered")


def test_only_a_complete_session_with_that_target_is_delivered_again(pair: Pair, http: httpx.Client) -> None:
    ours, _ = pair.resource()
    session = ours.new_session()
    path = f"{session.path}/redeliver"
    assert_error(ours.http.post(path, json={"target": "graph"}), 404, "itemNotFound")
    assert_error(ours.http.post(path, json={"target": "elsewhere"}), 400, "invalidRequest", target="target")
    assert_error(Resource(http).session(str(uuid4())).http.post(path, json={"target": "graph"}), 404, "itemNotFound")


def test_without_targets_nothing_is_written_or_shown(resource: Resource, storage: Storage) -> None:
    session = resource.new_session()
    session.uploaded("a.csv")
    session.completed()
    assert "@uploads.delivery" not in session.read()
    rows = storage.rows(resource)
    assert not [row for row in rows if row["RowKey"].startswith(("delivery:", "event:"))]


def test_events_are_sent_again_on_request(pair: Pair) -> None:
    ours, _ = pair.resource()
    session = ours.new_session()
    session.uploaded("a.csv")
    session.completed()
    assert eventually(lambda: len(pair.receiver.of(session)) == 2)
    answer = session.http.post(f"{session.path}/redeliver", json={"target": "events"})
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert eventually(lambda: pair.receiver.of(session)[2:] == ["session.completed"])


def test_a_resource_can_have_other_ids_at_the_target(pair: Pair) -> None:
    ours, theirs = Resource(pair.here), Resource(pair.there)
    upstream = {"catalogId": theirs.catalog_id, "resourceId": theirs.resource_id}
    path = f"/v1.0/uploads/resources/{ours.catalog_id}/{ours.resource_id}"
    assert pair.here.put(path, json={"displayName": "Doors", "upstream": upstream}).status_code == 200
    assert pair.here.get(path).json()["upstream"] == upstream
    session = ours.new_session()
    session.uploaded("a.csv")
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    assert len(theirs.ids()) == 1


def test_both_layouts_that_microsoft_documents_are_forwarded_by_default(pair: Pair) -> None:
    ours, theirs = pair.resource()
    session = ours.new_session()
    for layout in ("graph", "extended"):
        session.uploaded(f"{layout}.csv", dict(layouts())[layout])
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    (upstream,) = theirs.ids()
    assert theirs.session(upstream).read()["stats"]["filesUploaded"] == 2


def test_a_layout_that_the_target_does_not_accept_is_not_forwarded(pair: Pair) -> None:
    ours, theirs = pair.resource()
    session = ours.new_session()
    session.uploaded("early.csv", dict(layouts())["early"])
    session.completed()
    assert eventually(lambda: state(session) == "failed")
    assert "layout 'early'" in deliveries(session)["graph"]["lastError"]
    assert theirs.ids() == []


def test_a_delivery_is_in_the_audit(pair: Pair) -> None:
    ours, theirs = pair.resource()
    session = ours.new_session()
    session.uploaded("a.csv")
    session.completed()
    assert eventually(lambda: state(session) == "delivered")
    filtered = f"catalogId eq '{ours.catalog_id}' and resourceId eq '{ours.resource_id}'"
    records = pair.here.get("/v1.0/uploads/audit", params={"$filter": filtered}).json()["value"]
    (record,) = [each for each in records if each["activity"] == "deliverSession"]
    assert (record["result"], record["details"]["target"], record["details"]["attempts"]) == ("success", "graph", 1)
    assert record["details"]["upstreamId"] == theirs.ids()[0]


def test_only_listed_resources_are_forwarded_if_so_configured(storage: Storage, pair: Pair) -> None:
    target = f"{str(pair.there.base_url).rstrip('/')}/v1.0"
    options: dict[str, str | int] = {
        "forward_url": target,
        "forward_scope": "none",
        "forward_resources": "listed",
        "name_prefix": "listed",
    }
    with running_service(storage.connection_string, **options) as service, http_client(service) as http:
        unlisted, listed = Resource(http), Resource(http)
        own = {"catalogId": listed.catalog_id, "resourceId": listed.resource_id}
        path = f"/v1.0/uploads/resources/{listed.catalog_id}/{listed.resource_id}"
        assert http.put(path, json={"displayName": "Doors", "upstream": own}).status_code == 200
        sessions = [each.new_session() for each in (unlisted, listed)]
        for session in sessions:
            session.uploaded("a.csv")
            session.completed()
        assert eventually(lambda: state(sessions[1]) == "delivered")
        assert state(sessions[0]) is None
        # One that was completed before its resource was listed can be delivered on request.
        path = f"/v1.0/uploads/resources/{unlisted.catalog_id}/{unlisted.resource_id}"
        own = {"catalogId": unlisted.catalog_id, "resourceId": unlisted.resource_id}
        assert http.put(path, json={"displayName": "Gates", "upstream": own}).status_code == 200
        assert http.post(f"{sessions[0].path}/redeliver", json={"target": "graph"}).status_code == 202
        assert eventually(lambda: state(sessions[0]) == "delivered")


@pytest.mark.own_host("on a clock that tests move")
def test_each_event_has_the_data_that_the_documentation_lists(pair: Pair, storage: Storage, tmp_path: Path) -> None:
    forwarded, refused = pair.resource()[0].new_session(), pair.resource()[0].new_session()
    forwarded.uploaded("a.csv")
    refused.uploaded("early.csv", dict(layouts())["early"])
    for session in (forwarded, refused):
        session.completed()
    told = Receiver()
    clock = Clock(tmp_path / "clock")
    webhook = Starlette(routes=[Route("/events", told.take, methods=["POST", "OPTIONS"])])
    with served(webhook) as address:
        settings = {"events_url": f"{address}/events", "events_secret": SECRET, "name_prefix": "clocked"}
        with (
            running_service(storage.connection_string, None, (), clock.program, **settings) as service,
            http_client(service) as http,
        ):
            waiting = Resource(http).new_session()
            waiting.uploaded("a.csv")
            waiting.upload("bad.csv", faulty_access_file(2))
            expected = ["file.refused"]
            for seconds, last in ((100 * 60, "session.expiring"), (30 * 60, "session.expired")):
                clock.move(seconds)
                fire_timer(service)
                expected.append(last)
                assert eventually(lambda: told.of(waiting) == expected), told.of(waiting)
    assert eventually(lambda: len(pair.receiver.of(forwarded) + pair.receiver.of(refused)) == 4)
    common = {"catalogId", "resourceId", "sessionId", "session"}
    found: dict[str, set[frozenset[str]]] = {}
    for sent in told.events + pair.receiver.events:
        found.setdefault(sent["type"], set()).add(frozenset(sent["data"].keys() - common))
    assert found == {event_type: {names} for event_type, names in documented_events().items()}


@pytest.fixture(scope="module")
def watchful(storage: Storage) -> Iterator[httpx.Client]:
    """A service that compares a session with the last one."""
    limits: dict[str, str | int] = {"max_shrink_percent": 50, "max_growth_percent": 300, "name_prefix": "watchful"}
    with running_service(storage.connection_string, **limits) as service, http_client(service) as http:
        yield http


@pytest.mark.parametrize(("before", "rows", "unexpected"), [(10, 5, False), (10, 4, True), (2, 8, False), (2, 9, True)])
def test_a_session_is_compared_with_the_last_complete_one(
    watchful: httpx.Client, before: int, rows: int, *, unexpected: bool
) -> None:
    resource = Resource(watchful)
    first = resource.new_session()
    first.uploaded("a.csv", access_file(before))
    first.completed()
    session = resource.new_session()
    session.uploaded("a.csv", access_file(rows))
    if not unexpected:
        session.completed()
        return
    error = assert_error(session.complete(), 409, "notAllowed", "unexpectedChange")
    assert f"{rows} rows" in error["message"]
    assert f"had {before}" in error["message"]
    inner = error["innerError"]
    assert (inner["rowCount"], inner["lastRowCount"], inner["uploadSessionId"]) == (rows, before, first.id)
    assert session.read()["status"] == "active"
    allowed = session.complete(headers={"Prefer": "allow-change"})
    assert (allowed.status_code, allowed.headers["preference-applied"]) == (200, "allow-change")
    filtered = f"catalogId eq '{resource.catalog_id}' and resourceId eq '{resource.resource_id}'"
    records = watchful.get("/v1.0/uploads/audit", params={"$filter": filtered}).json()["value"]
    (record,) = [each for each in records if each["activity"] == "completeSession" and each["sessionId"] == session.id]
    assert (record["details"]["preference"], record["details"]["lastRows"]) == ("allow-change", before)


def test_of_two_that_are_completed_at_once_the_second_is_compared_with_the_first(watchful: httpx.Client) -> None:
    # Either of them fits to the ten rows before, and neither fits to the other.
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            resource = Resource(watchful)
            first = resource.new_session()
            first.uploaded("a.csv", access_file(10))
            first.completed()
            both = [resource.new_session() for _ in range(2)]
            for session, rows in zip(both, (5, 40), strict=True):
                session.uploaded("a.csv", access_file(rows))
            answers = list(pool.map(Session.complete, both))
            assert sorted(answer.status_code for answer in answers) == [200, 409]
            assert sorted(session.read()["status"] for session in both) == ["active", "complete"]
