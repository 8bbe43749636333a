"""Do the docs say what is so? Headings follow the rooms, links lead somewhere, configs are good, commands exist."""

import re
from pathlib import Path

import pytest

from penstock.cli.main import COMMANDS
from penstock.config import Config
from penstock.pipeline import ROOMS

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
WRITTEN = [page for page in PAGES if page.name not in ("template.md",)]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"\bpenstock ([a-z]+)\b")
_NOT_COMMANDS = {"listens", "prints"}
_OTEL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=x"}
_OF_OTHERS = ("scrape_configs:", "metrics: [{type", "triggers:")
"""How the config files of other programs begin."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def configs() -> list[tuple[str, str]]:
    return [
        (f"{name_of(page)}:{number}", text)
        for page in WRITTEN
        for number, (language, text) in enumerate(_FENCE.findall(page.read_text(encoding="utf-8")))
        if language == "yaml" and not text.startswith(_OF_OTHERS)
    ]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_life_of_a_request_passes_the_rooms_in_their_order() -> None:
    text = (ROOT / "docs" / "life-of-a-request.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["A connection", *(room.name for room in ROOMS), "The provider", "The way back"]


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize(("where", "text"), configs(), ids=[where for where, _ in configs()])
def test_configs_are_good(where: str, text: str, tmp_path: Path) -> None:
    for name in set(re.findall(r"[\w-]+\.(?:pem|key)\b", text)):
        (tmp_path / name).write_text("a key")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "a-key") | _OTEL
    config = Config.parse(text, str(tmp_path / "penstock.yaml"), environ)
    assert config.warnings == []


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_commands_exist(page: Path) -> None:
    for language, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if language in ("sh", "console"):
            asked = {name for name in _COMMAND.findall(text) if name not in _NOT_COMMANDS}
            assert asked <= set(COMMANDS), page


def test_the_readme_names_every_folder() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The tree")[2]
    folders = {path.name for path in (ROOT / "src" / "penstock").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(re.findall(r"^  (\w+)/ ", tree, re.MULTILINE))


def test_the_readme_counts_the_packages() -> None:
    locked = re.findall(r"^\w[\w.-]*==", (ROOT / "requirements" / "core.txt").read_text(encoding="utf-8"), re.MULTILINE)
    words = {5: "Five", 6: "Six", 7: "Seven", 8: "Eight", 9: "Nine", 10: "Ten", 11: "Eleven"}
    assert f"{words[len(locked)]} packages," in (ROOT / "README.md").read_text(encoding="utf-8")
