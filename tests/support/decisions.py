"""Fleets that have served for a while, drawn at random: for tests that watch strategies decide."""

from __future__ import annotations

import random
from typing import Any

from penstock.routing.ask import Ask
from penstock.routing.load import Peers
from penstock.routing.scraped import Scraped
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Changes, Seat, Target
from tests.support.targets import Upstream, call, exchange


class Fleet:
    """Targets that share what those of one worker share. All chance comes from ``seed``."""

    def __init__(self, seed: int, size: int) -> None:
        self.random = random.Random(seed)
        self.shared = Shared(
            uniform=self.random.uniform, slack=self.random.choice([0.0, 2.0]), max_load=self.random.choice([0.3, 0.9])
        )
        self.now = self.random.choice([0.0, 1e5]) + 1.0
        peers, changes = Peers(), Changes()
        self.targets = [
            Target(
                f"t{number}", Upstream(f"t{number}"), self.random.choice([1, 1, 2, 5]),
                capacity=self.random.choice([1, 8, 64]),
                prices=(self.random.random() / 1e6, self.random.choice([0.0, 2e-6])),
                peers=peers, prefixes=self.shared.prefixes, changes=changes,
            )
            for number in range(size)
        ]  # fmt: skip
        for target in self.targets:
            target.pull = target.weight * self.random.choice([1.0, 1.0, 0.3])  # some have just come back
        self.seats: list[Seat] = []

    def ask(self) -> Ask:
        """A call of one of few sessions, beginnings and clients."""
        draw = self.random
        asked = call(f"10.0.0.{draw.randrange(5)}")
        asked.body = b'{"messages": "' + draw.choice([b"", b"a" * 300, b"b" * 300]) + b'"}'
        made = Ask(
            asked,
            self.now,
            model=draw.choice(["m", "n"]),
            tokens=draw.choice([0.0, 10.5, 4000.0]),
            output=draw.choice([1.0, 128.0]),
            session=draw.choice(["", "a", "b", "c"]),
            scope=draw.choice(["", "key-1"]),
        )
        depth = draw.randrange(5)
        made.blocks = [1000 * draw.randrange(3) + number for number in range(depth)]
        made.bounds = [256 * (number + 1) for number in range(depth)]
        made.size = 2048
        return made

    def serve(self, calls: int, strategy: Any) -> None:
        """Let ``strategy`` place calls; some end, some get their first token, some are still there."""
        draw = self.random
        for _ in range(calls):
            self.now += draw.expovariate(5.0) if draw.random() < 0.95 else 400.0
            ask = self.ask()
            target = strategy.choose(self.targets, ask)
            served = exchange(ask.model)
            served.upstream_model = ask.model
            self.seats.append(target.take_seat(served, ask))
            for seat in draw.sample(self.seats, min(2, len(self.seats))):
                if draw.random() < 0.5:
                    seat.first_token(self.now)
                else:
                    self.seats.remove(seat)
                    seat.leave(self.now, tokens=draw.choice([0, 5, 300]), prompt=500, cached=draw.choice([0, 400]))
            if draw.random() < 0.1:
                told = draw.choice(self.targets)
                told.load.scraped = Scraped(
                    self.now - draw.choice([0.0, 20.0]), 3.0, 1.0, draw.random(), told.in_flight
                )
