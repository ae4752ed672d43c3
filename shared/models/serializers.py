"""The JSON of sessions, files, grants and audit records, in both dialects."""

from datetime import datetime, timedelta
from typing import cast

from shared.access_data.steps.declaration import Declaration
from shared.core.ids import format_instant
from shared.domain.audit import AuditRecord
from shared.domain.callers import Grant
from shared.domain.deliveries import Delivery, DeliveryState
from shared.domain.directory import Directory
from shared.domain.lifecycle import expires_at, status_at
from shared.domain.resources import ResourceDescription, VisibleResource
from shared.domain.sessions import Refusal, ResourceKey, Session, Status, StoredFile
from shared.models import responses
from shared.models.dialects import Dialect

GRAPH = "#microsoft.graph."
SESSION_TYPE = f"{GRAPH}customDataProvidedResourceAccessReviewUploadSession"
FOUNDING_DATA_TYPE = f"{GRAPH}accessReviewResourceDataUploadSessionContextData"


def session_json(session: Session, *, dialect: Dialect, now: datetime, idle: timedelta) -> responses.Session:
    """A session's JSON in a dialect, without its files.

    v1.0 paths always have the v1.0 shape; beta paths have the founding shape if the session has ``source``.
    """
    review = session.review
    founding = dialect is Dialect.BETA and review.source is not None
    expires = expires_at(session, idle)
    status = status_at(session, now, idle)
    shape: responses.Session = {
        "@odata.etag": session.etag,
        "id": session.key.session_id,
        "createdDateTime": format_instant(session.created),
        "status": status.value,
        "isUploadDone": status.value == "complete",
        "referenceId": review.instance_id,
        "expirationDateTime": format_instant(expires) if expires else None,
    }
    if founding:
        shape |= {
            "source": review.source,
            "type": review.type,
            "data": {
                "@odata.type": review.data_type or FOUNDING_DATA_TYPE,
                "accessReviewId": review.definition_id,
                "accessReviewInstanceId": review.instance_id,
            },
        }
    else:
        shape = {"@odata.type": SESSION_TYPE, **shape}
        shape["data"] = {
            "@odata.type": f"{GRAPH}customDataProvidedResourcePayloads.accessReviewContextData",
            "reviewDefinitionId": review.definition_id,
            "reviewInstanceId": review.instance_id,
        }
    shape["stats"] = {"filesUploaded": session.files_uploaded, "totalBytesUploaded": session.total_bytes}
    if status is Status.COMPLETE:
        shape["@uploads.receipt"] = _receipt_json(session)
    return shape


def _receipt_json(session: Session) -> responses.Receipt:
    """What a complete session was completed with. It does not change after that, so ``last_active`` is when."""
    sealed, removed = session.sealed, session.files_removed
    return {
        "completedDateTime": format_instant(session.last_active),
        "completedBy": {"objectId": sealed and sealed.object_id, "appId": sealed and sealed.app_id},
        "fileCount": None if sealed is None else sealed.files,
        "rowCount": None if sealed is None else sealed.rows,
        "totalBytes": None if sealed is None else sealed.size,
        "filesRemovedDateTime": format_instant(removed) if removed else None,
    }


def file_json(file: StoredFile) -> responses.File:
    """A file's JSON."""
    shape: responses.File = {
        "id": file.id,
        "name": file.name,
        "size": file.size,
        "uploadedDateTime": format_instant(file.uploaded),
        "@uploads.rowCount": file.rows,
        "@uploads.sha256": file.sha256,
        "@uploads.warningCount": file.warnings,
        "@uploads.rows": rows_json(file),
    }
    if file.layout is not None:
        shape["@uploads.layout"] = file.layout
    return shape


def rows_json(file: StoredFile) -> responses.Rows | None:
    """The rows that are stored beside a file; ``None`` if it is its own rows."""
    made = file.made
    if made is None:
        return None
    used = made.directory
    return {
        "layout": file.layout or "",
        "sha256": made.sha256,
        "size": made.size,
        "rowCount": file.rows,
        "steps": list(made.steps),
        "matched": dict(made.matched),
        "leftOut": made.left_out,
        "directory": used and {"sha256": used.sha256, "uploadedDateTime": format_instant(used.uploaded)},
    }


def refusal_json(refusal: Refusal) -> responses.Refusal:
    """The JSON of an open refusal."""
    return {
        "id": refusal.id,
        "name": refusal.name,
        "refusedDateTime": format_instant(refusal.refused),
        "findingCount": refusal.findings,
    }


def grant_json(grant: Grant) -> responses.Grant:
    """A grant's JSON; ``resourceId`` is null for a whole catalog."""
    return {
        "@odata.etag": grant.etag,
        "catalogId": grant.key.catalog_id,
        "resourceId": grant.key.resource_id,
        "principalId": grant.key.principal_id,
        "role": grant.role.value,
        "mayDeclare": grant.may_declare,
        "displayName": grant.display_name,
    }


def resource_json(key: ResourceKey, description: ResourceDescription | None) -> responses.Resource:
    """A resource as a response shows it; everything is null where it has no description."""
    target = description.target if description else None
    return {
        "@odata.etag": description.etag if description else None,
        "catalogId": key.catalog_id,
        "resourceId": key.resource_id,
        "displayName": description.display_name if description else None,
        "description": description.description if description else None,
        "contact": description.contact if description else None,
        "expectedLayout": description.expected_layout if description else None,
        "expectedRows": description.expected_rows if description else None,
        "upstream": {"catalogId": target.catalog_id, "resourceId": target.resource_id} if target else None,
    }


def declared_json(declaration: Declaration) -> responses.Declared:
    """What is declared for the files of a resource."""
    return cast(responses.Declared, declaration.as_json())


def visible_resource_json(resource: VisibleResource) -> responses.ListedResource:
    """A resource as a list shows it to its caller."""
    role = None if resource.role is None else resource.role.value
    shape = {**resource_json(resource.key, resource.description), "@uploads.role": role}
    return cast(responses.ListedResource, shape)


def directory_json(directory: Directory) -> responses.Directory:
    """The directory as a response shows it."""
    return {
        "@odata.etag": directory.etag,
        "uploadedDateTime": format_instant(directory.uploaded),
        "uploadedBy": directory.uploaded_by,
        "sha256": directory.sha256,
        "users": directory.users,
        "attributes": [
            {"name": each.name, "users": each.users, "shared": each.shared} for each in directory.attributes
        ],
    }


def audit_json(record: AuditRecord) -> responses.AuditRecord:
    """An audit record's JSON; ids are null where there is none, as for the service's timer."""
    return {
        "id": record.id,
        "activityDateTime": format_instant(record.at),
        "activity": record.activity.value,
        "result": record.outcome.value,
        "tenantId": record.tenant_id,
        "objectId": record.object_id,
        "appId": record.app_id,
        "requestId": record.request_id,
        "catalogId": record.subject.catalog_id,
        "resourceId": record.subject.resource_id,
        "sessionId": record.subject.session_id,
        "details": dict(record.details),
    }


def delivery_json(delivery: Delivery) -> responses.Delivery:
    """A delivery as a response shows it."""
    pending = delivery.state is DeliveryState.PENDING
    return {
        "target": delivery.target.value,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "lastError": delivery.last_error,
        "nextAttemptDateTime": format_instant(delivery.next_attempt) if pending else None,
        "upstreamId": delivery.target_id,
    }
