"""Every link within the documents leads somewhere, and the README stays short."""

from pathlib import Path

import pytest

from tests.docs.documents import ROOT, anchors, documents, links, name_of


@pytest.mark.parametrize("path", documents(), ids=name_of)
def test_relative_links_lead_to_files_and_headings(path: Path) -> None:
    broken = []
    for line, target in links(path):
        if target.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(f"line {line}: {target}")

    assert broken == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            targets = (target.partition("#")[0] for _, target in links(path) if not target.startswith("https://"))
            waiting += {(path.parent / target).resolve() for target in targets} & set(documents())

    assert set(documents()) - reached == set()


def test_the_readme_has_at_most_130_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
