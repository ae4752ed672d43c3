"""Which addresses an outgoing request may go to: public ones, unless the administrator allows a host.

The address that was checked is the one that is connected to, so that a name that resolves differently a moment later
changes nothing (DNS rebinding; OWASP, "Server-Side Request Forgery Prevention").
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from shared.core.settings import LOOPBACK

# RFC 4291 (mapped and compatible), RFC 2765 (translated), RFC 6052 and RFC 8215 (NAT64).
_IPV4_IN_LAST_32_BITS = tuple(
    map(ip_network, ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
)

# Of Azure's platform: DNS, DHCP and health probes ("What is IP address 168.63.129.16?").
_AZURE_PLATFORM = IPv4Address("168.63.129.16")


class ForbiddenAddressError(OSError):
    """A host that is, or resolves to, an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local or reserved."""
    parsed = _embedded(ip_address(address.partition("%")[0]))
    inside = parsed.is_multicast or parsed == _AZURE_PLATFORM or (parsed.version == 6 and parsed.is_site_local)
    return parsed.is_global and not inside


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, if it does: mapped, by NAT64, by 6to4, or IPv4-compatible."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in _IPV4_IN_LAST_32_BITS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def check_url(url: str, allowed_hosts: Collection[str]) -> None:
    """See that an address may be used at all.

    Raises:
        ForbiddenAddressError: it is not https, except on this machine; or it names an address that is not public.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise ForbiddenAddressError("the address must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenAddressError("the address must not hold a user name or a password")
    if host in LOOPBACK or host in allowed_hosts:
        return
    try:
        public = is_public(host)
    except ValueError:
        if host.replace(".", "").isdigit():
            # Such as 127.1, which aiohttp takes for an address and does not have resolved, but the system reads.
            raise ForbiddenAddressError("the address of the host must be written in full") from None
        return  # a name: what it resolves to is checked when it is connected to
    if not public:
        raise ForbiddenAddressError("the address is not a public one")


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, which are then connected to as they are."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        """Names in ``allowed_hosts`` may resolve to any address."""
        self._allowed = frozenset(allowed_hosts) | LOOPBACK
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a host.

        Raises:
            ForbiddenAddressError: it has none, or one that is not public.
        """
        found = await self._resolver.resolve(host, port, family)
        if host not in self._allowed and not all(is_public(each["host"]) for each in found):
            raise ForbiddenAddressError("the host resolves to an address that is not public")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()
