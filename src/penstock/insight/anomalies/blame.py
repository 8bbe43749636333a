"""Whose a change is: the dimension and value that explain it, found the way that fits the measure. Pure.

Enters: a change, the scopes as they stand, and what is usual in each part of the calls. Leaves: contributors, the one
to blame first; at least one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from penstock.insight.anomalies.causes import LATE, SHARES
from penstock.insight.anomalies.failing import failing
from penstock.insight.anomalies.measures import FEWEST, SPANS, SUSPECT
from penstock.insight.anomalies.rows import GATEWAY, Scope
from penstock.insight.anomalies.scope import ScopeWatch
from penstock.insight.anomalies.track import Symptom
from penstock.insight.contributors import Cell, Parts, shares, whose
from penstock.insight.findings import Contributor

BY_PLACE = ("first_token", "token_gap", "answer_tokens", "price", "connecting")
MOST = 3.0
"""Of the change of a cell: so many times e."""
MIX = 0.6
"""Of a change, the share that another mix of keys must explain for the keys to be blamed."""
ALONE = 0.7
AS_USUAL = 1.25
"""Calls of others with more than so many times their usual have changed, too."""
LOST = 0.5
Scopes = Mapping[Scope, ScopeWatch]


def blamed(symptom: Symptom, scopes: Scopes, parts: Parts) -> list[Contributor]:
    """Who is to blame for a change, first of all."""
    measure = symptom.measure
    if measure == "key_calls":
        return [Contributor("key", symptom.key, 1.0)]
    if measure == "dark":
        return [Contributor("upstream", symptom.scope[1] or "", 1.0)]
    if measure == "upstream_errors":
        found = _failing(scopes, symptom.span) or _by_place(measure, scopes, symptom.span)
        found += parts.explain("failed", ("error", "key"))
    elif measure == "retried":
        found = _failing(scopes, symptom.span) or _loser(scopes) or _by_place(measure, scopes, symptom.span)
    elif measure in BY_PLACE:
        found = _by_place(measure, scopes, symptom.span)
    elif measure == "hit_rate":
        found = _by_mix("hits", parts) or _cache(parts)
    elif measure == "prompt_tokens":
        found = _by_mix("tokens_in", parts) or _one_key("tokens_in", parts) or _band(parts)
    elif measure == "calls":
        found = _traffic(symptom, scopes, parts)
    elif measure == "caller_errors":
        found = parts.explain("calls", ("key", "error"))
    elif measure == "gateway_errors":
        found = parts.explain("failed", ("error", "key"))
    elif measure == "queue":
        found = parts.explain("calls", ("key",))
    else:
        return [Contributor("gauge", measure, 1.0)]
    return found or [Contributor("gateway", "all", 1.0)]


def cells(measure: str, scopes: Scopes, span: int) -> list[Cell]:
    """Models at upstreams, with the change of a measure over ``span``."""
    known = []
    for (model, upstream), watch in scopes.items():
        if model is None or upstream is None:
            continue
        plain, verdict = watch.verdict(measure, span, FEWEST), watch.adjusted(measure, span, FEWEST)
        if plain is not None and verdict is not None:
            known.append((model, upstream, plain, verdict))
    # Shares are compared at one spread for all: few calls without a fault would else be sure to be well.
    middle = min(0.5, max([0.05, *(one.actual / 2 for *_, one in known)])) if measure in SHARES else 0.5
    found = []
    for model, upstream, plain, verdict in known:
        if measure in SHARES:
            weight = verdict.of / (middle * (1 - middle))
        else:
            weight = (plain.off / plain.change) ** 2 if plain.change else verdict.of
        found.append(Cell(model, upstream, max(-MOST, min(verdict.change, MOST)), weight))
    return found


def _by_place(measure: str, scopes: Scopes, span: int) -> list[Contributor]:
    found = whose(*(cells(one, scopes, span) for one in (LATE if measure in LATE else (measure,))))
    return [] if found is None else [found]


def _failing(scopes: Scopes, span: int) -> list[Contributor]:
    """The upstream whose attempts fail, if one explains all."""
    found = failing(scopes, span)
    return [] if found is None else [Contributor("upstream", found.upstream, found.share)]


def _loser(scopes: Scopes) -> list[Contributor]:
    """The upstream that has lost the greatest share of its calls: because of it calls are retried elsewhere."""
    windows = SPANS[-1]
    lost = [
        (1 - has / had, upstream)
        for upstream, (had, has) in losses(scopes).items()
        if has < 0.9 * had and 2 * (math.sqrt(had * windows) - math.sqrt(has * windows)) >= SUSPECT
    ]
    return [Contributor("upstream", max(lost)[1], 1.0)] if lost else []


def losses(scopes: Scopes, span: int = len(SPANS) - 1) -> dict[str, tuple[float, float]]:
    """By upstream, how many calls a window it should get by how much its models are called, and how many it gets."""
    had: dict[str, float] = {}
    has: dict[str, float] = {}
    for (model, upstream), watch in scopes.items():
        verdict = watch.verdict("calls", span, 0.0)
        if model is None or upstream is None or verdict is None:
            continue
        whole = scopes.get((model, None))
        of_model = None if whole is None else whole.verdict("calls", span, 0.0)
        ratio = of_model.actual / of_model.expected if of_model is not None and of_model.expected else 1.0
        had[upstream] = had.get(upstream, 0.0) + verdict.expected * ratio
        has[upstream] = has.get(upstream, 0.0) + verdict.actual
    return {upstream: (expected, has[upstream]) for upstream, expected in had.items() if expected > 0}


def _by_mix(field: str, parts: Parts) -> list[Contributor]:
    """Keys that call more or less than usual, where that alone explains what has changed a call."""
    calls, usual_calls = parts.now("key", "calls"), parts.usual("key", "calls")
    usual = parts.usual("key", field)
    now, before = sum(calls.values()), sum(usual_calls.values())
    if not now or not before:
        return []
    had = sum(usual.values()) / before
    has = sum(parts.now("key", field).values()) / now
    mixed = sum(
        number * (usual[key] / usual_calls[key] if usual_calls.get(key) else had) for key, number in calls.items()
    )
    if has == had or (mixed / now - had) / (has - had) < MIX:
        return []
    odd, named = shares(usual_calls, calls)
    return [Contributor("key", one.value, one.share) for one in named] if odd else []


def _one_key(field: str, parts: Parts) -> list[Contributor]:
    """A key that alone makes the change."""
    now, usual = parts.now("key", field), parts.usual("key", field)
    change = sum(now.values()) - sum(usual.values())
    calls, usual_calls = parts.now("key", "calls"), parts.usual("key", "calls")
    for key, amount in now.items():
        rest, before = sum(calls.values()) - calls.get(key, 0.0), sum(usual_calls.values()) - usual_calls.get(key, 0.0)
        others = sum(now.values()) - amount, sum(usual.values()) - usual.get(key, 0.0)
        if rest > 0 and before > 0 and others[0] / rest > AS_USUAL * others[1] / before:
            continue
        had = usual.get(key, 0.0)
        if change > 0 and (amount - had) / change > ALONE and had <= 0.5 * sum(usual.values()):
            return [Contributor("key", key, round(min(1.0, (amount - had) / change), 3))]
    return []


def _cache(parts: Parts) -> list[Contributor]:
    """The way of hitting that has lost most."""
    now, usual = parts.now("cache", "hits"), parts.usual("cache", "hits")
    lost = {value: had - now.get(value, 0.0) for value, had in usual.items()}
    if not lost or max(lost.values()) <= 0:
        return [Contributor("cache", "miss", 1.0)]
    whole = sum(one for one in lost.values() if one > 0)
    worst = max(lost, key=lambda value: lost[value])
    return [Contributor("cache", worst, round(lost[worst] / whole, 3))]


def _band(parts: Parts) -> list[Contributor]:
    """The lengths of prompts that have become more."""
    now, usual = parts.now("prompt", "calls"), parts.usual("prompt", "calls")
    whole, before = sum(now.values()) or 1.0, sum(usual.values()) or 1.0
    more = {value: now[value] / whole - usual.get(value, 0.0) / before for value in now}
    if not more:
        return []
    most = max(more, key=lambda value: more[value])
    gained = sum(one for one in more.values() if one > 0)
    return [Contributor("prompt", most, round(more[most] / gained, 3) if gained else 1.0)]


def _traffic(symptom: Symptom, scopes: Scopes, parts: Parts) -> list[Contributor]:
    whole = scopes.get(GATEWAY)
    of_all = None if whole is None else whole.verdict("calls", symptom.span)
    with_all = of_all is not None and of_all.change / symptom.change >= MIX
    if symptom.scope[0] is not None and not with_all:
        return [Contributor("model", symptom.scope[0], 1.0)]
    named = parts.explain("calls", ("key",))
    return named if named and len(named) <= 2 and sum(one.share for one in named) >= ALONE else []
