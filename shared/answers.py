"""A session as an answer: its JSON in the path's dialect, its context and its ETag."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response

from shared.access_data.findings import Report
from shared.http import json_answer
from shared.ids import utc_now
from shared.lifecycle import Session, StoredFile
from shared.links import metadata_url, sessions_context
from shared.listing import matching_files, page_of_files
from shared.models import Dialect
from shared.odata import Query, select_properties
from shared.representations import session_json
from shared.request import dialect
from shared.sessions import Snapshot
from shared.settings import settings


def session_answer(
    req: Request,
    snapshot: Snapshot,
    *,
    query: Query | None = None,
    action: bool = False,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    report: Report | None = None,
) -> Response:
    """The answer with one session: all of it and its files, or with a ``query`` what that asks for.

    ``action`` is for the answer of an action, whose context is a type; ``report`` for the warnings of a file that was
    uploaded with it.
    """
    session = snapshot.session
    query = query or Query(expand_files=Query())
    if action:
        founding = dialect(req) is Dialect.BETA and session.review.source is not None
        context = metadata_url(
            req,
            f"microsoft.graph.customDataProvidedResource{'UploadSession' if founding else 'AccessReviewUploadSession'}",
        )
    else:
        context = f"{sessions_context(req, session.key.resource)}/$entity"
    body = {"@odata.context": context} | session_json_for(req, session, query, snapshot.files)
    if report is not None:
        body |= warnings_json(report)
    return json_answer(body, status=status, headers={"ETag": session.etag} | dict(headers or {}))


def session_json_for(req: Request, session: Session, query: Query, files: Sequence[StoredFile]) -> dict[str, Any]:
    """A session's JSON with what a query asks for of it and, if expanded, of its files."""
    body: dict[str, Any] = dict(session_json(session, dialect=dialect(req), now=utc_now(), idle=settings().idle))
    if query.expand_files is not None:
        matching = matching_files(files, query.expand_files)
        if query.expand_files.count:
            body["files@odata.count"] = len(matching)
        body["files"] = page_of_files(matching, query.expand_files)
    return select_properties(body, query.select)


def warnings_json(report: Report) -> dict[str, Any]:
    """The annotations for what is worth a look in a file that is valid; none if there is nothing."""
    if not report.warning_count and report.duplicates_checked:
        return {}
    return {
        "@uploads.warningCount": report.warning_count,
        "@uploads.duplicatesChecked": report.duplicates_checked,
        "@uploads.warnings": [
            {"code": warning.code, "message": warning.message, "target": warning.target} for warning in report.warnings
        ],
    }
