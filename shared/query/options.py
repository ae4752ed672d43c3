"""The query options: how a URL's words become a ``Query``.

The grammar is OData 4.01 part 2 (URL conventions), sections 5.1.2 to 5.1.7, in the part of it that Microsoft Graph
describes under "Use query parameters to customize responses". What this service understands of it is the data in
``shared.query.capabilities``; everything else is refused by name, never ignored, since a filter that is dropped in
silence answers with the wrong rows.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.errors import GraphError, invalid_option, shortened
from shared.query.capabilities import Capabilities, Comparison, Predicate

MAX_PAGE = 999  # the largest page that Graph gives for any resource
MAX_SKIP = 2**31 - 1  # Edm.Int32

NESTED_OPTIONS = frozenset({"$filter", "$orderby", "$select", "$top", "$skip", "$count"})


@dataclass(frozen=True, slots=True)
class Query:
    """A request's query options, checked. ``None`` means: not given."""

    filter: Predicate | None = None
    required: tuple[Comparison, ...] = ()
    """Of the filter, the comparisons that each entity it keeps must stand, for whoever can look in fewer places."""
    order_by: tuple[tuple[str, bool], ...] = ()
    """Names and whether they descend, the first the most significant."""
    top: int | None = None
    skip: int = 0
    count: bool = False
    select: tuple[str, ...] | None = None
    """The chosen properties, for ``select_properties``; ``None`` for all of them."""
    expand_files: "Query | None" = None
    """The options inside ``$expand=files(...)``; ``None`` if the files were not asked for."""
    skip_token: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    """All parameters as they came, even those that mean nothing here: a nextLink repeats them."""


def parse_query(pairs: Iterable[tuple[str, str]], *, capabilities: Capabilities, allowed: Collection[str]) -> Query:
    """Read the decoded query parameters, in their order, of an operation that knows the ``allowed`` options.

    Names of options are compared without regard to case (OData 4.01 part 2, 5.1), names of properties exactly. What
    does not start with ``$`` is a custom option (5.2) and means nothing here. Raises ``GraphError`` (400,
    ``invalidQueryOption``, ``target`` the option) for the first fault.
    """
    options = tuple(pairs)
    given: dict[str, str] = {}
    for written, text in options:
        name = written.lower()
        if not name.startswith("$"):
            continue
        if name not in allowed:
            usable = ", ".join(sorted(allowed)) or "none that starts with $"
            raise invalid_option(shortened(written), f"this query option is not supported here. Supported: {usable}")
        if name in given:
            raise invalid_option(name, "this query option is given more than once. Give it once")
        given[name] = text

    select = _select(given["$select"], capabilities) if "$select" in given else None
    expand_files = _expand(given["$expand"], capabilities) if "$expand" in given else None
    if select is not None and expand_files is not None:
        # What is expanded is in the answer even if $select does not name it (OData 4.01 part 1, 11.2.5.1).
        select = tuple(dict.fromkeys((*select, "files")))
    keeps, required = _filter(given["$filter"], capabilities) if "$filter" in given else (None, ())
    return Query(
        filter=keeps,
        required=required,
        order_by=_order_by(given["$orderby"], capabilities) if "$orderby" in given else (),
        top=_number("$top", given["$top"], 1, MAX_PAGE) if "$top" in given else None,
        skip=_number("$skip", given["$skip"], 0, MAX_SKIP) if "$skip" in given else 0,
        count=_boolean("$count", given["$count"]) if "$count" in given else False,
        select=select,
        expand_files=expand_files,
        skip_token=given.get("$skiptoken"),
        options=options,
    )


def select_properties(body: Mapping[str, Any], select: Collection[str] | None) -> dict[str, Any]:
    """The chosen properties of an answer, in its order, and every annotation: ``$select`` is about properties only."""
    return {
        name: value
        for name, value in body.items()
        if select is None or name in select or "@odata." in name or "@uploads." in name
    }


def _number(option: str, text: str, low: int, high: int) -> int:
    # int() alone would also take "+5", "1_0", " 5" and the digits of every script.
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not digits or not low <= int(text) <= high:
        raise invalid_option(option, f"it must be a whole number from {low} to {high}, not '{shortened(text)}'")
    return int(text)


def _boolean(option: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise invalid_option(option, f"it must be true or false, not '{shortened(text)}'")
    return text.lower() == "true"


def _select(text: str, capabilities: Capabilities) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name != "*" and name not in capabilities.selectable:
            known = ", ".join(capabilities.selectable)
            raise invalid_option("$select", f"there is no property '{shortened(name)}'. Properties: {known}; * for all")
    return None if "*" in names else names


def _order_by(text: str, capabilities: Capabilities) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in text.split(","):
        name, *direction = item.split() or [""]
        if name not in capabilities.orderable:
            known = ", ".join(capabilities.orderable)
            raise invalid_option("$orderby", f"cannot order by '{shortened(name)}'. Possible: {known}")
        if [word.lower() for word in direction] not in ([], ["asc"], ["desc"]):
            raise invalid_option(
                "$orderby", f"after {name} comes asc, desc or nothing, not '{shortened(' '.join(direction))}'"
            )
        order.append((name, bool(direction) and direction[0].lower() == "desc"))
    return tuple(order)


_PIECE = re.compile(r"'(?:[^']|'')*'|[^'(),;]+|.", re.DOTALL)


def _split(text: str, separator: str) -> list[str]:
    """Part the value of ``$expand`` at a separator, but not inside quoted text or brackets."""
    parts, start, depth = [], 0, 0
    for piece in _PIECE.finditer(text):
        depth += (piece[0] == "(") - (piece[0] == ")")
        if depth < 0 or piece[0] == "'":
            break
        if piece[0] == separator and depth == 0:
            parts.append(text[start : piece.start()].strip())
            start = piece.end()
    else:
        if depth == 0:
            return [*parts, text[start:].strip()]
    raise invalid_option("$expand", f"a bracket or a quote has no partner in '{shortened(text)}'")


def _expand(text: str, capabilities: Capabilities) -> Query:
    """Read ``files`` or ``files(option;option)`` (OData 4.01 part 2, 5.1.3)."""
    items = _split(text, ",")
    for item in items:
        name, bracket, nested = item.partition("(")
        if name not in capabilities.expandable or (bracket and not nested.endswith(")")):
            known = ", ".join(f"{name} or {name}($filter=...;$orderby=...)" for name in capabilities.expandable)
            raise invalid_option("$expand", f"cannot expand '{shortened(item)}'. Possible: {known}")
    if len(items) > 1:
        raise invalid_option(
            "$expand", f"{name} is expanded more than once. Put all options into one bracket, parted by ';'"
        )
    if not bracket:
        return Query()
    pairs = []
    for part in _split(nested[:-1], ";"):
        option, _, value = part.partition("=")
        if not option.startswith("$"):
            # At the top such an option belongs to somebody else; in here there is nobody else.
            raise invalid_option("$expand", f"in {name}(...) stand options such as $top=5, not '{shortened(part)}'")
        pairs.append((option.rstrip(), value.strip()))
    try:
        return parse_query(pairs, capabilities=capabilities.expandable[name], allowed=NESTED_OPTIONS)
    except GraphError as fault:
        raise invalid_option("$expand", f"in {name}(...): {fault.message.removesuffix('.')}") from fault


def _filter(text: str, capabilities: Capabilities) -> tuple[Predicate, tuple[Comparison, ...]]:
    from shared.query.filters import compile_filter  # noqa: PLC0415  # its grammar takes 60 ms to load

    return compile_filter(text, capabilities)
