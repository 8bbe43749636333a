"""Which entry of ``models`` serves a name that a caller asked for. Pure.

Exact names first, then prefixes (``fb-*``, the longest first), then ``*``. Fails with 404 ``model_not_found`` that
names the nearest entries.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.core.exchange import Exchange
from penstock.routing.ask import Ask
from penstock.routing.budget import RetryBudget
from penstock.routing.candidates import Candidates
from penstock.routing.capabilities import UNKNOWN, Capabilities
from penstock.routing.commonest import LEAST_BYTES, Commonest
from penstock.routing.hedge import Hedge
from penstock.routing.sizes import Sizes
from penstock.routing.strategies.strategy import Strategy
from penstock.routing.targets import Target
from penstock.routing.trial import Side, Trial

LONGEST_SESSION: Final = 64
"""Characters; of a longer name only its digest is kept: sessions are bounded in number, so each must be in size."""

CANARY: Final = "@canary"
"""Ends the name of a version on trial."""


@dataclass(slots=True)
class Entry:
    """One configured model: its pattern, the targets that have it, and how one is chosen.

    ``upstream_model`` None sends the name as asked; ``*`` sends what the pattern's star matched.
    ``max_tokens`` is set in calls that give no limit themselves. ``hedge`` None: no second attempt beside the first.
    ``regions``: the only ones in which its data may be (none: any); ``nearness``: all regions, the nearest first.
    While a new version is on ``trial``, ``new`` is its entry and ``old`` leads back; ``side`` is measured of each.
    ``common`` learns what calls begin with.
    """

    pattern: str
    targets: Sequence[Target]
    strategy: Strategy
    upstream_model: str | None = None
    max_tokens: int | None = None
    fallbacks: Sequence[str] = ()
    hedge: Hedge | None = None
    capabilities: Capabilities = UNKNOWN
    sizes: Sizes = field(default_factory=Sizes)
    trial: Trial | None = None
    new: Entry | None = None
    old: Entry | None = None
    side: Side | None = None
    budget: RetryBudget = field(default_factory=RetryBudget)
    regions: frozenset[str] = frozenset()
    nearness: Sequence[str] = ()
    common: Commonest = field(default_factory=Commonest)
    candidates: Candidates = field(init=False)

    def __post_init__(self) -> None:
        self.targets = self.within(self.regions, self.targets)
        self.candidates = Candidates(self.targets, self.nearness)

    @staticmethod
    def within(regions: frozenset[str], targets: Sequence[Target]) -> Sequence[Target]:
        """Those of ``targets`` that stand in ``regions``, which are any if none is named."""
        return [target for target in targets if target.region in regions] if regions else targets

    @property
    def label(self) -> str:
        """Its name in metrics and logs."""
        return self.pattern if self.old is None else self.pattern + CANARY

    def version(self, exchange: Exchange) -> Entry:
        """The version that the call goes to."""
        if self.trial is None or self.new is None:
            return self
        session = session_of(exchange.call)
        return self.new if self.trial.takes(session and f"{exchange.scope}\0{session}") else self

    def ask(self, exchange: Exchange, asked: str, now: float) -> Ask:
        """The call of ``exchange``, asked for as ``asked``, as this entry's strategy sees it."""
        call, scope, sizes = exchange.call, exchange.scope, self.sizes
        tokens, output = sizes.tokens(len(call.body)), sizes.answer(call.max_tokens)
        if self.common.most and len(call.body) >= LEAST_BYTES:
            self.common.note(call, self.sent_as(asked))
        if len(self.targets) == 1:  # nothing to choose
            return Ask(call, now, self.sent_as(asked), tokens, output, "", scope, sizes)
        session = session_of(call)
        if session:
            session = f"{scope}\0{session}"
        ask = Ask(call, now, self.sent_as(asked), tokens, output, session, scope, sizes)
        ask.near = exchange.near
        wanted = self.strategy.prefix
        if wanted and (wanted is True or not session):
            ask.cut()
        return ask

    def sent_as(self, asked: str) -> str:
        """The model name for the upstream."""
        if self.upstream_model is None:
            return asked
        if self.upstream_model == "*":
            return asked[len(self.pattern) - 1 :]
        return self.upstream_model


def session_of(call: Call) -> str:
    """What the caller says that belongs together: ``x-penstock-session``, else ``prompt_cache_key``, else ``user``."""
    memo = call.memo
    named: str | None = memo.get(session_of)
    if named is None:
        named = memo[session_of] = _short((call.header(b"x-penstock-session") or b"").decode("latin-1"))
    return named or _short(call.session)


def _short(name: str) -> str:
    if len(name) <= LONGEST_SESSION:
        return name
    return blake2b(name.encode(), digest_size=LONGEST_SESSION // 4).hexdigest()


class Table:
    """Lookup of entries by asked name. Not remembered per name: callers choose the names."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        self._exact = {entry.pattern: entry for entry in entries if not entry.pattern.endswith("*")}
        prefixes = [(entry.pattern[:-1], entry) for entry in entries if entry.pattern.endswith("*")]
        versions = [one for entry in entries for one in (entry, entry.new) if one is not None]
        self._labels = {entry.label: entry for entry in versions}
        self._prefixes = sorted(prefixes, key=lambda pair: -len(pair[0]))

    def find(self, name: str) -> Entry:
        """The entry for ``name``. Raises CallerError 404."""
        entry = self._exact.get(name)
        if entry is not None:
            return entry
        for prefix, candidate in self._prefixes:
            if name.startswith(prefix) and len(name) > len(prefix):
                return candidate
        raise self._unknown(name)

    def labelled(self, label: str) -> Entry | None:
        """The entry that stands under this name in metrics: a pattern, or a version on trial."""
        return self._labels.get(label)

    def fallbacks(self, entry: Entry, asked: str) -> list[tuple[Entry, str]]:
        """The entries to try after ``entry``, asked for as ``asked``, in order, each with the name to ask for. After a
        version on trial comes the one that it is to replace."""
        if entry.old is not None:
            return [(entry.old, asked), *self.fallbacks(entry.old, asked)]
        return [(self.find(name), name) for name in entry.fallbacks]

    def _unknown(self, name: str) -> CallerError:
        names = [entry.pattern for entry in self.entries]
        near = difflib.get_close_matches(name[:200], names, n=3, cutoff=0.5)
        hint = f"The nearest: {', '.join(near)}." if near else f"There are: {', '.join(names[:10]) or 'none'}."
        shown = name if len(name) <= 100 else name[:100] + "…"
        return CallerError(
            f"The model '{shown}' does not exist here. {hint}", status=404, code="model_not_found", param="model"
        )

    def __repr__(self) -> str:
        return f"<Table {len(self._exact)} names, {len(self._prefixes)} prefixes>"
