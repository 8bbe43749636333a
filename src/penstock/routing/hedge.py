"""When a second upstream is asked while the first is silent: which calls may be, after how long, and how many. Pure.

The delay is a percentile of what a model's last calls took to their first token (to their whole answer, where it is no
stream), the number a share of its calls (Dean and Barroso, "The Tail at Scale", 2013).
"""

from __future__ import annotations

import math
from collections import deque

import msgspec

from penstock.core.call import Call

TWICE = frozenset(
    {"chat", "completions", "messages", "responses", "embeddings", "rerank", "moderations", "count_tokens",
     "response_tokens"}
)  # fmt: skip
"""Operations that leave nothing behind: to ask twice costs, and does no more."""
WINDOW = 256
"""Calls from which the delay is learned."""
LEAST = 20
EVERY = 8
"""Calls after which it is worked out anew."""
MOST_SAVED = 10.0
"""Second attempts that a quiet time may save up."""
LARGEST_BODY = 1 << 20
"""A prompt beyond that is not sent twice."""

_OWN_TOOLS = (None, "function", "custom")
"""Types of tools that the caller runs itself; all others may act where the model runs."""
_ACTING = (
    "background", "conversation", "mcp_servers", "container", "web_search_options", "search_parameters", "plugins",
)  # fmt: skip
_UNSET = (b"null", b"false", b"[]", b"{}", b'""')


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None


_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_tools = msgspec.json.Decoder(list[_Tool] | None)


def harmless_twice(call: Call) -> bool:
    """Whether asking for ``call`` twice does no more than asking once: nothing is stored, nothing acts on its own."""
    if call.operation.name not in TWICE or len(call.body) > LARGEST_BODY:
        return False
    try:
        fields = _top.decode(call.body)
        tools = _tools.decode(fields["tools"]) if "tools" in fields else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if any(bytes(fields[name]) not in _UNSET for name in _ACTING if name in fields):
        return False
    stored = bytes(fields["store"]) if "store" in fields else b"null"
    if stored != b"false" and (stored != b"null" or call.operation.name == "responses"):  # which are stored if unsaid
        return False
    return all(tool.type in _OWN_TOOLS for tool in tools or ())


class Delay:
    """A percentile of the last times seen. ``seconds`` is None until enough of them are known for it to mean
    something."""

    __slots__ = ("_fresh", "_least", "_percentile", "_seen", "seconds")

    def __init__(self, percentile: float) -> None:
        self._percentile = percentile
        self._least = max(LEAST, math.ceil(1 / (1 - percentile) - 1e-9))
        self._seen: deque[float] = deque(maxlen=WINDOW)
        self._fresh = 0
        self.seconds: float | None = None

    def learn(self, seconds: float) -> None:
        """One call took so long, or longer: beyond the percentile it makes no difference."""
        seen = self._seen
        seen.append(seconds)
        self._fresh += 1
        if self._fresh >= EVERY and len(seen) >= self._least:
            self._fresh = 0
            self.seconds = sorted(seen)[math.ceil(self._percentile * len(seen)) - 1]

    def __repr__(self) -> str:
        return f"<Delay {self.seconds} s from {len(self._seen)} calls>"


class Hedge:
    """Second attempts for the calls of one model. ``budget``: their share of the calls; ``least``: seconds that are
    waited in any case."""

    __slots__ = ("_allowed", "_budget", "_least", "_streams", "_whole")

    def __init__(self, percentile: float, budget: float, least: float) -> None:
        self._budget = budget
        self._least = least
        self._streams = Delay(percentile)
        self._whole = Delay(percentile)
        self._allowed = 0.0

    def takes(self, call: Call, targets: int) -> bool:
        """Count a call for which one of ``targets`` is about to be asked. Whether its first token is to be watched."""
        if targets < 2 or call.operation.name not in TWICE:
            return False
        self._allowed = min(MOST_SAVED, self._allowed + self._budget)
        return True

    def delay(self, call: Call) -> float | None:
        """Seconds after which a second attempt is worth its cost; None while that is not known."""
        seconds = (self._streams if call.stream else self._whole).seconds
        return None if seconds is None else max(self._least, seconds)

    def learn(self, call: Call, seconds: float) -> None:
        """The first attempt took so long to its first token, or would have taken longer."""
        (self._streams if call.stream else self._whole).learn(seconds)

    def spend(self) -> bool:
        """Take a second attempt out of the budget; False when there is none left."""
        if self._allowed < 1.0:
            return False
        self._allowed -= 1.0
        return True

    def __repr__(self) -> str:
        return f"<Hedge {self._allowed:.2f} allowed, {self._streams!r}>"
