"""``dev.py demo`` tells its whole story, and its receiver believes only events that the service has signed."""

import time
from pathlib import Path

import httpx
import pytest

from local import demo
from local.receiver import new_secret, running_receiver
from shared.targets.cloud_events import secret_key, signature_headers

BODY = b'{"id": "1", "type": "uploads.session.completed"}'


@pytest.mark.slow("the demo")
def test_the_demo_forwards_a_session_and_receives_its_events(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "DATA", tmp_path / "demo")
    monkeypatch.setattr("sys.argv", ["demo"])
    demo.main()
    told = capsys.readouterr().out
    assert "All 4 files have the same SHA-256 here and there." in told
    for event in ("file.refused", "session.completed", "session.delivered"):
        assert f"uploads.{event} " in told
    assert "Every answer was as expected." in told


def test_the_receiver_agrees_and_keeps_each_signed_event_once() -> None:
    with running_receiver() as receiver:
        agreed = httpx.options(receiver.url, headers={"WebHook-Request-Origin": "uploads.contoso.com"})
        assert agreed.headers["webhook-allowed-origin"] == "uploads.contoso.com"
        headers = signature_headers(secret_key(receiver.secret), "1", int(time.time()), BODY)
        for _ in range(2):
            assert httpx.post(receiver.url, content=BODY, headers=dict(headers)).status_code == 204
        assert [event["type"] for event in receiver.events] == ["uploads.session.completed"]


@pytest.mark.parametrize(
    ("secret", "age", "body"),
    [(new_secret(), 0, BODY), (None, 400, BODY), (None, 0, BODY + b" ")],
    ids=["another secret", "too old", "another body"],
)
def test_the_receiver_refuses_what_the_service_has_not_signed(secret: str | None, age: int, body: bytes) -> None:
    with running_receiver() as receiver:
        key = secret_key(secret or receiver.secret)
        headers = signature_headers(key, "1", int(time.time()) - age, BODY)
        assert httpx.post(receiver.url, content=body, headers=dict(headers)).status_code == 401
        assert httpx.post(receiver.url, content=body).status_code == 401
        assert (receiver.events, receiver.refused) == ([], 2)
