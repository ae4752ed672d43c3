"""Every setting of the service: its name, its default, its unit.

Settings come from the environment, which is where Azure Functions puts app settings. They are read once a process.
"""

import os
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, HttpUrl
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024
GIB = 1024 * MIB


def _split_list(text: object) -> object:
    return [item.strip() for item in text.split(",") if item.strip()] if isinstance(text, str) else text


def _storage(suffix: str = "") -> AliasChoices:
    """A storage connection as Functions names it: our own, or else the one that the app has anyway."""
    return AliasChoices(f"UPLOADS_STORAGE{suffix}", f"AzureWebJobsStorage{suffix}")


class AuthMode(StrEnum):
    """How the service finds out who calls."""

    ENTRA = "entra"
    PLATFORM = "platform"
    NONE = "none"


class Settings(BaseSettings):
    """The settings of the app, each ``UPLOADS_<NAME>`` unless it says otherwise."""

    model_config = SettingsConfigDict(env_prefix="UPLOADS_", frozen=True, extra="ignore")

    storage: str | None = Field(
        default=None,
        validation_alias=_storage(),
        description="Connection string of the storage account that holds sessions and files.",
    )
    blob_service_uri: HttpUrl | None = Field(
        default=None,
        validation_alias=_storage("__blobServiceUri"),
        description="Instead of a connection string: the blob endpoint, reached with the platform's identity.",
    )
    table_service_uri: HttpUrl | None = Field(
        default=None,
        validation_alias=_storage("__tableServiceUri"),
        description="Instead of a connection string: the table endpoint, reached with the platform's identity.",
    )
    auth: AuthMode = Field(
        default=AuthMode.ENTRA,
        description="Who says who calls: entra (tokens of Microsoft Entra), platform (App Service authentication in "
        "front of the app), or none (everybody may do everything; refused in Azure).",
    )
    tenant_id: str = Field(default="", description="Id (GUID) of the tenant whose tokens are taken.")
    audience: Annotated[frozenset[str], NoDecode, BeforeValidator(_split_list)] = Field(
        default=frozenset(),
        description="Whom a token must be for: this app's own client id and App ID URI, parted by commas.",
    )
    authority: HttpUrl = Field(
        default=HttpUrl("https://login.microsoftonline.com"),
        description="Who issues tokens of version 2.0 and publishes the keys; another one in sovereign clouds.",
    )
    authority_v1: HttpUrl = Field(
        default=HttpUrl("https://sts.windows.net"), description="Who issues tokens of version 1.0."
    )
    function_keys: bool = Field(
        default=False, description="Whether Azure asks every caller for a function key (x-functions-key) besides."
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="Where callers reach the service: the base of every link in an answer. "
        "Unset: https and WEBSITE_HOSTNAME, which Azure sets.",
    )
    idle_seconds: int = Field(
        default=7200, ge=1, description="Seconds without an upload or another change after which a session expires."
    )
    grace_seconds: int = Field(
        default=86400, ge=0, description="Seconds for which the files of an expired session are kept."
    )
    retention_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Seconds after which the files of a session that was completed from now on go. Unset: never.",
    )
    expiry_schedule: str = Field(
        default="0 */5 * * * *", description="When the expiry timer fires: an NCRONTAB expression of six fields."
    )
    max_sessions: int = Field(default=10_000, ge=1, description="Sessions that one resource may have, about.")
    max_active_sessions: int = Field(
        default=1000, ge=1, description="Active sessions that one caller may have made, about."
    )
    max_files: int = Field(default=100, ge=1, le=1000, description="Files that one session may hold.")
    max_file_bytes: int = Field(default=GIB, ge=1, description="Bytes that one file may have.")
    max_findings: int = Field(default=1000, ge=1, description="Findings that one error answer lists.")
    max_upload_seconds: int = Field(
        default=7200,
        ge=1,
        description="Seconds that one upload may take; what an older one left behind is swept away.",
    )
    max_uploads_at_once: int = Field(
        default=16, ge=1, description="Uploads of one caller at the same time, for each process of the app."
    )
    stall_seconds: int = Field(
        default=60, ge=1, description="Seconds for which nothing of a body may come in before the request is given up."
    )
    max_url_bytes: int = Field(
        default=8192, ge=1024, description="Bytes of a request's path and query; the Functions host takes no more."
    )
    max_headers: int = Field(default=100, ge=20, description="Headers of a request, as of the Functions host.")
    max_header_bytes: int = Field(
        default=32 * 1024, ge=4096, description="Bytes of all headers of a request, as of the Functions host."
    )
    max_json_bytes: int = Field(
        default=64 * 1024, ge=1024, description="Bytes of a body of JSON; one that makes sense has a few hundred."
    )
    max_form_bytes: int = Field(
        default=64 * 1024, ge=1024, description="Bytes of a form beside its file: boundaries, part headers, padding."
    )
    max_filter_length: int = Field(
        default=2000, ge=100, le=100_000, description="Characters of a $filter; the default takes 40 GUIDs."
    )
    max_filter_depth: int = Field(default=20, ge=1, le=100, description="Brackets of a $filter that are open at once.")
    requests_per_minute: int = Field(
        default=1200,
        ge=1,
        description="Requests a minute of one caller, and in one burst, for each process of the app.",
    )
    block_bytes: int = Field(
        default=4 * MIB, ge=64 * 1024, le=100 * MIB, description="Bytes of one staged block of a blob."
    )
    blocks_in_flight: int = Field(default=4, ge=1, le=64, description="Blocks of one upload staged at the same time.")
    principal_types: Annotated[frozenset[str], NoDecode, BeforeValidator(_split_list)] = Field(
        default=frozenset({"EntraIdUser", "user"}),
        description="Values that principalType may have, parted by commas, in any case.",
    )

    @property
    def idle(self) -> timedelta:
        """How long a session stays active when nothing happens."""
        return timedelta(seconds=self.idle_seconds)

    @property
    def grace(self) -> timedelta:
        """How long an expired session's files are kept."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def retention(self) -> timedelta | None:
        """How long a complete session's files are kept; ``None`` for ever."""
        return None if self.retention_seconds is None else timedelta(seconds=self.retention_seconds)

    @property
    def max_upload(self) -> timedelta:
        """How long one upload may take."""
        return timedelta(seconds=self.max_upload_seconds)

    @property
    def authority_base(self) -> str:
        """The authority of tokens of version 2.0, without a slash at its end."""
        return str(self.authority).rstrip("/")

    @property
    def authority_v1_base(self) -> str:
        """The authority of tokens of version 1.0, without a slash at its end."""
        return str(self.authority_v1).rstrip("/")

    @property
    def base_url(self) -> str | None:
        """The base of every link, without a slash at its end; ``None`` if neither a setting nor Azure says it."""
        if self.public_url is not None:
            return str(self.public_url).rstrip("/")
        # WEBSITE_HOSTNAME is set by Azure, and by Core Tools as "localhost:7071", where there is no TLS.
        host = os.environ.get("WEBSITE_HOSTNAME")
        if not host:
            return None
        return f"{'http' if host.split(':')[0] in ('localhost', '127.0.0.1') else 'https'}://{host}"


@cache
def settings() -> Settings:
    """The settings of this process, read from the environment at the first call."""
    return Settings()
