"""``accup get``: each file whole, verified, under a name that this machine takes, and continued after a failure."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from accup.receiving import local_name
from tests.client.command import Command
from tests.client.forwarding import ForwardingHandler, running
from tests.client.terminal import Terminal
from tests.support.access_files import access_file
from tests.support.client import Resource, Session

LARGE = access_file(40_000)


@pytest.fixture
def session(resource: Resource) -> Session:
    """A session of its own."""
    return resource.new_session()


@pytest.fixture
def get(accup: Command, session: Session) -> Command:
    """The command, for that session."""
    return accup.using(ACCUP_REVIEW=session.read()["referenceId"])


class Cutting(ForwardingHandler):
    """Cuts every download after 300 kB, as often as it is told; notes what was asked for."""

    cuts = 1
    asked: list[str | None]

    def serve(self) -> None:
        answer = self.forward(b"".join(self.pieces()))
        cut = self.path.endswith("/$value") and type(self).cuts > 0
        if self.path.endswith("/$value"):
            self.asked.append(self.headers["Range"])
            type(self).cuts -= cut
        self.start_answer(answer)
        self.wfile.write(answer[2][:300_000] if cut else answer[2])
        self.close_connection = True


@pytest.fixture
def cutting(resource: Resource) -> Iterator[str]:
    """The service behind a connection that is cut."""
    Cutting.upstream, Cutting.cuts, Cutting.asked = str(resource.http.base_url), 1, []
    with running(Cutting) as url:
        yield url


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_download_that_failed_is_continued_by_the_next_run(
    get: Command, session: Session, cutting: str, tmp_path: Path
) -> None:
    session.uploaded("a.csv", LARGE)
    session.uploaded("b.csv", access_file(3))
    here = get.using(ACCUP_URL=cutting, ACCUP_RETRIES="0")
    first = here("get", "--output", tmp_path, "a.csv", "--json")
    assert first.code == 6
    (partial,) = names_in(tmp_path)
    assert partial.startswith(".accup-")
    begun = (tmp_path / partial).stat().st_size

    ran = here("get", "--output", tmp_path, "--json")
    assert ran.code == 0, ran.err
    assert begun > 0
    assert Cutting.asked == [None, f"bytes={begun}-", None]
    assert names_in(tmp_path) == ["a.csv", "b.csv"]
    assert (tmp_path / "a.csv").read_bytes() == LARGE
    assert ran.json["files"][0]["sha256"] == hashlib.sha256(LARGE).hexdigest()

    again = here("get", "--output", tmp_path, "--json")
    assert again.code == 0, again.err
    assert [each["downloaded"] for each in again.json["files"]] == [False, False]
    assert len(Cutting.asked) == 3, "what is there is not downloaded again"


def test_a_beginning_that_belongs_to_another_file_is_found_out(
    get: Command, session: Session, cutting: str, tmp_path: Path
) -> None:
    session.uploaded("a.csv", LARGE)
    here = get.using(ACCUP_URL=cutting, ACCUP_RETRIES="0")
    assert here("get", "--output", tmp_path).code == 6
    (partial,) = tmp_path.iterdir()
    partial.write_bytes(b"x" * partial.stat().st_size)
    ran = here("get", "--output", tmp_path)
    assert ran.code == 0, ran.err
    assert (tmp_path / "a.csv").read_bytes() == LARGE
    assert names_in(tmp_path) == ["a.csv"]


def test_files_whose_names_look_like_parts_do_not_disturb_others(
    get: Command, session: Session, tmp_path: Path
) -> None:
    one, other = access_file(3), access_file(4)
    session.uploaded("a.csv.part", one)
    session.uploaded("a.csv", other)
    (tmp_path / "b.csv.part").write_text("mine")
    assert get("get", "--output", tmp_path).code == 0
    assert (tmp_path / "a.csv.part").read_bytes() == one
    assert (tmp_path / "a.csv").read_bytes() == other
    assert (tmp_path / "b.csv.part").read_text() == "mine"


def test_other_contents_are_replaced_only_if_that_is_said(get: Command, session: Session, tmp_path: Path) -> None:
    content = access_file()
    session.uploaded("a.csv")
    session.uploaded("b.csv", content)
    (tmp_path / "b.csv").write_text("mine")
    ran = get("get", "--output", tmp_path, "--json")
    assert ran.code == 2
    assert "--overwrite" in ran.err
    assert names_in(tmp_path) == ["b.csv"], "nothing is downloaded before that is known"
    assert get("get", "--output", tmp_path, "--overwrite").code == 0
    assert (tmp_path / "b.csv").read_bytes() == content


def test_a_path_that_cannot_be_used_is_named(get: Command, session: Session, tmp_path: Path) -> None:
    session.uploaded("a.csv")
    (tmp_path / "file").write_text("")
    under = get("get", "--output", tmp_path / "file" / "folder", "--json")
    assert (under.code, "file" in under.json["error"]["message"]) == (2, True)
    folder = tmp_path / "out"
    (folder / "a.csv").mkdir(parents=True)
    taken = get("get", "--output", folder, "--json")
    assert (taken.code, "a.csv" in taken.json["error"]["message"]) == (2, True)


def test_a_full_disk_is_told(get: Command, session: Session, tmp_path: Path) -> None:
    """A limit of the size of files, which is the same to a program: Linux says so with another number."""
    session.uploaded("a.csv", LARGE)
    limited = f"trap '' XFSZ; ulimit -f 100; exec '{get.program}' get --output '{tmp_path}' --json"
    done = subprocess.run(["bash", "-c", limited], env=get.full_environment, capture_output=True, check=False)
    assert done.returncode == 7, done.stderr
    assert b"File too large" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name", ["a\u3000b.csv", "a\u00a0b.csv", "a\u200db.csv", "CON.csv", "データ.csv", "a:b?.csv", "x" * 251 + ".csv"]
)
def test_every_name_that_the_service_takes_is_taken(get: Command, session: Session, tmp_path: Path, name: str) -> None:
    session.uploaded(name)
    ran = get("get", "--output", tmp_path, "--json")
    assert ran.code == 0, ran.err
    assert names_in(tmp_path) == [name]


def test_a_long_name_of_many_bytes_is_shortened(get: Command, session: Session, tmp_path: Path) -> None:
    session.uploaded("デ" * 200 + ".csv")
    assert get("get", "--output", tmp_path).code == 0
    assert names_in(tmp_path) == ["デ" * 83 + ".csv"]


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..\\a.csv", ".._a.csv"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("a\x00\x1b[2Jb.csv", "a__[2Jb.csv"),
        ("a\ud800.csv", "a_.csv"),
        ("." + "x" * 300, "." + "x" * 254),
    ],
)
def test_no_name_leads_out_of_the_folder(name: str, local: str) -> None:
    assert local_name(name) == local
    assert len(os.fsencode(local)) <= 255


def test_two_files_of_one_name_are_not_written_over_each_other(get: Command, session: Session, tmp_path: Path) -> None:
    """As Graph may have them; here they are so after their names are shortened."""
    session.uploaded("デ" * 200 + "1.csv")
    session.uploaded("デ" * 200 + "2.csv")
    ran = get("get", "--output", tmp_path, "--json")
    assert ran.code == 2
    assert "by its id" in ran.err
    assert names_in(tmp_path) == []
    ids = [cast("str", file["id"]) for file in session.files().json()["value"]]
    for number, each in enumerate(ids):
        assert get("get", each, "--output", tmp_path / str(number)).code == 0


def test_a_terminal_shows_all_that_is_going_on(get: Command, session: Session, tmp_path: Path) -> None:
    """More files than the terminal has lines."""
    for number in range(50):
        session.uploaded(f"{number:02}.csv", access_file(3 + number))
    with Terminal(get, "get", "--output", tmp_path, "--quiet") as quiet:
        assert quiet.end() == 0
    assert "of 50 files" not in quiet.raw.decode()
    with Terminal(get, "get", "--output", tmp_path / "other") as terminal:
        assert terminal.end() == 0
    shown = terminal.raw.decode()
    assert "50 of 50 files" in shown
    assert "downloading" in shown
    assert "uploading" not in shown
