from penstock.scaling.actuators.ray.versions import mismatch

# As Ray 2.60 words it.
THEIRS = """Version mismatch: The cluster was started with:
    Ray: 2.60.0
    Python: 3.12.1
This process on node 10.0.0.1 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


def test_versions_are_told_from_rays_complaint() -> None:
    assert mismatch(THEIRS, "2.60.0", "3.11.7") == (
        "it runs Ray 2.60.0 on Python 3.12.1, this gateway has Ray 2.60.0 on Python 3.11.7;"
        " both must be the same on both sides"
    )
    assert mismatch("Version mismatch: something new", "1", "2").startswith("Version mismatch: something new, this")
    assert mismatch("Could not find any running Ray instance.", "1", "2") == ""
