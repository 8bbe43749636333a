import msgspec

from penstock.insight.findings import Action, Anomaly, Bottleneck, Contributor, Recommendation


def test_an_anomaly_blames_the_first_that_explains_it() -> None:
    one = Anomaly(
        id="a1", kind="high_latency", severity="high", measure="total_p95", actual=2.0, expected=1.0, start=0.0
    )
    assert one.blames == ""
    one.contributors = [Contributor("upstream", "gpu-1", 0.9), Contributor("key", "k", 0.1)]
    assert one.blames == "upstream=gpu-1"


def test_what_is_found_is_json_as_it_stands() -> None:
    told = msgspec.to_builtins(Bottleneck(
        kind="cpu", severity="high", description="d", evidence={"cpu": 0.9}, impact=0.1, share=1.0, recommendation="r",
    ))  # fmt: skip
    assert (told["name"], told["action"], told["since"]) == ("", "", 0.0)
    advice = Recommendation(type="t", priority="high", title="t", description="d", benefit="b", effort="low",
                            actions=[Action("implement", "x", "memory: {limit: 1GiB}")])  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(advice), type=Recommendation) == advice
