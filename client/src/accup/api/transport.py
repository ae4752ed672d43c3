"""Sends requests to one host: with a token where the service asks for one, with retries, and without redirects."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from json import loads
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from threading import Event
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from accup.api.host_answers import HOST_ANSWERS
from accup.api.retries import RetryPolicy, TransientError, seconds_of
from accup.api.targets import Target
from accup.errors import ApiError, HostError, InterruptedByUserError, NotPermittedError, ServiceError
from accup.findings import Finding
from accup.signin.challenge import Challenge

T = TypeVar("T")

# Azure's load balancer gives up after 230 seconds, so an answer that takes longer never comes.
_TIMEOUT = httpx.Timeout(connect=15, read=240, write=60, pool=None)
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_ERROR_BYTES = 4 * 1024 * 1024


class Tokens(Protocol):
    """Where tokens come from."""

    def current(self) -> str | None:
        """The token to send, if there is one."""

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """Get a token after a 401; false if there is no other than the one that was refused."""


class Body(Protocol):
    """A request's body that can be sent again: each iteration starts from the beginning."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that describe it."""

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes."""


class Transport:
    """The connection to a target. Several threads may use it."""

    def __init__(
        self,
        target: Target,
        tokens: Tokens,
        *,
        retries: RetryPolicy | None = None,
        user_agent: str = "accup",
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.target = target
        self.cancelled = Event()
        self._tokens = tokens
        self._retries = retries or RetryPolicy()
        self._log = log
        # Loading the certificate authorities takes 0.05 s, and http:// needs none.
        verify = target.base.startswith("https://") or SSLContext(PROTOCOL_TLS_CLIENT)
        self._http = httpx.Client(
            verify=verify,
            timeout=_TIMEOUT,
            follow_redirects=False,
            headers={"User-Agent": user_agent},
            limits=httpx.Limits(max_connections=None),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request that can be repeated safely, and give the answer, which is not an error.

        Raises:
            ApiError: the service answered with an error.
            AccupError: there was no answer, or a redirect, or no token.
        """
        return self.retrying(lambda: self.once(method, path, json=json, params=params, headers=headers))

    def retrying(self, call: Callable[[], T]) -> T:
        """Repeat a call of ``once``, as the policy says."""
        return self._retries.run(call, self.cancelled, self._on_retry)

    def once(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: Body | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request one time; after a 401 once more with a token.

        Raises:
            TransientError: there was no answer, or one that says to try again.
            ApiError: the service answered with another error.
        """
        sent = dict(headers or {}) | dict(body.headers if body else {})
        with self._sent(method, path, json=json, content=body, params=params, headers=sent) as answer:
            answer.read()
            return answer

    @contextmanager
    def download(self, path: str) -> Iterator[httpx.Response]:
        """An answer whose body has not been read, so that it need not fit into memory.

        Raises:
            TransientError: as ``once``.
            ApiError: as ``once``.
        """
        with self._sent("GET", path, headers={"Accept": "application/octet-stream, application/json"}) as answer:
            yield answer

    @contextmanager
    def _sent(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        url = self.target.url(path)
        try:
            token = self._tokens.current()
            answer = self._send(method, url, token, **request)
            if answer.status_code == 401:
                challenge = Challenge.of(answer.headers.get_list("WWW-Authenticate"))
                if self._tokens.answer(challenge, token):
                    answer.close()
                    answer = self._send(method, url, self._tokens.current(), **request)
            try:
                self._check(answer)
                yield answer
            finally:
                answer.close()
        except httpx.TransportError as error:
            if self.cancelled.is_set():
                raise InterruptedByUserError("Interrupted.") from None
            raise TransientError(ServiceError(_unreachable(self.target, error))) from None

    def _send(
        self, method: str, url: str, token: str | None, *, content: Body | None = None, **request: Any
    ) -> httpx.Response:
        request["headers"] = dict(request.get("headers") or {}) | {"client-request-id": str(uuid4())}
        if token is not None:
            if not self.target.may_carry_tokens:
                raise NotPermittedError(
                    f"A token is sent over https only, or to this machine. Use https:// for {self.target.host}."
                )
            request["headers"]["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        try:
            built = self._http.build_request(method, url, content=content and iter(content), **request)
            answer = self._http.send(built, stream=True)
        except httpx.TransportError as error:
            self._say(f"{method} {urlsplit(url).path} failed: {type(error).__name__}")
            raise
        took = (time.monotonic() - began) * 1000
        request_id = answer.headers.get("request-id", "none")
        self._say(f"{method} {urlsplit(url).path} {answer.status_code} in {took:.0f} ms, request-id {request_id}")
        return answer

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        if answer.is_redirect or 300 <= answer.status_code < 400:
            raise ServiceError(
                f"{self.target.host} answered with a redirect ({answer.status_code}), which is not followed: it may "
                "lead to another host. Give the service's own URL."
            )
        error = _api_error(answer, of_graph=self.target.is_graph)
        if answer.status_code in _TRANSIENT:
            raise TransientError(error, seconds_of(answer.headers.get("Retry-After")))
        raise error

    def _on_retry(self, why: str, delay: float) -> None:
        self._say(f"retry in {delay:.1f} s: {why}")

    def _say(self, text: str) -> None:
        if self._log is not None:
            self._log(text)


def _unreachable(target: Target, error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        return f"{target.host} cannot be reached: {error}."
    if isinstance(error, httpx.TimeoutException):
        return f"{target.host} did not answer in time."
    return f"The connection to {target.host} broke: {error}."


def _api_error(answer: httpx.Response, *, of_graph: bool) -> ApiError:
    """The error of an answer, whether or not it has the shape that it should have."""
    read = bytearray()
    for piece in answer.iter_bytes():
        read += piece
        if len(read) > _MAX_ERROR_BYTES:
            break
    host_answer = HOST_ANSWERS.get(answer.status_code)
    if host_answer and not read and "request-id" not in answer.headers and not of_graph:
        message = (
            f"The Functions host answered {answer.status_code} in place of the service. "
            f"{host_answer.meaning} {host_answer.advice}"
        )
        return HostError(answer.status_code, message, headers=answer.headers)
    error: Any = None
    with suppress(ValueError, KeyError, TypeError):
        error = loads(bytes(read))["error"]
    if not isinstance(error, dict):
        message = f"The service answered {answer.status_code} {answer.reason_phrase}."
        return ApiError(answer.status_code, message, headers=answer.headers)
    details = error.get("details")
    inner = error.get("innerError")
    return ApiError(
        answer.status_code,
        str(error.get("message") or f"The service answered {answer.status_code}."),
        code=str(error.get("code", "")),
        inner=inner if isinstance(inner, dict) else {},
        findings=[Finding.from_detail(detail) for detail in details or () if isinstance(detail, dict)],
        headers=answer.headers,
    )
