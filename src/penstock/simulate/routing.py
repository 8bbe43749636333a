"""Runs a trace against a fleet under one policy, in virtual time: the code that chooses is the gateway's own.

The policy knows what a gateway knows: what it sent, first tokens and ends, usage, and pages scraped each few seconds
that arrive late. A call without a first token within ``patience`` has failed, as in the gateway. Enters: a trace at its
rate, a fleet. Leaves: an Outcome a call. Pure; the seed decides all.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

from penstock.core.call import Call, Operation
from penstock.core.exchange import Exchange
from penstock.core.reply import Reply
from penstock.routing.ask import Ask
from penstock.routing.load import Peers
from penstock.routing.scraped import Scraped
from penstock.routing.seats import Seat
from penstock.routing.sizes import Sizes
from penstock.routing.strategies.strategy import Shared
from penstock.routing.targets import Target
from penstock.simulate.engine import NEVER, Replica, Work
from penstock.simulate.fleet import DEGRADED, Fleet
from penstock.simulate.policies import make_policy
from penstock.simulate.traces import Trace

_CHAT = Operation("chat", "openai", "/chat/completions", streams=True)
_MOST_BLOCKS = 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """``patience``: seconds to the first token; ``scrape``: between two pages of a replica, ``late`` until they are
    read; ``falls``: the share of the calls after which a replica degrades, if one does; ``bytes_per_token`` and its
    ``spread`` (a share) make the gateway's guess of prompts as wrong as it is in truth."""

    patience: float = 30.0
    scrape: float = 5.0
    late: float = 0.3
    falls: float = 0.2
    bytes_per_token: float = 4.4
    spread: float = 0.1


class Stub:
    """A provider that is never asked."""

    def serves(self, call: Call) -> bool:
        return True

    async def send(self, exchange: Exchange, model: str) -> Reply:
        raise NotImplementedError

    async def aclose(self) -> None: ...


class Outcome:
    """What became of one call. Moments; ``first`` and ``end`` are 0 where it failed."""

    __slots__ = ("at", "exchange", "replica", "seat", "size", "work")

    def __init__(self, at: float, work: Work, size: int, replica: int, exchange: Exchange, seat: Seat) -> None:
        self.at = at
        self.work = work
        self.size = size
        self.replica = replica
        self.exchange = exchange
        self.seat = seat


