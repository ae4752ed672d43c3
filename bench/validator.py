"""The speed of the validator, without storage, on one core."""

import gc
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bench.access_file import EXPORTED, as_export, read, slices, with_names, with_quotes
from bench.processes import MEGABYTE, Plan, Sample
from shared.access_data.layouts import LAYOUTS
from shared.access_data.steps.declaration import Declaration
from shared.access_data.steps.making import ALLOWED, Steps, Writes
from shared.access_data.validator import Validator
from shared.core.settings import Settings

# What the server hands to the pipeline at a time.
PIECE_BYTES = 64 * 1024

# The forms of the file that the validator reads, by the name of the row.
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "validator": lambda content: content,
    "validator-names": with_names,
    "validator-quoted": with_quotes,
    "validator-rows": as_export,
}

# What is declared for the exported form.
_DECLARED = Steps(
    Declaration(dict(zip((column.name for column in LAYOUTS[0].columns), EXPORTED, strict=True)), {}),
    writes=Writes.IF_NEEDED,
)


async def validator_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB of the row's form of the file for each second of processor time of the validator.

    Beside the making of rows it is the validator of the same rows as they are.
    """
    gc.enable()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    path = Path(plan.file)
    plain = read(path, slices(path, plan.size)[0])
    data = FORMS[plan.row](plain)
    makes_rows = plan.row == "validator-rows"
    for number in range(plan.rounds + 1):
        raw = _speed(plain, ALLOWED, warnings=0) if makes_rows else None
        # That there are names, or that cells are separated by semicolons, is one warning.
        warnings = int(plan.row in ("validator-names", "validator-rows"))
        speed = _speed(data, _DECLARED if makes_rows else ALLOWED, warnings=warnings)
        if number:
            yield speed, raw


def _speed(data: bytes, steps: Steps, *, warnings: int) -> float:
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    validator = Validator(principal_types=Settings().principal_types, steps=steps)
    began = time.process_time()
    for piece in pieces:
        validator.feed(piece)
        validator.take_rows()
    report = validator.finish()
    taken = time.process_time() - began
    if report.finding_count or report.warning_count != warnings or report.rows != data.count(b"\n") - 1:
        raise RuntimeError(f"the validator is wrong: {report}")
    return len(data) / MEGABYTE / taken
