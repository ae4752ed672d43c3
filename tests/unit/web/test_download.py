"""A download that is begun and never sent, as when its request is gone by then."""

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.web.download import Download
from shared.web.endpoint import endpoint


async def blocks() -> AsyncIterator[bytes]:
    yield b"abc"


async def read(_: object) -> AsyncIterator[bytes]:
    return blocks()


async def get_file_value(req: Request) -> Response:
    del req
    return Download(read, size=3, etag='"x"', media_type="text/csv", headers={})


get_file = endpoint(get_file_value, Need.NONE)


@pytest.fixture(autouse=True)
def without_collection() -> Iterator[None]:
    """A place that only the collector of cycles would give back is one that is missing until then."""
    gc.disable()
    yield
    gc.enable()


async def test_its_place_is_free_again() -> None:
    for _ in range(50):
        assert (await get_file(request())).status_code == 200


async def test_those_that_are_still_there_have_places() -> None:
    held = [await get_file(request()) for _ in range(50)]

    assert {response.status_code for response in held} == {200, 429}


def request() -> Request:
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    return Request(scope | {"path_params": {}, "state": {}})
