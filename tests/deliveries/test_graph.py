"""What only Microsoft Graph does: its errors and limits, which another instance of this service does not have."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.core import ids
from shared.domain.deliveries import Delivery, DeliveryState, Target
from shared.domain.etags import Conditions
from shared.domain.sessions import SessionKey
from shared.services.sessions.completing import complete_session
from tests.client.graph_stand_in import GraphStandIn, Stored
from tests.deliveries.cases import Places
from tests.deliveries.here import Here, running_here
from tests.deliveries.http_faults import HttpFault, HttpPlan
from tests.support.access_files import access_file
from tests.support.client import V1, Resource
from tests.support.invariants import Storage
from tests.support.service import running_service

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
        assert await here.of(key) is None
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
        assert "counts 2 files" in (waiting.last_error or "")
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


# Two files of the same size.
ALIKE = {"a.csv": access_file(), "b.csv": access_file().replace(b"0", b"1")}


async def test_a_session_that_was_completed_with_one_file_twice_is_not_taken_for_ours(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active(ALIKE, reference=(reference := str(uuid4())))
        twice = [(str(uuid4()), "a.csv", ALIKE["a.csv"]) for _ in range(2)]
        graph.sessions["theirs"] = Stored("theirs", reference, "complete", files=twice)
        await here.complete(key)
        await here.settle()
        assert "completed by somebody else" in ((await delivery(here, key)).last_error or "")


async def test_a_session_with_one_file_twice_in_place_of_another_is_never_sealed(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:

        def mistake() -> None:
            here.http.before = None
            files = the_only(graph).files
            files[1] = (files[1][0], *files[0][1:])

        # The read before PATCH.
        at_call(here, "expand", 1, mistake)
        key = await here.active(ALIKE)
        await here.complete(key)
        await here.handle_due()
        assert the_only(graph).status == "active"
        assert await here.state(key) == "pending"
        await here.settle()
        assert contents(graph) == [ALIKE]


async def test_a_target_that_does_not_show_yet_what_it_has_accepted_is_not_sent_it_again(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        at_call(here, "/uploadFile", 1, lambda: setattr(graph, "lags", True))
        await forwarded(here)
        await here.pass_time(timedelta(seconds=50))
        graph.lags = False
        await here.settle()
    assert contents(graph) == [CONTENTS]
    assert len([path for _, path, _ in graph.requests if path.endswith("/uploadFile")]) == len(CONTENTS)


async def test_the_session_of_another_review_instance_is_left_alone(storage: Storage, graph: GraphStandIn) -> None:
    graph.ignores_filter = True
    graph.sessions["other"] = Stored("other", str(uuid4()))
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await forwarded(here)
        assert await here.state(key) == "delivered"
    assert (graph.sessions["other"].status, graph.sessions["other"].files) == ("active", [])
    assert contents(graph) == [CONTENTS]


async def test_a_complete_session_is_preferred_to_an_active_one(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active(CONTENTS, reference=(reference := str(uuid4())))
        graph.sessions["active"] = Stored("active", reference)
        sent = [(str(uuid4()), name, content) for name, content in CONTENTS.items()]
        graph.sessions["complete"] = Stored("complete", reference, "complete", files=sent)
        await here.complete(key)
        await here.handle_due()
        found = await delivery(here, key)
    assert (found.state, found.target_id) == (DeliveryState.DELIVERED, "complete")
    assert graph.sessions["active"].files == []


async def test_a_conflict_without_a_session_is_no_session(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        here.http.plan = HttpPlan(HttpFault.CONFLICT, 1)
        key = await forwarded(here)
        assert "409 nameAlreadyExists" in ((await delivery(here, key)).last_error or "")
        await here.settle()
    assert contents(graph) == [CONTENTS]


async def test_a_search_that_is_not_understood_is_told_as_one_and_tried_again(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        here.http.plan = HttpPlan(HttpFault.BAD_REQUEST, 0)
        key = await forwarded(here)
        waiting = await delivery(here, key)
        assert waiting.state is DeliveryState.PENDING
        assert "does not understand a query" in (waiting.last_error or "")
        assert "UPLOADS_FORWARD_URL" in (waiting.last_error or "")
        await here.settle()
    assert contents(graph) == [CONTENTS]


@pytest.mark.parametrize("allow_change", [True, False])
async def test_allow_change_is_handed_on_to_another_instance(storage: Storage, *, allow_change: bool) -> None:
    limits: dict[str, Any] = {"max_shrink_percent": 50, "max_growth_percent": 300}
    account = storage.connection_string
    with running_service(account, name_prefix=f"limited{allow_change}".lower(), **limits) as upstream:
        own = limits if allow_change else {}
        async with running_here(account, forward_url=f"{upstream}/v1.0", **own) as here:
            first = await here.active({"a.csv": access_file(100)})
            await here.complete(first)
            await here.settle()
            key = await here.active({"a.csv": access_file(10)}, resource=first.resource)
            await complete_session(here.context, key, Conditions(), allow_incomplete=False, allow_change=allow_change)
            await here.settle()
            found = await delivery(here, key)
    if allow_change:
        assert (found.state, found.last_error) == (DeliveryState.DELIVERED, None)
    else:
        assert (found.state, found.attempts) == (DeliveryState.FAILED, 1)
        assert "has 10 rows, and the last complete one of this resource had 100" in (found.last_error or "")


async def test_a_slow_target_does_not_hold_up_the_other(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.services.deliveries.turns.PLACES", 1)
    async with running_here(places.storage, **places.options) as here:
        slow, other = await here.active(), await here.active()
        await here.complete(slow)
        await here.complete(other)
        here.messages.clear()
        stalled, goes_on = asyncio.Event(), asyncio.Event()

        async def stall(call: str) -> None:
            if "/uploadFile" in call:
                stalled.set()
                await goes_on.wait()

        here.http.before = stall
        attempt = asyncio.create_task(here.deliver(slow))
        await stalled.wait()
        await asyncio.wait_for(here.deliver(other), 10)
        assert await here.state(other, Target.EVENTS) == "delivered"
        waiting = await delivery(here, other)
        assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 0)
        assert any(message.sent.key == other and message.due > ids.utc_now() for message in here.messages)
        goes_on.set()
        await attempt
        await here.settle()
        assert [await here.state(key) for key in (slow, other)] == ["delivered", "delivered"]
