from penstock.insight.optimizer.rhythm import DAY, OLD, SLOT, Rhythm


def test_a_step_is_told_what_its_like_gained_at_other_hours_and_by_its_share_of_the_way() -> None:
    rhythm = Rhythm()
    assert rhythm.elsewhere(0.0, 1.0, 3.0) == 0.0
    rhythm.note(0.0, 1.0, 5.0, 8.0)
    noon = 3 * SLOT
    assert rhythm.elsewhere(noon, 1.0, 3.0) == 4.0
    assert rhythm.elsewhere(noon, 3.0, 1.0) == -4.0, "the way back costs what the way there gained"
    assert rhythm.elsewhere(noon, 4.0, 9.0) == 2.0, "where nobody was, nobody knows"
    assert rhythm.elsewhere(noon, 6.0, 9.0) == 0.0


def test_hours_are_added_and_the_present_one_does_not_count() -> None:
    rhythm = Rhythm()
    rhythm.note(0.0, 0.0, 1.0, 5.0)
    rhythm.note(SLOT, 1.0, 0.0, 2.0)
    assert rhythm.elsewhere(3 * SLOT, 0.0, 1.0) == 3.0
    assert rhythm.elsewhere(SLOT + 60.0, 0.0, 1.0) == 5.0
    assert rhythm.elsewhere(60.0, 0.0, 1.0) == -2.0


def test_of_one_hour_the_last_word_counts_whenever_it_is_told_and_what_is_old_is_forgotten() -> None:
    rhythm = Rhythm()
    rhythm.note(DAY, 0.0, 1.0, -3.0)
    rhythm.note(0.0, 0.0, 1.0, 5.0)
    assert rhythm.elsewhere(DAY + 2 * SLOT, 0.0, 1.0) == -3.0
    rhythm.note(DAY + OLD + 1, 4.0, 5.0, 1.0)
    assert rhythm.elsewhere(DAY + OLD + 2 * SLOT, 0.0, 1.0) == 0.0
