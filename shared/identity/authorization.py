"""Whether a caller may: by a permission for the whole tenant, or else by a grant for the place."""

from shared.core.errors import ACCESS_DENIED, GraphError
from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Caller, Need, Role
from shared.domain.lifecycle import ResourceKey
from shared.storage.account import storage


async def check_grant(caller: Caller, need: Need, resource: ResourceKey, hidden: GraphError) -> None:
    """See that somebody whose permissions are not enough has a grant for this resource: one query.

    Args:
        caller: who asks.
        need: for what.
        resource: where.
        hidden: what an outsider gets, the same whether or not there is anything.

    Raises:
        GraphError: ``hidden``; 403 if the caller may read here, but not do this.
    """
    role = await (await storage()).grants.role(resource, caller.principals)
    if role is Role.OWNER or (role is not None and need is Need.READ):
        return
    if role is None and not caller.may(Need.READ):
        raise hidden
    raise denied(need)


def denied(need: Need) -> GraphError:
    """The error for a caller who is known, and may not (RFC 6750, section 3.1)."""
    lacking = READ_ALL if need in (Need.READ, Need.AUDIT) else READ_WRITE_ALL
    place = "" if need in (Need.GRANTS, Need.AUDIT) else ", or to be an owner of this resource or its catalog"
    return GraphError(
        ACCESS_DENIED,
        f"You need the permission {lacking} for this{place}.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{lacking}"'},
    )
