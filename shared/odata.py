"""The query options: what may be asked of sessions and files, and how a URL's words become a ``Query``.

The grammar is OData 4.01 part 2 (URL conventions), sections 5.1.2 to 5.1.8, in the part of it that Microsoft Graph
describes under "Use query parameters to customize responses". What this service understands of it is the data in
``SESSION`` and ``FILE``; everything else is refused by name, never ignored, since a filter that is dropped in silence
answers with the wrong rows.
"""

import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from shared.errors import INVALID_QUERY_OPTION, GraphError
from shared.ids import parse_guid

if TYPE_CHECKING:
    from odata_query import ast

MAX_PAGE = 999  # the largest page that Graph gives for any resource
MAX_SKIP = 2**31 - 1  # Edm.Int32
MAX_FILTER_CHARACTERS = 2_000  # enough for 40 GUIDs joined by "or"
MAX_FILTER_BRACKETS = 20  # the translation below recurses at most twice for each open bracket

NESTED_OPTIONS = frozenset({"$filter", "$orderby", "$select", "$top", "$skip", "$count"})

Predicate = Callable[[Mapping[str, Any]], bool]
"""A filter at work: given an entity's values by their names on the wire, whether to keep it.

``size`` is an ``int``, an instant an aware ``datetime``, everything else a ``str``.
"""


class Kind(Enum):
    """What a property is compared with; the value is the wording for the caller who did otherwise."""

    TEXT = "text in single quotes, in which '' stands for a quote"
    GUID = "a GUID of 8-4-4-4-12 hexadecimal digits, in single quotes or bare"
    INTEGER = "a whole number, without quotes"
    INSTANT = "a date, or a date-time with its offset such as 2026-01-01T00:00:00Z, without quotes"


@dataclass(frozen=True, slots=True)
class FieldType:
    """How a property may be filtered: its kind, the operators it knows, and its only values if they are few."""

    kind: Kind
    operators: tuple[str, ...]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """What may be asked of one kind of resource."""

    filterable: Mapping[str, FieldType]
    orderable: tuple[str, ...]
    selectable: tuple[str, ...]
    expandable: Mapping[str, "Entity"] = field(default_factory=dict)


_ORDERED = ("eq", "ne", "gt", "ge", "lt", "le")

FILE = Entity(
    filterable={
        "name": FieldType(Kind.TEXT, ("eq", "ne")),
        "size": FieldType(Kind.INTEGER, _ORDERED),
        "uploadedDateTime": FieldType(Kind.INSTANT, _ORDERED),
    },
    orderable=("uploadedDateTime", "name", "size"),
    selectable=("id", "name", "size", "uploadedDateTime"),
)

SESSION = Entity(
    filterable={
        "status": FieldType(Kind.TEXT, ("eq",), ("active", "complete", "expired", "unknownFutureValue")),
        "referenceId": FieldType(Kind.GUID, ("eq",)),
    },
    orderable=("createdDateTime",),
    selectable=(
        *("id", "createdDateTime", "status", "isUploadDone", "referenceId", "source", "type"),
        *("data", "stats", "files", "expirationDateTime"),
    ),
    expandable={"files": FILE},
)


@dataclass(frozen=True, slots=True)
class Query:
    """A request's query options, checked. ``None`` means: not given."""

    filter: Predicate | None = None
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


