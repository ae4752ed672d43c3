"""Who calls, and what they may do: the same whether a token says so or the platform's own login."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from shared.core.ids import parse_guid

READ_ALL = "EntitlementManagement.Read.All"
READ_WRITE_ALL = "EntitlementManagement.ReadWrite.All"


class Need(Enum):
    """What an operation asks of its caller."""

    NONE = auto()
    """Nothing: open to everyone, whatever ``UPLOADS_AUTH`` is. For answers that hold no secret and cost nothing."""
    IDENTITY = auto()
    """To be known: all that an unknown path asks."""
    READ = auto()
    WRITE = auto()
    GRANTS = auto()
    """To say who else may: for those only who may write in the whole tenant."""
    AUDIT = auto()
    """To see who did what: for those only who may read in the whole tenant."""


_SUFFICIENT: dict[Need, frozenset[str]] = {
    Need.READ: frozenset({READ_ALL, READ_WRITE_ALL}),
    Need.WRITE: frozenset({READ_WRITE_ALL}),
    Need.GRANTS: frozenset({READ_WRITE_ALL}),
    Need.AUDIT: frozenset({READ_ALL, READ_WRITE_ALL}),
}


class ClaimsError(Exception):
    """Claims that name no caller of this service; the message is for the caller, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity by its ids: names and addresses change hands, ids do not.

    ``permissions`` are those for the whole tenant; ``groups`` may have been granted something, as ``object_id`` may.
    """

    tenant_id: str
    object_id: str
    app_id: str
    permissions: frozenset[str]
    groups: frozenset[str] = frozenset()

    def may(self, need: Need) -> bool:
        """Whether the permissions for the whole tenant are enough."""
        return need is Need.IDENTITY or not self.permissions.isdisjoint(_SUFFICIENT[need])

    @property
    def principals(self) -> frozenset[str]:
        """The object ids under which something may have been granted to this caller."""
        return self.groups | {self.object_id}


NOBODY_ASKED = Caller("", "", "", frozenset({READ_WRITE_ALL}))
"""The caller of a service that asks nobody who they are."""


class Role(StrEnum):
    """What a grant gives: to read, or to read and change."""

    READER = "reader"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class GrantKey:
    """What is granted to whom, by lower-case GUIDs. Without a resource it is the whole catalog.

    The principal is the object id of a user, a group or a service principal.
    """

    catalog_id: str
    resource_id: str | None
    principal_id: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant."""

    key: GrantKey
    role: Role


def caller_of(claims: Mapping[str, object], tenant_id: str) -> Caller:
    """The caller that checked claims name.

    A delegated token (``scp``) may do what its scopes say, and its user's roles add nothing; any other is the app's
    own, and may do what its roles say.

    Raises:
        ClaimsError: the claims are of another tenant, or not those of an access token.
    """
    if str(claims.get("tid", "")).lower() != tenant_id:
        raise ClaimsError("The token is of another tenant.")
    object_id = parse_guid(str(claims.get("oid", "")))
    if object_id is None:
        raise ClaimsError("The token names no object id (oid).")
    # An id token has the same issuer, audience and keys, and may have roles; but it is no permission to call anybody,
    # and says of no client that it may ("appid" in version 1.0, "azp" in 2.0).
    app_id = parse_guid(str(claims.get("azp") or claims.get("appid") or ""))
    if app_id is None:
        raise ClaimsError("The token is not an access token: it names no client (azp or appid).")
    scopes = claims.get("scp")
    permissions = _texts(claims.get("roles")) if scopes is None else str(scopes).split()
    groups = frozenset(group.lower() for group in _texts(claims.get("groups")))
    return Caller(tenant_id, object_id, app_id, frozenset(permissions), groups)


def _texts(claim: object) -> Iterable[str]:
    return [item for item in claim if isinstance(item, str)] if isinstance(claim, list) else []
