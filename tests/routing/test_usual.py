import pytest

from penstock.routing.config import ModelConfig
from penstock.routing.usual import PROVIDERS, usual

NO_EXTRAS: frozenset[str] = frozenset()


def test_echo_is_always_there() -> None:
    routing = usual({}, NO_EXTRAS, 8400)
    assert list(routing.models) == ["echo"]
    assert list(routing.check()) == []


def test_the_embedded_model_comes_with_its_extra() -> None:
    routing = usual({}, frozenset({"local"}), 8400)
    assert routing.upstreams["local"].model == "smollm2"
    assert routing.models["smollm2"] == ModelConfig(upstreams=["local"])


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_each_provider_with_a_key(provider: object) -> None:
    for variable in provider.variables:  # type: ignore[attr-defined]
        routing = usual({variable: " sk-1 "}, NO_EXTRAS, 8400)
        name = provider.name  # type: ignore[attr-defined]
        assert routing.upstreams[name].api_key == "sk-1"
        assert routing.models[f"{name}/*"] == ModelConfig(upstreams=[name], upstream_model="*")
        assert list(routing.check()) == []
        assert [list(upstream.check()) for upstream in routing.upstreams.values()] == [[], []]


@pytest.mark.parametrize("key", ["", "  ", "sk-pen-ours", "sk-\u2013", "a\nb"])
def test_what_is_no_key_of_a_provider(key: str) -> None:
    assert list(usual({"OPENAI_API_KEY": key}, NO_EXTRAS, 8400).models) == ["echo"]


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("http://gpu:8000/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("https://127.0.0.1/v1", True),
        ("http://127.0.0.1:8400/v1", False),
        ("http://localhost:8400", False),
        ("http://[::1]:8400/v1", False),
        ("http://0.0.0.0:8400/v1", False),
        ("https://u:p@gpu/v1", False),
        ("ftp://gpu", False),
        ("nonsense", False),
        ("http://gpu:x", False),
        ("", False),
    ],
)
def test_the_base_url_of_the_environment_counts_unless_it_leads_back_to_us(url: str, used: bool) -> None:
    routing = usual({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url}, NO_EXTRAS, 8400)
    assert routing.upstreams["openai"].base_url == (url if used else "https://api.openai.com/v1")
