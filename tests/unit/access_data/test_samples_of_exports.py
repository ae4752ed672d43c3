"""The samples of exports become rows under their declarations, as docs/rows.md says."""

import json

import pytest

from local.service import ROOT
from shared.access_data.steps.declaration import parse_declaration
from tests.unit.access_data.test_rows import TYPES, make

EXPORTS = ROOT / "samples" / "exports"
STEPS = {
    "excel": ("decode", "separate", "columns"),
    "sap": ("decode", "separate", "columns"),
    "mainframe": ("decode", "separate", "columns"),
    "ldap": ("columns",),
    "saas": ("separate", "columns"),
}


def test_every_sample_is_here() -> None:
    assert {path.stem for path in EXPORTS.glob("*.csv")} == {path.stem for path in EXPORTS.glob("*.json")} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_a_sample_becomes_rows_under_its_declaration(name: str) -> None:
    declaration = parse_declaration(json.loads((EXPORTS / f"{name}.json").read_text()), TYPES)
    content = (EXPORTS / f"{name}.csv").read_bytes()

    report, rows = make(content, declaration)

    assert report.findings == ()
    assert report.made is not None
    assert (report.rows, report.made.steps) == (6, STEPS[name])
    assert rows.count(b"\r\n") == 7
    without, _ = make(content)
    assert without.finding_count > 0
