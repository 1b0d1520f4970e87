"""What passages show of a question, and that more of it never makes them less relevant."""

from collections.abc import Mapping
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from rag.evidence import Evidence, Wording, background_of, further_by_gloss, weigh
from rag.lexicon import asked_terms
from rag.passages import Hit
from rag.relevance import BY_WORDS, Rule, odds_of
from rag.relevance import relevance_of as relevance_of_odds

SHARES = st.floats(0, 1)
EVIDENCE = st.builds(
    Evidence,
    coverage=SHARES,
    information=st.floats(0, 20),
    cosine=st.floats(-1, 1),
    distinction=SHARES,
    reached=SHARES,
    known=SHARES,
    readable=st.floats(0, 0.5),
    by_gloss=st.floats(0, 0.5),
    glossed=st.booleans(),
    together=SHARES,
    lead=SHARES,
    named=SHARES,
    background=st.none() | st.floats(-1, 1),
    own=SHARES,
    exact=SHARES,
)
MORE_OF = [
    "coverage",
    "information",
    "cosine",
    "distinction",
    "reached",
    "known",
    "together",
    "lead",
    "named",
    "own",
    "exact",
]
RULES = st.builds(Rule, trust=SHARES, unrelated=st.floats(-0.5, 0.4), matching=st.floats(0.41, 1))
WORDS = st.sampled_from(
    ["river", "castle", "1889", "Whitfield", "iron", "鐵橋", "設計", "谁", "ballena", "the", "\x00"]
)

NUMBERS = count()


def relevance_of(evidence: Evidence, rule: Rule) -> float:
    return relevance_of_odds(odds_of(evidence, rule))


def hit(text: str, title: str = "", cosine: float = 0.0) -> Hit:
    return Hit(1, UUID(int=1), title, None, text, 0, len(text), None, (), 0.0, cosine)


def lying_in(document: int, bm25: float, start: int = 100) -> Hit:
    passage = hit(f"x {next(NUMBERS)}")
    return structs.replace(passage, document_id=UUID(int=document), lexical_score=bm25, start=start)


def wording(question: str, df: Mapping[str, int] | None = None, chunks_count: int = 100) -> Wording:
    asked = {term.term: term for term in asked_terms(question)}
    return Wording(question, asked, dict.fromkeys(asked, 1) if df is None else df, chunks_count)


def coverage(question: str, text: str, df: Mapping[str, int] | None = None) -> float:
    return weigh(wording(question, df), [hit(text)], [1.0], 1.0).coverage


@given(EVIDENCE, RULES, st.sampled_from(MORE_OF), st.floats(0, 5))
def test_more_evidence_never_lowers_relevance(evidence: Evidence, rule: Rule, kind: str, more: float) -> None:
    stronger = structs.replace(evidence, **{kind: getattr(evidence, kind) + more})
    assert relevance_of(stronger, rule) >= relevance_of(evidence, rule)


@given(st.lists(WORDS), st.lists(WORDS), st.lists(WORDS))
def test_a_passage_that_says_more_covers_no_less(asked: list[str], said: list[str], more: list[str]) -> None:
    question = wording(" ".join(asked))
    text = ", ".join(said)
    less, all_of_it = (
        weigh(question, [hit(each)], [1.0], 1.0) for each in (text, f"{text}, {', '.join(more)}")
    )
    assert all_of_it.coverage >= less.coverage - 1e-9
    assert 0.0 <= less.coverage <= all_of_it.coverage <= 1.0 + 1e-9


@given(st.text(), st.lists(st.text(), max_size=3), st.integers(0, 50))
def test_any_text_is_weighed(question: str, texts: list[str], chunks_count: int) -> None:
    found = weigh(wording(question, {}, chunks_count), [hit(each) for each in texts], [], 1.0)
    assert 0.0 <= found.coverage <= 1.0 + 1e-9 and found.information >= 0.0
    assert 0.0 <= found.own <= 1.0 and 0.0 <= found.exact <= 1.0
    assert 0.0 <= relevance_of(found, BY_WORDS) <= 1.0


