"""Every setting of the service: its name, default, unit and description.

Settings come from the environment, where Azure Functions puts app settings. Each process reads them once.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr, ValidationError

from shared.core.environment import PREFIX, SettingsError, check_names, check_removed, storage_variables

# The names that a machine has for itself.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

MIB = 1024 * 1024
GIB = 1024 * MIB

# The limits of settings that messages mention.
MIN_UPLOAD_SECONDS = 1
MAX_BLOCK_BYTES = 100 * MIB

# With more, the times that are computed from it would have no date.
TEN_YEARS = 10 * 365 * 24 * 3600


def _split_hosts(text: object) -> object:
    return _split_list(text.lower() if isinstance(text, str) else text)


def _split_list(text: object) -> object:
    return [item.strip() for item in text.split(",") if item.strip()] if isinstance(text, str) else text


class AuthMode(StrEnum):
    """How the service authenticates callers."""

    ENTRA = "entra"
    NONE = "none"


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


class Settings(BaseModel):
    """The settings of the app. Each is read from ``UPLOADS_<NAME>`` unless it has an alias."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_variable), validate_by_name=True, frozen=True
    )

    storage: str | None = Field(
        default=None,
        description="Connection string of the storage account that holds sessions and files. If no variable of "
        "UPLOADS_STORAGE is set, AzureWebJobsStorage is used in its place, with the same endings.",
    )
    storage_account_name: str | None = Field(
        default=None,
        pattern="^[a-z0-9]{3,24}$",
        validation_alias="UPLOADS_STORAGE__accountName",
        description="Instead of a connection string: the account's name in the public cloud, accessed with the app's "
        "managed identity.",
    )
    blob_service_uri: HttpUrl | None = Field(
        default=None,
        validation_alias="UPLOADS_STORAGE__blobServiceUri",
        description="Instead of the account's name: its blob endpoint, as in sovereign clouds.",
    )
    table_service_uri: HttpUrl | None = Field(
        default=None,
        validation_alias="UPLOADS_STORAGE__tableServiceUri",
        description="Instead of the account's name: its table endpoint, as in sovereign clouds.",
    )
    queue_service_uri: HttpUrl | None = Field(
        default=None,
        validation_alias="UPLOADS_STORAGE__queueServiceUri",
        description="Instead of the account's name: its queue endpoint, as in sovereign clouds. Needed for deliveries.",
    )
    storage_credential: Literal["managedidentity"] | None = Field(
        default=None,
        validation_alias="UPLOADS_STORAGE__credential",
        description="managedidentity: use a managed identity and nothing else. Unset: what azure-identity's "
        "DefaultAzureCredential finds, for example the login of the Azure CLI.",
    )
    storage_client_id: str | None = Field(
        default=None,
        validation_alias="UPLOADS_STORAGE__clientId",
        description="Client id of a user-assigned managed identity. Unset: the system-assigned one.",
    )
    name_prefix: str = Field(
        default="",
        pattern="^([a-z][a-z0-9]{0,31})?$",
        description="What the names of all tables and of the container begin with: lowercase letters and digits. "
        "Deployments that share a storage account, such as staging slots, need different prefixes.",
    )
    auth: AuthMode = Field(
        default=AuthMode.ENTRA,
        description="How callers are authenticated: entra (tokens of Microsoft Entra), or none (no authentication, "
        "full access; only if the address of the service is a loopback one).",
    )
    tenant_id: str = Field(default="", description="Id (GUID) of the tenant whose tokens are accepted.")
    audience: Annotated[frozenset[str], BeforeValidator(_split_list)] = Field(
        default=frozenset(),
        description="Accepted audiences of tokens, comma-separated: this app's client id and its App ID URI.",
    )
    authority: HttpUrl = Field(
        default=HttpUrl("https://login.microsoftonline.com"),
        description="Issuer of version 2.0 tokens, which also publishes the signing keys. Differs in sovereign clouds.",
    )
    authority_v1: HttpUrl = Field(
        default=HttpUrl("https://sts.windows.net"), description="Issuer of version 1.0 tokens."
    )
    page_client_id: str = Field(
        default="",
        description="Client id with which the page at /uploads signs people in. Default: the one in UPLOADS_AUDIENCE.",
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="Base URL of every link in a response; set it behind a gateway or for a custom domain. "
        "Unset: https and WEBSITE_HOSTNAME, which Azure sets. The app does not start without either.",
    )
    idle_seconds: int = Field(
        default=7200,
        ge=1,
        le=TEN_YEARS,
        description="Seconds without an upload or another change after which a session expires.",
    )
    grace_seconds: int = Field(
        default=86400, ge=0, le=TEN_YEARS, description="Seconds for which the files of an expired session are kept."
    )
    retention_seconds: int | None = Field(
        default=None,
        ge=0,
        le=TEN_YEARS,
        description="Seconds after which the files of a complete session are deleted; its record stays. It applies to "
        "sessions completed while it is set. Unset: never.",
    )
    forward_url: HttpUrl | None = Field(
        default=None,
        description="Where complete sessions are forwarded to: Microsoft Graph with its version, such as "
        "https://graph.microsoft.com/v1.0, or another instance of this service. Unset: nowhere.",
    )
    forward_scope: str = Field(
        default="https://graph.microsoft.com/.default",
        description="Scope of the token for UPLOADS_FORWARD_URL, requested with the app's managed identity. none sends "
        "no token, and is accepted for loopback addresses only.",
    )
    forward_resources: Literal["all", "listed"] = Field(
        default="all",
        description="Which resources are forwarded: all, or listed (those whose description in uploads/resources has "
        "the property upstream).",
    )
    forward_layouts: Annotated[frozenset[str], BeforeValidator(_split_list)] = Field(
        default=frozenset({"graph", "extended"}),
        description="Column layouts that UPLOADS_FORWARD_URL accepts, comma-separated. A session with another one is "
        "not forwarded.",
    )
    events_url: HttpUrl | None = Field(
        default=None,
        description="Where events are sent to: a webhook, or a topic of Azure Event Grid. Unset: nowhere.",
    )
    events_secret: SecretStr | None = Field(
        default=None,
        description="Secret that signs events to a webhook (Standard Webhooks): whsec_ and base64 of 24 to 64 bytes.",
    )
    events_allowed_hosts: Annotated[frozenset[str], BeforeValidator(_split_hosts)] = Field(
        default=frozenset(),
        description="Hosts of UPLOADS_EVENTS_URL that may have an address that is not public, comma-separated.",
    )
    delivery_seconds: int = Field(
        default=86400, ge=1, le=TEN_YEARS, description="Seconds after which a delivery that keeps failing is given up."
    )
    max_shrink_percent: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="How much fewer rows than the resource's last complete session a session may have, in percent. "
        "Unset: no limit.",
    )
    max_growth_percent: int | None = Field(
        default=None,
        ge=0,
        description="How many more rows than the resource's last complete session a session may have, in percent. "
        "Unset: no limit.",
    )
    require_object_ids: bool = Field(
        default=False,
        description="Whether a file with user principal names is refused (true), or accepted with a warning. The "
        "templates set it where sessions are forwarded, since Microsoft Graph requires object ids.",
    )
    directory_max_age_days: int = Field(
        default=14,
        ge=1,
        le=3650,
        description="Days after which the directory is too old to match accounts with: then a file whose accounts have "
        "to be matched is refused.",
    )
    directory_source: Literal["upload", "graph"] = Field(
        default="upload",
        description="Where the directory comes from: upload, or graph (it is also fetched once a day from Microsoft "
        "Graph, with the app's managed identity, which needs the permission User.Read.All).",
    )
    directory_graph_url: HttpUrl = Field(
        default=HttpUrl("https://graph.microsoft.com/v1.0"),
        description="Microsoft Graph with its version, where the directory is fetched from. Differs in sovereign "
        "clouds.",
    )
    expiry_schedule: str = Field(
        default="0 */5 * * * *", description="When the expiry timer runs: an NCRONTAB expression of six fields."
    )
    max_sessions: int = Field(
        default=10_000, ge=1, description="Approximate maximum number of sessions of one resource."
    )
    max_active_sessions: int = Field(
        default=1000, ge=1, description="Approximate maximum number of active sessions created by one caller."
    )
    max_files: int = Field(default=100, ge=1, le=1000, description="Maximum number of files in one session.")
    max_file_bytes: int = Field(default=GIB, ge=1, description="Maximum size of one file, in bytes, decompressed.")
    max_findings: int = Field(
        default=1000, ge=1, description="Maximum number of findings that one error response lists."
    )
    max_upload_seconds: int = Field(
        default=540,
        ge=MIN_UPLOAD_SECONDS,
        le=TEN_YEARS,
        description="Maximum duration of one upload, in seconds, at least 60 less than functionTimeout in host.json. "
        "What an older upload left in storage is deleted.",
    )
    max_download_seconds: int = Field(
        default=300,
        ge=1,
        le=TEN_YEARS,
        description="Maximum duration of one download, in seconds, at least 300 less than functionTimeout in "
        "host.json. A client continues it with a Range.",
    )
    max_transfers_per_process: int = Field(
        default=24,
        ge=1,
        description="Maximum number of simultaneous uploads and downloads by all callers, for each process of the app; "
        "then 503. The default fits an instance with 2 GB of memory. A quarter as many dry runs have places of their "
        "own.",
    )
    caller_share_percent: int = Field(
        default=33,
        ge=1,
        le=100,
        description="The share of these places that one caller can have, in percent, rounded up; then 429.",
    )
    stall_seconds: int = Field(
        default=60,
        ge=1,
        le=TEN_YEARS,
        description="Seconds of waiting for a client in which it has to send or take as many bytes as "
        "UPLOADS_MIN_BYTES_PER_SECOND makes of this time; else the upload is 408, and the download ends.",
    )
    min_bytes_per_second: int = Field(
        default=1024,
        ge=0,
        le=MIB,
        description="Minimum rate of an upload or a download, in bytes per second. Uploads with a Content-Length are "
        "received by the Functions host, which has a minimum rate of its own. 0: any byte is enough.",
    )
    max_url_bytes: int = Field(
        default=8192,
        ge=1024,
        description="Maximum size of a request's path and query, in bytes. The Functions host has the same limit.",
    )
    max_headers: int = Field(
        default=100, ge=20, description="Maximum number of headers of a request. The Functions host has the same limit."
    )
    max_header_bytes: int = Field(
        default=32 * 1024,
        ge=4096,
        description="Maximum size of all headers of a request, in bytes. The Functions host has the same limit.",
    )
    max_json_bytes: int = Field(
        default=64 * 1024,
        ge=1024,
        description="Maximum size of a JSON body, in bytes. A typical one has a few hundred.",
    )
    max_form_bytes: int = Field(
        default=64 * 1024,
        ge=1024,
        description="Maximum size of a form without its file, in bytes: boundaries, part headers, padding.",
    )
    max_filter_length: int = Field(
        default=2000,
        ge=100,
        le=100_000,
        description="Maximum length of a $filter, in characters. The default has room for 40 GUIDs.",
    )
    max_filter_depth: int = Field(
        default=20, ge=1, le=100, description="Maximum nesting depth of parentheses in a $filter."
    )
    requests_per_minute: int = Field(
        default=1200,
        ge=1,
        description="Maximum number of requests by one caller in a minute, or in one burst, for each process.",
    )
    block_bytes: int = Field(
        default=4 * MIB, ge=64 * 1024, le=MAX_BLOCK_BYTES, description="Size of one staged block of a blob, in bytes."
    )
    blocks_in_flight: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Maximum number of blocks that all uploads of a process stage at a time.",
    )
    principal_types: Annotated[frozenset[str], BeforeValidator(_split_list)] = Field(
        default=frozenset({"EntraIdUser", "user"}),
        description="Allowed values of principalType, comma-separated, case-insensitive.",
    )

    convert: bool = Field(
        default=True,
        description="Whether files are accepted that are not in Graph's form, such as with other separators, and with "
        "columns that are declared for their application. false: such files and declarations are refused, as to test "
        "against Graph's form.",
    )

    @property
    def blob_endpoint(self) -> str | None:
        """Where Blob Storage is; ``None`` with a connection string."""
        return self._endpoint(self.blob_service_uri, "blob")

    @property
    def table_endpoint(self) -> str | None:
        """Where Table Storage is; ``None`` with a connection string."""
        return self._endpoint(self.table_service_uri, "table")

    def _endpoint(self, uri: HttpUrl | None, service: str) -> str | None:
        if uri is not None:
            return str(uri)
        # As Functions does it; other clouds have other domains, and need the endpoints.
        name = self.storage_account_name
        return None if name is None else f"https://{name}.{service}.core.windows.net"

    @property
    def has_targets(self) -> bool:
        """Whether something is delivered: sessions to Microsoft Graph, or events to a receiver."""
        return self.forward_url is not None or self.events_url is not None

    @property
    def storage_connection(self) -> str:
        """The name of the storage connection, as a trigger of Functions names it."""
        own = any(name == "UPLOADS_STORAGE" or name.startswith("UPLOADS_STORAGE__") for name in os.environ)
        return "UPLOADS_STORAGE" if own else "AzureWebJobsStorage"

    @property
    def queue_endpoint(self) -> str | None:
        """Where Queue Storage is; ``None`` with a connection string."""
        return self._endpoint(self.queue_service_uri, "queue")

    @property
    def idle(self) -> timedelta:
        """How long a session stays active without a change."""
        return timedelta(seconds=self.idle_seconds)

    @property
    def grace(self) -> timedelta:
        """How long an expired session's files are kept."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def retention(self) -> timedelta | None:
        """How long a complete session's files are kept; ``None`` means forever."""
        return None if self.retention_seconds is None else timedelta(seconds=self.retention_seconds)

    @property
    def max_upload(self) -> timedelta:
        """How long one upload may take."""
        return timedelta(seconds=self.max_upload_seconds)

    @property
    def largest_upload_bytes(self) -> int:
        """The largest body of an upload: a file with the form around it."""
        return self.max_file_bytes + self.max_form_bytes

    @property
    def authority_base(self) -> str:
        """The authority of version 2.0 tokens, without a trailing slash."""
        return str(self.authority).rstrip("/")

    @property
    def authority_v1_base(self) -> str:
        """The authority of version 1.0 tokens, without a trailing slash."""
        return str(self.authority_v1).rstrip("/")

    @property
    def base_url(self) -> str:
        """The base of every link, without a trailing slash. Empty without an address: such an app does not start."""
        return "" if self.public_url is None else str(self.public_url).rstrip("/")


