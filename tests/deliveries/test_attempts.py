"""Attempts that meet each other, a change, or a service that has lost something."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError, ServiceRequestError

from shared.core import ids, optional
from shared.core.errors import GraphError
from shared.domain.deliveries import Delivery, DeliveryState, StoredClaim, Target
from shared.domain.events import EventType
from shared.domain.sessions import SessionKey
from shared.services.deliveries.claims import Claim
from shared.services.sessions import outbox
from shared.storage.resource_partition.deliveries import DeliveryTable
from shared.storage.resource_partition.rows import file_entity, file_row, partition
from tests.client.graph_stand_in import GraphStandIn
from tests.deliveries.cases import Places, check_storage, check_upstream
from tests.deliveries.here import Here, running_here
from tests.deliveries.receiver import received
from tests.faults.transport import Fault, Plan
from tests.support.access_files import access_file
from tests.support.invariants import Storage

RETENTION = timedelta(hours=3)


def complete_at(graph: GraphStandIn, key: SessionKey, here: Here) -> bool:
    """Whether the stand-in has exactly one complete session, and each of our files once."""
    complete = [session for session in graph.sessions.values() if session.status == "complete"]
    found = [sorted((name, content) for _, name, content in session.files) for session in complete]
    return found == [sorted(here.files[key].items())]


def at_first(here: Here, part: str, do: Any) -> None:
    """Do something at the first call that contains ``part``."""

    async def before(call: str) -> None:
        if part in call:
            here.http.before = None
            await do()

    here.http.before = before


async def in_hand(here: Here, key: SessionKey) -> None:
    """What another process does when a message comes."""
    await here.deliver(key)


async def tell(here: Here, key: SessionKey, findings: int) -> None:
    """Store an event, and have it sent."""
    await outbox.add(here.context, key, outbox.event(here.context, EventType.FILE_REFUSED, key, {"findings": findings}))


async def test_a_claim_is_kept_while_a_file_is_sent(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_claims(monkeypatch)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()

        async def meanwhile() -> None:
            await asyncio.sleep(5.5)
            await in_hand(here, key)

        at_first(here, "/uploadFile", meanwhile)
        await here.complete(key)
        await here.settle()
        assert complete_at(graph, key, here)


def short_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt work for three seconds without hearing from storage, and a claim end after five."""
    monkeypatch.setattr("shared.domain.deliveries.CLAIM", timedelta(seconds=5))
    monkeypatch.setattr("shared.domain.deliveries.HOLD", timedelta(seconds=3))


@pytest.mark.parametrize("disturbance", ["asked for again", "storage fails"])
async def test_a_claim_is_kept_although_something_disturbs_it(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch, disturbance: str
) -> None:
    short_claims(monkeypatch)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()

        async def meanwhile() -> None:
            if disturbance == "asked for again":
                await here.redeliver(key)
                here.messages.clear()
            else:
                here.calls.plan = Plan(Fault.NOT_SENT_ALWAYS, 0)
                await asyncio.sleep(0.3)
                here.calls.plan = None
            await asyncio.sleep(5.5)
            await in_hand(here, key)

        at_first(here, "/uploadFile", meanwhile)
        await here.complete(key)
        await here.settle()
        assert complete_at(graph, key, here)
        assert await here.state(key) == "delivered"
        uploads = [call for call in here.http.calls if "/uploadFile" in call]
        assert len(uploads) == len(here.files[key]), "two attempts have sent files at the same time"


