import asyncio
from pathlib import Path

import pytest

from penstock.net.kubernetes import ApiServer
from penstock.process.loop import run
from tests.support.cluster import cluster


def test_questions_with_the_account_of_the_pod_over_one_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), cluster(tmp_path) as played:
            played.scale(2)
            server = ApiServer(str(tmp_path), played.environ())
            assert server.namespace() == "llm"
            told = await server.ask("GET", played.path + "?pretty=1")
            assert told.status == 200
            assert told.what == f"GET {played.path}"
            assert b'"replicas": 2' in told.body
            kind = "application/merge-patch+json"
            told = await server.ask("PATCH", played.path, b'{"spec": {"replicas": 3}}', kind)
            assert (told.status, played.replicas) == (200, 3)
            assert (await server.ask("GET", "/nowhere")).status == 404
            server.close()

    run(main())


def test_an_answer_that_is_too_large(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), cluster(tmp_path) as played:
            server = ApiServer(str(tmp_path), played.environ(), most=10)
            with pytest.raises(ValueError, match="larger than 10"):
                await server.ask("GET", played.path)
            server.close()

    run(main())


@pytest.mark.parametrize("text", ["", "two words", "two\nlines", "\x1b", "ä", "x" * 70_000])
def test_a_token_that_would_break_a_head_is_not_sent(tmp_path: Path, text: str) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), cluster(tmp_path) as played:
            (tmp_path / "token").write_text(text)
            server = ApiServer(str(tmp_path), played.environ())
            with pytest.raises(ValueError, match="the file token"):
                await server.ask("GET", played.path)
            assert played.asked == []

    run(main())
