"""What the parts that look at time answer on a bad day: an upstream is slow, a proposal is tried, money is spent."""

from __future__ import annotations

from typing import Any

BEGAN = 1_790_000_000.0
STEP = 10.0
POINTS = 60
NAME = "<i>gpu-1</i>"

ANOMALY = {
    "id": "a7", "kind": "high_latency", "severity": "high", "measure": "total_p95", "actual": 4.2, "expected": 1.1,
    "start": BEGAN + 200, "end": BEGAN + 400, "model": "llama", "upstream": NAME, "deviation": 2.82,
    "cause": f"calls of llama take 4.2 s where 1.1 s is usual: {NAME} is slow",
    "contributors": [{"dimension": "upstream", "value": NAME, "share": 0.93}], "context": {}, "response": "",
    "blames": f"upstream={NAME}",
}  # fmt: skip
PROPOSAL = {
    "id": "p3", "type": "hedge", "priority": "high", "safety": "safe", "description": "ask a second upstream sooner",
    "setting": "hedge.percentile", "value": 0.9, "old": 0.95, "scope": "", "metric": "ttft_p95", "guard": "error_share",
    "expected": -0.2, "because": "the slowest twentieth waits for one upstream",
}  # fmt: skip
EXPERIMENT = {
    "id": "e2", "proposal": PROPOSAL, "began": BEGAN, "state": "kept", "reason": "the first token came sooner",
    "ended": BEGAN + 300, "before": 1.0, "after": 0.78, "effect": -0.22, "bounds": [-0.3, -0.14], "by": "optimizer",
}  # fmt: skip
SUMS = {"calls": 90, "tokens_in": 5, "tokens_cached": 0, "tokens_out": 7, "estimated": 0, "unpriced": 2}


def _series() -> dict[str, list[float | None]]:
    names = (
        "calls_per_second", "error_share_upstream", "error_share_gateway", "error_share_caller", "ttft_p50", "ttft_p95",
        "total_p50", "total_p95", "token_rate", "hit_rate", "queued", "memory", "cost_per_hour", "saved_per_hour",
    )  # fmt: skip
    return {name: [None if at == 30 else 1.0 + at % 7 for at in range(POINTS)] for name in names}


REPLICA = {"name": NAME, "address": "gpu-1:8000", "state": "failed", "since": BEGAN, "asked": BEGAN - 60, "took": 0.0,
           "trouble": f"its last words: {NAME}"}  # fmt: skip
DECIDED = {"at": BEGAN, "wanted": 3, "action": "scale_up", "reason": f"load {NAME} needs 3", "confidence": 0.8,
           "cost": 5.04}  # fmt: skip
POOL = {
    "desired_replicas": 3, "wanted": 3, "why": "calls wait for it", "trouble": f"{NAME} does not start", "would": NAME,
    "starts": 40.0, "due_in": 12.0, "min": 0, "max": 8, "actuator": "ray", "dry_run": True, "policy": "forecast",
    "standing": {"wanted": 3, "price": 2.52, "moves": True, "order": [], "replicas": [REPLICA]},
    "schedule": {"min": 2, "max": 6, "next": {"at": BEGAN + 3600, "min": 0, "max": 8}},
    "held": {"count": 3, "by": NAME, "since": BEGAN, "until": BEGAN + 600}, "decision": DECIDED, "changes": [DECIDED],
    "seen": {"load": 400.0, "carries": 100.0, "waiting": 7, "in_flight": 4}, "cold_starts": [40.0],
    "forecast": {"seconds": 40.0, "quantile": 0.9, "load": 450.0},
}  # fmt: skip
NOW = {"wanted": 3, "ready": 0, "starting": 0, "draining": 0, "failed": 1, "waiting": 7, "in_flight": 4, "held": True,
       "changed": BEGAN, "trouble": POOL["trouble"]}  # fmt: skip
