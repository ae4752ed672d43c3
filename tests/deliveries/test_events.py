"""Events of sessions that are not completed: refused, expiring, expired."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.core import ids
from shared.domain.etags import Conditions
from shared.domain.sessions import Refusal, SessionKey
from shared.services.uploads.refusals import remember_refusal
from tests.deliveries.cases import Places, check_storage
from tests.deliveries.here import Here, running_here
from tests.deliveries.receiver import SECRET, all_received, received
from tests.faults.transport import Fault, Plan


@pytest.fixture
async def here(places: Places) -> AsyncIterator[Here]:
    """The service, which sends events and forwards nothing."""
    options: dict[str, Any] = {"events_url": places.events, "events_secret": SECRET}
    async with running_here(places.storage, **options) as running:
        running.expires = True
        yield running


async def refuse(here: Here, key: SessionKey, name: str) -> None:
    """An upload of a file with three findings."""
    refusal = Refusal(name, ids.utc_now(), 3)
    await remember_refusal(here.context, key, refusal, Conditions(), size=10, sha256=None)


async def test_a_session_that_expires_is_told_once_before_and_once_after(here: Here, places: Places) -> None:
    key = await here.active()
    await here.pass_time(timedelta(minutes=80))
    assert received(places.http, places.events, key.session_id) == []
    await here.pass_time(timedelta(minutes=20))
    (expiring,) = all_received(places.http, places.events, key.session_id)
    assert expiring["type"] == "uploads.session.expiring"
    assert expiring["data"]["files"] == 2
    assert expiring["data"]["expirationDateTime"] > ids.format_instant(ids.utc_now() + timedelta(minutes=10))
    await here.pass_time(timedelta(hours=3))
    types = [event["type"] for event in all_received(places.http, places.events, key.session_id)]
    assert types == ["uploads.session.expiring", "uploads.session.expired"]
    check_storage(here, key)


async def test_a_session_without_files_is_told_when_it_has_expired(here: Here, places: Places) -> None:
    key = await here.active()
    empty = await here.active(resource=key.resource, files={})
    await here.pass_time(timedelta(hours=3))
    assert received(places.http, places.events, empty.session_id)[-1:] == ["expired"]


async def test_an_interrupted_tick_tells_the_same_event_again(
    here: Here, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await here.active()
    put, failures = here.store.due_expiries.put, [ServiceRequestError("now")]

    async def failing(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        await put(*arguments)

    monkeypatch.setattr(here.store.due_expiries, "put", failing)
    await here.pass_time(timedelta(minutes=105))
    events = all_received(places.http, places.events, key.session_id)
    assert len(events) >= 1
    assert len({event["id"] for event in events}) == 1
    assert failures == []


async def test_a_session_whose_reference_a_new_one_takes_is_told_as_expired(here: Here, places: Places) -> None:
    reference = ids.new_id(ids.utc_now())
    key = await here.active(reference=reference)
    here.clock.move(hours=3)
    await here.active(resource=key.resource, reference=reference)
    await here.settle()
    assert received(places.http, places.events, key.session_id) == ["expired"]
    check_storage(here, key)


async def test_a_refused_file_is_told_once_although_an_answer_was_lost(here: Here, places: Places) -> None:
    here.expires = False
    for index in range(100):
        key = await here.active()
        plan = here.calls.plan = Plan(Fault.DONE_BUT_BROKEN, index)
        await refuse(here, key, "doors.csv")
        here.calls.plan = None
        await here.handle_due()
        events = all_received(places.http, places.events, key.session_id)
        assert [event["type"] for event in events] == ["uploads.file.refused"], index
        assert "doors.csv" not in str(events)
        if not plan.hit:
            break
    assert 0 < index < 99
