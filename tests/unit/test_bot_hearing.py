"""What the bot hears: callbacks in; segments, captions, gaps and requests out."""

from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts import calls, codec
from contracts.events import (
    GapClosed,
    GapOpened,
    SegmentHeard,
    TranscriptionFailed,
    TranscriptionStalled,
    TranscriptionStarted,
    TranscriptionStopped,
    TranscriptionUpdated,
    Word,
)
from services.ingest.bot import hearing, roster, transcripts
from services.ingest.bot.steps import Answered, Joined, Ordered, Ticked
from tests.support.call import CHARGE, OWN, callback, join_data, message, participant
from tests.support.facts import START, at

ADA = participant("p1", "Ada")
BEN = participant("p2", "Ben")
OWN_STATUS = {"startedBy": OWN, "instanceId": "i1", "language": "en", "model": "nova"}
THEIR_STATUS = {"startedBy": "p1", "instanceId": "i2"}


class Bot:
    """The two folds together, at times that the test gives."""

    def __init__(self, *, charge=CHARGE, bots=(), **log):
        self.charge, self.log = charge, log
        self.roster = roster.initial({}, bots)
        self.hearing = hearing.initial(**log)
        self.facts, self.captions, self.asked, self.inputs = [], [], [], []

    def take(self, seconds, taken):
        """One input; returns the facts that it led to."""
        self.inputs.append((seconds, taken))
        self.roster, seen = roster.step(self.roster, taken, self.charge, at(seconds))
        self.hearing, told = hearing.step(
            self.hearing, taken, self.roster, self.charge, at(seconds)
        )
        assert seen == replace(seen, effects=(), captions=())
        self.facts.extend(told.facts)
        self.captions.extend(told.captions)
        self.asked.extend(told.effects)
        return list(told.facts)

    def event(self, seconds, name, *args):
        return self.take(seconds, callback(f"on_{name}", *args, seconds=seconds))

    def say(self, seconds, *args, **fields):
        return self.event(seconds, "transcription_message", message(*args, **fields))

    def tick(self, start, end):
        told = []
        for half in range(int(start * 2), int(end * 2) + 1):
            told.extend(self.take(half / 2, Ticked()))
        return told

    def last(self):
        return self.asked[-1]

    def requests(self):
        return [(ask.ref, ask.request.method) for ask in self.asked]


def joined(*, seconds=0, people=(ADA, BEN), **fields):
    bot = Bot(**fields)
    bot.take(seconds, Joined(join_data(*people)))
    return bot


def transcribing(**fields):
    """A bot whose own transcription runs since second 2."""
    bot = joined(**fields)
    bot.tick(0, 1)
    bot.take(2, Answered(bot.last().ref))
    bot.event(2, "transcription_started", OWN_STATUS)
    return bot


def of(kind, facts):
    return [fact for fact in facts if isinstance(fact, kind)]


# Starting, and leaving alone what others started


def test_the_bot_looks_first_and_then_starts_its_own():
    bot = joined(charge=replace(CHARGE, language="de", vocabulary=("Earshot",), redact_pii=True))
    bot.tick(0, 0.5)
    assert bot.asked == []
    bot.tick(1, 5)
    (ask,) = bot.asked
    assert ask.ref == "transcription:start:1"
    assert ask.request.method == "start_transcription"
    assert ask.request.seconds == 25.0
    (settings,) = ask.request.args
    assert settings == {
        "language": "de",
        "model": "nova-2-general",
        "punctuate": True,
        "endpointing": True,
        "profanity_filter": False,
        "redact": True,
        "includeRawResponse": True,
        "extra": {"interim_results": True, "keywords": ["Earshot"]},
    }


@pytest.mark.parametrize("early", [True, False])
def test_a_transcription_of_somebody_else_is_used_and_never_touched(early):
    bot = Bot()
    if early:
        bot.event(0, "transcription_started", THEIR_STATUS)
    bot.take(0, Joined(join_data(ADA)))
    if not early:
        bot.event(0.1, "transcription_started", THEIR_STATUS)
    bot.tick(1, 30)
    bot.event(31, "transcription_error", "hiccup")
    bot.tick(31, 60)
    assert bot.asked == []
    (told,) = of(TranscriptionStarted, bot.facts)
    assert (told.own, told.started_by, told.instance_id) == (False, "p1", "i2")
    assert hearing.farewell(bot.hearing) == ()


