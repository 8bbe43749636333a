import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from penstock.routing.strategies import ip_hash
from penstock.routing.strategies.ip_hash import IpHash, score
from penstock.routing.targets import Target
from tests.support.targets import ask, targets

CLIENTS = [f"10.{number >> 8}.{number & 255}.7" for number in range(4000)]


def homes(those: list[Target]) -> dict[str, str]:
    strategy = IpHash()
    return {client: strategy.choose(those, ask(client)).name for client in CLIENTS}


def test_a_client_keeps_its_target() -> None:
    those = targets(1, 1, 1, 1)
    assert homes(those) == homes(those)
    assert homes(those) == homes(list(reversed(those)))


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_target_more_moves_its_fair_share_of_clients_and_only_to_itself(count: int) -> None:
    those = targets(*[1] * (count + 1))
    before, after = homes(those[:-1]), homes(those)
    moved = [client for client in CLIENTS if before[client] != after[client]]
    assert {after[client] for client in moved} == {those[-1].name}
    assert len(moved) / len(CLIENTS) == pytest.approx(1 / (count + 1), abs=0.035)
    taken_from = Counter(before[client] for client in moved)
    assert len(taken_from) == count
    assert min(taken_from.values()) > 0.5 * max(taken_from.values())


def test_a_target_less_moves_only_its_own_clients() -> None:
    those = targets(1, 1, 1)
    before, after = homes(those), homes(those[:-1])
    assert all(after[client] == home for client, home in before.items() if home != "c")


def test_weights_are_shares() -> None:
    counted = Counter(homes(targets(1, 2, 5)).values())
    for name, weight in (("a", 1), ("b", 2), ("c", 5)):
        assert counted[name] / len(CLIENTS) == pytest.approx(weight / 8, abs=0.035)


def test_a_heavier_weight_only_draws_clients() -> None:
    before, after = homes(targets(1, 1, 1)), homes(targets(1, 1, 2))
    assert {after[client] for client in CLIENTS if before[client] != after[client]} == {"c"}


def test_every_process_agrees() -> None:
    those = targets(1, 2, 3)
    mine = [IpHash().choose(those, ask(client)).name for client in CLIENTS[:50]]
    script = (
        "from penstock.routing.strategies.ip_hash import IpHash\n"
        "from tests.support.targets import ask, targets\n"
        "from tests.routing.strategies.test_ip_hash import CLIENTS\n"
        "print([IpHash().choose(targets(1, 2, 3), ask(client)).name for client in CLIENTS[:50]])"
    )
    root = Path(__file__).parents[3]
    path = os.pathsep.join([str(root / "src"), str(root)])
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "7", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(mine)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ip_hash, "REMEMBERED_CLIENTS", 100)
    strategy, those = IpHash(), targets(1, 1)
    for client in CLIENTS[:1000]:
        strategy.choose(those, ask(client))
        assert int(repr(strategy).split()[1]) <= 100


def test_the_largest_and_the_least_hash_have_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed:
        def __init__(self, digest: bytes) -> None:
            self._digest = digest

        def digest(self) -> bytes:
            return self._digest

    (one,) = targets(1)
    for byte in (b"\xff", b"\x00"):
        monkeypatch.setattr(ip_hash, "blake2b", lambda data, digest_size, byte=byte: Fixed(byte * digest_size))
        assert score("c", one) > 0
