"""Two candidates that come out close: what a look at their best sentences adds to each.

Chinese ones are told apart by their words in English, where synonyms meet, others by how near the sentences
are. Pure but for the vectors: callers use a thread.
"""

from collections.abc import Sequence

from rag.doubt import SentenceCosines, sentence_of
from rag.glossary import Gloss, gloss, gloss_of_text
from rag.lexicon import asked_terms, sentences, terms
from rag.passages import Hit
from rag.rank import AskedWords, Weights, nearness

_TOLD_BY_GLOSS = frozenset({"chinese"})  # Spanish gained nothing
_GLOSS_WEIGHT = 0.3  # of the words' half. README, "Close candidates"


def added_by_look(
    hits: Sequence[Hit], question: str, words: AskedWords, weights: Weights, cosines: SentenceCosines
) -> list[float]:
    """What the best sentence of each hit adds to its score.

    Nothing where the embedder can't read the question, nor to copies: they say the same.
    """
    if found := gloss_of_text(question, _TOLD_BY_GLOSS):
        glossed = GlossedWords(found)
        shares = [glossed.best_sentence(hit.headings, hit.text) for hit in hits]
        return [(1.0 - weights.dense) * _GLOSS_WEIGHT * share for share in shares]
    if not weights.dense:
        return [0.0] * len(hits)
    best = [sentence_of(hit, words.best_worded(hit.headings, hit.text)) for hit in hits]
    if len({sentence.text for sentence in best}) < len(best):
        return [0.0] * len(hits)
    return [weights.dense * nearness(cosine, weights.unrelated) for cosine in cosines.of(best)]


class GlossedWords:
    """The words of a glossed question, each with the terms of its first meaning."""

    def __init__(self, question: Gloss) -> None:
        meanings = [asked_terms(word.meanings[0]) for word in question.words if word.meanings]
        telling = [frozenset(term.term for term in meaning if term.telling) for meaning in meanings]
        self._words = [word for word in telling if word]

    def best_sentence(self, headings: str, text: str) -> float:
        """From 0 to 1, the share of the words that the gloss of a sentence and of the headings hold."""
        if not self._words:
            return 0.0
        around = _glossed_terms(headings)
        held = (around | _glossed_terms(text[start:end]) for start, end in sentences(text))
        return max((self._count(each) for each in held), default=0) / len(self._words)

    def _count(self, held: set[str]) -> int:
        return sum(not word.isdisjoint(held) for word in self._words)


def _glossed_terms(text: str) -> set[str]:
    found = gloss(text)
    return set(terms(found.text if found else text, "english"))
