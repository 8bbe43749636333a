"""Calls as they may happen, for properties of what is kept of them; and the windows that hold them."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from penstock.core.finished import Finished
from penstock.core.windows import SPAN, Window
from tests.support.windows import PLAIN, window_of

START = 1_800_000_000.0
SPANS = 6
"""Of ten seconds, in which they happen."""


class Call(NamedTuple):
    """One that ended in the span with that number, at that host."""

    host: int
    span: int
    told: Finished


def _call(host: int, span: int, **facts: Any) -> Call:
    return Call(host, span, PLAIN._replace(**facts))


SECONDS = st.floats(1e-4, 500.0)
CALLS = st.lists(
    st.builds(
        _call,
        host=st.integers(0, 1),
        span=st.integers(0, SPANS - 1),
        operation=st.sampled_from(["chat", "embeddings"]),
        model=st.sampled_from(["large", "small", "tiny"]),
        upstream=st.sampled_from(["east", "west", ""]),
        key=st.sampled_from(["k1", "k2", "k3", "k4"]),
        tags=st.sampled_from(["", "team:a", "team:b"]),
        fault=st.sampled_from(["", "", "", "gateway", "upstream", "caller"]),
        cache=st.sampled_from(["miss", "hit-exact", ""]),
        stream=st.booleans(),
        total=SECONDS,
        first_byte=SECONDS,
        overhead=st.floats(-0.01, 0.01),
        tokens_in=st.integers(0, 100_000),
        cost=st.integers(0, 10**12),
        saved=st.integers(-1000, 10**6),
    ),
    max_size=40,
)


def windows_of(calls: list[Call], *silent: tuple[int, int]) -> list[tuple[int, Window]]:
    """With the number of their host; ``silent`` are hosts and spans in which a gateway ran without a call, too."""
    found: dict[tuple[int, int], list[Any]] = {place: [] for place in silent}
    for call in calls:
        found.setdefault((call.host, call.span), []).append(call.told)
    return [(host, window_of(START + SPAN * span, *those)) for (host, span), those in found.items()]
