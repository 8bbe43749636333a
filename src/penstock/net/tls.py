"""TLS contexts: for the listening side from a certificate and key, for upstreams from the system's roots."""

from __future__ import annotations

import os
import ssl
import weakref


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, ALPN http/1.1. Raises OSError or ssl.SSLError when the files do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_context(
    ca_file: str | None = None, client_cert: str | None = None, *, verify: bool = True
) -> ssl.SSLContext:
    """The system's roots, or only those of ``ca_file``; a client certificate (PEM with its key) where asked.

    Raises OSError or ssl.SSLError when a file does not fit.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if client_cert is not None:
        context.load_cert_chain(client_cert)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class ClientContexts:
    """Contexts shared by upstreams whose settings and files are the same: to load the system's roots takes
    milliseconds and some hundred kilobytes, and one entry of the config may stand for hundreds of upstreams."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[tuple[object, ...], ssl.SSLContext] = weakref.WeakValueDictionary()

    def get(self, ca_file: str | None, client_cert: str | None, *, verify: bool) -> ssl.SSLContext:
        """As ``client_context``."""
        key = (ca_file, client_cert, verify, *(os.stat(path).st_mtime_ns for path in (ca_file, client_cert) if path))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = client_context(ca_file, client_cert, verify=verify)
        return known

    def __repr__(self) -> str:
        return f"<ClientContexts {len(self._known)} in use>"
