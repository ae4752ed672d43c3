"""Builds responses: a session as JSON in the dialect of the path, with its context and ETag."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request, Response

from shared.access_data.findings import Report
from shared.core.ids import utc_now
from shared.core.settings import settings
from shared.domain.deliveries import Delivery
from shared.domain.sessions import Session, StoredFile
from shared.models.dialects import Dialect
from shared.models.responses import File
from shared.models.serializers import delivery_json, session_json
from shared.query.options import Query, select_properties
from shared.services.sessions.listing import matching_files, page_of_files
from shared.services.uploads.receiving import ReceivedFile
from shared.web.request import dialect
from shared.web.urls import files_url, metadata_url, next_link, sessions_context


def session_response(
    req: Request,
    session: Session,
    files: Sequence[StoredFile],
    *,
    query: Query | None = None,
    action: bool = False,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    report: Report | None = None,
    deliveries: Sequence[Delivery] = (),
    removed: Sequence[File] | None = None,
) -> Response:
    """The response with one session.

    Args:
        req: the request.
        session: the session.
        files: its files, if the query or the operation shows them.
        query: the query options of the request. By default the response has all properties and the files.
        action: whether the operation is an OData action, whose context names a type.
        status: the status of the response.
        headers: headers besides the ETag.
        report: the report on the uploaded file, whose warnings are included.
        deliveries: the session's, if they were read.
        removed: the files that the session was completed with, if the retention has removed them.
    """
    query = query or Query(expanded=Query())
    if action:
        founding = dialect(req) is Dialect.BETA and session.review.source is not None
        context = metadata_url(
            req,
            f"microsoft.graph.customDataProvidedResource{'UploadSession' if founding else 'AccessReviewUploadSession'}",
        )
    else:
        context = f"{sessions_context(req, session.key.resource)}/$entity"
    body = {"@odata.context": context} | session_body(req, session, query, files)
    if report is not None:
        body |= warnings_json(report)
    if deliveries:
        body["@uploads.delivery"] = [delivery_json(each) for each in deliveries]
    if removed is not None:
        body["@uploads.receipt"] |= {"files": removed}
    return json_response(body, status=status, headers={"ETag": session.etag} | dict(headers or {}))


def session_body(req: Request, session: Session, query: Query, files: Sequence[StoredFile]) -> dict[str, Any]:
    """A session as JSON, with the properties and the files that the query selects."""
    body: dict[str, Any] = dict(session_json(session, dialect=dialect(req), now=utc_now(), idle=settings().idle))
    if query.expanded is not None:
        matching = matching_files(files, query.expanded)
        if query.expanded.counted:
            body["files@odata.count"] = len(matching)
        body["files"], end = page_of_files(matching, query.expanded)
        if end is not None:
            body["files@odata.nextLink"] = next_link(files_url(req, session.key), query.expanded, "$skip", end)
    return select_properties(body, query.select)


def warnings_json(report: Report) -> dict[str, Any]:
    """The annotations with the warnings about a valid file; empty if there are none."""
    if not report.warning_count and report.duplicates_checked:
        return {}
    return {
        "@uploads.warningCount": report.warning_count,
        "@uploads.duplicatesChecked": report.duplicates_checked,
        "@uploads.warnings": [
            {"code": warning.code, "message": warning.message, "target": warning.target} for warning in report.warnings
        ],
    }


def checked_json(received: ReceivedFile) -> dict[str, Any]:
    """What a dry run tells of a valid file."""
    report = received.report
    answer = {"name": received.name, "size": received.size, "sha256": received.sha256}
    return answer | {"layout": report.layout, "rowCount": report.rows} | warnings_json(report)


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(_encode(body), status_code=status, headers=dict(headers or {}), media_type="application/json")


async def collection_response(annotations: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Response:
    """A response with a collection. Items are produced and encoded one by one, and other requests get turns between.

    A page of sessions can have 999 items with 100 files each: 17 MB of JSON, which take half a second.
    """
    encoded = []
    for item in items:
        encoded.append(_encode(item))
        await asyncio.sleep(0)
    head = _encode(annotations).removesuffix(b"}")
    return Response(b'%b,"value":[%b]}' % (head, b",".join(encoded)), media_type="application/json")


def _encode(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
