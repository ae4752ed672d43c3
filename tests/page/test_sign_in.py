"""Signing in with the local issuer: each person sees what they may, tokens are renewed, and nothing is lost."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from local.sign_in import PEOPLE
from tests.page.app import App, payload
from tests.page.browser import watched_page
from tests.page.conftest import Open
from tests.support.access_files import access_file
from tests.support.client import Resource, create_body, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

OIDS = {person.key: person.oid for person in PEOPLE}
NAMES = {person.key: person.name for person in PEOPLE}


@pytest.fixture(scope="module")
def guarded_by_issuer(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a service that takes tokens of the local issuer, which signs people in."""
    data = tmp_path_factory.mktemp("issuer")
    arguments = ("--auth", "entra", "--data", str(data))
    with running_service(storage.connection_string, None, arguments) as url:
        yield url


def sign_in(app: App, person: str, path: str = "/uploads") -> None:
    """Open the page and pick who to be."""
    app.page.goto(app.url + path)
    app.page.get_by_role("link", name=NAMES[person]).click()
    expect(app.page.locator("#signed-in")).to_have_text(f"Signed in as {NAMES[person]}")


def token_of(page: Page) -> str:
    """The token that the page sends, as its next request shows it."""
    with page.expect_request("**/v1.0/uploads/resources**") as sent:
        page.goto(page.url.split("#")[0] + "#/")
        page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    return str(sent.value.headers["authorization"])


@pytest.fixture(scope="module")
def governance(guarded_by_issuer: str, browser: Browser) -> Iterator[httpx.Client]:
    """A client with the token that the governance team gets by signing in on the page."""
    with closing(browser.new_context()) as context, watched_page(context) as page:
        with page.expect_request("**/v1.0/uploads/resources**") as sent:
            sign_in(App(page, guarded_by_issuer), "governance")
        token = sent.value.headers["authorization"].removeprefix("Bearer ")
    with http_client(guarded_by_issuer, token) as http:
        yield http


@pytest.fixture
def resource_of_issuer(governance: httpx.Client) -> Resource:
    """A resource with a name and a session, made by the governance team, which gave the owner access."""
    resource = Resource(governance)
    place = f"{resource.catalog_id}/{resource.resource_id}"
    named = governance.put(f"/v1.0/uploads/resources/{place}", json={"displayName": "Oscar's application"})
    assert named.status_code == 200, named.text
    granted = governance.put(
        f"/v1.0/uploads/grants/catalogs/{resource.catalog_id}/resources/{resource.resource_id}/principals/{OIDS['owner']}",
        json={"role": "owner"},
    )
    assert granted.status_code == 200, granted.text
    assert resource.create(create_body()).status_code == 201
    return resource


