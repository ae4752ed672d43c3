"""A service whose deliveries fail, since their target does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.client import Session, http_client
from tests.support.invariants import Storage
from tests.support.service import eventually, running_service


@contextmanager
def target_away(storage: Storage, name_prefix: str) -> Iterator[httpx.Client]:
    """A client of a service that compares a session with the last one, and forwards to a target that is away."""
    options: dict[str, str | int] = {
        "max_shrink_percent": 50,
        "forward_url": "http://127.0.0.1:9/v1.0",
        "forward_scope": "none",
        "name_prefix": name_prefix,
    }
    with running_service(storage.connection_string, **options) as service, http_client(service) as http:
        yield http


def tried(session: Session) -> Session:
    """Complete a session; returns it when an attempt of its delivery has ended."""
    session.completed()
    assert eventually(lambda: session.read()["@uploads.delivery"][0]["attempts"])
    return session
