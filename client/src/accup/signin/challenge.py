"""Reads a 401's ``WWW-Authenticate`` header: where tokens come from, and for which audience they must be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TENANT = re.compile(r"(https?://[^/]+)/([^/]+)/oauth2(?:/v2\.0)?/authorize/?")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the service says about tokens (RFC 6750, section 3). Every part may be missing."""

    scope: str | None = None
    authority: str | None = None
    tenant: str | None = None
    description: str | None = None

    @classmethod
    def of(cls, headers: Sequence[str]) -> "Challenge":
        """The Bearer challenge among the headers."""
        for header in headers:
            scheme, _, rest = header.partition(" ")
            if scheme.lower() == "bearer":
                return cls._parse(rest)
        return cls()

    @classmethod
    def _parse(cls, text: str) -> "Challenge":
        found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(text)}
        issuer = _TENANT.fullmatch(found.get("authorization_uri", ""))
        resource = found.get("resource_id") or found.get("resource")
        return cls(
            scope=found.get("scope") or (f"{resource}/.default" if resource else None),
            authority=issuer[1] if issuer else None,
            tenant=issuer[2] if issuer else None,
            description=found.get("error_description"),
        )
