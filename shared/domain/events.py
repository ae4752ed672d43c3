"""Events for everybody who wants to know what became of a session: thin, with ids, counts and digests only.

CloudEvents 1.0 (cloudevents.io): what an event is. A reader follows the links with its own rights.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.core.ids import id_time
from shared.domain.sessions import SessionKey


class EventType(StrEnum):
    """What happened; the value is the ``type`` of the event."""

    COMPLETED = "uploads.session.completed"
    EXPIRING = "uploads.session.expiring"
    EXPIRED = "uploads.session.expired"
    FILE_REFUSED = "uploads.file.refused"
    DELIVERED = "uploads.session.delivered"
    DELIVERY_FAILED = "uploads.session.deliveryFailed"


class Event(NamedTuple):
    """Something that happened to a session. ``id`` is time-ordered, and the same whenever the event is sent."""

    id: str
    type: EventType
    key: SessionKey
    data: Mapping[str, str | int | None]

    @property
    def time(self) -> datetime:
        """When it happened."""
        return id_time(self.id)
