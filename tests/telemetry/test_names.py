import pytest

from penstock.telemetry.names import CONVENTIONS, FIRST_TOKEN, METRICS, PER_TOKEN, SECONDS, TOKENS, provider_of


def test_the_bounds_are_those_of_the_conventions() -> None:
    assert TOKENS[0] == 1
    assert TOKENS[-1] == 67108864
    assert tuple(round(0.01 * 2**power, 2) for power in range(14)) == SECONDS
    assert (FIRST_TOKEN[0], FIRST_TOKEN[-1], len(FIRST_TOKEN)) == (0.001, 10.0, 16)
    assert (PER_TOKEN[0], PER_TOKEN[-1], len(PER_TOKEN)) == (0.01, 2.5, 13)
    assert all(list(metric.bounds) == sorted(set(metric.bounds)) for metric in METRICS)


def test_versions_differ_in_what_they_call_a_provider() -> None:
    assert CONVENTIONS["1.36"].provider == "gen_ai.system"
    assert {CONVENTIONS[version].provider for version in ("1.37", "1.42")} == {"gen_ai.provider.name"}
    assert not CONVENTIONS["1.37"].cached
    assert CONVENTIONS["1.42"].cached == "gen_ai.usage.cache_read.input_tokens"


@pytest.mark.parametrize(
    ("kind", "host", "provider"),
    [
        ("openai", "api.openai.com", "openai"),
        ("openai", "API.Groq.com", "groq"),
        ("openai", "mine.openai.azure.com", "azure.ai.openai"),
        ("openai", "bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("openai", "europe-west1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("anthropic", "proxy.example", "anthropic"),
        ("openai", "evilapi.openai.com", "openai"),
        ("vllm", "api.x.ai.example", "vllm"),
        ("vllm", "notapi.x.ai", "vllm"),
        ("echo", "", "echo"),
    ],
)
def test_who_answers_there(kind: str, host: str, provider: str) -> None:
    assert provider_of(kind, host) == provider
