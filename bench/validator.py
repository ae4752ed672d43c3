"""The speed of the validator, without storage, in a separate process on one core."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.access_file import read, slices, with_names, with_quotes
from local.service import ROOT

# What the server hands to the pipeline at a time.
PIECE_BYTES = 64 * 1024

# The forms of the file that the validator reads, by the name of the row.
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "validator": lambda content: content,
    "validator-names": with_names,
    "validator-quoted": with_quotes,
}


def validator_speed(form: str, file: Path, size: int, rounds: int) -> Iterator[float]:
    """MB of the file's form for each second of processor time of the validator, once a round."""
    arguments = [sys.executable, "-m", "bench.validator", form, str(file), str(size), str(rounds)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"the validator failed with exit code {process.returncode}")


def main() -> None:
    """Validate the file that the arguments name several times, and print the speed each time."""
    from shared.access_data.validator import Validator  # noqa: PLC0415  # only this process needs it
    from shared.core.settings import Settings  # noqa: PLC0415

    form, path, size, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    data = FORMS[form](read(path, slices(path, size)[0]))
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    for number in range(rounds + 1):
        validator = Validator(principal_types=Settings().principal_types)
        began = time.process_time()
        for piece in pieces:
            validator.feed(piece)
        report = validator.finish()
        taken = time.process_time() - began
        if report.finding_count or report.warning_count or report.rows != data.count(b"\n") - 1:
            raise RuntimeError(f"the validator is wrong: {report}")
        if number:
            print(len(data) / 1_000_000 / taken, flush=True)


if __name__ == "__main__":
    main()
