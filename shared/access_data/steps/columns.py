"""The step ``columns``: from which columns of the file, or constants, the rows have their cells."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ..careful.blank import is_blank
from ..careful.header import Header, known_header, layout_of, letters
from ..careful.sources import Source, own_sources
from ..codes import Code
from ..findings import Finding, shown
from ..layouts import LAYOUTS, Column, Layout
from .declaration import DECLARED_LAYOUT, Declaration, constant_fault, file_name_key

_GRAPH = next(layout for layout in LAYOUTS if layout.name == "graph")


class Columns(NamedTuple):
    """The columns of a file, and where those of its rows come from. With findings the file is refused.

    ``sources`` are in the layout's order if this is a step, else in the file's order. ``trimmed``: whether blanks
    around the names of columns did not count.
    """

    layout: Layout | None
    names: tuple[str, ...]
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    is_step: bool = False
    trimmed: bool = False


def known_names(declaration: Declaration | None) -> set[str]:
    """The names that columns of a file can have, as ``letters`` makes them comparable."""
    own = {letters(column.name) for layout in LAYOUTS for column in layout.columns}
    return own | {letters(name) for name in (declaration.columns.values() if declaration else ())}


def in_order(layout: Layout, sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources of all columns of a layout, in its order."""
    return tuple(sorted(sources, key=lambda source: layout.columns.index(source.column)))


def read_columns(
    header: Header,
    line: int,
    declaration: Declaration | None,
    principal_types: Collection[str],
    *,
    trims: bool = True,
) -> Columns:
    """What a header means under a declaration.

    Args:
        header: the header row, as it is read without a declaration.
        line: its physical line.
        declaration: what is declared for the application of the file.
        principal_types: the allowed values of ``principalType``.
        trims: whether blanks around names do not count.
    """
    names = tuple(name.strip() for name in header.names) if trims else header.names
    applied = None if declaration is None else _applied(declaration, names)
    if names and header.readable and applied is not None:
        return _Declared(applied, names, line).columns(principal_types)
    layout = layout_of(names)
    trimmed = header.readable and layout is not None and names != header.names
    if trimmed and layout is not None:
        header = known_header(layout, names, line)
    sources = own_sources(header.columns)
    if trimmed and not header.findings and header.layout is not None:
        sources = in_order(header.layout, sources)
    return Columns(header.layout, names, sources, header.findings, is_step=trimmed, trimmed=trimmed)


def _applied(declaration: Declaration, names: Sequence[str]) -> Declaration | None:
    """What of a declaration applies to the columns of a file; ``None`` if it has Graph's own header.

    A file that has none of the declared names and all of Graph's was made for Graph.
    """
    given = {file_name_key(name) for name in names}
    if (
        declaration.columns
        and given.isdisjoint(map(file_name_key, declaration.columns.values()))
        and given.issuperset(file_name_key(column.name) for column in _GRAPH.columns)
    ):
        declaration = declaration._replace(columns={}, constants={})
    keeps_account = declaration.principals is not None and declaration.principals.account_in is not None
    applies = declaration.columns or declaration.constants or declaration.ignore_other_columns or keeps_account
    return declaration if applies else None


class _Declared:
    """Reads a header under what is declared."""

    def __init__(self, declaration: Declaration, names: tuple[str, ...], line: int) -> None:
        self._declaration = declaration
        self._names = names
        self._line = line
        self._places: dict[str, int] = {}
        for index, name in enumerate(names):
            self._places.setdefault(file_name_key(name), index)
        self._account_in = declaration.principals.account_in if declaration.principals else None
        self._findings: list[Finding] = []

    def columns(self, principal_types: Collection[str]) -> Columns:
        sources = {column: self._source(column, principal_types) for column in DECLARED_LAYOUT.columns}
        further = DECLARED_LAYOUT.columns[len(_GRAPH.columns) :]
        layout = DECLARED_LAYOUT if any(sources[column] for column in further) else _GRAPH
        used = {source.file_index for source in sources.values() if source is not None}
        self._findings += [*self._repeated(used), *self._unused(used)]
        found = tuple(sources[column] or Source(column, column.name, None) for column in layout.columns)
        return Columns(layout, self._names, found, tuple(self._findings), is_step=not self._is_own(found))

    def _source(self, column: Column, principal_types: Collection[str]) -> Source | None:
        """Where a column of Graph's has its cells from."""
        constant = self._declaration.constants.get(column.name)
        if constant is not None:
            fault = constant_fault(column, constant, principal_types)
            if fault is not None:
                message = f"{fault.message} It is a constant that is declared for this application."
                self._report(fault.code, message, column.name)
            return Source(column, column.name, None, b"" if is_blank(constant) else constant.encode())
        declared = self._declaration.columns.get(column.name)
        name = declared or column.name
        if column.name == self._account_in:
            principal = DECLARED_LAYOUT.columns[0]
            name = self._declaration.columns.get(principal.name, principal.name)
        index = self._places.get(file_name_key(name))
        if index is not None:
            return Source(column, self._names[index], index)
        if declared is not None:
            message = (
                f"The column '{shown(name)}' is missing, from which {column.name} is taken, as is declared for this "
                "application. Add the column, or correct the declaration."
            )
            self._report(Code.MISSING_COLUMN, message, shown(name))
        elif column.required:
            message = (
                f"The column {column.name} is missing, and nothing is declared for it. Add it, or declare for this "
                "application from which column it is taken, or a constant."
            )
            self._report(Code.MISSING_COLUMN, message, column.name)
        return None

    def _repeated(self, used: Collection[int | None]) -> Iterator[Finding]:
        for name, count in Counter(map(file_name_key, self._names)).items():
            if count > 1 and self._places[name] in used:
                shown_name = shown(self._names[self._places[name]])
                message = f"The column '{shown_name}' occurs {count} times. Remove all but one of them."
                yield Finding(Code.DUPLICATE_COLUMN, message, self._line, shown_name, shown_name)

    def _unused(self, used: Collection[int | None]) -> Iterator[Finding]:
        """A finding for each column of the file from which nothing is taken, unless others are ignored."""
        if self._declaration.ignore_other_columns:
            return
        passed_over = {file_name_key(name) for name in (*self._declaration.constants, self._account_in or "")}
        for index, name in enumerate(self._names):
            key = file_name_key(name)
            if self._places[key] in used or (key in passed_over and key):
                continue
            message = (
                f"Nothing is taken from the column '{shown(name)}', as is declared for this application. Remove the "
                "column, or declare what it is, or that other columns are ignored (ignoreOtherColumns)."
            )
            yield Finding(Code.UNKNOWN_COLUMN, message, self._line, shown(name) or f"column {index + 1}", shown(name))

    def _is_own(self, sources: Sequence[Source]) -> bool:
        """Whether the file has exactly the columns of the rows, under their own names."""
        return sorted(source.file_index if source.file_index is not None else -1 for source in sources) == [
            *range(len(self._names))
        ] and all(source.name.casefold() == source.column.name.casefold() for source in sources)

    def _report(self, code: Code, message: str, column: str) -> None:
        self._findings.append(Finding(code, message, self._line, column))
