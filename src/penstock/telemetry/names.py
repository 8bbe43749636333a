"""What things are called outside, by the version of OpenTelemetry's conventions: the one table of names. Pure.

``1.36`` is the last that says ``gen_ai.system``; ``1.37`` says ``gen_ai.provider.name``; ``1.42`` also has cached and
reasoning tokens and the first chunk. A name that a version lacks is "": what it would tell is left out.
"""

from __future__ import annotations

from typing import NamedTuple

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKENS = tuple(float(4**power) for power in range(14))


class Metric(NamedTuple):
    """A histogram."""

    name: str
    unit: str
    bounds: tuple[float, ...]
    description: str


class Names(NamedTuple):
    """Attributes, and which of the metrics there are."""

    provider: str
    operation: str = "gen_ai.operation.name"
    model: str = "gen_ai.request.model"
    max_tokens: str = "gen_ai.request.max_tokens"
    temperature: str = "gen_ai.request.temperature"
    tokens_in: str = "gen_ai.usage.input_tokens"
    tokens_out: str = "gen_ai.usage.output_tokens"
    token_type: str = "gen_ai.token.type"
    stream: str = ""
    cached: str = ""
    reasoning: str = ""
    first_chunk: str = ""
    chunks: bool = False


CONVENTIONS: dict[str, Names] = {
    "1.36": Names("gen_ai.system"),
    "1.37": Names("gen_ai.provider.name"),
    "1.42": Names(
        "gen_ai.provider.name",
        stream="gen_ai.request.stream",
        cached="gen_ai.usage.cache_read.input_tokens",
        reasoning="gen_ai.usage.reasoning.output_tokens",
        first_chunk="gen_ai.response.time_to_first_chunk",
        chunks=True,
    ),
}

TOKEN_USAGE = Metric("gen_ai.client.token.usage", "{token}", TOKENS, "Tokens of a call to an upstream.")
CLIENT = Metric(
    "gen_ai.client.operation.duration", "s", SECONDS, "A call as upstreams took it: less queues and our share."
)
FIRST_CHUNK = Metric(
    "gen_ai.client.operation.time_to_first_chunk", "s", SECONDS, "To the first part of a stream, of an upstream."
)
PER_CHUNK = Metric(
    "gen_ai.client.operation.time_per_output_chunk", "s", SECONDS, "Mean time from part to part of a stream."
)
SERVER = Metric("gen_ai.server.request.duration", "s", SECONDS, "A call as its caller saw it.")
SERVER_FIRST = Metric(
    "gen_ai.server.time_to_first_token", "s", FIRST_TOKEN, "To the first byte of a stream that went well."
)
SERVER_TOKEN = Metric(
    "gen_ai.server.time_per_output_token", "s", PER_TOKEN, "Mean time from token to token of a call that went well."
)
METRICS = (TOKEN_USAGE, CLIENT, FIRST_CHUNK, PER_CHUNK, SERVER, SERVER_FIRST, SERVER_TOKEN)

OPERATIONS = {"chat": "chat", "messages": "chat", "responses": "chat", "completions": "text_completion"}
"""Our names of operations in theirs; what is not here is called as we call it."""

_HOSTS = (
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    (".openai.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".amazonaws.com", "aws.bedrock"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.deepseek.com", "deepseek"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
)


class Server(NamedTuple):
    """An upstream as it is told outside."""

    provider: str
    host: str = ""
    port: int = 0


def provider_of(kind: str, host: str) -> str:
    """The conventions' name of who answers at ``host``; of others the kind of API that they speak."""
    host = host.lower()
    for end, provider in _HOSTS:
        if host == end or (host.endswith(end) and (end.startswith(".") or host.endswith("-" + end))):
            return provider
    return kind
