"""What is asked for of each of several resources: the sessions that a list of them shows."""

import asyncio
from collections.abc import Sequence

from shared.core.ids import utc_now
from shared.domain.lifecycle import asked_for
from shared.domain.sessions import ResourceKey, Session
from shared.services.context import Context
from shared.services.sessions.reading import scan_sessions
from shared.storage.azure.table import first_rows

MOST_RESOURCES = 300
"""So many resources has a page that shows their sessions: each takes two calls, which take 2 ms of the processor."""

# Of a resource. An older session is asked for by nobody, unless there are very many at the same time.
_MOST_SESSIONS = 10

_RESOURCES_AT_ONCE = 16


async def sessions_asked_for(context: Context, resources: Sequence[ResourceKey]) -> Sequence[Sequence[Session]]:
    """The sessions of each resource that wait for files, and its last complete one: of its ten newest."""
    limit = asyncio.Semaphore(_RESOURCES_AT_ONCE)

    async def of_resource(resource: ResourceKey) -> Sequence[Session]:
        async with limit:
            newest = scan_sessions(context, resource, newest_first=True, beyond=None, page_size=_MOST_SESSIONS)
            return asked_for(await first_rows(newest, _MOST_SESSIONS), utc_now(), context.settings.idle)

    return await asyncio.gather(*map(of_resource, resources))
