"""What does a relayed event cost? CPU µs, added time to the first event, gaps against the pace, memory a stream.

Each proxy relays the same paced streams in turn, rounds rotating, the others frozen. ``--many N`` opens N streams in
one process instead and asks for errors, lost events, memory each and the 99th percentile of the gaps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import built, machine, payload, proxies, rig
from bench.process import Running
from bench.stats import Row, median, number, percentile, ratio, rotated, span, table
from bench.stream_load import Load, Plan, Result, first_events_us

DIRECT = "(direct)"
PROBE_SECONDS = 2.0
SLOW = ("portkey", "litellm")
"""Left out unless named: hundreds of streams are more than they can relay on one core; try ``--streams 30``."""


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    only: str | None = None
    streams: int = 300
    interval: float = 0.02
    seconds: float = 4.0
    rounds: int = 3
    opened_per_second: int = 1000

    @property
    def events(self) -> int:
        """Events a stream, so that none ends before the window does."""
        return math.ceil((self.opening_seconds + self.seconds + 2.0) / self.interval)

    @property
    def opening_seconds(self) -> float:
        return self.streams / self.opened_per_second


@dataclass(frozen=True)
class Spread:
    """Percentiles of a series, in µs."""

    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        ordered = sorted(values)
        return cls(*(percentile(ordered, percent) for percent in (50, 90, 99, 100)))


@dataclass(frozen=True)
class Faults:
    """What went wrong in a run."""

    unfinished: int
    lost: int
    doubled: int
    errors: int
    first_error: str

    @classmethod
    def of(cls, result: Result) -> Faults:
        first = result.errors[0] if result.errors else ""
        return cls(result.unfinished, result.lost, result.doubled, len(result.errors), first)


@dataclass(frozen=True)
class Sample:
    """One proxy in one round; times in µs, memory in bytes a stream."""

    proxy: str
    round: int
    cpu_us: float
    busy: float
    """Share of its core that the proxy used."""
    rig_busy: float
    """Share of their core that upstream and load used: near 1 they, and not the proxy, set the delays."""
    first: Spread
    gaps: Spread
    delays: Spread
    events: int
    finished: int
    faults: Faults
    rss_each: float
    pss_each: float


class Meter:
    """Reads the proxy, and what loads it, when the window begins and ends."""

    def __init__(self, proxy: Running, upstream: Running) -> None:
        self._proxy = proxy
        self._upstream = upstream
        self._idle = proxy.memory_bytes()
        self._begun = (0.0, 0.0)
        self.grown = (0, 0)
        self.cpu_seconds = 0.0
        self.rig_cpu_seconds = 0.0

    def _spent(self) -> tuple[float, float]:
        return self._proxy.cpu_seconds(), self._upstream.cpu_seconds() + time.process_time()

    def at_start(self) -> None:
        rss, pss = self._proxy.memory_bytes()
        self.grown = (rss - self._idle[0], pss - self._idle[1])
        self._begun = self._spent()

    def at_end(self) -> None:
        ended = self._spent()
        self.cpu_seconds = ended[0] - self._begun[0]
        self.rig_cpu_seconds = ended[1] - self._begun[1]


def measure(options: Options) -> Iterator[Sample]:
    """All proxies and going direct, round after round."""
    with (
        rig.fixed_upstream("python", options.interval) as upstream,
        rig.all_standing(proxies.chosen(options.only, without=SLOW), upstream.port, streams=True) as up,
    ):
        for turn in range(options.rounds):
            yield _sample(DIRECT, turn, options, upstream, upstream.process)
            for proxy in rotated(up, turn):
                with rig.awake(proxy):
                    yield _sample(proxy.name, turn, options, proxy, upstream.process)


def _sample(name: str, turn: int, options: Options, target: rig.Standing, upstream: Running) -> Sample:
    # Two events: a stream of one may be over before its head is sent, and is then no stream.
    short = Plan(target.port, payload.small_chat(True, 2), target.headers, 1, 2, 0.0)
    first = Spread.of(first_events_us(short, math.ceil(PROBE_SECONDS / options.interval)))
    meter = Meter(target.process, upstream)
    plan = Plan(
        port=target.port,
        body=payload.small_chat(True, options.events),
        headers=target.headers,
        streams=options.streams,
        events=options.events,
        window_seconds=options.seconds,
        opened_per_second=options.opened_per_second,
        patience_seconds=2 * options.opening_seconds + 8,
        at_start=meter.at_start,
        at_end=meter.at_end,
    )
    result = Load(plan).run()
    return Sample(
        proxy=name,
        round=turn,
        cpu_us=ratio(meter.cpu_seconds * 1e6, result.window_events),
        busy=meter.cpu_seconds / result.window_seconds,
        rig_busy=meter.rig_cpu_seconds / result.window_seconds,
        first=first,
        gaps=Spread.of(result.gaps_us),
        delays=Spread.of(result.delays_us),
        events=result.window_events,
        finished=result.finished,
        faults=Faults.of(result),
        rss_each=meter.grown[0] / options.streams,
        pss_each=meter.grown[1] / options.streams,
    )


def rows(samples: list[Sample], options: Options) -> list[Row]:
    """The table; added times are over going direct in the same round, ratios to nginx in the same run."""
    names = dict.fromkeys(sample.proxy for sample in samples)
    by_name = {name: [sample for sample in samples if sample.proxy == name] for name in names}
    direct = {sample.round: sample for sample in by_name.get(DIRECT, [])}
    floor = median(s.cpu_us for s in by_name.get("nginx", []))
    pace_us = options.interval * 1e6
    found: list[Row] = []
    for name, own in by_name.items():
        cost = median(s.cpu_us for s in own)
        found.append(
            {
                "proxy": name,
                "CPU µs/event": number(cost),
                "low–high": span(s.cpu_us for s in own),
                "× nginx": number(ratio(cost, floor), 2),
                "core %": number(median(s.busy for s in own) * 100, 0),
                "rig %": number(median(s.rig_busy for s in own) * 100, 0),
                "added TTFT µs": number(median(s.first.p50 - direct[s.round].first.p50 for s in own), 0),
                "gap p50 ms": number(median(s.gaps.p50 for s in own) / 1000, 2),
                "p99 ms": number(median(s.gaps.p99 for s in own) / 1000, 2),
                "p99 over pace": number((median(s.gaps.p99 for s in own) / pace_us - 1) * 100, 0) + " %",
                "max ms": number(max(s.gaps.max for s in own) / 1000, 1),
                "delay p50/p99 µs": f"{number(median(s.delays.p50 for s in own), 0)}/"
                f"{number(median(s.delays.p99 for s in own), 0)}",
                "PSS KiB/stream": number(max(s.pss_each for s in own) / 1024, 1),
                "lost": str(sum(s.faults.lost + s.faults.doubled for s in own)),
                "errors": str(sum(s.faults.errors for s in own)),
                "unfinished": str(sum(s.faults.unfinished for s in own)),
            }
        )
    return found


def run(options: Options, out: Path | None = None) -> list[Sample]:
    """Measure, print and write; also used by run_all."""
    about = built.about()
    machine.take_place()
    machine.raise_descriptor_limit()
    samples = list(measure(options))
    rate = f"one event each {options.interval * 1000:.0f} ms"
    print(f"\n### {options.streams:,} streams, {rate}, {options.rounds} rounds of {options.seconds:.0f} s\n")
    print(table(rows(samples, options)), flush=True)
    for sample in samples:
        if sample.faults.first_error:
            print(f"{sample.proxy}, round {sample.round}: {sample.faults.first_error}")
    target = out or machine.CACHE / "results" / f"streams-{options.streams}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "options": dataclasses.asdict(options)}
    target.write_text(json.dumps(found | {"samples": [dataclasses.asdict(s) for s in samples]}, indent=1))
    return samples


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    words.add_argument("--only", metavar="A,B", help="these proxies: " + ", ".join(p.name for p in proxies.ALL))
    words.add_argument("--streams", type=int, default=300)
    words.add_argument("--many", type=int, metavar="N", help="N streams of penstock alone, one event each 200 ms")
    words.add_argument("--interval", type=float, metavar="SECONDS", help="pause between two events of a stream")
    words.add_argument("--rounds", type=int)
    words.add_argument("--seconds", type=float, default=4.0, help="how long is watched a proxy and round")
    words.add_argument("--json", type=Path, metavar="FILE", help="where the samples go")
    given = words.parse_args()
    print(machine.headline(built.about()))
    if given.many:
        options = many(given.many, given.only or "penstock", given.interval or 0.2, given.seconds, given.rounds or 1)
    else:
        interval, rounds = given.interval or 0.02, given.rounds or 3
        options = Options(given.only, given.streams, interval, given.seconds, rounds)
    run(options, given.json)


def many(streams: int, only: str, interval: float, seconds: float, rounds: int = 1) -> Options:
    """Options for thousands of streams: opened gently, watched a little longer."""
    return Options(only, streams, interval, max(seconds, 5.0), rounds, opened_per_second=1500)


if __name__ == "__main__":
    main()
