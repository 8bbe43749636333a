"""All policies with all their settings on one demand: violations against replica-hours. Pure; the seed decides all.

Rivals may end calls for as long as the longest lasts, so that none is cut: what they wait for is paid. Ours end within
the drain, and what is left goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from penstock.scaling.forecast.rivals import Arima, Kalman, Naive
from penstock.scaling.policy import policy_of
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.seen import Policy
from penstock.simulate.scaling.play import Eyes, Scene
from penstock.simulate.scaling.pool import Tally
from penstock.simulate.scaling.rivals.apa import Apa
from penstock.simulate.scaling.rivals.dynamo import Dynamo
from penstock.simulate.scaling.rivals.hpa import Hpa
from penstock.simulate.scaling.rivals.kpa import Kpa
from penstock.simulate.scaling.rivals.oracle import Oracle

USES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
COSTS = (1.0, 3.0, 9.0, 19.0, 49.0, 99.0, 199.0, 499.0, 1999.0, 9999.0)
GRACE, DRAIN = 3600.0, 60.0
SCRAPED = Eyes(15.0, 30.0, 15.0)
"""The HPA looks each 15 s at what Prometheus scraped each 15 s."""
OURS_SEE = Eyes()
OURS, BOUND = "forecast", "oracle"


@dataclass(frozen=True, slots=True)
class Entrant:
    """``make`` gives a policy for one of ``settings``; ``reactive``: it knows only what was."""

    name: str
    make: Callable[[Scene, float], Policy]
    settings: Sequence[float]
    eyes: Eyes = OURS_SEE
    grace: float = GRACE
    rescues: bool = False
    reactive: bool = True


@dataclass(frozen=True, slots=True)
class Point:
    """One policy at one setting."""

    policy: str
    setting: float
    tally: Tally

    @property
    def violations(self) -> float:
        return self.tally.violations

    @property
    def hours(self) -> float:
        return self.tally.hours


def _ours(**settings: object) -> Callable[[Scene, float], Policy]:
    def make(scene: Scene, value: float) -> Policy:
        named = {name: value if given is ... else given for name, given in settings.items()}
        return policy_of(PolicyConfig(**named), scene.least, scene.most, drain=DRAIN)  # type: ignore[arg-type]

    return make


def _oracle(scene: Scene, use: float) -> Policy:
    lead = scene.hardware.starts * (1 + scene.hardware.spread)
    return Oracle(scene.demand.load.tolist(), scene.demand.step, scene.carries, use, lead)


ENTRANTS = {
    one.name: one
    for one in (
        Entrant(OURS, _ours(rule="forecast", waiting=...), COSTS, grace=DRAIN, rescues=True, reactive=False),
        Entrant("tracking", _ours(rule="tracking", target=...), USES, grace=DRAIN, rescues=True),
        Entrant("required", _ours(rule="required"), (0.9,), grace=DRAIN, rescues=True, reactive=False),
        Entrant("hpa", lambda scene, use: Hpa(use), USES, SCRAPED),
        Entrant("hpa tight", lambda scene, use: Hpa(use, 0.02, 60.0), USES, SCRAPED),
        Entrant("kpa", lambda scene, use: Kpa(use), USES),
        Entrant("apa", lambda scene, use: Apa(use), USES),
        Entrant("dynamo constant", lambda scene, use: Dynamo(use, Naive(1)), USES),
        Entrant("dynamo kalman", lambda scene, use: Dynamo(use, Kalman(1)), USES, reactive=False),
        Entrant("dynamo arima", lambda scene, use: Dynamo(use, Arima(1)), USES, reactive=False),
        Entrant(BOUND, _oracle, (*USES, 0.98, 1.0), grace=DRAIN, rescues=True, reactive=False),
    )
}
USUAL = tuple([name for name in ENTRANTS if name != "dynamo arima"])
"""Those that are asked where nothing is said: ARIMA needs statsmodels, and minutes."""


def contest(scene: Scene, names: Sequence[str] = USUAL) -> Iterator[Point]:
    """Each policy at each of its settings. Raises KeyError for a name that is not known."""
    for name in names:
        one = ENTRANTS[name]
        for setting in one.settings:
            yield Point(name, setting, scene.play(one.make(scene, setting), one.eyes, one.grace, one.rescues))
