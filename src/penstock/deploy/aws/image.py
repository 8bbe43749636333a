"""The config as it stands in the image: what holds on one machine only is changed, what may not be there refused.

Enters: the text of a config file. Leaves: the text for the image, the variables that it wants, the files that it names.
May fail: CannotBake, a line a problem. No secret is ever copied: each must be a ``${NAME}``. Pure but for reading the
files that the config names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from penstock.config import Config, ConfigError, StoreConfig, known_sections
from penstock.core.interpolation import has_reference
from penstock.core.shapes import Shape, fields_of
from penstock.deploy.carried import is_safe, item_shape

FILES = "/etc/penstock/files"
LARGEST_FILE = 1024 * 1024
OWN_STORE = "rediss://:${PENSTOCK_STORE_PASSWORD}@${PENSTOCK_STORE_HOST}:6379/0"
OWN_NAMES = frozenset(("PENSTOCK_STORE_PASSWORD", "PENSTOCK_STORE_HOST", "PENSTOCK_SERVICE"))
"""Variables that the app itself sets."""
COLLECTOR = "http://127.0.0.1:4318"
OF_ONE_MACHINE = (("auth", "key_file"), ("observe", "log_file"))
"""Left out: keys come as a secret, and the log goes to standard error, where CloudWatch takes it."""
_NAMED = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^{}]*)?\}")

Place = tuple[str, ...]


class CannotBake(Exception):
    """One line a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wants:
    """``store``: the app makes the store. ``tracing``: a collector stands beside the gateway. ``idle``: seconds that a
    connection of the balancer may be silent; ``namespace``: of the metrics that are written for CloudWatch."""

    store: bool
    tracing: bool
    idle: int
    namespace: str


@dataclass(frozen=True, slots=True)
class Baked:
    """``text``: the image's config. ``names``: variables that it cannot do without, which the secret must hold.
    ``files``: by the name in the image's folder."""

    text: str
    names: list[str]
    files: dict[str, bytes] = field(default_factory=dict)


def bake(text: str, name: str, environ: Mapping[str, str], wants: Wants) -> Baked:
    """The image's config from ``text``, which stands in the file ``name``. Raises CannotBake, ConfigError."""
    config = Config.parse(text, name, with_placeholders(text, environ))
    raw: dict[str, Any] = yaml.safe_load(text) or {}
    problems = list(_refused(config, raw, wants))
    for section, key in OF_ONE_MACHINE:
        (raw.get(section) or {}).pop(key, None)
    files: dict[str, bytes] = {}
    named: list[tuple[Place, str]] = []
    for place, value, shape in _leaves(raw):
        dotted = ".".join(place)
        if "${file:" in value:
            problems.append(f"{dotted}: the image has no such file; make it a variable: ${{NAME}}")
        elif shape.hidden is not None and _is_told(value, shape):
            problems.append(f"{dotted}: a secret stands in the file; write ${{NAME}}, and put NAME into the secret")
        elif shape.path is not None and place[:2] != ("listen", "tls"):
            try:
                named.append((place, _copied(value, os.path.dirname(os.path.abspath(name)), files)))
            except ValueError as error:
                problems.append(f"{dotted}: {error}")
    if problems:
        raise CannotBake([f"{name}: {problem}" for problem in problems])
    _adapt(raw, wants)
    _check(raw, name)
    for place, value in named:
        _put(raw, place, value)
    baked = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=120)
    head = f"# Made by `penstock deploy aws` from {os.path.basename(name)}: change that one, and run it again.\n"
    return Baked(head + baked, sorted(_required(baked) - OWN_NAMES), files)


def _check(raw: Mapping[str, Any], name: str) -> None:
    """Would the gateway take it? Files are still looked for where they are here, and Redis need not be installed."""
    text = yaml.safe_dump({**raw, "store": "memory"})
    try:
        Config.parse(text, name, with_placeholders(text, {}))
    except ConfigError as error:
        raise CannotBake([f"as it would stand in the image: {problem}" for problem in error.problems]) from None


