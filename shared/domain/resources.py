"""Applications by name: what people call a resource, whom they ask, and what its files are expected to hold."""

from typing import NamedTuple

from shared.access_data.steps.declaration import Declaration
from shared.domain.callers import Role
from shared.domain.sessions import ResourceKey

# A file with less than half, or more than twice, the expected rows is told as unexpected: reviews change by a few
# percent, and a truncated export loses more.
UNEXPECTED_FACTOR = 2


class ResourceDescription(NamedTuple):
    """How a resource is described. ``expected_layout`` and ``expected_rows`` become warnings, never refusals.

    ``target`` is the resource at the target of forwarding, where it has other ids there (``upstream`` in the API).
    """

    display_name: str
    description: str | None = None
    contact: str | None = None
    expected_layout: str | None = None
    expected_rows: int | None = None
    target: ResourceKey | None = None
    etag: str = ""


class Application(NamedTuple):
    """What is stored of a resource: how it is described, and how its files become rows. Both have the same ETag."""

    description: ResourceDescription | None = None
    declaration: Declaration | None = None
    etag: str | None = None


class VisibleResource(NamedTuple):
    """A resource that a caller may see: its description if it has one, and the role that a grant gives there.

    ``role`` is ``None`` where a permission for the whole tenant is what lets the caller see it.
    """

    key: ResourceKey
    description: ResourceDescription | None
    role: Role | None


def is_unexpected(rows: int, expected: int) -> bool:
    """Whether a number of rows is far from what is expected."""
    return rows * UNEXPECTED_FACTOR < expected or rows > expected * UNEXPECTED_FACTOR
