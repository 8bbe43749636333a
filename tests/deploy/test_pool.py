import pytest

from penstock.deploy.pool import Member, pool


def test_addresses_and_weights() -> None:
    found = pool(["10.0.0.1:8400", " gateway.local:80=3", "[::1]:8400"])
    assert found == [Member("10.0.0.1:8400"), Member("gateway.local:80", 3), Member("[::1]:8400")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1",
        "10.0.0.1:0",
        "10.0.0.1:70000",
        "a b:80",
        "x:80;",
        "x:80=0",
        "x:80=1.5",
        "::1:80",
        "x:80\n}",
        "-x:80",
    ],
)
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|weight"):
        pool([text])


def test_none_and_twice() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pool([])
    with pytest.raises(ValueError, match="twice"):
        pool(["a:1", "a:1=2"])
