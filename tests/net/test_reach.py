import ssl

import pytest

from penstock.net.reach import Reach


@pytest.mark.parametrize(
    ("reach", "name"),
    [
        (Reach("api.test", 443), "api.test"),
        (Reach("[::1]", 443), "::1"),
        (Reach("10.0.0.1", 443, name="api.test"), "api.test"),
    ],
)
def test_whom_tls_must_find_there(reach: Reach, name: str) -> None:
    assert reach.tls_name == name


def test_credentials_for_a_proxy_are_not_shown() -> None:
    assert "secret" not in repr(Reach("h", 1, ssl.create_default_context(), ("p", 2), b"secret"))