def test_when_their_transcription_ends_ours_begins():
    bot = joined()
    bot.event(0.1, "transcription_started", THEIR_STATUS)
    told = bot.event(10, "transcription_stopped", "p1", False)
    assert told == [
        TranscriptionStopped(session_id="s1", time=at(10), bot_id="b1", number=0, stopped_by="p1"),
        GapOpened(
            session_id="s1",
            time=at(10),
            gap_id=told[1].gap_id,
            cause="transcription_stopped",
            start=10.0,
        ),
    ]
    assert bot.requests() == [("transcription:start:1", "start_transcription")]


@pytest.mark.parametrize("event_first", [True, False])
def test_our_start_is_told_once_in_either_order_of_answer_and_event(event_first):
    bot = joined()
    bot.tick(0, 1)
    steps = [
        lambda: bot.take(2, Answered(bot.asked[0].ref)),
        lambda: bot.event(2, "transcription_started", OWN_STATUS),
        lambda: bot.event(2, "transcription_started", OWN_STATUS),
    ]
    for step in reversed(steps) if event_first else steps:
        step()
    bot.tick(2, 40)
    (told,) = bot.facts
    assert told == TranscriptionStarted(
        session_id="s1",
        time=at(2),
        bot_id="b1",
        number=0,
        own=True,
        instance_id="i1",
        language="en",
        model="nova",
        started_by=OWN,
    )
    assert len(bot.asked) == 1
    (request,) = hearing.farewell(bot.hearing)
    assert request.method == "stop_transcription"


def test_what_an_earlier_bot_started_is_ours():
    bot = joined(bots=["bot-before"])
    bot.event(0.1, "transcription_started", {"startedBy": "bot-before"})
    bot.tick(1, 3)
    assert bot.asked == []
    assert of(TranscriptionStarted, bot.facts)[0].own


# Failing and trying again


def test_a_refused_start_is_tried_again_ever_more_slowly():
    bot = joined()
    bot.tick(0, 1)
    times = []
    for _ in range(8):
        now = bot.inputs[-1][0]
        bot.take(now, Answered(bot.last().ref, error="no" * 400))
        count = len(bot.asked)
        while len(bot.asked) == count:
            bot.tick(bot.inputs[-1][0] + 0.5, bot.inputs[-1][0] + 0.5)
        times.append(bot.inputs[-1][0] - now)
    assert times == [1, 2, 4, 8, 16, 30, 30, 30]
    assert len(of(TranscriptionFailed, bot.facts)) == 8
    assert {len(fact.detail) for fact in of(TranscriptionFailed, bot.facts)} == {500}
    (gap,) = of(GapOpened, bot.facts)
    assert (gap.cause, gap.start) == ("transcription_failed", 0.0)
    bot.event(300, "transcription_started", OWN_STATUS)
    assert bot.facts[-1] == GapClosed(session_id="s1", time=at(300), gap_id=gap.gap_id, end=300.0)


def test_no_answer_is_a_failure_unless_the_room_says_that_it_runs():
    bot = joined()
    bot.tick(0, 1)
    told = bot.take(26, Answered(bot.last().ref, unanswered=True))
    assert [type(fact) for fact in told] == [TranscriptionFailed, GapOpened]
    bot.tick(26, 27)
    bot.event(28, "transcription_started", OWN_STATUS)
    assert bot.take(53, Answered(bot.last().ref, unanswered=True)) == []
    bot.tick(53, 90)
    assert len(bot.asked) == 2


@pytest.mark.parametrize("event_first", [True, False])
def test_the_error_event_of_a_refused_start_is_the_same_failure(event_first):
    bot = joined()
    bot.tick(0, 1)
    steps = [
        lambda: bot.take(1, Answered(bot.asked[0].ref, error="not an owner")),
        lambda: bot.event(1, "transcription_error", "not an owner!"),
    ]
    for step in reversed(steps) if event_first else steps:
        step()
    assert len(of(TranscriptionFailed, bot.facts)) == 1
    assert len(of(GapOpened, bot.facts)) == 1
    bot.tick(1.5, 2)
    assert len(bot.asked) == 2


