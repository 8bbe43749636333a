"""Which calls may be matched. The shapes of calls are in test_prompt.py."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.semantic.config import SemanticConfig
from penstock.cache.semantic.eligibility import MOST_CHARACTERS, REASONS, Eligibility
from penstock.cache.semantic.prompt import Prompt
from penstock.wire.asked import Asked


def reason(text: str = "q", config: SemanticConfig | None = None, effects: bool = False, **fields: Any) -> str:
    asked = Asked(
        b"d", {"messages": [{"role": "user", "content": text}], **fields}, False, effects, bool(fields.get("tools"))
    )
    rules = Eligibility(
        config or SemanticConfig(),
        lambda text: "action" if text.startswith("send") else "",
        lambda text: len(text) < 100,
    )
    found = rules.prompt("chat", asked, "m")
    assert isinstance(found, Prompt) or found in REASONS
    return found if isinstance(found, str) else ""


def test_a_plain_question_is() -> None:
    assert reason() == ""
    assert reason(temperature=1) == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"text": "x" * 100}, "long"),
        ({"text": "send x"}, "action"),
        ({"text": "x" * (MOST_CHARACTERS + 1)}, "long"),
        ({"effects": True}, "effects"),
        ({"temperature": 1.01}, "temperature"),
        ({"tools": [1]}, "tools"),
        ({"config": SemanticConfig(models=["n"])}, "off"),
        ({"config": SemanticConfig(unset_temperature=False)}, "temperature"),
        ({"config": SemanticConfig(temperature=0), "temperature": 0.1}, "temperature"),
    ],
)
def test_reasons(given: dict[str, Any], why: str) -> None:
    assert reason(**given) == why


def test_tools_can_be_let_in() -> None:
    assert reason(config=SemanticConfig(tools=True), tools=[1]) == ""


def test_a_long_text_is_not_looked_at() -> None:
    def never(text: str) -> str:
        raise AssertionError

    asked = Asked(b"d", {"messages": [{"role": "user", "content": "x" * 10_000}]}, False, False, False)
    assert Eligibility(SemanticConfig(), never, lambda text: True).prompt("chat", asked, "m") == "long"
