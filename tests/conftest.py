"""What tests need of the machine, each once: a fixture gives it, a marker asks for no more than that it is here."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import penstock.core.fiber
from penstock.cache.embedding.store import find
from penstock.cache.embedding.weights import ALL
from penstock.providers.local.engine import LIBRARY, installed
from penstock.providers.local.weights import WeightsError, fetch_weights
from tests.support.needs import missing, program

FIXTURES = {
    "local": "weights",
    "semantic": "embedder_weights",
    "node": "node",
    "nginx": "nginx",
    "redis": "redis_server",
    "curl": "curl",
    "promtool": "promtool",
    "helm": "helm",
    "systemd": "systemd_analyze",
    "ray": "ray",
    "cdk": "cdk_python",
    "browser": "chromium",
}
"""By marker."""


# Speed is judged in bench/, never by a test: a busy machine may take as long as it likes over an example.
hypothesis.settings.register_profile("penstock", deadline=None)
hypothesis.settings.load_profile("penstock")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from tests.support.spread import in_order

        in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """See tests/support/spread.py; asked only where tests are spread."""
    from tests.support.spread import Spread

    return Spread(config, log)


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and store of gateways that name none lie in a folder of this run, not in the home of who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setenv("PENSTOCK_PURE", "1")  # the short twins of benches compile nothing
        yield


COMPILED = not (penstock.core.fiber.__file__ or "").endswith(".py")
"""The hot path is compiled here (`make compiled`)."""


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest) -> None:
    if COMPILED and request.node.get_closest_marker("interpreted") is not None:
        pytest.skip("puts something of its own in the place of what is compiled")
    for marker, fixture in FIXTURES.items():
        if request.node.get_closest_marker(marker) is not None:
            request.getfixturevalue(fixture)


@pytest.fixture(scope="session")
def weights() -> str:
    """The path of the real model's weights; the engine that loads them is installed."""
    if not installed():
        missing(f"{LIBRARY} is not installed")
    try:
        return str(fetch_weights())
    except WeightsError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def embedder_weights() -> None:
    """The weights of the embedders are on this machine."""
    try:
        for weights in ALL.values():
            find(weights)
    except WeightsError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def node() -> str:
    """The node binary, with the packages of tests/clients in place."""
    binary = program("node")
    if not (Path(__file__).parent / "clients" / "node_modules" / "openai").is_dir():
        missing("the Node clients are not installed (`make test` does it)")
    return binary


@pytest.fixture(scope="session")
def nginx() -> str:
    return program("nginx")


@pytest.fixture(scope="session")
def redis_server() -> str:
    return program("redis-server")


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return program("prometheus")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    return program("systemd-analyze")


@pytest.fixture(scope="session")
def helm() -> None:
    """Helm's engine, in a package of PyPI that has no wheel for every machine."""
    if importlib.util.find_spec("helm_python") is None:
        missing("helm-python-sdk is not installed")


@pytest.fixture(scope="session")
def ray() -> None:
    """Ray's data sets. Half a gigabyte: it is not asked for on machines that judge changes, either."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("ray.data") is None:
        pytest.skip("ray is not installed (pip install 'ray[data]')")


@pytest.fixture(scope="session")
def cdk_python() -> str:
    """The Python of an environment with the AWS CDK in it, which drives node."""
    program("node")
    python = Path(__file__).parents[1] / ".cache" / "cdk" / "bin" / "python"
    if not python.exists():
        missing("the AWS CDK is not installed (`make cdk` does it)")
    return str(python)


@pytest.fixture(scope="session")
def curl() -> str:
    return program("curl")


@pytest.fixture(scope="session")
def chromium() -> str:
    """A Chromium of this machine, and what drives it."""
    if importlib.util.find_spec("playwright") is None:
        missing("playwright is not installed")
    return program("chromium")
