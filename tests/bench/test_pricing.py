from bench import pricing


def test_every_kind_is_measured_and_priced() -> None:
    found = pricing.measure(2)
    assert set(found) == set(pricing.KINDS)
    for kind, (_, facts, _) in pricing.KINDS.items():
        stage = pricing.room(kind)
        (one, *_) = pricing.exchanges(facts)
        stage(one, pricing.below)
        one.finish("ok", 1.0)
        assert (one.cost > 0) == (kind != "free"), kind
    assert all(one["ledger_ns"] > 0 for one in found.values())
