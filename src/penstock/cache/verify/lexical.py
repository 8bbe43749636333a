"""What a text says, beyond what its vector says: words, numbers, identifiers, units, quotes, code, names, negation.

Enters: a question as the caller wrote it. Leaves: ``Prepared``, about half a kilobyte, looked at once and compared
often (compare.py). Nothing fails: of text in no known script little is found. The word lists are English; numbers,
identifiers, quotes and code are of any language.
"""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern

from penstock.cache.verify import words as w

LONGEST = 2_000
"""Characters that are looked at; what is longer is not eligible anyway (an embedder's window is shorter)."""
GRAM_BITS = 512
USUAL = 24
"""Letters of a word that is worth remembering."""

_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.S)
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|«([^»\n]{1,200})»|(?<!\w)'([^'\n]{2,200})'(?!\w)")
_IDENTIFIER = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+"  # links, mail addresses
    r"|(?<!\w)[~.]?/[\w./-]{2,}"  # paths
    r"|\b[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+\b|\b[a-z]+[A-Z]\w+\b|\b\w+\(\)"  # names as code has them
    r"|(?<![\w-])#?(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?!\d+(?:st|nd|rd|th)\b)(?!\d+-?[a-zA-Z]{1,6}\b)[A-Za-z0-9][\w-]{2,}"
    r"|#\d+|\bv?\d+(?:\.\d+){2,}\b|\b\d{7,}\b"  # tickets, versions, long numbers
)
_HINT = re.compile(r"[\d_/@(#]|[a-z][A-Z]")  # without any of these there is no identifier
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*|[$€£¥%]|c\+\+|c#", re.I)
_SENTENCE_END = ".!?:\n"


class Prepared:
    """A text ready to be compared. ``words``: in order, contractions resolved; ``content``: distinct stems of those
    that are not function words, in order of appearance; ``grams``: letter triples as bits of one integer."""

    __slots__ = (
        "code", "content", "entities", "grams", "identifiers", "negations", "numbers", "plain", "question", "quotes",
        "size", "tense", "units", "words",
    )  # fmt: skip

    words: tuple[str, ...]
    content: tuple[str, ...]
    plain: tuple[str, ...]
    """Distinct function words."""
    numbers: tuple[str, ...]
    identifiers: tuple[str, ...]
    units: tuple[str, ...]
    quotes: tuple[str, ...]
    code: tuple[str, ...]
    entities: tuple[str, ...]
    negations: int
    question: str
    tense: int
    grams: int
    size: int

    def __repr__(self) -> str:
        return f"Prepared({' '.join(self.words[:12])!r}, {self.size} characters)"

    @property
    def empty(self) -> bool:
        """Whether there is nothing to compare."""
        return not self.words and not self.identifiers and not self.code


def prepare(text: str) -> Prepared:
    """Look at a text once."""
    made = Prepared()
    text = bare(text[:LONGEST])
    made.size = len(text)
    made.code = made.quotes = made.identifiers = ()
    if "`" in text:
        made.code = tuple(span.strip("`").strip() for span in _CODE.findall(text))
        if made.code:
            text = _CODE.sub(" ", text)
    if '"' in text or "'" in text or "“" in text or "«" in text:
        made.quotes = tuple(" ".join((a or b or c or d).casefold().split()) for a, b, c, d in _QUOTED.findall(text))
    if _HINT.search(text) is not None:
        made.identifiers = tuple(sorted({found.lstrip("#").rstrip(".,;:!?)") for found in _IDENTIFIER.findall(text)}))
        if made.identifiers:
            text = _IDENTIFIER.sub(" ", text)
    _read_words(made, text)
    made.grams = _grams(made.words)
    return made


