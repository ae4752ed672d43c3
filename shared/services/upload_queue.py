"""What uploads into one session share within this process: each adds its file in turn, and knows what was just stored.

Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It saves
the reads of an upload that follows a create or another upload, and what a lost race costs.
"""

import asyncio
import time
from collections import OrderedDict
from weakref import WeakValueDictionary

from shared.domain.sessions import SessionKey, Snapshot

# An upload goes on from what was stored at most so long ago. The older it is, the likelier another process has changed
# the session since, which costs a lost race.
_RECENT_SECONDS = 1


class UploadQueue:
    """The queue of one session: a lock for adding a file, and the session's newest state that is known here."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._learned = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Remember the state that a create or an upload has just stored."""
        self._latest, self._learned = snapshot, time.monotonic()
        _keep(snapshot.session.key, self)

    def forget(self) -> None:
        """Forget the state, since the session was changed otherwise."""
        self._latest = None

    @property
    def recent(self) -> Snapshot | None:
        """The state that was stored last, if that was just now."""
        return self._latest if time.monotonic() < self._learned + _RECENT_SECONDS else None


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()

# Queues that exist only for what they remember, in the order in which they have learned it.
_kept: OrderedDict[SessionKey, UploadQueue] = OrderedDict()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session. It exists as long as an upload is in it or it remembers something."""
    return _queues.setdefault(key, UploadQueue())


def _keep(key: SessionKey, queue: UploadQueue) -> None:
    """Keep a queue while what it remembers is recent; those that are no longer are dropped."""
    _kept[key] = queue
    _kept.move_to_end(key)
    while _kept and next(iter(_kept.values())).recent is None:
        _kept.popitem(last=False)
