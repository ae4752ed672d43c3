"""``dev.py demo`` tells its whole story."""

from pathlib import Path

import pytest

from local import demo


@pytest.mark.slow("the demo")
def test_the_demo_completes_a_session_with_the_samples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "DATA", tmp_path / "demo")
    monkeypatch.setattr("sys.argv", ["demo"])
    demo.main()
    told = capsys.readouterr().out
    assert "crm-access-faulty.csv" in told
    assert "Every answer was as expected." in told
