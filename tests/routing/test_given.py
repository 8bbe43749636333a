import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import CallerError
from penstock.routing.given import read, upstream_in, weight_in

VLLM: dict[str, Any] = {"kind": "vllm", "base_url": "http://10.0.0.1:8000/v1"}


def put(**changes: Any) -> bytes:
    return json.dumps({**VLLM, **changes}).encode()


def refusal(body: bytes, name: str = "x") -> str:
    with pytest.raises(CallerError) as caught:
        upstream_in(name, body)
    assert caught.value.status in (400, 422)
    return caught.value.message


def test_a_whole_upstream_and_the_models_that_it_joins() -> None:
    body = put(models=["m", "n", "m"], api_key="sk-1", weight=3, price={"input": 1.5}, headers={"x-a": "b"}, drain=True)
    text, models = upstream_in("x", body)
    assert models == ("m", "n")
    upstream = read("x", text)
    assert (upstream.api_key, upstream.weight, upstream.price.input, upstream.headers) == ("sk-1", 3, 1.5, {"x-a": "b"})
    assert upstream.drain
    assert read("x", upstream_in("x", put(max_idle="5s", verify=False))[0]).max_idle == 5.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight": 0}, 'upstreams.x.weight = "0": must be at least 1'),
        ({"weigth": 2}, 'unknown key "weigth" in upstreams.x; did you mean "weight"?'),
        ({"kind": "vlm"}, "upstreams.x.kind"),
        ({"base_url": None}, 'upstreams.x: kind vllm needs a base_url, such as "http://10.0.0.1:8000/v1"'),
        ({"base_url": "ftp://a"}, "upstreams.x: base_url must be http://host… or https://host…"),
        ({"max_idle": 5}, "upstreams.x.max_idle"),
        ({"headers": {"host": "x"}}, 'the header field "host" belongs to the connection'),
        ({"models": "m"}, "models must be a list of names"),
        ({"models": [1]}, "models must be a list of names"),
        ({"price": {"input": "dear"}}, "upstreams.x.price.input"),
        ({"capacity": True}, "upstreams.x.capacity"),
        ({"price": [[[]]]}, "upstreams.x.price must be a block of keys"),
    ],
)
def test_bad_input_is_refused_as_check_would_say_it(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(put(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "local", "base_url": None}, "upstreams.x.kind: kind local starts processes"),
        ({"ca_file": "/etc/passwd"}, "upstreams.x.ca_file: can be set in the config file only"),
        ({"client_cert": "/etc/passwd"}, "upstreams.x.client_cert: can be set in the config file only"),
        ({"discover": {"file": "/etc/passwd"}}, "upstreams.x.discover: can be set in the config file only"),
        ({"api_key": "${OPENAI_API_KEY}"}, "upstreams.x.api_key: references (${…}) are read in the config file only"),
        ({"headers": {"x-a": "${file:/etc/passwd}"}}, "upstreams.x.headers: references"),
        ({"headers": {"${HOME}": "a"}}, "upstreams.x.headers: references"),
    ],
)
def test_what_is_for_the_config_file_alone(changes: dict[str, Any], said: str) -> None:
    assert said in refusal(put(**changes))


@pytest.mark.parametrize("key", ["base_url", "proxy", "address"])
@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1]"),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "1.2.3.4.5"),
    ],
)
def test_hosts_in_disguise_and_those_of_metadata(key: str, host: str) -> None:
    value = f"{host}:80" if key == "address" else f"http://{host}:80"
    assert "upstreams.x" in refusal(put(**{key: value}))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "[::1]", "[fd00::1]", "gpu-1", "vllm.llm.svc.cluster.local", "localhost"]
)
def test_hosts_of_model_servers(host: str) -> None:
    assert upstream_in("x", put(base_url=f"http://{host}:80/v1"))


@pytest.mark.parametrize("name", ["", "a/b", "x@1.1.1.1:1", "ü", "a" * 65, '"', "${x}"])
def test_a_name_that_cannot_be(name: str) -> None:
    refusal(put(), name)


@pytest.mark.parametrize("url", ["http://user:hidden@h/v1", "http://h/v1?hidden", "http://h hidden/v1"])
def test_a_refusal_never_repeats_what_may_be_secret(url: str) -> None:
    said = refusal(put(base_url=url, api_key="hidden\n", headers={"x-a": "hidden\x00"}))
    assert "hidden" not in said


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'{"kind":', b"\xff", b'{"kind": ' + b"[" * 9000, b"null"])
def test_what_is_no_object(body: bytes) -> None:
    for take in (weight_in, lambda body: upstream_in("x", body)):
        with pytest.raises(CallerError, match="the body must be a JSON object"):
            take(body)


def test_deep_nesting_is_refused_in_words() -> None:
    for depth in (30, 200, 900):
        assert refusal(b'{"kind": ' + b"[" * depth + b"]" * depth + b"}")


def test_the_weight_alone() -> None:
    assert weight_in(b'{"weight": 3}') == 3
    assert weight_in(b'{"weight": -3}') == -3  # refused where it is set, with the name of the upstream
    assert weight_in(put(weight=3)) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "weight must be a whole number"),
        (b'{"weight": "3"}', "weight must be a whole number"),
        (b'{"weight": 1.5}', "weight must be a whole number"),
        (b'{"weight": true}', "weight must be a whole number"),
        (b'{"weight": 1, "drain": true}', 'unknown key "drain"'),
    ],
)
def test_a_weight_that_is_none(body: bytes, said: str) -> None:
    with pytest.raises(CallerError, match=said):
        weight_in(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["kind", "base_url", "weight", "headers", "price", "models", "api_key", "address", "<<", "x"])


@given(st.dictionaries(KEYS, JSON, max_size=5), st.text(max_size=6))
def test_any_object_is_an_upstream_or_refused(given_: dict[str, Any], name: str) -> None:
    body = json.dumps({"kind": "echo", **given_}).encode()
    try:
        text, models = upstream_in(name, body)
    except CallerError:
        return
    assert read(name, text).kind != "local"
    assert all(isinstance(model, str) for model in models)
