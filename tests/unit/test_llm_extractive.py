import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import Part
from services.llm import cues, extractive, words
from services.llm.lines import in_meeting_order, numbered
from services.llm.offline import Extractive
from services.llm.ranking import bm25
from services.llm.retrieval import ranked, understood
from services.llm.words import count_tokens, is_backchannel, stem
from tests.support.llm_jobs import PLANNING, asked, part, ref, summary, to_compact

WORDS = (
    "budget",
    "launch",
    "phone",
    "tester",
    "video",
    "piano",
    "the",
    "of",
    "we",
    "yeah",
    "okay",
    "plan",
)
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)
turns = st.lists(st.tuples(st.sampled_from(["Ann", "Bo", None]), sentences), max_size=30)
anything = st.text("aB1 .?!:\n\t'\u2019-[]<語é\u2028", max_size=40)


def answer(query: str, *parts: Part) -> extractive.Draft:
    return extractive.answered(asked(query, *(parts or (part(PLANNING),))))


def ids(draft: extractive.Draft) -> list[str]:
    return [one.segment_id for one in draft.citations]


def test_a_question_brings_the_line_that_answers_it():
    draft = answer("What about the xylophone?")
    assert draft.text == (
        "[00:40] Lee: I think the xylophone tune in the launch video sounds strange."
    )
    assert ids(draft) == ["seg_8"]


def test_a_line_that_asks_comes_with_its_reply():
    assert ids(answer("How many testers are there?"))[:2] == ["seg_3", "seg_4"]


def test_lines_stand_in_the_order_of_the_meeting_and_are_all_cited():
    draft = answer("What is the budget?")
    assert [line[:7] for line in draft.text.split("\n")] == ["[00:00]", "[00:35]", "[00:50]"]
    assert ids(draft) == ["seg_0", "seg_7", "seg_10"]


def test_excerpts_before_the_tail_are_put_in_order():
    early, late = part(PLANNING[:8]), part(PLANNING[8:], first=8)
    assert ids(answer("Who spoke of the budget?", late, early)) == ["seg_0", "seg_7", "seg_10"]


def test_a_mere_name_asks_for_what_its_bearer_said():
    assert ids(answer("What did Lee say?")) == ["seg_8", "seg_13"]


def test_lines_of_a_named_speaker_come_first():
    meeting = part(
        [("Ann", "The plan needs a new budget soon."), ("Bo", "The plan needs a new video.")]
    )
    lines = in_meeting_order(numbered([meeting]))
    best = {
        who: ranked(understood(f"What plan does {who} want?", lines), lines)[0]
        for who in ("Ann", "Bo")
    }
    assert {who: hit.line.speaker for who, hit in best.items()} == {"Ann": "Ann", "Bo": "Bo"}


def test_nothing_that_matches_is_said_and_cites_nothing():
    draft = answer("Who feeds the unicorns?")
    assert (draft.text, draft.citations) == (extractive.NOTHING_FOUND, ())


def test_a_backchannel_answers_nothing():
    assert answer("Yeah?").text == extractive.NOTHING_FOUND


def test_speakers_nobody_knows_are_not_what_is_spoken_of():
    unknown = part([(None, words) for _, words in PLANNING])
    draft = extractive.compacted(to_compact(unknown, target_tokens=60))
    assert "Unknown speaker: We decided to move the launch of the mobile app to June." in draft.text
    assert "Yeah" not in draft.text
    assert answer("Which speaker is unknown?", unknown).text == extractive.NOTHING_FOUND


@pytest.mark.parametrize("query", ["", "?!", "the of and", "\x00\ud800"])
def test_a_question_without_words_gets_an_answer(query):
    assert answer(query).text


def test_an_empty_context_is_no_error():
    assert answer("Why?", part([])).text == extractive.NOTHING_FOUND
    assert extractive.answered(asked("", task="summary")).citations == ()


def test_answers_are_labelled_and_free():
    draft = answer("What about the xylophone?")
    assert (draft.model, draft.usage.input_tokens, draft.usage.cost_usd) == ("extractive", 0, 0.0)


