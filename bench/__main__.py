"""``python -m bench [--quick] [--only ROW ...]``: measure the rows and print the table of docs/performance.md."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.bars import BARS, markdown
from bench.benchmark import FULL, QUICK, Benchmark


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Compare the service with the raw storage SDK.")
    parser.add_argument("--quick", action="store_true", help="small files and few rounds: to see that it runs")
    parser.add_argument("--only", nargs="+", default=[], choices=BARS, metavar="ROW", help="measure only these rows")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        results = Benchmark(QUICK if arguments.quick else FULL, Path(work), arguments.only).run()
    print("\nMedians (ranges) of the rounds; a ratio is of the medians, its range that of the rounds one by one.\n")
    print(f"{markdown(results)}\n")
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}; "
        f"load average {load:.1f} before the run and {os.getloadavg()[0]:.1f} at its end."
    )
    missed = sum(not result.reached for result in results)
    print(f"\n{missed} of {len(results)} bars missed." if missed else "\nEvery bar reached.")
    if arguments.quick:
        print("A QUICK RUN. It shows that the benchmark works; its figures prove nothing.")


if __name__ == "__main__":
    main()
