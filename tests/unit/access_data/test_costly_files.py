"""Files made to use more memory or time than others of their size: both stay bounded."""

import asyncio
import tracemalloc

import numpy as np
import pytest
from azure.storage.blob.aio import BlobClient
from numpy.typing import NDArray

from shared.access_data.fast import duplicates
from shared.access_data.fast.row_hashes import Hashes
from shared.access_data.validator import MAX_FAULTS_COUNTED, Validator
from shared.storage.azure.blob_writer import BlobWriter

HEADER = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\n"
MIB = 2**20

# Bytes of memory for each row during the search for repeated rows.
BYTES_A_ROW = 80

# Cells that are read in one step: at most the step's limit and one record of the maximum length.
CELLS_A_STEP = 400 + 1000

# Rows that are compared in one step.
ROWS_A_STEP = 25_000


def test_repeated_rows_are_found_in_bounded_memory() -> None:
    """Compared one by one, half a million repeated rows would use 90 MB and block for most of a second."""
    count = 200_000
    rows = [b"%08x-6a7b-4c8d-9e0f-1a2b3c4d5e6f,user,p,P,,\n" % (number // 2) for number in range(count)]
    validator = Validator(principal_types={"user"})
    tracemalloc.start()
    try:
        for start in range(0, count, 5000):
            validator.feed((HEADER if not start else b"") + b"".join(rows[start : start + 5000]))
        report = validator.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert report.warning_count == count // 2
    assert [warning.line for warning in report.warnings] == list(range(3, 2003, 2))
    assert [
        f"as line {line}." in warning.message for warning, line in zip(report.warnings, range(2, 2002, 2), strict=True)
    ] == [True] * 1000
    assert peak < MIB + BYTES_A_ROW * count


@pytest.mark.parametrize("cells", [1, 2, 6, 200, 1000])
def test_steps_stay_short_for_any_number_of_cells_in_a_row(cells: int) -> None:
    validator = Validator(principal_types={"user"})
    records = 60_000 // cells
    turns = sum(1 for _ in validator.feeding(HEADER + (b"," * (cells - 1) + b"x\n") * records))
    turns += sum(1 for _ in validator.finishing())

    assert validator.finding_count >= min(records, MAX_FAULTS_COUNTED), "unless it was given up"
    assert turns >= 60_000 // CELLS_A_STEP


def test_a_million_equal_rows_are_compared_in_short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No byte of the hash distinguishes them, so they are not divided by it."""
    sorted_at_once: list[int] = []

    def repeats(hashes: Hashes) -> NDArray[np.intp]:
        sorted_at_once.append(len(hashes))
        return real(hashes)

    real = duplicates._repeats
    monkeypatch.setattr(duplicates, "_repeats", repeats)
    rows = duplicates.DuplicateRows()
    rows.add(np.full(duplicates.MAX_ROWS, 7, np.int64), 2)
    turns = sum(1 for _ in rows.search(3))

    assert (rows.count, rows.first) == (duplicates.MAX_ROWS - 1, [(3, 2), (4, 2), (5, 2)])
    assert max(sorted_at_once) <= 2 * ROWS_A_STEP
    assert turns >= duplicates.MAX_ROWS // ROWS_A_STEP


def test_a_file_checked_two_bytes_at_a_time_uses_no_more_memory_than_any_other() -> None:
    """The batch is not full, so nothing is checked."""
    validator = Validator(principal_types={"user"})
    tracemalloc.start()
    try:
        for number in range(60_000):
            validator.feed(number.to_bytes(2, "big"))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 1.2 * 120_000


async def test_a_file_stored_two_bytes_at_a_time_uses_no_more_memory_than_any_other() -> None:
    """The block is not full, so nothing is sent."""
    opened = asyncio.get_running_loop().create_future()
    async with BlobClient.from_blob_url("https://storage.example/uploads/file") as blob:
        writer = BlobWriter(
            blob, opened, in_container=lambda call: call(), block_bytes=MIB, in_flight=asyncio.Semaphore(1)
        )
        tracemalloc.start()
        try:
            for number in range(60_000):
                await writer.write(number.to_bytes(2, "big"))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert held < 1.2 * 120_000
