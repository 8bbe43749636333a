"""What a head and a model's terms say; no trick with a header makes two questions one."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.cache.config import CacheConfig, ClassConfig, ModelCacheConfig
from penstock.cache.policy import MOST_MODELS, Plan, Policy, tags_of
from penstock.core.errors import CallerError
from penstock.wire.asked import Asked
from tests.support.caching import exchange

Fields = list[tuple[bytes, bytes]]


def policy(**fields: Any) -> Policy:
    return Policy(CacheConfig(**fields), lambda model: ("m*", b"shape") if model.startswith("m") else None)


def plan(*headers: tuple[bytes, bytes], query: bytes = b"", **fields: Any) -> Plan:
    one = exchange(headers=headers)
    one.call.query = query
    return policy(**fields).plan(one.call)


def test_what_a_plain_head_says() -> None:
    made = plan((b"user-agent", b"x"), (b"content-type", b"application/json"), (b"authorization", b"Bearer k"))
    assert (made.mode, made.classification, made.tags, made.allowed) == ("", "", (), True)
    assert made.bound == plan().bound


@pytest.mark.parametrize("mode", ["bypass", "refresh", "only", "Bypass"])
def test_modes(mode: str) -> None:
    assert plan((b"x-penstock-cache", mode.encode())).mode == mode.lower()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-penstock-cache", b"maybe")],
        [(b"x-penstock-cache", b"only"), (b"x-penstock-cache", b"bypass")],
        [(b"x-penstock-classification", b"top-secret")],
        [(b"x-penstock-classification", b"public"), (b"x-penstock-classification", b"no-store")],
        [(b"x-penstock-tags", b"a b")],
        [(b"x-penstock-tags", b"x" * 65)],
        [(b"x-penstock-tags", b",".join(b"t%d" % number for number in range(17)))],
        [(b"x-penstock-tags", b"%d" % number) for number in range(17)],
        [(b"x-penstock-tags", b"\xc3\xa4")],
        [(b"x-penstock-tags", b"a\x00b")],
    ],
)
def test_what_says_nothing_known_is_refused(headers: Fields) -> None:
    with pytest.raises(CallerError) as refused:
        plan(*headers)
    assert refused.value.code == "bad_header"
    assert refused.value.status == 400


def test_tags() -> None:
    one = exchange(headers=[(b"x-penstock-tags", b"b, a,,b"), (b"x-penstock-tags", b"c:1")])
    assert tags_of(one.call) == ("a", "b", "c:1")


def test_a_class_may_only_tighten() -> None:
    classes = {"short": ClassConfig(ttl=60.0), "never": ClassConfig(store=False)}
    bounds = set()
    for name, ttl, allowed in [(b"", float("inf"), True), (b"short", 60.0, True), (b"never", float("inf"), False)]:
        made = plan(*([(b"x-penstock-classification", name)] if name else []), classifications=classes)
        assert (made.ttl, made.allowed) == (ttl, allowed)
        bounds.add(made.bound)
    assert len(bounds) == 3  # no class answers for another
    assert not plan((b"x-penstock-classification", b"confidential")).allowed


@pytest.mark.parametrize(
    "field",
    [
        (b"anthropic-version", b"2023-06-01"), (b"anthropic-beta", b"x"), (b"openai-beta", b"assistants=v2"),
        (b"x-provider-routing", b"eu"), (b"x-model-version", b"7"),
    ],
)  # fmt: skip
def test_fields_that_may_shape_the_answer_count(field: tuple[bytes, bytes]) -> None:
    assert plan(field).bound != plan().bound
    assert plan(field).bound != plan((field[0], field[1] + b"2")).bound
    assert plan(field, ignore_headers=[field[0].decode()]).bound == plan().bound


@pytest.mark.parametrize(
    "field",
    [
        (b"user-agent", b"x"), (b"traceparent", b"00-1-2-01"), (b"x-stainless-retry-count", b"1"), (b"accept", b"*/*"),
        (b"x-penstock-session", b"s"), (b"authorization", b"Bearer x"), (b"x-api-key", b"k"), (b"cookie", b"c"),
        (b"x-forwarded-for", b"10.0.0.1"), (b"connection", b"keep-alive"), (b"content-length", b"7"),
        (b"x-penstock-tags", b"a"), (b"host", b"h"),
    ],
)  # fmt: skip
def test_fields_that_do_not_reach_or_do_not_shape_do_not(field: tuple[bytes, bytes]) -> None:
    assert plan(field).bound == plan().bound


def test_fields_cannot_run_into_each_other_or_into_the_query() -> None:
    bounds = {
        plan((b"a", b"b"), (b"c", b"d")).bound,
        plan((b"a", b"b, c: d")).bound,
        plan((b"a", b"")).bound,
        plan(query=b"a=b").bound,
        plan(query=b"a: b").bound,
        plan((b"a", b"b")).bound,
    }
    assert len(bounds) == 6
    assert plan((b"a", b"b"), (b"c", b"d")).bound == plan((b"c", b"d"), (b"a", b"b")).bound


@pytest.mark.parametrize(
    ("fields", "config", "takes"),
    [
        ({}, {}, True),
        ({"temperature": 0.7}, {}, False),
        ({"temperature": None}, {}, False),
        ({"temperature": None}, {"unset_temperature": True}, True),
        ({"temperature": 0.7}, {"temperature": 1.0}, True),
        ({"temperature": None}, {"temperature": 1.0}, False),
        ({}, {"models": {"m*": ModelCacheConfig(enabled=False)}}, False),
        ({}, {"models": {"other": ModelCacheConfig(enabled=False)}}, True),
        ({"temperature": 0.7}, {"models": {"m*": ModelCacheConfig(temperature=0.7)}}, True),
        ({"temperature": None}, {"models": {"m*": ModelCacheConfig(unset_temperature=True)}}, True),
    ],
)
def test_terms_of_temperature(fields: dict[str, Any], config: dict[str, Any], takes: bool) -> None:
    one = exchange(**fields)
    terms = policy(**config).terms("m-7")
    assert terms is not None
    assert terms.pattern == "m*"
    assert terms.takes(one.call) is takes


def test_embeddings_have_no_temperature() -> None:
    terms = policy().terms("m")
    assert terms is not None
    assert terms.takes(exchange(operation="embeddings", temperature=None, input="x").call)


@pytest.mark.parametrize(
    ("asked", "config", "takes"),
    [
        ({}, {}, True),
        ({"effects": True}, {}, False),
        ({"tools": True}, {}, True),
        ({"tools": True}, {"tools": False}, False),
        ({"fields": {"messages": [{"content": [{"type": "image_url"}]}]}}, {}, True),
        ({"fields": {"messages": [{"content": [{"type": "image_url"}]}]}}, {"images": False}, False),
        ({"tools": True}, {"models": {"m*": ModelCacheConfig(tools=False)}}, False),
    ],
)
def test_terms_of_the_whole_question(asked: dict[str, Any], config: dict[str, Any], takes: bool) -> None:
    given = {"digest": b"d", "fields": {}, "deterministic": True, "effects": False, "tools": False} | asked
    terms = policy(**config).terms("m")
    assert terms is not None
    assert terms.takes_asked(Asked(**given)) is takes


def test_names_that_callers_make_up_are_not_all_remembered() -> None:
    one = policy()
    for number in range(3 * MOST_MODELS):
        assert one.terms(f"m{number}") is not None
    assert one.terms("unknown") is None
    assert len(one._terms) <= MOST_MODELS
