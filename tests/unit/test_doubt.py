"""A closer look at single sentences where the first leaves doubt."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from rag.doubt import Comparison, Sentence, SentenceCosines, compare, telling_sentences
from rag.evidence import Evidence, Wording
from rag.lexicon import asked_terms
from rag.passages import Hit
from rag.relevance import BY_WORDS, Rule, in_doubt, odds_after_look, odds_of
from rag.testing import HashEmbedder

SHARES = st.floats(0, 1)
EVIDENCE = st.builds(
    Evidence,
    coverage=SHARES,
    information=st.floats(0, 20),
    cosine=st.floats(-1, 1),
    distinction=SHARES,
    reached=SHARES,
    known=SHARES,
    readable=SHARES,
)
RULES = st.builds(Rule, trust=SHARES, unrelated=st.floats(-0.5, 0.4), matching=st.floats(0.41, 1))
COMPARED = st.builds(Comparison, cosine=st.floats(-1, 1), named=SHARES, agrees=st.booleans())
READ = Rule(trust=1.0, unrelated=0.3, matching=0.6)


class RecordingEmbedder(HashEmbedder):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


def wording(question: str) -> Wording:
    asked = {term.term: term for term in asked_terms(question)}
    return Wording(question, asked, dict.fromkeys(asked, 1), 100)


def hit(text: str, title: str = "") -> Hit:
    return Hit(1, UUID(int=1), title, None, text, 0, len(text), None, ("Works",), 0.0)


def final_odds(evidence: Evidence, compared: Comparison, rule: Rule) -> float:
    odds = odds_of(evidence, rule)
    return odds_after_look(odds, compared, evidence, rule) if in_doubt(odds, evidence, rule) else odds


def said(texts: Sequence[str]) -> list[Sentence]:
    return [Sentence("Bridge", "", text) for text in texts]


@given(EVIDENCE, COMPARED, RULES, st.sampled_from(["coverage", "information", "cosine"]), st.floats(0, 5))
def test_better_first_evidence_never_ends_up_worse(
    evidence: Evidence, compared: Comparison, rule: Rule, kind: str, more: float
) -> None:
    stronger = structs.replace(evidence, **{kind: getattr(evidence, kind) + more})
    assert final_odds(stronger, compared, rule) >= final_odds(evidence, compared, rule) - 1e-9


@given(EVIDENCE, COMPARED, RULES, SHARES, SHARES)
def test_a_sentence_that_shows_more_never_lowers_the_odds(
    evidence: Evidence, compared: Comparison, rule: Rule, nearer: float, more: float
) -> None:
    better = Comparison(compared.cosine + nearer, compared.named + more, True)
    assert final_odds(evidence, better, rule) >= final_odds(evidence, compared, rule) - 1e-9


@given(st.floats(-4, 6), EVIDENCE, COMPARED, RULES)
def test_a_closer_look_does_not_leave_the_bounds_of_doubt(
    odds: float, evidence: Evidence, compared: Comparison, rule: Rule
) -> None:
    assert -4.0 <= odds_after_look(odds, compared, evidence, rule) <= 6.0


@given(EVIDENCE, RULES)
def test_what_is_clear_or_not_read_is_not_looked_at_again(evidence: Evidence, rule: Rule) -> None:
    assert not in_doubt(6.0, evidence, rule) and not in_doubt(-4.0, evidence, rule)
    assert not in_doubt(0.0, structs.replace(evidence, readable=0.0), rule)
    assert not in_doubt(0.0, evidence, BY_WORDS)
    read = structs.replace(evidence, readable=1.0)
    assert in_doubt(0.0, read, READ) and not in_doubt(0.0, structs.replace(read, glossed=True), READ)


def test_the_sentence_that_says_most_of_the_question_is_looked_at() -> None:
    hits = [hit("It rained. Whitfield drew the iron bridge. It stands.", "Bridge"), hit(""), hit("No end")]
    found = telling_sentences(wording("Who drew the iron bridge?"), hits)
    assert [each.text for each in found] == ["Whitfield drew the iron bridge.", "", "No end"]
    assert found[0].read_as == "Bridge: Whitfield drew the iron bridge." and found[0].headings == "Works"


@given(st.text(), st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_is_compared(question: str, texts: list[str]) -> None:
    sentences = telling_sentences(wording(question), [hit(each) for each in texts])
    assert len(sentences) == min(3, len(texts))
    assert all(each.text in text for each, text in zip(sentences, texts, strict=False))
    assert 0.0 <= compare(question, sentences, [0.5] * len(sentences)).named <= 1.0


@given(st.lists(st.lists(st.sampled_from(["It is red.", "Whitfield drew it.", "", "It is 红."]))))
def test_each_sentence_is_embedded_once_and_compared_as_often_as_it_is_looked_at(
    looks: list[list[str]],
) -> None:
    embedder = RecordingEmbedder()
    question = HashEmbedder().embed(["Who drew the red bridge?"])[0]
    cosines = SentenceCosines(embedder, question)
    for texts in looks:
        alone = [float(HashEmbedder().embed([each.read_as])[0] @ question) for each in said(texts)]
        assert cosines.of(said(texts)) == pytest.approx(alone)
    assert sorted(embedder.texts) == sorted({f"Bridge: {text}" for texts in looks for text in texts})


def test_the_nearest_sentence_is_the_one_compared() -> None:
    texts = ["Whitfield drew it in 1889.", "It is red."]
    assert compare("When did Whitfield draw it?", said(texts), [0.9, 0.1]).named == 1.0
    assert compare("When did Whitfield draw it?", said(texts), [0.1, 0.9]) == Comparison(0.9, 0.0, True)


@pytest.mark.parametrize(
    ("question", "text", "share"),
    [
        ("Did Whitfield draw it in 1889?", "Whitfield drew it.", 0.5),
        ("Did Whitfield draw it in 1889?", "WHITFIELD: 1889.", 1.0),
        ("Who drew the Bridge?", "She did.", 1.0),  # the title says it
        ("Who drew it?", "She did.", 1.0),
        ("¿Quién es Álvaro?", "Alvaro dibujó.", 1.0),
        ("谁在1889年設計？", "1890年", 0.0),
    ],
)
def test_names_and_numbers_of_the_question_are_looked_for(question: str, text: str, share: float) -> None:
    assert compare(question, said([text]), [0.5]).named == pytest.approx(share)


@pytest.mark.parametrize(
    ("question", "text", "agrees"),
    [
        ("What did she not draw?", "She drew the bridge.", False),
        ("What didn\u2019t she draw?", "She never drew the tower.", True),
        ("What did she draw?", "She never drew the tower.", True),
        ("What is a notice?", "A sheet.", True),
    ],
)
def test_a_denial_that_no_sentence_makes_is_no_agreement(question: str, text: str, agrees: bool) -> None:
    assert compare(question, said([text]), [0.5]).agrees is agrees
