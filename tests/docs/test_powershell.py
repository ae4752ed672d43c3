"""The PowerShell in the documents: where ``pwsh`` is there, the script runs; in any case it is read."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import tree_sitter_pwsh
from tree_sitter import Language, Parser

from tests.docs.documents import ROOT, CodeBlock, code_blocks, documents
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Json, Session, as_object

PAGE = ROOT / "docs" / "powershell.md"
LOCAL = "http://127.0.0.1:7071"

# "Invoke-RestMethod" and "Invoke-WebRequest" in the documentation of PowerShell 7.4: those that the page may use.
PARAMETERS = {
    *("Method", "Body", "Form", "Headers", "ContentType", "OutFile", "InFile"),
    *("SkipHttpErrorCheck", "StatusCodeVariable", "MaximumRetryCount", "RetryIntervalSec"),
}


def blocks() -> list[CodeBlock]:
    """All blocks of PowerShell."""
    return [block for path in documents() for block in code_blocks(path) if block.language == "powershell"]


def script() -> str:
    """The script of the page."""
    return next(code_blocks(PAGE)).text


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.place)
def test_a_block_has_no_error_of_syntax(block: CodeBlock) -> None:
    parser = Parser(Language(tree_sitter_pwsh.language()))

    assert not parser.parse(block.text.encode()).root_node.has_error


def test_the_parser_finds_errors_of_syntax() -> None:
    parser = Parser(Language(tree_sitter_pwsh.language()))

    assert parser.parse(script().replace("if (-not $id) {", "if (-not $id {").encode()).root_node.has_error


def test_the_script_is_about_thirty_lines() -> None:
    assert len(script().splitlines()) <= 32


def test_the_page_uses_parameters_that_there_are() -> None:
    text = "\n".join(block.text for block in code_blocks(PAGE))
    calls = re.findall(r"Invoke-(?:RestMethod|WebRequest)[^\n]*", text)
    given = {name for call in calls for name in re.findall(r" -([A-Z]\w+)", re.sub(r"\([^()]*\)|@\{[^}]*\}", "", call))}
    splatted = {
        name for body in re.findall(r"\$(?:call|json) = [^\n]*", text) for name in re.findall(r"(\w+) = [$'@]", body)
    }

    assert calls
    assert given | splatted - {"call", "json", "Authorization"} <= PARAMETERS


def paths_of(value: object, prefix: str = "") -> Iterator[str]:
    """The properties in JSON as PowerShell addresses them: ``error.innerError.code``."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{prefix}{name}"
            yield from paths_of(inner, f"{prefix}{name}.")


def test_the_script_reads_properties_that_the_service_sends(session: Session) -> None:
    """The requests of the script, in its order, and one more that is refused."""
    again = session.resource.create({"data": session.read()["data"]})
    refused = session.upload("faulty.csv", faulty_access_file(3))
    answers: list[Json] = [session.read(), as_object(again), as_object(refused)]
    answers += [as_object(session.upload("access.csv")), session.read({"$expand": "files($top=999)"})]
    answers += [as_object(session.complete({"Prefer": "allow-incomplete"}))]
    sent = {path for answer in answers for path in paths_of(answer)}
    read = set(re.findall(r"\$answer\.([\w.]*\w)", script()))

    assert again.status_code == 409
    assert again.json()["error"]["innerError"]["uploadSessionId"] == session.id
    assert read
    assert read <= sent
    assert {"target", "code", "message"} <= set(refused.json()["error"]["details"][0])
    assert {"name", "@uploads.sha256"} <= set(answers[4]["files"][0])


def pwsh(service: str, folder: Path, review: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the page; it is left out where there is no PowerShell."""
    program = shutil.which("pwsh")
    if program is None:
        pytest.skip("pwsh is not on this machine")
    file = folder.with_suffix(".ps1")
    file.write_text(script())
    command: list[str | Path] = [program, "-NoProfile", "-File", file, folder, review, f"{service}/v1.0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_script_uploads_a_folder_and_runs_again(service: str, tmp_path: Path) -> None:
    folder, review = tmp_path / "in", str(uuid4())
    folder.mkdir()
    (folder / "Zugänge.csv").write_bytes(access_file())
    (folder / "doors.csv").write_bytes(faulty_access_file(3))

    refused = pwsh(service, folder, review)
    (folder / "doors.csv").write_bytes(access_file())
    done = pwsh(service, folder, review)

    assert refused.returncode != 0
    assert "line 3, permissionId" in refused.stdout + refused.stderr
    assert done.returncode == 0, done.stderr
    assert "complete: 2 files" in done.stdout
