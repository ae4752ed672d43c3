"""The way of the governance team: name an application, create a session, give access, look back."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Route, expect

from shared.domain.audit import Activity
from tests.page.app import App, payload
from tests.page.browser import assert_accessible
from tests.page.conftest import Open
from tests.support.client import Resource
from tests.support.invariants import Storage
from tests.support.service import running_service

SAMPLES = Path(__file__).parent.parent.parent / "samples"


def test_governance_names_an_application_creates_a_session_and_sends_the_link(app: App, resource: Resource) -> None:
    name = f"Badges {uuid4()}"
    page = app.page
    app.open_home()
    page.get_by_text("Name an application").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Catalog id").fill("not a GUID")
    page.get_by_label("Resource id").fill(resource.resource_id)
    page.get_by_role("button", name="Save the name").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Enter the catalog's id")
    expect(summary).to_be_focused()
    page.get_by_label("Catalog id").fill(resource.catalog_id.upper())
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)

    page.get_by_text("Create a session for a review").click()
    instance = str(uuid4())
    page.get_by_label("Access review definition id").fill(str(uuid4()))
    page.get_by_label("Access review instance id").fill(instance)
    page.get_by_role("button", name="Create the session").click()
    link = page.locator(".success a")
    expect(link).to_be_visible()
    (session,) = resource.ids()
    assert link.get_attribute("href") == f"{app.url}/uploads#/{resource.catalog_id}/{resource.resource_id}/{session}"

    page.get_by_role("button", name="Create the session").click()
    expect(page.locator(".success")).to_contain_text("has a session already")
    link.click()
    expect(app.status).to_have_attribute("data-session-status", "active")
    app.open_home()
    app.find_application(name)
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_governance_gives_and_revokes_access_and_sees_the_history(app: App, named: Resource) -> None:
    principal = str(uuid4())
    page = app.page
    app.open_application(named)
    page.get_by_text("Who has access").click()
    page.get_by_label("Object id of a user").fill(principal)
    page.get_by_role("button", name="Give access").click()
    expect(page.get_by_role("row", name=re.compile(principal))).to_contain_text("owner")
    page.get_by_role("button", name=f"Revoke {principal}").click()
    app.confirm("Revoke")
    expect(page.get_by_role("row", name=re.compile(principal))).to_have_count(0)
    page.get_by_text("History", exact=True).click()
    history = page.locator(".history li")
    expect(history.first).to_contain_text("revoked access")
    expect(history.nth(1)).to_contain_text("gave access")


PORTAL = "https://entra.microsoft.com/{tenant}/#view/Microsoft_AAD_ERM/{blade}/{path}"


def paste(field: Locator, text: str) -> None:
    """Paste a text into a field, as the browser tells the page of it."""
    field.evaluate(
        """(field, text) => {
          const data = new DataTransfer();
          data.setData("text", text);
          const event = new ClipboardEvent("paste", { clipboardData: data, cancelable: true, bubbles: true });
          if (field.dispatchEvent(event)) field.value = text;
        }""",
        text,
    )


def test_ids_are_taken_out_of_what_is_pasted(app: App, resource: Resource) -> None:
    page = app.page
    app.open_home()
    page.get_by_text("Name an application").click()
    page.get_by_label("Name", exact=True).fill(f"Pasted {uuid4()}")
    catalog, place = page.get_by_label("Catalog id"), page.get_by_label("Resource id")
    path = f"resourceId/{resource.resource_id.upper()}/catalogId~/{resource.catalog_id}"
    paste(catalog, PORTAL.format(tenant=uuid4(), blade="ResourceBlade", path=path))
    expect(catalog).to_have_value(resource.catalog_id)
    expect(place).to_have_value(resource.resource_id)
    paste(place, f" {{{resource.resource_id}}}\n")
    expect(place).to_have_value(resource.resource_id)
    expect(catalog).to_have_value(resource.catalog_id)
    # Whoever types braces gets in, too.
    catalog.fill(f"  {{{resource.catalog_id.upper()}}} ")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("heading", name="Upload sessions")).to_be_visible()
    assert page.url.endswith(f"#/{resource.catalog_id}/{resource.resource_id}")

    definition, instance = str(uuid4()), str(uuid4())
    page.get_by_text("Create a session for a review").click()
    link = PORTAL.format(tenant=uuid4(), blade="ReviewBlade", path=f"reviewId/{definition}/instanceId/{instance}")
    paste(page.get_by_label("Access review definition id"), link)
    page.get_by_role("button", name="Create the session").click()
    expect(page.locator(".success")).to_contain_text("Open until ")
    expect(page.locator(".success")).to_contain_text("then it closes unless a file is uploaded")
    (session,) = resource.ids()
    data = resource.session(session).read()["data"]
    assert (data["reviewDefinitionId"], data["reviewInstanceId"]) == (definition, instance)


def test_what_was_done_is_seen_at_once(people: Open, named: Resource) -> None:
    app = people(permissions=["clipboard-read", "clipboard-write"])
    page = app.page
    app.open_application(named)
    page.get_by_text("Create a session for a review").click()
    page.get_by_label("Access review definition id").fill(str(uuid4()))
    page.get_by_label("Access review instance id").fill(instance := str(uuid4()))
    page.get_by_role("button", name="Create the session").click()
    expect(page.locator(".card", has_text=instance)).to_contain_text("Open")
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".success a").get_attribute("href")

    page.get_by_text("Change its name and expectations").click()
    page.get_by_label("Name", exact=True).fill(name := f"Renamed {uuid4()}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page).to_have_title(re.compile(name))
    page.get_by_label("Expected number of rows").fill("many")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("Enter a whole number"))


@pytest.mark.parametrize(
    ("status", "told", "at_field"),
    [(503, "The service is busy", False), (403, "You may look at this", False), (400, "Contact (optional)", True)],
)
def test_what_the_service_refuses_is_told_where_it_belongs(
    app: App, named: Resource, status: int, told: str, at_field: bool
) -> None:
    page = app.page
    app.open_application(named)
    error = {"code": "invalidRequest", "message": "not for people", "target": "contact" if at_field else "displayName"}

    def refuse(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=status, json={"error": error})
        else:
            route.fallback()

    page.route("**/v1.0/uploads/resources/**", refuse)
    page.get_by_text("Change its name and expectations").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(told)
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("main")).not_to_contain_text("not for people")
    expect(page.get_by_label("Name", exact=True)).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("[aria-invalid=true]")).to_have_count(int(at_field))


def test_people_have_names_in_access_and_history(app: App, named: Resource) -> None:
    principal = str(uuid4())
    page = app.page
    app.open_application(named)
    page.get_by_text("Who has access").click()
    paste(
        page.get_by_label("Object id of a user"),
        f"https://entra.microsoft.com/#view/UserBlade/userId/{principal}/hide~/x",
    )
    page.get_by_label("Name (optional)", exact=True).last.fill("Oscar Owner")
    page.get_by_label("Role").select_option("declaring")
    page.get_by_role("button", name="Give access").click()
    row = page.get_by_role("row", name=re.compile(principal))
    expect(row).to_contain_text("Oscar Owner")
    expect(row).to_contain_text("owner, who also says what the files are like")
    page.get_by_text("History", exact=True).click()
    expect(page.locator(".history li").first).to_contain_text("gave access to Oscar Owner as owner")


def test_the_history_has_the_newest_first_in_words(app: App, named: Resource) -> None:
    """More changes than fit on a page: what happened last is on top, and the rest can be shown."""
    session = named.new_session()
    for number in range(60):
        session.delete_file(session.uploaded(f"{number}.csv")["id"])
    session.upload("bad.csv", b"nothing")
    page = app.page
    app.open_application(named)
    page.get_by_text("History", exact=True).click()
    entries = page.locator(".history li")
    expect(entries).to_have_count(100)
    expect(entries.first).to_contain_text("uploaded a file that needs fixing: bad.csv")
    expect(entries.nth(1)).to_contain_text("removed a file: 59.csv")
    page.get_by_role("button", name="Show older changes").click()
    expect(entries.last).to_contain_text("changed the name or the expectations")
    expect(entries).to_have_count(123)
    expect(page.get_by_role("button", name="Show older changes")).to_be_hidden()


def test_every_change_has_words() -> None:
    words = (Path(__file__).parent.parent.parent / "page" / "static" / "words.js").read_text()
    assert [each for each in Activity if f"\n  {each}: " not in words] == []


def test_governance_sees_how_old_the_directory_is_and_replaces_it(people: Open, storage: Storage) -> None:
    with running_service(storage.connection_string, name_prefix="people") as url:
        app = people(url)
        page = app.page
        app.open_home()
        page.get_by_text("Directory of people").click()
        expect(page.get_by_role("main")).to_contain_text("There is none.")
        button = page.get_by_role("button", name="Upload an export of your users")
        app.choose_one(button, payload("users.csv", b"id,mail\nnobody,ann@fabrikam.example\n"))
        expect(page.get_by_role("alert")).to_contain_text("This list has faults. Nothing was changed")
        expect(page.get_by_role("alert")).to_contain_text("line 2")
        app.choose_one(button, payload("users.csv", (SAMPLES / "people" / "directory.csv").read_bytes()))
        expect(page.locator(".success")).to_have_text("The directory has 300 people now.")
        expect(page.locator(".success")).to_be_focused()
        expect(page.get_by_role("row", name=re.compile("^Mail"))).to_contain_text("288")
        assert_accessible(page, "the directory")


def test_governance_works_from_the_keyboard(app: App, resource: Resource) -> None:
    """An application gets its name, and its review a session: with Tab, Enter and what is typed."""
    page = app.page
    app.open_home()

    def go_to(words: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent || document.activeElement.id") == words:
                return
        raise AssertionError(words)

    go_to("Name an application")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Catalog id")).to_be_visible()
    for text in (f"Typed {uuid4()}", resource.catalog_id, f"{{{resource.resource_id}}}"):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Typed")
    go_to("Create a session for a review")
    page.keyboard.press("Space")
    expect(page.get_by_label("Access review definition id")).to_be_visible()
    for text in (str(uuid4()), str(uuid4())):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator(".success")).to_be_focused()
    assert len(resource.ids()) == 1
