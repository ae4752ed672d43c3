"""Parses the query parameters of a URL to a ``Query``.

The grammar is the subset of OData 4.01 part 2 (URL conventions), sections 5.1.2 to 5.1.7, that Microsoft Graph
describes under "Use query parameters to customize responses". ``shared.query.capabilities`` defines what is supported.
Everything else is refused with an error that names it: ignoring a filter would return the wrong items.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from shared.core.errors import GraphError, invalid_option, shortened
from shared.query.capabilities import Capabilities, Comparison, Predicate

DEFAULT_PAGE = 100
MAX_PAGE = 999  # the largest page of any resource in Graph
MAX_SKIP = 2**31 - 1  # Edm.Int32

# OData 4.01 part 2, section 5.1. The dollar sign is optional, so no custom option can have one of these names.
_SYSTEM_OPTIONS = frozenset(
    (
        *("$apply", "$compute", "$count", "$deltatoken", "$expand", "$filter", "$format", "$id", "$index", "$levels"),
        *("$orderby", "$schemaversion", "$search", "$select", "$skip", "$skiptoken", "$top"),
    )
)

NESTED_OPTIONS = frozenset({"$filter", "$orderby", "$select", "$top", "$skip", "$count"})


class Query(NamedTuple):
    """The checked query options of a request. ``None`` means that the option was not sent."""

    filter: Predicate | None = None
    required: tuple[Comparison, ...] = ()
    """The comparisons that every match of the filter meets; they can restrict the range of a search."""
    order_by: tuple[tuple[str, bool], ...] = ()
    """Property names, each with whether the order is descending; the most significant first."""
    top: int | None = None
    skip: int = 0
    counted: bool = False
    select: tuple[str, ...] | None = None
    """The selected properties, for ``select_properties``; ``None`` for all."""
    expanded: "Query | None" = None
    """The options inside ``$expand=files(...)``; ``None`` if nothing is expanded."""
    skip_token: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    """All query parameters as they were sent, for the nextLink, which repeats them."""

    @property
    def page_size(self) -> int:
        """The number of items of a page."""
        return self.top or DEFAULT_PAGE

    def position(self, token: re.Pattern[str]) -> re.Match[str] | None:
        """The position of the page: the ``$skiptoken``, which is as this service wrote it into a nextLink.

        Raises:
            GraphError: 400 for another one.
        """
        if self.skip_token is None:
            return None
        found = token.fullmatch(self.skip_token)
        if found is None:
            raise invalid_option("$skiptoken", "not valid. Use @odata.nextLink without changes")
        return found


def parse_query(pairs: Iterable[tuple[str, str]], *, capabilities: Capabilities, allowed: Collection[str]) -> Query:
    """Parse the decoded query parameters of an operation that supports the ``allowed`` options.

    Names of properties are case-sensitive. Custom options are ignored.

    Raises:
        GraphError: 400 ``invalidQueryOption`` for the first error; ``target`` is the option.
    """
    options = tuple(pairs)
    given: dict[str, str] = {}
    for written, text in options:
        name = system_option(written)
        if name is None:
            continue
        if name not in allowed:
            supported = ", ".join(sorted(allowed)) or "none that starts with $"
            raise invalid_option(shortened(written), f"this query option is not supported. Supported: {supported}")
        if name in given:
            raise invalid_option(name, "this query option was sent more than once. Send it once")
        given[name] = text

    select = _select(given["$select"], capabilities) if "$select" in given else None
    expanded = _expand(given["$expand"], capabilities) if "$expand" in given else None
    if select is not None and expanded is not None:
        # Expanded properties are in the response even if $select does not name them (OData 4.01 part 1, 11.2.5.1).
        select = tuple(dict.fromkeys((*select, *capabilities.expandable)))
    predicate, required = _filter(given["$filter"], capabilities) if "$filter" in given else (None, ())
    return Query(
        filter=predicate,
        required=required,
        order_by=_order_by(given["$orderby"], capabilities) if "$orderby" in given else (),
        top=_number("$top", given["$top"], 1, MAX_PAGE) if "$top" in given else None,
        skip=_number("$skip", given["$skip"], 0, MAX_SKIP) if "$skip" in given else 0,
        counted=_boolean("$count", given["$count"]) if "$count" in given else False,
        select=select,
        expanded=expanded,
        skip_token=given.get("$skiptoken"),
        options=options,
    )


def system_option(written: str) -> str | None:
    """The name of a system query option, in lower case and with its dollar sign; ``None`` for a custom option.

    Names are case-insensitive, and the dollar sign is optional (OData 4.01 part 2, 5.1). A custom option (5.2) is not
    known to this service, and begins with none.

    Raises:
        GraphError: 400 for a name that has lost its dollar sign on the way.
    """
    name = written.lower()
    if name.startswith("$"):
        return name
    if name.startswith("amp;"):
        raise invalid_option(shortened(written), "in a URL, & separates options. &amp; is how HTML writes it")
    if not name or "$" in unquote_plus(name):
        raise invalid_option(
            shortened(written) or "query",
            f"a query option has {'a dollar sign encoded twice or in another place' if name else 'no name'}. In double "
            "quotes a shell replaces $filter by nothing: put the URL in single quotes, or write filter without the "
            "dollar sign",
        )
    return f"${name}" if f"${name}" in _SYSTEM_OPTIONS else None


def select_properties(body: Mapping[str, Any], select: Collection[str] | None) -> dict[str, Any]:
    """The selected properties of a JSON object, and all annotations: ``$select`` applies to properties only."""
    return {
        name: value
        for name, value in body.items()
        if select is None or name in select or "@odata." in name or "@uploads." in name
    }


def _number(option: str, text: str, low: int, high: int) -> int:
    # int() alone would also accept "+5", "1_0", " 5" and the digits of every script.
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
    _check_once("$select", names)
    return None if "*" in names else names


def _order_by(text: str, capabilities: Capabilities) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in text.split(","):
        name, *direction = item.split() or [""]
        if name not in capabilities.orderable:
            known = ", ".join(capabilities.orderable)
            raise invalid_option("$orderby", f"cannot order by '{shortened(name)}'. Supported: {known}")
        if [word.lower() for word in direction] not in ([], ["asc"], ["desc"]):
            raise invalid_option(
                "$orderby", f"{name} can be followed by asc or desc, not by '{shortened(' '.join(direction))}'"
            )
        order.append((name, bool(direction) and direction[0].lower() == "desc"))
    _check_once("$orderby", [name for name, _ in order])
    return tuple(order)


def _check_once(option: str, names: Sequence[str]) -> None:
    """Refuse repeated names, which could only make the work longer: a URL has room for 1,500 of them."""
    for name, times in Counter(names).items():
        if times > 1:
            raise invalid_option(option, f"it names {name} more than once. Name it once")


_PIECE = re.compile(r"'(?:[^']|'')*'|[^'(),;]+|.", re.DOTALL)


def _split(text: str, separator: str) -> list[str]:
    """Split the value of ``$expand`` at a separator, except inside quoted text or parentheses."""
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
    raise invalid_option("$expand", f"a parenthesis or a quote is not closed in '{shortened(text)}'")


def _expand(text: str, capabilities: Capabilities) -> Query:
    """Parse ``files`` or ``files(option;option)`` (OData 4.01 part 2, 5.1.3)."""
    items = _split(text, ",")
    for item in items:
        name, parenthesis, nested = item.partition("(")
        if name not in capabilities.expandable or (parenthesis and not nested.endswith(")")):
            known = ", ".join(
                f"{each} or {each}($filter=...;$orderby=...)" if of_each.selectable else each
                for each, of_each in capabilities.expandable.items()
            )
            raise invalid_option("$expand", f"cannot expand '{shortened(item)}'. Supported: {known}")
    if len(items) > 1:
        raise invalid_option(
            "$expand",
            f"{name} is expanded more than once. Put all options into one pair of parentheses, separated by ';'",
        )
    if not parenthesis:
        return Query()
    pairs = []
    for part in _split(nested[:-1], ";"):
        option, _, value = part.partition("=")
        if not part or system_option(option.rstrip()) is None:
            # Outside of $expand this would be a custom option, which is ignored. There are none inside.
            raise invalid_option("$expand", f"{name}(...) can contain options such as $top=5, not '{shortened(part)}'")
        pairs.append((option.rstrip(), value.strip()))
    of_name = capabilities.expandable[name]
    try:
        return parse_query(pairs, capabilities=of_name, allowed=NESTED_OPTIONS if of_name.selectable else ())
    except GraphError as error:
        raise invalid_option("$expand", f"in {name}(...): {error.message.removesuffix('.')}") from error


def _filter(text: str, capabilities: Capabilities) -> tuple[Predicate, tuple[Comparison, ...]]:
    from shared.query.filters import compile_filter  # noqa: PLC0415  # loading the grammar takes 60 ms

    return compile_filter(text, capabilities)
