"""Decisions and action items of made-up meetings: whose they are, and each only once."""

import pytest

from services.llm import cues, extractive
from tests.support.llm_jobs import Said, asked, part


def listed(*said: Said, query: str = "What are the action items?") -> list[str]:
    text = extractive.answered(asked(query, part(said))).text
    return [line.partition("] ")[2] for line in text.split("\n") if line.startswith("- ")]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What was decided?", {"decisions"}),
        ("List the main decisions.", {"decisions"}),
        ("What are the action items?", {"actions"}),
        ("What are the next steps?", {"actions"}),
        ("Who owns what?", {"actions"}),
        ("Who does what by when?", {"actions"}),
        ("Who\u2019s responsible for what?", {"actions"}),
        ("What are the decisions and action items?", {"decisions", "actions"}),
        ("What were the outcomes?", {"decisions", "actions"}),
        ("What was decided about the shed?", set()),
        ("Who owns the shed?", set()),
        ("", set()),
    ],
)
def test_only_the_asked_section_is_wanted(question, wanted):
    assert cues.outcomes_asked(question) == wanted


def test_what_is_on_somebody_is_shown_with_what_it_is():
    said = ("Ann", "Someone has to oil the gate. That's on me, by Friday the 3rd.")
    assert listed(said) == ["Ann: Someone has to oil the gate. That's on me, by Friday the 3rd."]


def test_what_another_claims_is_theirs():
    assert listed(("Ann", "The gate wants oil."), ("Bo", "Yes, that's mine.")) == [
        "Ann: The gate wants oil. (for Bo)"
    ]


def test_what_was_given_to_somebody_stays_theirs_when_they_claim_it():
    assert listed(("Ann", "Bo fixes the gate by Friday."), ("Bo", "Yes, that's mine.")) == [
        "Ann: Bo fixes the gate by Friday. (for Bo)"
    ]


@pytest.mark.parametrize(
    "said", ["I'll choose the paint.", "I'll own the gate.", "I'll take it on."]
)
def test_who_will_choose_or_own_or_take_has_taken_it_on(said):
    assert listed(("Ann", said)) == [f"Ann: {said}"]


def test_a_participant_who_does_something_by_a_day_owns_it():
    assert listed(
        ("Ann", "Bo Lund writes the letter by the 3rd."), ("Bo Lund", "The sky is red.")
    ) == ["Ann: Bo Lund writes the letter by the 3rd. (for Bo Lund)"]
    assert listed(("Ann", "Bo writes the letter by the 3rd."), ("Bo Lund", "The sky is red.")) == [
        "Ann: Bo writes the letter by the 3rd. (for Bo Lund)"
    ]


@pytest.mark.parametrize(
    "said",
    ["Bo likes the letter on Monday.", "Bo writes letters.", "Bo writes it by May 3?"],
)
def test_not_all_that_is_said_of_a_participant_is_work(said):
    assert cues.doer(said, ["Bo"]) is None


def test_names_are_taken_as_they_are_written():
    assert cues.doer("B.o (x) fixes it by Friday.", ["B.o (x)", "("]) == "B.o (x)"
    assert listed((" ", "Someone fixes it by Friday."))


def test_to_ask_for_work_is_weaker_than_to_take_it_on():
    assert cues.action("Could you send the letter by Friday?") < cues.action(
        "I'll send the letter."
    )
    asks = [("Ann", f"Could you send the {word} by Friday?") for word in "abcdefghjk"]
    assert "Bo: I'll fix the door." in listed(*asks, ("Bo", "I'll fix the door."))


def test_a_request_that_is_taken_on_is_not_listed_again():
    said = (("Ann", "Could you send me the letter today?"), ("Bo", "I'll send you the letter."))
    assert listed(*said) == ["Bo: I'll send you the letter."]


def test_what_one_speaker_repeats_is_listed_once_and_two_speakers_each_once():
    said = (
        ("Ann", "I'll bring a cake to the party tomorrow."),
        ("Bo", "I'll bring a cake to the party."),
        ("Ann", "I'll bring a cake next week."),
        ("Ann", "I'll bring the chairs."),
    )
    assert listed(*said) == [
        "Ann: I'll bring a cake to the party tomorrow.",
        "Bo: I'll bring a cake to the party.",
        "Ann: I'll bring the chairs.",
    ]


def test_a_list_to_do_is_named_and_an_infinitive_is_not():
    assert cues.action("To do, the gate and the door.")
    assert cues.action("That is a to-do for us.")
    assert not cues.action("It is hard to do such things.")


def test_to_leave_a_thing_open_is_no_work():
    assert not cues.action("I'll leave it open until Monday.")
