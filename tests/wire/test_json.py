import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.call import Call
from penstock.core.errors import CallerError
from penstock.wire.json import MOST_HANDED_ON, MOST_MODEL_CHARACTERS, MOST_TOKENS, fill, peek
from penstock.wire.json_scan import STEERING
from penstock.wire.operations import OPERATIONS
from penstock.wire.peeked import Peek

PADDING = {"messages": [{"role": "user", "content": "x" * 50, "n": i} for i in range(200)]}
HUGE = {"messages": "y" * (1 << 20)}
SIZES = pytest.mark.parametrize("padding", [{}, PADDING, HUGE], ids=["small", "large", "huge"])


def refusal(body: bytes, **options) -> CallerError:
    with pytest.raises(CallerError) as caught:
        peek(body, **options)
    assert caught.value.status == 400
    return caught.value


def body_of(fields: dict, padding: dict, **style) -> bytes:
    return json.dumps(padding | fields, **style).encode()


@SIZES
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_reads_the_fields_that_policy_needs(padding, separators):
    fields = {
        "model": "m/é",
        "stream": True,
        "max_tokens": 5,
        "max_completion_tokens": 6,
        "max_output_tokens": 7,
        "user": "u",
        "prompt_cache_key": "k",
        "temperature": 0,
        "n": 2,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        "ignore_eos": True,
        "thinking": {"type": "adaptive"},
    }
    found = peek(body_of(fields, padding, separators=separators))
    assert found.model == "m/é"
    assert found.stream is True
    assert (found.max_tokens, found.max_completion_tokens, found.max_output_tokens) == (5, 6, 7)
    assert (found.user, found.prompt_cache_key, found.temperature, found.n) == ("u", "k", 0.0, 2)
    assert found.stream_options is not None
    assert found.stream_options.include_usage is True


@SIZES
def test_fields_that_are_null_or_absent_are_none(padding):
    fields = dict.fromkeys(Peek.__struct_fields__) | {"model": "m"}
    assert peek(body_of(fields, padding)) == peek(body_of({"model": "m"}, padding)) == Peek(model="m")


def told(said: str) -> Call:
    """A call that was given ``said`` as its body's members beside the model."""
    call = Call(OPERATIONS[0], "POST", "", b"", [], "")
    fill(call, b'{"model":"m"%b}' % (f",{said}" if said else "").encode())
    return call


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("", None),
        ('"max_output_tokens":3', 3),
        ('"max_tokens":2,"max_output_tokens":3', 2),
        ('"max_completion_tokens":1,"max_tokens":2', 1),
        ('"max_completion_tokens":null,"max_tokens":null,"max_output_tokens":3', 3),
    ],
)
def test_the_limit_is_told_by_whichever_name_it_has(said, limit):
    assert told(said).max_tokens == limit


@pytest.mark.parametrize("said", ["null", "{}", '{"include_usage":null}', '{"include_usage":false}'])
def test_only_a_true_asks_for_usage(said):
    assert not told("").usage_wanted
    assert not told(f'"stream_options":{said}').usage_wanted
    assert told('"stream_options":{"include_usage":true}').usage_wanted


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"hello", "byte 0"),
        (b'{"model":"m",}', "byte 13"),
        (b'{"model":"m"', "byte 12"),
        (b'{"model":"m"} x', "byte 1"),
        (b'{"model":NaN}', "byte 9"),
        (b'\xef\xbb\xbf{"model":"m"}', "byte order mark"),
        (b'{"model":"m","a":"\\q"}', "byte 1"),
        (b'{"model":"m","a":01}', "byte 1"),
        ('{"model":"m"}'.encode("utf-16"), "byte 0"),
        (b'{"model":"m","a":"\\ud83d"}', "surrogate pair (byte 18)"),
        (b'{"model":"m","a":"\\ud83d\\ude00 \\ude00"}', "byte "),
    ],
)
def test_broken_json_is_named_with_its_place(body, part):
    error = refusal(body)
    assert error.code == "invalid_json"
    assert part in error.message


