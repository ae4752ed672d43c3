"""Fixtures of several tests of the API."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.authority import Authority
from tests.support.client import http_client


@pytest.fixture
def administrator(guarded: str, authority: Authority) -> Iterator[httpx.Client]:
    """Requests of a program that may write in the whole tenant."""
    with http_client(guarded, authority.token()) as http:
        yield http


@pytest.fixture
def catalog() -> str:
    """The id of a catalog of the test's own."""
    return str(uuid4())
