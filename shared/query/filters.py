"""``$filter``: from the library's syntax tree to a predicate over an entity's values.

Apart from ``shared.query.options`` because importing the grammar takes 60 ms, and most cold starts serve no filter.
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
from shared.query.capabilities import ORDERED, Capabilities, Comparison, FieldType, Kind, Predicate, Value

_WORDS = {"Eq": "eq", "NotEq": "ne", "Gt": "gt", "GtE": "ge", "Lt": "lt", "LtE": "le", "In": "in"}
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {word: getattr(operator, word) for word in ORDERED}

# Graph's own examples write not(...), the grammar of OData wants a space there. Quoted text is passed over.
_NOT_BRACKET = re.compile(r"('(?:[^']|'')*')|\bnot(?=\()", re.IGNORECASE)


def compile_filter(text: str, capabilities: Capabilities) -> tuple[Predicate, tuple[Comparison, ...]]:
    """Translate the text of a ``$filter``; gives also what it requires of every entity: the parts of its outer ``and``.

    Raises:
        GraphError: 400 ``invalidQueryOption``, saying what of it cannot be read or is not supported.
    """
    limit = settings().max_filter_length
    if len(text) > limit:
        raise invalid_option("$filter", f"it has {len(text)} characters, and {limit} is the limit")
    tree = _syntax_tree(_NOT_BRACKET.sub(lambda found: found[1] or "not ", text.strip()))
    joined = _operands(tree) if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else (tree,)
    required = tuple(_compared(part, capabilities) for part in joined if isinstance(part, ast.Compare))
    return _predicate(tree, capabilities), required


def _syntax_tree(text: str) -> ast._Node:
    # The lexer and the parser hold the state of one parse, so each filter has its own; they cost a microsecond.
    try:
        tree: ast._Node = ODataParser().parse(_guarded(ODataLexer().tokenize(text)))
    except GraphError:
        raise
    except (exceptions.UnknownFunctionException, exceptions.ArgumentCountException) as fault:
        raise invalid_option("$filter", f"the function {shortened(fault.function_name)} is not supported") from fault
    except (exceptions.TokenizingException, exceptions.ParsingException) as fault:
        place = "at its end" if fault.token is None else f"at '{shortened(text[fault.token.index :].strip())}'"
        example = "A condition looks like: status eq 'active'. In a URL, a + is written %2B"
        raise invalid_option("$filter", f"it cannot be read {place}. {example}") from fault
    except Exception as fault:  # the grammar of the library has corners, such as f(a=1,b=2,c=3), that fail otherwise
        raise invalid_option("$filter", "it cannot be read") from fault
    return tree


def _guarded(tokens: Iterable[Any]) -> Iterator[Any]:
    """Stop before the parser what it or the translation would pay for: deep brackets, and paths (quadratic there)."""
    # The translation recurses at most twice for each open bracket.
    depth, limit = 0, settings().max_filter_depth
    for token in tokens:
        depth += (token.type == "(") - (token.type == ")")
        if depth > limit:
            raise invalid_option("$filter", f"its brackets are more than {limit} deep")
        if token.type == "/":
            raise invalid_option("$filter", "paths, any() and all() are not supported; compare a property with a value")
        yield token


def _predicate(node: ast._Node, capabilities: Capabilities) -> Predicate:
    """Translate a condition. It recurses with the brackets only: chains of one operator and of ``not`` are loops."""
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
    raise invalid_option("$filter", "it must be a condition, such as status eq 'active'")


def _operands(node: ast.BoolOp) -> Sequence[ast._Node]:
    """What a chain of the same operator joins: a and b and c are three operands, not a pair within a pair."""
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
        if own is None:  # which differs from every value, and is neither less nor more (OData 4.01 part 2, 5.1.1.1)
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
        raise invalid_option(
            "$filter", "not binds before the comparison; bracket what it negates, as in not (size gt 5)"
        )
    known = ", ".join(capabilities.filterable)
    if not isinstance(left, ast.Identifier):
        raise invalid_option("$filter", f"{word} must stand between a property and a value. Properties: {known}")
    name = _name(left)
    if name not in capabilities.filterable:
        raise invalid_option("$filter", f"cannot filter by {name}. Possible: {known}")
    field_type = capabilities.filterable[name]
    if word not in field_type.operators:
        raise invalid_option("$filter", f"{name} does not support {word}. Possible: {', '.join(field_type.operators)}")
    value = _value(right, field_type)
    if value is None:
        takes = " or ".join(f"'{one}'" for one in field_type.values) or field_type.kind.value
        wrong = getattr(right, "val", None) or getattr(right, "name", None)
        shown = shortened(wrong) if isinstance(wrong, str) else "this"
        raise invalid_option("$filter", f"{name} cannot be compared with {shown}. It takes {takes}")
    return name, word, value


def _value(node: ast._Node, field_type: FieldType) -> Value | None:  # noqa: PLR0911  # a kind each
    """A literal as the property's own type; ``None`` if it is of another."""
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
