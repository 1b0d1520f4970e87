"""Whether what was found speaks about the question: one rule, with each embedder's own scale of nearness."""

import math

from msgspec import Struct

from rag.evidence import Evidence

# Fitted on questions of indexed articles against those of others; README, "Abstention".
_BIAS = -11.25
_COVERAGE = 9.34
_INFORMATION = 0.77
_READ = 3.88
_NEARNESS = 5.61
_DISTINCTION = 6.77
_STEEPEST = 60.0


class Rule(Struct, frozen=True):
    """What an embedder's cosines are worth: `calibrate` finds it.

    `matching` is its usual cosine of a question to the passage that answers it, `unrelated` that to the
    nearest of some others; `trust`, 0 to 1, says how well it tells the two apart.
    """

    trust: float = 0.0
    unrelated: float = 0.0
    matching: float = 1.0


BY_WORDS = Rule()


def relevance_of(evidence: Evidence, rule: Rule) -> float:
    """From 0 to 1, how likely the passages speak about the question; at 0.5 and above they do.

    As far as the embedder is trusted its cosine counts, else how far the best passage stands out by words.
    """
    trust = rule.trust * evidence.readable
    nearness = (evidence.cosine - rule.unrelated) / max(rule.matching - rule.unrelated, 1e-6)
    odds = (
        _BIAS
        + _COVERAGE * evidence.coverage
        + _INFORMATION * evidence.information
        + trust * (_READ + _NEARNESS * nearness)
        + (1.0 - trust) * _DISTINCTION * evidence.distinction
    )
    return 1.0 / (1.0 + math.exp(-min(_STEEPEST, max(-_STEEPEST, odds))))
