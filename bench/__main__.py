"""``python -m bench [--quick] [--only ROW ...] [--into FILE.md]``: measure the rows and print the table."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.bars import BARS, markdown, table, text
from bench.benchmark import FULL, QUICK, Benchmark

_BEGIN, _END = "<!-- bench: bars -->\n", "<!-- end -->"


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Compare the service with the raw storage SDK.")
    parser.add_argument("--quick", action="store_true", help="small files and few rounds: to see that it runs")
    parser.add_argument("--only", nargs="+", default=[], choices=BARS, metavar="ROW", help="measure only these rows")
    parser.add_argument("--into", type=Path, metavar="FILE.md", help="a document whose table is replaced by this one")
    arguments = parser.parse_args()
    document = arguments.into.read_text() if arguments.into else _BEGIN + _END
    if _BEGIN not in document:
        parser.error(f"{arguments.into} has no place for the table: {_BEGIN}")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        results = Benchmark(QUICK if arguments.quick else FULL, Path(work), arguments.only).run()
    caption = (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}; "
        f"load average {load:.1f} before the run and {os.getloadavg()[0]:.1f} at its end."
    )
    print(f"\n{caption}")
    print("Medians (ranges) of the rounds; a ratio is of the medians, its range that of the rounds one by one.\n")
    print(text(table(results)))
    missed = sum(not result.reached for result in results)
    print(f"\n{missed} of {len(results)} bars missed." if missed else "\nEvery bar reached.")
    if arguments.quick:
        caption += " A quick run: small files and few rounds."
        print("A QUICK RUN. It shows that the benchmark works; its figures prove nothing.")
    if arguments.into:
        before, _, after = document.partition(_BEGIN)
        arguments.into.write_text(
            f"{before}{_BEGIN}{markdown(table(results))}\n\n{caption}\n{_END}{after.partition(_END)[2]}"
        )


if __name__ == "__main__":
    main()
