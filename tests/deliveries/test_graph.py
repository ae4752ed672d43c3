"""What only Microsoft Graph does: its errors and limits, which another instance of this service does not have."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from shared.core import ids
from shared.domain.deliveries import LONGEST_PAUSE, URGENT_PAUSE, Delivery, DeliveryState
from shared.domain.sessions import SessionKey
from tests.client.graph_stand_in import GraphStandIn, Stored
from tests.deliveries.cases import Places
from tests.deliveries.here import Here, running_here
from tests.deliveries.http_faults import HttpFault, HttpPlan
from tests.support.access_files import access_file
from tests.support.client import V1, Resource
from tests.support.invariants import Storage

CONTENTS = {"a.csv": access_file(), "b.csv": access_file(2)}


def at_call(here: Here, part: str, number: int, do: Callable[[], None]) -> None:
    """Do something right before a call, counted from 1 among those that contain ``part``."""
    seen = 0

    async def before(call: str) -> None:
        nonlocal seen
        seen += part in call
        if seen == number and part in call:
            do()

    here.http.before = before


def the_only(graph: GraphStandIn) -> Stored:
    (session,) = graph.sessions.values()
    return session


def contents(graph: GraphStandIn, status: str = "complete") -> list[dict[str, bytes]]:
    """The files of each session with a status."""
    return [
        {name: content for _, name, content in session.files}
        for session in graph.sessions.values()
        if session.status == status
    ]


async def delivery(here: Here, key: SessionKey) -> Delivery:
    found = await here.of(key)
    assert found is not None
    return found


async def forwarded(here: Here) -> SessionKey:
    """A session that was completed, and one attempt at its delivery."""
    key = await here.active(CONTENTS)
    await here.complete(key)
    message = here.take()
    assert message is not None
    await here.handle(message)
    return key


async def test_graph_is_asked_for_nothing_that_it_does_not_have(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        await forwarded(here)
    assert contents(graph) == [CONTENTS]
    assert [method for method, _, _ in graph.requests] == ["GET", "POST", "POST", "POST", "GET", "PATCH", "GET"]
    for _, path, headers in graph.requests:
        assert not {"If-Match", "Content-Encoding", "Prefer"} & set(headers)
        assert re.search(r"/uploadSessions(?:/[0-9a-f-]{36}(?:/uploadFile)?)?$", path)


async def test_a_session_that_somebody_creates_at_the_same_moment_is_used(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active(CONTENTS, reference=(reference := str(uuid4())))
        at_call(here, "POST", 1, lambda: graph.sessions.update(other=Stored("other", reference)))
        await here.complete(key)
        await here.handle_due()
        assert await here.state(key) == "delivered"
        assert (await delivery(here, key)).target_id == "other"
    assert contents(graph) == [CONTENTS]
    assert len(graph.sessions) == 1


async def test_what_graph_gives_in_pages_is_read_to_the_end(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active(CONTENTS, reference=(reference := str(uuid4())))
        for number in range(2):
            graph.sessions[str(number)] = Stored(str(number), reference, "expired")
        sent = [(str(uuid4()), name, content) for name, content in CONTENTS.items()]
        graph.sessions["active"] = Stored("active", reference, files=sent)
        graph.page_size = 1
        await here.complete(key)
        await here.handle_due()
        assert await here.state(key) == "delivered"
    assert contents(graph) == [CONTENTS]
    assert len(graph.sessions) == 3
    assert not [path for method, path, _ in graph.requests if path.endswith("/uploadFile")]


@pytest.mark.parametrize("link", ["http://127.0.0.1:9/v1.0/next", "same page"])
async def test_a_page_elsewhere_or_without_end_is_not_asked_for(
    storage: Storage, graph: GraphStandIn, link: str
) -> None:
    sessions = f"{graph.url}/identityGovernance/entitlementManagement/catalogs/{{0}}/resources/{{1}}/uploadSessions"
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active(CONTENTS)
        same = sessions.format(key.resource.catalog_id, key.resource.resource_id)
        graph.next_link = same if link == "same page" else link
        await here.complete(key)
        await here.handle_due()
        waiting = await delivery(here, key)
    assert waiting.state is DeliveryState.PENDING
    assert ("too long" if link == "same page" else "another host") in (waiting.last_error or "")
    assert graph.sessions == {}


async def test_a_session_without_files_is_not_forwarded(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.empty()
        await here.complete(key, allow_incomplete=True)
        await here.handle_due()
        failed = await delivery(here, key)
    assert failed.state is DeliveryState.FAILED
    assert "without any file" in (failed.last_error or "")
    assert graph.sessions == {}


@pytest.mark.parametrize("status", [409, 400])
async def test_a_session_that_expires_in_the_middle_is_begun_anew(
    storage: Storage, graph: GraphStandIn, status: int
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:

        def expire() -> None:
            the_only(graph).status = "expired"
            if status == 400:
                here.http.plan = HttpPlan(HttpFault.BAD_REQUEST, 0)

        at_call(here, "/uploadFile", 2, expire)
        key = await forwarded(here)
        here.http.before = here.http.plan = None
        assert await here.state(key) == "pending"
        await here.settle()
        assert await here.state(key) == "delivered"
    assert contents(graph) == [CONTENTS]
    assert len(contents(graph, "expired")) == 1


async def test_a_session_that_another_attempt_has_completed_is_delivered(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        at_call(here, "PATCH", 1, lambda: setattr(the_only(graph), "status", "complete"))
        key = await forwarded(here)
        assert await here.state(key) == "delivered"
    assert contents(graph) == [CONTENTS]


async def test_a_session_that_somebody_has_completed_with_less_is_told(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        at_call(here, "/uploadFile", 2, lambda: setattr(the_only(graph), "status", "complete"))
        key = await forwarded(here)
        await here.settle()
        failed = await delivery(here, key)
        assert failed.state is DeliveryState.FAILED
        assert "completed by somebody else" in (failed.last_error or "")
    assert len(graph.sessions) == 1


async def test_a_file_that_graph_has_counted_twice_is_never_sealed(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:

        def twice() -> None:
            the_only(graph).files.append((str(uuid4()), "a.csv", CONTENTS["a.csv"]))

        at_call(here, "/uploadFile", 1, twice)
        key = await forwarded(here)
        here.http.before = None
        await here.pass_time(timedelta(minutes=10))
        waiting = await delivery(here, key)
        assert (waiting.state, contents(graph)) == (DeliveryState.PENDING, [])
        assert "counts 3 files" in (waiting.last_error or "")
        the_only(graph).status = "expired"
        await here.settle()
        assert await here.state(key) == "delivered"
    assert contents(graph) == [CONTENTS]


async def test_a_file_with_other_content_of_the_same_size_is_never_sealed(places: Places) -> None:
    options: dict[str, Any] = {"forward_url": places.options["forward_url"]}
    async with running_here(places.storage, **options) as here:
        key = await here.active(CONTENTS, reference=(reference := str(uuid4())))
        theirs = Resource(places.http, V1, key.resource.catalog_id, key.resource.resource_id)
        session = theirs.new_session(reference)
        session.uploaded("a.csv", access_file())
        await here.complete(key)
        await here.settle()
        assert "somebody else uploaded it" in ((await delivery(here, key)).last_error or "")
        assert session.read()["status"] == "active"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (HttpFault.UNAUTHORIZED, "UPLOADS_FORWARD_SCOPE"),
        (HttpFault.FORBIDDEN, "EntitlementManagement.ReadWrite.All"),
        (HttpFault.NOT_FOUND, "property upstream"),
        (HttpFault.THROTTLED, "busy"),
        (HttpFault.REDIRECT, "UPLOADS_FORWARD_URL"),
        (HttpFault.OTHER_JSON, "not that of an upload session"),
    ],
)
async def test_an_error_is_told_in_words_that_help(
    storage: Storage, graph: GraphStandIn, fault: HttpFault, words: str
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        here.http.plan = HttpPlan(fault, 0)
        key = await forwarded(here)
        here.http.plan = None
        assert words in ((await delivery(here, key)).last_error or "")


async def test_graph_says_when_to_come_back(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        here.http.plan = HttpPlan(HttpFault.THROTTLED, 3)
        began = ids.utc_now()
        key = await forwarded(here)
        assert (await delivery(here, key)).next_attempt >= began + timedelta(seconds=7)


@pytest.mark.parametrize(("minutes_left", "longest"), [(20, URGENT_PAUSE), (110, LONGEST_PAUSE)])
async def test_attempts_are_frequent_while_the_window_is_about_to_close(
    storage: Storage, graph: GraphStandIn, minutes_left: int, longest: timedelta
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url, delivery_seconds=10 * 86400) as here:
        key = await here.active(CONTENTS, reference=(reference := str(uuid4())))
        created = ids.utc_now() - timedelta(hours=2) + timedelta(minutes=minutes_left)
        graph.sessions["soon"] = Stored("soon", reference, created=ids.format_instant(created))

        async def before(call: str) -> None:
            if "/uploadFile" in call:
                raise aiohttp.ClientConnectionError("away")

        here.http.before = before
        await here.complete(key)
        # As if time stood still: only the number of attempts grows.
        for _ in range(12):
            await here.deliver(key)
            waiting = await delivery(here, key)
            assert waiting.next_attempt - ids.utc_now() <= longest
            await here.store.deliveries.update(waiting._replace(next_attempt=ids.utc_now()))
        assert waiting.next_attempt - ids.utc_now() > longest - timedelta(seconds=5)
        assert ("expires at" in (waiting.last_error or "")) == (longest == URGENT_PAUSE)
