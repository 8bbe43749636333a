import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UpstreamError
from penstock.memory.ledger import BoundedAccount
from penstock.streaming.config import MergeConfig, PressureConfig, StreamingConfig
from penstock.streaming.flow import FRAME_BYTES, Flow, Wishes
from penstock.streaming.pacing import Bucket
from tests.streaming.scenes import SMALL, fill, scene
from tests.support.streams import DONE, EMPTY, FINISH, ROLE, Later, Reader, Upstream, around, said, text_of

# ---- without a reason to wait


def test_frames_pass_as_they_are() -> None:
    on = scene("coalesce")
    frame = said("a") + said("b")
    on.upstream.push(frame)
    on.upstream.end()
    assert on.reader.frames[0] is frame
    assert on.reader.ends == [None]


# ---- a slow reader


def test_under_pause_the_buffer_takes_some_then_the_upstream_stops() -> None:
    on = scene("pause")
    on.flow.pause()
    while not on.upstream.held:
        on.upstream.push(said("x"))
        on.later.advance(1)  # moderate delays pass
    assert 0.9 * SMALL <= on.account.held < SMALL
    assert on.reader.frames == []
    assert on.around.counts.levels["severe"] == 1
    on.later.advance(100)
    assert on.upstream.held
    on.flow.resume()
    assert not on.upstream.held
    assert on.account.held == 0
    assert on.around.counts.levels["severe"] == 0


def test_moderate_pressure_delays_the_upstream_by_its_share_of_the_delay() -> None:
    on = scene("pause")
    on.flow.pause()
    fill(on, 1.0)
    share = on.account.held / SMALL
    assert 0.7 <= share < 0.75
    on.later.advance(share * 0.05 - 0.001)
    assert on.upstream.held
    on.later.advance(0.002)
    assert not on.upstream.held
    assert on.around.counts.dump()["delays"]["pressure"] == pytest.approx(share * 0.05)


def test_coalesce_sends_the_same_text_in_far_fewer_events() -> None:
    on = scene("coalesce")
    on.flow.pause()
    words = [f"word{number} " for number in range(1000)]
    on.upstream.push(ROLE)
    for word in words:
        while on.upstream.held:
            on.later.advance(0.05)
        on.upstream.push(said(word))
    on.upstream.push(FINISH, DONE)
    assert on.account.held < SMALL
    on.flow.resume()
    on.upstream.end()
    assert text_of(on.reader.got) == "".join(words)
    assert on.reader.got.startswith(ROLE)
    assert on.reader.got.endswith(FINISH + DONE)
    assert on.reader.got.count(b"data:") < len(words) / 10
    assert on.count("merged", "slow_reader") > 800


def test_drop_nonessential_drops_what_says_nothing_and_only_that() -> None:
    on = scene("drop_nonessential")
    on.flow.pause()
    sent = []
    while on.account.held < 0.69 * SMALL:
        for event in (said("a"), EMPTY, b": upstream is busy\n\n"):
            sent.append(event)
            on.upstream.push(event)
    on.upstream.push(said("b" * 200))
    on.flow.resume()
    kept = [event for event in sent if b'"a"' in event]
    assert on.reader.got == b"".join(kept) + said("b" * 200)
    assert on.count("dropped", "nonessential") == len(sent) - len(kept)


def test_cut_ends_the_stream_when_the_buffer_is_full() -> None:
    on = scene("cut")
    on.flow.pause()
    fill(on, 2.0)
    (error,) = on.reader.ends
    assert error is not None
    assert error.code == "slow_reader"
    assert error.fault == "caller"
    assert on.upstream.cancelled == "buffer_full"
    assert on.account.held == 0
    assert on.count("cut", "buffer_full") == 1
    assert on.around.counts.levels == {"normal": 0, "moderate": 0, "severe": 0}


def test_when_the_account_of_all_is_full_the_stream_is_cut() -> None:
    on = scene("coalesce", bound=1000)
    on.flow.pause()
    for _ in range(20):
        if not on.upstream.cancelled:
            on.upstream.push(said("x"))
    assert on.upstream.cancelled == "buffers_full"
    (error,) = on.reader.ends
    assert error is not None
    assert error.retryable
    assert on.account.held == 0


