"""An embedder's rule of abstention, from what it makes of a few questions whose passages are known."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
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
    matching, unrelated, read = (np.concatenate(part) for part in zip(*_compared(embedder), strict=True))
    if read.sum() < _LEAST_READ:
        return BY_WORDS
    told = float(np.average(_share_below(unrelated, read, matching), weights=read))
    trust = min(1.0, max(0.0, (told - _CHANCE) / (_SURE - _CHANCE)))
    near, far = float(np.average(matching, weights=read)), float(np.average(unrelated, weights=read))
    return Rule(trust=trust, unrelated=far, matching=near) if trust and near > far else BY_WORDS


@cache
def _pairs() -> dict[str, list[tuple[str, str]]]:
    return msgspec.json.decode(_PAIRS.read_bytes(), type=dict[str, list[tuple[str, str]]])


def _compared(embedder: Embedder) -> list[tuple[NDArray[Any], ...]]:
    """For each language: cosines to the right passage, to the nearest other one, and how far each is read."""
    found: list[tuple[NDArray[Any], ...]] = []
    for pairs in _pairs().values():
        questions = embedder.embed([question for question, _ in pairs])
        passages = embedder.embed([passage for _, passage in pairs])
        cosines = (questions @ passages.T).astype(np.float64)
        right = np.diag(cosines).copy()
        np.fill_diagonal(cosines, -1.0)
        read = np.array([trust_in_reading(embedder.readability(question)) for question, _ in pairs])
        found.append((right, cosines.max(axis=1), read))
    return found


def _share_below(
    others: NDArray[np.float64], weights: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each value the weighted share of `others` below it."""
    below = (others[None, :] < values[:, None]) @ weights
    return np.asarray(below / weights.sum())
