"""Sends events to one address: a webhook, or a topic of Azure Event Grid.

A webhook has to agree first, by the handshake of CloudEvents "HTTP 1.1 Web Hooks": an OPTIONS request whose answer
names this service's origin. Event Grid authenticates the app's identity instead.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from shared.domain.deliveries import DeliveryError
from shared.domain.events import Event
from shared.targets.addresses import ForbiddenAddressError, check_url
from shared.targets.cloud_events import MEDIA_TYPE, encoded, signature_headers
from shared.targets.pauses import GoneError, refusal

_CALL = aiohttp.ClientTimeout(total=30, sock_connect=10)

GetToken = Callable[[], Awaitable[str | None]]

# What the hosts of topics end with: in the public cloud, US Government, and China.
_EVENT_GRID = ("eventgrid.azure.net", "eventgrid.azure.us", "eventgrid.azure.cn")


def event_grid_scope(url: str) -> str | None:
    """The scope of the token for a topic of Azure Event Grid, by its cloud; ``None`` for another address."""
    host = urlsplit(url).hostname or ""
    return next((f"https://{domain}/.default" for domain in _EVENT_GRID if host.endswith(f".{domain}")), None)


class EventSender:
    """The events of this service on their way to one address."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        *,
        base_url: str,
        key: bytes | None,
        get_token: GetToken | None,
        allowed_hosts: frozenset[str],
    ) -> None:
        """Send to ``url``, signed with ``key`` or with a token; ``http`` resolves public addresses only."""
        self._http = http
        self._url = url
        self._base_url = base_url
        self._key = key
        self._get_token = get_token
        self._allowed_hosts = allowed_hosts

    async def ask(self) -> int | None:
        """The handshake: whether the receiver wants events of this service.

        Returns how many it takes in a minute; ``None`` if it does not say.

        Raises:
            DeliveryError: it does not.
        """
        origin = urlsplit(self._base_url).netloc or self._base_url
        async with self._call("OPTIONS", {"WebHook-Request-Origin": origin}) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
            if answer.status >= 300 or allowed not in (origin, "*"):
                raise refusal(
                    answer,
                    "The receiver of events does not agree: it must answer OPTIONS with the header "
                    f"'WebHook-Allowed-Origin: {origin}' (CloudEvents, HTTP 1.1 Web Hooks).",
                )
            rate = answer.headers.get("WebHook-Allowed-Rate", "")
            return int(rate[:9]) or None if rate.isascii() and rate.isdecimal() else None

    async def send(self, event: Event) -> None:
        """Send one event. It may be sent again; its id stays the same.

        Raises:
            DeliveryError: it was not taken.
        """
        body = encoded(event, self._base_url)
        headers = {"Content-Type": MEDIA_TYPE}
        if self._get_token is not None:
            headers["Authorization"] = f"Bearer {await self._get_token()}"
        if self._key is not None:
            headers |= signature_headers(self._key, event.id, int(time.time()), body)
        async with self._call("POST", headers, body) as answer:
            if 300 <= answer.status < 400:
                raise DeliveryError(f"The receiver of events answers with a redirect ({answer.status}): not followed.")
            if answer.status >= 400:
                raise refusal(answer, f"The receiver of events refuses ({answer.status}).")

    @asynccontextmanager
    async def _call(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the receiver.

        Raises:
            DeliveryError: there is none, or the receiver is gone.
        """
        try:
            check_url(self._url, self._allowed_hosts)
            async with self._http.request(
                method, self._url, data=body, headers=headers, allow_redirects=False, timeout=_CALL
            ) as answer:
                if answer.status == 410:
                    raise GoneError
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            if isinstance(cause, ForbiddenAddressError):
                # It may be the DNS that is wrong for a moment.
                raise DeliveryError(f"The receiver of events is not allowed: {cause}.") from error
            raise DeliveryError(f"The receiver of events could not be reached ({type(error).__name__}).") from error
