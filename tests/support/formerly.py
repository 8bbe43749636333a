"""Windows as they were packed before columns were stored apart (version 1): how it was done, and one of that time."""

from __future__ import annotations

import zlib
from base64 import b64decode
from typing import Any

import msgspec

from penstock.core.windows import COUNTS, Group, Window
from penstock.history.packing import OLDER
from penstock.history.planes import sketched

SKETCHES = [name for name in COUNTS if name != "faults"]
KEPT = b64decode(
    "mAHLQdrSdIAAAADLQCQAAAAAAADLQBQAAAAAAACUxBaTk8ClbGFyZ2XAk8DApGVhc3STwMDAxNXcABmTAgIDkwICA5MCAgOTAQABkwAAAJMAAACT"
    "AAAAkwAAAJMAAACTzQfQzQfQzQu4k8zKzMrNAS+TAAAAkwAAAJPNH0DNH0DNLuCTzRdwzRdwzSMok84APQkAzgA9CQDOAFuNgJPOAA9CQM4AD0JA"
    "zgAW42CTzU4gzU4gzXUwk84AOfvAzgA5+8DOAFb5oJPOAAPQkM4AA9CQzgAD0JCTzMjMyM0BLJPOAAPQLM4AA9AszgAD0CyTzgAW42DOABbjYM4A"
    "FuNgk80nEM0nEM06mJMAAADEGJOAgah1cHN0cmVhbQGBqHVwc3RyZWFtAZXEEJOSEsQBApISxAEBkhLEAQLEEJOS78QBAZLvxAEBku/EAQHEE5OS"
    "0JjEAQGS0JjEAQGS0JjEAQHEE5OS0N7EAQGS0N7EAQGS0N7EAQHEFpOS0f8axAECktH/GsQBApLR/xrEAQOUxCl4nJs8eUlyRmLJ0pzEovTUJamJ"
    "xSVQgeLcxJwcZAGIivLU4hIAiboYQMRheJy7wyA5mZGREY4ZGECYAQOfZX4BQZNTU1MRovwLIGjyWe4dEDT5HINcSwOCAPLZFyogiMln1QUgCCgj"
    "8/cBggDymS9MAJqakpICZusA2ecYxB4ngGwS7oAgkL0A2VZAUsQWeJyb3NC4orSguKQoNTGXsQEAMxQGL5XEEXicmzxJ6Agj4wQwCQAdrgP4xBB4"
    "nJs86f0RRsYJEwATwwP7xBJ4nJs86cKMI4yMEyYAABiPBHTEEnicmzzpwr0jjIwTJgAAGjMEusQSeJybPOnif6kjjIyoFACC5ApahaNrZXnEKHic"
    "a1yanVoZbziTmfEcQ3RvwzkGsccJZ7l3nGXUZzxrNYMBAMilDCejdGFnxCd4nGtcVpKamGuVOJOR4RyDXEvDOQb2hQpnmV+kMpwV7mAAALKNCw+l"
    "ZXJyb3LEMXica9xQWlBcUpSamBtfkpmbml9aMpOR8RyDXEvDOQb2hQpnmV+kMpwV7mAAAFaZD6+lY2FjaGXERnica1qSm1lcPJOJ8RyDLSfDOQZ+"
    "J4ez7BfOnGI4qy7AsDIjs0Q3tSIxuWQmI1BOrqXhHAP7QoWzzC9SGc8KdzAAALA4FgamcHJvbXB0xCd4nGtcYmhgZDKTmfEcQ3RvwzkGsccJZ7l3"
    "nGXUZzxrNYMBAKmYCxTEPXicm9K0OLmg9LT9AwYwWJmZF5+Wk5meUcLcCJF4AZFoXFpYmlqaetr+Aoyfk1iUnjqJ6bT9D4gIAOZlGJY="
)
"""As that version wrote it: three calls, one of them the fault of its upstream, one answered by the cache."""


def formerly(window: Window) -> bytes:
    """``window`` as version 1 packed it."""
    own: dict[Any, Group] = {(group.operation, group.model, group.upstream): group for group in window.groups}
    shared: dict[Any, Group] = {}
    for name in [(None, group.model, None) for group in window.groups] + [(None, None, None)]:
        those = [group for group in window.groups if name[1] in (None, group.model)]
        if len(those) > 1 and name not in shared:
            shared[name] = Group()
            for group in those:
                shared[name].add(group)
    parts = {
        dimension: _pressed(
            {value: [_whole(one) for one in msgspec.structs.astuple(part)] for value, part in values.items()}
        )
        for dimension, values in window.parts.items()
    }
    rest = _pressed([window.gauges, window.peaks, window.waits, window.feedback])
    spans = (window.start, window.seconds, window.covered)
    return msgspec.msgpack.encode([1, *spans, _table(shared), _table(own), parts, rest])


def _table(rows: dict[Any, Group]) -> list[Any]:
    sums = [[_whole(getattr(group, name)) for group in rows.values()] for name in OLDER]
    sketches = [_pressed([sketched(getattr(group, name)) for group in rows.values()]) for name in SKETCHES]
    return [_pressed(list(rows)), _pressed(sums), _pressed([group.faults for group in rows.values()]), sketches]


def _whole(value: Any) -> int:
    return round(value * 1e6) if isinstance(value, float) else int(value)


def _pressed(value: Any) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(value))
