"""The way of an app owner: from the link to the receipt."""

import json
import re
import unicodedata
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.page.app import TIMES, App, payload, saved_faults
from tests.page.conftest import Open
from tests.support.access_files import GRAPH_COLUMNS, access_file, csv_text, faulty_access_file
from tests.support.client import Resource, Session


def test_an_owner_uploads_fixes_finishes_and_keeps_the_receipt(app: App, named: Resource, tmp_path: Path) -> None:
    session = named.new_session()
    app.open_session(session)
    expect(app.status).to_have_attribute("data-session-status", "active")
    expect(app.status).to_contain_text("left")
    good = access_file(40)
    app.choose(payload("doors.csv", good), payload("badges.csv", faulty_access_file(5, 9, rows=20)))
    expect(app.file("accepted", "doors.csv")).to_contain_text("40 rows")
    refused = app.file("refused", "badges.csv")
    expect(refused.locator("tr.cause")).to_have_text(f"2 {TIMES} permissionId is empty. Every row needs a value.")
    expect(refused.locator("tr.cause + tr td")).to_have_text(["5, 9", "permissionId", "empty"])
    expect(app.finish_button).to_be_disabled()
    fixed = access_file(20)
    app.replace("badges.csv", fixed, file_name="badges fixed (2).csv")
    expect(app.file("accepted", "badges.csv")).to_contain_text("20 rows")
    expect(app.file("accepted", "badges.csv")).to_contain_text("Your file badges fixed (2).csv")
    expect(app.file("refused")).to_have_count(0)
    app.finish_button.click()
    expect(app.dialog).to_contain_text("Hand in 2 files with 60 rows?")
    app.confirm("Seal 2 files, 60 rows")
    expect(app.status).to_have_attribute("data-session-status", "complete")
    expect(app.page.get_by_role("heading", name="Receipt")).to_be_focused()
    with app.page.expect_download() as download:
        app.page.get_by_role("button", name="Save the receipt").click()
    saved = tmp_path / "receipt.json"
    download.value.save_as(saved)
    receipt = json.loads(saved.read_text())
    stored = session.read({"$expand": "files"})
    assert stored["status"] == "complete"
    assert {file["name"]: file["sha256"] for file in receipt["files"]} == {
        file["name"]: file["@uploads.sha256"] for file in stored["files"]
    }
    assert receipt["rows"] == 60


def test_a_second_review_is_compared_with_the_last(app: App, named: Resource) -> None:
    first = named.new_session()
    first.uploaded("a.csv", access_file(12))
    first.completed()
    second = named.new_session()
    second.uploaded("a.csv", access_file(11))
    app.open_session(second)
    app.finish_button.click()
    expect(app.dialog).to_contain_text("11 (last time 12)")


def test_a_faulty_file_of_two_thousand_rows_is_fixed_and_sent_again(app: App, session: Session, tmp_path: Path) -> None:
    faulty = range(10, 2000, 10)
    app.open_session(session)
    app.choose(payload("large.csv", faulty_access_file(*faulty, rows=2000)))
    refused = app.file("refused", "large.csv")
    expect(refused).to_contain_text(f"{len(faulty)} faults")
    expect(refused.locator("tr.cause")).to_contain_text(f"{len(faulty)} {TIMES} permissionId is empty.")
    expect(refused.locator("tr.cause + tr td").first).to_have_text(re.compile(r"^10, 20, .*120 and 187 more$"))
    lines = saved_faults(app, "large.csv", tmp_path)
    assert len(lines) == 1 + len(faulty)
    assert lines[1] == ["large.csv", "10", "permissionId", "", "permissionId is empty. Every row needs a value."]
    app.replace("large.csv", access_file(2000))
    expect(app.file("accepted", "large.csv")).to_contain_text("2,000 rows")


def test_the_cell_of_a_fault_is_shown_below_a_separator_line_of_excel(app: App, session: Session) -> None:
    app.open_session(session)
    app.choose(payload("excel.csv", b"sep=,\r\n" + faulty_access_file(3, rows=3)))
    cells = app.file("refused", "excel.csv").locator("tr.cause + tr td")
    expect(cells).to_have_text(["4", "permissionId", "empty"])


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Zugänge.csv"), "crm%20access.csv"])
def test_a_file_is_found_under_the_name_that_the_service_has(app: App, session: Session, name: str) -> None:
    """A Mac gives names in another Unicode form, and the service decodes names that look percent-encoded."""
    expected = unicodedata.normalize("NFC", name)
    app.open_session(session)

    app.choose(payload(name, faulty_access_file(3)))

    refused = app.file("refused", expected)
    expect(refused).to_contain_text("1 fault, and nothing of it was stored.")
    app.choose(payload(name, access_file(7)))
    expect(app.file("accepted", expected)).to_contain_text("7 rows")
    expect(app.file("refused")).to_have_count(0)
    assert session.file_names() == [expected]


