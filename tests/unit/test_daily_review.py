"""What a review of Daily bots found, so that it stays mended."""

import asyncio
from types import SimpleNamespace

import httpx
import msgspec
import pytest

from contracts import calls
from contracts.commands import HostSession
from contracts.events import (
    AppMessageReceived,
    CommandDone,
    CommandFailed,
    CommandRequested,
    GapOpened,
    ParticipantJoined,
    ParticipantUpdated,
)
from earshot import doctor
from services._runtime.session_log import UnknownSessionError
from services._runtime.settings import Settings
from services.gateway import hosting, requesting, transcript
from services.gateway.requesting import Requesting
from services.ingest.bot import meeting, memory, redaction
from services.ingest.bot.memory import Memory
from services.ingest.bot.steps import Answered, Joined, Ordered, Ticked
from tests.support.call import CHARGE, OWN, callback, join_data, participant
from tests.support.facts import at, heard, requested

ADA = "11111111-1111-4111-8111-111111111111"
RUNNING = {"startedBy": OWN, "instanceId": "i1"}


class Bot:
    """The bot's whole mind, and what it asked of Daily."""

    def __init__(self, **known):
        self.bot, self.asked, self.facts = meeting.initial(CHARGE, Memory(**known)), [], []
        self.take(0, Joined(join_data(participant(ADA, "Ada"))))
        self.take(1, Ticked())

    def take(self, seconds, taken):
        self.bot, told = meeting.step(self.bot, taken, at(seconds))
        self.asked.extend(told.effects)
        self.facts.extend(told.facts)

    def order(self, seconds, command):
        self.take(seconds, Ordered("c1", command, at(seconds + 30)))

    def runs(self, seconds):
        """Our own transcription starts."""
        self.take(seconds, Answered(self.asked[-1].ref))
        self.take(seconds, callback("on_transcription_started", RUNNING, seconds=seconds))

    def fails(self, seconds):
        """Our own transcription fails and is started again."""
        self.take(seconds, callback("on_transcription_error", "boom", seconds=seconds))
        self.take(seconds, Answered(self.asked[-1].ref))
        self.take(seconds + 1, Ticked())
        self.runs(seconds + 1)

    def methods(self):
        return [ask.request.method for ask in self.asked]


def test_nobody_is_left_unheard_for_an_order_that_was_unfit():
    bot = Bot()
    bot.runs(2)
    bot.order(3, calls.UpdateTranscription(participants=("Ada",)))
    assert [fact.reason for fact in bot.facts if isinstance(fact, CommandFailed)] == ["invalid"]
    bot.fails(10)
    assert "update_transcription" not in bot.methods()


@pytest.mark.parametrize(("error", "limited"), [("UserMustBeAdmin", False), (None, True)])
def test_only_an_order_that_daily_took_limits_who_is_transcribed_later(error, limited):
    bot = Bot()
    bot.runs(2)
    bot.order(3, calls.UpdateTranscription(participants=(ADA,)))
    bot.take(4, Answered(bot.asked[-1].ref, error=error))
    bot.fails(10)
    assert bot.methods().count("update_transcription") == 1 + limited


@pytest.mark.parametrize(("error", "limited"), [("UserMustBeAdmin", None), (None, (ADA,))])
def test_the_next_bot_limits_transcription_only_where_daily_took_the_order(error, limited):
    head = {"session_id": "s1", "command_id": "c1"}
    order = CommandRequested(
        time=at(1),
        deadline=at(31),
        command=calls.UpdateTranscription(participants=(ADA,)),
        **head,
    )
    concluded = (
        CommandDone(time=at(2), **head)
        if error is None
        else CommandFailed(time=at(2), reason="refused", detail=error, **head)
    )
    known = memory.fold([(1, order), (2, concluded)])
    assert (known.only, known.orders) == (limited, ())


def test_settings_that_daily_refused_do_not_keep_the_room_unheard():
    bot = Bot(wanted=False)
    bot.order(3, calls.StartTranscription(settings={"language": 5}))
    bot.take(4, Answered(bot.asked[-1].ref, error="invalid type: integer `5`"))
    for second in range(5, 40):
        bot.take(second, Ticked())
    assert "language" not in bot.asked[-1].request.args[0]
    bot.runs(40)
    assert bot.methods() == ["start_transcription"] * 2
    assert [fact.cause for fact in bot.facts if isinstance(fact, GapOpened)] == [
        "transcription_stopped"
    ]
    assert not bot.bot.hearing.transcription.gaps


