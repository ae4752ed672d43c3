"""The rules for sessions: the state at a given time, and the changes that are allowed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.core.errors import GraphError
from shared.domain.lifecycle import (
    asked_for,
    check_deletable,
    check_file_count,
    check_open,
    completed,
    expires_at,
    find_identical,
    holds_reference,
    new_session,
    status_at,
    with_change,
    with_file,
    with_refusal,
    without_entries,
)
from shared.domain.sessions import Refusal, ResourceKey, Review, Session, SessionKey, Status, StoredFile

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
IDLE = timedelta(hours=2)
MOMENT = timedelta(milliseconds=1)


def a_session(status: Status = Status.ACTIVE) -> Session:
    """A session that was created at ``BEGIN`` and has been idle since."""
    key = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
    session = new_session(key, Review(str(uuid4()), str(uuid4())), BEGIN)
    return Session(
        key=session.key,
        review=session.review,
        created=session.created,
        last_active=session.last_active,
        status=status,
        files_uploaded=session.files_uploaded,
        total_bytes=session.total_bytes,
        open_refusals=session.open_refusals,
    )


def a_file(name: str = "access.csv", sha256: str = "00", size: int = 100) -> StoredFile:
    """An accepted file."""
    return StoredFile(
        id=str(uuid4()), name=name, size=size, sha256=sha256, rows=1, layout="graph", warnings=0, uploaded=BEGIN
    )


def test_a_new_session_is_active_and_empty() -> None:
    session = a_session()

    assert session.status is Status.ACTIVE
    assert (session.files_uploaded, session.total_bytes, session.open_refusals) == (0, 0, 0)
    assert session.created == session.last_active == BEGIN


@pytest.mark.parametrize(
    ("stored", "idle_for", "status", "holds", "open_"),
    [
        (Status.ACTIVE, timedelta(0), Status.ACTIVE, True, True),
        (Status.ACTIVE, IDLE - MOMENT, Status.ACTIVE, True, True),
        (Status.ACTIVE, IDLE, Status.EXPIRED, False, False),
        (Status.ACTIVE, IDLE * 100, Status.EXPIRED, False, False),
        (Status.COMPLETE, timedelta(0), Status.COMPLETE, True, False),
        (Status.COMPLETE, IDLE * 100, Status.COMPLETE, True, False),
        (Status.EXPIRED, timedelta(0), Status.EXPIRED, False, False),
        (Status.EXPIRED, IDLE * 100, Status.EXPIRED, False, False),
        (Status.DELETED, timedelta(0), Status.DELETED, False, False),
        (Status.DELETED, IDLE * 100, Status.DELETED, False, False),
    ],
)
def test_the_state_follows_from_the_record_and_the_time(
    stored: Status, idle_for: timedelta, status: Status, holds: bool, open_: bool
) -> None:
    session, now = a_session(stored), BEGIN + idle_for

    assert status_at(session, now, IDLE) is status
    assert holds_reference(session, now, IDLE) is holds
    if open_:
        check_open(session, now, IDLE)
    else:
        with pytest.raises(GraphError):
            check_open(session, now, IDLE)


@pytest.mark.parametrize(
    ("status", "idle_for", "http", "inner"),
    [
        (Status.COMPLETE, timedelta(0), 409, "uploadSessionFailed"),
        (Status.EXPIRED, timedelta(0), 409, "uploadSessionFailed"),
        (Status.ACTIVE, IDLE, 409, "uploadSessionFailed"),
        (Status.DELETED, timedelta(0), 404, "uploadSessionNotFound"),
    ],
)
def test_a_session_that_is_not_active_says_why(status: Status, idle_for: timedelta, http: int, inner: str) -> None:
    with pytest.raises(GraphError) as raised:
        check_open(a_session(status), BEGIN + idle_for, IDLE)

    assert (raised.value.problem.status, raised.value.problem.inner_code) == (http, inner)


@pytest.mark.parametrize("status", list(Status))
def test_a_session_expires_after_its_idle_time_unless_it_is_complete(status: Status) -> None:
    assert expires_at(a_session(status), IDLE) == (None if status is Status.COMPLETE else BEGIN + IDLE)


CHANGES: dict[str, Callable[[Session, datetime], Session]] = {
    "file": lambda session, now: with_file(session, a_file(), clears_refusal=False, now=now),
    "refusal": lambda session, now: with_refusal(session, known=False, now=now),
    "known-refusal": lambda session, now: with_refusal(session, known=True, now=now),
    "another-change": with_change,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_upload_restarts_the_idle_time(change: Callable[[Session, datetime], Session]) -> None:
    later = BEGIN + timedelta(hours=1)

    assert expires_at(change(a_session(), later), IDLE) == later + IDLE


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_upload_through_an_instance_whose_clock_is_behind_shortens_the_idle_time(
    change: Callable[[Session, datetime], Session],
) -> None:
    assert expires_at(change(a_session(), BEGIN - timedelta(minutes=1)), IDLE) == BEGIN + IDLE


def test_stats_follow_the_files() -> None:
    files = [a_file("a.csv", size=100), a_file("b.csv", size=23)]
    session = a_session()

    for file in files:
        session = with_file(session, file, clears_refusal=False, now=BEGIN)
    assert (session.files_uploaded, session.total_bytes) == (2, 123)

    session = without_entries(session, files[:1])
    assert (session.files_uploaded, session.total_bytes) == (1, 23)


def test_refusals_are_counted_by_name_and_cleared_by_a_good_file() -> None:
    session = with_refusal(a_session(), known=False, now=BEGIN)
    assert session.open_refusals == 1
    session = with_refusal(session, known=True, now=BEGIN)
    assert session.open_refusals == 1
    session = with_refusal(session, known=False, now=BEGIN)
    assert session.open_refusals == 2
    session = with_file(session, a_file(), clears_refusal=True, now=BEGIN)
    assert session.open_refusals == 1
    assert without_entries(session, [Refusal("access.csv", BEGIN, 3)]).open_refusals == 0


@pytest.mark.parametrize(
    ("files", "refused", "allow_incomplete", "completes"),
    [
        (1, [], False, True),
        (0, [], False, False),
        (1, ["a.csv"], False, False),
        (0, ["a.csv"], False, False),
        (1, [], True, True),
        (0, [], True, True),
        (1, ["a.csv"], True, True),
        (0, ["a.csv"], True, True),
    ],
)
def test_the_completion_guard(files: int, refused: list[str], allow_incomplete: bool, completes: bool) -> None:
    session = a_session()
    for number in range(files):
        session = with_file(session, a_file(f"{number}.csv"), clears_refusal=False, now=BEGIN)
    refusals = [Refusal(name, BEGIN, 3) for name in refused]

    if completes:
        done = completed(session, refusals, allow_incomplete=allow_incomplete, now=BEGIN)
        assert done.status is Status.COMPLETE
        assert (done.files_uploaded, done.total_bytes) == (session.files_uploaded, session.total_bytes)
    else:
        with pytest.raises(GraphError) as raised:
            completed(session, refusals, allow_incomplete=allow_incomplete, now=BEGIN)
        assert raised.value.problem.inner_code == "uploadSessionIncomplete"
        assert [detail.target for detail in raised.value.details] == refused


@pytest.mark.parametrize(("limit", "fits"), [(3, True), (2, False), (1, False)])
def test_a_session_accepts_files_up_to_its_limit(limit: int, fits: bool) -> None:
    session = a_session()
    for number in range(2):
        session = with_file(session, a_file(f"{number}.csv"), clears_refusal=False, now=BEGIN)

    if fits:
        check_file_count(session, limit)
    else:
        with pytest.raises(GraphError) as raised:
            check_file_count(session, limit)
        assert raised.value.problem.inner_code == "maxItemCountExceeded"


def test_the_same_name_and_bytes_are_the_same_file() -> None:
    files = [a_file("a.csv", "00"), a_file("b.csv", "11")]

    assert find_identical(files, a_file("b.csv", "11")) is files[1]
    assert find_identical(files, a_file("c.csv", "11")) is None
    assert find_identical([], a_file()) is None


def test_other_bytes_under_a_taken_name_are_a_conflict() -> None:
    with pytest.raises(GraphError) as raised:
        find_identical([a_file("a.csv", "00")], a_file("a.csv", "11"))

    assert (raised.value.problem.status, raised.value.problem.code) == (409, "nameAlreadyExists")


@pytest.mark.parametrize(
    ("status", "deletable"), [(Status.ACTIVE, True), (Status.EXPIRED, True), (Status.COMPLETE, False)]
)
def test_only_a_complete_session_cannot_be_deleted(status: Status, deletable: bool) -> None:
    if deletable:
        check_deletable(a_session(status))
    else:
        with pytest.raises(GraphError) as raised:
            check_deletable(a_session(status))
        assert (raised.value.problem.status, raised.value.problem.code) == (409, "notAllowed")


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ("", ""),
        ("complete", "0"),
        ("complete complete", "0"),
        ("active complete", "0 1"),
        # By deadline: the second one was created before, and is due before.
        ("active active", "1 0"),
        ("expired active", "1 0"),
        ("expired complete", "0 1"),
        # A review that came later was completed.
        ("complete expired", "0"),
        ("complete active", "1 0"),
        ("deleted", ""),
    ],
)
def test_what_is_asked_for_of_a_resource(newest: str, expected: str) -> None:
    now = BEGIN + IDLE
    sessions = [
        a_session(Status(status))._replace(last_active=now - timedelta(minutes=each + 1))
        for each, status in enumerate(newest.split())
    ]

    assert " ".join(str(sessions.index(each)) for each in asked_for(sessions, now, IDLE)) == expected


def test_an_expired_session_is_not_asked_for_if_its_review_has_a_later_one() -> None:
    first = a_session(Status.EXPIRED)
    for status in (Status.ACTIVE, Status.EXPIRED):
        second = a_session(status)._replace(review=first.review)
        assert asked_for([second, first], BEGIN, IDLE) == [second]
