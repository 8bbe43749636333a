"""What the flights of a worker share: its loop, its clock, the account of bytes, the counts, and the settings. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.coalesce.config import CoalesceConfig
from penstock.coalesce.counts import Counts
from penstock.core.ports import Account

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


@dataclass(frozen=True, slots=True)
class Around:
    """See the module."""

    loop: AbstractEventLoop
    now: Callable[[], float]
    account: Account
    counts: Counts
    settings: CoalesceConfig