@pytest.mark.parametrize(
    "query",
    [
        "Summarise the meeting.",
        "What was this meeting about?",
        "What did I miss?",
        "Can you recap?",
    ],
)
def test_a_question_about_the_whole_meeting_gets_its_summary(query):
    general = extractive.answered(asked("", part(PLANNING), task="summary"))
    assert answer(query) == general


@pytest.mark.parametrize("query", ["Summarise the budget discussion.", "What about the launch?"])
def test_a_question_about_a_part_does_not(query):
    assert not cues.about_the_whole(query)


def test_a_summary_has_discussion_decisions_and_owned_action_items():
    draft = extractive.answered(asked("", part(PLANNING), task="summary"))
    discussion, decisions, actions = draft.text.split("\n\n")
    assert discussion.startswith("Discussion\n- [00:00] Maria: ")
    assert decisions == (
        "Decisions\n"
        "- [00:30] Maria: We decided to move the launch of the mobile app to June.\n"
        "- [00:45] Maria: Let's go with a piano tune instead."
    )
    assert actions == (
        "Action items\n"
        "- [00:50] Priya: I'll send the new budget to everyone by Friday.\n"
        "- [00:55] Maria: Tom, can you follow up with the testers about the crashes? (for Tom)"
    )
    assert {"seg_6", "seg_9", "seg_10", "seg_11"} <= set(ids(draft))


def test_decisions_and_action_items_can_be_asked_for():
    assert ids(answer("What was decided?")) == ["seg_6", "seg_9"]
    assert ids(answer("What are the action items?")) == ["seg_10", "seg_11"]
    assert ids(answer("What are the outcomes?")) == ["seg_6", "seg_9", "seg_10", "seg_11"]


@pytest.mark.parametrize(
    ("sentence", "decided"),
    [
        ("We decided to wait.", True),
        ("So we\u2019ve agreed on the price.", True),
        ("Okay, let's go with the blue one.", True),
        ("Agreed.", True),
        ("Have we decided to wait?", False),
        ("We haven't decided on a price.", False),
        ("I like the blue one.", False),
    ],
)
def test_decisions_are_told_by_their_phrases(sentence, decided):
    assert cues.decision(sentence) is decided


@pytest.mark.parametrize(
    ("sentence", "taken"),
    [
        ("I'll send the report.", True),
        ("I\u2019ll have the slides ready by Friday.", True),
        ("Bo will send it tomorrow.", True),
        ("Can you book a room?", True),
        ("That is an action item for Ann.", True),
        ("I'll go first.", False),
        ("We met on Friday.", False),
        ("Okay.", False),
    ],
)
def test_action_items_are_told_by_their_phrases(sentence, taken):
    assert bool(cues.action(sentence)) is taken


def test_a_long_turn_is_shown_where_it_matches():
    long = " ".join(f"word{n} filler text goes on." for n in range(60))
    draft = answer("Where is the zebra?", part([("Ann", f"{long} The zebra is here. {long}")]))
    assert "The zebra is here." in draft.text
    assert draft.text.startswith("[00:00] Ann: … ")
    assert len(draft.text.split()) < 70


def test_a_summary_may_answer_with_what_it_rests_on():
    older = summary("They spoke about the zebra.", ref(1), ref(2))
    assert ids(answer("Was there a zebra?", older, part(PLANNING, first=10))) == ["seg_1", "seg_2"]


@given(turns, st.integers(0, 29), st.sampled_from(["xylophone", "Zürich", "q3", "語"]))
def test_the_only_line_with_a_word_of_the_question_ranks_first(said, at, word):
    said += [("Bo", "the launch budget plan"), ("Ann", "the budget plan for the launch")]
    said.insert(min(at, len(said)), ("Ann", f"and the {word} too"))
    lines = in_meeting_order(numbered([part(said)]))
    best = ranked(understood(f"What about the {word} and the launch budget plan?", lines), lines)
    alone = sum(word.casefold() in line.text.casefold() for line in lines)
    assert alone == 1
    assert word in best[0].line.text
    assert best[0].alone


