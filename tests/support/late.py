"""Runs the service with storage calls that are late: ``python -m tests.support.late SECONDS LOST CLOCK``.

Each call is late by a random time of up to SECONDS, and the answer of a part LOST of them is lost. CLOCK is for
``tests.support.clocked``.
"""

import asyncio
import random
import sys
from typing import Any

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline.transport import AioHttpTransport

from tests.support import clocked


def main() -> int:
    """Serve as ``python -m local`` does."""
    seconds, lost = float(sys.argv.pop(1)), float(sys.argv.pop(1))
    send = AioHttpTransport.send

    async def send_late(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        await asyncio.sleep(random.uniform(0, seconds))
        answer = await send(transport, request, **options)
        if random.random() < lost:
            raise ServiceResponseTimeoutError("the answer was lost")
        return answer

    AioHttpTransport.send = send_late
    return clocked.main()


if __name__ == "__main__":
    sys.exit(main())
