"""Takes pictures of the page's main states, light, dark and narrow: ``python -m tests.page FOLDER``."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from local.azurite import azurite
from tests.page.app import App
from tests.page.browser import launch, screenshot, watched_page
from tests.support.client import Resource, http_client
from tests.support.service import running_service

SAMPLES = Path(__file__).parent.parent.parent / "samples"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1100, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1100, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


def take(app: App, resource: Resource, folder: Path, look: str) -> None:
    """Take an application through a session, with a picture of each state."""
    session = resource.new_session()
    app.open_home()
    expect(app.page.get_by_role("link", name="Upload files").first).to_be_visible()
    screenshot(app.page, folder, f"{look}-home")
    app.open_application(resource)
    screenshot(app.page, folder, f"{look}-application")
    app.open_session(session)
    app.choose(SAMPLES / "building-access.csv", SAMPLES / "crm-access-faulty.csv")
    expect(app.file("refused", "crm-access-faulty.csv")).to_be_visible()
    expect(app.file("accepted", "building-access.csv")).to_be_visible()
    screenshot(app.page, folder, f"{look}-session")
    app.replace("crm-access-faulty.csv", (SAMPLES / "crm-access.csv").read_bytes())
    expect(app.file("accepted")).to_have_count(2)
    app.page.get_by_role("button", name="Finish this session").click()
    screenshot(app.page, folder, f"{look}-question")
    app.confirm("Finish and seal")
    expect(app.status).to_have_attribute("data-session-status", "complete")
    screenshot(app.page, folder, f"{look}-receipt")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="tests.page", description="Take pictures of the page's main states.")
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
                take(App(page, url), resource, folder, look)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
