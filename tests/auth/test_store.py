import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.auth.store import KeyFileError, KeyStore, default_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "penstock" / "keys.json"


def opened(path: Path) -> KeyStore:
    store = KeyStore(str(path))
    store.open()
    return store


def refusal(path: Path) -> str:
    with pytest.raises(KeyFileError) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_where_it_is_by_default() -> None:
    assert default_path({"XDG_CONFIG_HOME": "/c"}) == "/c/penstock/keys.json"
    assert default_path({"HOME": "/h"}) == "/h/.config/penstock/keys.json"
    assert default_path({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}) == "/h/.config/penstock/keys.json"


def test_the_first_start_makes_one_key(path: Path) -> None:
    store = opened(path)
    assert store.created_now is not None
    key = store.ring.find(store.created_now.encode())
    assert key is not None
    assert set(key.rights) == {"call", "admin"}
    assert opened(path).created_now is None


def test_the_key_itself_is_nowhere_in_the_folder(path: Path) -> None:
    secret = opened(path).created_now
    assert secret is not None
    for file in path.parent.iterdir():
        assert secret not in file.read_text()
        assert secret.removeprefix("sk-pen-") not in file.read_text()


def test_modes(path: Path) -> None:
    old = os.umask(0)
    try:
        opened(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o666])
def test_looser_modes_are_refused(path: Path, mode: int) -> None:
    opened(path)
    path.chmod(mode)
    assert f"has mode {mode:04o}" in refusal(path)
    assert "chmod 600" in refusal(path)


def test_a_folder_that_others_may_write_to_is_refused(path: Path) -> None:
    opened(path)
    path.parent.chmod(0o777)
    assert "chmod 700" in refusal(path)
    path.unlink()
    assert "chmod 700" in refusal(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 2, "keys": []}',
        '{"version": 1, "keys": [], "more": 1}',
        '{"version": 1, "keys": [{"id": "a"}]}',
        '{"version": 1, "keys": [{"id": "a", "name": "a", "hash": "zz", "created": "2026-01-01T00:00:00Z"}]}',
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, text: str) -> None:
    opened(path)
    path.write_text(text)
    assert "damaged" in refusal(path)
    with pytest.raises(KeyFileError, match="damaged"):
        KeyStore(str(path)).add("more", ("call",))
    assert path.read_text() == text


def test_two_records_of_one_key_are_damage(path: Path) -> None:
    opened(path)
    contents = json.loads(path.read_text())
    contents["keys"].append({**contents["keys"][0], "id": "key-other"})
    path.write_text(json.dumps(contents))
    assert "two records hold one key" in refusal(path)
    contents["keys"][1]["id"] = contents["keys"][0]["id"]
    path.write_text(json.dumps(contents))
    assert "two keys have one id" in refusal(path)


def test_a_path_that_is_a_folder(path: Path) -> None:
    path.mkdir(parents=True)
    assert "cannot be read" in refusal(path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refusal(tmp_path / "file" / "keys.json")


def test_a_link_that_leads_nowhere_is_not_replaced(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    path.symlink_to(path.parent / "nowhere")
    assert "cannot be read" in refusal(path)


def test_add_and_revoke(path: Path) -> None:
    store = opened(path)
    key, secret = store.add("ci", ("call",))
    assert store.ring.find(secret.encode()) == key
    assert store.revoke("ci").revoked is not None
    assert store.ring.find(secret.encode()) is None
    again = opened(path)
    assert again.ring.find(secret.encode()) is None
    assert len(again.ring) == 1
    assert store.revoke(key.id).id == key.id  # again, by its id: nothing changes
    with pytest.raises(KeyFileError, match="no active key"):
        store.revoke("ci")


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\x1b[31m"])
def test_odd_names_are_refused(path: Path, name: str) -> None:
    with pytest.raises(KeyFileError, match="printable"):
        opened(path).add(name, ("call",))


def test_a_name_is_used_once_among_active_keys(path: Path) -> None:
    store = opened(path)
    store.add("ci", ("call",))
    with pytest.raises(KeyFileError, match="already"):
        store.add("ci", ("call",))
    store.revoke("ci")
    store.add("ci", ("call",))


def test_a_running_store_follows_the_file(path: Path) -> None:
    running, other = opened(path), opened(path)
    assert not running.refresh()
    key, secret = other.add("ci", ("call",))
    assert running.refresh()
    assert running.ring.find(secret.encode()) == key
    other.revoke("ci")
    assert running.refresh()
    assert running.ring.find(secret.encode()) is None
    assert not running.refresh()


@pytest.mark.parametrize("damage", ["damaged", "gone", "loose"])
def test_a_file_that_goes_bad_is_told_once_and_the_keys_stay(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(path)
    secret = (store.created_now or "").encode()
    good = path.read_bytes()
    if damage == "damaged":
        path.write_text("{")
    elif damage == "gone":
        path.unlink()
    else:
        path.chmod(0o644)
    assert not store.refresh()
    assert not store.refresh()
    assert store.ring.find(secret) is not None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    path.write_bytes(good)
    path.chmod(0o600)
    assert store.refresh()


def test_not_to_be_created(path: Path) -> None:
    with pytest.raises(KeyFileError, match="no key file"):
        KeyStore(str(path)).open(create=False)
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFileError, match="No space left"):
        store.add("ci", ("call",))
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_many_writers_lose_nothing(path: Path) -> None:
    opened(path)
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda n: KeyStore(str(path)).add(f"k{n}", ("call",))[1], range(16)))
    ring = opened(path).ring
    assert len(ring) == 17
    assert all(ring.find(secret.encode()) for secret in secrets)


def test_many_first_starts_make_one_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: opened(path).created_now, range(8)))
    assert len([secret for secret in made if secret]) == 1


@pytest.mark.parametrize(
    ("mode", "lent"), [(0o440, True), (0o640, True), (0o444, False), (0o460, False), (0o450, False)]
)
def test_root_may_lend_it_to_our_group(path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, lent: bool) -> None:
    """As Kubernetes mounts a Secret for a pod with an fsGroup."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of root's")
    opened(path)
    path.chmod(mode)
    assert "others may touch it" in refusal(path), "our own file, or root's where we are root, is not lent"
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    if lent:
        assert len(opened(path).ring) == 1
    else:
        assert "others may touch it" in refusal(path)


def test_nobody_writes_to_a_folder_that_is_mounted_read_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path)
    path.parent.chmod(0o1777)
    assert "others may write" in refusal(path)
    real = os.statvfs

    def read_only(place: str) -> os.statvfs_result:
        fields = list(real(place))
        fields[8] |= os.ST_RDONLY
        return os.statvfs_result(fields)

    monkeypatch.setattr(os, "statvfs", read_only)
    assert len(opened(path).ring) == 1
