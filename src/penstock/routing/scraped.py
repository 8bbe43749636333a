"""What an upstream's own metrics said. Apart from who reckons with it: it is decoded from records, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Scraped:
    """What an upstream's own metrics said at the moment ``at``; None where it has no such metric. ``ours``: our calls
    in flight there at that moment: what it has beyond these is other gateways'."""

    at: float
    running: float | None = None
    waiting: float | None = None
    kv: float | None = None
    ours: int = 0
