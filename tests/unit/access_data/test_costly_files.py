"""Files that are made to cost more than others of their size: neither the memory nor the event loop is theirs."""

import asyncio
import tracemalloc

import pytest
from azure.storage.blob.aio import BlobClient

from shared.access_data.validator import Validator
from shared.storage.blobs import BlobWriter

HEADER = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\n"
MIB = 2**20

# Bytes of memory for each row while rows that came before are looked for.
BYTES_A_ROW = 80

# Cells that are taken apart before others get their turn: about a millisecond's work, a record more or less.
CELLS_A_STEP = 400 + 1000


def test_repeated_rows_are_found_in_bounded_memory() -> None:
    """Half a million rows that all came before would cost 90 MB, and most of a second in one piece, one by one."""
    count = 200_000
    rows = [b"a%d@contoso.com,user,p,P,,\n" % (number // 2) for number in range(count)]
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
    assert [warning.message.split()[-1] for warning in report.warnings] == [f"{line}." for line in range(2, 2002, 2)]
    assert peak < MIB + BYTES_A_ROW * count


@pytest.mark.parametrize("cells", [1, 2, 6, 200, 1000])
def test_others_get_their_turn_however_many_cells_a_row_has(cells: int) -> None:
    validator = Validator(principal_types={"user"})
    records = 60_000 // cells
    turns = sum(1 for _ in validator.feeding(HEADER + (b"," * (cells - 1) + b"x\n") * records))
    turns += sum(1 for _ in validator.finishing())

    assert validator.finding_count >= records
    assert turns >= 60_000 // CELLS_A_STEP


async def test_a_file_that_comes_in_two_bytes_at_a_time_takes_no_more_memory_than_any_other() -> None:
    """Nothing is sent, since the block is not full."""
    opened = asyncio.get_running_loop().create_future()
    async with BlobClient.from_blob_url("https://storage.example/uploads/file") as blob:
        writer = BlobWriter(blob, opened, block_bytes=MIB, blocks_in_flight=1)
        tracemalloc.start()
        try:
            for number in range(60_000):
                await writer.write(number.to_bytes(2, "big"))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert held < 1.2 * 120_000
