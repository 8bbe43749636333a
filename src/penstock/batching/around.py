"""What batches stand on: the same for all of one configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.batching.counts import Counts
from penstock.core.overload import Overload
from penstock.core.ports import Account, Next

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


@dataclass(frozen=True, slots=True)
class Around:
    """``account`` holds what batches are made of; ``next``: the rooms below."""

    loop: AbstractEventLoop
    now: Callable[[], float]
    account: Account
    counts: Counts
    overload: Overload
    next: Next
