"""What may be done with a file that is not in Graph's form: what is declared, and what matches its accounts."""

from typing import TYPE_CHECKING

from shared.access_data.steps.declaration import Declaration
from shared.domain.sessions import ResourceKey
from shared.services.context import Context
from shared.services.directory.using import matcher_for

if TYPE_CHECKING:
    from shared.access_data.people.matching import Matcher
    from shared.access_data.steps.making import Steps


async def steps_for(
    context: Context, resource: ResourceKey, declaration: Declaration | None
) -> "tuple[Steps, Matcher | None]":
    """The steps for one file of a resource, whose rows are not written, and what matches its accounts.

    The directory is read only where principals are declared. The file keeps the one that is there now.

    Raises:
        GraphError: 500 when the index of the directory is not complete.
        AzureError: storage failed.
    """
    # Imported here because it imports NumPy, which takes 40 ms, and only uploads need it.
    from shared.access_data.steps.making import Steps  # noqa: PLC0415

    allowed = context.settings.convert
    matcher: Matcher | None = None
    if allowed and declaration is not None and declaration.principals is not None:
        matcher = await matcher_for(context, resource, declaration.principals)
    return Steps(declaration, matcher, allowed=allowed), matcher
