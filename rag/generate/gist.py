"""Sentences that tell what texts are about, when no question says what to look for."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from rag.generate.units import Unit, units_of
from rag.lexicon import asked_terms, is_unspaced
from rag.passages import Hit

_MOST_SENTENCES = 3  # of one text; of several two, or one each
_MOST_TEXTS = 8
_SAID = (
    0.5  # the weight of a word that was said before; squared, as in the source, it is nothing in a short text
)
_FEWEST_CHARS, _MOST_CHARS = 24, 400  # a Chinese character counts for three
_CHARS_OF_A_CHARACTER = 3


def gist(hits: Sequence[Hit]) -> list[Unit]:
    """Of each text its first sentence and those with most of the words that it repeats, in reading order.

    Source: Nenkova and Vanderwende, The Impact of Frequency on Summarization (2005), SumBasic.
    """
    by_document: dict[UUID, list[Unit]] = {}
    for place, hit in enumerate(hits):
        by_document.setdefault(hit.document_id, []).extend(units_of(hit, place))
    texts = list(by_document.values())[:_MOST_TEXTS]
    most = max(1, _MOST_SENTENCES + 1 - len(texts))
    return [unit for units in texts for unit in _told(units, most)]


def _told(units: Sequence[Unit], most: int) -> list[Unit]:
    sentences = [unit for unit in units if _is_sentence(unit)] or list(units)
    if not sentences:
        return []
    words = {id(unit): _words(unit) for unit in sentences}
    counts = Counter(word for held in words.values() for word in held)
    weights = {word: count - 1.0 for word, count in counts.items()}
    chosen, rest = sentences[:1], sentences[1:]
    while rest and len(chosen) < most:
        for word in words[id(chosen[-1])]:
            weights[word] *= _SAID
        best = max(rest, key=lambda unit: _mean([weights[word] for word in words[id(unit)]]))
        rest = [unit for unit in rest if unit.shown != best.shown and not unit.overlaps(best)]
        chosen.append(best)
    return sorted(chosen, key=lambda unit: unit.document_start)


def _is_sentence(unit: Unit) -> bool:
    """Whether it says something, and all of it: neither a row nor a title nor the rest of a sentence."""
    unspaced = sum(map(is_unspaced, unit.shown))
    chars = len(unit.shown) + (_CHARS_OF_A_CHARACTER - 1) * unspaced
    ends = unit.shown[-1:] in ".!?。！？…"
    whole = ends and not unit.shown[:1].islower()
    return not unit.is_row and whole and _FEWEST_CHARS <= chars <= _MOST_CHARS


def _words(unit: Unit) -> frozenset[str]:
    """Its telling words."""
    return frozenset(term.term for term in asked_terms(unit.shown) if term.telling)


def _mean(weights: Sequence[float]) -> float:
    return sum(weights) / max(1, len(weights))
