"""The service's limits for files: asked once, before the first large file is sent, so that none is sent in vain."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from accup.api.transport import Transport
from accup.errors import AccupError, ApiError, InterruptedByUserError


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest number of files in a session, file, and request body (both in bytes); ``None`` where unknown."""

    max_files: int | None = None
    max_file_bytes: int | None = None
    max_body_bytes: int | None = None

    @classmethod
    def from_json(cls, body: Any) -> "Limits":
        """The limits in an answer of ``/uploads/config``; none if it has another form."""
        limits = body.get("limits") if isinstance(body, Mapping) else None
        if not isinstance(limits, Mapping):
            return cls()
        return cls(*(_positive(limits.get(name)) for name in ("maxFiles", "maxFileBytes", "maxBodyBytes")))

    def check_file(self, name: str, size: int) -> None:
        """Check that the service accepts files of this size.

        Raises:
            ApiError: it does not (413).
        """
        if self.max_file_bytes is not None and size > self.max_file_bytes:
            raise _too_large(
                f"'{name}' has {size:,} bytes, and the service accepts files of at most {self.max_file_bytes:,} bytes. "
                "Split the file, or let the administrator raise UPLOADS_MAX_FILE_BYTES."
            )


def body_too_large(name: str, limit: int, *, compressed: bool) -> ApiError:
    """The error for a file that cannot be sent in a body of at most ``limit`` bytes."""
    how = "even compressed, which is" if compressed else "which is"
    return _too_large(
        f"'{name}' needs a request body of more than {limit:,} bytes, {how} the most that the service's host accepts. "
        "Split the file, or let the administrator raise FUNCTIONS_REQUEST_BODY_SIZE_LIMIT."
    )


class ServiceLimits:
    """The limits of the service behind a transport. Several threads may ask; one of them asks the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = Lock()
        self._known: Limits | None = None

    def get(self) -> Limits:
        """The limits; all unknown where the service does not tell them, as versions before the page do not."""
        with self._lock:
            if self._known is None:
                self._known = self._asked()
            return self._known

    def _asked(self) -> Limits:
        try:
            answer = self._transport.request("GET", self._transport.target.configuration)
            return Limits.from_json(answer.json())
        except InterruptedByUserError:
            raise
        except (AccupError, ValueError):
            return Limits()


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _too_large(message: str) -> ApiError:
    # As the service would answer, had it been sent: callers need not tell the two apart.
    return ApiError(413, message, code="invalidRequest", inner={"code": "maxFileSizeExceeded"})
