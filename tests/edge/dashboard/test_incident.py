"""What happens is seen on the page while it happens; and the page by those who use it otherwise than by a mouse."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.edge.dashboard.conftest import Stage
from tests.edge.dashboard.test_browser import VIEWS, go, text, until

pytestmark = pytest.mark.browser
SEEN_SECONDS = 10.0
"""From the death of an upstream to the page that says so."""


def test_a_gateway_that_stands_still_is_not_taken_for_one_that_is_well(stage: Stage) -> None:
    page = stage.inside()
    page.wait_for_selector("#link.live")
    stage.gateway.process.send_signal(signal.SIGSTOP)
    try:
        page.wait_for_selector("#link.stale")
        assert "nothing heard for" in text(page, "#link")
        assert "what is shown is old" in text(page, "#said")
    finally:
        os.kill(stage.gateway.process.pid, signal.SIGCONT)
    page.wait_for_selector("#link.live")
    until(page, "() => document.getElementById('said').textContent !== ''")


def test_a_session_that_ends_elsewhere_ends_the_page(stage: Stage) -> None:
    page, other = stage.inside(), stage.inside()
    page.evaluate("fetch('/ui/session', {method: 'DELETE', headers: {'x-penstock-ui': '1'}})")
    page.wait_for_selector("#key")  # the stream has ended, and what is asked next is refused
    assert other.is_visible("#verdict")
    assert all("401" in said for said in stage.complaints)
    stage.complaints.clear()


def test_on_a_phone_nothing_stands_out_of_the_screen(stage: Stage, pictures: Path) -> None:
    page = stage.inside(
        viewport={"width": 375, "height": 740}, device_scale_factor=1, has_touch=True, color_scheme="dark"
    )
    for view in VIEWS:
        go(page, view)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    go(page, "")
    page.wait_for_selector("#verdict.good, #verdict.warn, #verdict.bad")
    page.wait_for_timeout(1500)
    page.screenshot(path=str(pictures / "phone.png"))


def test_all_is_reached_by_the_keyboard_and_the_place_is_kept(stage: Stage) -> None:
    page = stage.inside()
    focused = "() => document.activeElement.textContent.trim()"
    page.reload()
    page.wait_for_selector("#verdict.good, #verdict.warn, #verdict.bad")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Traffic and latency"  # theme, log out, the first view, the second
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#view[data-view='upstreams']")
    assert page.evaluate(focused) == "Upstreams"
    page.wait_for_selector("[data-key='drain gpu-1']")
    page.focus("[data-key='drain gpu-1']")
    page.evaluate("() => { window.before = document.activeElement; }")
    until(page, "() => !document.contains(window.before)")  # the table was shown anew
    assert page.evaluate("() => document.activeElement.dataset.key") == "drain gpu-1"
    page.keyboard.press("Enter")
    until(page, "() => /gets no new calls/.test(document.getElementById('view').textContent)")
    until(page, "() => document.activeElement.textContent === 'undrain'")
    page.keyboard.press("Enter")
    until(page, "() => /gets calls again/.test(document.getElementById('view').textContent)")


def test_what_is_marked_to_be_copied_stays(stage: Stage) -> None:
    page = stage.inside()
    shown = "() => document.querySelector('#view tbody th').textContent"
    until(page, "() => document.querySelector('#view tbody th')")
    page.evaluate("() => getSelection().selectAllChildren(window.marked = document.querySelector('#view tbody th'))")
    page.evaluate("() => { window.tiles = document.querySelector('#view .tiles'); }")
    until(page, "() => !document.contains(window.tiles)")  # a second has passed: the rest was shown anew
    assert page.evaluate("() => document.contains(window.marked)")
    page.evaluate("() => getSelection().removeAllRanges()")
    until(page, "() => !document.contains(window.marked)")
    assert page.evaluate(shown)


def test_headings_landmarks_and_tables_are_told(stage: Stage) -> None:
    page = stage.inside(reduced_motion="reduce")
    for view in VIEWS:
        go(page, view)
        assert len(page.query_selector_all("h1")) == 1
        assert page.query_selector_all("table:not(:has(caption))") == []
        assert page.query_selector_all("#view svg:not([role=img]):not([aria-hidden])") == []
    assert len(page.query_selector_all("main, nav, header")) == 3
    assert page.evaluate("document.getAnimations().length") == 0


def test_an_upstream_dies_and_comes_back_before_our_eyes(stage: Stage, pictures: Path) -> None:
    page = stage.inside()
    page.wait_for_selector("#verdict.good")
    began = time.monotonic()
    stage.upstream.die()
    try:
        page.wait_for_selector("#verdict.bad, #verdict.warn")
        # Whose fault, which upstream, that it is left alone, and when it is tried again.
        until(page, "() => /by an upstream's fault/.test(document.getElementById('verdict').textContent)")
        until(page, "() => /To blame: .*gpu-0/.test(document.getElementById('verdict').textContent)")
        until(page, "() => /gpu-0\\s*left alone\\s*tried again in/.test(document.getElementById('view').textContent)")
        assert time.monotonic() - began < SEEN_SECONDS
        until(page, "() => /Not serving: llama-70b/.test(document.getElementById('verdict').textContent)")
        assert text(page, "#said").startswith("Penstock: ")  # told to who does not see it
        until(
            page,
            "() => [...document.querySelectorAll('.tile')].some((one) => /Errors in 10 s[1-9]/.test(one.textContent))",
        )
        page.wait_for_timeout(1500)
        page.screenshot(path=str(pictures / "incident.png"))
        go(page, "upstreams")
        until(page, "() => /left alone|on trial/.test(document.getElementById('view').textContent)")
        go(page, "calls")
        page.select_option("#only", "upstream")
        until(
            page,
            "() => /50[23] (?:upstream_unreachable|no_upstream)/.test(document.getElementById('view').textContent)",
        )
    finally:
        stage.upstream.live()
    go(page, "")
    until(page, "() => /gpu-0\\s*serving/.test(document.getElementById('view').textContent)")
    until(page, "() => !/Not serving/.test(document.getElementById('verdict').textContent)")
    go(page, "traffic")  # what was is on the curves
    until(page, "() => /by an upstream's fault [1-9]|by an upstream's fault 0\\./.test(document.body.textContent)")
    page.screenshot(path=str(pictures / "traffic.png"))
