"""Uploads while the service is killed: ``python -m tests.slow.killing_run [--uploads N] [--kills N] [--instances N]``.

Eight clients upload into shared sessions, delete some of the files, withdraw refusals, and repeat each request until it
is acknowledged. Meanwhile the service is ended by SIGKILL at random and started again, and its timer fires every
second. At the end every acknowledged file has to be there once, as it was sent, and after a sweep nothing else.
"""

import argparse
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx

from local.azurite import azurite
from local.service import START_SECONDS, Process
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import DATA_TYPE, SESSION_TYPE, Json
from tests.support.forks import start_fork
from tests.support.instances import Balancer
from tests.support.invariants import Storage
from tests.support.service import ONE_CALLER

CLIENTS = 8
UPLOADS_A_SESSION = 10

SWEEP_SECONDS = 60


class Mortal:
    """An instance of the service on a fixed port, killed and started again; ``program`` serves as ``local`` does."""

    def __init__(self, storage: str, program: Sequence[str] = ("local",)) -> None:
        self.program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._env = (
            os.environ
            | ONE_CALLER
            | {
                "UPLOADS_STORAGE": storage,
                "UPLOADS_AUTH": "none",
                "UPLOADS_PUBLIC_URL": self.url,
                "UPLOADS_EXPIRY_SCHEDULE": "* * * * * *",
                "UPLOADS_BLOCK_BYTES": "65536",
            }
        )
        self._process: Process | None = None

    def let_uploads_be_past(self) -> None:
        """From the next start on, no upload that was cut off counts as one that may still be running."""
        self._env |= {"UPLOADS_MAX_UPLOAD_SECONDS": "1"}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(os.devnull, "w") as log:
            self._process = start_fork([*self.program, "--port", str(self._port)], self._env, log)
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        while not self._process.stdout.readline().startswith("ready"):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("the service did not get ready")

    def end(self, number: signal.Signals) -> None:
        """End it, by a signal."""
        assert self._process is not None
        assert self._process.stdout is not None
        os.kill(self._process.pid, number)
        with self._process.stdout:
            self._process.stdout.read()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.end(signal.SIGTERM)


