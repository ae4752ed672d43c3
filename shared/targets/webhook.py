"""Sends events to one address: a webhook, or a topic of Azure Event Grid.

A webhook has to agree first, by the handshake of CloudEvents "HTTP 1.1 Web Hooks": an OPTIONS request whose answer
names this service's origin. Event Grid authenticates the app's identity instead.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp

from shared.domain.deliveries import DeliveryError
from shared.domain.events import Event
from shared.targets.addresses import ForbiddenAddressError, check_url
from shared.targets.cloud_events import MEDIA_TYPE, encoded, signature_headers

_CALL = aiohttp.ClientTimeout(total=30, sock_connect=10)

GetToken = Callable[[], Awaitable[str | None]]

EVENT_GRID_SCOPE = "https://eventgrid.azure.net/.default"


def is_event_grid(url: str) -> bool:
    """Whether an address is a topic of Azure Event Grid, in any of Azure's clouds."""
    host = urlsplit(url).hostname or ""
    return ".eventgrid.azure." in f"{host}."


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
        self._agreed = False

    async def send(self, event: Event) -> None:
        """Send one event. It may be sent again; its id stays the same.

        Raises:
            DeliveryError: it was not taken.
        """
        try:
            check_url(self._url, self._allowed_hosts)
            if not self._agreed and self._get_token is None:
                await self._ask()
                self._agreed = True
            body = encoded(event, self._base_url)
            headers = {"Content-Type": MEDIA_TYPE}
            if self._get_token is not None:
                headers["Authorization"] = f"Bearer {await self._get_token()}"
            if self._key is not None:
                headers |= signature_headers(self._key, event.id, int(time.time()), body)
            async with self._http.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=_CALL
            ) as answer:
                self._check(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def _ask(self) -> None:
        """The handshake: whether the receiver wants events of this service.

        Raises:
            DeliveryError: it does not.
        """
        parts = urlsplit(self._base_url)
        origin = parts.netloc or self._base_url
        headers = {"WebHook-Request-Origin": origin}
        async with self._http.options(self._url, headers=headers, allow_redirects=False, timeout=_CALL) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
            if answer.status >= 300 or allowed not in (origin, "*"):
                raise DeliveryError(
                    "The receiver of events does not agree: it must answer OPTIONS with the header "
                    f"'WebHook-Allowed-Origin: {origin}' (CloudEvents, HTTP 1.1 Web Hooks)."
                )

    def _check(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status < 300:
            return
        if answer.status == 410:
            # "HTTP 1.1 Web Hooks", section 2.1: the receiver is gone for good.
            raise DeliveryError("The receiver of events is gone (410).", final=True)
        if answer.status < 400:
            raise DeliveryError(f"The receiver of events answers with a redirect ({answer.status}): not followed.")
        text = answer.headers.get("Retry-After", "")
        pause = timedelta(seconds=min(int(text), 3600)) if text.isascii() and text.isdecimal() else None
        raise DeliveryError(f"The receiver of events refuses ({answer.status}).", retry_after=pause)

    @staticmethod
    def _unreachable(error: Exception) -> DeliveryError:
        cause = error.__cause__ if isinstance(error, aiohttp.ClientConnectorError) else error
        os_error = getattr(error, "os_error", None)
        for each in (error, cause, os_error):
            if isinstance(each, ForbiddenAddressError):
                return DeliveryError(f"The receiver of events is not allowed: {each}.", final=True)
        return DeliveryError(f"The receiver of events could not be reached ({type(error).__name__}).")