@pytest.mark.parametrize("event_first", [True, False])
def test_an_error_of_our_own_is_answered_with_stop_and_start(event_first):
    bot = transcribing()
    told = bot.event(10, "transcription_error", "lost the model")
    assert [type(fact) for fact in told] == [TranscriptionFailed, GapOpened]
    assert bot.requests()[1:] == [("transcription:stop:2", "stop_transcription")]
    steps = [
        lambda: bot.take(10, Answered("transcription:stop:2")),
        lambda: bot.event(10, "transcription_stopped", OWN, False),
    ]
    for step in reversed(steps) if event_first else steps:
        step()
    bot.tick(10, 11)
    assert bot.requests()[2:] == [("transcription:start:3", "start_transcription")]
    bot.event(11, "transcription_started", OWN_STATUS | {"instanceId": "i9"})
    bot.take(11, Answered("transcription:start:3"))
    bot.tick(11, 60)
    assert len(of(TranscriptionFailed, bot.facts)) == 1
    assert len(of(GapOpened, bot.facts)) == len(of(GapClosed, bot.facts)) == 1
    assert len(of(TranscriptionStarted, bot.facts)) == 2
    assert len(bot.asked) == 3


def test_an_error_and_the_end_it_brings_are_one_failure():
    bot = transcribing()
    bot.event(10, "transcription_error", "lost the model")
    bot.event(10, "transcription_stopped", None, True)
    assert bot.event(10, "transcription_stopped", None, True) == []
    assert bot.requests()[1:] == [
        ("transcription:stop:2", "stop_transcription"),
        ("transcription:start:3", "start_transcription"),
    ]
    bot.take(11, Answered("transcription:stop:2", error="not running"))
    bot.tick(11, 20)
    assert len(bot.asked) == 3


def test_a_refusal_because_somebody_else_was_faster_is_no_failure():
    bot = joined()
    bot.tick(0, 1)
    bot.event(1, "transcription_started", THEIR_STATUS)
    assert bot.take(1, Answered(bot.last().ref, error="already running")) == []
    bot.tick(1, 60)
    assert len(bot.asked) == 1


def test_one_start_at_a_time():
    bot = joined()
    bot.tick(0, 1)
    bot.take(1, Ordered("c1", calls.StartTranscription(), at(60)))
    bot.tick(1, 40)
    assert len(bot.asked) == 1


def test_words_between_the_answer_and_its_event_belong_to_the_same_transcription():
    bot = joined()
    bot.tick(0, 1)
    bot.take(2, Answered(bot.last().ref))
    bot.say(5, "p1", "Yes.", 1.0)
    bot.event(5, "transcription_started", OWN_STATUS)
    bot.say(5, "p1", "Yes.", 1.0)
    assert len(of(SegmentHeard, bot.facts)) == 1


def test_a_transcription_that_breaks_off_again_and_again_is_not_restarted_in_a_loop():
    bot = transcribing()
    for number in range(40):
        now = bot.inputs[-1][0] + 0.01
        bot.event(now, "transcription_stopped", None, True)
        bot.take(now, Ticked())
        if len(bot.asked) > 1 and bot.hearing.transcription.asked:
            bot.event(now, "transcription_started", OWN_STATUS | {"instanceId": f"n{number}"})
    assert len(bot.asked) == 2


def test_steady_work_makes_the_next_failure_a_first_one():
    bot = transcribing()
    for number, now in enumerate((10, 100, 200)):
        count = len(bot.asked)
        bot.event(now, "transcription_stopped", None, True)
        assert len(bot.asked) == count + 1
        bot.event(now, "transcription_started", OWN_STATUS | {"instanceId": f"n{number}"})


def test_the_gaps_of_an_earlier_bot_close_when_transcription_runs():
    bot = joined(open_gaps=["gap_x", "gap_y"], started_at=START - timedelta(seconds=100))
    bot.tick(0, 1)
    assert bot.take(1, Answered(bot.last().ref, error="no"))[1:] == []
    told = bot.event(2, "transcription_started", OWN_STATUS)
    assert [(fact.gap_id, fact.end) for fact in of(GapClosed, told)] == [
        ("gap_x", 102.0),
        ("gap_y", 102.0),
    ]


# Orders


def test_what_an_order_stopped_stays_stopped_until_an_order_starts_it():
    bot = transcribing()
    bot.take(10, Ordered("c1", calls.StopTranscription(), at(60)))
    told = bot.event(10.2, "transcription_stopped", OWN, False)
    assert [fact.cause for fact in of(GapOpened, told)] == ["transcription_stopped"]
    bot.tick(11, 100)
    assert len(bot.asked) == 1
    bot.take(100, Ordered("c2", calls.StartTranscription(settings={"model": "nova-3"}), at(160)))
    bot.tick(100, 124)
    assert len(bot.asked) == 1
    bot.tick(125, 125)
    assert bot.last().request.args[0]["model"] == "nova-3"
    assert bot.last().request.args[0]["includeRawResponse"] is True
    told = bot.event(126, "transcription_started", OWN_STATUS)
    assert len(of(GapClosed, told)) == 1


