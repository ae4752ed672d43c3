"""Addresses, and what is shown for them: one view at a time, whatever comes late, and however a link arrives."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.support.access_files import access_file
from tests.support.client import Resource, Session


def link(session: Session, around: str = "{}") -> str:
    """The place of a session, as a mail may have it."""
    resource = session.resource
    return "#/" + around.format(f"{resource.catalog_id}/{resource.resource_id}/{session.id}")


def go(app: App, place: str) -> None:
    """Follow a link of the page's own."""
    app.page.evaluate("place => { location.hash = place; }", place)


def hold(app: App, session: Session) -> list[Route]:
    """The requests that read a session, from now on, for the test to let through."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    app.page.route(re.compile(f"uploadSessions/{session.id}.*expand"), keep)
    return held


def test_the_skip_link_leads_to_the_content_of_the_same_view(app: App, session: Session) -> None:
    app.open_session(session)
    app.page.keyboard.press("Shift+Tab")
    for _ in range(4):
        if app.page.evaluate("document.activeElement.className") == "skip":
            break
        app.page.keyboard.press("Shift+Tab")

    app.page.keyboard.press("Enter")

    expect(app.page.get_by_role("main")).to_be_focused()
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert app.page.url.endswith(session.id)


def test_a_view_that_answers_late_is_not_shown(app: App, resource: Resource) -> None:
    slow, quick = resource.new_session(), resource.new_session()
    held = hold(app, slow)
    app.open_home()
    go(app, link(slow))
    while not held:
        app.page.wait_for_timeout(20)
    go(app, link(quick))
    expect(app.status).to_be_visible()

    held[0].continue_()
    app.page.wait_for_timeout(300)

    app.choose(payload("here.csv", access_file()))
    expect(app.file("accepted", "here.csv")).to_be_visible()
    assert (quick.file_names(), slow.file_names()) == (["here.csv"], [])


def test_a_view_that_was_left_reads_and_shows_nothing_more(app: App, session: Session) -> None:
    """Its last request is under way when it is left, and finds that the session has ended."""
    session.uploaded("a.csv")
    app.open_session(session)
    held = hold(app, session)
    app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    while not held:
        app.page.wait_for_timeout(20)
    go(app, "#/")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("My applications")
    session.completed()

    held[0].continue_()
    app.page.wait_for_timeout(300)

    expect(app.page.get_by_role("heading", level=1)).to_have_text("My applications")
    asked = len(held)
    app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    app.page.wait_for_timeout(300)
    assert len(held) == asked


@pytest.mark.parametrize("around", ["{}/", "{}.", "{}%3E", "{}%20", "{},", "{}/%E2%80%8B"])
def test_a_link_from_a_mail_is_taken_with_what_is_around_it(app: App, session: Session, around: str) -> None:
    app.page.goto(f"{app.url}/uploads{link(session, around)}")
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert app.page.url.endswith(session.id)


def test_who_stays_loses_no_place_of_the_history(app: App, session: Session) -> None:
    app.open_home()
    go(app, link(session))
    expect(app.status).to_be_visible()
    app.page.route("**/uploadFile", lambda route: None)
    app.choose(payload("slow.csv", access_file()))
    expect(app.page.locator("[data-name='slow.csv']")).to_be_visible()
    app.page.evaluate("history.back()")
    expect(app.dialog).to_have_count(1)
    app.confirm("Stay")
    app.page.wait_for_url(f"**{link(session)}")

    app.page.evaluate("history.back()")
    app.confirm("Leave")

    expect(app.page.get_by_role("heading", level=1)).to_have_text("My applications")
    app.page.evaluate("history.forward()")
    expect(app.status).to_be_visible()


def test_a_link_cannot_put_words_into_the_page(app: App) -> None:
    app.configure("auth", mode="entra", authority="http://127.0.0.1:9", clientId="x", scope="x/y")
    app.page.goto(f"{app.url}/uploads?state=a&error=b&error_description=Your+account+is+locked.+Call+1+900")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("You could not be signed in")
    expect(app.page.locator("body")).not_to_contain_text("900")
