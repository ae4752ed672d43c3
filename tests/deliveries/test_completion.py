"""A session at Microsoft Graph is completed only if it was seen to be ours: the cases that ``accup`` passes, too."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.client.graph_stand_in import GraphStandIn
from tests.deliveries.here import Here, running_here
from tests.support.completion_cases import CASES, OURS, Case
from tests.support.invariants import Storage


async def deliver(here: Here, reference: str) -> tuple[str | None, str]:
    """Complete a session with these files, and let half an hour pass; gives the delivery's state and its last error."""
    key = await here.active(OURS, reference=reference)
    await here.complete(key)
    await here.pass_time(timedelta(minutes=30))
    found = await here.of(key)
    return (found.state.value, found.last_error or "") if found else (None, "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_session_is_completed_only_if_it_was_seen_to_be_ours(
    storage: Storage, graph: GraphStandIn, case: Case
) -> None:
    reference = str(uuid4())
    case.prepare(graph, reference)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        state, _ = await deliver(here, reference)
    case.check_end(graph, said_done=state == "delivered")


async def test_files_that_are_not_given_back_are_sent_again_when_their_session_has_expired(
    storage: Storage, graph: GraphStandIn
) -> None:
    """An earlier attempt has sent some of them, and the process died."""
    reference = str(uuid4())
    case = next(each for each in CASES if each.value_status == 405)
    case.prepare(graph, reference)
    async with running_here(storage.connection_string, forward_url=graph.url) as here:
        state, error = await deliver(here, reference)
        assert state == "pending"
        assert "cannot be compared" in error
        await here.settle()
    ends = [
        (session.status, {name: content for _, name, content in session.files}) for session in graph.sessions.values()
    ]
    assert ends == [("expired", {"a.csv": OURS["a.csv"]}), ("complete", OURS)]
