from pathlib import Path

from penstock.memory.store import cgroup_limit, give_back, machine_bytes, map_large_blocks
from penstock.net.process import resident


def test_the_machine_has_memory_and_this_process_uses_some_of_it() -> None:
    assert 8 * 1024 * 1024 < resident() < machine_bytes()


def test_what_is_allocated_is_seen_and_what_is_given_back_too() -> None:
    map_large_blocks()
    before = resident()
    block = b"x" * (64 << 20)
    assert resident() - before > 48 << 20
    del block
    give_back()
    assert resident() - before < 16 << 20


def groups(root: Path, files: dict[str, str], own: str) -> tuple[str, str]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "own").write_text(own)
    return str(root), str(root / "own")


def test_the_limit_of_a_group_around_ours_is_ours_too(tmp_path: Path) -> None:
    files = {"a/b/memory.max": "max\n", "a/memory.max": "3000\n", "memory.max": "9000\n"}
    assert cgroup_limit(*groups(tmp_path, files, "0::/a/b\n")) == 3000


def test_a_container_is_told_its_limit_at_the_root(tmp_path: Path) -> None:
    assert cgroup_limit(*groups(tmp_path, {"memory.max": "7000\n"}, "0::/not/to/be/seen\n")) == 7000


def test_groups_of_the_first_version(tmp_path: Path) -> None:
    files = {
        "memory/x/y/memory.limit_in_bytes": "5000\n",
        "memory/x/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    own = "5:cpu,cpuacct:/x/y\n4:memory:/x/y\n0::/z\nnonsense\n"
    assert cgroup_limit(*groups(tmp_path, files, own)) == 5000


def test_without_any_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limit(*groups(tmp_path, {}, "0::/\n")) is None
    assert cgroup_limit(str(tmp_path / "none"), str(tmp_path / "nowhere")) is None
