"""Deterministic stand-ins for the embedder and the generator, for tests of what uses the engine."""

import asyncio
import hashlib
import math
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.generate import Ask, Piece
from rag.passages import Hit, Question
from rag.prompt import Budget, Message

Script = Callable[[Question, str, tuple[Hit, ...]], Iterable[str]]
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]"
)


class HashEmbedder:
    """An `rag.embed.Embedder` without a model: a text is the hashed set of its folded words.

    Texts that share words are near, texts that share none are about orthogonal. A token is a word, a Chinese,
    Japanese or Korean character, or a punctuation mark.
    """

    def __init__(self, dimensions: int = 32, max_tokens: int = 128) -> None:
        self.name = f"hash-{dimensions}"
        self.dimensions = dimensions
        self.max_tokens = max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text."""
        return [sum(1 for _ in _TOKEN.finditer(text)) for text in texts]

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the text lies, `[start, end)` in characters."""
        return [match.span() for match in _TOKEN.finditer(text)]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text; only its first `max_tokens` tokens count.

        Shape: (n, dimensions).
        """
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            self._fill(vector, text)
        return vectors

    def readability(self, text: str) -> float:
        """1 for a text with a word in it, else 0: this embedder reads every language alike."""
        return 1.0 if any(character.isalnum() for character in text) else 0.0

    def gloss_readability(self, text: str) -> None:
        """None: every text is embedded as it stands."""

    @property
    def plain(self) -> "HashEmbedder":
        """Itself."""
        return self

    def _fill(self, vector: NDArray[np.float32], text: str) -> None:
        words = {_folded(match.group()) for match in list(_TOKEN.finditer(text))[: self.max_tokens]}
        for word in sorted(words):
            if word[:1].isalnum():
                digest = hashlib.shake_128(word.encode()).digest(self.dimensions)
                direction = np.frombuffer(digest, dtype=np.uint8).astype(np.float32) - 127.5
                vector += direction * min(len(word), 8)  # short words carry little meaning
        length = math.sqrt(float(vector @ vector))
        if length == 0.0:
            vector[0] = length = 1.0
        vector /= length


class ScriptedGenerator:
    """A `rag.generate.Generator` that says what it was told to.

    `script` is the pieces, or a function of (question, stand-alone question, hits) that makes them. Before
    piece `i` it waits for `gates[i]`, so that a test decides when the answer goes on; `started` is set when
    an answer begins. After the last piece it raises `error` if there is one. `questions`,
    `standalone_questions`, `hits` and `completed` keep what it was asked; `cancelled` counts answers closed
    too early; `replies` is what it completes prompts with.
    """

    def __init__(
        self,
        script: Sequence[str] | Script = ("An answer [1].",),
        name: str = "scripted",
        *,
        gates: Mapping[int, asyncio.Event] | None = None,
        condensed: str | None = None,
        error: Exception | None = None,
    ) -> None:
        self.name = name
        self.started = asyncio.Event()
        self.questions: list[Question] = []
        self.standalone_questions: list[str] = []
        self.hits: list[tuple[Hit, ...]] = []
        self.completed: list[Sequence[Message]] = []
        self.cancelled = 0
        self.closed = False
        self._script = script
        self._gates = dict(gates or {})
        self._condensed = condensed
        self.replies: list[str] = []
        self._error = error

    async def complete(self, ask: Ask, most_tokens: int) -> str | None:
        """The next of `replies`, or None when they are used up."""
        self.completed.append(ask(Budget(4096, lambda text: len(text.split()))))
        return self.replies.pop(0) if self.replies else None

    async def condense(self, question: Question) -> str | None:
        """The stand-alone question the test gave, or None."""
        return self._condensed

    async def generate(
        self, question: Question, standalone_question: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        """The scripted pieces, then an empty one with the counts."""
        self.questions.append(question)
        self.standalone_questions.append(standalone_question)
        self.hits.append(hits)
        self.started.set()
        finished = False
        try:
            async for piece in self._pieces(question, standalone_question, hits):
                yield piece
            finished = True
        finally:
            self.cancelled += not finished

    async def close(self) -> None:
        """Remembers that it was closed."""
        self.closed = True

    async def _pieces(
        self, question: Question, standalone: str, hits: tuple[Hit, ...]
    ) -> AsyncIterator[Piece]:
        script = self._script(question, standalone, hits) if callable(self._script) else self._script
        words = 0
        for place, text in enumerate(script):
            if gate := self._gates.get(place):
                await gate.wait()
            words += len(text.split())
            yield Piece(text)
        if self._error is not None:
            raise self._error
        yield Piece("", prompt_tokens=len(standalone.split()), answer_tokens=words, finish_reason="stop")


def _folded(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
