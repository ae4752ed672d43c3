"""Where sessions and events are delivered to: another instance of the service, and a receiver."""

from collections.abc import Iterator

import httpx
import pytest

from tests.client.graph_stand_in import GraphStandIn, graph_stand_in
from tests.deliveries.cases import Places
from tests.deliveries.receiver import receiver
from tests.support.invariants import Storage
from tests.support.service import running_service


@pytest.fixture(scope="package")
def places(storage: Storage) -> Iterator[Places]:
    """Another instance of the service, and a receiver of events."""
    account = storage.connection_string
    with (
        running_service(account, name_prefix="upstream") as upstream,
        receiver() as events,
        httpx.Client(base_url=upstream) as http,
    ):
        yield Places(account, upstream, events, http)


@pytest.fixture
def graph() -> Iterator[GraphStandIn]:
    """A service that answers as Microsoft Graph does."""
    with graph_stand_in() as running:
        yield running
