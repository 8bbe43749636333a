import asyncio
from pathlib import Path

from penstock.assemble_discovery import discovery, follow
from penstock.config import Config
from penstock.core.tasks import Crew
from penstock.routing.discovery.instances import Instance

FILE = """
upstreams: {a: {kind: echo}, d: {kind: vllm, discover: {file: instances, interval: 100ms}}}
models: {m: {upstreams: [a, d]}}
"""


def test_it_looks_for_what_the_config_says_is_found(tmp_path: Path) -> None:
    (tmp_path / "instances").write_text("10.0.0.1:8000\n")
    told: list[tuple[str, tuple[Instance, ...]]] = []

    async def note(upstream: str, instances: tuple[Instance, ...]) -> bool:
        told.append((upstream, instances))
        return True

    async def main() -> None:
        crew = Crew("test")
        looking = discovery(crew, note)
        follow(looking, Config.parse(FILE, str(tmp_path / "c.yaml"), {}))
        await looking.looked(5)
        assert set(looking.numbers()) == {"d"}
        follow(looking, Config.parse("upstreams: {a: {kind: echo}}", "c.yaml", {}))
        assert looking.numbers() == {}
        await crew.aclose()

    asyncio.run(main())
    assert told == [("d", (Instance("10.0.0.1", 8000),))]