class Client:
    """Repeats each request until it is acknowledged, as a pipeline would."""

    def __init__(self, url: str, deadline: float) -> None:
        self._http = httpx.Client(base_url=f"{url}/v1.0/identityGovernance/entitlementManagement", timeout=30)
        self._deadline = deadline
        self.repeated = 0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, path: str, **request: object) -> httpx.Response:
        """The first answer that is neither a broken connection nor 503."""
        while time.monotonic() < self._deadline:
            try:
                answer = self._http.request(method, path, **request)  # type: ignore[arg-type]
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError:
                time.sleep(0.02)
            self.repeated += 1
        raise TimeoutError(f"{method} {path} was never acknowledged")

    def create(self, collection: str) -> str:
        """The id of a new session. A client that lost the answer gets it with the refusal of a second create."""
        data = {"@odata.type": DATA_TYPE, "reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
        answer = self.ask("POST", collection, json={"@odata.type": SESSION_TYPE, "data": data})
        assert answer.status_code in (201, 409), answer.text
        body = answer.json()
        return str(body["id"] if answer.status_code == 201 else body["error"]["innerError"]["uploadSessionId"])

    def upload_and_delete(self, session: str, name: str) -> None:
        """A file that was uploaded by mistake. A client that lost the answer of its deletion gets 404."""
        answer = self.ask("POST", f"{session}/uploadFile", files={"file": (name, access_file(200), "text/csv")})
        assert answer.status_code == 200, answer.text
        (file,) = [file["id"] for file in answer.json()["files"] if file["name"] == name]
        answer = self.ask("DELETE", f"{session}/files/{file}")
        assert answer.status_code in (204, 404), answer.text

    def be_refused_and_withdraw(self, session: str, name: str) -> None:
        """An invalid file that will not be replaced. A client that lost the answer of its withdrawal gets 404."""
        form = {"file": (name, faulty_access_file(3), "text/csv")}
        answer = self.ask("POST", f"{session}/uploadFile", files=form)
        assert answer.status_code == 400, answer.text
        refusals = self.ask("GET", f"{session}/refusals").json()["value"]
        (refusal,) = [refusal["id"] for refusal in refusals if refusal["name"] == name]
        answer = self.ask("DELETE", f"{session}/refusals/{refusal}")
        assert answer.status_code in (204, 404), answer.text


def run(uploads: int, kills: int, seed: int, instances: int = 1) -> int:
    """The whole run; gives the number of violations. One instance at a time is killed."""
    dice = random.Random(seed)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        azurite(Path(folder)) as account,
        closing(Storage(account.connection_string)) as storage,
        ExitStack() as running,
    ):
        services = [Mortal(account.connection_string) for _ in range(instances)]
        for service in services:
            service.start()
        balancer = running.enter_context(closing(Balancer()))
        balancer.backends = [service.url for service in services]
        deadline = began + 60 + uploads + 5 * kills
        done = threading.Event()
        killed = threading.Thread(target=lambda: kill_them(services, kills, dice, done))
        killed.start()
        catalog, resource = str(uuid4()), str(uuid4())
        collection = f"catalogs/{catalog}/resources/{resource}/uploadSessions"
        sent: dict[str, dict[str, bytes]] = {}
        clients = [Client(balancer.url, deadline) for _ in range(CLIENTS)]

        def upload(number: int) -> None:
            client = clients[number % CLIENTS]
            session, name = sessions[number // UPLOADS_A_SESSION], f"{number}.csv"
            content = sent[session][name]
            form = {"file": (name, content, "text/csv")}
            answer = client.ask("POST", f"{collection}/{session}/uploadFile", files=form)
            assert answer.status_code == 200, answer.text
            if number % 3 == 0:
                client.upload_and_delete(f"{collection}/{session}", f"deleted-{number}.csv")
            if number % 3 == 1:
                client.be_refused_and_withdraw(f"{collection}/{session}", f"refused-{number}.csv")

        sessions = [clients[0].create(collection) for _ in range(-(-uploads // UPLOADS_A_SESSION))]
        for number in range(uploads):
            rows = dice.choice([3, 200, 2500])
            sent.setdefault(sessions[number // UPLOADS_A_SESSION], {})[f"{number}.csv"] = access_file(rows)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(upload, range(uploads)))
        done.set()
        killed.join()
        print(
            f"{uploads} uploads acknowledged, {kills} kills, {sum(client.repeated for client in clients)} repetitions"
        )
        found = compare(clients[0], collection, sent)
        found += storage.broken(catalog, resource)
        for session in sessions:
            answer = clients[0].ask("PATCH", f"{collection}/{session}", json={"isUploadDone": True})
            assert answer.status_code == 200, answer.text
        for service in services:
            service.end(signal.SIGTERM)
        make_due(storage)
        for service in services:
            service.let_uploads_be_past()
            service.start()
        swept = time.monotonic() + SWEEP_SECONDS
        while (left := unswept(storage, catalog, resource)) and time.monotonic() < swept:
            time.sleep(1)
        found += left
        found += compare(clients[0], collection, sent)
        for service in services:
            service.end(signal.SIGTERM)
        for client in clients:
            client.close()
    print(*found, sep="\n")
    print(f"{len(found)} violations, {time.monotonic() - began:.0f} s")
    return len(found)


def kill_them(services: Sequence[Mortal], kills: int, dice: random.Random, done: threading.Event) -> None:
    """Kill an instance and start it again, so often. The clients may finish before that."""
    for _ in range(kills):
        time.sleep(dice.uniform(0.05, 1.0))
        service = dice.choice(services)
        service.end(signal.SIGKILL)
        service.start()
    done.wait()


def unswept(storage: Storage, catalog: str, resource: str) -> list[str]:
    """What is left over. An index row whose session never came is kept for five minutes, in which it might."""
    return [told for told in storage.broken(catalog, resource, swept=True) if not told.startswith("9")]


def make_due(storage: Storage) -> None:
    """Let the timer look at every session now, as if the time had come."""
    now = datetime.now(UTC)
    # The table also has the note of the timer's settings, which belongs to no session.
    for row in list(storage.expiry.query_entities("CatalogId ne ''")):
        session = row["RowKey"].split(":")[1]
        due = {"PartitionKey": f"{now:%Y%m%d%H}-0", "RowKey": f"{now:%Y%m%d%H%M%S}000:{session}", "Due": now}
        storage.expiry.upsert_entity(dict(row) | due)
        storage.expiry.delete_entity(row)


def compare(client: Client, collection: str, sent: dict[str, dict[str, bytes]]) -> list[str]:
    """What the service says of each session, against what was acknowledged."""
    found: list[str] = []
    for session, files in sent.items():
        told: Json = client.ask("GET", f"{collection}/{session}?$expand=files").json()
        names = Counter(file["name"] for file in told["files"])
        if names != Counter(list(files)):
            found.append(f"session {session} has {sorted(names)}, acknowledged were {sorted(files)}")
        total = sum(map(len, files.values()))
        if told["stats"] != {"filesUploaded": len(files), "totalBytesUploaded": total}:
            found.append(f"session {session} says {told['stats']}, acknowledged were {len(files)} files, {total} bytes")
        for file in told["files"]:
            content = client.ask("GET", f"{collection}/{session}/files/{file['id']}/$value").content
            if sha256(content).digest() != sha256(files[file["name"]]).digest():
                found.append(f"file {file['name']} of session {session} is not what was sent")
    return found


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="tests.slow.killing_run", description="Uploads while the service is killed.")
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--instances", type=int, default=1)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return 1 if run(arguments.uploads, arguments.kills, arguments.seed, arguments.instances) else 0


if __name__ == "__main__":
    sys.exit(main())
