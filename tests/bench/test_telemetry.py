from bench.telemetry import main, run


def test_every_part_is_measured() -> None:
    rows = {row["what"]: float(row["µs"]) for row in run(200)}
    off, kept = rows["room and record, tracing off"], rows["room and record, tracing on, kept"]
    assert 0 < off < kept
    assert rows["looks for a trace of a call, while off"] < off
    assert "behind: metrics of a call" in rows
    assert len([name for name in rows if name.startswith("behind: spans of a kept call")]) == 2


def test_it_prints_a_table(capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["--calls", "50"]) == 0
    assert "tracing off" in capsys.readouterr().out
