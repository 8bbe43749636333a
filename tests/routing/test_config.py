import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.config import ModelConfig, RoutingConfig
from penstock.routing.upstream_config import BASE_URLS, ReplicasConfig, UpstreamConfig

ECHO = {"e": UpstreamConfig(kind="echo")}


def models(**fallbacks: list[str]) -> RoutingConfig:
    entries = {name: ModelConfig(upstreams=["e"], fallbacks=list(after)) for name, after in fallbacks.items()}
    return RoutingConfig(upstreams=ECHO, models=entries)


@pytest.mark.parametrize("kind", sorted(BASE_URLS))
def test_kinds_with_a_usual_address_need_none(kind: str) -> None:
    upstream = UpstreamConfig(kind=kind)  # type: ignore[arg-type]
    assert list(upstream.check()) == []
    assert upstream.url == BASE_URLS[kind]


@pytest.mark.parametrize("kind", ["vllm", "sglang", "llamacpp", "azure"])
def test_other_kinds_need_an_address(kind: str) -> None:
    ((place, message),) = UpstreamConfig(kind=kind).check()  # type: ignore[arg-type]
    assert place == ("base_url",)
    assert "needs a base_url" in message


def test_a_slash_at_the_end_makes_no_difference() -> None:
    assert UpstreamConfig(kind="vllm", base_url="http://h/v1/").url == "http://h/v1"
    assert UpstreamConfig(kind="echo").url == ""


@pytest.mark.parametrize("url", ["http://h", "https://h:8000/v1/", "http://10.0.0.1:80/v1", "http://[::1]:8000/v1"])
def test_addresses(url: str) -> None:
    assert list(UpstreamConfig(kind="vllm", base_url=url).check()) == []


@pytest.mark.parametrize(
    "url",
    ["h:8000", "ftp://h", "file:///etc/passwd", "http:///v1", "http://u@h", "http://evil#@good", "http://h?x",
     "http://h:0x1", "http://h:99999", "http://h h", "http://[::1", "http://h\u00e9"],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    ((place, message),) = UpstreamConfig(kind="vllm", base_url=url).check()
    assert place == ("base_url",)
    assert url not in message


def test_a_proxy_may_have_a_password() -> None:
    assert list(UpstreamConfig(kind="openai", proxy="http://me:pass@proxy:3128").check()) == []
    assert [place for place, _ in UpstreamConfig(kind="openai", proxy="proxy:3128").check()] == [("proxy",)]


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "a b", "a:b", "é", ""])
def test_header_fields_that_may_not_be_set(name: str) -> None:
    assert [place for place, _ in UpstreamConfig(kind="openai", headers={name: "x"}).check()] == [("headers", name)]


def test_values_that_no_header_field_can_carry() -> None:
    upstream = UpstreamConfig(kind="openai", headers={"a": "\u00e9"}, api_key="sk-\u2013")
    assert [place for place, _ in upstream.check()] == [("headers", "a"), ("api_key",)]


def test_replicas() -> None:
    assert list(ReplicasConfig(min=1, max=2).check()) == []
    assert [place for place, _ in ReplicasConfig(min=3, max=2).check()] == [("min",)]


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
