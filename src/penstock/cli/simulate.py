"""``penstock simulate routing``: which policy would have served recorded traffic best, on a fleet of your choice.

Enters: a trace (or none: synthetic conversations), an engine, a fleet, a load. Leaves: a table, JSON, or an HTML page.
Fails with status 2 for a file that is no trace or an unknown name.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import asdict
from pathlib import Path

from penstock.cli import pages
from penstock.cli.amounts import number, whole
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_json, parser, print_json
from penstock.simulate.fleet import HARDWARE
from penstock.simulate.hardware import ENGINES
from penstock.simulate.measures import Goal, Measures
from penstock.simulate.page import page
from penstock.simulate.policies import USUAL, names
from penstock.simulate.report import means, text
from penstock.simulate.sampling import synthetic
from penstock.simulate.scenario import Scenario
from penstock.simulate.traces import Trace, read_trace

_DESCRIPTION = """\
Play recorded traffic against a fleet of model servers that is not there, in virtual time, once for each policy.
The code that chooses is the gateway's own. Each seed draws other stretches of the trace; all policies meet the
same calls.

routing   which upstream should a call go to?
scaling   how many replicas should there be, and when? (`penstock simulate scaling -h`)"""
_EPILOG = """\
Traces: Azure's LLM inference CSV, Mooncake's JSON lines, or lines of your own:
  {"at": 12.5, "prompt": 4100, "output": 220, "blocks": [1, 2, 9], "session": "a"}
"at" is in seconds; "blocks" (optional) are ids of the prompt's first blocks of 512 tokens: equal ids, equal
beginnings.

Columns: good: calls whose first token and mean gap met the goal, of all; first, whole: seconds to the first token
and to the end; gap: milliseconds between tokens; cached: prompt tokens found in a prefix cache; uneven: the most
work of a replica over the mean.

  penstock simulate routing --upstreams 16
  penstock simulate routing --trace mooncake_conversation.jsonl --upstreams 32 --load 0.9 --hardware mixed
  penstock simulate routing --trace calls.jsonl --policy adaptive --policy round_robin --html routing.html
"""


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["scaling"]:
        from penstock.cli import simulate_scaling

        return simulate_scaling.main(arguments[1:])
    options = _options().parse_args(arguments)
    if options.what == "scaling":
        raise Failure("penstock simulate: 'scaling' comes before its options", WRONG_CONFIG)
    pages.find_room(options.html)
    scenario = Scenario(
        _trace(options.trace, options.calls),
        ENGINES[options.engine],
        options.upstreams,
        options.load,
        options.hardware,
        options.calls,
        options.answers,
        _goal(options),
    )
    policies = list(dict.fromkeys(options.policy or USUAL))
    told = scenario.compare(policies, range(options.seed, options.seed + options.seeds))
    facts = _facts(options, scenario)
    if options.html:
        pages.write(options.html, page("Routing policies compared", facts, told))
    if options.json:
        print_json({"scenario": facts, "policies": {policy: _plain(measures) for policy, measures in told.items()}})
    else:
        print("\n".join([f"{name:<9} {value}" for name, value in facts.items()]), end="\n\n")
        print(text(told))
    return 0


def _options() -> argparse.ArgumentParser:
    wants = parser("simulate", _DESCRIPTION, _EPILOG)
    count, positive = whole(1, 1_000_000), number(1e9)
    wants.add_argument("what", choices=["routing", "scaling"], metavar="routing | scaling")
    wants.add_argument("--trace", metavar="FILE", help="recorded calls (otherwise synthetic conversations)")
    wants.add_argument("--upstreams", type=count, default=8, metavar="N", help="replicas (8)")
    wants.add_argument(
        "--policy", action="append", choices=names(), metavar="P", help=f"may be repeated: {', '.join(names())}"
    )
    wants.add_argument("--engine", choices=ENGINES, default="qwen3-32b", help="constants of a model server (qwen3-32b)")
    wants.add_argument(
        "--hardware", choices=HARDWARE, default="equal", help="equal; mixed speeds; one falls to a third"
    )
    wants.add_argument("--load", type=positive, default=0.7, metavar="L", help="share of what the fleet can do (0.7)")
    wants.add_argument("--calls", type=count, default=2000, metavar="N", help="calls a seed (2000)")
    wants.add_argument("--seeds", type=count, default=5, metavar="N", help="repetitions (5)")
    wants.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the first seed (0); equal seeds, equal results"
    )
    wants.add_argument("--answers", type=positive, default=1.0, metavar="X", help="answers so many times as long (1)")
    wants.add_argument("--goal-first", type=positive, metavar="S", help="seconds to the first token that are good")
    wants.add_argument("--goal-gap", type=positive, metavar="S", help="seconds between tokens that are good")
    wants.add_argument("--html", metavar="FILE", help="write a page with plots")
    add_json(wants)
    return wants


def _trace(path: str | None, calls: int) -> Trace:
    if path is None:
        return synthetic(max(calls, 4000), random.Random(0))
    try:
        trace = read_trace(Path(path))
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}", WRONG_CONFIG) from None
    except UnicodeDecodeError:
        raise Failure(f"{path} cannot be read: it is not text in UTF-8", WRONG_CONFIG) from None
    except (ValueError, KeyError) as error:
        raise Failure(f"{path}: {error}", WRONG_CONFIG) from None
    if len(trace.rows) < 2:
        raise Failure(f"{path}: a trace has two calls at least", WRONG_CONFIG)
    return trace


def _goal(options: argparse.Namespace) -> Goal:
    usual = Goal.of(ENGINES[options.engine])
    first, gap = options.goal_first, options.goal_gap
    return Goal(
        usual.first if first is None else first,
        usual.per_token if first is None else 0.0,
        usual.gap if gap is None else gap,
    )


def _facts(options: argparse.Namespace, scenario: Scenario) -> dict[str, str]:
    goal = scenario.goal or Goal()
    slower = f" and {goal.per_token * 1000:.3g} s per 1,000 tokens of prompt" if goal.per_token else ""
    return {
        "trace": scenario.trace.name,
        "fleet": f"{options.upstreams} x {options.engine}, {options.hardware}",
        "load": f"{options.load:.0%} of capacity; {options.calls:,} calls a seed, {options.seeds} seeds",
        "goal": f"first token within {goal.first:g} s{slower}, mean gap within {goal.gap * 1000:.0f} ms",
    }


def _plain(measures: list[Measures]) -> dict[str, object]:
    seeds = [_finite(asdict(one)) for one in measures]
    return {"mean": _finite(means(measures)), "seeds": seeds}


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    """JSON has no number for a percentile that failed calls reach into."""
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}
