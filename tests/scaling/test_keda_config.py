import importlib.util

import pytest

from penstock.scaling.keda_config import KedaConfig, KedaTlsConfig

TLS = KedaTlsConfig(cert="cert.pem", key="key.pem")


def problems(**settings: object) -> list[str]:
    return [message for _, message in KedaConfig(**settings).check()]  # type: ignore[arg-type]


@pytest.mark.parametrize("listen", ["127.0.0.1:8401", "[::1]:8401", "localhost:8401", "127.8.8.8:1"])
def test_on_this_machine_it_needs_no_tls(listen: str) -> None:
    assert problems(listen=listen) == []


@pytest.mark.parametrize("listen", ["0.0.0.0:8401", "[::]:8401", "10.0.0.1:8401", "gateway.llm:8401"])
def test_beyond_it_needs_tls_or_a_word(listen: str) -> None:
    (says,) = problems(listen=listen)
    assert "scaling.keda.tls" in says
    assert problems(listen=listen, tls=TLS) == []
    assert problems(listen=listen, insecure=True) == []


@pytest.mark.parametrize("listen", ["8401", "127.0.0.1", "127.0.0.1:99999", "http://127.0.0.1:80", "::1:80", ""])
def test_an_address_has_a_port(listen: str) -> None:
    assert "an address and a port" in problems(listen=listen)[0]


def test_it_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert problems(listen="127.0.0.1:8401") == ["scaling.keda needs the extra keda: pip install 'penstock[keda]'"]
