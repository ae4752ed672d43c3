"""Without authentication, as on a developer's machine: a hostile page on another origin changes nothing."""

import json

from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.page.app import payload
from tests.page.conftest import Open
from tests.support.access_files import access_file
from tests.support.client import Resource, create_body
from tests.support.served import served

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
    // A form with a good file needs no preflight: only the service can keep it out.
    const form = new FormData();
    form.append("file", new File([{csv}], "evil.csv", {{ type: "text/csv" }}));
    const done = JSON.stringify({{ isUploadDone: true }});
    const attempts = [
      ["POST", "{collection}", {{ "Content-Type": "text/plain" }}, '{body}'],
      ["POST", "{session}/uploadFile", {{}}, form],
      ["PATCH", "{session}", {{ "Content-Type": "application/json" }}, done],
      ["DELETE", "{session}", {{}}, undefined],
    ];
    for (const [method, url, headers, body] of attempts) {{
      for (const mode of ["cors", "no-cors"]) {{
        try {{ await fetch(url, {{ method, headers, body, mode }}); }} catch {{ }}
      }}
    }}
    document.title = "tried";
  }};
  tried();
</script>
"""


def test_a_hostile_page_on_another_origin_changes_nothing(people: Open, service: str, resource: Resource) -> None:
    session = resource.new_session()
    session.uploaded("there.csv")
    before = session.read()
    html = HOSTILE.format(
        session=service + session.path,
        collection=service + resource.path,
        body=json.dumps(create_body()),
        csv=json.dumps(access_file().decode()),
    )
    app = people(watched=False)
    answers: list[tuple[str, int]] = []
    app.page.on("response", lambda answer: answers.append((answer.request.method, answer.status)))
    with served(Starlette(routes=[Route("/", lambda _: HTMLResponse(html))])) as hostile:
        app.page.goto(hostile)
        expect(app.page).to_have_title("tried")
    assert ("POST", 403) in answers, "the hostile page reaches the service"
    assert session.read() == before
    assert resource.ids() == [session.id]


def test_the_page_works_under_every_name_of_the_machine(people: Open, service: str, resource: Resource) -> None:
    session = resource.new_session()
    app = people(service.replace("127.0.0.1", "localhost"))
    app.open_session(session)
    app.choose(payload("own.csv", access_file()))
    expect(app.file("accepted", "own.csv")).to_be_visible()
