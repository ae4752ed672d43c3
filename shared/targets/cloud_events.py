"""The wire format of events: CloudEvents 1.0 in the structured JSON mode of the HTTP binding, and their signature."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from shared.core.ids import format_instant
from shared.domain.events import Event

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"

_SECRET_PREFIX = "whsec_"  # noqa: S105  # the start of every secret


class BadSecretError(ValueError):
    """The secret is not one of Standard Webhooks."""


def cloud_event(event: Event, base_url: str) -> dict[str, Any]:
    """The JSON of an event. Its link needs the reader's own rights."""
    key = event.key
    session = (
        f"{base_url}/v1.0/identityGovernance/entitlementManagement/catalogs/{key.resource.catalog_id}"
        f"/resources/{key.resource.resource_id}/uploadSessions/{key.session_id}"
    )
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": base_url,
        "type": event.type.value,
        "subject": f"{key.resource.catalog_id}/{key.resource.resource_id}/{key.session_id}",
        "time": format_instant(event.time),
        "datacontenttype": "application/json",
        "data": {
            "catalogId": key.resource.catalog_id,
            "resourceId": key.resource.resource_id,
            "sessionId": key.session_id,
            "session": session,
            **event.data,
        },
    }


def secret_key(secret: str) -> bytes:
    """The key in a secret of Standard Webhooks: ``whsec_`` and base64 of 24 to 64 bytes.

    Raises:
        BadSecretError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise BadSecretError("a secret is whsec_ and the base64 of 24 to 64 random bytes")
    return key


def signature_headers(key: bytes, event_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers that sign a body (Standard Webhooks: HMAC-SHA256 of ``id.timestamp.body``)."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{digest}"}


def encoded(event: Event, base_url: str) -> bytes:
    """The body of a request with one event."""
    return json.dumps(cloud_event(event, base_url), ensure_ascii=False, separators=(",", ":")).encode()
