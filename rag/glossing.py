"""Embedders of English that read Spanish and Chinese too: what the glossary makes of them, word for word."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.calibrate import sample_passages
from rag.embed import Embedder, load_embedder
from rag.evidence import trust_in_reading
from rag.glossary import gloss_of_text

_ENGLISH, _GLOSSED = "en", {"es": "spanish", "zh": "chinese"}  # languages as the sample passages name them


class GlossingEmbedder:
    """An `Embedder` that reads texts of the named languages in English, and all others as they are.

    Tokens are counted in the text as it stands, because chunks are cut in it.
    """

    def __init__(self, embedder: Embedder, languages: frozenset[str]) -> None:
        self.plain = embedder
        self._languages = languages
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self.max_tokens = embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each text, without special tokens and without a limit."""
        return self.plain.count_tokens(texts)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the text lies, `[start, end)` in characters."""
        return self.plain.token_offsets(text)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of unit length per text, or per gloss of it.

        Shape: (n, dimensions).
        """
        return self.plain.embed([self._gloss(text) or text for text in texts])

    def readability(self, text: str) -> float:
        """From 0 to 1, how well the model's vocabulary reads the text as it stands."""
        return self.plain.readability(text)

    def gloss_readability(self, text: str) -> float | None:
        """The same of the gloss, where words without a translation are not read; None without one."""
        glossed = self._gloss(text)
        return None if glossed is None else self.plain.readability(glossed)

    def _gloss(self, text: str) -> str | None:
        found = gloss_of_text(text, self._languages)
        return found.text if found else None


def load_glossing_embedder(model: str = "") -> Embedder:
    """The embedder of a model folder or hub id; it glosses languages that it reads less well than English.

    Raises: ModelUnavailable.
    """
    embedder = load_embedder(model)
    languages = languages_to_gloss(embedder)
    return GlossingEmbedder(embedder, languages) if languages else embedder


def languages_to_gloss(embedder: Embedder) -> frozenset[str]:
    """The languages with a glossary that the embedder's vocabulary does not read, if it reads English."""
    if not _reads(embedder, _ENGLISH):
        return frozenset()
    return frozenset(name for code, name in _GLOSSED.items() if not _reads(embedder, code))


def _reads(embedder: Embedder, language: str) -> bool:
    passages = sample_passages(language)
    return trust_in_reading(sum(map(embedder.readability, passages)) / len(passages)) >= 1.0
