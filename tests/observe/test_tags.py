import pytest

from penstock.core.errors import GatewayError
from penstock.core.finished import record
from penstock.core.sheaves import sheaves
from penstock.observe.tags import MOST_LABELS, Tags, labels_of, revenue_of
from tests.support.exchanges import finished


def counted(*texts: str, tags: Tags | None = None) -> Tags:
    tags = tags or Tags()
    for sheaf in sheaves([record(finished(tags=text), 0.0) for text in texts]):
        tags.take(sheaf)
    return tags


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("team=search,env=prod", [("team", "search"), ("env", "prod")]),
        (" team = search , beta", [("team", "search"), ("beta", "true")]),
        ("team=a,team=b", [("team", "a")]),
        ("revenue=0.05,team=a", [("team", "a")]),
        ('x="quoted"\n,=,,a=', []),
        ("a=" + "x" * 65, []),
        ("", []),
    ],
)
def test_labels_are_what_is_plain_in_a_text(text: str, labels: list[tuple[str, str]]) -> None:
    assert labels_of(text) == labels


@pytest.mark.parametrize(
    ("text", "dollars"),
    [("revenue=0.05", 0.05), ("a=b, revenue = 3", 3.0), ("revenue=-1", 0.0), ("revenue=1e9", 0.0), ("revenue=nan", 0.0),
     ("revenue=9999999", 1_000_000.0), ("a=1", 0.0)],
)  # fmt: skip
def test_revenue_is_a_plain_number_of_dollars(text: str, dollars: float) -> None:
    assert revenue_of(text) == dollars


def test_calls_and_tokens_are_counted_by_each_label() -> None:
    tags = counted("team=a,env=x", "team=a,env=y", "", "team=b")
    assert tags.labels == {
        ("team", "a"): [2, 66], ("env", "x"): [1, 33], ("env", "y"): [1, 33], ("team", "b"): [1, 33],
    }  # fmt: skip


def test_so_many_labels_and_no_more() -> None:
    tags = counted(*[f"n=v{number}" for number in range(MOST_LABELS + 50)])
    assert len(tags.labels) == MOST_LABELS + 1
    assert tags.labels["other", "other"][0] == 50


def test_revenue_is_summed_by_model_and_by_whether_it_was_earned() -> None:
    tags = counted("revenue=0.5", "revenue=0.25,team=a")
    lost = finished("error", error=GatewayError("full", code="gateway_overloaded"), status=503, tags="revenue=2")
    for sheaf in sheaves([record(lost, 0.0)]):
        tags.take(sheaf)
    assert tags.revenue == {("m", True): 0.75, ("m", False): 2.0}


def test_workers_add_up() -> None:
    merged = Tags()
    for tags in (counted("team=a,revenue=1"), counted("team=a", "team=b")):
        merged.load(tags.dump())
    assert merged.labels == {("team", "a"): [2, 66], ("team", "b"): [1, 33]}
    assert merged.revenue == {("m", True): 1.0}
