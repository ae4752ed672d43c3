"""Callers and their permissions."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from shared.core.ids import parse_guid

READ_ALL = "EntitlementManagement.Read.All"
READ_WRITE_ALL = "EntitlementManagement.ReadWrite.All"


class Need(Enum):
    """The permission that an operation requires of its caller."""

    NONE = auto()
    """Nothing: open to everyone, whatever ``UPLOADS_AUTH`` is. For answers that hold no secret and cost nothing."""
    IDENTITY = auto()
    """Authentication only, as for an unknown path."""
    READ = auto()
    WRITE = auto()
    WRITE_TENANT = auto()
    """Writing in the whole tenant, as for grants: a grant does not suffice."""
    READ_TENANT = auto()
    """Reading in the whole tenant, as for the audit: a grant does not suffice."""


_SUFFICIENT: dict[Need, frozenset[str]] = {
    Need.READ: frozenset({READ_ALL, READ_WRITE_ALL}),
    Need.WRITE: frozenset({READ_WRITE_ALL}),
    Need.WRITE_TENANT: frozenset({READ_WRITE_ALL}),
    Need.READ_TENANT: frozenset({READ_ALL, READ_WRITE_ALL}),
}


class ClaimsError(Exception):
    """Claims that do not identify a caller of this service. The message is for the caller and quotes no claim."""


class Caller(NamedTuple):
    """An identity, described by ids only, because names and addresses can be reassigned.

    ``permissions`` apply to the whole tenant. Grants can be for ``object_id`` or for one of ``groups``.
    """

    tenant_id: str
    object_id: str
    app_id: str
    permissions: frozenset[str]
    groups: frozenset[str] = frozenset()

    def may(self, need: Need) -> bool:
        """Whether the permissions for the whole tenant are sufficient."""
        return need is Need.IDENTITY or not self.permissions.isdisjoint(_SUFFICIENT[need])

    @property
    def principals(self) -> frozenset[str]:
        """The object ids whose grants apply to this caller."""
        return self.groups | {self.object_id}


ANONYMOUS = Caller("", "", "", frozenset({READ_WRITE_ALL}))
"""The caller of a service that requires no authentication."""


class Role(StrEnum):
    """The permission that a grant gives: to read, or to read and write."""

    READER = "reader"
    OWNER = "owner"


def strongest(roles: Collection[Role | None]) -> Role | None:
    """The role that includes all of the others; ``None`` if there is none."""
    return next((role for role in (Role.OWNER, Role.READER) if role in roles), None)


class GrantKey(NamedTuple):
    """The scope and the principal of a grant, as lower-case GUIDs. Without a resource the scope is the whole catalog.

    The principal is the object id of a user, a group or a service principal.
    """

    catalog_id: str
    resource_id: str | None
    principal_id: str


class Grant(NamedTuple):
    """One grant."""

    key: GrantKey
    role: Role


def caller_of(claims: Mapping[str, object], tenant_id: str) -> Caller:
    """The caller that validated claims identify.

    A delegated token (``scp``) has the permissions of its scopes; the user's roles add nothing. Any other token is an
    app-only token and has the permissions of its roles.

    Raises:
        ClaimsError: the claims are from another tenant, or not those of an access token.
    """
    if str(claims.get("tid", "")).lower() != tenant_id:
        raise ClaimsError("The token is from another tenant.")
    object_id = parse_guid(str(claims.get("oid", "")))
    if object_id is None:
        raise ClaimsError("The token has no object id (claim oid).")
    # An id token has the same issuer, audience and keys, and may have roles, but it does not authorize a call. It has
    # no claim for the client ("appid" in version 1.0, "azp" in version 2.0).
    app_id = parse_guid(str(claims.get("azp") or claims.get("appid") or ""))
    if app_id is None:
        raise ClaimsError("The token is not an access token: it has no client id (claim azp or appid).")
    scopes = claims.get("scp")
    permissions = _texts(claims.get("roles")) if scopes is None else str(scopes).split()
    groups = frozenset(group.lower() for group in _texts(claims.get("groups")))
    return Caller(tenant_id, object_id, app_id, frozenset(permissions), groups)


def _texts(claim: object) -> Iterable[str]:
    return [item for item in claim if isinstance(item, str)] if isinstance(claim, list) else []
