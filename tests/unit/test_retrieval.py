"""What a question gets of a meeting: the right lines, by topic, speaker and time."""

import numpy as np
import pytest

from services.context.retrieval import Asked, Index, Line, select, understand

TOPICS = [
    ("catering", [
        ("Liza Minnelli", "Let us start with the catering for the summer party."),
        ("Tom Waits", "I called the bakery and the sandwiches cost four pounds each."),
        ("Liza Minnelli", "That is dear. Does the bakery deliver?"),
        ("Tom Waits", "They deliver for free above fifty sandwiches."),
        ("Ana Prats", "Three of us are vegetarians, so half of it without meat, please."),
        ("Liza Minnelli", "Good, Tom orders sixty of them by Thursday."),
    ]),
    ("printer", [
        ("Ana Prats", "Next, the printer on the second floor is broken again."),
        ("Tom Waits", "The toner leaks, I saw black powder everywhere."),
        ("Ana Prats", "The technician wants two hundred pounds for a visit."),
        ("Liza Minnelli", "For that much we could buy a new one."),
        ("Ana Prats", "A laser printer would be better, they jam less."),
        ("Tom Waits", "I will compare a few models and their cartridges."),
    ]),
    ("website", [
        ("Tom Waits", "Then the website: half of the visitors leave at the login page."),
        ("Ana Prats", "The password rules are absurd, nobody remembers such a password."),
        ("Liza Minnelli", "Could they log in with their mail address only?"),
        ("Tom Waits", "A magic link, yes, our server can send that."),
        ("Ana Prats", "I would like to test it with ten customers first."),
        ("Liza Minnelli", "Fine, a test in March and the launch in April."),
    ]),
    ("parking", [
        ("Liza Minnelli", "The landlord will close the car park for repairs."),
        ("Ana Prats", "For how long? My bicycle stands there as well."),
        ("Liza Minnelli", "Six weeks, and they offer us spaces behind the church."),
        ("Tom Waits", "It is a ten minute walk from the church, in the rain."),
        ("Ana Prats", "We should ask for a lower rent in those weeks."),
        ("Liza Minnelli", "I will write to the landlord about the rent tomorrow."),
    ]),
]  # fmt: skip
SPOKEN = [(topic, *said) for topic, lines in TOPICS for said in lines]
SECONDS = 60.0


def line(number, speaker, text, tokens=None):
    cost = 5.0 * (len(text.split()) + 2) if tokens is None else tokens
    return Line(number, speaker, text, cost, number * SECONDS, number * SECONDS + 50)


LINES = [line(n, who, text) for n, (_, who, text) in enumerate(SPOKEN)]
SPEAKERS = [who for _, who, _ in SPOKEN]


@pytest.fixture
def index():
    made = Index()
    made.sync(LINES)
    return made


def ask(index, question, budget=400.0, *, ended=True, dense=None):
    asked = understand(question, SPEAKERS)
    return select(index, asked, budget, ended=ended, dense=dense)


def about(numbers):
    return {SPOKEN[number][0] for number in numbers}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("What was said about the sandwiches?", 0),
        ("Why did the printing fail, was it the toner?", 6),
        ("What is wrong with passwords on the website?", 12),
        ("Summarise the discussion about the landlord and the rent", 18),
    ],
)
def test_a_question_finds_the_stretch_of_talk_it_is_about(index, question, first):
    chosen = ask(index, question)
    assert len(set(chosen) & set(range(first, first + 6))) >= 5


def test_lines_that_hold_no_word_of_the_question_come_along_with_their_neighbours(index):
    assert 2 in ask(index, "sandwiches", 300.0)


def test_words_are_found_in_other_forms(index):
    assert ask(index, "vegetarian", 70.0) == (4,)


def test_a_meeting_that_runs_gives_the_newest_lines_more_than_one_that_is_over(index):
    newest = set(range(18, 24))
    running = newest & set(ask(index, "bakery", 600.0, ended=False))
    over = newest & set(ask(index, "bakery", 600.0, ended=True))
    assert len(running) > len(over)


def test_what_is_left_of_the_budget_goes_to_the_newest_lines(index):
    assert ask(index, "zebra", 260.0) == (20, 21, 22, 23)


