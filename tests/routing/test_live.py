from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import Config
from penstock.core.errors import CallerError
from penstock.routing.config import RoutingConfig
from penstock.routing.discovery.instances import Instance
from penstock.routing.live import (
    MOST_EDITS,
    Edit,
    Live,
    added,
    changed,
    family,
    in_force,
    members,
    rebased,
    removed,
    reset,
    told,
    with_found,
)

FILE = """
upstreams:
  a: {kind: vllm, base_url: "http://10.0.0.1/v1", api_key: sk-of-the-file}
  b: {kind: echo, weight: 2, drain: true}
  d: {kind: vllm, discover: {file: f}, weight: 2}
models:
  m: {upstreams: [a, b]}
  n: {upstreams: [d]}
"""
NEW = '{"kind":"vllm","base_url":"http://10.0.0.9/v1","api_key":"sk-of-the-change"}'


def written(text: str = FILE) -> RoutingConfig:
    return Config.parse(text, "c.yaml", {}).of(RoutingConfig)


def serving(live: Live, text: str = FILE) -> dict[str, tuple[int, bool]]:
    """Weight and drain of what serves."""
    routing = in_force(written(text), live)
    return {
        name: (routing.upstreams[name].weight, routing.upstreams[name].drain)
        for names in members(routing).values()
        for name in names
    }


FOUND = with_found(Live(), "d", (Instance("10.1.0.1", 8000), Instance("::1", 8001, 3)))


def test_without_changes_the_file_is_in_force_as_it_is() -> None:
    own = written("upstreams: {a: {kind: echo}}\nmodels: {m: {upstreams: [a]}}\n")
    assert in_force(own, Live()) is own


def test_weigh_and_drain_and_back_again() -> None:
    live = changed(Live(), written(), "a", weight=7)
    live = changed(live, written(), "a", drain=True)
    assert serving(live)["a"] == (7, True)
    assert told(live) == [{"upstream": "a", "weight": 7, "drain": True}]
    live = changed(live, written(), "a", drain=False)
    live = changed(live, written(), "a", weight=1)
    assert live == Live()  # what the file says anyway is no change
    assert serving(changed(Live(), written(), "b", drain=False))["b"] == (2, False)


def test_one_is_added_to_models_weighed_and_taken_out() -> None:
    live = added(Live(), written(), "c", NEW, ("m", "n"))
    routing = in_force(written(), live)
    assert routing.models["m"].upstreams == ["a", "b", "c"]
    assert routing.models["n"].upstreams == ["d", "c"]
    assert routing.upstreams["c"].api_key == "sk-of-the-change"
    live = changed(live, written(), "c", weight=3)
    assert serving(live)["c"] == (3, False)
    live = added(live, written(), "c", NEW, ("n",))  # given anew, all of it
    assert (serving(live)["c"], in_force(written(), live).models["m"].upstreams) == ((1, False), ["a", "b"])
    assert removed(live, written(), "c") == Live()


def test_one_of_the_file_is_taken_out_and_comes_back() -> None:
    live = removed(Live(), written(), "a")
    assert "a" not in serving(live)
    assert in_force(written(), live).models["m"].upstreams == ["b"]
    with pytest.raises(CallerError, match="it was removed, and comes back by reset"):
        changed(live, written(), "a", drain=True)
    assert reset(live, written(), "a") == Live()


def test_what_was_found_stands_beside_the_upstream_that_stands_for_it() -> None:
    routing = in_force(written(), FOUND)
    assert members(routing) == {"a": ["a"], "b": ["b"], "d": ["d@10.1.0.1:8000", "d@[::1]:8001"]}
    one, other = (routing.upstreams[name] for name in members(routing)["d"])
    assert (one.url, one.weight, other.url, other.weight) == ("http://10.1.0.1:8000/v1", 2, "http://[::1]:8001/v1", 6)
    assert routing.models["n"] == written().models["n"]  # a model stays as it is while instances come and go
    assert members(in_force(written(), Live()))["d"] == []
    assert family("d@[::1]:8001") == "d"


def test_an_instance_of_a_named_service_keeps_its_name() -> None:
    text = FILE.replace("discover: {file: f}", "discover: {file: f}, base_url: 'https://models.example/api/v1'")
    one = in_force(written(text), FOUND).upstreams["d@10.1.0.1:8000"]
    assert (one.base_url, one.address) == ("https://models.example/api/v1", "10.1.0.1:8000")


def test_an_instance_is_drained_and_weighed_until_it_vanishes() -> None:
    live = changed(FOUND, written(), "d@10.1.0.1:8000", drain=True)
    live = changed(live, written(), "d@10.1.0.1:8000", weight=9)
    assert serving(live)["d@10.1.0.1:8000"] == (9, True)
    assert serving(live)["d@[::1]:8001"] == (6, False)
    assert (
        changed(changed(FOUND, written(), "d@10.1.0.1:8000", drain=True), written(), "d@10.1.0.1:8000", drain=False)
        == FOUND
    )
    gone = with_found(live, "d", (Instance("10.1.0.2", 8000),))
    assert gone.edits == {}
    all_of_it = changed(FOUND, written(), "d", drain=True)
    assert {drain for name, (_, drain) in serving(all_of_it).items() if name.startswith("d@")} == {True}


