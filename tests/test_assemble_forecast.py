import asyncio
from typing import Any

import pytest

from penstock import assemble_forecast
from penstock.assemble_forecast import NO_NUMPY, Forecasting
from penstock.core.clock import FakeClock
from penstock.core.windows import OTHER, SPAN, Group, Window
from penstock.history.tally import UNKNOWN
from tests.support.gateway import OPEN_ECHO, Running, ask, running_gateway

POOLED = OPEN_ECHO + "scaling: {pools: {echo: {min: 1, max: 4, signal: {}}}}\n"
KEPT = POOLED + "store: sqlite\n"
BEGIN = 1_800_000_000.0


def forecasting(gateway: Running) -> Forecasting:
    """That of a gateway whose own windows do not come in between, at a time that a test has in hand."""
    watching = gateway.gateway.watching
    assert watching is not None
    assert watching.scaling is not None
    watching.takers.remove(watching.scaling.take)
    one = watching.scaling._forecast
    one._clock = FakeClock(wall=BEGIN)  # type: ignore[assignment]
    return one


def window(number: int, calls: int = 5, known: float = 0.0, model: str = "chat") -> Window:
    groups = [Group("chat", model, "echo", calls=calls, tokens_in=calls * 100, tokens_out=calls * 50)]
    return Window(BEGIN + number * SPAN, groups=groups, covered=known)


async def play(one: Forecasting, windows: Any, load: float = 40.0) -> None:
    """Windows, one after the other, each learned when it is over."""
    if one._models is None:
        one._begin()
    for each in windows:
        one._windows.append((each, {"echo": load} if load else {}))
        one._clock.advance(max(0.0, each.start + SPAN - one._clock.wall()))  # type: ignore[attr-defined]
        await one.learn()


def test_models_and_pools_are_forecast() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one = forecasting(gateway)
            assert one.upper("echo") is None
            await play(one, [window(number) for number in range(72)])
            told = (await ask(gateway.port, "GET", "/admin/v1/forecast")).json()
            rates = told["models"]["chat"]
            assert {name: (row["values"], row["now"]) for name, row in rates.items()} == {
                "requests": (12, 0.5), "tokens_in": (12, 50.0), "tokens_out": (12, 25.0),
            }  # fmt: skip
            assert rates["requests"]["expected"][0]["load"] == pytest.approx(0.5)
            assert told["pools"]["echo"]["load"]["now"] == pytest.approx(40.0)
            upper = one.upper("echo")
            assert upper is not None
            assert upper(30.0, 0.95) == pytest.approx(40.0, rel=0.2)
            assert upper(600.0, 0.95) == pytest.approx(40.0, rel=0.4)
            one_model = (await ask(gateway.port, "GET", "/admin/v1/forecast?model=chat&minutes=5")).json()
            assert len(one_model["models"]["chat"]["requests"]["prediction"]["intervals"]) == 5
            assert set(one.gauges()) == {"requests|chat", "tokens_in|chat", "tokens_out|chat"}
            assert (await ask(gateway.port, "GET", "/admin/v1/forecast?model=gone")).status == 404
            assert (await ask(gateway.port, "POST", "/admin/v1/forecast/forget")).status == 404

    asyncio.run(main())


def test_short_steps_know_of_a_rise_before_a_minute_is_over() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one = forecasting(gateway)
            await play(one, [window(number) for number in range(72)])
            await play(one, [window(72), window(73)], load=200.0)
            upper = one.upper("echo")
            assert upper is not None
            assert (upper(30.0, 0.95) or 0) > 100

    asyncio.run(main())


def test_what_was_not_seen_is_a_gap_and_names_that_callers_make_up_are_no_models() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one = forecasting(gateway)
            await play(one, [window(number) for number in range(12)])
            await play(one, [window(number) for number in range(30, 36)])
            await play(one, [window(number, known=2.0) for number in range(36, 42)])
            await play(one, [window(42 + n, model=name) for n, name in enumerate((UNKNOWN, OTHER))])
            told = (await ask(gateway.port, "GET", "/admin/v1/forecast")).json()
            assert set(told["models"]) == {"chat"}
            row = told["models"]["chat"]["requests"]
            assert (row["values"], row["gaps"]) == (7, 4), "three minutes that nobody saw, one of which too little was"

    asyncio.run(main())


def test_state_survives_a_restart() -> None:
    async def main() -> None:
        async with running_gateway(KEPT) as gateway:
            one = forecasting(gateway)
            await play(one, [window(number) for number in range(90)])
            one._save_all()
            store = gateway.gateway.store
            assert store is not None
            assert await store.flush()
            after = Forecasting(gateway.gateway.watching)  # type: ignore[arg-type]
            after._records = store.records(assemble_forecast.TABLE)
            after._clock = FakeClock(wall=BEGIN + 1000)  # type: ignore[assignment]
            after.follow(gateway.gateway.config)
            await play(after, [window(number) for number in range(102, 108)])
            told = (await after.answer({}))["models"]["chat"]["requests"]
            assert (told["values"], told["gaps"]) == (18, 2)
            assert after.upper("echo") is not None, "it can be asked at once"

    asyncio.run(main())


def test_a_series_that_cannot_go_on_keeps_none_of_the_others_from_learning(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one = forecasting(gateway)
            await play(one, [window(number) for number in range(12)])
            broken = one._models.series["requests|chat"]  # type: ignore[union-attr]
            broken.forecaster._ridge._gram[:] = 0.0  # what no checked state has, and no inverse
            broken.forecaster._past.count = 10_000
            await play(one, [window(number) for number in range(12, 30)])
            told = (await one.answer({}))["models"]["chat"]
            assert told["tokens_in"]["values"] == 5
            assert 0 < told["requests"]["values"] < 5

    asyncio.run(main())
    assert "begins anew" in caplog.text


def test_switched_off_and_for_pools_that_are_gone_nothing_is_known() -> None:
    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            one = forecasting(gateway)
            await play(one, [window(number) for number in range(72)])
            gateway.path.write_text(OPEN_ECHO + "scaling: {forecast: {models: 0}}\n")
            await gateway.team.reload()
            await play(one, [window(72)], load=0.0)
            assert one.upper("echo") is None
            gateway.path.write_text(OPEN_ECHO + "scaling: {forecast: {enabled: false}}\n")
            await gateway.team.reload()
            one.take(window(73), {})
            assert not one._windows
            assert not (await ask(gateway.port, "GET", "/admin/v1/forecast")).json()["enabled"]

    asyncio.run(main())


def test_without_numpy_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble_forecast, "NUMPY", "numpy_that_is_not_there")

    async def main() -> None:
        async with running_gateway(POOLED) as gateway:
            told = (await ask(gateway.port, "GET", "/admin/v1/forecast")).json()
            assert (told["enabled"], told["trouble"]) == (False, NO_NUMPY)

    asyncio.run(main())
