"""What the targets of deliveries have asked for, whichever process heard it: pauses, rates, and no more requests.

A row for each target and address, in the table of the expiry index beside the noted times: with another address nothing
is known.
"""

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.data.tables import UpdateMode

from shared.core.settings import Settings
from shared.domain.deliveries import Target
from shared.storage.azure.table import Table, instant
from shared.storage.indexes.timer_note import NOTE_KEY

_NEVER = datetime(2026, 1, 1, tzinfo=UTC)


class TargetNote(NamedTuple):
    """What is known of a target.

    ``not_before`` is when the next request may be sent; ``agreed_until`` when a receiver has to be asked again whether
    it wants events, of which it takes ``per_minute``, or any number; ``gone`` if it wants no more of them.
    """

    not_before: datetime = _NEVER
    agreed_until: datetime = _NEVER
    per_minute: int | None = None
    gone: bool = False
    etag: str = ""


class TargetNotes:
    """The notes of an account. Each change is one of some properties, so that none undoes another."""

    def __init__(self, expiry: Table, config: Settings) -> None:
        self._rows = expiry
        self._addresses = {Target.GRAPH: config.forward_url, Target.EVENTS: config.events_url}

    async def get(self, target: Target) -> TargetNote:
        """What is known of a target, by a point read."""
        row = await self._rows.get(*self._keys(target).values())
        if row is None:
            return TargetNote()
        return TargetNote(
            instant(row.get("NotBefore", _NEVER)),
            instant(row.get("AgreedUntil", _NEVER)),
            row.get("PerMinute") or None,
            row.get("Gone", False),
            row.metadata["etag"],  # type: ignore[attr-defined]  # rows are TableEntity, which has it
        )

    async def pause(self, target: Target, until: datetime) -> None:
        """Note that nothing is to be sent until then."""
        await self._merge(target, NotBefore=until)

    async def agree(self, target: Target, until: datetime, per_minute: int | None) -> None:
        """Note that a receiver wants events until then, and how many."""
        await self._merge(target, AgreedUntil=until, PerMinute=per_minute or 0)

    async def leave(self, target: Target, *, gone: bool) -> None:
        """Note that a receiver wants no more events, or may want them again."""
        await self._merge(target, Gone=gone)

    async def take_turn(self, target: Target, note: TargetNote, until: datetime) -> bool:
        """Keep others from sending until then; false if somebody else was faster."""
        entity = {**self._keys(target), "NotBefore": until}
        condition = {"etag": note.etag, "match_condition": MatchConditions.IfNotModified}
        try:
            await self._rows.submit([("update", entity, {"mode": UpdateMode.MERGE, **condition})])
        except HttpResponseError as error:
            if error.status_code != 412:
                raise
            return False
        return True

    async def _merge(self, target: Target, **what: datetime | int | bool) -> None:
        await self._rows.submit([("upsert", {**self._keys(target), **what}, {"mode": UpdateMode.MERGE})])

    def _keys(self, target: Target) -> dict[str, str]:
        digest = hashlib.sha256(str(self._addresses[target]).encode()).hexdigest()
        return {"PartitionKey": NOTE_KEY[0], "RowKey": f"target:{target}:{digest}"}
