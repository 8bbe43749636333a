"""All tables in one run: ``python -m bench.run_all`` takes some five minutes, ``--full`` more rounds and longer ones.

Writes results/*.json under the cache and prints Markdown, ready for README.md. One that fails does not stop the next.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable

from bench import built, coldstart, machine, overhead, streams


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m bench.run_all", description=__doc__)
    words.add_argument("--full", action="store_true", help="more and longer rounds: about twenty minutes")
    words.add_argument("--only", metavar="A,B", help="these proxies, for example penstock,nginx")
    given = words.parse_args()
    many_of = given.only or "penstock,nginx"
    questions: dict[str, Callable[[], object]]
    if given.full:
        questions = {
            "overhead": lambda: overhead.run(overhead.Options(given.only, rounds=7, seconds=4)),
            "streams": lambda: streams.run(streams.Options(given.only, rounds=7, seconds=6)),
            "many streams": lambda: streams.run(streams.many(9000, many_of, 0.2, 20, rounds=3)),
            "cold start": lambda: coldstart.run(given.only, starts=7),
        }
    else:
        questions = {
            "overhead": lambda: overhead.run(overhead.Options(given.only, rounds=3, seconds=1)),
            "streams": lambda: streams.run(streams.Options(given.only, rounds=2, seconds=3)),
            "many streams": lambda: streams.run(streams.many(9000, many_of, 0.2, 5)),
            "cold start": lambda: coldstart.run(given.only, starts=3),
        }
    print(machine.headline(built.about()))
    failed = []
    for name, ask in questions.items():
        begun = time.monotonic()
        try:
            ask()
        except Exception:  # the other tables are still wanted
            traceback.print_exc()
            failed.append(name)
        print(f"\n({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
