"""Matches to scores, and what a sentence holds of a question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.apart import GlossedWords
from rag.glossary import gloss
from rag.lexicon import asked_terms, language_of, sentences
from rag.rank import AskedWords, Match, scores, told_apart, too_close, weights_for

ENGLISH_SCATTERED = (
    "The harbour was built in stone. Ships come from the north. "
    "A lighthouse stands on the hill. The keeper retired."
)
ENGLISH_TOGETHER = (
    "The keeper of the lighthouse lives in the harbour. Stone is brought from the north by ships."
)
SPANISH_SCATTERED = "El puerto es de piedra. Los barcos vienen del norte. El farero se jubiló hace años."
SPANISH_TOGETHER = "El farero vive en el puerto. La piedra viene del norte en barcos hace años."
CHINESE_SCATTERED = "港口用石頭建成。船隻來自北方。燈塔在山上。守護人退休了。"
CHINESE_TOGETHER = "燈塔的守護人住在港口。石頭由船隻從北方運來。"


def words(question: str) -> AskedWords:
    asked = {term.term: term for term in asked_terms(question)}
    return AskedWords(asked, {name: term.weight for name, term in asked.items()}, language_of(question))


@pytest.mark.parametrize(
    ("question", "together", "scattered"),
    [
        ("Where does the lighthouse keeper of the harbour live?", ENGLISH_TOGETHER, ENGLISH_SCATTERED),
        ("¿Dónde vive el farero del puerto?", SPANISH_TOGETHER, SPANISH_SCATTERED),
        ("燈塔的守護人住在哪個港口？", CHINESE_TOGETHER, CHINESE_SCATTERED),
    ],
)
def test_words_in_one_sentence_hold_more_than_the_same_words_scattered(
    question: str, together: str, scattered: str
) -> None:
    asked = words(question)
    assert asked.best_sentence("", together) > asked.best_sentence("", scattered) > 0.0


def test_headings_count_with_every_sentence() -> None:
    asked = words("How long is the lending period of books?")
    bare = asked.best_sentence("", "The period is four weeks.")
    headed = asked.best_sentence("Library\nLending books", "The period is four weeks.")
    assert headed > bare > 0.0


def test_another_form_of_a_word_counts_in_each_language() -> None:
    assert words("Who built the bridges?").best_sentence("", "A bridge is built here.") > 0.5
    assert words("¿Quién construyó los puentes?").best_sentence("", "El puente es de piedra.") > 0.0


def test_a_word_of_the_same_root_counts_where_the_stems_differ() -> None:
    asked = words("Who described the lighthouse?")
    assert asked.best_sentence("", "A description of the lighthouse is kept.") > asked.best_sentence(
        "", "A drawing of the lighthouse is kept."
    )


def test_nothing_asked_and_nothing_written_hold_nothing() -> None:
    assert words("").best_sentence("Title", "Some text.") == 0.0
    assert words("lighthouse").best_sentence("", "") == 0.0
    assert words("lighthouse").best_sentence("Lighthouse", "") == 0.0


@given(question=st.text(max_size=80), headings=st.text(max_size=40), text=st.text(max_size=300))
def test_a_share_is_a_share_and_the_question_holds_all_of_itself(
    question: str, headings: str, text: str
) -> None:
    asked = words(question)
    assert 0.0 <= asked.best_sentence(headings, text) <= 1.0
    assert asked.best_sentence(headings, text) >= asked.best_sentence("", text)


SENTENCES = st.lists(st.sampled_from(f"{ENGLISH_SCATTERED} {ENGLISH_TOGETHER}".split(". ")), max_size=8)


@given(said=SENTENCES, headings=st.sampled_from(["", "Lighthouse", "The harbour"]))
def test_no_sentence_holds_more_than_the_best_worded_one(said: list[str], headings: str) -> None:
    asked, text = words("Who is the keeper of the lighthouse in the harbour?"), ". ".join(said)
    found = [text[start:end] for start, end in sentences(text)]
    best = asked.best_worded(headings, text)
    assert best in (found or [text])
    shares = [asked.best_sentence(headings, sentence) for sentence in found]
    assert asked.best_sentence(headings, best) == max(shares, default=0.0)


def test_the_first_of_equal_sentences_is_the_best_worded_one() -> None:
    text = "It rains. A keeper lives there. A keeper sleeps there."
    where = words("Where does the keeper live?")
    assert where.best_worded("Lighthouse", text) == "A keeper lives there."
    assert words("Which keeper?").best_worded("Lighthouse", text) == "A keeper lives there."


matches = st.builds(
    Match,
    cosine=st.none() | st.floats(-1.0, 1.0),
    bm25=st.floats(0.0, 1e6),
    sentence=st.floats(0.0, 1.0),
)


@given(candidates=st.lists(matches, max_size=20), readable=st.floats(0.0, 1.0))
def test_better_evidence_never_scores_lower(candidates: list[Match], readable: float) -> None:
    weights = weights_for(readable, unrelated=0.1)
    found = scores(candidates, weights)
    assert len(found) == len(candidates)
    for one, score in zip(candidates, found, strict=True):
        for other, theirs in zip(candidates, found, strict=True):
            at_least = (one.cosine or 0.0) >= (other.cosine or 0.0)
            worded = one.bm25 >= other.bm25 and one.sentence >= other.sentence
            if at_least and worded:
                assert score >= theirs


@given(cosines=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=10))
def test_an_embedder_that_cannot_read_the_question_has_no_say(cosines: list[float]) -> None:
    found = scores([Match(cosine, 3.0, 0.5) for cosine in cosines], weights_for(0.0, unrelated=0.1))
    assert len(set(found)) == 1


def test_words_that_fit_no_candidate_leave_the_order_to_the_vectors() -> None:
    near, far = scores([Match(0.8, 0.0), Match(0.2, 0.0)], weights_for(1.0, unrelated=0.1))
    assert near > far


def glossed(question: str) -> GlossedWords:
    found = gloss(question)
    assert found is not None
    return GlossedWords(found)


def test_synonyms_of_one_language_meet_in_their_glosses() -> None:
    question = "教師住在哪裡？"
    synonym, other = "老師住在港口。", "律師住在港口。"
    assert words(question).best_sentence("", synonym) == words(question).best_sentence("", other)
    assert glossed(question).best_sentence("", synonym) > glossed(question).best_sentence("", other)


def test_headings_and_english_text_count_in_glosses() -> None:
    asked = glossed("醫生住在哪裡？")
    assert asked.best_sentence("醫生", "船在港口。") > asked.best_sentence("", "船在港口。")
    assert asked.best_sentence("", "The doctor sails.") > asked.best_sentence("", "The captain sails.")


@given(text=st.text(alphabet="醫生大夫住在港口船長。 a.", max_size=60), headings=st.text(max_size=20))
def test_a_share_of_glosses_is_a_share(text: str, headings: str) -> None:
    asked = glossed("醫生住在哪裡？")
    assert 0.0 <= asked.best_sentence("", text) <= asked.best_sentence(headings, text) <= 1.0


def test_only_two_close_best_scores_are_looked_at_again() -> None:
    assert too_close([0.1, 0.70, 0.71, 0.70]) == [2, 1]
    assert too_close([0.1, 0.5, 0.71]) == []
    assert too_close([0.7]) == too_close([]) == []


@given(
    scored=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=12),
    added=st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)
def test_a_look_at_close_candidates_puts_one_first_and_changes_no_score(
    scored: list[float], added: tuple[float, float]
) -> None:
    before = [*scored, max(scored)]
    close = too_close(before)
    found = told_apart(before, close, added)
    assert sorted(found) == pytest.approx(sorted(before))
    assert all(found[place] == before[place] for place in range(len(found)) if place not in close)
    assert found[close[0]] != found[close[1]]


def test_the_better_of_close_candidates_comes_first_and_a_deleted_one_changes_nothing() -> None:
    assert told_apart([0.5, 0.71, 0.70], [1, 2], [0.1, 0.3]) == [0.5, 0.70, 0.71]
    assert told_apart([0.5, 0.71, 0.70], [1, 2], [0.3, 0.3]) == [0.5, 0.71, 0.70]
    assert told_apart([0.5, 0.71, 0.70], [1, 2], [0.1]) == [0.5, 0.71, 0.70]
