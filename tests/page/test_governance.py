"""The way of the governance team: name an application, create a session, give access, look back."""

import re
from uuid import uuid4

from playwright.sync_api import expect

from tests.page.app import App
from tests.support.client import Resource


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
    expect(page.get_by_role("link", name=name)).to_be_visible()


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
