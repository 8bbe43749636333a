"""Answers are dealt back exactly, or to nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.wire.counts import Usage
from penstock.wire.merged_answer import check, deal
from penstock.wire.merged_call import Part
from tests.support.batches import part
from tests.support.list_upstream import told_of, vector

texts = st.text(min_size=1, max_size=12)
lists = st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=6)


def answered(parts: list[Part], operation: str = "embeddings", **fields: Any) -> dict[str, Any]:
    items = [json.loads(bytes(item)) for one in parts for item in one.items]
    return told_of(operation, {"model": "m", **fields}, items)


def told(answer: Any, parts: list[Part]) -> list[Any]:
    return [json.loads(dealt.body) for dealt in deal(json.dumps(answer).encode(), parts)]


@given(lists, st.randoms(use_true_random=False))
def test_embeddings_in_whatever_order(given: list[list[str]], random: Any) -> None:
    parts = [part(items) for items in given]
    answer = answered(parts)
    used = answer["usage"]["prompt_tokens"]
    random.shuffle(answer["data"])
    found = told(answer, parts)
    for items, own in zip(given, found, strict=True):
        assert own["data"] == [
            {"object": "embedding", "index": at, "embedding": vector(item)} for at, item in enumerate(items)
        ]
        assert {name: own[name] for name in ("object", "model")} == {"object": "list", "model": "m"}
    assert sum(own["usage"]["prompt_tokens"] for own in found) == used


@given(lists, st.integers(1, 3))
def test_completions_with_copies(given: list[list[str]], copies: int) -> None:
    parts = [part(items, "completions", n=copies) for items in given]
    answer = answered(parts, "completions", n=copies)
    found = told(answer, parts)
    for items, own in zip(given, found, strict=True):
        expected = [f"{item}!{copy}" for item in items for copy in range(copies)]
        assert [choice["text"] for choice in own["choices"]] == expected
        assert [choice["index"] for choice in own["choices"]] == list(range(len(expected)))
    for name, amount in answer["usage"].items():
        assert sum(own["usage"][name] for own in found) == amount


@given(lists)
def test_moderations_by_their_place(given: list[list[str]]) -> None:
    parts = [part(items, "moderations") for items in given]
    found = told(answered(parts, "moderations"), parts)
    for items, own in zip(given, found, strict=True):
        assert [result["categories"]["said"] for result in own["results"]] == items


@given(st.lists(st.tuples(st.lists(texts, min_size=1, max_size=4), st.integers(0, 3)), min_size=2, max_size=5))
def test_ranks(given: list[tuple[list[str], int]]) -> None:
    parts = [part(items, "rerank", query="q", **({"top_n": most} if most else {})) for items, most in given]
    found = told(answered(parts, "rerank"), parts)
    for (items, most), own in zip(given, found, strict=True):
        results = own["results"]
        assert len(results) == min(most or len(items), len(items))
        assert all(result["document"]["text"] == items[result["index"]] for result in results)
        scores = [result["relevance_score"] for result in results]
        assert scores == sorted(scores, reverse=True)
        left = set(range(len(items))) - {result["index"] for result in results}
        assert all(vector(items[at])[1] / 8191 <= scores[-1] for at in left)
    assert sum(own["meta"]["billed_units"]["search_units"] for own in found) == 1


def test_bytes_of_a_result_are_the_upstreams() -> None:
    body = b'{"data":[{"embedding":[1.0e-3,  2.50],"index": 1},{"index":0,"embedding":"AAAA\\/w=="}],"model":"m"}'
    one, two = deal(body, [part("a"), part("b")])
    assert one.body == b'{"data":[{"index":0,"embedding":"AAAA\\/w=="}],"model":"m"}'
    assert two.body == b'{"data":[{"embedding":[1.0e-3,  2.50],"index":0}],"model":"m"}'
    assert one.usage is None


def test_ids_are_told_apart_and_usage_is_read() -> None:
    parts = [part("a b", "completions"), part("c d", "completions")]
    found = deal(json.dumps(answered(parts, "completions")).encode(), parts)
    assert [json.loads(dealt.body)["id"] for dealt in found] == ["cmpl-1-0", "cmpl-1-1"]
    assert [dealt.usage for dealt in found] == [Usage(2, 2), Usage(2, 2)]


def test_output_is_charged_by_what_was_said() -> None:
    parts = [part("a long prompt of many words", "completions"), part("b", "completions")]
    answer = answered(parts, "completions")
    answer["choices"][0]["text"], answer["choices"][1]["text"] = "x", "y" * 99
    answer["usage"] = {"prompt_tokens": 8, "completion_tokens": 100, "total_tokens": 108}
    usages = [dealt.usage for dealt in deal(json.dumps(answer).encode(), parts)]
    assert usages == [Usage(7, 1), Usage(1, 99)]


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer | {"data": answer["data"][:-1]},
        lambda answer: answer | {"data": [*answer["data"], answer["data"][0]]},
        lambda answer: answer | {"data": [answer["data"][0]] * 3},
        lambda answer: answer | {"data": [{**one, "index": one["index"] + 1} for one in answer["data"]]},
        lambda answer: answer | {"data": [{**one, "index": "0"} for one in answer["data"]]},
        lambda answer: answer | {"data": [{"embedding": one["embedding"]} for one in answer["data"]]},
        lambda answer: answer | {"data": {}},
        lambda answer: answer | {"texts": ["a", "b"]},
        lambda answer: answer | {"extra": {"said": "a"}},
        lambda answer: {"object": "list"},
        lambda answer: [answer, answer],
        lambda answer: "no",
    ],
)
def test_what_cannot_be_dealt_is_told_to_nobody(change: Any) -> None:
    parts = [part("a"), part(["b", "c"])]
    with pytest.raises(UpstreamError) as caught:
        deal(json.dumps(change(answered(parts))).encode(), parts)
    assert caught.value.code == "upstream_mismatched"


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff", b"{", b"[" * 5000])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamError):
        deal(body, [part("a"), part("b")])


def test_alone_it_is_only_counted() -> None:
    check(json.dumps(answered([part("a")]) | {"extra": {}}).encode(), part("a"))
    check(json.dumps(told_of("rerank", {"top_n": 1}, ["a", "b"])).encode(), part(["a", "b"], "rerank", top_n=1))
    with pytest.raises(UpstreamError, match="1 results for 2 items"):
        check(json.dumps(answered([part("a")])).encode(), part(["a", "b"]))


def test_a_number_below_one_is_no_share() -> None:
    parts = [part("a"), part("b")]
    answer = answered(parts) | {"usage": {"prompt_tokens": 0, "total_tokens": 0}, "timings": {"ms": 3}}
    assert [own["usage"]["prompt_tokens"] for own in told(answer, parts)] == [0, 0]
    assert "timings" not in told(answer, parts)[0]
