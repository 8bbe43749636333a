import asyncio
from typing import cast

import pytest

from bench.listening import listening
from penstock.process.loop import run


class Silent(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)


def test_at_the_end_no_connection_is_open_though_callers_stay() -> None:
    async def main() -> None:
        async with listening(Silent) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionError, EOFError)):  # it was cut
                await reader.readexactly(1)
        writer.close()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)

    run(main())
