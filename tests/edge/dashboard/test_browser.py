"""The page in a real browser: that it loads, lets in and out, shows every view, and is usable by all."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.edge.watch_routes import PARTS
from tests.edge.dashboard.conftest import Stage
from tests.support.browser import HOSTILE_KEY, HOSTILE_MODELS, HOSTILE_TAGS, SCRIPT, call
from tests.support.running_gateway import environment
from tests.support.whole import admin

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[2] / "clients" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = (
    "", "traffic", "upstreams", "scaling", "calls", "findings", "cost", "cache", "streams", "batches", "memory",
    "experiments", "keys", "config",
)  # fmt: skip
LOAD_SECONDS = 5.0
"""Generous: the bar of one second is measured by bench/dashboard.py, with nothing else to do."""
WAIT_SECONDS = 20.0
MOST_BYTES = 300_000
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def until(page: Any, fact: str, arg: Any = None) -> None:
    """Wait until ``fact`` holds on the page. (The browser's own waiting needs an eval there, which is forbidden.)"""
    by = time.monotonic() + WAIT_SECONDS
    while not page.evaluate(fact, arg):
        assert time.monotonic() < by, (fact, arg, page.inner_text("body")[:2000])
        page.wait_for_timeout(30)


def go(page: Any, view: str) -> None:
    """Show ``view``, and wait until it has what it asked for."""
    page.evaluate(f"location.hash = '#/{view}'")
    page.wait_for_selector(f"#view[data-view='{view}']")
    until(page, "() => !document.querySelector('#view .wait')")


def text(page: Any, selector: str = "#view") -> str:
    return str(page.inner_text(selector))


def test_it_is_small_and_quick_and_comes_from_us_alone(stage: Stage) -> None:
    page = stage.page()
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.__setitem__(answer.url, int(answer.headers.get("content-length", "0"))))
    began = time.monotonic()
    page.goto(f"{stage.gateway.url}/ui")
    page.wait_for_selector("#key")
    assert time.monotonic() - began < LOAD_SECONDS
    assert all(url.startswith(f"{stage.gateway.url}/ui") for url in sizes), sizes
    assert 20_000 < sum(sizes.values()) < MOST_BYTES


