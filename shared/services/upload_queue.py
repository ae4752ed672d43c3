"""Lets uploads into one session within this process add their files in turn, and learn from each other."""

import asyncio
import time
from weakref import WeakValueDictionary

from shared.domain.sessions import SessionKey
from shared.services.sessions import Snapshot

# An upload goes on from what another one has stored at most so long ago. The older it is, the likelier another process
# has changed the session since, which costs a lost race.
_RECENT_SECONDS = 1


class UploadQueue:
    """Lets one upload at a time add its file to a session, and passes its result to the others of this process.

    Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It
    saves the reads of an upload that follows another one, and the reads and the write that losing a race costs.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._learned = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Keep the state of the session that an upload has just stored."""
        self._latest, self._learned = snapshot, time.monotonic()

    @property
    def recent(self) -> Snapshot | None:
        """The state that the last upload has stored, if it is recent."""
        return self._latest if time.monotonic() < self._learned + _RECENT_SECONDS else None


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session, which exists as long as an upload is in it."""
    return _queues.setdefault(key, UploadQueue())
