"""The client of a service: the library's entry point."""

from collections.abc import Callable, Iterator
from typing import Self

from accup.api.models import AuditRecord
from accup.api.network import Certificates
from accup.api.people import Accounts, Directory
from accup.api.resource import Resource
from accup.api.retries import RetryPolicy
from accup.api.targets import Target
from accup.api.transport import Transport
from accup.api.upload import Uploader
from accup.signin.tokens import StaticToken, Tokens


class Client:
    """A client of one service. Close it, or use it in a ``with`` statement. Several threads may use it.

    Args:
        url: the service's URL, such as ``https://uploads.contoso.com`` or ``https://graph.microsoft.com/v1.0``.
        token: a bearer token; or where tokens come from (``accup.signin``); none for a service that requires no
            authentication.
        retries: how often a request is repeated.
        certificates: which authorities to trust besides the system's, and our own certificate.
        log: is called with a line for each request: method, path, status and time, never tokens or contents.

    Raises:
        UsageError: the URL is none of a service; or a certificate file, or the proxy of the environment, is unusable.
    """

    def __init__(
        self,
        url: str | Target,
        token: str | Tokens | None = None,
        *,
        retries: RetryPolicy | None = None,
        certificates: Certificates | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.target = url if isinstance(url, Target) else Target.parse(url)
        tokens = StaticToken(token) if isinstance(token, str) else token or Tokens()
        log = log or (lambda _: None)
        self._transport = Transport(self.target, tokens, retries or RetryPolicy(), log, certificates)
        self._uploader = Uploader(self._transport)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def resource(self, catalog_id: str, resource_id: str) -> Resource:
        """The upload sessions of one resource; both ids are GUIDs."""
        return Resource(self._transport, self._uploader, catalog_id, resource_id)

    @property
    def directory(self) -> Directory:
        """The directory, with whose users accounts are matched (not on Graph)."""
        return Directory(self._transport)

    def accounts(self, catalog_id: str, resource_id: str) -> Accounts:
        """The list of accounts of one resource (not on Graph); both ids are GUIDs."""
        return Accounts(self._transport, catalog_id, resource_id)

    def audit(self, filter: str) -> Iterator[AuditRecord]:  # noqa: A002  # OData's name
        """The audit records that an OData ``$filter`` selects (not on Graph).

        Raises:
            AccupError: the request failed.
        """
        return map(AuditRecord.from_json, self._transport.elements("/uploads/audit", {"$filter": filter}))
