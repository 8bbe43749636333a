"""The ``listen`` section: where Penstock answers, and what it asks of those who connect."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from penstock.core.addresses import is_loopback
from penstock.core.shapes import ReadableFile
from penstock.core.units import Bytes, Seconds

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?|https?://\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9_.\-]*[A-Za-z0-9])?", re.ASCII)


class TlsConfig(Struct, frozen=True, kw_only=True):
    cert: Annotated[ReadableFile, Meta(description="Certificate chain, PEM.")]
    key: Annotated[ReadableFile, Meta(description="Private key, PEM, without a password.")]


class WebSocketConfig(Struct, frozen=True, kw_only=True):
    calls: Annotated[int, Meta(ge=1, le=1000, description="Calls at once on one socket of `/v1/stream`.")] = 16
    max_message: Annotated[
        Bytes, Meta(ge=1024, le=1024 * 1024 * 1024, description="Size of one message of a caller.")
    ] = 32 * 1024 * 1024
    ping: Annotated[
        Seconds, Meta(gt=0, description="Each socket is pinged this often; one that is silent for a round is dropped.")
    ] = 30.0
    idle_timeout: Annotated[
        Seconds,
        Meta(gt=0, description="A socket without a call, or a realtime session without a message, ends after this."),
    ] = 300.0


class ListenConfig(Struct, frozen=True, kw_only=True):
    host: Annotated[
        str, Meta(min_length=1, description="Address to listen on; `0.0.0.0` or `::` for every interface.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes any free one.")] = 8400
    workers: Annotated[int, Meta(ge=1, le=256, description="Processes that share the port.")] = 1
    tls: Annotated[TlsConfig | None, Meta(description="Speak TLS with this certificate.")] = None
    hosts: Annotated[
        list[str],
        Meta(description="Host names that requests may carry besides loopback ones while `auth.mode` is `open`."),
    ] = field(default_factory=list)
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Addresses or networks (CIDR) whose `X-Forwarded-For` is believed."),
    ] = field(default_factory=list)
    websocket: Annotated[WebSocketConfig, Meta(description="`/v1/stream` and `/v1/realtime`.")] = WebSocketConfig()
    cors_origins: Annotated[
        list[str],
        Meta(description="Origins of web pages that may call from a browser, or `*`. Empty: CORS is off."),
    ] = field(default_factory=list)
    head_timeout: Annotated[Seconds, Meta(gt=0, description="A request's head must be complete within this.")] = 15.0
    body_timeout: Annotated[Seconds, Meta(gt=0, description="A request's body may stand still for this long.")] = 30.0
    idle_timeout: Annotated[
        Seconds, Meta(gt=0, description="A connection that waits for its next request is closed after this.")
    ] = 75.0
    write_timeout: Annotated[
        Seconds, Meta(gt=0, description="A caller that takes nothing of its answer for this long is dropped.")
    ] = 300.0
    first_byte_timeout: Annotated[
        Seconds, Meta(gt=0, description="A new connection that sends nothing is closed after this.")
    ] = 15.0
    max_connections: Annotated[int, Meta(ge=1, description="Open connections, per worker.")] = 20_000
    max_connections_per_peer: Annotated[
        int, Meta(ge=1, description="Open connections from one address, per worker; a proxy in front counts as one.")
    ] = 10_000
    max_head: Annotated[
        Bytes, Meta(ge=1024, le=1024 * 1024, description="Size of a request's line and header fields together.")
    ] = 32 * 1024
    max_fields: Annotated[int, Meta(ge=8, le=10_000, description="Header fields in a request.")] = 100
    max_body: Annotated[Bytes, Meta(ge=1024, description="Size of a request's body.")] = 32 * 1024 * 1024
    drain: Annotated[
        Seconds, Meta(ge=0, description="On shutdown, running calls may finish for this long before they are ended.")
    ] = 30.0

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)

    def check(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for position, network in enumerate(self.trusted_proxies):
            try:
                ipaddress.ip_network(network)
            except ValueError:
                yield (
                    ("trusted_proxies", position),
                    f"trusted_proxies[{position}] must be an address or a network, such as 10.0.0.0/8,"
                    " with no bits set beyond its prefix",
                )
        for position, origin in enumerate(self.cors_origins):
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                yield (
                    ("cors_origins", position),
                    f"cors_origins[{position}] must be * or an origin such as https://chat.example.org"
                    " (no path, no slash at the end)",
                )
        for position, host in enumerate(self.hosts):
            if not _HOST.fullmatch(host):
                yield (
                    ("hosts", position),
                    f"hosts[{position}] must be a host name such as gateway.local (no scheme, no port)",
                )
