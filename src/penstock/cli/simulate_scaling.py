"""``penstock simulate scaling``: which policy would have sized a pool best for a load that came, in virtual time.

Enters: a series of rates, recorded calls, or a shape; replicas with a cold start. Leaves: a table, JSON, or a page.
Fails with status 2 for a file that is neither or an unknown name, and says which extra is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli import pages
from penstock.cli.amounts import number, seconds, whole
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_json, parser, print_json

if TYPE_CHECKING:
    from penstock.simulate.scaling.demand import Demand
    from penstock.simulate.scaling.play import Scene

_EPILOG = """\
A trace is CSV with time,value (calls a second), or recorded calls as `penstock simulate routing` reads them. Without
one --shape makes a load: daily, weekly, ramp, spike, steps, walk, flat.

Columns: violated: calls late, gone or cut, of all; hours: replica-hours, those that start and drain included; of ideal:
times those of replicas that are always full. Each policy is tried at many settings; only those are shown that none of
its others beats. "oracle" knows what will come: what it saves is the most that any policy could.

  penstock simulate scaling --trace load.csv --cold-start 5m --html scaling.html
  penstock simulate scaling --shape spike --rate 200 --replica 7 --cold-start 60s
  penstock simulate scaling --shape daily --rate 1000000 --replica 200 --days 3
