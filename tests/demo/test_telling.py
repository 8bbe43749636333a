from penstock.demo.telling import WIDTH, Fact, Teller, bars, length


def test_a_scene_is_told_and_its_facts_are_kept() -> None:
    lines: list[str] = []
    tell = Teller(lines.append, lambda text, how: f"<{how}>{text}")
    tell.title(2, 8, "A spike")
    tell.say("word " * 60)
    tell.show("$ penstock")
    tell.fact("it held", True)
    tell.fact("it did not", False)
    assert tell.facts == [Fact("it held", True), Fact("it did not", False)]
    assert [fact.shown for fact in tell.facts] == [True, False]
    assert not Fact("it held, too late", True, soon=False).shown
    assert lines[1] == "<bold>2/8  A spike"
    assert all(len(line) <= WIDTH + len("<bold>") for line in lines)
    assert "    <cyan>$ penstock" in lines
    assert lines[-2:] == ["  <green>✓ it held", "  <red>✗ it did not"]
    tell.title(3, 8, "Another")
    assert tell.facts == []


def test_bars_and_lengths() -> None:
    assert bars({"a": 2, "long": 4}, 4) == ["a    ██   2", "long ████ 4"]
    assert [length(seconds) for seconds in (0.00025, 0.0042, 0.25, 2.04, 600)] == [
        "250 µs", "4.2 ms", "250 ms", "2.0 s", "10 min",
    ]  # fmt: skip
