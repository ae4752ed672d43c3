"""Makes the rows of a file that turned out late not to be plain CSV: it is read again from storage.

Which encoding, separator and columns a file has is known with its header, and its rows are made while it is received.
That it has blanks beside quotes, or other line ends further down, may be known at its end only.
"""

import asyncio

from shared.access_data.findings import MadeRows
from shared.core.settings import Settings
from shared.domain.sessions import StoredFile, StoredRows
from shared.services.uploads.storing import FileUpload


async def make_rows(upload: FileUpload, file: StoredFile, made: MadeRows, config: Settings) -> StoredRows | None:
    """Make and write the rows of a valid file whose blob was put.

    Raises:
        AzureError: storage failed.
    """
    from shared.access_data.steps.making import Writes  # noqa: PLC0415  # as in receiving
    from shared.access_data.validator import Validator  # noqa: PLC0415

    steps = (await upload.steps())._replace(writes=Writes.ALWAYS)
    validator = Validator(principal_types=config.principal_types, steps=steps)
    async for block in await upload.read(file.size):
        for _ in validator.feeding(block):
            await asyncio.sleep(0)
        await upload.writer.write_rows(validator.take_rows())
    for _ in validator.finishing():
        await asyncio.sleep(0)
    await upload.writer.write_rows(validator.take_rows())
    await upload.writer.commit()
    return await upload.writer.settle_rows(made, upload.directory)
