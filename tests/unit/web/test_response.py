"""Responses are encoded without blocking other requests."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

from fastapi import Request

from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, StoredFile
from shared.query.options import Query
from shared.web.response import collection_response, session_body
from shared.web.routes import RESOURCE_PREFIXES

LONGEST_STALL_SECONDS = 0.05


async def test_the_largest_page_does_not_block_the_event_loop() -> None:
    now = datetime.now(UTC)
    req = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    req.state.prefix = RESOURCE_PREFIXES[0]
    review = Review(str(uuid4()), str(uuid4()))
    session = Session(SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4())), review, now, now)
    file = StoredFile(str(uuid4()), "a.csv", 1, "0" * 64, rows=1, layout="graph", warnings=0, uploaded=now)
    query = Query(expanded=Query())
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            # The thread's own time: on a busy machine, other processes take turns as well.
            began = time.thread_time()
            await asyncio.sleep(0)
            stalls.append(time.thread_time() - began)

    watching = asyncio.create_task(watch())
    response = await collection_response(
        {"@odata.context": "x"}, (session_body(req, session, query, [file] * 100) for _ in range(999))
    )
    watching.cancel()

    assert max(stalls) < LONGEST_STALL_SECONDS
    body = json.loads(bytes(response.body))
    assert list(body) == ["@odata.context", "value"]
    assert [len(item["files"]) for item in body["value"]] == [100] * 999


async def test_a_collection_is_valid_json_for_any_number_of_items() -> None:
    def items(number: int) -> Iterator[dict[str, object]]:
        return ({"name": f"\u00fc{index}"} for index in range(number))

    for number in range(3):
        response = await collection_response({"@odata.count": number}, items(number))
        assert json.loads(bytes(response.body)) == {"@odata.count": number, "value": list(items(number))}
