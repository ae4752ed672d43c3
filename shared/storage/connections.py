"""Creates storage clients from a connection string, or from an endpoint and the app's managed identity."""

from typing import Any, TypeVar
from urllib.request import getproxies_environment

from azure.core.exceptions import AzureError
from pydantic import HttpUrl


class StorageNotConfiguredError(AzureError):
    """No storage account is configured. The message, for the log, names the settings."""

    def __init__(self) -> None:
        super().__init__(
            "no storage account is configured: set UPLOADS_STORAGE (a connection string), "
            "or UPLOADS_STORAGE__blobServiceUri and UPLOADS_STORAGE__tableServiceUri"
        )


Service = TypeVar("Service")


def connect(service: type[Service], connection_string: str | None, endpoint: HttpUrl | None, **options: Any) -> Service:
    """A client of a storage service. No request is sent yet.

    Raises:
        StorageNotConfiguredError: neither a connection string nor an endpoint is set.
    """
    # By default the transport looks for a proxy and a netrc file before every call, in a thread, which takes a third of
    # the time of a small call.
    options["use_env_settings"] = bool(getproxies_environment())
    if connection_string is not None:
        client: Service = service.from_connection_string(connection_string, **options)  # type: ignore[attr-defined]
        return client
    if endpoint is None:
        raise StorageNotConfiguredError
    # Imported here, since the import takes 0.25 s and is needed only with a managed identity.
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return service(str(endpoint), credential=DefaultAzureCredential(), **options)  # type: ignore[call-arg]
