"""The metrics of pools of replicas: how many there should be, for scalers that read Prometheus; and the forecast. Pure.

Enters: what the first worker decided and expects. Leaves: samples on a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.observe.page import Page

STATES = ("ready", "starting", "draining", "failed")
NAMED: dict[str, str] = {
    "held": "penstock_pool_held",
    "in_flight": "penstock_pool_in_flight",
    "waiting": "penstock_pool_queue",
    "load": "penstock_pool_load",
    "carries": "penstock_pool_replica_carries",
    "saturation": "penstock_pool_saturation_ratio",
    "starts": "penstock_pool_cold_start_seconds",
}
SCALING_METRICS: dict[str, tuple[str, str]] = {
    "penstock_pool_desired_replicas": ("gauge", "How many replicas a pool should have."),
    "penstock_pool_replicas": ("gauge", "Replicas of a pool, by state."),
    "penstock_pool_held": ("gauge", "1 while a person has said how many there should be."),
    "penstock_pool_in_flight": ("gauge", "Calls at the replicas of a pool."),
    "penstock_pool_queue": ("gauge", "Calls that wait for a replica of a pool."),
    "penstock_pool_load": ("gauge", "Work that comes, a second: tokens of answers, and a tenth of those of prompts."),
    "penstock_pool_replica_carries": ("gauge", "The load that a replica carries at the goal, as learned; 0: unknown."),
    "penstock_pool_saturation_ratio": ("gauge", "Load as a share of what the ready replicas carry."),
    "penstock_pool_cold_start_seconds": ("gauge", "What most starts of a replica stay within, measured; 0: unknown."),
    "penstock_pool_forecast_load": (
        "gauge",
        "The load that will not be exceeded, with the probability `quantile`, when a replica asked for now is ready.",
    ),
    "penstock_pool_forecast_lead_seconds": ("gauge", "How far ahead penstock_pool_forecast_load is."),
    "penstock_forecast_per_second": (
        "gauge",
        "What is expected of a model: requests, tokens_in or tokens_out, so many minutes ahead, at a quantile.",
    ),
}


def put_scaling(page: Page, dumps: Sequence[Mapping[str, Any]]) -> None:
    """Write what ``dumps`` (the first worker's alone) say."""
    pools = {name: told for dump in dumps for name, told in dump["pools"].items()}
    for name, told in pools.items():
        page.put("penstock_pool_desired_replicas", told["desired"], pool=name)
    for name, told in pools.items():
        for state in STATES:
            if state in told:
                page.put("penstock_pool_replicas", told[state], pool=name, state=state)
    for key, metric in NAMED.items():
        for name, told in pools.items():
            if told.get(key) is not None:
                page.put(metric, told[key], pool=name)
    ahead = {name: told["forecast"] for name, told in pools.items() if told["forecast"] is not None}
    for name, told in ahead.items():
        page.put("penstock_pool_forecast_load", told["load"], pool=name, quantile=told["quantile"])
    for name, told in ahead.items():
        page.put("penstock_pool_forecast_lead_seconds", told["seconds"], pool=name)
    for dump in dumps:
        for series, values in dump["forecast"].items():
            rate, _, model = series.partition("|")
            for key, value in values.items():
                minutes, _, share = key.partition("|")
                page.put("penstock_forecast_per_second", value, model=model, of=rate, minutes=minutes, quantile=share)
