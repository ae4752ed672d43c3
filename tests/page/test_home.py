"""Home: what is asked of whom, in words of the job and by deadline, for one application and for hundreds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.page.app import App
from tests.page.browser import assert_accessible, assert_accessible_in_all_colors
from tests.page.conftest import Open
from tests.support.client import Resource, Session, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

MANY = 300


def name_of(resource: Resource) -> str:
    """What a named resource is called."""
    place = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
    return str(resource.http.get(place).json()["displayName"])


def expire(storage: Storage, session: Session, *, ago: timedelta = timedelta(hours=3)) -> None:
    """Make a session as old as one in which nothing has happened for so long."""
    resource = session.resource
    keys = {"PartitionKey": f"{resource.catalog_id}_{resource.resource_id}", "RowKey": f"session:{session.id}"}
    storage.sessions.update_entity(keys | {"LastActive": datetime.now(UTC) - ago})


def asked(app: App, name: str) -> Locator:
    """What is asked for of an application."""
    app.find_application(name)
    return app.page.locator("[data-asked]", has_text=name)


def test_home_leads_with_the_sessions_that_wait(app: App, named: Resource, storage: Storage) -> None:
    name = name_of(named)
    app.open_home()
    app.find_application(name)
    expect(app.page.locator(".lines li", has_text=name)).to_contain_text("Nothing was asked for yet")
    done = named.new_session()
    done.uploaded("access.csv")
    done.completed()
    app.open_home()
    app.find_application(name)
    expect(app.page.locator(".lines li", has_text=name)).to_contain_text("Handed in on")
    expect(app.page.locator(".lines li", has_text=name)).to_contain_text("1 file, 3 rows")

    later, first = named.new_session(), named.new_session()
    expire(storage, first, ago=timedelta(minutes=100))
    first.get()
    app.open_home()
    cards = asked(app, name)
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("Closes in ")
    expect(cards.last).to_contain_text("Open until ")
    expect(cards.last).to_contain_text("No files yet")
    cards.last.get_by_role("link", name="Upload files").click()
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert app.page.url.endswith(later.id)


def test_an_expired_session_can_be_started_again(app: App, named: Resource, storage: Storage) -> None:
    """The link that was sent works a week later, and home never says that there is nothing to do."""
    name = name_of(named)
    session = named.new_session()
    review = session.read()["data"]
    expire(storage, session, ago=timedelta(days=7))
    app.open_home()
    card = asked(app, name)
    expect(card).to_contain_text("Expired")
    assert_accessible_in_all_colors(app.page, "home with an expired session")
    expect(card).to_contain_text("This review still needs your files.")
    card.get_by_role("button", name="Start again for this review").click()
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert app.page.url.split("/")[-1] != session.id
    assert named.session(app.page.url.split("/")[-1]).read()["data"] == review

    app.page.goto(f"{app.url}/uploads#/")
    app.find_application(name)
    expect(app.page.locator("[data-asked]", has_text=name)).to_have_attribute("data-asked", "active")


def test_two_who_start_again_get_the_same_session(app: App, named: Resource, storage: Storage) -> None:
    session = named.new_session()
    expire(storage, session)
    app.open_application(named)
    again = app.page.get_by_role("button", name="Start again for this review")
    expect(again).to_have_count(1)
    other = named.new_session(session.read()["referenceId"])
    again.click()
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert app.page.url.endswith(other.id)


def test_a_session_that_expired_long_ago_is_not_asked_for(app: App, named: Resource, storage: Storage) -> None:
    expire(storage, named.new_session(), ago=timedelta(days=40))
    app.open_home()
    app.find_application(name_of(named))
    line = app.page.locator(".lines li", has_text=name_of(named))
    expect(line).to_contain_text("without being finished")


def test_a_reader_is_offered_nothing(app: App, named: Resource, storage: Storage) -> None:
    name = name_of(named)
    named.new_session()
    expired = named.new_session()
    expire(storage, expired)

    def as_reader(route: Route) -> None:
        told: dict[str, Any] = route.fetch().json()
        told["@uploads.permission"] = None
        for each in told.get("value", []):
            each["@uploads.role"] = "reader"
        route.fulfill(json=told | ({} if "value" in told else {"@uploads.right": "read"}))

    app.page.route("**/v1.0/uploads/resources**", as_reader)
    app.open_home()
    expect(asked(app, name)).to_have_count(2)
    expect(asked(app, name).get_by_role("link", name="Look at it")).to_have_count(2)
    expect(app.page.get_by_role("heading", name="To do", exact=True)).to_have_count(0)
    expect(app.page.get_by_role("heading", name="Waiting for their owners")).to_be_visible()
    expect(app.page.get_by_role("link", name="Upload files")).to_have_count(0)
    expect(app.page.get_by_role("button", name="Start again")).to_have_count(0)
    expect(app.page.get_by_text("For the governance team")).to_have_count(0)
    app.page.route("**/v1.0/uploads/resources/**", as_reader)
    app.open_application(named)
    expect(app.page.get_by_role("button", name="Start again")).to_have_count(0)
    expect(app.page.get_by_text("For the governance team")).to_have_count(0)


def test_an_empty_tenant_is_told_as_such(people: Open, storage: Storage) -> None:
    with running_service(storage.connection_string, name_prefix="empty") as url:
        app = people(url)
        app.open_home()
        expect(app.page.get_by_role("main")).to_contain_text("No application has a name yet")
        assert_accessible(app.page, "home without applications")
        app.page.get_by_text("Name an application").click()
        app.page.get_by_role("button", name="Save the name").click()
        expect(app.page.get_by_role("alert")).to_be_focused()
        assert_accessible(app.page, "home without applications, and a form with faults")


@pytest.fixture(scope="module")
def crowded(storage: Storage) -> Iterator[str]:
    """The URL of a service with many applications; every tenth has a session that waits."""
    with running_service(storage.connection_string, name_prefix="crowded") as url, http_client(url) as http:
        catalog = str(uuid4())

        def name(number: int) -> None:
            resource = Resource(http, catalog_id=catalog)
            place = f"/v1.0/uploads/resources/{catalog}/{resource.resource_id}"
            http.put(place, json={"displayName": f"Application {number:03d}"}).raise_for_status()
            if number % 10 == 0:
                resource.new_session()

        with ThreadPoolExecutor(8) as workers:
            list(workers.map(name, range(MANY)))
        yield url


def open_crowded(app: App) -> None:
    """Open home with many applications, which takes the service some seconds where other tests run beside it."""
    app.page.goto(f"{app.url}/uploads")
    expect(app.page.get_by_label("Find an application")).to_be_visible(timeout=30_000)


def test_hundreds_of_applications_are_one_request_and_a_short_page(people: Open, crowded: str) -> None:
    app = people(crowded, viewport={"width": 1280, "height": 800})
    page = app.page
    asked_of_service: list[str] = []
    page.on("request", lambda request: asked_of_service.append(request.url) if "/v1.0/" in request.url else None)
    open_crowded(app)
    expect(page.get_by_text("Nothing to do now (270)")).to_be_visible()
    assert len(asked_of_service) == 1
    expect(page.locator("[data-asked]")).to_have_count(20)
    assert page.evaluate("document.documentElement.scrollHeight") < 5_000
    assert_accessible(page, "home with 300 applications")
    page.get_by_role("button", name="Show all 30").click()
    expect(page.locator("[data-asked]")).to_have_count(30)

    page.get_by_label("Find an application").fill("application 123")
    expect(page.locator(".lines li")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("1 of 300 applications")
    page.get_by_label("Find an application").fill("no such name")
    expect(page.get_by_role("main")).to_contain_text("No application has these words in its name.")
    page.get_by_label("Find an application").fill("")
    expect(page.locator("[data-asked]")).to_have_count(20)


def test_an_application_is_found_and_opened_from_the_keyboard(people: Open, crowded: str) -> None:
    app = people(crowded)
    page = app.page
    open_crowded(app)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Find an application")).to_be_focused()
    page.keyboard.type("217")
    expect(page.locator(".lines li")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Application 217")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
