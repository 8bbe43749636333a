"""Every object against Kubernetes' own schemas, whatever the config; no secret in any; names that are taken."""

import dataclasses
import shlex
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.config import Config, ConfigError
from penstock.deploy.kubernetes.manifests import HEAD, before, manifests, one_text, warnings
from penstock.deploy.kubernetes.terms import Scaled, Terms
from tests.support.deployed import CONFIG, ENVIRON, facts_of
from tests.support.manifests import VERSIONS, check, loaded

SIGNAL = CONFIG + "scaling: {pools: {pool: {max: 4, signal: {}}}}\n"
MOVED = CONFIG + "scaling: {pools: {pool: {max: 4, kubernetes: {name: vllm, namespace: engines}}}}\n"
SQLITE = "upstreams: {e: {kind: echo}}\nmodels: {m: {upstreams: [e]}}\n"
EVERYTHING = Terms(monitor=True, headless=True, calls=40, scaled=(Scaled("pool", "Deployment", "vllm"),))
PUSHED = CONFIG + ('scaling: {keda: {listen: "0.0.0.0:8401", insecure: true}, pools: {pool: {max: 4, signal: {}}}}\n')
TERMS = [
    (PUSHED, Terms(replicas=1, scaler="none", scaled=(Scaled("pool", "StatefulSet", "vllm"),))),
    (SIGNAL, EVERYTHING),
    (SIGNAL, Terms(scaler="keda", claim="shared", scaled=(Scaled("pool", "LeaderWorkerSet", "vllm"),))),
    (MOVED, Terms(replicas=1, scaler="none")),
    (MOVED, Terms(namespace="engines", monitor=True)),
    (SQLITE, Terms(replicas=1)),
    (CONFIG.replace('"redis://:${REDIS_PASSWORD}@redis:6379/0"', "memory"), Terms(cpu="250m", memory=2**30)),
]


@pytest.mark.parametrize(("config", "terms"), TERMS)
def test_objects_are_what_kubernetes_takes(config: str, terms: Terms) -> None:
    objects = loaded(one_text(manifests(facts_of(config), terms)))
    check(objects)
    assert {"ServiceAccount", "ConfigMap", "Service", "NetworkPolicy", "Deployment", "PodDisruptionBudget"} <= {
        one["kind"] for one in objects
    }


def test_the_checks_are_those_of_the_package() -> None:
    """The tests hold its validators for longer than it does itself; and a wrong field is seen."""
    (one,) = loaded(manifests(facts_of(), Terms())["deployment.yaml"])
    for version in VERSIONS:
        kubernetes_validate.validate(one, version, strict=True)
    one["spec"]["template"]["spec"]["securityContext"]["runAsNonRooot"] = True
    with pytest.raises(Exception, match="runAsNonRooot"):
        check([one])


def test_a_file_an_object_or_all_in_one() -> None:
    files = manifests(facts_of(), Terms())
    assert all(len(loaded(text)) == 1 for text in files.values())
    whole = one_text(files)
    assert whole.startswith(HEAD)
    assert loaded(whole) == [one for text in files.values() for one in loaded(text)]


def test_secrets_stand_nowhere() -> None:
    literal = SIGNAL.replace("${OPENAI_API_KEY}", "sk-literal").replace(":${REDIS_PASSWORD}@", ":sk-pass@")
    for config in (SIGNAL, literal):
        facts = facts_of(config)
        told = [one_text(manifests(facts, EVERYTHING)), *before(facts, EVERYTHING), *warnings(facts, EVERYTHING)]
        assert not [line for line in told if "sk-" in line]