def test_a_speaker_who_is_named_is_heard(index):
    chosen = ask(index, "What did Tom say?", 300.0)
    share = [SPEAKERS[number] for number in chosen].count("Tom Waits") / len(chosen)
    assert share > SPEAKERS.count("Tom Waits") / len(SPEAKERS)


def test_a_named_speaker_in_a_named_time_comes_first(index):
    chosen = ask(index, "What did Liza say in the last ten minutes?", 300.0)
    theirs = {n for n in range(14, 24) if SPEAKERS[n] == "Liza Minnelli"}
    assert theirs <= set(chosen)
    assert min(chosen) >= 14


def test_a_named_part_of_the_meeting_comes_before_the_rest(index):
    assert set(ask(index, "What happened in the first five minutes?", 225.0)) <= set(range(6))
    assert set(ask(index, "the printer after 00:14:00", 300.0)) <= set(range(14, 24))


def test_what_lies_outside_a_named_part_waits_until_the_part_is_whole(index):
    question = "What was said in the last ten minutes?"
    assert all(min(ask(index, question, float(n))) >= 14 for n in range(70, 580, 7))
    assert set(ask(index, question, 800.0)) > set(range(14, 24))


def test_relevance_from_elsewhere_counts(index):
    dense = np.zeros(24)
    dense[8] = 1.0
    assert 8 not in ask(index, "engineer fee", 150.0)
    assert 8 in ask(index, "engineer fee", 150.0, dense=dense)


def test_a_line_is_findable_at_once(index):
    new = line(24, "Ana Prats", "By the way, the zebra escaped.")
    index.sync([*LINES, new])
    assert ask(index, "zebra", 40.0) == (24,)


def test_a_corrected_line_is_found_by_its_new_words_only(index):
    index.sync([*LINES[:3], line(3, "Tom Waits", "They bring giraffes for free."), *LINES[4:]])
    assert 3 in ask(index, "giraffe", 40.0)
    assert len(index.holding("deliv")[0]) == 1


def test_a_redacted_line_is_neither_found_nor_chosen(index):
    index.sync([*LINES[:3], line(3, None, "", 0.0), *LINES[4:]])
    assert 3 not in ask(index, "sandwiches", 10_000.0)
    assert len(index.holding("fifti")[0]) == 0


def test_words_that_nobody_said_are_not_kept(index):
    for number in range(100):
        assert not len(index.holding(f"unheard{number}")[0])
    assert not index._found
    assert not index._postings._known


def test_its_speakers_are_those_of_the_lines(index):
    assert index.speakers == set(SPEAKERS)
    index.sync([line(0, None, "Hello."), line(1, "Eve", "Hello.")])
    assert index.speakers == {None, "Eve"}
    index.sync([])
    assert not index.speakers


def test_two_lines_of_one_number_are_refused(index):
    with pytest.raises(ValueError, match="same number"):
        index.sync([LINES[0], LINES[0]])
    assert index.lines == tuple(LINES)


def test_lines_may_be_numbered_in_any_order():
    made = Index()
    made.sync([line(9, "A", "one apple"), line(2, "B", "two pears"), line(5, "A", "three plums")])
    assert select(made, understand("pears", []), 20.0, ended=True) == (2,)
    assert select(made, understand("pears", []), 99.0, ended=True) == (9, 2, 5)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("我们明天讨论会议的预算问题。", "预算是多少"),
        ("来年の予算について話しましょう。", "予算はいくらですか"),
        ("내년 예산을 이야기합시다.", "예산이 얼마예요?"),
        ("Давайте обсудим бюджет на год.", "Какой бюджет?"),
        ("Wir müssen über die Löhne reden.", "löhne"),
    ],
)
def test_other_languages_are_found(text, question):
    made = Index()
    others = ["天气很好。", "今日は雨です。", "안녕하세요.", "Привет всем.", "Guten Morgen.", "Hi."]
    lines = [line(n, "A", said, 8.0) for n, said in enumerate([text, *others])]
    made.sync(lines)
    assert 0 in select(made, understand(question, ["A"]), 16.0, ended=True)


def test_an_empty_meeting_gives_nothing():
    assert select(Index(), understand("anything", []), 100.0, ended=False) == ()
    assert select(Index(), Asked(), 100.0, ended=True) == ()
