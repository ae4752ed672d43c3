"""The upload pipeline: one pass over the bytes, from the request body to validated and staged blocks.

A file is never held in memory whole: each chunk of the body goes through the form parser to the digest, the validator
and the block that is being filled.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.access_data.codes import Code
from shared.access_data.findings import Finding, Report, shown
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
from shared.domain.etags import Conditions
from shared.domain.lifecycle import HOW_TO_WITHDRAW, how_to_replace
from shared.domain.sessions import Refusal, SessionKey, Snapshot, StoredFile
from shared.models.upload_form import FormFile
from shared.services.context import Context
from shared.services.uploads.comparing import unexpected
from shared.services.uploads.refusals import Remembered, remember_refusal, unmatched_list
from shared.services.uploads.remaking import make_rows
from shared.services.uploads.storing import FileUpload
from shared.services.uploads.writing import Sink
from shared.telemetry.instruments import FINDINGS, REFUSALS, ROWS
from shared.telemetry.spans import UploadStages, upload_stages

if TYPE_CHECKING:
    from shared.access_data.steps.making import Steps

# What a header has that fits neither Graph's columns nor those that are declared.
_ABOUT_COLUMNS = {
    Code.MISSING_HEADER,
    Code.UNKNOWN_COLUMN,
    Code.MISSING_COLUMN,
    Code.DUPLICATE_COLUMN,
    Code.SEMICOLON_SEPARATOR,
    Code.TAB_SEPARATOR,
    Code.OTHER_SEPARATOR,
}

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
    context: Context, key: SessionKey, body: AsyncIterator[bytes], content_type: str | None, conditions: Conditions
) -> tuple[Snapshot, ReceivedFile]:
    """Receive one file, and add it to a session or refuse it.

    Raises:
        GraphError: 400 for a bad form or an invalid file, 404, 409, 412, 413, 415. A file that is invalid or too large
            is remembered as refused; its content is not stored.
    """
    with upload_stages("uploadFile") as stages:
        return await _upload(context, key, body, content_type, conditions, stages=stages)


async def _upload(
    context: Context,
    key: SessionKey,
    body: AsyncIterator[bytes],
    content_type: str | None,
    conditions: Conditions,
    *,
    stages: UploadStages,
) -> tuple[Snapshot, ReceivedFile]:
    config = context.settings
    new_file = FileUpload(context, key, conditions)
    try:
        # A small body is there at once: the read is sent first, and the body is checked while storage answers.
        await asyncio.sleep(0)
        with stages.receive:
            form = FormFile(content_type, max_form_bytes=config.max_form_bytes)
            received = await receive(form, body, new_file.steps, config, new_file.writer, stages=stages)
    except Exception:
        await asyncio.wait([new_file.session])
        # An error of the session takes precedence over an error of the body, but not over a cancellation: otherwise the
        # time limit of the upload would not end it.
        new_file.session.result()
        raise
    if received.refused:
        await new_file.session
        await new_file.writer.abandon()
        accounts = unmatched_list(new_file.matcher.unmatched) if new_file.matcher is not None else b""
        refusal = Refusal(received.name, utc_now(), max(1, received.report.finding_count), accounts)
        sha256 = None if received.too_large else received.sha256
        with stages.commit:
            remembered = await remember_refusal(context, key, refusal, conditions, size=received.size, sha256=sha256)
        stages.outcome = "refused"
        REFUSALS.add(1, {"uploads.reason": "tooLarge" if received.too_large else "invalid"})
        count_findings(received.report)
        raise refused(received, config, remembered, refusal_id=refusal.id if accounts else None)
    with stages.commit:
        snapshot, received = await _store(new_file, received, config)
    stages.outcome = "accepted"
    ROWS.add(received.report.rows, {"uploads.layout": received.report.layout or "none"})
    return snapshot, received


async def _store(new_file: FileUpload, received: ReceivedFile, config: Settings) -> tuple[Snapshot, ReceivedFile]:
    """Add a valid file to the session, with warnings about what is unusual for its resource and beside other files."""
    report = received.report
    try:
        file = StoredFile(
            id=new_file.file_id,
            name=received.name,
            size=received.size,
            sha256=received.sha256,
            rows=report.rows,
            layout=report.layout,
            warnings=report.warning_count,
            uploaded=utc_now(),
            made=await new_file.writer.settle_rows(report.made, new_file.directory),
        )
        known = await new_file.put_blob(file)
        if report.made is not None and file.made is None:
            file = file._replace(made=await make_rows(new_file, file, report.made, config))
    except BaseException:
        await new_file.writer.abandon()
        raise
    application = await new_file.application
    received = with_warnings(received, unexpected(report, application.description))
    file = file._replace(warnings=received.report.warning_count)
    snapshot = await new_file.add(file, known)
    return snapshot, with_warnings(received, new_file.warnings)


def with_warnings(received: ReceivedFile, warnings: Sequence[Finding]) -> ReceivedFile:
    """A valid file with warnings in addition to those of the validator."""
    report = received.report
    counted = report.warning_count + len(warnings)
    return received._replace(report=report._replace(warnings=(*warnings, *report.warnings), warning_count=counted))


async def receive(
    form: FormFile,
    body: AsyncIterator[bytes],
    steps: Callable[[], Awaitable["Steps"]],
    config: Settings,
    sink: Sink | None = None,
    *,
    stages: UploadStages,
) -> ReceivedFile:
    """Read a form to its end; its file is validated, digested and given to a ``sink`` with its rows on the way.

    After the first finding nothing more is given to the sink, which has abandoned the file.

    Args:
        form: an empty one.
        body: of the request.
        steps: what may be done with the file; asked for once, when the form has got to the file.
        config: limits and rules.
        sink: what takes the file and its rows.
        stages: the time that is spent.

    Raises:
        GraphError: 400 when the form is not valid; and what ``steps`` raises.
        ClientDisconnect: the client closed the connection.
        AzureError: a block could not be staged; and what ``steps`` raises.
    """
    # Imported here because it imports NumPy, which takes 40 ms, and only uploads need it.
    from shared.access_data.validator import Validator  # noqa: PLC0415

    validator: Validator | None = None
    digest = hashlib.sha256()
    size = rows_size = 0

    async def begun() -> Validator:
        return Validator(
            principal_types=config.principal_types,
            max_findings=config.max_findings,
            steps=await steps(),
            requires_object_ids=config.require_object_ids,
        )

    async def take_rows(validator: Validator) -> None:
        nonlocal rows_size
        rows = validator.take_rows()
        rows_size += len(rows)
        if rows and sink is not None and rows_size <= config.max_file_bytes:
            with stages.stage:
                await sink.write_rows(rows)

    async def check(validator: Validator, work: Iterator[None]) -> None:
        for _ in stages.validate.timed(work):
            await asyncio.sleep(0)
            await take_rows(validator)
        await take_rows(validator)

    try:
        async for piece in _slices(body):
            for data in form.feed(piece):
                validator = validator or await begun()
                size += len(data)
                if max(size, rows_size) <= config.max_file_bytes:
                    digest.update(data)
                    await check(validator, validator.feeding(data))
                    if sink is not None and not validator.finding_count:
                        with stages.stage:
                            await sink.write(data)
                if sink is not None and (max(size, rows_size) > config.max_file_bytes or validator.finding_count):
                    await sink.abandon()
                    sink = None
        name = form.close()
        validator = validator or await begun()
        await check(validator, validator.finishing())
    except BaseException:
        if sink is not None:
            await sink.abandon()
        raise
    too_large = max(size, rows_size) > config.max_file_bytes
    return ReceivedFile(name, size, digest.hexdigest(), validator.report(), too_large)


async def _slices(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in small pieces; other requests get a turn after each.

    The server passes on a quarter of a megabyte at a time, without waiting in between if the client is fast. A small
    request takes several turns of the event loop and would wait for an upload's work at each of them.
    """
    async for piece in body:
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece[start : start + _PIECE_BYTES]
            await asyncio.sleep(0)