def parse_query(pairs: Iterable[tuple[str, str]], *, entity: Entity, allowed: Collection[str]) -> Query:
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
            raise _fault(_cut(written), f"this query option is not supported here. Supported: {usable}")
        if name in given:
            raise _fault(name, "this query option is given more than once. Give it once")
        given[name] = text

    select = _select(given["$select"], entity) if "$select" in given else None
    expand_files = _expand(given["$expand"], entity) if "$expand" in given else None
    if select is not None and expand_files is not None:
        # What is expanded is in the answer even if $select does not name it (OData 4.01 part 1, 11.2.5.2).
        select = tuple(dict.fromkeys((*select, "files")))
    return Query(
        filter=_filter(given["$filter"], entity) if "$filter" in given else None,
        order_by=_order_by(given["$orderby"], entity) if "$orderby" in given else (),
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


def _fault(option: str, reason: str) -> GraphError:
    return GraphError(INVALID_QUERY_OPTION, f"{option}: {reason}.", target=option)


def _cut(text: str) -> str:
    """The caller's own words, short enough to be quoted in a sentence."""
    return text if len(text) <= 60 else f"{text[:60]}..."


def _number(option: str, text: str, low: int, high: int) -> int:
    # int() alone would also take "+5", "1_0", " 5" and the digits of every script.
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not digits or not low <= int(text) <= high:
        raise _fault(option, f"it must be a whole number from {low} to {high}, not '{_cut(text)}'")
    return int(text)


def _boolean(option: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _fault(option, f"it must be true or false, not '{_cut(text)}'")
    return text.lower() == "true"


def _select(text: str, entity: Entity) -> tuple[str, ...] | None:
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name != "*" and name not in entity.selectable:
            known = ", ".join(entity.selectable)
            raise _fault("$select", f"there is no property '{_cut(name)}'. Properties: {known}; * for all")
    return None if "*" in names else names


def _order_by(text: str, entity: Entity) -> tuple[tuple[str, bool], ...]:
    order = []
    for item in text.split(","):
        name, *direction = item.split() or [""]
        if name not in entity.orderable:
            known = ", ".join(entity.orderable)
            raise _fault("$orderby", f"cannot order by '{_cut(name)}'. Possible: {known}")
        if [word.lower() for word in direction] not in ([], ["asc"], ["desc"]):
            raise _fault("$orderby", f"after {name} comes asc, desc or nothing, not '{_cut(' '.join(direction))}'")
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
    raise _fault("$expand", f"a bracket or a quote has no partner in '{_cut(text)}'")


def _expand(text: str, entity: Entity) -> Query:
    """Read ``files`` or ``files(option;option)`` (OData 4.01 part 2, 5.1.3)."""
    items = _split(text, ",")
    for item in items:
        name, bracket, nested = item.partition("(")
        if name not in entity.expandable or (bracket and not nested.endswith(")")):
            known = ", ".join(f"{name} or {name}($filter=...;$orderby=...)" for name in entity.expandable)
            raise _fault("$expand", f"cannot expand '{_cut(item)}'. Possible: {known}")
    if len(items) > 1:
        raise _fault("$expand", f"{name} is expanded more than once. Put all options into one bracket, parted by ';'")
    if not bracket:
        return Query()
    pairs = []
    for part in _split(nested[:-1], ";"):
        option, _, value = part.partition("=")
        if not option.startswith("$"):
            # At the top such an option belongs to somebody else; in here there is nobody else.
            raise _fault("$expand", f"in {name}(...) stand options such as $top=5, not '{_cut(part)}'")
        pairs.append((option.rstrip(), value.strip()))
    try:
        return parse_query(pairs, entity=entity.expandable[name], allowed=NESTED_OPTIONS)
    except GraphError as fault:
        raise _fault("$expand", f"in {name}(...): {fault.message.removesuffix('.')}") from fault


_WORDS = {"Eq": "eq", "NotEq": "ne", "Gt": "gt", "GtE": "ge", "Lt": "lt", "LtE": "le", "In": "in"}
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {word: getattr(operator, word) for word in _ORDERED}

# Graph's own examples write not(...), the grammar of OData wants a space there. Quoted text is passed over.
_NOT_BRACKET = re.compile(r"('(?:[^']|'')*')|\bnot(?=\()", re.IGNORECASE)


def _filter(text: str, entity: Entity) -> Predicate:
    if len(text) > MAX_FILTER_CHARACTERS:
        raise _fault("$filter", f"it has {len(text)} characters, and {MAX_FILTER_CHARACTERS} is the limit")
    return _predicate(_syntax_tree(_NOT_BRACKET.sub(lambda found: found[1] or "not ", text.strip())), entity)


def _syntax_tree(text: str) -> "ast._Node":
    # Imported here because it takes 60 ms to build its tables, and most cold starts serve no filter. The instances hold
    # the state of one parse, so each filter has its own; they cost a microsecond.
    from odata_query import exceptions
    from odata_query.grammar import ODataLexer, ODataParser

    try:
        tree: ast._Node = ODataParser().parse(_guarded(ODataLexer().tokenize(text)))
    except GraphError:
        raise
    except (exceptions.UnknownFunctionException, exceptions.ArgumentCountException) as fault:
        raise _fault("$filter", f"the function {_cut(fault.function_name)} is not supported") from fault
    except (exceptions.TokenizingException, exceptions.ParsingException) as fault:
        place = "at its end" if fault.token is None else f"at '{_cut(text[fault.token.index :].strip())}'"
        example = "A condition looks like: status eq 'active'. In a URL, a + is written %2B"
        raise _fault("$filter", f"it cannot be read {place}. {example}") from fault
    except Exception as fault:  # the grammar of the library has corners, such as f(a=1,b=2,c=3), that fail otherwise
        raise _fault("$filter", "it cannot be read") from fault
    return tree


def _guarded(tokens: Iterable[Any]) -> Iterator[Any]:
    """Stop before the parser what it or the translation would pay for: deep brackets, and paths (quadratic there)."""
    depth = 0
    for token in tokens:
        depth += (token.type == "(") - (token.type == ")")
        if depth > MAX_FILTER_BRACKETS:
            raise _fault("$filter", f"its brackets are more than {MAX_FILTER_BRACKETS} deep")
        if token.type == "/":
            raise _fault("$filter", "paths, any() and all() are not supported; compare a property with a value")
        yield token


def _predicate(node: "ast._Node", entity: Entity) -> Predicate:
    """Translate a condition. It recurses with the brackets only: chains of one operator and of ``not`` are loops."""
    from odata_query import ast

    keep = True
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        keep, node = not keep, node.operand
    match node:
        case ast.BoolOp():
            parts = [_predicate(operand, entity) for operand in _operands(node)]
            joined = all if isinstance(node.op, ast.And) else any
            return lambda values: joined(part(values) for part in parts) is keep
        case ast.Compare():
            holds = _comparison(node, entity)
            return lambda values: holds(values) is keep
        case ast.Call():
            raise _fault("$filter", f"the function {_name(node.func)} is not supported")
    raise _fault("$filter", "it must be a condition, such as status eq 'active'")


def _operands(node: "ast.BoolOp") -> Sequence["ast._Node"]:
    """What a chain of the same operator joins: a and b and c are three operands, not a pair within a pair."""
    from odata_query import ast

    found: list[ast._Node] = []
    pending: list[ast._Node] = [node]
    while pending:
        head = pending.pop()
        if isinstance(head, ast.BoolOp) and head.op == node.op:
            pending += (head.right, head.left)
        else:
            found.append(head)
    return found


def _name(identifier: "ast.Identifier") -> str:
    return _cut(".".join((*identifier.namespace, identifier.name)))


def _comparison(node: "ast.Compare", entity: Entity) -> Predicate:
    from odata_query import ast

    word = _WORDS[type(node.comparator).__name__]
    left, right = node.left, node.right
    if isinstance(left, ast._Literal):
        left, right, word = right, left, _MIRRORED.get(word, word)
    for side in (left, right):
        if isinstance(side, ast.Call):
            raise _fault("$filter", f"the function {_name(side.func)} is not supported")
    if isinstance(left, ast.UnaryOp) and isinstance(left.op, ast.Not):
        raise _fault("$filter", "not binds before the comparison; bracket what it negates, as in not (size gt 5)")
    known = ", ".join(entity.filterable)
    if not isinstance(left, ast.Identifier):
        raise _fault("$filter", f"{word} must stand between a property and a value. Properties: {known}")
    name = _name(left)
    if name not in entity.filterable:
        raise _fault("$filter", f"cannot filter by {name}. Possible: {known}")
    field_type = entity.filterable[name]
    if word not in field_type.operators:
        raise _fault("$filter", f"{name} does not support {word}. Possible: {', '.join(field_type.operators)}")
    value = _value(right, field_type)
    if value is None:
        takes = " or ".join(f"'{one}'" for one in field_type.values) or field_type.kind.value
        wrong = getattr(right, "val", None) or getattr(right, "name", None)
        shown = _cut(wrong) if isinstance(wrong, str) else "this"
        raise _fault("$filter", f"{name} cannot be compared with {shown}. It takes {takes}")
    compare = _COMPARE[word]
    if field_type.kind is Kind.GUID:
        return lambda values: compare(values[name].lower(), value)
    return lambda values: compare(values[name], value)


def _value(node: "ast._Node", field_type: FieldType) -> str | int | datetime | None:
    """A literal as the property's own type; ``None`` if it is of another."""
    from odata_query import ast

    match field_type.kind, node:
        case Kind.TEXT, ast.String(val=text) if not field_type.values or text in field_type.values:
            return text
        case Kind.GUID, ast.String(val=text) | ast.GUID(val=text):
            return parse_guid(text)
        case Kind.INTEGER, ast.Integer(val=text) if text.isascii():  # the library takes the digits of every script
            return int(text)
        case Kind.INSTANT, ast.DateTime(val=text) | ast.Date(val=text) if text.isascii():
            try:
                instant = datetime.fromisoformat(text.upper())
            except ValueError:  # 30 February
                return None
            if isinstance(node, ast.Date):
                return instant.replace(tzinfo=UTC)
            return None if instant.tzinfo is None else instant
    return None
