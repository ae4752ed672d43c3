#!/usr/bin/env python3
"""Checks that a deployed service works: python3 infra/smoke.py URL [--token TOKEN].

Waits for the app, then checks its health, that a request without a token is refused, and, with a token, its OpenAPI
document and a whole upload session with a small file, which is deleted again. Exit code 0 or 1; the last line says
which. `azd` runs it after each deployment. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# A role that was just assigned may take ten minutes to reach storage ("Troubleshoot Azure RBAC", Microsoft).
WAIT_SECONDS = 600
REQUEST_SECONDS = 60
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_VARIABLE = "SMOKE_TOKEN"  # noqa: S105  # the name of a variable

HEADER = "principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\r\n"
SAMPLE = (
    HEADER + "3f8a1c52-94de-4f0b-9c2f-0d6a5b1e7c11,EntraIdUser,smoke-reader,Reader,Made by the smoke test,Role\r\n"
    "8c1de0a7-52b4-4c39-9f16-2e7b40d5aa93,EntraIdUser,smoke-owner,Owner,Made by the smoke test,Role\r\n"
)
SAMPLE_ROWS = 2
# Line 2 has no principalId.
FAULTY_SAMPLE = HEADER + ",EntraIdUser,smoke-reader,Reader,Made by the smoke test,Role\r\n"


class Failed(Exception):  # noqa: N818  # a verdict rather than a defect
    """The service does not behave as it should; the message says how."""


@dataclass(frozen=True)
class Answer:
    """A response: its status, its headers by lower-case name, its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is something else."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: a token is never sent to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Service:
    """The service at a URL, as a client with or without a token sees it."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._opener = urllib.request.build_opener(_NoRedirects())

    def send(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None, *, token: bool = True
    ) -> Answer:
        """Send a request; any status is an answer.

        Raises:
            OSError: there is no connection, or no answer in time.
        """
        request = urllib.request.Request(self.url + path, data=body, method=method)
        if content_type:
            request.add_header("Content-Type", content_type)
        if token and self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS) as response:
                return _answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error.read())

    def send_json(self, method: str, path: str, content: object) -> Answer:
        """Send a JSON body."""
        return self.send(method, path, json.dumps(content).encode(), "application/json")

    def send_file(self, path: str, name: str, content: str) -> Answer:
        """Send a form with one file, as a browser does."""
        boundary = uuid.uuid4().hex
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: text/csv\r\n\r\n{content}\r\n--{boundary}--\r\n"
        )
        return self.send("POST", path, body.encode(), f"multipart/form-data; boundary={boundary}")


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


def check(condition: object, otherwise: str) -> None:
    """See that something holds.

    Raises:
        Failed: it does not; ``otherwise`` says what is wrong.
    """
    if not condition:
        raise Failed(otherwise)


def expect(answer: Answer, status: int, what: str) -> dict[str, Any]:
    """See that an answer has a status; gives its JSON.

    Raises:
        Failed: it has another one.
    """
    if answer.status != status:
        error = answer.json().get("error")
        message = f": {error['message']}" if isinstance(error, dict) and "message" in error else ""
        raise Failed(f"{what}: the answer is {answer.status} instead of {status}{message}")
    return answer.json()


def passed(text: str) -> None:
    """Report a check that passed."""
    print(f"ok    {text}", flush=True)


def wait_until_healthy(service: Service, seconds: float) -> None:
    """Wait for the first 200 of the health check: a new deployment takes a while to start."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = service.send("GET", "/uploads/health", token=False)
            seen = f"GET /uploads/health answers {answer.status}"
            if answer.status == 503:
                seen += " (storage does not answer the app: are its roles assigned, and is the network open to it?)"
        except OSError as error:
            answer, seen = None, f"no answer ({getattr(error, 'reason', error)})"
        if answer is not None and answer.status == 200:
            break
        check(time.monotonic() < deadline, f"the app is not healthy after {seconds:.0f} seconds: {seen}")
        time.sleep(min(5.0, max(0.1, deadline - time.monotonic())))
    health = answer.json()
    check(health.get("status") == "healthy" and health.get("version"), "the health check states no status and version")
    passed(f"healthy, version {health['version']}")


def check_that_strangers_are_refused(service: Service) -> bool:
    """See that a request without a token is 401; gives whether it is.

    Only a service on this machine may be open (``UPLOADS_AUTH=none``), and only if no token was given for it.
    """
    answer = service.send("GET", _sessions(str(uuid.uuid4()), str(uuid.uuid4())), token=False)
    if answer.status == 200 and urlsplit(service.url).hostname in LOOPBACK and not service.token:
        passed("open without a token, as a development service on this machine may be")
        return False
    expect(answer, 401, "a request without a token")
    check(answer.headers.get("www-authenticate", "").startswith("Bearer"), "the 401 has no WWW-Authenticate: Bearer")
    passed("a request without a token is refused (401)")
    return True


def check_openapi(service: Service) -> None:
    """See that the service describes itself."""
    document = expect(service.send("GET", "/v1.0/uploads/openapi"), 200, "the OpenAPI document")
    check(str(document.get("openapi", "")).startswith("3."), "the OpenAPI document is none")
    check(any(path.endswith("/uploadFile") for path in document.get("paths", {})), "it does not have uploadFile")
    passed(f"OpenAPI {document['openapi']} with {len(document['paths'])} paths")


