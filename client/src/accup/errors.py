"""The errors that operations raise, each with the exit code of a command that ends with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from accup.exit_codes import ExitCode
from accup.findings import Finding

_DETAILS_SHOWN = 20

_EXIT_CODES = {
    400: ExitCode.SERVICE,
    401: ExitCode.NOT_PERMITTED,
    403: ExitCode.NOT_PERMITTED,
    404: ExitCode.NOT_PERMITTED,
    409: ExitCode.CONFLICT,
    410: ExitCode.CONFLICT,
    412: ExitCode.CONFLICT,
    413: ExitCode.REFUSED,
}


class AccupError(Exception):
    """Something went wrong; the message says what, and what to do."""

    exit_code = ExitCode.INTERNAL

    @property
    def explanation(self) -> str:
        """The message, with all that helps to understand the error."""
        return str(self)


class UsageError(AccupError):
    """The request does not make sense; nothing was sent."""

    exit_code = ExitCode.USAGE


class RefusedError(AccupError):
    """Files were refused, so the session was not completed."""

    exit_code = ExitCode.REFUSED


class NotPermittedError(AccupError):
    """There is no token, or it was not accepted."""

    exit_code = ExitCode.NOT_PERMITTED


class ConflictError(AccupError):
    """The session or its files are not in the state that the request needs."""

    exit_code = ExitCode.CONFLICT


class ServiceError(AccupError):
    """The service did not answer, or not as its API promises."""

    exit_code = ExitCode.SERVICE


class InterruptedByUserError(AccupError):
    """The operation was cancelled."""

    exit_code = ExitCode.INTERRUPTED


class ApiError(AccupError):
    """An error response of the API.

    ``status`` is HTTP's; ``code`` and ``inner_code`` are Graph's; ``findings`` are the entries of ``details``;
    ``inner`` is ``innerError``, with facts such as ``uploadSessionId``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        inner: Mapping[str, Any] | None = None,
        findings: Sequence[Finding] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.inner = dict(inner or {})
        self.inner_code = str(self.inner.get("code", ""))
        self.findings = tuple(findings)
        self.headers = dict(headers or {})
        self.exit_code = _EXIT_CODES.get(status, ExitCode.SERVICE)
        if self.inner_code == "maxItemCountExceeded":
            self.exit_code = ExitCode.CONFLICT
        if self.inner_code == "uploadSessionIncomplete":
            self.exit_code = ExitCode.REFUSED

    @property
    def explanation(self) -> str:
        """The message, the first details, what to do, and the request's id, for the service's operators."""
        lines = [str(self), *(f"  {finding.message}" for finding in self.findings[:_DETAILS_SHOWN])]
        if self.inner_code == "uploadSessionIncomplete":
            lines.append("  A refused file that is not needed: accup withdraw NAME.")
        if self.inner_code == "unexpectedChange":
            lines.append("  If the number is right, run the same command again with --allow-change.")
        if self.request_id:
            lines.append(f"  (request-id {self.request_id})")
        return "\n".join(lines)

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, for its operators."""
        return self.inner.get("request-id") or self.headers.get("request-id")

    @property
    def refuses_file(self) -> bool:
        """Whether the answer to an upload says that the file itself cannot be accepted."""
        if self.status == 413:
            return True
        return self.status == 400 and self.inner_code not in ("maxItemCountExceeded", "requestTimeout")


class HostError(ApiError):
    """An answer of the service's host in place of the service: without a body and without a request id."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers=headers)
        # A 404 does not mean that the caller lacks a permission.
        self.exit_code = ExitCode.REFUSED if self.refuses_file else ExitCode.SERVICE

    @property
    def refuses_file(self) -> bool:
        """Whether the answer to an upload says that the file itself cannot be accepted: a 400 of the host does not."""
        return self.status == 413