def test_another_file_ends_the_changes_of_what_it_changed_only() -> None:
    live = changed(Live({}, FOUND.found), written(), "a", weight=5)
    live = changed(live, written(), "b", weight=6)
    live = changed(live, written(), "d@10.1.0.1:8000", weight=9)
    live = added(live, written(), "c", NEW, ("m",))
    same, ended = rebased(live, written(FILE + "  o: {upstreams: [a]}\n"))
    assert (same, ended) == (live, [])
    other = FILE.replace("10.0.0.1", "10.0.0.2")
    after, ended = rebased(live, written(other))
    assert (set(after.edits), ended) == ({"b", "d@10.1.0.1:8000", "c"}, ["a"])
    assert serving(after, other)["a"] == (1, False)
    with_c = FILE.replace("  b: {", "  c: {kind: echo}\n  b: {")
    assert rebased(live, written(with_c))[1] == ["c"]
    elsewhere = FILE.replace("discover: {file: f}", "discover: {file: g}")
    after, ended = rebased(live, written(elsewhere))
    assert (ended, after.found) == (["d@10.1.0.1:8000"], FOUND.found)  # those known serve until the new place tells
    plain = FILE.replace("discover: {file: f}", "base_url: 'http://10.0.0.3/v1'")
    assert rebased(live, written(plain))[0].found == {}


def test_a_model_that_has_vanished_is_no_longer_joined() -> None:
    live = added(Live(), written(), "c", NEW, ("m", "n"))
    less = FILE.replace("  n: {upstreams: [d]}\n", "")
    routing = in_force(written(less), rebased(live, written(less))[0])
    assert list(routing.models) == ["m"]
    assert routing.models["m"].upstreams == ["a", "b", "c"]


CANARY = FILE.replace("n: {upstreams: [d]}", "n: {upstreams: [a], canary: {upstreams: [b], upstream_model: x}}")


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (lambda w: changed(Live(), w, "A", drain=True), 404, r'there is no upstream "A"; did you mean "a"\?'),
        (lambda w: changed(Live(), w, "a", weight=0), 422, r'upstreams\.a\.weight = "0": must be from 1 to 10000'),
        (lambda w: changed(Live(), w, "a", weight=10_001), 422, "must be from 1 to 10000"),
        (lambda w: added(Live(), w, "a", NEW, ()), 409, 'upstream "a" stands in the config file'),
        (lambda w: added(Live(), w, "c", NEW, ("mm",)), 422, r'models: unknown model "mm"; did you mean "m"\?'),
        (lambda w: added(Live(), w, "c", NEW, ("x" * 9,)), 422, "known are m, n"),
        (lambda w: removed(Live(), w, "d"), 422, 'model "n" has no upstream'),
        (lambda w: removed(FOUND, w, "d@10.1.0.1:8000"), 422, "found by discovery and would be found again; drain it"),
        (lambda w: removed(Live(), w, "nobody"), 404, 'there is no upstream "nobody"'),
        (lambda w: reset(Live(), w, "nobody"), 404, 'there is no upstream "nobody"'),
        (lambda w: changed(Live(), w, "d@10.9.9.9:1", drain=True), 404, "there is no upstream"),
    ],
)
def test_what_cannot_be_is_refused_in_the_words_of_check(
    change: Callable[[RoutingConfig], Live], status: int, said: str
) -> None:
    with pytest.raises(CallerError, match=said) as caught:
        change(written())
    assert caught.value.status == status


def test_what_has_a_version_on_trial_is_not_taken_out() -> None:
    with pytest.raises(CallerError, match=r'models\.n\.canary: upstream "b" has its version on trial'):
        removed(Live(), written(CANARY), "b")


def test_there_is_an_end_to_changes() -> None:
    live = Live({f"c{number}": Edit(base="", added='{"kind":"echo"}') for number in range(MOST_EDITS)})
    with pytest.raises(CallerError, match="more than 1000 live changes"):
        added(live, written(), "one-more", '{"kind":"echo"}', ())


def test_what_is_told_of_changes_holds_no_secret_and_they_travel_as_plain_values() -> None:
    live = removed(added(FOUND, written(), "c", NEW, ("m",)), written(), "b")
    assert told(live) == [{"upstream": "c", "added": True, "models": ["m"]}, {"upstream": "b", "removed": True}]
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(live)), Live) == live


VERBS = st.sampled_from(["weigh", "drain", "undrain", "add", "remove", "reset", "find"])


@given(st.lists(st.tuples(VERBS, st.sampled_from(["a", "b", "c", "d", "d@h:1"]), st.integers(1, 3)), max_size=12))
def test_whatever_is_done_every_model_keeps_an_upstream_and_undoing_all_leaves_the_file(
    deeds: list[tuple[str, str, int]],
) -> None:
    own = written()
    live = Live()
    acts: dict[str, Callable[[str, int], Live]] = {
        "weigh": lambda name, number: changed(live, own, name, weight=number),
        "drain": lambda name, number: changed(live, own, name, drain=True),
        "undrain": lambda name, number: changed(live, own, name, drain=False),
        "add": lambda name, number: added(live, own, name, NEW, ("m",)),
        "remove": lambda name, number: removed(live, own, name),
        "reset": lambda name, number: reset(live, own, name),
        "find": lambda name, number: with_found(live, "d", (Instance("h", number),)),
    }
    for verb, name, number in deeds:
        try:
            live = acts[verb](name, number)
        except CallerError:
            continue
    routing = in_force(own, live)
    assert all(model.upstreams for model in routing.models.values())
    assert all(name in routing.upstreams for model in routing.models.values() for name in model.upstreams)
    assert set(members(routing)) == {family(name) for name in routing.upstreams}
    for name in list(live.edits):
        live = reset(live, own, name)
    assert in_force(own, Live(live.edits)) is own or own == in_force(own, Live(live.edits))
    assert live.edits == {}


def test_the_base_is_the_secrets_too() -> None:
    live: Any = changed(Live(), written(), "a", weight=5)
    other = FILE.replace("sk-of-the-file", "sk-another")
    assert rebased(live, written(other))[1] == ["a"]
