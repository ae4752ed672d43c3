"""Takes pictures of the page's states, light, dark, on a tablet, a phone and paper: ``python -m tests.page FOLDER``."""

import argparse
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect, sync_playwright

from local.azurite import azurite
from tests.page.app import App, payload
from tests.page.browser import launch, screenshot, watched_page
from tests.support.access_files import GRAPH_COLUMNS, access_file, csv_text
from tests.support.client import Resource, Session, http_client
from tests.support.service import running_service

SAMPLES = Path(__file__).parent.parent.parent / "samples"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "color_scheme": "light"},
    "narrow": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "light",
        "has_touch": True,
        "is_mobile": True,
    },
}

Picture = Callable[[str], None]


def session_from_start_to_receipt(app: App, resource: Resource, picture: Picture) -> None:
    """Take an application through a session, with a picture of each state."""
    session = resource.new_session()
    app.open_home()
    picture("home")
    app.open_application(resource)
    picture("application")
    app.open_session(session)
    picture("empty")
    app.choose(SAMPLES / "building-access.csv", SAMPLES / "crm-access-faulty.csv")
    expect(app.file("refused", "crm-access-faulty.csv").locator("td.cell").first).not_to_have_text("…")
    expect(app.file("accepted", "building-access.csv")).to_be_visible()
    picture("session")
    app.replace("crm-access-faulty.csv", (SAMPLES / "crm-access.csv").read_bytes(), file_name="crm-access (2).csv")
    expect(app.file("accepted")).to_have_count(2)
    app.choose(payload("empty.csv", csv_text(GRAPH_COLUMNS, []).encode()))
    expect(app.file("accepted")).to_have_count(3)
    picture("accepted")
    app.finish_button.click()
    picture("question")
    app.confirm("Seal")
    expect(app.status).to_have_attribute("data-session-status", "complete")
    picture("receipt")
    app.page.emulate_media(media="print")
    picture("receipt-print")
    app.page.emulate_media(media="screen")


def what_stands_in_the_way(app: App, resource: Resource, picture: Picture) -> None:
    """Pictures of what needs a person: files in each state, and the ends that are no receipt."""
    session = resource.new_session()
    session.uploaded("doors.csv", access_file(20))
    session.upload("earlier.csv", b"not,a,header\r\n1,2,3\r\n")
    app.open_session(session)
    app.choose(payload("doors.csv", access_file(25)), payload("export.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
    expect(app.file("taken", "doors.csv")).to_be_visible()
    expect(app.file("refused", "export.xlsx")).to_be_visible()
    app.page.route("**/uploadFile", lambda route: route.fulfill(status=413, body=""))
    app.choose(payload("large.csv", access_file()))
    expect(app.file("failed", "large.csv")).to_be_visible()
    app.page.route("**/uploadFile", lambda route: None)
    app.choose(payload("busy.csv", access_file()))
    picture("attention")
    app.page.get_by_role("button", name="Cancel busy.csv").click()
    app.page.unroute("**/uploadFile")
    told_otherwise(app, session, status="expired", expirationDateTime="2026-11-29T10:28:00Z")
    picture("expired")
    app.page.goto("about:blank")
    app.page.unroute_all(behavior="wait")
    session.resource.http.delete(session.path).raise_for_status()
    app.page.goto(f"{app.url}/uploads#/{resource.catalog_id}/{resource.resource_id}/{session.id}")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("There is nothing here that you can see")
    picture("problem")


def told_otherwise(app: App, session: Session, **properties: str) -> None:
    """Open a session that the page is told to be in another state."""

    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | properties)

    app.page.goto("about:blank")
    app.page.route(re.compile("expand=files"), answer)
    app.open_session(session)


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="tests.page", description="Take pictures of the page's states.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        azurite(Path(data)) as account,
        running_service(account.connection_string) as url,
        http_client(url) as http,
        sync_playwright() as playwright,
    ):
        resource = Resource(http)
        place = f"{resource.catalog_id}/{resource.resource_id}"
        description = {"displayName": "Customer relations (CRM)", "contact": "governance@fabrikam.example"}
        http.put(f"/v1.0/uploads/resources/{place}", json=description).raise_for_status()
        browser = launch(playwright)
        for look, options in LOOKS.items():
            with watched_page(browser.new_context(**options)) as page:
                app = App(page, url)

                def picture(name: str, app: App = app, look: str = look) -> None:
                    screenshot(app.page, folder, f"{look}-{name}")

                session_from_start_to_receipt(app, resource, picture)
                what_stands_in_the_way(app, resource, picture)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
