"""With the platform's cookie: the page works, and a hostile page on another origin changes nothing."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.api.test_auth import OWN_PAGE, TENANT, principal
from tests.page.app import payload
from tests.page.conftest import Open
from tests.support.access_files import access_file
from tests.support.authority import READ_WRITE_ALL
from tests.support.client import Resource, create_body
from tests.support.invariants import Storage
from tests.support.platform import COOKIE, page, platform, served
from tests.support.service import running_service


@pytest.fixture(scope="module")
def behind_login(storage: Storage) -> Iterator[str]:
    """The URL of the platform's login in front of the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBSITE_AUTH_ENABLED", "True")
        with running_service(storage.connection_string, auth="platform", tenant_id=TENANT) as url:
            who = principal(TENANT, READ_WRITE_ALL)
            # One address for the browser and for the links of the service.
            with served(platform(url, who)) as address:
                yield address


@pytest.fixture
def resource_behind(behind_login: str) -> Iterator[Resource]:
    headers = OWN_PAGE | {"Cookie": f"{COOKIE}=signed-in"}
    with httpx.Client(base_url=behind_login, headers=headers, timeout=60) as http:
        yield Resource(http)


def test_the_page_works_with_the_platforms_cookie(people: Open, behind_login: str, resource_behind: Resource) -> None:
    session = resource_behind.new_session()
    app = people(behind_login)
    app.page.goto(f"{behind_login}/.auth/login/aad")
    app.open_session(session)
    app.choose(payload("signed-in.csv", access_file()))
    expect(app.file("accepted", "signed-in.csv")).to_be_visible()


def test_who_is_signed_out_by_the_platform_signs_in_again_and_loses_nothing(
    people: Open, behind_login: str, resource_behind: Resource
) -> None:
    session = resource_behind.new_session()
    app = people(behind_login)
    app.page.goto(f"{behind_login}/.auth/login/aad")
    app.open_session(session)
    sent: list[str] = []
    app.page.on("request", lambda request: sent.append(request.url))

    def ask(route: Route) -> None:
        """The sign-in page of Microsoft, which waits for the person."""
        url = route.request.url
        if url.endswith("&asked"):
            route.continue_()
        else:
            route.fulfill(content_type="text/html", body=f'<a href="{url}&asked">Sign in</a>')

    app.page.context.route("**/.auth/login/aad**", ask)
    app.page.context.clear_cookies()
    app.choose(payload("chosen.csv", access_file()))
    dialog = app.page.get_by_role("dialog")
    expect(dialog).to_contain_text("You have been signed out")

    with app.page.expect_popup() as popup:
        dialog.get_by_role("button", name="Sign in").click()
    app.page.wait_for_timeout(1000)
    assert len([url for url in sent if url.endswith("/uploadFile")]) == 1, (
        "nothing is sent before the person has signed in"
    )
    with popup.value.expect_event("close"):
        popup.value.get_by_role("link").click()

    expect(app.file("accepted", "chosen.csv")).to_be_visible()
    assert session.file_names() == ["chosen.csv"]


HOSTILE = """
<!doctype html>
<form id="upload" method="post" enctype="multipart/form-data" action="{session}/uploadFile" target="frame">
  <input type="hidden" name="file" value="x"></form>
<form id="plain" method="post" enctype="text/plain" action="{collection}" target="frame">
  <input type="hidden" name='{{"data": "' value='"}}'></form>
<iframe name="frame"></iframe>
<script>
  const tried = async () => {{
    document.getElementById("upload").submit();
    await new Promise((resolve) => setTimeout(resolve, 500));
    document.getElementById("plain").submit();
    // A form with a good file needs no preflight: only what the service asks for beside the cookie keeps it out.
    const form = new FormData();
    form.append("file", new File([{csv}], "evil.csv", {{ type: "text/csv" }}));
    const done = JSON.stringify({{ isUploadDone: true }});
    const attempts = [
      ["POST", "{collection}", {{ "Content-Type": "text/plain" }}, '{body}'],
      ["POST", "{session}/uploadFile", {{}}, form],
      ["PATCH", "{session}", {{ "Content-Type": "application/json", "X-Requested-With": "x" }}, done],
      ["DELETE", "{session}", {{ "X-Requested-With": "x" }}, undefined],
    ];
    for (const [method, url, headers, body] of attempts) {{
      for (const mode of ["cors", "no-cors"]) {{
        try {{ await fetch(url, {{ method, headers, body, mode, credentials: "include" }}); }} catch {{ }}
      }}
    }}
    document.title = "tried";
  }};
  tried();
</script>
"""


def test_a_hostile_page_on_another_origin_changes_nothing(
    people: Open, behind_login: str, resource_behind: Resource
) -> None:
    session = resource_behind.new_session()
    session.uploaded("there.csv")
    before = session.read()
    html = HOSTILE.format(
        session=behind_login + session.path,
        collection=behind_login + resource_behind.path,
        body=json.dumps(create_body()),
        csv=json.dumps(access_file().decode()),
    )
    app = people(behind_login, watched=False)
    app.page.goto(f"{behind_login}/.auth/login/aad")
    sent: list[str] = []
    app.page.on("request", lambda request: sent.append(f"{request.method} {request.headers.get('cookie', '')}"))
    with served(page(html)) as hostile:
        app.page.goto(hostile)
        expect(app.page).to_have_title("tried")
    assert any(line.startswith("POST") for line in sent), "the hostile page tries"
    assert session.read() == before
    assert resource_behind.ids() == [session.id]
