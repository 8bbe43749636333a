"""Which calls may share a flight, and which of them are equal. Pure.

Enters: a call, what tells equal calls (made here where no room above did), the configuration. Leaves: the key of its
flight, or None for a call that goes alone. May fail: CallerError for a head that cannot be sent on.
"""

from __future__ import annotations

from penstock.coalesce.config import CoalesceConfig
from penstock.core.call import Call
from penstock.core.exchange import Exchange
from penstock.core.patterns import nearest
from penstock.wire.asked import DETERMINISTIC, Asked, asked
from penstock.wire.shaping import shaping
from penstock.wire.shared_answer import mixable

MOST_MODELS = 1024
"""Whose rule is remembered: callers make names up where a pattern serves them."""

STREAM, WHOLE = b"s", b"w"
"""Ends of the keys of calls that are equal only to those that ask the same way."""
_REFRESH = b"r"


class Eligible:
    """The rules of one configuration. ``secret`` keys the digests that are made here. ``strict``: no call may share
    that has a temperature above 0."""

    def __init__(self, config: CoalesceConfig, secret: bytes) -> None:
        self._config = config
        self._secret = secret
        self._place = object()  # of what a head shapes, in the memo of its caller
        self._rules: dict[str, str] = {}
        self._everywhere = config.calls if not config.models else ""
        self.strict = self._everywhere == "deterministic"

    def key(self, exchange: Exchange) -> bytes | None:
        """See the module. Most calls that may not share are told apart by what was peeked of them."""
        call = exchange.call
        rule = self._everywhere or self._rule(call.model)
        if rule != "all" and (rule == "off" or (call.temperature != 0 and call.operation.name not in DETERMINISTIC)):
            return None
        if exchange.asked is False or call.operation.body != "json":
            return None
        mode = self._mode(call)
        if mode == b"bypass":
            return None
        told: Asked | None = exchange.asked
        if told is None:
            told = asked(call, self._secret, f"{exchange.scope}\0{self._shape(call)}")
            exchange.asked = told or False
        if told is None or (told.effects and not self._config.effects) or not (told.deterministic or rule == "all"):
            return None
        key = told.digest + _REFRESH if mode == b"refresh" else told.digest
        return key if mixable(call.operation.name, told.fields) else key + (STREAM if call.stream else WHOLE)

    def _rule(self, model: str) -> str:
        """That of the longest name that fits."""
        known = self._rules.get(model)
        if known is not None:
            return known
        name = nearest(self._config.models, model)
        found = None if name is None else self._config.models[name]
        if len(self._rules) >= MOST_MODELS:
            self._rules.clear()
        rule = self._rules[model] = found or self._config.calls
        return rule

    def _mode(self, call: Call) -> bytes:
        known: bytes | None = call.memo.get(self)
        if known is None:
            known = call.memo[self] = (call.header(b"x-penstock-cache") or b"").strip().lower()
        return known

    def _shape(self, call: Call) -> str:
        known: str | None = call.memo.get(self._place)
        if known is None:
            known = call.memo[self._place] = shaping(call).decode("latin-1")
        return known

    def __repr__(self) -> str:
        return f"<Eligible {self._config.calls} and {len(self._config.models)} models>"
