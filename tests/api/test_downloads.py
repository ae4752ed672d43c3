"""A file's bytes: in parts, and within the limits of a transfer."""

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local import service as local_service
from local.service import NEVER
from tests.support.access_files import access_file, access_file_of
from tests.support.client import Resource, Session, assert_error, http_client
from tests.support.forks import start_fork
from tests.support.gates import gated
from tests.support.invariants import Storage
from tests.support.memory import resident
from tests.support.service import eventually, running_service
from tests.support.wire import head

MIB = 2**20

# More than the system holds of a response whose reader has stopped.
LARGE = 16 * MIB


@pytest.fixture(scope="module")
def content() -> bytes:
    return access_file_of(LARGE)


@pytest.fixture
def uploaded(session: Session) -> tuple[str, bytes, str]:
    """A file: the path of its bytes, these, and its ETag."""
    content = access_file(40)
    file = session.uploaded("access.csv", content)
    return f"{session.path}/files/{file['id']}/$value", content, f'"{file["@uploads.sha256"]}"'


# Ranges (RFC 9110, section 14)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-", slice(100, None)),
        ("bytes=100-199", slice(100, 200)),
        ("Bytes=100-99999999999999999999999", slice(100, None)),
        ("bytes=-100", slice(-100, None)),
        ("bytes=-999999", slice(0, None)),
    ],
)
def test_a_part_of_a_file_is_206(
    http: httpx.Client, uploaded: tuple[str, bytes, str], wanted: str, part: slice
) -> None:
    path, content, etag = uploaded

    answer = http.get(path, headers={"Range": wanted, "If-Range": etag})

    first, last, _ = range(len(content))[part].start, range(len(content))[part].stop - 1, None
    assert (answer.status_code, answer.content) == (206, content[part])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
    assert (answer.headers["ETag"], answer.headers["Accept-Ranges"]) == (etag, "bytes")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "bytes=0-9, 20-29"},
        {"Range": "bytes=9-0"},
        {"Range": "bytes="},
        {"Range": "bytes=-"},
        {"Range": "bytes=a-b"},
        {"Range": "rows=0-9"},
        {"Range": f"bytes={'9' * 5000}-"},
        {"Range": "bytes=0-9", "If-Range": '"another"'},
        {"Range": "bytes=0-9", "If-Range": "W/{etag}"},
        {"Range": "bytes=0-9", "If-Range": "Wed, 01 Jan 2036 00:00:00 GMT"},
    ],
)
def test_a_range_that_is_not_one_is_ignored(
    http: httpx.Client, uploaded: tuple[str, bytes, str], headers: dict[str, str]
) -> None:
    path, content, etag = uploaded

    answer = http.get(path, headers={name: value.replace("{etag}", etag) for name, value in headers.items()})

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, content, etag)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("wanted", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0"])
def test_a_range_behind_the_end_is_416(http: httpx.Client, uploaded: tuple[str, bytes, str], wanted: str) -> None:
    path, content, _ = uploaded
    headers = {"Range": wanted.format(size=len(content))}

    answer = http.get(path, headers=headers)

    assert_error(answer, 416, "invalidRequest", "invalidRange")
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"
    assert http.get(path, headers=headers | {"If-Range": '"another"'}).content == content


def test_conditions_come_before_ranges(http: httpx.Client, uploaded: tuple[str, bytes, str]) -> None:
    """RFC 9110, section 13.2.2."""
    path, content, etag = uploaded
    behind = {"Range": f"bytes={len(content)}-"}

    assert http.get(path, headers=behind | {"If-None-Match": etag}).status_code == 304
    assert http.get(path, headers=behind | {"If-Match": '"another"'}).status_code == 412
    assert http.get(path, headers={"If-Match": etag, "Range": "bytes=1-2"}).status_code == 206


def test_head_tells_of_the_whole_file(http: httpx.Client, uploaded: tuple[str, bytes, str]) -> None:
    """``Range`` is defined for GET only (RFC 9110, section 14.2)."""
    path, content, etag = uploaded

    answer = http.head(path, headers={"Range": "bytes=1-2"})

    assert answer.status_code == 200
    names = ("Content-Length", "Accept-Ranges", "ETag")
    assert [answer.headers[name] for name in names] == [str(len(content)), "bytes", etag]


# The limits of a transfer


@pytest.fixture(scope="module")
def log(log_folder: Path) -> Path:
    return log_folder / f"{uuid4()}.log"


@pytest.fixture(scope="module")
def strict(storage: Storage, log: Path) -> Iterator[str]:
    """A service with one place for each caller, of two, for three seconds, at 1 MiB a second."""
    limits = {"max_transfers_per_process": 2, "caller_share_percent": 50, "max_download_seconds": 3}
    limits |= {"stall_seconds": 1, "min_bytes_per_second": MIB}
    with running_service(storage.connection_string, log, **limits) as url:
        yield url


@pytest.fixture(scope="module")
def path(strict: str, content: bytes) -> str:
    with http_client(strict) as http:
        session = Resource(http).new_session()
        return f"{session.path}/files/{session.uploaded('access.csv', content)['id']}/$value"


@contextmanager
def reader(url: str, path: str, **headers: str) -> Iterator[socket.socket]:
    """A connection that has asked for a file, and for which the system holds little."""
    with socket.socket() as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connected.settimeout(30)
        connected.connect((httpx.URL(url).host, httpx.URL(url).port))
        connected.sendall(head("GET", path, headers))
        yield connected


def read(connected: socket.socket, *, pause: float) -> bytes:
    """What comes until the connection ends, taken 64 KiB at a time."""
    received = b""
    try:
        while piece := connected.recv(64 * 1024):
            received += piece
            time.sleep(pause)
    except ConnectionResetError:
        pass
    return received.partition(b"\r\n\r\n")[2]


def last_download(log: Path) -> tuple[str, float, int]:
    """What the log tells of the last one: what cut it, its seconds, and the bytes sent."""
    lines = re.findall(
        r"operation=get_file_value status=20\d ms=(\S+) bytes=0 sent=(\d+) (?:cut=(\w+) )?", log.read_text()
    )
    milliseconds, sent, cut = lines[-1]
    return cut, float(milliseconds) / 1000, int(sent)


def downloads(log: Path) -> int:
    return log.read_text().count("operation=get_file_value status=20")


def assert_place_is_free(url: str, path: str) -> None:
    with http_client(url) as http:
        assert http.get(path, headers={"Range": "bytes=0-9"}).status_code == 206


def test_a_caller_has_a_share_of_the_places_for_both_directions(strict: str, path: str, log: Path) -> None:
    """Without authentication, a caller is an address. A dry run has a place of its own."""
    before = downloads(log)
    with (
        reader(strict, path) as connected,
        http_client(strict) as http,
        http_client(strict, source="127.0.0.2") as other,
    ):
        connected.recv(1)
        session = Resource(http).new_session()
        for refused in (
            http.get(path),
            http.get(path, headers={"X-Forwarded-For": "10.0.0.1"}),
            session.upload("access.csv"),
        ):
            error = assert_error(refused, 429, "activityLimitReached", "throttledRequest")
            assert "UPLOADS_CALLER_SHARE_PERCENT" in error["message"]
            assert refused.headers["Retry-After"]
        dry_run = http.post(f"{session.path}/validateFile", files={"file": ("a.csv", access_file())})
        assert dry_run.status_code == 200
        assert other.get(path, headers={"Range": "bytes=0-9"}).status_code == 206
    assert eventually(lambda: downloads(log) == before + 2)


def test_a_download_is_logged_at_its_end(strict: str, path: str, content: bytes, log: Path) -> None:
    before = downloads(log)
    with reader(strict, path, Connection="close") as connected:
        connected.recv(1)
        time.sleep(0.5)
        assert downloads(log) == before
        assert len(read(connected, pause=0)) == len(content)

    assert eventually(lambda: downloads(log) == before + 1)
    cut, seconds, sent = last_download(log)
    assert (cut, sent) == ("", len(content))
    assert seconds > 0.5


@pytest.mark.waits
@pytest.mark.parametrize(
    ("pause", "cut", "least"), [(2.0, "stalled", 1.0), (0.08, "stalled", 1.0), (0.02, "tooLong", 3.0)]
)
def test_a_slow_reader_is_cut_off_and_can_go_on(
    strict: str, path: str, content: bytes, log: Path, pause: float, cut: str, least: float
) -> None:
    before = downloads(log)
    with reader(strict, path) as connected:
        began = time.monotonic()
        assert eventually(lambda: downloads(log) > before) if pause > 1 else True
        received = read(connected, pause=min(pause, 0.5))
        took = time.monotonic() - began

    assert last_download(log)[0] == cut
    assert least < last_download(log)[1] < least + 2.5
    assert took < least + 4
    assert 0 < len(received) < len(content)
    assert received == content[: len(received)]
    assert_place_is_free(strict, path)
    with http_client(strict) as http:
        rest = http.get(path, headers={"Range": f"bytes={len(received)}-"})
    assert received + rest.content == content


def test_a_reader_who_leaves_gives_the_place_back(strict: str, path: str, log: Path) -> None:
    before = downloads(log)
    with reader(strict, path) as connected:
        connected.recv(1)

    assert eventually(lambda: downloads(log) > before)
    assert last_download(log)[0] == "disconnected"
    assert_place_is_free(strict, path)


def test_a_download_that_storage_cuts_is_no_whole_file(storage: Storage, content: bytes, log_folder: Path) -> None:
    log = log_folder / f"{uuid4()}.log"
    with (
        gated(storage.connection_string) as gates,
        running_service(gates.connection_string, log) as url,
        http_client(url) as http,
    ):
        session = Resource(http).new_session()
        path = f"{session.path}/files/{session.uploaded('access.csv', content)['id']}/$value"
        with reader(url, path) as connected:
            connected.recv(1)
            gates.blobs.set("403")
            received = read(connected, pause=0)
        gates.open()

    assert received == content[: len(received)]
    assert len(received) < len(content)
    assert last_download(log)[0] == "storage"
    assert "storage failed: 403" in log.read_text()


# Memory


def test_idle_readers_take_no_memory(storage: Storage, content: bytes) -> None:
    """By the default limits a caller has a share of the places, and each reader one block; the others are refused."""
    settings = {"storage": storage.connection_string, "expiry_schedule": NEVER}
    with (
        local_service.running_service(settings, start=start_fork) as running,
        http_client(running.url) as http,
        ExitStack() as readers,
    ):
        session = Resource(http).new_session()
        path = f"{session.path}/files/{session.uploaded('access.csv', content)['id']}/$value"
        assert http.get(path).content == content
        before = resident(running.pid)

        connections = [readers.enter_context(reader(running.url, path)) for _ in range(100)]
        statuses = Counter(int(each.recv(12)[9:12]) for each in connections)
        time.sleep(1)
        growth = resident(running.pid) - before

        print(f"{growth / MIB:.1f} MiB for {statuses}")
        assert statuses == {200: 8, 429: 92}
        assert growth < 24 * MIB
