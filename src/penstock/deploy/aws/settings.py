"""The settings of the CDK app as a file that people keep. Pure.

Enters: what the command line and the config say. Leaves: TOML, every number with the reason for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_DRAIN = 115
"""Seconds: Fargate ends a task 120 s after SIGTERM, whatever it still does."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """From ``cron`` on, these bounds."""

    name: str
    cron: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What the app is to deploy. Seconds, MB of the function, MiB of a task; ``concurrency`` and ``tasks``: least and
    most; ``store``: the node type of the cache that is made, "" for none; ``bands``: of the composite metric, each
    upper end and its change."""

    bands: Sequence[tuple[float, int]]
    name: str = "penstock"
    variants: Sequence[str] = ("lambda",)
    architecture: str = "arm64"
    vpc: str = ""
    internal: bool = False
    certificate: str = ""
    secret: str = "penstock/environment"
    secret_names: Sequence[str] = ()
    namespace: str = "Penstock"
    tracing: bool = True
    alarm_email: str = ""
    store: str = "cache.t4g.small"
    memory: int = 3008
    timeout: int = 30
    concurrency: tuple[int, int] = (50, 500)
    streams: bool = True
    url_auth: str = "none"
    cpu: int = 1024
    task_memory: int = 2048
    tasks: tuple[int, int] = (2, 50)
    port: int = 8400
    drain: float = 30.0
    idle: int = 605
    schedules: Sequence[Schedule] = ()


def settings(terms: Terms) -> str:
    """The text of settings.toml."""
    parts = [_head(terms), _scaling(terms.bands)]
    if terms.store:
        parts.append(_STORE.format(node=_text(terms.store)))
    if "lambda" in terms.variants:
        parts.append(_function(terms) + _times("function", terms.schedules))
    if "fargate" in terms.variants:
        parts.append(_service(terms) + _times("service", terms.schedules))
    return "\n".join(parts)


def _times(part: str, schedules: Sequence[Schedule]) -> str:
    return "".join(
        f"\n[[{part}.schedules]]  # bounds from this moment on, UTC unless time_zone says another\n"
        f"name = {_text(one.name)}\ncron = {_text(one.cron)}\nmin = {one.least}\nmax = {one.most}\n"
        for one in schedules
    )


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _head(terms: Terms) -> str:
    return f"""\
# Written by `penstock deploy aws`. Every number of the app stands here.

name = {_text(terms.name)}  # of the stacks, and of the dimension Service of all metrics
architecture = {_text(terms.architecture)}  # arm64 or x86_64
vpc = {_text(terms.vpc)}  # the id of one that is there; empty: a new one, two zones and one NAT gateway
internal = {_yes(terms.internal)}  # the balancer is reached from within the VPC alone
certificate = {_text(terms.certificate)}  # ARN of ACM; without it the balancer must be internal
secret = {_text(terms.secret)}  # of Secrets Manager, made by hand: a JSON object of texts
secret_names = [{", ".join(map(_text, terms.secret_names))}]  # its members, besides PENSTOCK_KEYS
namespace = {_text(terms.namespace)}  # of CloudWatch
tracing = {_yes(terms.tracing)}  # traces go by OTLP to a collector beside the gateway, and from there to X-Ray
alarm_email = {_text(terms.alarm_email)}

[environment]  # plain variables: those that the config gives a default
"""


def _scaling(bands: Sequence[tuple[float, int]]) -> str:
    rows = ", ".join(f"[{0 if math.isinf(end) else end:.1f}, {change}]" for end, change in bands)
    return f"""\
[scaling]
utilisation = 0.7  # of provisioned concurrency, and of a task's CPU: tracked
composite = 50.0  # of the composite metric: tracked where Application Auto Scaling knows no steps (Lambda)
cooldown_out = 120  # seconds after growing
cooldown_in = 600  # and after shrinking, which is slow so that warm contexts stay
cooldown_steps = 180
steps = [{rows}]  # upper end of the composite metric (0: none), how many more
"""


_STORE = """\
[store]  # ElastiCache, Valkey: budgets, limits and what is cached must be the same in every sandbox
node = {node}
nodes = 2  # the second in another zone
"""


def _function(terms: Terms) -> str:
    least, most = terms.concurrency
    return f"""\
[function]
memory = {terms.memory}  # MB; the CPU grows with it
timeout = {terms.timeout}  # seconds, at most 900: no call lasts longer, streams included
min = {least}  # provisioned concurrency
max = {most}
streams = {_yes(terms.streams)}  # a function URL that streams
url_auth = {_text(terms.url_auth)}  # none: the gateway asks for its own keys; iam: AWS asks, too
"""


def _service(terms: Terms) -> str:
    least, most = terms.tasks
    return f"""\
[service]
cpu = {terms.cpu}  # 1024 is one core, and one worker
memory = {terms.task_memory}  # MiB
min = {least}  # tasks
max = {most}
port = {terms.port}
drain = {max(1, round(terms.drain))}  # seconds: as listen.drain
idle = {terms.idle}  # seconds that a call may be silent: timeouts.total and a little
"""
