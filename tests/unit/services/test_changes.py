"""Changes: repeated until they are made; and calls at the same time, if some fail."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from shared.core.errors import GraphError
from shared.core.settings import Settings
from shared.domain.audit import SERVICE, Activity, AuditRecord, new_record
from shared.domain.callers import GrantKey
from shared.domain.lifecycle import session_not_found
from shared.domain.sessions import ResourceKey, SessionKey
from shared.services import changes
from shared.services.changes import change, gather_all
from shared.services.context import Context
from shared.storage.account import Storage
from shared.storage.audit_log import ConcurrentChangeError


class Held:
    """Something large that a failed call has held."""


async def _gives(value: str, *, after: int = 0) -> str:
    for _ in range(after):
        await asyncio.sleep(0)
    return value


async def _fails(reason: str, *, after: int = 0) -> str:
    raise ValueError(await _gives(reason, after=after))


async def test_the_results_are_in_the_order_of_the_calls() -> None:
    assert await gather_all(_gives("a", after=3), _gives("b"), _gives("c", after=1)) == ("a", "b", "c")


async def test_all_calls_end_before_an_error_is_raised() -> None:
    ended = []

    async def late() -> None:
        await _gives("late", after=5)
        ended.append("late")

    with pytest.raises(ValueError, match="at once"):
        await gather_all(_fails("at once"), late())

    assert ended == ["late"]


async def test_of_several_errors_the_one_of_the_first_argument_is_raised() -> None:
    with pytest.raises(ValueError, match="first"):
        await gather_all(_fails("first", after=5), _fails("second"))


async def test_nothing_that_a_failed_call_held_waits_for_the_garbage_collector() -> None:
    held: list[weakref.ref[Held]] = []

    async def holds() -> None:
        large = Held()
        held.append(weakref.ref(large))
        await _fails("reason")

    gc.disable()
    try:
        with pytest.raises(ValueError, match="reason") as caught:
            await gather_all(holds(), _gives("b"))
        del caught
        await asyncio.sleep(0)
        assert held[0]() is None
    finally:
        gc.enable()


class Log:
    """A stand-in for the audit, which has what was written."""

    def __init__(self) -> None:
        self.written: list[AuditRecord] = []

    async def has(self, record: AuditRecord) -> bool:
        return record in self.written


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(changes, "_PAUSE_SECONDS", 0)
    return Log()


def _context(log: Log) -> Context:
    return Context(cast(Storage, SimpleNamespace(audit=log)), Settings())


def _record() -> AuditRecord:
    return new_record(Activity.DELETE_GRANT, GrantKey(str(uuid4()), None, str(uuid4())), SERVICE)


async def test_a_change_that_loses_a_race_is_attempted_again(log: Log) -> None:
    attempts: list[AuditRecord] = []

    async def attempt() -> str:
        attempts.append(_record())
        if len(attempts) < 3:
            raise ConcurrentChangeError(attempts[-1])
        return "made"

    assert await change(_context(log), attempt) == "made"
    assert len(attempts) == 3


async def test_a_change_whose_answer_was_lost_is_not_made_again(log: Log) -> None:
    async def attempt() -> str:
        log.written.append(_record())
        raise ConcurrentChangeError(log.written[-1])

    assert await change(_context(log), attempt) is None
    assert len(log.written) == 1


async def test_a_conflict_of_a_write_without_a_record_is_a_lost_race(log: Log) -> None:
    conflicts = [ConcurrentChangeError()]

    async def attempt() -> str:
        if conflicts:
            raise conflicts.pop()
        return "made"

    assert await change(_context(log), attempt) == "made"


async def test_a_change_that_loses_every_race_is_given_up(log: Log) -> None:
    async def attempt() -> None:
        raise ConcurrentChangeError(_record())

    with pytest.raises(GraphError) as caught:
        await change(_context(log), attempt)

    assert (caught.value.problem.status, caught.value.headers) == (503, {"Retry-After": "1"})


async def test_an_attempt_that_says_why_not_is_the_last(log: Log) -> None:
    attempts = []

    async def attempt() -> None:
        attempts.append("attempt")
        raise session_not_found(SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4())))

    with pytest.raises(GraphError) as caught:
        await change(_context(log), attempt)

    assert caught.value.problem.status == 404
    assert len(attempts) == 1
