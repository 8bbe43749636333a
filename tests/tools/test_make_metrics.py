import re
from pathlib import Path

import pytest

import make_metrics
from make_metrics import TARGET, document, labels, main
from penstock.observe.prometheus import METRICS


def test_the_page_is_in_step_with_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == document(), "run tools/make_metrics.py"


def test_check_tells(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    monkeypatch.setattr(make_metrics, "TARGET", tmp_path / "metrics.md")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert "in step" in capsys.readouterr().out


def test_every_metric_has_its_row_and_its_labels() -> None:
    text = document()
    for name in METRICS:
        assert f"| `{name}` |" in text
    assert labels()["penstock_requests_total"] == ["operation", "model", "upstream", "status", "fault"]
    assert labels()["penstock_request_seconds"] == ["operation", "model"]
    assert "penstock_in_flight" not in labels()


def test_queries_ask_for_metrics_that_there_are() -> None:
    names = set(re.findall(r"penstock_\w+", make_metrics.TAIL))
    assert names
    for name in names:
        assert name in METRICS or re.sub(r"_(bucket|sum|count)$", "", name) in METRICS, name
