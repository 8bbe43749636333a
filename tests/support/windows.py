"""Records of finished calls, by what differs from a plain one; and windows of them."""

from typing import Any

from penstock.core.finished import Finished, Record
from penstock.core.windows import SPAN, Window
from penstock.history.tally import Tally

PLAIN = Finished(
    at=1_800_000_000.0, id="id", operation="chat", model="large", upstream="east", key="key_1", tags="", status=200,
    outcome="ok", fault="", error="", stream=True, cache="miss", degraded="", batch="", attempts=1, rescues=0, hedge="",
    total=2.0, first_byte=0.5, answering=0.4, connecting=0.01, waited=1.9, queued=0.0, overhead=0.0001, tokens_in=1000,
    tokens_out=101, tokens_cached=0, tokens_reasoning=0, bytes_in=4000, bytes_out=3000, cost=5000, saved=0, waits=None,
)  # fmt: skip


def finished(**facts: Any) -> Record:
    """The record of a call that ended so."""
    return tuple(PLAIN._replace(**facts))


def window_of(start: float, *records: Record, gauges: dict[str, float] | None = None, worker: int = 0) -> Window:
    """The window of ten seconds in which they ended, whatever they say of when."""
    tally = Tally(start, worker)
    tally.take(tuple(Finished._make(record)._replace(at=start)) for record in records)
    tally.close(start + SPAN, gauges or {})
    (window,) = tally.over(start - SPAN)
    return window


def full_window(start: float) -> Window:
    """One that has something of everything."""
    made = window_of(
        start,
        finished(queued=0.25, waits={"queue": 0.25}, tags="team:a"),
        finished(model="small", fault="upstream", error="upstream_timeout"),
        finished(upstream="west", cache="hit-exact", attempts=0),
        gauges={"cpu": 0.5, "in_flight": 3},
    )
    made.feedback = {"large": (2, 1.5)}
    made.peaks, made.covered, made.worker = {"cpu": 0.75}, 5.0, -1
    return made