def test_log_in_and_log_out(stage: Stage) -> None:
    page = stage.page()
    page.goto(f"{stage.gateway.url}/ui")
    page.wait_for_selector("#key:focus")
    page.fill("#key", "sk-pen-" + "x" * 43)
    page.click("button[type=submit]")
    until(page, "() => document.getElementById('why').textContent.includes('not one of this gateway')")
    assert page.input_value("#key") == ""
    assert any("401" in said for said in stage.complaints)  # the browser tells it so
    stage.complaints.clear()
    page.fill("#key", stage.gateway.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert stage.gateway.key not in page.content() + json.dumps(page.context.storage_state())
    page.reload()
    page.wait_for_selector("#verdict")
    page.click("#logout")
    page.wait_for_selector("#key")
    page.context.add_cookies([cookie])  # kept by somebody: it counts no more
    page.reload()
    page.wait_for_selector("#key")
    assert not page.is_visible("#nav")


def test_a_link_logs_in_once_and_leaves_no_trace(stage: Stage) -> None:
    gateway = stage.gateway
    command = [sys.executable, "-m", "penstock", "ui", "--json", "--port", str(gateway.port)]
    told = subprocess.run(command, env=environment(gateway.home), check=True, stdout=subprocess.PIPE, text=True)
    link = json.loads(told.stdout)["link"].replace("8400", str(gateway.port))
    page = stage.page()
    page.goto(link)
    page.wait_for_selector("#verdict")
    assert page.url == f"{gateway.url}/ui"
    token = link.partition("#")[2]
    assert len(token) == 43
    assert token not in (gateway.home / "log").read_text()
    other = stage.page()
    other.goto(link)
    until(other, "() => document.body.textContent.includes('older than five minutes')")
    stage.complaints.clear()


def test_every_view_has_data_and_a_json_twin(stage: Stage, pictures: Path) -> None:
    page = stage.inside()
    parts = admin(stage.gateway, "/admin/v1/live?once")["parts"]
    absent = {f"/admin/v1/{part}" for part in PARTS if part not in parts}
    for view in VIEWS:
        go(page, view)
        page.wait_for_selector("#view table, #view [data-missing], #view .tiles, #view .empty", state="attached")
        shown = text(page)
        assert not page.query_selector("#view .error:not(:empty)"), (view, shown)
        assert len(shown) > 20, view
        assert "undefined" not in shown, view
        assert "NaN" not in shown, view
        for twin in page.query_selector_all(".twin code"):
            path = twin.inner_text()
            if "<" not in path and path not in absent:
                admin(stage.gateway, f"{path}?once" if path.endswith("live") else path)
        page.screenshot(path=str(pictures / f"{view or 'glance'}.png"))
    go(page, "upstreams")
    page.fill("#why-model", "llama-8b")
    page.click("text=Explain")
    page.wait_for_selector("text=/is asked of/")
    assert "gpu-1" in text(page, "section[aria-labelledby=why]")


def test_a_call_is_found_and_its_time_is_drawn(stage: Stage, pictures: Path) -> None:
    page = stage.inside()
    row = next(row for row in admin(stage.gateway, "/admin/v1/calls")["calls"] if row["upstream"] == "gpu-0")
    go(page, "calls")
    page.fill("#call-id", row["id"])
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.fall rect")
    assert "gpu-0" in text(page, "section[aria-labelledby=one]")
    assert "room" in str(page.get_attribute("svg.fall", "aria-label"))
    page.screenshot(path=str(pictures / "call.png"))
    page.fill("#call-id", "req_nowhere")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=/no call req_nowhere/")
    assert all("404" in said or "400" in said for said in stage.complaints)
    stage.complaints.clear()


def test_the_steps_of_a_call_are_in_their_order(stage: Stage) -> None:
    page = stage.inside()
    steps = """async (row) => {
        const { steps } = await import(document.querySelector("script[type=module]").src.replace("app.js", "calls.js"));
        return steps(row).map((one) => [one.name, +one.from.toFixed(3), +one.seconds.toFixed(3)]);
    }"""
    row = {
        "seconds": 2.0, "overhead_seconds": 0.1, "queue_seconds": 0.5, "waits": {"admission": 0.3},
        "connect_seconds": 0.1, "headers_seconds": 1.2, "first_byte_seconds": 1.3, "stream": True,
    }  # fmt: skip
    assert page.evaluate(steps, row) == [
        ["rooms of the gateway", 0, 0.1], ["wait in admission", 0.1, 0.3], ["wait in a queue", 0.4, 0.2],
        ["connect", 0.6, 0.1], ["upstream, to its head", 0.7, 0.5], ["to the first event", 1.2, 0.1],
        ["the stream", 1.3, 0.7],
    ]  # fmt: skip
    row |= {"rooms": [["edge", 0.05], ["routing", 1.15], ["answer", 0.8]], "upstream_seconds": 1.1}
    assert page.evaluate(steps, row) == [
        ["room edge", 0, 0.05], ["room routing", 0.05, 1.15], ["the answer", 1.2, 0.8],
        ["connecting, of that", 0.1, 0.1], ["to the upstream's head", 0, 1.2], ["to the first byte", 0, 1.3],
    ]  # fmt: skip
    assert page.evaluate(steps, {"seconds": 0.01, "overhead_seconds": 0.01}) == [["rooms of the gateway", 0, 0.01]]


def test_entries_of_the_cache_are_read_and_deleted(stage: Stage) -> None:
    for number in range(3):
        call(stage.gateway.url, stage.gateway.key, "slow", f"keep {number}")
    page = stage.inside()
    go(page, "cache")
    page.fill("#cache-model", "slow")
    page.click("button[type=submit]")
    page.wait_for_selector("text=/^3 entries/")
    page.click("[data-key^='show ']")
    page.wait_for_selector("text=Its answer")
    assert "keep " in text(page, "section[aria-labelledby=entry]")
    page.click("[data-key^='delete ']")
    page.wait_for_selector("text=/^2 entries/")
    page.click("text=Delete all that fit…")
    page.wait_for_selector("text=/2 would be deleted/")
    assert len(kept(stage)) == 2
    page.click("text=Delete 2 entries")
    page.wait_for_selector("text=/^2 deleted/")
    assert kept(stage) == []


def kept(stage: Stage) -> list[Any]:
    return list(admin(stage.gateway, "/admin/v1/cache?model=slow")["entries"])


def test_hostile_names_are_shown_as_text(stage: Stage) -> None:
    page = stage.inside()
    for model in HOSTILE_MODELS:
        assert call(stage.gateway.url, stage.gateway.key, model, tags=HOSTILE_TAGS) in (400, 404)
    assert call(stage.gateway.url, stage.gateway.key, SCRIPT, tags=HOSTILE_TAGS) == 200
    shown = {
        "calls": (HOSTILE_MODELS[0], HOSTILE_MODELS[1][:20], HOSTILE_TAGS[:30]), "keys": (HOSTILE_KEY,),
        "cache": (SCRIPT,), "config": (SCRIPT,), "upstreams": (SCRIPT,), "": (SCRIPT,),
    }  # fmt: skip
    for view, wanted in ((view, one) for view, names in shown.items() for one in names):
        go(page, view)
        until(page, "(wanted) => document.getElementById('view').textContent.includes(wanted)", wanted)
        assert page.evaluate("window.hacked") is None
        assert page.query_selector_all("#view img, #view script, #view b[onmouseover]") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelectorAll('bdi').length") > 0


def test_no_script_can_be_slipped_in(stage: Stage) -> None:
    page = stage.inside()
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.hacked = 1'}))")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked = 1\">')")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert any("CSP" in said or "Content Security Policy" in said for said in stage.complaints)
    stage.complaints.clear()


@pytest.mark.node
@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", ("color-contrast",))])
def test_no_serious_finding_of_axe(stage: Stage, scheme: str, rules: tuple[str, ...]) -> None:
    page = stage.page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{stage.gateway.url}/ui")
    page.wait_for_selector("#key")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    serious(page, "log-in", rules)
    page.fill("#key", stage.gateway.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict.good, #verdict.warn, #verdict.bad")
    for view in VIEWS:
        go(page, view)
        if view == "config":
            page.fill("#filter", "listen")  # of its 300 rows one is as the other
        serious(page, view, rules)


def serious(page: Any, view: str, rules: tuple[str, ...]) -> None:
    found = page.evaluate("(only) => axe.run(document, {runOnly: only, resultTypes: ['violations']})", list(rules))
    assert found["passes"], view
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert bad == [], (view, [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in bad])


def test_the_theme_is_chosen_and_kept(stage: Stage) -> None:
    page = stage.inside(color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: dark"
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_selector("#verdict")
    assert page.evaluate(ground) == dark
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", dark)
