import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.journal.patterns import MOST_CHARACTERS, MOST_PROMPTS, Patterns, shingles, template_of


def chat(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0} | more).encode()


def gathered(*bodies: bytes, **bounds: int) -> Patterns:
    patterns = Patterns(**bounds)
    for body in bodies:
        patterns.add(body, "chat", "m", "key-1")
    return patterns


def test_what_changes_from_call_to_call_is_a_slot() -> None:
    for text, template in [
        ("What is the status of order 12345?", "what is the status of order {number}"),
        ("Order #4711 and invoice A-99812-x", "order {id} and invoice {id}"),
        ('Translate "good morning" to French!', "translate {quote} to french"),
        ("Translate “good morning” to   French", "translate {quote} to french"),
        ("Don't say it's 'over the top', please", "don't say it's {quote}, please"),
        ("mail ann.b+c@example.org the page https://example.org/a?b=1", "mail {email} the page {url}"),
        ("From 2026-11-26 10:30 to 3.12.2026", "from {date} to {date}"),
        ("It costs 1,299.50 or -3", "it costs {number} or {number}"),
        ("id 550e8400-e29b-41d4-a716-446655440000", "id {id}"),
        ("use `os.path` here", "use {quote} here"),
        ("", ""),
    ]:
        assert template_of(text) == template


@given(st.text(max_size=3000))
def test_a_template_is_bounded_and_made_again_the_same(text: str) -> None:
    template = template_of(text)
    assert template == template_of(text)
    assert len(template) <= 12 * MOST_CHARACTERS
    assert shingles(template)


@given(st.sampled_from(["a@", "1.", "'", '"', "#1", "a1-", "{", "http://", "\u201c", "\u0661", "-", "_1a"]))
def test_hostile_text_costs_no_more_than_other_text(piece: str) -> None:
    began = time.process_time()
    template_of(piece * 2000)
    assert time.process_time() - began < 2


def test_the_commonest_come_first_with_their_prompts() -> None:
    orders = [chat(f"where is order {number}?") for number in (1, 2, 2, 2, 3)]
    found = gathered(*orders, *[chat("tell me a joke")] * 3, chat("something rare")).commonest(2)
    assert [(one.template, one.count) for one in found] == [("where is order {number}", 5), ("tell me a joke", 3)]
    assert [count for count, _ in found[0].prompts] == [3, 1, 1]
    assert json.loads(found[0].prompts[0][1])["messages"][0]["content"] == "where is order 2?"


def test_templates_that_are_mostly_the_same_are_one_pattern() -> None:
    found = gathered(
        *[chat("how do I reset my password in the mobile app")] * 3,
        chat("please, how do I reset my password in the mobile app"),
        chat("how do I reset my password in the mobile app now"),
        chat("how do I delete my account"),
    ).commonest(10)
    assert [(one.template, one.count) for one in found] == [
        ("how do i reset my password in the mobile app", 5),
        ("how do i delete my account", 1),
    ]


def test_what_is_asked_of_another_frame_is_another_pattern() -> None:
    system = {"role": "system", "content": "be brief"}
    other = json.dumps({"model": "m", "messages": [system, {"role": "user", "content": "hi"}], "temperature": 0})
    found = gathered(chat("hi"), chat("hi", max_tokens=5), other.encode()).commonest(10)
    assert [(one.template, one.count) for one in found] == [("hi", 1)] * 3


def test_what_says_for_whom_makes_no_other_pattern_and_is_not_kept() -> None:
    found = gathered(chat("hi", user="ann"), chat("hi", user="bob", stream=True)).commonest(10)
    assert [one.count for one in found] == [2]
    assert b"ann" not in found[0].prompts[0][1]


def test_scopes_models_and_operations_stay_apart() -> None:
    patterns = Patterns()
    for operation, model, scope in [("chat", "m", "a"), ("chat", "m", "b"), ("chat", "n", "a"), ("messages", "m", "a")]:
        patterns.add(chat("hi"), operation, model, scope)
    assert len(patterns.commonest(10)) == 4


def test_what_has_no_prompt_is_passed_over() -> None:
    patterns = Patterns()
    for body in (b"", b"{", b"[]", b'{"messages": []}', chat("  "), b'{"messages": [{"role": "user", "content": 7}]}'):
        assert not patterns.add(body, "chat", "m", "s")
    assert (patterns.calls, patterns.commonest(5)) == (0, [])


def test_prompts_of_one_template_are_bounded_and_their_count_is_not() -> None:
    (found,) = gathered(*[chat(f"order {number}") for number in range(100)]).commonest(5)
    assert (found.count, len(found.prompts)) == (100, MOST_PROMPTS)


def test_when_there_are_too_many_the_rarer_half_is_forgotten_and_counted() -> None:
    common = [chat("the common question of all")] * 5
    words = [chat(f"{chr(97 + n // 26)}{chr(97 + n % 26)} is something else") for n in range(40)]
    patterns = gathered(*common, *words, most_templates=20)
    found = patterns.commonest(1)
    assert (found[0].template, found[0].count) == ("the common question of all", 5)
    assert patterns.dropped > 0
    assert sum(one.count for one in patterns.commonest(100)) + patterns.dropped == 45


def test_bytes_are_bounded() -> None:
    bodies = [chat(f"{chr(97 + n % 26) * 3} {chr(97 + n // 26) * 3} " + "x" * 5000) for n in range(200)]
    patterns = gathered(*bodies, most_bytes=100_000)
    held = sum(len(body) for one in patterns.commonest(1000) for _, body in one.prompts)
    assert held < 110_000


def test_many_patterns_are_found_in_reasonable_time() -> None:
    words = ["alpha", "beta", "gamma", "delta", "omega", "kappa", "sigma", "theta"]
    bodies = [
        chat(" ".join(words[(n >> shift) % 8] for shift in range(0, 12, 3)) + " how is it done") for n in range(4096)
    ]
    patterns = gathered(*bodies)
    began = time.process_time()
    assert sum(one.count for one in patterns.commonest(5000)) == 4096
    assert time.process_time() - began < 20