@given(st.lists(st.tuples(st.none() | anything, anything), max_size=8), anything)
def test_no_text_makes_it_fail_and_equal_jobs_get_equal_answers(said, query):
    for task in ("query", "summary"):
        job = asked(query, part(said), task=task)
        draft = extractive.answered(job)
        assert draft.text
        assert draft == extractive.answered(job)
        assert set(draft.citations) <= {one for p in job.context.parts for one in p.segments}


@given(turns)
def test_what_is_cited_is_shown_and_no_backchannel_is(said):
    job = asked("What about the launch of the video budget?", part(said))
    draft = extractive.answered(job)
    shown = draft.text.split("\n") if draft.citations else []
    assert len(shown) == len(draft.citations) <= 8
    assert not any(is_backchannel(line.partition("] ")[2].split(": ")[-1]) for line in shown)


@given(turns, st.integers(1, 120))
def test_a_compaction_keeps_to_its_target_and_is_never_empty(said, target):
    job = to_compact(part(said), target_tokens=target)
    draft = extractive.compacted(job)
    assert count_tokens(draft.text) <= target
    assert bool(draft.text) == bool(said)
    assert bool(draft.citations) == bool(said)


@given(st.lists(st.tuples(st.none() | anything, anything), max_size=8), st.integers(-1, 30))
def test_no_source_makes_a_compaction_fail(said, target):
    extractive.compacted(to_compact(part(said), target_tokens=target))


def test_a_compaction_keeps_decisions_and_quotes_a_segment_a_line():
    draft = extractive.compacted(to_compact(part(PLANNING), target_tokens=70))
    assert "Maria: We decided to move the launch of the mobile app to June." in draft.text
    assert len(draft.text.split("\n")) == len(draft.citations)
    again = extractive.compacted(to_compact(summary(draft.text, *draft.citations), level=2))
    assert set(ids(again)) <= set(ids(draft))
    assert len(again.text.split("\n")) == len(again.citations)


@pytest.mark.parametrize(
    "number", ["twenty five", "3 million", "twelve and a half", "twelve Euro fifty", "1 000 000"]
)
@pytest.mark.parametrize("before", range(45, 51))
def test_what_runs_on_is_not_cut_within_a_number(number, before):
    pieces = words.sentences(" ".join(["budget"] * before + [number] + ["launch"] * 60))
    assert len(pieces) == 3
    assert any(number in piece for piece in pieces)


def test_a_compaction_too_short_for_a_sentence_takes_whole_words_and_numbers():
    said = part([("Ann", "twenty five Z\u00fcrich testers go there")])
    texts = [extractive.compacted(to_compact(said, target_tokens=n)).text for n in (1, 2, 5, 6)]
    assert texts == [
        "testers",
        "twenty five",
        "twenty five Z\u00fcrich",
        "twenty five Z\u00fcrich testers",
    ]


def test_a_compaction_of_nothing_but_backchannels_is_not_empty():
    draft = extractive.compacted(to_compact(part([("Ann", "Yeah."), ("Bo", "Mm-hmm.")])))
    assert (draft.text, ids(draft)) == ("Yeah.", ["seg_0"])


def test_documents_without_a_word_of_the_query_score_nothing():
    assert list(bm25([["a", "b"], [], ["c"]], ["c", "z"]) > 0) == [False, False, True]
    assert list(bm25([], ["a"])) == []
    assert list(bm25([[]], ["a"])) == [0.0]


def test_endings_meet_in_one_stem():
    assert {stem(word) for word in ("price", "prices", "priced", "pricing")} == {"pric"}
    assert {stem(word) for word in ("plan", "plans", "planned", "planning")} == {"plan"}
    assert [stem(word) for word in ("bus", "thing", "red", "q3", "日")] == [
        "bus",
        "thing",
        "red",
        "q3",
        "日",
    ]


async def test_the_assistant_emits_its_answer_in_one_piece():
    pieces = []

    async def emit(offset: int, text: str) -> None:
        pieces.append((offset, text))

    draft = await Extractive().answer(asked("xylophone", part(PLANNING)), emit)
    assert pieces == [(0, draft.text)]
    assert (await Extractive().compact(to_compact(part(PLANNING)))).text
