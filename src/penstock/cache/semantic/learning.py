"""What was learned, by model and embedder: one verifier each, and what is kept of it over restarts. Pure.

Enters: states as they were saved, by this worker or another. Leaves: verifiers, and states to save. Each worker learns
from the calls that it answers; a verifier that is new takes up the worst of what was saved: a stop before anything
else, then what has seen most. So a restart never forgets that hits had ended. May fail: not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import msgspec

from penstock.cache.verify.verifier import Verifier

MOST_VERIFIERS = 1000
STATE_SECONDS = 90 * 86400.0
"""How long a saved state is kept."""


class State(msgspec.Struct, array_like=True, frozen=True):
    """A verifier of one worker at one moment. ``learned`` is its dump, packed."""

    model: str
    version: str
    worker: str
    saved: float
    requests: int
    stopped: bool
    learned: bytes

    @property
    def key(self) -> bytes:
        """What it is kept under: each worker overwrites its own."""
        text = "\0".join((self.model, self.version, self.worker))
        return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]


state_bytes = msgspec.msgpack.Encoder().encode
_state = msgspec.msgpack.Decoder(State).decode


def state_of(data: bytes) -> State:
    """The state in ``data``. Raises ValueError."""
    return _state(data)


class Learners:
    """See the module. ``worker`` names this one beside all that share the store. Full, the verifier made first goes."""

    def __init__(self, make: Callable[[], Verifier], worker: str) -> None:
        self.make = make
        self._worker = worker
        self._verifiers: dict[tuple[str, str], Verifier] = {}
        self._saved: dict[tuple[str, str], State] = {}
        self._requests: dict[tuple[str, str], int] = {}
        self.refused = 0

    def remember(self, state: State) -> None:
        """One that was saved: the worst of each is taken up by the verifier that is made next."""
        name = (state.model, state.version)
        known = self._saved.get(name)
        if known is None or (state.stopped, state.requests) > (known.stopped, known.requests):
            if known is None and len(self._saved) >= MOST_VERIFIERS:
                return
            self._saved[name] = state

    def get(self, model: str, version: str) -> Verifier:
        """The verifier of a model's answers and an embedder's vectors."""
        name = (model, version)
        found = self._verifiers.get(name)
        if found is None:
            if len(self._verifiers) >= MOST_VERIFIERS:
                self._verifiers.pop(next(iter(self._verifiers)))
            found = self._verifiers[name] = self._made(name)
        return found

    def _made(self, name: tuple[str, str]) -> Verifier:
        made = self.make()
        state = self._saved.get(name)
        if state is not None:
            try:
                learned = msgspec.msgpack.decode(state.learned, strict=False)
            except msgspec.DecodeError:
                learned = None
            if not made.load(learned):
                self.refused += 1
        return made

    def __iter__(self) -> Iterator[tuple[str, str, Verifier]]:
        return ((model, version, verifier) for (model, version), verifier in self._verifiers.items())

    def states(self, wall: float) -> list[State]:
        """What is worth saving: the verifiers that have learned since the last time."""
        found = []
        for name, verifier in self._verifiers.items():
            status = verifier.status()
            if self._requests.get(name) == status.requests:
                continue
            self._requests[name] = status.requests
            learned = msgspec.msgpack.encode(verifier.dump())
            found.append(State(*name, self._worker, wall, status.requests, bool(status.stopped), learned))
        return found

    def __repr__(self) -> str:
        return f"<Learners {len(self._verifiers)} verifiers>"
