"""The errors that operations raise, and the exit codes of the commands that end with them."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Self

from accup.findings import Finding

_DETAILS_SHOWN = 20


class ExitCode(IntEnum):
    """What a command's end means. Scripts rely on the codes: they never change."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Create a member from its code and its meaning, which is the documentation's text."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "Done. For `send`: every file was accepted, and the session is complete if that was requested."
    INTERNAL = 1, "A fault in the client itself. Please report it."
    USAGE = 2, "The command line, the profile, or a local file name or path is wrong. Nothing was sent."
    REFUSED = 3, "A file was refused. Nothing was completed."
    NOT_PERMITTED = (
        4,
        "No valid token, no permission, or not found (the service gives callers without permission the same answer).",
    )
    CONFLICT = 5, "The session is complete, has expired or has other contents, or something changed meanwhile."
    SERVICE = 6, "The service or the network failed, after all retries."
    OUTPUT = 7, "Something could not be read or written on this machine: the disk is full, or stdout was closed."
    INTERRUPTED = 130, "Interrupted with Ctrl-C. The same command continues where it stopped."


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
    may_pass = False
    """Whether the same request may succeed later: every attempt failed for a reason that may pass."""

    @property
    def explanation(self) -> str:
        """The message, with all that helps to understand the error."""
        return str(self)

    def as_json(self) -> dict[str, Any]:
        """The error as commands print it with ``--json``; ``code`` is Graph's, or else our exit code's name."""
        first, *others = self.exit_code.name.split("_")
        code = first.lower() + "".join(map(str.capitalize, others))
        return {"message": str(self), "code": code, "exitCode": int(self.exit_code)}


class UsageError(AccupError):
    """The request does not make sense; nothing was sent."""

    exit_code = ExitCode.USAGE


class UnsupportedError(UsageError):
    """The service has no such operation: Microsoft Graph, or an older one of ours."""


class NotPermittedError(AccupError):
    """There is no token, or it was not accepted."""

    exit_code = ExitCode.NOT_PERMITTED


class ConflictError(AccupError):
    """The session or its files are not in the state that the request needs."""

    exit_code = ExitCode.CONFLICT


class ServiceError(AccupError):
    """The service did not answer, or not as its API promises."""

    exit_code = ExitCode.SERVICE


class OutputError(AccupError):
    """A file or a stream of this machine failed: the disk is full, for example."""

    exit_code = ExitCode.OUTPUT

    @classmethod
    def of(cls, error: OSError) -> "OutputError":
        """The error for one of the system."""
        where = "" if error.filename is None else f"{error.filename}: "
        return cls(f"{where}{error.strerror or error}.")


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
        # What it is made of again from a pickle.
        super().__init__(status, message)
        self.message = message
        self.status = status
        self.code = code
        self.inner = dict(inner or {})
        self.inner_code = str(self.inner.get("code", ""))
        self.findings = tuple(findings)
        self.headers = dict(headers or {})
        self.exit_code = _EXIT_CODES.get(status, ExitCode.SERVICE)
        if self.inner_code == "maxItemCountExceeded":
            self.exit_code = ExitCode.CONFLICT
        if self.inner_code in ("uploadSessionIncomplete", "invalidFile"):
            self.exit_code = ExitCode.REFUSED

    def __str__(self) -> str:
        """The message."""
        return self.message

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

    def as_json(self) -> dict[str, Any]:
        """The error as commands print it with ``--json``, with all that the service says."""
        return super().as_json() | {
            "code": self.code or f"http{self.status}",
            "innerCode": self.inner_code or None,
            "requestId": self.request_id,
            "details": [finding.as_json() for finding in self.findings],
        }

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, for its operators."""
        found = self.inner.get("request-id") or self.headers.get("request-id")
        return None if found is None else str(found)

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
