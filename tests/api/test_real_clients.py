"""What real clients make of a file and its name: those that are on the machine, and the bytes of those that are not."""

import asyncio
import base64
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
import httpx
import pytest
import requests

from tests.support.access_files import access_file
from tests.support.client import Session, as_object, assert_error, multipart, part
from tests.support.invariants import Storage

NAMES = ["Zugänge Q3.csv", "Доступы-склад.csv", "crm access.csv", "50%.csv", 'say "hi".csv']

FAULTY = b"nonsense\r\n"

Send = Callable[[str, Path], None]


def ran(*command: object, cwd: Path | None = None) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run([str(each) for each in command], capture_output=True, timeout=120, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def with_curl(url: str, file: Path) -> None:
    ran("curl", "--silent", "--fail", url, "-F", 'file=@"{}"'.format(str(file).replace('"', '\\"')))


def with_requests(url: str, file: Path) -> None:
    with file.open("rb") as opened:
        requests.post(url, files={"file": opened}, timeout=60).raise_for_status()


def with_httpx(url: str, file: Path) -> None:
    with file.open("rb") as opened:
        httpx.post(url, files={"file": opened}, timeout=60).raise_for_status()


def with_aiohttp(url: str, file: Path) -> None:
    async def send() -> None:
        async with aiohttp.ClientSession() as http:
            with file.open("rb") as opened:
                async with http.post(url, data={"file": opened}) as answer:
                    answer.raise_for_status()

    asyncio.run(send())


NODE = """
const [url, path] = process.argv.slice(1), fs = require("fs"), form = new FormData();
form.append("file", new Blob([fs.readFileSync(path)]), require("path").basename(path));
fetch(url, { method: "POST", body: form }).then((answer) => { if (!answer.ok) throw answer; });
"""


def with_node(url: str, file: Path) -> None:
    ran("node", "-e", NODE, url, file)


CLIENTS: Mapping[str, Send] = {
    "curl": with_curl,
    "node": with_node,
    "requests": with_requests,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
}


def needs(program: str) -> None:
    """Leave the test out where a program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")


def stored(session: Session) -> dict[str, bytes]:
    """The files of a session by name."""
    return {file["name"]: session.value(file["id"]).content for file in session.files().json()["value"]}


def file_in(folder: Path, name: str, content: bytes) -> Path:
    """A file on this machine."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("client", CLIENTS)
def test_a_file_has_the_name_that_it_has_on_the_machine(
    session: Session, service: str, tmp_path: Path, client: str
) -> None:
    if client in ("curl", "node"):
        needs(client)
    contents = {name: access_file() for name in NAMES}

    for name, content in contents.items():
        CLIENTS[client](f"{service}{session.path}/uploadFile", file_in(tmp_path, name, content))

    assert stored(session) == contents


@pytest.mark.parametrize("name", NAMES)
def test_curl_saves_a_download_under_a_name_that_is_the_same_again(
    session: Session, service: str, tmp_path: Path, name: str
) -> None:
    """``curl -OJ`` knows no ``filename*``. What it saves instead is the same file to the service."""
    needs("curl")
    content = access_file()
    file = session.uploaded(name, content)
    address = f"{service}{session.path}/files/{file['id']}/$value"

    ran("curl", "--silent", "--fail", "-OJ", address, cwd=tmp_path)

    (saved,) = tmp_path.iterdir()
    assert saved.name == (name if name.isascii() and '"' not in name else quote(name, safe=""))
    with_curl(f"{service}{session.path}/uploadFile", saved)
    assert stored(session) == {name: content}


def test_curl_may_offer_http_2(session: Session, service: str, tmp_path: Path) -> None:
    needs("curl")
    content = access_file(2000)
    file = file_in(tmp_path, "access.csv", content)

    ran("curl", "--silent", "--fail", "--http2", f"{service}{session.path}/uploadFile", "-F", f"file=@{file}")

    assert stored(session) == {"access.csv": content}


JAVA = """
import java.net.URI;
import java.net.http.*;
import java.nio.file.*;
import java.util.List;

class Upload {
    public static void main(String[] given) throws Exception {
        var head = "--b\\r\\nContent-Disposition: form-data; name=\\"file\\"; filename=\\"access.csv\\"\\r\\n\\r\\n";
        var form = HttpRequest.BodyPublishers.ofByteArrays(
            List.of(head.getBytes(), Files.readAllBytes(Path.of(given[1])), "\\r\\n--b--\\r\\n".getBytes()));
        var request = HttpRequest.newBuilder(URI.create(given[0]))
            .header("Content-Type", "multipart/form-data; boundary=b").POST(form).build();
        System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


def test_javas_client_as_it_is(session: Session, service: str, tmp_path: Path) -> None:
    """It offers HTTP/2 with its first request."""
    needs("javac")
    content = access_file(2000)
    source, file = tmp_path / "Upload.java", file_in(tmp_path, "access.csv", content)
    source.write_text(JAVA)

    assert ran("java", source, f"{service}{session.path}/uploadFile", file) == "200"
    assert stored(session) == {"access.csv": content}


@pytest.mark.parametrize("encoder", ["base64", "quoted-printable"])
def test_curl_may_encode_the_part(session: Session, service: str, tmp_path: Path, encoder: str) -> None:
    needs("curl")
    content = access_file(2000) + "0b5d7c1e-2a34-4c56-8d78-9e0f1a2b3c4d,user,OSA-1,Küche = 2,,\n".encode()
    file = file_in(tmp_path, "access.csv", content)
    form = f"file=@{file};encoder={encoder}"

    ran("curl", "--silent", "--fail", f"{service}{session.path}/uploadFile", "-F", form)

    assert stored(session)["access.csv"].splitlines() == content.splitlines()
    # quoted-printable writes line breaks as CRLF.
    if encoder == "base64":
        assert stored(session) == {"access.csv": content}


# Clients that are not here, by the bytes that they send.


def dotnet(content: bytes, name: str) -> bytes:
    """The form of .NET's MultipartFormDataContent, and so of ``Invoke-RestMethod -Form`` (PowerShell 7)."""
    word = name if name.isascii() else f"=?utf-8?B?{base64.b64encode(name.encode()).decode()}?="
    quoted = f'"{word}"' if not word.replace(".", "").isalnum() else word
    return multipart(
        b"Content-Type: application/octet-stream\r\n"
        + f"Content-Disposition: form-data; name=file; filename={quoted}; filename*=utf-8''{quote(name)}".encode()
        + b"\r\n\r\n"
        + content
    )


@pytest.mark.parametrize("name", [*NAMES[:-1], "access.csv", "ä" * 100])
def test_dotnet_and_powershell(session: Session, name: str) -> None:
    content = access_file()

    assert session.post_multipart(dotnet(content, name)).status_code == 200

    assert stored(session) == {name: content}


def test_what_powershell_was_refused_is_replaced_by_the_browser(session: Session) -> None:
    name = "Zugänge.csv"
    assert_error(session.post_multipart(dotnet(FAULTY, name)), 400, "invalidRequest", "invalidFile")

    assert session.upload(name, access_file()).status_code == 200

    assert session.completed()["stats"]["filesUploaded"] == 1


@pytest.mark.parametrize("first", ["NFC", "NFD"])
def test_a_name_is_one_name_in_both_unicode_forms(session: Session, first: str) -> None:
    forms = [unicodedata.normalize(form, "Zugänge.csv") for form in ("NFC", "NFD")]
    one, other = forms if first == "NFC" else reversed(forms)
    content = access_file()
    assert_error(session.upload(one, FAULTY), 400, "invalidRequest", "invalidFile")

    assert session.upload(other, content).status_code == 200
    assert session.upload(one, content).status_code == 200
    assert_error(session.upload(other, access_file()), 409, "nameAlreadyExists")
    assert_error(session.upload(one, FAULTY), 400, "invalidRequest", "invalidFile")

    assert stored(session) == {"Zugänge.csv": content}
    assert session.file_names({"$filter": f"name eq '{other}'"}) == ["Zugänge.csv"]
    assert session.completed()["stats"]["filesUploaded"] == 1


def test_two_names_in_one_part_are_refused_and_not_remembered(session: Session, storage: Storage) -> None:
    disposition = b"Content-Disposition: form-data; name=file; filename=a.csv; filename*=utf-8''b.csv\r\n\r\n"

    with storage.unchanged(session.resource):
        answer = session.post_multipart(multipart(disposition + access_file()))

    message = assert_error(answer, 400, "invalidRequest", target="filename")["message"]
    assert "filename is 'a.csv', and filename* is 'b.csv'" in message


def test_ansible_sends_base64(session: Session) -> None:
    """The module ``uri`` with ``body_format: form-multipart``: Python's email package makes the form."""
    content = access_file()
    head = (
        b"Content-Type: text/csv\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: form-data; name="file"; filename="access.csv"\r\n\r\n'
    )

    answer = session.post_multipart(multipart(head + base64.encodebytes(content).replace(b"\n", b"\r\n")))

    assert answer.status_code == 200, answer.text
    assert stored(session) == {"access.csv": content}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(multipart(part(access_file())).replace(b"\r\n", b"\n"), "end with LF", id="lf"),
        pytest.param(
            multipart(part(b"null", "relativePath", None), part(access_file())),
            "a part named 'relativePath'",
            id="uppy",
        ),
        pytest.param(multipart(part(b"{}", "file", None), part(access_file())), "has no filename", id="filepond"),
        pytest.param(multipart(part(access_file(), "files[]")), "a part named 'files[]'", id="brackets"),
        pytest.param(
            multipart(part(access_file()), part(access_file())), "a second part, named 'file'", id="two-files"
        ),
        pytest.param(
            multipart(part(b"./access.csv", "file", None)),
            "-Form @{file = Get-Item ./access.csv}",
            id="without-get-item",
        ),
        pytest.param(access_file(), "The body is not a form: it begins with 'principalId", id="infile"),
    ],
)
def test_a_form_by_hand_is_told_why_and_not_remembered(
    session: Session, storage: Storage, body: bytes, reason: str
) -> None:
    with storage.unchanged(session.resource):
        answer = session.post_multipart(body)

    assert reason in assert_error(answer, 400, "invalidRequest")["message"]


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        pytest.param("application/json", "not 'application/json'", id="curl-with-a-json-header"),
        pytest.param("text/csv", "-F file=@access.csv", id="the-bare-file"),
        pytest.param("multipart/form-data", "has no boundary", id="fetch-with-an-own-header"),
    ],
)
def test_a_form_with_another_type_is_told_what_to_send(session: Session, content_type: str, reason: str) -> None:
    answer = session.http.post(
        f"{session.path}/uploadFile", content=multipart(part(access_file())), headers={"Content-Type": content_type}
    )

    assert reason in assert_error(answer, 415, "notSupported")["message"]


def test_a_session_may_be_sent_back_as_it_was_read(session: Session) -> None:
    session.uploaded("access.csv")
    entity = as_object(session.get()) | {"isUploadDone": True}

    assert session.patch(entity).status_code == 200


@pytest.mark.parametrize("path", ["/uploads/health", "/uploads", "/v1.0/uploads/openapi"])
def test_a_monitor_may_use_head(session: Session, path: str) -> None:
    answer = session.http.head(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert session.http.head(session.path).status_code == 200
