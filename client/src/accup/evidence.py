"""What a session must be seen to have before it is completed, and after: the rule, without I/O.

A completion cannot be undone, so it needs evidence: the whole list of the session's files is compared, each as often as
it is there, by name, size and digest. What could not be compared counts as different. The service's own forwarding
follows the same rule (``shared/targets/forward.py``), and both pass the cases of ``tests/support/completion_cases.py``.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from accup.api.models import Session, StoredFile
from accup.api.multipart import normalized


class Proof(Enum):
    """How the contents of a stored file were seen to be those of the local one; the value is for the receipt."""

    DIGEST = "sha256"
    READ_BACK = "contents"
    SENT = "size"


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that the session must have exactly once; ``size`` in bytes, ``sha256`` in hex.

    ``proof`` says how its contents are known where the service tells no digest; ``None`` if they are not. ``id`` is
    that of the stored file that the proof is about, if the service has told it.
    """

    name: str
    size: int
    sha256: str | None
    proof: Proof | None = None
    id: str | None = None

    def proof_of(self, stored: StoredFile) -> Proof | None:
        """How the stored file of this name is known to be this one; ``None`` if it is another, or not known."""
        if stored.size != self.size:
            return None
        if stored.sha256 is not None:
            return Proof.DIGEST if stored.sha256.lower() == self.sha256 else None
        return self.proof if self.id in (None, stored.id) else None

    def differs_from(self, stored: StoredFile) -> bool:
        """Whether the stored file certainly has other contents."""
        return stored.size != self.size or (stored.sha256 is not None and stored.sha256.lower() != self.sha256)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A session's list beside the files that it must have: the names for which something is wrong, and other files."""

    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    differing: tuple[str, ...]
    unproven: tuple[str, ...]
    others: tuple[StoredFile, ...]
    is_counted: bool
    """Whether the session counts what it lists."""

    @property
    def holds(self) -> bool:
        """Whether each file is there once and known to be the same, whatever else is there."""
        return self.is_counted and not (self.missing or self.repeated or self.differing or self.unproven)


def compare(expected: Iterable[Expected], session: Session) -> Comparison:
    """Compare a session with the files that it must have."""
    wanted = {file.name: file for file in expected}
    # Graph may have a name in another Unicode form; those here are normalized.
    stored = {normalized(file.name): file for file in session.files}
    there = [(file, stored[name]) for name, file in wanted.items() if name in stored]
    differing = tuple(file.name for file, found in there if file.differs_from(found))
    return Comparison(
        missing=tuple(name for name in wanted if name not in stored),
        repeated=repeated(session),
        differing=differing,
        unproven=tuple(
            file.name for file, found in there if file.name not in differing and file.proof_of(found) is None
        ),
        others=others(session, wanted),
        is_counted=is_counted(session),
    )


def repeated(session: Session) -> tuple[str, ...]:
    """The names under which a session has more than one file."""
    return tuple(name for name, count in Counter(normalized(file.name) for file in session.files).items() if count > 1)


def others(session: Session, names: Collection[str]) -> tuple[StoredFile, ...]:
    """The session's files with other names than these."""
    return tuple(file for file in session.files if normalized(file.name) not in names)


def is_counted(session: Session) -> bool:
    """Whether a session's numbers are those of its list; true if it has none."""
    if session.body.get("stats") is None:
        return True
    return (session.files_uploaded, session.total_bytes) == (
        len(session.files),
        sum(file.size for file in session.files),
    )


def same_list(one: Session, other: Session) -> bool:
    """Whether two reads of a session show the same files."""
    return Counter(map(_key, one.files)) == Counter(map(_key, other.files))


def _key(file: StoredFile) -> tuple[str, str, int, str | None]:
    return file.id, file.name, file.size, file.sha256
