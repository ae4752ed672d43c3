"""Runs the queries of alerts on telemetry of a test: the few operators and functions of Kusto that they use.

Each operator is as "Kusto Query Language overview" (Microsoft) describes it. Expressions are evaluated as Python's,
whose ``==``, ``<``, ``and``, ``or``, ``in`` and calls are written alike; everything else is refused.
"""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]

_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "max": lambda values: max(values, default=None),
}
_ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.Compare, ast.Eq, ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.In),
    *(ast.Name, ast.Load, ast.Constant, ast.Call, ast.Subscript, ast.Tuple, ast.BinOp, ast.Mult, ast.NotEq),
)


class _Null:
    """No value: every comparison with it is false, as in Kusto ("Null values")."""

    def _false(self, _: object) -> bool:
        return False

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _false
    __hash__ = None  # type: ignore[assignment]


def _toint(value: object) -> Any:
    return int(value) if isinstance(value, str | int) and str(value).isdecimal() else _Null()


class _Columns(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        raise KeyError(f"the query uses {name}, which no row has")


class _Attributes(dict[str, Any]):
    """Those of a row; ``tostring`` makes an empty string of one that it lacks."""

    def __missing__(self, _: str) -> str:
        return ""


def _value(expression: str, row: Row) -> Any:
    tree = ast.parse(expression.strip(), mode="eval")
    for node in ast.walk(tree):
        assert isinstance(node, _ALLOWED), f"{type(node).__name__} of '{expression}' is not known here"
    columns = _Columns(row, tostring=str, toint=_toint)
    if "customDimensions" in row:
        columns["customDimensions"] = _Attributes(row["customDimensions"])
    return eval(compile(tree, "query", "eval"), {"__builtins__": {}}, columns)


def _summarize(text: str, rows: list[Row]) -> list[Row]:
    """``name = sum(x)``, ``name = sumif(x, condition)``; without ``by`` there is one row, for no rows too."""
    found = {}
    for name, function, arguments in re.findall(r"(\w+) = (\w+)\((.*?)\)(?=, \w+ = |$)", text):
        value, _, condition = arguments.partition(", ")
        counted = [row for row in rows if not condition or _value(condition, row)]
        found[name] = _AGGREGATES[function.removesuffix("if")]([_value(value, row) for row in counted])
    return [{name: _Null() if value is None else value for name, value in found.items()}]


def run(query: Iterable[str], rows: list[Row]) -> list[Row]:
    """The rows that a query gives for those of its table.

    Args:
        query: its lines: the table, then ``| operator ...``.
        rows: those of the table in the window, with ``name``, ``valueCount``, ``valueSum``, ``valueMax`` and
            ``customDimensions``.
    """
    _, *steps = query
    for step in steps:
        operator, _, text = step.removeprefix("| ").partition(" ")
        match operator:
            case "where":
                rows = [row for row in rows if _value(text, row)]
            case "extend":
                name, _, expression = text.partition(" = ")
                rows = [{**row, name: _value(expression, row)} for row in rows]
            case "summarize":
                rows = _summarize(text, rows)
            case _:
                raise AssertionError(f"'{operator}' is not known here")
    return rows
