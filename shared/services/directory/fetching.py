"""Fetches the directory from Microsoft Graph with the app's own identity (``UPLOADS_DIRECTORY_SOURCE``)."""

import asyncio
import logging
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp

from shared.access_data.codes import Code
from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.core.settings import LOOPBACK
from shared.domain.deliveries import DeliveryError
from shared.domain.etags import Conditions
from shared.identity.outgoing import NO_TOKEN, token_for
from shared.models.list_body import CSV
from shared.services.context import Context
from shared.services.directory.taking import put_directory
from shared.targets.graph_users import ExpiredListError, users_as_csv
from shared.telemetry.outgoing_calls import outgoing_calls

# Users come and go daily. A little less than a day, so that an hourly timer does not put it off to the next one.
FETCH_AFTER = timedelta(hours=23, minutes=30)

_log = logging.getLogger("uploads.directory")


async def fetch_directory(context: Context) -> str:
    """Fetch the directory unless the current one is of today.

    If it does not work, the current one stays, and the next run tries again. What failed is logged, and no data of it.

    Returns the outcome: ``fresh``, ``fetched`` or ``failed``.
    """
    current = await context.storage.directory.current()
    if current is not None and utc_now() - current.uploaded < FETCH_AFTER:
        return "fresh"
    seconds = context.settings.max_upload_seconds
    try:
        # As an upload, which the timer takes for dead after this time. By default it is enough for a million users: a
        # thousand pages, of which Graph gives two or three a second.
        async with asyncio.timeout(seconds):
            users = await _fetch(context)
    except DeliveryError as error:
        _log.warning("the directory was not fetched: %s", error.message)
    except GraphError as error:
        codes = ", ".join(sorted({detail.code for detail in error.details})) or error.problem.inner_code
        _log.warning("the directory that was fetched is refused: %s", codes)
    except TimeoutError:
        _log.warning(
            "the directory was not fetched within %d seconds, the limit UPLOADS_MAX_UPLOAD_SECONDS; raise it, "
            "or upload the directory",
            seconds,
        )
    else:
        _log.info("the directory was fetched: %d users", users)
        return "fetched"
    return "failed"


async def _fetch(context: Context) -> int:
    """Fetch it; once more from the beginning if the list expires, or moves so that a user comes twice."""
    try:
        return await _fetch_once(context)
    except ExpiredListError:
        pass
    except GraphError as error:
        if {detail.code for detail in error.details} != {Code.DUPLICATE_USER}:
            raise
    return await _fetch_once(context)


async def _fetch_once(context: Context) -> int:
    base = str(context.settings.directory_graph_url)
    parts = urlsplit(base)
    scope = NO_TOKEN if parts.hostname in LOOPBACK else f"https://{parts.netloc}/.default"
    async with aiohttp.ClientSession(trace_configs=[outgoing_calls("graph")]) as http:
        users = users_as_csv(http, base, token_for(scope, context.settings))
        return (await put_directory(context, users, CSV, Conditions())).users
