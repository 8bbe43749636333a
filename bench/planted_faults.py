"""Faults to plant: each kind draws how bad it is, and says what a right answer is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from bench.planted_world import MODELS, Faults, World

At = Callable[[float], Faults]
"""What is wrong, at seconds since the beginning."""


class Plan(NamedTuple):
    """``kinds`` and ``blames`` (beginnings) are right answers; ``late``: seconds until what grows slowly is at half of
    what it becomes, from where on the two minutes are counted. ``size`` tells how bad it is."""

    name: str
    at: At
    kinds: tuple[str, ...]
    blames: tuple[str, ...]
    size: float
    late: float = 0.0


def plan(name: str, world: World, draw: random.Random) -> Plan:
    """A fault of the kind ``name``."""
    return _MAKERS[name](name, world, draw)


def _steady(faults: Faults) -> At:
    return lambda _: faults


def _slow(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size = draw.choice(world.upstreams), draw.uniform(1.8, 3.5)
    return Plan(name, _steady(Faults(slow={upstream: size})), ("high_latency", "slow_first_token", "low_token_rate"),
                (f"upstream={upstream}",), size)  # fmt: skip


def _leaking(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size, ramp = draw.choice(world.upstreams), draw.uniform(2.2, 4.0), draw.uniform(60, 180)
    return Plan(name, lambda age: Faults(slow={upstream: 1 + (size - 1) * min(1.0, age / ramp)}),
                ("high_latency", "slow_first_token", "low_token_rate"), (f"upstream={upstream}",), size,
                ramp / 2)  # fmt: skip


def _flapping(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size, phase = draw.choice(world.upstreams), draw.uniform(0.6, 0.95), draw.uniform(15, 40)
    visible = draw.uniform(0.3, 1.0)

    def at(age: float) -> Faults:
        return Faults(errors={upstream: size} if int(age / phase) % 2 == 0 else {}, visible=visible)

    return Plan(name, at, ("error_burst", "upstream_dark"), (f"upstream={upstream}",), size)


def _short(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size = draw.choice(world.upstreams), draw.uniform(0.05, 0.4)
    return Plan(name, _steady(Faults(short={upstream: size})), ("short_answers",), (f"upstream={upstream}",), size)


def _errors(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size = draw.choice(world.upstreams), draw.uniform(0.2, 0.8)
    faults = Faults(errors={upstream: size}, visible=draw.uniform(0.3, 1.0))
    return Plan(name, _steady(faults), ("error_burst", "upstream_dark"), (f"upstream={upstream}",), size)


def _dark(name: str, world: World, draw: random.Random) -> Plan:
    upstream = draw.choice(world.upstreams)
    return Plan(
        name, _steady(Faults(dark={upstream})), ("upstream_dark", "error_burst"), (f"upstream={upstream}",), 1.0
    )


def _flood(name: str, world: World, draw: random.Random) -> Plan:
    key, size = draw.choice(world.keys[3:]), draw.uniform(1.5, 6.0)
    return Plan(name, _steady(Faults(flood=(key, size))), ("traffic_shift",), (f"key={key}",), size)


def _poisoned(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.05, 0.5)
    return Plan(name, _steady(Faults(hits=size)), ("low_hit_rate",), ("cache=",), size)


def _prompts(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(1.8, 3.5)
    return Plan(name, _steady(Faults(prompts=size)), ("long_prompts",), ("prompt=",), size)


def _blocked(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.2, 2.0)
    return Plan(
        name, _steady(Faults(gauges={"loop_lag": size}, held=size)), ("loop_blocked",), ("gauge=loop_lag",), size
    )


def _disk(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.02, 0.1)
    return Plan(name, lambda age: Faults(gauges={"disk_free": max(0.0, 0.6 - size * age / 60)}), ("disk",),
                ("gauge=disk",), size)  # fmt: skip


def _price(name: str, world: World, draw: random.Random) -> Plan:
    what, size = draw.choice([*MODELS, *world.upstreams]), draw.uniform(1.6, 5.0)
    dimension = "model" if what in MODELS else "upstream"
    return Plan(name, _steady(Faults(price={what: size})), ("cost_spike",), (f"{dimension}={what}",), size)


def _redis(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(8, 100)
    return Plan(name, _steady(Faults(factors={"store_latency": size}, held=0.003 * size)), ("store_slow",),
                ("gauge=store_latency",), size)  # fmt: skip


def _memory(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.88, 0.98)
    return Plan(name, _steady(Faults(gauges={"memory": size})), ("memory_pressure",), ("gauge=memory",), size)


def _leak(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.04, 0.15)
    return Plan(name, lambda age: Faults(gauges={"memory": min(0.99, 0.46 + size * age / 60)}),
                ("memory_leak", "memory_pressure"), ("gauge=memory",), size, 30.0)  # fmt: skip


def _collector(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.2, 1.5)
    faults = Faults(gauges={"collector_pause": size, "loop_lag": size * 1.02}, held=size / 4)
    return Plan(name, _steady(faults), ("collector_pauses",), ("gauge=collector_pause",), size)


def _rate(name: str, world: World, draw: random.Random) -> Plan:
    model, size = draw.choice(list(MODELS)), draw.uniform(1.8, 3.0)
    return Plan(name, _steady(Faults(gap={model: size})), ("low_token_rate",), (f"model={model}",), size)


def _network(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(2.5, 20)
    return Plan(name, _steady(Faults(factors={"network": size})), ("network_slow",), ("gauge=network",), size)


def _embedding(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(2.5, 30)
    return Plan(name, _steady(Faults(factors={"embedding": size}, held=0.006 * size)), ("embedding_slow",),
                ("gauge=embedding",), size)  # fmt: skip


def _pool(name: str, world: World, draw: random.Random) -> Plan:
    upstream, size = draw.choice(world.upstreams), draw.uniform(0.15, 2.0)
    faults = Faults(connecting={upstream: size}, gauges={"connections_waited": size / 3})
    return Plan(name, _steady(faults), ("connections",), ("gauge=connections_waited", f"upstream={upstream}"), size)


def _drop(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.0, 0.4)
    return Plan(name, _steady(Faults(traffic=size)), ("traffic_shift",), ("gateway=all",), size)


def _descriptors(name: str, world: World, draw: random.Random) -> Plan:
    size = draw.uniform(0.88, 0.99)
    return Plan(name, _steady(Faults(gauges={"descriptors": size})), ("descriptors",), ("gauge=descriptors",), size)


_MAKERS: dict[str, Callable[[str, World, random.Random], Plan]] = {
    "upstream slows": _slow,
    "upstream leaks": _leaking,
    "upstream flaps": _flapping,
    "short answers": _short,
    "errors burst": _errors,
    "upstream dark": _dark,
    "key floods": _flood,
    "cache poisoned": _poisoned,
    "prompts double": _prompts,
    "loop blocked": _blocked,
    "disk fills": _disk,
    "price jumps": _price,
    "redis slows": _redis,
    "memory pressure": _memory,
    "memory leaks": _leak,
    "collector pauses": _collector,
    "token rate halves": _rate,
    "network slows": _network,
    "embedding slows": _embedding,
    "pool exhausted": _pool,
    "traffic drops": _drop,
    "descriptors run out": _descriptors,
}
KINDS = tuple(_MAKERS)
