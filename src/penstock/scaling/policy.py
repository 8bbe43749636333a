"""A pool's policy by its config: the rule, within bounds, schedules and ceiling. Pure."""

from __future__ import annotations

from penstock.scaling.ahead import Ahead
from penstock.scaling.banded import Banded
from penstock.scaling.bounds import Bounds
from penstock.scaling.policy_config import PolicyConfig
from penstock.scaling.required import Required
from penstock.scaling.rule import Need, Rule
from penstock.scaling.seen import Policy, Seen
from penstock.scaling.sized import Sized
from penstock.scaling.tracking import Tracking

PAUSES = {"forecast": (0.0, 60.0), "steps": (180.0, 600.0)}
"""Seconds out and in where the config says none; the others are the specification's for target tracking."""
USUAL_PAUSES = (120.0, 600.0)


class Fixed:
    """A Rule: as few as may be."""

    name = "fixed"

    def need(self, seen: Seen) -> Need:
        return Need(0, "fixed")


def policy_of(config: PolicyConfig, least: int, most: int, price: float = 0.0, drain: float = 60.0) -> Policy:
    """Between ``least`` and ``most`` replicas at ``price`` dollars an hour each (0: nobody knows); ``drain``: seconds
    in which one that goes may end its calls."""
    rules: dict[str, Rule] = {
        "forecast": Ahead(config.waiting, config.target, drain),
        "tracking": Tracking(config.target),
        "required": Required(),
        "steps": Banded(),
        "fixed": Fixed(),
    }
    out, back = pauses(config)
    return Sized(rules[config.rule], Bounds(config, least, most, price), out, back, price)


def pauses(config: PolicyConfig) -> tuple[float, float]:
    """Seconds between two growths, and before something is taken away, as configured or as the rule's own."""
    out, back = PAUSES.get(config.rule, USUAL_PAUSES)
    out = out if config.cooldown_out is None else config.cooldown_out
    return out, back if config.cooldown_in is None else config.cooldown_in