class Run:
    """One trace, one fleet, one policy. ``go`` plays it to its end."""

    def __init__(self, trace: Trace, those: Fleet, policy: str, seed: int, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.trace = trace
        self.fleet = those
        rng = random.Random(seed)
        self.shared = Shared(uniform=random.Random(seed + 1).uniform)
        peers = Peers()
        self.replicas = [Replica(those.engine, speed, trace.block) for speed in those.speeds]
        self.targets = [
            Target(f"r{number}", Stub(), peers=peers, prefixes=self.shared.prefixes)
            for number in range(len(self.replicas))
        ]
        self.strategy = make_policy(policy, self.shared, those.engine.peak)
        self.outcomes: list[Outcome] = []
        spread = self.settings.spread
        self._ratios = [self.settings.bytes_per_token * rng.uniform(1 - spread, 1 + spread) for _ in trace.rows]
        self._sizes = Sizes()
        self._place = {target.name: number for number, target in enumerate(self.targets)}
        self._bounds = range(trace.block, trace.block * (_MOST_BLOCKS + 1), trace.block)
        self._call = Call(_CHAT, "POST", "/v1/chat/completions", b"", [], "")
        self._events: list[tuple[float, int, int, int]] = []
        self._impatient: deque[Outcome] = deque()
        self._pages: list[tuple[float, int, Scraped | None]] = []

    def go(self) -> list[Outcome]:
        """Play all calls to their end."""
        events, rows = self._events, self.trace.rows
        fall = self._fall_at()
        count = len(self.targets)
        # Pages are read in turn, not all at once.
        self._pages = [(self.settings.scrape * number / count, number, None) for number in range(count)]
        at, total = 0, len(rows)
        arrival = rows[0].at if rows else NEVER
        patience = self.settings.patience
        while True:
            event = events[0][0] if events else NEVER
            page = self._pages[0][0]
            limit = self._impatient[0].at + patience if self._impatient else NEVER
            now = min(event, arrival, limit, fall)
            if now == NEVER:
                return self.outcomes
            if page < now:
                self._read_page()
            elif now == event:
                _, _, number, version = heappop(events)
                if self.replicas[number].version == version:
                    self._step(number, now)
            elif now == arrival:
                self._arrive(at, now)
                at += 1
                arrival = rows[at].at if at < total else NEVER
            elif now == fall:
                self._fall(now)
                fall = NEVER
            else:
                self._lose_patience(self._impatient.popleft(), now)

    def _arrive(self, number: int, now: float) -> None:
        row = self.trace.rows[number]
        size = int(row.prompt * self._ratios[number])
        ask = Ask(self._call, now, tokens=self._sizes.tokens(size), output=self._sizes.output, session=row.session)
        if self.strategy.prefix and row.blocks:
            ask.blocks = row.blocks[: row.prompt // self.trace.block]
            ask.bounds = self._bounds
            ask.size = row.prompt
        target = self.strategy.choose(self.targets, ask)
        body: object = None
        exchange = Exchange("", self._call, now, NEVER, body)  # type: ignore[arg-type]
        seat = target.take_seat(exchange, ask)
        work = Work(number, row.prompt, row.output, row.blocks)
        place = self._place[target.name]
        outcome = Outcome(now, work, size, place, exchange, seat)
        self.outcomes.append(outcome)
        self._impatient.append(outcome)
        replica = self.replicas[place]
        replica.arrive(work, now)
        heappush(self._events, (replica.next, replica.version, place, replica.version))

    def _step(self, number: int, now: float) -> None:
        replica = self.replicas[number]
        for work in replica.step(now):
            outcome = self.outcomes[work.number]
            if work.first == now:
                outcome.seat.first_token(now)
            if work.end:
                exchange = outcome.exchange
                exchange.tokens_in, exchange.tokens_out = work.prompt, work.output
                exchange.tokens_cached = work.cached
                exchange.finish("ok", now)
                self._sizes.learn(outcome.size, work.prompt, work.output)
        heappush(self._events, (replica.next, replica.version, number, replica.version))

    def _lose_patience(self, outcome: Outcome, now: float) -> None:
        work = outcome.work
        if work.first:
            return
        replica = self.replicas[outcome.replica]
        replica.leave(work, now)
        outcome.exchange.finish("error", now)
        heappush(self._events, (replica.next, replica.version, outcome.replica, replica.version))

    def _read_page(self) -> None:
        """A page is made, or one that was made before is read."""
        at, number, page = heappop(self._pages)
        target, replica = self.targets[number], self.replicas[number]
        if page is not None:
            target.load.scraped = page
            heappush(self._pages, (at - self.settings.late + self.settings.scrape, number, None))
            return
        kv = replica.kv.held / replica.kv.capacity
        page = Scraped(at, float(replica.running), float(len(replica.waiting)), kv, target.in_flight)
        heappush(self._pages, (at + self.settings.late, number, page))

    def _fall_at(self) -> float:
        rows = self.trace.rows
        return rows[int(len(rows) * self.settings.falls)].at if self.fleet.falls is not None and rows else NEVER

    def _fall(self, now: float) -> None:
        number = self.fleet.falls
        assert number is not None
        replica = self.replicas[number]
        replica.set_speed(replica.speed * DEGRADED, now)
        heappush(self._events, (replica.next, replica.version, number, replica.version))

    def __repr__(self) -> str:
        return (
            f"<Run of {self.trace.name} with {self.strategy!r}, {len(self.outcomes)} of {len(self.trace.rows)} calls>"
        )
