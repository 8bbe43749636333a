"""A ledger in bytes: named accounts, each with a bound and one for all, that tell who holds how much. Pure.

Enters: reservations. Leaves: yes or no; and a call of ``alarm`` when all of them together pass ``alarm_at``, so that
memory is looked at before the next time it would be. May fail: ValueError when more comes back than was taken.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

UNBOUNDED: Final = sys.maxsize


class Ledger:
    """The accounts of one worker, by name. ``room``: bytes that all of them may hold together; ``held``: what they
    hold; ``refused``: reservations that found an account with room, but none in all."""

    __slots__ = ("accounts", "alarm", "alarm_at", "held", "refused", "room")

    def __init__(self, room: int = UNBOUNDED) -> None:
        self.accounts: dict[str, BoundedAccount] = {}
        self.room = room
        self.held = 0
        self.refused = 0
        self.alarm_at = UNBOUNDED
        self.alarm: Callable[[], None] | None = None

    def account(self, name: str, bound: int) -> BoundedAccount:
        """The account ``name``, made at first use; its bound follows the newest configuration."""
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = BoundedAccount(name, bound, self)
        account.configured = bound
        account.squeeze(account.share)
        return account

    def sound_alarm(self) -> None:
        """More is held than ``alarm_at``: told once."""
        self.alarm_at = UNBOUNDED
        if self.alarm is not None:
            self.alarm()

    def dump(self) -> dict[str, list[int]]:
        """By the account's name: bytes held, its bound, the most ever held, refusals."""
        return {one.name: [one.held, one.bound, one.peak, one.refused] for one in self.accounts.values()}

    def __repr__(self) -> str:
        return f"<Ledger {self.held}B of {self.room} in {len(self.accounts)} accounts>"


class BoundedAccount:
    """One kind of bytes. ``reserve`` refuses what would pass the bound; ``release`` gives back. ``bound`` is ``share``
    of what is ``configured``: less than all of it while memory is short."""

    __slots__ = ("bound", "configured", "held", "ledger", "name", "peak", "refused", "share")

    def __init__(self, name: str, bound: int, ledger: Ledger | None = None) -> None:
        self.name = name
        self.bound = self.configured = bound
        self.share = 1.0
        self.ledger = Ledger() if ledger is None else ledger
        self.held = 0
        self.peak = 0
        self.refused = 0

    def squeeze(self, share: float) -> int:
        """Hold no more than this share of what is configured from now on; what is held already stays, so that nothing
        comes free."""
        self.share = share
        self.bound = self.configured if share == 1.0 else int(self.configured * share)
        return 0

    def reserve(self, size: int) -> bool:
        """Take ``size`` bytes, or count a refusal and answer False."""
        held = self.held + size
        if held > self.bound:
            self.refused += 1
            return False
        ledger = self.ledger
        total = ledger.held + size
        if total > ledger.room:
            self.refused += 1
            ledger.refused += 1
            return False
        self.held = held
        ledger.held = total
        if held > self.peak:
            self.peak = held
        if total > ledger.alarm_at:
            ledger.sound_alarm()
        return True

    def charge(self, size: int) -> bool:
        """Count ``size`` bytes that are taken already, whatever the bounds. False, and a refusal counted, when that
        passes the account's own: they are to be let go."""
        self.held += size
        self.ledger.held += size
        if self.held > self.peak:
            self.peak = self.held
        if self.ledger.held > self.ledger.alarm_at:
            self.ledger.sound_alarm()
        if self.held <= self.bound:
            return True
        self.refused += 1
        return False

    def release(self, size: int) -> None:
        """Give ``size`` bytes back. Raises ValueError when more comes back than was taken."""
        if size > self.held:
            raise ValueError(f"account '{self.name}' holds {self.held} bytes, {size} came back")
        self.held -= size
        self.ledger.held -= size

    def __repr__(self) -> str:
        return f"<BoundedAccount {self.name} {self.held}/{self.bound}B peak {self.peak} refused {self.refused}>"
