"""What was just said is in the context of the next question, however large the meeting is by then.

How soon that is `earshot bench context` measures.
"""

import pytest

from contracts.events import ParticipantJoined, SegmentCorrected, SegmentRedacted
from tests.support.facts import at, heard, requested
from tests.support.stack import running, served

BUDGET = 300
"""Far less than the meeting holds: a line has to be found to be quoted."""


@pytest.fixture
async def meeting(server, runtime):
    """A long meeting in a running context service, which was asked about it."""
    await runtime.keyring.create("s1")
    last = await runtime.publisher.append(requested())
    async with running(server, "context"):
        for number in range(300):
            last = await runtime.publisher.append(heard(number, "nothing of note was said here"))
        await quoted(runtime, last, "budget")
        yield runtime


async def quoted(runtime, seq, question):
    """The ids of what the context of a question quotes, once `seq` is folded."""
    reply = await served(runtime, min_seq=seq, query=question, budget_tokens=BUDGET)
    assert reply.context.tokens <= BUDGET
    return {one.segment_id for part in reply.context.parts for one in part.segments}


async def test_each_segment_is_found_by_the_question_after_it(meeting):
    for number in range(300, 320):
        seq = await meeting.publisher.append(heard(number, f"the zanzibar{number} came up"))
        assert f"seg{number}" in await quoted(meeting, seq, f"what about zanzibar{number}?")
    for number in range(320, 360):
        seq = await meeting.publisher.append(heard(number, "nothing of note was said here"))
    for number in range(300, 320):
        assert f"seg{number}" in await quoted(meeting, seq, f"what about zanzibar{number}?")


async def test_a_correction_of_long_ago_is_found_and_what_it_replaced_is_not(meeting):
    corrected = SegmentCorrected(
        session_id="s1", time=at(), segment_id="seg7", revision=1, text="the zanzibar came up"
    )
    seq = await meeting.publisher.append(corrected)
    assert "seg7" in await quoted(meeting, seq, "what about zanzibar?")
    gone = SegmentRedacted(session_id="s1", time=at(), segment_id="seg7")
    seq = await meeting.publisher.append(gone)
    assert "seg7" not in await quoted(meeting, seq, "what about zanzibar?")


async def test_who_joins_in_between_changes_nothing_of_that(meeting):
    await meeting.publisher.append(heard(300, "the zanzibar came up"))
    for number in range(301, 360):
        await meeting.publisher.append(heard(number, "nothing of note was said here"))
    for number in range(3):
        guest = {"participant_id": f"guest{number}", "name": f"Guest {number}"}
        joined = ParticipantJoined(session_id="s1", time=at(), joined_at=at(), **guest)
        seq = await meeting.publisher.append(joined)
        assert "seg300" in await quoted(meeting, seq, "what about zanzibar?")