@pytest.mark.parametrize("question", ["", "What is the of?", "¿Qué es la de los?", "谁的？", "\0\0"])
def test_a_question_of_nothing_telling_is_not_relevant_by_its_words(question: str) -> None:
    found = weigh(wording(question), [hit("What is the of? ¿Qué es la de los? 谁的？")], [9.0, 1.0], 1.0)
    assert found.coverage == found.information == 0.0
    assert relevance_of(found, BY_WORDS) < 0.5


def test_no_passages_are_not_relevant() -> None:
    found = weigh(wording("Who designed the bridge?", {}, 0), [], [], 1.0)
    assert found == Evidence(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    assert relevance_of(found, Rule(1.0, 0.3, 0.6)) < 0.5


def test_rare_words_weigh_more_than_common_ones() -> None:
    df = {"whitfield": 1, "bridg": 60, "bridge": 60}
    assert coverage("Whitfield bridge", "Clara Whitfield", df) > coverage("Whitfield bridge", "a bridge", df)


def test_another_form_of_a_word_is_found() -> None:
    assert coverage(
        "Who was borrowing books?", "The book that she borrowed was on the table."
    ) == pytest.approx(1.0)
    assert coverage("¿Cuántos libros?", "un libro de LIBRÓS") == pytest.approx(1.0)


def test_pairs_over_a_border_between_chinese_words_cost_nothing() -> None:
    """`橋設` stands in the question only because the two words meet there."""
    assert coverage("鐵橋設計", "這座鐵橋由她負責設計。") == pytest.approx(1.0)
    assert coverage("鐵橋設計", "這座鐵橋很長。") == pytest.approx(0.5)
    assert coverage("鐵橋設計", "鐵路木橋建設合計。") == 0.0


def test_words_together_in_one_sentence_tell_more_than_words_apart() -> None:
    question = wording("iron bridge engineer")
    together = weigh(question, [hit("The engineer drew the iron bridge. It rained.")], [1.0], 1.0)
    apart = weigh(question, [hit("The engineer left. Iron rusts. A bridge is here.")], [1.0], 1.0)
    assert together.coverage > 2 * apart.coverage and together.information > 2 * apart.information


def test_a_title_counts_for_every_sentence() -> None:
    question = wording("iron bridge engineer")
    assert weigh(question, [hit("The engineer drew it.", "Iron bridge")], [1.0], 1.0).information == (
        pytest.approx(weigh(question, [hit("The engineer drew the iron bridge.")], [1.0], 1.0).information)
    )


def test_a_passage_stands_out_when_the_others_share_less() -> None:
    background = [2.0] * 30
    flat, steep = (weigh(wording("bridge"), [hit("bridge")], [best, *background], 1.0) for best in (2.1, 9.0))
    assert flat.distinction < 0.1 < 0.7 < steep.distinction < 1.0


def test_a_passage_reaches_more_the_more_of_the_known_terms_weight_it_scores() -> None:
    asked = structs.replace(wording("iron bridge"), full=10.0)
    low, high, over = (weigh(asked, [hit("x")], [best], 1.0).reached for best in (2.0, 8.0, 11.0))
    assert (low, high, over) == (pytest.approx(0.2), pytest.approx(0.8), 1.0)


def test_words_that_no_passage_has_ever_seen_are_not_known() -> None:
    df = {"iron": 3, "bridg": 5, "bridge": 5}
    known = [weigh(wording(each, df), [], [], 1.0).known for each in ("iron bridge", "iron Zyqq", "Zyqq")]
    assert known[0] == pytest.approx(1.0) and 0.0 < known[1] < 0.5 and known[2] == 0.0


def test_hits_of_one_document_stand_together() -> None:
    alone, half, all_of_it = (
        weigh(wording("bridge"), [lying_in(each, 1.0) for each in places], [1.0], 1.0).together
        for places in ((1, 2, 3, 4), (1, 2, 1, 3), (1, 1, 1, 1))
    )
    assert (alone, half, all_of_it) == (0.25, 0.5, 1.0)


def test_documents_of_one_passage_need_not_hold_several_hits() -> None:
    alone, ends = ([lying_in(each, 1.0, start) for each in range(8)] for start in (0, 100))
    assert weigh(wording("bridge"), alone, [1.0], 1.0).together == 0.5
    assert weigh(wording("bridge"), ends, [1.0], 1.0).together == 0.125


def test_a_document_leads_by_how_far_the_words_of_the_next_one_fit_less() -> None:
    hits = [lying_in(1, 8.0), lying_in(1, 7.0), lying_in(2, 2.0)]
    assert weigh(wording("bridge"), hits, [8.0], 1.0).lead == pytest.approx(0.75)
    assert weigh(wording("bridge"), hits[:2], [8.0], 1.0).lead == 0.0


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 50)), max_size=9))
def test_what_documents_show_is_a_share(places: list[tuple[int, float]]) -> None:
    found = weigh(wording("bridge"), [lying_in(*place) for place in places], [], 1.0)
    assert 0.0 <= found.together <= 1.0 and 0.0 <= found.lead <= 1.0


