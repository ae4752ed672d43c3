"""``infra/smoke.py`` against the local service: it passes on a working one, and fails on each that is broken."""

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Thread
from unittest.mock import patch

import httpx
import pytest

from local.service import ROOT
from tests.support.authority import READ_ALL, Authority
from tests.support.client import NO_TLS
from tests.support.invariants import Storage
from tests.support.service import running_service

SCRIPT = ROOT / "infra" / "smoke.py"
MAIN: Callable[[], int] = runpy.run_path(str(SCRIPT))["main"]


def smoke(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the smoke test here."""
    here = patch.object(sys, "argv", [str(SCRIPT), *arguments]), patch.dict(os.environ)
    with here[0], here[1], redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        os.environ.pop("SMOKE_TOKEN", None)
        code = MAIN()
    return subprocess.CompletedProcess(SCRIPT.name, code, out.getvalue(), err.getvalue())


def verdict(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line."""
    return done.stdout.splitlines()[-1]


def test_it_passes_on_an_open_service(service: str) -> None:
    """As azd and people run it: with the standard library only."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), service],
        env={name: value for name, value in os.environ.items() if name != "SMOKE_TOKEN"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, verdict(done)) == (0, "smoke test passed"), done.stdout + done.stderr
    assert f"The service is at {service}" in done.stdout
    assert "Next:" in done.stdout


def test_it_passes_on_a_guarded_service_with_a_token(guarded: str, authority: Authority) -> None:
    done = smoke(guarded, "--token", authority.token())

    assert (done.returncode, verdict(done)) == (0, "smoke test passed"), done.stdout + done.stderr
    assert "a request without a token is refused (401)" in done.stdout


def test_it_passes_where_files_must_have_object_ids(storage: Storage) -> None:
    with running_service(storage.connection_string, require_object_ids="true") as url:
        done = smoke(url)

    assert (done.returncode, verdict(done)) == (0, "smoke test passed"), done.stdout + done.stderr


def test_without_a_token_it_says_that_no_session_was_tried(guarded: str) -> None:
    done = smoke(guarded)

    assert (done.returncode, verdict(done)) == (0, "smoke test passed; without a token no session was tried")
    # The command works as it is printed: with the URI of this registration, whether azd runs the script or a person.
    assert 'get-access-token --scope "$(azd env get-value DEPLOYED_IDENTIFIER_URI)"/.default' in done.stdout
    with patch.dict(os.environ, {"DEPLOYED_IDENTIFIER_URI": "api://tenant/uploads-abc"}):
        assert "get-access-token --scope api://tenant/uploads-abc/.default" in smoke(guarded).stdout


def test_it_leaves_no_session(service: str) -> None:
    catalog, resource = "5b1f3f0e-7c58-4d0b-9a57-0a4f2d8c6e11", "3f8a1c52-94de-4f0b-9c2f-0d6a5b1e7c99"
    done = smoke(service, "--catalog", catalog, "--resource", resource)
    assert done.returncode == 0, done.stdout

    path = f"/v1.0/identityGovernance/catalogs/{catalog}/resources/{resource}/uploadSessions"
    assert httpx.get(f"{service}{path}", timeout=60).json()["value"] == []


def test_a_token_that_may_only_read_is_not_enough(guarded: str, authority: Authority) -> None:
    done = smoke(guarded, "--token", authority.token(roles=[READ_ALL]))

    assert done.returncode == 1
    assert verdict(done).startswith("smoke test FAILED: create a session: the answer is 40")


def test_it_fails_where_nothing_listens() -> None:
    done = smoke("http://127.0.0.1:9", "--wait", "0")

    assert done.returncode == 1
    assert verdict(done).startswith("smoke test FAILED: the app is not healthy after 0 seconds: no answer")


@pytest.mark.parametrize("url", ["uploads.example", "ftp://uploads.example", "http://"])
def test_it_says_what_a_url_is(url: str) -> None:
    done = smoke(url)

    assert done.returncode == 1
    assert "is not a URL such as https://host" in verdict(done)


def test_a_token_is_not_sent_in_the_clear() -> None:
    done = smoke("http://uploads.example", "--token", "secret")

    assert done.returncode == 1
    assert "over https only" in verdict(done)
    assert "secret" not in done.stdout + done.stderr


# Broken on purpose: a proxy in front of the working service spoils one kind of answer.


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way through the proxy."""

    status: int
    content_type: str
    body: bytes
    challenge: str = ""

    def with_json(self, change: Callable[[dict[str, object]], object]) -> "Reply":
        """The answer with its JSON changed."""
        content = json.loads(self.body)
        change(content)
        return replace(self, body=json.dumps(content).encode())


Spoil = Callable[[Reply], Reply]


@contextmanager
def broken(service: str, method: str, path: str, spoil: Spoil | None) -> Iterator[str]:
    """The URL of the service behind a proxy that spoils the answers to some requests.

    ``path`` is a pattern that the end of their path matches. Without ``spoil`` they never reach the service, and are
    answered 204 as if they had.
    """

    class Proxy(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            hit = self.command == method and re.search(path + r"$", self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if hit and spoil is None:
                reply = Reply(204, "", b"")
            else:
                names = ("Content-Type", "Authorization")
                headers = {name: self.headers[name] for name in names if name in self.headers}
                answer = http.request(self.command, service + self.path, content=body, headers=headers)
                kind, challenge = (answer.headers.get(name, "") for name in ("Content-Type", "WWW-Authenticate"))
                reply = Reply(answer.status_code, kind, answer.content, challenge)
                reply = spoil(reply) if hit and spoil else reply
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            if reply.challenge:
                self.send_header("WWW-Authenticate", reply.challenge)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815  # the names that the base class calls

        def log_message(self, *_: object) -> None:
            pass

    http = httpx.Client(timeout=60, verify=NO_TLS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        http.close()


def status(code: int) -> Spoil:
    """Another status."""
    return lambda reply: replace(reply, status=code)


def without(name: str) -> Spoil:
    """A property less."""
    return lambda reply: reply.with_json(lambda content: content.pop(name, None))


def counting(files: int) -> Spoil:
    """Statistics that are wrong."""
    return lambda reply: reply.with_json(lambda content: content.update(stats={"filesUploaded": files}))


SESSION = r"/uploadSessions/[0-9a-f-]{36}"
UPLOAD = f"{SESSION}/uploadFile"


@pytest.mark.parametrize(
    ("method", "path", "spoil", "said"),
    [
        ("GET", "/uploads/health", status(503), "storage does not answer"),
        ("GET", "/uploads/health", without("version"), "no status and version"),
        ("GET", "/uploads/openapi", status(500), "the OpenAPI document"),
        ("GET", "/uploads/openapi", without("paths"), "it does not have uploadFile"),
        ("POST", "/uploadSessions", status(403), "create a session"),
        ("POST", "/uploadSessions", without("id"), "the new session has no id"),
        ("POST", f"{SESSION}/validateFile", status(404), "the dry run"),
        ("POST", f"{SESSION}/validateFile", without("rowCount"), "the dry run does not count 2 rows"),
        ("GET", SESSION, counting(1), "the dry run has stored something"),
        ("GET", SESSION, counting(0), "the dry run has stored something"),
        ("POST", UPLOAD, status(500), "upload the sample"),
        ("POST", UPLOAD, None, "upload the sample"),
        ("GET", r"/\$value", lambda reply: replace(reply, body=reply.body + b" "), "with other bytes"),
        ("GET", r"/\$value", status(404), "download the sample"),
        ("POST", UPLOAD, lambda reply: replace(reply, status=200), "upload a faulty file"),
        ("POST", UPLOAD, without("error"), "the finding has no place"),
        ("PATCH", SESSION, status(200), "complete with a refused file"),
        ("DELETE", SESSION, status(500), "delete the session"),
        ("DELETE", SESSION, None, "read the deleted session"),
    ],
)
def test_it_fails_on_a_broken_service(service: str, method: str, path: str, spoil: Spoil | None, said: str) -> None:
    with broken(service, method, path, spoil) as url:
        done = smoke(url, "--wait", "0")

    assert done.returncode == 1, done.stdout
    assert verdict(done).startswith("smoke test FAILED: ")
    assert said in verdict(done)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (status(200), "a request without a token: the answer is 200 instead of 401"),
        (status(404), "a request without a token: the answer is 404 instead of 401"),
        (lambda reply: replace(reply, challenge=""), "no WWW-Authenticate"),
    ],
)
def test_it_fails_where_strangers_are_not_refused(guarded: str, authority: Authority, spoil: Spoil, said: str) -> None:
    with broken(guarded, "GET", "/uploadSessions", spoil) as url:
        done = smoke(url, "--token", authority.token(), "--wait", "0")

    assert done.returncode == 1, done.stdout
    assert said in verdict(done)
