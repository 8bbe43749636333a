"""What two prepared texts have in common, and what tells them apart, as numbers.

Enters: a question and a candidate, both prepared (lexical.py). Leaves: a tuple of ``len(NAMES)`` numbers from 0 to 1.
Nothing fails: texts of which little is known have little in common.
"""

from __future__ import annotations

from itertools import pairwise

from penstock.cache.verify import words as w
from penstock.cache.verify.lexical import Prepared, stem

NAMES: tuple[str, ...] = (
    "shared", "missing", "extra", "missing_count", "extra_count", "grams", "pairs", "plain", "length", "first_word",
    "same_words", "question", "tense", "numbers", "number_added", "identifiers", "units", "quotes", "code", "negation",
    "opposite", "class", "entities", "entity_added", "order", "swap", "inserted",
)  # fmt: skip
"""The features of ``compare``, in order. From ``question`` on each is 0 or 1, and 1 speaks against the candidate."""


def compare(a: Prepared, b: Prepared) -> tuple[float, ...]:
    """What question ``a`` and candidate ``b`` have in common and what tells them apart; see ``NAMES``."""
    words_a, words_b = a.words, b.words
    if words_a == words_b:
        shared, missing, extra = 1.0, 0, 0
        only_a: set[str] = set()
        only_b = only_a
        pairs = plain = 1.0
    else:
        content_a, content_b = set(a.content), set(b.content)
        both = len(content_a & content_b)
        missing, extra = len(content_a) - both, len(content_b) - both
        shared = both / ((both + missing + extra) or 1)
        set_a, set_b = set(words_a), set(words_b)
        only_a, only_b = set_a - set_b, set_b - set_a
        pairs = _dice(set(pairwise(words_a)), set(pairwise(words_b)))
        plain = _dice(set(a.plain), set(b.plain))
    size_a, size_b = len(words_a), len(words_b)
    longest = max(size_a, size_b) or 1
    grams_a, grams_b = a.grams.bit_count(), b.grams.bit_count()
    numbers_a, numbers_b = a.numbers, b.numbers
    numbers_differ = numbers_a != numbers_b and sorted(numbers_a) != sorted(numbers_b)
    entities_a = a.entities and [name for name in a.entities if name not in b.content and name not in b.entities]
    entities_b = b.entities and [name for name in b.entities if name not in a.content and name not in a.entities]
    opposite, kind = _told_apart(only_a, only_b)
    swap, inserted = _frame(words_a, words_b) if only_a or only_b else (0.0, 0.0)
    return (
        shared,
        missing / (len(a.content) or 1),
        extra / (len(b.content) or 1),
        min(missing, 4) / 4,
        min(extra, 4) / 4,
        2 * (a.grams & b.grams).bit_count() / ((grams_a + grams_b) or 1),
        pairs,
        plain,
        min(size_a, size_b) / longest,
        1.0 if words_a and words_b and words_a[0] == words_b[0] else 0.0,
        1.0 if words_a == words_b else 0.0,
        1.0 if a.question != b.question else 0.0,
        1.0 if a.tense * b.tense < 0 else 0.0,
        1.0 if numbers_differ and numbers_a and numbers_b else 0.0,
        1.0 if numbers_differ and not (numbers_a and numbers_b) else 0.0,
        1.0 if a.identifiers != b.identifiers else 0.0,
        1.0 if a.units and b.units and set(a.units) != set(b.units) else 0.0,
        1.0 if a.quotes != b.quotes else 0.0,
        1.0 if a.code != b.code else 0.0,
        1.0 if (a.negations ^ b.negations) & 1 else 0.0,
        opposite,
        kind,
        1.0 if entities_a and entities_b else 0.0,
        1.0 if bool(entities_a) != bool(entities_b) else 0.0,
        1.0 if words_a != words_b and size_a == size_b and not only_a and sorted(words_a) == sorted(words_b) else 0.0,
        swap,
        inserted,
    )


def _dice(a: set[str] | set[tuple[str, str]], b: set[str] | set[tuple[str, str]]) -> float:
    size = len(a) + len(b)
    return 2 * len(a & b) / size if size else 1.0


def _told_apart(only_a: set[str], only_b: set[str]) -> tuple[float, float]:
    """Whether a word on one side is the opposite of one on the other; and whether two exclude each other."""
    opposite = kind = 0.0
    if only_a and only_b:
        classes = {w.CLASS_OF[word] for word in only_a if word in w.CLASS_OF}
        if classes and any(w.CLASS_OF.get(word) in classes for word in only_b):
            kind = 1.0
        for word in only_a:
            those = w.OPPOSITES_OF.get(word)
            if (those is not None and not those.isdisjoint(only_b)) or _negates(word, only_b):
                return 1.0, kind
        for word in only_b:
            if _negates(word, only_a):
                return 1.0, kind
    return opposite, kind


def _negates(word: str, others: set[str]) -> bool:
    """``unavailable`` negates ``available``."""
    if len(word) > 4:
        for size in w.PREFIX_SIZES:
            if word[:size] in w.PREFIXES and len(word) - size > 4 and word[size:] in others:
                return True
    return False


def _frame(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[float, float]:
    """Whether the two are one sentence in which something is replaced by something else; or something is put in."""
    size_a, size_b = len(a), len(b)
    least = min(size_a, size_b)
    head = 0
    while head < least and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < least - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    middle_a, middle_b = size_a - head - tail, size_b - head - tail
    if head + tail < 2 or middle_a > 3 or middle_b > 3 or head + tail < max(middle_a, middle_b):
        return 0.0, 0.0
    left = [word for word in a[head : size_a - tail] if word not in w.FUNCTION]
    right = [word for word in b[head : size_b - tail] if word not in w.FUNCTION]
    if left and right:
        return (0.0 if any(_alike(x, y) for x in left for y in right) else 1.0), 0.0
    return 0.0, 1.0 if head and (left or right) else 0.0


def _alike(x: str, y: str) -> bool:
    """One stem, or one word misspelt."""
    if stem(x) == stem(y):
        return True
    if min(len(x), len(y)) < 4 or abs(len(x) - len(y)) > 1 or x[0].isdigit() or y[0].isdigit():
        return False
    if len(x) == len(y) and sorted(x) == sorted(y):
        return True
    least = min(len(x), len(y))
    head = 0
    while head < least and x[head] == y[head]:
        head += 1
    tail = 0
    while tail < least - head and x[-1 - tail] == y[-1 - tail]:
        tail += 1
    return head + tail >= max(len(x), len(y)) - 1 and head > 0
