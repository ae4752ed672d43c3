"""Runs the service with a fifth of its patience with storage: ``python -m tests.support.impatient``.

The SDKs wait for storage, and between two attempts, so much shorter, and so does what looks after storage's health.
"""

import sys
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport

SHARE = 0.2


def main() -> int:
    """Serve as ``python -m local`` does."""
    from local import __main__ as local  # noqa: PLC0415
    from shared.services import health  # noqa: PLC0415

    health.KEEP_SECONDS = health.ANSWER_SECONDS = 1

    send, sleep = AioHttpTransport.send, AsyncHttpTransport.sleep

    async def send_and_wait_less(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        usual = transport.connection_config
        waits = {
            "connection_timeout": SHARE * options.get("connection_timeout", usual.timeout),
            "read_timeout": SHARE * options.get("read_timeout", usual.read_timeout),
        }
        return await send(transport, request, **options | waits)

    async def sleep_less(transport: AsyncHttpTransport[Any, Any], seconds: float) -> None:
        await sleep(transport, SHARE * seconds)

    AioHttpTransport.send = send_and_wait_less
    AsyncHttpTransport.sleep = sleep_less  # type: ignore[assignment]
    return local.main()


if __name__ == "__main__":
    sys.exit(main())
