"""``penstock bench cache``: how often would the semantic cache have hit on a stream, and how often wrongly?

Enters: a file of [[question, label], ...] in the order of the requests; questions of one label have one answer. Leaves:
a table or JSON, a line for each order: the file's own, then shuffles. Fails with status 2 for a file that is no such
stream, 1 when the embedder is not here.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.cli.amounts import number, whole
from penstock.cli.failure import WRONG_CONFIG, Failure
from penstock.cli.options import add_json, parser, print_json

if TYPE_CHECKING:
    from penstock.cache.verify.model import Prior
    from penstock.cache.verify.playback import Stream

_DESCRIPTION = """\
Plays a labelled stream through the semantic cache's decision, as the gateway would take it: a miss asks an oracle that
answers by label, a hit teaches nothing unless it is checked, and every wrong answer counts."""
_EPILOG = """\
  penstock bench cache --stream questions.json
  penstock bench cache --stream questions.json --max-error 0.02 --orders 10 --judge-error 0.05 --json

The shipped prior was fitted to hwu64 and banking77: to judge on one of these, fit it to the other with --prior-from."""


def main(arguments: list[str]) -> int:
    """Run it."""
    options = _options().parse_args(arguments)
    from penstock.cache.verify.playback import Player
    from penstock.cache.verify.rules import Rules
    from penstock.cache.verify.spend import Budget

    stream = _stream(options.stream, options.embedder, options.vectors, options.save_vectors)
    rules = Rules(budget=Budget(per_request=options.max_error, per_hit=options.max_error_hits))
    prior = _prior(options)
    plays = []
    for order in range(options.orders):
        play = Player(stream, rules, prior, order=order, judge_error=options.judge_error)
        plays.append({"order": order, **play.run().report()})
        if not options.json:
            print(_line(plays[-1]) if order else f"{_HEAD}\n{_line(plays[-1])}", flush=True)
    summary = summed(plays, options.max_error, options.max_error_hits)
    if options.json:
        print_json({"stream": options.stream, "max_error": options.max_error, "summary": summary, "plays": plays})
    else:
        print(f"\n{_told(summary)}")
    return 0


def summed(plays: list[dict[str, Any]], per_request: float, per_hit: float | None) -> dict[str, Any]:
    """What the plays say together; ``held`` is the promise."""
    wrong = [play["wrong_per_request_percent"] for play in plays]
    of_hits = [play["wrong_per_hit_percent"] for play in plays]
    held = max(wrong) <= 100 * per_request and (per_hit is None or max(of_hits) <= 100 * per_hit)
    return {
        "held": held,
        "file_order_hit_percent": plays[0]["hit_percent"],
        "median_hit_percent": round(statistics.median(play["hit_percent"] for play in plays), 2),
        "least_hit_percent": min(play["hit_percent"] for play in plays),
        "most_wrong_per_request_percent": max(wrong),
        "mean_wrong_per_request_percent": round(statistics.fmean(wrong), 3),
        "most_wrong_per_hit_percent": max(of_hits),
        "mean_shadow_percent": round(statistics.fmean(play["shadow_percent"] for play in plays), 2),
        "stops": sum(play["stops"] for play in plays),
    }


_HEAD = f"{'order':<9}{'hits %':>8}{'saved %':>9}{'wrong/request %':>17}{'wrong/hit %':>13}{'checked %':>11} stops"


def _line(play: dict[str, Any]) -> str:
    name = "file" if play["order"] == 0 else f"shuffle {play['order']}"
    return (
        f"{name:<11}{play['hit_percent']:>6.1f}{play['saved_percent']:>9.1f}{play['wrong_per_request_percent']:>17.2f}"
        f"{play['wrong_per_hit_percent']:>13.2f}{play['shadow_percent']:>11.1f}{play['stops']:>7}"
    )


def _told(summary: dict[str, Any]) -> str:
    verdict = "The bound held in every order." if summary["held"] else "THE BOUND DID NOT HOLD in every order."
    return (
        f"{verdict} Hits: median {summary['median_hit_percent']} %, least {summary['least_hit_percent']} %. "
        f"Wrong answers per request: {summary['mean_wrong_per_request_percent']} % on average, "
        f"{summary['most_wrong_per_request_percent']} % at most."
    )


def _options() -> argparse.ArgumentParser:
    wants = parser("bench", _DESCRIPTION, _EPILOG)
    share, wrong, orders = number(0.5), number(0.499, least=0.0), whole(1, 1_000)
    wants.add_argument("what", choices=["cache"], metavar="cache")
    wants.add_argument("--stream", required=True, metavar="F", help="[[question, label], ...] as JSON")
    wants.add_argument("--max-error", type=share, default=0.01, metavar="E", help="wrong answers a request (0.01)")
    wants.add_argument("--max-error-hits", type=share, metavar="E", help="and wrong answers a hit (no bound)")
    wants.add_argument("--orders", type=orders, default=1, metavar="N", help="the file's, and N - 1 shuffles (1)")
    wants.add_argument("--judge-error", type=wrong, default=0.0, metavar="E", help="share of wrong verdicts (0)")
    wants.add_argument("--embedder", default="minilm", metavar="NAME", help="minilm, or static (minilm)")
    wants.add_argument("--vectors", metavar="F", help="take the vectors from this .npy file instead of an embedder")
    wants.add_argument("--save-vectors", metavar="F", help="keep the vectors in this .npy file")
    wants.add_argument("--prior-from", metavar="F", help="fit the prior to this stream; do not take the shipped one")
    wants.add_argument("--prior-vectors", metavar="F", help="that stream's vectors, as --vectors")
    add_json(wants)
    return wants


def _rows(path: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}", WRONG_CONFIG) from None
    except ValueError:
        raise Failure(f"{path} is no JSON", WRONG_CONFIG) from None
    if not isinstance(found, list) or not found:
        raise Failure(f"{path}: a stream is a list of [question, label]", WRONG_CONFIG)
    for at, row in enumerate(found, 1):
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], str | int)):
            raise Failure(f"{path}: row {at} is no [question, label]", WRONG_CONFIG)
    return [(text, str(label)) for text, label in found]


def _stream(path: str, embedder: str, vectors: str | None, keep: str | None = None) -> Stream:
    rows = _rows(path)
    try:
        import numpy as np

        from penstock.cache.verify.playback import Stream
    except ImportError:
        raise Failure('penstock bench cache needs numpy: pip install "penstock[semantic]"') from None
    try:
        if vectors is not None:
            made = np.asarray(np.load(vectors, allow_pickle=False), np.float32)
        else:
            from penstock.assemble_playback import embed

            made = embed(embedder, [text for text, _ in rows])
        if keep is not None:
            np.save(keep, made)
        return Stream(rows, made)
    except OSError as error:
        what = error.filename or vectors or f"the embedder {embedder}"
        raise Failure(
            f"{what} cannot be used: {error.strerror or error}", 1 if vectors is None else WRONG_CONFIG
        ) from None
    except ValueError as error:
        raise Failure(f"{vectors or embedder}: {error}", WRONG_CONFIG) from None


def _prior(options: argparse.Namespace) -> Prior | None:
    if options.prior_from is None:
        return None
    stream = _stream(options.prior_from, options.embedder, options.prior_vectors)
    from penstock.cache.verify.fitting import from_streams

    return from_streams([stream])