def test_a_document_that_was_added_twice_does_not_stand_against_itself() -> None:
    hits = [lying_in(1, 8.0), lying_in(1, 7.0), lying_in(2, 2.0)]
    twice = [
        copy for each in hits for copy in (each, structs.replace(each, document_id=UUID(int=9), chunk_id=9))
    ]
    once, again = (weigh(wording("bridge"), each, [8.0], 1.0) for each in (hits, twice))
    assert (again.together, again.lead) == (once.together, once.lead)


SIBLINGS = [
    ("Where does the river line 18 end?", "River line 16"),
    ("上海轨道交通18号线有多长？", "上海轨道交通16号线"),
    ("单线天竺鲷的俗名是什么？", "黑边天竺鲷"),
]


@pytest.mark.parametrize(("question", "title"), SIBLINGS)
def test_a_title_that_names_a_sibling_of_what_is_asked_is_not_its_own(question: str, title: str) -> None:
    def own(title: str, text: str = "x") -> float:
        return weigh(wording(question), [hit(text, title)], [1.0], 1.0).own

    assert own(title) < 0.5
    assert own(title, question) == own(question) == own("鐵橋 Whitfield") == own("") == 1.0


@pytest.mark.parametrize(
    ("question", "title", "text"),
    [
        ("iPhone手机有多重？", "iPhone使用手册", "iPhone手机重170克"),
        ("2024年的利润是多少？", "2024利润", "2024年利润为三亿"),
    ],
)
def test_a_word_beside_letters_or_digits_is_held_by_a_text_that_has_it(
    question: str, title: str, text: str
) -> None:
    assert weigh(wording(question), [hit(text, title)], [1.0], 1.0).own == 1.0


@pytest.mark.parametrize("rule", [Rule(1.0, 0.3, 0.6), BY_WORDS])
def test_siblings_and_missing_numbers_make_a_passage_less_relevant(rule: Rule) -> None:
    found = weigh(wording("iron bridge"), [hit("iron bridge", "", 0.7)], [1.0], 1.0)
    for less in (structs.replace(found, own=0.5), structs.replace(found, exact=0.5)):
        assert relevance_of(less, rule) < relevance_of(found, rule)


def test_of_endless_questions_and_titles_only_the_beginnings_are_compared() -> None:
    long = " ".join(f"harbour{number}" for number in range(80))
    compared = weigh(wording(f"{long} 18"), [hit("x", f"{long} 16")], [1.0], 1.0)
    assert compared.own == 1.0


def test_titles_speak_against_an_answer_by_how_many_name_a_sibling() -> None:
    question, title = SIBLINGS[1]
    passages = [hit("x", title), hit("x", "鐵橋"), hit("x", title)]
    one, two = (weigh(wording(question), passages[:each], [1.0], 1.0).own for each in (2, 3))
    assert two < one < 1.0


@pytest.mark.parametrize(
    ("question", "said", "exact"),
    [
        ("Which bridge of 1889 has 3 piers?", "bridge of 1889", 0.5),
        ("Which bridge has piers?", "x", 1.0),
        ("Whitfield鐵橋有多長？", "鐵橋", 0.0),
        ("Whitfield鐵橋有多長？", "鐵橋，Whitfield", 1.0),
        ("鐵橋有多長？", "x", 1.0),
    ],
)
def test_numbers_and_letters_among_characters_are_held_by_one_passage(
    question: str, said: str, exact: float
) -> None:
    assert weigh(wording(question), [hit(said), hit("x")], [1.0], 1.0).exact == exact


