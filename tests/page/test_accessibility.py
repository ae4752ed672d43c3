"""WCAG 2.2 AA: axe in every state, the keyboard alone, narrow, enlarged, dark."""

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.page.browser import assert_accessible
from tests.page.conftest import Open
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource


@pytest.mark.parametrize(
    "scheme", ["light", pytest.param("dark", marks=pytest.mark.slow("of the page in dark colors"))]
)
def test_axe_finds_no_violation_in_any_state(people: Open, named: Resource, scheme: str) -> None:
    app = people(color_scheme=scheme)
    page = app.page
    app.open_home()
    assert_accessible(page, "home")
    page.get_by_text("Name an application").click()
    page.get_by_role("button", name="Save the name").click()
    assert_accessible(page, "a form with faults")

    app.open_application(named)
    page.get_by_text("Create a session for a review").click()
    page.get_by_text("Change its name and expectations").click()
    page.get_by_text("Who has access").click()
    page.get_by_text("History", exact=True).click()
    expect(page.get_by_role("button", name="Give access")).to_be_visible()
    assert_accessible(page, "an application")

    session = named.new_session()
    session.upload("earlier.csv", faulty_access_file(3))
    app.open_session(session)
    page.get_by_text("What a file must look like").click()
    app.choose(payload("good.csv", access_file()), payload("bad.csv", faulty_access_file(4, 6)))
    expect(app.file("refused", "bad.csv")).to_be_visible()
    expect(app.file("accepted", "good.csv")).to_be_visible()
    assert_accessible(page, "a session with accepted and refused files")
    page.route("**/uploadFile", lambda route: None)
    app.choose(payload("busy.csv", access_file()))
    expect(page.locator("[data-name='busy.csv']")).to_be_visible()
    assert_accessible(page, "an upload under way")
    page.get_by_role("button", name="Cancel busy.csv").click()
    assert_accessible(page, "a cancelled upload")
    page.unroute("**/uploadFile")

    app.replace("bad.csv", access_file())
    expect(app.file("accepted")).to_have_count(2)
    app.replace("earlier.csv", access_file())
    expect(app.file("accepted")).to_have_count(3)
    app.finish_button.click()
    assert_accessible(page, "the question")
    app.confirm("Seal")
    expect(app.status).to_have_attribute("data-session-status", "complete")
    assert_accessible(page, "the receipt")
    page.goto(f"{app.url}/uploads#/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    assert_accessible(page, "a problem")


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 360, "height": 740}},
        pytest.param({"color_scheme": "dark"}, marks=pytest.mark.slow("of the page in dark colors")),
        pytest.param({"forced_colors": "active"}, marks=pytest.mark.slow("of the page in forced colors")),
    ],
    ids=str,
)
def test_axe_finds_no_violation_in_what_needs_a_person(people: Open, named: Resource, look: dict[str, Any]) -> None:
    app = people(**look)
    page = app.page
    session = named.new_session()
    session.uploaded("here.csv", access_file(4))
    session.uploaded("empty.csv", access_file(0))
    app.open_session(session)
    page.route("**/uploadFile", lambda route: route.fulfill(status=413, body=""))
    app.choose(payload("failed.csv", access_file()))
    expect(app.file("failed")).to_be_visible()
    page.unroute("**/uploadFile")
    app.choose(payload("here.csv", access_file(5)), payload("book.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
    expect(app.file("taken")).to_be_visible()
    expect(app.file("refused")).to_be_visible()
    assert_accessible(page, "files that need something")
    page.route("**/v1.0/**", lambda route: route.abort("internetdisconnected"))
    app.file("accepted", "here.csv").get_by_role("button", name="Remove").click()
    assert_accessible(page, "the question before a file is removed")
    app.confirm("Remove the file")
    expect(page.get_by_role("alert")).to_be_focused()
    assert_accessible(page, "a lost network")
    page.unroute("**/v1.0/**")
    session.resource.http.delete(session.path).raise_for_status()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(app.status).to_have_attribute("data-session-status", "deleted")
    assert_accessible(page, "a session that was deleted")

    def expired(route: Route) -> None:
        response = route.fetch()
        told = {"status": "expired", "expirationDateTime": "2026-11-29T10:28:00Z"}
        route.fulfill(response=response, json=response.json() | told)

    page.route(re.compile("expand=files"), expired)
    app.open_session(named.new_session())
    assert_accessible(page, "a session that has expired")


def test_everything_works_from_the_keyboard(app: App, named: Resource) -> None:
    session = named.new_session()
    session.uploaded("a.csv")
    page = app.page
    app.open_home()
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name=str(page.evaluate("document.activeElement.textContent")))
    expect(link.first).to_be_focused()
    app.open_session(session)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Finish this upload":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Not yet")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(app.status).to_have_attribute("data-session-status", "complete")


def test_a_refusal_moves_the_focus_to_its_summary_and_is_announced(app: App, named: Resource) -> None:
    app.open_session(named.new_session())
    app.file_input.focus()
    app.choose(payload("bad.csv", faulty_access_file(4)))
    expect(app.page.get_by_role("heading", name="There is a problem with this file")).to_be_focused()
    expect(app.page.locator("#announcer")).to_contain_text("bad.csv was refused: 1 fault.")


@pytest.mark.parametrize(
    ("width", "zoom"),
    [
        (320, 1),
        *(pytest.param(*look, marks=pytest.mark.slow("of the enlarged page")) for look in [(1280, 4), (640, 2)]),
    ],
)
def test_nothing_needs_sideways_scrolling_when_narrow_or_enlarged(
    people: Open, named: Resource, width: int, zoom: int
) -> None:
    # Enlarging to 200 % or 400 % leaves a half or a quarter of the width (WCAG 2.2, 1.4.10).
    app = people(viewport={"width": width // zoom, "height": 800}, device_scale_factor=zoom)
    session = named.new_session()
    session.uploaded("a-rather-long-name-of-a-file-that-has-no-spaces-in-it-at-all.csv")
    session.upload("bad.csv", faulty_access_file(4))

    def refused() -> None:
        app.open_session(session)
        app.choose(payload("new.csv", faulty_access_file(4)))
        expect(app.file("refused", "new.csv").locator("tr.cause")).to_have_count(1)

    for opened in (app.open_home, lambda: app.open_application(named), refused):
        opened()
        assert app.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