def _platform_address(variables: Mapping[str, str]) -> dict[str, str]:
    """The base of links, if the platform names it: Azure does, and Core Tools as "localhost:7071", without TLS."""
    host = variables.get("WEBSITE_HOSTNAME")
    if host is None:
        return {}
    scheme = "http" if urlsplit(f"//{host}").hostname in LOOPBACK else "https"
    return {_variable("public_url").lower(): f"{scheme}://{host}"}


def load_settings() -> Settings:
    """The settings in the environment. Names are not case-sensitive; an empty value counts as not set.

    Raises:
        SettingsError: a variable is unknown, is no longer supported, or has a value that is not allowed.
    """
    known = [str(field.validation_alias) for field in Settings.model_fields.values()]
    given = {name: value for name, value in os.environ.items() if value}
    check_removed(given)
    check_names(given, known)
    own = {name.lower(): value for name, value in given.items()}
    values = _platform_address(given) | own | storage_variables(given)
    try:
        return Settings.model_validate({name: values[name.lower()] for name in known if name.lower() in values})
    except ValidationError as error:
        # Without the values: among them may be secrets.
        faults = [
            f"{fault['loc'][0]}: {fault['msg']}."
            for fault in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise SettingsError("\n".join(faults)) from None


@cache
def settings() -> Settings:
    """The settings of this process, read from the environment at the first call.

    Raises:
        SettingsError: as ``load_settings``.
    """
    return load_settings()
