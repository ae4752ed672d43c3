"""The client of a service: the library's entry point."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from accup.api.models import AuditRecord
from accup.api.resource import Resource
from accup.api.retries import RetryPolicy
from accup.api.targets import Target
from accup.api.transport import Tokens, Transport
from accup.api.upload import Uploader
from accup.signin.tokens import NoToken, StaticToken
from accup.version import VERSION


class Client:
    """A client of one service. Close it, or use it in a ``with`` statement. Several threads may use it.

    Args:
        url: the service's URL, such as ``https://uploads.contoso.com`` or ``https://graph.microsoft.com/v1.0``.
        token: a bearer token; or where tokens come from (``accup.signin``); none for a service that requires no
            authentication.
        retries: how often a request is repeated.
        log: is called with a line for each request: method, path, status and time, never tokens or contents.

    Raises:
        UsageError: the URL is none of a service.
    """

    def __init__(
        self,
        url: str | Target,
        token: str | Tokens | None = None,
        *,
        retries: RetryPolicy | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.target = url if isinstance(url, Target) else Target.parse(url)
        tokens = StaticToken(token) if isinstance(token, str) else token or NoToken()
        self._transport = Transport(self.target, tokens, retries=retries, user_agent=f"accup/{VERSION}", log=log)
        self._uploader = Uploader(self._transport)

    def __enter__(self) -> "Client":
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def cancel(self) -> None:
        """Make every operation that runs in another thread stop as soon as it can."""
        self._transport.cancelled.set()

    def resource(self, catalog_id: str, resource_id: str) -> Resource:
        """The upload sessions of one resource; both ids are GUIDs."""
        return Resource(self._transport, self._uploader, catalog_id, resource_id)

    def audit(self, filter: str) -> Iterator[AuditRecord]:  # noqa: A002  # OData's name
        """The audit records that an OData ``$filter`` selects (not on Graph).

        Raises:
            AccupError: the request failed.
        """
        answer: Any = self._transport.request("GET", "/uploads/audit", params={"$filter": filter}).json()
        while True:
            yield from (AuditRecord.from_json(record) for record in answer["value"])
            if "@odata.nextLink" not in answer:
                return
            answer = self._transport.request("GET", answer["@odata.nextLink"]).json()
