"""Questions for a time, and lines that barely match: made-up meetings, and the sample."""

import pytest

from contracts import recording
from earshot import sample
from services.context.room import fold
from services.llm import extractive, times
from services.llm.lines import in_meeting_order, numbered
from services.llm.retrieval import ranked, understood
from tests.support.contexts import served
from tests.support.llm_jobs import Said, asked, part

FAIR: tuple[Said, ...] = (
    ("Ann", "The fair needs a poster."),
    ("Bo", "We should pick a date for the garden tour."),
    ("Ann", "The flyer says the fair is on the 3rd of May."),
    ("Cy", "The fair had four hundred visitors."),
    ("Bo", "Tents are sold out on the 3rd, I am afraid."),
    ("Ann", "Sorry, not the 3rd, the 17th of May."),
    ("Cy", "The roof of the shed leaks."),
    ("Bo", "The apple press is broken again."),
    ("Ann", "It's decided, the fair is on the 17th of May."),
)


def shown(query: str, said: tuple[Said, ...] = FAIR) -> list[str]:
    draft = extractive.answered(asked(query, part(said)))
    return [line.partition("] ")[2] for line in draft.text.split("\n")]


def best(query: str, *said: Said) -> str:
    lines = in_meeting_order(numbered([part(said)]))
    return ranked(understood(query, lines), lines)[0].line.text


def of_the_sample(query: str) -> str:
    _, events = recording.parse(sample.meeting().splitlines())
    context = served(fold(events), query, 8000)
    return extractive.answered(asked(query, *context.parts)).text


@pytest.mark.parametrize(
    ("question", "when"),
    [
        ("When is the fair?", True),
        ("And when's the fair?", True),
        ("What\u2019s the new date of the fair?", True),
        ("Which day did they choose?", True),
        ("What is the deadline?", True),
        ("How soon can we open?", True),
        ("What did Ann say when she left?", False),
        ("Who keeps the database?", False),
        ("What happened to the poster?", False),
    ],
)
def test_questions_for_a_time_are_told_by_their_words(question, when):
    assert times.asked(question) is when


@pytest.mark.parametrize(
    ("text", "dated"),
    [
        ("On Tuesday.", True),
        ("It is the 21st.", True),
        ("By the end of the month.", True),
        ("In 2 weeks, or in six months.", True),
        ("Early in May.", True),
        ("At 10:30 or 4 pm.", True),
        ("We may march on, second to none.", False),
        ("Two hundred visitors, 40 tents.", False),
        ("He was in from day one.", False),
    ],
)
def test_days_months_and_hours_are_dates(text, dated):
    assert times.named(text) is dated


@pytest.mark.parametrize(
    ("text", "corrects"),
    [
        ("Sorry, not the 3rd, the 17th.", True),
        ("The fair moves from the 3rd to the 17th.", True),
        ("On Monday instead of Friday.", True),
        ("Actually it is Monday.", True),
        ("That brings us to the 3rd.", False),
        ("Sorry, I am late.", False),
    ],
)
def test_corrections_are_told_by_their_phrases(text, corrects):
    assert times.corrected(text) is corrects


def test_a_question_for_a_time_brings_the_lines_that_name_one_and_what_corrects_them():
    assert shown("When is the fair?") == [
        "Ann: The flyer says the fair is on the 3rd of May.",
        "Ann: Sorry, not the 3rd, the 17th of May.",
        "Ann: It's decided, the fair is on the 17th of May.",
    ]


def test_the_words_date_and_new_match_nothing_in_a_question_for_a_time():
    assert shown("What's the new date of the fair?") == shown("When is the fair?")
    assert "Bo: We should pick a date for the garden tour." in shown("Where is the garden date?")


def test_a_rare_word_does_not_beat_a_date_where_a_time_is_asked_for():
    lines = (("Ann", "Posters hang on the wall."), ("Bo", "The fair is on Sunday with posters."))
    assert shown("When does the fair hang?", lines) == ["Bo: The fair is on Sunday with posters."]


def test_of_equal_dates_the_later_counts():
    said = ("The fair is on the 3rd of May.", "The fair is on the 9th of May.")
    assert best("When is the fair?", ("Ann", said[0]), ("Bo", said[1])) == said[1]
    assert best("When is the fair?", ("Ann", said[1]), ("Bo", said[0])) == said[0]


@pytest.mark.parametrize(
    "mended", ["Let's keep the fair on the 3rd.", "Actually, the fair is on the 3rd."]
)
def test_a_date_that_is_decided_or_corrected_counts_more_than_a_later_one(mended):
    assert best("When is the fair?", ("Ann", mended), ("Bo", "Is the fair on the 9th?")) == mended


def test_a_question_for_a_time_no_line_names_still_gets_its_lines():
    assert shown("When is the poster done?") == ["Ann: The fair needs a poster."]


def test_to_put_off_is_to_move():
    lines = (("Ann", "The lamp is red."), ("Bo", "The visit is shifted from Monday to Friday."))
    assert shown("Why was it postponed?", lines) == [
        "Bo: The visit is shifted from Monday to Friday."
    ]


def test_lines_that_barely_match_are_left_out():
    lines = (
        ("Ann", "The orchard gate needs paint, hinges and a lock before winter."),
        ("Cy", "The soup was cold."),
        ("Bo", "Hinges."),
        ("Cy", "The bread was old."),
    )
    assert shown("Which orchard gate paint, lock and soup bowl?", lines)[0].startswith("Ann: ")
    assert len(shown("Which orchard gate paint, lock and soup bowl?", lines)) == 1


@pytest.mark.parametrize(
    "query", ["When is the launch?", "What date is the launch?", "What's the new launch date?"]
)
def test_the_sample_says_when_its_launch_is(query):
    text = of_the_sample(query)
    assert "We decided three things. The launch is on Tuesday the 21st of April" in text
    assert "Sorry, not the 14th, the 21st." in text


def test_the_sample_says_when_its_beta_starts():
    assert "starts on the 23rd of March" in of_the_sample("When does the beta start?")


def test_of_the_sample_only_what_is_asked_for_is_listed():
    decided = of_the_sample("What was decided?")
    assert decided.startswith("Decisions\n")
    assert "Action items" not in decided
    taken = of_the_sample("What are the action items?")
    assert taken.startswith("Action items\n")
    assert "Decisions" not in taken
    assert taken.count("Dana") == 1
    assert "That's on me, by Wednesday the 18th of March." in taken
    assert "And I send Priya the contact in Rotterdam today." in taken
    assert "Could you" not in taken
    assert of_the_sample("Who owns what?") == taken
