"""How long a call would wait at a target, in seconds: the common currency of ``predictive``, ``cost`` and ``adaptive``.

first token: base + (uncached prompt tokens in flight + mine · (1 − hit)) / learned prefill rate, and what the call
that waits longest there is overdue. Decode: what my answer costs at the learned inter-token latency of the batch it
joins, and what my joining costs each answer in it. Barrier: k / (1 − k) of KV use, as in SGLang's least_load.
"""

from __future__ import annotations

from penstock.routing.ask import Ask
from penstock.routing.targets import Target

DECODE = 0.1
"""A second of a whole answer counts as so many to its first token."""
BARRIER_SECONDS = 0.15
FULL = 0.98


def wait(target: Target, ask: Ask, hit: float) -> float:
    """Seconds; the least wins. One plain expression: this runs for each candidate of each call."""
    load = target.load
    now = ask.now
    batch: float = load.decoding + len(load.stays)
    scraped = load.scraped
    held = 0.0
    if scraped is not None:
        batch += load.others(now)
        kv = load.kv(now)
        held = BARRIER_SECONDS * kv / (1.0 - min(kv, FULL))
    first, gap = load.first, load.gap
    seconds = first.base + (load.waiting + ask.tokens * (1.0 - hit)) * first.slope + held
    seconds += DECODE * ask.output * (gap.base + gap.slope * (2 * batch + 1))
    return seconds + load.overdue(now) if load.stays else seconds


def wait_terms(target: Target, ask: Ask, hit: float) -> dict[str, float]:
    """The summands of ``wait``."""
    load = target.load
    now = ask.now
    batch = load.decoding + len(load.stays) + load.others(now)
    kv = load.kv(now)
    return {
        "base": load.first.base,
        "queued": load.waiting * load.first.slope,
        "prompt": ask.tokens * (1.0 - hit) * load.first.slope,
        "decode": DECODE * ask.output * (load.gap.base + load.gap.slope * (2 * batch + 1)),
        "kv": BARRIER_SECONDS * kv / (1.0 - min(kv, FULL)),
        "overdue": load.overdue(now),
    }
