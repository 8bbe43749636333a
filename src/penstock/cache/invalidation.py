"""What becomes of an entry as it grows old. Pure.

Enters: an entry, the rules, the present moment. Leaves: the reason for which it has to go, "" if it stays. The rules
stand in the order in which they count: the first that applies decides.
"""

from __future__ import annotations

from penstock.cache.config import InvalidationConfig
from penstock.cache.entry import Entry

REASONS = (
    "expired", "oldest", "unread", "flushed", "deleted", "model_changed", "replaced", "full", "damaged", "lost",
    "wrong",
)  # fmt: skip
"""All reasons for which entries go: a closed set, for metrics. ``lost``: its answer is no longer in the store;
``wrong``: it was found to answer another question."""

AHEAD_SECONDS = 300.0
"""A clock may be so far ahead of ours. What comes from later was made by one that was set back."""


def verdict(entry: Entry, rules: InvalidationConfig, wall: float) -> str:
    """See the module."""
    age = wall - entry.created
    if wall >= entry.expires or age < -AHEAD_SECONDS:
        return "expired"
    if age <= rules.max_age:
        return ""
    unread = wall - max(entry.accessed, entry.created)
    if entry.accesses > rules.popular and unread <= rules.popular_within and entry.accessed:
        return ""
    if entry.confidence > rules.confident and age < rules.confident_for:
        return ""
    if unread > rules.unread:
        return "unread"
    return "oldest" if age > rules.oldest else ""
