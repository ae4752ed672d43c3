"""What several rows need: sessions to work on, times, and samples."""

import json
import time
from collections.abc import Awaitable
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from bench.invocations import Invocations
from bench.processes import Plan
from bench.wire import NO_HEADERS, Connection, Headers, Through, request, unchanged

Sample = dict[str, Any]

MEGABYTE = 1_000_000

RESOURCES = f"/v1.0/identityGovernance/entitlementManagement/catalogs/{uuid4()}/resources"
COLLECTION = f"{RESOURCES}/{uuid4()}/uploadSessions"


def create_request(host: str, collection: str = COLLECTION, headers: Headers = NO_HEADERS) -> bytes:
    """A request that creates a session for a new review instance."""
    data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    return request("POST", host, collection, headers, json.dumps({"data": data}).encode())


def cold_create_request(host: str, headers: Headers = NO_HEADERS) -> bytes:
    """The same for a resource that has no session yet."""
    return create_request(host, f"{RESOURCES}/{uuid4()}/uploadSessions", headers)


def through_of(plan: Plan) -> Through:
    """What the requests to the service go through: the host's part, if the service is Microsoft's worker."""
    return Invocations(plan.invocations) if plan.invocations else unchanged


async def new_session(connection: Connection) -> str:
    """The path of a new session."""
    answer = await connection.send(create_request(connection.host), status=201)
    return f"{COLLECTION}/{json.loads(answer)['id']}"


async def new_session_by_itself(service: str, through: Through = unchanged) -> str:
    """The same on a new connection: the server closes one that was idle for five seconds."""
    async with Connection(service, through) as connection:
        return await new_session(connection)


async def seconds(work: Awaitable[object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def p50s(taken: list[float], taken_raw: list[float], contender: str) -> Sample:
    """A sample of medians in ms, from seconds."""
    return {"service": median(taken) * 1000, "raw": {contender: median(taken_raw) * 1000}}


def p99(taken: list[float]) -> float:
    """The 99th percentile in ms, from seconds."""
    return quantiles(taken, n=100, method="inclusive")[98] * 1000
