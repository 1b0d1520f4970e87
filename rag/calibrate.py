"""An embedder's rule of abstention, from what it makes of a few questions whose passages are known."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.evidence import trust_in_reading
from rag.relevance import BY_WORDS, Rule

_PAIRS = Path(__file__).with_name(
    "calibration.json"
)  # written for this: by language, a question and its passage
_LEAST_READ = 6.0  # questions; an embedder that reads fewer of them can't be judged
_CHANCE, _SURE = (
    0.6,
    0.95,
)  # how often the right passage is nearer: below the first no trust, above the second all


def calibrate(embedder: Embedder) -> Rule:
    """What this embedder's cosines are worth: how near questions are to their passage and to the best other.

    Blocking: embeds some seventy short texts. The same embedder gives the same rule.
    """
    plain = embedder.plain
    matching, unrelated, read = _compared(plain, lambda text: trust_in_reading(plain.readability(text)))
    if read.sum() < _LEAST_READ:
        return BY_WORDS
    told = float(np.average(_share_below(unrelated, read, matching), weights=read))
    trust = min(1.0, max(0.0, (told - _CHANCE) / (_SURE - _CHANCE)))
    near, far = float(np.average(matching, weights=read)), float(np.average(unrelated, weights=read))
    if not trust or near <= far:
        return BY_WORDS
    return _with_glosses(Rule(trust=trust, unrelated=far, matching=near), embedder)


def _with_glosses(rule: Rule, embedder: Embedder) -> Rule:
    """The rule with the scale of glosses: that of plain texts where none is glossed or it tells nothing."""
    matching, unrelated, read = _compared(embedder, lambda text: embedder.gloss_readability(text) or 0.0)
    near, far = rule.matching, rule.unrelated
    if read.any() and np.average(matching - unrelated, weights=read) > 0.0:
        near, far = float(np.average(matching, weights=read)), float(np.average(unrelated, weights=read))
    return structs.replace(rule, glossed_unrelated=far, glossed_matching=near)


def sample_passages(language: str) -> list[str]:
    """Passages in the language, to see what an embedder makes of it."""
    return [passage for _, passage in _pairs()[language]]


@cache
def _pairs() -> dict[str, list[tuple[str, str]]]:
    return msgspec.json.decode(_PAIRS.read_bytes(), type=dict[str, list[tuple[str, str]]])


def _compared(embedder: Embedder, read_for: Callable[[str], float]) -> Iterator[NDArray[np.float64]]:
    """Of all questions: cosines to the right passage, to the nearest other one, and how far each is read."""
    found: list[tuple[NDArray[np.float64], ...]] = []
    for pairs in _pairs().values():
        questions = embedder.embed([question for question, _ in pairs])
        passages = embedder.embed([passage for _, passage in pairs])
        cosines = (questions @ passages.T).astype(np.float64)
        right = np.diag(cosines).copy()
        np.fill_diagonal(cosines, -1.0)
        read = np.array([read_for(question) for question, _ in pairs])
        found.append((right, cosines.max(axis=1), read))
    return (np.concatenate(part) for part in zip(*found, strict=True))


def _share_below(
    others: NDArray[np.float64], weights: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each value the weighted share of `others` below it."""
    below = (others[None, :] < values[:, None]) @ weights
    return np.asarray(below / weights.sum())
