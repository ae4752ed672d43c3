"""Bad networks and kills: run again until done, and nothing is lost, doubled or mixed up."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from accup import Client, ConflictError, Review
from accup.local import LocalFile
from accup.progress import Reporter
from accup.sending import send_files
from tests.client.command import Command, Ran, folder_of
from tests.client.fault_proxy import fault_proxy
from tests.support.access_files import access_file
from tests.support.client import Resource, Session

# How often a send is killed; it was tried with a hundred.
KILLS = 40


def check_stored(resource: Resource, session_id: str, files: dict[str, bytes]) -> None:
    """See that a complete session has exactly these files."""
    session = resource.session(session_id)
    told = session.read()
    assert told["status"] == "complete"
    assert told["stats"] == {"filesUploaded": len(files), "totalBytesUploaded": sum(map(len, files.values()))}
    stored = {file["name"]: session.value(file["id"]).content for file in session.files().json()["value"]}
    assert stored == {f"{name}.csv": content for name, content in files.items()}


def some_files(dice: random.Random, count: int) -> dict[str, bytes]:
    """Small ones, which are sent with a length, and at least one that is large, and sent in chunks."""
    sizes = [20_000, *(dice.choice([3, 300, 20_000]) for _ in range(count - 1))]
    return {f"file{number}": access_file(rows) for number, rows in enumerate(sizes)}


def send_through_faults(
    installed: Command, resource: Resource, folder: Path, seed: int, share: float, files: dict[str, bytes]
) -> None:
    with fault_proxy(str(resource.http.base_url), seed=seed, share=share) as proxy:
        accup = installed.on(resource).using(ACCUP_URL=proxy.url, ACCUP_RETRIES="15")
        ran = accup("send", folder_of(folder, **files), "--complete", "--json", seconds=300)
        assert ran.code == 0, (seed, proxy.counts, ran.err)
        assert sum(proxy.counts.values()) > proxy.counts["none"], "there were faults"
        check_stored(resource, ran.json["session"], files)


def test_cut_delayed_and_doubled_requests_lose_nothing(installed: Command, resource: Resource, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    files = some_files(random.Random(seed), 8)
    send_through_faults(installed, resource, tmp_path / "in", seed, 0.4, files)


@pytest.mark.slow("of the client under faults and kills")
@pytest.mark.parametrize("round_number", range(10))
def test_many_bad_networks_lose_nothing(
    installed: Command, resource: Resource, tmp_path: Path, round_number: int
) -> None:
    seed = random.SystemRandom().randrange(10**6) + round_number
    files = some_files(random.Random(seed), 20)
    send_through_faults(installed, resource, tmp_path / "in", seed, 0.5, files)


def seconds_of_a_send(accup: Command, folder: Path) -> float:
    """How long a send takes that nobody kills."""
    began = time.monotonic()
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    return time.monotonic() - began


def kill_until_done(accup: Command, folder: Path, dice: random.Random, *, kills: int, within: float) -> tuple[Ran, int]:
    """Run, kill at a random moment of the seconds ``within``, and run again; the last run is left alone.

    Gives that run and the number of kills.
    """
    killed = 0
    while killed < kills:
        process = accup.start("send", folder, "--complete", "--json")
        time.sleep(dice.uniform(0.1, max(0.2, within)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if process.returncode != -signal.SIGKILL:
            break
    return accup("send", folder, "--complete", "--json"), killed


def test_a_killed_send_is_continued(installed: Command, resource: Resource, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    files = some_files(random.Random(seed), 10)
    folder = folder_of(tmp_path / "in", **files)
    within = seconds_of_a_send(installed.on(Resource(resource.http)), folder)
    ran, _ = kill_until_done(installed.on(resource), folder, random.Random(seed), kills=6, within=within)
    assert ran.code == 0, (seed, ran.err)
    check_stored(resource, ran.json["session"], files)


@pytest.mark.waits
@pytest.mark.slow("of the client under faults and kills")
def test_many_kills_lose_nothing(installed: Command, resource: Resource, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    files = {f"file{number}": access_file(4_000) for number in range(12)}
    folder = folder_of(tmp_path / "in", **files)
    killed = 0
    while killed < KILLS:
        # Measured in each round, since a machine that gets less busy would let every run end before its kill.
        within = seconds_of_a_send(installed.on(Resource(resource.http)), folder)
        own = Resource(resource.http)
        ran, more = kill_until_done(installed.on(own), folder, dice, kills=20, within=within)
        killed += more
        assert ran.code == 0, (seed, ran.err)
        check_stored(own, ran.json["session"], files)


class Changing(Reporter):
    """Changes a file between its check and its upload."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def begins(self, file: LocalFile, what: str) -> Callable[[int], None]:
        if what == "uploading":
            file.path.write_bytes(self._content)
        return super().begins(file, what)


@pytest.mark.parametrize("rows", [3, 4], ids=["same size", "other size"])
def test_a_file_that_changes_after_its_check_is_not_accepted(resource: Resource, tmp_path: Path, rows: int) -> None:
    """In a session that has a file already, so that all are checked before the first is sent."""
    session = resource.new_session()
    session.uploaded("other.csv")
    folder = folder_of(tmp_path / "in", doors=access_file(3))
    with pytest.raises(ConflictError, match="changed"):
        send_into(session, folder, Changing(access_file(rows)))
    told = session.read()
    assert (told["status"], told["stats"]["filesUploaded"]) == ("active", 1)


class Growing(Reporter):
    """Adds a row to a file while it is uploaded."""

    def begins(self, file: LocalFile, what: str) -> Callable[[int], None]:
        with file.path.open("ab") as opened:
            opened.write(access_file(1).splitlines(keepends=True)[1])
        return super().begins(file, what)


def test_a_file_that_grows_while_it_is_sent_is_not_accepted(resource: Resource, tmp_path: Path) -> None:
    session = resource.new_session()
    with pytest.raises(ConflictError, match="changed"):
        send_into(session, folder_of(tmp_path / "in", doors=access_file(3)), Growing())
    assert session.read()["stats"]["filesUploaded"] == 0


def send_into(session: Session, folder: Path, reporter: Reporter) -> None:
    with Client(str(session.http.base_url)) as client:
        sessions = client.resource(session.resource.catalog_id, session.resource.resource_id)
        review = Review(session.read()["referenceId"])
        send_files(sessions, [folder], review, reporter=reporter)
