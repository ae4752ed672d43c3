"""The cases: a session is completed and delivered while one call fails, and the end is the same as without a fault."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from azure.core.exceptions import AzureError

from check.invariants import violations
from shared.core.errors import GraphError
from shared.domain.deliveries import DeliveryState, Target
from shared.domain.sessions import SessionKey
from tests.deliveries.here import Here
from tests.deliveries.receiver import SECRET, received
from tests.support.client import V1, Resource

# How the queue fares after the fault: as it should, its messages are lost, or each comes twice.
QUEUES = ("", "its messages are lost", "its messages come twice")


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is: connection string, the other instance's base URL, the receiver's address, and a client."""

    storage: str
    upstream: str
    events: str
    http: httpx.Client

    @property
    def options(self) -> dict[str, str]:
        """The settings that deliver there."""
        return {"forward_url": f"{self.upstream}/v1.0", "events_url": self.events, "events_secret": SECRET}


async def complete_and_deliver(here: Here, key: SessionKey) -> None:
    """The client completes, and the function handles what comes; a plan ends with the step that it hit."""
    await step(here, lambda: here.complete(key))
    while not hit(here) and (message := here.take()) is not None:
        await step(here, lambda message=message: here.handle(message))  # type: ignore[misc]


async def step(here: Here, call: Callable[[], Awaitable[None]]) -> None:
    """One request or one run of the function. Nothing but a failure of storage may come out of it."""
    try:
        await call()
    except AzureError:
        assert hit(here), "a failure without a fault"
    except GraphError as error:
        assert hit(here), error
        assert error.problem.status == 503, error
    if hit(here):
        here.calls.plan = here.http.plan = None


def hit(here: Here) -> bool:
    """Whether the fault has happened, or there is none."""
    plans = [plan for plan in (here.calls.plan, here.http.plan) if plan is not None]
    return not plans or any(plan.hit for plan in plans)


async def afterwards(here: Here, key: SessionKey, queue: str) -> None:
    """The client repeats its request, time passes, and a person repeats what was given up for good."""
    here.calls.plan = here.http.plan = None
    await here.complete(key)
    if "lost" in queue:
        here.messages.clear()
    await here.settle(twice="twice" in queue)
    for target in Target:
        if await here.state(key, target) == DeliveryState.FAILED:
            await here.redeliver(key, target)
            await here.settle()


async def check_end(here: Here, places: Places, key: SessionKey) -> None:
    """One complete session upstream that is equal to ours, its events, and nothing that waits."""
    for target in Target:
        found = await here.of(key, target)
        assert found is not None
        assert (found.state, found.last_error) == (DeliveryState.DELIVERED, None), found
        assert await here.store.deliveries.claim(key, target) is None
    check_upstream(here, places, key)
    told = [event for event in received(places.http, places.events, key.session_id) if event != "deliveryFailed"]
    assert told[0] == "completed", told
    assert "delivered" in told, told
    check_storage(here, key)


def check_upstream(here: Here, places: Places, key: SessionKey) -> None:
    """There is exactly one complete session at the other instance, and it has our bytes."""
    path = Resource(places.http, V1, key.resource.catalog_id, key.resource.resource_id).path
    there = places.http.get(path, params={"$expand": "files"}).json()["value"]
    complete = [session for session in there if session["status"] == "complete"]
    assert len(complete) == 1, there
    files = complete[0]["files"]
    contents = [places.http.get(f"{path}/{complete[0]['id']}/files/{file['id']}/$value").content for file in files]
    assert len(files) == len(here.files[key])
    assert dict(zip([file["name"] for file in files], contents, strict=True)) == here.files[key]


def check_storage(here: Here, key: SessionKey) -> None:
    """The invariants hold for everything that is stored of a resource."""
    for contents in here.account.contents(key.resource.catalog_id, key.resource.resource_id):
        broken = list(violations(contents, here.account))
        assert broken == [], broken
