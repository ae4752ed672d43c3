"""Memory while a large file is forwarded: ``python -m tests.slow.forward_memory STORAGE UPSTREAM [--mib N]``.

The file is put into storage, and then forwarded to another instance of the service by this process, once cut in the
middle and once whole. Prints how much memory the forwarding took above what the process had before.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx

from shared.core import ids
from shared.domain.etags import Conditions
from shared.domain.sessions import SessionKey, StoredFile
from shared.services.uploads.storing import FileUpload
from tests.deliveries.here import Here, running_here
from tests.deliveries.http_faults import HttpFault, HttpPlan
from tests.support.access_files import access_file

MIB = 2**20
_PAGES = Path("/proc/self/statm")


def resident() -> int:
    """The memory of this process, in bytes."""
    return int(_PAGES.read_text().split()[1]) * 4096


@asynccontextmanager
async def peak() -> AsyncIterator[list[int]]:
    """The most memory while the block runs, above that at its start, as the only item."""
    before = resident()
    most = [0]

    async def look() -> None:
        while True:
            most[0] = max(most[0], resident() - before)
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        looking.cancel()


async def store(here: Here, key: SessionKey, mib: int) -> StoredFile:
    """A file of that size in the session, whose rows are those of one mebibyte again and again."""
    header, _, rows = access_file(MIB // 90).partition(b"\r\n")
    new_file = FileUpload(here.context, key, Conditions())
    digest, size = sha256(), 0
    for piece in [header + b"\r\n", *[rows] * (mib * MIB // len(rows))]:
        await new_file.writer.write(piece)
        digest.update(piece)
        size += len(piece)
    file = StoredFile(new_file.file_id, "large.csv", size, digest.hexdigest(), size // 90, "graph", 0, ids.utc_now())
    await new_file.add(file, await new_file.put_blob(file))
    return file


async def measure(storage: str, upstream: str, mib: int) -> int:
    """The exit code."""
    async with running_here(storage, forward_url=f"{upstream}/v1.0") as here:
        key = await here.active({"small.csv": access_file()})
        file = await store(here, key, mib)
        await here.complete(key)
        here.http.plan = HttpPlan(HttpFault.CUT, 1)
        async with peak() as cut:
            await here.handle_due()
        state = await here.state(key)
        here.http.plan = None
        began, used = time.monotonic(), time.process_time()
        async with peak() as whole:
            await here.settle()
        seconds, used = time.monotonic() - began, time.process_time() - used
        print(f"cut: {state}, {cut[0] / MIB:.1f} MiB")
        print(f"{file.size / MIB:.0f} MiB: {await here.state(key)}, {whole[0] / MIB:.1f} MiB above idle")
        print(f"{file.size / MIB / seconds:.1f} MiB/s, {used:.1f} s of this process")
        delivered = await here.state(key) == "delivered"
    path = f"{key.resource.catalog_id}/resources/{key.resource.resource_id}/uploadSessions?$expand=files"
    async with httpx.AsyncClient(base_url=upstream, timeout=60) as http:
        answer = await http.get(f"/v1.0/identityGovernance/entitlementManagement/catalogs/{path}")
    (session,) = answer.json()["value"]
    found = {each["name"]: each["@uploads.sha256"] for each in session["files"]}
    equal = session["status"] == "complete" and found["large.csv"] == file.sha256 and len(found) == 2
    return 0 if delivered and equal and state == "pending" and max(cut[0], whole[0]) < 48 * MIB else 1


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="tests.slow.forward_memory", description="Memory of a forwarding.")
    parser.add_argument("storage", help="connection string")
    parser.add_argument("upstream", help="base URL of another instance")
    parser.add_argument("--mib", type=int, default=1000)
    arguments = parser.parse_args()
    return asyncio.run(measure(arguments.storage, arguments.upstream, arguments.mib))


if __name__ == "__main__":
    sys.exit(main())
