"""Takes real files through a whole session and prints each request and answer: ``python3 dev.py demo``."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from local.arguments import demo_parser
from local.receiver import Receiver, running_receiver
from local.service import NEVER, ROOT, ServiceNotReadyError, running_service

SAMPLES = ROOT / "samples"
DATA = ROOT / ".data" / "demo"
IDLE_SECONDS = 5
DELIVERY_SECONDS = 30

T = TypeVar("T")

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

    def peek(self, path: str) -> dict[str, Any]:
        """Read something without printing it."""
        found: dict[str, Any] = self._http.get(path).json()
        return found

    def create(self, expected: int = 201, reference: str | None = None) -> dict[str, Any]:
        """Create a session for a review instance."""
        data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": reference or str(uuid4())}
        return self.send("POST", self.sessions, expected, "id", "status", "expirationDateTime", json={"data": data})

    def upload(self, session: str, sample: str, expected: int = 200, name: str | None = None) -> None:
        """Upload one of the samples, under its own name unless another is given."""
        print(f"  {DIM}{sample}{f' as {name}' if name else ''}{PLAIN}")
        with (SAMPLES / sample).open("rb") as file:
            self.send("POST", f"{session}/uploadFile", expected, "stats", files={"file": (name or sample, file)})


@dataclass(frozen=True, slots=True)
class Others:
    """Those to whom complete sessions are handed on: an instance that stands for Microsoft Graph, and a receiver."""

    graph: str
    receiver: Receiver


def tell(story: Story, *, idle_seconds: float | None, others: Others | None = None) -> None:
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
        story.send("POST", "/admin/functions/expire_sessions?wait=1", 202, json={"input": ""})
        story.send("GET", f"{story.sessions}/{other['id']}", 200, "status")

    if others is not None:
        tell_deliveries(story, session, others)

    story.say("The application has a name, and people see it on the page.")
    place = f"/v1.0/uploads/resources/{story.catalog}/{story.resource}"
    story.send("PUT", place, 200, "displayName", json={"displayName": "Door system (demo)"})

    story.say("The sessions of this application.")
    listed = story.send(
        "GET", story.sessions, 200, "@odata.count", params={"$count": "true", "$filter": "status eq 'complete'"}
    )
    for each in listed["value"]:
        print(f"      {each['id']} {each['status']} {each['stats']}")


def tell_deliveries(story: Story, session: str, others: Others) -> None:
    """What became of a complete session: forwarded, and told to a receiver."""
    story.say("The complete session was handed on: a second instance, which stands for Microsoft Graph, has it now.")
    found = eventually(lambda: deliveries(story, session), "The session was not forwarded in time.")
    for each in story.send("GET", session, 200)["@uploads.delivery"]:
        print(f"      {DIM}to {each['target']}:{PLAIN} {each['state']} {each['upstreamId'] or ''}")
    there = f"{others.graph}{story.sessions}/{found['upstreamId']}"
    copy = httpx.get(there, params={"$expand": "files"}, timeout=60).json()
    ours = story.send("GET", session, 200, params={"$expand": "files"})
    print(f"      {DIM}there:{PLAIN} {copy['status']}, {copy['stats']}")
    digests = [{file["name"]: file["@uploads.sha256"] for file in each["files"]} for each in (ours, copy)]
    if digests[0] != digests[1]:
        raise SystemExit("The files there are not the same.")
    print(f"      All {len(digests[0])} files have the same SHA-256 here and there.")

    story.say("A receiver was told by events. It had agreed to get some, and it checks the signature of each.")
    eventually(
        lambda: any(event["type"].endswith(".delivered") for event in others.receiver.events), "No event has come."
    )
    for event in others.receiver.events:
        counts = {name: value for name, value in event["data"].items() if isinstance(value, int)}
        print(f"      {event['type']} {counts}")
    if others.receiver.refused:
        raise SystemExit("An event had a signature that is not right.")


def deliveries(story: Story, session: str) -> dict[str, Any] | None:
    """The forwarding of a session, once it has arrived."""
    found = story.peek(session).get("@uploads.delivery", [])
    return next((each for each in found if each["target"] == "graph" and each["state"] == "delivered"), None)


def eventually(look: Callable[[], T | None], otherwise: str) -> T:
    """What there is to see, a little later if necessary."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise SystemExit(otherwise)
        time.sleep(0.1)
    return seen


@contextmanager
def own_services() -> Iterator[tuple[str, Others]]:
    """Services for this demo, on free ports, with data folders of their own, which are kept to look at."""
    with running_receiver() as receiver, one_service(DATA / "graph", {}) as graph:
        settings: dict[str, str | int] = {
            "idle_seconds": IDLE_SECONDS,
            "forward_url": f"{graph}/v1.0",
            "forward_scope": "none",
            "forward_layouts": "graph,extended,early",
            "events_url": receiver.url,
            "events_secret": receiver.secret,
        }
        with one_service(DATA, settings) as own:
            yield own, Others(graph, receiver)


@contextmanager
def one_service(data: Path, settings: Mapping[str, str | int]) -> Iterator[str]:
    """The URL of a service."""
    given = {"expiry_schedule": NEVER, **settings}
    with running_service(given, arguments=("--auth", "none", "--data", str(data))) as running:
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
            with own_services() as (own, others), httpx.Client(base_url=own, timeout=60) as http:
                tell(story := Story(http), idle_seconds=IDLE_SECONDS, others=others)
        except ServiceNotReadyError as error:
            raise SystemExit(str(error)) from None
        look = (
            f"Look at it on the page: python3 dev.py run --data {DATA.relative_to(ROOT)}, then open\n"
            f"http://127.0.0.1:7071/uploads#/{story.catalog}/{story.resource}"
        )
    print(f"\n{GREEN}Every answer was as expected.{PLAIN}\n{look}")


if __name__ == "__main__":
    main()
