"""An upstream as it is given over the admin API: read and refused as a config file's would be, and more strictly. Pure.

What starts a process, names a file, or reads the environment is for the config file alone: else a key of the admin API
would be a key to the machine. Raises CallerError with a line a problem; a secret is never repeated.
"""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.core.errors import CallerError
from penstock.core.settings import Reading, Section
from penstock.core.shapes import Shape, fields_of
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import parse_address, plain_host
from penstock.routing.upstream_config import UpstreamConfig

FILE_ONLY_KINDS = ("local",)
"""Kinds that start processes."""
FILE_ONLY = frozenset({"discover"})
"""And every key that names a file."""
_NAME = "the request"
_METADATA = (
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    ipaddress.ip_network("fd00:ec2::/32"),
)


def weight_in(body: bytes) -> int | None:
    """The weight in ``{"weight": 3}``; None when ``body`` is a whole upstream. Raises CallerError."""
    given = _object(body)
    if "kind" in given:
        return None
    for key in given:
        if key != "weight":
            raise refused(f'unknown key "{key[:64]}"; known is weight, or all of an upstream, with its kind')
    weight = given.get("weight")
    if type(weight) is not int:
        raise refused('weight must be a whole number, as in {"weight": 3}')
    return weight


def upstream_in(name: str, body: bytes) -> tuple[str, tuple[str, ...]]:
    """The upstream in ``body``, as ``read`` takes it, and the ``models`` that it joins. Raises CallerError."""
    given = _object(body)
    models = given.pop("models", [])
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise refused("models must be a list of names")
    place = f"upstreams.{name}"
    text = msgspec.json.encode(given).decode()
    problems = _only_for_the_file(given, place) or _unreachable(read(name, text), place)
    if problems:
        raise refused(*problems)
    return text, tuple(dict.fromkeys(models))


def read(name: str, text: str) -> UpstreamConfig:
    """The upstream that ``text`` (JSON) says, read as a config file would be. Raises CallerError."""
    reading = Reading(_NAME, {})
    whole = f'{{"upstreams": {{{msgspec.json.encode(name).decode()}: {text}}}}}'
    routing = reading.sections(whole, [Section("", RoutingConfig)]).get(RoutingConfig)
    if reading.problems:
        raise refused(*(problem.removeprefix(f"{_NAME}:1: ") for problem in reading.problems))
    assert isinstance(routing, RoutingConfig)
    return routing.upstreams[name]


def refused(*problems: str) -> CallerError:
    """The refusal of a change."""
    return CallerError("\n".join(problems), status=422, code="change_refused")


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CallerError(f"the body must be a JSON object: {error}", code="invalid_json") from None


def _only_for_the_file(given: dict[str, Any], place: str) -> list[str]:
    found = []
    fields = fields_of(UpstreamConfig)
    for key, value in given.items():
        shape = fields[key].shape if key in fields else None
        if key in FILE_ONLY or (shape is not None and _names_a_file(shape)):
            found.append(f"{place}.{key}: can be set in the config file only")
        elif b"${" in msgspec.json.encode(value):
            found.append(f"{place}.{key}: references (${{…}}) are read in the config file only")
    kind = given.get("kind")
    if kind in FILE_ONLY_KINDS:
        found.append(f"{place}.kind: kind {kind} starts processes, and can be set in the config file only")
    return found


def _names_a_file(shape: Shape) -> bool:
    if shape.struct is not None:
        return any(_names_a_file(field.shape) for field in fields_of(shape.struct).values())
    return shape.path is not None or (shape.inner is not None and _names_a_file(shape.inner))


def _unreachable(upstream: UpstreamConfig, place: str) -> list[str]:
    """Hosts that no model server has: those of clouds' metadata, and addresses in disguise."""
    found = []
    hosts = {"base_url": upstream.base_url, "proxy": upstream.proxy}
    named = {key: urlsplit(url).hostname or "" for key, url in hosts.items() if url is not None}
    if upstream.address is not None:
        named["address"] = parse_address(upstream.address)[0]
    for key, host in named.items():
        try:
            plain = plain_host(f"[{host}]" if ":" in host else host)
        except ValueError:
            found.append(f"{place}.{key}: its host is neither a name nor a plain address")
            continue
        with contextlib.suppress(ValueError):  # a name
            address = ipaddress.ip_address(plain)
            address = getattr(address, "ipv4_mapped", None) or address
            if any(address in network for network in _METADATA):
                found.append(f"{place}.{key}: {plain} is a link-local address, where no model server is")
    return found
