import pytest

from penstock.config import Config, ConfigError
from penstock.history.config import HistoryConfig


def section(text: str) -> HistoryConfig:
    return Config.parse(text, "penstock.yaml", {}).of(HistoryConfig)


def test_defaults() -> None:
    usual = section("listen: {port: 1234}\nupstreams: {e: {kind: echo}}\nmodels: {e: {upstreams: [e]}}\n")
    assert (usual.enabled, usual.host) == (True, "")
    assert (usual.keep.ten_seconds, usual.keep.minute, usual.keep.hour) == (21_600, 259_200, 34_560_000)


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("{ten_seconds: 10m}", "an hour of windows of ten seconds"),
        ("{minute: 2h}", "what is coarser must be kept as long"),
        ("{hour: 1d}", "what is coarser must be kept as long"),
    ],
)
def test_what_cannot_be_kept_so(keep: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        section(f"history: {{keep: {keep}}}")
