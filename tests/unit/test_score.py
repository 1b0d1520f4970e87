"""Scores of live answers: what they are made of, and that order, rank and faith to the source matter."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from rag.embed import load_embedder
from rag.errors import ModelBusy
from rag.judge import ModelJudge, WordJudge, word_f1
from rag.passages import Hit
from rag.prompt import Budget, asked_messages, read_support, support_messages
from rag.score import Answered, Judge, Scores, average_precision, score
from rag.testing import HashEmbedder, ScriptedGenerator

QUESTION = "How many hours of annual leave can be carried over to the next year?"
LEAVE = "You can carry over a maximum of 240 annual leave hours. Leave above that is lost in January."
BADGES = "The agency processes new badges every Wednesday. Bring two forms of identification."
WHALES = "Blue whales migrate to polar waters in summer, where they feed on krill for four months."
COPIED = "You can carry over a maximum of 240 annual leave hours [1]."
CHINESE = ("一年可以結轉多少小時的年假？", "最多可以結轉二百四十小時的年假。", "鯨魚在夏天遊到極地水域覓食。")


def hit(text: str) -> Hit:
    return Hit(1, UUID(int=1), "Handbook", None, text, 0, len(text), None, (), 1.0)


def scored(answered: Answered, judge: Judge | None = None) -> Scores:
    return asyncio.run(score(judge or WordJudge(HashEmbedder()), answered))


def answered(answer: str, *passages: str, reference: str | None = None) -> Answered:
    return Answered(QUESTION, answer, tuple(hit(text) for text in passages), reference)


def some(value: float | None) -> float:
    assert value is not None
    return value


def test_a_copied_answer_is_faithful_and_relevant() -> None:
    scores = scored(answered(COPIED, LEAVE, BADGES))
    assert (scores.faithfulness, scores.context_precision) == (1.0, 1.0)
    assert some(scores.answer_relevancy) > 0.5


def test_an_answer_from_elsewhere_is_neither() -> None:
    own, foreign = scored(answered(COPIED, LEAVE, BADGES)), scored(answered(WHALES, LEAVE, BADGES))
    assert (foreign.faithfulness, foreign.context_precision) == (0.0, 0.0)
    assert some(foreign.answer_relevancy) < some(own.answer_relevancy) / 2


def test_a_changed_number_is_not_faithful() -> None:
    assert scored(answered(COPIED.replace("240", "360"), LEAVE)).faithfulness == 0.0


def test_faithfulness_is_the_share_of_statements_that_hold() -> None:
    assert scored(answered(f"{COPIED} {WHALES}", LEAVE, BADGES)).faithfulness == 0.5


def test_precision_falls_with_the_rank_of_the_useful_passage() -> None:
    ranks = [
        some(scored(answered(COPIED, *passages)).context_precision)
        for passages in [(LEAVE, BADGES, WHALES), (BADGES, LEAVE, WHALES), (BADGES, WHALES, LEAVE)]
    ]
    assert ranks == [1.0, 1 / 2, 1 / 3]


def test_recall_is_the_share_of_the_reference_that_was_retrieved() -> None:
    reference = "You can carry over 240 annual leave hours. New badges are processed every Wednesday."
    assert scored(answered(COPIED, LEAVE, reference=reference)).context_recall == 0.5
    assert scored(answered(COPIED, LEAVE, BADGES, reference=reference)).context_recall == 1.0


def test_the_reference_itself_is_correct_and_the_same() -> None:
    scores = scored(
        answered(COPIED, LEAVE, reference="You can carry over a maximum of 240 annual leave hours.")
    )
    assert scores.answer_correctness == pytest.approx(1.0)
    assert scores.answer_similarity == pytest.approx(1.0)


def test_a_sentence_that_says_the_short_reference_is_correct() -> None:
    right = scored(answered(COPIED, LEAVE, reference="240 hours"))
    wrong = scored(answered(COPIED.replace("240", "360"), LEAVE, reference="240 hours"))
    assert some(right.answer_correctness) > 0.75 > 0.25 > some(wrong.answer_correctness)


def test_the_words_of_the_question_do_not_hold_up_a_short_wrong_answer() -> None:
    assert scored(answered("Three weeks.", LEAVE)).faithfulness == 0.0
    assert scored(answered("240 hours.", LEAVE)).faithfulness == 1.0
    assert some(scored(answered(COPIED, LEAVE, reference="three weeks")).answer_correctness) < 0.25


def test_half_of_what_was_expected_is_half_as_correct() -> None:
    reference = "You can carry over 240 annual leave hours. New badges are processed every Wednesday."
    whole = scored(answered(f"{LEAVE} {BADGES}", LEAVE, reference=reference))
    half = scored(answered(COPIED, LEAVE, reference=reference))
    assert some(half.answer_correctness) < some(whole.answer_correctness)


def test_a_refusal_is_not_relevant_and_not_unfaithful() -> None:
    refusal = Answered(QUESTION, "I could not find that.", (hit(BADGES),), "240 hours", refused=True)
    scores = scored(refusal)
    assert (scores.answer_relevancy, scores.faithfulness) == (0.0, None)
    assert (scores.answer_correctness, scores.context_recall) == (0.0, 0.0)


def test_without_passages_or_reference_their_scores_are_missing() -> None:
    scores = scored(answered(COPIED))
    assert (scores.faithfulness, scores.context_precision, scores.context_recall) == (None, None, None)
    assert (scores.answer_correctness, scores.answer_similarity) == (None, None)


@pytest.mark.parametrize(
    ("question", "own", "foreign"),
    [(QUESTION, LEAVE, WHALES), CHINESE, ("¿Cuántas horas de vacaciones se pueden acumular?",
      "Se pueden acumular 240 horas de vacaciones.", "Las ballenas comen kril en verano.")],
    ids=["en", "zh", "es"],
)  # fmt: skip
def test_the_bundled_embedder_tells_own_from_foreign_in_every_language(
    question: str, own: str, foreign: str
) -> None:
    judge = WordJudge(load_embedder())

    def relevancy(answer: str) -> float:
        return some(scored(Answered(question, answer, (hit(own),), own), judge).answer_relevancy)

    def similarity(answer: str) -> float:
        return some(scored(Answered(question, answer, (hit(own),), own), judge).answer_similarity)

    assert relevancy(own) > 2 * relevancy(foreign)
    assert similarity(own) > 0.99 > 0.4 > similarity(foreign)


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.text(max_size=200), max_size=3))
def test_any_texts_give_scores_between_zero_and_one(answer: str, reference: str, passages: list[str]) -> None:
    found = asdict(scored(answered(answer, *passages, reference=reference)))
    assert all(value is None or 0.0 <= value <= 1.0 for value in found.values())


@given(st.lists(st.booleans(), max_size=12))
def test_moving_a_useful_passage_up_never_lowers_average_precision(relevant: list[bool]) -> None:
    for place in range(1, len(relevant)):
        if relevant[place] and not relevant[place - 1]:
            moved = [*relevant[: place - 1], True, False, *relevant[place + 1 :]]
            assert average_precision(moved) > average_precision(relevant)


def test_the_share_of_common_words_is_symmetric() -> None:
    assert word_f1("two cups of flour", "flour, two cups") == word_f1("flour, two cups", "two cups of flour")
    assert word_f1("two cups", "two cups") == 1.0
    assert word_f1("two cups", "") == 0.0


def test_a_model_s_verdicts_decide() -> None:
    model = ScriptedGenerator()
    model.replies = ["1: 2", "How much annual leave can be carried over?"]
    scores = scored(answered(COPIED, LEAVE, BADGES), ModelJudge(model, WordJudge(HashEmbedder())))
    assert (scores.faithfulness, scores.context_precision) == (1.0, 0.5)
    asked = model.completed[0][-1].content
    assert "240 annual leave hours." in asked and "[2] Handbook" in asked and "[1]." not in asked


@pytest.mark.parametrize("reply", ["", "I think so.", "1: 7\n2: none", "2: 1"])
def test_a_reply_without_a_verdict_for_each_statement_leaves_it_to_words(reply: str) -> None:
    model = ScriptedGenerator()
    model.replies = [reply, ""]
    answer = answered(COPIED, LEAVE, BADGES)
    unusable = read_support(reply, 1, 2) is None
    scores = scored(answer, ModelJudge(model, WordJudge(HashEmbedder())))
    assert scores.faithfulness == (1.0 if unusable else 0.0)


def test_a_busy_model_leaves_it_to_words() -> None:
    class Busy(ScriptedGenerator):
        async def complete(self, ask: object, most_tokens: int) -> str | None:
            raise ModelBusy("busy")

    judge = ModelJudge(Busy(), WordJudge(HashEmbedder()))
    assert scored(answered(COPIED, LEAVE), judge) == scored(answered(COPIED, LEAVE))


def test_verdicts_are_read_as_models_write_them() -> None:
    assert read_support("1: 1, 3\n2: none\n3. 2", 3, 3) == [
        [True, False, True], [False, False, False], [False, True, False]
    ]  # fmt: skip


def test_the_judge_s_prompts_fit_the_budget() -> None:
    budget = Budget(160, lambda text: len(text.split()))
    hits = [hit(LEAVE) for _ in range(9)]
    assert budget.cost(support_messages(QUESTION, [COPIED], hits, budget)) <= 160
    assert budget.cost(asked_messages("word " * 1000, budget)) <= 160
