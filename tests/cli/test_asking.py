"""What failures look like is tested with the commands that ask: test_reload.py, test_upstreams.py, test_routes.py."""

from penstock.cli.asking import refused


def test_only_a_refusal_is_a_failure() -> None:
    assert refused({"ok": True, "problems": []}) is None
    assert refused({"upstreams": []}) is None
    failure = refused({"ok": False, "problems": ["a", "b"]})
    assert failure is not None
    assert (str(failure), failure.status) == ("a\nb", 2)
