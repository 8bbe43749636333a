from penstock.core.call import Call, Operation

CHAT = Operation("chat", "openai", "/chat/completions")


def call(memo: dict[object, object] | None = None) -> Call:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    return Call(CHAT, "POST", "/v1/chat/completions", b"", headers, "10.0.0.1", memo)


def test_header_is_the_first_of_its_name() -> None:
    assert call().header(b"a") == b"1"
    assert call().header(b"c") is None


def test_calls_share_no_memo_unless_they_are_given_one() -> None:
    one, two = call(), call()
    one.memo["room"] = 1
    assert "room" not in two.memo
    shared: dict[object, object] = {}
    call(shared).memo["room"] = 2
    assert shared == {"room": 2}


def test_it_shows_neither_body_nor_headers() -> None:
    made = call()
    made.body = b"my secret prompt"
    made.headers.append((b"authorization", b"Bearer sk-secret"))
    assert "secret" not in repr(made)
    assert "16B" in repr(made)


def test_a_twin_says_the_same_and_may_say_something_else() -> None:
    one = call({})
    told = {"body": b"one", "model": "m", "stream": True, "max_tokens": 7, "usage_wanted": True, "session": "s"}
    more = {"temperature": 0.5, "remembered": object(), "members": (b"one", {})}
    for name, value in (told | more).items():
        setattr(one, name, value)
    twin = one.twin()
    assert {name: getattr(twin, name) for name in told | more} == told | more
    given = ("operation", "method", "path", "query", "headers", "client", "memo")
    assert all(getattr(twin, name) is getattr(one, name) for name in given)
    fields = {name for name in dir(Call) if not name.startswith("_")}
    assert {*told, *more, *given} == fields - {"header", "twin"}, "a twin has all there is"
    twin.body = b"other"
    assert one.body == b"one"