def test_what_waited_leaves_in_frames_of_bounded_size() -> None:
    later, upstream, reader = Later(), Upstream(), Reader()
    flow = Flow(upstream, StreamingConfig(), Wishes("chat"), around(later))
    flow.start(reader)
    flow.pause()
    for _ in range(1000):
        upstream.push(said("x"))
    flow.resume()
    assert reader.got == said("x") * 1000
    assert max(map(len, reader.frames)) < FRAME_BYTES + 2 * len(said("x"))
    assert len(reader.frames) > 2


def test_an_end_waits_for_what_waits() -> None:
    on = scene("coalesce")
    on.flow.pause()
    on.upstream.push(said("last words"))
    cut = UpstreamError("cut")
    on.upstream.end(cut)
    assert on.reader.ends == []
    on.flow.resume()
    assert text_of(on.reader.got) == "last words"
    assert on.reader.ends == [cut]


# ---- lossy, for those who asked


def test_a_lossy_caller_misses_only_short_text_and_only_after_the_wait() -> None:
    on = scene("pause", lossy=True)
    on.flow.pause()
    on.upstream.push(ROLE)
    sent = 0
    while not (on.upstream.held and on.account.held >= 0.9 * SMALL):
        if on.upstream.held:
            on.later.advance(0.05)
        on.upstream.push(said("x") + said("long"))
        sent += 1
    assert on.count("dropped", "lossy") == 0
    on.later.advance(0.099)
    assert on.count("dropped", "lossy") == 0
    on.later.advance(0.002)
    assert on.count("dropped", "lossy") == sent
    assert not on.upstream.held
    on.flow.resume()
    assert on.reader.got == ROLE + said("long") * sent


def test_nobody_else_loses_text() -> None:
    on = scene("pause")
    on.flow.pause()
    sent = 0
    for _ in range(500):
        on.later.advance(0.2)
        if not on.upstream.held:
            on.upstream.push(said("x"))
            sent += 1
    on.flow.resume()
    assert on.reader.got == said("x") * sent
    assert on.count("dropped", "lossy") == on.count("dropped", "nonessential") == 0


# ---- whatever happens

texts = st.text(st.characters(codec="utf-8"), max_size=12)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("text"), texts),
        st.tuples(st.sampled_from(["special", "pause", "resume", "wait"]), st.just("")),
    ),
    max_size=60,
)


@given(
    steps=steps,
    policy=st.sampled_from(["pause", "coalesce", "drop_nonessential"]),
    merges=st.booleans(),
    pace=st.sampled_from([0.0, 50.0]),
)
def test_text_is_never_lost_nor_reordered(steps: list[tuple[str, str]], policy: str, merges: bool, pace: float) -> None:
    later, upstream, reader = Later(), Upstream(), Reader(0.2)
    surroundings = around(later)
    terms = StreamingConfig(
        buffer=SMALL,
        on_slow_reader=policy,
        pressure=PressureConfig(moderate=0.02, severe=0.05),
        merge=MergeConfig(),  # type: ignore[arg-type]
    )
    buckets = [Bucket(pace, 2, later.time)] if pace else []
    flow = Flow(upstream, terms, Wishes("chat", buckets, merges, caller=reader), surroundings)
    flow.start(reader)
    told = ""
    specials = 0
    for step, text in steps:
        if step == "pause":
            flow.pause()
        elif step == "resume":
            flow.resume()
        elif step == "wait":
            later.advance(0.03)
        elif not upstream.held:
            upstream.push(said(text) if step == "text" else FINISH)
            told += text
            specials += step == "special"
    upstream.end()
    flow.resume()
    later.advance(100)
    assert text_of(reader.got) == told
    assert reader.got.count(FINISH) == specials
    assert reader.ends == [None]
    account = surroundings.account
    assert isinstance(account, BoundedAccount)
    assert account.held == 0
    assert surroundings.counts.levels == {"normal": 0, "moderate": 0, "severe": 0}
