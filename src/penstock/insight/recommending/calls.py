"""Recommendations about calls: cache, prefixes, batches, timeouts, a second attempt, dear models. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.figures import dollars, took
from penstock.core.sketch import count, quantile
from penstock.core.units import format_duration
from penstock.core.windows import Group
from penstock.insight.bottlenecks.suspect import setting
from penstock.insight.findings import Action, Recommendation
from penstock.insight.recommending.known import LEAST_CALLS, Known

LOW_HITS = 0.7
LEAST_BATCH = 1.2
"""Calls that would meet, in the mean, from which on merging is worth a word."""
BATCHED = ("embeddings", "moderations", "completions")
DEAR = 0.3
"""Of the money: a model that takes more is looked at."""
CHEAPER = 0.7
"""Of its price: another must cost less than this."""
TAIL = 3.0
"""The 95th percentile as a multiple of the median from which on a second attempt would help."""


def hit_rate(known: Known) -> Iterator[Recommendation]:
    """The specification expects 15 to 25 % faster; here it is computed: from the hits that 70 % would be."""
    whole = known.totals.whole
    if whole.looked_up < LEAST_CALLS or not known.settings.exact:
        return
    rate = whole.hits / whole.looked_up
    if rate >= LOW_HITS:
        return
    more = (LOW_HITS - rate) * whole.looked_up
    number, hit, miss = known.totals.cached()
    each = max(0.0, miss - hit)
    faster = more * each / whole.total if whole.total else 0.0
    misses = max(1, whole.calls - number)
    money = more * (whole.cost / misses)
    actions = [Action("investigate", "See who asks what, and what repeats: penstock journal --by session.")]
    if not known.settings.semantic:
        actions.append(Action("implement", "Answer questions that mean the same (the extra semantic); wrong answers are"
                              " bounded by a budget.", "cache: {semantic: {enabled: true}}"))  # fmt: skip
    longer = format_duration(max(known.settings.ttl, 3600.0) * 24)
    actions.append(Action("optimise", "Keep answers for longer, and more of them.",
                          f"cache: {{exact: {{ttl: {longer}}}, memory: 512MiB}}"))  # fmt: skip
    yield Recommendation(
        type="hit_rate", priority="medium", title="Answer more calls from the cache",
        description=f"{rate:.0%} of {whole.looked_up} look-ups were answered; below {LOW_HITS:.0%} much is made again."
        " Where questions do not repeat, this is as good as it gets.",
        actions=actions,
        benefit=f"at {LOW_HITS:.0%} calls would be {faster:.0%} faster in the mean: {took(known.a_day(more * each))}"
        f" of callers' waiting{f' and {dollars(known.a_day(money))}' if money else ''} less a day",
        effort="low",
    )  # fmt: skip


def prefixes(known: Known) -> Iterator[Recommendation]:
    """Prompts are read that were read elsewhere before."""
    for one in known.bottlenecks:
        if one.kind != "context":
            continue
        model = known.settings.models.get(one.name)
        uncached = 1.0 - one.evidence.get("cached_share", 0.0)
        actions = [Action("investigate", f"See how prompts begin: penstock journal --model {one.name!r} --by session.")]
        if not known.settings.affinity:
            actions.append(Action("implement", "Keep sessions where their context is.", "affinity: {enabled: true}"))
        if (
            model is not None
            and len(model.upstreams) > 1
            and model.strategy not in ("prefix", "adaptive", "predictive")
        ):
            actions.append(Action("implement", "Send calls where their beginning is cached.",
                                  setting("models", one.name, "strategy", "prefix")))  # fmt: skip
        if known.settings.group_by == "none":
            actions.append(Action("optimise", "Compute a shared beginning once, for calls that wait together.",
                                  "grouping: {group_by: prefix}"))  # fmt: skip
        upper = one.impact * uncached
        waited = upper * one.share * known.a_day(known.totals.whole.calls)
        yield Recommendation(
            type="prefixes", priority="medium", title=f"Have fewer prompt tokens of {one.name} read anew",
            description=one.description + ".", actions=actions,
            benefit=f"at most {took(upper)} for {one.share:.0%} of calls (if all were cached), {took(waited)} a day",
            effort="low",
        )  # fmt: skip


def batches(known: Known) -> Iterator[Recommendation]:
    """Small calls that come so often that they could go together."""
    if known.settings.batching or not known.totals.seconds:
        return
    number = sum(known.totals.operations.get(operation, 0) for operation in BATCHED)
    rate = number / known.totals.seconds
    size = 1 + rate * 0.01  # the default max_wait
    if number < LEAST_CALLS or size < LEAST_BATCH:
        return
    yield Recommendation(
        type="batching", priority="low", title="Let small calls go to the upstream together",
        description=f"{rate:.0f} embeddings, moderations and completions come in a second.",
        actions=[Action("implement", "Merge them.", "batching: {enabled: true}")],
        benefit=f"about {size:.1f} calls would share one: {known.a_day(number * (1 - 1 / size)):,.0f} fewer a day at"
        " upstreams, for at most 10 ms of waiting",
        effort="low",
    )  # fmt: skip


def timeouts(known: Known) -> Iterator[Recommendation]:
    """First tokens are waited for much longer than they ever take, or hardly long enough."""
    limit, whole = known.settings.first_token, known.totals.whole
    if count(whole.firsts) < 10 * LEAST_CALLS:
        return
    slow = quantile(whole.firsts, 0.999) or 0.0
    failed = whole.faults.get("upstream", 0) + whole.retried
    if 0.8 * limit < slow:
        new = round(2 * slow)
        yield Recommendation(
            type="timeouts", priority="medium", title="Wait longer for first tokens",
            description=f"One stream in a thousand takes {took(slow)} to begin, and is given up after {took(limit)}.",
            actions=[Action("optimise", "Give slow ones the time they need.", f"timeouts: {{first_token: {new}s}}")],
            benefit=f"fewer than {known.a_day(failed):,.0f} calls a day are tried again or fail", effort="low",
        )  # fmt: skip
    new = max(1, round(3 * slow + 0.5))
    if failed > LEAST_CALLS and new < limit / 3:
        yield Recommendation(
            type="timeouts", priority="low", title="Give up sooner on upstreams that hang",
            description=f"999 of 1000 streams begin within {took(slow)}; a dead upstream is waited for {took(limit)}.",
            actions=[Action("optimise", "Try another sooner.", f"timeouts: {{first_token: {new}s}}")],
            benefit=f"up to {took(limit - new)} for each call whose upstream hangs; {known.a_day(failed):,.0f} a day"
            " failed or were tried again",
            effort="low",
        )  # fmt: skip


def hedges(known: Known) -> Iterator[Recommendation]:
    """A long tail, and another upstream that could be asked."""
    if known.settings.hedge:
        return
    for name, group in known.totals.models.items():
        model = known.settings.models.get(name)
        if model is None or len(model.upstreams) < 2 or count(group.firsts) < 10 * LEAST_CALLS:
            continue
        half, late = quantile(group.firsts, 0.5) or 0.0, quantile(group.firsts, 0.95) or 0.0
        if late < TAIL * half or late < 1.0:
            continue
        saved = known.a_day(0.05 * count(group.firsts) * (late - half))
        twice = f", for up to {dollars(known.a_day(0.05 * group.cost))} of prompts sent twice" if group.cost else ""
        yield Recommendation(
            type="hedging", priority="low", title=f"Ask a second upstream when {name} is late",
            description=f"Half of the first tokens of {name} come within {took(half)}, 95 of 100 within {took(late)}.",
            actions=[Action("implement", "Within a budget of 5 % more calls.", "hedge: {enabled: true}")],
            benefit=f"up to {took(late - half)} for the slowest twentieth, {took(saved)} of callers' waiting"
            f" a day{twice}",
            effort="low",
        )  # fmt: skip


def dear(known: Known) -> Iterator[Recommendation]:
    """A model that takes much of the money, beside one that would cost less."""
    whole = known.totals.whole
    if not whole.cost:
        return
    for name, group in known.totals.models.items():
        if group.cost < DEAR * whole.cost or group.calls < LEAST_CALLS:
            continue
        model = known.settings.models.get(name)
        actions, benefit = [], ""
        prices = {} if model is None else model.prices
        if model is not None and len(set(prices.values())) > 1 and model.strategy != "cost":
            actions.append(Action("optimise", "Prefer the cheapest of its upstreams that is fast enough.",
                                  setting("models", name, "strategy", "cost")))  # fmt: skip
        other = _cheaper(known, name, group)
        if other is not None:
            cheap, price = other
            spared = known.a_day(0.1 * (group.cost - price * _tokens(group)))
            benefit = f"each tenth of its calls that {cheap} answers spares {dollars(spared)} a day"
            actions.append(Action("investigate", f"Try {cheap} for a part of the calls, and compare feedback."))
        if not actions:
            continue
        yield Recommendation(
            type="dear_model", priority="medium", title=f"Ask less of {name}",
            description=f"{name} takes {group.cost / whole.cost:.0%} of the money"
            f" ({dollars(known.a_day(group.cost))} a day) for {group.calls / max(1, whole.calls):.0%} of the calls.",
            actions=actions, benefit=benefit or _spread(known, group, prices), effort="medium",
        )  # fmt: skip


def _spread(known: Known, group: Group, prices: object) -> str:
    each = list(prices.values()) if isinstance(prices, dict) else []
    cheapest = min(a * group.tokens_in + b * group.tokens_out for a, b in each)
    return f"at its cheapest upstream up to {dollars(known.a_day(max(0.0, group.cost - cheapest)))} a day less"


def _tokens(group: Group) -> int:
    return group.tokens_in + group.tokens_out


def _cheaper(known: Known, name: str, group: Group) -> tuple[str, float] | None:
    """The model that costs least for a token, with that price, where it is much less; measured, not promised."""
    if not _tokens(group):
        return None
    own = group.cost / _tokens(group)
    others = [
        (other.cost / _tokens(other), model) for model, other in known.totals.models.items()
        if model != name and other.calls >= LEAST_CALLS and other.cost and _tokens(other)
        and set(_kinds(known, model)) & set(_kinds(known, name))
    ]  # fmt: skip
    if not others:
        return None
    price, model = min(others)
    return (model, price) if price < CHEAPER * own else None


def _kinds(known: Known, model: str) -> list[bool]:
    """Whether it streams or writes at all: an embedder is no stand-in for a chat model."""
    return [bool(known.totals.models[model].tokens_out)]
