"""Judges of live answers: by words and vectors, which is always at hand, or by a language model."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from rag.embed import Embedder
from rag.errors import RagError
from rag.evaluate import tokens
from rag.generate import Ask, Generator
from rag.passages import Hit
from rag.prompt import Budget, Message, asked_messages, read_support, support_messages
from rag.score import Support
from rag.support import Passage, Statement, WordUnit, word_units

_REPLY_TOKENS = 400
_QUESTION_TOKENS = 64


class WordJudge:
    """Compares words and numbers, and vectors as far as the embedder reads the language."""

    name = "words"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def support(self, question: str, statements: Sequence[str], passages: Sequence[Hit]) -> Support:
        """Whether the passage says the statement, or most of its words and all of its numbers.

        The question does not count: its words would hold up a short wrong answer ("three weeks").
        """
        return await asyncio.to_thread(_supported, statements, passages)

    async def likeness(self, one: str, other: str) -> float:
        """The cosine, and where the embedder can't read the texts the F1 of their words.

        Source: Ragas documentation, "Semantic Similarity"; Rajpurkar et al., SQuAD (2016), 6.1 (F1).
        """
        return await asyncio.to_thread(self._mixed, one, other, word_f1(one, other))

    async def relevancy(self, question: str, answer: str) -> float:
        """The cosine of both, and the share of the question's words that the answer takes up."""
        shared = max(_taken_up(question, answer), word_f1(question, answer))
        return await asyncio.to_thread(self._mixed, question, answer, shared)

    def _mixed(self, one: str, other: str, shared: float) -> float:
        trust = min(self._embedder.readability(one), self._embedder.readability(other))
        first, second = self._embedder.embed([one, other])
        cosine = min(1.0, max(0.0, float(first @ second)))
        return max(cosine, shared) * trust + shared * (1.0 - trust)


class ModelJudge:
    """Has a language model judge; what it does not judge in a usable way is judged by words."""

    def __init__(self, generator: Generator, words: WordJudge) -> None:
        self._generator = generator
        self._words = words

    @property
    def name(self) -> str:
        """The model's name."""
        return self._generator.name

    async def support(self, question: str, statements: Sequence[str], passages: Sequence[Hit]) -> Support:
        """The model's verdicts: for each statement the numbers of the passages that support it."""
        if not statements or not passages:
            return [[False] * len(passages) for _ in statements]

        def ask(budget: Budget) -> Sequence[Message]:
            return support_messages(question, statements, passages, budget)

        reply = await self._reply(ask, _REPLY_TOKENS)
        verdicts = read_support(reply, len(statements), len(passages)) if reply else None
        return verdicts or await self._words.support(question, statements, passages)

    async def likeness(self, one: str, other: str) -> float:
        """By words and vectors: that needs no model."""
        return await self._words.likeness(one, other)

    async def relevancy(self, question: str, answer: str) -> float:
        """How alike the question is to the one that the model thinks was asked.

        Source: Ragas documentation, "Response Relevancy".
        """
        reply = await self._reply(lambda budget: asked_messages(answer, budget), _QUESTION_TOKENS)
        if not reply:
            return await self._words.relevancy(question, answer)
        return await self._words.likeness(question, reply)

    async def _reply(self, ask: Ask, most_tokens: int) -> str | None:
        try:
            return await self._generator.complete(ask, most_tokens)
        except RagError:
            # A busy or missing model must not cost the scores: words judge in its place.
            return None


def word_f1(one: str, other: str) -> float:
    """The harmonic mean of the shares of common words.

    Source: Rajpurkar et al., SQuAD (2016), 6.1.
    """
    first, second = Counter(tokens(one)), Counter(tokens(other))
    common = (first & second).total()
    return 2 * common / (first.total() + second.total()) if common else 0.0


def _supported(statements: Sequence[str], passages: Sequence[Hit]) -> Support:
    prepared = [Passage(hit) for hit in passages]
    made = [Statement(text) for text in statements]
    return [[passage.support(statement) is not None for passage in prepared] for statement in made]


def _taken_up(question: str, answer: str) -> float:
    asked = word_units(question)
    held: set[str] = set().union(*(forms for forms, _ in word_units(answer)))
    total = sum(weight for _, weight in asked)
    return _weight_within(asked, held) / total if total else 0.0


def _weight_within(units: Sequence[WordUnit], held: set[str]) -> float:
    return sum(weight for forms, weight in units if not forms.isdisjoint(held))
