"""The CSV layouts as data: the columns of each, and what a cell must hold. A file's header tells its layout.

Sources: Graph, "customDataProvidedResourceUploadSession: uploadFile" (graph); its first preview (early); the Entra
guide of 2026 on including custom data in access reviews (extended).
"""

from enum import Enum
from typing import NamedTuple


class Content(Enum):
    """What a cell holds if it is not empty."""

    TEXT = "any text"
    PRINCIPAL = "an object id (GUID) or a user principal name"
    PRINCIPAL_TYPE = "one of the principal types that the settings allow"
    OWNERS = "a JSON array of strings"
    OWNER_IDS = "object ids (GUIDs), separated by commas"


class Column(NamedTuple):
    """A column: its name as Microsoft writes it, what its cells hold, and whether every row needs a value."""

    name: str
    content: Content = Content.TEXT
    required: bool = False


class Layout(NamedTuple):
    """A set of columns, in any order. ``key`` names those that identify a row; the first of them is the principal."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def has_owner_ids(self) -> bool:
        """Whether it has columns for the owners of permissions, by their object ids."""
        return any(column.content is Content.OWNER_IDS for column in self.columns)


_GRAPH_COLUMNS = (
    Column("principalId", Content.PRINCIPAL, required=True),
    Column("principalType", Content.PRINCIPAL_TYPE, required=True),
    Column("permissionId", required=True),
    Column("permissionName", required=True),
    Column("permissionDescription"),
    Column("permissionType"),
)

LAYOUTS = (
    Layout("graph", _GRAPH_COLUMNS, ("principalId", "permissionId")),
    Layout(
        "early",
        (
            Column("PrincipalAADId", Content.PRINCIPAL, required=True),
            Column("ResourceId", required=True),
            Column("ResourceName"),
            Column("ResourceDescription"),
            Column("ResourceType"),
            Column("PermissionId", required=True),
            Column("PermissionName", required=True),
            Column("PermissionDescription"),
            Column("PermissionType"),
            Column("ResourceOwners", Content.OWNERS),
        ),
        ("PrincipalAADId", "PermissionId"),
    ),
    Layout(
        "extended",
        (
            *_GRAPH_COLUMNS,
            Column("ScopeId"),
            Column("ScopeDisplayName"),
            Column("EntitlementOwners_Users", Content.OWNER_IDS),
            Column("EntitlementOwners_Groups", Content.OWNER_IDS),
            Column("CustomData"),
        ),
        ("principalId", "permissionId", "ScopeId"),
    ),
)
