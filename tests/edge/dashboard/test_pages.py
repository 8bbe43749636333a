import re
from pathlib import Path

from penstock.edge.dashboard.pages import FOLDER, POLICY, SAFE
from penstock.process.loop import run
from tests.support.gateway import ECHO, Answer, Running, ask, running_gateway

MOST_BYTES = 300_000
FILES = sorted(FOLDER.iterdir())


def fetched(*targets: str, fields: tuple[tuple[str, str], ...] = ()) -> list[Answer]:
    async def main() -> list[Answer]:
        async with running_gateway(ECHO) as gateway:
            return [await ask(gateway.port, "GET", target, fields) for target in targets]

    return list(run(main()))


def test_the_page_and_all_that_it_names_come_without_a_key_and_under_a_strict_policy() -> None:
    async def main() -> None:
        async with running_gateway(ECHO) as gateway:
            page = await ask(gateway.port, "GET", "/ui")
            assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert page.headers["cache-control"] == "no-cache"
            named = set(re.findall(rb'(?:href|src)="(/[^"]+)"', page.body))
            assert len(named) >= 5
            for name in named:
                await _kept_for_good(gateway, name.decode())
            safe = {name.decode(): value.decode() for name, value in SAFE}
            assert {name: page.headers[name] for name in safe} == safe
            for other in ("/ui/", "/ui/login"):
                assert (await ask(gateway.port, "GET", other)).body == page.body
            again = await ask(gateway.port, "GET", "/ui", [("If-None-Match", page.headers["etag"])])
            assert (again.status, again.body) == (304, b"")

    run(main())


async def _kept_for_good(gateway: Running, path: str) -> None:
    file = await ask(gateway.port, "GET", path)
    assert file.status == 200, path
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-security-policy"].encode() == POLICY
    assert file.headers["x-content-type-options"] == "nosniff"
    assert (await ask(gateway.port, "GET", path, [("If-None-Match", file.headers["etag"])])).status == 304


def test_no_other_file_is_served() -> None:
    targets = (
        "/ui/index.html",
        "/ui/0000000000000000/app.js",
        "/ui/../pages.py",
        "/ui/%2e%2e/pages.py",
        "/ui/static/app.js",
    )
    assert all(answer.status in (400, 404) for answer in fetched(*targets))


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    rules = dict(rule.split(b" ", 1) for rule in POLICY.split(b"; "))
    assert rules[b"default-src"] == b"'none'"
    assert rules[b"frame-ancestors"] == rules[b"base-uri"] == b"'none'"
    assert b"unsafe" not in POLICY
    assert b"http" not in POLICY


def test_all_of_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


def test_no_string_is_ever_taken_for_markup() -> None:
    """What a name or a tag could do, where one forgets: every way by which a browser parses a string."""
    parsing = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|setHTML|srcdoc"
        r"|\beval\b|new Function|setTimeout\(\s*[\"'`]|javascript:|\.style\b|cssText|on(?:click|load|error)\s*=\s*[\"']"
    )
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not parsing.search(text), (path.name, parsing.search(text))
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=", text), path.name


def test_nothing_is_fetched_from_elsewhere() -> None:
    addresses = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")
    for path in FILES:
        assert not addresses.search(path.read_text(encoding="utf-8")), path.name


def test_the_files_import_only_each_other() -> None:
    names = {path.name for path in FILES}
    for path in FILES:
        for module in re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")):
            assert module in names, (path.name, module)
    assert Path(FOLDER, "index.html").read_bytes().count(b"{{here}}") >= 5
