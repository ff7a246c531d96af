"""The Decider of a session in a room under whatever order things happen in."""

from contextlib import suppress
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import (
    BotAssigned,
    BotEjected,
    BotJoined,
    BotLeft,
    BotReplaced,
    GapClosed,
    GapOpened,
    ParticipantJoined,
    ParticipantLeft,
    RoomEmptied,
    SessionEnded,
    SessionEnding,
    SessionFailed,
    SessionJoining,
    SessionStarted,
    SessionWaiting,
)
from services.ingest import session
from services.ingest.session import (
    Assign,
    Begin,
    Close,
    Dismiss,
    Enter,
    RejectedError,
    Replace,
    ReportEjected,
    ReportEmpty,
    ReportFailure,
    ReportSourceEnd,
    ReportTimer,
    Wait,
)
from tests.support.facts import at, requested

TIMERS = ("no_show", "grace", "room_expiry")
OUT = ("ejected", "room_expired", "room_deleted")
ENDS = SessionEnded | SessionFailed
GONE = BotLeft | BotEjected | BotReplaced

COMMANDS = ("wait", "enter", "assign", "begin", "replace", "empty", "stale")
CONCLUSIONS = ("armed", "armed", "bot_out", "close", "dismiss", "ejected", "source_end", "failure")
WORLD = ("bot_joins", "bot_leaves", "bot_out", "comes", "goes", "hears_again")

number = st.integers(0, 3)
going_on = st.tuples(st.sampled_from((*COMMANDS, *WORLD)), number).filter(
    lambda one: one[0] != "bot_out" or one[1] > 2
)
concluding = st.tuples(st.sampled_from(CONCLUSIONS), number)
usual = [("wait", 0), ("enter", 0), ("assign", 0), ("bot_joins", 0), ("begin", 0), ("comes", 0)]
next_bot = [("replace", 2), ("assign", 0), ("bot_joins", 1), ("begin", 0)]
emptying = [("goes", 0), ("goes", 0), ("goes", 0), ("empty", 1)]
lapses = st.sampled_from(
    [
        next_bot,
        [*next_bot[:2], ("assign", 0)],
        emptying,
        [*emptying, ("comes", 0)],
        [*emptying, *next_bot],
        [*emptying, ("bot_leaves", 0)],
        [("bot_out", 3), ("assign", 0), ("bot_joins", 0)],
    ]
)
bits = st.one_of(going_on.map(lambda one: [one]), lapses)
worlds = st.builds(
    lambda begun, middle, end: [*usual[:begun], *(one for bit in middle for one in bit), *end],
    st.sampled_from((0, 3, 4, 5, 6, 6, 6, 6)),
    st.lists(bits, min_size=3, max_size=15),
    st.lists(st.one_of(concluding, concluding, going_on), min_size=2, max_size=8),
)
"""Steps that a session could be led through: most come far, and some end in disorder."""


