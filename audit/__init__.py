"""The audit records, of every change with its time and caller: list those of a resource, a session or a time span."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.domain.audit import AuditRecord
from shared.domain.callers import Need
from shared.models.responses import AuditCollection
from shared.models.serializers import audit_json
from shared.query.audit_scope import scope_of
from shared.query.capabilities import AUDIT_RECORD
from shared.storage.audit_log import Position
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options
from shared.web.response import collection_response
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

CONTRACT = Contract(
    AuditCollection, options=("$filter", "$top", "$skiptoken"), capabilities=AUDIT_RECORD, need=Need.READ_TENANT
)

_TOKEN = re.compile(r"(\d{10})?\.([0-9a-f-]{36}(?:_[0-9a-f-]{36})?|directory)\.([0-9a-f-]{36}|~)", re.ASCII)


@operation(blueprint, "GET", "audit", CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_audit(req: Request) -> Response:
    """List audit records.

    A page can be short or empty and still have ``@odata.nextLink`` if there are more pages.
    """
    query = parse_options(req)
    scope = scope_of(query.required)

    def matches(record: AuditRecord) -> bool:
        return query.filter is None or query.filter(audit_json(record) | {"activityDateTime": record.at})

    position = query.position(_TOKEN)
    after = position and Position(*position.groups(default=""))
    page = await context(req).storage.audit.page(scope, matches, after=after, size=query.page_size)
    end = page.end and f"{page.end.hour}.{page.end.place}.{page.end.record_id}"
    annotations = page_annotations(req, query, metadata_url(req, "uploads/audit"), end=end)
    return await collection_response(annotations, map(audit_json, page.records))
