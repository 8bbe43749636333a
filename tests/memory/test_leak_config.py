import pytest

from penstock.config import Config, ConfigError


def test_the_documented_numbers_are_the_defaults() -> None:
    from penstock.memory.leak_config import LeakConfig

    config = LeakConfig()
    assert (config.factor, config.above, config.times, config.critical) == (1.2, 0.5, 3, 0.8)


@pytest.mark.parametrize("text", ["times: 0", "factor: 0.9", "window: 0s", "above: 1.5", "every: 0s"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Config.parse(f"memory: {{leak: {{{text}}}}}\n", "c.yaml", {})
