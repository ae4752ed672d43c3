"""What the client shows of a session's deliveries, and how it gets past the check of plausibility."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.client.command import Command
from tests.support.access_files import access_file
from tests.support.client import Resource, Session
from tests.support.deliveries import target_away, tried
from tests.support.invariants import Storage


@pytest.fixture(scope="module")
def watchful(storage: Storage) -> Iterator[httpx.Client]:
    """A service that compares a session with the last one, and forwards to a target that is away."""
    with target_away(storage, "clientdeliveries") as http:
        yield http


@pytest.fixture
def completed(watchful: httpx.Client) -> Session:
    """A complete session, of which a delivery has been tried."""
    session = Resource(watchful).new_session()
    session.uploaded("doors.csv", access_file(10))
    return tried(session)


def test_status_shows_what_the_deliveries_have_come_to(installed: Command, completed: Session) -> None:
    accup = installed.on(completed.resource)
    (told,) = accup("status", "--session", completed.id, "--json").json["deliveries"]
    assert (told["target"], told["state"], told["upstreamId"]) == ("graph", "pending", None)
    assert told["attempts"] >= 1
    assert told["nextAttemptDateTime"]
    assert "could not be reached" in told["lastError"]
    shown = accup("status", "--session", completed.id).out
    assert "To graph         waiting, " in shown
    assert "could not be reached" in shown


def test_a_delivery_is_tried_again(installed: Command, completed: Session) -> None:
    accup = installed.on(completed.resource)
    ran = accup("redeliver", "--session", completed.id, "--json")
    assert (ran.code, ran.json["delivery"]["state"]) == (0, "pending")
    refused = accup("redeliver", "--session", completed.id, "--target", "events")
    assert refused.code == 4
    assert "UPLOADS_EVENTS_URL" in refused.err


def test_an_unexpected_number_of_rows_says_what_to_do(installed: Command, completed: Session, tmp_path: Path) -> None:
    accup = installed.on(completed.resource, str(uuid4()))
    (tmp_path / "doors.csv").write_bytes(access_file(4))
    refused = accup("send", tmp_path, "--complete")
    assert refused.code == 5
    assert "has 4 rows" in refused.err
    assert "had 10" in refused.err
    assert "--allow-change" in refused.err
    accepted = accup("send", tmp_path, "--complete", "--allow-change", "--json")
    assert (accepted.code, accepted.json["status"]) == (0, "complete"), accepted.err