class World:
    """A session with its log; what happens in the room happens only where it could."""

    def __init__(self):
        self.log, self.state, self.seconds, self.rejected = [], session.initial, 0, 0
        self.commands = []
        self.see(requested(source="daily", expires_at=at(5000)))

    @property
    def now(self) -> datetime:
        return at(self.seconds)

    def see(self, *events):
        self.log += events
        self.state = session.fold(events, self.state)

    def last(self, kind, default=None):
        return next((one for one in reversed(self.log) if isinstance(one, kind)), default)

    def all(self, kind):
        return [one for one in self.log if isinstance(one, kind)]

    @property
    def over(self):
        return self.last(ENDS) is not None

    @property
    def present_bot(self):
        """The bot in the room or on its way, by the plain reading of the log."""
        assigned = self.last(BotAssigned)
        if assigned is None:
            return None
        gone = any(one.bot_id == assigned.bot_id for one in self.all(GONE))
        return None if gone else assigned.bot_id

    @property
    def bot_in_room(self):
        joined = any(one.bot_id == self.present_bot for one in self.all(BotJoined))
        return self.present_bot if joined else None

    @property
    def people(self):
        left = {one.participant_id for one in self.all(ParticipantLeft)}
        return {one.participant_id for one in self.all(ParticipantJoined)} - left

    @property
    def gaps(self):
        closed = {one.gap_id for one in self.all(GapClosed)}
        return {one.gap_id for one in self.all(GapOpened)} - closed

    @property
    def grace(self):
        """The time of the grace that runs, by the plain reading of the log."""
        for one in reversed(self.log):
            if isinstance(one, RoomEmptied):
                return one.grace_until
            if isinstance(one, ParticipantJoined | BotJoined):
                return None
        return None

    def command(self, name, which):
        common = ("s1", self.now)
        last = self.last(BotAssigned)
        if name == "armed":
            armed = sorted(session.armed(self.state).items())
            timer, due = armed[which % len(armed)] if armed else ("grace", at(1))
            return ReportTimer(*common, timer, due)
        return {
            "wait": lambda: Wait(*common, at(self.seconds + 30)),
            "enter": lambda: Enter(*common),
            "assign": lambda: Assign(*common, f"b{len(self.all(BotAssigned)) + which // 3}"),
            "begin": lambda: Begin(*common),
            "replace": lambda: Replace(
                *common,
                last.bot_id if last and which else "b0",
                "died",
                at(self.seconds - 20 * which),
            ),
            "empty": lambda: ReportEmpty(*common, at(self.seconds + 10)),
            "stale": lambda: ReportTimer(*common, TIMERS[which % 3], at(self.seconds + 7777)),
            "close": lambda: Close(*common),
            "dismiss": lambda: Dismiss(*common),
            "ejected": lambda: ReportEjected(*common, OUT[which % 3]),
            "source_end": lambda: ReportSourceEnd(*common),
            "failure": lambda: ReportFailure(*common, "bot_failing"),
        }[name]()

    def happened(self, name, which):  # noqa: PLR0911 - a table
        """What a bot writes down; nothing where none could."""
        bot, common = self.bot_in_room, {"session_id": "s1", "time": self.now}
        if name == "bot_joins" and self.present_bot and bot is None:
            return BotJoined(**common, bot_id=self.present_bot, participant_id="me")
        if self.present_bot and name == "bot_leaves":
            return BotLeft(**common, bot_id=self.present_bot, reason="stopped")
        if self.present_bot and name == "bot_out":
            cause = (*OUT, "disconnected")[which]
            return BotEjected(**common, bot_id=self.present_bot, cause=cause)
        if bot and name == "comes":
            visitor = f"p{len(self.all(ParticipantJoined))}"
            return ParticipantJoined(**common, participant_id=visitor)
        if bot and name == "goes" and self.people:
            return ParticipantLeft(**common, participant_id=min(self.people))
        if bot and name == "hears_again" and self.gaps:
            return GapClosed(**common, gap_id=min(self.gaps), end=float(self.seconds))
        return None

    def take(self, name, which):
        """One step; returns the command and the facts that followed, or None."""
        self.seconds += 1 + 4 * which
        if name in WORLD:
            event = None if self.over else self.happened(name, which)
            if event is not None:
                self.see(event)
            return None
        command = self.command(name, which)
        self.commands.append(command)
        try:
            facts = session.decide(command, self.state)
        except RejectedError:
            return None
        return command, facts


def lived(steps, check=lambda world, command, facts: None):
    world = World()
    for name, which in steps:
        if (taken := world.take(name, which)) is not None:
            check(world, *taken)
            world.see(*taken[1])
    return world


@given(worlds)
def test_the_same_command_again_adds_nothing(steps):
    def again(world, command, facts):
        settled = session.fold(facts, world.state)
        with suppress(RejectedError):
            assert session.decide(command, settled) == ()

    lived(steps, again)


@given(worlds, st.data())
def test_a_command_that_is_repeated_late_changes_no_number_and_no_end(steps, data):
    world = lived(steps)
    if not world.commands:
        return
    command = data.draw(st.sampled_from(world.commands))
    with suppress(RejectedError):
        world.see(*session.decide(command, world.state))
    consistent(world)


@given(worlds)
def test_a_session_ends_at_most_once_and_nothing_follows(steps):
    def silent(world, command, facts):
        assert not (world.over and facts)

    world = lived(steps, silent)
    assert len(world.all(ENDS)) <= 1
    assert len(world.all(SessionEnding)) <= 1
    if world.over:
        assert world.log[-1] == world.last(ENDS)
        assert session.armed(world.state) == {}