def test_a_late_order_changes_nothing():
    bot = transcribing()
    bot.take(10, Ordered("c1", calls.StopTranscription(), at(9)))
    bot.event(10.2, "transcription_stopped", "p1", False)
    assert len(bot.asked) == 2


def test_a_bot_that_follows_a_stopped_one_starts_nothing_and_says_so():
    bot = joined(wanted=False)
    bot.tick(0, 40)
    assert bot.asked == []
    assert [fact.cause for fact in bot.facts] == ["transcription_stopped"]


def test_a_restart_keeps_to_those_who_may_be_transcribed():
    bot = transcribing()
    order = calls.UpdateTranscription(participants=("p1",))
    bot.take(5, Ordered("c1", order, at(60)))
    told = bot.event(
        5, "transcription_updated", {"participants": ["p1", 7], "updatedBy": OWN, "instanceId": "i"}
    )
    assert told == [
        TranscriptionUpdated(
            session_id="s1",
            time=at(5),
            bot_id="b1",
            number=0,
            participants=("p1",),
            updated_by=OWN,
        )
    ]
    bot.event(10, "transcription_stopped", None, True)
    bot.event(11, "transcription_started", OWN_STATUS | {"instanceId": "i3"})
    assert bot.last().request.method == "update_transcription"
    assert bot.last().request.args == (["p1"], None)
    for second in range(12, 60):
        bot.event(second, "active_speaker_changed", BEN)
        bot.tick(second, second)
    assert of(TranscriptionStalled, bot.facts) == []


def test_on_its_way_out_the_bot_starts_nothing():
    bot = transcribing()
    bot.event(10, "transcription_stopped", OWN, False)
    bot.tick(10, 11)
    bot.event(11.5, "call_state_updated", "leaving")
    bot.tick(12, 60)
    assert len(bot.asked) == 1
    assert of(GapOpened, bot.facts) == []
    bot.say(12, "p1", "Bye.", 9.0)
    assert [fact.text for fact in of(SegmentHeard, bot.facts)] == ["Bye."]


def test_who_stopped_in_our_name_and_stays_starts_again():
    bot = transcribing()
    bot.event(10, "transcription_stopped", OWN, False)
    bot.tick(10, 31)
    assert len(bot.asked) == 2
    (gap,) = of(GapOpened, bot.facts)
    assert (gap.cause, gap.start) == ("transcription_stopped", 10.0)


# Words


def test_a_final_becomes_a_segment_with_everything_that_is_known():
    bot = transcribing()
    (told,) = bot.say(7, "p1", "Good morning.", 3.0, 2.0)
    assert told == SegmentHeard(
        session_id="s1",
        time=at(7),
        segment_id=told.segment_id,
        start=5.0,
        end=7.0,
        text="Good morning.",
        speaker="Ada",
        speaker_id="p1",
        track="cam-audio",
        language="en",
        confidence=0.97,
        words=(
            Word(text="Good", start=5.0, end=6.0, confidence=0.9),
            Word(text="morning.", start=6.0, end=7.0, confidence=0.9),
        ),
    )
    assert bot.captions == []


def test_an_interim_is_a_caption_and_nothing_else():
    bot = transcribing()
    assert bot.say(6, "p1", "Good mor", 3.0, 1.0, final=False) == []
    (caption,) = bot.captions
    assert (caption.speaker, caption.speaker_id, caption.track) == ("Ada", "p1", "cam-audio")
    assert (caption.text, caption.start) == ("Good mor", 5.0)


def test_the_earliest_arrival_places_a_stream_and_each_track_has_its_own():
    bot = transcribing()
    bot.say(9.5, "p1", "One.", 4.0, 2.0, final=False)
    bot.say(9.0, "p1", "One.", 4.0, 2.0)
    bot.say(15.0, "p1", "Two.", 6.0, 2.0)
    bot.say(20.0, "p1", "Three.", 1.0, 1.0, track="screen-audio")
    assert [fact.start for fact in of(SegmentHeard, bot.facts)] == [7.0, 9.0, 19.0]


