"""Events as they are sent, and their signatures."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.core.ids import new_id
from shared.domain.events import Event, EventType
from shared.domain.sessions import ResourceKey, SessionKey
from shared.targets.cloud_events import BadSecretError, encoded, secret_key, signature_headers

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
KEY = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
EVENT = Event(new_id(NOW), EventType.COMPLETED, KEY, {"files": 3, "bytes": 4812})


def test_an_event_has_what_cloudevents_requires_and_no_personal_data() -> None:
    event = json.loads(encoded(EVENT, "https://uploads.contoso.com"))
    assert event["specversion"] == "1.0"
    assert event["id"] == EVENT.id
    assert event["source"] == "https://uploads.contoso.com"
    assert event["type"] == "uploads.session.completed"
    assert event["time"] == "2026-11-24T15:00:00.000Z"
    assert event["data"]["files"] == 3
    assert event["data"]["session"].endswith(f"/uploadSessions/{KEY.session_id}")


def test_a_receiver_verifies_the_signature_with_its_own_code() -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    body = encoded(EVENT, "https://uploads.contoso.com")
    headers = signature_headers(secret_key(secret), EVENT.id, 1_790_000_000, body)
    # What the guide for consumers shows.
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "a" * 44])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(BadSecretError):
        secret_key(secret)
