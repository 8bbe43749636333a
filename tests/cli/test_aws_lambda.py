"""``penstock lambda`` outside a sandbox; inside one it is played in tests/process/aws_lambda."""

import pytest

from penstock.cli.aws_lambda import main
from penstock.cli.failure import Failure


def test_outside_a_sandbox_it_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
    with pytest.raises(Failure, match="use penstock serve"):
        main([])


def test_it_needs_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    with pytest.raises(Failure, match="which config"):
        main([])
