import pytest

from penstock.deploy.kubernetes.manifests import documents
from penstock.deploy.kubernetes.terms import LONGEST_NAME, Names, Scaled, Terms
from penstock.deploy.tree import filled
from tests.support.deployed import facts_of

SQLITE = facts_of("upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n")
REDIS = facts_of()


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms(replicas=3), 'store: "redis://HOST:6379/0", or say --replicas 1'),
        (Terms(name="Penstock", replicas=1), "small letters"),
        (Terms(name="a" * (LONGEST_NAME + 1), replicas=1), "at most"),
        (Terms(namespace="a/b", replicas=1), "namespace"),
        (Terms(claim="A b", replicas=1), "volume claim"),
        (Terms(replicas=0), "replicas are"),
        (Terms(replicas=1, scaled=(Scaled("x", "Deployment", "d"),)), 'no pool "x"'),
    ],
)
def test_what_does_not_go_together(terms: Terms, said: str) -> None:
    assert said in terms.problem(SQLITE)
    with pytest.raises(ValueError):
        documents(SQLITE, terms)


def test_a_pool_is_scaled_by_one_alone() -> None:
    facts = facts_of(
        "store: redis://r\nupstreams: {p: {kind: vllm, discover: {kubernetes: {service: s}}}}\n"
        "models: {m: {upstreams: [p]}}\nscaling: {pools: {p: {max: 2, kubernetes: {name: w}}}}\n"
    )
    assert "two would fight" in Terms(scaled=(Scaled("p", "Deployment", "w"),)).problem(facts)


def test_who_is_scaled() -> None:
    assert Terms().is_scaled(REDIS)
    assert not Terms().is_scaled(SQLITE)
    assert not Terms(most=2).is_scaled(REDIS)
    assert not Terms(scaler="none").is_scaled(REDIS)


def test_names_follow_the_release() -> None:
    names = Names(Terms(name="gate", namespace="llm"))
    assert filled(names.meta("config", annotations={"a": "b"})) == {
        "name": "gate-config",
        "namespace": "llm",
        "labels": {
            "app.kubernetes.io/name": "penstock",
            "app.kubernetes.io/instance": "gate",
            "app.kubernetes.io/part-of": "penstock",
        },
        "annotations": {"a": "b"},
    }
    assert names.of("config").asked == 'printf "%s-config" .Release.Name'