"""As it is told live."""
EXPECTED = {
    "step": 60.0, "values": 500, "gaps": 0, "now": 5.0, "until": BEGAN + STEP * POINTS,
    "prediction": {
        "made": BEGAN + STEP * POINTS, "window": 7200.0, "confidence": 0.7,
        "intervals": [{"at": BEGAN + STEP * POINTS + 60 * at, "load": 5 + at / 60, "lower": 4.0, "upper": 9.0,
                       "confidence": 0.7} for at in range(1, 121)],
    },
}  # fmt: skip
PARTS: dict[str, dict[str, Any]] = {
    "history": {
        "since": BEGAN, "until": BEGAN + STEP * POINTS, "step": STEP,
        "times": [BEGAN + STEP * at for at in range(POINTS)],
        "series": [{"name": name, "calls": 60, "points": _series()} for name in ("", NAME)],
    },
    "anomalies": {"enabled": True, "open": [], "closed": [ANOMALY]},
    "alerts": {
        "open": [{"id": "x", "name": "burn_fast", "severity": "critical", "text": "the budget is spent too fast",
                  "opened": BEGAN, "closed": None, "facts": {}}],
        "closed": [], "webhooks": [],
    },
    "bottlenecks": {
        "bottlenecks": [{"kind": "context", "severity": "medium", "description": "prompts are read for long",
                         "impact": 0.4, "share": 0.5, "evidence": {"share": 0.41},
                         "recommendation": "keep prefixes together",
                         "action": "strategy: prefix"}],
        "seconds": 600, "calls": 60, "where": {},
    },
    "recommendations": {
        "recommendations": [{"type": "cache", "priority": "medium", "title": "Cache more", "description": "few hits",
                             "actions": [{"kind": "implement", "text": "switch it on", "config": "cache.semantic: on"}],
                             "benefit": "15 to 25 % faster", "effort": "low"}],
    },
    "objectives": {
        "objectives": [{"name": "ttft", "what": "first token within 1 s", "target": 0.99, "total": 100, "bad": 3,
                        "good": 0.97, "met": False, "budget_left": -2.0, "alerts": ["burn_fast"]}],
        "alerts": [],
    },
    "report": {"summary": {"calls": 60, "models": []}, "trends": [{"name": "total_p95", "change": 0.4}], "absent": {}},
    "quality": {"hours": 24, "models": {"llama": {"told": 4, "score": 0.75, "last_hour": 0.5}}},
    "experiments": {
        "mode": "auto", "proposals": [PROPOSAL], "running": [], "settings": [], "journal": [EXPERIMENT],
    },
    "scaling": {"pools": {NAME: POOL}},
    "forecast": {"enabled": True, "trouble": "", "models": {NAME: {"requests": EXPECTED}}, "pools": {}},
    "cost": {
        "rows": [{"name": NAME, "cost": 1_250_000, "saved": {"cache": 300_000, "routing": 0}, **SUMS}], "more": 0,
        "total": {"name": "", "cost": 1_250_000, "saved": {"cache": 300_000, "routing": 0}, **SUMS}, "idle": {},
        "forecast": {"month": "2026-09", "spent": 9_000_000, "expected": 31_000_000, "low": 28_000_000,
                     "high": 35_000_000, "days": 9, "weekdays": []},
    },
}  # fmt: skip
"""By the name of the part."""
SHOWN = {
    "traffic": ("Time to first token", "high latency"),
    "findings": ("burn_fast", "+282 %", NAME, "strategy: prefix", "switch it on", "missed", "0.75", "total_p95"),
    "cost": ("$1.25", "$31.00", "$28.00 to $35.00", "cache $0.30", "2 without a price"),
    "scaling": (
        f"Pool {NAME}", "0 of 3 wanted replicas ready, with trouble", f"{NAME} does not start", f"load {NAME} needs 3",
        "confidence 80 %", "calls wait for it", "its last words", "2 to 6 may be now", "0 to 8", "7\nfor a replica",
        "$2.52 each", "+$5.04", "by hand", "dry run", "90 % sure", "gpu-1:8000", f"{NAME}: calls a second",
        "Now 5; expected in 10 min 5.17 (4 to 9)", "in 2 h 7 (4 to 9)",
    ),
    "experiments": ("hedge.percentile", "-22 %", "-30 %", "kept", "0.95"),
}  # fmt: skip
"""By view, what must be read there."""
