from typing import Any

from penstock.deploy.kubernetes.access import account, roles
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.tree import filled
from tests.support.deployed import CONFIG, facts_of

POOL = CONFIG + "scaling: {pools: {pool: {max: 4, kubernetes: {name: vllm, kind: StatefulSet, namespace: engines}}}}\n"
PLAIN = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"


def made(text: str, terms: Terms) -> dict[tuple[str, str], Any]:
    trees = [filled(one.tree) for one in roles(facts_of(text), terms, Names(terms))]
    return {(tree["kind"], tree["metadata"]["namespace"]): tree for tree in trees}


def test_a_role_where_services_are_watched_and_no_more() -> None:
    found = made(CONFIG, Terms())
    assert set(found) == {("Role", "engines"), ("RoleBinding", "engines")}
    assert found["Role", "engines"]["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list"]}
    ]
    binding = found["RoleBinding", "engines"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "penstock", "namespace": "default"}]
    assert binding["roleRef"]["name"] == found["Role", "engines"]["metadata"]["name"]


def test_a_pool_may_be_moved_and_that_one_alone() -> None:
    _, scale, pods = made(POOL, Terms())["Role", "engines"]["rules"]
    assert scale == {
        "apiGroups": ["apps"],
        "resources": ["statefulsets/scale"],
        "resourceNames": ["vllm"],
        "verbs": ["get", "patch"],
    }
    assert pods == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    _, _, marked = made(POOL.replace("kind: StatefulSet, ", ""), Terms())["Role", "engines"]["rules"]
    assert marked["verbs"] == ["get", "list", "patch"]


def test_a_pool_that_may_be_resized_may_have_its_template_changed() -> None:
    text = POOL.replace("max: 4,", "max: 4, vertical: {mode: suggest, cpu: {min: 1, max: 4}},")
    rules = made(text, Terms())["Role", "engines"]["rules"]
    assert rules[3:] == [
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "resourceNames": ["vllm"], "verbs": ["get", "patch"]},
        {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]},
    ]


def test_its_own_namespace_named_or_not_is_one() -> None:
    both = CONFIG.replace("models:", "  own: {kind: vllm, discover: {kubernetes: {service: x}}}\nmodels:")
    found = made(both, Terms(namespace="engines"))
    assert set(found) == {("Role", "engines"), ("RoleBinding", "engines")}


def test_who_asks_nothing_may_nothing() -> None:
    assert made(PLAIN, Terms()) == {}
    assert filled(account(facts_of(PLAIN), Names(Terms())).tree)["automountServiceAccountToken"] is False
    assert filled(account(facts_of(), Names(Terms())).tree)["automountServiceAccountToken"] is True
