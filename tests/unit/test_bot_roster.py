"""Who is in the call: callbacks in, people and facts out."""

from itertools import chain

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contracts import codec
from contracts.events import (
    ActiveSpeakerChanged,
    ParticipantCountsChanged,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
)
from services.ingest.bot import roster
from services.ingest.bot.people import Person
from services.ingest.bot.steps import Joined
from tests.support.call import CHARGE, OWN, callback, join_data, participant
from tests.support.facts import at


def run(*inputs, known=(), bots=()):
    """The last roster and all facts; inputs without a time of their own come at their place."""
    state = roster.initial({person.participant_id: person for person in known}, bots)
    facts = []
    for place, taken in enumerate(inputs):
        state, outcome = roster.step(state, taken, CHARGE, at(place))
        assert not outcome.captions
        assert not outcome.effects
        facts.extend(outcome.facts)
    return state, facts


def kinds(facts):
    return [(type(fact).__name__, getattr(fact, "participant_id", None)) for fact in facts]


def joined(person):
    return callback("on_participant_joined", person)


def updated(person):
    return callback("on_participant_updated", person)


def left(person, reason="leftCall"):
    return callback("on_participant_left", person, reason)


def test_who_is_in_join_data_and_in_an_earlier_event_joined_once():
    ada = participant("p1", "Ada", isOwner=True, userId="u1")
    state, facts = run(joined(ada), Joined(join_data(ada)), joined(ada))
    assert facts == [
        ParticipantJoined(
            session_id="s1",
            time=at(1),
            participant_id="p1",
            name="Ada",
            user_id="u1",
            owner=True,
            joined_at=at(0),
        )
    ]
    assert state.own_id == OWN


def test_nothing_is_told_before_the_bot_has_joined():
    ada = participant("p1", "Ada")
    counts = callback("on_participant_counts_updated", {"present": 1, "hidden": 0})
    assert run(joined(ada), updated(ada), counts, left(ada))[1] == []


def test_who_came_and_went_before_the_join_is_told_as_such():
    ada = participant("p1", "Ada")
    for data in (join_data(), join_data(ada)):
        state, facts = run(joined(ada), left(ada), Joined(data))
        assert kinds(facts) == [("ParticipantJoined", "p1"), ("ParticipantLeft", "p1")]
        assert state.people == {}


def test_the_log_s_people_are_not_told_again_and_leave_when_nobody_sees_them():
    known = [Person(participant_id=one, name=one.upper()) for one in ("p1", "p2", "p3", "p4")]
    state, facts = run(
        joined(participant("p2")),
        left(participant("p3"), "leftCall"),
        Joined(join_data(participant("p1", "P1"))),
        known=known,
    )
    assert [(fact.participant_id, fact.reason) for fact in facts] == [
        ("p4", "away"),
        ("p3", "leftCall"),
    ]
    assert set(state.people) == {"p1", "p2"}


def test_what_changed_since_the_log_is_an_update():
    _, facts = run(
        Joined(join_data(participant("p1", "Ada L."))),
        known=[Person(participant_id="p1", name="Ada")],
    )
    (fact,) = facts
    assert isinstance(fact, ParticipantUpdated)
    assert fact.name == "Ada L."
    assert (fact.bot_id, fact.number) == ("b1", 0)


def test_an_update_is_told_only_when_something_we_keep_changed():
    ada = participant("p1", "Ada") | {
        "media": {"microphone": {"state": "playable"}, "customAudio": {"desk": {"state": "off"}}}
    }
    ada["info"]["permissions"] = {"canAdmin": ["transcription", "participants"]}
    other_reason = ada | {"media": {**ada["media"], "microphone": {"state": "playable", "x": 1}}}
    muted = ada | {"media": {**ada["media"], "microphone": {"state": "off"}}}
    _, facts = run(Joined(join_data()), joined(ada), updated(other_reason), updated(muted))
    assert kinds(facts) == [("ParticipantJoined", "p1"), ("ParticipantUpdated", "p1")]
    assert facts[1].media == {"microphone": "off", "desk": "off"}
    assert facts[1].can_admin == ("participants", "transcription")


def test_an_update_of_somebody_unknown_is_their_join():
    _, facts = run(Joined(join_data()), updated(participant("p1")), joined(participant("p1")))
    assert kinds(facts) == [("ParticipantJoined", "p1")]
    assert facts[0].name is None


def test_what_an_update_does_not_say_stays_known():
    _, facts = run(
        Joined(join_data()), joined(participant("p1", "Ada")), updated({"id": "p1", "info": 7})
    )
    assert kinds(facts) == [("ParticipantJoined", "p1")]


def test_who_left_stays_away_and_is_still_known_by_name():
    ada = participant("p1", "Ada")
    state, facts = run(
        Joined(join_data()), joined(ada), left(ada), left(ada), updated(ada), joined(ada)
    )
    assert kinds(facts) == [("ParticipantJoined", "p1"), ("ParticipantLeft", "p1")]
    assert roster.speaker_name(state, "p1") == "Ada"
    assert roster.speaker_name(state, "p2") is None
    assert roster.speaker_name(state, None) is None


def test_names_of_those_who_left_are_kept_for_the_last_ones_only():
    people = [participant(f"p{number}", f"N{number}") for number in range(roster.REMEMBERED + 1)]
    inputs = [step for person in people for step in (joined(person), left(person))]
    state, _ = run(Joined(join_data()), *inputs)
    assert len(state.gone) == roster.REMEMBERED
    assert roster.speaker_name(state, "p0") is None
    assert roster.speaker_name(state, "p1") == "N1"


