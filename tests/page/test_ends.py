"""What stands in the way, each with its own words and a next step: expired, away, not permitted, signed out."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.page.conftest import Open
from tests.support.access_files import access_file
from tests.support.client import Resource, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

IDLE_SECONDS = 8


@pytest.fixture(scope="module")
def short_lived(storage: Storage) -> Iterator[str]:
    """The URL of a service whose sessions expire soon."""
    with running_service(storage.connection_string, idle_seconds=IDLE_SECONDS) as url:
        yield url


def test_a_session_that_expires_while_the_page_is_open_can_be_started_again(people: Open, short_lived: str) -> None:
    with http_client(short_lived) as http:
        session = Resource(http).new_session()
        session.uploaded("before.csv")
        app = people(short_lived)
        app.open_session(session)
        expect(app.page.locator(".urgent")).to_be_visible()
        expect(app.status).to_have_attribute("data-session-status", "expired", timeout=(IDLE_SECONDS + 12) * 1000)
        expect(app.page.get_by_role("heading", name="has expired")).to_be_focused()
        expect(app.file("accepted", "before.csv")).to_be_visible()
        app.page.get_by_role("button", name="Start again for this review").click()
        expect(app.status).to_have_attribute("data-session-status", "active")
        assert session.id not in app.page.url
        (again,) = (each for each in session.resource.ids() if each != session.id)
        assert session.resource.session(again).read()["referenceId"] == session.read()["referenceId"]


def test_a_service_that_is_away_is_told_as_such_and_nothing_chosen_is_lost(app: App, resource: Resource) -> None:
    session = resource.new_session()
    app.open_session(session)

    def away(route: Route) -> None:
        route.fulfill(
            status=503,
            headers={"Retry-After": "1", "Content-Type": "application/json"},
            body='{"error": {"code": "serviceNotAvailable", "message": "Storage does not answer."}}',
        )

    app.page.route("**/uploadSessions/**", away)
    app.choose(payload("kept.csv", access_file()))
    expect(app.page.locator("[data-name='kept.csv']")).to_contain_text("The service is busy")
    app.page.unroute("**/uploadSessions/**")
    expect(app.file("accepted", "kept.csv")).to_be_visible(timeout=30_000)

    app.page.route("**/uploads/resources**", away)
    app.page.goto(f"{app.url}/uploads#/")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("The service is busy")
    app.page.unroute("**/uploads/resources**")
    app.page.get_by_role("button", name="Try again").click()
    expect(app.page.get_by_role("heading", level=1)).to_have_text("My applications")


def test_a_session_that_was_finished_elsewhere_takes_no_more(app: App, resource: Resource) -> None:
    session = resource.new_session()
    session.uploaded("a.csv")
    app.open_session(session)
    session.completed()
    app.choose(payload("late.csv", access_file()))
    expect(app.status).to_have_attribute("data-session-status", "complete", timeout=20_000)


def test_leaving_with_uploads_under_way_asks_first(app: App, resource: Resource) -> None:
    session = resource.new_session()
    app.open_session(session)
    app.page.route("**/uploadFile", lambda route: None)
    app.choose(payload("slow.csv", access_file()))
    expect(app.page.locator("[data-name='slow.csv']")).to_be_visible()
    app.page.get_by_role("link", name="My applications").click()
    app.confirm("Stay")
    expect(app.status).to_have_attribute("data-session-status", "active")
    app.page.get_by_role("link", name="My applications").click()
    app.confirm("Leave and stop them")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("My applications")


def test_the_page_and_its_files_have_the_headers_that_protect_them(service: str) -> None:
    page = httpx.get(f"{service}/uploads")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["Content-Encoding"] == "gzip"
    script = page.text.split('src="')[1].split('"')[0]
    file = httpx.get(f"{service}{script}")
    assert file.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in file.headers["Cache-Control"]
    assert file.headers["Content-Encoding"] == "gzip"
    other_version = script.replace(script.split("/")[3], "0" * 16)
    for missing in (other_version, f"{script}.map", f"{script}/../../index.html"):
        assert httpx.get(f"{service}{missing}").status_code == 404
