"""Recommendations about machines: memory that leaks, more of it, faster or more workers, replicas, garbage. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.core.figures import took
from penstock.insight.bottlenecks.suspect import setting
from penstock.insight.findings import Action, Recommendation
from penstock.insight.recommending.known import DAY, Known

MIB = 2**20
RECENT = DAY
"""A leak that was told longer ago has been seen to, or was none."""


def leak(known: Known) -> Iterator[Recommendation]:
    """Memory that is never let go. The specification expects 20 to 30 % less memory; what grew here is told instead."""
    found = known.leak
    if found is None or found["name"] != "memory" or found["age"] > RECENT:
        return
    growth, value, seconds = float(found["growth"]), float(found["value"]), float(found["seconds"])
    an_hour = growth / seconds * 3600 if seconds else 0.0
    benefit = (
        f"{growth / MIB:.0f} MiB of {value / MIB:.0f} MiB ({growth / value:.0%}) were never let go" if value else ""
    )
    share = float(found.get("share") or 0.0)
    if share and an_hour > 0:
        left = max(0.0, value / share - value)
        benefit += f"; at {an_hour / MIB:.0f} MiB an hour the limit is reached in {took(left / an_hour * 3600)}"
    types = ", ".join(str(name) for name, _ in found.get("types", [])[:3])
    yield Recommendation(
        type="memory_leak", priority="high", title="Find what holds memory and lets none go",
        description="Memory grows, and neither load nor the accounts explain it"
        + (f"; of objects grew most: {types}." if types else "."),
        actions=[
            Action("investigate", "See which pool or account grows: penstock doctor --memory, GET /admin/v1/memory."),
            Action("optimise", "Have garbage looked for more often while it is sought.",
                   "memory: {collector: {every: 10s}}"),
            Action("investigate", "Profile allocations for a minute: penstock doctor --memory --seconds 60."),
        ],
        benefit=benefit, effort="medium",
    )  # fmt: skip


def machine(known: Known) -> Iterator[Recommendation]:
    """A larger one: a gateway cannot enlarge its machine, so this is only ever told."""
    for one in known.bottlenecks:
        if one.kind == "memory":
            needed = one.evidence.get("needed_bytes", 0.0)
            at_stake = one.impact * one.share * known.a_day(known.totals.whole.calls)
            yield Recommendation(
                type="larger_machine", priority="high", title="Give it more memory",
                description=one.description + ". A larger machine has a ceiling and takes a restart; more instances"
                " have neither, and share their cache through a common store.",
                actions=[
                    Action("implement", "A machine or container with more memory.", one.action),
                    Action("optimise", "Or hold less.", "cache: {memory: 64MiB}"),
                ],
                benefit=f"{needed / MIB:.0f} MiB would leave a tenth free below the threshold; hits of the cache worth"
                f" {took(at_stake)} of callers' waiting a day are at stake",
                effort="medium",
            )  # fmt: skip
        if one.kind in ("cpu", "event_loop"):
            waited = one.impact * one.share * known.a_day(known.totals.whole.calls)
            yield Recommendation(
                type="more_workers", priority="high" if one.kind == "cpu" else "medium",
                title="Run more workers, or more instances",
                description=one.description + ". Faster cores help as well, up to a ceiling and with a restart.",
                actions=[
                    Action("implement", "One worker more (a restart).", one.action),
                    Action("implement", "Beyond the cores of this machine: another gateway with the same config."),
                ],
                benefit=f"up to {took(one.impact)} for {one.share:.0%} of the calls,"
                f" {took(waited)} of callers' waiting a day",
                effort="low",
            )  # fmt: skip


def replicas(known: Known) -> Iterator[Recommendation]:
    """More of what calls wait for."""
    for one in known.bottlenecks:
        if one.kind not in ("upstream_queue", "queueing") or one.name in ("batching", "grouping"):
            continue
        waited = one.impact * one.share * known.a_day(known.totals.whole.calls)
        where = one.name or "the upstreams"
        actions = [Action("implement", f"Add a replica beside {where}: penstock upstreams add.")]
        if one.action:
            actions.append(Action("optimise", one.recommendation, one.action))
        yield Recommendation(
            type="replicas", priority="high" if one.severity in ("high", "critical") else "medium",
            title=f"Add a replica of {where}", description=one.description + ".", actions=actions,
            benefit=f"{took(one.impact)} for {one.share:.0%} of calls, {took(waited)} of callers' waiting a day",
            effort="medium",
        )  # fmt: skip


_LINES = {
    "pressure": "cache: {memory: 64MiB}",
    "hit_rate": "cache: {memory: 64MiB}",
    "object_size": "listen: {max_body: 64MiB}",
    "pauses": "memory: {collector: {pause: 10ms}}",
}
_STEPS = {
    "pressure": "Bound the cache lower: it shrinks at once.",
    "hit_rate": "Bound the cache lower: it shrinks at once.",
    "object_size": "Take larger bodies; they count in memory.bodies.",
    "pauses": "Let long collections wait for an idle moment.",
}
_TITLES = {
    "pressure": "Lower the bound of what holds most memory",
    "hit_rate": "Let the cache hold less",
    "object_size": "Allow larger bodies",
    "pauses": "Shorten the pauses of the collector",
}


def memory(known: Known) -> Iterator[Recommendation]:
    """What the memory slice suggests."""
    for about, name, text in known.suggestions:
        if about not in _LINES:
            continue
        yield Recommendation(
            type=f"memory_{about}", priority="medium" if about == "pressure" else "low", title=_TITLES[about],
            description=text[0].upper() + text[1:] + ".",
            actions=[Action("optimise", _STEPS[about], _LINES[about])],
            benefit=f"see '{name}' in GET /admin/v1/memory: the numbers stand in the description", effort="low",
        )  # fmt: skip


def connections(known: Known) -> Iterator[Recommendation]:
    """What connecting costs."""
    for one in known.bottlenecks:
        if one.kind == "connections":
            waited = one.impact * one.share * known.a_day(known.totals.whole.calls)
            yield Recommendation(
                type="connections", priority="low", title=f"Keep connections to {one.name} open",
                description=one.description + ".",
                actions=[
                    Action("optimise", one.recommendation, one.action),
                    Action("optimise", "Let them serve for longer.", setting("upstreams", one.name, "max_age", "1h")),
                ],
                benefit=f"{took(one.impact)} for {one.share:.0%} of calls, {took(waited)} of callers' waiting a day",
                effort="low",
            )  # fmt: skip
