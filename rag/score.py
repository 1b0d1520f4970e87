"""Scores of a live answer: from 0 to 1, how far it keeps to its sources, to the question and to a reference.

Every score is made of three judgements, so that words or a model can make them: which passages support which
statements, how alike two texts are, and how far an answer speaks to its question.
"""

import re
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from rag.lexicon import sentences
from rag.passages import Hit

_MARK = re.compile(r"\s?\[\d{1,3}\]")
_MOST_STATEMENTS = 40  # of one text; what follows in a very long one is not judged
_FACTS, _LIKENESS = 0.75, 0.25

Support = list[list[bool]]  # statements x passages


class Answered(Struct, frozen=True):
    """An answer with what it was made from, best passage first; `reference` is what should have been said."""

    question: str
    answer: str
    passages: tuple[Hit, ...]
    reference: str | None = None
    refused: bool = False


class Scores(Struct, frozen=True):
    """A value from 0 to 1 each; None where what it needs is missing."""

    faithfulness: float | None = None
    answer_relevancy: float | None = None
    context_precision: float | None = None
    context_recall: float | None = None
    answer_correctness: float | None = None
    answer_similarity: float | None = None


class Judge(Protocol):
    """Makes the judgements that scores are made of; blocking work is done in a thread."""

    @property
    def name(self) -> str:
        """What the scores are said to come from."""

    async def support(self, question: str, statements: Sequence[str], passages: Sequence[Hit]) -> Support:
        """For each statement, whether each passage supports it.

        Shape: (statements, passages).
        """

    async def likeness(self, one: str, other: str) -> float:
        """From 0 (nothing in common) to 1 (the same)."""

    async def relevancy(self, question: str, answer: str) -> float:
        """From 0 to 1, how far the answer speaks to the question, right or wrong."""


async def score(judge: Judge, answered: Answered) -> Scores:
    """The scores that can be had: those against a reference need one, those of passages need some.

    Source: Es et al., RAGAS: Automated Evaluation of Retrieval Augmented Generation (2023), and the Ragas
    documentation, "Available Metrics".
    """
    answer = _MARK.sub("", answered.answer).strip()
    said = [] if answered.refused else statements_of(answer)
    grounds = await judge.support(answered.question, said, answered.passages)
    if answered.reference is None:
        return Scores(
            faithfulness=_faithfulness(grounds, answered),
            answer_relevancy=await _relevancy(judge, answered, answer),
            context_precision=_precision(grounds, answered),
        )
    expected = statements_of(answered.reference)
    wanted = await judge.support(answered.question, expected, answered.passages)
    likeness = 0.0 if answered.refused else await judge.likeness(answer, answered.reference)
    facts = await _facts(judge, answered, said, expected)
    return Scores(
        faithfulness=_faithfulness(grounds, answered),
        answer_relevancy=await _relevancy(judge, answered, answer),
        context_precision=_precision(wanted, answered),
        context_recall=_share([any(row) for row in wanted]) if expected else None,
        answer_correctness=_FACTS * facts + _LIKENESS * likeness if expected else None,
        answer_similarity=likeness if expected else None,
    )


def statements_of(text: str) -> list[str]:
    """The sentences, list items and table rows of a text that hold a word."""
    found = (text[start:end] for start, end in sentences(text))
    return [each for each in found if any(character.isalnum() for character in each)][:_MOST_STATEMENTS]


def average_precision(relevant: Sequence[bool]) -> float:
    """The mean, over the relevant places, of the share of relevant ones up to there; 0 without any.

    Source: Ragas documentation, "Context Precision" (precision@k weighted by relevance).
    """
    precisions = [
        sum(relevant[:place]) / place for place, is_relevant in enumerate(relevant, start=1) if is_relevant
    ]
    return sum(precisions) / len(precisions) if precisions else 0.0


def _faithfulness(grounds: Support, answered: Answered) -> float | None:
    """The share of the answer's statements that some passage supports; None for an answer that makes none.

    Source: Ragas documentation, "Faithfulness".
    """
    return _share([any(row) for row in grounds]) if grounds and answered.passages else None


async def _relevancy(judge: Judge, answered: Answered, answer: str) -> float:
    """How far the answer speaks to the question; a refusal does not.

    Source: Ragas documentation, "Response Relevancy" (non-committal answers give 0).
    """
    return 0.0 if answered.refused or not answer else await judge.relevancy(answered.question, answer)


def _precision(support: Support, answered: Answered) -> float | None:
    """Whether the useful passages stand first; useful is what supports a statement.

    The statements are those of the reference if there is one, else the answer's.
    Source: Ragas documentation, "Context Precision".
    """
    if not support or not answered.passages:
        return None
    return average_precision([any(column) for column in zip(*support, strict=True)])


async def _facts(judge: Judge, answered: Answered, said: Sequence[str], expected: Sequence[str]) -> float:
    """The F1 of statements: said and expected, said but not expected, expected but not said.

    A sentence that says all of a short reference ("240 hours") says what is expected.
    Source: Ragas documentation, "Factual Correctness".
    """
    if not said or not expected:
        return 0.0
    forth = await judge.support(answered.question, said, [_passage(each) for each in expected])
    back = await judge.support(answered.question, expected, [_passage(each) for each in said])
    right = [any(row) or any(each[place] for each in back) for place, row in enumerate(forth)]
    precision, recall = _share(right), _share([any(row) for row in back])
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _passage(text: str) -> Hit:
    return Hit(0, UUID(int=0), "", None, text, 0, len(text), None, (), 0.0)


def _share(verdicts: Sequence[bool]) -> float:
    return sum(verdicts) / len(verdicts) if verdicts else 0.0