def test_an_answer_that_comes_late_hides_no_file(app: App, session: Session) -> None:
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if b'filename="first.csv"' in (route.request.post_data_buffer or b""):
            held.append((route, route.fetch()))
        else:
            route.continue_()

    app.open_session(session)
    app.page.route("**/uploadFile", hold)
    app.choose(payload("first.csv", access_file()))
    while not held:
        app.page.wait_for_timeout(20)
    with app.page.expect_response(lambda answer: "expand=files" in answer.url):
        app.choose(payload("second.csv", access_file()))
    expect(app.file("accepted", "second.csv")).to_be_visible()
    app.page.wait_for_timeout(500)

    ((route, answer),) = held
    with app.page.expect_response(lambda answer: "expand=files" in answer.url):
        route.fulfill(response=answer)

    expect(app.file("checking")).to_have_count(0)
    expect(app.file("accepted")).to_have_count(2)


def test_a_receipt_says_that_a_number_of_rows_is_not_known(app: App, session: Session) -> None:
    session.uploaded("a.csv")
    session.completed()

    def without_rows(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for file in body["files"]:
            del file["@uploads.rowCount"]
        route.fulfill(response=answer, json=body)

    app.page.route(re.compile(r"uploadSessions/.*expand=files"), without_rows)
    app.open_session(session)
    expect(app.page.locator("table.receipt tbody td").first).to_have_text("\N{EN DASH}")


def test_a_refused_file_of_an_earlier_visit_can_be_withdrawn(app: App, session: Session) -> None:
    session.uploaded("good.csv")
    assert session.upload("bad.xlsx", faulty_access_file(3)).status_code == 400
    app.open_session(session)
    refused = app.file("refused", "bad.xlsx")
    expect(refused).to_contain_text("It had 1 fault")
    refused.get_by_role("button", name=re.compile("Withdraw")).click()
    expect(app.file("refused")).to_have_count(0)
    app.finish()


def test_an_accepted_file_can_be_removed(app: App, session: Session) -> None:
    session.uploaded("one.csv")
    session.uploaded("two.csv")
    app.open_session(session)
    app.file("accepted", "one.csv").get_by_role("button", name=re.compile("Remove")).click()
    app.confirm("Remove the file")
    expect(app.file("accepted")).to_have_count(1)
    assert session.file_names() == ["two.csv"]


def test_two_people_in_one_session_see_what_the_other_does(people: Open, session: Session) -> None:
    one, other = people(), people()
    for each in (one, other):
        each.open_session(session)
    one.choose(payload("from-one.csv", access_file()))
    expect(one.file("accepted", "from-one.csv")).to_be_visible()
    expect(other.file("accepted", "from-one.csv")).to_be_visible(timeout=20_000)
    other.finish()
    expect(one.status).to_have_attribute("data-session-status", "complete", timeout=20_000)


def test_names_and_cells_that_are_scripts_or_formulas_are_only_text(app: App, session: Session, tmp_path: Path) -> None:
    script = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    right_to_left = "\u202e\u05d0\u05d1\u05d2"
    rows = [
        (cell, "EntraIdUser", "door", "Door", "", "")
        for cell in (script, "=cmd|' /C calc'!A0", right_to_left, "x" * 255)
    ]
    content = csv_text(GRAPH_COLUMNS, rows).encode()
    names = (f"{'x' * 251}.csv", "=1+1.csv", "<b>bold<b>.csv", "\u05d0\u05d1\u05d2.csv")
    app.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    app.open_session(session)
    app.choose(*(payload(name, content) for name in names))
    expect(app.file("refused")).to_have_count(len(names))
    first = app.file("refused").first
    expect(first).to_contain_text("<img src=x")
    assert app.page.locator("img, b, main script").count() == 0
    lines = saved_faults(app, "=1+1.csv", tmp_path)
    assert {line[0] for line in lines[1:]} == {"'=1+1.csv"}


def test_a_link_that_leads_nowhere_says_so(app: App) -> None:
    app.page.goto(f"{app.url}/uploads#/{uuid4()}/{uuid4()}/{uuid4()}")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("There is nothing here that you can see")
    app.page.goto(f"{app.url}/uploads#/nonsense")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("There is no such page")