def check_session(service: Service, catalog: str, resource: str) -> None:
    """Take a small file through a session, from its creation to its deletion."""
    sessions = _sessions(catalog, resource)
    review = {"reviewDefinitionId": str(uuid.uuid4()), "reviewInstanceId": str(uuid.uuid4())}
    created = expect(service.send_json("POST", sessions, {"data": review}), 201, "create a session")
    check(created.get("id"), "the new session has no id")
    session = f"{sessions}/{created['id']}"
    passed("a session is created")
    try:
        _check_files(service, session)
    except BaseException:
        # Nothing of a failed test should stay; if this fails as well, the session expires.
        with contextlib.suppress(OSError):
            service.send("DELETE", session)
        raise
    expect(service.send("DELETE", session), 204, "delete the session")
    expect(service.send("GET", session), 404, "read the deleted session")
    passed("the session is deleted")


def _check_files(service: Service, session: str) -> None:
    checked = expect(service.send_file(f"{session}/validateFile", "smoke.csv", SAMPLE), 200, "the dry run")
    check(checked.get("rowCount") == SAMPLE_ROWS, f"the dry run does not count {SAMPLE_ROWS} rows")
    check(_stats(service, session) == (0, 0), "the dry run has stored something")
    passed("the dry run accepts the sample and stores nothing")

    uploaded = expect(service.send_file(f"{session}/uploadFile", "smoke.csv", SAMPLE), 200, "upload the sample")
    check(_stats(service, session) == (1, len(SAMPLE)), "the session does not count the sample")
    files = uploaded.get("files") or [{}]
    value = service.send("GET", f"{session}/files/{files[0].get('id')}/$value")
    expect(value, 200, "download the sample")
    check(value.body == SAMPLE.encode(), "the sample comes back with other bytes")
    passed("the sample is uploaded and comes back unchanged")

    refused = service.send_file(f"{session}/uploadFile", "smoke-faulty.csv", FAULTY_SAMPLE)
    error = expect(refused, 400, "upload a faulty file").get("error", {})
    targets = [detail.get("target", "") for detail in error.get("details", [])]
    check(any("line 2" in target and "principalId" in target for target in targets), "the finding has no place")
    check(_stats(service, session) == (1, len(SAMPLE)), "the faulty file is counted")
    passed("a faulty file is refused, with the line and the column")

    # Else half of the data would be certified.
    expect(service.send_json("PATCH", session, {"isUploadDone": True}), 409, "complete with a refused file")
    passed("the session cannot be completed while a refused file is not replaced")


def _stats(service: Service, session: str) -> tuple[object, object]:
    stats = expect(service.send("GET", session), 200, "read the session").get("stats", {})
    return stats.get("filesUploaded"), stats.get("totalBytesUploaded")


def _sessions(catalog: str, resource: str) -> str:
    return f"/v1.0/identityGovernance/entitlementManagement/catalogs/{catalog}/resources/{resource}/uploadSessions"


def run(arguments: argparse.Namespace) -> str:
    """Run all checks; gives the last line.

    Raises:
        Failed: one did not pass.
    """
    url = urlsplit(arguments.url)
    check(url.scheme in ("http", "https") and url.hostname, f"'{arguments.url}' is not a URL such as https://host")
    if arguments.token:
        check(url.scheme == "https" or url.hostname in LOOPBACK, "a token is sent over https only")
    service = Service(arguments.url, arguments.token or None)
    wait_until_healthy(service, arguments.wait)
    closed = check_that_strangers_are_refused(service)
    if closed and not service.token:
        print(f"\nThe service is at {service.url}")
        print("Next: give yourself a role (docs/deploy.md, Access for people), get a token, and run the whole test:")
        # azd gives its hooks the outputs of the deployment.
        uri = os.environ.get("DEPLOYED_IDENTIFIER_URI") or '"$(azd env get-value DEPLOYED_IDENTIFIER_URI)"'
        print(f"    {TOKEN_VARIABLE}=$(az account get-access-token --scope {uri}/.default \\")
        print(f"        --query accessToken -o tsv) python3 infra/smoke.py {service.url}\n")
        return "smoke test passed; without a token no session was tried"
    check_openapi(service)
    check_session(service, arguments.catalog, arguments.resource)
    print(f"\nThe service is at {service.url}")
    print("Next: docs/api.md shows how to upload, docs/operate.md what to watch.\n")
    return "smoke test passed"


def main() -> int:
    """Read the arguments, run the checks, and say how it went; gives the exit code."""
    parser = argparse.ArgumentParser(prog="smoke.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="where the service is, such as https://uploads-abc.azurewebsites.net")
    parser.add_argument(
        "--token", default=os.environ.get(TOKEN_VARIABLE), help=f"an access token (default: ${TOKEN_VARIABLE})"
    )
    parser.add_argument("--wait", type=float, default=WAIT_SECONDS, help="seconds to wait for the app (default 600)")
    parser.add_argument("--catalog", default=str(uuid.uuid4()), help="catalog id, for a token with a grant only")
    parser.add_argument("--resource", default=str(uuid.uuid4()), help="resource id, for a token with a grant only")
    try:
        verdict, code = run(parser.parse_args()), 0
    except (Failed, OSError) as error:
        verdict, code = f"smoke test FAILED: {error}", 1
    print(verdict)
    return code


if __name__ == "__main__":
    sys.exit(main())