def test_the_bot_and_the_bots_before_it_are_nobody():
    own = participant(OWN, "Earshot")
    local = participant("p9", "Earshot", isLocal=True)
    ghost = participant("bot-before", "Earshot")
    inputs = [Joined(join_data(ghost))]
    inputs += [step(one) for one in (own, local, ghost) for step in (joined, updated, left)]
    inputs += [callback("on_active_speaker_changed", one) for one in (own, local, ghost)]
    before = [step(one) for one in (own, local, ghost) for step in (joined, updated)]
    assert run(*before, *inputs, bots=["bot-before"])[1] == []


def test_counts_and_the_active_speaker_are_told_when_they_change():
    counts = {"present": 2, "hidden": 0, "action": "counts"}
    ada = participant("p1", "Ada")
    _, facts = run(
        Joined(join_data(ada)),
        *[callback("on_participant_counts_updated", counts)] * 2,
        callback("on_participant_counts_updated", {"present": 3}),
        callback("on_participant_counts_updated", {"hidden": 3}),
        *[callback("on_active_speaker_changed", ada)] * 2,
    )
    assert [type(fact) for fact in facts[1:]] == [
        ParticipantCountsChanged,
        ParticipantCountsChanged,
        ActiveSpeakerChanged,
    ]
    assert (facts[2].present, facts[2].hidden) == (3, 0)


def test_names_are_one_short_clean_line():
    _, facts = run(
        Joined(join_data()), joined(participant("p1", "A\x00da\n\u202e\ud800" + "x" * 300))
    )
    assert facts[0].name == "Ada " + "x" * 196


def test_joined_at_is_seconds_digits_or_a_date():
    for told, read in (
        (1_767_603_600, at(0)),
        ("1767603600", at(0)),
        ("2026-01-05T10:00:00+01:00", at(0)),
        ("2026-01-05T09:00:00", at(0)),
        ("soon", None),
        (float("nan"), None),
        (1e300, None),
        (True, None),
        ("0001-01-01T00:00:00+23:00", None),
    ):
        _, facts = run(Joined(join_data()), joined(participant("p1", joinedAt=told)))
        assert facts[0].joined_at == read, told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab\x00\ud800é", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "info",
                    "media",
                    "userName",
                    "permissions",
                    "canAdmin",
                    "microphone",
                    "present",
                ]
            )
            | st.sampled_from(
                ["state", "customAudio", "participants", "local", "hidden", "joinedAt"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
names = st.sampled_from(sorted(roster._READERS))


@given(st.lists(st.tuples(names, st.lists(json_values, max_size=2)), max_size=6), json_values)
def test_any_payload_is_read_and_what_is_told_can_be_stored(calls, data):
    inputs = [callback(name, *args) for name, args in calls]
    state, facts = run(*inputs, Joined(data), *inputs)
    for fact in facts:
        assert codec.events.decode(codec.encode(fact)) == fact
    assert state.joined


class History(msgspec.Struct):
    """What came in, and what is true: who is there and as whom, whom the log knew, who left."""

    inputs: list[object]
    here: dict[str, str | None]
    logged: set[str]
    left: set[str]
    seen: set[str]


@st.composite
def histories(draw):
    """Visits with renames; a join data taken somewhere, its completion a little before or after."""
    people = [f"p{number}" for number in range(draw(st.integers(1, 4)))]
    logged = {one for one in people if draw(st.booleans())}
    early = logged | {one for one in people if draw(st.booleans())}
    vanished = {one for one in logged if draw(st.booleans())}
    here = {one: None for one in people if one in early - vanished}
    scripts = {
        one: ["joined"] * (one not in early)
        + draw(st.lists(st.sampled_from(["Ada", "Ben"]), max_size=2))
        + ["left"] * draw(st.booleans())
        for one in people
        if one not in vanished
    }
    events, snapshots = [], [dict(here)]
    for one in draw(st.permutations([one for one, script in scripts.items() for _ in script])):
        what = scripts[one].pop(0)
        if what == "left":
            events.append(left(participant(one, here.pop(one))))
        else:
            here[one] = None if what == "joined" else what
            events.append((joined if what == "joined" else updated)(participant(one, here[one])))
        snapshots.append(dict(here))
    taken = draw(st.integers(0, len(events)))
    told = draw(st.integers(max(0, taken - 3), min(len(events), taken + 3)))
    data = join_data(*(participant(one, name) for one, name in snapshots[taken].items()))
    repeats = [draw(st.integers(1, 2)) for _ in events]
    played = [[event] * times for event, times in zip(events, repeats, strict=True)]
    inputs = [*chain(*played[:told]), Joined(data), *chain(*played[told:])]
    gone = {event.args[0]["id"] for event in events if event.name == "on_participant_left"}
    met = {event.args[0]["id"] for event in events if event.name != "on_participant_left"}
    return History(inputs, here, logged, gone | vanished, met | set(snapshots[taken]) | logged)


@given(histories())
def test_everybody_joins_once_and_leaves_once(history):
    known = [Person(participant_id=one) for one in history.logged]
    state, facts = run(*history.inputs, known=known)
    for one in history.seen:
        visits = [type(fact) for fact in facts if fact.participant_id == one]
        visits = [kind for kind in visits if kind is not ParticipantUpdated]
        came = [] if one in history.logged else [ParticipantJoined]
        assert visits == came + [ParticipantLeft] * (one in history.left)
    assert {one: person.name for one, person in state.people.items()} == history.here
    assert {fact.participant_id for fact in facts} <= history.seen
    assert run(*history.inputs, known=known) == (state, facts)


@given(histories())
def test_the_last_fact_about_somebody_says_what_they_are_called(history):
    _, facts = run(*history.inputs)
    told = {
        fact.participant_id: fact.name for fact in facts if not isinstance(fact, ParticipantLeft)
    }
    assert told | history.here == told
