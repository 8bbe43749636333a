"""The composition root's part for the telemetry slice, which is optional: without it, or while it is not configured,
nothing is traced and nothing is sent. It rides on the observe slice, which gives it the records of calls."""

from __future__ import annotations

import importlib.util
import os
import random
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import penstock
from penstock.config import Config
from penstock.core.exchange import Exchange
from penstock.core.finished import Finished, Record
from penstock.core.settings import ConfigError
from penstock.net.names import Names
from penstock.net.outward import Outward
from penstock.net.tls import client_context
from penstock.routing.config import RoutingConfig

if TYPE_CHECKING:
    from penstock.assemble import Gateway
    from penstock.telemetry.config import OtlpConfig
    from penstock.telemetry.names import Server
    from penstock.telemetry.tracer import Tracer

TRACE = Finished._fields.index("trace")


class Telemetry:
    """Traces and metrics of one worker. It survives reloads; what waits to be sent stays while the section does."""

    def __init__(self, gateway: Gateway) -> None:
        from penstock.telemetry.counts import Counts
        from penstock.telemetry.readings import Readings
        from penstock.telemetry.service import Sending
        from penstock.telemetry.spool import Spool

        self._gateway = gateway
        self._random = random.Random()
        self.counts = Counts()
        self.spool = Spool(self.counts)
        self.readings = Readings(self.counts)
        clock = gateway.clock
        self._sending = {
            source.signal: Sending(
                source, self.counts, wall=clock.wall, now=clock.now, uniform=self._random.uniform,
                before_end=self._hand_on,
            )
            for source in (self.spool, self.readings)
        }  # fmt: skip
        self._names = Names(clock.now)
        self._outward: list[Outward] = []
        self._followed: OtlpConfig | None = None
        self._servers: dict[str, Server] = {}
        self._started: set[str] = set()
        self._instance = f"{self._random.getrandbits(128):032x}"

    def go_on(self, exchange: Exchange) -> None:
        """``exchange`` outlived the call of which it was made: what is told of it is a span of its own."""
        if exchange.trace is not None:
            exchange.trace = exchange.trace.after(self._random.getrandbits(64) or 1)

    def traces(self, config: Config) -> Tracer | None:
        """What begins the traces of calls under ``config``. Raises ConfigError where its receiver cannot be asked."""
        from penstock.telemetry.config import TelemetryConfig
        from penstock.telemetry.tracer import Tracer

        otlp = config.of(TelemetryConfig).otlp
        if otlp is None:
            return None
        _check(otlp)
        return Tracer(otlp.sample, otlp.slow, otlp.follow, self._random.getrandbits) if otlp.traces else None

    def follow(self, config: Config) -> None:
        """Send as ``config`` says from now on."""
        from penstock.telemetry.config import TelemetryConfig
        from penstock.telemetry.meters import Meters
        from penstock.telemetry.names import CONVENTIONS
        from penstock.telemetry.otlp import PROTOCOLS
        from penstock.telemetry.requests import Requests
        from penstock.telemetry.spans import Spans

        otlp = config.of(TelemetryConfig).otlp
        servers = _servers(config)
        known, self._followed = self._followed, otlp
        moved = any(servers.get(name, server) != server for name, server in self._servers.items())
        self._servers.clear()
        self._servers.update(servers)
        if otlp == known and not moved:  # upstreams that came or went change nothing of what waits
            return
        for outward in self._outward:
            outward.close()
        self._outward = []
        now = self._gateway.clock.wall()
        if otlp is None:
            self.spool.follow(None, None, 0, 0.0)
            self.readings.follow(None, None, 0.0, now, delta=False)
            for sending in self._sending.values():
                sending.follow(None, [], "", 0.0)
            return
        names, protocol = CONVENTIONS[otlp.convention], PROTOCOLS[otlp.protocol]
        requests = Requests(protocol, self._resource(otlp), penstock.__version__, otlp.convention)
        self.spool.follow(Spans(names, self._servers) if otlp.traces else None, requests, otlp.queue, otlp.delay)
        meters = Meters(names, self._servers) if otlp.metrics else None
        self.readings.follow(meters, requests, otlp.interval, now, delta=otlp.temporality == "delta")
        headers = [*otlp.fields, (b"content-type", protocol.content_type), (b"user-agent", _AGENT)]
        self._outward = self._reach(otlp)
        for outward, (signal, sending) in zip(self._outward, self._sending.items(), strict=True):
            sending.follow(outward.post if getattr(otlp, signal) else None, headers, otlp.protocol, otlp.timeout)
            if getattr(otlp, signal) and signal not in self._started:
                self._started.add(signal)
                self._gateway.crew.supervise(sending)

    def _reach(self, otlp: OtlpConfig) -> list[Outward]:
        """The receiver of each signal."""
        gateway = self._gateway
        return [
            Outward(
                f"telemetry.otlp {signal}", f"{otlp.endpoint.rstrip('/')}/v1/{signal}", wheel=gateway.wheel,
                names=self._names, now=gateway.clock.now, ca_file=otlp.ca_file,
            )
            for signal in self._sending
        ]  # fmt: skip

    def _resource(self, otlp: OtlpConfig) -> dict[str, Any]:
        """Who sends."""
        return {
            "service.name": otlp.service,
            "service.version": penstock.__version__,
            "service.instance.id": self._instance,
            "host.name": socket.gethostname(),
            "process.pid": os.getpid(),
            "telemetry.sdk.name": "penstock",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": penstock.__version__,
            "penstock.worker": self._gateway.number,
            **otlp.resource,
        }

    def take(self, rows: list[Record]) -> None:
        """Calls have ended."""
        if self._followed is None:
            return
        now = self._gateway.clock.wall()
        counts = self._followed.metrics
        for row in rows:
            if counts:
                self.readings.take(Finished._make(row))
            if row[TRACE] is not None:
                self.spool.take(row, now)

    def _hand_on(self) -> None:
        observed = self._gateway.observed
        if observed is not None:
            observed.hand_on()

    def dump(self) -> dict[str, Any]:
        """What became of what was to be sent."""
        held = {signal: sending.held for signal, sending in self._sending.items()}
        held["traces"] += self.spool.held
        return {**self.counts.dump(), "queued": held["traces"]}


_AGENT = f"penstock/{penstock.__version__}".encode()


def _check(otlp: OtlpConfig) -> None:
    """Raises ConfigError for certificates that do not fit."""
    try:
        if otlp.ca_file is not None:
            client_context(otlp.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"telemetry.otlp.ca_file cannot be used: {error}"]) from None


def _servers(config: Config) -> dict[str, Server]:
    """The upstreams as they are told outside, by name."""
    from penstock.telemetry.names import Server, provider_of

    found = {}
    for name, upstream in config.of(RoutingConfig).upstreams.items():
        try:
            parts = urlsplit(upstream.url or "")
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            host, port = "", 0
        found[name] = Server(provider_of(upstream.kind, host), host, port if host else 0)
    return found


def telemetry(gateway: Gateway) -> Telemetry | None:
    """A Telemetry if the slice is installed."""
    return Telemetry(gateway) if importlib.util.find_spec("penstock.telemetry") is not None else None