names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", fullmatch=False)
hosts = st.sampled_from(
    ["10.1.2.3", "[fd00::7]", "127.0.0.1", "localhost", "vllm", "a.b.svc", "a.b.svc.cluster.local", "api.example.com",
     "169.254.169.254", "svc", "x.svc"]
)  # fmt: skip


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Configs, most of which `penstock check` accepts."""
    upstreams: dict[str, Any] = {}
    pools = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(["vllm", "openai", "echo", "discovered", "local"]))
        one: dict[str, Any] = {"kind": "vllm" if kind == "discovered" else kind}
        if kind == "vllm":
            one["base_url"] = f"http{draw(st.sampled_from(['', 's']))}://{draw(hosts)}:{draw(st.integers(1, 65535))}/v1"
        if kind == "openai":
            one |= {"api_key": "sk-planted", "headers": {"x-a": "Bearer sk-planted"}}
        if kind == "discovered":
            ways = [{"kubernetes": {"service": "s", "namespace": "other"}}, {"kubernetes": {"service": "s"}},
                    {"dns": "pods.llm", "port": 8000}, {"dns": "_h._tcp.x", "srv": True},
                    {"file": "hosts"}]  # fmt: skip
            one["discover"] = draw(st.sampled_from(ways))
            kinds: list[Any] = [{"signal": {}}, {"kubernetes": {"name": "w", "namespace": "third"}}]
            if draw(st.booleans()):
                pools[name] = {"min": draw(st.integers(0, 3)), "max": 3} | draw(st.sampled_from(kinds))
        upstreams[name] = one
    store = draw(st.sampled_from(["memory", "sqlite", "sqlite:/x/y.db", "redis://:sk-planted@r", "rediss://r:1/3"]))
    listen = {"port": draw(st.sampled_from([0, 80, 8400, 65535])), "workers": draw(st.integers(1, 4)),
              "drain": f"{draw(st.integers(0, 4000))}ms"}  # fmt: skip
    memory = draw(st.sampled_from([{}, {"limit": "1GiB", "bodies": "64MiB"}]))
    return {"listen": listen, "store": store, "upstreams": upstreams, "memory": memory,
            "models": {"m": {"upstreams": list(upstreams)}}, "scaling": {"pools": pools}}  # fmt: skip


@settings(max_examples=10)
@given(configs(), st.booleans())
def test_any_config_that_is_good_makes_good_objects(config: dict[str, Any], keda: bool) -> None:
    import yaml

    text = yaml.safe_dump(config)
    try:
        Config.parse(text, "x", {})
    except ConfigError:
        assume(False)
    facts = facts_of(text)
    replicas = 1 if facts.store == "sqlite" else 2
    scaled = tuple(Scaled(pool.name, "Deployment", "w") for pool in facts.pools if pool.actuator == "signal")
    terms = Terms(replicas=replicas, scaler="keda" if keda else "hpa", scaled=scaled, monitor=True)
    whole = one_text(manifests(facts, terms))
    objects = loaded(whole)
    check(objects, VERSIONS[-1:])
    assert "sk-planted" not in whole
    (carried,) = [one["data"]["penstock.yaml"] for one in objects if one["kind"] == "ConfigMap"]
    environ = {one.name: "redis://:p@r" for one in facts.carried.variables}
    there = Config.parse(carried, "there", environ)
    here = Config.parse(text, "here", {})
    assert there.dump()["models"] == here.dump()["models"]
    assert list(there.dump()["upstreams"]) == list(here.dump()["upstreams"])


def test_what_must_be_there_first() -> None:
    facts = facts_of(SIGNAL)
    lines = list(before(facts, EVERYTHING))
    assert lines[0].startswith("kubectl -n default create secret generic penstock-keys --from-file=keys.json=")
    assert "# REDIS_PASSWORD, OPENAI_API_KEY" in lines[1]
    assert [line.split()[6] for line in lines] == [
        f"penstock-{what}" for what in ("keys", "env", "metrics-key", "admin-key")
    ]
    assert len(list(before(facts_of(SQLITE), Terms()))) == 1


def test_what_may_not_be_as_meant() -> None:
    moved = list(warnings(facts_of(MOVED), Terms()))
    assert any("every pod decides" in line for line in moved)
    assert any("jobs.enabled" in line for line in moved)
    assert not [line for line in warnings(facts_of(MOVED), Terms(claim="c")) if "jobs" in line]
    memory = facts_of("store: memory\nupstreams: {o: {kind: ollama}}\nmodels: {m: {upstreams: [o]}}\n")
    told = " ".join(warnings(memory, Terms()))
    assert "store: memory is not shared" in told
    assert "127.0.0.1:11434 is the pod itself" in told
    assert list(warnings(facts_of(SQLITE, "/var/lib/penstock/jobs"), Terms(replicas=1))) == []
    assert ENVIRON["OPENAI_API_KEY"] not in told


def test_a_path_stays_one_word_of_the_command() -> None:
    facts = facts_of(CONFIG)
    carried = dataclasses.replace(facts.carried, files={"ca.pem": "/etc/my ca;rm -rf $HOME.pem"})
    lines = list(before(dataclasses.replace(facts, carried=carried), Terms()))
    (line,) = [one for one in lines if "penstock-files" in one]
    assert shlex.split(line)[-1] == "--from-file=ca.pem=/etc/my ca;rm -rf $HOME.pem"
    assert "'/etc/my ca;rm" in line
