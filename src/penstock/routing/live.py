"""Live changes: an overlay over the upstreams of the config file, and the configuration that both make together. Pure.

The file stays the truth. Each change remembers the file's own entry that it was made over, and goes when a reload
brings another one there. Instances that were found stand in the overlay too. A change that cannot be is a CallerError
whose message holds a line a problem, as ``penstock check`` would say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from penstock.core.errors import CallerError
from penstock.core.printing import fingerprint
from penstock.core.scalars import suggest
from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.discovery.instances import MOST_WEIGHT, Instance
from penstock.routing.given import read, refused
from penstock.routing.upstream_config import UpstreamConfig

MOST_EDITS = 1000
AT = "@"
"""Stands in the name of an instance, between its upstream's and its address."""


class Edit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was changed of one upstream, or of one instance. ``base``: fingerprint of the file's entry, "" without one.
    ``added``: it is not in the file, and this would stand there (JSON, with its secrets); ``models``: those that it
    joined. None leaves as it is."""

    base: str
    added: str | None = None
    models: tuple[str, ...] = ()
    weight: int | None = None
    drain: bool | None = None
    removed: bool = False

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return self.added is None and self.weight is None and self.drain is None and not self.removed


class Live(Struct, frozen=True):
    """All changes by the name of the upstream, and the instances found of those that have ``discover``."""

    edits: dict[str, Edit] = {}
    found: dict[str, tuple[Instance, ...]] = {}


def family(name: str) -> str:
    """The upstream of an instance; of another name, itself."""
    return name.partition(AT)[0]


def members(routing: RoutingConfig) -> dict[str, list[str]]:
    """By upstream, what serves in its name: its instances, or itself."""
    found: dict[str, list[str]] = {}
    for name, upstream in routing.upstreams.items():
        known = found.setdefault(family(name), [])
        if upstream.discover is None:
            known.append(name)
    return found


# ---- what both make together


def in_force(written: RoutingConfig, live: Live) -> RoutingConfig:
    """``written`` with the changes, and beside each upstream that stands for instances those that were found."""
    return _expanded(merged(written, live.edits), live)


def merged(written: RoutingConfig, edits: Mapping[str, Edit]) -> RoutingConfig:
    """``written`` with the changes; what is found by discovery still stands as one."""
    if not edits:
        return written
    upstreams = dict(written.upstreams)
    joined: dict[str, list[str]] = {}
    for name, edit in edits.items():
        if edit.removed:
            upstreams.pop(name, None)
        elif edit.added is not None:
            upstreams[name] = _edited(read(name, edit.added), edit)
            for pattern in edit.models:
                joined.setdefault(pattern, []).append(name)
        elif name in upstreams:
            upstreams[name] = _edited(upstreams[name], edit)
    gone = {name for name, edit in edits.items() if edit.removed}
    models = {}
    for pattern, model in written.models.items():
        names = [name for name in model.upstreams if name not in gone] + joined.get(pattern, [])
        models[pattern] = _with(model, names)
    return msgspec.structs.replace(written, upstreams=upstreams, models=models)


def _edited(own: UpstreamConfig, edit: Edit) -> UpstreamConfig:
    weight = own.weight if edit.weight is None else edit.weight
    drain = own.drain if edit.drain is None else edit.drain
    return msgspec.structs.replace(own, weight=weight, drain=drain)


def _with(model: ModelConfig, names: list[str]) -> ModelConfig:
    return model if names == model.upstreams else msgspec.structs.replace(model, upstreams=names)


def _expanded(routing: RoutingConfig, live: Live) -> RoutingConfig:
    """Models go on naming the upstream that stands for its instances: these come and go, a model stays as it is."""
    found: dict[str, UpstreamConfig] = {}
    for name, upstream in routing.upstreams.items():
        if upstream.discover is not None:
            made = {f"{name}{AT}{one.address}": _instance(upstream, one) for one in live.found.get(name, ())}
            edits = live.edits
            found |= {at: _edited(one, edits[at]) if at in edits else one for at, one in made.items()}
    return msgspec.structs.replace(routing, upstreams={**routing.upstreams, **found}) if found else routing


def _instance(upstream: UpstreamConfig, found: Instance) -> UpstreamConfig:
    """One instance with the settings of its upstream. Where these have a ``base_url``, it keeps name and path."""
    weight = min(MOST_WEIGHT, upstream.weight * found.weight)
    if upstream.base_url is None:
        url = f"http://{found.address}/v1"
        return msgspec.structs.replace(upstream, base_url=url, weight=weight, discover=None)
    return msgspec.structs.replace(upstream, address=found.address, weight=weight, discover=None)


# ---- another reading of the file


def rebased(live: Live, written: RoutingConfig) -> tuple[Live, list[str]]:
    """``live`` over another reading of the file, and the names of those whose changes it ended."""
    found = {name: told for name, told in live.found.items() if _discovers(written, name)}
    edits = {
        name: edit
        for name, edit in live.edits.items()
        if edit.base == base_of(written, name) and (AT not in name or name in _instances(found))
    }
    return Live(edits, found), [name for name in live.edits if name not in edits]


def with_found(live: Live, name: str, instances: tuple[Instance, ...]) -> Live:
    """``live`` with other instances of one upstream; changes of those that have vanished go with them."""
    found = {**live.found, name: instances}
    known = _instances(found)
    return Live({at: edit for at, edit in live.edits.items() if AT not in at or at in known}, found)


def _discovers(written: RoutingConfig, name: str) -> bool:
    own = written.upstreams.get(name)
    return own is not None and own.discover is not None


def _instances(found: Mapping[str, tuple[Instance, ...]]) -> set[str]:
    return {f"{name}{AT}{one.address}" for name, instances in found.items() for one in instances}


def base_of(written: RoutingConfig, name: str) -> str:
    """The fingerprint of the file's own entry for ``name``; of an instance, of its upstream's."""
    own = written.upstreams.get(family(name))
    return "" if own is None else fingerprint(own)


# ---- changes


def changed(live: Live, written: RoutingConfig, name: str, **changes: Any) -> Live:
    """``live`` with ``weight`` or ``drain`` of one upstream or instance set. Raises CallerError."""
    _must_exist(live, written, name)
    weight = changes.get("weight")
    if weight is not None and not 1 <= weight <= MOST_WEIGHT:
        raise refused(f'upstreams.{name}.weight = "{weight}": must be from 1 to {MOST_WEIGHT}')
    edit = live.edits.get(name) or Edit(base=base_of(written, name))
    edit = msgspec.structs.replace(edit, **changes)
    own = written.upstreams.get(name)
    if own is not None:  # what the file says anyway is no change
        edit = msgspec.structs.replace(
            edit,
            weight=None if edit.weight == own.weight else edit.weight,
            drain=None if edit.drain == own.drain else edit.drain,
        )
    elif AT in name and edit.drain is False:
        edit = msgspec.structs.replace(edit, drain=None)
    return _set(live, written, name, edit)


def added(live: Live, written: RoutingConfig, name: str, upstream: str, models: tuple[str, ...]) -> Live:
    """``live`` with one upstream more (``given.upstream_in``), in the lists of ``models``. Raises CallerError."""
    if name in written.upstreams:
        raise CallerError(
            f'upstreams.{name}: upstream "{name}" stands in the config file; only its weight can be changed here',
            status=409, code="upstream_in_file", param=name,
        )  # fmt: skip
    for model in models:
        if model not in written.models:
            known = ", ".join(list(written.models)[:12]) or "none"
            hint = suggest(model, list(written.models)) or f"; known are {known}"
            raise refused(f'models: unknown model "{model[:256]}"{hint}')
    return _set(live, written, name, Edit(base="", added=upstream, models=models))


def removed(live: Live, written: RoutingConfig, name: str) -> Live:
    """``live`` without one upstream. Raises CallerError where a model would be left with none."""
    _must_exist(live, written, name)
    if AT in name:
        raise refused(f'upstream "{name}" was found by discovery and would be found again; drain it instead')
    for pattern, model in written.models.items():
        if model.canary is not None and name in model.canary.upstreams:
            raise refused(f'models.{pattern}.canary: upstream "{name}" has its version on trial; end that first')
    if name not in written.upstreams:
        return _set(live, written, name, Edit(base=""))
    return _set(live, written, name, Edit(base=base_of(written, name), removed=True))


def reset(live: Live, written: RoutingConfig, name: str) -> Live:
    """``live`` without any change of one upstream. Raises CallerError."""
    if name not in live.edits:
        _must_exist(live, written, name)
    return _set(live, written, name, Edit(base=""))


def _set(live: Live, written: RoutingConfig, name: str, edit: Edit) -> Live:
    edits = {other: known for other, known in live.edits.items() if other != name}
    if not edit.empty:
        edits[name] = edit
    if len(edits) > MOST_EDITS:
        raise refused(f"more than {MOST_EDITS} live changes; write them into the config file")
    problems = [message for _, message in merged(written, edits).check()]
    if problems:
        raise refused(*problems)
    return Live(edits, live.found)


def _must_exist(live: Live, written: RoutingConfig, name: str) -> None:
    known = list(in_force(written, live).upstreams)
    if name not in known:
        removed = name in live.edits and live.edits[name].removed
        hint = "; it was removed, and comes back by reset" if removed else suggest(name, known)
        raise CallerError(
            f'there is no upstream "{name[:100]}"{hint}', status=404, code="upstream_not_found", param="upstream"
        )


def told(live: Live) -> list[dict[str, Any]]:
    """The changes as plain objects, for people: names and numbers, never an address or a key."""
    rows: list[dict[str, Any]] = []
    for name, edit in live.edits.items():
        row: dict[str, Any] = {"upstream": name}
        if edit.added is not None:
            row |= {"added": True, "models": list(edit.models)}
        if edit.removed:
            row["removed"] = True
        row |= {key: value for key, value in (("weight", edit.weight), ("drain", edit.drain)) if value is not None}
        rows.append(row)
    return rows
