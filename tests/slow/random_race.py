"""Random requests to two instances at once: ``python -m tests.slow.random_race [--rounds N] [--kills N] [--seed N]``.

Each storage call is late by 0 to 250 ms, some answers of storage are lost, and one instance after the other is killed
and started again. A round is a session into which files are uploaded, replaced and refused while it is read, completed
or deleted. What the answers said has to hold at the end, together with the invariants, before and after a sweep.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from local.azurite import azurite
from tests.slow.killing_run import Mortal, kill_them
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Json, create_body
from tests.support.clocked import Clock
from tests.support.invariants import Storage

LATE_SECONDS = 0.25
ANSWERS_LOST = 0.01
ROUNDS_AT_ONCE = 24
MOVES = 4
PATIENCE = 200
SWEEP_SECONDS = 60
PAST_THE_GRACE = timedelta(days=3)

# The requests of a round begin within this time.
_SPREAD_SECONDS = 0.6


@dataclass(slots=True)
class Round:
    """One session, and what its clients were told."""

    clients: Sequence[httpx.AsyncClient]
    dice: random.Random
    catalog: str = field(default_factory=lambda: str(uuid4()))
    resource: str = field(default_factory=lambda: str(uuid4()))
    session: str = ""
    accepted: set[str] = field(default_factory=set)
    """The ids of files that were acknowledged and that nobody deletes."""
    sealed: Json | None = None
    deleted: bool = False
    found: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What was said of uploads that were not accepted."""

    @property
    def collection(self) -> str:
        """The path of the sessions."""
        resource = f"catalogs/{self.catalog}/resources/{self.resource}"
        return f"/v1.0/identityGovernance/entitlementManagement/{resource}/uploadSessions"

    @property
    def path(self) -> str:
        """The path of the session."""
        return f"{self.collection}/{self.session}"

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """The answer of either instance; ``None`` if it was killed, storage has failed, or it has too much to do."""
        try:
            answer = await self.dice.choice(self.clients).request(method, path, **request)
        except httpx.TransportError:
            return None
        if answer.status_code in (429, 503):
            return None
        if answer.status_code >= 500:
            self.found.append(f"session {self.session}: {method} {answer.status_code} {answer.text}")
        return answer

    async def until_answered(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The first answer."""
        for _ in range(PATIENCE):
            answer = await self.ask(method, path, **request)
            if answer is not None:
                return answer
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{method} {path} was never acknowledged")

    async def put(self, name: str, content: bytes) -> str | None:
        """Upload a file; its id if it was accepted."""
        answer = await self.until_answered(
            "POST", f"{self.path}/uploadFile", files={"file": (name, content, "text/csv")}
        )
        if answer.status_code != 200:
            self.told.append(f"{name}: {answer.status_code} {answer.text[:400]}")
            return None
        self.compare(answer.json())
        return next((file["id"] for file in answer.json()["files"] if file["name"] == name), None)

    def compare(self, session: Json) -> None:
        """Check that a session and its files, as an answer has them, are of one moment."""
        shown = {
            "filesUploaded": len(session["files"]),
            "totalBytesUploaded": sum(file["size"] for file in session["files"]),
        }
        if session["stats"] != shown:
            self.found.append(f"session {session['id']} says {session['stats']} and shows {shown}")

    # Moves

    async def complete(self) -> None:
        """Complete it, whatever was refused."""
        answer = await self.ask("PATCH", self.path, json={"isUploadDone": True}, headers={"Prefer": "allow-incomplete"})
        if answer is not None and answer.status_code == 200:
            self.sealed = answer.json()

    async def delete(self) -> None:
        """Delete it."""
        answer = await self.ask("DELETE", self.path)
        # A client without an answer does not know.
        self.deleted = self.deleted or answer is None or answer.status_code == 204

    async def accept(self) -> None:
        """Upload one more file."""
        added = await self.put("c.csv", access_file(self.dice.randint(1, 9)))
        self.accepted |= {added} - {None}  # type: ignore[arg-type]

    async def refuse(self) -> None:
        """Upload an invalid file, under the name of a valid one."""
        await self.ask("POST", f"{self.path}/uploadFile", files={"file": ("c.csv", faulty_access_file(3), "text/csv")})

    async def read(self) -> None:
        """Read it with its files."""
        answer = await self.ask("GET", f"{self.path}?$expand=files")
        if answer is not None and answer.status_code == 200:
            self.compare(answer.json())

    async def list(self) -> None:
        """List it with its files."""
        answer = await self.ask("GET", f"{self.collection}?$expand=files")
        for session in answer.json()["value"] if answer is not None and answer.status_code == 200 else ():
            self.compare(session)

    def replace(self, file_id: str, name: str) -> Callable[[], Awaitable[None]]:
        """Replace a file by one of that name."""

        async def move() -> None:
            if await self.ask("DELETE", f"{self.path}/files/{file_id}") is not None:
                added = await self.put(name, access_file(self.dice.randint(10, 19)))
                self.accepted |= {added} - {None}  # type: ignore[arg-type]

        return move

    async def play(self) -> None:
        """The whole round."""
        created = await self.until_answered("POST", self.collection, json=create_body())
        # A client that lost the answer gets the id with the refusal of a second session.
        body = created.json()
        self.session = body["id"] if created.status_code == 201 else body["error"]["innerError"]["uploadSessionId"]
        first, second = [await self.put(name, access_file(rows)) for name, rows in (("a.csv", 30), ("b.csv", 40))]
        assert first is not None, self.told
        assert second is not None, self.told
        replace = self.replace(first, "a.csv"), self.replace(second, "c.csv")
        others = [*replace, self.complete, self.accept, self.refuse, self.refuse, self.read, self.list, self.list]
        # One round in eight is deleted.
        others += [self.delete] if self.dice.random() < 1 / 8 else []
        moves = [self.dice.choice(replace), *self.dice.sample(others, MOVES)]

        async def begin(move: Callable[[], Awaitable[None]]) -> None:
            await asyncio.sleep(self.dice.uniform(0, _SPREAD_SECONDS))
            await move()

        await asyncio.gather(*map(begin, moves))
        await self.end()

    async def end(self) -> None:
        """Compare what was acknowledged with what is there."""
        answer = await self.until_answered("GET", f"{self.path}?$expand=files")
        if answer.status_code != 200:
            if not (self.deleted and answer.status_code == 404):
                self.found.append(f"session {self.session} is {answer.status_code}: {answer.text}")
            return
        session = answer.json()
        self.compare(session)
        if missing := self.accepted - {file["id"] for file in session["files"]}:
            self.found.append(f"session {self.session} lacks {len(missing)} acknowledged files")
        if self.sealed is not None and session["stats"] != self.sealed["stats"]:
            self.found.append(f"session {self.session} was completed with {self.sealed['stats']}: {session['stats']}")


async def play_all(urls: Sequence[str], rounds: int, seed: int) -> list[Round]:
    """Many rounds at once."""
    at_once = asyncio.Semaphore(ROUNDS_AT_ONCE)
    limits = httpx.Limits(max_connections=None)
    clients = [httpx.AsyncClient(base_url=url, timeout=60, limits=limits) for url in urls]

    async def play(number: int) -> Round:
        async with at_once:
            played = Round(clients, random.Random(seed * 10_000 + number))
            await played.play()
            return played

    try:
        return await asyncio.gather(*map(play, range(rounds)))
    finally:
        for client in clients:
            await client.aclose()


def run(rounds: int, kills: int, seed: int) -> list[str]:
    """The whole run; gives what was violated."""
    dice, began = random.Random(seed), time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        azurite(Path(folder)) as account,
        closing(Storage(account.connection_string)) as storage,
        ExitStack() as running,
    ):
        clock = Clock(Path(folder) / "seconds")
        module, *arguments = clock.program
        late = ("tests.support.late", str(LATE_SECONDS), str(ANSWERS_LOST), *arguments)
        services = [Mortal(account.connection_string, late) for _ in range(2)]
        for service in services:
            running.callback(service.close)
            service.start()
        done = threading.Event()
        killed = threading.Thread(target=lambda: kill_them(services, kills, dice, done))
        killed.start()
        try:
            played = asyncio.run(play_all([service.url for service in services], rounds, seed))
        finally:
            done.set()
            killed.join()
        found = [each for one in played for each in one.found]
        for one in played:
            found += storage.broken(one.catalog, one.resource)
        # The sweep is on time.
        clock.move(PAST_THE_GRACE.total_seconds())
        for service in services:
            service.end(signal.SIGTERM)
            service.program = (module, *arguments)
            service.start()
        deadline = time.monotonic() + SWEEP_SECONDS

        def unswept() -> list[str]:
            return [told for one in played for told in storage.broken(one.catalog, one.resource, swept=True)]

        while (left := unswept()) and time.monotonic() < deadline:
            time.sleep(1)
    print(f"{rounds} rounds, {kills} kills, {len(found + left)} violations, {time.monotonic() - began:.0f} s")
    return found + left


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="tests.slow.random_race", description="Random requests to two instances.")
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    found = run(arguments.rounds, arguments.kills, arguments.seed)
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
