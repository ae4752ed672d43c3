"""Checks whether a caller has a grant for a resource, if the permissions for the whole tenant are not sufficient."""

from shared.core.errors import ACCESS_DENIED, GraphError
from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Caller, Need, Role
from shared.domain.sessions import ResourceKey
from shared.storage.account import storage


async def check_grant(caller: Caller, need: Need, resource: ResourceKey, hidden: GraphError) -> None:
    """Check that the caller has a grant for the resource: one query.

    Args:
        caller: the caller, whose permissions for the whole tenant are not sufficient.
        need: the permission that the operation requires.
        resource: the resource.
        hidden: the error for a caller without any grant; it must not reveal whether the resource has sessions.

    Raises:
        GraphError: ``hidden``, or 403 if the caller can read this resource but lacks the permission.
    """
    role = await storage().grants.role(resource, caller.principals)
    if role is Role.OWNER or (role is not None and need is Need.READ):
        return
    if role is None and not caller.may(Need.READ):
        raise hidden
    raise denied(need)


def denied(need: Need) -> GraphError:
    """The error for an authenticated caller without the permission (RFC 6750, section 3.1)."""
    lacking = READ_ALL if need in (Need.READ, Need.AUDIT) else READ_WRITE_ALL
    alternative = "" if need in (Need.GRANTS, Need.AUDIT) else ", or the role owner for this resource or its catalog"
    return GraphError(
        ACCESS_DENIED,
        f"This operation requires the permission {lacking}{alternative}.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{lacking}"'},
    )
