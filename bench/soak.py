"""Does it leak? Thousands of streams at once over two workers for minutes, one in a hundred left by its client.

Each stream that ends is followed by another. Asked at the end: was every remaining stream whole, and are memory,
descriptors, tasks and connections to the upstream back where they were after five minutes of the same, all let go?
Exits 1 when not. What the first of them leave, which Python's allocator keeps for the next, is told beside.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
import urllib.request
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from bench import built, machine, payload, rig
from bench.proxies import Launch, Penstock, Site
from bench.stats import number, percentile, table
from bench.stream_load import Load, Plan, Result

IDLE_SECONDS = 2
BACK_SECONDS = 20.0
"""How long after the last stream all must be let go: ``max_idle`` of the connections and some turns of the wheel."""
MOST_GROWTH = 0.05


@dataclass(frozen=True)
class Options:
    """How much is run."""

    streams: int = 10_000
    minutes: float = 10.0
    interval: float = 1.0
    stream_seconds: float = 60.0
    workers: int = 2
    leaving: float = 0.01
    opened_per_second: int = 1000
    warm_minutes: float = 5.0
    """Of the same load before the beginning: tables, rings and baselines of ours fill meanwhile, for good."""
    growth_bytes: int = 8 * 2**20
    """May be gained between two moments of the same load, or a twentieth, whatever is more: pools still fill."""

    @property
    def events(self) -> int:
        """Events a stream."""
        return max(round(self.stream_seconds / self.interval), 2)

    @property
    def seconds(self) -> float:
        """Whole streams: those of the beginning and of the end are equally old, and hold as much."""
        return max(round(self.minutes * 60 / self.stream_seconds), 1) * self.stream_seconds


@dataclass(frozen=True)
class Held:
    """What the gateway holds at one moment, over all its workers."""

    moment: str
    memory: int
    descriptors: int
    tasks: int
    callers: int
    upstream_connections: int
    in_flight: int
    account_bytes: int


class Soaked(Penstock):
    """Penstock with several workers and connections that are not kept for long."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self._workers = workers

    def launch(self, site: Site) -> Launch:
        launch = super().launch(site)
        config = site.folder / "penstock.yaml"
        sections = json.loads(config.read_text())
        sections["upstreams"]["up"]["max_idle"] = f"{IDLE_SECONDS}s"
        config.write_text(json.dumps(sections, indent=2))
        argv = [*launch.argv, "--workers", str(self._workers)]
        return Launch(argv, launch.env, launch.headers)


