"""What people do on the page, as the tests say it."""

import csv
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from playwright.sync_api import FileChooser, Locator, Page, Route, expect

from tests.support.client import Resource, Session

TIMES = "\N{MULTIPLICATION SIGN}"


class FilePayload(TypedDict):
    """A file that exists in the test only."""

    name: str
    mimeType: str
    buffer: bytes


def payload(name: str, content: bytes) -> FilePayload:
    """A CSV file to choose."""
    return {"name": name, "mimeType": "text/csv", "buffer": content}


@dataclass(frozen=True, slots=True)
class App:
    """The page, as one person has it open."""

    page: Page
    url: str

    def open_home(self) -> None:
        """Open "My applications"."""
        self.page.goto(f"{self.url}/uploads")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("My applications")

    def find_application(self, name: str) -> None:
        """Look for an application on "My applications", where there is a filter."""
        finder = self.page.get_by_label("Find an application")
        if finder.count():
            finder.fill(name)

    def open_application(self, resource: Resource) -> None:
        """Open one application."""
        self.page.goto(f"{self.url}/uploads#/{resource.catalog_id}/{resource.resource_id}")
        expect(self.page.get_by_role("heading", name="Upload sessions")).to_be_visible()

    def open_session(self, session: Session) -> None:
        """Follow the link to a session."""
        resource = session.resource
        self.page.goto(f"{self.url}/uploads#/{resource.catalog_id}/{resource.resource_id}/{session.id}")
        expect(self.status).to_be_visible()

    def configure(self, part: str, **settings: Any) -> None:
        """Change what the document tells the page, from the next visit on."""

        def answer(route: Route) -> None:
            response = route.fetch()
            document = response.text()
            (told,) = re.findall(r'name="configuration" content="([^"]*)"', document)
            changed = json.loads(html.unescape(told))
            changed[part] |= settings
            route.fulfill(response=response, body=document.replace(told, html.escape(json.dumps(changed))))

        self.page.route(re.compile(r"/uploads(\?.*)?$"), answer)

    @property
    def status(self) -> Locator:
        """The element that tells the session's state."""
        return self.page.locator("[data-session-status]")

    @property
    def dialog(self) -> Locator:
        """The question that is open."""
        return self.page.get_by_role("dialog")

    @property
    def file_input(self) -> Locator:
        """Where files are chosen."""
        return self.page.locator("input[type=file][multiple]")

    def choose(self, *files: FilePayload | Path) -> None:
        """Choose files, as the file dialog does."""
        chosen: Sequence[FilePayload] | Sequence[str] = (
            [str(file) for file in files if isinstance(file, Path)]
            if isinstance(files[0], Path)
            else [file for file in files if not isinstance(file, Path)]
        )
        self.file_input.set_input_files(chosen)

    def file(self, state: str, name: str | None = None) -> Locator:
        """The elements of files in a state, perhaps only the one of that name."""
        found = self.page.locator(f'[data-file-state="{state}"]')
        return found if name is None else found.and_(self.page.locator(f'[data-name="{name}"]'))

    def choose_one(self, button: Locator, file: FilePayload) -> None:
        """Choose a file for a button that asks for one."""
        with self.page.expect_file_chooser() as chooser:
            button.click()
        picked: FileChooser = chooser.value
        picked.set_files([file])

    def replace(self, name: str, content: bytes, *, file_name: str | None = None) -> None:
        """Upload the fixed file in the place of a refused one."""
        button = self.file("refused", name).get_by_role("button", name=re.compile("Upload the (fixed|CSV) file"))
        self.choose_one(button, payload(file_name or name, content))

    def confirm(self, words: str) -> None:
        """Answer a question with yes."""
        self.dialog.get_by_role("button", name=words).click()

    @property
    def finish_button(self) -> Locator:
        """What asks whether to finish."""
        return self.page.get_by_role("button", name="Finish this upload")

    def finish(self) -> None:
        """Finish the session, and see the receipt."""
        self.finish_button.click()
        self.confirm("Seal")
        expect(self.status).to_have_attribute("data-session-status", "complete")


def saved_faults(app: App, name: str, folder: Path) -> list[list[str]]:
    """The list of a refused file's faults, as a spreadsheet reads it."""
    with app.page.expect_download() as download:
        app.file("refused", name).get_by_role("button", name="Save the list of faults").click()
    saved = folder / "faults.csv"
    download.value.save_as(saved)
    return list(csv.reader(saved.read_bytes().decode("utf-16").splitlines(), delimiter="\t"))
