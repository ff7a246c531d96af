"""What the benchmarks put into a meeting, and how they read their timings."""

from benchmarks.measuring import latency, percentile
from benchmarks.talk import SECONDS, Talk
from services.context.retrieval.words import words


def test_a_meeting_is_the_same_each_time():
    one, other = Talk(), Talk()
    assert [*one.segments(200)] == [*other.segments(200)]
    assert [*one.questions(50)] == [*other.questions(50)]


def test_a_meeting_goes_on_where_it_was():
    talk = Talk()
    segments = [*talk.segments(70), talk.segment("one more"), *talk.segments(70)]
    assert [one.segment_id for one in segments] == [f"seg{number}" for number in range(141)]
    assert [one.start for one in segments] == [SECONDS * number for number in range(141)]


def test_speech_has_a_large_vocabulary_and_frequent_words():
    said = [word for one in Talk().segments(3600) for word in words(one.text)]
    assert 3000 < len(set(said)) < 6000
    assert 0.05 > said.count("the") / len(said) > 0.005


def test_questions_ask_for_what_was_said():
    talk = Talk()
    said = {word for one in talk.segments(1200) for word in words(one.text)}
    asked = [question for question in talk.questions(100) if question.startswith("Why")]
    held = [bool(said & {*words(question)} - {"the", "a", "and"}) for question in asked]
    assert sum(held) > 0.9 * len(held)


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(one) for one in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [51.0, 100.0, 100.0]
    told = latency("name", "raw", values, values, 0.95)
    assert (told.unit, told.ours, told.ratio) == ("ms p95", 96_000.0, 1.0)
