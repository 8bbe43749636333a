from typing import Any

import pytest

from penstock.history.asking import MOST_MEASURES, QuestionError, moment_of, question_of
from penstock.history.measures import MEASURES

NOW = 1_800_000_003.0
KEPT = {"ten_seconds": 6 * 3600.0, "minute": 3 * 86_400.0, "hour": 400 * 86_400.0}


def ask(**asked: Any) -> Any:
    return question_of(asked, NOW, KEPT)


def test_what_is_told_when_nothing_is_said() -> None:
    question = ask()
    assert (question.plan.tier.name, question.plan.step, question.by, question.matched) == ("minute", 60.0, "", {})
    assert list(question.measures) == [
        "calls_per_second", "error_share", "ttft_p50", "ttft_p95", "total_p50", "total_p95",
    ]  # fmt: skip
    assert question.since <= NOW - 6 * 3600
    assert question.until >= NOW
    assert (question.until - question.since) % 60 == 0
    assert len(question.times) == round((question.until - question.since) / 60)


def test_moments() -> None:
    assert moment_of("since", "now", NOW) == NOW
    assert moment_of("since", "-90m", NOW) == NOW - 5400
    assert moment_of("since", "1799990000.5", NOW) == 1_799_990_000.5
    assert moment_of("since", "2027-01-15T08:00:00Z", NOW) == 1_800_000_000
    assert moment_of("since", "2027-01-15T09:00:00+01:00", NOW) == 1_800_000_000
    for wrong in ("yesterday", "-", "-6", "2027-01-15T08:00:00", "1e5", "", "9" * 40):
        with pytest.raises(QuestionError, match="since is now, -6h"):
            moment_of("since", wrong, NOW)


def test_a_question_in_full() -> None:
    question = ask(
        since="-1h", until="-30m", step="1m", model="large", upstream="east", operation="chat", top="5",
        measures=" ttft_p95 ,calls", by="upstream",
    )  # fmt: skip
    assert (question.plan.step, question.by, question.top) == (60.0, "upstream", 5)
    assert question.matched == {"model": "large", "upstream": "east", "operation": "chat"}
    assert list(question.measures) == ["ttft_p95", "calls"]


@pytest.mark.parametrize(
    ("asked", "name", "told"),
    [
        ({"sinc": "-1h"}, "sinc", "'sinc' is not known; there are since, until"),
        ({"since": "now"}, "since", "must lie before until"),
        ({"since": "0"}, "since", "ten years"),
        ({"step": "often"}, "step", "step is auto, or such as 60s"),
        ({"step": "15"}, "step", "a multiple of 10s"),
        ({"by": "key"}, "by", "there are model, upstream, operation"),
        ({"dimension": "colour"}, "dimension", "there are key, tag, prompt, error, cache, room"),
        ({"dimension": "key", "model": "m"}, "dimension", "nothing is kept of single models"),
        ({"measures": "ttft_p96"}, "measures", "ttft_p95"),
        ({"measures": "ttft_p95", "dimension": "key"}, "measures", "not known by key; there are answer_tokens"),
        ({"measures": "cpu", "by": "model"}, "measures", "cpu is of the whole gateway"),
        ({"measures": ","}, "measures", f"at most {MOST_MEASURES}"),
        ({"measures": ",".join(list(MEASURES)[: MOST_MEASURES + 1])}, "measures", f"at most {MOST_MEASURES}"),
        ({"top": "0"}, "top", "from 1 to 50"),
        ({"top": "many"}, "top", "from 1 to 50"),
    ],
)
def test_wrong_questions(asked: dict[str, str], name: str, told: str) -> None:
    with pytest.raises(QuestionError, match=told) as caught:
        ask(**asked)
    assert caught.value.name == name


def test_what_a_dimension_tells_when_nothing_is_said() -> None:
    assert list(ask(dimension="key").measures) == ["calls_per_second", "error_share", "total_mean", "cost_per_hour"]
    assert list(ask(dimension="room").measures) == ["wait_mean"]


def test_the_future_is_not_told() -> None:
    assert ask(since="-1h", until=str(NOW + 7200)).until <= NOW + 60
