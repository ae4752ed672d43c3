"""Nothing is sealed beside something open, and nothing by mistake."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.support.access_files import GRAPH_COLUMNS, access_file, csv_text
from tests.support.client import Resource, Session

# What no person should read: the API's own vocabulary.
TECHNICAL = re.compile(
    r"ETag|UPLOADS_|\bDELETE\b|\bPrefer\b|EntitlementManagement|If-Match|Error\)|\.\.\./|refusals/|unexpectedChange"
)


def test_a_file_that_was_not_uploaded_stands_in_the_way_until_it_is_dismissed(app: App, session: Session) -> None:
    session.uploaded("good.csv")
    app.open_session(session)
    app.page.route("**/uploadFile", lambda route: route.fulfill(status=413, body=""))
    app.choose(payload("lost.csv", access_file()))
    expect(app.file("failed", "lost.csv")).to_be_visible()
    expect(app.finish_button).to_be_disabled()
    expect(app.page.get_by_role("region", name="Finish")).to_contain_text("1 file was not uploaded: lost.csv.")
    app.file("failed").get_by_role("button", name="Dismiss").click()
    expect(app.finish_button).to_be_enabled()


def test_a_new_version_that_did_not_arrive_is_not_hidden_by_the_old_one(app: App, session: Session) -> None:
    """Even where both have the same size."""
    content = access_file(3)
    session.uploaded("data.csv", content)
    app.open_session(session)
    app.page.route("**/uploadFile", lambda route: route.fulfill(status=413, body=""))
    app.choose(payload("data.csv", content.replace(b"Door 1", b"Gate 1")))
    expect(app.file("failed", "data.csv")).to_be_visible()
    with app.page.expect_response("**/refusals"):
        app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    app.page.wait_for_timeout(200)
    expect(app.file("failed", "data.csv")).to_be_visible()
    expect(app.finish_button).to_be_disabled()


def test_a_held_key_seals_nothing_and_the_safe_answer_has_the_focus(app: App, session: Session) -> None:
    session.uploaded("a.csv")
    app.open_session(session)
    app.finish_button.focus()
    for _ in range(6):
        # From the second on, Chromium marks them as repeated.
        app.page.keyboard.down("Enter")
    app.page.wait_for_timeout(200)
    app.page.keyboard.up("Enter")
    expect(app.dialog.get_by_role("button", name="Not yet")).to_be_focused()
    assert session.read()["status"] == "active"
    app.page.keyboard.press("Enter")
    expect(app.dialog).to_have_count(0)
    assert session.read()["status"] == "active"


def test_the_question_names_what_to_look_at_also_after_the_page_is_loaded_again(app: App, resource: Resource) -> None:
    place = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
    resource.http.put(place, json={"displayName": "Doors", "expectedRows": 2000}).raise_for_status()
    last = resource.new_session()
    last.uploaded("doors.csv", access_file(40))
    last.uploaded("gates.csv", access_file(2))
    last.completed()
    session = resource.new_session()
    app.open_session(session)
    app.choose(payload("doors.csv", access_file(30)), payload("none.csv", csv_text(GRAPH_COLUMNS, []).encode()))
    expect(app.file("accepted", "none.csv")).to_contain_text("nobody has access")
    app.page.reload()
    expect(app.file("accepted", "none.csv")).to_contain_text("It has no rows, so it says that nobody has access.")
    expect(app.file("accepted", "doors.csv")).to_contain_text("30 rows; about 2,000 are expected.")
    app.finish_button.click()
    expect(app.dialog).to_contain_text("doors.csv: 30 rows; about 2,000 are expected.")
    expect(app.dialog).to_contain_text("none.csv: It has no rows")
    expect(app.dialog).to_contain_text("30 rows, and last time it was 42: 29 % fewer.")
    expect(app.dialog).to_contain_text("There was last time, and is not now: gates.csv")
    expect(app.dialog.get_by_role("button", name="Seal 2 files, 30 rows")).to_be_visible()


def test_how_a_file_was_read_is_nothing_to_decide(app: App, session: Session) -> None:
    content = access_file(3).replace(b",", b";").decode().encode("utf-16")
    assert session.uploaded("unicode.csv", content)["@uploads.warningCount"] == 1
    app.open_session(session)
    expect(app.file("accepted", "unicode.csv")).to_contain_text("3 rows")
    expect(app.page.locator(".warning")).to_have_count(0)
    app.finish_button.click()
    expect(app.dialog).to_contain_text("Hand in 1 file")
    expect(app.dialog).not_to_contain_text("Look at this first")


@pytest.mark.parametrize("seen", [False, True], ids=["not seen by the page", "seen by the page"])
def test_a_change_of_somebody_else_during_the_question_is_told_in_words(app: App, session: Session, seen: bool) -> None:
    session.uploaded("a.csv")
    app.open_session(session)
    app.finish_button.click()
    session.uploaded("b.csv")
    if seen:
        app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(app.file("accepted", "b.csv")).to_be_visible()
    app.confirm("Seal")
    alert = app.page.get_by_role("alert")
    expect(alert).to_contain_text("Somebody else changed this at the same time")
    expect(alert).to_be_focused()
    expect(app.file("accepted", "b.csv")).to_be_visible()
    assert not TECHNICAL.search(app.page.inner_text("body"))
    assert session.read()["status"] == "active"


@pytest.mark.parametrize("arrives", [True, False], ids=["the answer is lost", "the request is lost"])
def test_a_network_that_is_lost_while_sealing_leaves_no_doubt(app: App, session: Session, arrives: bool) -> None:
    def lose(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        if arrives:
            route.fetch()
        route.abort("connectionreset")

    session.uploaded("a.csv")
    app.open_session(session)
    app.page.route("**/uploadSessions/**", lose)
    app.finish_button.click()
    app.confirm("Seal")
    alert = app.page.get_by_role("alert")
    if arrives:
        expect(app.status).to_have_attribute("data-session-status", "complete")
        expect(app.page.get_by_role("heading", name="Receipt")).to_be_focused()
        expect(alert).to_have_count(0)
    else:
        expect(alert).to_contain_text("The service cannot be reached")
        expect(app.status).to_have_attribute("data-session-status", "active")
    assert session.read()["status"] == ("complete" if arrives else "active")


ANSWERS = {
    "too many files": (400, "maxItemCountExceeded", "The limit is 3 (UPLOADS_MAX_FILES)."),
    "too large": (413, "maxFileSizeExceeded", "larger than 1000000 bytes (UPLOADS_MAX_FILE_BYTES)"),
    "not permitted": (403, "accessDenied", "requires the permission EntitlementManagement.ReadWrite.All"),
    "over": (409, "uploadSessionFailed", "This upload session is complete and cannot be changed."),
    "broken": (500, "generalException", "Failed (ClientConnectorError)"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_no_word_of_the_api_reaches_a_person(app: App, session: Session, case: str) -> None:
    status, reason, message = ANSWERS[case]
    error = {"code": "x", "message": message, "innerError": {"code": reason, "request-id": session.id}}
    session.uploaded("kept.csv")
    app.open_session(session)

    def answer(route: Route) -> None:
        route.fulfill(status=status, json={"error": error})

    app.page.route("**/uploadFile", answer)
    app.choose(payload("new.csv", access_file()))
    expect(app.page.locator("[data-name='new.csv']")).to_contain_text(re.compile("Not uploaded|Needs fixing"))
    app.page.route("**/files/**", answer)
    app.file("accepted", "kept.csv").get_by_role("button", name=re.compile("Remove")).click()
    app.confirm("Remove the file")
    expect(app.page.get_by_role("alert")).to_be_focused()
    assert not TECHNICAL.search(app.page.inner_text("body"))
