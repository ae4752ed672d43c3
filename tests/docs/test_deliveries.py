"""What docs/deliveries.md says of events, signatures and errors of the target is what the code does."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings
from shared.domain.deliveries import EARLY, EARLY_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, DeliveryState
from shared.domain.events import Event, EventType
from shared.domain.sessions import ResourceKey, SessionKey
from shared.targets.cloud_events import encoded, secret_key, signature_headers
from shared.targets.graph_answers import MEANINGS
from tests.docs.documents import DELIVERIES, code_blocks, documented_events

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
EVENT = Event(new_id(utc_now()), EventType.EXPIRED, SessionKey(ResourceKey("c", "r"), "s"), {"files": 1, "bytes": 2})
BODY = encoded(EVENT, "https://uploads.contoso.com")

IsGenuine = Callable[[Mapping[str, str], bytes, str], bool]


def documented_verification() -> IsGenuine:
    """The function that the page gives to consumers."""
    (block,) = [block for block in code_blocks(DELIVERIES) if block.language == "python"]
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 16
    names: dict[str, IsGenuine] = {}
    exec(block.text, names)  # the page's code is what is tested
    return names["is_genuine"]


def signed(body: bytes = BODY, *, age: float = 0) -> Mapping[str, str]:
    """The headers of a body that the service sent some seconds ago."""
    return signature_headers(secret_key(SECRET), EVENT.id, int(time.time() - age), body)


def test_the_verification_accepts_what_the_service_signs() -> None:
    is_genuine = documented_verification()

    assert is_genuine(signed(), BODY, SECRET)
    assert is_genuine(signed(age=200), BODY, SECRET)
    rotated = {**signed(), "webhook-signature": f"v1,b2xk {signed()['webhook-signature']}"}
    assert is_genuine(rotated, BODY, SECRET)


def test_the_verification_refuses_everything_else() -> None:
    is_genuine = documented_verification()
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()

    assert not is_genuine(signed(), BODY + b" ", SECRET)
    assert not is_genuine(signed(), BODY, other)
    assert not is_genuine({**signed(), "webhook-id": "another"}, BODY, SECRET)
    assert not is_genuine(signed(age=400), BODY, SECRET)
    assert not is_genuine(signed(age=-400), BODY, SECRET)
    assert not is_genuine({**signed(), "webhook-timestamp": "now"}, BODY, SECRET)
    assert not is_genuine({**signed(), "webhook-signature": "v1,"}, BODY, SECRET)
    assert not is_genuine({**signed(), "webhook-signature": "v1,ä"}, BODY, SECRET)
    for name in signed():
        assert not is_genuine({key: value for key, value in signed().items() if key != name}, BODY, SECRET)


def test_the_table_of_events_has_every_type() -> None:
    # That each has this data is tested where events arrive: tests/api/test_deliveries.py.
    assert set(documented_events()) == {each.value for each in EventType}


def test_the_table_of_errors_says_whether_a_status_is_final() -> None:
    rows = re.findall(r"^\| (\d{3}[^|]*)\|([^|]*)\|", DELIVERIES.read_text(), re.MULTILINE)
    finals = {int(status): "gives up" in action for cell, action in rows for status in re.findall(r"\b\d{3}\b", cell)}

    assert finals == {404: False, 409: False, **{status: final for status, (_, final) in MEANINGS.items()}}


def test_states_and_times_are_those_of_the_code() -> None:
    text = DELIVERIES.read_text()
    states = re.findall(r"^\| `(\w+)` \|", text[text.index("| state |") :].partition("\n\n")[0], re.MULTILINE)

    assert states == [state.value for state in DeliveryState]
    minutes, seconds, told = timedelta(minutes=1), timedelta(seconds=1), " ".join(text.split())
    assert (
        f"the pause is {FIRST_PAUSE // seconds} seconds, and doubles up to {LONGEST_PAUSE // minutes} minutes" in told
    )
    assert (2 * 60 * minutes, minutes) == (EARLY, EARLY_PAUSE)
    assert "it is a minute at most in the first two hours of a forwarding" in told
    assert Settings.model_fields["delivery_seconds"].default == timedelta(days=1) // seconds
