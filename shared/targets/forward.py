"""Forwards a complete session to Microsoft Graph as a careful person would, and can be repeated at any point.

What is at the target is read before anything is sent, and compared with the manifest before and after it is marked as
done. So there is never more than one complete session there for one of ours, and never one with less than ours has.
What could not be compared is not the same: where the target tells no digest, a file that this attempt has not sent is
read back. ``accup`` follows the same rule (``client/src/accup/evidence.py``), and both pass the cases of
``tests/support/completion_cases.py``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

from shared.domain.deliveries import DeliveryError
from shared.domain.sessions import Session, StoredFile
from shared.targets.graph_answers import (
    ConflictError,
    NotThereError,
    TargetFile,
    TargetSession,
    UnexpectedChangeError,
)
from shared.targets.graph_client import GraphClient

Read = Callable[[StoredFile], Awaitable[AsyncIterator[bytes]]]
Remember = Callable[[str], Awaitable[None]]
AllowsChange = Callable[[], Awaitable[bool]]

# The pause until the target may show what it has accepted: sent once more, a file would be there twice.
_SETTLES = timedelta(minutes=1)
# The pause if the target does not give back what it has, so that its session is left to expire there.
_EXPIRES = timedelta(minutes=30)


async def forward(
    client: GraphClient,
    session: Session,
    files: Sequence[StoredFile],
    *,
    target_id: str | None,
    remember: Remember,
    read: Read,
    allows_change: AllowsChange,
) -> None:
    """Bring the target to where we are.

    Args:
        client: the resource at the target.
        session: ours, which is complete.
        files: ours.
        target_id: the target's session, if an earlier attempt has stored one.
        remember: stores the id of the target's session; called before the first file is sent.
        read: gives a file's bytes.
        allows_change: whether our session was completed with the preference ``allow-change``.

    Raises:
        DeliveryError: not now, or not at all.
    """
    there = await _find(client, session, target_id) or await _create(client, session)
    if there.id != target_id:
        await remember(there.id)
    sealed = False
    if there.status == "active":
        try:
            sealed = await _fill(client, there, files, read, allows_change)
        except DeliveryError as error:
            if not error.final:
                raise
            # The target also refuses what comes after its session has ended, so that only an active one tells.
            there = await client.read(there.id)
            if there.status == "active":
                raise
        else:
            there = await client.read(there.id)
    if there.status != "complete":
        raise DeliveryError(f"The target's session is {there.status}, and not complete.")
    if not _is_equal(there, files):
        if sealed:
            raise _not_yet(there, files)
        raise DeliveryError(
            "The target's session was completed by somebody else, and does not have the files of this session. It "
            "cannot be reopened there: the data needs another review instance.",
            final=True,
        )


async def _fill(
    client: GraphClient, there: TargetSession, files: Sequence[StoredFile], read: Read, allows_change: AllowsChange
) -> bool:
    """Send the files that are missing, and mark the target's session as done if it has exactly ours.

    Returns whether it was marked; else somebody has ended it meanwhile.
    """
    missing = _missing(there, files)
    await _check_contents(client, there, files)
    expected = len(there.files), sum(file.size for file in there.files)
    for file in missing:
        expected = expected[0] + 1, expected[1] + file.size
        answered = await client.upload(there.id, file, await read(file))
        if answered.counts not in (None, expected):
            raise DeliveryError(f"{_counted(answered)} after an upload, and there should be {_words(expected)}.")
    there = await client.read(there.id)
    if there.status != "active":
        return False
    if _missing(there, files) or there.counts is None:
        raise _not_yet(there, files)
    try:
        await client.complete(there)
    except UnexpectedChangeError:
        if not await allows_change():
            raise
        await client.complete(there, allow_change=True)
    return True


async def _check_contents(client: GraphClient, there: TargetSession, files: Sequence[StoredFile]) -> None:
    """See that what the target has already, and tells no digest of, has the contents of ours.

    Raises:
        DeliveryError: it has others, or it does not give them back.
    """
    ours = {file.name: file for file in files}
    for each in there.files:
        if each.sha256 is not None:
            continue
        found = await client.digest(there.id, each)
        if found is None:
            raise DeliveryError(
                "The target's upload session has files from before this attempt, and does not give them back, so that "
                "they cannot be compared. It is not completed. When it has expired there, all files are sent into a "
                "new one; to have that sooner, delete it there.",
                retry_after=_EXPIRES,
            )
        if found != ours[each.name].sha256:
            raise _other_content()


async def _find(client: GraphClient, session: Session, target_id: str | None) -> TargetSession | None:
    """The target's session for the review instance that still counts: complete, else active; ``None`` without one."""

    def counts(there: TargetSession) -> bool:
        ours = there.reference_id.lower() == session.review.instance_id.lower()
        return ours and there.status in ("active", "complete")

    if target_id is not None:
        try:
            known = await client.read(target_id)
        except NotThereError:
            known = None
        if known is not None and counts(known):
            return known
    found = filter(counts, await client.find(session.review.instance_id))
    first = min(found, key=lambda each: each.status != "complete", default=None)
    return await client.read(first.id) if first else None


async def _create(client: GraphClient, session: Session) -> TargetSession:
    try:
        return await client.create(session.review)
    except ConflictError:
        # Made by an attempt whose answer was lost, or by somebody else at this moment.
        there = await _find(client, session, None)
        if there is None:
            raise
        return there


def _compare(there: TargetSession, files: Sequence[StoredFile]) -> tuple[list[StoredFile], list[TargetFile]]:
    """Which files of ours the target does not have, and which it has that are none of ours, or are there once more."""
    missing = {file.name: file for file in files}
    others = []
    for each in there.files:
        if each.name in missing and _is_same(each, missing[each.name]):
            del missing[each.name]
        else:
            others.append(each)
    return list(missing.values()), others


def _is_same(there: TargetFile, file: StoredFile) -> bool:
    """Whether a file is ours: by name, size and, where the target tells it, digest."""
    return (there.name, there.size, there.sha256 or file.sha256) == (file.name, file.size, file.sha256)


def _is_equal(there: TargetSession, files: Sequence[StoredFile]) -> bool:
    """Whether the target has each of our files once, nothing else, and counts them so."""
    return _compare(there, files) == ([], []) and there.counts == _total(files)


def _missing(there: TargetSession, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Which files have to be sent.

    Raises:
        DeliveryError: the target has something else than files of ours, each once, or does not count what it lists.
    """
    missing, others = _compare(there, files)
    if not all(any(_is_same(each, file) for file in files) for each in others):
        raise _other_content()
    if others or there.counts not in (None, _total(there.files)):
        raise _not_yet(there, files)
    return missing


def _other_content() -> DeliveryError:
    return DeliveryError(
        "The target's upload session has a file that this session does not have, or that has other content: somebody "
        "else uploaded it. Delete the target's session, or wait until it expires, and have this one delivered again.",
        final=True,
    )


def _not_yet(there: TargetSession, files: Sequence[StoredFile]) -> DeliveryError:
    return DeliveryError(
        f"{_counted(there)}, lists {_words(_total(there.files))}, and there should be {_words(_total(files))}.",
        retry_after=_SETTLES,
    )


def _counted(there: TargetSession) -> str:
    return f"The target counts {'nothing' if there.counts is None else _words(there.counts)}"


def _words(counts: tuple[int, int]) -> str:
    return "{} files and {} bytes".format(*counts)


def _total(files: Sequence[StoredFile | TargetFile]) -> tuple[int, int]:
    return len(files), sum(file.size for file in files)
