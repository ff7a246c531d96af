"""Renames and merges: what each segment is shown with, whenever what is learnt."""

from functools import reduce

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import speakers
from contracts.events import (
    ParticipantJoined,
    ParticipantUpdated,
    SegmentHeard,
    SpeakerRenamed,
    SpeakersMerged,
)
from contracts.speakers import Speakers
from services.context import overview
from services.context.state import Room, Summary
from tests.support.facts import at, heard, started

COMMON = {"session_id": "s1", "time": at()}


def said(speaker_id, label):
    return heard(1, speaker_id=speaker_id, speaker=label)


def joined(speaker_id, name):
    return ParticipantJoined(**COMMON, participant_id=speaker_id, name=name)


def updated(speaker_id, name):
    call = {"bot_id": "b", "number": 1}
    return ParticipantUpdated(**COMMON, **call, participant_id=speaker_id, name=name)


def renamed(speaker, name):
    return SpeakerRenamed(**COMMON, change_id="c", speaker=speaker, name=name)


def merged(speaker, into):
    return SpeakersMerged(**COMMON, change_id="c", speaker=speaker, into=into)


def fold(*events, start=None):
    return reduce(speakers.evolve, events, start or Speakers())


def test_a_segment_is_shown_as_it_was_heard():
    state = fold(said("p1", "Ada"), said(None, "Bob"), said("p3", None), started())
    assert speakers.shown(state, "p1", "Ada") == "Ada"
    assert speakers.shown(state, None, "Bob") == "Bob"
    assert speakers.shown(state, "p3", None) is None
    assert speakers.shown(state, None, None) is speakers.key(state, None, None) is None
    assert [speakers.key(state, *who) for who in (("p1", "Ada"), (None, "Bob"))] == ["p1", "Bob"]


def test_a_name_stays_where_it_was_heard_and_the_last_one_is_the_persons():
    state = fold(said("p1", None), updated("p1", "iPhone"), said("p1", "iPhone"), joined("p1", "X"))
    assert speakers.shown(state, "p1", "iPhone") == "iPhone"
    assert speakers.shown(state, "p1", None) == "X"
    named = fold(said("p1", "iPhone"), said("p1", "Ada"), renamed("p1", "Grace"))
    assert {speakers.shown(named, "p1", label) for label in ("iPhone", "Ada", None)} == {"Grace"}


@pytest.mark.parametrize("speaker", ["p1", "Ada"])
def test_a_rename_is_by_id_or_by_the_shown_name(speaker):
    state = fold(said("p1", "Ada"), said("p2", "Bob"), renamed(speaker, "Grace"))
    assert speakers.shown(state, "p1", "Ada") == "Grace"
    assert speakers.shown(state, "p2", "Bob") == "Bob"
    assert speakers.key(state, "p1", "Ada") == "p1"


def test_a_label_without_an_id_can_be_renamed():
    state = fold(said(None, "Speaker 1"), said(None, "Speaker 2"), renamed("Speaker 1", "Ada"))
    assert speakers.shown(state, None, "Speaker 1") == "Ada"
    assert speakers.shown(state, None, "Speaker 2") == "Speaker 2"
    late = fold(renamed("Speaker 1", "Eve"), start=state)
    assert speakers.shown(late, None, "Speaker 1") == "Ada", "nobody is shown by it any more"


def test_a_rename_of_the_renamed_goes_by_the_name_that_is_shown():
    state = fold(said("p1", "Ada"), renamed("Ada", "Grace"), renamed("Grace", "Eve"))
    assert speakers.shown(state, "p1", "Ada") == "Eve"
    state = fold(said("p1", "Ada"), renamed("p1", "Grace"), renamed("Grace", "Eve"))
    assert speakers.shown(state, "p1", "Ada") == "Eve"


def test_a_rename_can_be_taken_back():
    state = fold(said("p1", "Ada"), renamed("Ada", "Grace"), renamed("Grace", "Ada"))
    assert speakers.shown(state, "p1", "Ada") == "Ada"
    later = fold(said("p2", "Grace"), start=state)
    assert speakers.shown(later, "p2", "Grace") == "Grace"


def test_who_returns_under_a_renamed_name_is_renamed_too_but_not_when_an_id_was():
    by_name = fold(said("p1", "Ada"), renamed("Ada", "Grace"), said("p2", "Ada"))
    assert speakers.shown(by_name, "p2", "Ada") == "Grace"
    by_id = fold(said("p1", "Ada"), renamed("p1", "Grace"), said("p2", "Ada"))
    assert speakers.shown(by_id, "p2", "Ada") == "Ada"


