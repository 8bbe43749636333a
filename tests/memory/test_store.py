from pathlib import Path

from penstock.memory.store import Resident, cgroup_limit, give_back, machine_bytes, map_large_blocks


def test_the_machine_has_memory_and_this_process_uses_some_of_it() -> None:
    assert 8 * 1024 * 1024 < Resident()() < machine_bytes()


def test_what_is_allocated_is_seen_and_what_is_given_back_too() -> None:
    map_large_blocks()
    resident = Resident()
    before = resident()
    block = b"x" * (64 << 20)
    assert resident() - before > 48 << 20
    del block
    give_back()
    assert resident() - before < 16 << 20


def test_the_first_limit_of_the_container_that_is_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("max\n")
    (tmp_path / "b").write_text("123456789\n")
    paths = (str(tmp_path / "none"), str(tmp_path / "a"), str(tmp_path / "b"))
    assert cgroup_limit(paths) in (123456789, cgroup_limit(()))


def test_without_any_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limit((str(tmp_path / "none"),)) == cgroup_limit(())
