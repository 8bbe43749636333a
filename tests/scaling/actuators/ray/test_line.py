from penstock.scaling.actuators.ray.line import Answer, Question, answer_of, line_of, question_of


def test_a_message_is_one_line_and_comes_back() -> None:
    question = Question(3, "start", {"name": "p/1\n"})
    text = line_of(question)
    assert text.count(b"\n") == 1
    assert question_of(text) == question
    answer = Answer(3, failed="no")
    assert answer_of(line_of(answer)) == answer
