"""Forwards a complete session to Microsoft Graph as a careful person would, and can be repeated at any point.

What is at the target is read before anything is sent, and compared with the manifest before it is marked done. So there
is never more than one complete session there for one of ours, and never one with less than ours has.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from shared.core.ids import format_instant, utc_now
from shared.domain.deliveries import LONGEST_PAUSE, DeliveryError
from shared.domain.sessions import Session, StoredFile
from shared.targets.graph_client import GraphClient, NotThereError, TakenError, TargetSession

Read = Callable[[StoredFile], Awaitable[AsyncIterator[bytes]]]
Remember = Callable[[str], Awaitable[None]]


async def forward(
    client: GraphClient,
    session: Session,
    files: Sequence[StoredFile],
    *,
    target_id: str | None,
    remember: Remember,
    read: Read,
) -> None:
    """Bring the target to where we are.

    Args:
        client: the resource at the target.
        session: ours, which is complete.
        files: ours.
        target_id: the target's session, if an earlier attempt has stored one.
        remember: stores the id of the target's session; called before the first file is sent.
        read: gives a file's bytes.

    Raises:
        DeliveryError: not now, or not at all.
    """
    there = await _find(client, session, target_id) or await _create(client, session)
    if there.id != target_id:
        await remember(there.id)
    if there.status == "active":
        try:
            await _fill(client, there, files, read)
        except DeliveryError as error:
            if not error.final:
                raise _in_time(error, there) from error
            # The target also refuses what comes after its session has ended, so that only an active one tells.
            there = await client.read(there.id)
            if there.status == "active":
                raise
        else:
            there = await client.read(there.id)
    _check_complete(there, files)


async def _fill(client: GraphClient, there: TargetSession, files: Sequence[StoredFile], read: Read) -> None:
    """Send the files that are missing, and mark the target's session as done if it has exactly ours."""
    for file in _missing(there, files):
        await client.upload(there.id, file, await read(file))
    there = await client.read(there.id)
    if there.status == "active":
        _check_same(there, files)
        await client.complete(there)


def _in_time(error: DeliveryError, there: TargetSession) -> DeliveryError:
    """The same error, urgent if the target's session expires before an attempt after the longest pause."""
    if error.final or there.expires is None or there.expires - utc_now() > 2 * LONGEST_PAUSE:
        return error
    message = f"{error.message} The target's session expires at {format_instant(there.expires)}."
    return DeliveryError(message, retry_after=error.retry_after, urgent=True)


async def _find(client: GraphClient, session: Session, target_id: str | None) -> TargetSession | None:
    """The target's session for the review instance that still counts: active or complete; ``None`` if there is none."""
    if target_id is not None:
        try:
            known = await client.read(target_id)
        except NotThereError:
            known = None
        if known is not None and known.status in ("active", "complete"):
            return known
    found = [each for each in await client.find(session.review.instance_id) if each.status in ("active", "complete")]
    return await client.read(found[0].id) if found else None


async def _create(client: GraphClient, session: Session) -> TargetSession:
    try:
        return await client.create(session.review)
    except TakenError as error:
        # Made by an attempt whose answer was lost, or by somebody else at this moment.
        if error.session_id is not None:
            return await client.read(error.session_id)
        there = await _find(client, session, None)
        if there is None:
            raise
        return there


def _missing(there: TargetSession, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Which files have to be sent.

    Raises:
        DeliveryError: the target has a file that is none of ours.
    """
    if not _all_ours(there, files):
        raise DeliveryError(
            "The target's upload session has a file that this session does not have, or that has other content: "
            "somebody else uploaded it. Delete the target's session, or wait until it expires, and have this one "
            "delivered again.",
            final=True,
        )
    sent = {file.name for file in there.files}
    return [file for file in files if file.name not in sent]


def _all_ours(there: TargetSession, files: Sequence[StoredFile]) -> bool:
    """Whether the target has only files of ours, by name, size and, where the target tells it, digest."""
    ours = {file.name: (file.size, file.sha256) for file in files}
    return all(
        file.name in ours and (file.size, file.sha256 or ours[file.name][1]) == ours[file.name] for file in there.files
    )


def _check_same(there: TargetSession, files: Sequence[StoredFile]) -> None:
    _missing(there, files)
    total = sum(file.size for file in files)
    if (there.files_uploaded, there.total_bytes) != (len(files), total):
        raise DeliveryError(
            f"The target counts {there.files_uploaded} files and {there.total_bytes} bytes, and there should be "
            f"{len(files)} and {total}. It is not marked as done."
        )


def _check_complete(there: TargetSession, files: Sequence[StoredFile]) -> None:
    total = sum(file.size for file in files)
    if there.status != "complete":
        raise DeliveryError(f"The target's session is {there.status}, and not complete.")
    same = (there.files_uploaded, there.total_bytes) == (len(files), total)
    if not same or not _all_ours(there, files):
        raise DeliveryError(
            "The target's session was completed by somebody else, and does not have the files of this session. It "
            "cannot be reopened there: the data needs another review instance.",
            final=True,
        )
