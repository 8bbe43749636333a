"""Is ``adaptive`` the best choice of upstream? Simulated traffic, all cells, against the policies of other gateways.

Traces (Azure 2023 conversation and code, Mooncake conversation) × replicas × load × prefill- and decode-bound × equal,
mixed and degraded hardware; paired seeds. Constants were fitted on the first half of each trace; the second half
judges here. Prints and writes ``bench/routing.md``. Samples are kept, so a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.machine import CACHE
from bench.routing_table import page
from penstock.simulate.hardware import ENGINES
from penstock.simulate.policies import USUAL
from penstock.simulate.scenario import Scenario
from penstock.simulate.traces import Trace, read_trace

TRACES = {
    "conversation": "AzureLLMInferenceTrace_conv.csv",
    "code": "AzureLLMInferenceTrace_code.csv",
    "mooncake": "mooncake_conversation.jsonl",
}
BOUND = {
    "prefill": ("qwen3-32b", {"conversation": 1.0, "code": 1.0, "mooncake": 1.0}),
    "decode": ("gpt-oss-120b", {"conversation": 2.0, "code": 8.0, "mooncake": 2.0}),
}
"""The engine, and how much longer than recorded answers are: models that think first write several times as much."""
LOADS = {"light": 0.4, "medium": 0.7, "saturated": 1.05}
CALLS = {
    8: {"light": 500, "medium": 800, "saturated": 1200},
    32: {"light": 1000, "medium": 1600, "saturated": 2800},
}
HARDWARE = ("equal", "mixed", "degraded")
WHERE = Path(__file__).parents[2] / "shared" / "data" / "traces"
TABLE = Path(__file__).with_name("routing.md")


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table."""

    trace: str
    upstreams: int
    load: str
    bound: str
    hardware: str

    def __str__(self) -> str:
        return f"{self.trace} / {self.bound} / {self.upstreams} / {self.load} / {self.hardware}"


def cells(quick: bool) -> Iterator[Cell]:
    """All of them, those that are dearest last; or six."""
    for upstreams in CALLS:
        for trace in TRACES:
            for bound in BOUND:
                for load in LOADS:
                    for hardware in HARDWARE:
                        if not quick or (upstreams == 8 and load == "medium" and hardware != "equal"):
                            yield Cell(trace, upstreams, load, bound, hardware)


class Halves:
    """The second half of each trace (the first for fitting), and what one replica can do with it."""

    def __init__(self, where: Path, second: bool) -> None:
        self._where = where
        self._second = second
        self._traces: dict[str, Trace] = {}
        self._bases: dict[tuple[str, str], float] = {}

    def scenario(self, cell: Cell) -> Scenario:
        """What is played in ``cell``. Raises OSError without the traces."""
        if cell.trace not in self._traces:
            self._traces[cell.trace] = read_trace(self._where / TRACES[cell.trace]).half(self._second)
        trace = self._traces[cell.trace]
        engine, longer = BOUND[cell.bound]
        calls = CALLS[cell.upstreams][cell.load]
        key = (cell.trace, cell.bound)
        base = self._bases.get(key, 0.0)
        made = Scenario(
            trace,
            ENGINES[engine],
            cell.upstreams,
            LOADS[cell.load],
            cell.hardware,
            calls,
            longer[cell.trace],
            base=base,
        )
        if not base:
            self._bases[key] = made.capacity()
            return self.scenario(cell)
        return made


def main() -> int:
    """Play what is missing, then write the table."""
    wants = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wants.add_argument("--traces", type=Path, default=WHERE, help="the folder with the three traces")
    wants.add_argument("--seeds", type=int, default=10)
    wants.add_argument("--quick", action="store_true", help="six cells only; writes no table")
    wants.add_argument("--fit", action="store_true", help="the first halves; writes no table")
    wants.add_argument("--fresh", action="store_true", help="forget the samples of earlier runs")
    options = wants.parse_args()
    kept = CACHE / "results" / f"routing{'-fit' if options.fit else ''}.json"
    samples: dict[str, dict[str, list[float]]] = {}
    if kept.exists() and not options.fresh:
        samples = json.loads(kept.read_text())
    halves = Halves(options.traces, not options.fit)
    kept.parent.mkdir(parents=True, exist_ok=True)
    chosen = list(cells(options.quick))
    began = time.process_time()
    for seed in range(options.seeds):
        for cell in chosen:
            if f"{cell} / {seed}" not in samples:
                told = halves.scenario(cell).play(USUAL, seed)
                samples[f"{cell} / {seed}"] = {
                    name: [measures.goodput, measures.first_p90, measures.hit_rate] for name, measures in told.items()
                }
        kept.write_text(json.dumps(samples))
        print(f"seed {seed + 1} of {options.seeds}, {time.process_time() - began:.0f} s of CPU", file=sys.stderr)
    text = page([str(cell) for cell in chosen], samples, options.seeds)
    print(text)
    if not options.quick and not options.fit:
        TABLE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
