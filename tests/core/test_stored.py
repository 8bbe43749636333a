"""The port to stored state is what its users and its three stores are written against."""

from __future__ import annotations

import inspect

from penstock.core import stored


def test_every_port_is_small_and_its_methods_are_explained() -> None:
    for port in (stored.Records, stored.Log, stored.Counters, stored.Store):
        methods = [method for name, method in vars(port).items() if inspect.isfunction(method) and name[0] != "_"]
        assert 0 < len(methods) <= 5, port
        assert all(method.__doc__ for method in methods), port