def test_names_can_be_changed_before_they_are_known():
    state = fold(renamed("p1", "Grace"), said("p1", None))
    assert speakers.shown(state, "p1", None) == "Grace"
    state = fold(renamed("Ada", "Grace"), said("p1", None), joined("p1", "Ada"))
    assert speakers.shown(state, "p1", None) == "Grace"
    state = fold(merged("p1", "p2"), said("p1", "Ada"), said("p2", None), updated("p2", "Bob"))
    assert speakers.shown(state, "p1", "Ada") == "Bob"


@pytest.mark.parametrize("speaker", ["p1", "Ada"])
@pytest.mark.parametrize("into", ["p2", "Bob"])
def test_a_merge_is_by_id_or_by_the_shown_name(speaker, into):
    state = fold(said("p1", "Ada"), said("p2", "Bob"), said("p3", "Eve"), merged(speaker, into))
    assert speakers.key(state, "p1", "Ada") == speakers.key(state, "p2", "Bob") == "p2"
    assert speakers.shown(state, "p1", "Ada") == "Bob"
    assert speakers.key(state, "p3", "Eve") == "p3"


def test_labels_are_merged_with_ids():
    state = fold(said("p1", "Ada"), said(None, "Speaker 1"), merged("Speaker 1", "Ada"))
    assert speakers.key(state, None, "Speaker 1") == "p1"
    assert speakers.shown(state, None, "Speaker 1") == "Ada"
    state = fold(said("p1", "Ada"), said(None, "Speaker 1"), merged("p1", "Speaker 1"))
    assert speakers.shown(state, "p1", "Ada") == "Speaker 1"


def test_a_merge_outlives_renames_of_both():
    state = fold(
        said("p1", "Ada"), said("p2", "Bob"), renamed("p1", "Grace"), merged("Grace", "p2")
    )
    state = fold(renamed("p1", "Eve"), start=state)
    assert speakers.key(state, "p1", "Ada") == "p2"
    assert speakers.shown(state, "p1", "Ada") == speakers.shown(state, "p2", "Bob") == "Eve"


def test_merges_are_followed_in_either_order():
    for order in ([("p1", "p2"), ("p2", "p3")], [("p2", "p3"), ("p1", "p2")]):
        heard_all = [said("p1", "Ada"), said("p2", "Bob"), said("p3", "Eve")]
        state = fold(*heard_all, *(merged(*pair) for pair in order))
        assert {speakers.key(state, f"p{n}", None) for n in (1, 2, 3)} == {"p3"}
        assert speakers.shown(state, "p1", "Ada") == "Eve"


@pytest.mark.parametrize(("one", "other"), [("p1", "p2"), ("Ada", "Bob")])
def test_a_circle_leaves_the_one_it_was_last_merged_into(one, other):
    state = fold(said("p1", "Ada"), said("p2", "Bob"), merged(one, other), merged(other, one))
    assert speakers.key(state, "p1", "Ada") == speakers.key(state, "p2", "Bob")
    assert speakers.shown(state, "p2", "Bob") == speakers.shown(state, "p1", "Ada") == "Ada"


def test_a_merge_into_itself_is_nothing():
    state = fold(said("p1", "Ada"), merged("p1", "p1"), merged("Ada", "p1"), merged("Ada", "Ada"))
    assert (speakers.key(state, "p1", "Ada"), speakers.shown(state, "p1", "Ada")) == ("p1", "Ada")


def test_who_is_shown_by_another_name_is_not_merged_by_the_one_they_had():
    met = [said("p1", "Ada"), said("p2", "Ada"), said("p3", "Bob"), renamed("p2", "Eve")]
    state = fold(*met, merged("Ada", "Bob"), said("p4", "Ada"))
    keys = [speakers.key(state, f"p{n}", None) for n in (1, 2, 3, 4)]
    assert keys == ["p3", "p2", "p3", "p3"]


def test_most_events_change_nothing():
    state = fold(said("p1", "Ada"), renamed("Ada", "Grace"))
    assert speakers.evolve(state, started()) is state
    assert speakers.evolve(state, said("p1", "Ada")) is state
    assert speakers.evolve(state, said(None, None)) is state
    assert speakers.evolve(state, joined("p1", None)) is state


def retold(state, text):
    return speakers.retelling(state)(text)


def test_a_text_is_retold_with_new_names():
    state = fold(said("p1", "Ada"), said("p2", "Adam"), said(None, "Ada B."))
    assert retold(state, "Ada: hi") == "Ada: hi"
    state = fold(renamed("p1", "Liza"), renamed("Ada B.", "Ben"), start=state)
    assert retold(state, "Ada met Adam, Ada B. and Adas.") == "Liza met Adam, Ben and Adas."
    state = fold(merged("p2", "p1"), start=state)
    assert retold(state, "Ada met Adam.") == "Liza met Liza."


