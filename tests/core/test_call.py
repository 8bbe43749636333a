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