async def test_work_that_ends_during_a_renewal_is_stored(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that did not know the ETag that the renewal has given could not let go of its claim."""
    short_claims(monkeypatch)
    renewing = asyncio.Event()
    put_claim = DeliveryTable.put_claim

    async def put_slowly(table: DeliveryTable, claim: StoredClaim) -> StoredClaim:
        stored = await put_claim(table, claim)
        if claim.etag:
            renewing.set()
            await asyncio.sleep(0.3)
        return stored

    monkeypatch.setattr(DeliveryTable, "put_claim", put_slowly)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        at_first(here, "PATCH", renewing.wait)
        await here.complete(key)
        await in_hand(here, key)
        assert complete_at(graph, key, here)
        assert await here.state(key) == "delivered"


async def test_an_attempt_that_has_lost_its_claim_stops(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_claims(monkeypatch)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()

        async def frozen() -> None:
            here.clock.move(seconds=10)
            delivery = await here.of(key)
            assert delivery is not None
            assert isinstance(await Claim.take(here.store.deliveries, delivery, ids.utc_now()), Claim)
            await asyncio.sleep(1.5)

        at_first(here, "/uploadFile", frozen)
        await here.complete(key)
        await in_hand(here, key)
        assert [session.files for session in graph.sessions.values()] == [[]], "it goes on without its claim"
        await here.settle()
        assert complete_at(graph, key, here)


async def test_a_delivery_is_asked_for_during_an_attempt(places: Places) -> None:
    async with running_here(places.storage, **places.options) as here:
        key = await here.active()

        async def ask() -> None:
            await here.redeliver(key)

        at_first(here, "PATCH", ask)
        await here.complete(key)
        await here.settle()
        assert await here.state(key) == "delivered"
        check_upstream(here, places, key)
        check_storage(here, key)


async def test_an_event_that_comes_during_an_attempt_is_sent_too(places: Places) -> None:
    async with running_here(places.storage, **places.options) as here:
        key = await here.active()

        async def refuse() -> None:
            await outbox.add(
                here.context, key, outbox.event(here.context, EventType.FILE_REFUSED, key, {"findings": 1})
            )
            here.messages.clear()

        at_first(here, "POST http://127.0.0.1", refuse)
        await tell(here, key, 2)
        await here.settle()
        assert received(places.http, places.events, key.session_id) == ["file.refused"] * 2
        assert await here.state(key, Target.EVENTS) == "delivered"


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("known", [True, False], ids=["again", "for the first time"])
async def test_asking_for_a_delivery_is_done_even_if_its_answer_was_lost(
    places: Places, target: Target, *, known: bool
) -> None:
    async with (
        running_here(places.storage) as before,
        running_here(places.storage, name_prefix=before.config.name_prefix, **places.options) as here,
    ):
        for index in range(100):
            key = await before.active()
            await (here if known else before).complete(key)
            here.messages.clear()
            plan = here.calls.plan = Plan(Fault.DONE_BUT_BROKEN, index)
            delivery = await here.redeliver(key, target)
            here.calls.plan = None
            assert delivery.state is DeliveryState.PENDING
            if not plan.hit:
                break
        assert 0 < index < 99


async def test_one_attempt_that_cannot_be_stored_does_not_leave_the_other_alone(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Claim.take
    ended: list[str] = []

    async def failing(table: DeliveryTable, delivery: Delivery, now: datetime) -> Claim | datetime:
        if delivery.target is Target.EVENTS:
            raise ServiceRequestError("not now")
        return await take(table, delivery, now)

    monkeypatch.setattr(Claim, "take", failing)
    async with running_here(places.storage, **places.options) as here:
        key = await here.active()
        await here.complete(key)

        async def busy() -> None:
            await asyncio.sleep(0.3)
            ended.append("graph")

        at_first(here, "/uploadFile", busy)
        with pytest.raises(AzureError):
            await here.deliver(key)
        assert ended, "the function ended while an attempt was in progress"
        assert await here.state(key) == "delivered"


async def test_a_session_whose_files_are_gone_is_not_forwarded(storage: Storage, graph: GraphStandIn) -> None:
    seconds = int(RETENTION.total_seconds())
    options: dict[str, Any] = {"forward_url": graph.url, "retention_seconds": seconds, "delivery_seconds": 9 * seconds}
    async with running_here(storage.connection_string, **options) as here:
        here.expires = True
        key = await here.active()
        graph.throttled = 10**6
        await here.complete(key)
        await here.pass_time(RETENTION + timedelta(hours=1))
        graph.throttled = 0
        await here.settle()
        delivery = await here.of(key)
        assert delivery is not None
        assert delivery.state is DeliveryState.FAILED
        assert "retention" in (delivery.last_error or "")
        assert [session.status for session in graph.sessions.values()] in ([], ["active"])


async def test_a_session_with_file_rows_of_an_older_backup_is_not_forwarded(
    storage: Storage, graph: GraphStandIn
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        await here.complete(key)
        table = here.context.storage.sessions._sessions
        file = (await here.context.storage.sessions.files(key))[0]
        await table.upsert(file_entity(key, file._replace(id=str(uuid4()))))
        await table.delete(partition(key.resource), file_row(key, file.id))
        await here.deliver(key)
        delivery = await here.of(key)
        assert delivery is not None
        assert delivery.state is DeliveryState.FAILED
        assert "Restore them" in (delivery.last_error or "")
        assert graph.sessions == {}


async def test_events_of_a_session_whose_files_are_gone_are_not_sent_again(places: Places) -> None:
    options: dict[str, Any] = {**places.options, "retention_seconds": int(RETENTION.total_seconds())}
    async with running_here(places.storage, **options) as here:
        here.expires = True
        key = await here.active()
        await here.complete(key)
        await here.settle()
        told = received(places.http, places.events, key.session_id)
        await here.pass_time(RETENTION + timedelta(hours=1))
        with pytest.raises(GraphError) as caught:
            await here.redeliver(key, Target.EVENTS)
        assert caught.value.problem.status == 404
        assert "removed" in caught.value.message
        await here.settle()
        assert received(places.http, places.events, key.session_id) == told


async def test_a_queue_that_does_not_answer_does_not_keep_a_request_from_its_answer(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()

        async def silent(*_: object) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(type(here.store.queue), "_send", silent)
        with patch.object(optional, "OPTIONAL_SECONDS", 0.1):
            await asyncio.wait_for(here.complete(key), 5)
        assert len(await here.index_rows()) == 1, "the timer does not come either"


async def test_the_timer_waits_for_a_queue_that_does_not_answer(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        await here.complete(key)
        here.messages.clear()
        send = type(here.store.queue)._send

        async def silent(*_: object) -> None:
            raise ServiceRequestError("the queue does not answer")

        monkeypatch.setattr(type(here.store.queue), "_send", silent)
        for _ in range(5):
            here.clock.move(minutes=6)
            assert await here.sweep() == 0
        assert len(await here.index_rows()) == 1, "each run of the timer adds a row"
        monkeypatch.setattr(type(here.store.queue), "_send", send)
        await here.settle()
        assert complete_at(graph, key, here)


async def test_a_row_of_a_newer_version_does_not_stop_the_others(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        newer, key = await here.active(), await here.active()
        for each in (newer, key):
            await here.complete(each)
        here.messages.clear()
        rows = here.account.sessions
        for row in list(rows.query_entities("RowKey ge 'delivery:' and RowKey lt 'delivery;'")):
            if newer.session_id in row["RowKey"]:
                rows.upsert_entity(dict(row) | {"FormatVersion": 99})
        await here.pass_time(timedelta(minutes=20))
        assert await here.state(key) == "delivered"


async def test_the_timer_finds_a_delivery_that_was_stored_slowly(
    storage: Storage, graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        update = type(here.store.sessions).update_session

        async def slow(*arguments: Any) -> Any:
            here.clock.move(minutes=2)
            await here.tick()
            return await update(*arguments)

        monkeypatch.setattr(type(here.store.sessions), "update_session", slow)
        await here.complete(key)
        here.messages.clear()
        await here.pass_time(timedelta(minutes=20))
        assert await here.state(key) == "delivered"


async def test_what_waits_for_a_target_that_is_not_configured_any_more_is_kept(places: Places) -> None:
    prefix = f"d{ids.new_id(ids.utc_now()).replace('-', '')[:20]}"
    only = {name: value for name, value in places.options.items() if name != "forward_url"}
    async with running_here(places.storage, name_prefix=prefix, **places.options) as here:
        key = await here.active()
        await here.complete(key)
    async with running_here(places.storage, name_prefix=prefix, **only) as without:
        await without.pass_time(timedelta(hours=3))
        assert await without.state(key) == "pending"
        ahead = without.clock.ahead
    async with running_here(places.storage, name_prefix=prefix, **places.options) as again:
        again.clock.ahead = ahead
        await again.pass_time(timedelta(days=2))
        assert await again.state(key) == "delivered"


async def test_only_a_listed_resource_is_delivered_on_request(storage: Storage, graph: GraphStandIn) -> None:
    options: dict[str, Any] = {"forward_url": graph.url, "forward_resources": "listed"}
    async with running_here(storage.connection_string, **options) as here:
        key = await here.active()
        await here.complete(key)
        with pytest.raises(Exception, match="no delivery to 'graph'"):
            await here.redeliver(key)


async def test_a_resource_that_is_not_listed_any_more_is_not_forwarded(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active()
        await here.complete(key)
        prefix = here.config.name_prefix
    listed: dict[str, Any] = {"forward_url": graph.url, "forward_resources": "listed", "name_prefix": prefix}
    async with running_here(storage.connection_string, **listed) as here:
        await here.deliver(key)
        assert await here.state(key) == "failed"
        assert graph.sessions == {}


async def test_a_blob_that_cannot_be_read_is_told_as_what_it_is(storage: Storage, graph: GraphStandIn) -> None:
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        key = await here.active({"large.csv": b"principalId," + b"x" * 9_000_000})
        await here.complete(key)
        real = here.calls._send

        async def failing(transport: Any, request: Any, **options: Any) -> Any:
            if request.method == "GET" and request.headers.get("x-ms-range", "bytes=0-").split("=")[1][:2] != "0-":
                raise ServiceRequestError("in the middle of a blob")
            return await real(transport, request, **options)

        here.calls._send = failing
        await here.deliver(key)
        here.calls._send = real
        delivery = await here.of(key)
        assert delivery is not None
        assert "own storage failed" in (delivery.last_error or "")


async def test_events_of_a_session_that_is_deleted_are_sent(places: Places) -> None:
    from shared.domain.etags import Conditions  # noqa: PLC0415
    from shared.services.sessions.ending import delete_session  # noqa: PLC0415

    async with running_here(places.storage, **places.options) as here:
        key = await here.active()
        await tell(here, key, 1)
        await delete_session(here.context, key, Conditions())
        await here.settle()
        assert received(places.http, places.events, key.session_id) == ["file.refused"]
        check_storage(here, key)


async def test_a_file_has_its_own_name_at_another_instance(places: Places) -> None:
    """Also one that looks percent-encoded, which an instance decodes where it has nothing but ``filename``."""
    names = ("Zugänge.csv", "crm%20access.csv", 'say "hi" %22.csv', "50%.csv")
    async with running_here(places.storage, **places.options) as here:
        key = await here.active({name: access_file() for name in names})
        await here.complete(key)
        await here.handle_due()
        assert await here.state(key) == "delivered"
        check_upstream(here, places, key)
