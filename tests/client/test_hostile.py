"""Whatever comes from outside, a command ends with words and one JSON object."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from accup.commands.main import run
from accup.screen import Screen
from tests.client.command import folder_of
from tests.client.forwarding import ForwardingHandler, running
from tests.support.access_files import access_file

SESSION = str(uuid4())
GUIDS = ("--catalog", str(uuid4()), "--resource", str(uuid4()))

COMMANDS = {
    "send": ("send", "DATA", "--review", SESSION, "--definition", SESSION, *GUIDS),
    "list": ("list", *GUIDS),
    "status": ("status", "--session", SESSION, *GUIDS),
    "status of a review": ("status", "--review", SESSION, *GUIDS),
    "files": ("files", "--session", SESSION, *GUIDS),
    "get": ("get", "--session", SESSION, "--output", "DATA", *GUIDS),
    "complete": ("complete", "--yes", "--session", SESSION, *GUIDS),
    "redeliver": ("redeliver", "--session", SESSION, *GUIDS),
    "remove": ("remove", "a.csv", "--session", SESSION, *GUIDS),
    "withdraw": ("withdraw", "a.csv", "--session", SESSION, *GUIDS),
    "watch": ("watch", "--session", SESSION, *GUIDS),
    "audit": ("audit", *GUIDS),
}


class Odd(NamedTuple):
    """What an odd server answers to each request."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


def of_json(body: object) -> Odd:
    return Odd(json.dumps(body).encode())


SOUND = {"id": SESSION, "status": "active", "expirationDateTime": "2030-01-01T00:00:00Z", "files": []}

