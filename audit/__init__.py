"""The audit records, of every change with its time and caller: list those of a resource, a session or a time span."""

import re
from collections.abc import Callable

import azure.functions as func
from fastapi import Request, Response

from shared.core.errors import invalid_option
from shared.domain.audit import AuditRecord
from shared.domain.callers import Need
from shared.domain.sessions import ResourceKey
from shared.models.responses import AuditCollection
from shared.models.serializers import audit_json
from shared.query.audit_scope import Scope, scope_of
from shared.query.capabilities import AUDIT_RECORD
from shared.query.options import Query
from shared.storage.audit_log import Position
from shared.storage.newest_records import Before, newest_records
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options
from shared.web.response import collection_response
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

CONTRACT = Contract(
    AuditCollection,
    options=("$filter", "$orderby", "$top", "$skiptoken"),
    capabilities=AUDIT_RECORD,
    need=Need.READ_TENANT,
)

_NEWEST_TOKEN = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}[0-9a-f-]{0,23}|~)\.(\d{1,9})", re.ASCII)
_TOKEN = re.compile(r"(\d{10})?\.([0-9a-f-]{36}(?:_[0-9a-f-]{36})?|directory)\.([0-9a-f-]{36}|~)", re.ASCII)


@operation(blueprint, "GET", "audit", CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_audit(req: Request) -> Response:
    """List audit records; those of one resource with ``$orderby=activityDateTime desc`` the newest first.

    A page can be short or empty and still have ``@odata.nextLink`` if there are more pages.
    """
    query = parse_options(req)
    scope = scope_of(query.required)

    def matches(record: AuditRecord) -> bool:
        return query.filter is None or query.filter(audit_json(record) | {"activityDateTime": record.at})

    if query.order_by:
        return await _newest_first(req, query, scope, matches)
    position = query.position(_TOKEN)
    after = position and Position(*position.groups(default=""))
    page = await context(req).storage.audit.page(scope, matches, after=after, size=query.page_size)
    end = page.end and f"{page.end.hour}.{page.end.place}.{page.end.record_id}"
    annotations = page_annotations(req, query, metadata_url(req, "uploads/audit"), end=end)
    return await collection_response(annotations, map(audit_json, page.records))


async def _newest_first(req: Request, query: Query, scope: Scope, matches: Callable[[AuditRecord], bool]) -> Response:
    if not query.order_by[0][1] or scope.catalog_id is None or scope.resource_id is None:
        raise invalid_option(
            "$orderby",
            "only activityDateTime desc is supported, with a $filter that has catalogId eq ... and resourceId eq .... "
            "Without $orderby, records are in the order of hours",
        )
    position = query.position(_NEWEST_TOKEN)
    page = await newest_records(
        context(req).storage.audit,
        ResourceKey(scope.catalog_id, scope.resource_id),
        matches,
        since=scope.since,
        before=position and Before(position[1], int(position[2])),
        size=query.page_size,
    )
    end = page.end and f"{page.end.record_id}.{page.end.seconds}"
    annotations = page_annotations(req, query, metadata_url(req, "uploads/audit"), end=end)
    return await collection_response(annotations, map(audit_json, page.records))
