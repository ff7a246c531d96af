"""Which question is asked, and which summary is given again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import Coverage, QueryAnswered, QueryFailed, Usage
from services.gateway import questions
from services.gateway.questions import Question, Thread
from tests.support.facts import asked, at, heard


def answer(query_id, seconds=0, as_of_seq=1, **fields):
    return QueryAnswered(
        session_id="s1",
        time=at(seconds),
        query_id=query_id,
        task="summary",
        answer="a",
        citations=(),
        as_of_seq=as_of_seq,
        coverage=Coverage(segments=0, verbatim=0, summarised=0, not_covered=0),
        model="m",
        prompt_version="1",
        usage=Usage(),
        **fields,
    )


def failure(query_id, reason="timeout", seconds=0):
    return QueryFailed(
        session_id="s1", time=at(seconds), query_id=query_id, task="summary", reason=reason
    )


def summary(seq=1, query_id="sum_1", seconds=0, **fields):
    question = asked(query_id, "", task="summary", time=at(seconds), **fields)
    return Thread(seq=seq, asked=question)


def test_threads_pair_questions_with_their_first_conclusion():
    events = [
        (1, asked("q1")),
        (2, heard(1)),
        (3, asked("q2")),
        (4, answer("q1")),
        (5, failure("q1")),
        (6, asked("q1", "asked again")),
        (7, answer("unasked")),
    ]
    found = questions.threads(events)
    assert list(found) == ["q1", "q2"]
    assert found["q1"] == Thread(seq=1, asked=asked("q1"), conclusion=answer("q1"))
    assert found["q2"].conclusion is None


def test_the_newest_general_summary_is_the_one_asked_last():
    threads = [
        summary(1, "sum_1"),
        summary(3, "sum_2"),
        summary(5, "sum_3", copied_from="s0"),
        summary(7, "qry_1"),
    ]
    assert questions.newest_summary(threads) == threads[1]
    assert questions.newest_summary(threads[2:]) is None


@pytest.mark.parametrize(
    ("conclusion", "asked_at", "seq", "min_seq", "again"),
    [
        (answer("sum_1", seconds=80, as_of_seq=9), 0, 1, 0, True),
        (answer("sum_1", seconds=80, as_of_seq=9), 0, 1, 9, True),
        (answer("sum_1", seconds=80, as_of_seq=9), 0, 1, 10, False),
        (answer("sum_1", seconds=70, as_of_seq=9), 69, 1, 0, False),
        (failure("sum_1", seconds=80), 0, 1, 99, True),
        (failure("sum_1", seconds=60), 0, 1, 0, False),
        (None, 80, 5, 5, True),
        (None, 80, 5, 6, False),
        (None, 70, 5, 0, False),
    ],
)
def test_a_summary_serves_while_it_is_young_and_new_enough(
    conclusion, asked_at, seq, min_seq, again
):
    question = asked("sum_1", "", task="summary", time=at(asked_at))
    thread = Thread(seq=seq, asked=question, conclusion=conclusion)
    assert questions.serves(thread, at(70), min_seq) is again


def test_who_sees_the_same_newest_summary_asks_for_the_same_next_one():
    first = questions.summary_id("s1", None)
    assert first == questions.summary_id("s1", None)
    second = questions.summary_id("s1", summary(1, first))
    ids = {first, second, questions.summary_id("s1", summary(2, second))}
    assert len(ids | {questions.summary_id("s2", None)}) == 4
    assert all(one.startswith("sum_") for one in ids)


def test_a_repeatable_id_differs_by_session_caller_and_key():
    first = questions.repeatable_id("s1", "me", "k")
    assert first == questions.repeatable_id("s1", "me", "k")
    others = [("s2", "me", "k"), ("s1", "you", "k"), ("s1", "me", "l")]
    assert len({first, *(questions.repeatable_id(*one) for one in others)}) == 4


@given(st.text(max_size=20), st.none() | st.integers(1, 9))
def test_a_question_is_the_same_as_itself_and_no_other(query, budget):
    question = Question(task="query", query=query, budget_tokens=budget)
    thread = Thread(seq=1, asked=questions.asked("s1", "q1", question, at()))
    assert thread.asked.deadline - at() == timedelta(minutes=10)
    assert questions.is_same(thread, question)
    assert not questions.is_same(thread, Question(task="query", query=query + "?"))
    assert not questions.is_same(thread, Question(task="summary", query=query))
    assert not questions.is_same(thread, Question(task="query", query=query, budget_tokens=10))


@pytest.mark.parametrize(
    ("reason", "status", "retry"),
    [
        ("timeout", 504, False),
        ("expired", 504, False),
        ("rate_limited", 429, True),
        ("unavailable", 502, True),
        ("gave_up", 502, False),
        ("refused", 502, False),
        ("malformed", 502, False),
    ],
)
def test_every_failure_has_a_status(reason, status, retry):
    error = questions.failure(failure("q1", reason))
    assert (error.problem.status, error.problem.reason) == (status, reason)
    assert error.problem.query_id == "q1"
    assert ("Retry-After" in error.headers) is retry
