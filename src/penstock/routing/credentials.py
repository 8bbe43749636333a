"""The keys of one upstream, by number: whose turn it is, and which must rest. The keys themselves are not here. Pure.

A key that was refused or is out of quota rests as a whole; one that is rate limited rests for the model that was
asked, as providers limit each model apart. It rests until the upstream's ``Retry-After``, else for a time that doubles.
An upstream without a key is one with a single nameless one.
"""

from __future__ import annotations

MOST_MODELS = 64
LONGEST_ASKED_SECONDS = 3600.0
MOST_DOUBLINGS = 16
EARLY_SECONDS = 0.01
"""Who waited for a key may be woken that much too early."""
PAUSES = {"rate_limited": (0.5, 60.0), "quota": (5.0, 300.0), "auth": (5.0, 300.0), "denied": (5.0, 300.0)}
"""Seconds of the first rest and of the longest, where the upstream does not say."""
SPARED = {"denied": 1}
"""So many refusals in a row do not count: a firewall may have disliked what the caller wrote."""


class _Key:
    """``until``: when it may be used again at all; ``models``: when, for one model; ``strikes``: refusals in a row."""

    __slots__ = ("models", "strikes", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.strikes = 0
        self.models: dict[str, float] = {}

    def back(self, model: str) -> float:
        """When it may be used for ``model``."""
        return max(self.until, self.models.get(model, 0.0)) if self.models else self.until


class Credentials:
    """``count`` keys. ``resting``: until then some key may rest, so before it each must be looked at; ``struck``:
    whether one has refusals to forget; ``rests``: how often one was sent to rest."""

    __slots__ = ("_keys", "_turn", "count", "resting", "rests", "struck")

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.resting = 0.0
        self.rests = 0
        self.struck = False
        self._keys = [_Key() for _ in range(count)]
        self._turn = 0

    def take(self, model: str, now: float) -> int:
        """The number of the next key that may be used for ``model``; if all must rest, of the next at all."""
        for offset in range(self.count):
            number = (self._turn + offset) % self.count
            if self._keys[number].back(model) <= now + EARLY_SECONDS:
                break
        else:
            number = self._turn
        self._turn = (number + 1) % self.count
        return number

    def wait(self, model: str, now: float) -> float:
        """Seconds until a key may be used for ``model``; 0 when one may now."""
        if now >= self.resting:
            return 0.0
        left = min([key.back(model) for key in self._keys]) - now
        return left if left > EARLY_SECONDS else 0.0

    def back(self) -> float:
        """The moment from which on a key may be used at all."""
        return min([key.until for key in self._keys])

    def rest(self, number: int, kind: str, model: str, now: float, after: float | None = None) -> float:
        """Key ``number`` failed: ``kind`` is one of ``PAUSES``. Returns for how many seconds it rests."""
        key = self._keys[number]
        if key.strikes < SPARED.get(kind, 0):
            key.strikes += 1
            self.struck = True
            return 0.0
        first, longest = PAUSES[kind]
        resting = key.back(model) - now
        if after:
            seconds = min(after, LONGEST_ASKED_SECONDS)
        elif resting > 0:
            return resting  # of calls that were under way together the first one counts
        else:
            seconds = min(longest, first * 2.0 ** min(key.strikes, MOST_DOUBLINGS))
        if resting <= 0:
            key.strikes += 1
            self.rests += 1
            self.struck = True
        until = now + seconds
        if kind == "rate_limited":
            if model not in key.models and len(key.models) >= MOST_MODELS:
                del key.models[min(key.models, key=key.models.__getitem__)]
            key.models[model] = max(until, key.models.get(model, 0.0))
        else:
            key.until = max(until, key.until)
        self.resting = max(self.resting, until)
        return seconds

    def well(self, number: int) -> None:
        """Key ``number`` was accepted."""
        self._keys[number].strikes = 0
        self.struck = any(key.strikes for key in self._keys)

    def at_rest(self, now: float) -> int:
        """How many keys rest now, for a model or as a whole."""
        return sum([max(key.until, *key.models.values(), 0.0) > now for key in self._keys])

    def __repr__(self) -> str:
        return f"<Credentials {self.count} keys, {self.rests} rests>"
