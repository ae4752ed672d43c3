"""The load: a process that measures one row, both sides in turn, and prints one sample per round as JSON.

A sample is ``{"service": figure, "raw": {contender: figure}}``. Figures are MB/s, requests/s or ms, as the row has it.
"""

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator, Callable

from bench.processes import Plan
from bench.rows import crowds, forward, instances, operations, single, uploads, worker
from bench.rows.common import Sample

LOADS: dict[str, Callable[[Plan], AsyncIterator[Sample]]] = {
    "upload": uploads.upload_row,
    "small-upload": uploads.small_upload_row,
    "many-uploads": uploads.many_uploads_row,
    "warm-up": uploads.warm_up,
    "stream": uploads.stream,
    "get": single.get_row,
    "create": single.create_row,
    "create-cold": single.cold_create_row,
    "authentication": single.authentication_row,
    "telemetry": single.telemetry_row,
    "get-by-16": crowds.get_by_16_row,
    "get-while-uploading": crowds.get_while_uploading_row,
    "stage-blocks": crowds.stage_blocks,
    "forward": forward.forward_row,
    "operations": operations.operations_row,
    "worker": worker.worker_row,
    "service-burst": instances.service_burst,
    "raw-burst": instances.raw_burst,
}


async def main() -> None:
    """Run one load as the plan in the first argument has it."""
    plan = Plan(**json.loads(sys.argv[1]))
    # A collection in the middle of a request would be measured as part of it.
    gc.disable()
    async for sample in LOADS[plan.row](plan):
        print(json.dumps(sample), flush=True)
        gc.collect()


if __name__ == "__main__":
    asyncio.run(main())
