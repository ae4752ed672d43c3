"""A browser for the tests of the page, and what holds in each of them: no error in the console, no report of CSP."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from tests.support.chromium import chromium

# Nothing of Chromium's own goes out; the sandbox needs a user who is not root.
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Chromium logs each answer of 400 and more as an error of its own. What the page makes of it is what the tests look at.
_ANSWERS = ("Failed to load resource: the server responded with a status of", "Failed to load resource: net::ERR_")

_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_COUNT_REPORTS = """
    document.addEventListener("securitypolicyviolation", (report) =>
      console.error(`CSP: ${report.violatedDirective} ${report.blockedURI}`));
"""


def launch(playwright: Playwright) -> Browser:
    """Chromium without a window."""
    arguments = [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return playwright.chromium.launch(executable_path=chromium(), args=arguments)


@contextmanager
def watched_page(context: BrowserContext) -> Iterator[Page]:
    """A new page; when it is closed there must have been no error in its console, no exception, no report of CSP."""
    faults: list[str] = []
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.add_init_script(_COUNT_REPORTS)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_ANSWERS):
            faults.append(f"console: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    try:
        yield page
    finally:
        page.close()
    assert faults == []


def assert_accessible(page: Page, state: str) -> None:
    """See that axe finds no violation of WCAG 2.2 AA, or of its best practices, in what is shown now."""
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": _WCAG}})
    violations = [
        f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes']]}"
        for violation in results.response["violations"]
    ]
    assert violations == [], f"{state}: " + "\n".join(violations)


def assert_accessible_in_all_colors(page: Page, state: str) -> None:
    """See the same in light, dark and forced colors."""
    assert_accessible(page, state)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page, f"{state}, dark")
    page.emulate_media(color_scheme="light", forced_colors="active")
    assert_accessible(page, f"{state}, forced colors")
    page.emulate_media(color_scheme="light", forced_colors="none")


def screenshot(page: Page, folder: Path, name: str) -> None:
    """Keep a picture of the whole page."""
    page.screenshot(path=folder / f"{name}.png", full_page=True)