def test_a_stream_that_began_anew_is_placed_anew():
    bot = transcribing()
    bot.say(104, "p1", "Yes.", 100.0, 1.0)
    bot.say(205, "p1", "Yes.", 0.5, 1.0)
    bot.say(207, "p1", "No.", 2.0, 1.0)
    assert [fact.start for fact in of(SegmentHeard, bot.facts)] == [103.0, 204.0, 205.5]


def test_the_last_words_of_the_transcription_before_do_not_move_the_new_one():
    bot = transcribing()
    bot.say(602, "p1", "Before.", 598.0, 2.0)
    bot.event(603, "transcription_stopped", None, True)
    bot.event(603, "transcription_started", OWN_STATUS | {"instanceId": "i3"})
    bot.say(604, "p1", "Late.", 600.0, 2.0)
    bot.say(604.5, "p1", "And", 600.0, 2.5, final=False)
    bot.say(610, "p1", "After.", 4.0, 2.0)
    starts = [(fact.text, fact.start) for fact in of(SegmentHeard, bot.facts)]
    assert starts == [("Before.", 600.0), ("Late.", 602.0), ("After.", 608.0)]


def test_the_same_words_at_the_same_place_of_a_new_transcription_are_new():
    bot = transcribing()
    bot.say(5, "p1", "Yes.", 1.0, 1.0)
    bot.say(5, "p1", "Yes.", 1.0, 1.0)
    bot.event(10, "transcription_stopped", None, True)
    bot.event(10, "transcription_started", OWN_STATUS)
    bot.say(13, "p1", "Yes.", 1.0, 1.0)
    heard = of(SegmentHeard, bot.facts)
    assert [fact.start for fact in heard] == [4.0, 12.0]
    assert heard[0].segment_id != heard[1].segment_id


def test_a_segment_that_the_log_has_is_not_told_again():
    bot = transcribing()
    (told,) = bot.say(5, "p1", "Yes.", 1.0, 1.0)
    again = transcribing(segment_ids=[told.segment_id])
    assert again.say(5, "p1", "Yes.", 1.0, 1.0) == []


def test_without_a_raw_response_every_message_is_final_and_told_apart_by_its_stamp():
    bot = transcribing()
    plain = {"participantId": "p1", "text": "Yes.", "timestamp": at(4).isoformat()}
    bot.event(5, "transcription_message", plain)
    bot.event(6, "transcription_message", plain)
    bot.event(7, "transcription_message", plain | {"timestamp": at(6).isoformat()})
    assert [(fact.start, fact.end) for fact in of(SegmentHeard, bot.facts)] == [(5, 5), (7, 7)]


def test_nothing_is_made_of_empty_messages_or_of_the_bot_s_own():
    bot = transcribing(bots=["bot-before"])
    bot.say(5, "p1", "", 1.0)
    bot.say(5, "p1", " \n\x00", 1.0, final=False)
    bot.say(5, OWN, "I am the bot.", 1.0)
    bot.say(5, "bot-before", "I was the bot.", 1.0)
    bot.event(5, "transcription_message", None)
    bot.event(5, "transcription_message")
    assert bot.facts[1:] == []
    assert bot.captions == []


def test_a_speaker_is_named_as_they_are_called_then():
    bot = transcribing()
    bot.say(5, None, "Who am I?", 1.0)
    bot.say(6, "p7", "And I?", 1.0)
    bot.event(7, "participant_updated", participant("p1", "Ada L."))
    bot.say(8, "p1", "Me.", 1.0)
    bot.event(9, "participant_left", ADA, "leftCall")
    bot.say(10, "p1", "Late.", 5.0)
    heard = of(SegmentHeard, bot.facts)
    assert [(fact.speaker_id, fact.speaker) for fact in heard] == [
        (None, None),
        ("p7", None),
        ("p1", "Ada L."),
        ("p1", "Ada L."),
    ]


def test_a_text_too_long_for_one_segment_is_several():
    bot = transcribing()
    text = " ".join(["words"] * 8000)
    told = bot.say(100, "p1", text, 10.0, 80.0)
    assert all(len(fact.text) <= transcripts.MAX_TEXT for fact in told)
    assert " ".join(fact.text for fact in told) == text
    assert len({fact.segment_id for fact in told}) == 3
    assert (told[0].start, told[-1].end) == (20.0, 100.0)
    assert all(one.end == other.start for one, other in pairwise(told))
    assert bot.say(100, "p1", text, 10.0, 80.0) == []


