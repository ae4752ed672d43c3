"""What is stored, counted, logged, recorded and told of a delivery is one and the same, and stays true."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.core.errors import GraphError
from shared.domain.deliveries import Target
from shared.domain.sessions import Session, SessionKey, StoredFile
from shared.services.deliveries import attempts, targets
from shared.services.sessions import outbox
from tests.client.graph_stand_in import GraphStandIn
from tests.deliveries.cases import Places, check_storage
from tests.deliveries.here import Here, running_here
from tests.deliveries.receiver import received
from tests.deliveries.test_away import away, back, records
from tests.deliveries.test_moments import another_clock
from tests.support.invariants import Storage

HOUR = timedelta(hours=1)


async def delivered_before(here: Here) -> SessionKey:
    """A session that was delivered."""
    await here.complete(key := await here.active())
    await here.settle()
    assert await here.state(key) == "delivered"
    return key


async def test_what_was_delivered_stays_delivered_when_it_cannot_be_compared_again(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_here(places.storage, **(places.options | {"delivery_seconds": 600})) as here:
        key = await delivered_before(here)
        told = received(places.http, places.events, key.session_id)
        away(here, "/identityGovernance/")
        await here.redeliver(key)
        await here.settle()
        delivery = await here.of(key)
        assert delivery is not None
        assert (delivery.state, "could not be reached" in (delivery.last_error or "")) == ("delivered", True)
        assert [record["Outcome"] for record in records(here, "deliverSession")] == ["success"]
        assert received(places.http, places.events, key.session_id) == told
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        back(here)
        await here.redeliver(key)
        await here.settle()
        delivery = await here.of(key)
        assert delivery is not None
        assert (delivery.state, delivery.last_error) == ("delivered", None)
        check_storage(here, key)


async def test_a_session_whose_files_were_removed_is_not_delivered_again(places: Places) -> None:
    async with running_here(places.storage, **places.options, retention_seconds=3 * 3600) as here:
        here.expires = True
        key = await delivered_before(here)
        await here.pass_time(4 * HOUR)
        with pytest.raises(GraphError, match="removed"):
            await here.redeliver(key)
        assert await here.state(key) == "delivered"


async def test_events_that_were_given_up_and_then_sent_are_recorded_as_sent(places: Places) -> None:
    options: dict[str, Any] = places.options | {"delivery_seconds": 3600}
    options.pop("forward_url")
    async with running_here(places.storage, **options) as here:
        key = await here.active()
        away(here, "/events")
        await here.complete(key)
        await here.pass_time(2 * HOUR)
        back(here)
        for _ in range(2):
            await here.redeliver(key, Target.EVENTS)
            await here.settle()
        assert [record["Outcome"] for record in records(here, "deliverSession")] == ["refused", "success"]


async def test_what_is_not_stored_is_neither_counted_nor_logged_as_given_up(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(attempts, "count_delivery", lambda _target, state: counted.append(state))
    async with running_here(storage.connection_string, forward_url=graph.url, forward_layouts="early") as here:
        key = await here.active()
        await here.complete(key)

        async def meanwhile(_context: Any, claim: Any) -> None:
            await here.redeliver(key)
            monkeypatch.setattr(attempts, "forward_session", forward)
            await forward(_context, claim)

        forward = targets.forward_session
        monkeypatch.setattr(attempts, "forward_session", meanwhile)
        await here.deliver(key)
        assert (counted, await here.state(key)) == ([], "pending")
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        await here.settle()
        assert (counted, await here.state(key)) == (["failed"], "failed")
        assert [record["Outcome"] for record in records(here, "deliverSession")] == ["refused"]


async def test_a_session_that_its_caller_completes_without_files_is_no_failure(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_here(places.storage, **places.options) as here:
        key = await here.empty()
        await here.complete(key, allow_incomplete=True)
        await here.settle()
        assert await here.of(key) is None
        assert received(places.http, places.events, key.session_id) == ["completed"]
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        with pytest.raises(GraphError, match="no delivery"):
            await here.redeliver(key)


async def test_no_warning_of_the_expiry_follows_the_completion(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {name: value for name, value in places.options.items() if name != "forward_url"}
    async with running_here(places.storage, **options) as here:
        here.expires = True
        key = await here.active()
        here.clock.move(minutes=95)
        read = type(here.store.sessions).session
        calls: list[Callable[[], Awaitable[None]]] = [lambda: here.complete(key)]

        async def between(self: Any, wanted: SessionKey) -> Any:
            found = await read(self, wanted)
            if calls:
                await calls.pop()()
            return found

        monkeypatch.setattr(type(here.store.sessions), "session", between)
        await here.tick()
        assert calls == []
        await here.settle()
        assert received(places.http, places.events, key.session_id) == ["completed"]


@pytest.mark.parametrize("ahead", [2, 60])
async def test_events_keep_their_order_although_clocks_differ(
    places: Places, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    async with running_here(places.storage, **places.options) as here:
        completion_data = outbox.completion_data

        def slowly(session: Session, files: Sequence[StoredFile]) -> dict[str, str | int | None]:
            here.clock.move(seconds=0.1)
            return completion_data(session, files)

        monkeypatch.setattr(outbox, "completion_data", slowly)
        key = await here.active()
        away(here, "/events")
        with another_clock(here, ahead):
            await here.complete(key)
        await here.deliver(key)
        assert await here.state(key) == "delivered"
        back(here)
        await here.settle()
        assert received(places.http, places.events, key.session_id) == ["completed", "delivered"]
