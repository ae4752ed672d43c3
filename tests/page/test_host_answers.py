"""What Microsoft's Functions host says without the app: no body, no ``request-id``, and the page finds the words."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.support.access_files import access_file, access_file_of
from tests.support.client import Session

BODY_BYTES = 200_000

# An upload that the host answers, and what the page calls it.
ANSWERS = {
    400: "The service did not accept this request",
    404: "The service is not running",
    413: "The file is too large",
    414: "The browser sent more than the service takes",
    429: "The service is busy",
    431: "The browser sent more than the service takes",
    500: "The service ended this request",
    502: "The service is not available right now",
    503: "The service is not available right now",
}
# Of these it is certain, or likely, that the same request succeeds a moment later.
PASSING = (429, 500, 502, 503)


def host_says(status: int) -> Callable[[Route], None]:
    """The host's own answer: nothing but a status."""
    return lambda route: route.fulfill(status=status, body="")


def in_time(app: App, seen: Callable[[], bool]) -> None:
    """Let the page's pauses pass until something is seen."""
    for _ in range(200):
        if seen():
            return
        app.page.clock.fast_forward(31_000)
        app.page.wait_for_timeout(20)
    pytest.fail("not seen")


@pytest.mark.parametrize("status", ANSWERS)
def test_an_upload_that_the_host_answers_is_explained(app: App, session: Session, status: int) -> None:
    tries = 0

    def answer(route: Route) -> None:
        nonlocal tries
        tries += 1
        host_says(status)(route)

    app.page.clock.install()
    app.open_session(session)
    app.page.route("**/uploadFile", answer)
    app.choose(payload("access.csv", access_file()))
    failed = app.file("failed", "access.csv")
    in_time(app, failed.is_visible)
    expect(failed).to_contain_text(ANSWERS[status])
    expect(failed).not_to_contain_text(re.compile("does not understand|does not know|unexpected|undefined|null"))
    assert (tries > 1) is (status in PASSING)
    # The same words for what a person did not start.
    app.page.unroute("**/uploadFile")
    app.page.route("**/uploads/resources**", host_says(status))
    app.page.goto(f"{app.url}/uploads#/")
    title = app.page.get_by_role("heading", level=1)
    in_time(app, lambda: title.is_visible() and title.inner_text() == ANSWERS[status])


def test_a_host_without_a_free_slot_is_waited_for(app: App, session: Session) -> None:
    """429 without Retry-After: the app has not seen the request, whatever it asks for."""
    busy: list[str] = []

    def twice(route: Route) -> None:
        path = f"{route.request.method} {route.request.url}"
        busy.append(path)
        if busy.count(path) <= 2:
            host_says(429)(route)
        else:
            route.continue_()

    app.page.clock.install()
    app.page.route("**/v1.0/**", twice)
    resource = session.resource
    app.page.goto(f"{app.url}/uploads#/{resource.catalog_id}/{resource.resource_id}/{session.id}")
    in_time(app, app.status.is_visible)
    app.choose(payload("access.csv", access_file()))
    in_time(app, app.file("accepted", "access.csv").is_visible)
    app.finish_button.click()
    app.confirm("Seal")
    in_time(app, lambda: app.status.get_attribute("data-session-status") == "complete")
    assert sum(path.startswith("PATCH") for path in busy) == 3


def test_a_host_without_the_app_removes_nothing_from_the_page(app: App, session: Session) -> None:
    """404 of the app means that it is gone; 404 of the host says nothing about it."""
    session.uploaded("kept.csv")
    app.open_session(session)
    app.page.route("**/v1.0/**", host_says(404))
    app.file("accepted", "kept.csv").get_by_role("button", name=re.compile("Remove")).click()
    app.confirm("Remove the file")
    expect(app.page.get_by_role("alert")).to_contain_text("The service is not running")
    expect(app.file("accepted", "kept.csv")).to_be_visible()
    assert session.file_names() == ["kept.csv"]


def test_a_connection_that_ends_in_the_middle_of_an_upload_is_explained(app: App, session: Session) -> None:
    app.page.clock.install()
    app.page.add_init_script("""
        const send = XMLHttpRequest.prototype.send;
        XMLHttpRequest.prototype.send = function (form) {
          if (!(form instanceof FormData)) return send.call(this, form);
          this.upload.dispatchEvent(new ProgressEvent("progress", { loaded: 500, total: 1000 }));
          this.dispatchEvent(new ProgressEvent("error"));
        };
    """)
    app.open_session(session)
    app.choose(payload("cut.csv", access_file()))
    failed = app.file("failed", "cut.csv")
    in_time(app, failed.is_visible)
    expect(failed).to_contain_text("The connection ended in the middle of the upload")
    expect(failed).to_contain_text("accup send")


def test_a_file_above_the_limit_of_a_body_is_not_sent_and_the_page_says_what_to_use(app: App, session: Session) -> None:
    sent: list[str] = []
    app.configure("limits", maxBodyBytes=BODY_BYTES)
    app.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    app.open_session(session)
    expect(app.page.locator("#files-hint")).to_contain_text("up to 0.1 MB each")
    # The form around the file counts, too.
    app.choose(payload("too-large.csv", access_file_of(BODY_BYTES)))
    failed = app.file("failed", "too-large.csv")
    expect(failed).to_contain_text("The file is too large for this page")
    expect(failed).to_contain_text("0.1 MB")
    expect(failed).to_contain_text("accup send")
    expect(failed.get_by_role("button", name=re.compile("Try again"))).to_have_count(0)
    assert sent == []

    app.choose(payload("fits.csv", access_file_of(BODY_BYTES - 5_000)))
    expect(app.file("accepted", "fits.csv")).to_be_visible()
    failed.get_by_role("button", name=re.compile("Dismiss")).click()
    expect(failed).to_have_count(0)


@pytest.mark.parametrize("body_bytes", [None, 10_000_000])
def test_a_file_above_the_limit_of_a_file_can_only_be_split(app: App, session: Session, body_bytes: int | None) -> None:
    app.configure("limits", maxFileBytes=1_500_000, maxBodyBytes=body_bytes)
    app.open_session(session)
    expect(app.page.locator("#files-hint")).to_contain_text("up to 1.5 MB each")
    app.choose(payload("too-large.csv", access_file_of(1_600_000)))
    failed = app.file("failed", "too-large.csv")
    expect(failed).to_contain_text("Split it into several files")
    expect(failed).not_to_contain_text("accup")
