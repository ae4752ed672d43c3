"""An upload goes on from what another one has stored since it began, and from nothing older."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, Snapshot, Status
from shared.services.uploads.storing import queue_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = time.monotonic()

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


def _snapshot() -> Snapshot:
    key = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
    review = Review(str(uuid4()), str(uuid4()))
    return Snapshot(Session(key, review, created=NOW, last_active=NOW, status=Status.ACTIVE), [])


def test_what_was_stored_before_a_moment_is_not_newer(clock: Clock) -> None:
    stored = _snapshot()
    queue = queue_of(stored.session.key)
    before = clock.seconds
    clock.seconds += 1
    queue.learn(stored)

    assert queue.learned_since(before) == stored
    assert queue.learned_since(clock.seconds) is None
