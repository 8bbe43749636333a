"""Are planted faults found within two minutes, with the right cause named first, and how often is there a false alarm?

Days of traffic in virtual time through the tally and the anomalies as they ship: hours to learn, then faults of all
kinds at random times, sizes drawn anew at each run, with an hour of quiet between, and quiet days. Exits 1 when fewer
than 95 % are found with their cause, or there is more than one false alarm a day.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from dataclasses import dataclass, field

from bench.planted_faults import KINDS, Plan, plan
from bench.planted_world import BEGIN, DAY, Faults, World
from penstock.core.windows import SPAN
from penstock.insight.anomaly import Anomalies
from penstock.insight.anomaly_config import AnomalyConfig

WITHIN = 120.0
TOLD = 1.0
"""Seconds after its end at which a window is judged."""
ECHO = 300.0
"""Seconds after a fault in which an anomaly is counted to it."""
FOUND, FALSE_A_DAY = 0.95, 1.0


@dataclass
class Outcome:
    """``first``: seconds to the first anomaly, and what it said then."""

    plan: Plan
    at: float
    first: float | None = None
    said: tuple[str, str, str] = ("", "", "")
    after: tuple[str, str] = ("", "")
    number: int = 0

    @property
    def found(self) -> bool:
        return self.first is not None and self.first <= WITHIN

    @property
    def right(self) -> bool:
        """It was found in time, and what was said first was right."""
        kind, blames, _ = self.said
        return self.found and kind in self.plan.kinds and any(map(blames.startswith, self.plan.blames))


@dataclass
class Result:
    """``quiet``: days in which nothing was wrong."""

    outcomes: list[Outcome] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    quiet: float = 0.0
    judged: float = 0.0
    """CPU seconds of judging."""
    windows: int = 0


def run(seed: int, days: float, kinds: tuple[str, ...], learn: float, gap: tuple[float, float], rate: float) -> Result:
    """``days`` with faults of ``kinds`` by turns after ``learn`` days without; seconds of ``gap`` between two."""
    world = World(seed, rate)
    draw = random.Random(seed + 1)
    finder = Anomalies(AnomalyConfig())
    result, calm = Result(), Faults()
    start, end = BEGIN, BEGIN + (learn + days) * DAY
    order: list[str] = []
    next_at = BEGIN + learn * DAY + draw.uniform(*gap) if kinds else end + DAY
    current: Outcome | None = None
    over = -DAY
    while start < end:
        if current is None and start + SPAN > next_at:
            order = order or draw.sample(kinds, len(kinds))
            current = Outcome(plan(order.pop(), world, draw), next_at)
            over = next_at + draw.uniform(300, 900)
            result.outcomes.append(current)
        faults = calm if current is None else current.plan.at(start + SPAN / 2 - current.at)
        window = world.window(start, calm, faults, start if current is None else current.at)
        start += SPAN
        if window is not None:
            began = time.process_time()
            opened, _ = finder.take(window)
            result.judged += time.process_time() - began
            result.windows += 1
            now = start + TOLD
            last = result.outcomes[-1] if result.outcomes else None
            for anomaly in opened:
                if last is not None and start <= over + ECHO and start > last.at:
                    last.number += 1
                    if last.first is None:
                        last.first = now - last.at - last.plan.late
                        last.said = (anomaly.kind, anomaly.blames, anomaly.cause)
                elif start > BEGIN + 3600:
                    stamp = time.strftime("%d %H:%M", time.gmtime(start))
                    result.false.append(
                        f"{stamp} {anomaly.kind} {anomaly.severity} {anomaly.cause}; before: "
                        + (f"{last.plan.name} {(start - over) / 60:.0f} min" if last else "-")
                    )
            if last is not None and finder.open and not last.after[0] and now - last.at - last.plan.late >= WITHIN:
                first = finder.open[0]
                last.after = (first.kind, first.blames)
        if current is None and start > over + ECHO:
            result.quiet += SPAN / DAY
        if current is not None and start >= over:
            current = None
            next_at = start + draw.uniform(*gap)
    return result


def table(results: list[Result]) -> list[str]:
    """By kind, as Markdown."""
    lines = [
        "| kind | planted | found in 2 min | cause right | median s | longest s | anomalies |",
        "|---|---|---|---|---|---|---|",
    ]
    outcomes = [one for result in results for one in result.outcomes]
    for kind in [*KINDS, "all"]:
        mine = [one for one in outcomes if kind in (one.plan.name, "all")]
        if not mine:
            continue
        delays = [one.first for one in mine if one.first is not None] or [float("nan")]
        lines.append(
            f"| {kind} | {len(mine)} | {sum(one.found for one in mine)} | {sum(one.right for one in mine)} |"
            f" {statistics.median(delays):.0f} | {max(delays):.0f} |"
            f" {statistics.mean(one.number for one in mine):.1f} |"
        )
    return lines


def main() -> int:
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--seed", type=int, default=None, help="drawn anew without")
    asks.add_argument("--days", type=float, default=6.0, help="with faults")
    asks.add_argument("--quiet", type=float, default=3.0, help="days without")
    asks.add_argument("--learn", type=float, default=0.5, help="days before the first fault")
    asks.add_argument("--rate", type=float, default=4.0, help="calls a second")
    asks.add_argument("--kind", action="append", choices=KINDS)
    asks.add_argument("--show", action="store_true", help="each that was not found, or wrongly named")
    options = asks.parse_args()
    seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    kinds = tuple(options.kind or KINDS)
    began = time.process_time()
    results = [run(seed, options.days, kinds, options.learn, (2400.0, 4800.0), options.rate)] if options.days else []
    if options.quiet:
        results.append(run(seed + 7, options.quiet, (), 0.0, (0.0, 0.0), options.rate))
    outcomes = [one for result in results for one in result.outcomes]
    false = [one for result in results for one in result.false]
    quiet = sum(result.quiet for result in results)
    right = sum(one.right for one in outcomes) / len(outcomes) if outcomes else 1.0
    print("\n".join(table(results)))
    judged = sum(result.judged for result in results) / max(1, sum(result.windows for result in results))
    print(f"\nseed {seed}: {100 * right:.1f} % right in two minutes;"
        f" {len(false)} false alarms in {quiet:.2f} quiet days,"
          f" {len(false) / quiet if quiet else 0:.2f} a day; {1000 * judged:.2f} ms CPU a window,"
          f" {time.process_time() - began:.0f} s in all")  # fmt: skip
    if options.show:
        for one in outcomes:
            if not one.right:
                print(
                    f"  {one.plan.name} {one.plan.size:.2f} at {hour(one):.0f}h:"
                    f" after {one.first} not {one.plan.blames},"
                    f" {one.number} said {one.said}; at 2 min {one.after}"
                )
        print("\n".join(f"  false: {one}" for one in false))
    return 0 if right >= FOUND and (not quiet or len(false) / quiet <= FALSE_A_DAY) else 1


def hour(one: Outcome) -> float:
    """The hour of the day at which it was planted."""
    return (one.at - BEGIN) % DAY / 3600


if __name__ == "__main__":
    sys.exit(main())
