"""Each kind of store in turn, and each that is shared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stores import Stores


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return Stores(request.param, tmp_path)


@pytest.fixture(params=["sqlite"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return Stores(request.param, tmp_path)
