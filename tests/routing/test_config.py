import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.config import Config
from penstock.core.settings import ConfigError
from penstock.routing.canary_config import CanaryConfig
from penstock.routing.capabilities import Capabilities
from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.upstream_config import UpstreamConfig

ECHO = {"e": UpstreamConfig(kind="echo")}


def models(**fallbacks: list[str]) -> RoutingConfig:
    entries = {name: ModelConfig(upstreams=["e"], fallbacks=list(after)) for name, after in fallbacks.items()}
    return RoutingConfig(upstreams=ECHO, models=entries)


def test_a_model_leads_to_itself_else_to_the_longest_prefix() -> None:
    routing = models(**{"a": [], "a*": [], "ab/*": [], "*": []})
    assert [routing.entry(name) for name in ("a", "ax", "ab/c", "ab/", "z")] == ["a", "a*", "ab/*", "ab/*", "*"]
    assert models(a=[]).entry("b") is None


def test_fallbacks_in_a_row_are_fine() -> None:
    assert list(models(a=["b", "c"], b=["c"], c=[]).check()) == []


@pytest.mark.parametrize(
    ("fallbacks", "circle"),
    [
        ({"a": ["a"]}, "a -> a"),
        ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, "a -> b -> c -> a"),
        ({"a": ["p/1"], "p/*": ["a"]}, "a -> p/* -> a"),
    ],
)
def test_a_circle_is_told_once(fallbacks: dict[str, list[str]], circle: str) -> None:
    ((place, message),) = models(**fallbacks).check()
    assert message == f"fallbacks go in a circle: {circle}"
    assert place == ("models", circle.split(" -> ")[0], "fallbacks")


def test_a_long_row_of_fallbacks_needs_no_deep_stack() -> None:
    row = {f"m{number}": [f"m{number + 1}"] for number in range(5000)}
    assert list(models(**row, m5000=[]).check()) == []


names = st.sampled_from("abcde")


@given(st.dictionaries(names, st.lists(names, max_size=3)))
def test_a_circle_is_found_exactly_when_there_is_one(fallbacks: dict[str, list[str]]) -> None:
    routing = models(**{name: [f for f in after if f in fallbacks] for name, after in fallbacks.items()})

    def circular(name: str, path: tuple[str, ...]) -> bool:
        return name in path or any(circular(after, (*path, name)) for after in routing.models[name].fallbacks)

    told = any("circle" in message for _, message in routing.check())
    assert told == any(circular(name, ()) for name in routing.models)


@pytest.mark.parametrize(
    ("canary", "wrong"),
    [
        (CanaryConfig(upstream_model="new"), []),
        (CanaryConfig(upstreams=["f"]), []),
        (CanaryConfig(), [("models", "m", "canary")]),
        (CanaryConfig(upstreams=["e"], upstream_model="old"), [("models", "m", "canary")]),
        (CanaryConfig(upstreams=["g"]), [("models", "m", "canary", "upstreams", 0)]),
    ],
)
def test_a_canary_differs_from_what_it_is_to_replace(canary: CanaryConfig, wrong: list[tuple[str, ...]]) -> None:
    model = ModelConfig(upstreams=["e"], upstream_model="old", canary=canary)
    config = RoutingConfig(upstreams=ECHO | {"f": UpstreamConfig(kind="echo")}, models={"m": model})
    assert [place for place, _ in config.check()] == wrong


def test_what_a_model_can_is_unknown_unless_said() -> None:
    text = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e], capabilities: {context: 8192, tools: false}}}\n"
    (model,) = Config.parse(text, "f", {}).of(RoutingConfig).models.values()
    assert model.capabilities == Capabilities(context=8192, tools=False)
    assert (model.capabilities.vision, model.capabilities.json_schema) == (None, None)


