import asyncio
from pathlib import Path

import pytest

from penstock.core.errors import UpstreamError
from penstock.core.reply import Whole
from penstock.jobs.delegation.store import Saving
from tests.support.scripted import Puppet


def test_a_body_becomes_a_file(tmp_path: Path) -> None:
    async def main() -> None:
        for body in (b"whole", Whole(b"wh", b"ole")):
            await Saving(str(tmp_path / "f")).save(body)
            assert (tmp_path / "f").read_bytes() == b"whole"

    asyncio.run(main())


def test_what_the_body_fails_with_is_raised(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        saving = asyncio.create_task(Saving(str(tmp_path / "f")).save(puppet))
        await asyncio.sleep(0)
        puppet.push(b"some")
        puppet.end(UpstreamError("cut"))
        with pytest.raises(UpstreamError, match="cut"):
            await saving

    asyncio.run(main())
