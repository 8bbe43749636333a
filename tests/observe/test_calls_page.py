from penstock.observe.board import Board
from penstock.observe.calls_page import CALL_METRICS, put_calls
from penstock.observe.prometheus import Page
from tests.support.boards import count
from tests.support.exchanges import finished


def lines(board: Board) -> list[str]:
    page = Page()
    put_calls(page, board)
    return [line for line in page.text().splitlines() if not line.startswith("#")]


def test_each_part_of_a_stream_stands_on_the_page_by_model_and_upstream() -> None:
    one = finished(tokens_out=31, tokens_reasoning=7, connecting=0.03, tags="team=a,revenue=0.5")
    one.call.stream = True
    one.note_wait("admission", 0.25)
    board = count(Board(), one)
    board.hear("m", 0.75)
    said = lines(board)
    for line in (
        'penstock_time_to_first_token_seconds_sum{model="m",upstream="up"} 1',
        'penstock_prefill_seconds_count{model="m",upstream="up"} 1',
        'penstock_inter_token_seconds_sum{model="m",upstream="up"} 0.05',
        'penstock_upstream_connect_seconds_sum{model="m",upstream="up"} 0.03',
        'penstock_queue_seconds_sum{operation="chat",model="m"} 0.25',
        'penstock_wait_seconds_total{room="admission"} 0.25',
        'penstock_tokens_total{model="m",upstream="up",kind="reasoning"} 7',
        'penstock_tagged_calls_total{tag="team=a"} 1',
        'penstock_tagged_revenue_dollars_total{model="m",outcome="served"} 0.5',
        'penstock_feedback_total{model="m"} 1',
        'penstock_feedback_score_total{model="m"} 0.75',
    ):
        assert line in said, line


def test_nothing_but_what_is_in_the_table() -> None:
    for line in lines(count(Board(), finished())):
        name = line.partition("{")[0].partition(" ")[0]
        assert any(name in (known, f"{known}_bucket", f"{known}_sum", f"{known}_count") for known in CALL_METRICS)
