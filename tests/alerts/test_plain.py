import hashlib
import hmac
import json

import pytest

from penstock.alerts.plain import duration, facts, generic, headline, shown, signature
from tests.support.alerts import OPENED, alert, news


def test_plain_json() -> None:
    told = json.loads(json.dumps(generic(news("closed"), "gw-1:8400", OPENED + 80)))
    assert told == {
        "version": 1, "event": "closed", "gateway": "gw-1:8400", "sent": "2027-01-15T08:01:20.000+00:00",
        "alert": {
            "id": "a1", "name": "high_latency", "severity": "high", "text": "gpu-1 is slow",
            "opened": "2027-01-15T08:00:00.000+00:00", "closed": "2027-01-15T08:01:15.000+00:00", "seconds": 75.0,
            "facts": {"upstream": "gpu-1", "p95": 2.5},
        },
    }  # fmt: skip
    assert generic(news(), "g", OPENED)["alert"]["closed"] is None


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("opened", "[high] high_latency"), ("raised", "[now high] high_latency"), ("test", "[test] high_latency"),
        ("closed", "[over after 1m 15s] high_latency"),
    ],
)  # fmt: skip
def test_one_line_for_people(what: str, line: str) -> None:
    assert headline(news(what)) == line  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.6, "1m"), (75, "1m 15s"), (3600, "1h"), (90061, "25h 1m 1s"), (-5, "0s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_facts_are_short_and_few() -> None:
    many = alert(facts={f"f{number}": number for number in range(50)})
    assert len(facts(many, 10)) == 10
    assert shown("x" * 999) == "x" * 200
    assert shown(1 / 3) == "0.3333"
    assert shown({"a": [1, None]}) == '{"a":[1,null]}'


def test_a_signature_can_be_checked_by_who_knows_the_secret() -> None:
    body = b'{"a":1}'
    fields = dict(part.split("=") for part in signature("s3cret", body, 1_800_000_000.9).split(","))
    assert fields["t"] == "1800000000"
    assert fields["v1"] == hmac.new(b"s3cret", b"1800000000." + body, hashlib.sha256).hexdigest()
    assert signature("other", body, 1_800_000_000.9) != signature("s3cret", body, 1_800_000_000.9)