@given(worlds)
def test_a_session_ends_for_the_reason_it_was_ending_for(steps):
    world = lived(steps)
    if world.all(SessionEnding) and world.over:
        assert world.last(ENDS).reason == world.last(SessionEnding).reason


@given(worlds)
def test_one_bot_at_a_time_counted_from_one(steps):
    def alone(world, command, facts):
        if any(isinstance(one, BotAssigned) for one in facts):
            assert world.present_bot is None
            assert not any(isinstance(one, BotEjected) and one.cause in OUT for one in world.log)

    consistent(lived(steps, alone))


def consistent(world):
    numbers = [one.number for one in world.all(BotAssigned)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({one.bot_id for one in world.all(BotAssigned)}) == len(numbers)
    assert len(world.all(ENDS)) <= 1
    assert len(world.all(SessionWaiting)) <= 1
    assert len({one.gap_id for one in world.all(GapOpened)}) == len(world.all(GapOpened))


@given(worlds)
def test_a_meeting_starts_at_most_once_when_the_first_bot_was_in(steps):
    starts = (world := lived(steps)).all(SessionStarted)
    assert [one.time for one in starts] in ([], [one.time for one in world.all(BotJoined)][:1])


@given(worlds)
def test_a_meeting_that_lost_its_bot_has_a_gap_open(steps):
    def deaf(world, command, facts):
        if any(isinstance(one, BotReplaced) for one in facts) and world.all(BotJoined):
            opened = [one for one in facts if isinstance(one, GapOpened)]
            assert len(opened) == (0 if world.gaps else 1)
            assert all(one.start >= 0 for one in opened)
            assert isinstance(facts[-1], BotReplaced)

    world = lived(steps, deaf)
    if not world.over:
        assert set(session.open_gaps(world.state)) == world.gaps


@given(worlds)
def test_an_assistant_leaves_for_emptiness_only_when_nobody_is_there(steps):
    def empty(world, command, facts):
        for one in facts:
            if isinstance(one, RoomEmptied):
                assert world.bot_in_room
                assert not world.people
            if isinstance(command, ReportTimer) and one.reason != "room_expired":
                assert not world.people  # who comes after that comes too late
                assert world.bot_in_room or not world.all(SessionJoining)
                assert one.reason == ("room_empty" if world.all(ParticipantJoined) else "no_show")

    lived(steps, empty)


@given(worlds)
def test_a_timer_that_is_not_the_one_that_runs_means_nothing(steps):
    def stale(world, command, facts):
        if not isinstance(command, ReportTimer) or not facts:
            return
        waiting = world.last(SessionWaiting)
        runs = {
            "room_expiry": at(5000),
            "grace": world.grace,
            "no_show": waiting and waiting.no_show_at,
        }
        assert command.due == runs[command.timer]
        if command.timer == "no_show":
            assert not world.all(ParticipantJoined)

    lived(steps, stale)


@given(worlds)
def test_the_grace_that_runs_is_armed_and_no_other(steps):
    def same(world, command, facts):
        if not world.over:
            running = None if world.all(SessionEnding) else world.grace
            assert session.armed(world.state).get("grace") == running

    lived(steps, same)


@given(worlds)
def test_whoever_has_a_bot_is_asked_to_hand_over_first(steps):
    def orderly(world, command, facts):
        if isinstance(command, Close | Dismiss | ReportTimer) and facts:
            (fact,) = facts
            assert isinstance(fact, SessionEnding if world.present_bot else SessionEnded)

    lived(steps, orderly)


@given(worlds)
def test_the_state_is_the_fold_of_the_log(steps):
    world = lived(steps)
    assert session.fold(world.log) == world.state


@given(worlds, st.data())
def test_what_is_read_again_changes_nothing(steps, data):
    """A grace alone may be given anew; of the others each is once what it is."""
    log = lived(steps).log
    once = [one for one in log if not isinstance(one, RoomEmptied)]
    cut = data.draw(st.integers(0, len(log)))
    again = data.draw(st.lists(st.sampled_from(once), max_size=5))
    state = session.fold(log[:cut])
    seen = [one for one in again if one in log[:cut]]
    assert session.fold(seen, state) == state
    if cut:
        assert session.fold([log[cut - 1]], state) == state