def bare(text: str) -> str:
    """Without blanks and one pair of quotes around the whole."""
    text = text.strip()
    if len(text) > 2 and text[0] in "\"'“" and text[-1] in "\"'”" and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _read_words(made: Prepared, text: str) -> None:
    found: list[str] = []
    entities: list[str] = []
    shouting = text.isupper()
    for match in _TOKEN.finditer(text):
        token = match[0]
        lower = token.lower()
        if "’" in lower:
            lower = lower.replace("’", "'")
        if token[0].isupper() and not shouting and len(token) > 1 and _inside(text, match.start()):
            name = lower.removesuffix("'s")
            if name not in w.FUNCTION:
                entities.append(stem(name))
            if token in w.ROMAN:
                lower = str(w.ROMAN[token])
        if lower in w.CONTRACTIONS:
            found += w.CONTRACTIONS[lower].split()
        elif "'" in lower:
            head, _, tail = lower.partition("'")
            if tail == "t" and head.endswith("n"):
                found += (head[:-1], "not")
            elif head:
                found.append(head)
        elif "-" in lower:
            found += lower.split("-")
        else:
            found.append(lower)
    made.words = tuple(map(intern, found))
    made.entities = tuple(dict.fromkeys(entities))
    _sort_words(made)


def _inside(text: str, start: int) -> bool:
    """Whether a word that begins at ``start`` is not the first of a sentence."""
    while start:
        start -= 1
        if not text[start].isspace() and text[start] not in "\"'“(":
            return text[start] not in _SENTENCE_END
    return False


def _sort_words(made: Prepared) -> None:
    numbers: list[str] = []
    units: list[str] = []
    content: dict[str, None] = {}
    plain: dict[str, None] = {}
    negations = tense = 0
    question = ""
    pending: int | None = None  # of number words: the value so far
    after_number = False
    for word in made.words:
        value = w.NUMBERS.get(word)
        scale = w.SCALES.get(word)
        if value is not None or (scale and (pending is not None or after_number)):
            if scale:
                base = pending if pending is not None else _whole(numbers.pop()) if numbers else 1
                pending = base * scale
            elif value is not None:
                pending = value if pending is None else pending + value
            continue
        if pending is not None:
            numbers.append(str(pending))
            pending = None
            after_number = True
        if word[0].isdigit():
            numbers.append(_number(word))
            after_number = True
            continue
        unit = w.UNITS.get(word) or (w.UNITS_AFTER_NUMBER.get(word) if after_number else None)
        after_number = False
        if unit:
            units.append(unit)
        elif word in w.NEGATIONS:
            negations += 1
        elif word in w.FUNCTION:
            plain[word] = None
            if not question and word in w.QUESTIONS:
                question = word
            tense += (word in w.PRESENT) - (word in w.PAST)
        else:
            content[stem(word)] = None
    if pending is not None:
        numbers.append(str(pending))
    made.numbers, made.units = tuple(numbers), tuple(units)
    made.content, made.plain = tuple(content), tuple(plain)
    made.negations, made.question, made.tense = negations, question, tense


def _whole(number: str) -> int:
    return int(number) if number.isdigit() and len(number) < 16 else 1


def _number(token: str) -> str:
    """``1,000.50`` -> ``1000.5``; ``5:00`` -> ``5``."""
    token = token.replace(",", "").removesuffix(":00")
    if "." in token:
        token = token.rstrip("0").rstrip(".")
    return token.lstrip("0") or "0"


def _grams(found: tuple[str, ...]) -> int:
    """Letter triples of each word, hashed to bits."""
    bits = 0
    for word in found:
        bits |= _word_grams(word) if len(word) <= USUAL else _word_grams.__wrapped__(word)
    return bits


@lru_cache(maxsize=8_192)
def _word_grams(word: str) -> int:
    """By arithmetic, since ``hash`` differs from process to process."""
    bits = 0
    a, b = 32, 32
    for letter in word:
        c = ord(letter)
        bits |= 1 << ((a * 961 + b * 31 + c) & 511)
        a, b = b, c
    return bits | 1 << ((a * 961 + b * 31 + 32) & 511)


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A rough English stem: enough to see that *cards* and *card*, *charged* and *charge* are one."""
    size = len(word)
    if size > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif size > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        word = word[:-2]
    elif size > 3 and word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = _undouble(word[:-3])
    elif len(word) > 4 and word.endswith("ed"):
        word = _undouble(word[:-2])
    if len(word) > 5 and word.endswith("ly"):
        word = word[:-2]
    if len(word) > 3 and word[-1] == "e":
        word = word[:-1]
    return intern(word)


def _undouble(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word
