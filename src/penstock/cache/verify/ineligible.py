"""Questions that are never answered by meaning: of the moment, orders to do something, in an unknown language.

Enters: the question's text. Leaves: a reason (a key of ``REASONS``) or "". Word lists can be replaced; an empty one
switches its rule off. Nothing fails: where nothing is found the question is eligible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from penstock.cache.verify.words import ELSEWHERE, FUNCTION

REASONS: dict[str, str] = {
    "freshness": "the answer is of the moment",
    "action": "something is to be done, not told",
    "language": "the embedder does not know the language",
}
FRESHNESS: tuple[str, ...] = (
    "today", "today's", "tonight", "now", "currently", "current", "latest", "newest", "yesterday", "yesterday's",
    "tomorrow", "recent", "recently", "live", "breaking", "as of", "this week", "this month", "this year",
    "this morning", "at the moment", "so far", "up to date", "real time",
)  # fmt: skip
ACTIONS: tuple[str, ...] = (
    "cancel", "stop", "lock", "unlock", "freeze", "unfreeze", "block", "unblock", "close", "shut", "transfer", "send",
    "move", "pay", "delete", "remove", "book", "reserve", "order", "buy", "sell", "dispute", "file", "increase",
    "raise", "decrease", "lower", "submit", "schedule", "reschedule", "subscribe", "unsubscribe", "update", "change",
    "set", "reset", "enable", "disable", "activate", "deactivate", "turn", "create", "add", "register", "enroll",
    "approve", "reject", "refund", "deploy", "restart", "reboot", "run", "execute", "install", "uninstall", "merge",
    "post", "publish", "call", "text", "email", "mail", "notify", "remind", "play", "report", "withdraw", "deposit",
    "terminate", "kill", "renew", "replace", "issue", "apply", "open",
)  # fmt: skip

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_POLITE = frozenset(
    ["please", "kindly", "pls", "just", "now", "then", "hey", "hi", "hello", "ok", "okay", "also", "and"]
)
_ASKING = (
    "can you", "could you", "would you", "will you", "i want you to", "i need you to", "i want to", "i need to",
    "i'd like to", "i would like to", "let's", "go ahead and", "help me",
)  # fmt: skip
LEAST_WORDS = 5
"""Below it a Latin text is too short to tell its language."""


class Ineligible:
    """The rules with their words."""

    __slots__ = ("_actions", "_freshness", "_language")

    def __init__(
        self, freshness: Iterable[str] = FRESHNESS, actions: Iterable[str] = ACTIONS, language: bool = True
    ) -> None:
        found = sorted(map(str.lower, freshness), key=len, reverse=True)
        pattern = "|".join(map(re.escape, found))
        self._freshness = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)") if found else None
        self._actions = frozenset(word.lower() for word in actions)
        self._language = language

    def reason(self, text: str) -> str:
        """Why the question must not be answered by meaning; "" when it may."""
        lower = text.lower().replace("’", "'")
        if self._freshness is not None and self._freshness.search(lower):
            return "freshness"
        if self._actions and self._is_order(lower):
            return "action"
        return "language" if self._language and foreign(text) else ""

    def _is_order(self, lower: str) -> bool:
        for sentence in re.split(r"[.!?\n;]+", lower):
            words = sentence.strip(" \"'“”,").split()
            while words and words[0].strip(",") in _POLITE:
                words.pop(0)
            rest = " ".join(words)
            for opening in _ASKING:
                if rest.startswith(opening + " "):
                    words = rest[len(opening) :].split()
                    break
            while words and words[0].strip(",") in _POLITE:
                words.pop(0)
            if words and words[0].strip(",:") in self._actions:
                return True
        return False


def foreign(text: str) -> bool:
    """Whether most of it is in another script than Latin, or in another language than English as far as its small
    words tell. Heuristics: a short text is taken for English."""
    letters = [letter for letter in text[:2_000] if letter.isalpha()]
    if not letters:
        return False
    if sum(1 for letter in letters if ord(letter) > 0x24F) > 0.3 * len(letters):
        return True
    found = [word.lower() for word in _WORD.findall(text[:2_000])]
    if len(found) < LEAST_WORDS:
        return False
    elsewhere = sum(1 for word in found if word in ELSEWHERE)
    english = sum(1 for word in found if word.replace("’", "'").partition("'")[0] in FUNCTION)
    return elsewhere > 0.15 * len(found) and elsewhere > english
