"""The tables of the documentation that are made of the code. ``python -m tests.docs`` writes them."""

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

os.environ |= {"UPLOADS_AUTH": "none", "UPLOADS_PUBLIC_URL": "http://localhost"}

import function_app  # noqa: F401  # it registers the routes, and reads the settings
from shared.access_data.codes import Code
from shared.access_data.layouts import LAYOUTS
from shared.core.settings import Settings
from shared.domain.callers import Need
from shared.query.capabilities import AUDIT_RECORD, FILE, SESSION, Capabilities
from shared.web.routes import RESOURCE_PREFIXES, UPLOADS_PREFIXES, HttpFunction, registered_functions
from tests.docs import client_reference

PERMISSIONS: Mapping[Need, str] = {
    Need.IDENTITY: "any valid token",
    Need.READ: "read",
    Need.WRITE: "write",
    Need.DECLARE: "write, whole tenant, or a grant with `mayDeclare`",
    Need.WRITE_TENANT: "write, whole tenant",
    Need.READ_TENANT: "read, whole tenant",
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Text as code, in Markdown."""
    return f"`{text}`"


def settings() -> str:
    """Every setting, as ``Settings`` declares it."""
    rows = [
        (code(str(field.validation_alias)), _default(field.default), _range(field), field.description or "")
        for field in Settings.model_fields.values()
    ]
    return table(("setting", "default", "allowed", "meaning"), rows)


def _default(value: Any) -> str:
    if value is None or value in ("", frozenset()):
        return "none"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, frozenset):
        value = ",".join(sorted(value))
    if isinstance(value, bool):
        value = str(value).lower()
    return code(str(value).rstrip("/"))


def _range(field: FieldInfo) -> str:
    low = next((str(limit.ge) for limit in field.metadata if isinstance(limit, Ge)), None)
    high = next((str(limit.le) for limit in field.metadata if isinstance(limit, Le)), None)
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"at least {low}"
    kind = field.annotation
    for choice in get_args(kind):
        if get_origin(choice) is Literal:
            return ", ".join(get_args(choice))
    return ", ".join(member.value for member in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ""


def _v1_routes() -> list[tuple[str, str, HttpFunction]]:
    """What is served under v1.0: a short path, the method and the route. Without aliases and OData-qualified names."""
    # HEAD is GET without its body.
    roots = {RESOURCE_PREFIXES[0].template: "", UPLOADS_PREFIXES[0].template: "/v1.0/uploads"}
    routes = []
    for template, methods in registered_functions().items():
        for root, shown in roots.items():
            if template.startswith(f"{root}/"):
                routes += [
                    (shown + template.removeprefix(root), method, route)
                    for method, route in methods.items()
                    if method != "HEAD"
                ]
    return sorted((route for route in routes if "microsoft.graph." not in route[0]), key=lambda each: each[:2])


def operations() -> str:
    """Every operation: its method and path, what it does and what it needs."""
    rows = [
        (
            code(f"{method} {path}"),
            _plain((inspect.getdoc(route.endpoint) or "").partition("\n")[0]),
            PERMISSIONS[route.need],
        )
        for path, method, route in _v1_routes()
    ]
    return table(("request", "what it does", "permission"), rows)


def _plain(text: str) -> str:
    return text.replace("``", "`")


def query_options() -> str:
    """The query options of each operation that takes any."""
    rows = [
        (code(f"{method} {path}"), ", ".join(map(code, route.contract.options)))
        for path, method, route in _v1_routes()
        if route.contract.options
    ]
    return table(("request", "query options"), rows)


def _properties(capabilities: Capabilities) -> str:
    names = dict.fromkeys((*capabilities.filterable, *capabilities.orderable, *capabilities.selectable))
    rows = []
    for name in names:
        field = capabilities.filterable.get(name)
        rows.append(
            (
                code(name),
                ", ".join(field.operators) if field else "no",
                "yes" if name in capabilities.orderable else "no",
                "yes" if name in capabilities.selectable else "no",
            )
        )
    return table(("property", "`$filter`", "`$orderby`", "`$select`"), rows)


def columns() -> str:
    """The columns of each layout."""
    rows = [
        (
            code(layout.name),
            ", ".join(f"**{column.name}**" if column.required else column.name for column in layout.columns),
        )
        for layout in LAYOUTS
    ]
    return table(("layout", "columns (a value is required in the bold ones)"), rows)


def contents() -> str:
    """What a column's cells must hold, where that is not any text."""
    rows: dict[str, str] = {}
    for layout in LAYOUTS:
        for column in layout.columns:
            if column.content.value != "any text":
                rows[column.name] = column.content.value
    return table(("column", "what a cell must hold"), [(code(name), text) for name, text in rows.items()])


def codes(*, warnings: bool) -> str:
    """The codes of the validator's findings, or of its warnings."""
    rows = [(code(each.value), each.meaning) for each in Code if each.is_warning is warnings]
    return table(("code", "meaning"), rows)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "operations": operations,
    "query options": query_options,
    "properties of a session": lambda: _properties(SESSION),
    "properties of a file": lambda: _properties(FILE),
    "properties of an audit record": lambda: _properties(AUDIT_RECORD),
    "columns": columns,
    "contents": contents,
    "exit codes of the client": lambda: table(("code", "meaning"), client_reference.exit_codes()),
    "answers of the host": lambda: table(("answer", "meaning", "what to do"), client_reference.host_answers()),
    "shared options of the client": lambda: table(("option", "variable", "meaning"), client_reference.shared_options()),
    "commands of the client": lambda: table(("command", "what it does", "its options"), client_reference.commands()),
    "findings": lambda: codes(warnings=False),
    "warnings": lambda: codes(warnings=True),
}

_SECTION = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)


def names_of_sections(text: str) -> list[str]:
    """The names of the generated sections of a document."""
    return [found[2] for found in _SECTION.finditer(text)]


def with_sections(text: str) -> str:
    """A document's text with its generated sections made anew."""
    return _SECTION.sub(lambda found: f"{found[1]}{SECTIONS[found[2]]()}\n{found[3]}", text)
