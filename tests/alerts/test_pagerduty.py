"""Against what PagerDuty documents of the Events API v2."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.alerts.pagerduty import pagerduty
from penstock.core.alert import SEVERITIES
from tests.support.alerts import news

KEY = "0123456789abcdef0123456789abcdef"


def check(event: dict[str, Any]) -> None:
    """Raises AssertionError for what the API would refuse."""
    assert set(event) <= {
        "routing_key",
        "event_action",
        "dedup_key",
        "client",
        "client_url",
        "payload",
        "links",
        "images",
    }
    assert event["routing_key"] == KEY
    assert event["event_action"] in ("trigger", "acknowledge", "resolve")
    assert 0 < len(event["dedup_key"]) <= 255
    assert len(json.dumps(event).encode()) < 512 * 1024
    if event["event_action"] != "trigger":
        return
    payload = event["payload"]
    assert {"summary", "source", "severity"} <= set(payload)
    assert set(payload) <= {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }  # fmt: skip
    assert 0 < len(payload["summary"]) <= 1024
    assert payload["source"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+\d\d:\d\d", payload["timestamp"])


def test_an_alert_triggers_an_incident_and_its_end_resolves_the_same() -> None:
    opened, raised, closed = (pagerduty(news(what), "gw-1", KEY) for what in ("opened", "raised", "closed"))  # type: ignore[arg-type]
    for event in (opened, raised, closed):
        check(event)
    assert [event["event_action"] for event in (opened, raised, closed)] == ["trigger", "trigger", "resolve"]
    assert len({event["dedup_key"] for event in (opened, raised, closed)}) == 1
    assert opened["payload"]["summary"] == "[high] high_latency: gpu-1 is slow"
    assert (opened["payload"]["component"], opened["payload"]["class"]) == ("gpu-1", "high_latency")
    assert opened["payload"]["custom_details"] == {"id": "a1", "upstream": "gpu-1", "p95": "2.5"}


def test_another_alert_is_another_incident() -> None:
    keys = {
        pagerduty(news(), "gw-1", KEY)["dedup_key"], pagerduty(news(id="a2"), "gw-1", KEY)["dedup_key"],
        pagerduty(news(opened=1.0), "gw-1", KEY)["dedup_key"], pagerduty(news(), "gw-2", KEY)["dedup_key"],
    }  # fmt: skip
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("severity", "theirs"), [("low", "info"), ("medium", "warning"), ("high", "error"), ("critical", "critical")]
)
def test_how_severe_it_is(severity: Any, theirs: str) -> None:
    assert severity in SEVERITIES
    assert pagerduty(news(severity=severity), "gw", KEY)["payload"]["severity"] == theirs


@settings(deadline=None)
@given(
    st.text(max_size=3000), st.text(min_size=1, max_size=500), st.text(min_size=1, max_size=400),
    st.dictionaries(st.text(max_size=200), st.text(max_size=5000), max_size=60),
)  # fmt: skip
def test_whatever_is_told_the_api_takes_it(said: str, name: str, gateway: str, facts: dict[str, str]) -> None:
    check(pagerduty(news(text=said, name=name, facts=facts), gateway, KEY))
