"""How an upstream is reached, and how long it is waited for. Pure.

Enters: what is configured. Leaves: plain values that the client reads.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reach:
    """How an upstream is reached. ``proxy`` is ``host:port`` of an HTTP proxy that CONNECTs, ``proxy_key`` the
    credentials that it is shown (RFC 9110, 11.7.2); ``name`` is what its certificate must say, where that is not
    ``host``."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    proxy: tuple[str, int] | None = None
    proxy_key: bytes = field(default=b"", repr=False)
    max_connections: int = 1024
    queue: int = 4096
    max_idle: float = 60.0
    max_age: float = 600.0
    name: str = ""

    @property
    def tls_name(self) -> str:
        """Whom TLS must find there."""
        return (self.name or self.host).strip("[]")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, for the head of the answer, between its parts."""

    connect: float = 5.0
    head: float = 600.0
    idle: float = 30.0