@pytest.mark.parametrize("who", [(None, "Speaker 1"), ("p1", "Speaker 1"), ("p1", None)])
def test_a_text_is_retold_after_each_rename(who):
    own = who[0] or who[1]
    state = fold(said(*who), renamed(own, "Jhon"), renamed("Jhon", "Jon"))
    assert retold(state, "Jhon left.") == "Jon left."
    state = fold(renamed("Jon", "John"), start=state)
    assert retold(state, "Jhon left, Jon came.") == "John left, John came."


def test_a_text_is_retold_by_a_name_the_person_was_heard_with_before():
    state = fold(said("p1", "Bob"), said("p1", "Bob mobile"))
    assert retold(state, "Bob left.") == "Bob left."
    state = fold(renamed("p1", "Robert"), start=state)
    assert retold(state, "Bob left, Bob mobile came.") == "Robert left, Robert came."


def test_a_text_is_retold_by_a_name_from_before_a_merge():
    state = fold(said("p1", "Ada"), said("p2", "Bob"), renamed("p1", "Liza"), merged("p1", "p2"))
    assert retold(state, "Ada, Liza, Bob") == "Bob, Bob, Bob"
    met = [said("p1", "Ada"), renamed("Ada", "Liza"), said("p1", "Ada S."), renamed("p1", "Eve")]
    assert retold(fold(*met), "Ada, Liza, Ada S.") == "Eve, Eve, Eve"


def test_a_name_stays_that_another_was_shown_by_before_they_were_heard_under_a_new_one():
    met = [said("p3", "Bob"), merged("Ada", "Bob"), said("p1", "Ada")]
    state = fold(*met, renamed("p3", "Robert"))
    assert retold(state, "Bob left.") == "Robert left."
    state = fold(*met, said("p1", "Adele"), renamed("p3", "Robert"))
    assert speakers.shown(state, "p1", "Ada") == "Ada"
    assert retold(state, "Bob left.") == "Bob left."


def test_a_name_that_stands_for_two_stays():
    state = fold(said("p1", "Ada"), said("p2", "Ada"), renamed("p1", "Liza"))
    assert retold(state, "Ada left.") == "Ada left."
    state = fold(said("p1", "Ada"), said("p2", "Bob"), renamed("p1", "Eva"), renamed("p1", "Zoe"))
    assert retold(state, "Ada and Eva left.") == "Zoe and Zoe left."
    state = fold(renamed("p2", "Eva"), start=state)
    assert retold(state, "Ada and Eva left.") == "Zoe and Eva left.", "somebody is called Eva"
    state = fold(renamed("p2", "Ben"), start=state)
    assert retold(state, "Eva left.") == "Eva left.", "two were called Eva"


@pytest.mark.parametrize("word", ["A", "I", "Me", "Will", "may", "MARK", "Unknown"])
def test_a_name_that_is_a_word_is_new_only_where_it_starts_a_line(word):
    state = fold(said("p1", word), said("p2", "Bob"), renamed("p1", "Anna"), renamed("p2", "Ben"))
    text = f"{word} decision was made. {word}: no.\n{word}: yes, {word}, Bob.\n{word} hope"
    assert retold(state, text) == (
        f"{word} decision was made. {word}: no.\nAnna: yes, {word}, Ben.\n{word} hope"
    )


def test_many_texts_of_many_speakers_are_retold_with_few_readings(monkeypatch):
    met = [said(f"p{n}", f"Name {n}") for n in range(100)]
    state = fold(*met, *(renamed(f"p{n}", f"New {n}") for n in range(100)))
    readings = []
    shown = speakers.shown
    monkeypatch.setattr(speakers, "shown", lambda *of: readings.append(of) or shown(*of))
    tell = speakers.retelling(state)
    assert [tell(f"Name {n} left.") for n in range(100)] == [f"New {n} left." for n in range(100)]
    assert len(readings) == 100


@pytest.mark.parametrize("show", [overview.finest, overview.gists])
def test_summaries_are_shown_with_one_look_at_the_names(monkeypatch, show):
    known = fold(said("p1", "Ada"), renamed("p1", "Liza"))
    level = tuple(Summary(1, n, n + 1, f"Ada said {n}.") for n in range(20))
    looks = []
    retelling = speakers.retelling
    monkeypatch.setattr(speakers, "retelling", lambda of: looks.append(of) or retelling(of))
    texts = [one.text for one in show(Room(levels=(level,), speakers=known), 1000, len)]
    assert (texts, looks) == ([f"Liza said {n}." for n in range(20)], [known])


def test_former_names_do_not_pile_up():
    state = fold(said("p1", "Ada"), said("p2", "Bob"))
    there_and_back = [renamed("p1", "X"), renamed("p1", "Y"), said("p2", "Eve"), said("p2", "Bob")]
    once = fold(*there_and_back * 2, start=state)
    assert fold(*there_and_back, start=once) == once


