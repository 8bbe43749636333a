"""What tests of commands share: a gateway that answers as they say, found as a user's own is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asked_gateway import PORT, AskedGateway, asked_gateway


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedGateway]:
    """One that runs at PORT, the only one; no config is named by the environment."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("PENSTOCK_CONFIG", raising=False)
    with asked_gateway(PORT) as gateway:
        yield gateway
