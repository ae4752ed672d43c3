"""What others, the network and the clock do while the page is open: told once, and nothing is lost."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.page.app import App, payload
from tests.support.access_files import GRAPH_COLUMNS, access_file, csv_text
from tests.support.client import Resource, Session

LOOK = "document.dispatchEvent(new Event('visibilitychange'))"


def test_focus_and_open_details_stay_when_somebody_else_uploads(app: App, session: Session) -> None:
    repeated = [(session.id, "EntraIdUser", "door", "Door", "", "")] * 6
    app.open_session(session)
    app.choose(payload("warned.csv", csv_text(GRAPH_COLUMNS, repeated).encode()))
    more = app.file("accepted", "warned.csv").locator("details")
    more.locator("summary").click()
    remove = app.file("accepted", "warned.csv").get_by_role("button", name="Remove")
    remove.focus()

    session.uploaded("other.csv")
    app.page.evaluate(LOOK)

    expect(app.file("accepted", "other.csv")).to_be_visible()
    expect(remove).to_be_focused()
    expect(more).to_have_attribute("open", "")
    app.finish_button.focus()
    session.uploaded("third.csv")
    app.page.evaluate(LOOK)
    expect(app.file("accepted", "third.csv")).to_be_visible()
    expect(app.finish_button).to_be_focused()


def test_a_session_that_is_deleted_elsewhere_ends_here_once(app: App, session: Session) -> None:
    requests: list[str] = []
    app.open_session(session)
    app.page.clock.install()
    session.resource.http.delete(session.path).raise_for_status()
    app.page.evaluate(LOOK)
    expect(app.status).to_have_attribute("data-session-status", "deleted")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("This upload is no longer here")
    app.page.locator("a", has_text="Go to my applications").focus()
    app.page.on("request", lambda request: requests.append(request.url))
    app.page.clock.fast_forward(60_000)
    app.page.evaluate(LOOK)
    app.page.wait_for_timeout(300)
    assert requests == []
    expect(app.page.locator("a", has_text="Go to my applications")).to_be_focused()
    expect(app.file_input).to_have_count(0)


def test_a_network_that_is_away_is_told_once_and_no_longer_when_it_is_back(app: App, session: Session) -> None:
    session.uploaded("a.csv")
    app.open_session(session)
    app.page.route("**/v1.0/**", lambda route: route.abort("internetdisconnected"))
    app.page.evaluate(LOOK)
    told = app.page.get_by_text("The service cannot be reached")
    expect(told).to_have_count(1)
    app.file("accepted", "a.csv").get_by_role("button", name="Remove").click()
    app.confirm("Remove the file")
    expect(app.page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    app.page.unroute("**/v1.0/**")
    app.page.evaluate(LOOK)
    expect(told).to_have_count(0)
    expect(app.file("accepted", "a.csv")).to_be_visible()


@pytest.mark.parametrize(
    "lost", ["views/session.js", "views/refusal.js", "/uploads/resources/", "expand=files", "/refusals", "orderby"]
)
def test_a_request_that_is_lost_while_the_page_begins_is_tried_again(app: App, session: Session, lost: str) -> None:
    session.uploaded("a.csv")
    app.open_home()
    app.page.route(re.compile(re.escape(lost)), lambda route: route.abort("internetdisconnected"))
    resource = session.resource
    app.page.goto("about:blank")
    app.page.goto(f"{app.url}/uploads#/{resource.catalog_id}/{resource.resource_id}/{session.id}")
    again = app.page.get_by_role("button", name="Try again")
    if lost != "orderby":
        expect(app.page.get_by_role("heading", level=1)).to_have_text(re.compile("cannot be reached|not be loaded"))
        app.page.unroute_all()
        again.click()
    app.finish_button.click()
    # What is only compared with is not waited for, and "not known" is not "the same".
    expect(app.dialog.get_by_text("nothing was compared")).to_have_count(1 if lost == "orderby" else 0)


@pytest.mark.parametrize("hours", [3, -3])
def test_the_clock_of_the_computer_decides_nothing(app: App, session: Session, hours: int) -> None:
    app.page.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
    app.open_session(session)
    expect(app.status).to_have_attribute("data-session-status", "active")
    expect(app.status).to_contain_text("1 hour 59 minutes left")


def test_a_file_that_was_changed_after_it_was_chosen_is_told(app: App, session: Session, tmp_path: Path) -> None:
    changed = tmp_path / "changed.csv"
    changed.write_bytes(access_file(3))
    app.open_session(session)
    # The page is to learn of the file only after it has been changed.
    app.page.evaluate("""document.addEventListener("change", (event) => event.stopPropagation(),
        { capture: true, once: true })""")
    app.file_input.set_input_files(changed)
    app.page.evaluate("document.querySelector('input[multiple]').files[0].size")
    changed.write_bytes(access_file(5))
    os.utime(changed, (0, 0))
    app.file_input.dispatch_event("change")
    failed = app.file("failed", "changed.csv")
    expect(failed).to_contain_text("This file can no longer be read")
    expect(failed.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_folder_that_is_dropped_anywhere_is_told_as_such_and_files_are_taken(app: App, session: Session) -> None:
    app.open_session(session)
    drop = """([folder, content]) => {
      const items = new DataTransfer();
      items.items.add(new File([content], "dropped.csv", { type: "text/csv" }));
      const event = new DragEvent("drop", { dataTransfer: items, bubbles: true, cancelable: true });
      if (folder) {
        const item = { kind: "file", webkitGetAsEntry: () => ({ isDirectory: true, name: "exports" }) };
        Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items: [item] } });
      }
      document.querySelector("h1").dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert app.page.evaluate(drop, [True, ""])
    expect(app.page.get_by_role("alert")).to_contain_text("exports is a folder. Drop the files that are in it.")
    assert app.page.evaluate(drop, [False, access_file(4).decode()])
    expect(app.file("accepted", "dropped.csv")).to_contain_text("4 rows")


def test_who_may_only_read_is_offered_nothing(app: App, resource: Resource) -> None:
    session = resource.new_session()
    session.uploaded("a.csv")

    def reader(route: Route) -> None:
        route.fulfill(json={"displayName": "Doors", "@uploads.right": "read"})

    app.page.route(f"**/uploads/resources/{resource.catalog_id}/{resource.resource_id}", reader)
    app.open_session(session)
    expect(app.page.get_by_role("main")).to_contain_text("You may look at this upload")
    expect(app.file("accepted", "a.csv")).to_be_visible()
    expect(app.file_input).to_have_count(0)
    expect(app.page.get_by_role("main").get_by_role("button")).to_have_count(0)

    def given_up(route: Route) -> None:
        response = route.fetch()
        delivery = {"target": "graph", "state": "failed", "attempts": 3, "lastError": None, "upstreamId": None}
        route.fulfill(response=response, json=response.json() | {"@uploads.delivery": [delivery]})

    session.completed()
    app.page.route(re.compile("expand=files"), given_up)
    app.page.reload()
    expect(app.page.locator("[data-delivery-state=failed]")).to_be_visible()
    expect(app.page.get_by_role("button", name="Try again")).to_have_count(0)
