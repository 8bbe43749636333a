"""The tool that makes the shipped prior."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fit_prior
from penstock.cache.verify.model import read
from tests.support.hashed_vectors import hashed_vectors
from tests.support.labelled_questions import labelled_questions


def test_equal_streams_give_equal_bytes(tmp_path: Path) -> None:
    rows = labelled_questions(200)
    (tmp_path / "s.json").write_text(json.dumps(rows), "utf-8")
    np.save(tmp_path / "v.npy", hashed_vectors([text for text, _ in rows]))
    given = f"{tmp_path / 's.json'}={tmp_path / 'v.npy'}"
    for name in ("a", "b"):
        assert fit_prior.main([given, "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read((tmp_path / "a").read_text("utf-8"))


def test_files_that_do_not_fit_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit_prior.main([f"{tmp_path / 'none'}={tmp_path / 'none'}"]) == 1
    assert "fit_prior:" in capsys.readouterr().err
