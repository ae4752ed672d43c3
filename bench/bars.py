"""The bars, and the results of the rows against them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from bench.tables import Table, figures


class Goal(StrEnum):
    """On which side of its bar a ratio must be."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one row.

    ``limit`` is for the ratio of the service's median to the other side's; for a row that has no other side, for the
    figure itself: the median, or with ``peak`` the largest sample.
    """

    name: str
    title: str
    unit: str
    goal: Goal
    limit: float
    peak: bool = False


BARS = {
    bar.name: bar
    for bar in (
        Bar("upload", "uploadFile, {size}, against stage_block", "MB/s", Goal.AT_LEAST, 0.88),
        Bar("upload-large", "uploadFile, {size}, against stage_block", "MB/s", Goal.AT_LEAST, 0.90),
        Bar("small-upload", "uploadFile, {size}, p50", "ms", Goal.AT_MOST, 1.55),
        Bar("many-uploads", "10 files of {size}, 4 at a time", "MB/s", Goal.AT_LEAST, 0.55),
        Bar("memory", "memory of one upload of {size}", "MiB", Goal.AT_MOST, 40, peak=True),
        Bar("memory-by-8", "memory of 8 uploads of {size} at once", "MiB", Goal.AT_MOST, 160, peak=True),
        Bar("validator", "validator alone, {size}, GUIDs", "MB/s", Goal.AT_LEAST, 400),
        Bar("validator-names", "the same, user principal names", "MB/s", Goal.AT_LEAST, 300),
        Bar("validator-quoted", "the same, every cell quoted", "MB/s", Goal.AT_LEAST, 300),
        Bar("get-while-uploading", "GET p99 while {size} come in", "ms", Goal.AT_MOST, 2.5),
        Bar("client", "accup send, {size}, against curl", "s", Goal.AT_MOST, 1.0),
        Bar("client-many", "accup send, 40 files of {size}, against curl", "s", Goal.AT_MOST, 0.5),
        Bar("get", "GET one session, p50", "ms", Goal.AT_MOST, 1.5),
        Bar("authentication", "what a token adds to GET, p50", "ms", Goal.AT_MOST, 0.3),
        Bar("telemetry", "GET with telemetry, p50, against without", "ms", Goal.AT_MOST, 1.05),
        Bar("create", "create, p50", "ms", Goal.AT_MOST, 1.5),
        Bar("create-cold", "create for a new resource, with a token, p50", "ms", Goal.AT_MOST, 1.6),
        Bar("get-by-16", "GET by 16 clients", "1/s", Goal.AT_LEAST, 0.6),
        Bar("forward", "forwarding {size}, against a copy of the blob", "MB/s", Goal.AT_LEAST, 0.8),
        Bar("import", "import function_app", "ms", Goal.AT_MOST, 1.2),
    )
}


@dataclass(slots=True)
class Result:
    """The samples of one row; ``raw`` by contender, empty for a row with an absolute bar."""

    bar: Bar
    size: int | None = None
    service: list[float] = field(default_factory=list)
    raw: dict[str, list[float]] = field(default_factory=dict)
    more: list[dict[str, Any]] = field(default_factory=list)

    def add(self, sample: dict[str, Any]) -> None:
        """Take a round's sample."""
        sample = dict(sample)
        self.service.append(sample.pop("service"))
        for contender, figure in sample.pop("raw", {}).items():
            self.raw.setdefault(contender, []).append(figure)
        if sample:
            self.more.append(sample)

    @property
    def title(self) -> str:
        """The row's name, with its size."""
        return self.bar.title.format(size=size_text(self.size or 0))

    @property
    def best(self) -> tuple[str, Sequence[float]] | None:
        """The contender with the best median, and its samples."""
        if not self.raw:
            return None
        better = max if self.bar.goal is Goal.AT_LEAST else min
        return better(self.raw.items(), key=lambda item: median(item[1]))

    @property
    def score(self) -> float:
        """What is held against the bar."""
        best = self.best
        if best is not None:
            return median(self.service) / median(best[1])
        return max(self.service) if self.bar.peak else median(self.service)

    @property
    def scores(self) -> list[float]:
        """The same for each round by itself."""
        best = self.best
        if best is None:
            return self.service
        return [figure / raw for figure, raw in zip(self.service, best[1], strict=True)]

    @property
    def reached(self) -> bool:
        """Whether the bar is reached."""
        return self.score >= self.bar.limit if self.bar.goal is Goal.AT_LEAST else self.score <= self.bar.limit

    def as_json(self) -> dict[str, Any]:
        """Everything of the row, each sample included."""
        best = self.best
        return {
            "row": self.bar.name,
            "title": self.title,
            "unit": self.bar.unit,
            "size": self.size,
            "service": self.service,
            "raw": self.raw,
            "against": best and best[0],
            "score": self.score,
            "bar": f"{self.bar.goal} {self.bar.limit}",
            "reached": self.reached,
            "more": self.more,
        }


def table(results: Sequence[Result]) -> Table:
    """The results side by side: medians, ranges, and each ratio against its bar."""
    lines = [("", "service", "raw", "against", "ratio", "bar", "")]
    for result in results:
        best = result.best
        unit = result.bar.unit
        if best is None:
            peak = result.bar.peak
            bar = f"{result.bar.goal} {result.bar.limit:g} {unit}"
            service = f"{'max ' if peak else ''}{figures(result.service, unit, peak=peak)}"
            lines.append((result.title, service, "", "", "", bar, verdict(result)))
        else:
            scores = result.scores
            ratio = f"{result.score:.2f} ({min(scores):.2f} to {max(scores):.2f})"
            bar = f"{result.bar.goal} {result.bar.limit:g}"
            raw = figures(best[1], unit)
            lines.append((result.title, figures(result.service, unit), raw, best[0], ratio, bar, verdict(result)))
    return Table("bars", lines)


def verdict(result: Result) -> str:
    """Whether the bar is reached, and if not, by how much it is missed."""
    if result.reached:
        return "ok"
    missed_by = abs(result.score / result.bar.limit - 1)
    return f"MISSED by {missed_by:.1%}" if missed_by < 0.1 else f"MISSED by {missed_by:.0%}"


def size_text(size: int) -> str:
    """A size with its unit."""
    for unit, bytes_of_it in (("GiB", 2**30), ("MiB", 2**20), ("MB", 10**6)):
        if size >= bytes_of_it and size % bytes_of_it == 0:
            return f"{size // bytes_of_it} {unit}"
    return f"{size / 10**3:g} kB"
