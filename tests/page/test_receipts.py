"""The receipt is evidence: who, when and what, the same after the retention, and on one page of paper."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Open
from tests.support.access_files import access_file
from tests.support.client import Resource, http_client
from tests.support.invariants import Storage
from tests.support.service import eventually, fire_timer, running_service


@pytest.fixture(scope="module")
def forgetful(storage: Storage) -> Iterator[str]:
    """The URL of a service that removes the files of complete sessions soon."""
    settings: dict[str, str | int] = {"idle_seconds": 8, "retention_seconds": 2, "max_upload_seconds": 10}
    with running_service(storage.connection_string, name_prefix="forgetful", **settings) as url:
        yield url


@pytest.mark.waits
def test_a_receipt_is_the_same_when_the_files_are_removed(people: Open, forgetful: str, tmp_path: Path) -> None:
    with http_client(forgetful) as http:
        resource = Resource(http)
        session = resource.new_session()
        session.uploaded("doors.csv", access_file(40))
        session.completed()

        def removed() -> bool:
            fire_timer(forgetful)
            return bool(session.read()["stats"]["filesUploaded"] == 0)

        assert eventually(removed)
        app = people(forgetful)
        app.open_session(session)
        main = app.page.get_by_role("main")
        expect(main).to_contain_text("Done. 1 file with 40 rows was handed in on")
        expect(app.file("accepted", "doors.csv")).to_contain_text("40")
        with app.page.expect_download() as download:
            app.page.get_by_role("button", name="Save the receipt").click()
        download.value.save_as(tmp_path / "receipt.json")
        saved = json.loads((tmp_path / "receipt.json").read_text())
        assert saved["rows"] == 40
        assert [file["name"] for file in saved["files"]] == ["doors.csv"]
        following = resource.new_session()
        following.uploaded("doors.csv", access_file(41))
        app.open_session(following)
        app.finish_button.click()
        expect(app.dialog).to_contain_text("41 (last time 40)")


@pytest.mark.parametrize(("zone", "offset"), [("Pacific/Auckland", r"GMT\+1[23]"), ("America/New_York", "GMT-[45]")])
def test_a_receipt_says_when_with_the_time_zone(people: Open, resource: Resource, zone: str, offset: str) -> None:
    session = resource.new_session()
    session.uploaded("doors.csv", access_file(4))
    session.completed()
    app = people(timezone_id=zone)
    app.open_session(session)
    expect(app.status).to_contain_text(re.compile(rf"handed in on \d+ \w+ 20\d\d, \d\d:\d\d {offset}"))


def test_a_receipt_of_ten_files_prints_on_one_page(people: Open, resource: Resource) -> None:
    session = resource.new_session()
    for number in range(10):
        session.uploaded(f"building-access-{number}.csv", access_file(4))
    session.completed()
    app = people()
    app.open_session(session)
    pdf = app.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    app.page.emulate_media(media="print")
    whole = app.file("accepted", "building-access-3.csv").locator("code.whole")
    expect(whole).to_be_visible()
    expect(whole).to_have_text(re.compile("^[0-9a-f]{64}$"))
    expect(app.page.get_by_role("button", name="Print the receipt")).to_be_hidden()


def test_a_receipt_of_what_is_not_known_any_more_says_so(people: Open, resource: Resource) -> None:
    """A version before 1.0 completed the session, and its files were removed before receipts were kept."""
    session = resource.new_session()
    session.uploaded("doors.csv", access_file(4))
    session.completed()
    following = resource.new_session()
    following.uploaded("doors.csv", access_file(4))
    numbers = {"fileCount": None, "rowCount": None, "totalBytes": None}

    def forgotten(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        receipt = body["@uploads.receipt"] | numbers | {"filesRemovedDateTime": body["createdDateTime"]}
        stats = {"filesUploaded": 0, "totalBytesUploaded": 0}
        route.fulfill(response=response, json=body | {"files": [], "stats": stats, "@uploads.receipt": receipt})

    app = people()
    app.page.route(re.compile(f"{session.id}.*expand=files"), forgotten)
    app.open_session(session)
    expect(app.status).to_contain_text("Done. It was handed in on")
    expect(app.status).to_contain_text("Which files it had is not known any more")
    expect(app.page.get_by_role("main")).not_to_contain_text("0 files")
    app.open_session(following)
    app.finish_button.click()
    expect(app.dialog).to_contain_text("Rows4")
    expect(app.dialog).not_to_contain_text("last time")
