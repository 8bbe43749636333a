"""Reloads of whole gateways, by every way there is."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.load import chat, load
from tests.support.running_gateway import running_gateway
from tests.support.sockets import parse_answers, raw
from tests.support.whole import admin, config, penstock, rewrite, until


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reloads_of_every_kind_under_load_are_not_noticed(tmp_path: Path, workers: str) -> None:
    with running_gateway(tmp_path, config(), None, "--workers", workers) as gateway:
        path = tmp_path / "penstock.yaml"

        def reload_all_ways() -> None:
            for n in range(99 if workers == "1" else 49):
                rewrite(path, config(more=f"memory: {{retry_after: {n % 5 + 1}s}}\n"))
                gateway.process.send_signal(signal.SIGHUP)
                assert admin(gateway, "/admin/v1/reload", "POST") == {"ok": True, "problems": []}
            done = penstock(tmp_path, "reload", "--port", str(gateway.port))
            assert (done.returncode, done.stdout) == (0, "the new configuration serves\n")
            until(lambda: admin(gateway, "/admin/v1/status")["reloads"] >= 99)
            rewrite(path, config(more="memory: {retry_after: 30s}\n"))
            until(lambda: admin(gateway, "/admin/v1/config")["memory"]["retry_after"] == "30s")

        async def main() -> None:
            async with load(gateway.port, gateway.key, kept=2, fresh=1, streams=2) as tally:
                await asyncio.to_thread(reload_all_ways)
            assert tally.wrong == []
            assert min(tally.good.values()) >= 2

        asyncio.run(main())
        (generations,) = ({worker["generation"] for worker in admin(gateway, "/admin/v1/status")["workers"]},)
        assert len(generations) == 1


def test_a_bad_config_is_refused_with_its_line_and_the_old_one_serves_on(tmp_path: Path) -> None:
    with running_gateway(tmp_path, config()) as gateway:
        path = tmp_path / "penstock.yaml"
        path.write_text("upstreamz: {}\n" + config(more="store: '${NOT_SET}'\n"))
        done = penstock(tmp_path, "reload", "--port", str(gateway.port))
        first, second, last = done.stderr.splitlines()
        assert done.returncode == 2
        assert first.startswith(f"{path}:1: ")
        assert "upstreams" in first
        assert second.startswith(f"{path}:12: ")
        assert "NOT_SET" in second
        assert last == "(the old configuration keeps serving)"
        (answer,) = parse_answers(asyncio.run(raw(gateway.port, chat("m", gateway.key))))
        assert answer.status == 200
        status = admin(gateway, "/admin/v1/status")
        assert (status["reloads"], status["refused_reload"]) == (0, [first, second])
