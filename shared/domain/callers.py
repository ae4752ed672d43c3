"""Callers and their permissions."""

from collections.abc import Collection, Iterable, Mapping
from enum import Enum, IntEnum, StrEnum, auto
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
    DECLARE = auto()
    """Declaring what the files of an application are like: writing in the whole tenant, or a grant that says so."""
    WRITE_TENANT = auto()
    """Writing in the whole tenant, as for grants: a grant does not suffice."""
    READ_TENANT = auto()
    """Reading in the whole tenant, as for the audit: a grant does not suffice."""


REQUIRED = {
    Need.READ: READ_ALL,
    Need.WRITE: READ_WRITE_ALL,
    Need.DECLARE: READ_WRITE_ALL,
    Need.WRITE_TENANT: READ_WRITE_ALL,
    Need.READ_TENANT: READ_ALL,
}
"""The permission for the whole tenant that suffices for a need; for the first three, a grant can, too."""


class ClaimsError(Exception):
    """Claims that do not identify a caller of this service. The message is for the caller and quotes no claim."""


class Caller(NamedTuple):
    """An identity, described by ids only, because names and addresses can be reassigned.

    ``permissions`` apply to the whole tenant; who has the one to write has the one to read, too. Grants can be for
    ``object_id`` or for one of ``groups``.
    """

    tenant_id: str
    object_id: str
    app_id: str
    permissions: frozenset[str]
    groups: frozenset[str] = frozenset()

    def may(self, need: Need) -> bool:
        """Whether the permissions for the whole tenant are sufficient."""
        return need is Need.IDENTITY or REQUIRED[need] in self.permissions

    @property
    def principals(self) -> frozenset[str]:
        """The object ids whose grants apply to this caller."""
        return self.groups | {self.object_id}


ANONYMOUS = Caller("", "", "", frozenset({READ_ALL, READ_WRITE_ALL}))
"""The caller of a service that requires no authentication."""


class Role(StrEnum):
    """The permission that a grant gives: to read, or to read and write."""

    READER = "reader"
    OWNER = "owner"


def strongest(roles: Collection[Role | None]) -> Role | None:
    """The role that includes all of the others; ``None`` if there is none."""
    return next((role for role in (Role.OWNER, Role.READER) if role in roles), None)


class Right(IntEnum):
    """What a grant gives a right to. Each includes the ones before it."""

    READ = 1
    WRITE = 2
    DECLARE = 3


RIGHTS = {Need.READ: Right.READ, Need.WRITE: Right.WRITE, Need.DECLARE: Right.DECLARE}
"""The right that a grant must give for a need."""


class GrantKey(NamedTuple):
    """The scope and the principal of a grant, as lower-case GUIDs. Without a resource the scope is the whole catalog.

    The principal is the object id of a user, a group or a service principal.
    """

    catalog_id: str
    resource_id: str | None
    principal_id: str


class Grant(NamedTuple):
    """One grant. ``may_declare``: an owner who may also declare what the files of the application are like.

    ``display_name`` is what people call the principal, for those who look at grants. Nothing is decided by it.
    """

    key: GrantKey
    role: Role
    may_declare: bool = False
    display_name: str | None = None
    etag: str = ""


def right_of(role: Role, *, may_declare: bool) -> Right:
    """What a grant gives a right to."""
    if role is Role.READER:
        return Right.READ
    return Right.DECLARE if may_declare else Right.WRITE


def caller_of(claims: Mapping[str, object], tenant_id: str) -> Caller:
    """The caller that validated claims identify.

    An app-only token has the permissions of its roles. It has no ``scp``, and its ``idtyp``, if it has one, is ``app``
    ("Optional claims reference", Microsoft identity platform). A delegated token has those that are both among its
    scopes and among the roles of its user: an administrator consents to a scope for all users at once, a role is
    assigned to a person or to a group of theirs ("Permissions and consent overview" and "Add app roles to your
    application and receive them in the token", Microsoft identity platform).

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
    if scopes is None and claims.get("idtyp", "app") != "app":
        raise ClaimsError("The token is that of a user, and has no scope (claim scp).")
    permissions = _with_reading(_texts(claims.get("roles")))
    if scopes is not None:
        permissions &= _with_reading(str(scopes).split())
    groups = frozenset(group.lower() for group in _texts(claims.get("groups")))
    return Caller(tenant_id, object_id, app_id, permissions, groups)


def _with_reading(permissions: Iterable[str]) -> frozenset[str]:
    """Permissions with the one to read, if the one to write is among them, which includes it."""
    given = frozenset(permissions)
    return given | {READ_ALL} if READ_WRITE_ALL in given else given


def _texts(claim: object) -> Iterable[str]:
    return [item for item in claim if isinstance(item, str)] if isinstance(claim, list) else []
