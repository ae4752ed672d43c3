"""Small requests, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from uuid import uuid4

from bench.processes import Plan
from bench.raw import RawStorage
from bench.rows.common import Sample, cold_create_request, create_request, new_session, p50s, seconds
from bench.wire import Connection, bearer, request
from local.issuer import mint
from shared.domain.callers import READ_WRITE_ALL


async def get_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` GETs a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        get = request("GET", service.host, await new_session(service))
        row = await raw.insert()
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(get, status=200)))
                taken_raw.append(await seconds(raw.read(row)))
            if number:
                yield p50s(taken, taken_raw, "get_entity")


async def authentication_row(plan: Plan) -> AsyncIterator[Sample]:
    """What a checked token adds to the p50 in ms of ``count`` GETs a round; two services on the same storage."""
    async with Connection(plan.service) as service, Connection(plan.guarded) as guarded:
        session = await new_session(service)
        get = request("GET", service.host, session)
        guarded_get = request("GET", guarded.host, session, bearer(_token(plan)))
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_guarded: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(get, status=200)))
                taken_guarded.append(await seconds(guarded.send(guarded_get, status=200)))
            if number:
                with_token, without = median(taken_guarded) * 1000, median(taken) * 1000
                yield {"service": with_token - without, "p50": [with_token, without]}


async def telemetry_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` GETs a round with telemetry and without; two services on the same storage."""
    async with Connection(plan.service) as without, Connection(plan.observed) as observed:
        session = await new_session(without)
        get, observed_get = (request("GET", each.host, session) for each in (without, observed))
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_observed: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(without.send(get, status=200)))
                taken_observed.append(await seconds(observed.send(observed_get, status=200)))
            if number:
                yield p50s(taken_observed, taken, "without")


async def create_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` creates a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(create_request(service.host), status=201)))
                taken_raw.append(await seconds(raw.create()))
            if number:
                yield p50s(taken, taken_raw, "an upsert, then a transaction")


async def cold_create_row(plan: Plan) -> AsyncIterator[Sample]:
    """The same, each for a resource that has no session yet, by a caller with a token."""
    headers = bearer(_token(plan))
    async with Connection(plan.guarded) as service, RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                create = cold_create_request(service.host, headers)
                taken.append(await seconds(service.send(create, status=201)))
                taken_raw.append(await seconds(raw.create(f"{uuid4()}_{uuid4()}")))
            if number:
                yield p50s(taken, taken_raw, "an upsert, then a transaction")


def _token(plan: Plan) -> str:
    """A token with every permission, for the guarded service."""
    return mint(Path(plan.issuer), roles=[READ_WRITE_ALL])
