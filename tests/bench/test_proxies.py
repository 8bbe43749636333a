"""The registry of proxies under test."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import built, proxies


def test_all_are_chosen_but_those_left_out() -> None:
    names = [proxy.name for proxy in proxies.chosen(None, without=("litellm",))]
    assert names[:4] == ["penstock", "penstock-keys-metrics", "penstock-source", "nginx"]
    assert "litellm" not in names


def test_named_ones_come_in_the_order_named() -> None:
    assert [proxy.name for proxy in proxies.chosen("vllm-router,nginx")] == ["vllm-router", "nginx"]


def test_an_unknown_name_is_told_with_the_known() -> None:
    with pytest.raises(ValueError, match=r"nginks; known: penstock, penstock-keys-metrics, penstock-source, nginx"):
        proxies.chosen("nginx,nginks")


def test_both_forms_of_penstock_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(built, "carried", lambda: built.Form(Path("compiled"), "compiled"))
    forms = [proxy.form() for proxy in (proxies.Penstock(), proxies.PenstockSource())]
    assert forms == [built.Form(Path("compiled"), "compiled"), built.SOURCE]


@pytest.mark.parametrize("template", ["nginx_proxy.conf", "nginx_upstream.conf"])
def test_nginx_templates_leave_nothing_to_fill_in(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxies, "need", lambda program, package: program)
    values = {"port": "1", "upstream_port": "2", "buffering": "on", "whole": "{}", "models": "{}", "info": "{}"}
    argv = proxies.nginx_command(tmp_path, proxies.HERE / template, 100, values)
    text = (tmp_path / template).read_text()
    assert argv[:3] == ["nginx", "-p", str(tmp_path)]
    assert "listen 127.0.0.1:1 " in text
    assert "$" not in text.replace("$host", "")
