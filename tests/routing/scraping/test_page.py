import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.scraping.page import LARGEST_PAGE, LONGEST_LINE, MOST_SERIES, Page, read

VLLM = b"""\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 9241.0
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.75934881e+09
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B"} 7.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="meta-llama/Llama-3.1-8B"} 3.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="meta-llama/Llama-3.1-8B",reason="capacity"} 99.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="meta-llama/Llama-3.1-8B"} 0.62
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",num_cpu_blocks="None",\
num_gpu_blocks="27000",num_gpu_blocks_override="None"} 1.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_bucket{engine="0",le="+Inf",model_name="meta-llama/Llama-3.1-8B"} 120.0
"""
OLD_VLLM = b"""\
vllm:num_requests_running{model_name="m"} 2.0
vllm:num_requests_waiting{model_name="m"} 0.0
vllm:gpu_cache_usage_perc{model_name="m"} 0.3
vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1.0
"""
SGLANG = b"""\
# HELP sglang:token_usage The token usage.
# TYPE sglang:token_usage gauge
sglang:token_usage{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.28
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 5.0
sglang:num_running_reqs_offline_batch{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 50.0
sglang:num_queue_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 2.0
sglang:max_total_num_tokens{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 262144.0
"""
LLAMA_CPP = b"""\
# HELP llamacpp:requests_processing Number of requests processing
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 1
# HELP llamacpp:requests_deferred Number of requests deferred
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 4
"""
OLD_LLAMA_CPP = LLAMA_CPP + b"llamacpp:kv_cache_usage_ratio 0.5\n"
TENSORRT_LLM = b"""\
trtllm_num_requests_running{model_name="m",engine_type="trtllm"} 9
trtllm_num_requests_waiting{model_name="m",engine_type="trtllm"} 1
trtllm_kv_cache_utilization{model_name="m",engine_type="trtllm"} 0.75
"""


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (VLLM, Page(7, 3, 0.62, 16 * 27000, 1759348810)),
        (OLD_VLLM, Page(2, 0, 0.3)),
        (SGLANG, Page(5, 2, 0.28, 262144)),
        (LLAMA_CPP, Page(1, 4)),
        (OLD_LLAMA_CPP, Page(1, 4, 0.5)),
        (TENSORRT_LLM, Page(9, 1, 0.75)),
    ],
    ids=["vllm", "old vllm", "sglang", "llama.cpp", "old llama.cpp", "tensorrt-llm"],
)
def test_each_server_by_its_names(text: bytes, page: Page) -> None:
    assert read(text) == page
    assert read(text).tells
    assert read(text.replace(b"\n", b"\r\n")) == page
    assert read(text.rstrip()) == page


def test_where_both_names_of_the_cache_stand_it_counts_once() -> None:
    assert read(OLD_VLLM + b"vllm:kv_cache_usage_perc 0.4\n").kv == 0.4


def test_engines_of_one_server_are_summed_and_their_shares_averaged() -> None:
    two = VLLM + VLLM.replace(b'engine="0"', b'engine="1"').replace(b"0.62", b"0.22")
    page = read(two)
    assert (page.running, page.waiting, page.kv_tokens) == (14, 6, 2 * 16 * 27000)
    assert page.kv == pytest.approx(0.42)


def test_ranks_of_one_engine_tell_the_same_and_count_once() -> None:
    others = [SGLANG.replace(b'tp_rank="0"', b'tp_rank="%d"' % rank) for rank in (1, 2, 10)]
    assert read(b"".join([SGLANG, *others])) == read(SGLANG)
    other_stages = SGLANG.replace(b'pp_rank="0"', b'pp_rank="1"')
    assert read(SGLANG + other_stages) == read(SGLANG)
    assert read(SGLANG.replace(b"tp_rank", b"moe_tp_rank").replace(b'"0"', b'"1"')).running is None  # pp_rank is 1
    assert read(b'sglang:num_running_reqs{moe_tp_rank="3",tp_rank="0"} 4\n').running == 4


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "+Inf",
        "-Inf",
        "-1",
        "-0.5",
        "1e400",
        "1_0",
        "0x10",
        "seven",
        "",
        "1.2.3",
        "1e9",
        "٣",
        "infinity",
        "nan(1)",
    ],
)
def test_what_is_no_number_of_calls_is_left_out(value: str) -> None:
    page = read(f'vllm:num_requests_running{{m="x"}} {value}\nvllm:num_requests_waiting 2\n'.encode())
    assert (page.running, page.waiting) == (None, 2)


