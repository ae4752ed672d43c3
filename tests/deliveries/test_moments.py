"""Each delivery is tried within seconds of the moment at which it may be, whoever has died, and whatever clocks say."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables import UpdateMode

from shared.core import ids
from shared.domain import deliveries
from shared.domain.deliveries import CLAIM, StoredClaim, Target
from shared.domain.sessions import SessionKey
from shared.services.deliveries.claims import Claim
from shared.storage.resource_partition.deliveries import DeliveryTable
from tests.client.graph_stand_in import GraphStandIn
from tests.deliveries.here import Here, running_here
from tests.support.invariants import Storage

SECONDS = timedelta(seconds=10)

SKEWS = pytest.mark.parametrize("ahead", [2, 60])


@contextmanager
def another_clock(here: Here, seconds: float) -> Iterator[None]:
    """What is done here is done by an instance whose clock differs."""
    here.clock.move(seconds=seconds)
    try:
        yield
    finally:
        here.clock.move(seconds=-seconds)


async def dead(here: Here, key: SessionKey) -> None:
    """A process claims the delivery, and dies."""
    delivery = await here.of(key)
    assert delivery is not None
    assert isinstance(await Claim.take(here.store.deliveries, delivery, ids.utc_now()), Claim)


async def test_a_session_that_is_asked_for_after_a_crash_is_delivered_when_the_claim_ends(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        await here.complete(key := await here.active())
        here.messages.clear()
        await dead(here, key)
        here.clock.move(seconds=7)
        await here.redeliver(key)
        await here.pass_time(CLAIM + SECONDS)
        assert await here.state(key) == "delivered"


@SKEWS
async def test_a_completion_by_a_clock_that_is_ahead_is_delivered_at_once(
    storage: Storage, graph: GraphStandIn, ahead: int
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        with another_clock(here, ahead):
            await here.complete(key)
        await here.deliver(key)
        assert await here.state(key) == "delivered"


@SKEWS
@pytest.mark.parametrize("sign", [1, -1], ids=["ahead", "behind"])
async def test_an_attempt_follows_a_failed_one_of_another_clock(
    storage: Storage, graph: GraphStandIn, ahead: int, sign: int
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        here.next_tick += timedelta(hours=1)
        with another_clock(here, sign * ahead):
            await here.complete(key)
            graph.throttled = 1
            (first,) = here.messages
            here.messages.clear()
            await here.handle(first)
            (second,) = here.messages
            pause = second.due - ids.utc_now()
        assert await here.state(key) == "pending"
        assert pause < SECONDS
        # The queue waits by its own clock.
        second.due = ids.utc_now() + pause
        await here.pass_time(SECONDS)
        assert await here.state(key) == "delivered"


@SKEWS
async def test_a_repeated_completion_wakes_what_a_dead_process_has_stored(
    storage: Storage, graph: GraphStandIn, ahead: int
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        with another_clock(here, ahead):
            await here.complete(key)
        here.messages.clear()
        await here.complete(key)
        await here.handle_due()
        assert await here.state(key) == "delivered"
        await here.complete(key)
        assert here.messages == [], "nothing waits any more"


async def test_an_attempt_ends_with_its_claim_although_storage_does_not_answer(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "HOLD", timedelta(seconds=1))
    put, claims = DeliveryTable.put_claim, list[StoredClaim]()

    async def hanging(table: DeliveryTable, claim: StoredClaim) -> StoredClaim:
        claims.append(claim)
        if len(claims) > 1:
            await asyncio.sleep(3)
            raise ServiceRequestError("no answer")
        return await put(table, claim)

    monkeypatch.setattr(DeliveryTable, "put_claim", hanging)
    ended: list[float] = []
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        await here.complete(key := await here.active())

        async def slow(call: str) -> None:
            if "/uploadFile" in call:
                began = time.monotonic()
                try:
                    await asyncio.sleep(30)
                finally:
                    ended.append(time.monotonic() - began)

        here.http.before = slow
        await here.deliver(key)
        here.http.before = None
        assert len(claims) > 1
        assert ended[0] < 2, "it goes on until storage answers"
        monkeypatch.setattr(DeliveryTable, "put_claim", put)
        await here.settle()
        assert await here.state(key) == "delivered"


@SKEWS
async def test_a_claim_keeps_an_instance_away_whose_clock_is_ahead(
    storage: Storage, graph: GraphStandIn, ahead: int
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        await here.complete(key := await here.active())
        await dead(here, key)
        # As long as the attempt may work without a renewal.
        here.clock.ahead += deliveries.HOLD - timedelta(seconds=5)
        with another_clock(here, ahead):
            await here.deliver(key)
        assert here.http.calls == []
        here.clock.ahead += CLAIM
        await here.deliver(key)
        assert await here.state(key) == "delivered"


async def test_a_claim_of_an_older_version_holds_until_it_ends(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        await here.complete(key := await here.active())
        here.messages.clear()
        (row,) = [
            row
            for row in here.account.sessions.list_entities()
            if row["RowKey"].startswith("delivery:") and key.session_id in row["RowKey"]
        ]
        old = {name: row[name] for name in row if name not in ("FailingSince", "Ended")}
        claim = {"ClaimedBy": ids.new_id(ids.utc_now()), "ClaimedUntil": ids.utc_now() + CLAIM}
        here.account.sessions.upsert_entity(old | claim, mode=UpdateMode.REPLACE)
        await here.redeliver(key)
        await here.handle_due()
        assert here.http.calls == []
        await here.pass_time(CLAIM + SECONDS)
        assert await here.state(key) == "delivered"
        (row,) = [row for row in here.account.sessions.list_entities() if row["RowKey"].startswith("delivery:")]
        assert "ClaimedUntil" not in row


async def test_a_message_of_an_older_version_is_read(storage: Storage, graph: GraphStandIn) -> None:
    from shared.storage.azure.queue import Message, message_of, message_text  # noqa: PLC0415

    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        message = Message(key)
        assert "due" not in message_text(message)
        assert message_of(message_text(message)) == message
        assert message_of(message_text(Message(key, now := ids.utc_now()))).due == now


@pytest.mark.parametrize("failing", ["the read", "the queue"])
async def test_one_session_that_storage_does_not_give_stops_no_other(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        bad, *others = [await here.active() for _ in range(4)]
        for key in (bad, *others):
            await here.complete(key)
        here.messages.clear()
        place: Any = DeliveryTable if failing == "the read" else type(here.store.queue)
        name = "deliveries" if failing == "the read" else "_send"
        real = getattr(place, name)

        async def spoiled(self: Any, key: SessionKey, *rest: Any) -> Any:
            if key == bad:
                raise ServiceRequestError("not this one")
            return await real(self, key, *rest)

        monkeypatch.setattr(place, name, spoiled)
        here.clock.move(minutes=6)
        assert await here.sweep() == 3
        await here.handle_due()
        assert [await here.state(key) for key in others] == ["delivered"] * 3
        monkeypatch.setattr(place, name, real)
        await here.settle()
        assert await here.state(bad, Target.GRAPH) == "delivered"
