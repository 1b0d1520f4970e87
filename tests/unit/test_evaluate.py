"""Figures of merit against worked examples."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluate import contains, contains_any, mean, ndcg_at, overlaps, recall_at, reciprocal_rank, tokens


def test_a_perfect_ranking_has_an_ndcg_of_one() -> None:
    assert ndcg_at(10, ["a", "b", "c"], {"a": 2, "b": 1}) == 1.0


def test_ndcg_discounts_by_the_logarithm_of_the_place() -> None:
    dcg = 1 / math.log2(2) + 1 / math.log2(4)
    ideal = 1 / math.log2(2) + 1 / math.log2(3)
    assert ndcg_at(10, ["a", "x", "b"], {"a": 1, "b": 1}) == pytest.approx(dcg / ideal)


def test_what_stands_after_k_does_not_count() -> None:
    ranking = [f"x{number}" for number in range(10)] + ["a"]
    assert ndcg_at(10, ranking, {"a": 1}) == 0.0
    assert recall_at(10, ranking, {"a": 1}) == 0.0
    assert reciprocal_rank(10, [name == "a" for name in ranking]) == 0.0


def test_recall_is_over_all_that_is_relevant() -> None:
    assert recall_at(100, ["a", "x"], {"a": 1, "b": 1, "c": 0}) == 0.5


def test_the_first_hit_alone_makes_the_reciprocal_rank() -> None:
    assert reciprocal_rank(10, [False, True, True]) == 0.5


def test_nothing_relevant_makes_zero_not_an_error() -> None:
    assert (ndcg_at(10, ["a"], {}), recall_at(10, ["a"], {"a": 0}), mean([])) == (0.0, 0.0, 0.0)


@given(
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)),
)
def test_figures_lie_between_nothing_and_all(ranking: list[str], judged: dict[str, int]) -> None:
    assert 0.0 <= ndcg_at(10, ranking, judged) <= 1.0 + 1e-9
    assert 0.0 <= recall_at(100, ranking, judged) <= 1.0


@pytest.mark.parametrize(
    ("span", "gold", "expected"),
    [
        ((0, 10), (0, 100), True),
        ((95, 105), (0, 100), True),
        ((96, 106), (0, 100), False),
        ((0, 1000), (400, 500), True),
        ((0, 100), (100, 200), False),
        ((5, 5), (0, 10), False),
    ],
)
def test_half_of_the_shorter_span_must_be_shared(
    span: tuple[int, int], gold: tuple[int, int], expected: bool
) -> None:
    assert overlaps(span, gold) is overlaps(gold, span) is expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The LIMIT is 240 Hours.", "240 hours"),
        ("Sales were 6,082 million", "6082"),
        ("Sales were 6'082 million", "6,082"),
        ("ＧＳＡ每周３天", "GSA 每周3天"),
        ("可以访问3年。", "3"),
        ("El límite es de 13 días", "13 DÍAS"),
        ("It costs $5.50 a day", "5.50"),
    ],
)
def test_case_width_and_separators_make_no_difference(text: str, answer: str) -> None:
    assert contains(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("13 days", "3"), ("The manager", "man"), ("el papa", "el papá"), ("anything", ""), ("5.5 days", "5")],
)
def test_parts_of_words_and_other_accents_do_not_count(text: str, answer: str) -> None:
    assert not contains(text, answer)


def test_one_accepted_answer_is_enough() -> None:
    assert contains_any("four hours", ["4 hours", "four hours"])
    assert not contains_any("five hours", ["4 hours", "four hours"])


@given(st.text())
def test_every_text_with_tokens_contains_itself(text: str) -> None:
    assert contains(text, text) is bool(tokens(text))
