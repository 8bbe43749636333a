"""The scaling view on a gateway with pools of real processes, and with a past that it forecasts from."""

import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.edge.dashboard.conftest import Stage
from tests.edge.dashboard.test_browser import AXE, RULES, go, serious, text, until
from tests.support import pools
from tests.support.browser import Mortal, call, traffic
from tests.support.running_gateway import RunningGateway, running_gateway
from tests.support.whole import admin
from tests.support.whole import until as eventually

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MINUTES_SECONDS = 150.0
"""In which a minute is over of which more than half was seen: then what was known before is found again and told."""
CONFIG = """
store: sqlite
upstreams:
  gpu: {{kind: vllm, discover: {{scaling: true}}, price: {{second: 0.0007}}}}
  small: {{kind: vllm, discover: {{scaling: true}}}}
models:
  llama-70b: {{upstreams: [gpu]}}
  llama-8b: {{upstreams: [small]}}
scaling:
  interval: 300ms
  pools:
    gpu:
      min: 1
      max: 6
      policy: {{rule: fixed, schedules: [{{begin: "00:00", end: "12:00", max: 4}}]}}
      local: {engine}
    small: {{min: 0, max: 2, policy: {{rule: fixed}}, local: {engine}}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, Mortal]]:
    """Two pools, one of which sleeps; and a model whose calls of the last hours are known, and are forecast."""
    home = tmp_path_factory.mktemp("scaling")
    keys = home / "config" / "penstock"
    keys.mkdir(parents=True)
    past = [sys.executable, "-m", "tests.support.past_load", str(keys / "store.sqlite"), "llama-70b"]
    subprocess.run(past, cwd=pools.ROOT, check=True)
    config = CONFIG.format(engine=pools.engine(start=2.0))
    with (
        running_gateway(home, config, {"XDG_RUNTIME_DIR": str(home)}) as gateway,
        traffic(gateway.url, gateway.key, "llama-70b"),
    ):
        eventually(lambda: "expected" in forecast_of_calls(gateway), MINUTES_SECONDS)
        upstream = Mortal()
        upstream.die()
        yield gateway, upstream


def forecast_of_calls(gateway: RunningGateway) -> Any:
    return admin(gateway, "/admin/v1/forecast")["models"].get("llama-70b", {}).get("requests", {})


def want(gateway: RunningGateway, count: int) -> None:
    """A person's word for the larger pool."""
    body = msgspec.json.encode({"pool": "gpu", "count": count})
    fields = {"authorization": f"Bearer {gateway.key}"}
    with urllib.request.urlopen(urllib.request.Request(f"{gateway.url}/admin/v1/scaling/want", body, fields)) as answer:
        answer.read()


def inside(stage: Stage, rest: str = "", **more: Any) -> Any:
    page = stage.inside(**more)
    go(page, "scaling")
    page.evaluate(f"location.hash = '#/scaling{rest}'")
    page.wait_for_selector("#pools section")
    page.evaluate("window.since = 'then'")
    return page


def section(page: Any, pool: str) -> str:
    return text(page, f"section[aria-label='pool {pool}']")


def shows(page: Any, pool: str, fact: str) -> None:
    """Wait until the pool's part of the page has what is told by a regular expression."""
    found = "([name, fact]) => RegExp(fact).test(document.querySelector(`[aria-label='pool ${name}']`).textContent)"
    until(page, found, [pool, fact])


def test_a_scale_out_is_seen_while_it_happens(stage: Stage, pictures: Path) -> None:
    page = inside(stage, "/gpu")
    assert "1 of 1 wanted replica ready" in section(page, "gpu")
    want(stage.gateway, 3)
    shows(page, "gpu", "1 of 3 wanted replicas ready, 2 starting")
    until(page, "() => /gpu: 1 of 3 ready/.test(document.getElementById('said').textContent)")  # and told aloud
    page.screenshot(path=str(pictures / "pools.png"), full_page=True)
    shows(page, "gpu", "3 of 3 wanted replicas ready")
    shown = section(page, "gpu")
    assert len(re.findall(r"gpu-\d\s+127\.0\.0\.1:\d+\s+ready\s+\d+\s", shown)) == 3, shown
    assert "$7.56" in shown, "three at 0.0007 dollars a second"
    assert re.search(r"\d\d:\d\d:\d\d\s+3\s+more\s+set to 3 by key\S+\s+100 %", shown), shown
    assert re.search(r"Next by schedule\s+1 to [46]\s", shown)
    assert "1 to 4 may be now" in shown or "1 to 6 may be now" in shown
    want(stage.gateway, 1)
    shows(page, "gpu", "1 of 1 wanted replica ready")
    shows(page, "gpu", "1fewerset to 1 by")
    assert page.evaluate("window.since") == "then", "nothing was loaded anew"


