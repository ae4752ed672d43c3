"""Compiles the text of a ``$filter`` to a predicate over the values of an entity.

Separate from ``shared.query.options`` because importing the grammar takes 60 ms, and most cold starts need no filter.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from odata_query import ast, exceptions
from odata_query.grammar import ODataLexer, ODataParser

from shared.core.errors import GraphError, invalid_option, shortened
from shared.core.ids import parse_guid
from shared.core.settings import settings
from shared.core.text import normalized
from shared.query.capabilities import ORDERED, Capabilities, Comparison, FieldType, Kind, Predicate, Value

_WORDS = {"Eq": "eq", "NotEq": "ne", "Gt": "gt", "GtE": "ge", "Lt": "lt", "LtE": "le", "In": "in"}
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {word: getattr(operator, word) for word in ORDERED}

# Examples in the documentation of Graph have not(...); the grammar requires a space. Quoted text is not changed.
_NOT_PARENTHESIS = re.compile(r"('(?:[^']|'')*')|\bnot(?=\()", re.IGNORECASE)


# What looks like a date and is none in OData: dates of other countries, and what PowerShell makes of one in a string.
# Quoted text comes first, so that nothing is found in it.
_OTHER_DATE = re.compile(
    r"""\bdatetime(?:offset)?'[^']*'|'(?:[^']|'')*'
    |\b\d{1,4}/\d{1,2}/\d{1,4}\b|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b|\b\d{4}-\d{2}-\d{2}[ ]\d{1,2}:\d{2}\S*""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def compile_filter(text: str, capabilities: Capabilities) -> tuple[Predicate, tuple[Comparison, ...]]:
    """Compile the text of a ``$filter``. Also gives the comparisons that every match meets (those of an outer ``and``).

    Raises:
        GraphError: 400 ``invalidQueryOption`` with the part that is not valid or not supported.
    """
    limit = settings().max_filter_length
    if len(text) > limit:
        raise invalid_option(
            "$filter", f"it has {len(text)} characters. The limit is {limit} (UPLOADS_MAX_FILTER_LENGTH)"
        )
    for found in _OTHER_DATE.finditer(text):
        if not found[0].startswith("'"):
            raise invalid_option(
                "$filter",
                f"'{shortened(found[0])}' is not a date. Write it as 2026-11-29T13:46:21Z, without quotes; in "
                "PowerShell $($date.ToUniversalTime().ToString('o'))",
            )
    tree = _syntax_tree(_NOT_PARENTHESIS.sub(lambda found: found[1] or "not ", text.strip()))
    joined = _operands(tree) if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else (tree,)
    required = tuple(_compared(part, capabilities) for part in joined if isinstance(part, ast.Compare))
    return _predicate(tree, capabilities), required


def _syntax_tree(text: str) -> ast._Node:
    # The lexer and the parser hold the state of one parse, so each filter has its own. Creating them is fast.
    try:
        tree: ast._Node = ODataParser().parse(_checked(ODataLexer().tokenize(text)))
    except GraphError:
        raise
    except (exceptions.UnknownFunctionException, exceptions.ArgumentCountException) as fault:
        raise invalid_option("$filter", f"the function {shortened(fault.function_name)} is not supported") from fault
    except (exceptions.TokenizingException, exceptions.ParsingException) as fault:
        place = "at its end" if fault.token is None else f"at '{shortened(text[fault.token.index :].strip())}'"
        example = "Example of a condition: status eq 'active'. In a URL, write + as %2B"
        raise invalid_option("$filter", f"syntax error {place}. {example}") from fault
    except Exception as fault:  # some inputs, such as f(a=1,b=2,c=3), cause other exceptions in the library
        raise invalid_option("$filter", "syntax error") from fault
    return tree


def _checked(tokens: Iterable[Any]) -> Iterator[Any]:
    """Refuse tokens that would be expensive: deeply nested parentheses, and paths (quadratic in the parser)."""
    # The compilation recurses at most twice for each open parenthesis.
    depth, limit = 0, settings().max_filter_depth
    for token in tokens:
        depth += (token.type == "(") - (token.type == ")")
        if depth > limit:
            raise invalid_option(
                "$filter", f"its parentheses are nested more than {limit} levels deep (UPLOADS_MAX_FILTER_DEPTH)"
            )
        if token.type == "/":
            raise invalid_option("$filter", "paths, any() and all() are not supported. Compare a property with a value")
        yield token


def _predicate(node: ast._Node, capabilities: Capabilities) -> Predicate:
    """Compile a condition. Only parentheses cause recursion: chains of one operator and of ``not`` are loops."""
    keep = True
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        keep, node = not keep, node.operand
    match node:
        case ast.BoolOp():
            parts = [_predicate(operand, capabilities) for operand in _operands(node)]
            joined = all if isinstance(node.op, ast.And) else any
            return lambda values: joined(part(values) for part in parts) is keep
        case ast.Compare():
            holds = _comparison(_compared(node, capabilities), capabilities)
            return lambda values: holds(values) is keep
        case ast.Call():
            raise invalid_option("$filter", f"the function {_name(node.func)} is not supported")
    raise invalid_option("$filter", "it must be a condition such as status eq 'active'")


def _operands(node: ast.BoolOp) -> Sequence[ast._Node]:
    """The operands of a chain of the same operator: a and b and c has three, not two nested pairs."""
    found: list[ast._Node] = []
    pending: list[ast._Node] = [node]
    while pending:
        head = pending.pop()
        if isinstance(head, ast.BoolOp) and head.op == node.op:
            pending += (head.right, head.left)
        else:
            found.append(head)
    return found


def _name(identifier: ast.Identifier) -> str:
    return shortened(".".join((*identifier.namespace, identifier.name)))


def _comparison(comparison: Comparison, capabilities: Capabilities) -> Predicate:
    name, word, value = comparison
    compare = _COMPARE[word]
    is_guid = capabilities.filterable[name].kind is Kind.GUID

    def holds(values: Mapping[str, Any]) -> bool:
        own = values[name]
        if own is None:  # null is not equal to any value, and neither less nor greater (OData 4.01 part 2, 5.1.1.1)
            return word == "ne"
        return compare(own.lower() if is_guid else own, value)

    return holds


def _compared(node: ast.Compare, capabilities: Capabilities) -> Comparison:
    word = _WORDS[type(node.comparator).__name__]
    left, right = node.left, node.right
    if isinstance(left, ast._Literal):
        left, right, word = right, left, _MIRRORED.get(word, word)
    for side in (left, right):
        if isinstance(side, ast.Call):
            raise invalid_option("$filter", f"the function {_name(side.func)} is not supported")
    if isinstance(left, ast.UnaryOp) and isinstance(left.op, ast.Not):
        raise invalid_option("$filter", "not applies before the comparison. Use parentheses, as in not (size gt 5)")
    known = ", ".join(capabilities.filterable)
    if not isinstance(left, ast.Identifier):
        raise invalid_option("$filter", f"{word} must compare a property with a value. Properties: {known}")
    name = _name(left)
    if name not in capabilities.filterable:
        raise invalid_option("$filter", f"cannot filter by {name}. Supported: {known}")
    field_type = capabilities.filterable[name]
    if word not in field_type.operators:
        raise invalid_option("$filter", f"{name} does not support {word}. Supported: {', '.join(field_type.operators)}")
    value = _value(right, field_type)
    if value is None:
        expected = " or ".join(f"'{each}'" for each in field_type.values) or field_type.kind.value
        wrong = getattr(right, "val", None) or getattr(right, "name", None)
        shown = shortened(wrong) if isinstance(wrong, str) else "this value"
        raise invalid_option("$filter", f"{name} cannot be compared with {shown}. Expected: {expected}")
    return name, word, value


def _value(node: ast._Node, field_type: FieldType) -> Value | None:  # noqa: PLR0911  # one for each kind
    """A literal as the type of the property; ``None`` if it has another type."""
    match field_type.kind, node:
        case Kind.TEXT, ast.String(val=text) if not field_type.values or text in field_type.values:
            # Of names, which are stored in this form.
            return normalized(text)
        case Kind.GUID, ast.String(val=text) | ast.GUID(val=text):
            return parse_guid(text)
        case Kind.INTEGER, ast.Integer(val=text) if text.isascii():  # the library accepts the digits of every script
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
