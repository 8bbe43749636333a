import pytest

from penstock.assemble_entries import entries
from penstock.assemble_upstreams import Upstreams
from penstock.routing.canary_config import CanaryConfig
from penstock.routing.config import ModelConfig, RoutingConfig, TimeoutsConfig
from penstock.routing.hedge_config import HedgeConfig
from penstock.routing.table import Entry
from penstock.routing.upstream_config import UpstreamConfig
from tests.test_assemble_upstreams import with_upstreams

ECHO = UpstreamConfig(kind="echo")


def made(upstreams: Upstreams, routing: RoutingConfig) -> list[Entry]:
    targets = {name: upstreams.target(name, ECHO, TimeoutsConfig()) for name in ("a", "b")}
    return entries(routing, targets, upstreams)


def test_each_model_has_a_budget_of_second_attempts_where_they_are_wanted_and_none_else() -> None:
    async def work(upstreams: Upstreams) -> None:
        models = {name: ModelConfig(upstreams=["a"]) for name in ("m", "n")}
        for enabled in (False, True):
            routing = RoutingConfig(models=models, hedge=HedgeConfig(enabled=enabled))
            hedges = [entry.hedge for entry in made(upstreams, routing)]
            assert [hedge is not None for hedge in hedges] == [enabled, enabled]
            assert not enabled or hedges[0] is not hedges[1]

    with_upstreams(work)


@pytest.mark.parametrize(
    ("canary", "at", "name"),
    [
        (CanaryConfig(upstreams=["b"]), ["b"], "old"),
        (CanaryConfig(upstream_model="new"), ["a"], "new"),
        (CanaryConfig(upstreams=["b"], upstream_model="new"), ["b"], "new"),
    ],
)
def test_a_model_with_a_canary_leads_to_both_versions(canary: CanaryConfig, at: list[str], name: str) -> None:
    async def work(upstreams: Upstreams) -> None:
        model = ModelConfig(upstreams=["a"], upstream_model="old", canary=canary)
        (entry,) = made(upstreams, RoutingConfig(models={"m": model}))
        assert (entry.label, entry.sent_as("m"), [target.name for target in entry.targets]) == ("m", "old", ["a"])
        new = entry.new
        assert new is not None
        assert (new.label, new.sent_as("m"), [target.name for target in new.targets]) == ("m@canary", name, at)
        assert new.old is entry

    with_upstreams(work)


def test_a_trial_goes_on_over_a_reload_unless_its_model_was_changed() -> None:
    async def work(upstreams: Upstreams) -> None:
        def trial_of(share: float) -> object:
            model = ModelConfig(upstreams=["a"], canary=CanaryConfig(upstreams=["b"], share=share))
            (entry,) = made(upstreams, RoutingConfig(models={"m": model}))
            return entry.trial

        first = trial_of(0.1)
        assert trial_of(0.1) is first
        assert trial_of(0.2) is not first
        upstreams.follow(RoutingConfig())
        assert upstreams.dump_trials() == {}

    with_upstreams(work)