def test_what_came_before_the_join_waits_for_it():
    bot = Bot()
    bot.event(-1, "transcription_started", THEIR_STATUS)
    bot.say(-0.5, "p1", "Hello.", 8.0, 1.0)
    assert bot.facts == []
    bot.take(0, Joined(join_data(ADA)))
    assert [type(fact) for fact in bot.facts] == [TranscriptionStarted, SegmentHeard]
    assert (bot.facts[1].start, bot.facts[1].speaker) == (0.0, "Ada")


# Evidence


def test_words_long_after_an_end_say_that_a_transcription_runs():
    bot = joined()
    bot.event(0.1, "transcription_started", THEIR_STATUS)
    bot.event(10, "transcription_stopped", "p1", False)
    bot.take(10, Answered(bot.last().ref, error="already running"))
    bot.say(12, "p1", "Still here.", 11.0)
    assert of(GapClosed, bot.facts) == []
    bot.say(16, "p1", "Really.", 14.0)
    assert len(of(GapClosed, bot.facts)) == 1
    count = len(bot.asked)
    bot.tick(16, 100)
    assert len(bot.asked) == count


def test_people_who_speak_unheard_are_a_stall_and_our_own_starts_again():
    bot = transcribing()
    bot.say(9, "p1", "Fine.", 5.0, 1.0)
    for second in (20, 28, 36):
        bot.event(second, "active_speaker_changed", ADA if second % 8 else BEN)
    assert bot.tick(36, 40) == []
    told = bot.tick(40.5, 50)
    assert told == [
        TranscriptionStalled(session_id="s1", time=at(40.5), bot_id="b1", number=0, seconds=20.5),
        GapOpened(
            session_id="s1",
            time=at(40.5),
            gap_id=told[1].gap_id,
            cause="transcription_stalled",
            start=9.0,
        ),
    ]
    assert bot.requests()[1:] == [("transcription:stop:2", "stop_transcription")]
    bot.take(50, Answered("transcription:stop:2", error="not running"))
    assert bot.requests()[2:] == [("transcription:start:3", "start_transcription")]


def test_their_stalled_transcription_is_told_and_left_alone_and_words_end_it():
    bot = joined()
    bot.event(0.1, "transcription_started", THEIR_STATUS)
    for second in range(10, 100, 5):
        bot.event(second, "active_speaker_changed", ADA)
        bot.tick(second, second)
    assert len(of(TranscriptionStalled, bot.facts)) == 1
    assert bot.asked == []
    told = bot.say(100, "p1", "Again.", 2.0, 1.0)
    assert [type(fact) for fact in told] == [GapClosed, SegmentHeard]


def test_silence_single_noises_and_words_are_no_stall():
    bot = transcribing()
    bot.tick(2, 100)
    bot.event(100, "active_speaker_changed", ADA)
    bot.tick(100, 140)
    bot.event(140, "active_speaker_changed", BEN)
    bot.event(141, "active_speaker_changed", ADA)
    bot.tick(141, 160)
    bot.say(160, "p1", "", 100.0)
    bot.event(161, "active_speaker_changed", BEN)
    bot.event(162, "active_speaker_changed", participant(OWN, "Earshot"))
    bot.tick(162, 200)
    assert of(TranscriptionStalled, bot.facts) == []


def test_what_is_known_to_have_failed_does_not_stall_as_well():
    bot = joined()
    bot.event(0.1, "transcription_started", THEIR_STATUS)
    bot.event(5, "transcription_error", "hiccup")
    for second in range(10, 60, 5):
        bot.event(second, "active_speaker_changed", ADA)
        bot.tick(second, second)
    assert of(TranscriptionStalled, bot.facts) == []


# Properties

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab \x00\ud800", max_size=4)
)
raws = st.fixed_dictionaries(
    {},
    optional={
        "start": scalars,
        "duration": scalars,
        "is_final": scalars,
        "channel": scalars
        | st.fixed_dictionaries(
            {
                "alternatives": scalars
                | st.lists(
                    scalars
                    | st.fixed_dictionaries(
                        {},
                        optional={
                            "transcript": scalars,
                            "confidence": scalars,
                            "languages": scalars | st.lists(scalars, max_size=2),
                            "words": scalars
                            | st.lists(
                                scalars
                                | st.fixed_dictionaries(
                                    {"word": scalars, "start": scalars, "end": scalars},
                                    optional={"punctuated_word": scalars, "confidence": scalars},
                                ),
                                max_size=3,
                            ),
                        },
                    ),
                    max_size=2,
                )
            }
        ),
    },
)
messages = scalars | st.fixed_dictionaries(
    {},
    optional={
        "participantId": scalars,
        "text": scalars,
        "timestamp": scalars,
        "trackType": scalars,
        "rawResponse": scalars | raws,
    },
)
statuses = scalars | st.fixed_dictionaries(
    {},
    optional={
        key: scalars | st.just(OWN) | st.lists(scalars, max_size=2)
        for key in ("startedBy", "instanceId", "language", "participants", "updatedBy", "id")
    },
)


