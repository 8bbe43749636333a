"""Writes docs/metrics.md from the table of metrics and from a page rendered of sample numbers.

Enters: METRICS and render of observe/prometheus.py. Leaves: the file; with ``--check``, exit 1 when it is not what
would be written.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from penstock.admission.counts import Counts as Admitted
from penstock.batching.counts import Counts as Merged
from penstock.coalesce.counts import Counts as Shared
from penstock.degrade.counts import Counts as Lessened
from penstock.grouping.counts import Counts as Held
from penstock.jobs.numbers import Numbers
from penstock.memory.pauses import Pauses
from penstock.observe.board import CALL, TOKEN, Board, Tally, Times
from penstock.observe.gauges_page import NAMED
from penstock.observe.histogram import CONNECT_SECONDS, GAP_SECONDS, OVERHEAD_SECONDS, SECONDS
from penstock.observe.prometheus import LEARNED, METRICS, render
from penstock.observe.scaling_page import NAMED as POOLED
from penstock.observe.scaling_page import STATES
from penstock.streaming.counts import Counts

TARGET = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"

HEAD = """\
<!-- Written by tools/make_metrics.py from src/penstock/observe/prometheus.py. Do not edit. -->

# Metrics

`GET /metrics` answers in the Prometheus text format, for all workers together. On a loopback `listen.host` it needs no
key; elsewhere any key will do:

```yaml
scrape_configs:
  - job_name: penstock
    authorization: {credentials: sk-pen-...}
    static_configs: [{targets: ["gateway:8400"]}]
```

Labels take their values from the configuration and from closed sets, never from what a caller wrote (but for `tag`,
of which there are 200 at most; see [how-to/metrics.md](how-to/metrics.md)): `model` is the
entry under `models` that served the call (`fb-*`, not `fb-7`), empty when none did; `status` is 499 for a caller that
left before the end; `fault` says whose it was: `caller`, `gateway`, `upstream` or `none`. Beyond 2,000 combinations
`model` and `upstream` become `other`.

| metric | type | labels | |
|---|---|---|---|
"""

TAIL = f"""
Upper bounds of the histograms, in seconds: {", ".join(f"{bound:g}" for bound in SECONDS)}; of
`penstock_overhead_seconds`: {", ".join(f"{bound:g}" for bound in OVERHEAD_SECONDS)}; of
`penstock_inter_token_seconds`: {", ".join(f"{bound:g}" for bound in GAP_SECONDS)}; of
`penstock_upstream_connect_seconds`: {", ".join(f"{bound:g}" for bound in CONNECT_SECONDS)}.

## Questions and queries

