"""Which form of Penstock a bench starts, and what it says of it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from bench import built
from bench.machine import ROOT


def carried(monkeypatch: pytest.MonkeyPatch, status: int, said: str) -> built.Form:
    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(argv, status, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    return built.carried.__wrapped__()


def test_what_was_compiled_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert carried(monkeypatch, 0, "") == built.Form(ROOT / ".cache" / "compiled", "compiled")


def test_where_nothing_can_be_compiled_the_source_is_and_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    form = carried(monkeypatch, built.CANNOT, "nothing is compiled: there is no C compiler (cc)\n")
    assert form == built.Form(ROOT / "src", "the source (nothing is compiled: there is no C compiler (cc))")


def test_what_cannot_be_compiled_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="an error of mypyc"):
        carried(monkeypatch, 1, "an error of mypyc")


def test_tests_compile_nothing() -> None:
    assert "PENSTOCK_PURE is set" in built.about()["penstock"]
