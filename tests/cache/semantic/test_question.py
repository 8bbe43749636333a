"""A question on its way."""

from __future__ import annotations

from penstock.cache.semantic.question import Question


def test_it_tells_nothing_of_its_text_in_a_log() -> None:
    shown = repr(Question("my secret", "chat", b"\x01" * 16, "m", "v"))
    assert "secret" not in shown
    assert "01010101" in shown
