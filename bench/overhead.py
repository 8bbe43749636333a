"""What does a request cost? CPU µs, throughput and latency of each proxy, all in one run over the same upstream.

Each proxy has one core to itself and is frozen while others are measured; rounds rotate the order. CPU is the proxy's
own accounting over the requests answered. Prints a table a case and writes JSON. Run ``python -m bench.overhead -h``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import built, machine, payload, proxies, rig
from bench.load import Load, closed_loop
from bench.stats import Row, median, number, ratio, rotated, span, table

CONNECTIONS = 64
DIRECT = "(direct)"


@dataclass(frozen=True)
class Case:
    """One kind of request; large bodies go to an upstream that reads them whole before it answers. ``looked-up`` is the
    large one at temperature 0: Penstock's exact cache hashes it, and misses."""

    name: str
    body: bytes
    upstream: Literal["nginx", "python"]


@dataclass(frozen=True)
class Sample:
    """One proxy in one round."""

    case: str
    proxy: str
    round: int
    cpu_us: float
    busy: Load
    single: Load


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    only: str | None = None
    rounds: int = 5
    seconds: float = 2.0


def cases() -> list[Case]:
    return [
        Case("small", payload.small_chat(), "nginx"),
        Case("large", payload.large_chat(), "python"),
        Case("looked-up", payload.large_chat(temperature=0.0), "python"),
    ]


def measure(case: Case, options: Options) -> Iterator[Sample]:
    """All proxies, round after round."""
    _, load_cores = machine.cores()
    with (
        rig.fixed_upstream(case.upstream) as upstream,
        rig.all_standing(proxies.chosen(options.only), upstream.port) as up,
    ):
        for turn in range(options.rounds):
            direct = closed_loop(upstream.port, case.body, {}, 1, 1, load_cores)
            yield Sample(case.name, DIRECT, turn, math.nan, direct, direct)
            for proxy in rotated(up, turn):
                with rig.awake(proxy):
                    yield _sample(case, proxy, turn, options.seconds, load_cores)


def _sample(case: Case, proxy: rig.Standing, turn: int, seconds: float, cores: set[int]) -> Sample:
    single = closed_loop(proxy.port, case.body, proxy.headers, 1, 1, cores)
    before = proxy.process.cpu_seconds()
    busy = closed_loop(proxy.port, case.body, proxy.headers, CONNECTIONS, seconds, cores)
    cpu_us = (proxy.process.cpu_seconds() - before) * 1e6
    return Sample(case.name, proxy.name, turn, ratio(cpu_us, busy.requests), busy, single)


def added_us(samples: list[Sample], name: str) -> float:
    """What one proxy adds to the median answer on one connection, over going direct in the same round."""
    direct = {sample.round: sample.single.p50_us for sample in samples if sample.proxy == DIRECT}
    return median(s.single.p50_us - direct[s.round] for s in samples if s.proxy == name and s.round in direct)


def rows(samples: list[Sample]) -> list[Row]:
    """The table of one case; ratios are to nginx in the same run."""
    names = [name for name in dict.fromkeys(sample.proxy for sample in samples) if name != DIRECT]
    costs = {name: [s.cpu_us for s in samples if s.proxy == name] for name in names}
    floor = median(costs.get("nginx", []))
    floor_added = added_us(samples, "nginx")
    found: list[Row] = []
    for name in sorted(names, key=lambda name: median(costs[name])):
        own = [sample for sample in samples if sample.proxy == name]
        cost, added = median(costs[name]), added_us(samples, name)
        found.append(
            {
                "proxy": name,
                "CPU µs/request": number(cost),
                "low–high": span(costs[name]),
                "× nginx": number(ratio(cost, floor), 2),
                "requests/s": number(median(s.busy.per_second for s in own), 0),
                "p50 ms": number(median(s.busy.p50_us for s in own) / 1000, 2),
                "p99 ms": number(median(s.busy.p99_us for s in own) / 1000, 2),
                "added µs, 1 conn.": number(added, 0),
                "added × nginx": number(ratio(added, floor_added), 2),
                "errors": str(sum(s.busy.errors + s.single.errors for s in own)),
            }
        )
    return found


def run(options: Options, wanted: str | None = None, out: Path | None = None) -> list[Sample]:
    """Measure, print and write; also used by run_all."""
    about = built.about()
    machine.take_place()
    samples: list[Sample] = []
    for case in cases():
        if wanted is not None and case.name != wanted:
            continue
        own = list(measure(case, options))
        samples += own
        print(f"\n### {case.name}: {len(case.body):,} byte chat, {CONNECTIONS} connections, {options.rounds} rounds\n")
        print(table(rows(own)), flush=True)
    target = out or machine.CACHE / "results" / "overhead.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "options": dataclasses.asdict(options)}
    target.write_text(json.dumps(found | {"samples": [dataclasses.asdict(s) for s in samples]}, indent=1))
    return samples


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    words.add_argument("--only", metavar="A,B", help="these proxies: " + ", ".join(p.name for p in proxies.ALL))
    words.add_argument("--case", choices=[case.name for case in cases()], help="one kind of body (default: all)")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seconds", type=float, default=2.0, help="load a proxy and round, in whole seconds")
    words.add_argument("--json", type=Path, metavar="FILE", help="where the samples go")
    given = words.parse_args()
    print(machine.headline(built.about()))
    run(Options(given.only, given.rounds, given.seconds), given.case, given.json)


if __name__ == "__main__":
    main()
