"""Tables of results: as text for a terminal, and as Markdown for a document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the name that its place in a document has, and its columns' titles in the first line."""

    name: str
    lines: Sequence[Sequence[str]]

    def text(self) -> str:
        """Columns side by side."""
        widths = [max(map(len, column)) for column in zip(*self.lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in self.lines
        )

    def markdown(self) -> str:
        """The same in Markdown."""
        header, *rows = self.lines
        return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def has_places(document: Path, names: Iterable[str]) -> bool:
    """Whether a document has a place for the tables of these names."""
    text = document.read_text()
    return all(_begin(name) in text for name in names)


def put_into(document: Path, tables: Iterable[Table], caption: str) -> None:
    """Write tables to their places in a document; what says when and where they were measured is put below each.

    The place of a table is between two comments: ``<!-- bench: name -->`` and ``<!-- end -->``.
    """
    text = document.read_text()
    for table in tables:
        before, begin, after = text.partition(_begin(table.name))
        _, end, after = after.partition("<!-- end -->")
        text = f"{before}{begin}{table.markdown()}\n\n{caption}\n{end}{after}"
    document.write_text(text)


def _begin(name: str) -> str:
    return f"<!-- bench: {name} -->\n"


def figures(samples: Sequence[float], unit: str, *, peak: bool = False) -> str:
    """The median, or the peak, and the range."""
    middle = max(samples) if peak else median(samples)
    return f"{number(middle)} {unit} ({number(min(samples))} to {number(max(samples))})"


def ratio(figures: Sequence[float], others: Sequence[float]) -> float:
    """The ratio of the medians."""
    return median(figures) / median(others)


def number(figure: float) -> str:
    """A figure with three digits or more."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"
