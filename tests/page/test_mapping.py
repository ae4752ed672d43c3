"""Bring the file you have: unknown columns are mapped once, and accounts that nobody has are filled in on a list."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Route, expect

from tests.page.app import App, payload
from tests.page.browser import assert_accessible, assert_accessible_in_all_colors
from tests.page.conftest import Open
from tests.support.access_files import faulty_access_file
from tests.support.client import Resource, Session, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

PERSON = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

EXPORT = f"Object ID;Role;Last login\r\n{PERSON};Admin;2026-09-01\r\n{OTHER};Editor;2026-09-02\r\n".encode()


def refused(app: App, session: Session, content: bytes, name: str = "export.csv") -> Locator:
    """Upload a file on the page, which is refused; returns its card."""
    app.open_session(session)
    app.choose(payload(name, content))
    card = app.file("refused", name)
    expect(card).to_be_visible()
    return card


def test_unknown_columns_are_mapped_tried_and_kept(app: App, named: Resource) -> None:
    session = named.new_session()
    page = app.page
    refused(app, session, EXPORT)
    form = page.locator(".mapping")
    form.get_by_role("button", name="Look at the first rows").click()
    expect(form.get_by_role("alert")).to_contain_text("Whose account it is")
    expect(form.get_by_role("alert")).to_be_focused()

    form.get_by_label("Whose account it is").select_option("Object ID")
    form.get_by_label("What kind of account it is").select_option("The same value in all rows")
    form.get_by_label("The value of all rows: principalType").fill("EntraIdUser")
    form.get_by_label("Id of the permission").select_option("Role")
    form.get_by_label("Name of the permission").select_option("Role")
    form.get_by_role("button", name="Look at the first rows").click()
    table = form.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table.get_by_role("row").nth(1)).to_contain_text("Admin")
    assert_accessible_in_all_colors(page, "the columns of a file, and its first rows")

    form.get_by_role("button", name="Keep these columns, and upload the file").click()
    expect(app.file("accepted", "export.csv")).to_be_visible()
    assert session.file_names() == ["export.csv"]
    # The next file of this kind is accepted as it is.
    session.uploaded("next.csv", EXPORT.replace(b"Admin", b"Auditor"))


def test_equal_names_are_filled_in(app: App, session: Session) -> None:
    header = b"Principal ID,principal_type,PERMISSION-ID,Name of it\r\n"
    refused(app, session, header + f"{PERSON},EntraIdUser,1,one\r\n".encode())
    form = app.page.locator(".mapping")
    for label, column in (("Whose account it is", "0"), ("What kind", "1"), ("Id of the permission", "2")):
        expect(form.get_by_label(label)).to_have_value(column)
    expect(form.get_by_label("Name of the permission")).to_have_value("")


def test_faults_of_the_first_rows_are_told_before_anything_is_kept(app: App, session: Session) -> None:
    rows = b"Login,kind,permissionId,permissionName\r\nann@x.example,dragon,1,one\r\n"
    refused(app, session, rows)
    form = app.page.locator(".mapping")
    form.get_by_label("Whose account it is").select_option("Login")
    form.get_by_label("What kind of account it is").select_option("kind")
    form.get_by_role("button", name="Look at the first rows").click()
    expect(form).to_contain_text("the first rows have faults")
    expect(form).to_contain_text("line 2, kind")
    place = f"/v1.0/uploads/resources/{session.resource.catalog_id}/{session.resource.resource_id}/import"
    assert session.http.get(place).status_code == 404


def test_who_may_not_keep_columns_is_told_whom_to_send_them(app: App, named: Resource) -> None:
    def as_owner(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"@uploads.right": "write"})

    app.page.route(re.compile(r"/v1\.0/uploads/resources/[0-9a-f-]+/[0-9a-f-]+$"), as_owner)
    refused(app, named.new_session(), EXPORT)
    form = app.page.locator(".mapping")
    form.get_by_label("Whose account it is").select_option("Object ID")
    form.get_by_label("What kind of account it is").select_option("The same value in all rows")
    form.get_by_label("The value of all rows: principalType").fill("EntraIdUser")
    form.get_by_label("Id of the permission").select_option("Role")
    form.get_by_label("Name of the permission").select_option("Role")
    form.get_by_role("button", name="Look at the first rows").click()
    expect(form.locator("pre")).to_contain_text("principalId: the column Object ID")
    expect(form.locator("pre")).to_contain_text("principalType: always EntraIdUser")
    expect(form.get_by_role("button", name="Keep these columns")).to_have_count(0)


def test_another_refusal_has_no_form_for_columns(app: App, session: Session) -> None:
    rows = faulty_access_file(3)
    expect(refused(app, session, rows).locator("section, form")).to_have_count(0)


def test_only_the_first_lines_of_a_large_file_are_tried(app: App, session: Session) -> None:
    content = b"Object ID;Kind;Id;Name\r\n" + f"{PERSON};EntraIdUser;1;one\r\n".encode() * 20_000
    content += b"a fault that is not looked at\r\n"
    refused(app, session, content)
    form = app.page.locator(".mapping")
    for label, column in {
        "Whose account it is": "Object ID",
        "What kind": "Kind",
        "Id of the permission": "Id",
        "Name of the permission": "Name",
    }.items():
        form.get_by_label(label).select_option(column)
    form.get_by_role("button", name="Look at the first rows").click()
    expect(form.get_by_role("table").get_by_role("row")).to_have_count(21)


@pytest.fixture(scope="module")
def matching(storage: Storage) -> Iterator[httpx.Client]:
    """A client of a service with a directory of one person, whose mail address is ann@x.example."""
    with running_service(storage.connection_string, name_prefix="matching") as url, http_client(url) as http:
        people = f"id,mail\n{PERSON},ann@x.example\n"
        stored = http.put("/v1.0/uploads/directory", content=people, headers={"Content-Type": "text/csv"})
        assert stored.status_code == 200, stored.text
        yield http


def test_accounts_that_nobody_has_are_filled_in_and_uploaded(
    people: Open, matching: httpx.Client, tmp_path: Path
) -> None:
    resource = Resource(matching)
    place = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
    declared: dict[str, Any] = {
        "columns": {"principalId": "Login", "permissionId": "Role", "permissionName": "Role"},
        "constants": {"principalType": "EntraIdUser"},
        "principals": {"matchBy": ["mail"]},
    }
    matching.put(place, json={"displayName": "Wiki"}).raise_for_status()
    matching.put(f"{place}/import", json=declared).raise_for_status()
    session = resource.new_session()
    app = people(str(matching.base_url).rstrip("/"))
    page = app.page
    content = b'Login,Role\r\nann@x.example,reader\r\nsvc,writer\r\n"=vendor, one",reader\r\n'
    refused(app, session, content)
    section = page.locator("section.panel", has_text="Some accounts are not those of a person")
    fill_in = section.get_by_role("button", name="Upload the list, filled in")
    assert_accessible(page, "accounts that are not known")
    with page.expect_download() as saved:
        section.get_by_role("button", name="Save the list of accounts").click()
    saved.value.save_as(tmp_path / "accounts.csv")
    # As a spreadsheet in many regions saves it, with one account still without a person.
    text = (tmp_path / "accounts.csv").read_bytes().decode("utf-8-sig").replace('"=vendor, one",', "=vendor, one;")
    assert "svc,\r\n" in text
    app.choose_one(fill_in, payload("other.csv", b"name,person\r\nsvc,-\r\n"))
    expect(section.get_by_role("alert")).to_contain_text("columns account and principalId")
    filled_in = text.replace("account,principalId", "account;principalId").replace("svc,\r\n", "svc;-\r\n")
    filled_in = filled_in.replace("=vendor, one;\r\n", f"=vendor, one;{PERSON}\r\n")
    app.choose_one(fill_in, payload("accounts.csv", filled_in.encode("utf-16")))
    expect(app.file("accepted", "export.csv")).to_be_visible()
    assert session.file_names() == ["export.csv"]
    (file,) = session.read({"$expand": "files"})["files"]
    assert (file["@uploads.rowCount"], file["@uploads.rows"]["leftOut"]) == (2, 1)
    listed = matching.get(f"{place}/accounts").text
    assert sorted(listed.split("\r\n")[1:3]) == [f'"=vendor, one",{PERSON}', "svc,-"]

    app.open_application(resource)
    page.get_by_text("Accounts that the directory does not know").click()
    expect(page.get_by_role("main")).to_contain_text("The list of this application has 2 accounts.")
    fill_in = page.get_by_role("button", name="Upload the list, filled in")
    app.choose_one(fill_in, payload("more.csv", b"account,principalId\nbot,-\nleft,\n"))
    expect(page.get_by_role("main")).to_contain_text("1 account added. 1 account in the file still has no person.")
    expect(page.get_by_role("main")).to_contain_text("The list of this application has 3 accounts.")
