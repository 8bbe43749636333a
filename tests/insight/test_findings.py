from penstock.insight.findings import Anomaly, Contributor


def test_an_anomaly_blames_its_first_contributor() -> None:
    anomaly = Anomaly(id="a1", kind="disk", severity="low", measure="disk", actual=0.1, expected=0.5, start=1.0)
    assert anomaly.blames == ""
    anomaly.contributors = [Contributor("upstream", "gpu-1", 0.9), Contributor("key", "k1", 0.1)]
    assert anomaly.blames == "upstream=gpu-1"
