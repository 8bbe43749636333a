"""Names to addresses: resolved off the loop, cached with a lifetime, both families, interleaved (RFC 8305)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from itertools import zip_longest

LIFETIME_SECONDS = 30.0
STALE_SECONDS = 600.0
MAX_NAMES = 4096


class Names:
    """A cache over getaddrinfo. When a lookup fails, an answer not older than ten minutes still serves."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, tuple[float, list[str]]] = {}

    async def resolve(self, host: str) -> list[str]:
        """Addresses of ``host``, best first. Raises OSError (``socket.gaierror``) when there are none."""
        try:
            return [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            pass
        known = self._known.get(host)
        now = self._now()
        if known is not None and now - known[0] < LIFETIME_SECONDS:
            return known[1]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label is empty or too long
            if known is not None and now - known[0] < STALE_SECONDS:
                return known[1]
            if isinstance(error, OSError):
                raise
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        addresses = interleave([str(entry[4][0]) for entry in found])
        if len(self._known) >= MAX_NAMES:
            self._known.clear()
        self._known[host] = (now, addresses)
        return addresses

    def forget(self, host: str) -> None:
        """Ask again next time: the addresses known did not answer."""
        self._known.pop(host, None)


def interleave(addresses: list[str]) -> list[str]:
    """Alternate between the families, beginning with that of the first address; duplicates go."""
    unique = list(dict.fromkeys(addresses))
    six = [address for address in unique if ":" in address]
    four = [address for address in unique if ":" not in address]
    first, second = (six, four) if unique and ":" in unique[0] else (four, six)
    return [address for pair in zip_longest(first, second) for address in pair if address is not None]
