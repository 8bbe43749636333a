"""What is never answered by meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cache.verify.ineligible import REASONS, Ineligible, foreign


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What is my balance right now?", "freshness"),
        ("what's today’s rate", "freshness"),
        ("give me the latest figures", "freshness"),
        ("Cancel my order.", "action"),
        ("Please, could you delete my account", "action"),
        ("I lost it. Block my card!", "action"),
        ("i need you to transfer 5 dollars", "action"),
        ("Как мне открыть счёт в вашем банке?", "language"),
        ("Wie kann ich mein Konto bei der Bank eröffnen?", "language"),
        ("¿Cómo puedo abrir una cuenta en el banco?", "language"),
        ("How do I cancel an order?", ""),
        ("What is the capital of France?", ""),
        ("How does one know what a snowman is?", ""),
        ("", ""),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert Ineligible().reason(text) == reason
    assert not reason or reason in REASONS


def test_rules_can_be_replaced_and_switched_off() -> None:
    lax = Ineligible(freshness=[], actions=["launch"], language=False)
    assert lax.reason("What is the rate today?") == ""
    assert lax.reason("Cancel it") == ""
    assert lax.reason("Launch it") == "action"
    assert lax.reason("Wie kann ich mein Konto bei der Bank eröffnen?") == ""


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    assert Ineligible().reason(text) in {"", *REASONS}
    assert foreign(text) in (True, False)
