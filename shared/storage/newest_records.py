"""Reads the audit records of one resource, the newest first.

Rows are sorted in one direction only. So a page goes back in time by spans, each of which is read whole. They become
longer as long as they hold little.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.core.ids import id_prefix, prefix_time, utc_now
from shared.domain.audit import AuditRecord
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import EARLIEST, MAX_RECORDS_READ, AuditLog, Span
from shared.storage.azure.table import first_rows

# How long the first span is, how much longer each is than the one before, and the shortest, which is read whatever it
# holds: a partition takes at most 2,000 entities a second.
_FIRST_SECONDS = 3600
_FACTOR = 4
_SHORTEST_SECONDS = 1

# Sorts after every id.
_LATEST = "~"


class Before(NamedTuple):
    """Where a page ended: before the record of this id, or of all with this prefix; and how long the next span is."""

    record_id: str = _LATEST
    seconds: int = _FIRST_SECONDS

    @property
    def time(self) -> datetime:
        """The time of the record, or now."""
        return utc_now() if self.record_id == _LATEST else prefix_time(self.record_id)


class NewestPage(NamedTuple):
    """Records, the newest first, and where the next page starts; ``None`` on the last page."""

    records: list[AuditRecord]
    end: Before | None


async def newest_records(
    log: AuditLog,
    resource: ResourceKey,
    keeps: Callable[[AuditRecord], bool],
    *,
    since: datetime | None,
    before: Before | None,
    size: int,
) -> NewestPage:
    """Records of a resource and of its catalog's grants, the newest first, not older than ``since``.

    A page reads at most ``MAX_RECORDS_READ`` records, and so may end early.
    """
    end = before or Before()
    earliest = max(since or EARLIEST, EARLIEST)
    found: list[AuditRecord] = []
    left = MAX_RECORDS_READ
    while True:
        seconds = end.seconds
        begin = max(end.time - timedelta(seconds=seconds), earliest)
        records = await _span(log, resource, id_prefix(begin), end.record_id)
        if len(records) > left and seconds > _SHORTEST_SECONDS:
            return NewestPage(found, end._replace(seconds=max(seconds // _FACTOR, _SHORTEST_SECONDS)))
        left -= len(records)
        for record in reversed(records):
            if len(found) == size:
                return NewestPage(found, end)
            end = Before(record.id, seconds)
            if keeps(record):
                found.append(record)
        if begin == earliest:
            return NewestPage(found, None)
        end = Before(id_prefix(begin), seconds * _FACTOR)


async def _span(log: AuditLog, resource: ResourceKey, first: str, end: str) -> list[AuditRecord]:
    """The records between two ids, or so many of them that there are too many for a page."""
    places = (resource.catalog_id, f"{resource.catalog_id}_{resource.resource_id}")
    parts = await asyncio.gather(
        *(first_rows(log.records(Span("", place, first, end, None)), MAX_RECORDS_READ + 1) for place in places)
    )
    return sorted((record for part in parts for record in part), key=lambda record: record.id)
