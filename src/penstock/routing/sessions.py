"""Which upstream served a session last: a bounded table with an expiry. Pure; times are passed in.

A session is the caller's (``x-penstock-session``, else ``prompt_cache_key``, else ``user``) within its scope. Each call
of a session makes it last again; beyond the bound the one that was silent longest goes.
"""

from __future__ import annotations

from collections import OrderedDict


class Sessions:
    """See the module. ``ttl`` in seconds; ``bound`` in sessions."""

    def __init__(self, ttl: float, bound: int) -> None:
        self.ttl = ttl
        self.bound = bound
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def find(self, session: str, now: float) -> str:
        """The name of the upstream that has the session's context; "" for none."""
        known = self._known.get(session)
        if known is None:
            return ""
        if known[1] <= now:
            del self._known[session]
            return ""
        return known[0]

    def keep(self, session: str, target: str, now: float) -> None:
        """The session's context is at ``target`` now."""
        known = self._known
        known[session] = (target, now + self.ttl)
        known.move_to_end(session)
        while len(known) > self.bound:
            known.popitem(last=False)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Sessions {len(self._known)} of {self.bound}>"
