"""Stops this timer if another deployment on the same tables keeps sessions longer.

The timer notes in storage with which times it runs. A timer with a shorter time than noted does nothing, until the note
has not been renewed for ``NOTE_LASTS``, as after a change of the settings, or until the operator deletes the note.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.core.settings import Settings
from shared.storage.azure.table import Table, instant

NOTE_LASTS = timedelta(hours=24)
NOTE_KEY = ("settings", "times")

# A tick renews the note only if it is this old, which saves a call.
_RENEW_AFTER = timedelta(hours=1)

_FOREVER = -1


class Conflict(NamedTuple):
    """Another deployment, or this one before a change, keeps sessions or files for longer than this one would."""

    settings: tuple[str, ...]
    until: datetime


class TimerNote:
    """The times that timers have noted that use a storage account, in the table of the expiry index."""

    def __init__(self, expiry: Table, config: Settings) -> None:
        self._expiry = expiry
        self._own = {
            "UPLOADS_IDLE_SECONDS": config.idle_seconds,
            "UPLOADS_GRACE_SECONDS": config.grace_seconds,
            "UPLOADS_RETENTION_SECONDS": _FOREVER if config.retention_seconds is None else config.retention_seconds,
        }

    async def conflict(self, now: datetime) -> Conflict | None:
        """What keeps this timer from running now; notes its own times if there is nothing.

        Raises:
            AzureError: storage failed.
        """
        noted = await self._expiry.get(*NOTE_KEY)
        if noted is not None:
            until = instant(noted["Seen"]) + NOTE_LASTS
            shorter = tuple(name for name, own in self._own.items() if _shorter(own, noted[name]))
            if shorter and now < until:
                return Conflict(shorter, until)
            if now < until - NOTE_LASTS + _RENEW_AFTER and all(noted[name] == own for name, own in self._own.items()):
                return None
        partition, row = NOTE_KEY
        await self._expiry.upsert({"PartitionKey": partition, "RowKey": row, "Seen": now, **self._own})
        return None


def _shorter(own: int, noted: int) -> bool:
    return own != _FOREVER and (noted == _FOREVER or own < noted)
