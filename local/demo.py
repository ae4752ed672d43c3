"""Takes real files through a whole session and prints each request and answer: ``python3 dev.py demo``."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from local.arguments import demo_parser
from local.service import NEVER, ROOT, ServiceNotReadyError, running_service

SAMPLES = ROOT / "samples"
DATA = ROOT / ".data" / "demo"
IDLE_SECONDS = 5

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if COLOUR else [""] * 5


class Story:
    """Sends requests and prints each with its answer. An unexpected answer ends the demo."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.catalog, self.resource = catalog, resource = uuid4(), uuid4()
        self.sessions = (
            f"/v1.0/identityGovernance/entitlementManagement/catalogs/{catalog}/resources/{resource}/uploadSessions"
        )

    def say(self, text: str) -> None:
        """Print a sentence of the story."""
        print(f"\n{BOLD}{text}{PLAIN}")

    def send(self, method: str, path: str, expected: int, *show: str, **options: Any) -> dict[str, Any]:
        """Send a request; gives the answer's JSON. ``show`` names the properties to print."""
        answer = self._http.request(method, path, **options)
        body: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        shown = path.replace(self.sessions, "…/uploadSessions")
        colour = GREEN if answer.status_code == expected else RED
        print(f"  {method} {shown}  {colour}{answer.status_code} {answer.reason_phrase}{PLAIN}")
        for name in show:
            if name in body:
                print(f"      {DIM}{name}:{PLAIN} {body[name]}")
        if "error" in body:
            print(f"      {body['error']['message']}")
            for detail in body["error"].get("details", []):
                print(f"      {DIM}{detail['target']}:{PLAIN} {detail['message']}")
        if answer.status_code != expected:
            raise SystemExit(f"Unexpected answer: {expected} was expected here.")
        return body

    def create(self, expected: int = 201, reference: str | None = None) -> dict[str, Any]:
        """Create a session for a review instance."""
        data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": reference or str(uuid4())}
        return self.send("POST", self.sessions, expected, "id", "status", "expirationDateTime", json={"data": data})

    def upload(self, session: str, sample: str, expected: int = 200, name: str | None = None) -> None:
        """Upload one of the samples, under its own name unless another is given."""
        print(f"  {DIM}{sample}{f' as {name}' if name else ''}{PLAIN}")
        with (SAMPLES / sample).open("rb") as file:
            self.send("POST", f"{session}/uploadFile", expected, "stats", files={"file": (name or sample, file)})


def tell(story: Story, *, idle_seconds: float | None) -> None:
    """The story."""
    story.say("A session for one application and one access review instance.")
    created = story.create()
    session = f"{story.sessions}/{created['id']}"

    story.say("Files are uploaded into it, one request each, in any of three column layouts.")
    for sample in ("building-access.csv", "mainframe-access.csv", "door-badges-early.csv"):
        story.upload(session, sample)

    story.say("A file with faults is refused at once, with the line and the column of each fault.")
    story.upload(session, "crm-access-faulty.csv", expected=400)

    story.say("Marking the session as done is refused, too: the review would have only part of the data.")
    done = {"isUploadDone": True}
    story.send("PATCH", session, 409, json=done)

    story.say("The fixed file, under the same name; sent twice, as by a client that lost the answer.")
    story.upload(session, "crm-access.csv", name="crm-access-faulty.csv")
    story.upload(session, "crm-access.csv", name="crm-access-faulty.csv")

    story.say("Now the session is complete and cannot change any more.")
    story.send("PATCH", session, 200, "status", "isUploadDone", json=done)
    story.send("DELETE", session, 409)

    story.say("Read it back, with the files above 300 kB only.")
    read = story.send("GET", session, 200, "status", params={"$expand": "files($filter=size gt 300000)"})
    for file in read["files"]:
        print(f"      {file['name']} {file['size']} bytes")

    story.say("A second create for the same review instance is refused and names the existing session.")
    story.create(expected=409, reference=created["referenceId"])

    if idle_seconds is not None:
        story.say(
            f"A session that is not finished expires, here after {idle_seconds:.0f} seconds. The timer stores that."
        )
        other = story.create()
        time.sleep(idle_seconds + 0.1)
        story.send("POST", "/admin/functions/expire_sessions", 202, json={"input": ""})
        story.send("GET", f"{story.sessions}/{other['id']}", 200, "status")

    story.say("The application has a name, and people see it on the page.")
    place = f"/v1.0/uploads/resources/{story.catalog}/{story.resource}"
    story.send("PUT", place, 200, "displayName", json={"displayName": "Door system (demo)"})

    story.say("The sessions of this application.")
    listed = story.send(
        "GET", story.sessions, 200, "@odata.count", params={"$count": "true", "$filter": "status eq 'complete'"}
    )
    for each in listed["value"]:
        print(f"      {each['id']} {each['status']} {each['stats']}")


@contextmanager
def own_service() -> Iterator[str]:
    """A service for this demo, on a free port, with a data folder of its own, which is kept to look at."""
    settings: dict[str, str | int] = {"idle_seconds": IDLE_SECONDS, "expiry_schedule": NEVER}
    with running_service(settings, arguments=("--auth", "none", "--data", str(DATA))) as running:
        yield running.url


def main() -> None:
    """Tell the story to the terminal."""
    url = demo_parser().parse_args().url
    if url:
        with httpx.Client(base_url=url, timeout=60) as http:
            tell(story := Story(http), idle_seconds=None)
        look = f"Look at it on the page: {url.rstrip('/')}/uploads#/{story.catalog}/{story.resource}"
    else:
        try:
            with own_service() as own, httpx.Client(base_url=own, timeout=60) as http:
                tell(story := Story(http), idle_seconds=IDLE_SECONDS)
        except ServiceNotReadyError as error:
            raise SystemExit(str(error)) from None
        look = (
            f"Look at it on the page: python3 dev.py run --data {DATA.relative_to(ROOT)}, then open\n"
            f"http://127.0.0.1:7071/uploads#/{story.catalog}/{story.resource}"
        )
    print(f"\n{GREEN}Every answer was as expected.{PLAIN}\n{look}")


if __name__ == "__main__":
    main()
