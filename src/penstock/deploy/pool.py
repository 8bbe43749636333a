"""The servers that a balancer stands before, as the config names them. Pure.

Enters: a config, or addresses from the command line. Leaves: a pool. May fail: ValueError for what is no address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Member:
    """``address`` is ``host:port``, IPv6 in brackets."""

    address: str
    weight: int = 1


def member(text: str) -> Member:
    """``host:port``, ``host:port=weight``. Raises ValueError."""
    address, _, weight = text.strip().partition("=")
    if _ADDRESS.fullmatch(address) is None or not 0 < int(address.rpartition(":")[2]) < 65_536:
        raise ValueError(f'"{text[:300]}" is no host:port, such as 10.0.0.1:8400 or [::1]:8400=2')
    if weight and not (weight.isascii() and weight.isdigit() and 0 < int(weight) <= 1000):
        raise ValueError(f'"{text[:300]}": a weight is a whole number, 1 to 1000')
    return Member(address, int(weight or 1))


def pool(texts: Sequence[str]) -> list[Member]:
    """The servers in ``texts``. Raises ValueError when there is none, or one twice."""
    members = [member(text) for text in texts]
    addresses = [one.address for one in members]
    if not members:
        raise ValueError("a balancer needs at least one server")
    if twice := next((one for one in addresses if addresses.count(one) > 1), None):
        raise ValueError(f"{twice} is named twice; give it a weight instead")
    return members
