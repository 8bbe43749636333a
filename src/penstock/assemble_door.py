"""The composition root's part for the door: what a configuration says of connections, hosts and sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from penstock.auth.config import AuthConfig
from penstock.config import Config
from penstock.core.call import Headers
from penstock.core.exchange import Exchange
from penstock.core.ports import Account, Next
from penstock.edge.config import ListenConfig
from penstock.edge.endpoint import Endpoint, Join, OpenSocket
from penstock.edge.fleet import Fleet
from penstock.edge.generation import Generation, LocalRoute
from penstock.edge.journal_routes import JournalRoutes
from penstock.edge.local_routes import LocalRoutes
from penstock.edge.part_routes import PartRoutes
from penstock.edge.routing_routes import RoutingRoutes
from penstock.edge.watch_routes import WatchRoutes
from penstock.memory.config import MemoryConfig
from penstock.memory.ledger import Ledger
from penstock.net.server import Limits, Server
from penstock.net.turn import Successor, Turn
from penstock.net.upgraded import Upgraded
from penstock.routing.config import RoutingConfig


class Paths(Protocol):
    """What Penstock answers itself."""

    def routes(self) -> dict[str, LocalRoute]: ...

    def prefixes(self) -> dict[str, LocalRoute]: ...


def local_paths(config: Config, fleet: Fleet, waits_for: Callable[[], list[str]], created: int) -> list[Paths]:
    """What Penstock answers itself under ``config``, made at the Unix second ``created``."""
    local = LocalRoutes(
        models=list(config.of(RoutingConfig).models),
        created=created,
        fleet=fleet,
        waits_for=waits_for,
        config=lambda: config.dump(masked=True),
        open_metrics=config.of(ListenConfig).loopback,
    )
    keyed = config.of(AuthConfig).mode == "keys"
    routing, watched = RoutingRoutes(fleet, keyed=keyed), WatchRoutes(fleet, keyed=keyed)
    return [local, PartRoutes(fleet), JournalRoutes(fleet), watched, routing]


def generation_of(
    config: Config,
    *,
    number: int,
    run: Next,
    inner: Next,
    authorize: Callable[[Headers, str], str],
    local: Sequence[Paths],
    more: Mapping[str, LocalRoute],
) -> Generation:
    """What the edge needs to know of ``config``; ``more`` are further prefixes."""
    listen = config.of(ListenConfig)
    return Generation(
        run=run,
        inner=inner,
        number=number,
        total_timeout=config.of(RoutingConfig).timeouts.total,
        authorize=authorize,
        routes={path: route for paths in local for path, route in paths.routes().items()},
        prefixes={path: route for paths in local for path, route in paths.prefixes().items()} | dict(more),
        hosts=open_hosts(listen) if config.of(AuthConfig).mode == "open" else None,
        own_hosts=open_hosts(listen),
        trusted=[ipaddress.ip_network(network) for network in listen.trusted_proxies],
        cors_origins=frozenset(listen.cors_origins),
    )


def limits_of(config: Config) -> Limits:
    """The server's bounds."""
    listen = config.of(ListenConfig)
    return Limits(**{name: getattr(listen, name) for name in Limits.__slots__})


def open_hosts(listen: ListenConfig) -> frozenset[str]:
    """The Host names served while no key is asked for: this machine's own, and those configured."""
    own = f"[{listen.host.strip('[]')}]" if ":" in listen.host else listen.host.lower()
    return frozenset({"localhost", "127.0.0.1", "[::1]", own, *(host.lower() for host in listen.hosts)})


def open_to_sockets(config: Config, endpoint: Endpoint, server: Server, ledger: Ledger) -> None:
    """Have ``endpoint`` answer WebSockets, and join them to those of upstreams, as ``config`` says."""
    memory = config.of(MemoryConfig)
    endpoint.open_socket = _opener(config, endpoint, server, ledger.account("bodies", memory.bodies))
    endpoint.join = _joiner(config, endpoint, server, ledger.account("buffers", memory.buffers))


def _opener(config: Config, endpoint: Endpoint, server: Server, room: Account) -> OpenSocket:
    """What answers the handshakes of WebSockets; ``room`` holds their messages while they arrive."""
    settings = config.of(ListenConfig).websocket

    def open_socket(turn: Turn, client: str) -> None:
        # Imported with the first socket: the framing library costs 25 ms of a start that most never need.
        from penstock.edge.socket_session import open_session
        from penstock.net.websocket import SocketLimits

        limits = SocketLimits(settings.max_message, settings.ping, settings.idle_timeout)
        open_session(endpoint, server, turn, client, limits, room, settings.calls)

    return open_socket


def _joiner(config: Config, endpoint: Endpoint, server: Server, room: Account) -> Join:
    """What joins a caller's WebSocket to an upstream's; ``room`` holds what waits for those who read too slowly."""
    terms = config.of(ListenConfig).websocket

    def join(exchange: Exchange, upstream: Upgraded) -> Successor:
        from penstock.edge.realtime import Relay  # with the first session, as above

        def may() -> None:
            endpoint.generation.authorize(exchange.call.headers, "call")

        return Relay(server, terms, room, exchange, upstream, may)

    return join
