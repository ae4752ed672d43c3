"""Dry runs: checks a file as an upload would, and stores and remembers nothing."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from shared.core.ids import utc_now
from shared.domain.lifecycle import check_open
from shared.domain.sessions import ResourceKey, SessionKey
from shared.models.requests import parse_import
from shared.models.upload_form import IMPORT, FormFile
from shared.services.context import Context
from shared.services.sessions.reading import get_session
from shared.services.uploads.comparing import unexpected
from shared.services.uploads.receiving import ReceivedFile, count_findings, receive, refused, with_warnings
from shared.services.uploads.refusals import Remembered
from shared.services.uploads.steps import steps_for
from shared.services.uploads.writing import Sink
from shared.telemetry.spans import upload_stages

if TYPE_CHECKING:
    from shared.access_data.steps.making import Steps

FIRST_ROWS = 20

# The rows that are shown are among the first bytes; of longer ones there are fewer.
_MOST_BYTES = 1024 * 1024


class TriedFile(NamedTuple):
    """A valid file, and its first rows: for each, the cells by the columns of its layout."""

    received: ReceivedFile
    first_rows: Sequence[Mapping[str, str]]


async def validate(
    context: Context, key: SessionKey, body: AsyncIterator[bytes], content_type: str | None
) -> ReceivedFile:
    """Validate one file as an upload into the session would.

    Raises:
        GraphError: as ``receiving.upload``.
    """
    session, application = await asyncio.gather(
        get_session(context, key), context.storage.descriptions.application(key.resource)
    )
    check_open(session, utc_now(), context.settings.idle)
    form = FormFile(content_type, max_form_bytes=context.settings.max_form_bytes)

    async def steps() -> "Steps":
        return (await steps_for(context, key.resource, application.declaration))[0]

    received = await _received(context, form, body, steps)
    return with_warnings(received, unexpected(received.report, application.description))


async def try_file(
    context: Context, resource: ResourceKey, body: AsyncIterator[bytes], content_type: str | None
) -> TriedFile:
    """Validate one file without a session, perhaps with a declaration that comes with it and is not stored.

    Raises:
        GraphError: 400 for a bad form, a bad declaration or an invalid file; 413, 415.
    """
    config = context.settings
    application = await context.storage.descriptions.application(resource)
    form = FormFile(content_type, max_form_bytes=config.max_form_bytes, field_name=IMPORT)
    first = _FirstRows()

    async def steps() -> "Steps":
        from shared.access_data.steps.making import Writes  # noqa: PLC0415  # as in receiving

        declaration = application.declaration
        if form.field is not None:
            declaration = parse_import(form.field, config.principal_types)
        return (await steps_for(context, resource, declaration))[0]._replace(writes=Writes.ALWAYS)

    received = await _received(context, form, body, steps, first)
    return TriedFile(with_warnings(received, unexpected(received.report, application.description)), first.rows())


async def _received(
    context: Context,
    form: FormFile,
    body: AsyncIterator[bytes],
    steps: Callable[[], Awaitable["Steps"]],
    sink: Sink | None = None,
) -> ReceivedFile:
    """A valid file.

    Raises:
        GraphError: 400 when the form or the file is not valid; 413.
    """
    with upload_stages("validateFile") as stages, stages.receive:
        received = await receive(form, body, steps, context.settings, sink, stages=stages)
        stages.outcome = "refused" if received.refused else "accepted"
    if received.refused:
        count_findings(received.report)
        raise refused(received, context.settings, Remembered())
    return received


class _FirstRows:
    """Keeps the first rows of a file, and nothing else of it."""

    def __init__(self) -> None:
        self._kept = bytearray()

    async def write(self, data: bytes) -> None:
        """The file itself is not kept."""

    async def write_rows(self, rows: bytes) -> None:
        """Keep the first of them."""
        self._kept += rows[: _MOST_BYTES - len(self._kept)]

    async def abandon(self) -> None:
        """Forget them."""
        self._kept.clear()

    def rows(self) -> Sequence[Mapping[str, str]]:
        """The first rows that are there as a whole."""
        text = bytes(self._kept).decode(errors="ignore")
        if len(self._kept) == _MOST_BYTES:
            text = text[: text.rfind("\r\n")]
        return list(islice(csv.DictReader(io.StringIO(text, newline="")), FIRST_ROWS))