IDS = ["p1", "p2", "p3", None]
NAMES = ["Ada", "Bob", "Eve", "Speaker 1"]
people = st.tuples(st.sampled_from(IDS), st.sampled_from([*NAMES, None, ""]))
references = st.sampled_from(["p1", "p2", "p3", *NAMES])
events = st.one_of(
    people.map(lambda who: said(*who)),
    st.tuples(st.sampled_from(IDS[:3]), st.sampled_from([*NAMES, None])).map(lambda w: joined(*w)),
    st.tuples(references, st.sampled_from(NAMES)).map(lambda pair: renamed(*pair)),
    st.tuples(references, references).map(lambda pair: merged(*pair)),
)
histories = st.lists(events, max_size=14)


def everybody(state):
    """Each speaker that was heard, with what they go by and how they are shown."""
    ids = [one for one in IDS if one in state.known]
    labels = [one for one in NAMES if state.known.get(one) == one]
    who = [(one, None) for one in ids] + [(None, one) for one in labels]
    return {one: (speakers.key(state, *one), speakers.shown(state, *one)) for one in who}


@given(histories, st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(NAMES))
def test_a_renamed_person_has_one_name_whatever_they_were_heard_by(history, speaker, name):
    state = fold(said("p1", None), said("p2", None), said("p3", None), *history)
    assume(state.known[speaker] != speaker)
    state = speakers.evolve(state, renamed(speaker, name))
    assert {speakers.shown(state, speaker, label) for label in (*NAMES, None)} == {name}


@given(histories, st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["p1", "p2", "p3"]))
def test_the_merged_are_one(history, one, other):
    met = [said(f"p{n}", None) for n in (1, 2, 3)]
    state = fold(*met, *history, merged(one, other))
    assert speakers.key(state, one, None) == speakers.key(state, other, None)


@given(histories, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_all_who_are_shown_by_merged_names_are_one(history, one, other):
    before = fold(*history)
    meant = [who for who, (_, name) in everybody(before).items() if name in (one, other)]
    state = fold(merged(one, other), start=before)
    assert len({speakers.key(state, *who) for who in meant}) <= 1


@given(histories, references, references)
def test_a_merge_leaves_the_name_it_was_into(history, one, other):
    before = fold(*history)
    state = fold(merged(one, other), start=before)
    names = {name for _, name in everybody(before).values()}
    if other in names and other not in before.known:
        assert other in {name for _, name in everybody(state).values()}


people = st.sampled_from(["p1", "p2", "p3"])


@given(histories, people, people, st.sampled_from(NAMES))
def test_a_change_by_id_that_comes_again_changes_nothing(history, one, other, name):
    """By name it may mean somebody else the second time; `naming` asks for none that is not due."""
    for change in (renamed(one, name), merged(one, other)):
        once = fold(*history, change)
        assert everybody(fold(change, start=once)) == everybody(once)


@given(histories, st.sampled_from(["p1", "p2", "p3"]))
def test_the_renamed_are_shown_by_their_new_name(history, one):
    state = fold(said(one, None), *history, renamed(one, "Zoe"))
    assert speakers.shown(state, one, None) == "Zoe"


@given(histories, st.sampled_from(NAMES))
def test_nobody_is_shown_by_a_name_that_was_changed(history, name):
    state = fold(*history, renamed(name, "Zoe"))
    before = everybody(fold(*history))
    assume(name in {shown for _, shown in before.values()})
    for who, (_, shown) in everybody(state).items():
        assert shown == ("Zoe" if before[who][1] == name else before[who][1])


@given(histories)
def test_what_somebody_goes_by_goes_by_itself(history):
    state = fold(*history)
    for who, _ in everybody(state).values():
        assert speakers.key(state, who, None) == who


@given(histories)
def test_a_text_made_at_any_time_gets_the_names_of_the_lines_or_keeps_its_own(history):
    state, voices, texts = Speakers(), [], []
    for event in history:
        state = speakers.evolve(state, event)
        if isinstance(event, SegmentHeard) and event.speaker:
            voices.append((event.speaker_id, event.speaker))
        texts += [(voice, name) for voice in voices if (name := speakers.shown(state, *voice))]
    for voice, name in texts:
        assert retold(state, name) in (name, speakers.shown(state, *voice))


@given(histories, references)
def test_who_alone_had_a_name_is_retold(history, one):
    state = fold(said("p9", "Jhon"), *history, renamed("p9", "Jon"))
    state = fold(*history, renamed("p9", "John"), start=state)
    assume(speakers.key(state, "p9", None) == "p9")
    assert retold(state, "Jhon, Jon") == "John, John"


@given(histories)
def test_speakers_are_the_same_after_a_restart(history):
    state = fold(*history)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Speakers) == state
