"""Writes and questions as Redis commands, and their replies read. Pure.

Plain commands and two short scripts. A table is a string a record, with an end, and a sorted set of their keys by that
end, so that a table can be read whole without asking the server for all its keys. A log is a stream whose numbers are
given without gaps. Everything lies under the prefix ``penstock:``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from penstock.core.stored import Missed, Row
from penstock.store.asked import Add, Append, Delete, Drop, Extend, Mark, Once, Put, Write, position

Command = tuple[Any, ...]

PREFIX = b"penstock:"
INCARNATION = PREFIX + b"incarnation"
OLDEST_MAJOR = 7
MARGIN_MILLISECONDS = 60_000
"""The clocks of gateways may differ by so much before the index forgets a key that is still there."""
TIDY_KEYS = 500
DELETE_KEYS = 500
EXTEND_ROWS = 500

ADD = """\
local new = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
local sum = redis.call('GET', KEYS[1])
if new and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum
"""
EXTEND = """\
for at = 2, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '0-*', 'row', ARGV[at]) end
"""
TIDY = """\
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #old > 0 then redis.call('ZREM', KEYS[1], unpack(old)) end
return #old
"""

SCAN = """\
local page = redis.call('ZSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local sizes, parts, later, total = {}, {}, {}, 0
for at = 1, #page[2], 2 do
  local key = page[2][at]
  if total > tonumber(ARGV[4]) then
    later[#later + 1] = key
  else
    local value = redis.call('GET', ARGV[3] .. key)
    if value then
      sizes[#sizes + 1] = struct.pack('>I4I4', #key, #value)
      parts[#parts + 1] = key
      parts[#parts + 1] = value
      total = total + #value
    end
  end
end
return {page[1], table.concat(sizes), table.concat(parts), later}
"""
"""A page of a table in three long strings, since a client reads a thousand short ones slowly. What would make it too
large is left for later."""


def record_key(table: str, key: bytes) -> bytes:
    """Where a record is."""
    return PREFIX + b"record:" + table.encode() + b":" + key


def index_key(table: str) -> bytes:
    """Where the keys of a table are."""
    return PREFIX + b"index:" + table.encode()


def log_key(log: str) -> bytes:
    """Where a log is."""
    return PREFIX + b"log:" + log.encode()


def commands_of(write: Write, now: float) -> list[Command]:
    """What carries out ``write``. The last one's reply is the result."""
    match write:
        case Put():
            left = _milliseconds(write.expires - now)
            if left <= 0:
                return commands_of(Delete(write.table, (write.key,)), now)
            # The index first: a key without a record does no harm, a record without a key would never be scanned.
            return [
                ("ZADD", index_key(write.table), _milliseconds(write.expires), write.key),
                ("SET", record_key(write.table, write.key), write.value, "PX", left),
            ]
        case Delete():
            parts = [write.keys[start : start + DELETE_KEYS] for start in range(0, len(write.keys), DELETE_KEYS)]
            return [
                command
                for keys in parts
                for command in (
                    ("DEL", *(record_key(write.table, key) for key in keys)),
                    ("ZREM", index_key(write.table), *keys),
                )
            ]
        case Append():
            return [("XADD", log_key(write.log), "MAXLEN", "~", write.keep, "0-*", "row", write.row)]
        case Extend():
            groups = [write.rows[at : at + EXTEND_ROWS] for at in range(0, len(write.rows), EXTEND_ROWS)]
            return [("EVAL", EXTEND, 1, log_key(write.log), write.keep, *rows) for rows in groups]
        case Drop():
            return [("XTRIM", log_key(write.log), "MINID", f"0-{write.upto + 1}")]
        case Add():
            left_of: Any = "" if write.expires is None else _milliseconds(write.expires - now)
            return [("EVAL", ADD, 1, PREFIX + b"sum:" + write.name.encode(), write.amount, left_of)]
        case Once():
            return [("SET", PREFIX + b"name:" + write.name.encode(), write.value, "NX", "GET")]
        case Mark():
            return []


def result_of(write: Write, reply: Any) -> Any:
    """The result of ``write``, read from the reply to its last command."""
    if isinstance(write, Once):
        return write.value if reply is None else reply
    return int(reply) if isinstance(write, Add) else None  # a text: Lua's numbers are exact up to 2**53 only


def incarnation_command(candidate: str) -> Command:
    """Gives the incarnation, or sets it to ``candidate`` and gives nothing."""
    return ("SET", INCARNATION, candidate, "NX", "GET")


def tidy_command(table: str, now: float) -> Command:
    """Forgets the keys of some records that have ended."""
    return ("EVAL", TIDY, 1, index_key(table), _milliseconds(now) - MARGIN_MILLISECONDS, TIDY_KEYS)


def scan_command(table: str, cursor: str, keys: int, size: int) -> Command:
    """Gives a page of about so many records, or a little more than ``size`` bytes of them."""
    return ("EVAL", SCAN, 1, index_key(table), cursor or "0", keys, record_key(table, b""), size)


def page_of(reply: Sequence[Any]) -> tuple[dict[bytes, bytes], list[bytes], str | None]:
    """The records in a page, the keys left for later, and the next cursor."""
    cursor, sizes, data, later = reply
    records: dict[bytes, bytes] = {}
    at = 0
    for key_size, value_size in struct.iter_unpack(">II", sizes):
        middle = at + key_size
        records[data[at:middle]] = data[middle : middle + value_size]
        at = middle + value_size
    return records, list(later), None if cursor == b"0" else cursor.decode()


def read_command(log: str, after: str, limit: int) -> Command:
    """Gives rows after a position."""
    number = position(after)
    return ("XRANGE", log_key(log), f"(0-{number}" if number else "-", "+", "COUNT", max(1, limit))


def last_command(log: str) -> Command:
    """Gives the newest row of a log."""
    return ("XREVRANGE", log_key(log), "+", "-", "COUNT", 1)


def block_command(waiting: dict[str, str], milliseconds: int) -> Command:
    """Waits for a row in one of the logs after its position."""
    names = [log_key(log) for log in waiting]
    return (
        "XREAD", "COUNT", 1, "BLOCK", milliseconds, "STREAMS", *names,
        *(f"0-{position(after)}" for after in waiting.values()),
    )  # fmt: skip


def rows_of(reply: Sequence[Any], log: str, after: str) -> list[Row]:
    """The rows in a reply. Raises Missed where some are lacking after the position."""
    rows = [(id_.decode().rpartition("-")[2], fields[1]) for id_, fields in reply]
    if after and rows and int(rows[0][0]) != position(after) + 1:
        raise Missed(f"rows of the log {log} behind {after} are gone")
    return rows


def logs_in(reply: Any) -> list[str]:
    """The logs in which a row has come, by the reply to ``block_command``."""
    prefix = len(log_key(""))
    return [name[prefix:].decode() for name, _ in reply] if isinstance(reply, list) else []


def version_in(info: str) -> tuple[int, str]:
    """The major version, and all of it, of the server whose INFO this is; (0, "") if it does not say."""
    for line in info.splitlines():
        name, _, value = line.partition(":")
        if name == "redis_version":
            major = value.strip().partition(".")[0]
            return (int(major) if major.isdigit() else 0), value.strip()
    return 0, ""


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