@SIZES
@pytest.mark.parametrize("bad", [b'"a":"\xff"', b'"\xff":1', b'"a":{"b":"\xc3"}', b'"user":"\xff"'])
def test_bytes_that_are_not_utf_8_are_refused_wherever_they_stand(bad, padding):
    body = body_of({"model": "m"}, padding)[:-1] + b"," + bad + b"}"
    error = refusal(body)
    assert error.code == "invalid_json"


@pytest.mark.parametrize("body", [b"[]", b'"model"', b"1", b"null", b"true", b"[" * 50 + b"]" * 50])
@pytest.mark.parametrize("spaces", [0, 5000, 1 << 20])
def test_what_is_not_an_object_is_refused(body, spaces):
    assert "JSON object" in refusal(b" " * spaces + body).message


@SIZES
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("model", ["m"]),
        ("stream", "true"),
        ("stream", 1),
        ("max_tokens", "5"),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("max_completion_tokens", {}),
        ("temperature", "0"),
        ("stream_options", []),
    ],
)
def test_a_wrong_type_names_the_field(field, value, padding):
    error = refusal(body_of({"model": "m"} | {field: value}, padding))
    assert (error.code, error.param) == ("invalid_type", field)
    assert field in error.message


def test_a_wrong_type_inside_a_field_names_the_place():
    assert refusal(b'{"model":"m","stream_options":{"include_usage":1}}').param == "stream_options.include_usage"


@pytest.mark.parametrize("limit", [0, -1, MOST_TOKENS + 1, 10**30])
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_token_limits_must_be_positive_and_sane(field, limit):
    error = refusal(b'{"model":"m","%b":%d}' % (field.encode(), limit))
    assert (error.code, error.param) == ("invalid_value", field)


def test_a_name_may_not_be_longer_than_what_can_be_shown():
    assert peek(b'{"model":"%b"}' % (b"m" * MOST_MODEL_CHARACTERS)).model == "m" * MOST_MODEL_CHARACTERS
    error = refusal(b'{"model":"%b"}' % (b"m" * (MOST_MODEL_CHARACTERS + 1)))
    assert (error.code, error.param) == ("invalid_value", "model")


@SIZES
@pytest.mark.parametrize("fields", [{}, {"model": None}, {"model": ""}])
def test_a_missing_model(fields, padding):
    error = refusal(body_of(fields, padding))
    assert (error.code, error.param) == ("missing_model", "model")
    assert not peek(body_of(fields, padding), needs_model=False).model


def escaped(key: str, which: int) -> str:
    return f"{key[:which]}\\u{ord(key[which]):04x}{key[which + 1 :]}"


@SIZES
@pytest.mark.parametrize("key", sorted(STEERING))
@pytest.mark.parametrize("where", [0, 2, -1, None])
def test_a_steering_key_may_stand_only_once_however_it_is_spelled(key, where, padding):
    value = '"m"' if key == "model" else "true" if key == "stream" else "7"
    again = key if where is None else escaped(key, where % len(key))
    rest = json.dumps(padding)[1:-1]
    members = [f'"{key}": {value}', *([rest] if rest else []), f'"{again}": {value}']
    if key != "model":
        members.append('"model": "m"')
    for order in (members, members[::-1]):
        error = refusal(("{" + ", ".join(order) + "}").encode())
        assert (error.code, error.param) == ("duplicate_key", key)


@SIZES
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_same_names_elsewhere_are_no_repetition(padding, separators):
    fields = {
        "model": "model",
        "metadata": {"model": "x", "stream": True, "max_tokens": 1},
        "tools": [{"properties": {"model": {}, "stream": {}, "model ": {}}}],
        "Model": 1,
        "user": '"model":"\\u006dodel"',
        "\n": "\\u006d",
    }
    assert peek(body_of(fields, padding, separators=separators)).model == "model"


