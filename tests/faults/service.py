"""The app's own routes and timer in this process, on a clock that can be moved."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.clock import Clock
from tests.support.service import ONE_CALLER

if TYPE_CHECKING:
    from local.host.app import Host

ROOT = Path(__file__).parent.parent.parent

# What a client does that is told 503: it repeats its request. More often than this would be a defect.
_PATIENCE = 5


class NotAnsweredError(AssertionError):
    """A request was not answered as it must be."""


class Service:
    """Requests to the app, repeated as the SDKs of Graph do it, and ticks of its timer."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock) -> None:
        self._client = client
        self.clock = clock

    async def once(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request. Whatever storage does, its answer is never 500, and one that is 503 says when to come back."""
        answer = await self._client.request(method, f"/v1.0/{path}", **request)
        if answer.status_code >= 500 and answer.status_code != 503:
            raise NotAnsweredError(f"{method} {answer.status_code} {answer.text}")
        if answer.status_code == 503 and not (
            answer.headers.get("retry-after", "").isdigit() and "serviceNotAvailable" in answer.text
        ):
            raise NotAnsweredError(f"{method} 503 without Retry-After or code: {answer.text}")
        return answer

    async def until_answered(self, method: str, path: str, **request: Any) -> httpx.Response:
        """A request, and the same again as long as the answer is 503."""
        for _ in range(_PATIENCE):
            answer = await self.once(method, path, **request)
            if answer.status_code != 503:
                return answer
        raise NotAnsweredError(f"{method}: 503 for ever")

    async def tick(self) -> dict[str, int]:
        """One tick of the timer."""
        from shared.services.context import Context  # noqa: PLC0415
        from shared.services.sessions.expiry import expire_due  # noqa: PLC0415

        return dict(await expire_due(Context.of()))


def configure(storage: str) -> None:
    """Set what the app reads when it is imported: small blocks, so that small files have many."""
    os.environ |= ONE_CALLER | {
        "UPLOADS_STORAGE": storage,
        "UPLOADS_AUTH": "none",
        "UPLOADS_PUBLIC_URL": "http://localhost",
        "UPLOADS_BLOCK_BYTES": "65536",
        "UPLOADS_RETENTION_SECONDS": "172800",
        "UPLOADS_EXPIRY_SCHEDULE": "0 0 0 1 1 *",
    }


@cache
def prepare_to_run() -> "Host":
    """The app in a host; made once, since forks of this process need not import and compile it again."""
    import function_app  # noqa: PLC0415  # it reads the settings
    import shared.services.sessions.ending  # noqa: PLC0415
    import shared.services.sessions.expiry  # noqa: PLC0415
    from local.host.app import Host  # noqa: PLC0415

    # Small batches, so that small sessions need several.
    shared.services.sessions.ending.MAX_TRANSACTION = 3  # type: ignore[attr-defined]
    return Host(function_app.app, ROOT / "host.json")


@asynccontextmanager
async def running() -> AsyncIterator[Service]:
    """The app in this process."""
    from shared.storage.account import close_storage  # noqa: PLC0415

    transport = httpx.ASGITransport(app=prepare_to_run())
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60)
    with Clock().installed() as clock:
        async with client:
            try:
                yield Service(client, clock)
            finally:
                await close_storage()
