"""What every strategy is: something that chooses one target for a call, synchronously and without waiting."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from penstock.routing.affinity_config import InstanceScoreConfig
from penstock.routing.ask import Ask
from penstock.routing.commonest import Commonest
from penstock.routing.prefix import PrefixIndex
from penstock.routing.sessions import Sessions
from penstock.routing.targets import Target


class Strategy(Protocol):
    """``targets`` is never empty. A strategy keeps its own state; one instance serves one model entry.

    ``prefix``: whether it wants the prompt cut into blocks; ``sessionless``: only of a call that has no session.
    ``terms`` tells why it chooses as it does: the summands of a target's rank for a call; the least sum wins, or the
    largest where ``largest`` is set; none where nothing ranks.
    """

    @property
    def prefix(self) -> bool | Literal["sessionless"]: ...

    @property
    def largest(self) -> bool: ...

    def choose(self, targets: Sequence[Target], ask: Ask) -> Target: ...

    def terms(self, target: Target, ask: Ask) -> dict[str, float]: ...


@dataclass(slots=True)
class Shared:
    """What the strategies of one worker have in common. ``slack``: seconds that a call may lose to stay with its
    session; ``max_load``: from this share of its capacity on an upstream keeps no session; ``scores``: what
    ``instance_score`` counts how much; ``uniform(a, b)`` draws; ``common``: what calls begin with."""

    prefixes: PrefixIndex = field(default_factory=lambda: PrefixIndex(200_000))
    sessions: Sessions = field(default_factory=lambda: Sessions(3600.0, 100_000))
    slack: float = 2.0
    max_load: float = 0.9
    scores: InstanceScoreConfig = field(default_factory=InstanceScoreConfig)
    uniform: Callable[[float, float], float] = random.uniform
    common: Commonest = field(default_factory=Commonest)

    def sticky(self, targets: Sequence[Target], ask: Ask) -> Target | None:
        """The target that has the context of the call's session, if it may be chosen and has room."""
        if not ask.session:
            return None
        name = self.sessions.find(ask.session, ask.now)
        if name:
            for target in targets:
                if target.name == name:
                    return target if target.busy < self.max_load else None
        return None

    def keep(self, target: Target, ask: Ask) -> None:
        """The call's session is at ``target`` from now on."""
        if ask.session:
            self.sessions.keep(ask.session, target.name, ask.now)
