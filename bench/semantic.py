"""How often does the semantic cache hit, and how often wrongly? Streams in many orders, a judge that errs, traps.

``python -m bench.semantic --data FOLDER`` prints JSON. A stream is judged with a prior that was fitted
to the other one. Vectors come from the embedder, or from ``--vectors FOLDER`` (NAME.npy of each file). Traps are asked
on top of a cache warm from each stream, with the rules of eligibility as the gateway applies them, and without.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from penstock.assemble_playback import embed
from penstock.cache.verify import playback
from penstock.cache.verify.fitting import from_streams
from penstock.cache.verify.ineligible import Ineligible
from penstock.cache.verify.lexical import prepare
from penstock.cache.verify.model import Prior, shipped
from penstock.cache.verify.playback import Player, Stream
from penstock.cache.verify.rules import NEIGHBOURS, Rules
from penstock.cache.verify.spend import Budget
from penstock.cache.verify.verdict import Near
from penstock.cache.verify.verifier import Verifier

STREAMS = ("hwu64", "banking77")


class Questions:
    """The data, with vectors."""

    def __init__(self, data: Path, vectors: Path | None, embedder: str) -> None:
        self._data = data
        self._vectors = vectors
        self._embedder = embedder

    def _made(self, name: str, texts: list[str]) -> Any:
        return embed(self._embedder, texts) if self._vectors is None else np.load(self._vectors / f"{name}.npy")

    def stream(self, name: str) -> Stream:
        rows = [(text, label) for text, label in json.loads((self._data / f"{name}.json").read_text("utf-8"))]
        return Stream(rows, self._made(name, [text for text, _ in rows]))

    def traps(self) -> tuple[list[dict[str, Any]], Any, Any]:
        """Pairs, vectors of what is cached, vectors of what is asked."""
        pairs = json.loads((self._data / "traps.json").read_text("utf-8"))
        vectors = self._made("traps", [one["cached"] for one in pairs] + [one["query"] for one in pairs])
        return pairs, vectors[: len(pairs)], vectors[len(pairs) :]


def cell(stream: Stream, prior: Prior, orders: int, limit: float, judge_error: float) -> dict[str, Any]:
    """One line of the table: a stream under one bound."""
    begun = time.process_time()
    rules = Rules(budget=Budget(per_request=limit))
    plays = [
        Player(stream, rules, prior, order=order, judge_error=judge_error).run().report() for order in range(orders)
    ]
    wrong = [play["wrong_per_request_percent"] for play in plays]
    hits = [play["hit_percent"] for play in plays]
    return {
        "max_error_percent": 100 * limit,
        "judge_error_percent": 100 * judge_error,
        "orders": orders,
        "held": max(wrong) <= 100 * limit,
        "file_order": plays[0],
        "hit_median": round(statistics.median(hits), 2),
        "hit_least": min(hits),
        "wrong_mean": round(statistics.fmean(wrong), 3),
        "wrong_most": max(wrong),
        "wrong_per_hit_mean": round(statistics.fmean(play["wrong_per_hit_percent"] for play in plays), 2),
        "checked_mean": round(statistics.fmean(play["shadow_percent"] for play in plays), 2),
        "stops": sum(play["stops"] for play in plays),
        "cpu_us_a_request": round(1e6 * (time.process_time() - begun) / sum(play["requests"] for play in plays)),
    }


def traps(questions: Questions, stream: Stream, verifier: Verifier, stored: list[int], rules: bool) -> dict[str, Any]:
    """False and true hits on pairs that look alike: all that is cached of them is put on top of the warm cache."""
    pairs, cached, asked = questions.traps()
    eligible = Ineligible()
    homes: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        if not (rules and eligible.reason(pair["cached"])):
            homes.setdefault(pair["cached"], -1 - number)
    for text, key in homes.items():
        verifier.place(key, prepare(text), playback.PARTITION)
    keys = [*homes.values(), *stored]
    matrix = np.vstack([cached[[-1 - key for key in homes.values()]], stream.vectors[stored]])
    counts: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        hit = False
        if not (rules and (eligible.reason(pair["query"]) or eligible.reason(pair["cached"]))):
            cosines = matrix @ asked[number]
            top = np.argsort(-cosines)[:NEIGHBOURS]
            near = [Near(keys[place], min(float(cosines[place]), 1.0)) for place in top]
            hit = verifier.decide(prepare(pair["query"]), near, playback.PARTITION, 0.5).kind != "miss"
        for name in ("must_hit" if pair["hit"] else "must_miss", pair["cat"] or pair["src"]):
            count = counts.setdefault(f"{name} {pair['hit']}".lower(), [0, 0])
            count[0] += hit
            count[1] += 1
    for key in homes.values():
        verifier.forget(key)
    return {name: {"hits": hits, "of": of, "percent": round(100 * hits / of, 1)} for name, (hits, of) in counts.items()}


def main() -> int:
    wants = argparse.ArgumentParser(prog="python -m bench.semantic", description=__doc__)
    wants.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="hwu64.json, banking77.json, …")
    wants.add_argument("--vectors", type=Path)
    wants.add_argument("--embedder", default="minilm")
    wants.add_argument("--orders", type=int, default=10)
    wants.add_argument("--limits", default="0.01,0.02,0.05")
    wants.add_argument("--judge-errors", default="0,0.05")
    wants.add_argument("--only", choices=["streams", "traps"])
    given = wants.parse_args()
    questions = Questions(given.data, given.vectors, given.embedder)
    streams = {name: questions.stream(name) for name in STREAMS}
    told: dict[str, Any] = {"embedder": given.embedder, "streams": {}, "traps": {}}
    for name, stream in streams.items():
        if given.only != "traps":
            prior = from_streams([other for another, other in streams.items() if another != name])
            cells = told["streams"][name] = []
            for judge_error in map(float, given.judge_errors.split(",")):
                for limit in map(float, given.limits.split(",")):
                    cells.append(cell(stream, prior, given.orders, limit, judge_error))
                    print(name, json.dumps({**cells[-1], "file_order": ""}), file=sys.stderr, flush=True)
        if given.only != "streams":
            player = Player(stream, Rules(), shipped())
            player.run()
            stored = [number for number, there in enumerate(player.stored) if there]
            told["traps"][name] = {
                "with_eligibility": traps(questions, stream, player.verifier, stored, True),
                "without": traps(questions, stream, player.verifier, stored, False),
            }
    print(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