@pytest.mark.parametrize(("value", "kv"), [("1", 1.0), ("1.0005", 1.0), ("62.0", None), ("-0.1", None), (".5", 0.5)])
def test_a_share_is_one(value: str, kv: float | None) -> None:
    assert read(f"vllm:kv_cache_usage_perc {value}\n".encode()).kv == kv


def test_a_bad_series_does_not_spoil_the_good_ones() -> None:
    assert read(b"vllm:num_requests_running NaN\nvllm:num_requests_running 3\n").running == 3
    assert read(b"vllm:kv_cache_usage_perc NaN\nvllm:gpu_cache_usage_perc 0.5\n").kv == 0.5


@pytest.mark.parametrize(
    "line",
    [
        rb'vllm:num_requests_running{model_name="a } b {\" # , c"} 5',
        rb"vllm:num_requests_running 5 1790347303000",
        rb'vllm:num_requests_running{model_name="m"}  5.0   1790347303000',
        b"vllm:num_requests_running\t5",
        b'vllm:num_requests_running{model_name="\xff\xfe"} 5e0',
    ],
)
def test_how_a_line_may_be_written(line: bytes) -> None:
    assert read(b"# x\n" + line + b"\nother 1\n").running == 5


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n" * 1000,
        b"<html><body>vllm:num_requests_running 5</body></html>",
        b"# vllm:num_requests_running 5",
        b' vllm:num_requests_running 5\n{"vllm:num_requests_running": 5}',
        b"vllm:num_requests_running",
        b"vllm:num_requests_running{",
        b'vllm:num_requests_running{model_name="m"}',
        b"vllm:num_requests_running{" + b"x" * (2 * LONGEST_LINE) + b"} 5",
        b"vllm:num_requests_runningX 5\nvllm:num_requests_running_total 5",
        VLLM + b" " * LARGEST_PAGE,
    ],
)
def test_what_is_no_page_tells_nothing(text: bytes) -> None:
    assert read(text) == Page()
    assert not read(text).tells


def test_a_page_of_something_else_may_tell_when_it_started_and_is_none_all_the_same() -> None:
    page = read(b"process_start_time_seconds 1e9\nhttp_requests_total 5\n")
    assert (page.started, page.tells) == (1e9, False)


def test_series_beyond_a_bound_are_not_read() -> None:
    assert read(b"vllm:num_requests_running 1\n" * (10 * MOST_SERIES)).running == MOST_SERIES


@given(st.binary(max_size=300), st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_are_an_error(start: bytes, rest: list[bytes]) -> None:
    for seam in (b"\nvllm:num_requests_running", b"\nsglang:token_usage{", b"\nvllm:cache_config_info{num_gpu_blocks="):
        page = read(start + seam.join([b"", *rest]))
        assert page.running is None or 0 <= page.running <= 1e6 * MOST_SERIES
        assert page.kv is None or 0 <= page.kv <= 1


numbers = st.none() | st.integers(0, 5000)


@given(numbers, numbers, st.none() | st.floats(0, 1), st.permutations(range(3)), st.text(max_size=30))
def test_what_is_written_is_read(
    running: int | None, waiting: int | None, kv: float | None, order: list[int], model: str
) -> None:
    label = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    rows = [("num_requests_running", running), ("num_requests_waiting", waiting), ("kv_cache_usage_perc", kv)]
    lines = [f'vllm:{name}{{model_name="{label}"}} {value!r}' for name, value in rows if value is not None]
    lines = [f"# TYPE vllm:{name} gauge" for name, _ in rows] + [lines[at] for at in order if at < len(lines)]
    page = read("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n")
    assert (page.running, page.waiting, page.kv) == (running, waiting, kv)