def _refused(config: Config, raw: Mapping[str, Any], wants: Wants) -> Iterator[str]:
    """What cannot be so on AWS."""
    store = config.of(StoreConfig).store
    if not wants.store and not store.startswith("redis"):
        yield (
            f"store: {store.partition(':')[0]} is of one sandbox, or one task, and goes with it: set store: redis://...,"
            " or pass --store elasticache, and the app makes one"
        )
    if raw.get("auth", {}).get("mode") == "open":
        yield "auth.mode: open would let everybody spend your money; use keys"
    if raw.get("listen", {}).get("tls"):
        yield "listen.tls: the balancer speaks TLS (--certificate); leave it out"
    for name, upstream in (raw.get("upstreams") or {}).items():
        if isinstance(upstream, Mapping) and upstream.get("kind") == "local":
            yield f"upstreams.{name}: an embedded engine is not put into this image; run it as a server of its own"
    for name, pool in ((raw.get("scaling") or {}).get("pools") or {}).items():
        if isinstance(pool, Mapping) and (pool.get("local") or {}).get("command"):
            yield f"scaling.pools.{name}.local: what it starts is not put into this image; scale it as aws or by signal"


def with_placeholders(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, and something for every other name: what it will be is known only where it runs."""
    return {**dict.fromkeys(_required(text), "unset"), **environ}


def _required(text: str) -> set[str]:
    """Variables without a default."""
    return {match[1] for match in _NAMED.finditer(text) if match[1] and match[2] is None}


def _is_told(value: str, shape: Shape) -> bool:
    """Whether a secret, or a part of it, can be read here."""
    assert shape.hidden is not None
    default = any((match[2] or ":-") != ":-" for match in _NAMED.finditer(value))
    return default or not is_safe(value, shape.hidden)


def _leaves(raw: Mapping[str, Any]) -> Iterator[tuple[Place, str, Shape]]:
    """Every text that is written, where, and what it is."""
    for key, struct in known_sections():
        for name, one in fields_of(struct).items():
            place = (key, name) if key else (name,)
            holder = raw.get(key) if key else raw
            if isinstance(holder, Mapping) and name in holder:
                yield from _inner(place, holder[name], one.shape)


def _inner(place: Place, value: Any, shape: Shape) -> Iterator[tuple[Place, str, Shape]]:
    if isinstance(value, str):
        yield place, value, shape
    elif isinstance(value, Mapping):
        inner = fields_of(shape.struct) if shape.struct is not None else {}
        for key, one in value.items():
            below = inner[key].shape if key in inner else shape.inner
            if below is not None:
                yield from _inner((*place, str(key)), one, below)
    elif isinstance(value, list) and shape.inner is not None:
        texts = [one if isinstance(one, str) else "" for one in value]
        for number, one in enumerate(value):
            yield from _inner((*place, str(number)), one, item_shape(shape, texts, number))


def _copied(value: str, folder: str, files: dict[str, bytes]) -> str:
    """Take the file along; its name in the image. Raises ValueError."""
    if has_reference(value):
        raise ValueError("the name of a file must stand there as it is")
    path = os.path.join(folder, os.path.expanduser(value))
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise ValueError(f"is larger than {LARGEST_FILE // 1024} KiB")
    if b"PRIVATE KEY" in data:
        raise ValueError("a private key does not go into an image")
    name = f"{len(files)}-{re.sub('[^A-Za-z0-9._-]', '_', os.path.basename(path))}"
    files[name] = data
    return f"{FILES}/{name}"


def _put(raw: dict[str, Any], place: Place, value: str) -> None:
    at: Any = raw
    for key in place[:-1]:
        at = at[int(key)] if isinstance(at, list) else at[key]
    if isinstance(at, list):
        at[int(place[-1])] = value
    else:
        at[place[-1]] = value


def _adapt(raw: dict[str, Any], wants: Wants) -> None:
    """What is otherwise behind a balancer, in a container."""
    if wants.store:
        raw["store"] = OWN_STORE
    listen = raw.setdefault("listen", {})
    for name in ("host", "port", "workers"):
        listen.pop(name, None)  # the command line of the container says it
    listen["trusted_proxies"] = [*listen.get("trusted_proxies", []), "127.0.0.1/32",
                                 "${PENSTOCK_VPC_CIDR:-127.0.0.1/32}"]  # fmt: skip
    listen["idle_timeout"] = f"{wants.idle + 10}s"  # else the balancer would send into a connection that we just closed
    raw.setdefault("memory", {}).setdefault("limit", "${PENSTOCK_MEMORY_LIMIT:-2800MiB}")
    metrics = raw.setdefault("scaling", {}).setdefault("cloudwatch", {})
    metrics |= {"namespace": wants.namespace, "service": "${PENSTOCK_SERVICE:-penstock}"}  # the app's alarms name them
    if wants.tracing:
        otlp = raw.setdefault("telemetry", {}).setdefault("otlp", {})
        otlp.setdefault("endpoint", COLLECTOR)
        otlp.setdefault("delay", "100ms")  # a sandbox may be frozen before more came
        otlp.setdefault("metrics", False)  # they go as EMF
