import pytest

from penstock.deploy.carried import Carried
from penstock.deploy.facts import MIB, Facts, Pool, Reach, address_of, places

CARRIED = Carried("{}\n", (), {}, ())


def test_where_urls_lead() -> None:
    value = {
        "a": ["http://h/x", {"b": "https://u:p@[::1]:9/y"}],
        "c": "redis://r/0",
        "d": "rediss://r:1/0",
        "e": "see http://no.url/",
        "f": "http://bad:port/",
        "g": 3,
    }
    assert set(places(value)) == {Reach("h", 80), Reach("::1", 9), Reach("r", 6379), Reach("r", 1)}


@pytest.mark.parametrize(("host", "known"), [("10.0.0.1", True), ("[::1]", True), ("gpu", False)])
def test_addresses(host: str, known: bool) -> None:
    assert (address_of(host) is not None) is known


def test_a_container_leaves_a_quarter_to_others() -> None:
    assert Facts(CARRIED, memory=3 * 1024 * MIB).container_memory == 4 * 1024 * MIB
    assert Facts(CARRIED, workers=2).container_memory == 2048 * MIB


def test_grace_outlasts_the_drain() -> None:
    assert Facts(CARRIED, drain=30.2).grace == 31 + 15


def test_programs_of_pools_must_be_there_too() -> None:
    pools = (Pool("a", 0, 1, "local", program="vllm"), Pool("b", 0, 1, "signal"))
    assert list(Facts(CARRIED, pools=pools).programs("there")) == ['pool a: "vllm" must be there']


def test_who_asks_kubernetes() -> None:
    assert not Facts(CARRIED).asks_kubernetes
    assert Facts(CARRIED, watched=(None,)).asks_kubernetes
    assert Facts(CARRIED, pools=(Pool("p", 0, 1, "kubernetes"),)).asks_kubernetes
    assert not Facts(CARRIED, pools=(Pool("p", 0, 1, "signal"),)).asks_kubernetes