def test_settings_that_cannot_be_sent_change_nothing():
    bot = Bot(wanted=False)
    before = bot.bot.hearing
    bot.order(3, calls.StartTranscription(settings={"extra": {"n": 10**30}}))
    assert [fact.reason for fact in bot.facts if isinstance(fact, CommandFailed)] == ["invalid"]
    assert bot.bot.hearing == before


def test_personal_data_is_found_in_numbers_and_in_ids_of_users():
    said = AppMessageReceived(
        session_id="s1",
        time=at(0),
        bot_id="b1",
        number=1,
        sender_id=ADA,
        message={"phone": 14155552671, "card": [4111111111111111], "yes": True, "n": 12},
    )
    assert redaction.redact_event(said).message == {
        "phone": "[phone]",
        "card": ["[card]"],
        "yes": True,
        "n": 12,
    }
    ada = {"session_id": "s1", "time": at(0), "participant_id": ADA, "user_id": "ada@example.com"}
    for fact in (ParticipantJoined(**ada), ParticipantUpdated(bot_id="b1", number=1, **ada)):
        assert redaction.redact_event(fact).user_id == "[email]"


def test_who_gets_a_name_after_speaking_is_named_in_the_transcript_by_the_last_one():
    events = [
        requested("s1"),
        ParticipantJoined(session_id="s1", time=at(0), participant_id=ADA, name=None),
        msgspec.structs.replace(heard(0), speaker=None, speaker_id=ADA),
        ParticipantUpdated(
            session_id="s1", time=at(1), bot_id="b1", number=1, participant_id=ADA, name="Ada"
        ),
        ParticipantUpdated(
            session_id="s1", time=at(2), bot_id="b1", number=2, participant_id=ADA, name="Countess"
        ),
    ]
    for known, name in ((4, "Ada"), (5, "Countess")):
        view = transcript.fold(transcript.initial("s1"), enumerate(events[:known], 1))
        assert f"{name}: " in transcript.render_txt(view)
        assert transcript.transcript(view).speakers[ADA].name == name


def lossy(sleep):
    """A pause that loses the first cancellation, as asyncio.wait_for may before Python 3.12."""
    lost = []

    async def pause(seconds):
        try:
            await sleep(seconds)
        except asyncio.CancelledError:
            lost.append(seconds)
            if len(lost) > 1:
                raise

    return pause


async def never(*_):
    """Nothing is there; what would be waited for is cancelled in vain."""
    await asyncio.sleep(0.01)


async def test_a_room_whose_maker_died_is_not_waited_for_in_vain(monkeypatch):
    class Sessions:
        async def view(self, _):
            await never()
            raise UnknownSessionError("s1")

    async def store(_, wanted):
        return 1, wanted

    monkeypatch.setattr(requesting, "APPEAR_SECONDS", 0.1)
    monkeypatch.setattr(requesting, "Bucket", lambda *_: None)
    monkeypatch.setattr(Requesting, "_store", store)
    monkeypatch.setattr(asyncio, "sleep", lossy(asyncio.sleep))
    making = Requesting(SimpleNamespace(nc=None, js=None), Sessions())
    await finishes(making._appeared(requested("s1")))


async def test_a_job_whose_maker_died_is_not_waited_for_in_vain(monkeypatch):
    monkeypatch.setattr(hosting, "APPEAR_SECONDS", 0.1)
    monkeypatch.setattr(hosting, "last_message", never)
    monkeypatch.setattr(asyncio, "sleep", lossy(asyncio.sleep))
    job = HostSession(session_id="s1")
    assert await finishes(hosting._is_queued(SimpleNamespace(js=None), job)) is False


async def test_doctor_has_a_finding_for_an_address_in_no_alphabet():
    settings = Settings(daily_api_url="https://xn--a", daily_api_key="k")
    assert (await doctor._daily(settings)).level == "FAIL"


def test_doctor_has_a_finding_for_an_answer_without_a_bottom():
    body = b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    found = doctor._domain_answered("https://x", httpx.Response(200, content=body))
    assert found.level == "warn"


async def finishes(waiting):
    """What it returns, within seconds."""
    task = asyncio.ensure_future(waiting)
    done, _ = await asyncio.wait({task}, timeout=3)
    task.cancel()
    assert done, "it waits for ever"
    return task.result()