def test_a_near_passage_tells_less_where_those_further_down_are_as_near() -> None:
    rule = Rule(1.0, 0.3, 0.6)
    first = [0.7, *(0.65 - place / 100 for place in range(9))]
    found = weigh(wording("iron bridge"), [hit("iron", "", 0.7)], [1.0], 1.0)
    backgrounds = [background_of([*first, None, *further]) for further in ([], [0.5, 0.5, 0.4], [0.1])]
    assert backgrounds[0] is None and backgrounds[1:] == [pytest.approx(0.45), pytest.approx(0.1)]
    among_near, among_far = (structs.replace(found, background=each) for each in backgrounds[1:])
    assert relevance_of(among_near, rule) < relevance_of(among_far, rule)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How long is the Whitfield bridge?", "Whitfield bridge"),
        ("¿Cuánto mide el puente Whitfield?", "Puente de Whitfield"),
        ("鐵橋有多長？", "鐵橋"),
    ],
)
def test_a_title_is_named_in_full_or_for_its_part(question: str, title: str) -> None:
    asked = wording(question)
    in_full, partly, other = (
        weigh(asked, [hit("x", each)], [1.0], 1.0).named for each in (title, f"{title} ZYQ QQX", "ZYQ QQX")
    )
    assert other == 0.0 < partly < in_full / 2 and in_full <= 1.0


def test_to_name_what_every_passage_speaks_of_tells_little() -> None:
    asked = "How long is the bridge?"
    rare, common = (
        weigh(wording(asked, {"bridg": df, "bridge": df}), [hit("x", "Bridge")], [1.0], 1.0).named
        for df in (1, 90)
    )
    assert common < rare / 3


@given(EVIDENCE, RULES)
def test_a_gloss_is_forgiven_words_as_far_as_the_embedder_is_trusted(evidence: Evidence, rule: Rule) -> None:
    plain, glossed = (structs.replace(evidence, glossed=each) for each in (False, True))
    assert relevance_of(glossed, rule) >= relevance_of(plain, rule)
    assert relevance_of(glossed, BY_WORDS) == relevance_of(plain, BY_WORDS)


def test_a_gloss_makes_up_for_a_text_that_is_not_read_and_adds_nothing_to_one_that_is() -> None:
    assert further_by_gloss(0.0, 1.0) == 0.5 and further_by_gloss(0.2, 1.0) == pytest.approx(0.3)
    assert further_by_gloss(0.6, 1.0) == further_by_gloss(0.0, 0.0) == 0.0


def test_the_vector_of_a_gloss_tells_where_the_text_is_not_read() -> None:
    unread = Evidence(0.5, 1.0, 0.7, 0.5, 0.5, 1.0, readable=0.0)
    near, far = (structs.replace(unread, by_gloss=0.5, cosine=cosine) for cosine in (0.7, 0.2))
    assert odds_of(near, Rule(1.0, 0.3, 0.6)) > odds_of(far, Rule(1.0, 0.3, 0.6)) + 1.0


def test_names_across_languages_tell_when_they_are_rare_enough() -> None:
    """None of the Chinese words is in an English scope; the name alone has to do."""
    passages = [hit("Separated employees retain access to the Employee Express for three years.")]
    df = {"employee": 3, "express": 2}
    asked = wording("离职员工可以继续访问 Employee Express 多少年？", df, 1000)
    common = wording("离职员工可以继续访问 Employee Express 多少年？", dict.fromkeys(df, 500), 1000)
    assert weigh(asked, passages, [1.0], 0.0).coverage > 0.6
    assert weigh(common, passages, [1.0], 0.0).coverage < 0.2


def test_without_trust_the_cosine_says_nothing_and_with_it_much() -> None:
    near, far = (Evidence(0.5, 1.0, cosine, 0.5, 0.5, 1.0, 1.0) for cosine in (0.7, 0.2))
    assert relevance_of(near, BY_WORDS) == relevance_of(far, BY_WORDS)
    rule = Rule(1.0, 0.3, 0.6)
    assert relevance_of(near, rule) > 0.5 > relevance_of(far, rule)
    unread = [structs.replace(each, readable=0.0) for each in (near, far)]
    assert relevance_of(unread[0], rule) == relevance_of(unread[1], rule)
