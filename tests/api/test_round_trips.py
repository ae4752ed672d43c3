"""How many calls to storage each operation makes, and how many one after the other, is what docs/design.md says.

Every operation is done on its cold path: by a process that has not seen the resource and the caller.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from bench.access_file import write_rows
from bench.wire import Connection, bearer, request
from local.service import ROOT
from tests.support.authority import Authority
from tests.support.cold_operations import LARGE_BLOCKS, OPERATIONS, Access, Contents, Operation, cold_requests
from tests.support.invariants import Storage
from tests.support.round_trips import RoundTrips, Span, fewest, read_round_trips
from tests.support.service import running_service

pytestmark = pytest.mark.own_host("with calls counted in the service")

# Several times what the service writes at a time, by which a block may be larger.
BLOCK_BYTES = 512 * 1024
LARGE_BYTES = LARGE_BLOCKS * BLOCK_BYTES - BLOCK_BYTES // 2

# Two calls that begin together are never one after the other, but under load this can be so of others by chance.
SAMPLES = 3

Counted = Mapping[tuple[str, Access], RoundTrips]


@pytest.fixture(scope="module")
def counted(service: str, storage: Storage, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """The calls of each operation, by its name and the kind of access."""
    folder = tmp_path_factory.mktemp("round-trips")
    rows, spans = folder / "rows.csv", folder / "spans"
    write_rows(rows, LARGE_BYTES)
    contents = Contents.read(rows, small_bytes=BLOCK_BYTES // 4, large_bytes=LARGE_BYTES)
    program = ("tests.support.counted", str(spans))
    with running_service(
        storage.connection_string, None, (), program, block_bytes=BLOCK_BYTES, **authority.settings
    ) as url:
        traces = asyncio.run(_traces(service, url, authority, contents))
    round_trips = read_round_trips(spans)
    return {key: fewest(round_trips[trace] for trace in of_key) for key, of_key in traces.items()}


async def _traces(
    service: str, url: str, authority: Authority, contents: Contents
) -> Mapping[tuple[str, Access], Sequence[str]]:
    """The traces of the requests, by operation and kind of access."""

    def mint(caller: str, roles: Sequence[str]) -> str:
        return authority.token(oid=caller, roles=list(roles))

    traces: dict[tuple[str, Access], list[str]] = defaultdict(list)
    async with Connection(service) as preparing, Connection(url) as measured:
        # The first request of the process creates the tables, and fetches the keys.
        first = request("GET", measured.host, "/v1.0/uploads/resources?$top=1", bearer(authority.token()))
        await measured.send(first, status=200)
        for _ in range(SAMPLES):
            async for each in cold_requests(measured.host, preparing, contents, mint):
                await measured.send(each.request, status=each.operation.status)
                traces[each.operation.name, each.access].append(each.trace)
    return traces


def _documented() -> dict[str, tuple[str, str]]:
    """What the table has for each operation: by role, and by grant."""
    section = (ROOT / "docs" / "design.md").read_text().partition("## Storage round trips")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]*) ?\| ([^|]*) ?\|$", section, re.MULTILINE)
    return {name: (role.strip(), grant.strip()) for name, role, grant in rows if name != "operation"}


def test_the_table_has_every_operation() -> None:
    assert list(_documented()) == [operation.name for operation in OPERATIONS]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_makes_the_calls_that_the_table_says(operation: Operation, counted: Counted) -> None:
    for access, documented in zip(Access, _documented()[operation.name], strict=True):
        found = counted.get((operation.name, access))
        if found is None:
            assert documented == ""
            continue
        calls, in_sequence = documented.split(" / ")
        assert found.calls == _value(calls, operation), found
        at_least = in_sequence.startswith("≥ ")
        least = _value(in_sequence.removeprefix("≥ "), operation)
        assert found.in_sequence >= least if at_least else found.in_sequence == least, found
        assert found.late == 0


def test_calls_are_in_sequence_if_each_begins_when_the_one_before_has_ended() -> None:
    def span(start: int, end: int, *, is_request: bool = False) -> Span:
        return Span("", "", start, end, is_call=not is_request, is_request=is_request)

    assert RoundTrips.of([span(0, 9, is_request=True)]) == (0, 0, 0)
    at_once = [span(0, 4), span(1, 3), span(2, 6)]
    assert RoundTrips.of([*at_once, span(0, 9, is_request=True)]) == (3, 1, 0)
    after_the_shortest = [*at_once, span(3, 7), span(7, 8)]
    assert RoundTrips.of([*after_the_shortest, span(0, 9, is_request=True)]) == (5, 3, 0)
    assert RoundTrips.of([span(0, 4), span(4, 12), span(0, 9, is_request=True)]) == (2, 2, 1)


def _value(formula: str, operation: Operation) -> int:
    """A sum such as ``p + 2n``, with the sizes of an operation."""
    value = 0
    for term in formula.split(" + "):
        found = re.fullmatch(r"(\d*)([a-z]?)", term)
        assert found is not None, formula
        value += int(found[1] or 1) * (operation.sizes[found[2]] if found[2] else 1)
    return value
