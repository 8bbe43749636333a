import json
import sys
from pathlib import Path

import pytest

from bench import claims, machine
from bench.claims import CLAIMS, Claim
from bench.claims_measured import Measured, utilisation


def test_a_claim_that_is_missed_is_a_result_and_one_that_breaks_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks() -> Measured:
        raise RuntimeError("no engine")

    monkeypatch.setattr(machine, "CACHE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["claims"])
    three = (
        Claim("a", "twice", lambda: Measured("three times", True)),
        Claim("b", "half", lambda: Measured("a tenth", False)),
        Claim("c", "x", breaks),
    )
    monkeypatch.setattr(claims, "CLAIMS", three[:2])
    with pytest.raises(SystemExit) as ended:
        claims.main()
    assert not ended.value.code
    monkeypatch.setattr(claims, "CLAIMS", three)
    with pytest.raises(SystemExit) as ended:
        claims.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "**no**" in said
    assert "not measured: no engine" in said
    kept = json.loads((tmp_path / "results" / "claims.json").read_text())["claims"]
    assert kept["b"] == {"says": "a tenth", "reached": False}


def test_every_claim_is_named_once_and_one_can_be_measured() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS) == 8
    measured = utilisation()
    assert measured.says.startswith("+")
    assert measured.reached is not None