def test_an_owner_sees_and_finishes_what_was_granted(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    app = people(guarded_by_issuer)
    sign_in(app, "owner")
    card = app.page.locator(".card", has_text="Oscar's application").last
    expect(card).to_be_visible()
    expect(app.page.get_by_text("Name an application")).to_have_count(0)
    (session,) = resource_of_issuer.ids()
    app.open_session(resource_of_issuer.session(session))
    app.choose(payload("mine.csv", access_file()))
    expect(app.file("accepted", "mine.csv")).to_be_visible()
    app.finish()
    expect(app.page.get_by_role("main")).to_contain_text(f"Handed in by{NAMES['owner']}")


def test_a_link_from_a_mail_survives_signing_in(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    app = people(guarded_by_issuer)
    sign_in(app, "owner", f"/uploads#/{place}")
    expect(app.status).to_have_attribute("data-session-status", "active")
    assert "code=" not in app.page.url


def test_a_stranger_sees_nothing(people: Open, guarded_by_issuer: str, resource_of_issuer: Resource) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    sign_in(app, "stranger")
    expect(app.page.get_by_role("main")).to_contain_text("No application has been assigned to you")
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    app.page.evaluate(f"location.hash = '#/{place}'")
    expect(app.page.get_by_role("heading", level=1)).to_have_text("There is nothing here that you can see")


def test_a_reader_may_look_and_is_told_why_nothing_can_be_changed(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    sign_in(app, "reader")
    expect(app.page.get_by_text("Oscar's application").first).to_be_visible()
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    app.page.evaluate(f"location.hash = '#/{place}'")
    expect(app.status).to_have_attribute("data-session-status", "active")
    expect(app.page.get_by_role("main")).to_contain_text("You may look at this upload")
    expect(app.file_input).to_have_count(0)


def test_a_token_that_is_refused_is_renewed_without_anybody_noticing(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    sign_in(app, "owner", f"/uploads#/{place}")
    refused = 0

    def refuse_once(route: Route) -> None:
        nonlocal refused
        if refused == 0:
            refused += 1
            route.fulfill(status=401, body="{}", content_type="application/json")
        else:
            route.continue_()

    app.page.route("**/uploadFile", refuse_once)
    app.choose(payload("renewed.csv", access_file()))
    expect(app.file("accepted", "renewed.csv")).to_be_visible()
    assert refused == 1


def test_who_is_signed_out_in_the_middle_signs_in_again_and_loses_nothing(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    sign_in(app, "owner", f"/uploads#/{place}")
    expect(app.status).to_have_attribute("data-session-status", "active")
    out = True

    def refuse(route: Route) -> None:
        if out:
            route.fulfill(status=401, body="{}", content_type="application/json")
        else:
            route.continue_()

    def refuse_renewal(route: Route) -> None:
        if "refresh_token=" in (route.request.post_data or ""):
            route.fulfill(status=400, body='{"error": "invalid_grant"}', content_type="application/json")
        else:
            route.continue_()

    app.page.route("**/v1.0/**", refuse)
    app.page.route("**/oauth2/v2.0/token", refuse_renewal)
    app.choose(payload("chosen.csv", access_file()))
    dialog = app.page.get_by_role("dialog")
    expect(dialog).to_contain_text("You have been signed out")
    out = False
    with app.page.expect_popup() as popup:
        dialog.get_by_role("button", name="Sign in").click()
    popup.value.get_by_role("link", name=NAMES["owner"]).click()
    expect(app.file("accepted", "chosen.csv")).to_be_visible(timeout=30_000)


def test_an_upload_asks_for_the_sign_in_while_the_page_renews_quietly(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    sign_in(app, "owner", f"/uploads#/{place}")
    expect(app.status).to_have_attribute("data-session-status", "active")
    held: list[Route] = []

    def refuse(route: Route, *, status: int = 401) -> None:
        route.fulfill(status=status, body="{}", content_type="application/json")

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            refuse(route, status=400)

    app.page.route("**/v1.0/**", refuse)
    app.page.route("**/oauth2/v2.0/token", hold_the_first)
    # The page reads the session again by itself, which must not ask the person.
    app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    while not held:
        app.page.wait_for_timeout(20)
    with app.page.expect_response("**/uploadFile"):
        app.choose(payload("chosen.csv", access_file()))
    app.page.wait_for_timeout(200)
    refuse(held[0], status=400)

    expect(app.page.get_by_role("dialog")).to_contain_text("You have been signed out")


def test_a_sign_in_window_that_is_closed_ends_the_wait(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    (session,) = resource_of_issuer.ids()
    app = people(guarded_by_issuer)
    place = f"{resource_of_issuer.catalog_id}/{resource_of_issuer.resource_id}/{session}"
    sign_in(app, "owner", f"/uploads#/{place}")
    expect(app.status).to_have_attribute("data-session-status", "active")
    refused = {"status": 401, "body": "{}", "content_type": "application/json"}
    app.page.route("**/v1.0/**", lambda route: route.fulfill(**refused))
    app.page.route("**/oauth2/v2.0/token", lambda route: route.fulfill(**refused))
    app.choose(payload("chosen.csv", access_file()))
    with app.page.expect_popup() as popup:
        app.page.get_by_role("dialog").get_by_role("button", name="Sign in").click()

    popup.value.close()

    expect(app.file("failed", "chosen.csv")).to_be_visible(timeout=10_000)


def test_tokens_are_kept_in_memory_only(people: Open, guarded_by_issuer: str) -> None:
    app = people(guarded_by_issuer)
    sign_in(app, "governance")
    kept = app.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    assert "eyJ" not in kept
    assert "refresh" not in kept


def signed_out(app: App, *, network: bool = True) -> None:
    """Let the token be old and its renewal be refused, or fail for want of a network."""

    def renewal(route: Route) -> None:
        if "refresh_token=" not in (route.request.post_data or ""):
            route.continue_()
        elif network:
            route.fulfill(status=400, body='{"error": "invalid_grant"}', content_type="application/json")
        else:
            route.abort("internetdisconnected")

    app.page.route("**/oauth2/v2.0/token", renewal)
    app.page.clock.fast_forward("59:30")


def opened_by_owner(app: App, resource: Resource) -> None:
    """The session of the resource, opened by its owner, on a clock that the test moves."""
    (session,) = resource.ids()
    app.page.clock.install()
    sign_in(app, "owner", f"/uploads#/{resource.catalog_id}/{resource.resource_id}/{session}")
    expect(app.status).to_have_attribute("data-session-status", "active")


def test_who_is_signed_out_is_asked_only_for_what_they_do(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    app = people(guarded_by_issuer)
    opened_by_owner(app, resource_of_issuer)
    signed_out(app)
    app.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(app.page.get_by_text("You are not signed in. What you see here may be old.")).to_have_count(1)
    expect(app.dialog).to_have_count(0)
    with app.page.expect_popup() as popup:
        app.page.get_by_role("button", name="Sign in").click()
        app.confirm("Sign in")
    popup.value.get_by_role("link", name=NAMES["owner"]).click()
    expect(app.page.get_by_text("You are not signed in")).to_have_count(0)


def test_a_lost_network_is_not_told_as_a_sign_out(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    app = people(guarded_by_issuer)
    opened_by_owner(app, resource_of_issuer)
    signed_out(app, network=False)
    app.choose(payload("later.csv", access_file()))
    expect(app.page.locator("[data-name='later.csv']")).to_contain_text("The service cannot be reached")
    expect(app.dialog).to_have_count(0)


def test_who_signs_in_as_somebody_else_is_asked_and_named(
    people: Open, guarded_by_issuer: str, resource_of_issuer: Resource
) -> None:
    app = people(guarded_by_issuer)
    opened_by_owner(app, resource_of_issuer)
    signed_out(app)
    app.choose(payload("whose.csv", access_file()))
    for answer in ("Stay signed out", f"Go on as {NAMES['governance']}"):
        with app.page.expect_popup() as popup:
            app.confirm("Sign in")
        popup.value.get_by_role("link", name=NAMES["governance"]).click()
        expect(app.dialog).to_contain_text(f"Until now it was {NAMES['owner']}")
        app.confirm(answer)
        if answer.startswith("Stay"):
            expect(app.file("failed", "whose.csv")).to_contain_text("You are not signed in")
            expect(app.page.locator("#signed-in")).to_have_text(f"Signed in as {NAMES['owner']}")
            app.file("failed").get_by_role("button", name="Try again").click()
    expect(app.file("accepted", "whose.csv")).to_be_visible()
    expect(app.page.locator("#signed-in")).to_have_text(f"Signed in as {NAMES['governance']}")


def test_a_blocked_sign_in_window_is_told(people: Open, guarded_by_issuer: str, resource_of_issuer: Resource) -> None:
    app = people(guarded_by_issuer)
    opened_by_owner(app, resource_of_issuer)
    app.page.evaluate("window.open = () => null")
    signed_out(app)
    app.choose(payload("x.csv", access_file()))
    app.confirm("Sign in")
    expect(app.dialog).to_contain_text("The browser blocked the sign-in window")
