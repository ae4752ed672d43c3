"""What a target asks of all requests to it: to wait, or to come no more."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aiohttp import ClientResponse

from shared.core.ids import utc_now
from shared.domain.deliveries import DeliveryError

# A longer pause is rather a mistake, and would outlast the time after which deliveries are given up by default.
_LONGEST = timedelta(days=1)


class PauseError(DeliveryError):
    """The target asks for a pause of ``retry_after``, whatever is to be delivered to it."""


class GoneError(DeliveryError):
    """The receiver of events takes none any more (410; CloudEvents "HTTP 1.1 Web Hooks", section 2.1)."""

    def __init__(self) -> None:
        super().__init__("The receiver of events is gone (410).", final=True)


def refusal(answer: ClientResponse, message: str, *, final: bool = False) -> DeliveryError:
    """The error for an answer that refuses a request: ``PauseError`` if it has Retry-After and is not final."""
    pause = None if final else retry_after(answer.headers.get("Retry-After", ""), utc_now())
    return DeliveryError(message, final=final) if pause is None else PauseError(message, retry_after=pause)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """The pause that the header Retry-After asks for, in seconds or as a date (RFC 9110, section 10.2.3).

    At most a day; ``None`` if it is neither.
    """
    if value.isascii() and value.isdecimal():
        return timedelta(seconds=min(int(value[:10]), _LONGEST.total_seconds()))
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(max(date.replace(tzinfo=date.tzinfo or UTC) - now, timedelta()), _LONGEST)
