"""A ledger in bytes: named accounts, each with a bound, that tell who holds how much. Pure."""

from __future__ import annotations


class BoundedAccount:
    """One kind of bytes. ``reserve`` refuses what would pass the bound; ``release`` gives back."""

    __slots__ = ("bound", "held", "name", "peak", "refused")

    def __init__(self, name: str, bound: int) -> None:
        self.name = name
        self.bound = bound
        self.held = 0
        self.peak = 0
        self.refused = 0

    def reserve(self, size: int) -> bool:
        """Take ``size`` bytes, or count a refusal and answer False."""
        held = self.held + size
        if held > self.bound:
            self.refused += 1
            return False
        self.held = held
        if held > self.peak:
            self.peak = held
        return True

    def release(self, size: int) -> None:
        """Give ``size`` bytes back. Raises ValueError when more comes back than was taken."""
        if size > self.held:
            raise ValueError(f"account '{self.name}' holds {self.held} bytes, {size} came back")
        self.held -= size

    def __repr__(self) -> str:
        return f"<BoundedAccount {self.name} {self.held}/{self.bound}B peak {self.peak} refused {self.refused}>"


class Ledger:
    """The accounts of one worker, by name."""

    def __init__(self) -> None:
        self.accounts: dict[str, BoundedAccount] = {}

    def account(self, name: str, bound: int) -> BoundedAccount:
        """The account ``name``, made at first use; its bound follows the newest configuration."""
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = BoundedAccount(name, bound)
        account.bound = bound
        return account

    @property
    def held(self) -> int:
        """Bytes held in all accounts."""
        return sum(account.held for account in self.accounts.values())

    def __repr__(self) -> str:
        return f"<Ledger {self.held}B in {len(self.accounts)} accounts>"