HOSTILE = {
    "a web page": Odd(b"<!DOCTYPE html><title>Sign in</title>", headers=(("Content-Type", "text/html"),)),
    "a web page without a type": Odd(b"<!DOCTYPE html><title>Sign in</title>", headers=()),
    "a list": of_json([]),
    "nothing in an object": of_json({}),
    "a text": of_json("active"),
    "null": of_json(None),
    "no content": Odd(b"", 204),
    "an empty body": Odd(b""),
    "not gzip": Odd(b"not gzip", headers=(("Content-Encoding", "gzip"),)),
    "not gzip, with an error": Odd(b"not gzip", 403, (("Content-Encoding", "gzip"),)),
    "a bomb": Odd(
        gzip.compress(b" " * 20_000_000), headers=(("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    ),
    "deep": Odd(b"[" * 100_000),
    "not UTF-8": Odd(b'{"id": "\xff"}'),
    "half an object": Odd(b'{"id": "'),
    "wrong types": of_json({"id": 7, "status": [], "files": {}, "stats": 5, "value": {}}),
    "files of another shape": of_json(SOUND | {"files": [{"name": "a.csv"}], "value": [{}]}),
    "a size that is none": of_json(SOUND | {"files": [{"id": "1", "name": "a", "size": 1e400}], "value": [5]}),
    "a negative size": of_json(SOUND | {"files": [{"id": "1", "name": "a", "size": -1}], "value": ["x"]}),
    "a link to another host": of_json({"value": [], "@odata.nextLink": "https://evil.example/x"}),
    "a link that is none": of_json({"value": [], "@odata.nextLink": "http://[::1"}),
    "a link that is a number": of_json({"value": [], "@odata.nextLink": 7}),
    "an error that is a text": Odd(b'{"error": "no"}', 400),
    "an error of other types": Odd(b'{"error": {"code": 5, "message": [], "details": 7, "innerError": 1}}', 400),
    "an error with an odd line": Odd(
        json.dumps(
            {"error": {"details": [{"target": f"line {'9' * 5000}"}], "innerError": {"request-id": 5}}}
        ).encode(),
        409,
    ),
    "a redirect": Odd(b"", 302, (("Location", "https://evil.example"),)),
    "an odd Retry-After": Odd(b"", 503, (("Retry-After", "\u00b2"),)),
    "an endless Retry-After": Odd(b"", 503, (("Retry-After", "9" * 400),)),
    "an odd challenge": Odd(b"", 401, (("WWW-Authenticate", 'Bearer scope="x'),)),
    "half an authority": Odd(
        b"", 401, (("WWW-Authenticate", 'Bearer scope="api://x", authorization_uri="https://[x/t/oauth2/authorize"'),)
    ),
}


@contextmanager
def serving(odd: Odd) -> Iterator[str]:
    class Handler(ForwardingHandler):
        """Answers everything alike."""

        def serve(self) -> None:
            for _ in self.pieces():
                pass
            self.start_answer((odd.status, list(odd.headers), odd.body))
            if odd.status != 204:
                self.wfile.write(odd.body)

    with running(Handler) as url:
        yield url


@pytest.fixture(autouse=True)
def nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACCUP_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("ACCUP_RETRIES", "0")
    monkeypatch.setenv("ACCUP_TOKEN", "a-token")


def check_said(code: int, out: str, err: str) -> None:
    """See that a command ended as documented: one object on stdout, words on stderr, and no fault of its own."""
    assert code in (2, 3, 4, 5, 6, 7), (code, err)
    assert out.isascii()
    (told,) = (json.loads(out),)
    error = told["error"]
    assert error["message"]
    assert error["exitCode"] == code
    assert error["code"]
    assert "Traceback" not in err
    assert err.strip()


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_command_says_what_is_wrong_with_an_answer(
    hostile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder_of(tmp_path / "in", a=access_file())
    with serving(HOSTILE[hostile]) as url:
        for name, command in COMMANDS.items():
            arguments = [str(data) if each == "DATA" else each for each in command]
            code = run(Screen(as_json=True), [*arguments, "--url", url, "--json"])
            said = capsys.readouterr()
            if code == 0:
                # An empty list is one, and what does not end with an error is read nowhere.
                assert name in ("list", "files", "get", "audit", "status", "complete"), (name, said)
                assert json.loads(said.out)
                continue
            check_said(code, said.out, said.err)


def test_a_list_that_does_not_end_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    class Loop(ForwardingHandler):
        """A page whose next page is itself."""

        def serve(self) -> None:
            link = f"http://{self.headers['Host']}{self.path.split('?')[0]}?page=2"
            body = json.dumps({"value": [], "@odata.nextLink": link}).encode()
            self.start_answer((200, [("Content-Type", "application/json")], body))
            self.wfile.write(body)

    with running(Loop) as url:
        code = run(Screen(as_json=True), ["list", *GUIDS, "--url", url, "--json"])
    said = capsys.readouterr()
    check_said(code, said.out, said.err)
    assert "does not end" in said.err


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("list", *GUIDS, "--url", "http://[::1"), {}),
        (("list", *GUIDS, "--url", "https://uploads.invalid:99999"), {}),
        (("list", *GUIDS, "--url", "https://uploads.invalid"), {"ALL_PROXY": "socks5://127.0.0.1:1"}),
        (("list", *GUIDS, "--url", "https://uploads.invalid"), {"HTTPS_PROXY": "garbage://x"}),
        (("list", *GUIDS, "--url", "https://uploads.invalid"), {"HTTPS_PROXY": "http://127.0.0.1:1"}),
        (("list", *GUIDS, "--url", "https://uploads.invalid"), {"SSL_CERT_FILE": "/nonexistent"}),
        (("list", *GUIDS, "--url", "https://127.0.0.1:1"), {"NO_PROXY": "[::1]", "HTTPS_PROXY": "garbage://x"}),
        (("list", "--catalog", "7"), {}),
        (("list", "--nonsense"), {}),
        (("nonsense",), {}),
        (("list", *GUIDS), {"ACCUP_RETRIES": "many", "ACCUP_URL": "http://127.0.0.1:1"}),
        (("list", "--resource", GUIDS[1]), {"ACCUP_URL": "http://127.0.0.1:1"}),
        (("check", "nowhere.csv"), {"COLUMNS": "abc"}),
    ],
)
def test_what_the_user_or_the_environment_gives_ends_with_words(
    arguments: tuple[str, ...],
    variables: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code = run(Screen(as_json=True), [*arguments, "--json"])
    said = capsys.readouterr()
    check_said(code, said.out, said.err)
    assert code in (2, 6)


def test_a_session_that_expires_while_it_is_watched_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(of_json(SOUND | {"status": "expired"})) as url:
        code = run(Screen(as_json=True), [*COMMANDS["watch"], "--url", url, "--json"])
    said = capsys.readouterr()
    check_said(code, said.out, said.err)
    assert json.loads(said.out)["status"] == "expired"


def test_a_fault_of_the_client_is_said_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("accup.folders.Choice.of", broken)
    code = run(Screen(as_json=True), ["check", "x", "--json"])
    said = capsys.readouterr()
    assert code == 1
    assert json.loads(said.out)["error"]["code"] == "internal"
    assert "secret" not in said.out + said.err
    assert "report" in said.err
