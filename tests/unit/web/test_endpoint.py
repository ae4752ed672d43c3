"""What the wrapper of every handler makes of exceptions."""

import json

import pytest
from azure.core.exceptions import ServiceResponseTimeoutError
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.storage.azure.table import QueryTooLongError
from shared.web.endpoint import endpoint

RETRIED = {429, 503, 504}
"""The statuses that Graph's clients repeat (kiota's retry handler)."""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QueryTooLongError("x"), 500, "queryTookTooLong"),
        (ServiceResponseTimeoutError("x"), 503, "serviceNotAvailable"),
    ],
    ids=["the query is too long", "storage is silent"],
)
async def test_a_query_that_is_too_long_is_not_told_as_an_outage(error: Exception, status: int, code: str) -> None:
    async def handler(_: Request) -> Response:
        raise error

    scope = {"type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": []}
    response = await endpoint(handler, Need.NONE)(Request(scope))

    body = json.loads(bytes(response.body))["error"]
    assert (response.status_code, body["innerError"]["code"]) == (status, code)
    assert ("not available" in body["message"]) is (status in RETRIED) is ("retry-after" in response.headers)
