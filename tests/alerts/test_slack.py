"""Against what Slack documents of incoming webhooks, block kit and escaping."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.alerts.slack import escaped, slack
from tests.support.alerts import news


def check(message: dict[str, Any]) -> None:
    """Raises AssertionError for what Slack would refuse, or show otherwise than meant."""
    assert set(message) == {"text", "blocks"}
    assert 0 < len(message["text"]) <= 40_000
    assert 0 < len(message["blocks"]) <= 50
    for block in message["blocks"]:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 0 < len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert "text" in block or "fields" in block
            if "text" in block:
                assert 0 < len(text(block["text"])) <= 3000
            assert len(block.get("fields", [])) <= 10
            for field in block.get("fields", []):
                assert 0 < len(text(field)) <= 2000
        else:
            assert block["type"] == "context"
            assert 0 < len(block["elements"]) <= 10
            for element in block["elements"]:
                assert 0 < len(text(element)) <= 2000
    text({"type": "mrkdwn", "text": message["text"]})


def text(told: dict[str, str]) -> str:
    assert set(told) == {"type", "text"}
    assert told["type"] == "mrkdwn"
    assert "<" not in told["text"], "a mention or a link"
    assert ">" not in told["text"]
    plain = told["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in plain, "half of an escape"
    return told["text"]


def test_a_message_says_what_it_is_about() -> None:
    message = slack(news(), "gw-1")
    check(message)
    assert message["text"] == ":rotating_light: *[high] high_latency* gpu-1 is slow"
    assert message["blocks"][2]["fields"][1]["text"] == "*p95*\n2.5"
    assert "gw-1 · a1" in message["blocks"][-1]["elements"][0]["text"]


def test_the_end_is_told_as_one() -> None:
    message = slack(news("closed"), "gw-1")
    check(message)
    assert message["text"].startswith(":white_check_mark: *[over after 1m 15s] high_latency*")


def test_nobody_can_be_mentioned_through_a_fact() -> None:
    message = slack(news(text="<!channel> & <@U1>", facts={"<b>": "<https://evil|click>"}), "gw")
    check(message)
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in message["text"]
    assert escaped("a&lt;") == "a&amp;lt;"


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=6000), st.text(min_size=1, max_size=300),
    st.dictionaries(st.text(max_size=200), st.text(max_size=5000), max_size=30),
)  # fmt: skip
def test_whatever_is_told_slack_takes_it(said: str, name: str, facts: dict[str, str]) -> None:
    check(slack(news(text=said, name=name, facts=facts), "gw"))


@pytest.mark.parametrize("length", range(2985, 3010))
def test_no_escape_is_cut_in_half(length: int) -> None:
    check(slack(news(text="x" * (length - 5) + "&&&&&"), "gw"))


def test_an_alert_without_facts_has_no_empty_section() -> None:
    check(slack(news(facts={}), "gw"))
