"""Storage connections as Azure Functions names them: by connection string, or by endpoint and the app's identity."""

from typing import Any, TypeVar
from urllib.request import getproxies_environment

from azure.core.exceptions import AzureError
from pydantic import HttpUrl


class StorageNotConfiguredError(AzureError):
    """Neither way to reach storage is set; the message, for the log, says which settings would do."""

    def __init__(self) -> None:
        super().__init__(
            "no storage is set: set UPLOADS_STORAGE (a connection string), "
            "or UPLOADS_STORAGE__blobServiceUri and UPLOADS_STORAGE__tableServiceUri"
        )


Service = TypeVar("Service")


def connect(service: type[Service], connection_string: str | None, endpoint: HttpUrl | None, **options: Any) -> Service:
    """A client of a storage service; nothing is sent yet.

    Raises:
        StorageNotConfiguredError: there is neither a connection string nor an endpoint.
    """
    # Left to itself, the transport asks for a proxy and a netrc file before every call, in a thread: that costs a third
    # of a small call.
    options["use_env_settings"] = bool(getproxies_environment())
    if connection_string is not None:
        client: Service = service.from_connection_string(connection_string, **options)  # type: ignore[attr-defined]
        return client
    if endpoint is None:
        raise StorageNotConfiguredError
    # Imported here, since it takes a quarter of a second and is needed only where the platform's identity is used.
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return service(str(endpoint), credential=DefaultAzureCredential(), **options)  # type: ignore[call-arg]
