"""What uploads into one session share within this process: each adds its file in turn, and tells the next its result.

Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It saves
what a lost race costs.
"""

import asyncio
import time
from weakref import WeakValueDictionary

from shared.domain.sessions import SessionKey, Snapshot


class UploadQueue:
    """The queue of one session: a lock for adding a file, and the newest state that an upload in it has stored."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._learned_at = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Remember the state that an upload has stored."""
        self._latest, self._learned_at = snapshot, time.monotonic()

    def learned_since(self, moment: float) -> Snapshot | None:
        """The newest state, if it was stored since a moment of the monotonic clock."""
        return self._latest if self._learned_at > moment else None


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session. It exists while an upload is in it."""
    return _queues.setdefault(key, UploadQueue())
