"""The drill: a service under load, a copy, everything lost, restored into an empty account, what was lost listed."""

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from azure.data.tables import EdmType, EntityProperty
from azure.data.tables.aio import TableClient

from backup import copying
from backup.folder import Folder, Row, line
from local.azurite import azurite
from local.service import ROOT
from shared.core.settings import Settings
from shared.storage.azure.connections import Names
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource, Session, http_client
from tests.support.invariants import Storage
from tests.support.service import fire_timer, running_service

pytestmark = pytest.mark.own_host("with storage that is lost")

RESOURCES = 4
PEOPLE = f"id,mail\r\n{uuid4()},ana@contoso.com\r\n".encode()
ACCOUNTS = f"account,principalId\r\nANA01,{uuid4()}\r\n".encode()


def run(command: str, folder: Path, storage: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """``dev.py backup`` or ``dev.py restore``, as it runs once all is installed."""
    return subprocess.run(
        [sys.executable, "-m", "backup", command, str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"UPLOADS_STORAGE": storage},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def storage_names(storage: Storage, prefix: str) -> list[str]:
    return list(storage.uploads.list_blob_names(name_starts_with=prefix))


def settings_of(storage: str) -> Settings:
    return Settings().model_copy(update={"storage": storage})


def check(storage: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "check"],
        cwd=ROOT,
        env=os.environ | {"UPLOADS_STORAGE": storage},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@dataclass(frozen=True)
class Done:
    """A change that the service has acknowledged, at a time by this machine's clock: what must be there since then."""

    at: datetime
    resource: Resource
    session: str
    file: str = ""
    content: bytes = b""


@dataclass
class Load:
    """Clients that create sessions, upload, replace, delete and complete until they are told to stop."""

    resources: list[Resource]
    stopping: Event = field(default_factory=Event)
    done: list[Done] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def begin(self) -> None:
        """A session in each resource, so that each backup has them all, with a file that has rows of its own."""
        for resource in self.resources:
            session, content = resource.new_session(), access_file(3).replace(b",", b";")
            self._note(resource, session)
            self._note(resource, session, session.uploaded("semicolons.csv", content)["id"], content)

    def work(self, seed: int) -> None:
        choice = random.Random(seed)
        while not self.stopping.is_set():
            self.stopping.wait(1)
            resource = choice.choice(self.resources)
            session = resource.new_session()
            self._note(resource, session)
            for number in range(choice.randint(1, 3)):
                content = access_file(choice.randint(1, 40))
                file = session.uploaded(f"{number}.csv", content)
                self._note(resource, session, file["id"], content)
            match choice.randint(0, 4):
                case 0:
                    session.delete()
                    self.gone.add(session.id)
                case 1:
                    session.upload("bad.csv", faulty_access_file(2))
                case 2:
                    (*_, last) = session.read({"$expand": "files"})["files"]
                    self.gone.add(last["id"])
                    session.delete_file(last["id"])
                case _:
                    session.completed()

    def _note(self, resource: Resource, session: Session, file: str = "", content: bytes = b"") -> None:
        with self.lock:
            self.done.append(Done(datetime.now(UTC), resource, session.id, file, content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup") / "copy"


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Load:
    """What was done before, during and after the backup, in an account that is lost by now."""
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        running_service(account.connection_string) as url,
        http_client(url) as http,
        ThreadPoolExecutor(3) as workers,
    ):
        resources = [Resource(http) for _ in range(RESOURCES)]
        for resource in resources:
            path = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
            assert http.put(path, json={"displayName": "Doors"}).status_code in (200, 201)
            accounts = f"{path}/accounts"
            assert http.put(accounts, content=ACCOUNTS, headers={"Content-Type": "text/csv"}).status_code in (200, 201)
            grant = f"/v1.0/uploads/grants/catalogs/{resource.catalog_id}/principals/{uuid4()}"
            assert http.put(grant, json={"role": "owner"}).status_code in (200, 201)
        people = http.put("/v1.0/uploads/directory", content=PEOPLE, headers={"Content-Type": "text/csv"})
        assert people.status_code in (200, 201), people.text
        with closing(Storage(account.connection_string)) as storage:
            # An upload of another directory, which does not go on in the copy.
            storage.account.grants.upsert_entity({"PartitionKey": "directory", "RowKey": f"begun:{uuid4()}"})
        load = Load(resources)
        load.begin()
        working = [workers.submit(load.work, seed) for seed in range(3)]
        try:
            first = run("backup", folder, account.connection_string)
            load.stopping.wait(3)
            second = asyncio.run(copying.back_up(settings_of(account.connection_string), Folder(folder), print))
        finally:
            load.stopping.set()
        for each in working:
            each.result()
        assert first.returncode == 0, first.stderr
        assert "It has every change before" in first.stdout
        assert 0 < second.new_blobs < second.blobs, "the second one copies only what is new"
        assert second.missing == []
    return load


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory, load: Load, folder: Path) -> Iterator[Storage]:
    """The account that the backup was written to."""
    with azurite(tmp_path_factory.mktemp("azurite")) as account:
        done = run("restore", folder, account.connection_string)
        assert done.returncode == 0, done.stderr
        for resource in load.resources:
            assert f"{resource.catalog_id}/{resource.resource_id}" in done.stdout, (
                "it says since when changes are missing"
            )
        with closing(Storage(account.connection_string)) as storage:
            yield storage


def test_the_check_finds_nothing_in_the_restored_account(restored: Storage) -> None:
    done = check(restored.connection_string)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no violations" in done.stdout


def test_what_was_acknowledged_before_the_backup_is_there_byte_by_byte(
    restored: Storage, load: Load, folder: Path
) -> None:
    as_of = {key: datetime.fromisoformat(moment) for key, moment in Folder(folder).about()["asOf"].items()}
    with running_service(restored.connection_string) as url, http_client(url) as http:
        kept = lost = 0
        for done in load.done:
            if done.session in load.gone or done.file in load.gone:
                continue
            resource = Resource(http, done.resource.paths, done.resource.catalog_id, done.resource.resource_id)
            session = resource.session(done.session)
            answer = session.value(done.file) if done.file else session.get()
            if answer.status_code == 404:
                lost += 1
                assert done.at > as_of[f"{resource.catalog_id}_{resource.resource_id}"], "listed as lost"
                continue
            kept += 1
            assert answer.status_code == 200, answer.text
            if done.file:
                assert sha256(answer.content).digest() == sha256(done.content).digest()
        assert kept > 10
        assert lost > 0, "the load went on after the backup"
        names = http.get("/v1.0/uploads/resources").json()["value"]
        assert {each["resourceId"] for each in names} == {each.resource_id for each in load.resources}

        directory = http.get("/v1.0/uploads/directory").json()
        assert directory["sha256"] == sha256(PEOPLE).hexdigest()
        assert storage_names(restored, "directory/"), "with its index"

        # The index rows are due at once: the timer visits every session and finds nothing to complain about.
        fire_timer(url)
    done_check = check(restored.connection_string)
    assert done_check.returncode == 0, done_check.stdout


def test_a_session_that_goes_on_after_the_restoration_can_be_completed(restored: Storage, load: Load) -> None:
    with running_service(restored.connection_string) as url, http_client(url) as http:
        resource = Resource(http, load.resources[0].paths, load.resources[0].catalog_id, load.resources[0].resource_id)
        active = [each for each in resource.sessions().json()["value"] if each["status"] == "active"]
        session = resource.new_session() if not active else resource.session(active[0]["id"])
        for refusal in session.refusals().json()["value"]:
            session.withdraw(refusal["id"])
        session.uploaded("later.csv", access_file(2))
        assert session.completed()["status"] == "complete"
    assert restored.violations(resource) == []


def test_it_restores_into_an_empty_account_only(restored: Storage, folder: Path) -> None:
    refused = run("restore", folder, restored.connection_string)

    assert refused.returncode == 2
    assert "is not empty (table" in refused.stderr
    assert "--again" in refused.stderr
    assert run("restore", folder, restored.connection_string, "--again").returncode == 0


def test_a_blob_that_was_changed_in_the_folder_is_not_restored(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, load: Load, folder: Path
) -> None:
    (first, *_) = Folder(folder).blobs()
    file = Folder(folder).file(first.name)
    content = file.read_bytes()
    file.write_bytes(content[::-1])
    try:
        with azurite(tmp_path_factory.mktemp("azurite"), in_memory=True) as account:
            refused = run("restore", folder, account.connection_string)
    finally:
        file.write_bytes(content)

    assert refused.returncode == 2
    assert "was changed since the backup was made" in refused.stderr


def test_a_resource_is_copied_as_it_was_at_one_moment(
    session: Session, storage: Storage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also if a file is added between reading the rows of files, which come first, and that of the session."""
    session.uploaded("first.csv", access_file(2))
    partition = f"{session.resource.catalog_id}_{session.resource.resource_id}"
    read, late = copying._query, ["late.csv", "later.csv"]  # between two of its pages

    async def changing(table: TableClient, condition: str, parameters: Mapping[str, Any]) -> AsyncIterator[Row]:
        async for row in read(table, condition, parameters):
            if late and row["PartitionKey"] == partition and row["RowKey"].startswith("reference:"):
                await asyncio.to_thread(session.uploaded, late.pop(), access_file(3))
            yield row

    async def only(_: TableClient) -> AsyncIterator[str]:
        yield partition

    # Not the other resources of this account, which other tests use.
    with (
        patch.object(copying, "_query", changing),
        patch.object(copying, "_partitions", only),
        patch.object(copying, "_PAGE_ROWS", 1),
    ):
        copied = asyncio.run(copying.back_up(settings_of(storage.connection_string), Folder(tmp_path), print))

    assert (late, copied.blobs) == ([], 3)
    with azurite(tmp_path_factory.mktemp("azurite"), in_memory=True) as account:
        assert run("restore", tmp_path, account.connection_string).returncode == 0
        done = check(account.connection_string)
        assert done.returncode == 0, done.stdout


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    row = {
        "PartitionKey": "catalog_resource",
        "RowKey": "session:one",
        "Text": "Zugänge\n",
        "Yes": True,
        "Small": 7,
        "Large": EntityProperty(2**40, EdmType.INT64),
        "When": datetime(2026, 11, 30, 12, 0, 0, 123456, UTC),
        "Id": uuid4(),
        "Bytes": b"\0\xff",
        "Share": 0.1,
    }
    folder = Folder(tmp_path)
    folder.begin()
    with folder.new_table("sessions") as rows:
        rows.write(line(row))
    with folder.new_table("blobs"):
        pass
    folder.finish({})

    assert list(folder.rows("sessions")) == [row]


def test_an_interrupted_backup_leaves_the_one_before(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.begin()
    for name in ("sessions", "blobs"):
        folder.new_table(name).close()
    folder.finish({"oldest": "first"})

    folder.begin()
    folder.new_table("sessions").close()

    assert Folder(tmp_path).about()["oldest"] == "first"
    with gzip.open(tmp_path / "tables" / "sessions.jsonl.gz", "rt") as rows:
        assert [json.loads(text) for text in rows] == []


def test_a_process_that_dies_while_a_backup_takes_the_place_of_another_leaves_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, renamed = Path.rename, 0

    def die_at_the_second(path: Path, target: Path) -> Path:
        nonlocal renamed
        renamed += 1
        if renamed == 2:
            raise SystemExit
        return rename(path, target)

    folder = Folder(tmp_path)
    for name in ("first", "second"):
        folder.begin()
        for table in ("sessions", "blobs"):
            folder.new_table(table).close()
        if name == "second":
            monkeypatch.setattr(Path, "rename", die_at_the_second)
            with pytest.raises(SystemExit):
                folder.finish({"oldest": name})
        else:
            folder.finish({"oldest": name})

    assert Folder(tmp_path).about()["oldest"] == "first"


def test_each_table_is_copied_or_made_anew() -> None:
    """A new table has to be thought of: these are copied, or, but for the last one, follow from those that are."""
    copied, made_anew, left = {"sessions", "grants", "callers", "activity"}, {"access", "deliveries"}, {"expiry"}
    assert copied | made_anew | left | {"uploads"} == set(Names._fields)
