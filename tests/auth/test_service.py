import asyncio
from pathlib import Path

from penstock.auth.service import KeyWatch
from penstock.auth.store import KeyStore


def test_a_new_key_counts_without_a_reload(tmp_path: Path) -> None:
    async def scenario() -> None:
        running = KeyStore(str(tmp_path / "p" / "keys.json"))
        running.open()
        watch = asyncio.create_task(KeyWatch(running, pause=0.001).run())
        _, secret = KeyStore(running.path).add("ci", ("call",))
        async with asyncio.timeout(20):
            while running.ring.find(secret.encode()) is None:  # noqa: ASYNC110 - nobody tells; bounded above
                await asyncio.sleep(0)
        watch.cancel()

    asyncio.run(scenario())
