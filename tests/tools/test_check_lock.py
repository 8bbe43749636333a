"""What makes a lock file wrong, one fault at a time."""

from __future__ import annotations

import pytest

from check_lock import check, disagreements, pins, problems
from declared import mark

WANTED = ["msgspec>=0.20,<1", "PyYAML>=6; sys_platform != 'win32'"]
HASH = "    --hash=sha256:" + "0" * 64
GOOD = f"{mark(WANTED)}\nmsgspec==0.22.0 \\\n{HASH}\npyyaml==6.0.3 ; sys_platform != 'win32' \\\n{HASH}\n    # via x\n"


def test_a_good_lock_is_silent() -> None:
    assert problems("core.txt", WANTED, GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (mark(WANTED), "# pyproject: 0", "has changed since"),
        ("msgspec==0.22.0", "msgspec==1.0", "is outside"),
        ("pyyaml==", "pyyamlx==", "PyYAML is not pinned"),
        (f"msgspec==0.22.0 \\\n{HASH}", "msgspec==0.22.0", "msgspec has no hash"),
        ("msgspec==", "--index-url https://example.org/simple\nmsgspec==", "address of a registry"),
    ],
)
def test_faults(before: str, after: str, told: str) -> None:
    assert before in GOOD
    found = problems("core.txt", WANTED, GOOD.replace(before, after))
    assert any(told in line for line in found), found


def test_pins_read_names_versions_and_hashes() -> None:
    assert pins(GOOD) == {"msgspec": ("0.22.0", True), "pyyaml": ("6.0.3", True)}


def test_two_locks_must_agree() -> None:
    other = GOOD.replace("0.22.0", "0.21.0")
    assert disagreements({"a.txt": GOOD, "b.txt": GOOD}) == []
    assert disagreements({"a.txt": GOOD, "b.txt": other}) == ["b.txt: msgspec 0.21.0, but 0.22.0 in a.txt"]


def test_the_project_keeps_to_it() -> None:
    assert check() == []
