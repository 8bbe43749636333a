"""What the edge needs to know of one configuration: the pipeline, the local routes, and the rules at the door.

A reload makes a new Generation; each request takes the newest, and the old one ends with its last exchange.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from penstock.core.call import Headers
from penstock.core.exchange import Exchange
from penstock.core.ports import Next
from penstock.core.reply import Reply

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class LocalRoute:
    """A path that Penstock answers itself. ``right``: who may ask. ``public`` needs no key; ``local`` needs none if the
    request names this machine as its host (a page in a browser could else reach us under a name of its own)."""

    serve: Callable[[Exchange], Awaitable[Reply]]
    right: Literal["public", "local", "call", "admin"] = "admin"
    methods: tuple[str, ...] = ("GET",)


@dataclass(slots=True)
class Generation:
    """``authorize(headers, right)`` gives a key's id or raises CallerError; ``hosts`` None accepts any Host;
    ``own_hosts`` are the names of this machine; ``inner`` is what calls pass that Penstock makes for a key itself."""

    run: Next
    number: int
    total_timeout: float
    authorize: Callable[[Headers, str], str]
    routes: dict[str, LocalRoute] = field(default_factory=dict)
    prefixes: dict[str, LocalRoute] = field(default_factory=dict)
    hosts: frozenset[str] | None = None
    own_hosts: frozenset[str] = frozenset()
    trusted: Sequence[Network] = ()
    inner: Next | None = None
    cors_origins: frozenset[str] = frozenset()
    in_flight: int = 0
    on_empty: Callable[[], None] | None = None

    def enter(self) -> None:
        """One more exchange runs on this generation."""
        self.in_flight += 1

    def leave(self) -> None:
        """One less; the last one tells who waits for it."""
        self.in_flight -= 1
        if not self.in_flight and self.on_empty is not None:
            self.on_empty()

    def route(self, path: str) -> LocalRoute | None:
        """The local route of ``path``."""
        found = self.routes.get(path)
        if found is None:
            for prefix, route in self.prefixes.items():
                if path.startswith(prefix):
                    return route
        return found


def client_address(peer: str, forwarded: bytes, trusted: Sequence[Network]) -> str:
    """The caller's address: the peer's, or, if the peer is a trusted proxy, the last untrusted one it forwarded for.

    Read from the right: what stands further left was written by whoever sent it.
    """
    if not trusted or not forwarded or not _is_in(peer, trusted):
        return peer
    for entry in reversed(forwarded.split(b",")):
        address = entry.strip().decode("latin-1").strip('"')
        if address.startswith("["):
            address = address[1:].partition("]")[0]
        elif address.count(":") == 1:
            address = address.partition(":")[0]
        parsed = _parsed(address)
        if parsed is None:
            return peer
        peer = str(parsed)
        if not any(parsed in network for network in trusted):
            return peer
    return peer


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in its one form; None for what is none, or has a zone (which holds any text, and means nothing
    beyond the machine that wrote it)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return None
        return parsed.ipv4_mapped or parsed
    return parsed
