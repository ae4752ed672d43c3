"""What a target asks all requests to wait for."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.targets.pauses import retry_after

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        ("0", timedelta()),
        ("7200", timedelta(hours=2)),
        ("9" * 400, timedelta(days=1)),
        ("Tue, 24 Nov 2026 15:10:00 GMT", timedelta(minutes=10)),
        ("Tuesday, 24-Nov-26 15:10:00 GMT", timedelta(minutes=10)),
        ("Tue, 24 Nov 2026 14:00:00 GMT", timedelta()),
        ("Fri, 24 Nov 2028 15:10:00 GMT", timedelta(days=1)),
        ("Tue, 24 Nov 2026 15:10:00 -0000", timedelta(minutes=10)),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("\u0661", None),
        ("Tue, 24 Nov 2026 25:10:00 GMT", None),
        ("Tue, 24 Nov 99999999 15:10:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, pause: timedelta | None) -> None:
    assert retry_after(value, NOW) == pause
