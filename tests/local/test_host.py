"""What our own host does with bodies, timers and too many requests, as it was measured on Microsoft's."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from local.service import running_service
from tests.support.forks import start_fork
from tests.support.service import eventually
from tests.support.wire import chunk, connection, head, host_answer, read_host_answer

CHUNKED = {"Transfer-Encoding": "chunked"}
LIMIT = 2_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``host_app.py``, with room for two requests at once, and one that waits."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copy(Path(__file__).with_name("host_app.py"), folder / "function_app.py")
    http = {"routePrefix": "", "maxConcurrentRequests": 2, "maxOutstandingRequests": 3}
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"http": http}}))
    return folder


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    """The URL of our own host, which serves the app."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", str(LIMIT))
        with running_service({}, arguments=("--app", str(folder)), start=start_fork) as service:
            yield service.url


@pytest.fixture(autouse=True)
def _clean(folder: Path) -> None:
    for name in ("called", "go", "ticked"):
        (folder / name).unlink(missing_ok=True)


def post(path: str, headers: dict[str, str]) -> bytes:
    """The head of a request after which the connection is closed."""
    return head("POST", path, {"Connection": "close", **headers})


def test_the_root_leads_to_the_page(host: str) -> None:
    answer = httpx.get(f"{host}/")

    assert answer.headers["Location"] == "/uploads"
    assert httpx.post(f"{host}/").status_code == httpx.get(f"{host}/nothing").status_code == 404


@pytest.mark.parametrize("size", [0, 1, 100_000, LIMIT])
def test_a_body_arrives_whole_in_both_framings(host: str, size: int) -> None:
    body = b"x" * size

    assert httpx.post(f"{host}/read", content=body).text == str(size)
    assert httpx.post(f"{host}/read", content=iter([body])).text == str(size)


def test_a_body_with_a_length_is_received_before_the_function_is_called(host: str, folder: Path) -> None:
    with connection(host) as connected:
        connected.sendall(post("/read", {"Content-Length": "200000"}) + b"x" * 199_999)
        time.sleep(0.3)
        assert not (folder / "called").exists()

        connected.sendall(b"x")
        assert eventually((folder / "called").exists)


def test_a_chunked_body_streams(host: str, folder: Path) -> None:
    with connection(host) as connected:
        connected.sendall(post("/read", CHUNKED) + chunk(b"x"))
        assert eventually((folder / "called").exists)


@pytest.mark.waits
def test_a_body_with_a_length_that_stalls_is_500(host: str, folder: Path) -> None:
    """Kestrel: 240 bytes a second, after five seconds."""
    with connection(host) as connected:
        began = time.monotonic()
        connected.sendall(post("/read", {"Content-Length": "200000"}) + b"x")

        assert read_host_answer(connected) == 500
        assert time.monotonic() - began >= 5
    assert not (folder / "called").exists()


def test_a_body_above_the_limit_is_500(host: str) -> None:
    assert host_answer(host, [post("/read", {"Content-Length": str(LIMIT + 1)})]) == 500
    with connection(host) as connected:
        connected.sendall(post("/read", CHUNKED) + chunk(b"x" * (LIMIT + 1)))
        assert read_host_answer(connected) == 500


def test_an_early_answer_waits_for_the_end_of_a_chunked_body(host: str) -> None:
    with connection(host) as connected:
        connected.sendall(post("/refuse", CHUNKED) + chunk(b"x"))
        connected.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connected.recv(1)

        connected.settimeout(10)
        connected.sendall(chunk(b""))
        assert read_host_answer(connected) == 403


def test_an_early_answer_that_closes_the_connection_is_500(host: str) -> None:
    assert host_answer(host, [post("/refuse?close", CHUNKED) + chunk(b"x")]) == 500


def test_an_answer_that_closes_the_connection_does_not_close_the_callers(host: str) -> None:
    with httpx.Client(base_url=host) as http:
        answer = http.post("/refuse?close")

    assert answer.status_code == 403
    assert "Connection" not in answer.headers


def test_what_waits_beyond_the_limit_of_host_json_is_429(host: str, folder: Path) -> None:
    request = head("GET", "/wait", {"Connection": "close"})
    with ExitStack() as waiting:
        connections = [waiting.enter_context(connection(host)) for _ in range(3)]
        for connected in connections:
            connected.sendall(request)
        time.sleep(0.3)

        assert host_answer(host, [request]) == 429
        assert httpx.get(host).status_code == 307, "the host's own answers have no limit"
        (folder / "go").touch()
        assert [read_host_answer(connected) for connected in connections] == [204] * 3


def test_a_timer_is_fired_before_it_runs_and_awaited_on_request(host: str, folder: Path) -> None:
    assert httpx.post(f"{host}/admin/functions/tick", json={"input": ""}).status_code == 202
    assert not (folder / "ticked").exists()

    (folder / "go").touch()
    assert eventually((folder / "ticked").exists)
    (folder / "ticked").unlink()
    assert httpx.post(f"{host}/admin/functions/tick?wait=1").status_code == 202
    assert (folder / "ticked").exists()


def test_a_timer_that_fails_is_told_to_who_waits_for_it(host: str) -> None:
    assert httpx.post(f"{host}/admin/functions/fail").status_code == 202
    assert httpx.post(f"{host}/admin/functions/fail?wait=1").status_code == 500


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("read", 400)])
def test_only_timers_are_fired(host: str, name: str, status: int) -> None:
    assert httpx.post(f"{host}/admin/functions/{name}").status_code == status
