"""The health of storage: asked seldom, by one caller for all, and believed for a few seconds only."""

import asyncio

import pytest
from azure.core.exceptions import AzureError, HttpResponseError

from shared.services import health
from shared.services.health import KEEP_SECONDS, Health


class Storage:
    """A stand-in for the two calls: counts how often it was asked; fails, or never answers, when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: AzureError | None = None
        self.stuck = False
        self.now = 0.0

    async def ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(3600 if self.stuck else 0)
        if self.fault is not None:
            raise self.fault

    def clock(self) -> float:
        return self.now


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def checked(storage: Storage) -> Health:
    return Health(storage.ask, storage.clock)


async def test_many_callers_at_once_are_one_question(storage: Storage, checked: Health) -> None:
    await asyncio.gather(*(checked.check() for _ in range(100)))

    assert storage.asked == 1


async def test_an_answer_is_believed_for_a_few_seconds(storage: Storage, checked: Health) -> None:
    await checked.check()
    storage.fault = HttpResponseError("down")
    storage.now = KEEP_SECONDS - 0.1
    await checked.check()
    assert storage.asked == 1

    storage.now = KEEP_SECONDS
    for _ in range(3):
        with pytest.raises(HttpResponseError):
            await checked.check()
    assert storage.asked == 2

    storage.fault = None
    storage.now = 2 * KEEP_SECONDS
    await checked.check()
    assert storage.asked == 3


async def test_storage_that_never_answers_is_not_waited_for(
    storage: Storage, checked: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.01)
    storage.stuck = True

    async with asyncio.timeout(5):
        with pytest.raises(AzureError):
            await checked.check()
