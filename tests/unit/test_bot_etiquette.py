"""A bot as a guest: the consent notice, a dismissal, and being put out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import BotEjected, ConsentNoticeSent
from services.ingest.bot import etiquette
from services.ingest.bot.etiquette import NOTICES
from services.ingest.bot.seam import Callback
from services.ingest.bot.steps import Answered, Ask, Charge, Joined, Leave, Ticked
from tests.support.facts import at

CHARGE = Charge(
    session_id="s1", bot_id="b1", name="Ear\0shot", consent_notice="An assistant\0 listens."
)
SILENT = Charge(session_id="s1", bot_id="b1", name="Earshot")
JOINED = Joined({})
SENT = Answered("consent")
REFUSED = Answered("consent", error="AppMessage(Signalling(ChannelNotOpen))")
UNANSWERED = Answered("consent", unanswered=True)
EJECTED = "You have been ejected from the meeting"
EXPIRED = "Ejecting after room expiration"


def callback(name, *args):
    return Callback(name, args, at(), 0.0)


def state(name):
    return callback("on_call_state_updated", name)


def error(text):
    return callback("on_error", text)


def said(message, sender="p1"):
    return callback("on_app_message", message, sender)


def chat(text):
    return {"event": "chat-msg", "message": text, "name": "Ada"}


class Guest:
    """A bot's etiquette and all that came of it, input by input, one second each."""

    def __init__(self, *inputs, charge=SILENT, start=None, owners=("p1",), apart=1.0):
        self.state, self.facts, self.effects = start or etiquette.initial(), [], []
        self.charge, self.owners, self.apart, self.clock = charge, owners, apart, 0.0
        self.take(*inputs)

    def take(self, *inputs):
        for one in inputs:
            self.clock += self.apart
            self.state, outcome = etiquette.step(
                self.state, one, self.charge, at(self.clock), self.owners.__contains__
            )
            self.facts += outcome.facts
            self.effects += outcome.effects
        return self

    @property
    def asked(self):
        return [effect for effect in self.effects if isinstance(effect, Ask)]

    @property
    def left(self):
        return [effect.why for effect in self.effects if isinstance(effect, Leave)]

    @property
    def ejected(self):
        return [(fact.cause, fact.detail) for fact in self.facts if isinstance(fact, BotEjected)]


def test_the_notice_is_sent_on_joining_and_told_when_it_is_out():
    guest = Guest(JOINED, charge=CHARGE)
    (asked,) = guest.asked
    assert asked.ref == "consent"
    assert asked.request.method == "send_prebuilt_chat_message"
    assert asked.request.args == ("An assistant listens.", "Earshot")
    assert guest.facts == []
    guest.take(SENT)
    assert guest.facts == [
        ConsentNoticeSent(
            session_id="s1", time=at(2), bot_id="b1", number=0, text="An assistant listens."
        )
    ]


@pytest.mark.parametrize("failure", [REFUSED, UNANSWERED])
def test_a_notice_that_did_not_get_out_is_tried_again(failure):
    guest = Guest(JOINED, Ticked(), failure, charge=CHARGE)
    assert len(guest.asked) == 1
    guest.take(Ticked(), Ticked(), SENT, Ticked())
    assert len(guest.asked) == 2
    assert len(guest.facts) == 1


def test_a_notice_is_not_tried_for_ever():
    guest = Guest(JOINED, *[REFUSED, Ticked()] * 20, charge=CHARGE)
    assert len(guest.asked) == NOTICES
    assert guest.facts == []


def test_no_notice_is_sent_unasked_or_twice_or_before_joining():
    assert Guest(JOINED, Ticked()).asked == []
    assert Guest(Ticked(), charge=CHARGE).asked == []
    again = Guest(JOINED, Ticked(), charge=CHARGE, start=etiquette.initial(noticed=True))
    assert again.asked == []
    assert len(Guest(JOINED, SENT, JOINED, Ticked(), charge=CHARGE).asked) == 1


@pytest.mark.parametrize("message", [chat("!leave"), chat(" !Leave\n"), "!LEAVE"])
def test_an_owner_dismisses_the_bot(message):
    guest = Guest(JOINED, said(message), said(message), state("leaving"), Ticked(), Ticked())
    assert guest.left == ["dismissed"]
    assert guest.facts == []


