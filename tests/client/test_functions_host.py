"""Under Microsoft's Functions host: how large files are sent, and which are not."""

import io
from pathlib import Path

import pytest

from accup import ApiError, Client, ConflictError
from accup.api.upload import CHUNKED_ABOVE_BYTES
from tests.client.command import Command, folder_of
from tests.client.functions_host import FunctionsHost, functions_host, upload
from tests.client.graph_stand_in import graph_stand_in
from tests.support.access_files import access_file, access_file_of
from tests.support.authority import READ_ALL, Authority
from tests.support.client import Resource, Session

MIB = 2**20
LARGE = 3 * MIB


@pytest.fixture
def accup(installed: Command, host: FunctionsHost, resource: Resource) -> Command:
    """The command for a resource and a review instance that nobody has used, through the host."""
    return installed.on(resource).using(ACCUP_URL=host.url)


# How large files are sent.


def test_a_large_file_is_sent_in_chunks_after_a_look_and_a_small_one_with_a_length(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", small=access_file(), large=access_file_of(LARGE))
    ran = accup("send", folder, "--at-once", "1", "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"
    assert [(seen.framing, "content-length" in seen.headers) for seen in host.uploads] == [
        ("chunked", False),
        ("length", True),
    ]
    assert host.steps[1:4] == [f"GET {ran.json['session']}", "GET config", "POST uploadFile"]


@pytest.mark.parametrize(("more", "framing"), [(0, "length"), (1, "chunked")], ids=["at 1 MiB", "one byte above"])
def test_bodies_above_one_mib_are_chunked(session: Session, host: FunctionsHost, more: int, framing: str) -> None:
    upload(session, host, access_file())
    around = host.uploads[0].body_bytes - len(access_file())
    session.resource.session(session.id).files()
    with Client(host.url) as client:
        content = access_file_of(CHUNKED_ABOVE_BYTES - around + more)
        client.resource(session.resource.catalog_id, session.resource.resource_id).upload(
            session.id, lambda: io.BytesIO(content), name="other.csv", size=len(content)
        )
    assert (host.uploads[1].body_bytes, host.uploads[1].framing) == (CHUNKED_ABOVE_BYTES + more, framing)


def test_limits_are_asked_once_and_only_for_large_files(accup: Command, host: FunctionsHost, tmp_path: Path) -> None:
    files = {f"large{number}": access_file_of(CHUNKED_ABOVE_BYTES + number) for number in range(4)}
    assert accup("send", folder_of(tmp_path / "large", **files)).code == 0
    assert host.steps.count("GET config") == 1
    host.requests.clear()
    assert accup("send", folder_of(tmp_path / "small", small=access_file(500))).code == 0
    assert "GET config" not in host.steps


def test_graph_gets_a_length_and_no_question(installed: Command, tmp_path: Path) -> None:
    """The stand-in is not at Graph's address: what tells it from this service is its sessions."""
    with graph_stand_in() as graph:
        ran = installed.at(graph.url)(
            "send", folder_of(tmp_path / "in", large=access_file_of(LARGE)), "--complete", "--json"
        )
        assert ran.code == 0, ran.err
        (sent,) = [headers for _, path, headers in graph.requests if path.endswith("/uploadFile")]
        assert int(sent["Content-Length"]) > LARGE
        assert not [path for _, path, _ in graph.requests if path.endswith("/config")]


@pytest.mark.parametrize("known", ["no configuration", "no limit of the host", "limits that are none"])
def test_without_known_limits_a_large_file_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path, known: str
) -> None:
    host.has_configuration = known != "no configuration"
    if known == "limits that are none":
        host.limits = {"maxFiles": None, "maxFileBytes": "many", "maxBodyBytes": -1}
    ran = accup("send", folder_of(tmp_path / "in", large=access_file_of(LARGE)), "--complete", "--json")
    assert ran.code == 0, ran.err
    assert host.uploads[0].framing == "chunked"


def test_progress_of_a_chunked_upload_is_that_of_the_file(session: Session, host: FunctionsHost) -> None:
    told: list[int] = []
    upload(session, host, access_file_of(LARGE), progress=told.append)
    assert (sorted(told), told[-1], len(told)) == (told, LARGE, 12)


# What is not sent.


def test_a_file_above_the_limit_of_files_is_refused_before_it_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    host.limits = {"maxFileBytes": 2 * MIB}
    ran = accup("send", folder_of(tmp_path / "in", small=access_file(), large=access_file_of(LARGE)), "--json")
    assert ran.code == 3
    large, small = ran.json["files"]
    assert (large["accepted"], small["accepted"]) == (False, True)
    (finding,) = large["findings"]
    assert finding["code"] == "maxFileSizeExceeded"
    assert "3,145,728 bytes" in finding["message"]
    assert "at most 2,097,152 bytes" in finding["message"]
    assert "Split the file" in finding["message"]
    assert "UPLOADS_MAX_FILE_BYTES" in finding["message"]
    assert max(seen.body_bytes for seen in host.requests) < MIB


@pytest.mark.parametrize(
    ("most", "options"), [(2 * MIB, ["--no-compress"]), (MIB // 2, [])], ids=["plain", "too large compressed"]
)
def test_a_form_above_the_limit_of_bodies_is_refused_before_it_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path, most: int, options: list[str]
) -> None:
    host.limits = {"maxBodyBytes": most}
    large = access_file(40_000)
    ran = accup("send", folder_of(tmp_path / "in", large=large), *options, "--json")
    assert ran.code == 3
    (finding,) = ran.json["files"][0]["findings"]
    assert f"more than {most:,} bytes" in finding["message"]
    assert "Split the file" in finding["message"]
    assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in finding["message"]
    assert host.uploads == []


def test_a_form_above_the_limit_of_bodies_is_compressed_if_that_fits(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    host.most = 2 * MIB
    host.limits = {"maxBodyBytes": host.most}
    ran = accup("send", folder_of(tmp_path / "in", large=access_file(40_000)), "--complete", "--json")
    assert ran.code == 0, ran.err
    (sent,) = host.uploads
    assert (sent.encoding, sent.body_bytes < host.most) == ("gzip", True)


def test_a_form_that_compresses_less_than_its_beginning_ends_at_the_limit(
    session: Session, host: FunctionsHost
) -> None:
    host.limits = {"maxBodyBytes": 2 * MIB}
    content = access_file_of(MIB) + b"\n" * 4 * MIB + access_file(100_000)
    with pytest.raises(ApiError, match="even compressed") as caught:
        upload(session, host, content)
    assert (caught.value.status, caught.value.refuses_file) == (413, True)
    assert len(host.uploads) == 1
    assert session.read()["stats"]["filesUploaded"] == 0


def test_a_full_session_gets_no_large_file(session: Session, host: FunctionsHost) -> None:
    session.uploaded("other.csv")
    host.limits = {"maxFiles": 1}
    with pytest.raises(ConflictError, match="UPLOADS_MAX_FILES"):
        upload(session, host, access_file_of(LARGE))
    assert host.uploads == []


def test_a_session_that_is_over_gets_no_large_file(session: Session, host: FunctionsHost) -> None:
    session.uploaded("other.csv")
    session.completed()
    with pytest.raises(ConflictError, match="is complete"):
        upload(session, host, access_file_of(LARGE))
    assert host.uploads == []


def test_who_may_not_write_sends_no_large_file(
    installed: Command, guarded: str, authority: Authority, tmp_path: Path
) -> None:
    with functions_host(guarded) as host:
        accup = installed.at(host.url).using(ACCUP_TOKEN=authority.token(roles=[READ_ALL]))
        assert accup("send", folder_of(tmp_path / "in", large=access_file_of(LARGE))).code == 4
        assert host.uploads == []
