"""Takes the samples through a whole session and prints each request with its answer: ``python3 dev.py demo``."""

import json
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx

from local.arguments import demo_parser
from local.service import NEVER, ROOT, ServiceNotReadyError, running_service

SAMPLES = ROOT / "samples"
DATA = ROOT / ".data" / "demo"


def say(text: str) -> None:
    """Print a sentence of the story."""
    print(f"\n{text}")


def send(http: httpx.Client, method: str, path: str, expected: int, **options: Any) -> dict[str, Any]:
    """Send a request and print what was answered; gives the answer's JSON. An unexpected answer ends the demo."""
    answer = http.request(method, path, **options)
    body: dict[str, Any] = answer.json()
    print(f"  {method} .../{path.partition('/resources/')[2] or path}  {answer.status_code} {answer.reason_phrase}")
    for name in ("status", "stats", "displayName"):
        if name in body:
            print(f"      {name}: {body[name]}")
    error = body.get("error", {"message": ""})
    for line in (error["message"], *(f"{each['target']}: {each['message']}" for each in error.get("details", []))):
        if line:
            print(f"      {line}")
    if answer.status_code != expected:
        raise SystemExit(f"Unexpected answer: {expected} was expected here.")
    return body


def tell(http: httpx.Client) -> str:
    """The story; gives where the page shows the session's application."""
    application = f"{uuid4()}/{uuid4()}"
    catalog, resource = application.split("/")
    sessions = f"/v1.0/identityGovernance/entitlementManagement/catalogs/{catalog}/resources/{resource}/uploadSessions"

    def upload(sample: str, expected: int = 200, name: str | None = None) -> None:
        content = (SAMPLES / sample).read_bytes()
        send(http, "POST", f"{session}/uploadFile", expected, files={"file": (name or sample, content)})

    say("An application, and a session for one of its access review instances.")
    send(http, "PUT", f"/v1.0/uploads/resources/{application}", 200, json={"displayName": "Door system (demo)"})
    review = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    session = f"{sessions}/{send(http, 'POST', sessions, 201, json={'data': review})['id']}"

    say("Files are uploaded into it, one request each, in any of three column layouts.")
    for sample in ("building-access.csv", "mainframe-access.csv", "door-badges-early.csv"):
        upload(sample)

    say("A file with faults is refused at once, with the line and the column of each fault.")
    upload("crm-access-faulty.csv", 400)

    say("Marking the session as done is refused, too: the review would have only part of the data.")
    done = {"isUploadDone": True}
    send(http, "PATCH", session, 409, json=done)

    say("The fixed file, under the same name. Now the session can be completed, and cannot change any more.")
    upload("crm-access.csv", name="crm-access-faulty.csv")
    send(http, "PATCH", session, 200, json=done)
    send(http, "DELETE", session, 409)

    say("The export of another application has logins. The directory of the tenant's users says whose they are.")
    people = SAMPLES / "people"
    csv = {"Content-Type": "text/csv"}
    send(http, "PUT", "/v1.0/uploads/directory", 200, content=(people / "directory.csv").read_bytes(), headers=csv)
    other = f"/v1.0/uploads/resources/{catalog}/{uuid4()}"
    declared = json.loads((people / "wiki-import.json").read_text())
    send(http, "PUT", f"{other}/import", 200, json=declared)
    logins = {"file": ("wiki-logins.csv", (people / "wiki-logins.csv").read_bytes())}
    send(http, "POST", f"{other}/validateFile", 400, files=logins)

    say("Accounts that nobody has: the application's own list says whose they are, or that they are no person's.")
    send(http, "PUT", f"{other}/accounts", 200, content=(people / "accounts.csv").read_bytes(), headers=csv)
    row = send(http, "POST", f"{other}/validateFile", 200, files=logins)["firstRows"][0]
    print(f"      {row['CustomData']} is {row['principalId']}")

    say("Read it back, with its files.")
    for file in send(http, "GET", session, 200, params={"$expand": "files"})["files"]:
        print(f"      {file['name']} {file['size']} bytes")
    return f"/uploads#/{application}"


def main() -> None:
    """Tell the story to the terminal: of the service at ``--url``, or of one that runs as long as it takes."""
    url = demo_parser().parse_args().url
    how = "Look at it on the page:"
    try:
        with ExitStack() as running:
            if not url:
                arguments = ("--auth", "none", "--data", str(DATA))
                own = running.enter_context(running_service({"expiry_schedule": NEVER}, arguments=arguments))
                how += f" python3 dev.py run --data {DATA.relative_to(ROOT)}, then open"
            http = running.enter_context(httpx.Client(base_url=url or own.url, timeout=60))
            page = tell(http)
    except ServiceNotReadyError as error:
        raise SystemExit(str(error)) from None
    say(f"Every answer was as expected.\n{how} {(url or 'http://127.0.0.1:7071').rstrip('/')}{page}")


if __name__ == "__main__":
    main()