@given(
    st.lists(
        st.tuples(st.just("on_transcription_message"), st.tuples(messages))
        | st.tuples(
            st.sampled_from(sorted(hearing.CALLBACKS)),
            st.lists(statuses | messages, max_size=2).map(tuple),
        ),
        max_size=8,
    )
)
def test_any_payload_is_read_and_what_is_told_can_be_stored(given_calls):
    bot = Bot()
    for place, (name, args) in enumerate(given_calls):
        if place == len(given_calls) // 2:
            bot.take(place, Joined(join_data()))
        bot.take(place, callback(name, *args, seconds=place))
    for fact in bot.facts:
        assert codec.events.decode(codec.encode(fact)) == fact
    for caption in bot.captions:
        assert msgspec.json.decode(codec.encode_reply(caption), type=type(caption)) == caption


class Room:
    """Daily's side: who transcribes, where each audio stream began, and what is still on its way.

    Completions and the events that belong to them come in either order, but events stay in theirs.
    """

    def __init__(self, bot, draw):
        self.bot, self.draw, self.now = bot, draw, 0.0
        self.owner, self.instances, self.refusals, self.losses = None, 0, 0, 0
        self.streams, self.spoken, self.done, self.late = {}, [], 0, []
        self.names = {"p1": "Ada", "p2": "Ben"}

    def wait(self, seconds):
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.bot.take(self.now, Ticked())
            self.serve()
            while self.late and self.late[0][0] <= self.now:
                self.bot.take(self.now, self.late.pop(0)[1])
                self.serve()

    def serve(self):
        while self.done < len(self.bot.asked):
            ask = self.bot.asked[self.done]
            self.done += 1
            assert self.owner in (None, "own"), "touched what somebody else started"
            self.now += self.draw(st.sampled_from([0.0, 0.1, 0.6]))
            self.answer(ask, *getattr(self, ask.request.method)())

    def answer(self, ask, error, events):
        if self.losses:
            self.losses -= 1
            self.late.append((self.now + 25, Answered(ask.ref, unanswered=True)))
            for event in events:
                self.bot.event(self.now, *event)
            return
        steps = [lambda: self.bot.take(self.now, Answered(ask.ref, error=error))]
        steps += [lambda event=event: self.bot.event(self.now, *event) for event in events]
        for step in reversed(steps) if self.draw(st.booleans()) else steps:
            step()

    def start_transcription(self):
        if self.refusals or self.owner:
            self.refusals = max(0, self.refusals - 1)
            return "unable to start transcription", []
        return None, [("transcription_started", self.run("own", OWN))]

    def stop_transcription(self):
        if self.owner is None:
            return "not running", []
        self.owner = None
        return None, [("transcription_stopped", OWN, False)]

    def run(self, owner, by):
        self.owner, self.instances, self.streams = owner, self.instances + 1, {}
        return {"startedBy": by, "instanceId": f"i{self.instances}"}

    def theirs(self):
        if self.owner is None and self.bot.hearing.transcription.asked is None:
            self.bot.event(self.now, "transcription_started", self.run("theirs", "p1"))

    def breaks(self, *, by_error):
        if self.owner is not None:
            self.owner = None
            by = None if by_error else self.draw(st.sampled_from(["p1", "p2"]))
            self.bot.event(self.now, "transcription_stopped", by, by_error)
            self.serve()

    def errs(self):
        if self.owner == "own":
            self.bot.event(self.now, "transcription_error", "hiccup")
            self.serve()

    def says(self, who, interims, repeats):
        """One final and its interims; heard only while something transcribes."""
        if self.owner is None:
            return
        track = self.draw(st.sampled_from(["cam-audio", "screen-audio"]))
        key = (who, track)
        begun = self.now
        origin = self.streams.setdefault(key, begun - self.draw(st.sampled_from([0.0, 0.25])))
        start = begun - origin
        self.now += 1.0
        delay = self.draw(st.sampled_from([0.0, 0.125, 0.5]))
        text = self.draw(st.sampled_from(["Yes.", "No.", "Well, well."]))
        final = message(who, text, start, 1.0, track=track, stamp=at(self.now))
        for part in range(interims):
            half = message(who, text[:2], start, 0.25 * (part + 1), final=False, track=track)
            self.bot.event(begun + 0.25 * (part + 1) + delay, "transcription_message", half)
        self.now += delay
        for _ in range(repeats):
            self.bot.event(self.now, "transcription_message", final)
        if who != OWN:
            self.spoken.append((who, self.names[who], text, track, begun))

    def renames(self, who, name):
        self.names[who] = name
        self.bot.event(self.now, "participant_updated", participant(who, name))


