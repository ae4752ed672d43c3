"""Audit records: who changed what, when, by which request. Plain Python without I/O.

A record is written in the same transaction as its change, so that neither exists without the other. Records are never
changed or removed. They hold ids, counts, digests and the names of files, never the content of files.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.core.ids import id_time, new_id, utc_now
from shared.domain.callers import Caller, GrantKey
from shared.domain.sessions import ResourceKey, SessionKey, StoredFile


class Activity(StrEnum):
    """The kind of change."""

    CREATE_SESSION = "createSession"
    UPLOAD_FILE = "uploadFile"
    DELETE_FILE = "deleteFile"
    DELETE_REFUSAL = "deleteRefusal"
    COMPLETE_SESSION = "completeSession"
    DELETE_SESSION = "deleteSession"
    EXPIRE_SESSION = "expireSession"
    REMOVE_FILES = "removeFiles"
    PUT_GRANT = "putGrant"
    DELETE_GRANT = "deleteGrant"
    PUT_RESOURCE = "putResource"
    DELETE_RESOURCE = "deleteResource"
    PUT_IMPORT = "putImport"
    DELETE_IMPORT = "deleteImport"
    PUT_ACCOUNTS = "putAccounts"
    DELETE_ACCOUNTS = "deleteAccounts"
    PUT_DIRECTORY = "putDirectory"
    DELETE_DIRECTORY = "deleteDirectory"
    DELIVER_SESSION = "deliverSession"
    REDELIVER_SESSION = "redeliverSession"


class Outcome(StrEnum):
    """The result. A refused file is also a change, because the session remembers it."""

    SUCCESS = "success"
    REFUSED = "refused"


class Actor(NamedTuple):
    """The caller and the request that make a change. Without a caller it is the service itself, such as its timer."""

    caller: Caller | None = None
    request_id: str | None = None

    @property
    def object_id(self) -> str | None:
        """The caller's id; ``None`` for the service itself, and where no authentication is required."""
        return self.caller.object_id or None if self.caller else None


SERVICE = Actor()


class Subject(NamedTuple):
    """The object that was changed: a session of a resource, or a grant for a resource or a whole catalog.

    Ids are lower-case GUIDs. The directory has none.
    """

    catalog_id: str | None = None
    resource_id: str | None = None
    session_id: str | None = None


def subject_of(key: SessionKey | GrantKey | ResourceKey | None) -> Subject:
    """The subject that a key names; ``None`` is for the directory."""
    if key is None:
        return Subject()
    if isinstance(key, SessionKey):
        return Subject(key.resource.catalog_id, key.resource.resource_id, key.session_id)
    return Subject(key.catalog_id, key.resource_id)


class AuditRecord(NamedTuple):
    """One record. Its id is time-ordered; ``details`` depend on the activity."""

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
        """The time of the change."""
        return id_time(self.id)


def new_record(
    activity: Activity,
    key: SessionKey | GrantKey | ResourceKey | None,
    actor: Actor,
    outcome: Outcome = Outcome.SUCCESS,
    **details: str | int | None,
) -> AuditRecord:
    """A record of a change that is about to be made."""
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


def file_details(file: StoredFile) -> dict[str, str | int]:
    """What a record tells of an accepted file."""
    return {"name": file.name, "size": file.size, "sha256": file.sha256, "fileId": file.id}
