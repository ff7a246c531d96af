"""How a question is read: its words, the speakers and the time it names, or the whole meeting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.context.retrieval import understand
from services.context.retrieval.asking import MOST_WORDS
from services.context.retrieval.times import Mark, Span

LABELS = [
    "Liza Minnelli", "Tom Waits", "Project Manager", "Industrial Designer", "Grad C", "Grad E",
    "Hon. Ana Prats (Minister of Parks)", None, "Grad C",
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "speakers"),
    [
        ("What did Liza say?", {"Liza Minnelli"}),
        ("what did liza say about waits", {"Liza Minnelli", "Tom Waits"}),
        ("What did LIZA MINNELLI say?", {"Liza Minnelli"}),
        ("What did Grad C think?", {"Grad C"}),
        ("What did the grad students think?", set()),
        ("What about project finance?", set()),
        ("what did the manager decide", {"Project Manager"}),
        ("Did Prats agree with the Project Manager?", {"Project Manager"}),
        ("Did Prats agree?", {"Hon. Ana Prats (Minister of Parks)"}),
        ("What will happen to Parks?", set()),
        ("What did Tom and Liza agree on?", {"Liza Minnelli", "Tom Waits"}),
    ],
)
def test_speakers_are_known_by_name(question, speakers):
    assert understand(question, LABELS).speakers == speakers


@pytest.mark.parametrize(
    ("question", "speakers"),
    [
        ("Give me a summary of the meeting", set()),
        ("A summary, please", set()),
        ("Give Me A Summary", set()),
        ("GIVE ME A SUMMARY FOR B", set()),
        ("What did A say about pricing?", {"A"}),
        ("What is A's opinion?", {"A"}),
        ("What did A and B agree on?", {"A", "B"}),
        ("Why did B interrupt A? Explain.", {"A", "B"}),
        ("What did speaker A decide?", {"A"}),
        ("Is there A plan?", set()),
        ("What is plan b?", set()),
        ("What did I say about pricing?", set()),
        ("What did speaker I say?", {"I"}),
        ("Summarise the meeting for me", set()),
        ("What did Me promise?", {"Me"}),
        ("What will the remote cost?", set()),
        ("Will the remote be cheap?", set()),
        ("We have a plan. Will it work?", set()),
        ("What did Will say?", {"Will"}),
        ("Will Will come?", {"Will"}),
        ("what did mark say?", {"Mark"}),
        ("what did will smith say?", {"Will Smith"}),
    ],
)
def test_a_name_that_is_a_common_word_counts_where_it_is_written_as_a_name(question, speakers):
    labels = ["A", "B", "I", "Me", "Them", "Will", "Mark", "Will Smith"]
    assert understand(question, labels).speakers == speakers


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("Give me a summary of the meeting", {"A", "B", "C"}),
        ("Summarise the meeting for me", {"Me", "Them"}),
        ("What did I miss?", {"I"}),
    ],
)
def test_a_question_for_all_of_it_stays_one_whatever_the_speakers_are_called(question, labels):
    assert understand(question, labels).whole


def test_neither_asking_nor_naming_says_what_is_asked_about():
    asked = understand("What did Liza think about the new budget when discussing costs?", LABELS)
    assert asked.words == ("new", "budget", "costs")


def test_where_nothing_else_is_asked_the_asking_words_are_looked_for():
    assert understand("Why is the answer different?", []).words == ("answer", "different")


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the meeting", "Summarize the whole meeting.", "What was discussed?",
        "What were the main topics?", "what are the action items", "What is the meeting about?",
        "What did we decide?", "Give me a brief overview, please", "What are our next steps?",
    ],
)  # fmt: skip
def test_a_question_for_all_of_the_meeting_is_recognised(question):
    asked = understand(question, LABELS)
    assert asked.whole
    assert asked.words == ()


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the discussion about pricing", "What did Liza say in the meeting?", "",
        "What was discussed in the last ten minutes?", "What are the action items for the parser?",
        "Why?",
    ],
)  # fmt: skip
def test_a_question_for_a_part_of_it_is_not(question):
    assert not understand(question, LABELS).whole


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("what was said in the last ten minutes", Span(since=Mark(1, -600))),
        ("what was said in the last half an hour", Span(since=Mark(1, -1800))),
        ("the past quarter of an hour", Span(since=Mark(1, -900))),
        ("in the last 90 seconds", Span(since=Mark(1, -90))),
        ("in the final hour", Span(since=Mark(1, -3600))),
        ("in the first half hour?", Span(until=Mark(0, 1800))),
        ("in the first couple of minutes", Span(until=Mark(0, 120))),
        ("what changed since 10:05 into the meeting", Span(since=Mark(0, 605))),
        ("after 00:42:10", Span(since=Mark(0, 2530))),
        ("before 1:00:00", Span(until=Mark(0, 3600))),
        ("between 00:10:00 and 00:20:00", Span(Mark(0, 600), Mark(0, 1200))),
        ("around minute 30", Span(Mark(0, 1650), Mark(0, 1950))),
        ("five minutes ago", Span(Mark(1, -450), Mark(1, -150))),
        ("what did she say just now", Span(since=Mark(1, -180))),
        ("in the first half of the meeting", Span(until=Mark(0.5))),
        ("in the second half", Span(since=Mark(0.5))),
        ("at the beginning of the meeting", Span(until=Mark(0.15))),
        ("at the end of the meeting", Span(since=Mark(0.85))),
        ("the minutes of the last meeting", None),
        ("the last minute change", None),
        ("will it start after 10:05?", None),
        ("the first five buttons", None),
    ],
)
def test_a_part_of_the_meeting_is_named_by_time(question, span):
    assert understand(question, []).span == span


def test_the_words_that_name_a_time_are_not_looked_for():
    assert understand("tea in the last ten minutes", []).words == ("tea",)


def test_a_question_has_only_so_many_words():
    asked = understand(" ".join(f"word{n}" for n in range(1000)), [])
    assert len(asked.words) == MOST_WORDS


@pytest.mark.parametrize(
    "question",
    [
        "What did I miss?", "Write a summary", "draft the minutes", "catch me up", "tl;dr",
        "What have we covered so far?", "Give me a summary in German", "List all open questions",
        "Fasse das Meeting zusammen", "Résume la réunion", "总结一下会议",
    ],
)  # fmt: skip
def test_there_are_many_ways_to_ask_for_all_of_it(question):
    assert understand(question, LABELS).whole


@pytest.mark.parametrize(
    "question",
    [
        "What was just said?", "What happened next?", "What are the reasons for the decision?",
        "Who said the main thing?", "Write about the budget",
    ],
)  # fmt: skip
def test_what_is_about_one_thing_is_not_about_all(question):
    assert not understand(question, LABELS).whole


TIMELY = "in the last first half hour five ten minutes seconds since after before minute 42 00:10"
alike = {"i": "iıİI", "s": "sſS", "k": "kKK"}  # noqa: RUF001 - equal to others but for their case


@given(st.lists(st.sampled_from(TIMELY.split(" ")), max_size=8), st.data())
def test_letters_that_look_alike_make_no_question_an_error(chosen, data):
    letters = [data.draw(st.sampled_from(alike.get(one, one))) for one in " ".join(chosen)]
    understand("".join(letters), LABELS)
