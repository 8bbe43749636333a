import pytest

from penstock.alerts.config import PAGERDUTY, AlertsConfig
from penstock.config import Config, ConfigError

BASE = "models: {}\n"


def read(section: str) -> AlertsConfig:
    return Config.parse(BASE + section, "c.yaml", {}).of(AlertsConfig)


def test_nobody_is_told_unless_configured() -> None:
    assert read("").webhooks == []


def test_names_and_addresses() -> None:
    section = read(
        "alerts: {webhooks: [{format: slack, url: 'https://hooks.example/x'}, {format: pagerduty, routing_key: R},"
        " {name: mine, url: 'http://10.0.0.1/'}]}"
    )
    assert section.names == ["slack", "pagerduty", "mine"]
    assert section.webhooks[1].address == PAGERDUTY


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ("{format: slack}", "slack needs a url"),
        ("{format: pagerduty}", "needs a routing_key"),
        ("{url: 'http://x', routing_key: hush}", "only pagerduty has a routing_key"),
        ("{url: 'hush'}", "url must be a URL"),
        ("{url: 'http://a:hush@x/'}", "no user and password"),
        ("{url: 'http://x', headers: {host: hush}}", "set by Penstock itself"),
        ("{url: 'http://x', severity: awful}", "must be one of"),
        ("{url: 'http://x'}, {url: 'http://y'}", "has the name of another one"),
    ],
)
def test_what_is_refused_by_words_without_secrets(hooks: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"alerts: {{webhooks: [{hooks}]}}")
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    hook = (
        "{format: pagerduty, url: 'https://x/hush1', routing_key: hush2, secret: hush3,"
        " headers: {authorization: hush4}}"
    )
    config = Config.parse(BASE + f"alerts: {{webhooks: [{hook}]}}", "c.yaml", {})
    assert "hush" not in str(config.dump(masked=True))
    assert "hush1" in str(config.dump(masked=False))
