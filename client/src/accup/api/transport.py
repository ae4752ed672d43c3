"""Sends requests to one host: with a token where the service asks for one, with retries, and without redirects."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from accup import __version__
from accup.api.answers import Answer, api_error, expected_shape, listed, optional_text, undecodable
from accup.api.multipart import FileForm
from accup.api.network import Certificates, certificate_error, proxy_of, unusable_proxy
from accup.api.retries import RetryPolicy, TransientError, seconds_of
from accup.api.targets import Target
from accup.errors import NotPermittedError, ServiceError
from accup.signin.tokens import Challenge, Tokens

T = TypeVar("T")

# Azure's load balancer gives up after 230 seconds, so an answer that takes longer never comes.
_TIMEOUT = httpx.Timeout(connect=15, read=240, write=60, pool=None)
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# More pages than any list of the API has; a service that never ends its list must not keep us for ever.
_MAX_PAGES = 10_000


class Transport:
    """The connection to a target. Several threads may use it."""

    def __init__(
        self,
        target: Target,
        tokens: Tokens,
        retries: RetryPolicy,
        log: Callable[[str], None],
        certificates: Certificates | None = None,
    ) -> None:
        """Take all that it needs.

        Raises:
            UsageError: a certificate file or the proxy of the environment cannot be used.
        """
        self.target = target
        self._tokens = tokens
        self._retries = retries
        self._log = log
        self._proxy = proxy_of(target)
        # Loading the certificate authorities takes time, and http:// needs none.
        is_https = target.base.startswith("https://")
        try:
            self._http = httpx.Client(
                verify=(certificates or Certificates()).context() if is_https else SSLContext(PROTOCOL_TLS_CLIENT),
                proxy=self._proxy,
                trust_env=False,
                timeout=_TIMEOUT,
                follow_redirects=False,
                headers={"User-Agent": f"accup/{__version__}"},
                limits=httpx.Limits(max_connections=None),
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise unusable_proxy(self._proxy or "") from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request that can be repeated safely, and give the answer, which is not an error.

        ``options`` are ``json``, ``params`` and ``headers``, as for httpx.

        Raises:
            ApiError: the service answered with an error.
            AccupError: there was no answer, or one that is not of the API, or no token.
        """
        return self.retrying(lambda: self.once(method, path, **options))

    def elements(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The elements of a collection, of which an answer has a page.

        Raises:
            AccupError: as for ``request``; or the list does not end.
        """
        page = self.request("GET", path, params=params).json()
        seen = {path}
        while True:
            with expected_shape("a list"):
                elements, link = listed(page["value"]), optional_text(page.get("@odata.nextLink"))
            yield from elements
            if link is None:
                return
            if link in seen or len(seen) == _MAX_PAGES:
                raise ServiceError(f"{self.target.host} answers with a list that does not end. Check --url.")
            seen.add(link)
            page = self.request("GET", link).json()

    def retrying(self, call: Callable[[], T]) -> T:
        """Repeat a call of ``once`` or ``stream``, as the policy says."""
        return self._retries.run(call, self._log)

    def once(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request one time, as ``stream`` does, and read the answer."""
        with self.stream(method, path, **options) as answer:
            return Answer.of(self.target.host, answer)

    @contextmanager
    def stream(
        self, method: str, path: str, *, body: FileForm | None = None, **options: Any
    ) -> Iterator[httpx.Response]:
        """Send a request one time, after a 401 once more with a token; the answer's body has not been read.

        Raises:
            TransientError: there was no answer, or one that says to try again.
            ApiError: the service answered with another error.
        """
        if body is not None:
            options |= {"content": body, "headers": body.headers}
        url = self.target.url(path)
        try:
            token = self._tokens.current()
            answer = self._send(method, url, token, **options)
            try:
                if answer.status_code == 401:
                    challenge = Challenge.of(answer.headers.get_list("WWW-Authenticate"))
                    if self._tokens.answer(challenge, token):
                        answer.close()
                        answer = self._send(method, url, self._tokens.current(), **options)
                self._check(answer)
                yield answer
            except httpx.DecodingError:
                raise undecodable(answer) from None
            finally:
                answer.close()
        except httpx.TransportError as error:
            if permanent := certificate_error(self.target.host, error):
                raise permanent from None
            raise TransientError(ServiceError(self._unreachable(error))) from None

    def _send(
        self, method: str, url: str, token: str | None, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        sent = dict(headers or {}) | {"client-request-id": str(uuid4())}
        if token is not None:
            if not self.target.may_carry_tokens:
                raise NotPermittedError(
                    f"A token is sent over https only, or to this machine. Use https:// for {self.target.host}."
                )
            sent["Authorization"] = f"Bearer {token}"
        what = f"{method} {urlsplit(url).path}"
        began = time.monotonic()
        try:
            answer = self._http.send(self._http.build_request(method, url, headers=sent, **options), stream=True)
        except httpx.TransportError as error:
            self._log(f"{what} failed: {type(error).__name__}")
            raise
        took = (time.monotonic() - began) * 1000
        request_id = answer.headers.get("request-id", "none")
        self._log(f"{what} {answer.status_code} in {took:.0f} ms, request-id {request_id}")
        return answer

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        if 300 <= answer.status_code < 400:
            raise ServiceError(
                f"{self.target.host} answered with a redirect ({answer.status_code}), which is not followed: it may "
                "lead to another host. Give the service's own URL."
            )
        error = api_error(answer, of_graph=self.target.is_graph)
        if answer.status_code in _TRANSIENT:
            raise TransientError(error, seconds_of(answer.headers.get("Retry-After")))
        raise error

    def _unreachable(self, error: httpx.TransportError) -> str:
        host = self.target.host
        if self._proxy is not None:
            host += f" (through the proxy {urlsplit(self._proxy).hostname})"
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            return f"{host} cannot be reached: {error}."
        if isinstance(error, httpx.TimeoutException):
            return f"{host} did not answer in time."
        return f"The connection to {host} broke: {error}."
