"""How the doctor gets to an upstream: DNS, TCP, a proxy, TLS. Blocking; for a thread.

Enters: an upstream's config. Leaves: a connection ready for HTTP, and what was seen on the way. Fails with Ill, which
says what was seen and what to do.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from penstock.net.tls import client_context
from penstock.net.tunnel import connect_head, proxy_key
from penstock.routing.config import TimeoutsConfig
from penstock.routing.upstream_config import UpstreamConfig

SOON_SECONDS = 21 * 86_400
"""A certificate that ends sooner than this is worth a word."""


@dataclass(frozen=True, slots=True)
class Step:
    """``said`` tells what was found; ``fix`` what to do about it, where something is to be done."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    said: str = ""
    fix: str = ""
    milliseconds: float = 0.0


class Ill(Exception):
    """A step failed: what was seen, and what to do."""

    def __init__(self, said: str, fix: str) -> None:
        super().__init__(said)
        self.said = said
        self.fix = fix


@dataclass(slots=True)
class Patient:
    """One upstream being examined. ``wanted`` are the models that the config asks of it (a star: any)."""

    name: str
    config: UpstreamConfig
    timeouts: TimeoutsConfig
    key_from: str
    wanted: tuple[str, ...]
    listed: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    context: ssl.SSLContext | None = None

    @property
    def dialect(self) -> str:
        return "anthropic" if self.config.kind == "anthropic" else "openai"


def _reach(patient: Patient) -> tuple[str, int]:
    """Whom we connect to: the upstream, or the proxy before it."""
    parts = urlsplit(patient.config.proxy or patient.config.url)
    return parts.hostname or "", parts.port or (8080 if patient.config.proxy else 443 if _issecure(patient) else 80)


def _issecure(patient: Patient) -> bool:
    return patient.config.url.startswith("https:")


def place(patient: Patient) -> str:
    host, port = _reach(patient)
    return f"{host}:{port}"


def resolve(patient: Patient) -> str:
    host, port = _reach(patient)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Ill(
            f"{host} cannot be resolved ({error.strerror or error})",
            f"check the spelling in upstreams.{patient.name}.{'proxy' if patient.config.proxy else 'base_url'},"
            " and this machine's DNS",
        ) from None
    patient.addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return ", ".join(patient.addresses[:4])


def connect(patient: Patient) -> str:
    _dial(patient).close()
    return place(patient) + (
        f" (the proxy, for {urlsplit(patient.config.url).hostname})" if patient.config.proxy else ""
    )


def _dial(patient: Patient) -> socket.socket:
    """A connection to the first address that takes one; through the proxy, if there is one."""
    port = _reach(patient)[1]
    failure: OSError = OSError("no address")
    for address in patient.addresses:
        try:
            plain = socket.create_connection((address, port), patient.timeouts.connect)
        except OSError as error:
            failure = error
            continue
        if patient.config.proxy:
            _tunnel(plain, patient)
        return plain
    if isinstance(failure, ConnectionRefusedError):
        raise Ill(f"{place(patient)} refuses connections", "start the server there, or correct the port in base_url")
    if isinstance(failure, TimeoutError):
        raise Ill(
            f"{place(patient)} did not answer within {patient.timeouts.connect:g} s",
            "check that it runs, and that no firewall stands between",
        )
    raise Ill(f"{place(patient)} cannot be reached ({failure.strerror or failure})", "check the address and the route")


def _tunnel(plain: socket.socket, patient: Patient) -> None:
    parts = urlsplit(patient.config.url)
    target = f"{parts.hostname}:{parts.port or (443 if _issecure(patient) else 80)}"
    plain.sendall(connect_head(target.encode(), proxy_key(patient.config.proxy or "")))
    answer = plain.recv(4096)
    if b" 200" not in answer[:12]:
        plain.close()
        line = answer.partition(b"\r")[0].decode("latin-1")[:100]
        raise Ill(f'the proxy answered "{line}" to CONNECT {target}', f"check upstreams.{patient.name}.proxy")


def secure(patient: Patient) -> str:
    if not _issecure(patient):
        return "skipped: base_url says http"
    config = patient.config
    try:
        patient.context = client_context(config.ca_file, config.client_cert, verify=config.verify)
    except (OSError, ssl.SSLError) as error:
        raise Ill(f"its certificate files cannot be used: {error}", "check ca_file and client_cert") from None
    with open_connection(patient) as secured:
        assert isinstance(secured, ssl.SSLSocket)
        version, certificate = secured.version(), secured.getpeercert() or {}
    if not config.verify:
        return f"{version}, certificate not checked (verify: false)"
    left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
    soon = "; renew it soon" if left < SOON_SECONDS else ""
    return f"{version}, certificate good for {left / 86_400:.0f} more days{soon}"


def open_connection(patient: Patient) -> socket.socket:
    """A connection ready for HTTP."""
    plain = _dial(patient)
    if patient.context is None:
        return plain
    host = urlsplit(patient.config.url).hostname
    try:
        return patient.context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise Ill(f"its certificate does not verify: {error.verify_message}", _trust(error, patient)) from None
    except ssl.SSLError as error:
        plain.close()
        raise Ill(
            f"the TLS handshake failed: {error.reason or error}",
            "does it speak TLS on this port? If not, base_url begins with http://",
        ) from None


def _trust(error: ssl.SSLCertVerificationError, patient: Patient) -> str:
    said = error.verify_message.lower()
    if "expired" in said:
        return "renew its certificate; and check this machine's clock"
    if "mismatch" in said or "not valid for" in said:
        return "use the name in base_url for which its certificate was made"
    return f"name its certificate authority in upstreams.{patient.name}.ca_file"
