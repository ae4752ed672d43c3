"""The bars, and the results of the rows against them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import NamedTuple

Table = Sequence[Sequence[str]]
"""Lines of cells; the first has the titles of the columns."""


class Goal(StrEnum):
    """On which side of its bar a ratio must be."""

    AT_LEAST = ">="
    AT_MOST = "<="


class Bar(NamedTuple):
    """The bar of one row.

    ``limit`` is for the ratio of the service's median to that of ``against``; for a row that has no other side, for the
    figure itself: the median, or with ``peak`` the largest sample.
    """

    title: str
    unit: str
    goal: Goal
    limit: float
    against: str = ""
    peak: bool = False


BARS = {
    "validator": Bar("validator alone, {size}, GUIDs", "MB/s", Goal.AT_LEAST, 400),
    "validator-names": Bar("the same, user principal names", "MB/s", Goal.AT_LEAST, 300),
    "validator-quoted": Bar("the same, every cell quoted", "MB/s", Goal.AT_LEAST, 300),
    "get": Bar("GET one session, p50", "ms", Goal.AT_MOST, 1.5, "get_entity"),
    "create": Bar(
        "create for a new resource, with a token, p50", "ms", Goal.AT_MOST, 1.6, "an upsert, then a transaction"
    ),
    "small-upload": Bar("uploadFile, {size}, p50", "ms", Goal.AT_MOST, 1.55, "Put Blob, then a transaction"),
    "upload": Bar("uploadFile, {size}", "MB/s", Goal.AT_LEAST, 0.9, "stage_block, 8 at a time"),
    "get-while-uploading": Bar(
        "GET p99 while {size} come in", "ms", Goal.AT_MOST, 2.5, "get_entity while 4 blocks are staged"
    ),
    "forward": Bar("forwarding {size}", "MB/s", Goal.AT_LEAST, 0.8, "a copy of the blob, 4 blocks at a time"),
    "memory": Bar("memory of one upload of {size}", "MiB", Goal.AT_MOST, 40, peak=True),
    "memory-by-8": Bar("memory of 8 uploads of {size} at once", "MiB", Goal.AT_MOST, 160, peak=True),
}


@dataclass(slots=True)
class Result:
    """The samples of one row; ``raw`` is empty for a row with an absolute bar."""

    bar: Bar
    size: int
    service: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The row's name, with its size."""
        return self.bar.title.format(size=_size_text(self.size))

    @property
    def score(self) -> float:
        """What is held against the bar."""
        if self.raw:
            return median(self.service) / median(self.raw)
        return max(self.service) if self.bar.peak else median(self.service)

    @property
    def reached(self) -> bool:
        """Whether the bar is reached."""
        return self.score >= self.bar.limit if self.bar.goal is Goal.AT_LEAST else self.score <= self.bar.limit


def table(results: Sequence[Result]) -> Table:
    """The results side by side: medians, ranges, and each ratio against its bar."""
    lines = [("", "service", "raw", "against", "ratio", "bar", "")]
    for result in results:
        bar, raw, ratio, unit = result.bar, "", "", f" {result.bar.unit}"
        service = figures(result.service, bar.unit, peak=bar.peak)
        if result.raw:
            ratios = [one / other for one, other in zip(result.service, result.raw, strict=True)]
            raw, unit = figures(result.raw, bar.unit), ""
            ratio = f"{result.score:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        limit = f"{bar.goal} {bar.limit:g}{unit}"
        lines.append((result.title, service, raw, bar.against, ratio, limit, _verdict(result)))
    return lines


def text(table: Table) -> str:
    """Columns side by side."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table)
    return "\n".join(line.rstrip() for line in lines)


def markdown(table: Table) -> str:
    """The same in Markdown."""
    header, *rows = table
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def figures(samples: Sequence[float], unit: str, *, peak: bool = False) -> str:
    """The median, or the peak, and the range."""
    middle = f"max {number(max(samples))}" if peak else number(median(samples))
    return f"{middle} {unit} ({number(min(samples))} to {number(max(samples))})"


def number(figure: float) -> str:
    """A figure with three digits or more."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def _verdict(result: Result) -> str:
    """Whether the bar is reached, and if not, by how much it is missed."""
    return "ok" if result.reached else f"MISSED by {abs(result.score / result.bar.limit - 1):.1%}"


def _size_text(size: int) -> str:
    for unit, bytes_of_it in (("GiB", 2**30), ("MiB", 2**20), ("MB", 10**6)):
        if size >= bytes_of_it and size % bytes_of_it == 0:
            return f"{size // bytes_of_it} {unit}"
    return f"{size / 10**3:g} kB"
