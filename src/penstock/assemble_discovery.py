"""The composition root's part for discovery, which the supervisor runs: once, however many workers there are."""

from __future__ import annotations

from penstock.config import Config
from penstock.core.tasks import Crew
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.service import Discovery, Told

__all__ = ["Discovery", "discovery", "follow"]


def discovery(crew: Crew, told: Told) -> Discovery:
    """A Discovery that looks for nothing yet."""
    return Discovery(crew, told)


def follow(looking: Discovery, config: Config) -> None:
    """Look for the instances of those upstreams that ``config`` says are found."""
    upstreams = config.of(RoutingConfig).upstreams
    looking.follow(
        {
            name: one.discover
            for name, one in upstreams.items()
            if one.discover is not None and not one.discover.scaling  # who starts those tells of them
        }
    )