"""


LONGEST_STEP = 3600.0
LEAST_STEPS = 30
"""That are judged."""


def main(arguments: list[str]) -> int:
    options = _options().parse_args(arguments)
    pages.find_room(options.html)
    if importlib.util.find_spec("numpy") is None:
        raise Failure(
            "penstock simulate scaling: needs numpy, which is not installed: pip install 'penstock[forecast]'"
        )
    from penstock.simulate.scaling.contest import COSTS, DRAIN, ENTRANTS, OURS, USUAL, contest
    from penstock.simulate.scaling.page import page
    from penstock.simulate.scaling.play import Trail
    from penstock.simulate.scaling.report import plain, text

    unknown = [name for name in options.policy or () if name not in ENTRANTS]
    if unknown:
        raise Failure(f"penstock simulate scaling: no policy {unknown[0]!r}: {', '.join(ENTRANTS)}", WRONG_CONFIG)
    scene, facts = _scene(options)
    points = list(contest(scene, list(dict.fromkeys(options.policy or USUAL))))
    ideal = _ideal(scene)
    if options.html:
        trail = Trail()
        ours = ENTRANTS[OURS]
        scene.play(ours.make(scene, COSTS[5]), ours.eyes, DRAIN, True, trail)
        pages.write(options.html, page("Scaling policies compared", facts, points, ideal, trail))
    if options.json:
        print_json({"scenario": facts, **plain(points, ideal)})
    else:
        print("\n".join([f"{name:<9} {value}" for name, value in facts.items()]), end="\n\n")
        print(text(points, ideal))
    return 0


def _options() -> argparse.ArgumentParser:
    wants = parser(
        "simulate scaling",
        "Size a pool of replicas that is not there, in virtual time, once for each policy and each of its settings.",
        _EPILOG,
    )
    wants.add_argument("--trace", metavar="FILE", help="a series of rates, or recorded calls")
    wants.add_argument("--shape", default="daily", metavar="S", help="without a trace: what comes (daily)")
    wants.add_argument("--days", type=number(1e12), default=7.0, metavar="D", help="… for so many days (7)")
    wants.add_argument("--rate", type=number(1e12), metavar="R", help="mean calls a second (as the trace; 500)")
    wants.add_argument(
        "--texture", choices=("rough", "smooth"), default="rough", help="between values of a series (rough)"
    )
    wants.add_argument(
        "--replica", type=number(1e12), default=7.0, metavar="R", help="calls a second that one carries (7)"
    )
    wants.add_argument("--cold-start", type=seconds, default=120.0, metavar="T", help="until one serves (2m)")
    wants.add_argument(
        "--goal", type=seconds, default=2.0, metavar="T", help="wait until the first token that is good (2s)"
    )
    wants.add_argument("--response", type=seconds, default=15.0, metavar="T", help="how long a call takes (15s)")
    wants.add_argument("--max", type=whole(1, 1_000_000), default=10_000, metavar="N", help="most replicas (10000)")
    wants.add_argument("--step", type=seconds, metavar="T", help="of virtual time (10s; 1s for recorded calls)")
    wants.add_argument(
        "--learn", type=seconds, metavar="T", help="not judged at the beginning (15 %%, two days at most)"
    )
    wants.add_argument("--policy", action="append", metavar="P", help="may be repeated")
    wants.add_argument("--seed", type=int, default=0, metavar="S", help="equal seeds, equal results (0)")
    wants.add_argument("--html", metavar="FILE", help="write a page with plots")
    add_json(wants)
    return wants


def _scene(options: argparse.Namespace) -> tuple[Scene, dict[str, str]]:
    from penstock.simulate.scaling.foretold import Foretold
    from penstock.simulate.scaling.play import Scene
    from penstock.simulate.scaling.pool import Hardware

    demand = _demand(options)
    learn = min(2 * 86_400.0, 0.15 * demand.seconds) if options.learn is None else options.learn
    if demand.step > LONGEST_STEP:
        raise Failure(f"penstock simulate scaling: steps of {demand.step:g} s are too long: up to 1h", WRONG_CONFIG)
    if demand.seconds - learn < LEAST_STEPS * demand.step:
        raise Failure(
            f"penstock simulate scaling: {demand.seconds:g} s in steps of {demand.step:g} s are too few to judge: at"
            f" least {LEAST_STEPS} steps after the first {learn:g} s, which are for learning (--learn)", WRONG_CONFIG,
        )  # fmt: skip
    a_call = float(demand.load.sum() / max(demand.calls.sum(), 1e-9))
    hardware = Hardware(
        options.replica * a_call, options.cold_start, goal=options.goal, response=options.response,
    )  # fmt: skip
    foretold = Foretold(demand)
    facts = {
        "load": f"{demand.name}: {demand.seconds / 3600:.1f} h in steps of {demand.step:g} s,"
        f" {demand.calls.mean():,.4g} calls a second, at most {demand.calls.max():,.4g}",
        "replicas": f"{options.replica:g} calls a second each, ready after {options.cold_start:g} s; calls of"
        f" {options.response:g} s",
        "goal": f"a wait of {options.goal:g} s; not judged: the first {learn:g} s",
    }
    return Scene(
        demand, hardware, hardware.carries, 1, options.max, foretold.upper, options.seed, learn,
    ), facts  # fmt: skip


def _demand(options: argparse.Namespace) -> Demand:
    import numpy as np

    from penstock.cli.forecast import read_trace as read_series
    from penstock.simulate.scaling.demand import made, of_calls, of_rates
    from penstock.simulate.traces import read_trace

    rng = np.random.default_rng(options.seed)
    try:
        if options.trace is None:
            return made(options.shape, options.rate or 500.0, options.days, options.step or 10.0, rng)
        path = Path(options.trace)
        with path.open(encoding="utf-8") as file:
            first = file.readline()
        if first.startswith(("TIMESTAMP", "{")):
            demand = of_calls(read_trace(path), options.step or 1.0)
        else:
            every, values = read_series(options.trace, None, "simulate scaling")
            demand = of_rates(path.stem, values, every, options.step or 10.0, rng, options.texture)
    except OSError as error:
        raise Failure(f"{options.trace} cannot be read: {error.strerror}", WRONG_CONFIG) from None
    except UnicodeDecodeError:
        raise Failure(f"{options.trace} cannot be read: it is not text in UTF-8", WRONG_CONFIG) from None
    except (ValueError, KeyError) as error:
        where = "penstock simulate scaling" if options.trace is None else options.trace
        raise Failure(f"{where}: {error}", WRONG_CONFIG) from None
    return demand if options.rate is None else demand.scaled(options.rate / float(demand.calls.mean()))


def _ideal(scene: Scene) -> float:
    """Hours of replicas that are always full."""
    demand = scene.demand
    return float(demand.load[round(scene.skip / demand.step) :].sum() * demand.step / scene.carries / 3600)
