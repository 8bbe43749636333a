import json
from typing import Any

import pytest

from penstock.scaling.actuators.signal_config import SignalConfig
from penstock.scaling.advice import Advice
from penstock.scaling.config import PoolConfig
from penstock.scaling.control.ruling import Ruling
from penstock.scaling.control.service import Pool
from penstock.scaling.resizing import Asked, Wish, asked, wanted
from penstock.scaling.size import Size
from penstock.scaling.vertical_config import CountConfig, VerticalConfig
from tests.scaling.control.test_ruling import Says

ON = VerticalConfig(mode="suggest", slots=CountConfig(min=1, max=8))


def pool(vertical: VerticalConfig = ON) -> Pool:
    return Pool(Ruling(PoolConfig(signal=SignalConfig(), vertical=vertical), Says(1), 0.0))


def advised(name: str, dimension: str, wants: float, does: Any = "more") -> Advice:
    return Advice("x", 1, wants, "", does, f"{dimension} is short", "apply", {}, "", name, dimension)


def ask(body: Any, *names: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return asked({"do": "apply", "body": text, "by": "key_1"}, {name: pool() for name in names or ("gpu",)})


def test_what_people_may_ask() -> None:
    assert ask("") == Asked(by="key_1")
    assert ask({"pool": "gpu", "dry_run": True}) == Asked("gpu", None, True, "key_1")
    assert ask({"size": {"slots": "4"}}) == Asked("gpu", Size(slots=4), False, "key_1"), "there is but one pool"
    assert ask({"pool": "b", "size": {"memory": "2GiB", "cpu": 4}}, "a", "b").size == Size(memory=2**31, cpu=4.0)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("{", 400, "the body is JSON"),
        ([], 400, "the body is JSON"),
        ({"pool": "x"}, 404, 'there is no pool "x"'),
        ({"size": {"slots": 4}}, 400, "a size is that of one pool: say which"),
        ({"pool": "a", "size": {"slots": "many"}}, 400, "slots is a whole number"),
        ({"pool": "a", "size": {"wheels": 4}}, 400, '"wheels" is nothing that a replica has'),
        ({"pool": "a", "size": 4}, 400, "the body is JSON"),
        ({"dry_run": "yes"}, 400, "the body is JSON"),
        ({"dryrun": True}, 400, '"dryrun" is not known'),
    ],
)
def test_a_wrong_question_is_told(body: Any, status: int, says: str) -> None:
    told = ask(body, "a", "b")
    assert (told["status"], says in told["problems"][0]) == (status, True), told


def test_only_apply_is_known() -> None:
    assert asked({"do": "undo"}, {})["status"] == 404  # type: ignore[index, call-overload]


def test_what_is_advised_of_a_pool_is_done_together() -> None:
    advice = [
        advised("a", "slots", 4), advised("a", "context", 512), advised("b", "slots", 2, "less"),
        advised("c", "slots", 3, "keep"), advised("", "", 3),
    ]  # fmt: skip
    pools = {name: pool() for name in "abc"}
    assert wanted(Asked(), advice, pools) == [
        Wish("a", Size(slots=4, context=512), "slots is short; context is short"),
        Wish("b", Size(slots=2), "slots is short"),
    ]
    assert [one.pool for one in wanted(Asked("b"), advice, pools)] == ["b"]
    assert wanted(Asked("c"), advice, pools) == []


def test_a_persons_size_goes_before_advice() -> None:
    wishes = wanted(Asked("a", Size(slots=9), by="key_1"), [advised("a", "slots", 4)], {"a": pool()})
    assert wishes == [Wish("a", Size(slots=9), "asked for by key_1")]


def test_a_pool_that_is_asked_for_and_may_not_be_is_told_so() -> None:
    off = {"a": pool(VerticalConfig())}
    assert wanted(Asked("a"), [], off) == [Wish("a", Size(), "nothing is advised")]
    assert wanted(Asked(), [], off) == []
    blind = pool()
    blind.told = {"standing": {"unsized": "it may not look"}}
    assert wanted(Asked("a"), [], {"a": blind}) == [Wish("a", Size(), "nothing is advised")]