actions = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2, 7, 40])),
    st.tuples(
        st.just("says"),
        st.sampled_from(["p1", "p2", OWN]),
        st.integers(0, 2),
        st.integers(1, 2),
    ),
    st.tuples(st.just("theirs")),
    st.tuples(st.just("breaks"), st.booleans()),
    st.tuples(st.just("errs")),
    st.tuples(st.just("renames"), st.sampled_from(["p1", "p2"]), st.sampled_from(["Cy", "Di"])),
    st.tuples(st.just("refusals"), st.integers(1, 3)),
    st.tuples(st.just("losses"), st.integers(1, 2)),
)


def played(data):
    bot = Bot(open_gaps=data.draw(st.sampled_from([(), ("gap_x",)])))
    room = Room(bot, data.draw)
    if data.draw(st.booleans()):
        status = room.run("theirs", "p1")
        early = data.draw(st.booleans())
        if early:
            bot.event(0, "transcription_started", status)
        bot.take(0, Joined(join_data(ADA, BEN)))
        if not early:
            bot.event(0, "transcription_started", status)
    else:
        bot.take(0, Joined(join_data(ADA, BEN)))
    for action, *args in data.draw(st.lists(actions, max_size=25)):
        if action in ("refusals", "losses"):
            setattr(room, action, args[0])
        elif action == "breaks":
            room.breaks(by_error=args[0])
        else:
            getattr(room, action)(*args)
    room.wait(120)
    return bot, room


@given(st.data())
def test_everything_said_is_told_once_in_order_under_its_speaker(data):
    bot, room = played(data)
    heard = of(SegmentHeard, bot.facts)
    said = [(fact.speaker_id, fact.speaker, fact.text, fact.track) for fact in heard]
    assert said == [words[:4] for words in room.spoken]
    assert len({fact.segment_id for fact in heard}) == len(heard)
    for fact, (*_, begun) in zip(heard, room.spoken, strict=True):
        assert begun - 0.001 <= fact.start <= begun + 0.501
    assert {caption.speaker_id for caption in bot.captions} <= {"p1", "p2"}


@given(st.data())
def test_gaps_open_and_close_in_turn_and_are_closed_while_transcription_runs(data):
    bot, room = played(data)
    assert room.owner is not None, "the bot gave up"
    gaps = [fact for fact in bot.facts if isinstance(fact, GapOpened | GapClosed)]
    opened = [gap.gap_id for gap in Bot(**bot.log).hearing.transcription.gaps]
    end = 0.0
    for fact in gaps:
        if isinstance(fact, GapOpened):
            assert not opened
            assert fact.start >= end
            opened, end = [fact.gap_id], fact.start
        else:
            assert opened == [fact.gap_id]
            assert fact.end >= end
            opened, end = [], fact.end
    assert not opened
    assert bot.hearing.transcription.gaps == ()


@given(st.data())
def test_starts_and_stops_are_told_in_turn(data):
    bot, _ = played(data)
    kinds = (TranscriptionStarted, TranscriptionStopped)
    told = [type(fact) for fact in bot.facts if isinstance(fact, kinds)]
    assert told == [kinds[place % 2] for place in range(len(told))]


@given(st.data())
def test_the_same_inputs_lead_to_the_same_again(data):
    bot, _ = played(data)
    again = Bot(**bot.log)
    for seconds, taken in bot.inputs:
        again.take(seconds, taken)
    assert (again.facts, again.captions, again.asked) == (bot.facts, bot.captions, bot.asked)
    assert again.hearing == bot.hearing
