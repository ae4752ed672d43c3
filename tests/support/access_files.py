"""Access files to upload: good ones of every layout, and bad ones with a known place of each fault."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from uuid import uuid4

GRAPH_COLUMNS = (
    "principalId",
    "principalType",
    "permissionId",
    "permissionName",
    "permissionDescription",
    "permissionType",
)
EARLY_COLUMNS = (
    "PrincipalAADId",
    "ResourceId",
    "ResourceName",
    "ResourceDescription",
    "ResourceType",
    "PermissionId",
    "PermissionName",
    "PermissionDescription",
    "PermissionType",
    "ResourceOwners",
)
EXTENDED_COLUMNS = (
    *GRAPH_COLUMNS,
    "ScopeId",
    "ScopeDisplayName",
    "EntitlementOwners_Users",
    "EntitlementOwners_Groups",
    "CustomData",
)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[str]], line_end: str = "\r\n") -> str:
    """Columns and rows as RFC 4180 writes them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def access_file(rows: int = 3) -> bytes:
    """A good file of Graph's layout, unlike any other: every principal in it is a new one."""
    return csv_text(
        GRAPH_COLUMNS,
        [
            (str(uuid4()), "EntraIdUser", f"door-{row}", f"Door {row}", "May open the door", "Physical")
            for row in range(rows)
        ],
    ).encode()


def access_file_of(size: int) -> bytes:
    """A good file of exactly ``size`` bytes: rows as far as they fit, then blank lines, which are nothing."""
    row = len(access_file(1)) - len(access_file(0))
    content = access_file(size // row)[:size]
    content = content[: content.rindex(b"\r\n") + 2]
    return content + b"\n" * (size - len(content))


def faulty_access_file(*lines: int, rows: int = 8) -> bytes:
    """A file of Graph's layout that lacks its permissionId on each of ``lines`` (the header is line 1)."""
    return csv_text(
        GRAPH_COLUMNS,
        [
            (str(uuid4()), "EntraIdUser", "" if row + 2 in lines else f"door-{row}", "Door", "", "Physical")
            for row in range(max(rows, *(line - 1 for line in lines)))
        ],
    ).encode()


def layouts() -> Iterator[tuple[str, bytes]]:
    """A good file of each layout that the contract names, and of the ways in which a CSV may be written."""
    principal = str(uuid4())
    graph = [(principal, "EntraIdUser", "door-1", "Front door", "", "Physical")]
    yield "graph", csv_text(GRAPH_COLUMNS, graph).encode()
    yield "graph-of-users", csv_text(GRAPH_COLUMNS, [(principal, "USER", "door-1", "Door", "", "")]).encode()
    yield "graph-principal-name", csv_text(GRAPH_COLUMNS, [("ada@contoso.com", "user", "1", "Door", "", "")]).encode()
    yield (
        "early",
        csv_text(
            EARLY_COLUMNS,
            [
                (
                    principal,
                    "hq",
                    "Headquarters",
                    "",
                    "Building",
                    "door-1",
                    "Front door",
                    "",
                    "Physical",
                    json.dumps(["ada@contoso.com", "bob@contoso.com"]),
                )
            ],
        ).encode(),
    )
    yield (
        "extended",
        csv_text(
            EXTENDED_COLUMNS,
            [(*graph[0], "site-1", "Headquarters", f"{uuid4()},{uuid4()}", str(uuid4()), "")],
        ).encode(),
    )
    yield "byte-order-mark", b"\xef\xbb\xbf" + csv_text(GRAPH_COLUMNS, graph).encode()
    yield "line-feeds", csv_text(GRAPH_COLUMNS, graph, "\n").encode()
    yield "blank-lines-at-the-end", csv_text(GRAPH_COLUMNS, graph).encode() + b"\r\n\r\n"
    yield "no-line-break-at-the-end", csv_text(GRAPH_COLUMNS, graph).rstrip("\r\n").encode()
    yield (
        "columns-in-another-order",
        csv_text(tuple(reversed(GRAPH_COLUMNS)), [tuple(reversed(row)) for row in graph]).encode(),
    )
    yield "column-names-in-another-case", csv_text(tuple(map(str.upper, GRAPH_COLUMNS)), graph).encode()
    yield (
        "quoted-line-breaks",
        csv_text(
            GRAPH_COLUMNS,
            [(principal, "user", "door-1", 'The "front"\r\ndoor, ground floor', "Ü\n✓", "")],
        ).encode(),
    )
