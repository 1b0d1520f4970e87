"""Figures of merit: rankings against judgements, answers against gold."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_CJK}]|[^\W\d_{_CJK}]+")
_THOUSANDS = re.compile(r"(?<=\d)[,'\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_HALF = 0.5


def ndcg_at(k: int, ranking: Sequence[str], judged: Mapping[str, int]) -> float:
    """The normalised discounted cumulative gain of the first `k`, gains as judged.

    Source: trec_eval, measure ndcg_cut.
    """
    gains = [max(0, judged.get(name, 0)) for name in ranking[:k]]
    ideal = sorted((gain for gain in judged.values() if gain > 0), reverse=True)[:k]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def recall_at(k: int, ranking: Sequence[str], judged: Mapping[str, int]) -> float:
    """The share of the relevant that is among the first `k`.

    Source: trec_eval, measure recall.
    """
    relevant = {name for name, gain in judged.items() if gain > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(k: int, hits: Sequence[bool]) -> float:
    """One over the place of the first hit among the first `k`, 0 without one.

    Source: trec_eval, measure recip_rank, cut off at `k`.
    """
    return next((1.0 / place for place, hit in enumerate(hits[:k], start=1) if hit), 0.0)


def overlaps(span: tuple[int, int], gold: tuple[int, int]) -> bool:
    """Whether two spans share at least half of the shorter; `[start, end)` in characters of one text."""
    shared = min(span[1], gold[1]) - max(span[0], gold[0])
    shorter = min(span[1] - span[0], gold[1] - gold[0])
    return shorter > 0 and shared >= _HALF * shorter


def tokens(text: str) -> list[str]:
    """Words, numbers and single Chinese, Japanese or Korean characters, as answers are compared.

    Case, full-width forms and thousands separators make no difference; accents do.
    """
    return _TOKEN.findall(_THOUSANDS.sub("", unicodedata.normalize("NFKC", text).casefold()))


def contains(text: str, wanted: str) -> bool:
    """Whether the tokens of `wanted` stand in `text` one after another: "3" is not in "13"."""
    needle, hay = tokens(wanted), tokens(text)
    return bool(needle) and any(
        hay[start : start + len(needle)] == needle for start in range(len(hay) - len(needle) + 1)
    )


def contains_any(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the accepted answers stands in the text."""
    return any(contains(text, answer) for answer in answers)


def mean(values: Sequence[float]) -> float:
    """The mean, rounded to four places; 0 of nothing."""
    return round(sum(values) / len(values), 4) if values else 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))