@pytest.mark.parametrize("wrong", ["context: 0", "tools: maybe", "vison: true"])
def test_capabilities_that_are_none_are_refused(wrong: str) -> None:
    text = f"upstreams: {{e: {{kind: echo}}}}\nmodels: {{m: {{upstreams: [e], capabilities: {{{wrong}}}}}}}\n"
    with pytest.raises(ConfigError, match="capabilities"):
        Config.parse(text, "f", {})


@pytest.mark.parametrize("wrong", ["percentile: 1", "percentile: 0.2", "budget: 1.5", "least_delay: 3"])
def test_hedges_out_of_bounds_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="hedge"):
        Config.parse(f"upstreams: {{e: {{kind: echo}}}}\nhedge: {{{wrong}}}\n", "f", {})


# ---- several keys


def keyed(**more: object) -> UpstreamConfig:
    return UpstreamConfig(kind="openai", **more)  # type: ignore[arg-type]


def test_all_keys_take_turns() -> None:
    assert keyed(api_key="a", api_keys=["b", "c"]).keys == ["a", "b", "c"]
    assert keyed(api_keys=["b", "c"]).keys == ["b", "c"]
    assert keyed().keys == []
    assert list(keyed(api_key="a", api_keys=["b", "c"]).check()) == []


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (keyed(api_keys=["a", "é"]), ("api_keys", 1)),
        (keyed(api_keys=["a", "b", "a"]), ("api_keys", 2)),
        (keyed(api_key="a", api_keys=["a"]), ("api_keys", 0)),
        (keyed(api_keys=[f"k{number}" for number in range(65)]), ("api_keys",)),
        (keyed(api_keys=["a", "b"], headers={"Authorization": "Bearer c"}), ("api_keys",)),
        (UpstreamConfig(kind="echo", api_keys=["a"]), ("api_keys",)),
    ],
)
def test_keys_that_cannot_take_turns(config: UpstreamConfig, place: tuple[str | int, ...]) -> None:
    ((found, message),) = config.check()
    assert found == place
    assert "é" not in message


# ---- regions


def placed(regions: list[str] | None = None, **models: ModelConfig) -> RoutingConfig:
    upstreams = {
        "eu": UpstreamConfig(kind="echo", region="eu"),
        "us": UpstreamConfig(kind="echo", region="us"),
        "somewhere": UpstreamConfig(kind="echo"),
    }
    return RoutingConfig(upstreams=upstreams, models=models, regions=regions or [])


def test_a_model_may_stay_in_its_regions() -> None:
    kept = ModelConfig(upstreams=["eu", "us", "somewhere"], regions=["eu"], fallbacks=["n"])
    assert list(placed(["eu", "elsewhere"], m=kept, n=ModelConfig(upstreams=["us", "eu"])).check()) == []


@pytest.mark.parametrize(
    ("config", "place", "said"),
    [
        (placed(["eu", "us", "eu"]), ("regions", 2), "listed twice"),
        (placed(m=ModelConfig(upstreams=["us", "somewhere"], regions=["eu"])), ("models", "m", "regions"), "outside"),
        (
            placed(m=ModelConfig(upstreams=["eu"], regions=["eu", "uss"])),
            ("models", "m", "regions", 1),
            'did you mean "us"?',
        ),
        (
            placed(m=ModelConfig(upstreams=["eu"], regions=["eu"], fallbacks=["n"]), n=ModelConfig(upstreams=["us"])),
            ("models", "m", "fallbacks", 0),
            "no upstream in the regions",
        ),
        (
            placed(
                m=ModelConfig(upstreams=["eu"], regions=["eu"], fallbacks=["n"]),
                n=ModelConfig(upstreams=["us", "eu"], regions=["us"]),
            ),
            ("models", "m", "fallbacks", 0),
            "no upstream in the regions",
        ),
    ],
)
def test_regions_that_leave_nobody(config: RoutingConfig, place: tuple[str | int, ...], said: str) -> None:
    ((found, message),) = config.check()
    assert found == place
    assert said in message
