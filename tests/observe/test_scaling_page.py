from penstock.observe.prometheus import Page
from penstock.observe.scaling_page import NAMED, SCALING_METRICS, put_scaling

TOLD = {
    "desired": 4, "held": 0, "ready": 2, "starting": 1, "draining": 0, "failed": 0, "load": 30.0, "in_flight": 7,
    "waiting": 3.0, "carries": 10.0, "starts": 40.0, "saturation": 1.5,
    "forecast": {"seconds": 40.0, "quantile": 0.9, "load": 50.0},
}  # fmt: skip


def lines(*dumps: object) -> list[str]:
    page = Page()
    put_scaling(page, dumps)  # type: ignore[arg-type]
    return [line for line in page.text().splitlines() if not line.startswith("#")]


def test_a_pool_is_told_by_name() -> None:
    told = lines({"pools": {"gpu": TOLD}, "forecast": {}})
    assert 'penstock_pool_desired_replicas{pool="gpu"} 4' in told
    assert 'penstock_pool_replicas{pool="gpu",state="starting"} 1' in told
    assert 'penstock_pool_queue{pool="gpu"} 3' in told
    assert 'penstock_pool_saturation_ratio{pool="gpu"} 1.5' in told
    assert 'penstock_pool_forecast_load{pool="gpu",quantile="0.9"} 50' in told
    assert 'penstock_pool_forecast_lead_seconds{pool="gpu"} 40' in told
    named = {line.partition("{")[0] for line in told}
    assert named == SCALING_METRICS.keys() - {"penstock_forecast_per_second"}


def test_what_is_not_known_is_not_told() -> None:
    told = lines({"pools": {"new": {"desired": 1, "held": 0, "forecast": None}}, "forecast": {}})
    assert told == ['penstock_pool_desired_replicas{pool="new"} 1', 'penstock_pool_held{pool="new"} 0']
    assert not any(
        "saturation" in line for line in lines({"pools": {"gpu": {**TOLD, "saturation": None}}, "forecast": {}})
    )


def test_the_forecast_of_a_model() -> None:
    told = lines({"pools": {}, "forecast": {"tokens_out|code|v2": {"10|0.9": 12.5}}})
    assert told == ['penstock_forecast_per_second{model="code|v2",of="tokens_out",minutes="10",quantile="0.9"} 12.5']


def test_all_that_is_named_is_a_metric() -> None:
    assert set(NAMED.values()) <= SCALING_METRICS.keys()
