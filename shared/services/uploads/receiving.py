"""The upload pipeline: one pass over the bytes, from the request body to validated and staged blocks.

A file is never held in memory whole: each chunk of the body goes through the form parser to the digest, the validator
and the block that is being filled.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import NamedTuple

from shared.access_data.codes import Code
from shared.access_data.findings import Finding, Report
from shared.core.errors import (
    FILE_TOO_LARGE,
    INVALID_FILE,
    TOO_MANY_REFUSALS,
    Detail,
    GraphError,
    counted,
)
from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import HOW_TO_WITHDRAW, check_open, how_to_replace
from shared.domain.resources import ResourceDescription, is_unexpected
from shared.domain.sessions import Refusal, SessionKey, Snapshot, StoredFile
from shared.models.upload_form import FormFile
from shared.services.changes import gather_all
from shared.services.context import Context
from shared.services.sessions.reading import get_session
from shared.services.uploads.refusals import Remembered, remember_refusal
from shared.services.uploads.storing import FileUpload
from shared.storage.azure.blobs import BlobWriter
from shared.telemetry.instruments import FINDINGS, REFUSALS, ROWS
from shared.telemetry.spans import UploadStages, upload_stages

# The part of a body that is processed before other requests get a turn: less than a millisecond's work.
_PIECE_BYTES = 256 * 1024


class ReceivedFile(NamedTuple):
    """A file as it was received: its name, size in bytes, SHA-256 (hex), and the validator's report.

    ``too_large`` if it has more bytes than allowed; the rest was then neither validated nor included in the digest.
    """

    name: str
    size: int
    sha256: str
    report: Report
    too_large: bool

    @property
    def refused(self) -> bool:
        """Whether the file is refused: it is too large or not valid."""
        return self.too_large or self.report.finding_count > 0


async def upload(
    context: Context, key: SessionKey, body: AsyncIterator[bytes], content_type: str | None, if_match: IfMatch
) -> tuple[Snapshot, ReceivedFile]:
    """Receive one file, and add it to a session or refuse it.

    Raises:
        GraphError: 400 for a bad form or an invalid file, 404, 409, 412, 413, 415. A file that is invalid or too large
            is remembered as refused; its content is not stored.
    """
    with upload_stages("uploadFile") as stages:
        return await _upload(context, key, body, content_type, if_match, stages=stages)


async def _upload(
    context: Context,
    key: SessionKey,
    body: AsyncIterator[bytes],
    content_type: str | None,
    if_match: IfMatch,
    *,
    stages: UploadStages,
) -> tuple[Snapshot, ReceivedFile]:
    config = context.settings
    new_file = FileUpload(context, key, if_match)
    try:
        # A small body is there at once: the read is sent first, and the body is checked while storage answers.
        await asyncio.sleep(0)
        with stages.receive:
            received = await receive(body, content_type, config, new_file.writer, stages)
    except Exception:
        await asyncio.wait([new_file.session])
        # An error of the session takes precedence over an error of the body, but not over a cancellation: otherwise the
        # time limit of the upload would not end it.
        new_file.session.result()
        raise
    if received.refused:
        await new_file.session
        await new_file.writer.abandon()
        refusal = Refusal(received.name, utc_now(), max(1, received.report.finding_count))
        sha256 = None if received.too_large else received.sha256
        with stages.commit:
            remembered = await remember_refusal(context, key, refusal, if_match, size=received.size, sha256=sha256)
        stages.outcome = "refused"
        REFUSALS.add(1, {"uploads.reason": "tooLarge" if received.too_large else "invalid"})
        _count_findings(received.report)
        raise refused(received, config, remembered)
    with stages.commit:
        snapshot, received = await _store(context, new_file, received, key)
    stages.outcome = "accepted"
    ROWS.add(received.report.rows, {"uploads.layout": received.report.layout or "none"})
    return snapshot, received


async def _store(
    context: Context, new_file: FileUpload, received: ReceivedFile, key: SessionKey
) -> tuple[Snapshot, ReceivedFile]:
    """Add a valid file to the session, with a warning for each expectation of its resource that it does not meet."""
    file = StoredFile(
        id=new_file.file_id,
        name=received.name,
        size=received.size,
        sha256=received.sha256,
        rows=received.report.rows,
        layout=received.report.layout,
        warnings=received.report.warning_count,
        uploaded=utc_now(),
    )
    descriptions = context.storage.descriptions
    try:
        known, description = await gather_all(new_file.put_blob(file), descriptions.get(key.resource))
    except BaseException:
        await new_file.writer.abandon()
        raise
    received = _compared(received, description)
    return await new_file.add(file._replace(warnings=received.report.warning_count), known), received


async def validate(
    context: Context, key: SessionKey, body: AsyncIterator[bytes], content_type: str | None
) -> ReceivedFile:
    """Validate one file as an upload into the session would, without storing or remembering anything.

    Raises:
        GraphError: as ``upload``.
    """
    config = context.settings
    session, description = await asyncio.gather(
        get_session(context, key), context.storage.descriptions.get(key.resource)
    )
    check_open(session, utc_now(), config.idle)
    with upload_stages("validateFile") as stages, stages.receive:
        received = await receive(body, content_type, config, None, stages)
        stages.outcome = "refused" if received.refused else "accepted"
    if received.refused:
        _count_findings(received.report)
        raise refused(received, config, Remembered())
    return _compared(received, description)


def _compared(received: ReceivedFile, description: ResourceDescription | None) -> ReceivedFile:
    """A valid file with a warning for each expectation of its resource's description that it does not meet."""
    if description is None:
        return received
    report, warnings = received.report, list[Finding]()
    layout, rows = description.expected_layout, description.expected_rows
    if layout is not None and report.layout != layout:
        message = f"The file has the layout {report.layout}, and {layout} is expected for this application."
        warnings.append(Finding(Code.UNEXPECTED_LAYOUT, message, 1))
    if rows is not None and is_unexpected(report.rows, rows):
        message = (
            f"The file has {report.rows} rows, and about {rows} are expected for this application. Is it complete?"
        )
        warnings.append(Finding(Code.UNEXPECTED_ROW_COUNT, message, 1))
    counted = report.warning_count + len(warnings)
    return received._replace(report=report._replace(warnings=(*warnings, *report.warnings), warning_count=counted))


