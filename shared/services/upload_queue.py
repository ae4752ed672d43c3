"""What uploads into one session share within this process: each adds its file in turn, and knows what was just stored.

Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It saves
calls, and what a lost race costs.
"""

import asyncio
import time
from collections import OrderedDict
from weakref import WeakValueDictionary

from shared.domain.sessions import SessionKey, Snapshot

# How long the state is known that a create or an upload has stored, while no other upload is in the queue.
_KEPT_SECONDS = 1


class UploadQueue:
    """The queue of one session: a lock for adding a file, and the newest state that this process has stored."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.latest: Snapshot | None = None
        self._learned_at = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Remember the state that a create or an upload has stored."""
        self.latest, self._learned_at = snapshot, time.monotonic()
        _keep(snapshot.session.key, self)

    def learned_since(self, moment: float) -> Snapshot | None:
        """The newest state, if this process has stored it since a moment of the monotonic clock."""
        return self.latest if self._learned_at > moment else None

    @property
    def recent(self) -> Snapshot | None:
        """The newest state, if this process has just stored it."""
        return self.learned_since(time.monotonic() - _KEPT_SECONDS)


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()

# Queues that are kept although no upload may be in them; the one that has learned something last is the last.
_kept: OrderedDict[SessionKey, UploadQueue] = OrderedDict()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session. It exists while an upload is in it, and a little longer."""
    return _queues.setdefault(key, UploadQueue())


def _keep(key: SessionKey, queue: UploadQueue) -> None:
    """Keep a queue, and no longer those that have learned nothing recently."""
    _kept[key] = queue
    _kept.move_to_end(key)
    while _kept and next(iter(_kept.values())).recent is None:
        _kept.popitem(last=False)
