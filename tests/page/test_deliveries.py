"""What the page shows after the completion: deliveries, and how to get past the check of plausibility."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.browser import assert_accessible
from tests.page.conftest import Open
from tests.support.access_files import access_file, layouts
from tests.support.client import Resource
from tests.support.deliveries import target_away, tried
from tests.support.invariants import Storage


@pytest.fixture(scope="module")
def handing_on(storage: Storage) -> Iterator[httpx.Client]:
    """A service that compares a session with the last one, and forwards to a target that is away."""
    with target_away(storage, "pagedeliveries") as http:
        yield http


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_delivery_that_waits_is_told_in_words(people: Open, handing_on: httpx.Client, scheme: str) -> None:
    app = people(str(handing_on.base_url), color_scheme=scheme)
    session = Resource(handing_on).new_session()
    session.uploaded("doors.csv")
    app.open_session(tried(session))
    delivery = app.page.locator("[data-delivery=graph]")
    expect(delivery).to_have_attribute("data-delivery-state", "pending")
    expect(delivery).to_contain_text("without success")
    expect(delivery).to_contain_text("could not be reached")
    expect(app.page.get_by_role("heading", name="Receipt")).to_be_visible()
    assert_accessible(app.page, "a delivery that waits")


def test_a_delivery_that_was_given_up_is_tried_again(people: Open, handing_on: httpx.Client) -> None:
    app = people(str(handing_on.base_url), viewport={"width": 320, "height": 800})
    session = Resource(handing_on).new_session()
    # A layout that the target does not accept: no attempt can help.
    session.uploaded("early.csv", dict(layouts())["early"])
    app.open_session(tried(session))
    delivery = app.page.locator("[data-delivery=graph]")
    expect(delivery).to_have_attribute("data-delivery-state", "failed")
    expect(delivery).to_contain_text("It does not take files with these columns.")
    expect(delivery).not_to_contain_text("UPLOADS_")
    assert_accessible(app.page, "a delivery that was given up")
    assert app.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    with app.page.expect_response("**/redeliver") as answer:
        delivery.get_by_role("button", name="Try again").click()
    assert answer.value.status == 202
    expect(app.page.locator("#announcer")).to_contain_text("It is tried again.")
    expect(app.page.get_by_role("heading", name="Handed on to Microsoft Entra")).to_be_focused()


def test_an_unexpected_number_of_rows_is_confirmed(people: Open, handing_on: httpx.Client) -> None:
    app = people(str(handing_on.base_url))
    resource = Resource(handing_on)
    first = resource.new_session()
    first.uploaded("doors.csv", access_file(10))
    first.completed()
    second = resource.new_session()
    second.uploaded("doors.csv", access_file(4))
    app.open_session(second)
    app.finish_button.click()
    app.confirm("Seal")
    dialog = app.dialog
    expect(dialog).to_contain_text("Rows now4")
    expect(dialog).to_contain_text("Rows last time10")
    expect(dialog).not_to_contain_text("Prefer")
    assert_accessible(app.page, "an unexpected number of rows")
    dialog.get_by_role("button", name="Not yet").click()
    assert second.read()["status"] == "active"
    app.finish_button.click()
    app.confirm("Seal")
    app.confirm("The number is right: finish")
    expect(app.status).to_have_attribute("data-session-status", "complete")