async def receive(
    body: AsyncIterator[bytes],
    content_type: str | None,
    config: Settings,
    writer: BlobWriter | None,
    stages: UploadStages,
) -> ReceivedFile:
    """Read a form to its end; its file is validated, digested and, with a ``writer``, staged on the way.

    After the first finding nothing more is staged, and what was staged is discarded. The writer is not committed.

    Raises:
        GraphError: 400 or 415, when the form is not valid.
        ClientDisconnect: the client closed the connection.
        AzureError: a block could not be staged.
    """
    # Imported here because it imports NumPy, which takes 40 ms, and only uploads need it.
    from shared.access_data.validator import Validator  # noqa: PLC0415

    form = FormFile(content_type, max_form_bytes=config.max_form_bytes)
    validator = Validator(principal_types=config.principal_types, max_findings=config.max_findings)
    digest = hashlib.sha256()
    size = 0
    try:
        async for piece in _slices(body):
            for data in form.feed(piece):
                size += len(data)
                if size <= config.max_file_bytes:
                    digest.update(data)
                    for _ in stages.validate.timed(validator.feeding(data)):
                        await asyncio.sleep(0)
                    if writer is not None and not validator.finding_count:
                        with stages.stage:
                            await writer.write(data)
                if writer is not None and (size > config.max_file_bytes or validator.finding_count):
                    await writer.abandon()
                    writer = None
        name = form.close()
        for _ in stages.validate.timed(validator.finishing()):
            await asyncio.sleep(0)
    except BaseException:
        if writer is not None:
            await writer.abandon()
        raise
    return ReceivedFile(name, size, digest.hexdigest(), validator.report(), size > config.max_file_bytes)


async def _slices(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in small pieces; other requests get a turn after each.

    The server passes on a quarter of a megabyte at a time, without waiting in between if the client is fast. A small
    request takes several turns of the event loop and would wait for an upload's work at each of them.
    """
    async for piece in body:
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece[start : start + _PIECE_BYTES]
            await asyncio.sleep(0)


def _count_findings(report: Report) -> None:
    """Count the findings that the answer lists, by code."""
    for code, count in Counter(finding.code for finding in report.findings).items():
        FINDINGS.add(count, {"uploads.finding": code})


def refused(received: ReceivedFile, config: Settings, remembered: Remembered) -> GraphError:
    """The error for a file that is refused: its findings, up to the limit of how many are listed, and what to do."""
    report = received.report
    extra: dict[str, int | str] = {}
    if received.too_large:
        problem = FILE_TOO_LARGE
        reason = (
            f"'{received.name}' is larger than {config.max_file_bytes} bytes, which is the limit for one file "
            "(UPLOADS_MAX_FILE_BYTES)."
        )
        advice = "Split it into several files."
    else:
        problem = INVALID_FILE
        extra["findingCount"] = report.finding_count
        count = counted(report.finding_count, "finding")
        if not report.all_counted:
            count = f"at least {count}"
        complete = len(report.findings) == report.finding_count
        listed = "" if complete else f"; the first {len(report.findings):,} are listed"
        reason = f"'{received.name}' was refused: {count}{listed}. Nothing of it was stored."
        advice = "Fix it and upload it again under the same name."
    if remembered.accepted is not None:
        extra["fileId"] = remembered.accepted.id
        advice = "The file of the same name that was accepted earlier stays. " + how_to_replace(remembered.accepted)
    elif remembered.full:
        problem = TOO_MANY_REFUSALS
        advice = (
            f"This upload session already has {counted(config.max_files, 'open refusal')}, which is the limit "
            "(UPLOADS_MAX_FILES). This one was not added to them. Upload a fixed file under a refused name, or "
            f"{HOW_TO_WITHDRAW}."
        )
    details = [] if received.too_large else report.findings
    return GraphError(
        problem,
        f"{reason} {advice}",
        target="file",
        details=[Detail(finding.code, finding.message, finding.target) for finding in details],
        extra=extra,
    )
