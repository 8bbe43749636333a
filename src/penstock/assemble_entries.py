"""The composition root's table of models: each configured one made into an Entry over the targets behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.assemble_upstreams import Upstreams
from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.hedge import Hedge
from penstock.routing.live import family
from penstock.routing.strategies import make_strategy
from penstock.routing.table import Entry
from penstock.routing.targets import Target


def entries(routing: RoutingConfig, targets: Mapping[str, Target], upstreams: Upstreams) -> list[Entry]:
    """What callers may ask for; a model with a new version on trial leads to the entries of both."""

    def made(pattern: str, model: ModelConfig, at: Sequence[str], upstream_model: str | None) -> Entry:
        hedge = routing.hedge
        return Entry(
            pattern,
            [target for upstream in at for target in serving.get(upstream, ())],
            make_strategy(model.strategy, upstreams.shared),
            upstream_model,
            model.max_tokens,
            model.fallbacks,
            Hedge(hedge.percentile, hedge.budget, hedge.least_delay) if hedge.enabled else None,
            model.capabilities,
            upstreams.sizes(pattern),
            budget=upstreams.budget(pattern),
            regions=frozenset(model.regions),
            nearness=routing.regions,
            common=upstreams.shared.common,
        )

    serving: dict[str, list[Target]] = {}
    for target in targets.values():
        serving.setdefault(family(target.name), []).append(target)
    found: list[Entry] = []
    for pattern, model in routing.models.items():
        entry = made(pattern, model, model.upstreams, model.upstream_model)
        canary = model.canary
        if canary is not None:
            at, name = canary.upstreams or model.upstreams, canary.upstream_model or model.upstream_model
            new = entry.new = made(pattern, model, at, name)
            trial = entry.trial = upstreams.trial(pattern, model)
            new.old = entry
            new.sizes = upstreams.sizes(new.label)
            entry.side, new.side = trial.old, trial.new
        found.append(entry)
    return found
