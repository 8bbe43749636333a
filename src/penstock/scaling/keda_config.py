"""``scaling.keda``: a gRPC server that speaks KEDA's external scaler."""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.settings import Finding
from penstock.core.shapes import ReadableFile

_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})", re.ASCII)


class KedaTlsConfig(Struct, frozen=True, kw_only=True):
    cert: Annotated[ReadableFile, Meta(description="Certificate chain (PEM) shown to KEDA.")]
    key: Annotated[ReadableFile, Meta(description="Its private key (PEM).")]
    client_ca: Annotated[
        ReadableFile | None,
        Meta(description="Only who shows a certificate of these authorities (PEM) is answered. Unset: everybody."),
    ] = None


class KedaConfig(Struct, frozen=True, kw_only=True):
    listen: Annotated[str, Meta(description="Address and port, such as 127.0.0.1:8401. It tells numbers only.")]
    tls: Annotated[KedaTlsConfig | None, Meta(description="Speak TLS.")] = None
    insecure: Annotated[
        bool, Meta(description="Without TLS on an address that others reach, too: the network is trusted.")
    ] = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        found = _LISTEN.fullmatch(self.listen)
        host = "" if found is None else found["host"].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def check(self) -> Iterator[Finding]:
        found = _LISTEN.fullmatch(self.listen)
        if found is None or int(found["port"]) > 65535:
            yield ("listen",), "listen is an address and a port, such as 127.0.0.1:8401 or [::1]:8401"
        elif self.tls is None and not self.insecure and not self.is_local:
            yield (
                ("listen",),
                "beyond this machine KEDA is told nothing without scaling.keda.tls; where the network is trusted, say"
                " insecure: true",
            )
        if importlib.util.find_spec("grpc") is None:
            yield (), "scaling.keda needs the extra keda: pip install 'penstock[keda]'"
