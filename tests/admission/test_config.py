from typing import Any

import pytest

from penstock.admission.config import AdmissionConfig
from penstock.core.settings import Reading, Section
from penstock.core.units import ADAPTIVE


def read(text: str) -> tuple[AdmissionConfig, list[str]]:
    reading = Reading("f", {})
    sections: Any = reading.sections(f"admission: {text}", [Section("admission", AdmissionConfig)])
    return sections.get(AdmissionConfig), reading.problems


def test_by_default_nobody_notices_and_nobody_waits_for_ever() -> None:
    section, problems = read("{}")
    assert problems == []
    assert (section.limit, section.queue.calls, section.max_wait) == (12_000, 10_000, 30.0)
    assert (section.queue.per_key, section.queue.guard) == (None, 20)
    assert (section.preempt.enabled, section.preempt.most) == (True, 2)


def test_the_number_of_seats_may_be_found_out() -> None:
    assert read("{limit: adaptive}")[0].limit == ADAPTIVE
    assert read("{limit: 64, max_wait: 250ms}")[0].limit == 64


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("{limit: 0}", "limit", "a whole one from 1 on"),
        ("{limit: -5}", "limit", "a whole one from 1 on"),
        ("{limit: 1.5}", "limit", "a whole one from 1 on"),
        ("{limit: many}", "limit", "or adaptive"),
        ("{queue: {calls: -1}}", "queue.calls", "at least 0"),
        ("{queue: {per_key: 0}}", "queue.per_key", "at least 1"),
        ("{queue: {guard: -1}}", "queue.guard", "at least 0"),
        ("{queue: {calls: 5, per_key: 6}}", "queue.per_key", "never count"),
        ("{max_wait: 0s}", "max_wait", "more than"),
        ("{preempt: {most: 0}}", "preempt.most", "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(text: str, where: str, why: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert where.rpartition(".")[2] in problems[0]
    assert why in problems[0]
