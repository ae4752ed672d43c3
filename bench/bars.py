"""The bars, and the results of the rows against them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Bar(NamedTuple):
    """The bar of one row.

    ``limit`` is for the ratio of the service's median to that of ``against``; for a row that has no other side, for the
    figure itself: the median, or with ``peak`` the largest sample. Speeds must reach it, times and sizes not exceed it.
    """

    title: str
    unit: str
    limit: float
    against: str = ""
    peak: bool = False

    @property
    def is_speed(self) -> bool:
        return self.unit == "MB/s"


BARS = {
    "validator": Bar("validator alone, {size}, GUIDs", "MB/s", 400),
    "validator-names": Bar("the same, user principal names", "MB/s", 300),
    "validator-quoted": Bar("the same, every cell quoted", "MB/s", 300),
    "validator-rows": Bar("rows made of semicolons and other columns", "MB/s", 0.6, "the validator of plain rows"),
    "get": Bar("GET one session, p50", "ms", 1.5, "get_entity"),
    "create": Bar("create for a new resource, with a token, p50", "ms", 1.6, "an upsert, then a transaction"),
    "small-upload": Bar("uploadFile, {size}, p50", "ms", 1.55, "Put Blob, then a transaction"),
    "upload": Bar("uploadFile, {size}", "MB/s", 0.9, "stage_block, 8 at a time"),
    "get-while-uploading": Bar("GET p99 while {size} come in", "ms", 2.5, "get_entity while 4 blocks are staged"),
    "forward": Bar("forwarding {size}", "MB/s", 0.8, "a copy of the blob, 4 blocks at a time"),
    "memory": Bar("memory of one upload of {size}", "MiB", 40, peak=True),
    "memory-by-8": Bar("memory of 8 uploads of {size} at once", "MiB", 160, peak=True),
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
        return self.bar.title.format(size=_size_text(self.size))

    @property
    def score(self) -> float:
        """What is held against the bar."""
        if self.raw:
            return median(self.service) / median(self.raw)
        return max(self.service) if self.bar.peak else median(self.service)

    @property
    def reached(self) -> bool:
        return self.score >= self.bar.limit if self.bar.is_speed else self.score <= self.bar.limit


def table(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """The results side by side, the first line with the titles: medians, ranges, and each ratio against its bar."""
    lines: list[tuple[str, ...]] = [("", "service", "raw", "against", "ratio", "bar", "")]
    for result in results:
        bar, raw, ratio, unit = result.bar, "", "", f" {result.bar.unit}"
        service = figures(result.service, bar.unit, peak=bar.peak)
        if result.raw:
            ratios = [one / other for one, other in zip(result.service, result.raw, strict=True)]
            raw, unit = figures(result.raw, bar.unit), ""
            ratio = f"{result.score:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        limit = f"{'>=' if bar.is_speed else '<='} {bar.limit:g}{unit}"
        verdict = "ok" if result.reached else f"MISSED by {abs(result.score / bar.limit - 1):.1%}"
        lines.append((result.title, service, raw, bar.against, ratio, limit, verdict))
    return lines


def markdown(results: Sequence[Result]) -> str:
    """The table in Markdown, with its columns side by side, so that it can be read in a terminal."""
    header, *rows = table(results)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = (header, ["-" * width for width in widths], *rows)
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def figures(samples: Sequence[float], unit: str, *, peak: bool = False) -> str:
    """The median, or the peak, and the range."""
    middle = f"max {number(max(samples))}" if peak else number(median(samples))
    return f"{middle} {unit} ({number(min(samples))} to {number(max(samples))})"


def number(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def _size_text(size: int) -> str:
    for unit, bytes_of_it in (("GiB", 2**30), ("MiB", 2**20), ("MB", 10**6)):
        if size >= bytes_of_it and size % bytes_of_it == 0:
            return f"{size // bytes_of_it} {unit}"
    return f"{size / 10**3:g} kB"