@pytest.mark.parametrize(
    "given_message",
    [
        said(chat("!leave"), "p2"),
        said(chat("!leave"), ""),
        said(chat("!leave"), None),
        callback("on_app_message", chat("!leave")),
        said(chat("please !leave")),
        said({"message": "!leave"}),
        said(["!leave"]),
        said(None),
    ],
)
def test_nobody_and_nothing_else_dismisses_it(given_message):
    guest = Guest(JOINED, given_message, owners=("p1", ""))
    assert (guest.left, guest.facts) == ([], [])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (EJECTED, "ejected"),
        (EXPIRED, "room_expired"),
        ("Room was deleted", "room_deleted"),
        ("Ejected after timeout", "disconnected"),
        ("The meeting has EXPIRED", "room_expired"),
    ],
)
def test_words_about_the_end_of_the_call_end_it(text, cause):
    guest = Guest(JOINED, error(text), state("leaving"), state("left"), error(text), Ticked())
    assert guest.ejected == [(cause, text)]
    assert guest.left == [cause]


def test_a_connection_that_ends_without_words_is_lost():
    guest = Guest(JOINED, state("leaving"), state("left"), apart=0.1)
    assert guest.left == []
    guest.take(*[Ticked()] * 20)
    assert guest.ejected == [("disconnected", "")]
    assert guest.left == ["disconnected"]


def test_words_may_come_after_the_end():
    guest = Guest(JOINED, state("left"), Ticked(), error(EXPIRED), Ticked(), apart=0.4)
    assert guest.ejected == [("room_expired", EXPIRED)]
    assert guest.left == ["room_expired"]
    vague = Guest(JOINED, state("left"), error("This link has expired"), apart=0.4)
    assert vague.left == ["room_expired"]


def test_words_that_may_mean_something_else_wait_for_the_end():
    guest = Guest(JOINED, error("Signalling timeout"), error("The recording has expired"), Ticked())
    assert (guest.left, guest.facts) == ([], [])
    guest.take(state("left"))
    assert guest.ejected == [("room_expired", "The recording has expired")]


def test_old_words_are_not_the_cause_of_a_new_end():
    guest = Guest(JOINED, error("The recording has expired"), *[Ticked()] * 11, state("left"))
    guest.take(Ticked(), Ticked())
    assert guest.ejected == [("disconnected", "")]


def test_the_echo_of_a_refused_request_is_no_end():
    guest = Guest(JOINED, error("Error handling ejectRemoteParticipants: Room was deleted"))
    assert (guest.left, guest.facts) == ([], [])


def test_a_join_that_failed_is_no_ejection():
    guest = Guest(error("This room has expired"), state("leaving"), state("left"), Ticked())
    guest.take(JOINED, Ticked(), Ticked())
    assert (guest.left, guest.facts) == ([], [])


def test_an_end_before_the_answer_to_the_join_is_seen():
    guest = Guest(state("joined"), error(EJECTED), state("left"), JOINED, charge=CHARGE)
    assert guest.left == ["ejected"]
    assert guest.asked == []


def test_the_bots_own_leave_is_nobodys_doing():
    start = etiquette.leaving(Guest(JOINED).state)
    guest = Guest(state("leaving"), error(EJECTED), state("left"), Ticked(), start=start)
    assert (guest.left, guest.facts) == ([], [])


def test_a_notice_answered_after_leaving_was_sent_all_the_same():
    guest = Guest(JOINED, said("!leave"), SENT, charge=CHARGE)
    assert [type(fact) for fact in guest.facts] == [ConsentNoticeSent]


INPUTS = st.one_of(
    st.sampled_from(
        [
            JOINED,
            SENT,
            REFUSED,
            Ticked(),
            Answered("other"),
            said(chat("!leave")),
            said(chat("!leave"), "p2"),
            error(EJECTED),
            error(EXPIRED),
            error("timeout"),
            state("joined"),
            state("leaving"),
            state("left"),
        ]
    ),
    st.builds(
        callback,
        st.sampled_from(["on_error", "on_call_state_updated", "on_app_message"]),
        st.none() | st.integers() | st.text() | st.lists(st.none()),
    ),
)


@given(st.lists(INPUTS, max_size=30), st.sampled_from([0.1, 1.0, 5.0]))
def test_the_bot_goes_once_and_is_put_out_at_most_once(inputs, apart):
    guest = Guest(*inputs, charge=CHARGE, apart=apart)
    assert len(guest.left) <= 1
    assert [cause for cause, _ in guest.ejected] == [
        why for why in guest.left if why != "dismissed"
    ]
    assert len(guest.asked) <= NOTICES
    assert guest.left == [] or guest.state.going
