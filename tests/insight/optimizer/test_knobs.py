import pytest

from penstock.config import Config
from penstock.insight.optimizer.knobs import KNOBS, bounds_of, knob_of
from penstock.insight.optimizer.measures import MEASURES

FILE = "upstreams: {a.b: {kind: echo, max_in_flight: 8}}\nmodels: {m: {upstreams: [a.b]}}\n"
FORBIDDEN = (
    "key",
    "url",
    "address",
    "path",
    "file",
    "secret",
    "auth",
    "host",
    "port",
    "header",
    "proxy",
    "cert",
    "mode",
)


def test_a_knob_is_found_by_its_key_and_a_star_stands_for_a_name() -> None:
    weight = knob_of("upstreams.a.b.weight")
    assert weight is not None
    assert (weight.key, weight.names("upstreams.a.b.weight")) == ("upstreams.*.weight", "a.b")
    assert weight.key_of("x") == "upstreams.x.weight"
    for unknown in ("upstreams..weight", "upstreams.weight", "auth.mode", "listen.port", "upstreams.a.api_key", ""):
        assert knob_of(unknown) is None


def test_every_knob_is_a_plain_number_of_the_config_and_none_that_could_let_somebody_in() -> None:
    config = Config.parse(FILE, "c.yaml", {})
    for knob in KNOBS:
        value, shape = config.find(knob.key_of("a.b"))
        assert isinstance(value, int | float), knob.key
        assert not shape.hides
        assert shape.path is None
        assert not any(word in part for part in knob.key.split(".") for word in FORBIDDEN), knob.key
        assert {knob.metric, *knob.guards} <= MEASURES.keys()
        assert knob.read(knob.write(float(value))) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [("cache.memory", "45MiB"), ("batching.max_wait", "12ms"), ("admission.limit", "7"), ("hedge.percentile", "0.9")],
)
def test_values_are_written_as_a_file_has_them(key: str, text: str) -> None:
    knob = knob_of(key)
    assert knob is not None
    assert knob.write(knob.read(text)) == text


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e999", "x", ""])
def test_what_is_no_number_is_refused(text: str) -> None:
    for key in ("cache.memory", "admission.limit", "hedge.percentile", "batching.max_wait"):
        knob = knob_of(key)
        assert knob is not None
        with pytest.raises(ValueError):
            knob.read(text)


def test_reckoned_values_are_round() -> None:
    memory, wait = knob_of("cache.memory"), knob_of("batching.max_wait")
    assert memory is not None
    assert wait is not None
    assert memory.write(memory.rounded(45.2 * 2**20)) == "45MiB"
    assert wait.rounded(0.0141421356) == 0.0141


def test_bounds_are_the_configs_or_multiples_of_the_files_or_none() -> None:
    wait, ttl, limit = (knob_of(key) for key in ("batching.max_wait", "cache.exact.ttl", "admission.limit"))
    assert wait is not None
    assert ttl is not None
    assert limit is not None
    assert bounds_of(wait, "batching.max_wait", 0.01, {"batching.max_wait": ["1ms", "2s"]}) == (0.001, 2.0)
    assert bounds_of(wait, "batching.max_wait", 0.01, {}) == (0.0025, 0.04)
    assert bounds_of(ttl, "cache.exact.ttl", 3600, {}) is None
    assert bounds_of(limit, "admission.limit", 1, {}) == (1.0, 2.0)
    weight = knob_of("upstreams.a.weight")
    assert weight is not None
    assert bounds_of(weight, "upstreams.a.weight", 1, {"upstreams.*.weight": ["1", "9"]}) == (1.0, 9.0)
    assert bounds_of(
        weight, "upstreams.a.weight", 1, {"upstreams.*.weight": ["1", "9"], "upstreams.a.weight": ["2", "3"]}
    ) == (2.0, 3.0)


def test_on_its_scale_steps_of_a_knob_are_even() -> None:
    wait, share = knob_of("batching.max_wait"), knob_of("memory.collector.high")
    assert wait is not None
    assert share is not None
    assert wait.place(0.4) - wait.place(0.2) == pytest.approx(wait.place(0.02) - wait.place(0.01))
    assert wait.place(0.0) < wait.place(0.001)
    assert share.place(0.8) - share.place(0.75) == pytest.approx(0.05)
