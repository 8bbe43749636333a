"""A word on how large one thing should be. Plain values."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from penstock.scaling.size import Size

MIB = 2**20
Does = Literal["keep", "more", "less"]
By = Literal["pool", "apply", "reload", "restart", "person"]


class Advice(Struct, frozen=True):
    """``of``: what is sized; ``by``: what carries it out: ``pool`` (it does so by itself), ``apply`` (a word to the
    gateway), ``reload``, ``restart``, or ``person``. ``setting``: the line of the config, where there is one. ``pool``,
    ``dimension``: what of its replicas it is about, where those can be resized."""

    of: str
    now: float
    wanted: float
    unit: str
    does: Does
    reason: str
    by: By
    evidence: dict[str, float]
    setting: str = ""
    pool: str = ""
    dimension: str = ""

    @property
    def size(self) -> Size:
        """What its pool's replicas should have of it."""
        value = self.wanted * (MIB if self.unit == "MiB" else 1)
        said = {self.dimension: value if self.dimension == "cpu" else int(value)}
        return Size(**said)  # type: ignore[arg-type]


def does(now: float, wanted: float) -> Does:
    """What becomes of it."""
    return "keep" if wanted == now else "more" if wanted > now else "less"


def bounded(wanted: float, bounds: tuple[float, float]) -> tuple[float, str]:
    """The nearest within the bounds, and a word on it if that is another."""
    nearest = min(bounds[1], max(bounds[0], wanted))
    return nearest, "" if nearest == wanted else f"; {wanted:.6g} would be right, beyond its bounds"
