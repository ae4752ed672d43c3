"""GET uploads/audit: who changed what, for a resource, a session or a span of time."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.audit import AuditRecord, scope_of
from shared.audit_log import Position
from shared.callers import Need
from shared.contract import Contract
from shared.entities import AUDIT_RECORD
from shared.errors import invalid_option
from shared.http import json_answer, operation
from shared.links import metadata_url, next_link
from shared.listing import DEFAULT_PAGE
from shared.representations import audit_json
from shared.request import parse_options
from shared.routes import AUDIT, UPLOADS_FAMILIES
from shared.shapes import AuditCollection
from shared.storage import storage

blueprint = func.Blueprint()

CONTRACT = Contract(AuditCollection, options=("$filter", "$top", "$skiptoken"), entity=AUDIT_RECORD, need=Need.AUDIT)

_TOKEN = re.compile(r"(\d{10})?\.([0-9a-f-]{36}(?:_[0-9a-f-]{36})?)\.([0-9a-f-]{36}|~)", re.ASCII)


@operation(blueprint, "GET", AUDIT, CONTRACT, families=UPLOADS_FAMILIES)
async def list_audit(req: Request) -> Response:
    """List audit records: 200 with a page, which may be short or empty, and ``@odata.nextLink`` if there is more."""
    query = parse_options(req)
    scope = scope_of(query.required)

    def keeps(record: AuditRecord) -> bool:
        return query.filter is None or query.filter(audit_json(record) | {"activityDateTime": record.at})

    log = (await storage()).audit
    page = await log.page(scope, keeps, after=_position(query.skip_token), size=query.top or DEFAULT_PAGE)
    body: dict[str, object] = {
        "@odata.context": metadata_url(req, "uploads/audit"),
        "value": [audit_json(record) for record in page.records],
    }
    if page.end is not None:
        token = f"{page.end.hour}.{page.end.place}.{page.end.record_id}"
        body["@odata.nextLink"] = next_link(req, query, "$skiptoken", token)
    return json_answer(body)


def _position(token: str | None) -> Position | None:
    if token is None:
        return None
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise invalid_option("$skiptoken", "follow @odata.nextLink as it was given")
    hour, place, record_id = found.groups(default="")
    return Position(hour, place, record_id)
