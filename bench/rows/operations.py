"""Every operation on its cold path, in turn with a raw read of one row."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.operations import Contents, cold_requests
from bench.processes import Plan
from bench.raw import RawStorage
from bench.rows.common import Sample, seconds
from bench.wire import Connection
from local import issuer


async def operations_row(plan: Plan) -> AsyncIterator[Sample]:
    """ms of ``count`` requests of each operation and kind of access, with the trace that each belongs to."""
    contents = Contents.read(Path(plan.file))

    def mint(caller: str, roles: Sequence[str]) -> str:
        return issuer.mint(Path(plan.issuer), roles=roles, oid=caller)

    async with (
        Connection(plan.service) as preparing,
        Connection(plan.guarded) as service,
        RawStorage(plan.storage) as raw,
    ):
        row = await raw.insert()
        for number in range(plan.count + 1):
            async for each in cold_requests(service.host, preparing, contents, mint):
                taken = await seconds(service.send(each.request, status=each.operation.status))
                taken_raw = await seconds(raw.read(row))
                if number:
                    yield {
                        "operation": each.operation.name,
                        "access": each.access,
                        "trace": each.trace,
                        "service": taken * 1000,
                        "get_entity": taken_raw * 1000,
                    }
