"""The views of parts that look at time, on a bad day that is played to the page."""

import json
from typing import Any

import pytest

from tests.edge.dashboard.conftest import Stage
from tests.edge.dashboard.test_browser import go, text, until
from tests.support.parts import EXPERIMENT, NAME, NOW, PARTS, PROPOSAL, SHOWN
from tests.support.whole import admin

pytestmark = pytest.mark.browser


def played(stage: Stage) -> tuple[Any, list[tuple[str, Any]]]:
    """A page that is told PARTS, and what it posts."""
    page = stage.page()
    posted: list[tuple[str, Any]] = []
    live = admin(stage.gateway, "/admin/v1/live?once") | {
        "parts": sorted(PARTS), "alerts": PARTS["alerts"]["open"],
        "pools": {NAME: NOW}, "spend": {"today": 1_250_000, "hour": 20_000, "saved": 300_000},
    }  # fmt: skip
    frame = f"data: {json.dumps(live)}\n\n"
    page.route("**/admin/v1/live", lambda route: route.fulfill(body=frame, content_type="text/event-stream"))

    def part(route: Any) -> None:
        name = route.request.url.partition("/admin/v1/")[2].partition("?")[0]
        if route.request.method == "POST":
            posted.append((name, json.loads(route.request.post_data)))
            route.fulfill(json={"ok": True})
        else:
            route.fulfill(json=PARTS[name])

    for name in PARTS:
        page.route(f"**/admin/v1/{name}*", part)
        page.route(f"**/admin/v1/{name}/*", part)
    page.goto(f"{stage.gateway.url}/ui")
    page.fill("#key", stage.gateway.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict.good, #verdict.warn, #verdict.bad")
    return page, posted


def test_each_part_is_shown(stage: Stage) -> None:
    page, _ = played(stage)
    assert "burn_fast" in text(page)
    assert "$1.25" in text(page)
    assert f"with trouble in a pool\n{NAME}: {NAME} does not start." in text(page)
    for view, words in SHOWN.items():
        go(page, view)
        for word in words:
            assert word in text(page), (view, word, text(page))
        assert page.query_selector_all("#view i, #view [data-missing], #view .error:not(:empty)") == [], view


def test_an_anomaly_is_marked_on_the_curves_that_it_is_about(stage: Stage) -> None:
    page, _ = played(stage)
    go(page, "traffic")
    captions = page.query_selector_all("figure:has(g.band) figcaption")
    assert [caption.inner_text() for caption in captions] == ["Time to first token", "End to end"]
    assert len(page.query_selector_all("g.band.high rect")) == 2
    # The same by the keyboard: the slider reads it out; and as a table.
    slide = "input[aria-label='Point in time: End to end']"
    page.focus(slide)
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    said = str(page.get_attribute(slide, "aria-valuetext"))
    assert "high latency (high)" in said
    assert "half are within 2 s" in said
    page.click("figure:has(figcaption:text-is('End to end')) summary")
    until(page, "() => document.querySelectorAll('figure details[open] tbody tr').length === 60")


def test_what_is_expected_goes_on_where_what_came_ends(stage: Stage) -> None:
    page, _ = played(stage)
    go(page, "scaling")
    drawn = page.evaluate(
        "() => ['path.s0', 'path.s1', 'path.range', 'line.mark'].map((one) => {"
        " const box = document.querySelector('#forecast ' + one).getBBox(); return [box.x, box.x + box.width]; })"
    )
    (came, came_ends), (expected, expected_ends), area, mark = drawn
    assert came < came_ends < expected < expected_ends
    assert [expected, expected_ends] == pytest.approx(area, abs=0.1)
    assert mark == pytest.approx([expected, expected], abs=0.1)


def test_pools_that_cannot_be_asked_are_not_shown_as_they_were(stage: Stage) -> None:
    page, _ = played(stage)
    go(page, "scaling")
    refused = {"error": {"message": "the gateway is busy", "type": "api_error", "code": "gateway_overloaded"}}
    page.route("**/admin/v1/scaling*", lambda route: route.fulfill(status=503, json=refused))
    page.wait_for_selector("#pools [role=alert]")
    assert "the gateway is busy" in text(page, "#pools")
    for _ in range(2):  # by the second what the first told has been taken in
        with page.expect_response("**/admin/v1/live"):
            pass
    assert "the gateway is busy" in text(page, "#pools")
    assert all("503" in said for said in stage.complaints)
    stage.complaints.clear()


def test_without_a_pool_it_says_how_to_make_one_and_tells_of_the_load_all_the_same(stage: Stage) -> None:
    page = stage.inside()
    go(page, "scaling")
    shown = text(page, "#pools")
    assert "There is no pool here" in shown
    assert "gpu: {min: 1, max: 4, local: " in shown
    until(page, "() => /llama-8b: calls a second/.test(document.getElementById('forecast').textContent)")
    assert "Nothing is expected yet" in text(page, "#forecast")


def test_a_proposal_is_tried_and_an_experiment_taken_back(stage: Stage) -> None:
    page, posted = played(stage)
    go(page, "experiments")
    page.click(f"[data-key='try {PROPOSAL['id']}']")
    until(page, "() => /p3 is being tried/.test(document.getElementById('view').textContent)")
    page.click(f"[data-key='revert {EXPERIMENT['id']}']")
    until(page, "() => /e2 was taken back/.test(document.getElementById('view').textContent)")
    assert posted == [("experiments/apply", {"proposal": "p3"}), ("experiments/revert", {"id": "e2"})]
