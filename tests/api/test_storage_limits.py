"""Each operation answers within its limit, whichever part of storage is away, and waits for nothing that is optional.

The limits are those of ``docs/operate.md``. Where tables or blobs are away, the service waits a fifth of its time-outs
for them (``tests.support.impatient``).
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.azurite import azurite
from shared.core.optional import OPTIONAL_SECONDS
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource, http_client
from tests.support.gates import Gate, Gates, gated
from tests.support.impatient import SHARE
from tests.support.invariants import Storage
from tests.support.service import OWN_PROGRAM, running_service

pytestmark = [pytest.mark.waits, pytest.mark.own_host("with time-outs that tests shorten")]

STATES = ("stuck", "shut", "403", "503", "slow")
QUICK = {("queue", "stuck", "start"), ("queue", "403", "start"), ("queue", "503", "later"), ("blobs", "stuck", "later")}

# What an answer may take while storage is away; the rest is for a busy machine and the operation's other calls.
LIMIT_SECONDS = 25 * SHARE
_BUSY_SECONDS = 10

# Without them, an operation has all that it needs.
_NEEDS_BLOBS = {"upload", "value", "delete", "health"}
_NEEDS_NO_TABLES = {"config"}


@dataclass(frozen=True, slots=True)
class World:
    """Storage behind gates, and a service on the storage itself, which prepares."""

    gates: Gates
    storage: Storage
    preparing: httpx.Client

    def gate(self, which: str) -> Gate:
        return {"queue": self.gates.queue, "tables": self.gates.tables, "blobs": self.gates.blobs}[which]


SETTINGS: dict[str, str | int] = {"forward_url": "http://127.0.0.1:9/v1.0", "forward_scope": "none"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        closing(Storage(account.connection_string)) as storage,
        gated(account.connection_string) as gates,
        running_service(account.connection_string, **SETTINGS) as preparing,
        http_client(preparing) as http,
    ):
        yield World(gates, storage, http)


Operations = dict[str, tuple[Callable[[], httpx.Response], int]]


def prepared(world: World, http: httpx.Client) -> Operations:
    """Each operation, ready to be sent with ``http``, and the status of its answer."""
    before = Resource(world.preparing)
    resource = Resource(http, before.paths, before.catalog_id, before.resource_id)

    def active(*names: str) -> tuple[str, list[str]]:
        session = before.new_session()
        return session.id, [session.uploaded(name)["id"] for name in names]

    one, (file,) = active("a.csv")
    two, (gone,) = active("b.csv")
    done, _ = active("c.csv")
    three, four = active()[0], active("g.csv")[0]
    ended, _ = active("d.csv")
    before.session(ended).completed()
    before.session(two).upload("bad.csv", faulty_access_file(2))
    refusal = before.session(two).refusals().json()["value"][0]["id"]
    named = f"/v1.0/uploads/resources/{before.catalog_id}/{before.resource_id}"
    grant = f"/v1.0/uploads/grants/catalogs/{before.catalog_id}/principals/{uuid4()}"
    scope = f"catalogId eq '{before.catalog_id}' and resourceId eq '{before.resource_id}'"
    session, complete = resource.session(one), resource.session(ended)
    expanded = {"$expand": "files"}
    return {
        "config": (lambda: http.get("/uploads/config"), 200),
        "health": (lambda: http.get("/uploads/health"), 200),
        "create": (resource.create, 201),
        "list": (resource.sessions, 200),
        "get": (session.get, 200),
        "get with files": (lambda: http.get(session.path, params=expanded), 200),
        "get with deliveries": (complete.get, 200),
        "upload": (lambda: resource.session(three).upload("e.csv", access_file(3)), 200),
        "refuse": (lambda: session.upload("f.csv", faulty_access_file(2)), 400),
        "files": (lambda: http.get(f"{session.path}/files"), 200),
        "file": (lambda: session.file(file), 200),
        "value": (lambda: session.value(file), 200),
        "delete a file": (lambda: resource.session(two).delete_file(gone), 204),
        "refusals": (resource.session(two).refusals, 200),
        "withdraw": (lambda: resource.session(two).withdraw(refusal), 204),
        "complete": (resource.session(done).complete, 200),
        "complete again": (complete.complete, 200),
        "delete": (resource.session(four).delete, 204),
        "redeliver": (lambda: http.post(f"{complete.path}/redeliver", json={"target": "graph"}), 202),
        "name": (lambda: http.put(named, json={"displayName": "Doors"}), 200),
        "resources": (lambda: http.get("/v1.0/uploads/resources"), 200),
        "grant": (lambda: http.put(grant, json={"role": "owner"}), 200),
        "audit": (lambda: http.get("/v1.0/uploads/audit", params={"$filter": scope}), 200),
    }


def cases() -> list[object]:
    found: list[object] = []
    for which in ("queue", "tables", "blobs"):
        for state in STATES:
            for when in ("start", "later"):
                marks = () if (which, state, when) in QUICK else pytest.mark.slow("of outages of a part of storage")
                found.append(pytest.param(which, state, when, marks=marks, id=f"{which}-{state}-{when}"))
    return found


@pytest.mark.parametrize(("which", "state", "when"), cases())
def test_each_operation_answers_within_its_limit(
    world: World, tmp_path: Path, which: str, state: str, when: str
) -> None:
    # Not among the other logs, since the host tells of each function that fails.
    log = tmp_path / "log"
    program = OWN_PROGRAM if which == "queue" else ("tests.support.impatient",)
    try:
        if when == "start":
            world.gate(which).set(state)
        with (
            running_service(world.gates.connection_string, log, (), program, **SETTINGS) as url,
            http_client(url) as http,
            ThreadPoolExecutor(4) as callers,
        ):
            if when == "later":
                list(callers.map(timed, prepared(world, http).values()))
            operations = prepared(world, http)
            world.gate(which).set(state)
            told = dict(zip(operations, callers.map(timed, operations.values()), strict=True))
            ticked, _ = timed((lambda: fire(url), 202))
    finally:
        world.gates.open()
    away = which != "queue" and state != "slow"
    for name, (answer, seconds) in told.items():
        needs = name in _NEEDS_BLOBS if which == "blobs" else name not in _NEEDS_NO_TABLES
        expected = 503 if away and needs else operations[name][1]
        assert answer.status_code == expected, (name, answer.text)
        limit = OPTIONAL_SECONDS if which == "queue" else LIMIT_SECONDS
        assert seconds < limit + _BUSY_SECONDS, (name, seconds)
    if which == "queue":
        assert ticked.status_code in (200, 202), ticked.text
    print({name: round(seconds, 1) for name, (_, seconds) in sorted(told.items(), key=lambda each: each[1][1])})


def timed(operation: tuple[Callable[[], httpx.Response], int]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = operation[0]()
    return answer, time.monotonic() - began


def fire(url: str) -> httpx.Response:
    """Fire the timer, and wait until it has run."""
    return httpx.post(f"{url}/admin/functions/expire_sessions", params={"wait": "1"}, json={"input": ""}, timeout=60)
