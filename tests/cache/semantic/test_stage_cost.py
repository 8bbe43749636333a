"""How long a decision holds the loop, among many questions and with the real verifier."""

from __future__ import annotations

import itertools
import time
from functools import partial

from penstock.assemble_semantic import verifier_of
from penstock.cache.semantic.learning import Learners
from penstock.cache.semantic.question import Question
from tests.support.caching import WALL, entry, exchange
from tests.support.matching import Room, hashed

ACTS = ("block", "close", "compare", "explain", "export", "find", "merge", "print", "renew", "share", "track", "verify")
WHATS = ("account", "branch", "card", "claim", "deposit", "fee", "invoice", "loan", "order", "parcel", "rate", "refund")


def test_a_decision_holds_the_loop_for_less_than_two_milliseconds() -> None:
    room = Room()
    room.memory.learners = Learners(partial(verifier_of, room.config), "w")
    texts = [f"how can I {act} the {a} of my {b}" for act, a, b in itertools.product(ACTS, WHATS, WHATS)]
    questions = []
    for text in texts:
        question = Question(text, "chat", b"p" * 16, "m", room.embedder.version)
        question.vector = hashed(text)
        questions.append(question)
        kept = entry(text, partition=b"p" * 16, group=b"g" * 16, created=WALL)
        room.shelf.directory.put(kept)
        room.memory.hold(question, kept)
    assert len(room.memory.space) == len(texts) > 1500
    took = []
    for question in questions[:200]:
        began = time.thread_time()  # of this thread alone: a busy machine does not count
        room.matching._decide(exchange(), question)
        took.append(time.thread_time() - began)
    assert sorted(took)[150] < 0.002
    assert sum(room.memory.tally.lookups.values()) == 200