def test_a_call_that_waits_for_a_pool_that_sleeps_is_seen(stage: Stage) -> None:
    page = inside(stage)
    assert "It sleeps" in section(page, "small")
    statuses: list[int] = []
    caller = threading.Thread(
        target=lambda: statuses.append(call(stage.gateway.url, stage.gateway.key, "llama-8b")), daemon=True
    )
    caller.start()
    shows(page, "small", "Calls that wait1for a replica")
    shows(page, "small", "1 starting")
    shows(page, "small", "1 of 1 wanted replica ready")
    assert "calls wait for it" in section(page, "small")
    caller.join(20)
    assert statuses == [200]
    overview = text(page, "#pools > .scroll")
    assert re.search(r"gpu\s+local\s+\d\s", overview)
    assert re.search(r"small\s+local\s+1\s+0\s+0\s+1\s+0 to 2", overview)
    page.click("[data-key='pool small']")
    until(page, "() => document.querySelectorAll('#pools section').length === 1")
    assert section(page, "small")


def test_what_came_and_what_is_expected_are_one_curve_and_are_read_out(stage: Stage) -> None:
    page = inside(stage)
    page.wait_for_selector("path.range", state="attached")
    figure = "#forecast figure"
    assert "llama-70b: calls a second" in text(page, figure)
    assert re.search(r"Now [\d.]+; expected in 10 min [\d.]+ \([\d.]+ to [\d.]+\), .*in 2 h ", text(page, figure))
    slide = "#forecast input[type=range]"
    page.focus(slide)
    page.keyboard.press("ArrowLeft")
    said = str(page.get_attribute(slide, "aria-valuetext"))
    assert re.search(r"came – · expected [\d.]+ · at least [\d.]+ · at most [\d.]+", said), said
    page.keyboard.press("Home")
    until(page, "(at) => /came [0-9.]+ · expected –/.test(document.querySelector(at).getAttribute('aria-valuetext'))",
          slide)  # fmt: skip
    page.click("#forecast summary")
    until(page, "() => document.querySelectorAll('#forecast details[open] tbody tr').length === 200")
    page.select_option("#of", "tokens_out")
    until(page, "() => /tokens of answers a second/.test(document.querySelector('#forecast figure').textContent)")
    assert "values are too few" in text(page, figure), "of those nothing was known before"
    assert page.query_selector("path.range") is None


def test_it_is_usable_on_a_phone_and_in_the_dark(stage: Stage) -> None:
    page = inside(stage, viewport={"width": 375, "height": 740}, has_touch=True, color_scheme="dark")
    page.wait_for_selector("path.range", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    filled = "getComputedStyle(document.querySelector('path.range')).fill"
    dark = page.evaluate(filled)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(filled) != dark


def test_who_scrolls_a_table_by_the_keyboard_stays_in_it(stage: Stage) -> None:
    page = inside(stage)
    focused = "document.activeElement.dataset.key"
    page.focus("[data-key='scroll replicas gpu']")
    page.evaluate("() => { window.before = document.activeElement; }")
    until(page, "() => !document.contains(window.before)")  # it was shown anew
    assert page.evaluate(focused) == "scroll replicas gpu"


@pytest.mark.node
@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", ("color-contrast",))])
def test_no_serious_finding_of_axe_with_pools_and_a_forecast(stage: Stage, scheme: str, rules: tuple[str, ...]) -> None:
    page = inside(stage, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector("path.range", state="attached")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    serious(page, "scaling", rules)
