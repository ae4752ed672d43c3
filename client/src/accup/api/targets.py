"""The service that is called: its base URL, its paths, and the check that an address belongs to it."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from accup.errors import ServiceError, UsageError

# Microsoft Graph in the global cloud and the national clouds (Graph, "National cloud deployments").
GRAPH_HOSTS = frozenset(
    {"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
)
_VERSIONS = ("v1.0", "beta")
_SUFFIXES = ("/identityGovernance/entitlementManagement", "/identityGovernance")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """A service: ``base`` is its URL with the version, such as ``https://graph.microsoft.com/v1.0``."""

    base: str
    version: str

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Read what the user gave: the service's URL with or without the version.

        Raises:
            UsageError: it is not an http or https URL, or it carries a user name, a query or a fragment.
        """
        try:
            parts = urlsplit(url.strip())
            valid = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or parts.username or parts.password or parts.query or parts.fragment:
            # What may be a password is not repeated.
            given = "What was given" if "@" in url else f"'{url}'"
            raise UsageError(
                f"{given} is not the URL of a service. Give one such as https://uploads.contoso.com or "
                "https://graph.microsoft.com/v1.0."
            )
        path = parts.path.rstrip("/")
        for suffix in _SUFFIXES:
            path = path.removesuffix(suffix)
        version = path.rsplit("/", 1)[-1]
        if version not in _VERSIONS:
            version = "v1.0"
            path += f"/{version}"
        return cls(f"{parts.scheme}://{parts.netloc}{path}", version)

    @property
    def host(self) -> str:
        """The host name, in lower case."""
        return urlsplit(self.base).hostname or ""

    @property
    def is_graph(self) -> bool:
        """Whether this is Microsoft Graph itself."""
        return self.host in GRAPH_HOSTS

    @property
    def known_scope(self) -> str | None:
        """The scope of tokens for Graph; a service of ours says it."""
        return f"https://{self.host}/.default" if self.is_graph else None

    @property
    def is_loopback(self) -> bool:
        """Whether the service runs on this machine."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def may_carry_tokens(self) -> bool:
        """Whether a token can be sent without being readable on the network."""
        return self.base.startswith("https://") or self.is_loopback

    @property
    def address(self) -> str:
        """The service's own URL, without the version of its API."""
        return self.base.removesuffix(f"/{self.version}")

    @property
    def configuration(self) -> str:
        """The URL at which a service of ours tells its limits."""
        return f"{self.address}/uploads/config"

    def sessions(self, catalog_id: str, resource_id: str) -> str:
        """The path of a resource's sessions, below ``base``."""
        catalogs, resources = "catalogs", "resources"
        if self.version == "beta":
            catalogs, resources = "accessPackageCatalogs", "accessPackageResources"
        return (
            f"/identityGovernance/entitlementManagement/{catalogs}/{quote(catalog_id, safe='')}"
            f"/{resources}/{quote(resource_id, safe='')}/uploadSessions"
        )

    def url(self, path: str) -> str:
        """The URL of a path below ``base``, or a link of the service itself, which must lead to the same host.

        Raises:
            ServiceError: the link leads elsewhere.
        """
        if path.startswith("/"):
            return self.base + path
        try:
            is_own = _origin(path) == _origin(self.base)
        except ValueError:
            is_own = False
        if not is_own:
            raise ServiceError(
                f"The service answered with a link that does not lead to {self.host}. It was not followed. If "
                "the service is behind a gateway, its setting UPLOADS_PUBLIC_URL must name the gateway."
            )
        return path


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
