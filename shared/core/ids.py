"""Ids and times, both with millisecond precision, so that sorting by id is sorting by creation."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def _system_clock() -> datetime:
    return datetime.now(UTC)


clock: Callable[[], datetime] = _system_clock
"""Where the app reads the time, and nowhere else: a test that moves time puts its own here."""


def utc_now() -> datetime:
    """The current time in UTC, truncated to milliseconds."""
    now = clock()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def new_id(at: datetime) -> str:
    """A new UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits.

    Time-ordered, so that a list by creation is a range scan; random enough that an id cannot be guessed.
    """
    milliseconds = round(at.timestamp() * 1000)
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(UUID(int=value))


def derived_id(at: datetime, other: str) -> str:
    """An id as ``new_id`` makes it, but always the same for a time and another such id."""
    random_part = UUID(other).int & ((1 << 76) - 1)
    milliseconds = round(at.timestamp() * 1000)
    return str(UUID(int=(milliseconds << 80) | (0x7 << 76) | random_part))


def id_time(identifier: str) -> datetime:
    """When ``new_id`` created this id."""
    return datetime.fromtimestamp((UUID(identifier).int >> 80) / 1000, UTC)


ID_PREFIX_LENGTH = len("00000000-0000")
"""Length of the part of an id that holds the milliseconds."""


def id_prefix(at: datetime) -> str:
    """The common prefix of all ids of one millisecond. It sorts before them and after all older ids."""
    milliseconds = f"{max(0, int(at.timestamp() * 1000)):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}"


def prefix_time(text: str) -> datetime:
    """The time of an id, or of a prefix that ``id_prefix`` made."""
    return id_time(f"{text[:ID_PREFIX_LENGTH]}-7000-8000-000000000000")


def parse_guid(text: str) -> str | None:
    """The GUID in lower case, or ``None`` if this is not one in its 8-4-4-4-12 form (Edm.Guid of OData 4.01)."""
    return text.lower() if GUID.fullmatch(text) else None


def format_instant(at: datetime) -> str:
    """A time as Graph writes it: ISO 8601, UTC, ``Z``, always with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
