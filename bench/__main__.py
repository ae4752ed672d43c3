"""``python -m bench [--quick] [--out FILE.json]``: measure every row, print the tables, write the samples as JSON."""

import argparse
import json
import os
import platform
import subprocess
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.benchmark import FULL, QUICK, ROWS, TABLES, Benchmark
from bench.tables import has_places, put_into
from local.service import ROOT


def machine() -> dict[str, Any]:
    """The machine, the commit and the packages of the figures."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    packages = ("azure-functions", "azure-storage-blob", "azure-data-tables", "fastapi", "uvicorn", "pydantic")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "packages": {name: version(name) for name in packages},
    }


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="bench", description="Compare the service with the raw storage SDK.")
    parser.add_argument(
        "--quick", action="store_true", help="small files and few rounds, within three minutes: to see that it runs"
    )
    parser.add_argument("--only", nargs="+", default=[], choices=ROWS, metavar="ROW", help="measure only these rows")
    parser.add_argument("--out", type=Path, help="where the samples go, as JSON (default: bench/results/)")
    parser.add_argument("--into", type=Path, metavar="FILE.md", help="a document whose tables are replaced by these")
    arguments = parser.parse_args()
    if arguments.into and not has_places(arguments.into, TABLES):
        parser.error(f"{arguments.into} has no place for one of the tables: {', '.join(TABLES)}")
    out = arguments.out or ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    where = machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        benchmark = Benchmark(QUICK if arguments.quick else FULL, Path(work), arguments.only)
        benchmark.run()
    where["load"] = [where["load"], os.getloadavg()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"quick": arguments.quick, "machine": where, **benchmark.as_json()}, indent=1))
    show(benchmark, where)
    if arguments.quick:
        print("\nQUICK RUN: small files, few rounds. It shows that the benchmark works; its figures prove nothing.")
    if arguments.into:
        put_into(arguments.into, benchmark.tables(), f"{caption(where)}{' A quick run.' if arguments.quick else ''}")
    print(f"samples: {out}")


def show(benchmark: Benchmark, where: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"\n{caption(where)} Commit {where['commit']}, {where['when']}.")
    print("Medians (ranges) of the rounds; a ratio is of the medians, its range that of the rounds one by one.")
    for table in benchmark.tables():
        print(f"\n{table.text()}")
    if not benchmark.results:
        return
    missed = sum(not result.reached for result in benchmark.results)
    print(f"\n{missed} of {len(benchmark.results)} bars missed." if missed else "\nEvery bar reached.")


def caption(where: dict[str, Any]) -> str:
    """What has to be known of the machine."""
    before, after = (f"{load[0]:.1f}" for load in where["load"])
    return (
        f"{where['cores']} cores, Python {where['python']}, {where['when'][:10]}; "
        f"load average {before} before the run and {after} at its end."
    )


if __name__ == "__main__":
    main()
