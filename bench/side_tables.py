"""The tables that have no bars: every operation, Microsoft's worker, several instances."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.operations import Access
from bench.round_trips import RoundTrips, fewest
from bench.tables import Table, figures, number, ratio

Samples = Sequence[Mapping[str, Any]]


def operations_table(samples: Samples) -> Table:
    """Every operation: p50, its ratio to that of raw reads in between, and its calls to storage, by kind of access."""
    by_name: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        by_name[sample["operation"]][sample["access"]].append(sample)
    raw = median(sample["get_entity"] for sample in samples if "get_entity" in sample)
    lines = [("operation", *(f"by {access}: {what}" for access in Access for what in ("p50", "ratio", "calls")))]
    for name, by_access in by_name.items():
        lines.append((name, *(cell for access in Access for cell in _operation_cells(by_access[access], raw))))
    return Table("operations", lines)


def _operation_cells(samples: Samples, raw: float) -> tuple[str, str, str]:
    if not samples:
        return "", "", ""
    taken = median(sample["service"] for sample in samples if "service" in sample)
    trips = [RoundTrips(*sample["round trips"]) for sample in samples if "round trips" in sample]
    return f"{number(taken)} ms", f"{taken / raw:.1f}", str(fewest(trips))


def worker_table(samples: Samples) -> Table:
    """Microsoft's worker, the local host and the SDKs."""
    by_title: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for sample in samples:
        by_title[sample["title"]].append(sample)
    lines: list[Sequence[str]] = [("", "worker", "local host", "raw", "worker / local host", "worker / raw")]
    for title, of_row in by_title.items():
        unit = of_row[0]["unit"]
        sides = {
            name: [sample[name] for sample in of_row] for name in ("worker", "local host", "raw") if name in of_row[0]
        }
        shown = [figures(sides[name], unit) if name in sides else "" for name in ("worker", "local host", "raw")]
        ratios = [
            f"{ratio(sides['worker'], sides[name]):.2f}" if name in sides else "" for name in ("local host", "raw")
        ]
        lines.append((title, *shown, *ratios))
    return Table("worker", lines)


def instances_table(samples: Samples) -> Table:
    """Requests a second of several processes of the service, and of as many clients of the SDKs."""
    lines = [("requests", "processes", "service", "raw", "ratio")]
    for name in ("GET", "create"):
        for processes in sorted({sample["processes"] for sample in samples}):
            rounds = [sample for sample in samples if sample["processes"] == processes]
            service, raw = ([sample[side][name] for sample in rounds] for side in ("service", "raw"))
            shown = (figures(service, "1/s"), figures(raw, "1/s"), f"{ratio(service, raw):.2f}")
            lines.append((name, str(processes), *shown))
    return Table("instances", lines)
