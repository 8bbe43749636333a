import pytest

from penstock import assemble_streaming
from penstock.assemble_streaming import streams
from penstock.config import Config
from penstock.core.deadlines import Wheel
from penstock.memory.ledger import Ledger
from penstock.streaming.stage import Streaming


def test_what_was_counted_survives_a_reload_and_the_bound_follows_it() -> None:
    ledger = Ledger()
    made = streams(Wheel(0.05, 0.0), ledger, lambda: 0.0)
    assert made is not None
    assert isinstance(made.stage(Config.parse("memory: {buffers: 8MiB}", "c.yaml", {})), Streaming)
    made.counts.add("pinged", "silence")
    assert ledger.accounts["buffers"].bound == 8 << 20
    config = Config.parse("memory: {buffers: 9MiB}", "c.yaml", {})
    made.stage(config)
    assert ledger.accounts["buffers"].bound == 8 << 20  # a config that is only prepared changes nothing
    made.follow(config)
    assert ledger.accounts["buffers"].bound == 9 << 20
    assert ["pinged", "silence", 1] in made.dump()["actions"]


def test_without_the_folder_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble_streaming.importlib.util, "find_spec", lambda name: None)
    assert streams(Wheel(0.05, 0.0), Ledger(), lambda: 0.0) is None
