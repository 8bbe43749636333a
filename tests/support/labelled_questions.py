"""A labelled stream made from patterns: 24 intents, each asked in many ways, with words that only seem to matter."""

from __future__ import annotations

import random

_WAYS = (
    "how do I {0}", "how can i {0} please", "what must I do to {0}", "is there a way to {0}", "help me {0}",
    "tell me how to {0}", "{0} how does that work", "I would like to {0}", "what do I need to {0}",
)  # fmt: skip
_INTENTS = (
    "open a savings account", "order a new card", "see my statement", "change my address", "find a branch",
    "get a cash advance", "use my card abroad", "pay a bill by phone", "report a lost card", "set a spending limit",
    "add a second holder", "download the app", "reset the password", "earn more interest", "borrow for a house",
    "insure a parcel", "track a parcel", "return a parcel", "book a table", "learn to swim", "repair a bicycle",
    "bake a loaf of bread", "plant a rose", "tune a guitar",
)  # fmt: skip
_TAILS = ("", "", "", " when I am away", " at the weekend", " with you", " without trouble", " for my family")


def labelled_questions(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(question, label) in the order of requests."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        intent = rng.choice(_INTENTS)
        rows.append((rng.choice(_WAYS).format(intent) + rng.choice(_TAILS), intent))
    return rows