def count_findings(report: Report) -> None:
    """Count the findings that the answer lists, by code."""
    for code, count in Counter(finding.code for finding in report.findings).items():
        FINDINGS.add(count, {"uploads.finding": code})


def refused(
    received: ReceivedFile, config: Settings, remembered: Remembered, *, refusal_id: str | None = None
) -> GraphError:
    """The error for a file that is refused: its findings, up to the limit of how many are listed, and what to do.

    Args:
        received: the file.
        config: the limits.
        remembered: what became of the refusal.
        refusal_id: that of a refusal with a list of accounts.
    """
    report = received.report
    extra: dict[str, Any] = {}
    if received.too_large:
        problem = FILE_TOO_LARGE
        reason = (
            f"'{received.name}', or what its rows are in Graph's form, is larger than {config.max_file_bytes} bytes, "
            "which is the limit for one file (UPLOADS_MAX_FILE_BYTES)."
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
        if any(finding.code in _ABOUT_COLUMNS for finding in report.findings):
            # A form can be filled in with them, to declare what they are.
            extra["columns"] = [shown(name) for name in report.columns]
        if refusal_id is not None and remembered == Remembered():
            extra["refusalId"] = refusal_id
            advice += (
                f" The accounts without a user can be downloaded from .../refusals/{refusal_id}/accounts, filled in, "
                "and added to the application's list (accup accounts add)."
            )
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
