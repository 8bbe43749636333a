"""Which of a model's targets may be chosen for a call now: they have its operation and take new calls. Pure.

The list for an operation is kept until something changes (``Changes``), since it is asked for with every call.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.core.call import Call
from penstock.routing.targets import Changes, Target


class Candidates:
    """The targets of one entry, in the order of the config."""

    __slots__ = ("_changes", "_kept", "targets")

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = list(targets)
        self._changes = targets[0].changes if targets else Changes()
        self._kept: dict[str, tuple[int, list[Target]]] = {}

    def able(self, call: Call) -> list[Target]:
        """Those to choose from; empty when none has the operation. Where all of them drain, they still serve: a call
        that nobody else can take is not refused for a drain."""
        name = call.operation.name
        kept = self._kept.get(name)
        if kept is not None and kept[0] == self._changes.count:
            return kept[1]
        having = [target for target in self.targets if target.provider.serves(call)]
        chosen = [target for target in having if not target.draining] or having
        self._kept[name] = (self._changes.count, chosen)
        return chosen

    def __repr__(self) -> str:
        return f"<Candidates {', '.join(target.name for target in self.targets)}>"
