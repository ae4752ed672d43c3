"""Audit records: who changed what, when, by which request. Plain Python without I/O.

A record is written in the same transaction as its change, so that there is none without the other; nothing changes or
removes one. It holds ids, counts and digests, and the names of files, never what is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.core.ids import id_time, new_id, utc_now
from shared.domain.callers import Caller, GrantKey
from shared.domain.lifecycle import SessionKey


class Activity(StrEnum):
    """What was done."""

    CREATE_SESSION = "createSession"
    UPLOAD_FILE = "uploadFile"
    COMPLETE_SESSION = "completeSession"
    DELETE_SESSION = "deleteSession"
    EXPIRE_SESSION = "expireSession"
    PUT_GRANT = "putGrant"
    DELETE_GRANT = "deleteGrant"


class Outcome(StrEnum):
    """How it went: a refused file is a change, too, since the session remembers it."""

    SUCCESS = "success"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and by which request. Without a caller it is the service itself: its timer, its rules."""

    caller: Caller | None = None
    request_id: str | None = None

    @property
    def object_id(self) -> str | None:
        """The caller's id; ``None`` for the service itself, and where nobody is asked who they are."""
        return self.caller.object_id or None if self.caller else None


SERVICE = Actor()


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed, by lower-case GUIDs: a session of a resource; or a grant, perhaps of a whole catalog."""

    catalog_id: str
    resource_id: str | None = None
    session_id: str | None = None


def subject_of(key: SessionKey | GrantKey) -> Subject:
    """The subject that a key names."""
    if isinstance(key, SessionKey):
        return Subject(key.resource.catalog_id, key.resource.resource_id, key.session_id)
    return Subject(key.catalog_id, key.resource_id)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record. Its id is time-ordered; ``details`` are what the activity has to say."""

    id: str
    activity: Activity
    outcome: Outcome
    subject: Subject
    tenant_id: str | None
    object_id: str | None
    app_id: str | None
    request_id: str | None
    details: Mapping[str, str | int | None]

    @property
    def at(self) -> datetime:
        """When it was done."""
        return id_time(self.id)


def new_record(
    activity: Activity,
    key: SessionKey | GrantKey,
    actor: Actor,
    outcome: Outcome = Outcome.SUCCESS,
    **details: str | int | None,
) -> AuditRecord:
    """A record of something that is about to be done."""
    caller = actor.caller
    return AuditRecord(
        id=new_id(utc_now()),
        activity=activity,
        outcome=outcome,
        subject=subject_of(key),
        tenant_id=(caller and caller.tenant_id) or None,
        object_id=actor.object_id,
        app_id=(caller and caller.app_id) or None,
        request_id=actor.request_id,
        details=details,
    )
