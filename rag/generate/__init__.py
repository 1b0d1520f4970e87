"""Generators: hits and a question -> answer text with marks, piece by piece."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from rag.passages import Hit, Question
from rag.prompt import Budget, Message

# Writes a prompt that fits; it may run on the model's thread, as it counts tokens.
Ask = Callable[[Budget], Sequence[Message]]


class Piece(Struct, frozen=True):
    """A piece of raw answer text, its marks `[n]` unverified (n = place in `hits`, from 1).

    The last piece may have empty text and carries the counts and the reason.
    """

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    finish_reason: str | None = None


class Generator(Protocol):
    """Writes an answer from numbered sources."""

    @property
    def name(self) -> str:
        """The model's name, shown to clients."""

    async def complete(self, ask: Ask, most_tokens: int) -> str | None:
        """The model's reply, the same each time; None when this generator has no model.

        Raises: ModelBusy when the queue is full, ModelUnavailable when the model fails.
        """

    async def condense(self, question: Question) -> str | None:
        """The stand-alone form of a follow-up question, or None when this generator has no model for it."""

    def generate(
        self, question: Question, standalone_question: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        """The answer's pieces.

        Raises: ModelBusy when the queue is full, ModelUnavailable when the model fails.
        """

    async def close(self) -> None:
        """Frees the model."""
