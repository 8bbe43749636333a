"""Each claim of the specification, and what is measured of it on this machine. What does not reach its claim is said.

Short runs of the benches that ask one question each; ``--only`` plays some. Prints a table and writes its numbers. The
exit status is 0 as long as everything could be measured: a claim that is missed is a result.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

from bench import claims_measured, machine
from bench.claims_measured import Measured
from bench.stats import table


@dataclass(frozen=True)
class Claim:
    """``says``: as it is claimed. ``measure`` finds out."""

    name: str
    says: str
    measure: Callable[[], Measured]


CLAIMS = (
    Claim("start", "cold start: seconds become milliseconds", claims_measured.start),
    Claim("perceived", "perceived latency −60 to −80 % by streaming", claims_measured.perceived),
    Claim("batching", "throughput +300 to +400 % by batching", claims_measured.batching),
    Claim("memory", "memory problems −70 to −80 %", claims_measured.memory),
    Claim("utilisation", "utilisation +40 to +50 % by predictive scaling", claims_measured.utilisation),
    Claim("tuning", "30 to 50 % better by tuning from what is monitored", claims_measured.tuning),
    Claim("users", "p95 under 150 ms at 10,000 users", claims_measured.users),
    Claim("failures", "99.9 % of calls answered through failures", claims_measured.failures),
)


def row(claim: Claim, measured: Measured) -> dict[str, str]:
    """A row of the table."""
    return {"claimed": claim.says, "measured": measured.says, "reached": measured.verdict}


def main() -> None:
    names = [claim.name for claim in CLAIMS]
    wants = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    wants.add_argument("--only", metavar="A,B", help=", ".join(names))
    given = wants.parse_args()
    asked = given.only.split(",") if given.only else names
    if unknown := set(asked) - set(names):
        wants.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    about = machine.describe()
    print(machine.headline(about), flush=True)
    rows, found, broken = [], {}, []
    for claim in CLAIMS:
        if claim.name not in asked:
            continue
        began = time.monotonic()
        try:
            measured = claim.measure()
        except Exception as error:  # the others are still wanted
            traceback.print_exc()
            broken.append(claim.name)
            measured = Measured(f"not measured: {error}", None)
        print(f"({claim.name}: {measured.says}; {time.monotonic() - began:.0f} s)", flush=True)
        rows.append(row(claim, measured))
        found[claim.name] = asdict(measured)
    print(f"\n{table(rows)}")
    target = machine.CACHE / "results" / "claims.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"machine": about, "claims": found}, indent=1))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
