"""The HTTP sessions of Microsoft's sign-in libraries, which trust the same certificates as our own client."""

from ssl import SSLContext
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from accup.api.network import Certificates

_TIMEOUT_SECONDS = 30


class _Adapter(HTTPAdapter):
    """Connections with our context, also through a proxy; none waits for ever."""

    def __init__(self, context: SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=2)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """The connections without a proxy."""
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The connections through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **options)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request within a time."""
        if options.get("timeout") is None:
            options["timeout"] = _TIMEOUT_SECONDS
        return super().send(request, *args, **options)


def session_of(certificates: Certificates) -> requests.Session:
    """A session of ``requests``, which azure-identity and msal use."""
    session = requests.Session()
    session.mount("https://", _Adapter(certificates.context()))
    return session
