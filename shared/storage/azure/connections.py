"""Creates storage clients from a connection string, or from an endpoint and the app's managed identity.

The names of what they find there begin with ``UPLOADS_NAME_PREFIX``.
"""

from types import ModuleType
from typing import Any, NamedTuple, TypeVar
from urllib.request import getproxies_environment

from azure.core.exceptions import AzureError

from shared.core.settings import Settings
from shared.telemetry.storage_calls import ObservedTransport, observed


class StorageNotConfiguredError(AzureError):
    """No storage account is configured. The message, for the log, names the settings."""

    def __init__(self) -> None:
        super().__init__(
            "no storage account is configured: set UPLOADS_STORAGE (a connection string), "
            "UPLOADS_STORAGE__accountName, or UPLOADS_STORAGE__blobServiceUri and UPLOADS_STORAGE__tableServiceUri"
        )


class Names(NamedTuple):
    """The names that one deployment of the service uses in a storage account."""

    sessions: str
    expiry: str
    activity: str
    grants: str
    access: str
    callers: str
    deliveries: str
    uploads: str

    @classmethod
    def prefixed(cls, prefix: str) -> "Names":
        """The names with a prefix, which may be empty."""
        return cls(
            sessions=f"{prefix}uploadsessions",
            expiry=f"{prefix}expiry",
            activity=f"{prefix}activity",
            grants=f"{prefix}grants",
            access=f"{prefix}access",
            callers=f"{prefix}callers",
            deliveries=f"{prefix}deliveries",
            uploads=f"{prefix}uploads",
        )

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of all tables."""
        return (self.sessions, self.expiry, self.activity, self.grants, self.access, self.callers, self.deliveries)


Service = TypeVar("Service")


def connect(service: type[Service], settings: Settings, endpoint: str | None, **options: Any) -> Service:
    """A client of a storage service. No request is sent yet.

    Args:
        service: the class of an asynchronous client.
        settings: they name the account.
        endpoint: the service's own, if there is no connection string.
        options: of the client.

    Raises:
        StorageNotConfiguredError: neither a connection string nor an endpoint is set.
    """
    # By default the transport looks for a proxy and a netrc file before every call, in a thread, which takes a third of
    # the time of a small call.
    options["use_env_settings"] = bool(getproxies_environment())
    if observed():
        name = service.__name__.removesuffix("ServiceClient").lower()
        options["transport"] = ObservedTransport(name, **options)
    if settings.storage is not None:
        client: Service = service.from_connection_string(settings.storage, **options)  # type: ignore[attr-defined]
        return client
    if endpoint is None:
        raise StorageNotConfiguredError
    # Imported here, since the import takes 0.25 s and is needed only with a managed identity.
    from azure.identity import aio  # noqa: PLC0415

    return service(endpoint, credential=credential(settings, aio), **options)  # type: ignore[call-arg]


def credential(settings: Settings, kinds: ModuleType) -> Any:
    """The identity to use, of ``azure.identity`` or ``azure.identity.aio``, chosen as the Functions host does it."""
    if settings.storage_credential is not None:
        return kinds.ManagedIdentityCredential(client_id=settings.storage_client_id)
    return kinds.DefaultAzureCredential(managed_identity_client_id=settings.storage_client_id)