def test_other_repeated_keys_are_left_alone():
    assert peek(b'{"model":"m","seed":1,"seed":2}').model == "m"


def test_absurdly_many_fields_are_refused_when_they_have_to_be_walked():
    body = b'{"model":"m",' + b'"a":1,' * 20_000 + b'"metadata":{"model":1}}'
    assert refusal(body).code == "too_many_fields"


def nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    return opening * depth + b"1" + closing * depth


@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [(b"[", b"]", 30), (b'{"a":', b"}", 30), (b'["[",{"}":', b"}]", 60), (b"[[],", b"]", 31)],
)
@pytest.mark.parametrize("before", [b"", b'"x":"' + b"{" * 5000 + b'",', b'"x":[' + b"[],{}," * 2000 + b"0],"])
def test_depth_is_bounded_exactly(opening, closing, levels, before):
    body = b'{"model":"m",%b"a":%b}' % (before, nested(30, opening, closing))
    assert peek(body, max_depth=levels + 1).model == "m"
    assert refusal(body, max_depth=levels).code == "too_deep"


@pytest.mark.parametrize("depth", [200, 5_000, 200_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused_and_harms_nothing(depth, opening, closing):
    body = b'{"model":"m","a":' + nested(depth, opening, closing) + b"}"
    assert refusal(body).code == "too_deep"
    unfinished = refusal(b'{"model":"m","a":' + opening * depth)
    assert unfinished.code in ("too_deep", "invalid_json")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    with contextlib.suppress(CallerError):
        peek(body)


FRAGMENTS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'"model"', b'"stream"', b'"mod\\u0065l"', b"true", b"null", b"1",
    b"-", b"1e9", b'"a"', b" ", b"\n", b"\xff", b"\xc3\xa9", b"\\u00", b"\\ud800", b'"max_tokens"', b'"stream_options"',
    b'{"model":"m",', b'"x":' + b"[" * 300, b"]" * 300, b'"p":"' + b"z" * 4096 + b'",',
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=24).map(b"".join), st.booleans())
def test_anything_like_json_is_read_or_refused(body, needs_model):
    try:
        found = peek(body, needs_model=needs_model, max_depth=16)
    except CallerError:
        return
    assert isinstance(json.loads(body), dict)
    assert json.loads(body).get("model") == found.model


names = st.sampled_from([*sorted(STEERING), "a", "metadata"])
spellings = st.tuples(names, st.integers(-1, 3)).map(lambda t: t[0] if t[1] < 0 else escaped(t[0], t[1] % len(t[0])))


@given(st.lists(spellings, max_size=8), st.booleans(), st.sampled_from([0, 5000]))
def test_repetition_is_found_exactly(spelled, spaced, padding):
    keys = [json.loads(f'"{key}"') for key in spelled]
    colon = " : " if spaced else ":"
    text = ",".join(f'"{key}"{colon}null' for key in ["pad", *spelled]).replace("null", f'"{"p" * padding}"', 1)
    steering = [key for key in keys if key in STEERING]
    body = ("{" + text + "}").encode()
    if len(set(steering)) == len(steering):
        peek(body, needs_model=False)
    else:
        assert refusal(body, needs_model=False).code == "duplicate_key"


def test_the_members_of_a_large_body_are_kept_with_its_call_unless_they_are_many() -> None:
    operation = OPERATIONS[0]
    for extra, kept in [({}, True), ({str(n): n for n in range(MOST_HANDED_ON)}, False)]:
        call = Call(operation, "POST", "/v1" + operation.path, b"", [], "127.0.0.1")
        body = body_of({"model": "m"}, {"pad": "x" * 5000} | extra, separators=(",", ":"))
        fill(call, body)
        assert (call.members is not None) is kept
        if call.members is not None:
            assert call.members[0] is body
            assert bytes(call.members[1]["model"]) == b'"m"'
