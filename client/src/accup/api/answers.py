"""Answers, as far as they can be trusted: read up to a limit, of the right type, and of the shape of the API.

What a server sends may come from anybody: a sign-in page of a network, a proxy, another service at that address. The
guards are those of the service's own client of Graph (``shared/targets/graph_answers.py``).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from typing import Any

import httpx

from accup.api.host_answers import HOST_ANSWERS
from accup.errors import ApiError, HostError, ServiceError
from accup.findings import Finding

# A session with a thousand files has half a megabyte, and a page of the audit less.
_MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, which is not an error."""

    host: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @classmethod
    def of(cls, host: str, answer: httpx.Response) -> "Answer":
        """Read an answer.

        Raises:
            ServiceError: it is too long, or its coding is not the one that it names.
        """
        content = _read(answer)
        if content is None:
            raise ServiceError(f"The answer of {host} is longer than {_MAX_ANSWER_BYTES:,} bytes.{_CHECK}")
        return cls(host, answer.status_code, answer.headers, content)

    def json(self) -> dict[str, Any]:
        """The object that it consists of.

        Raises:
            ServiceError: it is something else.
        """
        media_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type and not media_type.endswith("json"):
            raise ServiceError(
                f"{self.host} answered with {media_type!r} and not with JSON. Usually this is a page of a network that "
                f"wants a sign-in, or the URL is not that of the service.{_CHECK}"
            )
        try:
            body = loads(self.content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise ServiceError(f"{self.host} answered {self.status} without a JSON object.{_CHECK}")
        return body


_CHECK = " Check --url."


def _read(answer: httpx.Response) -> bytes | None:
    """The decoded body; ``None`` if it is too long.

    Raises:
        ServiceError: it cannot be decoded.
    """
    content = bytearray()
    try:
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > _MAX_ANSWER_BYTES:
                return None
    except httpx.DecodingError:
        raise undecodable(answer) from None
    return bytes(content)


def undecodable(answer: httpx.Response) -> ServiceError:
    """The error for an answer whose coding is not the one that it names."""
    coding = answer.headers.get("Content-Encoding", "")
    return ServiceError(f"The answer of {answer.url.host} says that it is coded as {coding!r}, and is not.{_CHECK}")


@contextmanager
def expected_shape(what: str) -> Iterator[None]:
    """Turn the errors of JSON that has another shape into one that says so; ``what`` is what was expected.

    Raises:
        ServiceError: the block raised such an error.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise ServiceError(f"The answer does not contain {what} as the API has it.{_CHECK}") from None


def text(value: object) -> str:
    """A text of an answer. It raises what ``expected_shape`` expects, as the others do."""
    if not isinstance(value, str):
        raise TypeError
    return value


def optional_text(value: object) -> str | None:
    """A text, or nothing."""
    return None if value is None else text(value)


def number(value: object) -> int:
    """A number that counts something; a long one may be a text (OData JSON Format 4.01, section 3.2)."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def optional_number(value: object) -> int | None:
    """A number, or nothing."""
    return None if value is None else number(value)


def listed(value: object) -> list[Any]:
    """A list; an empty one for nothing."""
    if not isinstance(value, list | None):
        raise TypeError
    return value or []


def api_error(answer: httpx.Response, *, of_graph: bool) -> ApiError:
    """The error of an answer, whether or not it has the shape that it should have."""
    content = b""
    try:
        content = _read(answer) or b""
        error = loads(content)["error"]
        details = error.get("details") or ()
        inner = error.get("innerError")
        return ApiError(
            answer.status_code,
            str(error.get("message") or f"The service answered {answer.status_code}."),
            code=str(error.get("code", "")),
            inner=inner if isinstance(inner, dict) else {},
            findings=[Finding.from_detail(detail) for detail in details if isinstance(detail, dict)],
            headers=answer.headers,
        )
    except (ServiceError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        pass
    host_answer = HOST_ANSWERS.get(answer.status_code)
    if host_answer and not content and "request-id" not in answer.headers and not of_graph:
        message = (
            f"The Functions host answered {answer.status_code} in place of the service. "
            f"{host_answer.meaning} {host_answer.advice}"
        )
        return HostError(answer.status_code, message, headers=answer.headers)
    message = f"The service answered {answer.status_code} {answer.reason_phrase}."
    return ApiError(answer.status_code, message, headers=answer.headers)
