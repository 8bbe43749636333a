import asyncio
from typing import Any

import pytest

from penstock.core.stored import Missed
from penstock.store.asked import Add, Append, Delete, Drop, Extend, Mark, Once, Put
from penstock.store.redis.commands import (
    ADD,
    EXTEND,
    block_command,
    commands_of,
    index_key,
    logs_in,
    read_command,
    record_key,
    result_of,
    rows_of,
    tidy_command,
    version_in,
)

NOBODY: asyncio.Future[Any] = None  # type: ignore[assignment]


def test_a_record_is_kept_with_its_end_and_its_key_in_the_index() -> None:
    assert commands_of(Put("t", b"\x00k", b"v", 1000.5), 990.0) == [
        ("ZADD", b"penstock:index:t", 1_000_500, b"\x00k"),
        ("SET", b"penstock:record:t:\x00k", b"v", "PX", 10_500),
    ]


def test_a_record_that_has_ended_is_deleted() -> None:
    assert commands_of(Put("t", b"k", b"v", 990.0), 990.0) == [
        ("DEL", b"penstock:record:t:k"),
        ("ZREM", b"penstock:index:t", b"k"),
    ]


def test_many_keys_are_deleted_in_parts() -> None:
    commands = commands_of(Delete("t", tuple(b"%d" % n for n in range(1201))), 0.0)
    assert [command[0] for command in commands] == ["DEL", "ZREM"] * 3
    assert sum(len(command) - 1 for command in commands if command[0] == "DEL") == 1201


def test_rows_counters_and_names() -> None:
    assert commands_of(Append("l", b"row", 50), 0.0) == [
        ("XADD", b"penstock:log:l", "MAXLEN", "~", 50, "0-*", "row", b"row")
    ]
    assert commands_of(Drop("l", 7), 0.0) == [("XTRIM", b"penstock:log:l", "MINID", "0-8")]
    many = commands_of(Extend("l", tuple(b"%d" % number for number in range(501)), 50), 0.0)
    assert [command[:5] for command in many] == [("EVAL", EXTEND, 1, b"penstock:log:l", 50)] * 2
    assert [len(command) - 5 for command in many] == [500, 1]
    assert commands_of(Add("n", -3, None, NOBODY), 0.0) == [("EVAL", ADD, 1, b"penstock:sum:n", -3, "")]
    assert commands_of(Add("n", 1, 12.5, NOBODY), 10.0)[0][-1] == 2500
    once = Once("s", b"mine", NOBODY)
    assert commands_of(once, 0.0) == [("SET", b"penstock:name:s", b"mine", "NX", "GET")]
    assert result_of(once, None) == b"mine"
    assert result_of(once, b"theirs") == b"theirs"
    assert commands_of(Mark(NOBODY), 0.0) == []
    assert result_of(Mark(NOBODY), None) is None


def test_positions_are_numbers_without_gaps() -> None:
    assert read_command("l", "", 5) == ("XRANGE", b"penstock:log:l", "-", "+", "COUNT", 5)
    assert read_command("l", "17", 5)[2] == "(0-17"
    reply = [[b"0-18", [b"row", b"a"]], [b"0-19", [b"row", b"b"]]]
    assert rows_of(reply, "l", "17") == [("18", b"a"), ("19", b"b")]
    assert rows_of(reply, "l", "") == [("18", b"a"), ("19", b"b")]
    with pytest.raises(Missed):
        rows_of(reply, "l", "16")


def test_waiting_for_several_logs() -> None:
    command = block_command({"a": "", "b": "7"}, 250)
    assert command == (
        "XREAD", "COUNT", 1, "BLOCK", 250, "STREAMS", b"penstock:log:a", b"penstock:log:b", "0-0", "0-7",
    )  # fmt: skip
    assert logs_in([[b"penstock:log:b", [[b"0-8", [b"row", b""]]]]]) == ["b"]
    assert logs_in(None) == []


def test_the_index_forgets_late() -> None:
    assert tidy_command("t", 1000.0)[3:5] == (index_key("t"), 940_000)


def test_tables_have_keys_of_their_own() -> None:
    assert record_key("a", b"b:c") != record_key("a_b", b"c")
    assert record_key("a", b"x") != index_key("a")


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n", (7, "7.0.15")),
        ("redis_version:6.2.14", (6, "6.2.14")),
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1", (7, "7.2.4")),
        ("redis_version:unstable", (0, "unstable")),
        ("", (0, "")),
    ],
)
def test_the_version_is_read(info: str, version: tuple[int, str]) -> None:
    assert version_in(info) == version