class Watch:
    """Reads what the gateway holds, from its metrics."""

    def __init__(self, gateway: rig.Standing) -> None:
        self._gateway = gateway
        self.held: list[Held] = []

    def note(self, moment: str) -> Held:
        """Read now, and keep it under the name of the moment."""
        held = self.read(moment)
        self.held.append(held)
        return held

    def read(self, moment: str) -> Held:
        page = self._page()

        def total(name: str) -> int:
            lines = (line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
            return round(sum(float(line.rpartition(" ")[2]) for line in lines))

        return Held(
            moment=moment,
            memory=self._gateway.process.memory_bytes()[1],
            descriptors=total("penstock_process_descriptors"),
            tasks=total("penstock_process_tasks"),
            callers=total("penstock_connections"),
            upstream_connections=total("penstock_upstream_connections"),
            in_flight=total("penstock_in_flight"),
            account_bytes=total("penstock_account_bytes"),
        )

    def until_back(self, start: Held, moment: str = "after", seconds: float = BACK_SECONDS) -> Held:
        """Wait until nothing but memory is above ``start``; what is held then, or when the time is over."""
        deadline = time.monotonic() + seconds
        while (held := self.read(moment)) and risen(start, held) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.held.append(held)
        return held

    def _page(self) -> str:
        url = f"http://127.0.0.1:{self._gateway.port}/metrics"
        asked = urllib.request.Request(url, headers=dict(self._gateway.headers))
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text: str = answer.read().decode()
        return text


COUNTED = ("descriptors", "tasks", "upstream_connections", "in_flight", "account_bytes")


def risen(start: Held, end: Held) -> list[str]:
    """What is not back where it was: each a sentence."""
    pairs = [(name, getattr(start, name), getattr(end, name)) for name in COUNTED]
    return [f"{name} rose from {before} to {after}" for name, before, after in pairs if after > before]


def grown(before: Held, after: Held, most_bytes: int = Options.growth_bytes) -> list[str]:
    """Whether memory grew between two moments of the same load."""
    growth = after.memory - before.memory
    much = growth > max(MOST_GROWTH * before.memory, most_bytes)
    return [f"memory grew by {growth / 2**20:.1f} MiB from {before.moment!r} to {after.moment!r}"] if much else []


def broken(result: Result) -> list[str]:
    """What was wrong with the streams."""
    named = ("unfinished", "lost", "doubled")
    found = [f"{getattr(result, name)} {name}" for name in named if getattr(result, name)]
    if result.errors:
        found.append(f"{len(result.errors)} errors, the first: {result.errors[0]}")
    return found


@dataclass(frozen=True)
class Soak:
    """What came of it."""

    options: Options
    result: Result
    held: list[Held]
    problems: list[str]


def measure(options: Options, say: Callable[[str], object] = print) -> Soak:
    """Stand up, warm up, load, let go."""
    with (
        rig.fixed_upstream("python", options.interval) as upstream,
        rig.standing(Soaked(options.workers), upstream.port, streams=True) as gateway,
    ):
        watch = Watch(gateway)
        fresh = watch.note("never loaded")
        Load(_plan(options, gateway, max(options.warm_minutes * 60, options.stream_seconds))).run()
        # What is made once (memory pools, caches, histograms) is no leak: it is there from here on.
        time.sleep(IDLE_SECONDS + 1)
        start = watch.until_back(fresh, "start")
        result = Load(_plan(options, gateway, options.seconds, watch)).run()
        say(f"{result.opened} streams opened, {result.finished} finished, {result.left} left")
        end = watch.until_back(start)
        _, _, steady, later, _ = watch.held
        problems = [*broken(result), *risen(start, end)]
        for before, after in (steady, later), (start, end):
            problems += grown(before, after, options.growth_bytes)
        return Soak(options, result, watch.held, problems)


def _plan(options: Options, gateway: rig.Standing, seconds: float, watch: Watch | None = None) -> Plan:
    return Plan(
        port=gateway.port,
        body=payload.small_chat(True, options.events),
        headers=gateway.headers,
        streams=options.streams,
        events=options.events,
        window_seconds=seconds,
        settle_seconds=options.stream_seconds if watch else 0.0,
        opened_per_second=options.opened_per_second,
        patience_seconds=options.events * options.interval + 10,
        renewed=True,
        leaving=options.leaving,
        at_start=(lambda: watch.note("loaded")) if watch else lambda: None,
        at_end=(lambda: watch.note("still loaded")) if watch else lambda: None,
    )


def report(soak: Soak) -> str:
    """Tables of what was held and how the streams flowed."""
    rows = [
        {
            "moment": held.moment,
            "memory MiB": number(held.memory / 2**20, 1),
            "descriptors": str(held.descriptors),
            "tasks": str(held.tasks),
            "callers": str(held.callers),
            "upstream connections": str(held.upstream_connections),
            "in flight": str(held.in_flight),
            "accounts KiB": number(held.account_bytes / 1024, 0),
        }
        for held in soak.held
    ]
    result = soak.result
    flow = (
        f"{result.opened:,} streams, {result.finished:,} whole, {result.left:,} left by their clients, "
        f"{result.window_events:,} events in {result.window_seconds:.0f} s; "
        f"gap p50 {_ms(result.gaps_us, 50)} p99 {_ms(result.gaps_us, 99)}, "
        f"delay p50 {_ms(result.delays_us, 50)} p99 {_ms(result.delays_us, 99)}"
    )
    verdict = "nothing leaked, nothing was lost" if not soak.problems else "; ".join(soak.problems)
    return f"{table(rows)}\n\n{flow}\n\n{verdict}"


def _ms(series: array[int], percent: float) -> str:
    return f"{percentile(sorted(series), percent) / 1000:.1f} ms" if series else "–"


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    words.add_argument("--streams", type=int, default=Options.streams)
    words.add_argument("--minutes", type=float, default=Options.minutes)
    words.add_argument("--interval", type=float, default=Options.interval, metavar="SECONDS", help="between two events")
    words.add_argument("--stream-seconds", type=float, default=Options.stream_seconds, help="how long each stream is")
    words.add_argument("--workers", type=int, default=Options.workers)
    given = words.parse_args()
    options = Options(given.streams, given.minutes, given.interval, given.stream_seconds, given.workers)
    about = built.about()
    print(machine.headline(about))
    machine.take_place()
    machine.raise_descriptor_limit()
    soak = measure(options)
    print(report(soak))
    target = machine.CACHE / "results" / "soak.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    held = [dataclasses.asdict(one) for one in soak.held]
    found = {"machine": about, "options": dataclasses.asdict(options), "held": held, "problems": soak.problems}
    target.write_text(json.dumps(found, indent=1))
    sys.exit(bool(soak.problems))


if __name__ == "__main__":
    main()
