"""Instances of an upstream: their addresses, how a file tells them, and which of them are known now. Pure.

An answer that is empty tells nothing and changes nothing. Raises ValueError, with the line, for a file that is none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

MOST_WEIGHT = 10_000
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\.?", re.ASCII)


class Instance(Struct, frozen=True, order=True):
    """``weight``: its share against the others of the same upstream, at least 1."""

    host: str
    port: int
    weight: int = 1

    @property
    def address(self) -> str:
        """``host:port``, as it stands in URLs and in the names of targets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``host:port``; an IPv6 address stands in brackets, and comes without. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
        raise ValueError("an address is host:port, such as 10.0.0.1:8000 or [::1]:8000")
    return plain_host(host), int(port)


def plain_host(host: str) -> str:
    """A host name in small letters or an address in its usual form. Raises ValueError for another text."""
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(inner)
    except ValueError:
        address = None
    if address is not None and (address.version == 6) == (inner is not host) and "%" not in inner:
        return str(address)
    # Digits and dots alone are an address to some resolvers (127.1, 2130706433), and a name to none.
    if address is None and _NAME.fullmatch(host) and not _is_number(host.rstrip(".").rpartition(".")[2]):
        return host.lower().rstrip(".")
    raise ValueError(f'"{host[:100]}" is neither a host name nor an address')


def _is_number(label: str) -> bool:
    return label.isdigit() or re.fullmatch(r"0[xX][0-9a-fA-F]*", label) is not None


def from_lines(text: str) -> list[Instance]:
    """An instance a line; ``#`` begins a remark. Raises ValueError that names the line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            host, port = parse_address(words[0])
            found.append(Instance(host, port, _weight(words[1:])))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return found


def _weight(words: Sequence[str]) -> int:
    if not words:
        return 1
    weight = words[0]
    if len(words) > 1 or not (weight.isascii() and weight.isdigit()) or not 1 <= int(weight[:9]) <= MOST_WEIGHT:
        raise ValueError(f"after the address stands a weight from 1 to {MOST_WEIGHT}, or nothing")
    return int(weight)


class Known:
    """The instances of one upstream as last told. ``most`` bounds them: those beyond are left out, the newest first.
    One leaves after ``misses`` answers in a row without it: some name servers tell only a part of many addresses."""

    def __init__(self, most: int, misses: int = 1) -> None:
        self._most = most
        self._misses = misses
        self._known: dict[tuple[str, int], Instance] = {}
        self._missed: dict[tuple[str, int], int] = {}
        self.beyond = 0

    def take(self, answer: Iterable[Instance]) -> bool:
        """Take in one answer. Returns whether the instances are others now; an empty one is none."""
        told = {(one.host, one.port): one for one in answer}
        if not told:
            return False
        missed = {place: self._missed.get(place, 0) + 1 for place in self._known if place not in told}
        kept = {
            place: told.get(place, one)
            for place, one in self._known.items()
            if place in told or missed[place] < self._misses
        }
        fresh = sorted(one for place, one in told.items() if place not in kept)
        room = max(0, self._most - len(kept))
        self.beyond = len(fresh[room:])
        kept |= {(one.host, one.port): one for one in fresh[:room]}
        changed = kept != self._known
        self._known = kept
        self._missed = {place: times for place, times in missed.items() if place in kept}
        return changed

    @property
    def instances(self) -> tuple[Instance, ...]:
        """In the order of their addresses."""
        return tuple(sorted(self._known.values()))

    def __repr__(self) -> str:
        return f"<Known {len(self._known)} instances>"