| question | query |
|---|---|
| calls a second, by model | `sum by (model) (rate(penstock_requests_total[1m]))` |
| share that failed through no fault of callers | \
`sum(rate(penstock_requests_total{{fault=~"gateway\\|upstream"}}[5m])) / sum(rate(penstock_requests_total[5m]))` |
| time to first byte, 95th percentile | `histogram_quantile(0.95, sum by (le, model) \
(rate(penstock_first_byte_seconds_bucket[5m])))` |
| what the gateway itself adds, 99th percentile | \
`histogram_quantile(0.99, rate(penstock_overhead_seconds_bucket[5m]))` |
| time to first token of streams, 95th percentile, by model and upstream | \
`histogram_quantile(0.95, sum by (le, model, upstream) (rate(penstock_time_to_first_token_seconds_bucket[5m])))` |
| tokens a second of one answer, mean, by upstream | `1 / (sum by (upstream) \
(rate(penstock_inter_token_seconds_sum[5m])) / sum by (upstream) (rate(penstock_inter_token_seconds_count[5m])))` |
| what calls waited for, seconds a second | `sum by (room) (rate(penstock_wait_seconds_total[5m]))` |
| whether the event loop is held up | `max by (worker) (penstock_loop_lag_seconds)` |
| tokens a second, by kind | `sum by (kind) (rate(penstock_tokens_total[1m]))` |
| share of prompt tokens that upstreams had cached | `sum(rate(penstock_tokens_total{{kind="cached"}}[5m])) \
/ sum(rate(penstock_tokens_total{{kind="prompt"}}[5m]))` |
"""

BATCHING: dict[str, Any] = {
    **Merged().dump(),
    "batches": [["embeddings", "ok", 1]],
    "alone": [["embeddings", "free", 1]],
    "learned": [{"operation": "embeddings", "model": "m", "fixed_seconds": 0.1, "item_seconds": 0.1}],
}

TELEMETRY: dict[str, Any] = {
    "sent": {"traces": 1}, "dropped": [["traces", "full", 1]], "requests": [["traces", "ok", 1]], "queued": 0,
}  # fmt: skip


def board() -> Board:
    """One on which each number of calls occurs."""
    made = Board()
    made.tallies["chat", "m", "u", 200, ""] = Tally()
    made.times["chat", "m"], made.tokens["m", "u"] = Times(CALL), Times(TOKEN)
    made.waits["admission"] = 1
    made.hear("m", 1.0)
    made.tags.labels["team", "search"], made.tags.revenue["m", True] = [1, 1], 1.0
    made.retries["reset", "u"] = made.rescues["prefill"] = 1
    return made


SCALING: dict[str, Any] = {
    "pools": {
        "p": {
            **dict.fromkeys(POOLED, 0.0), **dict.fromkeys(STATES, 0), "desired": 1,
            "forecast": {"load": 0.0, "quantile": 0.9, "seconds": 0.0},
        }
    },
    "forecast": {"requests|m": {"10|0.9": 0.0}},
}  # fmt: skip


def sample() -> dict[str, Any]:
    """A dump in which each number of a worker occurs."""
    return {
        "worker": 0, "uptime": 1.0, "reloads": 0, "connections": 0, "connections_refused": 0,
        "refused_at_the_edge": 0, "accounts": {"bodies": [0, 1, 0, 0]}, "upstreams": {"u": [0, 0, 0]},
        "process": {"seconds": 0.0, "rss": 0, "descriptors": 0, "tasks": 0}, "observed": board().dump(),
        "streams": Counts().dump(),
        "routing": {
            "rows": [["u", dict.fromkeys((column for column, *_ in LEARNED), 1.0)]],
            "sessions": 0,
            "scrapes": [["u", "ok", 1]],
        },
        "health": {
            "upstreams": {"u": {"state": "closed", "ejections": 0, "keys_at_rest": 0, "probes": {"well": 1}}},
            "retries": {"m": [100.0, 0]},
        },
        "cache": {
            "ready": True, "entries": 0, "bytes": 0, "memory_bytes": 0, "operations": [["exact", "hit", 1]],
            "stores": {"kept": 1}, "saved": {"tokens_in": 0, "tokens_out": 0, "micro_dollars": 0, "seconds": 0.0},
            "evicted": {"expired": 1}, "lookups": {"exact": [[1.0], [0, 0], 0.0]},
            "semantic": {
                "lookups": [["hit", "verified", 1]], "shadows": {"right": 1}, "judge": {"same": 1},
                "equal": {"same": 1}, "feedback": {"wrong": 1}, "removed": 0, "ready": True, "questions": 0,
                "partitions": 0, "bytes": 0, "probabilities": [[1.0], [0, 0], 0.0],
                "embedder": {"state": "well", "trips": 0, "texts": {"embedded": 1}},
                "bounds": [
                    {"model": "m", "requests": 1, "estimate": 0.0, "low": 0.0, "high": 0.0, "stopped": "", "stops": 0}
                ],
            },
        },
        "memory": {
            "source": "machine", "limit": 1, "room": 1, "share": 0.0, "level": 0, "floor": 3, "alerts": 0, "refused": 0,
            "steps": {"collect": [1, 0, 0.0]}, "beside": {"connections": 0},
        },
        "admission": {
            "door": [0, 1], "load": 0.0, "upstreams": [["u", 0, 1]],
            "queues": {"door": {"waiting": {"high": 0}, "promoted": {"high": 0}}},
            **Admitted().dump(), "shed": [["full", "high", 1]],
        },
        "journal": {"written": 1, "lost": 0},
        "cost": {"models": [["m", "u", 1]], "saved": {"cache": 1}, "idle": {"u": 1}, "unpriced": 0},
        "store": {
            "kind": "sqlite", "reachable": True, "queued": 0, "queued_bytes": 0, "lost": 0,
            "operations": [["put", "ok", 1]],
        },
        "coalesce": Shared().dump(),
        "degrade": {**Lessened().dump(), "calls": [["max_tokens", "normal", 0]], "steps": 1},
        "jobs": {**Numbers().dump(), "open": {"in_progress": 1}, "ended": {"completed": 1}, "lines": {"ok": 1}},
        "grouping": Held().dump(),
        "batching": BATCHING,
        "collector": {
            **Pauses().dump(0.0), "made": {"young": 1}, "mood": "relaxed", "frozen": 0,
            "leak": {"suspicions": {}, "alarms": {}, "clean_ups": 0, "freed": {"collect": 0, "clean up": 0}},
        },
        "telemetry": TELEMETRY,
        "alerts": {"open": {"high": 0}, "opened": {"high": 1}, "webhooks": [["slack", 0, {"sent": 1}]]},
        "gauges": {"worker": 0, **dict.fromkeys(NAMED, 0.0)},
        "scaling": SCALING,
        "resume": {"kept": 1, "running": 1, "opened": 1, "resumed": 0, "refused": 0},
    }  # fmt: skip


def labels() -> dict[str, list[str]]:
    """The labels of each metric, as they stand on a page. ``le`` goes without saying."""
    found: dict[str, list[str]] = {}
    for name, inner in re.findall(
        r"^(\w+?)(?:_bucket)?\{(.*)\} ", render([sample()], "0", {"u": {"instances": 1}}, {"u": [1.0]}), re.MULTILINE
    ):
        found[name] = [label for label in re.findall(r'(\w+)="', inner) if label != "le"]
    return found


def document() -> str:
    """The whole file."""
    known = labels()
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in known.get(name, [])) or '–'} | {meaning} |\n"
        for name, (kind, meaning) in METRICS.items()
    ]
    return HEAD + "".join(rows) + TAIL


def main(arguments: list[str]) -> int:
    text = document()
    if "--check" in arguments:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
            print("metrics.md: in step with the code")
            return 0
        print("docs/metrics.md is not what the code says; run tools/make_metrics.py")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
