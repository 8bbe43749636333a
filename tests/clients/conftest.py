"""What the client tests share: a scripted upstream and a gateway in front of it, both for the whole session."""

from collections.abc import Iterator

import pytest

from penstock.providers.local.weights import PATH_VARIABLE
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import ScriptedUpstream

UPSTREAM_KEY = "upstream-key-that-callers-never-see"

CONFIG = """
scrape: {{enabled: false}}
health: {{probes: off}}
upstreams:
  echo: {{kind: echo}}
  slow: {{kind: echo, tokens_per_second: 40}}
  scripted: {{kind: vllm, base_url: "{url}", api_key: {key}, headers: {{x-team: blue}}}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: {key}}}
  plain: {{kind: openai, base_url: "{url}", api_key: {key}}}
  cpp: {{kind: llamacpp, base_url: "{url}"}}
models:
  echo: {{upstreams: [echo]}}
  slow: {{upstreams: [slow]}}
  scripted: {{upstreams: [scripted]}}
  limited: {{upstreams: [scripted]}}
  renamed: {{upstreams: [scripted], upstream_model: org/the-real-name}}
  claude: {{upstreams: [claude]}}
  chat-only: {{upstreams: [plain]}}
  cpp: {{upstreams: [cpp]}}
  "org/*": {{upstreams: [scripted]}}
"""


@pytest.fixture(scope="session")
def _scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(_scripted: ScriptedUpstream) -> ScriptedUpstream:
    """The scripted upstream with an empty script."""
    _scripted.reset()
    return _scripted


@pytest.fixture(scope="session")
def gateway(_scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway with ``echo`` and the scripted upstream behind it."""
    config = CONFIG.format(url=_scripted.url, key=UPSTREAM_KEY)
    with running_gateway(tmp_path_factory.mktemp("gateway"), config) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def local_gateway(weights: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway as a newcomer gets it, without any config: ``echo`` and the embedded model."""
    with running_gateway(tmp_path_factory.mktemp("local"), None, {PATH_VARIABLE: weights}) as gateway:
        yield gateway
